/*
 * Proves: the recall of neighbours by codes is the one worked by hand; ties, missing cells,
 * categories and cosine distances count as the header says; codes that are the rows find all.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ae_recall.h"
#include "ae_rng.h"

#define N 40

/* One number and one category of three levels, which weighs a half. */
static AeBlock blocks[] = {
	{.loss = AE_LOSS_MSE, .first = 0, .count = 2, .weight = 1},
	{.loss = AE_LOSS_SOFTMAX, .first = 2, .count = 3, .weight = 0.5},
};

static AeLayout
numbers_and_category(void)
{
	return (AeLayout){.blocks = blocks,
					  .n_blocks = 2,
					  .n_dense = 2,
					  .n_categories = 1,
					  .n_levels = 3,
					  .n_columns = 3};
}

static AeLayout
numbers(void)
{
	return (AeLayout){.blocks = blocks, .n_blocks = 1, .n_dense = 2, .n_columns = 2};
}

static void *
make(AeRecall *recall, const AeLayout *layout, size_t n, size_t n_code)
{
	AeArena count = {0};
	const size_t n_codes[AE_RECALL_CODES] = {n_code, 0};
	void *block;

	ae_recall_place(recall, &count, layout, n, n_codes);
	block = calloc(1, count.used + AE_ALIGN);
	ae_recall_place(recall, &(AeArena){.base = ae_arena_align(block)}, layout, n, n_codes);
	return block;
}

/* The numbers 0 .. N - 1: the 10 nearest of the first are 1 .. 10; codes turn some around. */
static void
worked_by_hand(void **state)
{
	AeLayout layout = numbers();
	AeRecall recall;
	void *block = make(&recall, &layout, N, 1);

	(void) state;
	for (size_t i = 0; i < N; i++)
	{
		recall.cells[2 * i] = (AeReal) i;
		recall.cells[2 * i + 1] = 0;
		recall.codes[0][i] = (AeReal) i;
	}
	/* two neighbours are sent away, and two strangers come */
	recall.codes[0][3] = 1000;
	recall.codes[0][7] = 2000;
	ae_recall_begin(&recall, &layout, ae_kernels_find("generic"), false);
	assert_true(isnan(ae_recall_of(&recall, 0)));
	ae_recall_ask(&recall, 0);
	assert_true(ae_recall_of(&recall, 0) == 0.8);
	assert_true(isnan(ae_recall_of(&recall, 1)));
	/* row 39: 29 .. 38, and all of them */
	ae_recall_ask(&recall, N - 1);
	assert_true(ae_recall_of(&recall, 0) == 0.9);
	free(block);
}

/* All rows are as far from each other as any: whoever is found is a neighbour. */
static void
ties_count(void **state)
{
	AeLayout layout = numbers();
	AeRecall recall;
	void *block = make(&recall, &layout, N, 1);

	(void) state;
	for (size_t i = 0; i < N; i++)
		recall.codes[0][i] = (AeReal) i;
	ae_recall_begin(&recall, &layout, ae_kernels_find("generic"), false);
	for (size_t i = 0; i < N; i++)
		ae_recall_ask(&recall, i);
	assert_true(ae_recall_of(&recall, 0) == 1);
	free(block);
}

/* The squared distance from the first row to the others that ae_recall_ask left. */
static void
check_distances(const AeRecall *recall, const double *expected, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fabs(recall->near[i + 1] - expected[i]) > 1e-6)
			fail_msg("row %zu: %g, not %g", i + 1, recall->near[i + 1], expected[i]);
}

static void
columns_count_once(void **state)
{
	/* rows 1: number 2 away; 2: another level; 3: number missing, another level; 4: level missing */
	static const AeReal rows[5][3] = {{0, 0, 1}, {2, 0, 1}, {0, 0, 2}, {NAN, 0, 0}, {1, 1, -1}};
	AeLayout layout = numbers_and_category();
	AeRecall recall;
	void *block = make(&recall, &layout, 5, 1);

	(void) state;
	memcpy(recall.cells, rows, sizeof rows);
	recall.cells[3 * 4 + 2] = NAN;
	ae_recall_begin(&recall, &layout, ae_kernels_find("generic"), false);
	ae_recall_ask(&recall, 0);
	check_distances(&recall, (double[]){4, 1, 1 * 3.0 / 2, 2 * 3.0 / 2}, 4);
	free(block);
}

static void
cosine_heeds_direction(void **state)
{
	static const AeReal rows[3][2] = {{3, 4}, {30, 40}, {-4, 3}};
	AeLayout layout = numbers();
	AeRecall recall;
	void *block = make(&recall, &layout, 3, 2);

	(void) state;
	memcpy(recall.cells, rows, sizeof rows);
	memcpy(recall.codes[0], rows, sizeof rows);
	ae_recall_begin(&recall, &layout, ae_kernels_find("generic"), true);
	ae_recall_ask(&recall, 0);
	check_distances(&recall, (double[]){0, 2}, 2);
	assert_true(fabs((double) recall.codes[0][2] - 0.6) < 1e-6);
	free(block);
}

/* Codes that are the rows find all; codes of noise what chance gives: 10 of 39. */
static void
copies_find_all_and_noise_few(void **state)
{
	AeLayout layout = numbers();
	AeRng rng;
	double share[2];

	(void) state;
	ae_rng_init(&rng, 1, 0, 0);
	for (int noise = 0; noise < 2; noise++)
	{
		AeRecall recall;
		void *block = make(&recall, &layout, N, 2);

		for (size_t i = 0; i < 2 * N; i++)
		{
			recall.cells[i] = (AeReal) ae_rng_uniform(&rng);
			recall.codes[0][i] = noise ? (AeReal) ae_rng_uniform(&rng) : recall.cells[i];
		}
		ae_recall_begin(&recall, &layout, ae_kernels_find("generic"), false);
		for (size_t i = 0; i < N; i++)
			ae_recall_ask(&recall, i);
		share[noise] = ae_recall_of(&recall, 0);
		free(block);
	}
	assert_true(share[0] == 1);
	assert_true(share[1] > 0.15 && share[1] < 0.4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_by_hand),
		cmocka_unit_test(ties_count),
		cmocka_unit_test(columns_count_once),
		cmocka_unit_test(cosine_heeds_direction),
		cmocka_unit_test(copies_find_all_and_noise_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
