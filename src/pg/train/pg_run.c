/*
 * pg_run.c: trains the networks of a job: a loop of short steps, after pretraining if it is asked
 * for.
 */
#include "pg_train.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

/* The most epochs of history that a model of few rows keeps. */
#define MIN_HISTORY 32

/* Raises 22023 if training would see no label. */
static void
check_label_split(const PgaeJob *job)
{
	size_t n = job->progress->n_validation, held_out = 0;
	AeReal *cells, label;

	if (job->rows.n_labelled == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no row has a label of target \"%s\" that the model to start from knows",
					pgae_target_name(&job->model->schema)),
			 errhint("Labels of other levels count as NULL; train a new model to learn them.")));
	if (job->rows.n_labelled > n)
		return;
	cells = palloc(job->rows.width * sizeof(AeReal));
	for (size_t i = 0; i < n; i++)
	{
		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "counting labels", i, n);
		pgae_store_read_labelled(&job->rows, cells, &label, i, 1);
		held_out += ae_target_count(&label, 1);
	}
	pfree(cells);
	if (held_out == job->rows.n_labelled)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("all labelled rows (%zu) are held out for validation", held_out),
						errhint("Label more rows, or set \"validation\" to 0.")));
}

/* init: parameters to start from, or NULL. */
static void
make_trainer(PgaeJob *job, const AeTask *task, const AeReal *init)
{
	AeCompute compute = pgae_compute();
	AeModel *model = job->model;
	size_t bytes;
	void *block;
	AeError error;

	pgae_raise_unless_ok(ae_trainer_size(&bytes, task, &error), &error, &model->schema);
	pgae_job_check_memory(job, bytes);
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	pgae_raise_unless_ok(ae_trainer_init(&job->trainer, block, bytes, task, init, &compute, &error),
						 &error, &model->schema);
	job->trainer_block = block;
	job->progress = ae_trainer_progress(job->trainer);
	job->last_report = pgae_job_seconds(job);
	job->last_update = 0;
	if (job->rows.has_target)
		check_label_split(job);
}

/*
 * Copies the epochs that have a loss to model->history; with few rows, whose epochs are many and
 * short, only every so many and the last. The last epochs of a training that diverged may have no
 * loss; losses beyond the range of float are cut to it.
 */
static void
keep_history(AeModel *model, const AeProgress *p)
{
	uint32_t most = (uint32_t) Min(Max(p->n_train, MIN_HISTORY), AE_MAX_HISTORY);
	uint32_t stride = (p->n_history + most - 1) / most;

	model->history = palloc(Max(p->n_history, 1) * sizeof(AeEpoch));
	model->n_history = 0;
	for (uint32_t i = 0; i < p->n_history; i++)
	{
		AeEpoch epoch = p->history[i];

		if (isnan(epoch.train_loss) || ((i + 1) % stride != 0 && i + 1 < p->n_history))
			continue;
		epoch.train_loss = Min(epoch.train_loss, FLT_MAX);
		if (isinf(epoch.validation_loss))
			epoch.validation_loss = FLT_MAX;
		model->history[model->n_history++] = epoch;
	}
}

/* Copies the results of training, except for the weights. */
static void
keep_outcome(PgaeJob *job)
{
	AeModel *model = job->model;
	const AeProgress *p = job->progress;

	model->state = p->state;
	model->n_rows = job->n_rows;
	model->n_validation = p->n_validation;
	model->n_updates = p->update;
	model->n_epochs = p->epoch;
	model->best_epoch = p->restored ? p->best_epoch : 0;
	model->train_loss = pgae_finite_or_nan(p->train_loss);
	model->validation_loss = pgae_finite_or_nan(p->restored ? p->best_loss : p->validation_loss);
	model->jacobian = pgae_finite_or_nan(ae_trainer_mean(job->trainer, "contraction"));
	model->log_likelihood = pgae_finite_or_nan(-(double) model->net.layout.n_columns *
											   ae_trainer_mean(job->trainer, "decoder"));
	keep_history(model, p);
}

/* Keeps the weights and frees the rest of the trainer. */
static void
keep_params(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t n = ae_net_n_params(&model->net);
	AeReal *params = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(AeReal));

	ae_copy(params, model->params, n * sizeof(AeReal), pgae_check_interrupts);
	model->params = params;
	job->outcome = *job->progress;
	job->progress = &job->outcome;
	pfree(job->trainer_block);
	job->trainer = NULL;
}

/* Every network has its share of the time limit; pretraining may use half of it. */
static bool
time_is_up(const PgaeJob *job, double now)
{
	double limit = job->model->options.time_limit;
	double share = job->pretraining > 0 ? 0.5 : 1;

	return limit > 0 && now >= limit * (job->number + job->member + share) / job->n_networks;
}

/* The loop. */
static void
run_trainer(PgaeJob *job)
{
	while (ae_trainer_step(job->trainer))
	{
		double now = pgae_job_seconds(job);

		CHECK_FOR_INTERRUPTS();
		if (pgae_report_is_due(job->report))
			pgae_job_report(job, now);
		if (job->track)
		{
			PgaePosition at = pgae_job_position(job);

			pgae_track_step(job->track, &at);
		}
		/* at least one update: a model needs a loss */
		if (time_is_up(job, now) && job->progress->update > 0)
			ae_trainer_stop(job->trainer);
	}
}

/* The weights of the trainer; a warning if it diverged, an error if there are none. */
static const AeReal *
take_params(PgaeJob *job)
{
	const AeReal *params = ae_trainer_params(job->trainer);
	uint64 update = job->progress->update;
	AeError error;

	if (job->progress->state != AE_TRAIN_DIVERGED)
		return params;
	ae_fail(&error, AE_ERR_DIVERGED, "training", (double) update, 0, 0);
	if (params == NULL)
		pgae_raise(&error, &job->model->schema);
	if (pgae_voice_may(job->voice, PGAE_NOTICE_DIVERGED))
		ereport(WARNING, (errcode(ERRCODE_WARNING),
						  errmsg("%straining diverged after " UINT64_FORMAT
								 " updates; the model keeps the last good weights",
								 pgae_voice_prefix(job->voice), update),
						  errhint("Lower the option \"learning_rate\", or set \"clip_norm\".")));
	return params;
}

/* Trains one layer of the encoder and its mirror, and puts them into params. */
static void
pretrain_layer(PgaeJob *job, AeReal *params, uint32 layer)
{
	AeModel *model = job->model;
	AePretrainer *pretrainer;
	AeCompute compute = pgae_compute();
	size_t bytes;
	void *block;
	AeError error;

	pgae_raise_unless_ok(ae_pretrainer_size(&bytes, &model->net, &job->rows, layer, &error), &error,
						 &model->schema);
	pgae_job_check_memory(job, bytes);
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	pretrainer = ae_pretrainer_init(block, &(AeTask){&model->net, &model->options, &job->rows},
									params, layer, &compute);
	make_trainer(job, &(AeTask){&pretrainer->net, &pretrainer->options, &pretrainer->rows}, NULL);
	pgae_job_tell_phase(job, "pretraining");
	run_trainer(job);
	pgae_job_report_end(job);
	ae_pretrainer_install(params, pretrainer, take_params(job));
	pfree(job->trainer_block);
	pfree(block);
	job->trainer = NULL;
}

/* Weights to start from, pretrained as far as the time limit allows; palloc'd. */
static AeReal *
pretrain(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t n = ae_net_n_params(&model->net);
	AeReal *params = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(AeReal));

	ae_net_init(params, &model->net, model->options.seed, pgae_check_interrupts);
	for (uint32 layer = 0; layer < model->net.n_encoder; layer++)
	{
		job->pretraining = layer + 1;
		if (!time_is_up(job, pgae_job_seconds(job)))
			pretrain_layer(job, params, layer);
	}
	job->pretraining = 0;
	return params;
}

/* Where the training was interrupted. */
static void
restore(PgaeJob *job)
{
	PgaePosition at = pgae_job_position(job);

	pgae_track_restore(job->track, &at);
	job->last_update = job->progress->update;
}

void
pgae_job_train(PgaeJob *job)
{
	AeModel *model = job->model;
	const AeReal *init = job->init[job->member] ? job->init[job->member]->params : NULL;
	AeReal *pretrained = NULL;
	PgaePosition at = pgae_job_position(job);
	bool has_state = job->track && pgae_track_has_state(job->track, &at);

	if (model->options.pretrain != AE_PRETRAIN_NONE && !has_state)
		init = pretrained = pretrain(job);
	else if (pgae_pca_starts(job) && !has_state)
	{
		pgae_job_check_memory(job, pgae_pca_memory(job));
		init = pretrained = pgae_pca_start(job);
	}
	make_trainer(job, &(AeTask){&model->net, &model->options, &job->rows}, init);
	if (pretrained)
		pfree(pretrained);
	if (has_state)
		restore(job);
	pgae_job_tell_phase(job, "training");
	run_trainer(job);
	at = pgae_job_position(job);
	if (job->track)
		pgae_track_ended(job->track, &at);
	pgae_job_report_end(job);
	model->params = take_params(job);
	keep_outcome(job);
	keep_params(job);
}
