/*
 * ae_pretrain.c: the shallow nets of greedy layer-wise pretraining, and the rows that they see.
 */
#include "ae_pretrain.h"

#include <string.h>

/* The most rows of one pass through the layers below, and its most multiply-adds. */
#define PASS_ROWS 256
#define PASS_MACS 2.5e9
#define MIN_PASS_ROWS 16

#define DEFAULT_NOISE 0.2

/* ---- what the shallow net is ---- */

/* The layer of the whole decoder that mirrors layer l of the encoder. */
static uint32_t
mirror_of(const AeNet *net, uint32_t layer)
{
	return net->n_layers - 1 - layer;
}

static void
make_net(AePretrainer *p)
{
	const AeNet *whole = p->whole;
	uint32_t layer = p->layer, n = whole->width[layer];

	memset(&p->net, 0, sizeof p->net);
	p->net.n_layers = 2;
	p->net.n_encoder = 1;
	p->net.width[0] = n;
	p->net.width[1] = whole->width[layer + 1];
	p->net.width[2] = whole->width[mirror_of(whole, layer) + 1];
	p->net.activation[0] = whole->activation[layer];
	p->net.activation[1] = whole->activation[mirror_of(whole, layer)];
	if (layer == 0)
	{
		p->net.layout = whole->layout;
		return;
	}
	p->block = (AeBlock){.count = n, .loss = AE_LOSS_MSE};
	p->net.layout = (AeLayout){.n_dense = n, .n_columns = n, .n_blocks = 1, .blocks = &p->block};
}

static void
choose_corruption(AeTrainOptions *o, uint32_t layer)
{
	if (o->pretrain == AE_PRETRAIN_PLAIN)
		o->noise = o->masking = o->salt_pepper = o->swap = 0;
	if (layer > 0)
		o->salt_pepper = 0;
	if (o->masking == 0 && o->salt_pepper == 0 && o->swap == 0)
	{
		o->emphasis = 0;
		if (o->noise == 0 && o->pretrain == AE_PRETRAIN_DENOISING)
			o->noise = DEFAULT_NOISE;
	}
}

static void
make_options(AePretrainer *p, const AeTrainOptions *options)
{
	AeTrainOptions *o = &p->options;

	*o = *options;
	choose_corruption(o, p->layer);
	o->pretrain = AE_PRETRAIN_NONE;
	o->pretrain_updates = 0;
	o->epochs = 0;
	o->updates = options->pretrain_updates;
	o->patience = 0;
	o->time_limit = 0;
	o->dropout = 0;
	o->batch_norm = false;
	o->contract_weight = o->code_noise = o->aux_weight = o->target_weight = 0;
	o->batch_top_k = 0;
	o->distribution = AE_DISTRIBUTION_NONE;
	o->variance = AE_VARIANCE_FIXED;
	o->variational_beta = o->variational_warmup = o->variational_free_bits = 0;
	o->variational_samples = 0;
	/* a gate is for the whole network */
	if (o->sparse == AE_PENALTY_JUMPRELU ||
		(!o->sparse_hidden && p->layer + 1 != p->whole->n_encoder))
	{
		o->sparse = AE_PENALTY_NONE;
		o->sparse_weight = 0;
	}
	o->sparse_hidden = false;
	/* so that layers begin differently; the odd constant is that of Weyl's sequence */
	o->seed += (uint64_t) (p->layer + 1) * 0x9E3779B97F4A7C15u;
}

/* ---- its rows ---- */

/* p->cells = count rows of the source, those of the layout alone. */
static void
read_source(const AePretrainer *p, size_t first, size_t count)
{
	const AeRows *source = p->source;
	size_t width = ae_rows_stride(source), n_cells = ae_layout_cells(&p->whole->layout);

	if (source->data)
		memcpy(p->cells, source->data + first * width, count * width * sizeof(AeReal));
	else
		source->read(source->context, p->cells, first, count);
	for (size_t i = 1; i < count && width != n_cells; i++)
		memmove(p->cells + i * n_cells, p->cells + i * width, n_cells * sizeof(AeReal));
}

/* AeRows.read: the outputs of the layers below for rows. */
static void
read_hidden(void *context, AeReal *out, size_t first, size_t count)
{
	AePretrainer *p = context;
	const AeLayout *layout = &p->whole->layout;

	for (size_t at = 0; at < count; at += p->n_rows)
	{
		size_t n = count - at < p->n_rows ? count - at : p->n_rows;
		const AeCells cells = {p->cells, n, p->source->nullable};
		const AeReal *made = p->cells;

		ae_check(p->pass.compute.check);
		read_source(p, first + at, n);
		if (p->layer > 0)
		{
			ae_loss_inputs(&p->pass.inputs, &cells, layout, NULL, p->pass.compute.kernels);
			ae_net_forward(&p->pass, p->params, AE_PASS_SCORE);
			made = p->pass.h[p->layer];
		}
		memcpy(out + at * p->rows.width, made, n * p->rows.width * sizeof(AeReal));
	}
}

static void
make_rows(AePretrainer *p)
{
	size_t n_cells = ae_layout_cells(&p->net.layout);

	p->rows = *p->source;
	if (p->layer == 0 && !p->source->has_target)
		return;
	p->rows.width = n_cells;
	p->rows.has_target = false;
	p->rows.n_labelled = 0;
	p->rows.data = NULL;
	p->rows.read = read_hidden;
	p->rows.computed = true;
	p->rows.context = p;
	if (p->layer == 0)
		return;
	p->rows.nullable = false;
	p->rows.low = p->rows.high = NULL;
}

/* ---- the whole of it ---- */

/* Places every part; called twice, first to count. */
static AePretrainer *
plan(AeArena *arena, const AeNet *net, const AeRows *rows, uint32_t layer)
{
	AePretrainer p = {.whole = net, .source = rows, .layer = layer, .n_rows = PASS_ROWS};
	AePretrainer *home = ae_arena_place(arena, 1, sizeof(AePretrainer));
	double macs = 1;

	for (uint32_t l = 0; l < layer; l++)
		macs += (double) net->width[l] * net->width[l + 1];
	if (PASS_MACS / macs < PASS_ROWS)
		p.n_rows = PASS_MACS / macs > MIN_PASS_ROWS ? (size_t) (PASS_MACS / macs) : MIN_PASS_ROWS;
	ae_net_place(&p.pass, arena, net, layer, p.n_rows, false);
	ae_inputs_place(&p.pass.inputs, arena, &net->layout, p.n_rows, false, rows->nullable);
	/* rows have at most 2^17 cells or inputs: no product overflows */
	p.cells = ae_arena_place(arena, p.n_rows * ae_rows_stride(rows), sizeof(AeReal));
	if (home)
		*home = p;
	return home;
}

AeStatus
ae_pretrainer_size(size_t *bytes, const AeNet *net, const AeRows *rows, uint32_t layer,
				   AeError *error)
{
	AeArena arena = {.base = NULL, .used = AE_ALIGN, .overflow = false};

	if (!ae_net_is_mirrored(net) || layer >= net->n_encoder)
		return ae_fail(error, AE_ERR_SHAPE, "layers of a decoder to be pretrained",
					   net->n_layers - net->n_encoder, net->n_encoder, net->n_encoder);
	if (rows->width < ae_layout_cells(&net->layout))
		return ae_fail(error, AE_ERR_SHAPE, "number of cells", (double) rows->width,
					   ae_layout_cells(&net->layout), ae_layout_cells(&net->layout));
	plan(&arena, net, rows, layer);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "bytes to pretrain in", (double) SIZE_MAX, 0,
					   (double) SIZE_MAX);
	*bytes = arena.used;
	return AE_OK;
}

AePretrainer *
ae_pretrainer_init(void *block, const AeTask *task, const AeReal *params, uint32_t layer,
				   const AeCompute *compute)
{
	AeArena arena = {.base = ae_arena_align(block), .used = 0, .overflow = false};
	AePretrainer *p = plan(&arena, task->net, task->rows, layer);

	p->params = params;
	p->pass.compute = *compute;
	make_net(p);
	make_options(p, task->options);
	make_rows(p);
	return p;
}

void
ae_pretrainer_install(AeReal *params, const AePretrainer *p, const AeReal *trained)
{
	size_t encoder = ae_net_offset(&p->net, 1);
	size_t decoder = ae_net_offset(&p->net, 2) - encoder;

	memcpy(params + ae_net_offset(p->whole, p->layer), trained, encoder * sizeof(AeReal));
	memcpy(params + ae_net_offset(p->whole, mirror_of(p->whole, p->layer)), trained + encoder,
		   decoder * sizeof(AeReal));
}
