/*
 * pg_store.c: the rows of one training, in an order that depends only on them.
 *
 * A scan returns rows in any order it likes: synchronised and parallel scans
 * change it from run to run.  Training must not notice.  Every record is therefore
 * sorted by (hash of its content and the seed, its bytes); equal records are
 * interchangeable, so that the same set of rows always comes out in the same order,
 * and the first n of them are a random sample.
 *
 * GROUP BY makes as many stores as there are groups, and a hash aggregate fills them all at once.
 * They share a budget, which belongs to the aggregate call and not to a group: records are
 * collected in chunks of memory that start small, and when all stores together exceed the budget,
 * the largest is sorted and goes to disk as one run.  The runs of all stores lie in one temporary
 * file, so that a store on disk costs no buffer and no descriptor.  When a store is read, its runs
 * are merged. A tuplesort for each store would be simpler, but it cannot return memory, and a
 * thousand of them would hold a hundred megabytes of buffers.
 *
 * Levels and rows that wait cannot be moved to disk; they have shares of their own beside the
 * budget (pg_share.c).
 *
 * The order does not depend on what was spilled when: sorting and merging compare in the same way.
 *
 * Once columns have been measured, pgae_store_scale turns the records into rows of
 * inputs: into memory when they fit what its caller has left of maintenance_work_mem, else
 * into a temporary file that is read a contiguous run of rows at a time.
 *
 * Knows records and rows; knows nothing of the network they are for.
 */
#include "pg_row.h"

#include "ae_hash.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* Comparisons between two checks for interrupts. */
#define COMPARISONS_PER_CHECK 4096

/* Wherever a record is stored, its key precedes it: sizeof(uint64) bytes in the machine's order. */
#define KEY_BYTES sizeof(uint64)

/* Bytes of a store's first chunk; each further one is twice as large, up to the largest. */
#define FIRST_CHUNK 1024
#define LARGEST_CHUNK (1024 * 1024)

/* A store with less than this in memory is not worth a run. */
#define MIN_RUN 4096

/* The fewest bytes of a run read at a time, and the fewest runs merged at once. */
#define MIN_BUFFER 4096
#define MIN_FAN_IN 6

struct PgaeBudget
{
	MemoryContext context; /* lives as long as the training, or the plan with the aggregate */
	PgaeReport report;
	bool across_commits; /* files stay open when a transaction ends */
	size_t limit;        /* bytes of records in memory, of all stores together */
	size_t reserve;      /* bytes on top of it, for the buffers of a store that is being merged */
	size_t used;         /* of limit */
	dlist_head stores;   /* those that are charged MIN_RUN or more */
	size_t n_on_disk;    /* stores that have runs */
	PgaeShare shares[PGAE_N_SHARES];
	PgaeVoice *voice;
	PgaeFile *file;    /* all runs; NULL if n_on_disk = 0 */
	PgaeFile *results; /* NULL if n_results = 0 */
	size_t n_results;  /* kept and not forgotten */
};

/* Records as they came; each is preceded by its key. */
typedef struct Chunk
{
	struct Chunk *next;
	size_t n;
	size_t capacity;
	char bytes[FLEXIBLE_ARRAY_MEMBER];
} Chunk;

/* Sorted in place of a record. */
typedef struct Entry
{
	uint64 key;
	const char *record;
} Entry;

/* Sorted records in the file. */
typedef struct Run
{
	uint64 position;
	size_t n;
} Run;

/* A run that is being read. */
typedef struct Reader
{
	Entry current;
	Run rest; /* not yet in the buffer */
	char *buffer;
	size_t capacity; /* of the buffer, in records */
	size_t n;        /* records in the buffer */
	size_t at;       /* the current one */
} Reader;

struct PgaeStore
{
	PgaeBudget *budget;
	dlist_node node;       /* of budget->stores */
	MemoryContext context; /* of chunks, entries, runs and readers; NULL once they are gone */
	size_t record_size;
	size_t stride; /* key and record */
	uint64 seed;
	size_t n_records;

	Chunk *chunks;      /* the one being filled first */
	size_t n_in_memory; /* records in them */
	size_t charged;     /* bytes of budget->used */
	Entry *entries;     /* those records, in order */
	size_t at;          /* the next of them to be read */
	size_t n_compared;  /* since ever */

	Run *runs;
	size_t n_runs;
	size_t max_runs;
	Reader *readers; /* one for each run */
	size_t n_readers;
	binaryheap *heap; /* of readers, the first in order on top; */
	Reader *top;      /* the one that returned the last record */

	void *block;    /* scaled rows in memory, */
	PgaeFile *file; /* or in a file */
	size_t row_bytes;
};

/* ---- memory ---- */

PgaeBudget *
pgae_budget_create(MemoryContext context, bool across_commits)
{
	PgaeBudget *budget = MemoryContextAllocZero(context, sizeof(PgaeBudget));
	size_t total = (size_t) maintenance_work_mem * 1024 / 2;

	budget->context = context;
	pgae_report_begin(&budget->report, context);
	budget->across_commits = across_commits;
	budget->voice = pgae_voice_create(context);
	budget->reserve = total / 4;
	budget->limit = total - budget->reserve;
	dlist_init(&budget->stores);
	budget->shares[PGAE_SHARE_LEVELS].limit = total;
	budget->shares[PGAE_SHARE_WAITING].limit = total / 2;
	for (int i = 0; i < PGAE_N_SHARES; i++)
		dlist_init(&budget->shares[i].holders);
	return budget;
}

PgaeReport *
pgae_budget_report(PgaeBudget *budget)
{
	return &budget->report;
}

PgaeBudget *
pgae_budget(FunctionCallInfo fcinfo)
{
	/* one FmgrInfo serves all groups, grouping sets and phases of an aggregate call */
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = pgae_budget_create(fcinfo->flinfo->fn_mcxt, false);
	return fcinfo->flinfo->fn_extra;
}

PgaeVoice *
pgae_budget_voice(const PgaeBudget *budget)
{
	return budget->voice;
}

uint64
pgae_budget_keep(PgaeBudget *budget, const void *bytes, size_t size)
{
	uint64 position;

	if (budget->results == NULL)
		budget->results = pgae_file_create(budget->context, budget->across_commits);
	position = pgae_file_size(budget->results);
	pgae_file_append(budget->results, bytes, size);
	budget->n_results++;
	return position;
}

void
pgae_budget_kept(void *bytes, size_t size, PgaeBudget *budget, uint64 position)
{
	pgae_file_read(budget->results, bytes, size, position);
}

void
pgae_budget_forget(PgaeBudget *budget)
{
	if (--budget->n_results > 0)
		return;
	pgae_file_close(budget->results);
	budget->results = NULL;
}

PgaeShare *
pgae_budget_share(PgaeBudget *budget, PgaeShareKind kind)
{
	return &budget->shares[kind];
}

PgaeStore *
pgae_store_begin(PgaeBudget *budget, size_t record_size, uint64 seed)
{
	PgaeStore *store = palloc0(sizeof(PgaeStore));

	store->budget = budget;
	/* chunks above 1 kB are blocks of their own there, which pfree returns */
	store->context =
		AllocSetContextCreate(CurrentMemoryContext, "ae.train rows", ALLOCSET_SMALL_SIZES);
	store->record_size = record_size;
	store->stride = KEY_BYTES + record_size;
	store->seed = seed;
	return store;
}

static void
charge(PgaeStore *store, size_t bytes)
{
	if (store->charged < MIN_RUN && store->charged + bytes >= MIN_RUN)
		dlist_push_tail(&store->budget->stores, &store->node);
	store->charged += bytes;
	store->budget->used += bytes;
}

static void
uncharge(PgaeStore *store)
{
	if (store->charged >= MIN_RUN)
		dlist_delete(&store->node);
	store->budget->used -= store->charged;
	store->charged = 0;
}

/* Frees the records in memory. */
static void
drop_chunks(PgaeStore *store)
{
	while (store->chunks)
	{
		Chunk *chunk = store->chunks;

		store->chunks = chunk->next;
		pfree(chunk);
	}
	if (store->entries)
		pfree(store->entries);
	store->entries = NULL;
	store->n_in_memory = 0;
	uncharge(store);
}

/* Frees all records, in memory and on disk. */
static void
drop_records(PgaeStore *store)
{
	PgaeBudget *budget = store->budget;

	if (store->context == NULL)
		return;
	uncharge(store);
	if (store->n_runs > 0 && --budget->n_on_disk == 0)
	{
		pgae_file_close(budget->file);
		budget->file = NULL;
	}
	MemoryContextDelete(store->context);
	store->context = NULL;
}

/* ---- order ---- */

static inline int
compare_records(const Entry *a, const Entry *b, size_t record_size)
{
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return memcmp(a->record, b->record, record_size);
}

static int
compare_entries(const void *a, const void *b, void *arg)
{
	PgaeStore *store = arg;

	/* a sort that is cut short loses nothing but the order */
	if (store->n_compared++ % COMPARISONS_PER_CHECK == 0)
		pgae_report_step(&store->budget->report, "sorting", store->n_in_memory, 0);
	return compare_records(a, b, store->record_size);
}

static void
set_entry(Entry *entry, const char *keyed)
{
	memcpy(&entry->key, keyed, KEY_BYTES);
	entry->record = keyed + KEY_BYTES;
}

/* Puts the records in memory into order, in store->entries. */
static void
sort_in_memory(PgaeStore *store)
{
	size_t n = 0;

	store->entries =
		MemoryContextAllocHuge(store->context, Max(store->n_in_memory, 1) * sizeof(Entry));
	for (const Chunk *chunk = store->chunks; chunk; chunk = chunk->next)
	{
		for (size_t i = 0; i < chunk->n; i++)
			set_entry(&store->entries[n++], chunk->bytes + i * store->stride);
	}
	qsort_arg(store->entries, n, sizeof(Entry), compare_entries, store);
}

/* ---- runs ---- */

/* A new run at the end of the file, for records to be appended. */
static Run *
add_run(PgaeStore *store)
{
	PgaeBudget *budget = store->budget;
	size_t n = store->n_runs;

	if (budget->file == NULL)
		budget->file = pgae_file_create(budget->context, budget->across_commits);
	if (store->max_runs == 0)
	{
		store->max_runs = 4;
		store->runs = MemoryContextAlloc(store->context, store->max_runs * sizeof(Run));
	}
	else if (n == store->max_runs)
	{
		store->max_runs *= 2;
		store->runs = repalloc_huge(store->runs, store->max_runs * sizeof(Run));
	}
	if (n == 0)
		budget->n_on_disk++;
	store->n_runs++;
	store->runs[n].position = pgae_file_size(budget->file);
	store->runs[n].n = 0;
	return &store->runs[n];
}

static void
append_record(PgaeStore *store, Run *run, const char *record)
{
	pgae_file_append(store->budget->file, record - KEY_BYTES, store->stride);
	run->n++;
}

/* Writes the records in memory to disk as a run. */
static void
spill(PgaeStore *store)
{
	Run *run;

	sort_in_memory(store);
	run = add_run(store);
	for (size_t i = 0; i < store->n_in_memory; i++)
	{
		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(&store->budget->report, "writing to a temporary file", i,
							 store->n_in_memory);
		append_record(store, run, store->entries[i].record);
	}
	drop_chunks(store);
}

/* The store whose records take most memory; NULL if none is worth spilling. */
static PgaeStore *
largest_store(PgaeBudget *budget)
{
	PgaeStore *largest = NULL;
	dlist_iter iter;

	dlist_foreach(iter, &budget->stores)
	{
		PgaeStore *store = dlist_container(PgaeStore, node, iter.cur);

		/* not a store that is being read, whose order is in its entries */
		if (store->entries == NULL && (largest == NULL || store->charged > largest->charged))
			largest = store;
	}
	return largest;
}

/* ---- collecting ---- */

static size_t
next_capacity(const PgaeStore *store)
{
	size_t largest = Min(LARGEST_CHUNK, store->budget->limit / 16) / store->stride;
	size_t capacity = FIRST_CHUNK / store->stride;

	if (store->chunks)
		capacity = Min(2 * store->chunks->capacity, largest);
	return Max(capacity, 1);
}

/* The memory for so many records, and the entries they are sorted by. */
static size_t
charge_of(const PgaeStore *store, size_t capacity)
{
	return sizeof(Chunk) + capacity * (store->stride + sizeof(Entry));
}

/* Makes room for more records in a new chunk; spills the largest store if there is none. */
static void
add_chunk(PgaeStore *store)
{
	PgaeBudget *budget = store->budget;
	size_t capacity;
	Chunk *chunk;

	for (;;)
	{
		PgaeStore *largest;

		capacity = next_capacity(store);
		if (budget->used + charge_of(store, capacity) <= budget->limit)
			break;
		largest = largest_store(budget);
		if (largest == NULL)
			break;
		spill(largest);
	}
	chunk =
		MemoryContextAllocHuge(store->context, offsetof(Chunk, bytes) + capacity * store->stride);
	chunk->next = store->chunks;
	chunk->n = 0;
	chunk->capacity = capacity;
	store->chunks = chunk;
	charge(store, charge_of(store, capacity));
}

char *
pgae_store_record(PgaeStore *store)
{
	if (store->chunks == NULL || store->chunks->n == store->chunks->capacity)
		add_chunk(store);
	return store->chunks->bytes + store->chunks->n * store->stride + KEY_BYTES;
}

/* Counts the record written into the room from pgae_store_record. */
static void
count_record(PgaeStore *store)
{
	store->chunks->n++;
	store->n_in_memory++;
	store->n_records++;
}

void
pgae_store_add(PgaeStore *store, uint64 hash)
{
	Chunk *chunk = store->chunks;
	uint64 key = ae_hash_key(hash, store->seed);

	memcpy(chunk->bytes + chunk->n * store->stride, &key, KEY_BYTES);
	count_record(store);
}

void
pgae_store_repeat(PgaeStore *into, const char *record, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
	{
		char *to = pgae_store_record(into);

		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(&into->budget->report, "weighing", into->n_records, 0);
		memcpy(to - KEY_BYTES, record - KEY_BYTES, into->stride);
		count_record(into);
	}
}

void
pgae_store_merge(PgaeStore *into, PgaeStore *from)
{
	const char *record;
	size_t n = 0;

	pgae_store_sort(from);
	while ((record = pgae_store_next(from)) != NULL)
	{
		char *to = pgae_store_record(into);

		if (n++ % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(&into->budget->report, "merging two folds", n, from->n_records);
		memcpy(to - KEY_BYTES, record - KEY_BYTES, into->stride);
		count_record(into);
	}
	drop_records(from);
}

size_t
pgae_store_others(const PgaeStore *store)
{
	return store->budget->used - store->charged;
}

size_t
pgae_store_count(const PgaeStore *store)
{
	return store->n_records;
}

/* ---- reading in order ---- */

/* Makes the reader's next record the current one; false at the end of its run. */
static bool
advance(PgaeStore *store, Reader *reader)
{
	if (++reader->at >= reader->n)
	{
		if (reader->rest.n == 0)
			return false;
		CHECK_FOR_INTERRUPTS();
		reader->n = Min(reader->capacity, reader->rest.n);
		reader->at = 0;
		pgae_file_read(store->budget->file, reader->buffer, reader->n * store->stride,
					   reader->rest.position);
		reader->rest.position += reader->n * store->stride;
		reader->rest.n -= reader->n;
	}
	set_entry(&reader->current, reader->buffer + reader->at * store->stride);
	return true;
}

/* The heap has the largest on top, so the order is reversed. */
static int
compare_readers(Datum a, Datum b, void *arg)
{
	const Reader *x = (const Reader *) DatumGetPointer(a);
	const Reader *y = (const Reader *) DatumGetPointer(b);

	return compare_records(&y->current, &x->current, ((PgaeStore *) arg)->record_size);
}

/* Bytes that all buffers may take: those that no store uses. */
static size_t
merge_limit(const PgaeBudget *budget)
{
	return budget->reserve + (budget->used < budget->limit ? budget->limit - budget->used : 0);
}

/* The number of records in a run's buffer of at most so many bytes. */
static size_t
buffer_capacity(const PgaeStore *store, const Run *run, size_t bytes)
{
	return Min(run->n, Max(Max(bytes, MIN_BUFFER) / store->stride, 1));
}

/* (Re)starts merging the first n_readers runs; buffers stay as they are. */
static void
start_readers(PgaeStore *store)
{
	store->top = NULL;
	binaryheap_reset(store->heap);
	for (size_t i = 0; i < store->n_readers; i++)
	{
		Reader *reader = &store->readers[i];

		CHECK_FOR_INTERRUPTS();
		reader->rest = store->runs[i];
		reader->n = reader->at = 0;
		if (advance(store, reader))
			binaryheap_add_unordered(store->heap, PointerGetDatum(reader));
	}
	binaryheap_build(store->heap);
}

static void
open_readers(PgaeStore *store, size_t n)
{
	MemoryContext old = MemoryContextSwitchTo(store->context);

	store->readers = MemoryContextAllocHuge(store->context, n * sizeof(Reader));
	store->n_readers = n;
	store->heap = binaryheap_allocate((int) n, compare_readers, store);
	for (size_t i = 0; i < n; i++)
	{
		Reader *reader = &store->readers[i];

		reader->capacity = buffer_capacity(store, &store->runs[i], merge_limit(store->budget) / n);
		reader->buffer = MemoryContextAllocHuge(store->context, reader->capacity * store->stride);
	}
	start_readers(store);
	MemoryContextSwitchTo(old);
}

static void
close_readers(PgaeStore *store)
{
	for (size_t i = 0; i < store->n_readers; i++)
		pfree(store->readers[i].buffer);
	binaryheap_free(store->heap);
	pfree(store->readers);
	store->heap = NULL;
	store->readers = NULL;
	store->n_readers = 0;
}

static const char *
next_merged(PgaeStore *store)
{
	/* the caller was still using the last record */
	if (store->top)
	{
		if (advance(store, store->top))
			binaryheap_replace_first(store->heap, PointerGetDatum(store->top));
		else
			binaryheap_remove_first(store->heap);
	}
	store->top = NULL;
	if (binaryheap_empty(store->heap))
		return NULL;
	store->top = (Reader *) DatumGetPointer(binaryheap_first(store->heap));
	return store->top->current.record;
}

/* How many of the first runs can be merged at once. */
static size_t
fan_in(const PgaeStore *store)
{
	size_t bytes = 0;
	size_t n = 0;

	while (n < store->n_runs)
	{
		bytes += buffer_capacity(store, &store->runs[n], MIN_BUFFER) * store->stride;
		bytes += sizeof(Reader) + sizeof(Datum);
		if (bytes > merge_limit(store->budget) && n >= MIN_FAN_IN)
			break;
		n++;
	}
	return n;
}

/* Merges the first runs into one, which becomes the last. */
static void
merge_runs(PgaeStore *store, size_t n)
{
	size_t n_read = 0;
	Run *run;
	const char *record;

	open_readers(store, n);
	run = add_run(store);
	while ((record = next_merged(store)) != NULL)
	{
		if (n_read++ % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(&store->budget->report, "merging temporary files", n_read,
							 store->n_records);
		append_record(store, run, record);
	}
	close_readers(store);
	store->n_runs -= n;
	memmove(store->runs, store->runs + n, store->n_runs * sizeof(Run));
}

void
pgae_store_sort(PgaeStore *store)
{
	size_t n;

	if (store->n_runs == 0)
	{
		sort_in_memory(store);
		return;
	}
	if (store->n_in_memory > 0)
		spill(store);
	drop_chunks(store);
	while ((n = fan_in(store)) < store->n_runs)
		merge_runs(store, n);
	open_readers(store, n);
}

void
pgae_store_rewind(PgaeStore *store)
{
	store->at = 0;
	if (store->heap)
		start_readers(store);
}

const char *
pgae_store_next(PgaeStore *store)
{
	if (store->heap)
		return next_merged(store);
	return store->at < store->n_in_memory ? store->entries[store->at++].record : NULL;
}

size_t
pgae_spread(size_t k, size_t n, size_t of)
{
	return (size_t) ((double) k * (double) of / (double) n);
}

bool
pgae_is_spread(size_t at, size_t n, size_t of)
{
	size_t k = (size_t) ((double) at * (double) n / (double) of);

	return pgae_spread(k, n, of) == at || (k + 1 < n && pgae_spread(k + 1, n, of) == at);
}

const char *
pgae_spread_record(PgaeStore *store, size_t k, size_t n, size_t of)
{
	size_t at = k == 0 ? 0 : pgae_spread(k - 1, n, of) + 1;

	for (size_t end = pgae_spread(k, n, of); at < end; at++)
	{
		CHECK_FOR_INTERRUPTS();
		pgae_store_next(store);
	}
	return pgae_store_next(store);
}

uint64
pgae_store_key(const char *record)
{
	uint64 key;

	memcpy(&key, record - KEY_BYTES, KEY_BYTES);
	return key;
}

/* ---- scaled rows ---- */

/* AeRows.read of rows in a file. */
static void
read_rows(void *context, AeReal *out, size_t first, size_t count)
{
	PgaeStore *store = context;

	/* the product was checked when the file was made */
	pgae_file_read(store->file, out, count * store->row_bytes, (uint64) first * store->row_bytes);
}

/* Makes room for all scaled rows, in memory or in a file; for a file, also room for one row. */
static AeReal *
make_room(PgaeStore *store, size_t bytes, size_t row_bytes, size_t in_memory)
{
	store->row_bytes = row_bytes;
	if (bytes <= in_memory)
	{
		store->block = MemoryContextAllocHuge(CurrentMemoryContext, bytes + AE_ALIGN);
		return (AeReal *) ae_arena_align(store->block);
	}
	store->file = pgae_file_create(CurrentMemoryContext, store->budget->across_commits);
	return palloc(row_bytes);
}

/* Adds the dense cells of a row that are not missing to their moments. */
static void
add_moments(AeMoments *cells, const AeReal *row, uint32_t n_dense)
{
	for (uint32_t j = 0; j < n_dense; j++)
	{
		if (row[j] == row[j])
			ae_moments_add(&cells[j], (double) row[j]);
	}
}

/* Where scaled rows go. */
typedef struct Scaling
{
	PgaeStore *store;
	PgaeCodec *codec;
	const AeSchema *schema;
	AeRows *rows;
	AeMoments *cells;
	AeReal *out; /* the next row in memory, or room for one */
} Scaling;

static void
scale_row(Scaling *s, const char *record)
{
	const PgaeRow *row = pgae_codec_unpack(s->codec, record);
	size_t width = s->rows->width;

	s->rows->nullable |= row->any_missing;
	ae_scaler_apply(s->out, s->schema, row->values, row->missing);
	add_moments(s->cells, s->out, s->schema->n_dense);
	if (s->schema->has_target)
	{
		s->out[width] = ae_target_cell(&s->schema->target, row->roles[PGAE_ROLE_TARGET].value,
									   row->roles[PGAE_ROLE_TARGET].missing);
		s->rows->n_labelled += ae_target_count(s->out + width, 1);
	}
	if (s->store->file)
		pgae_file_append(s->store->file, s->out, s->store->row_bytes);
	else
		s->out += width + s->schema->has_target;
}

/*
 * Scales the rows that are held out, or all others. Equal rows follow one another, so those held
 * out are picked evenly: the first ones might be only a few different rows.  Of rows that repeat
 * some copies are held out and others not: a row to come repeats one of training as often, so that
 * what is held out stands for it.
 */
static void
scale_part(Scaling *s, size_t n_held_out, bool held_out)
{
	size_t n_records = s->store->n_records, n = 0, k = 0;
	const char *record;

	pgae_store_rewind(s->store);
	for (; (record = pgae_store_next(s->store)) != NULL; n++)
	{
		bool is_held_out = k < n_held_out && n == pgae_spread(k, n_held_out, n_records);

		if (n % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(&s->store->budget->report, "scaling", n, n_records);
		k += is_held_out;
		if (is_held_out == held_out)
			scale_row(s, record);
	}
}

void
pgae_store_scale(AeRows *rows, AeMoments *cells, PgaeStore *store, PgaeCodec *codec,
				 const AeSchema *schema, size_t n_held_out, size_t in_memory)
{
	size_t width = schema->n_dense + schema->n_categories + schema->n_wide;
	size_t stride = width + schema->has_target;
	size_t bytes;
	Scaling scaling = {store, codec, schema, rows, cells, NULL};

	if (!ae_size_mul(&bytes, store->n_records, stride * sizeof(AeReal)) || bytes > PG_INT64_MAX / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("%zu rows of %zu cells are too many to train on", store->n_records,
							   width)));
	scaling.out = make_room(store, bytes, stride * sizeof(AeReal), in_memory);
	rows->n_rows = store->n_records;
	rows->width = width;
	rows->has_target = schema->has_target;
	rows->n_labelled = 0;
	rows->nullable = false;
	rows->data = store->file ? NULL : scaling.out;
	rows->read = read_rows;
	rows->computed = false;
	rows->context = store;
	for (uint32_t j = 0; j < schema->n_dense; j++)
		ae_moments_init(&cells[j]);
	if (n_held_out > 0)
		scale_part(&scaling, n_held_out, true);
	scale_part(&scaling, n_held_out, false);
	if (store->file)
		pfree(scaling.out);
}

void
pgae_store_read_labelled(const AeRows *rows, AeReal *out, AeReal *labels, size_t first,
						 size_t count)
{
	size_t width = rows->width, stride = ae_rows_stride(rows);
	AeReal *row = rows->data ? NULL : palloc(stride * sizeof(AeReal));

	for (size_t i = 0; i < count; i++)
	{
		const AeReal *from = row;

		if (rows->data)
			from = rows->data + (first + i) * stride;
		else
			rows->read(rows->context, row, first + i, 1);
		memcpy(out + i * width, from, width * sizeof(AeReal));
		if (labels)
			labels[i] = from[width];
	}
	if (row)
		pfree(row);
}

void
pgae_store_read(const AeRows *rows, AeReal *out, size_t first, size_t count)
{
	if (rows->has_target)
		pgae_store_read_labelled(rows, out, NULL, first, count);
	else if (rows->data)
		memcpy(out, rows->data + first * rows->width, count * rows->width * sizeof(AeReal));
	else
		rows->read(rows->context, out, first, count);
}

void
pgae_store_drop_rows(PgaeStore *store)
{
	if (store->file)
		pgae_file_close(store->file);
	store->file = NULL;
	if (store->block)
		pfree(store->block);
	store->block = NULL;
}

void
pgae_store_end(PgaeStore *store)
{
	drop_records(store);
	pgae_store_drop_rows(store);
}
