/*
 * ae_net.c: shape, parameters, forward and backward pass of a dense autoencoder.
 *
 * With h_0 = x and z_l = h_l W_l + b_l, h_{l+1} = act_l(z_l), a backward pass
 * carries D_l = dL/dz_l (R x O) from the last layer to the first:
 *
 *     dW_l = h_l^T D_l      db_l = column sums of D_l
 *     D_{l-1} = (D_l W_l^T) * act'_{l-1}(z_{l-1})
 *
 * The head of a target reads the code, like a second first layer of the decoder. The products go
 * through BLAS; everything else is a kernel.
 */
#include "ae_net.h"

#include <math.h>
#include <string.h>

#include "ae_rng.h"
#include "ae_topk.h"

AeStatus
ae_net_check_shape(const AeNet *net, AeError *error)
{
	size_t n_params = 0;

	if (net->n_layers < 2 || net->n_layers > AE_MAX_LAYERS)
		return ae_fail(error, AE_ERR_LIMIT, "number of layers", net->n_layers, 2, AE_MAX_LAYERS);
	if (net->n_encoder < 1 || net->n_encoder >= net->n_layers)
		return ae_fail(error, AE_ERR_SHAPE, "number of encoder layers", net->n_encoder, 1,
					   net->n_layers - 1);
	for (uint32_t l = 0; l <= net->n_layers; l++)
		if (net->width[l] < 1 || net->width[l] > AE_MAX_WIDTH)
			return ae_fail(error, AE_ERR_LIMIT, "layer width", net->width[l], 1, AE_MAX_WIDTH);
	if (net->width[0] != ae_layout_inputs(&net->layout))
		return ae_fail(error, AE_ERR_SHAPE, "number of inputs", net->width[0],
					   ae_layout_inputs(&net->layout), ae_layout_inputs(&net->layout));
	if (net->width[net->n_layers] != ae_layout_outputs(&net->layout))
		return ae_fail(error, AE_ERR_SHAPE, "number of outputs", net->width[net->n_layers],
					   ae_layout_outputs(&net->layout), ae_layout_outputs(&net->layout));
	if (net->top_k > net->width[net->n_encoder])
		return ae_fail(error, AE_ERR_LIMIT, "top_k", net->top_k, 0, net->width[net->n_encoder]);
	if (net->gated > (net->top_k == 0))
		return ae_fail(error, AE_ERR_LIMIT, "gate of the code", net->gated, 0, net->top_k == 0);
	if (net->skip > (net->n_layers > 2))
		return ae_fail(error, AE_ERR_LIMIT, "linear path", net->skip, 0, net->n_layers > 2);
	if (net->n_target > AE_MAX_WIDTH)
		return ae_fail(error, AE_ERR_LIMIT, "outputs of the target", net->n_target, 0,
					   AE_MAX_WIDTH);
	if (net->spread > 1)
		return ae_fail(error, AE_ERR_LIMIT, "log variances of the code", net->spread, 0, 1);
	if ((unsigned) net->variance >= AE_VARIANCE_COUNT)
		return ae_fail(error, AE_ERR_ARGUMENT, "variance", net->variance, 0, AE_VARIANCE_COUNT - 1);
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		if ((unsigned) net->activation[l] >= AE_ACTIVATION_COUNT)
			return ae_fail(error, AE_ERR_ARGUMENT, "activation", net->activation[l], 0,
						   AE_ACTIVATION_COUNT - 1);
		/* at most 2^33 + 2^16 for each layer: the sum of 67 cannot overflow */
		n_params += ae_net_n_weights(net, l) + net->width[l + 1];
	}
	n_params += ((size_t) net->width[net->n_encoder] + 1) * net->n_target;
	n_params += net->gated ? net->width[net->n_encoder] : 0;
	n_params += net->spread ? ae_net_n_spread(net) + net->width[net->n_encoder] : 0;
	n_params += ae_variance_count(net->variance, &net->layout);
	if (n_params > AE_MAX_MODEL / sizeof(float))
		return ae_fail(error, AE_ERR_LIMIT, "number of weights", (double) n_params, 1,
					   (double) (AE_MAX_MODEL / sizeof(float)));
	return AE_OK;
}

AeStatus
ae_net_check(const AeNet *net, AeError *error)
{
	AeStatus status = ae_net_check_shape(net, error);

	return status == AE_OK ? ae_layout_check(&net->layout, error) : status;
}

uint32_t
ae_net_beside(const AeNet *net, uint32_t layer)
{
	if (!net->skip)
		return 0;
	if (layer > 0 && layer + 1 == net->n_encoder)
		return net->width[0];
	return layer > net->n_encoder && layer + 1 == net->n_layers ? net->width[net->n_encoder] : 0;
}

size_t
ae_net_offset(const AeNet *net, uint32_t layer)
{
	size_t offset = 0;

	for (uint32_t l = 0; l < layer; l++)
		offset += ae_net_n_weights(net, l) + net->width[l + 1];
	return offset;
}

size_t
ae_net_n_weights(const AeNet *net, uint32_t layer)
{
	if (layer == net->n_layers)
		return (size_t) net->width[net->n_encoder] * net->n_target;
	return ((size_t) net->width[layer] + ae_net_beside(net, layer)) * net->width[layer + 1];
}

size_t
ae_net_bias_offset(const AeNet *net, uint32_t layer)
{
	return ae_net_offset(net, layer) + ae_net_n_weights(net, layer);
}

size_t
ae_net_head_offset(const AeNet *net)
{
	return ae_net_offset(net, net->n_layers);
}

size_t
ae_net_threshold_offset(const AeNet *net)
{
	return ae_net_head_offset(net) + ((size_t) net->width[net->n_encoder] + 1) * net->n_target;
}

size_t
ae_net_spread_offset(const AeNet *net)
{
	return ae_net_threshold_offset(net) + (net->gated ? net->width[net->n_encoder] : 0);
}

size_t
ae_net_n_spread(const AeNet *net)
{
	return (size_t) net->width[net->n_encoder - 1] * net->width[net->n_encoder];
}

size_t
ae_net_variance_offset(const AeNet *net)
{
	return ae_net_spread_offset(net) +
		   (net->spread ? ae_net_n_spread(net) + net->width[net->n_encoder] : 0);
}

size_t
ae_net_n_params(const AeNet *net)
{
	return ae_net_variance_offset(net) + ae_variance_count(net->variance, &net->layout);
}

double
ae_net_macs(const AeNet *net)
{
	double macs = 0;

	for (uint32_t l = 0; l < net->n_layers; l++)
		macs += (double) ae_net_n_weights(net, l);
	macs += net->spread ? (double) ae_net_n_spread(net) : 0;
	return macs + (double) net->width[net->n_encoder] * net->n_target;
}

/*
 * W: n_in x n_out, and b behind it.  It has a stream of its own, so the layers begin as they would
 * without a head.
 */
static void
init_head(AeReal *w, size_t n_in, size_t n_out, uint64_t seed, AeStream stream, AeCheck check)
{
	size_t n = n_in * n_out;
	double limit = 0.1 * sqrt(6.0 / (double) (n_in + n_out));
	AeRng rng;

	ae_rng_init(&rng, seed, stream, 0);
	for (size_t i = 0; i < n; i++)
	{
		if (i % AE_CHECK_NUMBERS == 0)
			ae_check(check);
		w[i] = (AeReal) ((2.0 * ae_rng_uniform(&rng) - 1.0) * limit);
	}
	memset(w + n, 0, n_out * sizeof(AeReal));
}

void
ae_net_init(AeReal *params, const AeNet *net, uint64_t seed, AeCheck check)
{
	size_t n_code = net->width[net->n_encoder];

	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		size_t n_in = net->width[l], n_out = net->width[l + 1];
		bool last = l + 1 == net->n_layers;
		AeInit init = ae_activation_info[net->activation[l]].init;
		double variance = init == AE_INIT_HE      ? 2.0 / (double) n_in
						  : init == AE_INIT_LECUN ? 1.0 / (double) n_in
												  : 2.0 / (double) (n_in + n_out);
		double limit = sqrt(3.0 * variance) * (last ? 0.5 : 1.0);
		AeRng rng;

		ae_rng_init(&rng, seed, AE_STREAM_INIT, l);
		for (size_t i = 0; i < ae_net_n_weights(net, l); i++)
		{
			if (i % AE_CHECK_NUMBERS == 0)
				ae_check(check);
			*params++ = (AeReal) ((2.0 * ae_rng_uniform(&rng) - 1.0) * limit);
		}
		memset(params, 0, n_out * sizeof(AeReal));
		params += n_out;
	}
	params -= ae_net_head_offset(net);
	if (net->n_target > 0)
		init_head(params + ae_net_head_offset(net), n_code, net->n_target, seed, AE_STREAM_TARGET,
				  check);
	for (size_t j = 0; net->gated && j < n_code; j++)
		params[ae_net_threshold_offset(net) + j] = (AeReal) AE_FIRST_THRESHOLD;
	if (net->spread)
		init_head(params + ae_net_spread_offset(net), net->width[net->n_encoder - 1], n_code, seed,
				  AE_STREAM_SPREAD, check);
	memset(params + ae_net_variance_offset(net), 0,
		   ae_variance_count(net->variance, &net->layout) * sizeof(AeReal));
}

void
ae_net_place(AePass *pass, AeArena *arena, const AeNet *net, uint32_t n_layers, size_t n_rows,
			 bool backward)
{
	size_t widest = 0;

	memset(pass, 0, sizeof(*pass));
	pass->net = net;
	pass->n_layers = n_layers;
	for (uint32_t l = 0; l < n_layers; l++)
	{
		size_t width = net->width[l + 1];

		pass->h[l + 1] = ae_arena_place_rows(arena, n_rows, width, sizeof(AeReal));
		if (backward && ae_activation_info[net->activation[l]].needs_slope)
			pass->slope[l] = ae_arena_place_rows(arena, n_rows, width, sizeof(AeReal));
		if (width > widest)
			widest = width;
	}
	if (net->spread && n_layers >= net->n_encoder)
		pass->spread =
			ae_arena_place_rows(arena, n_rows, net->width[net->n_encoder], sizeof(AeReal));
	if (net->n_target > 0 && n_layers == net->n_layers)
		pass->target = ae_arena_place_rows(arena, n_rows, net->n_target, sizeof(AeReal));
	if (!backward)
		return;
	if (net->n_target > 0)
		pass->d_target = ae_arena_place_rows(arena, n_rows, net->n_target, sizeof(AeReal));
	if (net->spread)
		pass->d_spread =
			ae_arena_place_rows(arena, n_rows, net->width[net->n_encoder], sizeof(AeReal));
	if (ae_net_beside(net, net->n_layers - 1) > 0 && n_layers == net->n_layers)
		pass->d_skip =
			ae_arena_place_rows(arena, n_rows, net->width[net->n_encoder], sizeof(AeReal));
	pass->d[0] = ae_arena_place_rows(arena, n_rows, widest, sizeof(AeReal));
	pass->d[1] = ae_arena_place_rows(arena, n_rows, widest, sizeof(AeReal));
}

void
ae_net_hook(AePass *pass, const AeHooks *hooks, void *state)
{
	pass->hooked[pass->n_hooks].hooks = hooks;
	pass->hooked[pass->n_hooks++].state = state;
}

bool
ae_net_is_mirrored(const AeNet *net)
{
	if (net->n_layers != 2 * net->n_encoder || net->skip)
		return false;
	for (uint32_t l = 1; l < net->n_encoder; l++)
		if (net->width[l] != net->width[net->n_layers - l])
			return false;
	return true;
}

bool
ae_net_is_symmetric(const AeNet *net)
{
	return ae_net_is_mirrored(net) && net->width[0] == net->width[net->n_layers];
}

bool
ae_net_is_dictionary(const AeNet *net)
{
	bool squared = true, bent = net->activation[net->n_layers - 1] != AE_IDENTITY;

	for (uint32_t b = 0; b < net->layout.n_blocks; b++)
	{
		AeLoss loss = net->layout.blocks[b].loss;

		squared &= loss == AE_LOSS_ONEHOT || (loss == AE_LOSS_MSE && !bent);
	}
	return squared && net->n_layers - net->n_encoder == 1;
}

void
ae_net_tie(AeReal *params, const AeNet *net)
{
	for (uint32_t l = 0; l < net->n_encoder; l++)
	{
		const AeReal *w = params + ae_net_offset(net, l);
		AeReal *twin = params + ae_net_offset(net, net->n_layers - 1 - l);
		size_t n_in = net->width[l], n_out = net->width[l + 1];

		for (size_t i = 0; i < n_in; i++)
			for (size_t j = 0; j < n_out; j++)
				twin[j * n_in + i] = w[i * n_out + j];
	}
}

void
ae_net_tie_gradient(AeReal *grads, const AeNet *net, AeReal share)
{
	for (uint32_t l = 0; l < net->n_encoder; l++)
	{
		AeReal *d = grads + ae_net_offset(net, l);
		AeReal *twin = grads + ae_net_offset(net, net->n_layers - 1 - l);
		size_t n_in = net->width[l], n_out = net->width[l + 1];

		for (size_t i = 0; i < n_in; i++)
			for (size_t j = 0; j < n_out; j++)
				d[i * n_out + j] = twin[j * n_in + i] =
					share * (d[i * n_out + j] + twin[j * n_in + i]);
	}
}

/* The activation of an output block; identity if its loss takes logits. */
static AeActivation
output_activation(const AeNet *net, const AeBlock *block)
{
	return ae_loss_is_distance(block->loss) ? net->activation[net->n_layers - 1] : AE_IDENTITY;
}

/*
 * The next run of outputs, from *block on, with the same activation; moves *block past it. Returns
 * its first output.
 */
static uint32_t
output_run(uint32_t *count, AeActivation *act, uint32_t *block, const AeNet *net)
{
	const AeLayout *layout = &net->layout;
	uint32_t first = layout->blocks[*block].first;

	*act = output_activation(net, &layout->blocks[*block]);
	*count = 0;
	while (*block < layout->n_blocks && output_activation(net, &layout->blocks[*block]) == *act)
		*count += layout->blocks[(*block)++].count;
	return first;
}

/*
 * The last layer: adds the bias to all outputs, and applies the activation to those of distances;
 * the others stay logits.
 */
static void
activate_output(AePass *pass, const AeReal *bias, bool slopes)
{
	const AeNet *net = pass->net;
	uint32_t last = net->n_layers - 1, count;
	size_t ld = net->width[net->n_layers];
	AeActivation act;

	for (uint32_t b = 0; b < net->layout.n_blocks;)
	{
		uint32_t first = output_run(&count, &act, &b, net);
		AeReal *slope = slopes && pass->slope[last] ? pass->slope[last] + first : NULL;

		pass->compute.kernels->bias_activate(act, pass->h[last + 1] + first, slope, bias + first,
											 pass->n_rows, count, ld);
	}
}

/* y_i += the row of w that belongs to each level of row i. */
static void
add_levels(AeReal *y, const AeReal *w, const AePass *pass, size_t n_out)
{
	size_t n_categories = pass->net->layout.n_categories;

	for (size_t i = 0; i < pass->n_rows; i++)
		for (size_t c = 0; c < n_categories; c++)
		{
			int32_t level = pass->inputs.levels[i * n_categories + c];

			if (level >= 0)
				pass->compute.kernels->axpy(y + i * n_out, 1, w + (size_t) level * n_out, n_out);
		}
}

/* The input of layer l > 0 from the units below. */
static AeMatrix
input_of(const AePass *pass, uint32_t l, bool training)
{
	return ae_matrix(training && pass->seen[l] ? pass->seen[l] : pass->h[l], pass->n_rows,
					 pass->net->width[l]);
}

/* The inputs that are numbers. */
static AeMatrix
inputs_of(const AePass *pass)
{
	return ae_matrix(pass->inputs.x, pass->n_rows, ae_layout_dense_inputs(&pass->net->layout));
}

/*
 * y: n_rows x n_out (+)= x w, for all inputs of the network: numbers by multiplication, then a row
 * of weights for each level.
 */
static void
inputs_product(AeReal *y, const AePass *pass, const AeReal *w, size_t n_out, bool add)
{
	AeMatrix x = inputs_of(pass);

	if (x.n_cols > 0)
		ae_multiply(y, n_out, 1, x, ae_matrix(w, x.n_cols, n_out), add ? 1 : 0, &pass->compute);
	else if (!add)
		memset(y, 0, pass->n_rows * n_out * sizeof(AeReal));
	add_levels(y, w, pass, n_out);
}

/* Its gradient with respect to w, from d; arguments like inputs_product. */
static void
inputs_product_backward(AeReal *grads, const AePass *pass, const AeReal *d, size_t n_out,
						bool accumulate)
{
	AeMatrix x = inputs_of(pass);
	size_t n_categories = pass->net->layout.n_categories;

	if (x.n_cols > 0)
		ae_multiply(grads, n_out, 1, ae_transposed(x), ae_matrix(d, pass->n_rows, n_out),
					accumulate ? 1 : 0, &pass->compute);
	if (!accumulate)
		memset(grads + x.n_cols * n_out, 0, pass->net->layout.n_levels * n_out * sizeof(AeReal));
	for (size_t i = 0; i < pass->n_rows; i++)
		for (size_t c = 0; c < n_categories; c++)
		{
			int32_t level = pass->inputs.levels[i * n_categories + c];

			if (level >= 0)
				pass->compute.kernels->axpy(grads + (size_t) level * n_out, 1, d + i * n_out,
											n_out);
		}
}

/* The code as a matrix. */
static AeMatrix
code_of(const AePass *pass)
{
	uint32_t l = pass->net->n_encoder;

	return ae_matrix(pass->h[l], pass->n_rows, pass->net->width[l]);
}

/* h[l + 1] = the inputs of layer l times W_l = w. */
static void
layer_product(AePass *pass, uint32_t l, const AeReal *w, bool training)
{
	const AeNet *net = pass->net;
	size_t n_out = net->width[l + 1], beside = ae_net_beside(net, l);
	AeReal *y = pass->h[l + 1];
	AeMatrix x;

	if (l == 0)
	{
		inputs_product(y, pass, w, n_out, false);
		return;
	}
	x = input_of(pass, l, training);
	ae_multiply(y, n_out, 1, x, ae_matrix(w, x.n_cols, n_out), 0, &pass->compute);
	w += x.n_cols * n_out;
	if (beside > 0 && l < net->n_encoder)
		inputs_product(y, pass, w, n_out, true);
	else if (beside > 0)
		ae_multiply(y, n_out, 1, code_of(pass), ae_matrix(w, beside, n_out), 1, &pass->compute);
}

/* Gradient with respect to W_l from D_l = d; arguments like layer_product. */
static void
layer_product_backward(AeReal *grads, const AePass *pass, uint32_t l, const AeReal *d,
					   bool accumulate)
{
	const AeNet *net = pass->net;
	size_t n_out = net->width[l + 1], beside = ae_net_beside(net, l);
	AeMatrix x, by = ae_matrix(d, pass->n_rows, n_out);
	AeReal beta = accumulate ? 1 : 0;

	if (l == 0)
	{
		inputs_product_backward(grads, pass, d, n_out, accumulate);
		return;
	}
	x = input_of(pass, l, true);
	ae_multiply(grads, n_out, 1, ae_transposed(x), by, beta, &pass->compute);
	grads += x.n_cols * n_out;
	if (beside > 0 && l < net->n_encoder)
		inputs_product_backward(grads, pass, d, n_out, accumulate);
	else if (beside > 0)
		ae_multiply(grads, n_out, 1, ae_transposed(code_of(pass)), by, beta, &pass->compute);
}

/* The gradient that outputs send to the code along the linear path, whose weights are w. */
static void
skip_backward(AePass *pass, const AeReal *d, const AeReal *w)
{
	const AeNet *net = pass->net;
	size_t n_code = net->width[net->n_encoder], n_out = net->width[net->n_layers];

	ae_multiply(pass->d_skip, n_code, 1, ae_matrix(d, pass->n_rows, n_out),
				ae_transposed(ae_matrix(w, n_code, n_out)), 0, &pass->compute);
}

/* Keeps the units of the code that are kept when rows are scored; sets the others to 0. */
static void
keep_units(AePass *pass, const AeReal *thresholds)
{
	const AeNet *net = pass->net;
	size_t n = net->width[net->n_encoder];
	AeReal *code = pass->h[net->n_encoder];

	if (net->gated)
		ae_gate_apply(code, NULL, thresholds, pass->n_rows, n);
	for (size_t i = 0; net->top_k > 0 && i < pass->n_rows; i++)
		ae_topk(code + i * n, NULL, n, net->top_k);
}

/* Whether a part's function is called in a pass. */
static bool
takes_part(const AePass *pass, uint32_t i, AePassMode mode)
{
	return mode == AE_PASS_TRAIN || (mode == AE_PASS_SLOPES && pass->hooked[i].hooks->slopes);
}

static void
run_before(AePass *pass, const AeReal *params, uint32_t l, AePassMode mode)
{
	for (uint32_t i = 0; i < pass->n_hooks; i++)
		if (pass->hooked[i].hooks->before && takes_part(pass, i, mode))
			pass->hooked[i].hooks->before(pass->hooked[i].state, pass, params, l);
}

static void
run_after(AePass *pass, const AeReal *params, uint32_t l, AePassMode mode)
{
	for (uint32_t i = 0; i < pass->n_hooks; i++)
		if (pass->hooked[i].hooks->after && takes_part(pass, i, mode))
			pass->hooked[i].hooks->after(pass->hooked[i].state, pass, params, l);
}

static void
run_after_back(AeDescent *at)
{
	for (uint32_t i = at->pass->n_hooks; i-- > 0;)
		if (at->pass->hooked[i].hooks->after_back)
			at->pass->hooked[i].hooks->after_back(at->pass->hooked[i].state, at);
}

static void
run_before_back(AeDescent *at)
{
	at->biased = false;
	for (uint32_t i = at->pass->n_hooks; i-- > 0;)
		if (at->pass->hooked[i].hooks->before_back)
			at->pass->hooked[i].hooks->before_back(at->pass->hooked[i].state, at);
}

/* Outputs of the head, whose parameters start at w. */
static void
head_forward(AePass *pass, const AeReal *w)
{
	size_t n = pass->net->n_target;
	AeMatrix code = code_of(pass);

	ae_multiply(pass->target, n, 1, code, ae_matrix(w, code.n_cols, n), 0, &pass->compute);
	pass->compute.kernels->bias_activate(AE_IDENTITY, pass->target, NULL, w + code.n_cols * n,
										 pass->n_rows, n, n);
}

/* Its gradient, and its contribution to that of the code: d_code += D_t W_t^T. */
static void
head_backward(AeReal *grads, AeReal *d_code, const AePass *pass, const AeReal *w, bool accumulate)
{
	size_t n = pass->net->n_target;
	AeMatrix code = code_of(pass), d = ae_matrix(pass->d_target, pass->n_rows, n);

	ae_multiply(grads, n, 1, ae_transposed(code), d, accumulate ? 1 : 0, &pass->compute);
	pass->compute.kernels->column_sum(grads + code.n_cols * n, pass->d_target, accumulate,
									  pass->n_rows, n);
	ae_multiply(d_code, code.n_cols, 1, d, ae_transposed(ae_matrix(w, code.n_cols, n)), 1,
				&pass->compute);
}

/* Log variances of the code, from the inputs of its layer l; w: V, then c. */
static void
spread_forward(AePass *pass, uint32_t l, const AeReal *w, bool training)
{
	size_t n = pass->net->width[l + 1];

	if (l == 0)
		inputs_product(pass->spread, pass, w, n, false);
	else
	{
		AeMatrix x = input_of(pass, l, training);

		ae_multiply(pass->spread, n, 1, x, ae_matrix(w, x.n_cols, n), 0, &pass->compute);
	}
	pass->compute.kernels->bias_activate(AE_IDENTITY, pass->spread, NULL,
										 w + ae_net_n_spread(pass->net), pass->n_rows, n, n);
}

/* Its gradient. */
static void
spread_backward(AeReal *grads, const AePass *pass, uint32_t l, bool accumulate)
{
	size_t n = pass->net->width[l + 1];

	if (l == 0)
		inputs_product_backward(grads, pass, pass->d_spread, n, accumulate);
	else
		ae_multiply(grads, n, 1, ae_transposed(input_of(pass, l, true)),
					ae_matrix(pass->d_spread, pass->n_rows, n), accumulate ? 1 : 0, &pass->compute);
	pass->compute.kernels->column_sum(grads + ae_net_n_spread(pass->net), pass->d_spread,
									  accumulate, pass->n_rows, n);
}

/* Its contribution to the gradient of the units below: d_below += D_s V^T. */
static void
spread_backward_below(AeReal *d_below, const AePass *pass, uint32_t l, const AeReal *w)
{
	size_t n_in = pass->net->width[l], n = pass->net->width[l + 1];

	ae_multiply(d_below, n_in, 1, ae_matrix(pass->d_spread, pass->n_rows, n),
				ae_transposed(ae_matrix(w, n_in, n)), 1, &pass->compute);
}

void
ae_net_forward(AePass *pass, const AeReal *params, AePassMode mode)
{
	const AeNet *net = pass->net;
	const AeKernels *kernels = pass->compute.kernels;
	size_t n_rows = pass->n_rows = pass->inputs.n_rows;
	bool training = mode == AE_PASS_TRAIN, slopes = mode != AE_PASS_SCORE;

	for (uint32_t l = 0; l < pass->n_layers; l++)
	{
		size_t n_out = net->width[l + 1];
		const AeReal *w = params + ae_net_offset(net, l), *bias = w + ae_net_n_weights(net, l);

		ae_check(pass->compute.check);
		layer_product(pass, l, w, training);
		if (pass->spread && l + 1 == net->n_encoder)
			spread_forward(pass, l, params + ae_net_spread_offset(net), training);
		run_before(pass, params, l, mode);
		if (l + 1 == net->n_layers)
		{
			activate_output(pass, bias, slopes);
			break;
		}
		kernels->bias_activate(net->activation[l], pass->h[l + 1], slopes ? pass->slope[l] : NULL,
							   bias, n_rows, n_out, n_out);
		run_after(pass, params, l, mode);
		if (l + 1 == net->n_encoder && !(training && pass->gated))
			keep_units(pass, params + ae_net_threshold_offset(net));
	}
	if (pass->target)
		head_forward(pass, params + ae_net_head_offset(net));
}

/* D of the last layer: multiplies by the slope of the activation if there is one. */
static void
backward_output(AePass *pass)
{
	const AeNet *net = pass->net;
	uint32_t last = net->n_layers - 1, count;
	size_t ld = net->width[net->n_layers];
	AeActivation act;

	for (uint32_t b = 0; b < net->layout.n_blocks;)
	{
		uint32_t first = output_run(&count, &act, &b, net);

		if (act != AE_IDENTITY)
			pass->compute.kernels->activation_backward(
				act, pass->d[0] + first, pass->h[last + 1] + first,
				pass->slope[last] ? pass->slope[last] + first : NULL, pass->n_rows, count, ld);
	}
}

/*
 * Turns d, the gradient with respect to what the next layer sees of h[l + 1], into that with
 * respect to the input of the activation.
 */
static void
hidden_backward(AeDescent *at)
{
	AePass *pass = at->pass;
	const AeNet *net = pass->net;
	uint32_t l = at->l;
	size_t head = ae_net_head_offset(net);
	bool code = l + 1 == net->n_encoder;

	if (code && pass->d_skip)
		pass->compute.kernels->axpy(at->d, 1, pass->d_skip, pass->n_rows * net->width[l + 1]);
	if (code && net->n_target > 0)
		head_backward(at->grads + head, at->d, pass, at->params + head, at->accumulate);
	run_after_back(at);
	pass->compute.kernels->activation_backward(
		net->activation[l], at->d, code && pass->activated ? pass->activated : pass->h[l + 1],
		pass->slope[l], pass->n_rows, net->width[l + 1], net->width[l + 1]);
}

void
ae_net_backward(AeReal *grads, AePass *pass, const AeReal *params, bool accumulate)
{
	const AeNet *net = pass->net;
	size_t spread = ae_net_spread_offset(net);
	AeReal *d_below = pass->d[1];
	AeDescent at = {
		.pass = pass, .params = params, .grads = grads, .accumulate = accumulate, .d = pass->d[0]};

	backward_output(pass);
	for (uint32_t l = net->n_layers; l-- > 0;)
	{
		size_t n_in = net->width[l], n_out = net->width[l + 1];
		size_t offset = ae_net_offset(net, l);
		AeReal *swap = at.d;

		at.l = l;
		if (l + 1 < net->n_layers)
			hidden_backward(&at);
		run_before_back(&at);
		ae_check(pass->compute.check);
		layer_product_backward(grads + offset, pass, l, at.d, accumulate);
		if (l + 1 == net->n_layers && pass->d_skip)
			skip_backward(pass, at.d, params + offset + n_in * n_out);
		if (!at.biased)
			pass->compute.kernels->column_sum(grads + ae_net_bias_offset(net, l), at.d, accumulate,
											  pass->n_rows, n_out);
		if (net->spread && l + 1 == net->n_encoder)
			spread_backward(grads + spread, pass, l, accumulate);
		if (l == 0)
			break;
		ae_check(pass->compute.check);
		ae_multiply(d_below, n_in, 1, ae_matrix(at.d, pass->n_rows, n_out),
					ae_transposed(ae_matrix(params + offset, n_in, n_out)), 0, &pass->compute);
		if (net->spread && l + 1 == net->n_encoder)
			spread_backward_below(d_below, pass, l, params + spread);
		at.d = d_below;
		d_below = swap;
	}
}
