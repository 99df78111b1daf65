/*
 * pg_sketch.c: sketches what the columns of a training looked like and how large their errors were,
 * so that ae.drift can compare later rows with them: see ae_sketch.h.
 *
 * Values come from all rows, errors from rows that their network did not see. In large tables, rows
 * picked evenly from the canonical order stand for all: equal rows are neighbours there, so the
 * first ones might be a few rows repeated many times.
 */
#include "pg_train.h"

#include <float.h>
#include <math.h>

#include "ae_bundle.h"

/* The most rows that are sketched, and the most of their numbers kept at a time. */
#define VALUE_ROWS ((size_t) 32768)
#define ERROR_ROWS ((size_t) 4096)
#define MAX_KEPT ((size_t) 1024 * 1024)

/* Few rows, or rows with very many values, get few cuts: a model should stay small. */
#define FINE_ROWS 1000
#define FINE_COLUMNS 256

/* Values of one fold's rows, or of both, as they are gathered. */
typedef struct Gathered
{
	AeSketch *sketches; /* of each column; counts of categories are made here */
	double **numbers;   /* of the others; NULL for categories */
	size_t *n;
} Gathered;

static void
gather_rows(Gathered *gathered, PgaeJob *job, PgaeStore *store, size_t n_rows)
{
	const AeSchema *schema = &job->models[0].schema;
	size_t of = pgae_store_count(store);

	pgae_store_rewind(store);
	for (size_t i = 0; i < n_rows; i++)
	{
		const PgaeRow *row =
			pgae_codec_unpack(job->codec, pgae_spread_record(store, i, n_rows, of));

		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "measuring", i, n_rows);
		for (uint32 c = 0; c < schema->n_columns; c++)
		{
			AeSketch *sketch = &gathered->sketches[c];

			if (row->missing[c])
				sketch->n_missing++;
			else if (gathered->numbers[c])
				gathered->numbers[c][gathered->n[c]++] = row->values[c];
			else
				sketch->count[ae_sketch_level(sketch, ae_value_level(row->values[c]))]++;
		}
	}
}

/* Sorts numbers and sketches them; sketch->n_missing stays. */
static void
fit_sketch(AeSketch *sketch, double *numbers, size_t n, bool coarse)
{
	double cut[AE_MAX_CUTS];
	uint32 count[AE_MAX_CUTS + 1];

	pgae_sort_numbers(numbers, n);
	sketch->cut = cut;
	sketch->count = count;
	ae_sketch_fit(sketch, numbers, n, coarse);
	sketch->cut = palloc(Max(sketch->n_cuts, 1) * sizeof(double));
	sketch->count = palloc(sketch->n_bins * sizeof(uint32));
	memcpy(sketch->cut, cut, sketch->n_cuts * sizeof(double));
	memcpy(sketch->count, count, sketch->n_bins * sizeof(uint32));
}

static bool
is_coarse(const AeSchema *schema, size_t n)
{
	return schema->n_columns > FINE_COLUMNS || n < FINE_ROWS;
}

/* The part of a fold of n rows among `limit` rows of all folds, whose sizes may differ. */
static size_t
share_of(const PgaeJob *job, size_t n, size_t limit)
{
	size_t total = pgae_job_all_rows(job);

	return total <= limit ? n : pgae_spread(n, total, limit);
}

/* Sketches all columns over the rows of both folds, with the levels of this job's fold. */
static AeSketch *
sketch_values(PgaeJob *job)
{
	const AeSchema *schema = &job->models[0].schema;
	PgaeStore *stores[] = {job->store, job->unseen};
	size_t limit = Min(VALUE_ROWS, MAX_KEPT / schema->n_columns), n_rows[2] = {0}, room;
	Gathered gathered = {palloc0(schema->n_columns * sizeof(AeSketch)),
						 palloc0(schema->n_columns * sizeof(double *)),
						 palloc0(schema->n_columns * sizeof(size_t))};

	for (int s = 0; s < 2 && stores[s]; s++)
		n_rows[s] = share_of(job, pgae_store_count(stores[s]), limit);
	room = Max(n_rows[0] + n_rows[1], 1) * sizeof(double);
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		AeSketch *sketch = &gathered.sketches[c];

		if (column->kind != AE_KIND_CATEGORY)
		{
			gathered.numbers[c] = palloc(room);
			continue;
		}
		sketch->n_bins = ae_column_levels(column) + 1;
		sketch->count = palloc0(sketch->n_bins * sizeof(uint32));
	}
	for (int s = 0; s < 2 && stores[s]; s++)
		gather_rows(&gathered, job, stores[s], n_rows[s]);
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (gathered.numbers[c] == NULL)
			continue;
		fit_sketch(&gathered.sketches[c], gathered.numbers[c], gathered.n[c],
				   is_coarse(schema, gathered.n[c]));
		pfree(gathered.numbers[c]);
	}
	pfree(gathered.numbers);
	pfree(gathered.n);
	return gathered.sketches;
}

/* ---- errors ---- */

/*
 * The errors of the row in a scorer, row i of the sample; NaN if not observed. The cost of unseen
 * values would dominate means over rows, so these leave out such rows.
 */
static void
take_errors(PgaeJob *job, size_t i, AeScorer *scorer, uint64 *count, double *scratch)
{
	uint32 n_columns = job->models[0].schema.n_columns;
	double *errors = job->column_errors + i * n_columns;

	memset(count, 0, n_columns * sizeof(uint64));
	ae_members_add_errors(errors, count, scorer, scratch);
	for (uint32 c = 0; c < n_columns; c++)
	{
		if (count[c] == 0)
			errors[c] = NAN;
		else if (isfinite(errors[c]) && !(scorer->parts[c] > 0))
		{
			job->error_sums[c] += errors[c];
			job->error_counts[c]++;
		}
	}
}

/* Computes errors of all columns, row by row, for rows that this job's networks did not see. */
static void
measure_errors(PgaeJob *job)
{
	uint32 n_columns = job->models[0].schema.n_columns;
	size_t limit = Min(ERROR_ROWS, MAX_KEPT / n_columns);
	PgaeSample sample = pgae_sample_spread(
		job, job->unseen ? share_of(job, pgae_job_other_rows(job), limit) : limit);
	size_t n = sample.unseen ? sample.n : 0;
	PgaePanel *panel;
	uint64 *count;
	double *scratch;
	AeReal label;

	job->n_errors = n;
	job->column_errors = NULL;
	if (n == 0)
		return;
	job->column_errors = palloc0(n * n_columns * sizeof(double));
	job->error_sums = palloc0(n_columns * sizeof(double));
	job->error_counts = palloc0(n_columns * sizeof(double));
	panel = pgae_panel_make(job->models, job->n_members, 1);
	count = palloc(n_columns * sizeof(uint64));
	scratch = palloc(n_columns * sizeof(double));
	for (size_t i = 0; i < n; i++)
	{
		pgae_report_step(job->report, "measuring", i, n);
		pgae_sample_next(job, &sample, &panel->scorer, job->rows.has_target ? &label : NULL, i, 1);
		take_errors(job, i, &panel->scorer, count, scratch);
	}
	pgae_panel_free(panel);
	pfree(count);
	pfree(scratch);
}

/*
 * Sketches the errors of one column in all jobs; those that overflowed count as the largest double.
 */
static void
sketch_errors(AeColumn *column, uint32 c, PgaeJob **jobs, uint32 n_jobs)
{
	uint32 n_columns = jobs[0]->models[0].schema.n_columns;
	size_t n_rows = 0, n = 0;
	double sum = 0, n_known = 0, *errors;

	for (uint32 j = 0; j < n_jobs; j++)
		n_rows += jobs[j]->n_errors;
	if (n_rows == 0)
		return;
	errors = palloc(n_rows * sizeof(double));
	for (uint32 j = 0; j < n_jobs; j++)
	{
		for (size_t i = 0; i < jobs[j]->n_errors; i++)
		{
			double error = jobs[j]->column_errors[i * n_columns + c];

			if (!isnan(error))
				errors[n++] = Min(error, DBL_MAX);
		}
		if (jobs[j]->n_errors > 0)
		{
			sum += jobs[j]->error_sums[c];
			n_known += jobs[j]->error_counts[c];
		}
	}
	column->errors = palloc0(sizeof(AeSketch));
	column->errors->n_missing = (uint32) (n_rows - n);
	column->mean_error = n_known > 0 ? Min(sum / n_known, DBL_MAX) : 0;
	fit_sketch(column->errors, errors, n, is_coarse(&jobs[0]->models[0].schema, n));
	pfree(errors);
}

void
pgae_job_sketch(PgaeJob *job)
{
	if (job->number == 0)
		job->sketches = sketch_values(job);
	measure_errors(job);
}

/* Whether a source column has errors: a constant has none, or only the cost of unseen values. */
static bool
varies_somewhere(PgaeJob **jobs, uint32 n_jobs, uint32 c)
{
	for (uint32 j = 0; j < n_jobs; j++)
	{
		if (ae_schema_source_varies(&jobs[j]->models[0].schema, c))
			return true;
	}
	return false;
}

void
pgae_jobs_sketch(PgaeJob **jobs, uint32 n_jobs)
{
	AeSchema *schema = &jobs[0]->models[0].schema;
	AeColumn *columns = palloc(schema->n_columns * sizeof(AeColumn));

	/* the other members have the same columns, and no sketches */
	memcpy(columns, schema->columns, schema->n_columns * sizeof(AeColumn));
	schema->columns = columns;
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		columns[c].sketch = &jobs[0]->sketches[c];
		if (columns[c].element <= 1 && varies_somewhere(jobs, n_jobs, c))
			sketch_errors(&columns[c], c, jobs, n_jobs);
	}
	for (uint32 j = 0; j < n_jobs; j++)
	{
		if (jobs[j]->column_errors)
			pfree(jobs[j]->column_errors);
		jobs[j]->column_errors = NULL;
	}
}
