/*
 * Proves: passes and starts complete a row as worked by hand, the trial sees which way was right, and
 * whatever the model, answers are those of the way asked for and known cells stay.
 */
#include "unit_data.h"

#include <math.h>

#include "ae_impute.h"
#include "sample_model.h"
#include "sample_score.h"

/* ---- worked by hand ---- */

/* What x0 is filled with where x1 is 1. */
static double
filled(const SampleMean *t, AeFilling filling)
{
	const bool missing[2] = {true, false};
	AeReal scratch[8], outputs[2];
	AeScorer scorer;
	SampleScorer *block;

	assert_true(ae_impute_scratch(&t->model) == 8);
	block = sample_scorer(&scorer, &t->model, 1, ae_kernels_best());
	scorer.cells[0] = (AeReal) NAN;
	scorer.cells[1] = 1;
	ae_impute(outputs, &scorer, missing, filling, scratch);
	assert_true(scorer.cells[1] == 1);
	sample_scorer_free(block);
	return (double) outputs[0];
}

/*
 * x <- (x + 1) / 2 from 0: 1/2, 3/4, 7/8, 15/16.  From 3/2: 5/4, 9/8, which is nearer to 1 than 3/4 is, and
 * from -3/2: -1/4, 3/8, which is not.  With twice that, x <- x + 1, the first one has the least error.
 */
static void
test_by_hand(void **state)
{
	SampleMean t;

	(void) state;
	sample_mean(&t, 1);
	assert_true(filled(&t, AE_FILLING_ONCE) == 0.5);
	assert_true(filled(&t, AE_FILLING_PASSES) == 0.9375);
	assert_true(filled(&t, AE_FILLING_STARTS) == 1.125);
	sample_mean(&t, 2);
	assert_true(filled(&t, AE_FILLING_ONCE) == 1);
	assert_true(filled(&t, AE_FILLING_PASSES) == 1);
}

/* The error of a row of which x1 is 1 and x0 is missing, where so many of ten rows missed it. */
static double
error_of_gap(SampleMean *t, uint64_t n_missing, bool as_is)
{
	double error;
	AeScorer scorer;
	SampleScorer *block = sample_scorer(&scorer, &t->model, 1, ae_kernels_best());

	t->model.n_rows = 10;
	t->model.schema.columns[0].n_missing = n_missing;
	scorer.cells[0] = (AeReal) NAN;
	scorer.cells[1] = 1;
	scorer.as_is = as_is;
	ae_scorer_errors(&error, &scorer, ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1),
					 1);
	assert_true(isnan(scorer.cells[0]));
	sample_scorer_free(block);
	return error;
}

/*
 * In scoring, too: the eighth completion is 1 - 2^-8, of which the network makes 1 - 2^-9.  With twice
 * that the row as it came is reconstructed best, 1 of 0 and 1.
 */
static void
test_scored(void **state)
{
	SampleMean t;

	(void) state;
	sample_mean(&t, 1);
	assert_true(error_of_gap(&t, 0, false) == ldexp(1.0, -18));
	assert_true(error_of_gap(&t, 0, true) == 0.25);
	assert_true(error_of_gap(&t, 1, false) == 0.25);
	t.model.options.masking = 0.1;
	assert_true(error_of_gap(&t, 0, false) == 0.25);
	sample_mean(&t, 2);
	assert_true(error_of_gap(&t, 0, false) == 0.0);
}

/* Row i of 400: both columns are the same number. */
static void
try_row(AeTrials *trials, AeScorer *scorer, int i)
{
	AeReal scratch[8];
	bool hidden[2];

	scorer->cells[0] = scorer->cells[1] = (AeReal) (i % 100) / 25 - 2;
	ae_impute_trial(trials, scorer, (uint64_t) (i / 100), hidden, scratch);
}

/* Half of what is known is too little, and passes add to it; twice that is right at once. */
static void
test_trial(void **state)
{
	(void) state;
	for (int gain = 1; gain <= 2; gain++)
	{
		AeTrials trials = {0}, backwards = {0};
		AeScorer scorer;
		SampleScorer *block;
		SampleMean t;

		sample_mean(&t, (AeReal) gain);
		block = sample_scorer(&scorer, &t.model, 1, ae_kernels_best());
		for (int i = 0; i < 400; i++)
			try_row(&trials, &scorer, i);
		for (int i = 400; i-- > 0;)
			try_row(&backwards, &scorer, i);
		assert_memory_equal(&trials, &backwards, sizeof trials);
		assert_true(trials.square[AE_FILLING_STARTS][AE_FILLING_ONCE] > 0);
		assert_int_equal(trials.numbers[AE_FILLING_PASSES][AE_FILLING_ONCE] > 0, gain == 1);
		assert_int_equal(ae_impute_best(&trials) == AE_FILLING_ONCE, gain == 2);
		sample_scorer_free(block);
	}
}

/*
 * Four rows that gain 1 each are two standard errors, five are more; starts have to beat the best, and
 * not at the cost of levels.
 */
static void
test_best(void **state)
{
	AeTrials trials = {0};

	(void) state;
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_ONCE);
	trials.numbers[AE_FILLING_PASSES][AE_FILLING_ONCE] = 4;
	trials.square[AE_FILLING_PASSES][AE_FILLING_ONCE] = 4;
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_ONCE);
	trials.numbers[AE_FILLING_PASSES][AE_FILLING_ONCE] = 5;
	trials.square[AE_FILLING_PASSES][AE_FILLING_ONCE] = 5;
	trials.numbers[AE_FILLING_STARTS][AE_FILLING_ONCE] = 9;
	trials.square[AE_FILLING_STARTS][AE_FILLING_ONCE] = 9;
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_PASSES);
	trials.numbers[AE_FILLING_STARTS][AE_FILLING_PASSES] = 5;
	trials.square[AE_FILLING_STARTS][AE_FILLING_PASSES] = 5;
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_STARTS);
	trials.numbers[AE_FILLING_STARTS][AE_FILLING_PASSES] = 6;
	trials.levels[AE_FILLING_STARTS][AE_FILLING_PASSES] = -1;
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_PASSES);
	trials.n = 1; /* 5 are less than 655.36 */
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_ONCE);
	trials.n = 0;
	trials.numbers[AE_FILLING_PASSES][AE_FILLING_ONCE] = -5;
	trials.numbers[AE_FILLING_STARTS][AE_FILLING_ONCE] = -9;
	assert_int_equal(ae_impute_best(&trials), AE_FILLING_ONCE);
}

/* ---- any model ---- */

static double
error_of_filled(AeScorer *scorer, const bool *missing, const AeReal *outputs)
{
	double error;

	ae_scorer_fill(scorer, missing, outputs);
	ae_scorer_errors(&error, scorer, ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1), 1);
	return error;
}

/* One pass is that of the scorer; no other way completes a row worse; known cells stay. */
static void
test_any_model(void **state)
{
	int better = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		size_t n_outputs = ae_layout_outputs(layout), n_cells = ae_layout_cells(layout);
		AeReal scratch[3 * SAMPLE_INPUTS + SAMPLE_INPUTS], outputs[SAMPLE_INPUTS];
		AeReal before[SAMPLE_INPUTS], *once;
		double values[SAMPLE_COLUMNS], first;
		bool missing[SAMPLE_COLUMNS];
		AeScorer scorer;
		SampleScorer *block;

		assert_true(ae_impute_scratch(&s->model) <= sizeof scratch / sizeof *scratch);
		block = sample_scorer(&scorer, &s->model, 1, ae_kernels_best());
		sample_row(s, values, missing, true);
		ae_scorer_take(&scorer, 0, values, missing);
		memcpy(before, scorer.cells, n_cells * sizeof(AeReal));
		ae_impute(outputs, &scorer, missing, AE_FILLING_ONCE, scratch);
		assert_memory_equal(scorer.cells, before, n_cells * sizeof(AeReal));
		once = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_finish(&scorer, once, 1);
		/* bounds may turn -0 into 0 */
		for (size_t j = 0; j < n_outputs; j++)
			assert_true(outputs[j] == once[j] || (isnan(outputs[j]) && isnan(once[j])));
		first = error_of_filled(&scorer, missing, outputs);
		for (int way = AE_FILLING_PASSES; way < AE_FILLING_COUNT; way++)
		{
			double error;

			ae_impute(outputs, &scorer, missing, (AeFilling) way, scratch);
			for (size_t i = 0; i < n_cells; i++)
				if (before[i] == before[i])
					assert_true(scorer.cells[i] == before[i]);
			error = error_of_filled(&scorer, missing, outputs);
			assert_true(error <= first);
			better += error < first;
		}
		sample_scorer_free(block);
		sample_free(s);
	}
	assert_true(better > 100);
}

static int n_passes;

static void
count_pass(void)
{
	n_passes++;
}

/* A row of which all is missing, with up to six levels to try in each of many columns: 9 + 64 passes at most. */
static void
test_passes_are_few(void **state)
{
	int most = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 400; seed++)
	{
		Sample *s = sample_of(seed, true, SAMPLE_COLUMNS, 2, SAMPLE_WIDTH, 0, 0);
		AeScorer scorer;
		SampleScorer *block;

		s->model.n_rows = 1000000;
		s->model.options.masking = 0;
		s->model.options.masking_any = false;
		block = sample_scorer(&scorer, &s->model, 1, ae_kernels_best());
		block->packed.check = count_pass;
		for (size_t i = 0; i < ae_layout_cells(&s->model.net.layout); i++)
			scorer.cells[i] = i == 0 ? 1 : (AeReal) NAN;
		n_passes = 0;
		ae_scorer_encode(&scorer, 1);
		most = n_passes > most ? n_passes : most;
		sample_scorer_free(block);
		sample_free(s);
	}
	assert_in_range(most, 60, 73);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),   cmocka_unit_test(test_scored),
		cmocka_unit_test(test_trial),     cmocka_unit_test(test_best),
		cmocka_unit_test(test_any_model), cmocka_unit_test(test_passes_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
