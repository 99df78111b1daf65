/*
 * Proves: the rate of alarms is what counting gives; evidence follows its formula, and comes to a
 * bound by chance no sooner than it says.
 */
#include "unit_data.h"

#include "ae_alarm.h"
#include "ae_rng.h"

static double
uniform(uint64_t i)
{
	uint32_t out[4], counter[4] = {(uint32_t) i, (uint32_t) (i >> 32), 9, 0};

	ae_philox(out, counter, 3);
	return ((double) out[0] + 0.5) * 0x1p-32;
}

/* Over all 2^(n + 1) ways in which n + 1 rows are flagged: the last one begins an alarm. */
static double
counted(double p, int k, int n)
{
	double sum = 0;

	for (unsigned flags = 0; flags < 2u << n; flags++)
	{
		int before = __builtin_popcount(flags & ((1u << n) - 1));
		int now = __builtin_popcount(flags >> 1);
		int all = __builtin_popcount(flags);

		if (before < k && now >= k)
			sum += pow(p, all) * pow(1 - p, n + 1 - all);
	}
	return sum;
}

static void
test_rate(void **state)
{
	(void) state;
	for (int n = 1; n <= 8; n++)
		for (int k = 1; k <= n; k++)
		{
			double expected = counted(0.1, k, n);

			assert_true(fabs(ae_alarm_rate(0.1, k, n) / expected - 1) < 1e-9);
		}
	assert_true(ae_alarm_rate(0, 1, 3) == 0 && ae_alarm_rate(1, 1, 3) == 0);
	assert_true(ae_alarm_rate(0.01, 50, 100000) < 1e-300);
}

/* p = 1: every test has a factor of its exponent; p = 1/2 after it: none is below 1. */
static void
test_evidence(void **state)
{
	static const double a[AE_SEQUENTIAL_TESTS] = {0.2, 0.35, 0.5, 0.65, 0.8};
	double w[AE_SEQUENTIAL_TESTS] = {1, 1, 1, 1, 1}, sum = 0;

	(void) state;
	assert_true(fabs(ae_sequential_add(w, 1) - 0.5) < 1e-12);
	for (int i = 0; i < AE_SEQUENTIAL_TESTS; i++)
		sum += a[i] * pow(0.5, a[i] - 1) / AE_SEQUENTIAL_TESTS;
	assert_true(fabs(ae_sequential_add(w, 0.5) / sum - 1) < 1e-12);
	for (int i = 0; i < 1000; i++)
		sum = ae_sequential_add(w, 1e-6);
	assert_true(sum == AE_MAX_EVIDENCE);
	for (int i = 0; i < 1000; i++)
		sum = ae_sequential_add(w, 1);
	assert_true(sum < 1);
}

/* Rows until evidence of 100, by chance: 100 on the average at least. */
static void
test_false_alarms(void **state)
{
	uint64_t n = 0;

	(void) state;
	for (int run = 0; run < 2000; run++)
	{
		double w[AE_SEQUENTIAL_TESTS] = {1, 1, 1, 1, 1};

		while (ae_sequential_add(w, uniform(n++)) < 100)
			;
	}
	assert_true((double) n / 2000 > 100);
	assert_true((double) n / 2000 < 2000); /* and the bound is worth something */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_false_alarms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
