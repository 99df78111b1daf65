/*
 * reference.h: activations and losses of numbers in double, by libm: what the kernels must compute.
 * A new one has its case in reference.c, and the tests of kernels, scores and initial weights use it.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "ae_loss.h"

double reference_sigmoid(double z);
double reference_softplus(double z);
double reference_cdf(double z); /* of the normal distribution */
double reference_gelu(double z);
double reference_gelu_slope(double z);
double reference_silu(double z);
double reference_silu_slope(double z);
double reference_elu(double z);
double reference_selu(double z);

/* act(z); *slope = act'(z); *curve = act''(z), 0 where that does not exist.  Either may be NULL. */
double reference_activation(AeActivation act, double z, double *slope, double *curve);

/* The variance of initial weights of a layer. */
double reference_variance(AeActivation act, double n_in, double n_out);

/* The loss of one output, r, that is not a category, against its cell x. */
double reference_loss(AeLoss loss, double r, double x);

#endif
