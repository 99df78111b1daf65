/*
 * ae_lbfgs.h: limited-memory BFGS for small data, as a state machine that receives the value and
 * gradient at a point and returns the next point.
 *
 * Sources: Nocedal, Wright, Numerical Optimization, 2nd ed., algorithm 7.4
 * (two-loop recursion); Hager, Zhang 2005 (approximate Wolfe conditions, which
 * compare slopes where values no longer differ in floating point).
 */
#ifndef AE_LBFGS_H
#define AE_LBFGS_H

#include "ae_kernel.h"
#include "ae_status.h"

#define AE_LBFGS_PAIRS 16

typedef enum AeLbfgsAnswer
{
	AE_LBFGS_TRY,       /* evaluate x: the line search continues */
	AE_LBFGS_ACCEPTED,  /* an iteration is done; evaluate x, the next trial point */
	AE_LBFGS_CONVERGED, /* no further progress; x is the best point */
	AE_LBFGS_FAILED     /* the very first value is not finite */
} AeLbfgsAnswer;

typedef struct AeLbfgs
{
	const AeKernels *kernels;
	size_t n;
	AeReal *start;             /* n: where the line search began */
	AeReal *start_grad;        /* n */
	AeReal *direction;         /* n */
	AeReal *s[AE_LBFGS_PAIRS]; /* n each: steps, and ... */
	AeReal *y[AE_LBFGS_PAIRS]; /* ... changes of the gradient */
	double rho[AE_LBFGS_PAIRS];
	int n_pairs;
	int newest;
	bool started;
	double first_square; /* squared norm of the first gradient */
	/* the line search along direction: phi(a) = f(start + a direction) */
	double f0, slope0;
	double a, low, slope_low, high, slope_high;
	bool bracketed, high_by_value;
	int n_trials;
} AeLbfgs;

void ae_lbfgs_place(AeLbfgs *lbfgs, AeArena *arena, size_t n, const AeKernels *kernels);
void ae_lbfgs_reset(AeLbfgs *lbfgs);

/* Copies the numbers of another one, but not the addresses of its vectors. */
void ae_lbfgs_resume(AeLbfgs *lbfgs, const AeLbfgs *from);

/*
 * f and grad (n) belong to x (n).  On AE_LBFGS_TRY and AE_LBFGS_ACCEPTED x is
 * overwritten with the next point; after ACCEPTED lbfgs->start holds the accepted
 * one and lbfgs->f0 its value.
 */
AeLbfgsAnswer ae_lbfgs_tell(AeLbfgs *lbfgs, AeReal *x, const AeReal *grad, double f);

#endif
