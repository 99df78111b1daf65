/*
 * ae_activation.h: the activations by name.  Their arithmetic is in the kernels.
 */
#ifndef AE_ACTIVATION_H
#define AE_ACTIVATION_H

#include "ae_status.h"

/* The numbers are part of the byte format: append, never reorder. */
typedef enum AeActivation
{
	AE_IDENTITY = 0, /* z */
	AE_SIGMOID = 1,  /* 1 / (1 + exp(-z)) */
	AE_TANH = 2,     /* tanh(z) */
	AE_RELU = 3,     /* max(z, 0); slope 0 at 0 */
	AE_GELU = 4,     /* z Phi(z), Phi the normal distribution function (Hendrycks, Gimpel 2016) */
	AE_SILU = 5,     /* z sigmoid(z) (Elfwing et al. 2018) */
	AE_ACTIVATION_COUNT
} AeActivation;

typedef struct AeActivationInfo
{
	const char *name;
	bool needs_slope; /* the slope cannot be had from the output: forward keeps it */
	bool he;          /* He (fan-in) instead of Glorot (fan average) initialisation */
} AeActivationInfo;

extern const AeActivationInfo ae_activation_info[AE_ACTIVATION_COUNT];

#endif
