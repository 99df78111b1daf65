/*
 * ae_entering.c: the stage that turns rows into inputs, which training corrupts (ae_corrupt.h) and
 * adds noise to.
 *
 * Validation rows enter uncorrupted, except with masking_any: a network trained to predict hidden
 * cells from the others says nothing about rows without hidden cells.
 *
 * With walkback a row may enter as the chain of a generative stochastic network leaves it: corrupted,
 * reconstructed, corrupted again, and so on; the loss still compares with the clean row.  So the
 * network learns to come back from wherever its own chain goes.  The number of reconstructions is
 * drawn for each slice, uniformly from 0 to n, which gives every step of the walk the same weight.  Levels
 * and Bernoulli variables are drawn from their probabilities; numbers are the reconstruction itself.
 *
 * Source: Bengio, Yao, Alain, Vincent, "Generalized denoising auto-encoders as generative models",
 * NIPS 2013, section 3.2 and algorithm 1.
 */
#include <math.h>
#include <string.h>

#include "ae_corrupt.h"
#include "ae_part.h"

/* Where the steps of a walk have their random numbers: the visit number has these bits free. */
#define STEP_SHIFT 54

typedef struct State
{
	AeCorruption corruption;
	AeReal *cells;  /* n_rows x width: as they enter; NULL if none is corrupted */
	AeReal *chosen; /* n_rows x width: clean cells of what is corrupted, or NULL */
	AeReal *walked; /* n_rows x width: rows on their walk; NULL without */
	uint32_t walkback;
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
				  .walkback = o->walkback,
				  .sigma = (AeReal) o->noise};

	(void) lasting;
	(void) own;
	ae_inputs_place(&pass->inputs, arena, &setup->net->layout, setup->slice_rows, o->noise > 0,
					setup->nullable || o->masking > 0 || o->masking_any);
	if (here.walkback > 0)
		here.walked = ae_arena_place_rows(arena, setup->slice_rows, setup->width, sizeof(AeReal));
	if (ae_corrupt_any(&here.corruption))
		here.cells = ae_arena_place_rows(arena, setup->slice_rows, setup->width, sizeof(AeReal));
	if (o->emphasis > 0)
		here.chosen = ae_arena_place_rows(arena, setup->slice_rows, setup->width, sizeof(AeReal));
	if (home)
		*home = here;
	return home;
}

/* A number in (0, 1) for one cell of a step. */
static double
draw(size_t position, AeVisit visit)
{
	const uint32_t counter[4] = {(uint32_t) position, (uint32_t) visit.number,
								 (uint32_t) (visit.number >> 32), AE_STREAM_WALK};
	uint32_t words[4];

	ae_philox(words, counter, visit.seed);
	return ae_rng_unit(words[0]);
}

/* A level drawn from n outputs z: from logits, or in proportion to what is above 0. */
static uint32_t
draw_level(const AeReal *z, uint32_t n, bool logits, double at)
{
	double most = (double) z[0], total = 0, sum = 0;

	for (uint32_t j = 1; j < n; j++)
		most = fmax(most, (double) z[j]);
	for (uint32_t j = 0; j < n; j++)
		total += logits ? exp((double) z[j] - most) : fmax((double) z[j], 0);
	for (uint32_t j = 0; j + 1 < n; j++)
	{
		sum += logits ? exp((double) z[j] - most) : fmax((double) z[j], 0);
		if (at * total < sum)
			return j;
	}
	return n - 1;
}

/* A cell from its block's outputs z. */
static AeReal
draw_cell(const AeReal *z, const AeBlock *block, double at)
{
	if (ae_loss_is_category(block->loss))
		return (AeReal) draw_level(z, block->count, block->loss == AE_LOSS_SOFTMAX, at);
	if (ae_loss_is_distance(block->loss))
		return *z;
	return at < 1 / (1 + exp(-(double) *z)) ? 1 : 0;
}

/* The cells of a row become what the outputs say of them; what is missing stays so. */
static void
reconstruct(AeReal *cells, const AeReal *outputs, const AeLayout *layout, size_t position,
			AeVisit visit)
{
	uint32_t cell = 0;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		uint32_t each = ae_loss_is_category(block->loss) ? block->count : 1;

		for (uint32_t k = 0; k < block->count; k += each, cell++)
		{
			AeReal drawn =
				draw_cell(outputs + block->first + k, block, draw(position + cell, visit));

			if (cells[cell] == cells[cell] && isfinite(drawn))
				cells[cell] = drawn;
		}
	}
}

/* Rows enter corrupted, with noise; cells may be s->walked. */
static void
enter_corrupted(State *s, AePass *pass, AeEntering *entering, AeCells in, AeVisit visit)
{
	const AeLayout *layout = &pass->net->layout;
	AeNoise noise = {entering->training ? s->sigma : 0, visit};

	if (s->cells && (entering->training || s->corruption.masking_any))
	{
		s->corruption.layout = layout;
		ae_corrupt_rows(s->cells, s->chosen, in.at, in.n_rows, &s->corruption, visit);
		in.at = s->cells;
		in.nullable |= s->corruption.masking > 0 || s->corruption.masking_any;
		entering->chosen = s->chosen;
	}
	ae_loss_inputs(&pass->inputs, &in, layout, &noise, pass->compute.kernels);
}

static void
enter(void *state, AePass *pass, AeEntering *entering)
{
	State *s = state;
	const AeNet *net = pass->net;
	AeCells in = *entering->cells;
	size_t width = s->corruption.width, n_outputs = net->width[net->n_layers];
	AeVisit visit = entering->visit;
	uint32_t steps = 0;

	enter_corrupted(s, pass, entering, in, visit);
	if (entering->training && s->walkback > 0)
	{
		steps = (uint32_t) (draw(UINT32_MAX, visit) * (s->walkback + 1.0));
		memcpy(s->walked, in.at, in.n_rows * width * sizeof(AeReal));
		in.at = s->walked;
	}
	for (uint32_t k = 1; k <= steps; k++)
	{
		visit.number = entering->visit.number | (uint64_t) k << STEP_SHIFT;
		ae_net_forward(pass, entering->params, AE_PASS_SCORE);
		for (size_t i = 0; i < in.n_rows; i++)
			reconstruct(s->walked + i * width, pass->h[net->n_layers] + i * n_outputs, &net->layout,
						i * width, visit);
		enter_corrupted(s, pass, entering, in, visit);
	}
}

/* Batch normalisation is for the rows that the loss is of; a walk of missing cells has no emphasis. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	(void) net;
	if (o->walkback > 0 && (o->batch_norm || o->emphasis > 0 || o->optimizer == AE_OPTIMIZER_LBFGS))
		return ae_fail(error, AE_ERR_ARGUMENT, "what stands beside walkback", o->walkback, 0, 0);
	return AE_OK;
}

/* Half of the passes that a walk may have. */
static double
macs(const AeNet *net, const AeTrainOptions *o)
{
	return 0.5 * o->walkback * ae_net_macs(net);
}

const AePart ae_entering_part = {
	.name = "entering",
	.check = check,
	.macs = macs,
	.place = place,
	.enter = enter,
};
