/*
 * ae_io_detector.c: the bytes of what a model scores with besides its network: calibration,
 * prototypes, extremes, frequent and known rows, pairs, verdicts; and the history of its training.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ae_io_model.h"

#define POINT_BYTES 16
#define EPOCH_BYTES 12

/* The number of possible tags. */
#define N_TAGS 0x1p24f

/* ---- calibration ---- */

static void
io_points(AeIo *io, AeCalibration *calibration)
{
	double last_score = INFINITY;
	uint64_t last_above = 0;

	for (uint32_t i = 0; i < calibration->n_points && io->status == AE_OK; i++)
	{
		size_t start = io->at;
		double score = io->in ? 0.0 : calibration->score[i];
		uint64_t n_above = io->in ? 0 : calibration->n_above[i];

		ae_io_f64(io, &score, AE_IO_SCORE, "calibration score");
		ae_io_u64(io, &n_above);
		if (i > 0 && !(score < last_score))
			ae_io_fault(io, start, "order of calibration scores");
		if (n_above <= last_above)
			ae_io_fault(io, start + 8, "order of calibration ranks");
		last_score = score;
		last_above = n_above;
		if (io->in && calibration->score && io->status == AE_OK)
		{
			calibration->score[i] = score;
			calibration->n_above[i] = n_above;
		}
	}
	if (last_above != calibration->n)
		ae_io_fault(io, io->at, "last calibration rank");
}

void
ae_io_calibration(AeIo *io, AeCalibration *calibration, AeArena *arena)
{
	size_t start = io->at;

	ae_io_count(io, &calibration->n, "number of calibration scores");
	ae_io_u32(io, &calibration->n_points);
	calibration->unseen = ae_io_enum(io, calibration->unseen, 2, "calibration flag") != 0;
	ae_io_reserved(io, 3);
	if (!ae_io_within(io, start + 8, "number of calibration points", calibration->n_points, 0,
					  AE_CALIBRATION_POINTS) ||
		!ae_io_holds(io, calibration->n_points, POINT_BYTES))
		return;
	if (io->in)
	{
		calibration->score = ae_arena_place(arena, calibration->n_points, sizeof(double));
		calibration->n_above = ae_arena_place(arena, calibration->n_points, sizeof(uint64_t));
	}
	io_points(io, calibration);
}

/* The float at an offset of the input. */
static float
load_cell(const AeIo *io, size_t at)
{
	uint32_t bits = ae_io_load_u32(io->in + at);
	float cell;

	memcpy(&cell, &bits, sizeof cell);
	return cell;
}

/* Faults at the first of n cells of prototypes that is impossible in a row. */
static void
check_prototypes(AeIo *io, const AeIoColumns *columns, const AeModel *model, size_t n, size_t start)
{
	const AeLayout *layout = &model->net.layout;
	size_t n_cells = ae_layout_cells(layout);

	for (size_t i = 0; i < n; i++)
	{
		float cell = io->in ? load_cell(io, start + 4 * i) : (float) model->prototypes.cells[i];
		size_t c = i % n_cells;
		bool good = isfinite(cell);

		if (good && c >= layout->n_dense + layout->n_categories)
			good = cell == 0;
		else if (good && c >= layout->n_dense)
			good = cell >= 0 && cell < (float) columns->n_outputs[c - layout->n_dense] &&
				   cell == (float) (uint32_t) cell;
		if (good)
			continue;
		ae_io_fault(io, start + 4 * i, "cell of a prototype");
		return;
	}
}

/* n weights, none of them below low. */
static void
io_cells(AeIo *io, AeReal **cells, size_t n, float low, const char *what, AeArena *arena)
{
	size_t start;

	if (!ae_io_advance(io, &start, 4 * n))
		return;
	if (!io->in)
		ae_io_write_weights(io, *cells, n, start);
	else
	{
		*cells = ae_arena_place(arena, n, sizeof(AeReal));
		ae_io_check_weights(io, io->in + start, n, start);
	}
	for (size_t i = 0; i < n && io->status == AE_OK; i++)
	{
		float cell = io->in ? load_cell(io, start + 4 * i) : (float) (*cells)[i];

		if (!(cell >= low) || (low == 0.0f && signbit(cell)))
			ae_io_fault(io, start + 4 * i, what);
	}
	if (io->in && *cells && io->status == AE_OK)
		ae_io_read_weights(io, *cells, io->in + start, n);
}

void
ae_io_detector(AeIo *io, const AeIoColumns *columns, AeModel *model, AeArena *arena)
{
	AePrototypes *p = &model->prototypes;
	size_t at = io->at, start, n;

	ae_io_f64(io, &model->error_norm, AE_IO_FINITE, "norm of errors");
	ae_io_f64(io, &model->distance_norm, AE_IO_FINITE, "norm of distances");
	if (io->status == AE_OK && (!(model->error_norm > 0.0) || !(model->distance_norm > 0.0)))
		ae_io_fault(io, at, "norm of a score");
	at = io->at;
	ae_io_u32(io, &p->n);
	if (!ae_io_within(io, at, "number of prototypes", p->n, 0, AE_MAX_PROTOTYPES))
		return;
	n = (size_t) p->n * ae_layout_cells(&model->net.layout);
	start = io->at;
	io_cells(io, &p->cells, n, -FLT_MAX, "cell of a prototype", arena);
	if (io->status == AE_OK)
		check_prototypes(io, columns, model, n, start);
}

void
ae_io_extremes(AeIo *io, AeModel *model, AeArena *arena)
{
	AeExtremes *extremes = &model->extremes;
	size_t start = io->at, n_dense = model->net.layout.n_dense;

	ae_io_f64(io, &extremes->weight, AE_IO_FINITE, "weight of extremes");
	if (io->status == AE_OK && !(extremes->weight >= 0.0 && extremes->weight <= 1.0))
		ae_io_fault(io, start, "weight of extremes");
	if (io->status != AE_OK || !(extremes->weight > 0.0))
		return;
	io_cells(io, &extremes->centre, n_dense, -FLT_MAX, "centre of a cell", arena);
	io_cells(io, &extremes->spread, n_dense, 0.0f, "spread of a cell", arena);
}

void
ae_io_frequent(AeIo *io, AeModel *model, AeArena *arena)
{
	AeFrequent *frequent = &model->frequent;
	size_t at = io->at;
	uint64_t last = 0;

	ae_io_u32(io, &frequent->n);
	if (!ae_io_within(io, at, "number of frequent rows", frequent->n, 0, AE_MAX_FREQUENT) ||
		!ae_io_holds(io, frequent->n, 8))
		return;
	if (io->in)
		frequent->keys = ae_arena_place(arena, frequent->n, sizeof(uint64_t));
	for (uint32_t i = 0; i < frequent->n && io->status == AE_OK; i++)
	{
		uint64_t key = io->in ? 0 : frequent->keys[i];

		at = io->at;
		ae_io_u64(io, &key);
		if (i > 0 && key <= last)
			ae_io_fault(io, at, "order of frequent rows");
		last = key;
		if (io->in && frequent->keys && io->status == AE_OK)
			frequent->keys[i] = key;
	}
}

void
ae_io_filter(AeIo *io, AeModel *model, AeArena *arena)
{
	AeFilter *filter = &model->filter;
	size_t at = io->at;

	ae_io_u32(io, &filter->n_words);
	if (!ae_io_within(io, at, "words of the filter of rows", filter->n_words, 0, AE_MAX_FILTER))
		return;
	at = io->at;
	ae_io_u32(io, &filter->n_probes);
	if (!ae_io_within(io, at, "probes of the filter of rows", filter->n_probes, filter->n_words > 0,
					  filter->n_words > 0 ? AE_MAX_PROBES : 0) ||
		!ae_io_holds(io, filter->n_words, 8))
		return;
	if (io->in)
		filter->words = ae_arena_place(arena, filter->n_words, sizeof(uint64_t));
	for (uint32_t i = 0; i < filter->n_words && io->status == AE_OK; i++)
	{
		uint64_t word = io->in ? 0 : filter->words[i];

		ae_io_u64(io, &word);
		if (io->in && filter->words && io->status == AE_OK)
			filter->words[i] = word;
	}
}

void
ae_io_pairs(AeIo *io, AeModel *model, AeArena *arena)
{
	AePairs *pairs = &model->pairs;
	size_t at = io->at, start;
	uint32_t *to;

	ae_io_u32(io, &pairs->n_slots);
	if (!ae_io_within(io, at, "slots of pairs", pairs->n_slots, 0,
					  model->schema.n_wide > 0 ? AE_MAX_PAIR_SLOTS : 0))
		return;
	if ((pairs->n_slots & (pairs->n_slots - 1)) != 0)
		ae_io_fault(io, at, "slots of pairs");
	if (io->status != AE_OK || !ae_io_advance(io, &start, 4 * (size_t) pairs->n_slots))
		return;
	for (size_t i = 0; io->out && i < pairs->n_slots; i++)
		ae_io_store_u32(io->out + start + 4 * i, pairs->slots[i]);
	if (!io->in)
		return;
	to = ae_arena_place(arena, pairs->n_slots, sizeof(uint32_t));
	for (size_t i = 0; to && i < pairs->n_slots; i++)
		to[i] = ae_io_load_u32(io->in + start + 4 * i);
	pairs->slots = to;
}

/* ---- verdicts ---- */

static void
io_reach(AeIo *io, double *reach)
{
	size_t start = io->at;

	ae_io_f64(io, reach, AE_IO_FINITE, "reach of a verdict");
	if (io->status == AE_OK && !(*reach >= AE_MIN_REACH && *reach <= AE_MAX_REACH))
		ae_io_fault(io, start, "reach of a verdict");
}

/* Whether cell c of a row may have that value. */
static bool
is_cell(const AeIoColumns *columns, const AeLayout *layout, size_t c, float cell)
{
	float end = N_TAGS, least = 0;

	if (isnan(cell) || c < layout->n_dense)
		return true;
	if (c < layout->n_dense + layout->n_categories)
	{
		end = (float) columns->n_outputs[c - layout->n_dense];
		least = -1;
	}
	return cell >= least && cell < end && cell == (float) (int32_t) cell;
}

/* n cells of rows that were judged. */
static void
io_judged(AeIo *io, const AeIoColumns *columns, AeModel *model, size_t n)
{
	const AeLayout *layout = &model->net.layout;
	AeReal *cells = model->verdicts.cells;
	size_t n_cells = ae_layout_cells(layout);

	for (size_t i = 0; i < n && io->status == AE_OK; i++)
	{
		size_t start = io->at;
		float cell = io->in ? 0 : (float) cells[i];

		if (i % AE_CHECK_NUMBERS == 0)
			ae_check(io->check);
		ae_io_f32(io, &cell, AE_IO_FINITE_OR_NAN, "cell of a verdict");
		if (!is_cell(columns, layout, i % n_cells, cell))
			ae_io_fault(io, start, "cell of a verdict");
		else if (io->in && cells)
			cells[i] = (AeReal) cell;
	}
}

void
ae_io_verdicts(AeIo *io, const AeIoColumns *columns, AeModel *model, AeArena *arena)
{
	AeVerdicts *verdicts = &model->verdicts;
	size_t start = io->at, n_cells = ae_layout_cells(&model->net.layout);

	ae_io_u32(io, &verdicts->n_confirmed);
	ae_io_u32(io, &verdicts->n_dismissed);
	if (!ae_io_within(io, start, "number of verdicts", verdicts->n_confirmed, 0, AE_MAX_VERDICTS) ||
		!ae_io_within(io, start + 4, "number of verdicts", verdicts->n_dismissed, 0,
					  AE_MAX_VERDICTS) ||
		!ae_io_within(io, start + 4, "number of verdicts", ae_verdicts_count(verdicts), 1,
					  AE_MAX_VERDICTS))
		return;
	io_reach(io, &verdicts->dismissed_reach);
	if (!ae_io_holds(io, verdicts->n_confirmed, sizeof(double)))
		return;
	if (io->in)
		verdicts->reach = ae_arena_place(arena, verdicts->n_confirmed, sizeof(double));
	for (uint32_t i = 0; i < verdicts->n_confirmed && io->status == AE_OK; i++)
	{
		double reach = io->in ? 0.0 : verdicts->reach[i];

		io_reach(io, &reach);
		if (io->in && verdicts->reach)
			verdicts->reach[i] = reach;
	}
	if (!ae_io_holds(io, ae_verdicts_count(verdicts), 4 * n_cells))
		return;
	if (io->in)
		verdicts->cells =
			ae_arena_place(arena, ae_verdicts_count(verdicts) * n_cells, sizeof(AeReal));
	io_judged(io, columns, model, ae_verdicts_count(verdicts) * n_cells);
}

/* ---- history ---- */

void
ae_io_history(AeIo *io, AeModel *model, AeArena *arena)
{
	size_t start = io->at;
	uint32_t last = 0;

	ae_io_u32(io, &model->n_history);
	if (!ae_io_within(io, start, "epochs in the history", model->n_history, 0, AE_MAX_HISTORY) ||
		!ae_io_holds(io, model->n_history, EPOCH_BYTES))
		return;
	if (io->in)
		model->history = ae_arena_place(arena, model->n_history, sizeof(AeEpoch));
	for (uint32_t i = 0; i < model->n_history && io->status == AE_OK; i++)
	{
		AeEpoch epoch = {0};

		start = io->at;
		if (!io->in)
			epoch = model->history[i];
		ae_io_u32(io, &epoch.epoch);
		ae_io_f32(io, &epoch.train_loss, AE_IO_FINITE, "training loss in the history");
		ae_io_f32(io, &epoch.validation_loss, AE_IO_FINITE_OR_NAN,
				  "validation loss in the history");
		if (epoch.epoch <= last)
			ae_io_fault(io, start, "order of epochs");
		last = epoch.epoch;
		if (io->in && model->history && io->status == AE_OK)
			model->history[i] = epoch;
	}
}
