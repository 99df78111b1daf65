/*
 * ae_contract.h: a penalty that makes the code insensitive to small changes of the inputs.
 *
 *     Omega(x) = weight * |J|_F^2 = weight * sum over units i of the code |grad_x h_i(x)|^2
 *
 * added to the loss of every row, x being what the first layer saw of it, J (code x inputs) the
 * derivatives of the code with respect to all inputs (Rifai, Vincent, Muller, Glorot, Bengio,
 * "Contractive auto-encoders", ICML 2011; Goodfellow, Bengio, Courville, Deep Learning, 2016,
 * section 14.7). With s' and s'' the first two derivatives of a layer's activation at its
 * pre-activations z:
 *
 *     one layer      |J|^2 = sum_j s'(z_j)^2 |W_:j|^2, in closed form
 *     several        v = J^T u for a probe u of the code's width, from the code down to the inputs:
 *                    a_l = g_{l+1} * s'(z_l), g_l = a_l W_l^T, g_L = u, v = g_0.  Exact: the sum of
 *                    |v|^2 over the units u = e_k.  Estimate: |v|^2 of one probe of random signs a
 *                    row, whose expectation it is (Hutchinson 1989).
 *
 * The gradient follows that chain back: to every W_l, and through s'' to every z_l, from where
 * ae_net_backward carries it on.  s'' must exist, which rules out rectifiers: their s' jumps.
 */
#ifndef AE_CONTRACT_H
#define AE_CONTRACT_H

#include "ae_net.h"

/* Buffers of the penalty for a pass; filled by ae_contract_place. */
typedef struct AeContraction
{
	double weight;                    /* >= 0; 0: no penalty, nothing else is set */
	bool exact;                       /* all units of the code, not one probe */
	AeReal *own_slope[AE_MAX_LAYERS]; /* s'(z_l): n_rows x width[l + 1], where the pass has none */
	AeReal *z[AE_MAX_LAYERS];         /* kept where s' is not a function of h */
	AeReal *d_z[AE_MAX_LAYERS];       /* the gradient with respect to z_l */
	AeReal *curve[AE_MAX_LAYERS];     /* s''(z_l), likewise */
	AeReal *g[AE_MAX_LAYERS];         /* of a probe, with respect to h_l: n_rows x width[l] */
	AeReal *a[AE_MAX_LAYERS];         /* of a probe, with respect to z_l: n_rows x width[l + 1] */
	AeReal *probe;                    /* n_rows x code, where one is needed, or NULL */
	AeReal *back[2];                  /* gradients on the way back, ping and pong */
	double *squares;                  /* one layer: of the columns of W, and of s' */
} AeContraction;

/* Refuses an encoder whose Jacobian jumps: AE_ERR_ARGUMENT with contract_weight in `what`. */
AeStatus ae_contract_check(const AeNet *net, AeError *error);

/* Places the buffers; weight 0: none. */
void ae_contract_place(AeContraction *c, AeArena *arena, const AeNet *net, size_t n_rows,
					   double weight, bool exact);

/* The hooks of an AeContraction into a pass: they keep z and add the gradient in d_z. */
extern const AeHooks ae_contract_hooks;

/* Draws the signs of the estimate's probes; does nothing if the norm is exact. */
void ae_contract_draw(AeContraction *c, const AeNet *net, size_t n_rows, AeVisit visit);

/*
 * The sum of |J|^2 (or of its estimate, with the probes last drawn) over the rows just passed
 * forward in training, without the weight.
 */
double ae_contract_value(AeContraction *c, const AePass *pass, const AeReal *params);

/*
 * The same, with its gradient times scale * weight: grads += that with respect to the weights; d_z
 * = that with respect to the pre-activations. Call it before ae_net_backward, which adds the rest.
 */
double ae_contract_gradient(AeReal *grads, AeContraction *c, AePass *pass, const AeReal *params,
							double scale);

#endif
