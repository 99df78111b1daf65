/*
 * ae_target.h: a supervised target, which a linear head predicts from the code.
 *
 * For a code h (R x C) the head computes o = h W_t + b_t (R x K; its parameters follow those of the
 * layers, ae_net.h).  A label y is one more cell of a row, NaN where it is unknown:
 *
 *     K >= 2   y in 0 .. K - 1, a level; loss log sum_k exp(o_k) - o_y, the cross-entropy of the
 *              softmax; its derivative with respect to o is softmax(o) - [k = y]
 *     K = 1    y a standardised number; loss (o - y)^2, its derivative 2 (o - y)
 *
 * The objective is the mean over rows of the reconstruction loss + weight * the mean over
 * *labelled* rows of the target's.  A few labels among many rows would have no influence if their
 * sum were divided by all rows of a minibatch, so it is multiplied by a constant, ae_target_factor.
 * Rows without a label train only the reconstruction.
 *
 * Sources: Goodfellow, Bengio, Courville, Deep Learning, 2016, section 14.1 and 7.6 (a shared
 * representation of P(x) and P(y | x)); Ranzato, Szummer, ICML 2008, eq. 4.
 */
#ifndef AE_TARGET_H
#define AE_TARGET_H

#include "ae_kernel.h"
#include "ae_scaler.h"
#include "ae_status.h"

/* The most rows that one label stands for; with fewer labels, they weigh less. */
#define AE_TARGET_MAX_FACTOR 1000.0

/* Early stopping heeds the target's loss only if at least so many labelled rows are held out. */
#define AE_TARGET_MIN_JUDGED 30

/*
 * Outputs of the head for such a column: 1 for a number, 2 for a boolean, the levels of a category.
 */
uint32_t ae_target_outputs(const AeColumn *column);

/*
 * The cell of a value: (value - shift) / scale for a number, 0 or 1 for a boolean, the index of a
 * level; NaN if it is missing or not a level of the column.
 */
AeReal ae_target_cell(const AeColumn *column, double value, bool missing);

/* min(n_rows / n_labelled, AE_TARGET_MAX_FACTOR); 0 without labels. */
double ae_target_factor(size_t n_rows, size_t n_labelled);

/* The number of n labels that are known. */
size_t ae_target_count(const AeReal *cells, size_t n);

/* What computing the target's loss needs. */
typedef struct AeTargetMeasure
{
	uint32_t n_target; /* outputs of the head */
	const AeKernels *kernels;
	AeReal *scratch; /* ae_target_scratch */
} AeTargetMeasure;

/* Elements of scratch. */
size_t ae_target_scratch(uint32_t n_target);

/*
 * Sum of the loss over labelled rows; unless d is NULL, also d = scale * its gradient with respect
 * to the outputs, 0 in rows without a label.
 *
 * d, outputs: n_rows x n_target, row-major; labels: n_rows.
 */
double ae_target_loss(AeReal *d, const AeReal *outputs, const AeReal *labels, size_t n_rows,
					  double scale, const AeTargetMeasure *measure);

/* Statistics of predictions and labels, row by row. */
typedef struct AeTargetTally
{
	double n;      /* labelled rows */
	double loss;   /* sum */
	double right;  /* for levels: rows whose largest output is that of their label */
	double mean;   /* for numbers: running mean of labels, */
	double square; /* and sum of their squared differences from it */
} AeTargetTally;

/* Adds rows, with or without labels. */
void ae_target_tally(AeTargetTally *tally, const AeReal *outputs, const AeReal *labels,
					 size_t n_rows, const AeTargetMeasure *measure);

/* Mean loss; NaN without labelled rows. */
double ae_target_mean_loss(const AeTargetTally *tally);

/*
 * The share of correct levels; for a number R^2 = 1 - sum (o - y)^2 / sum (y - mean y)^2. At most
 * 1; NaN without labelled rows, or if all numbers are equal.
 */
double ae_target_accuracy(const AeTargetTally *tally, uint32_t n_target);

#endif
