/*
 * ae_train.c: the training loop, turned inside out so that a caller can stop it
 * between any two steps.
 *
 * An *evaluation* is the loss and its gradient over a set of rows: a minibatch,
 * or for L-BFGS all training rows.  It is computed in slices of at most
 * `slice_rows` rows, whose number depends on the network alone, so that neither time nor
 * memory grows with the minibatch; one step of the trainer is one slice.  After the last slice of
 * an evaluation the optimiser moves the weights; after the last evaluation of an epoch the
 * validation rows are passed through, again by slices.
 *
 * Order of rows.  The caller's order is canonical (a random one that belongs to
 * the set of rows).  The first n_validation rows are held out.  The others are
 * cut into blocks of BLOCK_ROWS; each epoch permutes the blocks, and then the
 * rows within windows of consecutive permuted blocks.  Up to one window of rows
 * that is a full shuffle; beyond it, rows on disk are still read in runs.  Rows so wide that a
 * window of them is large are read one by one instead.  The result is the same wherever the
 * rows are kept.
 */
#include "ae_train.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ae_corrupt.h"
#include "ae_lbfgs.h"
#include "ae_optim.h"
#include "ae_rng.h"
#include "ae_term.h"

#define BLOCK_ROWS 256
#define WINDOW_REALS ((size_t) 1 << 22)
#define MIN_WINDOW_BLOCKS 8
#define MAX_WINDOW_BLOCKS 256
#define SLICE_FLOPS 5e9 /* about 50 ms of one core */
#define MIN_SLICE_ROWS 16
#define SLICE_REALS ((size_t) 1 << 21) /* numbers that pass through the network with a slice */
#define PASS_ROWS 512                  /* rows of a slice where no minibatch says otherwise */
#define KEEP_INTERVAL 16               /* updates between copies of good weights */

const char *const ae_train_state_name[AE_TRAIN_STATE_COUNT] = {
	[AE_TRAIN_RUNNING] = "running",     [AE_TRAIN_FINISHED] = "finished",
	[AE_TRAIN_CONVERGED] = "converged", [AE_TRAIN_EARLY] = "early stopping",
	[AE_TRAIN_STOPPED] = "stopped",     [AE_TRAIN_DIVERGED] = "diverged",
};

/*
 * The loss that training minimises, with its gradient in pass.d[0]: of all columns, or
 * (1 - e) times that plus e times that of the columns that were corrupted alone; of a row that has
 * none the second is 0.  Source: Vincent et al. 2010, section 4.2, with alpha = e, beta = 1 - e
 * and means in the place of sums.
 */
static double
reconstruction_loss(void *state, AeTermSlice *slice)
{
	AePass *pass = slice->pass;
	const AeReal *outputs = pass->h[pass->net->n_layers];
	double e = slice->options->emphasis, share = slice->share, sum;

	(void) state;
	sum =
		(1 - e) * ae_loss_rows(pass->d[0], outputs, slice->cells, (1 - e) * share, slice->measure);
	if (!slice->chosen)
		return sum;
	/* d[1] is free until the backward pass */
	sum += e * ae_loss_rows(pass->d[1], outputs, slice->chosen, e * share, slice->measure);
	pass->compute.kernels->axpy(pass->d[0], 1, pass->d[1],
								pass->n_rows * pass->net->width[pass->net->n_layers]);
	return sum;
}

static double
reconstruction_validate(void *state, const AeTermSlice *slice)
{
	(void) state;
	return ae_loss_rows(NULL, slice->pass->h[slice->pass->net->n_layers], slice->cells, 0,
						slice->measure);
}

const AeTerm ae_reconstruction_term = {
	.name = "reconstruction",
	.loss = reconstruction_loss,
	.validate = reconstruction_validate,
};

#define LIST_TERM(name) &ae_##name##_term,

static const AeTerm *const terms[] = {AE_TERMS(LIST_TERM)};

enum
{
	RECONSTRUCTION = 0,
	N_TERMS = sizeof(terms) / sizeof(terms[0])
};

/* What the trainer knows of a term.  Sums are over rows. */
typedef struct TermUse
{
	bool used;
	void *state;   /* its own */
	void *lasting; /* likewise, of what lasts beyond a minibatch */
	double factor; /* on the sums, in the objective */
	double batch;  /* of the current evaluation */
	double epoch;  /* of finished evaluations */
	double validation;
	double mean; /* of the last epoch, over validation rows if any; NaN before */
	double best; /* of the best one */
} TermUse;

struct AeTrainer
{
	AeNet net;
	AeTrainOptions options;
	AeRows rows;
	AeCompute compute;
	AeProgress progress;
	AeEpoch *history;
	uint32_t history_stride;

	size_t n_saved; /* bytes at the start of the block that ae_trainer_save keeps */
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
	TermUse use[N_TERMS];
	double *running_mean;     /* batch normalisation: ae_net_n_gammas, or NULL */
	double *running_variance; /* likewise */
	AeReal *folded;           /* n_params: weights that have taken it in */
	bool tracked;             /* running means have begun */
	bool settled;             /* params are folded: nothing is normalised any more */
	AeReal *clean;            /* slice_rows x width: cells as they are */
	AeReal *labels;           /* slice_rows, or NULL without a target */
	AeReal *raw; /* slice_rows x stride: rows as they are read, where they have a label; or NULL */
	AeReal *entering; /* slice_rows x width: cells as they enter, or NULL where none is corrupted */
	AeReal *chosen;   /* slice_rows x width: clean cells of what is corrupted, or NULL */
	AeCorruption corruption;
	AeMeasure measure; /* of the loss */

	/* the order of one epoch */
	size_t n_blocks; /* full blocks; a shorter last one keeps its place */
	size_t window_rows;
	size_t window;          /* loaded or permuted window, or SIZE_MAX */
	uint32_t *block_order;  /* n_blocks */
	uint32_t *window_order; /* window_rows */
	AeReal *window_data;    /* window_rows x stride where rows must be read in runs, else NULL */
	AeReal *single;         /* stride where they are read one by one, else NULL */
	AeRng shuffle;

	/* where the current step stands */
	bool validating;
	size_t n_batches; /* evaluations in an epoch */
	size_t batch;     /* current one */
	size_t position;  /* rows of the epoch, or of validation, done */
	uint64_t visits;  /* slices ever: the counter of the noise */
	size_t epoch_rows;
	double best_objective; /* of the validation rows in the best epoch */
};

/* A gradient that jumps at 0 ends no line search. */
static AeStatus
check_prior(const AeTrainOptions *o, AeError *error)
{
	if (o->weight_decay > 0 && o->weight_prior == AE_PRIOR_LAPLACE &&
		o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "weight_prior", o->weight_prior, AE_PRIOR_GAUSSIAN,
					   AE_PRIOR_GAUSSIAN);
	return AE_OK;
}

double
ae_train_weight_penalty(const AeReal *params, const AeNet *net, const AeTrainOptions *options)
{
	double sum = 0;

	for (uint32_t l = 0; l <= net->n_layers; l++)
		if (!options->tied || l < net->n_encoder || l == net->n_layers)
			sum += ae_prior_value(params + ae_net_offset(net, l), ae_net_n_weights(net, l),
								  options->weight_prior, options->weight_decay);
	return sum;
}

/* What a gate needs, and what does not stand beside it (ae_gate.h). */
static AeStatus
check_gate(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	bool jump = o->sparse == AE_PENALTY_JUMPRELU, batch = o->batch_top_k > 0;
	bool lbfgs = o->optimizer == AE_OPTIMIZER_LBFGS;
	uint32_t n_code = net->width[net->n_encoder];

	if (net->gated != (jump || batch))
		return ae_fail(error, AE_ERR_ARGUMENT, "gate of the code", net->gated, jump || batch,
					   jump || batch);
	if (o->batch_top_k > (jump || o->sparse == AE_PENALTY_KL ? 0 : n_code))
		return ae_fail(error, AE_ERR_ARGUMENT, "batch_top_k", o->batch_top_k, 0,
					   jump || o->sparse == AE_PENALTY_KL ? 0 : n_code);
	if (lbfgs && net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "optimizer of a gate", o->optimizer, 0,
					   AE_OPTIMIZER_ADAMW);
	if (lbfgs && o->code_noise > 0)
		return ae_fail(error, AE_ERR_ARGUMENT, "code_noise under lbfgs", o->code_noise, 0, 0);
	return AE_OK;
}

/* What terms refuse. */
static AeStatus
check_terms(const AeNet *net, const AeTrainOptions *options, AeError *error)
{
	AeStatus status = AE_OK;

	for (size_t i = 0; status == AE_OK && i < N_TERMS; i++)
		if (terms[i]->check)
			status = terms[i]->check(net, options, error);
	return status;
}

static bool
is_lbfgs(const AeTrainer *t)
{
	return t->options.optimizer == AE_OPTIMIZER_LBFGS;
}

/* Rows of a slice whose cells, inputs, and outputs of all layers are SLICE_REALS numbers. */
static size_t
slice_limit(const AeTrainer *t)
{
	size_t reals = 2 * t->rows.width, rows;

	for (uint32_t l = 0; l <= t->net.n_layers; l++)
		reals += t->net.width[l];
	rows = SLICE_REALS / reals;
	return rows > MIN_SLICE_ROWS ? rows : MIN_SLICE_ROWS;
}

/* Sizes that follow from net, options and rows. */
static AeStatus
plan_sizes(AeTrainer *t, AeError *error)
{
	const AeTrainOptions *o = &t->options;
	size_t n = t->rows.n_rows, width = t->rows.width;
	size_t n_validation = ae_options_held_out(o, n);
	double macs = ae_net_macs(&t->net);
	size_t wanted, window_blocks, time_rows, least = MIN_SLICE_ROWS;

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
	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used && terms[i]->macs)
		{
			macs += terms[i]->macs(&t->net, o);
			least = 1; /* the exact norm of a wide code's Jacobian takes its time */
		}
	time_rows = (size_t) (SLICE_FLOPS / (6 * macs));
	if (time_rows < wanted)
		wanted = time_rows > least ? time_rows : least;
	if (slice_limit(t) < wanted)
		wanted = slice_limit(t);
	t->slice_rows = wanted < t->rows.n_rows ? wanted : t->rows.n_rows;
	t->progress.total_updates = o->updates;
	if (o->epochs > 0 && __builtin_mul_overflow(o->epochs, is_lbfgs(t) ? 1 : t->n_batches,
												&t->progress.total_updates))
		return ae_fail(error, AE_ERR_LIMIT, "number of updates", (double) o->epochs, 1, 1e12);

	window_blocks = WINDOW_REALS / width / BLOCK_ROWS;
	if (window_blocks < MIN_WINDOW_BLOCKS)
		window_blocks = MIN_WINDOW_BLOCKS;
	if (window_blocks > MAX_WINDOW_BLOCKS)
		window_blocks = MAX_WINDOW_BLOCKS;
	t->n_blocks = n / BLOCK_ROWS;
	t->window_rows = window_blocks * BLOCK_ROWS;
	return AE_OK;
}

/* What terms keep from one minibatch to the next. */
static void
place_lasting(AeTrainer *t, AeArena *arena)
{
	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used && terms[i]->lasting)
			t->use[i].lasting = ae_arena_place(arena, terms[i]->lasting(&t->net), 1);
}

/* Their state, behind the pass, which they may enlarge. */
static void
place_terms(AeTrainer *t, AeArena *arena)
{
	AeTermSetup setup = {.net = &t->net,
						 .options = &t->options,
						 .n_rows = t->rows.n_rows,
						 .n_labelled = t->rows.n_labelled,
						 .slice_rows = t->slice_rows,
						 .kernels = t->compute.kernels};

	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used && terms[i]->place)
			t->use[i].state = terms[i]->place(arena, &t->pass, &setup, t->use[i].lasting);
}

/* Places every part; called twice, first to count. */
static AeTrainer *
plan(AeArena *arena, AeTrainer *t)
{
	const AeLayout *layout = &t->net.layout;
	size_t width = t->rows.width, stride = ae_rows_stride(&t->rows), slice = t->slice_rows;
	size_t n_gammas = t->options.batch_norm ? ae_net_n_gammas(&t->net) : 0;
	AeTrainer *home = ae_arena_place(arena, 1, sizeof(AeTrainer));

	t->history = ae_arena_place(arena, AE_MAX_HISTORY, sizeof(AeEpoch));
	t->params = ae_arena_place(arena, t->n_params + n_gammas, sizeof(AeReal));
	t->grads = ae_arena_place(arena, t->n_params + n_gammas, sizeof(AeReal));
	t->kept = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	if (is_lbfgs(t))
		ae_lbfgs_place(&t->lbfgs, arena, t->n_params, t->compute.kernels);
	else
		ae_optim_place(&t->optim, arena, &t->net, &t->options, &t->compute);
	if (t->options.batch_norm)
	{
		t->running_mean = ae_arena_place(arena, n_gammas, sizeof(double));
		t->running_variance = ae_arena_place(arena, n_gammas, sizeof(double));
	}
	place_lasting(t, arena);
	t->n_saved = arena->used;
	ae_net_place(&t->pass, arena, &t->net, t->net.n_layers, slice, true);
	t->pass.compute = t->compute;
	ae_inputs_place(&t->pass.inputs, arena, layout, slice, t->options.noise > 0,
					t->rows.nullable || t->options.masking > 0);
	if (t->options.dropout > 0)
		ae_net_place_dropout(&t->pass, arena, slice);
	if (t->options.batch_norm)
	{
		ae_net_place_norm(&t->pass, arena, slice);
		t->folded = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	}
	ae_net_place_gate(&t->pass, arena, slice, t->options.batch_top_k);
	place_terms(t, arena);
	t->clean = ae_arena_place_rows(arena, slice, width, sizeof(AeReal));
	if (t->rows.has_target)
	{
		t->labels = ae_arena_place(arena, slice, sizeof(AeReal));
		if (!t->rows.data)
			t->raw = ae_arena_place_rows(arena, slice, stride, sizeof(AeReal));
	}
	if (ae_corrupt_any(&t->corruption))
		t->entering = ae_arena_place_rows(arena, slice, width, sizeof(AeReal));
	if (t->options.emphasis > 0)
		t->chosen = ae_arena_place_rows(arena, slice, width, sizeof(AeReal));
	t->measure.kernels = t->compute.kernels;
	t->measure.scratch = ae_arena_place(arena, ae_loss_scratch(layout), sizeof(AeReal));
	if (!is_lbfgs(t))
	{
		t->block_order = ae_arena_place(arena, t->n_blocks, sizeof(uint32_t));
		t->window_order = ae_arena_place(arena, t->window_rows, sizeof(uint32_t));
		if (!t->rows.data && (t->rows.computed || t->window_rows * stride <= WINDOW_REALS))
			t->window_data = ae_arena_place_rows(arena, t->window_rows, stride, sizeof(AeReal));
		else if (!t->rows.data)
			t->single = ae_arena_place(arena, stride, sizeof(AeReal));
	}
	return home;
}

/* A trainer on the stack, with everything but pointers into a block. */
static AeStatus
prepare(AeTrainer *t, const AeTask *task, AeError *error)
{
	const AeNet *net = task->net;
	const AeTrainOptions *options = task->options;
	const AeRows *rows = task->rows;
	AeStatus status = ae_net_check(net, error);

	if (status == AE_OK)
		status = ae_train_options_check(options, error);
	if (status == AE_OK)
		status = check_terms(net, options, error);
	if (status == AE_OK)
		status = check_prior(options, error);
	if (status == AE_OK)
		status = check_gate(net, options, error);
	if (status == AE_OK && options->tied &&
		(!ae_net_is_symmetric(net) || net->layout.n_indicators > 0))
		status = ae_fail(error, AE_ERR_SHAPE, "layers of a tied decoder",
						 net->n_layers - net->n_encoder, net->n_encoder, net->n_encoder);
	if (status != AE_OK)
		return status;
	if (rows->width != ae_layout_cells(&net->layout))
		return ae_fail(error, AE_ERR_SHAPE, "number of cells", (double) rows->width,
					   ae_layout_cells(&net->layout), ae_layout_cells(&net->layout));
	if (options->batch_norm &&
		(options->tied || options->optimizer == AE_OPTIMIZER_LBFGS || options->contract_weight > 0))
		return ae_fail(error, AE_ERR_ARGUMENT, "batch_norm beside tied, lbfgs or contraction", 1, 0,
					   0);
	if (options->salt_pepper > 0 && net->layout.n_dense > 0 && (!rows->low || !rows->high))
		return ae_fail(error, AE_ERR_ARGUMENT, "salt_pepper without bounds of cells",
					   options->salt_pepper, 0, 0);
	if (rows->has_target != (net->n_target > 0))
		return ae_fail(error, AE_ERR_SHAPE, "labels of a row", rows->has_target, net->n_target > 0,
					   net->n_target > 0);
	memset(t, 0, sizeof(*t));
	t->net = *net;
	t->options = *options;
	t->rows = *rows;
	t->corruption = (AeCorruption){.masking = options->masking,
								   .salt_pepper = options->salt_pepper,
								   .swap = options->swap,
								   .low = rows->low,
								   .high = rows->high,
								   .width = rows->width};
	for (size_t i = 0; i < N_TERMS; i++)
		t->use[i] = (TermUse){.used = !terms[i]->used || terms[i]->used(net, options),
							  .factor = terms[i]->factor ? terms[i]->factor(options) : 1,
							  .mean = NAN,
							  .best = NAN};
	return plan_sizes(t, error);
}

AeStatus
ae_trainer_size(size_t *bytes, const AeTask *task, AeError *error)
{
	AeTrainer trainer;
	AeArena arena = {.base = NULL, .used = AE_ALIGN, .overflow = false};
	AeStatus status = prepare(&trainer, task, error);

	if (status != AE_OK)
		return status;
	plan(&arena, &trainer);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "bytes to train in", (double) SIZE_MAX, 0,
					   (double) SIZE_MAX);
	*bytes = arena.used;
	return AE_OK;
}

/* What points into the trainer itself. */
static void
settle(AeTrainer *home)
{
	home->optim.net = &home->net;
	home->optim.options = &home->options;
	home->pass.net = &home->net;
	home->corruption.layout = home->measure.layout = &home->net.layout;
	home->progress.history = home->history;
}

/* Gammas of 1; running means as if every unit had been normal already. */
static void
begin_normal(AeTrainer *t)
{
	for (size_t i = 0; i < ae_net_n_gammas(&t->net); i++)
	{
		t->params[t->n_params + i] = 1;
		t->running_mean[i] = 0;
		t->running_variance[i] = 1;
	}
}

AeStatus
ae_trainer_init(AeTrainer **trainer, void *block, size_t bytes, const AeTask *task,
				const AeReal *init, const AeCompute *compute, AeError *error)
{
	const AeNet *net = task->net;
	const AeTrainOptions *options = task->options;
	AeTrainer t, *home;
	AeArena arena = {.base = ae_arena_align(block), .used = 0, .overflow = false};
	AeStatus status = prepare(&t, task, error);

	if (status != AE_OK)
		return status;
	t.compute = *compute;
	home = plan(&arena, &t);
	if (arena.overflow || arena.used + AE_ALIGN > bytes)
		return ae_fail(error, AE_ERR_LIMIT, "bytes to train in", (double) arena.used, 0,
					   (double) bytes);
	/* it may be written somewhere before all of it was used */
	ae_clear(home, t.n_saved, compute->check);
	*home = t;
	settle(home);
	if (!is_lbfgs(home))
		ae_optim_reset(&home->optim);
	else
		ae_lbfgs_reset(&home->lbfgs);
	if (init)
		ae_copy(home->params, init, home->n_params * sizeof(AeReal), compute->check);
	else
	{
		ae_net_init(home->params, net, options->seed, compute->check);
		for (size_t i = 0; i < N_TERMS; i++)
			if (home->use[i].used && terms[i]->begin)
				terms[i]->begin(home->params, net, options);
	}
	if (options->tied)
		ae_net_tie(home->params, net);
	if (options->batch_norm)
		begin_normal(home);
	/* pretrained weights come with thresholds that nothing was averaged in yet */
	ae_gate_begin(&home->pass.gate, net->width[net->n_encoder],
				  init != NULL && options->pretrain == AE_PRETRAIN_NONE);
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
	for (size_t i = 0; i < N_TERMS; i++)
		t->use[i].epoch = 0;
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

/* Row number `at`, its label behind it, where it is or in what gather copies rows from. */
static const AeReal *
row_of_block(AeTrainer *t, size_t at)
{
	if (t->rows.data)
		return t->rows.data + at * ae_rows_stride(&t->rows);
	t->rows.read(t->rows.context, t->single, at, 1);
	return t->single;
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
							 : row_of_block(t, block_row(t, first + place));
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

/*
 * The weights that training stands at, as rows are scored with.  L-BFGS has moved params on to its
 * next trial point; batch normalisation is folded in.
 */
static const AeReal *
current_params(const AeTrainer *t)
{
	if (t->options.batch_norm && !t->settled)
	{
		ae_net_fold(t->folded, t->params, &t->net, t->running_mean, t->running_variance);
		return t->folded;
	}
	return is_lbfgs(t) ? t->lbfgs.start : t->params;
}

static bool
all_finite(const AeTrainer *t)
{
	const AeReal *params = current_params(t);

	return isfinite(t->compute.kernels->dot(params, params, t->n_params));
}

static void
keep(AeTrainer *t)
{
	ae_copy(t->kept, current_params(t), t->n_params * sizeof(AeReal), t->compute.check);
	t->has_kept = true;
	t->kept_update = t->progress.update;
}

/* The means of terms, and of the loss. */
static void
find_means(AeTrainer *t)
{
	AeProgress *p = &t->progress;
	bool validated = p->n_validation > 0 && p->epoch > 0;

	p->train_loss = t->use[RECONSTRUCTION].epoch / (double) t->epoch_rows;
	if (validated)
		p->validation_loss = t->use[RECONSTRUCTION].validation / (double) p->n_validation;
	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used)
			t->use[i].mean = validated ? t->use[i].validation / (double) p->n_validation
									   : t->use[i].epoch / (double) t->epoch_rows;
}

static void
finish(AeTrainer *t, AeTrainState state)
{
	AeProgress *p = &t->progress;

	/* stopped within the first epoch: what there is of it */
	if (p->epoch == 0 && t->epoch_rows > 0)
		find_means(t);
	if (t->options.batch_norm)
	{
		ae_copy(t->params, current_params(t), t->n_params * sizeof(AeReal), t->compute.check);
		t->settled = true;
	}
	if (is_lbfgs(t) && t->lbfgs.started && state != AE_TRAIN_DIVERGED)
		ae_copy(t->params, t->lbfgs.start, t->n_params * sizeof(AeReal), t->compute.check);
	if (state != AE_TRAIN_DIVERGED && t->options.patience > 0 && t->has_kept)
	{
		ae_copy(t->params, t->kept, t->n_params * sizeof(AeReal), t->compute.check);
		p->restored = true;
	}
	else if (state == AE_TRAIN_DIVERGED || !all_finite(t))
	{
		state = AE_TRAIN_DIVERGED;
		if (t->has_kept)
			ae_copy(t->params, t->kept, t->n_params * sizeof(AeReal), t->compute.check);
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

/*
 * The objective of the validation rows.  Without penalties, weights from before they took hold
 * would be the best.
 */
static double
judge(const AeTrainer *t)
{
	double objective = 0;

	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used)
			objective += terms[i]->judge ? terms[i]->judge(t->use[i].state, &t->options)
										 : t->use[i].factor * t->use[i].mean;
	return objective;
}

/* Whether training ends with the epoch just finished, and how. */
static AeTrainState
state_after_epoch(AeTrainer *t)
{
	AeProgress *p = &t->progress;

	if (p->n_validation > 0)
	{
		double objective = judge(t);

		if (!isfinite(objective))
			return AE_TRAIN_DIVERGED;
		if (!(objective >= t->best_objective))
		{
			t->best_objective = objective;
			p->best_loss = p->validation_loss;
			for (size_t i = 0; i < N_TERMS; i++)
				t->use[i].best = t->use[i].mean;
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
	find_means(t);
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
	for (size_t i = 0; i < N_TERMS; i++)
		t->use[i].validation = 0;
}

/* ---- one step ---- */

/* Where this visit's numbers come from. */
static AeVisit
visit_of(const AeTrainer *t)
{
	return (AeVisit){t->options.seed, t->visits};
}

/* Whether a term wants the slopes of validation rows too, which have no noise. */
static bool
wants_slopes(const AeTrainer *t)
{
	bool wanted = false;

	for (size_t i = 0; i < N_TERMS; i++)
		wanted |= t->use[i].used && terms[i]->slopes;
	return wanted;
}

/* Forward pass of rows. */
static void
forward(AeTrainer *t, const AeReal *params, const AeCells *cells, bool training)
{
	AeVisit visit = visit_of(t);
	AeNoise noise = {training ? (AeReal) t->options.noise : 0, visit};
	AeCells in = *cells;

	in.nullable |= training && t->options.masking > 0;
	if (training && t->entering)
	{
		ae_corrupt_rows(t->entering, t->chosen, cells->at, cells->n_rows, &t->corruption, visit);
		in.at = t->entering;
	}
	if (training && t->options.dropout > 0)
		ae_net_draw_dropout(&t->pass, cells->n_rows, t->options.dropout, visit);
	ae_net_draw_code_noise(&t->pass, training ? t->options.code_noise : 0, visit);
	ae_loss_inputs(&t->pass.inputs, &in, &t->net.layout, &noise, t->compute.kernels);
	ae_net_forward(&t->pass, params, training || wants_slopes(t));
	if (training && t->options.batch_norm)
		t->tracked |= ae_norm_track(t->running_mean, t->running_variance, &t->pass.norm,
									ae_net_n_gammas(&t->net), cells->n_rows, !t->tracked);
}

/* Rows just passed forward, as terms see them. */
static AeTermSlice
slice_of(AeTrainer *t, const AeReal *params, const AeCells *cells)
{
	return (AeTermSlice){.pass = &t->pass,
						 .params = params,
						 .options = &t->options,
						 .cells = cells,
						 .labels = t->labels,
						 .measure = &t->measure};
}

static void
step_validation(AeTrainer *t)
{
	size_t n = t->progress.n_validation - t->position;
	AeCells cells;
	AeTermSlice slice;

	if (n > t->slice_rows)
		n = t->slice_rows;
	cells = (AeCells){run_of_rows(t, t->position, n), n, t->rows.nullable};
	forward(t, current_params(t), &cells, false);
	slice = slice_of(t, current_params(t), &cells);
	slice.accumulate = t->position > 0;
	/* the same in every epoch */
	slice.visit = (AeVisit){t->options.seed, UINT64_MAX - t->position / t->slice_rows};
	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used && terms[i]->validate)
			t->use[i].validation += terms[i]->validate(t->use[i].state, &slice);
	t->position += n;
	if (t->position == t->progress.n_validation)
		end_epoch(t);
}

/* The objective of the current evaluation without the weights' prior: a sum over its rows. */
static double
batch_sum(const AeTrainer *t)
{
	double sum = 0;

	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used)
			sum += t->use[i].factor * t->use[i].batch;
	return sum;
}

/* The current evaluation, of whose rows position are done, becomes part of the epoch. */
static void
count_batch(AeTrainer *t, size_t position)
{
	for (size_t i = 0; i < N_TERMS; i++)
		t->use[i].epoch += t->use[i].batch;
	t->epoch_rows = position;
}

static void
update_lbfgs(AeTrainer *t)
{
	double f = batch_sum(t) / (double) t->progress.n_train;

	if (t->options.weight_decay > 0)
		f += ae_optim_decay(t->grads, t->params, &t->net, t->options.weight_prior,
							t->options.weight_decay, t->options.tied, t->compute.kernels);
	if (t->options.tied)
		ae_net_tie_gradient(t->grads, &t->net, (AeReal) 0.5);
	t->position = 0;
	switch (ae_lbfgs_tell(&t->lbfgs, t->params, t->grads, f))
	{
		case AE_LBFGS_TRY:
			break;
		case AE_LBFGS_ACCEPTED:
			t->progress.update++;
			count_batch(t, t->progress.n_train);
			end_training_part(t);
			break;
		case AE_LBFGS_CONVERGED:
			count_batch(t, t->progress.n_train);
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

	if (!isfinite(batch_sum(t)) ||
		!ae_optim_update(&t->optim, t->params, t->grads, p->update, p->total_updates))
	{
		finish(t, AE_TRAIN_DIVERGED);
		return;
	}
	ae_gate_end_update(&t->pass.gate, t->params + ae_net_threshold_offset(&t->net),
					   t->net.width[t->net.n_encoder]);
	p->update++;
	t->batch++;
	count_batch(t, t->position);
	if (p->epoch == 0)
		p->train_loss = t->use[RECONSTRUCTION].epoch / (double) t->epoch_rows;
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

/* The loss of a slice, and its gradient. */
static void
take_loss(AeTrainer *t, AeTermSlice *slice)
{
	bool first = !slice->accumulate;

	for (size_t i = 0; i < N_TERMS; i++)
	{
		TermUse *use = &t->use[i];

		if (first)
			use->batch = 0;
		if (use->used)
			use->batch += terms[i]->loss(use->state, slice);
	}
	ae_net_backward(t->grads, &t->pass, t->params, slice->accumulate);
	for (size_t i = 0; i < N_TERMS; i++)
		if (t->use[i].used && terms[i]->after)
			terms[i]->after(t->use[i].state, slice);
}

static void
step_training(AeTrainer *t)
{
	size_t begin, end, n;
	AeCells cells = {.at = t->clean, .nullable = t->rows.nullable};
	AeCells chosen = {.at = t->chosen, .nullable = true};
	AeTermSlice slice;

	batch_bounds(t, &begin, &end);
	cells.n_rows = n = end - t->position < t->slice_rows ? end - t->position : t->slice_rows;
	chosen.n_rows = n;
	if (is_lbfgs(t))
		cells.at = run_of_rows(t, t->progress.n_validation + t->position, n);
	else
		gather(t, n);
	forward(t, t->params, &cells, true);
	t->visits++;
	slice = slice_of(t, t->params, &cells);
	slice.chosen = t->chosen && t->entering ? &chosen : NULL;
	slice.visit = visit_of(t);
	slice.accumulate = t->position != begin;
	slice.grads = t->grads;
	slice.share = 1 / (double) (end - begin);
	slice.valued = is_lbfgs(t);
	take_loss(t, &slice);
	t->position += n;
	if (t->position < end)
		return;
	if (is_lbfgs(t))
		update_lbfgs(t);
	else
		update_first_order(t);
}

/* ---- to go on later ---- */

bool
ae_trainer_at_rest(const AeTrainer *t)
{
	size_t begin, end;

	if (t->progress.state != AE_TRAIN_RUNNING)
		return true;
	if (is_lbfgs(t))
		return !t->validating && t->position == 0;
	batch_bounds(t, &begin, &end);
	return !t->validating && t->position == begin;
}

size_t
ae_trainer_saved_size(const AeTrainer *t)
{
	return t->n_saved;
}

/* The trainer stands at the start of its block, and what lasts longer than a step behind it. */
void
ae_trainer_save(void *saved, const AeTrainer *t)
{
	memcpy(saved, t, t->n_saved);
}

/* The order of rows where an epoch was left: windows before that one have had their draws. */
static void
restore_order(AeTrainer *t)
{
	size_t n_windows = t->position / t->window_rows;

	t->window = SIZE_MAX;
	if (is_lbfgs(t) || t->progress.state != AE_TRAIN_RUNNING)
		return;
	ae_rng_init(&t->shuffle, t->options.seed, AE_STREAM_SHUFFLE, (uint32_t) t->progress.epoch);
	permute(t->block_order, t->n_blocks, &t->shuffle);
	for (size_t window = 0; window < n_windows; window++)
		permute(t->window_order, t->window_rows, &t->shuffle);
}

AeStatus
ae_trainer_restore(AeTrainer *trainer, const void *saved, size_t bytes, AeError *error)
{
	AeArena arena = {.base = (void *) trainer, .used = 0, .overflow = false};
	AeTrainer t;
	AeLbfgs lbfgs;
	AeGate gate;

	if (bytes != trainer->n_saved)
		return ae_fail(error, AE_ERR_SHAPE, "bytes of a saved training", (double) bytes,
					   (double) trainer->n_saved, (double) trainer->n_saved);
	memcpy(&t, saved, sizeof(t));
	if (t.n_saved != trainer->n_saved || t.rows.n_rows != trainer->rows.n_rows ||
		t.rows.width != trainer->rows.width || t.n_params != trainer->n_params ||
		t.progress.n_train != trainer->progress.n_train ||
		t.progress.total_updates != trainer->progress.total_updates ||
		t.slice_rows != trainer->slice_rows || t.options.seed != trainer->options.seed)
		return ae_fail(error, AE_ERR_SHAPE, "rows of a saved training", (double) t.rows.n_rows,
					   (double) trainer->rows.n_rows, (double) trainer->rows.n_rows);
	t.net = trainer->net;
	t.options = trainer->options;
	t.rows = trainer->rows;
	t.corruption = trainer->corruption;
	t.compute = trainer->compute;
	memcpy((char *) trainer + sizeof(t), (const char *) saved + sizeof(t), bytes - sizeof(t));
	/*
	 * Pointers anew, by the same plan; it clears the numbers of line search and gate.  These it
	 * sets only where rows must be read, and they may have been then and not now.
	 */
	t.window_data = t.single = t.raw = NULL;
	lbfgs = t.lbfgs;
	gate = t.pass.gate;
	plan(&arena, &t);
	ae_lbfgs_resume(&t.lbfgs, &lbfgs);
	t.pass.gate.n_averaged = gate.n_averaged; /* the others are 0 at rest */
	*trainer = t;
	settle(trainer);
	restore_order(trainer);
	return AE_OK;
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
	return t->options.batch_norm ? current_params(t) : t->params;
}

double
ae_trainer_mean(const AeTrainer *t, const char *term)
{
	for (size_t i = 0; i < N_TERMS; i++)
		if (strcmp(terms[i]->name, term) == 0)
			return t->progress.restored ? t->use[i].best : t->use[i].mean;
	return NAN;
}
