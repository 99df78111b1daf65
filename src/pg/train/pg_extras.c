/*
 * pg_extras.c: what a model has beside its networks: pairs of values and prototypes; and the loss of
 * principal components, to compare with.
 */
#include "pg_train.h"

#include <math.h>

#include "ae_pca.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Rows that principal components are taken of, and of one step. */
#define PCA_ROWS 16384
#define PCA_STEP 64

/* Clusters: rows they are made of, passes over them, rows for each at least on the average. */
#define CLUSTER_ROWS ((size_t) 16384)
#define CLUSTER_PASSES 3
#define CLUSTER_SHARE 5

/* ---- pairs ---- */

/* Counts the pairs of all rows, those of the other fold too. */
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
	size_t n = job->n_rows + (job->unseen ? pgae_store_count(job->unseen) : 0), bytes;
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
	size_t width = job->rows.width, n_train = job->progress->n_train;
	size_t n_rows = Min(n_train, CLUSTER_ROWS);
	uint32 n = pgae_options_prototypes(job->options, job->unseen ? 2 : 1);
	AeClusters clusters;
	AeReal *cells;
	size_t bytes;
	AeError error;

	n = (uint32) Min(n, Min(n_train / CLUSTER_SHARE, PGAE_PROTOTYPE_CELLS / width));
	if (n == 0)
		return;
	cells = palloc(Max(n, 1) * width * sizeof(AeReal));
	pgae_job_read_training(job, cells, 0, n, n);
	pgae_raise_unless_ok(ae_clusters_size(&bytes, n, &model->net.layout, &error), &error, NULL);
	ae_clusters_init(&clusters, MemoryContextAllocHuge(CurrentMemoryContext, bytes), n, cells,
					 &model->net.layout);
	for (int pass = 0; pass < CLUSTER_PASSES; pass++)
	{
		ae_clusters_begin(&clusters, pgae_kernels());
		for (size_t i = 0; i < n_rows; i++)
		{
			if (i % PGAE_ROWS_PER_CHECK == 0)
				pgae_report_step(job->report, "making prototypes", i, n_rows);
			pgae_job_read_training(job, cells, i, 1, n_rows);
			ae_clusters_add(&clusters, cells);
		}
		ae_clusters_end(&clusters);
	}
	for (uint32 m = 0; m < job->n_members; m++)
	{
		job->models[m].prototypes.n =
			m == 0 ? ae_clusters_settle(&clusters) : job->models[0].prototypes.n;
		job->models[m].prototypes.cells = clusters.cells;
	}
}

/* ---- the loss of principal components with as many numbers as the code has ---- */

void
pgae_job_compare_with_pca(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t n_inputs = job->rows.width;
	size_t n_code = model->net.width[model->net.n_encoder];
	size_t n = Min(job->progress->n_train, PCA_ROWS);
	AePca pca;
	AeReal *block;
	size_t bytes;
	AeError error;

	model->pca_loss = NAN;
	if (n_inputs > AE_PCA_MAX_INPUTS || n_code >= n_inputs || job->rows.nullable ||
		model->schema.n_scalars != n_inputs || model->loss != AE_LOSS_MSE)
		return;
	pgae_raise_unless_ok(ae_pca_size(&bytes, n_inputs, &error), &error, &model->schema);
	ae_pca_init(&pca, palloc(bytes), n_inputs);
	block = palloc(PCA_STEP * n_inputs * sizeof(AeReal));
	for (size_t first = 0; first < n; first += PCA_STEP)
	{
		size_t count = Min(PCA_STEP, n - first);

		pgae_report_step(job->report, "comparing with principal components", first, n);
		pgae_job_read_training(job, block, first, count, n);
		ae_pca_add(&pca, block, count);
	}
	model->pca_loss = ae_pca_loss(&pca, n_code, pgae_blas());
}
