/*
 * ae_frequent.h: rows that training had so often that no copy of them is an anomaly.
 *
 * Equal rows are in one fold, so that the network that scores them never saw a pattern that is a
 * large part of the table.  Crossing protects from what a network has learnt by heart of a few
 * rows.  One row in AE_FREQUENT_SHARE is no secret that it keeps: such rows are scored by the
 * network that was trained on them.
 */
#ifndef AE_FREQUENT_H
#define AE_FREQUENT_H

#include <stdbool.h>
#include <stdint.h>

#define AE_FREQUENT_SHARE 20 /* one row in so many */
#define AE_FREQUENT_ROWS 10  /* and so many at least */
#define AE_MAX_FREQUENT AE_FREQUENT_SHARE

typedef struct AeFrequent
{
	uint32_t n;
	uint64_t *keys; /* ascending; of rows, by ae_hash_key with the seed of the model */
} AeFrequent;

/* Whether n_copies of n_rows, those of all folds together, are that many. */
bool ae_frequent_is(uint64_t n_copies, uint64_t n_rows);

bool ae_frequent_has(const AeFrequent *frequent, uint64_t key);

#endif
