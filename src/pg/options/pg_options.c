/*
 * pg_options.c: the options of ae.train: from jsonb to PgaeOptions.
 *
 * It walks over two tables: the engine's options of training (ae_options.h), and the options of
 * rows, columns and networks here. Whatever can be refused without rows is refused before any is
 * read, so that nobody waits for a table scan to learn of a typing error.
 *
 * Knows names, types and ranges; pg_rules.c knows what they mean together.
 */
#include "pg_options.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

static const char *const option_type_name[PGAE_OPTION_TYPE_COUNT] = {
	"an array of strings",
	"a boolean",
	"a string",
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

/*
 * Choices of losses are those of numbers, or of categories; pgae_options_parse turns them into
 * AeLoss.
 */
static const char *
name_of_loss(AeLoss loss)
{
	return loss < AE_LOSS_COUNT ? ae_loss_info[loss].name : NULL;
}

static const char *
loss_choice(int number)
{
	return name_of_loss(ae_loss_nth(false, number));
}

static const char *
category_loss_choice(int number)
{
	return name_of_loss(ae_loss_nth(true, number));
}

/* Bits of AE_PART_ALL. */
static const char *const part_name[] = {"hour", "weekday", "month"};

/* 0: one network, or one for each fold; 1: ACCURATE_MEMBERS times as many. */
static const char *const quality_name[] = {"standard", "accurate"};

static const char *const denoise_name[PGAE_DENOISE_COUNT] = {
	[PGAE_DENOISE_GAUSSIAN] = "gaussian",
	[PGAE_DENOISE_MASKING] = "masking",
	[PGAE_DENOISE_SALT_PEPPER] = "salt_pepper",
	[PGAE_DENOISE_SWAP] = "swap",
};

/* Stands for the largest bigint, which is not a double: the next double above it. */
#define INT64_LIMIT 9223372036854775808.0

#define AT(field) offsetof(PgaeOptions, field)
#define ONE_OF(array) .high = lengthof(array) - 1, .names = (array)

/* Options of rows, columns and networks. */
static const PgaeOptionInfo own_info[] = {
	{"columns", PGAE_OPTION_NAMES, AT(columns), .optimizers = AE_FOR_ALL},
	{"exclude", PGAE_OPTION_NAMES, AT(exclude), .optimizers = AE_FOR_ALL},
	{"kinds", PGAE_OPTION_MAP, AT(kinds), ONE_OF(ae_kind_name), .optimizers = AE_FOR_ALL},
	{"purpose", PGAE_OPTION_CHOICE, AT(purpose), ONE_OF(ae_purpose_name), .optimizers = AE_FOR_ALL},
	{"folds", PGAE_OPTION_INT, AT(folds), 1, AE_MAX_FOLDS, .optimizers = AE_FOR_ALL},
	{"prototypes", PGAE_OPTION_INT, AT(prototypes), 0, AE_MAX_PROTOTYPES, .optimizers = AE_FOR_ALL},
	{"quality", PGAE_OPTION_CHOICE, AT(quality), ONE_OF(quality_name), .optimizers = AE_FOR_STEPS},
	{"code", PGAE_OPTION_INT, AT(code), 1, AE_MAX_WIDTH, .optimizers = AE_FOR_ALL},
	{"hidden", PGAE_OPTION_WIDTHS, AT(hidden), 1, AE_MAX_WIDTH, .optimizers = AE_FOR_ALL},
	{"decoder", PGAE_OPTION_WIDTHS, AT(decoder), 1, AE_MAX_WIDTH, .optimizers = AE_FOR_ALL},
	{"skip", PGAE_OPTION_FLAG, AT(skip), .optimizers = AE_FOR_STEPS},
	{"activation", PGAE_OPTION_CHOICE, AT(activation), ONE_OF(ae_activation_name),
	 .optimizers = AE_FOR_STEPS},
	{"code_activation", PGAE_OPTION_CHOICE, AT(code_activation), ONE_OF(ae_activation_name),
	 .optimizers = AE_FOR_STEPS},
	{"output_activation", PGAE_OPTION_CHOICE, AT(output_activation), ONE_OF(ae_activation_name),
	 .optimizers = AE_FOR_STEPS},
	{"loss", PGAE_OPTION_CHOICE, AT(loss), .choice = loss_choice, .optimizers = AE_FOR_ALL},
	{"category_loss", PGAE_OPTION_CHOICE, AT(category_loss), .choice = category_loss_choice,
	 .optimizers = AE_FOR_ALL},
	{"scaling", PGAE_OPTION_EITHER, AT(scaling), .high = AE_SCALING_BINS - 1,
	 .names = ae_scaling_name, .optimizers = AE_FOR_ALL},
	{"clip", PGAE_OPTION_REAL, AT(clip), 1e-3, AE_SCALED_MAX, .optimizers = AE_FOR_ALL},
	{"max_levels", PGAE_OPTION_INT, AT(max_levels), 1, AE_MAX_WIDTH, .optimizers = AE_FOR_ALL},
	{"min_frequency", PGAE_OPTION_INT, AT(min_frequency), 1, 1e9, .optimizers = AE_FOR_ALL},
	{"null_indicators", PGAE_OPTION_FLAG, AT(null_indicators), .optimizers = AE_FOR_ALL},
	{"time_parts", PGAE_OPTION_SET, AT(time_parts), ONE_OF(part_name), .optimizers = AE_FOR_ALL},
	{"top_k", PGAE_OPTION_INT, AT(top_k), 1, AE_MAX_WIDTH, .optimizers = AE_FOR_STEPS},
	{"denoise", PGAE_OPTION_CHOICE, AT(denoise), ONE_OF(denoise_name), .optimizers = AE_FOR_STEPS},
	{"denoise_level", PGAE_OPTION_REAL, AT(denoise_level), 0, 1e6, .needs = "denoise",
	 .optimizers = AE_FOR_STEPS},
	{"target", PGAE_OPTION_NAME, AT(target), .optimizers = AE_FOR_STEPS},
	{"feedback", PGAE_OPTION_NAME, AT(feedback), .optimizers = AE_FOR_ALL},
	{"weight", PGAE_OPTION_NAME, AT(weight), .optimizers = AE_FOR_ALL},
	{"hash_bits", PGAE_OPTION_INT, AT(hash_bits), 1, AE_MAX_WIDTH, .optimizers = AE_FOR_STEPS},
};

#define N_OWN ((int) lengthof(own_info))

/* Networks of each fold if quality is accurate, and prototypes if there are folds. */
#define ACCURATE_MEMBERS 2
#define DEFAULT_PROTOTYPES AE_MAX_PROTOTYPES

/* The most bytes of a name or value that a message repeats. */
#define TEXT_SHOWN 60

/* ---- the tables ---- */

/* Converts an option of the engine's table. */
static void
info_of_engine(PgaeOptionInfo *info, const AeOptionInfo *option)
{
	static const PgaeOptionType type[AE_OPTION_TYPE_COUNT] = {
		[AE_OPTION_ENUM] = PGAE_OPTION_CHOICE,     [AE_OPTION_FLAG] = PGAE_OPTION_FLAG,
		[AE_OPTION_REAL] = PGAE_OPTION_REAL,       [AE_OPTION_COUNT32] = PGAE_OPTION_COUNT32,
		[AE_OPTION_COUNT64] = PGAE_OPTION_COUNT64,
	};

	*info = (PgaeOptionInfo){.name = option->name,
							 .type = type[option->type],
							 .offset = AT(train) + option->offset,
							 .low = option->low,
							 .high = Min(option->high, INT64_LIMIT),
							 .open = option->open,
							 .names = option->names,
							 .needs = option->needs,
							 .optimizers = option->optimizers};
	if (option->type == AE_OPTION_FLAG && option->names)
		info->type = PGAE_OPTION_WORD;
}

bool
pgae_option_info(PgaeOptionInfo *info, int number)
{
	if (number < N_OWN)
		*info = own_info[number];
	else if (number < N_OWN + (int) ae_n_options)
		info_of_engine(info, &ae_option_info[number - N_OWN]);
	else
		return false;
	return true;
}

/* The number of an option that users can give, or -1. */
static int
find_option(PgaeOptionInfo *info, const char *name)
{
	for (int i = 0; pgae_option_info(info, i); i++)
	{
		if (info->optimizers != 0 && strcmp(info->name, name) == 0)
			return i;
	}
	return -1;
}

void
pgae_option_named(PgaeOptionInfo *info, const char *name)
{
	if (find_option(info, name) < 0)
		elog(ERROR, "no option is called \"%s\"", name);
}

bool
pgae_option_given(const PgaeOptions *options, size_t offset)
{
	PgaeOptionInfo info;

	for (int i = 0; pgae_option_info(&info, i); i++)
	{
		if (info.offset == offset)
			return options->given[i / 64] >> i % 64 & 1;
	}
	elog(ERROR, "no option is kept at %zu", offset);
	return false;
}

/* The choice of a number from 0 on, and the value that stands for; NULL past the last. */
static const char *
choice_of(const PgaeOptionInfo *info, int number, int *value)
{
	*value = number + (info->names ? (int) info->low : 0);
	if (info->names)
		return *value <= (int) info->high ? info->names[*value] : NULL;
	return info->choice(number);
}

const char *
pgae_option_word(const PgaeOptionInfo *info, int value)
{
	/* these are kept as AeLoss, not as the number of a choice */
	if (info->choice == loss_choice || info->choice == category_loss_choice)
		return name_of_loss((AeLoss) value);
	return info->names ? info->names[value] : info->choice(value);
}

/* ---- refusals ---- */

const char *
pgae_shown(const char *text)
{
	int length = (int) strlen(text);

	if (length <= TEXT_SHOWN)
		return text;
	return psprintf("%.*s...", pg_mbcliplen(text, length, TEXT_SHOWN), text);
}

/* Describes a JSON value for a message; a number by its value. */
static const char *
describe_value(const JsonbValue *value)
{
	if (value->type == jbvNumeric)
		return pgae_shown(
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
	return pgae_json_phrase(value);
}

static void
refuse_type(const PgaeOptionInfo *info, const JsonbValue *value, bool element)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 element ? errmsg("option \"%s\" must be %s, but has an element that is %s", info->name,
							  option_type_name[info->type], describe_value(value))
					 : errmsg("option \"%s\" must be %s, but is %s", info->name,
							  option_type_name[info->type], describe_value(value))));
}

static void
refuse_choice(const PgaeOptionInfo *info, const char *text)
{
	StringInfoData valid;
	const char *choice;
	int value;

	initStringInfo(&valid);
	for (int i = 0; (choice = choice_of(info, i, &value)) != NULL; i++)
		appendStringInfo(&valid, "%s%s", i ? ", " : "", choice);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" cannot be \"%s\"", info->name, pgae_shown(text)),
					errhint("Valid values are: %s.", valid.data)));
}

/* Notes the name of an option if it is nearer to key than all before. */
static void
note_nearest(const char **nearest, int *least, const char *key, int length, const char *name)
{
	int distance =
		varstr_levenshtein_less_equal(key, length, name, (int) strlen(name), 1, 1, 1, *least, true);

	if (distance >= *least)
		return;
	*least = distance;
	*nearest = name;
}

static void
refuse_key(const char *key, int length)
{
	const char *nearest = NULL;
	int least = 1 + Min(length, 64) / 2;
	PgaeOptionInfo info;

	/* an absurdly long key resembles nothing, and would only cost time */
	for (int i = 0; length < 64 && pgae_option_info(&info, i); i++)
	{
		if (info.optimizers != 0)
			note_nearest(&nearest, &least, key, length, info.name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option \"%s\"", pgae_shown(key)),
			 nearest ? errhint("Perhaps you meant the option \"%s\". Options are the arguments of "
							   "ae.options and of functions joined to it, such as ae.sparse.",
							   nearest)
					 : errhint("Options are the arguments of ae.options and of functions joined to "
							   "it, such as ae.sparse.")));
}

/* ---- values ---- */

/* The range of an option: `[0, 1)`. */
static const char *
range_text(const PgaeOptionInfo *info)
{
	if (info->high == INT64_LIMIT)
		return psprintf("[%.15g, " INT64_FORMAT "]", info->low, PG_INT64_MAX);
	return psprintf("[%.15g, %.15g%c", info->low, info->high, info->open ? ')' : ']');
}

/* Whether a number that rounds to INT64_LIMIT is not a bigint. */
static bool
exceeds_int64(Numeric number)
{
	Datum limit = DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MAX));

	return DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(number), limit));
}

/* The number in value; checks its range, and that it is whole where it must be. */
static double
parse_number(const PgaeOptionInfo *info, const JsonbValue *value, bool element)
{
	double number;

	if (value->type != jbvNumeric)
		refuse_type(info, value, element);
	number = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (info->type != PGAE_OPTION_REAL && !isinf(number) && number != floor(number))
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
parse_choice(const PgaeOptionInfo *info, const JsonbValue *value, bool element)
{
	const char *choice;
	char *text;
	int chosen;

	if (value->type != jbvString)
		refuse_type(info, value, element);
	text = pnstrdup(value->val.string.val, value->val.string.len);
	for (int i = 0; (choice = choice_of(info, i, &chosen)) != NULL; i++)
	{
		if (strcmp(choice, text) == 0)
			return chosen;
	}
	refuse_choice(info, text);
	return -1;
}

/* A List of PgaeChoice. */
static List *
parse_map(const PgaeOptionInfo *info, const JsonbValue *value)
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

/* The elements of an array: a List of JsonbValue *. */
static List *
parse_array(const PgaeOptionInfo *info, const JsonbValue *value)
{
	List *elements = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse_type(info, value, false);
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			elements =
				lappend(elements, memcpy(palloc(sizeof(element)), &element, sizeof(element)));
	}
	return elements;
}

/* A List of char *. */
static List *
parse_names(const PgaeOptionInfo *info, const JsonbValue *value)
{
	List *names = NIL;
	ListCell *cell;

	foreach (cell, parse_array(info, value))
	{
		const JsonbValue *element = lfirst(cell);

		if (element->type != jbvString)
			refuse_type(info, element, true);
		names = lappend(names, pnstrdup(element->val.string.val, element->val.string.len));
	}
	return names;
}

/* The bits of the choices that an array of strings names. */
static int
parse_set(const PgaeOptionInfo *info, const JsonbValue *value)
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
parse_widths(const PgaeOptionInfo *info, const JsonbValue *value, int *widths)
{
	int n = 0;
	ListCell *cell;

	foreach (cell, parse_array(info, value))
	{
		if (n == AE_MAX_LAYERS - 2)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" has more than %d elements", info->name,
								   AE_MAX_LAYERS - 2)));
		widths[n++] = (int) parse_number(info, lfirst(cell), true);
	}
	return n;
}

static void
parse_value(PgaeOptions *options, const PgaeOptionInfo *info, const JsonbValue *value)
{
	char *at = (char *) options + info->offset;

	switch (info->type)
	{
		case PGAE_OPTION_NAMES:
			*(List **) at = parse_names(info, value);
			break;
		case PGAE_OPTION_FLAG:
			if (value->type != jbvBool)
				refuse_type(info, value, false);
			*(bool *) at = value->val.boolean;
			break;
		case PGAE_OPTION_WORD:
			*(bool *) at = parse_choice(info, value, false) != 0;
			break;
		case PGAE_OPTION_SET:
			*(int *) at = parse_set(info, value);
			break;
		case PGAE_OPTION_MAP:
			*(List **) at = parse_map(info, value);
			break;
		case PGAE_OPTION_EITHER:
			if (value->type == jbvString)
				*(int *) at = parse_choice(info, value, false);
			else
				options->scalings = parse_map(info, value);
			break;
		case PGAE_OPTION_CHOICE:
			*(int *) at = parse_choice(info, value, false);
			break;
		case PGAE_OPTION_INT:
			*(int *) at = (int) parse_number(info, value, false);
			break;
		case PGAE_OPTION_WIDTHS:
			((int *) at)[-1] = parse_widths(info, value, (int *) at);
			break;
		case PGAE_OPTION_COUNT32:
			*(uint32 *) at = (uint32) parse_number(info, value, false);
			break;
		case PGAE_OPTION_COUNT64:
			/* from the decimal digits: a seed may need more bits than a double has */
			parse_number(info, value, false);
			*(uint64 *) at = (uint64) DatumGetInt64(
				DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
			break;
		case PGAE_OPTION_REAL:
			*(double *) at = parse_number(info, value, false);
			break;
		case PGAE_OPTION_NAME:
			if (value->type != jbvString)
				refuse_type(info, value, false);
			*(char **) at = pnstrdup(value->val.string.val, value->val.string.len);
			break;
		case PGAE_OPTION_TYPE_COUNT:
			break;
	}
}

/* ---- what follows from the options alone ---- */

int
pgae_options_code(const PgaeOptions *options)
{
	return Max(options->code, options->hash_bits);
}

AePurpose
pgae_options_purpose(const PgaeOptions *options)
{
	if (PGAE_GIVEN(options, purpose))
		return (AePurpose) options->purpose;
	return pgae_options_code(options) > 0 || options->train.neighbours_weight > 0 ||
				   options->train.variational_beta > 0 || options->train.psd_weight > 0 ||
				   options->train.algorithm == AE_ALGORITHM_RECIRCULATION
			   ? AE_PURPOSE_COMPRESS
			   : AE_PURPOSE_DETECT;
}

AeDistribution
pgae_options_distribution(const PgaeOptions *options)
{
	if (PGAE_GIVEN(options, train.distribution) || options->train.variational_beta == 0)
		return options->train.distribution;
	return options->loss == AE_LOSS_BCE ? AE_DISTRIBUTION_BERNOULLI : AE_DISTRIBUTION_MIXED;
}

bool
pgae_options_contractive(const PgaeOptions *options)
{
	if (PGAE_GIVEN(options, train.contract_weight))
		return options->train.contract_weight > 0;
	return PGAE_GIVEN(options, train.contract_exact);
}

void
pgae_mirror(int *to, const int *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = from[n - 1 - i];
}

uint32
pgae_options_folds(const PgaeOptions *options)
{
	if (options->folds > 0)
		return (uint32) options->folds;
	return pgae_options_purpose(options) == AE_PURPOSE_DETECT ? AE_MAX_FOLDS : 1;
}

uint32
pgae_options_members(const PgaeOptions *options)
{
	return options->quality > 0 ? ACCURATE_MEMBERS : 1;
}

uint32
pgae_options_prototypes(const PgaeOptions *options, uint32 n_folds)
{
	if (PGAE_GIVEN(options, prototypes))
		return (uint32) options->prototypes;
	return n_folds > 1 ? DEFAULT_PROTOTYPES : 0;
}

AeLoss
pgae_options_loss(const PgaeOptions *options)
{
	return pgae_options_distribution(options) == AE_DISTRIBUTION_BERNOULLI ? AE_LOSS_BCE
																		   : (AeLoss) options->loss;
}

AeLoss
pgae_options_category_loss(const PgaeOptions *options)
{
	if (pgae_options_distribution(options) != AE_DISTRIBUTION_NONE)
		return AE_LOSS_SOFTMAX;
	if (PGAE_GIVEN(options, category_loss))
		return (AeLoss) options->category_loss;
	return pgae_options_purpose(options) == AE_PURPOSE_GENERATE ? AE_LOSS_SOFTMAX : AE_LOSS_ONEHOT;
}

AeScaling
pgae_options_scaling(const PgaeOptions *options, bool one_array)
{
	if (pgae_options_purpose(options) == AE_PURPOSE_GENERATE)
		return AE_SCALING_BINS;
	if (PGAE_GIVEN(options, scaling) && options->scalings == NIL)
		return (AeScaling) options->scaling;
	if (pgae_options_loss(options) == AE_LOSS_BCE)
		return AE_SCALING_MINMAX;
	/* arrays are searched by the distances of their unscaled numbers */
	return one_array && pgae_options_purpose(options) == AE_PURPOSE_SEARCH ? AE_SCALING_NONE
																		   : AE_SCALING_STANDARD;
}

bool
pgae_options_neighbours(const PgaeOptions *options)
{
	if (PGAE_GIVEN(options, train.neighbours_weight) ||
		options->train.optimizer == AE_OPTIMIZER_PCA)
		return options->train.neighbours_weight > 0;
	return pgae_options_purpose(options) == AE_PURPOSE_SEARCH;
}

bool
pgae_options_skip(const PgaeOptions *options)
{
	if (PGAE_GIVEN(options, skip))
		return options->skip;
	return pgae_options_purpose(options) == AE_PURPOSE_SEARCH && !options->train.tied &&
		   options->train.pretrain == AE_PRETRAIN_NONE && !pgae_options_contractive(options);
}

/* ---- all of them ---- */

StaticAssertDecl(offsetof(PgaeOptions, n_hidden) + sizeof(int) == offsetof(PgaeOptions, hidden),
				 "the count of hidden stands just before it");
StaticAssertDecl(offsetof(PgaeOptions, n_decoder) + sizeof(int) == offsetof(PgaeOptions, decoder),
				 "the count of decoder stands just before it");
StaticAssertDecl(sizeof(AeOptimizer) == sizeof(int) && sizeof(AePenalty) == sizeof(int),
				 "choices are stored as int");

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

bool
pgae_options_list(const List *names, const char *column)
{
	const ListCell *cell;

	foreach (cell, names)
	{
		if (strcmp((const char *) lfirst(cell), column) == 0)
			return true;
	}
	return false;
}

/* An option of that name and value. */
static void
parse_option(PgaeOptions *options, const JsonbValue *key, const JsonbValue *value)
{
	char *name = pnstrdup(key->val.string.val, key->val.string.len);
	PgaeOptionInfo info;
	int i = find_option(&info, name);

	if (i < 0)
		refuse_key(name, key->val.string.len);
	if (value->type == jbvNull)
		return; /* like a NULL argument of ae.options */
	parse_value(options, &info, value);
	options->given[i / 64] |= UINT64CONST(1) << i % 64;
}

PgaeOptions *
pgae_options_parse(Jsonb *jsonb)
{
	PgaeOptions *options = palloc0(sizeof(PgaeOptions));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue key, value;

	StaticAssertStmt(N_OWN + AE_MAX_OPTIONS <= 128, "a bit for each option");
	ae_train_options_init(&options->train);
	if (jsonb && !JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options must be a JSON object, but are %s",
							   JB_ROOT_IS_SCALAR(jsonb) ? "a scalar" : "an array"),
						errhint("Build them with the function ae.options.")));
	it = jsonb ? JsonbIteratorInit(&jsonb->root) : NULL;
	while (it && (token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&it, &value, true);
		parse_option(options, &key, &value);
	}
	if (PGAE_GIVEN(options, columns) && options->columns == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"columns\" is an empty list")));
	options->loss = ae_loss_nth(false, options->loss);
	if (PGAE_GIVEN(options, category_loss))
		options->category_loss = ae_loss_nth(true, options->category_loss);
	return options;
}
