/*
 * Proves: training minimises what it says, row order and all; linear autoencoders find the PCA
 * subspace.
 */
#include "unit_data.h"

#include "ae_contract.h"
#include "ae_hash.h"
#include "ae_lbfgs.h"
#include "ae_optim.h"
#include "reference.h"
#include "ae_target.h"

static AeBlock
whole_mse(uint32_t n)
{
	return (AeBlock){.count = n, .loss = AE_LOSS_MSE};
}

/* A code layer between inputs and outputs, or with one hidden layer on each side. */
static AeNet
make_net_of(const AeLayout *layout, uint32_t hidden, uint32_t code, AeActivation act)
{
	AeNet net = {.n_layers = hidden ? 4 : 2, .n_encoder = hidden ? 2 : 1, .layout = *layout};

	net.width[0] = ae_layout_inputs(layout);
	net.width[net.n_layers] = ae_layout_outputs(layout);
	net.width[net.n_encoder] = code;
	if (hidden)
		net.width[1] = net.width[3] = hidden;
	for (uint32_t l = 0; l + 1 < net.n_layers; l++)
		net.activation[l] = act;
	return net;
}

/* The same of n_in numbers. */
static AeNet
make_net(uint32_t n_in, uint32_t hidden, uint32_t code, AeActivation act, const AeBlock *block)
{
	AeLayout layout = {.n_dense = n_in, .n_columns = n_in, .n_blocks = 1, .blocks = block};

	return make_net_of(&layout, hidden, code, act);
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
	o.schedule = AE_SCHEDULE_STEP; /* of the 90 updates after the warm-up */
	assert_true(fabs(ae_optim_rate(&o, 4, 100) - 1) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 54, 100) - 2) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 55, 100) - 0.2) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 77, 100) - 0.2) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 78, 100) - 0.02) < 1e-12);
	assert_true(fabs(ae_optim_rate(&o, 99, 100) - 0.02) < 1e-12);
}

/* With a seed, a layer's weights have the variance that its activation asks for. */
static void
weights_begin_with_their_variance(void **state)
{
	AeBlock block = whole_mse(100);
	AeReal *params;

	(void) state;
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
	{
		AeNet net = make_net(100, 0, 150, (AeActivation) act, &block);
		double wanted = reference_variance((AeActivation) act, 100, 150), square = 0;

		params = malloc(ae_net_n_params(&net) * sizeof(AeReal));
		net.activation[0] = (AeActivation) act;
		ae_net_init(params, &net, 5, NULL);
		for (size_t i = 0; i < 100 * 150; i++)
			square += (double) params[i] * (double) params[i];
		assert_true(fabs(square / (100 * 150) / wanted - 1) < 0.03);
		free(params);
	}
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
	ae_net_init(start, &net, options.seed, NULL);
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
	enum
	{
		N = 22
	};
	AeTrainOptions variants[N];
	double sums[N];

	(void) state;
	for (int i = 0; i < N; i++)
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
	variants[12].masking = 0.2;
	variants[13].schedule = AE_SCHEDULE_STEP;
	variants[14].dropout = 0.2;
	variants[15].tied = true;
	variants[16].sparse = AE_PENALTY_L1;
	variants[16].sparse_weight = 0.01;
	variants[17] = variants[16];
	variants[17].sparse_hidden = true;
	variants[18].contract_weight = 0.1;
	variants[18].contract_exact = true;
	variants[19].contract_weight = 0.1;
	variants[20] = variants[3];
	variants[20].weight_prior = AE_PRIOR_LAPLACE;
	variants[21] = variants[4];
	variants[21].weight_decay = 0.01;
	variants[21].weight_prior = AE_PRIOR_LAPLACE;
	for (int i = 0; i < N; i++)
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

/* The mean of |J|^2 of a model over its first n rows. */
static double
mean_jacobian(const AeNet *net, const AeReal *params, const AeReal *x, size_t n)
{
	AeArena arena = {0};
	AePass pass;
	AeContraction contraction;
	char *block = NULL;
	double sum;

	for (int i = 0; i < 2; i++)
	{
		unit_place(&pass, &arena, net, n, true);
		ae_contract_place(&contraction, &arena, net, n, 1, true);
		ae_net_hook(&pass, &ae_contract_hooks, &contraction);
		if (i == 1)
			break;
		block = malloc(arena.used + AE_ALIGN);
		arena = (AeArena){.base = ae_arena_align(block)};
	}
	unit_forward(&pass, params, x, NULL, n, true);
	sum = ae_contract_value(&contraction, &pass, params);
	free(block);
	return sum / (double) n;
}

/*
 * A larger weight makes the norm smaller, by every optimizer; what the trainer reports of it is
 * that of the validation rows, of the estimate within chance.
 */
static void
contraction_contracts(void **state)
{
	AeBlock block = whole_mse(4);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};
	static const double weights[] = {1e-6, 0.03, 0.3};

	(void) state;
	for (int i = 0; i < 3 * 2 * 2; i++)
	{
		AeNet net = make_net(4, i / 3 % 2 ? 8 : 0, 3, AE_TANH, &block);
		AeTrainOptions options = make_options(i < 6 ? AE_OPTIMIZER_ADAM : AE_OPTIMIZER_LBFGS);
		double first = INFINITY;

		if (i % 3 == 2 && i >= 6 && net.n_encoder > 1)
			continue;
		options.tied = i % 3 == 1;
		options.contract_exact = i % 3 < 2;
		options.validation = 0.2;
		options.epochs = 60;
		for (int w = 0; w < 3; w++)
		{
			void *memory;
			AeTrainer *trainer;
			const AeProgress *progress;
			double own;

			options.contract_weight = weights[w];
			trainer = unit_train(&memory, &net, &options, &rows, NULL);
			progress = ae_trainer_progress(trainer);
			own = mean_jacobian(&net, ae_trainer_params(trainer), x, 120);
			assert_int_not_equal(progress->state, AE_TRAIN_DIVERGED);
			assert_true(own > 0 && own < (w == 2 ? 0.5 : 1) * first);
			first = w == 0 ? own : first;
			if (options.contract_exact || net.n_encoder == 1)
				assert_true(fabs(ae_trainer_mean(trainer, "contraction") / own - 1) < 1e-4);
			else
				assert_true(fabs(ae_trainer_mean(trainer, "contraction") / own - 1) < 0.5);
			free(memory);
		}
	}
	free(x);
}

/* What the norm of the Jacobian does not stand beside, and that without it nothing is reported. */
static void
contraction_refuses(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 8, 3, AE_TANH, &block);
	AeReal *x = make_rows(50, 4);
	AeRows rows = {.n_rows = 50, .width = 4, .data = x};
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM), refused;
	AeTrainer *trainer;
	AeError error;
	size_t bytes;
	void *memory;

	(void) state;
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	assert_true(isnan(ae_trainer_mean(trainer, "contraction")));
	free(memory);
	options.contract_weight = 0.1;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
	for (int i = 0; i < 6; i++)
	{
		AeNet other = net;

		refused = options;
		refused.dropout = i == 0 ? 0.1 : 0;
		refused.batch_norm = i == 1;
		refused.batch_top_k = i == 2;
		if (i == 3)
			refused.optimizer = AE_OPTIMIZER_LBFGS; /* of the estimate */
		if (i == 4)
			other.activation[0] = AE_RELU;
		if (i == 5)
			other.top_k = 1;
		assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&other, &refused, &rows}, &error),
						 AE_ERR_ARGUMENT);
		assert_string_equal(error.what, "contract_weight");
	}
	free(x);
}

/*
 * However many weights there are, the caller is asked after each million that is drawn, cleared or
 * moved, and before each product of a layer: here 3.2 million, of which every update moves every one.
 */
static void
large_layers_ask_the_caller(void **state)
{
	AeBlock block = whole_mse(1600);
	AeReal *x = make_rows(20, 1600);
	AeRows rows = {.n_rows = 20, .width = 1600, .data = x};
	AeNet net = make_net(1600, 0, 1000, AE_TANH, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeTask task = {&net, &options, &rows};
	AeTrainer *trainer;
	AeError error;
	size_t bytes, parts = 3200000 * sizeof(AeReal) / AE_CHECK_BYTES;
	void *memory;

	(void) state;
	options.epochs = 3;
	assert_int_equal(ae_trainer_size(&bytes, &task, &error), AE_OK);
	memory = malloc(bytes);
	assert_non_null(memory);
	*unit_checks() = 0;
	assert_int_equal(ae_trainer_init(&trainer, memory, bytes, &task, NULL, unit_compute(), &error),
					 AE_OK);
	/* 3 parts are drawn; parameters, gradient, copy and two moments are cleared */
	assert_true(*unit_checks() > 3 + 5 * (int) parts);
	*unit_checks() = 0;
	while (ae_trainer_step(trainer) && ae_trainer_progress(trainer)->update < 2)
		;
	/* two layers forward, two gradients by weights, one by the code; 3 parts of moves and more */
	assert_true(*unit_checks() >= 2 * (2 + 2 + 1 + 3));
	free(memory);
	free(x);
}

/* Each probe of a norm of several layers may take long: the caller is asked before it. */
static void
contraction_asks_the_caller(void **state)
{
	AeBlock block = whole_mse(4);
	AeReal *x = make_rows(50, 4);
	AeRows rows = {.n_rows = 50, .width = 4, .data = x};
	int n_checks[2];

	(void) state;
	for (int exact = 0; exact < 2; exact++)
	{
		AeNet net = make_net(4, 8, 3, AE_TANH, &block);
		AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
		void *memory;

		options.epochs = 2;
		options.validation = 0.2;
		options.contract_weight = 0.1;
		options.contract_exact = exact;
		*unit_checks() = 0;
		unit_train(&memory, &net, &options, &rows, NULL);
		n_checks[exact] = *unit_checks();
		free(memory);
	}
	/* two epochs of one minibatch and one slice of validation rows: 3 units or one probe */
	assert_int_equal(n_checks[1] - n_checks[0], 2 * 2 * (3 - 1));
	free(x);
}

/* Noise on the code is for training: validation rows have none, and their Jacobian neither. */
static void
code_noise_spares_validation(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 8, 3, AE_SIGMOID, &block);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};

	(void) state;
	for (int exact = 0; exact < 2; exact++)
	{
		AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
		double train[2], validation[2], jacobian[2];

		options.validation = 0.2;
		options.learning_rate = 1e-12; /* the weights stay as they were drawn */
		options.contract_weight = 0.1;
		options.contract_exact = exact;
		for (int noisy = 0; noisy < 2; noisy++)
		{
			void *memory;
			const AeTrainer *trainer;
			const AeProgress *progress;

			options.code_noise = noisy ? 4 : 0;
			trainer = unit_train(&memory, &net, &options, &rows, NULL);
			progress = ae_trainer_progress(trainer);
			train[noisy] = progress->train_loss;
			validation[noisy] = progress->validation_loss;
			jacobian[noisy] = ae_trainer_mean(trainer, "contraction");
			free(memory);
		}
		assert_true(fabs(train[1] - train[0]) > 1e-3);
		assert_true(fabs(validation[1] - validation[0]) < 1e-6);
		assert_true(fabs(jacobian[1] / jacobian[0] - 1) < 1e-6);
	}
	free(x);
}

/* Share of the weights, not biases, that are nearer to 0 than bound times their mean size. */
static double
share_near_zero(const AeNet *net, const AeReal *params, double bound)
{
	double size = 0, n = 0, near = 0;

	for (int pass = 0; pass < 2; pass++)
		for (uint32_t l = 0; l < net->n_layers; l++)
			for (size_t i = 0; i < (size_t) net->width[l] * net->width[l + 1]; i++)
			{
				double w = fabs((double) params[ae_net_offset(net, l) + i]);

				size += pass == 0 ? w : 0;
				n += pass == 0;
				near += pass == 1 && w < bound * size / n;
			}
	return near / n;
}

/*
 * Beside a gaussian of about the same size, laplace leaves more weights near 0: at 0 itself where
 * it is decoupled.
 */
static void
laplace_is_peaked(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 16, 3, AE_TANH, &block);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		AeTrainOptions options = make_options(i == 0 ? AE_OPTIMIZER_ADAM : AE_OPTIMIZER_ADAMW);
		AeTrainer *gaussian, *laplace;
		void *gaussian_memory, *laplace_memory;
		const AeReal *params;
		size_t n_zero = 0;

		options.epochs = 200;
		options.weight_decay = i == 0 ? 0.01 : 1;
		gaussian = unit_train(&gaussian_memory, &net, &options, &rows, NULL);
		options.weight_prior = AE_PRIOR_LAPLACE;
		options.weight_decay = i == 0 ? 0.003 : 0.3;
		laplace = unit_train(&laplace_memory, &net, &options, &rows, NULL);
		params = ae_trainer_params(laplace);
		assert_true(share_near_zero(&net, params, 0.1) >
					5 * share_near_zero(&net, ae_trainer_params(gaussian), 0.1));
		for (size_t k = 0; k < 4 * 16; k++)
			n_zero += params[k] == 0;
		assert_true(i == 0 || n_zero > 0);
		free(gaussian_memory);
		free(laplace_memory);
	}
	free(x);
}

/* L-BFGS has no use for a gradient that jumps; without weight decay there is none. */
static void
laplace_refuses_lbfgs(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 0, 2, AE_TANH, &block);
	AeReal *x = make_rows(50, 4);
	AeRows rows = {.n_rows = 50, .width = 4, .data = x};
	AeTrainOptions options = make_options(AE_OPTIMIZER_LBFGS);
	AeError error;
	size_t bytes;

	(void) state;
	options.weight_prior = AE_PRIOR_LAPLACE;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
	options.weight_decay = 0.1;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_ARGUMENT);
	assert_string_equal(error.what, "weight_prior");
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
	AeReal scratch[8];
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
	unit_place(&pass, &arena, &net, 20, false);
	block_memory = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block_memory)};
	unit_place(&pass, &arena, &net, 20, false);
	unit_forward(&pass, ae_trainer_params(trainer), x, NULL, 20, false);
	loss = ae_loss_rows(NULL, pass.h[net.n_layers], &(AeCells){x, 20, false}, 0,
						&(AeMeasure){&net.layout, ae_kernels_best(), scratch}) /
		   20;
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
	AeTrainOptions good = make_options(AE_OPTIMIZER_ADAM), bad[15];
	static const char *const names[] = {"learning_rate", "noise",    "validation", "warmup",
										"beta1",         "momentum", "epochs",     "batch_size",
										"clip_norm",     "masking",  "masking",    "sparse_weight",
										"sparse_target", "dropout",  "sparse"};
	AeError error;

	(void) state;
	assert_int_equal(ae_train_options_check(&good, &error), AE_OK);
	for (int i = 0; i < 15; i++)
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
	bad[9].masking = 1;
	bad[10].masking = NAN;
	bad[11].sparse_weight = -1;
	bad[12].sparse_target = 1;
	bad[13].dropout = 1;
	bad[14].sparse = AE_PENALTY_COUNT;
	for (int i = 0; i < 15; i++)
	{
		assert_int_equal(ae_train_options_check(&bad[i], &error), AE_ERR_ARGUMENT);
		assert_string_equal(error.what, names[i]);
	}
}

/* ---- rows of every kind ---- */

/*
 * Three numbers (the second has an indicator), a group of two, a boolean, a category of three
 * levels and one of four.
 */
static const AeBlock mixed_blocks[] = {
	{.count = 3, .loss = AE_LOSS_MSE},
	{.first = 3, .count = 2, .loss = AE_LOSS_MSE, .grouped = true},
	{.first = 5, .count = 1, .loss = AE_LOSS_BCE},
	{.first = 6, .count = 3, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 0.9, .unseen = 3},
	{.first = 9, .count = 4, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 0.7, .unseen = 3}};
static const uint32_t mixed_indicators[] = {1};
static const AeLayout mixed_layout = {.n_dense = 6,
									  .n_indicators = 1,
									  .n_categories = 2,
									  .n_levels = 7,
									  .n_columns = 7,
									  .n_blocks = 5,
									  .blocks = mixed_blocks,
									  .indicators = mixed_indicators};

/* Categories that follow from each other and from the first number; some cells are missing. */
static AeReal *
make_mixed_rows(size_t n, bool nulls)
{
	AeReal *cells = malloc(n * 8 * sizeof(AeReal));

	for (size_t i = 0; i < n; i++)
	{
		AeReal *row = cells + i * 8;
		double t = sin(0.37 * (double) i);

		for (int j = 0; j < 5; j++)
			row[j] = (AeReal) (t * (1 + 0.3 * j) + 0.2 * cos((double) i * (1.7 + j)));
		row[5] = t > 0.2;
		row[6] = t < -0.5 ? 0 : t < 0.5 ? 1 : 2;
		row[7] = t < -0.6 ? 0 : t < 0 ? 1 : t < 0.6 ? 2 : 3;
		for (int j = 0; nulls && j < 8; j++)
			if ((i * 7 + (size_t) j * 3 + i / 8) % 11 == 0)
				row[j] = (AeReal) NAN;
	}
	return cells;
}

static void
layouts_are_checked(void **state)
{
	AeBlock blocks[5];
	AeLayout layout = mixed_layout;
	uint32_t indicator = 1;
	AeRows rows = {.n_rows = 10, .width = 9};
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeNet net = make_net_of(&mixed_layout, 0, 2, AE_TANH);
	AeError error;
	size_t bytes;

	(void) state;
	assert_int_equal(ae_layout_check(&mixed_layout, &error), AE_OK);
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_SHAPE);
	assert_string_equal(error.what, "number of cells");
	layout.blocks = blocks;
	layout.indicators = &indicator;
	for (int bad = 0; bad < 12; bad++)
	{
		memcpy(blocks, mixed_blocks, sizeof blocks);
		layout.n_categories = 2;
		layout.n_columns = 7;
		layout.n_blocks = 5;
		indicator = 1;
		switch (bad)
		{
			case 0:
				blocks[1].first = 4; /* a gap */
				break;
			case 1:
				blocks[2].count = 0;
				break;
			case 2:
				blocks[4].count = 5;
				break;
			case 3:
				blocks[4].count = 3; /* an output without a loss */
				break;
			case 4:
				blocks[2].loss = AE_LOSS_SOFTMAX; /* of a number */
				break;
			case 5:
				blocks[3].loss = AE_LOSS_MSE; /* of a category */
				break;
			case 6:
				blocks[3].grouped = false;
				break;
			case 7:
				layout.n_categories = 3;
				break;
			case 8:
				layout.n_columns = 6;
				break;
			case 9:
				indicator = 6; /* a category's cell */
				break;
			case 10:
				layout.n_blocks = 4;
				break;
			default:
				blocks[0].loss = AE_LOSS_COUNT;
				break;
		}
		assert_int_equal(ae_layout_check(&layout, &error), AE_ERR_SHAPE);
	}
}

static void
assert_same_training(const AeNet *net, const AeTrainOptions *options, const AeRows *a,
					 const AeRows *b)
{
	void *memory_a, *memory_b;
	AeTrainer *trainer_a = unit_train(&memory_a, net, options, a, NULL);
	AeTrainer *trainer_b = unit_train(&memory_b, net, options, b, NULL);
	const AeProgress *p = ae_trainer_progress(trainer_a), *q = ae_trainer_progress(trainer_b);

	assert_memory_equal(ae_trainer_params(trainer_a), ae_trainer_params(trainer_b),
						ae_net_n_params(net) * sizeof(AeReal));
	assert_int_equal(p->n_history, q->n_history);
	for (uint32_t i = 0; i < p->n_history; i++)
		assert_memory_equal(&p->history[i], &q->history[i], sizeof p->history[i]);
	free(memory_a);
	free(memory_b);
}

/* Twice the same bytes, from memory or read, with everything that draws. */
static void
mixed_rows_train_the_same_twice(void **state)
{
	AeNet net = make_net_of(&mixed_layout, 16, 3, AE_TANH);

	(void) state;
	for (int optimizer = 0; optimizer < AE_OPTIMIZER_PCA; optimizer++)
		for (int nulls = 0; nulls < 2; nulls++)
		{
			AeTrainOptions options = make_options((AeOptimizer) optimizer);
			AeReal *cells = make_mixed_rows(900, nulls);
			Source source = {.data = cells, .width = 8, .seen = calloc(900, 1)};
			AeRows rows = {.n_rows = 900, .width = 8, .nullable = nulls, .data = cells};
			AeRows read = {.n_rows = 900, .width = 8, .nullable = nulls, .read = read_rows};

			read.context = &source;
			options.noise = 0.1;
			options.masking = 0.2;
			options.swap = 0.1;
			options.emphasis = 0.3;
			options.validation = 0.1;
			assert_same_training(&net, &options, &rows, &rows);
			assert_same_training(&net, &options, &rows, &read);
			free(source.seen);
			free(cells);
		}
}

/* Categories that can be told from the others are learnt: far below what their frequencies cost. */
static void
mixed_rows_are_learnt(void **state)
{
	AeNet net = make_net_of(&mixed_layout, 24, 3, AE_TANH);

	(void) state;
	for (int nulls = 0; nulls < 2; nulls++)
		for (int optimizer = AE_OPTIMIZER_ADAM; optimizer <= AE_OPTIMIZER_LBFGS; optimizer++)
		{
			AeTrainOptions options = make_options((AeOptimizer) optimizer);
			AeReal *cells = make_mixed_rows(1000, nulls);
			AeRows rows = {.n_rows = 1000, .width = 8, .nullable = nulls, .data = cells};
			AeTrainer *trainer;
			const AeProgress *p;
			void *memory;

			options.epochs = 200;
			options.learning_rate = 0.01;
			trainer = unit_train(&memory, &net, &options, &rows, NULL);
			p = ae_trainer_progress(trainer);
			assert_true(p->state == AE_TRAIN_FINISHED || p->state == AE_TRAIN_CONVERGED);
			assert_true((double) p->history[0].train_loss > 0.3);
			assert_true(p->train_loss < 0.1 * (double) p->history[0].train_loss);
			free(memory);
			free(cells);
		}
}

/* The validation loss is that of whole rows, whatever noise and masks do to training. */
static void
masking_spares_validation(void **state)
{
	AeNet net = make_net_of(&mixed_layout, 16, 3, AE_TANH);
	AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
	AeReal *cells = make_mixed_rows(400, true), *start, scratch[16], filled[80 * 7];
	AeReal dense[80 * 6];
	AeRows rows = {.n_rows = 400, .width = 8, .nullable = true, .data = cells};
	int32_t levels[80 * 2];
	AeArena arena = {0};
	const AeReal *x;
	AeTrainer *trainer;
	void *memory;
	AePass pass;
	char *block;
	double loss;

	(void) state;
	options.epochs = 3;
	options.validation = 0.2;
	options.masking = 0.5;
	options.noise = 1;
	options.learning_rate = 1e-12; /* the weights stay as they were drawn */
	trainer = unit_train(&memory, &net, &options, &rows, NULL);
	start = malloc(ae_net_n_params(&net) * sizeof(AeReal));
	ae_net_init(start, &net, options.seed, NULL);
	unit_place(&pass, &arena, &net, 80, false);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	unit_place(&pass, &arena, &net, 80, false);
	unit_inputs(&x, &(AeInputs){.levels = levels, .dense = dense, .filled = filled},
				&(AeCells){cells, 80, true}, &net.layout, &(AeNoise){0, {0, 0}});
	unit_forward(&pass, start, x, levels, 80, false);
	loss = ae_loss_rows(NULL, pass.h[4], &(AeCells){cells, 80, true}, 0,
						&(AeMeasure){&net.layout, ae_kernels_best(), scratch}) /
		   80;
	assert_true(fabs(loss - ae_trainer_progress(trainer)->validation_loss) < 1e-6);
	assert_true(fabs(loss - ae_trainer_progress(trainer)->train_loss) > 1e-3);
	free(block);
	free(memory);
	free(start);
	free(cells);
}

/*
 * The share of cells that masking hides, seen from outside: with weights that copy each number
 * but for one that is hidden, a row of ones costs 1 for every hidden cell and 0 for the others.
 */
static void
masking_hides_its_share(void **state)
{
	enum
	{
		N = 2000
	};
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 0, 4, AE_IDENTITY, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
	AeReal *x = malloc(N * 4 * sizeof(AeReal)), start[40] = {0};
	AeRows rows = {.n_rows = N, .width = 4, .data = x};
	static const double shares[] = {0.1, 0.5, 0.9};

	(void) state;
	for (int i = 0; i < N * 4; i++)
		x[i] = 1;
	for (int i = 0; i < 4; i++)
		start[5 * i] = start[20 + 5 * i] = 1;
	options.epochs = 4;
	options.learning_rate = 1e-12;
	for (int i = 0; i < 3; i++)
	{
		AeTrainer *trainer;
		void *memory;

		options.masking = shares[i];
		trainer = unit_train(&memory, &net, &options, &rows, start);
		for (int e = 0; e < 4; e++) /* five standard deviations */
			assert_true(fabs((double) ae_trainer_progress(trainer)->history[e].train_loss -
							 shares[i]) < 5 * sqrt(shares[i] * (1 - shares[i]) / (N * 4)));
		/* another draw in every epoch */
		assert_true(ae_trainer_progress(trainer)->history[0].train_loss !=
					ae_trainer_progress(trainer)->history[1].train_loss);
		free(memory);
	}
	free(x);
}

/*
 * Every cell is drawn for itself.  Of four ones each output is the share that was kept, so that
 * the loss is the square of the share hidden: on the average p^2 + p (1 - p) / 4.
 */
static void
masking_draws_each_cell(void **state)
{
	enum
	{
		N = 2000
	};
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 0, 4, AE_IDENTITY, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_SGD);
	AeReal *x = malloc(N * 4 * sizeof(AeReal)), start[40] = {0};
	AeRows rows = {.n_rows = N, .width = 4, .data = x};
	static const double shares[] = {0.1, 0.5, 0.9};

	(void) state;
	for (int i = 0; i < N * 4; i++)
		x[i] = 1;
	for (int i = 0; i < 4; i++)
	{
		start[4 * i] = (AeReal) 0.25;
		start[20 + i] = 1;
	}
	options.epochs = 1;
	options.learning_rate = 1e-12;
	for (int i = 0; i < 3; i++)
	{
		double p = shares[i];
		AeTrainer *trainer;
		void *memory;

		options.masking = p;
		trainer = unit_train(&memory, &net, &options, &rows, start);
		assert_true(fabs(ae_trainer_progress(trainer)->train_loss - p * p - p * (1 - p) / 4) <
					0.03);
		free(memory);
	}
	free(x);
}

/* Nets of categories alone, of one column, of one level and another: they train. */
static void
small_nets_train(void **state)
{
	static const AeLoss losses[] = {AE_LOSS_SOFTMAX, AE_LOSS_ONEHOT};
	AeReal cells[300 * 2];

	(void) state;
	for (int i = 0; i < 300; i++)
	{
		cells[2 * i] = (AeReal) (i % 3);
		cells[2 * i + 1] = (AeReal) (i % 3 == 1);
		if (i % 17 == 5)
			cells[2 * i + i % 2] = (AeReal) NAN;
	}
	for (int n_columns = 1; n_columns <= 2; n_columns++)
		for (int k = 0; k < 2; k++)
		{
			AeBlock blocks[] = {
				{.count = 3, .loss = losses[k], .grouped = true, .weight = 1, .unseen = 3},
				{.first = 3,
				 .count = 2,
				 .loss = losses[k],
				 .grouped = true,
				 .weight = 1,
				 .unseen = 3}};
			AeLayout layout = {.n_categories = (uint32_t) n_columns,
							   .n_levels = n_columns == 1 ? 3 : 5,
							   .n_columns = (uint32_t) n_columns,
							   .n_blocks = (uint32_t) n_columns,
							   .blocks = blocks};
			AeNet net = make_net_of(&layout, 6, 2, AE_TANH);
			AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
			AeReal column[300];
			AeRows rows = {.n_rows = 300, .width = (size_t) n_columns, .nullable = true};
			AeTrainer *trainer;
			void *memory;

			for (int i = 0; i < 300; i++)
				column[i] = cells[2 * i];
			rows.data = n_columns == 1 ? column : cells;
			options.epochs = 300;
			options.learning_rate = 0.02;
			options.masking = n_columns == 1 ? 0 : 0.1;
			trainer = unit_train(&memory, &net, &options, &rows, NULL);
			assert_int_equal(ae_trainer_progress(trainer)->state, AE_TRAIN_FINISHED);
			assert_true(ae_trainer_progress(trainer)->train_loss < (n_columns == 1 ? 0.01 : 0.2));
			assert_same_training(&net, &options, &rows, &rows);
			free(memory);
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
check_pca(const char *name, uint32_t k, AeOptimizer optimizer, bool tied, double max_ratio,
		  double max_angle)
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
	options.tied = tied;
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
	check_pca("ad_cardio", 4, AE_OPTIMIZER_LBFGS, false, 1.01, 0.01);
	check_pca("odds_wbc", 5, AE_OPTIMIZER_LBFGS, false, 1.01, 0.01);
	check_pca("ad_optdigits", 8, AE_OPTIMIZER_LBFGS, false, 1.01, exact ? 0.01 : 0.1);
}

/*
 * With one matrix for both ways: the best linear decoder of a subspace is its encoder transposed.
 */
static void
tied_linear_is_pca(void **state)
{
	(void) state;
	check_pca("ad_cardio", 4, AE_OPTIMIZER_LBFGS, true, 1.01, 0.05);
	check_pca("odds_wbc", 5, AE_OPTIMIZER_LBFGS, true, 1.01, 0.05);
	check_pca("odds_wbc", 5, AE_OPTIMIZER_ADAM, true, 1.05, 1.6);
}

/* The decoder's weights stay those of the encoder, to the bit, whatever moves them. */
static void
tied_weights_stay_tied(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 5, 3, AE_TANH, &block);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};

	(void) state;
	for (int optimizer = 0; optimizer < AE_OPTIMIZER_PCA; optimizer++)
	{
		AeTrainOptions options = make_options((AeOptimizer) optimizer);
		const AeReal *params;
		AeTrainer *trainer;
		void *memory;

		options.tied = true;
		options.weight_decay = 0.01;
		options.clip_norm = 0.1;
		options.epochs = 20;
		trainer = unit_train(&memory, &net, &options, &rows, NULL);
		params = ae_trainer_params(trainer);
		for (uint32_t l = 0; l < 2; l++)
		{
			const AeReal *w = params + ae_net_offset(&net, l);
			const AeReal *twin = params + ae_net_offset(&net, 3 - l);

			for (size_t i = 0; i < net.width[l]; i++)
				for (size_t j = 0; j < net.width[l + 1]; j++)
					assert_true(w[i * net.width[l + 1] + j] == twin[j * net.width[l] + i]);
		}
		assert_true(ae_trainer_progress(trainer)->train_loss < 0.9);
		free(memory);
	}
	free(x);
}

static void
asymmetric_nets_cannot_be_tied(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 5, 3, AE_TANH, &block);
	AeRows rows = {.n_rows = 600, .width = 4};
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeError error;
	size_t bytes;

	(void) state;
	options.tied = true;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
	net.width[3] = 6;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_SHAPE);
	net.width[3] = 5;
	net.n_encoder = 1;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_SHAPE);
}

/* Parameters after training with some options, and their loss; to be freed. */
static AeReal *
trained(double *loss, const AeNet *net, const AeTrainOptions *options, const AeRows *rows)
{
	size_t bytes = ae_net_n_params(net) * sizeof(AeReal);
	AeReal *params = malloc(bytes);
	void *memory;
	AeTrainer *trainer = unit_train(&memory, net, options, rows, NULL);

	memcpy(params, ae_trainer_params(trainer), bytes);
	*loss = ae_trainer_progress(trainer)->train_loss;
	free(memory);
	return params;
}

/* Penalties of weight 0, and dropout of 0, take no part; others do, with every optimizer. */
static void
penalties_take_part(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 5, 3, AE_SIGMOID, &block);
	AeReal *x = make_rows(600, 4);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x};
	size_t bytes = ae_net_n_params(&net) * sizeof(AeReal);

	(void) state;
	for (int i = 0; i < AE_OPTIMIZER_PCA * (AE_PENALTY_COUNT - 1); i++)
	{
		AeTrainOptions options = make_options((AeOptimizer) (i % AE_OPTIMIZER_PCA));
		AeReal *plain, *none, *some;
		double loss, same_loss, other_loss;

		plain = trained(&loss, &net, &options, &rows);
		options.sparse = (AePenalty) (1 + i / AE_OPTIMIZER_PCA);
		if (options.sparse == AE_PENALTY_JUMPRELU)
		{
			free(plain); /* it takes thresholds: test_gate */
			continue;
		}
		options.sparse_target = 0.2;
		options.sparse_hidden = i % 2 == 1;
		none = trained(&same_loss, &net, &options, &rows);
		options.sparse_weight = 0.05;
		some = trained(&other_loss, &net, &options, &rows);
		assert_memory_equal(plain, none, bytes);
		assert_true(loss == same_loss);
		assert_memory_not_equal(plain, some, bytes);
		free(plain);
		free(none);
		free(some);
	}
	free(x);
}

/* The rate of kl needs units that have one. */
static void
kl_needs_sigmoids(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 5, 3, AE_SIGMOID, &block);
	AeRows rows = {.n_rows = 600, .width = 4};
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeError error;
	size_t bytes;

	(void) state;
	options.sparse = AE_PENALTY_KL;
	options.sparse_weight = 1;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_ARGUMENT);
	assert_string_equal(error.what, "sparse_target");
	options.sparse_target = 0.1;
	net.activation[0] = AE_TANH;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
	options.sparse_hidden = true;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_ARGUMENT);
	net.activation[0] = AE_SIGMOID;
	net.activation[1] = AE_TANH;
	options.sparse_hidden = false;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_ARGUMENT);
}

/* ---- a supervised target ---- */

/* 600 rows of four related columns, and behind them a label of the first two, each third known. */
static AeReal *
make_labelled(uint32_t n_target, size_t n)
{
	AeReal *x = make_rows(n, 4), *rows = malloc(n * 5 * sizeof(AeReal));

	for (size_t i = 0; i < n; i++)
	{
		double sum = (double) (x[4 * i] + x[4 * i + 1]);
		double label = n_target == 1   ? sum
					   : n_target == 2 ? sum > 0
									   : 1 + (sum > 0.3) - (sum < -0.3);

		memcpy(rows + 5 * i, x + 4 * i, 4 * sizeof(AeReal));
		rows[5 * i + 4] = i % 3 == 0 ? (AeReal) label : (AeReal) NAN;
	}
	free(x);
	return rows;
}

static AeRows
labelled_rows(const AeReal *x, size_t n)
{
	AeRows rows = {.n_rows = n, .width = 4, .has_target = true, .data = x};

	for (size_t i = 0; i < n; i++)
		rows.n_labelled += ae_target_count(x + 5 * i + 4, 1);
	return rows;
}

/* With a weight of 0 the layers are those of a network without a head, noise and all. */
static void
targets_of_no_weight_change_nothing(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet plain = make_net(4, 8, 3, AE_TANH, &block), headed = plain;
	AeReal *x = make_rows(600, 4), *labelled = make_labelled(3, 600);
	AeRows rows = {.n_rows = 600, .width = 4, .data = x}, with = labelled_rows(labelled, 600);

	(void) state;
	headed.n_target = 3;
	for (int i = 0; i < 3 * 2; i++)
	{
		AeTrainOptions options = make_options((AeOptimizer) (i % 3));
		AeTrainer *a, *b, *c;
		void *memory_a, *memory_b, *memory_c;
		size_t bytes = ae_net_n_params(&plain) * sizeof(AeReal);

		options.weight_decay = 0.01;
		options.validation = 0.1;
		if (i / 3)
		{
			options.noise = 0.2;
			options.masking = 0.3;
			options.dropout = 0.2;
		}
		a = unit_train(&memory_a, &plain, &options, &rows, NULL);
		b = unit_train(&memory_b, &headed, &options, &with, NULL);
		options.target_weight = 1;
		c = unit_train(&memory_c, &headed, &options, &with, NULL);
		assert_memory_equal(ae_trainer_params(a), ae_trainer_params(b), bytes);
		assert_memory_not_equal(ae_trainer_params(a), ae_trainer_params(c), bytes);
		free(memory_a);
		free(memory_b);
		free(memory_c);
	}
	free(x);
	free(labelled);
}

/* From memory or read, in slices or whole, the label is that of its row. */
static void
labelled_rows_from_a_file_train_the_same(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 8, 3, AE_TANH, &block);
	AeReal *x = make_labelled(3, 2000);
	AeRows memory_rows = labelled_rows(x, 2000), file_rows = memory_rows;
	Source source = {.data = x, .width = 5, .seen = calloc(2000, 1)};

	(void) state;
	net.n_target = 3;
	file_rows.data = NULL;
	file_rows.read = read_rows;
	file_rows.context = &source;
	for (int i = 0; i < AE_OPTIMIZER_PCA; i++)
	{
		AeTrainOptions options = make_options((AeOptimizer) i);
		AeTrainer *a, *b;
		void *memory_a, *memory_b;

		options.target_weight = 1;
		options.validation = 0.1;
		options.patience = 3;
		a = unit_train(&memory_a, &net, &options, &memory_rows, NULL);
		b = unit_train(&memory_b, &net, &options, &file_rows, NULL);
		assert_memory_equal(ae_trainer_params(a), ae_trainer_params(b),
							ae_net_n_params(&net) * sizeof(AeReal));
		free(memory_a);
		free(memory_b);
	}
	free(source.seen);
	free(x);
}

/* How well the head of trained parameters predicts rows whose labels are all known. */
static double
accuracy_of(const AeNet *net, const AeReal *params, size_t n)
{
	AeReal *rows = make_rows(n, 4), *labels = malloc(n * sizeof(AeReal)), scratch[8];
	AeTargetTally tally = {0};
	AeArena arena = {0};
	AePass pass;
	char *block;

	for (size_t i = 0; i < n; i++)
	{
		double sum = (double) (rows[4 * i] + rows[4 * i + 1]);

		labels[i] = (AeReal) (net->n_target == 1   ? sum
							  : net->n_target == 2 ? sum > 0
												   : 1 + (sum > 0.3) - (sum < -0.3));
	}
	unit_place(&pass, &arena, net, n, false);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	unit_place(&pass, &arena, net, n, false);
	unit_forward(&pass, params, rows, NULL, n, false);
	ae_target_tally(&tally, pass.target, labels, n,
					&(AeTargetMeasure){net->n_target, ae_kernels_best(), scratch});
	assert_true(tally.n == (double) n);
	free(block);
	free(rows);
	free(labels);
	return ae_target_accuracy(&tally, net->n_target);
}

/* Numbers, booleans and categories, by every optimizer, from a third of the labels. */
static void
targets_are_learnt(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 16, 3, AE_TANH, &block);

	(void) state;
	for (int i = 0; i < 3 * AE_OPTIMIZER_PCA; i++)
	{
		AeTrainOptions options = make_options((AeOptimizer) (i % AE_OPTIMIZER_PCA));
		AeReal *x;
		AeRows rows;
		void *memory;
		AeTrainer *trainer;
		double untrained, accuracy;

		net.n_target = 1 + (uint32_t) i / AE_OPTIMIZER_PCA;
		x = make_labelled(net.n_target, 600);
		rows = labelled_rows(x, 600);
		options.epochs = 60;
		options.learning_rate = i % AE_OPTIMIZER_PCA == AE_OPTIMIZER_SGD ? 0.1 : 0.01;
		trainer = unit_train(&memory, &net, &options, &rows, NULL);
		untrained = accuracy_of(&net, ae_trainer_params(trainer), 600);
		free(memory);
		options.target_weight = 1;
		trainer = unit_train(&memory, &net, &options, &rows, NULL);
		accuracy = accuracy_of(&net, ae_trainer_params(trainer), 600);
		if (!(accuracy > 0.9 && accuracy > untrained + 0.02))
			fail_msg("%s, %u outputs: accuracy %g, untrained %g",
					 ae_optimizer_name[i % AE_OPTIMIZER_PCA], net.n_target, accuracy, untrained);
		free(memory);
		free(x);
	}
}

/* Labels that nothing tells of: the best epoch is an early one where enough of them are judged. */
static void
early_stopping_heeds_targets(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 64, 16, AE_TANH, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeReal *x = make_labelled(2, 600);
	uint64_t best[2];

	(void) state;
	net.n_target = 2;
	options.epochs = 100;
	options.learning_rate = 0.01;
	options.validation = 0.2;
	options.patience = 100;
	options.target_weight = 3;
	for (size_t i = 0; i < 600; i++)
		x[5 * i + 4] = i < 160 ? (AeReal) (ae_hash_mix(i) % 2) : (AeReal) NAN;
	for (int few = 0; few < 2; few++)
	{
		AeRows rows;
		void *memory;

		/* of the 120 validation rows all are labelled, then 29 */
		for (size_t i = 0; few && i < 120 - (AE_TARGET_MIN_JUDGED - 1); i++)
			x[5 * i + 4] = (AeReal) NAN;
		rows = labelled_rows(x, 600);
		best[few] =
			ae_trainer_progress(unit_train(&memory, &net, &options, &rows, NULL))->best_epoch;
		free(memory);
	}
	if (!(best[0] < 30 && best[1] > 60))
		fail_msg("best epochs %d and %d", (int) best[0], (int) best[1]);
	free(x);
}

/* Rows with labels and networks with heads belong together. */
static void
labels_need_a_head(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 5, 3, AE_TANH, &block);
	AeRows rows = {.n_rows = 600, .width = 4};
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeError error;
	size_t bytes, with;

	(void) state;
	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){&net, &options, &rows}, &error), AE_OK);
	rows.has_target = true;
	assert_int_equal(ae_trainer_size(&with, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_SHAPE);
	assert_string_equal(error.what, "labels of a row");
	net.n_target = 2;
	assert_int_equal(ae_trainer_size(&with, &(AeTask){&net, &options, &rows}, &error), AE_OK);
	assert_true(with > bytes);
	rows.has_target = false;
	assert_int_equal(ae_trainer_size(&with, &(AeTask){&net, &options, &rows}, &error),
					 AE_ERR_SHAPE);
}

static void
linear_adam_nears_pca(void **state)
{
	(void) state;
	check_pca("ad_cardio", 4, AE_OPTIMIZER_ADAM, false, 1.02, 1.6);
	check_pca("odds_wbc", 5, AE_OPTIMIZER_ADAM, false, 1.02, 1.6);
	check_pca("ad_optdigits", 8, AE_OPTIMIZER_ADAM, false, 1.02, 1.6);
}

/* ---- to go on later ---- */

static AeTrainer *
begin_again(void **memory, const AeNet *net, const AeTrainOptions *options, const AeRows *rows)
{
	AeTrainer *trainer;
	AeError error;
	size_t bytes;

	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){net, options, rows}, &error), AE_OK);
	*memory = malloc(bytes);
	memset(*memory, 0xa5, bytes);
	assert_int_equal(ae_trainer_init(&trainer, *memory, bytes, &(AeTask){net, options, rows}, NULL,
									 unit_compute(), &error),
					 AE_OK);
	return trainer;
}

/*
 * Trains in pieces: after every so many rests the training moves into another trainer, whose rows
 * are read where those of the one before were in memory, and the other way round.
 */
static void
train_in_pieces(const AeNet *net, const AeTrainOptions *options, const AeRows *rows, int piece)
{
	Source source = {
		.data = rows->data, .width = ae_rows_stride(rows), .seen = calloc(rows->n_rows, 1)};
	AeRows read = *rows;
	void *whole_memory, *memory, *next;
	AeTrainer *whole = unit_train(&whole_memory, net, options, rows, NULL);
	AeTrainer *trainer = begin_again(&memory, net, options, rows);
	const AeProgress *a, *b;
	size_t size = ae_trainer_saved_size(trainer);
	uint8_t *saved = malloc(size);
	int n_moves = 0;
	AeError error;

	read.data = NULL;
	read.read = read_rows;
	read.context = &source;
	for (int rests = 0; ae_trainer_step(trainer);)
	{
		if (!ae_trainer_at_rest(trainer) || ++rests % piece != 0)
			continue;
		ae_trainer_save(saved, trainer);
		memset(memory, 0x5a, size);
		free(memory);
		trainer = begin_again(&next, net, options, n_moves % 2 ? rows : &read);
		memory = next;
		assert_int_equal(ae_trainer_restore(trainer, saved, size, &error), AE_OK);
		n_moves++;
	}
	assert_true(n_moves > 2);
	a = ae_trainer_progress(whole);
	b = ae_trainer_progress(trainer);
	assert_memory_equal(ae_trainer_params(whole), ae_trainer_params(trainer),
						ae_net_n_params(net) * sizeof(AeReal));
	assert_int_equal(a->state, b->state);
	assert_true(a->epoch == b->epoch && a->update == b->update && a->n_history == b->n_history);
	assert_memory_equal(a->history, b->history, a->n_history * sizeof(AeEpoch));
	assert_true(a->best_epoch == b->best_epoch && a->restored == b->restored);
	ae_trainer_save(saved, trainer); /* one that has ended */
	free(memory);
	trainer = begin_again(&memory, net, options, rows);
	assert_int_equal(ae_trainer_restore(trainer, saved, size, &error), AE_OK);
	assert_false(ae_trainer_step(trainer));
	assert_memory_equal(ae_trainer_params(whole), ae_trainer_params(trainer),
						ae_net_n_params(net) * sizeof(AeReal));
	assert_int_equal(ae_trainer_restore(trainer, saved, size - 1, &error), AE_ERR_SHAPE);
	free(saved);
	free(memory);
	free(whole_memory);
	free(source.seen);
}

static void
goes_on_where_it_was(void **state)
{
	AeBlock block = whole_mse(4);
	AeNet net = make_net(4, 8, 2, AE_TANH, &block);
	AeReal *x = make_rows(3000, 4);
	AeRows rows = {.n_rows = 3000, .width = 4, .data = x};

	(void) state;
	for (int optimizer = 0; optimizer < AE_OPTIMIZER_PCA; optimizer++)
	{
		AeTrainOptions options = make_options((AeOptimizer) optimizer);

		options.epochs = 12;
		options.schedule = AE_SCHEDULE_COSINE;
		train_in_pieces(&net, &options, &rows, optimizer == AE_OPTIMIZER_LBFGS ? 3 : 17);
		options.validation = 0.1;
		options.patience = 2;
		if (optimizer != AE_OPTIMIZER_LBFGS)
		{
			options.noise = 0.3;
			options.masking = 0.1;
			options.dropout = 0.1;
		}
		train_in_pieces(&net, &options, &rows, 1);
	}
	for (int what = 0; what < 5; what++)
	{
		const AeReal low[4] = {-1, -1, -1, -1}, high[4] = {1, 1, 1, 1};
		AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
		AeNet gated;

		options.validation = 0.1;
		options.patience = 3;
		options.batch_norm = what == 0;
		options.salt_pepper = options.swap = what == 1 ? 0.1 : 0;
		options.emphasis = what == 1 ? 0.5 : 0;
		options.contract_weight = what == 2 ? 0.1 : 0;
		options.batch_top_k = what == 3 ? 1 : 0;
		options.sparse = what == 4 ? AE_PENALTY_JUMPRELU : AE_PENALTY_NONE;
		options.sparse_weight = what == 4 ? 0.01 : 0;
		options.aux_weight = what > 2 ? 0.1 : 0;
		options.code_noise = what > 2 ? 0.1 : 0;
		gated = what > 2 ? make_net(4, 0, 8, AE_RELU, &block) : net;
		gated.gated = what > 2;
		rows.low = low;
		rows.high = high;
		train_in_pieces(&gated, &options, &rows, 5);
	}
	free(x);
}

/* The order of an epoch of several windows is found again in the middle of it. */
static void
goes_on_beyond_a_window(void **state)
{
	enum
	{
		N = 70000
	};
	AeBlock block = whole_mse(64);
	AeNet net = make_net(64, 0, 2, AE_IDENTITY, &block);
	AeTrainOptions options = make_options(AE_OPTIMIZER_ADAM);
	AeReal *x = make_rows(N, 64);
	AeRows rows = {.n_rows = N, .width = 64, .data = x};
	AeTrainer *trainer;
	void *memory;
	AeError error;
	size_t size;
	uint8_t *saved;

	(void) state;
	options.epochs = 2;
	options.batch_size = 1000;
	train_in_pieces(&net, &options, &rows, 23);
	trainer = begin_again(&memory, &net, &options, &rows);
	size = ae_trainer_saved_size(trainer);
	saved = malloc(size);
	ae_trainer_save(saved, trainer);
	free(memory);
	rows.n_rows--;
	trainer = begin_again(&memory, &net, &options, &rows);
	assert_int_equal(ae_trainer_restore(trainer, saved, size, &error), AE_ERR_SHAPE);
	free(memory);
	free(saved);
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lbfgs_solves_rosenbrock),
		cmocka_unit_test(sgd_by_hand),
		cmocka_unit_test(goes_on_where_it_was),
		cmocka_unit_test(goes_on_beyond_a_window),
		cmocka_unit_test(schedule_by_hand),
		cmocka_unit_test(weights_begin_with_their_variance),
		cmocka_unit_test(clipping_bounds_the_step),
		cmocka_unit_test(options_have_effects),
		cmocka_unit_test(laplace_is_peaked),
		cmocka_unit_test(laplace_refuses_lbfgs),
		cmocka_unit_test(contraction_contracts),
		cmocka_unit_test(contraction_refuses),
		cmocka_unit_test(large_layers_ask_the_caller),
		cmocka_unit_test(contraction_asks_the_caller),
		cmocka_unit_test(code_noise_spares_validation),
		cmocka_unit_test(rows_from_a_file_train_the_same),
		cmocka_unit_test(validation_rows_are_not_trained_on),
		cmocka_unit_test(early_stopping_restores_the_best),
		cmocka_unit_test(divergence_keeps_the_last_good_weights),
		cmocka_unit_test(history_thins_out),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(layouts_are_checked),
		cmocka_unit_test(mixed_rows_train_the_same_twice),
		cmocka_unit_test(mixed_rows_are_learnt),
		cmocka_unit_test(masking_spares_validation),
		cmocka_unit_test(masking_hides_its_share),
		cmocka_unit_test(masking_draws_each_cell),
		cmocka_unit_test(small_nets_train),
		cmocka_unit_test(linear_lbfgs_is_pca),
		cmocka_unit_test(linear_adam_nears_pca),
		cmocka_unit_test(tied_linear_is_pca),
		cmocka_unit_test(tied_weights_stay_tied),
		cmocka_unit_test(asymmetric_nets_cannot_be_tied),
		cmocka_unit_test(penalties_take_part),
		cmocka_unit_test(kl_needs_sigmoids),
		cmocka_unit_test(targets_of_no_weight_change_nothing),
		cmocka_unit_test(labelled_rows_from_a_file_train_the_same),
		cmocka_unit_test(targets_are_learnt),
		cmocka_unit_test(early_stopping_heeds_targets),
		cmocka_unit_test(labels_need_a_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
