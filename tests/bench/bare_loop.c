/*
 * bare_loop.c: the practical limit of training one autoencoder on one core: sgemm,
 * fused bias and tanh, Adam, minibatches of 256 rows as they lie in memory.  No
 * shuffling, no table, no checks; what a real trainer loses against it is the price
 * of being one.  It must not know the engine: it is a yardstick, not a prototype.
 *
 *     bare_loop SECONDS ROWS_FILE N_ROWS WIDTH...
 *
 * ROWS_FILE holds N_ROWS x WIDTH[0] floats, row-major; WIDTH... are all layers, for
 * example 30 16 8 16 30.  Prints one line of JSON: rows/s in training and in scoring,
 * over at least so many seconds each, and the OpenBLAS kernel.
 *
 * Letters: B rows of a batch, d[l] width of layer l, a[l] its values (B x d[l]), w[l]
 * weights from layer l to l + 1 (d[l] x d[l + 1]), b[l] their bias; g for gradient.
 */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define B 256
#define MAX_LAYERS 16

#if defined(__x86_64__)
#define VECTORISED __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define VECTORISED
#endif

extern void openblas_set_num_threads(int n);
extern char *openblas_get_corename(void);

typedef struct Loop
{
	int n_layers; /* of weights */
	int d[MAX_LAYERS + 1];
	long n_params;
	float *params, *grads, *m, *v;
	float *w[MAX_LAYERS], *b[MAX_LAYERS], *gw[MAX_LAYERS], *gb[MAX_LAYERS];
	float *a[MAX_LAYERS + 1], *ga[MAX_LAYERS + 1];
	long n_updates;
} Loop;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

static float *
floats(size_t n)
{
	float *p = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);

	if (!p)
		abort();
	return memset(p, 0, n * sizeof(float));
}

/* Rational (continued fraction) approximation, close enough for the cost of a real one. */
static inline float
tanh_approx(float x)
{
	float x2, r;

	x = x > 9 ? 9 : x < -9 ? -9 : x;
	x2 = x * x;
	r = x * (135135 + x2 * (17325 + x2 * (378 + x2))) /
		(135135 + x2 * (62370 + x2 * (3150 + x2 * 28)));
	return r > 1 ? 1 : r < -1 ? -1 : r;
}

VECTORISED void
bias_tanh(float *restrict a, const float *restrict b, int n)
{
	for (int i = 0; i < B; i++)
		for (int j = 0; j < n; j++)
			a[i * n + j] = tanh_approx(a[i * n + j] + b[j]);
}

VECTORISED void
bias_add(float *restrict a, const float *restrict b, int n)
{
	for (int i = 0; i < B; i++)
		for (int j = 0; j < n; j++)
			a[i * n + j] += b[j];
}

VECTORISED void
tanh_backward(float *restrict g, const float *restrict a, int n)
{
	for (int i = 0; i < n; i++)
		g[i] *= 1 - a[i] * a[i];
}

VECTORISED float
squared_loss(float *restrict g, const float *restrict r, const float *restrict x, int n, float s)
{
	float loss = 0;

	for (int i = 0; i < n; i++)
		g[i] = (r[i] - x[i]) * s;
	for (int i = 0; i < n; i++)
		loss += g[i] * g[i];
	return loss;
}

VECTORISED void
column_sum(float *restrict sum, const float *restrict g, int n)
{
	memset(sum, 0, sizeof(float) * n);
	for (int i = 0; i < B; i++)
		for (int j = 0; j < n; j++)
			sum[j] += g[i * n + j];
}

VECTORISED void
adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, long n,
	 float rate, float c1, float c2)
{
	for (long i = 0; i < n; i++)
	{
		m[i] = .9f * m[i] + .1f * g[i];
		v[i] = .999f * v[i] + .001f * g[i] * g[i];
		w[i] -= rate * (m[i] * c1) / (sqrtf(v[i] * c2) + 1e-8f);
	}
}

static void
forward(Loop *o)
{
	int last = o->n_layers - 1;

	for (int l = 0; l <= last; l++)
	{
		int in = o->d[l], out = o->d[l + 1];

		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, B, out, in, 1, o->a[l], in, o->w[l],
					out, 0, o->a[l + 1], out);
		if (l < last)
			bias_tanh(o->a[l + 1], o->b[l], out);
		else
			bias_add(o->a[l + 1], o->b[l], out);
	}
}

static void
backward(Loop *o)
{
	for (int l = o->n_layers - 1; l >= 0; l--)
	{
		int in = o->d[l], out = o->d[l + 1];

		cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, in, out, B, 1, o->a[l], in,
					o->ga[l + 1], out, 0, o->gw[l], out);
		column_sum(o->gb[l], o->ga[l + 1], out);
		if (l == 0)
			break;
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, B, in, out, 1, o->ga[l + 1], out,
					o->w[l], out, 0, o->ga[l], in);
		tanh_backward(o->ga[l], o->a[l], B * in);
	}
}

/* One minibatch; returns a loss, so that nothing can be optimised away. */
static float
train_step(Loop *o, float *x)
{
	int n = o->n_layers, count = B * o->d[n];
	float loss;

	o->a[0] = x;
	forward(o);
	loss = squared_loss(o->ga[n], o->a[n], x, count, 2.f / count);
	backward(o);
	o->n_updates++;
	adam(o->params, o->m, o->v, o->grads, o->n_params, 1e-3f, 1 / (1 - powf(.9f, o->n_updates)),
		 1 / (1 - powf(.999f, o->n_updates)));
	return loss;
}

static float
score_step(Loop *o, float *x)
{
	int n = o->n_layers;

	o->a[0] = x;
	forward(o);
	return squared_loss(o->ga[n], o->a[n], x, B * o->d[n], 1);
}

/* Rows/s of a step over whole passes, for at least so many seconds. */
static double
rate(float (*step)(Loop *, float *), Loop *o, float *x, long n_rows, double seconds)
{
	double start = now(), spent;
	volatile float loss = 0;
	long done = 0;

	do
	{
		for (long s = 0; s + B <= n_rows; s += B, done += B)
			loss += step(o, x + s * o->d[0]);
		spent = now() - start;
	} while (spent < seconds);
	return done / spent;
}

static void
build(Loop *o, int n_widths, char **widths)
{
	float *p, *g;

	o->n_layers = n_widths - 1;
	for (int l = 0; l < n_widths; l++)
		o->d[l] = atoi(widths[l]);
	for (int l = 0; l < o->n_layers; l++)
		o->n_params += (long) (o->d[l] + 1) * o->d[l + 1];
	p = o->params = floats(o->n_params);
	g = o->grads = floats(o->n_params);
	o->m = floats(o->n_params);
	o->v = floats(o->n_params);
	for (long i = 0; i < o->n_params; i++)
		p[i] = ((float) rand() / RAND_MAX - .5f) * .2f;
	for (int l = 0; l < o->n_layers; l++)
	{
		long n = (long) o->d[l] * o->d[l + 1];

		o->w[l] = p;
		o->gw[l] = g;
		o->b[l] = p + n;
		o->gb[l] = g + n;
		p += n + o->d[l + 1];
		g += n + o->d[l + 1];
		o->a[l + 1] = floats((size_t) B * o->d[l + 1]);
		o->ga[l + 1] = floats((size_t) B * o->d[l + 1]);
	}
}

int
main(int argc, char **argv)
{
	Loop o = {0};
	double seconds, train, score;
	long n_rows;
	size_t n;
	float *x;
	FILE *file;

	if (argc < 6 || argc > 4 + MAX_LAYERS + 1)
		return fprintf(stderr, "usage: bare_loop SECONDS ROWS_FILE N_ROWS WIDTH...\n"), 2;
	seconds = atof(argv[1]);
	n_rows = atol(argv[3]);
	openblas_set_num_threads(1);
	build(&o, argc - 4, argv + 4);
	n = (size_t) n_rows * o.d[0];
	x = floats(n);
	file = fopen(argv[2], "rb");
	if (n_rows < B || !file || fread(x, sizeof(float), n, file) != n)
		return fprintf(stderr, "bare_loop: cannot read %zu floats from %s\n", n, argv[2]), 1;
	fclose(file);

	rate(train_step, &o, x, n_rows, 0);
	train = rate(train_step, &o, x, n_rows, seconds);
	score = rate(score_step, &o, x, n_rows, seconds);
	printf("{\"train\": %.0f, \"score\": %.0f, \"kernel\": \"%s\"}\n", train, score,
		   openblas_get_corename());
	return 0;
}
