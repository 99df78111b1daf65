/*
 * ae_dropout.c: the stage that drops units of hidden layers other than the code: each with the
 * probability `dropout`.  Kept units are divided by 1 - dropout, so that nothing needs to be scaled
 * when rows are scored.
 *
 * Source: Srivastava et al., "Dropout", JMLR 15, 2014, section 10.
 */
#include "ae_part.h"

typedef struct State
{
	double rate;
	AeReal
		*mask[AE_MAX_LAYERS]; /* n_rows x width[l + 1]: what h[l + 1] is multiplied by, or NULL */
} State;

/* Layers take their random numbers from consecutive blocks. */
static void
enter(void *state, AePass *pass, AeEntering *entering)
{
	const State *s = state;
	const AeNet *net = pass->net;
	uint32_t below = (uint32_t) (s->rate * 0x1p32), first = 0;
	AeReal kept = (AeReal) (1 / (1 - s->rate));

	for (uint32_t l = 0; entering->training && l + 1 < net->n_layers; l++)
	{
		size_t n = entering->cells->n_rows * net->width[l + 1];

		if (!s->mask[l])
			continue;
		pass->compute.kernels->drop(s->mask[l], n, below, kept, first, entering->visit.seed,
									entering->visit.number);
		first += (uint32_t) ((n + 63) / 64 * 16);
	}
}

static void
after(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	const AeReal *mask = ((const State *) state)->mask[l];
	size_t n = pass->n_rows * pass->net->width[l + 1];

	(void) params;
	for (size_t i = 0; mask && i < n; i++)
		pass->seen[l + 1][i] = pass->h[l + 1][i] * mask[i];
}

static void
after_back(void *state, AeDescent *at)
{
	const AeReal *mask = ((const State *) state)->mask[at->l];
	size_t n = at->pass->n_rows * at->pass->net->width[at->l + 1];

	for (size_t i = 0; mask && i < n; i++)
		at->d[i] *= mask[i];
}

static const AeHooks hooks = {.after = after, .after_back = after_back};

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->dropout > 0;
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const AeNet *net = setup->net;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.rate = setup->options->dropout};

	(void) lasting;
	(void) own;
	for (uint32_t l = 0; l + 1 < net->n_layers; l++)
	{
		size_t n = setup->slice_rows * net->width[l + 1];

		if (l + 1 == net->n_encoder)
			continue;
		here.mask[l] = ae_arena_place(arena, n, sizeof(AeReal));
		pass->seen[l + 1] = ae_arena_place(arena, n, sizeof(AeReal));
	}
	if (home)
		*home = here;
	ae_net_hook(pass, &hooks, home);
	return home;
}

const AePart ae_dropout_part = {
	.name = "dropout",
	.used = used,
	.place = place,
	.enter = enter,
};
