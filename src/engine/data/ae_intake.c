/*
 * ae_intake.c: takes rows in. On the scoring path: the arithmetic is that of ae_scaler.c.
 */
#include "ae_intake.h"

#include <math.h>
#include <string.h>

/* Whether the scaled value is (value - shift) / scale within bounds, and the column's only cell. */
static bool
is_plain(const AeColumn *column)
{
	return column->cell >= 0 && !ae_column_is_levels(column) && !column->wide &&
		   column->parts == 0 && column->scaling != AE_SCALING_QUANTILE &&
		   column->scaling != AE_SCALING_LOG;
}

/* Whether a column can be the next one of a run. */
static bool
continues(const AeRun *run, const AeSchema *schema, uint32_t c)
{
	const AeColumn *column = &schema->columns[c];

	if (run->cell < 0 || !is_plain(column))
		return run->cell < 0 && !is_plain(column);
	return column->cell == run->cell + (int32_t) (c - run->first) &&
		   run->limit == ae_scaler_limit(column, schema->clip);
}

void
ae_intake_place(AeIntake *intake, AeArena *arena, const AeSchema *schema)
{
	intake->runs = ae_arena_place(arena, schema->n_columns, sizeof(AeRun));
	intake->shift = ae_arena_place(arena, schema->n_columns, sizeof(double));
	intake->scale = ae_arena_place(arena, schema->n_columns, sizeof(double));
	intake->priced = ae_arena_place(arena, schema->n_columns, sizeof(uint32_t));
}

void
ae_intake_init(AeIntake *intake, const AeSchema *schema)
{
	AeRun *run = NULL;

	intake->schema = schema;
	intake->n_runs = intake->n_priced = 0;
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		intake->shift[c] = column->shift;
		intake->scale[c] = column->scale;
		if (run == NULL || !continues(run, schema, c))
		{
			run = &intake->runs[intake->n_runs++];
			*run = (AeRun){c, c, is_plain(column) ? column->cell : -1,
						   ae_scaler_limit(column, schema->clip)};
		}
		run->end = c + 1;
	}
	for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
		if (schema->columns[c].unseen > 0.0)
			intake->priced[intake->n_priced++] = c;
}

/* So many quotients at a time: the processor divides pairs as fast as single numbers. */
#define QUOTIENTS 32

/* Scales n plain numbers, of which none is missing; false as of apply_plain.  Written to be vectorised. */
static bool
apply_complete(AeReal *restrict cells, const double *restrict values, const double *restrict shift,
			   const double *restrict scale, double limit, size_t n)
{
	const uint64_t exponent = (uint64_t) 0x7FF << 52;
	uint64_t carried = 0;

	for (size_t first = 0; first < n; first += QUOTIENTS)
	{
		size_t m = n - first < QUOTIENTS ? n - first : QUOTIENTS;
		double scaled[QUOTIENTS];

		for (size_t i = 0; i < m; i++)
			scaled[i] = (values[first + i] - shift[first + i]) / scale[first + i];
		for (size_t i = 0; i < m; i++)
		{
			double value = scaled[i] > limit ? limit : scaled[i];

			cells[first + i] = (AeReal) (value < -limit ? -limit : value);
		}
	}
	/* one more than the largest exponent, which is that of infinities and NaN, carries into the sign */
	for (size_t i = 0; i < n; i++)
	{
		uint64_t bits;

		memcpy(&bits, &values[i], sizeof(bits));
		carried |= (bits & exponent) + ((uint64_t) 1 << 52);
	}
	return carried >> 63 == 0;
}

/* Scales a run of plain numbers; false, with useless cells, if one of them is not finite. */
static bool
apply_plain(AeReal *cells, const AeIntake *intake, const AeRun *run, const double *values,
			const bool *missing)
{
	const double *shift = intake->shift, *scale = intake->scale;
	AeReal *to = cells + run->cell;
	double limit = run->limit;
	size_t n = run->end - run->first;
	int finite = 1;

	if (memchr(missing + run->first, true, n) == NULL)
		return apply_complete(to, values + run->first, shift + run->first, scale + run->first,
							  limit, n);
	for (uint32_t c = run->first; c < run->end; c++)
	{
		double value = (values[c] - shift[c]) / scale[c];

		finite &= isfinite(values[c]) || missing[c];
		value = value > limit ? limit : value;
		value = value < -limit ? -limit : value;
		to[c - run->first] = missing[c] ? (AeReal) NAN : (AeReal) value;
	}
	return finite;
}

int
ae_intake_apply(AeReal *cells, const AeIntake *intake, const double *values, const bool *missing)
{
	int bad = -1;

	for (uint32_t i = 0; i < intake->n_runs; i++)
	{
		const AeRun *run = &intake->runs[i];
		int found;

		if (run->cell >= 0 && apply_plain(cells, intake, run, values, missing))
			continue;
		found = ae_scaler_apply_some(cells, intake->schema, values, missing, run->first, run->end);
		bad = bad < 0 ? found : bad;
	}
	return bad;
}

double
ae_intake_unseen(double *parts, const AeIntake *intake, const double *values, const bool *missing)
{
	double sum = 0.0;

	for (uint32_t i = 0; i < intake->n_priced; i++)
	{
		uint32_t first = intake->priced[i];
		double cost = ae_scaler_source_unseen(intake->schema, values, missing, first);

		if (parts)
			parts[first] = cost;
		sum += cost > 0.0 ? cost : 0.0;
	}
	return sum;
}
