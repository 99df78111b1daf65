/*
 * ae_auxiliary.h: the auxiliary loss that revives dead units of a code.
 *
 * With r the reconstruction of a row, held fixed, z the activations of the code before its gate, D
 * its dead units (AE_DEAD_UPDATES) and S the k largest of z in D,
 *
 *     e = sum over j in S of z_j W_j       W_j: row j of the decoder's weights, no bias
 *     weight * loss(r + e, x)
 *
 * is added to the loss: dead units learn to explain what the others leave unexplained.  k is the
 * number of units that are on in a row, the mean over the rows passed at once (for top_k, k), at
 * most all dead ones: if more of them share the rest, none gets large enough to be on by itself
 * (measured). As the loss of r + e, it works for blocks of every kind; for squared errors it is |x
 * - r - e|^2. The decoder must be one linear layer.
 *
 * Source: Gao et al., "Scaling and evaluating sparse autoencoders", 2024, appendix A.2 (AuxK).
 */
#ifndef AE_AUXILIARY_H
#define AE_AUXILIARY_H

#include "ae_net.h"

typedef struct AeAuxiliary
{
	double weight; /* > 0 */
	bool active;   /* in the current pass: some unit is dead */
	AeUnitCounts counts;
	AeReal *before;     /* n_rows x n_code: the activations of the code, before its gate */
	AeReal *candidates; /* n_code: activations of dead units of one row */
	AeReal *chosen;     /* n_code */
	AeReal *code;       /* n_rows x n_code: z in S, else 0 */
	AeReal *mask;       /* n_rows x n_code: 1 in S, else 0 */
	AeReal *outputs;    /* n_rows x n_outputs: r + e */
	AeReal *d;          /* n_rows x n_outputs */
	AeReal *d_code;     /* n_rows x n_code */
} AeAuxiliary;

/*
 * Sum over rows of weight * loss, after a forward pass in training; 0 if no unit is dead.  The
 * gradient with respect to z, times scale, is left for the hooks of the part; ae_auxiliary_gradient
 * adds that with respect to the decoder's weights. cells: those of the rows that were passed.
 */
double ae_auxiliary_loss(AeAuxiliary *auxiliary, AePass *pass, const AeReal *params,
						 const AeCells *cells, double scale, const AeMeasure *measure);

/* grads += the gradient with respect to the decoder's weights, after ae_net_backward. */
void ae_auxiliary_gradient(AeReal *grads, const AeAuxiliary *auxiliary, const AePass *pass);

#endif
