/*
 * pg_store.c: the rows of one training, in an order that is theirs alone.
 *
 * A scan gives rows in whatever order it likes: synchronised and parallel scans
 * change it from run to run.  Training must not notice.  Every record is therefore
 * sorted by (hash of its bytes and the seed, its bytes); equal records are
 * interchangeable, so that the same set of rows always comes out in the same order,
 * and the first n of them are a random sample.  The sort is PostgreSQL's tuplesort:
 * it spills to temporary files by itself and can be interrupted.
 *
 * Once columns have been measured, pgae_store_scale turns the records into rows of
 * inputs: into memory when they fit half of maintenance_work_mem, else into a
 * temporary file that is read a contiguous run of rows at a time.
 *
 * Knows records and rows; knows nothing of the network they are for.
 */
#include "pg_ae.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

/* Rows between two looks at interrupts. */
#define ROWS_PER_CHECK 256

/* A sort key: 8 bytes of hash, most significant first, before the record. */
#define HASH_BYTES 8

struct PgaeStore
{
	size_t record_size;
	uint64 seed;
	size_t n_records;
	bytea *next;          /* the record to be added: header, hash, record */
	Tuplesortstate *sort; /* until scaled */
	bytea *current;       /* the record last read */
	void *block;          /* scaled rows in memory, */
	BufFile *file;        /* or in a file */
	size_t row_bytes;
};

/*
 * 64 bits of a record and a seed.  Words of eight bytes, the last one padded with
 * zeros, are taken in by h := (h xor w) m; h := h xor (h >> 29), a bijection of h
 * for every w, and the end is mixed as in splitmix64 (Steele, Lea, Flood 2014).
 * Its values decide the bytes of a model: they must never change.
 */
static uint64
hash_record(const char *record, size_t size, uint64 seed)
{
	uint64 h = seed * UINT64CONST(0x9E3779B97F4A7C15) + size;

	for (size_t at = 0; at < size; at += sizeof(uint64))
	{
		uint64 w = 0;

		memcpy(&w, record + at, Min(sizeof(w), size - at));
		h = (h ^ w) * UINT64CONST(0xD6E8FEB86659FD93);
		h ^= h >> 29;
	}
	h = (h ^ (h >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return h ^ (h >> 31);
}

PgaeStore *
pgae_store_begin(size_t record_size, uint64 seed)
{
	PgaeStore *store = palloc0(sizeof(PgaeStore));
	Size length = VARHDRSZ + HASH_BYTES + record_size;
	TypeCacheEntry *type = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR);

	store->record_size = record_size;
	store->seed = seed;
	store->next = palloc0(length);
	SET_VARSIZE(store->next, length);
	store->sort =
		tuplesort_begin_datum(BYTEAOID, type->lt_opr, InvalidOid, false,
							  Max(maintenance_work_mem / 2, 64), NULL, TUPLESORT_RANDOMACCESS);
	return store;
}

char *
pgae_store_record(PgaeStore *store)
{
	return VARDATA(store->next) + HASH_BYTES;
}

void
pgae_store_add(PgaeStore *store)
{
	uint64 hash = hash_record(pgae_store_record(store), store->record_size, store->seed);
	unsigned char *key = (unsigned char *) VARDATA(store->next);

	for (int i = 0; i < HASH_BYTES; i++)
		key[i] = (unsigned char) (hash >> (56 - 8 * i));
	tuplesort_putdatum(store->sort, PointerGetDatum(store->next), false);
	store->n_records++;
}

size_t
pgae_store_count(const PgaeStore *store)
{
	return store->n_records;
}

void
pgae_store_sort(PgaeStore *store)
{
	tuplesort_performsort(store->sort);
}

void
pgae_store_rewind(PgaeStore *store)
{
	tuplesort_rescan(store->sort);
}

const char *
pgae_store_next(PgaeStore *store)
{
	Datum datum;
	bool isnull;

	if (store->current)
		pfree(store->current);
	store->current = NULL;
	if (!tuplesort_getdatum(store->sort, true, true, &datum, &isnull, NULL))
		return NULL;
	store->current = (bytea *) DatumGetPointer(datum);
	return VARDATA(store->current) + HASH_BYTES;
}

/* ---- scaled rows ---- */

static void
seek_row(PgaeStore *store, size_t row)
{
	/* the product was checked when the file was made; the file splits itself into segments */
	if (BufFileSeek(store->file, 0, (off_t) (row * store->row_bytes), SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in the temporary file of training rows")));
}

/* AeRows.read of rows in a file. */
static void
read_rows(void *context, AeReal *out, size_t first, size_t count)
{
	PgaeStore *store = context;

	seek_row(store, first);
	BufFileReadExact(store->file, out, count * store->row_bytes);
}

static void
end_sort(PgaeStore *store)
{
	if (store->current)
		pfree(store->current);
	store->current = NULL;
	if (store->sort)
		tuplesort_end(store->sort);
	store->sort = NULL;
}

/* Room for all scaled rows, in memory or in a file; a row to fill in when in a file. */
static AeReal *
make_room(PgaeStore *store, size_t bytes, size_t row_bytes)
{
	size_t in_memory = (size_t) maintenance_work_mem * 1024 / 2;

	store->row_bytes = row_bytes;
	if (bytes <= in_memory)
	{
		store->block = MemoryContextAllocHuge(CurrentMemoryContext, bytes + AE_ALIGN);
		return (AeReal *) ae_arena_align(store->block);
	}
	store->file = BufFileCreateTemp(false);
	return palloc(row_bytes);
}

void
pgae_store_scale(AeRows *rows, PgaeStore *store, const PgaeCodec *codec, const AeSchema *schema)
{
	double *fields = palloc(schema->n_columns * sizeof(double));
	size_t width = schema->n_inputs;
	size_t bytes;
	size_t n = 0;
	AeReal *out;
	const char *record;

	if (!ae_size_mul(&bytes, store->n_records, width * sizeof(AeReal)) || bytes > PG_INT64_MAX / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("%zu rows of %zu inputs are too many to train on", store->n_records,
							   width)));
	out = make_room(store, bytes, width * sizeof(AeReal));
	rows->n_rows = store->n_records;
	rows->width = width;
	rows->data = store->file ? NULL : out;
	rows->read = read_rows;
	rows->context = store;

	pgae_store_rewind(store);
	while ((record = pgae_store_next(store)) != NULL)
	{
		if (n++ % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		pgae_codec_unpack(codec, fields, record);
		ae_scaler_apply(out, schema, fields);
		if (store->file)
			BufFileWrite(store->file, (const void *) out, store->row_bytes);
		else
			out += width;
	}
	if (store->file)
		pfree(out);
	pfree(fields);
	end_sort(store);
}

void
pgae_store_read(const AeRows *rows, AeReal *out, size_t first, size_t count)
{
	if (rows->data)
		memcpy(out, rows->data + first * rows->width, count * rows->width * sizeof(AeReal));
	else
		rows->read(rows->context, out, first, count);
}

void
pgae_store_end(PgaeStore *store)
{
	end_sort(store);
	if (store->file)
		BufFileClose(store->file);
	store->file = NULL;
	if (store->block)
		pfree(store->block);
	store->block = NULL;
}
