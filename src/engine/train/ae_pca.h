/*
 * ae_pca.h: principal components of rows, which are the closed form of the linear autoencoder.
 *
 * Let x be a row as it enters the network (missing numbers 0, categories one-hot), m its mean, and
 * w_j the weight of output j in the squared loss of a row (ae_loss.h: 1, or 1 / n for the n parts
 * of one column, or the weight of a category).  Among all r that a linear code of k numbers allows,
 * the loss
 *
 *     sum_j w_j (r_j - x_j)^2
 *
 * is least if, with s_j = sqrt(w_j) and C = cov(s * x) with eigenvalues l_1 >= l_2 >= ... and
 * eigenvectors v_1, v_2, ...
 *
 *     code_i = v_i . (s * (x - m))        r = m + (sum_i code_i v_i) / s
 *
 * and its mean is then l_{k+1} + l_{k+2} + ...  A constant input has no component.
 *
 * Rows come in blocks, in one pass or several:
 *
 *     ae_pca_init(...)
 *     do
 *         for each block: ae_pca_add(...)
 *     while (ae_pca_end_pass(...));
 *
 * For up to AE_PCA_WHOLE inputs, C is computed in double, and LAPACK finds its eigenvectors. For
 * more, C is never formed: AE_PCA_PASSES passes multiply it by a subspace with a few more
 * dimensions than components, and the components are the best ones within that subspace.
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

/* A component with less than this share of the first one's variance is rounding error. */
#define AE_PCA_RANK 1e-12

typedef struct AePca
{
	const AeLayout *layout;
	size_t n_inputs;
	size_t n_components; /* wanted, at most n_inputs */
	size_t n_subspace;   /* dimensions of the subspace; 0: C is computed */
	size_t n_block;      /* the most rows of a block */
	uint32_t pass;       /* finished ones */
	double n_rows;       /* of the current pass */
	AeReal *cells;       /* n_block rows: where the caller puts them */
	AeInputs inputs;     /* what they enter the network as */
	double *scale;       /* n_inputs: s */
	double *shift;       /* n_inputs: mean of the first rows added, to avoid cancellation */
	double *sum;         /* n_inputs: of s * (x - shift) */
	double *product;     /* n_inputs x n_inputs, of their products, upper triangle;
						  * or n_subspace x n_inputs: subspace times that */
	double *basis;       /* n_subspace x n_inputs: orthonormal; NULL if C is computed */
	double *small;       /* n_subspace x n_subspace; likewise */
	double *rotation;    /* n_subspace x n_subspace; eigenvectors of small */
	double *centred;     /* n_block x n_inputs */
	double *projected;   /* n_block x n_subspace; NULL if C is computed */
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
 * The most components: one for each input, but fewer beyond AE_PCA_WHOLE inputs, as LAPACK cannot
 * be interrupted.
 */
size_t ae_pca_most(const AeLayout *layout);

/*
 * Bytes of the block for ae_pca_init.  AE_ERR_ARGUMENT for less than one component, or more than
 * ae_pca_most; AE_ERR_LIMIT.
 */
AeStatus ae_pca_size(size_t *bytes, const AeLayout *layout, size_t n_components, AeError *error);

/*
 * Starts without rows; arrays are in block, which need not be cleared. The layout must outlive it.
 */
void ae_pca_init(AePca *pca, void *block, const AeLayout *layout, size_t n_components);

/* Adds the rows in pca->cells, at most pca->n_block. */
void ae_pca_add(AePca *pca, size_t n_rows, const AeCompute *compute);

/*
 * All rows were added. Returns true if they must be added once more, from the first on. The
 * solution is one call of LAPACK, which takes a few seconds at AE_PCA_WHOLE inputs. AE_ERR_DIVERGED
 * if it fails, or if rows overflowed.
 */
AeStatus ae_pca_end_pass(bool *again, AePca *pca, const AeCompute *compute, AeError *error);

/* After the last pass: codes (n_rows x n_components) of the rows in pca->cells. */
void ae_pca_encode(AePca *pca, AeReal *codes, size_t n_rows, const AeCompute *compute);

/* Whether the loss of that layout is the squared error, which components minimise. */
bool ae_pca_fits(const AeLayout *layout);

/* The mean of that loss for rows without missing cells, with so many components. */
double ae_pca_loss(const AePca *pca);

/*
 * Puts the components into params (ae_net_n_params), which ae_net_init has drawn: into the linear
 * path beside the layers (ae_net.h), or into the only layer if there are no hidden ones. In layers
 * where a path ends, the weights of the layer below begin at 0, so that the network does what the
 * components do. Units of the code beyond the components, and logits of the last layer, begin at 0.
 */
void ae_pca_install(AeReal *params, const AeNet *net, const AePca *pca);

#endif
