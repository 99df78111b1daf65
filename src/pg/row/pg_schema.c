/*
 * pg_schema.c: builds the schema of a training from its options, the type of its rows, and the
 * first rows, which show how long arrays are.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "pg_codec.h"

/* Raises 42703: an option names a column that rows do not have. */
static void
raise_unknown_option_column(TupleDesc tupdesc, const char *option, const char *name)
{
	const char *nearest = pgae_nearest_attribute(tupdesc, name, NULL);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("option \"%s\" names column \"%s\", which the row does not have", option, name),
			 nearest ? errhint("Perhaps you meant the column \"%s\".", nearest) : 0));
}

/* ---- which columns ---- */

static bool
list_has_name(const List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
	{
		if (strcmp((const char *) lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

/* The attributes that the option "columns" lists, in its order, less the excluded ones. */
static int
choose_listed(int *chosen, TupleDesc tupdesc, const PgaeOptions *options)
{
	bool *taken = palloc0(sizeof(bool) * Max(tupdesc->natts, 1));
	ListCell *cell;
	int n = 0;

	foreach (cell, options->columns)
	{
		const char *name = lfirst(cell);
		int att = pgae_find_attribute(tupdesc, name, true);

		if (att < 0)
			raise_unknown_option_column(tupdesc, "columns", name);
		if (taken[att])
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
							errmsg("option \"columns\" lists column \"%s\" twice", name)));
		taken[att] = true;
		if (!list_has_name(options->exclude, name))
			chosen[n++] = att;
	}
	pfree(taken);
	return n;
}

/* Whether a column has a role other than being an input. */
static bool
has_role(const PgaeOptions *options, const char *name)
{
	return (options->target && strcmp(options->target, name) == 0) ||
		   (options->feedback && strcmp(options->feedback, name) == 0) ||
		   (options->weight && strcmp(options->weight, name) == 0);
}

/* Attributes to train on, into chosen (room for natts).  Returns how many. */
static int
choose_attributes(int *chosen, TupleDesc tupdesc, const PgaeOptions *options)
{
	ListCell *cell;
	int n = 0;

	if (options->target && pgae_find_attribute(tupdesc, options->target, true) < 0)
		raise_unknown_option_column(tupdesc, "target", options->target);
	if (options->feedback && pgae_find_attribute(tupdesc, options->feedback, true) < 0)
		raise_unknown_option_column(tupdesc, "feedback", options->feedback);
	if (options->weight && pgae_find_attribute(tupdesc, options->weight, true) < 0)
		raise_unknown_option_column(tupdesc, "weight", options->weight);
	foreach (cell, options->exclude)
	{
		if (pgae_find_attribute(tupdesc, lfirst(cell), false) < 0)
			raise_unknown_option_column(tupdesc, "exclude", lfirst(cell));
	}
	if (options->columns != NIL)
		n = choose_listed(chosen, tupdesc, options);
	else
	{
		for (int i = 0; i < tupdesc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(tupdesc, i);

			if (att->attisdropped || list_has_name(options->exclude, NameStr(att->attname)) ||
				has_role(options, NameStr(att->attname)))
				continue;
			pgae_find_attribute(tupdesc, NameStr(att->attname), true);
			chosen[n++] = i;
		}
	}
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("no columns are left to train on")));
	if (n > AE_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rows have %d columns, a model takes at most %d", n, AE_MAX_COLUMNS)));
	return n;
}

/* Options for single columns must name columns that exist. */
static void
check_choices(TupleDesc tupdesc, const List *choices, const char *option)
{
	const ListCell *cell;

	foreach (cell, choices)
	{
		const PgaeChoice *choice = lfirst(cell);

		if (pgae_find_attribute(tupdesc, choice->column, false) < 0)
			raise_unknown_option_column(tupdesc, option, choice->column);
	}
}

/* ---- kinds and types ---- */

/* "a number", "a boolean or a category": the kinds that a column can be; palloc'd. */
static char *
possible_kinds(const PgaePart *part)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int kind = 0; kind < AE_KIND_COUNT; kind++)
	{
		if (pgae_part_can_be(part, (AeKind) kind))
			appendStringInfo(&text, "%s%s", text.len ? " or " : "", pgae_kind_phrase[kind]);
	}
	return text.data;
}

/* The kind of a usable column: as the options say, or by its type. */
static AeKind
choose_kind(const PgaePart *part, Form_pg_attribute att, const PgaeOptions *options)
{
	int asked = pgae_options_choice(options->kinds, NameStr(att->attname));

	if (asked >= 0 && !pgae_part_can_be(part, (AeKind) asked))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, which cannot be %s", NameStr(att->attname),
						format_type_be(att->atttypid), pgae_kind_phrase[asked]),
				 errhint("Without a cast it can be %s; cast it in a subquery to make it %s.",
						 possible_kinds(part), pgae_kind_phrase[asked])));
	return (AeKind) (asked >= 0 ? asked : pgae_part_kind(part));
}

/* Columns that cannot be used as they are. */
typedef struct Refused
{
	int n;
	StringInfoData columns;    /* "a" (json), "b" (uuid) */
	StringInfoData names;      /* "a", "b" */
	StringInfoData categories; /* "b": "category" */
	Form_pg_attribute last;
} Refused;

static void
refuse(Refused *refused, Form_pg_attribute att, bool can_be_category)
{
	const char *comma = refused->n++ > 0 ? ", " : "";

	appendStringInfo(&refused->columns, "%s\"%s\" (%s)", comma, NameStr(att->attname),
					 format_type_be(att->atttypid));
	appendStringInfoString(&refused->names, comma);
	escape_json(&refused->names, NameStr(att->attname));
	if (can_be_category)
	{
		appendStringInfoString(&refused->categories, refused->categories.len ? ", " : "");
		escape_json(&refused->categories, NameStr(att->attname));
		appendStringInfoString(&refused->categories, ": \"category\"");
	}
	refused->last = att;
}

static void
raise_refused(const Refused *refused)
{
	const char *name = NameStr(refused->last->attname);
	char *type = format_type_be(refused->last->atttypid);
	char *kinds = psprintf(", make categories with \"kinds\": {%s}", refused->categories.data);

	if (refused->n > 1)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("%d columns are of types that a model does not use: %s", refused->n,
							   refused->columns.data),
						errhint("Leave them out with \"exclude\": [%s]%s, or compute numbers or "
								"texts from them in a subquery.",
								refused->names.data, refused->categories.len ? kinds : "")));
	if (refused->categories.len)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, which a model does not use unless asked to",
						name, type),
				 errhint("Leave it out with the option \"exclude\", or make it a category with "
						 "the option \"kinds\".")));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is of type %s, which a model cannot use", name, type),
			 OidIsValid(get_element_type(getBaseType(refused->last->atttypid)))
				 ? errhint("Leave it out with the option \"exclude\", or compute numbers or "
						   "booleans from it in a subquery, such as x = ANY (%s).",
						   quote_identifier(name))
				 : errhint("Leave it out with the option \"exclude\", or compute a number or "
						   "a text from it in a subquery.")));
}

/* Raises 42804, naming all chosen columns whose types a model does not use as they are. */
static void
check_types(TupleDesc tupdesc, const int *chosen, int n, const PgaeOptions *options)
{
	Refused refused = {0};

	initStringInfo(&refused.columns);
	initStringInfo(&refused.names);
	initStringInfo(&refused.categories);
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, chosen[i]);
		PgaePart part;

		pgae_part_init(&part, chosen[i], att->atttypid, att->atttypmod);
		if (part.conv == PGAE_CONV_NONE ||
			(pgae_part_kind(&part) < 0 &&
			 pgae_options_choice(options->kinds, NameStr(att->attname)) < 0))
			refuse(&refused, att, part.conv != PGAE_CONV_NONE);
	}
	if (refused.n > 0)
		raise_refused(&refused);
}

/* ---- building the schema ---- */

/*
 * Raises 54000 for more values than a model takes; with fewer, the products below cannot overflow.
 */
static uint32
check_n_values(const PgaeCodec *codec, size_t n)
{
	bool draws = pgae_options_purpose(codec->options) == AE_PURPOSE_GENERATE;

	if (n > AE_MAX_VALUES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rows have %zu values, a model takes at most %d", n, AE_MAX_VALUES)));
	if (draws && n > AE_MAX_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("rows have %zu values, a model of purpose generate takes at most %d",
							   n, AE_MAX_COLUMNS),
						errhint("Each value is drawn by a pass of its own through the network.")));
	return (uint32) n;
}

/*
 * An empty schema of n values in the codec's context; one_array: they are the elements of one
 * array.
 */
static AeSchema *
schema_alloc(PgaeCodec *codec, uint32 n, bool one_array)
{
	AeSchema *schema = MemoryContextAllocZero(codec->context, sizeof(AeSchema));

	schema->is_array = codec->is_array;
	schema->draws = pgae_options_purpose(codec->options) == AE_PURPOSE_GENERATE;
	schema->clip = codec->options->clip;
	schema->n_columns = n;
	schema->columns = MemoryContextAllocZero(codec->context, sizeof(AeColumn) * n);
	for (uint32 i = 0; i < n; i++)
	{
		schema->columns[i].kind = AE_KIND_NUMBER;
		schema->columns[i].scaling = pgae_options_scaling(codec->options, one_array);
		schema->columns[i].indicator = codec->options->null_indicators && !schema->draws;
		schema->columns[i].cell = -1;
		schema->columns[i].scale = 1;
	}
	return schema;
}

static bool
is_ascii(const char *text)
{
	while (*text)
	{
		if (IS_HIGHBIT_SET(*text))
			return false;
		text++;
	}
	return true;
}

static void
set_name(AeColumn *column, char *name, bool raw)
{
	if (!raw)
		name = pg_server_to_any(name, (int) strlen(name), PG_UTF8);
	column->name = name;
	column->name_len = (uint32_t) strlen(name);
}

/*
 * Stores names as UTF-8.  The names of an SQL_ASCII database are bytes in an unknown encoding: they
 * are kept as they are, and flagged.
 */
static void
schema_set_names(const PgaeCodec *codec, AeSchema *schema)
{
	for (uint32 s = 0; s < codec->n_sources && GetDatabaseEncoding() == PG_SQL_ASCII; s++)
		schema->raw_names |= !is_ascii(codec->sources[s].name);
	if (pgae_has_role(codec, PGAE_ROLE_TARGET) && GetDatabaseEncoding() == PG_SQL_ASCII)
		schema->raw_names |= !is_ascii(codec->roles[PGAE_ROLE_TARGET].name);
	for (uint32 s = 0; s < codec->n_sources; s++)
		set_name(&schema->columns[codec->sources[s].first], codec->sources[s].name,
				 schema->raw_names);
	if (pgae_has_role(codec, PGAE_ROLE_TARGET))
		set_name(&schema->target, codec->roles[PGAE_ROLE_TARGET].name, schema->raw_names);
}

/* Fills in source and its columns; n: length of an array, 0 for a column of one value. */
static void
set_source(PgaeCodec *codec, AeSchema *schema, size_t *stored, PgaeSource *source,
		   const PgaePart *part, Form_pg_attribute att, int n)
{
	const PgaeOptions *options = codec->options;
	int scaling = pgae_options_choice(options->scalings, NameStr(att->attname));

	source->n = Max(n, 1);
	source->is_array = part->conv == PGAE_CONV_ARRAY;
	source->kind = choose_kind(part, att, options);
	source->name = pstrdup(NameStr(att->attname));
	if (scaling >= 0 && !ae_kind_is_scaled(source->kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"scaling\" names column \"%s\", which is %s and cannot be scaled",
						source->name, pgae_kind_phrase[source->kind])));
	if (source->kind == AE_KIND_CATEGORY)
	{
		source->levels = pgae_levels_create(codec->context, false);
		pgae_levels_start_learning(source->levels, codec->share, source->name, part->att);
	}
	for (uint32 i = 0; i < source->n; i++)
	{
		AeColumn *column = &schema->columns[source->first + i];

		column->kind = source->kind;
		column->element = source->is_array ? i + 1 : 0;
		column->single = pgae_part_is_single(part);
		if (scaling >= 0)
			column->scaling = (AeScaling) scaling;
		if (column->kind == AE_KIND_CATEGORY || (column->kind == AE_KIND_BOOLEAN && !schema->draws))
			column->scaling = AE_SCALING_STANDARD;
		if (column->kind == AE_KIND_BOOLEAN && !schema->draws &&
			ae_boolean_loss(pgae_options_loss(options), pgae_options_category_loss(options)) ==
				AE_LOSS_BCE)
			column->scaling = AE_SCALING_NONE;
		if (column->kind == AE_KIND_CATEGORY)
			column->indicator = false;
		if (column->kind == AE_KIND_TIME && !schema->draws)
			column->parts = (uint32_t) options->time_parts &
							(part->conv == PGAE_CONV_TIME   ? AE_PART_HOUR
							 : part->conv == PGAE_CONV_DATE ? AE_PART_WEEKDAY | AE_PART_MONTH
															: AE_PART_ALL);
		stored[source->first + i] = pgae_part_stored(part, source->kind);
	}
}

/* The kind of a target; 42804 for a type that cannot be one. */
static AeKind
choose_target_kind(const PgaePart *part, Form_pg_attribute att, const PgaeOptions *options)
{
	int asked = pgae_options_choice(options->kinds, NameStr(att->attname));
	int kind = asked >= 0 ? asked : pgae_part_kind(part);

	if (part->conv == PGAE_CONV_NONE || part->conv == PGAE_CONV_ARRAY || kind < 0 ||
		kind == AE_KIND_TIME)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" is of type %s, which cannot be a target",
							   NameStr(att->attname), format_type_be(att->atttypid)),
						errhint("A target is a number, a boolean or a category: compute one in a "
								"subquery, or make it a category with the option \"kinds\".")));
	return choose_kind(part, att, options);
}

/* Fills in the target, from the column that the options name; n: values before it. */
static void
set_target(PgaeCodec *codec, AeSchema *schema, size_t *stored, TupleDesc tupdesc, uint32 n)
{
	int number = pgae_find_attribute(tupdesc, codec->options->target, true);
	Form_pg_attribute att = TupleDescAttr(tupdesc, number);
	PgaeSource *source = &codec->roles[PGAE_ROLE_TARGET];
	PgaePart part;

	pgae_part_init(&part, number, att->atttypid, att->atttypmod);
	source->n = 1;
	source->is_target = true;
	source->kind = choose_target_kind(&part, att, codec->options);
	source->name = pstrdup(NameStr(att->attname));
	if (source->kind == AE_KIND_CATEGORY)
	{
		source->levels = pgae_levels_create(codec->context, false);
		pgae_levels_start_learning(source->levels, codec->share, source->name, part.att);
	}
	schema->has_target = true;
	schema->target.kind = source->kind;
	schema->target.scaling = AE_SCALING_STANDARD;
	schema->target.scale = 1;
	schema->target.cell = -1;
	stored[n] = pgae_part_stored(&part, source->kind);
}

/* The schema of a training, from the attributes chosen and the lengths of arrays among them. */
static void
build_row_schema(PgaeCodec *codec, TupleDesc tupdesc, const int *chosen, int n)
{
	MemoryContext old = MemoryContextSwitchTo(codec->context);
	size_t total = 0;
	uint32 n_values;
	AeSchema *schema;
	size_t *stored;

	/* of 1664 columns with at most 2^31 elements each */
	for (int i = 0; i < n; i++)
		total += (size_t) Max(codec->lengths[chosen[i]], 1);
	n_values = check_n_values(codec, total);
	schema = schema_alloc(codec, n_values, n == 1 && codec->lengths[chosen[0]] > 0);
	stored = palloc0(sizeof(size_t) * (n_values + 1));
	pgae_codec_alloc_row(codec, n_values, (uint32) n);
	n_values = 0;
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, chosen[i]);
		PgaePart part;

		pgae_part_init(&part, chosen[i], att->atttypid, att->atttypmod);
		codec->sources[i].first = n_values;
		set_source(codec, schema, stored, &codec->sources[i], &part, att,
				   codec->lengths[chosen[i]]);
		n_values += codec->sources[i].n;
	}
	if (codec->options->target)
		set_target(codec, schema, stored, tupdesc, n_values);
	if (codec->options->feedback)
		pgae_codec_take_feedback(codec, codec->options->feedback);
	if (codec->options->weight)
		pgae_codec_take_weight(codec, codec->options->weight);
	schema_set_names(codec, schema);
	codec->schema = schema;
	pgae_codec_lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
}

/* The schema of a training, from the length of its first array. */
void
pgae_codec_learn_array(PgaeCodec *codec, int n)
{
	MemoryContext old = MemoryContextSwitchTo(codec->context);
	AeSchema *schema = schema_alloc(codec, check_n_values(codec, (size_t) n), true);
	size_t *stored = palloc(sizeof(size_t) * n);

	pgae_codec_alloc_row(codec, (uint32) n, 1);
	codec->sources[0].n = (uint32) n;
	codec->sources[0].is_array = true;
	for (int i = 0; i < n; i++)
	{
		schema->columns[i].single = pgae_part_is_single(&codec->array);
		stored[i] = pgae_part_stored(&codec->array, AE_KIND_NUMBER);
	}
	codec->schema = schema;
	pgae_codec_lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
}

/* ---- the first rows of a training ---- */

uint64
pgae_row_identifier(Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);

	return assign_record_type_identifier(HeapTupleHeaderGetTypeId(header),
										 HeapTupleHeaderGetTypMod(header));
}

/* Takes a composite value apart with the current descriptor of its type; palloc'd. */
static TupleDesc
open_first_row(Datum row, Datum **values, bool **nulls)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTupleData tuple;
	TupleDesc shared, tupdesc;

	shared =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	tupdesc = CreateTupleDescCopyConstr(shared);
	ReleaseTupleDesc(shared);
	*values = palloc(sizeof(Datum) * Max(tupdesc->natts, 1));
	*nulls = palloc(sizeof(bool) * Max(tupdesc->natts, 1));
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, tupdesc, *values, *nulls);
	return tupdesc;
}

/* The length of an array value, -1 if its cast returns NULL; 2202E unless it has one dimension. */
static int
first_length(const PgaePart *part, Datum datum, const char *name)
{
	ArrayType *array = pgae_part_array(part, datum);

	if (array == NULL)
		return -1;
	if (ARR_NDIM(array) == 0)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("column \"%s\" has an empty array", name),
						errhint("All arrays of a column must have the same length: replace empty "
								"ones by NULL in a subquery.")));
	if (ARR_NDIM(array) > 1)
		pgae_refuse_array(array, 0, name, true);
	return ARR_DIMS(array)[0];
}

/* Chooses the attributes of a row type, once for all rows that wait. */
static void
choose_for(PgaeCodec *codec, TupleDesc tupdesc, uint64 identifier)
{
	const PgaeOptions *options = codec->options;
	int room = Max(Max(tupdesc->natts, list_length(options->columns)), 1);

	codec->chosen = MemoryContextAlloc(codec->context, sizeof(int) * room);
	codec->lengths = MemoryContextAllocZero(codec->context, sizeof(int) * room);
	codec->n_chosen = choose_attributes(codec->chosen, tupdesc, options);
	check_choices(tupdesc, options->kinds, "kinds");
	check_choices(tupdesc, options->scalings, "scaling");
	check_types(tupdesc, codec->chosen, codec->n_chosen, options);
	for (int i = 0; i < codec->n_chosen; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, codec->chosen[i]);
		PgaePart part;

		pgae_part_init(&part, codec->chosen[i], att->atttypid, att->atttypmod);
		if (part.conv == PGAE_CONV_ARRAY)
			codec->lengths[codec->chosen[i]] = -1;
	}
	codec->chosen_of = identifier;
}

/* Notes lengths of array columns that this row shows; true if none is unknown. */
static bool
learn_lengths(PgaeCodec *codec, TupleDesc tupdesc, const Datum *values, const bool *nulls)
{
	bool known = true;

	for (int i = 0; i < codec->n_chosen; i++)
	{
		int att = codec->chosen[i];
		Form_pg_attribute form = TupleDescAttr(tupdesc, att);
		PgaePart part;

		if (codec->lengths[att] < 0 && !nulls[att])
		{
			pgae_part_init(&part, att, form->atttypid, form->atttypmod);
			codec->lengths[att] = first_length(&part, values[att], NameStr(form->attname));
		}
		known &= codec->lengths[att] >= 0;
	}
	return known;
}

/* Leaves out array columns that are NULL in all rows; returns how many columns stay. */
static int
drop_unknown_arrays(int *chosen, int n, TupleDesc tupdesc, const PgaeCodec *codec)
{
	PgaeVoice *voice = codec->voice;
	int kept = 0;

	for (int i = 0; i < n; i++)
	{
		if (codec->lengths[chosen[i]] >= 0)
			chosen[kept++] = chosen[i];
		else if (pgae_voice_may(voice, PGAE_NOTICE_ALL_NULL))
			ereport(NOTICE, (errmsg("%scolumn \"%s\" is NULL in all rows and is left out",
									pgae_voice_prefix(voice),
									NameStr(TupleDescAttr(tupdesc, chosen[i])->attname))));
	}
	return kept;
}

bool
pgae_codec_prepare(PgaeCodec *codec, Datum row, bool force)
{
	TupleDesc tupdesc;
	Datum *values;
	bool *nulls;
	uint64 identifier;

	if (likely(codec->schema != NULL || codec->is_array))
		return true;
	identifier = pgae_row_identifier(row);
	tupdesc = open_first_row(row, &values, &nulls);
	if (codec->chosen == NULL || identifier != codec->chosen_of)
	{
		pgae_refuse_nameless(tupdesc);
		choose_for(codec, tupdesc, identifier);
	}
	if (!learn_lengths(codec, tupdesc, values, nulls))
	{
		if (!force)
			return false;
		codec->n_chosen = drop_unknown_arrays(codec->chosen, codec->n_chosen, tupdesc, codec);
		if (codec->n_chosen == 0)
			return false;
	}
	build_row_schema(codec, tupdesc, codec->chosen, codec->n_chosen);
	return true;
}
