/*
 * ae_sparse.c: the penalty that makes codes, or all hidden layers, sparse (ae_penalty.h), as a
 * term of the loss.
 */
#include <math.h>

#include "ae_term.h"

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->sparse != AE_PENALTY_NONE && options->sparse_weight > 0;
}

/* The rate of kl is that of units in (0, 1); jumprelu is of the code's gate. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (o->sparse == AE_PENALTY_JUMPRELU && o->sparse_hidden)
		return ae_fail(error, AE_ERR_ARGUMENT, "sparse_layers under jumprelu", 1, 0, 0);
	if (o->sparse != AE_PENALTY_KL)
		return AE_OK;
	for (uint32_t l = 1; l < net->n_layers; l++)
		if ((o->sparse_hidden || l == net->n_encoder) && net->activation[l - 1] != AE_SIGMOID)
			return ae_fail(error, AE_ERR_ARGUMENT, "activation under kl", net->activation[l - 1],
						   AE_SIGMOID, AE_SIGMOID);
	return AE_OK;
}

static void *
place(AeArena *arena, AePass *pass, const AeTermSetup *setup, void *lasting)
{
	const AeTrainOptions *o = setup->options;
	AePenaltyTerm penalty = {o->sparse, o->sparse_weight, o->sparse_target};

	(void) lasting;
	ae_net_place_penalty(pass, arena, &penalty, o->sparse_hidden);
	return NULL;
}

/* Units under kl begin at their rate, from which biases of 0 would be far. */
static void
begin(AeReal *params, const AeNet *net, const AeTrainOptions *o)
{
	for (uint32_t l = 1; o->sparse == AE_PENALTY_KL && l < net->n_layers; l++)
	{
		AeReal *bias = params + ae_net_bias_offset(net, l - 1);

		if (l != net->n_encoder && !o->sparse_hidden)
			continue;
		for (uint32_t j = 0; j < net->width[l]; j++)
			bias[j] = (AeReal) log(o->sparse_target / (1 - o->sparse_target));
	}
}

static double
loss(void *state, AeTermSlice *slice)
{
	(void) state;
	slice->pass->penalty_scale = slice->share;
	return slice->valued ? ae_net_penalty(slice->pass) : 0;
}

static double
validate(void *state, const AeTermSlice *slice)
{
	(void) state;
	return ae_net_penalty(slice->pass);
}

const AeTerm ae_sparse_term = {
	.name = "sparse",
	.used = used,
	.check = check,
	.place = place,
	.begin = begin,
	.loss = loss,
	.validate = validate,
};
