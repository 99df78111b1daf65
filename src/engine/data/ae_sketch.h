/*
 * ae_sketch.h: what a column looked like in training, counted in bins, so that later rows can be
 * told from those (ae_drift.h).
 *
 * Bins of numbers lie between cuts, (cut[i - 1], cut[i]]: quantiles, dense at both ends.  A value
 * that many rows share has a bin of its own, and the first and the last bin, below and above all
 * values of training, are empty.  Bins of a category are its levels, `other` where there is one,
 * and values of none of them.
 */
#ifndef AE_SKETCH_H
#define AE_SKETCH_H

#include "ae_status.h"

#define AE_MAX_CUTS 64

typedef struct AeSketch
{
	uint32_t n_missing; /* rows where it is NULL */
	uint32_t n_cuts;    /* 0 for categories */
	uint32_t n_bins;    /* n_cuts + 1; of a category: outputs + 1 */
	double *cut;        /* n_cuts, strictly ascending, finite */
	uint32_t *count;    /* n_bins */
} AeSketch;

/*
 * Sketches values[n], ascending and finite.  cut and count have room for AE_MAX_CUTS and one more;
 * coarse: few cuts, for rows of very many values.  n_missing is left alone.
 */
void ae_sketch_fit(AeSketch *sketch, const double *values, size_t n, bool coarse);

/* The bin of a number; NaN is above all. */
uint32_t ae_sketch_bin(const AeSketch *sketch, double value);

/* The bin of a level; negative: none of them. */
uint32_t ae_sketch_level(const AeSketch *sketch, double level);

#endif
