/*
 * ae_train.c: the training loop, turned inside out so that a caller can stop it
 * between any two steps.
 *
 * An *evaluation* is the loss and its gradient over a set of rows: a minibatch,
 * or for L-BFGS all training rows.  It is computed in slices of at most
 * `slice_rows` rows, whose number depends on the network alone; one step of the
 * trainer is one slice.  After the last slice of an evaluation the optimiser
 * moves the weights; after the last evaluation of an epoch the validation rows
 * are passed through, again by slices.
 *
 * Order of rows.  The caller's order is canonical (a random one that belongs to
 * the set of rows).  The first n_validation rows are held out.  The others are
 * cut into blocks of BLOCK_ROWS; each epoch permutes the blocks, and then the
 * rows within windows of consecutive permuted blocks.  Up to one window of rows
 * that is a full shuffle; beyond it, rows on disk are still read in runs.  The
 * result is the same wherever the rows are kept.
 */
#include "ae_train.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ae_lbfgs.h"
#include "ae_optim.h"
#include "ae_rng.h"
#include "ae_target.h"

#define BLOCK_ROWS 256
#define WINDOW_REALS ((size_t) 1 << 22)
#define MIN_WINDOW_BLOCKS 8
#define MAX_WINDOW_BLOCKS 256
#define SLICE_FLOPS 5e9 /* about 50 ms of one core */
#define MIN_SLICE_ROWS 16
#define PASS_ROWS 512    /* rows of a slice where no minibatch says otherwise */
#define KEEP_INTERVAL 16 /* updates between copies of good weights */

const char *const ae_optimizer_name[AE_OPTIMIZER_COUNT] = {
	[AE_OPTIMIZER_SGD] = "sgd",
	[AE_OPTIMIZER_ADAM] = "adam",
	[AE_OPTIMIZER_ADAMW] = "adamw",
	[AE_OPTIMIZER_LBFGS] = "lbfgs",
};

const char *const ae_prior_name[AE_PRIOR_COUNT] = {
	[AE_PRIOR_GAUSSIAN] = "gaussian",
	[AE_PRIOR_LAPLACE] = "laplace",
};

const char *const ae_pretrain_name[AE_PRETRAIN_COUNT] = {
	[AE_PRETRAIN_NONE] = "none",
	[AE_PRETRAIN_PLAIN] = "plain",
	[AE_PRETRAIN_DENOISING] = "denoising",
};

const char *const ae_schedule_name[AE_SCHEDULE_COUNT] = {
	[AE_SCHEDULE_CONSTANT] = "constant",
	[AE_SCHEDULE_COSINE] = "cosine",
	[AE_SCHEDULE_STEP] = "step",
};

const char *const ae_train_state_name[AE_TRAIN_STATE_COUNT] = {
	[AE_TRAIN_RUNNING] = "running",     [AE_TRAIN_FINISHED] = "finished",
	[AE_TRAIN_CONVERGED] = "converged", [AE_TRAIN_EARLY] = "early stopping",
	[AE_TRAIN_STOPPED] = "stopped",     [AE_TRAIN_DIVERGED] = "diverged",
};

struct AeTrainer
{
	AeNet net;
	AeTrainOptions options;
	AeRows rows;
	const AeKernels *kernels;
	const AeBlas *blas;
	AeProgress progress;
	AeEpoch *history;
	uint32_t history_stride;

	size_t n_params;
	size_t slice_rows;
	AeReal *params;
	AeReal *grads;
	AeReal *kept; /* best weights, or the last good ones */
	bool has_kept;
	uint64_t kept_update; /* update of the last copy */
	AeOptim optim;        /* unless L-BFGS */
	AeLbfgs lbfgs;        /* if L-BFGS */
	AePass pass;
	AeReal *clean;   /* slice_rows x width: cells as they are */
	AeReal *labels;  /* slice_rows, or NULL without a target */
	AeReal *raw;     /* slice_rows x stride: rows as they are read, where they have a label */
	AeReal *masked;  /* slice_rows x width: cells as they enter, or NULL without masking */
	AeReal *dense;   /* slice_rows x dense cells, or NULL where cells are used in place */
	AeReal *filled;  /* slice_rows x numbers, or NULL where nothing is missing */
	int32_t *levels; /* slice_rows x categories */
	AeReal *scratch; /* of the loss */

	/* the order of one epoch */
	size_t n_blocks; /* full blocks; a shorter last one keeps its place */
	size_t window_rows;
	size_t window;          /* loaded or permuted window, or SIZE_MAX */
	uint32_t *block_order;  /* n_blocks */
	uint32_t *window_order; /* window_rows */
	AeReal *window_data;    /* window_rows x stride where rows must be read, else NULL */
	AeRng shuffle;

	/* where the current step stands */
	bool validating;
	size_t n_batches;  /* evaluations in an epoch */
	size_t batch;      /* current one */
	size_t position;   /* rows of the epoch, or of validation, done */
	uint64_t visits;   /* slices ever: the counter of the noise */
	double batch_loss; /* sum over the rows of the current evaluation */
	double epoch_loss; /* sum over finished evaluations */
	size_t epoch_rows;
	double validation_sum;
	double batch_penalty;      /* L-BFGS: sum over the rows of the current evaluation */
	double validation_penalty; /* sum over validation rows */
	double best_objective;     /* validation loss and penalty of the best epoch */
	double target_scale;       /* on the sum of the target's loss: weight and ae_target_factor */
	double batch_target;       /* sum of that loss over the current evaluation, scaled */
	AeTargetTally validation_target;
};

static bool
in_range(double value, double low, double high)
{
	return value >= low && value <= high;
}

AeStatus
ae_train_options_check(const AeTrainOptions *o, AeError *error)
{
	const double below_one = 0x1.fffffffffffffp-1;
	const struct
	{
		const char *name;
		double value, low, high;
	} ranges[] = {
		{"optimizer", o->optimizer, 0, AE_OPTIMIZER_COUNT - 1},
		{"schedule", o->schedule, 0, AE_SCHEDULE_COUNT - 1},
		{"learning_rate", o->learning_rate, 1e-12, 1e6},
		{"final_rate", o->final_rate, 0, 1},
		{"warmup", o->warmup, 0, below_one},
		{"momentum", o->momentum, 0, below_one},
		{"beta1", o->beta1, 0, below_one},
		{"beta2", o->beta2, 0, below_one},
		{"epsilon", o->epsilon, 1e-30, 1},
		{"weight_decay", o->weight_decay, 0, 1e6},
		{"clip_norm", o->clip_norm, 0, 1e12},
		{"noise", o->noise, 0, 1e6},
		{"masking", o->masking, 0, below_one},
		{"sparse", o->sparse, 0, AE_PENALTY_COUNT - 1},
		{"sparse_weight", o->sparse_weight, 0, 1e6},
		{"sparse_target", o->sparse_target, 0, below_one},
		{"dropout", o->dropout, 0, below_one},
		{"weight_prior", o->weight_prior, 0, AE_PRIOR_COUNT - 1},
		{"salt_pepper", o->salt_pepper, 0, below_one},
		{"swap", o->swap, 0, below_one},
		{"emphasis", o->emphasis, 0, 1},
		{"contract_weight", o->contract_weight, 0, 1e6},
		{"code_noise", o->code_noise, 0, 1e6},
		{"batch_top_k", o->batch_top_k, 0, AE_MAX_WIDTH},
		{"aux_weight", o->aux_weight, 0, 1e6},
		{"target_weight", o->target_weight, 0, 1e6},
		{"pretrain", o->pretrain, 0, AE_PRETRAIN_COUNT - 1},
		{"pretrain_updates", (double) o->pretrain_updates, 0, 1e12},
		{"epochs", (double) o->epochs, 0, 1e9},
		{"updates", (double) o->updates, 0, 1e12},
		{"batch_size", o->batch_size, 1, 1 << 24},
		{"validation", o->validation, 0, below_one},
		{"patience", o->patience, 0, 1e9},
		{"time_limit", o->time_limit, 0, 1e9},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (!in_range(ranges[i].value, ranges[i].low, ranges[i].high))
			return ae_fail(error, AE_ERR_ARGUMENT, ranges[i].name, ranges[i].value, ranges[i].low,
						   ranges[i].high);
	if (o->sparse == AE_PENALTY_KL && !(o->sparse_target >= 1e-6))
		return ae_fail(error, AE_ERR_ARGUMENT, "sparse_target", o->sparse_target, 1e-6, below_one);
	if ((o->epochs == 0) == (o->updates == 0))
		return ae_fail(error, AE_ERR_ARGUMENT, "epochs", (double) o->epochs, 1, 1e9);
	return AE_OK;
}

/* The rate of kl is that of units in (0, 1). */
static AeStatus
check_rates(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (o->sparse != AE_PENALTY_KL)
		return AE_OK;
	for (uint32_t l = 1; l < net->n_layers; l++)
		if ((o->sparse_hidden || l == net->n_encoder) && net->activation[l - 1] != AE_SIGMOID)
			return ae_fail(error, AE_ERR_ARGUMENT, "activation under kl", net->activation[l - 1],
						   AE_SIGMOID, AE_SIGMOID);
	return AE_OK;
}

static bool
is_lbfgs(const AeTrainer *t)
{
	return t->options.optimizer == AE_OPTIMIZER_LBFGS;
}

/* Sizes that follow from net, options and rows. */
static AeStatus
plan_sizes(AeTrainer *t, AeError *error)
{
	const AeTrainOptions *o = &t->options;
	size_t n = t->rows.n_rows, width = t->rows.width;
	size_t n_validation = (size_t) (o->validation * (double) n);
	double time_rows = SLICE_FLOPS / (6 * ae_net_macs(&t->net));
	size_t wanted, window_blocks;

	if (o->validation > 0 && n_validation == 0)
		n_validation = 1;
	if (n_validation >= n)
		return ae_fail(error, AE_ERR_SHAPE, "number of training rows", (double) n, 2, 1e15);
	if (n / BLOCK_ROWS > UINT32_MAX)
		return ae_fail(error, AE_ERR_LIMIT, "number of rows", (double) n, 1,
					   (double) UINT32_MAX * BLOCK_ROWS);
	t->progress.n_validation = n_validation;
	t->progress.n_train = n -= n_validation;
	t->n_params = ae_net_n_params(&t->net);

	t->n_batches = 1;
	wanted = PASS_ROWS;
	if (!is_lbfgs(t))
	{
		size_t batch = o->batch_size < n ? o->batch_size : n;

		/* rows are spread evenly: no minibatch of a few left-over rows */
		t->n_batches = (n + batch - 1) / batch;
		if (batch > wanted)
			wanted = batch;
	}
	if (time_rows < (double) wanted)
		wanted = time_rows > MIN_SLICE_ROWS ? (size_t) time_rows : MIN_SLICE_ROWS;
	t->slice_rows = wanted < t->rows.n_rows ? wanted : t->rows.n_rows;
	t->progress.total_updates = o->updates;
	if (o->epochs > 0)
		t->progress.total_updates = o->epochs * (is_lbfgs(t) ? 1 : t->n_batches);

	window_blocks = WINDOW_REALS / width / BLOCK_ROWS;
	if (window_blocks < MIN_WINDOW_BLOCKS)
		window_blocks = MIN_WINDOW_BLOCKS;
	if (window_blocks > MAX_WINDOW_BLOCKS)
		window_blocks = MAX_WINDOW_BLOCKS;
	t->n_blocks = n / BLOCK_ROWS;
	t->window_rows = window_blocks * BLOCK_ROWS;
	return AE_OK;
}

/* Places every part; called twice, first to count. */
static AeTrainer *
plan(AeArena *arena, AeTrainer *t)
{
	const AeLayout *layout = &t->net.layout;
	size_t width = t->rows.width, stride = ae_rows_stride(&t->rows), slice = 0, window = 0;
	size_t scratch = ae_loss_scratch(layout);
	AeTrainer *home = ae_arena_place(arena, 1, sizeof(AeTrainer));
	AePenaltyTerm penalty = {t->options.sparse, t->options.sparse_weight, t->options.sparse_target};

	/* no part of a slice is wider than this */
	if (!ae_size_mul(&slice, t->slice_rows, t->net.width[0] + width) ||
		!ae_size_mul(&window, t->window_rows, stride))
		arena->overflow = true;
	slice = t->slice_rows;
	t->history = ae_arena_place(arena, AE_MAX_HISTORY, sizeof(AeEpoch));
	t->params = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	t->grads = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	t->kept = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	if (is_lbfgs(t))
		ae_lbfgs_place(&t->lbfgs, arena, t->n_params, t->kernels);
	else
		ae_optim_place(&t->optim, arena, &t->net, &t->options, t->kernels);
	ae_net_place(&t->pass, arena, &t->net, t->slice_rows, true);
	ae_net_place_penalty(&t->pass, arena, &t->net, &penalty, t->options.sparse_hidden);
	if (t->options.dropout > 0)
		ae_net_place_dropout(&t->pass, arena, &t->net, slice);
	t->clean = ae_arena_place(arena, slice * width, sizeof(AeReal));
	if (t->rows.has_target)
	{
		t->labels = ae_arena_place(arena, slice, sizeof(AeReal));
		if (!t->rows.data)
			t->raw = ae_arena_place(arena, slice * stride, sizeof(AeReal));
		if (ae_target_scratch(t->net.n_target) > scratch)
			scratch = ae_target_scratch(t->net.n_target);
	}
	if (t->options.noise > 0 || layout->n_categories > 0)
		t->dense = ae_arena_place(arena, slice * layout->n_dense, sizeof(AeReal));
	if (t->options.masking > 0)
		t->masked = ae_arena_place(arena, slice * width, sizeof(AeReal));
	if (t->rows.nullable || t->options.masking > 0 || layout->n_indicators > 0)
		t->filled = ae_arena_place(arena, slice * ae_layout_dense_inputs(layout), sizeof(AeReal));
	t->levels = ae_arena_place(arena, slice * layout->n_categories, sizeof(int32_t));
	t->scratch = ae_arena_place(arena, scratch, sizeof(AeReal));
	if (!is_lbfgs(t))
	{
		t->block_order = ae_arena_place(arena, t->n_blocks, sizeof(uint32_t));
		t->window_order = ae_arena_place(arena, t->window_rows, sizeof(uint32_t));
		if (!t->rows.data)
			t->window_data = ae_arena_place(arena, window, sizeof(AeReal));
	}
	return home;
}

/* A trainer on the stack, with everything but pointers into a block. */
static AeStatus
prepare(AeTrainer *t, const AeNet *net, const AeTrainOptions *options, const AeRows *rows,
		AeError *error)
{
	AeStatus status = ae_net_check(net, error);

	if (status == AE_OK)
		status = ae_train_options_check(options, error);
	if (status == AE_OK)
		status = check_rates(net, options, error);
	if (status == AE_OK && options->tied &&
		(!ae_net_is_symmetric(net) || net->layout.n_indicators > 0))
		status = ae_fail(error, AE_ERR_SHAPE, "layers of a tied decoder",
						 net->n_layers - net->n_encoder, net->n_encoder, net->n_encoder);
	if (status != AE_OK)
		return status;
	if (rows->width != ae_layout_cells(&net->layout))
		return ae_fail(error, AE_ERR_SHAPE, "number of cells", (double) rows->width,
					   ae_layout_cells(&net->layout), ae_layout_cells(&net->layout));
	if (rows->has_target != (net->n_target > 0))
		return ae_fail(error, AE_ERR_SHAPE, "labels of a row", rows->has_target, net->n_target > 0,
					   net->n_target > 0);
	memset(t, 0, sizeof(*t));
	t->net = *net;
	t->options = *options;
	t->rows = *rows;
	t->target_scale = options->target_weight * ae_target_factor(rows->n_rows, rows->n_labelled);
	return plan_sizes(t, error);
}

AeStatus
ae_trainer_size(size_t *bytes, const AeNet *net, const AeTrainOptions *options, const AeRows *rows,
				AeError *error)
{
	AeTrainer trainer;
	AeArena arena = {.base = NULL, .used = AE_ALIGN, .overflow = false};
	AeStatus status = prepare(&trainer, net, options, rows, error);

	if (status != AE_OK)
		return status;
	plan(&arena, &trainer);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "bytes to train in", (double) SIZE_MAX, 0,
					   (double) SIZE_MAX);
	*bytes = arena.used;
	return AE_OK;
}

/* Units under kl begin at their rate, from which biases of 0 would be far. */
static void
begin_at_rate(AeTrainer *t)
{
	const AeTrainOptions *o = &t->options;
	const AeNet *net = &t->net;

	if (o->sparse != AE_PENALTY_KL || o->sparse_weight == 0)
		return;
	for (uint32_t l = 1; l < net->n_layers; l++)
	{
		AeReal *bias =
			t->params + ae_net_offset(net, l - 1) + (size_t) net->width[l - 1] * net->width[l];

		if (l != net->n_encoder && !o->sparse_hidden)
			continue;
		for (uint32_t j = 0; j < net->width[l]; j++)
			bias[j] = (AeReal) log(o->sparse_target / (1 - o->sparse_target));
	}
}

AeStatus
ae_trainer_init(AeTrainer **trainer, void *block, size_t bytes, const AeNet *net,
				const AeTrainOptions *options, const AeRows *rows, const AeReal *init,
				const AeKernels *kernels, const AeBlas *blas, AeError *error)
{
	AeTrainer t, *home;
	AeArena arena = {.base = ae_arena_align(block), .used = 0, .overflow = false};
	AeStatus status = prepare(&t, net, options, rows, error);

	if (status != AE_OK)
		return status;
	t.kernels = kernels;
	t.blas = blas;
	home = plan(&arena, &t);
	if (arena.overflow || arena.used + AE_ALIGN > bytes)
		return ae_fail(error, AE_ERR_LIMIT, "bytes to train in", (double) arena.used, 0,
					   (double) bytes);
	*home = t;
	if (!is_lbfgs(home))
	{
		home->optim.net = &home->net;
		home->optim.options = &home->options;
		ae_optim_reset(&home->optim);
	}
	else
		ae_lbfgs_reset(&home->lbfgs);
	if (init)
		memcpy(home->params, init, home->n_params * sizeof(AeReal));
	else
	{
		ae_net_init(home->params, net, options->seed);
		begin_at_rate(home);
	}
	if (options->tied)
		ae_net_tie(home->params, net);
	home->progress.history = home->history;
	home->progress.train_loss = home->progress.validation_loss = home->progress.best_loss = NAN;
	home->best_objective = NAN;
	home->history_stride = 1;
	home->window = SIZE_MAX;
	*trainer = home;
	return AE_OK;
}

/* ---- the order of rows ---- */

static void
permute(uint32_t *order, size_t n, AeRng *rng)
{
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	for (size_t i = n; i > 1; i--)
	{
		uint32_t j = ae_rng_below(rng, (uint32_t) i);
		uint32_t swap = order[i - 1];

		order[i - 1] = order[j];
		order[j] = swap;
	}
}

static void
begin_epoch(AeTrainer *t)
{
	t->window = SIZE_MAX;
	t->batch = 0;
	t->position = 0;
	t->epoch_loss = 0;
	t->epoch_rows = 0;
	if (is_lbfgs(t))
		return;
	ae_rng_init(&t->shuffle, t->options.seed, AE_STREAM_SHUFFLE, (uint32_t) t->progress.epoch);
	permute(t->block_order, t->n_blocks, &t->shuffle);
}

/* The training row (before its own order within the window) at a place of the block order. */
static size_t
block_row(const AeTrainer *t, size_t place)
{
	size_t block = place / BLOCK_ROWS;

	if (block < t->n_blocks)
		block = t->block_order[block];
	return t->progress.n_validation + block * BLOCK_ROWS + place % BLOCK_ROWS;
}

/* Windows come in order, so that one sequence of draws serves an epoch. */
static void
load_window(AeTrainer *t, size_t window)
{
	size_t first = window * t->window_rows;
	size_t n = t->progress.n_train - first;

	if (n > t->window_rows)
		n = t->window_rows;
	t->window = window;
	permute(t->window_order, n, &t->shuffle);
	if (!t->window_data)
		return;
	for (size_t i = 0; i < n; i += BLOCK_ROWS)
	{
		size_t count = n - i < BLOCK_ROWS ? n - i : BLOCK_ROWS;

		t->rows.read(t->rows.context, t->window_data + i * ae_rows_stride(&t->rows),
					 block_row(t, first + i), count);
	}
}

static void
copy_row(AeReal *restrict to, const AeReal *restrict from, size_t width)
{
	for (size_t j = 0; j < width; j++)
		to[j] = from[j];
}

/* t->clean = n rows of the epoch from t->position on; t->labels theirs. */
static void
gather(AeTrainer *t, size_t n)
{
	size_t width = t->rows.width, stride = ae_rows_stride(&t->rows);

	for (size_t i = 0; i < n; i++)
	{
		const AeReal *row;
		size_t window = (t->position + i) / t->window_rows;
		size_t first = window * t->window_rows;
		size_t place;

		if (window != t->window)
			load_window(t, window);
		place = t->window_order[t->position + i - first];
		row = t->window_data ? t->window_data + place * stride
							 : t->rows.data + block_row(t, first + place) * stride;
		copy_row(t->clean + i * width, row, width);
		if (t->labels)
			t->labels[i] = row[width];
	}
}

/* The same of rows that have labels, which are kept apart: t->clean and t->labels. */
static const AeReal *
split_rows(AeTrainer *t, size_t first, size_t n)
{
	size_t width = t->rows.width, stride = ae_rows_stride(&t->rows);
	const AeReal *rows = t->raw;

	if (t->rows.data)
		rows = t->rows.data + first * stride;
	else
		t->rows.read(t->rows.context, t->raw, first, n);
	for (size_t i = 0; i < n; i++)
	{
		copy_row(t->clean + i * width, rows + i * stride, width);
		t->labels[i] = rows[i * stride + width];
	}
	return t->clean;
}

/* n rows from `first` on in canonical order: where they are, or read into t->clean. */
static const AeReal *
run_of_rows(AeTrainer *t, size_t first, size_t n)
{
	if (t->labels)
		return split_rows(t, first, n);
	if (t->rows.data)
		return t->rows.data + first * t->rows.width;
	t->rows.read(t->rows.context, t->clean, first, n);
	return t->clean;
}

/* ---- keeping weights, the history, the end ---- */

/* The weights that training stands at; L-BFGS has moved params on to its next trial point. */
static const AeReal *
current_params(const AeTrainer *t)
{
	return is_lbfgs(t) ? t->lbfgs.start : t->params;
}

static bool
all_finite(const AeTrainer *t)
{
	const AeReal *params = current_params(t);

	return isfinite(t->kernels->dot(params, params, t->n_params));
}

static void
keep(AeTrainer *t)
{
	memcpy(t->kept, current_params(t), t->n_params * sizeof(AeReal));
	t->has_kept = true;
	t->kept_update = t->progress.update;
}

static void
finish(AeTrainer *t, AeTrainState state)
{
	AeProgress *p = &t->progress;

	/* stopped within the first epoch: what there is of it */
	if (p->epoch == 0 && t->epoch_rows > 0)
		p->train_loss = t->epoch_loss / (double) t->epoch_rows;
	if (is_lbfgs(t) && t->lbfgs.started && state != AE_TRAIN_DIVERGED)
		memcpy(t->params, t->lbfgs.start, t->n_params * sizeof(AeReal));
	if (state != AE_TRAIN_DIVERGED && t->options.patience > 0 && t->has_kept)
	{
		memcpy(t->params, t->kept, t->n_params * sizeof(AeReal));
		p->restored = true;
	}
	else if (state == AE_TRAIN_DIVERGED || !all_finite(t))
	{
		state = AE_TRAIN_DIVERGED;
		if (t->has_kept)
			memcpy(t->params, t->kept, t->n_params * sizeof(AeReal));
	}
	p->state = state;
}

static void
record(AeTrainer *t, bool last)
{
	AeProgress *p = &t->progress;

	if (p->n_history == AE_MAX_HISTORY)
	{
		for (uint32_t i = 0; i < AE_MAX_HISTORY / 2; i++)
			t->history[i] = t->history[2 * i + 1];
		p->n_history = AE_MAX_HISTORY / 2;
		t->history_stride *= 2;
	}
	if (p->epoch % t->history_stride != 0 && !last)
		return;
	/* fmin would turn NaN, which stands for "no validation", into a number */
	t->history[p->n_history++] = (AeEpoch){
		.epoch = (uint32_t) p->epoch,
		.train_loss = p->train_loss > FLT_MAX ? FLT_MAX : (float) p->train_loss,
		.validation_loss = p->validation_loss > FLT_MAX ? FLT_MAX : (float) p->validation_loss};
}

/* Whether training ends with the epoch just finished, and how. */
static AeTrainState
state_after_epoch(AeTrainer *t)
{
	AeProgress *p = &t->progress;

	if (p->n_validation > 0)
	{
		/* without the penalty, weights from before it took hold would be the best */
		double objective = p->validation_loss + t->validation_penalty / (double) p->n_validation;

		/* a mean over a handful of labels is chance: it would end training at any epoch */
		if (t->validation_target.n >= AE_TARGET_MIN_JUDGED)
			objective += t->options.target_weight * ae_target_mean_loss(&t->validation_target);
		if (!isfinite(objective))
			return AE_TRAIN_DIVERGED;
		if (!(objective >= t->best_objective))
		{
			t->best_objective = objective;
			p->best_loss = p->validation_loss;
			p->best_epoch = p->epoch;
			if (t->options.patience > 0)
				keep(t);
		}
	}
	if (p->update >= p->total_updates)
		return AE_TRAIN_FINISHED;
	if (t->options.patience > 0 && p->epoch - p->best_epoch >= t->options.patience)
		return AE_TRAIN_EARLY;
	return AE_TRAIN_RUNNING;
}

static void
end_epoch(AeTrainer *t)
{
	AeProgress *p = &t->progress;
	AeTrainState state;

	p->epoch++;
	p->train_loss = t->epoch_loss / (double) t->epoch_rows;
	if (p->n_validation > 0)
		p->validation_loss = t->validation_sum / (double) p->n_validation;
	t->validating = false;
	state = state_after_epoch(t);
	record(t, state != AE_TRAIN_RUNNING);
	if (state != AE_TRAIN_RUNNING)
	{
		finish(t, state);
		return;
	}
	if (t->options.patience == 0 && p->update >= t->kept_update + KEEP_INTERVAL && all_finite(t))
		keep(t);
	begin_epoch(t);
}

static void
end_training_part(AeTrainer *t)
{
	if (t->progress.n_validation == 0)
	{
		end_epoch(t);
		return;
	}
	t->validating = true;
	t->position = 0;
	t->validation_sum = 0;
	t->validation_penalty = 0;
	t->validation_target = (AeTargetTally){0};
}

/* ---- one step ---- */

/* t->masked = n rows of cells, some of them missing: four draws a Philox block. */
static void
mask(AeTrainer *t, const AeReal *cells, size_t n)
{
	uint32_t below = (uint32_t) (t->options.masking * 0x1p32);
	uint32_t words[4];
	uint32_t counter[4] = {0, (uint32_t) t->visits, (uint32_t) (t->visits >> 32), AE_STREAM_MASK};

	for (size_t i = 0; i < n * t->rows.width; i++)
	{
		if (i % 4 == 0)
		{
			counter[0] = (uint32_t) (i / 4);
			ae_philox(words, counter, t->options.seed);
		}
		t->masked[i] = words[i % 4] < below ? (AeReal) NAN : cells[i];
	}
}

/* Forward pass of n rows of cells; *x: what the first layer saw of them. */
static void
forward(AeTrainer *t, const AeReal **x, const AeReal *params, const AeReal *cells, size_t n,
		bool training)
{
	AeReal sigma = training ? (AeReal) t->options.noise : 0;
	bool masked = training && t->masked;

	if (masked)
		mask(t, cells, n);
	if (training && t->options.dropout > 0)
		ae_net_draw_dropout(&t->pass, &t->net, n, t->options.dropout, t->options.seed, t->visits,
							t->kernels);
	ae_loss_inputs(x, t->levels, masked ? t->masked : cells, t->dense, t->filled, &t->net.layout, n,
				   t->rows.nullable || masked, sigma, t->options.seed, t->visits, t->kernels);
	ae_net_forward(&t->pass, &t->net, params, *x, t->levels, n, training, t->kernels, t->blas);
}

/* The loss of n rows just passed forward; with d its gradient for an evaluation of that share. */
static double
loss(AeTrainer *t, AeReal *d, const AeReal *cells, size_t n, double share)
{
	return ae_loss_rows(d, t->pass.h[t->net.n_layers], cells, &t->net.layout, n, t->rows.nullable,
						share, t->scratch, t->kernels);
}

/* The target's loss of n rows just passed forward, scaled; its gradient for an evaluation. */
static double
target_loss(AeTrainer *t, size_t n, double share)
{
	if (!t->labels)
		return 0;
	return t->target_scale * ae_target_loss(t->pass.d_target, t->pass.target, t->labels,
											t->net.n_target, n, t->target_scale * share, t->scratch,
											t->kernels);
}

static void
step_validation(AeTrainer *t)
{
	size_t n = t->progress.n_validation - t->position;
	const AeReal *cells, *x;

	if (n > t->slice_rows)
		n = t->slice_rows;
	cells = run_of_rows(t, t->position, n);
	forward(t, &x, current_params(t), cells, n, false);
	t->validation_sum += loss(t, NULL, cells, n, 0);
	t->validation_penalty += ae_net_penalty(&t->pass, &t->net, n);
	if (t->labels)
		ae_target_tally(&t->validation_target, t->pass.target, t->labels, t->net.n_target, n,
						t->scratch, t->kernels);
	t->position += n;
	if (t->position == t->progress.n_validation)
		end_epoch(t);
}

static void
update_lbfgs(AeTrainer *t)
{
	double n = (double) t->progress.n_train;
	double f = (t->batch_loss + t->batch_penalty + t->batch_target) / n;

	if (t->options.weight_decay > 0)
		f += ae_optim_decay(t->grads, t->params, &t->net, t->options.weight_decay, t->options.tied,
							t->kernels);
	if (t->options.tied)
		ae_net_tie_gradient(t->grads, &t->net, (AeReal) 0.5);
	t->position = 0;
	switch (ae_lbfgs_tell(&t->lbfgs, t->params, t->grads, f))
	{
		case AE_LBFGS_TRY:
			break;
		case AE_LBFGS_ACCEPTED:
			t->progress.update++;
			t->epoch_loss = t->batch_loss;
			t->epoch_rows = t->progress.n_train;
			end_training_part(t);
			break;
		case AE_LBFGS_CONVERGED:
			t->epoch_loss = t->batch_loss;
			t->epoch_rows = t->progress.n_train;
			finish(t, AE_TRAIN_CONVERGED);
			break;
		case AE_LBFGS_FAILED:
			finish(t, AE_TRAIN_DIVERGED);
			break;
	}
}

static void
update_first_order(AeTrainer *t)
{
	AeProgress *p = &t->progress;

	if (!isfinite(t->batch_loss + t->batch_target) ||
		!ae_optim_update(&t->optim, t->params, t->grads, p->update, p->total_updates))
	{
		finish(t, AE_TRAIN_DIVERGED);
		return;
	}
	p->update++;
	t->batch++;
	t->epoch_loss += t->batch_loss;
	t->epoch_rows = t->position;
	if (t->batch == t->n_batches || p->update >= p->total_updates)
		end_training_part(t);
}

/* Rows [begin, end) of the epoch that the current evaluation covers. */
static void
batch_bounds(const AeTrainer *t, size_t *begin, size_t *end)
{
	size_t n = t->progress.n_train;
	size_t share = n / t->n_batches, rest = n % t->n_batches;
	size_t i = t->batch;

	*begin = i * share + (i < rest ? i : rest);
	*end = *begin + share + (i < rest ? 1 : 0);
}

static void
step_training(AeTrainer *t)
{
	size_t begin, end, n;
	const AeReal *cells, *x;

	batch_bounds(t, &begin, &end);
	n = end - t->position < t->slice_rows ? end - t->position : t->slice_rows;
	if (is_lbfgs(t))
		cells = run_of_rows(t, t->progress.n_validation + t->position, n);
	else
	{
		gather(t, n);
		cells = t->clean;
	}
	forward(t, &x, t->params, cells, n, true);
	t->visits++;
	if (t->position == begin)
		t->batch_loss = t->batch_penalty = t->batch_target = 0;
	if (is_lbfgs(t))
		t->batch_penalty += ae_net_penalty(&t->pass, &t->net, n);
	t->pass.penalty_scale = 1 / (double) (end - begin);
	t->batch_loss += loss(t, t->pass.d[0], cells, n, 1 / (double) (end - begin));
	t->batch_target += target_loss(t, n, 1 / (double) (end - begin));
	ae_net_backward(t->grads, &t->pass, &t->net, t->params, x, t->levels, n, t->position != begin,
					t->kernels, t->blas);
	t->position += n;
	if (t->position < end)
		return;
	if (is_lbfgs(t))
		update_lbfgs(t);
	else
		update_first_order(t);
}

bool
ae_trainer_step(AeTrainer *t)
{
	if (t->progress.state != AE_TRAIN_RUNNING)
		return false;
	if (t->progress.epoch == 0 && t->progress.update == 0 && t->visits == 0)
		begin_epoch(t);
	if (t->validating)
		step_validation(t);
	else
		step_training(t);
	return t->progress.state == AE_TRAIN_RUNNING;
}

void
ae_trainer_stop(AeTrainer *t)
{
	if (t->progress.state == AE_TRAIN_RUNNING)
		finish(t, AE_TRAIN_STOPPED);
}

const AeProgress *
ae_trainer_progress(const AeTrainer *t)
{
	return &t->progress;
}

const AeReal *
ae_trainer_params(const AeTrainer *t)
{
	if (t->progress.state == AE_TRAIN_DIVERGED && !t->has_kept)
		return NULL;
	return t->params;
}
