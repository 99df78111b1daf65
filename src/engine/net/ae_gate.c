/*
 * ae_gate.c: thresholds of a code, their pseudo-gradient, and the bookkeeping of units.
 */
#include "ae_gate.h"

void
ae_gate_apply(AeReal *h, AeReal *mask, const AeReal *thresholds, size_t n_rows, size_t n_units)
{
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
		{
			size_t at = i * n_units + j;
			bool off = h[at] <= thresholds[j]; /* false for NaN */

			h[at] = off ? 0 : h[at];
			if (mask)
				mask[at] = off ? 0 : 1;
		}
}

void
ae_gate_gradient(AeReal *d_thresholds, const AeReal *d, const AeReal *before,
				 const AeReal *thresholds, double weight, size_t n_rows, size_t n_units)
{
	const AeReal half = (AeReal) (AE_JUMP_WIDTH / 2), density = (AeReal) (1 / AE_JUMP_WIDTH);
	const AeReal count = (AeReal) weight;

	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
		{
			size_t at = i * n_units + j;
			AeReal distance = before[at] - thresholds[j];

			if (distance < half && distance > -half)
				d_thresholds[j] -= density * (thresholds[j] * d[at] + count);
		}
}

void
ae_gate_follow(AeReal *thresholds, AeGateAverage *average, size_t n_units)
{
	double least, share;

	if (average->n_least == 0)
		return; /* no unit was on */
	average->n_updates += average->n_updates < AE_GATE_WINDOW;
	share = 1.0 / average->n_updates;
	least = (1 - share) * (double) thresholds[0] + share * average->least_sum / average->n_least;
	for (size_t j = 0; j < n_units; j++)
		thresholds[j] = (AeReal) least;
	average->least_sum = 0;
	average->n_least = 0;
}

void
ae_units_see(AeUnitCounts *counts, const AeReal *h, size_t n_rows, size_t n_units)
{
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
			counts->was_on[j] |= h[i * n_units + j] != 0;
}

void
ae_units_end_update(AeUnitCounts *counts, size_t n_units)
{
	for (size_t j = 0; j < n_units; j++)
	{
		counts->idle[j] = counts->was_on[j] ? 0 : counts->idle[j] + (counts->idle[j] < UINT32_MAX);
		counts->was_on[j] = 0;
	}
}

size_t
ae_units_n_dead(const AeUnitCounts *counts, size_t n_units)
{
	size_t n = 0;

	for (size_t j = 0; j < n_units; j++)
		n += counts->idle[j] >= AE_DEAD_UPDATES;
	return n;
}
