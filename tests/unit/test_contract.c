/*
 * Proves: the contractive penalty is the squared norm of the code's Jacobian: by hand, by central
 * differences of the code, and its estimate on the average.
 */
/* build: double */
#include "unit_data.h"

#include "ae_contract.h"
#include "ae_rng.h"

#define N_IN 5

static const AeBlock block = {.count = N_IN, .loss = AE_LOSS_MSE};

typedef struct Encoder
{
	AeNet net;
	AePass pass;
	AeContraction contraction;
	char *memory;
} Encoder;

/* depth layers of 4, 6, 3 units on the way to a code, the last of them the code. */
static void
make(Encoder *e, uint32_t depth, AeActivation act, size_t n_rows, bool exact)
{
	static const uint32_t widths[] = {4, 6, 3};
	AeArena arena = {0};

	memset(e, 0, sizeof *e);
	e->net = (AeNet){.n_layers = 2 * depth,
					 .n_encoder = depth,
					 .layout = {.n_dense = N_IN, .n_columns = N_IN, .n_blocks = 1}};
	e->net.layout.blocks = &block;
	e->net.width[0] = e->net.width[2 * depth] = N_IN;
	for (uint32_t l = 1; l < 2 * depth; l++)
		e->net.width[l] = widths[(l <= depth ? l : 2 * depth - l) - 1];
	for (uint32_t l = 0; l < 2 * depth; l++)
		e->net.activation[l] = act;
	assert_int_equal(ae_net_check(&e->net, NULL), AE_OK);
	for (int pass = 0; pass < 2; pass++)
	{
		unit_place(&e->pass, &arena, &e->net, n_rows, true);
		ae_contract_place(&e->contraction, &arena, &e->net, n_rows, 1, exact);
		ae_net_hook(&e->pass, &ae_contract_hooks, &e->contraction);
		if (pass == 1)
			break;
		e->memory = malloc(arena.used + AE_ALIGN);
		arena = (AeArena){.base = ae_arena_align(e->memory)};
	}
}

static double
value(Encoder *e, const AeReal *params, const AeReal *x, size_t n_rows)
{
	unit_forward(&e->pass, params, x, NULL, n_rows, true);
	return ae_contract_value(&e->contraction, &e->pass, params);
}

static void
draw(AeReal *params, AeReal *x, size_t n_rows, const AeNet *net)
{
	ae_net_init(params, net, 3, NULL);
	for (size_t i = 0; i < ae_net_n_params(net); i++)
		params[i] += 0.2 * sin(2 + (double) i);
	for (size_t i = 0; i < n_rows * N_IN; i++)
		x[i] = 1.3 * sin(1 + 0.7 * (double) i);
}

/* One input, one unit, h = tanh(w x + b): |J|^2 = w^2 s^2 with s = 1 - h^2. */
static void
one_unit_by_hand(void **state)
{
	const double w = 0.5, b = 0.25, x = 2, h = tanh(w * x + b), s = 1 - h * h;
	const AeBlock one = {.count = 1, .loss = AE_LOSS_MSE};
	const AeReal params[] = {w, b, 3, 0}, row[] = {x, x};
	AeReal grads[4] = {0};
	AeArena arena = {0};
	Encoder e = {.net = {.n_layers = 2,
						 .n_encoder = 1,
						 .width = {1, 1, 1},
						 .activation = {AE_TANH, AE_IDENTITY},
						 .layout = {.n_dense = 1, .n_columns = 1, .n_blocks = 1}}};

	(void) state;
	e.net.layout.blocks = &one;
	e.memory = malloc(65536);
	arena.base = ae_arena_align(e.memory);
	unit_place(&e.pass, &arena, &e.net, 2, true);
	ae_contract_place(&e.contraction, &arena, &e.net, 2, 0.3, true);
	ae_net_hook(&e.pass, &ae_contract_hooks, &e.contraction);
	assert_true(arena.used < 65536 - AE_ALIGN);
	assert_true(fabs(value(&e, params, row, 2) - 2 * w * w * s * s) < 1e-14);
	ae_contract_gradient(grads, &e.contraction, &e.pass, params, 0.5);
	/* of the mean of 0.3 w^2 s^2 by w where z is held, and by z, s' = -2 h s: the pass does the
	 * rest
	 */
	assert_true(fabs(grads[0] - 0.3 * 2 * w * s * s) < 1e-14);
	assert_true(fabs(e.contraction.d_z[0][1] - 0.5 * 0.3 * w * w * 2 * s * (-2 * h * s)) < 1e-14);
	assert_true(grads[1] == 0 && grads[2] == 0 && grads[3] == 0);
	free(e.memory);
}

/* s' and s'' by differences of the activation itself, and far out, where squares would overflow. */
static void
derivatives_agree(void **state)
{
	const double step = 1e-4;

	(void) state;
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		for (int i = -24; i <= 24; i++)
		{
			const double z = 0.25 * i + 0.01; /* not 0, where the curve of elu jumps */
			AeReal h[] = {z, z - step, z + step, 1e200, -1e200}, at[5], slope[5], curve[5];
			const AeReal zero[5] = {0};

			if (ae_activation_info[act].kinked)
				continue;
			memcpy(at, h, sizeof at);
			ae_kernels_best()->bias_activate((AeActivation) act, h, slope, zero, 1, 5, 5);
			ae_kernels_best()->activation_curve((AeActivation) act, slope, curve, h, at, 5);
			assert_true(fabs((h[2] - h[1]) / (2 * step) - slope[0]) < 1e-7);
			assert_true(fabs((slope[2] - slope[1]) / (2 * step) - curve[0]) < 1e-7);
			for (int far = 3; far < 5; far++)
				assert_true(fabs(slope[far]) <= 1 && fabs(curve[far]) < 1e-12);
		}
}

/* sum over rows, units of the code and inputs of (dh/dx)^2, by central differences of the code. */
static double
numeric_norm(Encoder *e, const AeReal *params, AeReal *x, size_t n_rows)
{
	const double step = 1e-5;
	size_t n_code = e->net.width[e->net.n_encoder];
	AeReal *code = e->pass.h[e->net.n_encoder], low[64];
	double sum = 0;

	assert_true(n_rows * n_code <= 64);
	for (size_t j = 0; j < N_IN; j++)
		for (size_t i = 0; i < n_rows; i++)
		{
			AeReal keep = x[i * N_IN + j];

			x[i * N_IN + j] = keep - step;
			value(e, params, x, n_rows);
			memcpy(low, code, n_rows * n_code * sizeof(AeReal));
			x[i * N_IN + j] = keep + step;
			value(e, params, x, n_rows);
			x[i * N_IN + j] = keep;
			for (size_t k = i * n_code; k < (i + 1) * n_code; k++)
				sum += pow((code[k] - low[k]) / (2 * step), 2);
		}
	return sum;
}

static void
norm_is_that_of_the_code(void **state)
{
	enum
	{
		N = 4
	};

	(void) state;
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		for (uint32_t depth = 1; depth <= 3; depth++)
		{
			AeReal params[256], x[N * N_IN];
			Encoder e;
			double exact, numeric;

			if (ae_activation_info[act].kinked)
				continue;
			make(&e, depth, (AeActivation) act, N, true);
			draw(params, x, N, &e.net);
			exact = value(&e, params, x, N);
			numeric = numeric_norm(&e, params, x, N);
			assert_true(exact > 1e-4);
			if (fabs(exact / numeric - 1) > 1e-8)
				fail_msg("%s, depth %u: |J|^2 is %.12g, by differences %.12g",
						 ae_activation_name[act], depth, exact, numeric);
			free(e.memory);
		}
}

/*
 * The mean over probes approaches the norm as 1 / sqrt(their number); one probe does not give it.
 */
static void
estimate_is_right_on_the_average(void **state)
{
	enum
	{
		N = 4,
		PROBES = 20000
	};

	(void) state;
	for (uint32_t depth = 2; depth <= 3; depth++)
	{
		AeReal params[256], x[N * N_IN];
		Encoder exact, estimate;
		double wanted, sum = 0, square = 0, mean, error;

		make(&exact, depth, AE_TANH, N, true);
		make(&estimate, depth, AE_TANH, N, false);
		draw(params, x, N, &exact.net);
		wanted = value(&exact, params, x, N);
		for (uint64_t visit = 0; visit < PROBES; visit++)
		{
			double one;

			ae_contract_draw(&estimate.contraction, &estimate.net, N, (AeVisit){7, visit});
			one = value(&estimate, params, x, N);
			sum += one;
			square += one * one;
		}
		mean = sum / PROBES;
		error = sqrt((square / PROBES - mean * mean) / PROBES);
		assert_true(error > 1e-4 * wanted && error < 0.01 * wanted);
		assert_true(fabs(mean - wanted) < 4 * error);
		/* the same probe again gives the same, to the bit */
		ae_contract_draw(&estimate.contraction, &estimate.net, N, (AeVisit){7, 3});
		mean = value(&estimate, params, x, N);
		ae_contract_draw(&estimate.contraction, &estimate.net, N, (AeVisit){7, 4});
		assert_true(value(&estimate, params, x, N) != mean);
		ae_contract_draw(&estimate.contraction, &estimate.net, N, (AeVisit){7, 3});
		assert_true(value(&estimate, params, x, N) == mean);
		free(exact.memory);
		free(estimate.memory);
	}
}

static void
kinks_are_refused(void **state)
{
	Encoder e;
	AeError error;

	(void) state;
	make(&e, 2, AE_TANH, 1, true);
	assert_int_equal(ae_contract_check(&e.net, &error), AE_OK);
	e.net.activation[2] = e.net.activation[3] = AE_RELU; /* of the decoder: no matter */
	assert_int_equal(ae_contract_check(&e.net, &error), AE_OK);
	for (int l = 0; l < 2; l++)
	{
		AeNet net = e.net;

		net.activation[l] = l == 0 ? AE_SELU : AE_LEAKY_RELU;
		assert_int_equal(ae_contract_check(&net, &error), AE_ERR_ARGUMENT);
		assert_string_equal(error.what, "contract_weight");
	}
	e.net.top_k = 1;
	assert_int_equal(ae_contract_check(&e.net, &error), AE_ERR_ARGUMENT);
	free(e.memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_unit_by_hand),
		cmocka_unit_test(derivatives_agree),
		cmocka_unit_test(norm_is_that_of_the_code),
		cmocka_unit_test(estimate_is_right_on_the_average),
		cmocka_unit_test(kinks_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
