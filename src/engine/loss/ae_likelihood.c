/*
 * ae_likelihood.c: the cost of rows under the distribution of a decoder, with its gradient.
 *
 * On the scoring path: no libm, one order of operations, sums in double.
 */
#include "ae_likelihood.h"

#include <string.h>

#include "ae_math.h"

#define LOG_TWO_PI 1.8378770664093454836

const char *const ae_distribution_name[AE_DISTRIBUTION_COUNT] = {
	[AE_DISTRIBUTION_NONE] = "none",           [AE_DISTRIBUTION_GAUSSIAN] = "gaussian",
	[AE_DISTRIBUTION_BERNOULLI] = "bernoulli", [AE_DISTRIBUTION_CATEGORICAL] = "categorical",
	[AE_DISTRIBUTION_MIXED] = "mixed",
};

const char *const ae_variance_name[AE_VARIANCE_COUNT] = {
	[AE_VARIANCE_FIXED] = "fixed",
	[AE_VARIANCE_SHARED] = "shared",
	[AE_VARIANCE_COLUMN] = "column",
};

uint32_t
ae_variance_count(AeVariance variance, const AeLayout *layout)
{
	return variance == AE_VARIANCE_COLUMN ? layout->n_dense : variance == AE_VARIANCE_SHARED;
}

bool
ae_loss_has_density(AeLoss loss)
{
	return loss == AE_LOSS_MSE || loss == AE_LOSS_BCE || loss == AE_LOSS_SOFTMAX;
}

void
ae_likelihood_place(AeLikelihood *likelihood, AeArena *arena, const AeLayout *layout)
{
	likelihood->blocks = ae_arena_place(arena, layout->n_blocks, sizeof(AeBlock));
	likelihood->log_variance = ae_arena_place(arena, layout->n_dense, sizeof(double));
	likelihood->precision = ae_arena_place(arena, layout->n_dense, sizeof(double));
}

/* Every output counts, and categories have no weights. */
void
ae_likelihood_init(AeLikelihood *likelihood, const AeLayout *layout)
{
	likelihood->layout = *layout;
	likelihood->layout.blocks = likelihood->blocks;
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		AeBlock *block = &likelihood->blocks[b];

		*block = layout->blocks[b];
		block->weight = 1.0;
		block->grouped = ae_loss_is_category(block->loss);
	}
}

void
ae_likelihood_set(AeLikelihood *likelihood, const AeReal *v, AeVariance variance)
{
	for (uint32_t j = 0; j < likelihood->layout.n_dense; j++)
	{
		double one = variance == AE_VARIANCE_FIXED    ? 0.0
					 : variance == AE_VARIANCE_SHARED ? (double) v[0]
													  : (double) v[j];

		likelihood->log_variance[j] = one;
		likelihood->precision[j] = ae_e(-one);
	}
}

/* The cost of normal cells from number first on. */
static double
normal_cost(AeReal *d, double *d_v, const AeReal *r, const AeReal *x, uint32_t first,
			uint32_t count, double scale, const AeLikelihood *likelihood)
{
	const double *v = likelihood->log_variance + first;
	const double *precision = likelihood->precision + first;
	double sum = 0.0;

	for (uint32_t j = 0; j < count; j++)
	{
		double difference = (double) r[j] - (double) x[j];
		double square = difference * difference * precision[j];
		bool known = x[j] == x[j];

		if (known)
			sum += 0.5 * (square + v[j] + LOG_TWO_PI);
		if (!d)
			continue;
		d[j] = known ? (AeReal) (scale * difference * precision[j]) : 0;
		d_v[first + j] += known ? 0.5 * scale * (1.0 - square) : 0.0;
	}
	return sum;
}

double
ae_likelihood_cost(AeReal *d, double *d_v, const AeReal *outputs, const AeReal *cells, double scale,
				   const AeLikelihood *likelihood, const AeKernels *kernels, AeReal *scratch)
{
	const AeLayout *layout = &likelihood->layout;
	const AeMeasure measure = {layout, kernels, scratch};
	double sum = 0.0;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];

		if (block->loss == AE_LOSS_MSE)
			sum += normal_cost(d ? d + block->first : NULL, d_v, outputs + block->first,
							   cells + block->first, block->first, block->count, scale, likelihood);
		else
			sum += ae_loss_block_gradient(d, outputs, cells, b, scale, &measure);
	}
	return sum;
}
