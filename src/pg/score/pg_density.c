/*
 * pg_density.c: how likely a model makes a row: ae.log_likelihood, ae.log_joint, ae.elbo; and draws
 * of its code: ae.encode_sample; and the code that makes it most likely: ae.infer.
 *
 * With several networks, results are means over those that did not see the row.
 */
#include "pg_score.h"

#include <math.h>

#include "ae_density.h"
#include "ae_infer.h"

PG_FUNCTION_INFO_V1(pg_ae_log_likelihood);
PG_FUNCTION_INFO_V1(pg_ae_log_joint);
PG_FUNCTION_INFO_V1(pg_ae_log_marginal);
PG_FUNCTION_INFO_V1(pg_ae_elbo);
PG_FUNCTION_INFO_V1(pg_ae_encode_sample);
PG_FUNCTION_INFO_V1(pg_ae_infer);

/* Raises 55000 unless the outputs of a model have a distribution. */
static void
check_has_distribution(const AeModel *model)
{
	if (model->options.distribution == AE_DISTRIBUTION_NONE)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the outputs of the model have no distribution"),
						errhint("Train it with one: ae.options(...) || ae.decoder().")));
}

/* What to add for the density of the values in the user's units. */
static double
units_of(const AeModel *model, const AeBundleRow *row)
{
	uint32_t column;
	double units = ae_density_units(&column, model, row->values, row->missing);

	if (isnan(units))
	{
		const AeColumn *one = &model->schema.columns[column];

		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("column \"%s\" has no density in its own units",
							   pgae_value_name(&model->schema, column)),
						one->parts > 0
							? errdetail("A time also enters as its parts, which are not values.")
							: errdetail("Many rows share its value, and the scaling is quantile."),
						errhint("Leave the last argument out, for a density in scaled units.")));
	}
	return units;
}

/* Which density is asked for, and how it is estimated. */
typedef struct Ask
{
	double (*density)(AeScorer *scorer);
	double (*estimate)(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch); /* or this */
	int32 samples;
	int64 seed;
	bool units;
} Ask;

/* Raises 55000 unless a model draws codes. */
static void
check_draws(const AeModel *model)
{
	if (!model->net.spread)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the code of the model is not drawn from a distribution"),
						errhint("Train it as one: ae.options(...) || ae.variational().")));
}

static double
ask_network(const Ask *ask, AeScorer *scorer)
{
	AeReal *scratch;
	double result;

	if (ask->density)
		return ask->density(scorer);
	scratch = palloc(ae_density_scratch(scorer->model) * sizeof(AeReal));
	result = ask->estimate(scorer, (uint32_t) ask->samples, (uint64_t) ask->seed, scratch);
	pfree(scratch);
	return result;
}

/*
 * The mean of a log density over the networks that score the call's row; false if nothing is known
 * of the row. NaN if a network has no such density. Draws depend on the seed and the row.
 */
static bool
mean_density(double *mean, FunctionCallInfo fcinfo, const Ask *ask)
{
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, &row);

	check_has_distribution(scorer->model);
	if (ask->estimate)
		check_draws(scorer->model);
	if (ask->estimate && ask->samples < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("number of samples is %d, must be at least 1", ask->samples)));
	if (sight == AE_SIGHT_UNOBSERVED)
		return false;
	*mean = 0;
	for (uint32 m = 0; m < scorer->n_members; m++)
	{
		ae_scorer_use(scorer, m);
		*mean += ask_network(ask, scorer) / scorer->n_members;
	}
	ae_scorer_use(scorer, 0);
	if (sight == AE_SIGHT_INFINITE)
		*mean = isnan(*mean) ? *mean : -INFINITY;
	else if (ask->units)
		*mean += units_of(scorer->model, &row);
	return true;
}

/* Raises 55000: the model has no joint density. */
static void
refuse_without_prior(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the penalty of the model is not a prior of its code"),
			 errhint("Train it with ae.sparse('l1') or ae.sparse('student_t') on the code; for "
					 "student_t the weight must exceed 0.5 divided by the number of columns.")));
}

static Datum
density_call(FunctionCallInfo fcinfo, const Ask *ask)
{
	double mean;

	if (!mean_density(&mean, fcinfo, ask))
		PG_RETURN_NULL();
	if (ask->density == ae_density_joint && isnan(mean))
		refuse_without_prior();
	PG_RETURN_FLOAT8(mean);
}

/* log_likelihood(model, row, own_units): log p(x | h), h the code of the row. */
Datum
pg_ae_log_likelihood(PG_FUNCTION_ARGS)
{
	return density_call(fcinfo,
						&(Ask){.density = ae_density_given_code, .units = PG_GETARG_BOOL(2)});
}

/* log_joint(model, row, own_units): log p(h) + log p(x | h). */
Datum
pg_ae_log_joint(PG_FUNCTION_ARGS)
{
	return density_call(fcinfo, &(Ask){.density = ae_density_joint, .units = PG_GETARG_BOOL(2)});
}

/* What is estimated from samples: f(model, row, samples, seed, own_units). */
static Datum
estimate(FunctionCallInfo fcinfo,
		 double (*density)(AeScorer *scorer, uint32_t n, uint64_t seed, AeReal *scratch))
{
	return density_call(fcinfo, &(Ask){.estimate = density,
									   .samples = PG_GETARG_INT32(2),
									   .seed = PG_GETARG_INT64(3),
									   .units = PG_GETARG_BOOL(4)});
}

/* log_likelihood(model, row, samples, seed, own_units): log p(x). */
Datum
pg_ae_log_marginal(PG_FUNCTION_ARGS)
{
	return estimate(fcinfo, ae_density_marginal);
}

/* elbo(model, row, samples, seed, own_units): its lower bound. */
Datum
pg_ae_elbo(PG_FUNCTION_ARGS)
{
	return estimate(fcinfo, ae_density_elbo);
}

/* encode_sample(model, row, seed): a draw from q(z | x). */
Datum
pg_ae_encode_sample(PG_FUNCTION_ARGS)
{
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, &row);
	const AeModel *model = scorer->model;
	AeReal *z, *scratch;

	pgae_refuse_code(cached);
	check_draws(model);
	z = palloc(model->net.width[model->net.n_encoder] * sizeof(AeReal));
	scratch = palloc(ae_density_scratch(model) * sizeof(AeReal));
	ae_density_draw(z, scorer, (uint64_t) PG_GETARG_INT64(2), scratch);
	PG_RETURN_DATUM(pgae_code_array(model, z));
}

/* infer(model, row): the code that training would like the row to have, by optimisation. */
Datum
pg_ae_infer(PG_FUNCTION_ARGS)
{
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, &row);
	const AeModel *model = scorer->model;
	AeReal *code;

	pgae_refuse_code(cached);
	if (!ae_infer_can(model))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the model does not say which code of a row is best"),
				 errhint("Train it with ae.sparse('l1') on the code, a linear decoder, decoder => "
						 "'{}', and the squared error as the loss.")));
	code = palloc(model->net.width[model->net.n_encoder] * sizeof(AeReal));
	ae_infer(code, scorer, MemoryContextAllocHuge(CurrentMemoryContext, ae_infer_size(model)));
	PG_RETURN_DATUM(pgae_code_array(model, code));
}
