/*
 * ae_net.c: shape, parameters, forward and backward pass of a dense autoencoder.
 *
 * With h_0 = x and z_l = h_l W_l + b_l, h_{l+1} = act_l(z_l), a backward pass
 * carries D_l = dL/dz_l (R x O) from the last layer to the first:
 *
 *     dW_l = h_l^T D_l      db_l = column sums of D_l
 *     D_{l-1} = (D_l W_l^T) * act'_{l-1}(z_{l-1})
 *
 * The three products go through BLAS; everything else is a kernel.
 */
#include "ae_net.h"

#include <math.h>
#include <string.h>

#include "ae_rng.h"

const char *const ae_loss_name[AE_LOSS_COUNT] = {
	[AE_LOSS_MSE] = "mse",
	[AE_LOSS_BCE] = "bce",
};

AeStatus
ae_net_check(const AeNet *net, AeError *error)
{
	uint32_t next = 0;
	size_t n_params = 0;

	if (net->n_layers < 2 || net->n_layers > AE_MAX_LAYERS)
		return ae_fail(error, AE_ERR_LIMIT, "number of layers", net->n_layers, 2, AE_MAX_LAYERS);
	if (net->n_encoder < 1 || net->n_encoder >= net->n_layers)
		return ae_fail(error, AE_ERR_SHAPE, "number of encoder layers", net->n_encoder, 1,
					   net->n_layers - 1);
	for (uint32_t l = 0; l <= net->n_layers; l++)
		if (net->width[l] < 1 || net->width[l] > AE_MAX_WIDTH)
			return ae_fail(error, AE_ERR_LIMIT, "layer width", net->width[l], 1, AE_MAX_WIDTH);
	if (net->width[net->n_layers] != net->width[0])
		return ae_fail(error, AE_ERR_SHAPE, "number of outputs", net->width[net->n_layers],
					   net->width[0], net->width[0]);
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		if ((unsigned) net->activation[l] >= AE_ACTIVATION_COUNT)
			return ae_fail(error, AE_ERR_ARGUMENT, "activation", net->activation[l], 0,
						   AE_ACTIVATION_COUNT - 1);
		/* at most 2^32 + 2^16 a layer: the sum of 64 cannot overflow */
		n_params += (size_t) net->width[l] * net->width[l + 1] + net->width[l + 1];
	}
	if (n_params > AE_MAX_MODEL / sizeof(float))
		return ae_fail(error, AE_ERR_LIMIT, "number of weights", (double) n_params, 1,
					   (double) (AE_MAX_MODEL / sizeof(float)));
	for (uint32_t b = 0; b < net->n_blocks; b++)
	{
		const AeBlock *block = &net->blocks[b];

		if (block->first != next || block->count < 1 || block->count > net->width[0] - next ||
			(unsigned) block->loss >= AE_LOSS_COUNT)
			return ae_fail(error, AE_ERR_SHAPE, "output block", b, 0, net->n_blocks);
		next += block->count;
	}
	if (next != net->width[0])
		return ae_fail(error, AE_ERR_SHAPE, "number of outputs with a loss", next, net->width[0],
					   net->width[0]);
	return AE_OK;
}

size_t
ae_net_offset(const AeNet *net, uint32_t layer)
{
	size_t offset = 0;

	for (uint32_t l = 0; l < layer; l++)
		offset += (size_t) net->width[l] * net->width[l + 1] + net->width[l + 1];
	return offset;
}

size_t
ae_net_n_params(const AeNet *net)
{
	return ae_net_offset(net, net->n_layers);
}

double
ae_net_macs(const AeNet *net)
{
	double macs = 0;

	for (uint32_t l = 0; l < net->n_layers; l++)
		macs += (double) net->width[l] * net->width[l + 1];
	return macs;
}

void
ae_net_init(AeReal *params, const AeNet *net, uint64_t seed)
{
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		size_t n_in = net->width[l], n_out = net->width[l + 1];
		bool last = l + 1 == net->n_layers;
		bool he = ae_activation_info[net->activation[l]].he;
		double variance = he ? 2.0 / (double) n_in : 2.0 / (double) (n_in + n_out);
		double limit = sqrt(3.0 * variance) * (last ? 0.5 : 1.0);
		AeRng rng;

		ae_rng_init(&rng, seed, AE_STREAM_INIT, l);
		for (size_t i = 0; i < n_in * n_out; i++)
			*params++ = (AeReal) ((2.0 * ae_rng_uniform(&rng) - 1.0) * limit);
		memset(params, 0, n_out * sizeof(AeReal));
		params += n_out;
	}
}

void
ae_net_place(AePass *pass, AeArena *arena, const AeNet *net, size_t n_rows, bool backward)
{
	size_t widest = 0, count;

	memset(pass, 0, sizeof(*pass));
	pass->n_rows = n_rows;
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		if (!ae_size_mul(&count, n_rows, net->width[l + 1]))
			arena->overflow = true;
		pass->h[l + 1] = ae_arena_place(arena, count, sizeof(AeReal));
		if (backward && ae_activation_info[net->activation[l]].needs_slope)
			pass->slope[l] = ae_arena_place(arena, count, sizeof(AeReal));
		if (net->width[l + 1] > widest)
			widest = net->width[l + 1];
	}
	if (!backward)
		return;
	if (!ae_size_mul(&count, n_rows, widest))
		arena->overflow = true;
	pass->d[0] = ae_arena_place(arena, count, sizeof(AeReal));
	pass->d[1] = ae_arena_place(arena, count, sizeof(AeReal));
}

/* C (R x O) = beta C + op(A) op(B), row-major, the leading dimensions being the row lengths. */
static void
multiply(AeReal *c, const AeReal *a, const AeReal *b, bool trans_a, bool trans_b, size_t m,
		 size_t n, size_t k, AeReal beta, const AeBlas *blas)
{
	blas->gemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans,
			   trans_b ? CblasTrans : CblasNoTrans, (int) m, (int) n, (int) k, 1, a,
			   (int) (trans_a ? m : k), b, (int) (trans_b ? k : n), beta, c, (int) n);
}

/* The last layer: bias everywhere, the activation on MSE blocks; BCE blocks stay logits. */
static void
activate_output(AePass *pass, const AeNet *net, const AeReal *bias, size_t n_rows, bool keep_slopes,
				const AeKernels *kernels)
{
	uint32_t last = net->n_layers - 1;
	size_t ld = net->width[net->n_layers];

	for (uint32_t b = 0; b < net->n_blocks; b++)
	{
		const AeBlock *block = &net->blocks[b];
		AeActivation act = block->loss == AE_LOSS_MSE ? net->activation[last] : AE_IDENTITY;
		AeReal *slope = keep_slopes && pass->slope[last] ? pass->slope[last] + block->first : NULL;

		kernels->bias_activate(act, pass->h[last + 1] + block->first, slope, bias + block->first,
							   n_rows, block->count, ld);
	}
}

void
ae_net_forward(AePass *pass, const AeNet *net, const AeReal *params, const AeReal *x, size_t n_rows,
			   bool keep_slopes, const AeKernels *kernels, const AeBlas *blas)
{
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		size_t n_in = net->width[l], n_out = net->width[l + 1];
		const AeReal *bias = params + n_in * n_out;

		multiply(pass->h[l + 1], x, params, false, false, n_rows, n_out, n_in, 0, blas);
		if (l + 1 == net->n_layers)
			activate_output(pass, net, bias, n_rows, keep_slopes, kernels);
		else
			kernels->bias_activate(net->activation[l], pass->h[l + 1],
								   keep_slopes ? pass->slope[l] : NULL, bias, n_rows, n_out, n_out);
		x = pass->h[l + 1];
		params = bias + n_out;
	}
}

double
ae_net_loss(AeReal *d, const AePass *pass, const AeNet *net, const AeReal *target, size_t n_rows,
			double scale, const AeKernels *kernels)
{
	const AeReal *output = pass->h[net->n_layers];
	size_t n_out = net->width[net->n_layers];
	double sum = 0;

	for (uint32_t b = 0; b < net->n_blocks; b++)
	{
		const AeBlock *block = &net->blocks[b];
		size_t at = block->first;
		double share = scale / (double) n_out;

		if (block->loss == AE_LOSS_MSE)
			sum += kernels->square_loss(d ? d + at : NULL, output + at, target + at,
										(AeReal) (2 * share), n_rows, block->count, n_out);
		else
			sum += kernels->cross_entropy_loss(d ? d + at : NULL, output + at, target + at,
											   (AeReal) share, n_rows, block->count, n_out);
	}
	return sum / (double) n_out;
}

/* D of the last layer: times the slope of the activation on MSE blocks. */
static void
backward_output(AePass *pass, const AeNet *net, size_t n_rows, const AeKernels *kernels)
{
	uint32_t last = net->n_layers - 1;
	size_t ld = net->width[net->n_layers];

	for (uint32_t b = 0; b < net->n_blocks; b++)
	{
		const AeBlock *block = &net->blocks[b];

		if (block->loss == AE_LOSS_MSE)
			kernels->activation_backward(
				net->activation[last], pass->d[0] + block->first, pass->h[last + 1] + block->first,
				pass->slope[last] ? pass->slope[last] + block->first : NULL, n_rows, block->count,
				ld);
	}
}

void
ae_net_backward(AeReal *grads, AePass *pass, const AeNet *net, const AeReal *params,
				const AeReal *x, size_t n_rows, bool accumulate, const AeKernels *kernels,
				const AeBlas *blas)
{
	AeReal *d = pass->d[0], *d_below = pass->d[1];
	AeReal beta = accumulate ? 1 : 0;

	backward_output(pass, net, n_rows, kernels);
	for (uint32_t l = net->n_layers; l-- > 0;)
	{
		size_t n_in = net->width[l], n_out = net->width[l + 1];
		size_t offset = ae_net_offset(net, l);
		const AeReal *input = l > 0 ? pass->h[l] : x;
		AeReal *swap = d;

		multiply(grads + offset, input, d, true, false, n_in, n_out, n_rows, beta, blas);
		kernels->column_sum(grads + offset + n_in * n_out, d, accumulate, n_rows, n_out);
		if (l == 0)
			break;
		multiply(d_below, d, params + offset, false, true, n_rows, n_in, n_out, 0, blas);
		kernels->activation_backward(net->activation[l - 1], d_below, pass->h[l],
									 pass->slope[l - 1], n_rows, n_in, n_in);
		d = d_below;
		d_below = swap;
	}
}
