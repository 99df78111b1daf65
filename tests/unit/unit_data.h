/*
 * unit_data.h: what several unit tests share: a BLAS table, the shipped tables
 * as standardised matrices, rows in memory, and a small symmetric eigensolver as
 * the tests' own reference.
 */
#ifndef UNIT_DATA_H
#define UNIT_DATA_H

#define _GNU_SOURCE

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ae_blas.h"
#include "ae_train.h"

/* LAPACK, which the library of BLAS has, and no header of it declares. */
extern void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
					const int *lda, const double *vl, const double *vu, const int *il,
					const int *iu, const double *abstol, int *m, double *w, double *z,
					const int *ldz, int *isuppz, double *work, const int *lwork, int *iwork,
					const int *liwork, int *info, size_t jobz_len, size_t range_len,
					size_t uplo_len);

static const AeBlas unit_blas = {
#ifdef AE_DOUBLE
	.gemm = cblas_dgemm,
#else
	.gemm = cblas_sgemm,
#endif
	.dgemm = cblas_dgemm,
	.dsyrk = cblas_dsyrk,
	.dsyevr = dsyevr_,
};

/* Calls of the check of unit_compute. */
static inline int *
unit_checks(void)
{
	static int n;

	return &n;
}

static inline void
unit_check(void)
{
	(*unit_checks())++;
}

static inline const AeCompute *
unit_compute(void)
{
	static AeCompute compute;

	compute = (AeCompute){ae_kernels_best(), &unit_blas, unit_check};
	return &compute;
}

/* A pass through all layers of net, which computes with the above. */
static inline void
unit_place(AePass *pass, AeArena *arena, const AeNet *net, size_t n_rows, bool backward)
{
	ae_net_place(pass, arena, net, net->n_layers, n_rows, backward);
	pass->compute = *unit_compute();
}

/* A forward pass of inputs that are ready. */
static inline void
unit_forward(AePass *pass, const AeReal *params, const AeReal *x, int32_t *levels, size_t n_rows,
			 bool training)
{
	pass->inputs = (AeInputs){.x = x, .levels = levels, .n_rows = n_rows};
	ae_net_forward(pass, params, training ? AE_PASS_TRAIN : AE_PASS_SCORE);
}

/* *x: the numbers of cells as they enter; their levels lie in room. */
static inline void
unit_inputs(const AeReal **x, AeInputs *room, const AeCells *cells, const AeLayout *layout,
			const AeNoise *noise)
{
	ae_loss_inputs(room, cells, layout, noise, ae_kernels_best());
	*x = room->x;
}

/* A table of tests/data without its label, each column standardised, constant ones left out. */
typedef struct UnitTable
{
	size_t n_rows;
	size_t n_cols;
	AeReal *x;
} UnitTable;

static inline size_t
unit_parse_line(char *line, double *fields, size_t max)
{
	size_t n = 0;

	for (char *at = strtok(line, ",\n"); at && n < max; at = strtok(NULL, ",\n"))
		fields[n++] = strtod(at, NULL);
	return n;
}

static inline UnitTable
unit_load(const char *name)
{
	enum
	{
		MAX_COLS = 128
	};
	static char line[65536];
	char command[512];
	double fields[MAX_COLS];
	UnitTable table = {0};
	size_t n_fields = 0, capacity = 0;
	double *raw = NULL;
	FILE *file;

	snprintf(command, sizeof(command), "gzip -dc %s/%s.csv.gz", UNIT_DATA_DIR, name);
	file = popen(command, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file)); /* header */
	while (fgets(line, sizeof(line), file))
	{
		n_fields = unit_parse_line(line, fields, MAX_COLS);
		if (table.n_rows == capacity)
		{
			capacity = capacity ? 2 * capacity : 1024;
			raw = realloc(raw, capacity * MAX_COLS * sizeof(double));
		}
		memcpy(raw + table.n_rows++ * MAX_COLS, fields, sizeof(fields));
	}
	assert_int_equal(pclose(file), 0);
	assert_true(table.n_rows > 1 && n_fields > 1);
	table.x = malloc(table.n_rows * n_fields * sizeof(AeReal));
	for (size_t pass = 0; pass < 2; pass++)
	{
		size_t kept = 0;

		for (size_t j = 0; j + 1 < n_fields; j++)
		{
			double mean = 0, square = 0;

			for (size_t i = 0; i < table.n_rows; i++)
				mean += raw[i * MAX_COLS + j] / (double) table.n_rows;
			for (size_t i = 0; i < table.n_rows; i++)
				square += (raw[i * MAX_COLS + j] - mean) * (raw[i * MAX_COLS + j] - mean);
			if (square <= 0)
				continue;
			if (pass == 1)
				for (size_t i = 0; i < table.n_rows; i++)
					table.x[i * table.n_cols + kept] =
						(AeReal) ((raw[i * MAX_COLS + j] - mean) /
								  sqrt(square / (double) table.n_rows));
			kept++;
		}
		table.n_cols = kept;
	}
	free(raw);
	return table;
}

/*
 * Eigenvalues (descending) and eigenvectors (columns of v) of a symmetric n x n
 * matrix by cyclic Jacobi rotations; a is destroyed.
 */
static inline void
unit_eigen(double *a, double *values, double *v, size_t n)
{
	for (size_t i = 0; i < n * n; i++)
		v[i] = i % (n + 1) == 0;
	for (int sweep = 0; sweep < 60; sweep++)
	{
		double off = 0;

		for (size_t p = 0; p < n; p++)
			for (size_t q = p + 1; q < n; q++)
			{
				double apq = a[p * n + q], theta, t, c, s;

				off += apq * apq;
				if (fabs(apq) < 1e-300)
					continue;
				theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
				t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
				c = 1 / sqrt(t * t + 1);
				s = t * c;
				for (size_t k = 0; k < n; k++)
				{
					double x = a[k * n + p], y = a[k * n + q];

					a[k * n + p] = c * x - s * y;
					a[k * n + q] = s * x + c * y;
				}
				for (size_t k = 0; k < n; k++)
				{
					double x = a[p * n + k], y = a[q * n + k];

					a[p * n + k] = c * x - s * y;
					a[q * n + k] = s * x + c * y;
					x = v[k * n + p];
					y = v[k * n + q];
					v[k * n + p] = c * x - s * y;
					v[k * n + q] = s * x + c * y;
				}
			}
		if (off < 1e-24)
			break;
	}
	for (size_t i = 0; i < n; i++)
		values[i] = a[i * n + i];
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (values[j] > values[i])
			{
				double swap = values[i];

				values[i] = values[j];
				values[j] = swap;
				for (size_t k = 0; k < n; k++)
				{
					swap = v[k * n + i];
					v[k * n + i] = v[k * n + j];
					v[k * n + j] = swap;
				}
			}
}

/* Trains to the end; the trainer's block is the caller's to free. */
static inline AeTrainer *
unit_train(void **block, const AeNet *net, const AeTrainOptions *options, const AeRows *rows,
		   const AeReal *init)
{
	AeTrainer *trainer;
	AeError error;
	size_t bytes;

	assert_int_equal(ae_trainer_size(&bytes, &(AeTask){net, options, rows}, &error), AE_OK);
	*block = malloc(bytes);
	assert_non_null(*block);
	assert_int_equal(ae_trainer_init(&trainer, *block, bytes, &(AeTask){net, options, rows}, init,
									 unit_compute(), &error),
					 AE_OK);
	while (ae_trainer_step(trainer))
		;
	return trainer;
}

#endif
