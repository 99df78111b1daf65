/*
 * fuzz_model.c: any bytes give a model or an error, and whatever was read can be
 * used: it is written back byte for byte, scores rows of any kind without a NaN,
 * and scores a row alone as it does in a batch.
 *
 * An input is tried as it is, and with length and checksum put right, or nothing
 * would get past them.  Seeds: tests/fuzz/corpus, made by tests/golden/make_golden.c.
 *
 * With FUZZ_REPLAY defined it has a main of its own, which runs the files named:
 * for compilers without libFuzzer.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ae_crc32c.h"
#include "ae_score.h"

#define N_ROWS 5
#define MAX_PARAMS 1000000
#define HEADER 32

#define REQUIRE(condition)                                                                         \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *
take(size_t size)
{
	void *block = malloc(size ? size : 1);

	REQUIRE(block);
	return block;
}

/* Fields of row r: zeroes, both extremes, what is not a number, and the input's own bytes. */
static void
fill_fields(double *fields, uint32_t n, int r, const uint8_t *data, size_t size)
{
	static const double fixed[N_ROWS - 1] = {0.0, 1.7e308, -1e15, NAN};

	for (uint32_t c = 0; c < n; c++)
		if (r < N_ROWS - 1)
			fields[c] = fixed[r];
		else
			memcpy(&fields[c], data + (c * 8) % (size - 8), 8);
}

static void
check_scores(const AeModel *model, double score)
{
	double p = ae_calibration_p(&model->calibration, score);
	double anomaly = ae_calibration_anomaly(&model->calibration, score);

	REQUIRE(score >= 0.0);
	REQUIRE(p > 0.0 && p <= 1.0);
	REQUIRE(anomaly >= 0.0 && anomaly < 1.0);
	REQUIRE(ae_calibration_anomaly(&model->calibration, score * 2) >= anomaly);
}

/* Scores n_rows rows from first on in a scorer of just that batch. */
static void
score_rows(double *errors, const AeModel *model, int first, int n_rows, const uint8_t *data,
		   size_t size)
{
	uint32_t n_columns = model->schema.n_columns;
	double *fields = take(n_columns * sizeof(double));
	AeScorer scorer;
	AeError error;
	size_t bytes;
	void *block;
	AeReal *outputs;

	REQUIRE(ae_scorer_size(&bytes, model, (size_t) n_rows, &error) == AE_OK);
	block = take(bytes);
	ae_scorer_init(&scorer, block, model, (size_t) n_rows, ae_kernels_best());
	for (int r = 0; r < n_rows; r++)
	{
		fill_fields(fields, n_columns, first + r, data, size);
		ae_scaler_apply(scorer.inputs + (size_t) r * model->schema.n_inputs, &model->schema,
						fields);
	}
	outputs =
		ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, (size_t) n_rows), (size_t) n_rows);
	ae_scorer_errors(errors, &scorer, outputs, (size_t) n_rows);
	ae_scorer_finish(&scorer, outputs, (size_t) n_rows);
	for (int r = 0; r < n_rows; r++)
	{
		ae_scaler_invert(fields, &model->schema, outputs + (size_t) r * model->schema.n_inputs);
		check_scores(model, errors[r]);
	}
	free(block);
	free(fields);
}

static void
use_model(const AeModel *model, const uint8_t *data, size_t size)
{
	AeError error;
	double batch[N_ROWS];
	double alone;
	size_t length;
	uint8_t *again;

	REQUIRE(ae_model_written_size(&length, model, &error) == AE_OK);
	REQUIRE(length == size);
	again = take(length);
	ae_model_write(again, length, model);
	REQUIRE(memcmp(again, data, length) == 0);
	free(again);
	REQUIRE(ae_scaler_mean_loss(&model->schema, model->loss) >= 0.0);
	if (ae_net_n_params(&model->net) > MAX_PARAMS)
		return;
	score_rows(batch, model, 0, N_ROWS, data, size);
	for (int r = 0; r < N_ROWS; r++)
	{
		score_rows(&alone, model, r, 1, data, size);
		REQUIRE(memcmp(&alone, &batch[r], sizeof alone) == 0);
	}
}

static void
try_bytes(const uint8_t *data, size_t size)
{
	AeModel model;
	AeError error = {0};
	size_t block_bytes = 0;
	AeStatus status = ae_model_check(&block_bytes, data, size, &error);
	void *block;

	if (status != AE_OK)
	{
		REQUIRE(status == AE_ERR_CORRUPT || status == AE_ERR_VERSION);
		REQUIRE(error.status == status && error.what && error.offset <= size);
		REQUIRE(ae_model_read(&model, NULL, 0, data, size, &error) == status);
		return;
	}
	REQUIRE(block_bytes <= size * (sizeof(AeReal) / 4) + 256 * 1024);
	block = take(block_bytes);
	REQUIRE(ae_model_read(&model, block, block_bytes, data, size, &error) == AE_OK);
	use_model(&model, data, size);
	free(block);
}

static void
put_u64(uint8_t *at, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	try_bytes(data, size);
	if (size < HEADER)
		return 0;
	copy = take(size);
	memcpy(copy, data, size);
	put_u64(copy + 16, size, 8);
	put_u64(copy + 24, ae_crc32c(ae_crc32c(0, copy, 24), copy + 28, size - 28), 4);
	try_bytes(copy, size);
	free(copy);
	return 0;
}

#ifdef FUZZ_REPLAY
int
main(int argc, char **argv)
{
	static uint8_t bytes[1 << 20];

	for (int i = 1; i < argc; i++)
	{
		FILE *file = fopen(argv[i], "rb");
		size_t size;
		uint8_t *exact;

		if (!file)
		{
			perror(argv[i]);
			return 1;
		}
		size = fread(bytes, 1, sizeof bytes, file);
		fclose(file);
		exact = take(size);
		memcpy(exact, bytes, size);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
#endif
