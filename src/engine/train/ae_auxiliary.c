/*
 * ae_auxiliary.c: the loss of dead units that reconstruct the others' error, and its gradient.
 */
#include "ae_auxiliary.h"

#include <string.h>

#include "ae_part.h"
#include "ae_topk.h"

/* Refuses a net whose decoder is not a single linear layer. */
static AeStatus
check_decoder(const AeNet *net, AeError *error)
{
	AeActivation output = net->activation[net->n_layers - 1];

	if (net->n_layers - net->n_encoder != 1)
		return ae_fail(error, AE_ERR_SHAPE, "layers of the decoder under aux_weight",
					   net->n_layers - net->n_encoder, 1, 1);
	for (uint32_t b = 0; b < net->layout.n_blocks; b++)
		if (ae_loss_is_distance(net->layout.blocks[b].loss) && output != AE_IDENTITY)
			return ae_fail(error, AE_ERR_ARGUMENT, "output activation under aux_weight", output,
						   AE_IDENTITY, AE_IDENTITY);
	return AE_OK;
}

static void
place_buffers(AeAuxiliary *auxiliary, AeArena *arena, const AeNet *net, size_t n_rows)
{
	size_t n_code = net->width[net->n_encoder], n_outputs = net->width[net->n_layers];

	auxiliary->before = ae_arena_place_rows(arena, n_rows, n_code, sizeof(AeReal));
	auxiliary->candidates = ae_arena_place(arena, n_code, sizeof(AeReal));
	auxiliary->chosen = ae_arena_place(arena, n_code, sizeof(AeReal));
	auxiliary->code = ae_arena_place_rows(arena, n_rows, n_code, sizeof(AeReal));
	auxiliary->mask = ae_arena_place_rows(arena, n_rows, n_code, sizeof(AeReal));
	auxiliary->outputs = ae_arena_place_rows(arena, n_rows, n_outputs, sizeof(AeReal));
	auxiliary->d = ae_arena_place_rows(arena, n_rows, n_outputs, sizeof(AeReal));
	auxiliary->d_code = ae_arena_place_rows(arena, n_rows, n_code, sizeof(AeReal));
}

static void
keep_activations(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	(void) params;
	if (l + 1 == pass->net->n_encoder)
		memcpy(((AeAuxiliary *) state)->before, pass->h[l + 1],
			   pass->n_rows * pass->net->width[l + 1] * sizeof(AeReal));
}

static void
add_gradient(void *state, AeDescent *at)
{
	const AeAuxiliary *auxiliary = state;
	size_t n = at->pass->n_rows * at->pass->net->width[at->l + 1];

	if (at->l + 1 != at->pass->net->n_encoder || !auxiliary->active)
		return;
	for (size_t i = 0; i < n; i++)
		at->d[i] += auxiliary->d_code[i];
}

static const AeHooks hooks = {.after = keep_activations, .after_back = add_gradient};

/* The mean number of units that are on in a row, rounded up; at least 1. */
static size_t
count_on(const AeReal *h, size_t n_rows, size_t n_code)
{
	size_t n = 0;

	for (size_t i = 0; i < n_rows * n_code; i++)
		n += h[i] != 0;
	return n > n_rows ? (n + n_rows - 1) / n_rows : 1;
}

/* Row i of code and mask: the k largest activations of the n_dead dead units. */
static void
choose(AeAuxiliary *auxiliary, const AePass *pass, size_t i, size_t n_dead, size_t k)
{
	size_t n_code = pass->net->width[pass->net->n_encoder], at = 0;
	AeReal *code = auxiliary->code + i * n_code, *mask = auxiliary->mask + i * n_code;
	const AeReal *before = auxiliary->before + i * n_code;

	for (size_t j = 0; j < n_code; j++)
		if (auxiliary->counts.idle[j] >= AE_DEAD_UPDATES)
			auxiliary->candidates[at++] = before[j];
	ae_topk(auxiliary->candidates, auxiliary->chosen, n_dead, k);
	at = 0;
	for (size_t j = 0; j < n_code; j++)
	{
		bool dead = auxiliary->counts.idle[j] >= AE_DEAD_UPDATES;

		code[j] = dead ? auxiliary->candidates[at] : 0;
		mask[j] = dead ? auxiliary->chosen[at] : 0;
		at += dead;
	}
}

double
ae_auxiliary_loss(AeAuxiliary *auxiliary, AePass *pass, const AeReal *params, const AeCells *cells,
				  double scale, const AeMeasure *measure)
{
	const AeNet *net = pass->net;
	const AeCompute *compute = &pass->compute;
	size_t n_rows = pass->n_rows, n_code = net->width[net->n_encoder];
	size_t n_outputs = net->width[net->n_layers];
	size_t n_dead = ae_units_n_dead(&auxiliary->counts, n_code), k;
	AeMatrix w = ae_matrix(params + ae_net_offset(net, net->n_encoder), n_code, n_outputs);
	double sum;

	auxiliary->active = n_dead > 0;
	if (n_dead == 0)
		return 0;
	k = count_on(pass->h[net->n_encoder], n_rows, n_code);
	k = k < n_dead ? k : n_dead;
	for (size_t i = 0; i < n_rows; i++)
		choose(auxiliary, pass, i, n_dead, k);
	memcpy(auxiliary->outputs, pass->h[net->n_layers], n_rows * n_outputs * sizeof(AeReal));
	ae_multiply(auxiliary->outputs, n_outputs, 1, ae_matrix(auxiliary->code, n_rows, n_code), w, 1,
				compute);
	sum = ae_loss_rows(auxiliary->d, auxiliary->outputs, cells, scale * auxiliary->weight, measure);
	ae_multiply(auxiliary->d_code, n_code, 1, ae_matrix(auxiliary->d, n_rows, n_outputs),
				ae_transposed(w), 0, compute);
	for (size_t i = 0; i < n_rows * n_code; i++)
		auxiliary->d_code[i] *= auxiliary->mask[i];
	return auxiliary->weight * sum;
}

void
ae_auxiliary_gradient(AeReal *grads, const AeAuxiliary *auxiliary, const AePass *pass)
{
	const AeNet *net = pass->net;
	size_t n_code = net->width[net->n_encoder], n_outputs = net->width[net->n_layers];

	if (!auxiliary->active)
		return;
	ae_multiply(grads + ae_net_offset(net, net->n_encoder), n_outputs, 1,
				ae_transposed(ae_matrix(auxiliary->code, pass->n_rows, n_code)),
				ae_matrix(auxiliary->d, pass->n_rows, n_outputs), 1, &pass->compute);
}

/* ---- as a term ---- */

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->aux_weight > 0;
}

/* Dead units belong to a gate, which does not work with a line search. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (!used(net, o))
		return AE_OK;
	if (o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "optimizer of a gate", o->optimizer, 0,
					   AE_OPTIMIZER_ADAMW);
	if (net->top_k == 0 && !net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "aux_weight without a gate", o->aux_weight, 0, 0);
	return check_decoder(net, error);
}

/* How long units have been off, and which were on since the last update. */
static size_t
lasting(const AeNet *net)
{
	return net->width[net->n_encoder] * (sizeof(uint32_t) + sizeof(uint8_t));
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *counts, size_t own)
{
	AeAuxiliary here = {.weight = setup->options->aux_weight, .counts = {.idle = counts}};
	AeAuxiliary *home = ae_arena_place(arena, 1, sizeof(AeAuxiliary));

	(void) own;
	if (counts)
		here.counts.was_on =
			(uint8_t *) (here.counts.idle + setup->net->width[setup->net->n_encoder]);
	place_buffers(&here, arena, setup->net, setup->slice_rows);
	pass->activated = here.before;
	if (home)
		*home = here;
	ae_net_hook(pass, &hooks, home);
	return home;
}

static double
loss(void *state, AeSlice *slice)
{
	AeAuxiliary *auxiliary = state;
	const AePass *pass = slice->pass;
	uint32_t code = pass->net->n_encoder;

	ae_units_see(&auxiliary->counts, pass->h[code], pass->n_rows, pass->net->width[code]);
	return ae_auxiliary_loss(auxiliary, slice->pass, slice->params, slice->cells, slice->share,
							 slice->measure);
}

static void
updated(void *state, AeReal *params, const AeNet *net)
{
	(void) params;
	ae_units_end_update(&((AeAuxiliary *) state)->counts, net->width[net->n_encoder]);
}

static void
after(void *state, const AeSlice *slice)
{
	ae_auxiliary_gradient(slice->grads, state, slice->pass);
}

const AePart ae_auxiliary_part = {
	.name = "auxiliary",
	.used = used,
	.check = check,
	.lasting = lasting,
	.place = place,
	.updated = updated,
	.loss = loss,
	.after = after,
};
