/*
 * ae_prior.h: weight decay as the logarithm of a prior of the weights.
 *
 * Training minimises L = mean loss of a row + Omega(W).  With n rows, exp(-n L) is proportional to
 * a likelihood exp(-n loss) times a prior exp(-n Omega), so the minimum is the most probable set of
 * weights (MAP; Goodfellow, Bengio, Courville, Deep Learning, 2016, sections 5.6.1 and 7.1.2):
 *
 *     gaussian   Omega = lambda / 2 sum w^2     normal of variance 1 / (n lambda)
 *     laplace    Omega = lambda sum |w|         Laplace's of scale 1 / (n lambda): makes zeros
 *
 * Knows arrays; knows no network.
 */
#ifndef AE_PRIOR_H
#define AE_PRIOR_H

#include "ae_kernel.h"
#include "ae_status.h"

/* The numbers are part of the byte format: append, never reorder. */
typedef enum AeWeightPrior
{
	AE_PRIOR_GAUSSIAN = 0,
	AE_PRIOR_LAPLACE = 1,
	AE_PRIOR_COUNT
} AeWeightPrior;

extern const char *const ae_prior_name[AE_PRIOR_COUNT];

/* Omega of n weights. */
double ae_prior_value(const AeReal *w, size_t n, AeWeightPrior prior, double lambda);

/*
 * grads += the gradient of Omega, n numbers: lambda w; or lambda sign(w), 0 at 0.  Returns Omega.
 */
double ae_prior_gradient(AeReal *grads, const AeReal *w, size_t n, AeWeightPrior prior,
						 double lambda, const AeKernels *kernels);

/*
 * w -= step sign(w), but not across 0: laplace decoupled from the gradient (the proximal step of
 * step |w|; Tibshirani 1996; Beck, Teboulle 2009, eq. 1.5).
 */
void ae_prior_shrink(AeReal *w, size_t n, AeReal step);

#endif
