/*
 * ae_topk.h: keeps the k largest numbers of a row, or of a batch, the same ones everywhere.
 *
 * Sources: Makhzani, Frey, "k-sparse autoencoders", ICLR 2014, algorithm 1; Bussmann, Leask,
 * Nanda, "BatchTopK sparse autoencoders", 2024, section 3.
 */
#ifndef AE_TOPK_H
#define AE_TOPK_H

#include "ae_status.h"

/*
 * h (n numbers) = itself where it is one of the k largest, else 0; of equal numbers the first are
 * kept; NaN counts as the largest, so that what went wrong stays visible.  mask, unless NULL, is 1
 * where h was kept, else 0.  1 <= k <= n.  Integer comparisons alone: every machine keeps the same.
 */
void ae_topk(AeReal *h, AeReal *mask, size_t n, size_t k);

/*
 * The same of all numbers of a batch at once, of which positive ones alone are kept: fewer than k
 * where there are fewer.  Returns how many, and in *least the smallest one kept, which it leaves
 * alone where none is.  n may be 2^32 and more.
 */
size_t ae_topk_batch(AeReal *least, AeReal *h, AeReal *mask, size_t n, size_t k);

/* Which of n numbers is the largest, the first of equal ones; 0 of none. */
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
