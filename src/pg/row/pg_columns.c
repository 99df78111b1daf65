/*
 * pg_columns.c: finds columns in a row type by their names, and refuses rows whose columns have
 * none, or arrays of the wrong shape.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "pg_codec.h"

const char *const pgae_kind_phrase[AE_KIND_COUNT] = {
	[AE_KIND_NUMBER] = "a number",
	[AE_KIND_BOOLEAN] = "a boolean",
	[AE_KIND_TIME] = "a time",
	[AE_KIND_CATEGORY] = "a category",
};

/* The attribute of that name, or -1. With unique, raises 42701 if there are two. */
int
pgae_find_attribute(TupleDesc tupdesc, const char *name, bool unique)
{
	int found = -1;

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (found >= 0 && unique)
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
							errmsg("row has more than one column \"%s\"", name),
							errhint("Give the columns of the subquery different names.")));
		if (found < 0)
			found = i;
	}
	return found;
}

static bool
is_source(const PgaeCodec *codec, const char *name)
{
	for (uint32 s = 0; s < codec->n_sources; s++)
		if (strcmp(codec->sources[s].name, name) == 0)
			return true;
	return false;
}

/*
 * The attribute with the most similar name, or NULL if none is similar. With a codec, skips those
 * that it reads under their own names.
 */
const char *
pgae_nearest_attribute(TupleDesc tupdesc, const char *name, const PgaeCodec *codec)
{
	int len = (int) strlen(name);
	int best = Max(2, len / 3);
	const char *nearest = NULL;

	if (len >= NAMEDATALEN)
		return NULL;
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);
		const char *candidate = NameStr(att->attname);
		int distance;

		if (att->attisdropped || (codec && is_source(codec, candidate)))
			continue;
		distance = varstr_levenshtein_less_equal(name, len, candidate, (int) strlen(candidate), 1,
												 1, 1, best, false);
		if (distance < best || (distance == best && nearest == NULL))
		{
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}

/* True for the names of ROW(a, b, c): f1, f2, f3. */
bool
pgae_is_anonymous(TupleDesc tupdesc)
{
	if (tupdesc->tdtypeid != RECORDOID)
		return false;
	for (int i = 0; i < tupdesc->natts; i++)
	{
		char name[NAMEDATALEN];

		snprintf(name, sizeof(name), "f%d", i + 1);
		if (strcmp(NameStr(TupleDescAttr(tupdesc, i)->attname), name) != 0)
			return false;
	}
	return true;
}

/* 22023 for a row without names, NULL: an array, where ae.nameless_rows is off. */
void
pgae_refuse_nameless(TupleDesc tupdesc)
{
	if (!pgae_nameless_rows && (tupdesc == NULL || pgae_is_anonymous(tupdesc)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the columns of the row have no names, and \"ae.nameless_rows\" is off"),
				 tupdesc ? errdetail("Columns named f1, f2, ... come from ROW(...), which another "
									 "server may also have sent in place of a row.")
						 : errdetail("An array is matched to the model's columns by position."),
				 errhint("Cast the row to a composite type whose columns are named like the "
						 "model's, ROW(a, b)::my_type, or pass the row of a table.")));
}

/*
 * Raises 2202E for an array that is not n numbers in one dimension; name: its column, or NULL if it
 * is the row.
 */
void
pgae_refuse_array(const ArrayType *array, uint32 n, const char *name, bool training)
{
	int got = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	const char *what = name ? psprintf("column \"%s\"", name) : "row array";

	if (ARR_NDIM(array) > 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
			 errmsg("%s has %d dimensions, must have one", what, ARR_NDIM(array)),
			 name ? errhint("Flatten it in a subquery: ARRAY(SELECT unnest(%s)).",
							quote_identifier(name))
				  : errhint(
						"A row is a one-dimensional array: pass each row in a call of its own.")));
	if (training)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("%s has %d elements, the first one has %u", what, got, n)));
	ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					errmsg("%s has %d elements, model expects %u", what, got, n)));
}
