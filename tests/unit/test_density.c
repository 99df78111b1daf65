/*
 * Proves: log densities of rows and of codes against an independent reference, their tails included,
 * and worked by hand; what is missing or constant has no part; and that a joint density differs from
 * the loss and the penalty by constants alone.
 */
#include "unit_data.h"

#include "ae_density.h"
#include "sample_model.h"
#include "sample_score.h"

#include "../golden/densities.h"

#ifdef AE_DOUBLE
#define TOLERANCE 1e-13
#else
#define TOLERANCE 2e-7 /* cross-entropies are computed in float */
#endif

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void
assert_near(double value, double wanted, double tolerance)
{
	if (!(fabs(value - wanted) <= tolerance * fmax(1, fabs(wanted))))
		fail_msg("%.17g is not %.17g", value, wanted);
}

/* log p of one block of cells. */
static double
log_p(const AeReal *outputs, const AeReal *cells, const AeBlock *block, AeReal v)
{
	bool category = ae_loss_is_category(block->loss);
	AeLayout layout = {.n_dense = category ? 0 : block->count,
					   .n_categories = category,
					   .n_levels = category ? block->count : 0,
					   .n_columns = 1,
					   .n_blocks = 1,
					   .blocks = block};
	AeLikelihood likelihood;
	AeReal scratch[16];
	char room[512];
	AeArena arena = {.base = ae_arena_align(room)};

	ae_likelihood_place(&likelihood, &arena, &layout);
	assert_true(arena.used < sizeof room - AE_ALIGN);
	ae_likelihood_init(&likelihood, &layout);
	ae_likelihood_set(&likelihood, &v, AE_VARIANCE_SHARED);
	return -ae_likelihood_cost(NULL, NULL, outputs, cells, 0, &likelihood, ae_kernels_best(),
							   scratch);
}

static void
densities_are_golden(void **state)
{
	const AeBlock normal = {.count = 1, .loss = AE_LOSS_MSE};
	const AeBlock bernoulli = {.count = 1, .loss = AE_LOSS_BCE};
	/* the weight of a loss is none of a likelihood's */
	const AeBlock categorical = {.count = 3, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 7};

	(void) state;
	for (size_t i = 0; i < COUNT(golden_normal); i++)
	{
		AeReal x = (AeReal) golden_normal[i].x, r = (AeReal) golden_normal[i].mean;

		assert_near(log_p(&r, &x, &normal, (AeReal) golden_normal[i].v), golden_normal[i].log_p,
					1e-13);
	}
	for (size_t i = 0; i < COUNT(golden_bernoulli); i++)
	{
		AeReal x = (AeReal) golden_bernoulli[i].x, z = (AeReal) golden_bernoulli[i].z;

		assert_near(log_p(&z, &x, &bernoulli, 0), golden_bernoulli[i].log_p, TOLERANCE);
	}
	for (size_t i = 0; i < COUNT(golden_categorical); i++)
	{
		AeReal level = (AeReal) golden_categorical[i].level, z[3];

		for (int k = 0; k < 3; k++)
			z[k] = (AeReal) golden_categorical[i].z[k];
		assert_near(log_p(z, &level, &categorical, 0), golden_categorical[i].log_p, TOLERANCE);
	}
	for (size_t i = 0; i < COUNT(golden_log_gamma); i++)
		assert_near(ae_log_gamma(golden_log_gamma[i].x), golden_log_gamma[i].value, 2e-14);
}

/* A model of two columns whose code is h = gain (x_0 + x_1) / 2 and whose outputs are h and h. */
static AeScorer
hand_scorer(SampleMean *hand, SampleScorer **room, AeReal gain)
{
	const AeReal params[] = {gain / 2, gain / 2, 0, 1, 1, 0, 0};
	AeScorer scorer;

	memcpy(hand->params, params, sizeof params);
	hand->model.options.distribution = AE_DISTRIBUTION_GAUSSIAN;
	*room = sample_scorer(&scorer, &hand->model, 1, ae_kernels_best());
	return scorer;
}

/*
 * x = (3, 1), gain 1/2: h = 1 and outputs (1, 1), so that log p(x | h) = -(2^2 + 0) / 2 - log 2 pi.
 * A cell that is missing enters as 0, and costs nothing: of (3, NULL) h = 3/4, and log p =
 * -(9/4)^2 / 2 - log(2 pi) / 2.
 */
static void
rows_by_hand(void **state)
{
	static const double values[] = {3, 1};
	static const bool none[] = {false, false}, one[] = {false, true};
	const double log_two_pi = log(2 * acos(-1));
	SampleScorer *room;
	SampleMean hand;
	AeScorer scorer;
	uint32_t column;

	(void) state;
	sample_mean(&hand, 1);
	scorer = hand_scorer(&hand, &room, (AeReal) 0.5);
	ae_scorer_take(&scorer, 0, values, none);
	assert_near(ae_density_given_code(&scorer), -2 - log_two_pi, 1e-15);
	ae_scorer_take(&scorer, 0, values, one);
	scorer.as_is = true;
	assert_near(ae_density_given_code(&scorer), -81.0 / 32 - log_two_pi / 2, 1e-15);
	/* completed eight times, each a quarter as far from what its gap is at rest with */
	ae_scorer_take(&scorer, 0, values, one);
	scorer.as_is = false;
	assert_near(ae_density_given_code(&scorer), -pow(2 + ldexp(1, -18), 2) / 2 - log_two_pi / 2,
				1e-7);
	assert_true(isnan(ae_density_joint(&scorer))); /* no penalty, no prior */
	/* own units: a scale of 4 makes a density a quarter as high, wherever the value is known */
	hand.columns[0].scale = 4;
	hand.columns[1].scaling = AE_SCALING_LOG;
	assert_near(ae_density_units(&column, &hand.model, values, none), -log(4) - log(2), 1e-15);
	assert_near(ae_density_units(&column, &hand.model, values, one), -log(4), 1e-15);
	hand.columns[1].kind = AE_KIND_TIME;
	hand.columns[1].parts = AE_PART_HOUR;
	assert_true(isnan(ae_density_units(&column, &hand.model, values, none)) && column == 1);
	sample_scorer_free(room);
}

/* Knots 0, 1, 3, 3, ..., 3, 5: two slopes, those of the tails, and none where equal values are. */
static void
ranks_have_densities(void **state)
{
	static const bool none[] = {false, false};
	static const struct
	{
		double value, slope;
	} cases[] = {{0.5, 0.1}, {1.5, 0.05}, {4, 0.05}, {-7, 0.5}, {9, 0.5}, {3, NAN}};
	double knots[AE_KNOTS];
	SampleMean hand;

	(void) state;
	sample_mean(&hand, 1);
	for (int k = 0; k < AE_KNOTS; k++)
		knots[k] = k < 2 ? k : 3;
	knots[AE_KNOTS - 1] = 5;
	hand.columns[0].scaling = AE_SCALING_QUANTILE;
	hand.columns[0].knots = knots;
	hand.columns[0].scale = 2;
	for (size_t i = 0; i < COUNT(cases); i++)
	{
		const double values[] = {cases[i].value, 0};
		uint32_t column = 9;
		double units = ae_density_units(&column, &hand.model, values, none);

		if (isnan(cases[i].slope))
			assert_true(isnan(units) && column == 0);
		else
			assert_near(units, log(cases[i].slope), 1e-14);
	}
}

/* Priors of a code of one unit, which is h = x_0 of a row (x_0, x_0), against the reference. */
static void
priors_are_golden(void **state)
{
	static const bool none[] = {false, false};

	(void) state;
	for (size_t i = 0; i < COUNT(golden_laplace) + COUNT(golden_student_t); i++)
	{
		bool laplace = i < COUNT(golden_laplace);
		size_t k = laplace ? i : i - COUNT(golden_laplace);
		double h = laplace ? golden_laplace[k].h : golden_student_t[k].h;
		double lambda = laplace ? golden_laplace[k].rate : golden_student_t[k].power;
		SampleScorer *room;
		SampleMean hand;
		AeScorer scorer;

		sample_mean(&hand, 1);
		hand.model.options.sparse = laplace ? AE_PENALTY_L1 : AE_PENALTY_STUDENT_T;
		hand.model.options.sparse_weight = lambda / 2; /* of two columns */
		scorer = hand_scorer(&hand, &room, 1);
		ae_scorer_take(&scorer, 0, (const double[]){h, h}, none);
		assert_near(ae_density_joint(&scorer) - ae_density_given_code(&scorer),
					laplace ? golden_laplace[k].log_p : golden_student_t[k].log_p, 1e-12);
		/* half a power has no density; nor have penalties of other layers */
		hand.model.options.sparse_weight = 0.25;
		assert_true(isnan(ae_density_joint(&scorer)) == !laplace);
		hand.model.options.sparse_hidden = true;
		assert_true(isnan(ae_density_joint(&scorer)));
		sample_scorer_free(room);
	}
}

/*
 * log p(h, x) = -C (loss + penalty) + a constant, the same for every row: with the loss and the
 * penalty as the trainer takes them.
 */
static void
joint_is_the_objective(void **state)
{
	static const bool none[] = {false, false};
	double first = NAN;

	(void) state;
	for (int kind = AE_PENALTY_L1; kind <= AE_PENALTY_STUDENT_T; kind++)
		for (int i = 0; i < 20; i++)
		{
			double values[] = {sin(i) * 3, cos(2 * i) + 1}, loss, penalty, difference;
			SampleScorer *room;
			SampleMean hand;
			AeScorer scorer;
			AeReal code;

			sample_mean(&hand, 1);
			hand.model.options.sparse = (AePenalty) kind;
			hand.model.options.sparse_weight = 0.75;
			scorer = hand_scorer(&hand, &room, (AeReal) 0.8);
			ae_scorer_take(&scorer, 0, values, none);
			code = *ae_scorer_encode(&scorer, 1);
			ae_scorer_errors(&loss, &scorer, ae_scorer_decode(&scorer, &code, 1), 1);
			penalty =
				ae_penalty_value(&code, 1, 1, &(AePenaltyTerm){(AePenalty) kind, 0.75, 0}, NULL);
			/* two columns of variance 1: half the squared error each */
			difference = ae_density_joint(&scorer) + 2 * (loss / 2 + penalty);
			if (i == 0)
				first = difference;
			assert_near(difference, first, TOLERANCE * 10);
			sample_scorer_free(room);
		}
}

/* ---- draws ---- */

/*
 * Three columns, a code of two, x = z W + noise of variance s2, with rows of W at right angles, as
 * principal components have them.  Then log p(x) = log Normal(0, W^T W + s2 I), and the posterior of z
 * has no correlations: mean w_j x / (s2 + |w_j|^2), variance s2 / (s2 + |w_j|^2).  Source: Tipping,
 * Bishop, J. R. Stat. Soc. B 61, 1999, eq. 6 to 8.
 */
typedef struct Linear
{
	AeModel model;
	AeColumn columns[3];
	AeBlock blocks[3];
	uint32_t indicators[3];
	AeReal params[32];
	double w[2][3], length[2], s2;
} Linear;

/* off: what is added to means and log variances of the posterior. */
static void
linear_model(Linear *t, double off)
{
	static const double w[2][3] = {{0.9, 0.9, 0}, {0.4, -0.4, 0.4}};
	AeNet *net = &t->model.net;
	AeReal *at;

	memset(t, 0, sizeof *t);
	memcpy(t->w, w, sizeof w);
	t->s2 = exp(-1.5);
	for (int c = 0; c < 3; c++)
		t->columns[c] =
			(AeColumn){.kind = AE_KIND_NUMBER, .varies = true, .scale = 1, .min = -9, .max = 9};
	t->model.schema.n_columns = 3;
	t->model.schema.columns = t->columns;
	t->model.params = t->params;
	t->model.options.distribution = AE_DISTRIBUTION_GAUSSIAN;
	ae_schema_layout(&t->model.schema);
	ae_schema_blocks(&net->layout, t->blocks, t->indicators, &t->model.schema, AE_LOSS_MSE,
					 AE_LOSS_SOFTMAX);
	net->n_layers = 2;
	net->n_encoder = 1;
	net->spread = 1;
	net->variance = AE_VARIANCE_SHARED;
	net->width[0] = net->width[2] = 3;
	net->width[1] = 2;
	assert_int_equal(ae_net_check(net, NULL), AE_OK);
	assert_true(ae_net_n_params(net) <= 32);
	for (int j = 0; j < 2; j++)
	{
		double total = t->s2;

		for (int c = 0; c < 3; c++)
			t->length[j] += w[j][c] * w[j][c];
		total += t->length[j];
		for (int c = 0; c < 3; c++)
			t->params[2 * c + j] = (AeReal) (w[j][c] / total);
		t->params[6 + j] = (AeReal) off;
		at = t->params + ae_net_spread_offset(net) + ae_net_n_spread(net);
		at[j] = (AeReal) (log(t->s2 / total) + off);
		for (int c = 0; c < 3; c++)
			t->params[ae_net_offset(net, 1) + (size_t) (3 * j + c)] = (AeReal) w[j][c];
	}
	t->params[ae_net_variance_offset(net)] = (AeReal) log(t->s2);
}

/* log p(x), by the eigenvalues of its covariance. */
static double
linear_exact(const Linear *t, const double *x)
{
	double square = 0, log_det = log(t->s2);

	for (int c = 0; c < 3; c++)
		square += x[c] * x[c] / t->s2;
	for (int j = 0; j < 2; j++)
	{
		double total = t->s2 + t->length[j], along = 0;

		for (int c = 0; c < 3; c++)
			along += t->w[j][c] * x[c];
		log_det += log(total);
		square -= along * along / (t->s2 * total);
	}
	return -0.5 * (square + log_det + 3 * log(2 * acos(-1)));
}

/*
 * With the true posterior p(x, z) / q(z | x) is p(x) whatever z: one draw gives the exact value.  Apart
 * from it by `off` in mean and log variance, the evidence lower bound is lower by their divergence,
 * (e^off - off - 1 + off^2 / v) / 2 for each unit of variance v; and estimates rise to the exact value.
 */
static void
linear_models_have_exact_likelihoods(void **state)
{
	static const bool none[] = {false, false, false};
	const double off = 0.4;
	double bound = 0, wanted = 0, one = 0, fifty = 0, many = 0, exact = 0;
	AeReal scratch[8], z[2], again[2];
	SampleScorer *rooms[2];
	AeScorer right, apart;
	Linear t, wrong;

	(void) state;
	linear_model(&t, 0);
	linear_model(&wrong, off);
	rooms[0] = sample_scorer(&right, &t.model, 1, ae_kernels_best());
	rooms[1] = sample_scorer(&apart, &wrong.model, 1, ae_kernels_best());
	assert_int_equal(ae_density_scratch(&t.model), 8);
	for (int i = 0; i < 100; i++)
	{
		const double x[] = {1.5 * sin(i), cos(3 * i), sin(2 * i) - 0.5};
		double log_p = linear_exact(&t, x);

		ae_scorer_take(&right, 0, x, none);
		ae_scorer_take(&apart, 0, x, none);
		assert_near(ae_density_marginal(&right, 1, (uint64_t) i, scratch), log_p, 1e-5);
		exact += log_p / 100;
		bound += ae_density_elbo(&apart, 200, 1, scratch) / 100;
		one += ae_density_marginal(&apart, 1, 1, scratch) / 100;
		fifty += ae_density_marginal(&apart, 50, 1, scratch) / 100;
		many += ae_density_marginal(&apart, 5000, 1, scratch) / 100;
	}
	for (int j = 0; j < 2; j++)
		wanted += 0.5 * (exp(off) - off - 1 + off * off * (t.s2 + t.length[j]) / t.s2);
	assert_true(fabs(exact - bound - wanted) < 0.02);
	assert_true(one < fifty && fifty < many && bound < fifty);
	assert_true(fabs(many - exact) < 0.002 * fabs(exact));
	/* a draw is that of its seed and row */
	ae_density_draw(z, &right, 7, scratch);
	ae_density_draw(again, &right, 7, scratch);
	assert_memory_equal(z, again, sizeof z);
	ae_density_draw(again, &right, 8, scratch);
	assert_memory_not_equal(z, again, sizeof z);
	sample_scorer_free(rooms[0]);
	sample_scorer_free(rooms[1]);
}

/* Log variances of the code, of categories and through layers too, are those that training sees. */
static void
spreads_are_those_of_training(void **state)
{
	(void) state;
	for (uint32_t n_layers = 2; n_layers <= 6; n_layers++)
	{
		Sample *s = sample_of(n_layers, true, 6, n_layers, 5, 3, 2);
		AeNet *net = &s->model.net;
		size_t n_code = net->width[net->n_encoder];
		size_t n_cells = ae_layout_cells(&net->layout);
		double values[SAMPLE_COLUMNS];
		bool missing[SAMPLE_COLUMNS];
		AeArena arena = {0};
		SampleScorer *room;
		AeScorer scorer;
		AePass pass;
		char *block = NULL;

		sample_drawn(s);
		room = sample_scorer(&scorer, &s->model, 3, ae_kernels_best());
		for (size_t i = 0; i < 3; i++)
		{
			sample_row(s, values, missing, i == 1);
			ae_scorer_take(&scorer, i, values, missing);
		}
		for (int placing = 0; placing < 2; placing++)
		{
			block = placing ? malloc(arena.used + AE_ALIGN) : NULL;
			arena = (AeArena){.base = placing ? ae_arena_align(block) : NULL};
			unit_place(&pass, &arena, net, 3, false);
			ae_inputs_place(&pass.inputs, &arena, &net->layout, 3, false, true);
		}
		ae_loss_inputs(&pass.inputs, &(AeCells){scorer.cells, 3, true}, &net->layout, NULL,
					   ae_kernels_best());
		ae_net_forward(&pass, s->params, AE_PASS_SCORE);
		ae_scorer_encode(&scorer, 3);
		for (size_t i = 0; i < 3 * n_code; i++)
			assert_near((double) scorer.spread[i], (double) pass.spread[i], 1e-4);
		/* a row alone has the same bits */
		memmove(pass.spread, scorer.spread, 3 * n_code * sizeof(AeReal));
		memmove(scorer.cells, scorer.cells + 2 * n_cells, n_cells * sizeof(AeReal));
		ae_scorer_encode(&scorer, 1);
		assert_memory_equal(scorer.spread, pass.spread + 2 * n_code, n_code * sizeof(AeReal));
		free(block);
		sample_scorer_free(room);
		sample_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(densities_are_golden),
		cmocka_unit_test(rows_by_hand),
		cmocka_unit_test(ranks_have_densities),
		cmocka_unit_test(priors_are_golden),
		cmocka_unit_test(joint_is_the_objective),
		cmocka_unit_test(linear_models_have_exact_likelihoods),
		cmocka_unit_test(spreads_are_those_of_training),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
