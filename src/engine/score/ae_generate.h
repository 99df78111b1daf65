/*
 * ae_generate.h: draws rows, or their missing parts, from a network that was trained to predict any
 * number of hidden cells from the others.
 *
 * The network gives p(x_c | those that are known) for every hidden column c, a softmax over its
 * levels.  A row is drawn column by column, in a random order of its own: each column is drawn from
 * the network's distribution given those known so far, and is known from then on. By the chain rule
 * of probability, the row then comes from the joint distribution of all hidden columns given the
 * others, as far as the network's conditional distributions are right.  Levels too rare to have an
 * input of their own are never drawn.
 *
 * The draws of a row depend only on the seed and its number, not on other rows, and are the same on
 * every machine.
 *
 * Sources: Uria, Murray, Larochelle, "A deep and tractable density estimator", ICML 2014 (masks of
 * every size, any order); Bengio, Laufer, Alain, Yosinski, ICML 2014 (denoising as a chain).
 */
#ifndef AE_GENERATE_H
#define AE_GENERATE_H

#include "ae_score.h"

/* Rows being drawn in a scorer, as many as its batch. All arrays belong to the caller. */
typedef struct AeGenerator
{
	AeScorer *scorer; /* its model's schema must draw */
	uint64_t seed;
	bool nulls;       /* NULL may be drawn */
	uint32_t *order;  /* batch x n_columns: the columns of each row in the order of drawing */
	uint32_t *n_left; /* batch: how many, the first ones of the order, are still to be drawn */
	uint64_t *number; /* batch: the number of each row, which decides its draws */
	/* of a variational network, in the place of order and n_left: */
	AeReal *codes;   /* batch x n_code, or NULL */
	AeReal *noise;   /* n_dense */
	AeReal *outputs; /* set by ae_generator_decode: batch x n_outputs, in the scorer */
} AeGenerator;

/*
 * Draws n_rows whole rows, whose numbers are set, from a variational network: a code z from the prior
 * Normal(0, 1), and the row from p(x | z), the distribution of the outputs (ae_likelihood.h).
 * Source: Kingma, Welling, ICLR 2014, section 2.
 */
void ae_generator_decode(AeGenerator *generator, size_t n_rows);

/*
 * Sets row i: its values in the schema; drawn[n_columns]: those to be drawn. Other missing values
 * are NULL. Returns the result of ae_scorer_take.
 */
int ae_generator_take(AeGenerator *generator, size_t i, const double *values, const bool *missing,
					  const bool *drawn, uint64_t number);

/* Draws the next column of each of n_rows; false if none was left. */
bool ae_generator_step(AeGenerator *generator, size_t n_rows);

/*
 * values[n_columns] and missing[n_columns] of row i, in the user's units; for a category the index
 * of its level. A column that never varied has its only value, or is NULL if training had NULLs.
 */
void ae_generator_values(double *values, bool *missing, const AeGenerator *generator, size_t i);

/* A number for the draws of row 0 that depends on its known values alone: their hash. */
uint64_t ae_generator_number(const AeGenerator *generator);

#endif
