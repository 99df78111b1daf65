/*
 * pg_score.c: the functions that use a model on one row.  All of them: the parsed
 * model of the call, the row's fields, the engine's forward pass.
 *
 * A row with NaN or an infinity in it is no error here, so that an INSERT into a table
 * with an indexed score never fails for being anomalous: its error is Infinity, its
 * code and reconstruction are those of the mean in that column.
 */
#include "postgres.h"

#include <math.h>

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "ae_hash.h"
#include "ae_impute.h"
#include "pg_score.h"

PG_FUNCTION_INFO_V1(pg_ae_encode);
PG_FUNCTION_INFO_V1(pg_ae_encode_bits);
PG_FUNCTION_INFO_V1(pg_ae_decode);
PG_FUNCTION_INFO_V1(pg_ae_reconstruct);
PG_FUNCTION_INFO_V1(pg_ae_reconstruction_error);
PG_FUNCTION_INFO_V1(pg_ae_raw_score);
PG_FUNCTION_INFO_V1(pg_ae_p_value);
PG_FUNCTION_INFO_V1(pg_ae_anomaly_score);
PG_FUNCTION_INFO_V1(pg_ae_is_anomaly);
PG_FUNCTION_INFO_V1(pg_ae_threshold);
PG_FUNCTION_INFO_V1(pg_ae_impute);
PG_FUNCTION_INFO_V1(pg_ae_explain);
PG_FUNCTION_INFO_V1(pg_ae_version);

/* The number of code units. */
static uint32
code_width(const AeModel *model)
{
	return model->net.width[model->net.n_encoder];
}

/* An array of n real, its elements to be filled through *elements. */
static ArrayType *
make_real_array(float4 **elements, uint32 n)
{
	Size bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * n;
	ArrayType *arr = palloc0(bytes);

	SET_VARSIZE(arr, bytes);
	arr->ndim = 1;
	arr->dataoffset = 0;
	arr->elemtype = FLOAT4OID;
	ARR_DIMS(arr)[0] = (int) n;
	ARR_LBOUND(arr)[0] = 1;
	*elements = (float4 *) ARR_DATA_PTR(arr);
	return arr;
}

/* Guards of a code: one dimension, as long as the model's, no NULL, finite. */
static const float4 *
check_code(ArrayType *arr, uint32 n_code)
{
	int n = ARR_NDIM(arr) == 0 ? 0 : ARR_DIMS(arr)[0];
	const float4 *code = (const float4 *) ARR_DATA_PTR(arr);

	if (ARR_NDIM(arr) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("code has %d dimensions, must have one", ARR_NDIM(arr))));
	if ((uint32) n != n_code)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("code has %d elements, model expects %u", n, n_code)));
	for (int i = 0; ARR_HASNULL(arr) && i < n; i++)
	{
		if (att_isnull(i, ARR_NULLBITMAP(arr)))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("code element [%d] is NULL", i + 1)));
	}
	for (int i = 0; i < n; i++)
	{
		if (!isfinite(code[i]))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("code element [%d] is %s, must be finite", i + 1,
								   float8out_internal((double) code[i]))));
	}
	return code;
}

/* Whether no column that varies is there, and no value that training did not see. */
static bool
is_unobserved(const PgaeNetwork *network, const PgaeRow *row)
{
	const AeSchema *schema = &network->model.schema;

	if (network->scorer.unseen[0] > 0)
		return false;
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (schema->columns[c].varies && !row->missing[c])
			return false;
	}
	return true;
}

static PgaeCodec *
make_codec(const PgaeCached *cached, Oid row_type)
{
	const AeSchema *schemas[AE_MAX_FOLDS];

	for (uint32 f = 0; f < cached->n_folds; f++)
		schemas[f] = &cached->networks[f * cached->n_members].model.schema;
	return pgae_codec_create(schemas, (int) cached->n_folds, row_type, cached->context);
}

PgaeCached *
pgae_see_row(FunctionCallInfo fcinfo, int argno, const PgaeRow **row, PgaeSight *sight)
{
	PgaeCached *cached = pgae_cached_model(fcinfo, argno);

	if (cached->codec == NULL)
		cached->codec = make_codec(cached, get_fn_expr_argtype(fcinfo->flinfo, argno + 1));
	*row = pgae_codec_read(cached->codec, PG_GETARG_DATUM(argno + 1));
	if (cached->n_folds > 1)
	{
		unsigned fold = ae_hash_fold((*row)->hash);

		pgae_codec_choose(cached->codec, fold);
		cached->network = &cached->networks[fold * cached->n_members];
	}
	*sight = PGAE_SEEN;
	for (uint32 m = 0; m < cached->n_members; m++)
	{
		if (ae_scorer_take(&cached->network[m].scorer, 0, (*row)->values, (*row)->missing) >= 0)
			*sight = PGAE_INFINITE;
	}
	if (*sight == PGAE_SEEN && unlikely((*row)->any_missing) &&
		is_unobserved(cached->network, *row))
		*sight = PGAE_UNOBSERVED;
	return cached;
}

static AeReal *
outputs_of_row(PgaeNetwork *network)
{
	return ae_scorer_decode(&network->scorer, ae_scorer_encode(&network->scorer, 1), 1);
}

/* What the networks of the row's fold make of its cells, on the average: finished outputs. */
static AeReal *
mean_outputs(PgaeCached *cached)
{
	size_t n = ae_layout_outputs(&cached->network->model.net.layout);
	AeReal *mean = palloc0(sizeof(AeReal) * n);

	for (uint32 m = 0; m < cached->n_members; m++)
	{
		PgaeNetwork *network = &cached->network[m];
		AeReal *outputs = outputs_of_row(network);

		ae_scorer_finish(&network->scorer, outputs, 1);
		for (size_t i = 0; i < n; i++)
			mean[i] += outputs[i] / (AeReal) cached->n_members;
	}
	return mean;
}

/* Finished outputs to values; palloc'd. */
static double *
invert_outputs(const AeModel *model, const AeReal *outputs)
{
	double *values = palloc(sizeof(double) * model->schema.n_columns);

	ae_scaler_invert(values, &model->schema, &model->net.layout, outputs);
	return values;
}

void
pgae_score_seen(double *error, double *raw, PgaeCached *cached, PgaeSight sight)
{
	*error = *raw = get_float8_infinity();
	if (sight == PGAE_INFINITE)
		return;
	*error = *raw = 0;
	for (uint32 m = 0; m < cached->n_members; m++)
	{
		PgaeNetwork *network = &cached->network[m];
		double one;

		ae_scorer_errors(&one, &network->scorer, outputs_of_row(network), 1);
		*error += one / cached->n_members;
		*raw += ae_scorer_raw_score(&network->scorer, 0, one) / cached->n_members;
	}
}

/* Error and raw score of the call's row; *cached: its model.  False for none: NULL. */
static bool
score_row(double *error, double *raw, FunctionCallInfo fcinfo, PgaeCached **cached)
{
	const PgaeRow *row;
	PgaeSight sight;

	*cached = pgae_see_row(fcinfo, 0, &row, &sight);
	if (sight == PGAE_UNOBSERVED)
		return false;
	pgae_score_seen(error, raw, *cached, sight);
	return true;
}

/* A code is of one network: 55000 where there are several. */
static void
refuse_code(const PgaeCached *cached)
{
	if (cached->n_folds * cached->n_members > 1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the model has %u networks, whose codes cannot be compared",
							   cached->n_folds * cached->n_members),
						errhint("Train it with the option \"purpose\" = compress, or with "
								"\"folds\" = 1.")));
}

static double
check_contamination(double contamination)
{
	if (!(contamination >= 0 && contamination <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("contamination is %s, must be between 0 and 1",
							   float8out_internal(contamination))));
	return contamination;
}

/* encode(model, row): code h = f(x). */
Datum
pg_ae_encode(PG_FUNCTION_ARGS)
{
	const PgaeRow *row;
	PgaeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row, &sight);
	uint32 n_code = code_width(&cached->network->model);
	const AeReal *code;
	float4 *elements;
	ArrayType *result;

	refuse_code(cached);
	code = ae_scorer_encode(&cached->network->scorer, 1);
	result = make_real_array(&elements, n_code);
	for (uint32 i = 0; i < n_code; i++)
		elements[i] = (float4) code[i];
	PG_RETURN_ARRAYTYPE_P(result);
}

/*
 * encode_bits(model, row): the code, a bit for each unit, the first one leftmost: 1 where a
 * sigmoid is above 1/2, and any other unit above 0.
 */
Datum
pg_ae_encode_bits(PG_FUNCTION_ARGS)
{
	const PgaeRow *row;
	PgaeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row, &sight);
	const AeNet *net = &cached->network->model.net;
	uint32 n_code = code_width(&cached->network->model);
	AeReal middle = net->activation[net->n_encoder - 1] == AE_SIGMOID ? 0.5f : 0;
	const AeReal *code;
	VarBit *result;

	refuse_code(cached);
	code = ae_scorer_encode(&cached->network->scorer, 1);
	result = palloc0(VARBITTOTALLEN(n_code));
	SET_VARSIZE(result, VARBITTOTALLEN(n_code));
	VARBITLEN(result) = (int32) n_code;
	for (uint32 i = 0; i < n_code; i++)
	{
		if (code[i] > middle)
			VARBITS(result)[i / BITS_PER_BYTE] |= (bits8) (HIGHBIT >> (i % BITS_PER_BYTE));
	}
	PG_RETURN_VARBIT_P(result);
}

/* decode(model, code): reconstruction r = g(h), one value per column in the model's order. */
Datum
pg_ae_decode(PG_FUNCTION_ARGS)
{
	PgaeCached *cached = pgae_cached_model(fcinfo, 0);
	ArrayType *arr = PG_GETARG_ARRAYTYPE_P(1);
	PgaeNetwork *network = cached->networks;
	const AeSchema *schema = &network->model.schema;
	const float4 *code;
	AeReal *outputs;
	const double *values;
	float4 *elements;
	ArrayType *result;

	refuse_code(cached);
	code = check_code(arr, code_width(&network->model));
	outputs = ae_scorer_decode(&network->scorer, code, 1);
	ae_scorer_finish(&network->scorer, outputs, 1);
	values = invert_outputs(&network->model, outputs);
	result = make_real_array(&elements, schema->n_columns);
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		/* of a category the number of its level */
		if (schema->columns[c].kind == AE_KIND_CATEGORY)
			elements[c] = (float4) (values[c] < 0 ? schema->columns[c].n_levels : values[c]) + 1;
		else
			elements[c] = (float4) values[c];
	}
	PG_RETURN_ARRAYTYPE_P(result);
}

/* reconstruct(model, row): r = g(f(x)) as a row of the same type. */
Datum
pg_ae_reconstruct(PG_FUNCTION_ARGS)
{
	const PgaeRow *row;
	PgaeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row, &sight);
	const double *values = invert_outputs(&cached->network->model, mean_outputs(cached));

	PG_RETURN_DATUM(pgae_codec_form(cached->codec, PG_GETARG_DATUM(1), values, NULL));
}

/* reconstruction_error(model, row): mean loss per observed column, scaled units. */
Datum
pg_ae_reconstruction_error(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;
	double error, raw;

	if (!score_row(&error, &raw, fcinfo, &cached))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(error);
}

/* raw_score(model, row): what rows are ranked by. */
Datum
pg_ae_raw_score(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;
	double error, raw;

	if (!score_row(&error, &raw, fcinfo, &cached))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(raw);
}

/* p_value(model, row): p = (1 + #{calibration >= s}) / (n + 1). */
Datum
pg_ae_p_value(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;
	double error, raw;

	if (!score_row(&error, &raw, fcinfo, &cached))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ae_calibration_p(&cached->networks->model.calibration, raw));
}

/* anomaly_score(model, row): 1 - p, its order kept beyond the largest calibration score. */
Datum
pg_ae_anomaly_score(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;
	double error, raw;

	if (!score_row(&error, &raw, fcinfo, &cached))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ae_calibration_anomaly(&cached->networks->model.calibration, raw));
}

/* is_anomaly(model, row, contamination): p <= contamination. */
Datum
pg_ae_is_anomaly(PG_FUNCTION_ARGS)
{
	double contamination = check_contamination(PG_GETARG_FLOAT8(2));
	PgaeCached *cached;
	double error, raw;

	if (!score_row(&error, &raw, fcinfo, &cached))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(ae_calibration_p(&cached->networks->model.calibration, raw) <= contamination);
}

/* threshold(model, contamination): is_anomaly is raw_score > threshold. */
Datum
pg_ae_threshold(PG_FUNCTION_ARGS)
{
	double contamination = check_contamination(PG_GETARG_FLOAT8(1));
	PgaeCached *cached = pgae_cached_model(fcinfo, 0);

	PG_RETURN_FLOAT8(ae_calibration_threshold(&cached->networks->model.calibration, contamination));
}

/* ---- impute ---- */

/*
 * impute(model, row): NULLs become what the networks make of the row, in the way that was best in
 * training.  Where nothing is known, nothing speaks for more than one pass.
 */
Datum
pg_ae_impute(PG_FUNCTION_ARGS)
{
	const PgaeRow *row;
	PgaeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row, &sight);
	const AeModel *model = &cached->network->model;
	AeFilling filling = sight == PGAE_UNOBSERVED ? AE_FILLING_ONCE : model->filling;
	AeScorer *scorers[AE_MAX_MEMBERS];
	AeReal *outputs, *scratch;
	bool *missing;

	if (!row->any_missing)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	missing = palloc(sizeof(bool) * model->schema.n_columns);
	memcpy(missing, row->missing, sizeof(bool) * model->schema.n_columns);
	for (uint32 m = 0; m < cached->n_members; m++)
		scorers[m] = &cached->network[m].scorer;
	outputs = palloc(sizeof(AeReal) * ae_layout_outputs(&model->net.layout));
	scratch = palloc(sizeof(AeReal) * ae_impute_scratch(model));
	ae_impute(outputs, scorers, cached->n_members, missing, filling, scratch);
	PG_RETURN_DATUM(pgae_codec_form(cached->codec, PG_GETARG_DATUM(1),
									invert_outputs(model, outputs), missing));
}

/* ---- explain ---- */

/* Standard deviations from the mean of training from which on a value is far from it. */
#define FAR 3

/* Of them, what a value may differ from the expected one and still be as expected. */
#define NEAR 0.1

/* Characters of a value in a reason. */
#define REASON_CHARS 60

/* A source column and its part in the error of a row. */
typedef struct Part
{
	uint32 column;
	double error;
	double share;
	double by_error; /* the parts of the raw score that share is of */
	double by_distance;
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
 * network may have moved its expectation too (measured: first in 95 % of such rows, not 80 %).
 */
static int
by_blame(const void *a, const void *b)
{
	const Part *x = a;
	const Part *y = b;
	bool x_odd = !x->as_expected || fabs(x->z) >= FAR;
	bool y_odd = !y->as_expected || fabs(y->z) >= FAR;
	double x_blame = x->share + by_itself(x);
	double y_blame = y->share + by_itself(y);

	if (x_odd != y_odd)
		return x_odd ? -1 : 1;
	if (x_blame != y_blame)
		return x_blame > y_blame ? -1 : 1;
	return x->column < y->column ? -1 : 1;
}

/* From parts in the raw score, in ->share, to shares; infinite ones take all. */
static void
set_shares(Part *parts, uint32 n)
{
	double sum = 0, n_infinite = 0;

	for (uint32 i = 0; i < n; i++)
	{
		n_infinite += isinf(parts[i].share);
		sum += parts[i].share;
	}
	for (uint32 i = 0; i < n; i++)
	{
		if (n_infinite > 0)
			parts[i].share = isinf(parts[i].share) ? 1 / n_infinite : 0;
		else
			parts[i].share = sum > 0 ? parts[i].share / sum : 1.0 / n;
	}
}

static bool
has_infinite_value(const AeSchema *schema, const PgaeRow *row, uint32 first)
{
	uint32 end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);

	for (uint32 c = first; c < end; c++)
	{
		if (schema->columns[c].observed && !row->missing[c] && !isfinite(row->values[c]))
			return true;
	}
	return false;
}

/* The observed columns of a row that varied in training or are not what they were; how many. */
static uint32
list_parts(Part *parts, const AeSchema *schema, const double *errors)
{
	uint32 n = 0;

	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (!isnan(errors[c]) &&
			(errors[c] > 0 || schema->columns[c].unseen == 0 || ae_schema_source_varies(schema, c)))
			parts[n++] = (Part){.column = c};
	}
	return n;
}

/*
 * The columns that explain a row, their errors and their parts in the raw score, means over the
 * members; returns how many.
 */
static uint32
explain_parts(Part *parts, PgaeCached *cached, const PgaeRow *row)
{
	const AeSchema *schema = &cached->network->model.schema;
	double *errors = palloc(sizeof(double) * schema->n_columns);
	double *distances = palloc(sizeof(double) * schema->n_columns);
	double *extremes = palloc(sizeof(double) * schema->n_columns);
	uint32 n = 0;

	for (uint32 m = 0; m < cached->n_members; m++)
	{
		PgaeNetwork *network = &cached->network[m];
		double n_observed = ae_scorer_observed(network->scorer.cells, &network->model.net.layout);

		ae_scorer_column_errors(errors, &network->scorer, outputs_of_row(network));
		ae_scorer_column_distances(distances, &network->scorer);
		ae_scorer_column_extremes(extremes, &network->scorer);
		if (m == 0)
			n = list_parts(parts, schema, errors);
		for (uint32 i = 0; i < n; i++)
		{
			Part *part = &parts[i];
			uint32 c = part->column;
			bool infinite = schema->columns[c].element <= 1 && has_infinite_value(schema, row, c);
			double error = infinite ? get_float8_infinity() : errors[c];

			part->error += error / cached->n_members;
			part->by_error += error / n_observed / network->model.error_norm;
			part->by_distance += distances[c] / network->model.distance_norm + extremes[c];
		}
	}
	for (uint32 i = 0; i < n; i++)
		parts[i].share = parts[i].by_error + parts[i].by_distance;
	set_shares(parts, n);
	return n;
}

ReturnSetInfo *
pgae_begin_set(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (result == NULL || !IsA(result, ReturnSetInfo))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	if ((result->allowedModes & SFRM_Materialize) == 0 || result->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("materialize mode required, but it is not allowed in this context")));
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	result->setDesc = CreateTupleDescCopy(result->expectedDesc);
	MemoryContextSwitchTo(old);
	return result;
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
deviation(const AeSchema *schema, const PgaeRow *row, uint32 first)
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
is_as_expected(const AeSchema *schema, const PgaeRow *row, const double *values, const Part *part)
{
	uint32 first = part->column;
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
reason_of(const Part *part, const AeSchema *schema, const PgaeRow *row, const double *values)
{
	const AeColumn *column = &schema->columns[part->column];
	char *what = psprintf("%s is %s", pgae_column_name(schema, part->column), shown(part->actual));
	double value = row->values[part->column];
	const char *side = part->z > 0 ? "above" : "below";
	bool explained = fabs(value - values[part->column]) < fabs(value - column->mean) / 2;

	if (column->element == 0 && fabs(part->z) >= FAR &&
		(explained || part->by_distance > part->by_error))
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

/* What there is to say of parts, in the order of blame. */
static void
judge_parts(Part *parts, uint32 n, PgaeCached *cached, const PgaeRow *row, Datum datum,
			const AeReal *outputs, const double *values)
{
	const AeSchema *schema = &cached->network->model.schema;

	pgae_codec_open(cached->codec, datum);
	for (uint32 i = 0; i < n; i++)
	{
		Part *part = &parts[i];

		CHECK_FOR_INTERRUPTS();
		part->probability = ae_scorer_probability(&cached->network->scorer, outputs, part->column);
		pgae_codec_texts(cached->codec, values, part->column, &part->actual, &part->expected);
		part->z = deviation(schema, row, part->column);
		part->as_expected = is_as_expected(schema, row, values, part);
	}
	qsort(parts, n, sizeof(Part), by_blame);
}

/* explain(model, row): which columns make it odd, those to blame first. */
Datum
pg_ae_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = pgae_begin_set(fcinfo);
	const PgaeRow *row;
	PgaeSight sight;
	PgaeCached *cached;
	const AeSchema *schema;
	AeReal *outputs;
	double *values;
	Part *parts;
	uint32 n;

	cached = pgae_see_row(fcinfo, 0, &row, &sight);
	if (sight == PGAE_UNOBSERVED)
		return (Datum) 0;
	schema = &cached->network->model.schema;
	parts = palloc(sizeof(Part) * schema->n_columns);
	n = explain_parts(parts, cached, row);
	outputs = mean_outputs(cached);
	values = invert_outputs(&cached->network->model, outputs);
	judge_parts(parts, n, cached, row, PG_GETARG_DATUM(1), outputs, values);
	for (uint32 i = 0; i < n; i++)
	{
		Datum out[7] = {0};
		bool nulls[7] = {false};

		out[0] = CStringGetTextDatum(pgae_column_name(schema, parts[i].column));
		put_text(&out[1], &nulls[1], parts[i].actual);
		put_text(&out[2], &nulls[2], parts[i].expected);
		out[3] = Float8GetDatum(parts[i].error);
		out[4] = Float8GetDatum(parts[i].share);
		out[5] = Float8GetDatum(parts[i].probability);
		nulls[5] = isnan(parts[i].probability);
		put_text(&out[6], &nulls[6], reason_of(&parts[i], schema, row, values));
		tuplestore_putvalues(result->setResult, result->setDesc, out, nulls);
	}
	return (Datum) 0;
}

/* version(): the version of the library that is loaded. */
Datum
pg_ae_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(AE_VERSION));
}
