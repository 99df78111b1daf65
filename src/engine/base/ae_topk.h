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

#endif
