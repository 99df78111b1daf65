/*
 * pg_cache.c: parsed models, kept for as long as the expression that uses them.
 *
 * A model argument may be a constant, a parameter, or a column that changes from row to row, and
 * the same call node may be kept while a variable behind it changes (PL/pgSQL keeps simple
 * expressions for a transaction).  So the key is what the argument *is*: the image of the datum
 * before it is detoasted, compared by length and content.  For a model in a table that image is the
 * toast pointer of 18 bytes, for a small or compressed one its bytes, for a large one in memory all
 * of it, which still costs less than reading the weights once.  No pointer is ever compared, as
 * memory is reused.  Only a true Const node skips the comparison; get_fn_expr_arg_stable() would
 * not do, as it considers a PL/pgSQL variable stable.
 *
 * A reference to a named model is looked up when its slot is filled, and its networks come from
 * those that the session keeps (pg_session.c).  The slot is valid in the transaction and
 * subtransaction in which it was filled: once that is rolled back, a version may no longer exist,
 * or be another model.
 *
 * A join of rows with many models parses each model once: slots are found by a hash of the image,
 * the last hit is tried first, and as many are kept as fit into ae.cache_size; the least recently
 * used one is dropped first. A slot lives in a memory context of its own and is published only when
 * it is complete, so an error while parsing leaves none.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "nodes/primnodes.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg_score.h"

/*
 * This many are kept whatever their size, so that caching still pays for a few large models used
 * together.
 */
#define MIN_SLOTS 4

/* Bytes of an image that are hashed: they include a model's header, which contains its checksum. */
#define HASHED_BYTES 64

/* The image of an argument. */
typedef struct Key
{
	const struct varlena *image;
	Size len;
	uint32 hash;
} Key;

typedef struct Slot
{
	dlist_node node; /* of Cache.slots, the one used last first */
	Key key;         /* image NULL for a constant */
	Size bytes;      /* that count for it */
	PgaeCached cached;
} Slot;

/* What the hash table holds. */
typedef struct Found
{
	Key key;
	Slot *slot;
} Found;

typedef struct Cache
{
	bool by_name;                   /* the argument is of type ae.model */
	PgaeAhead *ahead;               /* what was read ahead of the call */
	LocalTransactionId transaction; /* by name: in which the slots were filled */
	SubTransactionId subtransaction;
	Slot *constant; /* the model argument, if it is a Const */
	HTAB *table;    /* of Found; NULL before the first model that is not a constant */
	dlist_head slots;
	Size n_slots;
	Size bytes; /* of all slots */
} Cache;

/* True if argument argno of the call is written as a constant. */
static bool
argument_is_const(FmgrInfo *flinfo, int argno)
{
	Node *call = (Node *) flinfo->fn_expr;
	List *args;

	if (call == NULL || !IsA(call, FuncExpr))
		return false;
	args = ((FuncExpr *) call)->args;
	return argno < list_length(args) && IsA(list_nth(args, argno), Const);
}

static uint32
hash_key(const void *key, Size size)
{
	return ((const Key *) key)->hash;
}

static int
compare_keys(const void *a, const void *b, Size size)
{
	const Key *x = a, *y = b;

	return x->len == y->len && memcmp(x->image, y->image, x->len) == 0 ? 0 : 1;
}

static Key
key_of(const struct varlena *raw)
{
	Key key = {raw, VARSIZE_ANY(raw)};

	key.hash = hash_bytes((const unsigned char *) raw, (int) Min(key.len, HASHED_BYTES));
	return key;
}

static HTAB *
create_table(MemoryContext context)
{
	HASHCTL control = {.keysize = sizeof(Key), .entrysize = sizeof(Found)};

	control.hash = hash_key;
	control.match = compare_keys;
	control.hcxt = context;
	return hash_create("ae models of a call", 16, &control,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* The slot itself lies in its context. */
static void
drop_slot(Cache *cache, Slot *slot)
{
	if (slot->key.image)
		hash_search(cache->table, &slot->key, HASH_REMOVE, NULL);
	dlist_delete(&slot->node);
	cache->n_slots--;
	cache->bytes -= slot->bytes;
	MemoryContextDelete(slot->cached.context);
}

static void
drop_slots(Cache *cache)
{
	cache->constant = NULL;
	while (!dlist_is_empty(&cache->slots))
		drop_slot(cache, dlist_head_element(Slot, node, &cache->slots));
}

/* The current size of a slot: its codec was made when the first row was seen. */
static void
weigh(Cache *cache, Slot *slot)
{
	Size bytes = MemoryContextMemAllocated(slot->cached.context, true) + slot->cached.shared_bytes;

	cache->bytes += bytes - slot->bytes;
	slot->bytes = bytes;
}

/* Makes room for another slot. */
static void
shrink(Cache *cache)
{
	if (!dlist_is_empty(&cache->slots))
		weigh(cache, dlist_head_element(Slot, node, &cache->slots));
	while (cache->n_slots >= MIN_SLOTS && cache->bytes > (Size) pgae_cache_size * 1024)
		drop_slot(cache, dlist_tail_element(Slot, node, &cache->slots));
}

/* Room for a row, beside a model that is parsed. */
static void
make_scorer(PgaeCached *cached)
{
	size_t bytes;
	AeError error;

	pgae_raise_unless_ok(ae_bundle_scorer_size(&bytes, &cached->parsed.bundle, 1, &error), &error,
						 NULL);
	ae_bundle_scorer_init(&cached->scorer, MemoryContextAllocHuge(cached->context, bytes),
						  &cached->parsed.bundle, 1);
}

/* A new slot of the raw argument, published under its image. */
static Slot *
fill_slot(Cache *cache, FmgrInfo *flinfo, int argno, const Key *key)
{
	MemoryContext context;
	Found *found;
	Slot *slot;

	shrink(cache);
	/* the caller's until it is complete */
	context = AllocSetContextCreate(CurrentMemoryContext, "ae model", ALLOCSET_SMALL_SIZES);
	slot = MemoryContextAllocZero(context, sizeof(Slot));
	slot->cached.context = context;
	slot->cached.ahead = cache->ahead;
	if (cache->by_name)
	{
		PgaeReference reference;

		pgae_reference_read(&reference, PointerGetDatum(key->image));
		slot->cached.shared_bytes = pgae_session_model(&slot->cached.parsed, &reference, context);
	}
	else
		pgae_parse_model(&slot->cached.parsed, unconstify(struct varlena *, key->image), context);
	make_scorer(&slot->cached);
	if (argument_is_const(flinfo, argno))
		cache->constant = slot;
	else
	{
		struct varlena *image = MemoryContextAllocHuge(context, key->len);

		memcpy(image, key->image, key->len);
		slot->key = *key;
		slot->key.image = image;
		if (cache->table == NULL)
			cache->table = create_table(flinfo->fn_mcxt);
		found = hash_search(cache->table, &slot->key, HASH_ENTER, NULL);
		found->slot = slot;
	}
	MemoryContextSetParent(context, flinfo->fn_mcxt);
	dlist_push_head(&cache->slots, &slot->node);
	cache->n_slots++;
	weigh(cache, slot);
	return slot;
}

/* The slot of an argument, which becomes the most recently used one; NULL if there is none. */
static Slot *
find_slot(Cache *cache, const Key *key)
{
	Found *found = cache->table ? hash_search(cache->table, key, HASH_FIND, NULL) : NULL;

	if (found == NULL)
		return NULL;
	weigh(cache, dlist_head_element(Slot, node, &cache->slots));
	dlist_move_head(&cache->slots, &found->slot->node);
	return found->slot;
}

/* The cache of a call, without slots that are no longer valid. */
static Cache *
open_cache(FunctionCallInfo fcinfo, int argno)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	Cache *cache = flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Cache));
		dlist_init(&cache->slots);
		cache->by_name = pgae_argument_is_reference(fcinfo, argno);
		cache->ahead = pgae_ahead_of(flinfo);
		flinfo->fn_extra = cache;
	}
	if (cache->by_name &&
		(cache->transaction != PGAE_LXID || cache->subtransaction != GetCurrentSubTransactionId()))
	{
		drop_slots(cache);
		cache->transaction = PGAE_LXID;
		cache->subtransaction = GetCurrentSubTransactionId();
	}
	return cache;
}

PgaeCached *
pgae_model_alone(FunctionCallInfo fcinfo, int argno, MemoryContext context)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(fcinfo->args[argno].value);
	PgaeCached *cached = MemoryContextAllocZero(context, sizeof(PgaeCached));

	cached->context = context;
	if (pgae_argument_is_reference(fcinfo, argno))
	{
		PgaeReference reference;

		pgae_reference_read(&reference, PointerGetDatum(raw));
		cached->shared_bytes = pgae_session_model(&cached->parsed, &reference, context);
	}
	else
		pgae_parse_model(&cached->parsed, raw, context);
	return cached;
}

PgaeCached *
pgae_cached_model(FunctionCallInfo fcinfo, int argno)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	struct varlena *raw = (struct varlena *) DatumGetPointer(fcinfo->args[argno].value);
	Cache *cache;
	Slot *slot;
	Key key;

	if (flinfo == NULL)
	{
		PgaeCached *cached = palloc0(sizeof(PgaeCached));

		cached->context = CurrentMemoryContext;
		pgae_parse_model(&cached->parsed, raw, cached->context);
		make_scorer(cached);
		return cached;
	}
	cache = open_cache(fcinfo, argno);
	if (cache->constant != NULL)
		return &cache->constant->cached;

	/* their image is the address of memory that may be reused */
	if (VARATT_IS_EXTERNAL_INDIRECT(raw) || VARATT_IS_EXTERNAL_EXPANDED(raw))
		raw = pg_detoast_datum(raw);
	if (!dlist_is_empty(&cache->slots))
	{
		slot = dlist_head_element(Slot, node, &cache->slots);
		if (slot->key.len == VARSIZE_ANY(raw) && memcmp(slot->key.image, raw, slot->key.len) == 0)
			return &slot->cached;
	}
	key = key_of(raw);
	slot = find_slot(cache, &key);
	return &(slot ? slot : fill_slot(cache, flinfo, argno, &key))->cached;
}

const uint8 *
pgae_cached_digest(PgaeCached *cached, FunctionCallInfo fcinfo, int argno)
{
	PgaeParsed *parsed = &cached->parsed;

	if (!parsed->has_digest)
	{
		struct varlena *raw = (struct varlena *) DatumGetPointer(fcinfo->args[argno].value);
		struct varlena *flat = pg_detoast_datum_packed(raw);

		pgae_digest(parsed->digest, VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat));
		parsed->has_digest = true;
		if (flat != raw)
			pfree(flat);
	}
	return parsed->digest;
}
