/*
 * ae_frequent.h: rows so frequent in training that no copy of them is an anomaly.
 *
 * Equal rows are in one fold, so the network that scores them has never seen a pattern that is a
 * large part of the table. Crossing protects against what a network has learnt by heart from a few
 * rows. One row in AE_FREQUENT_SHARE is not such a case: these rows are scored by the network that
 * was trained on them.
 */
#ifndef AE_FREQUENT_H
#define AE_FREQUENT_H

#include <stdbool.h>
#include <stdint.h>

#define AE_FREQUENT_SHARE 20 /* one row in so many */
#define AE_FREQUENT_ROWS 10  /* and at least so many */
#define AE_MAX_FREQUENT AE_FREQUENT_SHARE

typedef struct AeFrequent
{
	uint32_t n;
	uint64_t *keys; /* ascending; ae_hash_key of each row with the seed of the model */
} AeFrequent;

/* Whether n_copies among n_rows, over all folds, are that many. */
bool ae_frequent_is(uint64_t n_copies, uint64_t n_rows);

bool ae_frequent_has(const AeFrequent *frequent, uint64_t key);

#endif
