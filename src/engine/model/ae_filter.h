/*
 * ae_filter.h: which rows a network was trained on, in a few bits of each (Bloom, CACM 13, 1970).
 *
 * In a crossed model the network that did not see a row judges it; a row that neither saw is better
 * judged by both.  The filter tells which is which.  It never takes a row of training for a new one;
 * a new one that it takes for a row of training is judged by one network, as every row was before.
 *
 * Ten bits a row let 1 % of new rows pass for rows of training.  AE_MAX_FILTER words are ten bits for
 * 52,428 rows; of more rows each has fewer, and where it would be less than one there is no filter.
 */
#ifndef AE_FILTER_H
#define AE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define AE_MAX_FILTER 8192 /* words of 64 bits: 64 kB */
#define AE_MAX_FILTER_BITS ((uint64_t) AE_MAX_FILTER * 64)

/* Bits that are set for a row, at most. */
#define AE_MAX_PROBES 7

typedef struct AeFilter
{
	uint32_t n_words;  /* 0: none, any row may have been trained on */
	uint32_t n_probes; /* bits of a row, 1 .. AE_MAX_PROBES; 0 without words */
	uint64_t *words;
} AeFilter;

/* Words and probes for so many different rows; where the words are is the caller's. */
AeFilter ae_filter_for(uint64_t n_rows);

/* key: of a row, by ae_hash_key with the seed of the model.  The words are 0 at first. */
void ae_filter_add(AeFilter *filter, uint64_t key);

/* Whether the row may have been added; true without words. */
bool ae_filter_has(const AeFilter *filter, uint64_t key);

#endif
