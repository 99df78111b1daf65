/*
 * pg_rules.c: refuses options that contradict each other.
 *
 * Options that exclude each other are in one table of pairs; rules that depend on more than two
 * values are functions below it.
 *
 * Knows what options mean together; knows no rows and no defaults.
 */
#include "pg_options.h"

#include <math.h>

/* A condition on an option, and how messages express it. */
typedef enum Test
{
	GIVEN,          /* "name" */
	VALUED,         /* given: "name" = value */
	POSITIVE,       /* "name" > 0: given, or set by another option */
	CONTRACTS,      /* the same for contract_weight, to which another option may give its default */
	HAS_NO_DENSITY, /* "name" = value, a loss that is not minus the logarithm of a density */
	IS,             /* "name" = value */
	IS_NOT          /* given with another value: "name" = that value */
} Test;

typedef struct Side
{
	const char *name;
	Test test;
	int value;
} Side;

typedef struct Rule
{
	Side a, b;
	const char *hint;
} Rule;

#define NO_NOISE                                                                                   \
	"L-BFGS needs a loss that does not change between evaluations; use adam to train with noise."
#define NO_CHANGE "L-BFGS needs a loss that does not change between evaluations; use adam."
#define NO_JUMP "The derivatives of the code jump where a unit is left out."
#define NO_HALVES "L-BFGS needs one loss, but encoder and decoder have one each; use adam."
#define NEAR_JUMP "Distances of codes jump where a unit is left out."
#define LBFGS                                                                                      \
	{                                                                                              \
		"optimizer", IS, AE_OPTIMIZER_LBFGS                                                        \
	}

#define DRAWN                                                                                      \
	{                                                                                              \
		"variational_beta", POSITIVE                                                               \
	}
#define PREDICTED                                                                                  \
	{                                                                                              \
		"psd_weight", POSITIVE                                                                     \
	}
#define RECIRCULATES                                                                               \
	{                                                                                              \
		"algorithm", IS, AE_ALGORITHM_RECIRCULATION                                                \
	}
#define ONE_LAYER "Recirculation trains one hidden layer, the code: leave it out."
#define LOCAL "Recirculation has a rule for the squared error of numbers, and no other."
#define CONVEX "The best code is found by minimising a squared error."
#define NORMAL_COST "The cost of a normal number is its squared error: leave \"loss\" out."
#define NO_NORMAL "Only normal numbers have a variance: use gaussian or mixed."
#define CLOSED "Principal components have a closed form for the squared error alone."
#define PCA                                                                                        \
	{                                                                                              \
		"optimizer", IS, AE_OPTIMIZER_PCA                                                          \
	}

#define LEVELS                                                                                     \
	"Numbers and times are put into bins, and the loss of every column is the cross-entropy of "   \
	"its levels."
#define HIDDEN "A model that generates rows learns by hiding any share of their columns."

static const Rule rules[] = {
	{{"epochs", GIVEN}, {"updates", GIVEN}, "Give only one of them: both say how long to train."},
	{LBFGS, {"noise", POSITIVE}, NO_NOISE},
	{LBFGS, {"masking", POSITIVE}, NO_NOISE},
	{LBFGS, {"dropout", POSITIVE}, NO_NOISE},
	{LBFGS, {"denoise", VALUED}, NO_NOISE},
	{LBFGS, {"hash_noise", POSITIVE}, NO_NOISE},
	{LBFGS, {"pretrain", IS, AE_PRETRAIN_DENOISING}, NO_NOISE},
	{LBFGS, {"sparse", IS, AE_PENALTY_JUMPRELU}, NO_CHANGE},
	{LBFGS, {"batch_top_k", GIVEN}, NO_CHANGE},
	{LBFGS, {"neighbours_weight", POSITIVE}, NO_HALVES},
	{LBFGS, {"aux_weight", POSITIVE}, NO_CHANGE},
	{PCA, {"loss", IS_NOT, AE_LOSS_MSE}, CLOSED},
	{PCA, {"category_loss", IS_NOT, AE_LOSS_ONEHOT}, CLOSED},
	{{"contract_exact", IS, 0},
	 LBFGS,
	 "L-BFGS needs a loss that does not change between evaluations, but the estimate is drawn anew "
	 "each time."},
	{{"weight_prior", IS, AE_PRIOR_LAPLACE},
	 LBFGS,
	 "L-BFGS needs a gradient that does not jump; use adamw, which sets weights to 0."},
	{{"batch_norm", IS, 1},
	 LBFGS,
	 "Layers are normalised over minibatches, which L-BFGS does not have."},
	{{"skip", IS, 1},
	 {"tied", IS, 1},
	 "The linear path beside the layers has no mirror to share weights with."},
	{{"skip", IS, 1},
	 {"pretrain", GIVEN},
	 "Principal components are what a network with a linear path begins with."},
	{{"contract_weight", CONTRACTS},
	 {"skip", IS, 1},
	 "The derivatives are those of a chain of layers, without a path beside them."},
	{{"batch_norm", IS, 1},
	 {"tied", IS, 1},
	 "Both layers of a pair would have to absorb the same normalisation."},
	{{"batch_norm", IS, 1}, {"pretrain", VALUED}, "Pretrained layers would be normalised twice."},
	{{"batch_norm", IS, 1}, {"batch_size", IS, 1}, "A single row has no variance."},
	{{"tied", IS, 1},
	 {"null_indicators", IS, 1},
	 "Indicators are inputs that have no output to share weights with."},
	{{"patience", POSITIVE},
	 {"validation", IS, 0},
	 "Early stopping watches the loss of validation rows."},
	{{"distribution", IS, AE_DISTRIBUTION_GAUSSIAN}, {"loss", IS_NOT, AE_LOSS_MSE}, NORMAL_COST},
	{{"distribution", IS, AE_DISTRIBUTION_MIXED}, {"loss", IS_NOT, AE_LOSS_MSE}, NORMAL_COST},
	{{"distribution", IS, AE_DISTRIBUTION_BERNOULLI},
	 {"loss", IS_NOT, AE_LOSS_BCE},
	 "The likelihood of a Bernoulli variable is its cross-entropy: leave \"loss\" out."},
	{{"distribution", IS, AE_DISTRIBUTION_BERNOULLI},
	 {"output_activation", IS_NOT, AE_SIGMOID},
	 "The output of cross-entropy is always a sigmoid."},
	{{"distribution", VALUED},
	 {"category_loss", IS_NOT, AE_LOSS_SOFTMAX},
	 "The likelihood of a level is its cross-entropy: leave \"category_loss\" out."},
	{{"distribution", IS, AE_DISTRIBUTION_BERNOULLI}, {"variance", VALUED}, NO_NORMAL},
	{{"distribution", IS, AE_DISTRIBUTION_CATEGORICAL}, {"variance", VALUED}, NO_NORMAL},
	{{"distribution", VALUED},
	 {"denoise_emphasis", POSITIVE},
	 "A likelihood counts every column once."},
	{LBFGS,
	 {"variance", IS_NOT, AE_VARIANCE_FIXED},
	 "L-BFGS needs a smooth loss, but variances have a least value; use adam."},
	{DRAWN, LBFGS, NO_CHANGE},
	{{"variational_samples", VALUED},
	 {"variational_free_bits", POSITIVE},
	 "Draws that are weighed have no divergence of units, which could be free."},
	{DRAWN,
	 {"tied", IS, 1},
	 "A decoder of draws is no mirror of the encoder of their means and variances."},
	{DRAWN,
	 {"code_activation", IS_NOT, AE_IDENTITY},
	 "The code is the mean of a normal distribution: use identity."},
	{DRAWN, {"sparse", VALUED}, "A variational code has a prior of its own."},
	{DRAWN, {"top_k", VALUED}, "A normal draw is never 0."},
	{DRAWN, {"batch_top_k", VALUED}, "A normal draw is never 0."},
	{DRAWN, {"hash_bits", VALUED}, "Bits are units between 0 and 1, a draw is any number."},
	{DRAWN,
	 {"contract_weight", CONTRACTS},
	 "The divergence from the prior contracts codes already."},
	{DRAWN, {"pretrain", VALUED}, "Layers are pretrained without draws."},
	{DRAWN,
	 {"neighbours_weight", POSITIVE},
	 "Distances between draws are not distances between rows."},
	{DRAWN,
	 {"purpose", IS, AE_PURPOSE_SEARCH},
	 "Distances between draws are not distances between rows: use purpose compress."},
	{DRAWN,
	 {"purpose", IS, AE_PURPOSE_GENERATE},
	 "Such rows are drawn column by column, not from a code."},
	{DRAWN,
	 {"loss", HAS_NO_DENSITY},
	 "A bound of the likelihood needs a distribution: leave \"loss\" out."},
	{DRAWN,
	 {"category_loss", IS_NOT, AE_LOSS_SOFTMAX},
	 "The likelihood of a level is its cross-entropy: leave \"category_loss\" out."},
	{DRAWN, {"denoise_emphasis", POSITIVE}, "A likelihood counts every column once."},
	{PREDICTED, {"sparse", IS_NOT, AE_PENALTY_L1}, "The best code has the penalty l1."},
	{PREDICTED, {"sparse_layers", IS, 1}, "Only the code is found by optimisation."},
	{PREDICTED, {"sparse_weight", IS, 0}, "Without a price of units no code is sparse."},
	{PREDICTED, {"code_activation", IS_NOT, AE_IDENTITY}, "Units of the best code have any sign."},
	{PREDICTED, {"loss", IS_NOT, AE_LOSS_MSE}, CONVEX},
	{PREDICTED, {"category_loss", IS_NOT, AE_LOSS_ONEHOT}, CONVEX},
	{PREDICTED, {"output_activation", IS_NOT, AE_IDENTITY}, CONVEX},
	{PREDICTED, {"distribution", VALUED}, CONVEX},
	{PREDICTED, {"denoise_emphasis", POSITIVE}, CONVEX},
	{PREDICTED, DRAWN, "A variational code has a prior of its own."},
	{PREDICTED, LBFGS, NO_CHANGE},
	{PREDICTED, PCA, CLOSED},
	{PREDICTED, {"tied", IS, 1}, "The encoder predicts what the decoder's weights lead to."},
	{PREDICTED, {"top_k", VALUED}, "Units are off where that costs least."},
	{PREDICTED, {"batch_top_k", VALUED}, "Units are off where that costs least."},
	{PREDICTED, {"hash_bits", VALUED}, "Units of the best code have any sign."},
	{PREDICTED, {"target", GIVEN}, "The best code is that of the reconstruction alone."},
	{PREDICTED,
	 {"contract_weight", CONTRACTS},
	 "The best code is that of the reconstruction alone."},
	{PREDICTED,
	 {"neighbours_weight", POSITIVE},
	 "The best code is that of the reconstruction alone."},
	{PREDICTED, {"pretrain", VALUED}, "Layers are pretrained without a best code."},
	{PREDICTED,
	 {"purpose", IS, AE_PURPOSE_GENERATE},
	 "Such rows are drawn column by column, not from a code."},
	{PREDICTED,
	 {"purpose", IS, AE_PURPOSE_SEARCH},
	 "Such a code keeps neighbours: use purpose compress."},
	{RECIRCULATES, LBFGS, NO_CHANGE},
	{RECIRCULATES, PCA, CLOSED},
	{RECIRCULATES, {"loss", IS_NOT, AE_LOSS_MSE}, LOCAL},
	{RECIRCULATES, {"output_activation", IS_NOT, AE_IDENTITY}, LOCAL},
	{RECIRCULATES, {"distribution", VALUED}, LOCAL},
	{RECIRCULATES, DRAWN, LOCAL},
	{RECIRCULATES, PREDICTED, LOCAL},
	{RECIRCULATES, {"sparse", VALUED}, LOCAL},
	{RECIRCULATES, {"top_k", VALUED}, LOCAL},
	{RECIRCULATES, {"batch_top_k", VALUED}, LOCAL},
	{RECIRCULATES, {"hash_bits", VALUED}, LOCAL},
	{RECIRCULATES, {"contract_weight", CONTRACTS}, LOCAL},
	{RECIRCULATES, {"neighbours_weight", POSITIVE}, LOCAL},
	{RECIRCULATES, {"target", GIVEN}, LOCAL},
	{RECIRCULATES, {"tied", IS, 1}, "Encoder and decoder learn by rules of their own."},
	{RECIRCULATES, {"batch_norm", IS, 1}, LOCAL},
	{RECIRCULATES, {"null_indicators", IS, 1}, "Indicators are inputs that do not come round."},
	{RECIRCULATES, {"pretrain", VALUED}, ONE_LAYER},
	{RECIRCULATES, {"purpose", IS, AE_PURPOSE_GENERATE}, LOCAL},
	{RECIRCULATES, {"purpose", IS, AE_PURPOSE_SEARCH}, LOCAL},
	{{"loss", IS, AE_LOSS_BCE},
	 {"output_activation", IS_NOT, AE_SIGMOID},
	 "The output of cross-entropy is always a sigmoid."},
	{{"top_k", GIVEN}, {"batch_top_k", GIVEN}, "Both say how many units are on."},
	{{"sparse", IS, AE_PENALTY_JUMPRELU}, {"top_k", GIVEN}, "Both say which units are on."},
	{{"sparse", IS, AE_PENALTY_JUMPRELU}, {"batch_top_k", GIVEN}, "Both say which units are on."},
	{{"sparse", IS, AE_PENALTY_JUMPRELU},
	 {"sparse_layers", IS, 1},
	 "Only units of the code have thresholds."},
	{{"sparse", IS, AE_PENALTY_KL},
	 {"code_activation", IS_NOT, AE_SIGMOID},
	 "The rate of a unit is between 0 and 1: use sigmoid."},
	{{"sparse", IS, AE_PENALTY_KL}, {"top_k", GIVEN}, "Both say how often a unit is on."},
	{{"sparse", IS, AE_PENALTY_KL}, {"batch_top_k", GIVEN}, "Both say how often a unit is on."},
	{{"sparse", IS_NOT, AE_PENALTY_KL}, {"sparse_target", GIVEN}, "Only kl has a target."},
	{{"denoise", IS, PGAE_DENOISE_GAUSSIAN},
	 {"noise", GIVEN},
	 "Both are the same noise: give only one of them."},
	{{"denoise", IS, PGAE_DENOISE_GAUSSIAN},
	 {"denoise_emphasis", GIVEN},
	 "Gaussian noise corrupts every column, so there is no other to emphasise it against."},
	{{"denoise_walkback", POSITIVE},
	 {"denoise_emphasis", POSITIVE},
	 "After a walk every column differs from the row, and none is left to emphasise others "
	 "against."},
	{{"denoise_walkback", POSITIVE},
	 {"purpose", IS, AE_PURPOSE_GENERATE},
	 "Rows to generate from are drawn column by column, not by a chain."},
	{{"denoise_walkback", POSITIVE}, LBFGS, NO_NOISE},
	{{"denoise_walkback", POSITIVE}, PCA, CLOSED},
	{{"denoise_walkback", POSITIVE},
	 {"batch_norm", IS, 1},
	 "On their walk rows would be normalised over other rows than those of the loss."},
	{{"denoise", IS, PGAE_DENOISE_MASKING},
	 {"masking", GIVEN},
	 "Both hide cells: give only one of them."},
	{{"hash_bits", VALUED},
	 {"code_activation", IS_NOT, AE_SIGMOID},
	 "Bits are units between 0 and 1: use sigmoid."},
	{{"hash_bits", VALUED},
	 {"purpose", IS_NOT, AE_PURPOSE_COMPRESS},
	 "Bits are a code: use purpose compress."},
	{{"hash_bits", VALUED}, {"folds", IS, 2}, "Codes of two networks cannot be compared."},
	{{"hash_bits", VALUED}, {"quality", IS, 1}, "Codes of several networks cannot be compared."},
	{{"neighbours_weight", POSITIVE},
	 {"purpose", IS, AE_PURPOSE_DETECT},
	 "Only a code for search keeps neighbours: give \"code\", or another purpose."},
	{{"purpose", IS, AE_PURPOSE_SEARCH}, {"top_k", GIVEN}, NEAR_JUMP},
	{{"purpose", IS, AE_PURPOSE_SEARCH}, {"batch_top_k", GIVEN}, NEAR_JUMP},
	{{"purpose", IS, AE_PURPOSE_SEARCH}, {"sparse", IS, AE_PENALTY_JUMPRELU}, NEAR_JUMP},
	{{"purpose", IS, AE_PURPOSE_SEARCH}, LBFGS, NO_HALVES},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"loss", GIVEN}, LEVELS},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"category_loss", IS_NOT, AE_LOSS_SOFTMAX}, LEVELS},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"scaling", GIVEN}, LEVELS},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"clip", GIVEN}, LEVELS},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"distribution", GIVEN}, LEVELS},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"time_parts", GIVEN}, LEVELS},
	{{"purpose", IS, AE_PURPOSE_GENERATE},
	 {"null_indicators", IS, 1},
	 "NULL is a level of its column."},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"masking", GIVEN}, HIDDEN},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"noise", GIVEN}, HIDDEN},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"denoise", GIVEN}, HIDDEN},
	{{"purpose", IS, AE_PURPOSE_GENERATE},
	 {"target", GIVEN},
	 "A target is predicted, and never drawn: leave it among the columns."},
	{{"purpose", IS, AE_PURPOSE_GENERATE},
	 {"neighbours_weight", POSITIVE},
	 "The code of a row with hidden columns has no neighbours to keep."},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"pretrain", VALUED}, HIDDEN},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, {"prototypes", POSITIVE}, "Prototypes are for scores."},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, LBFGS, NO_CHANGE},
	{{"purpose", IS, AE_PURPOSE_GENERATE}, PCA, CLOSED},
	{{"neighbours_weight", POSITIVE}, {"top_k", GIVEN}, NEAR_JUMP},
	{{"neighbours_weight", POSITIVE}, {"batch_top_k", GIVEN}, NEAR_JUMP},
	{{"neighbours_weight", POSITIVE}, {"sparse", IS, AE_PENALTY_JUMPRELU}, NEAR_JUMP},
	{{"contract_weight", CONTRACTS},
	 {"top_k", GIVEN},
	 "The derivatives of the code jump where another unit is kept."},
	{{"contract_weight", CONTRACTS},
	 {"batch_top_k", GIVEN},
	 "The derivatives of the code jump where another unit is kept."},
	{{"contract_weight", CONTRACTS}, {"sparse", IS, AE_PENALTY_JUMPRELU}, NO_JUMP},
	{{"contract_weight", CONTRACTS},
	 {"dropout", POSITIVE},
	 "The derivatives would be those of another network at each visit."},
	{{"contract_weight", CONTRACTS},
	 {"batch_norm", IS, 1},
	 "The derivatives of a row would depend on the others of its minibatch."},
};

/* ---- the table ---- */

void
pgae_refuse_pair(const char *a, const char *b, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("options %s and %s cannot be combined", a, b), errhint("%s", hint)));
}

/* The value of an option that is a number, a word or a flag. */
static double
value_of(const PgaeOptions *options, const PgaeOptionInfo *info)
{
	const void *at = (const char *) options + info->offset;

	switch (info->type)
	{
		case PGAE_OPTION_FLAG:
		case PGAE_OPTION_WORD:
			return *(const bool *) at;
		case PGAE_OPTION_EITHER:
		case PGAE_OPTION_CHOICE:
		case PGAE_OPTION_INT:
			return *(const int *) at;
		case PGAE_OPTION_COUNT32:
			return *(const uint32 *) at;
		case PGAE_OPTION_COUNT64:
			return (double) *(const uint64 *) at;
		case PGAE_OPTION_REAL:
			return *(const double *) at;
		default:
			elog(ERROR, "option \"%s\" has no value to compare", info->name);
	}
	return 0;
}

/* "name" = value */
static const char *
side_text(const PgaeOptions *options, const PgaeOptionInfo *info)
{
	double value = value_of(options, info);

	if (info->type == PGAE_OPTION_FLAG)
		return psprintf(value ? "\"%s\"" : "\"%s\" = false", info->name);
	if (info->type == PGAE_OPTION_CHOICE || info->type == PGAE_OPTION_EITHER ||
		info->type == PGAE_OPTION_WORD)
		return psprintf("\"%s\" = %s", info->name, pgae_option_word(info, (int) value));
	return psprintf("\"%s\" = %.15g", info->name, value);
}

/* The text of a side if its condition holds, else NULL. */
static const char *
holding(const PgaeOptions *options, const Side *side)
{
	PgaeOptionInfo info;
	bool given;

	pgae_option_named(&info, side->name);
	given = pgae_option_given(options, info.offset);
	switch (side->test)
	{
		case GIVEN:
			return given ? psprintf("\"%s\"", side->name) : NULL;
		case VALUED:
			return given ? side_text(options, &info) : NULL;
		case POSITIVE:
			return value_of(options, &info) > 0 ? psprintf("\"%s\" > 0", side->name) : NULL;
		case CONTRACTS:
			return pgae_options_contractive(options) ? psprintf("\"%s\" > 0", side->name) : NULL;
		case HAS_NO_DENSITY:
			return given && !ae_loss_has_density((AeLoss) value_of(options, &info))
					   ? side_text(options, &info)
					   : NULL;
		case IS:
			return given && value_of(options, &info) == side->value ? side_text(options, &info)
																	: NULL;
		case IS_NOT:
			return given && value_of(options, &info) != side->value ? side_text(options, &info)
																	: NULL;
	}
	return NULL;
}

static void
check_rules(const PgaeOptions *options)
{
	for (size_t i = 0; i < lengthof(rules); i++)
	{
		const char *a = holding(options, &rules[i].a);
		const char *b = a ? holding(options, &rules[i].b) : NULL;

		if (b)
			pgae_refuse_pair(a, b, rules[i].hint);
	}
}

/* Refuses an option without another one that it requires. */
static void
check_needs(const PgaeOptions *options)
{
	PgaeOptionInfo info, needed;

	for (int i = 0; pgae_option_info(&info, i); i++)
	{
		if (info.needs == NULL || !pgae_option_given(options, info.offset))
			continue;
		pgae_option_named(&needed, info.needs);
		/* adamw decays without being asked to */
		if (!pgae_option_given(options, needed.offset) &&
			!(strcmp(info.needs, "weight_decay") == 0 &&
			  options->train.optimizer == AE_OPTIMIZER_ADAMW))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" requires option \"%s\"", info.name, info.needs)));
	}
}

/* ---- what takes more than a pair to tell ---- */

static bool
detects(const PgaeOptions *options)
{
	return pgae_options_purpose(options) == AE_PURPOSE_DETECT;
}

/* Codes come from one network, whichever option asked for codes. */
static void
check_one_network(const PgaeOptions *options)
{
	const char *code = PGAE_GIVEN(options, purpose)
						   ? psprintf("\"purpose\" = %s", ae_purpose_name[options->purpose])
						   : "\"code\"";

	const char *two = "Codes of two networks cannot be compared.";
	const char *several = "Codes of several networks cannot be compared.";

	if (detects(options))
		return;
	if (pgae_options_purpose(options) == AE_PURPOSE_GENERATE)
		two = several = "Rows are drawn from one network.";
	if (options->folds > 1)
		pgae_refuse_pair("\"folds\" = 2", code, two);
	if (options->quality > 0)
		pgae_refuse_pair("\"quality\" = accurate", code, several);
	if (options->hash_bits > 0 && options->code > 0 && options->code != options->hash_bits)
		pgae_refuse_pair(psprintf("\"hash_bits\" = %d", options->hash_bits),
						 psprintf("\"code\" = %d", options->code),
						 "The code has one unit for each bit.");
}

/* Cross-entropy of numbers. */
static void
check_entropy(const PgaeOptions *options)
{
	if (pgae_options_loss(options) == AE_LOSS_BCE && PGAE_GIVEN(options, scaling) &&
		options->scalings == NIL && options->scaling != AE_SCALING_MINMAX &&
		options->scaling != AE_SCALING_NONE)
		pgae_refuse_pair(PGAE_GIVEN(options, loss) ? "\"loss\" = bce"
												   : "\"distribution\" = bernoulli",
						 psprintf("\"scaling\" = %s", ae_scaling_name[options->scaling]),
						 "Cross-entropy needs inputs between 0 and 1: use scaling minmax.");
}

void
pgae_options_check_top_k(const PgaeOptions *options, int code)
{
	uint32 batch_top_k = options->train.batch_top_k;

	if (options->top_k > code)
		pgae_refuse_pair(psprintf("\"top_k\" = %d", options->top_k),
						 psprintf("\"code\" = %d", code),
						 "No more units can be kept than the code has.");
	if (batch_top_k > (uint32) code)
		pgae_refuse_pair(psprintf("\"batch_top_k\" = %u", batch_top_k),
						 psprintf("\"code\" = %d", code),
						 "No more units can be kept than the code has.");
}

/* Whether the decoder has one layer, as far as the options tell. */
static bool
has_flat_decoder(const PgaeOptions *options)
{
	bool detect = options->code == 0 && detects(options);

	if (PGAE_GIVEN(options, decoder))
		return options->n_decoder == 0;
	if (!PGAE_GIVEN(options, hidden))
		return detect && options->train.tied; /* see resolve_widths */
	return options->n_hidden == 0 || (detect && options->n_hidden == 1);
}

/*
 * The auxiliary loss decodes dead units on their own: this needs a linear decoder, and a code that
 * can have dead units.
 */
static void
check_auxiliary(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	bool gated =
		train->sparse == AE_PENALTY_JUMPRELU || options->top_k > 0 || train->batch_top_k > 0;

	if (!PGAE_GIVEN(options, train.aux_weight))
		return;
	if (!gated)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"aux_weight\" requires option \"top_k\", "
							   "\"batch_top_k\" or \"sparse\" = jumprelu")));
	if (train->aux_weight == 0)
		return;
	if (!has_flat_decoder(options))
		pgae_refuse_pair("\"aux_weight\"",
						 options->n_decoder > 0 ? "\"decoder\""
												: "a \"decoder\" with hidden layers",
						 "Dead units are decoded separately, which needs a linear decoder: "
						 "use decoder => '{}'.");
	if (options->output_activation != AE_IDENTITY && pgae_options_loss(options) != AE_LOSS_BCE)
		pgae_refuse_pair(
			"\"aux_weight\"",
			psprintf("\"output_activation\" = %s", ae_activation_name[options->output_activation]),
			"Dead units are decoded separately, which needs a linear decoder.");
}

/* The best code is one of a dictionary; a decoder that was not given is one. */
static void
check_predicted(const PgaeOptions *options)
{
	if (options->train.psd_weight > 0 && options->n_decoder > 0)
		pgae_refuse_pair("\"psd_weight\" > 0", "\"decoder\"",
						 "The best code is that of a linear decoder: leave \"decoder\" out.");
}

/* Recirculation knows two sides of one hidden layer. */
static void
check_single_layer(const PgaeOptions *options)
{
	if (options->train.algorithm == AE_ALGORITHM_RECIRCULATION &&
		(options->n_hidden > 0 || options->n_decoder > 0))
		pgae_refuse_pair("\"algorithm\" = recirculation",
						 options->n_hidden > 0 ? "\"hidden\"" : "\"decoder\"", ONE_LAYER);
}

/* Layers that kl penalises must be sigmoids, and top_k must not exceed the width of the code. */
static void
check_sparse(const PgaeOptions *options)
{
	if (options->train.sparse == AE_PENALTY_KL && options->train.sparse_hidden &&
		PGAE_GIVEN(options, activation) && options->activation != AE_SIGMOID)
		pgae_refuse_pair("\"sparse\" = kl",
						 psprintf("\"activation\" = %s", ae_activation_name[options->activation]),
						 "The rate of a unit is between 0 and 1: use sigmoid.");
	if (pgae_options_code(options) > 0)
		pgae_options_check_top_k(options, pgae_options_code(options));
	else if (options->n_hidden > 0 && detects(options))
		pgae_options_check_top_k(options, options->hidden[options->n_hidden - 1]);
}

/* All kinds but Gaussian noise have a share as their level. */
static void
check_denoise(const PgaeOptions *options)
{
	if (!PGAE_GIVEN(options, denoise) || options->denoise == PGAE_DENOISE_GAUSSIAN ||
		options->denoise_level < 1)
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"denoise_level\" is %.15g, outside its range [0, 1) with %s",
						   options->denoise_level, holding(options, &(Side){"denoise", VALUED, 0})),
					errhint("It is a share of the %s.", options->denoise == PGAE_DENOISE_SWAP
															? "columns"
															: "cells that are corrupted")));
}

/* A column with a role is read but is not an input; hints for an option that names one. */
static void
check_role(const PgaeOptions *options, const char *option, const char *column,
		   const char *const hints[3])
{
	const char *named = psprintf("\"%s\" = %s", option, column ? pgae_shown(column) : "");

	if (column == NULL)
		return;
	if (pgae_options_list(options->exclude, column))
		pgae_refuse_pair(named, "\"exclude\"", hints[0]);
	if (pgae_options_list(options->columns, column))
		pgae_refuse_pair(named, "\"columns\"", hints[1]);
	if (pgae_options_choice(options->scalings, column) >= 0)
		pgae_refuse_pair(named, "\"scaling\"", hints[2]);
}

/* Raises 22023 if one column has two roles. */
static void
refuse_two_roles(const char *option, const char *column, const char *other, const char *others,
				 const char *hint)
{
	if (column && others && strcmp(column, others) == 0)
		pgae_refuse_pair(psprintf("\"%s\" = %s", option, pgae_shown(column)),
						 psprintf("\"%s\" = %s", other, pgae_shown(others)), hint);
}

/* The options of ae.target and ae.feedback, and the weight. */
static void
check_roles(const PgaeOptions *options)
{
	static const char *const target[] = {
		"The target is not an input but must be read: do not exclude it.",
		"The target is predicted and is not an input: do not list it.",
		"A target that is a number is always standardised."};
	static const char *const feedback[] = {
		"Feedback is not an input but must be read: do not exclude it.",
		"Feedback is not an input: do not list it.", "Feedback is not scaled."};
	static const char *const weight[] = {
		"The weight is not an input but must be read: do not exclude it.",
		"The weight is not an input: do not list it.", "The weight is not scaled."};

	check_role(options, "target", options->target, target);
	check_role(options, "feedback", options->feedback, feedback);
	if (options->feedback && pgae_options_choice(options->kinds, options->feedback) >= 0)
		pgae_refuse_pair(psprintf("\"feedback\" = %s", pgae_shown(options->feedback)), "\"kinds\"",
						 "Feedback is boolean.");
	refuse_two_roles("feedback", options->feedback, "target", options->target,
					 "A column is either predicted or says what was an anomaly.");
	check_role(options, "weight", options->weight, weight);
	if (options->weight && pgae_options_choice(options->kinds, options->weight) >= 0)
		pgae_refuse_pair(psprintf("\"weight\" = %s", pgae_shown(options->weight)), "\"kinds\"",
						 "The weight is a number.");
	refuse_two_roles("weight", options->weight, "target", options->target,
					 "A column is either predicted or says how much a row counts.");
	refuse_two_roles("weight", options->weight, "feedback", options->feedback,
					 "Feedback is boolean, a weight is a number.");
}

/* Whether hidden and decoder, if both are given, mirror each other. */
static bool
is_mirrored(const PgaeOptions *options)
{
	int n = options->n_hidden, mirrored[AE_MAX_LAYERS];

	if (!PGAE_GIVEN(options, hidden) || !PGAE_GIVEN(options, decoder))
		return true;
	if (n > 0 && options->code == 0 && detects(options))
		n--; /* the last one is the code */
	pgae_mirror(mirrored, options->hidden, n);
	return n == options->n_decoder && memcmp(mirrored, options->decoder, n * sizeof(int)) == 0;
}

/* Tied weights, and layers that are pretrained with their mirrors. */
static void
check_mirrors(const PgaeOptions *options)
{
	if (is_mirrored(options))
		return;
	if (options->train.tied)
		pgae_refuse_pair("\"tied\"", "\"decoder\"",
						 "Tied weights are the encoder's: its layers, backwards, are the decoder.");
	if (options->train.pretrain != AE_PRETRAIN_NONE)
		pgae_refuse_pair(
			"\"pretrain\"", "\"decoder\"",
			"Each layer is pretrained with its mirror: the layers of the encoder, backwards, "
			"are the decoder.");
}

/* The number of hidden layers before the code, as resolve_widths will set it. */
static int
encoder_hidden_layers(const PgaeOptions *options)
{
	bool unsqueezed = options->code == 0 && detects(options);

	if (options->n_hidden > 0)
		return unsqueezed ? options->n_hidden - 1 : options->n_hidden;
	if (!PGAE_GIVEN(options, hidden) && options->train.tied && PGAE_GIVEN(options, decoder))
		return options->n_decoder;
	return !PGAE_GIVEN(options, hidden) && !unsqueezed ? 1 : 0;
}

void
pgae_refuse_kink(const char *option, int activation, const char *of)
{
	StringInfoData smooth;

	if (!ae_activation_info[activation].kinked)
		return;
	initStringInfo(&smooth);
	for (int i = 0; i < AE_ACTIVATION_COUNT; i++)
		if (i != AE_IDENTITY && !ae_activation_info[i].kinked)
			appendStringInfo(&smooth, "%s%s", smooth.len > 0 ? ", " : "", ae_activation_name[i]);
	pgae_refuse_pair(
		"\"contract_weight\" > 0",
		psprintf("\"%s\" = %s%s", option, ae_activation_name[activation], of),
		psprintf("The derivatives of the code jump where a unit has a kink: use one of %s in "
				 "the encoder.",
				 smooth.data));
}

/* Activations that contraction allows. */
static void
check_contract(const PgaeOptions *options)
{
	if (!pgae_options_contractive(options))
		return;
	if (PGAE_GIVEN(options, code_activation))
		pgae_refuse_kink("code_activation", options->code_activation, "");
	if (PGAE_GIVEN(options, activation) &&
		(encoder_hidden_layers(options) > 0 ||
		 (detects(options) && !PGAE_GIVEN(options, code_activation))))
		pgae_refuse_kink("activation", options->activation, "");
}

/* A row cannot have more neighbours than its minibatch has other rows. */
static void
check_neighbours(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	uint32 k =
		PGAE_GIVEN(options, train.neighbours_k) ? train->neighbours_k : PGAE_DEFAULT_NEIGHBOURS;

	uint32 batch =
		PGAE_GIVEN(options, train.batch_size) ? train->batch_size : PGAE_NEIGHBOURS_BATCH;

	if (batch > k || !pgae_options_neighbours(options))
		return;
	pgae_refuse_pair(psprintf("\"neighbours_k\" = %u", k), psprintf("\"batch_size\" = %u", batch),
					 "Neighbours are those within a minibatch, which must have more rows.");
}

/* Refuses options that change the network or the loss so that there is no closed form. */
static void
check_closed_form(const PgaeOptions *options)
{
	PgaeOptionInfo info;

	if (options->train.optimizer != AE_OPTIMIZER_PCA)
		return;
	for (int i = 0; pgae_option_info(&info, i); i++)
	{
		bool layers = (options->n_hidden > 0 && strcmp(info.name, "hidden") == 0) ||
					  (options->n_decoder > 0 && strcmp(info.name, "decoder") == 0);

		if (layers)
			pgae_refuse_pair("\"optimizer\" = pca", psprintf("\"%s\"", info.name),
							 "Principal components are a network without hidden layers.");
		if (pgae_option_given(options, info.offset) && info.optimizers == AE_FOR_STEPS)
			pgae_refuse_pair(
				"\"optimizer\" = pca", psprintf("\"%s\"", info.name),
				"Principal components have a closed form: nothing is trained in steps.");
	}
}

/* An option that the chosen optimizer ignores does no harm, but no good either. */
static void
notice_unused(const PgaeOptions *options)
{
	PgaeOptionInfo info;

	for (int i = 0; pgae_option_info(&info, i); i++)
	{
		if ((options->given[i / 64] >> i % 64 & 1) &&
			!(info.optimizers & (1u << options->train.optimizer)))
			ereport(NOTICE, (errmsg("option \"%s\" has no effect with optimizer %s", info.name,
									ae_optimizer_name[options->train.optimizer])));
	}
}

void
pgae_options_check(const PgaeOptions *options, bool notices)
{
	check_needs(options);
	check_rules(options);
	check_one_network(options);
	check_entropy(options);
	check_sparse(options);
	check_auxiliary(options);
	check_predicted(options);
	check_single_layer(options);
	check_denoise(options);
	check_mirrors(options);
	check_contract(options);
	check_roles(options);
	check_neighbours(options);
	check_closed_form(options);
	if (notices)
		notice_unused(options);
}
