/*
 * pg_evaluate.c: the aggregate ae.evaluate, which measures a model on rows, for instance in a
 * nightly check for drift: mean error, share of rows flagged, mean error of each column.
 */
#include "pg_score.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#define DEFAULT_CONTAMINATION 0.01

typedef struct EvaluateState
{
	uint8 digest[PGAE_SHA256_BYTES]; /* of the model */
	double contamination;
	int64 n_rows;
	int64 n_scored; /* with a finite error */
	/* sums of weights, which are 1 by default */
	double seen; /* of rows with a score, finite or not */
	double flagged;
	double scored;
	double sum; /* times their errors */
	/* of source columns, at the place of their first value */
	uint32 n_columns;
	char **names;
	double *column_sum;
	double *column_weight;
	/* of one row */
	double *errors;
	uint64 *count;
	double *scratch;
} EvaluateState;

PG_FUNCTION_INFO_V1(pg_ae_evaluate_transfn);
PG_FUNCTION_INFO_V1(pg_ae_evaluate_finalfn);

static MemoryContext
check_aggregate(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("functions of the aggregate ae.evaluate cannot be called directly")));
	return context;
}

static EvaluateState *
begin(const PgaeCached *cached, const uint8 *digest, double contamination, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	const AeSchema *schema = &pgae_cached_fold(cached, 0)->schema;
	EvaluateState *state = palloc0(sizeof(EvaluateState));

	memcpy(state->digest, digest, PGAE_SHA256_BYTES);
	state->contamination = contamination;
	state->n_columns = schema->n_columns;
	state->names = palloc0(sizeof(char *) * schema->n_columns);
	state->column_sum = palloc0(sizeof(double) * schema->n_columns);
	state->column_weight = palloc0(sizeof(double) * schema->n_columns);
	state->errors = palloc(sizeof(double) * schema->n_columns);
	state->count = palloc(sizeof(uint64) * schema->n_columns);
	state->scratch = palloc(3 * sizeof(double) * schema->n_columns);
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (schema->columns[c].element <= 1)
			state->names[c] = pgae_column_name(schema, c);
	}
	MemoryContextSwitchTo(old);
	return state;
}

static void
add_row(EvaluateState *state, PgaeCached *cached, const AeBundleRow *row, double weight)
{
	const AeCalibration *calibration = &pgae_cached_fold(cached, 0)->calibration;
	AeScore score;

	state->n_rows++;
	ae_bundle_score(&score, &cached->scorer, row, 1);
	if (score.sight == AE_SIGHT_UNOBSERVED)
		return;
	state->seen += weight;
	if (ae_calibration_p(calibration, score.raw) <= state->contamination)
		state->flagged += weight;
	if (isinf(score.error))
		return;
	state->n_scored++;
	state->scored += weight;
	state->sum += weight * score.error;
	memset(state->errors, 0, sizeof(double) * state->n_columns);
	memset(state->count, 0, sizeof(uint64) * state->n_columns);
	ae_bundle_add_errors(state->errors, state->count, &cached->scorer, row, state->scratch);
	for (uint32 c = 0; c < state->n_columns; c++)
	{
		state->column_sum[c] += weight * state->errors[c];
		state->column_weight[c] += weight * (double) state->count[c];
	}
}

/* The weight of the call's row; 22004, 22023. */
static double
weight_of(FunctionCallInfo fcinfo)
{
	double weight;

	if (PG_NARGS() <= 4)
		return 1;
	if (PG_ARGISNULL(4))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"weight\" of ae.evaluate is NULL")));
	weight = PG_GETARG_FLOAT8(4);
	if (!(weight >= 0 && isfinite(weight)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"weight\" of ae.evaluate is %s, must be 0 or more",
							   float8out_internal(weight))));
	return weight;
}

Datum
pg_ae_evaluate_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = check_aggregate(fcinfo);
	EvaluateState *state = PG_ARGISNULL(0) ? NULL : (EvaluateState *) PG_GETARG_POINTER(0);
	double contamination = DEFAULT_CONTAMINATION, weight;
	const uint8 *digest;
	AeBundleRow row;
	PgaeCached *cached;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || (PG_NARGS() > 3 && PG_ARGISNULL(3)))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (PG_NARGS() > 3)
		contamination = pgae_contamination(PG_GETARG_FLOAT8(3));
	weight = weight_of(fcinfo);
	cached = pgae_see_row(fcinfo, 1, &row);
	digest = pgae_cached_digest(cached, fcinfo, 1);
	if (state == NULL)
		state = begin(cached, digest, contamination, context);
	if (memcmp(state->digest, digest, PGAE_SHA256_BYTES) != 0 ||
		state->contamination != contamination)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of ae.evaluate differs between rows",
							   state->contamination != contamination ? "argument \"contamination\""
																	 : "argument \"model\""),
						errhint("One call judges one model: use GROUP BY to judge several.")));
	add_row(state, cached, &row, weight);
	PG_RETURN_POINTER(state);
}

/* {"column": mean error, ...} of the columns that were observed. */
static Datum
column_errors(const EvaluateState *state)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (uint32 c = 0; c < state->n_columns; c++)
	{
		double mean =
			state->column_weight[c] > 0 ? state->column_sum[c] / state->column_weight[c] : NAN;

		if (state->names[c] != NULL && isfinite(mean))
			pgae_json_number(&out, state->names[c], mean);
	}
	appendStringInfoChar(&out, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

Datum
pg_ae_evaluate_finalfn(PG_FUNCTION_ARGS)
{
	EvaluateState *state;
	TupleDesc tupdesc;
	Datum values[5] = {0};
	bool nulls[5] = {false};

	check_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (EvaluateState *) PG_GETARG_POINTER(0);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	BlessTupleDesc(tupdesc);
	values[0] = Int64GetDatum(state->n_rows);
	values[1] = Int64GetDatum(state->n_scored);
	nulls[2] = !(state->scored > 0);
	values[2] = Float8GetDatum(nulls[2] ? 0 : state->sum / state->scored);
	nulls[3] = !(state->seen > 0);
	values[3] = Float8GetDatum(nulls[3] ? 0 : state->flagged / state->seen);
	values[4] = column_errors(state);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
