/*
 * ae_hash.h: the hash of a row: it decides the order in which rows are trained on, and in a crossed
 * model which of two networks a row belongs to.  Its values are part of the arithmetic version: the
 * same on every platform, forever.
 *
 * Words w are taken in by h := (h xor w) m; h := h xor (h >> 29), a bijection of h for every w.
 * The end is that of splitmix64 (Steele, Lea, Flood 2014).
 */
#ifndef AE_HASH_H
#define AE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Stands for NULL among the words of a row: a NaN that no number rounds to. */
#define AE_HASH_MISSING 0x7fc00001u

static inline uint64_t
ae_hash_word(uint64_t h, uint64_t w)
{
	h = (h ^ w) * 0xD6E8FEB86659FD93u;
	return h ^ (h >> 29);
}

static inline uint64_t
ae_hash_mix(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
	h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
	return h ^ (h >> 31);
}

/*
 * The hash of n bytes: n, then words of eight bytes, little-endian, the last one padded with zeros.
 */
static inline uint64_t
ae_hash_bytes(const void *bytes, size_t n)
{
	const uint8_t *p = (const uint8_t *) bytes;
	uint64_t h = ae_hash_word(0, n);

	for (size_t at = 0; at < n; at += 8)
	{
		uint64_t w = 0;

		for (size_t i = 0; i < 8 && at + i < n; i++)
			w |= (uint64_t) p[at + i] << (8 * i);
		h = ae_hash_word(h, w);
	}
	return ae_hash_mix(h);
}

/* The hash of n words of 32 bits, two at a time. */
static inline uint64_t
ae_hash_words(const uint32_t *words, size_t n)
{
	uint64_t h = ae_hash_word(0, n);
	size_t i;

	for (i = 0; i + 2 <= n; i += 2)
		h = ae_hash_word(h, words[i] | (uint64_t) words[i + 1] << 32);
	if (i < n)
		h = ae_hash_word(h, words[i]);
	return ae_hash_mix(h);
}

/*
 * The word of a number: its nearest float, so that integer and bigint agree; -0 as 0.  All NaNs are
 * the same: their sign and payload depend on what produced them.
 */
static inline uint32_t
ae_hash_number(double value)
{
	float nearest = (float) value + 0.0f;
	uint32_t bits;

	if (nearest != nearest)
		return 0x7fc00000u;
	memcpy(&bits, &nearest, sizeof bits);
	return bits;
}

/* The key by which rows are ordered: a different order for every seed. */
static inline uint64_t
ae_hash_key(uint64_t hash, uint64_t seed)
{
	return ae_hash_mix(hash + seed * UINT64_C(0x9E3779B97F4A7C15));
}

/* The fold of a row, 0 or 1. */
static inline unsigned
ae_hash_fold(uint64_t hash)
{
	return (unsigned) (ae_hash_mix(hash ^ 0x9E3779B97F4A7C15u) >> 63);
}

#endif
