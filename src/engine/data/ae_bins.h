/*
 * ae_bins.h: numbers as levels: finds the bin of a number, and draws values from a bin.
 *
 * A value that many rows share has a bin to itself, a *point*; the others are in *ranges* with
 * equal numbers of rows. A range keeps the quantiles that cut it into parts with equal numbers of
 * rows; draws within a part are uniform. So values that only a few rows had are drawn only by
 * chance.
 *
 * Values keep their *grain*: if all rows had whole numbers, cents or full hours, so do those drawn.
 */
#ifndef AE_BINS_H
#define AE_BINS_H

#include "ae_status.h"

/* The most ranges, which is half of the most points. */
#define AE_MAX_BINS 64

/* The knots of a range: its ends and the quantiles between them. */
#define AE_RANGE_KNOTS 5

typedef struct AeBins
{
	uint32_t n_points;
	uint32_t n_ranges;
	double *numbers; /* n_points, ascending; then n_ranges x AE_RANGE_KNOTS, not descending */
	uint64_t *count; /* n_points + n_ranges: rows of the sample in each */
	double grain;    /* values are multiples of it (exactly of 1 / n if it is 1 / n); 0: they have
					  * none */
} AeBins;

static inline uint32_t
ae_bins_n(const AeBins *bins)
{
	return bins->n_points + bins->n_ranges;
}

/* The length of numbers, and the room it may take with n_ranges. */
static inline size_t
ae_bins_numbers(const AeBins *bins)
{
	return bins->n_points + (size_t) bins->n_ranges * AE_RANGE_KNOTS;
}

static inline size_t
ae_bins_room(uint32_t n_ranges)
{
	return (size_t) n_ranges * (2 + AE_RANGE_KNOTS);
}

static inline size_t
ae_bins_count_room(uint32_t n_ranges)
{
	return (size_t) n_ranges * 3;
}

/* The grains that values may have. */
typedef enum AeGrains
{
	AE_GRAINS_DECIMAL, /* 1,000,000 to 0.000001 */
	AE_GRAINS_TIME     /* days, hours, minutes, seconds and decimal parts of them */
} AeGrains;

/* The quantile of n > 0 ascending numbers at a share, interpolated linearly. */
double ae_quantile(const double *sorted, size_t n, double share);

/*
 * Fits bins to n ascending finite values, which are overwritten: at most 2 n_ranges points and
 * n_ranges ranges, for which numbers and count must have room. A value gets a point if it has more
 * rows than half a range, and at least `least`; no range has fewer than `least` rows. If fewer
 * remain beside the points, they belong to the nearest point.
 */
void ae_bins_fit(AeBins *bins, double *values, size_t n, uint32_t n_ranges, size_t least,
				 AeGrains grains);

/* The bin of a value: its point, the first range that ends at or beyond it, or the nearest bin. */
uint32_t ae_bins_find(const AeBins *bins, double value);

/*
 * The value of a bin below which a share `at`, in [0, 1), of its rows lies, rounded to the grain.
 */
double ae_bins_value(const AeBins *bins, uint32_t bin, double at);

/* The mean over all bins, weighted by their probabilities p[n]; NaN if these are all 0. */
double ae_bins_mean(const AeBins *bins, const AeReal *p);

#endif
