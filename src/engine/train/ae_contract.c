/*
 * ae_contract.c: the squared norm of the code's Jacobian and its gradient.
 */
#include "ae_contract.h"

#include <string.h>

#include "ae_rng.h"
#include "ae_part.h"

AeStatus
ae_contract_check(const AeNet *net, AeError *error)
{
	for (uint32_t l = 0; l < net->n_encoder; l++)
		if (ae_activation_info[net->activation[l]].kinked)
			return ae_fail(error, AE_ERR_ARGUMENT, "contract_weight", 1, 0, 0);
	if (net->top_k > 0 || net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "contract_weight", 1, 0, 0);
	return AE_OK;
}

void
ae_contract_place(AeContraction *c, AeArena *arena, const AeNet *net, size_t n_rows, double weight,
				  bool exact)
{
	uint32_t n_encoder = net->n_encoder;
	size_t widest = 0;

	memset(c, 0, sizeof(*c));
	if (!(weight > 0))
		return;
	c->weight = weight;
	c->exact = exact || n_encoder == 1;
	for (uint32_t l = 0; l < n_encoder; l++)
	{
		size_t count = n_rows * net->width[l + 1];

		if (ae_activation_info[net->activation[l]].needs_slope)
			c->z[l] = ae_arena_place(arena, count, sizeof(AeReal));
		else
			c->own_slope[l] = ae_arena_place(arena, count, sizeof(AeReal));
		c->d_z[l] = ae_arena_place(arena, count, sizeof(AeReal));
		c->curve[l] = ae_arena_place(arena, count, sizeof(AeReal));
		widest = net->width[l + 1] > widest ? net->width[l + 1] : widest;
		if (n_encoder == 1)
			continue;
		c->g[l] = ae_arena_place(arena, n_rows * net->width[l], sizeof(AeReal));
		/* for e_k it is the slope of unit k */
		if (l + 1 < n_encoder || !c->exact)
			c->a[l] = ae_arena_place(arena, count, sizeof(AeReal));
	}
	if (n_encoder == 1)
	{
		c->squares = ae_arena_place(arena, 2 * widest, sizeof(double));
		return;
	}
	if (!c->exact)
		c->probe = ae_arena_place(arena, n_rows * net->width[n_encoder], sizeof(AeReal));
	c->back[0] = ae_arena_place(arena, n_rows * widest, sizeof(AeReal));
	c->back[1] = ae_arena_place(arena, n_rows * widest, sizeof(AeReal));
}

void
ae_contract_draw(AeContraction *c, const AeNet *net, size_t n_rows, AeVisit visit)
{
	uint32_t words[4] = {0};
	uint32_t counter[4] = {0, (uint32_t) visit.number, (uint32_t) (visit.number >> 32),
						   AE_STREAM_PROBE};
	size_t n = n_rows * net->width[net->n_encoder];

	for (size_t i = 0; c->probe && i < n; i++)
	{
		if (i % 128 == 0)
		{
			counter[0] = (uint32_t) (i / 128);
			ae_philox(words, counter, visit.seed);
		}
		c->probe[i] = words[i % 128 / 32] >> (i % 32) & 1 ? 1 : -1;
	}
}

/* Keeps z before the activation of layer l replaces it. */
static void
keep_preactivations(void *state, AePass *pass, const AeReal *params, uint32_t l)
{
	const AeContraction *c = state;
	const AeReal *bias = params + ae_net_bias_offset(pass->net, l), *h = pass->h[l + 1];
	size_t n_out = pass->net->width[l + 1];

	for (size_t i = 0; c->z[l] && i < pass->n_rows; i++)
		for (size_t j = 0; j < n_out; j++)
			c->z[l][i * n_out + j] = h[i * n_out + j] + bias[j];
}

static void
add_gradient(void *state, AeDescent *at)
{
	const AeContraction *c = state;

	if (c->d_z[at->l])
		at->pass->compute.kernels->axpy(at->d, 1, c->d_z[at->l],
										at->pass->n_rows * at->pass->net->width[at->l + 1]);
}

const AeHooks ae_contract_hooks = {
	.slopes = true,
	.before = keep_preactivations,
	.before_back = add_gradient,
};

/* Arguments of all functions below; grads is NULL if only the value is wanted. */
typedef struct Sweep
{
	const AeContraction *c;
	const AePass *pass;
	const AeNet *net;
	const AeReal *params;
	AeReal *grads;
	AeReal factor; /* on the gradient: 2 * scale * weight */
	size_t n_rows;
} Sweep;

static const AeReal *
slope_of(const Sweep *s, uint32_t l)
{
	return s->c->own_slope[l] ? s->c->own_slope[l] : s->pass->slope[l];
}

/* Computes s' and s'' of every layer of the encoder from what the pass kept. */
static void
find_derivatives(const Sweep *s)
{
	for (uint32_t l = 0; l < s->net->n_encoder; l++)
		s->pass->compute.kernels->activation_curve(s->net->activation[l], s->c->own_slope[l],
												   s->c->curve[l], s->pass->h[l + 1], s->c->z[l],
												   s->n_rows * s->net->width[l + 1]);
}

/*
 * sum_j s'_j^2 |W_:j|^2, whose gradient with respect to W_ij is 2 W_ij s'_j^2, and with respect to
 * z_j is 2 s'_j s''_j |W_:j|^2.
 */
static double
one_layer(const Sweep *s)
{
	size_t n_in = s->net->width[0], n = s->net->width[1];
	const AeReal *slope = slope_of(s, 0), *curve = s->c->curve[0];
	double *columns = s->c->squares, *slopes = columns + n, sum = 0;

	memset(columns, 0, 2 * n * sizeof(double));
	for (size_t i = 0; i < n_in; i++)
		for (size_t j = 0; j < n; j++)
			columns[j] += (double) s->params[i * n + j] * (double) s->params[i * n + j];
	for (size_t i = 0; i < s->n_rows; i++)
		for (size_t j = 0; j < n; j++)
			slopes[j] += (double) slope[i * n + j] * (double) slope[i * n + j];
	for (size_t j = 0; j < n; j++)
		sum += slopes[j] * columns[j];
	if (!s->grads)
		return sum;
	for (size_t i = 0; i < n_in; i++)
		for (size_t j = 0; j < n; j++)
			s->grads[i * n + j] += s->factor * (AeReal) slopes[j] * s->params[i * n + j];
	for (size_t i = 0; i < s->n_rows; i++)
		for (size_t j = 0; j < n; j++)
			s->c->d_z[0][i * n + j] =
				s->factor * (AeReal) columns[j] * slope[i * n + j] * curve[i * n + j];
	return sum;
}

/* W_l. */
static AeMatrix
weights_of(const Sweep *s, uint32_t l)
{
	return ae_matrix(s->params + ae_net_offset(s->net, l), s->net->width[l], s->net->width[l + 1]);
}

/*
 * g_l and a_l of a probe; top: its a of the last layer, of which columns first .. first + count - 1
 * are not 0.  Returns |v|^2, the sum over rows.
 */
static double
go_down(const Sweep *s, const AeReal *top, size_t first, size_t count)
{
	const AeNet *net = s->net;
	const AeCompute *compute = &s->pass->compute;
	uint32_t l = net->n_encoder - 1;
	size_t n_in = net->width[l];

	ae_multiply(s->c->g[l], n_in, 1,
				ae_columns(ae_matrix(top, s->n_rows, net->width[l + 1]), first, count),
				ae_transposed(ae_columns(weights_of(s, l), first, count)), 0, compute);
	while (l-- > 0)
	{
		size_t n_out = net->width[l + 1];
		const AeReal *slope = slope_of(s, l), *g = s->c->g[l + 1];
		AeReal *a = s->c->a[l];

		n_in = net->width[l];
		for (size_t i = 0; i < s->n_rows * n_out; i++)
			a[i] = g[i] * slope[i];
		ae_multiply(s->c->g[l], n_in, 1, ae_matrix(a, s->n_rows, n_out),
					ae_transposed(weights_of(s, l)), 0, compute);
	}
	return s->pass->compute.kernels->dot(s->c->g[0], s->c->g[0], s->n_rows * n_in);
}

/* The gradient of |v|^2, from dv = 2 v back up to the probe; arguments of go_down. */
static void
go_up(const Sweep *s, const AeReal *top, size_t first, size_t count)
{
	const AeNet *net = s->net;
	const AeCompute *compute = &s->pass->compute;
	uint32_t last = net->n_encoder - 1;
	size_t n_code = net->width[last + 1];
	AeMatrix d = ae_matrix(s->c->g[0], s->n_rows, net->width[0]);
	AeReal factor = s->factor, *up;

	for (uint32_t l = 0; l < last; l++)
	{
		size_t n_out = net->width[l + 1];
		const AeReal *slope = slope_of(s, l), *g = s->c->g[l + 1], *curve = s->c->curve[l];

		up = s->c->back[l % 2];
		ae_multiply(s->grads + ae_net_offset(net, l), n_out, factor, ae_transposed(d),
					ae_matrix(s->c->a[l], s->n_rows, n_out), 1, compute);
		ae_multiply(up, n_out, factor, d, weights_of(s, l), 0, compute);
		for (size_t i = 0; i < s->n_rows * n_out; i++)
		{
			s->c->d_z[l][i] += up[i] * g[i] * curve[i];
			up[i] *= slope[i];
		}
		d = ae_matrix(up, s->n_rows, n_out);
		factor = 1;
	}
	up = s->c->back[last % 2];
	ae_multiply(s->grads + ae_net_offset(net, last) + first, n_code, factor, ae_transposed(d),
				ae_columns(ae_matrix(top, s->n_rows, n_code), first, count), 1, compute);
	ae_multiply(up, count, factor, d, ae_columns(weights_of(s, last), first, count), 0, compute);
	for (size_t i = 0; i < s->n_rows; i++)
		for (size_t j = 0; j < count; j++)
		{
			size_t k = i * n_code + first + j;

			s->c->d_z[last][k] +=
				up[i * count + j] * s->c->curve[last][k] * (s->c->probe ? s->c->probe[k] : 1);
		}
}

static double
one_probe(const Sweep *s, const AeReal *top, size_t first, size_t count)
{
	double sum;

	ae_check(s->pass->compute.check);
	sum = go_down(s, top, first, count);
	if (s->grads)
		go_up(s, top, first, count);
	return sum;
}

static double
sweep(const Sweep *s)
{
	const AeNet *net = s->net;
	uint32_t last = net->n_encoder - 1;
	size_t n_code = net->width[last + 1];
	const AeReal *slope;
	double sum = 0;

	find_derivatives(s);
	if (last == 0)
		return one_layer(s);
	for (uint32_t l = 0; s->grads && l <= last; l++)
		memset(s->c->d_z[l], 0, s->n_rows * net->width[l + 1] * sizeof(AeReal));
	slope = slope_of(s, last);
	if (s->c->exact)
	{
		for (size_t k = 0; k < n_code; k++)
			sum += one_probe(s, slope, k, 1);
		return sum;
	}
	for (size_t i = 0; i < s->n_rows * n_code; i++)
		s->c->a[last][i] = s->c->probe[i] * slope[i];
	return one_probe(s, s->c->a[last], 0, n_code);
}

double
ae_contract_value(AeContraction *c, const AePass *pass, const AeReal *params)
{
	Sweep s = {.c = c, .pass = pass, .net = pass->net, .params = params, .n_rows = pass->n_rows};

	return sweep(&s);
}

double
ae_contract_gradient(AeReal *grads, AeContraction *c, AePass *pass, const AeReal *params,
					 double scale)
{
	Sweep s = {.c = c,
			   .pass = pass,
			   .net = pass->net,
			   .params = params,
			   .grads = grads,
			   .factor = (AeReal) (2 * scale * c->weight),
			   .n_rows = pass->n_rows};

	return sweep(&s);
}

/* ---- as a term ---- */

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->contract_weight > 0;
}

/* Derivatives must exist, and the net must be the same at every visit. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	bool estimate = !o->contract_exact && net->n_encoder > 1;

	if (!used(net, o))
		return AE_OK;
	if (o->dropout > 0 || o->batch_norm || o->batch_top_k > 0 || net->skip ||
		(estimate && o->optimizer == AE_OPTIMIZER_LBFGS))
		return ae_fail(error, AE_ERR_ARGUMENT, "contract_weight", o->contract_weight, 0, 0);
	return ae_contract_check(net, error);
}

/* Multiply-adds per row that the penalty adds to those of a forward pass. */
static double
macs(const AeNet *net, const AeTrainOptions *options)
{
	uint32_t last = net->n_encoder - 1;
	double code = net->width[last + 1], below = 0;

	if (last == 0)
		return code;
	for (uint32_t l = 0; l < last; l++)
		below += (double) net->width[l] * net->width[l + 1];
	/* each exact probe sees only its own column of the last layer's weights */
	return below * (options->contract_exact ? code : 1) + net->width[last] * code;
}

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	AeContraction here, *home = ae_arena_place(arena, 1, sizeof(AeContraction));

	(void) lasting;
	(void) own;
	ae_contract_place(&here, arena, setup->net, setup->slice_rows, setup->options->contract_weight,
					  setup->options->contract_exact);
	if (home)
		*home = here;
	ae_net_hook(pass, &ae_contract_hooks, home);
	return home;
}

static double
factor(const AeTrainOptions *options)
{
	return options->contract_weight;
}

static double
loss(void *state, AeSlice *slice)
{
	const AeNet *net = slice->pass->net;

	if (!slice->accumulate)
		ae_clear(slice->grads, ae_net_n_params(net) * sizeof(AeReal), slice->pass->compute.check);
	slice->accumulate = true;
	ae_contract_draw(state, net, slice->pass->n_rows, slice->visit);
	return ae_contract_gradient(slice->grads, state, slice->pass, slice->params, slice->share);
}

static double
validate(void *state, const AeSlice *slice)
{
	ae_contract_draw(state, slice->pass->net, slice->pass->n_rows, slice->visit);
	return ae_contract_value(state, slice->pass, slice->params);
}

/* Its sums are those of |J|^2. */
const AePart ae_contract_part = {
	.name = "contraction",
	.slopes = true,
	.used = used,
	.check = check,
	.macs = macs,
	.place = place,
	.factor = factor,
	.loss = loss,
	.validate = validate,
};
