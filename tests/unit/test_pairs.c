/* Proves: losses of wide categories are what the formula says of rows counted by hand, parts add
 * up, counts are rounded as promised, and the bytes of pairs come back as they were. */
#include "unit_data.h"

#include "ae_score.h"
#include "sample_model.h"
#include "sample_score.h"

/* Of a table of a user and a host, both wide, and maybe a number before them. */
#define N_COLUMNS 3

typedef struct Table
{
	AeSchema schema;
	AeColumn columns[N_COLUMNS];
	AeLevel level;
	AeBlock blocks[N_COLUMNS];
	uint32_t indicators[N_COLUMNS];
	AeLayout layout;
	AePairCounts counts;
	AePairs pairs;
	void *block;
	uint32_t *slots;
} Table;

static void
begin(Table *table, uint32_t n_columns)
{
	memset(table, 0, sizeof *table);
	table->level = (AeLevel){"a", 1, 1};
	for (uint32_t c = 0; c < n_columns; c++)
		table->columns[c] = c == 0 && n_columns == N_COLUMNS
								? (AeColumn){.observed = true, .varies = true, .scale = 1.0}
								: (AeColumn){.kind = AE_KIND_CATEGORY,
											 .observed = true,
											 .varies = true,
											 .wide = true,
											 .scale = 1.0,
											 .n_levels = 1,
											 .levels = &table->level,
											 .other = 9};
	table->schema.n_columns = n_columns;
	table->schema.columns = table->columns;
	ae_schema_layout(&table->schema);
	ae_schema_blocks(&table->layout, table->blocks, table->indicators, &table->schema, AE_LOSS_MSE,
					 AE_LOSS_ONEHOT);
}

/* Counts rows of two tags each, and a number x if x is not NULL. */
static void
count(Table *table, const uint32_t (*tags)[2], const double *x, size_t n)
{
	AeError error = {0};
	size_t size;

	assert_int_equal(ae_pair_counts_size(&size, &table->layout, n, &error), AE_OK);
	table->block = malloc(size);
	ae_pair_counts_init(&table->counts, table->block, &table->layout, n);
	for (size_t i = 0; i < n; i++)
	{
		AeReal cells[5] = {x ? (AeReal) x[i] : 0};
		AeReal *levels = x ? cells + 1 : cells;

		levels[0] = levels[1] = 1;
		levels[2] = (AeReal) tags[i][0];
		levels[3] = (AeReal) tags[i][1];
		ae_pair_counts_add(&table->counts, cells);
	}
	table->slots = malloc(ae_pair_counts_slots(&table->counts) * sizeof(uint32_t));
	ae_pairs_pack(&table->pairs, table->slots, &table->counts);
}

static void
end(Table *table)
{
	free(table->block);
	free(table->slots);
}

/* The loss of the user of a row without a number. */
static double
loss_of(const Table *table, uint32_t user, uint32_t host)
{
	AeReal cells[4] = {1, 1, (AeReal) user, (AeReal) host};

	return ae_pairs_block(&table->pairs, &table->layout, cells, 0);
}

static void
test_by_hand(void **state)
{
	static const uint32_t tags[8][2] = {{1, 1}, {1, 1}, {1, 1}, {1, 1},
										{2, 2}, {2, 2}, {2, 2}, {2, 3}};
	Table table;
	AeReal cells[4] = {1, 1, 1, 1};

	(void) state;
	begin(&table, 2);
	count(&table, tags, NULL, 8);
	/* without itself 3 of 7 rows: m = 4/8, odds 4/8 (3 + 1 + 1) / (3 + 2 4/8) = 5/8 both ways */
	assert_true(fabs(loss_of(&table, 1, 1) - 2 * log(1 + 5.0 / 8)) < 1e-12);
	/* never seen: host 2 of user 1: 4/9 (4 + 2) / (2 4/9) = 3; user 1 of host 2: 5/9 (3 + 2) / (2
	 * 5/9) */
	assert_true(fabs(loss_of(&table, 1, 2) - 2 * log(1 + 2.5)) < 1e-12);
	/* seen once, by the row itself: host 3 of user 2, which then has 3 rows of one host:
	 * 1/8 (3 + 2) / (2 1/8); user 2 of host 3, which has no other: 1 */
	assert_true(fabs(loss_of(&table, 2, 3) - 2 * log(2.0)) < 1e-12);
	/* a user of no row says nothing of hosts, but is new: 2 users in 8 rows */
	assert_true(fabs(loss_of(&table, 7, 1) - 2 * log((8 + 2 + 1) / 3.0)) < 1e-12);
	/* both columns cost what their one pair costs, but for host 3, which only this row has */
	assert_true(fabs(ae_pairs_row(&table.pairs, &table.layout, cells) - 4 * log(13.0 / 8)) < 1e-12);
	cells[2] = 2;
	cells[3] = 3;
	assert_true(fabs(ae_pairs_block(&table.pairs, &table.layout, cells, 1) - 2 * log(12.0 / 4)) <
				1e-12);
	/* NULL: no loss, and none of its pairs */
	cells[0] = cells[2] = (AeReal) NAN;
	assert_true(isnan(ae_pairs_block(&table.pairs, &table.layout, cells, 0)));
	cells[3] = 2;
	assert_true(ae_pairs_row(&table.pairs, &table.layout, cells) == 0);
	end(&table);
}

/* Frequent values that never met are odd; rare ones that never met are not; nor is a wanderer's. */
static void
test_what_is_odd(void **state)
{
	static uint32_t tags[1200][2];
	Table table;

	(void) state;
	for (uint32_t i = 0; i < 1200; i++)
	{
		tags[i][0] = i < 400 ? 1 : i < 800 ? 2 : i < 1000 ? 3 : 10 + i / 2;
		tags[i][1] = i < 400 ? 1 + i % 3 : i < 800 ? 5 + i % 3 : i < 1000 ? i : 5000 + i / 2;
	}
	begin(&table, 2);
	count(&table, tags, NULL, 1200);
	assert_true(loss_of(&table, 1, 2) < 1);
	assert_true(loss_of(&table, 1, 6) > 5 * loss_of(&table, 1, 2));      /* frequent, never met */
	assert_true(loss_of(&table, 1, 6) > 2 * loss_of(&table, 520, 5505)); /* rare */
	assert_true(loss_of(&table, 1, 6) >
				2 * loss_of(&table, 3, 6)); /* user 3: a new host in every row */
	end(&table);
}

/* A number takes part in steps of half a deviation, with half the weight of a wide column. */
static void
test_numbers(void **state)
{
	static uint32_t tags[200][2];
	static double x[200];
	AeReal cells[5] = {-1, 1, 1, 1, 4};
	double usual, unusual, pair;
	Table table, pairs;

	(void) state;
	for (uint32_t i = 0; i < 200; i++)
	{
		tags[i][0] = 1 + i % 2;
		tags[i][1] = 4 + i % 2;
		x[i] = i % 2 ? 1.1 : -1.1;
	}
	begin(&table, N_COLUMNS);
	count(&table, tags, x, 200);
	begin(&pairs, 2);
	count(&pairs, tags, NULL, 200);
	pair = loss_of(&pairs, 1, 4);
	usual = ae_pairs_block(&table.pairs, &table.layout, cells, 1);
	assert_true(fabs(usual - pair) < 1e-12); /* both pairs are alike */
	cells[0] = 1;
	unusual = ae_pairs_block(&table.pairs, &table.layout, cells, 1);
	assert_true(fabs(1.5 * unusual - pair - 0.5 * loss_of(&pairs, 1, 5)) < 1e-12);
	cells[0] = (AeReal) NAN;
	assert_true(fabs(ae_pairs_block(&table.pairs, &table.layout, cells, 1) - pair) < 1e-12);
	end(&table);
	end(&pairs);
}

/* Counts up to 8191 are exact, and others within 1 / 4096: of one user n of 2 n rows, m = 1/2. */
static void
test_many_rows(void **state)
{
	static const size_t sizes[] = {4095, 4097, 8191, 70000};
	static uint32_t tags[140000][2];

	(void) state;
	for (uint32_t i = 0; i < 140000; i++)
		tags[i][0] = tags[i][1] = i % 2;
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
	{
		double n = (double) sizes[k] - 1, m = (n + 1) / (2 * n + 2);
		double wanted = 2 * log(1 + m * (n + 2) / (n + 2 * m));
		Table table;

		begin(&table, 2);
		count(&table, tags, NULL, 2 * sizes[k]);
		assert_true(fabs(loss_of(&table, 1, 1) - wanted) < (n < 4096 ? 1e-12 : 1e-3));
		end(&table);
	}
}

/* Errors of columns add up to that of the row, in every kernel to the same bits. */
static void
test_scores(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed < 60; seed += 2)
	{
		Sample *s = sample_of(seed, true, 12, 3, SAMPLE_WIDTH, 5, 5);
		double values[SAMPLE_COLUMNS], errors[SAMPLE_COLUMNS], error, sum = 0;
		bool missing[SAMPLE_COLUMNS];
		AeScorer scorer;
		uint32_t n = 0;
		AeReal *outputs;
		SampleScorer *block;

		if (!sample_wide(s))
		{
			sample_free(s);
			continue;
		}
		block = sample_scorer(&scorer, &s->model, 1, ae_kernels_find("generic"));
		sample_row(s, values, missing, seed % 4 == 1);
		ae_scaler_apply(scorer.cells, &s->model.schema, values, missing);
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_errors(&error, &scorer, outputs, 1);
		ae_scorer_column_errors(errors, &scorer, outputs);
		for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
		{
			if (isnan(errors[c]))
				continue;
			sum += errors[c];
			n++;
		}
		assert_true(fabs(error - (n > 0 ? sum / n : 0)) <= 1e-6 * (1 + error));
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* Bytes with pairs are read and written again as they are; what no table looks like is refused. */
static void
test_bytes(void **state)
{
	Sample *s = sample_of(7, true, 14, 3, SAMPLE_WIDTH, 5, 5);
	size_t length, again_length, size;
	uint8_t *bytes, *again;
	AeError error = {0};
	AeModel model;
	void *block;

	(void) state;
	assert_true(sample_wide(s));
	bytes = sample_write(&s->model, &length, &error);
	assert_non_null(bytes);
	assert_int_equal(ae_model_check(&size, bytes, length, &error, NULL), AE_OK);
	block = malloc(size);
	assert_int_equal(ae_model_read(&model, block, size, bytes, length, &error, NULL), AE_OK);
	assert_int_equal(model.pairs.n_slots, s->model.pairs.n_slots);
	assert_memory_equal(model.pairs.slots, s->slots, model.pairs.n_slots * sizeof(uint32_t));
	again = sample_write(&model, &again_length, &error);
	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	s->model.pairs.n_slots = 48;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_CORRUPT);
	s->model.pairs.n_slots = 2 * AE_MAX_PAIR_SLOTS;
	assert_int_equal(ae_model_written_size(&length, &s->model, &error, NULL), AE_ERR_LIMIT);
	free(again);
	free(block);
	free(bytes);
	sample_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_what_is_odd),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_scores),  cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
