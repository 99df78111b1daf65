/*
 * Proves: bins hold the values that they were made of and give none that few rows had; rows drawn from a
 * network worked by hand have its joint distribution, whatever the order of columns, are the same for
 * the same seed and number, and keep what is given; whatever the model, what is drawn is a level; so
 * have whole rows that are decoded from draws of a code.
 */
#include "unit_data.h"

#include <math.h>

#include "ae_generate.h"
#include "sample_model.h"
#include "sample_score.h"

/* ---- bins ---- */

enum
{
	RANGES = 8,
	MAX_VALUES = 4000
};

static double numbers[RANGES * (2 + AE_RANGE_KNOTS)], values[MAX_VALUES];
static uint64_t count[RANGES * 3];

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static AeBins
fit(const double *from, size_t n, size_t least, AeGrains grains)
{
	AeBins bins = {.numbers = numbers, .count = count};
	double *sorted = malloc((n + 1) * sizeof(double));

	assert_true(ae_bins_room(RANGES) == sizeof numbers / sizeof *numbers);
	assert_true(ae_bins_count_room(RANGES) == sizeof count / sizeof *count);
	memcpy(sorted, from, n * sizeof(double));
	qsort(sorted, n, sizeof(double), ascending);
	ae_bins_fit(&bins, sorted, n, RANGES, least, grains);
	free(sorted);
	return bins;
}

/* Forty rows of 7, four of 9, and 1 to 36 once: 80 rows, of which half a range would hold five. */
static void
bins_by_hand(void **state)
{
	AeBins bins;
	size_t n = 0;

	(void) state;
	for (int i = 0; i < 39; i++)
		values[n++] = 7;
	for (int i = 0; i < 5; i++)
		values[n++] = 109;
	for (int i = 1; i <= 36; i++)
		values[n++] = i;
	bins = fit(values, n, 5, AE_GRAINS_DECIMAL);
	assert_int_equal(bins.n_points, 2);
	assert_true(bins.numbers[0] == 7 && bins.numbers[1] == 109 && bins.grain == 1);
	assert_true(bins.count[0] == 40 && bins.count[1] == 5);
	/* 35 rows in ranges of 10: three */
	assert_int_equal(bins.n_ranges, 3);
	assert_true(bins.count[2] + bins.count[3] + bins.count[4] == 35);
	assert_true(bins.numbers[2] == 1 && bins.numbers[6] == 12);
	assert_true(bins.numbers[12] == 25 && bins.numbers[16] == 36);
	assert_int_equal(ae_bins_find(&bins, 7), 0);
	assert_int_equal(ae_bins_find(&bins, 109), 1);
	assert_int_equal(ae_bins_find(&bins, -50), 2);
	assert_int_equal(ae_bins_find(&bins, 12), 2);
	assert_int_equal(ae_bins_find(&bins, 12.5), 3);
	assert_int_equal(ae_bins_find(&bins, 1e9), 4);
	assert_true(ae_bins_value(&bins, 1, 0.99) == 109);
	assert_true(ae_bins_value(&bins, 2, 0) == 1);
	/* quartiles 25, 27.75, 30.5, ...: a place of 2.4 in 30.5 .. 33.25 is 31.6 */
	assert_true(ae_bins_value(&bins, 4, 0.6) == 32);
	{
		/* the means of quartiles are those of ends, as these are evenly spread */
		const AeReal p[] = {0.5, 0, 0, 0, 0.25}, none[5] = {0};

		assert_true(fabs(ae_bins_mean(&bins, p) - (7 * 0.5 + 30.5 * 0.25) / 0.75) < 1e-6);
		assert_true(isnan(ae_bins_mean(&bins, none)));
	}
}

/* Few rows go to the nearest point; without points they have a range. */
static void
few_rows(void **state)
{
	const double most[] = {3, 3, 3, 3, 3, 3, 8, 8, 8, 8, 8, 5, 6, 100};
	const double single[] = {2, 2, 4};
	AeBins bins = fit(most, 14, 5, AE_GRAINS_DECIMAL);

	(void) state;
	assert_true(bins.n_points == 2 && bins.n_ranges == 0);
	assert_int_equal(ae_bins_find(&bins, 5), 0);
	assert_int_equal(ae_bins_find(&bins, 6), 1);
	assert_int_equal(ae_bins_find(&bins, 100), 1);
	bins = fit(single, 3, 5, AE_GRAINS_DECIMAL);
	assert_true(bins.n_points == 0 && bins.n_ranges == 1);
	assert_true(ae_bins_value(&bins, 0, 0) == 2 && ae_bins_find(&bins, 3) == 0);
	bins = fit(single, 0, 5, AE_GRAINS_DECIMAL);
	assert_int_equal(ae_bins_n(&bins), 0);
}

static double
grain_of(double a, double b, AeGrains grains)
{
	const double both[] = {a, b};

	return fit(both, 2, 1, grains).grain;
}

static void
grains(void **state)
{
	(void) state;
	assert_true(grain_of(3, 5, AE_GRAINS_DECIMAL) == 1);
	assert_true(grain_of(300, -1200, AE_GRAINS_DECIMAL) == 100);
	assert_true(grain_of(0.07, 1.1, AE_GRAINS_DECIMAL) == 0.01);
	assert_true(grain_of((double) 0.07f, (double) 1.1f, AE_GRAINS_DECIMAL) == 0.01);
	assert_true(grain_of(0.1, 1.0 / 3.0, AE_GRAINS_DECIMAL) == 0);
	assert_true(grain_of(1e300, 1.5e-300, AE_GRAINS_DECIMAL) == 0);
	assert_true(grain_of(86400 * 3, 86400 * 9000.0, AE_GRAINS_TIME) == 86400);
	assert_true(grain_of(7200, 86400, AE_GRAINS_TIME) == 3600);
	assert_true(grain_of(7200.25, 86400, AE_GRAINS_TIME) == 0.01);
}

/*
 * Whatever the numbers: each is in a bin, and every bin gives values of its own, of which whole numbers
 * are whole; no bin is of fewer rows than asked for; drawn by their counts, bins have the quantiles of
 * the numbers.
 */
static void
bins_hold_their_values(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		Sample draw = {.seed = seed};
		size_t n = 50 + sample_below(&draw, MAX_VALUES - 50);
		uint32_t shape = (uint32_t) seed % 4;
		uint64_t held[RANGES * 3] = {0}, total = 0;
		double below = 0;
		AeBins bins;

		for (size_t i = 0; i < n; i++)
		{
			double u = sample_real(&draw, -1, 1);

			values[i] = shape == 0   ? u
						: shape == 1 ? rint(20 * u)
						: shape == 2 ? rint(1e4 * u * u * u) / 100
									 : (sample_below(&draw, 2) ? 0 : exp(9 * u));
		}
		bins = fit(values, n, 5, AE_GRAINS_DECIMAL);
		for (size_t i = 0; i < n; i++)
		{
			uint32_t bin = ae_bins_find(&bins, values[i]);

			assert_true(bin < ae_bins_n(&bins));
			held[bin]++;
			below += values[i] < 0.5;
		}
		for (uint32_t b = 0; b < ae_bins_n(&bins); b++)
		{
			assert_true(bins.count[b] >= 5);
			total += bins.count[b];
			for (double at = 0; at < 1; at += 0.09)
			{
				double value = ae_bins_value(&bins, b, at);

				below -= value < 0.5 ? (double) bins.count[b] / 12 : 0;
				assert_true(shape != 1 || value == floor(value));
				assert_true(bins.grain > 0 || shape == 0 || shape == 3 || b < bins.n_points ||
							ae_bins_find(&bins, value) >= bins.n_points);
				if (b >= bins.n_points && shape == 0)
					assert_int_equal(ae_bins_find(&bins, value), b);
			}
		}
		assert_true(total <= n && total + 5 > n);
		if (shape == 0)
			for (uint32_t b = 0; b < ae_bins_n(&bins); b++)
				assert_true(held[b] == bins.count[b]);
		assert_true(fabs(below) / (double) n < 0.03);
	}
}

/* ---- a network worked by hand ---- */

/*
 * Two columns of two points each, one with NULLs: a is 0 or 1, b is 10, 20 or NULL.  The network is
 * linear from the levels that are known to logits, and has the right conditional distributions.
 */
typedef struct ByHand
{
	AeModel model;
	AeColumn columns[2];
	AeBlock blocks[2];
	uint32_t indicators[1];
	double points[2][2];
	uint64_t rows[2][2];
	AeReal params[5 * 5 + 5 + 5 * 5 + 5];
} ByHand;

static const double joint[2][3] = {{0.3, 0.05, 0.05}, {0.1, 0.2, 0.3}};

static void
set_up(ByHand *t)
{
	AeNet *net = &t->model.net;
	AeReal *w, *bias;
	double pa[2] = {0}, pb[3] = {0};

	memset(t, 0, sizeof *t);
	for (int c = 0; c < 2; c++)
	{
		t->columns[c] = (AeColumn){.kind = AE_KIND_NUMBER,
								   .scaling = AE_SCALING_BINS,
								   .observed = true,
								   .varies = true,
								   .null_level = c == 1,
								   .n_missing = (uint64_t) c,
								   .scale = 1,
								   .max = 100};
		t->columns[c].bins = (AeBins){.n_points = 2, .numbers = t->points[c], .count = t->rows[c]};
		t->points[c][0] = c * 10;
		t->points[c][1] = 1 + c * 19;
		t->rows[c][0] = t->rows[c][1] = 5;
	}
	t->model.purpose = AE_PURPOSE_GENERATE;
	t->model.schema = (AeSchema){.n_columns = 2, .columns = t->columns, .draws = true};
	t->model.params = t->params;
	ae_schema_layout(&t->model.schema);
	ae_schema_blocks(&net->layout, t->blocks, t->indicators, &t->model.schema, AE_LOSS_MSE,
					 AE_LOSS_SOFTMAX);
	net->n_layers = 2;
	net->n_encoder = 1;
	net->width[0] = net->width[1] = net->width[2] = 5;
	assert_int_equal(ae_net_check(net, NULL), AE_OK);
	for (int i = 0; i < 5; i++)
		t->params[ae_net_offset(net, 0) + 6 * i] = 1;
	w = t->params + ae_net_offset(net, 1);
	bias = t->params + ae_net_bias_offset(net, 1);
	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 3; b++)
		{
			pa[a] += joint[a][b];
			pb[b] += joint[a][b];
		}
	for (int a = 0; a < 2; a++)
		bias[a] = (AeReal) log(pa[a]);
	for (int b = 0; b < 3; b++)
		bias[2 + b] = (AeReal) log(pb[b]);
	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 3; b++)
		{
			w[(2 + b) * 5 + a] = (AeReal) log(joint[a][b] / pb[b] / pa[a]);
			w[a * 5 + 2 + b] = (AeReal) log(joint[a][b] / pa[a] / pb[b]);
		}
}

/* Rows being drawn of any model. */
typedef struct Drawing
{
	AeGenerator generator;
	AeScorer scorer;
	SampleScorer *block;
} Drawing;

static void
begin(Drawing *d, const AeModel *model, size_t batch, uint64_t seed, bool nulls)
{
	d->block = sample_scorer(&d->scorer, model, batch, ae_kernels_best());
	d->generator = (AeGenerator){.scorer = &d->scorer,
								 .seed = seed,
								 .nulls = nulls,
								 .order = malloc(batch * SAMPLE_COLUMNS * sizeof(uint32_t)),
								 .n_left = malloc(batch * sizeof(uint32_t)),
								 .number = malloc(batch * sizeof(uint64_t))};
}

static void
end(Drawing *d)
{
	free(d->generator.order);
	free(d->generator.n_left);
	free(d->generator.number);
	sample_scorer_free(d->block);
}

enum
{
	N = 40000,
	BATCH = 16
};

static int drawn[N][2];

/* N rows by hand, levels of b from 0, NULL 2; given: its level of a, or -1. */
static void
draw_by_hand(uint64_t seed, bool nulls, int given)
{
	ByHand t;
	Drawing d;

	set_up(&t);
	begin(&d, &t.model, BATCH, seed, nulls);
	for (size_t first = 0; first < N; first += BATCH)
	{
		for (size_t i = 0; i < BATCH; i++)
		{
			const double row[2] = {given, 0};
			const bool hidden[2] = {given < 0, true};

			assert_int_equal(ae_generator_take(&d.generator, i, row, hidden, hidden, first + i),
							 -1);
		}
		for (int step = given < 0 ? 2 : 1; step > 0; step--)
			assert_true(ae_generator_step(&d.generator, BATCH));
		assert_false(ae_generator_step(&d.generator, BATCH));
		for (size_t i = 0; i < BATCH; i++)
		{
			double row[2];
			bool missing[2];

			ae_generator_values(row, missing, &d.generator, i);
			assert_true(!missing[0] && (row[0] == 0 || row[0] == 1));
			assert_true(missing[1] || row[1] == 10 || row[1] == 20);
			drawn[first + i][0] = (int) row[0];
			drawn[first + i][1] = missing[1] ? 2 : row[1] == 20;
		}
	}
	end(&d);
}

static void
assert_share(double n, double of, double p)
{
	if (fabs(n / of - p) > 5 * sqrt(p * (1 - p) / of))
		fail_msg("%g of %g are not a share of %g", n, of, p);
}

static void
rows_have_the_joint_distribution(void **state)
{
	static int first[N][2];
	double n[2][3] = {{0}}, same = 0;

	(void) state;
	draw_by_hand(UINT64_C(0x8000000000000000), true, -1);
	for (int i = 0; i < N; i++)
		n[drawn[i][0]][drawn[i][1]]++;
	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 3; b++)
			assert_share(n[a][b], N, joint[a][b]);
	memcpy(first, drawn, sizeof first);
	draw_by_hand(UINT64_C(0x8000000000000000), true, -1);
	assert_memory_equal(first, drawn, sizeof first);
	draw_by_hand(7, true, -1);
	for (int i = 0; i < N; i++)
		same += first[i][0] == drawn[i][0];
	assert_share(same, N, 0.4 * 0.4 + 0.6 * 0.6); /* another seed, other rows */
}

/* b given a; without NULL, of what is left. */
static void
what_is_given_stays(void **state)
{
	double n[3] = {0};

	(void) state;
	draw_by_hand(1, true, 1);
	for (int i = 0; i < N; i++)
	{
		assert_int_equal(drawn[i][0], 1);
		n[drawn[i][1]]++;
	}
	for (int b = 0; b < 3; b++)
		assert_share(n[b], N, joint[1][b] / 0.6);
	draw_by_hand(1, false, 1);
	memset(n, 0, sizeof n);
	for (int i = 0; i < N; i++)
		n[drawn[i][1]]++;
	assert_true(n[2] == 0);
	assert_share(n[0], N, 1.0 / 3);
}

/* ---- any model ---- */

/* Row `number` drawn beside others, at place i. */
static void
draw_row(double *row, bool *missing, const AeModel *model, size_t batch, size_t i, uint64_t number)
{
	bool hidden[SAMPLE_COLUMNS];
	double nothing[SAMPLE_COLUMNS] = {0};
	Drawing d;

	memset(hidden, true, sizeof hidden);
	begin(&d, model, batch, 3, number % 2);
	for (size_t j = 0; j < batch; j++)
		ae_generator_take(&d.generator, j, nothing, hidden, hidden, number + j - i);
	while (ae_generator_step(&d.generator, batch))
		;
	ae_generator_values(row, missing, &d.generator, i);
	end(&d);
}

static void
any_model_draws_levels(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		Sample *s = sample_drawing(seed);
		double row[SAMPLE_COLUMNS], again[SAMPLE_COLUMNS];
		bool missing[SAMPLE_COLUMNS], missing_again[SAMPLE_COLUMNS];
		uint32_t n_columns = s->model.schema.n_columns;

		draw_row(row, missing, &s->model, 1, 0, seed);
		draw_row(again, missing_again, &s->model, 5, 3, seed);
		assert_memory_equal(row, again, n_columns * sizeof(double));
		assert_memory_equal(missing, missing_again, n_columns * sizeof(bool));
		for (uint32_t c = 0; c < n_columns; c++)
		{
			const AeColumn *column = &s->columns[c];
			bool category = column->kind == AE_KIND_CATEGORY;

			/* NULL is what may be, and what has nothing else */
			if (missing[c])
				assert_true((column->null_level && (seed % 2 || column->cell < 0)) ||
							!column->observed || (category && column->n_levels == 0) ||
							(!category && ae_bins_n(&column->bins) == 0));
			else if (category)
				assert_true(row[c] >= 0 && row[c] < column->n_levels && row[c] == floor(row[c]));
			else
				assert_true(row[c] >= column->min && row[c] <= column->max);
		}
		sample_free(s);
	}
}

/* ---- whole rows ---- */

/*
 * A variational network of one unit: x = 10 + 2 (0.6 z + 0.1 + 0.5 e) and y = -0.8 z + e; a boolean that is
 * true with the probability 0.8; a category whose levels have 1/2 and 1/3, and what is rare 1/6, which is
 * never drawn.  All but x and y are independent of z.
 */
typedef struct Decoded
{
	AeModel model;
	AeColumn columns[4];
	AeLevel levels[2];
	AeBlock blocks[4];
	uint32_t indicators[1];
	AeReal params[64];
} Decoded;

static void
set_up_decoded(Decoded *t)
{
	AeNet *net = &t->model.net;
	AeReal *w, *bias, *v;

	memset(t, 0, sizeof *t);
	for (int c = 0; c < 2; c++)
		t->columns[c] = (AeColumn){.kind = AE_KIND_NUMBER, .scale = 2 - c, .shift = 10 - 10 * c};
	t->columns[2] = (AeColumn){.kind = AE_KIND_BOOLEAN, .scaling = AE_SCALING_NONE, .scale = 1};
	t->columns[3] =
		(AeColumn){.kind = AE_KIND_CATEGORY, .n_levels = 2, .levels = t->levels, .other = 4};
	for (int c = 0; c < 4; c++)
	{
		t->columns[c].observed = t->columns[c].varies = true;
		t->columns[c].min = c < 2 ? -100 : 0;
		t->columns[c].max = c < 2 ? 100 : 1;
	}
	t->model.schema = (AeSchema){.n_columns = 4, .columns = t->columns};
	t->model.category_loss = AE_LOSS_SOFTMAX;
	t->model.options.distribution = AE_DISTRIBUTION_MIXED;
	t->model.params = t->params;
	ae_schema_layout(&t->model.schema);
	ae_schema_blocks(&net->layout, t->blocks, t->indicators, &t->model.schema, AE_LOSS_MSE,
					 AE_LOSS_SOFTMAX);
	net->n_layers = 2;
	net->n_encoder = 1;
	net->spread = 1;
	net->variance = t->model.options.variance = AE_VARIANCE_COLUMN;
	net->width[0] = net->width[2] = 6;
	net->width[1] = 1;
	assert_int_equal(ae_net_check(net, NULL), AE_OK);
	assert_true(ae_net_n_params(net) <= 64);
	w = t->params + ae_net_offset(net, 1);
	bias = t->params + ae_net_bias_offset(net, 1);
	v = t->params + ae_net_variance_offset(net);
	w[0] = (AeReal) 0.6;
	w[1] = (AeReal) -0.8;
	bias[0] = (AeReal) 0.1;
	bias[2] = (AeReal) log(4);
	bias[3] = (AeReal) log(3);
	bias[4] = (AeReal) log(2);
	v[0] = (AeReal) log(0.25);
}

static void
whole_rows_have_their_distribution(void **state)
{
	Decoded t;
	Drawing d;
	double x = 0, y = 0, xx = 0, yy = 0, xy = 0, yes = 0, level = 0;

	(void) state;
	set_up_decoded(&t);
	begin(&d, &t.model, BATCH, 5, false);
	d.generator.codes = malloc(BATCH * sizeof(AeReal));
	d.generator.noise = malloc(8 * sizeof(AeReal));
	for (size_t first = 0; first < N; first += BATCH)
	{
		for (size_t i = 0; i < BATCH; i++)
			d.generator.number[i] = first + i;
		ae_generator_decode(&d.generator, BATCH);
		for (size_t i = 0; i < BATCH; i++)
		{
			double row[4];
			bool missing[4];

			ae_generator_values(row, missing, &d.generator, i);
			assert_false(missing[0] || missing[1] || missing[2] || missing[3]);
			assert_true((row[2] == 0 || row[2] == 1) && (row[3] == 0 || row[3] == 1));
			row[0] = (row[0] - 10) / 2;
			x += row[0] / N;
			y += row[1] / N;
			xx += row[0] * row[0] / N;
			yy += row[1] * row[1] / N;
			xy += row[0] * row[1] / N;
			yes += row[2];
			level += row[3];
		}
	}
	/* of N = 40000 the mean of a product is off by about 1/200 */
	assert_true(fabs(x - 0.1) < 0.02 && fabs(y) < 0.025);
	assert_true(fabs(xx - x * x - (0.36 + 0.25)) < 0.025);
	assert_true(fabs(yy - y * y - (0.64 + 1)) < 0.06);
	assert_true(fabs(xy - x * y + 0.48) < 0.03);
	assert_share(yes, N, 0.8);
	assert_share(level, N, 0.4);
	free(d.generator.codes);
	free(d.generator.noise);
	end(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bins_by_hand),
		cmocka_unit_test(few_rows),
		cmocka_unit_test(grains),
		cmocka_unit_test(bins_hold_their_values),
		cmocka_unit_test(rows_have_the_joint_distribution),
		cmocka_unit_test(what_is_given_stays),
		cmocka_unit_test(any_model_draws_levels),
		cmocka_unit_test(whole_rows_have_their_distribution),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
