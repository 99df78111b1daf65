/*
 * ae_calibration.c: the table of calibration scores and p-values from it.
 *
 * The table is a staircase that is never below the true one: point i says that n_above[i] scores
 * lie above score[i + 1].  For a score s with score[i + 1] < s <= score[i], at most that many are
 * >= s, so thinning can only raise p. If no value was dropped between two points, the count is
 * exact.
 *
 * On the scoring path: no libm but sqrt.
 */
#include "ae_calibration.h"

#include <math.h>

/* The most values that keep a point of their own; beyond them so many ranges, a power of two. */
#define N_SINGLE 512
#define N_RANGES 512
#define LOG2_RANGES 9

_Static_assert(N_SINGLE + N_RANGES == AE_CALIBRATION_POINTS, "every point is used");
_Static_assert(N_RANGES == 1 << LOG2_RANGES, "ratio_of_ranges takes repeated square roots");

/* The largest double below 1. */
#define BELOW_ONE (1.0 - 0x1p-53)

/* (to / from)^(1 / N_RANGES), 1 <= from <= to. */
static double
ratio_of_ranges(double from, double to)
{
	double ratio = to / from;

	for (int i = 0; i < LOG2_RANGES; i++)
		ratio = sqrt(ratio);
	return ratio;
}

/* Counts distinct values, and the scores that are among the first N_SINGLE of them. */
static uint64_t
count_distinct(uint64_t *n_single, const double *scores, uint64_t n)
{
	uint64_t n_distinct = 0;

	*n_single = 0;
	for (uint64_t i = 0; i < n; i++)
	{
		if (i == 0 || scores[i] < scores[i - 1])
			n_distinct++;
		if (n_distinct <= N_SINGLE)
			*n_single = i + 1;
	}
	return n_distinct;
}

void
ae_calibration_fit(AeCalibration *calibration, const double *scores, uint64_t n)
{
	uint64_t n_single;
	uint64_t n_distinct = count_distinct(&n_single, scores, n);
	bool thin = n_distinct > AE_CALIBRATION_POINTS;
	double ratio = thin ? ratio_of_ranges((double) n_single, (double) n) : 1.0;
	double target = 0.0; /* highest rank of the open range; 0 if none is open */
	double next = (double) n_single;
	uint32_t range = 0;
	uint32_t n_points = 0;

	for (uint64_t first = 0, end; first < n; first = end)
	{
		for (end = first + 1; end < n && scores[end] == scores[first]; end++)
			;
		if (!thin || end <= n_single || (double) end > target)
		{
			calibration->score[n_points++] = scores[first];
			while (thin && end > n_single && (double) end > target)
			{
				next *= ratio;
				target = ++range < N_RANGES ? next : (double) n;
			}
		}
		calibration->n_above[n_points - 1] = end;
	}
	calibration->n = n;
	calibration->n_points = n_points;
}

uint32_t
ae_calibration_place(const AeCalibration *calibration, double score)
{
	uint32_t low = 0;
	uint32_t high = calibration->n_points;

	while (low < high) /* the first point below score */
	{
		uint32_t middle = low + (high - low) / 2;

		if (calibration->score[middle] >= score)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

double
ae_calibration_p(const AeCalibration *calibration, double score)
{
	uint32_t place = ae_calibration_place(calibration, isnan(score) ? INFINITY : score);
	uint64_t n_above = place > 0 ? calibration->n_above[place - 1] : 0;

	return (1.0 + (double) n_above) / ((double) calibration->n + 1.0);
}

double
ae_calibration_anomaly(const AeCalibration *calibration, double score)
{
	double s_max;
	double share;
	double anomaly;

	if (calibration->n_points == 0)
		return 0.0;
	if (isnan(score))
		score = INFINITY;
	s_max = calibration->score[0];
	if (score <= s_max)
		anomaly = 1.0 - ae_calibration_p(calibration, score);
	else
	{
		share = s_max > 0.0 ? s_max / score : 1.0 / (1.0 + score);
		anomaly = 1.0 - share / ((double) calibration->n + 1.0);
	}
	return anomaly > BELOW_ONE ? BELOW_ONE : anomaly;
}

double
ae_calibration_threshold(const AeCalibration *calibration, double share)
{
	double n = (double) calibration->n + 1.0;

	if (!(1.0 / n <= share))
		return INFINITY;
	for (uint32_t i = 0; i < calibration->n_points; i++)
		if ((1.0 + (double) calibration->n_above[i]) / n > share)
			return calibration->score[i];
	return -INFINITY;
}
