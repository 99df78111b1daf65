/*
 * ae_optim.c: first-order updates.
 *
 * Sources: Polyak 1964 (momentum); Kingma, Ba 2015 (Adam, algorithm 1);
 * Loshchilov, Hutter 2019 (AdamW, algorithm 2); Pascanu, Mikolov, Bengio 2013
 * (clipping by global norm, algorithm 1).
 */
#include "ae_optim.h"

#include <math.h>
#include <string.h>

void
ae_optim_place(AeOptim *optim, AeArena *arena, const AeNet *net, size_t n_params,
			   const AeTrainOptions *options, const AeCompute *compute)
{
	optim->net = net;
	optim->options = options;
	optim->compute = *compute;
	optim->n_params = n_params;
	optim->first = optim->second = NULL;
	if (options->optimizer == AE_OPTIMIZER_PCA)
		return;
	optim->first = ae_arena_place(arena, optim->n_params, sizeof(AeReal));
	if (options->optimizer != AE_OPTIMIZER_SGD)
		optim->second = ae_arena_place(arena, optim->n_params, sizeof(AeReal));
}

void
ae_optim_reset(AeOptim *optim)
{
	if (optim->first)
		ae_clear(optim->first, optim->n_params * sizeof(AeReal), optim->compute.check);
	if (optim->second)
		ae_clear(optim->second, optim->n_params * sizeof(AeReal), optim->compute.check);
}

double
ae_optim_rate(const AeTrainOptions *options, uint64_t t, uint64_t total)
{
	double warm = options->warmup * (double) total;
	double left = (double) total - warm;
	double share;

	if ((double) t < warm)
		return options->learning_rate * fmin(1.0, ((double) t + 1) / warm);
	if (options->schedule == AE_SCHEDULE_CONSTANT || left <= 0)
		return options->learning_rate;
	share = fmin(1.0, ((double) t - warm) / left);
	if (options->schedule == AE_SCHEDULE_STEP)
		return options->learning_rate * (share < 0.5 ? 1 : share < 0.75 ? 0.1 : 0.01);
	return options->learning_rate * (options->final_rate + (1 - options->final_rate) * 0.5 *
															   (1 + cos(share * 3.14159265358979)));
}

double
ae_optim_decay(AeReal *grads, const AeReal *params, const AeNet *net, AeWeightPrior prior,
			   double lambda, bool tied, const AeKernels *kernels)
{
	double sum = 0;

	for (uint32_t l = 0; l <= net->n_layers; l++)
	{
		size_t at = ae_net_offset(net, l);

		if (tied && l >= net->n_encoder && l < net->n_layers)
			continue;
		sum += ae_prior_gradient(grads + at, params + at, ae_net_n_weights(net, l), prior, lambda,
								 kernels);
	}
	return sum;
}

/* Moves all weights, but not biases, towards 0 by a step. */
static void
shrink(AeReal *params, const AeNet *net, AeReal step)
{
	for (uint32_t l = 0; l <= net->n_layers; l++)
		ae_prior_shrink(params + ae_net_offset(net, l), ae_net_n_weights(net, l), step);
}

/* One step of Adam for parameters first .. end - 1, in parts, as each number is independent. */
static void
adam_part(AeOptim *optim, AeReal *params, const AeReal *grads, size_t first, size_t end,
		  const AeAdamStep *step)
{
	for (size_t at = first, n; at < end; at += n)
	{
		n = end - at < AE_CHECK_NUMBERS ? end - at : AE_CHECK_NUMBERS;
		ae_check(optim->compute.check);
		optim->compute.kernels->adam(params + at, optim->first + at, optim->second + at, grads + at,
									 n, step);
	}
}

static void
adam(AeOptim *optim, AeReal *params, const AeReal *grads, uint64_t t, double rate, double g_scale)
{
	const AeTrainOptions *options = optim->options;
	const AeNet *net = optim->net;
	double steps = (double) t + 1;
	AeAdamStep step = {
		.beta1 = (AeReal) options->beta1,
		.beta2 = (AeReal) options->beta2,
		.rate = (AeReal) (rate / (1 - pow(options->beta1, steps))),
		.v_scale = (AeReal) (1 / (1 - pow(options->beta2, steps))),
		.epsilon = (AeReal) options->epsilon,
		.keep = 1,
		.g_scale = (AeReal) g_scale,
	};
	AeAdamStep decayed = step;
	bool laplace = options->weight_prior == AE_PRIOR_LAPLACE;

	if (options->optimizer == AE_OPTIMIZER_ADAM || options->weight_decay == 0 || laplace)
	{
		adam_part(optim, params, grads, 0, optim->n_params, &step);
		if (options->optimizer == AE_OPTIMIZER_ADAMW && options->weight_decay > 0)
			shrink(params, net, (AeReal) (rate * options->weight_decay));
		return;
	}
	decayed.keep = (AeReal) (1 - rate * options->weight_decay);
	/* behind the last W, the head's, are its b, thresholds and parameters of parts */
	for (uint32_t l = 0; l <= net->n_layers; l++)
	{
		size_t w = ae_net_offset(net, l), b = w + ae_net_n_weights(net, l);
		size_t end = l < net->n_layers ? b + net->width[l + 1] : optim->n_params;

		adam_part(optim, params, grads, w, b, &decayed);
		adam_part(optim, params, grads, b, end, &step);
	}
}

/* |gradient|^2, counting tied weights once. */
static double
gradient_square(const AeOptim *optim, const AeReal *grads)
{
	const AeNet *net = optim->net;
	size_t at = optim->options->tied ? ae_net_offset(net, net->n_encoder) : optim->n_params;
	double square = optim->compute.kernels->dot(grads, grads, at);

	for (uint32_t l = net->n_encoder; optim->options->tied && l < net->n_layers; l++)
	{
		const AeReal *bias = grads + ae_net_bias_offset(net, l);

		square += optim->compute.kernels->dot(bias, bias, net->width[l + 1]);
	}
	at = ae_net_head_offset(net);
	if (optim->options->tied && at < optim->n_params)
		square += optim->compute.kernels->dot(grads + at, grads + at, optim->n_params - at);
	return square;
}

bool
ae_optim_update(AeOptim *optim, AeReal *params, AeReal *grads, uint64_t t, uint64_t total)
{
	const AeTrainOptions *options = optim->options;
	double rate = ae_optim_rate(options, t, total);
	double g_scale = 1;

	if (options->optimizer == AE_OPTIMIZER_PCA)
		return true;
	if (options->weight_decay > 0 && options->optimizer != AE_OPTIMIZER_ADAMW)
		ae_optim_decay(grads, params, optim->net, options->weight_prior, options->weight_decay,
					   options->tied, optim->compute.kernels);
	if (options->tied)
		ae_net_tie_gradient(grads, optim->net, 1);
	if (options->clip_norm > 0)
	{
		double norm = sqrt(gradient_square(optim, grads));

		if (!isfinite(norm))
			return false;
		if (norm > options->clip_norm)
			g_scale = options->clip_norm / norm;
	}
	if (options->optimizer == AE_OPTIMIZER_SGD)
		optim->compute.kernels->sgd(params, optim->first, grads, optim->n_params, (AeReal) rate,
									(AeReal) options->momentum, (AeReal) g_scale);
	else
		adam(optim, params, grads, t, rate, g_scale);
	return true;
}
