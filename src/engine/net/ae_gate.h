/*
 * ae_gate.h: which units of a code are on: thresholds, how they are found, and dead units.
 *
 * A gated code is h_j = z_j where z_j > theta_j, else 0, z being the output of the code's
 * activation.  Rows are always encoded this way; NaN passes, so that errors stay visible. Training
 * finds the thresholds:
 *
 *     batch_top_k  Of the R x n activations of the rows passed at once, the k R largest are kept,
 *                  if they are positive (ae_topk_batch).  theta, one for all units, is a moving
 *                  average of the smallest one kept, so that a row's code does not depend on its
 *                  batch.
 *                  Source: Bussmann, Leask, Nanda, "BatchTopK sparse autoencoders", 2024, eq. 6, 7.
 *     jumprelu     theta_j is learned.  The penalty counts the units that are on.  Neither it nor
 *                  the loss has a useful derivative with respect to theta; both get one from a
 *                  kernel of width epsilon, K(u) = 1 where |u| < 1/2, else 0:
 *
 *                      d h_j / d theta_j       = -theta_j / epsilon  K((z_j - theta_j) / epsilon)
 *                      d [h_j > 0] / d theta_j =       -1 / epsilon  K((z_j - theta_j) / epsilon)
 *
 *                  Source: Rajamanoharan et al., "Jumping ahead: improving reconstruction fidelity
 *                  with JumpReLU sparse autoencoders", 2024, eq. 11, 12.
 *
 * With respect to z, dh_j / dz_j is 1 where the unit is on, else 0.
 *
 * Knows arrays; knows no network.
 */
#ifndef AE_GATE_H
#define AE_GATE_H

#include "ae_status.h"

/*
 * epsilon, for activations of the size of standardised inputs.  Measured on digits: from 0.03 to
 * 0.3 the loss is the same with the same number of units; at 1, thresholds learn nothing.
 */
#define AE_JUMP_WIDTH 0.1

/*
 * The initial learned thresholds: more than half of epsilon away from the zeros of a rectifier,
 * which no threshold should turn on.
 */
#define AE_FIRST_THRESHOLD 0.1

/* The number of updates that the average of the smallest activation kept covers. */
#define AE_GATE_WINDOW 32

/* A unit that was 0 for every row of so many updates is dead. */
#define AE_DEAD_UPDATES 64

/* The average that is the threshold of batch_top_k; zeros at first. */
typedef struct AeGateAverage
{
	double least_sum; /* of the smallest activations kept since the last update */
	uint32_t n_least;
	uint32_t n_updates; /* updates in the average, up to AE_GATE_WINDOW */
} AeGateAverage;

/* How long units have been off. */
typedef struct AeUnitCounts
{
	uint32_t *idle;  /* n_units: updates since a unit was last on */
	uint8_t *was_on; /* n_units: since the last update */
} AeUnitCounts;

/*
 * h = h where h > its threshold, or NaN, else 0.  h: n_rows x n_units; thresholds: n_units; mask,
 * unless NULL, n_rows x n_units: 1 where h was kept, else 0.
 */
void ae_gate_apply(AeReal *h, AeReal *mask, const AeReal *thresholds, size_t n_rows,
				   size_t n_units);

/*
 * d_thresholds += the pseudo-gradient above.  d: n_rows x n_units, the gradient with respect to h;
 * weight: the cost of each unit that is on, on the same scale; before: n_rows x n_units.
 */
void ae_gate_gradient(AeReal *d_thresholds, const AeReal *d, const AeReal *before,
					  const AeReal *thresholds, double weight, size_t n_rows, size_t n_units);

/*
 * After an update, moves thresholds towards the smallest activations kept since the last one: by an
 * average over all updates until there are AE_GATE_WINDOW of them, then by an exponential one.
 */
void ae_gate_follow(AeReal *thresholds, AeGateAverage *average, size_t n_units);

/* Notes which units are on in h: n_rows x n_units, after the gate. */
void ae_units_see(AeUnitCounts *counts, const AeReal *h, size_t n_rows, size_t n_units);

/* After an update. */
void ae_units_end_update(AeUnitCounts *counts, size_t n_units);

/* The number of dead units. */
size_t ae_units_n_dead(const AeUnitCounts *counts, size_t n_units);

#endif
