/*
 * ae_score.c: the forward pass of scoring and the errors of rows.
 *
 * Same bits for a row alone or in any batch: the kernels promise it for every
 * row, and nothing here mixes rows.  Knows no BLAS and no libm.
 *
 * Buffers: cells -> inputs -> h[0] -> h[1] -> h[0] ...; a layer reads one and writes the
 * other.  Weights are packed once into panels, apart from the buffers; biases and the rows of
 * weights that belong to levels stay in the model.
 */
#include "ae_score.h"

#include <math.h>
#include <string.h>

#include "ae_gate.h"
#include "ae_math.h"
#include "ae_topk.h"

/* A product of so many rows takes little longer than one of a single row. */
#define FEW_ROWS ((size_t) 32)

/*
 * From this share of missing cells on, training has learnt what a missing cell in a column means
 * (measured).
 */
#define LEARNT_GAPS 0.1

/* Passes that complete a row, and levels that are tried for each of its missing categories. */
#define N_PASSES 8
#define N_LEVELS_TRIED 8

/* Passes that all missing categories and booleans of a row may take together. */
#define MAX_TRIES 64

/*
 * Inputs of layer l that are numbers; the others are levels, whose rows of weights are added one by
 * one.
 */
static size_t
numbers_of_layer(const AeNet *net, uint32_t l)
{
	return l == 0 ? ae_layout_dense_inputs(&net->layout) : net->width[l];
}

/* ---- packed weights ---- */

/* The places of packed weights: panels of layers, of the linear paths, and of the head. */
typedef struct Panels
{
	AeReal *layer[AE_MAX_LAYERS];
	AeReal *skip[2];
	AeReal *head;
	AeReal *spread;
} Panels;

/* The layer where the linear path of the encoder, or of the decoder, ends. */
static uint32_t
end_of_path(const AeNet *net, int decoder)
{
	return decoder ? net->n_layers - 1 : net->n_encoder - 1;
}

/* Inputs along it that are numbers. */
static size_t
numbers_of_path(const AeNet *net, int decoder)
{
	return decoder ? net->width[net->n_encoder] : ae_layout_dense_inputs(&net->layout);
}

/* Places (or counts, with arena->base NULL) everything a packed network owns. */
static void
place_packed(AePacked *packed, Panels *panels, AeArena *arena, const AeModel *model)
{
	const AeNet *net = &model->net;
	const AeLayout *layout = &net->layout;

	for (uint32_t l = 0; l < net->n_layers; l++)
		panels->layer[l] = ae_arena_place(
			arena, ae_kernel_packed_count(numbers_of_layer(net, l), net->width[l + 1]),
			sizeof(AeReal));
	for (int half = 0; half < 2; half++)
	{
		uint32_t l = end_of_path(net, half);

		packed->no_bias[half] = panels->skip[half] = NULL;
		if (ae_net_beside(net, l) == 0)
			continue;
		panels->skip[half] = ae_arena_place(
			arena, ae_kernel_packed_count(numbers_of_path(net, half), net->width[l + 1]),
			sizeof(AeReal));
		packed->no_bias[half] = ae_arena_place(arena, net->width[l + 1], sizeof(AeReal));
	}
	packed->layout = ae_arena_place(arena, 1, sizeof(AeLayout));
	packed->blocks = ae_arena_place(arena, layout->n_blocks, sizeof(AeBlock));
	ae_distance_place(&packed->distance, arena, &model->prototypes, layout);
	ae_intake_place(&packed->intake, arena, &model->schema);
	panels->head = NULL;
	if (net->n_target > 0)
		panels->head =
			ae_arena_place(arena, ae_kernel_packed_count(net->width[net->n_encoder], net->n_target),
						   sizeof(AeReal));
	panels->spread = NULL;
	if (net->spread)
		panels->spread =
			ae_arena_place(arena,
						   ae_kernel_packed_count(numbers_of_layer(net, net->n_encoder - 1),
												  net->width[net->n_encoder]),
						   sizeof(AeReal));
	packed->likelihood = (AeLikelihood){0};
	if (model->options.distribution != AE_DISTRIBUTION_NONE)
		ae_likelihood_place(&packed->likelihood, arena, layout);
}

AeStatus
ae_packed_size(size_t *bytes, const AeModel *model, AeError *error)
{
	AePacked packed;
	Panels panels;
	AeArena arena = {NULL, 0, false};

	place_packed(&packed, &panels, &arena, model);
	if (arena.overflow || !ae_size_add(bytes, arena.used, AE_ALIGN))
		return ae_fail(error, AE_ERR_LIMIT, "packed weights", (double) ae_net_n_params(&model->net),
					   1.0, (double) AE_MAX_MODEL);
	return AE_OK;
}

void
ae_packed_init(AePacked *packed, void *block, const AeModel *model, const AeKernels *kernels,
			   AeCheck check)
{
	const AeNet *net = &model->net;
	Panels panels;
	AeArena arena = {ae_arena_align(block), 0, false};

	packed->model = model;
	packed->check = check;
	packed->kernels = kernels;
	place_packed(packed, &panels, &arena, model);
	ae_layout_scored(packed->layout, packed->blocks, &net->layout);
	ae_distance_init(&packed->distance, &model->prototypes, &net->layout, kernels);
	ae_intake_init(&packed->intake, &model->schema);
	for (uint32_t l = 0; l < net->n_layers; l++)
	{
		const AeReal *weights = model->params + ae_net_offset(net, l);

		ae_kernel_pack(panels.layer[l], weights, numbers_of_layer(net, l), net->width[l + 1],
					   check);
		packed->panels[l] = panels.layer[l];
		packed->bias[l] = model->params + ae_net_bias_offset(net, l);
	}
	for (int half = 0; half < 2; half++)
	{
		uint32_t l = end_of_path(net, half);

		packed->skip_panels[half] = panels.skip[half];
		packed->skip[half] =
			model->params + ae_net_offset(net, l) + (size_t) net->width[l] * net->width[l + 1];
		if (!panels.skip[half])
			continue;
		ae_kernel_pack(panels.skip[half], packed->skip[half], numbers_of_path(net, half),
					   net->width[l + 1], check);
		memset(packed->no_bias[half], 0, net->width[l + 1] * sizeof(AeReal));
	}
	packed->head_panels = panels.head;
	if (net->n_target > 0)
		ae_kernel_pack(panels.head, model->params + ae_net_head_offset(net),
					   net->width[net->n_encoder], net->n_target, check);
	packed->spread_panels = panels.spread;
	if (net->spread)
		ae_kernel_pack(panels.spread, model->params + ae_net_spread_offset(net),
					   numbers_of_layer(net, net->n_encoder - 1), net->width[net->n_encoder],
					   check);
	if (!packed->likelihood.blocks)
		return;
	ae_likelihood_init(&packed->likelihood, &net->layout);
	ae_likelihood_set(&packed->likelihood, model->params + ae_net_variance_offset(net),
					  net->variance);
}

/* ---- scratch ---- */

/* Places (or counts, with arena->base NULL) everything a scorer owns. */
static void
place_scorer(AeScorer *scorer, AeArena *arena, const AePacked *members, uint32_t n_members,
			 size_t batch)
{
	const AeNet *net = &members[0].model->net;
	const AeLayout *layout = &net->layout;
	size_t widest = 0, n_scratch = 0;
	uint32_t n_prototypes = 0;

	for (uint32_t l = 0; l < net->n_layers; l++)
		if (net->width[l + 1] > widest)
			widest = net->width[l + 1];
	for (uint32_t m = 0; m < n_members; m++)
	{
		if (ae_loss_scratch(members[m].layout) > n_scratch)
			n_scratch = ae_loss_scratch(members[m].layout);
		if (members[m].model->prototypes.n > n_prototypes)
			n_prototypes = members[m].model->prototypes.n;
	}
	scorer->cells = ae_arena_place_rows(arena, batch, ae_layout_cells(layout), sizeof(AeReal));
	scorer->unseen = ae_arena_place(arena, batch, sizeof(double));
	scorer->parts = ae_arena_place(arena, members[0].model->schema.n_columns, sizeof(double));
	scorer->completed = ae_arena_place_rows(arena, batch, ae_layout_cells(layout), sizeof(AeReal));
	scorer->attempt = ae_arena_place(arena, ae_layout_cells(layout), sizeof(AeReal));
	scorer->first = ae_arena_place(arena, ae_layout_outputs(layout), sizeof(AeReal));
	ae_inputs_place(&scorer->inputs, arena, layout, batch, false, true);
	scorer->measure.scratch = ae_arena_place(arena, n_scratch, sizeof(AeReal));
	ae_nearest_place(&scorer->nearest, arena, n_prototypes, layout);
	scorer->h[0] = ae_arena_place_rows(arena, batch, widest, sizeof(AeReal));
	scorer->h[1] = ae_arena_place_rows(arena, batch, widest, sizeof(AeReal));
	scorer->beside = NULL;
	if (net->skip)
		scorer->beside = ae_arena_place_rows(arena, batch, widest, sizeof(AeReal));
	scorer->head = NULL;
	if (net->n_target > 0)
		scorer->head = ae_arena_place_rows(arena, batch, net->n_target, sizeof(AeReal));
	scorer->spread = NULL;
	if (net->spread)
		scorer->spread =
			ae_arena_place_rows(arena, batch, net->width[net->n_encoder], sizeof(AeReal));
}

AeStatus
ae_scorer_size(size_t *bytes, const AePacked *members, uint32_t n_members, size_t batch,
			   AeError *error)
{
	AeScorer scorer;
	AeArena arena = {NULL, 0, false};

	place_scorer(&scorer, &arena, members, n_members, batch);
	if (arena.overflow || !ae_size_add(bytes, arena.used, AE_ALIGN))
		return ae_fail(error, AE_ERR_LIMIT, "scorer rows", (double) batch, 1.0,
					   (double) SIZE_MAX / AE_MAX_WIDTH);
	return AE_OK;
}

void
ae_scorer_init(AeScorer *scorer, void *block, const AePacked *members, uint32_t n_members,
			   size_t batch)
{
	AeArena arena = {ae_arena_align(block), 0, false};

	scorer->members = members;
	scorer->n_members = n_members;
	scorer->batch = batch;
	scorer->as_is = false;
	place_scorer(scorer, &arena, members, n_members, batch);
	memset(scorer->unseen, 0, batch * sizeof(double));
	for (uint32_t c = 0; c < members[0].model->schema.n_columns; c++)
		scorer->parts[c] = NAN;
	ae_scorer_use(scorer, 0);
}

void
ae_scorer_use(AeScorer *scorer, uint32_t member)
{
	const AePacked *network = &scorer->members[member];

	scorer->network = network;
	scorer->model = network->model;
	scorer->kernels = network->kernels;
	scorer->measure.layout = network->layout;
	scorer->measure.kernels = network->kernels;
}

/* ---- the pass ---- */

int
ae_scorer_take(AeScorer *scorer, size_t i, const double *values, const bool *missing)
{
	const AeIntake *intake = &scorer->network->intake;
	AeReal *cells = scorer->cells + i * ae_layout_cells(&scorer->model->net.layout);

	scorer->unseen[i] = ae_intake_unseen(i == 0 ? scorer->parts : NULL, intake, values, missing);
	return ae_intake_apply(cells, intake, values, missing);
}

static bool
is_logit(AeLoss loss)
{
	return loss == AE_LOSS_BCE;
}

/*
 * Applies act to the outputs of some losses in h: n_rows x n_outputs; blocks side by side as one.
 */
static void
activate_blocks(const AeScorer *scorer, AeReal *h, size_t n_rows, bool (*applies)(AeLoss),
				AeActivation act)
{
	const AeLayout *layout = &scorer->model->net.layout;
	size_t width = ae_layout_outputs(layout);

	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		size_t first = layout->blocks[b].first, count = 0;

		while (b < layout->n_blocks && applies(layout->blocks[b].loss))
			count += layout->blocks[b++].count;
		if (count == width)
			scorer->kernels->activate(act, h, n_rows * width);
		else if (count > 0 && act != AE_IDENTITY)
			for (size_t r = 0; r < n_rows; r++)
				scorer->kernels->activate(act, h + r * width + first, count);
	}
}

/* y: n_rows x n_out += the rows of w that belong to the levels of rows. */
static void
add_levels(const AeScorer *scorer, AeReal *y, const AeReal *w, size_t n_rows, size_t n_out)
{
	size_t n_categories = scorer->model->net.layout.n_categories;

	for (size_t r = 0; r < n_rows; r++)
		for (size_t c = 0; c < n_categories; c++)
		{
			int32_t level = scorer->inputs.levels[r * n_categories + c];

			if (level >= 0)
				scorer->kernels->axpy(y + r * n_out, 1, w + (size_t) level * n_out, n_out);
		}
}

/*
 * Products of a layer, or along a path, without levels: y: n_rows x n_out. A large one is computed
 * in parts, as outputs are independent.
 */
static void
dense(const AeScorer *scorer, AeReal *y, size_t n_out, const AeReal *x, size_t n_in,
	  const AeReal *panels, const AeReal *bias, size_t n_rows)
{
	size_t rows = n_rows > FEW_ROWS ? n_rows : FEW_ROWS; /* even for few rows, reading the weights
														  * takes time */
	size_t part = AE_CHECK_MACS / rows / (n_in > 0 ? n_in : 1);

	part = part < AE_PANEL ? AE_PANEL : part - part % AE_PANEL;
	for (size_t col = 0; col < n_out; col += part)
	{
		size_t n = n_out - col < part ? n_out - col : part;

		if (n_out > part)
			ae_check(scorer->network->check);
		scorer->kernels->dense(y + col, n_out, x, n_in, panels + col * n_in, bias + col, n_rows,
							   n_in, n);
	}
}

/*
 * scorer->beside = the product of x, inputs or codes, along the linear path. Call it before the
 * layers run, which may overwrite x. False if there is no such path.
 */
static bool
run_path(AeScorer *scorer, const AeReal *x, size_t n_rows, int decoder)
{
	const AeNet *net = &scorer->model->net;
	const AePacked *network = scorer->network;
	size_t n_out = net->width[end_of_path(net, decoder) + 1];

	if (!network->skip_panels[decoder])
		return false;
	dense(scorer, scorer->beside, n_out, x, numbers_of_path(net, decoder),
		  network->skip_panels[decoder], network->no_bias[decoder], n_rows);
	if (!decoder)
		add_levels(scorer, scorer->beside, network->skip[decoder], n_rows, n_out);
	return true;
}

/* scorer->spread from x, the input of the code's layer l without the linear path. */
static void
run_spread(AeScorer *scorer, const AeReal *x, size_t n_rows, uint32_t l)
{
	const AeNet *net = &scorer->model->net;
	const AeReal *w = scorer->model->params + ae_net_spread_offset(net);
	size_t n_out = net->width[l + 1];

	dense(scorer, scorer->spread, n_out, x, numbers_of_layer(net, l),
		  scorer->network->spread_panels, w + ae_net_n_spread(net), n_rows);
	if (l == 0)
		add_levels(scorer, scorer->spread, w, n_rows, n_out);
}

/* Runs layers first .. end - 1 on x: n_rows x width[first]; the result is in one of scorer->h. */
static AeReal *
run_layers(AeScorer *scorer, const AeReal *x, size_t n_rows, uint32_t first, uint32_t end)
{
	const AeNet *net = &scorer->model->net;
	uintptr_t at = (uintptr_t) x;
	uintptr_t h0 = (uintptr_t) scorer->h[0];
	uintptr_t h1 = (uintptr_t) scorer->h[1];
	int into = at >= h0 && at < h1; /* the one that does not hold x: h[1] was placed behind h[0] */
	bool beside = run_path(scorer, x, n_rows, first > 0);
	AeReal *y = NULL;

	for (uint32_t l = first; l < end; l++)
	{
		size_t n_out = net->width[l + 1];

		y = scorer->h[into];
		dense(scorer, y, n_out, x, numbers_of_layer(net, l), scorer->network->panels[l],
			  scorer->network->bias[l], n_rows);
		if (l == 0)
			add_levels(scorer, y, scorer->model->params, n_rows, n_out);
		if (net->spread && l + 1 == net->n_encoder)
			run_spread(scorer, x, n_rows, l);
		if (beside && l + 1 == end)
			scorer->kernels->axpy(y, 1, scorer->beside, n_rows * n_out);
		if (l + 1 == net->n_layers)
			activate_blocks(scorer, y, n_rows, ae_loss_is_distance, net->activation[l]);
		else
			scorer->kernels->activate(net->activation[l], y, n_rows * n_out);
		if (net->top_k > 0 && l + 1 == net->n_encoder)
			for (size_t r = 0; r < n_rows; r++)
				ae_topk(y + r * n_out, NULL, n_out, net->top_k);
		if (net->gated && l + 1 == net->n_encoder)
			ae_gate_apply(y, NULL, scorer->model->params + ae_net_threshold_offset(net), n_rows,
						  n_out);
		x = y;
		into = 1 - into;
	}
	return y;
}

static bool
any_missing(const AeScorer *scorer, const AeReal *cells, size_t n_rows)
{
	return ae_loss_any_missing(cells, n_rows * ae_layout_cells(&scorer->model->net.layout));
}

/* Code of n_rows of cells as they are; missing: some of them may be. */
static const AeReal *
encode_cells(AeScorer *scorer, const AeReal *from, size_t n_rows, bool missing)
{
	const AeNet *net = &scorer->model->net;
	AeCells cells = {.at = from, .n_rows = n_rows, .nullable = missing};

	ae_loss_inputs(&scorer->inputs, &cells, &net->layout, NULL, scorer->kernels);
	return run_layers(scorer, scorer->inputs.x, n_rows, 0, net->n_encoder);
}

AeReal *
ae_scorer_decode(AeScorer *scorer, const AeReal *codes, size_t n_rows)
{
	const AeNet *net = &scorer->model->net;

	return run_layers(scorer, codes, n_rows, net->n_encoder, net->n_layers);
}

AeReal *
ae_scorer_head(AeScorer *scorer, const AeReal *codes, size_t n_rows)
{
	const AeNet *net = &scorer->model->net;
	size_t n_code = net->width[net->n_encoder], n = net->n_target;
	const AeReal *bias = scorer->model->params + ae_net_head_offset(net) + n_code * n;

	scorer->kernels->dense(scorer->head, n, codes, n_code, scorer->network->head_panels, bias,
						   n_rows, n_code, n);
	return scorer->head;
}

void
ae_scorer_head_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows)
{
	size_t n = scorer->model->net.n_target;

	for (size_t r = 0; n > 1 && r < n_rows; r++)
		scorer->kernels->softmax(outputs + r * n, outputs + r * n, n);
}

void
ae_scorer_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows)
{
	const AeLayout *layout = &scorer->model->net.layout;
	size_t width = ae_layout_outputs(layout);

	activate_blocks(scorer, outputs, n_rows, is_logit, AE_SIGMOID);
	for (uint32_t b = 0; b < layout->n_blocks; b++)
		for (size_t r = 0; layout->blocks[b].loss == AE_LOSS_SOFTMAX && r < n_rows; r++)
		{
			AeReal *z = outputs + r * width + layout->blocks[b].first;

			scorer->kernels->softmax(z, z, layout->blocks[b].count);
		}
}

double
ae_scorer_observed(const AeReal *cells, const AeLayout *layout)
{
	uint32_t n = ae_loss_observed(cells, layout);

	return n > 0 ? (double) n : 1.0;
}

/* NaN becomes infinite, and what rounding made negative becomes 0. */
static double
as_error(double loss)
{
	if (!isfinite(loss))
		return INFINITY;
	return loss > 0.0 ? loss : 0.0;
}

/* The error of row r with these outputs. */
static double
row_error(const AeScorer *scorer, size_t r, const AeReal *outputs)
{
	const AeLayout *layout = scorer->network->layout;
	const AeReal *cells = scorer->cells + r * ae_layout_cells(layout);
	double loss = ae_loss_row(NULL, outputs, cells, 0, &scorer->measure);

	if (layout->n_wide > 0)
		loss +=
			ae_pairs_row(&scorer->model->pairs, layout, cells) / ae_scorer_observed(cells, layout);
	if (scorer->unseen[r] > 0.0)
		loss += scorer->unseen[r] / ae_scorer_observed(cells, layout);
	return as_error(loss);
}

void
ae_scorer_errors(double *errors, const AeScorer *scorer, const AeReal *outputs, size_t n_rows)
{
	size_t n_outputs = ae_layout_outputs(scorer->network->layout);

	for (size_t r = 0; r < n_rows; r++)
		errors[r] = row_error(scorer, r, outputs + r * n_outputs);
}

/* ---- completion ---- */

/*
 * Whether the network has not learnt what a missing cell in that column means, and has no indicator
 * for it.
 */
static bool
is_completed(const AeModel *model, const AeColumn *column)
{
	double share = (double) column->n_missing / (double) (model->n_rows > 0 ? model->n_rows : 1);

	return column->cell >= 0 && !column->indicator && !column->null_level &&
		   !model->options.masking_any && share + model->options.masking < LEARNT_GAPS;
}

/* Writes finished outputs into the cells of a column of a row. */
static void
fill_column(AeReal *cells, const AeModel *model, uint32_t c, const AeReal *outputs)
{
	const AeSchema *schema = &model->schema;
	const AeColumn *column = &schema->columns[c];

	if (ae_column_is_levels(column))
	{
		cells[column->cell] =
			(AeReal) ae_largest(outputs + ae_schema_category_output(schema, &model->net.layout, c),
								ae_column_levels(column));
		return;
	}
	memcpy(cells + column->cell, outputs + column->cell, ae_column_cells(column) * sizeof(AeReal));
	cells[column->cell] = ae_scaler_bound(schema, c, outputs[column->cell]);
}

/* Whether column c of row r is missing and must be completed. */
static bool
is_gap(const AeScorer *scorer, size_t r, uint32_t c)
{
	const AeColumn *column = &scorer->model->schema.columns[c];
	const AeReal *cells = scorer->cells + r * ae_layout_cells(&scorer->model->net.layout);

	return is_completed(scorer->model, column) && cells[column->cell] != cells[column->cell];
}

/*
 * Passes row r as scorer->attempt, which becomes its completion if its error is less than *least.
 * Returns its finished outputs, in one of scorer->h, which the next pass overwrites.
 */
static const AeReal *
try_attempt(bool *better, double *least, AeScorer *scorer, size_t r)
{
	size_t n_cells = ae_layout_cells(&scorer->model->net.layout);
	AeReal *outputs;
	double error;

	ae_check(scorer->network->check);
	outputs = ae_scorer_decode(
		scorer, encode_cells(scorer, scorer->attempt, 1, any_missing(scorer, scorer->attempt, 1)),
		1);
	error = row_error(scorer, r, outputs);
	*better = error < *least;
	if (*better)
	{
		*least = error;
		memcpy(scorer->completed + r * n_cells, scorer->attempt, n_cells * sizeof(AeReal));
	}
	ae_scorer_finish(scorer, outputs, 1);
	return outputs;
}

/*
 * Tries the most probable levels of a missing category, n at most, by scorer->first, which it overwrites.
 * Returns how many passes that took.
 */
static uint32_t
try_levels(double *least, AeScorer *scorer, size_t r, uint32_t c, uint32_t n)
{
	const AeModel *model = scorer->model;
	const AeColumn *column = &model->schema.columns[c];
	size_t n_cells = ae_layout_cells(&model->net.layout);
	AeReal *p = scorer->first + ae_schema_category_output(&model->schema, &model->net.layout, c);
	uint32_t n_passes = 0;
	bool better;

	for (uint32_t t = 0; t < n && t < ae_column_levels(column); t++)
	{
		uint32_t best = ae_largest(p, ae_column_levels(column));
		AeReal level = (AeReal) best;

		p[best] = -INFINITY;
		memcpy(scorer->attempt, scorer->completed + r * n_cells, n_cells * sizeof(AeReal));
		if (scorer->attempt[column->cell] == level)
			continue;
		scorer->attempt[column->cell] = level;
		try_attempt(&better, least, scorer, r);
		n_passes++;
	}
	return n_passes;
}

/* Tries both values of a missing boolean, as the output may be neither. */
static void
try_truth(double *least, AeScorer *scorer, size_t r, uint32_t c)
{
	const AeColumn *column = &scorer->model->schema.columns[c];
	size_t n_cells = ae_layout_cells(&scorer->model->net.layout);
	bool better;

	for (int truth = 0; truth <= 1; truth++)
	{
		memcpy(scorer->attempt, scorer->completed + r * n_cells, n_cells * sizeof(AeReal));
		scorer->attempt[column->cell] = (AeReal) ((truth - column->shift) / column->scale);
		try_attempt(&better, least, scorer, r);
	}
}

/* Whether column c of row r is a gap of few possible values. */
static bool
is_tried(const AeScorer *scorer, size_t r, uint32_t c)
{
	const AeColumn *column = &scorer->model->schema.columns[c];

	return (ae_column_is_levels(column) || column->kind == AE_KIND_BOOLEAN) && is_gap(scorer, r, c);
}

/* Tries what missing categories and booleans may be, one after the other; many of them share the passes. */
static void
try_all(double *least, AeScorer *scorer, size_t r)
{
	const AeSchema *schema = &scorer->model->schema;
	uint32_t n_gaps = 0, left = MAX_TRIES;

	for (uint32_t c = 0; c < schema->n_columns; c++)
		n_gaps += is_tried(scorer, r, c);
	for (uint32_t c = 0; n_gaps > 0; c++)
	{
		uint32_t share = left / n_gaps;

		if (!is_tried(scorer, r, c))
			continue;
		n_gaps--;
		if (ae_column_is_levels(&schema->columns[c]))
			left -=
				try_levels(least, scorer, r, c, share < N_LEVELS_TRIED ? share : N_LEVELS_TRIED);
		else if (share >= 2)
		{
			try_truth(least, scorer, r, c);
			left -= 2;
		}
	}
}

/* Completes row r, beginning with the row as it came. */
static void
complete_row(AeScorer *scorer, size_t r)
{
	const AeModel *model = scorer->model;
	const AeLayout *layout = &model->net.layout;
	const AeSchema *schema = &model->schema;
	double least = INFINITY;
	bool better = true;

	memcpy(scorer->attempt, scorer->cells + r * ae_layout_cells(layout),
		   ae_layout_cells(layout) * sizeof(AeReal));
	for (int pass = 0; pass <= N_PASSES && better; pass++)
	{
		const AeReal *outputs = try_attempt(&better, &least, scorer, r);

		if (pass == 0)
			memcpy(scorer->first, outputs, ae_layout_outputs(layout) * sizeof(AeReal));
		for (uint32_t c = 0; c < schema->n_columns; c++)
			if (is_gap(scorer, r, c))
				fill_column(scorer->attempt, model, c, outputs);
	}
	try_all(&least, scorer, r);
}

/* Fills scorer->completed for rows, some of which have missing cells. */
static void
complete(AeScorer *scorer, size_t n_rows)
{
	uint32_t n_columns = scorer->model->schema.n_columns;
	size_t n_cells = ae_layout_cells(&scorer->model->net.layout);

	memcpy(scorer->completed, scorer->cells, n_rows * n_cells * sizeof(AeReal));
	for (size_t r = 0; r < n_rows; r++)
	{
		uint32_t c = 0;

		while (c < n_columns && !is_gap(scorer, r, c))
			c++;
		if (c < n_columns)
			complete_row(scorer, r);
	}
}

const AeReal *
ae_scorer_encode(AeScorer *scorer, size_t n_rows)
{
	bool missing = any_missing(scorer, scorer->cells, n_rows);

	if (!missing || scorer->as_is)
		return encode_cells(scorer, scorer->cells, n_rows, missing);
	complete(scorer, n_rows);
	return encode_cells(scorer, scorer->completed, n_rows,
						any_missing(scorer, scorer->completed, n_rows));
}

/* ---- scores ---- */

double
ae_scorer_known(const AeScorer *scorer, size_t row)
{
	const AeLayout *layout = &scorer->model->net.layout;
	const AeReal *cells = scorer->cells + row * ae_layout_cells(layout);

	if (scorer->model->prototypes.n == 0)
		return 1.0;
	return ae_scorer_observed(cells, layout) / layout->n_columns;
}

AeTerms
ae_scorer_terms(AeScorer *scorer, size_t row, double error)
{
	const AeModel *model = scorer->model;
	const AeReal *cells = scorer->cells + row * ae_layout_cells(&model->net.layout);

	return (AeTerms){error, ae_distance_term(&scorer->nearest, &scorer->network->distance, cells),
					 ae_extremes_term(NULL, &model->extremes, &model->schema, cells),
					 ae_scorer_known(scorer, row)};
}

double
ae_raw_score(const AeModel *model, const AeTerms *terms)
{
	double score = terms->error / model->error_norm;

	if (model->prototypes.n > 0)
		score += terms->distance / model->distance_norm;
	/* the sum over columns is one over all of them: what is missing adds what is usual */
	if (terms->known < 1.0)
		score = terms->known * score + (1.0 - terms->known) * AE_USUAL_SCORE;
	score += terms->extreme;
	return as_error(score);
}

/* The error of one cell that is a source column of its own in a block with others. */
static double
single_error(const AeScorer *scorer, const AeReal *outputs, uint32_t cell, AeLoss loss)
{
	const AeReal *r = outputs + cell, *x = scorer->cells + cell;

	if (*x != *x)
		return NAN;
	return as_error(ae_loss_dense(loss, r, x, 1, scorer->kernels));
}

/* The first cell of a source column, or -1. */
static int32_t
source_cell(const AeSchema *schema, uint32_t first, uint32_t end)
{
	for (uint32_t c = first; c < end; c++)
		if (schema->columns[c].cell >= 0)
			return schema->columns[c].cell;
	return -1;
}

/* The block of a grouped dense column or category that starts at that cell. */
static uint32_t
block_at_cell(const AeLayout *layout, uint32_t cell)
{
	uint32_t b = 0;

	if (cell >= layout->n_dense)
		return layout->n_blocks - layout->n_categories + (cell - layout->n_dense);
	while (layout->blocks[b].first + layout->blocks[b].count <= cell)
		b++;
	return b;
}

/* The sum of the errors of a source column whose elements are categories. */
static double
levels_error(const AeScorer *scorer, const AeReal *outputs, uint32_t first, uint32_t end)
{
	const AeSchema *schema = &scorer->model->schema;
	const AeLayout *layout = &scorer->model->net.layout;
	double sum = NAN;

	for (uint32_t c = first; c < end; c++)
	{
		int32_t cell = schema->columns[c].cell;
		double error;

		if (cell < 0)
			continue;
		error = ae_loss_block(outputs, scorer->cells, block_at_cell(layout, (uint32_t) cell),
							  &scorer->measure);
		if (!isnan(error))
			sum = isnan(sum) ? error : sum + error;
	}
	return sum;
}

void
ae_scorer_column_errors(double *errors, const AeScorer *scorer, const AeReal *outputs)
{
	const AeSchema *schema = &scorer->model->schema;
	const AeLayout *layout = &scorer->model->net.layout;

	for (uint32_t c = 0, end; c < schema->n_columns; c = end)
	{
		int32_t cell;
		uint32_t block;
		double error;

		end = ae_schema_source_end(schema, c);
		for (uint32_t e = c; e < end; e++)
			errors[e] = NAN;
		cell = source_cell(schema, c, end);
		if (cell < 0)
		{
			errors[c] = schema->columns[c].unseen > 0.0 ? scorer->parts[c] : NAN;
			continue;
		}
		block = block_at_cell(layout, (uint32_t) cell);
		if (!layout->blocks[block].grouped)
			error = single_error(scorer, outputs, (uint32_t) cell, layout->blocks[block].loss);
		else if (schema->draws)
			error = levels_error(scorer, outputs, c, end);
		else if (layout->blocks[block].tag > 0)
			error = ae_pairs_block(&scorer->model->pairs, layout, scorer->cells, block);
		else
			error = ae_loss_block(outputs, scorer->cells, block, &scorer->measure);
		errors[c] = error;
		if (scorer->parts[c] > 0.0)
			errors[c] = (isnan(error) ? 0.0 : error) + scorer->parts[c];
		if (!isnan(errors[c]))
			errors[c] = as_error(errors[c]);
	}
}

/* D^2 n_columns of a source column that starts at that cell, and prototype k. */
static double
column_distance(const AeScorer *scorer, uint32_t k, uint32_t cell)
{
	const AeLayout *layout = &scorer->model->net.layout;
	uint32_t block = block_at_cell(layout, cell);

	if (layout->blocks[block].grouped)
		return ae_distance_block(&scorer->network->distance, scorer->cells, k, block);
	return ae_distance_cell(&scorer->network->distance, scorer->cells, k, cell);
}

void
ae_scorer_column_distances(double *parts, AeScorer *scorer)
{
	const AeSchema *schema = &scorer->model->schema;
	AeNearest *nearest = &scorer->nearest;
	double term = ae_distance_term(nearest, &scorer->network->distance, scorer->cells);
	double n_columns = (double) ae_loss_observed(scorer->cells, &scorer->model->net.layout);

	for (uint32_t c = 0, end; c < schema->n_columns; c = end)
	{
		int32_t cell;

		end = ae_schema_source_end(schema, c);
		for (uint32_t e = c; e < end; e++)
			parts[e] = 0.0;
		cell = source_cell(schema, c, end);
		/* the term is (mean D)^2 = sum over k of (mean D / n) D_k, and D_k = D_k^2 / D_k */
		for (uint32_t i = 0; cell >= 0 && i < nearest->n; i++)
		{
			double square = nearest->square[nearest->number[i]] / n_columns;
			double part = column_distance(scorer, nearest->number[i], (uint32_t) cell);

			if (square > 0.0 && part > 0.0)
				parts[c] += as_error(sqrt(term) / nearest->n * part / n_columns / sqrt(square));
		}
	}
}

void
ae_scorer_column_extremes(double *parts, const AeScorer *scorer)
{
	const AeSchema *schema = &scorer->model->schema;
	uint32_t worst = 0;
	double term = ae_extremes_term(&worst, &scorer->model->extremes, schema, scorer->cells);

	for (uint32_t c = 0, end; c < schema->n_columns; c = end)
	{
		end = ae_schema_source_end(schema, c);
		for (uint32_t e = c; e < end; e++)
			parts[e] = 0.0;
		if (worst >= c && worst < end)
			parts[c] = as_error(term);
	}
}

double
ae_scorer_probability(const AeScorer *scorer, const AeReal *outputs, uint32_t column)
{
	const AeSchema *schema = &scorer->model->schema;
	const AeColumn *col = &schema->columns[column];
	AeReal x;
	double p;

	if (col->cell < 0 && scorer->parts[column] > 0.0 &&
		(col->kind == AE_KIND_BOOLEAN || col->kind == AE_KIND_CATEGORY))
		return 0.0;
	if (col->cell < 0)
		return NAN;
	x = scorer->cells[col->cell];
	if (x != x || (col->kind != AE_KIND_BOOLEAN && col->kind != AE_KIND_CATEGORY))
		return NAN;
	if (col->kind == AE_KIND_BOOLEAN)
	{
		p = col->shift + col->scale * (double) outputs[col->cell];
		if (col->shift + col->scale * (double) x < 0.5)
			p = 1.0 - p;
	}
	else if (col->wide)
		p = ae_e(-0.5 *
				 ae_pairs_block(&scorer->model->pairs, scorer->network->layout, scorer->cells,
								block_at_cell(scorer->network->layout, (uint32_t) col->cell)));
	else if (x < 0)
		p = 0.0;
	else
		p = (double) outputs[ae_schema_category_output(schema, &scorer->model->net.layout, column) +
							 (uint32_t) x];
	return p < 0.0 ? 0.0 : p > 1.0 ? 1.0 : p;
}

void
ae_scorer_fill(AeScorer *scorer, const bool *fill, const AeReal *outputs)
{
	const AeSchema *schema = &scorer->model->schema;

	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (schema->columns[c].cell >= 0 && fill[c])
			fill_column(scorer->cells, scorer->model, c, outputs);
}
