/* Proves: every analytic gradient agrees with central differences to 1e-6 relative. */
/* build: double */
#include "unit_data.h"

#include "ae_optim.h"
#include "ae_rng.h"

#define ROWS 7

static uint64_t visits;

static void
fill(AeReal *x, size_t n, double low, double high, uint64_t seed)
{
	AeRng rng;

	ae_rng_init(&rng, seed, AE_STREAM_SHUFFLE, (uint32_t) visits++);
	for (size_t i = 0; i < n; i++)
		x[i] = low + (high - low) * ae_rng_uniform(&rng);
}

/* The objective as the trainer forms it: mean over rows. */
static double
objective(AePass *pass, const AeNet *net, const AeReal *params, const AeReal *x,
		  const AeReal *target)
{
	ae_net_forward(pass, net, params, x, ROWS, false, ae_kernels_best(), &unit_blas);
	return ae_net_loss(NULL, pass, net, target, ROWS, 0, ae_kernels_best()) / ROWS;
}

/* Largest difference relative to the largest gradient; fails where the gradient is nearly zero. */
static double
relative_error(const AeNet *net)
{
	size_t n = ae_net_n_params(net), width = net->width[0];
	AeArena arena = {0};
	AePass pass;
	AeReal *params = malloc(n * sizeof(AeReal)), *grads = malloc(n * sizeof(AeReal));
	AeReal *x = malloc(ROWS * width * sizeof(AeReal));
	AeReal *target = malloc(ROWS * width * sizeof(AeReal));
	double worst = 0, largest = 0;
	size_t nonzero = 0;
	char *block;

	ae_net_place(&pass, &arena, net, ROWS, true);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	ae_net_place(&pass, &arena, net, ROWS, true);
	ae_net_init(params, net, 42);
	for (size_t i = 0; i < n; i++)
		params[i] += 0.1 * sin(1 + (double) i);
	fill(x, ROWS * width, -1.5, 1.5, 1);
	fill(target, ROWS * width, 0.05, 0.95, 2);

	ae_net_forward(&pass, net, params, x, ROWS, true, ae_kernels_best(), &unit_blas);
	ae_net_loss(pass.d[0], &pass, net, target, ROWS, 1.0 / ROWS, ae_kernels_best());
	ae_net_backward(grads, &pass, net, params, x, ROWS, false, ae_kernels_best(), &unit_blas);
	for (size_t i = 0; i < n; i++)
		largest = fmax(largest, fabs(grads[i]));
	for (size_t i = 0; i < n; i++)
	{
		const double h = 1e-5;
		double keep = params[i], numeric;

		params[i] = keep + h;
		numeric = objective(&pass, net, params, x, target);
		params[i] = keep - h;
		numeric = (numeric - objective(&pass, net, params, x, target)) / (2 * h);
		params[i] = keep;
		worst = fmax(worst, fabs(numeric - grads[i]) / largest);
		nonzero += fabs(numeric) > 1e-6 * largest;
	}
	/* guard: a gradient of zeros agrees with anything */
	assert_true(largest > 1e-4);
	assert_true(nonzero > n / 3);
	free(params);
	free(grads);
	free(x);
	free(target);
	free(block);
	return worst;
}

static AeNet
make_net(int depth, AeActivation act, const AeBlock *blocks, uint32_t n_blocks)
{
	static const uint32_t widths[] = {6, 5, 4, 3};
	AeNet net = {.n_layers = 2 * (uint32_t) depth, .n_encoder = (uint32_t) depth};

	for (uint32_t l = 0; l <= net.n_layers; l++)
		net.width[l] = widths[l <= net.n_encoder ? l : net.n_layers - l];
	for (uint32_t l = 0; l < net.n_layers; l++)
		net.activation[l] = act;
	net.blocks = blocks;
	net.n_blocks = n_blocks;
	assert_int_equal(ae_net_check(&net, NULL), AE_OK);
	return net;
}

static void
check_all(const AeBlock *blocks, uint32_t n_blocks)
{
	for (int depth = 1; depth <= 3; depth++)
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		{
			AeNet net = make_net(depth, (AeActivation) act, blocks, n_blocks);
			double error = relative_error(&net);

			if (error > 1e-6)
				fail_msg("%s, depth %d: relative error %g", ae_activation_info[act].name, depth,
						 error);
		}
}

static void
mse_agrees(void **state)
{
	const AeBlock blocks[] = {{0, 6, AE_LOSS_MSE}};

	(void) state;
	check_all(blocks, 1);
}

static void
bce_agrees(void **state)
{
	const AeBlock blocks[] = {{0, 6, AE_LOSS_BCE}};

	(void) state;
	check_all(blocks, 1);
}

static void
mixed_blocks_agree(void **state)
{
	const AeBlock blocks[] = {{0, 4, AE_LOSS_MSE}, {4, 2, AE_LOSS_BCE}};

	(void) state;
	check_all(blocks, 2);
}

/* Slices that accumulate must give the gradient of the whole minibatch. */
static void
slices_add_up(void **state)
{
	const AeBlock blocks[] = {{0, 4, AE_LOSS_MSE}, {4, 2, AE_LOSS_BCE}};
	AeNet net = make_net(2, AE_GELU, blocks, 2);
	size_t n = ae_net_n_params(&net);
	AeReal *params = malloc(n * sizeof(AeReal)), *whole = malloc(n * sizeof(AeReal));
	AeReal *parts = malloc(n * sizeof(AeReal)), x[ROWS * 6];
	AeArena arena = {0};
	AePass pass;
	char *block;
	double loss = 0;

	(void) state;
	ae_net_place(&pass, &arena, &net, ROWS, true);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	ae_net_place(&pass, &arena, &net, ROWS, true);
	ae_net_init(params, &net, 3);
	fill(x, ROWS * 6, 0, 1, 5);
	ae_net_forward(&pass, &net, params, x, ROWS, true, ae_kernels_best(), &unit_blas);
	loss -= ae_net_loss(pass.d[0], &pass, &net, x, ROWS, 1.0 / ROWS, ae_kernels_best());
	ae_net_backward(whole, &pass, &net, params, x, ROWS, false, ae_kernels_best(), &unit_blas);
	for (size_t at = 0, take = 3; at < ROWS; at += take, take = ROWS - at)
	{
		ae_net_forward(&pass, &net, params, x + at * 6, take, true, ae_kernels_best(), &unit_blas);
		loss +=
			ae_net_loss(pass.d[0], &pass, &net, x + at * 6, take, 1.0 / ROWS, ae_kernels_best());
		ae_net_backward(parts, &pass, &net, params, x + at * 6, take, at > 0, ae_kernels_best(),
						&unit_blas);
	}
	assert_true(fabs(loss) < 1e-12);
	for (size_t i = 0; i < n; i++)
		assert_true(fabs(whole[i] - parts[i]) < 1e-12);
	free(params);
	free(whole);
	free(parts);
	free(block);
}

static void
weight_decay_agrees(void **state)
{
	const AeBlock blocks[] = {{0, 6, AE_LOSS_MSE}};
	AeNet net = make_net(2, AE_TANH, blocks, 1);
	size_t n = ae_net_n_params(&net), b0 = 6 * 5;
	AeReal *params = malloc(n * sizeof(AeReal)), *grads = calloc(n, sizeof(AeReal));
	AeReal *scratch = malloc(n * sizeof(AeReal));
	const double h = 1e-5, lambda = 0.3;

	(void) state;
	for (size_t i = 0; i < n; i++)
		params[i] = sin(1 + (double) i);
	ae_optim_decay(grads, params, &net, lambda, ae_kernels_best());
	for (size_t i = 0; i < n; i++)
	{
		double keep = params[i], numeric;

		params[i] = keep + h;
		numeric = ae_optim_decay(scratch, params, &net, lambda, ae_kernels_best());
		params[i] = keep - h;
		numeric -= ae_optim_decay(scratch, params, &net, lambda, ae_kernels_best());
		params[i] = keep;
		assert_true(fabs(numeric / (2 * h) - grads[i]) < 1e-7);
	}
	assert_true(fabs(grads[0]) > 0.01);
	assert_true(grads[b0] == 0); /* biases do not decay */
	free(params);
	free(grads);
	free(scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mse_agrees),          cmocka_unit_test(bce_agrees),
		cmocka_unit_test(mixed_blocks_agree),  cmocka_unit_test(slices_add_up),
		cmocka_unit_test(weight_decay_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
