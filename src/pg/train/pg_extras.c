/*
 * pg_extras.c: what a model has besides its networks: pairs of values and prototypes.
 */
#include "pg_train.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

/* The most rows from which prototypes are made. */
#define GROUP_ROWS ((size_t) 16384)

/* ---- pairs ---- */

/* Counts the pairs of all rows, including those of the other fold. */
static void
count_pairs(AePairCounts *counts, PgaeJob *job)
{
	AeReal *cells = palloc(job->rows.width * sizeof(AeReal));
	const char *record;
	size_t n = 0;

	for (; n < job->rows.n_rows; n++)
	{
		if (n % PGAE_ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		pgae_store_read(&job->rows, cells, n, 1);
		ae_pair_counts_add(counts, cells);
	}
	if (job->unseen)
		pgae_store_rewind(job->unseen);
	while (job->unseen && (record = pgae_store_next(job->unseen)) != NULL)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, record);

		if (n++ % PGAE_ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		ae_scaler_apply(cells, &job->model->schema, row->values, row->missing);
		ae_pair_counts_add(counts, cells);
	}
	pfree(cells);
}

void
pgae_job_make_pairs(PgaeJob *job)
{
	const AeLayout *layout = &job->models[0].net.layout;
	size_t n = pgae_job_all_rows(job), bytes;
	AePairCounts counts;
	AePairs pairs;
	void *block;
	AeError error;

	if (layout->n_wide == 0)
		return;
	pgae_raise_unless_ok(ae_pair_counts_size(&bytes, layout, n, &error), &error, NULL);
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	ae_pair_counts_init(&counts, block, layout, n);
	count_pairs(&counts, job);
	ae_pairs_pack(&pairs, palloc(ae_pair_counts_slots(&counts) * sizeof(uint32_t)), &counts);
	for (uint32 m = 0; m < job->n_members; m++)
		job->models[m].pairs = pairs;
	pfree(block);
}

/* ---- prototypes ---- */

void
pgae_job_make_prototypes(PgaeJob *job)
{
	AeModel *model = &job->models[0];
	size_t width = job->rows.width;
	size_t n_rows = Min(job->progress->n_train, Min(GROUP_ROWS, PGAE_PROTOTYPE_CELLS / width));
	uint32 n = pgae_options_prototypes(job->options, job->unseen ? 2 : 1);
	AeGroups groups;
	AeReal *rows;
	size_t bytes;
	AeError error;

	n = (uint32) Min(n, n_rows / AE_MIN_GROUP);
	if (n == 0)
		return;
	rows = MemoryContextAllocHuge(CurrentMemoryContext, n_rows * width * sizeof(AeReal));
	for (size_t i = 0; i < n_rows; i++)
	{
		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "making prototypes", i, n_rows);
		pgae_job_read_training(job, rows + i * width, i, 1, n_rows);
	}
	pgae_raise_unless_ok(ae_groups_size(&bytes, n, n_rows, &model->net.layout, &error), &error,
						 NULL);
	ae_groups_init(&groups, MemoryContextAllocHuge(CurrentMemoryContext, bytes), n, rows, n_rows,
				   &model->net.layout);
	while (ae_groups_step(&groups))
		CHECK_FOR_INTERRUPTS();
	pfree(rows);
	for (uint32 m = 0; m < job->n_members; m++)
		job->models[m].prototypes = groups.prototypes;
}
