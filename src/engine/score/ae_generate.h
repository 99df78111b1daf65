/*
 * ae_generate.h: draws rows, or what is missing of them, from a network that was trained to tell hidden
 * cells of any number from the others.
 *
 * The network gives p(x_c | those that are known) for every hidden column c, a softmax over its
 * levels.  A row is drawn column by column, in an order of its own by chance: each comes from what the
 * network makes of those known by then, and is known from then on.  By the chain rule of probability
 * the row then comes from the joint distribution of all hidden columns given the others, so far as the
 * network's conditional distributions are right.  Levels too rare to have an input of their own are
 * never drawn.
 *
 * The draws of a row depend on the seed and on its number alone, not on the rows beside it, and
 * are the same on every machine.
 *
 * Sources: Uria, Murray, Larochelle, "A deep and tractable density estimator", ICML 2014 (masks of
 * every size, any order); Bengio, Laufer, Alain, Yosinski, ICML 2014 (denoising as a chain).
 */
#ifndef AE_GENERATE_H
#define AE_GENERATE_H

#include "ae_score.h"

/* Rows being drawn in a scorer, as many as its batch.  All arrays belong to whoever calls. */
typedef struct AeGenerator
{
	AeScorer *scorer; /* of a model whose schema draws */
	uint64_t seed;
	bool nulls; /* NULL may be drawn */
	uint32_t
		*order; /* batch x n_columns: the columns of a row in the order that they are drawn in */
	uint32_t *n_left; /* batch: how many are still to be drawn, the first ones of the order */
	uint64_t *number; /* batch: of the rows, each of which has draws of its own */
} AeGenerator;

/*
 * Row i: its values as the schema has them; drawn[n_columns]: those that are to be drawn.  Others that
 * are missing are NULL.  Gives what ae_scorer_take does.
 */
int ae_generator_take(AeGenerator *generator, size_t i, const double *values, const bool *missing,
					  const bool *drawn, uint64_t number);

/* Draws the next column of each of n_rows; false if none was left. */
bool ae_generator_step(AeGenerator *generator, size_t n_rows);

/*
 * values[n_columns] and missing[n_columns] of row i, in the user's units; of a category the index of
 * its level.  A column that never varied has its one value, or is NULL where training had NULLs.
 */
void ae_generator_values(double *values, bool *missing, const AeGenerator *generator, size_t i);

/* A number for the draws of row 0 that it has wherever it stands: a hash of what is known of it. */
uint64_t ae_generator_number(const AeGenerator *generator);

#endif
