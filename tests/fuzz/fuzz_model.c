/*
 * fuzz_model.c: any bytes give a model or an error, and whatever was read can be
 * used: it is written back byte for byte, scores rows of any kind without a NaN,
 * and scores a row alone as it does in a batch.  A bundle is opened, written back and its
 * models are used one by one.
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
#include "ae_format.h"
#include "ae_bundle.h"

#define N_ROWS 7
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

/*
 * Row r: zeroes, both extremes, what is not a number, and the input's own bytes; levels that
 * there are, and one that is not; of row 5 some values are missing, of row 6 all.
 */
static void
fill_values(double *values, bool *missing, const AeSchema *schema, int r, const uint8_t *data,
			size_t size)
{
	static const double fixed[] = {0.0, 1.7e308, -1e15, NAN};

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		missing[c] = r == 6 || (r == 5 && data[c % size] % 2);
		if (r < 4)
			values[c] = fixed[r];
		else
			memcpy(&values[c], data + (c * 8) % (size - 8), 8);
		if (column->kind == AE_KIND_CATEGORY)
			values[c] =
				(double) (((uint32_t) r + data[c % size]) % (ae_column_outputs(column) + 1)) - 1.0;
	}
}

/* Cells of what is there are numbers. */
static void
check_cells(const AeReal *cells, const AeSchema *schema, const bool *missing)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		for (uint32_t i = 0; column->cell >= 0 && i < ae_column_cells(column); i++)
			REQUIRE((isnan(cells[(uint32_t) column->cell + i]) != 0) ==
					(missing[c] && !column->null_level));
	}
}

/* The error of a row is infinite, or the sum of those of its columns by the number of varying ones.
 */
static void
check_columns(const AeScorer *scorer, const AeReal *outputs, double error)
{
	uint32_t n_columns = scorer->model->schema.n_columns;
	double n = ae_scorer_observed(scorer->cells, &scorer->model->net.layout);
	double *errors = take(n_columns * sizeof(double)), sum = 0.0;

	ae_scorer_column_errors(errors, scorer, outputs);
	for (uint32_t c = 0; c < n_columns; c++)
		if (!isnan(errors[c]))
		{
			REQUIRE(errors[c] >= 0.0);
			sum += errors[c];
		}
	REQUIRE(isinf(error) || fabs(sum / n - error) <= 1e-9 * (1.0 + error));
	free(errors);
}

/* The raw score of row r is a number, and adds up; parts of its distance belong to columns. */
static double
check_raw(AeScorer *scorer, size_t r, double error)
{
	const AeModel *model = scorer->model;
	AeTerms terms = ae_scorer_terms(scorer, r, error);
	double raw = ae_raw_score(model, &terms), *parts, sum = 0.0;

	REQUIRE(raw >= 0.0);
	REQUIRE(terms.distance >= 0.0 && (model->prototypes.n > 0 || terms.distance == 0.0));
	REQUIRE(isinf(raw) || raw >= terms.known * (error / model->error_norm));
	if (r > 0)
		return raw;
	parts = take(model->schema.n_columns * sizeof(double));
	ae_scorer_column_distances(parts, scorer);
	for (uint32_t c = 0; c < model->schema.n_columns; c++)
	{
		REQUIRE(parts[c] >= 0.0);
		sum += parts[c];
	}
	REQUIRE(model->prototypes.n > 0 || sum == 0.0);
	free(parts);
	return raw;
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

/* What may be asked of finished outputs of the first row. */
static void
ask(AeScorer *scorer, const AeReal *outputs)
{
	const AeSchema *schema = &scorer->model->schema;
	double *values = take(schema->n_columns * sizeof(double));
	bool *fill = take(schema->n_columns * sizeof(bool));

	ae_scaler_invert(values, schema, &scorer->model->net.layout, outputs);
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		double p = ae_scorer_probability(scorer, outputs, c);

		REQUIRE(isnan(p) || (p >= 0.0 && p <= 1.0));
		if (column->cell >= 0 && column->kind == AE_KIND_CATEGORY)
			REQUIRE(values[c] >= -(double) column->n_levels - 1.0 &&
					values[c] < column->n_levels + (column->n_levels == 0));
		fill[c] = c % 2;
	}
	ae_scorer_fill(scorer, fill, outputs);
	free(values);
	free(fill);
}

/* Finished outputs of the target's head are probabilities; digests[n_rows]: of their bits. */
static void
check_head(uint64_t *digests, AeScorer *scorer, const AeReal *codes, size_t n_rows)
{
	uint32_t n = scorer->model->net.n_target;
	AeReal *head;

	memset(digests, 0, n_rows * sizeof(uint64_t));
	REQUIRE((n > 0) == scorer->model->schema.has_target);
	if (n == 0)
		return;
	head = ae_scorer_head(scorer, codes, n_rows);
	ae_scorer_head_finish(scorer, head, n_rows);
	for (size_t i = 0; i < n_rows * n; i++)
	{
		uint32_t bits = 0;

		REQUIRE(n == 1 || isnan(head[i]) || (head[i] >= 0 && head[i] <= 1));
		if (!isnan(head[i]))
			memcpy(&bits, &head[i], sizeof bits);
		digests[i / n] = (digests[i / n] ^ bits) * 0x100000001b3u;
	}
}

/* Scores n_rows rows from first on in a scorer of just that batch. */
static void
score_rows(double *errors, uint64_t *heads, const AeModel *model, int first, int n_rows,
		   const uint8_t *data, size_t size)
{
	const AeReal *codes;
	const AeSchema *schema = &model->schema;
	double *values = take(schema->n_columns * sizeof(double));
	bool *missing = take(schema->n_columns * sizeof(bool));
	size_t n_cells = ae_layout_cells(&model->net.layout), bytes;
	AePacked packed;
	AeScorer scorer;
	AeError error;
	void *weights, *block;
	AeReal *outputs;

	REQUIRE(ae_packed_size(&bytes, model, &error) == AE_OK);
	weights = take(bytes);
	ae_packed_init(&packed, weights, model, ae_kernels_best(), NULL);
	REQUIRE(ae_scorer_size(&bytes, &packed, 1, (size_t) n_rows, &error) == AE_OK);
	block = take(bytes);
	ae_scorer_init(&scorer, block, &packed, 1, (size_t) n_rows);
	for (int r = 0; r < n_rows; r++)
	{
		fill_values(values, missing, schema, first + r, data, size);
		ae_scorer_take(&scorer, (size_t) r, values, missing);
		check_cells(scorer.cells + (size_t) r * n_cells, schema, missing);
	}
	codes = ae_scorer_encode(&scorer, (size_t) n_rows);
	check_head(heads, &scorer, codes, (size_t) n_rows);
	outputs = ae_scorer_decode(&scorer, codes, (size_t) n_rows);
	ae_scorer_errors(errors, &scorer, outputs, (size_t) n_rows);
	check_columns(&scorer, outputs, errors[0]);
	ae_scorer_finish(&scorer, outputs, (size_t) n_rows);
	for (int r = 0; r < n_rows; r++)
	{
		double factor = ae_members_judge(&scorer, (size_t) r, false);

		REQUIRE(factor > 0.6 && factor < 7.4);
		REQUIRE(factor == 1.0 || ae_verdicts_count(&model->verdicts) > 0);
		errors[r] = check_raw(&scorer, (size_t) r, errors[r]) * factor;
		check_scores(model, errors[r]);
	}
	ask(&scorer, outputs);
	free(weights);
	free(block);
	free(values);
	free(missing);
}

/* The loss of the mean, of cells that were seen twice. */
static void
check_mean_loss(const AeModel *model)
{
	AeMoments *cells = take(model->schema.n_dense * sizeof(AeMoments));

	for (uint32_t j = 0; j < model->schema.n_dense; j++)
		cells[j] = (AeMoments){.n = 2.0, .mean = 0.5, .m2 = 0.5, .min = 0.0, .max = 1.0};
	REQUIRE(ae_scaler_mean_loss(&model->schema, &model->net.layout, cells) >= 0.0);
	free(cells);
}

static void
use_model(const AeModel *model, const uint8_t *data, size_t size)
{
	AeError error;
	double batch[N_ROWS];
	double alone;
	uint64_t heads[N_ROWS], head;
	size_t length;
	uint8_t *again;

	REQUIRE(ae_model_written_size(&length, model, &error, NULL) == AE_OK);
	REQUIRE(length == size);
	again = take(length);
	ae_model_write(again, length, model, NULL);
	REQUIRE(memcmp(again, data, length) == 0);
	free(again);
	REQUIRE(ae_layout_check(&model->net.layout, &error) == AE_OK);
	check_mean_loss(model);
	if (ae_net_n_params(&model->net) > MAX_PARAMS)
		return;
	score_rows(batch, heads, model, 0, N_ROWS, data, size);
	for (int r = 0; r < N_ROWS; r++)
	{
		score_rows(&alone, &head, model, r, 1, data, size);
		REQUIRE(memcmp(&alone, &batch[r], sizeof alone) == 0);
		REQUIRE(head == heads[r]);
	}
}

static void
try_bytes(const uint8_t *data, size_t size)
{
	AeModel model;
	AeError error = {0};
	size_t block_bytes = 0;
	AeStatus status = ae_model_check(&block_bytes, data, size, &error, NULL);
	void *block;

	if (status != AE_OK)
	{
		REQUIRE(status == AE_ERR_CORRUPT || status == AE_ERR_VERSION);
		REQUIRE(error.status == status && error.what && error.offset <= size);
		REQUIRE(ae_model_read(&model, NULL, 0, data, size, &error, NULL) == status);
		return;
	}
	REQUIRE(block_bytes <= size * 8 + 256 * 1024);
	block = take(block_bytes);
	REQUIRE(ae_model_read(&model, block, block_bytes, data, size, &error, NULL) == AE_OK);
	use_model(&model, data, size);
	free(block);
}

/* Bytes that may be a bundle: it is written back as it was, and its models are tried. */
static void
try_bundle(const uint8_t *data, size_t size)
{
	AeBundleBytes bundle;
	AeError error = {0};
	AeStatus status = ae_bundle_open(&bundle, data, size, &error, NULL);
	size_t length;
	uint8_t *again;

	if (status != AE_OK)
	{
		REQUIRE(status == AE_ERR_CORRUPT || status == AE_ERR_VERSION);
		REQUIRE(error.status == status && error.what && error.offset <= size);
		try_bytes(data, size);
		return;
	}
	if (bundle.bytes[0] != data)
	{
		REQUIRE(ae_bundle_written_size(&length, &bundle, &error) == AE_OK);
		REQUIRE(length == size);
		again = take(length);
		ae_bundle_write(again, length, &bundle, NULL);
		REQUIRE(memcmp(again, data, length) == 0);
		free(again);
		REQUIRE(ae_model_check(&length, data, size, &error, NULL) == AE_ERR_CORRUPT);
	}
	for (uint32_t i = 0; i < bundle.n_folds * bundle.n_members; i++)
		try_bytes(bundle.bytes[i], bundle.length[i]);
}

static void
put_u64(uint8_t *at, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get_u64(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t) at[i] << (8 * i);
	return value;
}

/* Makes length and checksum right. */
static void
seal(uint8_t *bytes, size_t size)
{
	if (size < HEADER)
		return;
	put_u64(bytes + 16, size, 8);
	put_u64(bytes + 24, ae_crc32c(ae_crc32c(0, bytes, 24), bytes + 28, size - 28), 4);
}

/* The same of the models in what says that it is a bundle. */
static void
seal_models(uint8_t *bytes, size_t size)
{
	size_t at = HEADER + 8;

	if (size < HEADER || !(bytes[12] & 4))
		return;
	for (int i = 0; i < AE_MAX_MODELS && size - at >= 8 && at < size; i++)
	{
		uint64_t length = get_u64(bytes + at);

		at += 8;
		if (length > size - at)
			length = size - at;
		seal(bytes + at, (size_t) length);
		at += (size_t) length;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	try_bundle(data, size);
	if (size < HEADER)
		return 0;
	copy = take(size);
	memcpy(copy, data, size);
	seal_models(copy, size);
	seal(copy, size);
	try_bundle(copy, size);
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
