/* Proves: fields become inputs and back without losing what tells neighbours apart. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ae_scaler.h"

#ifdef AE_DOUBLE
#define CLOSE 1e-14
#else
#define CLOSE 1e-6
#endif

#define MAX_COLUMNS 8

typedef struct Case
{
	AeSchema schema;
	AeColumn columns[MAX_COLUMNS];
	AeMoments moments[MAX_COLUMNS];
	AeError error;
} Case;

/* Shows a case n_rows rows (row-major) and fits it. */
static AeStatus
fit(Case *t, AeScaling scaling, const AeKind *kinds, uint32_t n_columns, const double *rows,
	size_t n_rows)
{
	*t = (Case){.schema = {.scaling = scaling, .n_columns = n_columns}};
	t->schema.columns = t->columns;
	for (uint32_t c = 0; c < n_columns; c++)
	{
		t->columns[c].kind = kinds[c];
		ae_moments_init(&t->moments[c]);
		for (size_t r = 0; r < n_rows; r++)
			ae_moments_add(&t->moments[c], rows[r * n_columns + c]);
	}
	return ae_scaler_fit(&t->schema, t->moments, &t->error);
}

static const AeKind mixed[] = {AE_KIND_BOOLEAN, AE_KIND_NUMBER, AE_KIND_NUMBER, AE_KIND_BOOLEAN,
							   AE_KIND_NUMBER};

/* Column 0 a boolean, 1 the numbers 1 .. 4, 2 constant, 3 a constant boolean, 4 a number. */
static const double mixed_rows[] = {
	0, 1, 7, 1, -2, 1, 2, 7, 1, 2, 1, 3, 7, 1, -2, 1, 4, 7, 1, 2,
};

static void
test_standard(void **state)
{
	Case t;
	double fields[5] = {1, 4, 7, 1, 2};
	double back[5];
	AeReal inputs[3];
	AeBlock blocks[2];

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, mixed, 5, mixed_rows, 4), AE_OK);
	assert_int_equal(t.schema.n_inputs, 3);
	assert_int_equal(t.columns[0].input, 2); /* booleans come after the numbers */
	assert_int_equal(t.columns[1].input, 0);
	assert_int_equal(t.columns[2].input, -1);
	assert_int_equal(t.columns[3].input, -1);
	assert_int_equal(t.columns[4].input, 1);
	assert_true(t.columns[1].shift == 2.5 && t.columns[1].scale == sqrt(1.25));
	assert_true(t.columns[1].min == 1 && t.columns[1].max == 4 && t.columns[1].mean == 2.5);
	assert_true(t.columns[0].shift == 0 && t.columns[0].scale == 1 && t.columns[0].mean == 0.75);
	assert_true(t.columns[2].scale == 0 && t.columns[2].sd == 0 && t.columns[2].mean == 7);
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), -1);
	assert_true(inputs[0] == (AeReal) (1.5 / sqrt(1.25)));
	assert_true(inputs[1] == 1 && inputs[2] == 1);
	ae_scaler_invert(back, &t.schema, inputs);
	for (int c = 0; c < 5; c++)
		assert_true(fabs(back[c] - fields[c]) <= CLOSE * 4);
	assert_int_equal(ae_scaler_blocks(blocks, &t.schema, AE_LOSS_MSE), 2);
	assert_true(blocks[0].first == 0 && blocks[0].count == 2 && blocks[0].loss == AE_LOSS_MSE);
	assert_true(blocks[1].first == 2 && blocks[1].count == 1 && blocks[1].loss == AE_LOSS_BCE);
}

static void
test_minmax_and_none(void **state)
{
	Case t;
	double fields[5] = {0, 3, 8, 0, 1};
	AeReal inputs[3];

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_MINMAX, mixed, 5, mixed_rows, 4), AE_OK);
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), -1);
	assert_true(inputs[0] == (AeReal) (2.0 / 3) && inputs[1] == (AeReal) 0.75 && inputs[2] == 0);
	assert_int_equal(fit(&t, AE_SCALING_NONE, mixed, 5, mixed_rows, 4), AE_OK);
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), -1);
	assert_true(inputs[0] == 3 && inputs[1] == 1 && inputs[2] == 0);
}

static void
test_blocks(void **state)
{
	const AeKind booleans[] = {AE_KIND_BOOLEAN, AE_KIND_BOOLEAN};
	const double rows[] = {0, 1, 1, 0};
	AeBlock blocks[2];
	Case t;

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, booleans, 2, rows, 2), AE_OK);
	assert_int_equal(ae_scaler_blocks(blocks, &t.schema, AE_LOSS_MSE), 1);
	assert_true(blocks[0].first == 0 && blocks[0].count == 2 && blocks[0].loss == AE_LOSS_BCE);
	assert_int_equal(ae_scaler_blocks_of(blocks, 3, 0, AE_LOSS_BCE), 1);
	assert_true(blocks[0].count == 3 && blocks[0].loss == AE_LOSS_BCE);
	assert_int_equal(ae_scaler_blocks_of(blocks, 0, 0, AE_LOSS_MSE), 0);
}

/* Account numbers near 1e15 that differ by one, epoch seconds that differ by one. */
static void
test_large_offsets(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_NUMBER};
	double rows[200];
	double fields[2], back[2];
	AeReal inputs[2], next[2];
	Case t;

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
	for (int r = 0; r < 100; r++)
	{
		fields[0] = rows[2 * r];
		fields[1] = 1700000000.0 + r;
		assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), -1);
		fields[0] += 1;
		fields[1] += 1;
		assert_int_equal(ae_scaler_apply(next, &t.schema, fields), -1);
		assert_true(next[0] - inputs[0] > 0.03 && next[1] - inputs[1] > 0.01);
		ae_scaler_invert(back, &t.schema, next);
		assert_true(fabs(back[0] - fields[0]) < 0.26 && fabs(back[1] - fields[1]) < 1e-3);
	}
}

static void
test_nonfinite_fields(void **state)
{
	double fields[5] = {1, 2, 7, 1, 0};
	AeReal inputs[3];
	Case t;

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, mixed, 5, mixed_rows, 4), AE_OK);
	fields[4] = INFINITY;
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), 4);
	assert_true(inputs[1] == 0);
	fields[1] = NAN;
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), 1);
	assert_true(inputs[0] == 0);
	fields[0] = -INFINITY;
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), 0);
	assert_true(inputs[2] == (AeReal) 0.75);
	fields[0] = 1, fields[1] = 2, fields[4] = 0;
	fields[2] = NAN; /* a constant column takes no part */
	assert_int_equal(ae_scaler_apply(inputs, &t.schema, fields), -1);
}

static void
test_extreme_fields(void **state)
{
	const AeKind kinds[] = {AE_KIND_NUMBER};
	const double rows[] = {-1e-3, 1e-3};
	const double extremes[] = {DBL_MAX, -DBL_MAX, 1e16, -1e13};
	Case t;

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, kinds, 1, rows, 2), AE_OK);
	for (int i = 0; i < 4; i++)
	{
		AeReal input;

		assert_int_equal(ae_scaler_apply(&input, &t.schema, &extremes[i]), -1);
		assert_true(input == (AeReal) (extremes[i] > 0 ? AE_SCALED_MAX : -AE_SCALED_MAX));
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
	AeScaling scalings[] = {AE_SCALING_STANDARD, AE_SCALING_MINMAX, AE_SCALING_NONE};
	Case t;

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(fit(&t, scalings[i], kinds, 2, huge, 2), AE_ERR_RANGE);
		assert_int_equal(t.error.status, AE_ERR_RANGE);
		assert_int_equal(t.error.column, 1);
		assert_true(t.error.value == 1.5e200 && t.error.high == 1e150 && t.error.low == -1e150);
		assert_int_equal(fit(&t, scalings[i], kinds, 2, largest, 2), AE_ERR_RANGE);
		assert_int_equal(fit(&t, scalings[i], kinds, 2, constant, 2), AE_OK);
		assert_true(t.columns[1].input == -1 && t.columns[1].mean == DBL_MAX);
		assert_int_equal(fit(&t, scalings[i], kinds, 2, tiny, 2), AE_OK);
		assert_true(t.columns[1].input == -1 && t.columns[1].scale == 0);
		assert_int_equal(t.schema.n_inputs, 1);
	}
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, kinds, 2, NULL, 0), AE_ERR_RANGE);
}

static double
entropy(double m)
{
	return -(m * log(m) + (1 - m) * log(1 - m));
}

static void
test_mean_loss(void **state)
{
	Case t;

	(void) state;
	assert_int_equal(fit(&t, AE_SCALING_STANDARD, mixed, 5, mixed_rows, 4), AE_OK);
	assert_true(fabs(ae_scaler_mean_loss(&t.schema, AE_LOSS_MSE) - (1 + 1 + entropy(0.75)) / 3) <
				1e-15);
	assert_int_equal(fit(&t, AE_SCALING_MINMAX, mixed, 5, mixed_rows, 4), AE_OK);
	assert_true(fabs(ae_scaler_mean_loss(&t.schema, AE_LOSS_MSE) -
					 (1.25 / 9 + 0.25 + entropy(0.75)) / 3) < 1e-15);
	assert_true(fabs(ae_scaler_mean_loss(&t.schema, AE_LOSS_BCE) -
					 (entropy(0.5) + entropy(0.5) + entropy(0.75)) / 3) < 1e-15);
}

/* The logarithm inside, against libm, by columns of one boolean with a made-up mean. */
static void
test_entropy(void **state)
{
	AeColumn column = {.kind = AE_KIND_BOOLEAN, .input = 0, .scale = 1, .sd = 0.5, .max = 1};
	AeSchema schema = {.n_columns = 1, .n_inputs = 1, .columns = &column};

	(void) state;
	for (int i = 1; i < 20000; i++)
	{
		double got;

		column.mean = i / 20000.0;
		got = ae_scaler_mean_loss(&schema, AE_LOSS_MSE);
		assert_true(fabs(got - entropy(column.mean)) <= 4e-16);
	}
	for (double m = 0.5; m > 1e-290; m /= 7)
	{
		column.mean = m;
		assert_true(fabs(ae_scaler_mean_loss(&schema, AE_LOSS_MSE) + m * log(m) +
						 (1 - m) * log1p(-m)) <= 4e-16);
	}
	column.mean = 0;
	assert_true(ae_scaler_mean_loss(&schema, AE_LOSS_MSE) == 0);
	column.mean = 1;
	assert_true(ae_scaler_mean_loss(&schema, AE_LOSS_MSE) == 0);
	/* a scale that clamps: finite all the same */
	column = (AeColumn){.kind = AE_KIND_NUMBER, .input = 0, .scale = 1, .sd = 1e100};
	assert_true(ae_scaler_mean_loss(&schema, AE_LOSS_MSE) == 1e30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),         cmocka_unit_test(test_minmax_and_none),
		cmocka_unit_test(test_blocks),           cmocka_unit_test(test_large_offsets),
		cmocka_unit_test(test_nonfinite_fields), cmocka_unit_test(test_extreme_fields),
		cmocka_unit_test(test_extreme_columns),  cmocka_unit_test(test_mean_loss),
		cmocka_unit_test(test_entropy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
