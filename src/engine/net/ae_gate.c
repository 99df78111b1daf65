/*
 * ae_gate.c: thresholds of a code, their pseudo-gradient, and the bookkeeping of units.
 */
#include "ae_gate.h"

#include <string.h>

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
ae_gate_begin(AeGate *gate, size_t n_units, bool averaged)
{
	gate->least_sum = 0;
	gate->n_least = 0;
	gate->n_averaged = averaged ? AE_GATE_WINDOW : 0;
	if (!gate->idle)
		return;
	memset(gate->idle, 0, n_units * sizeof(uint32_t));
	memset(gate->was_on, 0, n_units);
}

void
ae_gate_see(AeGate *gate, const AeReal *h, size_t n_rows, size_t n_units)
{
	for (size_t i = 0; gate->idle && i < n_rows; i++)
		for (size_t j = 0; j < n_units; j++)
			gate->was_on[j] |= h[i * n_units + j] != 0;
}

/* An average over all updates until there are AE_GATE_WINDOW of them, then an exponential one. */
static void
follow(AeGate *gate, AeReal *thresholds, size_t n_units)
{
	double least, share;

	if (gate->n_least == 0)
		return; /* nothing was on */
	gate->n_averaged += gate->n_averaged < AE_GATE_WINDOW;
	share = 1.0 / gate->n_averaged;
	least = (1 - share) * (double) thresholds[0] + share * gate->least_sum / gate->n_least;
	for (size_t j = 0; j < n_units; j++)
		thresholds[j] = (AeReal) least;
	gate->least_sum = 0;
	gate->n_least = 0;
}

void
ae_gate_end_update(AeGate *gate, AeReal *thresholds, size_t n_units)
{
	if (gate->batch_top_k > 0)
		follow(gate, thresholds, n_units);
	for (size_t j = 0; gate->learned && j < n_units; j++)
		thresholds[j] = thresholds[j] < 0 ? 0 : thresholds[j];
	for (size_t j = 0; gate->idle && j < n_units; j++)
	{
		gate->idle[j] = gate->was_on[j] ? 0 : gate->idle[j] + (gate->idle[j] < UINT32_MAX);
		gate->was_on[j] = 0;
	}
}

size_t
ae_gate_n_dead(const AeGate *gate, size_t n_units)
{
	size_t n = 0;

	for (size_t j = 0; gate->idle && j < n_units; j++)
		n += gate->idle[j] >= AE_DEAD_UPDATES;
	return n;
}
