/*
 * ae_io_network.c: the bytes of the network: its layers, the options it was trained with, the
 * outcome of training, and its weights.
 */
#include <math.h>

#include "ae_io_model.h"
#include "ae_target.h"

/* ---- net ---- */

/*
 * The layout follows from the schema: the reader sets it, the writer insists on it. While the
 * reader counts, there are no columns to lay out yet, only their counts.
 */
static void
settle_layout(AeIo *io, AeModel *model, AeArena *arena, size_t offset)
{
	AeSchema *schema = &model->schema;
	AeLayout *layout = &model->net.layout;

	if (io->in)
	{
		AeBlock *blocks = ae_arena_place(arena, schema->n_blocks, sizeof(AeBlock));
		uint32_t *indicators = ae_arena_place(arena, schema->n_indicators, sizeof(uint32_t));

		if (schema->columns)
			ae_schema_blocks(layout, blocks, indicators, schema, model->loss, model->category_loss);
		else
			*layout = (AeLayout){.n_dense = schema->n_dense,
								 .n_indicators = schema->n_indicators,
								 .n_categories = schema->n_categories,
								 .n_wide = schema->n_wide,
								 .n_levels = schema->n_levels};
	}
	if (layout->n_dense != schema->n_dense || layout->n_wide != schema->n_wide ||
		layout->n_levels != schema->n_levels || layout->n_indicators != schema->n_indicators)
		ae_io_fault(io, offset, "layout");
}

void
ae_io_net(AeIo *io, AeModel *model, AeArena *arena)
{
	AeNet *net = &model->net;
	size_t start = io->at;
	uint32_t flags;
	AeError error = {0};

	ae_io_u32(io, &net->n_layers);
	ae_io_u32(io, &net->n_encoder);
	ae_io_u32(io, &net->top_k);
	flags = net->gated | net->skip << 1 | net->spread << 2 | (uint32_t) net->variance << 3;
	ae_io_u32(io, &flags);
	if (io->in && !ae_io_within(io, start + 12, "flags of the network", flags, 0,
								(AE_VARIANCE_COUNT << 3) - 1))
		return;
	net->gated = flags & 1;
	net->skip = flags >> 1 & 1;
	net->spread = flags >> 2 & 1;
	net->variance = (AeVariance) (flags >> 3);
	ae_io_u32(io, &net->n_target);
	if (!ae_io_within(io, start, "number of layers", net->n_layers, 2, AE_MAX_LAYERS))
		return;
	for (uint32_t l = 0; l <= net->n_layers; l++)
		ae_io_u32(io, &net->width[l]);
	for (uint32_t l = 0; l < net->n_layers; l++)
		net->activation[l] = (AeActivation) ae_io_enum(io, (int) net->activation[l],
													   AE_ACTIVATION_COUNT, "activation");
	if (io->status != AE_OK)
		return;
	if (net->n_target != (model->schema.has_target ? ae_target_outputs(&model->schema.target) : 0))
		ae_io_fault(io, start + 16, "outputs of the target");
	settle_layout(io, model, arena, start);
	if (io->status == AE_OK)
		ae_io_judged(io, start,
					 io->in ? ae_net_check_shape(net, &error) : ae_net_check(net, &error), &error);
}

/* ---- options and outcome ---- */

/* The value of an option that is not a real. */
static uint64_t
whole_value(const AeTrainOptions *options, const AeOptionInfo *info)
{
	const void *at = (const char *) options + info->offset;

	return info->type == AE_OPTION_COUNT64 ? *(const uint64_t *) at
										   : (uint64_t) (int64_t) ae_option_value(options, info);
}

/* The value of an option, of whatever type, in eight bytes. */
static void
io_option_value(AeIo *io, AeTrainOptions *options, const AeOptionInfo *info)
{
	void *at = (char *) options + info->offset;
	size_t start = io->at;
	uint64_t value;

	if (info->type == AE_OPTION_REAL)
	{
		ae_io_f64(io, at, AE_IO_FINITE, info->name);
		return;
	}
	value = ae_io_uint(io, io->in ? 0 : whole_value(options, info), 8);
	if (info->type == AE_OPTION_COUNT64)
		*(uint64_t *) at = value;
	else if (ae_io_within(io, start, info->name, value, 0,
						  info->type == AE_OPTION_COUNT32 ? UINT32_MAX : (uint64_t) info->high))
		ae_option_set(options, info, (double) value);
}

/* Whether the value of an option differs from that of an option not given. */
static bool
is_given(const AeTrainOptions *options, const AeOptionInfo *info)
{
	return ae_option_value(options, info) != info->otherwise;
}

/* Finds the first option from number `least` on that was given; returns the number after it. */
static uint32_t
io_option(AeIo *io, AeTrainOptions *options, uint32_t least)
{
	size_t start = io->at;
	uint32_t number = least;

	while (!io->in && !is_given(options, &ae_option_info[number]))
		number++;
	number = (uint32_t) ae_io_uint(io, number, 1);
	if (!ae_io_within(io, start, "number of an option", number, least, ae_n_options - 1))
		return least;
	io_option_value(io, options, &ae_option_info[number]);
	if (!is_given(options, &ae_option_info[number]))
		ae_io_fault(io, start, ae_option_info[number].name);
	return number + 1;
}

void
ae_io_options(AeIo *io, AeTrainOptions *options)
{
	size_t start = io->at;
	uint32_t n = 0;
	AeError error = {0};

	if (io->in)
		ae_train_options_init(options);
	for (size_t i = 0; i < ae_n_options; i++)
		n += is_given(options, &ae_option_info[i]);
	ae_io_u32(io, &n);
	for (uint32_t k = 0, next = 0; k < n && io->status == AE_OK; k++)
		next = io_option(io, options, next);
	if (io->status == AE_OK)
		ae_io_judged(io, start, ae_train_options_check(options, &error), &error);
}

static void
io_target_outcome(AeIo *io, AeModel *model)
{
	size_t start = io->at;

	ae_io_f64(io, &model->target_loss, AE_IO_FINITE_OR_NAN, "loss of the target");
	ae_io_f64(io, &model->target_accuracy, AE_IO_FINITE_OR_NAN, "accuracy of the target");
	if (model->target_loss < 0.0)
		ae_io_fault(io, start, "loss of the target");
	if (model->target_accuracy > 1.0)
		ae_io_fault(io, start + 8, "accuracy of the target");
}

/* A share, or NaN. */
static void
io_recall(AeIo *io, double *recall, const char *what)
{
	size_t start = io->at;

	ae_io_f64(io, recall, AE_IO_FINITE_OR_NAN, what);
	if (*recall < 0 || *recall > 1)
		ae_io_fault(io, start, what);
}

static void
io_variational_outcome(AeIo *io, AeModel *model)
{
	size_t start = io->at;

	ae_io_f64(io, &model->divergence, AE_IO_NOT_NEGATIVE, "divergence of codes");
	ae_io_u32(io, &model->n_collapsed);
	if (model->n_collapsed > model->net.width[model->net.n_encoder])
		ae_io_fault(io, start + 8, "number of collapsed code units");
}

void
ae_io_outcome(AeIo *io, AeModel *model)
{
	size_t start = io->at;

	model->state = (AeTrainState) ae_io_enum(io, (int) model->state, AE_TRAIN_STATE_COUNT, "state");
	model->filling = (AeFilling) ae_io_enum(io, (int) model->filling, AE_FILLING_COUNT, "filling");
	ae_io_reserved(io, 2);
	ae_io_count(io, &model->n_rows, "number of rows");
	ae_io_count(io, &model->n_validation, "number of validation rows");
	ae_io_count(io, &model->n_updates, "number of updates");
	ae_io_count(io, &model->n_epochs, "number of epochs");
	ae_io_count(io, &model->best_epoch, "best epoch");
	ae_io_f64(io, &model->train_loss, AE_IO_FINITE_OR_NAN, "training loss");
	ae_io_f64(io, &model->validation_loss, AE_IO_FINITE_OR_NAN, "validation loss");
	ae_io_f64(io, &model->mean_loss, AE_IO_FINITE, "loss of the mean");
	ae_io_f64(io, &model->pca_loss, AE_IO_FINITE_OR_NAN, "loss of PCA");
	ae_io_f64(io, &model->seconds, AE_IO_NOT_NEGATIVE, "seconds");
	ae_io_f64(io, &model->code_zeros, AE_IO_NOT_NEGATIVE, "share of zeros in codes");
	ae_io_f64(io, &model->code_mean, AE_IO_FINITE, "mean of codes");
	ae_io_u32(io, &model->n_dead);
	ae_io_u32(io, &model->server_version);
	ae_io_f64(io, &model->jacobian, AE_IO_FINITE_OR_NAN, "norm of the Jacobian");
	io_recall(io, &model->recall, "recall");
	io_recall(io, &model->pca_recall, "recall of PCA");
	if (model->schema.has_target)
		io_target_outcome(io, model);
	else
		model->target_loss = model->target_accuracy = NAN;
	model->log_likelihood = io->in ? NAN : model->log_likelihood;
	if (model->net.spread)
		io_variational_outcome(io, model);
	if (model->options.distribution != AE_DISTRIBUTION_NONE)
		ae_io_f64(io, &model->log_likelihood, AE_IO_FINITE_OR_NAN, "log-likelihood");
	if (io->status != AE_OK)
		return;
	if (model->n_validation > model->n_rows)
		ae_io_fault(io, start + 12, "number of validation rows");
	if (model->n_dead > model->net.width[model->net.n_encoder])
		ae_io_fault(io, start + 100, "number of dead code units");
	if (model->code_zeros > 1.0)
		ae_io_fault(io, start + 84, "share of zeros in codes");
	if (model->jacobian < 0)
		ae_io_fault(io, start + 108, "norm of the Jacobian");
}

/* ---- weights ---- */

void
ae_io_weights(AeIo *io, AeModel *model, AeArena *arena)
{
	AeReal *to;
	size_t start;
	size_t n;

	if (io->status != AE_OK)
		return;
	/* ae_net_check has ensured that 4 n is at most AE_MAX_MODEL */
	n = ae_net_n_params(&model->net);
	if (!ae_io_advance(io, &start, 4 * n))
		return;
	if (!io->in)
	{
		ae_io_write_weights(io, model->params, n, start);
		return;
	}
	to = ae_arena_place(arena, n, sizeof(AeReal));
	ae_io_check_weights(io, io->in + start, n, start);
	if (to && io->status == AE_OK)
		ae_io_read_weights(io, to, io->in + start, n);
	model->params = to;
}
