/*
 * ae_drift.h: tests whether rows still look as they did: counts in bins against the counts of
 * training in the same bins.
 *
 * now[n_bins] and then[n_bins] are counts, whole numbers in double.  p-values are for the
 * hypothesis that both come from one distribution, and keep their level for few rows as for many:
 * where an approximation would be too small, an exact count decides.
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
 * For ordered bins: twice the smaller of the p-value of Kolmogorov and Smirnov, whose statistic
 * goes into *ks, and that of the cut where the shares below differ most clearly, times the number
 * of cuts, which is sensitive at the ends. p is 1 and *ks 0 if one side has no rows.
 */
double ae_drift_ordered(double *ks, const double *now, const double *then, size_t n_bins);

/*
 * For unordered bins: twice the smaller of the p-value of Pearson's chi-squared over bins with
 * enough rows, the others being joined, and that of the bin that differs most clearly, times their
 * number, which detects new levels.  *distance: the total variation, half the sum of differences of
 * shares.
 */
double ae_drift_unordered(double *distance, const double *now, const double *then, size_t n_bins);

/*
 * Population stability index, sum of (q - p) ln(q / p) over bins; ordered bins are joined until
 * each has a tenth of `then`, unordered ones with less than a hundredth are joined with each other.
 * Half a row is added to each. missing: a further bin, the rows of each side in which the column is
 * NULL, {now, then}.
 */
double ae_drift_psi(const double *now, const double *then, size_t n_bins, bool ordered,
					const double missing[2]);

/*
 * Mann and Whitney's two-sided test for ordered bins, with ties counted half; *above: the
 * probability that a row of now lies above one of then. Normal approximation with the variance for
 * ties. If few rows lie outside the largest bin, p is at least twice the exact one for those below
 * or above it.
 */
double ae_drift_rank(double *above, const double *now, const double *then, size_t n_bins);

/*
 * Holm's procedure (1979): which of n hypotheses are rejected so that the probability of rejecting
 * any true one is at most `level`. NaN: not tested.
 */
void ae_drift_holm(bool *refused, const double *p, size_t n, double level);

#endif
