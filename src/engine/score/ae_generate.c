/*
 * ae_generate.c: draws rows column by column.
 */
#include "ae_generate.h"

#include <math.h>
#include <string.h>

#include "ae_hash.h"
#include "ae_math.h"
#include "ae_rng.h"

/* Four random words for one use of a row. */
static void
draw_words(uint32_t words[4], const AeGenerator *g, size_t i, AeStream stream, uint32_t use)
{
	const uint32_t counter[4] = {use, (uint32_t) g->number[i], (uint32_t) (g->number[i] >> 32),
								 (uint32_t) stream};

	ae_philox(words, counter, g->seed);
}

/* Puts n columns into a random order (Fisher and Yates). */
static void
shuffle(uint32_t *order, uint32_t n, const AeGenerator *g, size_t i)
{
	uint32_t words[4];

	for (uint32_t k = n; k > 1; k--)
	{
		uint32_t j, swap = order[k - 1];

		if ((n - k) % 4 == 0)
			draw_words(words, g, i, AE_STREAM_ORDER, (n - k) / 4);
		j = (uint32_t) ((uint64_t) words[(n - k) % 4] * k >> 32);
		order[k - 1] = order[j];
		order[j] = swap;
	}
}

static AeReal *
cells_of(const AeGenerator *g, size_t i)
{
	return g->scorer->cells + i * ae_layout_cells(&g->scorer->model->net.layout);
}

int
ae_generator_take(AeGenerator *g, size_t i, const double *values, const bool *missing,
				  const bool *drawn, uint64_t number)
{
	const AeSchema *schema = &g->scorer->model->schema;
	uint32_t *order = g->order + i * schema->n_columns;
	int bad = ae_scorer_take(g->scorer, i, values, missing);
	uint32_t n = 0;

	g->number[i] = number;
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		if (!drawn[c] || schema->columns[c].cell < 0)
			continue;
		cells_of(g, i)[schema->columns[c].cell] = (AeReal) NAN;
		order[n++] = c;
	}
	g->n_left[i] = n;
	shuffle(order, n, g, i);
	return bad;
}

/* The level of a column that a random word draws from its logits, which are overwritten. */
static uint32_t
draw_level(const AeColumn *column, AeReal *z, bool nulls, uint32_t word, const AeKernels *kernels)
{
	bool category = column->kind == AE_KIND_CATEGORY;
	uint32_t n = category ? column->n_levels : ae_column_levels(column), n_values = n;
	double total = 0.0, sum = 0.0, at;

	if (nulls && column->null_level)
		z[n++] = z[ae_column_levels(column)];
	if (n == 0)
		return 0;
	kernels->softmax(z, z, n);
	for (uint32_t j = 0; j < n; j++)
		total += (double) z[j];
	at = ae_rng_unit(word) * total;
	for (uint32_t j = 0; j + 1 < n; j++)
	{
		sum += (double) z[j];
		if (at < sum)
			return j;
	}
	return n > n_values ? ae_column_levels(column) : n - 1;
}

/* ---- whole rows, from a code ---- */

/* Noise of outputs has the visits with this bit; rows have fewer numbers. */
#define OUTPUT_VISITS ((uint64_t) 1 << 62)

/* The dense outputs of row i become draws from what they say. */
static void
draw_dense(const AeGenerator *g, AeReal *outputs, size_t i)
{
	const AeLayout *layout = &g->scorer->model->net.layout;
	const double *log_variance = g->scorer->network->likelihood.log_variance;

	memset(g->noise, 0, layout->n_dense * sizeof(AeReal));
	g->scorer->kernels->add_noise(g->noise, g->noise, layout->n_dense, 1, g->seed,
								  g->number[i] | OUTPUT_VISITS);
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool normal = ae_loss_is_distance(block->loss);

		for (uint32_t k = block->first;
			 !ae_loss_is_category(block->loss) && k < block->first + block->count; k++)
		{
			uint32_t words[4];

			draw_words(words, g, i, AE_STREAM_ROW, layout->n_levels + k);
			if (normal)
				outputs[k] = (AeReal) ((double) outputs[k] +
									   ae_e(0.5 * log_variance[k]) * (double) g->noise[k]);
			else
				outputs[k] =
					ae_rng_unit(words[0]) < 1.0 / (1.0 + ae_e(-(double) outputs[k])) ? 1 : 0;
		}
	}
}

/* Those of a category become 1 for the level that is drawn. */
static void
draw_category(const AeGenerator *g, AeReal *z, uint32_t c, size_t i)
{
	const AeColumn *column = &g->scorer->model->schema.columns[c];
	uint32_t words[4], level;

	draw_words(words, g, i, AE_STREAM_ORDER, c);
	level = draw_level(column, z, false, words[0], g->scorer->kernels);
	memset(z, 0, ae_column_levels(column) * sizeof(AeReal));
	z[level] = 1;
}

void
ae_generator_decode(AeGenerator *g, size_t n_rows)
{
	const AeModel *model = g->scorer->model;
	const AeSchema *schema = &model->schema;
	const AeLayout *layout = &model->net.layout;
	size_t n_code = model->net.width[model->net.n_encoder];

	memset(g->codes, 0, n_rows * n_code * sizeof(AeReal));
	for (size_t i = 0; i < n_rows; i++)
		g->scorer->kernels->add_noise(g->codes + i * n_code, g->codes + i * n_code, n_code, 1,
									  g->seed, g->number[i]);
	g->outputs = ae_scorer_decode(g->scorer, g->codes, n_rows);
	for (size_t i = 0; i < n_rows; i++)
	{
		AeReal *outputs = g->outputs + i * ae_layout_outputs(layout);

		draw_dense(g, outputs, i);
		for (uint32_t c = 0; c < schema->n_columns; c++)
			if (schema->columns[c].kind == AE_KIND_CATEGORY && schema->columns[c].cell >= 0)
				draw_category(g, outputs + ae_schema_category_output(schema, layout, c), c, i);
	}
}

/* ---- column by column ---- */

bool
ae_generator_step(AeGenerator *g, size_t n_rows)
{
	AeScorer *scorer = g->scorer;
	const AeSchema *schema = &scorer->model->schema;
	const AeLayout *layout = &scorer->model->net.layout;
	AeReal *outputs;
	bool any = false;

	for (size_t i = 0; i < n_rows; i++)
		any |= g->n_left[i] > 0;
	if (!any)
		return false;
	outputs = ae_scorer_decode(scorer, ae_scorer_encode(scorer, n_rows), n_rows);
	for (size_t i = 0; i < n_rows; i++)
	{
		AeReal *z = outputs + i * ae_layout_outputs(layout);
		uint32_t words[4], c;

		if (g->n_left[i] == 0)
			continue;
		c = g->order[i * schema->n_columns + --g->n_left[i]];
		draw_words(words, g, i, AE_STREAM_ROW, c);
		cells_of(g, i)[schema->columns[c].cell] = (AeReal) draw_level(
			&schema->columns[c], z + ae_schema_category_output(schema, layout, c), g->nulls,
			words[0], scorer->kernels);
	}
	return true;
}

/* The values that drawn outputs stand for. */
static void
decoded_values(double *values, bool *missing, const AeGenerator *g, size_t i)
{
	const AeSchema *schema = &g->scorer->model->schema;
	const AeLayout *layout = &g->scorer->model->net.layout;

	ae_scaler_invert(values, schema, layout, g->outputs + i * ae_layout_outputs(layout));
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		missing[c] = !column->observed || (column->cell < 0 && column->n_missing > 0) ||
					 (column->kind == AE_KIND_CATEGORY && column->n_levels == 0);
	}
}

void
ae_generator_values(double *values, bool *missing, const AeGenerator *g, size_t i)
{
	const AeSchema *schema = &g->scorer->model->schema;
	const AeReal *cells = cells_of(g, i);

	if (g->codes)
	{
		decoded_values(values, missing, g, i);
		return;
	}
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		bool category = column->kind == AE_KIND_CATEGORY;
		uint32_t words[4], level;

		values[c] = column->mean;
		missing[c] =
			!column->observed || column->n_missing > 0 || (category && column->n_levels == 0);
		if (column->cell < 0)
			continue;
		level = (uint32_t) cells[column->cell];
		missing[c] = level >= (category ? column->n_levels : ae_column_levels(column));
		if (missing[c] || category)
		{
			values[c] = missing[c] ? 0.0 : (double) level;
			continue;
		}
		draw_words(words, g, i, AE_STREAM_ROW, c);
		values[c] = ae_column_bin_value(
			column, level,
			((double) (words[1] >> 5) * 0x1p26 + (double) (words[2] >> 6)) * 0x1p-53);
	}
}

uint64_t
ae_generator_number(const AeGenerator *g)
{
	size_t n = ae_layout_cells(&g->scorer->model->net.layout);

	return ae_hash_cells(ae_hash_word(0, n), cells_of(g, 0), n);
}
