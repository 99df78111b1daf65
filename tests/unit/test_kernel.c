/*
 * test_kernel.c: proves that ae_math.h is as exact as it says and right at its extremes, that
 * every table of kernels this CPU runs gives the same bits where it must and right numbers
 * everywhere, reads and writes nothing outside its arrays, and matches committed results.
 */
#define _GNU_SOURCE

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "ae_kernel.h"
#include "ae_math.h"
#include "ae_rng.h"

#include "golden_inputs.h"
#include "reference.h"

#ifndef AE_DOUBLE
#include "../golden/kernels.h"
#endif

#define MAX_TABLES 3

#ifdef AE_DOUBLE
#define TOLERANCE 1e-12
#else
#define TOLERANCE 2e-6
#endif

/* ---- helpers ---- */

static int
find_tables(const AeKernels **tables)
{
	static const char *const names[] = {"generic", "avx2", "avx512"};
	int n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const AeKernels *table = ae_kernels_find(names[i]);

		if (table)
		{
			assert_string_equal(table->name, names[i]);
			tables[n++] = table;
		}
	}
	assert_true(n >= 1);
	return n;
}

/* Memory whose end lies against a page that may not be touched. */
typedef struct Guarded
{
	char *map;
	size_t map_bytes;
	AeReal *p;
	size_t n;
} Guarded;

static Guarded
guarded_new(size_t n)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE), bytes = n * sizeof(AeReal);
	size_t data = (bytes + page - 1) / page * page + page; /* a page before it, too */
	Guarded g = {.map_bytes = data + page, .n = n};

	g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(g.map != MAP_FAILED);
	assert_int_equal(mprotect(g.map + data, page, PROT_NONE), 0);
	memset(g.map, 0x5a, data);
	g.p = (AeReal *) (void *) (g.map + data - bytes);
	return g;
}

/* Also checks that nothing before the array was written. */
static void
guarded_free(Guarded g)
{
	for (char *c = (char *) g.p - 64; c < (char *) g.p; c++)
		assert_int_equal(*c, 0x5a);
	munmap(g.map, g.map_bytes);
}

static void
assert_near(double got, double want, double scale)
{
	if (!(fabs(got - want) <= TOLERANCE * (fabs(want) + scale)))
		fail_msg("%.17g, expected %.17g", got, want);
}

static AeReal
clamp01(AeReal t)
{
	return t < 0 ? 0 : (t > 1 ? 1 : t);
}

/* ---- ae_math.h ---- */

#ifndef AE_DOUBLE

static float
gelu_slope_of(float z)
{
	float slope, h = ae_gelu_slope(&slope, z);

	assert_true(h == ae_gelu(z));
	return slope;
}

static float
silu_slope_of(float z)
{
	float slope, h = ae_silu_slope(&slope, z);

	assert_true(h == ae_silu(z));
	return slope;
}

static float
sine_of(float turns)
{
	float sine, cosine;

	ae_sincos2pi(&sine, &cosine, turns);
	return sine;
}

static float
cosine_of(float turns)
{
	float sine, cosine;

	ae_sincos2pi(&sine, &cosine, turns);
	return cosine;
}

static double
reference_sine(double turns)
{
	return sin(2 * M_PI * turns);
}

static double
reference_cosine(double turns)
{
	return cos(2 * M_PI * turns);
}

#define WRAP(name)                                                                                 \
	static float name##_of(float x)                                                                \
	{                                                                                              \
		return ae_##name(x);                                                                       \
	}

WRAP(exp)
WRAP(log)
WRAP(log1p)
WRAP(tanh)
WRAP(sigmoid)
WRAP(softplus)
WRAP(softplus_tail)
WRAP(normal_cdf)
WRAP(gelu)
WRAP(silu)
WRAP(reciprocal)
WRAP(elu)
WRAP(selu)

static double
reference_tail(double z)
{
	return log1p(exp(-fabs(z)));
}

static double
reference_reciprocal(double x)
{
	return 1 / x;
}

/* Errors count in units of the last place of the result, but of no less than that of `floor`. */
static const struct
{
	const char *name;
	float (*f)(float);
	double (*reference)(double);
	double low, high, floor, max_ulp;
} accuracy[] = {
	{"exp", exp_of, exp, -87, 88.72, 0, 1.5},
	{"log", log_of, log, 1e-40, 3e38, 0, 1.5},
	{"log near 1", log_of, log, 0.5, 2, 0, 1.5},
	{"log1p", log1p_of, log1p, 0, 1, 0, 1.5},
	{"tanh", tanh_of, tanh, -12, 12, 0, 6},
	{"sigmoid", sigmoid_of, reference_sigmoid, -86, 86, 0, 3},
	{"softplus", softplus_of, reference_softplus, -86, 100, 0, 3},
	{"softplus tail", softplus_tail_of, reference_tail, -86, 86, 0, 3},
	{"normal cdf", normal_cdf_of, reference_cdf, -4, 10, 1e-3, 8},
	{"gelu", gelu_of, reference_gelu, -8, 100, 1e-3, 8},
	{"gelu slope", gelu_slope_of, reference_gelu_slope, -8, 20, 0.1, 9},
	{"silu", silu_of, reference_silu, -80, 100, 0, 4},
	{"silu slope", silu_slope_of, reference_silu_slope, -80, 100, 0.1, 5},
	{"sine", sine_of, reference_sine, -1, 1, 1e-1, 2},
	{"cosine", cosine_of, reference_cosine, -1, 1, 1e-1, 2},
	{"elu", elu_of, reference_elu, -90, 20, 0, 3},
	{"selu", selu_of, reference_selu, -90, 20, 0, 4},
	{"reciprocal", reciprocal_of, reference_reciprocal, 1, 1e30, 0, 1.5},
};

/* Error of f(x) in units of the last place. */
static double
ulp_error(double got, double want, double floor)
{
	double size = fabs(want) > floor ? fabs(want) : floor;
	int exponent;

	frexp(size > 0x1p-126 ? size : 0x1p-126, &exponent);
	return fabs(got - want) / ldexp(1.0, exponent - 24);
}

static void
test_math_accuracy(void **state)
{
	const int steps = 200000;

	(void) state;
	for (size_t i = 0; i < sizeof(accuracy) / sizeof(accuracy[0]); i++)
	{
		double low = accuracy[i].low, high = accuracy[i].high, worst = 0, at = 0;
		double tiny = low > 0 ? low : 1e-30;

		/* a linear grid, and two geometric ones for numbers near zero */
		for (int grid = 0; grid < 3; grid++)
		{
			for (int k = 0; k <= steps; k++)
			{
				double share = (double) k / steps, x, error;

				x = grid == 0   ? low + (high - low) * share
					: grid == 1 ? tiny * pow(high / tiny, share)
								: -tiny * pow(-low / tiny, share);
				if ((grid == 2 && low >= 0) || x < low || x > high)
					continue;
				x = (float) x;
				error = ulp_error(accuracy[i].f((float) x), accuracy[i].reference(x),
								  accuracy[i].floor);
				if (!(error <= worst))
				{
					worst = error;
					at = x;
				}
			}
		}
		print_message("%-14s %.2f ulp at %g\n", accuracy[i].name, worst, at);
		if (!(worst <= accuracy[i].max_ulp))
			fail_msg("%s is off by %.2f ulp at %a, more than %.2f", accuracy[i].name, worst, at,
					 accuracy[i].max_ulp);
	}
}

/*
 * sigmoid, and what is made of it, has an error of one unit in the last place also where the exact
 * value is a float: half of it at 0, all of it at infinity.  It never exceeds 1.
 */
static bool
is_just_below(float got, float want)
{
	return got == want || got == nextafterf(want, 0);
}

static void
test_math_extremes(void **state)
{
	const float inf = INFINITY;

	(void) state;
	assert_true(ae_exp(0) == 1);
	assert_true(ae_exp(89) == inf && ae_exp(inf) == inf && ae_exp(3e38f) == inf);
	assert_true(isfinite(ae_exp(88.72f)));
	assert_true(ae_exp(-88) == 0 && ae_exp(-inf) == 0 && ae_exp(-3e38f) == 0);
	assert_true(ae_log(0) == -inf && ae_log(-0.0f) == -inf && ae_log(inf) == inf);
	assert_true(ae_log(1) == 0 && isnan(ae_log(-1)) && isnan(ae_log(-inf)));
	assert_true(ae_tanh(inf) == 1 && ae_tanh(-inf) == -1 && ae_tanh(10) == 1);
	assert_true(ae_tanh(-3e38f) == -1 && ae_tanh(0) == 0 && ae_tanh(1e-40f) == 1e-40f);
	assert_true(is_just_below(ae_sigmoid(inf), 1) && ae_sigmoid(-inf) == 0);
	assert_true(is_just_below(ae_sigmoid(0), 0.5f) && is_just_below(ae_sigmoid(50), 1));
	assert_true(ae_sigmoid(-3e38f) == 0 && ae_sigmoid(-50) > 0);
	assert_true(ae_softplus(inf) == inf && ae_softplus(-inf) == 0 && ae_softplus(1e30f) == 1e30f);
	assert_true(ae_normal_cdf(inf) == 1 && ae_normal_cdf(-inf) == 0);
	assert_true(ae_normal_cdf(0) == 0.5f);
	assert_true(ae_gelu(inf) == inf && ae_gelu(-inf) == 0 && ae_gelu(-3e38f) == 0);
	assert_true(ae_gelu(20) == 20 && ae_gelu(1e30f) == 1e30f && ae_gelu(-20) == 0);
	assert_true(gelu_slope_of(inf) == 1 && gelu_slope_of(-inf) == 0 && gelu_slope_of(0) == 0.5f);
	assert_true(gelu_slope_of(3e38f) == 1 && gelu_slope_of(-3e38f) == 0);
	assert_true(ae_silu(inf) == inf && ae_silu(-inf) == 0 && ae_silu(-3e38f) == 0);
	assert_true(is_just_below(ae_silu(1e30f), 1e30f));
	assert_true(is_just_below(silu_slope_of(inf), 1) && silu_slope_of(-inf) == 0);
	assert_true(is_just_below(silu_slope_of(0), 0.5f));
	assert_true(is_just_below(silu_slope_of(3e38f), 1) && silu_slope_of(-3e38f) == 0);
	for (size_t i = 0; i < sizeof(accuracy) / sizeof(accuracy[0]); i++)
	{
		float y = strcmp(accuracy[i].name, "gelu slope") && strcmp(accuracy[i].name, "silu slope")
					  ? accuracy[i].f(NAN)
					  : NAN;

		if (!isnan(y))
			fail_msg("%s loses a NaN", accuracy[i].name);
	}
}

/* In this file, compiled for the baseline, ae_fma is the emulation where the CPU may lack it. */
static void
test_fma_is_exact(void **state)
{
	static const float special[] = {0.0f,      -0.0f,           1.0f,
									-1.0f,     0x1p-149f,       -0x1p-149f,
									0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f,
									INFINITY,  -INFINITY,       NAN,
									0x1p-24f,  0x1.000002p0f};
	const size_t n_special = sizeof(special) / sizeof(special[0]);

	(void) state;
	for (uint32_t i = 0; i < 2000000; i++)
	{
		uint32_t ctr[4] = {i, 0, 0, 77}, word[4];
		float v[3], got, want;

		ae_philox(word, ctr, 5);
		for (int k = 0; k < 3; k++)
		{
			/* any bits; exponents near each other; special values; c close to -a b */
			if (i % 4 == 1)
				word[k] = (word[k] & 0x81ffffffu) | 0x3e000000u;
			memcpy(&v[k], &word[k], sizeof(float));
			if (i % 4 == 2)
				v[k] = special[word[k] % n_special];
		}
		if (i % 4 == 3)
			v[2] = nextafterf(-v[0] * v[1], word[3] & 1 ? 1e38f : -1e38f);
		got = ae_fma(v[0], v[1], v[2]);
		want = fmaf(v[0], v[1], v[2]);
		if (memcmp(&got, &want, sizeof(float)) != 0 && !(isnan(got) && isnan(want)))
			fail_msg("fma(%a, %a, %a) = %a, not %a", v[0], v[1], v[2], got, want);
	}
}

#endif

/* ---- tables and packing ---- */

static void
test_find(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n = find_tables(tables);

	(void) state;
	assert_null(ae_kernels_find("abacus"));
	assert_null(ae_kernels_find(""));
	assert_non_null(ae_kernels_find("generic"));
	assert_ptr_equal(ae_kernels_best(), tables[n - 1]);
	print_message("tables:");
	for (int t = 0; t < n; t++)
		print_message(" %s", tables[t]->name);
	print_message("\n");
}

static void
test_pack(void **state)
{
	static const size_t widths[][2] = {{1, 8},   {8, 8},   {9, 16},  {16, 16}, {17, 32},
									   {32, 32}, {33, 40}, {41, 48}, {49, 64}, {64, 64}};

	(void) state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
	{
		size_t n_in = 3, n_out = widths[i][0];
		AeReal w[3 * 64];
		Guarded panels = guarded_new(n_in * widths[i][1]);

		assert_int_equal(ae_kernel_packed_count(n_in, n_out), panels.n);
		fill(w, n_in * n_out, 1, 1);
		ae_kernel_pack(panels.p, w, n_in, n_out, NULL);
		for (size_t col = 0; col < widths[i][1]; col++)
		{
			size_t first = col / 32 * 32, width = widths[i][1] - first;

			width = width > 32 ? 32 : width;
			for (size_t k = 0; k < n_in; k++)
				assert_true(panels.p[first * n_in + k * width + col - first] ==
							(col < n_out ? w[k * n_out + col] : 0));
		}
		guarded_free(panels);
	}
	assert_int_equal(ae_kernel_packed_count(5, 0), 0);
}

/* ---- dense ---- */

/* One row as the banner of ae_kernel.h defines it. */
static void
reference_dense(AeReal *y, const AeReal *x, const AeReal *w, const AeReal *bias, size_t n_in,
				size_t n_out)
{
	for (size_t j = 0; j < n_out; j++)
	{
		AeReal chain[2] = {0, 0};

		for (size_t k = 0; k < n_in; k++)
			chain[k % 2] = ae_fma(x[k], w[k * n_out + j], chain[k % 2]);
		y[j] = (chain[0] + chain[1]) + bias[j];
	}
}

/* One shape, all tables: a batch with gaps between its rows, and every row alone. */
static void
check_dense(const AeKernels *const *tables, int n_tables, size_t n_rows, size_t n_in, size_t n_out)
{
	size_t ldx = n_in + n_rows % 3, ldy = n_out + n_rows % 2;
	Guarded x = guarded_new((n_rows - 1) * ldx + n_in), w = guarded_new(n_in * n_out);
	Guarded bias = guarded_new(n_out), want = guarded_new(n_rows * n_out);
	Guarded panels = guarded_new(ae_kernel_packed_count(n_in, n_out));
	Guarded y = guarded_new((n_rows - 1) * ldy + n_out);

	fill(x.p, x.n, 2, 2);
	fill(w.p, w.n, 3, 1);
	fill(bias.p, bias.n, 4, 1);
	ae_kernel_pack(panels.p, w.p, n_in, n_out, NULL);
	for (size_t i = 0; i < n_rows; i++)
		reference_dense(want.p + i * n_out, x.p + i * ldx, w.p, bias.p, n_in, n_out);
	for (int t = 0; t < n_tables; t++)
	{
		for (int alone = 0; alone < 2; alone++)
		{
			size_t step = alone ? 1 : n_rows;

			memset(y.p, 0x77, y.n * sizeof(AeReal));
			for (size_t i = 0; i < n_rows; i += step)
				tables[t]->dense(y.p + i * ldy, ldy, x.p + i * ldx, ldx, panels.p, bias.p, step,
								 n_in, n_out);
			for (size_t i = 0; i < n_rows; i++)
			{
				if (memcmp(y.p + i * ldy, want.p + i * n_out, n_out * sizeof(AeReal)) != 0)
					fail_msg("%s: %zu rows %zux%zu, row %zu differs%s", tables[t]->name, n_rows,
							 n_in, n_out, i, alone ? " alone" : "");
				if (ldy > n_out && i + 1 < n_rows)
					assert_int_equal(((unsigned char *) (y.p + i * ldy + n_out))[0], 0x77);
			}
		}
	}
	guarded_free(x);
	guarded_free(w);
	guarded_free(bias);
	guarded_free(want);
	guarded_free(panels);
	guarded_free(y);
}

static void
test_dense_same_bits(void **state)
{
	static const size_t inputs[] = {1, 2, 3, 4, 7, 16, 31, 40};
	static const size_t rows[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 30};
	const AeKernels *tables[MAX_TABLES];
	int n = find_tables(tables);

	(void) state;
	for (size_t n_out = 1; n_out <= 70; n_out++)
	{
		for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		{
			/* every width meets every depth; rows take turns */
			for (size_t r = (n_out + i) % 3; r < sizeof(rows) / sizeof(rows[0]); r += 3)
				check_dense(tables, n, rows[r], inputs[i], n_out);
		}
	}
}

static void
test_dense_deep_and_wide(void **state)
{
	static const size_t shapes[][3] = {{1, 255, 33},  {13, 256, 32}, {25, 257, 64}, {30, 300, 70},
									   {24, 511, 96}, {7, 600, 8},   {5, 400, 16},  {1, 784, 300},
									   {2, 33, 257},  {1, 30, 129},  {61, 1700, 40}};
	const AeKernels *tables[MAX_TABLES];
	int n = find_tables(tables);

	(void) state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		check_dense(tables, n, shapes[i][0], shapes[i][1], shapes[i][2]);
}

/* ---- activations ---- */

/* Every activation, every length: one set of bits, the same as of an element alone, and right. */
static void
test_activate(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
	{
		for (size_t n = 0; n <= 70; n++)
		{
			Guarded z = guarded_new(n), first = guarded_new(n), h = guarded_new(n);

			fill(z.p, n, 5 + (uint32_t) n, n % 2 ? 4 : 40);
			for (int t = 0; t < n_tables; t++)
			{
				memcpy(h.p, z.p, n * sizeof(AeReal));
				tables[t]->activate((AeActivation) act, h.p, n);
				if (t == 0)
					memcpy(first.p, h.p, n * sizeof(AeReal));
				assert_memory_equal(h.p, first.p, n * sizeof(AeReal));
				for (size_t i = 0; i < n; i++)
				{
					AeReal alone = z.p[i];

					tables[t]->activate((AeActivation) act, &alone, 1);
					assert_memory_equal(&alone, h.p + i, sizeof(alone));
					assert_near(alone, reference_activation((AeActivation) act, z.p[i], NULL, NULL),
								1);
				}
			}
			guarded_free(z);
			guarded_free(first);
			guarded_free(h);
		}
	}
}

static void
test_activate_extremes(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int t = 0; t < n_tables; t++)
	{
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		{
			AeReal h[20];

			for (int i = 0; i < 20; i++)
				h[i] = i % 3 == 0 ? (AeReal) 1e30 : i % 3 == 1 ? (AeReal) -1e30 : (AeReal) NAN;
			tables[t]->activate((AeActivation) act, h, 20);
			for (int i = 0; i < 20; i++)
			{
				if (i % 3 == 2)
					assert_true(isnan(h[i]));
				else
					assert_near(h[i],
								reference_activation((AeActivation) act, i % 3 == 0 ? 1e30 : -1e30,
													 NULL, NULL),
								0);
			}
		}
	}
}

/* Forward and backward, rows with and without gaps; without slope the output is the same. */
static void
check_bias_activate(const AeKernels *table, AeActivation act, size_t n_rows, size_t n_cols,
					size_t ld)
{
	size_t n = (n_rows - 1) * ld + n_cols, bytes = n * sizeof(AeReal);
	Guarded z = guarded_new(n), h = guarded_new(n), plain = guarded_new(n), slope = guarded_new(n);
	Guarded d = guarded_new(n), d_before = guarded_new(n), bias = guarded_new(n_cols);
	bool needs_slope = ae_activation_info[act].needs_slope;

	fill(z.p, n, 6, 3);
	fill(bias.p, n_cols, 7, 1);
	fill(d_before.p, n, 8, 1);
	memcpy(h.p, z.p, bytes);
	memcpy(plain.p, z.p, bytes);
	memcpy(d.p, d_before.p, bytes);
	table->bias_activate(act, h.p, needs_slope ? slope.p : NULL, bias.p, n_rows, n_cols, ld);
	table->bias_activate(act, plain.p, NULL, bias.p, n_rows, n_cols, ld);
	assert_memory_equal(h.p, plain.p, bytes);
	table->activation_backward(act, d.p, h.p, needs_slope ? slope.p : NULL, n_rows, n_cols, ld);
	for (size_t i = 0; i < n; i++)
	{
		size_t col = i % ld;
		double want_slope, want;

		if (col >= n_cols)
		{
			assert_true(h.p[i] == z.p[i] && d.p[i] == d_before.p[i]);
			continue;
		}
		want = reference_activation(act, (AeReal) (z.p[i] + bias.p[col]), &want_slope, NULL);
		assert_near(h.p[i], want, 1);
		if (needs_slope)
			assert_near(slope.p[i], want_slope, 1);
		assert_near(d.p[i], d_before.p[i] * want_slope, 1);
	}
	guarded_free(z);
	guarded_free(h);
	guarded_free(plain);
	guarded_free(slope);
	guarded_free(d);
	guarded_free(d_before);
	guarded_free(bias);
}

static void
test_bias_activate_and_backward(void **state)
{
	static const size_t shapes[][3] = {{1, 1, 1},       {1, 7, 7},   {9, 3, 3},    {5, 8, 8},
									   {7, 15, 15},     {6, 16, 16}, {4, 17, 17},  {3, 30, 30},
									   {5, 70, 70},     {3, 5, 9},   {4, 20, 23},  {2, 1024, 1024},
									   {2, 1025, 1025}, {40, 2, 2},  {3, 100, 101}};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int t = 0; t < n_tables; t++)
	{
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		{
			for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
				check_bias_activate(tables[t], (AeActivation) act, shapes[i][0], shapes[i][1],
									shapes[i][2]);
		}
	}
}

static void
test_activation_curve(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int t = 0; t < n_tables; t++)
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
			for (size_t n = 1; !ae_activation_info[act].kinked && n < 70; n += 17)
			{
				Guarded z = guarded_new(n), h = guarded_new(n), bias = guarded_new(n);
				Guarded slope = guarded_new(n), curve = guarded_new(n);

				fill(z.p, n, 6 + n, 3);
				memcpy(h.p, z.p, n * sizeof(AeReal));
				memset(bias.p, 0, n * sizeof(AeReal));
				tables[t]->bias_activate((AeActivation) act, h.p, slope.p, bias.p, 1, n, n);
				tables[t]->activation_curve((AeActivation) act, slope.p, curve.p, h.p, z.p, n);
				for (size_t i = 0; i < n; i++)
				{
					double want_slope, want_curve;

					reference_activation((AeActivation) act, z.p[i], &want_slope, &want_curve);
					assert_near(slope.p[i], want_slope, 1);
					assert_near(curve.p[i], want_curve, 1);
				}
				guarded_free(z);
				guarded_free(h);
				guarded_free(bias);
				guarded_free(slope);
				guarded_free(curve);
			}
}

/* ---- errors and losses ---- */

static double
lanes_total(const double *s)
{
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static double
cross_entropy_term(AeReal z, AeReal t)
{
	double c = clamp01(t), excess = (double) t - c;
	double linear = (double) (z < 0 ? 0 : z) - c * (double) z;

	return ((double) ae_softplus_tail(z) + linear) + excess * excess;
}

static double
huber_term(double e)
{
	double a = fabs(e), inner = fmin(a, 1);

	return inner * (a - 0.5 * inner);
}

/* All errors in every table: the bits of the definition, lane by lane. */
static void
test_row_errors_same_bits(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t n = 0; n <= 100; n++)
	{
		Guarded r = guarded_new(n), x = guarded_new(n);
		double square[8] = {0}, absolute[8] = {0}, huber[8] = {0}, cross[8] = {0}, exact = 0;

		fill(r.p, n, 9, 6);
		fill(x.p, n, 10, 1.5);
		for (size_t j = 0; j < n; j++)
		{
			double e = (double) r.p[j] - (double) x.p[j], c = clamp01(x.p[j]);

			square[j % 8] += e * e;
			absolute[j % 8] += fabs(e);
			huber[j % 8] += huber_term(e);
			cross[j % 8] += cross_entropy_term(r.p[j], x.p[j]);
			exact += reference_softplus(r.p[j]) - c * r.p[j] + (x.p[j] - c) * (x.p[j] - c);
		}
		for (int t = 0; t < n_tables; t++)
		{
			double got = tables[t]->square_error(r.p, x.p, n);

			assert_true(got == lanes_total(square));
			assert_true(tables[t]->absolute_error(r.p, x.p, n) == lanes_total(absolute));
			assert_true(tables[t]->huber_error(r.p, x.p, n) == lanes_total(huber));
			got = tables[t]->cross_entropy(r.p, x.p, n);
			assert_near(got, exact, 1);
			assert_true(got == lanes_total(cross));
		}
		guarded_free(r);
		guarded_free(x);
	}
}

/* A target outside [0, 1] costs the clamped target's entropy and its squared excess. */
static void
test_cross_entropy_excess(void **state)
{
	static const double cases[][3] = {/* z, t, loss */
									  {0, 0, M_LN2},
									  {0, 1, M_LN2},
									  {0, 0.5, M_LN2},
									  {0, 1.5, M_LN2 + 0.25},
									  {0, -2, M_LN2 + 4},
									  {100, 1, 0},
									  {100, 3, 4},
									  {-100, 0, 0},
									  {-100, -1, 1},
									  {100, 0, 100},
									  {-100, 1, 100},
									  {1e15, 1, 0},
									  {2, 0.25, 1.6269280110429725}};
	const AeExtent one = {1, 1, 1, 1};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int k = 0; k < n_tables; k++)
	{
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		{
			AeReal z = (AeReal) cases[i][0], t = (AeReal) cases[i][1], d, slope;

			assert_near(tables[k]->cross_entropy(&z, &t, 1), cases[i][2], 1);
			assert_near(tables[k]->cross_entropy_loss(&d, &z, &t, 2, &one), cases[i][2], 1);
			slope = (AeReal) (2 * (reference_sigmoid(z) - clamp01(t)));
			assert_near(d, slope, 1);
		}
	}
}

/* Losses of several rows against plain sums, with and without gaps and gradients. */
static void
test_losses(void **state)
{
	/* rows, columns, distance of outputs, of targets */
	static const size_t shapes[][4] = {{1, 1, 1, 1},   {5, 3, 3, 3},          {4, 30, 30, 30},
									   {6, 9, 14, 14}, {3, 2500, 2500, 2500}, {100, 47, 47, 47},
									   {6, 9, 9, 14},  {7, 9, 20, 9},         {3, 2500, 2510, 2501},
									   {40, 1, 17, 5}};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
	{
		size_t n_rows = shapes[s][0], n_cols = shapes[s][1], ld = shapes[s][2], ldx = shapes[s][3];
		AeExtent extent = {n_rows, n_cols, ld, ldx};
		size_t n = (n_rows - 1) * ld + n_cols;
		Guarded r = guarded_new(n), x = guarded_new((n_rows - 1) * ldx + n_cols);
		Guarded d = guarded_new(n), e = guarded_new(n);
		double square = 0, cross = 0;

		fill(r.p, n, 11, 4);
		fill(x.p, x.n, 12, 1.2);
		for (size_t i = 0; i < n_rows; i++)
			for (size_t j = 0; j < n_cols; j++)
			{
				AeReal z = r.p[i * ld + j], t = x.p[i * ldx + j];

				square += ((double) z - t) * ((double) z - t);
				cross += cross_entropy_term(z, t);
			}
		for (int t = 0; t < n_tables; t++)
		{
			const AeKernels *k = tables[t];
			const AeReal half = (AeReal) 0.5;

			memset(d.p, 0, n * sizeof(AeReal));
			memset(e.p, 0, n * sizeof(AeReal));
			assert_near(k->square_loss(d.p, r.p, x.p, half, &extent), square, 1);
			assert_near(k->square_loss(NULL, r.p, x.p, 1, &extent), square, 1);
			assert_near(k->cross_entropy_loss(e.p, r.p, x.p, half, &extent), cross, 1);
			assert_near(k->cross_entropy_loss(NULL, r.p, x.p, 1, &extent), cross, 1);
			for (size_t i = 0; i < n; i++)
			{
				AeReal target = i % ld < n_cols ? x.p[i / ld * ldx + i % ld] : 0;

				if (i % ld >= n_cols) /* gaps are left alone */
					assert_true(d.p[i] == 0 && e.p[i] == 0);
				else
				{
					assert_near(d.p[i], 0.5 * ((double) r.p[i] - target), 1);
					assert_near(e.p[i], 0.5 * (reference_sigmoid(r.p[i]) - clamp01(target)), 1);
				}
			}
		}
		guarded_free(r);
		guarded_free(x);
		guarded_free(d);
		guarded_free(e);
	}
}

/* Absolute and Huber's loss of several rows against plain sums, with and without gaps. */
static void
test_distance_losses(void **state)
{
	static const size_t shapes[][4] = {
		{1, 1, 1, 1}, {5, 3, 3, 3}, {6, 9, 14, 14}, {7, 9, 20, 9}, {40, 33, 33, 35}};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
	{
		size_t n_rows = shapes[s][0], n_cols = shapes[s][1], ld = shapes[s][2], ldx = shapes[s][3];
		AeExtent extent = {n_rows, n_cols, ld, ldx};
		size_t n = (n_rows - 1) * ld + n_cols;
		Guarded r = guarded_new(n), x = guarded_new((n_rows - 1) * ldx + n_cols);
		Guarded d = guarded_new(n), e = guarded_new(n);

		fill(r.p, n, 31, 4);
		fill(x.p, x.n, 32, 1.2);
		r.p[0] = x.p[0]; /* nothing between them: slope 0 */
		for (int t = 0; t < n_tables; t++)
		{
			const AeKernels *k = tables[t];
			double absolute = 0, huber = 0, got_absolute, got_huber;

			memset(d.p, 0, n * sizeof(AeReal));
			memset(e.p, 0, n * sizeof(AeReal));
			got_absolute = k->absolute_loss(d.p, r.p, x.p, (AeReal) 0.5, &extent);
			got_huber = k->huber_loss(e.p, r.p, x.p, (AeReal) 0.5, &extent);
			for (size_t i = 0; i < n; i++)
			{
				bool gap = i % ld >= n_cols;
				double diff = gap ? 0 : (double) r.p[i] - (double) x.p[i / ld * ldx + i % ld];

				absolute += fabs(diff);
				huber += huber_term(diff);
				assert_near(d.p[i], 0.5 * ((diff > 0) - (diff < 0)), 0);
				assert_near(e.p[i], 0.5 * fmax(-1, fmin(1, diff)), 1);
			}
			assert_near(got_absolute, absolute, absolute);
			assert_near(got_huber, huber, huber);
			assert_true(k->absolute_loss(NULL, r.p, x.p, 1, &extent) == got_absolute);
			assert_true(k->huber_loss(NULL, r.p, x.p, 1, &extent) == got_huber);
		}
		guarded_free(r);
		guarded_free(x);
		guarded_free(d);
		guarded_free(e);
	}
}

/* ---- categories ---- */

/* log sum exp, and the softmax, in double by libm; m: the largest. */
static double
reference_softmax(double *p, const AeReal *z, size_t n)
{
	double m = z[0], sum = 0;

	for (size_t j = 0; j < n; j++)
		m = fmax(m, z[j]);
	for (size_t j = 0; j < n; j++)
		sum += exp(z[j] - m);
	for (size_t j = 0; j < n; j++)
		p[j] = exp(z[j] - m) / sum;
	return m + log(sum);
}

/* Every table: near libm, the same bits, in place or not, with or without probabilities. */
static void
test_softmax(void **state)
{
	static double want[300];
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t n = 1; n <= 300; n += n < 70 ? 1 : 23)
		for (int scale = 1; scale <= 1000; scale *= 10)
		{
			Guarded z = guarded_new(n), p = guarded_new(n), first = guarded_new(n);
			double log_sum = 0, wanted;

			fill(z.p, n, 18, scale);
			wanted = reference_softmax(want, z.p, n);
			for (int t = 0; t < n_tables; t++)
			{
				double got = tables[t]->softmax(p.p, z.p, n), total = 0;

				assert_near(got, wanted, 1 + fabs(wanted));
				for (size_t j = 0; j < n; j++)
				{
					assert_near(p.p[j], want[j], want[j] + 1e-30);
					assert_true(p.p[j] >= 0 && p.p[j] <= 1);
					total += p.p[j];
				}
				assert_near(total, 1, 1);
				if (t == 0)
				{
					log_sum = got;
					memcpy(first.p, p.p, n * sizeof(AeReal));
				}
				assert_true(got == log_sum && tables[t]->softmax(NULL, z.p, n) == got);
				assert_memory_equal(p.p, first.p, n * sizeof(AeReal));
				memcpy(p.p, z.p, n * sizeof(AeReal));
				assert_true(tables[t]->softmax(p.p, p.p, n) == got);
				assert_memory_equal(p.p, first.p, n * sizeof(AeReal));
			}
			guarded_free(z);
			guarded_free(p);
			guarded_free(first);
		}
}

/* Far apart, equal, huge, and not a number. */
static void
test_softmax_extremes(void **state)
{
	const AeReal apart[] = {-1000, 1000, 0}, equal[] = {7, 7, 7, 7}, one[] = {-3};
	const AeReal huge[] = {(AeReal) 1e30, (AeReal) -1e30};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);
	AeReal p[16];

	(void) state;
	for (int t = 0; t < n_tables; t++)
	{
		const AeKernels *k = tables[t];

		assert_true(k->softmax(p, apart, 3) == 1000 && p[0] == 0 && p[1] == 1 && p[2] == 0);
		assert_near(k->softmax(p, equal, 4), 7 + log(4), 1);
		assert_true(p[0] == (AeReal) 0.25 && p[3] == (AeReal) 0.25);
		assert_true(k->softmax(p, one, 1) == -3 && p[0] == 1);
		assert_true(k->softmax(p, huge, 2) == (double) huge[0] && p[0] == 1 && p[1] == 0);
		for (int bad = 0; bad < 16; bad++)
			for (int what = 0; what < 3; what++)
			{
				AeReal z[16] = {0};

				z[bad] = what == 0   ? (AeReal) NAN
						 : what == 1 ? (AeReal) INFINITY
									 : (AeReal) -INFINITY;
				/* never a number from what is none; -infinity is a level that cannot be */
				if (what < 2)
					assert_false(isfinite(k->softmax(p, z, 16)));
				else
					assert_near(k->softmax(p, z, 16), log(15), 1);
			}
	}
}

/* y + round(alpha x): the same bits everywhere, whatever the length. */
static void
test_axpy_same_bits(void **state)
{
	static const double alphas[] = {1, -0.3, 1e-3};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t n = 0; n <= 130; n++)
		for (size_t a = 0; a < 3; a++)
		{
			Guarded x = guarded_new(n), y = guarded_new(n), start = guarded_new(n);
			AeReal alpha = (AeReal) alphas[a];

			fill(x.p, n, 19, 3);
			fill(start.p, n, 20, 2);
			for (int t = 0; t < n_tables; t++)
			{
				memcpy(y.p, start.p, n * sizeof(AeReal));
				tables[t]->axpy(y.p, alpha, x.p, n);
				for (size_t i = 0; i < n; i++)
				{
					volatile AeReal product = alpha * x.p[i];
					volatile AeReal sum = start.p[i] + product;

					assert_true(y.p[i] == sum);
				}
			}
			guarded_free(x);
			guarded_free(y);
			guarded_free(start);
		}
}

/* A layer without inputs is its bias. */
static void
test_dense_without_inputs(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t n_out = 1; n_out <= 70; n_out++)
		for (size_t n_rows = 1; n_rows <= 14; n_rows++)
		{
			Guarded y = guarded_new(n_rows * n_out), bias = guarded_new(n_out);
			AeReal none = 0;

			fill(bias.p, n_out, 21, 1);
			assert_int_equal(ae_kernel_packed_count(0, n_out), 0);
			for (int t = 0; t < n_tables; t++)
			{
				memset(y.p, 0xff, n_rows * n_out * sizeof(AeReal));
				tables[t]->dense(y.p, n_out, &none, 0, &none, bias.p, n_rows, 0, n_out);
				for (size_t i = 0; i < n_rows * n_out; i++)
					assert_true(y.p[i] == bias.p[i % n_out]);
			}
			guarded_free(y);
			guarded_free(bias);
		}
}

/* ---- logarithm and exponential of single numbers, in double ---- */

/* Units in the last place of want between the two. */
static double
ulps(double got, double want)
{
	int exponent;

	if (got == want)
		return 0;
	frexp(want, &exponent);
	return fabs(got - want) / ldexp(1, exponent - 53);
}

static void
test_ln_and_e(void **state)
{
	double worst_ln = 0, worst_e = 0;

	(void) state;
	for (uint32_t i = 0; i < 400000; i++)
	{
		uint32_t ctr[4] = {i, 0, 0, 300}, word[4];
		double x;

		ae_philox(word, ctr, 1);
		x = ldexp(1 + word[0] * 0x1p-32 + word[1] * 0x1p-52, (int) (word[2] % 2046) - 1022);
		worst_ln = fmax(worst_ln, ulps(ae_ln(x), log(x)));
		x = 1 + (word[0] * 0x1p-32 - 0.5) * ldexp(1, -(int) (word[3] % 50)); /* around 1 */
		worst_ln = fmax(worst_ln, ulps(ae_ln(x), log(x)));
		x = (word[0] * 0x1p-32 - 0.5) * 2 * 708;
		worst_e = fmax(worst_e, ulps(ae_e(x), exp(x)));
		x = (word[0] * 0x1p-32 - 0.5) * ldexp(1, -(int) (word[3] % 60));
		worst_e = fmax(worst_e, ulps(ae_e(x), exp(x)));
	}
	print_message("ae_ln: %.2f ulp, ae_e: %.2f ulp\n", worst_ln, worst_e);
	assert_true(worst_ln < 4);
	assert_true(worst_e < 4);
	assert_true(ae_ln(1) == 0 && ae_e(0) == 1);
	assert_true(isnan(ae_ln(0)) && isnan(ae_ln(-1)) && isnan(ae_ln(INFINITY)) && isnan(ae_ln(NAN)));
	assert_true(isnan(ae_ln(0x1p-1030)));
	assert_true(fabs(ae_ln(1.7976931348623157e308) - log(1.7976931348623157e308)) < 1e-12);
	assert_true(ae_e(-708.1) == 0 && ae_e(-INFINITY) == 0);
	assert_true(ae_e(709.1) == INFINITY && ae_e(INFINITY) == INFINITY && isnan(ae_e(NAN)));
	assert_true(ulps(ae_e(709), exp(709)) < 8 && ulps(ae_e(-708), exp(-708)) < 8);
}

/* ---- small products ---- */

/* Element (i, j) of a factor that may lie turned. */
static double
taken(const AeReal *at, size_t ld, bool turned, size_t i, size_t j)
{
	return turned ? at[j * ld + i] : at[i * ld + j];
}

/* C = alpha A B + beta C against plain loops; factors and C with gaps between their rows. */
static void
check_product(const AeKernels *kernels, size_t m, size_t n, size_t k, bool a_turned, bool b_turned)
{
	size_t lda = (a_turned ? m : k) + m % 2, ldb = (b_turned ? k : n) + n % 3, ldc = n + k % 2;
	Guarded a = guarded_new(((a_turned ? k : m) - 1) * lda + (a_turned ? m : k));
	Guarded b = guarded_new(((b_turned ? n : k) - 1) * ldb + (b_turned ? k : n));
	Guarded c = guarded_new((m - 1) * ldc + n);
	AeReal alpha = m % 2 ? 1 : -2, beta = n % 2 ? 0 : (AeReal) 0.5;
	AeProduct product = {a.p, b.p, lda, ldb, a_turned, b_turned, alpha, beta, m, n, k};

	fill(a.p, a.n, 31, 1);
	fill(b.p, b.n, 32, 1);
	for (size_t i = 0; i < c.n; i++)
		c.p[i] = beta != 0 ? (AeReal) i : NAN;
	kernels->product(c.p, ldc, &product);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < ldc && i * ldc + j < c.n; j++)
		{
			double before = beta != 0 ? (double) (i * ldc + j) : 0, sum = 0;

			if (j >= n)
			{
				assert_true(beta != 0 ? c.p[i * ldc + j] == before : isnan(c.p[i * ldc + j]));
				continue;
			}
			for (size_t l = 0; l < k; l++)
				sum += taken(a.p, lda, a_turned, i, l) * taken(b.p, ldb, b_turned, l, j);
			assert_near(c.p[i * ldc + j], alpha * sum + beta * before, (double) k);
		}
	guarded_free(a);
	guarded_free(b);
	guarded_free(c);
}

static void
test_product(void **state)
{
	static const size_t shapes[][2] = {{1, 1}, {2, 3}, {3, 32}, {7, 4}, {12, 9}, {25, 5}, {14, 60}};
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int t = 0; t < n_tables; t++)
		for (size_t n = 1; tables[t]->product && n <= 68; n += n < 34 ? 1 : 3)
			for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
				for (int turned = 0; turned < 4; turned++)
					check_product(tables[t], shapes[s][0], n, shapes[s][1], turned & 1, turned & 2);
}

/* ---- sums and updates ---- */

static void
test_column_sum(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t n_cols = 1; n_cols <= 140; n_cols += n_cols < 40 ? 1 : 7)
	{
		size_t n_rows = n_cols % 5 + 1;
		Guarded d = guarded_new(n_rows * n_cols), sum = guarded_new(n_cols);

		fill(d.p, d.n, 13, 1);
		for (int t = 0; t < n_tables; t++)
		{
			for (int accumulate = 0; accumulate < 2; accumulate++)
			{
				tables[t]->column_sum(sum.p, d.p, accumulate, n_rows, n_cols);
				for (size_t j = 0; j < n_cols; j++)
				{
					double want = 0;

					for (size_t i = 0; i < n_rows; i++)
						want += d.p[i * n_cols + j];
					assert_near(sum.p[j], want * (1 + accumulate), 1);
				}
			}
		}
		guarded_free(d);
		guarded_free(sum);
	}
}

static void
check_updates(const AeKernels *k, size_t n)
{
	Guarded w = guarded_new(n), m = guarded_new(n), v = guarded_new(n), g = guarded_new(n);
	AeAdamStep step = {(AeReal) 0.9,  (AeReal) 0.99, (AeReal) 0.01, (AeReal) 1.5,
					   (AeReal) 1e-3, (AeReal) 0.98, (AeReal) 0.5};
	double adam_w[100], sgd_w[100], velocity[100], sum = 0;

	fill(w.p, n, 14, 1);
	fill(m.p, n, 15, 1);
	fill(v.p, n, 16, 1);
	fill(g.p, n, 17, 1);
	for (size_t i = 0; i < n; i++)
	{
		double gradient = 0.5 * g.p[i], first, second;

		v.p[i] = v.p[i] * v.p[i];
		first = step.beta1 * (double) m.p[i] + (1 - (double) step.beta1) * gradient;
		second = step.beta2 * (double) v.p[i] + (1 - (double) step.beta2) * gradient * gradient;
		adam_w[i] = 0.98 * w.p[i] - 0.01 * first / (sqrt(second * 1.5) + 1e-3);
		velocity[i] = 0.9 * first + 0.5 * g.p[i];
		sgd_w[i] = adam_w[i] - 0.1 * velocity[i];
	}
	k->adam(w.p, m.p, v.p, g.p, n, &step);
	for (size_t i = 0; i < n; i++)
		assert_near(w.p[i], adam_w[i], 1);
	k->sgd(w.p, m.p, g.p, n, (AeReal) 0.1, (AeReal) 0.9, (AeReal) 0.5);
	for (size_t i = 0; i < n; i++)
	{
		assert_near(m.p[i], velocity[i], 1);
		assert_near(w.p[i], sgd_w[i], 1);
		sum += (double) w.p[i] * g.p[i];
		sgd_w[i] = w.p[i] + 0.25 * g.p[i];
	}
	assert_near(k->dot(w.p, g.p, n), sum, 1);
	k->axpy(w.p, (AeReal) 0.25, g.p, n);
	for (size_t i = 0; i < n; i++)
		assert_near(w.p[i], sgd_w[i], 1);
	guarded_free(w);
	guarded_free(m);
	guarded_free(v);
	guarded_free(g);
}

static void
test_updates(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int t = 0; t < n_tables; t++)
	{
		for (size_t n = 0; n < 100; n++)
			check_updates(tables[t], n);
	}
}

/* ---- noise ---- */

static void
test_philox(void **state)
{
	static const struct
	{
		uint32_t ctr[4];
		uint64_t key;
		uint32_t want[4];
	} known[] = {
		{{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{{~0u, ~0u, ~0u, ~0u}, ~(uint64_t) 0, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
		 0x299f31d0a4093822,
		 {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};

	(void) state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		uint32_t out[4];

		ae_philox(out, known[i].ctr, known[i].key);
		assert_memory_equal(out, known[i].want, sizeof(out));
	}
}

/* Number i of the noise, by the header's words alone. */
static AeReal
reference_normal(size_t i, uint64_t key, uint64_t visit)
{
	uint32_t ctr[4] = {(uint32_t) (i / 64 * 16 + i % 16), (uint32_t) visit,
					   (uint32_t) (visit >> 32), AE_STREAM_NOISE};
	uint32_t word[4];
	size_t which = i % 64 / 16;
	AeReal uniform, sine, cosine, radius;

	ae_philox(word, ctr, key);
	uniform = ae_fma((AeReal) (word[which & 2] >> 1), (AeReal) 0x1p-31, (AeReal) 0x1p-32);
	radius = ae_sqrt(-2 * ae_log(uniform));
	ae_sincos2pi(&sine, &cosine, (AeReal) (int32_t) word[(which & 2) + 1] * (AeReal) 0x1p-32);
	return radius * (which & 1 ? sine : cosine);
}

static void
test_noise_is_its_definition(void **state)
{
	const uint64_t key = 0x0123456789abcdef, visit = 0xfedcba9876543210;
	const AeReal sigma = (AeReal) 0.3;
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (size_t n = 0; n <= 200; n++)
	{
		Guarded x = guarded_new(n), y = guarded_new(n);

		fill(x.p, n, 18, 2);
		for (int t = 0; t < n_tables; t++)
		{
			tables[t]->add_noise(y.p, x.p, n, sigma, key, visit);
			for (size_t i = 0; i < n; i++)
				assert_true(y.p[i] == x.p[i] + sigma * reference_normal(i, key, visit));
			tables[t]->add_noise(y.p, memcpy(y.p, x.p, n * sizeof(AeReal)), n, sigma, key, visit);
			for (size_t i = 0; i < n; i++)
				assert_true(y.p[i] == x.p[i] + sigma * reference_normal(i, key, visit));
		}
		guarded_free(x);
		guarded_free(y);
	}
}

/* Moments of 2^20 numbers within five standard errors; neighbours and visits do not correlate. */
static void
test_noise_is_normal(void **state)
{
	const AeKernels *kernels = ae_kernels_best();
	const size_t n = (size_t) 1 << 20;
	AeReal *x = calloc(n, sizeof(AeReal)), *y = calloc(n, sizeof(AeReal));
	double sum[5] = {0}, neighbour = 0, visits, largest = 0, root = sqrt((double) n);

	(void) state;
	assert_non_null(x);
	assert_non_null(y);
	kernels->add_noise(y, x, n, 1, 1, 1);
	for (size_t i = 0; i < n; i++)
	{
		double v = y[i];

		for (int power = 1; power <= 4; power++)
			sum[power] += pow(v, power);
		neighbour += i ? v * y[i - 1] : 0;
		largest = fabs(v) > largest ? fabs(v) : largest;
	}
	assert_true(fabs(sum[1]) / root < 5);
	assert_true(fabs(sum[2] / (double) n - 1) * root < 5 * sqrt(2));
	assert_true(fabs(sum[3] / (double) n) * root < 5 * sqrt(15));
	assert_true(fabs(sum[4] / (double) n - 3) * root < 5 * sqrt(96));
	assert_true(fabs(neighbour) / root < 5);
	assert_true(largest > 4.2 && largest < 6.7);
	kernels->add_noise(x, x, n, 1, 1, 2);
	visits = kernels->dot(x, y, n);
	assert_true(fabs(visits) / root < 5);
	free(x);
	free(y);
}

/* What is dropped, by its definition, in every table and for every length. */
static void
test_drop_is_its_definition(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);
	const uint64_t key = 0x123456789abcdef0u, visit = 0x700000005u;
	const uint32_t below = 0x60000000u, first = 48;

	(void) state;
	for (size_t n = 1; n <= 200; n += n < 70 ? 1 : 13)
		for (int t = 0; t < n_tables; t++)
		{
			Guarded mask = guarded_new(n);

			tables[t]->drop(mask.p, n, below, (AeReal) 1.5, first, key, visit);
			for (size_t i = 0; i < n; i++)
			{
				uint32_t counter[4] = {first + (uint32_t) (i / 64 * 16 + i % 16), (uint32_t) visit,
									   (uint32_t) (visit >> 32), AE_STREAM_DROPOUT};
				uint32_t words[4];

				ae_philox(words, counter, key);
				assert_true(mask.p[i] == (words[i % 64 / 16] < below ? (AeReal) 0 : (AeReal) 1.5));
			}
			guarded_free(mask);
		}
}

/* ---- committed results ---- */

#ifndef AE_DOUBLE

static void
test_golden(void **state)
{
	const AeKernels *tables[MAX_TABLES];
	int n_tables = find_tables(tables);

	(void) state;
	for (int t = 0; t < n_tables; t++)
	{
		GoldenInputs in;
		float y[GOLDEN_OUT], h[GOLDEN_OUT];

		golden_inputs(&in);
		tables[t]->dense(y, GOLDEN_OUT, in.x, GOLDEN_IN, in.panels, in.bias, 1, GOLDEN_IN,
						 GOLDEN_OUT);
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		{
			memcpy(h, y, sizeof(h));
			tables[t]->activate((AeActivation) act, h, GOLDEN_OUT);
			assert_memory_equal(h, golden_activation[act], sizeof(h));
		}
		assert_true(tables[t]->square_error(y, in.target, GOLDEN_OUT) == golden_square_error);
		assert_true(tables[t]->absolute_error(y, in.target, GOLDEN_OUT) == golden_absolute_error);
		assert_true(tables[t]->huber_error(y, in.target, GOLDEN_OUT) == golden_huber_error);
		assert_true(tables[t]->cross_entropy(y, in.target, GOLDEN_OUT) == golden_cross_entropy);
		assert_true(tables[t]->softmax(h, y, GOLDEN_OUT) == golden_log_sum_exp);
		assert_memory_equal(h, golden_softmax, sizeof(h));
		memcpy(h, y, sizeof(h));
		tables[t]->axpy(h, 0.3f, in.target, GOLDEN_OUT);
		assert_memory_equal(h, golden_axpy, sizeof(h));
		memset(h, 0, sizeof(h));
		tables[t]->add_noise(h, h, GOLDEN_OUT, 1, 42, 7);
		assert_memory_equal(h, golden_noise, sizeof(h));
	}
}

/*
 * The committed numbers are the right ones: in double, with libm, from the formulas of ae_kernel.h.
 */
static void
test_golden_is_right(void **state)
{
	GoldenInputs in;
	double square = 0, absolute = 0, huber = 0, entropy = 0, exps = 0, sum_exps = 0, largest = 0;

	(void) state;
	golden_inputs(&in);
	for (int j = 0; j < GOLDEN_OUT; j++)
	{
		double z = in.bias[j], magnitude = fabs(in.bias[j]), t = in.target[j];
		double c = t < 0 ? 0 : t > 1 ? 1 : t;

		for (int i = 0; i < GOLDEN_IN; i++)
		{
			z += (double) in.x[i] * in.w[i * GOLDEN_OUT + j];
			magnitude += fabs((double) in.x[i] * in.w[i * GOLDEN_OUT + j]);
		}
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
			assert_near(golden_activation[act][j],
						reference_activation((AeActivation) act, z, NULL, NULL), magnitude);
		square += (z - t) * (z - t);
		absolute += fabs(z - t);
		huber += fabs(z - t) < 1 ? 0.5 * (z - t) * (z - t) : fabs(z - t) - 0.5;
		entropy += (z > 0 ? z : 0) + log1p(exp(-fabs(z))) - c * z + (t - c) * (t - c);
		exps += exp(z);
		sum_exps += golden_softmax[j];
		largest = fmax(largest, magnitude);
		assert_near(golden_softmax[j], exp(z - golden_log_sum_exp), magnitude * golden_softmax[j]);
		assert_near(golden_axpy[j], z + 0.3 * t, magnitude);
	}
	assert_near(golden_log_sum_exp, log(exps), largest);
	assert_near(sum_exps, 1, 1);
	assert_near(golden_square_error, square, square);
	assert_near(golden_absolute_error, absolute, absolute);
	assert_near(golden_huber_error, huber, huber);
	assert_near(golden_cross_entropy, entropy, entropy);
	for (uint32_t j = 0; j < GOLDEN_OUT; j++)
	{
		/* Box-Muller over the block's words, as ae_kernel.h says; 7 is the visit, 42 the key */
		uint32_t ctr[4] = {j / 64 * 16 + j % 16, 7, 0, AE_STREAM_NOISE}, word[4];
		uint32_t pair = j % 64 / 16;
		double radius, angle;

		ae_philox(word, ctr, 42);
		radius = sqrt(-2 * log(((double) (word[pair & 2] >> 1) + 0.5) * 0x1p-31));
		angle = 2 * M_PI * (int32_t) word[(pair & 2) + 1] * 0x1p-32;
		assert_near(golden_noise[j], radius * (pair & 1 ? sin(angle) : cos(angle)), 1);
	}
}

#endif

/* ---- what the objects need ---- */

/*
 * The objects beside this program call nothing of libm, whose results differ from one system
 * to the next.  (The compiler's helpers, sanitizers' and plain memory functions may be there.)
 */
static void
test_no_libm(void **state)
{
	static const char *const allowed[] = {"mem", "str", "ae_", "_", "U"};
	char command[4096], line[512];
	ssize_t length = readlink("/proc/self/exe", command + 64, 2048);
	char *slash;
	FILE *pipe;
	int lines = 0;

	(void) state;
#ifdef AE_DOUBLE
	skip(); /* goes through libm on purpose */
#endif
	if (length <= 0)
		skip();
	command[64 + length] = '\0';
	slash = strrchr(command + 64, '/');
	*slash = '\0';
	length = snprintf(line, sizeof(line), "%s/ae_kernel_generic.o", command + 64);
	if (length >= (ssize_t) sizeof(line) || access(line, R_OK) != 0)
		skip();
	memmove(command + 10, command + 64, strlen(command + 64) + 1);
	memcpy(command, "nm -u -- '", 10);
	strcat(command, "'/ae_kernel*.o");
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
	{
		char name[512];
		bool fine = false;

		if (sscanf(line, " U %511s", name) != 1)
			continue;
		lines++;
		for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
			fine = fine || strncmp(name, allowed[i], strlen(allowed[i])) == 0;
		if (!fine)
			fail_msg("the kernels call %s", name);
	}
	pclose(pipe);
	assert_true(lines > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef AE_DOUBLE
		cmocka_unit_test(test_math_accuracy),
		cmocka_unit_test(test_math_extremes),
		cmocka_unit_test(test_fma_is_exact),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_is_right),
#endif
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_dense_same_bits),
		cmocka_unit_test(test_dense_deep_and_wide),
		cmocka_unit_test(test_activate),
		cmocka_unit_test(test_activate_extremes),
		cmocka_unit_test(test_bias_activate_and_backward),
		cmocka_unit_test(test_activation_curve),
		cmocka_unit_test(test_row_errors_same_bits),
		cmocka_unit_test(test_cross_entropy_excess),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_distance_losses),
		cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_softmax_extremes),
		cmocka_unit_test(test_axpy_same_bits),
		cmocka_unit_test(test_dense_without_inputs),
		cmocka_unit_test(test_ln_and_e),
		cmocka_unit_test(test_product),
		cmocka_unit_test(test_column_sum),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_philox),
		cmocka_unit_test(test_noise_is_its_definition),
		cmocka_unit_test(test_noise_is_normal),
		cmocka_unit_test(test_drop_is_its_definition),
		cmocka_unit_test(test_no_libm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
