/* Proves: scores are what the formula says, and the same bits alone, in a batch, in every kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ae_score.h"
#include "sample_model.h"

#ifdef AE_DOUBLE
#define CLOSE 1e-11
#else
#define CLOSE 2e-4
#endif

#define GOLDEN_DIR "tests/golden/"
#define MAX_BATCH 41

static const char *const kernel_names[] = {"generic", "avx2", "avx512"};
#define N_KERNELS (sizeof kernel_names / sizeof kernel_names[0])

/* A scorer in a block that is not aligned; the caller frees *block. */
static void
make_scorer(AeScorer *scorer, void **block, const AeModel *model, size_t batch,
			const AeKernels *kernels)
{
	AeError error = {0};
	size_t size;

	assert_int_equal(ae_scorer_size(&size, model, batch, &error), AE_OK);
	*block = malloc(size);
	assert_non_null(*block);
	ae_scorer_init(scorer, *block, model, batch, kernels);
	assert_int_equal((uintptr_t) scorer->inputs % AE_ALIGN, 0);
	assert_int_equal((uintptr_t) scorer->h[1] % AE_ALIGN, 0);
	assert_int_equal((uintptr_t) scorer->panels[1] % AE_ALIGN, 0);
}

static void
draw_inputs(Sample *s, AeReal *inputs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		inputs[i] = (AeReal) (float) sample_real(s, -1.5, 2.5);
}

/* ---- a plain reference in double, by libm ---- */

static double
reference_activation(AeActivation act, double z)
{
	switch (act)
	{
		case AE_SIGMOID:
			return 1 / (1 + exp(-z));
		case AE_TANH:
			return tanh(z);
		case AE_RELU:
			return z > 0 ? z : 0;
		case AE_GELU:
			return z * 0.5 * erfc(-z / sqrt(2));
		case AE_SILU:
			return z / (1 + exp(-z));
		default:
			return z;
	}
}

static AeLoss
loss_of(const AeNet *net, uint32_t output)
{
	for (uint32_t b = 0; b < net->n_blocks; b++)
		if (output - net->blocks[b].first < net->blocks[b].count)
			return net->blocks[b].loss;
	fail_msg("output %u has no block", output);
	return AE_LOSS_MSE;
}

/* One row: code and r (logits where the loss is cross-entropy), both of room SAMPLE_WIDTH. */
static void
reference_pass(double *code, double *r, const AeModel *model, const AeReal *x)
{
	const AeNet *net = &model->net;
	double h[SAMPLE_WIDTH], y[SAMPLE_WIDTH];

	for (uint32_t i = 0; i < net->width[0]; i++)
		h[i] = x[i];
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		const AeReal *w = model->params + ae_net_offset(net, l);
		uint32_t n_in = net->width[l], n_out = net->width[l + 1];

		for (uint32_t o = 0; o < n_out; o++)
		{
			y[o] = w[(size_t) n_in * n_out + o];
			for (uint32_t i = 0; i < n_in; i++)
				y[o] += h[i] * w[(size_t) i * n_out + o];
			if (l + 1 < net->n_layers || loss_of(net, o) == AE_LOSS_MSE)
				y[o] = reference_activation(net->activation[l], y[o]);
		}
		memcpy(h, y, sizeof h);
		if (l + 1 == net->n_encoder)
			memcpy(code, h, sizeof h);
	}
	memcpy(r, h, sizeof h);
}

static double
reference_error(const AeNet *net, const double *r, const AeReal *x)
{
	uint32_t n = net->width[0];
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		double c = fmin(fmax(x[i], 0), 1);

		if (loss_of(net, i) == AE_LOSS_MSE)
			sum += (r[i] - x[i]) * (r[i] - x[i]);
		else
			sum += log1p(exp(-fabs(r[i]))) + fmax(r[i], 0) - c * r[i] + (x[i] - c) * (x[i] - c);
	}
	return sum / n;
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
	for (uint64_t seed = 1; seed <= 100; seed++)
	{
		Sample *s = sample_random(seed);
		const AeNet *net = &s->model.net;
		AeScorer scorer;
		void *block;
		const AeReal *code;
		AeReal *outputs;
		double wanted_code[SAMPLE_WIDTH], wanted[SAMPLE_WIDTH];
		double error;

		make_scorer(&scorer, &block, &s->model, 1, ae_kernels_best());
		draw_inputs(s, scorer.inputs, net->width[0]);
		reference_pass(wanted_code, wanted, &s->model, scorer.inputs);
		code = ae_scorer_encode(&scorer, 1);
		for (uint32_t i = 0; i < net->width[net->n_encoder]; i++)
			assert_close(code[i], wanted_code[i]);
		outputs = ae_scorer_decode(&scorer, code, 1);
		for (uint32_t i = 0; i < net->width[0]; i++)
			assert_close(outputs[i], wanted[i]);
		ae_scorer_errors(&error, &scorer, outputs, 1);
		assert_close(error, reference_error(net, wanted, scorer.inputs));
		ae_scorer_finish(&scorer, outputs, 1);
		for (uint32_t i = 0; i < net->width[0]; i++)
			assert_close(outputs[i],
						 loss_of(net, i) == AE_LOSS_BCE ? 1 / (1 + exp(-wanted[i])) : wanted[i]);
		free(block);
		sample_free(s);
	}
}

/* ---- the same bits ---- */

/* Everything a model says of n_rows rows, one after the other: codes, outputs, errors. */
typedef struct Said
{
	AeReal code[MAX_BATCH][SAMPLE_WIDTH];
	AeReal output[MAX_BATCH][SAMPLE_WIDTH];
	double error[MAX_BATCH];
} Said;

/* Scores rows of inputs (n_rows x n_in) in batches of `batch`. */
static void
say(Said *said, const AeModel *model, const AeReal *inputs, size_t n_rows, size_t batch,
	const AeKernels *kernels)
{
	const AeNet *net = &model->net;
	size_t n_in = net->width[0], n_code = net->width[net->n_encoder];
	AeScorer scorer;
	void *block;

	memset(said, 0, sizeof *said);
	make_scorer(&scorer, &block, model, batch, kernels);
	for (size_t first = 0; first < n_rows; first += batch)
	{
		size_t n = n_rows - first < batch ? n_rows - first : batch;
		const AeReal *codes;
		AeReal *outputs;

		memcpy(scorer.inputs, inputs + first * n_in, n * n_in * sizeof(AeReal));
		codes = ae_scorer_encode(&scorer, n);
		for (size_t r = 0; r < n; r++)
			memcpy(said->code[first + r], codes + r * n_code, n_code * sizeof(AeReal));
		outputs = ae_scorer_decode(&scorer, codes, n);
		ae_scorer_errors(said->error + first, &scorer, outputs, n);
		ae_scorer_finish(&scorer, outputs, n);
		for (size_t r = 0; r < n; r++)
			memcpy(said->output[first + r], outputs + r * n_in, n_in * sizeof(AeReal));
	}
	free(block);
}

static void
test_same_bits(void **state)
{
	static const size_t batches[] = {1, 2, 3, 5, 8, 12, 13, 31, MAX_BATCH};
	static Said wanted, got;
	AeReal inputs[MAX_BATCH * SAMPLE_WIDTH];

	(void) state;
	for (uint64_t seed = 1; seed <= 40; seed++)
	{
		Sample *s = sample_random(seed);
		uint32_t n_in = s->model.net.width[0];

		draw_inputs(s, inputs, (size_t) MAX_BATCH * n_in);
		inputs[7 * n_in] = (AeReal) AE_SCALED_MAX;
		inputs[9 * n_in] = (AeReal) -AE_SCALED_MAX;
		say(&wanted, &s->model, inputs, MAX_BATCH, MAX_BATCH, ae_kernels_find("generic"));
		for (size_t k = 0; k < N_KERNELS; k++)
		{
			const AeKernels *kernels = ae_kernels_find(kernel_names[k]);

			for (size_t b = 0; kernels && b < sizeof batches / sizeof batches[0]; b++)
			{
				say(&got, &s->model, inputs, MAX_BATCH, batches[b], kernels);
				assert_memory_equal(&got, &wanted, sizeof got);
			}
		}
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
		size_t n_code = net->width[net->n_encoder], n_in = net->width[0];
		AeReal codes[3 * SAMPLE_WIDTH], outputs[3 * SAMPLE_WIDTH];
		AeScorer scorer;
		void *block;
		const AeReal *inside;
		const AeReal *last;

		make_scorer(&scorer, &block, &s->model, 3, ae_kernels_best());
		draw_inputs(s, scorer.inputs, 3 * n_in);
		inside = ae_scorer_encode(&scorer, 3);
		memcpy(codes, inside, 3 * n_code * sizeof(AeReal));
		memcpy(outputs, ae_scorer_decode(&scorer, inside, 3), 3 * n_in * sizeof(AeReal));
		assert_memory_equal(ae_scorer_decode(&scorer, codes, 3), outputs,
							3 * n_in * sizeof(AeReal));
		inside = ae_scorer_encode(&scorer, 3);
		last = ae_scorer_decode(&scorer, inside + 2 * n_code, 1);
		assert_memory_equal(last, outputs + 2 * n_in, n_in * sizeof(AeReal));
		free(block);
		sample_free(s);
	}
}

/* ---- worked by hand ---- */

/* 2-1-2, linear, squared error or a second output under cross-entropy; params: w0 w1 b, w0 w1 b0 b1
 */
static void
tiny_model(AeModel *model, AeColumn *columns, const AeReal *params, AeKind second)
{
	*model = (AeModel){.schema = {.n_columns = 2, .n_inputs = 2, .columns = columns}};
	columns[0] = (AeColumn){.kind = AE_KIND_NUMBER, .input = 0, .scale = 1};
	columns[1] = (AeColumn){.kind = second, .input = 1, .scale = 1};
	model->net = (AeNet){.n_layers = 2, .n_encoder = 1, .width = {2, 1, 2}};
	model->net.n_blocks = ae_scaler_blocks(model->blocks, &model->schema, AE_LOSS_MSE);
	model->net.blocks = model->blocks;
	model->params = params;
}

/* Error of the row (x0, x1). */
static double
tiny_error(const AeModel *model, double x0, double x1)
{
	AeScorer scorer;
	void *block;
	double error;

	make_scorer(&scorer, &block, model, 1, ae_kernels_best());
	scorer.inputs[0] = (AeReal) x0;
	scorer.inputs[1] = (AeReal) x1;
	ae_scorer_errors(&error, &scorer, ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1),
					 1);
	free(block);
	return error;
}

static void
test_by_hand(void **state)
{
	const AeReal keeps_first[] = {1, 0, 0, 1, 0, 0, 0};
	const AeReal says_one_and_even[] = {0, 0, 0, 0, 0, 1, 0};
	AeColumn columns[2];
	AeModel model;

	(void) state;
	tiny_model(&model, columns, keeps_first, AE_KIND_NUMBER);
	assert_true(tiny_error(&model, 3, 4) == 8.0);
	assert_true(tiny_error(&model, 7, 0) == 0.0);
	assert_true(tiny_error(&model, 0, AE_SCALED_MAX) ==
				(double) (AeReal) AE_SCALED_MAX * (double) (AeReal) AE_SCALED_MAX / 2);
	tiny_model(&model, columns, says_one_and_even, AE_KIND_BOOLEAN);
	assert_true(fabs(tiny_error(&model, 3, 1) - (4 + log(2)) / 2) < 1e-6);
	assert_true(fabs(tiny_error(&model, 1, 0) - log(2) / 2) < 1e-6);
	assert_true(fabs(tiny_error(&model, 1, 3) - (log(2) + 4) / 2) < 1e-6);
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
	AeColumn columns[2];
	AeModel model;

	(void) state;
	for (int kind = 0; kind < AE_KIND_COUNT; kind++)
	{
		tiny_model(&model, columns, grows, (AeKind) kind);
		assert_true(tiny_error(&model, 1e10, 1e10) == INFINITY);
		tiny_model(&model, columns, cancels, (AeKind) kind);
		assert_true(tiny_error(&model, 1e15, 1e15) == INFINITY ||
					tiny_error(&model, 1e15, 1e15) > 1e20);
		assert_true(tiny_error(&model, 1e15, -1e15) == INFINITY);
	}
}

static void
test_sizes(void **state)
{
	const AeReal params[7] = {0};
	AeColumn columns[2];
	AeError error = {0};
	AeModel model;
	size_t size;

	(void) state;
	tiny_model(&model, columns, params, AE_KIND_NUMBER);
	assert_int_equal(ae_scorer_size(&size, &model, SIZE_MAX / 4, &error), AE_ERR_LIMIT);
	assert_int_equal(ae_scorer_size(&size, &model, SIZE_MAX, &error), AE_ERR_LIMIT);
	assert_int_equal(error.status, AE_ERR_LIMIT);
	assert_int_equal(ae_scorer_size(&size, &model, 1, &error), AE_OK);
	assert_true(size < 4096);
}

/* ---- committed scores ---- */

#ifndef AE_DOUBLE

#define MAX_LINE 8192

static AeModel *
load_golden(const char *name, void **block)
{
	char path[256];
	FILE *file;
	uint8_t *bytes = malloc(1 << 20);
	AeModel *model = malloc(sizeof *model);
	AeError error = {0};
	size_t length = 0, size;
	unsigned byte;

	snprintf(path, sizeof path, GOLDEN_DIR "%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	while (length < 1 << 20 && fscanf(file, "%2x", &byte) == 1)
		bytes[length++] = (uint8_t) byte;
	fclose(file);
	assert_int_equal(ae_model_check(&size, bytes, length, &error), AE_OK);
	*block = malloc(size);
	assert_int_equal(ae_model_read(model, *block, size, bytes, length, &error), AE_OK);
	free(bytes);
	return model;
}

/* The numbers of a line. */
static size_t
parse(double *values, size_t max, const char *text)
{
	size_t n = 0;

	for (;;)
	{
		char *end;
		double value = strtod(text, &end);

		if (end == text)
			return n;
		assert_true(n < max);
		values[n++] = value;
		text = end;
	}
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
	void *scorer_block;
	int bad;
	const AeReal *code;
	AeReal *output;
	double error;
	size_t n_rows;
} Golden;

static void
close_golden(Golden *g)
{
	free(g->model);
	free(g->model_block);
	free(g->scorer_block);
	g->model = NULL;
	g->model_block = g->scorer_block = NULL;
}

static void
golden_line(Golden *g, const char *word, const char *rest, const AeKernels *kernels)
{
	double v[SAMPLE_WIDTH + 1];
	size_t n = strcmp(word, "model") == 0 ? 0 : parse(v, SAMPLE_WIDTH + 1, rest);

	if (strcmp(word, "model") == 0)
	{
		close_golden(g);
		g->model = load_golden(rest, &g->model_block);
		make_scorer(&g->scorer, &g->scorer_block, g->model, 1, kernels);
	}
	else if (strcmp(word, "row") == 0)
	{
		assert_int_equal(n, g->model->schema.n_columns);
		g->bad = ae_scaler_apply(g->scorer.inputs, &g->model->schema, v);
		g->code = ae_scorer_encode(&g->scorer, 1);
		g->n_rows++;
	}
	else if (strcmp(word, "bad") == 0)
		assert_int_equal(g->bad, (int) v[0]);
	else if (strcmp(word, "code") == 0)
	{
		assert_int_equal(n, g->model->net.width[g->model->net.n_encoder]);
		assert_bits(g->code, v, n);
		g->output = ae_scorer_decode(&g->scorer, g->code, 1);
		ae_scorer_errors(&g->error, &g->scorer, g->output, 1);
		ae_scorer_finish(&g->scorer, g->output, 1);
	}
	else if (strcmp(word, "output") == 0)
	{
		assert_int_equal(n, g->model->schema.n_inputs);
		assert_bits(g->output, v, n);
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
	assert_int_equal(g.n_rows, 36);
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
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_decode_of_given_codes),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_sizes),
#ifndef AE_DOUBLE
		cmocka_unit_test(test_golden_scores),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
