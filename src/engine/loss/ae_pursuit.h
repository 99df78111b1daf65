/*
 * ae_pursuit.h: the sparse code of a row as the result of an optimisation.
 *
 *     E(h) = sum over outputs k of weight_k (target_k - sum over units j of h_j D_jk)^2
 *            + lambda sum_j |h_j| + closeness |h - near|^2
 *
 * D, the dictionary, is the linear decoder of an autoencoder: an atom for each unit of the code.
 * The first sum is the squared error of the row as in ae_loss_row (ae_pursuit_take). E is convex
 * and is minimised by FISTA, with a step found by backtracking and a restart when the momentum
 * points uphill.
 *
 * It stops by the duality gap: with A h the weighted outputs, X the weighted targets (closeness as
 * further rows of both) and u = X - A h, every s with |2 s A'u| <= lambda has
 *
 *     min E >= 2 s u'X - s^2 |u|^2
 *
 * On the scoring path: the same bits everywhere.
 *
 * Source: Beck, Teboulle, SIAM J. Imaging Sci. 2, 2009, section 4; the restart: O'Donoghue, Candes,
 * Found. Comput. Math. 15, 2015, section 3.2; the gap: Kim et al., IEEE J. Sel. Top. Signal Process. 1,
 * 2007, section III.
 */
#ifndef AE_PURSUIT_H
#define AE_PURSUIT_H

#include "ae_loss.h"

/* The gap at which it stops, as a share of E at the code 0. */
#ifdef AE_DOUBLE
#define AE_PURSUIT_GAP 1e-13
#else
#define AE_PURSUIT_GAP 1e-5
#endif

/* The most steps. */
#define AE_PURSUIT_STEPS 5000

typedef struct AePursuit
{
	const AeReal *atoms; /* n_code x n_out, row-major */
	const AeReal *bias;  /* n_out: the output of the code 0 */
	size_t n_code;
	size_t n_out;
	double lambda;
	double closeness;
	const AeKernels *kernels;
	AeCheck check;
	AeReal *target; /* n_out, less the bias */
	AeReal *weight; /* n_out */
	AeReal *scratch[7];
	/* of the last row: */
	uint32_t steps;
	double value; /* E */
	double gap;   /* E less a lower bound of it */
} AePursuit;

/* Places target, weight and scratch; n_code and n_out are set. */
void ae_pursuit_place(AePursuit *pursuit, AeArena *arena);

/*
 * Takes the cells of a row. The layout must have only squared errors. Missing cells, and levels
 * that training did not see, have weight 0.
 */
void ae_pursuit_take(AePursuit *pursuit, const AeReal *cells, const AeLayout *layout);

/*
 * code[n_code]: receives the minimum; its initial values are only a first guess. near[n_code], or
 * NULL if closeness is 0.
 */
void ae_pursuit_find(AePursuit *pursuit, AeReal *code, const AeReal *near);

#endif
