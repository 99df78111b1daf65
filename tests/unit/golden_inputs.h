/*
 * golden_inputs.h: numbers that are the same on every machine, and the layer that the golden
 * values of tests/golden/kernels.h were computed on.
 */
#ifndef GOLDEN_INPUTS_H
#define GOLDEN_INPUTS_H

#include <assert.h>

#include "ae_kernel.h"
#include "ae_rng.h"

/* Numbers in about [-scale, scale], the same on every machine. */
static inline void
fill(AeReal *p, size_t n, uint32_t stream, double scale)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t ctr[4] = {(uint32_t) i, 0, 0, stream}, word[4];

		ae_philox(word, ctr, 20240131);
		p[i] = (AeReal) ((double) ((int32_t) word[0] >> 12) * 0x1p-19 * scale);
	}
}

#ifndef AE_DOUBLE

/* Wider than a panel, so that a narrow one follows; both chains of odd length. */
#define GOLDEN_IN 37
#define GOLDEN_OUT 45
#define GOLDEN_PACKED (GOLDEN_IN * 48)

typedef struct GoldenInputs
{
	float x[GOLDEN_IN];
	float w[GOLDEN_IN * GOLDEN_OUT];
	float panels[GOLDEN_PACKED];
	float bias[GOLDEN_OUT];
	float target[GOLDEN_OUT];
} GoldenInputs;

static inline void
golden_inputs(GoldenInputs *in)
{
	assert(ae_kernel_packed_count(GOLDEN_IN, GOLDEN_OUT) == GOLDEN_PACKED);
	fill(in->x, GOLDEN_IN, 101, 2);
	fill(in->w, GOLDEN_IN * GOLDEN_OUT, 102, 1);
	fill(in->bias, GOLDEN_OUT, 103, 1);
	fill(in->target, GOLDEN_OUT, 104, 1.2);
	ae_kernel_pack(in->panels, in->w, GOLDEN_IN, GOLDEN_OUT, NULL);
}

#endif

#endif
