/*
 * ae_reconstruction.c: the difference between outputs and rows, the term that is reported as the
 * loss. If outputs have a distribution (ae_decoder.c), it is reported but not minimised.
 */
#include "ae_part.h"

/*
 * The loss that training minimises, with its gradient in pass.d[0]: over all columns, or (1 - e)
 * times that plus e times that over the corrupted columns alone, which is 0 for a row without any.
 * Source: Vincent et al. 2010, section 4.2, with alpha = e, beta = 1 - e and means in the place of
 * sums.
 */
static double
reconstruction_loss(void *state, AeSlice *slice)
{
	AePass *pass = slice->pass;
	const AeReal *outputs = pass->h[pass->net->n_layers];
	double e = slice->options->emphasis, share = slice->share, sum;

	(void) state;
	if (slice->options->distribution != AE_DISTRIBUTION_NONE)
		return ae_loss_rows(NULL, outputs, slice->cells, 0, slice->measure);
	if (slice->chosen && e == 1)
		return ae_loss_rows(pass->d[0], outputs, slice->chosen, share, slice->measure);
	sum =
		(1 - e) * ae_loss_rows(pass->d[0], outputs, slice->cells, (1 - e) * share, slice->measure);
	if (!slice->chosen)
		return sum;
	/* d[1] is free until the backward pass */
	sum += e * ae_loss_rows(pass->d[1], outputs, slice->chosen, e * share, slice->measure);
	pass->compute.kernels->axpy(pass->d[0], 1, pass->d[1],
								pass->n_rows * pass->net->width[pass->net->n_layers]);
	return sum;
}

/* Keeping neighbours reduces the weight of the other terms for the code (ae_neighbours.c). */
static double
reconstruction_factor(const AeTrainOptions *options)
{
	if (options->distribution != AE_DISTRIBUTION_NONE)
		return 0;
	return 1 - options->neighbours_weight;
}

/* The same without gradients; validation rows enter uncorrupted unless asked otherwise. */
static double
reconstruction_validate(void *state, const AeSlice *slice)
{
	const AeReal *outputs = slice->pass->h[slice->pass->net->n_layers];
	double e = slice->chosen ? slice->options->emphasis : 0, sum = 0;

	(void) state;
	if (e < 1)
		sum += (1 - e) * ae_loss_rows(NULL, outputs, slice->cells, 0, slice->measure);
	if (e > 0)
		sum += e * ae_loss_rows(NULL, outputs, slice->chosen, 0, slice->measure);
	return sum;
}

const AePart ae_reconstruction_part = {
	.name = "reconstruction",
	.factor = reconstruction_factor,
	.loss = reconstruction_loss,
	.validate = reconstruction_validate,
};
