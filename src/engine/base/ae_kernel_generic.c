/*
 * ae_kernel_generic.c: the kernels in plain C, for every CPU and for the double build.  Vectors are
 * the compiler's generic ones of 16 bytes, which it maps to the target's; if there is no
 * instruction for the fused multiply-add, ae_fma emulates it.
 */
#include "ae_kernel_impl.h"
#include "ae_math.h"

#define AE_KERNELS ae_kernels_generic
#define AE_KERNELS_NAME "generic"

typedef AeReal Vec __attribute__((vector_size(16)));
#ifdef AE_DOUBLE
#define VEC 2
#else
#define VEC 4
#endif

#define TILE_ROWS 2
#define TILE_VECS 2
#define ROW_PANELS 1

static inline Vec
vec_set1(AeReal a)
{
	Vec v;

	for (int l = 0; l < VEC; l++)
		v[l] = a;
	return v;
}

static inline Vec
vec_zero(void)
{
	return vec_set1(0);
}

static inline Vec
vec_load(const AeReal *p)
{
	Vec v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
vec_store(AeReal *p, Vec v)
{
	memcpy(p, &v, sizeof(v));
}

static inline Vec
vec_load_n(const AeReal *p, size_t n)
{
	Vec v = vec_zero();

	for (size_t l = 0; l < VEC && l < n; l++)
		v[l] = p[l];
	return v;
}

static inline void
vec_store_n(AeReal *p, Vec v, size_t n)
{
	for (size_t l = 0; l < VEC && l < n; l++)
		p[l] = v[l];
}

static inline Vec
vec_add(Vec a, Vec b)
{
	return a + b;
}

static inline Vec
vec_fma(Vec a, Vec b, Vec c)
{
	Vec v;

	for (int l = 0; l < VEC; l++)
		v[l] = ae_fma(a[l], b[l], c[l]);
	return v;
}

typedef struct Lanes
{
	double l[8];
} Lanes;

static inline Lanes
lanes_zero(void)
{
	return (Lanes){{0}};
}

static inline Lanes
lanes_load_n(const AeReal *p, size_t n)
{
	Lanes lanes = lanes_zero();

	for (size_t l = 0; l < 8 && l < n; l++)
		lanes.l[l] = p[l];
	return lanes;
}

static inline Lanes
lanes_load(const AeReal *p)
{
	Lanes lanes;

	for (int l = 0; l < 8; l++)
		lanes.l[l] = p[l];
	return lanes;
}

static inline Lanes
lanes_add(Lanes a, Lanes b)
{
	for (int l = 0; l < 8; l++)
		a.l[l] += b.l[l];
	return a;
}

static inline Lanes
lanes_sub(Lanes a, Lanes b)
{
	for (int l = 0; l < 8; l++)
		a.l[l] -= b.l[l];
	return a;
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	for (int l = 0; l < 8; l++)
		a.l[l] *= b.l[l];
	return a;
}

static inline void
lanes_store(double *p, Lanes a)
{
	memcpy(p, a.l, sizeof(a.l));
}

#include "ae_kernel_impl.h"
