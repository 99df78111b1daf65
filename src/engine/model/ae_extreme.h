/*
 * ae_extreme.h: the part of the score of a small table: how far a row's wildest number lies from
 * those of the other rows.
 *
 * Of few rows a network learns each one by heart, the wild one first of all, as nothing pulls so
 * hard at its weights.  What it cannot learn away is how a column looks without its farthest
 * value: with c and s the mean and deviation of a cell's training values without the one that
 * lies farthest from their mean,
 *
 *     z = |x - c| / s        term = weight * max(0, max over the cells of z - 4)^2
 *     weight = 2 - n / 25, within 0 .. 1, of n rows
 *
 * Of the farthest value itself z is what its leaving out gives; it is a function of the model and
 * the row alone, whether or not training saw the row, so that p-values stay what they are.
 *
 * Judged are numbers and times; not parts of a time, booleans or categories.  s is at least 1 % of
 * the mean where a scaling keeps to a straight line, and 1 % of the distance of the value left out.
 *
 * On the scoring path: the same bits everywhere, no libm but sqrt.
 */
#ifndef AE_EXTREME_H
#define AE_EXTREME_H

#include "ae_scaler.h"
#include "ae_status.h"

typedef struct AeExtremes
{
	double weight;  /* 0 .. 1; 0: the arrays are not there */
	AeReal *centre; /* n_dense: c, in scaled units */
	AeReal *spread; /* n_dense: s; 0: the cell is not judged */
} AeExtremes;

/* The weight for so many rows, those of all folds together. */
double ae_extremes_weight(uint64_t n_rows);

/*
 * Fills centre and spread from cells: n_dense moments of the scaled training rows.  The schema is
 * laid out and fitted.
 */
void ae_extremes_fit(AeExtremes *extremes, const AeSchema *schema, const AeMoments *cells);

/*
 * The term of a row: cells.  0 without a weight.  column, if not NULL, receives the value (of
 * schema->columns) that makes it, where it is not 0.
 */
double ae_extremes_term(uint32_t *column, const AeExtremes *extremes, const AeSchema *schema,
						const AeReal *cells);

#endif
