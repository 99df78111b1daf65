/*
 * ae_sketch.h: what a column looked like in training, counted in bins, so that later rows can be
 * compared (ae_drift.h).
 *
 * Bins of numbers lie between cuts, (cut[i - 1], cut[i]]: quantiles, dense at both ends.  A value
 * that many rows share has a bin of its own, and the first and the last bin, below and above all
 * values of training, are empty.  Bins of a category are its levels, `other` if there is one, and
 * one for all other values.
 */
#ifndef AE_SKETCH_H
#define AE_SKETCH_H

#include "ae_status.h"

#define AE_MAX_CUTS 64

typedef struct AeSketch
{
	uint32_t n_missing; /* rows where it is NULL */
	uint32_t n_cuts;    /* 0 for categories */
	uint32_t n_bins;    /* n_cuts + 1; for a category: outputs + 1 */
	double *cut;        /* n_cuts, strictly ascending, finite */
	uint32_t *count;    /* n_bins */
} AeSketch;

/*
 * Sketches values[n], ascending and finite. cut must have room for AE_MAX_CUTS, count for one more;
 * coarse: few cuts, for rows with very many values. Leaves n_missing alone.
 */
void ae_sketch_fit(AeSketch *sketch, const double *values, size_t n, bool coarse);

/* The bin of a number; NaN is above all others. */
uint32_t ae_sketch_bin(const AeSketch *sketch, double value);

/* The bin of a level; a negative one is none of them. */
uint32_t ae_sketch_level(const AeSketch *sketch, double level);

#endif
