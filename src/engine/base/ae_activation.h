/*
 * ae_activation.h: the activations by name.  Their arithmetic is in the kernels.
 */
#ifndef AE_ACTIVATION_H
#define AE_ACTIVATION_H

#include "ae_status.h"

/* The numbers are part of the byte format: append, never reorder. */
typedef enum AeActivation
{
	AE_IDENTITY = 0,   /* z */
	AE_SIGMOID = 1,    /* 1 / (1 + exp(-z)) */
	AE_TANH = 2,       /* tanh(z) */
	AE_RELU = 3,       /* max(z, 0); slope 0 at 0 */
	AE_GELU = 4,       /* z Phi(z), Phi the normal distribution function (Hendrycks, Gimpel 2016) */
	AE_SILU = 5,       /* z sigmoid(z) (Elfwing et al. 2018) */
	AE_LEAKY_RELU = 6, /* max(z, z / 100); slope 1/100 at 0 (Maas, Hannun, Ng 2013) */
	AE_ELU = 7,        /* z, or exp(z) - 1 below 0 (Clevert, Unterthiner, Hochreiter 2016) */
	AE_SELU = 8,       /* lambda z, or lambda alpha (exp(z) - 1) below 0 (Klambauer et al. 2017) */
	AE_SOFTPLUS = 9,   /* log(1 + exp(z)) (Dugas et al. 2001) */
	AE_ACTIVATION_COUNT
} AeActivation;

/* The variance of a layer's initial weights. */
typedef enum AeInit
{
	AE_INIT_GLOROT, /* 2 / (n_in + n_out) (Glorot, Bengio 2010, eq. 16) */
	AE_INIT_HE,     /* 2 / n_in (He et al. 2015, eq. 10): rectifiers let half of it through */
	AE_INIT_LECUN   /* 1 / n_in (LeCun et al. 1998, section 4.6): units that normalise themselves */
} AeInit;

typedef struct AeActivationInfo
{
	bool needs_slope; /* the slope cannot be computed from the output: the forward pass keeps it */
	bool kinked;      /* the slope jumps: derivatives cannot be penalised (ae_contract.h) */
	bool bounded;     /* its values are bounded on at least one side */
	AeInit init;
} AeActivationInfo;

extern const char *const ae_activation_name[AE_ACTIVATION_COUNT];
extern const AeActivationInfo ae_activation_info[AE_ACTIVATION_COUNT];

#endif
