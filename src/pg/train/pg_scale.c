/*
 * pg_scale.c: scales the rows of a job into cells, and measures what can be known of them before
 * training.
 */
#include "pg_train.h"

#include <math.h>

/* Rows of one step. */
#define STEP_ROWS 64

/*
 * The second pass over cells, which losses that are not moments need for their distance to the
 * mean.
 */
static void
add_distances(PgaeJob *job, AeMoments *cells)
{
	AeModel *model = job->model;
	AeReal *block = palloc(STEP_ROWS * job->rows.width * sizeof(AeReal));

	for (size_t first = 0; first < job->rows.n_rows; first += STEP_ROWS)
	{
		size_t count = Min(STEP_ROWS, job->rows.n_rows - first);

		pgae_report_step(job->report, "measuring", first, job->rows.n_rows);
		pgae_store_read(&job->rows, block, first, count);
		for (size_t i = 0; i < count; i++)
			for (uint32_t j = 0; j < model->schema.n_dense; j++)
			{
				double cell = (double) block[i * job->rows.width + j];

				if (!isnan(cell))
					ae_moments_add_distance(&cells[j], cell, model->loss);
			}
	}
	pfree(block);
}

/* Keeps the two values to which salt-and-pepper noise sets each cell. */
static void
keep_bounds(PgaeJob *job, const AeMoments *cells)
{
	uint32_t n = job->model->schema.n_dense;
	AeReal *low = palloc(Max(n, 1) * 2 * sizeof(AeReal));
	AeReal *high = low + n;

	for (uint32_t j = 0; j < n; j++)
	{
		low[j] = (AeReal) cells[j].min;
		high[j] = (AeReal) cells[j].max;
	}
	job->rows.low = low;
	job->rows.high = high;
}

/* Measures the cells without their farthest value, if there are few rows. */
static void
fit_extremes(PgaeJob *job, const AeMoments *cells)
{
	const AeSchema *schema = &job->model->schema;
	AeExtremes *extremes = &job->model->extremes;
	size_t n = Max(schema->n_dense, 1);

	extremes->weight = 0;
	if (job->model->purpose == AE_PURPOSE_DETECT)
		extremes->weight = ae_extremes_weight(pgae_job_all_rows(job));
	if (extremes->weight == 0)
		return;
	extremes->centre = palloc(n * sizeof(AeReal));
	extremes->spread = palloc(n * sizeof(AeReal));
	ae_extremes_fit(extremes, schema, cells);
}

void
pgae_job_scale(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t in_memory = pgae_job_room_for_rows(job);
	AeMoments *cells = palloc(Max(model->schema.n_dense, 1) * sizeof(AeMoments));

	pgae_store_scale(&job->rows, cells, job->store, job->codec, &model->schema,
					 ae_options_held_out(&model->options, pgae_store_count(job->store)), in_memory);
	if (ae_loss_info[model->loss].at)
		add_distances(job, cells);
	model->mean_loss = ae_scaler_mean_loss(&model->schema, &model->net.layout, cells);
	keep_bounds(job, cells);
	fit_extremes(job, cells);
	pfree(cells);
}
