/*
 * ae_frequent.c: rows that were very frequent in training.
 */
#include "ae_frequent.h"

bool
ae_frequent_is(uint64_t n_copies, uint64_t n_rows)
{
	return n_copies >= AE_FREQUENT_ROWS &&
		   n_copies >= n_rows / AE_FREQUENT_SHARE + (n_rows % AE_FREQUENT_SHARE != 0);
}

bool
ae_frequent_has(const AeFrequent *frequent, uint64_t key)
{
	for (uint32_t i = 0; i < frequent->n; i++)
		if (frequent->keys[i] == key)
			return true;
	return false;
}
