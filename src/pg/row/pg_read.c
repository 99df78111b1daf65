/*
 * pg_read.c: reads rows into values: one value per AeColumn, the hash of the row, and in a training
 * what has been seen of each column.
 */
#include "postgres.h"

#include <math.h>

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "ae_hash.h"
#include "pg_codec.h"

/* Elements of fixed width are stored side by side behind the header. */
#define COPY_ELEMENTS(values, data, n, type)                                                       \
	do                                                                                             \
	{                                                                                              \
		const type *elements_ = (const type *) (data);                                             \
		for (uint32 i_ = 0; i_ < (n); i_++)                                                        \
			(values)[i_] = (double) elements_[i_];                                                 \
	} while (0)

/* Elements of an array one by one: numeric, or with NULLs among them. */
static void
walk_elements(PgaeCodec *codec, const PgaePart *part, const PgaeSource *source, ArrayType *array)
{
	int16 len;
	bool by_value;
	char align;
	char *data = ARR_DATA_PTR(array);

	get_typlenbyvalalign(part->element_type, &len, &by_value, &align);
	for (uint32 i = 0; i < source->n; i++)
	{
		uint32 c = source->first + i;

		if (ARR_HASNULL(array) && att_isnull((int) i, ARR_NULLBITMAP(array)))
		{
			codec->row.missing[c] = true;
			codec->row.any_missing = true;
			codec->row.values[c] = 0;
			continue;
		}
		codec->row.missing[c] = false;
		codec->row.values[c] = pgae_value_of(part->element, fetch_att(data, by_value, len));
		data = att_addlength_pointer(data, len, data);
		data = (char *) att_align_nominal(data, align);
	}
}

static void
set_missing(PgaeCodec *codec, const PgaeSource *source)
{
	for (uint32 i = 0; i < source->n; i++)
	{
		codec->row.values[source->first + i] = 0;
		codec->row.missing[source->first + i] = true;
	}
	codec->row.any_missing = true;
}

/*
 * The values of an array, which is a row or a column. With quiet, returns false for a wrong shape.
 */
static bool
read_array(PgaeCodec *codec, const PgaePart *part, const PgaeSource *source, Datum datum,
		   bool quiet)
{
	ArrayType *array = pgae_part_array(part, datum);
	double *values = codec->row.values + source->first;
	uint32 n = source->n;
	char *data;

	if (array == NULL)
	{
		set_missing(codec, source);
		return true;
	}
	data = ARR_DATA_PTR(array);
	if (ARR_NDIM(array) != 1 || (uint32) ARR_DIMS(array)[0] != n)
	{
		if (quiet)
			return false;
		pgae_refuse_array(array, n, source->name, codec->options != NULL);
	}
	if (ARR_HASNULL(array) || part->element == PGAE_CONV_NUMERIC)
		walk_elements(codec, part, source, array);
	else
	{
		memset(codec->row.missing + source->first, 0, n * sizeof(bool));
		switch (part->element)
		{
			case PGAE_CONV_INT2:
				COPY_ELEMENTS(values, data, n, int16);
				break;
			case PGAE_CONV_INT4:
				COPY_ELEMENTS(values, data, n, int32);
				break;
			case PGAE_CONV_INT8:
				COPY_ELEMENTS(values, data, n, int64);
				break;
			case PGAE_CONV_BOOL:
				COPY_ELEMENTS(values, data, n, bool);
				break;
			case PGAE_CONV_FLOAT4:
				COPY_ELEMENTS(values, data, n, float4);
				break;
			default:
				COPY_ELEMENTS(values, data, n, float8);
				break;
		}
	}
	if ((Pointer) array != DatumGetPointer(datum))
		pfree(array);
	return true;
}

/* The number of a level: the model's; with several models, or none yet, the codec's own. */
static double
read_level(PgaeCodec *codec, const PgaePart *part, PgaeSource *source, Datum datum)
{
	PgaeText text;
	int number;

	pgae_category_text(&text, part, datum);
	number = codec->learning ? pgae_levels_enter(source->levels, text.data, text.len)
							 : pgae_levels_find(source->levels, text.data, text.len);
	if (number >= 0)
		source->hash = pgae_levels_hash(source->levels, number);
	else if (codec->hashing || source->wide[0])
	{
		source->hash = pgae_level_hash(source->levels, text.data, text.len);
		number = -1 - (int) ae_level_tag(source->hash);
	}
	if (text.detoasted)
		pfree(text.detoasted);
	return codec->learning || codec->crossed ? number : pgae_fold_level(source, 0, number);
}

/* ---- what a training has seen ---- */

/* Whether numbers that are equal in double precision are equal. */
static bool
same_number(PgaeConv conv, Datum a, Datum b)
{
	if (conv == PGAE_CONV_INT8)
		return DatumGetInt64(a) == DatumGetInt64(b);
	return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

/* A copy of a number that double precision may not hold exactly; 0 for any other. */
static Datum
keep_exact(PgaeCodec *codec, PgaeConv conv, Datum datum, double value)
{
	MemoryContext old;
	Datum copy;

	if ((conv != PGAE_CONV_INT8 && conv != PGAE_CONV_NUMERIC) || !(fabs(value) >= 0x1p53))
		return (Datum) 0;
	old = MemoryContextSwitchTo(codec->context);
	copy = conv == PGAE_CONV_INT8 ? Int64GetDatum(DatumGetInt64(datum))
								  : NumericGetDatum(DatumGetNumericCopy(datum));
	MemoryContextSwitchTo(old);
	return copy;
}

/* Notes the values of the row just read; datum: that of a source with one value. */
static void
note_values(PgaeCodec *codec, const PgaeSource *source, PgaeConv conv, Datum datum)
{
	for (uint32 c = source->first; c < source->first + source->n; c++)
	{
		PgaeSeen *seen = &codec->seen[c];
		double value = codec->row.values[c];

		if (codec->row.missing[c])
			continue;
		if (seen->n++ == 0)
		{
			seen->first = seen->min = seen->max = value;
			seen->integer =
				conv == PGAE_CONV_INT2 || conv == PGAE_CONV_INT4 || conv == PGAE_CONV_INT8;
			seen->exact = keep_exact(codec, conv, datum, value);
		}
		else if (value != seen->first)
			seen->differs = true;
		else if (unlikely(seen->exact) && !seen->differs && !seen->differs_beyond)
			seen->differs_beyond = !same_number(conv, datum, seen->exact);
		seen->min = Min(seen->min, value);
		seen->max = Max(seen->max, value);
	}
}

const PgaeSeen *
pgae_codec_seen(const PgaeCodec *codec, uint32 column)
{
	return &codec->seen[column];
}

bool
pgae_codec_overflows(PgaeCodec *codec, Datum row, uint32 column)
{
	const PgaePart *part = &codec->array;
	uint32 i = column;
	Datum datum = row;
	char *text;

	if (!codec->is_array)
	{
		uint32 s = column == PGAE_TARGET_COLUMN ? 0 : pgae_source_at(codec, column);

		pgae_codec_open_row(codec, row);
		part = column == PGAE_TARGET_COLUMN ? &codec->plan.roles[PGAE_ROLE_TARGET]
											: &codec->plan.parts[s];
		i = column - codec->sources[s].first;
		datum = codec->plan.values[part->att];
	}
	if ((part->conv == PGAE_CONV_ARRAY ? part->element : part->conv) != PGAE_CONV_NUMERIC)
		return false;
	if (part->conv == PGAE_CONV_ARRAY)
	{
		Datum *elements;
		bool *nulls;

		pgae_elements(&elements, &nulls, pgae_part_array(part, datum));
		datum = elements[i];
	}
	/* Infinity and NaN have no digits */
	text = DatumGetCString(DirectFunctionCall1(numeric_out, datum));
	return strpbrk(text, "0123456789") != NULL;
}

/* ---- hashes ---- */

/*
 * The hash of a row with its target, by which records are ordered. Folds and scores ignore the
 * target.
 */
static uint64
hash_target(const PgaeCodec *codec)
{
	const PgaeRow *row = &codec->row;
	uint64 target = codec->roles[PGAE_ROLE_TARGET].hash;
	uint32 words[4] = {(uint32) row->hash, (uint32) (row->hash >> 32)};

	if (row->roles[PGAE_ROLE_TARGET].missing)
		target = AE_HASH_MISSING;
	else if (codec->roles[PGAE_ROLE_TARGET].kind != AE_KIND_CATEGORY)
		target = ae_hash_number(row->roles[PGAE_ROLE_TARGET].value);
	words[2] = (uint32) target;
	words[3] = (uint32) (target >> 32);
	return ae_hash_words(words, 4);
}

/* The hash of the row just read: of its values in the model's order, as they were given. */
static uint64
hash_row(const PgaeCodec *codec)
{
	const PgaeRow *row = &codec->row;
	size_t n = 0;

	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const PgaeSource *source = &codec->sources[s];

		for (uint32 c = source->first; c < source->first + source->n; c++)
		{
			const PgaeFixed *fixed =
				codec->fixed && codec->fixed[c].always ? &codec->fixed[c] : NULL;
			uint64 hash = fixed ? fixed->hash : source->hash;
			bool missing = row->missing[c];

			if (fixed)
				missing = fixed->null || (missing && fixed->nullable);
			if (missing)
				codec->words[n++] = AE_HASH_MISSING;
			else if (source->kind != AE_KIND_CATEGORY)
				codec->words[n++] = fixed ? (uint32) hash : ae_hash_number(row->values[c]);
			else
			{
				codec->words[n++] = (uint32) hash;
				codec->words[n++] = (uint32) (hash >> 32);
			}
		}
	}
	return ae_hash_words(codec->words, n);
}

/* ---- a row ---- */

static void
read_role(PgaeCodec *codec, PgaeRole role)
{
	const PgaePart *part = &codec->plan.roles[role];
	PgaeSource *source = &codec->roles[role];
	PgaeRoleValue *to = &codec->row.roles[role];

	to->missing = codec->plan.nulls[part->att];
	if (to->missing)
		to->value = 0;
	else if (source->kind == AE_KIND_CATEGORY)
		to->value = read_level(codec, part, source, codec->plan.values[part->att]);
	else
		to->value = pgae_value_of(part->conv, codec->plan.values[part->att]);
}

/*
 * The values of a row that the plan has taken apart. With quiet, returns false instead of raising.
 */
static bool
read_sources(PgaeCodec *codec, const Datum *values, const bool *nulls, bool quiet)
{
	const PgaeRowPlan *plan = &codec->plan;

	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		PgaeSource *source = &codec->sources[s];
		const PgaePart *part = &plan->parts[s];

		if (nulls[part->att])
			set_missing(codec, source);
		else if (source->ignored)
		{
			/* its value does not matter */
			memset(codec->row.values + source->first, 0, source->n * sizeof(double));
			memset(codec->row.missing + source->first, 0, source->n * sizeof(bool));
		}
		else if (source->is_array)
		{
			if (!read_array(codec, part, source, values[part->att], quiet))
				return false;
		}
		else
		{
			Datum datum = values[part->att];

			codec->row.missing[source->first] = false;
			codec->row.values[source->first] = source->kind == AE_KIND_CATEGORY
												   ? read_level(codec, part, source, datum)
												   : pgae_value_of(part->conv, datum);
		}
		if (codec->seen)
			note_values(codec, source, part->conv, values[part->att]);
	}
	return true;
}

static void
read_row(PgaeCodec *codec, Datum row)
{
	void *opened = pgae_codec_open_row(codec, row);

	read_sources(codec, codec->plan.values, codec->plan.nulls, false);
	for (PgaeRole role = 0; role < PGAE_N_ROLES; role++)
	{
		if (pgae_has_role(codec, role))
			read_role(codec, role);
	}
	if (opened != DatumGetPointer(row))
		pfree(opened);
}

/* Completes the row just read with its hash. */
static const PgaeRow *
finish_row(PgaeCodec *codec)
{
	if (codec->hashing)
		codec->row.hash = codec->row.order = hash_row(codec);
	if (pgae_has_role(codec, PGAE_ROLE_TARGET))
		codec->row.order = hash_target(codec);
	return &codec->row;
}

const PgaeRow *
pgae_codec_read(PgaeCodec *codec, Datum row)
{
	codec->row.any_missing = false;
	if (!codec->is_array)
		read_row(codec, row);
	else
	{
		if (unlikely(codec->array_cast_changes != pgae_cast_changes))
			pgae_codec_check_argument(codec);
		if (unlikely(codec->schema == NULL))
		{
			ArrayType *array = pgae_part_array(&codec->array, row);

			if (array == NULL)
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
								errmsg("cast of %s to real[] returned NULL for the first row",
									   format_type_be(codec->argtype))));
			if (ARR_NDIM(array) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("row array is empty")));
			if (ARR_NDIM(array) > 1)
				pgae_refuse_array(array, 0, NULL, true);
			pgae_codec_learn_array(codec, ARR_DIMS(array)[0]);
		}
		read_array(codec, &codec->array, &codec->sources[0], row, false);
		if (codec->seen)
			note_values(codec, &codec->sources[0], PGAE_CONV_ARRAY, row);
	}
	return finish_row(codec);
}

/* ---- rows that nobody may ever ask for ---- */

/* Whether reading a value of a part runs no user's code and fails only if data is damaged. */
static bool
is_quiet(const PgaeCodec *codec, const PgaePart *part, const PgaeSource *source)
{
	int encoding = GetDatabaseEncoding();

	if (source->ignored)
		return true;
	if (part->conv == PGAE_CONV_PRINTED || OidIsValid(part->cast))
		return false;
	/*
	 * in other encodings, a text may have no equivalent in UTF-8, from which its hash is computed
	 */
	return source->kind != AE_KIND_CATEGORY || encoding == PG_UTF8 || encoding == PG_SQL_ASCII;
}

static bool
plan_is_quiet(const PgaeCodec *codec)
{
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		if (!is_quiet(codec, &codec->plan.parts[s], &codec->sources[s]))
			return false;
	}
	return true;
}

const PgaeRow *
pgae_codec_peek_apart(PgaeCodec *codec, Oid type, int n, const Datum *values, const bool *nulls)
{
	/* a call always passes rows of one type, so any record has that type */
	int32 typmod = type == RECORDOID ? codec->plan.typmod : -1;

	if (codec->is_array || codec->is_json || !pgae_codec_plan_fits(codec, type, typmod) ||
		n != codec->plan.tupdesc->natts || !plan_is_quiet(codec))
		return NULL;
	codec->row.any_missing = false;
	return read_sources(codec, values, nulls, true) ? finish_row(codec) : NULL;
}

const PgaeRow *
pgae_codec_peek_numbers(PgaeCodec *codec, Oid type, int n, const double *values, const bool *nulls)
{
	PgaeRow *row = &codec->row;

	if (!codec->is_array || codec->array_cast_changes != pgae_cast_changes ||
		codec->array.type != get_array_type(type) || codec->sources[0].n != (uint32) n)
		return NULL;
	row->any_missing = memchr(nulls, true, n) != NULL;
	memcpy(row->values, values, n * sizeof(double));
	memcpy(row->missing, nulls, n * sizeof(bool));
	return finish_row(codec);
}

const PgaeRow *
pgae_codec_peek(PgaeCodec *codec, Datum row)
{
	HeapTupleHeader header;

	codec->row.any_missing = false;
	if (codec->is_array)
	{
		if (codec->array_cast_changes != pgae_cast_changes || OidIsValid(codec->array.cast))
			return NULL;
		return read_array(codec, &codec->array, &codec->sources[0], row, true) ? finish_row(codec)
																			   : NULL;
	}
	if (codec->is_json)
		return NULL;
	header = DatumGetHeapTupleHeader(row);
	if (!pgae_codec_plan_fits(codec, HeapTupleHeaderGetTypeId(header),
							  HeapTupleHeaderGetTypMod(header)) ||
		!plan_is_quiet(codec))
		return NULL;
	pgae_codec_open_row(codec, row);
	return read_sources(codec, codec->plan.values, codec->plan.nulls, true) ? finish_row(codec)
																			: NULL;
}

/*
 * Replaces the codec's numbers of levels, in values of the row just read, by levels of a fold's
 * schema.
 */
static void
adopt_levels(double *values, const PgaeCodec *codec, unsigned fold)
{
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const PgaeSource *source = &codec->sources[s];

		if (source->kind == AE_KIND_CATEGORY && !codec->row.missing[source->first])
			values[source->first] = pgae_fold_level(source, fold, values[source->first]);
	}
}

const double *
pgae_codec_others(PgaeCodec *codec, unsigned fold)
{
	memcpy(codec->others, codec->row.values, sizeof(double) * codec->schema->n_columns);
	adopt_levels(codec->others, codec, fold);
	return codec->others;
}

void
pgae_codec_choose(PgaeCodec *codec, unsigned fold)
{
	codec->schema = codec->schemas[fold];
	adopt_levels(codec->row.values, codec, fold);
}
