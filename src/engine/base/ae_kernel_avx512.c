/*
 * ae_kernel_avx512.c: the kernels for x86-64 with AVX-512 F, DQ, BW and VL.
 * Compiled with these flags; entered only when ae_kernel.c has found all four.
 */
#if defined(__x86_64__) && !defined(AE_DOUBLE)

#include <immintrin.h>

#include "ae_kernel_impl.h"

#define AE_KERNELS ae_kernels_avx512
#define AE_KERNELS_NAME "avx512"

/* 32 registers: 24 accumulators, four weights, two inputs. */
#define VEC 16
#define TILE_ROWS 6
#define TILE_VECS 2
#define ROW_PANELS 4

typedef __m512 Vec;

#define vec_zero() _mm512_setzero_ps()
#define vec_set1(a) _mm512_set1_ps(a)
#define vec_load(p) _mm512_loadu_ps(p)
#define vec_store(p, v) _mm512_storeu_ps(p, v)
#define vec_add(a, b) _mm512_add_ps(a, b)
#define vec_fma(a, b, c) _mm512_fmadd_ps(a, b, c)

static inline Vec
vec_load_n(const float *p, size_t n)
{
	return _mm512_maskz_loadu_ps((__mmask16) ((1u << n) - 1), p);
}

static inline void
vec_store_n(float *p, Vec v, size_t n)
{
	_mm512_mask_storeu_ps(p, (__mmask16) ((1u << n) - 1), v);
}

typedef __m512d Lanes;

#define lanes_zero() _mm512_setzero_pd()
#define lanes_load(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define lanes_add(a, b) _mm512_add_pd(a, b)
#define lanes_sub(a, b) _mm512_sub_pd(a, b)
#define lanes_mul(a, b) _mm512_mul_pd(a, b)
#define lanes_store(p, l) _mm512_storeu_pd(p, l)

static inline Lanes
lanes_load_n(const float *p, size_t n)
{
	return _mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8) ((1u << n) - 1), p));
}

#include "ae_kernel_impl.h"

#endif
