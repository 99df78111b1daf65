/*
 * pg_row.c: the row codec.  A row is a composite value or an array of numbers; the
 * engine wants one double per column of the model, its *fields*, and gives such
 * fields back.  This file knows types and tuples, nothing of networks.
 *
 * What can be found out once is found out once: a codec is compiled for a row type
 * into one Part per column of the model (where the value stands, how it converts), and
 * again when rows of another type come along: by (type, typmod) of the tuple, and
 * for a named type by the identifier that the type cache gives each version of it, as a
 * table may be altered while a PL/pgSQL expression keeps the codec.
 *
 * Composite rows are matched by column name; what the model does not know is ignored.
 * ROW(a, b, c) has no names to match: PostgreSQL calls its fields f1, f2, f3.  A RECORD
 * with exactly these names and as many fields as the model has columns is matched
 * by position.  (A subquery that names its columns f1 ... fn looks the same; in the
 * model's own order both rules agree.)  Arrays are matched by position, and by length.
 *
 * A new kind of column is one more line of conv_info, one more case in datum_field and
 * in field_datum, and for training one in pack and unpack if it needs a new width.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "pg_ae.h"

/* How a value becomes a field. */
typedef enum Conv
{
	CONV_INT2,
	CONV_INT4,
	CONV_INT8,
	CONV_FLOAT4,
	CONV_FLOAT8,
	CONV_NUMERIC,
	CONV_BOOL,
	CONV_COUNT,
	CONV_NONE = -1
} Conv;

typedef struct ConvInfo
{
	Oid type;
	AeKind kind;
	size_t stored; /* bytes in a training record: 8 double, 4 float, 1 boolean */
} ConvInfo;

static const ConvInfo conv_info[CONV_COUNT] = {
	[CONV_INT2] = {INT2OID, AE_KIND_NUMBER, sizeof(float)},
	[CONV_INT4] = {INT4OID, AE_KIND_NUMBER, sizeof(double)},
	[CONV_INT8] = {INT8OID, AE_KIND_NUMBER, sizeof(double)},
	[CONV_FLOAT4] = {FLOAT4OID, AE_KIND_NUMBER, sizeof(float)},
	[CONV_FLOAT8] = {FLOAT8OID, AE_KIND_NUMBER, sizeof(double)},
	[CONV_NUMERIC] = {NUMERICOID, AE_KIND_NUMBER, sizeof(double)},
	[CONV_BOOL] = {BOOLOID, AE_KIND_BOOLEAN, 1},
};

/* What a column of each kind is called in messages. */
static const char *const kind_phrase[AE_KIND_COUNT] = {
	[AE_KIND_NUMBER] = "a number",
	[AE_KIND_BOOLEAN] = "boolean",
};

/* One column of the model, as found in rows of the compiled type; or an array's element. */
typedef struct Part
{
	int att; /* 0-based in the row's descriptor; unused for arrays */
	Conv conv;
	Oid type;     /* as declared */
	Oid base;     /* below domains */
	int32 typmod; /* of the base type */
	void *domain; /* domain_check's own */
} Part;

/* What was compiled for one row type. */
typedef struct RowPlan
{
	Oid type; /* InvalidOid: nothing compiled */
	int32 typmod;
	const TypeCacheEntry *entry; /* NULL for RECORD: its typmods never change meaning */
	uint64 identifier;
	MemoryContext context;
	TupleDesc tupdesc;
	Datum *values;
	bool *nulls;
	Part *parts; /* one per column of the model */
} RowPlan;

struct PgaeCodec
{
	MemoryContext context;
	const PgaeOptions *options; /* of a training, else NULL */
	const AeSchema *schema;     /* NULL in training before the first row */
	Oid argtype;                /* as the call declares it, domains included */
	bool is_array;
	void *argdomain; /* domain_check's own */
	char **names;    /* columns in the server's encoding; NULL for arrays */
	double *fields;
	size_t *stored; /* bytes of each column in a training record */
	size_t record_size;
	RowPlan row;
	Part element;
};

/* ---- types ---- */

static Conv
conv_of(Oid base)
{
	for (int conv = 0; conv < CONV_COUNT; conv++)
	{
		if (conv_info[conv].type == base)
			return (Conv) conv;
	}
	return CONV_NONE;
}

/* Resolves domains; a type that no conversion exists for gives CONV_NONE. */
static void
part_init(Part *part, int att, Oid type, int32 typmod)
{
	part->att = att;
	part->type = type;
	part->typmod = typmod;
	part->base = getBaseTypeAndTypmod(type, &part->typmod);
	part->conv = conv_of(part->base);
	part->domain = NULL;
}

/* 42804 unless argtype is a composite or an array of numbers; fills is_array and element. */
static void
check_argument_type(PgaeCodec *codec)
{
	Oid base, element;

	if (!OidIsValid(codec->argtype))
		ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
						errmsg("could not determine the type of the row")));
	base = getBaseType(codec->argtype);
	codec->is_array = false;
	if (type_is_rowtype(base))
		return;
	element = get_element_type(base);
	if (!OidIsValid(element))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a row must be a composite value or an array of numbers, not type %s",
						format_type_be(codec->argtype)),
				 errhint("Pass the alias of a table or subquery, ROW(a, b, ...), or an array "
						 "such as real[].")));
	codec->is_array = true;
	part_init(&codec->element, -1, element, -1);
	if (codec->element.conv == CONV_NONE || conv_info[codec->element.conv].kind != AE_KIND_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a row array must have numbers as elements, not type %s",
						format_type_be(element)),
				 errhint("Elements may be smallint, integer, bigint, real, double precision or "
						 "numeric.")));
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
							errhint("Give the columns of the subquery names of their own.")));
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

			if (att->attisdropped || list_has_name(options->exclude, NameStr(att->attname)))
				continue;
			find_attribute(tupdesc, NameStr(att->attname), true);
			chosen[n++] = i;
		}
	}
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("no columns are left to train on")));
	return n;
}

static void
check_column_count(int n)
{
	if (n > AE_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rows have %d columns, a model takes at most %d", n, AE_MAX_COLUMNS)));
}

/* Says how many bytes column i takes in a training record. */
static void
set_stored(PgaeCodec *codec, int i, size_t bytes)
{
	codec->stored[i] = bytes;
	codec->record_size += bytes;
}

/* Room for n fields and the layout of their records. */
static void
alloc_columns(PgaeCodec *codec, int n)
{
	codec->fields = MemoryContextAllocZero(codec->context, sizeof(double) * Max(n, 1));
	codec->stored = MemoryContextAllocZero(codec->context, sizeof(size_t) * Max(n, 1));
	codec->record_size = 0;
}

/* A schema of n nameless number columns in the codec's context, and what goes with it. */
static AeSchema *
schema_alloc(PgaeCodec *codec, int n)
{
	AeSchema *schema;

	check_column_count(n);
	schema = MemoryContextAllocZero(codec->context, sizeof(AeSchema));
	schema->is_array = codec->is_array;
	schema->n_columns = (uint32_t) n;
	schema->columns = MemoryContextAllocZero(codec->context, sizeof(AeColumn) * n);
	for (int i = 0; i < n; i++)
	{
		schema->columns[i].kind = AE_KIND_NUMBER;
		schema->columns[i].input = -1;
		schema->columns[i].scale = 1;
	}
	alloc_columns(codec, n);
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

/*
 * Stores names as UTF-8.  The names of an SQL_ASCII database are bytes of nobody
 * knows which encoding: they are kept as they are, and flagged.
 */
static void
schema_set_names(AeSchema *schema, char **names)
{
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
	{
		for (uint32 i = 0; i < schema->n_columns; i++)
			schema->raw_names |= !is_ascii(names[i]);
	}
	for (uint32 i = 0; i < schema->n_columns; i++)
	{
		char *name = names[i];

		if (!schema->raw_names)
			name = pg_server_to_any(name, (int) strlen(name), PG_UTF8);
		schema->columns[i].name = name;
		schema->columns[i].name_len = (uint32_t) strlen(name);
	}
}

/* The schema of a training, from the descriptor of its first row. */
static void
build_row_schema(PgaeCodec *codec, TupleDesc tupdesc)
{
	int room = Max(tupdesc->natts, list_length(codec->options->columns));
	int *chosen = palloc(sizeof(int) * Max(room, 1));
	int n = choose_attributes(chosen, tupdesc, codec->options);
	AeSchema *schema = schema_alloc(codec, n);
	MemoryContext old = MemoryContextSwitchTo(codec->context);

	codec->names = palloc(sizeof(char *) * n);
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, chosen[i]);
		Part part;

		part_init(&part, chosen[i], att->atttypid, att->atttypmod);
		if (part.conv == CONV_NONE)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is of type %s, which a model cannot use",
							NameStr(att->attname), format_type_be(att->atttypid)),
					 errhint("Leave it out with the option \"exclude\", or cast it to a number "
							 "in a subquery.")));
		schema->columns[i].kind = conv_info[part.conv].kind;
		codec->names[i] = pstrdup(NameStr(att->attname));
		set_stored(codec, i, conv_info[part.conv].stored);
	}
	schema_set_names(schema, codec->names);
	MemoryContextSwitchTo(old);
	pfree(chosen);
	codec->schema = schema;
}

/* The schema of a training, from the length of its first array. */
static void
build_array_schema(PgaeCodec *codec, int n)
{
	AeSchema *schema = schema_alloc(codec, n);

	for (int i = 0; i < n; i++)
		set_stored(codec, i, conv_info[codec->element.conv].stored);
	codec->schema = schema;
}

/* ---- compiling for a row type ---- */

/* The attribute that column i of the model stands in: by position if positional. */
static int
locate_column(PgaeCodec *codec, TupleDesc tupdesc, int i, bool positional)
{
	int att;

	if (positional)
		return i;
	att = find_attribute(tupdesc, codec->names[i], true);
	if (att < 0)
	{
		if (is_anonymous(tupdesc))
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("row has %d fields, model expects %u", tupdesc->natts,
							codec->schema->n_columns),
					 errhint("ROW(...) is matched by position: give all columns of the model "
							 "in its order.")));
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("row has no column \"%s\", which the model was trained on",
							   codec->names[i])));
	}
	return att;
}

/* 42804 unless a column of this type can be column i of the model. */
static void
check_part(const PgaeCodec *codec, const Part *part, Form_pg_attribute att, int i, bool positional)
{
	AeKind kind = codec->schema->columns[i].kind;

	if (part->conv == CONV_NONE || conv_info[part->conv].kind != kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, model expects %s", NameStr(att->attname),
						format_type_be(att->atttypid), kind_phrase[kind]),
				 positional ? errdetail("Fields of ROW(...) are matched by position: this is "
										"the model's column \"%s\".",
										codec->names[i])
							: 0));
	if (codec->stored[i] < conv_info[part->conv].stored)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" is of type %s, unlike in the first row",
							   NameStr(att->attname), format_type_be(att->atttypid)),
						errhint("Cast the column to one type in all rows.")));
}

/* Fills row->parts; the current context is the plan's. */
static void
compile_parts(PgaeCodec *codec)
{
	RowPlan *row = &codec->row;
	TupleDesc tupdesc = row->tupdesc;
	int n = (int) codec->schema->n_columns;
	bool positional = count_attributes(tupdesc) == n && is_anonymous(tupdesc);

	row->parts = palloc(sizeof(Part) * n);
	for (int i = 0; i < n; i++)
	{
		int number = locate_column(codec, tupdesc, i, positional);
		Form_pg_attribute att = TupleDescAttr(tupdesc, number);

		part_init(&row->parts[i], number, att->atttypid, att->atttypmod);
		check_part(codec, &row->parts[i], att, i, positional);
	}
	row->values = palloc(sizeof(Datum) * tupdesc->natts);
	row->nulls = palloc(sizeof(bool) * tupdesc->natts);
}

/* Compiles for rows of (type, typmod).  An error leaves a plan that counts as none. */
static void
compile_row(PgaeCodec *codec, Oid type, int32 typmod)
{
	RowPlan *row = &codec->row;
	MemoryContext old;

	row->type = InvalidOid;
	if (row->context == NULL)
		row->context = AllocSetContextCreate(codec->context, "ae row codec", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(row->context);

	old = MemoryContextSwitchTo(row->context);
	if (type == RECORDOID)
	{
		TupleDesc tupdesc = lookup_rowtype_tupdesc(type, typmod);

		row->entry = NULL;
		row->tupdesc = CreateTupleDescCopyConstr(tupdesc);
		ReleaseTupleDesc(tupdesc);
	}
	else
	{
		TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_TUPDESC);

		if (entry->tupDesc == NULL)
			elog(ERROR, "type %u is not composite", type);
		row->entry = entry;
		row->identifier = entry->tupDesc_identifier;
		row->tupdesc = CreateTupleDescCopyConstr(entry->tupDesc);
	}
	if (codec->schema == NULL)
		build_row_schema(codec, row->tupdesc);
	compile_parts(codec);
	MemoryContextSwitchTo(old);
	row->typmod = typmod;
	row->type = type;
}

/* ---- creating ---- */

static PgaeCodec *
codec_alloc(Oid argtype, MemoryContext context)
{
	PgaeCodec *codec = MemoryContextAllocZero(context, sizeof(PgaeCodec));

	codec->context = context;
	codec->argtype = argtype;
	codec->row.type = InvalidOid;
	check_argument_type(codec);
	return codec;
}

/*
 * A codec for rows of type argtype and a model of this schema, which must outlive it:
 * to score them, or to go on training.  42804 if such rows are no rows, or arrays where the model
 * has names.
 */
PgaeCodec *
pgae_codec_create(const AeSchema *schema, Oid argtype, MemoryContext context)
{
	PgaeCodec *codec = codec_alloc(argtype, context);
	MemoryContext old;

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
	alloc_columns(codec, (int) schema->n_columns);
	codec->names = schema->is_array ? NULL : palloc(sizeof(char *) * Max(schema->n_columns, 1));
	for (uint32 i = 0; i < schema->n_columns; i++)
	{
		if (codec->names)
			codec->names[i] = pgae_column_name(schema, i);
		/* records of a row type: wide enough for whatever type of number comes along */
		set_stored(codec, (int) i,
				   codec->is_array ? conv_info[codec->element.conv].stored : sizeof(double));
	}
	MemoryContextSwitchTo(old);
	return codec;
}

/*
 * A codec for training; options must outlive it.  22023 for columns or exclude with
 * arrays, which have no names.
 */
PgaeCodec *
pgae_codec_create_training(const PgaeOptions *options, Oid argtype, MemoryContext context)
{
	PgaeCodec *codec = codec_alloc(argtype, context);

	codec->options = options;
	if (codec->is_array && (options->columns != NIL || options->exclude != NIL))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" needs rows with named columns, not arrays",
							   options->columns != NIL ? "columns" : "exclude")));
	return codec;
}

/* The schema that the training codec built, to be completed by its caller; NULL before a row. */
AeSchema *
pgae_codec_schema(PgaeCodec *codec)
{
	return (AeSchema *) codec->schema;
}

/* ---- rows to fields ---- */

static double
datum_field(Conv conv, Datum value)
{
	switch (conv)
	{
		case CONV_INT2:
			return (double) DatumGetInt16(value);
		case CONV_INT4:
			return (double) DatumGetInt32(value);
		case CONV_INT8:
			return (double) DatumGetInt64(value);
		case CONV_FLOAT4:
			return (double) DatumGetFloat4(value);
		case CONV_FLOAT8:
			return DatumGetFloat8(value);
		case CONV_NUMERIC:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
		case CONV_BOOL:
			return DatumGetBool(value) ? 1.0 : 0.0;
		default:
			elog(ERROR, "unexpected conversion %d", (int) conv);
	}
}

/* 2202E or 22004 unless arr is one run of n numbers. */
static void
check_array(PgaeCodec *codec, ArrayType *arr)
{
	int n = ARR_NDIM(arr) == 0 ? 0 : ARR_DIMS(arr)[0];

	if (ARR_NDIM(arr) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("row array has %d dimensions, must have one", ARR_NDIM(arr)),
						errhint("A row is one array; give each row by a call of its own.")));
	if (codec->schema == NULL)
	{
		if (n == 0)
			ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("row array is empty")));
		build_array_schema(codec, n);
	}
	if ((uint32) n != codec->schema->n_columns)
	{
		if (codec->options)
			ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
							errmsg("row array has %d elements, the first one has %u", n,
								   codec->schema->n_columns)));
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("row array has %d elements, model expects %u", n,
							   codec->schema->n_columns)));
	}
	if (ARR_HASNULL(arr))
	{
		for (int i = 0; i < n; i++)
		{
			if (att_isnull(i, ARR_NULLBITMAP(arr)))
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("row array element [%d] is NULL", i + 1),
						 errhint("Leave such rows out with WHERE, or replace NULL by a number.")));
		}
	}
}

/* The elements of fixed width stand side by side behind the header. */
#define COPY_ELEMENTS(fields, data, n, type)                                                       \
	do                                                                                             \
	{                                                                                              \
		const type *elements_ = (const type *) (data);                                             \
		for (int i_ = 0; i_ < (n); i_++)                                                           \
			(fields)[i_] = (double) elements_[i_];                                                 \
	} while (0)

static void
array_fields(PgaeCodec *codec, Datum row)
{
	ArrayType *arr = DatumGetArrayTypeP(row);
	double *fields;
	char *data;
	int n;

	check_array(codec, arr);
	n = (int) codec->schema->n_columns;
	fields = codec->fields;
	data = ARR_DATA_PTR(arr);
	switch (codec->element.conv)
	{
		case CONV_INT2:
			COPY_ELEMENTS(fields, data, n, int16);
			break;
		case CONV_INT4:
			COPY_ELEMENTS(fields, data, n, int32);
			break;
		case CONV_INT8:
			COPY_ELEMENTS(fields, data, n, int64);
			break;
		case CONV_FLOAT4:
			COPY_ELEMENTS(fields, data, n, float4);
			break;
		case CONV_FLOAT8:
			COPY_ELEMENTS(fields, data, n, float8);
			break;
		default: /* numeric: of varying length */
			for (int i = 0; i < n; i++)
			{
				fields[i] = datum_field(codec->element.conv, PointerGetDatum(data));
				data = att_addlength_pointer(data, -1, data);
				data = (char *) att_align_nominal(data, TYPALIGN_INT);
			}
			break;
	}
	if ((Pointer) arr != DatumGetPointer(row))
		pfree(arr);
}

/* True if the plan was compiled for rows of this type as it is now. */
static inline bool
plan_fits(const RowPlan *plan, Oid type, int32 typmod)
{
	return plan->type == type && plan->typmod == typmod &&
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

/* The header of a composite row, with a plan compiled for its type. */
static HeapTupleHeader
open_row(PgaeCodec *codec, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	Oid type = HeapTupleHeaderGetTypeId(header);
	int32 typmod = HeapTupleHeaderGetTypMod(header);

	if (!plan_fits(&codec->row, type, typmod))
		compile_row(codec, type, typmod);
	return header;
}

static void
row_fields(PgaeCodec *codec, Datum row)
{
	HeapTupleHeader header = open_row(codec, row);
	RowPlan *plan = &codec->row;
	uint32 n = codec->schema->n_columns;

	deform_row(plan, header);
	for (uint32 i = 0; i < n; i++)
	{
		const Part *part = &plan->parts[i];

		if (plan->nulls[part->att])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("column \"%s\" is NULL", codec->names[i]),
							errhint("Leave such rows out with WHERE, or replace NULL with "
									"coalesce().")));
		codec->fields[i] = datum_field(part->conv, plan->values[part->att]);
	}
	if ((Pointer) header != DatumGetPointer(row))
		pfree(header);
}

/*
 * fields[n_columns] of one row, in the model's order, good until the next call.
 * 22004 for a NULL, 2202E for a wrong length, 42703 for a missing column, 42804 for a
 * wrong type.  Values may be NaN or infinite: the caller decides what that means.
 */
const double *
pgae_codec_fields(PgaeCodec *codec, Datum row)
{
	if (codec->is_array)
		array_fields(codec, row);
	else
		row_fields(codec, row);
	return codec->fields;
}

/* ---- fields to rows ---- */

/* What the error context callback tells: which column is being put back. */
typedef struct FormContext
{
	const PgaeCodec *codec;
	uint32 column;
} FormContext;

static void
form_error_context(void *arg)
{
	const FormContext *form = arg;

	if (form->codec->is_array)
		errcontext("reconstructed element [%u]", form->column + 1);
	else
		errcontext("reconstructed column \"%s\"", form->codec->names[form->column]);
}

/* Half to even, saturated to [low, high]; low and high + 1 are powers of two, so exact. */
static int64
round_saturated(double field, int64 low, int64 high)
{
	double rounded = rint(field);

	if (isnan(field))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("NaN does not fit an integer column")));
	if (rounded <= (double) low)
		return low;
	if (rounded >= (double) high)
		return high;
	return (int64) rounded;
}

/* The nearest real; what is finite stays finite. */
static float4
real_saturated(double field)
{
	if (isfinite(field))
		field = Max(Min(field, FLT_MAX), -FLT_MAX);
	return (float4) field;
}

/* A field as a value of the part's type, typmod and domain enforced. */
static Datum
field_datum(Part *part, double field, MemoryContext context)
{
	Datum value;

	switch (part->conv)
	{
		case CONV_INT2:
			value = Int16GetDatum((int16) round_saturated(field, PG_INT16_MIN, PG_INT16_MAX));
			break;
		case CONV_INT4:
			value = Int32GetDatum((int32) round_saturated(field, PG_INT32_MIN, PG_INT32_MAX));
			break;
		case CONV_INT8:
			value = Int64GetDatum(round_saturated(field, PG_INT64_MIN, PG_INT64_MAX));
			break;
		case CONV_FLOAT4:
			value = Float4GetDatum(real_saturated(field));
			break;
		case CONV_FLOAT8:
			value = Float8GetDatum(field);
			break;
		case CONV_NUMERIC:
			value = DirectFunctionCall1(float8_numeric, Float8GetDatum(field));
			if (part->typmod >= (int32) VARHDRSZ)
				value = DirectFunctionCall2(numeric, value, Int32GetDatum(part->typmod));
			break;
		case CONV_BOOL:
			value = BoolGetDatum(field >= 0.5);
			break;
		default:
			elog(ERROR, "unexpected conversion %d", (int) part->conv);
	}
	if (part->type != part->base)
		domain_check(value, false, part->type, &part->domain, context);
	return value;
}

static Datum
form_array(PgaeCodec *codec, Datum row, const double *fields, FormContext *form)
{
	ArrayType *arr = DatumGetArrayTypeP(row);
	int n = (int) codec->schema->n_columns;
	Datum *elements;
	int16 len;
	bool by_value;
	char align;

	check_array(codec, arr);
	elements = palloc(sizeof(Datum) * n);
	get_typlenbyvalalign(codec->element.type, &len, &by_value, &align);
	for (int i = 0; i < n; i++)
	{
		form->column = (uint32) i;
		elements[i] = field_datum(&codec->element, fields[i], codec->context);
	}
	return PointerGetDatum(construct_md_array(elements, NULL, 1, ARR_DIMS(arr), ARR_LBOUND(arr),
											  codec->element.type, len, by_value, align));
}

static Datum
form_row(PgaeCodec *codec, Datum row, const double *fields, FormContext *form)
{
	HeapTupleHeader header = open_row(codec, row);
	RowPlan *plan = &codec->row;
	uint32 n = codec->schema->n_columns;

	deform_row(plan, header);
	for (int i = 0; i < plan->tupdesc->natts; i++)
		plan->nulls[i] |= TupleDescAttr(plan->tupdesc, i)->attisdropped;
	for (uint32 i = 0; i < n; i++)
	{
		Part *part = &plan->parts[i];

		form->column = i;
		plan->values[part->att] = field_datum(part, fields[i], plan->context);
		plan->nulls[part->att] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(plan->tupdesc, plan->values, plan->nulls));
}

/*
 * The row, of its own type, with the model's columns replaced by fields.  Errors of
 * typmods and domains name the column in their context.
 */
Datum
pgae_codec_form(PgaeCodec *codec, Datum row, const double *fields)
{
	FormContext form = {codec, 0};
	ErrorContextCallback callback;
	Datum result;

	callback.callback = form_error_context;
	callback.arg = &form;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	result = codec->is_array ? form_array(codec, row, fields, &form)
							 : form_row(codec, row, fields, &form);
	error_context_stack = callback.previous;
	if (getBaseType(codec->argtype) != codec->argtype)
		domain_check(result, false, codec->argtype, &codec->argdomain, codec->context);
	return result;
}

/* ---- training records ---- */

/* Bytes of one packed row; 0 before the first row. */
size_t
pgae_codec_record_size(const PgaeCodec *codec)
{
	return codec->record_size;
}

/*
 * record (record_size bytes, any alignment) = fields[n_columns].  Equal fields give
 * equal bytes: -0 becomes 0.  Nothing is lost that the column's type could hold.
 */
void
pgae_codec_pack(const PgaeCodec *codec, char *record, const double *fields)
{
	uint32 n = codec->schema->n_columns;

	for (uint32 i = 0; i < n; i++)
	{
		double field = fields[i] + 0.0; /* -0 + 0 = +0 */
		float real;

		switch (codec->stored[i])
		{
			case sizeof(double):
				memcpy(record, &field, sizeof(field));
				break;
			case sizeof(float):
				real = (float) field;
				memcpy(record, &real, sizeof(real));
				break;
			default:
				*record = (char) (field != 0);
				break;
		}
		record += codec->stored[i];
	}
}

/* fields[n_columns] = record. */
void
pgae_codec_unpack(const PgaeCodec *codec, double *fields, const char *record)
{
	uint32 n = codec->schema->n_columns;

	for (uint32 i = 0; i < n; i++)
	{
		float real;

		switch (codec->stored[i])
		{
			case sizeof(double):
				memcpy(&fields[i], record, sizeof(double));
				break;
			case sizeof(float):
				memcpy(&real, record, sizeof(real));
				fields[i] = real;
				break;
			default:
				fields[i] = *record;
				break;
		}
		record += codec->stored[i];
	}
}
