/*
 * pg_figures.c: figures that several reports show, over all networks of a model.
 */
#include "pg_model.h"

#include <math.h>

PgaeModels *
pgae_models_argument(FunctionCallInfo fcinfo)
{
	return pgae_read_models(pgae_model_bytes(fcinfo, 0, true), CurrentMemoryContext);
}

uint32
pgae_n_networks(const PgaeModels *models)
{
	return models->n_folds * models->n_members;
}

const AeModel *
pgae_fold_model(const PgaeModels *models, uint32 f)
{
	return models->models[f * models->n_members];
}

uint64
pgae_n_rows(const PgaeModels *models)
{
	uint64 n = 0;

	for (uint32 f = 0; f < models->n_folds; f++)
		n += pgae_fold_model(models, f)->n_rows;
	return n;
}

uint64
pgae_n_labelled_rows(const PgaeModels *models)
{
	uint64 n = 0;

	for (uint32 f = 0; f < models->n_folds; f++)
	{
		const AeModel *model = pgae_fold_model(models, f);
		const AeColumn *target = &model->schema.target;

		n += model->n_rows - Min(target->n_missing + target->other, model->n_rows);
	}
	return n;
}

double
pgae_mean_of(const PgaeModels *models, size_t offset)
{
	double sum = 0;

	for (uint32 i = 0; i < pgae_n_networks(models); i++)
		sum += *(const double *) ((const char *) models->models[i] + offset);
	return sum / pgae_n_networks(models);
}

/* The weight penalty of one network. */
static double
penalty_of(const AeModel *model)
{
	return ae_train_weight_penalty(model->params, &model->net, &model->options);
}

double
pgae_weight_penalty(const PgaeModels *models)
{
	double sum = 0;

	for (uint32 i = 0; i < pgae_n_networks(models); i++)
		sum += penalty_of(models->models[i]);
	return sum / pgae_n_networks(models);
}

double
pgae_log_posterior(const PgaeModels *models)
{
	double sum = 0;

	for (uint32 i = 0; i < pgae_n_networks(models); i++)
	{
		const AeModel *model = models->models[i];

		sum -= (double) (model->n_rows - model->n_validation) *
			   (model->train_loss + penalty_of(model));
	}
	return sum;
}

double
pgae_upper_quantile(const PgaeModels *models, double share)
{
	/* the first network has the scores of all folds' rows */
	const AeCalibration *calibration = &models->models[0]->calibration;

	for (uint32_t i = 0; i < calibration->n_points; i++)
	{
		if ((double) calibration->n_above[i] >= share * (double) calibration->n)
			return calibration->score[i];
	}
	return NAN;
}

uint32_t
pgae_code_width(const AeModel *model)
{
	return model->net.width[model->net.n_encoder];
}

uint32_t
pgae_n_sources(const AeSchema *schema)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
		n++;
	return n;
}

const char *
pgae_common_scaling(const AeSchema *schema)
{
	const char *name = NULL;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (!ae_kind_is_scaled(column->kind))
			continue;
		if (name && name != ae_scaling_name[column->scaling])
			return NULL;
		name = ae_scaling_name[column->scaling];
	}
	return name ? name : ae_scaling_name[AE_SCALING_STANDARD];
}
