/*
 * ae_io_schema.c: the bytes of the schema: columns, their names and levels, the target.
 */
#include <math.h>
#include <string.h>

#include "ae_io_model.h"

#define FLAG_VARIES 1u
#define FLAG_INDICATOR 2u
#define FLAG_OBSERVED 4u
#define FLAG_WIDE 8u
#define FLAG_SKETCH 16u
#define FLAG_ERRORS 32u
#define FLAG_SINGLE 64u
#define FLAGS_ALL 127u

#define COLUMN_BYTES 76 /* without its name */
#define LEVEL_BYTES 12  /* without its text */

typedef struct Name
{
	const char *text;
	uint32_t len;
} Name;

/* What is known of the columns seen so far. */
typedef struct Tally
{
	uint64_t text_bytes; /* of names and levels so far */
	uint64_t limit;      /* of text_bytes; not used by the writer */
	char *texts;         /* where the reader puts the next one, or NULL */
	uint32_t element;    /* of the value before */
	uint32_t n_names;
	AeIoColumns *columns;
	Name names[AE_MAX_COLUMNS]; /* sorted by length, then bytes */
} Tally;

static int
compare_names(const Name *a, const Name *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

/*
 * Enters a name; false if it is already there. Comparisons grow with the logarithm, so many long
 * names do not take quadratic time.
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

/*
 * Length of the UTF-8 character at p (n bytes are left), 0 if it is invalid (RFC 3629, section 4).
 */
static unsigned
utf8_length(const uint8_t *p, size_t n)
{
	unsigned length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint8_t low = 0x80, high = 0xbf; /* the second byte excludes overlong forms and surrogates */

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
io_text(AeIo *io, Tally *tally, const char **text, uint32_t len)
{
	size_t start;

	if (!ae_io_advance(io, &start, len))
		return;
	tally->text_bytes += len;
	if (io->in && tally->text_bytes > tally->limit)
	{
		ae_io_fault(io, start, "length of all texts");
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
io_name(AeIo *io, Tally *tally, const AeSchema *schema, AeColumn *column)
{
	bool named = !schema->is_array && column->element <= 1;
	size_t start = io->at;

	ae_io_u32(io, &column->name_len);
	if (!ae_io_within(io, start, "length of a column name", column->name_len, named ? 1 : 0,
					  named ? AE_MAX_NAME : 0))
		return;
	start = io->at;
	io_text(io, tally, &column->name, column->name_len);
	if (!named)
		column->name = NULL;
	if (io->status != AE_OK || !named)
		return;
	if (!is_text(column->name, column->name_len, schema->raw_names))
		ae_io_fault(io, start, "column name is not UTF-8, or ae_io_holds a zero byte");
	else if (tally->n_names == AE_MAX_COLUMNS)
		ae_io_within(io, start, "number of columns with a name", AE_MAX_COLUMNS + 1, 1,
					 AE_MAX_COLUMNS);
	else if (!add_name(tally, column->name, column->name_len))
		ae_io_fault(io, start, "column name twice");
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

static void
io_level(AeIo *io, Tally *tally, AeLevel *level, uint64_t *left, bool raw)
{
	size_t start = io->at;

	ae_io_u64(io, &level->count);
	ae_io_within(io, start, "count of a level", level->count, 1, AE_IO_MAX_COUNT);
	ae_io_u32(io, &level->len);
	if (!ae_io_within(io, start + 8, "length of a level", level->len, 0, *left))
		return;
	*left -= level->len;
	io_text(io, tally, &level->text, level->len);
	if (io->status == AE_OK && !is_text(level->text, level->len, raw))
		ae_io_fault(io, start + LEVEL_BYTES, "level is not UTF-8, or ae_io_holds a zero byte");
}

static void
io_levels(AeIo *io, Tally *tally, const AeSchema *schema, AeColumn *column, AeArena *arena)
{
	AeLevel before = {0}, *to = NULL;
	uint64_t left = AE_MAX_NAME;
	size_t start;

	ae_io_count(io, &column->other, "rows of other levels");
	start = io->at;
	ae_io_u32(io, &column->n_levels);
	if (!ae_io_within(io, start, "number of levels", column->n_levels, 0, AE_MAX_INPUTS) ||
		!ae_io_holds(io, column->n_levels, LEVEL_BYTES))
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
			ae_io_fault(io, start, "order of levels");
		before = level;
		if (to)
			to[i] = level;
	}
	if (io->in)
		column->levels = to;
}

static void
io_knots(AeIo *io, AeColumn *column, AeArena *arena)
{
	double before = 0.0, first = 0.0;
	double *to = io->in ? ae_arena_place(arena, AE_KNOTS, sizeof(double)) : NULL;

	for (int k = 0; k < AE_KNOTS && io->status == AE_OK; k++)
	{
		size_t start = io->at;
		double knot = io->in ? 0.0 : column->knots[k];

		ae_io_f64(io, &knot, AE_IO_FINITE, "knot of a scaling");
		if (k > 0 && knot < before)
			ae_io_fault(io, start, "order of knots");
		if (k == 0)
			first = knot;
		if (!isfinite(knot - first)) /* places between knots would not be numbers */
			ae_io_fault(io, start, "range of knots");
		before = knot;
		if (to)
			to[k] = knot;
	}
	if (io->in)
		column->knots = to;
}

/* A number of an ascending run; before: the previous one, or NaN for the first. */
static void
io_ascending(AeIo *io, double *number, double *before, bool strictly, const char *what)
{
	size_t start = io->at;

	ae_io_f64(io, number, AE_IO_FINITE, what);
	if (strictly ? *number <= *before : *number < *before)
		ae_io_fault(io, start, what);
	*before = *number;
}

/* Points, ranges, and rows of each. */
static void
io_bins(AeIo *io, AeBins *bins, AeArena *arena)
{
	size_t start = io->at;
	double before = NAN;

	ae_io_u32(io, &bins->n_points);
	ae_io_within(io, start, "number of points", bins->n_points, 0, AE_MAX_INPUTS);
	ae_io_u32(io, &bins->n_ranges);
	if (!ae_io_within(io, start + 4, "number of ranges", bins->n_ranges, 0, AE_MAX_INPUTS))
		return;
	ae_io_f64(io, &bins->grain, AE_IO_NOT_NEGATIVE, "grain of a column");
	if (!ae_io_holds(io, ae_bins_n(bins) + ae_bins_numbers(bins), 8))
		return;
	if (io->in)
	{
		bins->count = ae_arena_place(arena, ae_bins_n(bins), sizeof(uint64_t));
		bins->numbers = ae_arena_place(arena, ae_bins_numbers(bins), sizeof(double));
	}
	for (size_t i = 0; i < ae_bins_n(bins) && io->status == AE_OK; i++)
	{
		uint64_t count = io->in ? 0 : bins->count[i];

		ae_io_count(io, &count, "rows of a bin");
		if (io->in && bins->count)
			bins->count[i] = count;
	}
	for (size_t i = 0; i < ae_bins_numbers(bins) && io->status == AE_OK; i++)
	{
		double number = io->in ? 0.0 : bins->numbers[i];

		if (i == bins->n_points)
			before = NAN;
		io_ascending(io, &number, &before, i < bins->n_points, "order of bins");
		if (io->in && bins->numbers)
			bins->numbers[i] = number;
	}
}

/* Cuts and counts; n_bins: for a category, 0 for numbers. */
static void
io_sketch(AeIo *io, AeSketch *sketch, uint32_t n_bins, AeArena *arena)
{
	size_t at = io->at;
	double before = -INFINITY;

	ae_io_u32(io, &sketch->n_missing);
	ae_io_u32(io, &sketch->n_cuts);
	if (!ae_io_within(io, at + 4, "number of cuts", sketch->n_cuts, 0,
					  n_bins > 0 ? 0 : AE_MAX_CUTS))
		return;
	sketch->n_bins = n_bins > 0 ? n_bins : sketch->n_cuts + 1;
	if (!ae_io_holds(io, sketch->n_cuts, 8) || !ae_io_holds(io, sketch->n_bins, 4))
		return;
	if (io->in)
	{
		sketch->cut = ae_arena_place(arena, sketch->n_cuts, sizeof(double));
		sketch->count = ae_arena_place(arena, sketch->n_bins, sizeof(uint32_t));
	}
	for (uint32_t i = 0; i < sketch->n_cuts && io->status == AE_OK; i++)
	{
		double cut = io->in ? 0.0 : sketch->cut[i];

		at = io->at;
		ae_io_f64(io, &cut, AE_IO_FINITE, "cut of a sketch");
		if (!(cut > before))
			ae_io_fault(io, at, "order of cuts");
		before = cut;
		if (io->in && sketch->cut)
			sketch->cut[i] = cut;
	}
	for (uint32_t i = 0; i < sketch->n_bins && io->status == AE_OK; i++)
	{
		uint32_t count = io->in ? 0 : sketch->count[i];

		ae_io_u32(io, &count);
		if (io->in && sketch->count)
			sketch->count[i] = count;
	}
}

/* A sketch of values or of errors; the reader places it. */
static void
io_sketch_of(AeIo *io, AeSketch **sketch, uint32_t n_bins, AeArena *arena)
{
	AeSketch one = {0};

	if (!io->in)
		one = **sketch;
	io_sketch(io, &one, n_bins, arena);
	if (!io->in)
		return;
	*sketch = ae_arena_place(arena, 1, sizeof(AeSketch));
	if (*sketch)
		**sketch = one;
}

/* Checks a column against the one before it. */
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
	if (column->parts > (column->kind == AE_KIND_TIME && !schema->draws ? AE_PART_ALL : 0))
		return "parts of a time";
	if (schema->draws ? !ae_column_is_levels(column) || column->indicator || column->wide ||
							column->varies != (ae_column_outputs(column) > 1)
					  : column->scaling == AE_SCALING_BINS)
		return "column flags";
	if ((schema->is_array || column->element > 0) && column->kind != AE_KIND_NUMBER)
		return "column kind";
	if (schema->is_array ? column->element != 0
						 : column->element > 1 && column->element != tally->element + 1)
		return "element of a column";
	if ((column->varies && !column->observed) || (column->single && column->kind != AE_KIND_NUMBER))
		return "column flags";
	if (column->wide && (!category || !column->varies || column->other == 0))
		return "column flags";
	if (category && (column->indicator || column->varies != (ae_column_outputs(column) > 1) ||
					 column->observed != (ae_column_levels(column) > 0)))
		return "column flags";
	return NULL;
}

static void
io_column(AeIo *io, Tally *tally, const AeSchema *schema, AeColumn *column, AeArena *arena)
{
	size_t start = io->at;
	uint32_t flags = (column->varies ? FLAG_VARIES : 0) | (column->indicator ? FLAG_INDICATOR : 0) |
					 (column->observed ? FLAG_OBSERVED : 0) | (column->wide ? FLAG_WIDE : 0) |
					 (column->sketch ? FLAG_SKETCH : 0) | (column->errors ? FLAG_ERRORS : 0) |
					 (column->single ? FLAG_SINGLE : 0);
	const char *problem;

	column->kind = (AeKind) ae_io_enum(io, (int) column->kind, AE_KIND_COUNT, "column kind");
	column->scaling =
		(AeScaling) ae_io_enum(io, (int) column->scaling, AE_SCALING_COUNT, "scaling");
	column->parts = (uint32_t) ae_io_uint(io, column->parts, 1);
	flags = (uint32_t) ae_io_uint(io, flags, 1);
	if (flags & ~FLAGS_ALL)
		ae_io_fault(io, start + 3, "column flags");
	column->varies = (flags & FLAG_VARIES) != 0;
	column->indicator = (flags & FLAG_INDICATOR) != 0;
	column->observed = (flags & FLAG_OBSERVED) != 0;
	column->wide = (flags & FLAG_WIDE) != 0;
	column->single = (flags & FLAG_SINGLE) != 0;
	ae_io_u32(io, &column->element);
	io_name(io, tally, schema, column);
	ae_io_f64(io, &column->shift, AE_IO_FINITE, "column shift");
	ae_io_f64(io, &column->scale, AE_IO_FINITE, "column scale");
	ae_io_f64(io, &column->mean, AE_IO_FINITE, "column mean");
	ae_io_f64(io, &column->sd, AE_IO_FINITE, "column deviation");
	ae_io_f64(io, &column->min, AE_IO_FINITE, "column minimum");
	ae_io_f64(io, &column->max, AE_IO_FINITE, "column maximum");
	ae_io_count(io, &column->n_missing, "number of NULLs");
	ae_io_f64(io, &column->unseen, AE_IO_NOT_NEGATIVE, "cost of an unseen value");
	if (column->kind == AE_KIND_CATEGORY)
		io_levels(io, tally, schema, column, arena);
	else if (column->scaling == AE_SCALING_QUANTILE && column->varies)
		io_knots(io, column, arena);
	else if (column->scaling == AE_SCALING_BINS)
		io_bins(io, &column->bins, arena);
	column->null_level = schema->draws && column->n_missing > 0;
	if (flags & FLAG_SKETCH)
		io_sketch_of(io, &column->sketch,
					 column->kind == AE_KIND_CATEGORY ? ae_column_levels(column) + 1 : 0, arena);
	if (flags & FLAG_ERRORS)
	{
		ae_io_f64(io, &column->mean_error, AE_IO_NOT_NEGATIVE, "mean error");
		io_sketch_of(io, &column->errors, 0, arena);
	}
	if (io->status == AE_OK && flags & FLAG_ERRORS &&
		(column->element > 1 || !(flags & FLAG_SKETCH)))
		ae_io_fault(io, start + 3, "column flags");
	if (io->status != AE_OK)
		return;
	problem = column_fault(tally, schema, column);
	if (problem)
		ae_io_fault(io, start, problem);
	tally->element = column->element;
	if (io->status == AE_OK && ae_column_is_levels(column) && column->varies)
		tally->columns->n_outputs[tally->columns->n_categories++] = ae_column_outputs(column);
}

/* The column of a target, which has more restrictions than others. */
static void
io_target(AeIo *io, Tally *tally, AeSchema *schema, AeArena *arena)
{
	AeColumn *target = &schema->target;
	uint32_t n_categories = tally->columns->n_categories;
	size_t start = io->at;
	bool sketched = target->sketch || target->errors;

	if (schema->is_array)
	{
		ae_io_fault(io, start, "target of arrays");
		return;
	}
	io_column(io, tally, schema, target, arena);
	tally->columns->n_categories = n_categories; /* it has no cell */
	target->cell = -1;
	if (io->in && io->status == AE_OK)
		sketched = (io->in[start + 3] & (FLAG_SKETCH | FLAG_ERRORS)) != 0;
	if (sketched || target->kind == AE_KIND_TIME || target->scaling != AE_SCALING_STANDARD ||
		target->element != 0 || target->indicator || target->single || target->wide ||
		!target->varies || (target->kind == AE_KIND_CATEGORY && target->n_levels < 2))
		ae_io_fault(io, start, "column of the target");
}

/* All columns; the reader places them and their texts in the arena. */
static void
io_columns(AeIo *io, Tally *tally, AeSchema *schema, AeArena *arena)
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

/*
 * Bytes of the name and the levels of a column, whose lengths are limited, so the sum cannot
 * overflow.
 */
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

void
ae_io_schema(AeIo *io, AeIoColumns *columns, AeModel *model, AeArena *arena)
{
	AeSchema *schema = &model->schema;
	Tally tally;
	size_t start = io->at;
	uint32_t text_bytes = 0;

	memset(&tally, 0, offsetof(Tally, names));
	tally.columns = columns;
	columns->n_categories = 0;
	model->purpose = (AePurpose) ae_io_enum(io, (int) model->purpose, AE_PURPOSE_COUNT, "purpose");
	schema->draws = model->purpose == AE_PURPOSE_GENERATE;
	model->loss = (AeLoss) ae_io_enum(io, (int) model->loss, AE_LOSS_COUNT, "loss");
	if (ae_loss_is_category(model->loss))
		ae_io_fault(io, start + 1, "loss");
	model->category_loss =
		(AeLoss) ae_io_enum(io, (int) model->category_loss, AE_LOSS_COUNT, "category loss");
	if (!ae_loss_is_category(model->category_loss))
		ae_io_fault(io, start + 2, "category loss");
	schema->has_target = ae_io_enum(io, schema->has_target, 2, "flag of a target") != 0;
	ae_io_u32(io, &schema->n_columns);
	if (!ae_io_within(io, start + 4, "number of columns", schema->n_columns, 1,
					  schema->draws ? AE_MAX_COLUMNS : AE_MAX_VALUES))
		return;
	if (schema->draws && schema->has_target)
		ae_io_fault(io, start + 3, "flag of a target");
	if (!io->in)
		text_bytes = sum_texts(schema);
	ae_io_u32(io, &text_bytes);
	ae_io_f64(io, &schema->clip, AE_IO_NOT_NEGATIVE, "clip");
	ae_io_u32(io, &schema->max_levels);
	ae_io_u32(io, &schema->min_frequency);
	if (io->in && (uint64_t) schema->n_columns * COLUMN_BYTES + text_bytes > io->limit - io->at)
	{
		ae_io_fault(io, io->limit, "ends early");
		return;
	}
	tally.limit = text_bytes;
	io_columns(io, &tally, schema, arena);
	if (tally.text_bytes != text_bytes)
		ae_io_fault(io, start + 8, "length of all texts");
	if (io->status == AE_OK && schema->n_varying == 0)
		ae_io_fault(io, start + 4, "no column varies");
}
