/*
 * ae_activation.c: the table of activations.  A new one is an entry here and a
 * case in the kernels.
 */
#include "ae_activation.h"

const AeActivationInfo ae_activation_info[AE_ACTIVATION_COUNT] = {
	[AE_IDENTITY] = {.name = "identity", .needs_slope = false, .he = false},
	[AE_SIGMOID] = {.name = "sigmoid", .needs_slope = false, .he = false},
	[AE_TANH] = {.name = "tanh", .needs_slope = false, .he = false},
	[AE_RELU] = {.name = "relu", .needs_slope = false, .he = true},
	[AE_GELU] = {.name = "gelu", .needs_slope = true, .he = true},
	[AE_SILU] = {.name = "silu", .needs_slope = true, .he = true},
};
