/*
 * ae_infer.h: the code of a row as the minimum of the training objective instead of the encoder's
 * output: sparse coding (ae_pursuit.h).
 *
 * On the scoring path: the same bits everywhere.
 */
#ifndef AE_INFER_H
#define AE_INFER_H

#include "ae_score.h"

/*
 * Whether the model has such an objective: the penalty l1 on the code, and a decoder that is a
 * dictionary.
 */
bool ae_infer_can(const AeModel *model);

/* Bytes of the block for ae_infer. */
size_t ae_infer_size(const AeModel *model);

/*
 * code[n_code]: the minimum over h of the reconstruction's loss of row 0 of the scorer, as it came,
 * plus weight |h|_1.  Missing cells take no part. Returns the number of steps.
 */
uint32_t ae_infer(AeReal *code, AeScorer *scorer, void *block);

#endif
