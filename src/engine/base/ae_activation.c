/*
 * ae_activation.c: the table of activations.  A new one is an entry here and a
 * case in the kernels.
 */
#include "ae_activation.h"

const char *const ae_activation_name[AE_ACTIVATION_COUNT] = {
	[AE_IDENTITY] = "identity",
	[AE_SIGMOID] = "sigmoid",
	[AE_TANH] = "tanh",
	[AE_RELU] = "relu",
	[AE_GELU] = "gelu",
	[AE_SILU] = "silu",
	[AE_LEAKY_RELU] = "leaky_relu",
	[AE_ELU] = "elu",
	[AE_SELU] = "selu",
	[AE_SOFTPLUS] = "softplus",
};

const AeActivationInfo ae_activation_info[AE_ACTIVATION_COUNT] = {
	[AE_IDENTITY] = {.init = AE_INIT_GLOROT},
	[AE_SIGMOID] = {.bounded = true, .init = AE_INIT_GLOROT},
	[AE_TANH] = {.bounded = true, .init = AE_INIT_GLOROT},
	[AE_RELU] = {.kinked = true, .bounded = true, .init = AE_INIT_HE},
	[AE_GELU] = {.needs_slope = true, .init = AE_INIT_HE},
	[AE_SILU] = {.needs_slope = true, .init = AE_INIT_HE},
	[AE_LEAKY_RELU] = {.kinked = true, .init = AE_INIT_HE},
	/* its slope is continuous; that of the slope jumps, which gradients can bear */
	[AE_ELU] = {.bounded = true, .init = AE_INIT_HE},
	/* mean 0 and variance 1 are its fixed point for weights of variance 1 / n_in alone */
	[AE_SELU] = {.kinked = true, .bounded = true, .init = AE_INIT_LECUN},
	[AE_SOFTPLUS] = {.bounded = true, .init = AE_INIT_HE},
};
