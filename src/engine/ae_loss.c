/*
 * ae_loss.c: cells to inputs, and the loss of a reconstruction with its gradient.
 *
 * One piece of code serves training and scoring, so that an error is the training loss
 * of the row.  On the scoring path: no libm, no BLAS, one order of operations.
 *
 * Missing cells cost nothing, whatever their outputs: a distance is taken of 0 and
 * 0, a cross-entropy of a logit far below zero and the target 0, both exactly 0 with the
 * gradient 0, so that the kernels need not know of them.
 */
#include "ae_loss.h"

#include <math.h>
#include <string.h>

#define SURELY_FALSE (-1000) /* a logit whose cross-entropy with 0 is 0 */

const char *const ae_loss_name[AE_LOSS_COUNT] = {
	[AE_LOSS_MSE] = "mse",    [AE_LOSS_BCE] = "bce", [AE_LOSS_SOFTMAX] = "cross_entropy",
	[AE_LOSS_ONEHOT] = "mse", [AE_LOSS_MAE] = "mae", [AE_LOSS_HUBER] = "huber",
};

AeStatus
ae_layout_check(const AeLayout *layout, AeError *error)
{
	uint32_t next = 0, n_categories = 0, n_columns = 0;
	uint32_t n_outputs = ae_layout_outputs(layout);

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool category = ae_loss_is_category(block->loss);

		if (block->first != next || block->count < 1 || block->count > n_outputs - next ||
			(unsigned) block->loss >= AE_LOSS_COUNT || category != (next >= layout->n_dense) ||
			(category && !block->grouped))
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

/* levels of one row */
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
ae_loss_inputs(const AeReal **x, int32_t *levels, const AeReal *cells, AeReal *dense,
			   AeReal *filled, const AeLayout *layout, size_t n_rows, bool nullable, AeReal sigma,
			   uint64_t key, uint64_t visit, const AeKernels *kernels)
{
	size_t n_dense = layout->n_dense, n_cells = ae_layout_cells(layout);
	size_t n_numbers = ae_layout_dense_inputs(layout);
	const AeReal *from = cells;

	if (layout->n_categories > 0)
	{
		for (size_t i = 0; i < n_rows; i++)
		{
			row_levels(levels + i * layout->n_categories, cells + i * n_cells, layout);
			for (size_t j = 0; j < n_dense; j++)
				dense[i * n_dense + j] = cells[i * n_cells + j];
		}
		from = dense;
	}
	if (sigma > 0)
	{
		/* a missing cell stays so: NaN + noise is NaN */
		kernels->add_noise(dense, from, n_rows * n_dense, sigma, key, visit);
		from = dense;
	}
	if (nullable || layout->n_indicators > 0)
	{
		for (size_t i = 0; i < n_rows; i++)
			fill_row(filled + i * n_numbers, from + i * n_dense, layout);
		from = filled;
	}
	*x = from;
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
dense_rows(AeReal *d, const AeReal *r, const AeReal *x, AeLoss loss, double share, size_t n_rows,
		   size_t n_cols, size_t ld, size_t ldx, const AeKernels *kernels)
{
	AeReal scale = (AeReal) share;

	switch (loss)
	{
		case AE_LOSS_BCE:
			return kernels->cross_entropy_loss(d, r, x, scale, n_rows, n_cols, ld, ldx);
		case AE_LOSS_MAE:
			return kernels->absolute_loss(d, r, x, scale, n_rows, n_cols, ld, ldx);
		case AE_LOSS_HUBER:
			return kernels->huber_loss(d, r, x, scale, n_rows, n_cols, ld, ldx);
		default:
			return kernels->square_loss(d, r, x, (AeReal) (2 * share), n_rows, n_cols, ld, ldx);
	}
}

/* A dense block: share times the sum, or the mean where grouped, of its observed outputs. */
static double
dense_block(AeReal *d, const AeReal *r, const AeReal *x, const AeBlock *block, double share,
			AeReal *scratch, const AeKernels *kernels)
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
		AeReal *r_known = scratch, *x_known = scratch + n;

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
		sum = ae_loss_dense(block->loss, r, x, n, kernels);
	else
		sum = dense_rows(d, r, x, block->loss, share * weight, 1, n, n, n, kernels);
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
 * Squared error of z with the one-hot form of t; an unknown level is one output more, predicted 0.
 */
static double
onehot_block(AeReal *d, const AeReal *z, int32_t t, const AeBlock *block, double share,
			 AeReal *scratch, const AeKernels *kernels)
{
	uint32_t n = block->count;
	bool known = t >= 0 && (uint32_t) t < n;
	double sum;

	memset(scratch, 0, n * sizeof(AeReal));
	if (known)
		scratch[t] = 1;
	if (!d)
		return kernels->square_error(z, scratch, n) + (known ? 0.0 : 1.0);
	sum = kernels->square_loss(d, z, scratch, (AeReal) (2 * share), 1, n, n, n);
	if (!known)
		zero(d, n);
	return sum + (known ? 0.0 : 1.0);
}

/* Any block; x: its first cell.  The gradient is multiplied by share, the value is not. */
static double
any_block(AeReal *d, const AeReal *r, const AeReal *x, const AeBlock *block, double share,
		  AeReal *scratch, const AeKernels *kernels)
{
	if (!ae_loss_is_category(block->loss))
		return dense_block(d, r, x, block, share, scratch, kernels);
	if (x[0] != x[0])
	{
		zero(d, block->count);
		return 0.0;
	}
	share *= block->weight;
	if (block->loss == AE_LOSS_SOFTMAX)
		return block->weight * softmax_block(d, r, (int32_t) x[0], block, share, kernels);
	return block->weight * onehot_block(d, r, (int32_t) x[0], block, share, scratch, kernels);
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
ae_loss_block(const AeReal *outputs, const AeReal *cells, const AeLayout *layout, uint32_t b,
			  AeReal *scratch, const AeKernels *kernels)
{
	const AeBlock *block = &layout->blocks[b];
	const AeReal *x = cells + block_cell(layout, b);
	double loss;

	if (count_observed(x, block_cells(layout, b)) == 0)
		return NAN;
	loss = any_block(NULL, outputs + block->first, x, block, 0, scratch, kernels);
	return isnan(loss) ? INFINITY : loss;
}

double
ae_loss_row(AeReal *d, const AeReal *outputs, const AeReal *cells, const AeLayout *layout,
			double scale, AeReal *scratch, const AeKernels *kernels)
{
	uint32_t n_columns = ae_loss_observed(cells, layout);
	double share = n_columns > 0 ? scale / n_columns : 0.0;
	double sum = 0.0;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];

		sum += any_block(d ? d + block->first : NULL, outputs + block->first,
						 cells + block_cell(layout, b), block, share, scratch, kernels);
	}
	return n_columns > 0 ? sum / n_columns : 0.0;
}

/* ---- many rows ---- */

/* One block of many rows that miss nothing. */
static double
block_rows(AeReal *d, const AeReal *outputs, const AeReal *cells, const AeLayout *layout,
		   uint32_t b, size_t n_rows, double share, AeReal *scratch, const AeKernels *kernels)
{
	const AeBlock *block = &layout->blocks[b];
	size_t ld = ae_layout_outputs(layout), ldx = ae_layout_cells(layout);
	const AeReal *r = outputs + block->first, *x = cells + block_cell(layout, b);
	double weight = block->grouped ? 1.0 / block->count : 1.0;
	double sum = 0.0;

	d = d ? d + block->first : NULL;
	if (!ae_loss_is_category(block->loss))
		return weight * dense_rows(d, r, x, block->loss, share * weight, n_rows, block->count, ld,
								   ldx, kernels);
	for (size_t i = 0; i < n_rows; i++)
		sum += any_block(d ? d + i * ld : NULL, r + i * ld, x + i * ldx, block, share, scratch,
						 kernels);
	return sum;
}

double
ae_loss_rows(AeReal *d, const AeReal *outputs, const AeReal *cells, const AeLayout *layout,
			 size_t n_rows, bool nullable, double scale, AeReal *scratch, const AeKernels *kernels)
{
	size_t ld = ae_layout_outputs(layout), ldx = ae_layout_cells(layout);
	double sum = 0.0;

	if (!nullable)
	{
		double share = scale / layout->n_columns;

		for (uint32_t b = 0; b < layout->n_blocks; b++)
			sum += block_rows(d, outputs, cells, layout, b, n_rows, share, scratch, kernels);
		return sum / layout->n_columns;
	}
	for (size_t i = 0; i < n_rows; i++)
		sum += ae_loss_row(d ? d + i * ld : NULL, outputs + i * ld, cells + i * ldx, layout, scale,
						   scratch, kernels);
	return sum;
}
