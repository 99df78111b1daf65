/*
 * ae_norm.c: batch normalisation, forward, backward, and folded into weights.
 */
#include "ae_norm.h"

#include <math.h>
#include <string.h>

static double
inverse_sd(double variance)
{
	return 1.0 / sqrt(variance + AE_NORM_EPSILON);
}

/* mean and variance of the columns of z; in two passes, so that no digits cancel. */
static void
find_moments(double *mean, double *variance, const AeReal *z, size_t n_rows, size_t n_units)
{
	memset(mean, 0, n_units * sizeof(double));
	memset(variance, 0, n_units * sizeof(double));
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
			mean[j] += (double) z[i * n_units + j];
	for (size_t j = 0; j < n_units; j++)
		mean[j] /= (double) n_rows;
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
		{
			double distance = (double) z[i * n_units + j] - mean[j];

			variance[j] += distance * distance;
		}
	for (size_t j = 0; j < n_units; j++)
		variance[j] /= (double) n_rows;
}

void
ae_norm_forward(AeReal *z, const AeNorm *norm)
{
	const AeNormMoments *moments = &norm->moments;
	const double *mean = moments->mean, *inverse = moments->inverse;
	const AeReal *gamma = norm->gamma;
	size_t n_rows = norm->n_rows, n_units = norm->n_units;
	AeReal *unit = norm->unit;

	find_moments(moments->mean, moments->variance, z, n_rows, n_units);
	for (size_t j = 0; j < n_units; j++)
		moments->inverse[j] = inverse_sd(moments->variance[j]);
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
		{
			size_t k = i * n_units + j;

			unit[k] = (AeReal) (((double) z[k] - mean[j]) * inverse[j]);
			z[k] = gamma[j] * unit[k];
		}
}

/* dL/dz = gamma / sd (D - mean of D - u mean of D u), means over the rows. */
void
ae_norm_backward(AeReal *d, AeReal *d_gamma, AeReal *d_beta, bool accumulate, const AeNorm *norm)
{
	const double *inverse = norm->moments.inverse;
	const AeReal *gamma = norm->gamma, *unit = norm->unit;
	size_t n_rows = norm->n_rows, n_units = norm->n_units;
	double *by_beta = norm->sums, *by_gamma = by_beta + n_units;
	double n = (double) n_rows;

	memset(norm->sums, 0, 2 * n_units * sizeof(double));
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
		{
			size_t k = i * n_units + j;

			by_beta[j] += (double) d[k];
			by_gamma[j] += (double) d[k] * (double) unit[k];
		}
	for (size_t j = 0; j < n_units; j++)
	{
		d_beta[j] = (accumulate ? d_beta[j] : 0) + (AeReal) by_beta[j];
		d_gamma[j] = (accumulate ? d_gamma[j] : 0) + (AeReal) by_gamma[j];
	}
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
		{
			size_t k = i * n_units + j;

			d[k] = (AeReal) ((double) gamma[j] * inverse[j] *
							 ((double) d[k] - by_beta[j] / n - (double) unit[k] * by_gamma[j] / n));
		}
}

bool
ae_norm_track(double *mean, double *variance, const AeNormMoments *moments, size_t n_units,
			  size_t n_rows, bool first)
{
	double share = first ? 1.0 : AE_NORM_MOMENTUM;
	double population;

	if (n_rows < 2)
		return false;
	population = (double) n_rows / ((double) n_rows - 1.0);
	for (size_t j = 0; j < n_units; j++)
	{
		mean[j] += share * (moments->mean[j] - mean[j]);
		variance[j] += share * (population * moments->variance[j] - variance[j]);
	}
	return true;
}

void
ae_norm_fold(AeReal *w, AeReal *bias, const AeReal *gamma, const double *mean,
			 const double *variance, size_t n_in, size_t n_units)
{
	for (size_t j = 0; j < n_units; j++)
	{
		double factor = (double) gamma[j] * inverse_sd(variance[j]);

		bias[j] = (AeReal) ((double) bias[j] - mean[j] * factor);
		for (size_t i = 0; i < n_in; i++)
			w[i * n_units + j] = (AeReal) ((double) w[i * n_units + j] * factor);
	}
}
