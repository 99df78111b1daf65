/*
 * ae_bins.h: numbers as levels: which bin one is in, and values that are drawn from a bin.
 *
 * A value that many rows share has a bin to itself, a *point*; the others stand in *ranges*, as many
 * rows in each.  Of a range the quantiles are kept that cut it into parts of as many rows; within a
 * part, what is drawn is uniform.  So no value is drawn that only a few rows had, but by chance.
 *
 * Values keep their *grain*: if all rows had whole numbers, cents or full hours, so do those drawn.
 */
#ifndef AE_BINS_H
#define AE_BINS_H

#include "ae_status.h"

/* Ranges at most, and half as many as points. */
#define AE_MAX_BINS 64

/* Of a range: its ends and the quantiles between them. */
#define AE_RANGE_KNOTS 5

typedef struct AeBins
{
	uint32_t n_points;
	uint32_t n_ranges;
	double *numbers; /* n_points, ascending; then n_ranges x AE_RANGE_KNOTS, not descending */
	uint64_t *count; /* n_points + n_ranges: rows of the sample that they were made of */
	double grain;    /* values are multiples of it, of 1 / n where it is 1 / n; 0: of nothing */
} AeBins;

static inline uint32_t
ae_bins_n(const AeBins *bins)
{
	return bins->n_points + bins->n_ranges;
}

/* Numbers that bins have, and the most that n_ranges of them may have. */
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

/* Of what a value may be a multiple. */
typedef enum AeGrains
{
	AE_GRAINS_DECIMAL, /* 1,000,000 to 0.000001 */
	AE_GRAINS_TIME     /* days, hours, minutes, seconds and decimal parts of them */
} AeGrains;

/* The number at a share of n > 0 ascending ones, between neighbours linear. */
double ae_quantile(const double *sorted, size_t n, double share);

/*
 * Bins of n ascending finite values, which are lost: at most 2 n_ranges points and n_ranges ranges,
 * for which numbers and count have room.  A value has a point if half a range would not hold its rows,
 * and `least` rows have it; no range has fewer.  Where values with points leave fewer than that, the
 * rest goes to the nearest point.
 */
void ae_bins_fit(AeBins *bins, double *values, size_t n, uint32_t n_ranges, size_t least,
				 AeGrains grains);

/* The bin of a value: its point, the range that ends at it or beyond it, or the nearest one. */
uint32_t ae_bins_find(const AeBins *bins, double value);

/* A value of a bin, the share `at` (in [0, 1)) of its rows being below it, with the grain. */
double ae_bins_value(const AeBins *bins, uint32_t bin, double at);

/* The mean of all bins, by their probabilities p[n]; NaN where these are all 0. */
double ae_bins_mean(const AeBins *bins, const AeReal *p);

#endif
