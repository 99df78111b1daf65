/*
 * ae_density.h: how likely a network makes rows: log densities, all constants included.
 *
 * Networks whose outputs have a distribution (ae_likelihood.h).  Everything is of row 0 of a scorer
 * and the member in use, in scaled units: densities of cells.  Columns that never varied in
 * training take no part.  -Infinity where the arithmetic overflowed.
 *
 * On the scoring path: the same bits everywhere.
 */
#ifndef AE_DENSITY_H
#define AE_DENSITY_H

#include "ae_score.h"

/* log p(x | h = f(x)), h the code of the row. */
double ae_density_given_code(AeScorer *scorer);

/*
 * log p(h) + log p(x | h), h = f(x): the joint density whose maximisation is what training with a
 * penalty of the code does.  With the weight w of the penalty, C columns and lambda = w C
 *
 *     l1         p(h_i) = lambda / 2 exp(-lambda |h_i|)
 *     student_t  p(h_i) = Gamma(lambda) / (sqrt(pi) Gamma(lambda - 1/2)) (1 + h_i^2)^-lambda
 *
 * so that it is -C times (loss + penalty), and constants.  NaN where the model has no such prior:
 * another penalty or none, one of all hidden layers, or lambda <= 1/2 of student_t, whose integral
 * is infinite.
 *
 * Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, eq. 14.3 to 14.7; for student_t
 * Olshausen, Field, Nature 381, 1996.
 */
double ae_density_joint(AeScorer *scorer);

/*
 * log |d cells / d values| of a row: what is added to a log density for that of the values in the
 * user's units; missing cells count nothing.  *column: the first one that has no such density, as it
 * enters by more than one cell, or by ranks of values that are equal; then NaN is returned.
 */
double ae_density_units(uint32_t *column, const AeModel *model, const double *values,
						const bool *missing);

/* log Gamma(x) for x > 0. */
double ae_log_gamma(double x);

#endif
