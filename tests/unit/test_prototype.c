/*
 * Proves: distances to prototypes are what the formula says, their parts add up, groups of rows are
 * halved as by hand, and no prototype stands for fewer rows than it may.
 */
#include "unit_data.h"

#include "ae_score.h"
#include "sample_model.h"
#include "sample_score.h"

#ifdef AE_DOUBLE
#define CLOSE 1e-12
#else
#define CLOSE 3e-6
#endif

static const char *const kernel_names[] = {"generic", "avx2", "avx512"};
#define N_KERNELS (sizeof kernel_names / sizeof kernel_names[0])

/* ---- the formula in double ---- */

/* Squares that were added up, and the part of them in front of each block. */
static double
plain_block(const AeBlock *block, const AeReal *x, const AeReal *p)
{
	double sum = 0;
	int n = 0;

	if (block->loss == AE_LOSS_SOFTMAX || block->loss == AE_LOSS_ONEHOT)
		return isnan(*x) || *x == *p ? 0 : 2 * block->weight;
	for (uint32_t j = 0; j < block->count; j++)
		if (!isnan(x[j]))
		{
			sum += ((double) x[j] - (double) p[j]) * ((double) x[j] - (double) p[j]);
			n++;
		}
	return block->grouped && n ? sum / n : sum;
}

/* D^2 of a row and one prototype; scale: what rounding is to be measured by, its longest side. */
static double
plain_square(const AeLayout *layout, const AeReal *x, const AeReal *p, double *scale)
{
	double sum = 0;
	uint32_t cell = 0, n_columns = 0;

	*scale = 0;
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool category = block->loss == AE_LOSS_SOFTMAX || block->loss == AE_LOSS_ONEHOT;
		uint32_t n_cells = category ? 1 : block->count, observed = 0;

		sum += plain_block(block, x + cell, p + cell);
		for (uint32_t j = 0; j < n_cells; j++, cell++)
		{
			observed += !isnan(x[cell]);
			if (category)
				*scale += 2 * block->weight;
			else if (!isnan(x[cell]))
				*scale += (double) x[cell] * x[cell] + (double) p[cell] * p[cell];
		}
		n_columns += block->grouped ? observed > 0 : observed;
	}
	if (n_columns == 0)
		return 0;
	*scale /= n_columns;
	return sum / n_columns;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The term, and how far rounding may take it. */
static double
plain_term(const AePrototypes *prototypes, const AeLayout *layout, const AeReal *x, double *slack)
{
	double squares[AE_MAX_PROTOTYPES], mean = 0, scale, largest = 0;
	uint32_t n_cells = ae_layout_cells(layout), n = prototypes->n < 5 ? prototypes->n : 5;

	for (uint32_t k = 0; k < prototypes->n; k++)
	{
		squares[k] = plain_square(layout, x, prototypes->cells + k * n_cells, &scale);
		largest = fmax(largest, scale);
	}
	qsort(squares, prototypes->n, sizeof(double), by_value);
	for (uint32_t i = 0; i < n; i++)
		mean += sqrt(squares[i]) / n;
	*slack = CLOSE * largest + 2 * mean * sqrt(CLOSE * largest) * (squares[0] < CLOSE * largest);
	*slack += CLOSE * mean * mean + 2 * sqrt(CLOSE * largest) * (squares[0] < CLOSE * largest);
	return mean * mean;
}

static void
draw_row(Sample *s, AeReal *cells, bool unseen)
{
	const AeLayout *layout = &s->model.net.layout;

	for (uint32_t cell = 0; cell < ae_layout_cells(layout); cell++)
	{
		cells[cell] = (AeReal) (float) sample_real(s, -3, 3);
		if (cell >= layout->n_dense)
		{
			uint32_t b = layout->n_blocks - layout->n_categories + (cell - layout->n_dense);

			cells[cell] = (AeReal) sample_below(s, layout->blocks[b].count);
			if (unseen && sample_below(s, 3) == 0)
				cells[cell] = -1;
		}
	}
}

/* ---- a distance in a block of its own ---- */

typedef struct Bed
{
	AeDistance distance;
	AeNearest nearest;
	void *block;
} Bed;

static void
make_bed(Bed *bed, const AePrototypes *prototypes, const AeLayout *layout, const AeKernels *kernels)
{
	AeArena arena = {NULL, 0, false};

	ae_distance_place(&bed->distance, &arena, prototypes, layout);
	ae_nearest_place(&bed->nearest, &arena, prototypes->n, layout);
	assert_false(arena.overflow);
	bed->block = malloc(arena.used + AE_ALIGN);
	assert_non_null(bed->block);
	memset(bed->block, 0xa5, arena.used + AE_ALIGN); /* nothing may lean on zeroes */
	arena = (AeArena){ae_arena_align(bed->block), 0, false};
	ae_distance_place(&bed->distance, &arena, prototypes, layout);
	ae_nearest_place(&bed->nearest, &arena, prototypes->n, layout);
	ae_distance_init(&bed->distance, prototypes, layout, kernels);
}

/* The term of x, and the n nearest prototypes. */
static double
nearest_of(Bed *bed, const AeReal *x, uint32_t *nearest, uint32_t *n)
{
	double term = ae_distance_term(&bed->nearest, &bed->distance, x);

	*n = bed->nearest.n;
	memcpy(nearest, bed->nearest.number, *n * sizeof(uint32_t));
	return term;
}

/* Rows of every sample: of numbers, groups, categories, unseen levels, with 1 to 16 prototypes. */
static void
test_against_formula(void **state)
{
	size_t n_grouped = 0, n_unseen = 0, n_few = 0, n_category_only = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 400; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		const AePrototypes *prototypes = &s->model.prototypes;
		AeReal x[SAMPLE_INPUTS];
		Bed bed;

		sample_prototypes(s, 1 + seed % SAMPLE_PROTOTYPES);
		make_bed(&bed, prototypes, layout, ae_kernels_best());
		for (int r = 0; r < 10; r++)
		{
			uint32_t nearest[AE_NEAREST], n;
			double wanted, slack, got;

			draw_row(s, x, r > 4);
			wanted = plain_term(prototypes, layout, x, &slack);
			got = nearest_of(&bed, x, nearest, &n);
			if (!(fabs(got - wanted) <= slack))
				fail_msg("seed %u: term %.9g, formula %.9g", (unsigned) seed, got, wanted);
			assert_int_equal(n, prototypes->n < 5 ? prototypes->n : 5);
			for (uint32_t c = layout->n_dense; c < ae_layout_cells(layout); c++)
				n_unseen += x[c] < 0;
		}
		for (uint32_t b = 0; b < layout->n_blocks; b++)
			n_grouped += layout->blocks[b].grouped && layout->blocks[b].count > 1;
		n_few += prototypes->n < 5;
		n_category_only += layout->n_dense == 0;
		free(bed.block);
		sample_free(s);
	}
	assert_true(n_grouped > 100 && n_unseen > 100 && n_few > 50 && n_category_only > 0);
}

/* The way of whole rows and that of rows with holes say the same of a row without holes. */
static void
test_fast_and_slow(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		uint32_t n_cells = ae_layout_cells(layout);
		AeReal x[SAMPLE_INPUTS];
		Bed bed;

		sample_prototypes(s, SAMPLE_PROTOTYPES);
		make_bed(&bed, &s->model.prototypes, layout, ae_kernels_best());
		for (int r = 0; r < 10; r++)
		{
			double scale;

			draw_row(s, x, r % 2);
			ae_distance_term(&bed.nearest, &bed.distance, x);
			for (uint32_t k = 0; k < SAMPLE_PROTOTYPES; k++)
			{
				double slow = 0, wanted;

				for (uint32_t b = 0; b < layout->n_blocks; b++)
					slow += ae_distance_block(&bed.distance, x, k, b);
				wanted = plain_square(layout, x, s->prototypes + k * n_cells, &scale) *
						 layout->n_columns;
				scale *= layout->n_columns;
				assert_true(fabs(slow - wanted) <= 1e-12 * scale + CLOSE * 1e-3 * scale);
				assert_true(fabs(bed.nearest.square[k] - slow) <= CLOSE * scale);
			}
		}
		free(bed.block);
		sample_free(s);
	}
}

/* Of rows with holes the mean is taken over what is there. */
static void
test_missing(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 300; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		AeReal x[SAMPLE_INPUTS];
		Bed bed;

		sample_prototypes(s, 1 + seed % SAMPLE_PROTOTYPES);
		make_bed(&bed, &s->model.prototypes, layout, ae_kernels_best());
		for (int r = 0; r < 10; r++)
		{
			double wanted, slack, got;

			draw_row(s, x, true);
			for (uint32_t c = 0; c < ae_layout_cells(layout); c++)
				if (r == 9 || sample_below(s, 3) == 0)
					x[c] = (AeReal) NAN;
			wanted = plain_term(&s->model.prototypes, layout, x, &slack);
			got = ae_distance_term(&bed.nearest, &bed.distance, x);
			assert_true(fabs(got - wanted) <= slack && got >= 0);
			assert_true(r < 9 || got == 0);
		}
		free(bed.block);
		sample_free(s);
	}
}

/* The same bits of every instruction set, of raw scores too, alone or in a batch. */
static void
test_same_bits(void **state)
{
	enum
	{
		ROWS = 23
	};

	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		uint32_t n_cells = ae_layout_cells(layout);
		AeReal x[ROWS * SAMPLE_INPUTS];
		double wanted[2 * ROWS], got[2 * ROWS], parts[2][SAMPLE_COLUMNS];
		size_t n_variants = 0;

		sample_prototypes(s, 1 + seed % SAMPLE_PROTOTYPES);
		for (size_t r = 0; r < ROWS; r++)
		{
			draw_row(s, x + r * n_cells, r % 2);
			if (r % 3 == 2)
				x[r * n_cells + r % n_cells] = (AeReal) NAN;
			if (r % 7 == 6 && layout->n_dense > 0)
				x[r * n_cells] = (AeReal) AE_SCALED_MAX;
		}
		for (size_t k = 0; k < 2 * N_KERNELS; k++)
		{
			const AeKernels *kernels = ae_kernels_find(kernel_names[k / 2]);
			size_t batch = k % 2 ? ROWS : 1;
			AeScorer scorer;
			SampleScorer *block;

			if (!kernels)
				continue;
			block = sample_scorer(&scorer, &s->model, batch, kernels);
			for (size_t r = 0; r < ROWS; r += batch)
			{
				memcpy(scorer.cells, x + r * n_cells, batch * n_cells * sizeof(AeReal));
				ae_scorer_errors(got + r, &scorer,
								 ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, batch), batch),
								 batch);
				for (size_t i = r; i < r + batch; i++)
					got[ROWS + i] = sample_raw_score(&scorer, i - r, got[i]);
				if (r == 0)
					ae_scorer_column_distances(parts[n_variants > 0], &scorer);
			}
			sample_scorer_free(block);
			if (n_variants++ == 0)
				memcpy(wanted, got, sizeof got);
			else
				assert_memory_equal(parts[1], parts[0], s->model.schema.n_columns * sizeof(double));
			assert_memory_equal(got, wanted, sizeof got);
		}
		assert_true(n_variants >= 2);
		sample_free(s);
	}
}

/*
 * raw = error / its norm + term / its norm, by the share of the columns that are known, and the usual
 * score by the rest; parts of columns add up to the term.
 */
static void
test_raw_score(void **state)
{
	int n_gappy = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 300; seed++)
	{
		Sample *s = sample_random(seed);
		const AeModel *model = &s->model;
		uint32_t n_columns = model->schema.n_columns;
		double parts[SAMPLE_COLUMNS], errors[SAMPLE_COLUMNS], sum = 0, of_errors = 0, error, term;
		double extreme, known, usual;
		AeScorer scorer;
		AeReal *outputs;
		SampleScorer *block;

		sample_prototypes(s, seed % 12);
		block = sample_scorer(&scorer, model, 1, ae_kernels_best());
		draw_row(s, scorer.cells, true);
		for (uint32_t c = 0; seed % 2 && c < ae_layout_cells(&model->net.layout); c++)
			if (sample_below(s, 4) == 0)
				scorer.cells[c] = (AeReal) NAN;
		outputs = ae_scorer_decode(&scorer, ae_scorer_encode(&scorer, 1), 1);
		ae_scorer_errors(&error, &scorer, outputs, 1);
		ae_scorer_column_errors(errors, &scorer, outputs);
		ae_scorer_column_distances(parts, &scorer);
		term = ae_distance_term(&scorer.nearest, &scorer.network->distance, scorer.cells);
		for (uint32_t c = 0; c < n_columns; c++)
		{
			assert_true(parts[c] >= 0);
			assert_true(parts[c] == 0 || !isnan(errors[c])); /* a part has its row in explain */
			sum += parts[c];
			of_errors += isnan(errors[c]) ? 0 : errors[c];
		}
		/* the parts are taken cell by cell, the term by a matrix product */
		assert_true(fabs(sum - term) <= 40 * CLOSE * (1 + term));
		assert_true(model->prototypes.n > 0 || (term == 0 && sum == 0));
		extreme = ae_extremes_term(NULL, &model->extremes, &model->schema, scorer.cells);
		assert_true(model->extremes.weight > 0 || extreme == 0);
		usual =
			error / model->error_norm + (model->prototypes.n > 0 ? term / model->distance_norm : 0);
		known = ae_scorer_known(&scorer, 0);
		assert_true(model->prototypes.n > 0 || known == 1);
		n_gappy += known < 1;
		if (known < 1)
			usual = known * usual + (1 - known) * AE_USUAL_SCORE;
		assert_true(sample_raw_score(&scorer, 0, error) == usual + extreme);
		assert_true(sample_raw_score(&scorer, 0, INFINITY) == INFINITY);
		sample_scorer_free(block);
		sample_free(s);
	}
	assert_true(n_gappy > 50);
}

/* ---- by hand ---- */

/* A number, a pair that is one column, a category of three levels: weight 1.5. */
static const AeBlock hand_blocks[] = {
	{.first = 0, .count = 1, .loss = AE_LOSS_MSE},
	{.first = 1, .count = 2, .loss = AE_LOSS_MSE, .grouped = true},
	{.first = 3, .count = 3, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 1.5}};
static const AeLayout hand_layout = {.n_dense = 3,
									 .n_categories = 1,
									 .n_levels = 3,
									 .n_columns = 3,
									 .n_blocks = 3,
									 .blocks = hand_blocks};

static void
test_by_hand(void **state)
{
	AeReal cells[] = {1, 0, 0, 2, 0, 4, 2, 0};
	const AePrototypes prototypes = {2, cells};
	const AeReal whole[] = {3, 4, 2, 2}, unseen[] = {3, 4, 2, -1}, hole[] = {3, (AeReal) NAN, 2, 0};
	const AeReal little[] = {(AeReal) NAN, (AeReal) NAN, (AeReal) NAN, 1};
	uint32_t nearest[AE_NEAREST], n;
	double a, b;
	Bed bed;

	(void) state;
	make_bed(&bed, &prototypes, &hand_layout, ae_kernels_best());
	/* 4 + (16 + 4) / 2 + 0, and 9 + 0 + 3, over 3 columns */
	a = sqrt(14 / 3.0);
	b = sqrt(12 / 3.0);
	assert_true(fabs(nearest_of(&bed, whole, nearest, &n) - (a + b) * (a + b) / 4) < 1e-5);
	assert_true(n == 2 && nearest[0] == 1 && nearest[1] == 0);
	/* a level that none has differs from all: 4 + 10 + 3, and 9 + 3 */
	a = sqrt(17 / 3.0);
	assert_true(
		fabs(ae_distance_term(&bed.nearest, &bed.distance, unseen) - (a + b) * (a + b) / 4) < 1e-5);
	/* of the pair one is missing: 4 + 4 + 3, and 9 + 0 + 0 */
	a = sqrt(11 / 3.0);
	b = sqrt(9 / 3.0);
	assert_true(fabs(nearest_of(&bed, hole, nearest, &n) - (a + b) * (a + b) / 4) < 1e-12);
	assert_true(n == 2 && nearest[0] == 1);
	/* the level alone is there: 3 over 1 column, of both; the first comes first */
	assert_true(fabs(nearest_of(&bed, little, nearest, &n) - 3) < 1e-12);
	assert_true(n == 2 && nearest[0] == 0 && nearest[1] == 1);
	assert_true(ae_distance_block(&bed.distance, whole, 0, 0) == 4);
	assert_true(ae_distance_block(&bed.distance, whole, 0, 1) == 10);
	assert_true(ae_distance_block(&bed.distance, whole, 0, 2) == 0);
	assert_true(ae_distance_block(&bed.distance, unseen, 0, 2) == 3);
	assert_true(ae_distance_block(&bed.distance, hole, 0, 1) == 4);
	assert_true(ae_distance_block(&bed.distance, little, 0, 1) == 0);
	assert_true(ae_distance_cell(&bed.distance, whole, 1, 0) == 9);
	assert_true(ae_distance_cell(&bed.distance, hole, 1, 1) == 0);
	free(bed.block);
}

/* Numbers on a line, each a column of its own. */
static AeBlock line_block = {.first = 0, .count = 1, .loss = AE_LOSS_MSE};
static const AeLayout line = {.n_dense = 1, .n_columns = 1, .n_blocks = 1, .blocks = &line_block};

/* The nearest five, the first of equal ones first; many prototypes; none. */
static void
test_nearest(void **state)
{
	AeReal cells[AE_MAX_PROTOTYPES], x;
	AePrototypes prototypes = {8, cells};
	const AeReal eight[] = {5, -1, 1, -1, 3, 1, 0.5, -7};
	const uint32_t wanted[] = {6, 1, 2, 3, 5};
	uint32_t nearest[AE_NEAREST], n;
	Bed bed;

	(void) state;
	memcpy(cells, eight, sizeof eight);
	x = 0;
	make_bed(&bed, &prototypes, &line, ae_kernels_best());
	assert_true(fabs(nearest_of(&bed, &x, nearest, &n) - 0.81) < 1e-6);
	assert_int_equal(n, 5);
	assert_memory_equal(nearest, wanted, sizeof wanted);
	free(bed.block);
	/* all the same */
	for (uint32_t k = 0; k < AE_MAX_PROTOTYPES; k++)
		cells[k] = 2;
	prototypes.n = AE_MAX_PROTOTYPES;
	make_bed(&bed, &prototypes, &line, ae_kernels_best());
	assert_true(nearest_of(&bed, &x, nearest, &n) == 4);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(nearest[i], i);
	free(bed.block);
	/* the farthest first, the nearest last */
	for (uint32_t k = 0; k < AE_MAX_PROTOTYPES; k++)
		cells[k] = (AeReal) (AE_MAX_PROTOTYPES - k);
	make_bed(&bed, &prototypes, &line, ae_kernels_best());
	assert_true(nearest_of(&bed, &x, nearest, &n) == 9);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(nearest[i], AE_MAX_PROTOTYPES - 1 - i);
	free(bed.block);
	prototypes.n = 0;
	make_bed(&bed, &prototypes, &line, ae_kernels_best());
	assert_true(nearest_of(&bed, &x, nearest, &n) == 0 && n == 0);
	free(bed.block);
}

/* A row that is a prototype is at no distance, however large its numbers; far ones are far. */
static void
test_far(void **state)
{
	static const double sizes[] = {1, 1e3, 1e6, 1e9, 1e12, AE_SCALED_MAX};
	AeReal cells[2 * 40], x[40];
	AeBlock block = {.first = 0, .count = 40, .loss = AE_LOSS_MSE};
	const AeLayout layout = {.n_dense = 40, .n_columns = 40, .n_blocks = 1, .blocks = &block};
	AePrototypes prototypes = {1, cells};

	(void) state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (int own = 0; own < 2; own++)
		{
			double term, wanted, slack;
			Bed bed;

			for (int j = 0; j < 40; j++)
			{
				x[j] = (AeReal) (sizes[i] * cos(j));
				cells[j] = own ? x[j] : (AeReal) cos(2 * j);
			}
			make_bed(&bed, &prototypes, &layout, ae_kernels_best());
			term = ae_distance_term(&bed.nearest, &bed.distance, x);
			assert_true(isfinite(term) && term >= 0);
			wanted = plain_term(&prototypes, &layout, x, &slack);
			assert_true(own ? term <= CLOSE * sizes[i] * sizes[i]
							: fabs(term - wanted) <= CLOSE * wanted + slack);
			assert_true(own || sizes[i] < 2 || term > sizes[i] * sizes[i] / 10);
			/* a hole: cell by cell, and exact */
			x[7] = (AeReal) NAN;
			term = ae_distance_term(&bed.nearest, &bed.distance, x);
			assert_true(own ? term == 0 : isfinite(term) && term > 0);
			free(bed.block);
		}
}

/* Every number that bytes may hold, in row and prototype: no NaN, nothing negative. */
static void
test_wild(void **state)
{
	static const float wild[] = {0, 1, -1, 3.4e38f, -3.4e38f, 1e-45f, -1e-45f, 1.8e19f, -1.9e19f};
	AeReal cells[3 * 2], x[2];
	AeBlock block = {.first = 0, .count = 2, .loss = AE_LOSS_MSE};
	const AeLayout layout = {.n_dense = 2, .n_columns = 2, .n_blocks = 1, .blocks = &block};
	const AePrototypes prototypes = {3, cells};
	const size_t n = sizeof wild / sizeof wild[0];

	(void) state;
	for (size_t i = 0; i < n * n * n * n; i++)
	{
		double term;
		Bed bed;

		x[0] = (AeReal) fmin(fmax(wild[i % n], -AE_SCALED_MAX), AE_SCALED_MAX);
		x[1] = (AeReal) fmin(fmax(wild[i / n % n], -AE_SCALED_MAX), AE_SCALED_MAX);
		for (size_t j = 0; j < 6; j++)
			cells[j] = (AeReal) (j % 2 ? wild[(i / n / n + j) % n] : wild[i / n / n / n % n]);
		make_bed(&bed, &prototypes, &layout, ae_kernels_best());
		term = ae_distance_term(&bed.nearest, &bed.distance, x);
		assert_true(term >= 0);
		free(bed.block);
	}
}

/* What is infinitely far off is so in the column that makes it so, and in no other. */
static void
test_overflow(void **state)
{
#ifdef AE_DOUBLE
	const AeReal big = 1e200;
#else
	const AeReal big = 3e38f;
#endif

	(void) state;
	for (uint64_t seed = 1; seed <= 50; seed++)
	{
		Sample *s = sample_build(seed, 5, 2, 4, 0, 0);
		const AeSchema *schema = &s->model.schema;
		double parts[SAMPLE_COLUMNS];
		AeScorer scorer;
		SampleScorer *block;

		sample_prototypes(s, 1);
		for (uint32_t c = 0; c < schema->n_dense; c++)
			s->prototypes[c] = 1;
		s->prototypes[0] = big;
		block = sample_scorer(&scorer, &s->model, 1, ae_kernels_best());
		for (uint32_t c = 0; c < schema->n_dense; c++)
			scorer.cells[c] = 1;
		assert_true(ae_distance_term(&scorer.nearest, &scorer.network->distance, scorer.cells) ==
					INFINITY);
		assert_true(sample_raw_score(&scorer, 0, 1) == INFINITY);
		ae_scorer_column_distances(parts, &scorer);
		for (uint32_t c = 0; c < schema->n_columns; c++)
			assert_true(parts[c] == (schema->columns[c].cell == 0 ? INFINITY : 0));
		sample_scorer_free(block);
		sample_free(s);
	}
}

/* ---- groups ---- */

typedef struct Grouping
{
	AeGroups groups;
	void *block;
} Grouping;

static const AePrototypes *
group(Grouping *g, uint32_t n, const AeReal *rows, size_t n_rows, const AeLayout *layout)
{
	AeError error;
	size_t bytes;

	assert_int_equal(ae_groups_size(&bytes, n, n_rows, layout, &error), AE_OK);
	g->block = malloc(bytes);
	memset(g->block, 0x5a, bytes);
	ae_groups_init(&g->groups, g->block, n, rows, n_rows, layout);
	while (ae_groups_step(&g->groups))
		;
	return &g->groups.prototypes;
}

/* 0 .. 19, in any order, are four times five. */
static void
test_groups_by_hand(void **state)
{
	AeReal rows[20], sorted[4];
	const AePrototypes *p;
	Grouping g;

	(void) state;
	for (int i = 0; i < 20; i++)
		rows[i] = (AeReal) (i * 7 % 20);
	p = group(&g, 4, rows, 20, &line);
	assert_int_equal(p->n, 4);
	for (int k = 0; k < 4; k++)
		sorted[k] = p->cells[k];
	assert_true(sorted[0] == 2 && sorted[1] == 7 && sorted[2] == 12 && sorted[3] == 17);
	free(g.block);
	p = group(&g, 1, rows, 20, &line);
	assert_true(p->n == 1 && p->cells[0] == 9.5f);
	free(g.block);
	/* nine are too few to be halved, and ten are not */
	assert_int_equal(AE_MIN_GROUP, 5);
	p = group(&g, 256, rows, 9, &line);
	assert_int_equal(p->n, 1);
	free(g.block);
	p = group(&g, 256, rows, 10, &line);
	assert_int_equal(p->n, 2);
	free(g.block);
	/* no more than asked for, where halves would be more */
	p = group(&g, 3, rows, 20, &line);
	assert_int_equal(p->n, 2); /* 6 rows at least each */
	free(g.block);
	/* equal rows are one group */
	for (int i = 0; i < 20; i++)
		rows[i] = i < 10 ? 3 : 8;
	p = group(&g, 4, rows, 20, &line);
	assert_true(p->n == 2 && p->cells[0] == 3 && p->cells[1] == 8);
	free(g.block);
}

/*
 * Missing cells do not count in means, and a prototype keeps no value that fewer rows
 * than AE_MIN_GROUP have, and no level that they share.
 */
static void
test_rare_cells(void **state)
{
	const AeReal none = (AeReal) NAN;
	const AeReal rows[] = {1, 7, none, 1, 2, 7, 9, 1, 3, 7, 9,    1,
						   4, 7, 9,    1, 5, 7, 9, 1, 6, 7, none, -1};
	const AePrototypes *p;
	Grouping g;

	(void) state;
	p = group(&g, 9, rows, 6, &hand_layout); /* 1 .. 6; 7; 9 four times; level 1 five times */
	assert_true(p->n == 1 && p->cells[0] == 3.5f && p->cells[1] == 7 && p->cells[2] == 0);
	assert_true(p->cells[3] == 1);
	free(g.block);
	p = group(&g, 9, rows + 4, 5, &hand_layout); /* without the first: four of a level */
	assert_true(p->n == 1 && p->cells[0] == 4 && p->cells[3] == 0);
	free(g.block);
}

/* A category parts rows as a number does. */
static void
test_groups_of_levels(void **state)
{
	AeReal rows[20 * 4];
	const AePrototypes *p;
	Grouping g;

	(void) state;
	for (int i = 0; i < 20; i++)
		for (int j = 0; j < 4; j++)
			rows[4 * i + j] = (AeReal) (j == 3 ? i % 2 : 0.5);
	p = group(&g, 2, rows, 20, &hand_layout);
	assert_true(p->n == 2 && p->cells[3] == 0 && p->cells[7] == 1 && p->cells[4] == 0.5f);
	free(g.block);
}

#define GROUP_ROWS 200

/* Of models of every kind: as many as may be, each what a row could be. */
static void
test_groups_of_samples(void **state)
{
	static AeReal rows[GROUP_ROWS * SAMPLE_INPUTS];

	(void) state;
	for (uint64_t seed = 1; seed <= 100; seed++)
	{
		Sample *s = sample_random(seed);
		const AeLayout *layout = &s->model.net.layout;
		uint32_t n_cells = ae_layout_cells(layout), n = 1 + seed % 50;
		const AePrototypes *p;
		Grouping g;
		AeError error;
		size_t bytes;

		for (size_t r = 0; r < GROUP_ROWS; r++)
		{
			draw_row(s, rows + r * n_cells, r % 2);
			if (r % 5 == 0)
				rows[r * n_cells + r % n_cells] = (AeReal) NAN;
		}
		p = group(&g, n, rows, GROUP_ROWS, layout);
		assert_true(p->n >= 1 && p->n <= n);
		/* numbers that differ are halved as long as may be: a half is at most 2 * least rows */
		assert_true(layout->n_dense == 0 || 4 * p->n >= (n < 40 ? n : 40));
		s->model.prototypes = *p;
		assert_int_equal(ae_model_written_size(&bytes, &s->model, &error, NULL), AE_OK);
		free(g.block);
		sample_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_formula),
		cmocka_unit_test(test_fast_and_slow),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_raw_score),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_wild),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_groups_by_hand),
		cmocka_unit_test(test_rare_cells),
		cmocka_unit_test(test_groups_of_levels),
		cmocka_unit_test(test_groups_of_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
