/*
 * Proves: thresholds come out as said, by hand and in training; a code does not depend on its
 * batch; dead units come back; noise makes bits.
 */
#include "unit_data.h"

#include "ae_auxiliary.h"
#include "ae_part.h"
#include "ae_score.h"
#include "sample_model.h"
#include "sample_score.h"

#define ROWS 600
#define INPUTS 6

static AeBlock whole = {.count = INPUTS, .loss = AE_LOSS_MSE};

static AeNet
make_net(uint32_t n_code, AeActivation act, bool gated)
{
	AeLayout layout = {.n_dense = INPUTS, .n_columns = INPUTS, .n_blocks = 1, .blocks = &whole};

	return (AeNet){.n_layers = 2,
				   .n_encoder = 1,
				   .gated = gated,
				   .width = {INPUTS, n_code, INPUTS},
				   .activation = {act, AE_IDENTITY},
				   .layout = layout};
}

static AeTrainOptions
make_options(AeOptimizer optimizer)
{
	return (AeTrainOptions){.optimizer = optimizer,
							.learning_rate = optimizer == AE_OPTIMIZER_SGD ? 0.02 : 0.005,
							.final_rate = 0.01,
							.momentum = 0.9,
							.beta1 = 0.9,
							.beta2 = 0.99,
							.epsilon = 1e-8,
							.updates = 600,
							.batch_size = 100,
							.seed = 1};
}

/* Rows that are sums of a few of many directions, the sparse codes' own. */
static AeReal *
make_rows(void)
{
	AeReal *x = calloc(ROWS * INPUTS, sizeof(AeReal));
	Sample draw = {.seed = 9};

	for (size_t i = 0; i < ROWS; i++)
		for (int k = 0; k < 2; k++)
		{
			uint32_t direction = sample_below(&draw, 12);
			double size = sample_real(&draw, 0.5, 2);

			for (int j = 0; j < INPUTS; j++)
				x[i * INPUTS + j] +=
					(AeReal) (size * sin(1 + direction * 2.7 + j * (1 + direction % 5)));
		}
	return x;
}

/* Codes of rows as scoring has them, n_rows x n_code; to be freed. */
static AeReal *
encode(const AeNet *net, const AeReal *params, const AeReal *x, size_t n_rows)
{
	AeArena arena = {0};
	size_t n = n_rows * net->width[net->n_encoder];
	AeReal *codes = malloc(n * sizeof(AeReal));
	AePass pass;
	char *block;

	unit_place(&pass, &arena, net, n_rows, false);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	unit_place(&pass, &arena, net, n_rows, false);
	unit_forward(&pass, params, x, NULL, n_rows, false);
	memcpy(codes, pass.h[net->n_encoder], n * sizeof(AeReal));
	free(block);
	return codes;
}

static double
mean_on(const AeNet *net, const AeReal *params, const AeReal *x, size_t n_rows)
{
	AeReal *codes = encode(net, params, x, n_rows);
	size_t n = 0;

	for (size_t i = 0; i < n_rows * net->width[net->n_encoder]; i++)
		n += codes[i] != 0;
	free(codes);
	return (double) n / (double) n_rows;
}

static void
thresholds_are_compared(void **state)
{
	const AeReal thresholds[] = {0.5, -1, 0};
	AeReal h[] = {0.5, -0.5, (AeReal) NAN, 0.75, -1, (AeReal) -0.0}, mask[6];

	(void) state;
	ae_gate_apply(h, mask, thresholds, 2, 3);
	assert_true(h[0] == 0 && h[1] == (AeReal) -0.5 && isnan(h[2]));
	assert_true(h[3] == 0.75 && h[4] == 0 && h[5] == 0);
	for (int i = 0; i < 6; i++)
		assert_true(mask[i] == (i == 1 || i == 2 || i == 3));
}

/* Units are dead after AE_DEAD_UPDATES updates without a row that they are on for, not before. */
static void
idle_units_are_counted(void **state)
{
	uint32_t idle[2] = {0};
	uint8_t was_on[2] = {0};
	AeUnitCounts counts = {idle, was_on};
	const AeReal on[] = {0, 0, 0, -1}, off[] = {0, 0, 0, 0};

	(void) state;
	for (uint32_t update = 1; update <= AE_DEAD_UPDATES + 3; update++)
	{
		ae_units_see(&counts, update == 2 ? on : off, 2, 2);
		ae_units_see(&counts, off, 2, 2); /* another slice of the minibatch */
		ae_units_end_update(&counts, 2);
		assert_int_equal(ae_units_n_dead(&counts, 2),
						 (update >= AE_DEAD_UPDATES) + (update >= AE_DEAD_UPDATES + 2));
	}
	ae_units_see(&counts, on, 2, 2);
	ae_units_end_update(&counts, 2);
	assert_int_equal(ae_units_n_dead(&counts, 2), 1);
}

/* The smallest activations kept are averaged over all updates, then over the last ones. */
static void
averages_by_hand(void **state)
{
	AeGateAverage average = {0};
	AeReal thresholds[2] = {5, 5};
	double wanted = 0;

	(void) state;
	ae_gate_follow(thresholds, &average, 2); /* nothing was on */
	assert_true(thresholds[1] == 5);
	for (int i = 1; i <= 3 * AE_GATE_WINDOW; i++)
	{
		double share = 1.0 / (i < AE_GATE_WINDOW ? i : AE_GATE_WINDOW);

		average.least_sum = 2.0 * i; /* of two slices */
		average.n_least = 2;
		wanted += share * (i - wanted);
		ae_gate_follow(thresholds, &average, 2);
		assert_true(fabs((double) thresholds[0] / wanted - 1) < 1e-5 &&
					thresholds[1] == thresholds[0]);
		if (i == AE_GATE_WINDOW)
			assert_true(fabs(wanted - (i + 1) / 2.0) < 1e-9);
	}
	average.n_least = 1;
	ae_gate_follow(thresholds, &average, 2);
	wanted *= 1 - 1.0 / AE_GATE_WINDOW;
	assert_true(fabs((double) thresholds[0] / wanted - 1) < 1e-5);
}

/*
 * One update of all rows: the threshold is what 3 x rows activations of the first weights exceed,
 * be they drawn or come from pretraining.
 */
static void
batch_top_k_finds_its_threshold(void **state)
{
	AeReal *x = make_rows();
	AeRows rows = {.n_rows = ROWS, .width = INPUTS, .data = x};
	AeNet net = make_net(16, AE_IDENTITY, true), open = make_net(16, AE_IDENTITY, false);

	(void) state;
	for (int i = 0; i < 6; i++)
	{
		AeTrainOptions options = make_options((AeOptimizer) (i % 3));
		AeReal start[500], *codes;
		size_t n_above = 0;
		const AeReal *theta;
		void *memory;

		options.batch_top_k = 3;
		options.batch_size = ROWS;
		options.updates = 1;
		options.weight_decay = 0.5; /* thresholds are no weights */
		options.clip_norm = 0.1;
		assert_true(ae_net_n_params(&net) <= 500);
		ae_net_init(start, &net, options.seed, NULL);
		options.pretrain = i < 3 ? AE_PRETRAIN_NONE : AE_PRETRAIN_PLAIN;
		theta =
			ae_trainer_params(unit_train(&memory, &net, &options, &rows, i < 3 ? NULL : start)) +
			ae_net_threshold_offset(&net);
		codes = encode(&open, start, x, ROWS);
		for (size_t at = 0; at < ROWS * 16; at++)
			n_above += codes[at] > theta[0];
		/* slices of the one minibatch each keep their own: two of 512 and 88 rows are one of 600 */
		assert_true(n_above >= 3 * ROWS - 30 && n_above <= 3 * ROWS + 30);
		for (int j = 0; j < 16; j++)
			assert_true(theta[j] == theta[0] && theta[j] > 0);
		free(codes);
		free(memory);
	}
	free(x);
}

/* As many units are on when rows are encoded as training kept; the loss of validation is that. */
static void
batch_top_k_trains(void **state)
{
	AeReal *x = make_rows();
	AeRows rows = {.n_rows = ROWS, .width = INPUTS, .data = x};
	AeNet net = make_net(16, AE_RELU, true);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	double loss = 0, scratch_loss;
	AeReal scratch[8], *codes;
	const AeReal *params;
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.batch_top_k = 2;
	options.validation = 0.2;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	params = ae_trainer_params(trainer);
	assert_true(fabs(mean_on(&net, params, x, ROWS) - 2) < 0.2);
	codes = encode(&net, params, x, ROWS / 5);
	for (size_t i = 0; i < ROWS / 5; i++)
	{
		const AeReal *v = params + ae_net_offset(&net, 1);
		AeReal r[INPUTS];

		for (int o = 0; o < INPUTS; o++)
		{
			double sum = (double) v[16 * INPUTS + o];

			for (int j = 0; j < 16; j++)
				sum += (double) codes[i * 16 + j] * (double) v[j * INPUTS + o];
			r[o] = (AeReal) sum;
		}
		scratch_loss = ae_loss_row(NULL, r, x + i * INPUTS, 0,
								   &(AeMeasure){&net.layout, ae_kernels_best(), scratch});
		loss += scratch_loss / (ROWS / 5);
	}
	assert_true(fabs(loss / ae_trainer_progress(trainer)->validation_loss - 1) < 1e-4);
	assert_true(loss < 0.3); /* 1 or so by predicting the mean */
	free(codes);
	free(memory);
	free(x);
}

/* The heavier the count of units that are on, the fewer are; thresholds are learned, and >= 0. */
static void
jumprelu_trains(void **state)
{
	static const double weights[] = {0, 0.003, 0.03, 0.3};
	AeReal *x = make_rows();
	AeRows rows = {.n_rows = ROWS, .width = INPUTS, .data = x};
	AeNet net = make_net(16, AE_RELU, true);

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		double before = 17;

		for (int w = 0; w < 4; w++)
		{
			AeTrainOptions options = make_options((AeOptimizer) i);
			const AeReal *params, *theta;
			double on, moved = 0;
			void *memory;

			options.sparse = AE_PENALTY_JUMPRELU;
			options.sparse_weight = weights[w];
			options.weight_decay = 1e-4; /* of weights alone, but thresholds move */
			params = ae_trainer_params(unit_train(&memory, &net, &options, &rows, NULL));
			theta = params + ae_net_threshold_offset(&net);
			on = mean_on(&net, params, x, ROWS);
			for (int j = 0; j < 16; j++)
			{
				assert_true(theta[j] >= 0);
				moved = fmax(moved, fabs((double) theta[j] - AE_FIRST_THRESHOLD));
			}
			assert_true(moved > 0.01);
			if (!(on < before && on > 0))
				fail_msg("optimizer %d, weight %g: %g units on, %g before", i, weights[w], on,
						 before);
			before = on;
			free(memory);
		}
		assert_true(before < 3);
	}
	free(x);
}

/* What cannot be, whoever asks: each with the name of what is wrong. */
static void
gates_that_cannot_be_are_refused(void **state)
{
	const char *const names[] = {"gate of the code",
								 "gate of the code",
								 "batch_top_k",
								 "batch_top_k",
								 "batch_top_k",
								 "sparse_layers under jumprelu",
								 "optimizer of a gate",
								 "optimizer of a gate",
								 "code_noise under lbfgs",
								 "aux_weight without a gate",
								 "layers of the decoder under aux_weight",
								 "output activation under aux_weight"};
	AeRows rows = {.n_rows = ROWS, .width = INPUTS};

	(void) state;
	for (int i = 0; i < (int) (sizeof names / sizeof names[0]); i++)
	{
		AeNet net = make_net(16, AE_SIGMOID, true);
		AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
		AeError error;
		size_t bytes;

		options.batch_top_k = 4;
		options.sparse_target = 0.1;
		assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
		net.gated = i != 1 && i != 8 && i != 9;
		options.batch_top_k = i == 0 || i == 5 || i == 6 || i >= 8 ? 0 : i == 2 ? 17 : 4;
		options.sparse = i == 3 || i == 5 || i == 6 || i > 9 ? AE_PENALTY_JUMPRELU
						 : i == 4                            ? AE_PENALTY_KL
															 : AE_PENALTY_NONE;
		options.sparse_hidden = i == 5;
		options.optimizer = i >= 6 && i <= 8 ? AE_OPTIMIZER_LBFGS : AE_OPTIMIZER_ADAM;
		options.code_noise = i == 8;
		options.aux_weight = i >= 9;
		if (i == 10)
		{
			net.n_layers = 3;
			net.width[2] = 5;
			net.width[3] = INPUTS;
		}
		net.activation[net.n_layers - 1] = i == 11 ? AE_TANH : AE_IDENTITY;
		assert_int_not_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
							 AE_OK);
		assert_string_equal(error.what, names[i]);
	}
}

/* Units of a code that are 0 for every row. */
static size_t
count_dead(const AeNet *net, const AeReal *params, const UnitTable *table)
{
	size_t n_code = net->width[1], n_dead = 0;
	AeReal *codes = encode(net, params, table->x, table->n_rows);

	for (size_t j = 0; j < n_code; j++)
	{
		size_t n_on = 0;

		for (size_t i = 0; i < table->n_rows; i++)
			n_on += codes[i * n_code + j] != 0;
		n_dead += n_on == 0;
	}
	free(codes);
	return n_dead;
}

/* On digits, with few units of many: the auxiliary loss brings most of the dead ones back. */
static void
dead_units_come_back(void **state)
{
	UnitTable table = unit_load("ad_optdigits");
	AeBlock block = {.count = (uint32_t) table.n_cols, .loss = AE_LOSS_MSE};
	AeRows rows = {.n_rows = table.n_rows, .width = table.n_cols, .data = table.x};
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeNet net = make_net(256, AE_IDENTITY, false);
	size_t n_dead[2];

	(void) state;
	net.width[0] = net.width[2] = (uint32_t) table.n_cols;
	net.layout.n_dense = net.layout.n_columns = (uint32_t) table.n_cols;
	net.layout.blocks = &block;
	net.top_k = 4;
	options.updates = 500;
	for (int i = 0; i < 2; i++)
	{
		void *memory;

		options.aux_weight = i;
		n_dead[i] = count_dead(
			&net, ae_trainer_params(unit_train(&memory, &net, &options, &rows, NULL)), &table);
		free(memory);
	}
	if (!(n_dead[0] >= 20 && 3 * n_dead[1] < n_dead[0]))
		fail_msg("%zu dead units without the auxiliary loss, %zu with it", n_dead[0], n_dead[1]);
	free(table.x);
}

/*
 * Noise of the asked size, another at each visit, none of that of the inputs, none in validation.
 */
static void
code_noise_is_drawn(void **state)
{
	enum
	{
		N = 200 * 16
	};
	AeNet net = make_net(16, AE_IDENTITY, false);
	AeReal params[500], *clean, zero[N] = {0}, inputs[N], first[N];
	AeReal *x = make_rows();
	AeArena arena = {0};
	AePass pass;
	const AeTrainOptions options = {.code_noise = 2};
	const AePartSetup setup = {.net = &net, .options = &options};
	void *noise = NULL;
	char *block = NULL;
	double mean = 0, square = 0, product = 0;

	(void) state;
	ae_net_init(params, &net, 1, NULL);
	clean = encode(&net, params, x, 200);
	for (int placing = 0; placing < 2; placing++)
	{
		block = placing ? malloc(arena.used + AE_ALIGN) : NULL;
		arena = (AeArena){.base = placing ? ae_arena_align(block) : NULL};
		unit_place(&pass, &arena, &net, 200, true);
		noise = ae_code_noise_part.place(&arena, &pass, &setup, NULL, 0);
	}
	for (uint64_t visit = 3; visit < 5; visit++)
	{
		ae_code_noise_part.enter(noise, &pass, &(AeEntering){.visit = {1, visit}});
		unit_forward(&pass, params, x, NULL, 200, true);
		if (visit == 3)
			memcpy(first, pass.h[1], sizeof first);
	}
	ae_kernels_best()->add_noise(inputs, zero, N, 1, 1, 3);
	for (int i = 0; i < N; i++)
	{
		double noise = (double) first[i] - (double) clean[i];

		assert_true(first[i] != pass.h[1][i]);
		mean += noise / N;
		square += noise * noise / N;
		product += noise * (double) inputs[i] / N;
	}
	assert_true(fabs(mean) < 0.2 && fabs(sqrt(square) - 2) < 0.1 && fabs(product) < 0.2);
	unit_forward(&pass, params, x, NULL, 200, false);
	assert_memory_equal(pass.h[1], clean, N * sizeof(AeReal));
	free(block);
	free(clean);
	free(x);
}

/* Share of the codes' numbers within a tenth of 0 or 1. */
static double
saturation(const AeNet *net, const AeReal *params, const AeReal *x)
{
	AeReal *codes = encode(net, params, x, ROWS);
	size_t n = 0;

	for (size_t i = 0; i < ROWS * 4; i++)
		n += codes[i] < 0.1 || codes[i] > 0.9;
	free(codes);
	return (double) n / (ROWS * 4);
}

static void
code_noise_makes_bits(void **state)
{
	AeReal *x = make_rows();
	AeRows rows = {.n_rows = ROWS, .width = INPUTS, .data = x};
	AeNet net = make_net(4, AE_SIGMOID, false);
	double share[2];

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
		void *memory;

		options.code_noise = 4 * i;
		options.updates = 2000;
		share[i] = saturation(
			&net, ae_trainer_params(unit_train(&memory, &net, &options, &rows, NULL)), x);
		free(memory);
	}
	if (!(share[0] < 0.5 && share[1] > 0.85))
		fail_msg("%g of the numbers are bits without noise, %g with it", share[0], share[1]);
	free(x);
}

/* ---- models ---- */

/* A sample whose code has thresholds around the middle of what its units give. */
static Sample *
sample_gated(uint64_t seed)
{
	Sample *s = sample_random(seed);
	size_t n = ae_net_n_params(&s->model.net), n_code = s->model.net.width[s->model.net.n_encoder];

	s->model.net.top_k = 0;
	s->model.net.gated = 1;
	s->params = realloc(s->params, (n + n_code) * sizeof(AeReal));
	for (size_t j = 0; j < n_code; j++)
		s->params[n + j] = (AeReal) (float) sample_real(s, -0.2, 0.3);
	s->model.params = s->params;
	assert_int_equal(ae_net_n_params(&s->model.net), n + n_code);
	assert_int_equal(ae_net_threshold_offset(&s->model.net), n);
	return s;
}

/* Thresholds are in the bytes, behind the weights, and what is there must be finite. */
static void
thresholds_survive_the_bytes(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		Sample *s = sample_gated(seed);
		size_t n = ae_net_n_params(&s->model.net), length, size, at;
		AeError error = {0};
		uint8_t *bytes = sample_write(&s->model, &length, &error);
		AeModel model;
		float last = (float) s->params[n - 1];
		void *block;

		assert_non_null(bytes);
		assert_int_equal(ae_model_check(&size, bytes, length, &error, NULL), AE_OK);
		block = malloc(size);
		assert_int_equal(ae_model_read(&model, block, size, bytes, length, &error, NULL), AE_OK);
		assert_int_equal(model.net.gated, 1);
		assert_memory_equal(model.params, s->params, n * sizeof(AeReal));
		/* what stands where the last threshold does, made NaN and made infinite */
		for (at = length - sizeof last; memcmp(bytes + at, &last, sizeof last) != 0; at--)
			;
		for (int i = 0; i < 2; i++)
		{
			sample_put(bytes, at, i == 0 ? 0x7fc00000u : 0xff800000u, 4);
			sample_seal(bytes, length);
			assert_int_not_equal(ae_model_check(&size, bytes, length, &error, NULL), AE_OK);
		}
		s->params[n - 1] = (AeReal) NAN;
		assert_null(sample_write(&s->model, &length, &error));
		free(bytes);
		free(block);
		sample_free(s);
	}
}

/* Scoring keeps what is above the threshold, whatever else is in the batch, on any CPU. */
static void
codes_do_not_depend_on_batches(void **state)
{
	static const char *const tables[] = {"generic", "avx2", "avx512"};

	(void) state;
	for (uint64_t seed = 1; seed <= 40; seed++)
	{
		Sample *s = sample_gated(seed);
		AeNet open = s->model.net;
		size_t n_code = open.width[open.n_encoder], n_cells = ae_layout_cells(&open.layout);
		const AeReal *theta = s->params + ae_net_threshold_offset(&s->model.net);
		AeReal *plain = malloc(5 * n_code * sizeof(AeReal)), *cells;
		AeScorer scorer;
		SampleScorer *block;

		cells = calloc(5 * n_cells, sizeof(AeReal));
		for (size_t i = 0; i < 5 * n_cells; i++)
			cells[i] =
				i % n_cells < open.layout.n_dense ? (AeReal) sin(1 + (double) (i * seed)) : 0;
		s->model.net.gated = 0;
		block = sample_scorer(&scorer, &s->model, 5, ae_kernels_best());
		memcpy(scorer.cells, cells, 5 * n_cells * sizeof(AeReal));
		memcpy(plain, ae_scorer_encode(&scorer, 5), 5 * n_code * sizeof(AeReal));
		for (size_t i = 0; i < 5 * n_code; i++)
			plain[i] = plain[i] <= theta[i % n_code] ? 0 : plain[i];
		s->model.net.gated = 1;
		for (int k = 0; k < 3; k++)
		{
			if (!ae_kernels_find(tables[k]))
				continue;
			sample_scorer_free(block);
			block = sample_scorer(&scorer, &s->model, 5, ae_kernels_find(tables[k]));
			memcpy(scorer.cells, cells, 5 * n_cells * sizeof(AeReal));
			assert_memory_equal(ae_scorer_encode(&scorer, 5), plain, 5 * n_code * sizeof(AeReal));
			for (size_t i = 0; i < 5; i++)
			{
				memcpy(scorer.cells, cells + i * n_cells, n_cells * sizeof(AeReal));
				assert_memory_equal(ae_scorer_encode(&scorer, 1), plain + i * n_code,
									n_code * sizeof(AeReal));
			}
		}
		free(plain);
		free(cells);
		sample_scorer_free(block);
		sample_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds_are_compared),
		cmocka_unit_test(idle_units_are_counted),
		cmocka_unit_test(averages_by_hand),
		cmocka_unit_test(batch_top_k_finds_its_threshold),
		cmocka_unit_test(batch_top_k_trains),
		cmocka_unit_test(jumprelu_trains),
		cmocka_unit_test(gates_that_cannot_be_are_refused),
		cmocka_unit_test(dead_units_come_back),
		cmocka_unit_test(code_noise_is_drawn),
		cmocka_unit_test(code_noise_makes_bits),
		cmocka_unit_test(thresholds_survive_the_bytes),
		cmocka_unit_test(codes_do_not_depend_on_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
