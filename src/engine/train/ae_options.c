/*
 * ae_options.c: the table of options, and the walks over it that the engine needs.
 */
#include "ae_options.h"

const char *const ae_algorithm_name[AE_ALGORITHM_COUNT] = {
	[AE_ALGORITHM_BACKPROPAGATION] = "backpropagation",
	[AE_ALGORITHM_RECIRCULATION] = "recirculation",
};

const char *const ae_metric_name[AE_METRIC_COUNT] = {
	[AE_METRIC_EUCLIDEAN] = "euclidean",
	[AE_METRIC_COSINE] = "cosine",
};

const char *const ae_pretrain_name[AE_PRETRAIN_COUNT] = {
	[AE_PRETRAIN_NONE] = "none",
	[AE_PRETRAIN_PLAIN] = "plain",
	[AE_PRETRAIN_DENOISING] = "denoising",
};

const char *const ae_optimizer_name[AE_OPTIMIZER_COUNT] = {
	[AE_OPTIMIZER_SGD] = "sgd",     [AE_OPTIMIZER_ADAM] = "adam", [AE_OPTIMIZER_ADAMW] = "adamw",
	[AE_OPTIMIZER_LBFGS] = "lbfgs", [AE_OPTIMIZER_PCA] = "pca",
};

const char *const ae_schedule_name[AE_SCHEDULE_COUNT] = {
	[AE_SCHEDULE_CONSTANT] = "constant",
	[AE_SCHEDULE_COSINE] = "cosine",
	[AE_SCHEDULE_STEP] = "step",
};

static const char *const sparse_layers_name[] = {"code", "hidden"};

#define AT(field) offsetof(AeTrainOptions, field)

const AeOptionInfo ae_option_info[] = {
	{"optimizer", AE_OPTION_ENUM, AT(optimizer), 0, AE_OPTIMIZER_COUNT - 1, false,
	 AE_OPTIMIZER_ADAM, AE_FOR_ALL, ae_optimizer_name, NULL},
	{"schedule", AE_OPTION_ENUM, AT(schedule), 0, AE_SCHEDULE_COUNT - 1, false, AE_SCHEDULE_COSINE,
	 AE_FOR_RATES, ae_schedule_name, NULL},
	{"sparse", AE_OPTION_ENUM, AT(sparse), 1, AE_PENALTY_COUNT - 1, false, AE_PENALTY_NONE,
	 AE_FOR_STEPS, ae_penalty_name, NULL},
	{"sparse_layers", AE_OPTION_FLAG, AT(sparse_hidden), 0, 1, false, false, AE_FOR_STEPS,
	 sparse_layers_name, "sparse"},
	{"tied", AE_OPTION_FLAG, AT(tied), 0, 1, false, false, AE_FOR_STEPS, NULL, NULL},
	{"batch_norm", AE_OPTION_FLAG, AT(batch_norm), 0, 1, false, false, AE_FOR_STEPS, NULL, NULL},
	{"contract_exact", AE_OPTION_FLAG, AT(contract_exact), 0, 1, false, false, AE_FOR_STEPS, NULL,
	 NULL},
	{"weight_prior", AE_OPTION_ENUM, AT(weight_prior), 0, AE_PRIOR_COUNT - 1, false,
	 AE_PRIOR_GAUSSIAN, AE_FOR_STEPS, ae_prior_name, "weight_decay"},
	{"pretrain", AE_OPTION_ENUM, AT(pretrain), 1, AE_PRETRAIN_COUNT - 1, false, AE_PRETRAIN_NONE,
	 AE_FOR_STEPS, ae_pretrain_name, NULL},
	{"learning_rate", AE_OPTION_REAL, AT(learning_rate), 1e-12, 1e6, false, 3e-3, AE_FOR_RATES,
	 NULL, NULL},
	{"final_rate", AE_OPTION_REAL, AT(final_rate), 0, 1, false, 0.01, AE_FOR_RATES, NULL, NULL},
	{"warmup", AE_OPTION_REAL, AT(warmup), 0, 1, true, 0.05, AE_FOR_RATES, NULL, NULL},
	{"momentum", AE_OPTION_REAL, AT(momentum), 0, 1, true, 0.9, AE_FOR_SGD, NULL, NULL},
	{"beta1", AE_OPTION_REAL, AT(beta1), 0, 1, true, 0.9, AE_FOR_ADAM, NULL, NULL},
	{"beta2", AE_OPTION_REAL, AT(beta2), 0, 1, true, 0.99, AE_FOR_ADAM, NULL, NULL},
	{"epsilon", AE_OPTION_REAL, AT(epsilon), 1e-30, 1, false, 1e-8, AE_FOR_ADAM, NULL, NULL},
	{"weight_decay", AE_OPTION_REAL, AT(weight_decay), 0, 1e6, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"clip_norm", AE_OPTION_REAL, AT(clip_norm), 0, 1e12, false, 0, AE_FOR_RATES, NULL, NULL},
	{"noise", AE_OPTION_REAL, AT(noise), 0, AE_MAX_NOISE, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"masking", AE_OPTION_REAL, AT(masking), 0, 1, true, 0, AE_FOR_STEPS, NULL, NULL},
	{"sparse_weight", AE_OPTION_REAL, AT(sparse_weight), 0, 1e6, false, 0, AE_FOR_STEPS, NULL,
	 "sparse"},
	{"sparse_target", AE_OPTION_REAL, AT(sparse_target), 1e-6, 1, true, 0, AE_FOR_STEPS, NULL,
	 "sparse"},
	{"dropout", AE_OPTION_REAL, AT(dropout), 0, 1, true, 0, AE_FOR_STEPS, NULL, NULL},
	/* set by ae.denoise from its kind and level */
	{"salt_pepper", AE_OPTION_REAL, AT(salt_pepper), 0, 1, true, 0, 0, NULL, NULL},
	{"swap", AE_OPTION_REAL, AT(swap), 0, 1, true, 0, 0, NULL, NULL},
	{"denoise_emphasis", AE_OPTION_REAL, AT(emphasis), 0, 1, false, 0, AE_FOR_STEPS, NULL,
	 "denoise"},
	{"contract_weight", AE_OPTION_REAL, AT(contract_weight), 0, 1e6, false, 0, AE_FOR_STEPS, NULL,
	 NULL},
	{"hash_noise", AE_OPTION_REAL, AT(code_noise), 0, 1e6, false, 0, AE_FOR_STEPS, NULL,
	 "hash_bits"},
	{"aux_weight", AE_OPTION_REAL, AT(aux_weight), 0, 1e6, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"target_weight", AE_OPTION_REAL, AT(target_weight), 0, 1e6, false, 0.1, AE_FOR_STEPS, NULL,
	 "target"},
	{"epochs", AE_OPTION_COUNT64, AT(epochs), 1, 1e9, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"updates", AE_OPTION_COUNT64, AT(updates), 1, 1e12, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"batch_size", AE_OPTION_COUNT32, AT(batch_size), 1, 1 << 24, false, 128, AE_FOR_RATES, NULL,
	 NULL},
	{"patience", AE_OPTION_COUNT32, AT(patience), 0, 1e9, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"validation", AE_OPTION_REAL, AT(validation), 0, 1, true, 0, AE_FOR_ALL, NULL, NULL},
	{"time_limit", AE_OPTION_REAL, AT(time_limit), 0, 1e9, false, 0, AE_FOR_STEPS, NULL, NULL},
	{"seed", AE_OPTION_COUNT64, AT(seed), 0, 0x1p64, false, 0, AE_FOR_ALL, NULL, NULL},
	{"batch_top_k", AE_OPTION_COUNT32, AT(batch_top_k), 1, AE_MAX_WIDTH, false, 0, AE_FOR_STEPS,
	 NULL, NULL},
	{"pretrain_updates", AE_OPTION_COUNT64, AT(pretrain_updates), 1, 1e12, false, 0, AE_FOR_STEPS,
	 NULL, "pretrain"},
	{"neighbours_weight", AE_OPTION_REAL, AT(neighbours_weight), 0, 1, false, 0, AE_FOR_STEPS, NULL,
	 NULL},
	{"neighbours_k", AE_OPTION_COUNT32, AT(neighbours_k), 1, 1023, false, 0, AE_FOR_STEPS, NULL,
	 "neighbours_weight"},
	{"neighbours_metric", AE_OPTION_ENUM, AT(neighbours_metric), 0, AE_METRIC_COUNT - 1, false,
	 AE_METRIC_EUCLIDEAN, AE_FOR_STEPS, ae_metric_name, "neighbours_weight"},
	{"distribution", AE_OPTION_ENUM, AT(distribution), 1, AE_DISTRIBUTION_COUNT - 1, false,
	 AE_DISTRIBUTION_NONE, AE_FOR_STEPS, ae_distribution_name, NULL},
	{"variance", AE_OPTION_ENUM, AT(variance), 0, AE_VARIANCE_COUNT - 1, false, AE_VARIANCE_FIXED,
	 AE_FOR_STEPS, ae_variance_name, "distribution"},
	{"masking_any", AE_OPTION_FLAG, AT(masking_any), 0, 1, false, 0, 0, NULL, NULL},
	{"variational_beta", AE_OPTION_REAL, AT(variational_beta), 1e-6, 1e6, false, 0, AE_FOR_STEPS,
	 NULL, NULL},
	{"variational_warmup", AE_OPTION_REAL, AT(variational_warmup), 0, 1, false, 0, AE_FOR_STEPS,
	 NULL, "variational_beta"},
	{"variational_free_bits", AE_OPTION_REAL, AT(variational_free_bits), 0, 1e6, false, 0,
	 AE_FOR_STEPS, NULL, "variational_beta"},
	{"variational_samples", AE_OPTION_COUNT32, AT(variational_samples), 1, AE_MAX_SAMPLES, false, 0,
	 AE_FOR_STEPS, NULL, "variational_beta"},
	{"psd_weight", AE_OPTION_REAL, AT(psd_weight), 0, 1e6, false, 0, AE_FOR_STEPS, NULL, "sparse"},
	{"denoise_walkback", AE_OPTION_COUNT32, AT(walkback), 0, 100, false, 0, AE_FOR_STEPS, NULL,
	 NULL},
	{"algorithm", AE_OPTION_ENUM, AT(algorithm), 0, AE_ALGORITHM_COUNT - 1, false,
	 AE_ALGORITHM_BACKPROPAGATION, AE_FOR_RATES, ae_algorithm_name, NULL},
};

_Static_assert(sizeof(ae_option_info) / sizeof(ae_option_info[0]) <= AE_MAX_OPTIONS,
			   "AE_MAX_OPTIONS");

const size_t ae_n_options = sizeof(ae_option_info) / sizeof(ae_option_info[0]);

double
ae_option_value(const AeTrainOptions *options, const AeOptionInfo *info)
{
	const void *at = (const char *) options + info->offset;

	switch (info->type)
	{
		case AE_OPTION_ENUM:
			return *(const int *) at;
		case AE_OPTION_FLAG:
			return *(const bool *) at;
		case AE_OPTION_REAL:
			return *(const double *) at;
		case AE_OPTION_COUNT32:
			return *(const uint32_t *) at;
		case AE_OPTION_COUNT64:
			return (double) *(const uint64_t *) at;
		case AE_OPTION_TYPE_COUNT:
			break;
	}
	return 0;
}

void
ae_option_set(AeTrainOptions *options, const AeOptionInfo *info, double value)
{
	void *at = (char *) options + info->offset;

	switch (info->type)
	{
		case AE_OPTION_ENUM:
			*(int *) at = (int) value;
			break;
		case AE_OPTION_FLAG:
			*(bool *) at = value != 0;
			break;
		case AE_OPTION_REAL:
			*(double *) at = value;
			break;
		case AE_OPTION_COUNT32:
			*(uint32_t *) at = (uint32_t) value;
			break;
		case AE_OPTION_COUNT64:
			*(uint64_t *) at = (uint64_t) value;
			break;
		case AE_OPTION_TYPE_COUNT:
			break;
	}
}

void
ae_train_options_init(AeTrainOptions *options)
{
	for (size_t i = 0; i < ae_n_options; i++)
		ae_option_set(options, &ae_option_info[i], ae_option_info[i].otherwise);
}

size_t
ae_options_held_out(const AeTrainOptions *options, size_t n_rows)
{
	size_t n = (size_t) (options->validation * (double) n_rows);

	return options->validation > 0 && n == 0 ? 1 : n;
}

AeStatus
ae_train_options_check(const AeTrainOptions *options, AeError *error)
{
	for (size_t i = 0; i < ae_n_options; i++)
	{
		const AeOptionInfo *info = &ae_option_info[i];
		double value = ae_option_value(options, info);
		bool within = value >= info->low && (info->open ? value < info->high : value <= info->high);

		if (!within && value != info->otherwise)
			return ae_fail(error, AE_ERR_ARGUMENT, info->name, value, info->low, info->high);
	}
	if (options->sparse == AE_PENALTY_KL && options->sparse_target == 0)
		return ae_fail(error, AE_ERR_ARGUMENT, "sparse_target", 0, 1e-6, 1);
	if ((options->epochs == 0) == (options->updates == 0))
		return ae_fail(error, AE_ERR_ARGUMENT, "epochs", (double) options->epochs, 1, 1e9);
	return AE_OK;
}
