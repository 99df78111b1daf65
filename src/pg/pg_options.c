/*
 * pg_options.c: the options of ae.train: from jsonb to a job.
 *
 * One table says what options there are, of which type, in which range, and where
 * their values go; parsing is a walk over it.  Whatever can be refused without rows
 * is refused by pgae_options_parse, so that nobody waits for a table to be read to
 * learn of a typing error.  Defaults depend on the purpose and on the numbers of
 * rows and inputs: pgae_options_resolve fills them in.
 *
 * Knows options and what they mean together; knows no rows and no gradients.
 */
#include "pg_ae.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

/* Networks of each fold where quality is accurate, and prototypes where there are folds. */
#define ACCURATE_MEMBERS 2
#define DEFAULT_PROTOTYPES 64

/* Contraction: its weight, as ae.contract has it, and units of a code whose norm is exact. */
#define DEFAULT_CONTRACT_WEIGHT 0.03
#define EXACT_CONTRACT_UNITS 32
/* Deviation of the noise that makes a code of bits (measured, see the README). */
#define DEFAULT_HASH_NOISE 4
/* Of the loss of a target beside that of the reconstruction. */
#define DEFAULT_TARGET_WEIGHT 0.1

/* What a value must be. */
typedef enum OptionType
{
	OPTION_NAMES,   /* array of strings: List * */
	OPTION_FLAG,    /* boolean: bool */
	OPTION_SET,     /* array of strings, each one of choices: int of bits */
	OPTION_MAP,     /* object of columns and choices: List * of PgaeChoice */
	OPTION_EITHER,  /* string: int; or object as OPTION_MAP: scalings */
	OPTION_CHOICE,  /* string, one of choices: int */
	OPTION_INT,     /* integer: int */
	OPTION_WIDTHS,  /* array of integers: int[AE_MAX_LAYERS]; its count stands just before it */
	OPTION_COUNT32, /* integer: uint32 */
	OPTION_COUNT64, /* integer: uint64 */
	OPTION_REAL,    /* number: double */
	OPTION_NAME,    /* string: char * */
	OPTION_TYPE_COUNT
} OptionType;

static const char *const option_type_name[OPTION_TYPE_COUNT] = {
	"an array of strings",
	"a boolean",
	"an array of strings",
	"an object of columns and strings",
	"a string, or an object of columns and strings",
	"a string",
	"an integer",
	"an array of integers",
	"an integer",
	"an integer",
	"a number",
	"a string",
};

/* The optimizers that an option is for. */
#define FOR_SGD (1 << AE_OPTIMIZER_SGD)
#define FOR_ADAM ((1 << AE_OPTIMIZER_ADAM) | (1 << AE_OPTIMIZER_ADAMW))
#define FOR_LBFGS (1 << AE_OPTIMIZER_LBFGS)
#define FOR_RATES (FOR_SGD | FOR_ADAM)
#define FOR_ALL (FOR_RATES | FOR_LBFGS)

typedef struct OptionInfo
{
	const char *name;
	OptionType type;
	double low;
	double high;
	bool open; /* high itself is out of range */
	int optimizers;
	size_t offset;                     /* in PgaeOptions */
	const char *(*choice)(int number); /* NULL past the last */
} OptionInfo;

static const char *
activation_choice(int number)
{
	return number < AE_ACTIVATION_COUNT ? ae_activation_info[number].name : NULL;
}

/* Losses of numbers and of categories; pgae_options_parse makes AeLoss of their places here. */
static const AeLoss number_losses[] = {AE_LOSS_MSE, AE_LOSS_BCE, AE_LOSS_MAE, AE_LOSS_HUBER};
static const AeLoss category_losses[] = {AE_LOSS_SOFTMAX, AE_LOSS_ONEHOT};

static const char *
loss_choice(int number)
{
	return number < (int) lengthof(number_losses) ? ae_loss_name[number_losses[number]] : NULL;
}

static const char *
category_loss_choice(int number)
{
	return number < (int) lengthof(category_losses) ? ae_loss_name[category_losses[number]] : NULL;
}

static const char *
kind_choice(int number)
{
	return number < AE_KIND_COUNT ? ae_kind_name[number] : NULL;
}

/* Bit `number` of AE_PART_ALL. */
static const char *
part_choice(int number)
{
	static const char *const names[] = {"hour", "weekday", "month"};

	return number < (int) lengthof(names) ? names[number] : NULL;
}

static const char *
optimizer_choice(int number)
{
	return number < AE_OPTIMIZER_COUNT ? ae_optimizer_name[number] : NULL;
}

static const char *
purpose_choice(int number)
{
	return number < AE_PURPOSE_COUNT ? ae_purpose_name[number] : NULL;
}

/* 0 one network, or one for each fold; 1 ACCURATE_MEMBERS times as many. */
static const char *
quality_choice(int number)
{
	static const char *const names[] = {"standard", "accurate"};

	return number < (int) lengthof(names) ? names[number] : NULL;
}

/* AePenalty from 1 on. */
static const char *
sparse_choice(int number)
{
	return number + 1 < AE_PENALTY_COUNT ? ae_penalty_name[number + 1] : NULL;
}

static const char *
sparse_layers_choice(int number)
{
	static const char *const names[] = {"code", "hidden"};

	return number < (int) lengthof(names) ? names[number] : NULL;
}

static const char *
scaling_choice(int number)
{
	return number < AE_SCALING_COUNT ? ae_scaling_name[number] : NULL;
}

static const char *
prior_choice(int number)
{
	return number < AE_PRIOR_COUNT ? ae_prior_name[number] : NULL;
}

/* AePretrain from 1 on. */
static const char *
pretrain_choice(int number)
{
	return number + 1 < AE_PRETRAIN_COUNT ? ae_pretrain_name[number + 1] : NULL;
}

/* Kinds of ae.denoise. */
enum
{
	DENOISE_GAUSSIAN,
	DENOISE_MASKING,
	DENOISE_SALT_PEPPER,
	DENOISE_SWAP
};

static const char *
denoise_choice(int number)
{
	static const char *const names[] = {
		[DENOISE_GAUSSIAN] = "gaussian",
		[DENOISE_MASKING] = "masking",
		[DENOISE_SALT_PEPPER] = "salt_pepper",
		[DENOISE_SWAP] = "swap",
	};

	return number < (int) lengthof(names) ? names[number] : NULL;
}

static const char *
schedule_choice(int number)
{
	return number < AE_SCHEDULE_COUNT ? ae_schedule_name[number] : NULL;
}

/* Stands for the largest bigint, which no double is: the next one above it. */
#define INT64_LIMIT 9223372036854775808.0

#define AT(field) offsetof(PgaeOptions, field)

/*
 * In the order of ae.options, then of the functions joined to it; ranges are those of the engine.
 */
static const OptionInfo option_info[] = {
	{"columns", OPTION_NAMES, 0, 0, false, FOR_ALL, AT(columns), NULL},
	{"exclude", OPTION_NAMES, 0, 0, false, FOR_ALL, AT(exclude), NULL},
	{"kinds", OPTION_MAP, 0, 0, false, FOR_ALL, AT(kinds), kind_choice},
	{"purpose", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(purpose), purpose_choice},
	{"folds", OPTION_INT, 1, AE_MAX_FOLDS, false, FOR_ALL, AT(folds), NULL},
	{"prototypes", OPTION_INT, 0, AE_MAX_PROTOTYPES, false, FOR_ALL, AT(prototypes), NULL},
	{"quality", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(quality), quality_choice},
	{"code", OPTION_INT, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(code), NULL},
	{"hidden", OPTION_WIDTHS, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(hidden), NULL},
	{"decoder", OPTION_WIDTHS, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(decoder), NULL},
	{"tied", OPTION_FLAG, 0, 0, false, FOR_ALL, AT(train.tied), NULL},
	{"batch_norm", OPTION_FLAG, 0, 0, false, FOR_ALL, AT(train.batch_norm), NULL},
	{"activation", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(activation), activation_choice},
	{"code_activation", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(code_activation),
	 activation_choice},
	{"output_activation", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(output_activation),
	 activation_choice},
	{"loss", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(loss), loss_choice},
	{"category_loss", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(category_loss), category_loss_choice},
	{"scaling", OPTION_EITHER, 0, 0, false, FOR_ALL, AT(scaling), scaling_choice},
	{"clip", OPTION_REAL, 1e-3, AE_SCALED_MAX, false, FOR_ALL, AT(clip), NULL},
	{"max_levels", OPTION_INT, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(max_levels), NULL},
	{"min_frequency", OPTION_INT, 1, 1e9, false, FOR_ALL, AT(min_frequency), NULL},
	{"null_indicators", OPTION_FLAG, 0, 0, false, FOR_ALL, AT(null_indicators), NULL},
	{"time_parts", OPTION_SET, 0, 0, false, FOR_ALL, AT(time_parts), part_choice},
	{"masking", OPTION_REAL, 0, 1, true, FOR_ALL, AT(train.masking), NULL},
	{"noise", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.noise), NULL},
	{"dropout", OPTION_REAL, 0, 1, true, FOR_ALL, AT(train.dropout), NULL},
	{"optimizer", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(train.optimizer), optimizer_choice},
	{"learning_rate", OPTION_REAL, 1e-12, 1e6, false, FOR_RATES, AT(train.learning_rate), NULL},
	{"schedule", OPTION_CHOICE, 0, 0, false, FOR_RATES, AT(train.schedule), schedule_choice},
	{"final_rate", OPTION_REAL, 0, 1, false, FOR_RATES, AT(train.final_rate), NULL},
	{"warmup", OPTION_REAL, 0, 1, true, FOR_RATES, AT(train.warmup), NULL},
	{"momentum", OPTION_REAL, 0, 1, true, FOR_SGD, AT(train.momentum), NULL},
	{"beta1", OPTION_REAL, 0, 1, true, FOR_ADAM, AT(train.beta1), NULL},
	{"beta2", OPTION_REAL, 0, 1, true, FOR_ADAM, AT(train.beta2), NULL},
	{"epsilon", OPTION_REAL, 1e-30, 1, false, FOR_ADAM, AT(train.epsilon), NULL},
	{"weight_decay", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.weight_decay), NULL},
	{"weight_prior", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(train.weight_prior), prior_choice},
	{"clip_norm", OPTION_REAL, 0, 1e12, false, FOR_RATES, AT(train.clip_norm), NULL},
	{"epochs", OPTION_COUNT64, 1, 1e9, false, FOR_ALL, AT(train.epochs), NULL},
	{"updates", OPTION_COUNT64, 1, 1e12, false, FOR_ALL, AT(train.updates), NULL},
	{"batch_size", OPTION_COUNT32, 1, 1 << 24, false, FOR_RATES, AT(train.batch_size), NULL},
	{"validation", OPTION_REAL, 0, 1, true, FOR_ALL, AT(train.validation), NULL},
	{"patience", OPTION_COUNT32, 0, 1e9, false, FOR_ALL, AT(train.patience), NULL},
	{"time_limit", OPTION_REAL, 0, 1e9, false, FOR_ALL, AT(train.time_limit), NULL},
	{"seed", OPTION_COUNT64, 0, INT64_LIMIT, false, FOR_ALL, AT(train.seed), NULL},
	{"sparse", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(train.sparse), sparse_choice},
	{"sparse_weight", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.sparse_weight), NULL},
	{"sparse_target", OPTION_REAL, 1e-6, 1, true, FOR_ALL, AT(train.sparse_target), NULL},
	{"sparse_layers", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(sparse_layers), sparse_layers_choice},
	{"top_k", OPTION_INT, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(top_k), NULL},
	{"batch_top_k", OPTION_COUNT32, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(train.batch_top_k), NULL},
	{"aux_weight", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.aux_weight), NULL},
	{"denoise", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(denoise), denoise_choice},
	{"denoise_level", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(denoise_level), NULL},
	{"denoise_emphasis", OPTION_REAL, 0, 1, false, FOR_ALL, AT(train.emphasis), NULL},
	{"contract_weight", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.contract_weight), NULL},
	{"contract_exact", OPTION_FLAG, 0, 0, false, FOR_ALL, AT(train.contract_exact), NULL},
	{"target", OPTION_NAME, 0, 0, false, FOR_ALL, AT(target), NULL},
	{"target_weight", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.target_weight), NULL},
	{"pretrain", OPTION_CHOICE, 0, 0, false, FOR_ALL, AT(train.pretrain), pretrain_choice},
	{"pretrain_updates", OPTION_COUNT64, 1, 1e12, false, FOR_ALL, AT(train.pretrain_updates), NULL},
	{"hash_bits", OPTION_INT, 1, AE_MAX_WIDTH, false, FOR_ALL, AT(hash_bits), NULL},
	{"hash_noise", OPTION_REAL, 0, 1e6, false, FOR_ALL, AT(train.code_noise), NULL},
};

#define N_OPTIONS ((int) lengthof(option_info))

/* Bytes of a name or value that a message repeats. */
#define TEXT_SHOWN 60

/* ---- refusals ---- */

/* Text that a user wrote, cut down to what a message can bear. */
static const char *
shown(const char *text)
{
	int length = (int) strlen(text);

	if (length <= TEXT_SHOWN)
		return text;
	return psprintf("%.*s...", pg_mbcliplen(text, length, TEXT_SHOWN), text);
}

/* Says what a JSON value is, for a message. */
static const char *
describe_value(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return shown(DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
		case jbvBool:
			return "a boolean";
		default:
			break;
	}
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return "an array";
	return "an object";
}

static void
refuse_type(const OptionInfo *info, const JsonbValue *value, bool element)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 element ? errmsg("option \"%s\" must be %s, but has an element that is %s", info->name,
							  option_type_name[info->type], describe_value(value))
					 : errmsg("option \"%s\" must be %s, but is %s", info->name,
							  option_type_name[info->type], describe_value(value))));
}

static void
refuse_choice(const OptionInfo *info, const char *text)
{
	StringInfoData valid;
	const char *choice;

	initStringInfo(&valid);
	for (int i = 0; (choice = info->choice(i)) != NULL; i++)
		appendStringInfo(&valid, "%s%s", i ? ", " : "", choice);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" cannot be \"%s\"", info->name, shown(text)),
					errhint("It is one of: %s.", valid.data)));
}

static void
refuse_key(const char *key, int length)
{
	const OptionInfo *nearest = NULL;
	int least = 1 + Min(length, 64) / 2;

	/* an absurdly long key resembles nothing, and would only cost time */
	for (int i = 0; i < N_OPTIONS && length < 64; i++)
	{
		const char *name = option_info[i].name;
		int distance = varstr_levenshtein_less_equal(key, length, name, (int) strlen(name), 1, 1, 1,
													 least, true);

		if (distance < least)
		{
			least = distance;
			nearest = &option_info[i];
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown option \"%s\"", shown(key)),
			 nearest
				 ? errhint("Perhaps you meant the option \"%s\". All options are arguments of "
						   "ae.options, or of a function that is joined to it, such as ae.sparse.",
						   nearest->name)
				 : errhint("All options are arguments of ae.options, or of a function "
						   "that is joined to it, such as ae.sparse.")));
}

/* Two options that cannot stand together; `a` and `b` say what each holds. */
static void
refuse_pair(const char *a, const char *b, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("options %s and %s contradict each other", a, b), errhint("%s", hint)));
}

/* ---- values ---- */

/* The range of an option: `[0, 1)`. */
static const char *
range_text(const OptionInfo *info)
{
	if (info->high == INT64_LIMIT)
		return psprintf("[%.15g, " INT64_FORMAT "]", info->low, PG_INT64_MAX);
	return psprintf("[%.15g, %.15g%c", info->low, info->high, info->open ? ')' : ']');
}

/* Whether a number that rounds to INT64_LIMIT is no bigint. */
static bool
exceeds_int64(Numeric number)
{
	Datum limit = DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MAX));

	return DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(number), limit));
}

/* The number in value, checked for integrality and range. */
static double
parse_number(const OptionInfo *info, const JsonbValue *value, bool element)
{
	double number;

	if (value->type != jbvNumeric)
		refuse_type(info, value, element);
	number = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (info->type != OPTION_REAL && !isinf(number) && number != floor(number))
		refuse_type(info, value, element);

	if (number < info->low || number > info->high || (info->open && number == info->high) ||
		(number == INT64_LIMIT && exceeds_int64(value->val.numeric)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" is %s, outside its range %s", info->name,
							   describe_value(value), range_text(info))));
	return number;
}

/* element: value stands in an array or object. */
static int
parse_choice(const OptionInfo *info, const JsonbValue *value, bool element)
{
	const char *choice;
	char *text;

	if (value->type != jbvString)
		refuse_type(info, value, element);
	text = pnstrdup(value->val.string.val, value->val.string.len);
	for (int i = 0; (choice = info->choice(i)) != NULL; i++)
	{
		if (strcmp(choice, text) == 0)
			return i;
	}
	refuse_choice(info, text);
	return -1;
}

/* A List of PgaeChoice. */
static List *
parse_map(const OptionInfo *info, const JsonbValue *value)
{
	List *choices = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue key, element;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse_type(info, value, false);
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		PgaeChoice *choice;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&it, &element, true);
		choice = palloc(sizeof(PgaeChoice));
		choice->column = pnstrdup(key.val.string.val, key.val.string.len);
		choice->choice = parse_choice(info, &element, true);
		choices = lappend(choices, choice);
	}
	return choices;
}

/* A List of char *. */
static List *
parse_names(const OptionInfo *info, const JsonbValue *value)
{
	List *names = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse_type(info, value, false);
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvString)
			refuse_type(info, &element, true);
		names = lappend(names, pnstrdup(element.val.string.val, element.val.string.len));
	}
	return names;
}

/* The bits of the choices that an array of strings names. */
static int
parse_set(const OptionInfo *info, const JsonbValue *value)
{
	int bits = 0;
	ListCell *cell;

	foreach (cell, parse_names(info, value))
	{
		JsonbValue name = {.type = jbvString};

		name.val.string.val = lfirst(cell);
		name.val.string.len = (int) strlen(lfirst(cell));
		bits |= 1 << parse_choice(info, &name, true);
	}
	return bits;
}

/* Fills widths; returns how many there are. */
static int
parse_widths(const OptionInfo *info, const JsonbValue *value, int *widths)
{
	int n = 0;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse_type(info, value, false);
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (n == AE_MAX_LAYERS - 2)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" has more than %d elements", info->name,
								   AE_MAX_LAYERS - 2)));
		widths[n++] = (int) parse_number(info, &element, true);
	}
	return n;
}

static void
parse_value(PgaeOptions *options, const OptionInfo *info, const JsonbValue *value)
{
	char *at = (char *) options + info->offset;

	switch (info->type)
	{
		case OPTION_NAMES:
			*(List **) at = parse_names(info, value);
			break;
		case OPTION_FLAG:
			if (value->type != jbvBool)
				refuse_type(info, value, false);
			*(bool *) at = value->val.boolean;
			break;
		case OPTION_SET:
			*(int *) at = parse_set(info, value);
			break;
		case OPTION_MAP:
			*(List **) at = parse_map(info, value);
			break;
		case OPTION_EITHER:
			if (value->type == jbvString)
				*(int *) at = parse_choice(info, value, false);
			else
				options->scalings = parse_map(info, value);
			break;
		case OPTION_CHOICE:
			*(int *) at = parse_choice(info, value, false);
			break;
		case OPTION_INT:
			*(int *) at = (int) parse_number(info, value, false);
			break;
		case OPTION_WIDTHS:
			((int *) at)[-1] = parse_widths(info, value, (int *) at);
			break;
		case OPTION_COUNT32:
			*(uint32 *) at = (uint32) parse_number(info, value, false);
			break;
		case OPTION_COUNT64:
			/* from the decimal digits: a seed may need more bits than a double has */
			parse_number(info, value, false);
			*(uint64 *) at = (uint64) DatumGetInt64(
				DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
			break;
		case OPTION_REAL:
			*(double *) at = parse_number(info, value, false);
			break;
		case OPTION_NAME:
			if (value->type != jbvString)
				refuse_type(info, value, false);
			*(char **) at = pnstrdup(value->val.string.val, value->val.string.len);
			break;
		case OPTION_TYPE_COUNT:
			break;
	}
}

/* ---- options beside each other ---- */

static AePurpose
purpose_of(const PgaeOptions *options)
{
	if (options->purpose_set)
		return options->purpose;
	return options->code || options->hash_bits ? AE_PURPOSE_COMPRESS : AE_PURPOSE_DETECT;
}

StaticAssertDecl(offsetof(PgaeOptions, n_hidden) + sizeof(int) == offsetof(PgaeOptions, hidden),
				 "the count of hidden stands just before it");
StaticAssertDecl(offsetof(PgaeOptions, n_decoder) + sizeof(int) == offsetof(PgaeOptions, decoder),
				 "the count of decoder stands just before it");
StaticAssertDecl(sizeof(AePurpose) == sizeof(int) && sizeof(AeOptimizer) == sizeof(int) &&
					 sizeof(AePenalty) == sizeof(int),
				 "choices are stored as int");

static void
check_pairs(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;

	if (train->epochs != UINT64_MAX && train->updates != UINT64_MAX)
		refuse_pair("\"epochs\"", "\"updates\"", "Give one of them: both say how long to train.");
	if ((int) train->optimizer == AE_OPTIMIZER_LBFGS &&
		(train->noise > 0 || train->masking > 0 || train->dropout > 0))
		refuse_pair("\"optimizer\" = lbfgs",
					train->noise > 0     ? "\"noise\" > 0"
					: train->masking > 0 ? "\"masking\" > 0"
										 : "\"dropout\" > 0",
					"L-BFGS needs a loss that stays the same; train with adam to use noise.");
	if (options->patience_set && train->patience > 0 && train->validation == 0)
		refuse_pair("\"patience\"", "\"validation\" = 0",
					"Early stopping watches the loss of validation rows.");
	if (options->loss == AE_LOSS_BCE && options->scaling >= 0 &&
		options->scaling != AE_SCALING_MINMAX && options->scaling != AE_SCALING_NONE)
		refuse_pair("\"loss\" = bce",
					psprintf("\"scaling\" = %s", ae_scaling_name[options->scaling]),
					"Cross-entropy needs inputs between 0 and 1: use scaling minmax.");
	if (options->folds > 1 && purpose_of(options) == AE_PURPOSE_COMPRESS)
		refuse_pair("\"folds\" = 2", options->purpose_set ? "\"purpose\" = compress" : "\"code\"",
					"Codes of two networks do not compare.");
	if (options->quality > 0 && purpose_of(options) == AE_PURPOSE_COMPRESS)
		refuse_pair("\"quality\" = accurate",
					options->purpose_set ? "\"purpose\" = compress" : "\"code\"",
					"Codes of several networks do not compare.");
	if (options->loss == AE_LOSS_BCE && options->output_activation >= 0 &&
		options->output_activation != AE_SIGMOID)
		refuse_pair("\"loss\" = bce", "\"output_activation\"",
					"The output of cross-entropy is always a sigmoid.");
}

/* An option that means nothing without another one. */
static void
refuse_alone(const char *name, const char *needed)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" means nothing without option \"%s\"", name, needed)));
}

static void
refuse_kl_without_sigmoid(const char *option, int activation)
{
	if (activation >= 0 && activation != AE_SIGMOID)
		refuse_pair("\"sparse\" = kl",
					psprintf("\"%s\" = %s", option, ae_activation_info[activation].name),
					"The rate of a unit is between 0 and 1: use sigmoid.");
}

static void
check_top_k(const PgaeOptions *options, int code)
{
	uint32 batch_top_k = options->train.batch_top_k;

	if (options->top_k > code)
		refuse_pair(psprintf("\"top_k\" = %d", options->top_k), psprintf("\"code\" = %d", code),
					"No more units can be kept than the code has.");
	if (batch_top_k > (uint32) code)
		refuse_pair(psprintf("\"batch_top_k\" = %u", batch_top_k), psprintf("\"code\" = %d", code),
					"No more units can be kept than the code has.");
}

/* Whether the decoder is one layer, for all that was given. */
static bool
has_flat_decoder(const PgaeOptions *options)
{
	bool detect = options->code == 0 && purpose_of(options) == AE_PURPOSE_DETECT;

	if (options->n_decoder >= 0)
		return options->n_decoder == 0;
	if (options->n_hidden < 0)
		return detect && options->train.tied; /* see resolve_widths */
	return options->n_hidden == 0 || (detect && options->n_hidden == 1);
}

/* The auxiliary loss decodes dead units by themselves: linearly, and if there can be any. */
static void
check_auxiliary(const PgaeOptions *options, bool gated)
{
	const AeTrainOptions *train = &options->train;

	if (!(train->aux_weight >= 0))
		return;
	if (!gated)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"aux_weight\" means nothing without option \"top_k\", "
							   "\"batch_top_k\" or \"sparse\" = jumprelu")));
	if (train->aux_weight == 0)
		return;
	if (!has_flat_decoder(options))
		refuse_pair("\"aux_weight\"",
					options->n_decoder > 0 ? "\"decoder\"" : "a \"decoder\" with hidden layers",
					"Dead units are decoded by themselves, which takes a linear decoder: "
					"use decoder => '{}'.");
	if (options->output_activation > AE_IDENTITY && options->loss != AE_LOSS_BCE)
		refuse_pair("\"aux_weight\"",
					psprintf("\"output_activation\" = %s",
							 ae_activation_info[options->output_activation].name),
					"Dead units are decoded by themselves, which takes a linear decoder.");
}

/* What does not stand beside thresholds of the code, or beside each other. */
static void
check_gates(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	bool jump = (int) train->sparse == AE_PENALTY_JUMPRELU;
	bool gated = jump || options->top_k > 0 || train->batch_top_k > 0;
	const char *rule = train->batch_top_k > 0 ? "\"batch_top_k\"" : "\"top_k\"";

	if (options->top_k > 0 && train->batch_top_k > 0)
		refuse_pair("\"top_k\"", "\"batch_top_k\"", "Both say how many units are on.");
	if (jump && (options->top_k > 0 || train->batch_top_k > 0))
		refuse_pair("\"sparse\" = jumprelu", rule, "Both say which units are on.");
	if (jump && options->sparse_layers == 1)
		refuse_pair("\"sparse\" = jumprelu", "\"sparse_layers\" = hidden",
					"Only units of the code have thresholds.");
	if ((int) train->optimizer == AE_OPTIMIZER_LBFGS &&
		(jump || train->batch_top_k > 0 || train->aux_weight > 0))
		refuse_pair("\"optimizer\" = lbfgs",
					jump                     ? "\"sparse\" = jumprelu"
					: train->batch_top_k > 0 ? "\"batch_top_k\""
											 : "\"aux_weight\"",
					"L-BFGS needs a loss that stays the same; train with adam.");
	check_auxiliary(options, gated);
}

/* The options of ae.hash, and what follows from them. */
static void
check_hash(PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	char *bits = psprintf("\"hash_bits\" = %d", options->hash_bits);

	if (options->hash_bits == 0 && train->code_noise >= 0)
		refuse_alone("hash_noise", "hash_bits");
	if (options->hash_bits == 0)
		return;
	if (options->code > 0 && options->code != options->hash_bits)
		refuse_pair(bits, psprintf("\"code\" = %d", options->code),
					"The code has one unit for each bit.");
	if (options->code_activation >= 0 && options->code_activation != AE_SIGMOID)
		refuse_pair(
			bits,
			psprintf("\"code_activation\" = %s", ae_activation_info[options->code_activation].name),
			"Bits are units between 0 and 1: use sigmoid.");
	if (purpose_of(options) != AE_PURPOSE_COMPRESS)
		refuse_pair(bits, "\"purpose\" = detect", "Bits are a code: use purpose compress.");
	if (options->folds > 1)
		refuse_pair(bits, "\"folds\" = 2", "Codes of two networks do not compare.");
	if (options->quality > 0)
		refuse_pair(bits, "\"quality\" = accurate", "Codes of several networks do not compare.");
	if ((int) train->optimizer == AE_OPTIMIZER_LBFGS && train->code_noise > 0)
		refuse_pair("\"optimizer\" = lbfgs", "\"hash_noise\" > 0",
					"L-BFGS needs a loss that stays the same; train with adam to use noise.");
	options->code = options->hash_bits;
	options->code_activation = AE_SIGMOID;
}

/* The options of ae.sparse. */
static void
check_sparse(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	int kind = (int) train->sparse;

	if (kind < 0 && train->sparse_weight >= 0)
		refuse_alone("sparse_weight", "sparse");
	if (kind < 0 && train->sparse_target >= 0)
		refuse_alone("sparse_target", "sparse");
	if (kind < 0 && options->sparse_layers >= 0)
		refuse_alone("sparse_layers", "sparse");
	if (kind >= 0 && kind != AE_PENALTY_KL && train->sparse_target >= 0)
		refuse_pair(psprintf("\"sparse\" = %s", ae_penalty_name[kind]), "\"sparse_target\"",
					"Only kl has a target.");
	if (kind == AE_PENALTY_KL)
	{
		refuse_kl_without_sigmoid("code_activation", options->code_activation);
		if (options->sparse_layers == 1)
			refuse_kl_without_sigmoid("activation", options->activation);
		if (options->top_k > 0)
			refuse_pair("\"sparse\" = kl", "\"top_k\"", "Both say how often a unit is on.");
		if (train->batch_top_k > 0)
			refuse_pair("\"sparse\" = kl", "\"batch_top_k\"", "Both say how often a unit is on.");
	}
	if (options->code > 0)
		check_top_k(options, options->code);
	if (options->code == 0 && options->n_hidden > 0 && purpose_of(options) == AE_PURPOSE_DETECT)
		check_top_k(options, options->hidden[options->n_hidden - 1]);
	check_gates(options);
}

/* The options of ae.denoise. */
static void
check_denoise(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	int kind = options->denoise;
	const char *given = kind >= 0 ? psprintf("\"denoise\" = %s", denoise_choice(kind)) : NULL;

	if (kind < 0 && options->denoise_level >= 0)
		refuse_alone("denoise_level", "denoise");
	if (kind < 0 && train->emphasis >= 0)
		refuse_alone("denoise_emphasis", "denoise");
	if (kind < 0)
		return;
	if (kind == DENOISE_GAUSSIAN && train->noise >= 0)
		refuse_pair(given, "\"noise\"", "Both are the same noise: give one of them.");
	if (kind == DENOISE_MASKING && train->masking >= 0)
		refuse_pair(given, "\"masking\"", "Both hide cells: give one of them.");
	if (kind == DENOISE_GAUSSIAN && train->emphasis >= 0)
		refuse_pair(
			given, "\"denoise_emphasis\"",
			"Gaussian noise corrupts every column, and leaves none to emphasise it against.");
	if (kind != DENOISE_GAUSSIAN && options->denoise_level >= 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"denoise_level\" is %.15g, outside its range [0, 1) with %s",
						options->denoise_level, given),
				 errhint("It is a share of the %s.",
						 kind == DENOISE_SWAP ? "columns" : "cells that are corrupted")));
	if ((int) train->optimizer == AE_OPTIMIZER_LBFGS)
		refuse_pair("\"optimizer\" = lbfgs", given,
					"L-BFGS needs a loss that stays the same; train with adam to use noise.");
}

static bool names_column(const List *names, const char *column);

/* The options of ae.target. */
static void
check_target(const PgaeOptions *options)
{
	if (options->target == NULL)
	{
		if (options->train.target_weight >= 0)
			refuse_alone("target_weight", "target");
		return;
	}
	if (names_column(options->exclude, options->target))
		refuse_pair(psprintf("\"target\" = %s", shown(options->target)), "\"exclude\"",
					"The target is read, though it is no input: do not exclude it.");
	if (names_column(options->columns, options->target))
		refuse_pair(psprintf("\"target\" = %s", shown(options->target)), "\"columns\"",
					"The target is what is predicted, and no input: do not list it.");
	if (pgae_options_choice(options->scalings, options->target) >= 0)
		refuse_pair(psprintf("\"target\" = %s", shown(options->target)), "\"scaling\"",
					"A target that is a number is always standardised.");
}

/* to = from backwards */
static void
mirror(int *to, const int *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = from[n - 1 - i];
}

/* Whether hidden and decoder, where both are given, are each other backwards. */
static bool
is_mirrored(const PgaeOptions *options)
{
	int n = options->n_hidden, mirrored[AE_MAX_LAYERS];

	if (n < 0 || options->n_decoder < 0)
		return true;
	if (n > 0 && options->code == 0 && purpose_of(options) == AE_PURPOSE_DETECT)
		n--; /* the last one is the code */
	mirror(mirrored, options->hidden, n);
	return n == options->n_decoder && memcmp(mirrored, options->decoder, n * sizeof(int)) == 0;
}

/* Tied weights, whose decoder must be the encoder backwards. */
static void
check_tied(const PgaeOptions *options)
{
	if (!options->train.tied)
		return;
	if (options->null_indicators)
		refuse_pair("\"tied\"", "\"null_indicators\"",
					"Indicators are inputs that have no output to share weights with.");
	if (!is_mirrored(options))
		refuse_pair("\"tied\"", "\"decoder\"",
					"Tied weights are the encoder's: its layers, backwards, are the decoder.");
}

/* Hidden layers of the encoder before the code, as resolve_widths will have them. */
static int
encoder_hidden_layers(const PgaeOptions *options)
{
	bool unsqueezed = options->code == 0 && purpose_of(options) == AE_PURPOSE_DETECT;

	if (options->n_hidden > 0)
		return unsqueezed ? options->n_hidden - 1 : options->n_hidden;
	if (options->n_hidden < 0 && options->train.tied && options->n_decoder >= 0)
		return options->n_decoder;
	return options->n_hidden < 0 && !unsqueezed ? 1 : 0;
}

/* Derivatives that jump have no penalty. */
static void
refuse_kink(const char *option, int activation, const char *of)
{
	StringInfoData smooth;

	if (activation < 0 || !ae_activation_info[activation].kinked)
		return;
	initStringInfo(&smooth);
	for (int i = 0; i < AE_ACTIVATION_COUNT; i++)
		if (i != AE_IDENTITY && !ae_activation_info[i].kinked)
			appendStringInfo(&smooth, "%s%s", smooth.len > 0 ? ", " : "",
							 ae_activation_info[i].name);
	refuse_pair(
		"\"contract_weight\" > 0",
		psprintf("\"%s\" = %s%s", option, ae_activation_info[activation].name, of),
		psprintf("The derivatives of the code jump where a unit has a kink: use one of %s in "
				 "the encoder.",
				 smooth.data));
}

static bool
is_contractive(const PgaeOptions *options)
{
	return options->train.contract_weight > 0 ||
		   (options->train.contract_weight < 0 && options->contract_exact_set);
}

/* The options of ae.contract. */
static void
check_contract(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	bool detect = purpose_of(options) == AE_PURPOSE_DETECT;

	if (!is_contractive(options))
		return;
	if (options->top_k > 0 || train->batch_top_k > 0)
		refuse_pair("\"contract_weight\" > 0", options->top_k > 0 ? "\"top_k\"" : "\"batch_top_k\"",
					"The derivatives of the code jump where another unit is kept.");
	if ((int) train->sparse == AE_PENALTY_JUMPRELU)
		refuse_pair("\"contract_weight\" > 0", "\"sparse\" = jumprelu",
					"The derivatives of the code jump where a unit is left out.");
	if (train->dropout > 0)
		refuse_pair("\"contract_weight\" > 0", "\"dropout\" > 0",
					"The derivatives would be those of another network at each visit.");
	if (train->batch_norm)
		refuse_pair("\"contract_weight\" > 0", "\"batch_norm\"",
					"The derivatives of a row would depend on the others of its minibatch.");
	if (options->contract_exact_set && !train->contract_exact &&
		(int) train->optimizer == AE_OPTIMIZER_LBFGS)
		refuse_pair("\"contract_exact\" = false", "\"optimizer\" = lbfgs",
					"L-BFGS needs a loss that stays the same: an estimate is drawn anew at each "
					"visit.");
	refuse_kink("code_activation", options->code_activation, "");
	if (encoder_hidden_layers(options) > 0 || (detect && options->code_activation < 0))
		refuse_kink("activation", options->activation, "");
}

/* What weight_decay is the logarithm of. */
static void
check_prior(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;
	int optimizer = (int) train->optimizer;

	if ((int) train->weight_prior < 0)
		return;
	/* adamw decays by default */
	if (train->weight_decay < 0 && optimizer != AE_OPTIMIZER_ADAMW)
		refuse_alone("weight_prior", "weight_decay");
	if (train->weight_prior == AE_PRIOR_LAPLACE && optimizer == AE_OPTIMIZER_LBFGS)
		refuse_pair("\"weight_prior\" = laplace", "\"optimizer\" = lbfgs",
					"L-BFGS needs a gradient that does not jump: train with adamw, which makes "
					"weights 0.");
}

static bool
is_pretrained(const PgaeOptions *options)
{
	return (int) options->train.pretrain > AE_PRETRAIN_NONE;
}

/* The options of ae.pretrain. */
static void
check_pretrain(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;

	if (!is_pretrained(options) && train->pretrain_updates != UINT64_MAX)
		refuse_alone("pretrain_updates", "pretrain");
	if (is_pretrained(options) && !is_mirrored(options))
		refuse_pair(
			"\"pretrain\"", "\"decoder\"",
			"Each layer is pretrained with its mirror: the layers of the encoder, backwards, "
			"are the decoder.");
	if (train->pretrain == AE_PRETRAIN_DENOISING && (int) train->optimizer == AE_OPTIMIZER_LBFGS)
		refuse_pair("\"optimizer\" = lbfgs", "\"pretrain\" = denoising",
					"L-BFGS needs a loss that stays the same; train with adam to use noise.");
}

/* What normalised layers cannot stand beside. */
static void
check_batch_norm(const PgaeOptions *options)
{
	const AeTrainOptions *train = &options->train;

	if (!train->batch_norm)
		return;
	if (train->tied)
		refuse_pair("\"batch_norm\"", "\"tied\"",
					"Both layers of a pair would have to take the same normalisation in.");
	if ((int) train->optimizer == AE_OPTIMIZER_LBFGS)
		refuse_pair("\"batch_norm\"", "\"optimizer\" = lbfgs",
					"Layers are normalised over minibatches, which L-BFGS does not have.");
	if (is_pretrained(options))
		refuse_pair("\"batch_norm\"", "\"pretrain\"",
					"Layers that are pretrained would be normalised once more.");
	if (train->batch_size == 1)
		refuse_pair("\"batch_norm\"", "\"batch_size\" = 1", "A single row has no variance.");
}

/* An option that the chosen optimizer does not look at does no harm, but no good either. */
static void
notice_unused(const PgaeOptions *options, const bool *given)
{
	int optimizer = (int) options->train.optimizer;

	if (optimizer < 0)
		optimizer = AE_OPTIMIZER_ADAM;
	for (int i = 0; i < N_OPTIONS; i++)
	{
		if (given[i] && !(option_info[i].optimizers & (1 << optimizer)))
			ereport(NOTICE, (errmsg("option \"%s\" has no effect with optimizer %s",
									option_info[i].name, ae_optimizer_name[optimizer])));
	}
}

static PgaeOptions *
options_not_given(void)
{
	PgaeOptions *options = palloc0(sizeof(PgaeOptions));
	AeTrainOptions *train = &options->train;

	options->n_hidden = options->n_decoder = -1;
	options->activation = options->code_activation = options->output_activation = -1;
	options->loss = options->category_loss = options->scaling = -1;
	options->max_levels = options->min_frequency = -1;
	options->folds = options->prototypes = options->quality = -1;
	train->optimizer = (AeOptimizer) -1;
	train->schedule = (AeSchedule) -1;
	train->learning_rate = train->final_rate = train->warmup = train->momentum = -1;
	train->beta1 = train->beta2 = train->epsilon = train->weight_decay = train->clip_norm = -1;
	options->sparse_layers = -1;
	train->sparse = (AePenalty) -1;
	train->sparse_weight = train->sparse_target = -1;
	train->noise = train->masking = train->dropout = train->validation = train->time_limit = -1;
	train->epochs = train->updates = train->seed = UINT64_MAX;
	train->batch_size = train->patience = UINT32_MAX;
	options->denoise = -1;
	options->denoise_level = train->emphasis = -1;
	train->weight_prior = (AeWeightPrior) -1;
	train->pretrain = (AePretrain) -1;
	train->pretrain_updates = UINT64_MAX;
	train->contract_weight = train->code_noise = train->aux_weight = train->target_weight = -1;
	return options;
}

static bool
was_given(const bool *given, const char *name)
{
	for (int i = 0; i < N_OPTIONS; i++)
	{
		if (strcmp(option_info[i].name, name) == 0)
			return given[i];
	}
	elog(ERROR, "no option is called \"%s\"", name);
	return false;
}

PgaeOptions *
pgae_options_parse(Jsonb *jsonb)
{
	PgaeOptions *options = options_not_given();
	bool given[N_OPTIONS] = {false};
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue key, value;

	if (jsonb && !JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options must be a JSON object, but are %s",
							   JB_ROOT_IS_SCALAR(jsonb) ? "a scalar" : "an array"),
						errhint("Write them with the function ae.options.")));
	it = jsonb ? JsonbIteratorInit(&jsonb->root) : NULL;
	while (it && (token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		int found = -1;
		char *name;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&it, &value, true);
		name = pnstrdup(key.val.string.val, key.val.string.len);
		for (int i = 0; i < N_OPTIONS && found < 0; i++)
			found = strcmp(option_info[i].name, name) == 0 ? i : -1;
		if (found < 0)
			refuse_key(name, key.val.string.len);
		if (value.type == jbvNull)
			continue; /* as an argument of ae.options that is NULL */
		parse_value(options, &option_info[found], &value);
		given[found] = true;
	}

	options->purpose_set = was_given(given, "purpose");
	options->tied_set = was_given(given, "tied");
	options->contract_exact_set = was_given(given, "contract_exact");
	options->validation_set = was_given(given, "validation");
	options->patience_set = was_given(given, "patience");
	options->length_set = was_given(given, "epochs") || was_given(given, "updates");
	if (was_given(given, "columns") && options->columns == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"columns\" names no column")));
	if (options->train.seed == UINT64_MAX)
		options->train.seed = 0; /* the order of rows depends on it: needed at the first row */
	if (options->category_loss >= 0)
		options->category_loss = category_losses[options->category_loss];
	if (options->loss >= 0)
		options->loss = number_losses[options->loss];
	if ((int) options->train.sparse >= 0)
		options->train.sparse = (AePenalty) (options->train.sparse + 1);
	if ((int) options->train.pretrain >= 0)
		options->train.pretrain = (AePretrain) (options->train.pretrain + 1);
	check_hash(options);
	check_pairs(options);
	check_sparse(options);
	check_denoise(options);
	check_tied(options);
	check_contract(options);
	check_prior(options);
	check_pretrain(options);
	check_batch_norm(options);
	check_target(options);
	notice_unused(options, given);
	return options;
}

/* ---- a start from another model ---- */

static bool
widths_differ(const int *given, int n_given, const uint32_t *width, uint32_t n)
{
	if (n_given < 0)
		return false;
	if ((uint32_t) n_given != n)
		return true;
	for (uint32_t i = 0; i < n; i++)
	{
		if ((uint32_t) given[i] != width[i])
			return true;
	}
	return false;
}

static bool
hidden_activation_differs(int given, const AeNet *net)
{
	for (uint32_t l = 0; given >= 0 && l + 1 < net->n_layers; l++)
	{
		if (l + 1 != net->n_encoder && (int) net->activation[l] != given)
			return true;
	}
	return false;
}

static bool
names_column(const List *names, const char *column)
{
	const ListCell *cell;

	foreach (cell, names)
	{
		if (strcmp((const char *) lfirst(cell), column) == 0)
			return true;
	}
	return false;
}

/* Whether columns / exclude would choose other columns than the schema has. */
static bool
columns_differ(const PgaeOptions *options, const AeSchema *schema)
{
	uint32_t n_named = 0, n_sources = 0;

	if (schema->is_array)
		return options->columns != NIL || options->exclude != NIL;
	for (uint32_t i = 0; i < schema->n_columns; i = ae_schema_source_end(schema, i))
	{
		const char *column = pgae_column_name(schema, i);

		n_sources++;

		if (names_column(options->exclude, column))
			return true;
		n_named += names_column(options->columns, column);
	}
	if (options->columns == NIL)
		return false;
	for (int i = 0; i < list_length(options->columns); i++)
		n_named += names_column(options->exclude, list_nth(options->columns, i));
	return n_named != n_sources || list_length(options->columns) != (int) n_named;
}

/* Whether the options want another target than the schema has, or make an input of it. */
static bool
target_differs(const PgaeOptions *options, const AeSchema *schema)
{
	const char *own = schema->has_target ? pgae_target_name(schema) : NULL;
	int kind;

	if (own == NULL)
		return options->target != NULL;
	kind = pgae_options_choice(options->kinds, own);
	return (options->target && strcmp(options->target, own) != 0) ||
		   (kind >= 0 && kind != (int) schema->target.kind) ||
		   names_column(options->columns, own) || names_column(options->exclude, own);
}

/* Whether the options ask for a scaling of a number or time that the schema does not have. */
static bool
scaling_differs(const PgaeOptions *options, const AeSchema *schema)
{
	for (uint32_t i = 0; i < schema->n_columns; i++)
	{
		const AeColumn *column = &schema->columns[i];
		int asked = options->scaling;

		if (column->kind != AE_KIND_NUMBER && column->kind != AE_KIND_TIME)
			continue;
		if (options->scalings != NIL && column->name)
		{
			int own = pgae_options_choice(options->scalings, pgae_column_name(schema, i));

			asked = own >= 0 ? own : asked;
		}
		if (asked >= 0 && asked != (int) column->scaling)
			return true;
	}
	return false;
}

static bool
kinds_differ(const PgaeOptions *options, const AeSchema *schema)
{
	for (uint32_t i = 0; i < schema->n_columns && options->kinds != NIL; i++)
	{
		int asked = -1;

		if (schema->columns[i].name)
			asked = pgae_options_choice(options->kinds, pgae_column_name(schema, i));
		if (asked >= 0 && asked != (int) schema->columns[i].kind)
			return true;
	}
	return false;
}

/* Whether kl is asked for of units that are no sigmoids. */
static bool
kl_differs(const PgaeOptions *options, const AeNet *net)
{
	if ((int) options->train.sparse != AE_PENALTY_KL)
		return false;
	return net->top_k > 0 || net->gated || net->activation[net->n_encoder - 1] != AE_SIGMOID ||
		   (options->sparse_layers == 1 && hidden_activation_differs(AE_SIGMOID, net));
}

/* Whether options ask for thresholds, or for a penalty, that the code's gate does not have. */
static bool
gate_differs(const PgaeOptions *options, const AeModel *init, bool batch)
{
	bool averaged = init->net.gated && init->options.batch_top_k > 0;
	int sparse = (int) options->train.sparse;

	if (batch)
		return options->train.batch_top_k > 0 &&
			   (!averaged || options->train.batch_top_k != init->options.batch_top_k);
	return sparse >= 0 && (sparse == AE_PENALTY_JUMPRELU) != (init->net.gated && !averaged);
}

static void
add_contradiction(StringInfo names, bool differs, const char *name)
{
	if (differs)
		appendStringInfo(names, "%s%s", names->len ? ", " : "", name);
}

/* What contraction cannot go on from. */
static void
check_contract_init(const AeNet *net)
{
	for (uint32_t l = 0; l < net->n_encoder; l++)
		refuse_kink(l + 1 == net->n_encoder ? "code_activation" : "activation",
					(int) net->activation[l], " of the model to start from");
	if (net->top_k > 0 || net->gated)
		refuse_pair("\"contract_weight\" > 0",
					net->top_k > 0 ? "\"top_k\" of the model to start from"
								   : "thresholds of the code of the model to start from",
					"The derivatives of the code jump where a unit is left out.");
}

void
pgae_options_check_init(const PgaeOptions *options, const PgaeModels *models)
{
	const AeModel *init = models->models[0];
	const AeNet *net = &init->net;
	const uint32_t *width = net->width;
	uint32_t code = net->n_encoder;
	StringInfoData names;

	if (is_contractive(options))
		check_contract_init(net);
	if (is_pretrained(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"pretrain\" contradicts a model to start from"),
				 errhint("The layers of that model are trained already, and would be lost.")));
	if (options->train.batch_norm)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"batch_norm\" contradicts a model to start from"),
						errhint("The weights of that model have taken any normalisation in.")));
	initStringInfo(&names);
	add_contradiction(&names, columns_differ(options, &init->schema), "columns");
	add_contradiction(&names, options->purpose_set && options->purpose != init->purpose, "purpose");
	add_contradiction(&names, options->folds > 0 && (uint32) options->folds != models->n_folds,
					  "folds");
	add_contradiction(&names,
					  options->quality >= 0 && pgae_options_members(options) != models->n_members,
					  "quality");
	add_contradiction(&names, options->code && (uint32_t) options->code != width[code],
					  options->hash_bits ? "hash_bits" : "code");
	add_contradiction(
		&names, widths_differ(options->hidden, options->n_hidden, width + 1, code - 1), "hidden");
	add_contradiction(&names,
					  widths_differ(options->decoder, options->n_decoder, width + code + 1,
									net->n_layers - code - 1),
					  "decoder");
	add_contradiction(&names, hidden_activation_differs(options->activation, net), "activation");
	add_contradiction(&names,
					  options->code_activation >= 0 &&
						  options->code_activation != (int) net->activation[code - 1],
					  "code_activation");
	add_contradiction(&names,
					  options->output_activation >= 0 &&
						  options->output_activation != (int) net->activation[net->n_layers - 1],
					  "output_activation");
	add_contradiction(&names, options->loss >= 0 && options->loss != (int) init->loss, "loss");
	add_contradiction(
		&names, options->category_loss >= 0 && options->category_loss != (int) init->category_loss,
		"category_loss");
	add_contradiction(&names, scaling_differs(options, &init->schema), "scaling");
	add_contradiction(&names, kinds_differ(options, &init->schema), "kinds");
	add_contradiction(&names, options->top_k > 0 && (uint32_t) options->top_k != net->top_k,
					  "top_k");
	add_contradiction(&names, net->gated && (int) options->train.optimizer == AE_OPTIMIZER_LBFGS,
					  "optimizer");
	add_contradiction(&names, options->tied_set && options->train.tied != init->options.tied,
					  "tied");
	add_contradiction(&names, gate_differs(options, init, true), "batch_top_k");
	add_contradiction(&names, kl_differs(options, net) || gate_differs(options, init, false),
					  "sparse");
	add_contradiction(&names, target_differs(options, &init->schema), "target");
	add_contradiction(&names, options->clip > 0 && options->clip != init->schema.clip, "clip");
	if (names.len)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options contradict the model to start from: %s", names.data),
						errhint("Columns, network, loss and scaling come from that model.")));
	pfree(names.data);
}

/* ---- defaults ---- */

static double
given_or(double value, double otherwise)
{
	return value >= 0 ? value : otherwise;
}

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

/* The widths of encoder and decoder that were not given. */
static void
resolve_widths(AeNet *net, const PgaeOptions *options, AePurpose purpose, const AeSchema *schema)
{
	bool detect = purpose == AE_PURPOSE_DETECT;
	uint32_t n_outputs = schema->n_dense + schema->n_levels;
	double n_sources = schema->n_sources;
	int wide = detect ? clip(4.0 * n_sources, 128, 256) : clip(2.0 * n_sources, 32, 256);
	int n_hidden = options->n_hidden;
	int n_decoder = options->n_decoder;
	int code = options->code;
	uint32_t l = 0;
	int hidden[AE_MAX_LAYERS];
	int decoder[AE_MAX_LAYERS];

	memcpy(hidden, options->hidden, sizeof(hidden));
	memcpy(decoder, options->decoder, sizeof(decoder));
	if ((options->train.tied || is_pretrained(options)) && n_hidden < 0 && n_decoder >= 0)
	{
		n_hidden = n_decoder;
		mirror(hidden, decoder, n_decoder);
		code = code == 0 && detect ? wide : code;
	}
	if (n_hidden < 0 && detect && code == 0)
	{
		/* no squeeze: the first wide layer is the code, a second one decodes it */
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
		code = clip(rint(n_sources / 3.0), 1, AE_MAX_WIDTH);
	if (n_decoder < 0)
	{
		n_decoder = n_hidden;
		mirror(decoder, hidden, n_hidden);
	}
	if (n_hidden + n_decoder + 2 > AE_MAX_LAYERS)
		refuse_depth((uint32_t) (n_hidden + n_decoder + 2));

	net->width[l++] = n_outputs + schema->n_indicators;
	for (int i = 0; i < n_hidden; i++)
		net->width[l++] = (uint32_t) hidden[i];
	net->width[l] = (uint32_t) code;
	net->n_encoder = l++;
	for (int i = 0; i < n_decoder; i++)
		net->width[l++] = (uint32_t) decoder[i];
	net->width[l] = n_outputs;
	net->n_layers = l;
}

static void
resolve_activations(AeNet *net, const PgaeOptions *options, AePurpose purpose, AeLoss loss)
{
	int hidden = options->activation >= 0 ? options->activation : AE_GELU;
	int code = options->code_activation;
	int output = options->output_activation;
	bool kl = (int) options->train.sparse == AE_PENALTY_KL;

	if (kl && options->activation < 0 && options->sparse_layers == 1)
		hidden = AE_SIGMOID;
	if (kl && code < 0)
		code = AE_SIGMOID;
	if ((int) options->train.sparse == AE_PENALTY_JUMPRELU && code < 0)
		code = AE_RELU;
	if (code < 0)
		code = purpose == AE_PURPOSE_DETECT ? hidden : AE_IDENTITY;
	if (output < 0)
		output = loss == AE_LOSS_BCE ? AE_SIGMOID : AE_IDENTITY;
	for (uint32_t l = 0; l < net->n_layers; l++)
		net->activation[l] = (AeActivation) hidden;
	net->activation[net->n_encoder - 1] = (AeActivation) code;
	net->activation[net->n_layers - 1] = (AeActivation) output;
}

/* Labels of which a tenth would judge nothing, and be missed: measured, on 50 of 3,900 digits. */
static bool
has_few_labels(const AeSchema *schema, size_t n_rows)
{
	uint64 unknown = schema->target.n_missing + schema->target.other;

	return schema->has_target && n_rows - Min(unknown, n_rows) < 10 * AE_TARGET_MIN_JUDGED;
}

/*
 * How many rows to hold out, and whether to stop early by them.  A crossed network is judged
 * by the rows of the other fold, and holds out none unless asked to.
 */
static void
resolve_validation(AeTrainOptions *train, const PgaeOptions *options, const AeModel *model,
				   size_t n_rows, bool crossed)
{
	bool detect = model->purpose == AE_PURPOSE_DETECT;
	bool few = !detect && has_few_labels(&model->schema, n_rows);
	bool asked = options->validation_set && train->validation > 0;

	if (!options->validation_set)
		train->validation = !crossed && !few && n_rows >= (detect ? 1000 : 100) ? 0.1 : 0;
	if (options->patience_set)
	{
		/* it was asked for: a small table gives up some rows for it, too */
		if (train->patience > 0 && train->validation == 0 && n_rows > 1)
			train->validation = 0.1;
	}
	else
		train->patience = (asked || !detect) && train->validation > 0 ? 20 : 0;
	if (train->validation > 0 && n_rows < 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"validation\" is %.15g, but there is only one row",
							   train->validation)));
}

/* Updates for a net that detects; enough epochs for about 3,000 updates for one that compresses. */
static void
resolve_length(AeTrainOptions *train, const PgaeOptions *options, AePurpose purpose, size_t n_rows)
{
	double n_train = fmax(1, floor(n_rows * (1 - train->validation)));

	if (train->epochs == UINT64_MAX)
		train->epochs = 0;
	if (train->updates == UINT64_MAX)
		train->updates = 0;
	if (options->length_set)
		return;
	if (train->optimizer == AE_OPTIMIZER_LBFGS)
		train->updates = 500;
	else if (purpose == AE_PURPOSE_DETECT)
		train->updates = 1500;
	else
		train->epochs = (uint64) clip(ceil(3000 / ceil(n_train / train->batch_size)), 10, 1000);
}

/* The divergence of kl vanishes near its target, so that a small weight would stop short of it. */
static void
resolve_sparse(AeTrainOptions *train, const PgaeOptions *options)
{
	bool kl = (int) train->sparse == AE_PENALTY_KL;

	if ((int) train->sparse < 0)
		train->sparse = AE_PENALTY_NONE;
	train->sparse_hidden = options->sparse_layers == 1;
	if (train->sparse != AE_PENALTY_NONE)
		train->sparse_weight = given_or(train->sparse_weight, kl ? 1 : 0.01);
	train->sparse_weight = given_or(train->sparse_weight, 0);
	train->sparse_target = given_or(train->sparse_target, kl ? 0.05 : 0);
}

/*
 * The norm is exact where that costs little: one layer, whose norm has a closed form, or a narrow
 * code; and with L-BFGS, which an estimate is nothing for.
 */
static void
resolve_contract(AeTrainOptions *train, const PgaeOptions *options, const AeNet *net)
{
	train->contract_weight =
		given_or(train->contract_weight, is_contractive(options) ? DEFAULT_CONTRACT_WEIGHT : 0);
	if (train->contract_weight == 0)
		train->contract_exact = false;
	else if (net->n_encoder == 1)
		train->contract_exact = true;
	else if (!options->contract_exact_set)
		train->contract_exact = net->width[net->n_encoder] <= EXACT_CONTRACT_UNITS ||
								train->optimizer == AE_OPTIMIZER_LBFGS;
}

/* What ae.denoise says, in the terms of the engine; beside it no noise that nobody asked for. */
static void
resolve_denoise(AeTrainOptions *train, const PgaeOptions *options)
{
	static const double levels[] = {
		[DENOISE_GAUSSIAN] = 0.2,
		[DENOISE_MASKING] = 0.25,
		[DENOISE_SALT_PEPPER] = 0.1,
		[DENOISE_SWAP] = 0.1,
	};
	int kind = options->denoise;

	train->emphasis = given_or(train->emphasis, 0);
	if (kind >= 0)
	{
		double *const corruptions[] = {
			[DENOISE_GAUSSIAN] = &train->noise,
			[DENOISE_MASKING] = &train->masking,
			[DENOISE_SALT_PEPPER] = &train->salt_pepper,
			[DENOISE_SWAP] = &train->swap,
		};

		train->noise = given_or(train->noise, 0);
		*corruptions[kind] = given_or(options->denoise_level, levels[kind]);
		if (*corruptions[kind] == 0)
			train->emphasis = 0; /* of nothing */
	}
}

static void
resolve_training(AeModel *model, const PgaeOptions *options, size_t n_rows, bool crossed)
{
	AeTrainOptions *train = &model->options;
	AePurpose purpose = model->purpose;
	bool detect = purpose == AE_PURPOSE_DETECT;

	*train = options->train;
	if ((int) train->optimizer < 0)
		train->optimizer = AE_OPTIMIZER_ADAM;
	if ((int) train->schedule < 0)
		train->schedule = AE_SCHEDULE_COSINE;
	train->learning_rate =
		given_or(train->learning_rate, train->optimizer == AE_OPTIMIZER_SGD ? 0.03 : 3e-3);
	train->final_rate = given_or(train->final_rate, 0.01);
	train->warmup = given_or(train->warmup, 0.05);
	train->momentum = given_or(train->momentum, 0.9);
	train->beta1 = given_or(train->beta1, 0.9);
	train->beta2 = given_or(train->beta2, 0.99);
	train->epsilon = given_or(train->epsilon, 1e-8);
	train->weight_decay =
		given_or(train->weight_decay, train->optimizer == AE_OPTIMIZER_ADAMW ? 0.01 : 0);
	train->clip_norm = given_or(train->clip_norm, 0);
	resolve_denoise(train, options);
	train->noise =
		given_or(train->noise, detect && train->optimizer != AE_OPTIMIZER_LBFGS ? 0.2 : 0);
	train->masking = given_or(train->masking, 0);
	train->dropout = given_or(train->dropout, 0);
	resolve_sparse(train, options);
	train->code_noise = given_or(
		train->code_noise,
		options->hash_bits > 0 && train->optimizer != AE_OPTIMIZER_LBFGS ? DEFAULT_HASH_NOISE : 0);
	train->aux_weight = given_or(train->aux_weight, 0);
	train->target_weight = given_or(train->target_weight, DEFAULT_TARGET_WEIGHT);
	if ((int) train->weight_prior < 0)
		train->weight_prior = AE_PRIOR_GAUSSIAN;
	if ((int) train->pretrain < 0)
		train->pretrain = AE_PRETRAIN_NONE;
	if (train->pretrain_updates == UINT64_MAX)
		train->pretrain_updates = train->pretrain != AE_PRETRAIN_NONE ? 500 : 0;
	train->time_limit = given_or(train->time_limit, 0);
	if (train->batch_size == UINT32_MAX)
		train->batch_size = 128;
	resolve_validation(train, options, model, n_rows, crossed);
	resolve_length(train, options, purpose, n_rows);
}

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
		   train->code_noise > 0 || (net->top_k > 0 && net->top_k < net->width[net->n_encoder]);
}

/* A code as wide as the input copies it, unless something keeps it from that. */
static void
notice_overcomplete(const AeNet *net, const AeTrainOptions *train)
{
	if (pgae_options_keep_from_copying(net, train) ||
		(train->batch_top_k > 0 && train->batch_top_k < net->width[net->n_encoder]))
		return;
	ereport(NOTICE,
			(errmsg("a code of %u units for %u inputs can copy them and learn nothing",
					net->width[net->n_encoder], net->width[0]),
			 errhint("It needs a regulariser: noise, for example 0.2, weight_decay, ae.sparse, or "
					 "ae.contract.")));
}

/* A decoder of its own may multiply what the encoder divides (Deep Learning, section 14.7). */
static void
notice_undone(const AeTrainOptions *train)
{
	if (train->contract_weight > 0 && !train->tied && train->weight_decay == 0)
		ereport(NOTICE,
				(errmsg("a decoder that is not tied can undo the contraction of the code"),
				 errhint("A small code may still carry everything: give tied or weight_decay as "
						 "well.")));
}

static void
notice_squashed_outputs(const AeNet *net, AeLoss loss, AeScaling scaling)
{
	AeActivation output = net->activation[net->n_layers - 1];

	if (!ae_loss_is_distance(loss) || scaling == AE_SCALING_MINMAX || scaling == AE_SCALING_NONE ||
		!ae_activation_info[output].bounded)
		return;
	ereport(NOTICE, (errmsg("output_activation %s cannot reach all standardised inputs",
							ae_activation_info[output].name),
					 errhint("Use scaling minmax with it, or output_activation identity.")));
}

int
pgae_options_choice(const List *choices, const char *column)
{
	const ListCell *cell;

	foreach (cell, choices)
	{
		const PgaeChoice *choice = lfirst(cell);

		if (strcmp(choice->column, column) == 0)
			return choice->choice;
	}
	return -1;
}

uint32
pgae_options_folds(const PgaeOptions *options)
{
	if (options->folds > 0)
		return (uint32) options->folds;
	return purpose_of(options) == AE_PURPOSE_DETECT ? AE_MAX_FOLDS : 1;
}

uint32
pgae_options_members(const PgaeOptions *options)
{
	return options->quality > 0 ? ACCURATE_MEMBERS : 1;
}

uint32
pgae_options_prototypes(const PgaeOptions *options, uint32 n_folds)
{
	if (options->prototypes >= 0)
		return (uint32) options->prototypes;
	return n_folds > 1 ? DEFAULT_PROTOTYPES : 0;
}

AeLoss
pgae_options_loss(const PgaeOptions *options)
{
	return options->loss >= 0 ? (AeLoss) options->loss : AE_LOSS_MSE;
}

AeLoss
pgae_options_category_loss(const PgaeOptions *options)
{
	return options->category_loss >= 0 ? (AeLoss) options->category_loss : AE_LOSS_ONEHOT;
}

AeScaling
pgae_options_scaling(const PgaeOptions *options)
{
	if (options->scaling >= 0)
		return (AeScaling) options->scaling;
	return pgae_options_loss(options) == AE_LOSS_BCE ? AE_SCALING_MINMAX : AE_SCALING_STANDARD;
}

/* A single layer before the code is trained with its mirror in any case. */
static void
drop_pretraining(AeTrainOptions *train, const AeNet *net)
{
	if (net->n_encoder > 1)
		return;
	train->pretrain = AE_PRETRAIN_NONE;
	train->pretrain_updates = 0;
}

/* A gate goes on as it was, as the network does. */
static void
inherit_gate(AeTrainOptions *train, const PgaeOptions *options, const AeTrainOptions *init)
{
	train->batch_top_k = init->batch_top_k;
	if (init->batch_top_k > 0)
		return;
	train->sparse = AE_PENALTY_JUMPRELU;
	train->sparse_weight =
		options->train.sparse_weight >= 0 ? options->train.sparse_weight : init->sparse_weight;
}

void
pgae_options_resolve(AeModel *model, const PgaeOptions *options, const AeModel *init, size_t n_rows,
					 bool crossed)
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
		model->purpose = purpose_of(options);
		model->loss = pgae_options_loss(options);
		model->category_loss = pgae_options_category_loss(options);
		resolve_widths(&model->net, options, model->purpose, &model->schema);
		check_top_k(options, (int) model->net.width[model->net.n_encoder]);
		model->net.top_k = (uint32_t) options->top_k;
		model->net.gated =
			options->train.batch_top_k > 0 || (int) options->train.sparse == AE_PENALTY_JUMPRELU;
		model->net.n_target =
			model->schema.has_target ? ae_target_outputs(&model->schema.target) : 0;
		resolve_activations(&model->net, options, model->purpose, model->loss);
	}
	resolve_training(model, options, n_rows, crossed);
	resolve_contract(&model->options, options, &model->net);
	if (init)
		model->options.tied = init->options.tied;
	if (init && init->net.gated)
		inherit_gate(&model->options, options, &init->options);
	if (!model->schema.has_target)
		model->options.target_weight = 0;
	drop_pretraining(&model->options, &model->net);
}

void
pgae_options_notice(const AeModel *model, const PgaeOptions *options, const AeModel *init)
{
	const AeTrainOptions *train = &model->options;

	if (!init)
		notice_squashed_outputs(&model->net, model->loss, pgae_options_scaling(options));
	if (train->dropout > 0 && model->net.n_layers == 2)
		ereport(NOTICE,
				(errmsg("option \"dropout\" has no effect: the only hidden layer is the code")));
	if (train->batch_norm && model->net.n_layers == 2)
		ereport(NOTICE,
				(errmsg("option \"batch_norm\" has no effect: the only hidden layer is the code")));
	if (is_pretrained(options) && train->pretrain == AE_PRETRAIN_NONE)
		ereport(NOTICE,
				(errmsg("option \"pretrain\" has no effect: the encoder has a single layer"),
				 errhint("Give \"hidden\" layers before the code.")));
	notice_overcomplete(&model->net, train);
	notice_undone(train);
}
