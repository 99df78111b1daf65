/*
 * Proves: with walkback rows enter after 0 to n reconstructions, each number as often, corrupted
 * each time; levels and Bernoulli variables are drawn by their probabilities; gaps stay.
 */
#include "unit_data.h"

#include "ae_part.h"

#define ROWS 40
#define VISITS 3000

static char block[1 << 16];

typedef struct Walk
{
	AeNet net;
	AePass pass;
	AePartUse use[AE_N_PARTS];
	AeTrainOptions options;
} Walk;

static void
place(Walk *w, size_t width, AeArena *arena)
{
	AePartSetup setup = {.net = &w->net,
						 .options = &w->options,
						 .slice_rows = ROWS,
						 .width = width,
						 .nullable = true,
						 .kernels = ae_kernels_best()};

	unit_place(&w->pass, arena, &w->net, ROWS, true);
	ae_parts_choose(w->use, &w->net, &w->options);
	ae_parts_place(w->use, arena, &w->pass, &setup);
	assert_true(arena->used < sizeof block - AE_ALIGN);
}

static void
enter(Walk *w, const AeReal *params, const AeReal *cells, uint64_t visit, bool training)
{
	ae_parts_enter(w->use, &w->pass,
				   &(AeEntering){.cells = &(AeCells){cells, ROWS, true},
								 .params = params,
								 .visit = {7, visit},
								 .training = training});
}

/* Two numbers; code = x, reconstruction = x / 2: after k of them x / 2^k enters. */
static void
steps_are_uniform(void **state)
{
	static const AeBlock mse = {.count = 2, .loss = AE_LOSS_MSE};
	static const AeReal params[] = {1, 0, 0, 1, 0, 0, 0.5, 0, 0, 0.5, 0, 0};
	Walk w = {.net = {.n_layers = 2,
					  .n_encoder = 1,
					  .width = {2, 2, 2},
					  .layout = {.n_dense = 2, .n_columns = 2, .n_blocks = 1, .blocks = &mse}},
			  .options = {.walkback = 3}};
	AeArena arena = {.base = ae_arena_align(block)};
	AeReal cells[ROWS * 2];
	int counts[4] = {0};

	(void) state;
	for (size_t i = 0; i < ROWS * 2; i++)
		cells[i] = i % 7 == 3 ? (AeReal) NAN : (AeReal) i + 1;
	place(&w, 2, &arena);
	for (uint64_t visit = 0; visit < VISITS; visit++)
	{
		const AeReal *x;
		int k;

		enter(&w, params, cells, visit, true);
		x = w.pass.inputs.x;
		k = (int) -lround(log2((double) x[0]));
		assert_in_range(k, 0, 3);
		counts[k]++;
		for (size_t i = 0; i < ROWS * 2; i++)
			assert_true(x[i] == (i % 7 == 3 ? 0 : ((AeReal) i + 1) / (AeReal) (1 << k)));
	}
	for (int k = 0; k < 4; k++) /* 750 on average, standard deviation 24 */
		assert_in_range(counts[k], 650, 850);
	enter(&w, params, cells, 5, false); /* validation rows do not walk */
	assert_true(w.pass.inputs.x[0] == 1 && w.pass.inputs.x[1] == 2);
}

/*
 * A Bernoulli variable and a category of three levels, whose outputs are biases: 80 % are 1, and levels
 * come with shares 1/2, 1/3 and 1/6.
 */
static void
levels_are_drawn(void **state)
{
	static const AeBlock blocks[] = {
		{.count = 1, .loss = AE_LOSS_BCE},
		{.first = 1, .count = 3, .loss = AE_LOSS_SOFTMAX, .weight = 1}};
	AeReal params[4 + 1 + 4 + 4] = {0};
	Walk w = {.net = {.n_layers = 2,
					  .n_encoder = 1,
					  .width = {4, 1, 4},
					  .activation = {AE_IDENTITY, AE_IDENTITY},
					  .layout = {.n_dense = 1,
								 .n_categories = 1,
								 .n_levels = 3,
								 .n_columns = 2,
								 .n_blocks = 2,
								 .blocks = blocks}},
			  .options = {.walkback = 1}};
	AeArena arena = {.base = ae_arena_align(block)};
	AeReal cells[ROWS * 2] = {0};
	double ones = 0, n = 0, levels[3] = {0};

	(void) state;
	params[9] = (AeReal) log(4);
	params[10] = (AeReal) log(3);
	params[11] = (AeReal) log(2);
	cells[2 * 5 + 1] = (AeReal) NAN;
	place(&w, 2, &arena);
	for (uint64_t visit = 0; visit < VISITS; visit++)
	{
		enter(&w, params, cells, visit, true);
		assert_int_equal(w.pass.inputs.levels[5], -1);
		for (size_t i = 6; i < ROWS; i++)
		{
			ones += (double) w.pass.inputs.x[i];
			levels[w.pass.inputs.levels[i] - 1]++;
			n++;
		}
	}
	/* half of the visits do not walk, and have 0 and level 0 */
	assert_true(fabs(ones / n - 0.4) < 0.03);
	assert_true(fabs(levels[0] / n - 0.75) < 0.03);
	assert_true(fabs(levels[1] / n - 1.0 / 6) < 0.02 && fabs(levels[2] / n - 1.0 / 12) < 0.02);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_uniform),
		cmocka_unit_test(levels_are_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
