/*
 * Proves: what a model of several networks says of rows, by hand; of any mix of rows in any batch what
 * it says of each alone, to the bit, which is what its networks say on the average; that one call's rows
 * are no other's; and the arithmetic of calibration, by hand.
 */
#include "unit_data.h"

#include "ae_bundle.h"
#include "ae_calibrate.h"
#include "ae_hash.h"
#include "sample_model.h"
#include "sample_score.h"

#define N_ROWS 31

static const char *const kernel_names[] = {"generic", "avx2", "avx512"};

/* ---- worked by hand ---- */

static void
hand_model(SampleMean *t, AeReal gain, double norm)
{
	sample_mean(t, gain);
	t->model.error_norm = norm;
	t->model.distance_norm = 1;
}

/* Models packed, and a scorer of so many rows at a time. */
typedef struct Bed
{
	AePacked networks[AE_MAX_MODELS];
	void *blocks[AE_MAX_MODELS], *block;
	AeBundle bundle;
	AeBundleScorer scorer;
} Bed;

static void
make_bed(Bed *bed, const AeModel *const *models, uint32_t n_folds, uint32_t n_members, size_t batch,
		 const AeKernels *kernels)
{
	size_t size;

	memset(bed, 0, sizeof *bed);
	for (uint32_t i = 0; i < n_folds * n_members; i++)
	{
		assert_int_equal(ae_packed_size(&size, models[i], NULL), AE_OK);
		bed->blocks[i] = malloc(size);
		ae_packed_init(&bed->networks[i], bed->blocks[i], models[i], kernels, NULL);
	}
	bed->bundle = (AeBundle){n_folds, n_members, bed->networks};
	assert_int_equal(ae_bundle_scorer_size(&size, &bed->bundle, batch, NULL), AE_OK);
	bed->block = malloc(size);
	memset(bed->block, 0xa5, size); /* nothing may lean on zeroes */
	ae_bundle_scorer_init(&bed->scorer, bed->block, &bed->bundle, batch);
}

static void
free_bed(Bed *bed)
{
	for (int i = 0; i < AE_MAX_MODELS; i++)
		free(bed->blocks[i]);
	free(bed->block);
}

/*
 * Of x = (1, 1) and gain g the error is (1 - g)^2.  Fold 0: gains 1/2 and 0, errors 1/4 and 1, norms 1/2
 * and 4: raw 1/2 and 1/4.  Fold 1: gains 2 and 1, errors 1 and 0, norms 4 and 1: raw 1/4 and 0.  A row
 * that both judge has the mean of both, unless the other fold cannot see it.
 */
static void
test_by_hand(void **state)
{
	static const AeReal gains[] = {0.5, 0, 2, 1};
	static const double norms[] = {0.5, 4, 4, 1};
	static const double ones[] = {1, 1}, odd[] = {NAN, 1};
	static const bool none[] = {false, false}, all[] = {true, true};
	const AeBundleRow rows[] = {{ones, none, 1, NULL}, {ones, none, 0, NULL}, {odd, none, 0, ones},
								{ones, all, 1, ones},  {ones, none, 1, odd},  {ones, none, 0, NULL},
								{ones, none, 0, ones}};
	SampleMean hand[4];
	const AeModel *models[4];
	AeScore scores[7];
	AeReal outputs[2];
	AeScorer *fold;
	AeSight sight;
	Bed bed;

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		hand_model(&hand[i], gains[i], norms[i]);
		models[i] = &hand[i].model;
	}
	make_bed(&bed, models, 2, 2, 4, ae_kernels_best());
	ae_bundle_score(scores, &bed.scorer, rows, 7);
	for (int i = 0; i < 6; i += i == 1 ? 3 : 1)
	{
		assert_int_equal(scores[i].sight, AE_SIGHT_SEEN);
		assert_true(scores[i].error == (rows[i].fold == 0 ? 0.625 : 0.5));
		assert_true(scores[i].raw == (rows[i].fold == 0 ? 0.375 : 0.125));
		assert_int_equal(scores[i].n_folds, 1);
	}
	assert_true(scores[6].error == 0.5625 && scores[6].raw == 0.25 && scores[6].n_folds == 2);
	assert_int_equal(scores[2].sight, AE_SIGHT_INFINITE);
	assert_true(scores[2].error == INFINITY && scores[2].raw == INFINITY);
	assert_int_equal(scores[3].sight, AE_SIGHT_UNOBSERVED);
	assert_true(isnan(scores[3].error) && isnan(scores[3].raw));
	/* outputs: the mean of gains 2 and 1 */
	fold = ae_bundle_take(&sight, &bed.scorer, &rows[0]);
	assert_int_equal(sight, AE_SIGHT_SEEN);
	ae_members_outputs(outputs, fold, 1);
	assert_true(outputs[0] == (AeReal) 1.5 && outputs[1] == (AeReal) 1.5);
	free_bed(&bed);
}

/*
 * A row's fold is that of its hash, where there are two; the other one of rows that its networks had
 * very often, and of no others.
 */
static void
test_fold(void **state)
{
	uint64_t key = ae_hash_key(ae_hash_mix(ae_hash_word(0, 7)), 5);
	AeModel models[2] = {{.options.seed = 5}, {.options.seed = 5}};
	const AePacked networks[2] = {{.model = &models[0]}, {.model = &models[1]}};
	const AeBundle one = {.n_folds = 1, .n_members = 3, .networks = networks};
	const AeBundle two = {.n_folds = 2, .n_members = 1, .networks = networks};
	uint32_t n = 0;

	(void) state;
	for (uint64_t i = 0; i < 1000; i++)
	{
		uint64_t hash = ae_hash_mix(ae_hash_word(0, i));

		assert_int_equal(ae_bundle_fold(&one, hash), 0);
		assert_int_equal(ae_bundle_fold(&two, hash), ae_hash_fold(hash));
		n += ae_bundle_fold(&two, hash);
	}
	assert_true(n > 400 && n < 600);
	for (uint32_t f = 0; f < 2; f++)
	{
		models[f].frequent = (AeFrequent){1, &key};
		for (uint64_t i = 0; i < 1000; i++)
		{
			uint64_t hash = ae_hash_mix(ae_hash_word(0, i));
			uint32_t own = ae_hash_fold(hash), other = i == 7 && own != f ? 1 - own : own;

			assert_int_equal(ae_bundle_fold(&two, hash), other);
			assert_int_equal(ae_bundle_fold(&one, hash), 0);
		}
		models[f].frequent.n = 0;
	}
}

/* A row that the filter of neither fold's networks knows is new, where there are two of both. */
static void
test_new(void **state)
{
	AeFilter filter = ae_filter_for(500);
	uint64_t words[2][200] = {{0}};
	AeModel models[2] = {{.options.seed = 5}, {.options.seed = 5}};
	const AePacked networks[2] = {{.model = &models[0]}, {.model = &models[1]}};
	const AeBundle one = {.n_folds = 1, .n_members = 2, .networks = networks};
	const AeBundle two = {.n_folds = 2, .n_members = 1, .networks = networks};
	uint32_t n_new = 0;

	(void) state;
	assert_true(filter.n_words <= 200);
	for (uint64_t i = 0; i < 1000; i++)
		assert_false(ae_bundle_is_new(&two, ae_hash_mix(i)));
	for (uint32_t f = 0; f < 2; f++)
	{
		models[f].filter = filter;
		models[f].filter.words = words[f];
		for (uint64_t i = 0; i < 1000; i++)
			if (ae_hash_fold(ae_hash_mix(i)) != f)
				ae_filter_add(&models[f].filter, ae_hash_key(ae_hash_mix(i), 5));
	}
	for (uint64_t i = 0; i < 1000; i++)
	{
		assert_false(ae_bundle_is_new(&two, ae_hash_mix(i)));
		assert_false(ae_bundle_is_new(&one, ae_hash_mix(1000 + i)));
		n_new += ae_bundle_is_new(&two, ae_hash_mix(1000 + i));
	}
	assert_true(n_new > 970);
}

/* ---- any mix of rows ---- */

typedef struct Mix
{
	Sample *samples[AE_MAX_MODELS];
	const AeModel *models[AE_MAX_MODELS];
	uint32_t n_folds, n_members;
	double values[N_ROWS][SAMPLE_COLUMNS];
	double others[N_ROWS][SAMPLE_COLUMNS];
	bool missing[N_ROWS][SAMPLE_COLUMNS];
	AeBundleRow rows[N_ROWS];
} Mix;

/*
 * Whole rows, rows with holes, with NaN and infinities, and without anything, of folds by chance, or
 * judged by both.
 */
static void
make_mix(Mix *mix, uint64_t seed, uint32_t n_folds, uint32_t n_members)
{
	mix->n_folds = n_folds;
	mix->n_members = n_members;
	for (uint32_t i = 0; i < n_folds * n_members; i++)
	{
		mix->samples[i] = sample_random(seed);
		if (seed % 3 == 0)
			sample_extremes(mix->samples[i], 0.5);
		sample_make_network(mix->samples[i], i, n_members);
		mix->models[i] = &mix->samples[i]->model;
	}
	assert_null(ae_bundle_misfit(mix->models, n_folds, n_members));
	for (int r = 0; r < N_ROWS; r++)
	{
		uint32_t fold = sample_below(mix->samples[0], n_folds);
		bool ignored[SAMPLE_COLUMNS];
		Sample *s = mix->samples[fold * n_members];

		sample_row(s, mix->values[r], mix->missing[r], r % 3 == 1);
		for (uint32_t c = 0; c < s->model.schema.n_columns; c++)
		{
			if (r % 7 == 3 && c % 3 == 0 && s->columns[c].kind == AE_KIND_NUMBER)
				mix->values[r][c] = r % 2 ? NAN : -INFINITY;
			if (r % 11 == 5)
				mix->missing[r][c] = true;
		}
		mix->rows[r] = (AeBundleRow){mix->values[r], mix->missing[r], fold, NULL};
		if (n_folds == 1 || r % 2 == 0)
			continue;
		sample_row(mix->samples[(1 - fold) * n_members], mix->others[r], ignored, false);
		if (r % 5 == 1)
			mix->others[r][0] = INFINITY;
		mix->rows[r].others = mix->others[r];
	}
}

static void
free_mix(Mix *mix)
{
	for (uint32_t i = 0; i < mix->n_folds * mix->n_members; i++)
		sample_free(mix->samples[i]);
}

/* What a fold's networks say of a row, one after the other, on the average. */
static AeScore
average_of_fold(const Mix *mix, const AeBundleRow *row, const AeKernels *kernels)
{
	AeScore score = {.n_folds = 1};

	for (uint32_t m = 0; m < mix->n_members; m++)
	{
		const AeModel *model = mix->models[row->fold * mix->n_members + m];
		AeScorer scorer;
		SampleScorer *block = sample_scorer(&scorer, model, 1, kernels);
		double error;

		if (ae_scorer_take(&scorer, 0, row->values, row->missing) >= 0)
			score.sight = AE_SIGHT_INFINITE;
		ae_scorer_errors(&error, &scorer,
						 ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1), 1);
		score.error += error / mix->n_members;
		score.raw += sample_raw_score(&scorer, 0, error) / mix->n_members;
		sample_scorer_free(block);
	}
	if (score.sight == AE_SIGHT_INFINITE)
		score.error = score.raw = INFINITY;
	return score;
}

/* The same of all that judge it. */
static AeScore
average(const Mix *mix, const AeBundleRow *row, const AeKernels *kernels)
{
	const AeBundleRow there = {row->others, row->missing, 1 - row->fold, NULL};
	AeScore score = average_of_fold(mix, row, kernels), other;

	if (row->others == NULL || score.sight != AE_SIGHT_SEEN)
		return score;
	other = average_of_fold(mix, &there, kernels);
	if (other.sight != AE_SIGHT_SEEN)
		return score;
	score.n_folds = 2;
	/* as they are summed: that of fold 0 first; a sum of two is the same either way */
	score.error = (score.error + other.error) / 2;
	score.raw = (score.raw + other.raw) / 2;
	return score;
}

static void
assert_same(const AeScore *a, const AeScore *b)
{
	assert_int_equal(a->sight, b->sight);
	assert_true(a->error == b->error || (isnan(a->error) && isnan(b->error)));
	assert_true(a->raw == b->raw || (isnan(a->raw) && isnan(b->raw)));
}

static void
check_mix(const Mix *mix, const AeKernels *kernels, int *seen)
{
	static const size_t batches[] = {1, 2, 7, 24, 64};
	AeScore alone[N_ROWS], scores[N_ROWS];
	Bed bed;

	make_bed(&bed, mix->models, mix->n_folds, mix->n_members, 1, kernels);
	for (int r = 0; r < N_ROWS; r++)
	{
		AeScore wanted = average(mix, &mix->rows[r], kernels);

		ae_bundle_score(&alone[r], &bed.scorer, &mix->rows[r], 1);
		seen[alone[r].sight]++;
		seen[3] += alone[r].sight == AE_SIGHT_SEEN && alone[r].n_folds == 2;
		if (alone[r].sight != AE_SIGHT_UNOBSERVED)
			assert_same(&alone[r], &wanted);
		else
			assert_int_equal(wanted.sight, AE_SIGHT_SEEN);
	}
	free_bed(&bed);
	for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++)
	{
		make_bed(&bed, mix->models, mix->n_folds, mix->n_members, batches[b], kernels);
		for (size_t first = 0, n; first < N_ROWS; first += n)
		{
			n = 1 + (first + b) % 13;
			n = first + n > N_ROWS ? N_ROWS - first : n;
			ae_bundle_score(scores + first, &bed.scorer, mix->rows + first, n);
		}
		for (int r = 0; r < N_ROWS; r++)
			assert_same(&scores[r], &alone[r]);
		ae_bundle_score(scores, &bed.scorer, mix->rows, N_ROWS);
		for (int r = 0; r < N_ROWS; r++)
			assert_same(&scores[r], &alone[r]);
		free_bed(&bed);
	}
}

static void
test_any_mix(void **state)
{
	static const uint32_t shapes[][2] = {{1, 1}, {2, 1}, {1, 3}, {2, 3}};
	int seen[4] = {0};

	(void) state;
	for (uint64_t seed = 1; seed <= 24; seed++)
		for (int k = 0; k < 3; k++)
		{
			const AeKernels *kernels = ae_kernels_find(kernel_names[k]);
			Mix mix;

			if (!kernels)
				continue;
			make_mix(&mix, seed, shapes[seed % 4][0], shapes[seed % 4][1]);
			check_mix(&mix, kernels, seen);
			free_mix(&mix);
		}
	assert_true(seen[AE_SIGHT_SEEN] > 100 && seen[AE_SIGHT_INFINITE] > 10 &&
				seen[AE_SIGHT_UNOBSERVED] > 10 && seen[3] > 30);
}

/* ---- packed networks are shared, rows are not ---- */

static void
test_shared(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		AeReal before[SAMPLE_INPUTS], after[SAMPLE_INPUTS];
		AeBundleScorer other;
		AeScore score;
		AeScorer *fold;
		AeSight sight;
		size_t size, n;
		void *block;
		Mix mix;
		Bed bed;

		make_mix(&mix, seed, 2, 2);
		make_bed(&bed, mix.models, 2, 2, 1, ae_kernels_best());
		assert_int_equal(ae_bundle_scorer_size(&size, &bed.bundle, 1, NULL), AE_OK);
		block = malloc(size);
		ae_bundle_scorer_init(&other, block, &bed.bundle, 1);
		fold = ae_bundle_take(&sight, &bed.scorer, &mix.rows[0]);
		n = ae_layout_outputs(&fold->model->net.layout) * sizeof(AeReal);
		ae_members_outputs(before, fold, 1);
		for (int r = 1; r < N_ROWS; r++)
			ae_bundle_score(&score, &other, &mix.rows[r], 1);
		ae_members_outputs(after, fold, 1);
		assert_memory_equal(before, after, n);
		free(block);
		free_bed(&bed);
		free_mix(&mix);
	}
}

/* ---- what members say together of a row ---- */

static void
check_together(Bed *bed, const AeBundleRow *row)
{
	double target[SAMPLE_INPUTS], sum[SAMPLE_COLUMNS] = {0}, scratch[3 * SAMPLE_COLUMNS];
	double share = 0;
	uint64_t count[SAMPLE_COLUMNS] = {0};
	AeBlame blames[SAMPLE_COLUMNS];
	AeSight sight;
	uint32_t n, n_target;
	AeScorer *fold;
	AeScore score;

	ae_bundle_add_errors(sum, count, &bed->scorer, row, scratch);
	fold = ae_bundle_explain(blames, &n, &sight, &bed->scorer, row, scratch);
	n_target = fold->model->net.n_target;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t c = blames[i].column;

		assert_int_equal(count[c], 1);
		assert_true(blames[i].n_folds < 2 || row->others != NULL);
		assert_true(fabs(blames[i].error - sum[c]) <= 1e-12 * sum[c] ||
					blames[i].error == INFINITY);
		share += blames[i].share;
	}
	assert_true(n == 0 || fabs(share - 1) < 1e-9);
	if (n_target > 0)
	{
		ae_members_predict(target, fold, 1);
		share = 0;
		for (uint32_t k = 0; k < n_target; k++)
			share += target[k];
		assert_true(n_target == 1 || fabs(share - 1) < 1e-5);
	}
	/* parts of all columns, and what is usual of those that the row lacks, add up to the raw score */
	ae_bundle_score(&score, &bed->scorer, row, 1);
	/* a single row stays where it can be asked for more */
	if (score.sight == AE_SIGHT_SEEN && score.n_folds == 1)
	{
		memset(sum, 0, sizeof sum);
		ae_members_add_errors(sum, count, &bed->scorer.fold[row->fold], scratch);
		for (uint32_t i = 0; i < n; i++)
			assert_true(blames[i].error == sum[blames[i].column]);
	}
	share = 0;
	for (uint32_t i = 0; i < n; i++)
		share += blames[i].by_error + blames[i].by_distance;
	for (uint32_t f = 0; f < bed->scorer.bundle->n_folds; f++)
	{
		const AeScorer *judge = &bed->scorer.fold[f];

		if (score.n_folds > 1 || f == row->fold)
			share += (1 - ae_scorer_known(judge, 0)) * AE_USUAL_SCORE *
					 ae_members_judge(judge, 0, false) / (score.n_folds > 1 ? score.n_folds : 1);
	}
	if (sight == AE_SIGHT_SEEN && isfinite(share) && isfinite(score.raw))
		assert_true(fabs(share - score.raw) <= 1e-4 * (1 + score.raw));
}

static void
test_together(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		Mix mix;
		Bed bed;

		make_mix(&mix, seed, 2, 1 + (uint32_t) seed % 3);
		make_bed(&bed, mix.models, 2, mix.n_members, 1, ae_kernels_best());
		for (int r = 0; r < N_ROWS; r++)
			check_together(&bed, &mix.rows[r]);
		free_bed(&bed);
		free_mix(&mix);
	}
}

/* Members that would see other cells in the same row do not fit. */
static void
test_members_read_the_same_cells(void **state)
{
	SampleMean a, b;

	(void) state;
	hand_model(&a, 1, 1);
	hand_model(&b, 2, 3);
	assert_true(ae_model_pairs(&a.model, &b.model));
	b.columns[1].shift = 0.5;
	assert_false(ae_model_pairs(&a.model, &b.model));
	hand_model(&b, 2, 3);
	b.columns[0].scale = 2;
	assert_false(ae_model_pairs(&a.model, &b.model));
	hand_model(&b, 2, 3);
	b.columns[0].unseen = 2;
	assert_false(ae_model_pairs(&a.model, &b.model));
	hand_model(&b, 2, 3);
	b.model.schema.clip = 2;
	assert_false(ae_model_pairs(&a.model, &b.model));
}

/* ---- calibration, by hand ---- */

/* Geometric means: of 1, 4, 16 and what is infinite 4; of 0 and 1e12 sqrt(1e-12 1e12) = 1. */
static void
test_norms(void **state)
{
	const AeTerms terms[] = {{1, 2, 0, 1}, {4, INFINITY, 9, 1}, {16, 8, 0, 1}, {INFINITY, 4, 0, 1}};
	const AeTerms wide[] = {{0, 0, 0, 1}, {1e12, 0, 0, 1}};
	AeModel model = {0};

	(void) state;
	ae_calibrate_norms(&model, terms, 4, true);
	assert_true(fabs(model.error_norm - 4) < 1e-12 && model.distance_norm == 1);
	model.prototypes.n = 5;
	ae_calibrate_norms(&model, terms, 4, true);
	assert_true(fabs(model.error_norm - 4) < 1e-12);
	assert_true(fabs(model.distance_norm - 3 * 4) < 1e-12);
	ae_calibrate_norms(&model, terms, 4, false);
	assert_true(model.error_norm == 1);
	ae_calibrate_norms(&model, wide, 2, true);
	assert_true(fabs(model.error_norm - 1) < 1e-9);
	ae_calibrate_norms(&model, terms, 0, true);
	assert_true(model.error_norm == 1 && model.distance_norm == 3);
}

/*
 * 3 / 2 + 8 / 4 + 1/2 = 4; of a quarter of the columns (3 / 2 + 8 / 4) / 4 + 4/3 3/4 + 1/2 = 2.375; without
 * prototypes 2.
 */
static void
test_raw_scores(void **state)
{
	const AeTerms terms[] = {
		{3, 8, 0.5, 1}, {INFINITY, 8, 0, 0.5}, {0, 0, 0, 1}, {3, 8, 0.5, 0.25}};
	AeModel model = {.error_norm = 2, .distance_norm = 4, .prototypes = {.n = 1}};
	double raw[3] = {1, 1, 1};

	(void) state;
	assert_true(ae_raw_score(&model, &terms[0]) == 4);
	assert_true(fabs(ae_raw_score(&model, &terms[3]) - 2.375) < 1e-15);
	ae_calibrate_add(raw, &model, terms, 3, 2);
	assert_true(raw[0] == 3 && raw[1] == INFINITY && raw[2] == 1);
	model.prototypes.n = 0;
	assert_true(ae_raw_score(&model, &terms[0]) == 2);
	assert_true(ae_calibrate_largest((double[]){INFINITY, INFINITY, 7, 3}, 4) == 7);
	assert_true(ae_calibrate_largest((double[]){INFINITY}, 1) == 0);
	assert_true(ae_calibrate_largest(NULL, 0) == 0);
}

/*
 * Of 100 rows: a constant that one row of the other fold has otherwise costs 100 / 2, one that none has
 * 100, a column that varies nothing.  Above a largest score of 6, with norms 1/2 and 3 and three
 * columns: 6 x 3 x 3 = 54, which is less than 100; above one of 20: 180.
 */
static void
test_unseen(void **state)
{
	AeColumn columns[3] = {{.kind = AE_KIND_NUMBER, .observed = true, .min = 1, .max = 1},
						   {.kind = AE_KIND_NUMBER, .observed = true, .varies = true, .max = 9},
						   {.kind = AE_KIND_NUMBER, .observed = true, .min = 5, .max = 5}};
	AeModel members[2] = {{.n_rows = 100, .error_norm = 0.5}, {.n_rows = 100, .error_norm = 3}};
	AeSchema *schema = &members[0].schema;
	const double same[] = {1, 2, 5}, other[] = {2, 100, 5};
	const bool none[] = {false, false, false}, first[] = {true, false, false};
	uint64_t rows[3] = {0};
	double parts[3];

	(void) state;
	schema->n_columns = 3;
	schema->n_sources = 3;
	schema->columns = columns;
	ae_unseen_begin(schema);
	ae_unseen_count(rows, schema, same, none, parts);
	ae_unseen_count(rows, schema, other, none, parts);
	ae_unseen_count(rows, schema, other, first, parts);
	assert_true(rows[0] == 1 && rows[1] == 0 && rows[2] == 0);
	ae_unseen_price(schema, 100, rows);
	assert_true(columns[0].unseen == 50 && columns[1].unseen == 0 && columns[2].unseen == 100);
	members[1].schema = *schema;
	ae_unseen_raise(members, 2, 6);
	assert_true(columns[0].unseen == 50 && columns[2].unseen == 100);
	ae_unseen_raise(members, 2, 20);
	assert_true(columns[0].unseen == 50 && columns[1].unseen == 0);
	assert_true(fabs(columns[2].unseen - 180) < 1e-3 && columns[2].unseen > 180);
	ae_unseen_raise(members, 2, 1e308);
	assert_true(columns[2].unseen < 181);
}

/* Of two rows of three units: two never move, four numbers of six are 0, their mean is 1/2. */
static void
test_codes(void **state)
{
	const AeReal codes[] = {0, 1, 0, 0, 2, 0};
	AeReal scratch[6];
	AeCodeTally tally;
	AeModel model = {0};

	(void) state;
	ae_code_tally_init(&tally, 3, scratch);
	ae_code_tally_add(&tally, codes, 1);
	ae_code_tally_add(&tally, codes + 3, 1);
	ae_code_tally_keep(&model, &tally);
	assert_int_equal(model.n_dead, 2);
	assert_true(model.code_zeros == 4.0 / 6 && model.code_mean == 0.5);
	ae_code_tally_init(&tally, 3, scratch);
	ae_code_tally_keep(&model, &tally);
	assert_true(model.code_zeros == 0 && model.code_mean == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_any_mix),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_members_read_the_same_cells),
		cmocka_unit_test(test_norms),
		cmocka_unit_test(test_raw_scores),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
