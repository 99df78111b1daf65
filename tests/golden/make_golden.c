/*
 * make_golden.c: writes the committed models and their scores, and the fuzzer's seeds.
 *
 *     make_golden golden DIR    DIR/model_v1_*.hex and DIR/scores_v1.txt
 *     make_golden seeds DIR     DIR/seed_NN, small models
 *
 * Built from the top directory against the engine's objects, in float:
 *
 *     cc -std=c11 -O2 -ffp-contract=off -Isrc/engine -Itests/unit -o make_golden \
 *         tests/golden/make_golden.c $(ls src/engine/ae_[a-z]*.o) -lopenblas -lm
 *
 * Files of a format and arithmetic version that was released are never made anew: a
 * change of theirs is a new version beside them.  The scores come from the generic
 * kernels; tests/unit/test_score.c demands them, to the bit, of every other.
 *
 * scores_v1.txt: a line "model FILE", then for every row the lines
 *     row F ..      fields, one a column, hexadecimal floats, nan, inf
 *     bad C         the column ae_scaler_apply complains of, or -1
 *     code F ..     ae_scorer_encode
 *     output F ..   ae_scorer_decode and ae_scorer_finish
 *     score E P A   reconstruction error, p-value, anomaly score
 */
#include "ae_score.h"
#include "sample_model.h"

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
write_hex(const char *dir, const char *name, const AeModel *model)
{
	FILE *file = open_in(dir, name, "w");
	size_t length;
	uint8_t *bytes = write_or_die(model, &length);

	for (size_t i = 0; i < length; i++)
		fprintf(file, "%02x%s", bytes[i], i % 48 == 47 || i + 1 == length ? "\n" : "");
	fclose(file);
	free(bytes);
}

/* Fields of row r: ordinary ones first, then ones that are not. */
static void
draw_fields(Sample *s, double *fields, int r)
{
	for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
	{
		const AeColumn *column = &s->columns[c];

		if (column->kind == AE_KIND_BOOLEAN)
			fields[c] = sample_below(s, 2);
		else
			fields[c] = column->mean + column->sd * sample_real(s, -3.0, 3.0);
		if (r == 8)
			fields[c] *= 1e6;
		if (r == 9)
			fields[c] = c % 2 ? 1e300 : -1e300;
		if (r == 10 && c % 5 == 2)
			fields[c] = c % 2 ? NAN : INFINITY;
		if (r == 11)
			fields[c] = 0.0;
	}
}

static void
print_line(FILE *file, const char *word, const AeReal *values, size_t n)
{
	fputs(word, file);
	for (size_t i = 0; i < n; i++)
		fprintf(file, " %a", (double) values[i]);
	fputc('\n', file);
}

static void
write_scores(FILE *file, const char *name, Sample *s)
{
	AeModel *model = &s->model;
	AeScorer scorer;
	AeError error = {0};
	size_t size;
	void *block;

	if (ae_scorer_size(&size, model, 1, &error) != AE_OK || !(block = malloc(size)))
		exit(1);
	ae_scorer_init(&scorer, block, model, 1, ae_kernels_find("generic"));
	fprintf(file, "model %s\n", name);
	for (int r = 0; r < N_ROWS; r++)
	{
		double fields[SAMPLE_COLUMNS];
		double score;
		const AeReal *code;
		AeReal *output;
		int bad;

		draw_fields(s, fields, r);
		fputs("row", file);
		for (uint32_t c = 0; c < model->schema.n_columns; c++)
			if (isnan(fields[c]))
				fputs(" nan", file); /* %a may show its sign */
			else
				fprintf(file, " %a", fields[c]);
		bad = ae_scaler_apply(scorer.inputs, &model->schema, fields);
		fprintf(file, "\nbad %d\n", bad);
		code = ae_scorer_encode(&scorer, 1);
		print_line(file, "code", code, model->net.width[model->net.n_encoder]);
		output = ae_scorer_decode(&scorer, code, 1);
		ae_scorer_errors(&score, &scorer, output, 1);
		ae_scorer_finish(&scorer, output, 1);
		print_line(file, "output", output, model->schema.n_inputs);
		fprintf(file, "score %a %a %a\n", score, ae_calibration_p(&model->calibration, score),
				ae_calibration_anomaly(&model->calibration, score));
	}
	free(block);
}

/* The first seed whose model has the looks asked for and is not too large. */
static Sample *
find_sample(uint64_t seed, uint32_t n_columns, uint32_t n_layers, AeLoss loss, bool is_array)
{
	for (;; seed++)
	{
		Sample *s = sample_build(seed, n_columns, n_layers, SAMPLE_WIDTH, 200, 12);
		const AeModel *m = &s->model;

		if (m->loss == loss && m->schema.is_array == is_array && m->net.n_blocks == 2 &&
			m->net.width[1] > 33 && ae_net_n_params(&m->net) < 6000)
			return s;
		sample_free(s);
	}
}

static void
make_golden(const char *dir)
{
	static const struct
	{
		const char *name;
		uint32_t n_columns, n_layers;
		AeLoss loss;
		bool is_array;
	} models[] = {
		{"model_v1_mse.hex", 39, 6, AE_LOSS_MSE, false},
		{"model_v1_bce.hex", 12, 3, AE_LOSS_BCE, false},
		{"model_v1_array.hex", 21, 5, AE_LOSS_MSE, true},
	};
	FILE *file = open_in(dir, "scores_v1.txt", "w");

	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
	{
		Sample *s = find_sample(1000 * (i + 1), models[i].n_columns, models[i].n_layers,
								models[i].loss, models[i].is_array);

		write_hex(dir, models[i].name, &s->model);
		write_scores(file, models[i].name, s);
		sample_free(s);
	}
	fclose(file);
}

static void
make_seeds(const char *dir)
{
	for (uint64_t seed = 0; seed < 16; seed++)
	{
		Sample *s = sample_build(seed, 1 + (uint32_t) seed / 2, 2 + (uint32_t) seed % 4, 6,
								 (uint32_t) seed % 5, (uint32_t) seed % 3);
		char name[32];
		FILE *file;
		size_t length;
		uint8_t *bytes = write_or_die(&s->model, &length);

		snprintf(name, sizeof name, "seed_%02u", (unsigned) seed);
		file = open_in(dir, name, "wb");
		fwrite(bytes, 1, length, file);
		fclose(file);
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
