/*
 * ae_penalty.c: value and gradient of the penalties that make codes sparse.
 */
#include "ae_penalty.h"

#include <math.h>

const char *const ae_penalty_name[AE_PENALTY_COUNT] = {
	[AE_PENALTY_NONE] = "none", [AE_PENALTY_L1] = "l1", [AE_PENALTY_STUDENT_T] = "student_t",
	[AE_PENALTY_LOG] = "log",   [AE_PENALTY_KL] = "kl", [AE_PENALTY_JUMPRELU] = "jumprelu",
};

/* A rate closer to 0 or 1 has the slope of this one. */
#define LEAST_RATE 1e-6

/* Means of the columns of h, within [LEAST_RATE, 1 - LEAST_RATE]. */
static void
find_rates(double *means, const AeReal *h, size_t n_rows, size_t n_units)
{
	for (size_t j = 0; j < n_units; j++)
		means[j] = 0.0;
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
			means[j] += (double) h[i * n_units + j];
	for (size_t j = 0; j < n_units; j++)
	{
		double rate = means[j] / (double) n_rows;

		/* NaN fails both comparisons and stays */
		rate = rate < LEAST_RATE ? LEAST_RATE : rate;
		means[j] = rate > 1.0 - LEAST_RATE ? 1.0 - LEAST_RATE : rate;
	}
}

static double
divergence(double target, double rate)
{
	return target * log(target / rate) + (1.0 - target) * log((1.0 - target) / (1.0 - rate));
}

double
ae_penalty_value(const AeReal *h, size_t n_rows, size_t n_units, const AePenaltyTerm *term,
				 double *means)
{
	size_t n = n_rows * n_units;
	double sum = 0.0;

	switch (term->kind)
	{
		case AE_PENALTY_L1:
			for (size_t i = 0; i < n; i++)
				sum += fabs((double) h[i]);
			break;
		case AE_PENALTY_STUDENT_T:
			for (size_t i = 0; i < n; i++)
				sum += log1p((double) h[i] * (double) h[i]);
			break;
		case AE_PENALTY_LOG:
			for (size_t i = 0; i < n; i++)
				sum += log1p(fabs((double) h[i]));
			break;
		case AE_PENALTY_KL:
			find_rates(means, h, n_rows, n_units);
			for (size_t j = 0; j < n_units; j++)
				sum += (double) n_rows * divergence(term->target, means[j]);
			break;
		case AE_PENALTY_JUMPRELU:
			for (size_t i = 0; i < n; i++)
				sum += h[i] > 0;
			break;
		default:
			break;
	}
	return term->weight * sum;
}

/*
 * The slope is the same for every row: each has a share of 1 / n_rows in the mean, and the value is
 * n_rows times the mean's.
 */
static void
kl_gradient(AeReal *d, const AeReal *h, size_t n_rows, size_t n_units, double target, AeReal factor,
			double *means)
{
	find_rates(means, h, n_rows, n_units);
	for (size_t j = 0; j < n_units; j++)
		means[j] = (1.0 - target) / (1.0 - means[j]) - target / means[j];
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
			d[i * n_units + j] += factor * (AeReal) means[j];
}

void
ae_penalty_gradient(AeReal *d, const AeReal *h, size_t n_rows, size_t n_units,
					const AePenaltyTerm *term, double scale, double *means)
{
	size_t n = n_rows * n_units;
	AeReal factor = (AeReal) (scale * term->weight);

	switch (term->kind)
	{
		case AE_PENALTY_L1:
			for (size_t i = 0; i < n; i++)
				d[i] += h[i] > 0 ? factor : h[i] < 0 ? -factor : 0;
			break;
		case AE_PENALTY_STUDENT_T:
			for (size_t i = 0; i < n; i++)
				d[i] += factor * (2 * h[i] / (1 + h[i] * h[i]));
			break;
		case AE_PENALTY_LOG:
			for (size_t i = 0; i < n; i++)
				d[i] += h[i] > 0 ? factor / (1 + h[i]) : h[i] < 0 ? -factor / (1 - h[i]) : 0;
			break;
		case AE_PENALTY_KL:
			kl_gradient(d, h, n_rows, n_units, term->target, factor, means);
			break;
		default:
			break;
	}
}
