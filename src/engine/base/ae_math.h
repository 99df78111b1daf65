/*
 * ae_math.h: exp, log, tanh, the normal distribution function and their kin,
 * written so that a loop over them becomes vector code and every instruction
 * set computes the same bits.  Knows no array and no instruction set.
 *
 * How the bits are kept: only +, -, *, comparisons, integer operations and
 * fused multiply-adds, which IEEE 754 rounds in one way; every fusing is
 * written out (ae_fma) and the compiler is told to fuse nothing else
 * (-ffp-contract=off).  There is no branch and no table, no call of libm, and
 * no division: a reciprocal by Newton's method takes half the time and is as
 * exact as these functions need.
 *
 * How extremes are kept: comparisons are written so that a NaN fails them and
 * passes through (`x > c ? c : x`, never the reverse).  Results that would be
 * subnormal are zero.
 *
 * Coefficients are minimax fits in the relative error (Lawson's weights), rounded to float one by
 * one with the rest fitted again.  Error bounds are in tests/unit/test_kernel.c.
 *
 * With AE_DOUBLE the same names lead to libm: that build checks gradients.
 */
#ifndef AE_MATH_H
#define AE_MATH_H

#include <string.h>

#include "ae_status.h"

#ifdef AE_DOUBLE

#include <math.h>

static inline double
ae_fma(double a, double b, double c)
{
	return fma(a, b, c);
}

static inline double
ae_sqrt(double x)
{
	return sqrt(x);
}

static inline double
ae_exp(double x)
{
	return exp(x);
}

static inline double
ae_log(double x)
{
	return log(x);
}

static inline double
ae_log_normal(double x)
{
	return log(x);
}

static inline double
ae_log1p(double x)
{
	return log1p(x);
}

static inline double
ae_expm1_negative(double x)
{
	return expm1(x < 0 ? x : 0);
}

static inline double
ae_sigmoid(double z)
{
	return 1.0 / (1.0 + exp(-z));
}

static inline double
ae_softplus_tail(double z)
{
	return log1p(exp(-fabs(z)));
}

static inline double
ae_tanh(double x)
{
	return tanh(x);
}

static inline double
ae_normal_cdf(double z)
{
	return 0.5 * erfc(-z * 0.70710678118654752440);
}

static inline double
ae_gelu(double z)
{
	return (z < -40.0 ? -40.0 : z) * ae_normal_cdf(z);
}

static inline double
ae_gelu_slope(double *slope, double z)
{
	double clamped = z < -40.0 ? -40.0 : (z > 40.0 ? 40.0 : z);

	*slope = ae_normal_cdf(z) + clamped * 0.39894228040143267794 * exp(-0.5 * clamped * clamped);
	return ae_gelu(z);
}

static inline double
ae_silu(double z)
{
	return (z < -800.0 ? -800.0 : z) * ae_sigmoid(z);
}

static inline double
ae_silu_slope(double *slope, double z)
{
	double clamped = z < -800.0 ? -800.0 : (z > 800.0 ? 800.0 : z);
	double s = ae_sigmoid(z);

	*slope = s + s * clamped * ae_sigmoid(-z);
	return ae_silu(z);
}

static inline void
ae_sincos2pi(double *sine, double *cosine, double turns)
{
	*sine = sin(6.28318530717958647693 * turns);
	*cosine = cos(6.28318530717958647693 * turns);
}

#else /* float */

/* Always inlined: a call would keep a loop from becoming vector code. */
#define AE_MATH static inline __attribute__((always_inline))

AE_MATH uint32_t
ae_float_bits(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

AE_MATH float
ae_bits_float(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

#if defined(__x86_64__) && !defined(__FMA__)

/*
 * a b + c, rounded once, without the instruction.  The product is exact in
 * double.  The sum is brought to the nearest double with an odd last bit when
 * it is not exact (the error comes from Knuth's two-sum): such a double rounds
 * to float as the exact sum would.
 *
 * Source: Boldo, Melquiond, "Emulation of a FMA and correctly rounded sums",
 * IEEE Transactions on Computers 57, 2008.
 */
AE_MATH float
ae_fma(float a, float b, float c)
{
	double product = (double) a * (double) b;
	double addend = c;
	double sum = product + addend;
	double part = sum - product;
	double error = (product - (sum - part)) + (addend - part);
	double odd;
	uint64_t bits, error_bits, inexact, away;

	memcpy(&bits, &sum, sizeof(bits));
	memcpy(&error_bits, &error, sizeof(error_bits));
	inexact = ((error_bits << 1) | -(error_bits << 1)) >> 63;
	away = 1 - 2 * ((bits ^ error_bits) >> 63); /* in magnitude: one more, or one less */
	bits += away & -(inexact & ~bits);
	memcpy(&odd, &bits, sizeof(odd));
	sum = error == error ? odd : sum; /* unless the sum is infinite */
	return (float) sum;
}

#else

AE_MATH float
ae_fma(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}

#endif

AE_MATH float
ae_sqrt(float x)
{
	return __builtin_sqrtf(x);
}

/* Adding 1.5 x 2^23 rounds to an integer and leaves it in the last bits. */
#define AE_ROUNDER 12582912.0f

/*
 * exp(x) = (1 + p r) 2^n for x in about [-87, 88.7]: x = n ln 2 + r with |r| <= ln 2 / 2, p a
 * polynomial in r.  The last bits of *n_bits are n.
 */
AE_MATH float
ae_exp_parts(uint32_t *n_bits, float *r_out, float x)
{
	float shifted = ae_fma(x, 0x1.715476p+0f, AE_ROUNDER);
	float n = shifted - AE_ROUNDER;
	float r = ae_fma(n, -0x1.62e4p-1f, x); /* the upper half of ln 2: n times it is exact */
	float p = 0x1.6a4d6p-10f;

	r = ae_fma(n, -0x1.7f7d1cp-20f, r);
	p = ae_fma(p, r, 0x1.12398ep-7f);
	p = ae_fma(p, r, 0x1.5558bp-5f);
	p = ae_fma(p, r, 0x1.555492p-3f);
	p = ae_fma(p, r, 0x1.fffffcp-2f);
	p = ae_fma(p, r, 1.0f);
	*n_bits = ae_float_bits(shifted);
	*r_out = r;
	return p;
}

/* exp(x) = p 2^n as above: returns p. */
AE_MATH float
ae_exp_reduced(uint32_t *n_bits, float x)
{
	float r, p = ae_exp_parts(n_bits, &r, x);

	return ae_fma(p, r, 1.0f);
}

/* exp(x); 0 below -87, infinity above 88.7228. */
AE_MATH float
ae_exp(float x)
{
	uint32_t n_bits;
	float p = ae_exp_reduced(&n_bits, x);

	p = ae_bits_float(ae_float_bits(p) + (n_bits << 23));
	p = x > 0x1.62e42ep+6f ? __builtin_inff() : p;
	p = x < -87.0f ? 0.0f : p;
	return x != x ? x : p;
}

/* exp(x) for x <= 0: fewer cases. */
AE_MATH float
ae_exp_negative(float x)
{
	uint32_t n_bits;
	float p = ae_exp_reduced(&n_bits, x);

	p = p * ae_bits_float((n_bits + 127) << 23);
	return x < -87.0f ? 0.0f : p;
}

/* exp(x) - 1 for x <= 0, without cancellation: 2^n p r + (2^n - 1).  0 above 0. */
AE_MATH float
ae_expm1_negative(float x)
{
	float c = x < -87.0f ? -87.0f : (x > 0.0f ? 0.0f : x);
	uint32_t n_bits;
	float r, p = ae_exp_parts(&n_bits, &r, c);
	float power = ae_bits_float((n_bits + 127) << 23);

	return ae_fma(power, p * r, power - 1.0f);
}

/*
 * 1 / q for q in [1, 2^100]: a start from the bits, within 12 %, then twice the step that cubes
 * the error.
 */
AE_MATH float
ae_reciprocal(float q)
{
	float r = ae_bits_float(0x7ef311c3u - ae_float_bits(q));
	float error = ae_fma(-q, r, 1.0f);

	r = ae_fma(r, ae_fma(error, error, error), r);
	error = ae_fma(-q, r, 1.0f);
	return ae_fma(r, ae_fma(error, error, error), r);
}

/* log(x) for positive normal x. */
AE_MATH float
ae_log_normal(float x)
{
	uint32_t bits = ae_float_bits(x);
	int32_t exponent =
		(int32_t) (bits - 0x3f3504f3u) >> 23; /* the fraction in [sqrt 1/2, sqrt 2) */
	float f = ae_bits_float(bits - ((uint32_t) exponent << 23)) - 1.0f;
	float n = (float) exponent;
	float square = f * f;
	float p = -0x1.38c968p-4f;

	p = ae_fma(p, f, 0x1.055eacp-3f);
	p = ae_fma(p, f, -0x1.0d8246p-3f);
	p = ae_fma(p, f, 0x1.22d93p-3f);
	p = ae_fma(p, f, -0x1.54728ap-3f);
	p = ae_fma(p, f, 0x1.99a01cp-3f);
	p = ae_fma(p, f, -0x1.000226p-2f);
	p = ae_fma(p, f, 0x1.555554p-2f);
	p = ae_fma(p * square, f, n * 0x1.7f7d1cp-20f);
	p = ae_fma(-0.5f, square, p);
	p = p + f;
	return ae_fma(n, 0x1.62e4p-1f, p);
}

/* log(x); -infinity at 0, NaN below. */
AE_MATH float
ae_log(float x)
{
	float scaled = x < 0x1p-126f ? x * 0x1p+32f : x;
	float y = ae_log_normal(scaled);

	y = x < 0x1p-126f ? y - 0x1.62e43p+4f : y; /* 32 log 2 */
	y = x == 0.0f ? -__builtin_inff() : y;
	y = x < 0.0f ? __builtin_nanf("") : y;
	y = x > 0x1.fffffep+127f ? x : y;
	return x != x ? x : y;
}

/* log(1 + x) for x in [0, 1] only. */
AE_MATH float
ae_log1p(float x)
{
	float p = -0x1.b1650ep-9f;

	p = ae_fma(p, x, 0x1.4a24ap-6f);
	p = ae_fma(p, x, -0x1.d78b46p-5f);
	p = ae_fma(p, x, 0x1.b50b32p-4f);
	p = ae_fma(p, x, -0x1.3a597ap-3f);
	p = ae_fma(p, x, 0x1.93510cp-3f);
	p = ae_fma(p, x, -0x1.ff249ep-3f);
	p = ae_fma(p, x, 0x1.554dd4p-2f);
	p = ae_fma(p, x, -0x1.ffffd2p-2f);
	return ae_fma(p * x, x, x);
}

/*
 * sigmoid(|z|) and sigmoid(-|z|): for 1 + exp(-|z|) in [1, 2], a line approximates the reciprocal
 * within 6 %.
 */
AE_MATH float
ae_sigmoid_pair(float *lower, float z)
{
	float e = ae_exp_negative(-__builtin_fabsf(z));
	float q = 1.0f + e;
	float r = ae_fma(q, -0x1.e1e1e2p-2f, 0x1.69696ap+0f);
	float error = ae_fma(-q, r, 1.0f);

	r = ae_fma(r, ae_fma(error, error, error), r);
	error = ae_fma(-q, r, 1.0f);
	r = ae_fma(r, error, r);
	*lower = e * r;
	return r;
}

/* 1 / (1 + exp(-z)) */
AE_MATH float
ae_sigmoid(float z)
{
	float lower, upper = ae_sigmoid_pair(&lower, z);

	return z < 0.0f ? lower : upper;
}

/* log(1 + exp(-|z|)): softplus(z) = max(z, 0) + this. */
AE_MATH float
ae_softplus_tail(float z)
{
	return ae_log1p(ae_exp_negative(-__builtin_fabsf(z)));
}

/* tanh(x) = x P(x^2) / Q(x^2) up to where it is 1 in float. */
AE_MATH float
ae_tanh(float x)
{
	float c = x > 9.02f ? 9.02f : (x < -9.02f ? -9.02f : x);
	float s = c * c;
	float p = 0x1.cbe922p-27f;
	float q = 0x1.a24146p-21f;
	float y;

	p = ae_fma(p, s, 0x1.5a3882p-16f);
	q = ae_fma(q, s, 0x1.58d47ep-12f);
	p = ae_fma(p, s, 0x1.ca6bap-9f);
	q = ae_fma(q, s, 0x1.a816fp-6f);
	p = ae_fma(p, s, 0x1.1213d2p-3f);
	q = ae_fma(q, s, 0x1.de5f36p-2f);
	p = ae_fma(p, s, 1.0f);
	q = ae_fma(q, s, 1.0f);
	y = c * p * ae_reciprocal(q);
	return y > 1.0f ? 1.0f : (y < -1.0f ? -1.0f : y);
}

/*
 * Phi(-a) for a = |z|, as exp(-a^2/2) times Mills' ratio / sqrt(2 pi), the latter rational in a.
 * *gauss receives exp(-a^2/2), *a receives |z|, at most 14: both functions are zero there.
 */
AE_MATH float
ae_normal_tail(float *gauss, float *a, float z)
{
	float c = __builtin_fabsf(z);
	float p = 0x1.09999ap-8f;
	float q = 0x1.4ce03ep-7f;

	c = c > 14.0f ? 14.0f : c;
	q = ae_fma(q, c, 0x1.9cc61p-4f);
	p = ae_fma(p, c, 0x1.4952bp-5f);
	q = ae_fma(q, c, 0x1.dd42aep-2f);
	p = ae_fma(p, c, 0x1.74a0fap-3f);
	q = ae_fma(q, c, 0x1.3278b8p+0f);
	p = ae_fma(p, c, 0x1.bf08aep-2f);
	q = ae_fma(q, c, 0x1.abc686p+0f);
	p = ae_fma(p, c, 0.5f);
	q = ae_fma(q, c, 1.0f);
	*a = c;
	*gauss = ae_exp_negative(-0.5f * (c * c));
	return *gauss * (p * ae_reciprocal(q));
}

/* Phi(z), the normal distribution function. */
AE_MATH float
ae_normal_cdf(float z)
{
	float gauss, a, tail = ae_normal_tail(&gauss, &a, z);

	return z < 0.0f ? tail : 1.0f - tail;
}

/* z Phi(z) */
AE_MATH float
ae_gelu(float z)
{
	return (z < -14.0f ? -14.0f : z) * ae_normal_cdf(z);
}

/* z Phi(z), and *slope = Phi(z) + z phi(z). */
AE_MATH float
ae_gelu_slope(float *slope, float z)
{
	float gauss, a, tail = ae_normal_tail(&gauss, &a, z);
	float cdf = z < 0.0f ? tail : 1.0f - tail;

	*slope = ae_fma(z < 0.0f ? -a : a, gauss * 0x1.988454p-2f, cdf); /* 1 / sqrt(2 pi) */
	return (z < -14.0f ? -14.0f : z) * cdf;
}

/* z sigmoid(z) */
AE_MATH float
ae_silu(float z)
{
	return (z < -100.0f ? -100.0f : z) * ae_sigmoid(z);
}

/* z sigmoid(z), and *slope = s + z s (1 - s). */
AE_MATH float
ae_silu_slope(float *slope, float z)
{
	float lower, upper = ae_sigmoid_pair(&lower, z);
	float s = z < 0.0f ? lower : upper;
	float clamped = z < -100.0f ? -100.0f : z;

	*slope = ae_fma((clamped > 100.0f ? 100.0f : clamped) * lower, upper, s);
	return clamped * s;
}

/* sin(2 pi turns) and cos(2 pi turns), |turns| up to 2^20: an eighth of a turn, then quadrants. */
AE_MATH void
ae_sincos2pi(float *sine, float *cosine, float turns)
{
	float shifted = ae_fma(turns, 4.0f, AE_ROUNDER);
	uint32_t quadrant = ae_float_bits(shifted);
	float r = ae_fma(shifted - AE_ROUNDER, -0.25f, turns);
	float s = r * r;
	float sin_r = -0x1.32e368p+6f;
	float cos_r = 0x1.d4f478p+5f;
	float swapped_sin, swapped_cos;

	sin_r = ae_fma(sin_r, s, 0x1.467f9ap+6f);
	cos_r = ae_fma(cos_r, s, -0x1.55b2b2p+6f);
	sin_r = ae_fma(sin_r, s, -0x1.4abc22p+5f);
	cos_r = ae_fma(cos_r, s, 0x1.03c1bp+6f);
	sin_r = ae_fma(sin_r, s, 0x1.921fb6p+2f) * r;
	cos_r = ae_fma(cos_r, s, -0x1.3bd3ccp+4f);
	cos_r = ae_fma(cos_r, s, 1.0f);
	swapped_sin = (quadrant & 1) ? cos_r : sin_r;
	swapped_cos = (quadrant & 1) ? sin_r : cos_r;
	*sine = ae_bits_float(ae_float_bits(swapped_sin) ^ ((quadrant & 2) << 30));
	*cosine = ae_bits_float(ae_float_bits(swapped_cos) ^ (((quadrant + 1) & 2) << 30));
}

#endif

/* ---- in double, in both builds, for single numbers ---- */

/*
 * ln x for normal x > 0, to within an ulp or two: x = m 2^e with m in [1/sqrt 2, sqrt 2), ln m = 2
 * atanh((m - 1) / (m + 1)) as its series.  Anything else returns NaN.
 */
static inline double
ae_ln(double x)
{
	uint64_t bits;
	int exponent;
	double m, z, z2;
	double sum = 0.0;

	if (!(x >= 0x1p-1022) || !(x <= 0x1.fffffffffffffp+1023))
		return (x - x) / (x - x);
	memcpy(&bits, &x, sizeof bits);
	exponent = (int) (bits >> 52) - 1023;
	bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
	memcpy(&m, &bits, sizeof m);
	if (m > 0x1.6a09e667f3bcdp+0)
	{
		m /= 2.0;
		exponent++;
	}
	z = (m - 1.0) / (m + 1.0);
	z2 = z * z;
	for (int k = 23; k >= 1; k -= 2)
		sum = sum * z2 + 1.0 / k;
	return 2.0 * z * sum + exponent * 0x1.62e42fefa39efp-1;
}

/*
 * e^x, to within a few ulps: x = k ln 2 + r with |r| <= ln 2 / 2, e^r as its series, 2^k by the
 * exponent's bits.  0 below -708, infinity above 709; NaN passes through.
 */
static inline double
ae_e(double x)
{
	uint64_t bits;
	double k, r, power;
	double sum = 1.0;

	if (!(x >= -708.0))
		return x < -708.0 ? 0.0 : x;
	if (x > 709.0)
		return __builtin_inf();
	k = (double) (int) (x * 0x1.71547652b82fep+0 + (x < 0 ? -0.5 : 0.5));
	r = (x - k * 0x1.62e42fefa3800p-1) - k * 0x1.ef35793c76730p-45;
	for (int n = 14; n >= 1; n--)
		sum = 1.0 + sum * r / n;
	bits = (uint64_t) ((int) k + 1023) << 52;
	memcpy(&power, &bits, sizeof power);
	return sum * power;
}

/* log(1 + exp(z)) */
static inline AeReal
ae_softplus(AeReal z)
{
	return (z < 0 ? 0 : z) + ae_softplus_tail(z);
}

/* max(z, z / 100) */
#define AE_LEAK ((AeReal) 0.01)

static inline AeReal
ae_leaky_relu(AeReal z)
{
	return z < 0 ? AE_LEAK * z : z;
}

/* z, or exp(z) - 1 below 0 */
static inline AeReal
ae_elu(AeReal z)
{
	AeReal below = ae_expm1_negative(z);

	return z < 0 ? below : z;
}

/* lambda z, or lambda alpha (exp(z) - 1) below 0; the constants of Klambauer et al., eq. 14. */
#define AE_SELU_LAMBDA ((AeReal) 1.0507009873554804934193349852946)
#define AE_SELU_LAMBDA_ALPHA ((AeReal) 1.7580993408473768599402175208123)

static inline AeReal
ae_selu(AeReal z)
{
	AeReal below = AE_SELU_LAMBDA_ALPHA * ae_expm1_negative(z);

	return z < 0 ? below : AE_SELU_LAMBDA * z;
}

#endif
