/*
 * pg_split.c: ae.split decides by the content of rows which are for training and which for testing.
 *
 * A hash of its values decides on which side a row falls, so it is on the same side in every query,
 * on every machine, at any time, and equal rows are on the same side. It is not the hash by which
 * crossed models choose a network.
 */
#include "pg_tool.h"

#include <math.h>

#include "access/htup_details.h"
#include "ae_hash.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(pg_ae_split);

/* The parts compiled for rows of one type; kept in fn_extra. */
typedef struct Splitter
{
	MemoryContext context; /* of all below */
	uint64 identifier;     /* of the row type; 0: a single value */
	uint64 cast_changes;
	TupleDesc tupdesc;
	int n;
	PgaePart *parts;
	Datum *values;
	bool *nulls;
} Splitter;

/* Raises 42804 for a type that cannot be hashed; name: the column, or NULL. */
static void
check_part(const PgaePart *part, const char *name)
{
	if (pgae_part_kind(part) >= 0 || pgae_part_can_be(part, AE_KIND_CATEGORY))
		return;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					name ? errmsg("column \"%s\" is of type %s, by which rows cannot be split",
								  name, format_type_be(part->type))
						 : errmsg("rows cannot be split by type %s", format_type_be(part->type)),
					errhint("Pass what tells rows apart: a key, or ROW(...) of some columns.")));
}

/* Both return the number of values. */
static int
compile_row(Splitter *splitter, HeapTupleHeader header)
{
	TupleDesc tupdesc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	int n = tupdesc->natts;

	splitter->tupdesc = CreateTupleDescCopy(tupdesc);
	ReleaseTupleDesc(tupdesc);
	splitter->parts = palloc(sizeof(PgaePart) * Max(n, 1));
	splitter->values = palloc(sizeof(Datum) * Max(n, 1));
	splitter->nulls = palloc(sizeof(bool) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(splitter->tupdesc, i);

		if (att->attisdropped)
			continue;
		pgae_part_init(&splitter->parts[i], i, att->atttypid, att->atttypmod);
		check_part(&splitter->parts[i], NameStr(att->attname));
	}
	return n;
}

static int
compile_value(Splitter *splitter, Oid type)
{
	splitter->parts = palloc(sizeof(PgaePart));
	splitter->values = palloc(sizeof(Datum));
	splitter->nulls = palloc0(sizeof(bool));
	pgae_part_init(splitter->parts, 0, type, -1);
	check_part(splitter->parts, NULL);
	return 1;
}

/*
 * The splitter of a call, compiled for its argument. An error leaves one that matches no argument.
 */
static Splitter *
open_splitter(FunctionCallInfo fcinfo, bool is_row)
{
	Splitter *splitter = fcinfo->flinfo->fn_extra;
	uint64 identifier = is_row ? pgae_row_identifier(PG_GETARG_DATUM(0)) : 0;
	MemoryContext old;

	if (splitter && splitter->n >= 0 && splitter->identifier == identifier &&
		splitter->cast_changes == pgae_cast_changes)
		return splitter;
	if (splitter == NULL)
	{
		splitter = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Splitter));
		splitter->context =
			AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "ae.split", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = splitter;
		pgae_watch_casts();
	}
	splitter->n = -1;
	splitter->cast_changes = pgae_cast_changes;
	MemoryContextReset(splitter->context);
	old = MemoryContextSwitchTo(splitter->context);
	splitter->tupdesc = NULL;
	splitter->n = is_row ? compile_row(splitter, DatumGetHeapTupleHeader(PG_GETARG_DATUM(0)))
						 : compile_value(splitter, get_fn_expr_argtype(fcinfo->flinfo, 0));
	MemoryContextSwitchTo(old);
	splitter->identifier = identifier;
	return splitter;
}

/* ---- hashes ---- */

/* All bits of a number, so that rows with different account numbers differ; -0 counts as 0. */
static uint64
hash_number(double value)
{
	uint64 bits;

	if (isnan(value))
		return AE_HASH_MISSING - 1;
	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* The bytes in UTF-8, whatever the server's encoding. */
static uint64
hash_text(const PgaePart *part, Datum datum)
{
	PgaeText text;
	char *utf8;
	size_t len;

	pgae_category_text(&text, part, datum);
	utf8 = unconstify(char *, text.data);
	len = text.len;
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		utf8 = pg_server_to_any(text.data, (int) len, PG_UTF8);
		if (utf8 != text.data)
			len = strlen(utf8);
	}
	return ae_hash_bytes(utf8, len);
}

static uint64
hash_elements(uint64 hash, const PgaePart *part, Datum datum)
{
	ArrayType *array = pgae_part_array(part, datum);
	Datum *elements;
	bool *nulls;
	int n;

	if (array == NULL)
		return ae_hash_word(hash, AE_HASH_MISSING);
	n = pgae_elements(&elements, &nulls, array);
	hash = ae_hash_word(hash, (uint64) n);
	for (int i = 0; i < n; i++)
		hash =
			ae_hash_word(hash, nulls[i] ? AE_HASH_MISSING
										: hash_number(pgae_value_of(part->element, elements[i])));
	return hash;
}

static uint64
hash_values(const Splitter *splitter)
{
	uint64 hash = 0;

	for (int i = 0; i < splitter->n; i++)
	{
		const PgaePart *part = &splitter->parts[i];

		if (splitter->tupdesc && TupleDescAttr(splitter->tupdesc, i)->attisdropped)
			continue;
		if (splitter->nulls[i])
			hash = ae_hash_word(hash, AE_HASH_MISSING);
		else if (part->conv == PGAE_CONV_ARRAY)
			hash = hash_elements(hash, part, splitter->values[i]);
		else if (pgae_part_kind(part) < 0 || pgae_part_kind(part) == AE_KIND_CATEGORY)
			hash = ae_hash_word(hash, hash_text(part, splitter->values[i]));
		else
			hash = ae_hash_word(hash, hash_number(pgae_value_of(part->conv, splitter->values[i])));
	}
	return hash;
}

/* split(input, share, seed): whether the row, or value, belongs to that share. */
Datum
pg_ae_split(PG_FUNCTION_ARGS)
{
	double share = PG_GETARG_FLOAT8(1);
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	bool is_row = OidIsValid(type) && type_is_rowtype(getBaseType(type));
	Splitter *splitter;
	uint64 hash;

	if (!(share >= 0 && share <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"share\" of ae.split is %s, must be between 0 and 1",
							   float8out_internal(share))));
	splitter = open_splitter(fcinfo, is_row);
	if (is_row)
	{
		HeapTupleHeader header = DatumGetHeapTupleHeader(PG_GETARG_DATUM(0));
		HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};

		ItemPointerSetInvalid(&tuple.t_self);
		heap_deform_tuple(&tuple, splitter->tupdesc, splitter->values, splitter->nulls);
	}
	else
		splitter->values[0] = PG_GETARG_DATUM(0);
	hash = ae_hash_key(hash_values(splitter), (uint64) PG_GETARG_INT64(2));
	PG_RETURN_BOOL((double) (hash >> 11) * 0x1p-53 < share);
}
