/*
 * ae_extreme.c: the most extreme number of a row of a small table.
 */
#include "ae_extreme.h"

#include <math.h>

#define FULL_WEIGHT_ROWS 25 /* full weight up to so many rows, none from twice as many on */
#define ORDINARY_Z 4.0      /* up to this a row's most extreme number costs nothing */
#define LEAST_SPREAD 0.01   /* of the mean, and of the distance of the value left out */

double
ae_extremes_weight(uint64_t n_rows)
{
	double weight = 2.0 - (double) n_rows / FULL_WEIGHT_ROWS;

	return weight < 0.0 ? 0.0 : weight > 1.0 ? 1.0 : weight;
}

static bool
is_judged(const AeColumn *column)
{
	return column->cell >= 0 && (column->kind == AE_KIND_NUMBER || column->kind == AE_KIND_TIME);
}

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* 1 % of a mean, in scaled units; 0 if scaled units are not a multiple of the user's. */
static double
least_spread(const AeColumn *column, double centre)
{
	if (column->kind == AE_KIND_TIME || column->scaling == AE_SCALING_LOG ||
		column->scaling == AE_SCALING_QUANTILE)
		return 0.0;
	return LEAST_SPREAD * fabs(centre + column->shift / column->scale);
}

void
ae_extremes_fit(AeExtremes *extremes, const AeSchema *schema, const AeMoments *cells)
{
	for (uint32_t j = 0; j < schema->n_dense; j++)
		extremes->centre[j] = extremes->spread[j] = 0;
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		const AeMoments *m = is_judged(column) ? &cells[column->cell] : NULL;
		double distance, centre, spread;

		if (m == NULL || m->n < 3.0)
			continue;
		distance = m->max - m->mean > m->mean - m->min ? m->max - m->mean : m->min - m->mean;
		centre = m->mean - distance / (m->n - 1.0);
		spread = (m->m2 - distance * distance * m->n / (m->n - 1.0)) / (m->n - 1.0);
		spread = spread > 0.0 ? sqrt(spread) : 0.0;
		spread = larger(spread, LEAST_SPREAD * fabs(distance));
		spread = larger(spread, least_spread(column, centre));
		extremes->centre[column->cell] = (AeReal) (float) centre;
		extremes->spread[column->cell] = (AeReal) (float) spread;
	}
}

double
ae_extremes_term(uint32_t *column, const AeExtremes *extremes, const AeSchema *schema,
				 const AeReal *cells)
{
	double wildest = ORDINARY_Z;

	for (uint32_t c = 0; extremes->weight > 0.0 && c < schema->n_columns; c++)
	{
		int32_t cell = schema->columns[c].cell;
		double z;

		if (!is_judged(&schema->columns[c]) || !(extremes->spread[cell] > 0))
			continue;
		z = fabs((double) cells[cell] - (double) extremes->centre[cell]) /
			(double) extremes->spread[cell];
		if (!(z > wildest)) /* also false for a missing cell */
			continue;
		wildest = z;
		if (column)
			*column = c;
	}
	wildest -= ORDINARY_Z;
	return extremes->weight * wildest * wildest;
}
