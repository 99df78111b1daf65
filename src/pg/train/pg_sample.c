/*
 * pg_sample.c: picks rows of a job for what follows training: those that calibrate, and training
 * rows spread evenly.
 */
#include "pg_train.h"

#include "miscadmin.h"

/* The most training rows that calibrate if there are no validation rows. */
#define MAX_SEEN_SCORES 10000

/* The most rows held out for validation that calibrate. */
#define MAX_HELD_OUT_SCORES ((size_t) 1024 * 1024)

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y ? 1 : 0;
}

void
pgae_sort_numbers(double *numbers, size_t n)
{
	qsort(numbers, n, sizeof(double), ascending);
}

/* The k-th of n rows picked evenly from the training rows. */
static size_t
spread_row(const PgaeJob *job, size_t k, size_t n)
{
	return job->progress->n_validation + pgae_spread(k, n, job->progress->n_train);
}

void
pgae_job_read_training(const PgaeJob *job, AeReal *out, size_t first, size_t count, size_t n)
{
	for (size_t i = 0; i < count; i++)
		pgae_store_read(&job->rows, out + i * job->rows.width, spread_row(job, first + i, n), 1);
}

PgaeSample
pgae_sample_begin(const PgaeJob *job)
{
	PgaeSample sample = {0};

	/* a network that generates rows has no scores */
	if (job->model->schema.draws)
		return sample;
	sample.store = job->unseen;
	sample.unseen = job->unseen != NULL || job->progress->n_validation > 0;
	if (job->unseen)
	{
		sample.of = pgae_store_count(job->unseen);
		sample.n = Min(sample.of, PGAE_MAX_UNSEEN_SCORES);
		pgae_store_rewind(job->unseen);
	}
	else if (sample.unseen)
	{
		sample.of = job->progress->n_validation;
		sample.n = Min(sample.of, MAX_HELD_OUT_SCORES);
	}
	else
	{
		sample.of = job->progress->n_train;
		sample.n = Min(sample.of, MAX_SEEN_SCORES);
	}
	return sample;
}

PgaeSample
pgae_sample_spread(const PgaeJob *job, size_t n)
{
	PgaeSample sample = pgae_sample_begin(job);

	sample.n = Min(n, sample.of);
	return sample;
}

/* Row k of the sample, among the scaled rows. */
static size_t
scaled_row(const PgaeJob *job, const PgaeSample *sample, size_t k)
{
	return (sample->unseen ? 0 : job->progress->n_validation) +
		   pgae_spread(k, sample->n, sample->of);
}

void
pgae_sample_next(const PgaeJob *job, const PgaeSample *sample, AeScorer *scorer, AeReal *labels,
				 size_t first, size_t count)
{
	const AeSchema *schema = &job->model->schema;

	for (size_t i = 0; i < count; i++)
	{
		if (sample->store)
		{
			const PgaeRow *row = pgae_codec_unpack(
				job->codec, pgae_spread_record(sample->store, first + i, sample->n, sample->of));

			ae_scorer_take(scorer, i, row->values, row->missing);
			if (labels)
				labels[i] = ae_target_cell(&schema->target, row->roles[PGAE_ROLE_TARGET].value,
										   row->roles[PGAE_ROLE_TARGET].missing);
		}
		else if (labels)
			pgae_store_read_labelled(&job->rows, scorer->cells + i * job->rows.width, labels + i,
									 scaled_row(job, sample, first + i), 1);
		else
			pgae_store_read(&job->rows, scorer->cells + i * job->rows.width,
							scaled_row(job, sample, first + i), 1);
	}
}
