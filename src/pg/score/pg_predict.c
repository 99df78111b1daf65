/*
 * pg_predict.c: ae.predict and ae.predict_proba: what a model with a target predicts for a row.
 *
 * The head's outputs are averaged over the networks that score the row: probabilities of levels, or
 * the number in the units of the data.  Levels are texts from the model's bytes, so the result
 * depends on no setting and no catalog.
 */
#include "pg_score.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(pg_ae_predict);
PG_FUNCTION_INFO_V1(pg_ae_predict_proba);

/* A level and how probable it is. */
typedef struct Guess
{
	uint32 level;
	double probability;
} Guess;

static void
check_has_target(const AeModel *model)
{
	if (!model->schema.has_target)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the model has no target to predict"),
				 errhint("Train it with a target: ae.options(...) || ae.target('column').")));
}

/*
 * The mean of the head's finished outputs over the networks of the row, palloc'd; a number is in
 * the units of the data. NULL if nothing is known of the row.
 */
static double *
predict_row(PgaeCached *cached, const AeBundleRow *row)
{
	AeSight sight;
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, row);
	double *mean;

	if (sight == AE_SIGHT_UNOBSERVED)
		return NULL;
	mean = palloc(scorer->model->net.n_target * sizeof(double));
	ae_members_predict(mean, scorer, 1);
	return mean;
}

/* A level as text that its column's type reads; NULL, if missing_ok, where the encoding lacks it. */
static char *
level_text(const AeModel *model, uint32 level, bool missing_ok)
{
	const AeColumn *target = &model->schema.target;

	if (target->kind == AE_KIND_BOOLEAN)
		return pstrdup(level == 1 ? "true" : "false");
	return pgae_level_text(&model->schema, &target->levels[level], missing_ok);
}

/* The most probable level, or the number, as text; 0 as of level_text. */
static Datum
best_guess(const AeModel *model, const double *outputs, bool missing_ok)
{
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN], *text;
	uint32 best = 0;

	if (model->schema.target.kind == AE_KIND_NUMBER)
	{
		/* as float8out at its default, whatever extra_float_digits is */
		double_to_shortest_decimal_buf(outputs[0], digits);
		return PointerGetDatum(cstring_to_text(digits));
	}
	for (uint32 k = 1; k < model->net.n_target; k++)
	{
		if (outputs[k] > outputs[best])
			best = k;
	}
	text = level_text(model, best, missing_ok);
	return text ? PointerGetDatum(cstring_to_text(text)) : (Datum) 0;
}

/*
 * Predicts a batch: returns the result of the call's row, with *isnull, and leaves the others with
 * the node.
 */
static Datum
predict_batch(PgaeCached *cached, PgaeBatch *batch, bool *isnull)
{
	Datum result = (Datum) 0;

	for (uint32 f = 0; f < cached->parsed.bundle.n_folds; f++)
	{
		size_t n;
		AeScorer *scorer = pgae_batch_take(batch, f, &n);
		uint32 n_target = scorer->model->net.n_target;
		double *mean = palloc(sizeof(double) * Max(n, 1) * n_target);

		ae_members_predict(mean, scorer, n);
		for (size_t i = 0; i < n; i++)
		{
			size_t at = batch->scorer.place[i];
			MemoryContext old;
			Datum guess;

			if (at == 0)
				*isnull = batch->sights[0] == AE_SIGHT_UNOBSERVED;
			if (batch->sights[at] == AE_SIGHT_UNOBSERVED)
				continue;
			if (at == 0)
			{
				result = best_guess(scorer->model, mean + i * n_target, false);
				continue;
			}
			old = MemoryContextSwitchTo(cached->ahead->results);
			guess = best_guess(scorer->model, mean + i * n_target, true);
			if (guess != (Datum) 0)
				pgae_leave(cached, PGAE_PREDICTIONS, batch->place[at], guess);
			MemoryContextSwitchTo(old);
		}
		pfree(mean);
	}
	return result;
}

/* predict(model, row): the most probable level, or the number, as text. */
Datum
pg_ae_predict(PG_FUNCTION_ARGS)
{
	AeBundleRow row;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	PgaeBatch *batch;
	const AeModel *model = pgae_cached_fold(cached, row.fold);
	const double *outputs;

	check_has_target(model);
	batch = pgae_look_ahead(cached, &row, PGAE_PREDICTIONS);
	if (batch)
		return predict_batch(cached, batch, &fcinfo->isnull);
	outputs = predict_row(cached, &row);
	if (outputs == NULL)
		PG_RETURN_NULL();
	return best_guess(model, outputs, false);
}

const PgaeUse pgae_predict_use = {"predict", PGAE_PREDICTIONS, NULL, NULL};

/* By descending probability; NaN, from weights that overflow, last; then by level. */
static int
compare_guesses(const void *a, const void *b)
{
	const Guess *x = a, *y = b;
	double p = isnan(x->probability) ? -1 : x->probability;
	double q = isnan(y->probability) ? -1 : y->probability;

	if (p != q)
		return p < q ? 1 : -1;
	return x->level < y->level ? -1 : x->level > y->level;
}

/* predict_proba(model, row): every level of the target and its probability. */
Datum
pg_ae_predict_proba(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = pgae_begin_set(fcinfo);
	AeBundleRow row;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	const AeModel *model = pgae_cached_fold(cached, row.fold);
	const double *outputs;
	Guess *guesses;
	uint32 n;

	check_has_target(model);
	outputs = predict_row(cached, &row);
	if (model->schema.target.kind == AE_KIND_NUMBER)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the target \"%s\" is a number, which has no levels",
							   pgae_target_name(&model->schema)),
						errhint("Use ae.predict, which returns the number.")));
	if (outputs == NULL)
		return (Datum) 0;
	n = model->net.n_target;
	guesses = palloc(n * sizeof(Guess));
	for (uint32 k = 0; k < n; k++)
		guesses[k] = (Guess){k, outputs[k]};
	qsort(guesses, n, sizeof(Guess), compare_guesses);
	for (uint32 k = 0; k < n; k++)
	{
		Datum values[2];
		bool nulls[2] = {false};

		values[0] = CStringGetTextDatum(level_text(model, guesses[k].level, false));
		values[1] = Float8GetDatum(guesses[k].probability);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}
