/*
 * ae_calibrate.h: what a model learns of its scores from the rows that calibrate: what unseen values
 * cost, norms of the terms of a score, the raw scores themselves; and how the codes look.
 *
 * Not on the scoring path: what comes out is stored in the model.
 */
#ifndef AE_CALIBRATE_H
#define AE_CALIBRATE_H

#include "ae_score.h"

/* ---- what unseen values cost ---- */

/*
 * Columns of a schema that was fitted to n_rows: an unseen value costs, by source column, the square
 * of a standardised event that has happened k times in so many rows,
 *
 *     unseen = n_rows / (k + 1)
 *
 * Of the rows of training it did not happen in one; where there are rows that training did not see
 * k = rows[c] of them, counted by ae_unseen_count, at the first value of the source column.  0 where
 * every value is known (ae_column_is_known).
 */
void ae_unseen_price(AeSchema *schema, uint64_t n_rows, const uint64_t *rows);

/* Before rows are counted: columns that can be unseen cost 1, others nothing. */
void ae_unseen_begin(AeSchema *schema);

/* Counts a row, values[n_columns] and missing[n_columns], in rows; parts: n_columns, for its use. */
void ae_unseen_count(uint64_t *rows, const AeSchema *schema, const double *values,
					 const bool *missing, double *parts);

/*
 * An unseen value that no row had at all costs enough to put its row above all those that
 * calibrate, the largest of whose scores is given; in the schema of the members of a fold, which
 * share its columns.
 */
void ae_unseen_raise(AeModel *members, uint32_t n_members, double largest);

/* ---- norms and raw scores ---- */

/*
 * error_norm and distance_norm from the terms of n rows: the geometric mean of errors, 1 where that
 * is not asked for or no error is finite, and three times that of distances, 1 without prototypes.
 */
void ae_calibrate_norms(AeModel *model, const AeTerms *terms, size_t n, bool normed);

/* raw[n] += a member's part of the mean raw score of n_members. */
void ae_calibrate_add(double *raw, const AeModel *model, const AeTerms *terms, size_t n,
					  uint32_t n_members);

/* The largest finite one of n scores, which are in descending order; 0: there is none. */
double ae_calibrate_largest(const double *scores, size_t n);

/* ---- codes ---- */

/* How codes look over many rows. */
typedef struct AeCodeTally
{
	AeReal *low; /* n_code: the range of each unit */
	AeReal *high;
	size_t n_code;
	size_t n_rows;
	double sum;
	double n_zero;
	double
		*divergence; /* n_code: of what codes are drawn from, a sum over rows; NULL: they are not */
} AeCodeTally;

/* scratch: 2 n_code, which the tally keeps. */
void ae_code_tally_init(AeCodeTally *tally, size_t n_code, AeReal *scratch);
void ae_code_tally_add(AeCodeTally *tally, const AeReal *codes, size_t n_rows);

/* Of codes that are drawn: their means, and spread, the logarithms of their variances. */
void ae_code_tally_spread(AeCodeTally *tally, const AeReal *codes, const AeReal *spread,
						  size_t n_rows);

/* Sets n_dead, code_zeros and code_mean; of codes that are drawn divergence and n_collapsed. */
void ae_code_tally_keep(AeModel *model, const AeCodeTally *tally);

#endif
