/*
 * ae_pursuit.c: sparse codes by FISTA.
 */
#include "ae_pursuit.h"

#include <math.h>
#include <string.h>

/* The gap is computed every so many steps. */
#define CHECK_STEPS 8

/* The parts of scratch. */
enum
{
	AT,       /* n_code: where the gradient is taken */
	NEXT,     /* n_code: the step from there */
	GRADIENT, /* n_code */
	R_CODE,   /* n_out: the residual of the target */
	R_AT,     /* n_out: likewise */
	R_NEXT,   /* n_out: likewise */
	WEIGHTED  /* n_out: weights times one of them */
};

void
ae_pursuit_place(AePursuit *p, AeArena *arena)
{
	p->target = ae_arena_place(arena, p->n_out, sizeof(AeReal));
	p->weight = ae_arena_place(arena, p->n_out, sizeof(AeReal));
	for (int i = AT; i <= WEIGHTED; i++)
		p->scratch[i] = ae_arena_place(arena, i < R_CODE ? p->n_code : p->n_out, sizeof(AeReal));
}

/* Observed outputs of a dense block. */
static uint32_t
observed(const AeReal *cells, const AeBlock *block)
{
	uint32_t n = 0;

	for (uint32_t k = block->first; k < block->first + block->count; k++)
		n += cells[k] == cells[k];
	return n;
}

static void
take_dense(AePursuit *p, const AeReal *cells, const AeBlock *block, double n_columns)
{
	double share = 1 / n_columns / (block->grouped ? observed(cells, block) : 1);

	for (uint32_t k = block->first; k < block->first + block->count; k++)
	{
		bool missing = cells[k] != cells[k];

		p->target[k] = missing ? 0 : cells[k] - p->bias[k];
		p->weight[k] = missing ? 0 : (AeReal) share;
	}
}

static void
take_category(AePursuit *p, AeReal level, const AeBlock *block, double n_columns)
{
	bool known = level >= 0;

	for (uint32_t j = 0; j < block->count; j++)
	{
		uint32_t k = block->first + j;

		p->target[k] = (AeReal) (known && j == (uint32_t) level) - p->bias[k];
		p->weight[k] = known ? (AeReal) (block->weight / n_columns) : 0;
	}
}

void
ae_pursuit_take(AePursuit *p, const AeReal *cells, const AeLayout *layout)
{
	double n_columns = ae_loss_observed(cells, layout);
	uint32_t cell = layout->n_dense;

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];

		if (ae_loss_is_category(block->loss))
			take_category(p, cells[cell++], block, n_columns);
		else
			take_dense(p, cells, block, n_columns);
	}
}

/* r = the residual of the target for a code. */
static void
residual(AeReal *r, const AePursuit *p, const AeReal *code)
{
	memcpy(r, p->target, p->n_out * sizeof(AeReal));
	for (size_t j = 0; j < p->n_code; j++)
		if (code[j] != 0)
			p->kernels->axpy(r, -code[j], p->atoms + j * p->n_out, p->n_out);
}

/* The gradient of E without the sum of |h|, at a code with residual r. */
static void
slope(AePursuit *p, const AeReal *code, const AeReal *r, const AeReal *near)
{
	AeReal *weighted = p->scratch[WEIGHTED], *g = p->scratch[GRADIENT];

	for (size_t k = 0; k < p->n_out; k++)
		weighted[k] = p->weight[k] * r[k];
	for (size_t j = 0; j < p->n_code; j++)
	{
		double pull = near ? p->closeness * ((double) code[j] - (double) near[j]) : 0;

		g[j] = (AeReal) (2 * (pull - p->kernels->dot(p->atoms + j * p->n_out, weighted, p->n_out)));
	}
}

/* The sum of weights times squares of a - b, or of a. */
static double
weighted_square(const AePursuit *p, const AeReal *a, const AeReal *b)
{
	double sum = 0;

	for (size_t k = 0; k < p->n_out; k++)
	{
		double x = (double) a[k] - (b ? (double) b[k] : 0);

		sum += (double) p->weight[k] * x * x;
	}
	return sum;
}

/* E and the gap of a code with residual r; returns whether the gap is small enough. */
static bool
is_optimal(AePursuit *p, const AeReal *code, const AeReal *r, const AeReal *near)
{
	double square = weighted_square(p, r, NULL), zero = weighted_square(p, p->target, NULL);
	double product = 0, norm = 0, steepest = 0, s;

	slope(p, code, r, near);
	for (size_t k = 0; k < p->n_out; k++)
		product += (double) p->weight[k] * (double) r[k] * (double) p->target[k];
	for (size_t j = 0; j < p->n_code; j++)
	{
		double from = near ? (double) near[j] : 0, left = from - (double) code[j];

		square += near ? p->closeness * left * left : 0;
		product += near ? p->closeness * left * from : 0;
		zero += near ? p->closeness * from * from : 0;
		norm += fabs((double) code[j]);
		steepest = fmax(steepest, fabs((double) p->scratch[GRADIENT][j]));
	}
	s = steepest > p->lambda ? p->lambda / steepest : 1;
	/* the best multiple of u within that limit: 2 s u'X - s^2 u'u is largest at u'X / u'u */
	if (s * square > product)
		s = product > 0 ? product / square : 0;
	p->value = square + p->lambda * norm;
	p->gap = p->value - s * (2 * product - s * square);
	return !(p->gap > AE_PURSUIT_GAP * zero);
}

/*
 * next = a step of length 1 / l from `at`; also the difference, as squares and in E's smooth part.
 */
static void
step(AePursuit *p, double l, double *squares, double *bend)
{
	const AeReal *at = p->scratch[AT], *g = p->scratch[GRADIENT];
	AeReal *next = p->scratch[NEXT];
	double sum = 0;

	for (size_t j = 0; j < p->n_code; j++)
	{
		double x = (double) at[j] - (double) g[j] / l, least = p->lambda / l, moved;

		next[j] = (AeReal) (x > least ? x - least : x < -least ? x + least : 0);
		moved = (double) next[j] - (double) at[j];
		sum += moved * moved;
	}
	residual(p->scratch[R_NEXT], p, next);
	*squares = sum;
	*bend = weighted_square(p, p->scratch[R_NEXT], p->scratch[R_AT]) + p->closeness * sum;
}

/* A bound of the change of E's slope: between that along one unit and the sum over all. */
static void
bounds(double *low, double *high, const AePursuit *p)
{
	double most = 0, sum = 0;

	for (size_t j = 0; j < p->n_code; j++)
	{
		double square = weighted_square(p, p->atoms + j * p->n_out, NULL);

		most = fmax(most, square);
		sum += square;
	}
	*low = 2 * (most + p->closeness);
	*high = 2 * (sum + p->closeness);
}

/*
 * A step of a length at which E stays below its bound: *l grows until it does. Differences due to
 * rounding do not count.
 */
static void
sure_step(AePursuit *p, double *l, double high, double rounding)
{
	double squares, bend;

	for (step(p, *l, &squares, &bend);
		 *l < high && bend > 0.5 * *l * squares * (1 + 1e-6) + rounding;
		 step(p, *l, &squares, &bend))
		*l = fmin(1.5 * *l, high);
}

/* at = next + beta (next - code), with its residual; code = next. */
static void
go_on(AePursuit *p, AeReal *code, double beta)
{
	AeReal *at = p->scratch[AT], *next = p->scratch[NEXT];
	AeReal *r = p->scratch[R_CODE], *r_next = p->scratch[R_NEXT];

	for (size_t j = 0; j < p->n_code; j++)
		at[j] = (AeReal) ((double) next[j] + beta * ((double) next[j] - (double) code[j]));
	for (size_t k = 0; k < p->n_out; k++)
		p->scratch[R_AT][k] =
			(AeReal) ((double) r_next[k] + beta * ((double) r_next[k] - (double) r[k]));
	memcpy(code, next, p->n_code * sizeof(AeReal));
	memcpy(r, r_next, p->n_out * sizeof(AeReal));
}

/* Whether the step from code to next goes uphill, by the gradient it used. */
static bool
is_uphill(const AePursuit *p, const AeReal *code)
{
	double sum = 0;

	for (size_t j = 0; j < p->n_code; j++)
		sum += ((double) p->scratch[AT][j] - (double) p->scratch[NEXT][j]) *
			   ((double) p->scratch[NEXT][j] - (double) code[j]);
	return sum > 0;
}

void
ae_pursuit_find(AePursuit *p, AeReal *code, const AeReal *near)
{
	double rounding = AE_PURSUIT_GAP * AE_PURSUIT_GAP * weighted_square(p, p->target, NULL);
	double l, high, t = 1;

	bounds(&l, &high, p);
	if (!(l > 0))
		memset(code, 0, p->n_code * sizeof(AeReal));
	memcpy(p->scratch[AT], code, p->n_code * sizeof(AeReal));
	residual(p->scratch[R_CODE], p, code);
	memcpy(p->scratch[R_AT], p->scratch[R_CODE], p->n_out * sizeof(AeReal));
	p->steps = 0;
	while (!(p->steps % CHECK_STEPS == 0 && is_optimal(p, code, p->scratch[R_CODE], near)) &&
		   p->steps < AE_PURSUIT_STEPS && l > 0)
	{
		double after = 0.5 * (1 + sqrt(1 + 4 * t * t));

		if (p->steps % CHECK_STEPS == 0)
			ae_check(p->check);
		slope(p, p->scratch[AT], p->scratch[R_AT], near);
		sure_step(p, &l, high, rounding);
		if (is_uphill(p, code))
			t = after = 1;
		go_on(p, code, (t - 1) / after);
		t = after;
		p->steps++;
	}
}
