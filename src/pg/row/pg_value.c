/*
 * pg_value.c: converts one datum to a value (ae_scaler.h) or to the text of a level, and back.
 *
 * All conversions are immutable, because indexes store scores: the results of enum_out, cash_out,
 * date_out and the parts of a timestamptz depend on settings.  A category is the bytes of a text,
 * the label of an enum, the decimal digits of an integer, a uuid in lower case, inet, bit and
 * others as they print under any settings; money is its raw integer; times are seconds, for
 * timestamptz in UTC. The conversion back uses a type's input function where that is simpler;
 * functions that use it are STABLE.
 *
 * A new type is one more line of conv_info, and a case in pgae_value_of or in
 * pgae_category_text, and in value_datum.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_enum.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "pg_row.h"

#define NUMBER (1 << AE_KIND_NUMBER)
#define BOOLEAN (1 << AE_KIND_BOOLEAN)
#define TIME (1 << AE_KIND_TIME)
#define CATEGORY (1 << AE_KIND_CATEGORY)

#define KIND_NONE (-1)

typedef struct ConvInfo
{
	Oid type;
	int kind;      /* AeKind by default, or KIND_NONE */
	int kinds;     /* the kinds that it can be, as bits */
	size_t stored; /* bytes in a training record, unless it is a category */
} ConvInfo;

static const ConvInfo conv_info[PGAE_CONV_COUNT] = {
	[PGAE_CONV_INT2] = {INT2OID, AE_KIND_NUMBER, NUMBER | CATEGORY, sizeof(float)},
	[PGAE_CONV_INT4] = {INT4OID, AE_KIND_NUMBER, NUMBER | CATEGORY, sizeof(double)},
	[PGAE_CONV_INT8] = {INT8OID, AE_KIND_NUMBER, NUMBER | CATEGORY, sizeof(double)},
	[PGAE_CONV_FLOAT4] = {FLOAT4OID, AE_KIND_NUMBER, NUMBER, sizeof(float)},
	[PGAE_CONV_FLOAT8] = {FLOAT8OID, AE_KIND_NUMBER, NUMBER, sizeof(double)},
	[PGAE_CONV_NUMERIC] = {NUMERICOID, AE_KIND_NUMBER, NUMBER, sizeof(double)},
	[PGAE_CONV_MONEY] = {MONEYOID, AE_KIND_NUMBER, NUMBER, sizeof(double)},
	[PGAE_CONV_INTERVAL] = {INTERVALOID, AE_KIND_NUMBER, NUMBER, sizeof(double)},
	[PGAE_CONV_BOOL] = {BOOLOID, AE_KIND_BOOLEAN, BOOLEAN | CATEGORY, 1},
	[PGAE_CONV_DATE] = {DATEOID, AE_KIND_TIME, TIME, sizeof(double)},
	[PGAE_CONV_TIME] = {TIMEOID, AE_KIND_TIME, TIME, sizeof(double)},
	[PGAE_CONV_TIMESTAMP] = {TIMESTAMPOID, AE_KIND_TIME, TIME, sizeof(double)},
	[PGAE_CONV_TIMESTAMPTZ] = {TIMESTAMPTZOID, AE_KIND_TIME, TIME, sizeof(double)},
	[PGAE_CONV_TEXT] = {TEXTOID, AE_KIND_CATEGORY, CATEGORY, 0},
	[PGAE_CONV_VARCHAR] = {VARCHAROID, AE_KIND_CATEGORY, CATEGORY, 0},
	[PGAE_CONV_BPCHAR] = {BPCHAROID, AE_KIND_CATEGORY, CATEGORY, 0},
	[PGAE_CONV_NAME] = {NAMEOID, AE_KIND_CATEGORY, CATEGORY, 0},
	[PGAE_CONV_CHAR] = {CHAROID, AE_KIND_CATEGORY, CATEGORY, 0},
	[PGAE_CONV_ENUM] = {InvalidOid, AE_KIND_CATEGORY, CATEGORY, 0},
	[PGAE_CONV_UUID] = {UUIDOID, KIND_NONE, CATEGORY, 0},
	[PGAE_CONV_PRINTED] = {InvalidOid, KIND_NONE, CATEGORY, 0},
	[PGAE_CONV_ARRAY] = {InvalidOid, AE_KIND_NUMBER, NUMBER, 0},
};

/*
 * Types of PostgreSQL that print the same under all settings. An immutable output function is not
 * enough: those of bytea, point and others look at a setting nevertheless.
 */
static const Oid printed_types[] = {INETOID, CIDROID,   MACADDROID, MACADDR8OID,
									BITOID,  VARBITOID, TIMETZOID,  OIDOID};

uint64 pgae_cast_changes = 0;

static void
note_cast_change(Datum arg, int cache, uint32 hash)
{
	pgae_cast_changes++;
}

void
pgae_watch_casts(void)
{
	static bool watching = false;

	if (watching)
		return;
	watching = true;
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, note_cast_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, note_cast_change, (Datum) 0);
}

static PgaeConv
conv_of(Oid base)
{
	Oid function;

	for (int conv = 0; conv < PGAE_CONV_COUNT; conv++)
	{
		if (conv_info[conv].type == base)
			return (PgaeConv) conv;
	}
	if (get_typtype(base) == TYPTYPE_ENUM)
		return PGAE_CONV_ENUM;
	/* such as citext */
	if (find_coercion_pathway(TEXTOID, base, COERCION_IMPLICIT, &function) ==
		COERCION_PATH_RELABELTYPE)
		return PGAE_CONV_TEXT;
	return PGAE_CONV_NONE;
}

/*
 * The types above, and types of extensions whose output functions are declared immutable, such as
 * ltree.
 */
static void
printed_init(PgaePart *part)
{
	bool known = false, is_varlena;
	Oid output;

	for (int i = 0; i < (int) lengthof(printed_types); i++)
		known |= part->base == printed_types[i];
	if (!known && (part->base < FirstNormalObjectId || get_typtype(part->base) != TYPTYPE_BASE))
		return;
	getTypeOutputInfo(part->base, &output, &is_varlena);
	if (func_volatile(output) != PROVOLATILE_IMMUTABLE)
		return;
	part->conv = PGAE_CONV_PRINTED;
	part->output = output;
}

/* Raises 42501 unless the user may call a function, as for a cast in a query. */
static void
check_execute(Oid function)
{
	AclResult result = PGAE_FUNCTION_ACL(function);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
}

/* The immutable function that casts type to real[], if there is one. */
static Oid
array_cast(Oid type)
{
	Oid function = InvalidOid;

	if (find_coercion_pathway(FLOAT4ARRAYOID, type, COERCION_EXPLICIT, &function) !=
			COERCION_PATH_FUNC ||
		func_volatile(function) != PROVOLATILE_IMMUTABLE)
		return InvalidOid;
	check_execute(function);
	return function;
}

/* Arrays of numbers or booleans, and types with an immutable cast to real[]. */
static void
array_init(PgaePart *part)
{
	Oid element = get_element_type(part->base);

	part->element_type = element;
	if (OidIsValid(element))
	{
		part->element = conv_of(getBaseType(element));
		if (part->element == PGAE_CONV_BOOL ||
			(part->element != PGAE_CONV_NONE && conv_info[part->element].kind == AE_KIND_NUMBER &&
			 conv_info[part->element].type != MONEYOID &&
			 conv_info[part->element].type != INTERVALOID))
			part->conv = PGAE_CONV_ARRAY;
		return;
	}
	part->cast = array_cast(part->base);
	if (OidIsValid(part->cast))
	{
		part->conv = PGAE_CONV_ARRAY;
		part->element = PGAE_CONV_FLOAT4;
		part->element_type = FLOAT4OID;
	}
}

void
pgae_part_init(PgaePart *part, int att, Oid type, int32 typmod)
{
	memset(part, 0, sizeof(*part));
	part->att = att;
	part->type = type;
	part->typmod = typmod;
	part->base = getBaseTypeAndTypmod(type, &part->typmod);
	part->conv = conv_of(part->base);
	part->element = PGAE_CONV_NONE;
	if (part->conv == PGAE_CONV_NONE)
		array_init(part);
	if (part->conv == PGAE_CONV_NONE)
		printed_init(part);
}

void
pgae_part_plain(PgaePart *plain, const PgaePart *part)
{
	Oid type = part->base;
	Oid element = part->element_type;

	if (part->conv == PGAE_CONV_ARRAY &&
		(OidIsValid(part->cast) || getBaseType(element) != element))
		type = get_array_type(getBaseType(element));
	pgae_part_init(plain, part->att, type, -1);
	/* the typmod of a time only rounds */
	if (part->conv != PGAE_CONV_NUMERIC && part->conv != PGAE_CONV_ARRAY)
		plain->typmod = part->typmod;
}

int
pgae_part_kind(const PgaePart *part)
{
	return part->conv == PGAE_CONV_NONE ? KIND_NONE : conv_info[part->conv].kind;
}

bool
pgae_part_can_be(const PgaePart *part, AeKind kind)
{
	return part->conv != PGAE_CONV_NONE && (conv_info[part->conv].kinds & (1 << kind)) != 0;
}

const char *
pgae_usual_type(AeKind kind, bool is_array)
{
	static const char *const type[AE_KIND_COUNT] = {
		[AE_KIND_NUMBER] = "double precision",
		[AE_KIND_BOOLEAN] = "boolean",
		[AE_KIND_TIME] = "date or timestamptz",
		[AE_KIND_CATEGORY] = "text",
	};

	return is_array ? "real[]" : type[kind];
}

bool
pgae_part_is_single(const PgaePart *part)
{
	return (part->conv == PGAE_CONV_ARRAY ? part->element : part->conv) == PGAE_CONV_FLOAT4;
}

size_t
pgae_part_stored(const PgaePart *part, AeKind kind)
{
	if (kind == AE_KIND_CATEGORY)
		return sizeof(int32);
	return conv_info[part->conv == PGAE_CONV_ARRAY ? part->element : part->conv].stored;
}

/* ---- datum to value ---- */

/* Whole microseconds as seconds. */
static double
seconds(int64 microseconds)
{
	return (double) microseconds / USECS_PER_SEC;
}

static double
interval_seconds(const Interval *interval)
{
	/* months of 30 days, as PostgreSQL compares intervals */
	double days = (double) interval->month * DAYS_PER_MONTH + interval->day;

	if (PGAE_INTERVAL_NOT_FINITE(interval))
		return interval->month < 0 ? -INFINITY : INFINITY;
	return days * SECS_PER_DAY + seconds(interval->time);
}

double
pgae_value_of(PgaeConv conv, Datum datum)
{
	switch (conv)
	{
		case PGAE_CONV_INT2:
			return (double) DatumGetInt16(datum);
		case PGAE_CONV_INT4:
			return (double) DatumGetInt32(datum);
		case PGAE_CONV_INT8:
		case PGAE_CONV_MONEY:
			return (double) DatumGetInt64(datum);
		case PGAE_CONV_FLOAT4:
			return (double) DatumGetFloat4(datum);
		case PGAE_CONV_FLOAT8:
			return DatumGetFloat8(datum);
		case PGAE_CONV_NUMERIC:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum));
		case PGAE_CONV_BOOL:
			return DatumGetBool(datum) ? 1.0 : 0.0;
		case PGAE_CONV_INTERVAL:
			return interval_seconds(DatumGetIntervalP(datum));
		case PGAE_CONV_DATE:
			if (DATE_NOT_FINITE(DatumGetDateADT(datum)))
				return DATE_IS_NOBEGIN(DatumGetDateADT(datum)) ? -INFINITY : INFINITY;
			return (double) DatumGetDateADT(datum) * SECS_PER_DAY;
		case PGAE_CONV_TIME:
			return seconds(DatumGetTimeADT(datum));
		case PGAE_CONV_TIMESTAMP:
		case PGAE_CONV_TIMESTAMPTZ:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestamp(datum)))
				return TIMESTAMP_IS_NOBEGIN(DatumGetTimestamp(datum)) ? -INFINITY : INFINITY;
			return seconds(DatumGetTimestamp(datum));
		default:
			elog(ERROR, "unexpected conversion %d", (int) conv);
	}
}

/* The label of an enum's value. */
static void
enum_text(PgaeText *text, Oid value)
{
	HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid internal value for enum: %u", value)));
	strlcpy(text->buffer, NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel),
			sizeof(text->buffer));
	ReleaseSysCache(tuple);
	text->data = text->buffer;
	text->len = strlen(text->buffer);
}

static void
uuid_text(PgaeText *text, const pg_uuid_t *uuid)
{
	char *at = text->buffer;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += snprintf(at, 3, "%02x", uuid->data[i]);
	}
	text->data = text->buffer;
	text->len = at - text->buffer;
}

static void
varlena_text(PgaeText *text, Datum datum, bool trim)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);

	text->data = VARDATA_ANY(value);
	text->len = VARSIZE_ANY_EXHDR(value);
	text->detoasted = (Pointer) value != DatumGetPointer(datum) ? value : NULL;
	while (trim && text->len > 0 && text->data[text->len - 1] == ' ')
		text->len--;
}

/*
 * A "char" as text, with its length. Bytes that are not characters by themselves are written as
 * PostgreSQL 16 prints them, \303.
 */
static size_t
byte_text(char buffer[5], char value)
{
	if (IS_HIGHBIT_SET(value))
		return (size_t) snprintf(buffer, 5, "\\%03o", (unsigned) (unsigned char) value);
	buffer[0] = value;
	buffer[1] = '\0';
	return value != '\0';
}

static int64
integer_of(PgaeConv conv, Datum datum)
{
	switch (conv)
	{
		case PGAE_CONV_INT2:
			return DatumGetInt16(datum);
		case PGAE_CONV_INT4:
			return DatumGetInt32(datum);
		case PGAE_CONV_INT8:
			return DatumGetInt64(datum);
		default:
			elog(ERROR, "unexpected conversion %d", (int) conv);
	}
}

void
pgae_category_text(PgaeText *text, const PgaePart *part, Datum datum)
{
	text->detoasted = NULL;
	text->data = text->buffer;
	switch (part->conv)
	{
		case PGAE_CONV_TEXT:
		case PGAE_CONV_VARCHAR:
			varlena_text(text, datum, false);
			break;
		case PGAE_CONV_BPCHAR:
			varlena_text(text, datum, true);
			break;
		case PGAE_CONV_NAME:
			text->data = NameStr(*DatumGetName(datum));
			text->len = strlen(text->data);
			break;
		case PGAE_CONV_CHAR:
			text->len = byte_text(text->buffer, DatumGetChar(datum));
			break;
		case PGAE_CONV_ENUM:
			enum_text(text, DatumGetObjectId(datum));
			break;
		case PGAE_CONV_UUID:
			uuid_text(text, DatumGetUUIDP(datum));
			break;
		case PGAE_CONV_PRINTED:
			text->data = text->detoasted = OidOutputFunctionCall(part->output, datum);
			text->len = strlen(text->data);
			break;
		case PGAE_CONV_BOOL:
			text->len =
				strlcpy(text->buffer, DatumGetBool(datum) ? "true" : "false", sizeof(text->buffer));
			break;
		default: /* an integer */
			text->len = snprintf(text->buffer, sizeof(text->buffer), INT64_FORMAT,
								 (int64) integer_of(part->conv, datum));
			break;
	}
}

/* Calls a cast function, which may want a typmod and how explicit it is. */
static Datum
call_cast(Oid function, Datum datum, int32 typmod, bool explicit_cast, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 3);
	FmgrInfo flinfo;
	Datum result;

	/* it may run a query, which would crash without a snapshot */
	if (!ActiveSnapshotSet())
		elog(ERROR, "cast function %u is called without a snapshot", function);
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, flinfo.fn_nargs, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = datum;
	fcinfo->args[1].value = Int32GetDatum(typmod);
	fcinfo->args[2].value = BoolGetDatum(explicit_cast);
	for (int i = 0; i < 3; i++)
		fcinfo->args[i].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;
	return result;
}

ArrayType *
pgae_part_array(const PgaePart *part, Datum datum)
{
	bool isnull = false;

	if (OidIsValid(part->cast))
		datum = call_cast(part->cast, datum, -1, false, &isnull);
	return isnull ? NULL : DatumGetArrayTypeP(datum);
}

/* ---- value to datum ---- */

/*
 * Rounds half to even and saturates to [low, high]; low and high + 1 are powers of two and thus
 * exact.
 */
static int64
round_saturated(double value, int64 low, int64 high)
{
	double rounded = rint(value);

	if (isnan(value))
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
real_saturated(double value)
{
	if (isfinite(value))
		value = Max(Min(value, FLT_MAX), -FLT_MAX);
	return (float4) value;
}

static Datum
interval_datum(double value)
{
	Interval *interval = palloc0(sizeof(Interval));
	double days = floor(value / SECS_PER_DAY);

	interval->day = (int32) round_saturated(days, -100000000, 100000000);
	interval->time = (TimeOffset) round_saturated((value - days * SECS_PER_DAY) * USECS_PER_SEC, 0,
												  USECS_PER_DAY);
	return IntervalPGetDatum(interval);
}

/* Applies the precision of a typmod. */
static Datum
with_precision(Datum datum, const PgaePart *part, PGFunction scale)
{
	return part->typmod < 0 ? datum
							: DirectFunctionCall2(scale, datum, Int32GetDatum(part->typmod));
}

static Datum
time_datum(const PgaePart *part, double value)
{
	switch (part->conv)
	{
		case PGAE_CONV_DATE:
			return DateADTGetDatum((DateADT) round_saturated(
				value / SECS_PER_DAY, DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE,
				DATE_END_JULIAN - POSTGRES_EPOCH_JDATE - 1));
		case PGAE_CONV_TIME:
			return with_precision(
				TimeADTGetDatum(round_saturated(value * USECS_PER_SEC, 0, USECS_PER_DAY)), part,
				time_scale);
		case PGAE_CONV_TIMESTAMP:
			return with_precision(TimestampGetDatum(round_saturated(
									  value * USECS_PER_SEC, MIN_TIMESTAMP, END_TIMESTAMP - 1)),
								  part, timestamp_scale);
		default:
			return with_precision(TimestampTzGetDatum(round_saturated(
									  value * USECS_PER_SEC, MIN_TIMESTAMP, END_TIMESTAMP - 1)),
								  part, timestamptz_scale);
	}
}

/* A value as a datum of the part's base type. */
static Datum
base_datum(const PgaePart *part, PgaeConv conv, double value)
{
	Datum datum;

	switch (conv)
	{
		case PGAE_CONV_INT2:
			return Int16GetDatum((int16) round_saturated(value, PG_INT16_MIN, PG_INT16_MAX));
		case PGAE_CONV_INT4:
			return Int32GetDatum((int32) round_saturated(value, PG_INT32_MIN, PG_INT32_MAX));
		case PGAE_CONV_INT8:
		case PGAE_CONV_MONEY:
			return Int64GetDatum(round_saturated(value, PG_INT64_MIN, PG_INT64_MAX));
		case PGAE_CONV_FLOAT4:
			return Float4GetDatum(real_saturated(value));
		case PGAE_CONV_FLOAT8:
			return Float8GetDatum(value);
		case PGAE_CONV_NUMERIC:
			datum = DirectFunctionCall1(float8_numeric, Float8GetDatum(value));
			if (part->typmod >= (int32) VARHDRSZ)
				datum = DirectFunctionCall2(numeric, datum, Int32GetDatum(part->typmod));
			return datum;
		case PGAE_CONV_INTERVAL:
			return with_precision(interval_datum(value), part, interval_scale);
		case PGAE_CONV_BOOL:
			return BoolGetDatum(value >= 0.5);
		default:
			return time_datum(part, value);
	}
}

static void
check_domain(PgaePart *part, Datum datum, MemoryContext context)
{
	if (part->type != part->base && !part->undomained)
		domain_check(datum, false, part->type, &part->domain, context);
}

Datum
pgae_value_datum(PgaePart *part, double value, MemoryContext context)
{
	Datum datum = base_datum(part, part->conv, value);

	check_domain(part, datum, context);
	return datum;
}

static void
element_error_context(void *arg)
{
	errcontext("element [%d]", *(int *) arg);
}

int
pgae_elements(Datum **elements, bool **nulls, ArrayType *array)
{
	Oid type = ARR_ELEMTYPE(array);
	int16 len;
	bool by_value;
	char align;
	int n;

	get_typlenbyvalalign(type, &len, &by_value, &align);
	deconstruct_array(array, type, len, by_value, align, elements, nulls, &n);
	return n;
}

/* An element of an array; its domain, if it has one, is checked. */
static Datum
element_datum(PgaePart *part, double value)
{
	Datum datum = base_datum(part, part->element, value);

	if (getBaseType(part->element_type) != part->element_type && !part->undomained)
		domain_check(datum, false, part->element_type, NULL, NULL);
	return datum;
}

/* An array with the kept elements of own and the others from values. */
static Datum
merge_elements(PgaePart *part, ArrayType *own, const double *values, const bool *kept, int n)
{
	Datum *elements;
	bool *is_null;
	int lower_bound = own ? ARR_LBOUND(own)[0] : 1;
	int16 len;
	bool by_value;
	char align;
	ErrorContextCallback callback;
	int at = 0;

	get_typlenbyvalalign(part->element_type, &len, &by_value, &align);
	if (own)
		n = pgae_elements(&elements, &is_null, own);
	else
	{
		elements = palloc0(sizeof(Datum) * n);
		is_null = palloc(sizeof(bool) * n);
		memset(is_null, true, sizeof(bool) * n);
	}
	callback.callback = element_error_context;
	callback.arg = &at;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (int i = 0; i < n; i++)
	{
		at = i + 1;
		if (kept[i])
			continue;
		is_null[i] = false;
		elements[i] = element_datum(part, values[i]);
	}
	error_context_stack = callback.previous;
	return PointerGetDatum(construct_md_array(elements, is_null, 1, &n, &lower_bound,
											  part->element_type, len, by_value, align));
}

Datum
pgae_array_datum(PgaePart *part, ArrayType *own, const double *values, const bool *kept, int n,
				 MemoryContext context)
{
	Datum datum = merge_elements(part, own, values, kept, n);
	Oid back = InvalidOid;
	bool isnull;

	if (OidIsValid(part->cast))
	{
		if (find_coercion_pathway(part->base, FLOAT4ARRAYOID, COERCION_EXPLICIT, &back) !=
			COERCION_PATH_FUNC)
			ereport(ERROR, (errcode(ERRCODE_CANNOT_COERCE),
							errmsg("cannot cast type real[] to %s", format_type_be(part->base))));
		check_execute(back);
		datum = call_cast(back, datum, part->typmod, true, &isnull);
		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("cast of real[] to %s returned NULL", format_type_be(part->base))));
	}
	check_domain(part, datum, context);
	return datum;
}

bool
pgae_text_fits(const PgaePart *part, const char *text)
{
	return part->conv != PGAE_CONV_ENUM ||
		   SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(part->base),
								 CStringGetDatum(text));
}

Datum
pgae_text_datum(PgaePart *part, char *text, MemoryContext context)
{
	Oid input, parameter;
	Datum datum;
	unsigned byte;

	if (part->conv == PGAE_CONV_CHAR && strlen(text) == 4 && sscanf(text, "\\%3o", &byte) == 1 &&
		byte >= 0200)
		datum = CharGetDatum((char) byte);
	else
	{
		getTypeInputInfo(part->base, &input, &parameter);
		datum = OidInputFunctionCall(input, text, parameter, part->typmod);
	}
	check_domain(part, datum, context);
	return datum;
}

char *
pgae_datum_text(const PgaePart *part, Datum datum)
{
	Oid output;
	bool is_varlena;
	char byte[5];

	/* PostgreSQL before 16 prints a byte that may not be a character */
	if (part->conv == PGAE_CONV_CHAR)
	{
		byte_text(byte, DatumGetChar(datum));
		return pstrdup(byte);
	}
	getTypeOutputInfo(part->type, &output, &is_varlena);
	return OidOutputFunctionCall(output, datum);
}
