/*
 * pg_yardstick.c: measures a model against principal components: by the loss, and by how many of a
 * row's nearest neighbours the codes of each find.
 */
#include "pg_train.h"

#include <math.h>

#include "ae_recall.h"
#include "utils/memutils.h"

/*
 * The most rows that are searched; the most cells and codes, a few MB, as settings must not decide
 * whether there is a yardstick; and the fewest rows that say anything.
 */
#define MOST_ROWS ((size_t) 2048)
#define MOST_CELLS ((size_t) 1024 * 1024)
#define LEAST_ROWS (5 * AE_RECALL_K)
/* The most rows to search for, and multiply-adds of the search (about 200 ms). */
#define MOST_QUERIES ((size_t) 256)
#define QUERY_MACS 1e9

/* Copies rows of the sample and their codes. */
static void
read_rows(PgaeJob *job, AeRecall *recall, AePca *pca)
{
	PgaeSample sample = pgae_sample_spread(job, recall->n);
	AeCompute compute = pgae_compute();
	size_t n_cells = job->rows.width;
	size_t batch = pca ? Min(pca->n_block, PGAE_SCORE_BATCH) : PGAE_SCORE_BATCH;
	PgaePanel *panel = pgae_panel_make(job->model, 1, batch);
	AeScorer *scorer = &panel->scorer;

	for (size_t first = 0, n; first < recall->n; first += n)
	{
		AeReal *codes = recall->codes[0] + first * recall->n_code[0];

		n = Min(scorer->batch, recall->n - first);
		pgae_report_step(job->report, "comparing neighbours", first, recall->n);
		pgae_sample_next(job, &sample, scorer, NULL, first, n);
		memcpy(recall->cells + first * n_cells, scorer->cells, n * n_cells * sizeof(AeReal));
		if (pca)
		{
			memcpy(pca->cells, scorer->cells, n * n_cells * sizeof(AeReal));
			ae_pca_encode(pca, recall->codes[1] + first * recall->n_code[1], n, &compute);
		}
		memcpy(codes, ae_scorer_encode(scorer, n), n * recall->n_code[0] * sizeof(AeReal));
	}
	pgae_panel_free(panel);
}

/* The recall of the model's codes, and of those of pca, which may be NULL. */
static void
measure_recall(PgaeJob *job, AePca *pca)
{
	AeModel *model = job->model;
	const AeLayout *layout = &model->net.layout;
	size_t n_code[AE_RECALL_CODES] = {pgae_code_width(model), pca ? pca->n_components : 0};
	size_t width = Max(job->rows.width, n_code[0]);
	size_t n = Min(MOST_ROWS, MOST_CELLS / width), n_queries;
	AeArena count = {0}, arena = {0};
	AeRecall recall;

	n = pgae_sample_spread(job, n).n;
	if (n < LEAST_ROWS)
		return;
	ae_recall_place(&recall, &count, layout, n, n_code);
	arena.base = MemoryContextAllocHuge(CurrentMemoryContext, count.used + AE_ALIGN);
	ae_recall_place(&recall, &(AeArena){.base = ae_arena_align(arena.base)}, layout, n, n_code);
	read_rows(job, &recall, pca);
	ae_recall_begin(&recall, layout, pgae_kernels(),
					model->options.neighbours_weight > 0 &&
						model->options.neighbours_metric == AE_METRIC_COSINE);
	n_queries = Min(Min(n, MOST_QUERIES), (size_t) (QUERY_MACS / (double) (n * width)));
	for (size_t i = 0; i < n_queries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ae_recall_ask(&recall, i);
	}
	model->recall = ae_recall_of(&recall, 0);
	model->pca_recall = ae_recall_of(&recall, 1);
	pfree(arena.base);
}

void
pgae_job_compare(PgaeJob *job)
{
	AeModel *model = job->model;
	AePca pca;
	void *block = pgae_pca_find_compared(job, &pca);

	model->pca_loss = block && ae_pca_fits(&model->net.layout) ? ae_pca_loss(&pca) : NAN;
	model->recall = model->pca_recall = NAN;
	if (model->purpose != AE_PURPOSE_DETECT)
		measure_recall(job, block ? &pca : NULL);
	if (block)
		pfree(block);
}
