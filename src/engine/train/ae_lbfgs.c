/*
 * ae_lbfgs.c: two-loop recursion and a bracketing line search on slopes.
 *
 * A step length a is accepted when (Hager, Zhang 2005, T1 and T2, delta = 0.1,
 * sigma = 0.9)
 *     f(a) <= f(0) + delta a f'(0)          and  f'(a) >= sigma f'(0), or
 *     f(a) <= f(0) + EPSILON |f(0)|         and  (2 delta - 1) f'(0) >= f'(a) >= sigma f'(0).
 * Near a minimum, values agree up to rounding, and only the second form can decide.
 */
#include "ae_lbfgs.h"

#include <math.h>
#include <string.h>

#define DELTA 0.1
#define SIGMA 0.9
#define EPSILON 1e-6   /* about 16 roundings of a float */
#define TOLERANCE 1e-7 /* of the gradient's norm */
#define MAX_TRIALS 40

void
ae_lbfgs_place(AeLbfgs *lbfgs, AeArena *arena, size_t n, const AeKernels *kernels)
{
	memset(lbfgs, 0, sizeof(*lbfgs));
	lbfgs->kernels = kernels;
	lbfgs->n = n;
	lbfgs->start = ae_arena_place(arena, n, sizeof(AeReal));
	lbfgs->start_grad = ae_arena_place(arena, n, sizeof(AeReal));
	lbfgs->direction = ae_arena_place(arena, n, sizeof(AeReal));
	for (int i = 0; i < AE_LBFGS_PAIRS; i++)
	{
		lbfgs->s[i] = ae_arena_place(arena, n, sizeof(AeReal));
		lbfgs->y[i] = ae_arena_place(arena, n, sizeof(AeReal));
	}
}

void
ae_lbfgs_reset(AeLbfgs *lbfgs)
{
	lbfgs->n_pairs = 0;
	lbfgs->newest = -1;
	lbfgs->started = false;
}

void
ae_lbfgs_resume(AeLbfgs *lbfgs, const AeLbfgs *from)
{
	AeLbfgs placed = *lbfgs;

	*lbfgs = *from;
	lbfgs->kernels = placed.kernels;
	lbfgs->start = placed.start;
	lbfgs->start_grad = placed.start_grad;
	lbfgs->direction = placed.direction;
	memcpy(lbfgs->s, placed.s, sizeof(placed.s));
	memcpy(lbfgs->y, placed.y, sizeof(placed.y));
}

/* direction = -H grad, H the inverse Hessian that the pairs imply. */
static void
find_direction(AeLbfgs *lbfgs, const AeReal *grad)
{
	const AeKernels *k = lbfgs->kernels;
	double alpha[AE_LBFGS_PAIRS];
	double gamma = 1;
	size_t n = lbfgs->n;
	AeReal *q = lbfgs->direction;

	memset(q, 0, n * sizeof(AeReal));
	k->axpy(q, -1, grad, n);
	for (int i = 0; i < lbfgs->n_pairs; i++)
	{
		int p = (lbfgs->newest - i + AE_LBFGS_PAIRS) % AE_LBFGS_PAIRS;

		alpha[p] = lbfgs->rho[p] * k->dot(lbfgs->s[p], q, n);
		k->axpy(q, (AeReal) -alpha[p], lbfgs->y[p], n);
	}
	if (lbfgs->n_pairs > 0)
	{
		const AeReal *y = lbfgs->y[lbfgs->newest];

		gamma = 1 / (lbfgs->rho[lbfgs->newest] * k->dot(y, y, n));
	}
	/* q *= gamma */
	k->axpy(q, (AeReal) (gamma - 1), q, n);
	for (int i = lbfgs->n_pairs; i-- > 0;)
	{
		int p = (lbfgs->newest - i + AE_LBFGS_PAIRS) % AE_LBFGS_PAIRS;
		double beta = lbfgs->rho[p] * k->dot(lbfgs->y[p], q, n);

		k->axpy(q, (AeReal) (alpha[p] - beta), lbfgs->s[p], n);
	}
}

/* x = start + a direction */
static void
move(AeLbfgs *lbfgs, AeReal *x)
{
	memcpy(x, lbfgs->start, lbfgs->n * sizeof(AeReal));
	lbfgs->kernels->axpy(x, (AeReal) lbfgs->a, lbfgs->direction, lbfgs->n);
}

/* Begins a line search at x; false if the gradient has vanished compared with the first one. */
static bool
begin_search(AeLbfgs *lbfgs, AeReal *x, const AeReal *grad, double f)
{
	const AeKernels *k = lbfgs->kernels;
	size_t n = lbfgs->n;
	double square = k->dot(grad, grad, n);

	if (lbfgs->n_pairs == 0 && lbfgs->newest < 0)
		lbfgs->first_square = square;
	if (!(square > TOLERANCE * TOLERANCE * lbfgs->first_square))
		return false;
	memcpy(lbfgs->start, x, n * sizeof(AeReal));
	memcpy(lbfgs->start_grad, grad, n * sizeof(AeReal));
	lbfgs->f0 = f;
	find_direction(lbfgs, grad);
	lbfgs->slope0 = k->dot(grad, lbfgs->direction, n);
	if (!(lbfgs->slope0 < 0))
	{
		/* rounding spoiled the pairs: steepest descent */
		lbfgs->n_pairs = 0;
		find_direction(lbfgs, grad);
		lbfgs->slope0 = -square;
	}
	lbfgs->a = lbfgs->n_pairs > 0 ? 1 : fmin(1, 1 / sqrt(square));
	lbfgs->low = 0;
	lbfgs->slope_low = lbfgs->slope0;
	lbfgs->bracketed = false;
	lbfgs->n_trials = 0;
	move(lbfgs, x);
	return true;
}

/* Remembers the step to x if its curvature is clearly positive. */
static void
remember(AeLbfgs *lbfgs, const AeReal *x, const AeReal *grad)
{
	const AeKernels *k = lbfgs->kernels;
	size_t n = lbfgs->n;
	int p = (lbfgs->newest + 1) % AE_LBFGS_PAIRS;
	AeReal *s = lbfgs->s[p], *y = lbfgs->y[p];
	double sy;

	memcpy(s, x, n * sizeof(AeReal));
	k->axpy(s, -1, lbfgs->start, n);
	memcpy(y, grad, n * sizeof(AeReal));
	k->axpy(y, -1, lbfgs->start_grad, n);
	sy = k->dot(s, y, n);
	if (!(sy > 1e-10 * sqrt(k->dot(s, s, n) * k->dot(y, y, n))))
		return;
	lbfgs->rho[p] = 1 / sy;
	lbfgs->newest = p;
	if (lbfgs->n_pairs < AE_LBFGS_PAIRS)
		lbfgs->n_pairs++;
}

static bool
acceptable(const AeLbfgs *lbfgs, double f, double slope)
{
	if (slope < SIGMA * lbfgs->slope0)
		return false;
	if (f <= lbfgs->f0 + DELTA * lbfgs->a * lbfgs->slope0)
		return true;
	return f <= lbfgs->f0 + EPSILON * fabs(lbfgs->f0) && slope <= (2 * DELTA - 1) * lbfgs->slope0;
}

/* The next step length from what the last one showed. */
static void
shrink_or_grow(AeLbfgs *lbfgs, double f, double slope)
{
	bool finite = isfinite(f) && isfinite(slope);
	double width, secant;

	if (!finite || f > lbfgs->f0 + EPSILON * fabs(lbfgs->f0) || slope >= 0)
	{
		lbfgs->high = lbfgs->a;
		lbfgs->slope_high = slope;
		lbfgs->high_by_value = !finite || slope < 0;
		lbfgs->bracketed = true;
	}
	else
	{
		lbfgs->low = lbfgs->a;
		lbfgs->slope_low = slope;
	}
	if (!lbfgs->bracketed)
	{
		lbfgs->a *= 4;
		return;
	}
	width = lbfgs->high - lbfgs->low;
	if (!finite)
		lbfgs->a = lbfgs->low + 0.1 * width;
	else if (lbfgs->high_by_value || lbfgs->n_trials % 3 == 0)
		lbfgs->a = lbfgs->low + 0.5 * width;
	else
	{
		secant = lbfgs->low + width * lbfgs->slope_low / (lbfgs->slope_low - lbfgs->slope_high);
		lbfgs->a = fmin(fmax(secant, lbfgs->low + 0.05 * width), lbfgs->high - 0.05 * width);
	}
}

AeLbfgsAnswer
ae_lbfgs_tell(AeLbfgs *lbfgs, AeReal *x, const AeReal *grad, double f)
{
	double slope;

	if (!lbfgs->started)
	{
		if (!isfinite(f))
			return AE_LBFGS_FAILED;
		lbfgs->started = true;
		return begin_search(lbfgs, x, grad, f) ? AE_LBFGS_TRY : AE_LBFGS_CONVERGED;
	}
	slope = lbfgs->kernels->dot(grad, lbfgs->direction, lbfgs->n);
	if (isfinite(f) && acceptable(lbfgs, f, slope))
	{
		remember(lbfgs, x, grad);
		return begin_search(lbfgs, x, grad, f) ? AE_LBFGS_ACCEPTED : AE_LBFGS_CONVERGED;
	}
	if (++lbfgs->n_trials < MAX_TRIALS)
	{
		shrink_or_grow(lbfgs, f, slope);
		move(lbfgs, x);
		return AE_LBFGS_TRY;
	}
	/* no acceptable point: tries once more along the gradient before it ends */
	memcpy(x, lbfgs->start, lbfgs->n * sizeof(AeReal));
	if (lbfgs->n_pairs == 0)
		return AE_LBFGS_CONVERGED;
	lbfgs->n_pairs = 0;
	/* the pairs are invalid now, so the first can hold the gradient meanwhile */
	memcpy(lbfgs->s[0], lbfgs->start_grad, lbfgs->n * sizeof(AeReal));
	return begin_search(lbfgs, x, lbfgs->s[0], lbfgs->f0) ? AE_LBFGS_TRY : AE_LBFGS_CONVERGED;
}
