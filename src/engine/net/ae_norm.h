/*
 * ae_norm.h: batch normalisation of the inputs of a layer's activations.
 *
 *     u = (z - m) / sqrt(v + epsilon)      y = gamma u + beta
 *
 * where m and v are the mean and variance (1/n) of each unit over the rows that are passed at once:
 * a minibatch, or a slice of one.  For a single row v = 0 and u = 0: the output is beta, and the
 * row is not tracked.  beta is the layer's bias, which the caller adds.
 *
 * When rows are scored, m and v are running means of training, and normalisation is folded into
 * weights and bias: W gamma / sqrt(v + epsilon), beta - m gamma / sqrt(v + epsilon).
 *
 * Source: Ioffe, Szegedy 2015, "Batch normalization", algorithms 1 and 2.  Knows arrays; knows no
 * network.
 */
#ifndef AE_NORM_H
#define AE_NORM_H

#include "ae_status.h"

#define AE_NORM_EPSILON 1e-5
#define AE_NORM_MOMENTUM 0.1 /* share of the newest minibatch in running means */

/* Moments of the rows last passed; n_units each, owned by the caller. */
typedef struct AeNormMoments
{
	double *mean;
	double *variance; /* 1/n */
	double *inverse;  /* 1 / sqrt(variance + epsilon) */
} AeNormMoments;

/* A layer whose rows are normalised. */
typedef struct AeNorm
{
	size_t n_units;
	size_t n_rows;
	const AeReal *gamma; /* n_units */
	AeReal *unit;        /* n_rows x n_units, row-major: u, from the forward to the backward pass */
	AeNormMoments moments;
	double *sums; /* 2 n_units, scratch of the backward pass */
} AeNorm;

/* z: n_rows x n_units, row-major, becomes gamma u. */
void ae_norm_forward(AeReal *z, const AeNorm *norm);

/*
 * Turns d, the gradient with respect to y, into that with respect to z; d_gamma and d_beta (+)=
 * those with respect to gamma and beta.
 */
void ae_norm_backward(AeReal *d, AeReal *d_gamma, AeReal *d_beta, bool accumulate,
					  const AeNorm *norm);

/*
 * Updates running means of mean and variance, the latter of the population (n / (n - 1)): they
 * start with the first rows and then move by a tenth. Returns false for a single row, which has no
 * variance and is skipped.
 */
bool ae_norm_track(double *mean, double *variance, const AeNormMoments *moments, size_t n_units,
				   size_t n_rows, bool first);

/* Folds gamma and running means into w: n_in x n_units and bias: n_units. */
void ae_norm_fold(AeReal *w, AeReal *bias, const AeReal *gamma, const double *mean,
				  const double *variance, size_t n_in, size_t n_units);

#endif
