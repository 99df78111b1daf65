/*
 * pg_codec.c: creates a row codec, for a model or for a training, and keeps its levels.  See
 * pg_codec.h for what a codec is.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "ae_hash.h"
#include "pg_codec.h"

/*
 * Raises 42804 unless argtype is a composite, jsonb or an array of numbers; fills is_json, is_array
 * and array. If it fails, a codec in use is unchanged.
 */
void
pgae_codec_check_argument(PgaeCodec *codec)
{
	uint64 cast_changes = pgae_cast_changes;
	PgaePart array;
	Oid base;

	if (!OidIsValid(codec->argtype))
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("could not determine the type of the row")));
	base = getBaseType(codec->argtype);
	if (type_is_rowtype(base))
		return;
	codec->is_json = base == JSONBOID;
	if (codec->is_json)
		return;
	pgae_part_init(&array, -1, codec->argtype, -1);
	if (array.conv == PGAE_CONV_ARRAY)
	{
		codec->is_array = true;
		codec->array = array;
		codec->array.undomained = codec->undomained;
		codec->array_cast_changes = cast_changes;
		return;
	}
	if (!OidIsValid(get_element_type(base)))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("a row must be a composite value or an array of numbers, not type %s",
					format_type_be(codec->argtype)),
			 base == JSONOID
				 ? errhint("Cast it to jsonb.")
				 : errhint("Pass the alias of a table or subquery, ROW(a, b, ...), or an array "
						   "such as real[].  If a column has the same name as the alias, the name "
						   "means the column: choose another alias.")));
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("a row array must have numbers as elements, not type %s",
						   format_type_be(get_element_type(base))),
					errhint("Elements may be smallint, integer, bigint, real, double precision, "
							"numeric or boolean.")));
}

static PgaeCodec *
codec_alloc(Oid argtype, MemoryContext context)
{
	PgaeCodec *codec = MemoryContextAllocZero(context, sizeof(PgaeCodec));

	codec->context = context;
	codec->argtype = argtype;
	codec->plan.type = InvalidOid;
	pgae_watch_casts();
	pgae_codec_check_argument(codec);
	return codec;
}

/* Room for the values of a row and for n_sources sources. */
void
pgae_codec_alloc_row(PgaeCodec *codec, uint32 n_values, uint32 n_sources)
{
	codec->row.values = MemoryContextAllocZero(codec->context, sizeof(double) * n_values);
	codec->row.missing = MemoryContextAllocZero(codec->context, sizeof(bool) * n_values);
	codec->words = MemoryContextAllocZero(codec->context, sizeof(uint32) * 2 * n_values);
	codec->sources = MemoryContextAllocZero(codec->context, sizeof(PgaeSource) * n_sources);
	codec->n_sources = n_sources;
	if (codec->learning)
		codec->seen = MemoryContextAllocZero(codec->context, sizeof(PgaeSeen) * n_values);
}

/* Lays out training records, once the width of every value, the target's last, is known. */
void
pgae_codec_lay_out_record(PgaeCodec *codec, const size_t *stored)
{
	uint32 n = codec->schema->n_columns + pgae_has_role(codec, PGAE_ROLE_TARGET);

	codec->stored = MemoryContextAlloc(codec->context, sizeof(size_t) * n);
	codec->offset = MemoryContextAlloc(codec->context, sizeof(size_t) * n);
	codec->record_size = (n + 7) / 8;
	for (uint32 i = 0; i < n; i++)
	{
		codec->stored[i] = stored[i];
		codec->offset[i] = codec->record_size;
		codec->record_size += stored[i];
	}
	if (pgae_has_role(codec, PGAE_ROLE_WEIGHT))
		codec->record_size += sizeof(double);
}

/* ---- from a model ---- */

/* The model's column that is the first value of a source. */
static const AeColumn *
column_of(const AeSchema *schema, const PgaeSource *source)
{
	return source->is_target ? &schema->target : &schema->columns[source->first];
}

/* Makes the maps of a category: from the codec's numbers of levels to those of each fold. */
static void
adopt_levels(PgaeCodec *codec, PgaeSource *source, const AeSchema *const *schemas, int n_schemas)
{
	int32 *numbers[PGAE_FOLDS];

	source->levels = pgae_levels_create(codec->context, schemas[0]->raw_names);
	for (int f = 0; f < n_schemas; f++)
		numbers[f] =
			pgae_levels_add_model(source->levels, schemas[f], column_of(schemas[f], source));
	for (int f = 0; f < n_schemas; f++)
	{
		const AeColumn *column = column_of(schemas[f], source);
		int n = pgae_levels_count(source->levels);
		int32 *map = palloc(sizeof(int32) * Max(n, 1));

		source->unknown[f] = column->other > 0 ? (int) column->n_levels : -1;
		source->wide[f] = column->wide;
		for (int i = 0; i < n; i++)
			map[i] = source->unknown[f];
		/* forged bytes may have a level twice: the first one counts */
		for (uint32 i = column->n_levels; i-- > 0;)
			map[numbers[f][i]] = (int32) i;
		source->map[f] = map;
	}
}

/* Makes source s of a model from its columns first .. end - 1. */
static void
adopt_source(PgaeCodec *codec, PgaeSource *source, const AeSchema *const *schemas, int n_schemas,
			 uint32 first, uint32 end)
{
	const AeSchema *schema = schemas[0];
	const AeColumn *column = &schema->columns[first];

	source->first = first;
	source->n = end - first;
	source->is_array = codec->is_array || schema->is_array || column->element > 0;
	source->kind = column->kind;
	source->ignored = true;
	for (uint32 i = first; i < end; i++)
	{
		for (int f = 0; f < n_schemas; f++)
			source->ignored &= !schemas[f]->columns[i].observed;
	}
	source->name = codec->is_array || schema->is_array ? NULL : pgae_column_name(schema, first);
	if (column->kind == AE_KIND_CATEGORY)
		adopt_levels(codec, source, schemas, n_schemas);
}

/* How value c of a model takes part in the hash of rows. */
static PgaeFixed
fix_value(const PgaeCodec *codec, const PgaeSource *source, uint32 c)
{
	PgaeFixed fixed = {.always = true, .null = true};
	double value = 0;

	for (int f = 0; f < PGAE_FOLDS && codec->schemas[f]; f++)
	{
		const AeColumn *column = &codec->schemas[f]->columns[c];

		fixed.nullable |= column->n_missing > 0;
		if (!column->observed)
			continue;
		fixed.always &= ae_column_is_known(column) && !column->varies &&
						column->min == column->max && (fixed.null || column->min == value);
		fixed.null = false;
		value = column->min;
	}
	if (source->kind != AE_KIND_CATEGORY)
		fixed.hash = ae_hash_number(value);
	else if (fixed.always && !fixed.null && pgae_levels_count(source->levels) == 1)
		fixed.hash = pgae_levels_hash(source->levels, 0);
	else
		fixed.always &= fixed.null;
	return fixed;
}

/* Sets codec->fixed; the current context is the codec's. */
static void
fix_values(PgaeCodec *codec)
{
	codec->fixed = palloc(sizeof(PgaeFixed) * codec->schema->n_columns);
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const PgaeSource *source = &codec->sources[s];

		for (uint32 c = source->first; c < source->first + source->n; c++)
			codec->fixed[c] = fix_value(codec, source, c);
	}
}

/*
 * Raises 42804 unless rows of the codec's type can belong to a model of this schema. An array
 * matches the only column if that is an array, or else columns by position, like ROW(...): this
 * raises 22023 if ae.nameless_rows is off.
 */
static void
check_row_type(const PgaeCodec *codec, const AeSchema *schema)
{
	if (!codec->is_array && !codec->is_json && schema->is_array)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model was trained on arrays, not on rows with named columns"),
						errhint("Pass an array such as ARRAY[a, b, ...]::real[].")));
	if (!codec->is_array || ae_schema_is_one_array(schema))
		return;
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->kind != AE_KIND_NUMBER || column->element > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("model was trained on rows with named columns, not on arrays"),
					 errdetail("Its column \"%s\" is %s; an array can stand for columns of "
							   "one number each.",
							   pgae_column_name(schema, c),
							   column->element > 0 ? "an array" : pgae_kind_phrase[column->kind]),
					 errhint("Pass the alias of a table or subquery, or ROW(a, b, ...).")));
	}
	pgae_refuse_nameless(NULL);
}

/*
 * A codec for rows of type argtype and a model of this schema, which must outlive it, to score rows
 * or to continue training. Raises 42804 if such rows do not fit the model.
 */
PgaeCodec *
pgae_codec_create(const AeSchema *const *schemas, int n_schemas, Oid argtype, MemoryContext context)
{
	const AeSchema *schema = schemas[0];
	PgaeCodec *codec = codec_alloc(argtype, context);
	MemoryContext old;
	uint32 n = 0;
	size_t *stored;

	check_row_type(codec, schema);
	old = MemoryContextSwitchTo(context);
	codec->schema = schema;
	codec->crossed = codec->hashing = n_schemas > 1;
	for (int f = 0; f < n_schemas; f++)
		codec->schemas[f] = schemas[f];
	pgae_codec_alloc_row(codec, schema->n_columns, schema->n_columns);
	if (codec->crossed)
		codec->others = palloc(sizeof(double) * schema->n_columns);
	stored = palloc(sizeof(size_t) * schema->n_columns);
	for (uint32 i = 0, end; i < schema->n_columns; i = end)
	{
		end = codec->is_array || schema->is_array ? schema->n_columns
												  : ae_schema_source_end(schema, i);
		adopt_source(codec, &codec->sources[n++], schemas, n_schemas, i, end);
	}
	codec->n_sources = n;
	fix_values(codec);
	/* records of rows are wide enough for any type of number */
	for (uint32 i = 0; i < schema->n_columns; i++)
	{
		stored[i] = schema->columns[i].kind == AE_KIND_CATEGORY ? sizeof(int32) : sizeof(double);
		if (codec->is_array)
			stored[i] = pgae_part_stored(&codec->array, AE_KIND_NUMBER);
	}
	pgae_codec_lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
	return codec;
}

/* The target of the model that training starts from. */
static void
adopt_target(PgaeCodec *codec)
{
	MemoryContext old = MemoryContextSwitchTo(codec->context);
	const AeSchema *schema = codec->schema;
	int n_schemas = codec->schemas[1] ? 2 : 1;
	PgaeSource *source = &codec->roles[PGAE_ROLE_TARGET];
	size_t *stored = palloc(sizeof(size_t) * (schema->n_columns + 1));

	source->n = 1;
	source->is_target = true;
	source->kind = schema->target.kind;
	source->name = pgae_target_name(schema);
	if (source->kind == AE_KIND_CATEGORY)
		adopt_levels(codec, source, codec->schemas, n_schemas);
	memcpy(stored, codec->stored, sizeof(size_t) * schema->n_columns);
	stored[schema->n_columns] = source->kind == AE_KIND_CATEGORY ? sizeof(int32) : sizeof(double);
	pgae_codec_lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
}

/* Raises 42804 for jsonb: missing keys would be NULL, so a misspelt key would go unnoticed. */
static void
refuse_json(const PgaeCodec *codec)
{
	if (codec->is_json)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of type jsonb can be scored, but not trained on"),
				 errhint("Convert them to rows with typed columns: "
						 "jsonb_populate_record(NULL::my_table, ...), or jsonb_to_record(...) AS "
						 "t(a real, b text, ...).")));
}

void
pgae_codec_start_training(PgaeCodec *codec, char *feedback, char *weight)
{
	refuse_json(codec);
	if (codec->is_array && !codec->schema->is_array)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model was trained on rows with named columns, not on arrays"),
						errhint("Pass the alias of a table or subquery, or ROW(a, b, ...).")));
	codec->hashing = codec->crossed = true;
	if (weight)
		pgae_codec_take_weight(codec, weight);
	if (codec->schema->has_target)
		adopt_target(codec);
	else if (weight)
		pgae_codec_lay_out_record(codec, codec->stored);
	if (feedback)
		pgae_codec_take_feedback(codec, feedback);
}

/* Rows have a column of verdicts, which records do not keep. */
void
pgae_codec_take_feedback(PgaeCodec *codec, char *name)
{
	codec->roles[PGAE_ROLE_FEEDBACK] = (PgaeSource){.n = 1, .kind = AE_KIND_BOOLEAN, .name = name};
}

/* Rows have a column of weights; call it before records are laid out. */
void
pgae_codec_take_weight(PgaeCodec *codec, char *name)
{
	codec->roles[PGAE_ROLE_WEIGHT] = (PgaeSource){.n = 1, .kind = AE_KIND_NUMBER, .name = name};
}

void
pgae_codec_set_fold(PgaeCodec *codec, unsigned fold)
{
	codec->fold = fold;
}

/* ---- for a training ---- */

/*
 * A codec for training; options, share and voice must outlive it. Raises 22023 for options that
 * name columns if rows are arrays, whose columns have no names.
 */
PgaeCodec *
pgae_codec_create_training(const PgaeOptions *options, Oid argtype, PgaeShare *share,
						   PgaeVoice *voice, MemoryContext context)
{
	PgaeCodec *codec = codec_alloc(argtype, context);
	const char *option = options->columns != NIL    ? "columns"
						 : options->exclude != NIL  ? "exclude"
						 : options->kinds != NIL    ? "kinds"
						 : options->scalings != NIL ? "scaling"
						 : options->target          ? "target"
						 : options->feedback        ? "feedback"
						 : options->weight          ? "weight"
													: NULL;

	codec->options = options;
	codec->share = share;
	codec->voice = voice;
	codec->learning = codec->hashing = true;
	refuse_json(codec);
	if (codec->is_array && option)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" needs rows with named columns, not arrays", option)));
	return codec;
}

/* The schema that the training codec built, to be completed by its caller. */
AeSchema *
pgae_codec_schema(PgaeCodec *codec)
{
	return (AeSchema *) codec->schema;
}

/* ---- levels ---- */

/* The source that starts at a column. */
uint32
pgae_source_at(const PgaeCodec *codec, uint32 column)
{
	uint32 s = 0;

	while (codec->sources[s].first + codec->sources[s].n <= column)
		s++;
	return s;
}

/*
 * The value of a level in the schema of a fold: its number, or -1 minus its tag if it has none.
 */
double
pgae_fold_level(const PgaeSource *source, unsigned fold, double number)
{
	bool known = number >= 0;
	const int32 *map = source->map[fold];
	int index = known ? map[(int) number] : source->unknown[fold];
	double tag;

	if (!source->wide[fold])
		return index;
	tag = known ? ae_level_tag(pgae_levels_hash(source->levels, (int) number)) : -1 - number;
	return index + AE_TAG_STRIDE * tag;
}

PgaeLevels *
pgae_codec_levels(const PgaeCodec *codec, uint32 column)
{
	return codec->sources[pgae_source_at(codec, column)].levels;
}

void
pgae_codec_map_levels(PgaeCodec *codec, uint32 column, const int32 *map, bool wide)
{
	PgaeSource *source = &codec->sources[pgae_source_at(codec, column)];

	source->map[0] = map;
	source->wide[0] = wide;
}

PgaeLevels *
pgae_codec_target_levels(const PgaeCodec *codec)
{
	return codec->roles[PGAE_ROLE_TARGET].levels;
}

void
pgae_codec_map_target(PgaeCodec *codec, const int32 *map)
{
	codec->roles[PGAE_ROLE_TARGET].map[0] = map;
}
