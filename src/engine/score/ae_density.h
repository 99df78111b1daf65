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

/* ---- of variational models, whose codes are drawn from q(z | x) ---- */

/* Numbers of scratch that the functions below need. */
size_t ae_density_scratch(const AeModel *model);

/*
 * z[n_code]: a draw, the same for the same seed and cells of the row.  So are those of the functions
 * below, number by number: more of them begin with the same ones.
 */
void ae_density_draw(AeReal *z, AeScorer *scorer, uint64_t seed, AeReal *scratch);

/*
 * The evidence lower bound, the mean of log p(x | z) over n draws minus the divergence of q(z | x)
 * from the prior p(z) = Normal(0, 1).  Source: Kingma, Welling, ICLR 2014, eq. 7 and appendix B.
 */
double ae_density_elbo(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch);

/*
 * An estimate of log p(x) by n draws, log (1/n sum of p(x | z) p(z) / q(z | x)), which on the average is
 * a bound that rises to it with n; with n = 1 it is one draw of the evidence lower bound.  Source:
 * Burda, Grosse, Salakhutdinov, ICLR 2016, eq. 8.
 */
double ae_density_marginal(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch);

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
