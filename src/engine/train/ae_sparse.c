/*
 * ae_sparse.c: the penalty that makes codes, or all hidden layers, sparse (ae_penalty.h), as a
 * term of the loss.
 */
#include <math.h>

#include "ae_part.h"

typedef struct State
{
	AePenaltyTerm penalty;
	bool everywhere; /* on every hidden layer, not only the code */
	double share;    /* factor on its gradient */
	double *means;   /* scratch of kl: of the widest layer, or NULL */
} State;

/* Whether the penalty falls on h[l]. */
static bool
is_penalized(const AeNet *net, bool everywhere, uint32_t l)
{
	return l > 0 && l < net->n_layers && (everywhere || l == net->n_encoder);
}

static void
after_back(void *state, AeDescent *at)
{
	const State *s = state;
	const AePass *pass = at->pass;

	if (is_penalized(pass->net, s->everywhere, at->l + 1))
		ae_penalty_gradient(at->d, pass->h[at->l + 1], pass->n_rows, pass->net->width[at->l + 1],
							&s->penalty, s->share, s->means);
}

static const AeHooks hooks = {.after_back = after_back};

/* The penalty of the rows just passed forward, their sum. */
static double
penalty_of(const State *s, const AePass *pass)
{
	const AeNet *net = pass->net;
	double sum = 0;

	for (uint32_t l = 1; l < net->n_layers; l++)
		if (is_penalized(net, s->everywhere, l))
			sum += ae_penalty_value(pass->h[l], pass->n_rows, net->width[l], &s->penalty, s->means);
	return sum;
}

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->sparse != AE_PENALTY_NONE && options->sparse_weight > 0;
}

/* The rate of kl needs units in (0, 1); jumprelu belongs to the code's gate. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (o->sparse == AE_PENALTY_JUMPRELU && o->sparse_hidden)
		return ae_fail(error, AE_ERR_ARGUMENT, "sparse_layers under jumprelu", 1, 0, 0);
	if (o->sparse != AE_PENALTY_KL)
		return AE_OK;
	for (uint32_t l = 1; l < net->n_layers; l++)
		if (is_penalized(net, o->sparse_hidden, l) && net->activation[l - 1] != AE_SIGMOID)
			return ae_fail(error, AE_ERR_ARGUMENT, "activation under kl", net->activation[l - 1],
						   AE_SIGMOID, AE_SIGMOID);
	return AE_OK;
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const AeTrainOptions *o = setup->options;
	const AeNet *net = setup->net;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.penalty = {o->sparse, o->sparse_weight, o->sparse_target},
				  .everywhere = o->sparse_hidden};
	size_t widest = 0;

	(void) lasting;
	(void) own;
	for (uint32_t l = 1; l < net->n_layers; l++)
		if (is_penalized(net, here.everywhere, l) && net->width[l] > widest)
			widest = net->width[l];
	if (o->sparse == AE_PENALTY_KL)
		here.means = ae_arena_place(arena, widest, sizeof(double));
	if (home)
		*home = here;
	ae_net_hook(pass, &hooks, home);
	return home;
}

/* Units under kl begin at their target rate, far from that of biases of 0. */
static void
begin(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *o, AeStart start)
{
	const State *s = state;

	if (o->sparse != AE_PENALTY_KL || start != AE_START_DRAWN)
		return;
	for (uint32_t l = 1; l < net->n_layers; l++)
	{
		AeReal *bias = params + ae_net_bias_offset(net, l - 1);

		for (uint32_t j = 0; is_penalized(net, s->everywhere, l) && j < net->width[l]; j++)
			bias[j] = (AeReal) log(o->sparse_target / (1 - o->sparse_target));
	}
}

static double
loss(void *state, AeSlice *slice)
{
	State *s = state;

	s->share = slice->share;
	return slice->valued ? penalty_of(s, slice->pass) : 0;
}

static double
validate(void *state, const AeSlice *slice)
{
	return penalty_of(state, slice->pass);
}

const AePart ae_sparse_part = {
	.name = "sparse",
	.used = used,
	.check = check,
	.place = place,
	.begin = begin,
	.loss = loss,
	.validate = validate,
};
