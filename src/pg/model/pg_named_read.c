/*
 * pg_named_read.c: reads the tables of named models: existing versions, their bytes, who owns a
 * name, and who may see what is in a model.
 *
 * The tables are read by direct scans of their indexes, not by SQL: scores are computed for whoever
 * inserts into somebody's indexed table, in maintenance commands and in parallel workers, so no
 * privilege on ae.models, no row security and no search_path may stand between. Scans see the
 * latest commits and the changes of their own transaction, unless a snapshot is passed.
 *
 * Writes nothing and knows nothing of what is in the bytes.
 */
#include "pg_model.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(pg_ae_current);
PG_FUNCTION_INFO_V1(pg_ae_model_bytes);

/* Columns by number: fixed from the first release on; new ones are appended. */
enum
{
	MODELS_NAME = 1,
	MODELS_VERSION = 2,
	MODELS_DIGEST = 5,
	MODELS_MODEL = 11
};

enum
{
	NAMES_NAME = 1,
	NAMES_OWNER = 2
};

/* Versions that an error names. */
#define VERSIONS_SHOWN 10

/* Names within this many changes of a letter are suggested. */
#define NEAR_NAME 4

/* ---- finding ---- */

Oid
pgae_table(const char *name)
{
	Oid namespace = get_namespace_oid("ae", true);
	Oid relation = OidIsValid(namespace) ? get_relname_relid(name, namespace) : InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table ae.%s", name),
						errhint("Named models need the extension: CREATE EXTENSION ae.")));
	return relation;
}

static void
name_key(ScanKey key, AttrNumber column, const char *name)
{
	ScanKeyEntryInitialize(key, 0, column, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID,
						   F_TEXTEQ, CStringGetTextDatum(name));
}

/* The tables and columns that are read by their position. */
static const struct
{
	const char *table;
	int column;
	Oid type;
} shape[] = {
	{"models", MODELS_NAME, TEXTOID},     {"models", MODELS_VERSION, INT4OID},
	{"models", MODELS_DIGEST, BYTEAOID},  {"models", MODELS_MODEL, BYTEAOID},
	{"model_names", NAMES_NAME, TEXTOID}, {"model_names", NAMES_OWNER, TEXTOID},
};

/* A superuser may alter the tables; a value read as another type would be a wild pointer. */
static Relation
open_table(const char *name)
{
	Relation relation = table_open(pgae_table(name), AccessShareLock);
	TupleDesc tupdesc = RelationGetDescr(relation);
	bool good = relation->rd_rel->relkind == RELKIND_RELATION;

	for (int i = 0; i < (int) lengthof(shape) && good; i++)
		good = strcmp(shape[i].table, name) != 0 ||
			   (shape[i].column <= tupdesc->natts &&
				TupleDescAttr(tupdesc, shape[i].column - 1)->atttypid == shape[i].type);
	if (!good)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table ae.%s does not have the definition that the extension gave it", name)));
	return relation;
}

static Datum
column_of(HeapTuple tuple, int column, Relation relation)
{
	bool isnull;
	Datum datum = heap_getattr(tuple, column, RelationGetDescr(relation), &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of table ae.%s is NULL",
						NameStr(TupleDescAttr(RelationGetDescr(relation), column - 1)->attname),
						RelationGetRelationName(relation))));
	return datum;
}

/* The versions of a name, newest first, at most limit of them. */
static List *
versions_of(const char *name, Snapshot snapshot, int limit)
{
	Relation relation = open_table("models");
	Relation index = index_open(pgae_table("models_pkey"), AccessShareLock);
	List *versions = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	name_key(&key, MODELS_NAME, name);
	scan = systable_beginscan_ordered(relation, index, snapshot, 1, &key);
	while (list_length(versions) < limit &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, BackwardScanDirection)))
		versions = lappend_int(versions, DatumGetInt32(column_of(tuple, MODELS_VERSION, relation)));
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
	return versions;
}

/* The most similar name that has versions, or NULL. */
static char *
nearest_name(const char *name)
{
	Relation relation = open_table("model_names");
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	int best = Min(NEAR_NAME, (int) strlen(name));
	char *nearest = NULL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		char *candidate = TextDatumGetCString(column_of(tuple, NAMES_NAME, relation));
		int distance =
			pg_strcasecmp(name, candidate) == 0
				? 0
				: varstr_levenshtein_less_equal(name, (int) strlen(name), candidate,
												(int) strlen(candidate), 1, 1, 1, best, true);

		if (distance >= best || versions_of(candidate, NULL, 1) == NIL)
			continue;
		best = distance;
		nearest = candidate;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return nearest;
}

/* ---- what is not there ---- */

/* `1, 2, 5`, the newest VERSIONS_SHOWN of them. */
static char *
versions_text(const char *name)
{
	List *versions = versions_of(name, NULL, VERSIONS_SHOWN + 1);
	StringInfoData out;

	initStringInfo(&out);
	if (list_length(versions) > VERSIONS_SHOWN)
		appendStringInfoString(&out, "..., ");
	for (int i = Min(list_length(versions), VERSIONS_SHOWN) - 1; i >= 0; i--)
		appendStringInfo(&out, "%d%s", list_nth_int(versions, i), i ? ", " : "");
	return out.data;
}

bool
pgae_refuse_unknown(const PgaeReference *reference, Node *escontext)
{
	char *versions = versions_text(reference->name);
	char *nearest;

	if (versions[0] != '\0' && reference->version == 0)
		ereturn(escontext, false,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model %s was saved after the snapshot of this statement was taken",
						pgae_quote_name(reference->name))));
	if (versions[0] != '\0')
		ereturn(escontext, false,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model %s has no version %d", pgae_quote_name(reference->name),
						reference->version),
				 errdetail("Existing versions are %s.", versions)));
	nearest = nearest_name(reference->name);
	ereturn(escontext, false,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model %s does not exist", pgae_quote_name(reference->name)),
			 nearest ? errhint("Perhaps you meant %s.", pgae_quote_name(nearest))
					 : errhint("See ae.model_list for the existing models.")));
}

/* ---- one version ---- */

static SysScanDesc
scan_version(Relation relation, const PgaeReference *reference, Snapshot snapshot)
{
	ScanKeyData keys[2];

	name_key(&keys[0], MODELS_NAME, reference->name);
	ScanKeyInit(&keys[1], MODELS_VERSION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(reference->version));
	return systable_beginscan(relation, pgae_table("models_pkey"), true, snapshot, 2, keys);
}

/* The digest that a reference to a row of ae.models repeats. */
static void
set_digest(PgaeReference *reference, HeapTuple tuple, Relation relation)
{
	struct varlena *digest = PG_DETOAST_DATUM_PACKED(column_of(tuple, MODELS_DIGEST, relation));

	if (VARSIZE_ANY_EXHDR(digest) < PGAE_DIGEST_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("model %s is corrupt: its digest has %zu bytes",
							   pgae_version_text(reference), (Size) VARSIZE_ANY_EXHDR(digest))));
	memcpy(reference->digest, VARDATA_ANY(digest), PGAE_DIGEST_BYTES);
	reference->has_digest = true;
}

static bool
same_digest(const PgaeReference *a, const PgaeReference *b)
{
	return memcmp(a->digest, b->digest, PGAE_DIGEST_BYTES) == 0;
}

/* here: the reference as it would be on this server. */
static bool
refuse_other_bytes(const PgaeReference *reference, const PgaeReference *here, Node *escontext)
{
	ereturn(escontext, false,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("model %s differs from the one that %s refers to", pgae_version_text(reference),
					pgae_reference_text(reference)),
			 errdetail("On this server it is %s, other bytes under the same name and version.",
					   pgae_reference_text(here)),
			 errhint("Their scores differ. Copy the version from the server where the reference "
					 "was created, or create the reference again.")));
}

bool
pgae_resolve(PgaeReference *reference, Snapshot snapshot, Node *escontext)
{
	Relation relation = open_table("models");
	PgaeReference here = *reference;
	SysScanDesc scan;
	HeapTuple tuple;
	bool exists;

	if (here.version == 0)
	{
		List *versions = versions_of(here.name, snapshot, 1);

		here.version = versions == NIL ? 0 : linitial_int(versions);
	}
	scan = scan_version(relation, &here, snapshot);
	tuple = systable_getnext(scan);
	exists = HeapTupleIsValid(tuple);
	if (exists)
		set_digest(&here, tuple, relation);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	if (!exists)
		return pgae_refuse_unknown(reference, escontext);
	if (reference->has_digest && !same_digest(reference, &here))
		return refuse_other_bytes(reference, &here, escontext);
	*reference = here;
	return true;
}

void
pgae_reference_set_digest(PgaeReference *reference, const struct varlena *model)
{
	uint8 digest[PGAE_SHA256_BYTES];

	pgae_digest(digest, VARDATA_ANY(model), VARSIZE_ANY_EXHDR(model));
	memcpy(reference->digest, digest, PGAE_DIGEST_BYTES);
	reference->has_digest = true;
}

void
pgae_stored_open(PgaeStored *stored, const PgaeReference *reference)
{
	PgaeReference here = *reference;
	HeapTuple tuple;

	stored->relation = open_table("models");
	stored->scan = scan_version(stored->relation, reference, NULL);
	tuple = systable_getnext(stored->scan);
	if (!HeapTupleIsValid(tuple))
		pgae_refuse_unknown(reference, NULL);
	set_digest(&here, tuple, stored->relation);
	if (!same_digest(reference, &here))
		refuse_other_bytes(reference, &here, NULL);
	stored->model =
		(struct varlena *) DatumGetPointer(column_of(tuple, MODELS_MODEL, stored->relation));
	stored->digest =
		(struct varlena *) DatumGetPointer(column_of(tuple, MODELS_DIGEST, stored->relation));
}

void
pgae_stored_close(PgaeStored *stored)
{
	systable_endscan(stored->scan);
	table_close(stored->relation, AccessShareLock);
}

void
pgae_reference_of_row(PgaeReference *reference, HeapTuple tuple)
{
	Relation relation = open_table("models");

	memset(reference, 0, sizeof(*reference));
	strlcpy(reference->name, TextDatumGetCString(column_of(tuple, MODELS_NAME, relation)),
			sizeof(reference->name));
	reference->version = DatumGetInt32(column_of(tuple, MODELS_VERSION, relation));
	set_digest(reference, tuple, relation);
	table_close(relation, AccessShareLock);
}

bool
pgae_version_exists(const PgaeReference *reference)
{
	Relation relation = open_table("models");
	SysScanDesc scan = scan_version(relation, reference, NULL);
	HeapTuple tuple = systable_getnext(scan);
	PgaeReference here = *reference;
	bool exists = HeapTupleIsValid(tuple);

	if (exists)
		set_digest(&here, tuple, relation);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return exists && same_digest(reference, &here);
}

/* ---- who may what ---- */

/* Raises 55000 for a table that somebody else has put in the place of the extension's. */
static void
check_is_ours(const char *name)
{
	Oid extension = getExtensionOfObject(RelationRelationId, pgae_table(name));

	if (!OidIsValid(extension) || extension != get_extension_oid("ae", true))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("table ae.%s is not that of the extension ae", name)));
}

Oid
pgae_tables_owner(void)
{
	Relation relation = open_table("models");
	Oid owner = relation->rd_rel->relowner;

	table_close(relation, AccessShareLock);
	check_is_ours("models");
	check_is_ours("model_names");
	return owner;
}

/* The role that owns a name; *exists says whether there is such a name. */
static Oid
owner_of(const char *name, bool *exists)
{
	Relation relation = open_table("model_names");
	Oid owner = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	name_key(&key, NAMES_NAME, name);
	scan = systable_beginscan(relation, pgae_table("model_names_pkey"), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	*exists = HeapTupleIsValid(tuple);
	if (*exists)
		owner = get_role_oid(TextDatumGetCString(column_of(tuple, NAMES_OWNER, relation)), true);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return OidIsValid(owner) ? owner : pgae_tables_owner();
}

bool
pgae_name_exists(const char *name)
{
	bool exists;

	owner_of(name, &exists);
	return exists;
}

bool
pgae_has_rights_of(const char *role)
{
	Oid oid = get_role_oid(role, true);

	return has_privs_of_role(GetUserId(), OidIsValid(oid) ? oid : pgae_tables_owner());
}

/* The name of a role as a statement would write it. */
static const char *
quoted_role(Oid role)
{
	return quote_identifier(GetUserNameFromId(role, false));
}

static bool
has_rights_of_owner(const char *name)
{
	bool exists;

	return has_privs_of_role(GetUserId(), owner_of(name, &exists));
}

void
pgae_check_owner(const char *name)
{
	bool exists;
	Oid owner = owner_of(name, &exists);

	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of model %s", pgae_quote_name(name)),
						errhint("The owner is %s: GRANT that role TO %s, or use another name.",
								quoted_role(owner), quoted_role(GetUserId()))));
}

/* Row security may hide rows that a direct scan sees. */
static bool
may_select(void)
{
	Oid relation = pgae_table("models");

	return pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		   check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
}

/* 42501 unless the current user has the rights of the owner of a name, or SELECT on ae.models. */
static void
check_readable(const char *name)
{
	if (!may_select() && !has_rights_of_owner(name))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to read the contents of model %s", pgae_quote_name(name)),
			 errhint("Only its owner and roles with SELECT on ae.models may: GRANT SELECT ON "
					 "ae.models TO %s. Computing scores does not need this privilege.",
					 quoted_role(GetUserId()))));
}

/* ---- model arguments ---- */

bool
pgae_argument_is_reference(FunctionCallInfo fcinfo, int argno)
{
	bool is_reference;
	Oid *types;
	int n;

	/* called directly from C: always with bytes */
	if (fcinfo->flinfo == NULL)
		return false;
	/* by its declaration: a fast-path call, by number, has no expression */
	get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
	is_reference = argno < n && types[argno] != BYTEAOID;
	pfree(types);
	return is_reference;
}

struct varlena *
pgae_version_bytes(const PgaeReference *reference, bool to_be_seen)
{
	PgaeStored stored;
	struct varlena *bytes;

	if (to_be_seen)
		check_readable(reference->name);
	pgae_stored_open(&stored, reference);
	bytes = pg_detoast_datum_copy(stored.model);
	pgae_stored_close(&stored);
	return bytes;
}

struct varlena *
pgae_model_bytes(FunctionCallInfo fcinfo, int argno, bool to_be_seen)
{
	PgaeReference reference;

	if (!pgae_argument_is_reference(fcinfo, argno))
		return (struct varlena *) PG_GETARG_BYTEA_PP(argno);
	pgae_reference_read(&reference, PG_GETARG_DATUM(argno));
	return pgae_version_bytes(&reference, to_be_seen);
}

/* model_bytes(model): the cast to bytea. */
Datum
pg_ae_model_bytes(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(pgae_model_bytes(fcinfo, 0, true));
}

/* ---- ae.current ---- */

/* What a statement has looked up; valid as long as its snapshot stays the same. */
typedef struct Current
{
	LocalTransactionId transaction;
	SubTransactionId subtransaction;
	CommandId command;
	TransactionId xmin;
	TransactionId xmax;
	uint32 n_running;
	int32 n_subrunning;
	char name[NAMEDATALEN * 2 + 3]; /* as it was written; quotes may be doubled */
	struct varlena *value;
} Current;

/* Two snapshots of one session with the same figures see the same. */
static void
set_view(Current *current, Snapshot snapshot)
{
	current->transaction = PGAE_LXID;
	current->subtransaction = GetCurrentSubTransactionId();
	current->command = snapshot->curcid;
	current->xmin = snapshot->xmin;
	current->xmax = snapshot->xmax;
	current->n_running = snapshot->xcnt;
	current->n_subrunning = snapshot->subxcnt;
}

static bool
same_view(const Current *a, const Current *b)
{
	return a->transaction == b->transaction && a->subtransaction == b->subtransaction &&
		   a->command == b->command && a->xmin == b->xmin && a->xmax == b->xmax &&
		   a->n_running == b->n_running && a->n_subrunning == b->n_subrunning;
}

static bool
same_name(const Current *current, const text *name)
{
	size_t len = VARSIZE_ANY_EXHDR(name);

	return strlen(current->name) == len && memcmp(current->name, VARDATA_ANY(name), len) == 0;
}

static void
remember(Current *current, const Current *view, const text *name, Datum value,
		 MemoryContext context)
{
	struct varlena *before = current->value;
	MemoryContext old;

	if (VARSIZE_ANY_EXHDR(name) >= sizeof(current->name))
		return;
	old = MemoryContextSwitchTo(context);
	*current = *view;
	memcpy(current->name, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	current->value = (struct varlena *) DatumGetPointer(datumCopy(value, false, -1));
	if (before)
		pfree(before);
	MemoryContextSwitchTo(old);
}

/* current(name): the newest version that the statement sees. */
Datum
pg_ae_current(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	Snapshot snapshot = GetActiveSnapshot();
	Current *current = fcinfo->flinfo->fn_extra;
	Current view = {0};
	PgaeReference reference;
	Datum value;

	set_view(&view, snapshot);
	if (current && current->value && same_view(current, &view) && same_name(current, name))
		PG_RETURN_DATUM(datumCopy(PointerGetDatum(current->value), false, -1));
	pgae_reference_name(&reference, name);
	pgae_resolve(&reference, snapshot, NULL);
	value = pgae_reference_datum(&reference);
	if (current == NULL)
		current = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Current));
	remember(current, &view, name, value, fcinfo->flinfo->fn_mcxt);
	PG_RETURN_DATUM(value);
}
