/*
 * ae_filter.c: which rows a network was trained on.
 */
#include "ae_filter.h"

#include "ae_hash.h"

#define BITS_OF_ROW 10

/* The bit that probe number i of a key looks at (Kirsch, Mitzenmacher 2006). */
static uint64_t
bit_of(const AeFilter *filter, uint64_t key, uint32_t i)
{
	return (key + i * (ae_hash_mix(key) | 1)) % ((uint64_t) filter->n_words * 64);
}

AeFilter
ae_filter_for(uint64_t n_rows)
{
	AeFilter filter = {0};
	uint64_t probes;

	if (n_rows == 0 || n_rows > AE_MAX_FILTER_BITS)
		return filter;
	filter.n_words = AE_MAX_FILTER;
	if (n_rows < AE_MAX_FILTER_BITS / BITS_OF_ROW)
		filter.n_words = (uint32_t) ((n_rows * BITS_OF_ROW + 63) / 64);
	/* the best number of probes is ln 2 times the bits per row */
	probes = (uint64_t) filter.n_words * 64 * 7 / (10 * n_rows);
	filter.n_probes = probes < 1 ? 1 : probes > AE_MAX_PROBES ? AE_MAX_PROBES : (uint32_t) probes;
	return filter;
}

void
ae_filter_add(AeFilter *filter, uint64_t key)
{
	for (uint32_t i = 0; i < filter->n_probes; i++)
	{
		uint64_t bit = bit_of(filter, key, i);

		filter->words[bit / 64] |= (uint64_t) 1 << bit % 64;
	}
}

bool
ae_filter_has(const AeFilter *filter, uint64_t key)
{
	for (uint32_t i = 0; i < filter->n_probes; i++)
	{
		uint64_t bit = bit_of(filter, key, i);

		if (!(filter->words[bit / 64] >> bit % 64 & 1))
			return false;
	}
	return true;
}
