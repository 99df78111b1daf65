/*
 * ae_net.h: an autoencoder as a chain of dense layers: its shape, its
 * parameters, one forward and one backward pass over a slice of rows.
 *
 * h_0 = x;  h_l = act_l(h_{l-1} W_l + b_l);  code = h_{n_encoder};
 * reconstruction r = h_{n_layers}.  Inputs of categories are one-hot: the first layer
 * adds a row of W_0 for each instead of multiplying by zeros.
 *
 * With a linear path beside the layers (skip), the code's layer also sees the inputs and the last
 * layer the code, if other layers lie between; W_l has further rows for these:
 *
 *     code = act(h_{n_encoder - 1} W_l + x W'_l + b_l)
 *
 * Parameters are one array: for each layer W (width[l] and what it sees beside, x width[l+1],
 * row-major) and then b (width[l+1]); behind them the head's W (code x n_target) and b (n_target);
 * the thresholds of a gated code, one for each unit; and what says how far things are from their means
 * (ae_likelihood.h):
 *
 *     spread     the encoder has a second head beside the code's layer, which sees what that layer
 *                does, but for the linear path: s = h_{n_encoder - 1} V + c, the logarithm of the
 *                variance of each unit of the code; V, then c
 *     variance   the logarithms of the variances of outputs
 */
#ifndef AE_NET_H
#define AE_NET_H

#include "ae_activation.h"
#include "ae_gate.h"
#include "ae_likelihood.h"
#include "ae_matrix.h"
#include "ae_status.h"

typedef struct AeNet
{
	uint32_t n_layers;  /* encoder and decoder, >= 2 */
	uint32_t n_encoder; /* layers up to the code, 1 .. n_layers - 1 */
	uint32_t top_k;     /* units of the code that are kept, the others being 0; 0: all */
	uint32_t gated;     /* 1: each unit of the code is 0 up to a threshold; 0: no thresholds */
	uint32_t skip;      /* 1: a linear path beside the layers, 0: none */
	uint32_t spread; /* 1: a head of the encoder gives log variances of the code; 0: it does not */
	AeVariance variance; /* of outputs: how many of them are parameters */
	uint32_t n_target;   /* outputs of the head that predicts the target from the code; 0: no head
						  * */
	uint32_t width[AE_MAX_LAYERS + 1];
	AeActivation activation[AE_MAX_LAYERS]; /* of layer l; the last for distances only */
	AeLayout layout; /* of cells, inputs (width[0] of them) and outputs (width[n_layers]) */
} AeNet;

/*
 * Refuses widths, activations and a layout that do not form an autoencoder. AE_ERR_SHAPE, _LIMIT.
 */
AeStatus ae_net_check(const AeNet *net, AeError *error);

/* The same without checking the blocks of the layout. */
AeStatus ae_net_check_shape(const AeNet *net, AeError *error);

/* Number of parameters. */
size_t ae_net_n_params(const AeNet *net);

/* Multiply-adds of one row's forward pass. */
double ae_net_macs(const AeNet *net);

/*
 * Rows of W_l for inputs of layer l other than h_l: inputs of the network, or units of the code; or
 * 0.
 */
uint32_t ae_net_beside(const AeNet *net, uint32_t layer);

/* Offsets of W_l in the parameters, and of b_l, which follows it. */
size_t ae_net_offset(const AeNet *net, uint32_t layer);
size_t ae_net_bias_offset(const AeNet *net, uint32_t layer);

/*
 * Number of weights of W_l, which b_l follows; l = n_layers: that of the head's W.
 */
size_t ae_net_n_weights(const AeNet *net, uint32_t layer);

/* Offsets of the head's W, followed by its b, of the thresholds, of V and of the variances. */
size_t ae_net_head_offset(const AeNet *net);
size_t ae_net_threshold_offset(const AeNet *net);
size_t ae_net_spread_offset(const AeNet *net);
size_t ae_net_variance_offset(const AeNet *net);

/* Weights of V. */
size_t ae_net_n_spread(const AeNet *net);

/*
 * Initial parameters: biases 0; weights uniform with the variance for the layer's activation
 * (AeInit); the last layer's times 0.5; the heads' a tenth of Glorot's; thresholds
 * AE_FIRST_THRESHOLD; variances of outputs 1.
 */
void ae_net_init(AeReal *params, const AeNet *net, uint64_t seed, AeCheck check);

typedef struct AePass AePass;

/* What a forward pass is for. */
typedef enum AePassMode
{
	AE_PASS_SCORE,  /* rows are passed as for scoring */
	AE_PASS_SLOPES, /* the same, and slopes of activations are kept */
	AE_PASS_TRAIN   /* with the parts of a training; a backward pass may follow */
} AePassMode;

/* A gradient on its way back, at layer l. */
typedef struct AeDescent
{
	AePass *pass;
	const AeReal *params;
	AeReal *grads;
	bool accumulate; /* earlier slices were of the same minibatch: grads are added to */
	uint32_t l;
	AeReal *d;   /* n_rows x width[l + 1] */
	bool biased; /* set by a hook that has computed the gradient with respect to b_l */
} AeDescent;

/*
 * What a part of a training does within a pass.  Functions that it does not need are NULL.
 *
 *     before  changes h[l + 1], which is the input of layer l times W_l; the bias and the
 *             activation follow
 *     after   changes h[l + 1] behind the activation, or sets what the next layer sees of it
 *             (pass->seen); not called of the last layer
 *
 * and on the way back, in the opposite order, after_back and before_back: from d, the gradient with
 * respect to what the function left, they make that with respect to what it found; they may add a
 * gradient of their own to d, and to grads.
 */
typedef struct AeHooks
{
	bool slopes; /* called in AE_PASS_SLOPES as well */
	void (*before)(void *state, AePass *pass, const AeReal *params, uint32_t l);
	void (*after)(void *state, AePass *pass, const AeReal *params, uint32_t l);
	void (*after_back)(void *state, AeDescent *at);
	void (*before_back)(void *state, AeDescent *at);
} AeHooks;

/* The most parts that hook into a pass. */
#define AE_MAX_HOOKS 16

/* A pass of rows through a net: its buffers, and what they hold; filled by ae_net_place. */
struct AePass
{
	const AeNet *net;
	AeCompute compute;
	AeInputs inputs;   /* the inputs made from the rows: placed and filled by the caller */
	size_t n_rows;     /* rows of the last forward pass */
	uint32_t n_layers; /* the pass has so many: all of the net's, or fewer, ending below the code */
	AeReal *h[AE_MAX_LAYERS + 1]; /* h[0] is unused, as `inputs` has the inputs */
	AeReal *slope[AE_MAX_LAYERS]; /* NULL where not needed */
	AeReal *d[2];                 /* two gradients, ping and pong */
	AeReal *d_skip;               /* gradient with respect to the code along the linear path, or
								   * NULL */
	AeReal *target;               /* n_rows x n_target: outputs of the head, */
	AeReal *d_target;             /* and their gradient, before a backward pass; NULL without */
	AeReal *spread;               /* n_rows x n_code: log variances of the code, */
	AeReal *d_spread;             /* and their gradient, set on the way back; NULL without */
	/* set by parts: */
	AeReal *seen[AE_MAX_LAYERS + 1]; /* in training, what the next layer sees instead of h[l]; NULL:
									  * h[l] */
	double *log_ratio; /* n_rows: log p(z) - log q(z | x) of drawn codes, where several of a row are
						* weighed; or NULL, as the next */
	double *weight;    /* n_rows: of each draw, 1 on average */
	AeReal *activated; /* the code before `after` changed it, or NULL */
	bool gated;        /* a part chooses the units of the code in training */
	uint32_t n_hooks;
	struct
	{
		const AeHooks *hooks;
		void *state;
	} hooked[AE_MAX_HOOKS]; /* in the order of the way up */
};

/*
 * Places the buffers of at most n_rows rows through the first n_layers layers: all of them, or
 * fewer, ending below the code. Without `backward` there are no slopes and gradients. net must
 * outlive the pass.
 */
void ae_net_place(AePass *pass, AeArena *arena, const AeNet *net, uint32_t n_layers, size_t n_rows,
				  bool backward);

/* Hooks a part into passes, after those that hooked in before. */
void ae_net_hook(AePass *pass, const AeHooks *hooks, void *state);

/*
 * Whether the hidden layers of the decoder mirror the widths of the encoder's, without a linear
 * path.
 */
bool ae_net_is_mirrored(const AeNet *net);

/* The same including inputs and outputs, as tied weights need. */
bool ae_net_is_symmetric(const AeNet *net);

/*
 * Whether the decoder is a dictionary: a single layer, all of whose outputs have a squared error, and
 * none is bent.
 */
bool ae_net_is_dictionary(const AeNet *net);

/* The decoder's weights = those of the encoder, transposed. The net must be symmetric. */
void ae_net_tie(AeReal *params, const AeNet *net);

/*
 * Gradient with respect to tied weights: sets that of both uses of a matrix to the sum of their
 * gradients, times share.  With 1 that is the derivative with respect to the one matrix; with 1/2
 * it is the projection of the gradient onto tied weights, whose product with a tied direction is
 * the slope along it.
 */
void ae_net_tie_gradient(AeReal *grads, const AeNet *net, AeReal share);

/*
 * Forward: pass->h[1..n_layers], and the heads' outputs pass->target and pass->spread, from
 * pass->inputs.  Outputs
 * of BCE blocks and categories stay logits.
 */
void ae_net_forward(AePass *pass, const AeReal *params, AePassMode mode);

/*
 * Backward, after a forward pass in AE_PASS_TRAIN: grads (+)= the gradient of the loss, from
 * pass->d[0], which ae_loss_rows filled, and pass->d_target; and the contributions of parts.
 */
void ae_net_backward(AeReal *grads, AePass *pass, const AeReal *params, bool accumulate);

#endif
