/*
 * ae_penalty.h: penalties on the outputs of a layer that make them sparse.
 *
 * Omega(h) = weight * sum over the units i of phi(h_i), added to the loss of a row
 * (Goodfellow, Bengio, Courville, Deep Learning, 2016, section 14.2.1):
 *
 *     l1         phi = |h|              Laplace's prior; rectifiers make true zeros
 *     student_t  phi = log(1 + h^2)     Olshausen, Field, Nature 381, 1996
 *     log        phi = log(1 + |h|)     Candes, Wakin, Boyd 2008: between l1 and a count
 *     kl         phi = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r)), r the mean of h over
 *                the rows, rho the target rate: Ng, Sparse autoencoder (CS294A), 2011.
 *                h in (0, 1): sigmoid units.
 *     jumprelu   phi = 1 where h > 0, else 0: how many units are on (Rajamanoharan et al. 2024).
 *                It has no gradient with respect to h; ae_gate_gradient computes
 *                one with respect to the thresholds.
 *
 * The mean of kl is taken over the rows that are passed at once: a minibatch, or a slice of one.
 * Knows arrays; knows no network.
 */
#ifndef AE_PENALTY_H
#define AE_PENALTY_H

#include "ae_status.h"

/* The numbers are part of the byte format: append, never reorder. */
typedef enum AePenalty
{
	AE_PENALTY_NONE = 0,
	AE_PENALTY_L1 = 1,
	AE_PENALTY_STUDENT_T = 2,
	AE_PENALTY_LOG = 3,
	AE_PENALTY_KL = 4,
	AE_PENALTY_JUMPRELU = 5,
	AE_PENALTY_COUNT
} AePenalty;

extern const char *const ae_penalty_name[AE_PENALTY_COUNT];

typedef struct AePenaltyTerm
{
	AePenalty kind;
	double weight; /* >= 0 */
	double target; /* kl: rho, in (0, 1) */
} AePenaltyTerm;

/*
 * Sum over rows of Omega.  h: n_rows x n_units, row-major; means: n_units, scratch of kl, else
 * NULL.
 */
double ae_penalty_value(const AeReal *h, size_t n_rows, size_t n_units, const AePenaltyTerm *term,
						double *means);

/* d += scale * the gradient of ae_penalty_value with respect to h; d: n_rows x n_units. */
void ae_penalty_gradient(AeReal *d, const AeReal *h, size_t n_rows, size_t n_units,
						 const AePenaltyTerm *term, double scale, double *means);

#endif
