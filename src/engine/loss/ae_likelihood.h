/*
 * ae_likelihood.h: outputs as the parameters of a distribution of the row, p(x | h).
 *
 * Cells are independent given the code h, with r = g(h) the outputs:
 *
 *     distance block (mse)   x_j ~ Normal(r_j, exp(v_j)): the cost of a cell is
 *                            ((x - r)^2 exp(-v) + v + log 2 pi) / 2
 *     logit block (bce)      x_j ~ Bernoulli(sigmoid(z_j)): softplus(z) - x z
 *     category (softmax)     x ~ Categorical(softmax(z)): log sum exp(z) - z_x;
 *                            at least block.unseen for a level that training did not see
 *
 * and -log p(x | h), the cost of a row, is the sum over its observed cells: what is missing is
 * integrated out.  Unlike the loss of ae_loss.h it is a sum, not a mean, no category has a weight,
 * and every cell of a column with several cells counts.
 *
 * A cell between 0 and 1 under bce costs the cross-entropy, which is -log p where it is 0 or 1.
 *
 * Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, sections 6.2.2 and 14.4; Kingma,
 * Welling, ICLR 2014, appendix C.
 */
#ifndef AE_LIKELIHOOD_H
#define AE_LIKELIHOOD_H

#include "ae_loss.h"

/* The numbers are part of the byte format: append, never reorder. */
typedef enum AeDistribution
{
	AE_DISTRIBUTION_NONE = 0,    /* outputs are only means */
	AE_DISTRIBUTION_GAUSSIAN,    /* all columns are numbers or times */
	AE_DISTRIBUTION_BERNOULLI,   /* numbers between 0 and 1, and booleans */
	AE_DISTRIBUTION_CATEGORICAL, /* categories and booleans */
	AE_DISTRIBUTION_MIXED,       /* each column by its kind, numbers being normal */
	AE_DISTRIBUTION_COUNT
} AeDistribution;

/* The variances of normal cells, exp(v); likewise. */
typedef enum AeVariance
{
	AE_VARIANCE_FIXED = 0, /* v = 0 */
	AE_VARIANCE_SHARED,    /* one v for all, learned */
	AE_VARIANCE_COLUMN,    /* one for each cell, learned */
	AE_VARIANCE_COUNT
} AeVariance;

extern const char *const ae_distribution_name[AE_DISTRIBUTION_COUNT];
extern const char *const ae_variance_name[AE_VARIANCE_COUNT];

/* No normal cell has a standard deviation below 1/1000: v >= 2 log of that. */
#define AE_LEAST_LOG_VARIANCE (-13.815510557964274)

/* The number of v in the parameters of a network with that layout. */
uint32_t ae_variance_count(AeVariance variance, const AeLayout *layout);

/* Whether a loss is the negative logarithm of a density. */
bool ae_loss_has_density(AeLoss loss);

/* A layout prepared for densities. */
typedef struct AeLikelihood
{
	AeLayout layout; /* its blocks are those below */
	AeBlock *blocks;
	double *log_variance; /* n_dense: v of each cell */
	double *precision;    /* n_dense: exp(-v) */
} AeLikelihood;

/* Room for a layout. */
void ae_likelihood_place(AeLikelihood *likelihood, AeArena *arena, const AeLayout *layout);

/* Prepares a layout, all of whose blocks must have densities. */
void ae_likelihood_init(AeLikelihood *likelihood, const AeLayout *layout);

/* Sets v from ae_variance_count numbers. */
void ae_likelihood_set(AeLikelihood *likelihood, const AeReal *v, AeVariance variance);

/*
 * The cost of a row, -log p(x | h). Unless d is NULL, also d = scale times its gradient with
 * respect to the outputs, and d_v += scale times that with respect to the v of each dense cell.
 *
 * d, outputs: n_outputs; d_v: n_dense; cells: n_cells; scratch: ae_loss_scratch.
 */
double ae_likelihood_cost(AeReal *d, double *d_v, const AeReal *outputs, const AeReal *cells,
						  double scale, const AeLikelihood *likelihood, const AeKernels *kernels,
						  AeReal *scratch);

#endif
