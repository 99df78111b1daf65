/*
 * Proves: batch normalisation by hand, what single rows do, and that weights it was folded into
 * score as running means would, at every place where a trainer gives weights away.
 */
#include "unit_data.h"

#include "ae_norm.h"
#include "ae_normal.h"
#include "ae_optim.h"
#include "ae_rng.h"

static const double tolerance = sizeof(AeReal) == 8 ? 1e-12 : 2e-6;

static const AeBlock four = {.count = 4, .loss = AE_LOSS_MSE};

/* 4-6-2-5-4: two layers that are normalised, of 11 units. */
static AeNet
make_net(void)
{
	return (AeNet){.n_layers = 4,
				   .n_encoder = 2,
				   .width = {4, 6, 2, 5, 4},
				   .activation = {AE_TANH, AE_IDENTITY, AE_RELU, AE_IDENTITY},
				   .layout = {.n_dense = 4, .n_columns = 4, .n_blocks = 1, .blocks = &four}};
}

static AeTrainOptions
make_options(void)
{
	return (AeTrainOptions){.optimizer = AE_OPTIMIZER_ADAM,
							.learning_rate = 0.01,
							.beta1 = 0.9,
							.beta2 = 0.99,
							.epsilon = 1e-8,
							.epochs = 30,
							.batch_size = 50,
							.batch_norm = true,
							.seed = 1};
}

static AeReal *
make_rows(size_t n)
{
	AeReal *x = malloc(n * 4 * sizeof(AeReal));

	for (size_t i = 0; i < n; i++)
	{
		double a = sin(0.7 * (double) i), b = cos(1.3 * (double) i);

		x[4 * i] = (AeReal) a;
		x[4 * i + 1] = (AeReal) (3 * b + 5);
		x[4 * i + 2] = (AeReal) (a - b);
		x[4 * i + 3] = (AeReal) (a * b);
	}
	return x;
}

/* Two rows of two units: z = 1, 3 and 2, 2. */
static void
two_rows_by_hand(void **state)
{
	AeReal z[] = {1, 2, 3, 2}, unit[4], gamma[] = {5, 7}, d[] = {1, 4, 3, 6}, d_gamma[] = {10, 10};
	AeReal d_beta[] = {20, 20};
	double mean[2], variance[2], inverse[2], sums[4];
	double running_mean[] = {0, 0}, running_variance[] = {1, 1};
	AeNormMoments moments = {mean, variance, inverse};
	AeNorm norm = {
		.n_units = 2, .n_rows = 2, .gamma = gamma, .unit = unit, .moments = moments, .sums = sums};
	const double u = 1 / sqrt(1 + 1e-5);

	(void) state;
	ae_norm_forward(z, &norm);
	assert_true(mean[0] == 2 && variance[0] == 1 && mean[1] == 2 && variance[1] == 0);
	assert_true(fabs((double) z[0] + 5 * u) < tolerance && fabs((double) z[2] - 5 * u) < tolerance);
	assert_true(z[1] == 0 && z[3] == 0 && unit[1] == 0 && unit[3] == 0);
	ae_norm_backward(d, d_gamma, d_beta, true, &norm);
	assert_true(d_beta[0] == 24 && d_beta[1] == 30);
	assert_true(fabs((double) d_gamma[0] - (10 + 2 * u)) < 10 * tolerance && d_gamma[1] == 10);
	/* unit 0: D - 2 is -1, 1, and u times the mean of D u, which is u, takes it all but epsilon */
	assert_true(fabs((double) d[0] - 5 * u * (-1 + u * u)) < tolerance);
	assert_true(fabs((double) d[2] - 5 * u * (1 - u * u)) < tolerance);
	assert_true(fabs((double) d[1] + 7 / sqrt(1e-5)) < 1e-2); /* D - 5 is -1, 1 */
	assert_true(fabs((double) d[3] - 7 / sqrt(1e-5)) < 1e-2);

	/* running means: the first rows as they are, of the population; then a tenth */
	assert_true(ae_norm_track(running_mean, running_variance, &moments, 2, 2, true));
	assert_true(running_mean[0] == 2 && running_variance[0] == 2 && running_variance[1] == 0);
	mean[0] = 12;
	variance[0] = 6;
	assert_true(ae_norm_track(running_mean, running_variance, &moments, 2, 4, false));
	assert_true(fabs(running_mean[0] - 3) < 1e-12 && fabs(running_variance[0] - 2.6) < 1e-12);
}

/* No variance: nothing but beta comes out, no gradient goes back, and nothing is tracked. */
static void
one_row_says_nothing(void **state)
{
	AeReal z[] = {1, 1e6f}, unit[2], gamma[] = {5, 7}, d[] = {1, 4}, d_gamma[2], d_beta[2];
	double mean[2], variance[2], inverse[2], sums[4], running_mean[] = {3, 4};
	double running_variance[] = {5, 6};
	AeNormMoments moments = {mean, variance, inverse};
	AeNorm norm = {
		.n_units = 2, .n_rows = 1, .gamma = gamma, .unit = unit, .moments = moments, .sums = sums};

	(void) state;
	ae_norm_forward(z, &norm);
	ae_norm_backward(d, d_gamma, d_beta, false, &norm);
	for (int j = 0; j < 2; j++)
		assert_true(z[j] == 0 && d[j] == 0 && d_gamma[j] == 0);
	assert_true(d_beta[0] == 1 && d_beta[1] == 4);
	assert_false(ae_norm_track(running_mean, running_variance, &moments, 2, 1, true));
	assert_true(running_mean[0] == 3 && running_mean[1] == 4);
	assert_true(running_variance[0] == 5 && running_variance[1] == 6);
}

/* Outputs of one row, layer by layer, with batch normalisation as it is written. */
static void
by_hand(double *out, const AeNet *net, const AeReal *params, const double *mean,
		const double *variance, const AeReal *x)
{
	const AeReal *gamma = params + ae_net_n_params(net);
	double h[8], z[8];

	for (int i = 0; i < 4; i++)
		h[i] = (double) x[i];
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		const AeReal *w = params + ae_net_offset(net, l);
		uint32_t n_in = net->width[l], n = net->width[l + 1];
		bool normal = l == 0 || l == 2;

		for (uint32_t j = 0; j < n; j++)
		{
			double beta = (double) w[n_in * n + j];

			z[j] = 0;
			for (uint32_t i = 0; i < n_in; i++)
				z[j] += h[i] * (double) w[i * n + j];
			if (normal)
				z[j] = (double) gamma[j] * (z[j] - mean[j]) / sqrt(variance[j] + 1e-5);
			z[j] += beta;
		}
		for (uint32_t j = 0; j < n; j++)
			h[j] = l == 0 ? tanh(z[j]) : l == 2 ? fmax(z[j], 0) : z[j];
		gamma += normal ? n : 0;
		mean += normal ? n : 0;
		variance += normal ? n : 0;
	}
	memcpy(out, h, 4 * sizeof(double));
}

/* Loss of rows as they are scored. */
static double
loss_of(const AeNet *net, const AeReal *params, const AeReal *x, size_t n)
{
	AeArena arena = {0};
	AePass pass;
	AeReal scratch[8];
	double loss;
	char *block;

	unit_place(&pass, &arena, net, n, false);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	unit_place(&pass, &arena, net, n, false);
	unit_forward(&pass, params, x, NULL, n, false);
	loss = ae_loss_rows(NULL, pass.h[net->n_layers], &(AeCells){x, n, false}, 0,
						&(AeMeasure){&net->layout, ae_kernels_best(), scratch}) /
		   (double) n;
	free(block);
	return loss;
}

static void
folding_changes_nothing(void **state)
{
	AeNet net = make_net();
	size_t n = ae_net_n_params(&net);
	AeReal params[128], folded[128], *x = make_rows(40);
	double mean[11], variance[11], loss = 0;

	(void) state;
	assert_int_equal(ae_normal_n_gammas(&net), 11);
	ae_net_init(params, &net, 7, NULL);
	for (size_t i = 0; i < 11; i++)
	{
		params[n + i] = (AeReal) (1 + 0.5 * sin((double) i));
		mean[i] = cos((double) i);
		variance[i] = 0.3 + (double) i / 5;
	}
	memcpy(folded, params, n * sizeof(AeReal));
	ae_normal_fold(folded, &net, params + n, mean, variance);
	for (size_t i = 0; i < 40; i++)
	{
		double out[4];

		by_hand(out, &net, params, mean, variance, x + 4 * i);
		for (int j = 0; j < 4; j++)
			loss += pow(out[j] - (double) x[4 * i + (size_t) j], 2) / (4 * 40);
	}
	assert_true(fabs(loss_of(&net, folded, x, 40) - loss) < 100 * tolerance);
	assert_true(fabs(loss_of(&net, params, x, 40) - loss) > 0.01);
	free(x);
}

/* One minibatch of all rows: weights that hardly move come back divided by its deviations. */
static void
running_means_by_hand(void **state)
{
	AeNet net = make_net();
	AeTrainOptions options = make_options();
	AeReal *x = make_rows(50), start[128];
	AeRows rows = {.n_rows = 50, .width = 4, .data = x};
	const AeReal *p;
	AeTrainer *trainer;
	void *memory;

	(void) state;
	ae_net_init(start, &net, 7, NULL);
	options.learning_rate = 1e-12;
	options.epochs = 4;
	trainer = unit_train(&memory, &net, &options, &rows, start);
	p = ae_trainer_params(trainer);
	for (size_t j = 0; j < 6; j++)
	{
		double mean = 0, square = 0, sd;

		for (size_t i = 0; i < 50; i++)
		{
			double z = 0;

			for (size_t k = 0; k < 4; k++)
				z += (double) x[4 * i + k] * (double) start[6 * k + j];
			mean += z / 50;
			square += z * z;
		}
		sd = sqrt((square - 50 * mean * mean) / 49 + 1e-5);
		for (size_t k = 0; k < 4; k++)
			assert_true(fabs((double) p[6 * k + j] - (double) start[6 * k + j] / sd) <
						1e-5 * (1 + 1 / sd));
		assert_true(fabs((double) p[24 + j] + mean / sd) < 1e-5 * (1 + fabs(mean / sd)));
	}
	free(memory);
	free(x);
}

/* Slices of one row among minibatches, and minibatches of one row, leave finite weights. */
static void
single_rows_train(void **state)
{
	AeNet net = make_net();
	AeTrainOptions options = make_options();
	AeReal *x = make_rows(7);
	AeRows rows = {.n_rows = 7, .width = 4, .data = x};
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.batch_size = 1;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	assert_int_equal(ae_trainer_progress(trainer)->state, AE_TRAIN_FINISHED);
	for (size_t i = 0; i < ae_net_n_params(&net); i++)
		assert_true(isfinite(ae_trainer_params(trainer)[i]));
	free(memory);
	free(x);
}

/*
 * What comes out scores as the loss of validation said: at the end, and when the best is restored.
 */
static void
validation_is_of_the_weights_given(void **state)
{
	AeNet net = make_net();
	AeReal *x = make_rows(300);
	AeRows rows = {.n_rows = 300, .width = 4, .data = x};

	(void) state;
	for (int patience = 0; patience < 2; patience++)
	{
		AeTrainOptions options = make_options();
		const AeProgress *progress;
		AeTrainer *trainer;
		void *memory;
		double loss;

		options.validation = 0.2;
		options.epochs = 60;
		options.patience = patience ? 3 : 0;
		options.learning_rate = patience ? 0.1 : 0.01;
		trainer = unit_train(&memory, &net, &options, &rows, NULL);
		progress = ae_trainer_progress(trainer);
		loss = loss_of(&net, ae_trainer_params(trainer), x, 60);
		assert_int_equal(progress->restored, patience);
		assert_true(fabs(loss - (patience ? progress->best_loss : progress->validation_loss)) <
					1e-5);
		assert_true(!patience || progress->state == AE_TRAIN_EARLY);
		assert_true(progress->train_loss < 0.3 * (double) progress->history[0].train_loss);
		free(memory);
	}
	free(x);
}

/* Stopped at any time, a trainer gives what it would have scored with. */
static void
stopping_folds(void **state)
{
	AeNet net = make_net();
	AeTrainOptions options = make_options();
	AeReal *x = make_rows(300), running[128];
	AeRows rows = {.n_rows = 300, .width = 4, .data = x};
	size_t n = ae_net_n_params(&net), bytes;
	AeTrainer *trainer;
	void *memory;

	(void) state;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, NULL), AE_OK);
	memory = malloc(bytes);
	assert_int_equal(ae_trainer_init(&trainer, memory, bytes, &(AeTask){&net, &options, &rows},
									 NULL, unit_compute(), NULL),
					 AE_OK);
	for (int i = 0; i < 20; i++)
		assert_true(ae_trainer_step(trainer));
	memcpy(running, ae_trainer_params(trainer), n * sizeof(AeReal));
	ae_trainer_stop(trainer);
	assert_memory_equal(running, ae_trainer_params(trainer), n * sizeof(AeReal));
	free(memory);
	free(x);
}

/* The last good weights are folded, too. */
static void
divergence_keeps_folded_weights(void **state)
{
	AeNet net = make_net();
	AeTrainOptions options = make_options();
	AeReal *x = make_rows(300);
	AeRows rows = {.n_rows = 300, .width = 4, .data = x};
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.optimizer = AE_OPTIMIZER_SGD;
	options.momentum = 0.9;
	options.learning_rate = 1000;
	options.warmup = 0.99;
	options.epochs = 4000;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	assert_int_equal(ae_trainer_progress(trainer)->state, AE_TRAIN_DIVERGED);
	assert_non_null(ae_trainer_params(trainer));
	for (size_t i = 0; i < ae_net_n_params(&net); i++)
		assert_true(isfinite(ae_trainer_params(trainer)[i]));
	assert_true(isfinite(loss_of(&net, ae_trainer_params(trainer), x, 300)));
	free(memory);
	free(x);
}

/* Weights decay, gammas do not. */
static void
gammas_do_not_decay(void **state)
{
	AeNet net = make_net();
	size_t n = ae_net_n_params(&net);

	(void) state;
	for (int optimizer = AE_OPTIMIZER_SGD; optimizer <= AE_OPTIMIZER_ADAMW; optimizer++)
	{
		AeTrainOptions options = make_options();
		AeReal params[128], grads[128] = {0};
		AeOptim optim = {.net = &net, .options = &options};
		AeArena arena = {0};
		char *block;

		options.optimizer = (AeOptimizer) optimizer;
		options.weight_decay = 0.5;
		ae_optim_place(&optim, &arena, &net, n + 11, &options, unit_compute());
		block = malloc(arena.used + AE_ALIGN);
		arena = (AeArena){.base = ae_arena_align(block)};
		ae_optim_place(&optim, &arena, &net, n + 11, &options, unit_compute());
		ae_optim_reset(&optim);
		for (size_t i = 0; i < n + 11; i++)
			params[i] = 1;
		assert_true(ae_optim_update(&optim, params, grads, 0, 10));
		assert_true(params[0] < 1);
		for (size_t i = n; i < n + 11; i++)
			assert_true(params[i] == 1);
		grads[n + 10] = 1;
		assert_true(ae_optim_update(&optim, params, grads, 1, 10));
		assert_true(params[n + 10] < 1 && params[n + 9] == 1);
		free(block);
	}
}

static void
contradictions_are_refused(void **state)
{
	AeNet net = make_net();
	AeRows rows = {.n_rows = 10, .width = 4};
	size_t bytes;

	(void) state;
	net.width[3] = 6;
	for (int i = 0; i < 4; i++)
	{
		AeTrainOptions options = make_options();

		options.tied = i == 1;
		options.optimizer = i == 2 ? AE_OPTIMIZER_LBFGS : AE_OPTIMIZER_ADAM;
		options.contract_weight = i == 3;
		assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, NULL),
						 i ? AE_ERR_ARGUMENT : AE_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_rows_by_hand),
		cmocka_unit_test(one_row_says_nothing),
		cmocka_unit_test(folding_changes_nothing),
		cmocka_unit_test(running_means_by_hand),
		cmocka_unit_test(single_rows_train),
		cmocka_unit_test(validation_is_of_the_weights_given),
		cmocka_unit_test(stopping_folds),
		cmocka_unit_test(divergence_keeps_folded_weights),
		cmocka_unit_test(gammas_do_not_decay),
		cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
