/*
 * ae_decoder.c: the likelihood of rows given their codes (ae_likelihood.h), as a term of the loss
 * that replaces that of the reconstruction, with the variances of outputs as its parameters.
 *
 * With C columns the loss of a row is -log p(x | h) / C: a sum over the observed cells, so that
 * rows with missing cells count accordingly, in the units of other losses.
 */
#include <math.h>
#include <string.h>

#include "ae_part.h"

typedef struct State
{
	AeLikelihood likelihood;
	double *d_v; /* n_dense: gradient with respect to the log variances of cells, for the current
				  * slice */
} State;

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->distribution != AE_DISTRIBUTION_NONE;
}

/* Every output must have a distribution; learned variances are of no use to another loss. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (net->variance != o->variance)
		return ae_fail(error, AE_ERR_ARGUMENT, "variance of the network", net->variance,
					   o->variance, o->variance);
	if (net->variance != AE_VARIANCE_FIXED && !used(net, o))
		return ae_fail(error, AE_ERR_ARGUMENT, "variance without distribution", net->variance, 0,
					   0);
	if (net->variance != AE_VARIANCE_FIXED && o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "variance under lbfgs", net->variance, 0, 0);
	if (used(net, o) && o->emphasis > 0)
		return ae_fail(error, AE_ERR_ARGUMENT, "emphasis beside distribution", o->emphasis, 0, 0);
	for (uint32_t b = 0; used(net, o) && b < net->layout.n_blocks; b++)
		if (!ae_loss_has_density(net->layout.blocks[b].loss))
			return ae_fail(error, AE_ERR_ARGUMENT, "loss of a distribution",
						   net->layout.blocks[b].loss, AE_LOSS_MSE, AE_LOSS_SOFTMAX);
	return AE_OK;
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const AeLayout *layout = &setup->net->layout;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {0};

	(void) pass;
	(void) lasting;
	(void) own;
	ae_likelihood_place(&here.likelihood, arena, layout);
	here.d_v = ae_arena_place(arena, layout->n_dense, sizeof(double));
	if (home)
	{
		ae_likelihood_init(&here.likelihood, layout);
		*home = here;
	}
	return home;
}

/* The cost of row i, and share times its gradients if wanted. */
static double
row_cost(State *s, const AeSlice *slice, size_t i, bool gradients, double share)
{
	AePass *pass = slice->pass;
	const AeNet *net = pass->net;
	size_t n_outputs = ae_layout_outputs(&net->layout);

	return ae_likelihood_cost(gradients ? pass->d[0] + i * n_outputs : NULL, s->d_v,
							  pass->h[net->n_layers] + i * n_outputs,
							  slice->cells->at + i * ae_layout_cells(&net->layout), share,
							  &s->likelihood, slice->measure->kernels, slice->measure->scratch);
}

/*
 * Draws first .. first + n - 1 belong to one row.  With w_k = p(x | z_k) (p(z_k) / q(z_k | x))^beta
 * the bound is log (1/n sum w_k), and its gradient the mean of those of log w_k with weights w_k /
 * sum w. Returns minus the bound; sets pass->weight, n times those weights.  Source: Burda, Grosse,
 * Salakhutdinov, ICLR 2016, eq. 8 and 13.
 */
static double
weigh(State *s, const AeSlice *slice, size_t first, size_t n)
{
	AePass *pass = slice->pass;
	double *w = pass->weight + first, most, sum = 0;

	for (size_t k = 0; k < n; k++)
		w[k] = pass->log_ratio[first + k] - row_cost(s, slice, first + k, false, 0);
	most = w[0];
	for (size_t k = 1; k < n; k++)
		most = w[k] > most ? w[k] : most;
	for (size_t k = 0; k < n; k++)
		sum += w[k] = exp(w[k] - most);
	for (size_t k = 0; k < n; k++)
		w[k] *= (double) n / sum;
	return -(most + log(sum / (double) n));
}

/* The sum over rows of a slice, each counted once for each of its draws, and gradients. */
static double
weighted_cost(State *s, const AeSlice *slice, double share)
{
	size_t n = slice->options->variational_samples;
	double sum = 0;

	for (size_t i = 0; i < slice->pass->n_rows; i += n)
	{
		sum += (double) n * weigh(s, slice, i, n);
		for (size_t k = i; k < i + n; k++)
			row_cost(s, slice, k, true, share * slice->pass->weight[k]);
	}
	return sum;
}

/* The sum over rows of a slice; training also leaves gradients. */
static double
cost_of(State *s, const AeSlice *slice, bool training)
{
	AePass *pass = slice->pass;
	const AeNet *net = pass->net;
	const AeLayout *layout = &net->layout;
	double share = slice->share / layout->n_columns, sum = 0;

	ae_likelihood_set(&s->likelihood, slice->params + ae_net_variance_offset(net), net->variance);
	memset(s->d_v, 0, layout->n_dense * sizeof(double));
	if (training && pass->weight)
		return weighted_cost(s, slice, share) / layout->n_columns;
	for (size_t i = 0; i < pass->n_rows; i++)
		sum += row_cost(s, slice, i, training, share);
	return sum / layout->n_columns;
}

static double
loss(void *state, AeSlice *slice)
{
	return cost_of(state, slice, true);
}

static double
validate(void *state, const AeSlice *slice)
{
	return cost_of(state, slice, false);
}

/* The gradient with respect to the variances. */
static void
after(void *state, const AeSlice *slice)
{
	const State *s = state;
	const AeNet *net = slice->pass->net;
	uint32_t n = ae_variance_count(net->variance, &net->layout);
	AeReal *grads = slice->grads + ae_net_variance_offset(net);

	if (!slice->accumulate)
		memset(grads, 0, n * sizeof(AeReal));
	for (uint32_t j = 0; n > 0 && j < net->layout.n_dense; j++)
		grads[n > 1 ? j : 0] += (AeReal) s->d_v[j];
}

/* A cell that is reconstructed exactly would have an infinite density. */
static void
updated(void *state, AeReal *params, const AeNet *net)
{
	AeReal *v = params + ae_net_variance_offset(net);

	(void) state;
	for (uint32_t j = 0; j < ae_variance_count(net->variance, &net->layout); j++)
		if (v[j] < (AeReal) AE_LEAST_LOG_VARIANCE)
			v[j] = (AeReal) AE_LEAST_LOG_VARIANCE;
}

/* As for the reconstruction, which it replaces. */
static double
factor(const AeTrainOptions *options)
{
	return 1 - options->neighbours_weight;
}

const AePart ae_decoder_part = {
	.name = "decoder",
	.used = used,
	.check = check,
	.place = place,
	.updated = updated,
	.factor = factor,
	.loss = loss,
	.after = after,
	.validate = validate,
};
