/*
 * pg_row.c: the row codec.  A row is a composite value or an array of numbers; the
 * engine wants one value per AeColumn of the model, and gives such values back.  This
 * file knows tuples and columns; what is in a datum pg_value.c knows.
 *
 * What can be found out once is found out once: a codec is compiled for a row type
 * into one part per source column of the model (where it stands, how it converts), and
 * again when rows of another type come along: by (type, typmod) of the tuple, and
 * for a named type by the identifier that the type cache gives each version of it, as a
 * type may be altered while a query reads rows of it or a PL/pgSQL expression keeps the codec.
 * So it is when a cast or a function was changed, as the parts know the casts of their types.
 *
 * Composite rows are matched by column name; what the model does not know is ignored.
 * ROW(a, b, c) has no names to match: PostgreSQL calls its fields f1, f2, f3.  A RECORD
 * with exactly these names and as many fields as the model has columns is matched
 * by position.  (A subquery that names its columns f1 ... fn looks the same; in the
 * model's own order both rules agree.)  Arrays are matched by position, and by length.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "ae_hash.h"
#include "pg_row.h"

/* What a column of each kind is called in messages. */
static const char *const kind_phrase[AE_KIND_COUNT] = {
	[AE_KIND_NUMBER] = "a number",
	[AE_KIND_BOOLEAN] = "a boolean",
	[AE_KIND_TIME] = "a time",
	[AE_KIND_CATEGORY] = "a category",
};

/* A source column of the model. */
typedef struct Source
{
	uint32 first; /* AeColumn */
	uint32 n;     /* AeColumns: more than one for an array column */
	bool is_array;
	bool is_target;
	AeKind kind;
	bool ignored;       /* scoring: always NULL in training, so that its values do not matter */
	char *name;         /* in the server's encoding; NULL in a model of arrays */
	PgaeLevels *levels; /* of a category */
	uint64 hash;        /* of the level last read */
	/* in scoring, for each fold: from the number of a level to the model's; in training [0] */
	const int32 *map[PGAE_FOLDS];
	int unknown[PGAE_FOLDS]; /* what a level that is not found becomes */
	bool wide[PGAE_FOLDS];   /* values get the tag of their level */
} Source;

/*
 * How a value that was always the same in training, or always NULL, takes part in the hash of rows:
 * as it did then, whatever it is now, so that it does not choose another network.
 */
typedef struct Fixed
{
	bool always;   /* else by what it is */
	bool null;     /* NULL in all rows */
	bool nullable; /* NULL in some */
	uint64 hash;   /* of the value: a word, or two of a category */
} Fixed;

/* What was compiled for one row type. */
typedef struct RowPlan
{
	Oid type; /* InvalidOid: nothing compiled */
	int32 typmod;
	const TypeCacheEntry *entry; /* NULL for RECORD: its typmods never change meaning */
	uint64 identifier;
	uint64 cast_changes;
	MemoryContext context;
	TupleDesc tupdesc;
	Datum *values;
	bool *nulls;
	PgaePart *parts; /* one per source column */
	PgaePart target; /* where the codec has one */
} RowPlan;

struct PgaeCodec
{
	MemoryContext context;
	const PgaeOptions *options;          /* of a training, else NULL */
	PgaeShare *share;                    /* the same: of levels */
	PgaeVoice *voice;                    /* the same: what may be said */
	const AeSchema *schema;              /* NULL in training before it stands */
	const AeSchema *schemas[PGAE_FOLDS]; /* of a crossed model */
	bool crossed;
	unsigned fold;  /* whose levels unpack gives */
	bool hashing;   /* rows need their hash */
	uint32 *words;  /* that it is taken of */
	PgaeSeen *seen; /* by column; in a training from scratch, else NULL */
	Fixed *fixed;   /* by AeColumn; NULL in a training that does not start from a model */
	Oid argtype;    /* as the call declares it, domains included */
	bool is_array;
	bool learning;   /* new levels get numbers */
	void *argdomain; /* domain_check's own */
	Source *sources;
	uint32 n_sources;
	bool has_target; /* in training: rows have a target; scoring asks for none */
	Source target;
	PgaeRow row;
	RowPlan plan;
	PgaePart array; /* of a model of arrays: the type of its rows */
	uint64 array_cast_changes;

	/* the record of a row: a bit for each missing value, then the values */
	size_t *stored; /* bytes of each value */
	size_t *offset;
	size_t record_size;

	/* before the schema stands: which attributes are chosen, and by attribute the length of an
	   array, 0 for what is none, -1: not known */
	uint64 chosen_of; /* the row type that they are of (pgae_row_identifier) */
	int *chosen;
	int n_chosen;
	int *lengths;
};

/* ---- types ---- */

/* 42804 unless argtype is a composite or an array of numbers; fills is_array and array. */
static void
check_argument_type(PgaeCodec *codec)
{
	Oid base;

	if (!OidIsValid(codec->argtype))
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("could not determine the type of the row")));
	base = getBaseType(codec->argtype);
	codec->is_array = false;
	if (type_is_rowtype(base))
		return;
	codec->array_cast_changes = pgae_cast_changes;
	pgae_part_init(&codec->array, -1, codec->argtype, -1);
	codec->is_array = true;
	if (codec->array.conv == PGAE_CONV_ARRAY)
		return;
	if (!OidIsValid(get_element_type(base)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a row must be a composite value or an array of numbers, not type %s",
						format_type_be(codec->argtype)),
				 errhint("Pass the alias of a table or subquery, ROW(a, b, ...), or an array "
						 "such as real[].")));
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("a row array must have numbers as elements, not type %s",
						   format_type_be(get_element_type(base))),
					errhint("Elements may be smallint, integer, bigint, real, double precision, "
							"numeric or boolean.")));
}

/* ---- columns by name ---- */

/* The attribute of that name, or -1.  42701 if there are two and unique is asked for. */
static int
find_attribute(TupleDesc tupdesc, const char *name, bool unique)
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

/* The attribute whose name is fewest edits away, or NULL if none is near. */
static const char *
nearest_attribute(TupleDesc tupdesc, const char *name)
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

		if (att->attisdropped)
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

/* An option names a column that rows do not have: 42703. */
static void
raise_unknown_option_column(TupleDesc tupdesc, const char *option, const char *name)
{
	const char *nearest = nearest_attribute(tupdesc, name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("option \"%s\" names column \"%s\", which the row does not have", option, name),
			 nearest ? errhint("Perhaps you meant the column \"%s\".", nearest) : 0));
}

static int
count_attributes(TupleDesc tupdesc)
{
	int n = 0;

	for (int i = 0; i < tupdesc->natts; i++)
		n += !TupleDescAttr(tupdesc, i)->attisdropped;
	return n;
}

/* True for the names that ROW(a, b, c) gives: f1, f2, f3. */
static bool
is_anonymous(TupleDesc tupdesc)
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

/* 22023 for a row without names where ae.nameless_rows is off. */
static void
refuse_nameless(TupleDesc tupdesc)
{
	if (!pgae_nameless_rows && is_anonymous(tupdesc))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the columns of the row have no names, and \"ae.nameless_rows\" is off"),
				 errdetail("A row of columns f1, f2, ... may come from ROW(...), also from one "
						   "that another server has made of a row and sent."),
				 errhint("Cast the row to a composite type whose columns are named like the "
						 "model's, ROW(a, b)::my_type, or pass the row of a table.")));
}

/* ---- the schema of a training ---- */

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
		int att = find_attribute(tupdesc, name, true);

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

/* Attributes to train on, into chosen (room for natts).  Returns how many. */
static int
choose_attributes(int *chosen, TupleDesc tupdesc, const PgaeOptions *options)
{
	ListCell *cell;
	int n = 0;

	if (options->target && find_attribute(tupdesc, options->target, true) < 0)
		raise_unknown_option_column(tupdesc, "target", options->target);
	foreach (cell, options->exclude)
	{
		if (find_attribute(tupdesc, lfirst(cell), false) < 0)
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
				(options->target && strcmp(options->target, NameStr(att->attname)) == 0))
				continue;
			find_attribute(tupdesc, NameStr(att->attname), true);
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

/* Options that speak of single columns must name columns that there are. */
static void
check_choices(TupleDesc tupdesc, const List *choices, const char *option)
{
	const ListCell *cell;

	foreach (cell, choices)
	{
		const PgaeChoice *choice = lfirst(cell);

		if (find_attribute(tupdesc, choice->column, false) < 0)
			raise_unknown_option_column(tupdesc, option, choice->column);
	}
}

/* The layout of training records, once the width of every value, the target last, is known. */
static void
lay_out_record(PgaeCodec *codec, const size_t *stored)
{
	uint32 n = codec->schema->n_columns + codec->has_target;

	codec->stored = MemoryContextAlloc(codec->context, sizeof(size_t) * n);
	codec->offset = MemoryContextAlloc(codec->context, sizeof(size_t) * n);
	codec->record_size = (n + 7) / 8;
	for (uint32 i = 0; i < n; i++)
	{
		codec->stored[i] = stored[i];
		codec->offset[i] = codec->record_size;
		codec->record_size += stored[i];
	}
}

/* Room for the values of a row and for n_sources sources. */
static void
alloc_row(PgaeCodec *codec, uint32 n_values, uint32 n_sources)
{
	codec->row.values = MemoryContextAllocZero(codec->context, sizeof(double) * n_values);
	codec->row.missing = MemoryContextAllocZero(codec->context, sizeof(bool) * n_values);
	codec->words = MemoryContextAllocZero(codec->context, sizeof(uint32) * 2 * n_values);
	codec->sources = MemoryContextAllocZero(codec->context, sizeof(Source) * n_sources);
	codec->n_sources = n_sources;
	if (codec->learning)
		codec->seen = MemoryContextAllocZero(codec->context, sizeof(PgaeSeen) * n_values);
}

/* 54000 for more values than a model takes, which is less than any product below overflows at. */
static uint32
check_n_values(size_t n)
{
	if (n > AE_MAX_VALUES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rows have %zu values, a model takes at most %d", n, AE_MAX_VALUES)));
	return (uint32) n;
}

/* An empty schema of n values in the codec's context. */
static AeSchema *
schema_alloc(PgaeCodec *codec, uint32 n)
{
	AeSchema *schema = MemoryContextAllocZero(codec->context, sizeof(AeSchema));

	schema->is_array = codec->is_array;
	schema->clip = codec->options->clip;
	schema->n_columns = n;
	schema->columns = MemoryContextAllocZero(codec->context, sizeof(AeColumn) * n);
	for (uint32 i = 0; i < n; i++)
	{
		schema->columns[i].kind = AE_KIND_NUMBER;
		schema->columns[i].scaling = pgae_options_scaling(codec->options);
		schema->columns[i].indicator = codec->options->null_indicators;
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
 * Stores names as UTF-8.  The names of an SQL_ASCII database are bytes of nobody
 * knows which encoding: they are kept as they are, and flagged.
 */
static void
schema_set_names(const PgaeCodec *codec, AeSchema *schema)
{
	for (uint32 s = 0; s < codec->n_sources && GetDatabaseEncoding() == PG_SQL_ASCII; s++)
		schema->raw_names |= !is_ascii(codec->sources[s].name);
	if (codec->has_target && GetDatabaseEncoding() == PG_SQL_ASCII)
		schema->raw_names |= !is_ascii(codec->target.name);
	for (uint32 s = 0; s < codec->n_sources; s++)
		set_name(&schema->columns[codec->sources[s].first], codec->sources[s].name,
				 schema->raw_names);
	if (codec->has_target)
		set_name(&schema->target, codec->target.name, schema->raw_names);
}

/* "a number", "a boolean or a category": the kinds that a column can be; palloc'd. */
static char *
possible_kinds(const PgaePart *part)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int kind = 0; kind < AE_KIND_COUNT; kind++)
	{
		if (pgae_part_can_be(part, (AeKind) kind))
			appendStringInfo(&text, "%s%s", text.len ? " or " : "", kind_phrase[kind]);
	}
	return text.data;
}

/* The kind of a column that can be used: what the options say, or what its type says. */
static AeKind
choose_kind(const PgaePart *part, Form_pg_attribute att, const PgaeOptions *options)
{
	int asked = pgae_options_choice(options->kinds, NameStr(att->attname));

	if (asked >= 0 && !pgae_part_can_be(part, (AeKind) asked))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, which cannot be %s", NameStr(att->attname),
						format_type_be(att->atttypid), kind_phrase[asked]),
				 errhint("Without a cast it can be %s; cast it in a subquery to make it %s.",
						 possible_kinds(part), kind_phrase[asked])));
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

/* 42804, naming all chosen columns whose types a model does not use as they are. */
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

/* Fills in source and its columns; n: values of an array, 0 for a column of one value. */
static void
set_source(PgaeCodec *codec, AeSchema *schema, size_t *stored, Source *source, const PgaePart *part,
		   Form_pg_attribute att, int n)
{
	const PgaeOptions *options = codec->options;
	int scaling = pgae_options_choice(options->scalings, NameStr(att->attname));

	source->n = Max(n, 1);
	source->is_array = part->conv == PGAE_CONV_ARRAY;
	source->kind = choose_kind(part, att, options);
	source->name = pstrdup(NameStr(att->attname));
	if (scaling >= 0 && source->kind != AE_KIND_NUMBER && source->kind != AE_KIND_TIME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"scaling\" names column \"%s\", which is %s and cannot be scaled",
						source->name, kind_phrase[source->kind])));
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
		if (scaling >= 0)
			column->scaling = (AeScaling) scaling;
		if (column->kind == AE_KIND_BOOLEAN || column->kind == AE_KIND_CATEGORY)
			column->scaling = AE_SCALING_STANDARD;
		if (column->kind == AE_KIND_BOOLEAN &&
			ae_boolean_loss(pgae_options_loss(options), pgae_options_category_loss(options)) ==
				AE_LOSS_BCE)
			column->scaling = AE_SCALING_NONE;
		if (column->kind == AE_KIND_CATEGORY)
			column->indicator = false;
		if (column->kind == AE_KIND_TIME)
			column->parts = (uint32_t) options->time_parts &
							(part->conv == PGAE_CONV_TIME   ? AE_PART_HOUR
							 : part->conv == PGAE_CONV_DATE ? AE_PART_WEEKDAY | AE_PART_MONTH
															: AE_PART_ALL);
		stored[source->first + i] = pgae_part_stored(part, source->kind);
	}
}

/* The kind of a target: 42804 for a type that none can be made of. */
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
	int number = find_attribute(tupdesc, codec->options->target, true);
	Form_pg_attribute att = TupleDescAttr(tupdesc, number);
	Source *source = &codec->target;
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
	schema->has_target = codec->has_target = true;
	schema->target.kind = source->kind;
	schema->target.scaling = AE_SCALING_STANDARD;
	schema->target.scale = 1;
	schema->target.cell = -1;
	stored[n] = pgae_part_stored(&part, source->kind);
}

/* Array columns without an element in any row are left out; returns how many columns stay. */
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
	n_values = check_n_values(total);
	schema = schema_alloc(codec, n_values);
	stored = palloc0(sizeof(size_t) * (n_values + 1));
	alloc_row(codec, n_values, (uint32) n);
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
	schema_set_names(codec, schema);
	codec->schema = schema;
	lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
}

/* The schema of a training, from the length of its first array. */
static void
build_array_schema(PgaeCodec *codec, int n)
{
	MemoryContext old = MemoryContextSwitchTo(codec->context);
	AeSchema *schema = schema_alloc(codec, check_n_values((size_t) n));
	size_t *stored = palloc(sizeof(size_t) * n);

	alloc_row(codec, (uint32) n, 1);
	codec->sources[0].n = (uint32) n;
	codec->sources[0].is_array = true;
	for (int i = 0; i < n; i++)
		stored[i] = pgae_part_stored(&codec->array, AE_KIND_NUMBER);
	codec->schema = schema;
	lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
}

/* ---- compiling for a row type ---- */

/* The attribute that source s of the model stands in: by position if positional. */
static int
locate_source(PgaeCodec *codec, TupleDesc tupdesc, uint32 s, bool positional)
{
	const char *name = codec->sources[s].name;
	const char *nearest;
	int att;

	if (positional)
		return (int) s;
	att = find_attribute(tupdesc, name, true);
	if (att >= 0)
		return att;
	if (is_anonymous(tupdesc))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("row has %d fields, model expects %u", tupdesc->natts, codec->n_sources),
				 errhint("ROW(...) is matched by position: give all columns of the model "
						 "in its order.")));
	nearest = nearest_attribute(tupdesc, name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("row has no column \"%s\", which the model was trained on", name),
			 nearest
				 ? errhint("Perhaps you meant the column \"%s\": rename it in a subquery.", nearest)
				 : 0));
	return -1;
}

/* 42804 unless a column of this type can be that source, of which records have so many bytes. */
static void
check_part(const Source *source, const PgaePart *part, Form_pg_attribute att, size_t stored,
		   bool positional)
{
	if (!pgae_part_can_be(part, source->kind) ||
		(part->conv == PGAE_CONV_ARRAY) != source->is_array)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is of type %s, model expects %s", NameStr(att->attname),
					format_type_be(att->atttypid),
					source->is_array ? "an array of numbers" : kind_phrase[source->kind]),
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

/* Fills plan->target. */
static void
compile_target(PgaeCodec *codec)
{
	RowPlan *plan = &codec->plan;
	const Source *source = &codec->target;
	int number = find_attribute(plan->tupdesc, source->name, true);
	Form_pg_attribute att;

	if (number < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("row has no column \"%s\", which is the model's target", source->name),
				 errhint("To train on rows without labels, give them the column as NULL.")));
	att = TupleDescAttr(plan->tupdesc, number);
	pgae_part_init(&plan->target, number, att->atttypid, att->atttypmod);
	check_part(source, &plan->target, att, codec->stored[codec->schema->n_columns], false);
}

/* Fills plan->parts; the current context is the plan's. */
static void
compile_parts(PgaeCodec *codec)
{
	RowPlan *plan = &codec->plan;
	TupleDesc tupdesc = plan->tupdesc;
	bool positional = count_attributes(tupdesc) == (int) codec->n_sources && is_anonymous(tupdesc);

	refuse_nameless(tupdesc);
	plan->parts = palloc(sizeof(PgaePart) * Max(codec->n_sources, 1));
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		int number = locate_source(codec, tupdesc, s, positional);
		Form_pg_attribute att = TupleDescAttr(tupdesc, number);

		pgae_part_init(&plan->parts[s], number, att->atttypid, att->atttypmod);
		check_part(&codec->sources[s], &plan->parts[s], att, codec->stored[codec->sources[s].first],
				   positional);
	}
	if (codec->has_target)
		compile_target(codec);
	plan->values = palloc(sizeof(Datum) * Max(tupdesc->natts, 1));
	plan->nulls = palloc(sizeof(bool) * Max(tupdesc->natts, 1));
}

/* Compiles for rows of (type, typmod).  An error leaves a plan that counts as none. */
static void
compile_row(PgaeCodec *codec, Oid type, int32 typmod)
{
	RowPlan *plan = &codec->plan;
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

/* ---- creating ---- */

static PgaeCodec *
codec_alloc(Oid argtype, MemoryContext context)
{
	PgaeCodec *codec = MemoryContextAllocZero(context, sizeof(PgaeCodec));

	codec->context = context;
	codec->argtype = argtype;
	codec->plan.type = InvalidOid;
	pgae_watch_casts();
	check_argument_type(codec);
	return codec;
}

/* The column of a model that a source is the first value of. */
static const AeColumn *
column_of(const AeSchema *schema, const Source *source)
{
	return source->is_target ? &schema->target : &schema->columns[source->first];
}

/* The maps of a category: from the numbers of all folds' levels to those of each. */
static void
adopt_levels(PgaeCodec *codec, Source *source, const AeSchema *const *schemas, int n_schemas)
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
		/* bytes of somebody's own may have a level twice: then the first is meant */
		for (uint32 i = column->n_levels; i-- > 0;)
			map[numbers[f][i]] = (int32) i;
		source->map[f] = map;
	}
}

/* Source s of a model, from its columns first .. end - 1. */
static void
adopt_source(PgaeCodec *codec, Source *source, const AeSchema *const *schemas, int n_schemas,
			 uint32 first, uint32 end)
{
	const AeSchema *schema = schemas[0];
	const AeColumn *column = &schema->columns[first];

	source->first = first;
	source->n = end - first;
	source->is_array = schema->is_array || column->element > 0;
	source->kind = column->kind;
	source->ignored = true;
	for (uint32 i = first; i < end; i++)
	{
		for (int f = 0; f < n_schemas; f++)
			source->ignored &= !schemas[f]->columns[i].observed;
	}
	source->name = schema->is_array ? NULL : pgae_column_name(schema, first);
	if (column->kind == AE_KIND_CATEGORY)
		adopt_levels(codec, source, schemas, n_schemas);
}

/* How value c of a model takes part in the hash of rows. */
static Fixed
fix_value(const PgaeCodec *codec, const Source *source, uint32 c)
{
	Fixed fixed = {.always = true, .null = true};
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
	codec->fixed = palloc(sizeof(Fixed) * codec->schema->n_columns);
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const Source *source = &codec->sources[s];

		for (uint32 c = source->first; c < source->first + source->n; c++)
			codec->fixed[c] = fix_value(codec, source, c);
	}
}

/*
 * A codec for rows of type argtype and a model of this schema, which must outlive it:
 * to score them, or to go on training.  42804 if such rows are no rows, or arrays where the model
 * has names.
 */
PgaeCodec *
pgae_codec_create(const AeSchema *const *schemas, int n_schemas, Oid argtype, MemoryContext context)
{
	const AeSchema *schema = schemas[0];
	PgaeCodec *codec = codec_alloc(argtype, context);
	MemoryContext old;
	uint32 n = 0;
	size_t *stored;

	if (codec->is_array && !schema->is_array)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model was trained on rows with named columns, not on arrays"),
						errhint("Pass the alias of a table or subquery, or ROW(a, b, ...).")));
	if (!codec->is_array && schema->is_array)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("model was trained on arrays, not on rows with named columns"),
						errhint("Pass an array such as ARRAY[a, b, ...]::real[].")));
	old = MemoryContextSwitchTo(context);
	codec->schema = schema;
	codec->crossed = codec->hashing = n_schemas > 1;
	for (int f = 0; f < n_schemas; f++)
		codec->schemas[f] = schemas[f];
	alloc_row(codec, schema->n_columns, schema->n_columns);
	stored = palloc(sizeof(size_t) * schema->n_columns);
	for (uint32 i = 0, end; i < schema->n_columns; i = end)
	{
		end = schema->is_array ? schema->n_columns : ae_schema_source_end(schema, i);
		adopt_source(codec, &codec->sources[n++], schemas, n_schemas, i, end);
	}
	codec->n_sources = n;
	fix_values(codec);
	/* records of a row type: wide enough for whatever type of number comes along */
	for (uint32 i = 0; i < schema->n_columns; i++)
	{
		stored[i] = schema->columns[i].kind == AE_KIND_CATEGORY ? sizeof(int32) : sizeof(double);
		if (codec->is_array)
			stored[i] = pgae_part_stored(&codec->array, AE_KIND_NUMBER);
	}
	lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
	return codec;
}

/*
 * A codec for training; options, share and voice must outlive it.  22023 for options that name columns of
 * arrays, which have no names.
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
													: NULL;

	codec->options = options;
	codec->share = share;
	codec->voice = voice;
	codec->learning = codec->hashing = true;
	if (codec->is_array && option)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" needs rows with named columns, not arrays", option)));
	return codec;
}

/* The target of the model that training starts from. */
static void
adopt_target(PgaeCodec *codec)
{
	MemoryContext old = MemoryContextSwitchTo(codec->context);
	const AeSchema *schema = codec->schema;
	int n_schemas = codec->schemas[1] ? 2 : 1;
	Source *source = &codec->target;
	size_t *stored = palloc(sizeof(size_t) * (schema->n_columns + 1));

	codec->has_target = true;
	source->n = 1;
	source->is_target = true;
	source->kind = schema->target.kind;
	source->name = pgae_target_name(schema);
	if (source->kind == AE_KIND_CATEGORY)
		adopt_levels(codec, source, codec->schemas, n_schemas);
	memcpy(stored, codec->stored, sizeof(size_t) * schema->n_columns);
	stored[schema->n_columns] = source->kind == AE_KIND_CATEGORY ? sizeof(int32) : sizeof(double);
	lay_out_record(codec, stored);
	pfree(stored);
	MemoryContextSwitchTo(old);
}

void
pgae_codec_start_training(PgaeCodec *codec)
{
	codec->hashing = codec->crossed = true;
	if (codec->schema->has_target)
		adopt_target(codec);
}

void
pgae_codec_set_fold(PgaeCodec *codec, unsigned fold)
{
	codec->fold = fold;
}

/* The schema that the training codec built, to be completed by its caller. */
AeSchema *
pgae_codec_schema(PgaeCodec *codec)
{
	return (AeSchema *) codec->schema;
}

/* ---- the first rows of a training ---- */

uint64
pgae_row_identifier(Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);

	return assign_record_type_identifier(HeapTupleHeaderGetTypeId(header),
										 HeapTupleHeaderGetTypMod(header));
}

/* A composite value taken apart with the descriptor that its type has now; palloc'd. */
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

/* 2202E unless array is one run of n numbers; name: its column, or NULL where it is the row. */
static void
check_array(const ArrayType *array, uint32 n, const char *name, bool training)
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

/* Elements of an array value, -1 if its cast gives NULL; 2202E if it is not one run of them. */
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
		check_array(array, 0, name, true);
	return ARR_DIMS(array)[0];
}

/* Chooses among the attributes of a row type, once for all rows that wait. */
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

/* Notes lengths of array columns that this row tells; true if none is unknown. */
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
		refuse_nameless(tupdesc);
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

/* ---- rows to values ---- */

/* The elements of fixed width stand side by side behind the header. */
#define COPY_ELEMENTS(values, data, n, type)                                                       \
	do                                                                                             \
	{                                                                                              \
		const type *elements_ = (const type *) (data);                                             \
		for (uint32 i_ = 0; i_ < (n); i_++)                                                        \
			(values)[i_] = (double) elements_[i_];                                                 \
	} while (0)

/* Elements of an array one by one: numeric, or with NULLs among them. */
static void
walk_elements(PgaeCodec *codec, const PgaePart *part, const Source *source, ArrayType *array)
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
set_missing(PgaeCodec *codec, const Source *source)
{
	for (uint32 i = 0; i < source->n; i++)
	{
		codec->row.values[source->first + i] = 0;
		codec->row.missing[source->first + i] = true;
	}
	codec->row.any_missing = true;
}

/* The values of an array: a row of its own, or a column. */
static void
read_array(PgaeCodec *codec, const PgaePart *part, const Source *source, Datum datum)
{
	ArrayType *array = pgae_part_array(part, datum);
	double *values = codec->row.values + source->first;
	uint32 n = source->n;
	char *data;

	if (array == NULL)
	{
		set_missing(codec, source);
		return;
	}
	data = ARR_DATA_PTR(array);
	if (ARR_NDIM(array) != 1 || (uint32) ARR_DIMS(array)[0] != n)
		check_array(array, n, source->name, codec->options != NULL);
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
}

/* The number of a level: the model's, or where there are several models or none yet its own. */
/*
 * The value of a level in the schema of a fold: number, or of one that has none -1 minus its tag.
 */
static double
fold_level(const Source *source, unsigned fold, double number)
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

static double
read_level(PgaeCodec *codec, const PgaePart *part, Source *source, Datum datum)
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
	return codec->learning || codec->crossed ? number : fold_level(source, 0, number);
}

/* Whether numbers that are one in double precision are one. */
static bool
same_number(PgaeConv conv, Datum a, Datum b)
{
	if (conv == PGAE_CONV_INT8)
		return DatumGetInt64(a) == DatumGetInt64(b);
	return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

/* A copy of a number that double precision may not hold all of; else 0. */
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

/* Notes what the row just read has; datum: of a source of one value. */
static void
note_values(PgaeCodec *codec, const Source *source, PgaeConv conv, Datum datum)
{
	for (uint32 c = source->first; c < source->first + source->n; c++)
	{
		PgaeSeen *seen = &codec->seen[c];
		double value = codec->row.values[c];

		if (codec->row.missing[c])
			continue;
		if (seen->n++ == 0)
		{
			seen->first = value;
			seen->exact = keep_exact(codec, conv, datum, value);
		}
		else if (value != seen->first)
			seen->differs = true;
		else if (unlikely(seen->exact) && !seen->differs && !seen->differs_beyond)
			seen->differs_beyond = !same_number(conv, datum, seen->exact);
	}
}

const PgaeSeen *
pgae_codec_seen(const PgaeCodec *codec, uint32 column)
{
	return &codec->seen[column];
}

static void
read_target(PgaeCodec *codec)
{
	const PgaePart *part = &codec->plan.target;
	PgaeRow *row = &codec->row;

	row->target_missing = codec->plan.nulls[part->att];
	if (row->target_missing)
		row->target = 0;
	else if (codec->target.kind == AE_KIND_CATEGORY)
		row->target = read_level(codec, part, &codec->target, codec->plan.values[part->att]);
	else
		row->target = pgae_value_of(part->conv, codec->plan.values[part->att]);
}

/*
 * The hash of a row with its target: what records are put in order by.  Folds and scores know
 * nothing of a target.
 */
static uint64
hash_target(const PgaeCodec *codec)
{
	const PgaeRow *row = &codec->row;
	uint64 target = codec->target.hash;
	uint32 words[4] = {(uint32) row->hash, (uint32) (row->hash >> 32)};

	if (row->target_missing)
		target = AE_HASH_MISSING;
	else if (codec->target.kind != AE_KIND_CATEGORY)
		target = ae_hash_number(row->target);
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
		const Source *source = &codec->sources[s];

		for (uint32 c = source->first; c < source->first + source->n; c++)
		{
			const Fixed *fixed = codec->fixed && codec->fixed[c].always ? &codec->fixed[c] : NULL;
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

void
pgae_codec_choose(PgaeCodec *codec, unsigned fold)
{
	codec->schema = codec->schemas[fold];
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const Source *source = &codec->sources[s];
		double *value = &codec->row.values[source->first];

		if (source->kind == AE_KIND_CATEGORY && !codec->row.missing[source->first])
			*value = fold_level(source, fold, *value);
	}
}

/* True if the plan was compiled for rows of this type as it is now. */
static inline bool
plan_fits(const RowPlan *plan, Oid type, int32 typmod)
{
	return plan->type == type && plan->typmod == typmod &&
		   plan->cast_changes == pgae_cast_changes &&
		   (plan->entry == NULL || plan->entry->tupDesc_identifier == plan->identifier);
}

/* Takes the row apart into the plan's values and nulls. */
static void
deform_row(RowPlan *plan, HeapTupleHeader header)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, plan->tupdesc, plan->values, plan->nulls);
}

/* The header of a composite row, taken apart by a plan compiled for its type. */
static HeapTupleHeader
open_row(PgaeCodec *codec, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	Oid type = HeapTupleHeaderGetTypeId(header);
	int32 typmod = HeapTupleHeaderGetTypMod(header);

	if (!plan_fits(&codec->plan, type, typmod))
		compile_row(codec, type, typmod);
	deform_row(&codec->plan, header);
	return header;
}

static void
read_row(PgaeCodec *codec, Datum row)
{
	HeapTupleHeader header = open_row(codec, row);
	const RowPlan *plan = &codec->plan;

	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		Source *source = &codec->sources[s];
		const PgaePart *part = &plan->parts[s];

		if (plan->nulls[part->att])
			set_missing(codec, source);
		else if (source->ignored)
		{
			/* whatever it is now, nobody looks at it */
			memset(codec->row.values + source->first, 0, source->n * sizeof(double));
			memset(codec->row.missing + source->first, 0, source->n * sizeof(bool));
		}
		else if (source->is_array)
			read_array(codec, part, source, plan->values[part->att]);
		else
		{
			Datum datum = plan->values[part->att];

			codec->row.missing[source->first] = false;
			codec->row.values[source->first] = source->kind == AE_KIND_CATEGORY
												   ? read_level(codec, part, source, datum)
												   : pgae_value_of(part->conv, datum);
		}
		if (codec->seen)
			note_values(codec, source, part->conv, plan->values[part->att]);
	}
	if (codec->has_target)
		read_target(codec);
	if ((Pointer) header != DatumGetPointer(row))
		pfree(header);
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
			check_argument_type(codec);
		if (unlikely(codec->schema == NULL))
		{
			ArrayType *array = pgae_part_array(&codec->array, row);

			if (array == NULL)
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
								errmsg("cast of %s to real[] gave NULL for the first row",
									   format_type_be(codec->argtype))));
			if (ARR_NDIM(array) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("row array is empty")));
			if (ARR_NDIM(array) > 1)
				check_array(array, 0, NULL, true);
			build_array_schema(codec, ARR_DIMS(array)[0]);
		}
		read_array(codec, &codec->array, &codec->sources[0], row);
		if (codec->seen)
			note_values(codec, &codec->sources[0], PGAE_CONV_ARRAY, row);
	}
	if (codec->hashing)
		codec->row.hash = codec->row.order = hash_row(codec);
	if (codec->has_target)
		codec->row.order = hash_target(codec);
	return &codec->row;
}

/* ---- values to rows ---- */

/* What the error context callback tells: which column is being put back. */
typedef struct FormContext
{
	const PgaeCodec *codec;
	const Source *source;
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

/* The level that a category's value stands for; NULL: one without a name. */
static const AeLevel *
level_of(const AeColumn *column, double value)
{
	int64 index = (int64) value;

	/* -1 - i: levels without a name are the most probable, i is the first that has one */
	if (index < 0)
		index = -1 - index;
	return index < (int64) column->n_levels ? &column->levels[index] : NULL;
}

/* Whether the level in the row has no input of its own. */
static bool
is_rare(const PgaeCodec *codec, const Source *source)
{
	const AeColumn *column = &codec->schema->columns[source->first];

	return ae_value_level(codec->row.values[source->first]) == (double) column->n_levels;
}

/*
 * Whether the model has nothing to put in place of that value: it was always NULL in training, or
 * it is NULL, and there it was one value or NULL, of which nothing is learnt.
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

/*
 * A source of one value as a datum; *keep: it stays as it stands in the row.  own: the level
 * of the row itself, or NULL where it is NULL.
 */
static Datum
single_datum(PgaeCodec *codec, PgaePart *part, const Source *source, double value, bool isnull,
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
	/* a rare level stays itself where a rare level is expected */
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

/* The array that stands in a row, or NULL for one that is not as the model wants it. */
static ArrayType *
own_array(const PgaePart *part, const Source *source, Datum datum)
{
	ArrayType *array = pgae_part_array(part, datum);

	if (array == NULL || ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != (int) source->n)
		return NULL;
	return array;
}

/*
 * A source that is an array: own or NULL, with what is not to be replaced left alone.
 * *keep: that is all of it.
 */
static Datum
array_datum(PgaeCodec *codec, PgaePart *part, const Source *source, ArrayType *own,
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
any_replaced(const Source *source, const bool *replace)
{
	for (uint32 i = 0; i < source->n && replace; i++)
	{
		if (replace[source->first + i])
			return true;
	}
	return replace == NULL;
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

static Datum
form_row(PgaeCodec *codec, Datum row, const double *values, const bool *replace, FormContext *form)
{
	RowPlan *plan;

	read_again(codec, row);
	open_row(codec, row);
	plan = &codec->plan;
	for (int i = 0; i < plan->tupdesc->natts; i++)
		plan->nulls[i] |= TupleDescAttr(plan->tupdesc, i)->attisdropped;
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const Source *source = &codec->sources[s];
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

/* Errors of typmods and domains name the column in their context. */
Datum
pgae_codec_form(PgaeCodec *codec, Datum row, const double *values, const bool *replace)
{
	FormContext form = {codec, NULL};
	ErrorContextCallback callback;
	Datum result;

	callback.callback = form_error_context;
	callback.arg = &form;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	result = codec->is_array ? form_array(codec, row, values, replace)
							 : form_row(codec, row, values, replace, &form);
	form.source = NULL;
	if (!codec->is_array && getBaseType(codec->argtype) != codec->argtype)
		domain_check(result, false, codec->argtype, &codec->argdomain, codec->context);
	error_context_stack = callback.previous;
	return result;
}

/* The source that starts at a column. */
static uint32
source_at(const PgaeCodec *codec, uint32 column)
{
	uint32 s = 0;

	while (codec->sources[s].first + codec->sources[s].n <= column)
		s++;
	return s;
}

/* Six digits are enough of what is expected. */
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

/* The level that a value stands for, by its own text: its type may have another by now. */
static char *
expected_level(PgaeCodec *codec, const Source *source, double value, char *actual)
{
	const AeColumn *column = &codec->schema->columns[source->first];
	const AeLevel *level = level_of(column, value);

	if (level == NULL || (value < 0 && actual && is_rare(codec, source)))
		return actual;
	return pgae_level_text(codec->schema, level, false);
}

/* One element of a model of arrays. */
static void
element_texts(PgaeCodec *codec, const double *values, uint32 column, char **actual, char **expected)
{
	*actual = codec->row.missing[column] ? NULL : psprintf("%.9g", codec->row.values[column]);
	*expected = psprintf("%.6g", values[column]);
}

/*
 * What is expected of a source that is no category, whether or not its column could hold it;
 * NULL: it has no value at all.
 */
static char *
expected_text(PgaeCodec *codec, const PgaePart *part, const Source *source, const double *values)
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
		open_row(codec, row);
}

void
pgae_codec_texts(PgaeCodec *codec, const double *values, uint32 column, char **actual,
				 char **expected)
{
	const Source *source = &codec->sources[source_at(codec, column)];
	const PgaePart *part;
	bool isnull;

	if (codec->is_array)
	{
		element_texts(codec, values, column, actual, expected);
		return;
	}
	part = &codec->plan.parts[source_at(codec, column)];
	isnull = codec->plan.nulls[part->att];
	*actual = isnull ? NULL : pgae_datum_text(part, codec->plan.values[part->att]);
	if (source->kind == AE_KIND_CATEGORY)
	{
		*expected = NULL; /* of a wide one: it is not the level that is odd */
		if (!codec->schema->columns[source->first].wide)
			*expected = expected_level(codec, source, values[source->first], *actual);
		return;
	}
	*expected = expected_text(codec, part, source, values);
	if (*expected == NULL)
		*expected = *actual;
}

/* Element i of an array. */
static Datum
array_element(const PgaePart *part, Datum datum, uint32 i)
{
	ArrayType *array = pgae_part_array(part, datum);
	Datum *elements;
	bool *nulls, by_value;
	int16 len;
	char align;
	int n;

	get_typlenbyvalalign(part->element_type, &len, &by_value, &align);
	deconstruct_array(array, part->element_type, len, by_value, align, &elements, &nulls, &n);
	return elements[i];
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
		uint32 s = column == PGAE_TARGET_COLUMN ? 0 : source_at(codec, column);

		open_row(codec, row);
		part = column == PGAE_TARGET_COLUMN ? &codec->plan.target : &codec->plan.parts[s];
		i = column - codec->sources[s].first;
		datum = codec->plan.values[part->att];
	}
	if ((part->conv == PGAE_CONV_ARRAY ? part->element : part->conv) != PGAE_CONV_NUMERIC)
		return false;
	if (part->conv == PGAE_CONV_ARRAY)
		datum = array_element(part, datum, i);
	/* Infinity and NaN have no digits */
	text = DatumGetCString(DirectFunctionCall1(numeric_out, datum));
	return strpbrk(text, "0123456789") != NULL;
}

/* ---- training records ---- */

/* Bytes of one packed row; 0 before the schema stands. */
size_t
pgae_codec_record_size(const PgaeCodec *codec)
{
	return codec->record_size;
}

/* Value i of a record, and its bit. */
static void
pack_value(const PgaeCodec *codec, char *record, uint32 i, AeKind kind, double value, bool missing)
{
	char *at = record + codec->offset[i];
	float real;
	int32 number;

	value += 0.0; /* -0 + 0 = +0 */
	real = (float) value;
	number = (int32) value;
	if (missing)
		record[i / 8] |= (char) (1 << (i % 8));
	if (kind == AE_KIND_CATEGORY)
		memcpy(at, &number, sizeof(number));
	else if (codec->stored[i] == sizeof(double))
		memcpy(at, &value, sizeof(value));
	else if (codec->stored[i] == sizeof(float))
		memcpy(at, &real, sizeof(real));
	else
		*at = (char) (value != 0);
}

/* The other way. */
static double
unpack_value(const PgaeCodec *codec, const char *record, uint32 i, AeKind kind, bool *missing)
{
	const char *at = record + codec->offset[i];
	double value;
	float real;
	int32 number;

	*missing = (record[i / 8] >> (i % 8)) & 1;
	if (kind == AE_KIND_CATEGORY)
	{
		memcpy(&number, at, sizeof(number));
		return number;
	}
	if (codec->stored[i] == sizeof(double))
	{
		memcpy(&value, at, sizeof(value));
		return value;
	}
	if (codec->stored[i] == sizeof(float))
	{
		memcpy(&real, at, sizeof(real));
		return real;
	}
	return *at;
}

/*
 * record (record_size bytes, any alignment) = the row last read.  Rows of equal values give
 * equal bytes: -0 becomes 0.  Nothing is lost that the column's type could hold.
 */
void
pgae_codec_pack(const PgaeCodec *codec, char *record)
{
	const AeSchema *schema = codec->schema;
	uint32 n = schema->n_columns;

	memset(record, 0, (n + codec->has_target + 7) / 8);
	for (uint32 i = 0; i < n; i++)
		pack_value(codec, record, i, schema->columns[i].kind, codec->row.values[i],
				   codec->row.missing[i]);
	if (codec->has_target)
		pack_value(codec, record, n, codec->target.kind, codec->row.target,
				   codec->row.target_missing);
}

/* The values of a record, good until the next call; levels as the map has them. */
const PgaeRow *
pgae_codec_unpack(PgaeCodec *codec, const char *record)
{
	const AeSchema *schema = codec->schema;
	PgaeRow *row = &codec->row;

	row->any_missing = false;
	for (uint32 i = 0; i < schema->n_columns; i++)
	{
		row->values[i] = unpack_value(codec, record, i, schema->columns[i].kind, &row->missing[i]);
		row->any_missing |= row->missing[i];
	}
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const Source *source = &codec->sources[s];
		double *value = &row->values[source->first];

		if (source->map[codec->fold] && !row->missing[source->first])
			*value = fold_level(source, codec->fold, *value);
	}
	if (!codec->has_target)
		return row;
	row->target =
		unpack_value(codec, record, schema->n_columns, codec->target.kind, &row->target_missing);
	if (codec->target.map[codec->fold] && !row->target_missing)
		row->target = fold_level(&codec->target, codec->fold, row->target);
	return row;
}

PgaeLevels *
pgae_codec_target_levels(const PgaeCodec *codec)
{
	return codec->target.levels;
}

void
pgae_codec_map_target(PgaeCodec *codec, const int32 *map)
{
	codec->target.map[0] = map;
}

PgaeLevels *
pgae_codec_levels(const PgaeCodec *codec, uint32 column)
{
	return codec->sources[source_at(codec, column)].levels;
}

void
pgae_codec_map_levels(PgaeCodec *codec, uint32 column, const int32 *map, bool wide)
{
	Source *source = &codec->sources[source_at(codec, column)];

	source->map[0] = map;
	source->wide[0] = wide;
}
