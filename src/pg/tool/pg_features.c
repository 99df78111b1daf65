/*
 * pg_features.c: parts of a model as rows: ae.history, ae.features; and ae.row_expression, the text
 * of a row that the model accepts.
 *
 * Everything comes from the model's bytes alone.  Knows models; knows no rows.
 */
#include "pg_tool.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pg_ae_history);
PG_FUNCTION_INFO_V1(pg_ae_features);
PG_FUNCTION_INFO_V1(pg_ae_row_expression);

/* Sets up a set of `count_of` rows at the first call; the model is in funcctx->user_fctx. */
static FuncCallContext *
begin_set(FunctionCallInfo fcinfo)
{
	FuncCallContext *funcctx = SRF_FIRSTCALL_INIT();
	MemoryContext old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
	TupleDesc tupdesc;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("function returning a set of rows called in a context that "
							   "cannot accept one")));
	funcctx->tuple_desc = BlessTupleDesc(tupdesc);
	funcctx->user_fctx = pgae_models_argument(fcinfo);
	MemoryContextSwitchTo(old);
	return funcctx;
}

static Datum
form_row(FuncCallContext *funcctx, Datum *values, bool *nulls)
{
	return HeapTupleGetDatum(heap_form_tuple(funcctx->tuple_desc, values, nulls));
}

Datum
pg_ae_history(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	const PgaeModels *models;
	const AeEpoch *epoch;
	uint64 at;
	uint32 i = 0;
	Datum values[4];
	bool nulls[4] = {false};

	if (SRF_IS_FIRSTCALL())
		begin_set(fcinfo);
	funcctx = SRF_PERCALL_SETUP();
	models = funcctx->user_fctx;
	at = funcctx->call_cntr;
	while (i < pgae_n_networks(models) && at >= models->models[i]->n_history)
		at -= models->models[i++]->n_history;
	if (i == pgae_n_networks(models))
		SRF_RETURN_DONE(funcctx);

	epoch = &models->models[i]->history[at];
	values[0] = Int32GetDatum((int32) epoch->epoch);
	values[1] = Float8GetDatum((double) epoch->train_loss);
	values[2] = Float8GetDatum((double) epoch->validation_loss);
	values[3] = Int32GetDatum((int32) i + 1);
	nulls[2] = isnan(epoch->validation_loss);
	SRF_RETURN_NEXT(funcctx, form_row(funcctx, values, nulls));
}

/*
 * Statistics of column c over both folds, each of which has its own.  Sums of squares are merged
 * about the means: E[x^2] - mean^2 has no digits left for values far from 0.
 *
 * Source: Chan, Golub, LeVeque 1979, Updating formulae and a pairwise algorithm, equation 2.1.
 */
static void
combine_folds(AeColumn *column, const PgaeModels *models, uint32 c)
{
	double n = 0, mean = 0, m2 = 0;

	*column = pgae_fold_model(models, 0)->schema.columns[c];
	if (models->n_folds == 1)
		return;
	column->n_missing = 0;
	column->varies = column->observed = false;
	for (uint32 f = 0; f < models->n_folds; f++)
	{
		const AeModel *model = pgae_fold_model(models, f);
		const AeColumn *own = &model->schema.columns[c];
		double n_own = (double) (model->n_rows - Min(own->n_missing, model->n_rows));
		double delta;

		column->n_missing += own->n_missing;
		column->varies |= own->varies;
		if (own->n_levels > column->n_levels)
			column->n_levels = own->n_levels;
		column->other = Max(column->other, own->other);
		if (!own->observed || n_own == 0)
			continue;
		column->min = column->observed ? Min(column->min, own->min) : own->min;
		column->max = column->observed ? Max(column->max, own->max) : own->max;
		column->observed = true;
		delta = own->mean - mean;
		m2 += n_own * own->sd * own->sd + delta * delta * n * n_own / (n + n_own);
		mean += delta * n_own / (n + n_own);
		n += n_own;
	}
	column->mean = mean;
	column->sd = n > 0 ? sqrt(m2 / n) : 0;
}

Datum
pg_ae_features(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	const PgaeModels *models;
	const AeSchema *schema;
	AeColumn combined;
	const AeColumn *column = &combined;
	bool category;
	Datum values[10];
	bool nulls[10] = {false};

	if (SRF_IS_FIRSTCALL())
		begin_set(fcinfo);
	funcctx = SRF_PERCALL_SETUP();
	models = funcctx->user_fctx;
	schema = &models->models[0]->schema;
	if (funcctx->call_cntr >= schema->n_columns)
		SRF_RETURN_DONE(funcctx);

	combine_folds(&combined, models, (uint32) funcctx->call_cntr);
	category = column->kind == AE_KIND_CATEGORY;
	values[0] = CStringGetTextDatum(pgae_value_name(schema, (uint32) funcctx->call_cntr));
	values[1] = CStringGetTextDatum(ae_kind_name[column->kind]);
	values[2] = CStringGetTextDatum(ae_scaling_name[column->scaling]);
	values[3] = Float8GetDatum(column->mean);
	values[4] = Float8GetDatum(column->sd);
	values[5] = Float8GetDatum(column->min);
	values[6] = Float8GetDatum(column->max);
	values[7] = Int64GetDatum((int64) column->n_missing);
	values[8] = Int32GetDatum((int32) ae_column_outputs(column));
	values[9] = BoolGetDatum(!column->varies);
	nulls[2] = category;
	nulls[3] = nulls[4] = nulls[5] = nulls[6] = category || !column->observed;
	nulls[8] = !category;
	SRF_RETURN_NEXT(funcctx, form_row(funcctx, values, nulls));
}

Datum
pg_ae_row_expression(PG_FUNCTION_ARGS)
{
	/* errors of scoring name the columns too, so they are no secret */
	struct varlena *bytes = pgae_model_bytes(fcinfo, 0, false);
	const AeSchema *schema = &pgae_read_models(bytes, CurrentMemoryContext)->models[0]->schema;
	StringInfoData out;

	if (schema->is_array)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("model takes arrays of %u elements, not rows", schema->n_columns),
						errhint("Pass the array itself where a row is expected.")));
	initStringInfo(&out);
	appendStringInfoString(&out, "ROW(");
	for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
		appendStringInfo(&out, "%s%s", c ? ", " : "",
						 quote_identifier(pgae_column_name(schema, c)));
	appendStringInfoChar(&out, ')');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
