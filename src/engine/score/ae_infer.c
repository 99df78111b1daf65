/*
 * ae_infer.c: sparse coding of a row.
 */
#include "ae_infer.h"

#include <string.h>

#include "ae_pursuit.h"

bool
ae_infer_can(const AeModel *model)
{
	const AeTrainOptions *options = &model->options;

	return options->sparse == AE_PENALTY_L1 && !options->sparse_hidden &&
		   options->sparse_weight > 0 && options->distribution == AE_DISTRIBUTION_NONE &&
		   ae_net_is_dictionary(&model->net);
}

static void
place(AePursuit *pursuit, AeArena *arena, const AeModel *model)
{
	pursuit->n_code = model->net.width[model->net.n_encoder];
	pursuit->n_out = model->net.width[model->net.n_layers];
	ae_pursuit_place(pursuit, arena);
}

size_t
ae_infer_size(const AeModel *model)
{
	AeArena arena = {0};
	AePursuit pursuit = {0};

	place(&pursuit, &arena, model);
	return arena.used + AE_ALIGN;
}

uint32_t
ae_infer(AeReal *code, AeScorer *scorer, void *block)
{
	const AeModel *model = scorer->model;
	const AeNet *net = &model->net;
	AeArena arena = {.base = ae_arena_align(block)};
	AePursuit pursuit = {.atoms = model->params + ae_net_offset(net, net->n_encoder),
						 .bias = model->params + ae_net_bias_offset(net, net->n_encoder),
						 .lambda = model->options.sparse_weight,
						 .kernels = scorer->kernels,
						 .check = scorer->network->check};

	place(&pursuit, &arena, model);
	ae_pursuit_take(&pursuit, scorer->cells, &net->layout);
	memcpy(code, ae_scorer_encode(scorer, 1), pursuit.n_code * sizeof(AeReal));
	ae_pursuit_find(&pursuit, code, NULL);
	return pursuit.steps;
}
