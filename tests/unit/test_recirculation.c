/*
 * Proves: the rule of recirculation comes out by hand, adds to what is there, and points the way of the
 * gradient where the decoder is the encoder, transposed.
 */
#include "unit_data.h"

#include "ae_part.h"
#include "sample_model.h"

#define ROWS 30
#define INPUTS 6

static char block[1 << 16];

/* grads += those of rows, which may have gaps, by the rule or by back-propagation. */
static void
gradient(AeReal *grads, const AeNet *net, const AeReal *params, const AeReal *cells, size_t n,
		 AeAlgorithm algorithm)
{
	AeArena arena = {.base = ae_arena_align(block)};
	AePass pass;
	AePartUse use[AE_N_PARTS];
	AeTrainOptions options = {.algorithm = algorithm};
	AePartSetup setup = {
		.net = net, .options = &options, .slice_rows = n, .kernels = ae_kernels_best()};
	AeReal scratch[64], x[ROWS * INPUTS];
	AeMeasure measure = {&net->layout, ae_kernels_best(), scratch};
	AeCells rows = {cells, n, true};
	AeSlice slice = {.params = params,
					 .options = &options,
					 .cells = &rows,
					 .measure = &measure,
					 .grads = grads,
					 .accumulate = true,
					 .share = 1.0 / (double) n};

	assert_true(ae_loss_scratch(&net->layout) <= 64);
	unit_place(&pass, &arena, net, n, true);
	ae_parts_choose(use, net, &options);
	use[AE_PART_entering].used = false;
	ae_parts_place(use, &arena, &pass, &setup);
	assert_true(arena.used < sizeof block - AE_ALIGN);
	for (size_t i = 0; i < n * net->width[0]; i++)
		x[i] = cells[i] == cells[i] ? cells[i] : 0;
	unit_forward(&pass, params, x, NULL, n, true);
	slice.pass = &pass;
	ae_loss_rows(pass.d[0], pass.h[2], &rows, slice.share, &measure);
	if (algorithm == AE_ALGORITHM_RECIRCULATION)
		assert_true(ae_recirculation_part.loss(use[AE_PART_recirculation].state, &slice) == 0);
	ae_net_backward(grads, &pass, params, true);
	if (algorithm == AE_ALGORITHM_RECIRCULATION)
		ae_recirculation_part.after(use[AE_PART_recirculation].state, &slice);
}

static AeNet
make_net(const AeBlock *mse, uint32_t n_code, AeActivation act)
{
	return (AeNet){
		.n_layers = 2,
		.n_encoder = 1,
		.width = {mse->count, n_code, mse->count},
		.activation = {act, AE_IDENTITY},
		.layout = {.n_dense = mse->count, .n_columns = mse->count, .n_blocks = 1, .blocks = mse}};
}

/*
 * x = 2, h_1 = x / 2 = 1, r = h / 2 = 0.5: v_2 = 2 - 0.25 * 1.5 = 1.625, f(v_2) = 0.8125.  The decoder's is
 * h_1 2 (r - x) = -3, the encoder's v_2 2 (f(v_2) - h_1) / 0.25 = -2.4375, where the gradient is -3.
 */
static void
comes_out_by_hand(void **state)
{
	static const AeBlock mse = {.count = 1, .loss = AE_LOSS_MSE};
	static const AeReal params[4] = {0.5, 0, 0.5, 0}, cells[1] = {2};
	AeNet net = make_net(&mse, 1, AE_IDENTITY);
	AeReal grads[4] = {1, 0, 0, 0};

	(void) state;
	gradient(grads, &net, params, cells, 1, AE_ALGORITHM_RECIRCULATION);
	assert_true(fabs((double) grads[0] - (1 - 2.4375)) < 1e-5);
	assert_true(fabs((double) grads[1] + 1.5) < 1e-5);
	assert_true(fabs((double) grads[2] + 3) < 1e-5 && fabs((double) grads[3] + 3) < 1e-5);
}

static void
points_the_way_of_the_gradient(void **state)
{
	static const AeBlock mse = {.count = INPUTS, .loss = AE_LOSS_MSE};
	static const AeActivation acts[] = {AE_IDENTITY, AE_SIGMOID, AE_TANH};
	Sample draw = {.seed = 5};
	AeReal cells[ROWS * INPUTS];

	(void) state;
	for (int t = 0; t < 30; t++)
	{
		AeNet net = make_net(&mse, 3, acts[t % 3]);
		AeReal params[64], rule[64] = {0}, slope[64] = {0};
		size_t n = ae_net_n_params(&net);
		double product = 0, a = 0, b = 0;

		for (size_t i = 0; i < ROWS * INPUTS; i++)
			cells[i] = t % 2 && i % 5 == 1 ? (AeReal) NAN : (AeReal) sample_real(&draw, -2, 2);
		assert_true(n <= 64);
		ae_net_init(params, &net, (uint64_t) t, NULL);
		ae_recirculation_part.begin(NULL, params, &net, NULL, AE_START_DRAWN);
		gradient(rule, &net, params, cells, ROWS, AE_ALGORITHM_RECIRCULATION);
		gradient(slope, &net, params, cells, ROWS, AE_ALGORITHM_BACKPROPAGATION);
		for (size_t i = 0; i < n; i++)
		{
			product += (double) rule[i] * (double) slope[i];
			a += (double) rule[i] * (double) rule[i];
			b += (double) slope[i] * (double) slope[i];
		}
		if (!(product / sqrt(a * b) > 0.7))
			fail_msg("%d: cosine %g", t, product / sqrt(a * b));
		for (size_t i = ae_net_offset(&net, 1); i < n; i++) /* the decoder's are the gradient */
			assert_true(fabs((double) rule[i] - (double) slope[i]) < 1e-5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_out_by_hand),
		cmocka_unit_test(points_the_way_of_the_gradient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
