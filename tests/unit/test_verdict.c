/* Proves: distances, kernels, reach and leaving out are as worked by hand; what is far, or absent,
 * changes no bit; a fit by sorting finds the same reach. */
#include "unit_data.h"

#include "ae_verdict.h"
#include "sample_model.h"

#define N_CELLS 4 /* two numbers, an array column of one cell, a category */

static const AeBlock blocks[] = {
	{.first = 0, .count = 2, .loss = AE_LOSS_MSE},
	{.first = 2, .count = 1, .loss = AE_LOSS_MSE, .grouped = true},
	{.first = 3, .count = 3, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 2.0},
};
static const AeLayout layout = {.n_dense = 3,
								.n_categories = 1,
								.n_levels = 3,
								.n_columns = 4,
								.n_blocks = 3,
								.blocks = blocks};

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * (1 + fabs(b));
}

static void
test_squares(void **state)
{
	const AeReal x[] = {1, 2, 3, 0}, y[] = {2, 4, 3, 0}, z[] = {1, 2, 3, 1};
	const AeReal gap[] = {(AeReal) NAN, 2, 3, (AeReal) NAN};

	(void) state;
	assert_true(ae_verdict_square(x, x, &layout, INFINITY) == 0);
	assert_true(ae_verdict_square(x, y, &layout, INFINITY) == 5.0 / 4);
	assert_true(ae_verdict_square(x, z, &layout, INFINITY) == 4.0 / 4);   /* 2 x weight */
	assert_true(ae_verdict_square(x, gap, &layout, INFINITY) == 4.0 / 4); /* 2 for each gap */
	assert_true(ae_verdict_square(gap, x, &layout, INFINITY) == 4.0 / 4);
	assert_true(ae_verdict_square(gap, gap, &layout, INFINITY) == 0);
	/* what is not beyond the limit is exact */
	assert_true(ae_verdict_square(x, y, &layout, 5.0 / 4) == 5.0 / 4);
	assert_true(ae_verdict_square(x, y, &layout, 1.2) > 1.2);
}

/* A grouped column counts once, whatever its length; a wide category by its tag. */
static void
test_groups_and_tags(void **state)
{
	const AeBlock wide[] = {{.first = 0, .count = 4, .loss = AE_LOSS_MSE, .grouped = true},
							{.first = 4,
							 .count = 2,
							 .loss = AE_LOSS_SOFTMAX,
							 .grouped = true,
							 .weight = 1.5,
							 .tag = 5}};
	const AeLayout both = {.n_dense = 4,
						   .n_categories = 1,
						   .n_wide = 1,
						   .n_levels = 2,
						   .n_columns = 2,
						   .n_blocks = 2,
						   .blocks = wide};
	const AeReal x[] = {1, 1, 1, 1, -1, 7}, y[] = {3, 1, 1, 1, -1, 7}, z[] = {1, 1, 1, 1, -1, 8};

	(void) state;
	assert_true(ae_verdict_square(x, y, &both, INFINITY) == 4.0 / 4 / 2);
	assert_true(ae_verdict_square(x, z, &both, INFINITY) == 3.0 / 2);
}

static void
test_factor(void **state)
{
	AeReal cells[] = {0, 0, 0, 0, /* confirmed */
					  4, 0, 0, 0, /* confirmed */
					  0, 2, 0, 0 /* dismissed */};
	double reach[] = {0.5, 2.0, 1.0};
	AeVerdicts verdicts = {2, 1, reach, 0.25, cells}, none = {0};
	const AeReal row[] = {1, 0, 0, 0}, far[] = {1000, 1000, 1000, 2};
	double first = exp(-0.25 / (2 * 0.5)), second = exp(-(9.0 / 4) / (2 * 2.0));
	double dismissed = exp(-(5.0 / 4) / (2 * 0.25));

	(void) state;
	assert_true(ae_verdicts_factor(&none, row, &layout, false, NULL) == 1);
	assert_true(first > second);
	assert_true(near(ae_verdicts_factor(&verdicts, row, &layout, false, NULL),
					 exp(2 * first - 0.5 * dismissed)));
	verdicts.n_confirmed = 0; /* the first two are dismissed now, and the row is nearer to one */
	verdicts.n_dismissed = 3;
	assert_true(near(ae_verdicts_factor(&verdicts, row, &layout, false, NULL),
					 exp(-0.5 * exp(-0.25 / (2 * 0.25)))));
	assert_true(ae_verdicts_factor(&verdicts, far, &layout, false, NULL) == 1);
	/* a row that equals one: as far as it can fall, and rise */
	assert_true(near(ae_verdicts_factor(&verdicts, cells, &layout, false, NULL), exp(-0.5)));
	verdicts.n_confirmed = 3;
	verdicts.n_dismissed = 0;
	reach[0] = AE_MIN_REACH;
	assert_true(near(ae_verdicts_factor(&verdicts, cells, &layout, true, NULL), exp(2)));
}

/* In calibration a dismissed row leaves itself out, and feels the others; a confirmed one stays. */
static void
test_leaving_out(void **state)
{
	AeReal cells[] = {1, 0, 0, 0, 3, 0, 0, 0};
	double reach[] = {1};
	AeVerdicts verdicts = {0, 2, reach, 1, cells};

	(void) state;
	assert_true(near(ae_verdicts_factor(&verdicts, cells, &layout, false, NULL), exp(-0.5)));
	assert_true(
		near(ae_verdicts_factor(&verdicts, cells, &layout, true, NULL), exp(-0.5 * exp(-1.0 / 2))));
	verdicts.n_dismissed = 1;
	assert_true(ae_verdicts_factor(&verdicts, cells, &layout, true, NULL) == 1);
	verdicts = (AeVerdicts){1, 1, reach, 1, (AeReal[]){1, 0, 0, 0, 1, 0, 0, 0}};
	assert_true(near(ae_verdicts_factor(&verdicts, cells, &layout, false, NULL), exp(1.5)));
	assert_true(near(ae_verdicts_factor(&verdicts, cells, &layout, true, NULL), exp(2)));
}

/* The median of terms; of 400 rows the second nearest ends the reach of a confirmed one. */
static void
test_fit_by_hand(void **state)
{
	static AeReal rows[400 * N_CELLS];
	double terms[400], reach[3], scratch[8];
	AeReal cells[] = {0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 1};
	AeVerdicts verdicts = {2, 1, reach, 0, cells};

	(void) state;
	assert_int_equal(ae_verdicts_scratch(400), 2);
	for (int r = 0; r < 400; r++)
	{
		rows[r * N_CELLS] = (AeReal) (r + 1) / 8;
		terms[r] = 1 + r / 100.0;
	}
	ae_verdicts_fit(&verdicts, rows, terms, 400, &layout, scratch, NULL);
	assert_true(verdicts.dismissed_reach == 3);
	assert_true(reach[0] == 0.25 * 0.25 / 4);
	assert_true(reach[1] == 3);  /* (100 - 399 / 8)^2 / 4 is more */
	rows[0] = rows[N_CELLS] = 0; /* two rows equal a confirmed one */
	ae_verdicts_fit(&verdicts, rows, terms, 400, &layout, scratch, NULL);
	assert_true(reach[0] == AE_MIN_REACH);
	ae_verdicts_fit(&verdicts, rows, terms, 0, &layout, scratch, NULL);
	assert_true(verdicts.dismissed_reach == 1 && reach[0] == 1);
}

/* Distances 1, 2, 3, 4, 5 and 100 on two columns of four: the five nearest, mean 3 / 2. */
static void
test_term(void **state)
{
	AeReal centres[6 * N_CELLS] = {0}, row[N_CELLS] = {0};
	const AeReal steps[] = {5, 100, 1, 4, 2, 3};

	(void) state;
	for (int k = 0; k < 6; k++)
		centres[k * N_CELLS + 1] = steps[k];
	assert_true(near(ae_verdict_term(row, centres, 6, &layout), 1.5 * 1.5));
	assert_true(near(ae_verdict_term(row, centres, 2, &layout), 26.25 * 26.25));
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* Of random rows, with gaps: the quantile by sorting, and the factor without leaving off early. */
static void
test_against_plain(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Sample draw = {.seed = seed};
		AeReal rows[500 * N_CELLS], cells[5 * N_CELLS];
		double terms[500], squares[500], reach[3], scratch[8], nearest[2] = {INFINITY, INFINITY};
		AeVerdicts verdicts = {3, 2, reach, 0, cells};
		size_t n = 1 + sample_below(&draw, 500);

		for (size_t i = 0; i < (n + 5) * N_CELLS; i++)
		{
			AeReal *to = i < n * N_CELLS ? &rows[i] : &cells[i - n * N_CELLS];

			*to = (AeReal) sample_real(&draw, -2, 2);
			if (i % N_CELLS == 3)
				*to = (AeReal) ((int) sample_below(&draw, 4) - 1);
			if (sample_below(&draw, 10) == 0)
				*to = (AeReal) NAN;
		}
		for (size_t r = 0; r < n; r++)
			terms[r] = 0.5 + (double) r / (double) n;
		ae_verdicts_fit(&verdicts, rows, terms, n, &layout, scratch, NULL);
		for (int c = 0; c < 3; c++)
		{
			double own;

			for (size_t r = 0; r < n; r++)
				squares[r] =
					ae_verdict_square(cells + c * N_CELLS, rows + r * N_CELLS, &layout, INFINITY);
			qsort(squares, n, sizeof(double), ascending);
			own = squares[(size_t) (0.003 * (double) n)];
			assert_true(reach[c] == fmin(fmax(own, AE_MIN_REACH), verdicts.dismissed_reach));
		}
		for (int v = 0; v < 5; v++)
		{
			double h = v < 3 ? reach[v] : verdicts.dismissed_reach;
			double square = ae_verdict_square(rows, cells + v * N_CELLS, &layout, INFINITY);

			nearest[v >= 3] = fmin(nearest[v >= 3], square / (2 * h));
		}
		assert_true(near(ae_verdicts_factor(&verdicts, rows, &layout, false, NULL),
						 exp(2 * exp(-nearest[0]) - 0.5 * exp(-nearest[1]))));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_squares),     cmocka_unit_test(test_groups_and_tags),
		cmocka_unit_test(test_factor),      cmocka_unit_test(test_leaving_out),
		cmocka_unit_test(test_fit_by_hand), cmocka_unit_test(test_against_plain),
		cmocka_unit_test(test_term),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
