/*
 * ae_pca.h: the loss that principal components of the same code size would have,
 * a yardstick for a trained network.
 *
 * With C the covariance of the rows (n_inputs x n_inputs, 1/n) and
 * l_1 >= l_2 >= ... its eigenvalues, the best linear reconstruction from k numbers
 * leaves, per row and column, (l_{k+1} + ... + l_n) / n.
 *
 * Source: Pearson 1901; Baldi, Hornik 1989 (a linear autoencoder reaches it).
 */
#ifndef AE_PCA_H
#define AE_PCA_H

#include "ae_blas.h"
#include "ae_status.h"

/* Beyond so many inputs the eigenvalues take longer than they are worth. */
#define AE_PCA_MAX_INPUTS 512

typedef struct AePca
{
	size_t n_inputs;
	double n_rows;
	double *shift;      /* n_inputs: mean of the first rows added, against cancellation */
	double *sum;        /* n_inputs: of row - shift */
	double *product;    /* n_inputs x n_inputs: of their products, upper triangle */
	double *centred;    /* a few rows - shift */
	double *eigenvalue; /* n_inputs, ascending */
	double *work;       /* LAPACK's */
} AePca;

/* Bytes of the block for ae_pca_init.  AE_ERR_LIMIT beyond AE_PCA_MAX_INPUTS. */
AeStatus ae_pca_size(size_t *bytes, size_t n_inputs, AeError *error);

/* An accumulator without rows; its arrays lie in block. */
void ae_pca_init(AePca *pca, void *block, size_t n_inputs);

/* Adds rows: n_rows x n_inputs; n_rows n_inputs^2 multiply-adds in double. */
void ae_pca_add(AePca *pca, const AeReal *rows, size_t n_rows);

/*
 * Mean squared error per row and column that n_code components leave; NaN without
 * rows or where LAPACK fails.  Ends the accumulator.
 */
double ae_pca_loss(AePca *pca, size_t n_code, const AeBlas *blas);

#endif
