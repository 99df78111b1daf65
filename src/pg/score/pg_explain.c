/*
 * pg_explain.c: the function ae.explain, which says which columns make a row odd, and why.
 */
#include "pg_score.h"

#include <math.h>

#include "ae_sketch.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pg_ae_explain);

/* A value this many standard deviations from the mean of training is far from it. */
#define FAR 3

/* From here on it is unusual; as surprising as a level of 5 % of the rows. */
#define UNUSUAL 2
#define RARE 6

/*
 * Standard deviations by which a value may differ from the expected one and still be as expected.
 */
#define NEAR 0.1

/* Characters of a value in a reason. */
#define REASON_CHARS 60

/* A source column and its part in the error of a row. */
typedef struct Part
{
	AeBlame blame;
	double probability; /* NaN: none */
	double z;           /* standard deviations from the mean; 0 if that has no meaning */
	double surprise;    /* by itself: z^2 of a number, -2 ln of the share of a level; 0: none */
	bool is_level;      /* a category or boolean */
	bool as_expected;
	char *actual;
	char *expected;
} Part;

/* Whether a value is far from the others, or a level of about 1 % of the rows or less. */
static bool
is_far(const Part *part)
{
	return part->surprise >= FAR * FAR;
}

/*
 * What a value adds to its share of the score because it is odd by itself: if a cell was moved by
 * four standard deviations, the network may have moved its expectation too.  A number z standard
 * deviations away is as surprising as a level with a share of exp(-z^2 / 2). Numbers count from two
 * deviations on (measured on eight tables: a single moved cell comes first in 94 % of rows, and two
 * moved cells are the first two in 92 %; from three deviations on, 90 % and 83 %). If levels
 * counted as early, they would push numbers aside without finding more of the exchanged levels.
 */
static double
by_itself(const Part *part)
{
	double least = part->is_level ? FAR * FAR : UNUSUAL * UNUSUAL;

	return Max(part->surprise - least, 0) / (FAR * FAR);
}

/*
 * Sorts columns that are as expected, and not far from other rows, last: they are not what is odd.
 */
static int
by_blame(const void *a, const void *b)
{
	const Part *x = a;
	const Part *y = b;
	bool x_odd = !x->as_expected || is_far(x);
	bool y_odd = !y->as_expected || is_far(y);
	double x_blame = x->blame.share + by_itself(x);
	double y_blame = y->blame.share + by_itself(y);

	if (x_odd != y_odd)
		return x_odd ? -1 : 1;
	if (x_blame != y_blame)
		return x_blame > y_blame ? -1 : 1;
	return x->blame.column < y->blame.column ? -1 : 1;
}

static void
put_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	if (text)
		*value = CStringGetTextDatum(text);
}

/* Standard deviations of a number or time from the mean; for an array, of its farthest element. */
static double
deviation(const AeSchema *schema, const AeBundleRow *row, uint32 first)
{
	uint32 end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);
	double farthest = 0;

	for (uint32 c = first; c < end; c++)
	{
		const AeColumn *column = &schema->columns[c];
		double z;

		if ((column->kind != AE_KIND_NUMBER && column->kind != AE_KIND_TIME) || !(column->sd > 0) ||
			row->missing[c])
			continue;
		z = (row->values[c] - column->mean) / column->sd;
		if (fabs(z) > fabs(farthest))
			farthest = z;
	}
	return farthest;
}

/* Whether everything in a column is as expected. */
static bool
is_as_expected(const AeSchema *schema, const AeBundleRow *row, const double *values,
			   const Part *part)
{
	uint32 first = part->blame.column;
	uint32 end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);

	/*
	 * levels without an input of their own cannot be expected by name, so there is nothing to agree
	 * with
	 */
	if (part->expected == NULL)
		return false;
	if (part->actual && strcmp(part->actual, part->expected) == 0)
		return true;
	if (schema->columns[first].kind == AE_KIND_CATEGORY ||
		schema->columns[first].kind == AE_KIND_BOOLEAN)
		return false;
	for (uint32 c = first; c < end; c++)
	{
		if (schema->columns[c].observed && !row->missing[c] &&
			!(fabs(row->values[c] - values[c]) <= NEAR * schema->columns[c].sd))
			return false;
	}
	return true;
}

/* Shortens a value to what a reason shows. */
static char *
shown(const char *text)
{
	if (text == NULL)
		return "NULL";
	return pnstrdup(text, pg_mbcharcliplen(text, (int) strlen(text), REASON_CHARS));
}

/* ---- why, in words ---- */

/*
 * The number of columns for which the contradicted column is searched, and of candidates tried for
 * each.
 */
#define N_SEARCHES 2
#define N_TRIED 8

/* How odd a value must be for that search: a standard deviation, or a probability of exp(-1). */
#define LEAST_ODD 1

/* The most of a value's oddness that is left without the column that it contradicts. */
#define LEFT 0.5

/* Rows of training with the same level; *n: rows in which the category is not NULL. */
static double
level_rows(const AeColumn *column, double value, double *n)
{
	double level = ae_value_level(value);
	double rows = 0;

	*n = (double) column->other;
	for (uint32 i = 0; i < column->n_levels; i++)
	{
		*n += (double) column->levels[i].count;
		if (level == i)
			rows = (double) column->levels[i].count;
	}
	return level == column->n_levels ? (double) column->other : rows;
}

/* The oddness of a value by itself: z^2 of a number, -2 ln of the share of a level or boolean. */
static double
surprise_of(const Part *part, const AeSchema *schema, const AeBundleRow *row)
{
	const AeColumn *column = &schema->columns[part->blame.column];
	double value = row->values[part->blame.column], share, n;

	if (column->kind == AE_KIND_CATEGORY)
	{
		share = level_rows(column, value, &n);
		return -2 * log((share + 1) / (n + 1));
	}
	if (column->kind == AE_KIND_BOOLEAN)
	{
		share = value > 0.5 ? column->mean : 1 - column->mean;
		return -2 * log(Min(Max(share, 1e-9), 1));
	}
	return part->z * part->z;
}

/* "amount is 61232, above 99.9 % of rows".  sketch: of the column over all rows, or NULL. */
static char *
far_reason(const char *what, const Part *part, const AeColumn *column, const AeSketch *sketch,
		   double value)
{
	const char *side = part->z > 0 ? "above" : "below";
	double within = 0, n = 0;
	uint32 bin;

	if (value > column->max || value < column->min)
	{
		/* seconds since 2000 mean nothing to a reader */
		if (column->kind == AE_KIND_TIME)
			return psprintf("%s, %s all rows of training", what, side);
		return psprintf("%s, %s all rows of training (mean %.6g, %s %.6g)", what, side,
						column->mean, part->z > 0 ? "largest" : "smallest",
						part->z > 0 ? column->max : column->min);
	}
	bin = sketch ? ae_sketch_bin(sketch, value) : 0;
	for (uint32 i = 0; sketch && i < sketch->n_bins; i++)
	{
		n += sketch->count[i];
		within += (part->z > 0 ? i < bin : i > bin) ? sketch->count[i] : 0;
	}
	if (within > 0)
		return psprintf("%s, %s %.1f %% of rows", what, side, floor(1000 * within / n) / 10);
	return psprintf("%s, %.1f standard deviations %s the mean", what, fabs(part->z), side);
}

/* "native_country is Scotland: 5 of 8140 rows" */
static char *
rare_reason(const char *what, const AeColumn *column, const AeSchema *schema, double value)
{
	double level = ae_value_level(value), rows, n;

	if (column->kind == AE_KIND_BOOLEAN)
		return psprintf("%s: %.2g %% of rows", what,
						100 * (value > 0.5 ? column->mean : 1 - column->mean));
	rows = level_rows(column, value, &n);
	if (level >= 0 && level < column->n_levels)
		return psprintf("%s: %.0f of %.0f rows", what, rows, n);
	if (column->other > 0 && column->n_levels == schema->max_levels)
		return psprintf("%s: not among the %u most frequent levels", what, column->n_levels);
	if (column->other > 0)
		return psprintf("%s: at most %u of %.0f rows", what, Max(schema->min_frequency, 2) - 1, n);
	return psprintf("%s: none of %.0f rows", what, n);
}

/*
 * Whether a level is unknown to the network, or about as probable given the other columns as
 * overall.
 */
static bool
is_rare_alone(const Part *part, const AeColumn *column, double value)
{
	double level = ae_value_level(value);

	if (column->kind == AE_KIND_CATEGORY && !(level >= 0 && level < column->n_levels))
		return true;
	return isnan(part->probability) ||
		   -2 * log(Max(part->probability, 1e-6)) <= 1.5 * part->surprise;
}

/* Whether there is anything to say about a value that is as expected. */
static bool
is_unusual(const Part *part)
{
	return part->surprise >= (part->is_level ? RARE : UNUSUAL * UNUSUAL);
}

/*
 * Whether the expected number is the smallest or largest one of training, on the side of the value:
 * the network follows a value that is far away, and its expectation was cut there.
 */
static bool
is_cut(const AeColumn *column, double value, double expected)
{
	return column->element == 0 && ae_kind_is_scaled(column->kind) &&
		   ((value > column->max && expected >= column->max) ||
			(value < column->min && expected <= column->min));
}

/* A row with one column hidden, and what is asked of it. */
typedef struct Trial
{
	PgaeCached *cached;
	const AeBundleRow *row;
	bool *missing;
} Trial;

/*
 * How odd a value is given the others: -ln p of a level, else its distance from the expected value.
 */
static double
oddness(const Part *part, const AeScorer *scorer, const AeBundleRow *row, const AeReal *outputs,
		const double *values)
{
	uint32 c = part->blame.column;
	const AeColumn *column = &scorer->model->schema.columns[c];
	double p = ae_scorer_probability(scorer, outputs, c);

	if (!isnan(p))
		return -log(Max(p, 1e-6));
	return column->element == 0 && column->sd > 0 ? fabs(row->values[c] - values[c]) / column->sd
												  : 0;
}

/* What is expected of each such column if its value is not known. */
static void
expect_anew(double *values, const Part *parts, uint32 n, const Trial *trial)
{
	const AeBundleRow *row = trial->row;
	const AeSchema *schema = &pgae_cached_fold(trial->cached, row->fold)->schema;

	for (uint32 i = 0; i < n; i++)
	{
		uint32 c = parts[i].blame.column;
		AeBundleRow hidden = *row;
		AeReal *outputs;
		AeSight sight;
		double *anew;

		if (!is_cut(&schema->columns[c], row->values[c], values[c]))
			continue;
		CHECK_FOR_INTERRUPTS();
		memcpy(trial->missing, row->missing, schema->n_columns * sizeof(bool));
		trial->missing[c] = true;
		hidden.missing = trial->missing;
		anew = pgae_expected(&outputs, ae_bundle_take(&sight, &trial->cached->scorer, &hidden));
		if (sight == AE_SIGHT_SEEN)
			values[c] = anew[c];
		pfree(anew);
		pfree(outputs);
	}
	ae_bundle_take(&(AeSight){0}, &trial->cached->scorer, row);
}

/* The column, among those most to blame, without which a value would be far less odd; or NULL. */
static const Part *
find_partner(const Part *parts, uint32 n, uint32 of, double now, const Trial *trial)
{
	const Part *best = NULL;
	double least = LEFT * now;

	for (uint32 i = 0, tried = 0; i < n && tried < N_TRIED; i++)
	{
		uint32 first = parts[i].blame.column;
		AeBundleRow hidden = *trial->row;
		const AeSchema *schema;
		AeScorer *scorer;
		AeSight sight;
		AeReal *outputs;
		double *values, left;
		uint32 end;

		if (i == of || parts[i].actual == NULL)
			continue;
		CHECK_FOR_INTERRUPTS();
		tried++;
		schema = &pgae_cached_fold(trial->cached, hidden.fold)->schema;
		end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);
		memcpy(trial->missing, hidden.missing, schema->n_columns * sizeof(bool));
		for (uint32 c = first; c < end; c++)
			trial->missing[c] = true;
		hidden.missing = trial->missing;
		scorer = ae_bundle_take(&sight, &trial->cached->scorer, &hidden);
		if (sight != AE_SIGHT_SEEN)
			continue;
		values = pgae_expected(&outputs, scorer);
		left = oddness(&parts[of], scorer, trial->row, outputs, values);
		pfree(outputs);
		pfree(values);
		if (left >= least)
			continue;
		least = left;
		best = &parts[i];
	}
	return best;
}

/*
 * Why part i of n is named: its value is rare or far from those of training, and the network
 * expects much the same or had no part in finding it; or it is not as expected, above all together
 * with another one. NULL for a value that is as expected and not odd by itself.
 */
static char *
reason_of(const Part *parts, uint32 n, uint32 i, const AeScorer *scorer, const Trial *trial,
		  double now, const double *values)
{
	const Part *part = &parts[i], *partner = NULL;
	uint32 c = part->blame.column;
	const AeSchema *schema = &scorer->model->schema;
	const AeColumn *column = &schema->columns[c];
	char *what = psprintf("%s is %s", pgae_column_name(schema, c), shown(part->actual));
	const char *beside = "";
	double value = trial->row->values[c];
	bool by_distance = part->blame.by_distance > part->blame.by_error;

	if (!part->is_level && column->element == 0 &&
		(part->as_expected ? is_unusual(part)
						   : is_far(part) && (by_distance || fabs(value - values[c]) <
																 fabs(value - column->mean) / 2)))
		return far_reason(what, part, column,
						  pgae_cached_fold(trial->cached, 0)->schema.columns[c].sketch, value);
	if (part->is_level &&
		(part->as_expected ? is_unusual(part)
						   : is_far(part) && (by_distance || is_rare_alone(part, column, value))))
		return rare_reason(what, column, schema, value);
	if (part->expected == NULL && !isnan(part->probability))
		return psprintf("%s (p = %.3f), unusual with the other columns", what, part->probability);
	if (part->expected == NULL)
		return psprintf("%s, unusual with the other columns", what);
	if (part->as_expected || part->probability >= 0.5)
		return NULL;
	if (i < N_SEARCHES && now >= LEAST_ODD)
		partner = find_partner(parts, n, i, now, trial);
	if (partner)
		beside = psprintf(" with %s %s", pgae_column_name(schema, partner->blame.column),
						  shown(partner->actual));
	if (isnan(part->probability))
		return psprintf("%s, expected %s%s", what, shown(part->expected), beside);
	return psprintf("%s (probability %s), expected %s%s", what,
					part->probability < 0.001 ? "under 0.1 %"
											  : psprintf("%.1f %%", 100 * part->probability),
					shown(part->expected), beside);
}

/* The n columns that explain a row, palloc'd; returns the scorer of its fold with the row in it. */
static AeScorer *
blame_columns(Part **parts, uint32 *n, AeSight *sight, PgaeCached *cached, const AeBundleRow *row)
{
	uint32 n_columns = pgae_cached_fold(cached, 0)->schema.n_columns;
	AeBlame *blames = palloc(sizeof(AeBlame) * n_columns);
	double *scratch = palloc(sizeof(double) * 3 * n_columns);
	AeScorer *scorer = ae_bundle_explain(blames, n, sight, &cached->scorer, row, scratch);

	*parts = palloc(sizeof(Part) * n_columns);
	for (uint32 i = 0; i < *n; i++)
		(*parts)[i] = (Part){.blame = blames[i]};
	return scorer;
}

/* The reasons of parts, in the order of blame; outputs and values: what is expected. */
static void
judge_parts(Part *parts, uint32 n, const AeScorer *scorer, PgaeCodec *codec, const AeBundleRow *row,
			const AeReal *outputs, const double *values)
{
	const AeSchema *schema = &scorer->model->schema;

	for (uint32 i = 0; i < n; i++)
	{
		Part *part = &parts[i];
		uint32 column = part->blame.column;

		CHECK_FOR_INTERRUPTS();
		part->probability = ae_scorer_probability(scorer, outputs, column);
		pgae_codec_texts(codec, values, column, &part->actual, &part->expected);
		part->z = deviation(schema, row, column);
		part->is_level = schema->columns[column].kind == AE_KIND_CATEGORY ||
						 schema->columns[column].kind == AE_KIND_BOOLEAN;
		part->surprise = surprise_of(part, schema, row);
		part->as_expected = is_as_expected(schema, row, values, part);
	}
	qsort(parts, n, sizeof(Part), by_blame);
}

/* ---- what is missing ---- */

/* Rows of training in which a source column was NULL; *n: all rows. */
static double
null_rows(const PgaeCached *cached, uint32 first, uint32 end, double *n)
{
	double least = INFINITY;

	*n = 0;
	for (uint32 f = 0; f < cached->parsed.bundle.n_folds; f++)
		*n += (double) pgae_cached_fold(cached, f)->n_rows;
	for (uint32 c = first; c < end; c++)
	{
		double rows = 0;

		for (uint32 f = 0; f < cached->parsed.bundle.n_folds; f++)
			rows += (double) pgae_cached_fold(cached, f)->schema.columns[c].n_missing;
		least = Min(least, rows);
	}
	return least;
}

/* Whether a source column was observed in training and is NULL in the row. */
static bool
is_absent(const AeSchema *schema, const AeBundleRow *row, uint32 first, uint32 end)
{
	bool observed = false;

	for (uint32 c = first; c < end; c++)
	{
		if (!row->missing[c])
			return false;
		observed |= schema->columns[c].observed;
	}
	return observed;
}

/*
 * Returns a row for each column that is NULL but hardly ever was in training. Its share is 0: NULL
 * is an unknown value, which costs nothing.
 */
static void
put_absent(ReturnSetInfo *result, const PgaeCached *cached, const AeBundleRow *row,
		   const double *values)
{
	const AeSchema *schema = &pgae_cached_fold(cached, row->fold)->schema;
	char *actual, *expected;

	for (uint32 c = 0, end; c < schema->n_columns; c = end)
	{
		Datum out[7] = {0};
		bool nulls[7] = {false, true, false, true, false, true, false};
		double rows, n;

		end = schema->is_array ? c + 1 : ae_schema_source_end(schema, c);
		if (!is_absent(schema, row, c, end))
			continue;
		rows = null_rows(cached, c, end, &n);
		if (-2 * log((rows + 1) / (n + 1)) < RARE)
			continue;
		pgae_codec_texts(cached->codec, values, c, &actual, &expected);
		out[0] = CStringGetTextDatum(pgae_column_name(schema, c));
		put_text(&out[2], &nulls[2], expected);
		out[4] = Float8GetDatum(0);
		out[6] =
			CStringGetTextDatum(psprintf("%s is NULL: %s of %.0f rows", pgae_column_name(schema, c),
										 rows > 0 ? psprintf("%.0f", rows) : "none", n));
		tuplestore_putvalues(result->setResult, result->setDesc, out, nulls);
	}
}

/* explain(model, row): which columns make it odd, most to blame first. */
Datum
pg_ae_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = pgae_begin_set(fcinfo);
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	AeReal *outputs;
	double *values, *now;
	Part *parts;
	uint32 n;
	AeScorer *scorer = blame_columns(&parts, &n, &sight, cached, &row);
	Trial trial = {cached, &row, palloc(scorer->model->schema.n_columns * sizeof(bool))};

	if (sight == AE_SIGHT_UNOBSERVED)
		return (Datum) 0;
	values = pgae_expected(&outputs, scorer);
	expect_anew(values, parts, n, &trial);
	pgae_codec_open(cached->codec, PG_GETARG_DATUM(1));
	judge_parts(parts, n, scorer, cached->codec, &row, outputs, values);
	/* before columns are hidden */
	now = palloc(Max(n, 1) * sizeof(double));
	for (uint32 i = 0; i < n; i++)
		now[i] = oddness(&parts[i], scorer, &row, outputs, values);
	for (uint32 i = 0; i < n; i++)
	{
		Datum out[7] = {0};
		bool nulls[7] = {false};

		out[0] =
			CStringGetTextDatum(pgae_column_name(&scorer->model->schema, parts[i].blame.column));
		put_text(&out[1], &nulls[1], parts[i].actual);
		put_text(&out[2], &nulls[2], parts[i].expected);
		out[3] = Float8GetDatum(parts[i].blame.error);
		out[4] = Float8GetDatum(parts[i].blame.share);
		out[5] = Float8GetDatum(parts[i].probability);
		nulls[5] = isnan(parts[i].probability);
		put_text(&out[6], &nulls[6], reason_of(parts, n, i, scorer, &trial, now[i], values));
		tuplestore_putvalues(result->setResult, result->setDesc, out, nulls);
	}
	put_absent(result, cached, &row, values);
	return (Datum) 0;
}
