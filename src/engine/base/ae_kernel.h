/*
 * ae_kernel.h: the loops that take most of the time, one table of them per instruction set, chosen
 * once.
 *
 * Letters: R rows, I inputs, O outputs of a layer, N elements.  Matrices are
 * row-major; `ld` is the distance between rows.
 *
 * The scoring half defines its arithmetic to the bit, so that an index built on
 * one machine is right on another: every output of `dense` is two chains of
 * fused multiply-adds, over the even and over the odd inputs in order, each
 * starting from zero; then even + odd, then + bias.  Functions come from
 * ae_math.h, never from libm.  Sums of errors run in double in eight lanes
 * (element j in lane j % 8, each lane a chain of fused multiply-adds or
 * additions in order), combined as ((0+1)+(2+3))+((4+5)+(6+7)).  Vectors lie
 * across outputs and rows, never across the inputs of one output.
 *
 * The training half promises the same bits on the same machine only.
 */
#ifndef AE_KERNEL_H
#define AE_KERNEL_H

#include "ae_activation.h"
#include "ae_status.h"

/* Weights packed for `dense`: panels of AE_PANEL outputs, the last one narrower (8, 16 or 32). */
#define AE_PANEL 32

/*
 * The constants of one Adam update (Kingma, Ba 2015, algorithm 1, with bias correction folded in).
 */
typedef struct AeAdamStep
{
	AeReal beta1;
	AeReal beta2;
	AeReal rate;    /* learning rate / (1 - beta1^t) */
	AeReal v_scale; /* 1 / (1 - beta2^t) */
	AeReal epsilon;
	AeReal keep;    /* 1 - learning rate * decoupled decay (AdamW, Loshchilov, Hutter 2019), or 1 */
	AeReal g_scale; /* factor on the gradient (clipping), or 1 */
} AeAdamStep;

/* The rows and columns of a loss, and their layout. */
typedef struct AeExtent
{
	size_t n_rows;
	size_t n_cols;
	size_t ld;  /* numbers from row to row, of outputs and of their gradients */
	size_t ldx; /* the same for what outputs are compared with */
} AeExtent;

/*
 * A product C = alpha A B + beta C; A: m x k, B: k x n, rows of lda and ldb numbers.  A factor that is
 * turned lies as its transpose.
 */
typedef struct AeProduct
{
	const AeReal *a, *b;
	size_t lda, ldb;
	bool a_turned, b_turned;
	AeReal alpha, beta;
	size_t m, n, k;
} AeProduct;

/* A small one: multiplications, and numbers of B; by measurement beside OpenBLAS. */
#define AE_SMALL_PRODUCT ((size_t) 262144)
#define AE_SMALL_FACTOR ((size_t) 4096)

typedef struct AeKernels
{
	const char *name; /* "generic", "avx2", "avx512" */

	/* ---- scoring: the same bits in every table ---- */

	/*
	 * y = x W + b.  y: R x O, distance ldy; x: R x I, distance ldx;
	 * panels: from ae_kernel_pack; bias: O.  y must not overlap x.
	 */
	void (*dense)(AeReal *y, size_t ldy, const AeReal *x, size_t ldx, const AeReal *panels,
				  const AeReal *bias, size_t n_rows, size_t n_in, size_t n_out);

	/* h = act(h) in place, N elements. */
	void (*activate)(AeActivation act, AeReal *h, size_t n);

	/* sum_j (r_j - x_j)^2 in double, one row. */
	double (*square_error)(const AeReal *r, const AeReal *x, size_t n);

	/* sum_j |r_j - x_j| in double, one row. */
	double (*absolute_error)(const AeReal *r, const AeReal *x, size_t n);

	/*
	 * sum_j of (r_j - x_j)^2 / 2 where |r_j - x_j| <= 1, else |r_j - x_j| - 1/2, in double, one
	 * row. Source: Huber, "Robust estimation of a location parameter", 1964, with k = 1.
	 */
	double (*huber_error)(const AeReal *r, const AeReal *x, size_t n);

	/*
	 * sum_j softplus(z_j) - c_j z_j + (t_j - c_j)^2 in double, one row, z logits,
	 * c_j = t_j clamped to [0, 1]: a target outside the range costs its squared excess.
	 */
	double (*cross_entropy)(const AeReal *z, const AeReal *t, size_t n);

	/*
	 * log sum_j exp(z_j) in double, one row, n >= 1: with m = max z, m + log of the sum of
	 * exp(z_j - m), the exponentials in AeReal, their sum in eight lanes of double.  With p not
	 * NULL also p_j = exp(z_j - m) / that sum: the softmax.
	 */
	double (*softmax)(AeReal *p, const AeReal *z, size_t n);

	/* y += alpha x, the product rounded before the sum. */
	void (*axpy)(AeReal *y, AeReal alpha, const AeReal *x, size_t n);

	/* ---- training ---- */

	/*
	 * A small product, at up to twice the speed of BLAS, which packs its factors first; NULL where
	 * BLAS is faster.  c: m x n, rows of ldc numbers.
	 */
	void (*product)(AeReal *c, size_t ldc, const AeProduct *of);

	/*
	 * h = act(h + b), R x O in place; where the activation needs it, slope (same
	 * shape) receives act'(h + b), otherwise slope may be NULL.
	 */
	void (*bias_activate)(AeActivation act, AeReal *h, AeReal *slope, const AeReal *bias,
						  size_t n_rows, size_t n_cols, size_t ld);

	/* d *= act', from the output h or from slope; R x O. */
	void (*activation_backward)(AeActivation act, AeReal *d, const AeReal *h, const AeReal *slope,
								size_t n_rows, size_t n_cols, size_t ld);

	/*
	 * curve = act'', N elements, for activations without a kink: for gelu and silu computed from z,
	 * slope being unused; for the others from the output h, slope receiving act' and z being
	 * unused.
	 */
	void (*activation_curve)(AeActivation act, AeReal *slope, AeReal *curve, const AeReal *h,
							 const AeReal *z, size_t n);

	/*
	 * d = scale * (r - x), unless d is NULL; returns sum (r - x)^2 in double; R x O.
	 */
	double (*square_loss)(AeReal *d, const AeReal *r, const AeReal *x, AeReal scale,
						  const AeExtent *extent);

	/*
	 * d = scale * sign(r - x), 0 where they agree, unless d is NULL; returns `absolute_error` over
	 * all; R x O.
	 */
	double (*absolute_loss)(AeReal *d, const AeReal *r, const AeReal *x, AeReal scale,
							const AeExtent *extent);

	/* The same with d = scale * (r - x) clipped to [-1, 1], and `huber_error`. */
	double (*huber_loss)(AeReal *d, const AeReal *r, const AeReal *x, AeReal scale,
						 const AeExtent *extent);

	/*
	 * d = scale * (sigmoid(z) - c), unless d is NULL; returns `cross_entropy` over all; R x O.
	 */
	double (*cross_entropy_loss)(AeReal *d, const AeReal *z, const AeReal *t, AeReal scale,
								 const AeExtent *extent);

	/* sum_j (+)= sum_i d_ij; R x O. */
	void (*column_sum)(AeReal *sum, const AeReal *d, bool accumulate, size_t n_rows, size_t n_cols);

	/* One Adam update of N parameters w with moments m and v. */
	void (*adam)(AeReal *w, AeReal *m, AeReal *v, const AeReal *g, size_t n,
				 const AeAdamStep *step);

	/* velocity = momentum * velocity + g_scale * g; w -= rate * velocity. */
	void (*sgd)(AeReal *w, AeReal *velocity, const AeReal *g, size_t n, AeReal rate,
				AeReal momentum, AeReal g_scale);

	/*
	 * y = x + sigma * normal noise, N elements.  Element i takes its number from
	 * Philox block (i / 64) * 16 + i % 16, word (i % 64) / 16, of the 128-bit
	 * counter (block, low, high of visit, stream) under key: Box-Muller over the
	 * words (0, 1) -> (cos, sin) and (2, 3) -> (cos, sin).
	 */
	void (*add_noise)(AeReal *y, const AeReal *x, size_t n, AeReal sigma, uint64_t key,
					  uint64_t visit);

	/*
	 * mask_i = 0 with probability below / 2^32, else kept, N elements.  Element i takes its number
	 * from Philox block first + (i / 64) * 16 + i % 16, word (i % 64) / 16, of the counter (block,
	 * low, high of visit, AE_STREAM_DROPOUT) under key.
	 */
	void (*drop)(AeReal *mask, size_t n, uint32_t below, AeReal kept, uint32_t first, uint64_t key,
				 uint64_t visit);

	/* sum_i a_i b_i in double, eight lanes. */
	double (*dot)(const AeReal *a, const AeReal *b, size_t n);
} AeKernels;

/* Elements that the packed form of an I x O matrix takes. */
size_t ae_kernel_packed_count(size_t n_in, size_t n_out);

/*
 * panels (ae_kernel_packed_count elements) = w: I x O, row-major, packed; padding is zero.  check
 * may be NULL.
 */
void ae_kernel_pack(AeReal *panels, const AeReal *w, size_t n_in, size_t n_out, AeCheck check);

/* The fastest table that this CPU runs. */
const AeKernels *ae_kernels_best(void);

/* The table of that name, or NULL if it is unknown or the CPU lacks it. */
const AeKernels *ae_kernels_find(const char *name);

#endif
