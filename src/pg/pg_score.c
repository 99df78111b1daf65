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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "pg_ae.h"

#define ROW_ARGUMENT 1

PG_FUNCTION_INFO_V1(pg_ae_encode);
PG_FUNCTION_INFO_V1(pg_ae_decode);
PG_FUNCTION_INFO_V1(pg_ae_reconstruct);
PG_FUNCTION_INFO_V1(pg_ae_reconstruction_error);
PG_FUNCTION_INFO_V1(pg_ae_raw_score);
PG_FUNCTION_INFO_V1(pg_ae_p_value);
PG_FUNCTION_INFO_V1(pg_ae_anomaly_score);
PG_FUNCTION_INFO_V1(pg_ae_is_anomaly);
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

/* The model of the call, its inputs filled from the row; *finite: no NaN or infinity. */
static PgaeCached *
fill_inputs(FunctionCallInfo fcinfo, bool *finite)
{
	PgaeCached *cached = pgae_cached_model(fcinfo, 0);
	const AeSchema *schema = &cached->model.schema;
	const double *fields;

	if (cached->codec == NULL)
	{
		cached->codec_type = get_fn_expr_argtype(fcinfo->flinfo, ROW_ARGUMENT);
		cached->codec = pgae_codec_create(schema, cached->codec_type, cached->context);
	}
	fields = pgae_codec_fields(cached->codec, PG_GETARG_DATUM(ROW_ARGUMENT));
	*finite = ae_scaler_apply(cached->scorer.inputs, schema, fields) < 0;
	return cached;
}

/* Outputs in scaled units to fields in the user's, one per column; palloc'd. */
static double *
invert_outputs(PgaeCached *cached, AeReal *outputs)
{
	AeScorer *scorer = &cached->scorer;
	double *fields = palloc(sizeof(double) * cached->model.schema.n_columns);

	ae_scorer_finish(scorer, outputs, 1);
	ae_scaler_invert(fields, &cached->model.schema, outputs);
	return fields;
}

/* The reconstruction error of the call's row; *cached: its model. */
static double
error_of_row(FunctionCallInfo fcinfo, PgaeCached **cached)
{
	bool finite;
	AeScorer *scorer;
	double error;

	*cached = fill_inputs(fcinfo, &finite);
	if (!finite)
		return get_float8_infinity();
	scorer = &(*cached)->scorer;
	ae_scorer_errors(&error, scorer, ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1), 1);
	return error;
}

/* What rows are ranked by: so far the reconstruction error. */
static double
raw_score(FunctionCallInfo fcinfo, PgaeCached **cached)
{
	return error_of_row(fcinfo, cached);
}

/* encode(model, row): code h = f(x). */
Datum
pg_ae_encode(PG_FUNCTION_ARGS)
{
	bool finite;
	PgaeCached *cached = fill_inputs(fcinfo, &finite);
	uint32 n_code = code_width(&cached->model);
	const AeReal *code = ae_scorer_encode(&cached->scorer, 1);
	float4 *elements;
	ArrayType *result = make_real_array(&elements, n_code);

	for (uint32 i = 0; i < n_code; i++)
		elements[i] = (float4) code[i];
	PG_RETURN_ARRAYTYPE_P(result);
}

/* decode(model, code): reconstruction r = g(h), one value per column in the model's order. */
Datum
pg_ae_decode(PG_FUNCTION_ARGS)
{
	PgaeCached *cached = pgae_cached_model(fcinfo, 0);
	ArrayType *arr = PG_GETARG_ARRAYTYPE_P(1);
	const float4 *code = check_code(arr, code_width(&cached->model));
	uint32 n_columns = cached->model.schema.n_columns;
	const double *fields = invert_outputs(cached, ae_scorer_decode(&cached->scorer, code, 1));
	float4 *elements;
	ArrayType *result = make_real_array(&elements, n_columns);

	for (uint32 i = 0; i < n_columns; i++)
		elements[i] = (float4) fields[i];
	PG_RETURN_ARRAYTYPE_P(result);
}

/* reconstruct(model, row): r = g(f(x)) as a row of the same type. */
Datum
pg_ae_reconstruct(PG_FUNCTION_ARGS)
{
	bool finite;
	PgaeCached *cached = fill_inputs(fcinfo, &finite);
	AeScorer *scorer = &cached->scorer;
	AeReal *outputs = ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1);

	PG_RETURN_DATUM(pgae_codec_form(cached->codec, PG_GETARG_DATUM(ROW_ARGUMENT),
									invert_outputs(cached, outputs)));
}

/* reconstruction_error(model, row): mean loss per column, scaled units. */
Datum
pg_ae_reconstruction_error(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;

	PG_RETURN_FLOAT8(error_of_row(fcinfo, &cached));
}

/* raw_score(model, row): what rows are ranked by. */
Datum
pg_ae_raw_score(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;

	PG_RETURN_FLOAT8(raw_score(fcinfo, &cached));
}

/* p_value(model, row): p = (1 + #{calibration >= s}) / (n + 1). */
Datum
pg_ae_p_value(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;
	double score = raw_score(fcinfo, &cached);

	PG_RETURN_FLOAT8(ae_calibration_p(&cached->model.calibration, score));
}

/* anomaly_score(model, row): 1 - p, its order kept beyond the largest calibration score. */
Datum
pg_ae_anomaly_score(PG_FUNCTION_ARGS)
{
	PgaeCached *cached;
	double score = raw_score(fcinfo, &cached);

	PG_RETURN_FLOAT8(ae_calibration_anomaly(&cached->model.calibration, score));
}

/* is_anomaly(model, row, contamination): p <= contamination. */
Datum
pg_ae_is_anomaly(PG_FUNCTION_ARGS)
{
	double contamination = PG_GETARG_FLOAT8(2);
	PgaeCached *cached;
	double score;

	if (!(contamination >= 0 && contamination <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("contamination is %s, must be between 0 and 1",
							   float8out_internal(contamination))));
	score = raw_score(fcinfo, &cached);
	PG_RETURN_BOOL(ae_calibration_p(&cached->model.calibration, score) <= contamination);
}

/* version(): the version of the library that is loaded. */
Datum
pg_ae_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(AE_VERSION));
}
