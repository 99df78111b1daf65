/*
 * pg_summary.c: ae.summary, which tells people what a model is and whether it is any good.
 *
 * Everything comes from the model's bytes alone.  Knows models; knows no rows.
 */
#include "pg_tool.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pg_ae_summary);

/* The most columns that ae.summary names before it counts the rest. */
#define NAMES_SHOWN 20

/* With this many validation rows, their loss says more than that of the training rows. */
#define ENOUGH_ROWS 20

static bool
is_validated(const AeModel *model)
{
	return !isnan(model->validation_loss) && model->n_validation >= ENOUGH_ROWS;
}

/* The loss that says most about future rows. */
static double
honest_loss(const AeModel *model)
{
	return is_validated(model) ? model->validation_loss : model->train_loss;
}

/* Whether the code could copy its input and nothing prevents that. */
static bool
can_copy(const AeModel *model)
{
	return !model->net.gated && !pgae_options_keep_from_copying(&model->net, &model->options);
}

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
		appendStringInfo(out, "columns      %u: ", pgae_n_sources(schema));
		for (uint32_t c = 0; c < schema->n_columns && shown < NAMES_SHOWN;
			 c = ae_schema_source_end(schema, c))
			appendStringInfo(out, "%s%s", shown++ ? ", " : "", pgae_column_name(schema, c));
		if (shown < pgae_n_sources(schema))
			appendStringInfo(out, " and %u more", pgae_n_sources(schema) - shown);
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
	appendStringInfo(out, ", code of %u, ", pgae_code_width(model));
	for (uint32_t l = 0; l < net->n_layers; l++)
		appendStringInfo(out, "%s%s", l ? "-" : "", ae_activation_name[net->activation[l]]);
	appendStringInfo(
		out, ", %zu weights%s%s%s\n", ae_net_n_params(net),
		net->skip ? ", with a linear path beside the layers" : "",
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
						 pgae_n_networks(models));
	else if (models->n_members > 1)
		appendStringInfo(out, "networks     %u\n", models->n_members);
	if (model->prototypes.n > 0)
		appendStringInfo(out, "score        error / %.4g + distance to %u prototypes / %.4g\n",
						 model->error_norm, model->prototypes.n, model->distance_norm);
	if (ae_verdicts_count(&model->verdicts) > 0)
		appendStringInfo(out,
						 "feedback     rows like %u confirmed anomalies score up to 7.4 times as "
						 "high, like %u dismissed ones .61 times\n",
						 model->verdicts.n_confirmed, model->verdicts.n_dismissed);
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

/* How rows were corrupted before they entered the network. */
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
	if (text.len && options->walkback > 0)
		appendStringInfo(out, "; walks of up to %u reconstructions", options->walkback);
	if (text.len)
		appendStringInfoChar(out, '\n');
	pfree(text.data);
}

static void
summarize_training(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	bool lbfgs = model->options.optimizer == AE_OPTIMIZER_LBFGS;
	const char *scaling = pgae_common_scaling(&model->schema);

	appendStringInfo(out, "training     " UINT64_FORMAT " rows, ",
					 pgae_n_rows(models) - model->n_validation * models->n_folds);
	if (model->n_validation > 0)
		appendStringInfo(out, UINT64_FORMAT " more for validation",
						 model->n_validation * models->n_folds);
	else
		appendStringInfoString(out, "none held out");
	appendStringInfo(out, "; loss %s, scaling %s\n", ae_loss_info[model->loss].name,
					 scaling ? scaling : "by column");
	if (model->options.optimizer == AE_OPTIMIZER_PCA)
	{
		appendStringInfoString(out, "             pca: principal components, in closed form\n");
		return;
	}
	appendStringInfo(
		out, "             %s, " UINT64_FORMAT " %s", ae_optimizer_name[model->options.optimizer],
		model->n_updates,
		psprintf("%s%s", lbfgs ? "iteration" : "update", model->n_updates == 1 ? "" : "s"));
	if (!lbfgs)
		appendStringInfo(out, " of %u rows in " UINT64_FORMAT " epoch%s", model->options.batch_size,
						 model->n_epochs, model->n_epochs == 1 ? "" : "s");
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

/* Whether training changes rows when they enter or pass through the network. */
static bool
has_noise(const AeTrainOptions *options)
{
	return options->noise > 0 || options->dropout > 0 || options->masking > 0 ||
		   options->code_noise > 0 || options->variational_beta > 0 || options->salt_pepper > 0 ||
		   options->swap > 0;
}

/* What made the code sparse, and how sparse it became. */
static void
summarize_code(StringInfo out, const AeModel *model)
{
	const AeTrainOptions *options = &model->options;

	appendStringInfo(out, "code units   %u, %u of them dead", pgae_code_width(model),
					 model->n_dead);
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
						 pgae_code_width(model), options->code_noise);
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
						 (1 - model->code_zeros) * pgae_code_width(model));
	appendStringInfoChar(out, '\n');
}

/* How useful the codes are for search. */
static void
summarize_recall(StringInfo out, const AeModel *model)
{
	if (isnan(model->recall))
		return;
	appendStringInfo(out, "neighbours   codes find %.0f %% of a row's 10 nearest",
					 100 * model->recall);
	if (!isnan(model->pca_recall))
		appendStringInfo(out, ", %u principal component%s %.0f %%", pgae_code_width(model),
						 pgae_code_width(model) == 1 ? "" : "s", 100 * model->pca_recall);
	appendStringInfo(out, ", among rows that training %s\n",
					 model->calibration.unseen ? "did not see" : "saw");
}

static void
summarize_weights(StringInfo out, const PgaeModels *models)
{
	const AeTrainOptions *options = &models->models[0]->options;
	double posterior = pgae_log_posterior(models);

	if (options->weight_decay == 0)
		return;
	appendStringInfo(out, "weights      %s prior, decay %.4g: penalty %.4g",
					 ae_prior_name[options->weight_prior], options->weight_decay,
					 pgae_weight_penalty(models));
	if (!isnan(posterior))
		appendStringInfo(out, ", log posterior %.6g and a constant", posterior);
	appendStringInfoChar(out, '\n');
}

static void
summarize_contraction(StringInfo out, const PgaeModels *models)
{
	const AeTrainOptions *options = &models->models[0]->options;
	double jacobian = pgae_mean_of(models, offsetof(AeModel, jacobian));

	if (options->contract_weight == 0)
		return;
	appendStringInfo(out, "contract     weight %.4g, %s", options->contract_weight,
					 options->contract_exact ? "exact" : "estimated");
	if (!isnan(jacobian))
		appendStringInfo(out, "; mean squared norm of the Jacobian of the code %.4g", jacobian);
	appendStringInfoChar(out, '\n');
}

/* The distribution whose parameters the outputs are, and the likelihood of rows under it. */
static void
summarize_decoder(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	double likelihood = pgae_mean_of(models, offsetof(AeModel, log_likelihood));

	if (model->options.distribution == AE_DISTRIBUTION_NONE)
		return;
	appendStringInfo(out, "decoder      %s", ae_distribution_name[model->options.distribution]);
	if (model->schema.n_dense > 0 && model->loss == AE_LOSS_MSE)
		appendStringInfo(out, ", variance %s", ae_variance_name[model->options.variance]);
	if (!isnan(likelihood))
		appendStringInfo(out, "; log-likelihood of a row given its code %.6g, scaled units",
						 likelihood);
	appendStringInfoChar(out, '\n');
	if (model->net.spread)
		appendStringInfo(
			out,
			"variational  beta %.4g; codes of rows differ from the prior by %.4g nats; %u "
			"of %u units are collapsed to it\n",
			model->options.variational_beta, pgae_mean_of(models, offsetof(AeModel, divergence)),
			model->n_collapsed, pgae_code_width(model));
}

/* The target, and how well it is predicted. */
static void
summarize_target(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	const AeColumn *target = &model->schema.target;
	double accuracy = pgae_mean_of(models, offsetof(AeModel, target_accuracy));

	if (!model->schema.has_target)
		return;
	appendStringInfo(out, "target       %s, a %s", pgae_target_name(&model->schema),
					 ae_kind_name[target->kind]);
	if (target->kind == AE_KIND_CATEGORY)
		appendStringInfo(out, " of %u levels", target->n_levels);
	appendStringInfo(out, ", known of " UINT64_FORMAT " rows, weight %.4g: ",
					 pgae_n_labelled_rows(models), model->options.target_weight);
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

/* ---- the losses as a line of bars ---- */

#define CURVE_BARS 32

/* The mean loss of the epochs that bar i of n stands for; NaN if none is finite. */
static double
loss_of_bar(const AeModel *model, uint32 i, uint32 n, bool validation)
{
	uint64 first = (uint64) i * model->n_history / n, end = (uint64) (i + 1) * model->n_history / n;
	double sum = 0;
	int count = 0;

	for (uint64 e = first; e < end; e++)
	{
		const AeEpoch *epoch = &model->history[e];
		double loss = (double) (validation ? epoch->validation_loss : epoch->train_loss);

		if (isfinite(loss))
		{
			sum += loss;
			count++;
		}
	}
	return count > 0 ? sum / count : NAN;
}

/*
 * How the loss of the first network fell: the shape of a curve, on a logarithmic scale where all
 * losses are positive.  Left out if the client's encoding lacks the characters.
 */
static void
summarize_curve(StringInfo out, const AeModel *model)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	bool validation = !isnan(model->validation_loss);
	uint32 n = Min(model->n_history, CURVE_BARS);
	double at[CURVE_BARS], low = INFINITY, high = -INFINITY;

	if (n < 3 || GetDatabaseEncoding() != PG_UTF8 || pg_get_client_encoding() != PG_UTF8)
		return;
	for (uint32 i = 0; i < n; i++)
	{
		at[i] = loss_of_bar(model, i, n, validation);
		low = isnan(at[i]) ? low : Min(low, at[i]);
	}
	for (uint32 i = 0; i < n; i++)
	{
		at[i] = low > 0 ? log(at[i]) : at[i];
		high = isnan(at[i]) ? high : Max(high, at[i]);
	}
	low = low > 0 ? log(low) : low;
	if (!(high > low))
		return;
	appendStringInfoString(out, "             ");
	for (uint32 i = 0; i < n; i++)
		appendStringInfoString(
			out, isnan(at[i]) ? " " : bars[(int) rint((at[i] - low) / (high - low) * 7)]);
	appendStringInfo(out, " loss %s by epoch\n", validation ? "on validation rows" : "in training");
}

static void
summarize_losses(StringInfo out, const PgaeModels *models)
{
	const AeModel *model = models->models[0];
	double train_loss = pgae_mean_of(models, offsetof(AeModel, train_loss));
	double validation_loss = pgae_mean_of(models, offsetof(AeModel, validation_loss));
	double pca_loss = pgae_mean_of(models, offsetof(AeModel, pca_loss));

	appendStringInfoString(out, "loss         ");
	if (!isnan(validation_loss))
		appendStringInfo(out, "%.4g on " UINT64_FORMAT " validation row%s, ", validation_loss,
						 model->n_validation * models->n_folds,
						 model->n_validation * models->n_folds == 1 ? "" : "s");
	if (!isnan(train_loss))
		appendStringInfo(out, "%.4g in training%s, ", train_loss,
						 has_noise(&model->options)      ? " (with noise)"
						 : model->options.psd_weight > 0 ? " (by the best codes)"
														 : "");
	appendStringInfo(out, "%.4g by predicting the mean",
					 pgae_mean_of(models, offsetof(AeModel, mean_loss)));
	if (!isnan(pca_loss))
		appendStringInfo(out, ", %.4g by %u principal component%s", pca_loss,
						 pgae_code_width(model), pgae_code_width(model) == 1 ? "" : "s");
	appendStringInfoChar(out, '\n');
	summarize_curve(out, model);
	if (models->models[0]->calibration.n > 0)
		appendStringInfo(out,
						 "%s   median %.4g, 95 %% %.4g, 99 %% %.4g, largest %.4g, of " UINT64_FORMAT
						 " rows that %s\n"
						 "smallest p   %.2g: a smaller contamination flags nothing\n",
						 pgae_n_networks(models) > 1 || model->prototypes.n > 0 ? "raw scores"
																				: "errors    ",
						 pgae_upper_quantile(models, 0.5), pgae_upper_quantile(models, 0.05),
						 pgae_upper_quantile(models, 0.01), pgae_upper_quantile(models, 0),
						 models->models[0]->calibration.n,
						 !model->calibration.unseen ? "training saw"
						 : models->n_folds > 1      ? "their network did not see"
													: "training did not see",
						 1.0 / ((double) models->models[0]->calibration.n + 1));
	summarize_code(out, model);
	summarize_recall(out, model);
	summarize_decoder(out, models);
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
 * By how much the loss on the measured rows may exceed that on all rows by chance: two standard
 * deviations of a mean of squared errors.
 */
static double
chance(const AeModel *model)
{
	uint64 n = is_validated(model) ? model->n_validation : model->n_rows;

	return 1.05 + 2 * sqrt(2.0 / Max(n, 1));
}

/* Conclusions that readers should not have to draw from the figures themselves. */
static void
summarize_warnings(StringInfo out, const AeModel *model)
{
	double loss = honest_loss(model);
	bool keeps_neighbours = model->options.neighbours_weight > 0;

	warn(out, model->state == AE_TRAIN_DIVERGED,
		 "training diverged: these are the last good weights; lower learning_rate");
	warn(out, loss >= 0.99 * model->mean_loss,
		 "the model is no better than predicting the mean of every column");
	/*
	 * false if one of them is NaN; a code that keeps neighbours is not meant to restore rows, and a
	 * reconstruction from a drawn code differs from its row more than one from the mean
	 */
	warn(out,
		 keeps_neighbours ? model->recall < model->pca_recall - 0.02
						  : !model->net.spread && loss > chance(model) * model->pca_loss,
		 "principal components of the same number do better: train longer, or look at the options");
	warn(out, can_copy(model),
		 "the code is as wide as the input and nothing keeps it from copying: add noise");
	warn(out,
		 model->options.noise == 0 && model->options.psd_weight == 0 && is_validated(model) &&
			 model->validation_loss > 1.5 * model->train_loss,
		 "validation rows do much worse than training rows: the model learns rows by heart");
	warn(out, model->n_dead > 0, "some code units are the same for every row: they carry nothing");
	warn(out, model->calibration.n > 0 && !model->calibration.unseen,
		 "calibrated on rows that training saw: new rows will look more anomalous than they are");
}

Datum
pg_ae_summary(PG_FUNCTION_ARGS)
{
	PgaeModels *models = pgae_models_argument(fcinfo);
	StringInfoData out;

	initStringInfo(&out);
	summarize_columns(&out, models->models[0]);
	summarize_network(&out, models->models[0]);
	summarize_crossing(&out, models);
	summarize_training(&out, models);
	summarize_losses(&out, models);
	summarize_target(&out, models);
	summarize_warnings(&out, models->models[0]);
	out.data[--out.len] = '\0'; /* removes the newline at the end */
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
