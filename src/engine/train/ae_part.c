/*
 * ae_part.c: the list of the parts of a training, and calls of those in use.
 */
#include "ae_part.h"

#include <string.h>

#define LIST_PART(name) &ae_##name##_part,

const AePart *const ae_parts[AE_N_PARTS] = {AE_PARTS(LIST_PART)};

_Static_assert((int) AE_N_PARTS <= AE_MAX_HOOKS, "all parts may hook into a pass");

void
ae_parts_choose(AePartUse *use, const AeNet *net, const AeTrainOptions *options)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		use[i] = (AePartUse){.used = !ae_parts[i]->used || ae_parts[i]->used(net, options)};
}

AeStatus
ae_parts_check(const AeNet *net, const AeTrainOptions *options, AeError *error)
{
	AeStatus status = AE_OK;

	for (size_t i = 0; status == AE_OK && i < AE_N_PARTS; i++)
		if (ae_parts[i]->check)
			status = ae_parts[i]->check(net, options, error);
	return status;
}

/* Parameters of a part. */
static size_t
own_params(const AePartUse *use, size_t i, const AeNet *net)
{
	return use[i].used && ae_parts[i]->n_params ? ae_parts[i]->n_params(net) : 0;
}

size_t
ae_parts_n_params(const AePartUse *use, const AeNet *net)
{
	size_t n = 0;

	for (size_t i = 0; i < AE_N_PARTS; i++)
		n += own_params(use, i, net);
	return n;
}

void
ae_parts_place_lasting(AePartUse *use, AeArena *arena, const AeNet *net)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (use[i].used && ae_parts[i]->lasting)
			use[i].lasting = ae_arena_place(arena, ae_parts[i]->lasting(net), 1);
}

void
ae_parts_place(AePartUse *use, AeArena *arena, AePass *pass, const AePartSetup *setup)
{
	size_t own = ae_net_n_params(setup->net);

	for (size_t i = 0; i < AE_N_PARTS; i++)
	{
		if (use[i].used && ae_parts[i]->place)
			use[i].state = ae_parts[i]->place(arena, pass, setup, use[i].lasting, own);
		own += own_params(use, i, setup->net);
	}
}

void
ae_parts_begin(AePartUse *use, AeReal *params, const AeNet *net, const AeTrainOptions *options,
			   AeStart start)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (use[i].used && ae_parts[i]->begin)
			ae_parts[i]->begin(use[i].state, params, net, options, start);
}

void
ae_parts_enter(AePartUse *use, AePass *pass, AeEntering *entering)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (use[i].used && ae_parts[i]->enter)
			ae_parts[i]->enter(use[i].state, pass, entering);
}

void
ae_parts_passed(AePartUse *use, const AePass *pass)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (use[i].used && ae_parts[i]->passed)
			ae_parts[i]->passed(use[i].state, pass);
}

void
ae_parts_updated(AePartUse *use, AeReal *params, const AeNet *net)
{
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (use[i].used && ae_parts[i]->updated)
			ae_parts[i]->updated(use[i].state, params, net);
}

bool
ae_parts_folds(const AePartUse *use)
{
	bool folds = false;

	for (size_t i = 0; i < AE_N_PARTS; i++)
		folds |= use[i].used && ae_parts[i]->fold;
	return folds;
}

void
ae_parts_fold(const AePartUse *use, AeReal *folded, const AeReal *params, const AeNet *net)
{
	memcpy(folded, params, ae_net_n_params(net) * sizeof(AeReal));
	for (size_t i = 0; i < AE_N_PARTS; i++)
		if (use[i].used && ae_parts[i]->fold)
			ae_parts[i]->fold(use[i].state, folded, params, net);
}
