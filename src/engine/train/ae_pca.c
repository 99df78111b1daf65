/*
 * ae_pca.c: covariance of rows in double, and its trailing eigenvalues.
 *
 * Rows are taken ROWS_AT_ONCE at a time, so that a row of the product matrix is
 * read and written once for all of them.
 */
#include "ae_pca.h"

#include <math.h>
#include <string.h>

#define ROWS_AT_ONCE 4

/* LAPACK's dsyev wants (block size + 2) n; 64 is the largest block size in use. */
#define WORK_PER_INPUT 66

static void
place(AePca *pca, AeArena *arena, size_t n)
{
	pca->n_inputs = n;
	pca->shift = ae_arena_place(arena, n, sizeof(double));
	pca->sum = ae_arena_place(arena, n, sizeof(double));
	pca->product = ae_arena_place(arena, n * n, sizeof(double));
	pca->centred = ae_arena_place(arena, n * ROWS_AT_ONCE, sizeof(double));
	pca->eigenvalue = ae_arena_place(arena, n, sizeof(double));
	pca->work = ae_arena_place(arena, n * WORK_PER_INPUT, sizeof(double));
}

AeStatus
ae_pca_size(size_t *bytes, size_t n_inputs, AeError *error)
{
	AePca pca;
	AeArena arena = {.base = NULL, .used = AE_ALIGN, .overflow = false};

	if (n_inputs < 1 || n_inputs > AE_PCA_MAX_INPUTS)
		return ae_fail(error, AE_ERR_LIMIT, "number of inputs", (double) n_inputs, 1,
					   AE_PCA_MAX_INPUTS);
	place(&pca, &arena, n_inputs);
	*bytes = arena.used;
	return AE_OK;
}

void
ae_pca_init(AePca *pca, void *block, size_t n_inputs)
{
	AeArena arena = {.base = ae_arena_align(block), .used = 0, .overflow = false};

	place(pca, &arena, n_inputs);
	pca->n_rows = 0;
	memset(pca->shift, 0, n_inputs * sizeof(double));
	memset(pca->sum, 0, n_inputs * sizeof(double));
	memset(pca->product, 0, n_inputs * n_inputs * sizeof(double));
}

/* shift = mean of the rows. */
static void
set_shift(AePca *pca, const AeReal *rows, size_t n_rows)
{
	size_t n = pca->n_inputs;

	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n; j++)
			pca->shift[j] += (double) rows[i * n + j];
	for (size_t j = 0; j < n; j++)
		pca->shift[j] /= (double) n_rows;
}

/* product += c^T c over ROWS_AT_ONCE centred rows, upper triangle. */
static void
add_products(AePca *pca)
{
	size_t n = pca->n_inputs;
	const double *c0 = pca->centred;
	const double *c1 = c0 + n, *c2 = c1 + n, *c3 = c2 + n;

	for (size_t j = 0; j < n; j++)
	{
		double *restrict row = pca->product + j * n;
		double a0 = c0[j], a1 = c1[j], a2 = c2[j], a3 = c3[j];

		for (size_t k = j; k < n; k++)
			row[k] += (a0 * c0[k] + a1 * c1[k]) + (a2 * c2[k] + a3 * c3[k]);
	}
}

void
ae_pca_add(AePca *pca, const AeReal *rows, size_t n_rows)
{
	size_t n = pca->n_inputs;

	if (pca->n_rows == 0 && n_rows > 0)
		set_shift(pca, rows, n_rows);
	for (size_t i = 0; i < n_rows; i += ROWS_AT_ONCE)
	{
		/* the last few are filled up with rows of zeros, which add nothing */
		memset(pca->centred, 0, ROWS_AT_ONCE * n * sizeof(double));
		for (size_t r = 0; r < ROWS_AT_ONCE && i + r < n_rows; r++)
			for (size_t j = 0; j < n; j++)
			{
				double c = (double) rows[(i + r) * n + j] - pca->shift[j];

				pca->centred[r * n + j] = c;
				pca->sum[j] += c;
			}
		add_products(pca);
	}
	pca->n_rows += (double) n_rows;
}

double
ae_pca_loss(AePca *pca, size_t n_code, const AeBlas *blas)
{
	size_t n = pca->n_inputs;
	int order = (int) n, n_work = (int) (n * WORK_PER_INPUT), info = 0;
	double loss = 0;

	if (pca->n_rows == 0)
		return NAN;
	for (size_t j = 0; j < n; j++)
		for (size_t k = j; k < n; k++)
			pca->product[j * n + k] =
				(pca->product[j * n + k] - pca->sum[j] * pca->sum[k] / pca->n_rows) / pca->n_rows;
	/* the upper triangle by rows is the lower one by columns */
	blas->syev("N", "L", &order, pca->product, &order, pca->eigenvalue, pca->work, &n_work, &info);
	if (info != 0)
		return NAN;
	for (size_t j = 0; j + n_code < n; j++)
		loss += fmax(pca->eigenvalue[j], 0);
	return loss / (double) n;
}
