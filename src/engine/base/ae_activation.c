/*
 * ae_activation.c: the table of activations.  A new one is an entry here and a
 * case in the kernels.
 */
#include "ae_activation.h"

const AeActivationInfo ae_activation_info[AE_ACTIVATION_COUNT] = {
	[AE_IDENTITY] = {.name = "identity", .init = AE_INIT_GLOROT},
	[AE_SIGMOID] = {.name = "sigmoid", .bounded = true, .init = AE_INIT_GLOROT},
	[AE_TANH] = {.name = "tanh", .bounded = true, .init = AE_INIT_GLOROT},
	[AE_RELU] = {.name = "relu", .kinked = true, .bounded = true, .init = AE_INIT_HE},
	[AE_GELU] = {.name = "gelu", .needs_slope = true, .init = AE_INIT_HE},
	[AE_SILU] = {.name = "silu", .needs_slope = true, .init = AE_INIT_HE},
	[AE_LEAKY_RELU] = {.name = "leaky_relu", .kinked = true, .init = AE_INIT_HE},
	/* its slope does not jump, but the slope of that does: gradients bear it */
	[AE_ELU] = {.name = "elu", .bounded = true, .init = AE_INIT_HE},
	/* mean 0 and variance 1 are its fixed point for weights of variance 1 / n_in alone */
	[AE_SELU] = {.name = "selu", .kinked = true, .bounded = true, .init = AE_INIT_LECUN},
	[AE_SOFTPLUS] = {.name = "softplus", .bounded = true, .init = AE_INIT_HE},
};
