/*
 * ae_recirculation.c: the learning rule of recirculation, in the place of back-propagation: each
 * weight is changed by what its two ends do at two times, and no error is sent back.
 *
 *     v_0 the row, h_1 = f(v_0), v_2 = l v_0 + (1 - l) r, r the reconstruction, h_3 = l h_1 + (1 - l) f(v_2)
 *     change of the decoder's weights: h_1 (v_0 - v_2), of the encoder's: v_2 (h_1 - h_3)
 *
 * l is AE_REGRESSION. Both are taken as a gradient, divided by 1 - l and with the factors of the loss, so
 * that the decoder's is the gradient. The encoder's is one only as far as its weights are the decoder's,
 * transposed: so training begins with such weights, and the rule keeps them near each other.
 *
 * The backward pass is given no gradient, and adds none.
 *
 * Source: Hinton, McClelland, "Learning representations by recirculation", NIPS 1987, eq. 1 to 6.
 */
#include <string.h>

#include "ae_part.h"

/* How much of a value stays when it has gone round. */
#define AE_REGRESSION 0.75

typedef struct State
{
	AeReal *d_out; /* n_rows x n_out: gradient by outputs */
	AeReal *again; /* n_rows x n_out: v_2 */
	AeReal *code;  /* n_rows x n_code: f(v_2), then what the encoder's change is taken from */
} State;

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->algorithm == AE_ALGORITHM_RECIRCULATION;
}

/* One hidden layer, and numbers with a squared error. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (!used(net, o))
		return AE_OK;
	if (net->n_layers != 2 || net->width[0] != net->width[2])
		return ae_fail(error, AE_ERR_SHAPE, "layers under recirculation", net->n_layers, 2, 2);
	if (!ae_net_is_dictionary(net) || net->layout.n_categories > 0 || net->top_k > 0 ||
		net->gated || net->n_target > 0 || net->spread || o->distribution != AE_DISTRIBUTION_NONE)
		return ae_fail(error, AE_ERR_ARGUMENT, "network under recirculation", net->n_target, 0, 0);
	if (o->optimizer == AE_OPTIMIZER_LBFGS || o->tied || o->sparse_weight > 0 ||
		o->contract_weight > 0 || o->neighbours_weight > 0 || o->psd_weight > 0 ||
		o->code_noise > 0)
		return ae_fail(error, AE_ERR_ARGUMENT, "what stands beside recirculation", o->optimizer, 0,
					   0);
	return AE_OK;
}

static double
macs(const AeNet *net, const AeTrainOptions *options)
{
	(void) options;
	return ae_net_macs(net);
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const uint32_t *width = setup->net->width;
	State *home = ae_arena_place(arena, 1, sizeof(State));
	State here;

	(void) pass;
	(void) lasting;
	(void) own;
	here.d_out = ae_arena_place_rows(arena, setup->slice_rows, width[2], sizeof(AeReal));
	here.again = ae_arena_place_rows(arena, setup->slice_rows, width[2], sizeof(AeReal));
	here.code = ae_arena_place_rows(arena, setup->slice_rows, width[1], sizeof(AeReal));
	if (home)
		*home = here;
	return home;
}

/* The decoder begins as the encoder, transposed. */
static void
begin(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *options, AeStart start)
{
	(void) state;
	(void) options;
	if (start == AE_START_DRAWN)
		ae_net_tie(params, net);
}

/* v_2 and f(v_2); takes the gradient by outputs away from the backward pass. */
static double
loss(void *state, AeSlice *slice)
{
	State *s = state;
	AePass *pass = slice->pass;
	const AeNet *net = pass->net;
	const AeReal *params = slice->params, *x = pass->inputs.x, *r = pass->h[2];
	size_t n_in = net->width[0], n_code = net->width[1], n = pass->n_rows * n_in;
	AeMatrix w = ae_matrix(params + ae_net_offset(net, 0), n_in, n_code);

	memcpy(s->d_out, pass->d[0], n * sizeof(AeReal));
	memset(pass->d[0], 0, n * sizeof(AeReal));
	for (size_t i = 0; i < n; i++)
	{
		/* what is missing has no error, and stays as it entered */
		bool missing = slice->cells->at[i] != slice->cells->at[i];

		s->again[i] = missing ? x[i] : x[i] + (AeReal) (1 - AE_REGRESSION) * (r[i] - x[i]);
	}
	ae_multiply(s->code, n_code, 1, ae_matrix(s->again, pass->n_rows, n_in), w, 0, &pass->compute);
	pass->compute.kernels->bias_activate(net->activation[0], s->code, NULL,
										 params + ae_net_bias_offset(net, 0), pass->n_rows, n_code,
										 n_code);
	return 0;
}

/* grads += both rules. */
static void
after(void *state, const AeSlice *slice)
{
	State *s = state;
	const AePass *pass = slice->pass;
	const AeNet *net = pass->net;
	size_t n_in = net->width[0], n_code = net->width[1];
	AeReal factor = (AeReal) (2 * slice->share / net->layout.n_columns / (1 - AE_REGRESSION));
	AeReal *grads = slice->grads;
	AeMatrix h = ae_matrix(pass->h[1], pass->n_rows, n_code);
	AeMatrix d = ae_matrix(s->d_out, pass->n_rows, n_in);

	/* (h_3 - h_1) / (1 - l) = f(v_2) - h_1 */
	for (size_t i = 0; i < pass->n_rows * n_code; i++)
		s->code[i] = factor * (s->code[i] - pass->h[1][i]);
	ae_multiply(grads + ae_net_offset(net, 1), n_in, 1, ae_transposed(h), d, 1, &pass->compute);
	ae_multiply(grads + ae_net_offset(net, 0), n_code, 1,
				ae_transposed(ae_matrix(s->again, pass->n_rows, n_in)),
				ae_matrix(s->code, pass->n_rows, n_code), 1, &pass->compute);
	pass->compute.kernels->column_sum(grads + ae_net_bias_offset(net, 1), s->d_out, true,
									  pass->n_rows, n_in);
	pass->compute.kernels->column_sum(grads + ae_net_bias_offset(net, 0), s->code, true,
									  pass->n_rows, n_code);
}

const AePart ae_recirculation_part = {
	.name = "recirculation",
	.used = used,
	.check = check,
	.macs = macs,
	.place = place,
	.begin = begin,
	.loss = loss,
	.after = after,
};
