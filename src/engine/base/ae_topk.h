/*
 * ae_topk.h: keeps the k largest numbers of a row, or of a batch, the same ones on every machine.
 *
 * Sources: Makhzani, Frey, "k-sparse autoencoders", ICLR 2014, algorithm 1; Bussmann, Leask,
 * Nanda, "BatchTopK sparse autoencoders", 2024, section 3.
 */
#ifndef AE_TOPK_H
#define AE_TOPK_H

#include "ae_status.h"

/*
 * Keeps each of the n numbers of h that is one of the k largest and sets the others to 0. Of equal
 * numbers the first are kept; NaN counts as the largest, so that errors stay visible.  mask, unless
 * NULL, is 1 where h was kept, else 0.  1 <= k <= n.  It uses only integer comparisons, so every
 * machine keeps the same.
 */
void ae_topk(AeReal *h, AeReal *mask, size_t n, size_t k);

/*
 * The same for all numbers of a batch at once, but keeps only positive ones: fewer than k if there
 * are fewer. Returns how many, and the smallest one kept in *least, which is unchanged if there is
 * none. n may be 2^32 or more.
 */
size_t ae_topk_batch(AeReal *least, AeReal *h, AeReal *mask, size_t n, size_t k);

/* The index of the largest of n numbers, the first of equal ones; 0 if n is 0. */
static inline uint32_t
ae_largest(const AeReal *h, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (h[i] > h[best])
			best = i;
	return best;
}

#endif
