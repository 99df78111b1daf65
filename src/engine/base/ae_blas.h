/*
 * ae_blas.h: the only header that includes cblas.  The engine calls BLAS through
 * a table that its caller fills, so that the library may be loaded when the first
 * training asks for it and not before.  Scoring never uses it.
 */
#ifndef AE_BLAS_H
#define AE_BLAS_H

#include <cblas.h>

#include "ae_status.h"

typedef struct AeBlas
{
#ifdef AE_DOUBLE
	__typeof__(cblas_dgemm) *gemm;
#else
	__typeof__(cblas_sgemm) *gemm;
#endif
	/* LAPACK: eigenvalues of a symmetric matrix, in Fortran's calling convention */
	void (*syev)(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
				 double *w, double *work, const int *lwork, int *info);
} AeBlas;

#endif
