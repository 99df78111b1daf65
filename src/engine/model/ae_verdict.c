/*
 * ae_verdict.c: distances to judged rows, and their effect on a score.
 *
 * On the scoring path, except for the fit: sums in the order of cells, no libm.
 */
#include "ae_verdict.h"

#include <math.h>

#include "ae_math.h"

/* The effects of a confirmed and a dismissed row on the logarithm of the score of an equal row. */
#define CONFIRMED_GAIN 2.0
#define DISMISSED_LOSS 0.5

/* The distance of a value from NULL: the mean squared difference of two standardised values. */
#define AGAINST_NULL 2.0

/* The largest share of rows that a confirmed one may reach. */
#define REACHED_SHARE 0.003

/* From here on the kernel is 0. */
#define FARTHEST 708.0

/* ---- distances ---- */

static double
cell_square(AeReal x, AeReal y)
{
	double difference = (double) x - (double) y;

	if (x != x || y != y)
		return x != x && y != y ? 0.0 : AGAINST_NULL;
	return difference * difference;
}

static double
category_square(const AeReal *x, const AeReal *y, uint32_t cell, const AeBlock *block)
{
	if (x[cell] != x[cell] || y[cell] != y[cell])
		return cell_square(x[cell], y[cell]);
	if (x[cell] == y[cell] && (block->tag == 0 || x[block->tag] == y[block->tag]))
		return 0.0;
	return 2.0 * block->weight;
}

double
ae_verdict_square(const AeReal *x, const AeReal *y, const AeLayout *layout, double limit)
{
	double n = layout->n_columns > 0 ? (double) layout->n_columns : 1.0;
	double sum = 0.0, most = limit * n;
	uint32_t category = layout->n_dense;

	for (uint32_t b = 0; b < layout->n_blocks && sum <= most; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		double share = ae_block_share(block);

		if (ae_loss_is_category(block->loss))
		{
			sum += category_square(x, y, category++, block);
			continue;
		}
		for (uint32_t j = block->first; j < block->first + block->count && sum <= most; j++)
			sum += share * cell_square(x[j], y[j]);
	}
	/* rounding must not bring it back to the limit */
	return sum > most ? INFINITY : sum / n;
}

/* ---- scores ---- */

/* Verdicts first .. first + n - 1, and their reach. */
typedef struct Judges
{
	const AeReal *cells; /* n x n_cells */
	const double *reach; /* n reaches; or one for all, */
	bool common;         /* in that case */
	uint32_t n;
} Judges;

/* The largest kernel value; equals: including verdicts on rows equal to this one. */
static double
nearest_kernel(const Judges *judges, const AeReal *cells, const AeLayout *layout, bool equals,
			   AeCheck check)
{
	size_t n_cells = ae_layout_cells(layout), seen = 0;
	double least = FARTHEST; /* D^2 / (2 h^2) */

	for (uint32_t i = 0; i < judges->n; i++)
	{
		double twice = 2.0 * judges->reach[judges->common ? 0 : i];
		double square =
			ae_verdict_square(cells, judges->cells + i * n_cells, layout, least * twice);

		if (square / twice < least && (equals || square > 0.0))
			least = square / twice;
		seen += n_cells;
		if (seen < AE_CHECK_NUMBERS)
			continue;
		ae_check(check);
		seen = 0;
	}
	return least < FARTHEST ? ae_e(-least) : 0.0;
}

double
ae_verdicts_factor(const AeVerdicts *verdicts, const AeReal *cells, const AeLayout *layout,
				   bool calibrating, AeCheck check)
{
	size_t n_cells = ae_layout_cells(layout);
	Judges confirmed = {verdicts->cells, verdicts->reach, false, verdicts->n_confirmed};
	Judges dismissed = {NULL, &verdicts->dismissed_reach, true, verdicts->n_dismissed};

	if (ae_verdicts_count(verdicts) == 0)
		return 1.0;
	dismissed.cells = verdicts->cells + verdicts->n_confirmed * n_cells;
	return ae_e(CONFIRMED_GAIN * nearest_kernel(&confirmed, cells, layout, true, check) -
				DISMISSED_LOSS * nearest_kernel(&dismissed, cells, layout, !calibrating, check));
}

/* ---- reach ---- */

static double
within_bounds(double reach)
{
	if (!(reach > AE_MIN_REACH))
		return AE_MIN_REACH;
	return reach < AE_MAX_REACH ? reach : AE_MAX_REACH;
}

size_t
ae_verdicts_scratch(size_t n)
{
	return (size_t) (REACHED_SHARE * (double) n) + 1;
}

/*
 * The n_kept smallest squared distances of a row to others, in order; returns how many there are.
 */
static size_t
smallest_squares(double *smallest, size_t n_kept, const AeReal *row, const AeReal *others, size_t n,
				 const AeLayout *layout, AeCheck check)
{
	size_t n_cells = ae_layout_cells(layout), kept = 0;

	for (size_t r = 0; r < n; r++)
	{
		double limit = kept < n_kept ? INFINITY : smallest[n_kept - 1];
		double square = ae_verdict_square(row, others + r * n_cells, layout, limit);
		size_t at;

		if (r % (AE_CHECK_NUMBERS / AE_MAX_WIDTH) == 0)
			ae_check(check);
		if (!(square < limit))
			continue;
		at = kept < n_kept ? kept++ : n_kept - 1;
		for (; at > 0 && smallest[at - 1] > square; at--)
			smallest[at] = smallest[at - 1];
		smallest[at] = square;
	}
	return kept;
}

double
ae_verdict_term(const AeReal *row, const AeReal *centres, size_t n, const AeLayout *layout)
{
	double smallest[AE_VERDICT_NEAREST], sum = 0.0;
	size_t kept = smallest_squares(smallest, AE_VERDICT_NEAREST, row, centres, n, layout, NULL);

	for (size_t i = 0; i < kept; i++)
		sum += sqrt(smallest[i]);
	return kept > 0 ? (sum / (double) kept) * (sum / (double) kept) : 0.0;
}

void
ae_verdicts_fit(AeVerdicts *verdicts, const AeReal *rows, const double *terms, size_t n,
				const AeLayout *layout, double *scratch, AeCheck check)
{
	size_t n_cells = ae_layout_cells(layout);

	verdicts->dismissed_reach = within_bounds(n > 0 ? terms[n / 2] : 1.0);
	for (uint32_t i = 0; i < verdicts->n_confirmed; i++)
	{
		size_t kept = smallest_squares(scratch, ae_verdicts_scratch(n),
									   verdicts->cells + i * n_cells, rows, n, layout, check);
		double own = kept > 0 ? scratch[kept - 1] : INFINITY;

		verdicts->reach[i] = verdicts->dismissed_reach;
		if (own < verdicts->dismissed_reach)
			verdicts->reach[i] = within_bounds(own);
	}
}
