/*
 * pg_describe.c: ae.describe, which tells programs what a model is, and the description that
 * ae.models keeps.
 *
 * Everything comes from the model's bytes alone.  Knows models; knows no rows.
 */
#include "pg_model.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

PG_FUNCTION_INFO_V1(pg_ae_describe);

/* ---- parts of ae.describe ---- */

static void
add_widths(StringInfo out, const char *key, const uint32_t *width, uint32_t n)
{
	pgae_json_open(out, key, '[');
	for (uint32_t i = 0; i < n; i++)
		pgae_json_count(out, NULL, width[i]);
	appendStringInfoChar(out, ']');
}

/* How values become inputs. */
static void
add_scaling_options(StringInfo out, const AeSchema *schema)
{
	static const char *const part_name[] = {"hour", "weekday", "month"};
	const char *scaling = pgae_common_scaling(schema);
	uint32_t parts = 0;
	bool indicators = false;

	if (scaling)
		pgae_json_text(out, "scaling", scaling);
	else
	{
		pgae_json_open(out, "scaling", '{');
		for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
		{
			if (ae_kind_is_scaled(schema->columns[c].kind))
				pgae_json_text(out, pgae_column_name(schema, c),
							   ae_scaling_name[schema->columns[c].scaling]);
		}
		appendStringInfoChar(out, '}');
	}
	if (schema->clip > 0)
		pgae_json_number(out, "clip", schema->clip);
	if (schema->n_categories > 0)
	{
		pgae_json_count(out, "max_levels", schema->max_levels);
		pgae_json_count(out, "min_frequency", schema->min_frequency);
	}
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		parts |= schema->columns[c].parts;
		indicators |= schema->columns[c].indicator;
	}
	pgae_json_flag(out, "null_indicators", indicators);
	if (parts == 0)
		return;
	pgae_json_open(out, "time_parts", '[');
	for (int i = 0; i < (int) lengthof(part_name); i++)
	{
		if (parts & (1u << i))
			pgae_json_text(out, NULL, part_name[i]);
	}
	appendStringInfoChar(out, ']');
}

/* The options of the network, in the words of ae.options. */
static void
add_network_options(StringInfo out, const AeModel *model)
{
	const AeNet *net = &model->net;
	const AeSchema *schema = &model->schema;
	uint32_t code = net->n_encoder;

	if (!schema->is_array)
	{
		pgae_json_open(out, "columns", '[');
		for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
			pgae_json_text(out, NULL, pgae_column_name(schema, c));
		appendStringInfoChar(out, ']');
		pgae_json_open(out, "kinds", '{');
		for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
			pgae_json_text(out, pgae_column_name(schema, c), ae_kind_name[schema->columns[c].kind]);
		if (schema->has_target)
			pgae_json_text(out, pgae_target_name(schema), ae_kind_name[schema->target.kind]);
		appendStringInfoChar(out, '}');
	}
	pgae_json_text(out, "purpose", ae_purpose_name[model->purpose]);
	pgae_json_count(out, "code", net->width[code]);
	add_widths(out, "hidden", net->width + 1, code - 1);
	add_widths(out, "decoder", net->width + code + 1, net->n_layers - code - 1);
	for (uint32_t l = 0; l + 1 < net->n_layers; l++)
	{
		/* all hidden layers have the same */
		if (l + 1 == code)
			continue;
		pgae_json_text(out, "activation", ae_activation_name[net->activation[l]]);
		break;
	}
	pgae_json_text(out, "code_activation", ae_activation_name[net->activation[code - 1]]);
	pgae_json_text(out, "output_activation",
				   ae_activation_name[net->activation[net->n_layers - 1]]);
	pgae_json_text(out, "loss", ae_loss_info[model->loss].name);
	pgae_json_text(out, "category_loss", ae_loss_info[model->category_loss].name);
	add_scaling_options(out, schema);
}

/* Whether the option that another one requires is on. */
static bool
is_on(const AeModel *model, const char *option)
{
	const AeTrainOptions *train = &model->options;

	if (strcmp(option, "sparse") == 0)
		return train->sparse != AE_PENALTY_NONE;
	if (strcmp(option, "weight_decay") == 0)
		return train->weight_decay > 0;
	if (strcmp(option, "pretrain") == 0)
		return train->pretrain != AE_PRETRAIN_NONE;
	if (strcmp(option, "neighbours_weight") == 0)
		return train->neighbours_weight > 0;
	if (strcmp(option, "distribution") == 0)
		return train->distribution != AE_DISTRIBUTION_NONE;
	if (strcmp(option, "variational_beta") == 0)
		return train->variational_beta > 0;
	if (strcmp(option, "hash_bits") == 0)
		return train->code_noise > 0;
	return strcmp(option, "target") == 0 && model->schema.has_target;
}

/* Whether an option took part in training and is not shown by add_corruption_options. */
static bool
took_part(const AeModel *model, const AeOptionInfo *info, double value)
{
	const AeTrainOptions *train = &model->options;

	if (!(info->optimizers & (1u << train->optimizer)) || value < info->low)
		return false;
	if (info->offset == offsetof(AeTrainOptions, noise) ||
		info->offset == offsetof(AeTrainOptions, masking))
		return false;
	if (info->offset == offsetof(AeTrainOptions, algorithm))
		return train->algorithm != AE_ALGORITHM_BACKPROPAGATION;
	if (info->offset == offsetof(AeTrainOptions, walkback))
		return train->walkback > 0;
	if (info->offset == offsetof(AeTrainOptions, contract_exact) ||
		info->offset == offsetof(AeTrainOptions, contract_weight))
		return train->contract_weight > 0;
	if (info->offset == offsetof(AeTrainOptions, aux_weight))
		return model->net.top_k > 0 || model->net.gated;
	return info->needs == NULL || is_on(model, info->needs);
}

/* The options that took part in training. */
static void
add_training_options(StringInfo out, const AeModel *model)
{
	for (size_t i = 0; i < ae_n_options; i++)
	{
		const AeOptionInfo *info = &ae_option_info[i];
		double value = ae_option_value(&model->options, info);

		if (!took_part(model, info, value))
			continue;
		if (info->names)
			pgae_json_text(out, info->name, info->names[(int) value]);
		else if (info->type == AE_OPTION_FLAG)
			pgae_json_flag(out, info->name, value != 0);
		else if (info->type == AE_OPTION_COUNT64)
			pgae_json_count(out, info->name,
							*(const uint64 *) ((const char *) &model->options + info->offset));
		else
			pgae_json_number(out, info->name, value);
	}
}

/* Masking and those of ae.denoise; Gaussian noise is the option noise. */
static void
add_corruption_options(StringInfo out, const AeTrainOptions *options)
{
	double level = options->swap > 0 ? options->swap : options->salt_pepper;
	bool masking = level == 0 && options->emphasis > 0;

	if (!masking)
		pgae_json_number(out, "masking", options->masking);
	if (level == 0 && !masking)
		return;
	pgae_json_text(out, "denoise",
				   options->swap > 0 ? "swap"
				   : masking         ? "masking"
									 : "salt_pepper");
	pgae_json_number(out, "denoise_level", masking ? options->masking : level);
	pgae_json_number(out, "denoise_emphasis", options->emphasis);
}

/* All options as they were resolved: passed to ae.train again, they train the same model. */
static void
add_options(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	const AeTrainOptions *options = &model->options;

	pgae_json_open(out, "options", '{');
	add_network_options(out, model);
	pgae_json_count(out, "folds", models->n_folds);
	pgae_json_count(out, "prototypes", model->prototypes.n);
	pgae_json_text(out, "quality", models->n_members > 1 ? "accurate" : "standard");
	/* of several members, the first has half of what was asked for */
	pgae_json_number(out, "noise", models->n_members > 1 ? 2 * options->noise : options->noise);
	add_corruption_options(out, options);
	if (model->net.skip)
		pgae_json_flag(out, "skip", true);
	if (model->net.top_k > 0)
		pgae_json_count(out, "top_k", model->net.top_k);
	if (options->code_noise > 0)
		pgae_json_count(out, "hash_bits", pgae_code_width(model));
	if (model->schema.has_target)
		pgae_json_text(out, "target", pgae_target_name(&model->schema));
	add_training_options(out, model);
	appendStringInfoChar(out, '}');
}

static void
add_network(StringInfo out, const AeModel *model)
{
	const AeNet *net = &model->net;

	pgae_json_open(out, "network", '{');
	pgae_json_count(out, "inputs", net->width[0]);
	add_widths(out, "widths", net->width, net->n_layers + 1);
	pgae_json_open(out, "activations", '[');
	for (uint32_t l = 0; l < net->n_layers; l++)
		pgae_json_text(out, NULL, ae_activation_name[net->activation[l]]);
	appendStringInfoChar(out, ']');
	pgae_json_count(out, "weights", ae_net_n_params(net));
	appendStringInfoChar(out, '}');
}

/* The target of a model; levels of its first network. */
static void
add_target(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	const AeColumn *target = &model->schema.target;

	if (!model->schema.has_target)
		return;
	pgae_json_open(out, "target", '{');
	pgae_json_text(out, "column", pgae_target_name(&model->schema));
	pgae_json_text(out, "kind", ae_kind_name[target->kind]);
	pgae_json_count(out, "labelled_rows", pgae_n_labelled_rows(models));
	if (target->kind == AE_KIND_CATEGORY)
	{
		pgae_json_open(out, "levels", '[');
		for (uint32_t i = 0; i < target->n_levels; i++)
		{
			char *text = pgae_level_text(&model->schema, &target->levels[i], true);

			pgae_json_text(out, NULL, text ? text : "?");
		}
		appendStringInfoChar(out, ']');
	}
	if (target->kind == AE_KIND_NUMBER)
	{
		pgae_json_number(out, "mean", target->mean);
		pgae_json_number(out, "sd", target->sd);
	}
	pgae_json_number(out, "loss", pgae_mean_of(models, offsetof(AeModel, target_loss)));
	pgae_json_number(out, "accuracy", pgae_mean_of(models, offsetof(AeModel, target_accuracy)));
	appendStringInfoChar(out, '}');
}

/* How many rows were judged. */
static void
add_feedback(StringInfo out, const AeModel *model)
{
	const AeVerdicts *verdicts = &model->verdicts;

	if (ae_verdicts_count(verdicts) == 0)
		return;
	pgae_json_open(out, "feedback", '{');
	pgae_json_count(out, "confirmed", verdicts->n_confirmed);
	pgae_json_count(out, "dismissed", verdicts->n_dismissed);
	appendStringInfoChar(out, '}');
}

static void
add_outcome(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];

	pgae_json_open(out, "training", '{');
	pgae_json_text(out, "state", ae_train_state_name[model->state]);
	pgae_json_count(out, "networks", pgae_n_networks(models));
	pgae_json_count(out, "rows", pgae_n_rows(models));
	pgae_json_count(out, "validation_rows", model->n_validation * models->n_folds);
	pgae_json_count(out, "updates", model->n_updates);
	pgae_json_count(out, "epochs", model->n_epochs);
	pgae_json_count(out, "best_epoch", model->best_epoch);
	pgae_json_number(out, "train_loss", pgae_mean_of(models, offsetof(AeModel, train_loss)));
	pgae_json_number(out, "validation_loss",
					 pgae_mean_of(models, offsetof(AeModel, validation_loss)));
	pgae_json_number(out, "mean_loss", pgae_mean_of(models, offsetof(AeModel, mean_loss)));
	pgae_json_number(out, "pca_loss", pgae_mean_of(models, offsetof(AeModel, pca_loss)));
	pgae_json_number(out, "recall", pgae_mean_of(models, offsetof(AeModel, recall)));
	pgae_json_number(out, "pca_recall", pgae_mean_of(models, offsetof(AeModel, pca_recall)));
	pgae_json_text(out, "imputes", ae_filling_name[model->filling]);
	pgae_json_count(out, "dead_code_units", model->n_dead);
	pgae_json_number(out, "code_zeros", model->code_zeros);
	pgae_json_number(out, "code_mean", model->code_mean);
	if (model->options.contract_weight > 0)
		pgae_json_number(out, "jacobian", pgae_mean_of(models, offsetof(AeModel, jacobian)));
	if (model->net.spread)
	{
		pgae_json_number(out, "divergence", pgae_mean_of(models, offsetof(AeModel, divergence)));
		pgae_json_count(out, "collapsed_code_units", model->n_collapsed);
	}
	if (model->options.distribution != AE_DISTRIBUTION_NONE)
		pgae_json_number(out, "log_likelihood",
						 pgae_mean_of(models, offsetof(AeModel, log_likelihood)));
	pgae_json_number(out, "weight_penalty", pgae_weight_penalty(models));
	pgae_json_number(out, "log_posterior", pgae_log_posterior(models));
	appendStringInfoChar(out, '}');

	pgae_json_open(out, "calibration", '{');
	pgae_json_count(out, "rows", models->models[0]->calibration.n);
	pgae_json_flag(out, "unseen", model->calibration.unseen);
	pgae_json_number(out, "median", pgae_upper_quantile(models, 0.5));
	pgae_json_number(out, "p95", pgae_upper_quantile(models, 0.05));
	pgae_json_number(out, "p99", pgae_upper_quantile(models, 0.01));
	pgae_json_number(out, "max", pgae_upper_quantile(models, 0));
	appendStringInfoChar(out, '}');
}

Datum
pgae_describe(struct varlena *bytes)
{
	PgaeModels *models = pgae_read_models(bytes, CurrentMemoryContext);
	const AeModel *model = models->models[0];
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	pgae_json_count(&out, "format", model->format);
	pgae_json_count(&out, "arithmetic", model->arithmetic);
	pgae_json_count(&out, "server_version", model->server_version);
	pgae_json_count(&out, "bytes", VARSIZE_ANY_EXHDR(bytes));
	pgae_json_text(&out, "row_type", model->schema.is_array ? "array" : "composite");
	pgae_json_count(&out, "columns",
					model->schema.is_array ? model->schema.n_columns
										   : pgae_n_sources(&model->schema));
	add_options(&out, models);
	add_network(&out, model);
	add_target(&out, models);
	add_feedback(&out, model);
	add_outcome(&out, models);
	appendStringInfoChar(&out, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

Datum
pg_ae_describe(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(pgae_describe(pgae_model_bytes(fcinfo, 0, true)));
}
