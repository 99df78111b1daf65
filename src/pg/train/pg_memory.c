/*
 * pg_memory.c: checks the memory of a training before it is allocated.
 */
#include "pg_train.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Memory that a training may take: so many times maintenance_work_mem, but at least what a network
 * of a few hundred columns needs.
 */
#define NETWORK_FACTOR 4
#define LEAST_MEMORY ((size_t) 32 * 1024 * 1024)

/* Bytes that this training and the records of other groups hold now. */
static size_t
held_memory(const PgaeJob *job)
{
	return MemoryContextMemAllocated(CurrentMemoryContext, true) + pgae_store_others(job->store);
}

static size_t
work_memory(void)
{
	return (size_t) maintenance_work_mem * 1024;
}

/*
 * maintenance_work_mem is a budget for rows, which can be moved to disk; weights cannot. A network
 * may exceed it by a factor that allows ordinary ones at the default setting.
 */
static size_t
memory_limit(void)
{
	return Max(work_memory() * NETWORK_FACTOR, LEAST_MEMORY);
}

void
pgae_job_check_memory(const PgaeJob *job, size_t bytes)
{
	const size_t mb = 1024 * 1024;
	size_t held = held_memory(job), needed;

	if (!ae_size_add(&needed, held, bytes))
		needed = SIZE_MAX - mb;
	if (needed <= memory_limit())
		return;
	/* rows may fill the setting itself: hence one less */
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("training takes %zu MB of memory, maintenance_work_mem allows %zu MB",
					(needed + mb - 1) / mb, memory_limit() / mb),
			 errdetail("Rows and columns take %zu MB, a network of %u inputs and %zu weights %zu "
					   "MB.  A training may take %d times maintenance_work_mem.",
					   (held + mb - 1) / mb, job->model->net.width[0],
					   ae_net_n_params(&job->model->net), (bytes + mb - 1) / mb, NETWORK_FACTOR),
			 errhint("SET maintenance_work_mem = '%zuMB', or make the network narrower with the "
					 "options \"code\" and \"hidden\".",
					 needed / mb / (NETWORK_FACTOR - 1) + 1)));
}

/*
 * Bytes that training all networks from this one on will take beyond what is held: the trainer of
 * the last one, the copy of its state for a checkpoint, and all weights, which are copied out of
 * it; or, at the end, all weights twice.
 */
static size_t
planned_memory(const PgaeJob *job)
{
	const AeModel *model = job->model;
	static const AeReal bound = 0;
	AeRows rows = {.n_rows = job->n_rows, .nullable = true, .low = &bound, .high = &bound};
	size_t to_come = job->n_networks - job->number;
	size_t other_folds = to_come / job->n_members - 1;
	size_t weights = ae_net_n_params(&model->net) * sizeof(AeReal);
	size_t trainer, state, verdicts, of_fold;
	AeTask task = {&model->net, &model->options, &rows};
	AeError error;

	rows.width = ae_layout_cells(&model->net.layout);
	rows.has_target = model->schema.has_target;
	pgae_raise_unless_ok(ae_trainer_size(&trainer, &task, &error), &error, &model->schema);
	if (job->track && pgae_track_keeps(job->track))
	{
		pgae_raise_unless_ok(ae_trainer_state_size(&state, &task, &error), &error, &model->schema);
		trainer += state;
	}
	trainer = Max(trainer, pgae_pca_memory(job));
	/* what each fold keeps: its columns, verdicts, and prototypes with what finds them */
	verdicts = pgae_job_n_verdicts(job) * rows.width * sizeof(AeReal);
	of_fold =
		model->schema.n_columns * sizeof(AeColumn) + verdicts +
		3 * Min((size_t) PGAE_PROTOTYPE_CELLS, AE_MAX_PROTOTYPES * rows.width) * sizeof(AeReal);
	/* at most 8 networks of 512 MB: no sum overflows */
	return other_folds * of_fold +
		   Max(to_come * weights + trainer, (job->n_networks + to_come) * weights + verdicts);
}

size_t
pgae_job_room_for_rows(const PgaeJob *job)
{
	size_t planned = planned_memory(job), work = work_memory(), used, left;

	pgae_job_check_memory(job, planned);
	used = held_memory(job) + planned;
	left = used < work ? work - used : 0;
	left = Min(Max(left, work / 4), work / 2);
	return Min(left, memory_limit() - used);
}
