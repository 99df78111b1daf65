/*
 * sample_model.h: models made up from a seed, for tests, fuzzer seeds and golden
 * files.  Only integer arithmetic and exact conversions make the numbers, so that
 * they are the same on every machine.
 *
 * A plain sample has numbers and booleans, all under one scaling; a mixed one has columns
 * of every kind and scaling.
 */
#ifndef SAMPLE_MODEL_H
#define SAMPLE_MODEL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ae_crc32c.h"
#include "ae_format.h"
#include "ae_rng.h"

#define SAMPLE_COLUMNS 40
#define SAMPLE_WIDTH 48   /* of hidden layers */
#define SAMPLE_INPUTS 320 /* no sample has more inputs, cells or outputs */
#define SAMPLE_LEVELS 6
#define SAMPLE_NAME 24
#define SAMPLE_PROTOTYPES 16
#define SAMPLE_WORDS 3
#define SAMPLE_SLOTS 4096
#define SAMPLE_VERDICTS 4
#define SAMPLE_CUTS 5 /* fewer than bins of a category */

/* Where the parts of model bytes begin, by the table in ae_format.h. */
#define SAMPLE_AT_SCHEMA 32
#define SAMPLE_AT_COLUMNS 60

typedef struct Sample
{
	AeModel model;
	AeColumn columns[SAMPLE_COLUMNS];
	AeBlock blocks[SAMPLE_COLUMNS];
	uint32_t indicators[SAMPLE_COLUMNS];
	char names[SAMPLE_COLUMNS][SAMPLE_NAME];
	double knots[SAMPLE_COLUMNS][AE_KNOTS];
	AeSketch sketches[SAMPLE_COLUMNS][2]; /* of values and of errors */
	double cuts[SAMPLE_COLUMNS][2][SAMPLE_CUTS];
	uint32_t counts[SAMPLE_COLUMNS][2][SAMPLE_LEVELS + 2];
	AeLevel levels[SAMPLE_COLUMNS + 1][SAMPLE_LEVELS]; /* the last are the target's */
	char texts[SAMPLE_COLUMNS][SAMPLE_LEVELS][SAMPLE_NAME];
	double bins[SAMPLE_COLUMNS][3 + 2 * AE_RANGE_KNOTS];
	uint64_t in_bin[SAMPLE_COLUMNS][5];
	AeReal *params;
	AeReal prototypes[SAMPLE_PROTOTYPES * SAMPLE_INPUTS];
	uint64_t keys[4];             /* of frequent rows */
	uint64_t words[SAMPLE_WORDS]; /* of the filter */
	AeReal judged[SAMPLE_VERDICTS * SAMPLE_INPUTS];
	double reach[SAMPLE_VERDICTS];
	AeReal centre[SAMPLE_INPUTS];
	AeReal spread[SAMPLE_INPUTS];
	uint32_t slots[SAMPLE_SLOTS];
	double score[AE_CALIBRATION_POINTS];
	uint64_t n_above[AE_CALIBRATION_POINTS];
	AeEpoch history[AE_MAX_HISTORY];
	uint64_t seed;
	uint32_t drawn;
} Sample;

static inline uint32_t
sample_u32(Sample *s)
{
	uint32_t counter[4] = {s->drawn++, 0, 0, 0x5a};
	uint32_t out[4];

	ae_philox(out, counter, s->seed);
	return out[0];
}

/* 0 .. bound - 1 */
static inline uint32_t
sample_below(Sample *s, uint32_t bound)
{
	return (uint32_t) (((uint64_t) sample_u32(s) * bound) >> 32);
}

/* Uniform on [low, high) in steps of 2^-24 of the range. */
static inline double
sample_real(Sample *s, double low, double high)
{
	return low + (high - low) * ((double) (sample_u32(s) >> 8) * 0x1p-24);
}

static inline void
sample_name(Sample *s, uint32_t c)
{
	AeColumn *column = &s->columns[c];

	if (s->model.schema.is_array || column->element > 1)
		return;
	snprintf(s->names[c], SAMPLE_NAME, "%s_%u", c % 3 == 2 ? "gr\xc3\xb6\xc3\x9f\x65" : "f", c);
	column->name = s->names[c];
	column->name_len = (uint32_t) strlen(s->names[c]);
}

static inline void
sample_make_constant(AeColumn *column)
{
	column->varies = false;
	column->min = column->max = column->mean;
	column->sd = column->shift = 0.0;
	column->scale = 1.0;
}

/* A number or boolean; the draws are those of the first golden models. */
static inline void
sample_plain_column(Sample *s, uint32_t c, bool varies, AeScaling scaling)
{
	AeColumn *column = &s->columns[c];
	bool boolean = sample_below(s, 4) == 0 && !s->model.schema.is_array;

	column->kind = boolean ? AE_KIND_BOOLEAN : AE_KIND_NUMBER;
	column->scaling = boolean ? AE_SCALING_NONE : scaling;
	column->varies = column->observed = true;
	sample_name(s, c);
	column->min = sample_real(s, -100.0, 100.0);
	column->max = column->min + sample_real(s, 1.0, 50.0);
	column->mean = (column->min + column->max) / 2;
	column->sd = (column->max - column->min) / 4;
	column->shift = scaling == AE_SCALING_MINMAX ? column->min : column->mean;
	column->scale = scaling == AE_SCALING_MINMAX ? column->max - column->min : column->sd;
	if (boolean || scaling == AE_SCALING_NONE)
	{
		column->shift = 0.0;
		column->scale = 1.0;
	}
	if (boolean)
	{
		column->min = 0.0;
		column->max = 1.0;
		column->mean = sample_real(s, 0.125, 0.875);
		column->sd = 0.25;
	}
	if (!varies)
		sample_make_constant(column);
}

/* Unseen values of what is known have a price. */
static inline void
sample_unseen(AeSchema *schema)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
		schema->columns[c].unseen = ae_column_is_known(&schema->columns[c]) ? 100.0 + c : 0.0;
}

static inline void
sample_plain_schema(Sample *s, uint32_t n_columns)
{
	AeSchema *schema = &s->model.schema;
	AeScaling scaling;

	schema->is_array = sample_below(s, 4) == 0;
	schema->raw_names = sample_below(s, 4) == 0;
	scaling = (AeScaling) sample_below(s, 3);
	schema->n_columns = n_columns;
	schema->columns = s->columns;
	for (uint32_t c = 0; c < n_columns; c++)
		sample_plain_column(s, c, c == n_columns / 2 || sample_below(s, 6) > 0, scaling);
	sample_unseen(schema);
	ae_schema_layout(schema);
}

/* Levels in their order; texts of 0 to 10 bytes. */
static inline void
sample_levels(Sample *s, uint32_t c)
{
	AeColumn *column = &s->columns[c];
	uint64_t count = 1000;

	column->kind = AE_KIND_CATEGORY;
	column->n_levels = sample_below(s, SAMPLE_LEVELS);
	column->other = sample_below(s, 2) ? 1 + sample_below(s, 50) : 0;
	column->levels = s->levels[c];
	for (uint32_t i = 0; i < column->n_levels; i++)
	{
		char *text = s->texts[c][i];

		snprintf(text, SAMPLE_NAME, i == 0 ? "" : i % 2 ? "level %u" : "\xc3\xa4 %u", i);
		if (i % 2)
			count -= 1 + sample_below(s, 150);
		s->levels[c][i] = (AeLevel){text, (uint32_t) strlen(text), count};
	}
	column->observed = ae_column_outputs(column) > 0;
	column->varies = ae_column_outputs(column) > 1;
}

/* Shift, scale and knots of a number or time with a range, as such scalings have them. */
static inline void
sample_scaling(Sample *s, uint32_t c)
{
	AeColumn *column = &s->columns[c];
	double knot = column->min;

	column->shift = column->mean;
	column->scale = column->sd;
	if (column->scaling == AE_SCALING_NONE)
	{
		column->shift = 0.0;
		column->scale = 1.0;
	}
	if (column->scaling == AE_SCALING_MINMAX)
	{
		column->shift = column->min;
		column->scale = column->max - column->min;
	}
	if (column->scaling == AE_SCALING_LOG)
	{
		column->shift = 1.5;
		column->scale = 0.75;
	}
	if (column->scaling != AE_SCALING_QUANTILE)
		return;
	column->knots = s->knots[c];
	for (int k = 0; k < AE_KNOTS; k++)
	{
		s->knots[c][k] = knot;
		/* ties, and steps */
		knot += sample_below(s, 4) == 0 ? 0.0 : sample_real(s, 0.0, column->sd / 8);
	}
	column->shift = s->knots[c][AE_KNOTS / 2];
	column->scale = column->sd;
}

/* Columns of any kind from c on, an array column taking up to three; returns the next. */
static inline uint32_t
sample_mixed_column(Sample *s, uint32_t c, uint32_t n_columns)
{
	static const AeKind kinds[] = {AE_KIND_NUMBER,  AE_KIND_NUMBER,   AE_KIND_BOOLEAN,
								   AE_KIND_TIME,    AE_KIND_CATEGORY, AE_KIND_CATEGORY,
								   AE_KIND_CATEGORY};
	AeKind kind = kinds[sample_below(s, 7)];
	uint32_t n_elements = kind == AE_KIND_NUMBER && sample_below(s, 3) == 0 ? 3 : 0;
	uint32_t end = c + (n_elements ? n_elements : 1);
	bool standard = ae_boolean_loss(s->model.loss, s->model.category_loss) == AE_LOSS_MSE;

	for (uint32_t element = n_elements ? 1 : 0; c < end && c < n_columns; c++, element++)
	{
		AeColumn *column = &s->columns[c];

		column->element = element;
		column->n_missing = sample_below(s, 3) ? 0 : sample_below(s, 1000);
		sample_name(s, c);
		column->scale = 1.0;
		if (kind == AE_KIND_CATEGORY)
		{
			sample_levels(s, c);
			continue;
		}
		column->kind = kind;
		column->observed = column->varies = true;
		column->indicator = sample_below(s, 3) == 0;
		column->min = kind == AE_KIND_BOOLEAN ? 0.0 : sample_real(s, -100.0, 100.0);
		column->max = column->min + (kind == AE_KIND_BOOLEAN ? 1.0 : sample_real(s, 1.0, 50.0));
		column->mean = (column->min + column->max) / 2;
		column->sd = (column->max - column->min) / 4;
		column->scaling = (AeScaling) sample_below(s, AE_SCALING_BINS);
		if (kind == AE_KIND_BOOLEAN)
			column->scaling = standard ? AE_SCALING_STANDARD : AE_SCALING_NONE;
		if (kind == AE_KIND_TIME)
			column->parts = sample_below(s, AE_PART_ALL + 1);
		if (sample_below(s, 8) == 0)
			sample_make_constant(column);
		else
			sample_scaling(s, c);
	}
	return c;
}

static inline void
sample_mixed_schema(Sample *s, uint32_t n_columns)
{
	AeSchema *schema = &s->model.schema;

	schema->raw_names = sample_below(s, 4) == 0;
	schema->clip = sample_below(s, 2) ? 0.0 : 8.0;
	schema->max_levels = 100;
	schema->min_frequency = 5;
	schema->n_columns = n_columns;
	schema->columns = s->columns;
	for (uint32_t c = 0; c < n_columns;)
		c = sample_mixed_column(s, c, n_columns);
	sample_unseen(schema);
	ae_schema_layout(schema);
	if (schema->n_varying > 0)
		return;
	s->columns[0] = (AeColumn){.name = s->columns[0].name,
							   .name_len = s->columns[0].name_len,
							   .element = s->columns[0].element,
							   .observed = true,
							   .varies = true,
							   .scale = 1.0};
	ae_schema_layout(schema);
}

/* Widths, weights and layout for the schema as it stands; params are the sample's to free. */
static inline void
sample_net(Sample *s, uint32_t n_layers, uint32_t widest)
{
	AeModel *model = &s->model;
	AeNet *net = &model->net;
	size_t n_params;

	ae_schema_blocks(&net->layout, s->blocks, s->indicators, &model->schema, model->loss,
					 model->category_loss);
	net->n_layers = n_layers;
	net->n_encoder = 1 + sample_below(s, n_layers - 1);
	for (uint32_t l = 0; l <= n_layers; l++)
		net->width[l] = l == 0          ? ae_layout_inputs(&net->layout)
						: l == n_layers ? ae_layout_outputs(&net->layout)
										: 1 + sample_below(s, widest);
	net->skip = s->seed % 3 == 2 && n_layers > 2;
	net->top_k = s->seed % 4 == 3 ? (net->width[net->n_encoder] + 1) / 2 : 0;
	for (uint32_t l = 0; l < n_layers; l++)
		net->activation[l] = (AeActivation) ((l + sample_below(s, 2)) % AE_ACTIVATION_COUNT);
	n_params = ae_net_n_params(net);
	s->params = malloc(n_params * sizeof(AeReal));
	if (!s->params || net->width[0] > SAMPLE_INPUTS)
		abort();
	for (uint32_t l = 0; l < n_layers; l++)
	{
		size_t at = ae_net_offset(net, l);
		size_t count = ae_net_n_weights(net, l) + net->width[l + 1];
		double reach = 2.0 / (1.0 + net->width[l] / 8.0);

		for (size_t i = 0; i < count; i++)
			s->params[at + i] = (AeReal) (float) sample_real(s, -reach, reach);
	}
	model->params = s->params;
}

static inline void
sample_outcome(Sample *s)
{
	AeModel *model = &s->model;

	model->options = (AeTrainOptions){
		.optimizer = (AeOptimizer) sample_below(s, AE_OPTIMIZER_COUNT),
		.schedule = (AeSchedule) sample_below(s, AE_SCHEDULE_COUNT),
		.learning_rate = 0.003,
		.final_rate = 0.01,
		.warmup = 0.05,
		.momentum = 0.9,
		.beta1 = 0.9,
		.beta2 = 0.99,
		.epsilon = 1e-8,
		.weight_decay = 1e-5,
		.clip_norm = 1.0,
		.noise = 0.2,
		.masking = 0.15,
		.sparse = (AePenalty) (s->seed % (AE_PENALTY_KL + 1)),
		.sparse_hidden = s->seed % 2 == 1,
		.sparse_weight = 0.25,
		.sparse_target = 0.125,
		.dropout = 0.0625,
		.salt_pepper = 0.03125,
		.swap = 0.375,
		.emphasis = 0.75,
		.contract_weight = 0.01,
		.contract_exact = true,
		.code_noise = 4,
		.aux_weight = 0.0078125,
		.target_weight = 0.25,
		.weight_prior = AE_PRIOR_LAPLACE,
		.batch_norm = true,
		.batch_top_k = 3,
		.pretrain = AE_PRETRAIN_DENOISING,
		.pretrain_updates = 77,
		.neighbours_weight = 0.875,
		.neighbours_k = 9,
		.neighbours_metric = AE_METRIC_COSINE,
		.tied = s->seed % 3 == 1,
		.updates = 1000,
		.batch_size = 128,
		.validation = 0.1,
		.patience = 5,
		.time_limit = 60,
		.seed = 0x123456789abcdef0u,
	};
	model->state = (AeTrainState) sample_below(s, AE_TRAIN_STATE_COUNT);
	model->filling = (AeFilling) (s->seed % AE_FILLING_COUNT);
	model->n_rows = 1 + sample_u32(s);
	model->n_validation = model->n_rows / 10;
	model->n_updates = 1000;
	model->n_epochs = 12;
	model->best_epoch = 7;
	model->train_loss = sample_below(s, 2) ? sample_real(s, 0.0, 1.0) : NAN;
	model->validation_loss = sample_below(s, 2) ? sample_real(s, 0.0, 1.0) : NAN;
	model->mean_loss = sample_real(s, 0.0, 1.0);
	model->pca_loss = sample_below(s, 2) ? sample_real(s, 0.0, 1.0) : NAN;
	model->seconds = 1.5;
	model->code_zeros = 0.25;
	model->code_mean = -0.5;
	model->n_dead = sample_below(s, model->net.width[model->net.n_encoder] + 1);
	model->server_version = 150012;
	model->jacobian = s->seed % 2 == 1 ? 1.75 : NAN;
	model->recall = s->seed % 2 == 0 ? 0.75 : NAN;
	model->pca_recall = s->seed % 4 == 0 ? 0.625 : NAN;
}

static inline void
sample_tables(Sample *s, uint32_t n_points, uint32_t n_history)
{
	AeCalibration *calibration = &s->model.calibration;
	double score = 4096.0;
	uint64_t above = 0;

	calibration->score = s->score;
	calibration->n_above = s->n_above;
	calibration->n_points = n_points;
	calibration->unseen = n_points > 0 && sample_below(s, 2);
	for (uint32_t i = 0; i < n_points; i++)
	{
		s->score[i] = i == 0 && sample_below(s, 4) == 0 ? INFINITY : score;
		s->n_above[i] = above += 1 + sample_below(s, 3);
		score *= sample_real(s, 0.5, 0.999);
	}
	calibration->n = above;
	s->model.history = s->history;
	s->model.n_history = n_history;
	for (uint32_t i = 0; i < n_history; i++)
	{
		s->history[i].epoch = i + 1;
		s->history[i].train_loss = (float) sample_real(s, 0.0, 2.0);
		s->history[i].validation_loss = sample_below(s, 2) ? (float) sample_real(s, 0.0, 2.0) : NAN;
	}
}

static inline AeSketch *
sample_sketch(Sample *s, Sample *draw, uint32_t c, int which, uint32_t n_bins)
{
	AeSketch *sketch = &s->sketches[c][which];

	sketch->n_missing = sample_below(draw, 9);
	sketch->n_cuts = n_bins > 0 ? 0 : sample_below(draw, SAMPLE_CUTS + 1);
	sketch->n_bins = n_bins > 0 ? n_bins : sketch->n_cuts + 1;
	sketch->cut = s->cuts[c][which];
	sketch->count = s->counts[c][which];
	for (uint32_t i = 0; i < sketch->n_cuts; i++)
		sketch->cut[i] = i + sample_real(draw, -0.4, 0.4);
	for (uint32_t i = 0; i < sketch->n_bins; i++)
		sketch->count[i] = sample_u32(draw);
	return sketch;
}

/* Sketches of all columns, and of their errors, by draws of their own. */
static inline void
sample_sketches(Sample *s, bool errors)
{
	Sample draw = {.seed = s->seed ^ 0x736b65746368u};

	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
	{
		AeColumn *column = &s->columns[c];
		bool category = column->kind == AE_KIND_CATEGORY;

		column->sketch =
			sample_sketch(s, &draw, c, 0, category ? ae_column_outputs(column) + 1 : 0);
		if (!errors || column->element > 1)
			continue;
		column->errors = sample_sketch(s, &draw, c, 1, 0);
		column->mean_error = sample_real(&draw, 0.0, 2.0);
	}
}

/* How cells look without their farthest value, by draws of their own; the model has its layout. */
static inline void
sample_extremes(Sample *s, double weight)
{
	Sample draw = {.seed = s->seed ^ 0x65787472656d65u};
	AeExtremes *extremes = &s->model.extremes;

	extremes->weight = weight;
	extremes->centre = s->centre;
	extremes->spread = s->spread;
	for (uint32_t j = 0; j < s->model.net.layout.n_dense; j++)
	{
		s->centre[j] = (AeReal) (float) sample_real(&draw, -1.0, 1.0);
		s->spread[j] = (AeReal) (float) sample_real(&draw, -0.02, 0.25);
		s->spread[j] = s->spread[j] > 0 ? s->spread[j] : 0;
	}
}

/* Verdicts, by draws of their own, some cells missing; the model has its layout. */
static inline void
sample_verdicts(Sample *s, uint32_t n_confirmed, uint32_t n_dismissed)
{
	const AeLayout *layout = &s->model.net.layout;
	Sample draw = {.seed = s->seed ^ 0x76657264696374u};
	uint32_t n_cells = ae_layout_cells(layout);

	for (uint32_t i = 0; i < (n_confirmed + n_dismissed) * n_cells; i++)
	{
		uint32_t cell = i % n_cells;

		s->judged[i] = (AeReal) (float) sample_real(&draw, -2.0, 2.0);
		if (cell >= layout->n_dense + layout->n_categories)
			s->judged[i] = (AeReal) sample_below(&draw, 6);
		else if (cell >= layout->n_dense)
		{
			uint32_t block = layout->n_blocks - layout->n_categories + cell - layout->n_dense;

			s->judged[i] =
				(AeReal) ((double) sample_below(&draw, layout->blocks[block].count + 1) - 1.0);
		}
		if (sample_below(&draw, 8) == 0)
			s->judged[i] = (AeReal) NAN;
	}
	for (uint32_t i = 0; i < n_confirmed; i++)
		s->reach[i] = sample_real(&draw, 0.01, 1.0);
	s->model.verdicts =
		(AeVerdicts){n_confirmed, n_dismissed, s->reach, sample_real(&draw, 0.1, 1.0), s->judged};
}

/* n prototypes, and norms, by draws of their own; the model has its layout. */
static inline void
sample_prototypes(Sample *s, uint32_t n)
{
	const AeLayout *layout = &s->model.net.layout;
	Sample draw = {.seed = s->seed ^ 0x70726f746f747970u};
	uint32_t n_cells = ae_layout_cells(layout);

	for (uint32_t i = 0; i < n * n_cells; i++)
	{
		uint32_t cell = i % n_cells;

		s->prototypes[i] = (AeReal) (float) sample_real(&draw, -2.0, 2.0);
		if (cell >= layout->n_dense + layout->n_categories)
			s->prototypes[i] = 0;
		else if (cell >= layout->n_dense)
			s->prototypes[i] = (AeReal) sample_below(
				&draw,
				layout->blocks[layout->n_blocks - layout->n_categories + cell - layout->n_dense]
					.count);
	}
	s->model.prototypes.n = n;
	s->model.prototypes.cells = s->prototypes;
	s->model.error_norm = sample_real(&draw, 0.25, 4.0);
	s->model.distance_norm = n > 0 ? sample_real(&draw, 0.25, 4.0) : 1.0;
	sample_extremes(s, n % 2 ? sample_real(&draw, 0.0, 1.0) : 0.0);
	for (uint32_t i = 0; i < n % 4; i++)
		s->keys[i] = i * (UINT64_MAX / 3);
	s->model.frequent = (AeFrequent){n % 4, s->keys};
	s->model.filter = (AeFilter){0};
	if (n % 3 > 0)
		s->model.filter = (AeFilter){1 + n % SAMPLE_WORDS, 1 + n % AE_MAX_PROBES, s->words};
	for (uint32_t i = 0; i < s->model.filter.n_words; i++)
		s->words[i] = (uint64_t) i << 40 | n;
}

/* A target of that kind, its head by draws of its own; the model has its net, and names. */
static inline void
sample_target(Sample *s, AeKind kind)
{
	static const char *const texts[] = {"", "no", "\xc3\xa4", "yes"};
	AeSchema *schema = &s->model.schema;
	AeNet *net = &s->model.net;
	Sample draw = {.seed = s->seed ^ 0x746172676574u};
	AeColumn target = {.name = "aim",
					   .name_len = 3,
					   .kind = kind,
					   .observed = true,
					   .varies = true,
					   .cell = -1,
					   .scale = 1.0,
					   .n_missing = 7};

	if (kind == AE_KIND_NUMBER)
	{
		target.shift = target.mean = -2.5;
		target.scale = target.sd = 0.75;
		target.min = -8.0;
	}
	if (kind == AE_KIND_CATEGORY)
	{
		target.n_levels = 4;
		target.other = 2;
		target.levels = s->levels[SAMPLE_COLUMNS];
		for (uint32_t i = 0; i < 4; i++)
			target.levels[i] = (AeLevel){texts[i], (uint32_t) strlen(texts[i]), 90 - 10 * i};
	}
	schema->has_target = true;
	schema->target = target;
	net->n_target = kind == AE_KIND_CATEGORY ? 4 : kind == AE_KIND_BOOLEAN ? 2 : 1;
	s->model.target_loss = 0.375;
	s->model.target_accuracy = kind == AE_KIND_NUMBER ? -0.5 : 0.875;
	s->params = realloc(s->params, ae_net_n_params(net) * sizeof(AeReal));
	if (!s->params)
		abort();
	for (size_t i = ae_net_head_offset(net); i < ae_net_n_params(net); i++)
		s->params[i] = (AeReal) (float) sample_real(&draw, -1.0, 1.0);
	s->model.params = s->params;
}

/* Codes that are drawn, and outputs with variances, by draws of their own; the model has its net. */
static inline void
sample_drawn(Sample *s)
{
	AeNet *net = &s->model.net;
	Sample draw = {.seed = s->seed ^ 0x647261776e21u};

	net->spread = 1;
	net->variance = AE_VARIANCE_COLUMN;
	s->model.options.distribution = AE_DISTRIBUTION_MIXED;
	s->model.options.variance = AE_VARIANCE_COLUMN;
	s->model.options.variational_beta = 0.5;
	s->model.log_likelihood = -12.5;
	s->model.divergence = 3.25;
	s->model.n_collapsed = 1;
	s->params = realloc(s->params, ae_net_n_params(net) * sizeof(AeReal));
	if (!s->params)
		abort();
	for (size_t i = ae_net_spread_offset(net); i < ae_net_n_params(net); i++)
		s->params[i] = (AeReal) (float) sample_real(&draw, -1.0, 1.0);
	s->model.params = s->params;
}

static inline Sample *
sample_of(uint64_t seed, bool mixed, uint32_t n_columns, uint32_t n_layers, uint32_t widest,
		  uint32_t n_points, uint32_t n_history)
{
	Sample *s = calloc(1, sizeof(Sample));

	if (!s || n_columns > SAMPLE_COLUMNS)
		abort();
	s->seed = seed;
	s->model.format = AE_MODEL_FORMAT;
	s->model.arithmetic = AE_MODEL_ARITHMETIC;
	s->model.purpose = (AePurpose) sample_below(s, AE_PURPOSE_GENERATE);
	s->model.loss = (AeLoss) sample_below(s, 2);
	if (seed % 7 == 3 || seed % 7 == 5)
		s->model.loss = seed % 7 == 3 ? AE_LOSS_MAE : AE_LOSS_HUBER;
	s->model.category_loss = AE_LOSS_SOFTMAX;
	if (mixed && sample_below(s, 2))
		s->model.category_loss = AE_LOSS_ONEHOT;
	if (mixed)
		sample_mixed_schema(s, n_columns);
	else
		sample_plain_schema(s, n_columns);
	sample_net(s, n_layers, widest);
	sample_outcome(s);
	sample_tables(s, n_points, n_history);
	s->model.target_loss = s->model.target_accuracy = NAN;
	s->model.error_norm = s->model.distance_norm = 1.0;
	s->model.prototypes.cells = s->prototypes;
	return s;
}

/* A plain model of the given size, everything else drawn from seed; sample_free it. */
static inline Sample *
sample_build(uint64_t seed, uint32_t n_columns, uint32_t n_layers, uint32_t widest,
			 uint32_t n_points, uint32_t n_history)
{
	return sample_of(seed, false, n_columns, n_layers, widest, n_points, n_history);
}

/*
 * Sizes drawn from the seed as well; models of odd seeds are mixed; of five, two have prototypes;
 * of those whose rows are no arrays, two of three have a target.
 */
static inline Sample *
sample_random(uint64_t seed)
{
	Sample draw = {.seed = ~seed};
	bool mixed = seed % 2;
	uint32_t n_columns = 1 + sample_below(&draw, mixed ? SAMPLE_COLUMNS / 2 : SAMPLE_COLUMNS);
	uint32_t n_layers = 2 + sample_below(&draw, 5);
	uint32_t n_points = sample_below(&draw, 3) ? sample_below(&draw, 40) : 0;
	Sample *s;

	s = sample_of(seed, mixed, n_columns, n_layers, SAMPLE_WIDTH, n_points,
				  sample_below(&draw, 20));
	if (seed % 5 > 2)
		sample_prototypes(s, 1 + sample_below(&draw, SAMPLE_PROTOTYPES));
	if (seed % 3 > 0 && !s->model.schema.is_array)
		sample_target(s, seed % 3 == 1   ? AE_KIND_CATEGORY
						 : seed % 4 == 1 ? AE_KIND_NUMBER
										 : AE_KIND_BOOLEAN);
	return s;
}

/* Bins of a number: up to three points and two ranges. */
static inline void
sample_bins(Sample *s, uint32_t c)
{
	AeBins *bins = &s->columns[c].bins;
	double last = s->columns[c].min;

	*bins = (AeBins){.n_points = sample_below(s, 4),
					 .n_ranges = sample_below(s, 3),
					 .numbers = s->bins[c],
					 .count = s->in_bin[c],
					 .grain = sample_below(s, 2) ? 0.25 : 0.0};
	for (uint32_t i = 0; i < ae_bins_n(bins); i++)
		bins->count[i] = 1 + sample_below(s, 100);
	for (uint32_t i = 0; i < ae_bins_numbers(bins); i++)
	{
		last = i == bins->n_points ? s->columns[c].min : last + 1 + sample_below(s, 3);
		bins->numbers[i] = last;
	}
}

/* A model that draws rows, small or not by its seed. */
static inline Sample *
sample_drawing(uint64_t seed)
{
	Sample *s = sample_of(seed, true, 1 + seed % 12, 2 + seed % 3, 20, 0, 3);
	AeSchema *schema = &s->model.schema;

	s->model.purpose = AE_PURPOSE_GENERATE;
	schema->draws = true;
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeColumn *column = &s->columns[c];

		column->parts = 0;
		column->indicator = column->wide = false;
		column->null_level = column->n_missing > 0;
		if (column->kind != AE_KIND_CATEGORY)
		{
			column->scaling = AE_SCALING_BINS;
			column->max = column->min + 100;
			sample_bins(s, c);
			column->observed = true;
		}
		if (c == 0 && ae_column_outputs(column) < 2)
		{
			column->null_level = true;
			column->n_missing = 3;
			column->observed |= column->kind != AE_KIND_CATEGORY;
		}
		if (c == 0 && ae_column_outputs(column) < 2 && column->kind == AE_KIND_CATEGORY)
		{
			column->other = 4;
			column->observed = true;
		}
		if (c == 0 && ae_column_outputs(column) < 2)
		{
			column->bins.n_points = 1;
			column->bins.numbers[0] = column->min;
			column->bins.count[0] = 5;
		}
		column->varies = ae_column_outputs(column) > 1;
	}
	sample_unseen(schema);
	ae_schema_layout(schema);
	free(s->params);
	sample_net(s, 2 + seed % 3, 20);
	s->model.n_dead = 0;
	return s;
}

/* A model to work by hand: 2-1-2, linear, code = (x0 + x1) / 2, both outputs gain x code. */
typedef struct SampleMean
{
	AeModel model;
	AeColumn columns[2];
	AeBlock blocks[2];
	uint32_t indicators[2];
	AeReal params[7];
} SampleMean;

static inline void
sample_mean(SampleMean *t, AeReal gain)
{
	const AeReal params[] = {0.5, 0.5, 0, gain, gain, 0, 0};
	AeNet *net = &t->model.net;

	memset(t, 0, sizeof *t);
	memcpy(t->params, params, sizeof params);
	for (int c = 0; c < 2; c++)
		t->columns[c] =
			(AeColumn){.kind = AE_KIND_NUMBER, .varies = true, .scale = 1, .min = -10, .max = 10};
	t->model.schema.n_columns = 2;
	t->model.schema.columns = t->columns;
	t->model.params = t->params;
	ae_schema_layout(&t->model.schema);
	ae_schema_blocks(&net->layout, t->blocks, t->indicators, &t->model.schema, AE_LOSS_MSE,
					 AE_LOSS_SOFTMAX);
	net->n_layers = 2;
	net->n_encoder = 1;
	net->width[0] = net->width[2] = 2;
	net->width[1] = 1;
	if (ae_net_check(net, NULL) != AE_OK)
		abort();
}

static inline void
sample_free(Sample *s)
{
	free(s->params);
	free(s);
}

/*
 * Values of one row: of ordinary size; of categories any level, and one unseen; with nulls, a
 * third of them missing.
 */
static inline void
sample_row(Sample *s, double *values, bool *missing, bool nulls)
{
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
	{
		const AeColumn *column = &s->columns[c];

		missing[c] = nulls && sample_below(s, 3) == 0;
		if (column->kind == AE_KIND_BOOLEAN)
			values[c] = sample_below(s, 2);
		else if (column->wide)
			values[c] =
				sample_below(s, ae_column_outputs(column)) + AE_TAG_STRIDE * sample_below(s, 6);
		else if (column->kind == AE_KIND_CATEGORY)
			values[c] = (double) sample_below(s, ae_column_outputs(column) + 1) - 1.0;
		else
			values[c] = column->mean + column->sd * sample_real(s, -3.0, 3.0);
		if (column->kind == AE_KIND_TIME)
			values[c] *= 86400.0 * 30.0;
	}
}

/*
 * Makes categories with `other` wide, and their pairs those of 40 rows; the net and its weights
 * are drawn anew.  False if there are none.
 */
static inline bool
sample_wide(Sample *s)
{
	AeModel *model = &s->model;
	const AeLayout *layout = &model->net.layout;
	AePairCounts counts;
	AeError error = {0};
	size_t size;
	void *block;

	for (uint32_t c = 0; c < model->schema.n_columns; c++)
		s->columns[c].wide = s->columns[c].kind == AE_KIND_CATEGORY && s->columns[c].varies &&
							 s->columns[c].other > 0;
	ae_schema_layout(&model->schema);
	free(s->params);
	sample_net(s, model->net.n_layers, SAMPLE_WIDTH);
	model->n_dead = 0;
	if (layout->n_wide == 0)
		return false;
	if (ae_pair_counts_size(&size, layout, 40, &error) != AE_OK || !(block = malloc(size)))
		abort();
	ae_pair_counts_init(&counts, block, layout, 40);
	for (int r = 0; r < 40; r++)
	{
		AeReal cells[SAMPLE_INPUTS];
		double values[SAMPLE_COLUMNS];
		bool missing[SAMPLE_COLUMNS];

		sample_row(s, values, missing, r % 2);
		ae_scaler_apply(cells, &model->schema, values, missing);
		ae_pair_counts_add(&counts, cells);
	}
	if (ae_pair_counts_slots(&counts) > SAMPLE_SLOTS)
		abort();
	ae_pairs_pack(&model->pairs, s->slots, &counts);
	free(block);
	return true;
}

/* The model's bytes in a block of exactly their size; NULL where the writer refuses. */
static inline uint8_t *
sample_write(const AeModel *model, size_t *length, AeError *error)
{
	uint8_t *bytes;

	if (ae_model_written_size(length, model, error, NULL) != AE_OK)
		return NULL;
	bytes = malloc(*length);
	if (!bytes)
		abort();
	ae_model_write(bytes, *length, model, NULL);
	return bytes;
}

/* The bundle's bytes in a block of exactly their size; NULL where the writer refuses. */
static inline uint8_t *
sample_write_bundle(const AeBundleBytes *bundle, size_t *length, AeError *error)
{
	uint8_t *bytes;

	if (ae_bundle_written_size(length, bundle, error) != AE_OK)
		return NULL;
	bytes = malloc(*length);
	if (!bytes)
		abort();
	ae_bundle_write(bytes, *length, bundle, NULL);
	return bytes;
}

/* What another fold has of its own: levels, widths and weights; and prototypes. */
static inline void
sample_make_fold(Sample *s)
{
	s->seed ^= 0x666f6c64u;
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
		if (s->columns[c].kind == AE_KIND_CATEGORY && s->columns[c].n_levels > 2)
		{
			s->columns[c].other += s->levels[c][--s->columns[c].n_levels].count;
			s->columns[c].levels[0].count++;
		}
	ae_schema_layout(&s->model.schema);
	free(s->params);
	sample_net(s, s->model.net.n_layers, SAMPLE_WIDTH / 2);
	s->model.n_dead = 0;
	sample_prototypes(s, 3);
}

/* What another member of a fold has of its own: weights. */
static inline void
sample_make_member(Sample *s, uint32_t member)
{
	Sample draw = {.seed = s->seed ^ (0x6d656d00u + member)};
	size_t n = ae_net_n_params(&s->model.net);

	for (size_t i = 0; member > 0 && i < n; i++)
		s->params[i] = (AeReal) (float) sample_real(&draw, -0.25, 0.25);
	s->model.error_norm *= 1.0 + member;
}

/* Network i of a bundle of n_members a fold, from a sample that any call makes anew. */
static inline void
sample_make_network(Sample *s, uint32_t i, uint32_t n_members)
{
	if (i / n_members > 0)
		sample_make_fold(s);
	sample_make_member(s, i % n_members);
}

static inline void
sample_put(uint8_t *bytes, size_t at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes[at + i] = (uint8_t) (value >> (8 * i));
}

static inline uint64_t
sample_get(const uint8_t *bytes, size_t at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t) bytes[at + i] << (8 * i);
	return value;
}

/* Makes length and checksum right for whatever stands in bytes; needs a whole header. */
static inline void
sample_seal(uint8_t *bytes, size_t length)
{
	sample_put(bytes, 16, length, 8);
	sample_put(bytes, 24, ae_crc32c(ae_crc32c(0, bytes, 24), bytes + 28, length - 28), 4);
}

#endif
