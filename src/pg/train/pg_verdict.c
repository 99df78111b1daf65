/*
 * pg_verdict.c: keeps the judged rows of a training and finds how far their verdicts reach: see
 * ae_verdict.h.
 */
#include "pg_train.h"

#include "utils/memutils.h"

/* The most rows that decide the reach, and the most cells of all of them. */
#define FIT_ROWS ((size_t) 4096)
#define FIT_CELLS ((size_t) 4 * 1024 * 1024)

/* The number of training rows that replace prototypes if there are none. */
#define STAND_INS ((size_t) 64)

/* Writes the cells of the rows of a store; returns where the next ones go. */
static AeReal *
read_judged(AeReal *cells, PgaeJob *job, PgaeStore *store)
{
	const char *record;

	if (store == NULL)
		return cells;
	pgae_store_rewind(store);
	while ((record = pgae_store_next(store)) != NULL)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, record);

		CHECK_FOR_INTERRUPTS();
		ae_scaler_apply(cells, &job->models[0].schema, row->values, row->missing);
		cells += job->rows.width;
	}
	return cells;
}

static uint32
count_judged(PgaeStore *store)
{
	return store ? (uint32) pgae_store_count(store) : 0;
}

/* The verdicts, without their reach. */
static void
gather_verdicts(PgaeJob *job, AeVerdicts *verdicts)
{
	size_t n_cells = pgae_job_n_verdicts(job) * job->rows.width;

	if (pgae_job_keeps_verdicts(job))
		*verdicts = job->init[0]->verdicts;
	else if (n_cells > 0)
	{
		pgae_job_check_memory(job, n_cells * sizeof(AeReal));
		verdicts->n_confirmed = count_judged(job->confirmed);
		verdicts->n_dismissed = count_judged(job->dismissed);
		verdicts->cells = MemoryContextAllocHuge(CurrentMemoryContext, n_cells * sizeof(AeReal));
		read_judged(read_judged(verdicts->cells, job, job->confirmed), job, job->dismissed);
	}
	verdicts->reach = palloc(Max(verdicts->n_confirmed, 1) * sizeof(double));
}

/* The n centres that the reach is measured from. */
static const AeReal *
find_centres(size_t *n, PgaeJob *job)
{
	const AePrototypes *prototypes = &job->models[0].prototypes;
	AeReal *rows;

	*n = prototypes->n;
	if (*n > 0)
		return prototypes->cells;
	*n = Min(STAND_INS, Max(job->progress->n_train, 1));
	rows = palloc(*n * job->rows.width * sizeof(AeReal));
	pgae_job_read_training(job, rows, 0, *n, *n);
	return rows;
}

/* Reads at most so many calibration rows and their distances to centres. */
static size_t
read_fit(AeReal *rows, double *terms, PgaeJob *job, size_t limit)
{
	PgaeSample sample = pgae_sample_spread(job, limit);
	size_t n = sample.n, n_centres;
	PgaePanel *panel = pgae_panel_make(job->models, 1, 1);
	const AeReal *centres = find_centres(&n_centres, job);
	AeReal label;

	for (size_t i = 0; i < n; i++)
	{
		AeReal *row = rows + i * job->rows.width;

		pgae_report_step(job->report, "weighing verdicts", i, n);
		pgae_sample_next(job, &sample, &panel->scorer, job->rows.has_target ? &label : NULL, i, 1);
		memcpy(row, panel->scorer.cells, job->rows.width * sizeof(AeReal));
		terms[i] = ae_verdict_term(row, centres, n_centres, &job->models[0].net.layout);
	}
	pgae_panel_free(panel);
	return n;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

void
pgae_job_weigh_verdicts(PgaeJob *job)
{
	AeModel *model = &job->models[0];
	size_t limit = Min(FIT_ROWS, FIT_CELLS / job->rows.width), n;
	AeReal *rows;
	double *terms, *scratch;

	gather_verdicts(job, &model->verdicts);
	if (ae_verdicts_count(&model->verdicts) == 0)
		return;
	rows = palloc(limit * job->rows.width * sizeof(AeReal));
	terms = palloc(limit * sizeof(double));
	scratch = palloc(ae_verdicts_scratch(limit) * sizeof(double));
	n = read_fit(rows, terms, job, limit);
	qsort(terms, n, sizeof(double), ascending);
	ae_verdicts_fit(&model->verdicts, rows, terms, n, &model->net.layout, scratch,
					pgae_check_interrupts);
	pfree(rows);
	pfree(terms);
	pfree(scratch);
}
