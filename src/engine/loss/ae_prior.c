/*
 * ae_prior.c: value, gradient and proximal step of the priors of weights.
 */
#include "ae_prior.h"

#include <math.h>

const char *const ae_prior_name[AE_PRIOR_COUNT] = {
	[AE_PRIOR_GAUSSIAN] = "gaussian",
	[AE_PRIOR_LAPLACE] = "laplace",
};

double
ae_prior_value(const AeReal *w, size_t n, AeWeightPrior prior, double lambda)
{
	double sum = 0;

	if (prior == AE_PRIOR_LAPLACE)
	{
		for (size_t i = 0; i < n; i++)
			sum += fabs((double) w[i]);
		return lambda * sum;
	}
	for (size_t i = 0; i < n; i++)
		sum += (double) w[i] * (double) w[i];
	return 0.5 * lambda * sum;
}

double
ae_prior_gradient(AeReal *grads, const AeReal *w, size_t n, AeWeightPrior prior, double lambda,
				  const AeKernels *kernels)
{
	AeReal slope = (AeReal) lambda;

	if (prior == AE_PRIOR_LAPLACE)
	{
		for (size_t i = 0; i < n; i++)
			grads[i] += w[i] > 0 ? slope : w[i] < 0 ? -slope : 0;
		return ae_prior_value(w, n, prior, lambda);
	}
	kernels->axpy(grads, slope, w, n);
	return 0.5 * lambda * kernels->dot(w, w, n);
}

void
ae_prior_shrink(AeReal *w, size_t n, AeReal step)
{
	for (size_t i = 0; i < n; i++)
		w[i] = w[i] > step ? w[i] - step : w[i] < -step ? w[i] + step : w[i] != w[i] ? w[i] : 0;
}
