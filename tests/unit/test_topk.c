/* Proves: ae_topk keeps the k largest numbers, the first ones of equal ones, and no others. */
#include "unit_data.h"

#include "ae_rng.h"
#include "ae_topk.h"

#define MAX_N 300

/* Whether h[i] goes before h[j]: larger, or as large and first; NaN is the largest. */
static bool
before(const AeReal *h, size_t i, size_t j)
{
	if (isnan(h[i]) || isnan(h[j]))
		return isnan(h[i]) && (!isnan(h[j]) || i < j);
	return h[i] > h[j] || (h[i] == h[j] && i < j);
}

static void
check(const AeReal *h, size_t n, size_t k)
{
	AeReal got[MAX_N], alone[MAX_N], mask[MAX_N];
	size_t n_kept = 0;

	memcpy(got, h, n * sizeof(AeReal));
	memcpy(alone, h, n * sizeof(AeReal));
	ae_topk(got, mask, n, k);
	ae_topk(alone, NULL, n, k);
	assert_memory_equal(got, alone, n * sizeof(AeReal));
	for (size_t i = 0; i < n; i++)
	{
		size_t rank = 0;

		for (size_t j = 0; j < n; j++)
			rank += before(h, j, i);
		assert_true(mask[i] == (rank < k));
		if (rank < k)
			assert_memory_equal(got + i, h + i, sizeof(AeReal));
		else
			assert_true(got[i] == 0);
		n_kept += mask[i] == 1;
	}
	assert_int_equal(n_kept, k);
}

static void
keeps_the_largest(void **state)
{
	AeRng rng;

	(void) state;
	ae_rng_init(&rng, 1, AE_STREAM_SHUFFLE, 0);
	for (int t = 0; t < 400; t++)
	{
		AeReal h[MAX_N];
		size_t n = 1 + ae_rng_below(&rng, t < 300 ? 70 : MAX_N);
		double step = t % 3 == 0 ? 0.5 : 1e-6; /* many equal ones, or hardly any */

		for (size_t i = 0; i < n; i++)
			h[i] = (AeReal) (floor((ae_rng_uniform(&rng) * 4 - 2) / step) * step);
		check(h, n, 1 + ae_rng_below(&rng, (uint32_t) n));
	}
}

static void
orders_special_numbers(void **state)
{
	const AeReal h[] = {
		-0.0f, 0,     -1,           (AeReal) INFINITY, (AeReal) -INFINITY, (AeReal) 1e-40,
		-3,    2,     (AeReal) NAN, (AeReal) -NAN,     (AeReal) -1e-40,    0,
		1e30f, -1e30f};
	const size_t n = sizeof h / sizeof h[0];

	(void) state;
	for (size_t k = 1; k <= n; k++)
		check(h, n, k);
}

/* Of a batch the k largest that are positive, by the same rule of equal ones. */
static void
keeps_the_largest_of_a_batch(void **state)
{
	AeRng rng;

	(void) state;
	ae_rng_init(&rng, 2, AE_STREAM_SHUFFLE, 0);
	for (int t = 0; t < 300; t++)
	{
		AeReal h[MAX_N] = {0}, got[MAX_N], mask[MAX_N], least = -7,
			   wanted_least = (AeReal) INFINITY;
		size_t n = 1 + ae_rng_below(&rng, MAX_N), k, n_kept = 0, n_positive = 0;
		double step = t % 3 == 0 ? 0.5 : 1e-6, low = t % 4 == 1 ? 4 : t % 4 == 2 ? 0.2 : 1;

		for (size_t i = 0; i < n; i++)
		{
			h[i] = (AeReal) (floor((ae_rng_uniform(&rng) * 4 - low) / step) * step);
			n_positive += h[i] > 0;
		}
		k = 1 + ae_rng_below(&rng, (uint32_t) n);
		memcpy(got, h, sizeof h);
		assert_int_equal(ae_topk_batch(&least, got, mask, n, k), k < n_positive ? k : n_positive);
		for (size_t i = 0; i < n; i++)
		{
			size_t rank = 0;

			for (size_t j = 0; j < n; j++)
				rank += before(h, j, i);
			assert_true(mask[i] == (rank < k && h[i] > 0));
			assert_true(got[i] == (mask[i] == 1 ? h[i] : 0));
			n_kept += mask[i] == 1;
			if (mask[i] == 1 && h[i] < wanted_least)
				wanted_least = h[i];
		}
		assert_true(least == (n_kept > 0 ? wanted_least : -7));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_largest),
		cmocka_unit_test(orders_special_numbers),
		cmocka_unit_test(keeps_the_largest_of_a_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
