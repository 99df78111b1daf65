/*
 * ae_calibrate.c: computes costs, norms and raw scores from the rows that calibrate.
 */
#include "ae_calibrate.h"

#include <float.h>
#include <math.h>

/* Smaller errors and distances count as this in the mean of their logarithms. */
#define LEAST_TERM 1e-12

/* A row with an unseen value that no row had exceeds the largest score by this factor. */
#define ABOVE (1.0 + 1e-6)

/* A code unit whose values differ by less than this over all rows is dead. */
#define DEAD_RANGE 1e-6f

/* ---- what unseen values cost ---- */

void
ae_unseen_begin(AeSchema *schema)
{
	for (uint32_t c = 0, end; c < schema->n_columns; c = end)
	{
		bool known = false;

		end = ae_schema_source_end(schema, c);
		for (uint32_t e = c; e < end; e++)
		{
			schema->columns[e].unseen = 0.0;
			known |= ae_column_is_known(&schema->columns[e]);
		}
		schema->columns[c].unseen = known;
	}
}

void
ae_unseen_count(uint64_t *rows, const AeSchema *schema, const double *values, const bool *missing,
				double *parts)
{
	if (!(ae_scaler_unseen(parts, schema, values, missing) > 0.0))
		return;
	/* the elements of an array are values of one column */
	for (uint32_t c = 0; c < schema->n_columns; c++)
		rows[c] += schema->is_array || parts[c] > 0.0;
}

void
ae_unseen_price(AeSchema *schema, uint64_t n_rows, const uint64_t *rows)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
		schema->columns[c].unseen *= (double) n_rows / (double) (rows[c] + 1);
}

void
ae_unseen_raise(AeModel *members, uint32_t n_members, double largest)
{
	AeSchema *schema = &members[0].schema;
	double n_rows = (double) members[0].n_rows, norm = 0.0, least;

	for (uint32_t m = 0; m < n_members; m++)
		if (members[m].error_norm > norm)
			norm = members[m].error_norm;
	/* the error is divided by the number of columns, and by the norm */
	least = largest * ABOVE * norm * schema->n_sources;
	for (uint32_t c = 0; c < schema->n_columns && isfinite(least); c++)
		if (schema->columns[c].unseen == n_rows && least > n_rows)
			schema->columns[c].unseen = least;
}

/* ---- norms and raw scores ---- */

/* exp of the mean logarithm of n finite terms whose sum that is */
static double
geometric_mean(double sum, size_t n)
{
	return n > 0 ? exp(sum / (double) n) : 1.0;
}

void
ae_calibrate_norms(AeModel *model, const AeTerms *terms, size_t n, bool normed)
{
	double errors = 0.0, distances = 0.0;
	size_t n_errors = 0, n_distances = 0;

	for (size_t i = 0; i < n; i++)
	{
		double error = terms[i].error, distance = terms[i].distance;

		if (normed && isfinite(error))
		{
			errors += log(error > LEAST_TERM ? error : LEAST_TERM);
			n_errors++;
		}
		if (model->prototypes.n > 0 && isfinite(distance))
		{
			distances += log(distance > LEAST_TERM ? distance : LEAST_TERM);
			n_distances++;
		}
	}
	model->error_norm = geometric_mean(errors, n_errors);
	model->distance_norm = 1.0;
	if (model->prototypes.n > 0)
		model->distance_norm = AE_DISTANCE_SHARE * geometric_mean(distances, n_distances);
}

void
ae_calibrate_add(double *raw, const AeModel *model, const AeTerms *terms, size_t n,
				 uint32_t n_members)
{
	for (size_t i = 0; i < n; i++)
		raw[i] += ae_raw_score(model, &terms[i]) / n_members;
}

double
ae_calibrate_largest(const double *scores, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isfinite(scores[i]))
			return scores[i];
	return 0.0;
}

/* ---- codes ---- */

void
ae_code_tally_init(AeCodeTally *tally, size_t n_code, AeReal *scratch)
{
	*tally = (AeCodeTally){.low = scratch, .high = scratch + n_code, .n_code = n_code};
	for (size_t j = 0; j < n_code; j++)
	{
		tally->low[j] = INFINITY;
		tally->high[j] = -INFINITY;
	}
}

void
ae_code_tally_add(AeCodeTally *tally, const AeReal *codes, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < tally->n_code; j++)
		{
			AeReal code = codes[i * tally->n_code + j];

			tally->low[j] = tally->low[j] < code ? tally->low[j] : code;
			tally->high[j] = tally->high[j] > code ? tally->high[j] : code;
			tally->sum += (double) code;
			tally->n_zero += code == 0;
		}
	tally->n_rows += n_rows;
}

void
ae_code_tally_spread(AeCodeTally *tally, const AeReal *codes, const AeReal *spread, size_t n_rows)
{
	for (size_t i = 0; i < n_rows * tally->n_code; i++)
	{
		double mean = (double) codes[i], v = (double) spread[i];

		tally->divergence[i % tally->n_code] += 0.5 * (mean * mean + exp(v) - v - 1.0);
	}
}

/* The mean over rows, limited to what can be stored. */
static void
keep_divergence(AeModel *model, const AeCodeTally *tally)
{
	double n = tally->n_rows > 0 ? (double) tally->n_rows : 1.0, sum = 0.0;

	model->n_collapsed = 0;
	for (size_t j = 0; j < tally->n_code; j++)
	{
		model->n_collapsed += tally->divergence[j] / n < AE_COLLAPSED;
		sum += tally->divergence[j] / n;
	}
	model->divergence = !isfinite(sum) ? DBL_MAX : sum > 0.0 ? sum : 0.0;
}

void
ae_code_tally_keep(AeModel *model, const AeCodeTally *tally)
{
	double n = (double) tally->n_rows * (double) tally->n_code;

	model->n_dead = 0;
	for (size_t j = 0; j < tally->n_code; j++)
		model->n_dead += tally->n_rows > 0 && tally->high[j] - tally->low[j] <= DEAD_RANGE;
	model->code_zeros = n > 0.0 ? tally->n_zero / n : 0.0;
	model->code_mean = n > 0.0 && isfinite(tally->sum) ? tally->sum / n : 0.0;
	if (tally->divergence)
		keep_divergence(model, tally);
}
