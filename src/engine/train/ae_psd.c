/*
 * ae_psd.c: predictive sparse decomposition: in training, the code of a row is the sparse code that
 * decodes to it best (ae_pursuit.h), and the encoder learns to predict that.
 *
 *     loss += gamma / C |h - f(x)|^2,  h = argmin over h of loss + weight |h|_1 + gamma / C |h - f(x)|^2
 *
 * C being the number of columns over which the reconstruction's loss is a mean, so that a gamma of
 * 1 is that of a sum of squares.  |h|_1 and its weight are those of ae_sparse.c.  At h, no change
 * of h makes the sum smaller, so the gradient with respect to the decoder is that with h held
 * fixed, and the gradient with respect to the encoder's output is 2 gamma / C (f(x) - h).
 *
 * Atoms, the rows of the decoder's weights, have at most length 1: long ones would make codes small
 * and cheap. Rows that are scored or validated have the predicted code.
 *
 * Source: Kavukcuoglu, Ranzato, LeCun, "Fast inference in sparse coding algorithms with applications to
 * object recognition", NYU CBLL-TR-2008-12-01, section 3; Goodfellow, Bengio, Courville, Deep
 * Learning, 2016, section 14.8.
 */
#include <math.h>
#include <string.h>

#include "ae_part.h"
#include "ae_pursuit.h"

typedef struct State
{
	AePursuit pursuit;
	AeCells cells;  /* of the rows that entered */
	AeReal *guess;  /* n_rows x n_code: f(x) of the rows last passed */
	double share;   /* factor on gradients */
	double squares; /* sum of |h - f(x)|^2 over these */
} State;

static void
after(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	State *s = state;
	const AeNet *net = pass->net;
	size_t n_code = net->width[l + 1];

	if (l + 1 != net->n_encoder)
		return;
	s->pursuit.atoms = params + ae_net_offset(net, l + 1);
	s->pursuit.bias = params + ae_net_bias_offset(net, l + 1);
	s->pursuit.check = pass->compute.check;
	s->squares = 0;
	memcpy(s->guess, pass->h[l + 1], pass->n_rows * n_code * sizeof(AeReal));
	for (size_t i = 0; i < pass->n_rows; i++)
	{
		AeReal *h = pass->h[l + 1] + i * n_code, *guess = s->guess + i * n_code;

		ae_pursuit_take(&s->pursuit, s->cells.at + i * ae_layout_cells(&net->layout), &net->layout);
		ae_pursuit_find(&s->pursuit, h, guess);
		for (size_t j = 0; j < n_code; j++)
			s->squares += ((double) h[j] - (double) guess[j]) * ((double) h[j] - (double) guess[j]);
	}
}

/* The rest of the code's cost is at its minimum: what remains is the distance to the prediction. */
static void
after_back(void *state, AeDescent *at)
{
	const State *s = state;
	const AePass *pass = at->pass;
	AeReal factor = (AeReal) (2 * s->share * s->pursuit.closeness);

	if (at->l + 1 != pass->net->n_encoder)
		return;
	for (size_t i = 0; i < pass->n_rows * pass->net->width[at->l + 1]; i++)
		at->d[i] = factor * (s->guess[i] - pass->h[at->l + 1][i]);
}

static const AeHooks hooks = {.after = after, .after_back = after_back};

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->psd_weight > 0;
}

/* The problem must be convex in the code, and no other term may depend on it. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (!used(net, o))
		return AE_OK;
	if (o->sparse != AE_PENALTY_L1 || o->sparse_hidden || !(o->sparse_weight > 0))
		return ae_fail(error, AE_ERR_ARGUMENT, "sparse beside psd_weight", o->sparse, AE_PENALTY_L1,
					   AE_PENALTY_L1);
	if (!ae_net_is_dictionary(net))
		return ae_fail(error, AE_ERR_SHAPE, "layers of the decoder under psd_weight",
					   net->n_layers - net->n_encoder, 1, 1);
	if (net->activation[net->n_encoder - 1] != AE_IDENTITY || net->top_k > 0 || net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "code under psd_weight",
					   net->activation[net->n_encoder - 1], AE_IDENTITY, AE_IDENTITY);
	if (o->tied || o->emphasis > 0 || o->contract_weight > 0 || o->neighbours_weight > 0 ||
		o->code_noise > 0 || o->variational_beta > 0 || o->aux_weight > 0 || net->n_target > 0 ||
		o->distribution != AE_DISTRIBUTION_NONE || o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "what stands beside psd_weight", o->psd_weight, 0,
					   0);
	return AE_OK;
}

/* About twenty steps, forward and back. */
static double
macs(const AeNet *net, const AeTrainOptions *options)
{
	(void) options;
	return 40.0 * net->width[net->n_encoder] * net->width[net->n_layers];
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const AeTrainOptions *o = setup->options;
	const AeNet *net = setup->net;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here = {.pursuit = {.n_code = net->width[net->n_encoder],
							  .n_out = net->width[net->n_layers],
							  .lambda = o->sparse_weight,
							  .closeness = o->psd_weight / net->layout.n_columns,
							  .kernels = setup->kernels}};

	(void) lasting;
	(void) own;
	ae_pursuit_place(&here.pursuit, arena);
	here.guess = ae_arena_place_rows(arena, setup->slice_rows, here.pursuit.n_code, sizeof(AeReal));
	if (home)
		*home = here;
	ae_net_hook(pass, &hooks, home);
	return home;
}

/* Scales atoms longer than 1 to length 1. */
static void
updated(void *state, AeReal *params, const AeNet *net)
{
	const AePursuit *p = &((State *) state)->pursuit;
	AeReal *atoms = params + ae_net_offset(net, net->n_encoder);

	for (size_t j = 0; j < p->n_code; j++)
	{
		AeReal *atom = atoms + j * p->n_out;
		double length = sqrt(p->kernels->dot(atom, atom, p->n_out));

		for (size_t k = 0; k < p->n_out && length > 1; k++)
			atom[k] = (AeReal) ((double) atom[k] / length);
	}
}

static void
begin(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *options, AeStart start)
{
	(void) options;
	(void) start;
	updated(state, params, net);
}

static void
enter(void *state, AePass *pass, AeEntering *entering)
{
	(void) pass;
	((State *) state)->cells = *entering->cells;
}

static double
loss(void *state, AeSlice *slice)
{
	State *s = state;

	s->share = slice->share;
	return s->pursuit.closeness * s->squares;
}

const AePart ae_psd_part = {
	.name = "psd",
	.used = used,
	.check = check,
	.macs = macs,
	.place = place,
	.begin = begin,
	.enter = enter,
	.updated = updated,
	.loss = loss,
};
