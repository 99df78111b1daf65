/*
 * ae_verdict.h: people's verdicts on rows, and how far they reach.
 *
 * A row is *confirmed*, an anomaly, or *dismissed*, a false alarm.  The model keeps both as cells,
 * c_i and r_j, and the raw score s of a row z becomes
 *
 *     log s' = log s + 2 max_i exp(-D^2(z, c_i) / (2 h_i^2)) - 1/2 max_j exp(-D^2(z, r_j) / (2 h^2))
 *
 * so that a row similar to a confirmed one rises by up to e^2, and one similar to a dismissed one
 * falls by up to e^(1/2). If equal rows have both verdicts, the confirmed one prevails.
 *
 * D^2(x, y) = the mean over source columns of the column's squared distance: of numbers in scaled
 * units, a mean over a column's cells where it has several; of a category 2 / (1 - sum of squared
 * frequencies) if the levels differ.  A value on one side and NULL on the other count as 2, the
 * mean squared difference of the values of two rows; NULL on both sides counts as 0.
 *
 * The reach h^2 is the median over rows of (the mean of D to the AE_VERDICT_NEAREST nearest
 * prototypes)^2: the typical distance of rows from what is usual. The reach of a confirmed row is
 * limited to 0.3 % of rows: h_i^2 is the 0.3 % quantile of D^2(z, c_i) over rows z, if that is
 * less.
 *
 * On the scoring path: the same bits everywhere, no libm.
 */
#ifndef AE_VERDICT_H
#define AE_VERDICT_H

#include "ae_loss.h"
#include "ae_status.h"

#define AE_MAX_VERDICTS 10000
#define AE_VERDICT_NEAREST 5

/* The smallest and the largest reach. */
#define AE_MIN_REACH 1e-12
#define AE_MAX_REACH 1e100

typedef struct AeVerdicts
{
	uint32_t n_confirmed;
	uint32_t n_dismissed;
	double *reach;          /* n_confirmed: h_i^2 */
	double dismissed_reach; /* h^2 */
	AeReal *cells;          /* (n_confirmed + n_dismissed) x n_cells, the confirmed ones first */
} AeVerdicts;

static inline uint32_t
ae_verdicts_count(const AeVerdicts *verdicts)
{
	return verdicts->n_confirmed + verdicts->n_dismissed;
}

/* D^2 of two rows of n_cells; if it exceeds limit, any number above limit. */
double ae_verdict_square(const AeReal *x, const AeReal *y, const AeLayout *layout, double limit);

/*
 * s' / s of a row: cells, n_cells; 1 without verdicts. calibrating: leaves out a dismissed row
 * equal to it, which may be the row itself. Calls check on the way, unless it is NULL.
 */
double ae_verdicts_factor(const AeVerdicts *verdicts, const AeReal *cells, const AeLayout *layout,
						  bool calibrating, AeCheck check);

/* (The mean of D from a row to the AE_VERDICT_NEAREST nearest of n centres)^2; n > 0. */
double ae_verdict_term(const AeReal *row, const AeReal *centres, size_t n, const AeLayout *layout);

/* Elements of scratch for ae_verdicts_fit over n rows. */
size_t ae_verdicts_scratch(size_t n);

/*
 * Sets reach and dismissed_reach of verdicts, whose cells are set, from rows that are not
 * confirmed.
 *
 * rows: n x n_cells; terms: n, ae_verdict_term of each, ascending; scratch: ae_verdicts_scratch
 */
void ae_verdicts_fit(AeVerdicts *verdicts, const AeReal *rows, const double *terms, size_t n,
					 const AeLayout *layout, double *scratch, AeCheck check);

#endif
