/*
 * ae_extreme.h: a term of the score for small tables: how far a row's most extreme number is from
 * those of the other rows.
 *
 * A network learns each of a few rows by heart, the extreme one first, as nothing else pulls so
 * hard at its weights. What it cannot learn away is how a column looks without its farthest value:
 * with c and s the mean and deviation of a cell's training values without the one that lies
 * farthest from their mean,
 *
 *     z = |x - c| / s        term = weight * max(0, max over the cells of z - 4)^2
 *     weight = 2 - n / 25, within 0 .. 1, of n rows
 *
 * For the farthest value itself, z is its distance from the others. z depends only on the model and
 * the row, whether or not training saw the row, so p-values stay valid.
 *
 * Numbers and times are judged, but not parts of a time, booleans or categories. s is at least 1 %
 * of the mean, if the scaling is linear, and at least 1 % of the distance of the value left out.
 *
 * On the scoring path: the same bits everywhere, no libm but sqrt.
 */
#ifndef AE_EXTREME_H
#define AE_EXTREME_H

#include "ae_scaler.h"
#include "ae_status.h"

typedef struct AeExtremes
{
	double weight;  /* 0 .. 1; 0: the arrays do not exist */
	AeReal *centre; /* n_dense: c, in scaled units */
	AeReal *spread; /* n_dense: s; 0: the cell is not judged */
} AeExtremes;

/* The weight for so many rows, over all folds. */
double ae_extremes_weight(uint64_t n_rows);

/*
 * Fills centre and spread from cells: n_dense moments of the scaled training rows. The schema must
 * be fitted and laid out.
 */
void ae_extremes_fit(AeExtremes *extremes, const AeSchema *schema, const AeMoments *cells);

/*
 * The term of a row: cells. 0 without a weight. If the term is not 0, column, unless NULL, receives
 * the index (in schema->columns) of the value that causes it.
 */
double ae_extremes_term(uint32_t *column, const AeExtremes *extremes, const AeSchema *schema,
						const AeReal *cells);

#endif
