/* build: double */
/*
 * Proves: the divergence of neighbours of rows and codes is that of plain loops, by hand, with
 * gaps, categories and by cosine; its gradient is that of central differences; codes that are the
 * rows cost nothing.
 */
#include "unit_data.h"

#include "ae_part.h"

#define ROWS 12
#define N_CELLS 6
#define CODE 3

/* Two numbers, one column of three parts, a category of four levels. */
static const AeBlock blocks[] = {
	{.count = 2, .loss = AE_LOSS_MSE},
	{.first = 2, .count = 3, .loss = AE_LOSS_MSE, .grouped = true},
	{.first = 5, .count = 4, .loss = AE_LOSS_ONEHOT, .grouped = true, .weight = 1.3},
};

static const AeLayout mixed = {.n_dense = 5,
							   .n_categories = 1,
							   .n_levels = 4,
							   .n_columns = 4,
							   .n_blocks = 3,
							   .blocks = blocks};

typedef struct Bench
{
	AeNet net;
	AeTrainOptions options;
	AePass pass;
	AeMeasure measure;
	AeReal cells[64 * N_CELLS];
	AeReal params[256];
	size_t n_rows;
	void *state;
	char *memory;
} Bench;

static void
open_bench(Bench *b, const AeLayout *layout, uint32_t hidden, size_t n_rows, AeMetric metric)
{
	uint32_t n_in = ae_layout_inputs(layout), n_out = ae_layout_outputs(layout);
	AeArena arena = {0};

	memset(b, 0, sizeof(*b));
	b->net = (AeNet){.n_layers = 2 + (hidden > 0),
					 .n_encoder = 1 + (hidden > 0),
					 .skip = hidden > 0,
					 .layout = *layout};
	b->net.width[0] = n_in;
	b->net.width[1] = hidden ? hidden : CODE;
	b->net.width[b->net.n_encoder] = CODE;
	b->net.width[b->net.n_layers] = n_out;
	if (hidden)
		b->net.activation[0] = AE_TANH;
	ae_train_options_init(&b->options);
	b->options.neighbours_weight = 0.7;
	b->options.neighbours_k = 3;
	b->options.neighbours_metric = metric;
	b->n_rows = n_rows;
	for (size_t i = 0; i < n_rows; i++)
	{
		for (size_t j = 0; j < N_CELLS - 1; j++)
			b->cells[i * N_CELLS + j] = sin(1.0 + (double) (i * N_CELLS + j) * 1.3) + 3;
		b->cells[i * N_CELLS + N_CELLS - 1] = (AeReal) (i * i % 4);
	}
	for (int pass = 0; pass < 2; pass++)
	{
		AePartSetup setup = {.net = &b->net,
							 .options = &b->options,
							 .n_rows = n_rows,
							 .slice_rows = n_rows,
							 .kernels = ae_kernels_best()};

		unit_place(&b->pass, &arena, &b->net, n_rows, true);
		ae_inputs_place(&b->pass.inputs, &arena, layout, n_rows, false, true);
		b->state = ae_neighbours_part.place(&arena, &b->pass, &setup, NULL, 0);
		if (pass == 1)
			break;
		b->memory = malloc(arena.used + AE_ALIGN);
		arena = (AeArena){.base = ae_arena_align(b->memory)};
	}
	assert_true(ae_net_n_params(&b->net) <= 256);
	for (size_t i = 0; i < 256; i++)
		b->params[i] = 0.5 * sin(2.0 + (double) i * 0.9);
}

/* The sum over rows. */
static double
divergence(Bench *b)
{
	AeCells cells = {b->cells, b->n_rows, true};
	AeSlice slice = {.pass = &b->pass,
					 .params = b->params,
					 .options = &b->options,
					 .cells = &cells,
					 .share = 1.0 / (double) b->n_rows,
					 .valued = true};

	ae_loss_inputs(&b->pass.inputs, &cells, &b->net.layout, NULL, ae_kernels_best());
	ae_net_forward(&b->pass, b->params, AE_PASS_TRAIN);
	return ae_neighbours_part.loss(b->state, &slice);
}

/* ---- the formula in plain loops ---- */

static double
cell_distance(const AeReal *a, const AeReal *b)
{
	double sum = 0, columns = 0;

	for (size_t j = 0; j < 5; j++)
	{
		double part = j < 2 ? 1 : 1.0 / 3;

		if (isnan(a[j]) || isnan(b[j]))
			continue;
		sum += part * (a[j] - b[j]) * (a[j] - b[j]);
		columns += part;
	}
	if (!isnan(a[5]) && !isnan(b[5]))
	{
		sum += a[5] == b[5] ? 0 : 2 * 1.3;
		columns += 1;
	}
	return sum * 4 / columns;
}

static double
code_distance(const AeReal *a, const AeReal *b, size_t n)
{
	double sum = 0;

	for (size_t j = 0; j < n; j++)
		sum += (a[j] - b[j]) * (a[j] - b[j]);
	return sum;
}

static double
plain(const double *far, const double *code, size_t n, size_t k)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		double sorted[64], p_total = 0, q_total = 0, scale;
		size_t m = 0;

		for (size_t j = 0; j < n; j++)
			if (j != i)
				sorted[m++] = far[i * n + j];
		for (size_t a = 0; a < m; a++)
			for (size_t c = a + 1; c < m; c++)
				if (sorted[c] < sorted[a])
				{
					double swap = sorted[a];

					sorted[a] = sorted[c];
					sorted[c] = swap;
				}
		scale = sorted[k - 1] / 4;
		for (size_t j = 0; j < n; j++)
			if (j != i)
			{
				p_total += exp(-far[i * n + j] / scale);
				q_total += exp(-code[i * n + j] / scale);
			}
		for (size_t j = 0; j < n; j++)
			if (j != i)
			{
				double p = exp(-far[i * n + j] / scale) / p_total;

				sum += p > 0 ? p * (log(p) + code[i * n + j] / scale + log(q_total)) : 0;
			}
	}
	return sum;
}

/* ---- tests ---- */

/*
 * Rows 0, 1, 3 and codes 0, 2, 3, with k = 2: s^2 = 9/4, 4/4, 9/4.  Row 0: p = softmax(-4/9, -4),
 * q = softmax(-16/9, -4), and so on.
 */
static void
by_hand(void **state)
{
	static const AeBlock block = {.count = 1, .loss = AE_LOSS_MSE};
	const double p0 = 1 / (1 + exp(4.0 / 9 - 4)), q0 = 1 / (1 + exp(16.0 / 9 - 4));
	const double p1 = 1 / (1 + exp(1.0 - 4)), q1 = 1 / (1 + exp(4.0 - 1));
	const double p2 = 1 / (1 + exp(16.0 / 9 - 4)), q2 = 1 / (1 + exp(4.0 / 9 - 4));
	const double expected = p0 * log(p0 / q0) + (1 - p0) * log((1 - p0) / (1 - q0)) +
							p1 * log(p1 / q1) + (1 - p1) * log((1 - p1) / (1 - q1)) +
							p2 * log(p2 / q2) + (1 - p2) * log((1 - p2) / (1 - q2));
	AeLayout layout = {.n_dense = 1, .n_columns = 1, .n_blocks = 1, .blocks = &block};
	Bench b;

	(void) state;
	open_bench(&b, &layout, 0, 3, AE_METRIC_EUCLIDEAN);
	b.options.neighbours_k = 2;
	memcpy(b.cells, (AeReal[]){0, 1, 3}, 3 * sizeof(AeReal));
	memset(b.params, 0, sizeof(b.params));
	divergence(&b);
	/* codes are put there by hand: no line makes them of the rows */
	{
		AeCells cells = {b.cells, 3, false};
		AeSlice slice = {
			.pass = &b.pass, .options = &b.options, .cells = &cells, .share = 1, .valued = true};
		AeReal *h = b.pass.h[1];

		memset(h, 0, 9 * sizeof(AeReal));
		h[3] = 2;
		h[6] = 3;
		assert_true(fabs(ae_neighbours_part.loss(b.state, &slice) - expected) < 1e-12);
		assert_true(fabs(ae_neighbours_part.validate(b.state, &slice) - expected) < 1e-12);
	}
	free(b.memory);
}

static void
agrees_with_plain_loops(void **state)
{
	(void) state;
	for (int gaps = 0; gaps < 2; gaps++)
	{
		double far[ROWS * ROWS], code[ROWS * ROWS], expected, got;
		Bench b;

		open_bench(&b, &mixed, 4, ROWS, AE_METRIC_EUCLIDEAN);
		for (size_t i = 0; gaps && i < ROWS; i += 2)
			b.cells[i * N_CELLS + i / 2 % N_CELLS] = NAN;
		got = divergence(&b);
		for (size_t i = 0; i < ROWS; i++)
			for (size_t j = 0; j < ROWS; j++)
			{
				far[i * ROWS + j] = cell_distance(b.cells + i * N_CELLS, b.cells + j * N_CELLS);
				code[i * ROWS + j] =
					code_distance(b.pass.h[2] + i * CODE, b.pass.h[2] + j * CODE, CODE);
			}
		expected = plain(far, code, ROWS, 3);
		assert_true(expected > 1);
		assert_true(fabs(got - expected) < 1e-9 * expected);
		free(b.memory);
	}
}

/* By cosine: rows and codes at length 1, whatever their lengths were. */
static void
cosine_has_no_lengths(void **state)
{
	static const AeBlock block = {.count = N_CELLS, .loss = AE_LOSS_MSE};
	AeLayout layout = {.n_dense = N_CELLS, .n_columns = N_CELLS, .n_blocks = 1, .blocks = &block};
	double far[ROWS * ROWS], code[ROWS * ROWS], got, expected;
	Bench b;

	(void) state;
	open_bench(&b, &layout, 0, ROWS, AE_METRIC_COSINE);
	got = divergence(&b);
	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < ROWS; j++)
		{
			const AeReal *x = b.cells + i * N_CELLS, *y = b.cells + j * N_CELLS;
			const AeReal *h = b.pass.h[1] + i * CODE, *g = b.pass.h[1] + j * CODE;
			double xy = 0, xx = 0, yy = 0, hg = 0, hh = 0, gg = 0;

			for (size_t c = 0; c < N_CELLS; c++)
			{
				xy += x[c] * y[c];
				xx += x[c] * x[c];
				yy += y[c] * y[c];
			}
			for (size_t c = 0; c < CODE; c++)
			{
				hg += h[c] * g[c];
				hh += h[c] * h[c];
				gg += g[c] * g[c];
			}
			far[i * ROWS + j] = 2 - 2 * xy / sqrt(xx * yy);
			code[i * ROWS + j] = 2 - 2 * hg / sqrt(hh * gg);
		}
	expected = plain(far, code, ROWS, 3);
	assert_true(expected > 0.1);
	assert_true(fabs(got - expected) < 1e-8 * expected);
	free(b.memory);
}

/* Of every parameter of the encoder, through the layers and beside them. */
static void
gradient_agrees(void **state)
{
	(void) state;
	for (int i = 0; i < 8; i++)
	{
		const double step = 1e-5;
		AeReal grads[256] = {0};
		double worst = 0, largest = 0;
		size_t n, nonzero = 0, n_encoder;
		Bench b;

		open_bench(&b, &mixed, i % 2 ? 4 : 0, ROWS,
				   i / 2 % 2 ? AE_METRIC_COSINE : AE_METRIC_EUCLIDEAN);
		for (size_t r = 0; i >= 4 && r < ROWS; r += 3)
			b.cells[r * N_CELLS + r % N_CELLS] = NAN;
		n = ae_net_n_params(&b.net);
		n_encoder = ae_net_offset(&b.net, b.net.n_encoder);
		divergence(&b);
		memset(b.pass.d[0], 0, ROWS * b.net.width[b.net.n_layers] * sizeof(AeReal));
		ae_net_backward(grads, &b.pass, b.params, false);
		for (size_t p = 0; p < n; p++)
			largest = fmax(largest, fabs(grads[p]));
		for (size_t p = 0; p < n; p++)
		{
			double keep = b.params[p], numeric = 0;

			for (int side = 1; side >= -1; side -= 2)
			{
				b.params[p] = keep + side * step;
				numeric += side * 0.7 * divergence(&b) / ROWS / (2 * step);
			}
			b.params[p] = keep;
			worst = fmax(worst, fabs(numeric - grads[p]) / largest);
			nonzero += fabs(numeric) > 1e-6 * largest;
		}
		assert_true(largest > 1e-3 && nonzero > n_encoder / 2);
		if (worst > 1e-6)
			fail_msg("case %d: relative error %g", i, worst);
		free(b.memory);
	}
}

static double
reconstruction(Bench *b)
{
	AeCells cells = {b->cells, b->n_rows, true};

	divergence(b);
	return ae_loss_rows(b->pass.d[0], b->pass.h[b->net.n_layers], &cells, 1.0 / ROWS, &b->measure) /
		   ROWS;
}

/* Beside the reconstruction: the encoder has shares of both, the decoder the whole of that one. */
static void
each_half_has_its_loss(void **state)
{
	(void) state;
	for (int i = 0; i < 2; i++)
	{
		const double step = 1e-5;
		AeReal grads[256] = {0}, scratch[64];
		double worst = 0, largest = 0;
		size_t n, n_encoder;
		Bench b;

		open_bench(&b, &mixed, i ? 4 : 0, ROWS, AE_METRIC_EUCLIDEAN);
		b.measure = (AeMeasure){&b.net.layout, ae_kernels_best(), scratch};
		n = ae_net_n_params(&b.net);
		n_encoder = ae_net_offset(&b.net, b.net.n_encoder);
		reconstruction(&b);
		ae_net_backward(grads, &b.pass, b.params, false);
		for (size_t p = 0; p < n; p++)
		{
			double keep = b.params[p], numeric = 0;

			for (int side = 1; side >= -1; side -= 2)
			{
				double whole;

				b.params[p] = keep + side * step;
				whole = reconstruction(&b);
				if (p < n_encoder)
					whole = 0.3 * whole + 0.7 * divergence(&b) / ROWS;
				numeric += side * whole / (2 * step);
			}
			b.params[p] = keep;
			worst = fmax(worst, fabs(numeric - grads[p]));
			largest = fmax(largest, fabs(numeric));
		}
		assert_true(largest > 1e-3);
		assert_true(worst < 1e-6 * largest);
		free(b.memory);
	}
}

/* A code that is the row keeps all neighbours; nothing moves it.  Nor do equal rows. */
static void
nothing_to_gain(void **state)
{
	static const AeBlock block = {.count = CODE, .loss = AE_LOSS_MSE};
	AeLayout layout = {.n_dense = CODE, .n_columns = CODE, .n_blocks = 1, .blocks = &block};
	AeReal grads[256];
	Bench b;

	(void) state;
	open_bench(&b, &layout, 0, ROWS, AE_METRIC_EUCLIDEAN);
	memset(b.params, 0, sizeof(b.params));
	b.params[0] = b.params[4] = b.params[8] = 1;
	assert_true(fabs(divergence(&b)) < 1e-10);
	memset(b.pass.d[0], 0, ROWS * CODE * sizeof(AeReal));
	ae_net_backward(grads, &b.pass, b.params, false);
	for (size_t i = 0; i < ae_net_n_params(&b.net); i++)
		assert_true(fabs(grads[i]) < 1e-10);
	b.params[8] = 0.5;
	assert_true(divergence(&b) > 1e-3);
	/* equal rows; and fewer rows than neighbours */
	for (size_t i = 0; i < ROWS * CODE; i++)
		b.cells[i] = 2;
	assert_true(divergence(&b) == 0);
	free(b.memory);
	open_bench(&b, &layout, 0, 4, AE_METRIC_EUCLIDEAN);
	b.options.neighbours_k = 3;
	assert_true(isfinite(divergence(&b)));
	free(b.memory);
}

static void
gates_are_refused(void **state)
{
	AeNet net = {.top_k = 1};
	AeTrainOptions options;
	AeError error;

	(void) state;
	ae_train_options_init(&options);
	assert_int_equal(ae_neighbours_part.check(&net, &options, &error), AE_OK);
	options.neighbours_weight = 0.5;
	assert_int_equal(ae_neighbours_part.check(&(AeNet){0}, &options, &error), AE_ERR_ARGUMENT);
	options.neighbours_k = 8;
	options.optimizer = AE_OPTIMIZER_LBFGS;
	assert_int_equal(ae_neighbours_part.check(&(AeNet){0}, &options, &error), AE_ERR_ARGUMENT);
	options.optimizer = AE_OPTIMIZER_ADAM;
	assert_int_equal(ae_neighbours_part.check(&(AeNet){0}, &options, &error), AE_OK);
	assert_int_equal(ae_neighbours_part.check(&net, &options, &error), AE_ERR_ARGUMENT);
	net = (AeNet){.gated = 1};
	assert_int_equal(ae_neighbours_part.check(&net, &options, &error), AE_ERR_ARGUMENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(agrees_with_plain_loops),
		cmocka_unit_test(cosine_has_no_lengths),
		cmocka_unit_test(gradient_agrees),
		cmocka_unit_test(each_half_has_its_loss),
		cmocka_unit_test(nothing_to_gain),
		cmocka_unit_test(gates_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
