/*
 * ae_drift.h: whether rows still are what they were: tests of counts in bins against counts of
 * training in the same bins.
 *
 * now[n_bins] and then[n_bins] are counts, whole numbers in double.  p-values are of the hypothesis
 * that both are drawn from one distribution, and promise their level for few rows as for many:
 * where an approximation would be too small a count decides it exactly.
 */
#ifndef AE_DRIFT_H
#define AE_DRIFT_H

#include "ae_status.h"

/*
 * k of n against l of m: twice the smaller tail of the hypergeometric distribution (Fisher 1935),
 * at most 1.
 */
double ae_drift_exact(double k, double n, double l, double m);

/*
 * Bins in an order: twice the smaller of the p-value of Kolmogorov and Smirnov, whose statistic
 * goes into *ks, and that of the cut where the shares below differ most clearly, times the number
 * of cuts, which sees the ends.  p is 1 and *ks 0 where one side has no rows.
 */
double ae_drift_ordered(double *ks, const double *now, const double *then, size_t n_bins);

/*
 * Bins without order: twice the smaller of Pearson's chi-squared over bins of enough rows, the
 * others together, and of the one bin that differs most clearly, times their number, which sees new
 * levels.  *distance: the total variation, half the sum of differences of shares.
 */
double ae_drift_unordered(double *distance, const double *now, const double *then, size_t n_bins);

/*
 * Population stability index, sum of (q - p) ln(q / p) over bins; ordered ones are joined until
 * each has a tenth of `then`, others of less than a hundredth with each other.  Half a row is added
 * to each.  missing: two more bins, rows of each side where the column is NULL, {now, then}.
 */
double ae_drift_psi(const double *now, const double *then, size_t n_bins, bool ordered,
					const double missing[2]);

/*
 * Mann and Whitney's test of bins in an order, ties counted half; *above: the chance that a row of
 * now lies above one of then.  Normal approximation with the variance of ties; two-sided.  Where few
 * rows lie outside the largest bin, p is at least twice the exact one of those below or above it.
 */
double ae_drift_rank(double *above, const double *now, const double *then, size_t n_bins);

/*
 * Holm's procedure (1979): which of n hypotheses are refused so that the chance of refusing any
 * true one is at most `level`.  NaN: not tested.
 */
void ae_drift_holm(bool *refused, const double *p, size_t n, double level);

#endif
