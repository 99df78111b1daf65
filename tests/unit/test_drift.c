/*
 * Proves: sketches cut where they say, values that are shared have bins of their own; the tests of
 * drift give what a hand gives, and keep their level in drawn samples of few and of many rows.
 */
#include "unit_data.h"

#include "ae_drift.h"
#include "ae_rng.h"
#include "ae_sketch.h"

#define N_TRIALS 2000

typedef struct Room
{
	AeSketch sketch;
	double cut[AE_MAX_CUTS];
	uint32_t count[AE_MAX_CUTS + 1];
} Room;

static void
fit(Room *room, const double *values, size_t n, bool coarse)
{
	uint32_t sum = 0;

	room->sketch = (AeSketch){.cut = room->cut, .count = room->count};
	ae_sketch_fit(&room->sketch, values, n, coarse);
	assert_true(room->sketch.n_bins == room->sketch.n_cuts + 1 &&
				room->sketch.n_cuts <= AE_MAX_CUTS);
	for (uint32_t i = 0; i < room->sketch.n_bins; i++)
		sum += room->count[i];
	assert_int_equal(sum, n);
	for (uint32_t i = 1; i < room->sketch.n_cuts; i++)
		assert_true(room->cut[i] > room->cut[i - 1]);
	/* what was counted is what the bins say */
	for (size_t i = 0; i < n; i++)
	{
		uint32_t bin = ae_sketch_bin(&room->sketch, values[i]);

		assert_true(bin > 0 && bin < room->sketch.n_cuts && room->count[bin] > 0);
	}
}

static void
test_cuts(void **state)
{
	double values[1000];
	Room room;

	(void) state;
	for (int i = 0; i < 1000; i++)
		values[i] = i;
	fit(&room, values, 1000, false);
	assert_true(room.sketch.n_cuts >= 30);
	assert_int_equal(room.count[0], 0);
	assert_int_equal(room.count[room.sketch.n_cuts], 0);
	assert_int_equal(ae_sketch_bin(&room.sketch, -0.001), 0);
	assert_int_equal(ae_sketch_bin(&room.sketch, 999.001), room.sketch.n_cuts);
	assert_int_equal(ae_sketch_bin(&room.sketch, INFINITY), room.sketch.n_cuts);
	assert_int_equal(ae_sketch_bin(&room.sketch, NAN), room.sketch.n_cuts);
	fit(&room, values, 1000, true);
	assert_int_equal(room.sketch.n_cuts, 11); /* below, nine deciles, the largest */
	assert_int_equal(room.count[1], 101);     /* 0 .. 100 */
	/* one value, and none */
	fit(&room, values, 1, false);
	assert_int_equal(room.sketch.n_cuts, 2);
	fit(&room, values, 0, false);
	assert_true(room.sketch.n_bins == 1 && ae_sketch_bin(&room.sketch, 3) == 0);
}

/* 5, then 900 times 7, then 8 .. 106: 7 stands alone. */
static void
test_atom(void **state)
{
	double values[1000];
	Room room;
	uint32_t bin;

	(void) state;
	for (int i = 0; i < 1000; i++)
		values[i] = i == 0 ? 5 : i <= 900 ? 7 : i - 893;
	fit(&room, values, 1000, false);
	bin = ae_sketch_bin(&room.sketch, 7);
	assert_int_equal(room.count[bin], 900);
	assert_true(ae_sketch_bin(&room.sketch, 6.9) == bin); /* down to the value before */
	assert_true(ae_sketch_bin(&room.sketch, 5) == bin - 1);
	assert_true(ae_sketch_bin(&room.sketch, 7.1) == bin + 1);
}

static void
test_levels(void **state)
{
	AeSketch sketch = {.n_bins = 4};

	(void) state;
	assert_int_equal(ae_sketch_level(&sketch, 0), 0);
	assert_int_equal(ae_sketch_level(&sketch, 2), 2);
	assert_int_equal(ae_sketch_level(&sketch, 4), 3);
	assert_int_equal(ae_sketch_level(&sketch, -1), 3);
}

static void
near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-9 * (1 + fabs(b))))
		fail_msg("%.12g is not %.12g", a, b);
}

/* Twice (C(10,3) C(10,1) + C(10,4)) / C(20,4), and so on. */
static void
test_exact(void **state)
{
	(void) state;
	near(ae_drift_exact(3, 10, 1, 10), 2 * 1410.0 / 4845);
	near(ae_drift_exact(1, 10, 3, 10), 2 * 1410.0 / 4845);
	near(ae_drift_exact(2, 10, 2, 10), 1);
	near(ae_drift_exact(2, 2, 0, 98), 2 * 2.0 / (100 * 99));
	near(ae_drift_exact(0, 2, 0, 98), 1);
	near(ae_drift_exact(0, 0, 5, 98), 1);
	/* 25 of 500 against 0 of 16281: no rounding takes it away */
	assert_true(ae_drift_exact(25, 500, 0, 16281) < 1e-30);
	assert_true(ae_drift_exact(25, 500, 0, 16281) > 0);
	assert_true(ae_drift_exact(1e6, 1e8, 1000, 1e5) > 0.9);
}

static void
test_by_hand(void **state)
{
	const double now[] = {60, 40}, then[] = {40, 60};
	const double apart[] = {0, 0, 50}, below[] = {50, 0, 0};
	const double none[2] = {0, 0}, nulls[2] = {10, 0};
	double size, above, q = 60.5 / 101, p = 40.5 / 101;

	(void) state;
	/* chi-squared of 8 with one degree of freedom, and a factor for two tests */
	near(ae_drift_unordered(&size, now, then, 2), 2 * erfc(2));
	near(size, 0.2);
	ae_drift_ordered(&size, now, then, 2);
	near(size, 0.2);
	assert_true(ae_drift_ordered(&size, apart, below, 3) < 1e-20);
	near(size, 1);
	near(ae_drift_ordered(&size, none, then, 2), 1);
	near(ae_drift_psi(now, then, 2, true, none),
		 (q - p) * log(q / p) + (p - q) * log((1 - q) / (1 - p)));
	near(ae_drift_psi(now, now, 2, true, none), 0);
	assert_true(ae_drift_psi(now, now, 2, true, nulls) > 0.1);
	/* 60 * 20 + 40 * (40 + 30) of 100 * 100 pairs */
	ae_drift_rank(&above, now, then, 2);
	near(above, 0.4);
	near(ae_drift_rank(&above, now, now, 2), 1);
	near(above, 0.5);
	ae_drift_rank(&above, apart, below, 3);
	near(above, 1);
}

/* One row of 20 is above the bin that all others share, and 5 of 2000: that is no wonder. */
static void
test_rank_of_ties(void **state)
{
	const double now[] = {19, 1}, then[] = {1995, 5}, turned[] = {1, 19}, all[] = {5, 1995};
	double above;

	(void) state;
	assert_true(ae_drift_rank(&above, now, then, 2) > 0.058);
	near(above, 0.5 + (0.05 - 0.0025) / 2);
	assert_true(ae_drift_rank(&above, turned, all, 2) > 0.058);
}

/* A twentieth of `then` is a bin of its own for levels only; the rest is joined. */
static void
test_joined_bins(void **state)
{
	const double now[] = {5, 5, 90, 0}, then[] = {5, 5, 90, 0};
	const double moved[] = {10, 0, 90, 0};
	const double none[2] = {0, 0};

	(void) state;
	near(ae_drift_psi(now, then, 4, true, none), 0);
	near(ae_drift_psi(moved, then, 4, true, none), 0);
	assert_true(ae_drift_psi(moved, then, 4, false, none) > 0.05);
}

/* A p of .001 is refused at .01 / 3, then .004 at .01 / 2, .02 is not at .01. */
static void
test_holm(void **state)
{
	const double p[] = {0.02, NAN, 0.001, 0.004}, none[] = {0.02, 0.5};
	bool refused[4];

	(void) state;
	ae_drift_holm(refused, p, 4, 0.01);
	assert_true(!refused[0] && !refused[1] && refused[2] && refused[3]);
	ae_drift_holm(refused, none, 2, 0.01);
	assert_true(!refused[0] && !refused[1]);
}

static double
uniform(uint64_t seed, uint64_t i)
{
	uint32_t out[4], counter[4] = {(uint32_t) i, (uint32_t) (i >> 32), 7, 0};

	ae_philox(out, counter, seed);
	return (double) out[0] * 0x1p-32;
}

/* Draws n rows in bins whose shares fall off, or are alike. */
static void
draw(double *counts, size_t n_bins, size_t n, bool skewed, uint64_t *at)
{
	for (size_t i = 0; i < n_bins; i++)
		counts[i] = 0;
	for (size_t i = 0; i < n; i++)
	{
		double u = uniform(5, (*at)++);

		counts[(size_t) ((skewed ? u * u * u * u : u) * (double) n_bins)]++;
	}
}

/* Rows of one distribution: each test refuses them as seldom as it says. */
static void
test_level(void **state)
{
	static const size_t sizes[][2] = {{2, 50}, {20, 50}, {500, 4000}, {3000, 200}};
	double now[40], then[40], size;
	uint64_t at = 0;

	(void) state;
	for (size_t s = 0; s < 4; s++)
		for (int skewed = 0; skewed < 2; skewed++)
		{
			int hits[3] = {0, 0, 0};

			for (int i = 0; i < N_TRIALS / (s < 2 ? 1 : 8); i++)
			{
				draw(now, 40, sizes[s][0], skewed, &at);
				draw(then, 40, sizes[s][1], skewed, &at);
				hits[0] += ae_drift_ordered(&size, now, then, 40) <= 0.05;
				hits[1] += ae_drift_unordered(&size, now, then, 40) <= 0.05;
				hits[2] += ae_drift_rank(&size, now, then, 40) <= 0.05;
			}
			for (int k = 0; k < 3; k++)
			{
				double n = N_TRIALS / (s < 2 ? 1 : 8), share = hits[k] / n;

				if (share > 0.05 + 3.5 * sqrt(0.05 * 0.95 / n))
					fail_msg("test %d of %zu rows refuses %.3f", k, sizes[s][0], share);
			}
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),         cmocka_unit_test(test_atom),
		cmocka_unit_test(test_levels),       cmocka_unit_test(test_exact),
		cmocka_unit_test(test_by_hand),      cmocka_unit_test(test_joined_bins),
		cmocka_unit_test(test_holm),         cmocka_unit_test(test_level),
		cmocka_unit_test(test_rank_of_ties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
