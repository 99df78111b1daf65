/*
 * make_golden.c: writes the committed models and their scores, and the fuzzer's seeds.
 *
 *     make_golden golden DIR    DIR/model_v1_*.hex, DIR/bundle_v1_*.hex and DIR/scores_v1.txt
 *     make_golden seeds DIR     DIR/seed_NN, small models
 *
 * Built against the engine's objects, in float:
 *
 *     make tmp_check/tests/golden/make_golden
 *
 * Files of a format and arithmetic version that was released are never made anew: a
 * change of theirs is a new version beside them.  The scores come from the generic
 * kernels; tests/unit/test_score.c demands them, to the bit, of every other.
 *
 * scores_v1.txt: a line "model FILE" or, of a bundle, "model FILE NUMBER"; then for every row the
 * lines
 *     row F ..      values, one a column, hexadecimal floats, nan, inf, or null: missing
 *     bad C         the column ae_scorer_take complains of, or -1
 *     code F ..     ae_scorer_encode
 *     output F ..   ae_scorer_decode and ae_scorer_finish
 *     score E P A   reconstruction error, p-value, anomaly score
 *     errors F ..   ae_scorer_column_errors
 *     raw S T       of models with prototypes: raw score, distance term
 *     parts F ..    likewise: ae_scorer_column_distances
 *     values F ..   ae_scaler_invert
 *     target F ..   of models with a target: ae_scorer_head and ae_scorer_head_finish
 */
#include "sample_model.h"
#include "sample_score.h"

#define N_ROWS 12

static FILE *
open_in(const char *dir, const char *name, const char *mode)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, mode);
	if (!file)
	{
		perror(path);
		exit(1);
	}
	return file;
}

static uint8_t *
write_or_die(const AeModel *model, size_t *length)
{
	AeError error = {0};
	uint8_t *bytes = sample_write(model, length, &error);

	if (!bytes)
	{
		fprintf(stderr, "not writable: %s\n", error.what);
		exit(1);
	}
	return bytes;
}

static void
write_hex(const char *dir, const char *name, uint8_t *bytes, size_t length)
{
	FILE *file = open_in(dir, name, "w");

	for (size_t i = 0; i < length; i++)
		fprintf(file, "%02x%s", bytes[i], i % 48 == 47 || i + 1 == length ? "\n" : "");
	fclose(file);
}

/* Values of row r of a plain model: ordinary ones first, then ones that are not. */
static void
draw_plain(Sample *s, double *values, bool *missing, int r)
{
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
	{
		const AeColumn *column = &s->columns[c];

		missing[c] = false;
		if (column->kind == AE_KIND_BOOLEAN)
			values[c] = sample_below(s, 2);
		else
			values[c] = column->mean + column->sd * sample_real(s, -3.0, 3.0);
		if (r == 8)
			values[c] *= 1e6;
		if (r == 9)
			values[c] = c % 2 ? 1e300 : -1e300;
		if (r == 10 && c % 5 == 2)
			values[c] = c % 2 ? NAN : INFINITY;
		if (r == 11)
			values[c] = 0.0;
	}
}

/* The same of a mixed model: whole rows, rows with holes, far values, nothing at all. */
static void
draw_mixed(Sample *s, double *values, bool *missing, int r)
{
	sample_row(s, values, missing, r >= 4);
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
	{
		AeKind kind = s->columns[c].kind;

		if (kind == AE_KIND_CATEGORY && r == 9)
			values[c] = s->columns[c].wide ? AE_TAG_STRIDE * 77 : -1.0;
		if (kind == AE_KIND_NUMBER && r == 9)
			values[c] = c % 2 ? 1e300 : -1e300;
		if (kind == AE_KIND_NUMBER && r == 10 && c % 2)
			values[c] = NAN;
		if (kind == AE_KIND_TIME && r == 8)
			values[c] *= 1000.0;
		if (r == 11)
			missing[c] = true;
	}
}

static void
print_double(FILE *file, double value)
{
	if (isnan(value))
		fputs(" nan", file); /* %a may show its sign */
	else
		fprintf(file, " %a", value);
}

static void
print_doubles(FILE *file, const char *word, const double *values, size_t n)
{
	fputs(word, file);
	for (size_t i = 0; i < n; i++)
		print_double(file, values[i]);
	fputc('\n', file);
}

static void
print_line(FILE *file, const char *word, const AeReal *values, size_t n)
{
	fputs(word, file);
	for (size_t i = 0; i < n; i++)
		print_double(file, (double) values[i]);
	fputc('\n', file);
}

static void
write_row(FILE *file, AeScorer *scorer, const double *values, const bool *missing)
{
	const AeModel *model = scorer->model;
	const AeNet *net = &model->net;
	double of_columns[SAMPLE_COLUMNS], score;
	const AeReal *code;
	AeReal *output;
	int bad;

	fputs("row", file);
	for (uint32_t c = 0; c < model->schema.n_columns; c++)
		if (missing[c])
			fputs(" null", file);
		else
			print_double(file, values[c]);
	bad = ae_scorer_take(scorer, 0, values, missing);
	fprintf(file, "\nbad %d\n", bad);
	code = ae_scorer_encode(scorer, 1);
	print_line(file, "code", code, net->width[net->n_encoder]);
	if (net->n_target > 0)
	{
		AeReal *head = ae_scorer_head(scorer, code, 1);

		ae_scorer_head_finish(scorer, head, 1);
		print_line(file, "target", head, net->n_target);
	}
	output = ae_scorer_decode(scorer, code, 1);
	ae_scorer_errors(&score, scorer, output, 1);
	ae_scorer_column_errors(of_columns, scorer, output);
	ae_scorer_finish(scorer, output, 1);
	print_line(file, "output", output, net->width[net->n_layers]);
	fprintf(file, "score %a %a %a\n", score, ae_calibration_p(&model->calibration, score),
			ae_calibration_anomaly(&model->calibration, score));
	print_doubles(file, "errors", of_columns, model->schema.n_columns);
	if (model->prototypes.n > 0)
	{
		fprintf(file, "raw %a %a\n", sample_raw_score(scorer, 0, score),
				ae_distance_term(&scorer->nearest, &scorer->network->distance, scorer->cells));
		ae_scorer_column_distances(of_columns, scorer);
		print_doubles(file, "parts", of_columns, model->schema.n_columns);
	}
	ae_scaler_invert(of_columns, &model->schema, &net->layout, output);
	print_doubles(file, "values", of_columns, model->schema.n_columns);
}

static void
write_scores(FILE *file, const char *name, Sample *s, bool mixed)
{
	AeScorer scorer;
	SampleScorer *block;

	block = sample_scorer(&scorer, &s->model, 1, ae_kernels_find("generic"));
	fprintf(file, "model %s\n", name);
	for (int r = 0; r < N_ROWS; r++)
	{
		double values[SAMPLE_COLUMNS];
		bool missing[SAMPLE_COLUMNS];

		if (mixed)
			draw_mixed(s, values, missing, r);
		else
			draw_plain(s, values, missing, r);
		write_row(file, &scorer, values, missing);
	}
	sample_scorer_free(block);
}

/* Whether a model has some of everything that rows may hold. */
static bool
has_all(const AeSchema *schema)
{
	unsigned seen = 0;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (!column->varies)
			continue;
		seen |= 1u << column->kind;
		if (column->kind == AE_KIND_NUMBER || column->kind == AE_KIND_TIME)
			seen |= 0x10u << column->scaling;
		seen |= (column->parts == AE_PART_ALL) * 0x400u;
		seen |= (column->element == 2) * 0x800u;
		seen |= column->indicator * 0x1000u;
		seen |= (column->other > 0) * 0x2000u;
	}
	return seen == 0x3fffu && schema->n_categories > 2;
}

/* Makes everything but categories constant. */
static void
keep_categories(Sample *s)
{
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
		if (s->columns[c].kind != AE_KIND_CATEGORY)
			sample_make_constant(&s->columns[c]);
	ae_schema_layout(&s->model.schema);
	free(s->params);
	sample_net(s, s->model.net.n_layers, SAMPLE_WIDTH);
	s->model.n_dead = 0;
}

typedef enum Looks
{
	PLAIN,
	MIXED,
	CATEGORIES,
	FEW, /* some of each, and small */
	WIDE /* likewise, categories being wide */
} Looks;

typedef struct Wanted
{
	const char *name;
	uint32_t n_columns, n_layers;
	AeLoss loss, category_loss;
	bool is_array;
	Looks looks;
} Wanted;

static bool
is_wanted(const AeModel *m, const Wanted *wanted)
{
	bool right = false;

	switch (wanted->looks)
	{
		case PLAIN:
			right = m->net.layout.n_blocks == (wanted->is_array ? 1u : 2u);
			break;
		case MIXED:
			right = has_all(&m->schema);
			break;
		case CATEGORIES:
			right = m->net.layout.n_categories > 2;
			break;
		case FEW:
		case WIDE:
			right = m->net.layout.n_categories > 1 && m->schema.n_scalars > 1 &&
					m->schema.n_blocks > m->net.layout.n_categories + 1 && m->schema.n_dense < 16;
			break;
	}
	return right && m->loss == wanted->loss && m->category_loss == wanted->category_loss &&
		   m->schema.is_array == wanted->is_array;
}

/* The first seed whose model has the looks asked for and is not too large. */
static Sample *
find_sample(uint64_t seed, const Wanted *wanted)
{
	for (;; seed++)
	{
		Sample *s = sample_of(seed, wanted->looks != PLAIN, wanted->n_columns, wanted->n_layers,
							  SAMPLE_WIDTH, 200, 12);
		const AeModel *m = &s->model;

		if (is_wanted(m, wanted))
		{
			if (wanted->looks == CATEGORIES)
				keep_categories(s);
			if (wanted->looks == WIDE && (!sample_wide(s) || m->net.layout.n_wide < 2))
			{
				sample_free(s);
				continue;
			}
			if (wanted->looks >= FEW ? ae_net_n_params(&m->net) < 600
									 : m->net.width[1] > 33 && ae_net_n_params(&m->net) < 6000)
				return s;
		}
		sample_free(s);
	}
}

/* Model i of a bundle of 2 x n_members; sample_free it. */
static Sample *
network_of(const Wanted *wanted, uint64_t seed, uint32_t i, uint32_t n_members)
{
	Sample *s = find_sample(seed, wanted);

	sample_prototypes(s, 7);
	sample_make_network(s, i, n_members);
	return s;
}

/* A bundle, and rows of every model in it. */
static void
make_bundle(FILE *file, const char *dir, const Wanted *wanted, uint64_t seed, uint32_t n_members)
{
	AeBundleBytes bundle = {.n_folds = 2, .n_members = n_members};
	uint8_t *bytes, *models[AE_MAX_MODELS];
	AeError error = {0};
	size_t length;

	for (uint32_t i = 0; i < 2 * n_members; i++)
	{
		Sample *s = network_of(wanted, seed, i, n_members);
		char name[64];

		bundle.bytes[i] = models[i] = write_or_die(&s->model, &bundle.length[i]);
		snprintf(name, sizeof name, "%s %u", wanted->name, i);
		write_scores(file, name, s, true);
		sample_free(s);
	}
	bytes = sample_write_bundle(&bundle, &length, &error);
	if (!bytes)
		exit(1);
	write_hex(dir, wanted->name, bytes, length);
	free(bytes);
	for (uint32_t i = 0; i < 2 * n_members; i++)
		free(models[i]);
}

/* A single model and its scores; frees the sample. */
static void
make_one(FILE *file, const char *dir, Sample *s, const Wanted *wanted)
{
	size_t length;
	uint8_t *bytes = write_or_die(&s->model, &length);

	write_hex(dir, wanted->name, bytes, length);
	free(bytes);
	write_scores(file, wanted->name, s, wanted->looks != PLAIN);
	sample_free(s);
}

static void
make_golden(const char *dir)
{
	static const Wanted models[] = {
		{"model_v1_mse.hex", 39, 6, AE_LOSS_MSE, AE_LOSS_SOFTMAX, false, PLAIN},
		{"model_v1_bce.hex", 12, 3, AE_LOSS_BCE, AE_LOSS_SOFTMAX, false, PLAIN},
		{"model_v1_array.hex", 21, 5, AE_LOSS_MSE, AE_LOSS_SOFTMAX, true, PLAIN},
		{"model_v1_softmax.hex", 20, 4, AE_LOSS_MSE, AE_LOSS_SOFTMAX, false, MIXED},
		{"model_v1_onehot.hex", 20, 4, AE_LOSS_MSE, AE_LOSS_ONEHOT, false, MIXED},
		{"model_v1_bce_onehot.hex", 20, 2, AE_LOSS_BCE, AE_LOSS_ONEHOT, false, MIXED},
		{"model_v1_categories.hex", 12, 3, AE_LOSS_MSE, AE_LOSS_SOFTMAX, false, CATEGORIES},
		{"model_v1_prototypes.hex", 20, 3, AE_LOSS_MSE, AE_LOSS_SOFTMAX, false, MIXED},
	};
	static const Wanted folds = {"bundle_v1_2x1.hex", 10,    2,  AE_LOSS_MSE,
								 AE_LOSS_SOFTMAX,     false, FEW};
	static const Wanted members = {"bundle_v1_2x3.hex", 8,     2,  AE_LOSS_MSE,
								   AE_LOSS_ONEHOT,      false, FEW};
	static const Wanted wide = {"model_v1_wide.hex", 10,    3,   AE_LOSS_MSE,
								AE_LOSS_SOFTMAX,     false, WIDE};
	static const Wanted targets[] = {
		{"model_v1_target.hex", 10, 3, AE_LOSS_MSE, AE_LOSS_ONEHOT, false, FEW},
		{"model_v1_target_number.hex", 12, 3, AE_LOSS_MSE, AE_LOSS_SOFTMAX, false, FEW},
	};
	FILE *file = open_in(dir, "scores_v1.txt", "w");

	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
	{
		Sample *s = find_sample(1000 * (i + 1), &models[i]);

		if (strstr(models[i].name, "prototypes"))
			sample_prototypes(s, 12);
		make_one(file, dir, s, &models[i]);
	}
	make_one(file, dir, find_sample(30000, &wide), &wide);
	make_bundle(file, dir, &folds, 9000, 1);
	make_bundle(file, dir, &members, 10000, 3);
	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
	{
		Sample *s = find_sample(20000 + 1000 * i, &targets[i]);

		sample_target(s, i == 0 ? AE_KIND_CATEGORY : AE_KIND_NUMBER);
		make_one(file, dir, s, &targets[i]);
	}
	fclose(file);
}

static void
write_seed(const char *dir, unsigned number, const uint8_t *bytes, size_t length)
{
	char name[32];
	FILE *file;

	snprintf(name, sizeof name, "seed_%02u", number);
	file = open_in(dir, name, "wb");
	fwrite(bytes, 1, length, file);
	fclose(file);
}

/* A small model; of those from 40 on, each third one is without prototypes. */
static Sample *
seed_sample(uint64_t seed)
{
	bool mixed = seed >= 16;
	Sample *s = sample_of(seed, mixed, 1 + (uint32_t) (mixed ? seed % 16 : seed) / 2,
						  2 + (uint32_t) seed % 4, 6, (uint32_t) seed % 5, (uint32_t) seed % 3);

	if (seed >= 40 && seed % 2)
		sample_wide(s);
	if (seed >= 40)
		sample_prototypes(s, (uint32_t) seed % 3 * 4);
	return s;
}

static void
make_seeds(const char *dir)
{
	unsigned n = 0;

	for (; n < 52; n++)
	{
		Sample *s = seed_sample(n);
		size_t length;
		uint8_t *bytes = write_or_die(&s->model, &length);

		write_seed(dir, n, bytes, length);
		free(bytes);
		sample_free(s);
	}
	for (uint32_t k = 0; k < 6; k++, n++)
	{
		AeBundleBytes bundle = {.n_folds = 1 + k % 2, .n_members = 1 + k / 2};
		uint8_t *bytes, *models[AE_MAX_MODELS];
		AeError error = {0};
		size_t length;

		for (uint32_t i = 0; i < bundle.n_folds * bundle.n_members; i++)
		{
			Sample *s = seed_sample(20 + k);

			sample_make_network(s, i, bundle.n_members);
			bundle.bytes[i] = models[i] = write_or_die(&s->model, &bundle.length[i]);
			sample_free(s);
		}
		if (!(bytes = sample_write_bundle(&bundle, &length, &error)))
			exit(1);
		write_seed(dir, n, bytes, length);
		free(bytes);
		for (uint32_t i = 0; i < bundle.n_folds * bundle.n_members; i++)
			free(models[i]);
	}
	for (uint32_t k = 0; k < 4; k++, n++)
	{
		static const AeKind kinds[] = {AE_KIND_NUMBER, AE_KIND_BOOLEAN, AE_KIND_CATEGORY};
		Sample *s = seed_sample(20 + k);
		size_t length;
		uint8_t *bytes;

		if (k < 3)
			sample_target(s, kinds[k]);
		else
			sample_drawn(s);
		bytes = write_or_die(&s->model, &length);
		write_seed(dir, n, bytes, length);
		free(bytes);
		sample_free(s);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "golden") == 0)
		make_golden(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "seeds") == 0)
		make_seeds(argv[2]);
	else
	{
		fprintf(stderr, "usage: make_golden golden|seeds DIRECTORY\n");
		return 2;
	}
	return 0;
}
