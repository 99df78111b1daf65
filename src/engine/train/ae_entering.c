/*
 * ae_entering.c: the stage that turns rows into inputs, which training corrupts (ae_corrupt.h) and
 * adds noise to.
 *
 * Validation rows enter uncorrupted, except with masking_any: a network trained to predict hidden
 * cells from the others says nothing about rows without hidden cells.
 */
#include "ae_corrupt.h"
#include "ae_part.h"

typedef struct State
{
	AeCorruption corruption;
	AeReal *cells;  /* n_rows x width: as they enter; NULL if none is corrupted */
	AeReal *chosen; /* n_rows x width: clean cells of what is corrupted, or NULL */
	AeReal sigma;
} State;

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const AeTrainOptions *o = setup->options;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.corruption = {.masking = o->masking,
								 .masking_any = o->masking_any,
								 .salt_pepper = o->salt_pepper,
								 .swap = o->swap,
								 .low = setup->low,
								 .high = setup->high,
								 .width = setup->width},
				  .sigma = (AeReal) o->noise};

	(void) lasting;
	(void) own;
	ae_inputs_place(&pass->inputs, arena, &setup->net->layout, setup->slice_rows, o->noise > 0,
					setup->nullable || o->masking > 0 || o->masking_any);
	if (ae_corrupt_any(&here.corruption))
		here.cells = ae_arena_place_rows(arena, setup->slice_rows, setup->width, sizeof(AeReal));
	if (o->emphasis > 0)
		here.chosen = ae_arena_place_rows(arena, setup->slice_rows, setup->width, sizeof(AeReal));
	if (home)
		*home = here;
	return home;
}

static void
enter(void *state, AePass *pass, AeEntering *entering)
{
	State *s = state;
	const AeLayout *layout = &pass->net->layout;
	AeNoise noise = {entering->training ? s->sigma : 0, entering->visit};
	AeCells in = *entering->cells;

	if (s->cells && (entering->training || s->corruption.masking_any))
	{
		s->corruption.layout = layout;
		ae_corrupt_rows(s->cells, s->chosen, in.at, in.n_rows, &s->corruption, entering->visit);
		in.at = s->cells;
		in.nullable |= s->corruption.masking > 0 || s->corruption.masking_any;
		entering->chosen = s->chosen;
	}
	ae_loss_inputs(&pass->inputs, &in, layout, &noise, pass->compute.kernels);
}

const AePart ae_entering_part = {
	.name = "entering",
	.place = place,
	.enter = enter,
};
