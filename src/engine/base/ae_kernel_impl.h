/*
 * ae_kernel_impl.h: the body of every kernel, compiled once per instruction set.
 *
 * The file that includes it defines, before:
 *
 *   AE_KERNELS             the name of its table, e.g. ae_kernels_avx2
 *   AE_KERNELS_NAME        its name as text
 *   Vec, VEC               a vector of VEC elements (a power of two, at most 16), and
 *       vec_zero() vec_set1(a) vec_load(p) vec_store(p, v) vec_add(a, b)
 *       vec_fma(a, b, c)   a b + c, rounded once
 *       vec_load_n(p, n)   the first n < VEC elements, the rest zero and not read
 *       vec_store_n(p, v, n)
 *   Lanes                  eight doubles, and
 *       lanes_zero() lanes_load(p) lanes_load_n(p, n) from AeReal, lanes_add lanes_sub
 *       lanes_mul lanes_store(p, l) to double
 *   TILE_ROWS, TILE_VECS   the tile of `dense` that fills its registers:
 *                          2 TILE_ROWS TILE_VECS accumulators
 *   ROW_PANELS             panels that a single row takes at once
 *
 * `dense` and `double` sums are written in vectors; everything else is loops
 * over blocks of 16 elements that the compiler turns into vectors.
 *
 * The tile: TILE_ROWS rows of x meet TILE_VECS vectors of outputs; both chains
 * (even and odd inputs) of every output stay in registers while the tile walks
 * down its panel, two inputs a turn.  A deep panel, which does not stay in the
 * first-level cache, is better walked twice, first for the even and then for the
 * odd chains, as twice the rows then share each weight that is loaded.
 * All ways give the same bits.
 */
#ifndef AE_KERNEL_IMPL_H
#define AE_KERNEL_IMPL_H

#include "ae_kernel.h"

extern const AeKernels ae_kernels_generic;
#if defined(__x86_64__) && !defined(AE_DOUBLE)
extern const AeKernels ae_kernels_avx2;
extern const AeKernels ae_kernels_avx512;
#endif

#endif

#ifdef AE_KERNELS

#include <string.h>

#include "ae_math.h"
#include "ae_rng.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define VECTORIZE _Pragma("clang loop vectorize(enable)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define VECTORIZE _Pragma("GCC unroll 1") /* unrolled, it would not be recognised as a loop */
#endif

/* Elements that a loop takes at a time; a remainder is padded to it. */
#define BLOCK 16

/* ---- dense ---------------------------------------------------------------------------------- */

/* A panel with at least this many inputs is deep. */
#define DEEP_INPUTS 256

/* Bytes of x that stay in the second-level cache while all panels are applied. */
#define ROW_BLOCK_BYTES ((size_t) 256 * 1024)

/*
 * The vector of weights at w.  A panel of 8 columns is narrower than a vector of
 * 16: the rest of the vector is then left zero.
 */
ALWAYS_INLINE Vec
weights_load(const AeReal *w, const bool narrow)
{
	return narrow ? vec_load_n(w, 8) : vec_load(w);
}

/* y = v + bias for the columns of vector number `at` among n_cols. */
ALWAYS_INLINE void
outputs_store(AeReal *y, Vec v, Vec bias, int at, size_t n_cols)
{
	size_t first = (size_t) at * VEC;

	v = vec_add(v, bias);
	if (n_cols >= first + VEC)
		vec_store(y + first, v);
	else if (n_cols > first)
		vec_store_n(y + first, v, n_cols - first);
}

/* The biases of vector number `at` among n_cols columns. */
ALWAYS_INLINE Vec
bias_load(const AeReal *bias, int at, size_t n_cols)
{
	size_t first = (size_t) at * VEC;

	if (n_cols >= first + VEC)
		return vec_load(bias + first);
	return n_cols > first ? vec_load_n(bias + first, n_cols - first) : vec_zero();
}

/* What a tile works on; w: n_in x stride, the tile's own columns first. */
typedef struct Tile
{
	AeReal *y;
	size_t ldy;
	const AeReal *x;
	size_t ldx;
	const AeReal *w;
	size_t stride;
	const AeReal *bias;
	size_t n_in;
	size_t n_cols; /* that exist: y and bias end there */
} Tile;

/* `rows` x `vecs` vectors of outputs, both chains side by side. */
ALWAYS_INLINE void
tile_run(const Tile *t, const int rows, const int vecs, const bool narrow)
{
	Vec even[TILE_ROWS][TILE_VECS], odd[TILE_ROWS][TILE_VECS], bias[TILE_VECS];
	const AeReal *w = t->w, *x = t->x;
	size_t stride = t->stride, ldx = t->ldx, n_in = t->n_in, k;

	UNROLL
	for (int r = 0; r < rows; r++)
	{
		UNROLL
		for (int v = 0; v < vecs; v++)
			even[r][v] = odd[r][v] = vec_zero();
	}
	for (k = 0; k + 2 <= n_in; k += 2, w += 2 * stride)
	{
		Vec w_even[TILE_VECS], w_odd[TILE_VECS];

		UNROLL
		for (int v = 0; v < vecs; v++)
		{
			w_even[v] = weights_load(w + v * VEC, narrow);
			w_odd[v] = weights_load(w + stride + v * VEC, narrow);
		}
		UNROLL
		for (int r = 0; r < rows; r++)
		{
			Vec x_even = vec_set1(x[r * ldx + k]);
			Vec x_odd = vec_set1(x[r * ldx + k + 1]);

			UNROLL
			for (int v = 0; v < vecs; v++)
			{
				even[r][v] = vec_fma(x_even, w_even[v], even[r][v]);
				odd[r][v] = vec_fma(x_odd, w_odd[v], odd[r][v]);
			}
		}
	}
	if (k < n_in)
	{
		UNROLL
		for (int r = 0; r < rows; r++)
		{
			Vec x_even = vec_set1(x[r * ldx + k]);

			UNROLL
			for (int v = 0; v < vecs; v++)
				even[r][v] = vec_fma(x_even, weights_load(w + v * VEC, narrow), even[r][v]);
		}
	}
	UNROLL
	for (int v = 0; v < vecs; v++)
		bias[v] = bias_load(t->bias, v, t->n_cols);
	UNROLL
	for (int r = 0; r < rows; r++)
	{
		UNROLL
		for (int v = 0; v < vecs; v++)
			outputs_store(t->y + r * t->ldy, vec_add(even[r][v], odd[r][v]), bias[v], v, t->n_cols);
	}
}

/* One chain, from input `first` on, of 2 TILE_ROWS rows. */
ALWAYS_INLINE void
deep_chain(Vec sum[2 * TILE_ROWS][TILE_VECS], const Tile *t, size_t first)
{
	const AeReal *w = t->w + first * t->stride, *x = t->x + first;
	size_t ldx = t->ldx, step = 2 * t->stride;

	UNROLL
	for (int r = 0; r < 2 * TILE_ROWS; r++)
	{
		UNROLL
		for (int v = 0; v < TILE_VECS; v++)
			sum[r][v] = vec_zero();
	}
	for (size_t k = first; k < t->n_in; k += 2, w += step, x += 2)
	{
		Vec weights[TILE_VECS];

		UNROLL
		for (int v = 0; v < TILE_VECS; v++)
			weights[v] = vec_load(w + v * VEC);
		UNROLL
		for (int r = 0; r < 2 * TILE_ROWS; r++)
		{
			Vec input = vec_set1(x[r * ldx]);

			UNROLL
			for (int v = 0; v < TILE_VECS; v++)
				sum[r][v] = vec_fma(input, weights[v], sum[r][v]);
		}
	}
}

/* 2 TILE_ROWS rows x TILE_VECS vectors of outputs, one chain after the other. */
static void
tile_deep(const Tile *t)
{
	Vec odd[2 * TILE_ROWS][TILE_VECS], even[2 * TILE_ROWS][TILE_VECS], bias[TILE_VECS];
	Vec chain[2 * TILE_ROWS][TILE_VECS];

	deep_chain(chain, t, 1);
	memcpy(odd, chain, sizeof(odd));
	deep_chain(even, t, 0);
	for (int v = 0; v < TILE_VECS; v++)
		bias[v] = bias_load(t->bias, v, t->n_cols);
	UNROLL
	for (int r = 0; r < 2 * TILE_ROWS; r++)
	{
		UNROLL
		for (int v = 0; v < TILE_VECS; v++)
			outputs_store(t->y + r * t->ldy, vec_add(even[r][v], odd[r][v]), bias[v], v, t->n_cols);
	}
}

/* All rows against the columns of one tile, of constant shape. */
ALWAYS_INLINE void
tile_rows(Tile t, size_t n_rows, const int vecs, const bool narrow)
{
	if (vecs == TILE_VECS && !narrow && t.n_in >= DEEP_INPUTS)
	{
		for (; n_rows >= 2 * TILE_ROWS; n_rows -= 2 * TILE_ROWS)
		{
			tile_deep(&t);
			t.x += 2 * TILE_ROWS * t.ldx;
			t.y += 2 * TILE_ROWS * t.ldy;
		}
	}
	for (; n_rows >= TILE_ROWS; n_rows -= TILE_ROWS)
	{
		tile_run(&t, TILE_ROWS, vecs, narrow);
		t.x += TILE_ROWS * t.ldx;
		t.y += TILE_ROWS * t.ldy;
	}
	if (TILE_ROWS > 5 && n_rows == 5)
		tile_run(&t, 5, vecs, narrow);
	else if (TILE_ROWS > 4 && n_rows == 4)
		tile_run(&t, 4, vecs, narrow);
	else if (TILE_ROWS > 3 && n_rows == 3)
		tile_run(&t, 3, vecs, narrow);
	else if (TILE_ROWS > 2 && n_rows == 2)
		tile_run(&t, 2, vecs, narrow);
	else if (n_rows == 1)
		tile_run(&t, 1, vecs, narrow);
}

static void
tile_rows_wide(const Tile *t, size_t n_rows)
{
	tile_rows(*t, n_rows, TILE_VECS, false);
}

/* A panel of one vector, or of half of one. */
static void
tile_rows_16(const Tile *t, size_t n_rows)
{
	tile_rows(*t, n_rows, 1, false);
}

static void
tile_rows_8(const Tile *t, size_t n_rows)
{
	tile_rows(*t, n_rows, 1, VEC > 8);
}

/* All rows against one panel: tiles side by side. */
static void
panel_rows(Tile t, size_t n_rows)
{
	size_t n_cols = t.n_cols, step = TILE_VECS * VEC;

	for (size_t col = 0; col < n_cols; col += step)
	{
		t.n_cols = n_cols - col;
		if (VEC >= 8 && t.stride == 8)
			tile_rows_8(&t, n_rows);
		else if (VEC == 16 && t.stride == 16)
			tile_rows_16(&t, n_rows);
		else
			tile_rows_wide(&t, n_rows);
		t.w += step;
		t.bias += step;
		t.y += step;
	}
}

/*
 * One row against `panels` full panels at once: with one alone, its chains would wait for each
 * other.
 */
ALWAYS_INLINE void
row_run(const Tile *t, const int panels)
{
	enum
	{
		VECS = AE_PANEL / VEC
	};
	Vec even[4][VECS], odd[4][VECS];
	const AeReal *x = t->x, *w = t->w;
	size_t size = t->n_in * AE_PANEL, k;

	UNROLL
	for (int p = 0; p < panels; p++)
	{
		UNROLL
		for (int v = 0; v < VECS; v++)
			even[p][v] = odd[p][v] = vec_zero();
	}
	for (k = 0; k + 2 <= t->n_in; k += 2, w += 2 * AE_PANEL)
	{
		Vec x_even = vec_set1(x[k]), x_odd = vec_set1(x[k + 1]);

		UNROLL
		for (int p = 0; p < panels; p++)
		{
			const AeReal *at = w + p * size;

			UNROLL
			for (int v = 0; v < VECS; v++)
			{
				even[p][v] = vec_fma(x_even, vec_load(at + v * VEC), even[p][v]);
				odd[p][v] = vec_fma(x_odd, vec_load(at + AE_PANEL + v * VEC), odd[p][v]);
			}
		}
	}
	UNROLL
	for (int p = 0; p < panels; p++)
	{
		size_t first = (size_t) p * AE_PANEL;

		UNROLL
		for (int v = 0; v < VECS; v++)
		{
			if (k < t->n_in)
				even[p][v] = vec_fma(vec_set1(x[k]), vec_load(w + p * size + v * VEC), even[p][v]);
			outputs_store(t->y + first, vec_add(even[p][v], odd[p][v]),
						  bias_load(t->bias + first, v, t->n_cols - first), v, t->n_cols - first);
		}
	}
}

static void
row_panel(const Tile *t)
{
	row_run(t, 1);
}

static void
row_panels_2(const Tile *t)
{
	row_run(t, 2);
}

static void
row_panels_4(const Tile *t)
{
	row_run(t, 4);
}

/* One row against all panels of 32; returns how many columns they have (the last may be short). */
static size_t
row_wide(Tile t)
{
	size_t n_out = t.n_cols, panel = t.n_in * AE_PANEL;
	size_t n_panels = n_out / AE_PANEL + (n_out % AE_PANEL > AE_PANEL / 2);
	size_t n_wide = n_panels * AE_PANEL;

	while (n_panels > 0)
	{
		size_t taken = 1;

		if (ROW_PANELS >= 4 && n_panels >= 4)
		{
			taken = 4;
			row_panels_4(&t);
		}
		else if (ROW_PANELS >= 2 && n_panels >= 2)
		{
			taken = 2;
			row_panels_2(&t);
		}
		else
			row_panel(&t);
		n_panels -= taken;
		t.w += taken * panel;
		t.y += taken * AE_PANEL;
		t.bias += taken * AE_PANEL;
		t.n_cols -= taken * AE_PANEL < t.n_cols ? taken * AE_PANEL : t.n_cols;
	}
	return n_wide < n_out ? n_wide : n_out;
}

/* Columns of the panel that starts at column `at`. */
static size_t
panel_width(size_t n_out, size_t at)
{
	size_t left = n_out - at;

	return left > 16 ? AE_PANEL : left > 8 ? 16 : 8;
}

static void
dense(AeReal *y, size_t ldy, const AeReal *x, size_t ldx, const AeReal *panels, const AeReal *bias,
	  size_t n_rows, size_t n_in, size_t n_out)
{
	size_t block = ROW_BLOCK_BYTES / sizeof(AeReal) / (n_in ? n_in : 1);
	Tile t = {.ldy = ldy, .ldx = ldx, .n_in = n_in};

	block -= block % (2 * TILE_ROWS);
	block = block < 8 * TILE_ROWS ? 8 * TILE_ROWS : block;
	for (size_t row = 0; row < n_rows; row += block)
	{
		size_t n = n_rows - row < block ? n_rows - row : block;
		size_t col = 0;

		t.x = x + row * ldx;
		if (n == 1)
		{
			t.y = y + row * ldy;
			t.w = panels;
			t.bias = bias;
			t.n_cols = n_out;
			col = row_wide(t);
		}
		for (; col < n_out; col += AE_PANEL)
		{
			t.y = y + row * ldy + col;
			t.w = panels + col * n_in;
			t.bias = bias + col;
			t.stride = panel_width(n_out, col);
			t.n_cols = n_out - col < AE_PANEL ? n_out - col : AE_PANEL;
			panel_rows(t, n);
		}
	}
}

/* ---- small products -------------------------------------------------------------------------- */

/* Narrow vectors gain nothing on BLAS. */
#if VEC >= 8
#define PRODUCT product

/* What a tile of a product works on: C is m x n in rows of ldc, a and b as they are strided. */
typedef struct Part
{
	AeReal *c;
	size_t ldc;
	const AeReal *a;
	size_t a_row, a_col; /* from row to row, from column to column of A */
	const AeReal *b;
	size_t ldb;
	AeReal alpha, beta;
	size_t k;
	size_t n_cols; /* from this tile's first on */
} Part;

/* c = alpha v + beta c, the first n elements. */
ALWAYS_INLINE void
part_store(AeReal *c, Vec v, AeReal alpha, AeReal beta, size_t n)
{
	bool whole = n >= VEC;

	v = vec_fma(vec_set1(alpha), v, vec_zero());
	if (beta != 0)
		v = vec_fma(vec_set1(beta), whole ? vec_load(c) : vec_load_n(c, n), v);
	if (whole)
		vec_store(c, v);
	else
		vec_store_n(c, v, n);
}

/* `rows` rows x TILE_VECS vectors, of which only the last may be cut, where n_cols ends. */
ALWAYS_INLINE void
part_run(const Part *p, const int rows, const int vecs, const bool cut)
{
	Vec sum[2 * TILE_ROWS][TILE_VECS];
	const AeReal *a = p->a, *b = p->b;
	size_t last = p->n_cols - (size_t) (vecs - 1) * VEC;

	UNROLL
	for (int r = 0; r < rows; r++)
	{
		UNROLL
		for (int v = 0; v < vecs; v++)
			sum[r][v] = vec_zero();
	}
	for (size_t k = 0; k < p->k; k++, a += p->a_col, b += p->ldb)
	{
		Vec row[TILE_VECS];

		UNROLL
		for (int v = 0; v < vecs; v++)
			row[v] = cut && v + 1 == vecs ? vec_load_n(b + v * VEC, last) : vec_load(b + v * VEC);
		UNROLL
		for (int r = 0; r < rows; r++)
		{
			Vec x = vec_set1(a[r * p->a_row]);

			UNROLL
			for (int v = 0; v < vecs; v++)
				sum[r][v] = vec_fma(x, row[v], sum[r][v]);
		}
	}
	UNROLL
	for (int r = 0; r < rows; r++)
	{
		UNROLL
		for (int v = 0; v < vecs; v++)
			part_store(p->c + r * p->ldc + v * VEC, sum[r][v], p->alpha, p->beta,
					   cut && v + 1 == vecs ? last : VEC);
	}
}

/* All rows of C against the columns of one tile. */
ALWAYS_INLINE void
part_rows(Part p, size_t m, const int vecs, const bool cut)
{
	for (; m >= 2 * TILE_ROWS; m -= 2 * TILE_ROWS)
	{
		part_run(&p, 2 * TILE_ROWS, vecs, cut);
		p.a += 2 * TILE_ROWS * p.a_row;
		p.c += 2 * TILE_ROWS * p.ldc;
	}
	for (; m >= 2; m -= 2)
	{
		part_run(&p, 2, vecs, cut);
		p.a += 2 * p.a_row;
		p.c += 2 * p.ldc;
	}
	if (m > 0)
		part_run(&p, 1, vecs, cut);
}

static void
part_rows_wide(const Part *p, size_t m)
{
	part_rows(*p, m, TILE_VECS, false);
}

static void
part_rows_wide_cut(const Part *p, size_t m)
{
	part_rows(*p, m, TILE_VECS, true);
}

static void
part_rows_narrow(const Part *p, size_t m)
{
	part_rows(*p, m, 1, false);
}

static void
part_rows_narrow_cut(const Part *p, size_t m)
{
	part_rows(*p, m, 1, true);
}

/* to: n x m = the transpose of from: m x n, whose rows are ld apart. */
static void
turn(AeReal *to, const AeReal *from, size_t ld, size_t m, size_t n)
{
	size_t m4 = m - m % 4, n4 = n - n % 4;

	for (size_t i = 0; i < m4; i += 4)
		for (size_t j = 0; j < n4; j += 4)
		{
			__m128 r0 = _mm_loadu_ps(from + i * ld + j), r1 = _mm_loadu_ps(from + (i + 1) * ld + j);
			__m128 r2 = _mm_loadu_ps(from + (i + 2) * ld + j);
			__m128 r3 = _mm_loadu_ps(from + (i + 3) * ld + j);

			_MM_TRANSPOSE4_PS(r0, r1, r2, r3);
			_mm_storeu_ps(to + j * m + i, r0);
			_mm_storeu_ps(to + (j + 1) * m + i, r1);
			_mm_storeu_ps(to + (j + 2) * m + i, r2);
			_mm_storeu_ps(to + (j + 3) * m + i, r3);
		}
	for (size_t i = 0; i < m; i++)
		for (size_t j = i < m4 ? n4 : 0; j < n; j++)
			to[j * m + i] = from[i * ld + j];
}

static void
product(AeReal *c, size_t ldc, const AeProduct *of)
{
	AeReal turned[AE_SMALL_FACTOR];
	Part p = {.c = c,
			  .ldc = ldc,
			  .a = of->a,
			  .a_row = of->a_turned ? 1 : of->lda,
			  .a_col = of->a_turned ? of->lda : 1,
			  .b = of->b,
			  .ldb = of->ldb,
			  .alpha = of->alpha,
			  .beta = of->beta,
			  .k = of->k};

	if (of->b_turned)
	{
		turn(turned, of->b, of->ldb, of->n, of->k);
		p.b = turned;
		p.ldb = of->n;
	}
	for (size_t left = of->n, step; left > 0; left -= step, p.b += step, p.c += step)
	{
		p.n_cols = left;
		step = left < TILE_VECS * VEC ? left : TILE_VECS * VEC;
		if (step == TILE_VECS * VEC)
			part_rows_wide(&p, of->m);
		else if (step > VEC)
			part_rows_wide_cut(&p, of->m);
		else if (step == VEC)
			part_rows_narrow(&p, of->m);
		else
			part_rows_narrow_cut(&p, of->m);
	}
}

#else
#define PRODUCT NULL
#endif

/* ---- activations ---------------------------------------------------------------------------- */

/* block = the first n elements of p (n <= BLOCK), the rest zero. */
ALWAYS_INLINE void
block_load(AeReal block[BLOCK], const AeReal *p, size_t n)
{
	for (size_t v = 0; v < BLOCK; v += VEC)
	{
		if (n >= v + VEC)
			vec_store(block + v, vec_load(p + v));
		else
			vec_store(block + v, n > v ? vec_load_n(p + v, n - v) : vec_zero());
	}
}

ALWAYS_INLINE void
block_store(AeReal *p, const AeReal block[BLOCK], size_t n)
{
	for (size_t v = 0; v < BLOCK && v < n; v += VEC)
	{
		if (n >= v + VEC)
			vec_store(p + v, vec_load(block + v));
		else
			vec_store_n(p + v, vec_load(block + v), n - v);
	}
}

/* One block of an activation; slope may be NULL. */
ALWAYS_INLINE void
activation_block(const AeActivation act, AeReal *restrict h, AeReal *restrict slope,
				 const AeReal *restrict z)
{
	VECTORIZE
	for (int j = 0; j < BLOCK; j++)
	{
		switch (act)
		{
			case AE_SIGMOID:
				h[j] = ae_sigmoid(z[j]);
				break;
			case AE_TANH:
				h[j] = ae_tanh(z[j]);
				break;
			case AE_RELU:
				h[j] = z[j] < 0 ? 0 : z[j];
				break;
			case AE_GELU:
				h[j] = slope ? ae_gelu_slope(slope + j, z[j]) : ae_gelu(z[j]);
				break;
			case AE_SILU:
				h[j] = slope ? ae_silu_slope(slope + j, z[j]) : ae_silu(z[j]);
				break;
			case AE_LEAKY_RELU:
				h[j] = ae_leaky_relu(z[j]);
				break;
			case AE_ELU:
				h[j] = ae_elu(z[j]);
				break;
			case AE_SELU:
				h[j] = ae_selu(z[j]);
				break;
			case AE_SOFTPLUS:
				h[j] = ae_softplus(z[j]);
				break;
			case AE_IDENTITY:
			default:
				h[j] = z[j];
				break;
		}
	}
}

/*
 * h = act(h + bias) for the first n <= BLOCK of a block; bias and slope may be NULL.  The work is
 * done in arrays of its own, which the compiler knows to be apart.
 */
ALWAYS_INLINE void
activation_part(const AeActivation act, AeReal *h, AeReal *slope, const AeReal *bias, size_t n)
{
	AeReal z[BLOCK], out[BLOCK], out_slope[BLOCK], add[BLOCK];

	block_load(z, h, n);
	if (bias)
	{
		block_load(add, bias, n);
		for (int v = 0; v < BLOCK; v += VEC)
			vec_store(z + v, vec_add(vec_load(z + v), vec_load(add + v)));
	}
	activation_block(act, out, slope ? out_slope : NULL, z);
	block_store(h, out, n);
	if (slope)
		block_store(slope, out_slope, n);
}

/*
 * h = act(h + bias), n elements.  bias may be NULL; else element i has bias[i % period], and
 * bias[period ..] repeats bias[0 ..] for BLOCK elements if i reaches that far.
 */
ALWAYS_INLINE void
activation_run(const AeActivation act, AeReal *h, AeReal *slope, const AeReal *bias, size_t period,
			   size_t n)
{
	size_t at = 0, step = bias ? BLOCK % period : 0, i;

	for (i = 0; i + BLOCK <= n; i += BLOCK)
	{
		activation_part(act, h + i, slope ? slope + i : NULL, bias ? bias + at : NULL, BLOCK);
		at += step;
		at -= at >= period ? period : 0;
	}
	if (i < n)
		activation_part(act, h + i, slope ? slope + i : NULL, bias ? bias + at : NULL, n - i);
}

/*
 * activation_run, compiled for each activation; slope may be NULL, and is left alone if the
 * activation needs none.
 */
ALWAYS_INLINE void
activation_any(AeActivation act, AeReal *h, AeReal *slope, const AeReal *bias, size_t period,
			   size_t n)
{
	switch (act)
	{
		case AE_SIGMOID:
			activation_run(AE_SIGMOID, h, NULL, bias, period, n);
			break;
		case AE_TANH:
			activation_run(AE_TANH, h, NULL, bias, period, n);
			break;
		case AE_RELU:
			activation_run(AE_RELU, h, NULL, bias, period, n);
			break;
		case AE_GELU:
			if (slope)
				activation_run(AE_GELU, h, slope, bias, period, n);
			else
				activation_run(AE_GELU, h, NULL, bias, period, n);
			break;
		case AE_SILU:
			if (slope)
				activation_run(AE_SILU, h, slope, bias, period, n);
			else
				activation_run(AE_SILU, h, NULL, bias, period, n);
			break;
		case AE_LEAKY_RELU:
			activation_run(AE_LEAKY_RELU, h, NULL, bias, period, n);
			break;
		case AE_ELU:
			activation_run(AE_ELU, h, NULL, bias, period, n);
			break;
		case AE_SELU:
			activation_run(AE_SELU, h, NULL, bias, period, n);
			break;
		case AE_SOFTPLUS:
			activation_run(AE_SOFTPLUS, h, NULL, bias, period, n);
			break;
		case AE_IDENTITY:
		default:
			activation_run(AE_IDENTITY, h, NULL, bias, period, n);
			break;
	}
}

static void
activate(AeActivation act, AeReal *h, size_t n)
{
	if (act != AE_IDENTITY)
		activation_any(act, h, NULL, NULL, 0, n);
}

static void
activate_biased(AeActivation act, AeReal *h, AeReal *slope, const AeReal *bias, size_t period,
				size_t n)
{
	activation_any(act, h, slope, bias, period, n);
}

/* Layers of at most so many columns are processed as one row, with the biases repeated. */
#define BIAS_MAX 1024

static void
bias_activate(AeActivation act, AeReal *h, AeReal *slope, const AeReal *bias, size_t n_rows,
			  size_t n_cols, size_t ld)
{
	AeReal cycle[BIAS_MAX + BLOCK];

	if (n_cols == 0)
		return;
	if (ld == n_cols && n_cols <= BIAS_MAX && n_rows > 1)
	{
		memcpy(cycle, bias, n_cols * sizeof(AeReal));
		for (size_t j = n_cols; j < n_cols + BLOCK; j++)
			cycle[j] = cycle[j - n_cols];
		activate_biased(act, h, slope, cycle, n_cols, n_rows * n_cols);
		return;
	}
	for (size_t i = 0; i < n_rows; i++)
		activate_biased(act, h + i * ld, slope ? slope + i * ld : NULL, bias, n_cols, n_cols);
}

/* Rows without a gap between them are one long row. */
static void
join_rows(size_t *n_rows, size_t *n_cols, size_t ld)
{
	if (ld == *n_cols)
	{
		*n_cols *= *n_rows;
		*n_rows = 1;
	}
}

static void
backward_row(AeActivation act, AeReal *restrict d, const AeReal *restrict h,
			 const AeReal *restrict slope, size_t n)
{
	switch (act)
	{
		case AE_SIGMOID:
			for (size_t j = 0; j < n; j++)
				d[j] *= h[j] - h[j] * h[j];
			break;
		case AE_TANH:
			for (size_t j = 0; j < n; j++)
				d[j] *= 1 - h[j] * h[j];
			break;
		case AE_RELU:
			for (size_t j = 0; j < n; j++)
				d[j] = h[j] > 0 ? d[j] : 0;
			break;
		case AE_GELU:
		case AE_SILU:
			for (size_t j = 0; j < n; j++)
				d[j] *= slope[j];
			break;
		case AE_LEAKY_RELU:
			for (size_t j = 0; j < n; j++)
				d[j] *= h[j] > 0 ? 1 : AE_LEAK;
			break;
		case AE_ELU:
			for (size_t j = 0; j < n; j++)
				d[j] *= h[j] < 0 ? h[j] + 1 : 1;
			break;
		case AE_SELU:
			for (size_t j = 0; j < n; j++)
				d[j] *= h[j] < 0 ? h[j] + AE_SELU_LAMBDA_ALPHA : AE_SELU_LAMBDA;
			break;
		case AE_SOFTPLUS:
			for (size_t j = 0; j < n; j++)
				d[j] *= -ae_expm1_negative(-h[j]);
			break;
		case AE_IDENTITY:
		default:
			break;
	}
}

static void
activation_backward(AeActivation act, AeReal *d, const AeReal *h, const AeReal *slope,
					size_t n_rows, size_t n_cols, size_t ld)
{
	join_rows(&n_rows, &n_cols, ld);
	for (size_t i = 0; i < n_rows; i++)
		backward_row(act, d + i * ld, h ? h + i * ld : NULL, slope ? slope + i * ld : NULL, n_cols);
}

/* phi(z) (2 - z^2); 0 far out, where z^2 may overflow. */
ALWAYS_INLINE AeReal
gelu_curve(AeReal z)
{
	AeReal c = z < -14 ? -14 : z > 14 ? 14 : z;

	return (AeReal) 0.398942280401432678 * ae_exp(-c * c / 2) * (2 - c * c);
}

/* With s = sigmoid(z): s (1 - s) (2 + z (1 - 2 s)). */
ALWAYS_INLINE AeReal
silu_curve(AeReal z)
{
	AeReal c = z < -80 ? -80 : z > 80 ? 80 : z;
	AeReal s = ae_sigmoid(c);

	return s * (1 - s) * (2 + c * (1 - 2 * s));
}

/* The curve of elu, which jumps at 0, is 0 there. */
static void
activation_curve(AeActivation act, AeReal *restrict slope, AeReal *restrict curve,
				 const AeReal *restrict h, const AeReal *restrict z, size_t n)
{
	switch (act)
	{
		case AE_SIGMOID:
			for (size_t j = 0; j < n; j++)
			{
				slope[j] = h[j] - h[j] * h[j];
				curve[j] = slope[j] * (1 - 2 * h[j]);
			}
			break;
		case AE_TANH:
			for (size_t j = 0; j < n; j++)
			{
				slope[j] = 1 - h[j] * h[j];
				curve[j] = -2 * h[j] * slope[j];
			}
			break;
		case AE_GELU:
			for (size_t j = 0; j < n; j++)
				curve[j] = gelu_curve(z[j]);
			break;
		case AE_SILU:
			for (size_t j = 0; j < n; j++)
				curve[j] = silu_curve(z[j]);
			break;
		case AE_ELU:
			for (size_t j = 0; j < n; j++)
			{
				slope[j] = h[j] < 0 ? h[j] + 1 : 1;
				curve[j] = h[j] < 0 ? h[j] + 1 : 0;
			}
			break;
		case AE_SOFTPLUS:
			for (size_t j = 0; j < n; j++)
			{
				slope[j] = -ae_expm1_negative(-h[j]);
				curve[j] = slope[j] * (1 - slope[j]);
			}
			break;
		case AE_IDENTITY:
		default:
			for (size_t j = 0; j < n; j++)
			{
				slope[j] = 1;
				curve[j] = 0;
			}
			break;
	}
}

/* ---- errors and losses ---------------------------------------------------------------------- */

ALWAYS_INLINE double
total_of_eight(const double s[8])
{
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static double
lanes_total(Lanes lanes)
{
	double s[8];

	lanes_store(s, lanes);
	return total_of_eight(s);
}

static double
square_error(const AeReal *r, const AeReal *x, size_t n)
{
	Lanes sum = lanes_zero(), e;
	size_t j;

	for (j = 0; j + 8 <= n; j += 8)
	{
		e = lanes_sub(lanes_load(r + j), lanes_load(x + j));
		sum = lanes_add(sum, lanes_mul(e, e));
	}
	if (j < n) /* the padding adds zeros */
	{
		e = lanes_sub(lanes_load_n(r + j, n - j), lanes_load_n(x + j, n - j));
		sum = lanes_add(sum, lanes_mul(e, e));
	}
	return lanes_total(sum);
}

/* |r_j - x_j|, or with huber its square / 2 up to 1 and |r_j - x_j| - 1/2 beyond, in double. */
ALWAYS_INLINE void
distance_block(double *restrict term, const AeReal *restrict r, const AeReal *restrict x,
			   const bool huber)
{
	VECTORIZE
	for (int j = 0; j < BLOCK; j++)
	{
		double e = (double) r[j] - (double) x[j];
		double a = e < 0 ? -e : e;
		double inner = a > 1 ? 1 : a;

		term[j] = huber ? inner * (a - 0.5 * inner) : a;
	}
}

/*
 * term_j = softplus(z_j) - c_j z_j + (t_j - c_j)^2.  The two large parts, max(z, 0) and c z, cancel
 * in double, where their difference is exact except for one rounding.
 */
ALWAYS_INLINE void
cross_entropy_block(double *restrict term, const AeReal *restrict z, const AeReal *restrict t)
{
	VECTORIZE
	for (int j = 0; j < BLOCK; j++)
	{
		AeReal c = t[j] < 0 ? 0 : (t[j] > 1 ? 1 : t[j]);
		double excess = (double) t[j] - (double) c;
		double linear = (double) (z[j] < 0 ? 0 : z[j]) - (double) c * (double) z[j];

		term[j] = ((double) ae_softplus_tail(z[j]) + linear) + excess * excess;
	}
}

typedef enum Term
{
	TERM_ABSOLUTE,
	TERM_HUBER,
	TERM_CROSS_ENTROPY
} Term;

ALWAYS_INLINE void
term_block(const Term kind, double *term, const AeReal *r, const AeReal *x)
{
	if (kind == TERM_CROSS_ENTROPY)
		cross_entropy_block(term, r, x);
	else
		distance_block(term, r, x, kind == TERM_HUBER);
}

/* The sum of terms, element j in lane j % 8. */
ALWAYS_INLINE double
term_sum(const Term kind, const AeReal *r, const AeReal *x, size_t n)
{
	double lanes[8] = {0}, term[BLOCK];
	size_t j;

	for (j = 0; j + BLOCK <= n; j += BLOCK)
	{
		term_block(kind, term, r + j, x + j);
		for (int l = 0; l < 8; l++)
			lanes[l] = (lanes[l] + term[l]) + term[l + 8];
	}
	if (j < n)
	{
		AeReal r_tail[BLOCK], x_tail[BLOCK];

		block_load(r_tail, r + j, n - j);
		block_load(x_tail, x + j, n - j);
		term_block(kind, term, r_tail, x_tail);
		for (size_t l = 0; l < n - j; l++)
			lanes[l % 8] += term[l];
	}
	return total_of_eight(lanes);
}

static double
absolute_error(const AeReal *r, const AeReal *x, size_t n)
{
	return term_sum(TERM_ABSOLUTE, r, x, n);
}

static double
huber_error(const AeReal *r, const AeReal *x, size_t n)
{
	return term_sum(TERM_HUBER, r, x, n);
}

static double
cross_entropy(const AeReal *z, const AeReal *t, size_t n)
{
	return term_sum(TERM_CROSS_ENTROPY, z, t, n);
}

/* e_j = exp(z_j - m), z_j <= m */
ALWAYS_INLINE void
exp_block(AeReal *restrict e, const AeReal *restrict z, AeReal m)
{
	VECTORIZE
	for (int j = 0; j < BLOCK; j++)
		e[j] = ae_exp(z[j] - m);
}

static double
softmax(AeReal *p, const AeReal *z, size_t n)
{
	double lanes[8] = {0}, sum;
	AeReal m = z[0], e[BLOCK], tail[BLOCK];

	for (size_t j = 1; j < n; j++)
		m = z[j] > m ? z[j] : m;
	for (size_t j = 0; j < n; j += BLOCK)
	{
		size_t count = n - j < BLOCK ? n - j : BLOCK;

		block_load(tail, z + j, count);
		exp_block(e, tail, m);
		for (size_t l = 0; l < count; l++)
			lanes[l % 8] += (double) e[l];
		if (p)
			block_store(p + j, e, count);
	}
	sum = total_of_eight(lanes);
	if (p)
	{
		AeReal share = (AeReal) (1.0 / sum);

		for (size_t j = 0; j < n; j++)
			p[j] *= share;
	}
	return (double) m + ae_ln(sum);
}

/* Elements of a loss that are processed twice while they are in the first-level cache. */
#define LOSS_TURN 2048

/* One row, or several without gaps; d may be NULL: the loss alone. */
static double
square_loss_row(AeReal *restrict d, const AeReal *restrict r, const AeReal *restrict x,
				AeReal scale, size_t n)
{
	double sum = 0.0;

	for (size_t at = 0; at < n; at += LOSS_TURN)
	{
		size_t end = n - at < LOSS_TURN ? n : at + LOSS_TURN;

		sum += square_error(r + at, x + at, end - at);
		if (d)
		{
			for (size_t j = at; j < end; j++)
				d[j] = scale * (r[j] - x[j]);
		}
	}
	return sum;
}

static double
square_loss(AeReal *d, const AeReal *r, const AeReal *x, AeReal scale, const AeExtent *extent)
{
	size_t n_rows = extent->n_rows, n_cols = extent->n_cols, ld = extent->ld, ldx = extent->ldx;
	double sum = 0.0;

	if (ld == ldx)
		join_rows(&n_rows, &n_cols, ld);
	for (size_t i = 0; i < n_rows; i++)
		sum += square_loss_row(d ? d + i * ld : NULL, r + i * ld, x + i * ldx, scale, n_cols);
	return sum;
}

static double
absolute_loss(AeReal *d, const AeReal *r, const AeReal *x, AeReal scale, const AeExtent *extent)
{
	size_t n_cols = extent->n_cols, ld = extent->ld;
	double sum = 0.0;

	for (size_t i = 0; i < extent->n_rows; i++, r += ld, x += extent->ldx)
	{
		sum += absolute_error(r, x, n_cols);
		for (size_t j = 0; d && j < n_cols; j++)
			d[i * ld + j] = r[j] > x[j] ? scale : r[j] < x[j] ? -scale : 0;
	}
	return sum;
}

static double
huber_loss(AeReal *d, const AeReal *r, const AeReal *x, AeReal scale, const AeExtent *extent)
{
	size_t n_cols = extent->n_cols, ld = extent->ld;
	double sum = 0.0;

	for (size_t i = 0; i < extent->n_rows; i++, r += ld, x += extent->ldx)
	{
		sum += huber_error(r, x, n_cols);
		for (size_t j = 0; d && j < n_cols; j++)
		{
			AeReal e = r[j] - x[j];

			d[i * ld + j] = scale * (e > 1 ? 1 : e < -1 ? -1 : e);
		}
	}
	return sum;
}

static double
cross_entropy_loss_row(AeReal *restrict d, const AeReal *restrict z, const AeReal *restrict t,
					   AeReal scale, size_t n)
{
	double sum = 0.0;

	for (size_t at = 0; at < n; at += LOSS_TURN)
	{
		size_t end = n - at < LOSS_TURN ? n : at + LOSS_TURN;

		sum += cross_entropy(z + at, t + at, end - at);
		if (d)
		{
			for (size_t j = at; j < end; j++)
			{
				AeReal c = t[j] < 0 ? 0 : (t[j] > 1 ? 1 : t[j]);

				d[j] = scale * (ae_sigmoid(z[j]) - c);
			}
		}
	}
	return sum;
}

static double
cross_entropy_loss(AeReal *d, const AeReal *z, const AeReal *t, AeReal scale,
				   const AeExtent *extent)
{
	size_t n_rows = extent->n_rows, n_cols = extent->n_cols, ld = extent->ld, ldt = extent->ldx;
	double sum = 0.0;

	if (ld == ldt)
		join_rows(&n_rows, &n_cols, ld);
	for (size_t i = 0; i < n_rows; i++)
		sum +=
			cross_entropy_loss_row(d ? d + i * ld : NULL, z + i * ld, t + i * ldt, scale, n_cols);
	return sum;
}

/* ---- sums and updates ----------------------------------------------------------------------- */

/* Four vectors of columns, or one, or a part of one (n < VEC), over all rows. */
ALWAYS_INLINE void
column_sum_part(AeReal *sum, const AeReal *d, bool accumulate, size_t n_rows, size_t ld,
				const int vecs, size_t n)
{
	Vec s[4];

	UNROLL
	for (int v = 0; v < vecs; v++)
		s[v] = !accumulate ? vec_zero() : n ? vec_load_n(sum, n) : vec_load(sum + v * VEC);
	for (size_t i = 0; i < n_rows; i++)
	{
		UNROLL
		for (int v = 0; v < vecs; v++)
			s[v] = vec_add(s[v], n ? vec_load_n(d + i * ld, n) : vec_load(d + i * ld + v * VEC));
	}
	UNROLL
	for (int v = 0; v < vecs; v++)
	{
		if (n)
			vec_store_n(sum, s[v], n);
		else
			vec_store(sum + v * VEC, s[v]);
	}
}

static void
column_sum(AeReal *sum, const AeReal *d, bool accumulate, size_t n_rows, size_t n_cols)
{
	size_t j = 0;

	for (; j + 4 * VEC <= n_cols; j += 4 * VEC)
		column_sum_part(sum + j, d + j, accumulate, n_rows, n_cols, 4, 0);
	for (; j + VEC <= n_cols; j += VEC)
		column_sum_part(sum + j, d + j, accumulate, n_rows, n_cols, 1, 0);
	if (j < n_cols)
		column_sum_part(sum + j, d + j, accumulate, n_rows, n_cols, 1, n_cols - j);
}

static void
adam(AeReal *restrict w, AeReal *restrict m, AeReal *restrict v, const AeReal *restrict g, size_t n,
	 const AeAdamStep *step)
{
	AeAdamStep s = *step;
	AeReal fresh1 = 1 - s.beta1, fresh2 = 1 - s.beta2;

	for (size_t i = 0; i < n; i++)
	{
		AeReal gradient = s.g_scale * g[i];
		AeReal first = s.beta1 * m[i] + fresh1 * gradient;
		AeReal second = s.beta2 * v[i] + fresh2 * (gradient * gradient);

		m[i] = first;
		v[i] = second;
		w[i] = s.keep * w[i] - s.rate * first / (ae_sqrt(second * s.v_scale) + s.epsilon);
	}
}

static void
sgd(AeReal *restrict w, AeReal *restrict velocity, const AeReal *restrict g, size_t n, AeReal rate,
	AeReal momentum, AeReal g_scale)
{
	for (size_t i = 0; i < n; i++)
	{
		velocity[i] = momentum * velocity[i] + g_scale * g[i];
		w[i] -= rate * velocity[i];
	}
}

static double
dot(const AeReal *a, const AeReal *b, size_t n)
{
	Lanes sum = lanes_zero();
	size_t j;

	for (j = 0; j + 8 <= n; j += 8)
		sum = lanes_add(sum, lanes_mul(lanes_load(a + j), lanes_load(b + j)));
	if (j < n)
		sum = lanes_add(sum, lanes_mul(lanes_load_n(a + j, n - j), lanes_load_n(b + j, n - j)));
	return lanes_total(sum);
}

static void
axpy(AeReal *restrict y, AeReal alpha, const AeReal *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += alpha * x[i];
}

/* ---- noise ---------------------------------------------------------------------------------- */

/* Philox of sixteen counters (first + lane, visit, stream), word by word. */
static void
philox_block(uint32_t *restrict w0, uint32_t *restrict w1, uint32_t *restrict w2,
			 uint32_t *restrict w3, uint32_t first, uint64_t key, uint64_t visit, uint32_t stream)
{
	for (uint32_t lane = 0; lane < 16; lane++)
	{
		w0[lane] = first + lane;
		w1[lane] = (uint32_t) visit;
		w2[lane] = (uint32_t) (visit >> 32);
		w3[lane] = stream;
	}
	for (uint32_t round = 0; round < AE_PHILOX_ROUNDS; round++)
	{
		uint32_t k0 = (uint32_t) key + round * AE_PHILOX_W0;
		uint32_t k1 = (uint32_t) (key >> 32) + round * AE_PHILOX_W1;

		VECTORIZE
		for (int lane = 0; lane < 16; lane++)
		{
			uint64_t p0 = (uint64_t) AE_PHILOX_M0 * w0[lane];
			uint64_t p1 = (uint64_t) AE_PHILOX_M1 * w2[lane];

			w0[lane] = (uint32_t) (p1 >> 32) ^ w1[lane] ^ k0;
			w1[lane] = (uint32_t) p1;
			w2[lane] = (uint32_t) (p0 >> 32) ^ w3[lane] ^ k1;
			w3[lane] = (uint32_t) p0;
		}
	}
}

/*
 * Sixteen pairs of normal numbers from sixteen pairs of words: radius from 31 bits, so that it
 * reaches 6.66; angle from all 32, as turns in [-1/2, 1/2).
 *
 * Source: Box, Muller, "A note on the generation of random normal deviates", 1958.
 */
static void
normal_block(AeReal *restrict cosines, AeReal *restrict sines, const uint32_t *restrict radius_word,
			 const uint32_t *restrict angle_word)
{
	VECTORIZE
	for (int lane = 0; lane < 16; lane++)
	{
		AeReal uniform =
			ae_fma((AeReal) (int32_t) (radius_word[lane] >> 1), (AeReal) 0x1p-31, (AeReal) 0x1p-32);
		AeReal turns = (AeReal) (int32_t) angle_word[lane] * (AeReal) 0x1p-32;
		AeReal radius = ae_sqrt(-2 * ae_log_normal(uniform));
		AeReal sine, cosine;

		ae_sincos2pi(&sine, &cosine, turns);
		cosines[lane] = radius * cosine;
		sines[lane] = radius * sine;
	}
}

static void
add_noise(AeReal *y, const AeReal *x, size_t n, AeReal sigma, uint64_t key, uint64_t visit)
{
	for (size_t i = 0; i < n; i += 64)
	{
		uint32_t words[4][16];
		AeReal normal[64];
		size_t left = n - i;

		philox_block(words[0], words[1], words[2], words[3], (uint32_t) (i / 4), key, visit,
					 AE_STREAM_NOISE);
		normal_block(normal, normal + 16, words[0], words[1]);
		normal_block(normal + 32, normal + 48, words[2], words[3]);
		if (left >= 64)
		{
			for (int j = 0; j < 64; j++)
				normal[j] = x[i + j] + sigma * normal[j];
			memcpy(y + i, normal, sizeof(normal));
		}
		else
		{
			for (size_t j = 0; j < left; j++)
				y[i + j] = x[i + j] + sigma * normal[j];
		}
	}
}

static void
drop(AeReal *mask, size_t n, uint32_t below, AeReal kept, uint32_t first, uint64_t key,
	 uint64_t visit)
{
	for (size_t i = 0; i < n; i += 64)
	{
		uint32_t words[4][16];
		size_t left = n - i < 64 ? n - i : 64;
		AeReal drawn[64];

		philox_block(words[0], words[1], words[2], words[3], first + (uint32_t) (i / 4), key, visit,
					 AE_STREAM_DROPOUT);
		for (int j = 0; j < 64; j++)
			drawn[j] = words[j / 16][j % 16] < below ? 0 : kept;
		memcpy(mask + i, drawn, left * sizeof(AeReal));
	}
}

const AeKernels AE_KERNELS = {
	.name = AE_KERNELS_NAME,
	.dense = dense,
	.activate = activate,
	.square_error = square_error,
	.absolute_error = absolute_error,
	.huber_error = huber_error,
	.cross_entropy = cross_entropy,
	.softmax = softmax,
	.axpy = axpy,
	.product = PRODUCT,
	.bias_activate = bias_activate,
	.activation_backward = activation_backward,
	.activation_curve = activation_curve,
	.square_loss = square_loss,
	.absolute_loss = absolute_loss,
	.huber_loss = huber_loss,
	.cross_entropy_loss = cross_entropy_loss,
	.column_sum = column_sum,
	.adam = adam,
	.sgd = sgd,
	.add_noise = add_noise,
	.drop = drop,
	.dot = dot,
};

#endif
