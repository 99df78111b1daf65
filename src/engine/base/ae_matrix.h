/*
 * ae_matrix.h: the tables that training computes with, and its only use of BLAS, the product of two
 * matrices.
 *
 * Matrices are row-major. A matrix is a view of numbers owned elsewhere; some of its columns, or
 * its transpose, are another view of the same numbers.
 */
#ifndef AE_MATRIX_H
#define AE_MATRIX_H

#include <math.h>

#include "ae_blas.h"
#include "ae_kernel.h"
#include "ae_status.h"

/*
 * Two tables of functions, owned by the caller, and the function called during long computations.
 */
typedef struct AeCompute
{
	const AeKernels *kernels;
	const AeBlas *blas;
	AeCheck check;
} AeCompute;

typedef struct AeMatrix
{
	const AeReal *at;
	size_t n_rows; /* as they lie */
	size_t n_cols;
	size_t ld;       /* numbers from row to row */
	bool transposed; /* taken as its transpose */
} AeMatrix;

/* n_rows x n_cols numbers without gaps. */
static inline AeMatrix
ae_matrix(const AeReal *at, size_t n_rows, size_t n_cols)
{
	return (AeMatrix){.at = at, .n_rows = n_rows, .n_cols = n_cols, .ld = n_cols};
}

/* Columns first .. first + count - 1 of a matrix that is not transposed. */
static inline AeMatrix
ae_columns(AeMatrix m, size_t first, size_t count)
{
	return (AeMatrix){.at = m.at + first, .n_rows = m.n_rows, .n_cols = count, .ld = m.ld};
}

static inline AeMatrix
ae_transposed(AeMatrix m)
{
	m.transposed = !m.transposed;
	return m;
}

/*
 * The columns of C in a part of a product are a multiple of this, so that no tile of a kernel is
 * cut.
 */
#define AE_MULTIPLY_TILE ((size_t) 192)

/* Rows and columns of an operand, after transposition. */
static inline size_t
ae_taken_rows(AeMatrix m)
{
	return m.transposed ? m.n_cols : m.n_rows;
}

static inline size_t
ae_taken_cols(AeMatrix m)
{
	return m.transposed ? m.n_rows : m.n_cols;
}

/* Some of an operand's rows, or columns, after transposition. */
static inline AeMatrix
ae_part(AeMatrix m, bool of_rows, size_t first, size_t count)
{
	bool lying = of_rows != m.transposed; /* rows in memory */

	m.at += lying ? first * m.ld : first;
	*(lying ? &m.n_rows : &m.n_cols) = count;
	return m;
}

/*
 * C = alpha A B + beta C, ldc numbers from row to row of C.  A large product is cut along the
 * longer side of C, with a call of compute->check between the parts; every number of C is still the
 * same sum.
 */
static inline void
ae_multiply(AeReal *c, size_t ldc, AeReal alpha, AeMatrix a, AeMatrix b, AeReal beta,
			const AeCompute *compute)
{
	size_t m = ae_taken_rows(a), k = ae_taken_cols(a), n = ae_taken_cols(b);
	bool by_rows = m > n;
	size_t side = by_rows ? m : n, other = by_rows ? n : m;
	size_t part = AE_CHECK_MACS / (other > 0 ? other : 1) / (k > 0 ? k : 1);

	if (compute->kernels->product && n > 1 && m * n * k <= AE_SMALL_PRODUCT &&
		k * n <= AE_SMALL_FACTOR)
	{
		AeProduct small = {a.at, b.at, a.ld, b.ld, a.transposed, b.transposed, alpha,
						   beta, m,    n,    k};

		compute->kernels->product(c, ldc, &small);
		return;
	}
	part = part < AE_MULTIPLY_TILE ? AE_MULTIPLY_TILE : part - part % AE_MULTIPLY_TILE;
	for (size_t first = 0; first < side; first += part)
	{
		size_t count = side - first < part ? side - first : part;
		AeMatrix l = by_rows ? ae_part(a, true, first, count) : a;
		AeMatrix r = by_rows ? b : ae_part(b, false, first, count);

		if (side > part)
			ae_check(compute->check);
		compute->blas->gemm(CblasRowMajor, l.transposed ? CblasTrans : CblasNoTrans,
							r.transposed ? CblasTrans : CblasNoTrans, (int) ae_taken_rows(l),
							(int) ae_taken_cols(r), (int) k, alpha, l.at, (int) l.ld, r.at,
							(int) r.ld, beta, c + (by_rows ? first * ldc : first), (int) ldc);
	}
}

/* Scales rows to length 1, except zero rows; keeps the lengths unless `lengths` is NULL. */
static inline void
ae_normalise_rows(AeReal *rows, AeReal *lengths, size_t n, size_t width, const AeKernels *kernels)
{
	for (size_t i = 0; i < n; i++)
	{
		AeReal *row = rows + i * width;
		double length = sqrt((double) kernels->dot(row, row, width));

		if (lengths)
			lengths[i] = (AeReal) length;
		for (size_t j = 0; j < width && length > 0; j++)
			row[j] = (AeReal) ((double) row[j] / length);
	}
}

#endif
