/*
 * Proves: the loss of a row with NULLs is that of its observed columns alone; cells become inputs.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample_model.h"

#define MAX_BLOCKS (2 * SAMPLE_COLUMNS)

/* ---- restriction ---- */

/* A layout and a row of it, both with room for what a sample may have. */
typedef struct Part
{
	AeLayout layout;
	AeBlock blocks[MAX_BLOCKS + SAMPLE_INPUTS];
	AeReal cells[SAMPLE_INPUTS];
	AeReal outputs[SAMPLE_INPUTS];
	uint32_t from[SAMPLE_INPUTS]; /* which output of the whole this one was */
} Part;

static void
add_output(Part *part, const AeReal *outputs, uint32_t j)
{
	uint32_t n = ae_layout_outputs(&part->layout);

	part->outputs[n] = outputs[j];
	part->from[n] = j;
}

/* The observed cells of a row as a net of their own: no block knows that there was more. */
static void
restrict_row(Part *part, const AeLayout *whole, const AeReal *outputs, const AeReal *cells)
{
	uint32_t cell = 0;

	memset(part, 0, sizeof *part);
	part->layout.blocks = part->blocks;
	for (uint32_t b = 0; b < whole->n_blocks; b++)
	{
		const AeBlock *block = &whole->blocks[b];
		AeBlock *to = &part->blocks[part->layout.n_blocks];
		bool category = ae_loss_is_category(block->loss);
		uint32_t n_cells = category ? 1 : block->count;

		*to = *block;
		to->first = ae_layout_outputs(&part->layout);
		to->count = 0;
		for (uint32_t j = 0; j < n_cells; j++, cell++)
		{
			if (isnan(cells[cell]))
				continue;
			part->cells[ae_layout_cells(&part->layout)] = cells[cell];
			for (uint32_t k = 0; k < (category ? block->count : 1); k++)
			{
				add_output(part, outputs, block->first + j + k);
				*(category ? &part->layout.n_levels : &part->layout.n_dense) += 1;
				to->count++;
			}
			part->layout.n_categories += category;
		}
		part->layout.n_columns += to->count == 0 ? 0 : to->grouped ? 1 : to->count;
		part->layout.n_blocks += to->count > 0;
	}
}

static void
draw_row(Sample *s, AeReal *outputs, AeReal *cells)
{
	const AeLayout *layout = &s->model.net.layout;

	for (uint32_t j = 0; j < ae_layout_outputs(layout); j++)
		outputs[j] = (AeReal) (float) sample_real(s, -3, 3);
	for (uint32_t i = 0; i < ae_layout_cells(layout); i++)
	{
		uint32_t b = layout->n_blocks - layout->n_categories + (i - layout->n_dense);

		cells[i] = (AeReal) (float) sample_real(s, -1.5, 2.5);
		if (i >= layout->n_dense)
			cells[i] = (AeReal) sample_below(s, layout->blocks[b].count + 1) - 1;
		if (sample_below(s, 3) == 0)
			cells[i] = (AeReal) NAN;
	}
}

static void
test_restriction(void **state)
{
	size_t n_partial = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 2000; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		const AeKernels *kernels = ae_kernels_best();
		static Part part;
		AeReal outputs[SAMPLE_INPUTS], cells[SAMPLE_INPUTS], scratch[2 * SAMPLE_INPUTS];
		AeReal d[SAMPLE_INPUTS], d_part[SAMPLE_INPUTS];
		bool seen[SAMPLE_INPUTS] = {false};
		double loss, wanted, of_blocks = 0;

		draw_row(s, outputs, cells);
		loss = ae_loss_row(d, outputs, cells, 0.5, &(AeMeasure){layout, kernels, scratch});
		/* with or without a gradient: one value, but for the order of sums */
		assert_true(
			fabs(ae_loss_row(NULL, outputs, cells, 0, &(AeMeasure){layout, kernels, scratch}) -
				 loss) <= 1e-6 * (sizeof(AeReal) == 8 ? 1e-7 : 1) * (1 + loss));
		loss = ae_loss_row(NULL, outputs, cells, 0, &(AeMeasure){layout, kernels, scratch});
		for (uint32_t b = 0; b < layout->n_blocks; b++)
		{
			double block = ae_loss_block(outputs, cells, b, &(AeMeasure){layout, kernels, scratch});

			of_blocks += isnan(block) ? 0 : block;
		}
		restrict_row(&part, layout, outputs, cells);
		if (part.layout.n_blocks == 0)
		{
			assert_true(loss == 0 && of_blocks == 0);
			sample_free(s);
			continue;
		}
		assert_int_equal(ae_layout_check(&part.layout, NULL), AE_OK);
		n_partial += part.layout.n_columns < layout->n_columns;
		assert_true(fabs(of_blocks / part.layout.n_columns - loss) <= 1e-14 * (1 + loss));
		ae_loss_row(d_part, part.outputs, part.cells, 0.5,
					&(AeMeasure){&part.layout, kernels, scratch});
		wanted = ae_loss_row(NULL, part.outputs, part.cells, 0,
							 &(AeMeasure){&part.layout, kernels, scratch});
		assert_true(fabs(loss - wanted) <= 1e-14 * (1 + wanted));
		/* the gradient too, and nothing where nothing is observed */
		for (uint32_t j = 0; j < ae_layout_outputs(&part.layout); j++)
		{
			assert_true(fabs((double) d[part.from[j]] - (double) d_part[j]) <=
						1e-6 * fabs((double) d_part[j]));
			seen[part.from[j]] = true;
		}
		for (uint32_t j = 0; j < ae_layout_outputs(layout); j++)
			assert_true(seen[j] || d[j] == 0);
		sample_free(s);
	}
	assert_true(n_partial > 1000);
}

/* ---- cells to inputs ---- */

/* x and levels by the words of ae_loss.h, from cells and the noise drawn for dense ones. */
static void
reference_inputs(AeReal *x, int32_t *levels, const AeReal *cells, const AeReal *noise,
				 const AeLayout *layout)
{
	uint32_t first_level = layout->n_dense + layout->n_indicators;

	for (uint32_t j = 0; j < layout->n_dense; j++)
		x[j] = isnan(cells[j]) ? 0 : noise[j];
	for (uint32_t i = 0; i < layout->n_indicators; i++)
		x[layout->n_dense + i] = isnan(cells[layout->indicators[i]]) ? 1 : 0;
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		AeReal cell = cells[layout->n_dense + c];

		levels[c] = cell >= 0 ? (int32_t) (first_level + (uint32_t) cell) : -1;
		first_level += layout->blocks[layout->n_blocks - layout->n_categories + c].count;
	}
}

static void
test_inputs(void **state)
{
	enum
	{
		ROWS = 5
	};

	(void) state;
	for (uint64_t seed = 1; seed <= 400; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		const AeKernels *kernels = ae_kernels_best();
		AeReal outputs[SAMPLE_INPUTS], cells[ROWS * SAMPLE_INPUTS], dense[ROWS * SAMPLE_INPUTS];
		AeReal filled[ROWS * SAMPLE_INPUTS], noise[ROWS * SAMPLE_INPUTS], wanted[SAMPLE_INPUTS];
		int32_t levels[ROWS * SAMPLE_COLUMNS], wanted_levels[SAMPLE_COLUMNS];
		uint32_t n_cells = ae_layout_cells(layout), n_numbers = ae_layout_dense_inputs(layout);
		AeReal sigma = seed % 3 == 0 ? (AeReal) 0.5 : 0;
		bool nullable = seed % 4 < 2;
		AeInputs inputs = {.levels = levels, .dense = dense, .filled = filled};

		for (uint32_t r = 0; r < ROWS; r++)
			draw_row(s, outputs, cells + r * n_cells);
		for (uint32_t i = 0; i < ROWS * n_cells && !nullable; i++)
			if (isnan(cells[i]))
				cells[i] = 1;
		for (uint32_t r = 0; r < ROWS; r++)
			memcpy(noise + r * layout->n_dense, cells + r * n_cells,
				   layout->n_dense * sizeof(AeReal));
		if (sigma > 0)
			kernels->add_noise(noise, noise, (size_t) ROWS * layout->n_dense, sigma, 9, 4);
		ae_loss_inputs(&inputs, &(AeCells){cells, ROWS, nullable}, layout,
					   &(AeNoise){sigma, {9, 4}}, kernels);
		for (uint32_t r = 0; r < ROWS; r++)
		{
			reference_inputs(wanted, wanted_levels, cells + r * n_cells,
							 noise + r * layout->n_dense, layout);
			assert_memory_equal(inputs.x + r * n_numbers, wanted, n_numbers * sizeof(AeReal));
			if (layout->n_categories > 0)
				assert_memory_equal(levels + r * layout->n_categories, wanted_levels,
									layout->n_categories * sizeof(int32_t));
		}
		sample_free(s);
	}
}

/* ---- gradients of what does not follow from the value ---- */

/*
 * A level unknown to the net: costs at least `unseen`, rises with the level that is least probable,
 * has no gradient.
 */
static void
test_unseen(void **state)
{
	const AeReal z[3] = {1, -2, 0.5};
	const AeReal cell = -1;
	AeBlock block = {
		.count = 3, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 2, .unseen = 0.25};
	AeLayout layout = {
		.n_categories = 1, .n_levels = 3, .n_columns = 1, .n_blocks = 1, .blocks = &block};
	const double log_sum = log(exp(1) + exp(-2) + exp(0.5));
	AeReal d[3], scratch[6];

	(void) state;
	assert_true(
		fabs(ae_loss_row(d, z, &cell, 1, &(AeMeasure){&layout, ae_kernels_best(), scratch}) -
			 2 * (log_sum + 2)) < 1e-5);
	assert_true(d[0] == 0 && d[1] == 0 && d[2] == 0);
	block.unseen = 9;
	assert_true(ae_loss_row(NULL, z, &cell, 1, &(AeMeasure){&layout, ae_kernels_best(), scratch}) ==
				18);
	block.loss = AE_LOSS_ONEHOT;
	assert_true(ae_loss_row(d, z, &cell, 1, &(AeMeasure){&layout, ae_kernels_best(), scratch}) ==
				2 * (1 + 4 + 0.25 + 1));
	assert_true(d[0] == 0 && d[1] == 0 && d[2] == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restriction),
		cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
