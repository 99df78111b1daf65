/*
 * ae_optim.h: one update of the weights from a gradient: sgd with momentum,
 * Adam, AdamW; the schedule of the learning rate; clipping and weight decay.
 */
#ifndef AE_OPTIM_H
#define AE_OPTIM_H

#include "ae_kernel.h"
#include "ae_net.h"
#include "ae_train.h"

typedef struct AeOptim
{
	const AeNet *net;
	const AeTrainOptions *options;
	AeCompute compute;
	size_t n_params; /* of the net, and of parts (ae_part.h) */
	AeReal *first;   /* n_params: velocity or first moment */
	AeReal *second;  /* n_params: second moment (Adam) or NULL */
} AeOptim;

/* Places the state; zeroed by ae_optim_reset. */
void ae_optim_place(AeOptim *optim, AeArena *arena, const AeNet *net, size_t n_params,
					const AeTrainOptions *options, const AeCompute *compute);
void ae_optim_reset(AeOptim *optim);

/*
 * Learning rate of update t (0-based) of total: linear from 0 over the warm-up share, then by the
 * schedule, q being the share done of the rest: constant; cosine, rate = base (final + (1 - final)
 * (1 + cos(pi q)) / 2); step, base times 1 while q < 1/2, 1/10 while q < 3/4, 1/100 to the end.
 */
double ae_optim_rate(const AeTrainOptions *options, uint64_t t, uint64_t total);

/*
 * Updates params from grads, which is used as scratch (decay is added to it). With clipping,
 * returns false and leaves params alone if the gradient's norm is not finite.
 */
bool ae_optim_update(AeOptim *optim, AeReal *params, AeReal *grads, uint64_t t, uint64_t total);

/*
 * grads += the gradient of the prior (ae_prior.h) for weights, not biases; returns its value. tied:
 * only for the encoder, as the decoder has the same weights.
 */
double ae_optim_decay(AeReal *grads, const AeReal *params, const AeNet *net, AeWeightPrior prior,
					  double lambda, bool tied, const AeKernels *kernels);

#endif
