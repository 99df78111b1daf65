/*
 * Proves: sparse codes are those of hand, of another algorithm and of the conditions of an optimum, the
 * same bits by every instruction set; what is minimised is the loss of a row.
 */
#include "unit_data.h"

#include "ae_pursuit.h"
#include "sample_model.h"

#define MAX_CODE 40
#define MAX_OUT 24
#define TOLERANCE (sizeof(AeReal) == 8 ? 1e-6 : 2e-3)

static char room[1 << 16];

typedef struct Problem
{
	AePursuit pursuit;
	AeLayout layout;
	AeBlock block;
	AeReal atoms[MAX_CODE * MAX_OUT];
	AeReal bias[MAX_OUT];
	AeReal cells[MAX_OUT];
	AeReal near[MAX_CODE];
	AeReal code[MAX_CODE];
} Problem;

/* Of n_out numbers; atoms and cells are the caller's. */
static void
lay_out(Problem *q, size_t n_code, size_t n_out, double lambda, double closeness)
{
	AeArena arena = {.base = ae_arena_align(room)};

	q->block = (AeBlock){.count = (uint32_t) n_out, .loss = AE_LOSS_MSE};
	q->layout = (AeLayout){.n_dense = (uint32_t) n_out,
						   .n_columns = (uint32_t) n_out,
						   .n_blocks = 1,
						   .blocks = &q->block};
	q->pursuit = (AePursuit){.atoms = q->atoms,
							 .bias = q->bias,
							 .n_code = n_code,
							 .n_out = n_out,
							 .lambda = lambda,
							 .closeness = closeness,
							 .kernels = ae_kernels_best()};
	ae_pursuit_place(&q->pursuit, &arena);
	assert_true(arena.used < sizeof room - AE_ALIGN);
}

static void
find(Problem *q)
{
	ae_pursuit_take(&q->pursuit, q->cells, &q->layout);
	ae_pursuit_find(&q->pursuit, q->code, q->pursuit.closeness > 0 ? q->near : NULL);
}

static void
assert_near(double a, double b)
{
	if (!(fabs(a - b) <= TOLERANCE))
		fail_msg("%.9g is not %.9g", a, b);
}

/*
 * Two columns, so that the loss is half the square: G h = D (x - b) - lambda with G = D D'.  With
 * atoms (1, 0) and (.6, .8), x = (1.5, 1), b = (.5, 0) and lambda = .1: h = (.1875, 1.1875).  At lambda = 1
 * only the second is on: .4.  With a closeness of 1/2 to (1, 0): (G + 1) h = (1.9, 1.3).
 */
static void
works_by_hand(void **state)
{
	static Problem q = {.atoms = {1, 0, (AeReal) 0.6, (AeReal) 0.8},
						.bias = {0.5, 0},
						.cells = {1.5, 1},
						.near = {1, 0}};

	(void) state;
	lay_out(&q, 2, 2, 0.1, 0);
	find(&q);
	assert_near(q.code[0], 0.1875);
	assert_near(q.code[1], 1.1875);
	q.code[0] = -5; /* the first guess has no say */
	lay_out(&q, 2, 2, 1, 0);
	find(&q);
	assert_true(q.code[0] == 0);
	assert_near(q.code[1], 0.4);
	assert_near(q.pursuit.value, 0.5 * (0.76 * 0.76 + 0.68 * 0.68) + 0.4);
	lay_out(&q, 2, 2, 1.4001, 0);
	find(&q);
	assert_true(q.code[0] == 0 && q.code[1] == 0);
	lay_out(&q, 2, 2, 0.1, 0.5);
	find(&q);
	assert_near(q.code[0], (1.9 * 2 - 0.6 * 1.3) / (4 - 0.36));
	assert_near(q.code[1], (1.3 * 2 - 0.6 * 1.9) / (4 - 0.36));
	/* of a row with a gap the other column is all: (1 - h1 - .6 h2)^2 + .1 (|h1| + |h2|) */
	q.cells[1] = (AeReal) NAN;
	lay_out(&q, 2, 2, 0.1, 0);
	find(&q);
	assert_near(q.code[0], 0.95);
	assert_near(q.code[1], 0);
	q.cells[0] = (AeReal) NAN;
	find(&q);
	assert_true(q.code[0] == 0 && q.code[1] == 0 && q.pursuit.steps == 0);
}

/* E by coordinate descent in double, one unit after the other. */
static double
other_way(const Problem *q)
{
	const AePursuit *p = &q->pursuit;
	double h[MAX_CODE] = {0}, r[MAX_OUT], value = 0;

	for (size_t k = 0; k < p->n_out; k++)
		r[k] = (double) p->target[k];
	for (int sweep = 0; sweep < 3000; sweep++)
		for (size_t j = 0; j < p->n_code; j++)
		{
			const AeReal *atom = p->atoms + j * p->n_out;
			double square = p->closeness, product = p->closeness * (double) q->near[j], was = h[j];

			for (size_t k = 0; k < p->n_out; k++)
			{
				square += (double) p->weight[k] * (double) atom[k] * (double) atom[k];
				product +=
					(double) p->weight[k] * (double) atom[k] * (r[k] + was * (double) atom[k]);
			}
			h[j] = fmax(fabs(product) - p->lambda / 2, 0) / square * (product < 0 ? -1 : 1);
			for (size_t k = 0; k < p->n_out; k++)
				r[k] -= (h[j] - was) * (double) atom[k];
		}
	for (size_t k = 0; k < p->n_out; k++)
		value += (double) p->weight[k] * r[k] * r[k];
	for (size_t j = 0; j < p->n_code; j++)
		value += p->lambda * fabs(h[j]) +
				 p->closeness * (h[j] - (double) q->near[j]) * (h[j] - (double) q->near[j]);
	return value;
}

static double
zero_value(const AePursuit *p)
{
	double sum = 0;

	for (size_t k = 0; k < p->n_out; k++)
		sum += (double) p->weight[k] * (double) p->target[k] * (double) p->target[k];
	return sum;
}

/* Atoms of any length, more of them than outputs or fewer, gaps, any price. */
static void
draw_problem(Problem *q, Sample *draw, int t)
{
	size_t n_code = 1 + sample_below(draw, MAX_CODE), n_out = 1 + sample_below(draw, MAX_OUT);

	memset(q, 0, sizeof *q);
	for (size_t i = 0; i < n_code * n_out; i++)
		q->atoms[i] = (AeReal) sample_real(draw, -1, 1);
	for (size_t k = 0; k < n_out; k++)
	{
		q->bias[k] = (AeReal) sample_real(draw, -0.3, 0.3);
		q->cells[k] = t % 3 == 1 && k % 4 == 1 ? (AeReal) NAN : (AeReal) sample_real(draw, -2, 2);
	}
	for (size_t j = 0; j < n_code; j++)
	{
		q->near[j] = (AeReal) sample_real(draw, -1, 1);
		q->code[j] = (AeReal) sample_real(draw, -1, 1);
	}
	lay_out(q, n_code, n_out, pow(10, sample_real(draw, -1.5, 0.5)), t % 2 ? 0.05 : 0);
}

static void
reaches_the_optimum(void **state)
{
	static Problem q, again;
	Sample draw = {.seed = 3};

	(void) state;
	for (int t = 0; t < 60; t++)
	{
		double zero, best;

		draw_problem(&q, &draw, t);
		again = q;
		find(&q);
		zero = zero_value(&q.pursuit) +
			   (q.pursuit.closeness > 0 ? q.pursuit.closeness * (double) q.pursuit.n_code : 0);
		best = other_way(&q);
		assert_true(q.pursuit.steps < AE_PURSUIT_STEPS && q.pursuit.gap <= AE_PURSUIT_GAP * zero);
		/* what is missing is no more than the gap */
		if (!(q.pursuit.value - best <= q.pursuit.gap + 1e-6 * zero &&
			  best - q.pursuit.value <= 1e-6 * zero))
			fail_msg("%d: %.9g, the other way %.9g of %g, gap %g after %u steps", t,
					 q.pursuit.value, best, zero, q.pursuit.gap, q.pursuit.steps);
		/* any instruction set gives the same bits */
		again.pursuit.kernels = ae_kernels_find("generic");
		again.pursuit.atoms = again.atoms;
		again.pursuit.bias = again.bias;
		again.layout.blocks = &again.block;
		find(&again);
		assert_memory_equal(q.code, again.code, sizeof q.code);
	}
}

/* What is left of a code, weighted, is the row's loss: of numbers, groups, categories and gaps. */
static void
weighs_as_the_loss(void **state)
{
	static const AeBlock blocks[] = {{0, 3, AE_LOSS_MSE, false, 0, 0, 0},
									 {3, 2, AE_LOSS_MSE, true, 0, 0, 0},
									 {5, 3, AE_LOSS_ONEHOT, true, 1.3, 0, 0},
									 {8, 2, AE_LOSS_ONEHOT, true, 0.7, 0, 0}};
	AeLayout layout = {.n_dense = 5,
					   .n_categories = 2,
					   .n_levels = 5,
					   .n_columns = 6,
					   .n_blocks = 4,
					   .blocks = blocks};
	AeReal outputs[10], scratch[64],
		rows[3][7] = {{1, -2, 0.5, 1, 2, 1, 0},
					  {1, (AeReal) NAN, 0.5, (AeReal) NAN, 2, 2, 1},
					  {1, 2, 3, (AeReal) NAN, (AeReal) NAN, (AeReal) NAN, 1}};
	AeMeasure measure = {&layout, ae_kernels_best(), scratch};
	static Problem q;

	(void) state;
	lay_out(&q, 1, 10, 1, 0);
	assert_true(ae_loss_scratch(&layout) <= 64);
	for (int k = 0; k < 10; k++)
		outputs[k] = (AeReal) sin(k);
	for (int i = 0; i < 3; i++)
	{
		double sum = 0;

		ae_pursuit_take(&q.pursuit, rows[i], &layout);
		for (int k = 0; k < 10; k++)
		{
			double left = (double) q.pursuit.target[k] - (double) outputs[k];

			sum += (double) q.pursuit.weight[k] * left * left;
		}
		assert_near(sum, ae_loss_row(NULL, outputs, rows[i], 1, &measure));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(works_by_hand),
		cmocka_unit_test(reaches_the_optimum),
		cmocka_unit_test(weighs_as_the_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
