/*
 * ae_pca.h: principal components of rows, which are the linear autoencoder in closed form.
 *
 * With x a row as it enters the network (missing numbers 0, categories one-hot), m its mean, and
 * w_j what output j counts in the squared loss of a row (ae_loss.h: 1, or 1 / n among the n parts
 * of one column, or the weight of a category), the loss
 *
 *     sum_j w_j (r_j - x_j)^2
 *
 * of all r that a linear code of k numbers allows is least where, with s_j = sqrt(w_j) and
 * C = cov(s * x) of eigenvalues l_1 >= l_2 >= ... and eigenvectors v_1, v_2, ...
 *
 *     code_i = v_i . (s * (x - m))        r = m + (sum_i code_i v_i) / s
 *
 * and then is l_{k+1} + l_{k+2} + ... on the average.  A constant input has no component.
 *
 * Rows come in blocks, in one pass or several:
 *
 *     ae_pca_init(...)
 *     do
 *         for each block: ae_pca_add(...)
 *     while (ae_pca_end_pass(...));
 *
 * Up to AE_PCA_WHOLE inputs C is made, in double, and its eigenvectors are those of LAPACK.
 * Beyond, C is never made: AE_PCA_PASSES passes multiply a subspace of a few more dimensions than
 * components by it, and the components are the best ones within that subspace.
 *
 * Sources: Pearson 1901; Baldi, Hornik 1989 (a linear autoencoder reaches it); Halko, Martinsson,
 * Tropp, "Finding structure with randomness", SIAM Review 53, 2011, algorithm 4.4.
 */
#ifndef AE_PCA_H
#define AE_PCA_H

#include "ae_matrix.h"
#include "ae_net.h"

#define AE_PCA_WHOLE 2048
#define AE_PCA_PASSES 8

/* A component that carries less than this share of the first one's variance is rounding. */
#define AE_PCA_RANK 1e-12

typedef struct AePca
{
	const AeLayout *layout;
	size_t n_inputs;
	size_t n_components; /* wanted, at most n_inputs */
	size_t n_subspace;   /* dimensions that are multiplied; 0: C is made */
	size_t n_block;      /* rows of a block, at most */
	uint32_t pass;       /* finished ones */
	double n_rows;       /* of the current pass */
	AeReal *cells;       /* n_block rows: where the caller puts them */
	AeInputs inputs;     /* what they enter the network as */
	double *scale;       /* n_inputs: s */
	double *shift;       /* n_inputs: mean of the first rows added, against cancellation */
	double *sum;         /* n_inputs: of s * (x - shift) */
	double *product;     /* n_inputs x n_inputs, of their products, upper triangle;
						  * or n_subspace x n_inputs: subspace times that */
	double *basis;       /* n_subspace x n_inputs: orthonormal; NULL where C is made */
	double *small;       /* n_subspace x n_subspace; likewise */
	double *rotation;    /* n_subspace x n_subspace; eigenvectors of small */
	double *centred;     /* n_block x n_inputs */
	double *projected;   /* n_block x n_subspace; NULL where C is made */
	double *work;        /* LAPACK's */
	int *iwork;          /* likewise */
	/* what comes out */
	double *mean;   /* n_inputs */
	double *value;  /* n_inputs: the first n_components are eigenvalues, descending */
	double *vector; /* n_components x n_inputs: 0 beyond the rank */
	double total;   /* variance of s * x: the sum of all eigenvalues */
	size_t rank;    /* components that are not 0 */
} AePca;

/*
 * Components at most: one for each input.  Beyond AE_PCA_WHOLE inputs fewer than that, as LAPACK
 * cannot be interrupted.
 */
size_t ae_pca_most(const AeLayout *layout);

/*
 * Bytes of the block for ae_pca_init.  AE_ERR_ARGUMENT for less than one component, or more than
 * ae_pca_most; AE_ERR_LIMIT.
 */
AeStatus ae_pca_size(size_t *bytes, const AeLayout *layout, size_t n_components, AeError *error);

/* No rows yet; its arrays lie in block, which need not be cleared.  The layout must outlive it. */
void ae_pca_init(AePca *pca, void *block, const AeLayout *layout, size_t n_components);

/* Adds the rows in pca->cells, at most pca->n_block. */
void ae_pca_add(AePca *pca, size_t n_rows, const AeCompute *compute);

/*
 * All rows were added.  True: they must be added once more, from the first on.  The solution is
 * one call of LAPACK, of some seconds at AE_PCA_WHOLE inputs.  AE_ERR_DIVERGED where it fails, or
 * where rows overflowed.
 */
AeStatus ae_pca_end_pass(bool *again, AePca *pca, const AeCompute *compute, AeError *error);

/* After the last pass: codes (n_rows x n_components) of the rows in pca->cells. */
void ae_pca_encode(AePca *pca, AeReal *codes, size_t n_rows, const AeCompute *compute);

/* Whether the loss of that layout is the squared error that components minimise. */
bool ae_pca_fits(const AeLayout *layout);

/* That loss of a row without missing cells, on the average, with so many components. */
double ae_pca_loss(const AePca *pca);

/*
 * Puts the components into params (ae_net_n_params), which ae_net_init has drawn: into the linear
 * path beside the layers (ae_net.h), or into the layer that there is without hidden ones.  What
 * the layers that a path ends in see of those below begins at 0, so that the network does what the
 * components do.  Units of the code beyond the components, and logits of the last layer, begin at 0.
 */
void ae_pca_install(AeReal *params, const AeNet *net, const AePca *pca);

#endif
