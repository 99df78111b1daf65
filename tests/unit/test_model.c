/* Proves: model bytes are what the table in ae_format.h says, and no bytes can hurt the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "ae_hash.h"
#include "ae_target.h"
#include "sample_model.h"

#define GOLDEN_DIR "tests/golden/"

static uint8_t *
copy_of(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	return copy;
}

/* Reads into a block of exactly the size that ae_model_check says; the caller frees *block. */
static AeStatus
read_back(AeModel *model, void **block, const uint8_t *bytes, size_t length, AeError *error)
{
	size_t size = 0;
	AeStatus status = ae_model_check(&size, bytes, length, error, NULL);

	*block = NULL;
	if (status != AE_OK)
		return status;
	assert_true(size <= 8 * length + 256 * 1024);
	*block = malloc(size);
	assert_non_null(*block);
	assert_int_equal(ae_model_read(model, *block, size, bytes, length, error, NULL), AE_OK);
	assert_int_equal((uintptr_t) model->params % AE_ALIGN, 0);
	return AE_OK;
}

/* Bytes that are accepted are written back as they were; returns the status. */
static AeStatus
judge(const uint8_t *bytes, size_t length, AeError *error)
{
	uint8_t *exact = copy_of(bytes, length); /* so that a sanitizer sees the end */
	AeModel model;
	void *block;
	AeStatus status = read_back(&model, &block, exact, length, error);

	if (status == AE_OK)
	{
		size_t again_length;
		uint8_t *again = sample_write(&model, &again_length, error);

		assert_non_null(again);
		assert_int_equal(again_length, length);
		assert_memory_equal(again, bytes, length);
		free(again);
	}
	else
	{
		assert_int_equal(error->status, status);
		assert_non_null(error->what);
		assert_true(status == AE_ERR_CORRUPT || status == AE_ERR_VERSION);
		assert_true(error->offset <= length);
	}
	free(block);
	free(exact);
	return status;
}

/* ---- checksum ---- */

static uint32_t
bitwise_crc(const uint8_t *bytes, size_t n)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < n; i++)
	{
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void
test_crc32c(void **state)
{
	uint8_t bytes[300];
	uint8_t zeros[32] = {0}; /* RFC 3720, B.4 */

	(void) state;
	assert_true(ae_crc32c(0, "123456789", 9) == 0xe3069283u);
	assert_true(ae_crc32c(0, zeros, 32) == 0x8a9136aau);
	assert_true(ae_crc32c(0, NULL, 0) == 0);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t) (i * i * 37 + i / 3);
	for (size_t first = 0; first < 9; first++)
		for (size_t n = 0; n < 280; n++)
		{
			uint32_t crc = bitwise_crc(bytes + first, n);

			assert_true(ae_crc32c(0, bytes + first, n) == crc);
			assert_true(ae_crc32c(ae_crc32c(0, bytes + first, n / 3), bytes + first + n / 3,
								  n - n / 3) == crc);
		}
}

/* ---- round trip ---- */

static void
assert_same_column(const AeColumn *x, const AeColumn *y)
{
	assert_true(x->kind == y->kind && x->cell == y->cell && x->name_len == y->name_len);
	assert_true(x->name_len == 0 || memcmp(x->name, y->name, x->name_len) == 0);
	assert_true((x->name == NULL) == (y->name == NULL));
	assert_true(x->scaling == y->scaling && x->parts == y->parts && x->element == y->element);
	assert_true(x->single == y->single);
	assert_true(x->varies == y->varies && x->observed == y->observed);
	assert_true(x->indicator == y->indicator && x->n_missing == y->n_missing);
	assert_true(x->unseen == y->unseen);
	assert_true(x->shift == y->shift && x->scale == y->scale && x->mean == y->mean);
	assert_true(x->sd == y->sd && x->min == y->min && x->max == y->max);
	if (x->varies && x->scaling == AE_SCALING_QUANTILE)
		assert_memory_equal(x->knots, y->knots, AE_KNOTS * sizeof(double));
	if (x->scaling == AE_SCALING_BINS)
	{
		assert_true(x->bins.n_points == y->bins.n_points && x->bins.n_ranges == y->bins.n_ranges);
		assert_true(x->bins.grain == y->bins.grain);
		if (ae_bins_n(&x->bins) > 0)
		{
			assert_memory_equal(x->bins.numbers, y->bins.numbers,
								ae_bins_numbers(&x->bins) * sizeof(double));
			assert_memory_equal(x->bins.count, y->bins.count,
								ae_bins_n(&x->bins) * sizeof(uint64_t));
		}
	}
	assert_true(x->null_level == y->null_level);
	assert_true(x->n_levels == y->n_levels && x->other == y->other);
	for (uint32_t i = 0; i < x->n_levels; i++)
	{
		assert_true(x->levels[i].count == y->levels[i].count);
		assert_true(x->levels[i].len == y->levels[i].len);
		assert_true(memcmp(x->levels[i].text, y->levels[i].text, x->levels[i].len) == 0);
	}
}

static void
assert_same_layout(const AeLayout *a, const AeLayout *b)
{
	assert_true(a->n_dense == b->n_dense && a->n_indicators == b->n_indicators);
	assert_true(a->n_categories == b->n_categories && a->n_levels == b->n_levels);
	assert_true(a->n_columns == b->n_columns && a->n_blocks == b->n_blocks);
	for (uint32_t i = 0; i < a->n_blocks; i++)
	{
		const AeBlock *x = &a->blocks[i], *y = &b->blocks[i];

		assert_true(x->first == y->first && x->count == y->count && x->loss == y->loss);
		assert_true(x->grouped == y->grouped && x->weight == y->weight && x->unseen == y->unseen);
	}
	if (a->n_indicators > 0)
		assert_memory_equal(a->indicators, b->indicators, a->n_indicators * sizeof(uint32_t));
}

static void
assert_same_model(const AeModel *a, const AeModel *b)
{
	size_t n_params = ae_net_n_params(&a->net);

	assert_true(a->purpose == b->purpose && a->loss == b->loss && a->state == b->state);
	assert_true(a->category_loss == b->category_loss);
	assert_true(a->schema.is_array == b->schema.is_array);
	assert_true(a->schema.raw_names == b->schema.raw_names);
	assert_true(a->schema.clip == b->schema.clip && a->schema.max_levels == b->schema.max_levels);
	assert_true(a->schema.min_frequency == b->schema.min_frequency);
	assert_true(a->schema.n_dense == b->schema.n_dense);
	assert_true(a->schema.n_sources == b->schema.n_sources);
	assert_true(a->schema.n_varying == b->schema.n_varying);
	for (uint32_t c = 0; c < a->schema.n_columns; c++)
		assert_same_column(&a->schema.columns[c], &b->schema.columns[c]);
	assert_int_equal(a->schema.has_target, b->schema.has_target);
	if (a->schema.has_target)
	{
		assert_same_column(&a->schema.target, &b->schema.target);
		assert_true(a->target_loss == b->target_loss);
		assert_true(a->target_accuracy == b->target_accuracy);
	}
	else
		assert_true(isnan(b->target_loss) && isnan(b->target_accuracy));
	assert_same_layout(&a->net.layout, &b->net.layout);
	assert_memory_equal(a->params, b->params, n_params * sizeof(AeReal));
	assert_memory_equal(&a->options.epochs, &b->options.epochs, 16);
	assert_true(a->options.seed == b->options.seed && a->options.noise == b->options.noise);
	assert_true(a->options.masking == b->options.masking);
	assert_true(a->options.sparse == b->options.sparse && a->options.tied == b->options.tied);
	assert_true(a->options.sparse_hidden == b->options.sparse_hidden);
	assert_true(a->options.sparse_weight == b->options.sparse_weight);
	assert_true(a->options.sparse_target == b->options.sparse_target);
	assert_true(a->options.dropout == b->options.dropout && a->net.top_k == b->net.top_k);
	assert_true(a->code_zeros == b->code_zeros && a->code_mean == b->code_mean);
	assert_true(a->options.optimizer == b->options.optimizer && a->options.time_limit == 60);
	assert_true(a->filling == b->filling);
	assert_true(a->n_rows == b->n_rows && a->best_epoch == b->best_epoch);
	assert_true(a->n_dead == b->n_dead && a->server_version == b->server_version);
	assert_true(isnan(a->jacobian) ? isnan(b->jacobian) : a->jacobian == b->jacobian);
	assert_true(isnan(a->recall) ? isnan(b->recall) : a->recall == b->recall);
	assert_true(isnan(a->pca_recall) ? isnan(b->pca_recall) : a->pca_recall == b->pca_recall);
	assert_true(isnan(a->pca_loss) ? isnan(b->pca_loss) : a->pca_loss == b->pca_loss);
	assert_true(a->calibration.n == b->calibration.n);
	assert_true(a->calibration.unseen == b->calibration.unseen);
	for (uint32_t i = 0; i < a->calibration.n_points; i++)
		assert_true(a->calibration.score[i] == b->calibration.score[i] &&
					a->calibration.n_above[i] == b->calibration.n_above[i]);
	assert_true(a->error_norm == b->error_norm && a->distance_norm == b->distance_norm);
	assert_true(a->prototypes.n == b->prototypes.n);
	if (a->prototypes.n > 0)
	{
		assert_memory_equal(a->prototypes.cells, b->prototypes.cells,
							a->prototypes.n * ae_layout_cells(&a->net.layout) * sizeof(AeReal));
	}
	assert_int_equal(a->frequent.n, b->frequent.n);
	if (a->frequent.n > 0)
		assert_memory_equal(a->frequent.keys, b->frequent.keys, a->frequent.n * sizeof(uint64_t));
	assert_int_equal(a->filter.n_words, b->filter.n_words);
	assert_int_equal(a->filter.n_probes, b->filter.n_probes);
	if (a->filter.n_words > 0)
		assert_memory_equal(a->filter.words, b->filter.words, a->filter.n_words * sizeof(uint64_t));
	assert_true(a->extremes.weight == b->extremes.weight);
	for (uint32_t j = 0; a->extremes.weight > 0 && j < a->net.layout.n_dense; j++)
		assert_true(a->extremes.centre[j] == b->extremes.centre[j] &&
					a->extremes.spread[j] == b->extremes.spread[j]);
	assert_true(a->verdicts.n_confirmed == b->verdicts.n_confirmed);
	assert_true(a->verdicts.n_dismissed == b->verdicts.n_dismissed);
	for (uint32_t i = 0; i < a->verdicts.n_confirmed; i++)
		assert_true(a->verdicts.reach[i] == b->verdicts.reach[i]);
	if (ae_verdicts_count(&a->verdicts) > 0)
	{
		size_t n = ae_verdicts_count(&a->verdicts) * ae_layout_cells(&a->net.layout);

		assert_true(a->verdicts.dismissed_reach == b->verdicts.dismissed_reach);
		for (size_t i = 0; i < n; i++)
			assert_true(a->verdicts.cells[i] == b->verdicts.cells[i] ||
						(a->verdicts.cells[i] != a->verdicts.cells[i] &&
						 b->verdicts.cells[i] != b->verdicts.cells[i]));
	}
	assert_true(a->n_history == b->n_history);
	for (uint32_t i = 0; i < a->n_history; i++)
		assert_true(a->history[i].epoch == b->history[i].epoch &&
					a->history[i].train_loss == b->history[i].train_loss);
}

/* Log variances, and what came of them; a count of units is refused beyond those there are. */
static void
test_drawn(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		Sample *s = sample_of(seed, seed % 2, 7, 2 + seed % 4, 6, 3, 2);
		AeError error = {0};
		AeModel model;
		void *block;
		size_t length;
		uint8_t *bytes;

		if (seed % 3 == 0)
			sample_target(s, AE_KIND_NUMBER);
		sample_drawn(s);
		bytes = sample_write(&s->model, &length, &error);
		assert_non_null(bytes);
		assert_int_equal(read_back(&model, &block, bytes, length, &error), AE_OK);
		assert_same_model(&s->model, &model);
		assert_true(model.net.spread == 1 && model.net.variance == AE_VARIANCE_COLUMN);
		assert_true(model.options.variational_beta == 0.5 && model.log_likelihood == -12.5);
		assert_true(model.divergence == 3.25 && model.n_collapsed == 1);
		free(block);
		free(bytes);
		s->model.n_collapsed = 1 + s->model.net.width[s->model.net.n_encoder];
		assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
		sample_free(s);
	}
}

static void
test_round_trip(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 400; seed++)
	{
		Sample *s = seed <= 300 ? sample_random(seed) : sample_drawing(seed);
		AeError error = {0};
		AeModel model;
		void *block;
		size_t length;
		uint8_t *bytes = sample_write(&s->model, &length, &error);
		uint8_t *twice;

		assert_non_null(bytes);
		twice = sample_write(&s->model, &length, &error);
		assert_memory_equal(bytes, twice, length);
		assert_int_equal(read_back(&model, &block, bytes, length, &error), AE_OK);
		assert_same_model(&s->model, &model);
		assert_int_equal(judge(bytes, length, &error), AE_OK);
		free(block);
		free(bytes);
		free(twice);
		sample_free(s);
	}
}

/* Too small a block is refused, not overrun; a size that was not asked for gives zeroes. */
static void
test_wrong_sizes(void **state)
{
	Sample *s = sample_random(4);
	AeError error = {0};
	AeModel model;
	size_t length, size;
	uint8_t *bytes = sample_write(&s->model, &length, &error);
	uint8_t *longer = malloc(length + 1);
	void *block;

	(void) state;
	assert_int_equal(ae_model_check(&size, bytes, length, &error, NULL), AE_OK);
	block = malloc(size - 1);
	assert_int_equal(ae_model_read(&model, block, size - 1, bytes, length, &error, NULL),
					 AE_ERR_SHAPE);
	ae_model_write(longer, length + 1, &s->model, NULL);
	for (size_t i = 0; i <= length; i++)
		assert_int_equal(longer[i], 0);
	ae_model_write(longer, length - 1, &s->model, NULL);
	assert_int_equal(longer[0], 0);
	free(block);
	free(longer);
	free(bytes);
	sample_free(s);
}

/* ---- the byte table, walked by hand ---- */

typedef struct Offsets
{
	size_t column[SAMPLE_COLUMNS + 1]; /* and the target */
	size_t net, options, outcome, weights, calibration, detector, extremes, frequent;
	size_t filter, pairs, verdicts, history, end;
} Offsets;

static Offsets
offsets_of(const AeModel *m)
{
	Offsets o = {0};
	size_t at = SAMPLE_AT_COLUMNS;

	for (uint32_t c = 0; c < m->schema.n_columns + m->schema.has_target; c++)
	{
		bool target = c == m->schema.n_columns;
		const AeColumn *column = target ? &m->schema.target : &m->schema.columns[c];

		o.column[c] = at;
		at += 76 + column->name_len;
		if (column->kind == AE_KIND_CATEGORY)
			at += 12;
		else if (column->scaling == AE_SCALING_QUANTILE && column->varies)
			at += 65 * 8;
		for (uint32_t i = 0; i < column->n_levels; i++)
			at += 12 + column->levels[i].len;
	}
	o.net = at;
	o.options = o.net + 20 + 4 * (m->net.n_layers + 1) + m->net.n_layers;
	o.outcome = o.options + 4;
	for (size_t i = 0; i < ae_n_options; i++)
		if (ae_option_value(&m->options, &ae_option_info[i]) != ae_option_info[i].otherwise)
			o.outcome += 9;
	o.weights = o.outcome + 132 + (m->schema.has_target ? 16 : 0);
	o.calibration = o.weights + 4 * ae_net_n_params(&m->net);
	o.detector = o.calibration + 16 + 16 * (size_t) m->calibration.n_points;
	o.extremes = o.detector + 20 + 4 * (size_t) m->prototypes.n * ae_layout_cells(&m->net.layout);
	o.frequent = o.extremes + 8;
	if (m->extremes.weight > 0)
		o.frequent += 8 * (size_t) m->net.layout.n_dense;
	o.filter = o.frequent + 4 + 8 * (size_t) m->frequent.n;
	o.pairs = o.filter + 8 + 8 * (size_t) m->filter.n_words;
	o.verdicts = o.pairs + 4 + 4 * (size_t) m->pairs.n_slots;
	o.history = o.verdicts;
	if (ae_verdicts_count(&m->verdicts) > 0)
		o.history += 16 + 8 * (size_t) m->verdicts.n_confirmed +
					 4 * (size_t) ae_verdicts_count(&m->verdicts) * ae_layout_cells(&m->net.layout);
	o.end = o.history + 4 + 12 * (size_t) m->n_history;
	return o;
}

static double
get_f64(const uint8_t *bytes, size_t at)
{
	uint64_t bits = sample_get(bytes, at, 8);
	double value;

	memcpy(&value, &bits, 8);
	return value;
}

/* What follows the statistics of a column: knots, or levels. */
static void
check_column_end(const AeColumn *column, const uint8_t *b, size_t at)
{
	if (column->kind != AE_KIND_CATEGORY)
	{
		for (int k = 0; k < 65 && column->scaling == AE_SCALING_QUANTILE && column->varies; k++)
			assert_true(get_f64(b, at + 8 * (size_t) k) == column->knots[k]);
		return;
	}
	assert_true(sample_get(b, at, 8) == column->other);
	assert_true(sample_get(b, at + 8, 4) == column->n_levels);
	at += 12;
	for (uint32_t i = 0; i < column->n_levels; i++)
	{
		assert_true(sample_get(b, at, 8) == column->levels[i].count);
		assert_true(sample_get(b, at + 8, 4) == column->levels[i].len);
		assert_true(memcmp(b + at + 12, column->levels[i].text, column->levels[i].len) == 0);
		at += 12 + column->levels[i].len;
	}
}

static void
check_column(const AeColumn *column, const uint8_t *b, size_t at)
{
	assert_true(b[at] == column->kind && b[at + 1] == column->scaling);
	assert_true(b[at + 2] == column->parts);
	assert_int_equal(b[at + 3], column->varies + 2 * column->indicator + 4 * column->observed +
									64 * column->single);
	assert_true(sample_get(b, at + 4, 4) == column->element);
	assert_true(sample_get(b, at + 8, 4) == column->name_len);
	if (column->name_len > 0)
		assert_memory_equal(b + at + 12, column->name, column->name_len);
	at += 12 + column->name_len;
	assert_true(get_f64(b, at) == column->shift && get_f64(b, at + 8) == column->scale);
	assert_true(get_f64(b, at + 16) == column->mean && get_f64(b, at + 24) == column->sd);
	assert_true(get_f64(b, at + 32) == column->min && get_f64(b, at + 40) == column->max);
	assert_true(sample_get(b, at + 48, 8) == column->n_missing);
	assert_true(get_f64(b, at + 56) == column->unseen);
	check_column_end(column, b, at + 64);
}

static void
check_front(const AeModel *m, const uint8_t *b, size_t length, const Offsets *o)
{
	assert_memory_equal(b,
						"\x89"
						"AEM\r\n\x1a\n",
						8);
	assert_true(sample_get(b, 8, 2) == 1 && sample_get(b, 10, 2) == 1);
	assert_int_equal(sample_get(b, 12, 4), m->schema.is_array + 2 * m->schema.raw_names +
											   8 * (ae_verdicts_count(&m->verdicts) > 0));
	assert_true(sample_get(b, 16, 8) == length && sample_get(b, 28, 4) == 0);
	assert_true(b[32] == m->purpose && b[33] == m->loss && b[34] == m->category_loss);
	assert_int_equal(b[35], m->schema.has_target);
	if (m->schema.has_target)
		check_column(&m->schema.target, b, o->column[m->schema.n_columns]);
	assert_int_equal(sample_get(b, o->net + 16, 4), m->net.n_target);
	assert_true(sample_get(b, 36, 4) == m->schema.n_columns);
	assert_true(get_f64(b, 44) == m->schema.clip);
	assert_true(sample_get(b, 52, 4) == m->schema.max_levels);
	assert_true(sample_get(b, 56, 4) == m->schema.min_frequency);
	for (uint32_t c = 0; c < m->schema.n_columns; c++)
		check_column(&m->schema.columns[c], b, o->column[c]);
	assert_true(sample_get(b, o->net, 4) == m->net.n_layers);
	assert_true(sample_get(b, o->net + 4, 4) == m->net.n_encoder);
	assert_true(sample_get(b, o->net + 8, 4) == m->net.top_k);
	assert_true(sample_get(b, o->net + 12, 4) == m->net.gated + 2 * m->net.skip);
	assert_true(sample_get(b, o->net + 16, 4) == m->net.n_target);
	assert_true(sample_get(b, o->net + 20 + 4, 4) == m->net.width[1]);
	assert_true(b[o->options - 1] == m->net.activation[m->net.n_layers - 1]);
}

/* Where the value of an option stands, or 0: it has its default. */
static size_t
option_at(const uint8_t *b, const Offsets *o, const char *name)
{
	for (size_t at = o->options + 4; at < o->outcome; at += 9)
		if (strcmp(ae_option_info[b[at]].name, name) == 0)
			return at + 1;
	return 0;
}

static double
option_real(const uint8_t *b, const Offsets *o, const char *name)
{
	size_t at = option_at(b, o, name);

	return at == 0 ? 0 : get_f64(b, at);
}

static uint64_t
option_count(const uint8_t *b, const Offsets *o, const char *name)
{
	size_t at = option_at(b, o, name);

	return at == 0 ? 0 : sample_get(b, at, 8);
}

/* Some of each type by hand; that all come back, `same` tells. */
static void
check_options(const AeTrainOptions *options, const uint8_t *b, const Offsets *o)
{
	assert_int_equal(sample_get(b, o->options, 4), (o->outcome - o->options - 4) / 9);
	assert_true(option_real(b, o, "noise") == options->noise);
	assert_true(option_real(b, o, "sparse_target") == options->sparse_target);
	assert_true(option_real(b, o, "neighbours_weight") == options->neighbours_weight);
	assert_true(option_count(b, o, "sparse") == options->sparse);
	assert_true(option_count(b, o, "weight_prior") == options->weight_prior);
	assert_true(option_count(b, o, "neighbours_metric") == options->neighbours_metric);
	assert_true(option_count(b, o, "tied") == options->tied);
	assert_true(option_count(b, o, "contract_exact") == options->contract_exact);
	assert_true(option_count(b, o, "updates") == options->updates);
	assert_true(option_count(b, o, "seed") == options->seed);
	assert_true(option_count(b, o, "neighbours_k") == options->neighbours_k);
	/* those that have their default are not there */
	assert_true(option_at(b, o, "epochs") == 0);
	assert_true(option_at(b, o, "batch_size") == 0);
}

static void
check_back(const AeModel *m, const uint8_t *b, const Offsets *o)
{
	const AeCalibration *calibration = &m->calibration;
	uint32_t bits = (uint32_t) sample_get(b, o->weights, 4);
	float weight;

	check_options(&m->options, b, o);
	assert_true(b[o->outcome] == m->state);
	assert_true(b[o->outcome + 1] == m->filling);
	assert_true(sample_get(b, o->outcome + 4, 8) == m->n_rows);
	assert_true(sample_get(b, o->outcome + 36, 8) == m->best_epoch);
	assert_true(get_f64(b, o->outcome + 60) == m->mean_loss);
	assert_true(get_f64(b, o->outcome + 84) == m->code_zeros);
	assert_true(get_f64(b, o->outcome + 92) == m->code_mean);
	assert_true(sample_get(b, o->outcome + 100, 4) == m->n_dead);
	assert_true(sample_get(b, o->outcome + 104, 4) == m->server_version);
	if (isnan(m->jacobian))
		assert_true(sample_get(b, o->outcome + 108, 8) == 0x7ff8000000000000u);
	else
		assert_true(get_f64(b, o->outcome + 108) == m->jacobian);
	memcpy(&weight, &bits, 4);
	assert_true(weight == (float) m->params[0]);
	assert_true(sample_get(b, o->calibration, 8) == calibration->n);
	assert_true(b[o->calibration + 12] == calibration->unseen);
	if (calibration->n_points > 1)
	{
		assert_true(get_f64(b, o->calibration + 32) == calibration->score[1]);
		assert_true(sample_get(b, o->calibration + 40, 8) == calibration->n_above[1]);
	}
	assert_true(get_f64(b, o->detector) == m->error_norm);
	assert_true(get_f64(b, o->detector + 8) == m->distance_norm);
	assert_true(sample_get(b, o->detector + 16, 4) == m->prototypes.n);
	for (size_t i = 0; i < m->prototypes.n * ae_layout_cells(&m->net.layout); i++)
	{
		bits = (uint32_t) sample_get(b, o->detector + 20 + 4 * i, 4);
		memcpy(&weight, &bits, 4);
		assert_true(weight == (float) m->prototypes.cells[i]);
	}
	assert_true(sample_get(b, o->frequent, 4) == m->frequent.n);
	for (size_t i = 0; i < m->frequent.n; i++)
		assert_true(sample_get(b, o->frequent + 4 + 8 * i, 8) == m->frequent.keys[i]);
	assert_true(sample_get(b, o->filter, 4) == m->filter.n_words);
	assert_true(sample_get(b, o->filter + 4, 4) == m->filter.n_probes);
	for (size_t i = 0; i < m->filter.n_words; i++)
		assert_true(sample_get(b, o->filter + 8 + 8 * i, 8) == m->filter.words[i]);
	assert_true(get_f64(b, o->extremes) == m->extremes.weight);
	for (size_t j = 0; m->extremes.weight > 0 && j < m->net.layout.n_dense; j++)
	{
		size_t n_dense = m->net.layout.n_dense;

		bits = (uint32_t) sample_get(b, o->extremes + 8 + 4 * j, 4);
		memcpy(&weight, &bits, 4);
		assert_true(weight == (float) m->extremes.centre[j]);
		bits = (uint32_t) sample_get(b, o->extremes + 8 + 4 * (n_dense + j), 4);
		memcpy(&weight, &bits, 4);
		assert_true(weight == (float) m->extremes.spread[j]);
	}
	assert_true(sample_get(b, o->pairs, 4) == m->pairs.n_slots);
	for (size_t i = 0; i < m->pairs.n_slots; i++)
		assert_true(sample_get(b, o->pairs + 4 + 4 * i, 4) == m->pairs.slots[i]);
	assert_true(sample_get(b, o->history, 4) == m->n_history);
	if (m->n_history > 1)
		assert_true(sample_get(b, o->history + 16, 4) == m->history[1].epoch);
}

static void
test_byte_table(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 100; seed++)
	{
		Sample *s = sample_of(seed, seed % 2, 2 + seed % 20, 2 + seed % 4, 20, seed % 7, seed % 5);
		AeError error = {0};
		size_t length;
		uint8_t *bytes;
		Offsets o;

		if (seed % 3 > 0)
			sample_prototypes(s, seed % 5);
		if (seed % 4 > 1)
			sample_verdicts(s, seed % 4 - 1, seed % 3);
		o = offsets_of(&s->model);
		bytes = sample_write(&s->model, &length, &error);
		assert_non_null(bytes);
		assert_int_equal(o.end, length);
		check_front(&s->model, bytes, length, &o);
		check_back(&s->model, bytes, &o);
		free(bytes);
		sample_free(s);
	}
}

/* ---- damage ---- */

static void
test_truncations(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 8; seed++)
	{
		Sample *s = sample_of(seed, seed > 3, seed > 3 ? 7 : 4, 2, 4, 3, 2);
		AeError error = {0};
		size_t length;
		uint8_t *bytes;

		sample_prototypes(s, seed % 3);
		if (seed % 2)
			sample_verdicts(s, 1, 1 + seed % 3 / 2);
		bytes = sample_write(&s->model, &length, &error);
		for (size_t n = 0; n < length; n++)
		{
			uint8_t *part = copy_of(bytes, n);

			assert_int_equal(judge(part, n, &error), AE_ERR_CORRUPT);
			if (n >= 32)
			{
				sample_seal(part, n);
				assert_int_equal(judge(part, n, &error), AE_ERR_CORRUPT);
			}
			free(part);
		}
		bytes = realloc(bytes, length + 1);
		bytes[length] = 0;
		assert_int_equal(judge(bytes, length + 1, &error), AE_ERR_CORRUPT);
		sample_seal(bytes, length + 1);
		assert_int_equal(judge(bytes, length + 1, &error), AE_ERR_CORRUPT);
		free(bytes);
		sample_free(s);
	}
}

/* Every byte changed in every bit and some more ways, with and without a checksum that fits. */
static void
test_byte_flips(void **state)
{
	static const uint8_t masks[] = {1, 2, 4, 8, 16, 32, 64, 128, 255, 127};
	size_t n_accepted = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 8; seed++)
	{
		Sample *s = sample_of(seed, seed > 4, 5, 3, 4, 3, 2);
		AeError error = {0};
		size_t length;
		uint8_t *bytes, *bad;

		sample_prototypes(s, seed % 3);
		if (seed % 2)
			sample_verdicts(s, 1, 1 + seed % 3 / 2);
		bytes = sample_write(&s->model, &length, &error);
		bad = copy_of(bytes, length);

		for (size_t i = 0; i < length; i++)
			for (size_t m = 0; m < sizeof masks; m++)
			{
				memcpy(bad, bytes, length);
				bad[i] ^= masks[m];
				assert_int_not_equal(judge(bad, length, &error), AE_OK);
				sample_seal(bad, length);
				n_accepted += judge(bad, length, &error) == AE_OK;
			}
		assert_true(n_accepted > length / 4); /* weights may be any number: not all is refused */
		free(bad);
		free(bytes);
		sample_free(s);
	}
}

/* Several bytes at once, overwritten with what tends to hurt. */
static void
test_wild_damage(void **state)
{
	static const uint64_t nasty[] = {0,
									 1,
									 0x7f,
									 0xff,
									 0xffff,
									 0x10000,
									 0x7fffffff,
									 0x80000000u,
									 0xffffffffu,
									 0x7ff0000000000000u,
									 0x7ff8000000000001u,
									 UINT64_MAX};

	(void) state;
	for (int mixed = 0; mixed < 2; mixed++)
	{
		Sample *s = sample_of(9, mixed, 6, 4, 5, 6, 4);
		AeError error = {0};
		size_t length;
		uint8_t *bytes, *bad;

		sample_prototypes(s, 3);
		sample_verdicts(s, 1, 1);
		if (mixed)
			sample_drawn(s);
		bytes = sample_write(&s->model, &length, &error);
		bad = copy_of(bytes, length);

		for (size_t at = 28; at + 8 <= length; at++)
			for (size_t k = 0; k < sizeof nasty / sizeof nasty[0]; k++)
				for (unsigned size = 2; size <= 8; size *= 2)
				{
					memcpy(bad, bytes, length);
					sample_put(bad, at, nasty[k], size);
					sample_seal(bad, length);
					judge(bad, length, &error);
				}
		free(bad);
		free(bytes);
		sample_free(s);
	}
}

/* ---- what is refused, and where ---- */

/* Puts value at an offset of good bytes; both sides of the reader must call it corrupt there. */
static void
refuses(const uint8_t *bytes, size_t length, size_t at, uint64_t value, unsigned size,
		size_t offset)
{
	uint8_t *bad = copy_of(bytes, length);
	AeError error = {0};

	assert_true(sample_get(bytes, at, size) != value);
	sample_put(bad, at, value, size);
	sample_seal(bad, length);
	assert_int_equal(judge(bad, length, &error), AE_ERR_CORRUPT);
	if (error.offset != offset)
		fail_msg("%llu at %zu is refused at %llu, not %zu: %s", (unsigned long long) value, at,
				 (unsigned long long) error.offset, offset, error.what);
	free(bad);
}

static void
test_versions(void **state)
{
	Sample *s = sample_random(1);
	AeError error = {0};
	size_t length;
	uint8_t *bytes = sample_write(&s->model, &length, &error);

	(void) state;
	bytes[8] = 2; /* the checksum of a newer format may be another */
	assert_int_equal(judge(bytes, length, &error), AE_ERR_VERSION);
	assert_string_equal(error.what, "format version");
	assert_true(error.value == 2 && error.high == 1);
	bytes[8] = 1;
	bytes[10] = 7;
	assert_int_equal(judge(bytes, length, &error), AE_ERR_CORRUPT);
	sample_seal(bytes, length);
	assert_int_equal(judge(bytes, length, &error), AE_ERR_VERSION);
	assert_string_equal(error.what, "arithmetic version");
	assert_true(error.value == 7 && error.high == 1);
	bytes[10] = 1;
	sample_seal(bytes, length);
	refuses(bytes, length, 8, 0, 2, 8);
	refuses(bytes, length, 10, 0, 2, 10);
	refuses(bytes, length, 12, sample_get(bytes, 12, 4) | 4, 4, 12);
	refuses(bytes, length, 12, sample_get(bytes, 12, 4) | 1u << 31, 4, 12);
	refuses(bytes, length, 28, 1, 4, 28);
	free(bytes);
	s->model.arithmetic = 0;
	assert_null(sample_write(&s->model, &length, &error));
	sample_free(s);
}

/* Layout and weights for columns as they were changed. */
static void
lay_out(Sample *s)
{
	free(s->params);
	ae_schema_layout(&s->model.schema);
	sample_net(s, 3, 3);
	s->model.n_dead = 0;
}

/* A number column, a boolean, a constant; 3 layers, 2 calibration points, 2 epochs. */
static Sample *
small_model(void)
{
	Sample *s = sample_build(3, 3, 3, 3, 2, 2);
	AeModel *m = &s->model;

	m->schema.is_array = m->schema.raw_names = false;
	m->loss = AE_LOSS_MSE;
	s->columns[0] = (AeColumn){.name = "num",
							   .name_len = 3,
							   .observed = true,
							   .varies = true,
							   .shift = 1.5,
							   .scale = 2.0,
							   .mean = 1.5,
							   .sd = 2.0,
							   .min = -4,
							   .max = 4};
	s->columns[1] = (AeColumn){.name = "yes",
							   .name_len = 3,
							   .kind = AE_KIND_BOOLEAN,
							   .scaling = AE_SCALING_NONE,
							   .observed = true,
							   .varies = true,
							   .scale = 1,
							   .mean = 0.5,
							   .sd = 0.5,
							   .max = 1};
	s->columns[2] = (AeColumn){
		.name = "flat", .name_len = 4, .observed = true, .scale = 1, .mean = 7, .min = 7, .max = 7};
	lay_out(s);
	return s;
}

/* A quantile-scaled number, a time, an array of two, a category of three and `other`, a boolean. */
static Sample *
rich_model(void)
{
	static const char *const names[] = {"q", "when", "v", NULL, "cat", "yes"};
	static const char *const levels[] = {"b", "", "a"};
	Sample *s = sample_build(3, 6, 3, 3, 2, 2);

	s->model.schema.is_array = s->model.schema.raw_names = false;
	s->model.loss = AE_LOSS_MSE;
	for (uint32_t c = 0; c < 6; c++)
		s->columns[c] = (AeColumn){.name = names[c],
								   .name_len = names[c] ? (uint32_t) strlen(names[c]) : 0,
								   .observed = true,
								   .varies = true,
								   .scale = 1,
								   .n_missing = 7};
	s->columns[0].scaling = AE_SCALING_QUANTILE;
	s->columns[0].indicator = true;
	s->columns[0].knots = s->knots[0];
	for (int k = 0; k < AE_KNOTS; k++)
		s->knots[0][k] = k / 2;
	s->columns[1].kind = AE_KIND_TIME;
	s->columns[1].parts = AE_PART_ALL;
	s->columns[2].element = 1;
	s->columns[3].element = 2;
	s->columns[2].single = s->columns[3].single = true;
	s->columns[4].kind = AE_KIND_CATEGORY;
	s->columns[4].n_levels = 3;
	s->columns[4].levels = s->levels[4];
	s->columns[4].other = 2;
	for (uint32_t i = 0; i < 3; i++)
		s->levels[4][i] = (AeLevel){levels[i], (uint32_t) strlen(levels[i]), i ? 5 : 9};
	s->columns[5].kind = AE_KIND_BOOLEAN;
	s->columns[5].scaling = AE_SCALING_NONE;
	lay_out(s);
	return s;
}

static void
test_refused_schema(void **state)
{
	const uint64_t nan_bits = 0x7ff8000000000000u, inf_bits = 0x7ff0000000000000u;
	Sample *s = small_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	size_t length, at = o.column[0] + 15;
	uint8_t *b = sample_write(&s->model, &length, &error);

	(void) state;
	assert_non_null(b);
	refuses(b, length, 32, AE_PURPOSE_COUNT, 1, 32);
	refuses(b, length, 33, 2, 1, 33);
	refuses(b, length, 34, 0, 1, 34);
	refuses(b, length, 34, 1, 1, 34);
	refuses(b, length, 34, 4, 1, 34);
	refuses(b, length, 35, 2, 1, 35);
	refuses(b, length, 36, 0, 4, 36);
	refuses(b, length, 36, AE_MAX_VALUES + 1, 4, 36);
	refuses(b, length, 36, AE_MAX_VALUES, 4, length);
	refuses(b, length, 40, 11, 4, 40);
	refuses(b, length, 40, 9, 4, o.column[2] + 12);
	refuses(b, length, 40, 0xffffffffu, 4, length);
	refuses(b, length, 44, nan_bits, 8, 44);
	refuses(b, length, 44, inf_bits, 8, 44);
	refuses(b, length, 44, 0xbff0000000000000u, 8, 44);
	refuses(b, length, o.column[0], AE_KIND_COUNT, 1, o.column[0]);
	refuses(b, length, o.column[0] + 1, AE_SCALING_COUNT, 1, o.column[0] + 1);
	refuses(b, length, o.column[0] + 2, 1, 1, o.column[0]); /* parts of a number */
	refuses(b, length, o.column[1] + 2, 1, 1, o.column[1]);
	refuses(b, length, o.column[0] + 3, 128, 1, o.column[0] + 3);
	refuses(b, length, o.column[1] + 3, 1 + 4 + 64, 1, o.column[1]); /* a boolean is no float */
	refuses(b, length, o.column[0] + 3, 1 + 4 + 8, 1, o.column[0]);  /* no category is wide */
	refuses(b, length, o.column[0] + 3, 1, 1, o.column[0]); /* varies, and was never there */
	refuses(b, length, o.column[0] + 3, 4, 1, o.net);       /* does not vary: fewer inputs */
	refuses(b, length, o.column[0] + 3, 7, 1, o.net);       /* an indicator: more */
	refuses(b, length, o.column[1] + 4, 1, 4, o.column[1]); /* an array of booleans */
	refuses(b, length, o.column[0] + 8, 0, 4, o.column[0] + 8);
	refuses(b, length, o.column[0] + 8, AE_MAX_NAME + 1, 4, o.column[0] + 8);
	refuses(b, length, o.column[0] + 8, AE_MAX_NAME, 4, length);
	for (unsigned field = 0; field < 6; field++)
	{
		refuses(b, length, at + 8 * field, nan_bits, 8, at + 8 * field);
		refuses(b, length, at + 8 * field, inf_bits, 8, at + 8 * field);
	}
	refuses(b, length, at + 8, 0, 8, o.column[0]);                    /* scale 0 */
	refuses(b, length, at + 8, 0xbff0000000000000u, 8, o.column[0]);  /* scale -1 */
	refuses(b, length, at + 24, 0xbff0000000000000u, 8, o.column[0]); /* deviation -1 */
	refuses(b, length, at + 40, 0xc020000000000000u, 8, o.column[0]); /* maximum -8 */
	refuses(b, length, at + 48, ((uint64_t) 1 << 53) + 1, 8, at + 48);
	refuses(b, length, at + 56, nan_bits, 8, at + 56);
	refuses(b, length, at + 56, inf_bits, 8, at + 56);
	refuses(b, length, at + 56, 0xbff0000000000000u, 8, at + 56);
	/* nothing that varies: found when all columns are there */
	s->columns[0].varies = s->columns[1].varies = false;
	ae_schema_layout(&s->model.schema);
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	free(b);
	sample_free(s);
}

static void
test_refused_kinds(void **state)
{
	Sample *s = rich_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	size_t length, knots = o.column[0] + 77, levels = o.column[4] + 79;
	uint8_t *b = sample_write(&s->model, &length, &error);
	size_t level[3] = {levels + 12, levels + 12 + 13, levels + 12 + 13 + 12};

	(void) state;
	assert_non_null(b);
	assert_int_equal(judge(b, length, &error), AE_OK);
	refuses(b, length, o.column[1] + 2, 8, 1, o.column[1]);     /* an unknown part */
	refuses(b, length, o.column[1] + 2, 3, 1, o.net);           /* fewer parts, fewer inputs */
	refuses(b, length, o.column[1] + 4, 1, 4, o.column[1]);     /* an array of times */
	refuses(b, length, o.column[0] + 4, 2, 4, o.column[0] + 8); /* a second element, with a name */
	refuses(b, length, o.column[3] + 4, 3, 4, o.column[3]);     /* after 1 comes 2 */
	refuses(b, length, o.column[3] + 4, 1, 4, o.column[3] + 8); /* a column without a name */
	refuses(b, length, o.column[3] + 4, 0, 4, o.column[3] + 8);
	refuses(b, length, o.column[3] + 8, 1, 4, o.column[3] + 8);
	refuses(b, length, o.column[2] + 4, 0, 4, o.column[3]); /* element 2 of no array */
	for (size_t k = 0; k < 65; k++)
	{
		refuses(b, length, knots + 8 * k, 0x7ff8000000000000u, 8, knots + 8 * k);
		if (k > 1) /* -1: before knot 0 */
			refuses(b, length, knots + 8 * k, 0xbff0000000000000u, 8, knots + 8 * k);
	}
	refuses(b, length, o.column[4] + 3, 7, 1, o.column[4]); /* an indicator of a category */
	refuses(b, length, o.column[4] + 3, 4, 1, o.column[4]); /* several levels do vary */
	refuses(b, length, o.column[4] + 3, 0, 1, o.column[4]);
	refuses(b, length, o.column[4] + 4, 1, 4, o.column[4]);
	refuses(b, length, levels, ((uint64_t) 1 << 53) + 1, 8, levels);
	refuses(b, length, levels, 0, 8, o.net); /* no `other`: an input less */
	refuses(b, length, levels + 8, AE_MAX_INPUTS + 1, 4, levels + 8);
	refuses(b, length, levels + 8, AE_MAX_INPUTS, 4, length);
	for (int i = 0; i < 3; i++)
	{
		refuses(b, length, level[i], 0, 8, level[i]);
		refuses(b, length, level[i], ((uint64_t) 1 << 53) + 1, 8, level[i]);
		refuses(b, length, level[i] + 8, AE_MAX_NAME + 1, 4, level[i] + 8);
	}
	refuses(b, length, level[1] + 8, AE_MAX_NAME, 4, level[1] + 8); /* one byte is used up */
	refuses(b, length, level[1], 10, 8, level[1]);                  /* more than the one before */
	refuses(b, length, level[1], 4, 8, level[2]);
	refuses(b, length, level[2] + 8, 0, 4, level[2]); /* twice the empty level */
	refuses(b, length, level[2] + 12, 0, 1, level[2] + 12);
	refuses(b, length, level[2] + 12, 0xff, 1, level[2] + 12);
	free(b);
	sample_free(s);
}

/* ---- sketches ---- */

static void
same_sketch(const AeSketch *a, const AeSketch *b)
{
	assert_true((a == NULL) == (b == NULL));
	if (a == NULL)
		return;
	assert_true(a->n_missing == b->n_missing && a->n_cuts == b->n_cuts && a->n_bins == b->n_bins);
	assert_memory_equal(a->cut, b->cut, a->n_cuts * sizeof(double));
	assert_memory_equal(a->count, b->count, a->n_bins * sizeof(uint32_t));
}

static void
test_sketches(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 100; seed++)
	{
		Sample *s = sample_random(seed);
		AeError error = {0};
		size_t length, block_bytes;
		uint8_t *bytes;
		void *block;
		AeModel model;

		sample_sketches(s, seed % 2);
		bytes = sample_write(&s->model, &length, &error);
		assert_non_null(bytes);
		assert_int_equal(judge(bytes, length, &error), AE_OK);
		assert_int_equal(ae_model_check(&block_bytes, bytes, length, &error, NULL), AE_OK);
		assert_true(block_bytes <= 8 * length + 262144);
		block = malloc(block_bytes);
		assert_int_equal(ae_model_read(&model, block, block_bytes, bytes, length, &error, NULL),
						 AE_OK);
		for (uint32_t c = 0; c < model.schema.n_columns; c++)
		{
			const AeColumn *a = &s->columns[c], *b = &model.schema.columns[c];

			same_sketch(a->sketch, b->sketch);
			same_sketch(a->errors, b->errors);
			assert_true(a->mean_error == b->mean_error);
		}
		free(block);
		free(bytes);
		sample_free(s);
	}
}

/* Two cuts and three counts of the first column, then its errors. */
static void
test_refused_sketches(void **state)
{
	const uint64_t nan_bits = 0x7ff8000000000000u, inf_bits = 0x7ff0000000000000u;
	Sample *s = small_model();
	AeError error = {0};
	double cuts[] = {1, 2};
	uint32_t counts[] = {3, 4, 5};
	AeSketch sketch = {.n_missing = 1, .n_cuts = 2, .n_bins = 3, .cut = cuts, .count = counts};
	size_t length, at;
	uint8_t *b;

	(void) state;
	s->columns[0].sketch = s->columns[0].errors = &sketch;
	s->columns[0].mean_error = 0.5;
	b = sample_write(&s->model, &length, &error);
	assert_non_null(b);
	at = SAMPLE_AT_COLUMNS + 76 + s->columns[0].name_len;
	assert_true(b[SAMPLE_AT_COLUMNS + 3] >> 4 == 3);
	assert_true(sample_get(b, at, 4) == 1 && sample_get(b, at + 4, 4) == 2);
	assert_true(get_f64(b, at + 16) == 2 && sample_get(b, at + 32, 4) == 5);
	assert_true(get_f64(b, at + 36) == 0.5 && sample_get(b, at + 44, 4) == 1);
	refuses(b, length, at + 4, AE_MAX_CUTS + 1, 4, at + 4);
	refuses(b, length, at + 8, nan_bits, 8, at + 8);
	refuses(b, length, at + 16, 0, 8, at + 16); /* cuts ascend */
	refuses(b, length, at + 36, inf_bits, 8, at + 36);
	refuses(b, length, at + 36, 0xbff0000000000000u, 8, at + 36);
	/* errors without values */
	s->columns[0].sketch = NULL;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "column flags");
	free(b);
	sample_free(s);
}

/* Elements of an array column are 1, 2, 3: none twice, none left out. */
static void
test_elements(void **state)
{
	static const uint32_t elements[][3] = {{1, 2, 3}, {0, 0, 0}, {0, 1, 2}, {1, 2, 2},
										   {1, 3, 4}, {2, 3, 4}, {0, 2, 3}, {1, 2, 4}};

	(void) state;
	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
	{
		Sample *s = small_model();
		AeError error = {0};
		size_t length;

		for (uint32_t c = 0; c < 3; c++)
		{
			s->columns[c].kind = AE_KIND_NUMBER;
			s->columns[c].element = elements[i][c];
			if (elements[i][c] > 1)
				s->columns[c].name_len = 0;
		}
		lay_out(s);
		assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL),
						 i < 3 ? AE_OK : AE_ERR_CORRUPT);
		if (i >= 3)
			assert_string_equal(error.what, "element of a column");
		sample_free(s);
	}
}

/* Knots so far apart that nothing between them could be told. */
static void
test_range_of_knots(void **state)
{
	Sample *s = rich_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	size_t length;

	(void) state;
	s->knots[0][64] = 1e308;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_OK);
	s->knots[0][0] = -1e308;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "range of knots");
	assert_true(error.offset == o.column[0] + 77 + 64 * 8);
	sample_free(s);
}

static void
refuse_options(const uint8_t *b, size_t length, const Offsets *o)
{
	const uint64_t nan_bits = 0x7ff8000000000000u, minus_one = 0xbff0000000000000u;
	size_t first = o->options + 4, second = first + 9;

	refuses(b, length, first, ae_n_options, 1, first); /* no option */
	refuses(b, length, second, b[first], 1, second);   /* twice */
	for (size_t at = first; at < o->outcome; at += 9)
	{
		const AeOptionInfo *info = &ae_option_info[b[at]];
		bool real = info->type == AE_OPTION_REAL;
		uint64_t bits;

		memcpy(&bits, &info->otherwise, sizeof bits);
		refuses(b, length, at + 1, real ? bits : (uint64_t) info->otherwise, 8, at);
		if (real)
		{
			refuses(b, length, at + 1, nan_bits, 8, at + 1);
			refuses(b, length, at + 1, minus_one, 8, o->options);
		}
		else if (info->type != AE_OPTION_COUNT64)
			refuses(b, length, at + 1, (uint64_t) 1 << 32, 8, at + 1);
	}
}

static void
test_refused_rest(void **state)
{
	const uint64_t nan_bits = 0x7ff8000000000000u, inf_bits = 0x7ff0000000000000u;
	Sample *s = small_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	size_t length;
	uint8_t *b;

	(void) state;
	s->model.train_loss = s->model.validation_loss = s->model.pca_loss = 0.5;
	b = sample_write(&s->model, &length, &error);
	refuses(b, length, o.net, 1, 4, o.net);
	refuses(b, length, o.net, 65, 4, o.net);
	refuses(b, length, o.net + 4, 0, 4, o.net);
	refuses(b, length, o.net + 4, 3, 4, o.net);
	refuses(b, length, o.net + 8, s->model.net.width[s->model.net.n_encoder] + 1, 4, o.net);
	refuses(b, length, o.net + 12, 24, 4, o.net + 12);
	refuses(b, length, o.net + 16, AE_MAX_WIDTH + 1, 4, o.net + 16);
	refuses(b, length, o.net + 16, 1, 4, o.net + 16); /* without a target */
	refuses(b, length, o.net + 20, 3, 4, o.net);
	refuses(b, length, o.net + 24, 0, 4, o.net);
	refuses(b, length, o.net + 24, AE_MAX_WIDTH + 1, 4, o.net);
	refuses(b, length, o.net + 24, AE_MAX_WIDTH, 4, length);
	refuses(b, length, o.net + 32, 1, 4, o.net);
	refuses(b, length, o.options - 1, AE_ACTIVATION_COUNT, 1, o.options - 1);
	refuse_options(b, length, &o);
	refuses(b, length, o.outcome, AE_TRAIN_STATE_COUNT, 1, o.outcome);
	refuses(b, length, o.outcome + 4, ((uint64_t) 1 << 53) + 1, 8, o.outcome + 4);
	refuses(b, length, o.outcome + 12, s->model.n_rows + 1, 8, o.outcome + 12);
	refuses(b, length, o.outcome + 44, inf_bits, 8, o.outcome + 44);
	refuses(b, length, o.outcome + 52, nan_bits + 1, 8, o.outcome + 52);
	refuses(b, length, o.outcome + 60, nan_bits, 8, o.outcome + 60);
	refuses(b, length, o.outcome + 76, 0xbff0000000000000u, 8, o.outcome + 76);
	refuses(b, length, o.outcome + 84, 0x3ff8000000000000u, 8, o.outcome + 84); /* zeros: 1.5 */
	refuses(b, length, o.outcome + 92, nan_bits, 8, o.outcome + 92);
	refuses(b, length, o.outcome + 100, 4, 4, o.outcome + 100);
	refuses(b, length, o.outcome + 108, inf_bits, 8, o.outcome + 108);
	refuses(b, length, o.outcome + 108, 0xbff0000000000000u, 8, o.outcome + 108);
	refuses(b, length, o.outcome + 116, 0xbff0000000000000u, 8, o.outcome + 116); /* recall */
	refuses(b, length, o.outcome + 124, 0x3ff8000000000000u, 8, o.outcome + 124);
	refuses(b, length, o.weights, 0x7fc00000u, 4, o.weights);
	refuses(b, length, o.calibration - 4, 0xff800000u, 4, o.calibration - 4);
	refuses(b, length, o.calibration, s->model.calibration.n + 1, 8, o.detector);
	refuses(b, length, o.calibration, 0, 8, o.detector);
	refuses(b, length, o.calibration + 8, 1025, 4, o.calibration + 8);
	refuses(b, length, o.calibration + 8, 1000, 4, length);
	refuses(b, length, o.calibration + 12, 2, 1, o.calibration + 12);
	refuses(b, length, o.calibration + 16, nan_bits, 8, o.calibration + 16);
	refuses(b, length, o.calibration + 16, 0xbff0000000000000u, 8, o.calibration + 16);
	refuses(b, length, o.calibration + 32, inf_bits, 8, o.calibration + 32);
	refuses(b, length, o.calibration + 24, 0, 8, o.calibration + 24);
	refuses(b, length, o.pairs, 64, 4, o.pairs); /* pairs of no wide category */
	refuses(b, length, o.history, 1025, 4, o.history);
	refuses(b, length, o.history, 1000, 4, length);
	refuses(b, length, o.history, 1, 4, o.history + 16); /* bytes after the end */
	refuses(b, length, o.history + 4, 0, 4, o.history + 4);
	refuses(b, length, o.history + 16, 1, 4, o.history + 16);
	refuses(b, length, o.history + 8, 0x7fc00000u, 4, o.history + 8);
	refuses(b, length, o.history + 12, 0x7fc00001u, 4, o.history + 12);
	free(b);
	sample_free(s);
}

/* A target: of an array, a time, an element, a constant, or levels that contradict the head. */
static void
test_refused_target(void **state)
{
	const uint64_t nan_bits = 0x7ff8000000000000u, inf_bits = 0x7ff0000000000000u;

	(void) state;
	for (int kind = 0; kind < AE_KIND_COUNT; kind++)
	{
		Sample *s = small_model();
		AeError error = {0};
		size_t length, at;
		uint8_t *b;
		Offsets o;

		if (kind == AE_KIND_TIME)
			sample_target(s, AE_KIND_NUMBER);
		else
			sample_target(s, (AeKind) kind);
		s->model.schema.target.kind = (AeKind) kind;
		o = offsets_of(&s->model);
		at = o.column[s->model.schema.n_columns];
		b = sample_write(&s->model, &length, &error);
		if (kind == AE_KIND_TIME)
		{
			assert_null(b);
			assert_string_equal(error.what, "column of the target");
			sample_free(s);
			continue;
		}
		assert_non_null(b);
		refuses(b, length, 35, 2, 1, 35);
		refuses(b, length, at, AE_KIND_COUNT, 1, at);
		refuses(b, length, at + 1, AE_SCALING_MINMAX, 1, at);
		refuses(b, length, at + 2, AE_PART_HOUR, 1, at);
		refuses(b, length, at + 3, 7, 1, at); /* an indicator */
		refuses(b, length, at + 3, 4, 1, at); /* it did not vary */
		refuses(b, length, at + 4, 1, 4, at); /* an element */
		refuses(b, length, at + 8, 0, 4, at + 8);
		refuses(b, length, at + 12, 0xff, 1, at + 12);
		refuses(b, length, at + 15, inf_bits, 8, at + 15);
		refuses(b, length, o.net + 16, 3, 4, o.net + 16);
		refuses(b, length, o.net + 16, 0, 4, o.net + 16);
		refuses(b, length, o.outcome + 132, 0xbff0000000000000u, 8, o.outcome + 132);
		refuses(b, length, o.outcome + 132, inf_bits, 8, o.outcome + 132);
		refuses(b, length, o.outcome + 140, 0x4000000000000000u, 8, o.outcome + 140);
		refuses(b, length, o.outcome + 140, nan_bits + 1, 8, o.outcome + 140);
		refuses(b, length, o.calibration - 4, 0x7f800000u, 4, o.calibration - 4); /* its bias */
		free(b);
		s->model.net.n_target = 3;
		assert_null(sample_write(&s->model, &length, &error));
		assert_string_equal(error.what, "outputs of the target");
		s->model.net.n_target = ae_target_outputs(&s->model.schema.target);
		s->model.schema.target.name = s->columns[0].name;
		s->model.schema.target.name_len = s->columns[0].name_len;
		assert_null(sample_write(&s->model, &length, &error));
		assert_string_equal(error.what, "column name twice");
		s->model.schema.target.name = "aim";
		s->model.schema.target.name_len = 3;
		if (kind == AE_KIND_CATEGORY)
		{
			s->model.schema.target.n_levels = s->model.net.n_target = 1;
			assert_null(sample_write(&s->model, &length, &error));
			assert_string_equal(error.what, "column of the target");
		}
		sample_free(s);
	}
}

/* Arrays have no name to call a target by. */
static void
test_no_target_of_arrays(void **state)
{
	Sample *s = small_model();
	AeError error = {0};
	size_t length;

	(void) state;
	sample_target(s, AE_KIND_NUMBER);
	s->model.schema.is_array = true;
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
	{
		s->columns[c].kind = AE_KIND_NUMBER;
		s->columns[c].name = NULL;
		s->columns[c].name_len = 0;
	}
	assert_null(sample_write(&s->model, &length, &error));
	assert_string_equal(error.what, "target of arrays");
	sample_free(s);
}

/* Networks of a bundle predict the same column, those of a fold the same levels. */
static void
test_target_pairs(void **state)
{
	Sample *a = small_model(), *b = small_model();

	(void) state;
	sample_target(a, AE_KIND_CATEGORY);
	assert_false(ae_schema_agrees(&a->model.schema, &b->model.schema));
	sample_target(b, AE_KIND_CATEGORY);
	assert_true(ae_model_pairs(&a->model, &b->model));
	b->model.schema.target.n_levels = 3;
	assert_true(ae_schema_agrees(&a->model.schema, &b->model.schema));
	assert_false(ae_model_pairs(&a->model, &b->model));
	sample_target(b, AE_KIND_CATEGORY);
	b->model.schema.target.name = "aid";
	assert_false(ae_schema_agrees(&a->model.schema, &b->model.schema));
	sample_target(b, AE_KIND_BOOLEAN);
	assert_false(ae_schema_agrees(&a->model.schema, &b->model.schema));
	sample_free(a);
	sample_free(b);
}

/* The detector of a model whose cells are q, three and six of time and array, yes, cat. */
static void
test_refused_detector(void **state)
{
	const uint64_t bad_norms[] = {0x7ff8000000000000u, 0x7ff0000000000000u};
	const uint64_t low_norms[] = {0, 0x8000000000000000u, 0xbff0000000000000u};
	const uint32_t bad_cells[] = {0x7fc00000u, 0x7f800000u, 0xff800000u};
	/* of four levels: -1, -2^-149, 0.5, 4, 2^32, 2^40, 2^127 */
	const uint32_t bad_levels[] = {0xbf800000u, 0x80000001u, 0x3f000000u, 0x40800000u,
								   0x4f800000u, 0x53800000u, 0x7f000000u};
	Sample *s = rich_model();
	const AeLayout *layout = &s->model.net.layout;
	AeError error = {0};
	Offsets o;
	size_t length, last;
	uint8_t *b;

	(void) state;
	sample_prototypes(s, 2);
	o = offsets_of(&s->model);
	b = sample_write(&s->model, &length, &error);
	assert_non_null(b);
	assert_int_equal(judge(b, length, &error), AE_OK);
	for (size_t norm = o.detector; norm < o.detector + 16; norm += 8)
	{
		for (int i = 0; i < 2; i++)
			refuses(b, length, norm, bad_norms[i], 8, norm);
		for (int i = 0; i < 3; i++)
			refuses(b, length, norm, low_norms[i], 8, o.detector);
	}
	refuses(b, length, o.detector + 16, AE_MAX_PROTOTYPES + 1, 4, o.detector + 16);
	refuses(b, length, o.detector + 16, AE_MAX_PROTOTYPES, 4, length);
	refuses(b, length, o.detector + 16, 0xffffffffu, 4, o.detector + 16);
	last = o.detector + 20 + 4 * (2 * (size_t) ae_layout_cells(layout) - 1);
	assert_true(last + 4 == o.extremes && layout->n_categories == 1);
	for (size_t at = o.detector + 20; at <= last; at += 4)
		for (int i = 0; i < 3; i++)
			refuses(b, length, at, bad_cells[i], 4, at);
	for (int i = 0; i < 7; i++)
	{
		float level;

		memcpy(&level, &bad_levels[i], 4);
		refuses(b, length, last, bad_levels[i], 4, last);
		s->prototypes[2 * ae_layout_cells(layout) - 1] = (AeReal) level; /* nor is it written */
		assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
		assert_int_equal(error.offset, last);
		length = o.end;
	}
	s->prototypes[2 * ae_layout_cells(layout) - 1] = 0;
	s->prototypes[0] = (AeReal) NAN;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_int_equal(error.offset, o.detector + 20);
	s->model.prototypes.n = AE_MAX_PROTOTYPES + 1;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_LIMIT);
	s->model.prototypes.n = 0;
	s->model.error_norm = 0;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	free(b);
	sample_free(s);
}

/* Keys of frequent rows ascend, and are not too many. */
static void
test_frequent(void **state)
{
	Sample *s = rich_model();
	AeError error = {0};
	Offsets o;
	size_t length;
	uint8_t *b;

	(void) state;
	sample_prototypes(s, 3);
	o = offsets_of(&s->model);
	b = sample_write(&s->model, &length, &error);
	assert_non_null(b);
	assert_int_equal(judge(b, length, &error), AE_OK);
	refuses(b, length, o.frequent, AE_MAX_FREQUENT + 1, 4, o.frequent);
	refuses(b, length, o.frequent + 12, 0, 8, o.frequent + 12);
	refuses(b, length, o.frequent + 12, UINT64_MAX, 8, o.frequent + 20);
	s->keys[2] = s->keys[1];
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_int_equal(error.offset, o.frequent + 20);
	assert_true(ae_frequent_has(&s->model.frequent, s->keys[1]));
	assert_false(ae_frequent_has(&s->model.frequent, s->keys[1] + 1));
	assert_true(ae_frequent_is(10, 200) && ae_frequent_is(11, 220) && ae_frequent_is(10, 10));
	assert_false(ae_frequent_is(10, 201) || ae_frequent_is(9, 20) || ae_frequent_is(0, 0));
	free(b);
	sample_free(s);
}

static void
test_refused_verdicts(void **state)
{
	/* 0, below and above what a reach may be, infinite, NaN */
	const uint64_t bad_reach[] = {0, 0x3d719799812dea10u, 0x54b249ad2594c37eu, 0x7ff0000000000000u,
								  0x7ff8000000000000u};
	/* infinite; NaNs that are not the one */
	const uint32_t bad_cells[] = {0x7f800000u, 0xff800000u, 0xffc00000u, 0x7fc00001u};
	/* of four levels: -2, -0.5, 0.5, 4, 2^32, 2^127 */
	const uint32_t bad_levels[] = {0xc0000000u, 0xbf000000u, 0x3f000000u,
								   0x40800000u, 0x4f800000u, 0x7f000000u};
	Sample *s = rich_model();
	const AeLayout *layout = &s->model.net.layout;
	size_t n_cells = ae_layout_cells(layout), length, cells;
	AeError error = {0};
	Offsets o;
	uint8_t *b;

	(void) state;
	assert_true(layout->n_categories == 1 && layout->n_wide == 0);
	sample_verdicts(s, 2, 1);
	for (size_t i = 0; i < 3 * n_cells; i++)
		s->judged[i] = 0;
	o = offsets_of(&s->model);
	b = sample_write(&s->model, &length, &error);
	assert_non_null(b);
	assert_true(b[12] & 8);
	assert_int_equal(judge(b, length, &error), AE_OK);
	refuses(b, length, o.verdicts, AE_MAX_VERDICTS + 1, 4, o.verdicts);
	refuses(b, length, o.verdicts, 0xffffffffu, 4, o.verdicts); /* plus 1 is 0 */
	refuses(b, length, o.verdicts, AE_MAX_VERDICTS, 4, o.verdicts + 4);
	refuses(b, length, o.verdicts + 4, AE_MAX_VERDICTS, 4, o.verdicts + 4);
	refuses(b, length, o.verdicts + 4, AE_MAX_VERDICTS - 2, 4, length);
	refuses(b, length, o.verdicts + 4, 0xffffffffu, 4, o.verdicts + 4); /* 2 more are 1 */
	for (size_t at = o.verdicts + 8; at < o.verdicts + 32; at += 8)
		for (int i = 0; i < 5; i++)
			refuses(b, length, at, bad_reach[i], 8, at);
	cells = o.verdicts + 32;
	assert_true(cells + 12 * n_cells == o.history);
	for (size_t at = cells; at < o.history; at += 4)
		for (int i = 0; i < 4; i++)
			refuses(b, length, at, bad_cells[i], 4, at);
	for (int i = 0; i < 6; i++)
		refuses(b, length, o.history - 4, bad_levels[i], 4, o.history - 4);
	/* none of them, but the flag */
	sample_put(b, o.verdicts, 0, 8);
	sample_seal(b, length);
	assert_int_equal(judge(b, length, &error), AE_ERR_CORRUPT);
	assert_int_equal(error.offset, o.verdicts + 4);
	/* nor is it written */
	s->judged[0] = (AeReal) INFINITY;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	s->judged[0] = 0;
	s->reach[1] = 0;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	s->model.verdicts.n_dismissed = AE_MAX_VERDICTS;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_LIMIT);
	free(b);
	sample_free(s);
}

/* ---- the filter of rows ---- */

/* How many of n new rows a filter of n_rows takes for rows of training, all of which it knows. */
static double
false_share(uint64_t n_rows, uint32_t n_words, uint32_t n_probes)
{
	AeFilter filter = ae_filter_for(n_rows);
	uint32_t n_false = 0;

	assert_int_equal(filter.n_words, n_words);
	assert_int_equal(filter.n_probes, n_probes);
	filter.words = calloc(n_words, sizeof(uint64_t));
	for (uint64_t i = 0; i < n_rows; i++)
		ae_filter_add(&filter, ae_hash_key(i, 5));
	for (uint64_t i = 0; i < n_rows; i++)
		assert_true(ae_filter_has(&filter, ae_hash_key(i, 5)));
	for (uint64_t i = 0; i < 20000; i++)
		n_false += ae_filter_has(&filter, ae_hash_key(UINT32_MAX + i, 5));
	free(filter.words);
	return n_false / 20000.0;
}

/*
 * Rows of training are always known, of others as few as bits and probes promise: .8 % of ten bits a
 * row, of five (1 - e^(-3/5))^3 = 9.2 %, of one 1 - 1/e.  Without words every row may be known.
 */
static void
test_filter(void **state)
{
	Sample *s = rich_model();
	AeError error = {0};
	Offsets o;
	size_t length;
	uint8_t *b;

	(void) state;
	assert_true(false_share(1, 1, 7) < 0.001);
	assert_true(false_share(1000, 157, 7) < 0.015);
	assert_true(fabs(false_share(AE_MAX_FILTER_BITS / 5, AE_MAX_FILTER, 3) - 0.092) < 0.01);
	assert_true(fabs(false_share(AE_MAX_FILTER_BITS, AE_MAX_FILTER, 1) - 0.632) < 0.02);
	assert_int_equal(ae_filter_for(AE_MAX_FILTER_BITS + 1).n_words, 0);
	assert_int_equal(ae_filter_for(0).n_words, 0);
	assert_true(ae_filter_has(&(AeFilter){0}, 7));

	sample_prototypes(s, 4);
	o = offsets_of(&s->model);
	b = sample_write(&s->model, &length, &error);
	assert_non_null(b);
	assert_int_equal(judge(b, length, &error), AE_OK);
	refuses(b, length, o.filter, AE_MAX_FILTER + 1, 4, o.filter);
	refuses(b, length, o.filter + 4, 0, 4, o.filter + 4);
	refuses(b, length, o.filter + 4, AE_MAX_PROBES + 1, 4, o.filter + 4);
	s->model.filter.n_words = AE_MAX_FILTER + 1;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_LIMIT);
	free(b);
	sample_free(s);
}

/* ---- bundles ---- */

typedef struct Bundled
{
	AeBundleBytes bundle;
	uint8_t *models[AE_MAX_MODELS];
	uint8_t *bytes;
	size_t length;
} Bundled;

static Bundled
make_bundle(uint64_t seed, uint32_t n_folds, uint32_t n_members)
{
	Bundled b = {.bundle = {.n_folds = n_folds, .n_members = n_members}};
	AeError error = {0};

	for (uint32_t i = 0; i < n_folds * n_members; i++)
	{
		Sample *s = sample_of(seed, true, 4, 2, 4, 3, 2);

		sample_make_network(s, i, n_members);
		b.bundle.bytes[i] = b.models[i] = sample_write(&s->model, &b.bundle.length[i], &error);
		assert_non_null(b.models[i]);
		sample_free(s);
	}
	b.bytes = sample_write_bundle(&b.bundle, &b.length, &error);
	assert_non_null(b.bytes);
	return b;
}

static void
free_bundle(Bundled *b)
{
	for (uint32_t i = 0; i < AE_MAX_MODELS; i++)
		free(b->models[i]);
	free(b->bytes);
}

/* As judge, of bytes that may be a bundle: what is accepted, with its models, is written back. */
static AeStatus
judge_bundle(const uint8_t *bytes, size_t length, AeError *error)
{
	uint8_t *exact = copy_of(bytes, length), *again;
	AeBundleBytes bundle;
	AeStatus status = ae_bundle_open(&bundle, exact, length, error, NULL);
	size_t size, again_length;

	if (status != AE_OK)
	{
		assert_int_equal(error->status, status);
		assert_non_null(error->what);
		assert_true(status == AE_ERR_CORRUPT || status == AE_ERR_VERSION);
		assert_true(error->offset <= length);
		free(exact);
		return status;
	}
	assert_in_range(bundle.n_folds, 1, AE_MAX_FOLDS);
	assert_in_range(bundle.n_members, 1, AE_MAX_MEMBERS);
	if (bundle.length[0] != length)
	{
		again = sample_write_bundle(&bundle, &again_length, error);
		assert_non_null(again);
		assert_int_equal(again_length, length);
		assert_memory_equal(again, bytes, length);
		free(again);
	}
	for (uint32_t i = 0; i < bundle.n_folds * bundle.n_members && status == AE_OK; i++)
	{
		const uint8_t *at = bundle.bytes[i];

		assert_true(at >= exact && at + bundle.length[i] <= exact + length);
		status = ae_model_check(&size, at, bundle.length[i], error, NULL);
		assert_int_equal(judge(at, bundle.length[i], error), status);
	}
	free(exact);
	return status;
}

static void
test_bundles(void **state)
{
	(void) state;
	for (uint32_t n_folds = 1; n_folds <= 2; n_folds++)
		for (uint32_t n_members = 1; n_members <= 4; n_members++)
		{
			Bundled b = make_bundle(10 * n_folds + n_members, n_folds, n_members);
			AeError error = {0};
			AeBundleBytes bundle;
			size_t at = 40, size;

			assert_int_equal(judge_bundle(b.bytes, b.length, &error), AE_OK);
			assert_int_equal(ae_bundle_open(&bundle, b.bytes, b.length, &error, NULL), AE_OK);
			assert_true(bundle.n_folds == n_folds && bundle.n_members == n_members);
			assert_int_equal(sample_get(b.bytes, 12, 4), 4);
			assert_int_equal(sample_get(b.bytes, 32, 4), n_folds);
			assert_int_equal(sample_get(b.bytes, 36, 4), n_members);
			for (uint32_t i = 0; i < n_folds * n_members; i++)
			{
				assert_int_equal(sample_get(b.bytes, at, 8), b.bundle.length[i]);
				assert_true(bundle.bytes[i] == b.bytes + at + 8);
				assert_int_equal(bundle.length[i], b.bundle.length[i]);
				assert_memory_equal(bundle.bytes[i], b.models[i], bundle.length[i]);
				at += 8 + bundle.length[i];
			}
			assert_int_equal(at, b.length);
			/* a bundle is no model, neither for the reader nor inside another bundle */
			assert_int_equal(ae_model_check(&size, b.bytes, b.length, &error, NULL),
							 AE_ERR_CORRUPT);
			assert_int_equal(error.offset, 12);
			free_bundle(&b);
		}
}

/* What is no bundle passes for a model: its own reader then says what it is. */
static void
test_single_as_bundle(void **state)
{
	Sample *s = sample_random(8);
	AeError error = {0};
	AeBundleBytes bundle;
	size_t length;
	uint8_t *bytes = sample_write(&s->model, &length, &error);

	(void) state;
	for (size_t n = 0; n <= length; n++)
	{
		assert_int_equal(ae_bundle_open(&bundle, bytes, n, &error, NULL), AE_OK);
		assert_true(bundle.n_folds == 1 && bundle.n_members == 1);
		assert_true(bundle.bytes[0] == bytes && bundle.length[0] == n);
	}
	free(bytes);
	sample_free(s);
}

static void
test_nested_bundle(void **state)
{
	Bundled inner = make_bundle(5, 1, 2), outer = {.bundle = {.n_folds = 2, .n_members = 1}};
	AeError error = {0};
	size_t size;

	(void) state;
	outer.bundle.bytes[0] = inner.models[0];
	outer.bundle.length[0] = inner.bundle.length[0];
	outer.bundle.bytes[1] = inner.bytes;
	outer.bundle.length[1] = inner.length;
	outer.bytes = sample_write_bundle(&outer.bundle, &outer.length, &error);
	assert_int_equal(judge_bundle(outer.bytes, outer.length, &error), AE_ERR_CORRUPT);
	assert_int_equal(ae_model_check(&size, inner.bytes, inner.length, &error, NULL),
					 AE_ERR_CORRUPT);
	assert_int_equal(error.offset, 12);
	assert_string_equal(error.what, "a bundle where a single model should be");
	free(outer.bytes);
	free_bundle(&inner);
}

static void
test_bundle_truncations(void **state)
{
	Bundled b = make_bundle(3, 2, 2);
	AeError error = {0};

	(void) state;
	for (size_t n = 0; n < b.length; n++)
	{
		uint8_t *part = copy_of(b.bytes, n);

		assert_int_equal(judge_bundle(part, n, &error), AE_ERR_CORRUPT);
		if (n >= 32)
		{
			sample_seal(part, n);
			assert_int_equal(judge_bundle(part, n, &error), AE_ERR_CORRUPT);
		}
		free(part);
	}
	b.bytes = realloc(b.bytes, b.length + 1);
	b.bytes[b.length] = 0;
	sample_seal(b.bytes, b.length + 1);
	assert_int_equal(judge_bundle(b.bytes, b.length + 1, &error), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "bytes after the end");
	free_bundle(&b);
}

/* Every byte in front of, between and at the beginning of its models, changed in every way. */
static void
test_bundle_flips(void **state)
{
	Bundled b = make_bundle(7, 2, 2);
	uint8_t *bad = copy_of(b.bytes, b.length);
	AeError error = {0};
	size_t next = 40, n_sealed = 0;

	(void) state;
	for (size_t i = 0, k = 0; i < b.length; i++)
	{
		if (i == next + 40)
			i = next = k < 3 ? next + 8 + b.bundle.length[k++] : b.length - 1;
		for (unsigned byte = 1; byte < 256; byte++)
		{
			memcpy(bad, b.bytes, b.length);
			bad[i] ^= (uint8_t) byte;
			assert_int_not_equal(judge_bundle(bad, b.length, &error), AE_OK);
			if (i >= 16 && i < 28) /* length and checksum are put right */
				continue;
			sample_seal(bad, b.length);
			assert_int_not_equal(judge_bundle(bad, b.length, &error), AE_OK);
			n_sealed++;
		}
	}
	assert_true(n_sealed > 180 * 255);
	free(bad);
	free_bundle(&b);
}

/* Puts value into a bundle; it is refused there. */
static void
bundle_refuses(const Bundled *b, size_t at, uint64_t value, unsigned size, size_t offset)
{
	uint8_t *bad = copy_of(b->bytes, b->length);
	AeError error = {0};

	sample_put(bad, at, value, size);
	sample_seal(bad, b->length);
	assert_int_equal(judge_bundle(bad, b->length, &error), AE_ERR_CORRUPT);
	if (error.offset != offset)
		fail_msg("%llu at %zu is refused at %llu, not %zu: %s", (unsigned long long) value, at,
				 (unsigned long long) error.offset, offset, error.what);
	free(bad);
}

static void
test_refused_bundles(void **state)
{
	static const uint64_t lengths[] = {AE_MAX_MODEL + 1,    0x80000000u, 0xffffffffu,
									   0x100000000u,        INT64_MAX,   (uint64_t) INT64_MAX + 1,
									   UINT64_MAX - 40 - 8, UINT64_MAX};
	Bundled b = make_bundle(9, 2, 3);
	AeError error = {0};
	AeBundleBytes bundle = b.bundle;
	size_t length;

	(void) state;
	for (unsigned flag = 0; flag < 32; flag++)
		if (flag != 2)
			bundle_refuses(&b, 12, 4 | (uint64_t) 1 << flag, 4, 12);
	bundle_refuses(&b, 28, 1, 4, 28);
	bundle_refuses(&b, 32, 0, 4, 32);
	bundle_refuses(&b, 32, 3, 4, 32);
	bundle_refuses(&b, 32, 0xffffffffu, 4, 32);
	bundle_refuses(&b, 36, 0, 4, 36);
	bundle_refuses(&b, 36, 5, 4, 36);
	bundle_refuses(&b, 36, 0xffffffffu, 4, 36);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		bundle_refuses(&b, 40, lengths[i], 8, 40);
	bundle_refuses(&b, 40, AE_MAX_MODEL, 8, b.length);
	bundle_refuses(&b, 40, b.length - 47, 8, b.length);
	bundle_refuses(&b, 32, 1, 4,
				   48 + b.bundle.length[0] + 8 + b.bundle.length[1] + 8 +
					   b.bundle.length[2]); /* bytes after the end */
	/* the writer: too many, and more than the cap together or alone */
	bundle.n_members = 5;
	assert_int_equal(ae_bundle_written_size(&length, &bundle, &error), AE_ERR_LIMIT);
	bundle.n_members = 3;
	bundle.n_folds = 0;
	assert_int_equal(ae_bundle_written_size(&length, &bundle, &error), AE_ERR_LIMIT);
	bundle.n_folds = 2;
	bundle.length[4] = AE_MAX_MODEL - b.length;
	assert_int_equal(ae_bundle_written_size(&length, &bundle, &error), AE_OK);
	bundle.length[4] = AE_MAX_MODEL;
	assert_int_equal(ae_bundle_written_size(&length, &bundle, &error), AE_ERR_LIMIT);
	bundle.length[4] = SIZE_MAX - 16;
	assert_int_equal(ae_bundle_written_size(&length, &bundle, &error), AE_ERR_LIMIT);
	/* a size that was not asked for gives zeroes */
	ae_bundle_write(b.bytes, b.length - 1, &b.bundle, NULL);
	for (size_t i = 0; i < b.length - 1; i++)
		assert_int_equal(b.bytes[i], 0);
	free_bundle(&b);
}

/* Members of a fold fit together; folds need to have the same columns alone. */
static void
test_pairs(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 40; seed++)
	{
		Sample *a = sample_of(seed, true, 8, 2, 8, 0, 0), *b = sample_of(seed, true, 8, 2, 8, 0, 0);
		AeColumn *column = NULL;

		sample_make_member(b, 1);
		assert_true(ae_model_pairs(&a->model, &b->model));
		for (uint32_t c = 0; c < 8; c++)
			if (b->columns[c].kind == AE_KIND_CATEGORY && b->columns[c].n_levels > 2)
				column = &b->columns[c];
		if (column)
		{
			column->n_levels--;
			assert_true(ae_schema_agrees(&a->model.schema, &b->model.schema));
			assert_false(ae_model_pairs(&a->model, &b->model));
			column->n_levels++;
			column->levels[1].text = "LEVEL 1";
			assert_int_equal(column->levels[1].len, 7);
			assert_false(ae_model_pairs(&a->model, &b->model));
			column->levels[1].text = "";
			column->levels[1].len = 0;
			assert_false(ae_model_pairs(&a->model, &b->model));
			assert_false(ae_model_pairs(&b->model, &a->model));
			column->levels[1] = a->columns[column - b->columns].levels[1];
		}
		assert_true(ae_model_pairs(&a->model, &b->model));
		b->model.net.width[1]++;
		assert_false(ae_model_pairs(&a->model, &b->model));
		b->model.net.width[1]--;
		b->model.net.activation[0] ^= 1;
		assert_false(ae_model_pairs(&a->model, &b->model));
		b->model.net.activation[0] ^= 1;
		b->columns[7].cell++;
		assert_false(ae_model_pairs(&a->model, &b->model));
		b->columns[7].cell--;
		b->columns[7].kind = (AeKind) (b->columns[7].kind ^ 1);
		assert_false(ae_model_pairs(&a->model, &b->model));
		assert_false(ae_schema_agrees(&a->model.schema, &b->model.schema));
		sample_free(a);
		sample_free(b);
	}
}

/*
 * Thresholds, a head and units that are kept belong to a network's shape: weights of one that lacks
 * them are fewer, or other ones.  No such bundle is one, in whatever fold it is.
 */
static void
test_misfits(void **state)
{
	(void) state;
	for (uint32_t change = 0; change < 5; change++)
		for (uint32_t at = 1; at < 4; at++)
		{
			Sample *samples[4];
			const AeModel *models[4];
			AeNet *net;

			for (uint32_t i = 0; i < 4; i++)
			{
				samples[i] = sample_of(7, true, 8, 2, 8, 0, 0);
				sample_make_member(samples[i], i);
				models[i] = &samples[i]->model;
			}
			net = &samples[at]->model.net;
			assert_null(ae_bundle_misfit(models, 1, 4));
			assert_null(ae_bundle_misfit(models, 2, 2));
			if (change == 0)
				net->gated ^= 1;
			else if (change == 1)
				net->top_k ^= 1;
			else if (change == 2)
				net->n_target ^= 1;
			else if (change == 4)
				net->skip ^= 1;
			else
				samples[at]->model.schema.has_target ^= 1;
			assert_non_null(ae_bundle_misfit(models, 1, 4));
			assert_non_null(ae_bundle_misfit(models, 2, 2));
			/* a network by itself only has to have the columns of the other fold */
			assert_true((ae_bundle_misfit(models, 2, 1) != NULL) == (change == 3 && at == 1));
			for (uint32_t i = 0; i < 4; i++)
				sample_free(samples[i]);
		}
}

/* ---- names ---- */

/* Gives column 0 the name `text` of len bytes, by the writer and, past it, by raw bytes. */
static AeStatus
try_name(const char *text, uint32_t len, bool raw)
{
	Sample *s = small_model();
	AeError error = {0};
	AeStatus status;
	size_t length;
	uint8_t *bytes;
	char plain[64];

	memset(plain, 'x', sizeof plain);
	s->model.schema.raw_names = raw;
	s->columns[0].name = plain;
	s->columns[0].name_len = len;
	bytes = sample_write(&s->model, &length, &error);
	assert_non_null(bytes);
	memcpy(bytes + SAMPLE_AT_COLUMNS + 12, text, len);
	sample_seal(bytes, length);
	status = judge(bytes, length, &error);
	free(bytes);
	s->columns[0].name = text;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), status);
	if (status != AE_OK)
		assert_int_equal(error.offset, SAMPLE_AT_COLUMNS + 12);
	sample_free(s);
	return status;
}

static void
test_names(void **state)
{
	static const char *const good[] = {"a",
									   "\x7f",
									   "\xc2\x80",
									   "\xdf\xbf",
									   "\xe0\xa0\x80",
									   "\xed\x9f\xbf",
									   "\xee\x80\x80",
									   "\xef\xbf\xbf",
									   "\xf0\x90\x80\x80",
									   "\xf4\x8f\xbf\xbf",
									   "Gr\xc3\xb6\xc3\x9f\x65"};
	static const char *const bad[] = {"\x80",
									  "\xbf",
									  "\xc0\x80",
									  "\xc1\xbf",
									  "\xc2",
									  "\xc2\x41",
									  "\xe0\x9f\xbf",
									  "\xed\xa0\x80",
									  "\xe1\x80",
									  "\xe1\x80\x41",
									  "\xf0\x8f\xbf\xbf",
									  "\xf4\x90\x80\x80",
									  "\xf5\x80\x80\x80",
									  "\xf1\x80\x80",
									  "\xff",
									  "a\xfez"};

	(void) state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(try_name(good[i], (uint32_t) strlen(good[i]), false), AE_OK);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
	{
		assert_int_equal(try_name(bad[i], (uint32_t) strlen(bad[i]), false), AE_ERR_CORRUPT);
		assert_int_equal(try_name(bad[i], (uint32_t) strlen(bad[i]), true), AE_OK);
	}
	assert_int_equal(try_name("a\0b", 3, false), AE_ERR_CORRUPT);
	assert_int_equal(try_name("\0", 1, true), AE_ERR_CORRUPT);
	assert_int_equal(try_name("flats", 5, false), AE_OK);
}

/* column 2 is called flat: a second one, or yes, comes up where the later of the two stands. */
static void
test_name_twice(void **state)
{
	Sample *s = small_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	size_t length;

	(void) state;
	s->columns[2].name = "yes";
	s->columns[2].name_len = 3;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "column name twice");
	assert_int_equal(error.offset, o.column[2] + 12);
	s->columns[2].name_len = 2;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_OK);
	sample_free(s);
}

/* 1664 names of 8 KB that differ at their ends alone: no square of comparisons. */
static void
test_many_long_names(void **state)
{
	enum
	{
		N = AE_MAX_COLUMNS,
		LEN = 8192
	};
	Sample *s = sample_build(1, 1, 2, 2, 0, 0);
	AeColumn *columns = calloc(N, sizeof(AeColumn));
	char *names = malloc((size_t) N * LEN);
	AeError error = {0};
	clock_t start = clock();
	size_t length;
	uint8_t *bytes;

	(void) state;
	s->model.schema.is_array = false;
	memset(names, 'n', (size_t) N * LEN);
	for (uint32_t c = 0; c < N; c++)
	{
		columns[c] = s->columns[0];
		if (c > 0)
			sample_make_constant(&columns[c]);
		columns[c].name = names + (size_t) c * LEN;
		columns[c].name_len = LEN;
		sprintf(names + (size_t) c * LEN + LEN - 8, "%07u", (c * 1109u) % N);
		names[(size_t) c * LEN + LEN - 1] = '.';
	}
	s->model.schema.columns = columns;
	s->model.schema.n_columns = N;
	ae_schema_layout(&s->model.schema);
	bytes = sample_write(&s->model, &length, &error);
	assert_non_null(bytes);
	assert_int_equal(judge(bytes, length, &error), AE_OK);
	memcpy(names + (size_t) 1500 * LEN, names, LEN);
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "column name twice");
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
	free(bytes);
	free(names);
	free(columns);
	sample_free(s);
}

/* ---- the writer ---- */

/* As lay_out, for more columns than samples have room for: everything grouped or scalar. */
static void
lay_out_wide(Sample *s)
{
	AeSchema *schema = &s->model.schema;
	AeNet *net = &s->model.net;

	ae_schema_layout(schema);
	ae_schema_blocks(&net->layout, s->blocks, s->indicators, schema, AE_LOSS_MSE, AE_LOSS_SOFTMAX);
	net->n_layers = 2;
	net->n_encoder = 1;
	net->top_k = 0;
	net->width[0] = net->width[2] = schema->n_dense;
	net->width[1] = 1;
	net->activation[0] = net->activation[1] = AE_IDENTITY;
	free(s->params);
	s->params = calloc(ae_net_n_params(net), sizeof(AeReal));
	s->model.params = s->params;
}

static void
test_writer_caps(void **state)
{
	Sample *s = small_model();
	AeModel *m = &s->model;
	AeError error = {0};
	size_t length;
	AeReal weight = s->params[0];

	(void) state;
	s->columns[0].name_len = AE_MAX_NAME + 1;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_LIMIT);
	assert_true(error.value == AE_MAX_NAME + 1 && error.high == AE_MAX_NAME);
	s->columns[0].name_len = 3;
	m->schema.n_columns = 0;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_LIMIT);
	m->schema.n_columns = 3;
	m->calibration.n_points = AE_CALIBRATION_POINTS + 1;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_LIMIT);
	m->calibration.n_points = 2;
	m->n_history = AE_MAX_HISTORY + 1;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_LIMIT);
	m->n_history = 2;
	s->params[0] = NAN;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "weight is not finite");
	s->params[0] = weight;
	m->options.learning_rate = -1;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_ARGUMENT);
	assert_string_equal(error.what, "learning_rate");
	m->options.learning_rate = 0.1;
	m->net.activation[0] = (AeActivation) 77;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_CORRUPT);
	m->net.activation[0] = AE_TANH;
	m->net.layout.n_dense--;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "layout");
	m->net.layout.n_dense++;
	s->blocks[0].loss = AE_LOSS_SOFTMAX;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_SHAPE);
	s->blocks[0].loss = AE_LOSS_MSE;
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_OK);
	m->net.width[1] = m->net.width[2] = AE_MAX_WIDTH; /* 16 GiB of weights */
	assert_int_equal(ae_model_written_size(&length, m, &error, NULL), AE_ERR_LIMIT);
	sample_free(s);
}

/* As many columns with a name, values, and bytes of levels as there may be, and one more. */
static void
test_most_columns(void **state)
{
	const uint32_t most[] = {AE_MAX_COLUMNS, AE_MAX_VALUES};
	AeColumn *columns = calloc(AE_MAX_VALUES + 1, sizeof(AeColumn));
	char(*names)[8] = calloc(AE_MAX_COLUMNS + 1, sizeof *names);

	(void) state;
	for (int k = 0; k < 2; k++)
	{
		Sample *s = small_model();
		AeError error = {0};
		size_t length;
		uint8_t *bytes;

		for (uint32_t c = 0; c <= most[k]; c++)
		{
			columns[c] = s->columns[0];
			columns[c].name_len = 0;
			columns[c].element = k == 0 ? 0 : c + 1; /* or one array column */
			if (columns[c].element > 1)
				continue;
			columns[c].name = names[c];
			columns[c].name_len = (uint32_t) sprintf(names[c], "c%u", c);
		}
		s->model.schema.columns = columns;
		s->model.schema.n_columns = most[k];
		lay_out_wide(s);
		bytes = sample_write(&s->model, &length, &error);
		assert_non_null(bytes);
		assert_int_equal(judge(bytes, length, &error), AE_OK);
		s->model.schema.n_columns++;
		assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_LIMIT);
		assert_true(error.high == most[k] && error.value == most[k] + 1);
		free(bytes);
		sample_free(s);
	}
	free(columns);
	free(names);
}

static void
test_long_levels(void **state)
{
	Sample *s = rich_model();
	char *text = malloc(AE_MAX_NAME);
	AeError error = {0};
	size_t length;
	uint8_t *bytes;

	(void) state;
	memset(text, 'z', AE_MAX_NAME);
	s->levels[4][2].text = text;
	s->levels[4][2].len = AE_MAX_NAME - 1; /* "b" takes one */
	bytes = sample_write(&s->model, &length, &error);
	assert_non_null(bytes);
	assert_int_equal(judge(bytes, length, &error), AE_OK);
	s->levels[4][2].len++;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_LIMIT);
	assert_true(error.value == AE_MAX_NAME && error.high == AE_MAX_NAME - 1);
	free(bytes);
	free(text);
	sample_free(s);
}

/* Whatever NaN stands in the model, one stands in the bytes. */
static void
test_canonical_nan(void **state)
{
	Sample *s = small_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	const uint32_t odd = 0xffc12345u;
	const uint64_t odd_wide = 0xfff8000000000123u;
	size_t length;
	uint8_t *bytes;

	(void) state;
	memcpy(&s->history[0].validation_loss, &odd, 4);
	memcpy(&s->model.pca_loss, &odd_wide, 8);
	bytes = sample_write(&s->model, &length, &error);
	assert_non_null(bytes);
	assert_true(sample_get(bytes, o.history + 12, 4) == 0x7fc00000u);
	assert_true(sample_get(bytes, o.outcome + 68, 8) == 0x7ff8000000000000u);
	assert_int_equal(judge(bytes, length, &error), AE_OK);
	free(bytes);
	sample_free(s);
}

/* ---- released bytes ---- */

/* Bytes of a file of hexadecimal digits and line ends. */
static uint8_t *
load_hex(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	uint8_t *bytes = malloc(1 << 20);
	unsigned byte;

	*length = 0;
	assert_non_null(bytes);
	if (!file)
		fail_msg("%s: cannot be read; run the tests from the top directory", path);
	while (*length < 1 << 20 && fscanf(file, "%2x", &byte) == 1)
		bytes[(*length)++] = (uint8_t) byte;
	assert_true(feof(file));
	fclose(file);
	return bytes;
}

static void
test_golden_bytes(void **state)
{
	static const char *const names[] = {
		"model_v1_mse.hex",        "model_v1_bce.hex",        "model_v1_array.hex",
		"model_v1_softmax.hex",    "model_v1_onehot.hex",     "model_v1_bce_onehot.hex",
		"model_v1_categories.hex", "model_v1_prototypes.hex", "model_v1_wide.hex",
		"bundle_v1_2x1.hex",       "bundle_v1_2x3.hex"};

	(void) state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
	{
		char path[256];
		AeError error = {0};
		size_t length;
		uint8_t *bytes;

		snprintf(path, sizeof path, GOLDEN_DIR "%s", names[i]);
		bytes = load_hex(path, &length);
		assert_true(length > 1000);
		assert_int_equal(judge_bundle(bytes, length, &error), AE_OK);
		free(bytes);
	}
}

static void
test_extremes(void **state)
{
	/* beyond 1 by one bit, infinite; then a NaN, -1 and a subnormal below 0, of the second half */
	const uint64_t bad_weights[] = {0x3ff0000000000001u, 0xbff0000000000000u};
	const uint32_t bad_spreads[] = {0x7fc00000u, 0xbf800000u, 0x80000001u};
	Sample *s = rich_model();
	size_t n_dense = s->model.net.layout.n_dense;
	AeError error = {0};
	Offsets o;
	size_t length;
	uint8_t *b;

	(void) state;
	sample_extremes(s, 0.5);
	o = offsets_of(&s->model);
	b = sample_write(&s->model, &length, &error);
	assert_non_null(b);
	assert_int_equal(o.end, length);
	assert_int_equal(judge(b, length, &error), AE_OK);
	for (int i = 0; i < 2; i++)
		refuses(b, length, o.extremes, bad_weights[i], 8, o.extremes);
	for (size_t j = 0; j < 2 * n_dense; j++)
		for (int i = 0; i < (j < n_dense ? 1 : 3); i++)
			refuses(b, length, o.extremes + 8 + 4 * j, bad_spreads[i], 4, o.extremes + 8 + 4 * j);
	s->spread[1] = -1;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_int_equal(error.offset, o.extremes + 8 + 4 * (n_dense + 1));
	s->model.extremes.weight = 1.5;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	assert_int_equal(error.offset, o.extremes);
	free(b);
	sample_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_drawn),
		cmocka_unit_test(test_wrong_sizes),
		cmocka_unit_test(test_byte_table),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_byte_flips),
		cmocka_unit_test(test_wild_damage),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_refused_schema),
		cmocka_unit_test(test_refused_kinds),
		cmocka_unit_test(test_range_of_knots),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_sketches),
		cmocka_unit_test(test_refused_sketches),
		cmocka_unit_test(test_refused_rest),
		cmocka_unit_test(test_refused_detector),
		cmocka_unit_test(test_frequent),
		cmocka_unit_test(test_refused_verdicts),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_refused_target),
		cmocka_unit_test(test_no_target_of_arrays),
		cmocka_unit_test(test_target_pairs),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_single_as_bundle),
		cmocka_unit_test(test_nested_bundle),
		cmocka_unit_test(test_bundle_truncations),
		cmocka_unit_test(test_bundle_flips),
		cmocka_unit_test(test_refused_bundles),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_misfits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_twice),
		cmocka_unit_test(test_many_long_names),
		cmocka_unit_test(test_writer_caps),
		cmocka_unit_test(test_most_columns),
		cmocka_unit_test(test_long_levels),
		cmocka_unit_test(test_canonical_nan),
		cmocka_unit_test(test_golden_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
