/*
 * ae_score.h: a model made ready to score rows, and the scores.
 *
 * Same bits for a row alone, in any batch, on any instruction set: see ae_kernel.h.
 */
#ifndef AE_SCORE_H
#define AE_SCORE_H

#include "ae_kernel.h"
#include "ae_model.h"
#include "ae_status.h"

typedef struct AeScorer
{
	const AeModel *model;
	const AeKernels *kernels;
	const AeReal *panels[AE_MAX_LAYERS]; /* packed weights */
	const AeReal *bias[AE_MAX_LAYERS];
	size_t batch;   /* rows that the scratch holds */
	AeReal *inputs; /* batch x n_inputs: the caller fills it */
	AeReal *h[2];   /* batch x widest layer, ping and pong */
} AeScorer;

/* Bytes of the block for ae_scorer_init; batch rows at a time (1 for row-wise use). */
AeStatus ae_scorer_size(size_t *bytes, const AeModel *model, size_t batch, AeError *error);

/* Packs the weights into block.  model and kernels must outlive the scorer. */
void ae_scorer_init(AeScorer *scorer, void *block, const AeModel *model, size_t batch,
					const AeKernels *kernels);

/* Code of scorer->inputs: returns n_rows x n_code inside the scorer. n_rows <= batch. */
const AeReal *ae_scorer_encode(AeScorer *scorer, size_t n_rows);

/* Outputs from codes: n_rows x n_code (may be what ae_scorer_encode gave). Logits where BCE. */
AeReal *ae_scorer_decode(AeScorer *scorer, const AeReal *codes, size_t n_rows);

/* In place: logits to probabilities, so that outputs are in scaled units. n_rows x n_inputs. */
void ae_scorer_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows);

/*
 * Reconstruction error per row: mean over columns of the training loss, in
 * double, +Infinity where the arithmetic overflowed.  errors: n_rows;
 * outputs: from ae_scorer_decode.
 */
void ae_scorer_errors(double *errors, const AeScorer *scorer, const AeReal *outputs, size_t n_rows);

#endif
