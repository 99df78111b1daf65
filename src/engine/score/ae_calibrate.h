/*
 * ae_calibrate.h: what a model learns from the rows that calibrate: the cost of unseen values,
 * norms of the terms of a score, raw scores, and statistics of codes.
 *
 * Not on the scoring path: what comes out is stored in the model.
 */
#ifndef AE_CALIBRATE_H
#define AE_CALIBRATE_H

#include "ae_score.h"

/* ---- what unseen values cost ---- */

/*
 * Sets the cost of an unseen value for each source column of a schema that was fitted to n_rows:
 * the square of a standardised event that has happened k times in so many rows,
 *
 *     unseen = n_rows / (k + 1)
 *
 * It happened in no row of training. If there are rows that training did not see, k = rows[c] of
 * them have it, as counted by ae_unseen_count, at the first value of the source column. 0 for
 * columns without unseen values (ae_column_is_known).
 */
void ae_unseen_price(AeSchema *schema, uint64_t n_rows, const uint64_t *rows);

/* Before rows are counted: unseen values cost 1 in columns that can have them. */
void ae_unseen_begin(AeSchema *schema);

/* Counts a row, values[n_columns] and missing[n_columns], in rows; parts: n_columns, scratch. */
void ae_unseen_count(uint64_t *rows, const AeSchema *schema, const double *values,
					 const bool *missing, double *parts);

/*
 * Raises the cost of unseen values that no row had so that they put their row above all those that
 * calibrate; largest: the largest of these scores. In the schema of the members of a fold, which
 * share its columns.
 */
void ae_unseen_raise(AeModel *members, uint32_t n_members, double largest);

/* ---- norms and raw scores ---- */

/*
 * Sets error_norm and distance_norm from the terms of n rows: the geometric mean of errors, 1 if
 * not normed or no error is finite, and three times that of distances, 1 without prototypes.
 */
void ae_calibrate_norms(AeModel *model, const AeTerms *terms, size_t n, bool normed);

/* raw[n] += a member's part of the mean raw score of n_members. */
void ae_calibrate_add(double *raw, const AeModel *model, const AeTerms *terms, size_t n,
					  uint32_t n_members);

/* The largest finite one of n scores in descending order; 0 if there is none. */
double ae_calibrate_largest(const double *scores, size_t n);

/* ---- codes ---- */

/* Statistics of codes over many rows. */
typedef struct AeCodeTally
{
	AeReal *low; /* n_code: the range of each unit */
	AeReal *high;
	size_t n_code;
	size_t n_rows;
	double sum;
	double n_zero;
	double
		*divergence; /* n_code: of the distributions of drawn codes, a sum over rows; NULL if they
					  * are not drawn */
} AeCodeTally;

/* scratch: 2 n_code, which the tally keeps. */
void ae_code_tally_init(AeCodeTally *tally, size_t n_code, AeReal *scratch);
void ae_code_tally_add(AeCodeTally *tally, const AeReal *codes, size_t n_rows);

/* For codes that are drawn: adds their means, and spread, the logarithms of their variances. */
void ae_code_tally_spread(AeCodeTally *tally, const AeReal *codes, const AeReal *spread,
						  size_t n_rows);

/*
 * Sets n_dead, code_zeros and code_mean; for codes that are drawn also divergence and n_collapsed.
 */
void ae_code_tally_keep(AeModel *model, const AeCodeTally *tally);

#endif
