/*
 * pg_inspect.c: what a model is, and whether it is any good: ae.summary for people,
 * ae.describe for programs, ae.history, ae.features and ae.row_expression.
 *
 * Everything comes from the model's bytes alone.  Knows models; knows no rows.
 */
#include "pg_tool.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(pg_ae_summary);
PG_FUNCTION_INFO_V1(pg_ae_describe);
PG_FUNCTION_INFO_V1(pg_ae_history);
PG_FUNCTION_INFO_V1(pg_ae_features);
PG_FUNCTION_INFO_V1(pg_ae_row_expression);

/* Columns that ae.summary names before it says how many more there are. */
#define NAMES_SHOWN 20

/* The argument of a call, whose caller is told what is in it, read into the current context. */
static PgaeModels *
models_argument(FunctionCallInfo fcinfo)
{
	return pgae_read_models(pgae_model_bytes(fcinfo, 0, true), CurrentMemoryContext);
}

static uint32
count_networks(const PgaeModels *models)
{
	return models->n_folds * models->n_members;
}

/* The first network of a fold. */
static const AeModel *
fold_of(const PgaeModels *models, uint32 f)
{
	return models->models[f * models->n_members];
}

/* Rows that were trained on or held out, of all folds. */
static uint64
count_rows(const PgaeModels *models)
{
	uint64 n = 0;

	for (uint32 f = 0; f < models->n_folds; f++)
		n += fold_of(models, f)->n_rows;
	return n;
}

/* A loss, the mean over all networks. */
static double
mean_over(const PgaeModels *models, double (*of)(const AeModel *model))
{
	double sum = 0;

	for (uint32 i = 0; i < count_networks(models); i++)
		sum += of(models->models[i]);
	return sum / count_networks(models);
}

static uint32_t
code_width(const AeModel *model)
{
	return model->net.width[model->net.n_encoder];
}

/* Raw scores of all folds' rows: the first network has them. */
static const AeCalibration *
calibration_of(const PgaeModels *models)
{
	return &models->models[0]->calibration;
}

/*
 * A calibration score that about `share` of the scores reach or exceed; NaN without
 * any.  Thinned tables give the next larger score that they kept.
 */
static double
upper_quantile(const PgaeModels *models, double share)
{
	const AeCalibration *calibration = calibration_of(models);

	for (uint32_t i = 0; i < calibration->n_points; i++)
	{
		if ((double) calibration->n_above[i] >= share * (double) calibration->n)
			return calibration->score[i];
	}
	return NAN;
}

static double
train_loss_of(const AeModel *model)
{
	return model->train_loss;
}

static double
validation_loss_of(const AeModel *model)
{
	return model->validation_loss;
}

static double
mean_loss_of(const AeModel *model)
{
	return model->mean_loss;
}

static double
jacobian_of(const AeModel *model)
{
	return model->jacobian;
}

static double
pca_loss_of(const AeModel *model)
{
	return model->pca_loss;
}

static double
weight_penalty_of(const AeModel *model)
{
	return ae_train_weight_penalty(model->params, &model->net, &model->options);
}

/*
 * Of the weights given the training rows, over all networks, but for a constant: rows times the
 * mean loss stands for -log p(rows | weights), rows times the penalty for -log p(weights)
 * (ae_prior.h).
 */
static double
log_posterior(const PgaeModels *models)
{
	double sum = 0;

	for (uint32 i = 0; i < count_networks(models); i++)
	{
		const AeModel *model = models->models[i];

		sum -= (double) (model->n_rows - model->n_validation) *
			   (model->train_loss + weight_penalty_of(model));
	}
	return sum;
}

/* The loss that says most about rows to come. */
static double
honest_loss(const AeModel *model)
{
	return isnan(model->validation_loss) ? model->train_loss : model->validation_loss;
}

/* A code that could copy its input, and nothing that keeps it from doing so. */
static bool
can_copy(const AeModel *model)
{
	return !model->net.gated && !pgae_options_keep_from_copying(&model->net, &model->options);
}

static uint32_t
count_sources(const AeSchema *schema)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
		n++;
	return n;
}

static bool
is_scaled(const AeColumn *column)
{
	return column->kind == AE_KIND_NUMBER || column->kind == AE_KIND_TIME;
}

/* The scaling that all numbers and times share, or NULL where they do not. */
static const char *
common_scaling(const AeSchema *schema)
{
	const char *name = NULL;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (!is_scaled(column))
			continue;
		if (name && name != ae_scaling_name[column->scaling])
			return NULL;
		name = ae_scaling_name[column->scaling];
	}
	return name ? name : ae_scaling_name[AE_SCALING_STANDARD];
}

/* ---- ae.summary ---- */

static void
summarize_columns(StringInfo out, const AeModel *model)
{
	const AeSchema *schema = &model->schema;
	uint32_t shown = 0;

	appendStringInfo(out, "purpose      %s\n", ae_purpose_name[model->purpose]);
	if (schema->is_array)
		appendStringInfo(out, "rows         arrays of %u elements", schema->n_columns);
	else
	{
		appendStringInfo(out, "columns      %u: ", count_sources(schema));
		for (uint32_t c = 0; c < schema->n_columns && shown < NAMES_SHOWN;
			 c = ae_schema_source_end(schema, c))
			appendStringInfo(out, "%s%s", shown++ ? ", " : "", pgae_column_name(schema, c));
		if (shown < count_sources(schema))
			appendStringInfo(out, " and %u more", count_sources(schema) - shown);
	}
	if (schema->n_varying < schema->n_columns)
		appendStringInfo(out, "; %u constant", schema->n_columns - schema->n_varying);
	appendStringInfoChar(out, '\n');
}

static void
summarize_network(StringInfo out, const AeModel *model)
{
	const AeNet *net = &model->net;

	appendStringInfoString(out, "network      ");
	for (uint32_t l = 0; l <= net->n_layers; l++)
		appendStringInfo(out, "%s%u", l ? "-" : "", net->width[l]);
	appendStringInfo(out, ", code of %u, ", code_width(model));
	for (uint32_t l = 0; l < net->n_layers; l++)
		appendStringInfo(out, "%s%s", l ? "-" : "", ae_activation_info[net->activation[l]].name);
	appendStringInfo(
		out, ", %zu weights%s%s\n", ae_net_n_params(net),
		model->options.tied ? ", the decoder's tied to the encoder's" : "",
		model->options.batch_norm && net->n_layers > 2 ? ", trained with batch normalisation" : "");
}

static const char *
state_in_words(const AeModel *model)
{
	switch (model->state)
	{
		case AE_TRAIN_FINISHED:
			return "ran to its end";
		case AE_TRAIN_CONVERGED:
			return "converged";
		case AE_TRAIN_EARLY:
			return "stopped early, as the validation loss no longer fell";
		case AE_TRAIN_STOPPED:
			return "stopped at the time limit";
		case AE_TRAIN_DIVERGED:
			return "diverged";
		default:
			return "did not end";
	}
}

static void
summarize_crossing(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];

	if (models->n_folds > 1)
		appendStringInfo(out,
						 "networks     %u, crossed: each row is scored by those that did not "
						 "train on it\n",
						 count_networks(models));
	else if (models->n_members > 1)
		appendStringInfo(out, "networks     %u\n", models->n_members);
	if (model->prototypes.n > 0)
		appendStringInfo(out, "score        error / %.4g + distance to %u prototypes / %.4g\n",
						 model->error_norm, model->prototypes.n, model->distance_norm);
	if (model->extremes.weight > 0)
		appendStringInfo(
			out,
			"few rows     scores also count numbers beyond 4 standard deviations of the "
			"other rows, weight %.4g\n",
			model->extremes.weight);
}

static void
add_corruption(StringInfo out, double level, const char *what)
{
	if (level > 0)
		appendStringInfo(out, "%s%.4g %s", out->len ? ", " : "", level, what);
}

/* How rows were corrupted before they entered. */
static void
summarize_corruption(StringInfo out, const AeTrainOptions *options)
{
	StringInfoData text;

	initStringInfo(&text);
	add_corruption(&text, options->noise, "standard deviations of Gaussian noise");
	add_corruption(&text, 100 * options->masking, "% of cells as if missing");
	add_corruption(&text, 100 * options->salt_pepper, "% of cells as their least or largest");
	add_corruption(&text, 100 * options->swap, "% of columns as another row's");
	if (text.len)
		appendStringInfo(out, "corruption   %s", text.data);
	if (text.len && options->emphasis > 0)
		appendStringInfo(out, "; %.4g %% of the loss is of what was corrupted alone",
						 100 * options->emphasis);
	if (text.len)
		appendStringInfoChar(out, '\n');
	pfree(text.data);
}

static void
summarize_training(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	bool lbfgs = model->options.optimizer == AE_OPTIMIZER_LBFGS;
	const char *scaling = common_scaling(&model->schema);

	appendStringInfo(out, "training     " UINT64_FORMAT " rows, ",
					 count_rows(models) - model->n_validation * models->n_folds);
	if (model->n_validation > 0)
		appendStringInfo(out, UINT64_FORMAT " more for validation",
						 model->n_validation * models->n_folds);
	else
		appendStringInfoString(out, "none held out");
	appendStringInfo(out, "; loss %s, scaling %s\n", ae_loss_info[model->loss].name,
					 scaling ? scaling : "by column");
	appendStringInfo(out, "             %s, " UINT64_FORMAT " %s",
					 ae_optimizer_name[model->options.optimizer], model->n_updates,
					 lbfgs ? "iterations" : "updates");
	if (!lbfgs)
		appendStringInfo(out, " of %u rows in " UINT64_FORMAT " epochs", model->options.batch_size,
						 model->n_epochs);
	appendStringInfo(out, ": %s", state_in_words(model));
	if (model->best_epoch > 0)
		appendStringInfo(out, "; weights of epoch " UINT64_FORMAT, model->best_epoch);
	appendStringInfoChar(out, '\n');
	if (model->options.pretrain != AE_PRETRAIN_NONE)
		appendStringInfo(
			out, "pretrained   %u layers one after the other, %s, " UINT64_FORMAT " %s each\n",
			model->net.n_encoder, ae_pretrain_name[model->options.pretrain],
			model->options.pretrain_updates, lbfgs ? "iterations" : "updates");
	summarize_corruption(out, &model->options);
}

/* Whether rows enter, or pass through the network, otherwise than they are. */
static bool
has_noise(const AeTrainOptions *options)
{
	return options->noise > 0 || options->dropout > 0 || options->masking > 0 ||
		   options->code_noise > 0 || options->salt_pepper > 0 || options->swap > 0;
}

/* What kept the code sparse, and how sparse it came out. */
static void
summarize_code(StringInfo out, const AeModel *model)
{
	const AeTrainOptions *options = &model->options;

	appendStringInfo(out, "code units   %u, %u of them dead", code_width(model), model->n_dead);
	if (model->net.top_k > 0)
		appendStringInfo(out, "; the %u largest of each row are kept", model->net.top_k);
	if (model->net.gated && options->batch_top_k > 0)
		appendStringInfo(out, "; those above %.4g are kept, %u of a row on the average of training",
						 model->params[ae_net_threshold_offset(&model->net)], options->batch_top_k);
	if (model->code_zeros >= 0.0005) /* what is shown as 0.0 is not worth a line */
		appendStringInfo(out, "; %.1f %% of the codes' numbers are 0", 100 * model->code_zeros);
	appendStringInfoChar(out, '\n');
	if (options->code_noise > 0)
		appendStringInfo(out, "bits         %u, trained with noise of %.4g before the sigmoid\n",
						 code_width(model), options->code_noise);
	if (options->sparse_weight == 0)
		return;
	appendStringInfo(out, "sparse       %s on %s, weight %.4g", ae_penalty_name[options->sparse],
					 options->sparse_hidden ? "every hidden layer" : "the code",
					 options->sparse_weight);
	if (options->sparse == AE_PENALTY_KL)
		appendStringInfo(out, "; units of the code are on at a rate of %.4g, the target is %.4g",
						 model->code_mean, options->sparse_target);
	if (options->sparse == AE_PENALTY_JUMPRELU)
		appendStringInfo(out, "; %.4g units of the code are on in a row, on the average",
						 (1 - model->code_zeros) * code_width(model));
	appendStringInfoChar(out, '\n');
}

static void
summarize_weights(StringInfo out, const PgaeModels *models)
{
	const AeTrainOptions *options = &models->models[0]->options;
	double posterior = log_posterior(models);

	if (options->weight_decay == 0)
		return;
	appendStringInfo(out, "weights      %s prior, decay %.4g: penalty %.4g",
					 ae_prior_name[options->weight_prior], options->weight_decay,
					 mean_over(models, weight_penalty_of));
	if (!isnan(posterior))
		appendStringInfo(out, ", log posterior %.6g and a constant", posterior);
	appendStringInfoChar(out, '\n');
}

static void
summarize_contraction(StringInfo out, const PgaeModels *models)
{
	const AeTrainOptions *options = &models->models[0]->options;
	double jacobian = mean_over(models, jacobian_of);

	if (options->contract_weight == 0)
		return;
	appendStringInfo(out, "contract     weight %.4g, %s", options->contract_weight,
					 options->contract_exact ? "exact" : "estimated");
	if (!isnan(jacobian))
		appendStringInfo(out, "; mean squared norm of the Jacobian of the code %.4g", jacobian);
	appendStringInfoChar(out, '\n');
}

static double
target_loss_of(const AeModel *model)
{
	return model->target_loss;
}

static double
target_accuracy_of(const AeModel *model)
{
	return model->target_accuracy;
}

/* Rows with a label, as far as the model's columns were measured on its rows. */
static uint64
labelled_rows(const PgaeModels *models)
{
	uint64 n = 0;

	for (uint32 f = 0; f < models->n_folds; f++)
	{
		const AeModel *model = fold_of(models, f);
		const AeColumn *target = &model->schema.target;

		n += model->n_rows - Min(target->n_missing + target->other, model->n_rows);
	}
	return n;
}

/* What is predicted, and how well. */
static void
summarize_target(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	const AeColumn *target = &model->schema.target;
	double accuracy = mean_over(models, target_accuracy_of);

	if (!model->schema.has_target)
		return;
	appendStringInfo(out, "target       %s, a %s", pgae_target_name(&model->schema),
					 ae_kind_name[target->kind]);
	if (target->kind == AE_KIND_CATEGORY)
		appendStringInfo(out, " of %u levels", target->n_levels);
	appendStringInfo(out, ", known of " UINT64_FORMAT " rows, weight %.4g: ", labelled_rows(models),
					 model->options.target_weight);
	if (isnan(accuracy))
		appendStringInfoString(out, "no row with a label was left to judge predictions by");
	else
	{
		if (target->kind == AE_KIND_NUMBER)
			appendStringInfo(out, "R^2 %.3f", accuracy);
		else
			appendStringInfo(out, "%.1f %% of labels right", 100 * accuracy);
		appendStringInfo(out, " on rows that training %s",
						 model->calibration.unseen ? "did not see" : "saw");
	}
	appendStringInfoChar(out, '\n');
}

static void
summarize_losses(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	double train_loss = mean_over(models, train_loss_of);
	double validation_loss = mean_over(models, validation_loss_of);
	double pca_loss = mean_over(models, pca_loss_of);

	appendStringInfoString(out, "loss         ");
	if (!isnan(validation_loss))
		appendStringInfo(out, "%.4g on validation rows, ", validation_loss);
	if (!isnan(train_loss))
		appendStringInfo(out, "%.4g in training%s, ", train_loss,
						 has_noise(&model->options) ? " (with noise)" : "");
	appendStringInfo(out, "%.4g by predicting the mean", mean_over(models, mean_loss_of));
	if (!isnan(pca_loss))
		appendStringInfo(out, ", %.4g by %u principal component%s", pca_loss, code_width(model),
						 code_width(model) == 1 ? "" : "s");
	appendStringInfoChar(out, '\n');
	if (calibration_of(models)->n > 0)
		appendStringInfo(
			out,
			"%s   median %.4g, 95 %% %.4g, 99 %% %.4g, largest %.4g, of " UINT64_FORMAT
			" rows that %s\n",
			count_networks(models) > 1 || model->prototypes.n > 0 ? "raw scores" : "errors    ",
			upper_quantile(models, 0.5), upper_quantile(models, 0.05), upper_quantile(models, 0.01),
			upper_quantile(models, 0), calibration_of(models)->n,
			!model->calibration.unseen ? "training saw"
			: models->n_folds > 1      ? "their network did not see"
									   : "training did not see");
	summarize_code(out, model);
	summarize_contraction(out, models);
	summarize_weights(out, models);
}

static void
warn(StringInfo out, bool applies, const char *text)
{
	if (applies)
		appendStringInfo(out, "warning      %s\n", text);
}

/*
 * How much larger than on all rows a loss may be on those that it was measured on, by chance:
 * two standard deviations of a mean of squared errors.
 */
static double
chance(const AeModel *model)
{
	uint64 n = isnan(model->validation_loss) ? model->n_rows : model->n_validation;

	return 1.05 + 2 * sqrt(2.0 / Max(n, 1));
}

/* What a reader of the figures should not have to find out alone. */
static void
summarize_warnings(StringInfo out, const AeModel *model)
{
	double loss = honest_loss(model);

	warn(out, model->state == AE_TRAIN_DIVERGED,
		 "training diverged: these are the last good weights; lower learning_rate");
	warn(out, loss >= 0.99 * model->mean_loss,
		 "the model is no better than predicting the mean of every column");
	warn(out, loss > chance(model) * model->pca_loss, /* false where that is NaN */
		 "principal components of the same number do better: train longer, or look at the options");
	warn(out, can_copy(model),
		 "the code is as wide as the input and nothing keeps it from copying: add noise");
	warn(out, model->options.noise == 0 && model->validation_loss > 1.5 * model->train_loss,
		 "validation rows do much worse than training rows: the model learns rows by heart");
	warn(out, model->n_dead > 0, "some code units are the same for every row: they carry nothing");
	warn(out, model->calibration.n > 0 && !model->calibration.unseen,
		 "calibrated on rows that training saw: new rows will look more anomalous than they are");
}

Datum
pg_ae_summary(PG_FUNCTION_ARGS)
{
	PgaeModels *models = models_argument(fcinfo);
	StringInfoData out;

	initStringInfo(&out);
	summarize_columns(&out, models->models[0]);
	summarize_network(&out, models->models[0]);
	summarize_crossing(&out, models);
	summarize_training(&out, models);
	summarize_losses(&out, models);
	summarize_target(&out, models);
	summarize_warnings(&out, models->models[0]);
	out.data[--out.len] = '\0'; /* no empty line at the end */
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ---- ae.describe: a writer of JSON, a key at a time ---- */

static void
add_key(StringInfo out, const char *key)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoChar(out, ',');
	if (key)
		appendStringInfo(out, "\"%s\":", key);
}

static void
add_text(StringInfo out, const char *key, const char *text)
{
	add_key(out, key);
	escape_json(out, text);
}

static void
add_count(StringInfo out, const char *key, uint64 count)
{
	add_key(out, key);
	appendStringInfo(out, UINT64_FORMAT, count);
}

static void
add_flag(StringInfo out, const char *key, bool flag)
{
	add_key(out, key);
	appendStringInfoString(out, flag ? "true" : "false");
}

/* Every digit that counts; null for what JSON has no number for. */
static void
add_number(StringInfo out, const char *key, double number)
{
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	add_key(out, key);
	if (!isfinite(number))
		appendStringInfoString(out, "null");
	else
	{
		double_to_shortest_decimal_buf(number, digits);
		appendStringInfoString(out, digits);
	}
}

static void
add_open(StringInfo out, const char *key, char bracket)
{
	add_key(out, key);
	appendStringInfoChar(out, bracket);
}

static void
add_widths(StringInfo out, const char *key, const uint32_t *width, uint32_t n)
{
	add_open(out, key, '[');
	for (uint32_t i = 0; i < n; i++)
		add_count(out, NULL, width[i]);
	appendStringInfoChar(out, ']');
}

/* A key that is no plain word. */
static void
add_named_text(StringInfo out, const char *key, const char *text)
{
	add_key(out, NULL);
	escape_json(out, key);
	appendStringInfoChar(out, ':');
	escape_json(out, text);
}

/* How values become inputs. */
static void
add_scaling_options(StringInfo out, const AeSchema *schema)
{
	static const char *const part_name[] = {"hour", "weekday", "month"};
	const char *scaling = common_scaling(schema);
	uint32_t parts = 0;
	bool indicators = false;

	if (scaling)
		add_text(out, "scaling", scaling);
	else
	{
		add_open(out, "scaling", '{');
		for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
		{
			if (is_scaled(&schema->columns[c]))
				add_named_text(out, pgae_column_name(schema, c),
							   ae_scaling_name[schema->columns[c].scaling]);
		}
		appendStringInfoChar(out, '}');
	}
	if (schema->clip > 0)
		add_number(out, "clip", schema->clip);
	if (schema->n_categories > 0)
	{
		add_count(out, "max_levels", schema->max_levels);
		add_count(out, "min_frequency", schema->min_frequency);
	}
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		parts |= schema->columns[c].parts;
		indicators |= schema->columns[c].indicator;
	}
	add_flag(out, "null_indicators", indicators);
	if (parts == 0)
		return;
	add_open(out, "time_parts", '[');
	for (int i = 0; i < (int) lengthof(part_name); i++)
	{
		if (parts & (1u << i))
			add_text(out, NULL, part_name[i]);
	}
	appendStringInfoChar(out, ']');
}

/* What belongs to the network, in the words of ae.options. */
static void
add_network_options(StringInfo out, const AeModel *model)
{
	const AeNet *net = &model->net;
	const AeSchema *schema = &model->schema;
	uint32_t code = net->n_encoder;

	if (!schema->is_array)
	{
		add_open(out, "columns", '[');
		for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
			add_text(out, NULL, pgae_column_name(schema, c));
		appendStringInfoChar(out, ']');
		add_open(out, "kinds", '{');
		for (uint32_t c = 0; c < schema->n_columns; c = ae_schema_source_end(schema, c))
			add_named_text(out, pgae_column_name(schema, c), ae_kind_name[schema->columns[c].kind]);
		if (schema->has_target)
			add_named_text(out, pgae_target_name(schema), ae_kind_name[schema->target.kind]);
		appendStringInfoChar(out, '}');
	}
	add_text(out, "purpose", ae_purpose_name[model->purpose]);
	add_count(out, "code", net->width[code]);
	add_widths(out, "hidden", net->width + 1, code - 1);
	add_widths(out, "decoder", net->width + code + 1, net->n_layers - code - 1);
	for (uint32_t l = 0; l + 1 < net->n_layers; l++)
	{
		/* all hidden layers have the same */
		if (l + 1 == code)
			continue;
		add_text(out, "activation", ae_activation_info[net->activation[l]].name);
		break;
	}
	add_text(out, "code_activation", ae_activation_info[net->activation[code - 1]].name);
	add_text(out, "output_activation", ae_activation_info[net->activation[net->n_layers - 1]].name);
	add_text(out, "loss", ae_loss_info[model->loss].name);
	add_text(out, "category_loss", ae_loss_info[model->category_loss].name);
	add_scaling_options(out, schema);
}

/* Whether the option without which another one has no meaning is on. */
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
	if (strcmp(option, "hash_bits") == 0)
		return train->code_noise > 0;
	return strcmp(option, "target") == 0 && model->schema.has_target;
}

/* Whether an option of training had a part in it, and is not told by add_corruption_options. */
static bool
took_part(const AeModel *model, const AeOptionInfo *info, double value)
{
	const AeTrainOptions *train = &model->options;

	if (!(info->optimizers & (1u << train->optimizer)) || value < info->low)
		return false;
	if (info->offset == offsetof(AeTrainOptions, noise) ||
		info->offset == offsetof(AeTrainOptions, masking))
		return false;
	if (info->offset == offsetof(AeTrainOptions, contract_exact) ||
		info->offset == offsetof(AeTrainOptions, contract_weight))
		return train->contract_weight > 0;
	if (info->offset == offsetof(AeTrainOptions, aux_weight))
		return model->net.top_k > 0 || model->net.gated;
	return info->needs == NULL || is_on(model, info->needs);
}

/* The options of training, as far as they had a part in it. */
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
			add_text(out, info->name, info->names[(int) value]);
		else if (info->type == AE_OPTION_FLAG)
			add_flag(out, info->name, value != 0);
		else if (info->type == AE_OPTION_COUNT64)
			add_count(out, info->name,
					  *(const uint64 *) ((const char *) &model->options + info->offset));
		else
			add_number(out, info->name, value);
	}
}

/* Masking and those of ae.denoise; Gaussian noise is the option noise. */
static void
add_corruption_options(StringInfo out, const AeTrainOptions *options)
{
	double level = options->swap > 0 ? options->swap : options->salt_pepper;
	bool masking = level == 0 && options->emphasis > 0;

	if (!masking)
		add_number(out, "masking", options->masking);
	if (level == 0 && !masking)
		return;
	add_text(out, "denoise", options->swap > 0 ? "swap" : masking ? "masking" : "salt_pepper");
	add_number(out, "denoise_level", masking ? options->masking : level);
	add_number(out, "denoise_emphasis", options->emphasis);
}

/* All options as they were resolved: given to ae.train again, they train the same model. */
static void
add_options(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	const AeTrainOptions *options = &model->options;

	add_open(out, "options", '{');
	add_network_options(out, model);
	add_count(out, "folds", models->n_folds);
	add_count(out, "prototypes", model->prototypes.n);
	add_text(out, "quality", models->n_members > 1 ? "accurate" : "standard");
	/* of several members the first has half of what was asked for */
	add_number(out, "noise", models->n_members > 1 ? 2 * options->noise : options->noise);
	add_corruption_options(out, options);
	if (model->net.top_k > 0)
		add_count(out, "top_k", model->net.top_k);
	if (options->code_noise > 0)
		add_count(out, "hash_bits", code_width(model));
	if (model->schema.has_target)
		add_text(out, "target", pgae_target_name(&model->schema));
	add_training_options(out, model);
	appendStringInfoChar(out, '}');
}

static void
add_network(StringInfo out, const AeModel *model)
{
	const AeNet *net = &model->net;

	add_open(out, "network", '{');
	add_count(out, "inputs", net->width[0]);
	add_widths(out, "widths", net->width, net->n_layers + 1);
	add_open(out, "activations", '[');
	for (uint32_t l = 0; l < net->n_layers; l++)
		add_text(out, NULL, ae_activation_info[net->activation[l]].name);
	appendStringInfoChar(out, ']');
	add_count(out, "weights", ae_net_n_params(net));
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
	add_open(out, "target", '{');
	add_text(out, "column", pgae_target_name(&model->schema));
	add_text(out, "kind", ae_kind_name[target->kind]);
	add_count(out, "labelled_rows", labelled_rows(models));
	if (target->kind == AE_KIND_CATEGORY)
	{
		add_open(out, "levels", '[');
		for (uint32_t i = 0; i < target->n_levels; i++)
		{
			char *text = pgae_level_text(&model->schema, &target->levels[i], true);

			add_text(out, NULL, text ? text : "?");
		}
		appendStringInfoChar(out, ']');
	}
	if (target->kind == AE_KIND_NUMBER)
	{
		add_number(out, "mean", target->mean);
		add_number(out, "sd", target->sd);
	}
	add_number(out, "loss", mean_over(models, target_loss_of));
	add_number(out, "accuracy", mean_over(models, target_accuracy_of));
	appendStringInfoChar(out, '}');
}

static void
add_outcome(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];

	add_open(out, "training", '{');
	add_text(out, "state", ae_train_state_name[model->state]);
	add_count(out, "networks", count_networks(models));
	add_count(out, "rows", count_rows(models));
	add_count(out, "validation_rows", model->n_validation * models->n_folds);
	add_count(out, "updates", model->n_updates);
	add_count(out, "epochs", model->n_epochs);
	add_count(out, "best_epoch", model->best_epoch);
	add_number(out, "train_loss", mean_over(models, train_loss_of));
	add_number(out, "validation_loss", mean_over(models, validation_loss_of));
	add_number(out, "mean_loss", mean_over(models, mean_loss_of));
	add_number(out, "pca_loss", mean_over(models, pca_loss_of));
	add_text(out, "imputes", ae_filling_name[model->filling]);
	add_count(out, "dead_code_units", model->n_dead);
	add_number(out, "code_zeros", model->code_zeros);
	add_number(out, "code_mean", model->code_mean);
	if (model->options.contract_weight > 0)
		add_number(out, "jacobian", mean_over(models, jacobian_of));
	add_number(out, "weight_penalty", mean_over(models, weight_penalty_of));
	add_number(out, "log_posterior", log_posterior(models));
	appendStringInfoChar(out, '}');

	add_open(out, "calibration", '{');
	add_count(out, "rows", calibration_of(models)->n);
	add_flag(out, "unseen", model->calibration.unseen);
	add_number(out, "median", upper_quantile(models, 0.5));
	add_number(out, "p95", upper_quantile(models, 0.05));
	add_number(out, "p99", upper_quantile(models, 0.01));
	add_number(out, "max", upper_quantile(models, 0));
	appendStringInfoChar(out, '}');
}

Datum
pg_ae_describe(PG_FUNCTION_ARGS)
{
	struct varlena *bytes = pgae_model_bytes(fcinfo, 0, true);
	PgaeModels *models = pgae_read_models(bytes, CurrentMemoryContext);
	const AeModel *model = models->models[0];
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	add_count(&out, "format", model->format);
	add_count(&out, "arithmetic", model->arithmetic);
	add_count(&out, "server_version", model->server_version);
	add_count(&out, "bytes", VARSIZE_ANY_EXHDR(bytes));
	add_text(&out, "row_type", model->schema.is_array ? "array" : "composite");
	add_count(&out, "columns",
			  model->schema.is_array ? model->schema.n_columns : count_sources(&model->schema));
	add_options(&out, models);
	add_network(&out, model);
	add_target(&out, models);
	add_outcome(&out, models);
	appendStringInfoChar(&out, '}');
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* ---- sets ---- */

/* Sets up a set of `count_of` rows at its first call; the model is funcctx->user_fctx. */
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
	funcctx->user_fctx = models_argument(fcinfo);
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
	while (i < count_networks(models) && at >= models->models[i]->n_history)
		at -= models->models[i++]->n_history;
	if (i == count_networks(models))
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
 * Statistics of column c over both folds, of which each has its own.  Sums of squares are merged
 * about the means: E[x^2] - mean^2 has no digits left for values far from 0.
 *
 * Source: Chan, Golub, LeVeque 1979, Updating formulae and a pairwise algorithm, equation 2.1.
 */
static void
combine_folds(AeColumn *column, const PgaeModels *models, uint32 c)
{
	double n = 0, mean = 0, m2 = 0;

	*column = fold_of(models, 0)->schema.columns[c];
	if (models->n_folds == 1)
		return;
	column->n_missing = 0;
	column->varies = column->observed = false;
	for (uint32 f = 0; f < models->n_folds; f++)
	{
		const AeModel *model = fold_of(models, f);
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

/* ---- ae.row_expression ---- */

Datum
pg_ae_row_expression(PG_FUNCTION_ARGS)
{
	/* scoring names the columns as well: no secret */
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
