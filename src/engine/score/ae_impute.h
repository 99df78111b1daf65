/*
 * ae_impute.h: fills the missing cells of a row by the networks of a fold.
 *
 * A network that has not learnt missing cells takes the mean in their place for a value and answers
 * with a compromise or, if the code is narrow, with something it never saw. So its outputs can be
 * fed back, x <- r(x) in the missing cells: every pass completes the row, and the completed row
 * with the least error over all its columns is kept, because the observed columns distinguish a row
 * like those of training from one that only agrees with itself.  Passes may settle far from the
 * truth, so they may also start from below and from above.
 *
 * This does not help every model: if columns say little about each other, repeated passes move
 * missing cells away from the truth. So training tries each way on rows whose cells are known, and
 * the model records the best.
 */
#ifndef AE_IMPUTE_H
#define AE_IMPUTE_H

#include "ae_score.h"

/* Length of the scratch of ae_impute and of ae_impute_trial. */
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

/* A number in [0, 1) from a hash of row 0, by which rows are picked for a trial. */
double ae_impute_draw(const AeScorer *scorer);

/*
 * The results of trials, zeroed by the caller: sums over rows in whole units of 2^-16, so that they
 * do not depend on the order of rows.
 */
typedef struct AeTrials
{
	/*
	 * [a][b], b < a: by how much b lost more than a, in numbers and in levels, and the square of
	 * both
	 */
	int64_t numbers[AE_FILLING_COUNT][AE_FILLING_COUNT];
	int64_t levels[AE_FILLING_COUNT][AE_FILLING_COUNT];
	uint64_t square[AE_FILLING_COUNT][AE_FILLING_COUNT];
	uint64_t n; /* rows */
} AeTrials;

/*
 * Hides a fifth of the known cells of row 0, chosen by a hash of the row and round, fills them in
 * every way, and adds up the losses: means over these cells of the squared error in scaled units
 * for numbers, and of 1 for a wrong level; at most 100. The row is changed.
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

/* The most passes of a row through the networks, over all ways. */
#define AE_IMPUTE_TRIAL_PASSES 15

#endif
