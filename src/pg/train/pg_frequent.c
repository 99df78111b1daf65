/*
 * pg_frequent.c: the rows that a crossed model recognises. It finds those that are very frequent
 * (ae_frequent.h), which calibrate by the scores that they will have, and makes a filter of all
 * rows (ae_filter.h).
 */
#include "pg_train.h"

#include "miscadmin.h"

/* Ends a run of equal rows, which is kept if it is long enough without `less` of its rows. */
static void
end_run(PgaeFrequent *found, uint64 key, uint64 length, uint64 copies, uint64 less, uint64 n_rows)
{
	if (length <= less || !ae_frequent_is(length - less, n_rows))
		return;
	Assert(found->n < AE_MAX_FREQUENT);
	found->keys[found->n] = key;
	found->copies[found->n++] = copies;
}

/*
 * Equal rows follow one another in a store. For a row that calibrates, only the others decide, as
 * if it were new: less = 1.
 */
static void
find(PgaeFrequent *found, const PgaeJob *job, PgaeStore *store, uint64 less)
{
	uint64 key = 0, length = 0, copies = 0;
	size_t of = pgae_store_count(store), n_picked = Min(of, PGAE_MAX_UNSEEN_SCORES);
	size_t n = 0, k = 0;
	const char *record;

	found->n = 0;
	pgae_store_rewind(store);
	for (; (record = pgae_store_next(store)) != NULL; n++)
	{
		uint64 next = pgae_store_key(record);

		if (n % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "looking for frequent rows", n, of);
		if (length > 0 && next != key)
		{
			end_run(found, key, length, copies, less, pgae_job_all_rows(job));
			length = copies = 0;
		}
		key = next;
		length++;
		if (k < n_picked && n == pgae_spread(k, n_picked, of))
		{
			copies++;
			k++;
		}
	}
	end_run(found, key, length, copies, less, pgae_job_all_rows(job));
}

static bool
is_among(PgaeFrequent *found, uint64 key)
{
	return ae_frequent_has(&(AeFrequent){found->n, found->keys}, key);
}

/* Copies the record of each. */
static void
keep_records(PgaeJob *job)
{
	PgaeFrequent *frequent = &job->frequent;
	size_t size = pgae_codec_record_size(job->codec);
	const char *record;
	uint32 kept = 0;

	pgae_store_rewind(job->store);
	while (kept < frequent->n && (record = pgae_store_next(job->store)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgae_store_key(record) != frequent->keys[kept])
			continue;
		frequent->records[kept] = palloc(size);
		memcpy(frequent->records[kept++], record, size);
	}
}

/* A filter of all rows. */
static AeFilter
filter_rows(const PgaeJob *job)
{
	AeFilter filter = ae_filter_for(job->n_different);
	const char *record;
	size_t n = 0;

	if (filter.n_words == 0)
		return filter;
	filter.words = palloc0(filter.n_words * sizeof(uint64));
	pgae_store_rewind(job->store);
	while ((record = pgae_store_next(job->store)) != NULL)
	{
		if (n++ % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "filtering", n, pgae_store_count(job->store));
		ae_filter_add(&filter, pgae_store_key(record));
	}
	return filter;
}

void
pgae_job_know_rows(PgaeJob *job)
{
	AeFrequent *known = &job->models[0].frequent;

	/* with a target, equal rows do not follow one another, and keys are not of the row alone */
	if (job->unseen == NULL || job->models[0].schema.has_target)
		return;
	find(&job->frequent, job, job->store, 0);
	keep_records(job);
	known->n = job->frequent.n;
	known->keys = job->frequent.keys;
	if (job->init[0] == NULL)
		job->models[0].filter = filter_rows(job);
}

size_t
pgae_job_weigh_frequent(PgaeJob *job, size_t n)
{
	PgaeFrequent elsewhere, own;
	double *from = job->scores, *scores;
	size_t at = 0, room = n, of = pgae_store_count(job->unseen);

	if (job->models[0].schema.has_target)
		return n;
	find(&elsewhere, job, job->unseen, 1);
	find(&own, job, job->store, 1);
	for (uint32 i = 0; i < own.n; i++)
		room += own.copies[i];
	scores = MemoryContextAllocHuge(CurrentMemoryContext, room * sizeof(double));
	pgae_store_rewind(job->unseen);
	for (size_t i = 0; i < n; i++)
	{
		if (i % PGAE_ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (!is_among(&elsewhere, pgae_store_key(pgae_spread_record(job->unseen, i, n, of))))
			scores[at++] = from[i];
	}
	for (uint32 i = 0; i < job->frequent.n; i++)
	{
		/* one that is frequent only because of itself was scored as an unseen row */
		for (uint32 k = 0; k < own.n; k++)
		{
			for (uint64 c = 0; own.keys[k] == job->frequent.keys[i] && c < own.copies[k]; c++)
				scores[at++] = from[n + i];
		}
	}
	job->scores = scores;
	pfree(from);
	return at;
}
