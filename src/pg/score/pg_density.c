/*
 * pg_density.c: how likely a model makes a row: ae.log_likelihood, ae.log_joint.
 *
 * Of several networks the mean of those that did not see the row.
 */
#include "pg_score.h"

#include <math.h>

#include "ae_density.h"

PG_FUNCTION_INFO_V1(pg_ae_log_likelihood);
PG_FUNCTION_INFO_V1(pg_ae_log_joint);

/* 55000 unless the outputs of a model have a distribution. */
static void
check_has_distribution(const AeModel *model)
{
	if (model->options.distribution == AE_DISTRIBUTION_NONE)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the outputs of the model have no distribution"),
						errhint("Train it with one: ae.options(...) || ae.decoder().")));
}

/* What is added for the density of the values in the user's units. */
static double
units_of(const AeModel *model, const AeBundleRow *row)
{
	uint32_t column;
	double units = ae_density_units(&column, model, row->values, row->missing);

	if (isnan(units))
	{
		const AeColumn *one = &model->schema.columns[column];

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"%s\" has no density in its own units",
						pgae_value_name(&model->schema, column)),
				 one->parts > 0
					 ? errdetail("A time enters by its parts, too, which are no values.")
					 : errdetail("Its value is one that many rows share, and scaling is quantile."),
				 errhint("Leave the last argument out, for a density in scaled units.")));
	}
	return units;
}

/*
 * The mean over the networks that score the call's row of a log density; false: nothing is known of
 * the row.  NaN where a network has none.
 */
static bool
mean_density(double *mean, FunctionCallInfo fcinfo, double (*density)(AeScorer *), bool units)
{
	AeBundleRow row;
	AeSight sight;
	PgaeCached *cached = pgae_see_row(fcinfo, 0, &row);
	AeScorer *scorer = ae_bundle_take(&sight, &cached->scorer, &row);

	check_has_distribution(scorer->model);
	if (sight == AE_SIGHT_UNOBSERVED)
		return false;
	*mean = 0;
	for (uint32 m = 0; m < scorer->n_members; m++)
	{
		ae_scorer_use(scorer, m);
		*mean += density(scorer) / scorer->n_members;
	}
	ae_scorer_use(scorer, 0);
	if (sight == AE_SIGHT_INFINITE)
		*mean = isnan(*mean) ? *mean : -INFINITY;
	else if (units)
		*mean += units_of(scorer->model, &row);
	return true;
}

/* log_likelihood(model, row, own_units): log p(x | h), h the code of the row. */
Datum
pg_ae_log_likelihood(PG_FUNCTION_ARGS)
{
	double mean;

	if (!mean_density(&mean, fcinfo, ae_density_given_code, PG_GETARG_BOOL(2)))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(mean);
}

/* log_joint(model, row, own_units): log p(h) + log p(x | h). */
Datum
pg_ae_log_joint(PG_FUNCTION_ARGS)
{
	double mean;

	if (!mean_density(&mean, fcinfo, ae_density_joint, PG_GETARG_BOOL(2)))
		PG_RETURN_NULL();
	if (isnan(mean))
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the penalty of the model is no prior of its code"),
			 errhint("Train it with ae.sparse('l1') or ae.sparse('student_t') on the code; of "
					 "student_t the weight must exceed 0.5 divided by the number of columns.")));
	PG_RETURN_FLOAT8(mean);
}
