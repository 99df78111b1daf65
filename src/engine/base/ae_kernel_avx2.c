/*
 * ae_kernel_avx2.c: the kernels for x86-64 with AVX2 and FMA.  Compiled with
 * -mavx2 -mfma; entered only when ae_kernel.c has found both.
 */
#if defined(__x86_64__) && !defined(AE_DOUBLE)

#include <immintrin.h>

#include "ae_kernel_impl.h"

#define AE_KERNELS ae_kernels_avx2
#define AE_KERNELS_NAME "avx2"

/* 16 registers: 12 accumulators, two weights, an input. */
#define VEC 8
#define TILE_ROWS 3
#define TILE_VECS 2
#define ROW_PANELS 1

typedef __m256 Vec;

#define vec_zero() _mm256_setzero_ps()
#define vec_set1(a) _mm256_set1_ps(a)
#define vec_load(p) _mm256_loadu_ps(p)
#define vec_store(p, v) _mm256_storeu_ps(p, v)
#define vec_add(a, b) _mm256_add_ps(a, b)
#define vec_fma(a, b, c) _mm256_fmadd_ps(a, b, c)

static inline __m256i
mask_n(size_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int) n),
							  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline Vec
vec_load_n(const float *p, size_t n)
{
	return _mm256_maskload_ps(p, mask_n(n));
}

static inline void
vec_store_n(float *p, Vec v, size_t n)
{
	_mm256_maskstore_ps(p, mask_n(n), v);
}

typedef struct Lanes
{
	__m256d low;
	__m256d high;
} Lanes;

static inline Lanes
lanes_from(__m256 v)
{
	return (Lanes){_mm256_cvtps_pd(_mm256_castps256_ps128(v)),
				   _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}

static inline Lanes
lanes_zero(void)
{
	return (Lanes){_mm256_setzero_pd(), _mm256_setzero_pd()};
}

static inline Lanes
lanes_load(const float *p)
{
	return lanes_from(_mm256_loadu_ps(p));
}

static inline Lanes
lanes_load_n(const float *p, size_t n)
{
	return lanes_from(_mm256_maskload_ps(p, mask_n(n)));
}

static inline Lanes
lanes_add(Lanes a, Lanes b)
{
	return (Lanes){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}

static inline Lanes
lanes_sub(Lanes a, Lanes b)
{
	return (Lanes){_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return (Lanes){_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)};
}

static inline void
lanes_store(double *p, Lanes a)
{
	_mm256_storeu_pd(p, a.low);
	_mm256_storeu_pd(p + 4, a.high);
}

#include "ae_kernel_impl.h"

#endif
