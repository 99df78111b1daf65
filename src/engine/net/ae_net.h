/*
 * ae_net.h: an autoencoder as a chain of dense layers: its shape, its
 * parameters, one forward and one backward pass over a slice of rows.
 *
 * h_0 = x;  h_l = act_l(h_{l-1} W_l + b_l);  code = h_{n_encoder};
 * reconstruction r = h_{n_layers}.  Inputs of categories are one-hot: the first layer
 * adds a row of W_0 for each instead of multiplying by zeros.
 *
 * Parameters are one array: for each layer W (width[l] x width[l+1], row-major)
 * and then b (width[l+1]); behind them the head's W (code x n_target) and b (n_target), and
 * the thresholds of a gated code, one for each unit.
 */
#ifndef AE_NET_H
#define AE_NET_H

#include "ae_activation.h"
#include "ae_gate.h"
#include "ae_loss.h"
#include "ae_matrix.h"
#include "ae_norm.h"
#include "ae_penalty.h"
#include "ae_status.h"

typedef struct AeNet
{
	uint32_t n_layers;  /* encoder and decoder, >= 2 */
	uint32_t n_encoder; /* layers up to the code, 1 .. n_layers - 1 */
	uint32_t top_k;     /* units of the code that are kept, the others becoming 0; 0: all */
	uint32_t gated;     /* 1: units of the code become 0 up to a threshold each; 0: they do not */
	uint32_t n_target;  /* outputs of the head that predicts the target from the code; 0: none */
	uint32_t width[AE_MAX_LAYERS + 1];
	AeActivation activation[AE_MAX_LAYERS]; /* of layer l; the last for distances only */
	AeLayout layout; /* of cells, inputs (width[0]) and outputs (width[n_layers]) */
} AeNet;

/*
 * Refuses widths, activations and a layout that do not make an autoencoder. AE_ERR_SHAPE, _LIMIT.
 */
AeStatus ae_net_check(const AeNet *net, AeError *error);

/* The same without a look at the blocks of the layout. */
AeStatus ae_net_check_shape(const AeNet *net, AeError *error);

/* Number of parameters; 0 for a net that ae_net_check refuses by its sizes. */
size_t ae_net_n_params(const AeNet *net);

/* Multiply-adds of one row's forward pass. */
double ae_net_macs(const AeNet *net);

/* Offsets of W_l in the parameters, and of b_l, which follows it. */
size_t ae_net_offset(const AeNet *net, uint32_t layer);
size_t ae_net_bias_offset(const AeNet *net, uint32_t layer);

/*
 * Number of weights of W_l, which b_l follows; l = n_layers: of the head's W, which stands there.
 */
size_t ae_net_n_weights(const AeNet *net, uint32_t layer);

/* Offsets of the head's W, whose b follows, and of the thresholds. */
size_t ae_net_head_offset(const AeNet *net);
size_t ae_net_threshold_offset(const AeNet *net);

/*
 * Initial parameters: biases 0; weights uniform with the variance that belongs to the
 * layer's activation (AeInit); the last layer times 0.5; the head's a tenth
 * of Glorot's; thresholds AE_FIRST_THRESHOLD.
 */
void ae_net_init(AeReal *params, const AeNet *net, uint64_t seed, AeCheck check);

/* A pass of rows through a net: its buffers, and what they hold; filled by ae_net_place. */
typedef struct AePass
{
	const AeNet *net;
	AeCompute compute;
	AeInputs inputs;   /* what the rows enter as: the caller's, who makes them of cells */
	size_t n_rows;     /* rows that the last forward pass was of */
	uint32_t n_layers; /* it stops behind so many: all of the net, or fewer, below the code */
	AeReal *h[AE_MAX_LAYERS + 1]; /* h[0] unused: the caller's input stands there */
	AeReal *slope[AE_MAX_LAYERS]; /* NULL where not needed */
	AeReal *d[2];                 /* two gradients, ping and pong */
	AeReal *mask[AE_MAX_LAYERS];  /* what the gradient of h[l] is multiplied by, or NULL */
	AeReal
		*kept[AE_MAX_LAYERS]; /* dropout: h[l] times mask[l], what the next layer sees; or NULL */
	AePenaltyTerm penalty;    /* of the code, or of every hidden layer */
	bool penalty_everywhere;
	double penalty_scale; /* factor on its gradient, set before a backward pass */
	double *means;        /* of the penalty */
	/*
	 * of a penalty of derivatives (ae_contract.h): h[l] W_l + b_l, which a forward pass with slopes
	 * keeps, and gradients by it, which a backward pass adds to its own; NULL where not needed
	 */
	AeReal *z[AE_MAX_LAYERS];
	AeReal *d_z[AE_MAX_LAYERS];
	AeReal *unit[AE_MAX_LAYERS]; /* batch normalisation: u of layer l (ae_norm.h), or NULL */
	AeNormMoments norm;          /* of all layers that have it, in their order */
	double *norm_sums;
	AeGate gate;        /* of the code */
	AeNoise code_noise; /* on the code before its activation */
	AeReal *target;     /* n_rows x n_target: outputs of the head, */
	AeReal *d_target;   /* and their gradient, before a backward pass; NULL without */
} AePass;

/*
 * Places the buffers of at most n_rows rows through the first n_layers layers: all of them, or
 * fewer, the code not among them; `backward` false leaves out slopes and gradients.  net outlives
 * the pass.
 */
void ae_net_place(AePass *pass, AeArena *arena, const AeNet *net, uint32_t n_layers, size_t n_rows,
				  bool backward);

/* Gives the pass a penalty, which ae_net_backward adds the gradient of; weight 0: none. */
void ae_net_place_penalty(AePass *pass, AeArena *arena, const AePenaltyTerm *term, bool everywhere);

/* Gives the pass room to drop units of hidden layers other than the code. */
void ae_net_place_dropout(AePass *pass, AeArena *arena, size_t n_rows);

/*
 * Draws which units of n_rows rows the next forward pass in training drops: each with probability
 * rate; what is kept is divided by 1 - rate (Srivastava et al. 2014, section 10: so that nothing
 * needs to be scaled when rows are scored).
 */
void ae_net_draw_dropout(AePass *pass, size_t n_rows, double rate, AeVisit visit);

/*
 * Batch normalisation of all layers but the code's and the last.  Their gammas, as many as
 * ae_net_n_gammas, stand behind the other parameters, and their gradients likewise.
 */
size_t ae_net_n_gammas(const AeNet *net);

/* Lets the pass normalise in training; params and grads then have gammas. */
void ae_net_place_norm(AePass *pass, AeArena *arena, size_t n_rows);

/*
 * folded (ae_net_n_params) = params (with gammas), weights and biases having taken in the
 * normalisation by running means; mean, variance: ae_net_n_gammas.
 */
void ae_net_fold(AeReal *folded, const AeReal *params, const AeNet *net, const double *mean,
				 const double *variance);

/* Gives the pass what training needs of a gated code, or of the k largest units. */
void ae_net_place_gate(AePass *pass, AeArena *arena, size_t n_rows, uint32_t batch_top_k);

/*
 * After it: lets the pass count how long units of the code have been off, for ae_auxiliary_loss,
 * in idle and was_on, one for each unit, which the caller keeps from one minibatch to the next.
 */
void ae_net_count_units(AePass *pass, AeArena *arena, size_t n_rows, uint32_t *idle,
						uint8_t *was_on);

/*
 * The next forward passes in training add Gaussian noise of deviation sigma to the code before its
 * activation, which drives sigmoids to 0 and 1 (Salakhutdinov, Hinton, "Semantic hashing", 2009,
 * section 2.2).  It is a function of the visit, and no other noise.
 */
void ae_net_draw_code_noise(AePass *pass, double sigma, AeVisit visit);

/* Whether the hidden layers of the decoder have the widths of the encoder's, backwards. */
bool ae_net_is_mirrored(const AeNet *net);

/* The same of inputs and outputs too, as tied weights need. */
bool ae_net_is_symmetric(const AeNet *net);

/* The decoder's weights = those of the encoder, transposed.  The net is symmetric. */
void ae_net_tie(AeReal *params, const AeNet *net);

/*
 * Gradient by tied weights: both uses of a matrix get the sum of the gradients of both, times
 * share.  With 1 it is the derivative by the one matrix; with 1/2 the projection of the gradient
 * onto the weights that are tied, whose product with a direction among them is the slope of it.
 */
void ae_net_tie_gradient(AeReal *grads, const AeNet *net, AeReal share);

/* The penalty of the rows just passed forward, their sum. */
double ae_net_penalty(const AePass *pass);

/*
 * Forward: pass->h[1..n_layers], and the head's outputs pass->target, from pass->inputs.  Outputs
 * of BCE blocks and categories stay logits.  training: a backward pass may follow; units are
 * dropped, codes are noisy, batch_top_k looks at all rows.
 */
void ae_net_forward(AePass *pass, const AeReal *params, bool training);

/*
 * Backward: grads (+)= gradient of the loss from pass->d[0], which ae_loss_rows filled, and
 * pass->d_target, and of the penalty, of the rows just passed forward in training.
 */
void ae_net_backward(AeReal *grads, AePass *pass, const AeReal *params, bool accumulate);

#endif
