/*
 * ae_filter.h: which rows a network was trained on, in a few bits per row (Bloom, CACM 13, 1970).
 *
 * In a crossed model the network that did not see a row judges it; a row that neither saw is better
 * judged by both.  The filter tells which is which. It never mistakes a row of training for a new
 * one; a new one that it mistakes for a row of training is judged by one network only.
 *
 * With ten bits per row, 1 % of new rows pass for rows of training. AE_MAX_FILTER words are ten
 * bits for each of 52,428 rows; with more rows each has fewer, and if it would be less than one
 * there is no filter.
 */
#ifndef AE_FILTER_H
#define AE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define AE_MAX_FILTER 8192 /* words of 64 bits: 64 kB */
#define AE_MAX_FILTER_BITS ((uint64_t) AE_MAX_FILTER * 64)

/* The most bits that are set for a row. */
#define AE_MAX_PROBES 7

typedef struct AeFilter
{
	uint32_t n_words;  /* 0: no filter, any row may have been trained on */
	uint32_t n_probes; /* bits set for each row, 1 .. AE_MAX_PROBES; 0 without words */
	uint64_t *words;
} AeFilter;

/* The numbers of words and probes for so many different rows; the caller provides the words. */
AeFilter ae_filter_for(uint64_t n_rows);

/* Adds a row; key: its ae_hash_key with the seed of the model. The words must be 0 at first. */
void ae_filter_add(AeFilter *filter, uint64_t key);

/* Whether the row may have been added; true without words. */
bool ae_filter_has(const AeFilter *filter, uint64_t key);

#endif
