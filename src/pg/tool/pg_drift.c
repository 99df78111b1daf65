/*
 * pg_drift.c: ae.drift, an aggregate that tests whether rows still look as they did in training,
 * column by column and as a whole; and ae.drift_report, which returns the same for a query as rows.
 *
 * A row is counted in the bins that the model has for its columns (ae_sketch.h), for their errors,
 * and for the raw scores that calibrate it. The state is one block without pointers that holds all
 * the answer needs, including the counts of training and the texts: it can be passed between
 * processes as it is, and many groups need not keep a model of a megabyte each.
 */
#include "pg_tool.h"

#include <float.h>
#include <math.h>

#include "ae_drift.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(pg_ae_drift_transfn);
PG_FUNCTION_INFO_V1(pg_ae_drift_combinefn);
PG_FUNCTION_INFO_V1(pg_ae_drift_serialfn);
PG_FUNCTION_INFO_V1(pg_ae_drift_deserialfn);
PG_FUNCTION_INFO_V1(pg_ae_drift_finalfn);
PG_FUNCTION_INFO_V1(pg_ae_drift_report);

/*
 * The probability of reporting drift where there is none, over all columns and the rows as a whole.
 */
#define LEVEL 0.01

/* The fewest rows for which a result is reported. */
#define MIN_ROWS 2

/* The default of ae.is_anomaly. */
#define CONTAMINATION 0.01

/* Characters of a name or level in a reason. */
#define MAX_SHOWN 60

/*
 * Counts of one kind, of training and of the rows: `then` and `now` are places of n_bins numbers.
 */
typedef struct Counts
{
	uint32 n_bins; /* 0: there are none */
	uint32 then;
	uint32 now;
} Counts;

/* A value of a row: a column, or one element of an array. */
typedef struct Part
{
	uint32 column; /* name of its column, place in the texts */
	uint32 name;   /* its own; an element's includes its index */
	uint32 source; /* the part at which its column starts */
	AeKind kind;
	uint32 cut;    /* of a number; its values->n_bins - 1 cuts */
	uint32 levels; /* of a category: place of texts, one for each level */
	uint32 n_levels;
	Counts values;
	uint32 error_cut; /* the same of its errors */
	Counts errors;
	double mean_then, sd_then; /* of a number */
	double missing_then, missing_now;
	double n, min, max;  /* of the rows' values that are finite numbers, ... */
	double sum, squares; /* ... of their differences to mean_then */
	double error_then;   /* means; the sum of error_n rows */
	double error_sum, error_n;
} Part;

/* Then come parts, numbers and texts. */
typedef struct Drift
{
	Size size;
	uint8 digest[PGAE_SHA256_BYTES]; /* of the model: with it all sizes and places are given */
	uint32 n_parts;
	Size numbers; /* offsets in bytes */
	Size texts;
	Counts scores;
	bool unseen; /* scores and errors are of rows that training did not see */
	double n_rows;
	double n_scored, n_flagged;
} Drift;

static Part *
parts_of(Drift *drift)
{
	return (Part *) ((char *) drift + MAXALIGN(sizeof(Drift)));
}

static double *
number_at(Drift *drift, uint32 place)
{
	return (double *) ((char *) drift + drift->numbers) + place;
}

static char *
text_at(Drift *drift, uint32 place)
{
	return (char *) drift + drift->texts + place;
}

/* ---- the state: what the model has ---- */

/* The parts of a state, and the numbers and texts that they refer to, while they are gathered. */
typedef struct Builder
{
	Drift head;
	Part *parts;
	StringInfoData numbers;
	StringInfoData texts;
} Builder;

static uint32
put_number(Builder *builder, double number)
{
	uint32 place = builder->numbers.len / sizeof(double);

	appendBinaryStringInfo(&builder->numbers, (char *) &number, sizeof(double));
	return place;
}

/* Stores the text with its terminator; NULL becomes "?". */
static uint32
put_text(Builder *builder, const char *text)
{
	uint32 place = builder->texts.len;

	text = text ? text : "?";
	appendBinaryStringInfo(&builder->texts, text, (int) strlen(text) + 1);
	return place;
}

static void
put_zeros(Builder *builder, Counts *counts, uint32 n_bins)
{
	counts->n_bins = n_bins;
	counts->now = builder->numbers.len / sizeof(double);
	for (uint32 i = 0; i < n_bins; i++)
		put_number(builder, 0);
}

static void
put_sketch(Builder *builder, Counts *counts, uint32 *cut, const AeSketch *sketch)
{
	*cut = builder->numbers.len / sizeof(double);
	for (uint32 i = 0; i < sketch->n_cuts; i++)
		put_number(builder, sketch->cut[i]);
	counts->then = builder->numbers.len / sizeof(double);
	for (uint32 i = 0; i < sketch->n_bins; i++)
		put_number(builder, sketch->count[i]);
	put_zeros(builder, counts, sketch->n_bins);
}

/* source: the first part of its column, whose name is at that place. */
static void
put_part(Builder *builder, const AeSchema *schema, uint32 c, uint32 source, uint32 name)
{
	const AeColumn *column = &schema->columns[c];
	Part *part = &builder->parts[c];

	part->column = name;
	part->name = put_text(builder, pgae_value_name(schema, c));
	part->source = source;
	part->kind = column->kind;
	part->missing_then = column->sketch->n_missing;
	part->mean_then = column->mean;
	part->sd_then = column->sd;
	part->min = DBL_MAX;
	part->max = -DBL_MAX;
	put_sketch(builder, &part->values, &part->cut, column->sketch);
	part->levels = builder->texts.len;
	part->n_levels = column->kind == AE_KIND_CATEGORY ? column->n_levels : 0;
	for (uint32 i = 0; i < part->n_levels; i++)
		put_text(builder, pgae_level_text(schema, &column->levels[i], true));
	if (column->errors)
		put_sketch(builder, &part->errors, &part->error_cut, column->errors);
	part->error_then = column->mean_error;
}

/* Raw scores have a bin between any two points of the calibration, largest first. */
static void
put_scores(Builder *builder, const AeCalibration *calibration)
{
	Counts *scores = &builder->head.scores;
	uint64 above = 0;

	builder->head.unseen = calibration->unseen;
	if (!calibration->unseen)
		return;
	scores->then = put_number(builder, 0);
	for (uint32 i = 0; i < calibration->n_points; i++)
	{
		put_number(builder, calibration->n_above[i] - above);
		above = calibration->n_above[i];
	}
	put_zeros(builder, scores, calibration->n_points + 1);
}

static void
refuse_without_sketches(const AeSchema *schema)
{
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (schema->columns[c].sketch == NULL)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("the model has no distributions of its columns to compare with"),
							errhint("Train it again with this version of the extension.")));
	}
}

static Drift *
begin(const PgaeCached *cached, const uint8 *digest, MemoryContext context)
{
	const AeModel *model = pgae_cached_fold(cached, 0);
	const AeSchema *schema = &model->schema;
	Size parts_bytes = schema->n_columns * sizeof(Part);
	Builder builder = {.head = {.n_parts = schema->n_columns}};
	Drift *drift;

	refuse_without_sketches(schema);
	memcpy(builder.head.digest, digest, PGAE_SHA256_BYTES);
	builder.parts = MemoryContextAllocExtended(CurrentMemoryContext, parts_bytes, MCXT_ALLOC_ZERO);
	initStringInfo(&builder.numbers);
	initStringInfo(&builder.texts);
	for (uint32 c = 0, end, name; c < schema->n_columns; c = end)
	{
		end = schema->is_array ? c + 1 : ae_schema_source_end(schema, c);
		name = put_text(&builder, pgae_column_name(schema, c));
		for (uint32 e = c; e < end; e++)
		{
			CHECK_FOR_INTERRUPTS();
			put_part(&builder, schema, e, c, name);
		}
	}
	put_scores(&builder, &model->calibration);
	builder.head.numbers = MAXALIGN(sizeof(Drift)) + parts_bytes;
	builder.head.texts = builder.head.numbers + builder.numbers.len;
	builder.head.size = builder.head.texts + builder.texts.len;
	drift = MemoryContextAllocHuge(context, builder.head.size);
	*drift = builder.head;
	memcpy(parts_of(drift), builder.parts, parts_bytes);
	memcpy(number_at(drift, 0), builder.numbers.data, builder.numbers.len);
	memcpy(text_at(drift, 0), builder.texts.data, builder.texts.len);
	pfree(builder.parts);
	pfree(builder.numbers.data);
	pfree(builder.texts.data);
	return drift;
}

/* ---- rows ---- */

/* Bins of numbers, between cuts that start at that place. */
static void
count_number(Drift *drift, const Counts *counts, uint32 cut, double value)
{
	AeSketch sketch = {.n_cuts = counts->n_bins - 1, .cut = number_at(drift, cut)};

	number_at(drift, counts->now)[ae_sketch_bin(&sketch, value)]++;
}

static void
count_value(Drift *drift, Part *part, double value)
{
	if (part->kind == AE_KIND_CATEGORY)
	{
		AeSketch sketch = {.n_bins = part->values.n_bins};

		number_at(drift, part->values.now)[ae_sketch_level(&sketch, ae_value_level(value))]++;
		return;
	}
	count_number(drift, &part->values, part->cut, value);
	if (!isfinite(value))
		return;
	part->n++;
	part->sum += value - part->mean_then;
	part->squares += (value - part->mean_then) * (value - part->mean_then);
	part->min = Min(part->min, value);
	part->max = Max(part->max, value);
}

/*
 * Counts the errors of the columns of the row in a scorer; means over rows leave out the cost of
 * unseen values, as in training.
 */
static void
count_errors(Drift *drift, AeScorer *scorer)
{
	double *errors = palloc0(sizeof(double) * drift->n_parts);
	double *scratch = palloc(sizeof(double) * drift->n_parts);
	uint64 *count = palloc0(sizeof(uint64) * drift->n_parts);

	ae_members_add_errors(errors, count, scorer, scratch);
	for (uint32 c = 0; c < drift->n_parts; c++)
	{
		Part *part = &parts_of(drift)[c];

		if (part->errors.n_bins == 0 || count[c] == 0)
			continue;
		count_number(drift, &part->errors, part->error_cut, errors[c]);
		if (!isfinite(errors[c]) || scorer->parts[c] > 0)
			continue;
		part->error_sum += errors[c];
		part->error_n++;
	}
	pfree(errors);
	pfree(scratch);
	pfree(count);
}

/*
 * Counts the score of a row and the errors of its columns. Errors come from the networks of its
 * fold alone, like those they are compared with.
 */
static void
count_score(Drift *drift, PgaeCached *cached, const AeBundleRow *seen)
{
	AeBundleRow own = {seen->values, seen->missing, seen->fold, NULL}, *row = &own;
	const AeModel *model = pgae_cached_fold(cached, 0);
	const AeCalibration *calibration = &model->calibration;
	AeScore score;

	ae_bundle_score(&score, &cached->scorer, row, 1);
	if (score.sight == AE_SIGHT_UNOBSERVED)
		return;
	drift->n_scored++;
	drift->n_flagged += ae_calibration_p(calibration, score.raw) <= CONTAMINATION;
	if (drift->scores.n_bins > 0)
		number_at(drift, drift->scores.now)[ae_calibration_place(calibration, score.raw)]++;
	if (score.sight == AE_SIGHT_SEEN)
		count_errors(drift, &cached->scorer.fold[row->fold]);
}

/* The row's values, with the levels of the first fold. */
static void
count_values(Drift *drift, PgaeCached *cached, Datum datum)
{
	const PgaeRow *row = pgae_codec_read(cached->codec, datum);

	if (cached->parsed.bundle.n_folds > 1)
		pgae_codec_choose(cached->codec, 0);
	for (uint32 c = 0; c < drift->n_parts; c++)
	{
		Part *part = &parts_of(drift)[c];

		if (row->missing[c])
			part->missing_now++;
		else
			count_value(drift, part, row->values[c]);
	}
}

static MemoryContext
check_aggregate(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("functions of the aggregate ae.drift cannot be called directly")));
	return context;
}

static void
check_same_model(const uint8 *a, const uint8 *b)
{
	if (memcmp(a, b, PGAE_SHA256_BYTES) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"model\" of ae.drift differs between rows"),
						errhint("One call judges one model: use GROUP BY to judge several.")));
}

Datum
pg_ae_drift_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = check_aggregate(fcinfo);
	Drift *drift = PG_ARGISNULL(0) ? NULL : (Drift *) PG_GETARG_POINTER(0);
	const uint8 *digest;
	AeBundleRow row;
	PgaeCached *cached;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (drift == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(drift);
	}
	cached = pgae_see_row(fcinfo, 1, &row);
	digest = pgae_cached_digest(cached, fcinfo, 1);
	if (drift == NULL)
		drift = begin(cached, digest, context);
	check_same_model(drift->digest, digest);
	drift->n_rows++;
	count_score(drift, cached, &row);
	count_values(drift, cached, PG_GETARG_DATUM(2));
	PG_RETURN_POINTER(drift);
}

/* ---- between processes ---- */

static Drift *
copy_state(const Drift *drift, MemoryContext context)
{
	Drift *copy = MemoryContextAllocHuge(context, drift->size);

	memcpy(copy, drift, drift->size);
	return copy;
}

static void
add_counts(Drift *to, Drift *from, const Counts *counts)
{
	double *sum = number_at(to, counts->now);
	const double *more = number_at(from, counts->now);

	for (uint32 i = 0; i < counts->n_bins; i++)
		sum[i] += more[i];
}

static void
add_part(Drift *to, Drift *from, uint32 c)
{
	Part *a = &parts_of(to)[c];
	const Part *b = &parts_of(from)[c];

	add_counts(to, from, &a->values);
	add_counts(to, from, &a->errors);
	a->missing_now += b->missing_now;
	a->n += b->n;
	a->sum += b->sum;
	a->squares += b->squares;
	a->min = Min(a->min, b->min);
	a->max = Max(a->max, b->max);
	a->error_sum += b->error_sum;
	a->error_n += b->error_n;
}

Datum
pg_ae_drift_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = check_aggregate(fcinfo);
	Drift *to = PG_ARGISNULL(0) ? NULL : (Drift *) PG_GETARG_POINTER(0);
	Drift *from = PG_ARGISNULL(1) ? NULL : (Drift *) PG_GETARG_POINTER(1);

	if (from == NULL)
	{
		if (to == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(to);
	}
	if (to == NULL)
		PG_RETURN_POINTER(copy_state(from, context));
	check_same_model(to->digest, from->digest);
	to->n_rows += from->n_rows;
	to->n_scored += from->n_scored;
	to->n_flagged += from->n_flagged;
	add_counts(to, from, &to->scores);
	for (uint32 c = 0; c < to->n_parts; c++)
		add_part(to, from, c);
	PG_RETURN_POINTER(to);
}

Datum
pg_ae_drift_serialfn(PG_FUNCTION_ARGS)
{
	const Drift *drift;
	bytea *bytes;

	check_aggregate(fcinfo);
	drift = (Drift *) PG_GETARG_POINTER(0);
	bytes = palloc(VARHDRSZ + drift->size);
	SET_VARSIZE(bytes, VARHDRSZ + drift->size);
	memcpy(VARDATA(bytes), drift, drift->size);
	PG_RETURN_BYTEA_P(bytes);
}

/* The bytes come from a worker of this query, so from this server and build. */
Datum
pg_ae_drift_deserialfn(PG_FUNCTION_ARGS)
{
	bytea *bytes;
	Drift *drift;

	check_aggregate(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	drift = MemoryContextAllocHuge(CurrentMemoryContext, VARSIZE_ANY_EXHDR(bytes));
	memcpy(drift, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	PG_RETURN_POINTER(drift);
}

/* ---- the answer ---- */

/* Findings about one source column, or about the rows as a whole. */
typedef struct Finding
{
	Part *first;
	Part *worst;   /* whose values differ most clearly */
	double p;      /* NaN: too few rows */
	double p_part; /* of the values, of NULLs, of errors */
	double p_nulls;
	double p_errors;
	double psi;
	double distance;
	double error_psi;
	bool drifted;
} Finding;

static double
test_values(Drift *drift, const Part *part, double *distance)
{
	const double *now = number_at(drift, part->values.now);
	const double *then = number_at(drift, part->values.then);

	if (part->kind == AE_KIND_CATEGORY)
		return ae_drift_unordered(distance, now, then, part->values.n_bins);
	return ae_drift_ordered(distance, now, then, part->values.n_bins);
}

static double
sum_of(const double *numbers, uint32 n)
{
	double sum = 0;

	for (uint32 i = 0; i < n; i++)
		sum += numbers[i];
	return sum;
}

static double
rows_then(Drift *drift, const Part *part)
{
	return part->missing_then + sum_of(number_at(drift, part->values.then), part->values.n_bins);
}

/* Tests whether errors have a larger mean or another distribution. */
static void
judge_errors(Drift *drift, Finding *finding)
{
	static const double none[2] = {0, 0};
	const Counts *errors = &finding->first->errors;
	double above, ks, p;

	finding->p_errors = 1;
	if (errors->n_bins == 0)
		return;
	p = ae_drift_ordered(&ks, number_at(drift, errors->now), number_at(drift, errors->then),
						 errors->n_bins);
	finding->p_errors = 2 * Min(p, ae_drift_rank(&above, number_at(drift, errors->now),
												 number_at(drift, errors->then), errors->n_bins));
	finding->error_psi = ae_drift_psi(number_at(drift, errors->now), number_at(drift, errors->then),
									  errors->n_bins, true, none);
}

/* Judges the source column of parts first .. first + n - 1. */
static void
judge_column(Finding *finding, Drift *drift, uint32 first, uint32 n)
{
	Part *parts = parts_of(drift);
	double n_tests;

	memset(finding, 0, sizeof(Finding));
	finding->first = finding->worst = &parts[first];
	finding->p_part = 1;
	for (uint32 c = first; c < first + n; c++)
	{
		Part *part = &parts[c];
		const double missing[2] = {part->missing_now, part->missing_then};
		double distance, p = test_values(drift, part, &distance);
		double psi =
			ae_drift_psi(number_at(drift, part->values.now), number_at(drift, part->values.then),
						 part->values.n_bins, part->kind != AE_KIND_CATEGORY, missing);

		if (p < finding->p_part || (p == finding->p_part && distance > finding->distance))
		{
			finding->worst = part;
			finding->p_part = p;
		}
		finding->psi = Max(finding->psi, psi);
		finding->distance = Max(finding->distance, distance);
	}
	finding->p_part = Min(1, finding->p_part * n);
	finding->p_nulls = ae_drift_exact(parts[first].missing_now, drift->n_rows,
									  parts[first].missing_then, rows_then(drift, &parts[first]));
	judge_errors(drift, finding);
	n_tests = parts[first].errors.n_bins > 0 ? 3 : 2;
	finding->p = Min(1, n_tests * Min(finding->p_part, Min(finding->p_nulls, finding->p_errors)));
	if (drift->n_rows < MIN_ROWS)
		finding->p = NAN;
}

/* ---- in words ---- */

/* The first few characters of a text, for a sentence. */
static const char *
shown(const char *text)
{
	return pnstrdup(text, pg_mbcharcliplen(text, (int) strlen(text), MAX_SHOWN));
}

/* For a category: the level whose share changed most. */
static char *
level_reason(Drift *drift, const Part *part)
{
	const double *now = number_at(drift, part->values.now);
	const double *then = number_at(drift, part->values.then);
	double n = Max(sum_of(now, part->values.n_bins), 1);
	double m = Max(sum_of(then, part->values.n_bins), 1);
	const char *text = text_at(drift, part->levels);
	uint32 most = 0;
	char *name;

	for (uint32 i = 1; i < part->values.n_bins; i++)
	{
		if (fabs(now[i] / n - then[i] / m) > fabs(now[most] / n - then[most] / m))
			most = i;
	}
	for (uint32 i = 0; i < most && i < part->n_levels; i++)
		text += strlen(text) + 1;
	if (most < part->n_levels)
		name = psprintf("\"%s\"", shown(text));
	else if (most + 1 == part->values.n_bins)
		name = "a level that training did not see";
	else
		name = "one of the rare levels";
	return psprintf("%s in %.3g %% of rows, %.3g %% in training", name, 100 * now[most] / n,
					100 * then[most] / m);
}

/* For a number: its distribution now.  Seconds since 2000 would mean nothing to a reader. */
static char *
number_reason(Drift *drift, const Part *part)
{
	const double *now = number_at(drift, part->values.now);
	double n = Max(sum_of(now, part->values.n_bins), 1);
	double moved = part->n > 0 ? part->sum / part->n : 0;
	double variance = part->n > 0 ? part->squares / part->n - moved * moved : 0;
	double mean = part->mean_then + moved;
	double beyond = 100 * (now[0] + now[part->values.n_bins - 1]) / n;

	if (part->kind == AE_KIND_TIME)
		return psprintf("%.3g %% of values are before or after all of training", beyond);
	if (part->kind == AE_KIND_BOOLEAN)
		return psprintf("true in %.3g %% of rows, %.3g %% in training", 100 * mean,
						100 * part->mean_then);
	if (part->n > 1 && part->min == part->max)
		return psprintf("always %.6g; mean %.6g in training", part->min, part->mean_then);
	return psprintf("mean %.6g, standard deviation %.4g; in training %.6g and %.4g", mean,
					sqrt(Max(variance, 0)), part->mean_then, part->sd_then);
}

static double
mean_error(const Part *part)
{
	return part->error_n > 0 ? part->error_sum / part->error_n : NAN;
}

/*
 * The evidence for drift: what the column looks like now; or, if that alone is not enough (its
 * p-value is above its share of the level), that the other columns do not explain it.
 */
static char *
reason_of(Drift *drift, const Finding *finding)
{
	const Part *first = finding->first, *worst = finding->worst;
	bool by_itself = Min(finding->p_nulls, finding->p_part) * 3 * drift->n_parts <= LEVEL;
	char *what;

	if (finding->p_nulls <= finding->p_part && (by_itself || finding->p_nulls <= finding->p_errors))
		return psprintf("NULL in %.3g %% of rows, %.3g %% in training",
						100 * first->missing_now / drift->n_rows,
						100 * first->missing_then / Max(rows_then(drift, first), 1));
	if (!by_itself && finding->p_part > finding->p_errors)
		return psprintf("%s by the other columns than in training: mean error %.3g, was %.3g",
						mean_error(first) > first->error_then ? "less well explained"
															  : "better explained",
						mean_error(first), first->error_then);
	what =
		worst->kind == AE_KIND_CATEGORY ? level_reason(drift, worst) : number_reason(drift, worst);
	if (strcmp(text_at(drift, worst->name), text_at(drift, worst->column)) == 0)
		return what;
	return psprintf("%s: %s", shown(text_at(drift, worst->name)), what);
}

/* ---- as jsonb ---- */

static void
put_bool(StringInfo out, const char *key, bool value, bool known)
{
	if (known)
		pgae_json_flag(out, key, value);
	else
		pgae_json_text(out, key, NULL);
}

static void
put_finding(StringInfo out, Drift *drift, const Finding *finding)
{
	Part *first = finding->first;
	bool category = first->kind == AE_KIND_CATEGORY;
	bool errors = first->errors.n_bins > 0;

	appendStringInfoChar(out, '{');
	pgae_json_text(out, "kind", ae_kind_name[first->kind]);
	put_bool(out, "drifted", finding->drifted, !isnan(finding->p));
	pgae_json_number(out, "p_value", finding->p);
	pgae_json_number(out, "psi", finding->psi);
	pgae_json_number(out, category ? "tv" : "ks", finding->distance);
	pgae_json_number(out, "nulls_was", first->missing_then / Max(rows_then(drift, first), 1));
	pgae_json_number(out, "nulls_now", first->missing_now / drift->n_rows);
	if (category)
	{
		uint32 last = first->values.n_bins - 1;
		const double *then = number_at(drift, first->values.then);
		const double *now = number_at(drift, first->values.now);

		pgae_json_number(out, "unseen_was", then[last] / Max(sum_of(then, last + 1), 1));
		pgae_json_number(out, "unseen_now", now[last] / Max(sum_of(now, last + 1), 1));
	}
	pgae_json_number(out, "error_was", errors ? first->error_then : NAN);
	pgae_json_number(out, "error_now", errors ? mean_error(first) : NAN);
	pgae_json_number(out, "strength", finding->psi + finding->error_psi);
	pgae_json_text(out, "reason", finding->drifted ? reason_of(drift, finding) : NULL);
	appendStringInfoChar(out, '}');
}

/* Judges the rows as a whole: their scores against those that calibrate. */
typedef struct Whole
{
	double p; /* NaN: there is nothing to compare with */
	double above;
	double psi;
	double error_was, error_now;
	bool drifted;
} Whole;

static void
judge_whole(Whole *whole, Drift *drift)
{
	static const double none[2] = {0, 0};
	const Counts *scores = &drift->scores;
	double sums[2] = {0, 0}, n[2] = {0, 0}, ks, p;

	*whole = (Whole){.p = NAN, .above = NAN, .psi = 0};
	for (uint32 c = 0; c < drift->n_parts; c++)
	{
		const Part *part = &parts_of(drift)[c];
		double m = sum_of(number_at(drift, part->errors.then), part->errors.n_bins);

		sums[0] += part->error_then * m;
		n[0] += m;
		sums[1] += part->error_sum;
		n[1] += part->error_n;
	}
	whole->error_was = sums[0] / n[0];
	whole->error_now = sums[1] / n[1];
	if (scores->n_bins == 0)
		return;
	/* bins are in descending order, so what lies above is the complement */
	p = ae_drift_rank(&whole->above, number_at(drift, scores->now), number_at(drift, scores->then),
					  scores->n_bins);
	whole->above = 1 - whole->above;
	p = Min(p, ae_drift_ordered(&ks, number_at(drift, scores->now), number_at(drift, scores->then),
								scores->n_bins));
	whole->psi = ae_drift_psi(number_at(drift, scores->now), number_at(drift, scores->then),
							  scores->n_bins, true, none);
	if (drift->n_rows >= MIN_ROWS)
		whole->p = Min(1, 2 * p);
}

static void
put_whole(StringInfo out, Drift *drift, const Whole *whole)
{
	appendStringInfoChar(out, '{');
	put_bool(out, "drifted", whole->drifted, !isnan(whole->p));
	pgae_json_number(out, "p_value", whole->p);
	pgae_json_number(out, "psi", whole->psi);
	pgae_json_number(out, "share_flagged",
					 drift->n_scored > 0 ? drift->n_flagged / drift->n_scored : NAN);
	pgae_json_number(out, "rank", whole->above);
	pgae_json_number(out, "error_was", whole->error_was);
	pgae_json_number(out, "error_now", whole->error_now);
	pgae_json_number(out, "strength", whole->psi);
	pgae_json_text(out, "reason",
				   whole->drifted
					   ? psprintf("scores of rows are %s than in training: %.3g %% flagged "
								  "at 1 %%, above a row of training in %.3g %% of pairs",
								  whole->above > 0.5 ? "higher" : "lower",
								  100 * drift->n_flagged / drift->n_scored, 100 * whole->above)
					   : NULL);
	appendStringInfoChar(out, '}');
}

/* Findings of all source columns; returns how many. */
static uint32
judge_columns(Finding *findings, Drift *drift)
{
	const Part *parts = parts_of(drift);
	uint32 n = 0;

	for (uint32 c = 0, end; c < drift->n_parts; c = end)
	{
		CHECK_FOR_INTERRUPTS();
		for (end = c + 1; end < drift->n_parts && parts[end].source == c; end++)
			;
		judge_column(&findings[n++], drift, c, end - c);
	}
	return n;
}

Datum
pg_ae_drift_finalfn(PG_FUNCTION_ARGS)
{
	Drift *drift;
	Finding *findings;
	Whole whole;
	double *p;
	bool *refused, any = false;
	uint32 n;
	StringInfoData out;

	check_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	drift = (Drift *) PG_GETARG_POINTER(0);
	findings = palloc(drift->n_parts * sizeof(Finding));
	p = palloc((drift->n_parts + 1) * sizeof(double));
	refused = palloc((drift->n_parts + 1) * sizeof(bool));
	n = judge_columns(findings, drift);
	judge_whole(&whole, drift);
	for (uint32 i = 0; i < n; i++)
		p[i] = findings[i].p;
	p[n] = whole.p;
	ae_drift_holm(refused, p, n + 1, LEVEL);
	for (uint32 i = 0; i < n; i++)
	{
		findings[i].drifted = refused[i];
		any |= refused[i];
	}
	whole.drifted = refused[n];
	any |= refused[n];

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	pgae_json_number(&out, "n_rows", drift->n_rows);
	put_bool(&out, "drifted", any, drift->n_rows >= MIN_ROWS);
	pgae_json_key(&out, "rows");
	put_whole(&out, drift, &whole);
	pgae_json_key(&out, "columns");
	appendStringInfoChar(&out, '{');
	for (uint32 i = 0; i < n; i++)
	{
		pgae_json_key(&out, text_at(drift, findings[i].first->column));
		put_finding(&out, drift, &findings[i]);
	}
	appendStringInfoString(&out, "}}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

/* ---- a query ---- */

static const char statement[] =
	"WITH ae_drift AS MATERIALIZED (SELECT ae.drift($1, r) AS j FROM ae_input), "
	"ae_found AS (SELECT c.key AS feature, c.value AS j FROM ae_drift d, "
	"pg_catalog.jsonb_each(d.j OPERATOR(pg_catalog.->) 'columns') AS c "
	"UNION ALL SELECT NULL, d.j OPERATOR(pg_catalog.->) 'rows' FROM ae_drift d "
	"WHERE d.j IS NOT NULL) "
	"SELECT f.feature, f.drifted, f.reason, f.psi, f.distance, f.nulls_was, f.nulls_now, "
	"f.error_was, f.error_now FROM (SELECT a.feature, r.drifted, r.reason, r.psi, "
	"coalesce(r.ks, r.tv) AS distance, r.nulls_was, r.nulls_now, r.error_was, r.error_now, "
	"r.strength FROM ae_found a, pg_catalog.jsonb_to_record(a.j) AS r(drifted "
	"pg_catalog.bool, reason pg_catalog.text, psi pg_catalog.float8, ks pg_catalog.float8, tv "
	"pg_catalog.float8, nulls_was pg_catalog.float8, nulls_now pg_catalog.float8, error_was "
	"pg_catalog.float8, error_now pg_catalog.float8, strength pg_catalog.float8)) f "
	"ORDER BY f.drifted DESC NULLS LAST, f.strength DESC, f.feature";

/* drift_report(model, query): what ae.drift says about the rows of a query, strongest first. */
Datum
pg_ae_drift_report(PG_FUNCTION_ARGS)
{
	char *query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(1)), "ae.drift_report", NULL);
	ReturnSetInfo *result = pgae_begin_set(fcinfo);
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Datum model = PG_GETARG_DATUM(0);

	if (pgae_set_of_query(result, query, "ae.drift_report", statement, 1, &type, &model) == 0)
		ereport(NOTICE, (errmsg("the query returned no rows")));
	return (Datum) 0;
}
