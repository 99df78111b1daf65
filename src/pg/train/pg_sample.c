/*
 * pg_sample.c: rows of a job picked for what comes after training: those that calibrate, and those of
 * training spread evenly.
 */
#include "pg_train.h"

/* Without validation rows, so many training rows calibrate. */
#define MAX_SEEN_SCORES 10000

/* Rows held out for validation that calibrate at most. */
#define MAX_HELD_OUT_SCORES ((size_t) 1024 * 1024)

/* The k-th of n rows picked evenly from the training rows. */
static size_t
spread_row(const PgaeJob *job, size_t k, size_t n)
{
	size_t n_train = job->progress->n_train;

	return job->progress->n_validation + (size_t) ((double) k * (double) n_train / (double) n);
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

	sample.store = job->unseen;
	sample.unseen = job->unseen != NULL || job->progress->n_validation > 0;
	if (job->unseen)
	{
		sample.n = Min(pgae_store_count(job->unseen), PGAE_MAX_UNSEEN_SCORES);
		pgae_store_rewind(job->unseen);
	}
	else if (sample.unseen)
		sample.n = Min(job->progress->n_validation, MAX_HELD_OUT_SCORES);
	else
		sample.n = Min(job->progress->n_train, MAX_SEEN_SCORES);
	return sample;
}

/* As pgae_sample_next, where rows have a target. */
static void
next_labelled(const PgaeJob *job, const PgaeSample *sample, AeScorer *scorer, AeReal *labels,
			  size_t first, size_t count)
{
	const AeSchema *schema = &job->model->schema;

	if (!sample->store && sample->unseen)
	{
		pgae_store_read_labelled(&job->rows, scorer->cells, labels, first, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
	{
		if (sample->store)
		{
			const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(sample->store));

			ae_scorer_take(scorer, i, row->values, row->missing);
			labels[i] = ae_target_cell(&schema->target, row->target, row->target_missing);
		}
		else
			pgae_store_read_labelled(&job->rows, scorer->cells + i * job->rows.width, labels + i,
									 spread_row(job, first + i, sample->n), 1);
	}
}

void
pgae_sample_next(const PgaeJob *job, const PgaeSample *sample, AeScorer *scorer, AeReal *labels,
				 size_t first, size_t count)
{
	if (labels)
	{
		next_labelled(job, sample, scorer, labels, first, count);
		return;
	}
	if (!sample->store)
	{
		if (sample->unseen)
			pgae_store_read(&job->rows, scorer->cells, first, count);
		else
			pgae_job_read_training(job, scorer->cells, first, count, sample->n);
		return;
	}
	for (size_t i = 0; i < count; i++)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(sample->store));

		ae_scorer_take(scorer, i, row->values, row->missing);
	}
}
