/*
 * pg_form.c: turns values into rows: a row of its own type with values that the model has replaced;
 * and the texts of such values, for explanations.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_codec.h"

/* The level that a category's value stands for; NULL if that has no name. */
static const AeLevel *
level_of(const AeColumn *column, double value)
{
	int64 index = (int64) value;

	/*
	 * -1 - i: a level without a name is most probable, and i is the most probable one with a name
	 */
	if (index < 0)
		index = -1 - index;
	return index < (int64) column->n_levels ? &column->levels[index] : NULL;
}

/* Whether the level in the row has no input of its own. */
static bool
is_rare(const PgaeCodec *codec, const PgaeSource *source)
{
	const AeColumn *column = &codec->schema->columns[source->first];

	return ae_value_level(codec->row.values[source->first]) == (double) column->n_levels;
}

/*
 * Whether the model cannot replace that value: it was always NULL in training; or it is NULL and
 * was either NULL or one value in training, which teaches nothing.
 */
static bool
stays_as_it_is(const PgaeCodec *codec, uint32 c, bool isnull)
{
	const AeColumn *column = &codec->schema->columns[c];

	if (!column->observed)
		return true;
	for (int f = 0; f < PGAE_FOLDS && isnull && !column->varies; f++)
	{
		if (codec->schemas[f] && codec->schemas[f]->columns[c].n_missing > 0)
			return true;
	}
	return false;
}

/* Reads a row again, with the fold that was chosen for it. */
static void
read_again(PgaeCodec *codec, Datum row)
{
	unsigned fold = codec->schema == codec->schemas[0] ? 0 : 1;

	pgae_codec_read(codec, row);
	if (codec->crossed)
		pgae_codec_choose(codec, fold);
}

/* ---- values to rows ---- */

/* For the error context: the column that is being reconstructed. */
typedef struct FormContext
{
	const PgaeCodec *codec;
	const PgaeSource *source;
} FormContext;

static void
form_error_context(void *arg)
{
	const FormContext *form = arg;

	if (form->source && form->source->name)
		errcontext("reconstructed column \"%s\"", form->source->name);
	else
		errcontext(form->codec->is_array ? "reconstructed array" : "reconstructed row");
}

/*
 * A source of one value as a datum; *keep: it stays as it is in the row. own: the level in the row
 * itself, or NULL if it is NULL.
 */
static Datum
single_datum(PgaeCodec *codec, PgaePart *part, const PgaeSource *source, double value, bool isnull,
			 bool *keep)
{
	const AeColumn *column = &codec->schema->columns[source->first];
	const AeLevel *level;
	char *text;

	*keep = stays_as_it_is(codec, source->first, isnull);
	if (*keep)
		return (Datum) 0;
	if (source->kind != AE_KIND_CATEGORY)
		return pgae_value_datum(part, value, codec->plan.context);
	level = level_of(column, value);
	/* a rare level stays if a rare level is expected */
	*keep = level == NULL || (value < 0 && !isnull && is_rare(codec, source));
	if (*keep)
		return (Datum) 0;
	text = pgae_level_text(codec->schema, level, false);
	if (!pgae_text_fits(part, text))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("column \"%s\" is of type %s, which has no value \"%s\"", source->name,
					format_type_be(part->type), text),
			 errdetail(
				 "It had that value when the model was trained, and the model expects it here.")));
	return pgae_text_datum(part, text, codec->plan.context);
}

/* The array in a row, or NULL if it does not fit the model. */
static ArrayType *
own_array(const PgaePart *part, const PgaeSource *source, Datum datum)
{
	ArrayType *array = pgae_part_array(part, datum);

	if (array == NULL || ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != (int) source->n)
		return NULL;
	return array;
}

/*
 * A source that is an array: own or NULL, with elements that are not replaced left alone. *keep:
 * none is replaced.
 */
static Datum
array_datum(PgaeCodec *codec, PgaePart *part, const PgaeSource *source, ArrayType *own,
			const double *values, const bool *replace, bool *keep)
{
	bool *kept = palloc(sizeof(bool) * source->n);

	*keep = true;
	for (uint32 i = 0; i < source->n; i++)
	{
		uint32 c = source->first + i;

		kept[i] = (replace && !replace[c]) || stays_as_it_is(codec, c, codec->row.missing[c]);
		*keep &= kept[i];
	}
	if (*keep)
		return (Datum) 0;
	return pgae_array_datum(part, own, values + source->first, kept, (int) source->n,
							codec->context);
}

static bool
any_replaced(const PgaeSource *source, const bool *replace)
{
	for (uint32 i = 0; i < source->n && replace; i++)
	{
		if (replace[source->first + i])
			return true;
	}
	return replace == NULL;
}

static Datum
form_row(PgaeCodec *codec, Datum row, const double *values, const bool *replace, FormContext *form)
{
	PgaeRowPlan *plan;

	read_again(codec, row);
	pgae_codec_open_row(codec, row);
	plan = &codec->plan;
	for (int i = 0; i < plan->tupdesc->natts; i++)
		plan->nulls[i] |= TupleDescAttr(plan->tupdesc, i)->attisdropped;
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const PgaeSource *source = &codec->sources[s];
		PgaePart *part = &plan->parts[s];
		bool keep = false;
		Datum datum;

		form->source = source;
		if (!any_replaced(source, replace))
			continue;
		if (source->is_array)
		{
			ArrayType *own = NULL;

			if (!plan->nulls[part->att])
				own = own_array(part, source, plan->values[part->att]);
			datum = array_datum(codec, part, source, own, values, replace, &keep);
		}
		else
			datum = single_datum(codec, part, source, values[source->first], plan->nulls[part->att],
								 &keep);
		if (keep)
			continue;
		plan->values[part->att] = datum;
		plan->nulls[part->att] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(plan->tupdesc, plan->values, plan->nulls));
}

static Datum
form_array(PgaeCodec *codec, Datum row, const double *values, const bool *replace)
{
	bool keep;
	Datum datum;

	read_again(codec, row);
	datum = array_datum(codec, &codec->array, &codec->sources[0],
						own_array(&codec->array, &codec->sources[0], row), values, replace, &keep);
	return keep ? row : datum;
}

void
pgae_codec_check_form(const PgaeCodec *codec)
{
	if (codec->is_json)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot form a row of type jsonb with other values"),
			 errdetail("The model does not know the types of its columns."),
			 errhint("Make it a row of your table: jsonb_populate_record(NULL::my_table, ...).")));
}

bool
pgae_codec_forms_quietly(const PgaeCodec *codec)
{
	const PgaePart *part = &codec->array;

	return codec->is_array && part->type == part->base && part->typmod == -1 &&
		   !OidIsValid(part->cast) && getBaseType(part->element_type) == part->element_type &&
		   part->element != PGAE_CONV_NUMERIC;
}

/* Errors of typmods and domains name the column in their context. */
Datum
pgae_codec_form(PgaeCodec *codec, Datum row, const double *values, const bool *replace)
{
	FormContext form = {codec, NULL};
	ErrorContextCallback callback;
	Datum result;

	pgae_codec_check_form(codec);
	callback.callback = form_error_context;
	callback.arg = &form;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	result = codec->is_array ? form_array(codec, row, values, replace)
							 : form_row(codec, row, values, replace, &form);
	form.source = NULL;
	if (!codec->is_array && !codec->undomained && getBaseType(codec->argtype) != codec->argtype)
		domain_check(result, false, codec->argtype, &codec->argdomain, codec->context);
	error_context_stack = callback.previous;
	return result;
}

void
pgae_codec_leave_domains(PgaeCodec *codec)
{
	codec->undomained = true;
	codec->array.undomained = true;
	for (uint32 s = 0; s < codec->n_sources && codec->plan.parts; s++)
		codec->plan.parts[s].undomained = true;
}

bool *
pgae_codec_known(PgaeCodec *codec, Datum row)
{
	bool *known;

	if (codec->is_array)
		return NULL;
	pgae_codec_open_row(codec, row);
	known = palloc(codec->plan.tupdesc->natts * sizeof(bool) + 1);
	for (int i = 0; i < codec->plan.tupdesc->natts; i++)
		known[i] = !codec->plan.nulls[i];
	for (uint32 s = 0; s < codec->n_sources; s++)
		known[codec->plan.parts[s].att] = true;
	return known;
}

Datum
pgae_codec_empty_row(const PgaeCodec *codec)
{
	Oid type = getBaseType(codec->argtype);
	TupleDesc tupdesc;
	HeapTuple tuple;
	Datum *values;
	bool *nulls;
	int n;

	if (codec->is_array)
	{
		n = (int) codec->sources[0].n;
		nulls = memset(palloc(n * sizeof(bool)), true, n * sizeof(bool));
		values = palloc0(n * sizeof(double));
		return pgae_array_datum(unconstify(PgaePart *, &codec->array), NULL, (double *) values,
								nulls, n, CurrentMemoryContext);
	}
	if (type == RECORDOID)
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("rows of type record have no columns to fill"),
						errhint("Give the type of a table: NULL::name_of_table.")));
	tupdesc = lookup_rowtype_tupdesc_copy(type, -1);
	values = palloc0(Max(tupdesc->natts, 1) * sizeof(Datum));
	nulls = palloc(Max(tupdesc->natts, 1) * sizeof(bool));
	memset(nulls, true, Max(tupdesc->natts, 1) * sizeof(bool));
	tuple = heap_form_tuple(tupdesc, values, nulls);
	return HeapTupleGetDatum(tuple);
}

/* ---- values to text ---- */

/* Six digits are enough for an expected value. */
static double
round_expected(const PgaePart *part, double value)
{
	PgaeConv conv = part->conv == PGAE_CONV_ARRAY ? part->element : part->conv;
	char digits[32];

	if (conv != PGAE_CONV_FLOAT4 && conv != PGAE_CONV_FLOAT8 && conv != PGAE_CONV_NUMERIC)
		return value;
	snprintf(digits, sizeof(digits), "%.6g", value);
	return strtod(digits, NULL);
}

/* The level that a value stands for, by the model's text: its type may have been altered since. */
static char *
expected_level(PgaeCodec *codec, const PgaeSource *source, double value, char *actual)
{
	const AeColumn *column = &codec->schema->columns[source->first];
	const AeLevel *level = level_of(column, value);

	if (level == NULL || (value < 0 && actual && is_rare(codec, source)))
		return actual;
	return pgae_level_text(codec->schema, level, false);
}

/* One element of a row that is an array. */
static void
element_texts(PgaeCodec *codec, const double *values, uint32 column, char **actual, char **expected)
{
	*actual = codec->row.missing[column] ? NULL : psprintf("%.9g", codec->row.values[column]);
	*expected = psprintf("%.6g", values[column]);
}

/*
 * The expected value of a source that is not a category, whether or not its column could hold it;
 * NULL if it never had a value.
 */
static char *
expected_text(PgaeCodec *codec, const PgaePart *part, const PgaeSource *source,
			  const double *values)
{
	double *rounded = palloc(sizeof(double) * source->n);
	bool *missing = palloc(sizeof(bool) * source->n);
	bool known = false;
	PgaePart plain;
	Datum datum;

	for (uint32 i = 0; i < source->n; i++)
	{
		uint32 c = source->first + i;
		bool own = !codec->schema->columns[c].observed;
		double value = own ? codec->row.values[c] : values[c];

		rounded[i] = source->kind == AE_KIND_NUMBER ? round_expected(part, value) : value;
		missing[i] = own && codec->row.missing[c];
		known |= !own;
	}
	if (!known)
		return NULL;
	pgae_part_plain(&plain, part);
	if (source->is_array)
		datum =
			pgae_array_datum(&plain, NULL, rounded, missing, (int) source->n, codec->plan.context);
	else
		datum = pgae_value_datum(&plain, rounded[0], codec->plan.context);
	pfree(rounded);
	pfree(missing);
	return pgae_datum_text(&plain, datum);
}

void
pgae_codec_open(PgaeCodec *codec, Datum row)
{
	read_again(codec, row);
	if (!codec->is_array)
		pgae_codec_open_row(codec, row);
}

void
pgae_codec_texts(PgaeCodec *codec, const double *values, uint32 column, char **actual,
				 char **expected)
{
	const PgaeSource *source = &codec->sources[pgae_source_at(codec, column)];
	const PgaePart *part;
	bool isnull;

	if (source->name == NULL)
	{
		element_texts(codec, values, column, actual, expected);
		return;
	}
	part = &codec->plan.parts[pgae_source_at(codec, column)];
	isnull = codec->plan.nulls[part->att];
	*actual = isnull ? NULL : pgae_datum_text(part, codec->plan.values[part->att]);
	if (source->kind == AE_KIND_CATEGORY)
	{
		*expected = NULL; /* of a wide category: it is not the level that is odd */
		if (!codec->schema->columns[source->first].wide)
			*expected = expected_level(codec, source, values[source->first], *actual);
		return;
	}
	*expected = expected_text(codec, part, source, values);
	if (*expected == NULL)
		*expected = *actual;
}
