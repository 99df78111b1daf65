/*
 * ae_impute.h: what the networks of a fold make of the missing cells of a row.
 *
 * A network that has not learnt gaps takes the mean in their place for a value and answers with a
 * compromise, or, where the code is narrow, with something that it never saw.  So its outputs can
 * be fed back, x <- r(x) in the missing cells: every pass completes the row, and of all completed
 * rows the one with the least error over all its columns is kept, since the observed ones tell a
 * row as in training from one that only agrees with itself.  Passes may settle far from the truth,
 * so they may also start from below and from above.
 *
 * None of this helps every model: where columns tell little about each other, passes carry the
 * missing cells away.  So the training tries each way on rows whose cells are known, and the model
 * says which was the best.
 */
#ifndef AE_IMPUTE_H
#define AE_IMPUTE_H

#include "ae_score.h"

/* Numbers of ae_impute's scratch, and of ae_impute_trial's. */
size_t ae_impute_scratch(const AeModel *model);

/*
 * Fills row 0 of the members of a fold.
 *
 * outputs: n_outputs, finished, the mean of the members: the answer in the missing columns
 * missing: n_columns of the schema; the cells of these are overwritten, all others stay
 * scratch: ae_impute_scratch
 */
void ae_impute(AeReal *outputs, AeScorer *scorer, const bool *missing, AeFilling filling,
			   AeReal *scratch);

/* A number in [0, 1) by a hash of row 0: what picks rows for a trial. */
double ae_impute_draw(const AeScorer *scorer);

/*
 * What trials found, zeroed by the caller: sums over rows, in units of 2^-16 that are whole, so that
 * they do not depend on the order of rows.
 */
typedef struct AeTrials
{
	/* [a][b], b < a: what b lost more than a, in numbers and in levels, and the square of both */
	int64_t numbers[AE_FILLING_COUNT][AE_FILLING_COUNT];
	int64_t levels[AE_FILLING_COUNT][AE_FILLING_COUNT];
	uint64_t square[AE_FILLING_COUNT][AE_FILLING_COUNT];
	uint64_t n; /* rows */
} AeTrials;

/*
 * Hides a fifth of the known cells of row 0, chosen by a hash of the row and round, fills them in
 * every way, and adds up what went wrong: the mean over these cells, of a number of the squared
 * error in scaled units, of a category of 1 where it is another level; at most 100.  The row is
 * changed.
 *
 * hidden: n_columns, and scratch: ae_impute_scratch, for its use
 */
void ae_impute_trial(AeTrials *trials, AeScorer *scorer, uint64_t round, bool *hidden,
					 AeReal *scratch);

/*
 * One pass, unless another way is better by more than two standard errors of the paired difference,
 * (sum d)^2 > 4 sum d^2, and by a hundredth of a variance or a level, and worse neither in numbers
 * nor in levels.
 */
AeFilling ae_impute_best(const AeTrials *trials);

/* How often a row goes through the networks in all the ways together, at most. */
#define AE_IMPUTE_TRIAL_PASSES 15

#endif
