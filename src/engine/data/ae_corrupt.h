/*
 * ae_corrupt.h: corrupts rows before they enter a network that learns to restore the clean ones.
 *
 * A denoising autoencoder minimises L(x, g(f(x~))), x~ drawn anew from q(x~ | x) whenever the row
 * is visited (Vincent, Larochelle, Lajoie, Bengio, Manzagol 2010, JMLR 11, section 4).  Gaussian
 * noise is added when cells become inputs (ae_loss_inputs); the other q are here:
 *
 *     salt_pepper   a cell becomes the least or the largest one of the training rows, by a fair
 *                   coin; a category the level of another row
 *     swap          a source column, all its cells together, becomes that of another row
 *     masking       a cell becomes missing; or with masking_any at a probability that is drawn for
 *                   each row anew, uniform in [0, 1]
 *
 * Each cell, or column, is drawn independently with the probability of its kind, in this order.
 * The other rows are those that are passed at once: a minibatch, or a slice of one; a single row
 * has none, and keeps its columns.  A missing cell stays missing.
 *
 * Knows cells and layouts; knows no network and no loss.
 */
#ifndef AE_CORRUPT_H
#define AE_CORRUPT_H

#include "ae_loss.h"
#include "ae_status.h"

typedef struct AeCorruption
{
	double masking;     /* probabilities, [0, 1) */
	bool masking_any;   /* instead of masking */
	double salt_pepper; /* needs low and high if there are dense cells */
	double swap;
	const AeReal *low;  /* n_dense: least cells of the training rows */
	const AeReal *high; /* n_dense: largest ones */
	size_t width;       /* numbers of a row; the first of them are the cells, which alone change */
	const AeLayout *layout;
} AeCorruption;

/* Whether any cells are corrupted. */
bool ae_corrupt_any(const AeCorruption *corruption);

/*
 * entering: n_rows x width, cells as they enter. chosen, unless NULL: the same shape, with the
 * clean cells of what was corrupted and NaN elsewhere, so that its loss is that of the corrupted
 * part of the rows (section 3 of the same paper, "emphasis"). The draws depend only on the visit
 * and the sizes. Neither may overlap cells.
 */
void ae_corrupt_rows(AeReal *entering, AeReal *chosen, const AeReal *cells, size_t n_rows,
					 const AeCorruption *corruption, AeVisit visit);

#endif
