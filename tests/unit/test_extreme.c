/* Proves: a column is judged by what its leaving out of the farthest value gives; the term of a row
 * is that of its wildest number, and of nothing but numbers and times. */
#include "unit_data.h"

#include "ae_score.h"
#include "sample_model.h"
#include "sample_score.h"

#define MANY 40

/* A schema of one number whose cells are its values. */
static AeSchema
one_number(AeColumn *column, double shift, double scale)
{
	AeSchema schema = {.n_columns = 1, .columns = column, .n_dense = 1};

	*column = (AeColumn){.observed = true, .varies = true, .shift = shift, .scale = scale};
	return schema;
}

static AeMoments
moments_of(const double *values, size_t n)
{
	AeMoments moments;

	ae_moments_init(&moments);
	for (size_t i = 0; i < n; i++)
		ae_moments_add(&moments, values[i]);
	return moments;
}

/* 1, 2, 3, 4, 5 and 100: without the last the mean is 3, the deviation sqrt(2). */
static void
test_by_hand(void **state)
{
	const double values[] = {1, 2, 3, 4, 5, 100};
	AeMoments cells = moments_of(values, 6);
	AeColumn column;
	AeSchema schema = one_number(&column, 0, 1);
	AeReal centre, spread, cell = 100;
	AeExtremes extremes = {.weight = 1, .centre = &centre, .spread = &spread};
	double z;
	uint32_t worst = 7;

	(void) state;
	ae_extremes_fit(&extremes, &schema, &cells);
	assert_true(fabs((double) centre - 3) < 1e-5 && fabs((double) spread - sqrt(2)) < 1e-5);
	z = 97 / sqrt(2) - 4;
	assert_true(fabs(ae_extremes_term(&worst, &extremes, &schema, &cell) / (z * z) - 1) < 1e-5);
	assert_int_equal(worst, 0);
	extremes.weight = 0.25;
	assert_true(fabs(ae_extremes_term(NULL, &extremes, &schema, &cell) / (z * z) - 0.25) < 1e-5);
	extremes.weight = 0;
	assert_true(ae_extremes_term(NULL, &extremes, &schema, &cell) == 0);
	extremes.weight = 1;
	cell = (AeReal) (3 + 3.99 * sqrt(2)); /* ordinary */
	assert_true(ae_extremes_term(NULL, &extremes, &schema, &cell) == 0);
	cell = (AeReal) NAN;
	assert_true(ae_extremes_term(NULL, &extremes, &schema, &cell) == 0);
	column.kind = AE_KIND_BOOLEAN;
	ae_extremes_fit(&extremes, &schema, &cells);
	cell = 100;
	assert_true(spread == 0 && ae_extremes_term(NULL, &extremes, &schema, &cell) == 0);
}

/* Of random numbers: the moments of all but the farthest, counted anew. */
static void
test_leave_out(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 500; seed++)
	{
		Sample draw = {.seed = seed};
		double values[MANY], farthest = 0, mean, sd;
		size_t n = 3 + seed % (MANY - 3), at = 0, kept = 0;
		AeMoments all, rest;
		AeColumn column;
		AeSchema schema = one_number(&column, 0, 1);
		AeReal centre, spread;
		AeExtremes extremes = {.weight = 1, .centre = &centre, .spread = &spread};

		for (size_t i = 0; i < n; i++)
			values[i] = sample_real(&draw, -2.0, 2.0) * (i == seed % n ? 10 : 1);
		all = moments_of(values, n);
		for (size_t i = 0; i < n; i++)
			if (fabs(values[i] - all.mean) > farthest)
			{
				farthest = fabs(values[i] - all.mean);
				at = i;
			}
		ae_extremes_fit(&extremes, &schema, &all);
		for (size_t i = 0; i < n; i++)
			if (i != at)
				values[kept++] = values[i];
		rest = moments_of(values, kept);
		mean = rest.mean;
		sd = sqrt(rest.m2 / rest.n);
		sd = sd > 0.01 * farthest ? sd : 0.01 * farthest;
		sd = sd > 0.01 * fabs(mean) ? sd : 0.01 * fabs(mean);
		assert_true(fabs((double) centre - mean) < 1e-5 * (1 + fabs(mean)));
		assert_true(fabs((double) spread - sd) < 1e-4 * sd);
	}
}

/* Numbers that are all alike but one have a spread, and a mean far off makes it 1 % of itself. */
static void
test_least_spread(void **state)
{
	const double alike[] = {0, 0, 0, 0, 5};
	AeMoments cells = moments_of(alike, 5);
	AeColumn column;
	AeSchema schema = one_number(&column, 0, 1);
	AeReal centre, spread;
	AeExtremes extremes = {.weight = 1, .centre = &centre, .spread = &spread};

	(void) state;
	ae_extremes_fit(&extremes, &schema, &cells);
	assert_true(centre == 0 && fabs((double) spread - 0.04) < 1e-6); /* 1 % of 5 - 1 */
	schema = one_number(&column, 3000, 2); /* 0 stands for 3000, so that 1 % of the mean is 30 */
	ae_extremes_fit(&extremes, &schema, &cells);
	assert_true(fabs((double) spread - 15) < 1e-5);
	column.scaling = AE_SCALING_LOG;
	ae_extremes_fit(&extremes, &schema, &cells);
	assert_true(fabs((double) spread - 0.04) < 1e-6);
	column.scaling = AE_SCALING_STANDARD;
	cells.n = 2;
	ae_extremes_fit(&extremes, &schema, &cells);
	assert_true(spread == 0); /* two values say nothing */
}

static void
test_weight(void **state)
{
	(void) state;
	assert_true(ae_extremes_weight(1) == 1 && ae_extremes_weight(25) == 1);
	assert_true(fabs(ae_extremes_weight(40) - 0.4) < 1e-12);
	assert_true(ae_extremes_weight(50) == 0 && ae_extremes_weight(UINT64_MAX) == 0);
}

/* The parts of columns are the term, at the source column of its wildest number. */
static void
test_parts(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Sample *s = sample_random(seed);
		const AeModel *model = &s->model;
		double parts[SAMPLE_COLUMNS], sum = 0, term;
		uint32_t worst = 0;
		AeScorer scorer;
		SampleScorer *block;

		sample_extremes(s, 0.75);
		block = sample_scorer(&scorer, model, 1, ae_kernels_best());
		for (uint32_t j = 0; j < ae_layout_cells(&model->net.layout); j++)
			scorer.cells[j] = (AeReal) (j < model->net.layout.n_dense ? sample_real(s, -3, 3) : 0);
		term = ae_extremes_term(&worst, &model->extremes, &model->schema, scorer.cells);
		ae_scorer_column_extremes(parts, &scorer);
		for (uint32_t c = 0; c < model->schema.n_columns; c++)
			sum += parts[c];
		assert_true(sum == term);
		while (model->schema.columns[worst].element > 1)
			worst--;
		assert_true(term == 0 || parts[worst] == term);
		sample_scorer_free(block);
		sample_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),      cmocka_unit_test(test_leave_out),
		cmocka_unit_test(test_least_spread), cmocka_unit_test(test_weight),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
