/*
 * ae_impute.c: one pass, passes that feed outputs back, and passes from several starts.
 */
#include "ae_impute.h"

#include <math.h>
#include <string.h>

#include "ae_hash.h"

#define N_STARTS 3

/* The starts of missing numbers, in scaled units; the mean comes first. */
static const AeReal start_level[N_STARTS] = {0.0f, -1.5f, 1.5f};

/* The starts of each way, and completed rows of each: 1 + 0, 1 + 4 and 3 (1 + 2) passes. */
static const int n_starts[AE_FILLING_COUNT] = {1, 1, N_STARTS};
static const int n_completed[AE_FILLING_COUNT] = {0, 4, 2};

/* A trial hides one in so many of a row's known cells. */
#define HIDDEN_SHARE 5

/* The largest loss of a row, and units in a loss of 1: sums of squares over 2^24 rows fit. */
#define MAX_LOSS 100.0
#define UNITS 65536.0

/* The mean gain per row that another way than one pass must have. */
#define LEAST_GAIN (0.01 * UNITS)

size_t
ae_impute_scratch(const AeModel *model)
{
	const AeLayout *layout = &model->net.layout;

	return 3 * ae_layout_outputs(layout) + ae_layout_cells(layout);
}

/* The mean of the members' outputs; returns the sum of their errors for the current cells. */
static double
see(AeReal *outputs, AeScorer *scorer)
{
	size_t n = ae_layout_outputs(&scorer->model->net.layout);
	double sum = 0.0;

	memset(outputs, 0, n * sizeof(AeReal));
	scorer->as_is = true;
	for (uint32_t m = 0; m < scorer->n_members; m++)
	{
		AeReal *own;
		double error;

		ae_scorer_use(scorer, m);
		own = ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1);
		ae_scorer_errors(&error, scorer, own, 1);
		sum += error;
		ae_scorer_finish(scorer, own, 1);
		for (size_t i = 0; i < n; i++)
			outputs[i] += own[i] / (AeReal) scorer->n_members;
	}
	scorer->as_is = false;
	ae_scorer_use(scorer, 0);
	return sum;
}

/*
 * Sets missing numbers to that level, within the range of training; for 0, and for categories, to
 * missing.
 */
static void
begin(AeScorer *scorer, const bool *missing, AeReal level)
{
	const AeSchema *schema = &scorer->model->schema;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->cell < 0 || !missing[c])
			continue;
		for (uint32_t i = 0; i < ae_column_cells(column); i++)
			scorer->cells[(uint32_t) column->cell + i] = (AeReal) NAN;
		if (level != 0 && !ae_column_is_levels(column))
			scorer->cells[column->cell] = ae_scaler_bound(schema, c, level);
	}
}

void
ae_impute(AeReal *outputs, AeScorer *scorer, const bool *missing, AeFilling filling,
		  AeReal *scratch)
{
	size_t n = ae_layout_outputs(&scorer->model->net.layout);
	double least = INFINITY;
	AeReal *now = scratch, *next = scratch + n;

	for (int s = 0; s < n_starts[filling]; s++)
	{
		begin(scorer, missing, start_level[s]);
		see(now, scorer);
		if (s == 0)
			memcpy(outputs, now, n * sizeof(AeReal));
		for (int k = 0; k < n_completed[filling]; k++)
		{
			AeReal *swap = now;
			double error;

			ae_scorer_fill(scorer, missing, now);
			error = see(next, scorer);
			if (error < least)
			{
				least = error;
				memcpy(outputs, now, n * sizeof(AeReal));
			}
			else if (k > 0)
				break;
			now = next;
			next = swap;
		}
	}
}

/* ---- trial ---- */

double
ae_impute_draw(const AeScorer *scorer)
{
	size_t n_cells = ae_layout_cells(&scorer->model->net.layout);

	return (double) (ae_hash_cells(ae_hash_word(0, UINT64_MAX), scorer->cells, n_cells) >> 11) *
		   0x1p-53;
}

/* Chooses known columns of the row to hide; returns whether there are some, and others left. */
static bool
hide(bool *hidden, const AeScorer *scorer, uint64_t hash)
{
	const AeSchema *schema = &scorer->model->schema;
	bool any = false, left = false;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		int32_t cell = schema->columns[c].cell;
		bool known = cell >= 0 && scorer->cells[cell] == scorer->cells[cell];

		hidden[c] = known && ae_hash_mix(ae_hash_word(hash, c)) % HIDDEN_SHARE == 0;
		any |= hidden[c];
		left |= known && !hidden[c];
	}
	return any && left;
}

/* The loss of the filled row 0 against truth, in units. */
typedef struct Loss
{
	int64_t numbers, levels;
} Loss;

static Loss
loss_of_row(const AeScorer *scorer, const AeReal *truth, const bool *hidden)
{
	const AeSchema *schema = &scorer->model->schema;
	double numbers = 0.0, levels = 0.0, n = 0.0;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		int32_t cell = schema->columns[c].cell;
		double d;

		if (!hidden[c])
			continue;
		d = (double) scorer->cells[cell] - (double) truth[cell];
		n += 1.0;
		if (!ae_column_is_levels(&schema->columns[c]))
			numbers += d * d;
		else if (d != 0.0)
			levels += 1.0;
	}
	numbers /= n;
	return (Loss){(int64_t) ((numbers < MAX_LOSS ? numbers : MAX_LOSS) * UNITS),
				  (int64_t) (levels / n * UNITS)};
}

void
ae_impute_trial(AeTrials *trials, AeScorer *scorer, uint64_t round, bool *hidden, AeReal *scratch)
{
	const AeSchema *schema = &scorer->model->schema;
	const AeLayout *layout = &scorer->model->net.layout;
	size_t n_cells = ae_layout_cells(layout);
	AeReal *outputs = scratch + 2 * ae_layout_outputs(layout);
	AeReal *truth = outputs + ae_layout_outputs(layout);
	Loss loss[AE_FILLING_COUNT];

	memcpy(truth, scorer->cells, n_cells * sizeof(AeReal));
	if (!hide(hidden, scorer, ae_hash_cells(ae_hash_word(0, round), truth, n_cells)))
		return;
	scorer->unseen[0] = 0.0;
	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (hidden[c] && schema->columns[c].wide)
			scorer->cells[schema->columns[c].tag] = (AeReal) NAN;
	trials->n++;
	for (int a = 0; a < AE_FILLING_COUNT; a++)
	{
		ae_impute(outputs, scorer, hidden, (AeFilling) a, scratch);
		ae_scorer_fill(scorer, hidden, outputs);
		loss[a] = loss_of_row(scorer, truth, hidden);
		for (int b = 0; b < a; b++)
		{
			int64_t numbers = loss[b].numbers - loss[a].numbers;
			int64_t levels = loss[b].levels - loss[a].levels;

			trials->numbers[a][b] += numbers;
			trials->levels[a][b] += levels;
			trials->square[a][b] += (uint64_t) ((numbers + levels) * (numbers + levels));
		}
	}
}

AeFilling
ae_impute_best(const AeTrials *trials)
{
	int best = 0;

	for (int way = 1; way < AE_FILLING_COUNT; way++)
	{
		double numbers = (double) trials->numbers[way][best];
		double levels = (double) trials->levels[way][best];
		double gain = numbers + levels;

		if (numbers >= 0.0 && levels >= 0.0 && gain > LEAST_GAIN * (double) trials->n &&
			gain * gain > 4.0 * (double) trials->square[way][best])
			best = way;
	}
	return (AeFilling) best;
}
