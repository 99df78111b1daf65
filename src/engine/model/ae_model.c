/*
 * ae_model.c: model bytes, written and read.
 *
 * The format is described once, by the io_* functions below: each visits its
 * fields in order, and moves them out of the model or into it.  So reader and
 * writer cannot disagree, and both make every check, at the same offset.  The
 * table at the top of ae_model.h is the specification.
 *
 * The reader trusts nothing: a size is compared with its cap before it enters a
 * product, and with the bytes that are left before anything is placed.  The first
 * fault sticks; from then on fields read as zero and loops end.  It runs twice:
 * with an arena that counts (ae_model_check), then with one that places.
 *
 * Knows no file and no database.
 */
#include "ae_model.h"

#include <math.h>
#include <string.h>

#include "ae_crc32c.h"
#include "ae_target.h"

const char *const ae_purpose_name[AE_PURPOSE_COUNT] = {
	[AE_PURPOSE_DETECT] = "detect",
	[AE_PURPOSE_COMPRESS] = "compress",
};

const char *const ae_filling_name[AE_FILLING_COUNT] = {
	[AE_FILLING_ONCE] = "once",
	[AE_FILLING_PASSES] = "passes",
	[AE_FILLING_STARTS] = "starts",
};

/* As PNG's: a high bit, both line ends and ^Z show what a careless transport did. */
static const uint8_t magic[8] = {0x89, 'A', 'E', 'M', 0x0d, 0x0a, 0x1a, 0x0a};

#define HEADER_BYTES 32
#define CHECKSUM_AT 24
#define CHECKED_AGAIN_AT 28

#define FLAG_ARRAY 1u
#define FLAG_RAW_NAMES 2u
#define FLAG_BUNDLE 4u

#define FLAG_VARIES 1u
#define FLAG_INDICATOR 2u
#define FLAG_OBSERVED 4u
#define FLAG_WIDE 8u

#define COLUMN_BYTES 76 /* without its name */
#define LEVEL_BYTES 12  /* without its text */
#define POINT_BYTES 16
#define EPOCH_BYTES 12

#define NAN_64 0x7ff8000000000000u
#define NAN_32 0x7fc00000u
#define INFINITE_32 0x7f800000u /* exponent of infinities and NaNs */

/* Counts go through double in messages and p-values. */
#define MAX_COUNT ((uint64_t) 1 << 53)

typedef enum FloatRule
{
	FINITE,
	FINITE_OR_NAN,
	NOT_NEGATIVE, /* and finite */
	SCORE         /* not negative; +Infinity allowed */
} FloatRule;

/* One pass over the format: reading (in), writing (out), or counting (neither). */
typedef struct Io
{
	const uint8_t *in;
	uint8_t *out;
	size_t at;
	size_t limit;  /* bytes of in or out; the cap while counting */
	bool verified; /* the checksum was found right in an earlier pass */
	AeStatus status;
	AeError *error;
} Io;

/* ---- faults ---- */

/* Records the first fault: what is wrong at offset. */
static void
fault(Io *io, size_t offset, const char *what)
{
	if (io->status != AE_OK)
		return;
	io->status = ae_fail(io->error, AE_ERR_CORRUPT, what, 0.0, 0.0, 0.0);
	if (io->error)
		io->error->offset = offset;
}

/* A number outside its range: a corrupt byte to the reader, a limit to who writes. */
static bool
within(Io *io, size_t offset, const char *what, uint64_t value, uint64_t low, uint64_t high)
{
	if (io->status != AE_OK)
		return false;
	if (value >= low && value <= high)
		return true;
	if (io->in)
		fault(io, offset, what);
	else
		io->status =
			ae_fail(io->error, AE_ERR_LIMIT, what, (double) value, (double) low, (double) high);
	return false;
}

/* Takes over what another module's check said. */
static void
judged(Io *io, size_t offset, AeStatus status, const AeError *error)
{
	if (status == AE_OK || io->status != AE_OK)
		return;
	if (io->in)
		fault(io, offset, error->what);
	else
	{
		io->status = status;
		if (io->error)
			*io->error = *error;
	}
}

/* Moves on by n bytes and says where they started, if there is room for them. */
static bool
advance(Io *io, size_t *start, size_t n)
{
	*start = io->at;
	if (io->status != AE_OK)
		return false;
	if (n > io->limit - io->at)
	{
		if (io->in)
			fault(io, io->limit, "ends early");
		else
			io->status = ae_fail(io->error, AE_ERR_LIMIT, "model bytes",
								 (double) io->at + (double) n, 0.0, (double) io->limit);
		return false;
	}
	io->at += n;
	return true;
}

/* ---- fields ---- */

static void
store(uint8_t *p, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
load(const uint8_t *p, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t) p[i] << (8 * i);
	return value;
}

/* An unsigned field of `size` bytes: the value read, or value, written; 0 after a fault. */
static uint64_t
io_uint(Io *io, uint64_t value, unsigned size)
{
	size_t start;

	if (!advance(io, &start, size))
		return 0;
	if (io->in)
		return load(io->in + start, size);
	if (io->out)
		store(io->out + start, value, size);
	return value;
}

static void
io_u32(Io *io, uint32_t *field)
{
	*field = (uint32_t) io_uint(io, *field, 4);
}

static void
io_u64(Io *io, uint64_t *field)
{
	*field = io_uint(io, *field, 8);
}

/* A u64 that counts something. */
static void
io_count(Io *io, uint64_t *field, const char *what)
{
	size_t start = io->at;

	io_u64(io, field);
	within(io, start, what, *field, 0, MAX_COUNT);
}

/* One byte below `count`: an enum, or a boolean with count 2. */
static int
io_enum(Io *io, int value, int count, const char *what)
{
	size_t start = io->at;
	int got = value >= 0 && value < count ? value : 0xff;

	got = (int) io_uint(io, (uint64_t) got, 1);
	if (got >= count)
	{
		fault(io, start, what);
		return 0;
	}
	return got;
}

static void
io_reserved(Io *io, unsigned size)
{
	size_t start = io->at;

	if (io_uint(io, 0, size) != 0)
		fault(io, start, "reserved bytes are not zero");
}

static bool
obeys(double value, FloatRule rule)
{
	switch (rule)
	{
		case FINITE:
			return isfinite(value);
		case FINITE_OR_NAN:
			return isfinite(value) || isnan(value);
		case NOT_NEGATIVE:
			return isfinite(value) && value >= 0.0;
		case SCORE:
			return value >= 0.0;
	}
	return false;
}

static void
io_f64(Io *io, double *field, FloatRule rule, const char *what)
{
	size_t start = io->at;
	uint64_t bits = NAN_64;
	double value;

	if (!isnan(*field))
		memcpy(&bits, field, sizeof bits);
	bits = io_uint(io, bits, 8);
	memcpy(&value, &bits, sizeof value);
	if (!obeys(value, rule) || (isnan(value) && bits != NAN_64))
		fault(io, start, what);
	else
		*field = value;
}

static void
io_f32(Io *io, float *field, FloatRule rule, const char *what)
{
	size_t start = io->at;
	uint32_t bits = NAN_32;
	float value;

	if (!isnan(*field))
		memcpy(&bits, field, sizeof bits);
	bits = (uint32_t) io_uint(io, bits, 4);
	memcpy(&value, &bits, sizeof value);
	if (!obeys((double) value, rule) || (isnan(value) && bits != NAN_32))
		fault(io, start, what);
	else
		*field = value;
}

/* ---- header ---- */

/* CRC-32C of everything but the field that holds it. */
static uint32_t
checksum(const uint8_t *bytes, size_t length)
{
	uint32_t crc = ae_crc32c(0, bytes, CHECKSUM_AT);

	return ae_crc32c(crc, bytes + CHECKED_AGAIN_AT, length - CHECKED_AGAIN_AT);
}

/* A version from 1 to the newest this build knows; a newer one is no corruption. */
static uint16_t
io_version(Io *io, uint16_t value, uint16_t newest, const char *what)
{
	size_t start = io->at;

	value = (uint16_t) io_uint(io, value, 2);
	if (io->status == AE_OK && value > newest)
		io->status = ae_fail(io->error, AE_ERR_VERSION, what, value, 1.0, newest);
	else if (value < 1)
		fault(io, start, what);
	return value;
}

/*
 * length: of the whole, as the writer knows it; *bundle: whether a bundle is written, or, of
 * what is read, whether it is one.
 */
static void
io_header(Io *io, AeModel *model, size_t length, bool *bundle)
{
	AeSchema *schema = &model->schema;
	uint32_t flags = (schema->is_array ? FLAG_ARRAY : 0) |
					 (schema->raw_names ? FLAG_RAW_NAMES : 0) | (*bundle ? FLAG_BUNDLE : 0);
	uint32_t crc = 0; /* the writer fills it in at the end */
	uint64_t total = length;

	for (unsigned i = 0; i < sizeof magic; i++)
		if (io_uint(io, magic[i], 1) != magic[i])
			fault(io, i, "not a model");
	model->format = io_version(io, AE_MODEL_FORMAT, AE_MODEL_FORMAT, "format version");
	model->arithmetic = (uint16_t) io_uint(io, model->arithmetic, 2);
	io_u32(io, &flags);
	io_u64(io, &total);
	io_u32(io, &crc);
	io_reserved(io, 4);
	if (total != length)
		fault(io, 16, total > length ? "ends early" : "bytes after the end");
	if (io->in && !io->verified && io->status == AE_OK && crc != checksum(io->in, length))
		fault(io, CHECKSUM_AT, "checksum does not match");
	if (flags & ~(FLAG_ARRAY | FLAG_RAW_NAMES | FLAG_BUNDLE))
		fault(io, 12, "flags");
	*bundle = (flags & FLAG_BUNDLE) != 0;
	/* judged last: only of intact bytes can one say that they are of a newer version */
	if (io->status == AE_OK && model->arithmetic > AE_MODEL_ARITHMETIC)
		io->status = ae_fail(io->error, AE_ERR_VERSION, "arithmetic version", model->arithmetic,
							 1.0, AE_MODEL_ARITHMETIC);
	if (model->arithmetic < 1)
		fault(io, 10, "arithmetic version");
	schema->is_array = flags & FLAG_ARRAY;
	schema->raw_names = (flags & FLAG_RAW_NAMES) != 0;
}

/* ---- schema ---- */

typedef struct Name
{
	const char *text;
	uint32_t len;
} Name;

/* What is known of the columns seen so far. */
typedef struct Tally
{
	uint64_t text_bytes; /* of names and levels so far */
	uint64_t limit;      /* of text_bytes; the writer has none */
	char *texts;         /* where the reader puts the next one, or NULL */
	uint32_t element;    /* of the value before */
	uint32_t n_names;
	uint32_t n_categories;              /* that vary */
	Name names[AE_MAX_COLUMNS];         /* sorted by length, then bytes */
	uint32_t n_outputs[AE_MAX_COLUMNS]; /* of each such category */
} Tally;

static int
compare_names(const Name *a, const Name *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

/*
 * Enters a name; false if it is there.  A logarithm of comparisons, so long names cost no square.
 */
static bool
add_name(Tally *tally, const char *text, uint32_t len)
{
	Name name = {text, len};
	uint32_t low = 0;
	uint32_t high = tally->n_names;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		int order = compare_names(&name, &tally->names[middle]);

		if (order == 0)
			return false;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	memmove(&tally->names[low + 1], &tally->names[low], (tally->n_names - low) * sizeof(Name));
	tally->names[low] = name;
	tally->n_names++;
	return true;
}

/* Length of the UTF-8 character at p (n bytes are left), 0 if it is none (RFC 3629, section 4). */
static unsigned
utf8_length(const uint8_t *p, size_t n)
{
	unsigned length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint8_t low = 0x80, high = 0xbf; /* of the second byte: no overlong form, no surrogate */

	if (length == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static bool
is_utf8(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *) text;
	unsigned length;

	for (size_t i = 0; i < len; i += length)
	{
		length = utf8_length(p + i, len - i);
		if (length == 0)
			return false;
	}
	return true;
}

/*
 * A text of len bytes, moved from or to *text; reading leaves *text pointing where the reader
 * puts texts, or into the input while it counts.
 */
static void
io_text(Io *io, Tally *tally, const char **text, uint32_t len)
{
	size_t start;

	if (!advance(io, &start, len))
		return;
	tally->text_bytes += len;
	if (io->in && tally->text_bytes > tally->limit)
	{
		fault(io, start, "length of all texts");
		return;
	}
	if (io->in)
	{
		*text = (const char *) io->in + start;
		if (tally->texts && len > 0)
		{
			*text = memcpy(tally->texts, *text, len);
			tally->texts += len;
		}
	}
	else if (io->out && len > 0)
		memcpy(io->out + start, *text, len);
}

static bool
is_text(const char *text, uint32_t len, bool raw)
{
	return !memchr(text, 0, len) && (raw || is_utf8(text, len));
}

static void
io_name(Io *io, Tally *tally, const AeSchema *schema, AeColumn *column)
{
	bool named = !schema->is_array && column->element <= 1;
	size_t start = io->at;

	io_u32(io, &column->name_len);
	if (!within(io, start, "length of a column name", column->name_len, named ? 1 : 0,
				named ? AE_MAX_NAME : 0))
		return;
	start = io->at;
	io_text(io, tally, &column->name, column->name_len);
	if (!named)
		column->name = NULL;
	if (io->status != AE_OK || !named)
		return;
	if (!is_text(column->name, column->name_len, schema->raw_names))
		fault(io, start, "column name is not UTF-8, or holds a zero byte");
	else if (tally->n_names == AE_MAX_COLUMNS)
		within(io, start, "number of columns with a name", AE_MAX_COLUMNS + 1, 1, AE_MAX_COLUMNS);
	else if (!add_name(tally, column->name, column->name_len))
		fault(io, start, "column name twice");
}

/* Whether level b may follow level a. */
static bool
levels_ordered(const AeLevel *a, const AeLevel *b)
{
	uint32_t len = a->len < b->len ? a->len : b->len;
	int order;

	if (a->count != b->count)
		return a->count > b->count;
	order = len > 0 ? memcmp(a->text, b->text, len) : 0;
	return order < 0 || (order == 0 && a->len < b->len);
}

/* True if the input still holds n elements of so many bytes; the writer has no such doubt. */
static bool
holds(Io *io, uint32_t n, size_t size)
{
	if (io->status == AE_OK && io->in && n > (io->limit - io->at) / size)
		fault(io, io->limit, "ends early");
	return io->status == AE_OK;
}

static void
io_level(Io *io, Tally *tally, AeLevel *level, uint64_t *left, bool raw)
{
	size_t start = io->at;

	io_u64(io, &level->count);
	within(io, start, "count of a level", level->count, 1, MAX_COUNT);
	io_u32(io, &level->len);
	if (!within(io, start + 8, "length of a level", level->len, 0, *left))
		return;
	*left -= level->len;
	io_text(io, tally, &level->text, level->len);
	if (io->status == AE_OK && !is_text(level->text, level->len, raw))
		fault(io, start + LEVEL_BYTES, "level is not UTF-8, or holds a zero byte");
}

static void
io_levels(Io *io, Tally *tally, const AeSchema *schema, AeColumn *column, AeArena *arena)
{
	AeLevel before = {0}, *to = NULL;
	uint64_t left = AE_MAX_NAME;
	size_t start;

	io_count(io, &column->other, "rows of other levels");
	start = io->at;
	io_u32(io, &column->n_levels);
	if (!within(io, start, "number of levels", column->n_levels, 0, AE_MAX_INPUTS) ||
		!holds(io, column->n_levels, LEVEL_BYTES))
		return;
	if (io->in)
		to = ae_arena_place(arena, column->n_levels, sizeof(AeLevel));
	for (uint32_t i = 0; i < column->n_levels && io->status == AE_OK; i++)
	{
		AeLevel level = {0};

		start = io->at;
		if (!io->in)
			level = column->levels[i];
		io_level(io, tally, &level, &left, schema->raw_names);
		if (i > 0 && io->status == AE_OK && !levels_ordered(&before, &level))
			fault(io, start, "order of levels");
		before = level;
		if (to)
			to[i] = level;
	}
	if (io->in)
		column->levels = to;
}

static void
io_knots(Io *io, AeColumn *column, AeArena *arena)
{
	double before = 0.0, first = 0.0;
	double *to = io->in ? ae_arena_place(arena, AE_KNOTS, sizeof(double)) : NULL;

	for (int k = 0; k < AE_KNOTS && io->status == AE_OK; k++)
	{
		size_t start = io->at;
		double knot = io->in ? 0.0 : column->knots[k];

		io_f64(io, &knot, FINITE, "knot of a scaling");
		if (k > 0 && knot < before)
			fault(io, start, "order of knots");
		if (k == 0)
			first = knot;
		if (!isfinite(knot - first)) /* places between knots would be no numbers */
			fault(io, start, "range of knots");
		before = knot;
		if (to)
			to[k] = knot;
	}
	if (io->in)
		column->knots = to;
}

/* Judges one column beside the one before it. */
static const char *
column_fault(Tally *tally, const AeSchema *schema, const AeColumn *column)
{
	bool category = column->kind == AE_KIND_CATEGORY;

	if (column->sd < 0.0)
		return "column deviation";
	if (column->min > column->max)
		return "column range";
	if (!(column->scale > 0.0))
		return "column scale";
	if (column->parts > (column->kind == AE_KIND_TIME ? AE_PART_ALL : 0))
		return "parts of a time";
	if ((schema->is_array || column->element > 0) && column->kind != AE_KIND_NUMBER)
		return "column kind";
	if (schema->is_array ? column->element != 0
						 : column->element > 1 && column->element != tally->element + 1)
		return "element of a column";
	if (column->varies && !column->observed)
		return "column flags";
	if (column->wide && (!category || !column->varies || column->other == 0))
		return "column flags";
	if (category && (column->indicator || column->varies != (ae_column_outputs(column) > 1) ||
					 column->observed != (ae_column_outputs(column) > 0)))
		return "column flags";
	return NULL;
}

static void
io_column(Io *io, Tally *tally, const AeSchema *schema, AeColumn *column, AeArena *arena)
{
	size_t start = io->at;
	uint32_t flags = (column->varies ? FLAG_VARIES : 0) | (column->indicator ? FLAG_INDICATOR : 0) |
					 (column->observed ? FLAG_OBSERVED : 0) | (column->wide ? FLAG_WIDE : 0);
	const char *problem;

	column->kind = (AeKind) io_enum(io, (int) column->kind, AE_KIND_COUNT, "column kind");
	column->scaling = (AeScaling) io_enum(io, (int) column->scaling, AE_SCALING_COUNT, "scaling");
	column->parts = (uint32_t) io_uint(io, column->parts, 1);
	flags = (uint32_t) io_uint(io, flags, 1);
	if (flags & ~(FLAG_VARIES | FLAG_INDICATOR | FLAG_OBSERVED | FLAG_WIDE))
		fault(io, start + 3, "column flags");
	column->varies = (flags & FLAG_VARIES) != 0;
	column->indicator = (flags & FLAG_INDICATOR) != 0;
	column->observed = (flags & FLAG_OBSERVED) != 0;
	column->wide = (flags & FLAG_WIDE) != 0;
	io_u32(io, &column->element);
	io_name(io, tally, schema, column);
	io_f64(io, &column->shift, FINITE, "column shift");
	io_f64(io, &column->scale, FINITE, "column scale");
	io_f64(io, &column->mean, FINITE, "column mean");
	io_f64(io, &column->sd, FINITE, "column deviation");
	io_f64(io, &column->min, FINITE, "column minimum");
	io_f64(io, &column->max, FINITE, "column maximum");
	io_count(io, &column->n_missing, "number of NULLs");
	io_f64(io, &column->unseen, NOT_NEGATIVE, "cost of an unseen value");
	if (column->kind == AE_KIND_CATEGORY)
		io_levels(io, tally, schema, column, arena);
	else if (column->scaling == AE_SCALING_QUANTILE && column->varies)
		io_knots(io, column, arena);
	if (io->status != AE_OK)
		return;
	problem = column_fault(tally, schema, column);
	if (problem)
		fault(io, start, problem);
	tally->element = column->element;
	if (io->status == AE_OK && column->kind == AE_KIND_CATEGORY && column->varies)
		tally->n_outputs[tally->n_categories++] = ae_column_outputs(column);
}

/* The column of a target: what a column may be, and less. */
static void
io_target(Io *io, Tally *tally, AeSchema *schema, AeArena *arena)
{
	AeColumn *target = &schema->target;
	uint32_t n_categories = tally->n_categories;
	size_t start = io->at;

	if (schema->is_array)
	{
		fault(io, start, "target of arrays");
		return;
	}
	io_column(io, tally, schema, target, arena);
	tally->n_categories = n_categories; /* it has no cell */
	target->cell = -1;
	if (target->kind == AE_KIND_TIME || target->scaling != AE_SCALING_STANDARD ||
		target->element != 0 || target->indicator || target->wide || !target->varies ||
		(target->kind == AE_KIND_CATEGORY && target->n_levels < 2))
		fault(io, start, "column of the target");
}

/* All columns; reading places them and their texts where the arena has room. */
static void
io_columns(Io *io, Tally *tally, AeSchema *schema, AeArena *arena)
{
	AeColumn *to = NULL;
	bool open = false;

	if (io->in)
	{
		to = ae_arena_place(arena, schema->n_columns, sizeof(AeColumn));
		tally->texts = ae_arena_place(arena, tally->limit, 1);
	}
	for (uint32_t c = 0; c < schema->n_columns && io->status == AE_OK; c++)
	{
		AeColumn column = {0};

		if (!io->in)
			column = schema->columns[c];
		io_column(io, tally, schema, &column, arena);
		if (to)
			to[c] = column;
		else if (io->in && io->status == AE_OK)
			ae_schema_count(schema, &column, &open);
	}
	if (schema->has_target && io->status == AE_OK)
		io_target(io, tally, schema, arena);
	if (io->in)
		schema->columns = to;
	if (to && io->status == AE_OK)
		ae_schema_layout(schema);
}

/* Bytes of the name and the levels of a column; capped ones, so that a sum fits. */
static uint32_t
column_texts(const AeColumn *column)
{
	uint32_t sum = column->name_len <= AE_MAX_NAME ? column->name_len : 0;

	for (uint32_t i = 0; column->kind == AE_KIND_CATEGORY && i < column->n_levels; i++)
		if (column->levels[i].len <= AE_MAX_NAME)
			sum += column->levels[i].len;
	return sum;
}

static uint32_t
sum_texts(const AeSchema *schema)
{
	uint32_t sum = schema->has_target ? column_texts(&schema->target) : 0;

	for (uint32_t c = 0; c < schema->n_columns; c++)
		sum += column_texts(&schema->columns[c]);
	return sum;
}

static void
io_schema(Io *io, Tally *tally, AeModel *model, AeArena *arena)
{
	AeSchema *schema = &model->schema;
	size_t start = io->at;
	uint32_t text_bytes = 0;

	memset(tally, 0, offsetof(Tally, names));
	model->purpose = (AePurpose) io_enum(io, (int) model->purpose, AE_PURPOSE_COUNT, "purpose");
	model->loss = (AeLoss) io_enum(io, (int) model->loss, AE_LOSS_COUNT, "loss");
	if (ae_loss_is_category(model->loss))
		fault(io, start + 1, "loss");
	model->category_loss =
		(AeLoss) io_enum(io, (int) model->category_loss, AE_LOSS_COUNT, "category loss");
	if (!ae_loss_is_category(model->category_loss))
		fault(io, start + 2, "category loss");
	schema->has_target = io_enum(io, schema->has_target, 2, "flag of a target") != 0;
	io_u32(io, &schema->n_columns);
	if (!within(io, start + 4, "number of columns", schema->n_columns, 1, AE_MAX_VALUES))
		return;
	if (!io->in)
		text_bytes = sum_texts(schema);
	io_u32(io, &text_bytes);
	io_f64(io, &schema->clip, NOT_NEGATIVE, "clip");
	io_u32(io, &schema->max_levels);
	io_u32(io, &schema->min_frequency);
	if (io->in && (uint64_t) schema->n_columns * COLUMN_BYTES + text_bytes > io->limit - io->at)
	{
		fault(io, io->limit, "ends early");
		return;
	}
	tally->limit = text_bytes;
	io_columns(io, tally, schema, arena);
	if (tally->text_bytes != text_bytes)
		fault(io, start + 8, "length of all texts");
	if (io->status == AE_OK && schema->n_varying == 0)
		fault(io, start + 4, "no column varies");
}

/* ---- net ---- */

/*
 * The layout follows from the schema: the reader sets it, the writer insists on it.  While
 * the reader counts, columns are not there to be laid out, and their counts have to do.
 */
static void
settle_layout(Io *io, AeModel *model, AeArena *arena, size_t offset)
{
	AeSchema *schema = &model->schema;
	AeLayout *layout = &model->net.layout;

	if (io->in)
	{
		AeBlock *blocks = ae_arena_place(arena, schema->n_blocks, sizeof(AeBlock));
		uint32_t *indicators = ae_arena_place(arena, schema->n_indicators, sizeof(uint32_t));

		if (schema->columns)
			ae_schema_blocks(layout, blocks, indicators, schema, model->loss, model->category_loss);
		else
			*layout = (AeLayout){.n_dense = schema->n_dense,
								 .n_indicators = schema->n_indicators,
								 .n_categories = schema->n_categories,
								 .n_wide = schema->n_wide,
								 .n_levels = schema->n_levels};
	}
	if (layout->n_dense != schema->n_dense || layout->n_wide != schema->n_wide ||
		layout->n_levels != schema->n_levels || layout->n_indicators != schema->n_indicators)
		fault(io, offset, "layout");
}

static void
io_net(Io *io, AeModel *model, AeArena *arena)
{
	AeNet *net = &model->net;
	size_t start = io->at;
	AeError error = {0};

	io_u32(io, &net->n_layers);
	io_u32(io, &net->n_encoder);
	io_u32(io, &net->top_k);
	io_u32(io, &net->gated);
	io_u32(io, &net->n_target);
	if (!within(io, start, "number of layers", net->n_layers, 2, AE_MAX_LAYERS))
		return;
	for (uint32_t l = 0; l <= net->n_layers; l++)
		io_u32(io, &net->width[l]);
	for (uint32_t l = 0; l < net->n_layers; l++)
		net->activation[l] =
			(AeActivation) io_enum(io, (int) net->activation[l], AE_ACTIVATION_COUNT, "activation");
	if (io->status != AE_OK)
		return;
	if (net->n_target != (model->schema.has_target ? ae_target_outputs(&model->schema.target) : 0))
		fault(io, start + 16, "outputs of the target");
	settle_layout(io, model, arena, start);
	if (io->status == AE_OK)
		judged(io, start, io->in ? ae_net_check_shape(net, &error) : ae_net_check(net, &error),
			   &error);
}

/* ---- options and outcome ---- */

/* Options that take a byte: an enum, or a run of flags, which share one. */
static bool
is_small(const AeOptionInfo *info)
{
	return info->type == AE_OPTION_ENUM || info->type == AE_OPTION_FLAG;
}

/* The flags from option i on; returns how many there are. */
static size_t
io_flags(Io *io, AeTrainOptions *options, size_t i)
{
	int bits = 0;
	size_t n = 0;

	while (i + n < ae_n_options && ae_option_info[i + n].type == AE_OPTION_FLAG)
	{
		bits |= (ae_option_value(options, &ae_option_info[i + n]) != 0) << n;
		n++;
	}
	bits = io_enum(io, bits, 1 << n, "flags of options");
	for (size_t k = 0; k < n; k++)
		ae_option_set(options, &ae_option_info[i + k], bits >> k & 1);
	return n;
}

/* The option i, or the flags from it on; returns how many that were. */
static size_t
io_option(Io *io, AeTrainOptions *options, size_t i)
{
	const AeOptionInfo *info = &ae_option_info[i];
	void *at = (char *) options + info->offset;

	switch (info->type)
	{
		case AE_OPTION_ENUM:
			*(int *) at = io_enum(io, *(int *) at, (int) info->high + 1, info->name);
			return 1;
		case AE_OPTION_FLAG:
			return io_flags(io, options, i);
		case AE_OPTION_REAL:
			io_f64(io, at, FINITE, info->name);
			return 1;
		case AE_OPTION_COUNT32:
			io_u32(io, at);
			return 1;
		case AE_OPTION_COUNT64:
			io_u64(io, at);
			return 1;
		case AE_OPTION_TYPE_COUNT:
			break;
	}
	return 1;
}

static void
io_options(Io *io, AeTrainOptions *options)
{
	size_t start = io->at;
	AeError error = {0};

	for (size_t i = 0; i < ae_n_options;)
	{
		bool small = is_small(&ae_option_info[i]);

		i += io_option(io, options, i);
		if (small && (i == ae_n_options || !is_small(&ae_option_info[i])))
			io_reserved(io, (8 - (io->at - start) % 8) % 8);
	}
	if (io->status == AE_OK)
		judged(io, start, ae_train_options_check(options, &error), &error);
}

static void
io_target_outcome(Io *io, AeModel *model)
{
	size_t start = io->at;

	io_f64(io, &model->target_loss, FINITE_OR_NAN, "loss of the target");
	io_f64(io, &model->target_accuracy, FINITE_OR_NAN, "accuracy of the target");
	if (model->target_loss < 0.0)
		fault(io, start, "loss of the target");
	if (model->target_accuracy > 1.0)
		fault(io, start + 8, "accuracy of the target");
}

static void
io_outcome(Io *io, AeModel *model)
{
	size_t start = io->at;

	model->state = (AeTrainState) io_enum(io, (int) model->state, AE_TRAIN_STATE_COUNT, "state");
	model->filling = (AeFilling) io_enum(io, (int) model->filling, AE_FILLING_COUNT, "filling");
	io_reserved(io, 2);
	io_count(io, &model->n_rows, "number of rows");
	io_count(io, &model->n_validation, "number of validation rows");
	io_count(io, &model->n_updates, "number of updates");
	io_count(io, &model->n_epochs, "number of epochs");
	io_count(io, &model->best_epoch, "best epoch");
	io_f64(io, &model->train_loss, FINITE_OR_NAN, "training loss");
	io_f64(io, &model->validation_loss, FINITE_OR_NAN, "validation loss");
	io_f64(io, &model->mean_loss, FINITE, "loss of the mean");
	io_f64(io, &model->pca_loss, FINITE_OR_NAN, "loss of PCA");
	io_f64(io, &model->seconds, NOT_NEGATIVE, "seconds");
	io_f64(io, &model->code_zeros, NOT_NEGATIVE, "share of zeros in codes");
	io_f64(io, &model->code_mean, FINITE, "mean of codes");
	io_u32(io, &model->n_dead);
	io_u32(io, &model->server_version);
	io_f64(io, &model->jacobian, FINITE_OR_NAN, "norm of the Jacobian");
	if (model->schema.has_target)
		io_target_outcome(io, model);
	else
		model->target_loss = model->target_accuracy = NAN;
	if (io->status != AE_OK)
		return;
	if (model->n_validation > model->n_rows)
		fault(io, start + 12, "number of validation rows");
	if (model->n_dead > model->net.width[model->net.n_encoder])
		fault(io, start + 100, "number of dead code units");
	if (model->code_zeros > 1.0)
		fault(io, start + 84, "share of zeros in codes");
	if (model->jacobian < 0)
		fault(io, start + 108, "norm of the Jacobian");
}

/* ---- weights ---- */

/* Spelled out so that compilers make one load or store of it. */
static uint32_t
load_u32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static void
store_u32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t) value;
	p[1] = (uint8_t) (value >> 8);
	p[2] = (uint8_t) (value >> 16);
	p[3] = (uint8_t) (value >> 24);
}

/* Faults at the first of n weights that is infinite or NaN; one pass without a branch first. */
static void
check_weights(Io *io, const uint8_t *p, size_t n, size_t start)
{
	uint32_t bad = 0;
	size_t i;

	for (i = 0; i < n; i++)
		bad |= (load_u32(p + 4 * i) & INFINITE_32) == INFINITE_32;
	if (!bad)
		return;
	for (i = 0; (load_u32(p + 4 * i) & INFINITE_32) != INFINITE_32; i++)
		;
	fault(io, start + 4 * i, "weight is not finite");
}

static void
read_weights(AeReal *to, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t bits = load_u32(p + 4 * i);
		float weight;

		memcpy(&weight, &bits, sizeof weight);
		to[i] = (AeReal) weight;
	}
}

static void
write_weights(Io *io, const AeReal *from, size_t n, size_t start)
{
	for (size_t i = 0; i < n; i++)
	{
		float weight = (float) from[i];
		uint32_t bits;

		memcpy(&bits, &weight, sizeof bits);
		if ((bits & INFINITE_32) == INFINITE_32)
		{
			fault(io, start + 4 * i, "weight is not finite");
			return;
		}
		if (io->out)
			store_u32(io->out + start + 4 * i, bits);
	}
}

static void
io_weights(Io *io, AeModel *model, AeArena *arena)
{
	AeReal *to;
	size_t start;
	size_t n;

	if (io->status != AE_OK)
		return;
	/* ae_net_check saw to it that 4 n is at most AE_MAX_MODEL */
	n = ae_net_n_params(&model->net);
	if (!advance(io, &start, 4 * n))
		return;
	if (!io->in)
	{
		write_weights(io, model->params, n, start);
		return;
	}
	to = ae_arena_place(arena, n, sizeof(AeReal));
	check_weights(io, io->in + start, n, start);
	if (to && io->status == AE_OK)
		read_weights(to, io->in + start, n);
	model->params = to;
}

/* ---- calibration and history ---- */

static void
io_points(Io *io, AeCalibration *calibration)
{
	double last_score = INFINITY;
	uint64_t last_above = 0;

	for (uint32_t i = 0; i < calibration->n_points && io->status == AE_OK; i++)
	{
		size_t start = io->at;
		double score = io->in ? 0.0 : calibration->score[i];
		uint64_t n_above = io->in ? 0 : calibration->n_above[i];

		io_f64(io, &score, SCORE, "calibration score");
		io_u64(io, &n_above);
		if (i > 0 && !(score < last_score))
			fault(io, start, "order of calibration scores");
		if (n_above <= last_above)
			fault(io, start + 8, "order of calibration ranks");
		last_score = score;
		last_above = n_above;
		if (io->in && calibration->score && io->status == AE_OK)
		{
			calibration->score[i] = score;
			calibration->n_above[i] = n_above;
		}
	}
	if (last_above != calibration->n)
		fault(io, io->at, "last calibration rank");
}

static void
io_calibration(Io *io, AeCalibration *calibration, AeArena *arena)
{
	size_t start = io->at;

	io_count(io, &calibration->n, "number of calibration scores");
	io_u32(io, &calibration->n_points);
	calibration->unseen = io_enum(io, calibration->unseen, 2, "calibration flag") != 0;
	io_reserved(io, 3);
	if (!within(io, start + 8, "number of calibration points", calibration->n_points, 0,
				AE_CALIBRATION_POINTS) ||
		!holds(io, calibration->n_points, POINT_BYTES))
		return;
	if (io->in)
	{
		calibration->score = ae_arena_place(arena, calibration->n_points, sizeof(double));
		calibration->n_above = ae_arena_place(arena, calibration->n_points, sizeof(uint64_t));
	}
	io_points(io, calibration);
}

/* Cell i of the prototypes, as it stands in the bytes or will stand there. */
static float
prototype_cell(const Io *io, const AePrototypes *prototypes, size_t i, size_t start)
{
	uint32_t bits;
	float cell;

	if (!io->in)
		return (float) prototypes->cells[i];
	bits = load_u32(io->in + start + 4 * i);
	memcpy(&cell, &bits, sizeof cell);
	return cell;
}

/* Faults at the first of n cells of prototypes that no row could have. */
static void
check_prototypes(Io *io, const Tally *tally, const AeModel *model, size_t n, size_t start)
{
	const AeLayout *layout = &model->net.layout;
	size_t n_cells = ae_layout_cells(layout);

	for (size_t i = 0; i < n; i++)
	{
		float cell = prototype_cell(io, &model->prototypes, i, start);
		size_t c = i % n_cells;
		bool good = isfinite(cell);

		if (good && c >= layout->n_dense + layout->n_categories)
			good = cell == 0;
		else if (good && c >= layout->n_dense)
			good = cell >= 0 && cell < (float) tally->n_outputs[c - layout->n_dense] &&
				   cell == (float) (uint32_t) cell;
		if (good)
			continue;
		fault(io, start + 4 * i, "cell of a prototype");
		return;
	}
}

static void
io_detector(Io *io, const Tally *tally, AeModel *model, AeArena *arena)
{
	AePrototypes *p = &model->prototypes;
	size_t at = io->at, start, n;

	io_f64(io, &model->error_norm, FINITE, "norm of errors");
	io_f64(io, &model->distance_norm, FINITE, "norm of distances");
	if (io->status == AE_OK && (!(model->error_norm > 0.0) || !(model->distance_norm > 0.0)))
		fault(io, at, "norm of a score");
	at = io->at;
	io_u32(io, &p->n);
	if (!within(io, at, "number of prototypes", p->n, 0, AE_MAX_PROTOTYPES))
		return;
	n = (size_t) p->n * ae_layout_cells(&model->net.layout);
	if (!advance(io, &start, 4 * n))
		return;
	check_prototypes(io, tally, model, n, start);
	if (!io->in)
	{
		write_weights(io, p->cells, n, start);
		return;
	}
	p->cells = ae_arena_place(arena, n, sizeof(AeReal));
	if (p->cells && io->status == AE_OK)
		read_weights(p->cells, io->in + start, n);
}

/* n numbers: weights, none of them negative where that is asked for. */
static void
io_cells(Io *io, AeReal **cells, size_t n, bool negative, AeArena *arena)
{
	size_t start;

	if (!advance(io, &start, 4 * n))
		return;
	if (!io->in)
		write_weights(io, *cells, n, start);
	else
	{
		*cells = ae_arena_place(arena, n, sizeof(AeReal));
		check_weights(io, io->in + start, n, start);
	}
	for (size_t i = 0; !negative && i < n && io->status == AE_OK; i++)
	{
		uint32_t bits = io->in ? load_u32(io->in + start + 4 * i) : 0;

		if (io->in ? bits >> 31 != 0 : signbit((float) (*cells)[i]))
			fault(io, start + 4 * i, "spread of a cell");
	}
	if (io->in && *cells && io->status == AE_OK)
		read_weights(*cells, io->in + start, n);
}

static void
io_extremes(Io *io, AeModel *model, AeArena *arena)
{
	AeExtremes *extremes = &model->extremes;
	size_t start = io->at, n_dense = model->net.layout.n_dense;

	io_f64(io, &extremes->weight, FINITE, "weight of extremes");
	if (io->status == AE_OK && !(extremes->weight >= 0.0 && extremes->weight <= 1.0))
		fault(io, start, "weight of extremes");
	if (io->status != AE_OK || !(extremes->weight > 0.0))
		return;
	io_cells(io, &extremes->centre, n_dense, true, arena);
	io_cells(io, &extremes->spread, n_dense, false, arena);
}

static void
io_pairs(Io *io, AeModel *model, AeArena *arena)
{
	AePairs *pairs = &model->pairs;
	size_t at = io->at, start;
	uint32_t *to;

	io_u32(io, &pairs->n_slots);
	if (!within(io, at, "slots of pairs", pairs->n_slots, 0,
				model->schema.n_wide > 0 ? AE_MAX_PAIR_SLOTS : 0))
		return;
	if ((pairs->n_slots & (pairs->n_slots - 1)) != 0)
		fault(io, at, "slots of pairs");
	if (io->status != AE_OK || !advance(io, &start, 4 * (size_t) pairs->n_slots))
		return;
	for (size_t i = 0; io->out && i < pairs->n_slots; i++)
		store_u32(io->out + start + 4 * i, pairs->slots[i]);
	if (!io->in)
		return;
	to = ae_arena_place(arena, pairs->n_slots, sizeof(uint32_t));
	for (size_t i = 0; to && i < pairs->n_slots; i++)
		to[i] = load_u32(io->in + start + 4 * i);
	pairs->slots = to;
}

static void
io_history(Io *io, AeModel *model, AeArena *arena)
{
	size_t start = io->at;
	uint32_t last = 0;

	io_u32(io, &model->n_history);
	if (!within(io, start, "epochs in the history", model->n_history, 0, AE_MAX_HISTORY) ||
		!holds(io, model->n_history, EPOCH_BYTES))
		return;
	if (io->in)
		model->history = ae_arena_place(arena, model->n_history, sizeof(AeEpoch));
	for (uint32_t i = 0; i < model->n_history && io->status == AE_OK; i++)
	{
		AeEpoch epoch = {0};

		start = io->at;
		if (!io->in)
			epoch = model->history[i];
		io_u32(io, &epoch.epoch);
		io_f32(io, &epoch.train_loss, FINITE, "training loss in the history");
		io_f32(io, &epoch.validation_loss, FINITE_OR_NAN, "validation loss in the history");
		if (epoch.epoch <= last)
			fault(io, start, "order of epochs");
		last = epoch.epoch;
		if (io->in && model->history && io->status == AE_OK)
			model->history[i] = epoch;
	}
}

/* ---- the whole ---- */

static AeStatus
io_model(Io *io, AeModel *model, AeArena *arena, size_t length)
{
	Tally tally;
	bool bundle = false;

	io_header(io, model, length, &bundle);
	if (bundle)
		fault(io, 12, "a bundle where a single model should be");
	if (io->status != AE_OK)
		return io->status;
	io_schema(io, &tally, model, arena);
	if (io->status != AE_OK)
		return io->status;
	io_net(io, model, arena);
	io_options(io, &model->options);
	io_outcome(io, model);
	io_weights(io, model, arena);
	io_calibration(io, &model->calibration, arena);
	io_detector(io, &tally, model, arena);
	io_extremes(io, model, arena);
	io_pairs(io, model, arena);
	io_history(io, model, arena);
	if (io->in && io->at != io->limit)
		fault(io, io->at, "bytes after the end");
	return io->status;
}

AeStatus
ae_model_written_size(size_t *bytes, const AeModel *model, AeError *error)
{
	Io io = {.limit = AE_MAX_MODEL, .error = error};
	AeModel copy = *model; /* io_* take what they may fill; here they only look */

	if (io_model(&io, &copy, NULL, 0) == AE_OK)
		*bytes = io.at;
	return io.status;
}

void
ae_model_write(void *out, size_t bytes, const AeModel *model)
{
	Io io = {.out = out, .limit = bytes};
	AeModel copy = *model;

	if (io_model(&io, &copy, NULL, bytes) == AE_OK && io.at == bytes)
		store((uint8_t *) out + CHECKSUM_AT, checksum(out, bytes), 4);
	else
		memset(out, 0, bytes);
}

/* One pass of the reader: counts where arena->base is NULL, else places what was counted. */
static AeStatus
read_model(AeModel *model, AeArena *arena, const void *bytes, size_t length, AeError *error)
{
	Io io = {.in = bytes, .limit = length, .verified = arena->base != NULL, .error = error};

	memset(model, 0, sizeof *model);
	if (length < HEADER_BYTES)
		fault(&io, length, "ends early");
	else if (length > AE_MAX_MODEL)
		fault(&io, 16, "length");
	else
		io_model(&io, model, arena, length);
	if (arena->overflow)
		fault(&io, 0, "sizes");
	return io.status;
}

AeStatus
ae_model_check(size_t *block_bytes, const void *bytes, size_t length, AeError *error)
{
	AeArena arena = {NULL, 0, false};
	AeModel model;
	AeStatus status = read_model(&model, &arena, bytes, length, error);

	if (status == AE_OK)
		*block_bytes = arena.used + AE_ALIGN;
	return status;
}

AeStatus
ae_model_read(AeModel *model, void *block, size_t block_bytes, const void *bytes, size_t length,
			  AeError *error)
{
	AeArena arena = {ae_arena_align(block), 0, false};
	size_t needed;
	AeStatus status = ae_model_check(&needed, bytes, length, error);

	if (status != AE_OK)
		return status;
	if (block_bytes < needed)
		return ae_fail(error, AE_ERR_SHAPE, "block", (double) block_bytes, (double) needed,
					   (double) needed);
	return read_model(model, &arena, bytes, length, error);
}

uint32_t
ae_model_checksum(const void *bytes)
{
	return load_u32((const uint8_t *) bytes + CHECKSUM_AT);
}

/* ---- bundles ---- */

/* Fields of a bundle behind its header. */
static void
io_bundle(Io *io, AeBundle *bundle)
{
	size_t start = io->at, at;

	io_u32(io, &bundle->n_folds);
	io_u32(io, &bundle->n_members);
	if (!within(io, start, "number of folds", bundle->n_folds, 1, AE_MAX_FOLDS) ||
		!within(io, start + 4, "number of members", bundle->n_members, 1, AE_MAX_MEMBERS))
		return;
	for (uint32_t i = 0; i < bundle->n_folds * bundle->n_members; i++)
	{
		uint64_t length = bundle->length[i];

		at = io->at;
		io_u64(io, &length);
		if (!within(io, at, "length of a model", length, 0, AE_MAX_MODEL) ||
			!advance(io, &start, (size_t) length))
			return;
		if (io->in)
		{
			bundle->bytes[i] = io->in + start;
			bundle->length[i] = (size_t) length;
		}
		else if (io->out)
			memcpy(io->out + start, bundle->bytes[i], (size_t) length);
	}
	if (io->in && io->at != io->limit)
		fault(io, io->at, "bytes after the end");
}

AeStatus
ae_bundle_open(AeBundle *bundle, const void *bytes, size_t length, AeError *error)
{
	Io io = {.in = bytes, .limit = length, .error = error};
	AeModel header;
	bool is_bundle = false;

	memset(bundle, 0, sizeof *bundle);
	memset(&header, 0, sizeof header);
	bundle->n_folds = bundle->n_members = 1;
	bundle->bytes[0] = bytes;
	bundle->length[0] = length;
	/* whatever is wrong with a single model its own reader says */
	if (length < HEADER_BYTES || length > AE_MAX_MODEL ||
		!(load((const uint8_t *) bytes + 12, 4) & FLAG_BUNDLE))
		return AE_OK;
	io_header(&io, &header, length, &is_bundle);
	if (header.schema.is_array || header.schema.raw_names)
		fault(&io, 12, "flags"); /* they belong to the models */
	io_bundle(&io, bundle);
	return io.status;
}

AeStatus
ae_bundle_written_size(size_t *bytes, const AeBundle *bundle, AeError *error)
{
	Io io = {.limit = AE_MAX_MODEL, .at = HEADER_BYTES, .error = error};
	AeBundle copy = *bundle;

	io_bundle(&io, &copy);
	*bytes = io.at;
	return io.status;
}

void
ae_bundle_write(void *out, size_t bytes, const AeBundle *bundle)
{
	Io io = {.out = out, .limit = bytes};
	AeModel header = {.arithmetic = AE_MODEL_ARITHMETIC};
	AeBundle copy = *bundle;
	bool is_bundle = true;

	io_header(&io, &header, bytes, &is_bundle);
	io_bundle(&io, &copy);
	if (io.status == AE_OK && io.at == bytes)
		store((uint8_t *) out + CHECKSUM_AT, checksum(out, bytes), 4);
	else
		memset(out, 0, bytes);
}

static bool
same_column(const AeColumn *a, const AeColumn *b)
{
	return a->kind == b->kind && a->element == b->element && a->name_len == b->name_len &&
		   (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
}

bool
ae_schema_agrees(const AeSchema *a, const AeSchema *b)
{
	if (a->n_columns != b->n_columns || a->is_array != b->is_array ||
		a->has_target != b->has_target || (a->has_target && !same_column(&a->target, &b->target)))
		return false;
	for (uint32_t c = 0; c < a->n_columns; c++)
		if (!same_column(&a->columns[c], &b->columns[c]))
			return false;
	return true;
}

static bool
same_levels(const AeColumn *a, const AeColumn *b)
{
	if (a->n_levels != b->n_levels || (a->other > 0) != (b->other > 0))
		return false;
	for (uint32_t i = 0; i < a->n_levels; i++)
	{
		const AeLevel *x = &a->levels[i], *y = &b->levels[i];

		if (x->len != y->len || (x->len > 0 && memcmp(x->text, y->text, x->len) != 0))
			return false;
	}
	return true;
}

/* Whether the parameters of one are those of the other, number for number, and mean the same. */
static bool
same_shape(const AeNet *a, const AeNet *b)
{
	if (a->n_layers != b->n_layers || a->n_encoder != b->n_encoder || a->top_k != b->top_k ||
		a->gated != b->gated || a->n_target != b->n_target)
		return false;
	for (uint32_t l = 0; l <= a->n_layers; l++)
		if (a->width[l] != b->width[l])
			return false;
	for (uint32_t l = 0; l < a->n_layers; l++)
		if (a->activation[l] != b->activation[l])
			return false;
	return true;
}

bool
ae_model_pairs(const AeModel *a, const AeModel *b)
{
	if (!ae_schema_agrees(&a->schema, &b->schema) || a->loss != b->loss ||
		a->category_loss != b->category_loss || !same_shape(&a->net, &b->net))
		return false;
	if (a->schema.has_target && a->schema.target.kind == AE_KIND_CATEGORY &&
		!same_levels(&a->schema.target, &b->schema.target))
		return false;
	for (uint32_t c = 0; c < a->schema.n_columns; c++)
	{
		const AeColumn *p = &a->schema.columns[c], *q = &b->schema.columns[c];

		if (p->cell != q->cell || p->wide != q->wide || p->parts != q->parts ||
			p->observed != q->observed || p->indicator != q->indicator ||
			(p->kind == AE_KIND_CATEGORY && !same_levels(p, q)))
			return false;
	}
	return true;
}

const char *
ae_bundle_misfit(const AeModel *const *models, uint32_t n_folds, uint32_t n_members)
{
	for (uint32_t i = 1; i < n_folds * n_members; i++)
	{
		if (!ae_schema_agrees(&models[0]->schema, &models[i]->schema))
			return "its networks have different columns";
		if (!ae_model_pairs(models[i - i % n_members], models[i]))
			return "the networks of a fold do not fit together";
	}
	return NULL;
}
