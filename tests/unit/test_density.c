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
	assert_near(ae_density_given_code(&scorer), -81.0 / 32 - log_two_pi / 2, 1e-15);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(densities_are_golden),   cmocka_unit_test(rows_by_hand),
		cmocka_unit_test(ranks_have_densities),   cmocka_unit_test(priors_are_golden),
		cmocka_unit_test(joint_is_the_objective),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
