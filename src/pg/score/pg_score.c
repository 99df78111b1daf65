/*
 * pg_score.c: the functions that apply a model to one row. Each takes the parsed model of the call,
 * reads the row's values, and runs the engine's forward pass.
 *
 * A row that contains NaN or an infinity is not an error here, so that an INSERT into a table with
 * an indexed score never fails because the row is anomalous: its error is Infinity, and its code
 * and reconstruction are those of a row with the mean in that column.
 */
#include "postgres.h"

#include <math.h>

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/varbit.h"

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
PG_FUNCTION_INFO_V1(pg_ae_version);

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

/* The number of code units. */
static uint32
code_width(const AeModel *model)
{
	return model->net.width[model->net.n_encoder];
}

/* An array of n real, whose elements the caller fills in through *elements. */
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

/* Checks a code: one dimension, as long as the model's, no NULL, finite. */
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

PgaeCodec *
pgae_make_codec(const PgaeCached *cached, Oid row_type)
{
	const AeSchema *schemas[AE_MAX_FOLDS];

	for (uint32 f = 0; f < cached->parsed.bundle.n_folds; f++)
		schemas[f] = &pgae_cached_fold(cached, f)->schema;
	return pgae_codec_create(schemas, (int) cached->parsed.bundle.n_folds, row_type,
							 cached->context);
}

PgaeCached *
pgae_see_any_row(FunctionCallInfo fcinfo, int argno, AeBundleRow *row)
{
	PgaeCached *cached = pgae_cached_model(fcinfo, argno);

	if (cached->codec == NULL)
		cached->codec = pgae_make_codec(cached, get_fn_expr_argtype(fcinfo->flinfo, argno + 1));
	*row = pgae_bundle_row(cached, pgae_codec_read(cached->codec, PG_GETARG_DATUM(argno + 1)));
	return cached;
}

/* Raises 55000 for a model that has only seen rows with hidden columns. */
static void
refuse_drawing(const PgaeCached *cached)
{
	if (pgae_cached_fold(cached, 0)->schema.draws)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the model was trained to generate rows, and cannot score complete ones"),
				 errhint("Train one with the option \"purpose\" = detect, compress or search.")));
}

PgaeCached *
pgae_see_row(FunctionCallInfo fcinfo, int argno, AeBundleRow *row)
{
	PgaeCached *cached = pgae_see_any_row(fcinfo, argno, row);

	refuse_drawing(cached);
	return cached;
}

/* Finished outputs to values; palloc'd. */
static double *
invert_outputs(const AeModel *model, const AeReal *outputs)
{
	double *values = palloc(sizeof(double) * model->schema.n_columns);

	ae_scaler_invert(values, &model->schema, &model->net.layout, outputs);
	return values;
}

double *
pgae_expected(AeReal **outputs, AeScorer *scorer)
{
	*outputs = palloc(sizeof(AeReal) * ae_layout_outputs(&scorer->model->net.layout));
	ae_members_outputs(*outputs, scorer, 1);
	return invert_outputs(scorer->model, *outputs);
}

/* Reads a row again, with its fold, and forms what the model expects in its place. */
static Datum
form_again(PgaeCached *cached, Datum argument, const AeBundleRow *row, const double *values)
{
	pgae_codec_read(cached->codec, argument);
	if (cached->parsed.bundle.n_folds > 1)
		pgae_codec_choose(cached->codec, row->fold);
	return pgae_codec_form(cached->codec, argument, values, NULL);
}

/* Reconstructs a batch: returns the call's row and leaves the others with the node. */
static Datum
reconstruct_batch(PgaeCached *cached, PgaeBatch *batch, Datum argument)
{
	PgaeAhead *ahead = cached->ahead;
	Datum result = (Datum) 0;

	for (uint32 f = 0; f < cached->parsed.bundle.n_folds; f++)
	{
		size_t n, width;
		AeScorer *scorer = pgae_batch_take(batch, f, &n);
		AeReal *outputs;

		width = ae_layout_outputs(&scorer->model->net.layout);
		outputs = palloc_extended(sizeof(AeReal) * Max(n, 1) * width, MCXT_ALLOC_HUGE);
		ae_members_outputs(outputs, scorer, n);
		for (size_t i = 0; i < n; i++)
		{
			size_t at = batch->scorer.place[i];
			double *values = invert_outputs(scorer->model, outputs + i * width);

			if (at == 0)
				result = form_again(cached, argument, &batch->rows[0], values);
			else
			{
				MemoryContext old = MemoryContextSwitchTo(ahead->results);
				Datum other = ahead->argument(ahead, batch->place[at]);

				pgae_leave(cached, PGAE_OUTPUTS, batch->place[at],
						   form_again(cached, other, &batch->rows[at], values));
				MemoryContextSwitchTo(old);
			}
			pfree(values);
		}
		pfree(outputs);
	}
	return result;
}

/* ---- scores ---- */

/* The result of a function, from a score and its third argument. */
typedef Datum (*OfScore)(const AeCalibration *calibration, double contamination,
						 const AeScore *score);

/* mean loss per observed column, scaled units */
static Datum
error_of(const AeCalibration *calibration, double contamination, const AeScore *score)
{
	return Float8GetDatum(score->error);
}

/* what rows are ranked by */
static Datum
raw_of(const AeCalibration *calibration, double contamination, const AeScore *score)
{
	return Float8GetDatum(score->raw);
}

/* p = (1 + #{calibration >= s}) / (n + 1) */
static Datum
p_of(const AeCalibration *calibration, double contamination, const AeScore *score)
{
	return Float8GetDatum(ae_calibration_p(calibration, score->raw));
}

/* 1 - p, continued beyond the largest calibration score so that order is kept */
static Datum
anomaly_of(const AeCalibration *calibration, double contamination, const AeScore *score)
{
	return Float8GetDatum(ae_calibration_anomaly(calibration, score->raw));
}

/* p <= contamination */
static Datum
verdict_of(const AeCalibration *calibration, double contamination, const AeScore *score)
{
	return BoolGetDatum(ae_calibration_p(calibration, score->raw) <= contamination);
}

/* Leaves the results of the node's calls for the rows taken along with the node. */
static void
leave_scores(const PgaeCached *cached, const PgaeBatch *batch)
{
	const AeCalibration *calibration = &pgae_cached_fold(cached, 0)->calibration;
	MemoryContext old =
		MemoryContextSwitchTo(cached->ahead->results); /* where float8 is passed by reference */

	for (int k = 0; k < cached->ahead->n_calls; k++)
	{
		PgaeAheadCall *call = &cached->ahead->calls[k];

		for (uint32 i = 1; call->use->forward == PGAE_SCORES && i < batch->n; i++)
		{
			uint32 place = batch->place[i];

			call->ready[place] = batch->scores[i].sight != AE_SIGHT_UNOBSERVED;
			if (call->ready[place])
				call->values[place] =
					call->use->of_score(calibration, call->contamination, &batch->scores[i]);
		}
	}
	MemoryContextSwitchTo(old);
}

/* Calls of_score with the score of the call's row; NULL if it has none. */
static Datum
score_call(FunctionCallInfo fcinfo, double contamination, OfScore of_score)
{
	AeBundleRow row;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	PgaeBatch *batch = pgae_look_ahead(cached, &row, PGAE_SCORES);
	AeScore score;

	if (batch == NULL)
		ae_bundle_score(&score, &cached->scorer, &row, 1);
	else
	{
		ae_bundle_score(batch->scores, &batch->scorer, batch->rows, batch->n);
		leave_scores(cached, batch);
		score = batch->scores[0];
	}
	if (score.sight == AE_SIGHT_UNOBSERVED)
		PG_RETURN_NULL();
	return of_score(&pgae_cached_fold(cached, 0)->calibration, contamination, &score);
}

void
pgae_refuse_code(const PgaeCached *cached)
{
	uint32 n_networks = cached->parsed.bundle.n_folds * cached->parsed.bundle.n_members;

	if (n_networks > 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the model has %u networks, whose codes cannot be compared", n_networks),
				 errhint("Train it with the option \"purpose\" = compress or search, or with "
						 "\"folds\" = 1.")));
}

double
pgae_contamination(double contamination)
{
	if (!(contamination >= 0 && contamination <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("contamination is %s, must be between 0 and 1",
							   float8out_internal(contamination))));
	return contamination;
}

/* ---- codes ---- */

Datum
pgae_code_array(const AeModel *model, const AeReal *code)
{
	uint32 n_code = code_width(model);
	float4 *elements;
	ArrayType *result = make_real_array(&elements, n_code);

	for (uint32 i = 0; i < n_code; i++)
		elements[i] = (float4) code[i];
	return PointerGetDatum(result);
}

/* A bit for each unit, the first one leftmost: 1 where a sigmoid is above 1/2, and any other unit
   above 0. */
static Datum
code_bits(const AeModel *model, const AeReal *code)
{
	const AeNet *net = &model->net;
	uint32 n_code = code_width(model);
	AeReal middle = net->activation[net->n_encoder - 1] == AE_SIGMOID ? 0.5f : 0;
	VarBit *result = palloc0(VARBITTOTALLEN(n_code));

	SET_VARSIZE(result, VARBITTOTALLEN(n_code));
	VARBITLEN(result) = (int32) n_code;
	for (uint32 i = 0; i < n_code; i++)
	{
		if (code[i] > middle)
			VARBITS(result)[i / BITS_PER_BYTE] |= (uint8) (HIGHBIT >> (i % BITS_PER_BYTE));
	}
	return PointerGetDatum(result);
}

/* Like leave_scores; codes: those of the batch's rows. */
static void
leave_codes(const PgaeCached *cached, const PgaeBatch *batch, const AeReal *codes)
{
	const AeModel *model = pgae_cached_fold(cached, 0);
	MemoryContext old = MemoryContextSwitchTo(cached->ahead->results);

	for (int k = 0; k < cached->ahead->n_calls; k++)
	{
		PgaeAheadCall *call = &cached->ahead->calls[k];

		for (uint32 i = 1; call->use->forward == PGAE_CODES && i < batch->n; i++)
		{
			call->values[batch->place[i]] =
				call->use->of_code(model, codes + (size_t) i * code_width(model));
			call->ready[batch->place[i]] = true;
		}
	}
	MemoryContextSwitchTo(old);
}

/* Calls of_code with the code of the call's row, from the model's only network. */
static Datum
code_call(FunctionCallInfo fcinfo, Datum (*of_code)(const AeModel *model, const AeReal *code))
{
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	PgaeBatch *batch;
	const AeReal *codes;

	pgae_refuse_code(cached);
	batch = pgae_look_ahead(cached, &row, PGAE_CODES);
	if (batch == NULL)
		codes = ae_scorer_encode(ae_bundle_take(&sight, &cached->scorer, &row), 1);
	else
	{
		size_t n;

		codes = ae_scorer_encode(pgae_batch_take(batch, 0, &n), batch->n);
		leave_codes(cached, batch, codes);
	}
	return of_code(pgae_cached_fold(cached, 0), codes);
}

/* encode(model, row): code h = f(x). */
Datum
pg_ae_encode(PG_FUNCTION_ARGS)
{
	return code_call(fcinfo, pgae_code_array);
}

/* encode_bits(model, row): the code as bits. */
Datum
pg_ae_encode_bits(PG_FUNCTION_ARGS)
{
	return code_call(fcinfo, code_bits);
}

/* decode(model, code): reconstruction r = g(h), one value per column in the model's order. */
Datum
pg_ae_decode(PG_FUNCTION_ARGS)
{
	PgaeCached *cached = pgae_cached_model(fcinfo, 0);
	ArrayType *arr = PG_GETARG_ARRAYTYPE_P(1);
	AeScorer *scorer = &cached->scorer.fold[0];
	const AeModel *model = pgae_cached_fold(cached, 0);
	const AeSchema *schema = &model->schema;
	const float4 *code;
	AeReal *outputs;
	const double *values;
	float4 *elements;
	ArrayType *result;

	refuse_drawing(cached);
	pgae_refuse_code(cached);
	code = check_code(arr, code_width(model));
	outputs = ae_scorer_decode(scorer, code, 1);
	ae_scorer_finish(scorer, outputs, 1);
	values = invert_outputs(model, outputs);
	result = make_real_array(&elements, schema->n_columns);
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		/* for a category, the number of its level */
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
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	PgaeBatch *batch = NULL;
	AeReal *outputs;
	const double *values;

	if (pgae_codec_forms_quietly(cached->codec))
		batch = pgae_look_ahead(cached, &row, PGAE_OUTPUTS);
	if (batch)
		return reconstruct_batch(cached, batch, PG_GETARG_DATUM(1));
	values = pgae_expected(&outputs, ae_bundle_take(&sight, &cached->scorer, &row));
	PG_RETURN_DATUM(pgae_codec_form(cached->codec, PG_GETARG_DATUM(1), values, NULL));
}

Datum
pg_ae_reconstruction_error(PG_FUNCTION_ARGS)
{
	return score_call(fcinfo, 0, error_of);
}

Datum
pg_ae_raw_score(PG_FUNCTION_ARGS)
{
	return score_call(fcinfo, 0, raw_of);
}

Datum
pg_ae_p_value(PG_FUNCTION_ARGS)
{
	return score_call(fcinfo, 0, p_of);
}

Datum
pg_ae_anomaly_score(PG_FUNCTION_ARGS)
{
	return score_call(fcinfo, 0, anomaly_of);
}

Datum
pg_ae_is_anomaly(PG_FUNCTION_ARGS)
{
	return score_call(fcinfo, pgae_contamination(PG_GETARG_FLOAT8(2)), verdict_of);
}

const PgaeUse pgae_score_uses[] = {
	{"reconstruction_error", PGAE_SCORES, error_of, NULL},
	{"raw_score", PGAE_SCORES, raw_of, NULL},
	{"p_value", PGAE_SCORES, p_of, NULL},
	{"anomaly_score", PGAE_SCORES, anomaly_of, NULL},
	{"is_anomaly", PGAE_SCORES, verdict_of, NULL},
	{"encode", PGAE_CODES, NULL, pgae_code_array},
	{"encode_bits", PGAE_CODES, NULL, code_bits},
	{"reconstruct", PGAE_OUTPUTS, NULL, NULL},
};
const int pgae_n_score_uses = lengthof(pgae_score_uses);

/* threshold(model, contamination): is_anomaly is raw_score > threshold. */
Datum
pg_ae_threshold(PG_FUNCTION_ARGS)
{
	double contamination = pgae_contamination(PG_GETARG_FLOAT8(1));
	PgaeCached *cached = pgae_cached_model(fcinfo, 0);
	const AeCalibration *calibration = &pgae_cached_fold(cached, 0)->calibration;

	refuse_drawing(cached);
	if (contamination > 0 && contamination < 1.0 / ((double) calibration->n + 1))
		ereport(NOTICE,
				(errmsg("no row is flagged at a contamination of %.2g: with " UINT64_FORMAT
						" calibration rows no p-value is below %.2g",
						contamination, calibration->n, 1.0 / ((double) calibration->n + 1))));
	PG_RETURN_FLOAT8(ae_calibration_threshold(calibration, contamination));
}

/* ---- impute ---- */

/*
 * impute(model, row): replaces NULLs by what the networks expect, in the way that did best in
 * training. If nothing is known of the row, one pass is enough.
 */
Datum
pg_ae_impute(PG_FUNCTION_ARGS)
{
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_any_row(fcinfo, 0, &row);
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, &row);
	const AeModel *model = scorer->model;
	AeFilling filling = sight == AE_SIGHT_UNOBSERVED ? AE_FILLING_ONCE : model->filling;
	Size missing_bytes = sizeof(bool) * model->schema.n_columns;
	AeReal *outputs, *scratch;
	bool *missing;

	pgae_codec_check_form(cached->codec);
	if (memchr(row.missing, true, missing_bytes) == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	missing = memcpy(palloc(missing_bytes), row.missing, missing_bytes);
	outputs = palloc(sizeof(AeReal) * ae_layout_outputs(&model->net.layout));
	scratch = palloc(sizeof(AeReal) * ae_impute_scratch(model));
	ae_impute(outputs, scorer, missing, filling, scratch);
	PG_RETURN_DATUM(pgae_codec_form(cached->codec, PG_GETARG_DATUM(1),
									invert_outputs(model, outputs), missing));
}

/* version(): the version of the library that is loaded. */
Datum
pg_ae_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(AE_VERSION));
}
