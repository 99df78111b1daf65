/*
 * pg_uses.c: finds the stored expressions that mention a version of a model, so that it is not
 * dropped while they need it.
 *
 * pg_depend knows nothing of rows of a table. But whatever stores a constant of type ae.model
 * depends on the type: index, view, default, generated column, check, policy, WHEN of a trigger,
 * statistics object, rule, body of an SQL-standard function.  So these candidates are read from
 * pg_depend, and their expressions are searched for the constant.
 *
 * What this cannot find: names in the text of functions, values of type ae.model in tables, and
 * what another session has not committed yet.
 */
#include "pg_model.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(pg_ae_models_guard);

/* Objects that a message names. */
#define USES_SHOWN 100

/*
 * A search for one version, for all versions of a name (version 0), or for any existing version
 * (NULL).
 */
typedef struct Search
{
	const PgaeReference *wanted;
	Oid type;
	Oid array_type;
	PgaeReference found;
	List *seen; /* of ObjectAddress *: with a use */
	StringInfoData uses;
} Search;

/* Where a catalog keeps expressions. */
typedef struct Place
{
	Oid class;   /* of the object that depends */
	Oid catalog; /* that has its expressions */
	Oid index;
	AttrNumber key;
	AttrNumber expressions[2];
} Place;

static const Place places[] = {
	{RelationRelationId,
	 IndexRelationId,
	 IndexRelidIndexId,
	 Anum_pg_index_indexrelid,
	 {Anum_pg_index_indexprs, Anum_pg_index_indpred}},
	{RelationRelationId,
	 PartitionedRelationId,
	 PartitionedRelidIndexId,
	 Anum_pg_partitioned_table_partrelid,
	 {Anum_pg_partitioned_table_partexprs}},
#ifdef PGAE_GENERATED_COLUMN_DEPENDS
	/* the column itself depends on the columns that it is generated from */
	{RelationRelationId,
	 AttrDefaultRelationId,
	 AttrDefaultIndexId,
	 Anum_pg_attrdef_adrelid,
	 {Anum_pg_attrdef_adbin}},
#endif
	{AttrDefaultRelationId,
	 AttrDefaultRelationId,
	 AttrDefaultOidIndexId,
	 Anum_pg_attrdef_oid,
	 {Anum_pg_attrdef_adbin}},
	{ConstraintRelationId,
	 ConstraintRelationId,
	 ConstraintOidIndexId,
	 Anum_pg_constraint_oid,
	 {Anum_pg_constraint_conbin}},
	{RewriteRelationId,
	 RewriteRelationId,
	 RewriteOidIndexId,
	 Anum_pg_rewrite_oid,
	 {Anum_pg_rewrite_ev_qual, Anum_pg_rewrite_ev_action}},
	{TriggerRelationId,
	 TriggerRelationId,
	 TriggerOidIndexId,
	 Anum_pg_trigger_oid,
	 {Anum_pg_trigger_tgqual}},
	{PolicyRelationId,
	 PolicyRelationId,
	 PolicyOidIndexId,
	 Anum_pg_policy_oid,
	 {Anum_pg_policy_polqual, Anum_pg_policy_polwithcheck}},
	{StatisticExtRelationId,
	 StatisticExtRelationId,
	 StatisticExtOidIndexId,
	 Anum_pg_statistic_ext_oid,
	 {Anum_pg_statistic_ext_stxexprs}},
	{ProcedureRelationId,
	 ProcedureRelationId,
	 ProcedureOidIndexId,
	 Anum_pg_proc_oid,
	 {Anum_pg_proc_proargdefaults, Anum_pg_proc_prosqlbody}},
	{TypeRelationId,
	 TypeRelationId,
	 TypeOidIndexId,
	 Anum_pg_type_oid,
	 {Anum_pg_type_typdefaultbin}},
};

/* ---- in one expression ---- */

/* A reference to other bytes than those here is already unusable. */

static bool
is_wanted(Datum datum, Search *search)
{
	PgaeReference reference;

	pgae_reference_read(&reference, datum);
	if (search->wanted != NULL &&
		(strcmp(reference.name, search->wanted->name) != 0 ||
		 (search->wanted->version != 0 && reference.version != search->wanted->version)))
		return false;
	if (!pgae_version_exists(&reference))
		return false;
	search->found = reference;
	return true;
}

static bool
array_has_wanted(Datum datum, Search *search)
{
	Datum *elements;
	bool *nulls;
	int n;

	deconstruct_array(DatumGetArrayTypeP(datum), search->type, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i] && is_wanted(elements[i], search))
			return true;
	}
	return false;
}

static bool
mentions(Node *node, void *context)
{
	Search *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Const))
	{
		Const *constant = (Const *) node;

		if (constant->constisnull)
			return false;
		if (constant->consttype == search->type)
			return is_wanted(constant->constvalue, search);
		return constant->consttype == search->array_type &&
			   array_has_wanted(constant->constvalue, search);
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, mentions, context, 0);
	return expression_tree_walker(node, mentions, context);
}

/* ---- in one object ---- */

static bool
place_mentions(const Place *place, Oid object, Search *search)
{
	Relation catalog = table_open(place->catalog, AccessShareLock);
	bool found = false;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, place->key, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(catalog, place->index, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		for (int i = 0; i < 2 && place->expressions[i] > 0; i++)
		{
			bool isnull;
			Datum nodes =
				heap_getattr(tuple, place->expressions[i], RelationGetDescr(catalog), &isnull);

			if (!isnull && mentions(stringToNode(TextDatumGetCString(nodes)), search))
				found = true;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* A rule that makes a view is the view. */
static char *
describe(const ObjectAddress *object)
{
	Relation rules;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Oid view = InvalidOid;

	if (object->classId != RewriteRelationId)
		return PGAE_OBJECT_DESCRIPTION(object);
	rules = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object->objectId));
	scan = systable_beginscan(rules, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		strcmp(NameStr(((Form_pg_rewrite) GETSTRUCT(tuple))->rulename), "_RETURN") == 0)
		view = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
	systable_endscan(scan);
	table_close(rules, AccessShareLock);
	if (OidIsValid(view))
		return getObjectDescriptionOids(RelationRelationId, view);
	return PGAE_OBJECT_DESCRIPTION(object);
}

/*
 * The same, or NULL for an object that has been dropped meanwhile. Describing a constraint, a
 * default or a trigger raises an internal error if its table has just been dropped.
 */
static char *
describe_if_there(const ObjectAddress *object)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char *volatile description = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		description = describe(object);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode != ERRCODE_INTERNAL_ERROR)
			ReThrowError(error);
		description = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return description;
}

static bool
was_seen(const ObjectAddress *object, const Search *search)
{
	ListCell *cell;

	foreach (cell, search->seen)
	{
		const ObjectAddress *other = lfirst(cell);

		if (other->classId == object->classId && other->objectId == object->objectId)
			return true;
	}
	return false;
}

/* Adds an object to the uses if it contains such a constant. */
static void
search_object(const ObjectAddress *object, Search *search)
{
	bool found = false;
	char *description;

	if (was_seen(object, search))
		return;
	for (int i = 0; i < (int) lengthof(places) && !found; i++)
		found = places[i].class == object->classId &&
				place_mentions(&places[i], object->objectId, search);
	description = found ? describe_if_there(object) : NULL;
	if (description == NULL)
		return;
	search->seen = lappend(search->seen, memcpy(palloc(sizeof(*object)), object, sizeof(*object)));
	if (list_length(search->seen) <= USES_SHOWN)
		appendStringInfo(&search->uses, "%s%s uses %s", search->uses.len ? "\n" : "", description,
						 pgae_version_text(&search->found));
}

/* ---- in all that depends on the type ---- */

static int
compare_oids(const ListCell *a, const ListCell *b)
{
	const ObjectAddress *x = lfirst(a), *y = lfirst(b);

	return x->objectId < y->objectId ? -1 : x->objectId > y->objectId;
}

/*
 * In the order of their OIDs, oldest first, instead of the order in which the catalog happens to
 * store them.
 */
static void
search_dependents(Oid type, Search *search)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	List *objects = NIL;
	ListCell *cell;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(type));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend row = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *object = palloc(sizeof(ObjectAddress));

		ObjectAddressSubSet(*object, row->classid, row->objid, row->objsubid);
		objects = lappend(objects, object);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	list_sort(objects, compare_oids);
	foreach (cell, objects)
		search_object(lfirst(cell), search);
}

static void
refuse_if_used(const PgaeReference *wanted)
{
	Search search = {.wanted = wanted};

	search.type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("model"),
								  ObjectIdGetDatum(get_namespace_oid("ae", false)));
	if (!OidIsValid(search.type))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no type ae.model")));
	search.array_type = get_array_type(search.type);
	initStringInfo(&search.uses);
	search_dependents(search.type, &search);
	if (OidIsValid(search.array_type))
		search_dependents(search.array_type, &search);
	if (search.seen == NIL)
		return;
	if (list_length(search.seen) > USES_SHOWN)
		appendStringInfo(&search.uses, "\nand %d other objects",
						 list_length(search.seen) - USES_SHOWN);
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 wanted == NULL ? errmsg("cannot empty ae.models because other objects use its models")
			 : wanted->version == 0 ? errmsg("cannot drop model %s because other objects use it",
											 pgae_quote_name(wanted->name))
									: errmsg("cannot drop model %s because other objects use it",
											 pgae_version_text(wanted)),
			 errdetail_internal("%s", search.uses.data),
			 errhint("First drop them, or let them use another version.")));
}

void
pgae_refuse_if_used(const PgaeReference *reference)
{
	refuse_if_used(reference);
}

/* Whether a trigger is on that table of the extension. */
static bool
is_on(const TriggerData *trigger, const char *table)
{
	return RelationGetRelid(trigger->tg_relation) ==
		   get_relname_relid(table, get_namespace_oid("ae", false));
}

/*
 * models_guard(): the trigger that protects rows of ae.models: no UPDATE, and no DELETE or TRUNCATE
 * of a version in use. It also protects names in ae.model_names with the version numbers they have
 * assigned.
 */
Datum
pg_ae_models_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	PgaeReference reference;

	if (!CALLED_AS_TRIGGER(fcinfo) || !(is_on(trigger, "models") || is_on(trigger, "model_names")))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("ae.models_guard can only be the trigger function of ae.models and "
							   "ae.model_names")));
	if (is_on(trigger, "model_names"))
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("names of models cannot be deleted, so that version numbers are never reused"),
			 errhint("Use ae.drop_model to drop the versions of a name.")));
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		refuse_if_used(NULL);
		PG_RETURN_POINTER(NULL);
	}
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("versions of models cannot be changed"),
						errhint("Save a new version with ae.save_model.")));
	pgae_reference_of_row(&reference, trigger->tg_trigtuple);
	refuse_if_used(&reference);
	PG_RETURN_POINTER(trigger->tg_trigtuple);
}
