/*
 * ae_scaler.c: statistics of columns, and fields to inputs and back.
 *
 * Everything runs in double and is rounded once: epoch seconds or account numbers
 * in float would lose the differences that matter.  apply and invert are on the
 * scoring path: no libm but sqrt, compiled without contraction.
 */
#include "ae_scaler.h"

#include <math.h>
#include <string.h>

const char *const ae_kind_name[AE_KIND_COUNT] = {
	[AE_KIND_NUMBER] = "number",
	[AE_KIND_BOOLEAN] = "boolean",
};

const char *const ae_scaling_name[AE_SCALING_COUNT] = {
	[AE_SCALING_STANDARD] = "standard",
	[AE_SCALING_MINMAX] = "minmax",
	[AE_SCALING_NONE] = "none",
};

/* What an error says is safe to train on; the variance of more may overflow. */
#define FIELD_MAX 1e150

void
ae_moments_init(AeMoments *moments)
{
	moments->n = 0.0;
	moments->mean = 0.0;
	moments->m2 = 0.0;
	moments->min = INFINITY;
	moments->max = -INFINITY;
}

void
ae_moments_add(AeMoments *moments, double field)
{
	double delta = field - moments->mean;

	moments->n += 1.0;
	moments->mean += delta / moments->n;
	moments->m2 += delta * (field - moments->mean);
	if (field < moments->min)
		moments->min = field;
	if (field > moments->max)
		moments->max = field;
}

/* Shift and scale of a column that varies; scale 0 or infinite where it cannot be scaled. */
static void
set_scale(AeColumn *column, AeScaling scaling)
{
	column->shift = 0.0;
	column->scale = 1.0;
	if (column->kind == AE_KIND_BOOLEAN || scaling == AE_SCALING_NONE)
		return;
	if (scaling == AE_SCALING_MINMAX)
	{
		column->shift = column->min;
		column->scale = column->max - column->min;
	}
	else
	{
		column->shift = column->mean;
		column->scale = column->sd;
	}
}

/* Statistics, shift and scale of one column; false where they overflow. */
static bool
fit_column(AeColumn *column, const AeMoments *moments, AeScaling scaling)
{
	column->mean = moments->mean;
	column->sd = sqrt(moments->m2 / moments->n);
	column->min = moments->min;
	column->max = moments->max;
	column->input = -1;
	if (moments->min == moments->max)
		column->sd = 0.0;
	if (!isfinite(column->min) || !isfinite(column->max) || !isfinite(column->mean) ||
		!isfinite(column->sd))
		return false;
	set_scale(column, scaling);
	if (!isfinite(column->scale))
		return false;
	if (column->sd == 0.0 || !isfinite(1.0 / column->sd) || !isfinite(1.0 / column->scale))
	{
		column->sd = 0.0;
		column->shift = column->mean;
		column->scale = 0.0;
	}
	return true;
}

/* Numbers the varying columns of one kind from `next` on; returns the next free input. */
static uint32_t
number_inputs(AeSchema *schema, AeKind kind, uint32_t next)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (schema->columns[c].kind == kind && schema->columns[c].scale > 0.0)
			schema->columns[c].input = (int32_t) next++;
	return next;
}

AeStatus
ae_scaler_fit(AeSchema *schema, const AeMoments *moments, AeError *error)
{
	uint32_t next;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeMoments *m = &moments[c];
		double extreme = m->max > -m->min ? m->max : m->min;

		if (!fit_column(&schema->columns[c], m, schema->scaling))
		{
			ae_fail(error, AE_ERR_RANGE, "field", extreme, -FIELD_MAX, FIELD_MAX);
			if (error)
				error->column = (int) c;
			return AE_ERR_RANGE;
		}
	}
	next = number_inputs(schema, AE_KIND_NUMBER, 0);
	schema->n_inputs = number_inputs(schema, AE_KIND_BOOLEAN, next);
	return AE_OK;
}

uint32_t
ae_scaler_blocks_of(AeBlock *blocks, uint32_t n_numbers, uint32_t n_booleans, AeLoss number_loss)
{
	uint32_t n_blocks = 0;

	if (n_numbers > 0)
		blocks[n_blocks++] = (AeBlock){0, n_numbers, number_loss};
	if (n_booleans > 0)
		blocks[n_blocks++] = (AeBlock){n_numbers, n_booleans, AE_LOSS_BCE};
	return n_blocks;
}

uint32_t
ae_scaler_blocks(AeBlock *blocks, const AeSchema *schema, AeLoss number_loss)
{
	uint32_t count[AE_KIND_COUNT] = {0};

	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (schema->columns[c].input >= 0)
			count[schema->columns[c].kind]++;
	return ae_scaler_blocks_of(blocks, count[AE_KIND_NUMBER], count[AE_KIND_BOOLEAN], number_loss);
}

/*
 * ln x for normal x in (0, 1), to an ulp or two: x = m 2^e with m in [1/sqrt 2, sqrt 2),
 * ln m = 2 atanh((m - 1) / (m + 1)) as its series.
 */
static double
ln(double x)
{
	uint64_t bits;
	int exponent;
	double m, z, z2;
	double sum = 0.0;

	memcpy(&bits, &x, sizeof bits);
	exponent = (int) (bits >> 52) - 1023;
	bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
	memcpy(&m, &bits, sizeof m);
	if (m > 0x1.6a09e667f3bcdp+0)
	{
		m /= 2.0;
		exponent++;
	}
	z = (m - 1.0) / (m + 1.0);
	z2 = z * z;
	for (int k = 23; k >= 1; k -= 2)
		sum = sum * z2 + 1.0 / k;
	return 2.0 * z * sum + exponent * 0x1.62e42fefa39efp-1;
}

/* -(m ln m + (1 - m) ln(1 - m)); 0 at and beyond both ends. */
static double
entropy(double m)
{
	if (!(m > 1e-300) || !(m < 1.0))
		return 0.0;
	return -(m * ln(m) + (1.0 - m) * ln(1.0 - m));
}

double
ae_scaler_mean_loss(const AeSchema *schema, AeLoss number_loss)
{
	double sum = 0.0;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		double sd;

		if (column->input < 0)
			continue;
		if (column->kind == AE_KIND_BOOLEAN || number_loss == AE_LOSS_BCE)
			sum += entropy((column->mean - column->shift) / column->scale);
		else
		{
			sd = column->sd / column->scale;
			if (sd > AE_SCALED_MAX)
				sd = AE_SCALED_MAX;
			sum += sd * sd;
		}
	}
	return schema->n_inputs > 0 ? sum / schema->n_inputs : 0.0;
}

/* One field in scaled units; whatever overflows is clamped. */
static AeReal
scaled(const AeColumn *column, double field)
{
	double value = (field - column->shift) / column->scale;

	if (value > AE_SCALED_MAX)
		value = AE_SCALED_MAX;
	if (value < -AE_SCALED_MAX)
		value = -AE_SCALED_MAX;
	return (AeReal) value;
}

int
ae_scaler_apply(AeReal *inputs, const AeSchema *schema, const double *fields)
{
	int bad = -1;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		double field = fields[c];

		if (column->input < 0)
			continue;
		if (!isfinite(field))
		{
			field = column->mean;
			if (bad < 0)
				bad = (int) c;
		}
		inputs[column->input] = scaled(column, field);
	}
	return bad;
}

void
ae_scaler_invert(double *fields, const AeSchema *schema, const AeReal *outputs)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->input < 0)
			fields[c] = column->mean;
		else
			fields[c] = column->shift + column->scale * (double) outputs[column->input];
	}
}
