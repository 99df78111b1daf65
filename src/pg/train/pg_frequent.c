/*
 * pg_frequent.c: rows that come very often in a crossed training (ae_frequent.h): they are found, and
 * calibrate by the scores that they will have.
 */
#include "pg_train.h"

#include "miscadmin.h"

/* The run of equal rows that ends here: kept where it is long enough without `less` of its rows. */
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
 * Equal rows follow one another in a store.  Of a row that calibrates the others alone decide, as
 * they would if it came anew: less = 1.
 */
static void
find(PgaeFrequent *found, const PgaeJob *job, PgaeStore *store, uint64 less)
{
	uint64 key = 0, length = 0, copies = 0;
	const char *record;
	size_t n = 0;

	found->n = 0;
	pgae_store_rewind(store);
	for (; (record = pgae_store_next(store)) != NULL; n++)
	{
		uint64 next = pgae_store_key(record);

		if (n % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "looking for frequent rows", n, pgae_store_count(store));
		if (length > 0 && next != key)
		{
			end_run(found, key, length, copies, less, pgae_job_all_rows(job));
			length = copies = 0;
		}
		key = next;
		length++;
		copies += n < PGAE_MAX_UNSEEN_SCORES;
	}
	end_run(found, key, length, copies, less, pgae_job_all_rows(job));
}

static bool
is_among(PgaeFrequent *found, uint64 key)
{
	return ae_frequent_has(&(AeFrequent){found->n, found->keys}, key);
}

/* A copy of the record of each. */
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

void
pgae_job_find_frequent(PgaeJob *job)
{
	AeFrequent *known = &job->models[0].frequent;

	/* with a target, equal rows do not follow one another */
	if (job->unseen == NULL || job->models[0].schema.has_target)
		return;
	find(&job->frequent, job, job->store, 0);
	keep_records(job);
	known->n = job->frequent.n;
	known->keys = job->frequent.keys;
}

size_t
pgae_job_weigh_frequent(PgaeJob *job, size_t n)
{
	PgaeFrequent elsewhere, own;
	double *from = job->scores, *scores;
	size_t at = 0, room = n;

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
		if (!is_among(&elsewhere, pgae_store_key(pgae_store_next(job->unseen))))
			scores[at++] = from[i];
	}
	for (uint32 i = 0; i < job->frequent.n; i++)
	{
		/* one that is frequent by itself alone was scored as an unseen row */
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
