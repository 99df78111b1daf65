/*
 * ae_matrix.h: what training computes with, and its one way to BLAS: the product of two matrices.
 *
 * Row-major.  A matrix is a look at somebody else's numbers: some of its columns, or its transpose,
 * are a look at the same ones.
 */
#ifndef AE_MATRIX_H
#define AE_MATRIX_H

#include "ae_blas.h"
#include "ae_kernel.h"
#include "ae_status.h"

/* Two tables of functions, owned by the caller, who keeps them; and whom to ask on the way. */
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

/* n_rows x n_cols numbers without a gap. */
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

/* C = alpha A B + beta C, ldc numbers from row to row of C. */
static inline void
ae_multiply(AeReal *c, size_t ldc, AeReal alpha, AeMatrix a, AeMatrix b, AeReal beta,
			const AeBlas *blas)
{
	blas->gemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
			   b.transposed ? CblasTrans : CblasNoTrans, (int) (a.transposed ? a.n_cols : a.n_rows),
			   (int) (b.transposed ? b.n_rows : b.n_cols),
			   (int) (a.transposed ? a.n_rows : a.n_cols), alpha, a.at, (int) a.ld, b.at,
			   (int) b.ld, beta, c, (int) ldc);
}

#endif
