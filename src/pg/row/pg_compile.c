/*
 * pg_compile.c: compiles a codec for a row type: where each source column of the model is in it and
 * how it converts; and takes rows of that type apart.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg_codec.h"

static int
count_attributes(TupleDesc tupdesc)
{
	int n = 0;

	for (int i = 0; i < tupdesc->natts; i++)
		n += !TupleDescAttr(tupdesc, i)->attisdropped;
	return n;
}

/* The attribute of source s of the model; by position if positional. */
static int
locate_source(PgaeCodec *codec, TupleDesc tupdesc, uint32 s, bool positional)
{
	const char *name = codec->sources[s].name;
	const char *nearest;
	int att;

	if (positional)
		return (int) s;
	att = pgae_find_attribute(tupdesc, name, true);
	if (att >= 0)
		return att;
	if (pgae_is_anonymous(tupdesc))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("row has %d fields, model expects %u", tupdesc->natts, codec->n_sources),
				 errhint("ROW(...) is matched by position: give all columns of the model "
						 "in its order.")));
	nearest = pgae_nearest_attribute(tupdesc, name, codec);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("row has no column \"%s\", which the model was trained on", name),
			 nearest
				 ? errhint("Perhaps you meant the column \"%s\": rename it in a subquery.", nearest)
				 : 0));
	return -1;
}

/*
 * Raises 42804 unless a column of this type can be that source, which takes so many bytes in
 * records.
 */
static void
check_part(const PgaeSource *source, const PgaePart *part, Form_pg_attribute att, size_t stored,
		   bool positional)
{
	if (!pgae_part_can_be(part, source->kind) ||
		(part->conv == PGAE_CONV_ARRAY) != source->is_array)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is of type %s, model expects %s", NameStr(att->attname),
					format_type_be(att->atttypid),
					source->is_array ? "an array of numbers" : pgae_kind_phrase[source->kind]),
			 positional ? errdetail("Fields of ROW(...) are matched by position: this is "
									"the model's column \"%s\".",
									source->name)
						: 0,
			 errhint(positional ? "Cast the field to %s." : "Cast the column to %s in a subquery.",
					 pgae_usual_type(source->kind, source->is_array))));
	if (stored < pgae_part_stored(part, source->kind))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" is of type %s, unlike in the first row",
							   NameStr(att->attname), format_type_be(att->atttypid)),
						errhint("Cast the column to one type in all rows.")));
}

/* Fills plan->roles[role]. */
static void
compile_role(PgaeCodec *codec, PgaeRole role)
{
	static const char *const hint[PGAE_N_ROLES] = {
		[PGAE_ROLE_TARGET] = "To train on rows without labels, give them the column as NULL.",
		[PGAE_ROLE_FEEDBACK] = "To train on rows without verdicts, leave ae.feedback out.",
		[PGAE_ROLE_WEIGHT] = "Without the option \"weight\" all rows count the same."};
	static const char *const what[PGAE_N_ROLES] = {[PGAE_ROLE_TARGET] = "is the model's target",
												   [PGAE_ROLE_FEEDBACK] = "is to have the feedback",
												   [PGAE_ROLE_WEIGHT] = "is to have the weights"};
	PgaeRowPlan *plan = &codec->plan;
	const PgaeSource *source = &codec->roles[role];
	PgaePart *part = &plan->roles[role];
	int number = pgae_find_attribute(plan->tupdesc, source->name, true);
	Form_pg_attribute att;

	if (number < 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("row has no column \"%s\", which %s", source->name, what[role]),
						errhint("%s", hint[role])));
	att = TupleDescAttr(plan->tupdesc, number);
	pgae_part_init(part, number, att->atttypid, att->atttypmod);
	if (role == PGAE_ROLE_TARGET)
		check_part(source, part, att, codec->stored[codec->schema->n_columns], false);
	else if (role == PGAE_ROLE_WEIGHT &&
			 (part->conv < PGAE_CONV_INT2 || part->conv > PGAE_CONV_NUMERIC))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" is of type %s, weights must be numbers", source->name,
							   format_type_be(att->atttypid))));
	else if (role == PGAE_ROLE_FEEDBACK && part->conv != PGAE_CONV_BOOL)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" is of type %s, feedback must be boolean",
							   source->name, format_type_be(att->atttypid)),
						errhint("true is a confirmed anomaly, false a dismissed one, NULL a row "
								"that nobody has judged: compute such a column in a subquery.")));
}

/* Fills plan->parts; the current context is the plan's. */
static void
compile_parts(PgaeCodec *codec)
{
	PgaeRowPlan *plan = &codec->plan;
	TupleDesc tupdesc = plan->tupdesc;
	bool positional =
		count_attributes(tupdesc) == (int) codec->n_sources && pgae_is_anonymous(tupdesc);

	pgae_refuse_nameless(tupdesc);
	plan->parts = palloc(sizeof(PgaePart) * Max(codec->n_sources, 1));
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		int number = locate_source(codec, tupdesc, s, positional);
		Form_pg_attribute att = TupleDescAttr(tupdesc, number);

		pgae_part_init(&plan->parts[s], number, att->atttypid, att->atttypmod);
		plan->parts[s].undomained = codec->undomained;
		check_part(&codec->sources[s], &plan->parts[s], att, codec->stored[codec->sources[s].first],
				   positional);
	}
	for (PgaeRole role = 0; role < PGAE_N_ROLES; role++)
	{
		if (pgae_has_role(codec, role))
			compile_role(codec, role);
	}
	plan->values = palloc(sizeof(Datum) * Max(tupdesc->natts, 1));
	plan->nulls = palloc(sizeof(bool) * Max(tupdesc->natts, 1));
}

/* Compiles for rows of (type, typmod). An error leaves an empty plan. */
static void
compile_row(PgaeCodec *codec, Oid type, int32 typmod)
{
	PgaeRowPlan *plan = &codec->plan;
	MemoryContext old;

	plan->type = InvalidOid;
	plan->cast_changes = pgae_cast_changes;
	if (plan->context == NULL)
		plan->context = AllocSetContextCreate(codec->context, "ae row codec", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(plan->context);

	old = MemoryContextSwitchTo(plan->context);
	if (type == RECORDOID)
	{
		TupleDesc tupdesc = lookup_rowtype_tupdesc(type, typmod);

		plan->entry = NULL;
		plan->tupdesc = CreateTupleDescCopyConstr(tupdesc);
		ReleaseTupleDesc(tupdesc);
	}
	else
	{
		TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_TUPDESC);

		if (entry->tupDesc == NULL)
			elog(ERROR, "type %u is not composite", type);
		plan->entry = entry;
		plan->identifier = entry->tupDesc_identifier;
		plan->tupdesc = CreateTupleDescCopyConstr(entry->tupDesc);
	}
	compile_parts(codec);
	MemoryContextSwitchTo(old);
	plan->typmod = typmod;
	plan->type = type;
}

/* Whether the plan was compiled for the current definition of this type. */
bool
pgae_codec_plan_fits(const PgaeCodec *codec, Oid type, int32 typmod)
{
	const PgaeRowPlan *plan = &codec->plan;

	return plan->type == type && plan->typmod == typmod &&
		   plan->cast_changes == pgae_cast_changes &&
		   (plan->entry == NULL || plan->entry->tupDesc_identifier == plan->identifier);
}

/* Takes the row apart into the plan's values and nulls. */
static void
deform_row(PgaeRowPlan *plan, HeapTupleHeader header)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, plan->tupdesc, plan->values, plan->nulls);
}

/* A row, detoasted, taken apart by a plan compiled for its type. */
void *
pgae_codec_open_row(PgaeCodec *codec, Datum row)
{
	HeapTupleHeader header;
	Oid type;
	int32 typmod;

	if (codec->is_json)
		return pgae_codec_open_json(codec, row);
	header = DatumGetHeapTupleHeader(row);
	type = HeapTupleHeaderGetTypeId(header);
	typmod = HeapTupleHeaderGetTypMod(header);
	if (!pgae_codec_plan_fits(codec, type, typmod))
		compile_row(codec, type, typmod);
	deform_row(&codec->plan, header);
	return header;
}
