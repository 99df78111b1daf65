/*
 * ae_density.c: log densities of rows.
 */
#include "ae_density.h"

#include <math.h>
#include <string.h>

#include "ae_hash.h"
#include "ae_math.h"

#define LOG_PI 1.1447298858494001741
#define LOG_TWO 0.69314718055994530942

/* What could not be computed counts as impossible. */
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

/* ---- draws ---- */

/* The places of the posterior of row 0 and of a draw in the scratch. */
typedef struct Posterior
{
	AeVisit visit; /* of the first draw */
	size_t n_code;
	AeReal *mean;
	AeReal *spread; /* log variances */
	AeReal *noise;
	AeReal *z;
} Posterior;

size_t
ae_density_scratch(const AeModel *model)
{
	return 4 * (size_t) model->net.width[model->net.n_encoder];
}

static Posterior
encode(AeScorer *scorer, uint64_t seed, AeReal *scratch)
{
	size_t n = scorer->model->net.width[scorer->model->net.n_encoder];
	uint32_t n_cells = ae_layout_cells(&scorer->model->net.layout);

	memcpy(scratch, ae_scorer_encode(scorer, 1), n * sizeof(AeReal));
	memcpy(scratch + n, scorer->spread, n * sizeof(AeReal));
	/* rows with different cells have different draws */
	return (Posterior){{seed, ae_hash_cells(n_cells, scorer->cells, n_cells)},
					   n,
					   scratch,
					   scratch + n,
					   scratch + 2 * n,
					   scratch + 3 * n};
}

/* Draw number k. */
static void
draw(Posterior *q, const AeScorer *scorer, uint32_t k)
{
	memset(q->noise, 0, q->n_code * sizeof(AeReal));
	scorer->kernels->add_noise(q->noise, q->noise, q->n_code, 1, q->visit.seed,
							   q->visit.number + k * 0x9E3779B97F4A7C15u);
	for (size_t j = 0; j < q->n_code; j++)
		q->z[j] = (AeReal) ((double) q->mean[j] +
							ae_e(0.5 * (double) q->spread[j]) * (double) q->noise[j]);
}

void
ae_density_draw(AeReal *z, AeScorer *scorer, uint64_t seed, AeReal *scratch)
{
	Posterior q = encode(scorer, seed, scratch);

	draw(&q, scorer, 0);
	memcpy(z, q.z, q.n_code * sizeof(AeReal));
}

/* log p(x | z) of the draw. */
static double
draw_density(AeScorer *scorer, const Posterior *q)
{
	ae_check(scorer->network->check);
	return outputs_density(scorer, ae_scorer_decode(scorer, q->z, 1));
}

double
ae_density_elbo(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch)
{
	Posterior q = encode(scorer, seed, scratch);
	double divergence = 0.0, sum = 0.0;

	for (size_t j = 0; j < q.n_code; j++)
	{
		double mean = (double) q.mean[j], v = (double) q.spread[j];

		divergence += 0.5 * (mean * mean + ae_e(v) - v - 1.0);
	}
	for (uint32_t k = 0; k < n; k++)
	{
		draw(&q, scorer, k);
		sum += draw_density(scorer, &q);
	}
	return as_density(sum / n - divergence);
}

/* log p(z) - log q(z | x), z = mean + exp(s / 2) e: the constants are the same. */
static double
log_ratio(const Posterior *q)
{
	double sum = 0.0;

	for (size_t j = 0; j < q->n_code; j++)
		sum += (double) q->noise[j] * (double) q->noise[j] + (double) q->spread[j] -
			   (double) q->z[j] * (double) q->z[j];
	return 0.5 * sum;
}

/* sum is divided by exp(most), most being the largest term so far, so that nothing overflows. */
double
ae_density_marginal(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch)
{
	Posterior q = encode(scorer, seed, scratch);
	double most = -INFINITY, sum = 0.0;

	for (uint32_t k = 0; k < n; k++)
	{
		double term;

		draw(&q, scorer, k);
		term = as_density(draw_density(scorer, &q) + log_ratio(&q));
		if (term > most)
		{
			sum = 1.0 + (sum > 0.0 ? sum * ae_e(most - term) : 0.0);
			most = term;
		}
		else if (isfinite(term))
			sum += ae_e(term - most);
	}
	return sum > 0.0 ? as_density(most + ae_ln(sum / n)) : -INFINITY;
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

/* The same for any scaling. */
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
