/*
 * ae_topk.h: keeps the k largest numbers of a row, the same ones everywhere.
 *
 * Source: Makhzani, Frey, "k-sparse autoencoders", ICLR 2014, algorithm 1.
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

#endif
