/*
 * ae_calibration.h: turns a raw score into a p-value.
 *
 * p(s) = (1 + #{calibration scores >= s}) / (n + 1), the conformal p-value (Vovk, Gammerman, Shafer
 * 2005; Laxhammar 2014).  A large table is thinned to at most AE_CALIBRATION_POINTS scores, dense
 * at the top; p is then rounded up, so that the promised rate of false alarms holds.
 */
#ifndef AE_CALIBRATION_H
#define AE_CALIBRATION_H

#include "ae_status.h"

#define AE_CALIBRATION_POINTS 1024

typedef struct AeCalibration
{
	uint64_t n; /* number of scores it was made from; 0 if there are none */
	uint32_t n_points;
	bool unseen;       /* from rows that training did not see */
	double *score;     /* n_points, >= 0, strictly descending; score[0] is the largest */
	uint64_t *n_above; /* calibration scores > score[i + 1]; strictly ascending, the last is n */
} AeCalibration;

/*
 * Thins scores[n], sorted descending by the caller, >= 0, finite or infinite but never NaN, into
 * calibration->score and ->n_above (room for AE_CALIBRATION_POINTS each); sets n and n_points,
 * leaves `unseen` alone. Up to AE_CALIBRATION_POINTS distinct values are all kept, and p is exact.
 * If there are more, the first 512 are kept and the others are gathered in at most 512 ranges of
 * geometrically spaced ranks; a point is the largest score of its range with the rank of the
 * smallest.
 */
void ae_calibration_fit(AeCalibration *calibration, const double *scores, uint64_t n);

/* The number of points that are not below a score, which are the first ones. */
uint32_t ae_calibration_place(const AeCalibration *calibration, double score);

/*
 * p in (0, 1]: never below the exact p-value, and above it by less than the ratio of one range of
 * ranks; 1 without calibration scores. A NaN counts as +Infinity.
 */
double ae_calibration_p(const AeCalibration *calibration, double score);

/*
 * 1 - p up to the largest calibration score s_max, beyond it 1 - (s_max / s) / (n + 1): rows beyond
 * the table keep their order.  If s_max is 0, 1 / (1 + s) replaces s_max / s.  In [0, 1),
 * non-decreasing in the score; 0 without calibration scores.  A NaN counts as +Infinity.
 */
double ae_calibration_anomaly(const AeCalibration *calibration, double score);

/*
 * The least score t such that p(s) <= share for every s > t: +Infinity if no score has such a small
 * p, -Infinity if all have.
 */
double ae_calibration_threshold(const AeCalibration *calibration, double share);

#endif
