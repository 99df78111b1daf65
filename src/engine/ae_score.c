/*
 * ae_score.c: the forward pass of scoring and the errors of rows.
 *
 * Same bits for a row alone or in any batch: the kernels promise it for every
 * row, and nothing here mixes rows.  Knows no BLAS and no libm.
 *
 * Buffers: inputs -> h[0] -> h[1] -> h[0] ...; a layer reads one and writes the
 * other.  Weights are packed once into panels; biases stay in the model.
 */
#include "ae_score.h"

#include <math.h>

/* Places (or counts, with arena->base NULL) everything a scorer owns. */
static void
place(AeScorer *scorer, AeReal *panels[AE_MAX_LAYERS], AeArena *arena, const AeNet *net,
	  size_t batch)
{
	size_t widest = 0;
	size_t count;

	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		panels[l] = ae_arena_place(arena, ae_kernel_packed_count(net->width[l], net->width[l + 1]),
								   sizeof(AeReal));
		if (net->width[l + 1] > widest)
			widest = net->width[l + 1];
	}
	if (!ae_size_mul(&count, batch, net->width[0]))
		arena->overflow = true;
	scorer->inputs = ae_arena_place(arena, count, sizeof(AeReal));
	if (!ae_size_mul(&count, batch, widest))
		arena->overflow = true;
	scorer->h[0] = ae_arena_place(arena, count, sizeof(AeReal));
	scorer->h[1] = ae_arena_place(arena, count, sizeof(AeReal));
}

AeStatus
ae_scorer_size(size_t *bytes, const AeModel *model, size_t batch, AeError *error)
{
	AeScorer scorer;
	AeReal *panels[AE_MAX_LAYERS];
	AeArena arena = {NULL, 0, false};

	place(&scorer, panels, &arena, &model->net, batch);
	if (arena.overflow || !ae_size_add(bytes, arena.used, AE_ALIGN))
		return ae_fail(error, AE_ERR_LIMIT, "scorer rows", (double) batch, 1.0,
					   (double) SIZE_MAX / AE_MAX_WIDTH);
	return AE_OK;
}

void
ae_scorer_init(AeScorer *scorer, void *block, const AeModel *model, size_t batch,
			   const AeKernels *kernels)
{
	const AeNet *net = &model->net;
	AeReal *panels[AE_MAX_LAYERS];
	AeArena arena = {ae_arena_align(block), 0, false};

	scorer->model = model;
	scorer->kernels = kernels;
	scorer->batch = batch;
	place(scorer, panels, &arena, net, batch);
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		const AeReal *weights = model->params + ae_net_offset(net, l);

		ae_kernel_pack(panels[l], weights, net->width[l], net->width[l + 1]);
		scorer->panels[l] = panels[l];
		scorer->bias[l] = weights + (size_t) net->width[l] * net->width[l + 1];
	}
}

/*
 * Applies act to the columns of the blocks of one loss in h: n_rows x n_inputs.
 * A block that is the whole width is one run over all rows.
 */
static void
activate_blocks(const AeScorer *scorer, AeReal *h, size_t n_rows, AeLoss loss, AeActivation act)
{
	const AeNet *net = &scorer->model->net;
	size_t width = net->width[net->n_layers];

	for (uint32_t b = 0; b < net->n_blocks; b++)
	{
		const AeBlock *block = &net->blocks[b];

		if (block->loss != loss)
			continue;
		if (block->count == width)
			scorer->kernels->activate(act, h, n_rows * width);
		else
			for (size_t r = 0; r < n_rows; r++)
				scorer->kernels->activate(act, h + r * width + block->first, block->count);
	}
}

/* Layers first .. end - 1 on x: n_rows x width[first]; the result lies in one of scorer->h. */
static AeReal *
run_layers(AeScorer *scorer, const AeReal *x, size_t n_rows, uint32_t first, uint32_t end)
{
	const AeNet *net = &scorer->model->net;
	uintptr_t at = (uintptr_t) x;
	uintptr_t h0 = (uintptr_t) scorer->h[0];
	uintptr_t h1 = (uintptr_t) scorer->h[1];
	int into = at >= h0 && at < h1; /* not where x lies: h[1] was placed behind h[0] */
	AeReal *y = NULL;

	for (uint32_t l = first; l < end; l++)
	{
		size_t n_in = net->width[l];
		size_t n_out = net->width[l + 1];

		y = scorer->h[into];
		scorer->kernels->dense(y, n_out, x, n_in, scorer->panels[l], scorer->bias[l], n_rows, n_in,
							   n_out);
		if (l + 1 == net->n_layers)
			activate_blocks(scorer, y, n_rows, AE_LOSS_MSE, net->activation[l]);
		else
			scorer->kernels->activate(net->activation[l], y, n_rows * n_out);
		x = y;
		into = 1 - into;
	}
	return y;
}

const AeReal *
ae_scorer_encode(AeScorer *scorer, size_t n_rows)
{
	return run_layers(scorer, scorer->inputs, n_rows, 0, scorer->model->net.n_encoder);
}

AeReal *
ae_scorer_decode(AeScorer *scorer, const AeReal *codes, size_t n_rows)
{
	const AeNet *net = &scorer->model->net;

	return run_layers(scorer, codes, n_rows, net->n_encoder, net->n_layers);
}

void
ae_scorer_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows)
{
	activate_blocks(scorer, outputs, n_rows, AE_LOSS_BCE, AE_SIGMOID);
}

/* Loss of one row summed over its columns. */
static double
row_loss(const AeScorer *scorer, const AeReal *outputs, const AeReal *inputs)
{
	const AeNet *net = &scorer->model->net;
	const AeKernels *kernels = scorer->kernels;
	double sum = 0.0;

	for (uint32_t b = 0; b < net->n_blocks; b++)
	{
		const AeBlock *block = &net->blocks[b];
		const AeReal *r = outputs + block->first;
		const AeReal *x = inputs + block->first;

		if (block->loss == AE_LOSS_MSE)
			sum += kernels->square_error(r, x, block->count);
		else
			sum += kernels->cross_entropy(r, x, block->count);
	}
	return sum;
}

void
ae_scorer_errors(double *errors, const AeScorer *scorer, const AeReal *outputs, size_t n_rows)
{
	const AeNet *net = &scorer->model->net;
	size_t width = net->width[net->n_layers];

	for (size_t r = 0; r < n_rows; r++)
	{
		double mean = row_loss(scorer, outputs + r * width, scorer->inputs + r * width) / width;

		if (!isfinite(mean))
			mean = INFINITY;
		errors[r] = mean > 0.0 ? mean : 0.0;
	}
}
