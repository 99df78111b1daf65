/* Proves: model bytes are what the table in ae_model.h says, and no bytes can hurt the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

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
	AeStatus status = ae_model_check(&size, bytes, length, error);

	*block = NULL;
	if (status != AE_OK)
		return status;
	*block = malloc(size);
	assert_non_null(*block);
	assert_int_equal(ae_model_read(model, *block, size, bytes, length, error), AE_OK);
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
assert_same_model(const AeModel *a, const AeModel *b)
{
	size_t n_params = ae_net_n_params(&a->net);

	assert_true(a->purpose == b->purpose && a->loss == b->loss && a->state == b->state);
	assert_true(a->schema.is_array == b->schema.is_array);
	assert_true(a->schema.raw_names == b->schema.raw_names);
	assert_true(a->schema.scaling == b->schema.scaling);
	assert_true(a->schema.n_inputs == b->schema.n_inputs);
	for (uint32_t c = 0; c < a->schema.n_columns; c++)
	{
		const AeColumn *x = &a->schema.columns[c], *y = &b->schema.columns[c];

		assert_true(x->kind == y->kind && x->input == y->input && x->name_len == y->name_len);
		assert_true(x->name_len == 0 || memcmp(x->name, y->name, x->name_len) == 0);
		assert_true((x->name == NULL) == (y->name == NULL));
		assert_true(x->shift == y->shift && x->scale == y->scale && x->mean == y->mean);
		assert_true(x->sd == y->sd && x->min == y->min && x->max == y->max);
	}
	assert_true(b->net.blocks == b->blocks && a->net.n_blocks == b->net.n_blocks);
	assert_memory_equal(a->blocks, b->blocks, a->net.n_blocks * sizeof(AeBlock));
	assert_memory_equal(a->params, b->params, n_params * sizeof(AeReal));
	assert_memory_equal(&a->options.epochs, &b->options.epochs, 16);
	assert_true(a->options.seed == b->options.seed && a->options.noise == b->options.noise);
	assert_true(a->options.optimizer == b->options.optimizer && a->options.time_limit == 60);
	assert_true(a->n_rows == b->n_rows && a->best_epoch == b->best_epoch);
	assert_true(a->n_dead == b->n_dead && a->server_version == b->server_version);
	assert_true(isnan(a->pca_loss) ? isnan(b->pca_loss) : a->pca_loss == b->pca_loss);
	assert_true(a->calibration.n == b->calibration.n);
	assert_true(a->calibration.unseen == b->calibration.unseen);
	for (uint32_t i = 0; i < a->calibration.n_points; i++)
		assert_true(a->calibration.score[i] == b->calibration.score[i] &&
					a->calibration.n_above[i] == b->calibration.n_above[i]);
	assert_true(a->n_history == b->n_history);
	for (uint32_t i = 0; i < a->n_history; i++)
		assert_true(a->history[i].epoch == b->history[i].epoch &&
					a->history[i].train_loss == b->history[i].train_loss);
}

static void
test_round_trip(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 300; seed++)
	{
		Sample *s = sample_random(seed);
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
	assert_int_equal(ae_model_check(&size, bytes, length, &error), AE_OK);
	block = malloc(size - 1);
	assert_int_equal(ae_model_read(&model, block, size - 1, bytes, length, &error), AE_ERR_SHAPE);
	ae_model_write(longer, length + 1, &s->model);
	for (size_t i = 0; i <= length; i++)
		assert_int_equal(longer[i], 0);
	ae_model_write(longer, length - 1, &s->model);
	assert_int_equal(longer[0], 0);
	free(block);
	free(longer);
	free(bytes);
	sample_free(s);
}

/* ---- the byte table, walked by hand ---- */

typedef struct Offsets
{
	size_t column[SAMPLE_COLUMNS];
	size_t net, options, outcome, weights, calibration, history, end;
} Offsets;

static Offsets
offsets_of(const AeModel *m)
{
	Offsets o = {0};
	size_t at = SAMPLE_AT_COLUMNS;

	for (uint32_t c = 0; c < m->schema.n_columns; c++)
	{
		o.column[c] = at;
		at += 60 + m->schema.columns[c].name_len;
	}
	o.net = at;
	o.options = o.net + 8 + 4 * (m->net.n_layers + 1) + m->net.n_layers;
	o.outcome = o.options + 132;
	o.weights = o.outcome + 92;
	o.calibration = o.weights + 4 * ae_net_n_params(&m->net);
	o.history = o.calibration + 16 + 16 * (size_t) m->calibration.n_points;
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

static void
check_front(const AeModel *m, const uint8_t *b, size_t length, const Offsets *o)
{
	const AeColumn *column = &m->schema.columns[1];
	size_t at = o->column[1];

	assert_memory_equal(b,
						"\x89"
						"AEM\r\n\x1a\n",
						8);
	assert_true(sample_get(b, 8, 2) == 1 && sample_get(b, 10, 2) == 1);
	assert_int_equal(sample_get(b, 12, 4), m->schema.is_array + 2 * m->schema.raw_names);
	assert_true(sample_get(b, 16, 8) == length && sample_get(b, 28, 4) == 0);
	assert_true(b[32] == m->purpose && b[33] == m->loss && b[34] == m->schema.scaling);
	assert_true(sample_get(b, 36, 4) == m->schema.n_columns);
	assert_true(sample_get(b, 40, 4) == m->schema.n_inputs);
	assert_true(b[at] == column->kind && sample_get(b, at + 4, 4) == (uint32_t) column->input);
	assert_true(sample_get(b, at + 8, 4) == column->name_len);
	if (column->name_len > 0)
		assert_memory_equal(b + at + 12, column->name, column->name_len);
	at += 12 + column->name_len;
	assert_true(get_f64(b, at) == column->shift && get_f64(b, at + 8) == column->scale);
	assert_true(get_f64(b, at + 16) == column->mean && get_f64(b, at + 24) == column->sd);
	assert_true(get_f64(b, at + 32) == column->min && get_f64(b, at + 40) == column->max);
	assert_true(sample_get(b, o->net, 4) == m->net.n_layers);
	assert_true(sample_get(b, o->net + 4, 4) == m->net.n_encoder);
	assert_true(sample_get(b, o->net + 8 + 4, 4) == m->net.width[1]);
	assert_true(b[o->options - 1] == m->net.activation[m->net.n_layers - 1]);
}

static void
check_back(const AeModel *m, const uint8_t *b, const Offsets *o)
{
	const AeCalibration *calibration = &m->calibration;
	uint32_t bits = (uint32_t) sample_get(b, o->weights, 4);
	float weight;

	assert_true(b[o->options] == m->options.optimizer);
	assert_true(get_f64(b, o->options + 4) == m->options.learning_rate);
	assert_true(get_f64(b, o->options + 76) == m->options.noise);
	assert_true(sample_get(b, o->options + 92, 8) == m->options.updates);
	assert_true(sample_get(b, o->options + 100, 4) == m->options.batch_size);
	assert_true(get_f64(b, o->options + 108) == m->options.validation);
	assert_true(sample_get(b, o->options + 124, 8) == m->options.seed);
	assert_true(b[o->outcome] == m->state);
	assert_true(sample_get(b, o->outcome + 4, 8) == m->n_rows);
	assert_true(sample_get(b, o->outcome + 36, 8) == m->best_epoch);
	assert_true(get_f64(b, o->outcome + 60) == m->mean_loss);
	assert_true(sample_get(b, o->outcome + 84, 4) == m->n_dead);
	assert_true(sample_get(b, o->outcome + 88, 4) == m->server_version);
	memcpy(&weight, &bits, 4);
	assert_true(weight == (float) m->params[0]);
	assert_true(sample_get(b, o->calibration, 8) == calibration->n);
	assert_true(b[o->calibration + 12] == calibration->unseen);
	if (calibration->n_points > 1)
	{
		assert_true(get_f64(b, o->calibration + 32) == calibration->score[1]);
		assert_true(sample_get(b, o->calibration + 40, 8) == calibration->n_above[1]);
	}
	assert_true(sample_get(b, o->history, 4) == m->n_history);
	if (m->n_history > 1)
		assert_true(sample_get(b, o->history + 16, 4) == m->history[1].epoch);
}

static void
test_byte_table(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 50; seed++)
	{
		Sample *s = sample_build(seed, 2 + seed % 20, 2 + seed % 4, 20, seed % 7, seed % 5);
		AeError error = {0};
		size_t length;
		uint8_t *bytes = sample_write(&s->model, &length, &error);
		Offsets o = offsets_of(&s->model);

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
	for (uint64_t seed = 1; seed <= 3; seed++)
	{
		Sample *s = sample_build(seed, 4, 2, 4, 3, 2);
		AeError error = {0};
		size_t length;
		uint8_t *bytes = sample_write(&s->model, &length, &error);

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
	for (uint64_t seed = 1; seed <= 4; seed++)
	{
		Sample *s = sample_build(seed, 5, 3, 4, 3, 2);
		AeError error = {0};
		size_t length;
		uint8_t *bytes = sample_write(&s->model, &length, &error);
		uint8_t *bad = copy_of(bytes, length);

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
	Sample *s = sample_build(9, 6, 4, 5, 6, 4);
	AeError error = {0};
	size_t length;
	uint8_t *bytes = sample_write(&s->model, &length, &error);
	uint8_t *bad = copy_of(bytes, length);

	(void) state;
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
	assert_true(error.offset == offset);
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

/* A number column, a boolean, a constant; 3 layers, 2 calibration points, 2 epochs. */
static Sample *
small_model(void)
{
	Sample *s = sample_build(3, 3, 3, 3, 2, 2);
	AeModel *m = &s->model;

	free(s->params);
	m->schema.is_array = m->schema.raw_names = false;
	m->schema.scaling = AE_SCALING_STANDARD;
	m->schema.n_inputs = 2;
	s->columns[0] = (AeColumn){"num", 3, AE_KIND_NUMBER, 0, 1.5, 2.0, 1.5, 2.0, -4, 4};
	s->columns[1] = (AeColumn){"yes", 3, AE_KIND_BOOLEAN, 1, 0, 1, 0.5, 0.5, 0, 1};
	s->columns[2] = (AeColumn){"flat", 4, AE_KIND_NUMBER, -1, 7, 0, 7, 0, 7, 7};
	sample_net(s, 3, 3);
	m->n_dead = 0;
	return s;
}

static void
test_refused_schema(void **state)
{
	const uint64_t nan_bits = 0x7ff8000000000000u, inf_bits = 0x7ff0000000000000u;
	Sample *s = small_model();
	AeError error = {0};
	Offsets o = offsets_of(&s->model);
	size_t length;
	uint8_t *b = sample_write(&s->model, &length, &error);

	(void) state;
	assert_non_null(b);
	refuses(b, length, 32, 2, 1, 32);
	refuses(b, length, 33, 2, 1, 33);
	refuses(b, length, 34, 3, 1, 34);
	refuses(b, length, 35, 1, 1, 35);
	refuses(b, length, 36, 0, 4, 36);
	refuses(b, length, 36, 1665, 4, 36);
	refuses(b, length, 36, 1664, 4, length);
	refuses(b, length, 40, 0, 4, 40);
	refuses(b, length, 40, 1, 4, 40);
	refuses(b, length, 40, 3, 4, 40);
	refuses(b, length, 40, 4, 4, 40);
	refuses(b, length, 44, 11, 4, 44);
	refuses(b, length, 44, 9, 4, o.column[2]);
	refuses(b, length, 44, 0xffffffffu, 4, length);
	refuses(b, length, o.column[0], 2, 1, o.column[0]);
	refuses(b, length, o.column[0] + 1, 1, 1, o.column[0] + 1);
	refuses(b, length, o.column[0] + 4, 1, 4, o.column[0]);
	refuses(b, length, o.column[1] + 4, 0, 4, 40); /* first boolean before the numbers' end */
	refuses(b, length, o.column[1] + 4, 2, 4, 40);
	refuses(b, length, o.column[1] + 4, 0xfffffffeu, 4, 40);
	refuses(b, length, o.column[2] + 4, 1, 4, o.column[2]); /* constant with an input */
	refuses(b, length, o.column[0] + 4, 0xffffffffu, 4, o.column[0]);
	refuses(b, length, o.column[0] + 8, 0, 4, o.column[0] + 8);
	refuses(b, length, o.column[0] + 8, AE_MAX_NAME + 1, 4, o.column[0] + 8);
	refuses(b, length, o.column[0] + 8, AE_MAX_NAME, 4, length);
	for (unsigned field = 0; field < 6; field++)
	{
		size_t at = o.column[0] + 15 + 8 * field;

		refuses(b, length, at, nan_bits, 8, at);
		refuses(b, length, at, inf_bits, 8, at);
	}
	refuses(b, length, o.column[0] + 15 + 8, 0, 8, o.column[0]);                   /* scale 0 */
	refuses(b, length, o.column[0] + 15 + 8, 0xbff0000000000000u, 8, o.column[0]); /* scale -1 */
	refuses(b, length, o.column[0] + 15 + 24, 0xbff0000000000000u, 8, o.column[0]);
	refuses(b, length, o.column[0] + 15 + 40, 0xc020000000000000u, 8, o.column[0]); /* max -8 */
	refuses(b, length, o.column[1] + 15, 0x3ff0000000000000u, 8, o.column[1]);      /* shift 1 */
	refuses(b, length, o.column[1] + 15 + 8, 0x4000000000000000u, 8, o.column[1]);  /* scale 2 */
	free(b);
	sample_free(s);
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
	refuses(b, length, o.net + 8, 3, 4, o.net + 8);
	refuses(b, length, o.net + 12, 0, 4, o.net);
	refuses(b, length, o.net + 12, AE_MAX_WIDTH + 1, 4, o.net);
	refuses(b, length, o.net + 12, AE_MAX_WIDTH, 4, length);
	refuses(b, length, o.net + 20, 1, 4, o.net);
	refuses(b, length, o.options - 1, AE_ACTIVATION_COUNT, 1, o.options - 1);
	refuses(b, length, o.options, AE_OPTIMIZER_COUNT, 1, o.options);
	refuses(b, length, o.options + 1, AE_SCHEDULE_COUNT, 1, o.options + 1);
	refuses(b, length, o.options + 2, 1, 1, o.options + 2);
	refuses(b, length, o.options + 4, 0, 8, o.options); /* learning_rate 0 */
	refuses(b, length, o.options + 4, nan_bits, 8, o.options + 4);
	refuses(b, length, o.options + 84, 3, 8, o.options); /* epochs and updates */
	refuses(b, length, o.options + 92, 0, 8, o.options); /* neither */
	refuses(b, length, o.outcome, AE_TRAIN_STATE_COUNT, 1, o.outcome);
	refuses(b, length, o.outcome + 4, ((uint64_t) 1 << 53) + 1, 8, o.outcome + 4);
	refuses(b, length, o.outcome + 12, s->model.n_rows + 1, 8, o.outcome + 12);
	refuses(b, length, o.outcome + 44, inf_bits, 8, o.outcome + 44);
	refuses(b, length, o.outcome + 52, nan_bits + 1, 8, o.outcome + 52);
	refuses(b, length, o.outcome + 60, nan_bits, 8, o.outcome + 60);
	refuses(b, length, o.outcome + 76, 0xbff0000000000000u, 8, o.outcome + 76);
	refuses(b, length, o.outcome + 84, 4, 4, o.outcome + 84);
	refuses(b, length, o.weights, 0x7fc00000u, 4, o.weights);
	refuses(b, length, o.calibration - 4, 0xff800000u, 4, o.calibration - 4);
	refuses(b, length, o.calibration, s->model.calibration.n + 1, 8, o.history);
	refuses(b, length, o.calibration, 0, 8, o.history);
	refuses(b, length, o.calibration + 8, 1025, 4, o.calibration + 8);
	refuses(b, length, o.calibration + 8, 1000, 4, length);
	refuses(b, length, o.calibration + 12, 2, 1, o.calibration + 12);
	refuses(b, length, o.calibration + 16, nan_bits, 8, o.calibration + 16);
	refuses(b, length, o.calibration + 16, 0xbff0000000000000u, 8, o.calibration + 16);
	refuses(b, length, o.calibration + 32, inf_bits, 8, o.calibration + 32);
	refuses(b, length, o.calibration + 24, 0, 8, o.calibration + 24);
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
	assert_int_equal(ae_model_written_size(&length, &s->model, &error), status);
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
	assert_int_equal(ae_model_written_size(&length, &s->model, &error), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "column name twice");
	assert_int_equal(error.offset, o.column[2] + 12);
	s->columns[2].name_len = 2;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error), AE_OK);
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
		columns[c].input = c == 0 ? 0 : -1;
		columns[c].scale = c == 0 ? 1.0 : 0.0;
		columns[c].shift = 0.0;
		columns[c].name = names + (size_t) c * LEN;
		columns[c].name_len = LEN;
		sprintf(names + (size_t) c * LEN + LEN - 8, "%07u", (c * 1109u) % N);
		names[(size_t) c * LEN + LEN - 1] = '.';
	}
	s->model.schema.columns = columns;
	s->model.schema.n_columns = N;
	bytes = sample_write(&s->model, &length, &error);
	assert_non_null(bytes);
	assert_int_equal(judge(bytes, length, &error), AE_OK);
	memcpy(names + (size_t) 1500 * LEN, names, LEN);
	assert_int_equal(ae_model_written_size(&length, &s->model, &error), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "column name twice");
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
	free(bytes);
	free(names);
	free(columns);
	sample_free(s);
}

/* ---- the writer ---- */

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
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_LIMIT);
	assert_true(error.value == AE_MAX_NAME + 1 && error.high == AE_MAX_NAME);
	s->columns[0].name_len = 3;
	m->schema.n_columns = AE_MAX_COLUMNS + 1;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_LIMIT);
	m->schema.n_columns = 3;
	m->calibration.n_points = AE_CALIBRATION_POINTS + 1;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_LIMIT);
	m->calibration.n_points = 2;
	m->n_history = AE_MAX_HISTORY + 1;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_LIMIT);
	m->n_history = 2;
	s->params[0] = NAN;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "weight is not finite");
	s->params[0] = weight;
	m->options.learning_rate = -1;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_ARGUMENT);
	assert_string_equal(error.what, "learning_rate");
	m->options.learning_rate = 0.1;
	m->net.activation[0] = (AeActivation) 77;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_CORRUPT);
	m->net.activation[0] = AE_TANH;
	m->blocks[0].loss = AE_LOSS_BCE;
	m->loss = AE_LOSS_MSE;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_CORRUPT);
	assert_string_equal(error.what, "output blocks");
	m->blocks[0].loss = AE_LOSS_MSE;
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_OK);
	m->net.width[1] = m->net.width[2] = AE_MAX_WIDTH; /* 16 GiB of weights */
	assert_int_equal(ae_model_written_size(&length, m, &error), AE_ERR_LIMIT);
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
	static const char *const names[] = {"model_v1_mse.hex", "model_v1_bce.hex",
										"model_v1_array.hex"};

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
		assert_int_equal(judge(bytes, length, &error), AE_OK);
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),          cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_wrong_sizes),     cmocka_unit_test(test_byte_table),
		cmocka_unit_test(test_truncations),     cmocka_unit_test(test_byte_flips),
		cmocka_unit_test(test_wild_damage),     cmocka_unit_test(test_versions),
		cmocka_unit_test(test_refused_schema),  cmocka_unit_test(test_refused_rest),
		cmocka_unit_test(test_names),           cmocka_unit_test(test_name_twice),
		cmocka_unit_test(test_many_long_names), cmocka_unit_test(test_writer_caps),
		cmocka_unit_test(test_canonical_nan),   cmocka_unit_test(test_golden_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
