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
	/* for principal components, in double whatever AeReal is */
	__typeof__(cblas_dgemm) *dgemm;
	__typeof__(cblas_dsyrk) *dsyrk;
	/* LAPACK: eigenvectors of a symmetric matrix, in Fortran's calling convention, with the lengths
	 * of its texts at the end; NULL in a library without LAPACK */
	void (*dsyevr)(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
				   const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
				   const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
				   double *work, const int *lwork, int *iwork, const int *liwork, int *info,
				   size_t jobz_len, size_t range_len, size_t uplo_len);
} AeBlas;

#endif
