/*
 * ae_loss.c: turns cells into inputs, and computes the loss of a reconstruction with its gradient.
 *
 * The same code serves training and scoring, so that an error is the training loss of the row.  On
 * the scoring path: no libm, no BLAS, one order of operations.
 *
 * Missing cells cost nothing, whatever their outputs: they count as a distance from 0 to 0, or as
 * the cross-entropy of a logit far below zero with the target 0. Both are exactly 0 with gradient
 * 0, so the kernels need not know of them.
 */
#include "ae_loss.h"

#include <math.h>
#include <string.h>

#define SURELY_FALSE (-1000) /* a logit whose cross-entropy with 0 is 0 */

static double
absolute_at(double distance)
{
	return fabs(distance);
}

static double
huber_at(double distance)
{
	double size = fabs(distance), inner = size < 1.0 ? size : 1.0;

	return inner * (size - 0.5 * inner);
}

const AeLossInfo ae_loss_info[AE_LOSS_COUNT] = {
	[AE_LOSS_MSE] = {.name = "mse", .of = AE_LOSS_OF_DISTANCE},
	[AE_LOSS_BCE] = {.name = "bce", .of = AE_LOSS_OF_LOGIT},
	[AE_LOSS_SOFTMAX] = {.name = "cross_entropy", .of = AE_LOSS_OF_CATEGORY},
	[AE_LOSS_ONEHOT] = {.name = "mse", .of = AE_LOSS_OF_CATEGORY},
	[AE_LOSS_MAE] = {.name = "mae", .of = AE_LOSS_OF_DISTANCE, .at = absolute_at},
	[AE_LOSS_HUBER] = {.name = "huber", .of = AE_LOSS_OF_DISTANCE, .at = huber_at},
};

AeLoss
ae_loss_nth(bool category, int n)
{
	int loss;

	for (loss = 0; loss < AE_LOSS_COUNT; loss++)
		if (ae_loss_is_category((AeLoss) loss) == category && n-- == 0)
			break;
	return (AeLoss) loss;
}

AeStatus
ae_layout_check(const AeLayout *layout, AeError *error)
{
	uint32_t next = 0, n_categories = 0, n_columns = 0;
	uint32_t n_outputs = ae_layout_outputs(layout);

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool known = (unsigned) block->loss < AE_LOSS_COUNT;
		bool category = known && ae_loss_is_category(block->loss);

		if (!known || block->first != next || block->count < 1 || block->count > n_outputs - next ||
			category != (next >= layout->n_dense) || (category && !block->grouped))
			return ae_fail(error, AE_ERR_SHAPE, "output block", b, 0, layout->n_blocks);
		next += block->count;
		n_categories += category;
		n_columns += block->grouped ? 1 : block->count;
	}
	if (next != n_outputs)
		return ae_fail(error, AE_ERR_SHAPE, "number of outputs with a loss", next, n_outputs,
					   n_outputs);
	if (n_categories != layout->n_categories)
		return ae_fail(error, AE_ERR_SHAPE, "number of categories", n_categories,
					   layout->n_categories, layout->n_categories);
	if (n_columns != layout->n_columns)
		return ae_fail(error, AE_ERR_SHAPE, "number of columns with a loss", n_columns,
					   layout->n_columns, layout->n_columns);
	for (uint32_t i = 0; i < layout->n_indicators; i++)
		if (layout->indicators[i] >= layout->n_dense)
			return ae_fail(error, AE_ERR_SHAPE, "cell of an indicator", layout->indicators[i], 0,
						   layout->n_dense);
	return AE_OK;
}

void
ae_layout_scored(AeLayout *scored, AeBlock *blocks, const AeLayout *layout)
{
	*scored = *layout;
	scored->blocks = blocks;
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		blocks[b] = layout->blocks[b];
		if (blocks[b].tag > 0)
			blocks[b].weight = 0.0;
	}
}

size_t
ae_loss_scratch(const AeLayout *layout)
{
	size_t widest = 1;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
		if (layout->blocks[b].count > widest)
			widest = layout->blocks[b].count;
	return 2 * widest;
}

/* ---- cells to inputs ---- */

bool
ae_loss_any_missing(const AeReal *cells, size_t n)
{
	int missing = 0;

	for (size_t j = 0; j < n; j++)
		missing |= cells[j] != cells[j];
	return missing != 0;
}

/* Sets the levels of one row. */
static void
row_levels(int32_t *levels, const AeReal *cells, const AeLayout *layout)
{
	uint32_t c = 0;

	for (uint32_t b = layout->n_blocks - layout->n_categories; b < layout->n_blocks; b++, c++)
	{
		const AeBlock *block = &layout->blocks[b];
		AeReal cell = cells[layout->n_dense + c];

		levels[c] =
			cell >= 0 ? (int32_t) (layout->n_indicators + block->first) + (int32_t) cell : -1;
	}
}

/* Numbers of one row: missing cells as 0, then the indicators. */
static void
fill_row(AeReal *filled, const AeReal *dense, const AeLayout *layout)
{
	for (uint32_t j = 0; j < layout->n_dense; j++)
		filled[j] = dense[j] != dense[j] ? 0 : dense[j];
	for (uint32_t i = 0; i < layout->n_indicators; i++)
	{
		AeReal cell = dense[layout->indicators[i]];

		filled[layout->n_dense + i] = cell != cell ? 1 : 0;
	}
}

void
ae_inputs_place(AeInputs *inputs, AeArena *arena, const AeLayout *layout, size_t n_rows, bool noisy,
				bool nullable)
{
	*inputs = (AeInputs){0};
	if (noisy || layout->n_categories > 0)
		inputs->dense = ae_arena_place_rows(arena, n_rows, layout->n_dense, sizeof(AeReal));
	if (nullable || layout->n_indicators > 0)
		inputs->filled =
			ae_arena_place_rows(arena, n_rows, ae_layout_dense_inputs(layout), sizeof(AeReal));
	inputs->levels = ae_arena_place_rows(arena, n_rows, layout->n_categories, sizeof(int32_t));
}

void
ae_loss_inputs(AeInputs *inputs, const AeCells *cells, const AeLayout *layout, const AeNoise *noise,
			   const AeKernels *kernels)
{
	size_t n_dense = layout->n_dense, n_cells = ae_layout_cells(layout), n_rows = cells->n_rows;
	size_t n_numbers = ae_layout_dense_inputs(layout);
	const AeReal *from = cells->at;

	if (layout->n_categories > 0)
	{
		for (size_t i = 0; i < n_rows; i++)
		{
			row_levels(inputs->levels + i * layout->n_categories, cells->at + i * n_cells, layout);
			for (size_t j = 0; j < n_dense; j++)
				inputs->dense[i * n_dense + j] = cells->at[i * n_cells + j];
		}
		from = inputs->dense;
	}
	if (noise && noise->sigma > 0)
	{
		/* a missing cell stays missing: NaN + noise is NaN */
		kernels->add_noise(inputs->dense, from, n_rows * n_dense, noise->sigma, noise->visit.seed,
						   noise->visit.number);
		from = inputs->dense;
	}
	if (cells->nullable || layout->n_indicators > 0)
	{
		for (size_t i = 0; i < n_rows; i++)
			fill_row(inputs->filled + i * n_numbers, from + i * n_dense, layout);
		from = inputs->filled;
	}
	inputs->x = from;
	inputs->n_rows = n_rows;
}

/* ---- one block of one row ---- */

static uint32_t
count_observed(const AeReal *x, uint32_t n)
{
	uint32_t observed = 0;

	for (uint32_t j = 0; j < n; j++)
		observed += x[j] == x[j];
	return observed;
}

static void
zero(AeReal *d, uint32_t n)
{
	if (d)
		memset(d, 0, n * sizeof(AeReal));
}

double
ae_loss_dense(AeLoss loss, const AeReal *outputs, const AeReal *cells, size_t n,
			  const AeKernels *kernels)
{
	switch (loss)
	{
		case AE_LOSS_BCE:
			return kernels->cross_entropy(outputs, cells, n);
		case AE_LOSS_MAE:
			return kernels->absolute_error(outputs, cells, n);
		case AE_LOSS_HUBER:
			return kernels->huber_error(outputs, cells, n);
		default:
			return kernels->square_error(outputs, cells, n);
	}
}

/* The same for many rows, with d = share * its gradient unless d is NULL. */
static double
dense_rows(AeReal *d, const AeReal *r, const AeReal *x, AeLoss loss, double share,
		   const AeExtent *extent, const AeKernels *kernels)
{
	AeReal scale = (AeReal) share;

	switch (loss)
	{
		case AE_LOSS_BCE:
			return kernels->cross_entropy_loss(d, r, x, scale, extent);
		case AE_LOSS_MAE:
			return kernels->absolute_loss(d, r, x, scale, extent);
		case AE_LOSS_HUBER:
			return kernels->huber_loss(d, r, x, scale, extent);
		default:
			return kernels->square_loss(d, r, x, (AeReal) (2 * share), extent);
	}
}

/* The sum, or the mean if grouped, over the observed outputs of a dense block. */
static double
dense_block(AeReal *d, const AeReal *r, const AeReal *x, const AeBlock *block, double share,
			const AeMeasure *measure)
{
	uint32_t n = block->count, observed = count_observed(x, n);
	bool distance = ae_loss_is_distance(block->loss);
	double weight = block->grouped && observed > 0 ? 1.0 / observed : 1.0;
	double sum;

	if (observed == 0)
	{
		zero(d, n);
		return 0.0;
	}
	if (observed < n)
	{
		AeReal *r_known = measure->scratch, *x_known = r_known + n;

		for (uint32_t j = 0; j < n; j++)
		{
			bool missing = x[j] != x[j];

			r_known[j] = missing ? (distance ? 0 : SURELY_FALSE) : r[j];
			x_known[j] = missing ? 0 : x[j];
		}
		r = r_known;
		x = x_known;
	}
	if (!d)
		sum = ae_loss_dense(block->loss, r, x, n, measure->kernels);
	else
		sum = dense_rows(d, r, x, block->loss, share * weight, &(AeExtent){1, n, n, n},
						 measure->kernels);
	return block->grouped ? sum * weight : sum;
}

static double
least(const AeReal *z, uint32_t n)
{
	AeReal low = z[0];

	for (uint32_t j = 1; j < n; j++)
		low = z[j] < low ? z[j] : low;
	return (double) low;
}

/* Cross-entropy of logits z with level t; an unknown level has no gradient. */
static double
softmax_block(AeReal *d, const AeReal *z, int32_t t, const AeBlock *block, double share,
			  const AeKernels *kernels)
{
	uint32_t n = block->count;
	double total = kernels->softmax(d, z, n);

	if (t < 0 || (uint32_t) t >= n)
	{
		double rarest = total - least(z, n);

		zero(d, n);
		return rarest > block->unseen ? rarest : block->unseen;
	}
	if (d)
	{
		for (uint32_t j = 0; j < n; j++)
			d[j] *= (AeReal) share;
		d[t] -= (AeReal) share;
	}
	return total - (double) z[t];
}

/*
 * Squared error of z with the one-hot form of t; an unknown level counts as one more output,
 * predicted 0.
 */
static double
onehot_block(AeReal *d, const AeReal *z, int32_t t, const AeBlock *block, double share,
			 const AeMeasure *measure)
{
	uint32_t n = block->count;
	bool known = t >= 0 && (uint32_t) t < n;
	const AeKernels *kernels = measure->kernels;
	AeReal *scratch = measure->scratch;
	double sum;

	memset(scratch, 0, n * sizeof(AeReal));
	if (known)
		scratch[t] = 1;
	if (!d)
		return kernels->square_error(z, scratch, n) + (known ? 0.0 : 1.0);
	sum = kernels->square_loss(d, z, scratch, (AeReal) (2 * share), &(AeExtent){1, n, n, n});
	if (!known)
		zero(d, n);
	return sum + (known ? 0.0 : 1.0);
}

/*
 * The loss of any block; x: its first cell. The gradient is multiplied by share, the value is not.
 */
static double
any_block(AeReal *d, const AeReal *r, const AeReal *x, const AeBlock *block, double share,
		  const AeMeasure *measure)
{
	if (!ae_loss_is_category(block->loss))
		return dense_block(d, r, x, block, share, measure);
	if (x[0] != x[0] || block->weight == 0.0)
	{
		zero(d, block->count);
		return 0.0;
	}
	share *= block->weight;
	if (block->loss == AE_LOSS_SOFTMAX)
		return block->weight * softmax_block(d, r, (int32_t) x[0], block, share, measure->kernels);
	return block->weight * onehot_block(d, r, (int32_t) x[0], block, share, measure);
}

/* The first cell of block b. */
static uint32_t
block_cell(const AeLayout *layout, uint32_t b)
{
	uint32_t n_dense_blocks = layout->n_blocks - layout->n_categories;

	return b < n_dense_blocks ? layout->blocks[b].first : layout->n_dense + (b - n_dense_blocks);
}

/* Cells of block b. */
static uint32_t
block_cells(const AeLayout *layout, uint32_t b)
{
	return ae_loss_is_category(layout->blocks[b].loss) ? 1 : layout->blocks[b].count;
}

uint32_t
ae_loss_observed(const AeReal *cells, const AeLayout *layout)
{
	uint32_t n = 0;

	if (!ae_loss_any_missing(cells, ae_layout_cells(layout)))
		return layout->n_columns;
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		uint32_t observed = count_observed(cells + block_cell(layout, b), block_cells(layout, b));

		n += layout->blocks[b].grouped ? observed > 0 : observed;
	}
	return n;
}

double
ae_loss_block(const AeReal *outputs, const AeReal *cells, uint32_t b, const AeMeasure *measure)
{
	const AeLayout *layout = measure->layout;
	const AeBlock *block = &layout->blocks[b];
	const AeReal *x = cells + block_cell(layout, b);
	double loss;

	if (count_observed(x, block_cells(layout, b)) == 0)
		return NAN;
	loss = any_block(NULL, outputs + block->first, x, block, 0, measure);
	return isnan(loss) ? INFINITY : loss;
}

double
ae_loss_block_gradient(AeReal *d, const AeReal *outputs, const AeReal *cells, uint32_t b,
					   double scale, const AeMeasure *measure)
{
	const AeBlock *block = &measure->layout->blocks[b];

	return any_block(d ? d + block->first : NULL, outputs + block->first,
					 cells + block_cell(measure->layout, b), block, scale, measure);
}

double
ae_loss_row(AeReal *d, const AeReal *outputs, const AeReal *cells, double scale,
			const AeMeasure *measure)
{
	const AeLayout *layout = measure->layout;
	uint32_t n_columns = ae_loss_observed(cells, layout);
	double share = n_columns > 0 ? scale / n_columns : 0.0;
	double sum = 0.0;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
		sum += ae_loss_block_gradient(d, outputs, cells, b, share, measure);
	return n_columns > 0 ? sum / n_columns : 0.0;
}

/* ---- many rows ---- */

/* One block of many rows without missing cells. */
static double
block_rows(AeReal *d, const AeReal *outputs, const AeCells *cells, uint32_t b, double share,
		   const AeMeasure *measure)
{
	const AeLayout *layout = measure->layout;
	const AeBlock *block = &layout->blocks[b];
	AeExtent extent = {cells->n_rows, block->count, ae_layout_outputs(layout),
					   ae_layout_cells(layout)};
	const AeReal *r = outputs + block->first, *x = cells->at + block_cell(layout, b);
	double weight = ae_block_share(block);
	double sum = 0.0;

	d = d ? d + block->first : NULL;
	if (!ae_loss_is_category(block->loss))
		return weight * dense_rows(d, r, x, block->loss, share * weight, &extent, measure->kernels);
	for (size_t i = 0; i < extent.n_rows; i++)
		sum += any_block(d ? d + i * extent.ld : NULL, r + i * extent.ld, x + i * extent.ldx, block,
						 share, measure);
	return sum;
}

double
ae_loss_rows(AeReal *d, const AeReal *outputs, const AeCells *cells, double scale,
			 const AeMeasure *measure)
{
	const AeLayout *layout = measure->layout;
	size_t ld = ae_layout_outputs(layout), ldx = ae_layout_cells(layout);
	double sum = 0.0;

	if (!cells->nullable)
	{
		double share = scale / layout->n_columns;

		for (uint32_t b = 0; b < layout->n_blocks; b++)
			sum += block_rows(d, outputs, cells, b, share, measure);
		return sum / layout->n_columns;
	}
	for (size_t i = 0; i < cells->n_rows; i++)
		sum += ae_loss_row(d ? d + i * ld : NULL, outputs + i * ld, cells->at + i * ldx, scale,
						   measure);
	return sum;
}
