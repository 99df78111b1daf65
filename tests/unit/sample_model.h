/*
 * sample_model.h: models made up from a seed, for tests, fuzzer seeds and golden
 * files.  Only integer arithmetic and exact conversions make the numbers, so that
 * they are the same on every machine.
 */
#ifndef SAMPLE_MODEL_H
#define SAMPLE_MODEL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ae_crc32c.h"
#include "ae_model.h"
#include "ae_rng.h"

#define SAMPLE_COLUMNS 40
#define SAMPLE_WIDTH 48
#define SAMPLE_NAME 24

/* Where the parts of model bytes begin, by the table in ae_model.h. */
#define SAMPLE_AT_SCHEMA 32
#define SAMPLE_AT_COLUMNS 48

typedef struct Sample
{
	AeModel model;
	AeColumn columns[SAMPLE_COLUMNS];
	char names[SAMPLE_COLUMNS][SAMPLE_NAME];
	AeReal *params;
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
sample_column(Sample *s, uint32_t c, bool varies)
{
	AeSchema *schema = &s->model.schema;
	AeColumn *column = &schema->columns[c];

	column->kind = sample_below(s, 4) == 0 ? AE_KIND_BOOLEAN : AE_KIND_NUMBER;
	column->input = varies ? 0 : -1; /* numbered later */
	if (!schema->is_array)
	{
		snprintf(s->names[c], SAMPLE_NAME, "%s_%u", c % 3 == 2 ? "gr\xc3\xb6\xc3\x9f\x65" : "f", c);
		column->name = s->names[c];
		column->name_len = (uint32_t) strlen(s->names[c]);
	}
	column->min = sample_real(s, -100.0, 100.0);
	column->max = column->min + sample_real(s, 1.0, 50.0);
	column->mean = (column->min + column->max) / 2;
	column->sd = (column->max - column->min) / 4;
	column->shift = schema->scaling == AE_SCALING_MINMAX ? column->min : column->mean;
	column->scale = schema->scaling == AE_SCALING_MINMAX ? column->max - column->min : column->sd;
	if (column->kind == AE_KIND_BOOLEAN || schema->scaling == AE_SCALING_NONE)
	{
		column->shift = 0.0;
		column->scale = 1.0;
	}
	if (column->kind == AE_KIND_BOOLEAN)
	{
		column->min = 0.0;
		column->max = 1.0;
		column->mean = sample_real(s, 0.125, 0.875);
		column->sd = 0.25;
	}
	if (!varies)
	{
		column->shift = column->min = column->max = column->mean;
		column->sd = column->scale = 0.0;
	}
}

static inline void
sample_schema(Sample *s, uint32_t n_columns)
{
	AeSchema *schema = &s->model.schema;
	uint32_t next = 0;

	schema->is_array = sample_below(s, 4) == 0;
	schema->raw_names = sample_below(s, 4) == 0;
	schema->scaling = (AeScaling) sample_below(s, AE_SCALING_COUNT);
	schema->n_columns = n_columns;
	schema->columns = s->columns;
	for (uint32_t c = 0; c < n_columns; c++)
		sample_column(s, c, c == n_columns / 2 || sample_below(s, 6) > 0);
	for (int kind = 0; kind < AE_KIND_COUNT; kind++)
		for (uint32_t c = 0; c < n_columns; c++)
			if ((int) s->columns[c].kind == kind && s->columns[c].input >= 0)
				s->columns[c].input = (int32_t) next++;
	schema->n_inputs = next;
}

static inline void
sample_net(Sample *s, uint32_t n_layers, uint32_t widest)
{
	AeModel *model = &s->model;
	AeNet *net = &model->net;
	size_t n_params;

	net->n_layers = n_layers;
	net->n_encoder = 1 + sample_below(s, n_layers - 1);
	for (uint32_t l = 0; l <= n_layers; l++)
		net->width[l] =
			l == 0 || l == n_layers ? model->schema.n_inputs : 1 + sample_below(s, widest);
	for (uint32_t l = 0; l < n_layers; l++)
		net->activation[l] = (AeActivation) ((l + sample_below(s, 2)) % AE_ACTIVATION_COUNT);
	net->n_blocks = ae_scaler_blocks(model->blocks, &model->schema, model->loss);
	net->blocks = model->blocks;
	n_params = ae_net_n_params(net);
	s->params = malloc(n_params * sizeof(AeReal));
	if (!s->params)
		abort();
	for (uint32_t l = 0; l < n_layers; l++)
	{
		size_t at = ae_net_offset(net, l);
		size_t count = ((size_t) net->width[l] + 1) * net->width[l + 1];
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
		.updates = 1000,
		.batch_size = 128,
		.validation = 0.1,
		.patience = 5,
		.time_limit = 60,
		.seed = 0x123456789abcdef0u,
	};
	model->state = (AeTrainState) sample_below(s, AE_TRAIN_STATE_COUNT);
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
	model->n_dead = sample_below(s, model->net.width[model->net.n_encoder] + 1);
	model->server_version = 150012;
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

/* A model of the given size, everything else drawn from seed; sample_free it. */
static inline Sample *
sample_build(uint64_t seed, uint32_t n_columns, uint32_t n_layers, uint32_t widest,
			 uint32_t n_points, uint32_t n_history)
{
	Sample *s = calloc(1, sizeof(Sample));

	if (!s)
		abort();
	s->seed = seed;
	s->model.format = AE_MODEL_FORMAT;
	s->model.arithmetic = AE_MODEL_ARITHMETIC;
	s->model.purpose = (AePurpose) sample_below(s, AE_PURPOSE_COUNT);
	s->model.loss = (AeLoss) sample_below(s, AE_LOSS_COUNT);
	sample_schema(s, n_columns);
	sample_net(s, n_layers, widest);
	sample_outcome(s);
	sample_tables(s, n_points, n_history);
	return s;
}

/* Sizes drawn from the seed as well. */
static inline Sample *
sample_random(uint64_t seed)
{
	Sample draw = {.seed = ~seed};
	uint32_t n_columns = 1 + sample_below(&draw, SAMPLE_COLUMNS);
	uint32_t n_layers = 2 + sample_below(&draw, 5);
	uint32_t n_points = sample_below(&draw, 3) ? sample_below(&draw, 40) : 0;

	return sample_build(seed, n_columns, n_layers, SAMPLE_WIDTH, n_points, sample_below(&draw, 20));
}

static inline void
sample_free(Sample *s)
{
	free(s->params);
	free(s);
}

/* The model's bytes in a block of exactly their size; NULL where the writer refuses. */
static inline uint8_t *
sample_write(const AeModel *model, size_t *length, AeError *error)
{
	uint8_t *bytes;

	if (ae_model_written_size(length, model, error) != AE_OK)
		return NULL;
	bytes = malloc(*length);
	if (!bytes)
		abort();
	ae_model_write(bytes, *length, model);
	return bytes;
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
