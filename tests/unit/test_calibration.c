/*
 * Proves: p-values from the thinned table are never below the exact ones, and equal where all fits.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ae_calibration.h"
#include "ae_rng.h"

#define MAX_SCORES 60000

typedef struct Table
{
	AeCalibration calibration;
	double score[AE_CALIBRATION_POINTS];
	uint64_t n_above[AE_CALIBRATION_POINTS];
	double *raw;
	uint64_t n;
} Table;

static int
descending(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x < y) - (x > y);
}

/* n scores with at most n_values distinct values (0: all kinds), heavy tailed. */
static void
fill(Table *t, uint64_t seed, uint64_t n, uint32_t n_values)
{
	t->n = n;
	t->raw = malloc((n + 1) * sizeof(double));
	assert_non_null(t->raw);
	for (uint64_t i = 0; i < n; i++)
	{
		uint32_t counter[4] = {(uint32_t) i, 0, 0, 0};
		uint32_t out[4];
		double u;

		ae_philox(out, counter, seed);
		u = (out[0] + 0.5) * 0x1p-32;
		if (n_values > 0)
			u = (1.0 + out[0] % n_values) / (n_values + 1.0);
		t->raw[i] = -log(u) / sqrt(u);
	}
	qsort(t->raw, n, sizeof(double), descending);
	memset(&t->calibration, 0, sizeof t->calibration);
	t->calibration.score = t->score;
	t->calibration.n_above = t->n_above;
	ae_calibration_fit(&t->calibration, t->raw, n);
}

static double
exact_p(const Table *t, double score)
{
	uint64_t above = 0;

	while (above < t->n && t->raw[above] >= score)
		above++;
	return (1.0 + (double) above) / ((double) t->n + 1.0);
}

static uint64_t
n_distinct(const Table *t)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < t->n; i++)
		n += i == 0 || t->raw[i] != t->raw[i - 1];
	return n;
}

/* What the reader of model bytes insists on. */
static void
check_table(const Table *t)
{
	const AeCalibration *c = &t->calibration;

	assert_true(c->n == t->n);
	assert_true(c->n_points <= AE_CALIBRATION_POINTS);
	assert_int_equal(c->n_points == 0, c->n == 0);
	for (uint32_t i = 0; i < c->n_points; i++)
	{
		assert_true(c->n_above[i] > (i ? c->n_above[i - 1] : 0));
		assert_true(i == 0 || c->score[i] < c->score[i - 1]);
	}
	if (c->n_points)
		assert_true(c->n_above[c->n_points - 1] == c->n && c->score[0] == t->raw[0]);
}

/* p against the exact one at and around every 1 + n/500th score. */
static void
check_p(const Table *t)
{
	bool whole = t->calibration.n_points == n_distinct(t);
	double worst = 1.0;

	for (uint64_t i = 0; i < t->n; i += 1 + t->n / 500)
	{
		double at[3] = {nextafter(t->raw[i], 0.0), t->raw[i], nextafter(t->raw[i], INFINITY)};

		for (int k = 0; k < 3; k++)
		{
			double p = ae_calibration_p(&t->calibration, at[k]);
			double exact = exact_p(t, at[k]);

			assert_true(p >= exact && p <= 1.0);
			if (whole || i < 512)
				assert_true(p == exact);
			if (p / exact > worst)
				worst = p / exact;
		}
	}
	/* ranges of ranks from 512 on grow by (n / 512)^(1/512) each */
	assert_true(worst <= pow(fmax((double) t->n / 512, 1.0), 1.0 / 512) * (1 + 1e-9));
}

static void
check_anomaly(const Table *t)
{
	double last = 0.0;
	double top = t->raw[0];

	for (uint64_t i = t->n; i-- > 0; i -= i > t->n / 500 ? t->n / 500 : 0)
	{
		double anomaly = ae_calibration_anomaly(&t->calibration, t->raw[i]);

		assert_true(anomaly >= last && anomaly < 1.0);
		assert_true(anomaly == 1.0 - ae_calibration_p(&t->calibration, t->raw[i]));
		last = anomaly;
	}
	for (int k = 0; k < 60; k++) /* beyond the table the order is kept */
	{
		double anomaly = ae_calibration_anomaly(&t->calibration, top * (1.0 + ldexp(1.0, k - 30)));

		assert_true(anomaly > last && anomaly < 1.0);
		last = anomaly;
	}
	assert_true(ae_calibration_anomaly(&t->calibration, INFINITY) >= last);
}

static void
test_random_tables(void **state)
{
	static const uint64_t sizes[] = {1,   2,    3,    100,  511,  512,
									 513, 1023, 1024, 1025, 5000, MAX_SCORES};
	static const uint32_t values[] = {0, 1, 7, 600, 1024, 1025, 3000};

	(void) state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
		{
			Table t;

			fill(&t, 1000 * i + k, sizes[i], values[k]);
			check_table(&t);
			if (n_distinct(&t) <= AE_CALIBRATION_POINTS)
				assert_true(t.calibration.n_points == n_distinct(&t));
			else
				assert_true(t.calibration.n_points > 512);
			check_p(&t);
			check_anomaly(&t);
			free(t.raw);
		}
}

/*
 * p(s) <= share if and only if s > threshold, for shares and scores on, between and off all steps.
 */
static void
check_threshold(const Table *t, double share)
{
	const AeCalibration *c = &t->calibration;
	double threshold = ae_calibration_threshold(c, share);

	assert_false(isnan(threshold));
	for (uint32_t i = 0; i < c->n_points; i += 1 + c->n_points / 64)
	{
		double at[4] = {c->score[i], nextafter(c->score[i], 0.0), nextafter(c->score[i], INFINITY),
						t->raw[t->n * i / c->n_points]};

		for (int k = 0; k < 4; k++)
			assert_int_equal(ae_calibration_p(c, at[k]) <= share, at[k] > threshold);
	}
	if (isinf(threshold))
	{
		assert_int_equal(ae_calibration_p(c, 0.0) <= share, threshold < 0);
		assert_int_equal(ae_calibration_p(c, DBL_MAX) <= share, threshold < 0);
		return;
	}
	assert_true(ae_calibration_p(c, threshold) > share);
	assert_true(ae_calibration_p(c, nextafter(threshold, INFINITY)) <= share);
}

static void
test_thresholds(void **state)
{
	static const uint64_t sizes[] = {1, 2, 3, 9, 99, 100, 511, 513, 1024, 1025, 5000, MAX_SCORES};
	static const uint32_t values[] = {0, 1, 7, 600, 3000};

	(void) state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
		{
			Table t;
			double n;

			fill(&t, 7000 * i + k, sizes[i], values[k]);
			n = (double) t.n + 1.0;
			for (uint32_t j = 0; j < t.calibration.n_points; j += 1 + t.calibration.n_points / 50)
			{
				double step = (1.0 + (double) t.calibration.n_above[j]) / n;

				check_threshold(&t, step);
				check_threshold(&t, nextafter(step, 0.0));
				check_threshold(&t, nextafter(step, 2.0));
			}
			check_threshold(&t, 1.0 / n);
			check_threshold(&t, nextafter(1.0 / n, 0.0));
			for (double share = 1e-6; share < 1.1; share *= 1.3)
				check_threshold(&t, share);
			assert_true(ae_calibration_threshold(&t.calibration, 0.0) == INFINITY);
			assert_true(ae_calibration_threshold(&t.calibration, NAN) == INFINITY);
			assert_true(ae_calibration_threshold(&t.calibration, 1.0) == -INFINITY);
			free(t.raw);
		}
}

/* Scores 8, 4, 4, 2 once more; and a table whose largest score is infinite. */
static void
test_threshold_by_hand(void **state)
{
	double raw[] = {8.0, 4.0, 4.0, 2.0}, infinite[] = {INFINITY, 1.0, 1.0};
	double score[AE_CALIBRATION_POINTS];
	uint64_t n_above[AE_CALIBRATION_POINTS];
	AeCalibration c = {.score = score, .n_above = n_above};

	(void) state;
	assert_true(ae_calibration_threshold(&c, 0.5) == INFINITY); /* no scores: p is 1 */
	assert_true(ae_calibration_threshold(&c, 1.0) == -INFINITY);
	ae_calibration_fit(&c, raw, 4);
	assert_true(ae_calibration_threshold(&c, 0.1) == INFINITY);
	assert_true(ae_calibration_threshold(&c, 0.2) == 8.0);
	assert_true(ae_calibration_threshold(&c, 0.4) == 4.0);
	assert_true(ae_calibration_threshold(&c, 0.79) == 4.0);
	assert_true(ae_calibration_threshold(&c, 0.8) == 2.0);
	assert_true(ae_calibration_threshold(&c, 1.0) == -INFINITY);
	ae_calibration_fit(&c, infinite, 3);
	assert_true(ae_calibration_threshold(&c, 0.25) == INFINITY);
	assert_true(ae_calibration_threshold(&c, 0.5) == 1.0);
}

/* One value that most scores share, at either end of a thinned table. */
static void
test_ties(void **state)
{
	(void) state;
	for (int end = 0; end < 2; end++)
	{
		Table t;

		fill(&t, 5, 20000, 0);
		for (uint64_t i = 0; i < 15000; i++)
			if (end)
				t.raw[19999 - i] = t.raw[5000];
			else
				t.raw[i] = t.raw[0];
		ae_calibration_fit(&t.calibration, t.raw, t.n);
		check_table(&t);
		for (uint64_t i = 0; i < t.n; i += 37)
			assert_true(ae_calibration_p(&t.calibration, t.raw[i]) >= exact_p(&t, t.raw[i]));
		free(t.raw);
	}
}

/* Worked by hand: scores 8, 4, 4, 2, so n + 1 = 5. */
static void
test_by_hand(void **state)
{
	double raw[] = {8.0, 4.0, 4.0, 2.0};
	double score[AE_CALIBRATION_POINTS];
	uint64_t n_above[AE_CALIBRATION_POINTS];
	AeCalibration c = {.score = score, .n_above = n_above};

	(void) state;
	ae_calibration_fit(&c, raw, 4);
	assert_int_equal(c.n_points, 3);
	assert_true(ae_calibration_p(&c, 1.0) == 1.0);
	assert_true(ae_calibration_p(&c, 2.0) == 1.0);
	assert_true(ae_calibration_p(&c, 3.0) == 4.0 / 5);
	assert_true(ae_calibration_p(&c, 4.0) == 4.0 / 5);
	assert_true(ae_calibration_p(&c, 5.0) == 2.0 / 5);
	assert_true(ae_calibration_p(&c, 8.0) == 2.0 / 5);
	assert_true(ae_calibration_p(&c, 9.0) == 1.0 / 5);
	assert_true(ae_calibration_p(&c, INFINITY) == 1.0 / 5);
	assert_true(ae_calibration_p(&c, NAN) == 1.0 / 5);
	assert_true(ae_calibration_p(&c, -1.0) == 1.0);
	assert_true(ae_calibration_anomaly(&c, 0.0) == 0.0);
	assert_true(ae_calibration_anomaly(&c, 8.0) == 1.0 - 2.0 / 5);
	assert_true(ae_calibration_anomaly(&c, 16.0) == 1.0 - 0.5 / 5);
	assert_true(ae_calibration_anomaly(&c, INFINITY) == nextafter(1.0, 0.0));
	assert_true(ae_calibration_anomaly(&c, NAN) == nextafter(1.0, 0.0));
}

static void
test_extremes(void **state)
{
	double score[AE_CALIBRATION_POINTS];
	uint64_t n_above[AE_CALIBRATION_POINTS];
	AeCalibration c = {.score = score, .n_above = n_above};
	double infinite[] = {INFINITY, INFINITY, 1.0};
	double zero[] = {0.0, 0.0};
	double last = 0.0;

	(void) state;
	ae_calibration_fit(&c, NULL, 0);
	assert_int_equal(c.n_points, 0);
	assert_true(ae_calibration_p(&c, 3.0) == 1.0);
	assert_true(ae_calibration_anomaly(&c, 3.0) == 0.0);

	ae_calibration_fit(&c, infinite, 3);
	assert_int_equal(c.n_points, 2);
	assert_true(ae_calibration_p(&c, INFINITY) == 3.0 / 4);
	assert_true(ae_calibration_p(&c, 1e300) == 3.0 / 4);
	assert_true(ae_calibration_anomaly(&c, INFINITY) == 1.0 - 3.0 / 4);

	ae_calibration_fit(&c, zero, 2);
	assert_true(ae_calibration_anomaly(&c, 0.0) == 0.0);
	for (double s = 1e-9; s < 1e9; s *= 10)
	{
		assert_true(ae_calibration_anomaly(&c, s) > last);
		last = ae_calibration_anomaly(&c, s);
	}
	assert_true(ae_calibration_anomaly(&c, INFINITY) < 1.0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),       cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_random_tables), cmocka_unit_test(test_ties),
		cmocka_unit_test(test_thresholds),    cmocka_unit_test(test_threshold_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
