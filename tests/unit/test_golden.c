/* Proves: forward, loss, gradients and three optimiser steps equal an independent reference's. */
#include "unit_data.h"

#include "ae_normal.h"
#include "ae_part.h"

#include "../golden/training.h"

#define ROWS 6

static const double tolerance = sizeof(AeReal) == 8 ? 1e-12 : 3e-6;

static const AeBlock blocks[] = {{.first = 0, .count = 3, .loss = AE_LOSS_MSE},
								 {.first = 3, .count = 2, .loss = AE_LOSS_BCE}};
static const AeNet net = {
	.n_layers = 4,
	.n_encoder = 2,
	.width = {5, 4, 3, 4, 5},
	.activation = {AE_GELU, AE_TANH, AE_SILU, AE_IDENTITY},
	.layout = {.n_dense = 5, .n_columns = 5, .n_blocks = 2, .blocks = blocks}};

static void
make_start(AeReal *params)
{
	for (size_t i = 0; i < ae_net_n_params(&net); i++)
		params[i] = (AeReal) (0.6 * sin(1.0 + 0.7 * (double) i));
}

static void
make_data(AeReal *x)
{
	for (size_t i = 0; i < ROWS * 5; i++)
	{
		double value = cos(0.3 + 1.1 * (double) i);

		x[i] = (AeReal) (i % 5 < 3 ? value : value > 0);
	}
}

static void
check(const AeReal *got, const double *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double) got[i] - wanted[i]) <= tolerance))
			fail_msg("element %zu is %.17g, reference %.17g", i, (double) got[i], wanted[i]);
}

static void
pass_matches(void **state)
{
	AeReal params[128], grads[128], x[ROWS * 5], scratch[8];
	AeArena arena = {0};
	AePass pass;
	char *memory;
	double loss;

	(void) state;
	make_start(params);
	make_data(x);
	unit_place(&pass, &arena, &net, ROWS, true);
	memory = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(memory)};
	unit_place(&pass, &arena, &net, ROWS, true);
	unit_forward(&pass, params, x, NULL, ROWS, true);
	check(pass.h[4], golden_output, ROWS * 5);
	loss = ae_loss_rows(pass.d[0], pass.h[4], &(AeCells){x, ROWS, false}, 1.0 / ROWS,
						&(AeMeasure){&net.layout, ae_kernels_best(), scratch}) /
		   ROWS;
	assert_true(fabs(loss - golden_loss) <= tolerance);
	ae_net_backward(grads, &pass, params, false);
	assert_int_equal(sizeof(golden_gradient) / sizeof(double), ae_net_n_params(&net));
	check(grads, golden_gradient, ae_net_n_params(&net));
	free(memory);
}

static void
check_steps(const AeTrainOptions *options, const double *wanted)
{
	AeReal params[128], x[ROWS * 5];
	AeRows rows = {.n_rows = ROWS, .width = 5, .data = x};
	AeTrainer *trainer;
	void *memory;

	make_start(params);
	make_data(x);
	trainer = unit_train(&memory, &net, options, &rows, params);
	assert_int_equal(ae_trainer_progress(trainer)->update, 3);
	check(ae_trainer_params(trainer), wanted, ae_net_n_params(&net));
	free(memory);
}

static void
steps_match(void **state)
{
	AeTrainOptions options = {.optimizer = AE_OPTIMIZER_SGD,
							  .learning_rate = 0.1,
							  .momentum = 0.9,
							  .beta1 = 0.9,
							  .beta2 = 0.99,
							  .epsilon = 1e-8,
							  .updates = 3,
							  .batch_size = ROWS};

	(void) state;
	check_steps(&options, golden_sgd);
	options.optimizer = AE_OPTIMIZER_ADAM;
	options.learning_rate = 0.01;
	options.weight_decay = 0.02;
	check_steps(&options, golden_adam);
	options.optimizer = AE_OPTIMIZER_ADAMW;
	options.weight_decay = 0.5;
	check_steps(&options, golden_adamw);
}

/* ---- batch normalisation ---- */

/* Outputs of params, whose gammas count where normal; with `grads` their gradient too. */
static void
normal_pass(AeReal *outputs, AeReal *grads, const AeReal *params, const AeReal *x, bool normal)
{
	AeArena arena = {0};
	AeReal scratch[8];
	const AePartSetup setup = {.net = &net, .slice_rows = ROWS};
	AePass pass;
	char *memory;

	for (int placing = 0; placing < 2; placing++)
	{
		memory = placing ? malloc(arena.used + AE_ALIGN) : NULL;
		arena = (AeArena){.base = placing ? ae_arena_align(memory) : NULL};
		unit_place(&pass, &arena, &net, ROWS, true);
		if (normal)
			ae_normal_part.place(&arena, &pass, &setup, NULL, ae_net_n_params(&net));
	}
	unit_forward(&pass, params, x, NULL, ROWS, true);
	memcpy(outputs, pass.h[4], ROWS * 5 * sizeof(AeReal));
	if (grads)
	{
		ae_loss_rows(pass.d[0], pass.h[4], &(AeCells){x, ROWS, false}, 1.0 / ROWS,
					 &(AeMeasure){&net.layout, ae_kernels_best(), scratch});
		ae_net_backward(grads, &pass, params, false);
	}
	free(memory);
}

/* Outputs and gradients in training; then the outputs of what three steps are folded into. */
static void
normal_matches(void **state)
{
	AeReal params[128], grads[128], x[ROWS * 5], outputs[ROWS * 5];
	AeTrainOptions options = {.learning_rate = 0.1,
							  .momentum = 0.9,
							  .beta1 = 0.9,
							  .beta2 = 0.99,
							  .epsilon = 1e-8,
							  .weight_decay = 0.02,
							  .batch_norm = true,
							  .updates = 3,
							  .batch_size = ROWS};
	AeRows rows = {.n_rows = ROWS, .width = 5, .data = x};
	size_t n = ae_net_n_params(&net);

	(void) state;
	make_start(params);
	make_data(x);
	assert_int_equal(ae_normal_n_gammas(&net), 8);
	for (int i = 0; i < 8; i++)
		params[n + (size_t) i] = (AeReal) (1 + 0.3 * sin(2.0 * i));
	normal_pass(outputs, grads, params, x, true);
	check(outputs, golden_norm_output, ROWS * 5);
	assert_int_equal(sizeof(golden_norm_gradient) / sizeof(double), n + 8);
	check(grads, golden_norm_gradient, n + 8);
	for (int i = 0; i < 2; i++)
	{
		AeTrainer *trainer;
		void *memory;

		if (i == 1)
		{
			options.optimizer = AE_OPTIMIZER_ADAMW;
			options.learning_rate = 0.01;
			options.weight_decay = 0.5;
		}
		trainer = unit_train(&memory, &net, &options, &rows, params);
		normal_pass(outputs, NULL, ae_trainer_params(trainer), x, false);
		check(outputs, i ? golden_norm_adamw : golden_norm_sgd, ROWS * 5);
		free(memory);
	}
}

/* ---- rows of every kind, some of whose cells are missing ---- */

#define MIXED_ROWS 8
#define MIXED_CELLS 8
#define MIXED_OUTPUTS 11

static const uint32_t mixed_indicators[] = {1, 3};

/* blocks: room for 5 */
static AeNet
mixed_net(AeBlock *mixed, AeLoss category_loss)
{
	mixed[0] = (AeBlock){.count = 2, .loss = AE_LOSS_MSE};
	mixed[1] = (AeBlock){.first = 2, .count = 3, .loss = AE_LOSS_MSE, .grouped = true};
	mixed[2] = (AeBlock){.first = 5, .count = 1, .loss = AE_LOSS_BCE};
	mixed[3] = (AeBlock){6, 3, category_loss, true, 1.25, 9};
	mixed[4] = (AeBlock){9, 2, category_loss, true, 0.75, 9};
	return (AeNet){.n_layers = 3,
				   .n_encoder = 2,
				   .width = {13, 4, 3, MIXED_OUTPUTS},
				   .activation = {AE_GELU, AE_TANH, AE_IDENTITY},
				   .layout = {.n_dense = 6,
							  .n_indicators = 2,
							  .n_categories = 2,
							  .n_levels = 5,
							  .n_columns = 6,
							  .n_blocks = 5,
							  .blocks = mixed,
							  .indicators = mixed_indicators}};
}

static void
mixed_cells(AeReal *cells)
{
	for (int i = 0; i < MIXED_ROWS; i++)
		for (int j = 0; j < MIXED_CELLS; j++)
		{
			double value = cos(0.4 + 0.9 * (i * MIXED_CELLS + j));

			if (j == 5)
				value = value > 0;
			if (j > 5)
				value = (2 * i + i / 3 + j - 6) % (j == 6 ? 3 : 2);
			if ((3 * i + 5 * j + i * j) % 7 == 0 || i == 6)
				value = NAN;
			cells[i * MIXED_CELLS + j] = (AeReal) value;
		}
}

static void
check_mixed_pass(AeLoss category_loss, const double *output, const double *losses,
				 const double *gradient)
{
	AeBlock mixed[5];
	AeNet of = mixed_net(mixed, category_loss);
	AeReal cells[MIXED_ROWS * MIXED_CELLS], dense[MIXED_ROWS * 6], filled[MIXED_ROWS * 8];
	AeReal params[256], grads[256], loss[MIXED_ROWS], scratch[8];
	int32_t levels[MIXED_ROWS * 2];
	AeArena arena = {0};
	const AeReal *x;
	AePass pass;
	char *memory;

	for (size_t i = 0; i < ae_net_n_params(&of); i++)
		params[i] = (AeReal) (0.6 * sin(1.0 + 0.7 * (double) i));
	mixed_cells(cells);
	unit_place(&pass, &arena, &of, MIXED_ROWS, true);
	memory = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(memory)};
	unit_place(&pass, &arena, &of, MIXED_ROWS, true);
	unit_inputs(&x, &(AeInputs){.levels = levels, .dense = dense, .filled = filled},
				&(AeCells){cells, MIXED_ROWS, true}, &of.layout, &(AeNoise){0, {0, 0}});
	unit_forward(&pass, params, x, levels, MIXED_ROWS, true);
	check(pass.h[3], output, MIXED_ROWS * MIXED_OUTPUTS);
	for (int i = 0; i < MIXED_ROWS; i++)
		loss[i] = (AeReal) ae_loss_row(NULL, pass.h[3] + i * MIXED_OUTPUTS, cells + i * MIXED_CELLS,
									   0, &(AeMeasure){&of.layout, ae_kernels_best(), scratch});
	check(loss, losses, MIXED_ROWS);
	assert_true(losses[6] == 0 && losses[0] > 0.1);
	ae_loss_rows(pass.d[0], pass.h[3], &(AeCells){cells, MIXED_ROWS, true}, 1.0 / MIXED_ROWS,
				 &(AeMeasure){&of.layout, ae_kernels_best(), scratch});
	ae_net_backward(grads, &pass, params, false);
	check(grads, gradient, ae_net_n_params(&of));
	free(memory);
}

static void
check_mixed_steps(AeLoss category_loss, const double *wanted)
{
	AeTrainOptions options = {.optimizer = AE_OPTIMIZER_ADAM,
							  .learning_rate = 0.01,
							  .beta1 = 0.9,
							  .beta2 = 0.99,
							  .epsilon = 1e-8,
							  .updates = 3,
							  .batch_size = MIXED_ROWS};
	AeReal params[256], cells[MIXED_ROWS * MIXED_CELLS];
	AeRows rows = {.n_rows = MIXED_ROWS, .width = MIXED_CELLS, .nullable = true, .data = cells};
	AeBlock mixed[5];
	AeNet of = mixed_net(mixed, category_loss);
	AeTrainer *trainer;
	void *memory;

	for (size_t i = 0; i < ae_net_n_params(&of); i++)
		params[i] = (AeReal) (0.6 * sin(1.0 + 0.7 * (double) i));
	mixed_cells(cells);
	trainer = unit_train(&memory, &of, &options, &rows, params);
	check(ae_trainer_params(trainer), wanted, ae_net_n_params(&of));
	free(memory);
}

static void
softmax_matches(void **state)
{
	AeBlock mixed[5];
	AeNet of = mixed_net(mixed, AE_LOSS_SOFTMAX);

	(void) state;
	assert_int_equal(ae_net_check(&of, NULL), AE_OK);
	assert_int_equal(sizeof(golden_softmax_gradient) / sizeof(double), ae_net_n_params(&of));
	check_mixed_pass(AE_LOSS_SOFTMAX, golden_softmax_output, golden_softmax_losses,
					 golden_softmax_gradient);
	check_mixed_steps(AE_LOSS_SOFTMAX, golden_softmax_adam);
}

static void
onehot_matches(void **state)
{
	(void) state;
	check_mixed_pass(AE_LOSS_ONEHOT, golden_onehot_output, golden_onehot_losses,
					 golden_onehot_gradient);
	check_mixed_steps(AE_LOSS_ONEHOT, golden_onehot_adam);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pass_matches),   cmocka_unit_test(steps_match),
		cmocka_unit_test(normal_matches), cmocka_unit_test(softmax_matches),
		cmocka_unit_test(onehot_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
