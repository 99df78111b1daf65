/*
 * ae_net.h: an autoencoder as a chain of dense layers: its shape, its
 * parameters, one forward and one backward pass over a slice of rows.
 *
 * h_0 = x;  h_l = act_l(h_{l-1} W_l + b_l);  code = h_{n_encoder};
 * reconstruction r = h_{n_layers}.
 *
 * Parameters are one array: for each layer W (width[l] x width[l+1], row-major)
 * and then b (width[l+1]).
 */
#ifndef AE_NET_H
#define AE_NET_H

#include "ae_activation.h"
#include "ae_blas.h"
#include "ae_kernel.h"
#include "ae_status.h"

/* The numbers are part of the byte format. */
typedef enum AeLoss
{
	AE_LOSS_MSE = 0, /* (r - x)^2 */
	AE_LOSS_BCE = 1, /* softplus(z) - x z on logits z: the output is sigmoid(z) */
	AE_LOSS_COUNT
} AeLoss;

extern const char *const ae_loss_name[AE_LOSS_COUNT];

/* A run of outputs that share a loss; every output is a column of its own here. */
typedef struct AeBlock
{
	uint32_t first;
	uint32_t count;
	AeLoss loss;
} AeBlock;

#define AE_MAX_BLOCKS AE_MAX_COLUMNS

typedef struct AeNet
{
	uint32_t n_layers;  /* encoder and decoder, >= 2 */
	uint32_t n_encoder; /* layers up to the code, 1 .. n_layers - 1 */
	uint32_t width[AE_MAX_LAYERS + 1];
	AeActivation activation[AE_MAX_LAYERS]; /* of layer l; the last for MSE outputs only */
	uint32_t n_blocks;
	const AeBlock *blocks; /* cover the outputs in order; owned by the caller */
} AeNet;

/* Refuses widths, activations and blocks that do not make an autoencoder. AE_ERR_SHAPE, _LIMIT. */
AeStatus ae_net_check(const AeNet *net, AeError *error);

/* Number of parameters; 0 for a net that ae_net_check refuses by its sizes. */
size_t ae_net_n_params(const AeNet *net);

/* Multiply-adds of one row's forward pass. */
double ae_net_macs(const AeNet *net);

/* Offset of W_l in the parameters; b_l follows at + width[l] * width[l+1]. */
size_t ae_net_offset(const AeNet *net, uint32_t layer);

/*
 * Initial parameters: biases 0; weights uniform with variance 2/(n_in+n_out)
 * (Glorot, Bengio 2010, eq. 16) or 2/n_in where the layer's activation is of the
 * rectifier kind (He et al. 2015, eq. 10); the last layer times 0.5.
 */
void ae_net_init(AeReal *params, const AeNet *net, uint64_t seed);

/* Buffers of a pass over at most n_rows rows; filled by ae_net_place. */
typedef struct AePass
{
	size_t n_rows;
	AeReal *h[AE_MAX_LAYERS + 1]; /* h[0] unused: the caller's input stands there */
	AeReal *slope[AE_MAX_LAYERS]; /* NULL where not needed */
	AeReal *d[2];                 /* two gradients, ping and pong */
} AePass;

/* Places the buffers; `backward` false leaves out slopes and gradients. */
void ae_net_place(AePass *pass, AeArena *arena, const AeNet *net, size_t n_rows, bool backward);

/*
 * Forward: pass->h[1..n_layers] from x: n_rows x width[0].  Outputs of BCE blocks
 * stay logits.  keep_slopes for a backward pass to come.
 */
void ae_net_forward(AePass *pass, const AeNet *net, const AeReal *params, const AeReal *x,
					size_t n_rows, bool keep_slopes, const AeKernels *kernels, const AeBlas *blas);

/*
 * Sum over rows of the mean over columns of the loss, in double; with d not NULL
 * also d = d(sum * scale)/d(output activations or logits).
 * target: n_rows x width[n_layers].
 */
double ae_net_loss(AeReal *d, const AePass *pass, const AeNet *net, const AeReal *target,
				   size_t n_rows, double scale, const AeKernels *kernels);

/*
 * Backward: grads (+)= gradient of the loss from pass->d[0], which ae_net_loss
 * filled, with x the (possibly corrupted) input of the forward pass.
 */
void ae_net_backward(AeReal *grads, AePass *pass, const AeNet *net, const AeReal *params,
					 const AeReal *x, size_t n_rows, bool accumulate, const AeKernels *kernels,
					 const AeBlas *blas);

#endif
