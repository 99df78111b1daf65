/*
 * pg_explain.c: the function ae.explain: which columns make a row odd, and why, in words.
 */
#include "pg_score.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pg_ae_explain);

/* Standard deviations from the mean of training from which on a value is far from it. */
#define FAR 3

/* Of them, what a value may differ from the expected one and still be as expected. */
#define NEAR 0.1

/* Characters of a value in a reason. */
#define REASON_CHARS 60

/* A source column and its part in the error of a row. */
typedef struct Part
{
	AeBlame blame;
	double probability; /* NaN: none */
	double z;           /* standard deviations from the mean; 0 where there is none */
	bool as_expected;
	char *actual;
	char *expected;
} Part;

/* Farther than others than the other columns say. */
static double
by_itself(const Part *part)
{
	return Max(part->z * part->z - FAR * FAR, 0) / (FAR * FAR);
}

/*
 * Columns that are as expected, and not far from the mean, last: they are not what is odd.  Else by
 * share, and by how far the value itself is: of a cell moved by four standard deviations the
 * network may have moved its expectation too (measured: first in 94 % of such rows, by share alone in 85 %).
 */
static int
by_blame(const void *a, const void *b)
{
	const Part *x = a;
	const Part *y = b;
	bool x_odd = !x->as_expected || fabs(x->z) >= FAR;
	bool y_odd = !y->as_expected || fabs(y->z) >= FAR;
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

/* Standard deviations that a number or time is away from the mean; of an array the farthest. */
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

/* Whether nothing in a column is other than expected. */
static bool
is_as_expected(const AeSchema *schema, const AeBundleRow *row, const double *values,
			   const Part *part)
{
	uint32 first = part->blame.column;
	uint32 end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);

	/* levels without an input of their own are not expected by name: nothing to agree with */
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

/* Cut down to what a reason shows. */
static char *
shown(const char *text)
{
	if (text == NULL)
		return "NULL";
	return pnstrdup(text, pg_mbcharcliplen(text, (int) strlen(text), REASON_CHARS));
}

/*
 * Why a column is named: its value is far from the mean of training, and the network says much the
 * same or is not what found it; or other than expected; or as expected, but rare with the others.
 */
static char *
reason_of(const Part *part, const AeSchema *schema, const AeBundleRow *row, const double *values)
{
	const AeColumn *column = &schema->columns[part->blame.column];
	char *what =
		psprintf("%s is %s", pgae_column_name(schema, part->blame.column), shown(part->actual));
	double value = row->values[part->blame.column];
	const char *side = part->z > 0 ? "above" : "below";
	bool explained = fabs(value - values[part->blame.column]) < fabs(value - column->mean) / 2;

	if (column->element == 0 && fabs(part->z) >= FAR &&
		(explained || part->blame.by_distance > part->blame.by_error))
	{
		if (value <= column->max && value >= column->min)
			return psprintf("%s, %.1f standard deviations %s the mean", what, fabs(part->z), side);
		/* seconds since 2000 say nothing to anybody */
		if (column->kind == AE_KIND_TIME)
			return psprintf("%s, %s all rows of training", what, side);
		return psprintf("%s, %s all rows of training (mean %.6g, %s %.6g)", what, side,
						column->mean, part->z > 0 ? "largest" : "smallest",
						part->z > 0 ? column->max : column->min);
	}
	if (part->expected == NULL && !isnan(part->probability))
		return psprintf("%s (p = %.3f), unusual with the other columns", what, part->probability);
	if (part->as_expected || part->expected == NULL)
		return psprintf("%s, unusual with the other columns", what);
	if (isnan(part->probability))
		return psprintf("%s, expected %s", what, shown(part->expected));
	return psprintf("%s (p = %.3f), expected %s", what, part->probability, shown(part->expected));
}

/* The columns that explain a row in its fold's scorer; returns how many.  palloc'd. */
static uint32
blame_columns(Part **parts, AeScorer *scorer, const AeBundleRow *row)
{
	uint32 n_columns = scorer->model->schema.n_columns;
	AeBlame *blames = palloc(sizeof(AeBlame) * n_columns);
	double *scratch = palloc(sizeof(double) * 3 * n_columns);
	uint32 n = ae_members_explain(blames, scorer, row, scratch);

	*parts = palloc(sizeof(Part) * n_columns);
	for (uint32 i = 0; i < n; i++)
		(*parts)[i] = (Part){.blame = blames[i]};
	return n;
}

/* What there is to say of parts, in the order of blame; outputs and values: what is expected. */
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
		part->as_expected = is_as_expected(schema, row, values, part);
	}
	qsort(parts, n, sizeof(Part), by_blame);
}

/* explain(model, row): which columns make it odd, those to blame first. */
Datum
pg_ae_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = pgae_begin_set(fcinfo);
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, &row);
	const AeSchema *schema = &scorer->model->schema;
	AeReal *outputs;
	double *values;
	Part *parts;
	uint32 n;

	if (sight == AE_SIGHT_UNOBSERVED)
		return (Datum) 0;
	n = blame_columns(&parts, scorer, &row);
	values = pgae_expected(&outputs, scorer);
	pgae_codec_open(cached->codec, PG_GETARG_DATUM(1));
	judge_parts(parts, n, scorer, cached->codec, &row, outputs, values);
	for (uint32 i = 0; i < n; i++)
	{
		Datum out[7] = {0};
		bool nulls[7] = {false};

		out[0] = CStringGetTextDatum(pgae_column_name(schema, parts[i].blame.column));
		put_text(&out[1], &nulls[1], parts[i].actual);
		put_text(&out[2], &nulls[2], parts[i].expected);
		out[3] = Float8GetDatum(parts[i].blame.error);
		out[4] = Float8GetDatum(parts[i].blame.share);
		out[5] = Float8GetDatum(parts[i].probability);
		nulls[5] = isnan(parts[i].probability);
		put_text(&out[6], &nulls[6], reason_of(&parts[i], schema, &row, values));
		tuplestore_putvalues(result->setResult, result->setDesc, out, nulls);
	}
	return (Datum) 0;
}
