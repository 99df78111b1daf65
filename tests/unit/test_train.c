/* Proves: training minimises what it says, row order and all; linear autoencoders find the PCA
 * subspace. */
#include "unit_data.h"

#include "ae_lbfgs.h"
#include "ae_optim.h"

static AeBlock
whole_mse(uint32_t n)
{
	return (AeBlock){0, n, AE_LOSS_MSE};
}

/* n_in - code - n_in, or with one hidden layer on each side. */
static AeNet
make_net(uint32_t n_in, uint32_t hidden, uint32_t code, AeActivation act, const AeBlock *block)
{
	AeNet net = {.n_layers = hidden ? 4 : 2, .n_encoder = hidden ? 2 : 1, .n_blocks = 1};

	net.blocks = block;
	net.width[0] = net.width[net.n_layers] = n_in;
	net.width[net.n_encoder] = code;
	if (hidden)
		net.width[1] = net.width[3] = hidden;
	for (uint32_t l = 0; l + 1 < net.n_layers; l++)
		net.activation[l] = act;
	return net;
}

static AeTrainOptions
make_options(AeOptimizer optimizer)
{
	return (AeTrainOptions){.optimizer = optimizer,
							.schedule = AE_SCHEDULE_CONSTANT,
							.learning_rate = 0.003,
							.final_rate = 0.01,
							.momentum = 0.9,
							.beta1 = 0.9,
							.beta2 = 0.999,
							.epsilon = 1e-8,
							.epochs = 5,
							.batch_size = 128,
							.seed = 1};
}

/* 600 rows of 4 related columns. */
static AeReal *
make_rows(size_t n, size_t width)
{
	AeReal *x = malloc(n * width * sizeof(AeReal));

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < width; j++)
			x[i * width + j] =
				(AeReal) (sin(0.37 * (double) i * (1 + (double) (j % 3))) + 0.1 * (double) j);
	return x;
}

/* ---- optimisers ---- */

static void
lbfgs_solves_rosenbrock(void **state)
{
	AeArena arena = {0};
	AeLbfgs lbfgs;
	AeReal x[2] = {-1.2f, 1}, g[2];
	AeLbfgsAnswer answer = AE_LBFGS_TRY;
	char *block;

	(void) state;
	ae_lbfgs_place(&lbfgs, &arena, 2, ae_kernels_best());
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	ae_lbfgs_place(&lbfgs, &arena, 2, ae_kernels_best());
	ae_lbfgs_reset(&lbfgs);
	for (int i = 0; i < 200 && answer != AE_LBFGS_CONVERGED; i++)
	{
		double a = 1 - (double) x[0], b = (double) x[1] - (double) x[0] * (double) x[0];

		g[0] = (AeReal) (-2 * a - 400 * (double) x[0] * b);
		g[1] = (AeReal) (200 * b);
		answer = ae_lbfgs_tell(&lbfgs, x, g, a * a + 100 * b * b);
		assert_int_not_equal(answer, AE_LBFGS_FAILED);
	}
	assert_true(fabs((double) lbfgs.start[0] - 1) < 2e-3);
	assert_true(fabs((double) lbfgs.start[1] - 1) < 4e-3);
	free(block);
}

/* 1-1-1, linear: r = (x w + b) v + c, one row x = 2, w = 0.5, v = 3, b = c = 0: r = 3, loss 1. */
static void
sgd_by_hand(void **state)
{
	AeBlock block = whole_mse(1);
	AeNet net = make_net(1, 0, 1, AE_IDENTITY, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
	const AeReal init[4] = {0.5f, 0, 3, 0}; /* w, b, v, c */
	const AeReal x[1] = {2};
	AeRows rows = {.n_rows = 1, .width = 1, .data = x};
	const AeReal *p;
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.learning_rate = 0.01;
	options.epochs = 2;
	trainer = unit_train(&memory, &net, &options, &rows, init);
	p = ae_trainer_params(trainer);
	/*
	 * step 1: d = 2 (3 - 2) = 2; gradients dw = d v x = 12, db = 6, dv = d h = 2, dc = 2
	 *   w = 0.38, b = -0.06, v = 2.98, c = -0.02
	 * step 2: h = 0.7, r = 2.066, d = 0.132; dw = 0.78672, db = 0.39336, dv = 0.0924, dc = 0.132
	 *   velocity = 0.9 * old + new: 11.58672, 5.79336, 1.8924, 1.932
	 */
	assert_true(fabs((double) p[0] - (0.38 - 0.1158672)) < 1e-6);
	assert_true(fabs((double) p[1] - (-0.06 - 0.0579336)) < 1e-6);
	assert_true(fabs((double) p[2] - (2.98 - 0.018924)) < 1e-6);
	assert_true(fabs((double) p[3] - (-0.02 - 0.01932)) < 1e-6);
	assert_true(fabs(ae_trainer_progress(trainer)->train_loss - 0.066 * 0.066) < 1e-6);
	free(memory);
}

static void
schedule_by_hand(void **state)
{
	AeTrainOptions o = make_options(AE_OPTIMIZER_ADAM);

	(void) state;
	o.learning_rate = 2;
	o.warmup = 0.1;
	assert_true(fabs(ae_optim_rate(&o, 0, 100) - 0.2) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 9, 100) - 2) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 60, 100) - 2) < 1e-12);
	o.schedule = AE_SCHEDULE_COSINE;
	o.final_rate = 0.5;
	assert_true(fabs(ae_optim_rate(&o, 10, 100) - 2) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 55, 100) - 1.5) < 1e-9);
	assert_true(fabs(ae_optim_rate(&o, 100, 100) - 1) < 1e-9);
}

static void
clipping_bounds_the_step(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 0, 2, AE_TANH, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
	AeReal *x = make_rows(50, 4), start[64];
	AeRows rows = {.n_rows = 50, .width = 4, .data = x};
	double moved = 0;
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.epochs = 0;
	options.updates = 1;
	options.learning_rate = 1;
	options.clip_norm = 0.01;
	ae_net_init(start, &net, options.seed);
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	for (size_t i = 0; i < ae_net_n_params(&net); i++)
		moved += pow((double) ae_trainer_params(trainer)[i] - (double) start[i], 2);
	assert_true(fabs(sqrt(moved) - 0.01) < 1e-5);
	free(memory);
	free(x);
}

/* Every optimiser, schedule and penalty must reach a lower loss than it began with, and differ. */
static void
options_have_effects(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 8, 2, AE_TANH, &block);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};
	AeTrainOptions variants[12];
	double sums[12];

	(void) state;
	for (int i = 0; i < 12; i++)
		variants[i] = make_options(AE_OPTIMIZER_ADAM);
	variants[1].optimizer = AE_OPTIMIZER_SGD;
	variants[2].optimizer = AE_OPTIMIZER_LBFGS;
	variants[3].optimizer = AE_OPTIMIZER_ADAMW;
	variants[3].weight_decay = 0.1;
	variants[4].weight_decay = 0.1;
	variants[5].schedule = AE_SCHEDULE_COSINE;
	variants[6].warmup = 0.5;
	variants[7].noise = 0.3;
	variants[8].seed = 2;
	variants[9].batch_size = 64;
	variants[10].beta1 = 0.5;
	variants[11].beta2 = 0.9;
	for (int i = 0; i < 12; i++)
	{
		void *memory;
		AeTrainer *trainer = unit_train(&memory, &net, &variants[i], &rows, NULL);
		const AeProgress *progress = ae_trainer_progress(trainer);

		assert_int_equal(progress->state, AE_TRAIN_FINISHED);
		assert_int_equal(progress->epoch, 5);
		assert_true((double) progress->history[4].train_loss <
					(double) progress->history[0].train_loss);
		sums[i] = 0;
		for (size_t j = 0; j < ae_net_n_params(&net); j++)
			sums[i] += (double) ae_trainer_params(trainer)[j] * (double) (j + 1);
		for (int k = 0; k < i; k++)
			assert_true(sums[i] != sums[k]);
		free(memory);
	}
	free(x);
}

/* ---- order of rows ---- */

typedef struct Source
{
	const AeReal *data;
	size_t width;
	unsigned char *seen;
} Source;

static void
read_rows(void *context, AeReal *out, size_t first, size_t count)
{
	Source *source = context;

	memcpy(out, source->data + first * source->width, count * source->width * sizeof(AeReal));
	for (size_t i = 0; i < count; i++)
		source->seen[first + i]++;
}

static void
rows_from_a_file_train_the_same(void **state)
{
	enum
	{
		N = 6000,
		WIDTH = 1700
	}; /* a window holds 9 blocks of 256 rows: three windows and a rest */
	AeBlock block = whole_mse(WIDTH);
	AeNet net = make_net(WIDTH, 0, 2, AE_TANH, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeReal *x = make_rows(N, WIDTH);
	Source source = {.data = x, .width = WIDTH, .seen = calloc(N, 1)};
	AeRows memory_rows = {.n_rows = N, .width = WIDTH, .data = x};
	AeRows file_rows = {.n_rows = N, .width = WIDTH, .read = read_rows, .context = &source};
	AeTrainer *a, *b;
	void *memory_a, *memory_b;

	(void) state;
	options.epochs = 1;
	options.validation = 0.1;
	a = unit_train(&memory_a, &net, &options, &memory_rows, NULL);
	b = unit_train(&memory_b, &net, &options, &file_rows, NULL);
	assert_memory_equal(ae_trainer_params(a), ae_trainer_params(b),
						ae_net_n_params(&net) * sizeof(AeReal));
	/* one epoch and one validation: every row exactly once */
	for (size_t i = 0; i < N; i++)
		assert_int_equal(source.seen[i], 1);
	free(memory_a);
	free(memory_b);
	free(source.seen);
	free(x);
}

static void
validation_rows_are_not_trained_on(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 0, 2, AE_TANH, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};
	AeTrainer *a, *b;
	void *memory_a, *memory_b;
	double before;

	(void) state;
	options.validation = 0.2;
	a = unit_train(&memory_a, &net, &options, &rows, NULL);
	before = ae_trainer_progress(a)->validation_loss;
	assert_int_equal(ae_trainer_progress(a)->n_validation, 120);
	for (size_t i = 0; i < 120 * 4; i++)
		x[i] += 1;
	b = unit_train(&memory_b, &net, &options, &rows, NULL);
	assert_memory_equal(ae_trainer_params(a), ae_trainer_params(b),
						ae_net_n_params(&net) * sizeof(AeReal));
	assert_true(ae_trainer_progress(b)->validation_loss > before + 0.01);
	free(memory_a);
	free(memory_b);
	free(x);
}

static void
early_stopping_restores_the_best(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 64, 3, AE_TANH, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeReal *x = make_rows(40, 4);
	AeRows rows = {.n_rows = 40, .width = 4, .data = x};
	const AeProgress *progress;
	AeTrainer *trainer;
	AeArena arena = {0};
	AePass pass;
	char *block_memory;
	double loss, lowest = INFINITY;
	void *memory;

	(void) state;
	for (size_t i = 0; i < 160; i++)
		x[i] = (AeReal) sin(12.9898 * (double) (i * i)); /* nothing to learn: it overfits */
	options.learning_rate = 0.02;
	options.epochs = 5000;
	options.validation = 0.5;
	options.patience = 30;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	progress = ae_trainer_progress(trainer);
	assert_int_equal(progress->state, AE_TRAIN_EARLY);
	assert_true(progress->restored);
	assert_int_equal(progress->epoch, progress->best_epoch + 30);
	for (uint32_t i = 0; i < progress->n_history; i++)
		lowest = fmin(lowest, (double) progress->history[i].validation_loss);
	assert_true(fabs(lowest - progress->best_loss) < 1e-6);
	ae_net_place(&pass, &arena, &net, 20, false);
	block_memory = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block_memory)};
	ae_net_place(&pass, &arena, &net, 20, false);
	ae_net_forward(&pass, &net, ae_trainer_params(trainer), x, 20, false, ae_kernels_best(),
				   &unit_blas);
	loss = ae_net_loss(NULL, &pass, &net, x, 20, 0, ae_kernels_best()) / 20;
	assert_true(fabs(loss - progress->best_loss) < 1e-5);
	free(block_memory);
	free(memory);
	free(x);
}

static void
divergence_keeps_the_last_good_weights(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 8, 2, AE_RELU, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.learning_rate = 1e6;
	options.epochs = 100;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	assert_int_equal(ae_trainer_progress(trainer)->state, AE_TRAIN_DIVERGED);
	assert_null(ae_trainer_params(trainer));
	free(memory);

	/* a rise so slow that there are good epochs first */
	options.learning_rate = 200;
	options.warmup = 0.99;
	options.epochs = 1000;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	assert_int_equal(ae_trainer_progress(trainer)->state, AE_TRAIN_DIVERGED);
	assert_true(ae_trainer_progress(trainer)->epoch > 16);
	assert_non_null(ae_trainer_params(trainer));
	for (size_t i = 0; i < ae_net_n_params(&net); i++)
		assert_true(isfinite(ae_trainer_params(trainer)[i]));
	free(memory);
	free(x);
}

static void
history_thins_out(void **state)
{
	AeBlock block = whole_mse(2);
	AeNet net = make_net(2, 0, 1, AE_IDENTITY, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeReal *x = make_rows(4, 2);
	AeRows rows = {.n_rows = 4, .width = 2, .data = x};
	const AeProgress *progress;
	AeTrainer *trainer;
	void *memory;

	(void) state;
	options.epochs = 5001;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	progress = ae_trainer_progress(trainer);
	assert_true(progress->n_history <= AE_MAX_HISTORY && progress->n_history > AE_MAX_HISTORY / 2);
	assert_int_equal(progress->history[0].epoch, 8);
	assert_int_equal(progress->history[progress->n_history - 1].epoch, 5001);
	for (uint32_t i = 1; i + 1 < progress->n_history; i++)
		assert_int_equal(progress->history[i].epoch - progress->history[i - 1].epoch, 8);
	free(memory);
	free(x);
}

static void
options_out_of_range_are_refused(void **state)
{
	AeTrainOptions good = make_options(AE_OPTIMIZER_ADAM), bad[9];
	static const char *const names[] = {"learning_rate", "noise",      "validation",
										"warmup",        "beta1",      "momentum",
										"epochs",        "batch_size", "clip_norm"};
	AeError error;

	(void) state;
	assert_int_equal(ae_train_options_check(&good, &error), AE_OK);
	for (int i = 0; i < 9; i++)
		bad[i] = good;
	bad[0].learning_rate = NAN;
	bad[1].noise = -1;
	bad[2].validation = 1;
	bad[3].warmup = 1;
	bad[4].beta1 = 1;
	bad[5].momentum = -0.1;
	bad[6].updates = 3; /* and epochs */
	bad[7].batch_size = 0;
	bad[8].clip_norm = INFINITY;
	for (int i = 0; i < 9; i++)
	{
		assert_int_equal(ae_train_options_check(&bad[i], &error), AE_ERR_ARGUMENT);
		assert_string_equal(error.what, names[i]);
	}
}

/* ---- the PCA property ---- */

/* Orthonormalises k rows of length d in place (modified Gram-Schmidt, twice). */
static void
orthonormalise(double *q, size_t k, size_t d)
{
	for (size_t i = 0; i < k; i++)
	{
		double norm = 0;

		for (int again = 0; again < 2; again++)
			for (size_t j = 0; j < i; j++)
			{
				double dot = 0;

				for (size_t c = 0; c < d; c++)
					dot += q[i * d + c] * q[j * d + c];
				for (size_t c = 0; c < d; c++)
					q[i * d + c] -= dot * q[j * d + c];
			}
		for (size_t c = 0; c < d; c++)
			norm += q[i * d + c] * q[i * d + c];
		for (size_t c = 0; c < d; c++)
			q[i * d + c] /= sqrt(norm);
	}
}

/* Sine of the largest principal angle between the row spaces of a and b (k x d, orthonormal). */
static double
largest_sine(const double *a, const double *b, size_t k, size_t d)
{
	double *rest = malloc(k * d * sizeof(double)), *gram = calloc(k * k, sizeof(double));
	double *values = malloc(k * sizeof(double)), *vectors = malloc(k * k * sizeof(double)), sine;

	memcpy(rest, a, k * d * sizeof(double));
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
		{
			double dot = 0;

			for (size_t c = 0; c < d; c++)
				dot += a[i * d + c] * b[j * d + c];
			for (size_t c = 0; c < d; c++)
				rest[i * d + c] -= dot * b[j * d + c];
		}
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			for (size_t c = 0; c < d; c++)
				gram[i * k + j] += rest[i * d + c] * rest[j * d + c];
	unit_eigen(gram, values, vectors, k);
	sine = sqrt(fmax(values[0], 0));
	free(rest);
	free(gram);
	free(values);
	free(vectors);
	return sine;
}

static void
check_pca(const char *name, uint32_t k, AeOptimizer optimizer, double max_ratio, double max_angle)
{
	UnitTable table = unit_load(name);
	size_t n = table.n_rows, d = table.n_cols;
	double *cov = calloc(d * d, sizeof(double)), *values = malloc(d * sizeof(double));
	double *vectors = malloc(d * d * sizeof(double)), *ours = malloc(k * d * sizeof(double));
	double *theirs = malloc(k * d * sizeof(double)), exact = 0, ratio, angle;
	AeBlock block = whole_mse((uint32_t) d);
	AeNet net = make_net((uint32_t) d, 0, k, AE_IDENTITY, &block);
	AeTrainOptions options = make_options(optimizer);
	AeRows rows = {.n_rows = n, .width = d, .data = table.x};
	const AeReal *decoder;
	AeTrainer *trainer;
	void *memory;

	for (size_t i = 0; i < n; i++)
		for (size_t p = 0; p < d; p++)
			for (size_t q = 0; q < d; q++)
				cov[p * d + q] +=
					(double) table.x[i * d + p] * (double) table.x[i * d + q] / (double) n;
	unit_eigen(cov, values, vectors, d);
	for (size_t i = k; i < d; i++)
		exact += values[i] / (double) d;

	/* whole epochs, so that the last training loss is that of all rows */
	options.epochs = optimizer == AE_OPTIMIZER_LBFGS ? 2000 : 6000 * 128 / n;
	options.schedule = AE_SCHEDULE_COSINE;
	options.final_rate = 0;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	ratio = ae_trainer_progress(trainer)->train_loss / exact;
	decoder = ae_trainer_params(trainer) + ae_net_offset(&net, 1);
	for (size_t i = 0; i < k; i++)
		for (size_t c = 0; c < d; c++)
		{
			ours[i * d + c] = (double) decoder[i * d + c];
			theirs[i * d + c] = vectors[c * d + i];
		}
	orthonormalise(ours, k, d);
	angle = asin(fmin(1, largest_sine(ours, theirs, k, d)));
	print_message("pca %s k=%u %s %s: residual %.6f of exact, angle %.5f rad, %llu updates, %s\n",
				  name, k, ae_optimizer_name[optimizer], sizeof(AeReal) == 8 ? "double" : "float",
				  ratio, angle, (unsigned long long) ae_trainer_progress(trainer)->update,
				  ae_train_state_name[ae_trainer_progress(trainer)->state]);
	assert_true(ratio > 0.9999 && ratio < max_ratio);
	assert_true(angle < max_angle);
	free(memory);
	free(table.x);
	free(cov);
	free(values);
	free(vectors);
	free(ours);
	free(theirs);
}

static void
linear_lbfgs_is_pca(void **state)
{
	bool exact = sizeof(AeReal) == 8;

	(void) state;
	check_pca("ad_cardio", 4, AE_OPTIMIZER_LBFGS, 1.01, 0.01);
	check_pca("odds_wbc", 5, AE_OPTIMIZER_LBFGS, 1.01, 0.01);
	check_pca("ad_optdigits", 8, AE_OPTIMIZER_LBFGS, 1.01, exact ? 0.01 : 0.1);
}

static void
linear_adam_nears_pca(void **state)
{
	(void) state;
	check_pca("ad_cardio", 4, AE_OPTIMIZER_ADAM, 1.02, 1.6);
	check_pca("odds_wbc", 5, AE_OPTIMIZER_ADAM, 1.02, 1.6);
	check_pca("ad_optdigits", 8, AE_OPTIMIZER_ADAM, 1.02, 1.6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lbfgs_solves_rosenbrock),
		cmocka_unit_test(sgd_by_hand),
		cmocka_unit_test(schedule_by_hand),
		cmocka_unit_test(clipping_bounds_the_step),
		cmocka_unit_test(options_have_effects),
		cmocka_unit_test(rows_from_a_file_train_the_same),
		cmocka_unit_test(validation_rows_are_not_trained_on),
		cmocka_unit_test(early_stopping_restores_the_best),
		cmocka_unit_test(divergence_keeps_the_last_good_weights),
		cmocka_unit_test(history_thins_out),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(linear_lbfgs_is_pca),
		cmocka_unit_test(linear_adam_nears_pca),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
