/*
 * reference.c: see reference.h.
 */
#define _GNU_SOURCE

#include "reference.h"

#include <math.h>

/* Klambauer et al. 2017, eq. 14 */
#define LAMBDA 1.0507009873554805
#define ALPHA 1.6732632423543773

double
reference_sigmoid(double z)
{
	return z < 0 ? exp(z) / (1 + exp(z)) : 1 / (1 + exp(-z));
}

double
reference_softplus(double z)
{
	return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

double
reference_cdf(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

static double
normal_density(double z)
{
	return exp(-0.5 * z * z) / sqrt(2 * M_PI);
}

double
reference_gelu(double z)
{
	return z * reference_cdf(z);
}

double
reference_gelu_slope(double z)
{
	return reference_cdf(z) + z * normal_density(z);
}

double
reference_silu(double z)
{
	return z * reference_sigmoid(z);
}

double
reference_silu_slope(double z)
{
	return reference_sigmoid(z) * (1 + z * reference_sigmoid(-z));
}

double
reference_elu(double z)
{
	return z < 0 ? expm1(z) : z;
}

double
reference_selu(double z)
{
	return LAMBDA * (z < 0 ? ALPHA * expm1(z) : z);
}

/* Sets the derivatives and returns the value. */
static double
all_three(double *slope, double *curve, double value, double first, double second)
{
	if (slope)
		*slope = first;
	if (curve)
		*curve = second;
	return value;
}

double
reference_activation(AeActivation act, double z, double *slope, double *curve)
{
	double s = reference_sigmoid(z), off = reference_sigmoid(-z), t = tanh(z);

	switch (act)
	{
		case AE_SIGMOID:
			return all_three(slope, curve, s, s * off, s * off * (off - s));
		case AE_TANH:
			return all_three(slope, curve, t, 1 - t * t, -2 * t * (1 - t * t));
		case AE_RELU:
			return all_three(slope, curve, z > 0 ? z : 0, z > 0, 0);
		case AE_GELU:
			return all_three(slope, curve, reference_gelu(z), reference_gelu_slope(z),
							 normal_density(z) * (2 - z * z));
		case AE_SILU:
			return all_three(slope, curve, reference_silu(z), reference_silu_slope(z),
							 s * off * (2 - z * tanh(z / 2)));
		case AE_LEAKY_RELU:
			return all_three(slope, curve, z > 0 ? z : 0.01 * z, z > 0 ? 1 : 0.01, 0);
		case AE_ELU:
			return all_three(slope, curve, reference_elu(z), z < 0 ? exp(z) : 1,
							 z < 0 ? exp(z) : 0);
		case AE_SELU:
			return all_three(slope, curve, reference_selu(z), LAMBDA * (z < 0 ? ALPHA * exp(z) : 1),
							 0);
		case AE_SOFTPLUS:
			return all_three(slope, curve, reference_softplus(z), s, s * off);
		default:
			return all_three(slope, curve, z, 1, 0);
	}
}

double
reference_variance(AeActivation act, double n_in, double n_out)
{
	switch (act)
	{
		case AE_IDENTITY:
		case AE_SIGMOID:
		case AE_TANH:
			return 2 / (n_in + n_out);
		case AE_SELU:
			return 1 / n_in;
		default:
			return 2 / n_in;
	}
}

double
reference_loss(AeLoss loss, double r, double x)
{
	double e = fabs(r - x), c = fmin(fmax(x, 0), 1);

	switch (loss)
	{
		case AE_LOSS_MAE:
			return e;
		case AE_LOSS_HUBER:
			return e < 1 ? 0.5 * e * e : e - 0.5;
		case AE_LOSS_BCE:
			return reference_softplus(r) - c * r + (x - c) * (x - c);
		default:
			return e * e;
	}
}
