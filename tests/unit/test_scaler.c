/* Proves: values become cells and back without losing what tells neighbours apart. */
#define _GNU_SOURCE

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ae_intake.h"
#include "ae_rng.h"
#include "ae_scaler.h"

#ifdef AE_DOUBLE
#define CLOSE 1e-14
#else
#define CLOSE 1e-6
#endif

#define MAX_COLUMNS 8
#define MAX_ROWS 4000

typedef struct Case
{
	AeSchema schema;
	AeColumn columns[MAX_COLUMNS];
	AeStatistics statistics[MAX_COLUMNS];
	double knots[MAX_COLUMNS][AE_KNOTS];
	double samples[MAX_COLUMNS][MAX_ROWS];
	AeLevel levels[4];
	AeLayout layout;
	AeBlock blocks[MAX_COLUMNS];
	uint32_t indicators[MAX_COLUMNS];
	AeError error;
} Case;

static const bool present[MAX_COLUMNS];

static uint32_t
draw(uint32_t i, uint32_t stream)
{
	uint32_t ctr[4] = {i, 0, 0, stream}, word[4];

	ae_philox(word, ctr, 77);
	return word[0];
}

/* Uniform on [0, 1). */
static double
uniform(uint32_t i, uint32_t stream)
{
	return draw(i, stream) * 0x1p-32;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Shows the columns of t (kinds, scalings set) n_rows rows, NaN being NULL, and fits them. */
static AeStatus
fit_columns(Case *t, uint32_t n_columns, const double *rows, size_t n_rows)
{
	t->schema.n_columns = n_columns;
	t->schema.columns = t->columns;
	for (uint32_t c = 0; c < n_columns; c++)
	{
		AeStatistics *s = &t->statistics[c];

		ae_moments_init(&s->value);
		ae_moments_init(&s->log);
		s->sample = t->samples[c];
		s->n_sample = 0;
		t->columns[c].knots = t->columns[c].scaling == AE_SCALING_QUANTILE ? t->knots[c] : NULL;
		for (size_t r = 0; r < n_rows; r++)
		{
			double value = rows[r * n_columns + c];

			if (isnan(value))
				continue;
			ae_moments_add(&s->value, value);
			ae_moments_add(&s->log, ae_scaler_log(value));
			s->sample[s->n_sample++] = value;
		}
		qsort(s->sample, s->n_sample, sizeof(double), ascending);
	}
	return ae_scaler_fit(&t->schema, t->statistics, &t->error);
}

/* Booleans are not scaled, or standardised, as the loss wants; the others as `scaling`. */
static AeStatus
fit(Case *t, AeScaling scaling, const AeKind *kinds, uint32_t n_columns, const double *rows,
	size_t n_rows)
{
	memset(t, 0, sizeof *t);
	for (uint32_t c = 0; c < n_columns; c++)
	{
		t->columns[c].kind = kinds[c];
		t->columns[c].scaling = kinds[c] == AE_KIND_BOOLEAN ? AE_SCALING_NONE : scaling;
	}
	return fit_columns(t, n_columns, rows, n_rows);
}

static void
make_blocks(Case *t, AeLoss number_loss, AeLoss category_loss)
{
	AeError error;
	AeBlock *behind = &t->blocks[t->schema.n_blocks], before;

	/* there is no room there */
	memset(behind, 0x55, sizeof *behind);
	before = *behind;
	ae_schema_blocks(&t->layout, t->blocks, t->indicators, &t->schema, number_loss, category_loss);
	assert_memory_equal(behind, &before, sizeof before);
	assert_int_equal(ae_layout_check(&t->layout, &error), AE_OK);
}

static void
invert(double *values, Case *t, const AeReal *outputs)
{
	make_blocks(t, AE_LOSS_MSE, AE_LOSS_SOFTMAX);
	ae_scaler_invert(values, &t->schema, &t->layout, outputs);
}

/* ---- numbers and booleans ---- */

static const AeKind mixed[] = {AE_KIND_BOOLEAN, AE_KIND_NUMBER, AE_KIND_NUMBER, AE_KIND_BOOLEAN,
							   AE_KIND_NUMBER};

/* Column 0 a boolean, 1 the numbers 1 .. 4, 2 constant, 3 a constant boolean, 4 a number. */
static const double mixed_rows[] = {
	0, 1, 7, 1, -2, 1, 2, 7, 1, 2, 1, 3, 7, 1, -2, 1, 4, 7, 1, 2,
};

static Case t; /* too large for some stacks */

static void
test_standard(void **state)
{
	double values[5] = {1, 4, 7, 1, 2};
	double back[5];
	AeReal cells[3];

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, mixed, 5, mixed_rows, 4), AE_OK);
	assert_int_equal(t.schema.n_dense, 3);
	assert_int_equal(t.columns[0].cell, 2); /* booleans come after the numbers */
	assert_int_equal(t.columns[1].cell, 0);
	assert_int_equal(t.columns[2].cell, -1);
	assert_int_equal(t.columns[3].cell, -1);
	assert_int_equal(t.columns[4].cell, 1);
	assert_true(t.columns[1].shift == 2.5 && t.columns[1].scale == sqrt(1.25));
	assert_true(t.columns[1].min == 1 && t.columns[1].max == 4 && t.columns[1].mean == 2.5);
	assert_true(t.columns[0].shift == 0 && t.columns[0].scale == 1 && t.columns[0].mean == 0.75);
	assert_true(t.columns[2].scale == 1 && t.columns[2].sd == 0 && t.columns[2].mean == 7);
	assert_true(t.columns[2].observed && !t.columns[2].varies);
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), -1);
	assert_true(cells[0] == (AeReal) (1.5 / sqrt(1.25)));
	assert_true(cells[1] == 1 && cells[2] == 1);
	invert(back, &t, cells);
	for (int c = 0; c < 5; c++)
		assert_true(fabs(back[c] - values[c]) <= CLOSE * 4);
	assert_int_equal(t.layout.n_blocks, 2);
	assert_true(t.blocks[0].first == 0 && t.blocks[0].count == 2 &&
				t.blocks[0].loss == AE_LOSS_MSE);
	assert_true(t.blocks[1].first == 2 && t.blocks[1].count == 1 &&
				t.blocks[1].loss == AE_LOSS_BCE);
}

static void
test_minmax_and_none(void **state)
{
	double values[5] = {0, 3, 8, 0, 1};
	AeReal cells[3];

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_MINMAX, mixed, 5, mixed_rows, 4), AE_OK);
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), -1);
	assert_true(cells[0] == (AeReal) (2.0 / 3) && cells[1] == (AeReal) 0.75 && cells[2] == 0);
	assert_int_equal(fit(&t, AE_SCALING_NONE, mixed, 5, mixed_rows, 4), AE_OK);
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), -1);
	assert_true(cells[0] == 3 && cells[1] == 1 && cells[2] == 0);
}

/* Account numbers near 1e15 that differ by one, epoch seconds that differ by one. */
static void
test_large_offsets(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_TIME};
	double rows[200];
	double values[2], back[2];
	AeReal cells[2], next[2];

	(void) state;
	for (int r = 0; r < 100; r++)
	{
		rows[2 * r] = 999999999999900.0 + r;
		rows[2 * r + 1] = 1700000000.0 + 3 * r;
	}
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, kinds, 2, rows, 100), AE_OK);
	/* sd of 0 .. 99 is sqrt((100^2 - 1) / 12) */
	assert_true(fabs(t.columns[0].sd - sqrt(9999.0 / 12)) < 1e-2);
	assert_true(fabs(t.columns[1].sd - 3 * sqrt(9999.0 / 12)) < 1e-6);
	for (int r = 0; r < 99; r++)
	{
		values[0] = rows[2 * r];
		values[1] = 1700000000.0 + r;
		assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), -1);
		values[0] += 1;
		values[1] += 1;
		assert_int_equal(ae_scaler_apply(next, &t.schema, values, present), -1);
		assert_true(next[0] - cells[0] > 0.03 && next[1] - cells[1] > 0.01);
		invert(back, &t, next);
		assert_true(fabs(back[0] - values[0]) < 0.26 && fabs(back[1] - values[1]) < 1e-3);
	}
}

static void
test_nonfinite_values(void **state)
{
	double values[5] = {1, 2, 7, 1, 0};
	bool missing[5] = {false};
	AeReal cells[3];

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, mixed, 5, mixed_rows, 4), AE_OK);
	values[4] = INFINITY;
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), 4);
	assert_true(cells[1] == 0);
	values[1] = NAN;
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), 1);
	assert_true(cells[0] == 0);
	values[0] = -INFINITY;
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), 0);
	assert_true(cells[2] == (AeReal) 0.75);
	missing[0] = missing[1] = true; /* whatever stands there is not looked at */
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, missing), 4);
	assert_true(isnan(cells[0]) && isnan(cells[2]) && cells[1] == 0);
	values[0] = 1, values[1] = 2, values[4] = 0;
	values[2] = NAN; /* of a constant column too */
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, present), 2);
	missing[2] = true, missing[0] = missing[1] = false;
	assert_int_equal(ae_scaler_apply(cells, &t.schema, values, missing), -1);
}

/* What comes back is within what the scaler saw, whatever comes out of a network. */
static void
test_bounded(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	const double rows[] = {1, 2, 3, 7, 50};
	const AeReal outputs[] = {-1e30f, -4, 0, 4, 1e30f, (AeReal) NAN, (AeReal) INFINITY};

	(void) state;
	for (int scaling = 0; scaling < AE_SCALING_BINS; scaling++)
	{
		assert_int_equal(fit(&t, (AeScaling) scaling, kinds, 1, rows, 5), AE_OK);
		for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
		{
			AeReal bounded = ae_scaler_bound(&t.schema, 0, outputs[i]);
			double back, again;

			invert(&back, &t, &outputs[i]);
			assert_true(back >= 1 && back <= 50);
			invert(&again, &t, &bounded);
			assert_true(fabs(again - back) <= 1e-4);
		}
	}
}

/* By hand: which values a column knows, and what others cost. */
static void
test_unseen(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_NUMBER, AE_KIND_BOOLEAN, AE_KIND_TIME,
							AE_KIND_NUMBER};
	const double rows[] = {7, 0.1, 1, 8e8, 1, 7, 0.1, 1, 8e8, 2};
	double values[5], parts[5];
	bool missing[5] = {false};

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, kinds, 5, rows, 2), AE_OK);
	for (int c = 0; c < 5; c++)
		t.columns[c].unseen = 10 * (c + 1);
	assert_true(ae_column_is_known(&t.columns[3]) && !ae_column_is_known(&t.columns[4]));
	memcpy(values, rows, sizeof values);
	values[4] = 1e9;
	assert_true(ae_scaler_unseen(parts, &t.schema, values, missing) == 0);
	values[1] = 0.1f; /* as real rounds it */
	values[3] = 8e8 + 1e-6;
	assert_true(ae_scaler_unseen(parts, &t.schema, values, missing) == 40);
	assert_true(parts[1] == 0 && parts[3] == 40);
	values[0] = 8;
	values[1] = 0.1001;
	values[2] = 0;
	assert_true(ae_scaler_unseen(parts, &t.schema, values, missing) == 10 + 20 + 30 + 40);
	missing[0] = true;
	values[2] = NAN;
	assert_true(ae_scaler_unseen(parts, &t.schema, values, missing) == 20 + 30 + 40);
	assert_true(isnan(parts[0]) && parts[4] == 0);
	/* whole numbers are exact however large, elements of an array cost once */
	assert_true(!ae_column_knows(&(AeColumn){.min = 4e15, .max = 4e15}, 4e15 + 1));
	assert_true(ae_column_knows(&(AeColumn){.min = 4e15, .max = 4e15}, 4e15));
	t.columns[0].element = 1;
	t.columns[1].element = 2;
	missing[0] = false;
	assert_true(ae_scaler_unseen(parts, &t.schema, values, missing) == 10 + 30 + 40);
	assert_true(parts[0] == 10 && parts[1] == 0);
}

/* Of a category without rare levels a level that is not there. */
static void
test_unseen_level(void **state)
{
	AeLevel levels[2] = {{"a", 1, 5}, {"b", 1, 3}};
	AeColumn column = {.kind = AE_KIND_CATEGORY,
					   .observed = true,
					   .varies = true,
					   .n_levels = 2,
					   .levels = levels,
					   .unseen = 8};
	AeSchema schema = {.n_columns = 1, .columns = &column};

	(void) state;
	assert_true(ae_scaler_unseen(NULL, &schema, &(double){1}, present) == 0);
	assert_true(ae_scaler_unseen(NULL, &schema, &(double){-1}, present) == 8);
	column.n_levels = 1;
	column.varies = false;
	assert_true(ae_scaler_unseen(NULL, &schema, &(double){-1}, present) == 8);
	column.other = 2; /* rare ones share an input: an unseen one is a rare one */
	assert_true(!ae_column_is_known(&column));
	assert_true(ae_scaler_unseen(NULL, &schema, &(double){-1}, present) == 0);
}

/*
 * Rows with gaps, infinities and values never seen: what an intake makes of them is what the scaler
 * does, to the bit, whatever kinds and scalings stand side by side.
 */
static void
test_intake(void **state)
{
	static const double odd[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 0.0, -0.0, 7.0};
	const AeKind kinds[MAX_COLUMNS] = {AE_KIND_NUMBER,  AE_KIND_NUMBER, AE_KIND_NUMBER,
									   AE_KIND_BOOLEAN, AE_KIND_NUMBER, AE_KIND_TIME,
									   AE_KIND_NUMBER,  AE_KIND_NUMBER};
	_Alignas(64) static char block[4096];
	double rows[20 * MAX_COLUMNS];

	(void) state;
	for (uint32_t i = 0; i < 20 * MAX_COLUMNS; i++)
		rows[i] = i % MAX_COLUMNS == 3   ? i / MAX_COLUMNS % 2
				  : i % MAX_COLUMNS == 6 ? 3.0
										 : floor(20.0 * uniform(i, 3)) / 3.0;
	for (int trial = 0; trial < 5; trial++)
	{
		AeArena arena = {block, 0, false};
		AeIntake intake;
		double points[] = {0, 1, 4};
		uint64_t count[] = {5, 5, 10};

		memset(&t, 0, sizeof t);
		for (uint32_t c = 0; c < MAX_COLUMNS; c++)
		{
			t.columns[c].kind = kinds[c];
			t.columns[c].scaling = AE_SCALING_STANDARD;
		}
		t.columns[3].scaling = AE_SCALING_NONE;
		t.columns[1].scaling = trial == 1 ? AE_SCALING_LOG : AE_SCALING_ROBUST;
		t.columns[2].scaling = trial == 2 ? AE_SCALING_QUANTILE : AE_SCALING_MINMAX;
		t.schema.clip = trial == 3 ? 1.5 : 0.0;
		assert_int_equal(fit_columns(&t, MAX_COLUMNS, rows, 20), AE_OK);
		t.columns[6].unseen = 5.0;
		if (trial == 4)
		{
			t.columns[2].scaling = AE_SCALING_BINS;
			t.columns[2].bins = (AeBins){.n_points = 3, .numbers = points, .count = count};
		}
		ae_intake_place(&intake, &arena, &t.schema);
		assert_true(arena.used <= sizeof block);
		ae_intake_init(&intake, &t.schema);
		assert_int_equal(intake.n_priced, 1);
		for (uint32_t i = 0; i < 500; i++)
		{
			double values[MAX_COLUMNS], parts[MAX_COLUMNS] = {0}, others[MAX_COLUMNS] = {0};
			AeReal cells[MAX_COLUMNS], again[MAX_COLUMNS];
			bool missing[MAX_COLUMNS];

			for (uint32_t c = 0; c < MAX_COLUMNS; c++)
			{
				uint32_t k = draw(i * MAX_COLUMNS + c, 4);

				missing[c] = i % 3 == 1 && k % 5 == 0;
				values[c] = missing[c] ? 0.0 : rows[k % 20 * MAX_COLUMNS + c];
				if (i % 3 == 2 && k % 7 == 0)
					values[c] = odd[k / 7 % 8];
			}
			memset(cells, 0x55, sizeof cells);
			memset(again, 0x55, sizeof again);
			assert_int_equal(ae_intake_apply(again, &intake, values, missing),
							 ae_scaler_apply(cells, &t.schema, values, missing));
			assert_memory_equal(cells, again, sizeof cells);
			assert_true(ae_intake_unseen(others, &intake, values, missing) ==
						ae_scaler_unseen(parts, &t.schema, values, missing));
			assert_memory_equal(parts, others, sizeof parts);
		}
	}
}

static void
test_extreme_values(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	const double rows[] = {-1e-3, 1e-3};
	const double extremes[] = {DBL_MAX, -DBL_MAX, 1e16, -1e13};

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, kinds, 1, rows, 2), AE_OK);
	for (int i = 0; i < 4; i++)
	{
		AeReal cell;

		assert_int_equal(ae_scaler_apply(&cell, &t.schema, &extremes[i], present), -1);
		assert_true(cell == (AeReal) (extremes[i] > 0 ? AE_SCALED_MAX : -AE_SCALED_MAX));
		t.schema.clip = 5;
		assert_int_equal(ae_scaler_apply(&cell, &t.schema, &extremes[i], present), -1);
		assert_true(cell == (extremes[i] > 0 ? 5 : -5));
		t.schema.clip = 0;
	}
}

/* What cannot be scaled is refused by name; what hardly varies is constant. */
static void
test_extreme_columns(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_NUMBER};
	const double huge[] = {1, -1e200, 2, 1.5e200};
	const double largest[] = {1, -DBL_MAX, 2, DBL_MAX};
	const double constant[] = {1, DBL_MAX, 2, DBL_MAX};
	const double tiny[] = {1, 0, 2, DBL_TRUE_MIN};

	(void) state;
	for (int i = 0; i < AE_SCALING_BINS; i++)
	{
		AeScaling scaling = (AeScaling) i;

		assert_int_equal(fit(&t, scaling, kinds, 2, huge, 2), AE_ERR_RANGE);
		assert_int_equal(t.error.status, AE_ERR_RANGE);
		assert_int_equal(t.error.column, 1);
		assert_true(t.error.value == 1.5e200 && t.error.high == 1e150 && t.error.low == -1e150);
		assert_int_equal(fit(&t, scaling, kinds, 2, largest, 2), AE_ERR_RANGE);
		assert_int_equal(fit(&t, scaling, kinds, 2, constant, 2), AE_OK);
		assert_true(t.columns[1].cell == -1 && t.columns[1].mean == DBL_MAX);
		assert_int_equal(fit(&t, scaling, kinds, 2, tiny, 2), AE_OK);
		assert_true(t.columns[1].cell == -1 && t.columns[1].scale == 1);
		assert_int_equal(t.schema.n_dense, 1);
	}
}

/* A column that is NULL everywhere, and one that is one value and NULL. */
static void
test_nulls(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_NUMBER, AE_KIND_NUMBER};
	const double rows[] = {NAN, 5, 1, NAN, NAN, NAN, NAN, 5, 3};
	double back[3];
	AeReal cell = 1;

	(void) state;
	for (int i = 0; i < AE_SCALING_BINS; i++)
	{
		assert_int_equal(fit(&t, (AeScaling) i, kinds, 3, rows, 3), AE_OK);
		assert_true(!t.columns[0].observed && !t.columns[0].varies);
		assert_true(t.columns[1].observed && !t.columns[1].varies && t.columns[1].mean == 5);
		assert_true(t.columns[2].varies && t.columns[2].mean == 2 && t.columns[2].sd == 1);
		assert_int_equal(t.schema.n_varying, 1);
		invert(back, &t, &cell);
		assert_true(back[0] == 0 && back[1] == 5);
	}
}

/* ---- robust, log, quantile ---- */

static void
test_robust(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	/* quartiles 2, 3, 4 */
	const double rows[] = {1, 5, 2, 1e9, 3, 4, 3, 2, 4};
	const double mostly_one[] = {7, 7, 7, 7, 7, 7, 7, 7, 17};
	double value = 5, back;
	AeReal cell;

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_ROBUST, kinds, 1, rows, 9), AE_OK);
	assert_true(t.columns[0].shift == 3);
	assert_true(fabs(t.columns[0].scale - 2 / 1.3489795003921634) < 1e-15);
	ae_scaler_apply(&cell, &t.schema, &value, present);
	assert_true(fabs((double) cell - 1.3489795003921634) < CLOSE * 2);
	invert(&back, &t, &cell);
	assert_true(fabs(back - 5) < CLOSE * 5);
	/* no quartiles apart: by the deviation */
	assert_int_equal(fit(&t, AE_SCALING_ROBUST, kinds, 1, mostly_one, 9), AE_OK);
	assert_true(t.columns[0].varies && t.columns[0].shift == 7);
	assert_true(t.columns[0].scale == t.columns[0].sd);
}

/* sign(v) ln(1 + |v|) against libm, odd, ascending; and back. */
static void
test_log(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	double rows[400], last = -INFINITY;

	(void) state;
	for (int i = 0; i < 200; i++)
	{
		double v = pow(10, i * 0.8 - 20);

		rows[2 * i] = v;
		rows[2 * i + 1] = -v;
		/* 1 + v is rounded before its logarithm */
		assert_true(fabs(ae_scaler_log(v) - log1p(v)) <= log1p(v) * 2e-11);
		assert_true(ae_scaler_log(-v) == -ae_scaler_log(v));
		assert_true(ae_scaler_log(v) > last);
		last = ae_scaler_log(v);
	}
	assert_true(ae_scaler_log(0) == 0 && ae_scaler_log(DBL_TRUE_MIN) == DBL_TRUE_MIN);
	assert_true(fabs(ae_scaler_log(DBL_MAX) - log(DBL_MAX)) < 1e-12);
	/* from both sides of where the series ends */
	assert_true(fabs(ae_scaler_log(1e-5) - ae_scaler_log(nextafter(1e-5, 0))) < 1e-16);
	assert_int_equal(fit(&t, AE_SCALING_LOG, kinds, 1, rows, 300), AE_OK); /* up to 1e99 */
	for (int i = 0; i < 300; i++)
	{
		double back;
		AeReal cell;

		ae_scaler_apply(&cell, &t.schema, &rows[i], present);
		assert_true(fabs((double) cell) < 4);
		invert(&back, &t, &cell);
		/* cells are of the size of 1, and e^x turns absolute into relative errors */
		assert_true(fabs(back - rows[i]) <= (fabs(rows[i]) + 1) * t.columns[0].scale * CLOSE * 10);
	}
}

/* Tiny and huge values keep all their digits where the log is one of itself. */
static void
test_log_is_exact(void **state)
{
	AeColumn column = {.kind = AE_KIND_NUMBER,
					   .scaling = AE_SCALING_LOG,
					   .varies = true,
					   .scale = 1,
					   .min = -DBL_MAX,
					   .max = DBL_MAX};
	AeSchema schema = {.n_columns = 1, .columns = &column};
	AeBlock block = {.count = 1};
	AeLayout layout = {.n_dense = 1, .n_columns = 1, .n_blocks = 1, .blocks = &block};

	(void) state;
	ae_schema_layout(&schema);
	for (int e = -300; e <= 300; e++)
		for (int sign = -1; sign <= 1; sign += 2)
		{
			double value = sign * 1.25 * pow(10, e), back;
			double slack = sizeof(AeReal) == 8 ? 3e-11 : 6e-8;
			AeReal cell;

			if (sizeof(AeReal) == 4 && e < -37)
				continue; /* less than any float */
			ae_scaler_apply(&cell, &schema, &value, present);
			ae_scaler_invert(&back, &schema, &layout, &cell);
			assert_true(fabs(back - value) <= fabs(value) * slack * fmax(1, fabs((double) cell)));
		}
}

static double
normal_quantile(double p)
{
	double low = -10, high = 10;

	for (int i = 0; i < 200; i++)
	{
		double middle = (low + high) / 2;

		if (0.5 * erfc(-middle / sqrt(2)) < p)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Of any continuous distribution, ranks become normal deviates, and come back. */
static void
test_quantile(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	static double rows[MAX_ROWS];
	double last = -INFINITY;

	(void) state;
	for (uint32_t i = 0; i < MAX_ROWS; i++)
		rows[i] = pow(uniform(i, 1), -1.5) - 3;
	assert_int_equal(fit(&t, AE_SCALING_QUANTILE, kinds, 1, rows, MAX_ROWS), AE_OK);
	/* knots are the quantiles of the deviates -3.2, -3.1, ... */
	for (int k = 0; k < AE_KNOTS; k++)
	{
		double z = -3.2 + 0.1 * k;
		double at = 0.5 * erfc(-z / sqrt(2)) * (MAX_ROWS - 1);
		const double *s = t.samples[0] + (size_t) at;
		double wanted = s[0] + (at - floor(at)) * (s[1] - s[0]);

		assert_true(fabs(t.knots[0][k] - wanted) <= 1e-3 * (fabs(wanted) + s[1] - s[0]));
	}
	qsort(rows, MAX_ROWS, sizeof(double), ascending);
	for (uint32_t i = 0; i < MAX_ROWS; i++)
	{
		double back, z;
		AeReal cell;

		ae_scaler_apply(&cell, &t.schema, &rows[i], present);
		z = normal_quantile((i + 0.5) / MAX_ROWS);
		assert_true((double) cell >= last);
		last = (double) cell;
		if (fabs(z) < 2.5)
			assert_true(fabs((double) cell - z) < 0.05);
		invert(&back, &t, &cell);
		assert_true(fabs(back - rows[i]) <=
					CLOSE * 100 * (1 + fabs(rows[i])) + CLOSE * 1000 * t.columns[0].scale);
	}
}

/* Beyond the knots: straight lines that go on from them, both ways. */
static void
test_quantile_extrapolates(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	double rows[1001], value, back, scale;
	AeReal cell;

	(void) state;
	for (int i = 0; i <= 1000; i++)
		rows[i] = i;
	assert_int_equal(fit(&t, AE_SCALING_QUANTILE, kinds, 1, rows, 1001), AE_OK);
	scale = t.columns[0].scale;
	t.columns[0].min = -DBL_MAX; /* no bound on the way back */
	t.columns[0].max = DBL_MAX;
	assert_true(fabs(t.columns[0].shift - 500) < 1e-9);
	assert_true(fabs(t.knots[0][0] - 1000 * 0.5 * erfc(3.2 / sqrt(2))) < 1e-4);
	assert_true(fabs(scale - (t.knots[0][64] - t.knots[0][0]) / 6.4) < 1e-12);
	for (int i = 0; i < 100; i++)
	{
		double beyond = scale * i * i;
		double wanted = 3.2 + i * i;

		value = t.knots[0][64] + beyond;
		ae_scaler_apply(&cell, &t.schema, &value, present);
		assert_true(fabs((double) cell - wanted) <= CLOSE * wanted);
		invert(&back, &t, &cell);
		assert_true(fabs(back - value) <= CLOSE * 10 * value);
		value = t.knots[0][0] - beyond;
		ae_scaler_apply(&cell, &t.schema, &value, present);
		assert_true(fabs((double) cell + wanted) <= CLOSE * wanted);
		invert(&back, &t, &cell);
		assert_true(fabs(back - value) <= CLOSE * 10 * (1000 + fabs(value)));
	}
	value = DBL_MAX;
	ae_scaler_apply(&cell, &t.schema, &value, present);
	assert_true(cell == (AeReal) AE_SCALED_MAX);
	t.schema.clip = 4;
	ae_scaler_apply(&cell, &t.schema, &value, present);
	assert_true(cell == 4);
}

/* Values that many rows share lie in the middle of their ranks, and come back as they were. */
static void
test_quantile_ties(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	double rows[1000], back;
	AeReal cell;

	(void) state;
	for (int i = 0; i < 1000; i++)
		rows[i] = i < 250 ? 1 : i < 750 ? 2 : 4;
	assert_int_equal(fit(&t, AE_SCALING_QUANTILE, kinds, 1, rows, 1000), AE_OK);
	for (int i = 0; i < 3; i++)
	{
		/* knots up to -0.7 are 1, from -0.6 to 0.6 2, from 0.7 on 4; middles */
		static const double values[] = {1, 2, 4}, wanted[] = {-1.95, 0, 1.95};

		ae_scaler_apply(&cell, &t.schema, &values[i], present);
		assert_true(fabs((double) cell - wanted[i]) < 1e-6);
		invert(&back, &t, &cell);
		assert_true(fabs(back - values[i]) < 1e-6);
	}
	/* between them a line */
	ae_scaler_apply(&cell, &t.schema, &(double){1.5}, present);
	assert_true(fabs((double) cell + 0.65) < 1e-6);
	/* so few others that no knot is theirs */
	for (int i = 0; i < 1000; i++)
		rows[i] = i == 0 ? -100 : i == 999 ? 100 : 2;
	for (int n = 1000; n <= MAX_ROWS; n += 3000)
	{
		static double many[MAX_ROWS];

		for (int i = 0; i < n; i++)
			many[i] = i < 1000 ? rows[i] : 2;
		assert_int_equal(fit(&t, AE_SCALING_QUANTILE, kinds, 1, many, (size_t) n), AE_OK);
		assert_true(t.columns[0].varies && t.columns[0].scale > 0);
		ae_scaler_apply(&cell, &t.schema, &(double){2}, present);
		assert_true(fabs((double) cell) < 1e-6);
		ae_scaler_apply(&cell, &t.schema, &(double){100}, present);
		assert_true(cell > 3);
		ae_scaler_apply(&cell, &t.schema, &(double){-100}, present);
		assert_true(cell < -3);
	}
}

/* ---- times ---- */

/* Cells of one time with all parts, unscaled. */
static void
time_cells(AeReal *cells, double seconds, uint32_t parts)
{
	AeColumn column = {.kind = AE_KIND_TIME,
					   .scaling = AE_SCALING_NONE,
					   .parts = parts,
					   .varies = true,
					   .scale = 1};
	AeSchema schema = {.n_columns = 1, .columns = &column};

	ae_schema_layout(&schema);
	assert_int_equal(ae_column_cells(&column), schema.n_dense);
	assert_int_equal(ae_scaler_apply(cells, &schema, &seconds, present), -1);
}

static void
assert_phase(const AeReal *cells, double turns, const char *what, double seconds)
{
	if (!(fabs((double) cells[0] - sin(2 * M_PI * turns)) < 2e-6) ||
		!(fabs((double) cells[1] - cos(2 * M_PI * turns)) < 2e-6))
		fail_msg("%s of %.3f is (%g, %g), not (%g, %g)", what, seconds, (double) cells[0],
				 (double) cells[1], sin(2 * M_PI * turns), cos(2 * M_PI * turns));
}

/* 2000-01-01 00:00 UTC in Unix time. */
#define EPOCH 946684800.0

/* All parts of a moment against the C library's calendar. */
static void
check_moment(double seconds)
{
	time_t unix_time = (time_t) (floor(seconds) + EPOCH);
	struct tm tm;
	AeReal cells[7];

	assert_non_null(gmtime_r(&unix_time, &tm));
	time_cells(cells, seconds, AE_PART_ALL);
	assert_phase(cells + 1,
				 (tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec + (seconds - floor(seconds))) /
					 86400.0,
				 "hour", seconds);
	assert_phase(cells + 3, tm.tm_wday / 7.0, "weekday", seconds);
	assert_phase(cells + 5, (tm.tm_mon + (tm.tm_mday - 1) / 31.0) / 12.0, "month", seconds);
}

static double
moment(int year, int month, int day, int hour)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour};

	return (double) timegm(&tm) - EPOCH;
}

/* Known dates by hand: Saturday 2000-01-01, leap days, centuries, before 2000. */
static void
test_parts_by_hand(void **state)
{
	static const struct
	{
		int year, month, day, hour, weekday; /* 0: Sunday */
	} dates[] = {{2000, 1, 1, 0, 6},    {2000, 2, 29, 6, 2},  {2000, 3, 1, 12, 3},
				 {1999, 12, 31, 23, 5}, {1970, 1, 1, 0, 4},   {1900, 2, 28, 1, 3},
				 {1900, 3, 1, 1, 4},    {2024, 2, 29, 18, 4}, {2100, 2, 28, 0, 0},
				 {2100, 3, 1, 0, 1},    {1600, 2, 29, 3, 2},  {2400, 2, 29, 3, 2},
				 {2026, 11, 24, 21, 2}, {1, 1, 1, 0, 1},      {9999, 12, 31, 23, 5}};

	(void) state;
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
	{
		double seconds = moment(dates[i].year, dates[i].month, dates[i].day, dates[i].hour);
		AeReal cells[7];

		time_cells(cells, seconds, AE_PART_ALL);
		assert_true(cells[0] == (AeReal) seconds);
		assert_phase(cells + 1, dates[i].hour / 24.0, "hour", seconds);
		assert_phase(cells + 3, dates[i].weekday / 7.0, "weekday", seconds);
		assert_phase(cells + 5, (dates[i].month - 1 + (dates[i].day - 1) / 31.0) / 12.0, "month",
					 seconds);
	}
	assert_true(moment(2000, 1, 1, 0) == 0);
}

/* Every day of 900 years, and moments as far as timestamps go: 4713 BC to 294276 AD. */
static void
test_parts_against_calendar(void **state)
{
	(void) state;
	for (int day = -200000; day < 130000; day++)
		check_moment(day * 86400.0 + 43200.0);
	for (uint32_t i = 0; i < 100000; i++)
	{
		double year = -6713 + uniform(i, 2) * (294276 + 4713);

		check_moment(floor(year * 31556952.0) + (i % 4) * 0.25);
	}
	for (int s = -3; s <= 3; s++) /* around midnight */
		check_moment(s * 0.25);
	check_moment(moment(294276, 12, 31, 23));
	check_moment(moment(-4712, 1, 1, 0));
}

/* Each subset of the parts in its place; a NULL takes all cells; beyond any calendar, finite. */
static void
test_parts_layout(void **state)
{
	const double seconds = 123456789.0;
	AeReal all[7], some[7];

	(void) state;
	time_cells(all, seconds, AE_PART_ALL);
	for (uint32_t parts = 0; parts <= AE_PART_ALL; parts++)
	{
		AeReal *at = some + 1;

		time_cells(some, seconds, parts);
		assert_true(some[0] == all[0]);
		for (int p = 0; p < 3; p++)
			if (parts >> p & 1)
			{
				assert_true(at[0] == all[1 + 2 * p] && at[1] == all[2 + 2 * p]);
				at += 2;
			}
	}
	for (int e = 10; e < 308; e++)
		for (int sign = -1; sign <= 1; sign += 2)
		{
			time_cells(all, sign * pow(10, e), AE_PART_ALL);
			for (int i = 0; i < 7; i++)
				assert_true(isfinite(all[i]) && fabs((double) all[i]) <= AE_SCALED_MAX * 1.0001);
		}
	time_cells(all, DBL_MAX, AE_PART_ALL);
	time_cells(some, -DBL_MAX, AE_PART_ALL);
	for (int i = 0; i < 7; i++)
		assert_true(isfinite(all[i]) && isfinite(some[i]));
}

/* ---- layout ---- */

/* A column of every sort, in an order that is not that of the cells. */
static void
make_every_sort(Case *c, AeLoss number_loss, AeLoss category_loss)
{
	memset(c, 0, sizeof *c);
	c->levels[0] = (AeLevel){"x", 1, 6};
	c->levels[1] = (AeLevel){"y", 1, 2};
	for (uint32_t i = 0; i < 8; i++)
		c->columns[i] = (AeColumn){.varies = true, .observed = true, .scale = 1, .indicator = true};
	c->columns[0].kind = AE_KIND_CATEGORY;
	c->columns[0].indicator = false;
	c->columns[0].n_levels = 2;
	c->columns[0].levels = c->levels;
	c->columns[1].kind = AE_KIND_BOOLEAN;
	c->columns[2].element = 1;
	c->columns[3].element = 2;
	c->columns[3].varies = false; /* an element that never changed */
	c->columns[4].element = 3;
	c->columns[5].indicator = false;
	c->columns[6].kind = AE_KIND_TIME;
	c->columns[6].parts = AE_PART_HOUR | AE_PART_MONTH;
	c->columns[7].kind = AE_KIND_TIME;
	c->schema.n_columns = 8;
	c->schema.columns = c->columns;
	ae_schema_layout(&c->schema);
	make_blocks(c, number_loss, category_loss);
}

static void
test_layout(void **state)
{
	static const int32_t cells[] = {10, 9, 2, -1, 3, 0, 4, 1};
	static const uint32_t indicators[] = {9, 2, 3, 4, 1};

	(void) state;
	make_every_sort(&t, AE_LOSS_MSE, AE_LOSS_ONEHOT);
	for (int c = 0; c < 8; c++)
		assert_int_equal(t.columns[c].cell, cells[c]);
	assert_int_equal(t.schema.n_dense, 10);
	assert_int_equal(t.schema.n_indicators, 5);
	assert_int_equal(t.schema.n_levels, 2);
	assert_int_equal(t.schema.n_sources, 6);
	assert_int_equal(t.schema.n_varying, 7);
	assert_int_equal(t.schema.n_blocks, 5);
	assert_int_equal(t.layout.n_blocks, 5);
	assert_memory_equal(t.indicators, indicators, sizeof indicators);
	assert_true(t.blocks[0].count == 2 && !t.blocks[0].grouped);
	assert_true(t.blocks[1].first == 2 && t.blocks[1].count == 2 && t.blocks[1].grouped);
	assert_true(t.blocks[2].first == 4 && t.blocks[2].count == 5 && t.blocks[2].grouped);
	assert_true(t.blocks[3].first == 9 && t.blocks[3].loss == AE_LOSS_MSE);
	assert_true(t.blocks[4].first == 10 && t.blocks[4].count == 2);
	assert_true(fabs(t.blocks[4].weight - 1 / (1 - 0.5625 - 0.0625)) < 1e-15);
	assert_int_equal(ae_schema_category_output(&t.schema, &t.layout, 0), 10);
	assert_int_equal(ae_schema_source_end(&t.schema, 2), 5);
	assert_int_equal(ae_boolean_loss(AE_LOSS_MSE, AE_LOSS_ONEHOT), AE_LOSS_MSE);
	assert_int_equal(ae_boolean_loss(AE_LOSS_MSE, AE_LOSS_SOFTMAX), AE_LOSS_BCE);
	assert_int_equal(ae_boolean_loss(AE_LOSS_BCE, AE_LOSS_ONEHOT), AE_LOSS_BCE);
}

/* An array of which no element varies has neither cells nor a block. */
static void
test_constant_array(void **state)
{
	static const double rows[] = {1, 5, 6, 2, 5, 6, 4, 5, 6};

	(void) state;
	memset(&t, 0, sizeof t);
	t.columns[1].element = 1;
	t.columns[2].element = 2;
	assert_int_equal(fit_columns(&t, 3, rows, 3), AE_OK);
	make_blocks(&t, AE_LOSS_MSE, AE_LOSS_SOFTMAX);
	assert_int_equal(t.schema.n_blocks, 1);
	assert_int_equal(t.layout.n_blocks, 1);
}

/* Of a category the most probable level, or one with a name where `other` leads. */
static void
test_most_probable(void **state)
{
	static const struct
	{
		double p[3];
		int wanted;
	} cases[] = {{{0.5, 0.3, 0.2}, 0},  {{0.3, 0.5, 0.2}, 1}, {{0.3, 0.1, 0.6}, -1},
				 {{0.1, 0.3, 0.6}, -2}, {{0.4, 0.4, 0.2}, 0}, {{0.4, 0.2, 0.4}, 0}};

	(void) state;
	memset(&t, 0, sizeof t);
	t.levels[0] = (AeLevel){"x", 1, 6};
	t.levels[1] = (AeLevel){"y", 1, 2};
	t.columns[0] = (AeColumn){
		.kind = AE_KIND_CATEGORY, .scale = 1, .n_levels = 2, .levels = t.levels, .other = 3};
	t.schema.n_columns = 1;
	t.schema.columns = t.columns;
	assert_int_equal(ae_scaler_fit(&t.schema, t.statistics, &t.error), AE_OK);
	assert_true(t.columns[0].varies && t.columns[0].observed && t.columns[0].cell == 0);
	assert_int_equal(ae_column_outputs(&t.columns[0]), 3);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		AeReal p[3] = {(AeReal) cases[i].p[0], (AeReal) cases[i].p[1], (AeReal) cases[i].p[2]};
		double value;

		invert(&value, &t, p);
		assert_true(value == cases[i].wanted);
	}
	for (int level = -1; level < 3; level++)
	{
		double value = level;
		AeReal cell;

		assert_int_equal(ae_scaler_apply(&cell, &t.schema, &value, present), -1);
		assert_true(cell == (AeReal) level);
	}
	t.columns[0].n_levels = 1;
	t.columns[0].other = 0;
	assert_int_equal(ae_scaler_fit(&t.schema, t.statistics, &t.error), AE_OK);
	assert_true(!t.columns[0].varies && t.columns[0].observed && t.columns[0].cell == -1);
	t.columns[0].n_levels = 0;
	assert_int_equal(ae_scaler_fit(&t.schema, t.statistics, &t.error), AE_OK);
	assert_true(!t.columns[0].varies && !t.columns[0].observed);
}

/* ---- the loss of the mean ---- */

static double
entropy(double m)
{
	return -(m * log(m) + (1 - m) * log(1 - m));
}

/* Predicting the frequencies of a category costs 1 on the average, under either loss. */
static void
test_weights(void **state)
{
	static const AeLoss losses[] = {AE_LOSS_SOFTMAX, AE_LOSS_ONEHOT};

	(void) state;
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < 200; i++)
		{
			double n, mean = 0, z[3];
			uint64_t counts[3];

			make_every_sort(&t, AE_LOSS_MSE, losses[k]);
			for (int l = 0; l < 3; l++)
				counts[l] = 1 + draw(3 * i + (uint32_t) l, 4) % 1000;
			t.levels[0].count = counts[0];
			t.levels[1].count = counts[1];
			t.columns[0].other = counts[2];
			n = (double) (counts[0] + counts[1] + counts[2]);
			ae_schema_layout(&t.schema);
			make_blocks(&t, AE_LOSS_MSE, losses[k]);
			for (int l = 0; l < 3; l++)
				z[l] = k == 0 ? log((double) counts[l] / n) : (double) counts[l] / n;
			for (int l = 0; l < 3; l++)
			{
				double loss = 0;

				for (int j = 0; j < 3; j++)
					loss += k == 0 ? (j == l ? -z[j] : 0) : (z[j] - (j == l)) * (z[j] - (j == l));
				mean += (double) counts[l] / n * loss;
			}
			assert_true(fabs(t.blocks[4].weight * mean - 1) < 1e-13);
			assert_true(fabs(t.blocks[4].unseen - log(n + 1)) < 1e-13);
		}
	/* one row in a million: no weight beyond 50 */
	t.levels[0].count = 1000000;
	t.levels[1].count = 1;
	t.columns[0].other = 0;
	ae_schema_layout(&t.schema);
	make_blocks(&t, AE_LOSS_MSE, AE_LOSS_SOFTMAX);
	assert_true(t.blocks[4].weight == 50);
}

static void
test_mean_loss(void **state)
{
	AeMoments cells[10];
	double frequencies = 0.75, group, boolean;

	(void) state;
	for (int j = 0; j < 10; j++)
	{
		ae_moments_init(&cells[j]);
		ae_moments_add(&cells[j], 0);
		ae_moments_add(&cells[j], j == 9 ? 1 : j); /* variance j^2 / 4; the boolean's mean 1/2 */
	}
	make_every_sort(&t, AE_LOSS_MSE, AE_LOSS_ONEHOT);
	group = (1 + 2.25) / 2 + (4 + 6.25 + 9 + 12.25 + 16) / 5;
	assert_true(fabs(ae_scaler_mean_loss(&t.schema, &t.layout, cells) -
					 (0 + 0.25 + group + 0.25 + 1) / 6) < 1e-14);
	make_every_sort(&t, AE_LOSS_MSE, AE_LOSS_SOFTMAX);
	boolean = entropy(0.5);
	assert_true(fabs(t.blocks[4].weight - 1 / entropy(frequencies)) < 1e-14);
	assert_true(fabs(ae_scaler_mean_loss(&t.schema, &t.layout, cells) -
					 (0 + 0.25 + group + boolean + 1) / 6) < 1e-14);
	/* a cell that nothing was seen of costs nothing */
	ae_moments_init(&cells[1]);
	assert_true(fabs(ae_scaler_mean_loss(&t.schema, &t.layout, cells) - (group + boolean + 1) / 6) <
				1e-14);
}

/* The entropy of one cell, against libm. */
static void
test_entropy(void **state)
{
	AeBlock block = {.count = 1, .loss = AE_LOSS_BCE};
	AeLayout layout = {.n_dense = 1, .n_columns = 1, .n_blocks = 1, .blocks = &block};
	AeMoments cell = {.n = 1};
	AeSchema schema = {0};

	(void) state;
	for (int i = 1; i < 20000; i++)
	{
		cell.mean = i / 20000.0;
		assert_true(fabs(ae_scaler_mean_loss(&schema, &layout, &cell) - entropy(cell.mean)) <=
					4e-16);
	}
	for (double m = 0.5; m > 1e-290; m /= 7)
	{
		cell.mean = m;
		assert_true(fabs(ae_scaler_mean_loss(&schema, &layout, &cell) + m * log(m) +
						 (1 - m) * log1p(-m)) <= 4e-16);
	}
	cell.mean = 0;
	assert_true(ae_scaler_mean_loss(&schema, &layout, &cell) == 0);
	cell.mean = 1;
	assert_true(ae_scaler_mean_loss(&schema, &layout, &cell) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_minmax_and_none),
		cmocka_unit_test(test_large_offsets),
		cmocka_unit_test(test_nonfinite_values),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_unseen_level),
		cmocka_unit_test(test_intake),
		cmocka_unit_test(test_extreme_values),
		cmocka_unit_test(test_extreme_columns),
		cmocka_unit_test(test_nulls),
		cmocka_unit_test(test_robust),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_is_exact),
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_quantile_extrapolates),
		cmocka_unit_test(test_quantile_ties),
		cmocka_unit_test(test_parts_by_hand),
		cmocka_unit_test(test_parts_against_calendar),
		cmocka_unit_test(test_parts_layout),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_constant_array),
		cmocka_unit_test(test_most_probable),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_mean_loss),
		cmocka_unit_test(test_entropy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
