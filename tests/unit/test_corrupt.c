/*
 * Proves: rows are corrupted in the share, the way and the places that were asked for, and the same
 * again by (seed, visit).
 */
#include "unit_data.h"

#include "ae_corrupt.h"

enum
{
	N = 3000,
	N_CELLS = 9,
	WIDTH = 10 /* a cell behind those of the layout, which is nobody's business here */
};

/* Two numbers, an array of three, a time of two, two categories: six columns of nine cells. */
static const AeBlock blocks[] = {
	{.count = 2, .loss = AE_LOSS_MSE},
	{.first = 2, .count = 3, .loss = AE_LOSS_MSE, .grouped = true},
	{.first = 5, .count = 2, .loss = AE_LOSS_MAE, .grouped = true},
	{.first = 7, .count = 4, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 1, .unseen = 1},
	{.first = 11, .count = 3, .loss = AE_LOSS_ONEHOT, .grouped = true, .weight = 1, .unseen = 1}};
static const AeLayout layout = {.n_dense = 7,
								.n_categories = 2,
								.n_levels = 7,
								.n_columns = 6,
								.n_blocks = 5,
								.blocks = blocks};
static const int column_of[N_CELLS] = {0, 1, 2, 2, 2, 3, 3, 4, 5};
static const AeReal low[7] = {-10, -20, -30, -40, -50, -60, -70};
static const AeReal high[7] = {10, 20, 30, 40, 50, 60, 70};

/* Dense cells say which row they are of; levels follow each other; every 13th cell is missing. */
static AeReal *
make_cells(bool nulls)
{
	AeReal *cells = malloc((size_t) N * WIDTH * sizeof(AeReal));

	for (int i = 0; i < N; i++)
		for (int j = 0; j < WIDTH; j++)
		{
			AeReal *cell = &cells[i * WIDTH + j];

			*cell = j == 7 ? (AeReal) (i % 4) : j == 8 ? (AeReal) (i % 3) : (AeReal) (i / 1000.0);
			if (nulls && j < N_CELLS && (i + 5 * j) % 13 == 0)
				*cell = (AeReal) NAN;
		}
	return cells;
}

static bool
same(AeReal a, AeReal b)
{
	return a == b || (a != a && b != b);
}

/* Whether a share of n draws is p, within five standard deviations. */
static void
assert_share(double drawn, double n, double p)
{
	if (fabs(drawn / n - p) > 5 * sqrt(p * (1 - p) / n))
		fail_msg("%g of %g are not a share of %g", drawn, n, p);
}

/* What holds of every kind: chosen are clean cells of what was drawn, the rest came through. */
static void
check_places(const AeReal *entering, const AeReal *chosen, const AeReal *cells)
{
	for (int i = 0; i < N; i++)
		for (int j = 0; j < WIDTH; j++)
		{
			int k = i * WIDTH + j;

			if (chosen[k] != chosen[k])
				assert_true(same(entering[k], cells[k]));
			else
				assert_true(j < N_CELLS && chosen[k] == cells[k]);
		}
}

static void
salt_and_pepper_are_bounds(void **state)
{
	AeCorruption c = {
		.width = WIDTH, .layout = &layout, .salt_pepper = 0.3, .low = low, .high = high};

	(void) state;
	for (int nulls = 0; nulls < 2; nulls++)
	{
		AeReal *cells = make_cells(nulls), *entering = make_cells(false),
			   *chosen = make_cells(false);
		double n_dense = 0, drawn = 0, up = 0, n_levels = 0, levels_drawn = 0, levels_changed = 0;

		ae_corrupt_rows(entering, chosen, cells, N, &c, (AeVisit){7, 3});
		check_places(entering, chosen, cells);
		for (int k = 0; k < N * WIDTH; k++)
		{
			int j = k % WIDTH;
			bool hit = chosen[k] == chosen[k];

			if (cells[k] != cells[k] || j >= N_CELLS)
				continue;
			if (j < 7)
			{
				n_dense++;
				drawn += hit;
				up += hit && entering[k] == high[j];
				assert_true(!hit || entering[k] == high[j] || entering[k] == low[j]);
			}
			else
			{
				n_levels++;
				levels_drawn += hit;
				levels_changed += hit && entering[k] != cells[k];
			}
		}
		assert_share(drawn, n_dense, 0.3);
		assert_share(up, drawn, 0.5);
		assert_share(levels_drawn, n_levels, 0.3);
		/*
		 * of 4 and 3 levels, evenly spread: another one in 3/4 and 2/3, and sometimes a missing one
		 */
		assert_true(fabs(levels_changed / levels_drawn - 0.708) < 0.06);
		free(cells);
		free(entering);
		free(chosen);
	}
}

/* A column's cells come from one row, and from any other; columns are drawn for themselves. */
static void
swapped_columns_are_another_rows(void **state)
{
	AeCorruption c = {.width = WIDTH, .layout = &layout, .swap = 0.2};
	AeReal *cells = make_cells(false), *entering = make_cells(false), *chosen = make_cells(false);
	double drawn[6] = {0}, pairs = 0, donors = 0;

	(void) state;
	ae_corrupt_rows(entering, chosen, cells, N, &c, (AeVisit){7, 3});
	check_places(entering, chosen, cells);
	for (int i = 0; i < N; i++)
	{
		const AeReal *e = entering + i * WIDTH, *h = chosen + i * WIDTH;

		for (int j = 0; j < N_CELLS; j++)
		{
			bool hit = h[j] == h[j];

			if (j == 0 || column_of[j] != column_of[j - 1])
				drawn[column_of[j]] += hit;
			else
				assert_true(hit == (h[j - 1] == h[j - 1]) && e[j] == e[j - 1]);
			if (j < 7 && hit) /* a row, and never its own */
			{
				int donor = (int) rint(1000 * (double) e[j]);

				assert_true(donor >= 0 && donor < N && donor != i &&
							same(e[j], cells[donor * WIDTH + j]));
				donors += j == 0 ? donor : 0;
			}
		}
		pairs += h[0] == h[0] && h[1] == h[1];
	}
	for (int column = 0; column < 6; column++)
		assert_share(drawn[column], N, 0.2);
	assert_share(pairs, N, 0.04);
	assert_true(fabs(donors / drawn[0] / N - 0.5) < 5 * sqrt(1.0 / 12 / drawn[0]));
	free(cells);
	free(entering);
	free(chosen);
}

/* What is missing stays so; another row's column may be missing. */
static void
missing_cells_stay_missing(void **state)
{
	AeCorruption c = {.width = WIDTH,
					  .layout = &layout,
					  .swap = 0.5,
					  .salt_pepper = 0.2,
					  .low = low,
					  .high = high};
	AeReal *cells = make_cells(true), *entering = make_cells(false), *chosen = make_cells(false);
	int lost = 0, missing = 0;

	(void) state;
	ae_corrupt_rows(entering, chosen, cells, N, &c, (AeVisit){1, 1});
	check_places(entering, chosen, cells);
	for (int k = 0; k < N * WIDTH; k++)
	{
		missing += cells[k] != cells[k];
		assert_true(cells[k] == cells[k] || entering[k] != entering[k]);
		lost += cells[k] == cells[k] && entering[k] != entering[k];
	}
	assert_true(missing > 1000 && lost > 500);
	free(cells);
	free(entering);
	free(chosen);
}

static void
masked_cells_are_missing(void **state)
{
	AeCorruption c = {.width = WIDTH, .layout = &layout, .masking = 0.25};
	AeReal *cells = make_cells(false), *entering = make_cells(false), *chosen = make_cells(false);
	double drawn = 0;

	(void) state;
	ae_corrupt_rows(entering, chosen, cells, N, &c, (AeVisit){7, 3});
	check_places(entering, chosen, cells);
	for (int k = 0; k < N * WIDTH; k++)
	{
		assert_true((entering[k] != entering[k]) == (chosen[k] == chosen[k]));
		drawn += entering[k] != entering[k];
	}
	assert_share(drawn, N * N_CELLS, 0.25);
	free(cells);
	free(entering);
	free(chosen);
}

/* Of any share: as many rows have none of their cells masked as one, as two, ..., as all. */
static void
masks_have_any_size(void **state)
{
	AeCorruption c = {.width = WIDTH, .layout = &layout, .masking_any = true};
	AeReal *cells = make_cells(false), *entering = make_cells(false), *chosen = make_cells(false);
	double rows[N_CELLS + 1] = {0}, cell[N_CELLS] = {0};

	(void) state;
	assert_true(ae_corrupt_any(&c));
	ae_corrupt_rows(entering, chosen, cells, N, &c, (AeVisit){7, 3});
	check_places(entering, chosen, cells);
	for (int i = 0; i < N; i++)
	{
		int n = 0;

		for (int j = 0; j < N_CELLS; j++)
		{
			bool masked = entering[i * WIDTH + j] != entering[i * WIDTH + j];

			n += masked;
			cell[j] += masked;
		}
		rows[n]++;
	}
	for (int n = 0; n <= N_CELLS; n++)
		assert_share(rows[n], N, 1.0 / (N_CELLS + 1));
	for (int j = 0; j < N_CELLS; j++)
		assert_share(cell[j], N, 0.5);
	free(cells);
	free(entering);
	free(chosen);
}

/* The same by (seed, visit), without `chosen` too; another visit or seed draws anew. */
static void
draws_are_repeatable(void **state)
{
	AeCorruption kinds[] = {
		{.masking = 0.3}, {.salt_pepper = 0.3, .low = low, .high = high}, {.swap = 0.3}};
	size_t bytes = (size_t) N * WIDTH * sizeof(AeReal);
	AeReal *cells = make_cells(true), *a = make_cells(false), *b = make_cells(false);
	AeReal *chosen = make_cells(false);

	(void) state;
	for (int kind = 0; kind < 3; kind++)
	{
		kinds[kind].width = WIDTH;
		kinds[kind].layout = &layout;
		assert_true(ae_corrupt_any(&kinds[kind]));
		ae_corrupt_rows(a, chosen, cells, N, &kinds[kind], (AeVisit){7, 3});
		ae_corrupt_rows(b, NULL, cells, N, &kinds[kind], (AeVisit){7, 3});
		assert_memory_equal(a, b, bytes);
		ae_corrupt_rows(b, NULL, cells, N, &kinds[kind], (AeVisit){7, 4});
		assert_memory_not_equal(a, b, bytes);
		ae_corrupt_rows(b, NULL, cells, N, &kinds[kind], (AeVisit){8, 3});
		assert_memory_not_equal(a, b, bytes);
	}
	assert_false(ae_corrupt_any(&(AeCorruption){.low = low, .high = high}));
	free(cells);
	free(a);
	free(b);
	free(chosen);
}

/* There is no other row to take a column from. */
static void
one_row_keeps_its_columns(void **state)
{
	AeCorruption c = {.width = WIDTH,
					  .layout = &layout,
					  .swap = 0.99,
					  .salt_pepper = 0.99,
					  .low = low,
					  .high = high};
	AeReal *cells = make_cells(false), entering[WIDTH], chosen[WIDTH];
	int changed = 0;

	(void) state;
	ae_corrupt_rows(entering, chosen, cells, 1, &c, (AeVisit){7, 3});
	for (int j = 0; j < WIDTH; j++)
	{
		changed += entering[j] != cells[j];
		assert_true(j < 7 || (entering[j] == cells[j] && chosen[j] != chosen[j]));
	}
	assert_true(changed > 4);
	free(cells);
}

/*
 * The trainer minimises (1 - e) times the loss of all columns plus e times that of the corrupted
 * ones, against the clean row: of ones that are copied but where they are hidden, the first is the
 * share that is hidden, the second 1 wherever anything is.
 */
static void
emphasis_by_hand(void **state)
{
	static const AeBlock four = {.count = 4, .loss = AE_LOSS_MSE};
	AeNet net = {.n_layers = 2,
				 .n_encoder = 1,
				 .width = {4, 4, 4},
				 .layout = {.n_dense = 4, .n_columns = 4, .n_blocks = 1, .blocks = &four}};
	AeTrainOptions options = {.learning_rate = 1e-12,
							  .epsilon = 1e-8,
							  .masking = 0.3,
							  .epochs = 1,
							  .batch_size = 100,
							  .seed = 1};
	AeReal *x = malloc(N * 4 * sizeof(AeReal)), start[40] = {0};
	AeRows rows = {.n_rows = N, .width = 4, .data = x};
	const double any = 1 - pow(0.7, 4);

	(void) state;
	for (int i = 0; i < N * 4; i++)
		x[i] = 1;
	for (int i = 0; i < 4; i++)
		start[5 * i] = start[20 + 5 * i] = 1;
	for (int i = 0; i <= 4; i++)
	{
		double e = 0.25 * i;
		AeTrainer *trainer;
		void *memory;

		options.emphasis = e;
		trainer = unit_train(&memory, &net, &options, &rows, start);
		assert_true(fabs(ae_trainer_progress(trainer)->train_loss - (1 - e) * 0.3 - e * any) <
					5 * sqrt(0.25 / N));
		free(memory);
	}
	free(x);
}

/* Bounds are needed before a row is touched. */
static void
salt_pepper_needs_bounds(void **state)
{
	static const AeBlock one = {.count = 4, .loss = AE_LOSS_MSE};
	AeNet net = {.n_layers = 2,
				 .n_encoder = 1,
				 .width = {4, 2, 4},
				 .layout = {.n_dense = 4, .n_columns = 4, .n_blocks = 1, .blocks = &one}};
	AeTrainOptions options = {
		.learning_rate = 0.1, .epsilon = 1e-8, .salt_pepper = 0.3, .epochs = 1, .batch_size = 100};
	AeReal x[8] = {0};
	AeRows rows = {.n_rows = 2, .width = 4, .data = x};
	AeError error;
	size_t bytes;

	(void) state;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_ARGUMENT);
	rows.low = low;
	rows.high = high;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(salt_and_pepper_are_bounds),
		cmocka_unit_test(swapped_columns_are_another_rows),
		cmocka_unit_test(missing_cells_stay_missing),
		cmocka_unit_test(masked_cells_are_missing),
		cmocka_unit_test(masks_have_any_size),
		cmocka_unit_test(draws_are_repeatable),
		cmocka_unit_test(one_row_keeps_its_columns),
		cmocka_unit_test(emphasis_by_hand),
		cmocka_unit_test(salt_pepper_needs_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
