/*
 * ae_pairs.h: how often values of two columns occur together: the loss of wide categories.
 *
 * A category is wide if most of its levels have no input of their own: a network that sees user
 * names as the hundred most frequent ones and `other` cannot say who may use which host.  Counts
 * can.  Of a wide column a and another column b, with N rows that have both, n_a rows of the value
 * of a, which came with T_a different values of b, and n_ab rows of both values:
 *
 *     p(b | a) = (n_ab + (T_a + 1) m_b) / (n_a + T_a + 1),   m_b = (n_b + 1) / (N + 1)
 *
 * so that a value of a that has come with ever new values of b is expected to come with another.
 * The odds that b is the value of some other row are m_b / p(b | a); of both directions the lesser
 * odds count.  The loss of the pair is 2 ln(1 + odds), a deviance, which compares with the squared
 * deviation of a number: 1.4 if the columns are independent, near 0 for values that belong
 * together, and more for two frequent values that never met.
 *
 * A row is scored as if it had not been counted: one is subtracted from the counts of its values if
 * the pair has been seen. So a row of training does not vouch for itself, and for any other row a
 * pair seen once says little anyway. All rows are counted, even if networks are crossed; equal rows
 * are in the same fold, so the other one would know nothing of their pairs.
 *
 * The loss of a wide column is a mean over its pairs with other columns: each wide one has weight
 * 1, all others have 1/2 together (measured).  Numbers take part in steps of half a deviation.  A
 * level that training has not seen costs -2 ln of the probability of a new level, which is T / (N +
 * T) with T levels in N rows, if that is more.
 *
 * Counts are kept in a table with hashes of 16 bits, at places that another hash chooses: a pair
 * that is not in it is mistaken for another one with probability 2^-16. Keys that do not fit into
 * the largest table are not counted, and make their values look varied, not odd.
 *
 * Source: I. H. Witten, T. C. Bell 1991, The zero-frequency problem, method C (the estimate of
 * new values).
 *
 * On the scoring path: no libm but floor, one order of operations.
 */
#ifndef AE_PAIRS_H
#define AE_PAIRS_H

#include "ae_loss.h"
#include "ae_status.h"

#define AE_MAX_PAIR_SLOTS (1u << 20)

/* The table as the model keeps it. */
typedef struct AePairs
{
	uint32_t n_slots;      /* a power of two; 0: no counts */
	const uint32_t *slots; /* hash << 16 | count, rounded to 12 bits; 0: free */
} AePairs;

/* The table while it grows. */
typedef struct AePairCounts
{
	const AeLayout *layout;
	uint32_t n_slots;
	uint32_t n_used;
	uint64_t *hash;
	uint32_t *count;
} AePairCounts;

/* Bytes of the block for ae_pair_counts_init, for n_rows rows. */
AeStatus ae_pair_counts_size(size_t *bytes, const AeLayout *layout, size_t n_rows, AeError *error);

/* layout must outlive the counts. */
void ae_pair_counts_init(AePairCounts *counts, void *block, const AeLayout *layout, size_t n_rows);

/* Counts one row: cells, n_cells. */
void ae_pair_counts_add(AePairCounts *counts, const AeReal *cells);

/* Slots that ae_pairs_pack needs. */
uint32_t ae_pair_counts_slots(const AePairCounts *counts);

/* Packs the table of the counts into slots, which the caller keeps. */
void ae_pairs_pack(AePairs *pairs, uint32_t *slots, const AePairCounts *counts);

/*
 * The loss of a wide category; block: its number in the layout. NaN if its cell is missing.
 */
double ae_pairs_block(const AePairs *pairs, const AeLayout *layout, const AeReal *cells,
					  uint32_t block);

/* Sum over the wide categories of a row that are observed. */
double ae_pairs_row(const AePairs *pairs, const AeLayout *layout, const AeReal *cells);

#endif
