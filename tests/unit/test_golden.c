/* Proves: forward, loss, gradients and three optimiser steps equal an independent reference's. */
#include "unit_data.h"

#include "../golden/training.h"

#define ROWS 6

static const double tolerance = sizeof(AeReal) == 8 ? 1e-12 : 3e-6;

static const AeBlock blocks[] = {{0, 3, AE_LOSS_MSE}, {3, 2, AE_LOSS_BCE}};
static const AeNet net = {.n_layers = 4,
						  .n_encoder = 2,
						  .width = {5, 4, 3, 4, 5},
						  .activation = {AE_GELU, AE_TANH, AE_SILU, AE_IDENTITY},
						  .n_blocks = 2,
						  .blocks = blocks};

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
	AeReal params[128], grads[128], x[ROWS * 5];
	AeArena arena = {0};
	AePass pass;
	char *memory;
	double loss;

	(void) state;
	make_start(params);
	make_data(x);
	ae_net_place(&pass, &arena, &net, ROWS, true);
	memory = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(memory)};
	ae_net_place(&pass, &arena, &net, ROWS, true);
	ae_net_forward(&pass, &net, params, x, ROWS, true, ae_kernels_best(), &unit_blas);
	check(pass.h[4], golden_output, ROWS * 5);
	loss = ae_net_loss(pass.d[0], &pass, &net, x, ROWS, 1.0 / ROWS, ae_kernels_best()) / ROWS;
	assert_true(fabs(loss - golden_loss) <= tolerance);
	ae_net_backward(grads, &pass, &net, params, x, ROWS, false, ae_kernels_best(), &unit_blas);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pass_matches),
		cmocka_unit_test(steps_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
