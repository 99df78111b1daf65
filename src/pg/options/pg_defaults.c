/*
 * pg_defaults.c: defaults that depend on the purpose, the columns and the rows.
 *
 * Fixed defaults are in the engine's table of options (ae_options.h).
 */
#include "pg_options.h"

#include <math.h>

/* For a network that generates rows (measured, see the documentation). */
#define GENERATE_UNITS 512
#define GENERATE_UPDATES 3000
#define GENERATE_BATCH 256
#define GENERATE_PATIENCE 1000 /* updates */

/* Updates of a network that detects, and the number of rows from which on it needs no more. */
#define DETECT_UPDATES 1500
#define DETECT_UNITS 256

/*
 * Contraction: its weight, the default of ae.contract, and the widest code whose norm is computed
 * exactly.
 */
#define DEFAULT_CONTRACT_WEIGHT 0.03
#define EXACT_CONTRACT_UNITS 32
/* Noise of a wide network, and masking of a narrow one whose rows contain NULLs (measured). */
#define DEFAULT_NOISE 0.2
#define DEFAULT_MASKING 0.1

/* Rows of a minibatch where nothing is trained: all of them. */
#define PCA_BATCH ((uint32) 1 << 24)

/* Deviation of the noise that turns a code into bits (measured, see the documentation). */
#define DEFAULT_HASH_NOISE 4

/* ---- the network ---- */

static int
clip(double value, int low, int high)
{
	return value < low ? low : value > high ? high : (int) value;
}

static void
refuse_depth(uint32_t n_layers)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("options \"hidden\" and \"decoder\" make %u layers, more than %d",
						   n_layers, AE_MAX_LAYERS)));
}

/*
 * Rows that each network is trained on; for two crossed ones their average, so that both get the
 * same defaults.
 */
static double
rows_of_network(size_t n_rows, size_t n_unseen)
{
	return n_unseen > 0 ? (n_rows + n_unseen) / 2.0 : n_rows;
}

/*
 * Units of a hidden layer. They depend on the inputs, and for a network that detects on the rows
 * too, as few rows teach a wide layer no more than a narrow one. Never fewer units than inputs: a
 * squeeze costs wide tables 2 points of AUROC (measured, on 50 rows).
 */
static int
hidden_units(bool detect, double n_inputs, double n_rows, int limit)
{
	int most = detect ? clip(4 * n_inputs, 128, limit) : clip(2 * n_inputs, 32, limit);
	double taught = 8 * rint(0.24 * n_rows - 2); /* 32 of 25 rows, 128 of 75 */

	return detect ? clip(fmax(2 * n_inputs, taught), 32, most) : most;
}

/* Sets the numbers of layers, and the widths of the hidden ones. */
static void
place_layers(AeNet *net, const int *hidden, int n_hidden, const int *decoder, int n_decoder)
{
	net->n_encoder = (uint32_t) n_hidden + 1;
	net->n_layers = net->n_encoder + (uint32_t) n_decoder + 1;
	if (net->n_layers > AE_MAX_LAYERS)
		refuse_depth(net->n_layers);
	for (int i = 0; i < n_hidden; i++)
		net->width[1 + i] = (uint32_t) hidden[i];
	for (int i = 0; i < n_decoder; i++)
		net->width[net->n_encoder + 1 + (uint32_t) i] = (uint32_t) decoder[i];
}

/* The widths of encoder and decoder that were not given. */
static void
resolve_widths(AeNet *net, const PgaeOptions *options, AePurpose purpose, const AeSchema *schema,
			   double n_rows)
{
	bool linear = options->train.optimizer == AE_OPTIMIZER_PCA;
	bool wide_code = purpose == AE_PURPOSE_DETECT || purpose == AE_PURPOSE_GENERATE;
	bool detect = wide_code && !linear;
	uint32_t n_outputs = schema->n_dense + schema->n_levels;
	uint32_t n_inputs = n_outputs + schema->n_indicators;
	int wide = hidden_units(detect, n_inputs, n_rows,
							purpose == AE_PURPOSE_GENERATE ? GENERATE_UNITS : DETECT_UNITS);
	bool single = linear || options->train.algorithm == AE_ALGORITHM_RECIRCULATION;
	int n_hidden = PGAE_GIVEN(options, hidden) || single ? options->n_hidden : -1;
	bool flat = single || options->train.psd_weight > 0;
	int n_decoder = PGAE_GIVEN(options, decoder) || flat ? options->n_decoder : -1;
	int code = pgae_options_code(options);
	int hidden[AE_MAX_LAYERS];
	int decoder[AE_MAX_LAYERS];

	memcpy(hidden, options->hidden, sizeof(hidden));
	memcpy(decoder, options->decoder, sizeof(decoder));
	if ((options->train.tied || options->train.pretrain != AE_PRETRAIN_NONE) && n_hidden < 0 &&
		n_decoder >= 0)
	{
		n_hidden = n_decoder;
		pgae_mirror(hidden, decoder, n_decoder);
		code = code == 0 && detect ? wide : code;
	}
	if (n_hidden < 0 && detect && code == 0)
	{
		/* no bottleneck: the first wide layer is the code, a second one decodes it */
		n_hidden = 0;
		code = wide;
		if (n_decoder < 0 && !options->train.tied)
		{
			n_decoder = 1;
			decoder[0] = wide;
		}
	}
	else if (n_hidden < 0)
	{
		n_hidden = 1;
		hidden[0] = wide;
	}
	if (code == 0 && detect)
		code = n_hidden > 0 ? hidden[--n_hidden] : wide;
	else if (code == 0)
		code = clip(rint(n_inputs / 3.0), 1, wide);
	if (n_decoder < 0)
	{
		n_decoder = n_hidden;
		pgae_mirror(decoder, hidden, n_hidden);
	}
	place_layers(net, hidden, n_hidden, decoder, n_decoder);
	net->width[0] = n_inputs;
	net->width[net->n_encoder] = (uint32_t) code;
	net->width[net->n_layers] = n_outputs;
	net->skip = pgae_options_skip(options) && net->n_layers > 2;
}

static void
resolve_activations(AeNet *net, const PgaeOptions *options, AePurpose purpose, AeLoss loss)
{
	int hidden = PGAE_GIVEN(options, activation) ? options->activation : AE_GELU;
	int code = PGAE_GIVEN(options, code_activation) ? options->code_activation : -1;
	int output = PGAE_GIVEN(options, output_activation) ? options->output_activation : -1;
	bool kl = options->train.sparse == AE_PENALTY_KL;

	if (kl && !PGAE_GIVEN(options, activation) && options->train.sparse_hidden)
		hidden = AE_SIGMOID;
	if (code < 0 &&
		(kl || options->hash_bits > 0 || options->train.algorithm == AE_ALGORITHM_RECIRCULATION))
		code = AE_SIGMOID;
	if (options->train.sparse == AE_PENALTY_JUMPRELU && code < 0)
		code = AE_RELU;
	if (code < 0)
		code = (purpose == AE_PURPOSE_DETECT || purpose == AE_PURPOSE_GENERATE) &&
					   options->train.optimizer != AE_OPTIMIZER_PCA &&
					   options->train.variational_beta == 0 && options->train.psd_weight == 0
				   ? hidden
				   : AE_IDENTITY;
	if (output < 0)
		output = loss == AE_LOSS_BCE ? AE_SIGMOID : AE_IDENTITY;
	for (uint32_t l = 0; l < net->n_layers; l++)
		net->activation[l] = (AeActivation) hidden;
	net->activation[net->n_encoder - 1] = (AeActivation) code;
	net->activation[net->n_layers - 1] = (AeActivation) output;
}

/* ---- the training ---- */

/*
 * With fewer labels than this, holding out a tenth would judge nothing and cost accuracy (measured
 * on 50 of 3,900 digits).
 */
static bool
has_few_labels(const AeSchema *schema, size_t n_rows)
{
	uint64 unknown = schema->target.n_missing + schema->target.other;

	return schema->has_target && n_rows - Min(unknown, n_rows) < 10 * AE_TARGET_MIN_JUDGED;
}

/*
 * Early stopping of a network that rows are drawn from.  Masks are many and rows may be few: an epoch of
 * some updates tells little.  And where rows repeat, those held out repeat those of training, and judge
 * nothing.
 */
static void
resolve_generated_validation(AeTrainOptions *train, const PgaeOptions *options, size_t n_rows,
							 size_t n_different)
{
	if (!PGAE_GIVEN(options, train.validation) && !PGAE_GIVEN(options, train.patience) &&
		n_different < n_rows / 2)
		train->validation = train->patience = 0;
	if (!PGAE_GIVEN(options, train.patience) && train->validation > 0)
		train->patience = Max(train->patience, (uint32) ceil(GENERATE_PATIENCE *
															 (double) train->batch_size / n_rows));
}

/*
 * How many rows to hold out, and whether to stop early by them.  A crossed network is judged
 * by the rows of the other fold, and holds out none unless asked to.
 */
static void
resolve_validation(AeTrainOptions *train, const PgaeOptions *options, const AeModel *model,
				   size_t n_rows, size_t n_different, bool crossed)
{
	bool detect = model->purpose == AE_PURPOSE_DETECT;
	bool few = !detect && has_few_labels(&model->schema, n_rows);
	bool asked = PGAE_GIVEN(options, train.validation) && train->validation > 0;

	if (!PGAE_GIVEN(options, train.validation))
		train->validation = !crossed && !few && n_rows >= (detect ? 1000 : 100) ? 0.1 : 0;
	if (PGAE_GIVEN(options, train.patience))
	{
		/* it was asked for: even a small table gives up some rows for it */
		if (train->patience > 0 && train->validation == 0 && n_rows > 1)
			train->validation = 0.1;
	}
	else
		train->patience = (asked || !detect) && train->validation > 0 ? 20 : 0;
	if (model->purpose == AE_PURPOSE_GENERATE)
		resolve_generated_validation(train, options, n_rows, n_different);
	if (train->validation > 0 && n_rows < 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"validation\" is %.15g, but there is only one row",
							   train->validation)));
}

/*
 * Updates of a network that detects: fewer, and in longer steps, where there are few rows, as its
 * layers are narrower. Compared with wide layers and DETECT_UPDATES, both together cost .9 +- .5
 * points of AUROC at 50 rows, .6 +- .4 at 100, and nothing from 200 rows on (measured). A network
 * that compresses gets enough epochs for about 3,000 updates.
 */
static void
resolve_length(AeTrainOptions *train, const PgaeOptions *options, AePurpose purpose, double n_rows)
{
	double n_train = fmax(1, floor(n_rows * (1 - train->validation)));

	if (train->optimizer == AE_OPTIMIZER_PCA)
	{
		/* one pass over all rows, which computes the loss */
		train->epochs = 1;
		train->batch_size = PCA_BATCH;
		train->patience = 0;
	}
	if (train->epochs > 0 || train->updates > 0)
		return;
	if (train->optimizer == AE_OPTIMIZER_LBFGS)
		train->updates = 500;
	else if (purpose == AE_PURPOSE_GENERATE)
		train->updates = GENERATE_UPDATES;
	else if (purpose == AE_PURPOSE_DETECT)
	{
		train->updates = (uint64) clip(20 * n_rows - 200, 300, DETECT_UPDATES);
		if (!PGAE_GIVEN(options, train.learning_rate) && train->optimizer != AE_OPTIMIZER_SGD)
			train->learning_rate *= sqrt((double) DETECT_UPDATES / train->updates);
	}
	else
		train->epochs = (uint64) clip(ceil(3000 / ceil(n_train / train->batch_size)), 10, 1000);
}

/* The divergence of kl vanishes near its target, so a small weight would never reach it. */
static void
resolve_sparse(AeTrainOptions *train, const PgaeOptions *options)
{
	bool kl = train->sparse == AE_PENALTY_KL;

	if (train->sparse != AE_PENALTY_NONE && !PGAE_GIVEN(options, train.sparse_weight))
		train->sparse_weight = kl ? 1 : 0.01;
	if (kl && !PGAE_GIVEN(options, train.sparse_target))
		train->sparse_target = 0.05;
}

/*
 * The norm is exact where that costs little: one layer, whose norm has a closed form, or a narrow
 * code; and with L-BFGS, which cannot work with an estimate.
 */
static void
resolve_contract(AeTrainOptions *train, const PgaeOptions *options, const AeNet *net)
{
	if (pgae_options_contractive(options) && !PGAE_GIVEN(options, train.contract_weight))
		train->contract_weight = DEFAULT_CONTRACT_WEIGHT;
	if (train->contract_weight == 0)
		train->contract_exact = false;
	else if (net->n_encoder == 1)
		train->contract_exact = true;
	else if (!PGAE_GIVEN(options, train.contract_exact))
		train->contract_exact = net->width[net->n_encoder] <= EXACT_CONTRACT_UNITS ||
								train->optimizer == AE_OPTIMIZER_LBFGS;
}

static bool
has_gaps(const AeSchema *schema)
{
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (schema->columns[c].cell >= 0 && schema->columns[c].n_missing > 0)
			return true;
	}
	return false;
}

/*
 * Translates ae.denoise into the engine's options, without any noise that nobody asked for. A
 * network that has never seen what was hidden takes NULL for the mean, so a narrow code of rows
 * with NULLs is trained with some masking.
 */
static void
resolve_denoise(AeTrainOptions *train, const PgaeOptions *options, const AeModel *model)
{
	static const double levels[PGAE_DENOISE_COUNT] = {
		[PGAE_DENOISE_GAUSSIAN] = 0.2,
		[PGAE_DENOISE_MASKING] = 0.25,
		[PGAE_DENOISE_SALT_PEPPER] = 0.1,
		[PGAE_DENOISE_SWAP] = 0.1,
	};
	double *const corruptions[PGAE_DENOISE_COUNT] = {
		[PGAE_DENOISE_GAUSSIAN] = &train->noise,
		[PGAE_DENOISE_MASKING] = &train->masking,
		[PGAE_DENOISE_SALT_PEPPER] = &train->salt_pepper,
		[PGAE_DENOISE_SWAP] = &train->swap,
	};

	if (PGAE_GIVEN(options, denoise))
	{
		double *level = corruptions[options->denoise];

		*level =
			PGAE_GIVEN(options, denoise_level) ? options->denoise_level : levels[options->denoise];
		if (*level == 0)
			train->emphasis = 0; /* of nothing */
	}
	else if (PGAE_GIVEN(options, train.noise) || train->optimizer == AE_OPTIMIZER_LBFGS ||
			 train->optimizer == AE_OPTIMIZER_PCA)
		return;
	else if (pgae_options_purpose(options) == AE_PURPOSE_DETECT)
		train->noise = DEFAULT_NOISE;
	else if (pgae_options_purpose(options) == AE_PURPOSE_GENERATE)
	{
		train->masking_any = true;
		train->emphasis = 1;
	}
	else if (!PGAE_GIVEN(options, train.masking) && has_gaps(&model->schema))
		train->masking = DEFAULT_MASKING;
}

/* The training options of a network that generates rows. */
static void
resolve_generate(AeTrainOptions *train, const PgaeOptions *options)
{
	if (!PGAE_GIVEN(options, train.optimizer))
		train->optimizer = AE_OPTIMIZER_ADAMW;
	if (!PGAE_GIVEN(options, train.clip_norm))
		train->clip_norm = 1;
	if (!PGAE_GIVEN(options, train.batch_size))
		train->batch_size = GENERATE_BATCH;
}

static void
resolve_training(AeModel *model, const PgaeOptions *options, size_t n_rows, size_t n_unseen,
				 size_t n_different)
{
	AeTrainOptions *train = &model->options;

	*train = options->train;
	if (model->purpose == AE_PURPOSE_GENERATE)
		resolve_generate(train, options);
	if (train->optimizer == AE_OPTIMIZER_SGD && !PGAE_GIVEN(options, train.learning_rate))
		train->learning_rate = 0.03;
	if (train->optimizer == AE_OPTIMIZER_ADAMW && !PGAE_GIVEN(options, train.weight_decay))
		train->weight_decay = 0.01;
	resolve_denoise(train, options, model);
	resolve_sparse(train, options);
	if (options->hash_bits > 0 && train->optimizer != AE_OPTIMIZER_LBFGS &&
		!PGAE_GIVEN(options, train.code_noise))
		train->code_noise = DEFAULT_HASH_NOISE;
	if (pgae_options_neighbours(options))
	{
		if (!PGAE_GIVEN(options, train.neighbours_weight))
			train->neighbours_weight = 1;
		if (!PGAE_GIVEN(options, train.neighbours_k))
			train->neighbours_k = PGAE_DEFAULT_NEIGHBOURS;
		if (!PGAE_GIVEN(options, train.batch_size))
			train->batch_size = PGAE_NEIGHBOURS_BATCH;
	}
	if (train->pretrain != AE_PRETRAIN_NONE && train->pretrain_updates == 0)
		train->pretrain_updates = 500;
	resolve_validation(train, options, model, n_rows, n_different, n_unseen > 0);
	resolve_length(train, options, model->purpose, rows_of_network(n_rows, n_unseen));
}

/* Whether a column of that kind can have the distribution. */
static bool
has_distribution(AeKind kind, AeDistribution distribution)
{
	switch (distribution)
	{
		case AE_DISTRIBUTION_GAUSSIAN:
			return ae_kind_is_scaled(kind);
		case AE_DISTRIBUTION_BERNOULLI:
			return ae_kind_is_scaled(kind) || kind == AE_KIND_BOOLEAN;
		case AE_DISTRIBUTION_CATEGORICAL:
			return kind == AE_KIND_CATEGORY || kind == AE_KIND_BOOLEAN;
		default:
			return true;
	}
}

static void
check_distribution(const AeSchema *schema, AeDistribution distribution)
{
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->cell < 0 || has_distribution(column->kind, distribution))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 schema->is_array
					 ? errmsg("option \"distribution\" = %s does not fit arrays of numbers",
							  ae_distribution_name[distribution])
					 : errmsg("option \"distribution\" = %s does not fit column \"%s\", a %s",
							  ae_distribution_name[distribution], pgae_column_name(schema, c),
							  ae_kind_name[column->kind]),
				 errhint("Use \"distribution\" = mixed, which follows the kind of each column.")));
	}
}

/* What recirculates is numbers. */
static void
check_recirculation(const AeModel *model)
{
	const AeSchema *schema = &model->schema;

	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		if (model->options.algorithm == AE_ALGORITHM_RECIRCULATION &&
			schema->columns[c].cell >= 0 && schema->columns[c].kind == AE_KIND_CATEGORY)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"algorithm\" = recirculation does not fit column \"%s\", a "
							"category",
							pgae_column_name(schema, c)),
					 errhint("Leave the column out with the option \"exclude\".")));
	}
}

/*
 * The distribution of the rows given their codes; that of the model to start from if there is one.
 * The variance of numbers is learned unless something else was asked for.
 */
static void
resolve_decoder(AeModel *model, const PgaeOptions *options, const AeModel *init)
{
	AeTrainOptions *train = &model->options;
	bool normal;

	if (init)
	{
		train->distribution = init->options.distribution;
		train->variance = init->options.variance;
		if (train->variational_beta == 0)
			train->variational_beta = init->options.variational_beta;
		return;
	}
	train->distribution = pgae_options_distribution(options);
	if (train->variational_beta > 0 && train->variational_samples == 0)
		train->variational_samples = 1;
	normal = train->distribution == AE_DISTRIBUTION_GAUSSIAN ||
			 train->distribution == AE_DISTRIBUTION_MIXED;
	model->net.spread = train->variational_beta > 0;
	if (normal && !PGAE_GIVEN(options, train.variance) && model->schema.n_dense > 0 &&
		train->optimizer != AE_OPTIMIZER_LBFGS)
		train->variance = AE_VARIANCE_COLUMN;
	model->net.variance = train->variance;
	check_distribution(&model->schema, train->distribution);
}

/* A single layer before the code is trained with its mirror image anyway. */
static void
drop_pretraining(AeTrainOptions *train, const AeNet *net)
{
	if (net->n_encoder > 1)
		return;
	train->pretrain = AE_PRETRAIN_NONE;
	train->pretrain_updates = 0;
}

/* A gate continues unchanged, like the network. */
static void
inherit_gate(AeTrainOptions *train, const PgaeOptions *options, const AeTrainOptions *init)
{
	train->batch_top_k = init->batch_top_k;
	if (init->batch_top_k > 0)
		return;
	train->sparse = AE_PENALTY_JUMPRELU;
	train->sparse_weight = PGAE_GIVEN(options, train.sparse_weight) ? options->train.sparse_weight
																	: init->sparse_weight;
}

void
pgae_options_resolve(AeModel *model, const PgaeOptions *options, const AeModel *init, size_t n_rows,
					 size_t n_unseen, size_t n_different)
{
	if (init)
	{
		model->purpose = init->purpose;
		model->loss = init->loss;
		model->category_loss = init->category_loss;
		model->net = init->net;
	}
	else
	{
		model->purpose = pgae_options_purpose(options);
		model->loss = pgae_options_loss(options);
		model->category_loss = pgae_options_category_loss(options);
		resolve_widths(&model->net, options, model->purpose, &model->schema,
					   rows_of_network(n_rows, n_unseen));
		pgae_options_check_top_k(options, (int) model->net.width[model->net.n_encoder]);
		model->net.top_k = (uint32_t) options->top_k;
		model->net.gated =
			options->train.batch_top_k > 0 || options->train.sparse == AE_PENALTY_JUMPRELU;
		model->net.n_target =
			model->schema.has_target ? ae_target_outputs(&model->schema.target) : 0;
		resolve_activations(&model->net, options, model->purpose, model->loss);
	}
	resolve_training(model, options, n_rows, n_unseen, n_different);
	check_recirculation(model);
	resolve_decoder(model, options, init);
	resolve_contract(&model->options, options, &model->net);
	if (init)
		model->options.tied = init->options.tied;
	if (init && init->net.gated)
		inherit_gate(&model->options, options, &init->options);
	if (!model->schema.has_target)
		model->options.target_weight = 0;
	drop_pretraining(&model->options, &model->net);
}

/* ---- notices ---- */

bool
pgae_options_keep_from_copying(const AeNet *net, const AeTrainOptions *train)
{
	for (uint32_t l = 1; l < net->n_layers; l++)
	{
		if (net->width[l] < net->width[0])
			return true;
	}
	return train->noise > 0 || train->masking > 0 || train->salt_pepper > 0 || train->swap > 0 ||
		   train->weight_decay > 0 || train->sparse_weight > 0 || train->contract_weight > 0 ||
		   train->code_noise > 0 || train->variational_beta > 0 ||
		   (net->top_k > 0 && net->top_k < net->width[net->n_encoder]);
}

/* A code as wide as the input copies it unless something prevents that. */
static void
notice_overcomplete(const AeNet *net, const AeTrainOptions *train)
{
	if (pgae_options_keep_from_copying(net, train) || train->optimizer == AE_OPTIMIZER_PCA ||
		(train->batch_top_k > 0 && train->batch_top_k < net->width[net->n_encoder]))
		return;
	ereport(NOTICE, (errmsg("a code of %u units for %u inputs can copy them and learn nothing",
							net->width[net->n_encoder], net->width[0]),
					 errhint("Use a regulariser: noise (for example 0.2), weight_decay, ae.sparse "
							 "or ae.contract.")));
}

/* A separate decoder may scale up what the encoder scales down (Deep Learning, section 14.7). */
static void
notice_undone(const AeTrainOptions *train)
{
	if (train->contract_weight > 0 && !train->tied && train->weight_decay == 0)
		ereport(
			NOTICE,
			(errmsg("a decoder that is not tied can undo the contraction of the code"),
			 errhint(
				 "A small code may still carry everything: use tied or weight_decay as well.")));
}

static void
notice_squashed_outputs(const AeNet *net, AeLoss loss, AeScaling scaling)
{
	AeActivation output = net->activation[net->n_layers - 1];

	if (!ae_loss_is_distance(loss) || scaling == AE_SCALING_MINMAX || scaling == AE_SCALING_NONE ||
		!ae_activation_info[output].bounded)
		return;
	ereport(NOTICE, (errmsg("output_activation %s cannot reach all standardised inputs",
							ae_activation_name[output]),
					 errhint("Use scaling minmax with it, or output_activation identity.")));
}

void
pgae_options_notice(const AeModel *model, const PgaeOptions *options, const AeModel *init)
{
	const AeTrainOptions *train = &model->options;

	if (!init)
		notice_squashed_outputs(
			&model->net, model->loss,
			pgae_options_scaling(options, ae_schema_is_one_array(&model->schema)));
	if (train->dropout > 0 && model->net.n_layers == 2)
		ereport(NOTICE,
				(errmsg("option \"dropout\" has no effect: the only hidden layer is the code")));
	if (train->batch_norm && model->net.n_layers == 2)
		ereport(NOTICE,
				(errmsg("option \"batch_norm\" has no effect: the only hidden layer is the code")));
	if (options->skip && !model->net.skip)
		ereport(
			NOTICE,
			(errmsg("option \"skip\" has no effect: there is no hidden layer except the code")));
	if (options->train.pretrain != AE_PRETRAIN_NONE && train->pretrain == AE_PRETRAIN_NONE)
		ereport(NOTICE,
				(errmsg("option \"pretrain\" has no effect: the encoder has a single layer"),
				 errhint("Give \"hidden\" layers before the code.")));
	notice_overcomplete(&model->net, train);
	notice_undone(train);
}
