/*
 * pg_start.c: refuses options that contradict the model that training starts from.
 *
 * Knows options, schemas and networks; knows no rows and no defaults.
 */
#include "pg_options.h"

static bool
widths_differ(const int *given, int n_given, const uint32_t *width, uint32_t n)
{
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
	for (uint32_t l = 0; l + 1 < net->n_layers; l++)
	{
		if (l + 1 != net->n_encoder && (int) net->activation[l] != given)
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

		if (pgae_options_list(options->exclude, column))
			return true;
		n_named += pgae_options_list(options->columns, column);
	}
	if (options->columns == NIL)
		return false;
	for (int i = 0; i < list_length(options->columns); i++)
		n_named += pgae_options_list(options->exclude, list_nth(options->columns, i));
	return n_named != n_sources || list_length(options->columns) != (int) n_named;
}

/* Whether an input of the schema is to be the feedback, or the weight. */
static bool
role_differs(const char *column, const AeSchema *schema)
{
	for (uint32_t i = 0; column && i < schema->n_columns; i++)
	{
		if (schema->columns[i].name && strcmp(pgae_column_name(schema, i), column) == 0)
			return true;
	}
	return column && schema->is_array;
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
		   pgae_options_list(options->columns, own) || pgae_options_list(options->exclude, own);
}

/* Whether the options ask for a scaling of a number or time that the schema does not have. */
static bool
scaling_differs(const PgaeOptions *options, const AeSchema *schema)
{
	for (uint32_t i = 0; i < schema->n_columns; i++)
	{
		const AeColumn *column = &schema->columns[i];
		bool one = PGAE_GIVEN(options, scaling) && options->scalings == NIL;
		int asked = one ? options->scaling : -1;

		if (!ae_kind_is_scaled(column->kind))
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

/* Whether kl is asked for on units that are not sigmoids. */
static bool
kl_differs(const PgaeOptions *options, const AeNet *net)
{
	if (options->train.sparse != AE_PENALTY_KL)
		return false;
	return net->top_k > 0 || net->gated || net->activation[net->n_encoder - 1] != AE_SIGMOID ||
		   (options->train.sparse_hidden && hidden_activation_differs(AE_SIGMOID, net));
}

/* Whether options ask for thresholds, or for a penalty, that the code's gate does not have. */
static bool
gate_differs(const PgaeOptions *options, const AeModel *init, bool batch)
{
	bool averaged = init->net.gated && init->options.batch_top_k > 0;
	AePenalty sparse = options->train.sparse;

	if (batch)
		return options->train.batch_top_k > 0 &&
			   (!averaged || options->train.batch_top_k != init->options.batch_top_k);
	return sparse != AE_PENALTY_NONE &&
		   (sparse == AE_PENALTY_JUMPRELU) != (init->net.gated && !averaged);
}

/* Whether a model decodes its code, and nothing else, by one linear layer with weights of its own. */
static bool
is_plain_dictionary(const AeModel *init)
{
	const AeNet *net = &init->net;

	return ae_net_is_dictionary(net) && !net->spread && !net->gated && net->top_k == 0 &&
		   !init->options.tied && init->options.distribution == AE_DISTRIBUTION_NONE &&
		   !init->schema.has_target;
}

/* Whether codes can be pursued for a model. */
static bool
can_pursue(const AeModel *init)
{
	return is_plain_dictionary(init) &&
		   init->net.activation[init->net.n_encoder - 1] == AE_IDENTITY;
}

/* Whether recirculation can go on with it. */
static bool
can_recirculate(const AeModel *init)
{
	const AeNet *net = &init->net;

	return is_plain_dictionary(init) && net->n_layers == 2 && net->width[0] == net->width[2] &&
		   net->layout.n_categories == 0;
}

static void
add_contradiction(StringInfo names, bool differs, const char *name)
{
	if (differs)
		appendStringInfo(names, "%s%s", names->len ? ", " : "", name);
}

/* Refuses models that contraction cannot continue. */
static void
check_contract_init(const AeNet *net)
{
	for (uint32_t l = 0; l < net->n_encoder; l++)
		pgae_refuse_kink(l + 1 == net->n_encoder ? "code_activation" : "activation",
						 (int) net->activation[l], " of the model to start from");
	if (net->skip)
		pgae_refuse_pair(
			"\"contract_weight\" > 0", "\"skip\" of the model to start from",
			"The derivatives are those of a chain of layers, without a path beside them.");
	if (net->top_k > 0 || net->gated)
		pgae_refuse_pair("\"contract_weight\" > 0",
						 net->top_k > 0 ? "\"top_k\" of the model to start from"
										: "thresholds of the code of the model to start from",
						 "The derivatives of the code jump where a unit is left out.");
}

/* Refuses options that start from initial weights of their own. */
static void
refuse_fresh_start(const PgaeOptions *options)
{
	if (options->train.pretrain != AE_PRETRAIN_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"pretrain\" cannot be combined with a model to start from"),
				 errhint("The layers of that model are already trained and would be lost.")));
	if (options->train.optimizer == AE_OPTIMIZER_PCA)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"optimizer\" = pca cannot be combined with a model to start from"),
				 errhint("Principal components are computed, not trained: leave that model out.")));
	if (options->train.batch_norm)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"batch_norm\" cannot be combined with a model to start from"),
				 errhint("The weights of that model already include its normalisation.")));
}

/* Names widths and activations that differ from those of the model to start from. */
static void
add_network_contradictions(StringInfo names, const PgaeOptions *options, const AeNet *net)
{
	const uint32_t *width = net->width;
	uint32_t code = net->n_encoder;

	add_contradiction(names,
					  pgae_options_code(options) > 0 &&
						  (uint32_t) pgae_options_code(options) != width[code],
					  options->hash_bits ? "hash_bits" : "code");
	add_contradiction(names,
					  PGAE_GIVEN(options, hidden) &&
						  widths_differ(options->hidden, options->n_hidden, width + 1, code - 1),
					  "hidden");
	add_contradiction(names,
					  PGAE_GIVEN(options, decoder) &&
						  widths_differ(options->decoder, options->n_decoder, width + code + 1,
										net->n_layers - code - 1),
					  "decoder");
	add_contradiction(names, PGAE_GIVEN(options, skip) && options->skip != (bool) net->skip,
					  "skip");
	add_contradiction(names,
					  PGAE_GIVEN(options, activation) &&
						  hidden_activation_differs(options->activation, net),
					  "activation");
	add_contradiction(names,
					  PGAE_GIVEN(options, code_activation) &&
						  options->code_activation != (int) net->activation[code - 1],
					  "code_activation");
	add_contradiction(names,
					  PGAE_GIVEN(options, output_activation) &&
						  options->output_activation != (int) net->activation[net->n_layers - 1],
					  "output_activation");
}

void
pgae_options_check_init(const PgaeOptions *options, const PgaeModels *models)
{
	const AeModel *init = models->models[0];
	const AeNet *net = &init->net;
	StringInfoData names;

	if (pgae_options_contractive(options))
		check_contract_init(net);
	refuse_fresh_start(options);
	initStringInfo(&names);
	add_contradiction(&names, columns_differ(options, &init->schema), "columns");
	add_contradiction(
		&names, PGAE_GIVEN(options, purpose) && options->purpose != (int) init->purpose, "purpose");
	add_contradiction(&names, options->folds > 0 && (uint32) options->folds != models->n_folds,
					  "folds");
	add_contradiction(
		&names, PGAE_GIVEN(options, quality) && pgae_options_members(options) != models->n_members,
		"quality");
	add_network_contradictions(&names, options, net);
	add_contradiction(&names, PGAE_GIVEN(options, loss) && options->loss != (int) init->loss,
					  "loss");
	add_contradiction(&names,
					  PGAE_GIVEN(options, category_loss) &&
						  options->category_loss != (int) init->category_loss,
					  "category_loss");
	add_contradiction(&names, scaling_differs(options, &init->schema), "scaling");
	add_contradiction(&names, kinds_differ(options, &init->schema), "kinds");
	add_contradiction(&names, options->top_k > 0 && (uint32_t) options->top_k != net->top_k,
					  "top_k");
	add_contradiction(&names, net->gated && options->train.optimizer == AE_OPTIMIZER_LBFGS,
					  "optimizer");
	add_contradiction(&names,
					  PGAE_GIVEN(options, train.tied) && options->train.tied != init->options.tied,
					  "tied");
	add_contradiction(&names,
					  PGAE_GIVEN(options, train.distribution) &&
						  options->train.distribution != init->options.distribution,
					  "distribution");
	add_contradiction(&names,
					  PGAE_GIVEN(options, train.variance) &&
						  options->train.variance != init->options.variance,
					  "variance");
	add_contradiction(&names, options->train.variational_beta > 0 && !net->spread,
					  "variational_beta");
	add_contradiction(&names, options->train.psd_weight > 0 && !can_pursue(init), "psd_weight");
	add_contradiction(
		&names, options->train.algorithm == AE_ALGORITHM_RECIRCULATION && !can_recirculate(init),
		"algorithm");
	add_contradiction(&names, gate_differs(options, init, true), "batch_top_k");
	add_contradiction(&names, kl_differs(options, net) || gate_differs(options, init, false),
					  "sparse");
	add_contradiction(&names, target_differs(options, &init->schema), "target");
	add_contradiction(&names, role_differs(options->feedback, &init->schema), "feedback");
	add_contradiction(&names, role_differs(options->weight, &init->schema), "weight");
	add_contradiction(&names, options->clip > 0 && options->clip != init->schema.clip, "clip");
	if (names.len)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options contradict the model to start from: %s", names.data),
						errhint("Columns, network, loss and scaling come from that model.")));
	pfree(names.data);
}
