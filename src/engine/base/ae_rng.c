/*
 * ae_rng.c: sequences of draws over Philox4x32-10.
 */
#include "ae_rng.h"

void
ae_rng_init(AeRng *rng, uint64_t seed, AeStream stream, uint32_t block)
{
	rng->seed = seed;
	rng->stream = (uint32_t) stream;
	rng->block = block;
	rng->counter = 0;
	rng->left = 0;
}

static uint32_t
next_word(AeRng *rng)
{
	if (rng->left == 0)
	{
		uint32_t ctr[4] = {(uint32_t) rng->counter, (uint32_t) (rng->counter >> 32), rng->block,
						   rng->stream};

		ae_philox(rng->buffer, ctr, rng->seed);
		rng->counter++;
		rng->left = 4;
	}
	return rng->buffer[4 - rng->left--];
}

uint32_t
ae_rng_below(AeRng *rng, uint32_t bound)
{
	uint64_t product = (uint64_t) next_word(rng) * bound;
	uint32_t low = (uint32_t) product;

	if (low < bound)
	{
		uint32_t floor = (uint32_t) -bound % bound;

		while (low < floor)
		{
			product = (uint64_t) next_word(rng) * bound;
			low = (uint32_t) product;
		}
	}
	return (uint32_t) (product >> 32);
}

double
ae_rng_uniform(AeRng *rng)
{
	uint64_t high = next_word(rng);
	uint64_t low = next_word(rng);

	return (double) ((high << 32 | low) >> 11) * 0x1p-53;
}
