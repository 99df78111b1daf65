/*
 * ae_rng.h: random numbers as a pure function of (seed, stream, counter).
 *
 * Philox4x32-10 has no state to carry, so noise is the same whichever thread draws it, in any order
 * and on any instruction set.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011; known answers from its Random123 distribution.
 */
#ifndef AE_RNG_H
#define AE_RNG_H

#include <stdint.h>

/* What a draw is for: two uses never share numbers. */
typedef enum AeStream
{
	AE_STREAM_INIT = 1,         /* initial weights */
	AE_STREAM_SHUFFLE = 2,      /* order of rows within an epoch */
	AE_STREAM_MASK = 4,         /* cells that are hidden */
	AE_STREAM_NOISE = 3,        /* corruption of inputs */
	AE_STREAM_DROPOUT = 5,      /* hidden units that are dropped */
	AE_STREAM_PROBE = 9,        /* signs of the probes that estimate a contraction */
	AE_STREAM_SALT_PEPPER = 16, /* cells that become their least or largest */
	AE_STREAM_SWAP = 17,        /* columns that become another row's */
	AE_STREAM_TARGET = 18,      /* initial weights of the head of a target */
	AE_STREAM_PCA = 19,         /* the initial subspace of principal components */
	AE_STREAM_SPREAD = 20,      /* initial weights of the head that gives a code's variances */
	AE_STREAM_MASKING = 24,     /* share of a row's cells that are hidden */
	AE_STREAM_ROW = 25,         /* values of rows that are drawn */
	AE_STREAM_ORDER = 26,       /* the order in which they are drawn */
	AE_STREAM_WALK = 27         /* steps of walks, and levels drawn on them */
} AeStream;

/* The source of random numbers for one visit to some rows: the same for the same seed and visit. */
typedef struct AeVisit
{
	uint64_t seed;
	uint64_t number;
} AeVisit;

#define AE_PHILOX_M0 0xD2511F53u
#define AE_PHILOX_M1 0xCD9E8D57u
#define AE_PHILOX_W0 0x9E3779B9u
#define AE_PHILOX_W1 0xBB67AE85u
#define AE_PHILOX_ROUNDS 10

/* out[4] = Philox4x32-10 of the 128-bit counter ctr and the 64-bit key. */
static inline void
ae_philox(uint32_t out[4], const uint32_t ctr[4], uint64_t key)
{
	uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
	uint32_t k0 = (uint32_t) key, k1 = (uint32_t) (key >> 32);

	for (int round = 0; round < AE_PHILOX_ROUNDS; round++)
	{
		uint64_t p0 = (uint64_t) AE_PHILOX_M0 * c0;
		uint64_t p1 = (uint64_t) AE_PHILOX_M1 * c2;

		c0 = (uint32_t) (p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t) p1;
		c2 = (uint32_t) (p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t) p0;
		k0 += AE_PHILOX_W0;
		k1 += AE_PHILOX_W1;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

/* A number in (0, 1) from a random word. */
static inline double
ae_rng_unit(uint32_t word)
{
	return ((double) word + 0.5) * 0x1p-32;
}

/* A sequence of draws from one stream: for initialisation and shuffles. */
typedef struct AeRng
{
	uint64_t seed;
	uint32_t stream;
	uint32_t block; /* a sub-stream, e.g. the epoch or the layer */
	uint64_t counter;
	uint32_t buffer[4];
	int left;
} AeRng;

void ae_rng_init(AeRng *rng, uint64_t seed, AeStream stream, uint32_t block);

/* Uniform on {0 .. bound-1} without bias (Lemire 2019); bound >= 1. */
uint32_t ae_rng_below(AeRng *rng, uint32_t bound);

/* Uniform on [0, 1) with 53 bits. */
double ae_rng_uniform(AeRng *rng);

#endif
