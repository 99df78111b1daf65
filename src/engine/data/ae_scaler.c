/*
 * ae_scaler.c: fits statistics of columns, and converts values to cells and back.
 *
 * Everything runs in double and is rounded once: epoch seconds or account numbers
 * in float would lose the differences that matter.  apply and invert are on the
 * scoring path: no libm but sqrt and floor, compiled without contraction.
 */
#include "ae_scaler.h"

#include <math.h>
#include <string.h>

#include "ae_math.h"
#include "ae_topk.h"

const char *const ae_kind_name[AE_KIND_COUNT] = {
	[AE_KIND_NUMBER] = "number",
	[AE_KIND_BOOLEAN] = "boolean",
	[AE_KIND_TIME] = "time",
	[AE_KIND_CATEGORY] = "category",
};

const char *const ae_scaling_name[AE_SCALING_COUNT] = {
	[AE_SCALING_STANDARD] = "standard", [AE_SCALING_MINMAX] = "minmax",
	[AE_SCALING_NONE] = "none",         [AE_SCALING_ROBUST] = "robust",
	[AE_SCALING_LOG] = "log",           [AE_SCALING_QUANTILE] = "quantile",
	[AE_SCALING_BINS] = "bins",
};

/* The range that error messages call safe; beyond it the variance may overflow. */
#define FIELD_MAX 1e150

/* Interquartile range of the standard normal distribution. */
#define NORMAL_IQR 1.3489795003921634

/* ---- the layout of cells ---- */

uint32_t
ae_schema_source_end(const AeSchema *schema, uint32_t first)
{
	uint32_t end = first + 1;

	while (end < schema->n_columns && schema->columns[end].element > 1)
		end++;
	return end;
}

bool
ae_schema_source_varies(const AeSchema *schema, uint32_t first)
{
	uint32_t end = ae_schema_source_end(schema, first);

	for (uint32_t c = first; c < end; c++)
		if (schema->columns[c].varies)
			return true;
	return false;
}

bool
ae_kind_is_scaled(AeKind kind)
{
	return kind == AE_KIND_NUMBER || kind == AE_KIND_TIME;
}

/* A source column whose loss is a mean over several outputs. */
static bool
is_grouped(const AeColumn *column)
{
	return ae_kind_is_scaled(column->kind) && !ae_column_is_levels(column) &&
		   (column->element > 0 || column->parts != 0);
}

/* Numbers the cells of columns of one sort from `next` on; returns the next free cell. */
static uint32_t
place_cells(AeSchema *schema, bool (*belongs)(const AeColumn *), uint32_t next)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeColumn *column = &schema->columns[c];

		if (!column->varies || !belongs(column))
			continue;
		column->cell = (int32_t) next;
		next += ae_column_cells(column);
	}
	return next;
}

static bool
is_scalar(const AeColumn *column)
{
	return ae_kind_is_scaled(column->kind) && !ae_column_is_levels(column) && !is_grouped(column);
}

static bool
is_boolean(const AeColumn *column)
{
	return column->kind == AE_KIND_BOOLEAN && !ae_column_is_levels(column);
}

void
ae_schema_count(AeSchema *schema, const AeColumn *column, bool *open)
{
	if (column->element <= 1)
		*open = false;
	if (!column->varies)
		return;
	schema->n_varying++;
	if (ae_column_is_levels(column))
	{
		schema->n_categories++;
		schema->n_wide += column->wide;
		schema->n_levels += ae_column_outputs(column);
		schema->n_blocks++;
		schema->n_sources++;
		return;
	}
	schema->n_dense += ae_column_cells(column);
	schema->n_indicators += column->indicator;
	if (is_grouped(column))
	{
		schema->n_blocks += !*open;
		schema->n_sources += !*open;
		*open = true;
	}
	else
	{
		uint32_t *n = is_boolean(column) ? &schema->n_booleans : &schema->n_scalars;

		schema->n_blocks += *n == 0;
		schema->n_sources++;
		(*n)++;
	}
}

void
ae_schema_layout(AeSchema *schema)
{
	bool open = false;
	uint32_t next;

	schema->n_varying = schema->n_scalars = schema->n_booleans = schema->n_dense = 0;
	schema->n_indicators = schema->n_categories = schema->n_wide = schema->n_levels = 0;
	schema->n_blocks = schema->n_sources = 0;
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		schema->columns[c].cell = -1;
		ae_schema_count(schema, &schema->columns[c], &open);
	}
	next = place_cells(schema, is_scalar, 0);
	next = place_cells(schema, is_grouped, next);
	next = place_cells(schema, is_boolean, next);
	next = place_cells(schema, ae_column_is_levels, next);
	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (schema->columns[c].cell >= 0 && schema->columns[c].wide)
			schema->columns[c].tag = next++;
}

/* The block of a source column with several outputs; its count is 0 if none of them varies. */
static AeBlock
group_block(const AeSchema *schema, uint32_t first, AeLoss loss)
{
	uint32_t end = ae_schema_source_end(schema, first);
	AeBlock block = {.loss = loss, .grouped = true};

	for (uint32_t c = first; c < end; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->cell < 0)
			continue;
		if (block.count == 0)
			block.first = (uint32_t) column->cell;
		block.count += ae_column_cells(column);
	}
	return block;
}

/* Rows of output i of a category. */
static double
rows_of_output(const AeColumn *column, uint32_t i)
{
	if (i >= ae_column_levels(column))
		return (double) column->n_missing;
	if (column->kind != AE_KIND_CATEGORY)
		return (double) column->bins.count[i];
	return (double) (i < column->n_levels ? column->levels[i].count : column->other);
}

/* Rows in which a category was observed. */
static double
observed_rows(const AeColumn *column)
{
	double n = 0.0;

	for (uint32_t i = 0; i < ae_column_outputs(column); i++)
		n += rows_of_output(column, i);
	return n;
}

/* Entropy of a category's frequencies, or 1 - the sum of their squares. */
static double
category_mean_loss(const AeColumn *column, AeLoss loss)
{
	double n = observed_rows(column), sum = 0.0;

	for (uint32_t i = 0; i < ae_column_outputs(column); i++)
	{
		double p = rows_of_output(column, i) / n;

		if (p > 0.0)
			sum += loss == AE_LOSS_SOFTMAX ? -p * ae_ln(p) : -p * p;
	}
	return loss == AE_LOSS_SOFTMAX ? sum : 1.0 + sum;
}

/* No category weighs more than this, however rarely it varies */
#define MAX_WEIGHT 50.0

static double
category_weight(const AeColumn *column, AeLoss loss)
{
	double mean_loss = category_mean_loss(column, loss);

	return mean_loss * MAX_WEIGHT > 1.0 ? 1.0 / mean_loss : MAX_WEIGHT;
}

AeLoss
ae_boolean_loss(AeLoss number_loss, AeLoss category_loss)
{
	return number_loss == AE_LOSS_BCE || category_loss == AE_LOSS_SOFTMAX ? AE_LOSS_BCE
																		  : AE_LOSS_MSE;
}

void
ae_schema_blocks(AeLayout *layout, AeBlock *blocks, uint32_t *indicators, const AeSchema *schema,
				 AeLoss number_loss, AeLoss category_loss)
{
	uint32_t n = 0, next = schema->n_dense, i = 0;

	if (schema->n_scalars > 0)
		blocks[n++] = (AeBlock){.first = 0, .count = schema->n_scalars, .loss = number_loss};
	for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
	{
		AeBlock block = {0};

		/* a column that does not vary has no block */
		if (is_grouped(&schema->columns[c]))
			block = group_block(schema, c, number_loss);
		if (block.count > 0)
			blocks[n++] = block;
	}
	if (schema->n_booleans > 0)
		blocks[n++] = (AeBlock){.first = schema->n_dense - schema->n_booleans,
								.count = schema->n_booleans,
								.loss = ae_boolean_loss(number_loss, category_loss)};
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (!column->varies || !ae_column_is_levels(column))
			continue;
		blocks[n++] =
			(AeBlock){.first = next,
					  .count = ae_column_outputs(column),
					  .loss = category_loss,
					  .grouped = true,
					  .weight = schema->draws ? 1.0 : category_weight(column, category_loss),
					  .unseen = ae_ln(observed_rows(column) + 1.0),
					  .tag = column->wide ? column->tag : 0};
		next += ae_column_outputs(column);
	}
	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (schema->columns[c].varies && schema->columns[c].indicator &&
			!ae_column_is_levels(&schema->columns[c]))
			indicators[i++] = (uint32_t) schema->columns[c].cell;
	*layout = (AeLayout){.n_dense = schema->n_dense,
						 .n_indicators = schema->n_indicators,
						 .n_categories = schema->n_categories,
						 .n_wide = schema->n_wide,
						 .n_levels = schema->n_levels,
						 .n_columns = schema->n_sources,
						 .n_blocks = n,
						 .blocks = blocks,
						 .indicators = indicators};
}

uint32_t
ae_schema_category_output(const AeSchema *schema, const AeLayout *layout, uint32_t column)
{
	uint32_t nth = (uint32_t) schema->columns[column].cell - schema->n_dense;

	return layout->blocks[layout->n_blocks - layout->n_categories + nth].first;
}

/* ---- statistics ---- */

void
ae_moments_init(AeMoments *moments)
{
	moments->n = 0.0;
	moments->mean = 0.0;
	moments->m2 = 0.0;
	moments->min = INFINITY;
	moments->max = -INFINITY;
	moments->distance = 0.0;
}

void
ae_moments_add(AeMoments *moments, double value)
{
	double delta = value - moments->mean;

	moments->n += 1.0;
	moments->mean += delta / moments->n;
	moments->m2 += delta * (value - moments->mean);
	if (value < moments->min)
		moments->min = value;
	if (value > moments->max)
		moments->max = value;
}

void
ae_moments_add_distance(AeMoments *moments, double value, AeLoss loss)
{
	moments->distance += ae_loss_info[loss].at(value - moments->mean);
}

static double
deviation(const AeMoments *moments)
{
	return moments->n > 0 && moments->min < moments->max ? sqrt(moments->m2 / moments->n) : 0.0;
}

double
ae_scaler_log(double value)
{
	double magnitude = value < 0.0 ? -value : value;

	/* the series of ln(1 + x) for small x, where 1 + x loses digits */
	if (magnitude < 1e-5)
		return value * (1.0 - magnitude * (0.5 - magnitude / 3.0));
	if (!(magnitude <= 0x1.fffffffffffffp+1023))
		return value;
	return value < 0.0 ? -ae_ln(1.0 + magnitude) : ae_ln(1.0 + magnitude);
}

/* The inverse: sign(y) (e^|y| - 1) */
static double
unlog(double y)
{
	double magnitude = y < 0.0 ? -y : y, power;

	if (magnitude < 1e-5)
		return y * (1.0 + magnitude * (0.5 + magnitude / 6.0));
	power = ae_e(magnitude) - 1.0;
	return y < 0.0 ? -power : power;
}

/*
 * The standard normal distribution function, to 1e-7: a series of its density near the
 * middle, a continued fraction in the tails (Abramowitz, Stegun 1964, 26.2.11 and 26.2.14).
 */
static double
normal_cdf(double z)
{
	double density = 0.3989422804014327 * ae_e(-0.5 * z * z);
	double term = z < 0 ? -z : z, sum = term, tail = 0.0;

	if (term < 3.5)
	{
		for (int k = 1; k < 60; k++)
		{
			term *= z * z / (2 * k + 1);
			sum += term;
		}
		return z < 0 ? 0.5 - density * sum : 0.5 + density * sum;
	}
	for (int k = 30; k >= 1; k--)
		tail = k / (sum + tail);
	tail = density / (sum + tail);
	return z < 0 ? tail : 1.0 - tail;
}

static void
fit_knots(AeColumn *column, const AeStatistics *s)
{
	for (int k = 0; k < AE_KNOTS; k++)
		column->knots[k] =
			ae_quantile(s->sample, s->n_sample, normal_cdf(AE_KNOT_FIRST + k * AE_KNOT_STEP));
	/* shift and scale describe the line beyond the last knots */
	column->shift = column->knots[AE_KNOTS / 2];
	column->scale = (column->knots[AE_KNOTS - 1] - column->knots[0]) / (-2 * AE_KNOT_FIRST);
}

/* Sets shift and scale of a column that varies; scale is 0 or infinite if it cannot be scaled. */
static void
set_scale(AeColumn *column, const AeStatistics *s)
{
	column->shift = column->mean;
	column->scale = column->sd;
	switch (column->scaling)
	{
		case AE_SCALING_NONE:
			column->shift = 0.0;
			column->scale = 1.0;
			break;
		case AE_SCALING_MINMAX:
			column->shift = column->min;
			column->scale = column->max - column->min;
			break;
		case AE_SCALING_ROBUST:
			column->shift = ae_quantile(s->sample, s->n_sample, 0.5);
			column->scale = (ae_quantile(s->sample, s->n_sample, 0.75) -
							 ae_quantile(s->sample, s->n_sample, 0.25)) /
							NORMAL_IQR;
			break;
		case AE_SCALING_LOG:
			column->shift = s->log.mean;
			column->scale = deviation(&s->log);
			break;
		case AE_SCALING_QUANTILE:
			fit_knots(column, s);
			break;
		default:
			break;
	}
	/* more than half of the values are equal: fall back to what still tells values apart */
	if (column->scale == 0.0 && column->scaling == AE_SCALING_ROBUST)
		column->scale = column->sd;
	if (column->scale == 0.0 && column->scaling == AE_SCALING_QUANTILE)
		column->scale = (column->max - column->min) / (-2 * AE_KNOT_FIRST);
}

/* Fits statistics, shift and scale of one number, time or boolean; false if they overflow. */
static bool
fit_column(AeColumn *column, const AeStatistics *s)
{
	const AeMoments *m = &s->value;

	column->observed = column->varies = m->n > 0;
	column->mean = column->sd = column->min = column->max = 0.0;
	column->shift = 0.0;
	column->scale = 1.0;
	if (!column->varies)
		return true;
	column->mean = m->mean;
	column->sd = deviation(m);
	column->min = m->min;
	column->max = m->max;
	if (!isfinite(column->min) || !isfinite(column->max) || !isfinite(column->mean) ||
		!isfinite(column->sd))
		return false;
	column->varies = column->sd > 0.0 && isfinite(1.0 / column->sd);
	if (!column->varies)
		column->sd = 0.0;
	if (!column->varies)
		return true;
	set_scale(column, s);
	if (!isfinite(column->scale) || !isfinite(column->shift))
		return false;
	if (!(column->scale > 0.0) || !isfinite(1.0 / column->scale))
	{
		column->varies = false;
		column->shift = 0.0;
		column->scale = 1.0;
	}
	return true;
}

/* ---- bins ---- */

/* The fewest ranges of a column, and the most of all columns together; see BIN_ROWS. */
#define MIN_BINS 8
#define ALL_BINS 4096

/* No bin has fewer rows than this: it would reveal their values. */
#define BIN_ROWS 5

uint32_t
ae_schema_ranges(const AeSchema *schema)
{
	uint32_t n = ALL_BINS / schema->n_columns;

	return n < MIN_BINS ? MIN_BINS : n > AE_MAX_BINS ? AE_MAX_BINS : n;
}

/* With few rows, there are no more ranges than rows in each. */
static void
fit_bins(AeColumn *column, const AeStatistics *s, uint32_t n_ranges)
{
	double root = sqrt((double) s->n_sample);

	if (root < (double) n_ranges)
		n_ranges = root > 1.0 ? (uint32_t) root : 1;
	ae_bins_fit(&column->bins, s->sample, s->n_sample, n_ranges,
				column->kind == AE_KIND_BOOLEAN ? 1 : BIN_ROWS,
				column->kind == AE_KIND_TIME ? AE_GRAINS_TIME : AE_GRAINS_DECIMAL);
	column->varies = ae_column_outputs(column) > 1;
}

AeStatus
ae_scaler_fit(AeSchema *schema, const AeStatistics *statistics, AeError *error)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeColumn *column = &schema->columns[c];
		const AeMoments *m = &statistics[c].value;
		double extreme = m->max > -m->min ? m->max : m->min;

		column->null_level = schema->draws && column->n_missing > 0;
		if (column->kind == AE_KIND_CATEGORY)
		{
			column->shift = column->mean = column->sd = column->min = column->max = 0.0;
			column->scale = 1.0;
			column->observed = ae_column_levels(column) > 0;
			column->varies = ae_column_outputs(column) > 1;
		}
		else if (!fit_column(column, &statistics[c]))
		{
			ae_fail(error, AE_ERR_RANGE, "field", extreme, -FIELD_MAX, FIELD_MAX);
			if (error)
				error->column = (int) c;
			return AE_ERR_RANGE;
		}
		if (column->scaling == AE_SCALING_BINS)
			fit_bins(column, &statistics[c], ae_schema_ranges(schema));
	}
	ae_schema_layout(schema);
	return AE_OK;
}

/* ---- the loss of predicting the mean ---- */

/* -(m ln m + (1 - m) ln(1 - m)); 0 at and beyond both ends. */
static double
entropy(double m)
{
	if (!(m > 1e-300) || !(m < 1.0))
		return 0.0;
	return -(m * ae_ln(m) + (1.0 - m) * ae_ln(1.0 - m));
}

static double
dense_mean_loss(const AeBlock *block, const AeMoments *cells)
{
	double sum = 0.0;

	for (uint32_t j = block->first; j < block->first + block->count; j++)
	{
		const AeMoments *m = &cells[j];

		if (m->n == 0)
			continue;
		if (ae_loss_info[block->loss].at)
			sum += m->distance / m->n;
		else
			sum += block->loss == AE_LOSS_BCE ? entropy(m->mean) : m->m2 / m->n;
	}
	return block->grouped ? sum / block->count : sum;
}

double
ae_scaler_mean_loss(const AeSchema *schema, const AeLayout *layout, const AeMoments *cells)
{
	double sum = 0.0;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
		if (!ae_loss_is_category(layout->blocks[b].loss))
			sum += dense_mean_loss(&layout->blocks[b], cells);
	for (uint32_t c = 0, b = layout->n_blocks - layout->n_categories; c < schema->n_columns; c++)
		if (schema->columns[c].varies && ae_column_is_levels(&schema->columns[c]))
		{
			sum += layout->blocks[b].weight *
				   category_mean_loss(&schema->columns[c], layout->blocks[b].loss);
			b++;
		}
	return layout->n_columns > 0 ? sum / layout->n_columns : 0.0;
}

/* ---- values to cells ---- */

/* The normal deviate of a value's place among the knots; equal knots share their middle. */
static double
place_among_knots(const AeColumn *column, double value)
{
	const double *knots = column->knots;
	int low = 0, high = AE_KNOTS; /* knots below low are < value, knots from high on are > value */

	if (value < knots[0])
		return AE_KNOT_FIRST + (value - knots[0]) / column->scale;
	if (value > knots[AE_KNOTS - 1])
		return -AE_KNOT_FIRST + (value - knots[AE_KNOTS - 1]) / column->scale;
	while (low < AE_KNOTS && knots[low] < value)
		low++;
	while (high > low && knots[high - 1] > value)
		high--;
	if (high > low)
		return AE_KNOT_FIRST + AE_KNOT_STEP * 0.5 * (double) (low + high - 1);
	return AE_KNOT_FIRST + AE_KNOT_STEP * ((double) (low - 1) + (value - knots[low - 1]) /
																	(knots[low] - knots[low - 1]));
}

static double
value_among_knots(const AeColumn *column, double z)
{
	double at = (z - AE_KNOT_FIRST) / AE_KNOT_STEP;
	int k;

	if (!(at > 0.0))
		return column->knots[0] + (z - AE_KNOT_FIRST) * column->scale;
	if (at >= AE_KNOTS - 1)
		return column->knots[AE_KNOTS - 1] + (z + AE_KNOT_FIRST) * column->scale;
	k = (int) at;
	return column->knots[k] + (at - k) * (column->knots[k + 1] - column->knots[k]);
}

double
ae_scaler_limit(const AeColumn *column, double clip)
{
	return clip > 0.0 && ae_kind_is_scaled(column->kind) ? clip : AE_SCALED_MAX;
}

/* One value in scaled units, clamped to clip and to what does not overflow. */
static AeReal
scaled(const AeColumn *column, double clip, double value)
{
	double limit = ae_scaler_limit(column, clip);

	if (column->scaling == AE_SCALING_QUANTILE)
		value = place_among_knots(column, value);
	else
	{
		if (column->scaling == AE_SCALING_LOG)
			value = ae_scaler_log(value);
		value = (value - column->shift) / column->scale;
	}
	if (value > limit)
		value = limit;
	if (value < -limit)
		value = -limit;
	return (AeReal) value;
}

/* The month of the year, 0 to 12 with its fraction, of a day counted from 2000-01-01. */
static double
month_of_day(double day)
{
	/* years that begin in March end with the leap day; 2000-03-01 is day 60 */
	double since = day - 60.0, era = floor(since / 146097.0);
	double in_era = since - era * 146097.0; /* 400 years */
	double year = floor(
		(in_era - floor(in_era / 1460.0) + floor(in_era / 36524.0) - floor(in_era / 146096.0)) /
		365.0);
	double in_year = in_era - (365.0 * year + floor(year / 4.0) - floor(year / 100.0));
	double month = floor((5.0 * in_year + 2.0) / 153.0); /* 0: March */
	double in_month = in_year - floor((153.0 * month + 2.0) / 5.0);

	month = month < 10.0 ? month + 2.0 : month - 10.0;
	return month + in_month / 31.0;
}

/* A share of a turn, in [-1/2, 1/2), as sine and cosine. */
static AeReal *
put_phase(AeReal *cells, double turns)
{
	turns -= floor(turns + 0.5);
	if (turns != turns) /* beyond all calendars products overflow */
		turns = 0.0;
	ae_sincos2pi(&cells[0], &cells[1], (AeReal) turns);
	return cells + 2;
}

static void
put_parts(AeReal *cells, const AeColumn *column, double seconds)
{
	double day = floor(seconds / 86400.0);

	if (column->parts & AE_PART_HOUR)
		cells = put_phase(cells, (seconds - day * 86400.0) / 86400.0);
	if (column->parts & AE_PART_WEEKDAY)
		cells = put_phase(cells, (day + 6.0 - 7.0 * floor((day + 6.0) / 7.0)) / 7.0);
	if (column->parts & AE_PART_MONTH)
		put_phase(cells, month_of_day(day) / 12.0);
}

/* ---- values that training did not see ---- */

bool
ae_column_is_known(const AeColumn *column)
{
	if (column->kind == AE_KIND_CATEGORY)
		return column->observed && column->other == 0;
	return column->observed && !column->varies;
}

/* All whole numbers below this are exact. */
#define WHOLE_MAX 9007199254740992.0

bool
ae_column_knows(const AeColumn *column, double value)
{
	double size = column->max > -column->min ? column->max : -column->min;
	double noise = 1e-6 * size;

	if (column->kind == AE_KIND_CATEGORY)
		return value >= 0.0;
	/* whole numbers, booleans and times are exact */
	if (column->kind != AE_KIND_NUMBER ||
		(size < WHOLE_MAX && floor(value) == value && floor(column->min) == column->min))
		noise = 0.0;
	return value >= column->min - noise && value <= column->max + noise;
}

double
ae_scaler_source_unseen(const AeSchema *schema, const double *values, const bool *missing,
						uint32_t first)
{
	uint32_t end = ae_schema_source_end(schema, first);
	double cost = NAN;

	for (uint32_t c = first; c < end; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (missing[c])
			continue;
		if (ae_column_is_known(column) && !ae_column_knows(column, values[c]))
			return schema->columns[first].unseen;
		cost = 0.0;
	}
	return cost;
}

double
ae_scaler_unseen(double *parts, const AeSchema *schema, const double *values, const bool *missing)
{
	double sum = 0.0;

	for (uint32_t c = 0, end; c < schema->n_columns; c = end)
	{
		double cost = 0.0;

		end = ae_schema_source_end(schema, c);
		if (schema->columns[c].unseen > 0.0)
			cost = ae_scaler_source_unseen(schema, values, missing, c);
		for (uint32_t e = c; parts && e < end; e++)
			parts[e] = e == c ? cost : 0.0;
		sum += cost > 0.0 ? cost : 0.0;
	}
	return sum;
}

int
ae_scaler_apply(AeReal *cells, const AeSchema *schema, const double *values, const bool *missing)
{
	return ae_scaler_apply_some(cells, schema, values, missing, 0, schema->n_columns);
}

int
ae_scaler_apply_some(AeReal *cells, const AeSchema *schema, const double *values,
					 const bool *missing, uint32_t first, uint32_t end)
{
	int bad = -1;

	for (uint32_t c = first; c < end; c++)
	{
		const AeColumn *column = &schema->columns[c];
		double value = values[c];
		AeReal *to;

		if (column->cell < 0)
		{
			if (bad < 0 && column->observed && !missing[c] && !isfinite(value))
				bad = (int) c;
			continue;
		}
		to = cells + column->cell;
		if (missing[c] && column->null_level)
		{
			to[0] = (AeReal) ae_column_levels(column);
			continue;
		}
		if (missing[c])
		{
			for (uint32_t i = ae_column_cells(column); i-- > 0;)
				to[i] = (AeReal) NAN;
			if (column->wide)
				cells[column->tag] = (AeReal) NAN;
			continue;
		}
		if (!isfinite(value))
		{
			value = column->mean;
			if (bad < 0)
				bad = (int) c;
		}
		to[0] = column->kind == AE_KIND_CATEGORY     ? (AeReal) ae_value_level(value)
				: column->scaling == AE_SCALING_BINS ? (AeReal) ae_bins_find(&column->bins, value)
													 : scaled(column, schema->clip, value);
		if (column->wide)
			cells[column->tag] = (AeReal) ae_value_tag(value);
		if (column->parts)
			put_parts(to + 1, column, value);
	}
	return bad;
}

/* ---- outputs to values ---- */

static double
most_probable(const AeColumn *column, const AeReal *p)
{
	uint32_t best = ae_largest(p, column->n_levels);

	if (column->other > 0 && (column->n_levels == 0 || p[column->n_levels] > p[best]))
		return -1.0 - (double) best;
	return (double) best;
}

/* The value, limited to the range that training saw. */
static double
within(const AeColumn *column, double value)
{
	if (value != value)
		return column->mean;
	return value < column->min ? column->min : value > column->max ? column->max : value;
}

/*
 * A value in the user's units, never beyond the range that training saw, as a network may
 * extrapolate anywhere.
 */
static double
unscaled(const AeColumn *column, double output)
{
	double value;

	if (column->scaling == AE_SCALING_QUANTILE)
		value = value_among_knots(column, output);
	else
		value = column->shift + column->scale * output;
	if (column->scaling == AE_SCALING_LOG)
		value = unlog(value);
	return within(column, value);
}

double
ae_column_bin_value(const AeColumn *column, uint32_t bin, double at)
{
	return within(column, ae_bins_value(&column->bins, bin, at));
}

AeReal
ae_scaler_bound(const AeSchema *schema, uint32_t column, AeReal output)
{
	return scaled(&schema->columns[column], schema->clip,
				  unscaled(&schema->columns[column], (double) output));
}

void
ae_scaler_invert(double *values, const AeSchema *schema, const AeLayout *layout,
				 const AeReal *outputs)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->cell < 0)
			values[c] = column->mean;
		else if (column->kind == AE_KIND_CATEGORY)
			values[c] =
				most_probable(column, outputs + ae_schema_category_output(schema, layout, c));
		else if (column->scaling == AE_SCALING_BINS)
			values[c] = within(
				column, ae_bins_mean(&column->bins,
									 outputs + ae_schema_category_output(schema, layout, c)));
		else
			values[c] = unscaled(column, (double) outputs[column->cell]);
	}
}
