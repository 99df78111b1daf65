/*
 * bench_kernels.c: speed of the scoring kernels beside OpenBLAS, one thread, as
 * Markdown: for each layer shape, a batch and a single row, GF/s (two operations
 * a multiply-add), the best of several repetitions taken in turns.
 *
 *     env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 bench_kernels [rows]
 *
 * And the functions that go with them, in million elements a second.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ae_kernel.h"

#define REPEATS 7
#define MAX_TABLES 3

extern char *openblas_get_corename(void);
extern void openblas_set_num_threads(int n);

static const char *const table_names[MAX_TABLES] = {"avx512", "avx2", "generic"};

/* Everything that one shape is measured with. */
typedef struct Job
{
	size_t n_rows, n_in, n_out;
	float *x, *w, *bias, *y, *panels;
} Job;

typedef void (*Work)(const Job *job, const AeKernels *kernels);

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static float *
random_floats(size_t n)
{
	float *p = aligned_alloc(64, (n * sizeof(float) + 127) / 64 * 64);

	if (!p)
		exit(1);
	for (size_t i = 0; i < n; i++)
		p[i] = (float) rand() / (float) RAND_MAX - 0.5f;
	return p;
}

static void
own_batch(const Job *j, const AeKernels *kernels)
{
	kernels->dense(j->y, j->n_out, j->x, j->n_in, j->panels, j->bias, j->n_rows, j->n_in, j->n_out);
}

static void
own_rows(const Job *j, const AeKernels *kernels)
{
	for (size_t i = 0; i < j->n_rows; i++)
		kernels->dense(j->y + i * j->n_out, j->n_out, j->x + i * j->n_in, j->n_in, j->panels,
					   j->bias, 1, j->n_in, j->n_out);
}

static void
blas_batch(const Job *j, const AeKernels *kernels)
{
	(void) kernels;
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int) j->n_rows, (int) j->n_out,
				(int) j->n_in, 1.0f, j->x, (int) j->n_in, j->w, (int) j->n_out, 0.0f, j->y,
				(int) j->n_out);
}

static void
blas_rows(const Job *j, const AeKernels *kernels)
{
	(void) kernels;
	for (size_t i = 0; i < j->n_rows; i++)
		cblas_sgemv(CblasRowMajor, CblasTrans, (int) j->n_in, (int) j->n_out, 1.0f, j->w,
					(int) j->n_out, j->x + i * j->n_in, 1, 0.0f, j->y + i * j->n_out, 1);
}

/* Seconds of one call, at least a few milliseconds measured. */
static double
seconds(Work work, const Job *job, const AeKernels *kernels)
{
	size_t calls = 0;
	double start = now(), end;

	do
	{
		work(job, kernels);
		calls++;
		end = now();
	} while (end - start < 4e-3);
	return (end - start) / (double) calls;
}

static void
measure_shape(size_t n_rows, size_t n_in, size_t n_out, const AeKernels *const *tables, int n)
{
	Job job = {.n_rows = n_rows, .n_in = n_in, .n_out = n_out};
	double best[2][MAX_TABLES + 1];
	double flops = 2.0 * (double) n_rows * (double) n_in * (double) n_out;

	job.x = random_floats(n_rows * n_in);
	job.w = random_floats(n_in * n_out);
	job.bias = random_floats(n_out);
	job.y = random_floats(n_rows * n_out);
	job.panels = random_floats(ae_kernel_packed_count(n_in, n_out));
	ae_kernel_pack(job.panels, job.w, n_in, n_out, NULL);
	for (int i = 0; i <= MAX_TABLES; i++)
		best[0][i] = best[1][i] = 1e9;
	for (int repeat = 0; repeat < REPEATS; repeat++)
	{
		for (int i = 0; i <= n; i++)
		{
			double batch = seconds(i < n ? own_batch : blas_batch, &job, i < n ? tables[i] : NULL);
			double rows = seconds(i < n ? own_rows : blas_rows, &job, i < n ? tables[i] : NULL);

			best[0][i] = batch < best[0][i] ? batch : best[0][i];
			best[1][i] = rows < best[1][i] ? rows : best[1][i];
		}
	}
	printf("| %zux%zu |", n_in, n_out);
	for (int kind = 0; kind < 2; kind++)
	{
		for (int i = 0; i <= n; i++)
			printf(" %.*f |", flops / best[kind][i] < 1e10 ? 1 : 0, flops / best[kind][i] * 1e-9);
		printf(" %.2f |", best[kind][n] / best[kind][0]);
	}
	printf("\n");
	fflush(stdout);
	free(job.x);
	free(job.w);
	free(job.bias);
	free(job.y);
	free(job.panels);
}

static void
activate_identity(const Job *j, const AeKernels *k)
{
	k->bias_activate(AE_IDENTITY, j->y, j->w, j->bias, j->n_rows, j->n_out, j->n_out);
}

#define ACTIVATION_WORK(name, act)                                                                 \
	static void name(const Job *j, const AeKernels *k)                                             \
	{                                                                                              \
		memcpy(j->y, j->x, j->n_rows * j->n_out * sizeof(float));                                  \
		k->bias_activate(act, j->y, j->w, j->bias, j->n_rows, j->n_out, j->n_out);                 \
	}

ACTIVATION_WORK(activate_relu, AE_RELU)
ACTIVATION_WORK(activate_tanh, AE_TANH)
ACTIVATION_WORK(activate_sigmoid, AE_SIGMOID)
ACTIVATION_WORK(activate_gelu, AE_GELU)
ACTIVATION_WORK(activate_silu, AE_SILU)

static void
work_square_error(const Job *j, const AeKernels *k)
{
	volatile double sum = 0.0;

	for (size_t i = 0; i < j->n_rows; i++)
		sum += k->square_error(j->y + i * j->n_out, j->x + i * j->n_out, j->n_out);
}

static void
work_cross_entropy(const Job *j, const AeKernels *k)
{
	volatile double sum = 0.0;

	for (size_t i = 0; i < j->n_rows; i++)
		sum += k->cross_entropy(j->y + i * j->n_out, j->x + i * j->n_out, j->n_out);
}

static void
work_square_loss(const Job *j, const AeKernels *k)
{
	k->square_loss(j->w, j->y, j->x, 0.1f, &(AeExtent){j->n_rows, j->n_out, j->n_out, j->n_out});
}

static void
work_cross_entropy_loss(const Job *j, const AeKernels *k)
{
	k->cross_entropy_loss(j->w, j->y, j->x, 0.1f,
						  &(AeExtent){j->n_rows, j->n_out, j->n_out, j->n_out});
}

static void
work_column_sum(const Job *j, const AeKernels *k)
{
	k->column_sum(j->bias, j->x, false, j->n_rows, j->n_out);
}

static void
work_adam(const Job *j, const AeKernels *k)
{
	AeAdamStep step = {0.9f, 0.999f, 1e-3f, 1.0f, 1e-8f, 1.0f, 1.0f};

	k->adam(j->w, j->y, j->panels, j->x, j->n_rows * j->n_out, &step);
}

static void
work_noise(const Job *j, const AeKernels *k)
{
	k->add_noise(j->y, j->x, j->n_rows * j->n_out, 0.1f, 42, 7);
}

static void
work_dot(const Job *j, const AeKernels *k)
{
	volatile double sum = k->dot(j->x, j->y, j->n_rows * j->n_out);

	(void) sum;
}

static const struct
{
	const char *name;
	Work work;
} elementwise[] = {
	{"bias", activate_identity},
	{"bias, relu", activate_relu},
	{"bias, tanh", activate_tanh},
	{"bias, sigmoid", activate_sigmoid},
	{"bias, gelu and slope", activate_gelu},
	{"bias, silu and slope", activate_silu},
	{"square_error", work_square_error},
	{"cross_entropy", work_cross_entropy},
	{"square_loss", work_square_loss},
	{"cross_entropy_loss", work_cross_entropy_loss},
	{"column_sum", work_column_sum},
	{"adam", work_adam},
	{"add_noise", work_noise},
	{"dot", work_dot},
};

/* 256 rows of n_cols. */
static void
measure_elementwise(size_t n_cols, const AeKernels *const *tables, int n)
{
	size_t n_elements = 256 * n_cols;
	Job job = {.n_rows = 256, .n_in = n_cols, .n_out = n_cols};

	job.x = random_floats(n_elements);
	job.y = random_floats(n_elements);
	job.w = random_floats(n_elements);
	job.panels = random_floats(n_elements);
	job.bias = random_floats(n_cols);
	for (size_t i = 0; i < n_elements; i++)
		job.panels[i] += 0.5f; /* second moments are not negative */
	for (size_t f = 0; f < sizeof(elementwise) / sizeof(elementwise[0]); f++)
	{
		printf("| %s, 256x%zu |", elementwise[f].name, n_cols);
		for (int i = 0; i < n; i++)
		{
			double best = 1e9;

			for (int repeat = 0; repeat < REPEATS; repeat++)
			{
				double s = seconds(elementwise[f].work, &job, tables[i]);

				best = s < best ? s : best;
			}
			printf(" %.0f |", (double) n_elements / best * 1e-6);
		}
		printf("\n");
	}
	free(job.x);
	free(job.y);
	free(job.w);
	free(job.panels);
	free(job.bias);
}

static void
print_header(const char *first, const char *const *columns, int n)
{
	printf("| %s |", first);
	for (int i = 0; i < n; i++)
		printf(" %s |", columns[i]);
	printf("\n|---|");
	for (int i = 0; i < n; i++)
		printf("--:|");
	printf("\n");
}

int
main(int argc, char **argv)
{
	static const size_t shapes[][2] = {{30, 16},   {16, 8},     {100, 64},   {64, 32},   {784, 512},
									   {512, 128}, {784, 1000}, {1000, 500}, {500, 250}, {250, 30}};
	size_t n_rows = argc > 1 ? (size_t) strtoul(argv[1], NULL, 10) : 252;
	const AeKernels *tables[MAX_TABLES];
	const char *columns[2 * MAX_TABLES + 4], *names[MAX_TABLES];
	int n = 0, n_columns = 0;

	openblas_set_num_threads(1);
	for (int i = 0; i < MAX_TABLES; i++)
	{
		const AeKernels *table = ae_kernels_find(table_names[i]);

		if (table)
		{
			names[n] = table->name;
			tables[n++] = table;
		}
	}
	for (int i = 0; i < n; i++)
		columns[n_columns++] = names[i];
	columns[n_columns++] = "sgemm";
	columns[n_columns++] = "ratio";
	for (int i = 0; i < n; i++)
		columns[n_columns++] = names[i];
	columns[n_columns++] = "sgemv";
	columns[n_columns++] = "ratio";
	printf("OpenBLAS kernel %s; batches of %zu rows, then single rows; GF/s\n\n",
		   openblas_get_corename(), n_rows);
	print_header("layer", columns, n_columns);
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		measure_shape(n_rows, shapes[s][0], shapes[s][1], tables, n);
	printf("\nMillion elements a second\n\n");
	print_header("kernel", names, n);
	measure_elementwise(30, tables, n);
	measure_elementwise(8, tables, n);
	return 0;
}
