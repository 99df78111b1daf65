/*
 * ae_code_noise.c: the stage that adds Gaussian noise to the code before its activation, which
 * drives sigmoids to 0 and 1.  It is a function of the visit, independent of any other noise.
 *
 * Source: Salakhutdinov, Hinton, "Semantic hashing", 2009, section 2.2.
 */
#include "ae_part.h"

/* Noise on inputs has the visits below this one. */
#define CODE_VISITS ((uint64_t) 1 << 63)

static void
before(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	const AeNoise *noise = state;
	AeReal *z = pass->h[l + 1];

	(void) params;
	if (l + 1 == pass->net->n_encoder)
		pass->compute.kernels->add_noise(z, z, pass->n_rows * pass->net->width[l + 1], noise->sigma,
										 noise->visit.seed, noise->visit.number);
}

static const AeHooks hooks = {.before = before};

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->code_noise > 0;
}

/* A line search compares objectives, which noise would change. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (used(net, o) && o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "code_noise under lbfgs", o->code_noise, 0, 0);
	return AE_OK;
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	AeNoise *home = ae_arena_place(arena, 1, sizeof(AeNoise));

	(void) lasting;
	(void) own;
	if (home)
		*home = (AeNoise){.sigma = (AeReal) setup->options->code_noise};
	ae_net_hook(pass, &hooks, home);
	return home;
}

static void
enter(void *state, AePass *pass, AeEntering *entering)
{
	AeNoise *noise = state;

	(void) pass;
	noise->visit = (AeVisit){entering->visit.seed, CODE_VISITS | entering->visit.number};
}

const AePart ae_code_noise_part = {
	.name = "code noise",
	.used = used,
	.check = check,
	.place = place,
	.enter = enter,
};
