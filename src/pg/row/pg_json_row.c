/*
 * pg_json_row.c: takes rows of jsonb apart: an object has the columns by name, an array is the row of
 * a model of arrays.
 *
 * Values of an object become what a row of the model's kinds would contain: double precision, or
 * real where training saw real; boolean, text, and for times the type that their text looks like.
 * So to_jsonb(row) has the same score as the row, to the bit. Indexes store scores, so no setting
 * matters: numbers are read by strtod, and times are in ISO 8601, as to_jsonb writes them, whatever
 * DateStyle and TimeZone are.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_codec.h"

/* Bytes of a value that a message shows. */
#define SHOWN_BYTES 60

/* ---- what is wrong ---- */

/* "column "a"", or for an array "element [3] of column "a"". */
static const char *
place(const PgaeSource *source, int element)
{
	const char *column = source->name ? psprintf("column \"%s\"", source->name) : "the JSON array";

	return element < 0 ? column : psprintf("element [%d] of %s", element + 1, column);
}

static const char *
type_hint(const PgaeSource *source, const JsonbValue *value)
{
	if (source->kind == AE_KIND_TIME)
		return "Write times as \"2026-01-31 12:00:00\", with \"Z\" or an offset such as \"+01:00\" "
			   "if they "
			   "have one; \"2026-01-31\" and \"12:00:00\" will do too.";
	if (value->type == jbvString && source->kind == AE_KIND_NUMBER)
		return "Intervals are numbers of seconds, and money is in its smallest unit.";
	return NULL;
}

/*
 * Raises 42804 for a value of another JSON type, and 22P02 for a string that cannot be read as the
 * kind.
 */
pg_noreturn static void
refuse_value(const PgaeSource *source, int element, const JsonbValue *value)
{
	const char *hint = type_hint(source, value);
	int len;

	if (value->type != jbvString)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("%s is %s in the JSON row, model expects %s", place(source, element),
							   pgae_json_phrase(value),
							   source->is_array && element < 0 ? "an array of numbers"
															   : pgae_kind_phrase[source->kind]),
						hint ? errhint("%s", hint) : 0));
	len = pg_mbcliplen(value->val.string.val, value->val.string.len, SHOWN_BYTES);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("%s is \"%.*s\" in the JSON row, model expects %s", place(source, element), len,
					value->val.string.val, pgae_kind_phrase[source->kind]),
			 hint ? errhint("%s", hint) : 0));
}

/* ---- numbers ---- */

/* The number in a text that has nothing else: as a float, if the model's values were floats. */
static bool
read_number(double *number, const char *text, size_t len, bool single)
{
	char *copy = pnstrdup(text, len);
	char *start = copy, *end;
	bool good;

	while (scanner_isspace(*start))
		start++;
	*number = single ? (double) strtof(start, &end) : strtod(start, &end);
	good = end > start;
	while (scanner_isspace(*end))
		end++;
	/* excludes hexadecimal digits, which float8in accepts by accident, and NaN with a payload */
	good &= end == copy + len && strpbrk(copy, "xX(") == NULL;
	pfree(copy);
	return good;
}

static double
number_of(const PgaeSource *source, int element, bool single, const JsonbValue *value)
{
	const char *text = NULL;
	size_t len = 0;
	double number;

	if (value->type == jbvString)
	{
		text = value->val.string.val;
		len = (size_t) value->val.string.len;
	}
	else if (value->type == jbvNumeric)
	{
		text =
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		len = strlen(text);
	}
	/* booleans are numbers in SQL arrays too */
	else if (value->type == jbvBool && source->is_array)
		return value->val.boolean ? 1 : 0;
	if (text == NULL || !read_number(&number, text, len, single))
		refuse_value(source, element, value);
	return number;
}

static Datum
number_datum(double number, bool single)
{
	return single ? Float4GetDatum((float4) number) : Float8GetDatum(number);
}

/* An array of n numbers or nulls; n: the model's length. */
static Datum
array_of(const PgaeSource *source, bool single, const JsonbValue *value)
{
	JsonbContainer *container = value->val.binary.data;
	Oid type = single ? FLOAT4OID : FLOAT8OID;
	int n = value->type == jbvBinary && JsonContainerIsArray(container)
				? (int) JsonContainerSize(container)
				: -1;
	Datum *elements;
	bool *nulls, by_value;
	int lower_bound = 1;
	int16 len;
	char align;

	if (n < 0)
		refuse_value(source, -1, value);
	elements = palloc0(sizeof(Datum) * Max(n, 1));
	nulls = palloc0(sizeof(bool) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(container, (uint32) i);

		nulls[i] = element->type == jbvNull;
		if (!nulls[i])
			elements[i] = number_datum(number_of(source, i, single, element), single);
	}
	get_typlenbyvalalign(type, &len, &by_value, &align);
	return PointerGetDatum(
		construct_md_array(elements, nulls, 1, &n, &lower_bound, type, len, by_value, align));
}

/* ---- times ---- */

/* Reads a number of least to most digits at *at and advances *at. */
static bool
read_digits(int *number, const char **at, int least, int most)
{
	int n = 0;

	*number = 0;
	while (n < most && isdigit((unsigned char) (*at)[n]))
		*number = *number * 10 + ((*at)[n++] - '0');
	*at += n;
	return n >= least && !isdigit((unsigned char) **at);
}

static bool
read_char(const char **at, const char *choices)
{
	if (**at == '\0' || strchr(choices, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* 12:34, 12:34:56, 12:34:56.789012: microseconds since midnight. */
static bool
read_clock(int64 *clock, const char **at)
{
	int hour, minute, second = 0;
	int64 fraction = 0;

	if (!read_digits(&hour, at, 2, 2) || !read_char(at, ":") || !read_digits(&minute, at, 2, 2))
		return false;
	if (read_char(at, ":") && !read_digits(&second, at, 2, 2))
		return false;
	if (read_char(at, "."))
	{
		int digits = 0;

		for (; digits < 6 && isdigit((unsigned char) **at); digits++)
			fraction = fraction * 10 + (*(*at)++ - '0');
		if (digits == 0 || isdigit((unsigned char) **at))
			return false;
		for (; digits < 6; digits++)
			fraction *= 10;
	}
	*clock = ((hour * 60 + minute) * 60 + second) * USECS_PER_SEC + fraction;
	return minute < 60 && second < 60 && *clock <= USECS_PER_DAY;
}

/* Z, +01, +05:30, -00:25:21: seconds east of Greenwich; *offset is unchanged if there is none. */
static bool
read_offset(int *offset, bool *given, const char **at)
{
	int sign = **at == '-' ? -1 : 1;
	int hours, minutes = 0, seconds = 0;

	*given = read_char(at, "Zz");
	if (*given || !read_char(at, "+-"))
		return true;
	*given = true;
	if (!read_digits(&hours, at, 2, 2) ||
		(read_char(at, ":") && !read_digits(&minutes, at, 2, 2)) ||
		(read_char(at, ":") && !read_digits(&seconds, at, 2, 2)))
		return false;
	*offset = sign * ((hours * 60 + minutes) * 60 + seconds);
	return hours < 16 && minutes < 60 && seconds < 60;
}

/* 2026-01-31: days since 2000-01-01; before_christ: years count backwards. */
static bool
read_date(int *date, const char **at, bool before_christ)
{
	int year, month, day;

	if (!read_digits(&year, at, 4, 7) || !read_char(at, "-") || !read_digits(&month, at, 2, 2) ||
		!read_char(at, "-") || !read_digits(&day, at, 2, 2) || year < 1)
		return false;
	if (before_christ)
		year = 1 - year;
	if (month < 1 || month > 12 || day < 1 || day > day_tab[isleap(year)][month - 1] ||
		!IS_VALID_JULIAN(year, month, day))
		return false;
	*date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return IS_VALID_DATE(*date);
}

/* A time as a datum of the type that its text looks like. */
static bool
read_time(Datum *datum, Oid *type, const char *text)
{
	size_t len = strlen(text);
	bool before_christ = len > 3 && strcmp(text + len - 3, " BC") == 0;
	const char *at = text, *start = text;
	int64 clock, time;
	int date, offset = 0;
	bool given;

	*type = TIMESTAMPOID;
	if (strcmp(text, "infinity") == 0 || strcmp(text, "-infinity") == 0)
	{
		*datum = TimestampGetDatum(*text == '-' ? DT_NOBEGIN : DT_NOEND);
		return true;
	}
	if (read_clock(&clock, &at) && *at == '\0')
	{
		*type = TIMEOID;
		*datum = TimeADTGetDatum(clock);
		return true;
	}
	if (!read_date(&date, &start, before_christ))
		return false;
	at = text + len - (before_christ ? 3 : 0);
	if (start == at)
	{
		*type = DATEOID;
		*datum = DateADTGetDatum(date);
		return true;
	}
	if (!read_char(&start, "Tt ") || !read_clock(&clock, &start) ||
		!read_offset(&offset, &given, &start) || start != at)
		return false;
	if (pg_mul_s64_overflow(date, USECS_PER_DAY, &time) ||
		pg_add_s64_overflow(time, clock - offset * USECS_PER_SEC, &time) ||
		!IS_VALID_TIMESTAMP(time))
		return false;
	if (given)
		*type = TIMESTAMPTZOID;
	*datum = TimestampGetDatum(time);
	return true;
}

static Datum
time_of(PgaePart *part, const PgaeSource *source, const JsonbValue *value)
{
	Datum datum;
	Oid type;

	if (value->type != jbvString ||
		!read_time(&datum, &type, pnstrdup(value->val.string.val, value->val.string.len)))
		refuse_value(source, -1, value);
	if (part->type != type)
		pgae_part_init(part, part->att, type, -1);
	return datum;
}

/* ---- booleans and categories ---- */

static Datum
boolean_of(const PgaeSource *source, const JsonbValue *value)
{
	bool truth = false;

	if (value->type == jbvBool)
		truth = value->val.boolean;
	else if (value->type != jbvString ||
			 !parse_bool_with_len(value->val.string.val, value->val.string.len, &truth))
		refuse_value(source, -1, value);
	return BoolGetDatum(truth);
}

/*
 * The level of a value. Numbers are levels of integer columns. A character(n) has no trailing
 * blanks as a level, but has them in JSON.
 */
static Datum
category_of(const PgaeSource *source, const JsonbValue *value)
{
	const char *text;
	int len;

	if (value->type == jbvBool)
		return CStringGetTextDatum(value->val.boolean ? "true" : "false");
	if (value->type == jbvNumeric)
		return CStringGetTextDatum(DatumGetCString(DirectFunctionCall1(
			numeric_out,
			DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value->val.numeric)))));
	if (value->type != jbvString)
		refuse_value(source, -1, value);
	text = value->val.string.val;
	len = value->val.string.len;
	if (len > 0 && text[len - 1] == ' ' && pgae_levels_find(source->levels, text, (size_t) len) < 0)
	{
		while (len > 0 && text[len - 1] == ' ')
			len--;
	}
	return PointerGetDatum(cstring_to_text_with_len(text, len));
}

/* ---- a row ---- */

/* The types of values; those of times are what the last one looked like. */
static void
compile_parts(PgaeCodec *codec)
{
	PgaeRowPlan *plan = &codec->plan;
	MemoryContext old = MemoryContextSwitchTo(codec->context);
	PgaePart *parts = palloc(sizeof(PgaePart) * codec->n_sources);

	plan->context = codec->context;
	plan->values = palloc0(sizeof(Datum) * codec->n_sources);
	plan->nulls = palloc0(sizeof(bool) * codec->n_sources);
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const PgaeSource *source = &codec->sources[s];
		bool single = codec->schema->columns[source->first].single;
		Oid type = source->kind == AE_KIND_BOOLEAN    ? BOOLOID
				   : source->kind == AE_KIND_TIME     ? TIMESTAMPOID
				   : source->kind == AE_KIND_CATEGORY ? TEXTOID
				   : single                           ? FLOAT4OID
													  : FLOAT8OID;

		pgae_part_init(&parts[s], (int) s, source->is_array ? get_array_type(type) : type, -1);
	}
	MemoryContextSwitchTo(old);
	plan->parts = parts;
}

static Datum
datum_of(const PgaeCodec *codec, uint32 s, const JsonbValue *value)
{
	const PgaeSource *source = &codec->sources[s];
	bool single = codec->schema->columns[source->first].single;

	if (source->is_array)
		return array_of(source, single, value);
	switch (source->kind)
	{
		case AE_KIND_BOOLEAN:
			return boolean_of(source, value);
		case AE_KIND_TIME:
			return time_of(&codec->plan.parts[s], source, value);
		case AE_KIND_CATEGORY:
			return category_of(source, value);
		default:
			return number_datum(number_of(source, -1, single, value), single);
	}
}

/*
 * Raises 42804 unless the row is an object, or an array for a model of arrays; raises 42703 for an
 * object without any column of the model, which would look like a row of NULLs.
 */
static void
check_root(const PgaeCodec *codec, Jsonb *row)
{
	bool want_array = codec->sources[0].name == NULL;
	JsonbValue root;

	if (want_array ? JB_ROOT_IS_ARRAY(row) && !JB_ROOT_IS_SCALAR(row) : JB_ROOT_IS_OBJECT(row))
		return;
	if (JB_ROOT_IS_SCALAR(row))
		JsonbExtractScalar(&row->root, &root);
	else
	{
		root.type = jbvBinary;
		root.val.binary.data = &row->root;
	}
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("the JSON row is %s, must be %s", pgae_json_phrase(&root),
						   want_array ? "an array: model was trained on arrays"
									  : "an object with the columns of the model as keys")));
}

static void
refuse_strange_object(const PgaeCodec *codec, Jsonb *row)
{
	JsonbIterator *iterator = JsonbIteratorInit(&row->root);
	JsonbValue key;

	(void) JsonbIteratorNext(&iterator, &key, false);
	(void) JsonbIteratorNext(&iterator, &key, false);
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("the JSON row has no column of the model"),
		 errdetail("Its first key is \"%.*s\", the model's first column is \"%s\".",
				   pg_mbcliplen(key.val.string.val, key.val.string.len, SHOWN_BYTES),
				   key.val.string.val, codec->sources[0].name),
		 errhint(
			 "Keys are the names of columns, in the same case; columns without a key are NULL.")));
}

struct varlena *
pgae_codec_open_json(PgaeCodec *codec, Datum datum)
{
	Jsonb *row = DatumGetJsonbP(datum);
	PgaeRowPlan *plan = &codec->plan;
	bool known = false;

	if (plan->parts == NULL)
		compile_parts(codec);
	check_root(codec, row);
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		PgaeSource *source = &codec->sources[s];
		JsonbValue whole = {.type = jbvBinary}, *value = &whole;

		if (source->name == NULL)
			whole.val.binary.data = &row->root;
		else
			value = getKeyJsonValueFromContainer(&row->root, source->name,
												 (int) strlen(source->name), NULL);
		known |= value != NULL;
		plan->nulls[s] = value == NULL || value->type == jbvNull;
		if (!plan->nulls[s])
			plan->values[s] = datum_of(codec, s, value);
	}
	if (!known && JB_ROOT_COUNT(row) > 0)
		refuse_strange_object(codec, row);
	return (struct varlena *) row;
}
