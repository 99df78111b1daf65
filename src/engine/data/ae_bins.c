/*
 * ae_bins.c: bins of numbers.
 *
 * Finding and drawing are on the scoring path: no libm but rint, compiled without contraction.
 */
#include "ae_bins.h"

#include <math.h>
#include <string.h>

/* ---- grain ---- */

/* The multiple of grain nearest to value, rounded like a decimal number when it is read. */
static double
with_grain(double grain, double value)
{
	double n;

	if (!(grain > 0.0))
		return value;
	if (grain >= 1.0)
		return rint(value / grain) * grain;
	n = rint(1.0 / grain);
	return rint(value * n) / n;
}

/* Whether value is a multiple of grain, as a double or as the float that it came from. */
static bool
has_grain(double grain, double value)
{
	double near = with_grain(grain, value);

	return near == value || ((double) (float) value == value && (float) near == (float) value);
}

static double
find_grain(const double *values, size_t n, AeGrains which)
{
	static const double decimal[] = {1e6, 1e5,  1e4,  1e3,  1e2,  1e1, 1.0,
									 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6};
	static const double time[] = {86400.0, 3600.0, 60.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6};
	const double *grains = which == AE_GRAINS_TIME ? time : decimal;
	size_t n_grains = which == AE_GRAINS_TIME ? sizeof(time) / sizeof(time[0])
											  : sizeof(decimal) / sizeof(decimal[0]);
	size_t g = 0;

	for (size_t i = 0; i < n; i++)
		while (g < n_grains && !has_grain(grains[g], values[i]))
			g++;
	return g < n_grains ? grains[g] : 0.0;
}

/* ---- bins of a sample ---- */

/* Makes points of values that at least `least` rows have; moves the *n others to the front. */
static void
take_points(AeBins *bins, double *values, size_t *n, size_t least, size_t most)
{
	size_t rest = 0;

	for (size_t i = 0, end; i < *n; i = end)
	{
		for (end = i + 1; end < *n && values[end] == values[i];)
			end++;
		if (end - i >= least && bins->n_points < most)
		{
			bins->count[bins->n_points] = end - i;
			bins->numbers[bins->n_points++] = values[i];
			continue;
		}
		memmove(values + rest, values + i, (end - i) * sizeof(double));
		rest += end - i;
	}
	*n = rest;
}

double
ae_quantile(const double *sorted, size_t n, double share)
{
	double at = share * (double) (n - 1);
	size_t below = (size_t) at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double) below) * (sorted[below + 1] - sorted[below]);
}

static void
take_ranges(AeBins *bins, const double *values, size_t n, size_t n_ranges)
{
	double *knots = bins->numbers + bins->n_points;

	bins->n_ranges = (uint32_t) n_ranges;
	for (size_t r = 0; r < n_ranges; r++, knots += AE_RANGE_KNOTS)
	{
		size_t first = n * r / n_ranges, end = n * (r + 1) / n_ranges;

		bins->count[bins->n_points + r] = end - first;
		for (size_t k = 0; k < AE_RANGE_KNOTS; k++)
			knots[k] = ae_quantile(values + first, end - first, (double) k / (AE_RANGE_KNOTS - 1));
	}
}

void
ae_bins_fit(AeBins *bins, double *values, size_t n, uint32_t n_ranges, size_t least,
			AeGrains grains)
{
	size_t size = (n + n_ranges - 1) / n_ranges, half = (size + 1) / 2, wanted;

	size = size > least ? size : least;
	half = half > least ? half : least;
	bins->n_points = bins->n_ranges = 0;
	bins->grain = find_grain(values, n, grains);
	take_points(bins, values, &n, half, 2 * (size_t) n_ranges);
	wanted = n / size;
	if (wanted == 0 && n > 0 && (n >= least || bins->n_points == 0))
		wanted = 1;
	take_ranges(bins, values, n, wanted < n_ranges ? wanted : n_ranges);
}

/* ---- bins of values, and values of bins ---- */

/* How many of n ascending numbers, every stride-th of an array, are below value. */
static uint32_t
count_below(const double *sorted, uint32_t n, size_t stride, double value)
{
	uint32_t low = 0, high = n;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (sorted[middle * stride] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The knots of a range. */
static const double *
knots_of(const AeBins *bins, uint32_t range)
{
	return bins->numbers + bins->n_points + (size_t) range * AE_RANGE_KNOTS;
}

uint32_t
ae_bins_find(const AeBins *bins, double value)
{
	const double *points = bins->numbers;
	uint32_t n = bins->n_points, point = count_below(points, n, 1, value), range;

	if (point < n && points[point] == value)
		return point;
	if (bins->n_ranges == 0)
	{
		if (point == n || (point > 0 && value - points[point - 1] < points[point] - value))
			point--;
		return point;
	}
	range =
		count_below(knots_of(bins, 0) + AE_RANGE_KNOTS - 1, bins->n_ranges, AE_RANGE_KNOTS, value);
	return n + (range < bins->n_ranges ? range : bins->n_ranges - 1);
}

double
ae_bins_value(const AeBins *bins, uint32_t bin, double at)
{
	const double *knots;
	double place = at * (AE_RANGE_KNOTS - 1);
	int k = (int) place;

	if (bin < bins->n_points)
		return bins->numbers[bin];
	knots = knots_of(bins, bin - bins->n_points);
	k = k < AE_RANGE_KNOTS - 1 ? k : AE_RANGE_KNOTS - 2;
	return with_grain(bins->grain, knots[k] + (place - k) * (knots[k + 1] - knots[k]));
}

static double
mean_of_range(const double *knots)
{
	double sum = 0.0;

	for (int k = 0; k + 1 < AE_RANGE_KNOTS; k++)
		sum += (knots[k] / 2.0 + knots[k + 1] / 2.0) / (AE_RANGE_KNOTS - 1);
	return sum;
}

double
ae_bins_mean(const AeBins *bins, const AeReal *p)
{
	double sum = 0.0, total = 0.0;

	for (uint32_t i = 0; i < ae_bins_n(bins); i++)
	{
		sum += (double) p[i] * (i < bins->n_points
									? bins->numbers[i]
									: mean_of_range(knots_of(bins, i - bins->n_points)));
		total += (double) p[i];
	}
	return total > 0.0 ? sum / total : NAN;
}
