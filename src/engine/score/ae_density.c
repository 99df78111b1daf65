/*
 * ae_density.c: log densities of rows.
 */
#include "ae_density.h"

#include <math.h>

#include "ae_math.h"

#define LOG_PI 1.1447298858494001741
#define LOG_TWO 0.69314718055994530942

/* What could not be computed is as unlikely as can be. */
static double
as_density(double log_p)
{
	return isfinite(log_p) ? log_p : -INFINITY;
}

/* log p(x | outputs) of row 0. */
static double
outputs_density(AeScorer *scorer, const AeReal *outputs)
{
	return as_density(-ae_likelihood_cost(NULL, NULL, outputs, scorer->cells, 0,
										  &scorer->network->likelihood, scorer->kernels,
										  scorer->measure.scratch));
}

double
ae_density_given_code(AeScorer *scorer)
{
	return outputs_density(scorer, ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1));
}

/* ---- priors of codes ---- */

/*
 * Stirling's series beyond 8, where its error is below 1e-14; Gamma(x + 1) = x Gamma(x) up to there.
 */
double
ae_log_gamma(double x)
{
	double product = 1.0, z, series;

	for (; x < 8.0; x += 1.0)
		product *= x;
	z = 1.0 / (x * x);
	series =
		1.0 / 12 - z * (1.0 / 360 -
						z * (1.0 / 1260 -
							 z * (1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360 - z / 156)))));
	return (x - 0.5) * ae_ln(x) - x + 0.5 * (LOG_TWO + LOG_PI) + series / x - ae_ln(product);
}

/* log p(h) of n units. */
static double
log_prior(const AeReal *h, size_t n, AePenalty kind, double lambda)
{
	double sum = 0.0;

	if (kind == AE_PENALTY_L1)
	{
		for (size_t i = 0; i < n; i++)
			sum -= lambda * fabs((double) h[i]);
		return sum + (double) n * (ae_ln(lambda) - LOG_TWO);
	}
	if (kind != AE_PENALTY_STUDENT_T || !(lambda > 0.5))
		return NAN;
	for (size_t i = 0; i < n; i++)
		sum -= lambda * ae_ln(1.0 + (double) h[i] * (double) h[i]);
	return sum + (double) n * (ae_log_gamma(lambda) - ae_log_gamma(lambda - 0.5) - 0.5 * LOG_PI);
}

double
ae_density_joint(AeScorer *scorer)
{
	const AeModel *model = scorer->model;
	const AeTrainOptions *options = &model->options;
	const AeReal *codes = ae_scorer_encode(scorer, 1);
	double prior;

	if (options->sparse_hidden || !(options->sparse_weight > 0.0))
		return NAN;
	prior = log_prior(codes, model->net.width[model->net.n_encoder], options->sparse,
					  options->sparse_weight * model->net.layout.n_columns);
	if (prior != prior)
		return NAN;
	return as_density(prior + outputs_density(scorer, ae_scorer_decode(scorer, codes, 1)));
}

/* ---- the user's units ---- */

/* log |d cell / d value| among the knots of a column; NaN where equal values share a rank. */
static double
slope_among_knots(const AeColumn *column, double value)
{
	const double *knots = column->knots;
	int k = 1;

	if (value < knots[0] || value > knots[AE_KNOTS - 1])
		return -ae_ln(column->scale);
	while (k < AE_KNOTS - 1 && knots[k] < value)
		k++;
	if (k < AE_KNOTS - 1 && knots[k] == value && knots[k + 1] == value)
		return NAN;
	return knots[k] > knots[k - 1] ? ae_ln(AE_KNOT_STEP / (knots[k] - knots[k - 1])) : NAN;
}

/* The same of any scaling. */
static double
slope(const AeColumn *column, double value)
{
	if (column->scaling == AE_SCALING_QUANTILE)
		return slope_among_knots(column, value);
	if (column->scaling == AE_SCALING_LOG)
		return -ae_ln(column->scale) - ae_ln(1.0 + fabs(value));
	return -ae_ln(column->scale);
}

double
ae_density_units(uint32_t *column, const AeModel *model, const double *values, const bool *missing)
{
	const AeSchema *schema = &model->schema;
	double sum = 0.0;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *one = &schema->columns[c];
		double part;

		if (one->cell < 0 || missing[c] || !ae_kind_is_scaled(one->kind))
			continue;
		part = ae_column_cells(one) > 1 ? NAN : slope(one, values[c]);
		if (part != part)
		{
			*column = c;
			return NAN;
		}
		sum += part;
	}
	return sum;
}
