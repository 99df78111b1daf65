/*
 * ae_train.c: the training loop, turned inside out so that a caller can stop it
 * between any two steps.
 *
 * An *evaluation* is the loss and its gradient over a set of rows: a minibatch, or for L-BFGS all
 * training rows.  It is computed in slices of at most `slice_rows` rows, a number that depends only
 * on the network, so that neither the time of a step nor memory grows with the minibatch; one step
 * of the trainer is one slice.  After the last slice of an evaluation the optimiser moves the
 * weights; after the last evaluation of an epoch the validation rows are passed through, again by
 * slices.
 */
#include "ae_train.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ae_lbfgs.h"
#include "ae_optim.h"
#include "ae_part.h"

#define SLICE_FLOPS 5e9 /* about 50 ms of one core */
#define MIN_SLICE_ROWS 16
#define SLICE_REALS ((size_t) 1 << 21) /* numbers that pass through the network with a slice */
#define PASS_ROWS 512                  /* rows of a slice unless the minibatch is smaller */
#define KEEP_INTERVAL 16               /* updates between copies of good weights */

const char *const ae_train_state_name[AE_TRAIN_STATE_COUNT] = {
	[AE_TRAIN_RUNNING] = "running",     [AE_TRAIN_FINISHED] = "finished",
	[AE_TRAIN_CONVERGED] = "converged", [AE_TRAIN_EARLY] = "early stopping",
	[AE_TRAIN_STOPPED] = "stopped",     [AE_TRAIN_DIVERGED] = "diverged",
};

/* The sums over rows that the trainer keeps for each term of the loss. */
typedef struct Sums
{
	double factor; /* in the objective */
	double batch;  /* of the current evaluation */
	double epoch;  /* of finished evaluations */
	double validation;
	double mean; /* of the last epoch, over validation rows if any; NaN before */
	double best; /* of the best one */
} Sums;

struct AeTrainer
{
	AeNet net;
	AeTrainOptions options;
	AeReader reader;
	AeCompute compute;
	AeProgress progress;
	AeEpoch *history;
	uint32_t history_stride;

	size_t n_saved; /* bytes at the start of the block that ae_trainer_save keeps */
	size_t n_params;
	size_t slice_rows;
	size_t copies; /* of each row in training: several draws of its code are weighted */
	AeReal *params;
	AeReal *grads;
	AeReal *kept; /* best weights, or the last good ones */
	bool has_kept;
	uint64_t kept_update; /* update of the last copy */
	AeOptim optim;        /* unless L-BFGS */
	AeLbfgs lbfgs;        /* if L-BFGS */
	AePass pass;
	AePartUse use[AE_N_PARTS];
	Sums sums[AE_N_PARTS];
	AeReal *folded;    /* n_params: what rows are scored with, if that is not params; or NULL */
	bool settled;      /* it has replaced params: training is over */
	AeMeasure measure; /* of the loss */

	/* position of the current step */
	bool validating;
	size_t n_batches; /* evaluations in an epoch */
	size_t batch;     /* current one */
	size_t position;  /* rows done of the epoch, or of validation */
	uint64_t visits;  /* all slices so far: the counter of the noise */
	size_t epoch_rows;
	double best_objective; /* of the validation rows in the best epoch */
};

/* A line search cannot end at a gradient that jumps at 0. */
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

static bool
is_lbfgs(const AeTrainer *t)
{
	return t->options.optimizer == AE_OPTIMIZER_LBFGS;
}

/* Rows of a slice so that its cells, inputs, and outputs of all layers are SLICE_REALS numbers. */
static size_t
slice_limit(const AeTrainer *t)
{
	size_t reals = 2 * t->reader.rows.width, rows;

	for (uint32_t l = 0; l <= t->net.n_layers; l++)
		reals += t->net.width[l];
	rows = SLICE_REALS / reals / t->copies;
	return rows > MIN_SLICE_ROWS ? rows : MIN_SLICE_ROWS;
}

/* Rows of a slice: as many of the wanted minibatch as pass in about 50 ms. */
static size_t
plan_slice(const AeTrainer *t, size_t wanted)
{
	double macs = ae_net_macs(&t->net) * (double) t->copies;
	size_t limit = slice_limit(t), n_rows = t->reader.rows.n_rows, least = MIN_SLICE_ROWS, rows;

	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (t->use[i].used && ae_parts[i]->macs)
		{
			macs += ae_parts[i]->macs(&t->net, &t->options);
			least = 1; /* the exact norm of a wide code's Jacobian takes long */
		}
	rows = (size_t) (SLICE_FLOPS / (6 * macs));
	if (rows < wanted)
		wanted = rows > least ? rows : least;
	if (limit < wanted)
		wanted = limit;
	return wanted < n_rows ? wanted : n_rows;
}

/* Sizes that follow from net, options and rows. */
static AeStatus
plan_sizes(AeTrainer *t, const AeRows *rows, AeError *error)
{
	const AeTrainOptions *o = &t->options;
	size_t n = rows->n_rows, wanted = PASS_ROWS;
	size_t n_validation = ae_options_held_out(o, n);
	AeStatus status;

	if (n_validation >= n)
		return ae_fail(error, AE_ERR_SHAPE, "number of training rows", (double) n, 2, 1e15);
	status = ae_reader_plan(&t->reader, rows, n_validation, !is_lbfgs(t), error);
	if (status != AE_OK)
		return status;
	t->progress.n_validation = n_validation;
	t->progress.n_train = n -= n_validation;
	t->n_params = ae_net_n_params(&t->net);
	t->n_batches = 1;
	if (!is_lbfgs(t))
	{
		size_t batch = o->batch_size < n ? o->batch_size : n;

		/* rows are spread evenly, so that no minibatch has only a few left-over rows */
		t->n_batches = (n + batch - 1) / batch;
		if (batch > wanted)
			wanted = batch;
	}
	t->slice_rows = plan_slice(t, wanted);
	t->progress.total_updates = o->updates;
	if (o->epochs > 0 && __builtin_mul_overflow(o->epochs, is_lbfgs(t) ? 1 : t->n_batches,
												&t->progress.total_updates))
		return ae_fail(error, AE_ERR_LIMIT, "number of updates", (double) o->epochs, 1, 1e12);
	return AE_OK;
}

/* Places everything; called twice, first to count. */
static AeTrainer *
plan(AeArena *arena, AeTrainer *t)
{
	const AeRows *rows = &t->reader.rows;
	size_t slice = t->slice_rows * t->copies;
	size_t n_params = t->n_params + ae_parts_n_params(t->use, &t->net);
	AeTrainer *home = ae_arena_place(arena, 1, sizeof(AeTrainer));
	AePartSetup setup = {.net = &t->net,
						 .options = &t->options,
						 .n_rows = rows->n_rows,
						 .n_labelled = rows->n_labelled,
						 .slice_rows = slice,
						 .n_updates = t->progress.total_updates,
						 .width = rows->width,
						 .nullable = rows->nullable,
						 .low = rows->low,
						 .high = rows->high,
						 .kernels = t->compute.kernels};

	t->history = ae_arena_place(arena, AE_MAX_HISTORY, sizeof(AeEpoch));
	t->params = ae_arena_place(arena, n_params, sizeof(AeReal));
	t->grads = ae_arena_place(arena, n_params, sizeof(AeReal));
	t->kept = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	if (is_lbfgs(t))
		ae_lbfgs_place(&t->lbfgs, arena, t->n_params, t->compute.kernels);
	else
		ae_optim_place(&t->optim, arena, &t->net, n_params, &t->options, &t->compute);
	ae_parts_place_lasting(t->use, arena, &t->net);
	t->n_saved = arena->used;
	ae_net_place(&t->pass, arena, &t->net, t->net.n_layers, slice, true);
	t->pass.compute = t->compute;
	ae_parts_place(t->use, arena, &t->pass, &setup);
	if (ae_parts_folds(t->use))
		t->folded = ae_arena_place(arena, t->n_params, sizeof(AeReal));
	ae_reader_place(&t->reader, arena, slice);
	t->measure.kernels = t->compute.kernels;
	t->measure.scratch = ae_arena_place(arena, ae_loss_scratch(&t->net.layout), sizeof(AeReal));
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
		status = ae_parts_check(net, options, error);
	if (status == AE_OK)
		status = check_prior(options, error);
	if (status == AE_OK && options->tied &&
		(!ae_net_is_symmetric(net) || net->layout.n_indicators > 0))
		status = ae_fail(error, AE_ERR_SHAPE, "layers of a tied decoder",
						 net->n_layers - net->n_encoder, net->n_encoder, net->n_encoder);
	if (status != AE_OK)
		return status;
	if (rows->width != ae_layout_cells(&net->layout))
		return ae_fail(error, AE_ERR_SHAPE, "number of cells", (double) rows->width,
					   ae_layout_cells(&net->layout), ae_layout_cells(&net->layout));
	if (options->salt_pepper > 0 && net->layout.n_dense > 0 && (!rows->low || !rows->high))
		return ae_fail(error, AE_ERR_ARGUMENT, "salt_pepper without bounds of cells",
					   options->salt_pepper, 0, 0);
	if (rows->has_target != (net->n_target > 0))
		return ae_fail(error, AE_ERR_SHAPE, "labels of a row", rows->has_target, net->n_target > 0,
					   net->n_target > 0);
	memset(t, 0, sizeof(*t));
	t->net = *net;
	t->options = *options;
	t->copies = net->spread && options->variational_samples > 1 ? options->variational_samples : 1;
	ae_parts_choose(t->use, net, options);
	for (size_t i = 0; i < AE_N_PARTS; i++)
		t->sums[i] = (Sums){.factor = ae_parts[i]->factor ? ae_parts[i]->factor(options) : 1,
							.mean = NAN,
							.best = NAN};
	return plan_sizes(t, rows, error);
}

/* Bytes of a trainer, and of what ae_trainer_save would keep of it. */
static AeStatus
count_bytes(size_t *bytes, size_t *saved, const AeTask *task, AeError *error)
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
	*saved = trainer.n_saved;
	return AE_OK;
}

AeStatus
ae_trainer_size(size_t *bytes, const AeTask *task, AeError *error)
{
	size_t saved;

	return count_bytes(bytes, &saved, task, error);
}

AeStatus
ae_trainer_state_size(size_t *bytes, const AeTask *task, AeError *error)
{
	size_t all;

	return count_bytes(&all, bytes, task, error);
}

/* Sets the pointers into the trainer itself. */
static void
settle(AeTrainer *home)
{
	home->optim.net = &home->net;
	home->optim.options = &home->options;
	home->pass.net = &home->net;
	home->measure.layout = &home->net.layout;
	home->progress.history = home->history;
}

AeStatus
ae_trainer_init(AeTrainer **trainer, void *block, size_t bytes, const AeTask *task,
				const AeReal *init, const AeCompute *compute, AeError *error)
{
	const AeNet *net = task->net;
	const AeTrainOptions *options = task->options;
	AeTrainer t, *home;
	AeArena arena = {.base = ae_arena_align(block), .used = 0, .overflow = false};
	size_t wanted;
	AeStatus status = ae_trainer_size(&wanted, task, error);

	if (status == AE_OK && wanted > bytes)
		status =
			ae_fail(error, AE_ERR_LIMIT, "bytes to train in", (double) wanted, 0, (double) bytes);
	if (status == AE_OK)
		status = prepare(&t, task, error);
	if (status != AE_OK)
		return status;
	t.compute = *compute;
	home = plan(&arena, &t);
	/* the block may be saved before all of it was used */
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
		ae_net_init(home->params, net, options->seed, compute->check);
	ae_parts_begin(home->use, home->params, net, options,
				   !init                                   ? AE_START_DRAWN
				   : options->pretrain != AE_PRETRAIN_NONE ? AE_START_PRETRAINED
														   : AE_START_TRAINED);
	if (options->tied)
		ae_net_tie(home->params, net);
	home->progress.train_loss = home->progress.validation_loss = home->progress.best_loss = NAN;
	home->best_objective = NAN;
	home->history_stride = 1;
	*trainer = home;
	return AE_OK;
}

static void
begin_epoch(AeTrainer *t)
{
	ae_reader_begin_epoch(&t->reader, t->options.seed, t->progress.epoch, 0);
	t->batch = 0;
	t->position = 0;
	for (size_t i = 0; i < AE_N_PARTS; i++)
		t->sums[i].epoch = 0;
	t->epoch_rows = 0;
}

/* ---- keeping weights, the history, the end ---- */

/*
 * The current weights, as rows are scored with them. L-BFGS has moved params on to its next trial
 * point; parts may fold something in.
 */
static const AeReal *
current_params(const AeTrainer *t)
{
	if (t->folded && !t->settled)
	{
		ae_parts_fold(t->use, t->folded, t->params, &t->net);
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

	p->train_loss = t->sums[AE_PART_reconstruction].epoch / (double) t->epoch_rows;
	if (validated)
		p->validation_loss = t->sums[AE_PART_reconstruction].validation / (double) p->n_validation;
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (t->use[i].used)
			t->sums[i].mean = validated ? t->sums[i].validation / (double) p->n_validation
										: t->sums[i].epoch / (double) t->epoch_rows;
}

static void
finish(AeTrainer *t, AeTrainState state)
{
	AeProgress *p = &t->progress;

	/* stopped within the first epoch: takes what there is of it */
	if (p->epoch == 0 && t->epoch_rows > 0)
		find_means(t);
	if (t->folded)
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
 * The objective of the validation rows, with penalties; otherwise the weights before penalties took
 * effect would be the best.
 */
static double
judge(const AeTrainer *t)
{
	double objective = 0;

	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (t->use[i].used)
			objective += ae_parts[i]->judge ? ae_parts[i]->judge(t->use[i].state, &t->options)
											: t->sums[i].factor * t->sums[i].mean;
	return objective;
}

/* Whether and how training ends with the epoch just finished. */
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
			for (size_t i = 0; i < AE_N_PARTS; i++)
				t->sums[i].best = t->sums[i].mean;
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
	for (size_t i = 0; i < AE_N_PARTS; i++)
		t->sums[i].validation = 0;
}

/* ---- one step ---- */

/* The source of random numbers for this visit. */
static AeVisit
visit_of(const AeTrainer *t)
{
	return (AeVisit){t->options.seed, t->visits};
}

/* Whether a term needs slopes for validation rows too, which pass without noise. */
static bool
wants_slopes(const AeTrainer *t)
{
	bool wanted = false;

	for (size_t i = 0; i < AE_N_PARTS; i++)
		wanted |= t->use[i].used && ae_parts[i]->slopes;
	return wanted;
}

/* The source for validation rows: the same in every epoch. */
static AeVisit
visit_of_validation(const AeTrainer *t)
{
	return (AeVisit){t->options.seed, UINT64_MAX - t->position / t->slice_rows};
}

/* Passes rows forward; returns the clean cells of what was corrupted, see AeEntering. */
static const AeReal *
forward(AeTrainer *t, const AeReal *params, const AeCells *cells, bool training)
{
	AeEntering entering = {.cells = cells,
						   .params = params,
						   .visit = training ? visit_of(t) : visit_of_validation(t),
						   .training = training};

	ae_parts_enter(t->use, &t->pass, &entering);
	ae_net_forward(&t->pass, params,
				   training          ? AE_PASS_TRAIN
				   : wants_slopes(t) ? AE_PASS_SLOPES
									 : AE_PASS_SCORE);
	if (training)
		ae_parts_passed(t->use, &t->pass);
	return entering.chosen;
}

/* Rows just passed forward, as terms see them. */
static AeSlice
slice_of(AeTrainer *t, const AeReal *params, const AeCells *cells)
{
	return (AeSlice){.pass = &t->pass,
					 .params = params,
					 .options = &t->options,
					 .cells = cells,
					 .labels = t->reader.labels,
					 .measure = &t->measure};
}

static void
step_validation(AeTrainer *t)
{
	size_t n = t->progress.n_validation - t->position;
	AeCells cells, chosen = {.nullable = true};
	AeSlice slice;

	if (n > t->slice_rows)
		n = t->slice_rows;
	cells = (AeCells){ae_reader_run(&t->reader, t->position, n), n, t->reader.rows.nullable};
	chosen.n_rows = n;
	chosen.at = forward(t, current_params(t), &cells, false);
	slice = slice_of(t, current_params(t), &cells);
	slice.chosen = chosen.at ? &chosen : NULL;
	slice.accumulate = t->position > 0;
	slice.visit = visit_of_validation(t);
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (t->use[i].used && ae_parts[i]->validate)
			t->sums[i].validation += ae_parts[i]->validate(t->use[i].state, &slice);
	t->position += n;
	if (t->position == t->progress.n_validation)
		end_epoch(t);
}

/* The objective of the current evaluation without the weights' prior: a sum over its rows. */
static double
batch_sum(const AeTrainer *t)
{
	double sum = 0;

	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (t->use[i].used)
			sum += t->sums[i].factor * t->sums[i].batch;
	return sum;
}

/* Adds the current evaluation to the epoch; position: its last row's. */
static void
count_batch(AeTrainer *t, size_t position)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		t->sums[i].epoch += t->sums[i].batch;
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
	ae_parts_updated(t->use, t->params, &t->net);
	p->update++;
	t->batch++;
	count_batch(t, t->position);
	if (p->epoch == 0)
		p->train_loss = t->sums[AE_PART_reconstruction].epoch / (double) t->epoch_rows;
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

/* Repeats each of n gathered rows as often as it enters, one after the other. */
static size_t
copy_rows(AeTrainer *t, size_t n)
{
	size_t width = t->reader.rows.width;

	for (size_t i = t->copies > 1 ? n : 0; i-- > 0;)
		for (size_t k = t->copies; k-- > 0;)
		{
			size_t to = i * t->copies + k;

			memmove(t->reader.cells + to * width, t->reader.cells + i * width,
					width * sizeof(AeReal));
			if (t->reader.labels)
				t->reader.labels[to] = t->reader.labels[i];
		}
	return n * t->copies;
}

/* The loss of a slice, and its gradient; of copies the mean. */
static void
take_loss(AeTrainer *t, AeSlice *slice)
{
	bool first = !slice->accumulate;

	for (size_t i = 0; i < AE_N_PARTS; i++)
	{
		if (first)
			t->sums[i].batch = 0;
		if (t->use[i].used && ae_parts[i]->loss)
			t->sums[i].batch += ae_parts[i]->loss(t->use[i].state, slice) / (double) t->copies;
	}
	ae_net_backward(t->grads, &t->pass, t->params, slice->accumulate);
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (t->use[i].used && ae_parts[i]->after)
			ae_parts[i]->after(t->use[i].state, slice);
}

static void
step_training(AeTrainer *t)
{
	size_t begin, end, n;
	AeCells cells = {.at = t->reader.cells, .nullable = t->reader.rows.nullable};
	AeCells chosen = {.nullable = true};
	AeSlice slice;

	batch_bounds(t, &begin, &end);
	cells.n_rows = n = end - t->position < t->slice_rows ? end - t->position : t->slice_rows;
	chosen.n_rows = n;
	if (is_lbfgs(t))
		cells.at = ae_reader_run(&t->reader, t->progress.n_validation + t->position, n);
	else
	{
		ae_reader_gather(&t->reader, t->position, n);
		cells.n_rows = chosen.n_rows = copy_rows(t, n);
	}
	chosen.at = forward(t, t->params, &cells, true);
	t->visits++;
	slice = slice_of(t, t->params, &cells);
	slice.chosen = chosen.at ? &chosen : NULL;
	slice.visit = visit_of(t);
	slice.accumulate = t->position != begin;
	slice.grads = t->grads;
	slice.share = 1 / (double) ((end - begin) * t->copies);
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

/* The trainer is at the start of its block, followed by what lasts longer than a step. */
void
ae_trainer_save(void *saved, const AeTrainer *t)
{
	ae_copy(saved, t, t->n_saved, t->compute.check);
}

AeStatus
ae_trainer_restore(AeTrainer *trainer, const void *saved, size_t bytes, AeError *error)
{
	AeArena arena = {.base = (void *) trainer, .used = 0, .overflow = false};
	AeTrainer t;
	AeLbfgs lbfgs;

	if (bytes != trainer->n_saved)
		return ae_fail(error, AE_ERR_SHAPE, "bytes of a saved training", (double) bytes,
					   (double) trainer->n_saved, (double) trainer->n_saved);
	memcpy(&t, saved, sizeof(t));
	if (t.n_saved != trainer->n_saved || t.reader.rows.n_rows != trainer->reader.rows.n_rows ||
		t.reader.rows.width != trainer->reader.rows.width || t.n_params != trainer->n_params ||
		t.progress.n_train != trainer->progress.n_train ||
		t.progress.total_updates != trainer->progress.total_updates ||
		t.slice_rows != trainer->slice_rows || t.options.seed != trainer->options.seed)
		return ae_fail(error, AE_ERR_SHAPE, "rows of a saved training",
					   (double) t.reader.rows.n_rows, (double) trainer->reader.rows.n_rows,
					   (double) trainer->reader.rows.n_rows);
	t.net = trainer->net;
	t.options = trainer->options;
	t.reader.rows = trainer->reader.rows;
	t.compute = trainer->compute;
	ae_copy((char *) trainer + sizeof(t), (const char *) saved + sizeof(t), bytes - sizeof(t),
			t.compute.check);
	/* sets the pointers again by the same plan, which clears the numbers of the line search */
	lbfgs = t.lbfgs;
	plan(&arena, &t);
	ae_lbfgs_resume(&t.lbfgs, &lbfgs);
	*trainer = t;
	settle(trainer);
	if (t.progress.state == AE_TRAIN_RUNNING)
		ae_reader_begin_epoch(&trainer->reader, t.options.seed, t.progress.epoch, t.position);
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
	return t->folded ? current_params(t) : t->params;
}

double
ae_trainer_mean(const AeTrainer *t, const char *term)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (strcmp(ae_parts[i]->name, term) == 0)
			return t->progress.restored ? t->sums[i].best : t->sums[i].mean;
	return NAN;
}
