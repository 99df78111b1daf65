/*
 * ae_sketch.c: cuts and counts.
 */
#include "ae_sketch.h"

#include <math.h>

/* Shares at which cuts are made; symmetric. */
static const double fine_tail[] = {0.001, 0.0025, 0.005, 0.01, 0.025};
#define FINE_STEP 0.05
#define COARSE_STEP 0.1

/* A value that takes this share of the step between two cuts gets a bin of its own. */
#define ATOM_SHARE 0.5

/* The number of values that are less than x (or equal, with or_equal); values[n] ascend. */
static size_t
count_below(const double *values, size_t n, double x, bool or_equal)
{
	size_t low = 0, high = n;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (values[middle] < x || (or_equal && values[middle] == x))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Appends a cut above all others, if there is room. */
static void
add_cut(AeSketch *sketch, double cut)
{
	if (sketch->n_cuts == AE_MAX_CUTS || !isfinite(cut) ||
		(sketch->n_cuts > 0 && cut <= sketch->cut[sketch->n_cuts - 1]))
		return;
	sketch->cut[sketch->n_cuts++] = cut;
}

/* Makes cuts for the quantile q; a frequent value is cut off from those below. */
static void
add_quantile(AeSketch *sketch, const double *values, size_t n, double q, double step)
{
	size_t rank = (size_t) (q * (double) n);
	double value = values[rank < n ? rank : n - 1];
	size_t first = count_below(values, n, value, false);
	size_t end = count_below(values, n, value, true);

	if (first > 0 && (double) (end - first) > ATOM_SHARE * step * (double) n)
		add_cut(sketch, values[first - 1]);
	add_cut(sketch, value);
}

static void
add_cuts(AeSketch *sketch, const double *values, size_t n, bool coarse)
{
	const int n_tail = coarse ? 0 : (int) (sizeof fine_tail / sizeof fine_tail[0]);
	const double step = coarse ? COARSE_STEP : FINE_STEP;
	const int n_steps = (int) (1 / step + 0.5);

	add_cut(sketch, nextafter(values[0], -INFINITY));
	for (int i = 0; i < n_tail; i++)
		add_quantile(sketch, values, n, fine_tail[i], step);
	for (int i = 1; i < n_steps; i++)
		add_quantile(sketch, values, n, i * step, step);
	for (int i = n_tail - 1; i >= 0; i--)
		add_quantile(sketch, values, n, 1 - fine_tail[i], step);
	/* the last cut is at the largest value, even without more room */
	if (sketch->n_cuts == AE_MAX_CUTS)
		sketch->n_cuts--;
	add_cut(sketch, values[n - 1]);
}

void
ae_sketch_fit(AeSketch *sketch, const double *values, size_t n, bool coarse)
{
	size_t below = 0;

	sketch->n_cuts = 0;
	if (n > 0)
		add_cuts(sketch, values, n, coarse);
	sketch->n_bins = sketch->n_cuts + 1;
	for (uint32_t i = 0; i < sketch->n_cuts; i++)
	{
		size_t upto = count_below(values, n, sketch->cut[i], true);

		sketch->count[i] = (uint32_t) (upto - below);
		below = upto;
	}
	sketch->count[sketch->n_cuts] = (uint32_t) (n - below);
}

uint32_t
ae_sketch_bin(const AeSketch *sketch, double value)
{
	if (isnan(value))
		return sketch->n_cuts;
	return (uint32_t) count_below(sketch->cut, sketch->n_cuts, value, false);
}

uint32_t
ae_sketch_level(const AeSketch *sketch, double level)
{
	return level >= 0 && level < sketch->n_bins ? (uint32_t) level : sketch->n_bins - 1;
}
