/*
 * pg_session.c: parsed named models, kept for as long as the session.
 *
 * The cache of a call (pg_cache.c) lives for a statement, and a statement that inserts one row into
 * an indexed table would parse its model each time.  So the parsed networks stay here.  The key is
 * the SHA-256 of their bytes, which is verified when they are parsed: never name and version, as a
 * version that was rolled back may come back as another model. Each statement looks up the row of
 * ae.models (pg_named_read.c), so nothing here needs to know of dropped versions.
 *
 * Entries that no call uses are dropped, least recently used first, when all together exceed
 * ae.cache_size. A call releases its entry by a callback of its memory context, which also runs
 * after an error.
 */
#include "pg_score.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

typedef struct Entry
{
	dlist_node node;          /* in entries, most recently used first */
	const AeKernels *kernels; /* that ae.kernels asked for */
	MemoryContext context;    /* a child of that of all entries */
	PgaeParsed parsed;
	Size bytes;
	uint32 n_users;
} Entry;

/* A call's hold on an entry, in the call's memory. */
typedef struct Hold
{
	Entry *entry;
	MemoryContextCallback callback;
} Hold;

static MemoryContext entries_context = NULL;
static dlist_head entries = DLIST_STATIC_INIT(entries);
static Size entries_bytes = 0;

static void
drop_entry(Entry *entry)
{
	MemoryContext context = entry->context;

	dlist_delete(&entry->node);
	entries_bytes -= entry->bytes;
	MemoryContextDelete(context); /* the entry lies in it */
}

/* Drops unused entries until the rest is small enough. */
static void
shrink(void)
{
	dlist_node *node = dlist_is_empty(&entries) ? NULL : dlist_tail_node(&entries);

	while (node != NULL && entries_bytes > (Size) pgae_cache_size * 1024)
	{
		Entry *entry = dlist_container(Entry, node, node);

		node = dlist_has_prev(&entries, node) ? dlist_prev_node(&entries, node) : NULL;
		if (entry->n_users == 0)
			drop_entry(entry);
	}
}

static void
release(void *arg)
{
	Hold *hold = arg;

	hold->entry->n_users--;
	shrink();
}

static bool
has_digest(const uint8 *digest, const struct varlena *bytes)
{
	return VARSIZE_ANY_EXHDR(bytes) == PGAE_SHA256_BYTES &&
		   memcmp(digest, VARDATA_ANY(bytes), PGAE_SHA256_BYTES) == 0;
}

static Entry *
find_entry(const struct varlena *digest)
{
	const AeKernels *kernels = pgae_kernels();
	dlist_iter iter;

	dlist_foreach(iter, &entries)
	{
		Entry *entry = dlist_container(Entry, node, iter.cur);

		if (entry->kernels == kernels && has_digest(entry->parsed.digest, digest))
		{
			dlist_move_head(&entries, &entry->node);
			return entry;
		}
	}
	return NULL;
}

/* Raises 22P03 unless the bytes have the digest stored beside them. */
static void
check_digest(struct varlena *bytes, const struct varlena *digest, const PgaeReference *reference)
{
	uint8 computed[PGAE_SHA256_BYTES];

	pgae_digest(computed, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if (!has_digest(computed, digest))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("model %s is corrupt: its bytes do not have the digest stored with "
							   "them",
							   pgae_version_text(reference))));
}

/*
 * Parses what is stored. An error leaves nothing behind: the context belongs to the caller until
 * the end.
 */
static Entry *
make_entry(const PgaeStored *stored, const PgaeReference *reference)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "ae named model", ALLOCSET_SMALL_SIZES);
	Entry *entry = MemoryContextAllocZero(context, sizeof(Entry));
	struct varlena *bytes = pg_detoast_datum_packed(stored->model);
	struct varlena *digest = pg_detoast_datum_packed(stored->digest);

	check_digest(bytes, digest, reference);
	entry->kernels = pgae_kernels();
	entry->context = context;
	pgae_parse_model(&entry->parsed, bytes, context);
	entry->parsed.has_digest = true;
	memcpy(entry->parsed.digest, VARDATA_ANY(digest), PGAE_SHA256_BYTES);
	if (bytes != stored->model)
		pfree(bytes);

	if (entries_context == NULL)
		entries_context =
			AllocSetContextCreate(CacheMemoryContext, "ae named models", ALLOCSET_SMALL_SIZES);
	MemoryContextSetParent(context, entries_context);
	entry->bytes = MemoryContextMemAllocated(context, true);
	entries_bytes += entry->bytes;
	dlist_push_head(&entries, &entry->node);
	return entry;
}

Size
pgae_session_model(PgaeParsed *parsed, const PgaeReference *reference, MemoryContext context)
{
	Hold *hold = MemoryContextAllocZero(context, sizeof(Hold));
	PgaeStored stored;
	Entry *entry;

	pgae_stored_open(&stored, reference);
	entry = find_entry(pg_detoast_datum_packed(stored.digest));
	if (entry == NULL)
		entry = make_entry(&stored, reference);
	hold->entry = entry;
	hold->callback.func = release;
	hold->callback.arg = hold;
	MemoryContextRegisterResetCallback(context, &hold->callback);
	entry->n_users++;
	pgae_stored_close(&stored);
	shrink();
	*parsed = entry->parsed;
	return entry->bytes;
}
