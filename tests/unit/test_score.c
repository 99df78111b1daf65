/*
 * Proves: scores are what the formula says, and the same bits alone, in a batch, in every kernel.
 */
#include "unit_data.h"

#include "ae_score.h"
#include "reference.h"
#include "sample_model.h"
#include "sample_score.h"

#ifdef AE_DOUBLE
#define CLOSE 1e-11
#else
#define CLOSE 2e-4
#endif

#define GOLDEN_DIR "tests/golden/"
#define MAX_BATCH 41

static const char *const kernel_names[] = {"generic", "avx2", "avx512"};
#define N_KERNELS (sizeof kernel_names / sizeof kernel_names[0])

/* A scorer that the caller gives to sample_scorer_free. */
static SampleScorer *
make_scorer(AeScorer *scorer, const AeModel *model, size_t batch, const AeKernels *kernels)
{
	SampleScorer *block = sample_scorer(scorer, model, batch, kernels);

	assert_int_equal((uintptr_t) scorer->cells % AE_ALIGN, 0);
	assert_int_equal((uintptr_t) scorer->h[1] % AE_ALIGN, 0);
	assert_int_equal((uintptr_t) scorer->network->panels[1] % AE_ALIGN, 0);
	return block;
}

/* Cells of n_rows rows: numbers, levels, unseen ones, and with nulls a fourth of them missing. */
static void
draw_cells(Sample *s, AeReal *cells, size_t n_rows, bool nulls)
{
	const AeLayout *layout = &s->model.net.layout;
	uint32_t n_cells = ae_layout_cells(layout);

	for (size_t i = 0; i < n_rows * n_cells; i++)
	{
		uint32_t cell = (uint32_t) (i % n_cells);

		cells[i] = (AeReal) (float) sample_real(s, -1.5, 2.5);
		if (cell >= layout->n_dense)
		{
			uint32_t b = layout->n_blocks - layout->n_categories + (cell - layout->n_dense);

			cells[i] = (AeReal) sample_below(s, layout->blocks[b].count + 1) - 1;
		}
		if (nulls && sample_below(s, 4) == 0)
			cells[i] = (AeReal) NAN;
	}
}

/* ---- a plain reference in double, by libm ---- */

static const AeBlock *
block_of(const AeNet *net, uint32_t output)
{
	const AeLayout *layout = &net->layout;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
		if (output - layout->blocks[b].first < layout->blocks[b].count)
			return &layout->blocks[b];
	fail_msg("output %u has no block", output);
	return NULL;
}

/* Inputs from cells, one-hot and all. */
static void
reference_inputs(double *x, const AeNet *net, const AeReal *cells)
{
	const AeLayout *layout = &net->layout;
	uint32_t at = layout->n_dense + layout->n_indicators;

	memset(x, 0, net->width[0] * sizeof(double));
	for (uint32_t j = 0; j < layout->n_dense; j++)
		x[j] = isnan(cells[j]) ? 0 : cells[j];
	for (uint32_t i = 0; i < layout->n_indicators; i++)
		x[layout->n_dense + i] = isnan(cells[layout->indicators[i]]);
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		AeReal level = cells[layout->n_dense + c];

		if (level >= 0)
			x[at + (uint32_t) level] = 1;
		at += layout->blocks[layout->n_blocks - layout->n_categories + c].count;
	}
	assert_int_equal(at, net->width[0]);
}

/* One row: code and r (logits where the loss is taken on them), both of room SAMPLE_INPUTS. */
static void
reference_pass(double *code, double *r, const AeModel *model, const AeReal *cells)
{
	const AeNet *net = &model->net;
	double x[SAMPLE_INPUTS], h[SAMPLE_INPUTS], y[SAMPLE_INPUTS];

	reference_inputs(x, net, cells);
	memcpy(h, x, sizeof h);
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		const AeReal *w = model->params + ae_net_offset(net, l);
		uint32_t n_in = net->width[l], n_out = net->width[l + 1];
		const double *beside = l < net->n_encoder ? x : code;

		for (uint32_t o = 0; o < n_out; o++)
		{
			y[o] = model->params[ae_net_bias_offset(net, l) + o];
			for (uint32_t i = 0; i < ae_net_beside(net, l); i++)
				y[o] += beside[i] * w[(size_t) (n_in + i) * n_out + o];
			for (uint32_t i = 0; i < n_in; i++)
				y[o] += h[i] * w[(size_t) i * n_out + o];
			if (l + 1 < net->n_layers || ae_loss_is_distance(block_of(net, o)->loss))
				y[o] = reference_activation(net->activation[l], y[o], NULL, NULL);
		}
		memcpy(h, y, sizeof h);
		for (uint32_t o = 0; net->top_k > 0 && l + 1 == net->n_encoder && o < n_out; o++)
		{
			uint32_t rank = 0;

			for (uint32_t other = 0; other < n_out; other++)
				rank += y[other] > y[o] || (y[other] == y[o] && other < o);
			h[o] = rank < net->top_k ? y[o] : 0;
		}
		if (l + 1 == net->n_encoder)
			memcpy(code, h, sizeof h);
	}
	memcpy(r, h, sizeof h);
}

/* Loss of a category: z of all its levels, t the one there is, or -1. */
static double
reference_category(const AeBlock *block, const double *z, double t)
{
	double sum = 0, least = z[0];

	for (uint32_t j = 0; j < block->count; j++)
	{
		sum += block->loss == AE_LOSS_SOFTMAX ? exp(z[j]) : (z[j] - (j == t)) * (z[j] - (j == t));
		least = fmin(least, z[j]);
	}
	if (block->loss == AE_LOSS_ONEHOT)
		return block->weight * (sum + (t < 0));
	if (t < 0)
		return block->weight * fmax(log(sum) - least, block->unseen);
	return block->weight * (log(sum) - z[(uint32_t) t]);
}

/* Mean over the observed columns, as ae_loss.h says; 0 where there is none. */
static double
reference_error(const AeNet *net, const double *r, const AeReal *cells)
{
	const AeLayout *layout = &net->layout;
	uint32_t n_columns = 0, cell = 0;
	double sum = 0;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool category = block->loss == AE_LOSS_SOFTMAX || block->loss == AE_LOSS_ONEHOT;
		uint32_t observed = 0;
		double of_block = 0;

		for (uint32_t j = 0; j < (category ? 1 : block->count); j++, cell++)
		{
			if (isnan(cells[cell]))
				continue;
			observed++;
			of_block += category ? reference_category(block, r + block->first, cells[cell])
								 : reference_loss(block->loss, r[block->first + j], cells[cell]);
		}
		if (observed > 0)
			sum += block->grouped ? of_block / observed : of_block;
		n_columns += block->grouped ? observed > 0 : observed;
	}
	return n_columns ? sum / n_columns : 0;
}

/* What ae_scorer_finish should make of output j. */
static double
reference_finished(const AeNet *net, const double *r, uint32_t j)
{
	const AeBlock *block = block_of(net, j);
	double sum = 0;

	if (block->loss == AE_LOSS_BCE)
		return 1 / (1 + exp(-r[j]));
	if (block->loss != AE_LOSS_SOFTMAX)
		return r[j];
	for (uint32_t k = 0; k < block->count; k++)
		sum += exp(r[block->first + k]);
	return exp(r[j]) / sum;
}

static void
assert_close(double got, double wanted)
{
	if (!(fabs(got - wanted) <= CLOSE * (1 + fabs(wanted))))
		fail_msg("%.9g instead of %.9g", got, wanted);
}

static void
test_reference(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Sample *s = sample_random(seed);
		const AeNet *net = &s->model.net;
		AeScorer scorer;
		SampleScorer *block;
		const AeReal *code;
		AeReal *outputs;
		double wanted_code[SAMPLE_INPUTS], wanted[SAMPLE_INPUTS];
		double error;

		block = make_scorer(&scorer, &s->model, 1, ae_kernels_best());
		draw_cells(s, scorer.cells, 1, seed % 4 > 1);
		reference_pass(wanted_code, wanted, &s->model, scorer.cells);
		code = ae_scorer_encode(&scorer, 1);
		for (uint32_t i = 0; i < net->width[net->n_encoder]; i++)
			assert_close(code[i], wanted_code[i]);
		outputs = ae_scorer_decode(&scorer, code, 1);
		for (uint32_t i = 0; i < net->width[net->n_layers]; i++)
			assert_close(outputs[i], wanted[i]);
		ae_scorer_errors(&error, &scorer, outputs, 1);
		assert_close(error, reference_error(net, wanted, scorer.cells));
		ae_scorer_finish(&scorer, outputs, 1);
		for (uint32_t i = 0; i < net->width[net->n_layers]; i++)
			assert_close(outputs[i], reference_finished(net, wanted, i));
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* Training and scoring have arithmetic of their own; they must mean the same net and loss. */
static void
test_as_in_training(void **state)
{
	enum
	{
		ROWS = 7
	};

	(void) state;
	for (uint64_t seed = 1; seed <= 100; seed++)
	{
		Sample *s = sample_random(seed);
		const AeNet *net = &s->model.net;
		const AeKernels *kernels = ae_kernels_best();
		size_t n_out = net->width[net->n_layers];
		AeReal dense[ROWS * SAMPLE_INPUTS], filled[ROWS * SAMPLE_INPUTS];
		int32_t levels[ROWS * SAMPLE_COLUMNS];
		double errors[ROWS], sum = 0, trained;
		AeArena arena = {0};
		AeScorer scorer;
		AeReal *outputs;
		const AeReal *x;
		SampleScorer *block;
		void *memory;
		AePass pass;

		block = make_scorer(&scorer, &s->model, ROWS, kernels);
		draw_cells(s, scorer.cells, ROWS, seed % 4 > 1);
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, ROWS), ROWS);
		ae_scorer_errors(errors, &scorer, outputs, ROWS);
		unit_place(&pass, &arena, net, ROWS, false);
		memory = malloc(arena.used + AE_ALIGN);
		arena = (AeArena){.base = ae_arena_align(memory)};
		unit_place(&pass, &arena, net, ROWS, false);
		unit_inputs(&x, &(AeInputs){.levels = levels, .dense = dense, .filled = filled},
					&(AeCells){scorer.cells, ROWS, true}, &net->layout, &(AeNoise){0, {0, 0}});
		unit_forward(&pass, s->params, x, levels, ROWS, false);
		for (size_t i = 0; i < ROWS * n_out; i++)
			assert_close(outputs[i], (double) pass.h[net->n_layers][i]);
		trained =
			ae_loss_rows(NULL, pass.h[net->n_layers], &(AeCells){scorer.cells, ROWS, seed % 4 > 1},
						 0, &(AeMeasure){&net->layout, kernels, scorer.measure.scratch});
		for (int r = 0; r < ROWS; r++)
			sum += errors[r];
		assert_close(sum, trained);
		free(memory);
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* ---- the same bits ---- */

/* Everything a model says of n_rows rows, one after the other. */
typedef struct Said
{
	AeReal code[MAX_BATCH][SAMPLE_WIDTH];
	AeReal output[MAX_BATCH][SAMPLE_INPUTS];
	double error[MAX_BATCH];
	double column_error[MAX_BATCH][SAMPLE_COLUMNS]; /* alone: ae_scorer_column_errors sees row 0 */
	double value[MAX_BATCH][SAMPLE_COLUMNS];
} Said;

/* Scores rows of cells (n_rows x n_cells) in batches of `batch`. */
static void
say(Said *said, const AeModel *model, const AeReal *cells, size_t n_rows, size_t batch,
	const AeKernels *kernels)
{
	const AeNet *net = &model->net;
	size_t n_cells = ae_layout_cells(&net->layout), n_code = net->width[net->n_encoder];
	size_t n_out = net->width[net->n_layers];
	AeScorer scorer;
	SampleScorer *block;

	memset(said, 0, sizeof *said);
	block = make_scorer(&scorer, model, batch, kernels);
	for (size_t first = 0; first < n_rows; first += batch)
	{
		size_t n = n_rows - first < batch ? n_rows - first : batch;
		const AeReal *codes;
		AeReal *outputs;

		memcpy(scorer.cells, cells + first * n_cells, n * n_cells * sizeof(AeReal));
		codes = ae_scorer_encode(&scorer, n);
		for (size_t r = 0; r < n; r++)
			memcpy(said->code[first + r], codes + r * n_code, n_code * sizeof(AeReal));
		outputs = ae_scorer_decode(&scorer, codes, n);
		ae_scorer_errors(said->error + first, &scorer, outputs, n);
		ae_scorer_column_errors(said->column_error[first], &scorer, outputs);
		ae_scorer_finish(&scorer, outputs, n);
		for (size_t r = 0; r < n; r++)
		{
			memcpy(said->output[first + r], outputs + r * n_out, n_out * sizeof(AeReal));
			ae_scaler_invert(said->value[first + r], &model->schema, &net->layout,
							 outputs + r * n_out);
		}
	}
	sample_scorer_free(block);
}

/* Column errors of rows that were not first in their batch are not there to compare. */
static void
assert_same_said(const Said *got, const Said *wanted, size_t batch)
{
	assert_memory_equal(got->code, wanted->code, sizeof got->code);
	assert_memory_equal(got->output, wanted->output, sizeof got->output);
	assert_memory_equal(got->error, wanted->error, sizeof got->error);
	assert_memory_equal(got->value, wanted->value, sizeof got->value);
	for (size_t r = 0; r < MAX_BATCH; r += batch)
		assert_memory_equal(got->column_error[r], wanted->column_error[r],
							sizeof got->column_error[r]);
}

static void
check_same_bits(const AeModel *model, const AeReal *cells)
{
	static const size_t batches[] = {1, 2, 3, 5, 8, 12, 13, 31, MAX_BATCH};
	static Said wanted, got;

	say(&wanted, model, cells, MAX_BATCH, 1, ae_kernels_find("generic"));
	for (size_t k = 0; k < N_KERNELS; k++)
	{
		const AeKernels *kernels = ae_kernels_find(kernel_names[k]);

		for (size_t b = 0; kernels && b < sizeof batches / sizeof batches[0]; b++)
		{
			say(&got, model, cells, MAX_BATCH, batches[b], kernels);
			assert_same_said(&got, &wanted, batches[b]);
		}
	}
}

static void
test_same_bits(void **state)
{
	AeReal cells[MAX_BATCH * SAMPLE_INPUTS];

	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		Sample *s = sample_random(seed);
		size_t n_cells = ae_layout_cells(&s->model.net.layout);

		draw_cells(s, cells, MAX_BATCH, false);
		/* row 3 alone misses something; every fourth seed, many rows do */
		cells[3 * n_cells + seed % n_cells] = (AeReal) NAN;
		if (seed % 4 == 3)
			draw_cells(s, cells, MAX_BATCH, true);
		if (s->model.net.layout.n_dense > 0)
		{
			cells[7 * n_cells] = (AeReal) AE_SCALED_MAX;
			cells[9 * n_cells] = (AeReal) -AE_SCALED_MAX;
		}
		check_same_bits(&s->model, cells);
		sample_free(s);
	}
}

/* ---- rows with NULLs ---- */

/* The score of a row is the mean of its observed columns' errors, whatever is missing. */
static void
test_mean_of_observed_columns(void **state)
{
	size_t n_partial = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 300; seed++)
	{
		Sample *s = sample_random(seed);
		const AeSchema *schema = &s->model.schema;
		double errors[SAMPLE_COLUMNS], error, sum = 0;
		uint32_t n = 0;
		AeScorer scorer;
		AeReal *outputs;
		SampleScorer *block;

		block = make_scorer(&scorer, &s->model, 1, ae_kernels_best());
		draw_cells(s, scorer.cells, 1, true);
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_errors(&error, &scorer, outputs, 1);
		ae_scorer_column_errors(errors, &scorer, outputs);
		for (uint32_t c = 0; c < schema->n_columns; c++)
			if (!isnan(errors[c]))
			{
				sum += errors[c];
				n++;
				assert_true(errors[c] >= 0 && schema->columns[c].element <= 1);
			}
		n_partial += n > 0 && n < schema->n_sources;
		assert_true(fabs(error - (n ? sum / n : 0)) <= 1e-13 * (1 + sum));
		sample_scorer_free(block);
		sample_free(s);
	}
	assert_true(n_partial > 150);
}

/* A row of which nothing is known scores 0, and every column's error is NaN. */
static void
test_nothing_observed(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		Sample *s = sample_random(seed);
		double errors[SAMPLE_COLUMNS], error;
		AeScorer scorer;
		AeReal *outputs;
		SampleScorer *block;

		block = make_scorer(&scorer, &s->model, 1, ae_kernels_best());
		for (uint32_t i = 0; i < ae_layout_cells(&s->model.net.layout); i++)
			scorer.cells[i] = (AeReal) NAN;
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_errors(&error, &scorer, outputs, 1);
		ae_scorer_column_errors(errors, &scorer, outputs);
		assert_true(error == 0);
		for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
			assert_true(isnan(errors[c]));
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* ae_scorer_fill puts outputs where cells are asked for, and nowhere else. */
static void
test_fill(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 100; seed++)
	{
		Sample *s = sample_random(seed);
		const AeSchema *schema = &s->model.schema;
		const AeLayout *layout = &s->model.net.layout;
		AeReal before[SAMPLE_INPUTS];
		bool fill[SAMPLE_COLUMNS];
		AeScorer scorer;
		AeReal *outputs;
		SampleScorer *block;

		block = make_scorer(&scorer, &s->model, 1, ae_kernels_best());
		draw_cells(s, scorer.cells, 1, true);
		memcpy(before, scorer.cells, ae_layout_cells(layout) * sizeof(AeReal));
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_finish(&scorer, outputs, 1);
		for (uint32_t c = 0; c < schema->n_columns; c++)
			fill[c] = sample_below(s, 2);
		ae_scorer_fill(&scorer, fill, outputs);
		for (uint32_t c = 0; c < schema->n_columns; c++)
		{
			const AeColumn *column = &schema->columns[c];
			AeReal *now = scorer.cells + column->cell;

			if (column->cell < 0)
				continue;
			if (!fill[c])
				assert_memory_equal(now, before + column->cell,
									ae_column_cells(column) * sizeof(AeReal));
			else if (column->kind != AE_KIND_CATEGORY)
			{
				assert_true(*now == ae_scaler_bound(schema, c, outputs[column->cell]));
				assert_memory_equal(now + 1, outputs + column->cell + 1,
									(ae_column_cells(column) - 1) * sizeof(AeReal));
			}
			else
			{
				const AeReal *p = outputs + ae_schema_category_output(schema, layout, c);

				assert_true(*now >= 0 && *now < (AeReal) ae_column_outputs(column));
				for (uint32_t i = 0; i < ae_column_outputs(column); i++)
					assert_true(p[i] <= p[(uint32_t) *now]);
			}
		}
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* An unseen value adds what it costs to its column, and its share of that to the row. */
static void
test_unseen_values(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		Sample *s = sample_random(seed);
		const AeSchema *schema = &s->model.schema;
		double values[SAMPLE_COLUMNS], before[SAMPLE_COLUMNS], after[SAMPLE_COLUMNS], errors[2];
		bool missing[SAMPLE_COLUMNS];
		AeScorer scorer;
		const AeReal *outputs;
		SampleScorer *block;

		block = make_scorer(&scorer, &s->model, 1, ae_kernels_best());
		sample_row(s, values, missing, false);
		for (uint32_t c = 0; c < schema->n_columns; c++)
			values[c] = schema->columns[c].varies ? values[c] : schema->columns[c].min;
		for (uint32_t c = 0; c < schema->n_columns; c++)
		{
			const AeColumn *column = &schema->columns[c];
			double own = values[c], n, cost;

			if (column->varies || !column->observed || column->element > 1 || column->other > 0)
				continue;
			cost = column->unseen;
			ae_scorer_take(&scorer, 0, values, missing);
			outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
			ae_scorer_errors(&errors[0], &scorer, outputs, 1);
			ae_scorer_column_errors(before, &scorer, outputs);
			values[c] = column->kind == AE_KIND_CATEGORY ? -1.0 : column->max + 1.0;
			ae_scorer_take(&scorer, 0, values, missing);
			outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
			ae_scorer_errors(&errors[1], &scorer, outputs, 1);
			ae_scorer_column_errors(after, &scorer, outputs);
			n = ae_scorer_observed(scorer.cells, &s->model.net.layout);
			assert_true(cost >= 100 && after[c] == before[c] + cost);
			assert_true(fabs(errors[1] - errors[0] - cost / n) <= 1e-12 * errors[1]);
			values[c] = own;
		}
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* Codes may come from elsewhere, or stand where the scorer left them. */
static void
test_decode_of_given_codes(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 30; seed++)
	{
		Sample *s = sample_random(seed);
		const AeNet *net = &s->model.net;
		size_t n_code = net->width[net->n_encoder], n_out = net->width[net->n_layers];
		AeReal codes[3 * SAMPLE_WIDTH], outputs[3 * SAMPLE_INPUTS];
		AeScorer scorer;
		SampleScorer *block;
		const AeReal *inside;
		const AeReal *last;

		block = make_scorer(&scorer, &s->model, 3, ae_kernels_best());
		draw_cells(s, scorer.cells, 3, false);
		inside = ae_scorer_encode(&scorer, 3);
		memcpy(codes, inside, 3 * n_code * sizeof(AeReal));
		memcpy(outputs, ae_scorer_decode(&scorer, inside, 3), 3 * n_out * sizeof(AeReal));
		assert_memory_equal(ae_scorer_decode(&scorer, codes, 3), outputs,
							3 * n_out * sizeof(AeReal));
		inside = ae_scorer_encode(&scorer, 3);
		last = ae_scorer_decode(&scorer, inside + 2 * n_code, 1);
		assert_memory_equal(last, outputs + 2 * n_out, n_out * sizeof(AeReal));
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* ---- worked by hand ---- */

/* A model worked by hand: its columns, blocks and indicators. */
typedef struct Tiny
{
	AeModel model;
	AeColumn columns[4];
	AeLevel levels[4];
	AeBlock blocks[4];
	uint32_t indicators[4];
} Tiny;

/* Lays t->columns out as n_columns with one code unit, linear; params as ae_net.h lays them out. */
static void
tiny_finish(Tiny *t, uint32_t n_columns, AeLoss category_loss, const AeReal *params)
{
	AeNet *net = &t->model.net;

	t->model.schema.n_columns = n_columns;
	t->model.schema.columns = t->columns;
	t->model.category_loss = category_loss;
	ae_schema_layout(&t->model.schema);
	ae_schema_blocks(&net->layout, t->blocks, t->indicators, &t->model.schema, AE_LOSS_MSE,
					 category_loss);
	net->n_layers = 2;
	net->n_encoder = 1;
	net->width[0] = ae_layout_inputs(&net->layout);
	net->width[1] = 1;
	net->width[2] = ae_layout_outputs(&net->layout);
	t->model.params = params;
	assert_int_equal(ae_net_check(net, NULL), AE_OK);
}

/* 2-1-2, squared error or a second output under cross-entropy; params: w0 w1 b, w0 w1 b0 b1 */
static void
tiny_model(Tiny *t, const AeReal *params, AeKind second)
{
	memset(t, 0, sizeof *t);
	t->columns[0] = (AeColumn){.kind = AE_KIND_NUMBER, .varies = true, .scale = 1};
	t->columns[1] = (AeColumn){.kind = second, .varies = true, .scale = 1};
	tiny_finish(t, 2, AE_LOSS_SOFTMAX, params);
}

/* Error of the row of these cells. */
static double
tiny_score(const Tiny *t, const double *cells)
{
	AeScorer scorer;
	SampleScorer *block;
	double error;

	block = make_scorer(&scorer, &t->model, 1, ae_kernels_best());
	for (uint32_t i = 0; i < ae_layout_cells(&t->model.net.layout); i++)
		scorer.cells[i] = (AeReal) cells[i];
	ae_scorer_errors(&error, &scorer, ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1),
					 1);
	sample_scorer_free(block);
	return error;
}

static double
tiny_error(const Tiny *t, double x0, double x1)
{
	const double cells[2] = {x0, x1};

	return tiny_score(t, cells);
}

static void
test_by_hand(void **state)
{
	const AeReal keeps_first[] = {1, 0, 0, 1, 0, 0, 0};
	const AeReal says_one_and_even[] = {0, 0, 0, 0, 0, 1, 0};
	Tiny model;

	(void) state;
	tiny_model(&model, keeps_first, AE_KIND_NUMBER);
	assert_true(tiny_error(&model, 3, 4) == 8.0);
	assert_true(tiny_error(&model, 7, 0) == 0.0);
	assert_true(tiny_error(&model, 0, AE_SCALED_MAX) ==
				(double) (AeReal) AE_SCALED_MAX * (double) (AeReal) AE_SCALED_MAX / 2);
	tiny_model(&model, says_one_and_even, AE_KIND_BOOLEAN);
	assert_true(fabs(tiny_error(&model, 3, 1) - (4 + log(2)) / 2) < 1e-6);
	assert_true(fabs(tiny_error(&model, 1, 0) - log(2) / 2) < 1e-6);
	assert_true(fabs(tiny_error(&model, 1, 3) - (log(2) + 4) / 2) < 1e-6);
	/* half of the row is missing: the other half alone counts */
	assert_true(tiny_error(&model, 3, NAN) == 4.0);
	assert_true(fabs(tiny_error(&model, NAN, 1) - log(2)) < 1e-6);
	assert_true(tiny_error(&model, NAN, NAN) == 0.0);
}

/*
 * A number with an indicator and a category of three levels, seen 2, 1 and 1 times: entropy
 * 1.5 ln 2, sum of squares 3/8.  Inputs: number, indicator, three levels.
 */
static void
three_levels(Tiny *t, AeLoss loss, const AeReal *params)
{
	memset(t, 0, sizeof *t);
	t->levels[0] = (AeLevel){"a", 1, 2};
	t->levels[1] = (AeLevel){"b", 1, 1};
	t->levels[2] = (AeLevel){"c", 1, 1};
	t->columns[0] = (AeColumn){.varies = true, .indicator = true, .scale = 1};
	t->columns[1] = (AeColumn){
		.kind = AE_KIND_CATEGORY, .varies = true, .scale = 1, .n_levels = 3, .levels = t->levels};
	tiny_finish(t, 2, loss, params);
}

/*
 * The code is 2 x + 8 [x missing] + (0.5, 1, 4 for a, b, c) + 0.25; the outputs are the code and
 * fixed logits ln 4, ln 3, ln 1: probabilities 1/2, 3/8, 1/8.
 */
static void
test_softmax_by_hand(void **state)
{
	const AeReal l4 = (AeReal) log(4), l3 = (AeReal) log(3);
	const AeReal params[] = {2, 8, 0.5, 1, 4, 0.25, 1, 0, 0, 0, 0, l4, l3, 0};
	const double w = 1 / (1.5 * log(2));
	Tiny t;

	(void) state;
	three_levels(&t, AE_LOSS_SOFTMAX, params);
	assert_true(fabs(t.blocks[1].weight - w) < 1e-15 && t.blocks[1].grouped);
	assert_true(fabs(t.blocks[1].unseen - log(5)) < 1e-15);
	/* x = 3, a: code 6.75, squared error 3.75^2 = 14.0625 */
	assert_true(fabs(tiny_error(&t, 3, 0) - (14.0625 + w * log(2)) / 2) < 1e-5);
	assert_true(fabs(tiny_error(&t, 3, 1) - (18.0625 + w * log(8.0 / 3)) / 2) < 1e-5);
	assert_true(fabs(tiny_error(&t, 3, 2) - (52.5625 + w * log(8)) / 2) < 1e-5);
	/* unseen: no level enters, and costs what the least probable one does, ln 8 > ln 5 */
	assert_true(fabs(tiny_error(&t, 3, -1) - (10.5625 + w * log(8)) / 2) < 1e-5);
	t.blocks[1].unseen = 3;
	assert_true(fabs(tiny_error(&t, 3, -1) - (10.5625 + w * 3) / 2) < 1e-5);
	assert_true(tiny_error(&t, 3, NAN) == 10.5625);
	assert_true(fabs(tiny_error(&t, NAN, 1) - w * log(8.0 / 3)) < 1e-6);
	assert_true(tiny_error(&t, NAN, NAN) == 0);
}

static void
test_onehot_by_hand(void **state)
{
	const AeReal params[] = {2, 8, 0.5, 1, 4, 0.25, 1, 0, 0, 0, 0, 0.5, 0.25, 0.75};
	const double w = 1 / (1 - 3.0 / 8);
	Tiny t;

	(void) state;
	three_levels(&t, AE_LOSS_ONEHOT, params);
	assert_true(fabs(t.blocks[1].weight - w) < 1e-15);
	/* against (1, 0, 0): 0.25 + 0.0625 + 0.5625 */
	assert_true(fabs(tiny_error(&t, 3, 0) - (14.0625 + w * 0.875) / 2) < 1e-12);
	assert_true(fabs(tiny_error(&t, 3, 1) - (18.0625 + w * 1.375) / 2) < 1e-12);
	assert_true(fabs(tiny_error(&t, 3, 2) - (52.5625 + w * 0.375) / 2) < 1e-12);
	/* unseen: an output more, that is predicted 0 */
	assert_true(fabs(tiny_error(&t, 3, -1) - (10.5625 + w * 1.875) / 2) < 1e-12);
	assert_true(fabs(tiny_error(&t, NAN, 2) - w * 0.375) < 1e-12);
}

/* What a missing number looks like inside: 0, and its indicator 1. */
static void
test_indicator_by_hand(void **state)
{
	const AeReal params[] = {2, 8, 0.5, 1, 4, 0.25, 1, 0, 0, 0, 0, 0, 0, 0};
	static const double cells[][3] = {/* x, level, code */
									  {3, 0, 6.75},   {3, -1, 6.25},   {3, NAN, 6.25},
									  {NAN, 0, 8.75}, {NAN, 2, 12.25}, {NAN, NAN, 8.25},
									  {-1, 1, -0.75}};
	AeScorer scorer;
	SampleScorer *block;
	Tiny t;

	(void) state;
	three_levels(&t, AE_LOSS_SOFTMAX, params);
	block = make_scorer(&scorer, &t.model, 1, ae_kernels_best());
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
	{
		scorer.cells[0] = (AeReal) cells[i][0];
		scorer.cells[1] = (AeReal) cells[i][1];
		assert_true((double) ae_scorer_encode(&scorer, 1)[0] == cells[i][2]);
	}
	sample_scorer_free(block);
}

/* An array column of three elements beside a number: the array counts once. */
static void
test_group_by_hand(void **state)
{
	/* all outputs are 1 but the last, 5 */
	const AeReal params[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 5};
	const double rows[][4] = {{3, 2, 2, 7}, {3, 2, NAN, 7}, {3, NAN, NAN, NAN}, {NAN, 0, NAN, NAN}};
	const double wanted[] = {(4 + (1 + 1 + 4) / 3.0) / 2, (4 + (1 + 4) / 2.0) / 2, 4, 1};
	Tiny t;

	(void) state;
	memset(&t, 0, sizeof t);
	for (uint32_t c = 0; c < 4; c++)
		t.columns[c] = (AeColumn){.element = c, .varies = true, .scale = 1};
	tiny_finish(&t, 4, AE_LOSS_SOFTMAX, params);
	assert_int_equal(t.model.net.layout.n_columns, 2);
	assert_int_equal(t.model.net.layout.n_blocks, 2);
	for (int i = 0; i < 4; i++)
		assert_true(fabs(tiny_score(&t, rows[i]) - wanted[i]) < 1e-14);
}

/*
 * An output that is no number is infinitely far off, also beside a NULL; but an output whose own
 * cell is NULL does not count, whatever it is.
 */
static void
test_overflow_of_columns(void **state)
{
	const AeReal nan_params[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, (AeReal) NAN, 1, 5};
	const AeReal inf_params[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, (AeReal) INFINITY, 1, 5};
	const AeReal *const params[] = {nan_params, inf_params};
	const double rows[][4] = {{3, 2, 2, 7}, {3, 2, NAN, 7}, {3, NAN, 2, 7}, {3, NAN, NAN, NAN}};
	const double wanted[] = {INFINITY, INFINITY, 2.5, NAN};
	Tiny t;

	(void) state;
	memset(&t, 0, sizeof t);
	for (uint32_t c = 0; c < 4; c++)
		t.columns[c] = (AeColumn){.element = c, .varies = true, .scale = 1};
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < 4; i++)
		{
			double errors[4];
			AeScorer scorer;
			SampleScorer *block;

			tiny_finish(&t, 4, AE_LOSS_SOFTMAX, params[k]);
			block = make_scorer(&scorer, &t.model, 1, ae_kernels_best());
			for (int j = 0; j < 4; j++)
				scorer.cells[j] = (AeReal) rows[i][j];
			ae_scorer_column_errors(errors, &scorer,
									ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1));
			assert_true(errors[0] == 4);
			assert_true(isnan(wanted[i]) ? isnan(errors[1]) : errors[1] == wanted[i]);
			assert_true(tiny_score(&t, rows[i]) == (isnan(wanted[i]) ? 4 : (4 + wanted[i]) / 2));
			sample_scorer_free(block);
		}
}

/* Probability of the level that is there, by the softmax of ln 4, ln 3, ln 1. */
static void
test_probability(void **state)
{
	const AeReal l4 = (AeReal) log(4), l3 = (AeReal) log(3);
	const AeReal params[] = {2, 8, 0.5, 1, 4, 0.25, 1, 0, 0, 0, 0, l4, l3, 0};
	static const double cells[][2] = {{0, 0.5}, {1, 0.375}, {2, 0.125}, {-1, 0}};
	AeScorer scorer;
	AeReal *outputs;
	double values[2];
	SampleScorer *block;
	Tiny t;

	(void) state;
	three_levels(&t, AE_LOSS_SOFTMAX, params);
	block = make_scorer(&scorer, &t.model, 1, ae_kernels_best());
	for (int i = 0; i < 4; i++)
	{
		scorer.cells[0] = 1;
		scorer.cells[1] = (AeReal) cells[i][0];
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_finish(&scorer, outputs, 1);
		assert_true(fabs(ae_scorer_probability(&scorer, outputs, 1) - cells[i][1]) < 1e-6);
		assert_true(isnan(ae_scorer_probability(&scorer, outputs, 0)));
		ae_scaler_invert(values, &t.model.schema, &t.model.net.layout, outputs);
		assert_true(values[1] == 0);
	}
	scorer.cells[1] = (AeReal) NAN;
	assert_true(isnan(ae_scorer_probability(&scorer, outputs, 1)));
	sample_scorer_free(block);
}

/* Of a boolean the probability of what it is, scaled or not. */
static void
test_boolean_probability(void **state)
{
	/* outputs: 0, and a logit of ln 3 or a scaled value of 1: 3/4 of either */
	const AeReal logit[] = {0, 0, 0, 0, 0, 0, (AeReal) log(3)}, value[] = {0, 0, 0, 0, 0, 0, 1};
	double shift = 0.5, scale = 0.25;

	(void) state;
	for (int standard = 0; standard < 2; standard++)
		for (int yes = 0; yes < 2; yes++)
		{
			AeScorer scorer;
			AeReal *outputs;
			SampleScorer *block;
			Tiny t;

			tiny_model(&t, standard ? value : logit, AE_KIND_BOOLEAN);
			if (standard)
			{
				t.columns[1].shift = shift;
				t.columns[1].scale = scale;
				tiny_finish(&t, 2, AE_LOSS_ONEHOT, value);
			}
			block = make_scorer(&scorer, &t.model, 1, ae_kernels_best());
			scorer.cells[0] = 0;
			scorer.cells[1] = (AeReal) (standard ? (yes - shift) / scale : yes);
			outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
			ae_scorer_finish(&scorer, outputs, 1);
			assert_true(fabs(ae_scorer_probability(&scorer, outputs, 1) - (yes ? 0.75 : 0.25)) <
						1e-6);
			sample_scorer_free(block);
		}
}

/* ---- the smallest nets ---- */

/* Categories and nothing else; one column; one level and `other`. */
static void
test_small_nets(void **state)
{
	const AeReal params[] = {0.5, -2, 0.25, 1, -1, 0.125, 0.5}; /* code .75, -1.75 or .25 */
	static const AeLoss losses[] = {AE_LOSS_SOFTMAX, AE_LOSS_ONEHOT};
	AeReal cells[MAX_BATCH];

	(void) state;
	for (size_t i = 0; i < MAX_BATCH; i++)
		cells[i] = i % 4 == 3 ? (AeReal) NAN : (AeReal) (i % 4) - 1;
	for (int k = 0; k < 2; k++)
	{
		const double z0 = 0.75 + 0.125, z1 = -0.75 + 0.5; /* level 0 */
		const double w = k ? 1 / (1 - 0.625) : 1 / (-0.75 * log(0.75) - 0.25 * log(0.25));
		Tiny t;

		memset(&t, 0, sizeof t);
		t.levels[0] = (AeLevel){"only", 4, 3};
		t.columns[0] = (AeColumn){.kind = AE_KIND_CATEGORY,
								  .varies = true,
								  .scale = 1,
								  .n_levels = 1,
								  .levels = t.levels,
								  .other = 1};
		tiny_finish(&t, 1, losses[k], params);
		assert_int_equal(t.model.net.width[0], 2);
		assert_true(fabs(tiny_error(&t, 0, 0) - w * (k ? (z0 - 1) * (z0 - 1) + z1 * z1
													   : log(exp(z0) + exp(z1)) - z0)) < 1e-6);
		assert_true(tiny_error(&t, NAN, 0) == 0);
		check_same_bits(&t.model, cells);
	}
}

/* What overflows, and what becomes NaN on the way, is infinitely far off: never NaN, never zero. */
static void
test_overflow(void **state)
{
#ifdef AE_DOUBLE
	const AeReal big = 1e300;
#else
	const AeReal big = 1e38f;
#endif
	const AeReal grows[] = {big, big, 0, big, -big, 0, 0};
	const AeReal cancels[] = {big, -big, 0, big, big, 0, 0};
	Tiny model;

	(void) state;
	for (int kind = AE_KIND_NUMBER; kind <= AE_KIND_TIME; kind++)
	{
		tiny_model(&model, grows, (AeKind) kind);
		assert_true(tiny_error(&model, 1e10, 1e10) == INFINITY);
		tiny_model(&model, cancels, (AeKind) kind);
		assert_true(tiny_error(&model, 1e15, 1e15) == INFINITY ||
					tiny_error(&model, 1e15, 1e15) > 1e20);
		assert_true(tiny_error(&model, 1e15, -1e15) == INFINITY);
	}
}

static void
test_sizes(void **state)
{
	const AeReal params[7] = {0};
	AeError error = {0};
	AeScorer scorer;
	SampleScorer *block;
	Tiny model;
	size_t size;

	(void) state;
	tiny_model(&model, params, AE_KIND_NUMBER);
	block = sample_scorer(&scorer, &model.model, 1, ae_kernels_best());
	assert_int_equal(ae_scorer_size(&size, &block->packed, 1, SIZE_MAX / 4, &error), AE_ERR_LIMIT);
	assert_int_equal(ae_scorer_size(&size, &block->packed, 1, SIZE_MAX, &error), AE_ERR_LIMIT);
	assert_int_equal(error.status, AE_ERR_LIMIT);
	assert_int_equal(ae_scorer_size(&size, &block->packed, 1, 1, &error), AE_OK);
	assert_true(size < 4096);
	assert_int_equal(ae_packed_size(&size, &model.model, &error), AE_OK);
	assert_true(size < 4096);
	sample_scorer_free(block);
}

/* The head, of every kind and in batches, is code x W + b and its softmax, term by term. */
static void
test_head_by_hand(void **state)
{
	static const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_BOOLEAN, AE_KIND_CATEGORY};

	(void) state;
	for (int k = 0; k < 3; k++)
	{
		Sample *s = sample_of(2, false, 9, 4, 20, 2, 0);
		const AeNet *net = &s->model.net;
		uint32_t n_code = net->width[net->n_encoder];
		const AeReal *w, *codes, *head;
		AeScorer scorer;
		SampleScorer *block;

		sample_target(s, kinds[k]);
		w = s->model.params + ae_net_head_offset(net);
		block = make_scorer(&scorer, &s->model, 5, ae_kernels_best());
		for (uint32_t i = 0; i < 5 * ae_layout_cells(&net->layout); i++)
			scorer.cells[i] = (AeReal) sin(1.0 + i);
		codes = ae_scorer_encode(&scorer, 5);
		head = ae_scorer_head(&scorer, codes, 5);
		ae_scorer_head_finish(&scorer, scorer.head, 5);
		for (uint32_t r = 0; r < 5; r++)
		{
			double wanted[4], sum = 0;

			for (uint32_t o = 0; o < net->n_target; o++)
			{
				wanted[o] = (double) w[n_code * net->n_target + o];
				for (uint32_t c = 0; c < n_code; c++)
					wanted[o] += (double) codes[r * n_code + c] * (double) w[c * net->n_target + o];
				sum += exp(wanted[o]);
			}
			for (uint32_t o = 0; o < net->n_target; o++)
				assert_true(fabs((net->n_target > 1 ? exp(wanted[o]) / sum : wanted[o]) -
								 (double) head[r * net->n_target + o]) < 1e-5);
		}
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* ---- committed scores ---- */

#ifndef AE_DOUBLE

#define MAX_LINE 8192

/* name: of a file, and of a bundle the number of the model */
static AeModel *
load_golden(char *name, void **block)
{
	char *number = strchr(name, ' ');
	AeBundleBytes bundle;
	char path[256];
	FILE *file;
	uint8_t *bytes = malloc(1 << 20);
	AeModel *model = malloc(sizeof *model);
	AeError error = {0};
	size_t length = 0, size;
	unsigned byte, i = 0;

	if (number)
	{
		*number = '\0';
		i = (unsigned) atoi(number + 1);
	}
	snprintf(path, sizeof path, GOLDEN_DIR "%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	while (length < 1 << 20 && fscanf(file, "%2x", &byte) == 1)
		bytes[length++] = (uint8_t) byte;
	fclose(file);
	assert_int_equal(ae_bundle_open(&bundle, bytes, length, &error, NULL), AE_OK);
	assert_true(i < bundle.n_folds * bundle.n_members && (number != NULL) == (bundle.n_folds > 1));
	assert_int_equal(ae_model_check(&size, bundle.bytes[i], bundle.length[i], &error, NULL), AE_OK);
	*block = malloc(size);
	assert_int_equal(
		ae_model_read(model, *block, size, bundle.bytes[i], bundle.length[i], &error, NULL), AE_OK);
	free(bytes);
	return model;
}

/* The numbers of a line; missing, where asked for: which of them are `null`. */
static size_t
parse(double *values, bool *missing, size_t max, char *text)
{
	size_t n = 0;

	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "), n++)
	{
		bool null = strcmp(word, "null") == 0;
		char *end = word;

		assert_true(n < max && (!null || missing));
		values[n] = null ? 0 : strtod(word, &end);
		assert_true(null || (end != word && *end == '\0'));
		if (missing)
			missing[n] = null;
	}
	return n;
}

static void
assert_bits(const AeReal *got, const double *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		AeReal value = (AeReal) wanted[i];

		if (memcmp(&got[i], &value, sizeof value) != 0)
			fail_msg("element %zu is %a, committed %a", i, (double) got[i], wanted[i]);
	}
}

/* What has been computed of the row whose lines are being read. */
typedef struct Golden
{
	AeModel *model;
	void *model_block;
	AeScorer scorer;
	SampleScorer *scorer_block;
	int bad;
	const AeReal *code;
	AeReal *output;
	AeReal *head;
	double error;
	double of_columns[SAMPLE_COLUMNS];
	size_t n_rows, n_raw, n_target;
} Golden;

static void
close_golden(Golden *g)
{
	free(g->model);
	free(g->model_block);
	if (g->scorer_block)
		sample_scorer_free(g->scorer_block);
	g->model = NULL;
	g->model_block = g->scorer_block = NULL;
}

static void
assert_doubles(const double *got, const double *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (got[i] != wanted[i] && !(isnan(got[i]) && isnan(wanted[i])))
			fail_msg("column %zu is %a, committed %a", i, got[i], wanted[i]);
}

/* Everything that is computed of a row but its code. */
static void
decode_golden(Golden *g)
{
	if (g->model->net.n_target > 0)
	{
		g->head = ae_scorer_head(&g->scorer, g->code, 1);
		ae_scorer_head_finish(&g->scorer, g->head, 1);
	}
	g->output = ae_scorer_decode(&g->scorer, g->code, 1);
	ae_scorer_errors(&g->error, &g->scorer, g->output, 1);
	ae_scorer_column_errors(g->of_columns, &g->scorer, g->output);
	ae_scorer_finish(&g->scorer, g->output, 1);
}

static void
golden_line(Golden *g, const char *word, char *rest, const AeKernels *kernels)
{
	double v[SAMPLE_INPUTS];
	bool missing[SAMPLE_INPUTS];
	bool model = strcmp(word, "model") == 0, row = strcmp(word, "row") == 0;
	size_t n = model ? 0 : parse(v, row ? missing : NULL, SAMPLE_INPUTS, rest);

	if (model)
	{
		close_golden(g);
		g->model = load_golden(rest, &g->model_block);
		g->scorer_block = make_scorer(&g->scorer, g->model, 1, kernels);
		return;
	}
	if (row)
	{
		assert_int_equal(n, g->model->schema.n_columns);
		g->bad = ae_scorer_take(&g->scorer, 0, v, missing);
		g->code = ae_scorer_encode(&g->scorer, 1);
		g->n_rows++;
	}
	else if (strcmp(word, "bad") == 0)
		assert_int_equal(g->bad, (int) v[0]);
	else if (strcmp(word, "code") == 0)
	{
		assert_int_equal(n, g->model->net.width[g->model->net.n_encoder]);
		assert_bits(g->code, v, n);
		decode_golden(g);
	}
	else if (strcmp(word, "target") == 0)
	{
		assert_int_equal(n, g->model->net.n_target);
		assert_bits(g->head, v, n);
		g->n_target++;
	}
	else if (strcmp(word, "output") == 0)
	{
		assert_int_equal(n, g->model->net.width[g->model->net.n_layers]);
		assert_bits(g->output, v, n);
	}
	else if (strcmp(word, "raw") == 0)
	{
		double raw = sample_raw_score(&g->scorer, 0, g->error);
		double term =
			ae_distance_term(&g->scorer.nearest, &g->scorer.network->distance, g->scorer.cells);

		if (n != 2 || raw != v[0] || term != v[1])
			fail_msg("raw score %a, term %a, committed %a, %a", raw, term, v[0], v[1]);
		g->n_raw++;
	}
	else if (strcmp(word, "parts") == 0)
	{
		ae_scorer_column_distances(g->of_columns, &g->scorer);
		assert_int_equal(n, g->model->schema.n_columns);
		assert_doubles(g->of_columns, v, n);
	}
	else if (strcmp(word, "errors") == 0)
		assert_doubles(g->of_columns, v, n);
	else if (strcmp(word, "values") == 0)
	{
		ae_scaler_invert(g->of_columns, &g->model->schema, &g->model->net.layout, g->output);
		assert_int_equal(n, g->model->schema.n_columns);
		assert_doubles(g->of_columns, v, n);
	}
	else
	{
		assert_string_equal(word, "score");
		assert_int_equal(n, 3);
		if (g->error != v[0])
			fail_msg("error %a, committed %a", g->error, v[0]);
		assert_true(ae_calibration_p(&g->model->calibration, g->error) == v[1]);
		assert_true(ae_calibration_anomaly(&g->model->calibration, g->error) == v[2]);
	}
}

static void
check_golden(const AeKernels *kernels)
{
	FILE *file = fopen(GOLDEN_DIR "scores_v1.txt", "r");
	static char line[MAX_LINE];
	Golden g = {0};

	if (!file)
		fail_msg(GOLDEN_DIR "scores_v1.txt cannot be read; run the tests from the top directory");
	while (fgets(line, sizeof line, file))
	{
		char *rest = strchr(line, ' ');

		assert_non_null(rest);
		assert_true(line[strlen(line) - 1] == '\n');
		line[strlen(line) - 1] = '\0';
		*rest++ = '\0';
		golden_line(&g, line, rest, kernels);
	}
	assert_int_equal(g.n_rows, 19 * 12);
	assert_int_equal(g.n_target, 2 * 12);
	assert_int_equal(g.n_raw, 9 * 12);
	close_golden(&g);
	fclose(file);
}

static void
test_golden_scores(void **state)
{
	size_t n_checked = 0;

	(void) state;
	for (size_t k = 0; k < N_KERNELS; k++)
	{
		const AeKernels *kernels = ae_kernels_find(kernel_names[k]);

		if (!kernels)
			continue;
		check_golden(kernels);
		n_checked++;
	}
	assert_true(n_checked >= 1);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_as_in_training),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_mean_of_observed_columns),
		cmocka_unit_test(test_nothing_observed),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_unseen_values),
		cmocka_unit_test(test_decode_of_given_codes),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_softmax_by_hand),
		cmocka_unit_test(test_onehot_by_hand),
		cmocka_unit_test(test_indicator_by_hand),
		cmocka_unit_test(test_group_by_hand),
		cmocka_unit_test(test_overflow_of_columns),
		cmocka_unit_test(test_probability),
		cmocka_unit_test(test_boolean_probability),
		cmocka_unit_test(test_small_nets),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_head_by_hand),
#ifndef AE_DOUBLE
		cmocka_unit_test(test_golden_scores),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
