/*
 * ae_density.h: how likely rows are under a network: log densities, including all constants.
 *
 * For networks whose outputs have a distribution (ae_likelihood.h). All functions are about row 0
 * of a scorer and the member in use, in scaled units: densities of cells. Columns that never varied
 * in training take no part. They return -Infinity if the arithmetic overflowed.
 *
 * On the scoring path: the same bits everywhere.
 */
#ifndef AE_DENSITY_H
#define AE_DENSITY_H

#include "ae_score.h"

/* log p(x | h = f(x)), h the code of the row. */
double ae_density_given_code(AeScorer *scorer);

/*
 * log p(h) + log p(x | h), h = f(x): the joint density, which training with a penalty on the code
 * maximises.  With the weight w of the penalty, C columns and lambda = w C
 *
 *     l1         p(h_i) = lambda / 2 exp(-lambda |h_i|)
 *     student_t  p(h_i) = Gamma(lambda) / (sqrt(pi) Gamma(lambda - 1/2)) (1 + h_i^2)^-lambda
 *
 * so that it is -C times (loss + penalty), plus constants. NaN if the model has no such prior:
 * another penalty or none, one on all hidden layers, or student_t with lambda <= 1/2, whose
 * integral is infinite.
 *
 * Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, eq. 14.3 to 14.7; for student_t
 * Olshausen, Field, Nature 381, 1996.
 */
double ae_density_joint(AeScorer *scorer);

/* ---- of variational models, whose codes are drawn from q(z | x) ---- */

/* Length of the scratch that the functions below need. */
size_t ae_density_scratch(const AeModel *model);

/*
 * z[n_code]: a draw, the same for the same seed and cells of the row. So are the draws of the
 * functions below, one by one: a larger n begins with the same ones.
 */
void ae_density_draw(AeReal *z, AeScorer *scorer, uint64_t seed, AeReal *scratch);

/*
 * The evidence lower bound, the mean of log p(x | z) over n draws minus the divergence of q(z | x)
 * from the prior p(z) = Normal(0, 1).  Source: Kingma, Welling, ICLR 2014, eq. 7 and appendix B.
 */
double ae_density_elbo(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch);

/*
 * An estimate of log p(x) by n draws, log (1/n sum of p(x | z) p(z) / q(z | x)), which on average
 * is a lower bound that approaches it with n; with n = 1 it is one draw of the evidence lower
 * bound.  Source: Burda, Grosse, Salakhutdinov, ICLR 2016, eq. 8.
 */
double ae_density_marginal(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch);

/*
 * log |d cells / d values| of a row: added to a log density, it yields that of the values in the
 * user's units; missing cells do not count. Returns NaN if a column has no such density because it
 * enters as several cells, or as ranks of equal values; *column is then the first such column.
 */
double ae_density_units(uint32_t *column, const AeModel *model, const double *values,
						const bool *missing);

/* log Gamma(x) for x > 0. */
double ae_log_gamma(double x);

#endif
