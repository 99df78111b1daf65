/*
 * pg_cache.c: parsed models, kept for as long as the expression that uses them.
 *
 * A model argument may be a constant, a parameter, or a column that changes from
 * row to row, and the same call node may be kept while a variable behind it changes
 * (PL/pgSQL keeps simple expressions for a transaction).  So the key is what the
 * argument *is*: the image of the datum before it is detoasted, compared by length and
 * content.  For a model in a table that image is the toast pointer of 18 bytes, for a
 * small or compressed one its bytes, for a large one in memory all of it, which
 * still costs less than reading the weights once.  No pointer is ever compared, as
 * memory is reused.  Only a true Const node skips the comparison;
 * get_fn_expr_arg_stable() would not do, as it takes a PL/pgSQL variable for stable.
 *
 * A reference to a named model is looked up when its slot is filled, and its networks come from
 * those that the session keeps (pg_session.c).  The slot counts in the transaction and
 * subtransaction in which it was filled: once that is rolled back, a version may not be there any
 * more, or be another one.
 *
 * Four entries, the last hit tried first, so that a join of rows with a few models
 * parses each once.  An entry lives in a memory context of its own and counts only
 * after it is complete: an error while parsing leaves an empty entry.
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/primnodes.h"
#include "utils/memutils.h"

#include "pg_ae.h"

#define N_SLOTS 4

typedef struct Slot
{
	bool valid;
	Size key_len;
	char *key; /* NULL for a constant */
	PgaeCached cached;
} Slot;

typedef struct Cache
{
	bool by_name;                   /* the argument is of type ae.model */
	LocalTransactionId transaction; /* by name: in which the slots were filled */
	SubTransactionId subtransaction;
	Slot *constant; /* the model argument is a Const, and here it is */
	int last;       /* slot of the last hit */
	int next;       /* slot to be replaced next */
	Slot slots[N_SLOTS];
} Cache;

/* A block of bytes aligned to AE_ALIGN, over 1 GB if it must. */
static void *
alloc_aligned(MemoryContext context, size_t bytes)
{
	return ae_arena_align(MemoryContextAllocHuge(context, bytes + AE_ALIGN));
}

/* Opens what may be a bundle; an error's offset counts from its beginning. */
static void
open_bundle(AeBundle *bundle, struct varlena *flat)
{
	AeError error;

	if (ae_bundle_open(bundle, VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), &error) != AE_OK)
		pgae_raise(&error, NULL);
}

/* *model from number i of a bundle that flat holds, everything it points at in context. */
static void
read_model(AeModel *model, const AeBundle *bundle, uint32 i, struct varlena *flat,
		   MemoryContext context)
{
	const void *data = bundle->bytes[i];
	size_t length = bundle->length[i];
	size_t block_bytes;
	AeError error;
	AeStatus status = ae_model_check(&block_bytes, data, length, &error);

	if (status == AE_OK)
		status = ae_model_read(model, alloc_aligned(context, block_bytes), block_bytes, data,
							   length, &error);
	if (status == AE_OK)
		return;
	if (status == AE_ERR_CORRUPT)
		error.offset += (uint64) ((const char *) data - VARDATA_ANY(flat));
	pgae_raise(&error, NULL);
}

/* 22P03 unless models are those of one bundle. */
static void
check_bundle(const AeModel *const *models, const AeBundle *bundle)
{
	const char *misfit = ae_bundle_misfit(models, bundle->n_folds, bundle->n_members);

	if (misfit)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("model is corrupt: %s", misfit)));
}

/*
 * The models in bytes, which may be packed, compressed or toasted.  Everything is
 * allocated in context.  22P03 for bytes that are no model.
 */
PgaeModels *
pgae_read_models(struct varlena *bytes, MemoryContext context)
{
	struct varlena *flat = pg_detoast_datum_packed(bytes);
	PgaeModels *models = MemoryContextAllocZero(context, sizeof(PgaeModels));
	AeBundle bundle;

	open_bundle(&bundle, flat);
	models->n_folds = bundle.n_folds;
	models->n_members = bundle.n_members;
	for (uint32 i = 0; i < bundle.n_folds * bundle.n_members; i++)
	{
		models->models[i] = MemoryContextAllocZero(context, sizeof(AeModel));
		read_model(models->models[i], &bundle, i, flat, context);
	}
	check_bundle((const AeModel *const *) models->models, &bundle);
	if (flat != bytes)
		pfree(flat);
	return models;
}

void
pgae_parse_model(PgaeCached *cached, struct varlena *bytes)
{
	struct varlena *flat = pg_detoast_datum_packed(bytes);
	const AeModel *models[AE_MAX_MODELS];
	size_t scorer_bytes;
	AeBundle bundle;
	AeError error;
	uint32 n;

	open_bundle(&bundle, flat);
	n = bundle.n_folds * bundle.n_members;
	cached->n_folds = bundle.n_folds;
	cached->n_members = bundle.n_members;
	cached->units = cached->unit = MemoryContextAllocZero(cached->context, n * sizeof(PgaeUnit));
	for (uint32 i = 0; i < n; i++)
	{
		PgaeUnit *unit = &cached->units[i];

		read_model(&unit->model, &bundle, i, flat, cached->context);
		models[i] = &unit->model;
		if (ae_scorer_size(&scorer_bytes, &unit->model, 1, &error) != AE_OK)
			pgae_raise(&error, NULL);
		ae_scorer_init(&unit->scorer, MemoryContextAllocHuge(cached->context, scorer_bytes),
					   &unit->model, 1, pgae_kernels());
	}
	check_bundle(models, &bundle);
	cached->checksum = ae_model_checksum(VARDATA_ANY(flat));
	cached->codec = NULL;
	if (flat != bytes)
		pfree(flat);
}

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

static void
empty_slot(Slot *slot)
{
	MemoryContext context = slot->cached.context;

	slot->valid = false;
	slot->cached.context = NULL;
	if (context != NULL)
		MemoryContextDelete(context);
	memset(slot, 0, sizeof(*slot));
}

/* Fills the slot whose turn it is from the raw argument, and publishes it under its image. */
static Slot *
fill_slot(Cache *cache, FmgrInfo *flinfo, int argno, struct varlena *raw)
{
	Slot *slot = &cache->slots[cache->next];

	empty_slot(slot);
	slot->cached.context = AllocSetContextCreate(flinfo->fn_mcxt, "ae model", ALLOCSET_SMALL_SIZES);
	if (cache->by_name)
	{
		PgaeReference reference;

		pgae_reference_read(&reference, PointerGetDatum(raw));
		pgae_session_model(&slot->cached, &reference);
	}
	else
		pgae_parse_model(&slot->cached, raw);
	if (argument_is_const(flinfo, argno))
		cache->constant = slot;
	else
	{
		slot->key_len = VARSIZE_ANY(raw);
		slot->key = MemoryContextAllocHuge(slot->cached.context, slot->key_len);
		memcpy(slot->key, raw, slot->key_len);
	}
	slot->valid = true;
	cache->last = cache->next;
	cache->next = (cache->next + 1) % N_SLOTS;
	return slot;
}

static bool
slot_holds(const Slot *slot, const struct varlena *raw, Size len)
{
	return slot->valid && slot->key_len == len && memcmp(slot->key, raw, len) == 0;
}

/* The cache of a call; without slots that must not be trusted any more. */
static Cache *
open_cache(FunctionCallInfo fcinfo, int argno)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	Cache *cache = flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Cache));
		cache->by_name = pgae_argument_is_reference(fcinfo, argno);
		flinfo->fn_extra = cache;
	}
	if (cache->by_name &&
		(cache->transaction != PGAE_LXID || cache->subtransaction != GetCurrentSubTransactionId()))
	{
		cache->constant = NULL;
		for (int i = 0; i < N_SLOTS; i++)
			empty_slot(&cache->slots[i]);
		cache->transaction = PGAE_LXID;
		cache->subtransaction = GetCurrentSubTransactionId();
	}
	return cache;
}

/*
 * The model in argument argno of the call, parsed, with a scorer for one row.  It
 * belongs to the cache and stays good until the next call of this function by
 * the same expression.  A function may have one model argument.  22P03 for bytes
 * that are no model.
 */
PgaeCached *
pgae_cached_model(FunctionCallInfo fcinfo, int argno)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	struct varlena *raw = (struct varlena *) DatumGetPointer(fcinfo->args[argno].value);
	Cache *cache;
	Size len;

	if (flinfo == NULL)
	{
		PgaeCached *cached = palloc0(sizeof(PgaeCached));

		cached->context = CurrentMemoryContext;
		pgae_parse_model(cached, raw);
		return cached;
	}
	cache = open_cache(fcinfo, argno);
	if (cache->constant != NULL)
		return &cache->constant->cached;

	/* the image of these is the address of memory that may be reused */
	if (VARATT_IS_EXTERNAL_INDIRECT(raw) || VARATT_IS_EXTERNAL_EXPANDED(raw))
		raw = pg_detoast_datum(raw);
	len = VARSIZE_ANY(raw);
	if (slot_holds(&cache->slots[cache->last], raw, len))
		return &cache->slots[cache->last].cached;
	for (int i = 0; i < N_SLOTS; i++)
	{
		if (slot_holds(&cache->slots[i], raw, len))
		{
			cache->last = i;
			return &cache->slots[i].cached;
		}
	}
	return &fill_slot(cache, flinfo, argno, raw)->cached;
}
