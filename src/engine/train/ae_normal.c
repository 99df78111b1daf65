/*
 * ae_normal.c: batch normalisation as a stage.
 */
#include "ae_normal.h"

#include <string.h>

#include "ae_norm.h"
#include "ae_part.h"

typedef struct State
{
	size_t first; /* gamma among the parameters */
	/* running means of training, n_gammas each, and whether they have begun; these last */
	double *mean;
	double *variance;
	double *tracked;
	/* of the rows last passed */
	AeNormMoments moments;       /* of all normalised layers, in order */
	AeReal *unit[AE_MAX_LAYERS]; /* u of layer l, or NULL */
	double *sums;
} State;

/* Whether layer l is normalised. */
static bool
is_normal(const AeNet *net, uint32_t l)
{
	return l + 1 < net->n_layers && l + 1 != net->n_encoder;
}

/* The index of layer l's first gamma; l = n_layers: the number of all gammas. */
static size_t
gamma_index(const AeNet *net, uint32_t layer)
{
	size_t n = 0;

	for (uint32_t l = 0; l < layer; l++)
		if (is_normal(net, l))
			n += net->width[l + 1];
	return n;
}

size_t
ae_normal_n_gammas(const AeNet *net)
{
	return gamma_index(net, net->n_layers);
}

void
ae_normal_fold(AeReal *params, const AeNet *net, const AeReal *gamma, const double *mean,
			   const double *variance)
{
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		size_t at = gamma_index(net, l);

		if (is_normal(net, l))
			ae_norm_fold(params + ae_net_offset(net, l), params + ae_net_bias_offset(net, l),
						 gamma + at, mean + at, variance + at, net->width[l], net->width[l + 1]);
	}
}

/* Layer l as the rows of this pass are normalised in it. */
static AeNorm
norm_of(const State *s, const AePass *pass, const AeReal *params, uint32_t l)
{
	size_t at = gamma_index(pass->net, l);

	return (AeNorm){
		.n_units = pass->net->width[l + 1],
		.n_rows = pass->n_rows,
		.gamma = params + s->first + at,
		.unit = s->unit[l],
		.moments = {s->moments.mean + at, s->moments.variance + at, s->moments.inverse + at},
		.sums = s->sums};
}

static void
before(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	AeNorm norm = norm_of(state, pass, params, l);

	if (norm.unit)
		ae_norm_forward(pass->h[l + 1], &norm);
}

static void
before_back(void *state, AeDescent *at)
{
	AeNorm norm = norm_of(state, at->pass, at->params, at->l);

	if (!norm.unit)
		return;
	ae_norm_backward(at->d, at->grads + (norm.gamma - at->params),
					 at->grads + ae_net_bias_offset(at->pass->net, at->l), at->accumulate, &norm);
	at->biased = true;
}

static const AeHooks hooks = {.before = before, .before_back = before_back};

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->batch_norm;
}

static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (used(net, o) && (o->tied || o->optimizer == AE_OPTIMIZER_LBFGS))
		return ae_fail(error, AE_ERR_ARGUMENT, "batch_norm beside tied or lbfgs", 1, 0, 0);
	return AE_OK;
}

static size_t
lasting(const AeNet *net)
{
	return (2 * ae_normal_n_gammas(net) + 1) * sizeof(double);
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasts, size_t own)
{
	const AeNet *net = setup->net;
	size_t n = ae_normal_n_gammas(net), widest = 0;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.first = own, .mean = lasts};

	here.variance = lasts ? here.mean + n : NULL;
	here.tracked = lasts ? here.mean + 2 * n : NULL;
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		if (!is_normal(net, l))
			continue;
		here.unit[l] = ae_arena_place(arena, setup->slice_rows * net->width[l + 1], sizeof(AeReal));
		if (net->width[l + 1] > widest)
			widest = net->width[l + 1];
	}
	here.moments.mean = ae_arena_place(arena, n, sizeof(double));
	here.moments.variance = ae_arena_place(arena, n, sizeof(double));
	here.moments.inverse = ae_arena_place(arena, n, sizeof(double));
	here.sums = ae_arena_place(arena, 2 * widest, sizeof(double));
	if (home)
		*home = here;
	ae_net_hook(pass, &hooks, home);
	return home;
}

/* Gammas are 1; running means are as if every unit had been normal already. */
static void
begin(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *options, AeStart start)
{
	State *s = state;

	(void) options;
	(void) start;
	for (size_t i = 0; i < ae_normal_n_gammas(net); i++)
	{
		params[s->first + i] = 1;
		s->mean[i] = 0;
		s->variance[i] = 1;
	}
	*s->tracked = 0;
}

static void
passed(void *state, const AePass *pass)
{
	State *s = state;

	if (ae_norm_track(s->mean, s->variance, &s->moments, ae_normal_n_gammas(pass->net),
					  pass->n_rows, *s->tracked == 0))
		*s->tracked = 1;
}

static void
fold(const void *state, AeReal *folded, const AeReal *params, const AeNet *net)
{
	const State *s = state;

	ae_normal_fold(folded, net, params + s->first, s->mean, s->variance);
}

const AePart ae_normal_part = {
	.name = "batch normalisation",
	.used = used,
	.check = check,
	.n_params = ae_normal_n_gammas,
	.lasting = lasting,
	.place = place,
	.begin = begin,
	.passed = passed,
	.fold = fold,
};
