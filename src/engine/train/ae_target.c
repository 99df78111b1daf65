/*
 * ae_target.c: value and gradient of the supervised term, and the quality of predictions.
 *
 * The term is the loss of a row (ae_loss.h) with one column, the target: a number, or a category
 * without a weight for rarity.
 */
#include "ae_target.h"

#include <math.h>

#include "ae_part.h"
#include "ae_topk.h"

uint32_t
ae_target_outputs(const AeColumn *column)
{
	switch (column->kind)
	{
		case AE_KIND_CATEGORY:
			return column->n_levels;
		case AE_KIND_BOOLEAN:
			return 2;
		default:
			return 1;
	}
}

AeReal
ae_target_cell(const AeColumn *column, double value, bool missing)
{
	if (missing)
		return (AeReal) NAN;
	if (column->kind == AE_KIND_CATEGORY)
		return value >= 0.0 && value < column->n_levels ? (AeReal) value : (AeReal) NAN;
	if (column->kind == AE_KIND_BOOLEAN)
		return value != 0.0 ? 1 : 0;
	return (AeReal) ((value - column->shift) / column->scale);
}

double
ae_target_factor(size_t n_rows, size_t n_labelled)
{
	double factor;

	if (n_labelled == 0)
		return 0.0;
	factor = (double) n_rows / (double) n_labelled;
	return factor < AE_TARGET_MAX_FACTOR ? factor : AE_TARGET_MAX_FACTOR;
}

size_t
ae_target_count(const AeReal *cells, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += cells[i] == cells[i];
	return count;
}

/* The layout of a row of the target alone; block: room for its one block. */
static AeLayout
layout_of(AeBlock *block, uint32_t n_target)
{
	bool category = n_target > 1;
	AeLayout layout = {.n_columns = 1, .n_blocks = 1, .blocks = block};

	*block = (AeBlock){.count = n_target,
					   .loss = category ? AE_LOSS_SOFTMAX : AE_LOSS_MSE,
					   .grouped = category,
					   .weight = 1.0};
	if (category)
	{
		layout.n_categories = 1;
		layout.n_levels = n_target;
	}
	else
		layout.n_dense = 1;
	return layout;
}

size_t
ae_target_scratch(uint32_t n_target)
{
	AeBlock block;
	AeLayout layout = layout_of(&block, n_target);

	return ae_loss_scratch(&layout);
}

double
ae_target_loss(AeReal *d, const AeReal *outputs, const AeReal *labels, size_t n_rows, double scale,
			   const AeTargetMeasure *measure)
{
	AeBlock block;
	AeLayout layout = layout_of(&block, measure->n_target);
	AeMeasure whole = {&layout, measure->kernels, measure->scratch};
	AeCells cells = {labels, n_rows, true};

	return ae_loss_rows(d, outputs, &cells, scale, &whole);
}

/* Running moments: Welford 1962. */
void
ae_target_tally(AeTargetTally *tally, const AeReal *outputs, const AeReal *labels, size_t n_rows,
				const AeTargetMeasure *measure)
{
	uint32_t n_target = measure->n_target;

	tally->loss += ae_target_loss(NULL, outputs, labels, n_rows, 0, measure);
	for (size_t i = 0; i < n_rows; i++)
	{
		double label = (double) labels[i], distance = label - tally->mean;

		if (labels[i] != labels[i])
			continue;
		tally->n++;
		if (n_target > 1)
			tally->right += ae_largest(outputs + i * n_target, n_target) == (uint32_t) labels[i];
		tally->mean += distance / tally->n;
		tally->square += distance * (label - tally->mean);
	}
}

double
ae_target_mean_loss(const AeTargetTally *tally)
{
	return tally->n > 0 ? tally->loss / tally->n : NAN;
}

double
ae_target_accuracy(const AeTargetTally *tally, uint32_t n_target)
{
	if (!(tally->n > 0))
		return NAN;
	if (n_target > 1)
		return tally->right / tally->n;
	return tally->square > 0.0 ? 1.0 - tally->loss / tally->square : NAN;
}

/* ---- as a term ---- */

typedef struct Term
{
	double scale; /* on the sum of the loss: weight and ae_target_factor */
	AeTargetMeasure measure;
	AeTargetTally tally; /* of validation rows */
} Term;

static bool
term_used(const AeNet *net, const AeTrainOptions *options)
{
	(void) options;
	return net->n_target > 0;
}

static void *
term_place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	Term *home = ae_arena_place(arena, 1, sizeof(Term));
	size_t n = ae_target_scratch(setup->net->n_target);
	AeReal *scratch = ae_arena_place(arena, n, sizeof(AeReal));

	(void) pass;
	(void) lasting;
	(void) own;
	if (home)
		*home = (Term){
			.scale =
				setup->options->target_weight * ae_target_factor(setup->n_rows, setup->n_labelled),
			.measure = {setup->net->n_target, setup->kernels, scratch},
		};
	return home;
}

static double
term_loss(void *state, AeSlice *slice)
{
	Term *term = state;
	AePass *pass = slice->pass;

	return term->scale * ae_target_loss(pass->d_target, pass->target, slice->labels, pass->n_rows,
										term->scale * slice->share, &term->measure);
}

static double
term_validate(void *state, const AeSlice *slice)
{
	Term *term = state;

	if (!slice->accumulate)
		term->tally = (AeTargetTally){0};
	ae_target_tally(&term->tally, slice->pass->target, slice->labels, slice->pass->n_rows,
					&term->measure);
	return 0;
}

/* The mean over a handful of labels is random: it might end training at any epoch. */
static double
term_judge(const void *state, const AeTrainOptions *options)
{
	const Term *term = state;

	if (!(term->tally.n >= AE_TARGET_MIN_JUDGED))
		return 0;
	return options->target_weight * ae_target_mean_loss(&term->tally);
}

const AePart ae_target_part = {
	.name = "target",
	.used = term_used,
	.place = term_place,
	.loss = term_loss,
	.validate = term_validate,
	.judge = term_judge,
};
