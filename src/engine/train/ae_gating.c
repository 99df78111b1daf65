/*
 * ae_gating.c: the stage that keeps some units of the code and sets the others to 0 (ae_gate.h): it
 * keeps the top_k largest of each row, the largest of all rows of a slice, or those above a learned
 * threshold.
 */
#include <string.h>

#include "ae_part.h"
#include "ae_topk.h"

typedef struct State
{
	uint32_t batch_top_k;   /* units kept for each row on average; 0: thresholds decide */
	bool learned;           /* thresholds have a gradient */
	double price;           /* jumprelu: the cost of a unit that is on in the loss of a row */
	double share;           /* factor on gradients */
	AeGateAverage *average; /* of batch_top_k; lasts */
	AeReal *mask;           /* n_rows x n_code: 1 where a unit is kept, else 0 */
	AeReal *before;         /* n_rows x n_code: where thresholds are learned, or NULL */
} State;

static void
after(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	State *s = state;
	const AeNet *net = pass->net;
	size_t n_rows = pass->n_rows, n_code = net->width[l + 1], n = n_rows * n_code;
	AeReal *code = pass->h[l + 1], least;

	if (l + 1 != net->n_encoder)
		return;
	if (s->before)
		memcpy(s->before, code, n * sizeof(AeReal));
	for (size_t i = 0; net->top_k > 0 && i < n; i += n_code)
		ae_topk(code + i, s->mask + i, n_code, net->top_k);
	if (s->learned)
		ae_gate_apply(code, s->mask, params + ae_net_threshold_offset(net), n_rows, n_code);
	if (s->batch_top_k > 0 && ae_topk_batch(&least, code, s->mask, n, n_rows * s->batch_top_k) > 0)
	{
		s->average->least_sum += (double) least;
		s->average->n_least++;
	}
}

static void
after_back(void *state, AeDescent *at)
{
	const State *s = state;
	const AeNet *net = at->pass->net;
	size_t n_rows = at->pass->n_rows, n_code = net->width[at->l + 1];
	size_t thresholds = ae_net_threshold_offset(net);

	if (at->l + 1 != net->n_encoder)
		return;
	if (net->gated && !at->accumulate)
		memset(at->grads + thresholds, 0, n_code * sizeof(AeReal));
	if (s->learned)
		ae_gate_gradient(at->grads + thresholds, at->d, s->before, at->params + thresholds,
						 s->share * s->price, n_rows, n_code);
	for (size_t i = 0; i < n_rows * n_code; i++)
		at->d[i] *= s->mask[i];
}

static const AeHooks hooks = {.after = after, .after_back = after_back};

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) options;
	return net->top_k > 0 || net->gated;
}

static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	bool jump = o->sparse == AE_PENALTY_JUMPRELU, batch = o->batch_top_k > 0;
	uint32_t most = jump || o->sparse == AE_PENALTY_KL ? 0 : net->width[net->n_encoder];

	if (net->gated != (jump || batch))
		return ae_fail(error, AE_ERR_ARGUMENT, "gate of the code", net->gated, jump || batch,
					   jump || batch);
	if (o->batch_top_k > most)
		return ae_fail(error, AE_ERR_ARGUMENT, "batch_top_k", o->batch_top_k, 0, most);
	if (o->optimizer == AE_OPTIMIZER_LBFGS && net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "optimizer of a gate", o->optimizer, 0,
					   AE_OPTIMIZER_ADAMW);
	return AE_OK;
}

static size_t
lasting(const AeNet *net)
{
	(void) net;
	return sizeof(AeGateAverage);
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *average, size_t own)
{
	const AeTrainOptions *o = setup->options;
	size_t n_code = setup->net->width[setup->net->n_encoder];
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.batch_top_k = o->batch_top_k,
				  .learned = setup->net->gated && o->batch_top_k == 0,
				  .price = o->sparse == AE_PENALTY_JUMPRELU ? o->sparse_weight : 0,
				  .average = average};

	(void) own;
	here.mask = ae_arena_place_rows(arena, setup->slice_rows, n_code, sizeof(AeReal));
	if (here.learned)
		pass->activated = here.before =
			ae_arena_place_rows(arena, setup->slice_rows, n_code, sizeof(AeReal));
	if (home)
		*home = here;
	pass->gated = true;
	ae_net_hook(pass, &hooks, home);
	return home;
}

/* After pretraining, thresholds are not an average yet. */
static void
begin(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *options, AeStart start)
{
	State *s = state;

	(void) params;
	(void) net;
	(void) options;
	*s->average = (AeGateAverage){.n_updates = start == AE_START_TRAINED ? AE_GATE_WINDOW : 0};
}

/*
 * The gradient of thresholds needs the share; the value of the penalty is counted in ae_sparse.c.
 */
static double
loss(void *state, AeSlice *slice)
{
	((State *) state)->share = slice->share;
	return 0;
}

/* Learned thresholds stay >= 0, so that a unit that is on is positive. */
static void
updated(void *state, AeReal *params, const AeNet *net)
{
	const State *s = state;
	AeReal *thresholds = params + ae_net_threshold_offset(net);
	size_t n_code = net->width[net->n_encoder];

	if (s->batch_top_k > 0)
		ae_gate_follow(thresholds, s->average, n_code);
	for (size_t j = 0; s->learned && j < n_code; j++)
		thresholds[j] = thresholds[j] < 0 ? 0 : thresholds[j];
}

const AePart ae_gating_part = {
	.name = "gate",
	.used = used,
	.check = check,
	.lasting = lasting,
	.place = place,
	.begin = begin,
	.updated = updated,
	.loss = loss,
};
