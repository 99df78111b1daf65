/* Proves: every analytic gradient agrees with central differences to 1e-6 relative. */
/* build: double */
#include "unit_data.h"

#include "ae_contract.h"
#include "ae_auxiliary.h"
#include "ae_normal.h"
#include "ae_optim.h"
#include "ae_part.h"
#include "ae_rng.h"
#include "ae_target.h"

#define ROWS 7
#define MAX_CELLS 12
#define MAX_PARAMS 600

static uint64_t visits;

static void
fill(AeReal *x, size_t n, double low, double high, uint64_t seed)
{
	AeRng rng;

	ae_rng_init(&rng, seed, AE_STREAM_SHUFFLE, (uint32_t) visits++);
	for (size_t i = 0; i < n; i++)
		x[i] = low + (high - low) * ae_rng_uniform(&rng);
}

/* Rows that enter a net and the rows that it should give back; their inputs are made once. */
typedef struct Job
{
	const char *name;
	AeNet net;
	bool nullable; /* of the targets */
	AePenaltyTerm term;
	bool everywhere; /* the penalty, not on the code alone */
	double decay;
	AeWeightPrior prior;
	bool tied;
	double dropout;
	double contract; /* weight of the contractive penalty */
	bool estimate;   /* of it, the probes held still */
	bool batch_norm;
	uint32_t batch_top_k;
	double code_noise;
	AeDistribution distribution; /* whose likelihood is the loss */
	double beta;                 /* > 0: the code is a draw, its noise held still */
	double free_bits;
	uint32_t samples;              /* draws of a row that are weighed: rows stand for them */
	double psd;                    /* > 0: the code is the best one, and predicted */
	double aux_weight;             /* > 0: every other unit of the code is dead */
	AeReal held[ROWS * MAX_CELLS]; /* the reconstruction that it adds to */
	double target_scale;           /* on the sum of the target's loss, where the net has a head */
	AeReal labels[ROWS];
	AeReal entering[ROWS * MAX_CELLS];
	AeReal target[ROWS * MAX_CELLS];
	AeReal dense[ROWS * MAX_CELLS];
	AeReal filled[ROWS * MAX_CELLS * 2];
	int32_t levels[ROWS * MAX_CELLS];
	AeReal scratch[64];
	const AeReal *x;
	AePass pass;
	AePartUse use[AE_N_PARTS];
	char *block;
} Job;

static void
place(Job *job, AeArena *arena)
{
	AeTrainOptions options = {.sparse = job->term.kind,
							  .sparse_weight = job->term.weight,
							  .sparse_target = job->term.target,
							  .sparse_hidden = job->everywhere,
							  .dropout = job->dropout,
							  .contract_weight = job->contract,
							  .contract_exact = !job->estimate,
							  .batch_norm = job->batch_norm,
							  .batch_top_k = job->batch_top_k,
							  .code_noise = job->code_noise,
							  .distribution = job->distribution,
							  .variance = job->net.variance,
							  .variational_beta = job->beta,
							  .variational_free_bits = job->free_bits,
							  .variational_samples = job->samples,
							  .psd_weight = job->psd,
							  .aux_weight = job->aux_weight};
	AePartSetup setup = {
		.net = &job->net, .options = &options, .slice_rows = ROWS, .kernels = ae_kernels_best()};

	unit_place(&job->pass, arena, &job->net, ROWS, true);
	ae_parts_choose(job->use, &job->net, &options);
	/* rows enter, and targets are measured, by the test itself */
	job->use[AE_PART_entering].used = job->use[AE_PART_target].used = false;
	ae_parts_place_lasting(job->use, arena, &job->net);
	ae_parts_place(job->use, arena, &job->pass, &setup);
}

static AeAuxiliary *
auxiliary_of(const Job *job)
{
	return job->use[AE_PART_auxiliary].state;
}

static AeContraction *
contraction_of(const Job *job)
{
	return job->use[AE_PART_contract].state;
}

static void
start(Job *job, AeReal sigma)
{
	AeArena arena = {0};

	place(job, &arena);
	job->block = calloc(arena.used + AE_ALIGN, 1);
	arena = (AeArena){.base = ae_arena_align(job->block)};
	place(job, &arena);
	if (job->contract > 0)
		ae_contract_draw(contraction_of(job), &job->net, ROWS, (AeVisit){5, 1});
	for (uint32_t j = 0; job->aux_weight > 0 && j < job->net.width[job->net.n_encoder]; j += 2)
		auxiliary_of(job)->counts.idle[j] = AE_DEAD_UPDATES;
	ae_parts_enter(
		job->use, &job->pass,
		&(AeEntering){.cells = &(AeCells){job->psd > 0 ? job->target : job->entering, ROWS, true},
					  .visit = {5, 1},
					  .training = true});
	assert_true(ae_loss_scratch(&job->net.layout) <= 64);
	unit_inputs(&job->x,
				&(AeInputs){.levels = job->levels, .dense = job->dense, .filled = job->filled},
				&(AeCells){job->entering, ROWS, true}, &job->net.layout, &(AeNoise){sigma, {5, 1}});
}

/* The target's loss of rows first .. first + n - 1, scaled; its gradient, divided by ROWS. */
static double
target_loss(Job *job, size_t first, size_t n)
{
	if (job->net.n_target == 0)
		return 0;
	return job->target_scale *
		   ae_target_loss(job->pass.d_target, job->pass.target, job->labels + first, n,
						  job->target_scale / ROWS,
						  &(AeTargetMeasure){job->net.n_target, ae_kernels_best(), job->scratch});
}

/* The penalty of the rows just passed. */
static double
penalty_of(Job *job)
{
	AePartUse *sparse = &job->use[AE_PART_sparse];

	return sparse->used ? ae_sparse_part.validate(sparse->state, &(AeSlice){.pass = &job->pass})
						: 0;
}

/* What parts need to know of a gradient before it is taken. */
static void
price(const AePartUse *use, AePass *pass, double share)
{
	AeSlice slice = {.pass = pass, .share = share};

	if (use[AE_PART_sparse].used)
		ae_sparse_part.loss(use[AE_PART_sparse].state, &slice);
	if (use[AE_PART_psd].used)
		ae_psd_part.loss(use[AE_PART_psd].state, &slice);
	if (use[AE_PART_gating].used)
		ae_gating_part.loss(use[AE_PART_gating].state, &slice);
}

/* Rows first .. first + n - 1 as the terms see them, the gradient of which is divided by ROWS. */
static double
likelihood(Job *job, AeReal *grads, const AeReal *params, size_t first, size_t n, bool accumulate)
{
	AePartUse *decoder = &job->use[AE_PART_decoder], *encoder = &job->use[AE_PART_variational];
	AeMeasure measure = {&job->net.layout, ae_kernels_best(), job->scratch};
	AeCells cells = {job->target + first * ae_layout_cells(&job->net.layout), n, job->nullable};
	AeTrainOptions options = {.variational_samples = job->samples};
	AeSlice slice = {.pass = &job->pass,
					 .params = params,
					 .options = &options,
					 .cells = &cells,
					 .measure = &measure,
					 .grads = grads,
					 .share = 1.0 / ROWS,
					 .accumulate = accumulate};
	double loss;

	if (!grads && job->samples <= 1)
		return ae_decoder_part.validate(decoder->state, &slice) +
			   (job->beta > 0 ? ae_variational_part.validate(encoder->state, &slice) : 0);
	loss = job->beta > 0 ? ae_variational_part.loss(encoder->state, &slice) : 0;
	loss += ae_decoder_part.loss(decoder->state, &slice);
	if (grads)
		ae_decoder_part.after(decoder->state, &slice);
	return loss;
}

/* The objective as the trainer forms it: mean over rows. */
static double
objective(Job *job, const AeReal *params)
{
	AeReal unused[MAX_PARAMS] = {0}, tied[MAX_PARAMS];
	double loss;

	if (job->tied)
	{
		memcpy(tied, params, ae_net_n_params(&job->net) * sizeof(AeReal));
		ae_net_tie(tied, &job->net);
		params = tied;
	}
	/*
	 * dropout, batch normalisation, noise and gates are for training; what is random in them was
	 * drawn by `start`
	 */
	unit_forward(&job->pass, params, job->x, job->levels, ROWS,
				 job->dropout > 0 || job->batch_norm || job->contract > 0 || job->net.gated ||
					 job->code_noise > 0 || job->aux_weight > 0 || job->beta > 0 || job->psd > 0);
	loss = job->distribution
			   ? likelihood(job, NULL, params, 0, ROWS, false)
			   : ae_loss_rows(NULL, job->pass.h[job->net.n_layers],
							  &(AeCells){job->target, ROWS, job->nullable}, 0,
							  &(AeMeasure){&job->net.layout, ae_kernels_best(), job->scratch});
	if (job->aux_weight > 0)
	{
		memcpy(job->pass.h[job->net.n_layers], job->held,
			   ROWS * job->net.width[job->net.n_layers] * sizeof(AeReal));
		loss += ae_auxiliary_loss(auxiliary_of(job), &job->pass, params,
								  &(AeCells){job->target, ROWS, job->nullable}, 0,
								  &(AeMeasure){&job->net.layout, ae_kernels_best(), job->scratch});
	}
	if (job->psd > 0)
		loss += ae_psd_part.loss(job->use[AE_PART_psd].state, &(AeSlice){0});
	if (job->contract > 0)
		loss += job->contract * ae_contract_value(contraction_of(job), &job->pass, params);
	loss += target_loss(job, 0, ROWS);
	return (loss + penalty_of(job)) / ROWS + ae_optim_decay(unused, params, &job->net, job->prior,
															job->decay, job->tied,
															ae_kernels_best());
}

/* grads = gradient of rows first .. first + n - 1, divided by ROWS; returns their loss. */
static double
gradient(AeReal *grads, Job *job, const AeReal *params, size_t first, size_t n, bool accumulate)
{
	const AeNet *net = &job->net;
	const AeReal *x = job->x + first * ae_layout_dense_inputs(&net->layout);
	int32_t *levels = job->levels + first * net->layout.n_categories;
	double loss;

	unit_forward(&job->pass, params, x, levels, n, true);
	loss =
		job->distribution
			? likelihood(job, grads, params, first, n, accumulate)
			: ae_loss_rows(
				  job->pass.d[0], job->pass.h[net->n_layers],
				  &(AeCells){job->target + first * ae_layout_cells(&net->layout), n, job->nullable},
				  1.0 / ROWS, &(AeMeasure){&net->layout, ae_kernels_best(), job->scratch});
	if (job->contract > 0)
	{
		if (!accumulate)
			memset(grads, 0, ae_net_n_params(net) * sizeof(AeReal));
		accumulate = true;
		ae_contract_gradient(grads, contraction_of(job), &job->pass, params, 1.0 / ROWS);
	}
	if (job->aux_weight > 0)
	{
		memcpy(job->held, job->pass.h[net->n_layers],
			   n * net->width[net->n_layers] * sizeof(AeReal));
		ae_auxiliary_loss(auxiliary_of(job), &job->pass, params,
						  &(AeCells){job->target, n, job->nullable}, 1.0 / ROWS,
						  &(AeMeasure){&job->net.layout, ae_kernels_best(), job->scratch});
	}
	loss += target_loss(job, first, n);
	price(job->use, &job->pass, 1.0 / ROWS);
	ae_net_backward(grads, &job->pass, params, accumulate);
	if (job->aux_weight > 0)
		ae_auxiliary_gradient(grads, auxiliary_of(job), &job->pass);
	return loss;
}

/* Whether parameter i is a weight of the decoder. */
static bool
is_twin(const AeNet *net, size_t i)
{
	for (uint32_t l = net->n_encoder; l < net->n_layers; l++)
	{
		size_t at = ae_net_offset(net, l);

		if (i >= at && i < at + (size_t) net->width[l] * net->width[l + 1])
			return true;
	}
	return false;
}

/* Largest difference relative to the largest gradient; fails where the gradient is nearly zero. */
static double
relative_error(Job *job, AeReal sigma)
{
	AeReal params[MAX_PARAMS], grads[MAX_PARAMS];
	size_t n = ae_net_n_params(&job->net), nonzero = 0;
	double worst = 0, largest = 0;

	assert_true(n <= MAX_PARAMS);
	ae_net_init(params, &job->net, 42, NULL);
	for (size_t i = 0; i < n; i++)
		params[i] += 0.1 * sin(1 + (double) i);
	for (size_t k = 0; job->batch_norm && k < ae_normal_n_gammas(&job->net); k++)
		params[n++] = 1 + 0.3 * sin(2 * (double) k);
	assert_true(n <= MAX_PARAMS);
	for (uint32_t l = 0; l < job->net.n_layers;
		 l++) /* so that few rectifiers are off for all rows */
		for (uint32_t o = 0; o < job->net.width[l + 1]; o++)
			params[ae_net_bias_offset(&job->net, l) + o] += 0.3;
	start(job, sigma);
	if (job->tied)
		ae_net_tie(params, &job->net);
	gradient(grads, job, params, 0, ROWS, false);
	ae_optim_decay(grads, params, &job->net, job->prior, job->decay, job->tied, ae_kernels_best());
	if (job->tied)
		ae_net_tie_gradient(grads, &job->net, 1);
	for (size_t i = 0; i < n; i++)
		largest = fmax(largest, fabs(grads[i]));
	for (size_t i = 0; i < n; i++)
	{
		const double h = 1e-5;
		double keep = params[i], numeric;

		if ((job->tied && is_twin(&job->net, i)) ||
			(i >= ae_net_threshold_offset(&job->net) && i < ae_net_spread_offset(&job->net)))
			continue;
		params[i] = keep + h;
		numeric = objective(job, params);
		params[i] = keep - h;
		numeric = (numeric - objective(job, params)) / (2 * h);
		params[i] = keep;
		worst = fmax(worst, fabs(numeric - grads[i]) / largest);
		nonzero += fabs(numeric) > 1e-6 * largest;
	}
	/* guard: a gradient of zeros agrees with anything */
	assert_true(largest > 1e-4);
	if (nonzero <= n / 3)
		fail_msg("%s: %zu of %zu derivatives are not 0", job->name, nonzero, n);
	free(job->block);
	return worst;
}

static AeNet
make_net(int depth, AeActivation act, const AeLayout *layout)
{
	static const uint32_t widths[] = {0, 5, 4, 3};
	AeNet net = {.n_layers = 2 * (uint32_t) depth, .n_encoder = (uint32_t) depth};

	net.layout = *layout;
	for (uint32_t l = 1; l < net.n_layers; l++)
		net.width[l] = widths[l <= net.n_encoder ? l : net.n_layers - l];
	net.width[0] = ae_layout_inputs(layout);
	net.width[net.n_layers] = ae_layout_outputs(layout);
	for (uint32_t l = 0; l < net.n_layers; l++)
		net.activation[l] = act;
	assert_int_equal(ae_net_check(&net, NULL), AE_OK);
	return net;
}

/* ---- layouts ---- */

typedef struct Shape
{
	const char *name;
	AeLayout layout;
	AeBlock blocks[6];
	uint32_t indicators[4];
} Shape;

#define CATEGORY(at, n, kind)                                                                      \
	{                                                                                              \
		.first = at, .count = n, .loss = kind, .grouped = true, .weight = 0.7 + 0.3 * n,           \
		.unseen = 1.5                                                                              \
	}

static const Shape shapes[] = {
	{.name = "mse",
	 .layout = {.n_dense = 6, .n_columns = 6, .n_blocks = 1},
	 .blocks = {{.count = 6, .loss = AE_LOSS_MSE}}},
	{.name = "bce",
	 .layout = {.n_dense = 6, .n_columns = 6, .n_blocks = 1},
	 .blocks = {{.count = 6, .loss = AE_LOSS_BCE}}},
	{.name = "mse and bce",
	 .layout = {.n_dense = 6, .n_columns = 6, .n_blocks = 2},
	 .blocks = {{.count = 4, .loss = AE_LOSS_MSE}, {.first = 4, .count = 2, .loss = AE_LOSS_BCE}}},
	{.name = "mae",
	 .layout = {.n_dense = 6, .n_columns = 6, .n_blocks = 1},
	 .blocks = {{.count = 6, .loss = AE_LOSS_MAE}}},
	{.name = "huber",
	 .layout = {.n_dense = 6, .n_columns = 6, .n_blocks = 1},
	 .blocks = {{.count = 6, .loss = AE_LOSS_HUBER}}},
	{.name = "mae, mse and bce",
	 .layout = {.n_dense = 7, .n_columns = 5, .n_blocks = 4},
	 .blocks = {{.count = 2, .loss = AE_LOSS_MAE},
				{.first = 2, .count = 3, .loss = AE_LOSS_MAE, .grouped = true},
				{.first = 5, .count = 1, .loss = AE_LOSS_MSE},
				{.first = 6, .count = 1, .loss = AE_LOSS_BCE}}},
	{.name = "groups",
	 .layout = {.n_dense = 8, .n_columns = 5, .n_blocks = 4},
	 .blocks = {{.count = 2, .loss = AE_LOSS_MSE},
				{.first = 2, .count = 3, .loss = AE_LOSS_MSE, .grouped = true},
				{.first = 5, .count = 2, .loss = AE_LOSS_BCE, .grouped = true},
				{.first = 7, .count = 1, .loss = AE_LOSS_BCE}}},
	{.name = "softmax",
	 .layout = {.n_categories = 2, .n_levels = 7, .n_columns = 2, .n_blocks = 2},
	 .blocks = {CATEGORY(0, 3, AE_LOSS_SOFTMAX), CATEGORY(3, 4, AE_LOSS_SOFTMAX)}},
	{.name = "one-hot",
	 .layout = {.n_categories = 2, .n_levels = 7, .n_columns = 2, .n_blocks = 2},
	 .blocks = {CATEGORY(0, 3, AE_LOSS_ONEHOT), CATEGORY(3, 4, AE_LOSS_ONEHOT)}},
	{.name = "everything, softmax",
	 .layout = {.n_dense = 7,
				.n_indicators = 3,
				.n_categories = 2,
				.n_levels = 5,
				.n_columns = 7,
				.n_blocks = 5},
	 .blocks = {{.count = 3, .loss = AE_LOSS_MSE},
				{.first = 3, .count = 3, .loss = AE_LOSS_MSE, .grouped = true},
				{.first = 6, .count = 1, .loss = AE_LOSS_BCE},
				CATEGORY(7, 3, AE_LOSS_SOFTMAX),
				CATEGORY(10, 2, AE_LOSS_SOFTMAX)},
	 .indicators = {0, 4, 6}},
	{.name = "everything, one-hot",
	 .layout = {.n_dense = 7,
				.n_indicators = 2,
				.n_categories = 2,
				.n_levels = 5,
				.n_columns = 7,
				.n_blocks = 5},
	 .blocks = {{.count = 3, .loss = AE_LOSS_BCE},
				{.first = 3, .count = 3, .loss = AE_LOSS_BCE, .grouped = true},
				{.first = 6, .count = 1, .loss = AE_LOSS_MSE},
				CATEGORY(7, 3, AE_LOSS_ONEHOT),
				CATEGORY(10, 2, AE_LOSS_ONEHOT)},
	 .indicators = {1, 3}},
};

#define N_SHAPES (sizeof shapes / sizeof shapes[0])

static AeLayout
layout_of(const Shape *shape)
{
	AeLayout layout = shape->layout;

	layout.blocks = shape->blocks;
	layout.indicators = shape->indicators;
	return layout;
}

/* What happens to rows on their way in, and whether targets are missing. */
typedef enum Way
{
	PLAIN,   /* rows are targets */
	NULLS,   /* cells are missing, in the input and in the target */
	MASKING, /* cells of the input are missing, their targets are there */
	NOISE,   /* Gaussian noise on the input */
	ALL,     /* all of it */
	N_WAYS
} Way;

static const char *const way_name[] = {"plain", "nulls", "masking", "noise", "all"};

/*
 * Targets of the middle of the range, every level.  A level that is unseen enters, but is no
 * target: its loss is no constant, but by design has no gradient.
 */
static void
draw_rows(Job *job, Way way)
{
	const AeLayout *layout = &job->net.layout;
	uint32_t n_cells = ae_layout_cells(layout);

	assert_true(n_cells <= MAX_CELLS);
	visits = 1; /* rows that bring no unit to its kink, the same whatever was tested before */
	fill(job->target, (size_t) ROWS * n_cells, 0.05, 0.95, 2);
	for (size_t i = 0; i < (size_t) ROWS * n_cells; i++)
	{
		uint32_t cell = (uint32_t) (i % n_cells), row = (uint32_t) (i / n_cells);
		uint32_t b = layout->n_blocks - layout->n_categories + (cell - layout->n_dense);

		if (cell >= layout->n_dense)
			job->target[i] = (AeReal) ((row + cell * row) % layout->blocks[b].count);
		if ((way == NULLS || way == ALL) && (row * 5 + cell * 3 + cell / 4) % 4 == 0)
			job->target[i] = NAN;
		if ((way == NULLS || way == ALL) && row == 5)
			job->target[i] = NAN; /* a row of which nothing is known */
		job->entering[i] = row == 3 && cell >= layout->n_dense ? -1 : job->target[i];
		if ((way == MASKING || way == ALL) && (row * 2 + cell) % 5 == 1)
			job->entering[i] = NAN;
	}
	job->nullable = way == NULLS || way == ALL;
}

/* Gives the net a head of n outputs, and rows labels: of them all, or of some. */
static void
draw_labels(Job *job, uint32_t n, bool some)
{
	job->net.n_target = n;
	job->target_scale = some ? 0.7 * ae_target_factor(ROWS, 4) : 0.7;
	for (size_t r = 0; r < ROWS; r++)
	{
		job->labels[r] = n > 1 ? (AeReal) (r * 2 % n) : (AeReal) sin(2 + (double) r);
		if (some && r % 2)
			job->labels[r] = (AeReal) NAN;
	}
}

static void
check_shape(const Shape *shape)
{
	AeLayout layout = layout_of(shape);

	for (int way = 0; way < N_WAYS; way++)
		for (int depth = 1; depth <= 3; depth++)
			for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
			{
				static Job job;
				double error;

				job =
					(Job){.name = shape->name, .net = make_net(depth, (AeActivation) act, &layout)};
				draw_rows(&job, (Way) way);
				error = relative_error(&job, way == NOISE || way == ALL ? 0.3 : 0);
				if (error > 1e-6)
					fail_msg("%s, %s, %s, depth %d: relative error %g", shape->name, way_name[way],
							 ae_activation_name[act], depth, error);
			}
}

static void
every_loss_agrees(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_SHAPES; i++)
		check_shape(&shapes[i]);
}

/* Inputs that a loss never saw in the tests above: a target of its own, of any size. */
static void
targets_of_their_own_agree(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_SHAPES; i++)
	{
		AeLayout layout = layout_of(&shapes[i]);
		static Job job;

		job = (Job){.net = make_net(2, AE_TANH, &layout)};
		draw_rows(&job, PLAIN);
		for (size_t k = 0; k < (size_t) ROWS * ae_layout_cells(&layout); k++)
			if (k % ae_layout_cells(&layout) < layout.n_dense)
				job.entering[k] = 1.5 * sin(3 + (double) k);
		assert_true(relative_error(&job, 0) < 1e-6);
	}
}

/* The gradient by the outputs themselves: of missing cells exactly 0, of unseen levels too. */
static void
missing_cells_have_no_gradient(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_SHAPES; i++)
	{
		AeLayout layout = layout_of(&shapes[i]);
		static Job job;
		AeReal outputs[16], d[16];
		uint32_t n_cells = ae_layout_cells(&layout);

		job = (Job){.net = make_net(1, AE_TANH, &layout)};
		draw_rows(&job, NULLS);
		fill(outputs, 16, -2, 2, 3);
		for (size_t r = 0; r < ROWS; r++)
		{
			AeReal *cells = job.target + r * n_cells;

			for (uint32_t c = layout.n_dense; r == 3 && c < n_cells; c++)
				cells[c] = -1;
			ae_loss_row(d, outputs, cells, 1,
						&(AeMeasure){&layout, ae_kernels_best(), job.scratch});
			for (uint32_t b = 0, cell = 0; b < layout.n_blocks; b++)
			{
				const AeBlock *block = &layout.blocks[b];
				bool category = ae_loss_is_category(block->loss);

				for (uint32_t j = 0; j < block->count; j++)
				{
					AeReal x = cells[cell + (category ? 0 : j)];

					assert_true((d[block->first + j] == 0) == (isnan(x) || (category && x < 0)));
				}
				cell += category ? 1 : block->count;
			}
		}
	}
}

/* With and without a look at missing cells: the same where none is. */
static void
nullable_changes_nothing(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_SHAPES; i++)
	{
		AeLayout layout = layout_of(&shapes[i]);
		uint32_t n_out = ae_layout_outputs(&layout);
		static Job job;
		AeReal outputs[ROWS * 16], a[ROWS * 16], b[ROWS * 16];
		double loss;

		job = (Job){.net = make_net(1, AE_TANH, &layout)};
		draw_rows(&job, PLAIN);
		fill(outputs, ROWS * 16, -2, 2, 3);
		loss = ae_loss_rows(a, outputs, &(AeCells){job.target, ROWS, false}, 0.3,
							&(AeMeasure){&layout, ae_kernels_best(), job.scratch});
		assert_true(fabs(loss - ae_loss_rows(b, outputs, &(AeCells){job.target, ROWS, true}, 0.3,
											 &(AeMeasure){&layout, ae_kernels_best(),
														  job.scratch})) < 1e-13);
		for (size_t k = 0; k < (size_t) ROWS * n_out; k++)
			assert_true(fabs(a[k] - b[k]) < 1e-15);
	}
}

/* Slices that accumulate must give the gradient of the whole minibatch. */
static void
slices_add_up(void **state)
{
	(void) state;
	for (size_t i = 0; i < 2 * N_SHAPES; i++)
	{
		AeLayout layout = layout_of(&shapes[i / 2]);
		AeReal params[MAX_PARAMS], whole[MAX_PARAMS], parts[MAX_PARAMS];
		static Job job;
		double loss;

		job = (Job){.net = make_net(2, AE_GELU, &layout), .contract = i % 2};
		draw_rows(&job, ALL);
		ae_net_init(params, &job.net, 3, NULL);
		start(&job, 0.2);
		loss = -gradient(whole, &job, params, 0, ROWS, false);
		for (size_t at = 0, take = 3; at < ROWS; at += take, take = ROWS - at)
			loss += gradient(parts, &job, params, at, take, at > 0);
		assert_true(fabs(loss) < 1e-12);
		for (size_t k = 0; k < ae_net_n_params(&job.net); k++)
			assert_true(fabs(whole[k] - parts[k]) < 1e-12);
		free(job.block);
	}
}

/* Levels added row by row are what multiplying their one-hot form would give. */
static void
levels_are_one_hot_inputs(void **state)
{
	AeLayout layout = layout_of(&shapes[9]);
	AeLayout flat = {.n_dense = ae_layout_inputs(&layout), .n_columns = 15, .n_blocks = 1};
	AeBlock block = {.count = 15, .loss = AE_LOSS_MSE};
	AeReal params[MAX_PARAMS], one_hot[ROWS * 15] = {0}, h[ROWS * 5];
	AeReal by_levels[15 * 5], by_inputs[MAX_PARAMS];
	uint32_t n_numbers = ae_layout_dense_inputs(&layout);
	AeNet dense;
	static Job job;

	(void) state;
	flat.blocks = &block;
	assert_int_equal(flat.n_dense, 15);
	job = (Job){.net = make_net(2, AE_TANH, &layout)};
	draw_rows(&job, ALL);
	fill(params, MAX_PARAMS, -1, 1, 4);
	start(&job, 0);
	for (size_t r = 0; r < ROWS; r++)
	{
		memcpy(one_hot + r * 15, job.x + r * n_numbers, n_numbers * sizeof(AeReal));
		for (uint32_t c = 0; c < 2; c++)
			if (job.levels[2 * r + c] >= 0)
				one_hot[r * 15 + (uint32_t) job.levels[2 * r + c]] = 1;
	}
	unit_forward(&job.pass, params, job.x, job.levels, ROWS, true);
	memcpy(h, job.pass.h[1], sizeof h);
	dense = job.net;
	dense.layout = flat;
	job.pass.net = &dense;
	unit_forward(&job.pass, params, one_hot, NULL, ROWS, true);
	for (int i = 0; i < ROWS * 5; i++)
		assert_true(fabs(h[i] - job.pass.h[1][i]) < 1e-14);
	/* and the gradient by the first layer's weights, from the same outputs' gradient */
	job.pass.net = &job.net;
	unit_forward(&job.pass, params, job.x, job.levels, ROWS, true);
	fill(job.pass.d[0], ROWS * 12, -1, 1, 6);
	memcpy(job.pass.h[4], job.pass.d[0], ROWS * 12 * sizeof(AeReal));
	ae_net_backward(by_inputs, &job.pass, params, false);
	memcpy(by_levels, by_inputs, sizeof by_levels);
	for (uint32_t i = 0; i < 15; i++)
		for (uint32_t o = 0; o < 5; o++)
		{
			/* dW = x^T d, where d is what the bias' gradient sums */
			double wanted = 0;

			for (size_t r = 0; r < ROWS; r++)
				wanted += one_hot[r * 15 + i] * job.pass.d[1][r * 5 + o];
			assert_true(fabs(by_levels[i * 5 + o] - wanted) < 1e-13);
		}
	free(job.block);
}

/* Penalties of the code and of every hidden layer, whose weight is large beside the loss. */
static void
penalties_agree(void **state)
{
	static const AeActivation acts[] = {AE_TANH, AE_RELU, AE_GELU, AE_SIGMOID, AE_SOFTPLUS};
	AeLayout layout = layout_of(&shapes[0]);

	(void) state;
	for (int kind = AE_PENALTY_L1; kind < AE_PENALTY_COUNT; kind++)
		for (int i = 0; i < 4 * 2 * 5; i++)
		{
			AeActivation act = acts[i % 5];
			int depth = 1 + i / 10 % 3;
			static Job job;
			double error;

			if ((kind == AE_PENALTY_KL && act != AE_SIGMOID) || kind == AE_PENALTY_JUMPRELU)
				continue; /* the latter: jumprelu_agrees */
			job = (Job){.name = ae_penalty_name[kind],
						.net = make_net(depth, act, &layout),
						.term = {(AePenalty) kind, 0.7, 0.2},
						.everywhere = i / 5 % 2 == 1};
			draw_rows(&job, i / 10 % 2 ? NOISE : PLAIN);
			error = relative_error(&job, i / 10 % 2 ? 0.3 : 0);
			if (error > 1e-6)
				fail_msg("%s, %s, depth %d: relative error %g", job.name, ae_activation_name[act],
						 depth, error);
		}
}

/* What a penalty is, by its formula; guards the test above against one that is always 0. */
static void
penalties_by_hand(void **state)
{
	const AeReal h[] = {0.5, 0, 0.25, 0.75}; /* two rows of two units, of rates 3/8 and 3/8 */
	const double rate = 0.375;
	double wanted[AE_PENALTY_COUNT] = {0}, means[2];

	(void) state;
	wanted[AE_PENALTY_L1] = 1.5;
	wanted[AE_PENALTY_STUDENT_T] = log(1.25) + log(1.0625) + log(1.5625);
	wanted[AE_PENALTY_LOG] = log(1.5) + log(1.25) + log(1.75);
	wanted[AE_PENALTY_KL] = 2 * 2 * (0.1 * log(0.1 / rate) + 0.9 * log(0.9 / (1 - rate)));
	wanted[AE_PENALTY_JUMPRELU] = 3;
	for (int kind = 0; kind < AE_PENALTY_COUNT; kind++)
	{
		AePenaltyTerm term = {(AePenalty) kind, 3, 0.1};

		assert_true(fabs(ae_penalty_value(h, 2, 2, &term, means) - 3 * wanted[kind]) < 1e-12);
	}
}

/* The k largest units alone have a gradient; with penalties, noise and weight decay at once. */
static void
top_k_agrees(void **state)
{
	static const AeActivation acts[] = {AE_IDENTITY, AE_TANH, AE_RELU, AE_GELU};
	AeLayout layout = layout_of(&shapes[8]);

	(void) state;
	for (int i = 0; i < 4 * 3 * 2 * 2; i++)
	{
		static Job job;
		double error;

		job = (Job){.name = "top_k",
					.net = make_net(1 + i / 4 % 3, acts[i % 4], &layout),
					.decay = 0.1 * (i / 24)};
		job.net.top_k = 1 + i / 12 % 2;
		if (i / 24)
			job.term = (AePenaltyTerm){AE_PENALTY_STUDENT_T, 0.3, 0};
		draw_rows(&job, i / 24 ? ALL : PLAIN);
		error = relative_error(&job, i / 24 ? 0.2 : 0);
		if (error > 1e-6)
			fail_msg("top_k %u, %s: relative error %g", job.net.top_k,
					 ae_activation_name[acts[i % 4]], error);
	}
}

/* The k R largest activations of a batch alone have a gradient, and thresholds have none. */
static void
batch_top_k_agrees(void **state)
{
	static const AeActivation acts[] = {AE_IDENTITY, AE_RELU, AE_GELU, AE_SIGMOID};
	AeLayout layout = layout_of(&shapes[8]);

	(void) state;
	for (int i = 0; i < 4 * 3 * 2; i++)
	{
		static Job job;
		double error;

		job = (Job){.name = "batch_top_k",
					.net = make_net(1 + i / 4 % 3, acts[i % 4], &layout),
					.batch_top_k = 1 + i / 4 % 2,
					.decay = 0.1 * (i / 12)};
		job.net.gated = 1;
		if (i / 12)
			job.term = (AePenaltyTerm){AE_PENALTY_STUDENT_T, 0.3, 0};
		draw_rows(&job, i / 12 ? ALL : PLAIN);
		error = relative_error(&job, i / 12 ? 0.2 : 0);
		if (error > 1e-6)
			fail_msg("batch_top_k, %s, %d: relative error %g", ae_activation_name[acts[i % 4]], i,
					 error);
	}
}

/*
 * Of jumprelu the derivative by weights is a true one away from thresholds.  None of these nets has
 * an activation within 1e-4 of its threshold.
 */
static void
jumprelu_agrees(void **state)
{
	static const AeActivation acts[] = {AE_IDENTITY, AE_RELU, AE_GELU, AE_TANH};
	AeLayout layout = layout_of(&shapes[10]);

	(void) state;
	for (int i = 0; i < 4 * 3 * 2; i++)
	{
		static Job job;
		double error;

		job = (Job){.name = "jumprelu",
					.net = make_net(1 + i / 4 % 3, acts[i % 4], &layout),
					.term = {AE_PENALTY_JUMPRELU, 0.2, 0},
					.code_noise = i / 12 ? 0.3 : 0,
					.decay = 0.1 * (i / 12)};
		job.net.gated = 1;
		draw_rows(&job, i / 12 ? ALL : PLAIN);
		error = relative_error(&job, i / 12 ? 0.2 : 0);
		if (error > 1e-6)
			fail_msg("jumprelu, %s, %d: relative error %g", ae_activation_name[acts[i % 4]], i,
					 error);
	}
}

/*
 * One unit, one input, two rows: z = x w + b, h = z where z > theta, r = h v + c.  With w = 1, b =
 * 0, v = 2, c = 0, theta = 0.5, epsilon = 0.1 and x = 0.53 (on, within the kernel), 0.46 (off,
 * within it): r = 1.06, 0; dL/dh = v 2 (r - x) / 2 = 1.06, -0.92.  Of each row the threshold gets
 * -theta / epsilon dL/dh - weight / (2 epsilon) = -5 dL/dh - 5 * 0.3.
 */
static void
thresholds_by_hand(void **state)
{
	AeBlock block = {.count = 1, .loss = AE_LOSS_MSE};
	AeLayout layout = {.n_dense = 1, .n_columns = 1, .n_blocks = 1, .blocks = &block};
	AeNet net = {.n_layers = 2, .n_encoder = 1, .gated = 1, .width = {1, 1, 1}, .layout = layout};
	const AeReal params[] = {1, 0, 2, 0, 0.5};
	const AeReal x[] = {0.53, 0.46};
	const AeTrainOptions options = {.sparse = AE_PENALTY_JUMPRELU, .sparse_weight = 0.3};
	const AePartSetup setup = {.net = &net, .options = &options, .slice_rows = 2};
	AeReal grads[5], scratch[4];
	char block_of_pass[8192] = {0};
	AeArena arena = {.base = ae_arena_align(block_of_pass)};
	AePartUse use[AE_N_PARTS];
	AePass pass;

	(void) state;
	assert_true(AE_JUMP_WIDTH == 0.1);
	unit_place(&pass, &arena, &net, 2, true);
	ae_parts_choose(use, &net, &options);
	ae_parts_place_lasting(use, &arena, &net);
	ae_parts_place(use, &arena, &pass, &setup);
	assert_true(arena.used < sizeof block_of_pass - AE_ALIGN);
	price(use, &pass, 0.5);
	unit_forward(&pass, params, x, NULL, 2, true);
	assert_true(pass.h[1][0] == 0.53 && pass.h[1][1] == 0);
	assert_true(fabs(ae_sparse_part.validate(use[AE_PART_sparse].state, &(AeSlice){.pass = &pass}) -
					 0.3) < 1e-15);
	ae_loss_rows(pass.d[0], pass.h[2], &(AeCells){x, 2, false}, 0.5,
				 &(AeMeasure){&layout, ae_kernels_best(), scratch});
	ae_net_backward(grads, &pass, params, false);
	assert_true(fabs(grads[4] - (-5 * 1.06 + 5 * 0.92 - 2 * 5 * 0.3)) < 1e-12);
	assert_true(fabs(grads[0] - 1.06 * 0.53) < 1e-12); /* of the row that is on alone */
	/* a row farther from the threshold than half of epsilon has no part in its gradient */
	unit_forward(&pass, params, (const AeReal[]){0.7, 0.44}, NULL, 2, true);
	ae_loss_rows(pass.d[0], pass.h[2], &(AeCells){x, 2, false}, 0.5,
				 &(AeMeasure){&layout, ae_kernels_best(), scratch});
	ae_net_backward(grads, &pass, params, false);
	assert_true(grads[4] == 0);
}

/* Dead units are trained by what they would add to a reconstruction that is held fixed. */
static void
auxiliary_loss_agrees(void **state)
{
	static const int which[] = {0, 1, 3, 4, 7, 8, 9};
	static const AeActivation acts[] = {AE_IDENTITY, AE_SIGMOID, AE_GELU, AE_RELU};

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < 4 * 3 * 2; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			static Job job;
			double error;

			job = (Job){.name = shapes[which[s]].name,
						.net = make_net(2, acts[i % 4], &layout),
						.aux_weight = 2.5,
						.batch_top_k = i / 4 % 3 == 1 ? 2 : 0,
						.decay = 0.1 * (i / 12)};
			job.net.width[3] = ae_layout_outputs(&layout);
			job.net.n_layers = 3;
			job.net.activation[2] = AE_IDENTITY;
			job.net.top_k = i / 4 % 3 == 0 ? 2 : 0;
			job.net.gated = i / 4 % 3 > 0;
			if (i / 4 % 3 == 2)
				job.term = (AePenaltyTerm){AE_PENALTY_JUMPRELU, 0.2, 0};
			draw_rows(&job, i / 12 ? ALL : PLAIN);
			error = relative_error(&job, i / 12 ? 0.2 : 0);
			if (error > 1e-6)
				fail_msg("auxiliary loss, %s, %s, %d: relative error %g", job.name,
						 ae_activation_name[acts[i % 4]], i, error);
		}
}

/* Noise on the code before its activation, held still. */
static void
code_noise_agrees(void **state)
{
	AeLayout layout = layout_of(&shapes[10]);

	(void) state;
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		for (int depth = 1; depth <= 3; depth++)
		{
			static Job job;
			double error;

			job = (Job){.name = "code noise",
						.net = make_net(depth, (AeActivation) act, &layout),
						.code_noise = 0.7,
						.dropout = depth == 3 ? 0.2 : 0,
						.term = {AE_PENALTY_L1, depth == 2 ? 0.3 : 0, 0}};
			draw_rows(&job, ALL);
			error = relative_error(&job, 0.2);
			if (error > 1e-6)
				fail_msg("code noise, %s, depth %d: relative error %g", ae_activation_name[act],
						 depth, error);
		}
}

/* Likelihoods, with every kind of variance, gaps and all else that may stand beside them. */
static void
likelihoods_agree(void **state)
{
	static const int which[] = {0, 1, 2, 6, 7, 9}; /* all whose losses have densities */

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < N_WAYS * AE_VARIANCE_COUNT; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			AeVariance variance = (AeVariance) (i % AE_VARIANCE_COUNT);
			int way = i / AE_VARIANCE_COUNT;
			static Job job;
			double error;

			job = (Job){.name = shapes[which[s]].name,
						.net = make_net(1 + i % 3, AE_TANH, &layout),
						.distribution = AE_DISTRIBUTION_MIXED,
						.term = {AE_PENALTY_L1, way == ALL ? 0.3 : 0, 0},
						.dropout = way == NOISE ? 0.2 : 0};
			job.net.variance = variance;
			draw_rows(&job, (Way) way);
			error = relative_error(&job, way == NOISE || way == ALL ? 0.3 : 0);
			if (error > 1e-6)
				fail_msg("likelihood, %s, %s, %s: relative error %g", job.name, way_name[way],
						 ae_variance_name[variance], error);
		}
}

/*
 * Codes that are drawn: through means, log variances and what lies below both, with a target that
 * sees the draw, a linear path, and units that are free.
 */
static void
variational_codes_agree(void **state)
{
	static const int which[] = {0, 1, 7, 9};

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < N_WAYS * 3 * 2; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			int way = i % N_WAYS, depth = 1 + i / N_WAYS % 3;
			bool more = i / N_WAYS / 3 == 1;
			static Job job;
			double error;

			job = (Job){.name = shapes[which[s]].name,
						.net = make_net(depth, AE_GELU, &layout),
						.distribution = AE_DISTRIBUTION_MIXED,
						.beta = more ? 0.7 : 1,
						.free_bits = more ? 0.15 : 0,
						.batch_norm = more,
						.dropout = more ? 0.2 : 0,
						.decay = more ? 0.1 : 0};
			job.net.activation[job.net.n_encoder - 1] = AE_IDENTITY;
			job.net.spread = 1;
			job.net.skip = more && depth > 1;
			job.net.variance = AE_VARIANCE_COLUMN;
			draw_rows(&job, (Way) way);
			if (more)
				draw_labels(&job, 3, true);
			error = relative_error(&job, way == NOISE || way == ALL ? 0.3 : 0);
			if (error > 1e-6)
				fail_msg("variational, %s, %s, depth %d: relative error %g", job.name,
						 way_name[way], depth, error);
		}
}

/*
 * The importance-weighted bound of rows that are taken for draws of one: the weights depend on all
 * that the gradient goes through.
 */
static void
weighed_draws_agree(void **state)
{
	static const int which[] = {0, 1, 7, 9};

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < N_WAYS * 3; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			static Job job;
			double error;

			job = (Job){.name = shapes[which[s]].name,
						.net = make_net(1 + i / N_WAYS, AE_TANH, &layout),
						.distribution = AE_DISTRIBUTION_MIXED,
						.beta = i % 2 ? 1 : 0.6,
						.samples = ROWS};
			job.net.activation[job.net.n_encoder - 1] = AE_IDENTITY;
			job.net.spread = 1;
			job.net.variance = AE_VARIANCE_COLUMN;
			draw_rows(&job, (Way) (i % N_WAYS));
			error = relative_error(&job, i % N_WAYS >= NOISE ? 0.3 : 0);
			if (error > 1e-6)
				fail_msg("weighed draws, %s, %s: relative error %g", job.name, way_name[i % N_WAYS],
						 error);
		}
}

/* The best code depends on everything, but where it is best no gradient goes through it. */
static void
predicted_codes_agree(void **state)
{
	static const int which[] = {0, 6, 8, 10}; /* squared errors, once those of logits are */

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < N_WAYS * 2; i++)
		{
			Shape shape = shapes[which[s]];
			AeLayout layout;
			static Job job;
			double error;

			for (uint32_t b = 0; b < shape.layout.n_blocks; b++)
				if (shape.blocks[b].loss == AE_LOSS_BCE)
					shape.blocks[b].loss = AE_LOSS_MSE;
			layout = layout_of(&shape);
			job = (Job){.name = shape.name,
						.net = make_net(1 + i / N_WAYS, AE_TANH, &layout),
						.term = {AE_PENALTY_L1, 0.1, 0},
						.psd = i % 2 ? 3 : 1,
						.decay = i % 3 ? 0.1 : 0};
			job.net.n_layers = job.net.n_encoder + 1;
			job.net.width[job.net.n_layers] = ae_layout_outputs(&layout);
			job.net.activation[job.net.n_encoder - 1] = AE_IDENTITY;
			job.net.activation[job.net.n_encoder] = AE_IDENTITY;
			draw_rows(&job, (Way) (i % N_WAYS));
			error = relative_error(&job, i % N_WAYS >= NOISE ? 0.3 : 0);
			if (error > 1e-6)
				fail_msg("predicted codes, %s, %s: relative error %g", job.name,
						 way_name[i % N_WAYS], error);
		}
}

/* One matrix in two places has the sum of both derivatives, and decays once. */
static void
tied_weights_agree(void **state)
{
	static const int which[] = {0, 1, 5, 6, 7, 8}; /* all whose inputs are outputs */

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < 3 * 2 * 2; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			static Job job;
			double error;

			job = (Job){.name = shapes[which[s]].name,
						.net = make_net(1 + i % 3, i / 3 % 2 ? AE_TANH : AE_GELU, &layout),
						.decay = 0.2 * (i / 6),
						.tied = true};
			assert_true(ae_net_is_symmetric(&job.net));
			draw_rows(&job, PLAIN);
			error = relative_error(&job, 0);
			if (error > 1e-6)
				fail_msg("tied, %s, depth %d: relative error %g", job.name, 1 + i % 3, error);
		}
}

/* Dropped units and kept ones, the masks held still, with all else that comes before and after. */
static void
dropout_agrees(void **state)
{
	AeLayout layout = layout_of(&shapes[10]);
	AeLayout plain = layout_of(&shapes[0]);

	(void) state;
	for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
		for (int i = 0; i < 4; i++)
		{
			static Job job;
			double error;

			job = (Job){.name = "dropout",
						.net = make_net(2 + i % 2, (AeActivation) act, i < 2 ? &plain : &layout),
						.dropout = 0.3};
			if (i >= 2)
			{
				job.decay = 0.1;
				job.term = (AePenaltyTerm){AE_PENALTY_L1, 0.3, 0};
				job.everywhere = true;
				job.net.top_k = 2;
			}
			draw_rows(&job, i < 2 ? PLAIN : ALL);
			error = relative_error(&job, i < 2 ? 0 : 0.2);
			if (error > 1e-6)
				fail_msg("dropout, %s, %d: relative error %g", ae_activation_name[act], i, error);
		}
}

/* Through means and variances of the rows, gammas too, with all else that may stand beside it. */
static void
batch_norm_agrees(void **state)
{
	static const int which[] = {0, 6, 9, 10};

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < AE_ACTIVATION_COUNT * 2 * 2; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			AeActivation act = (AeActivation) (i % AE_ACTIVATION_COUNT);
			bool more = i / AE_ACTIVATION_COUNT % 2 == 1;
			static Job job;
			double error;

			job = (Job){.name = shapes[which[s]].name,
						.net = make_net(2 + i / AE_ACTIVATION_COUNT / 2, act, &layout),
						.batch_norm = true};
			if (more)
			{
				job.decay = 0.1;
				job.dropout = 0.3;
				job.term = (AePenaltyTerm){AE_PENALTY_STUDENT_T, 0.3, 0};
				job.everywhere = true;
				job.net.top_k = 2;
			}
			draw_rows(&job, more ? ALL : PLAIN);
			error = relative_error(&job, more ? 0.2 : 0);
			if (error > 1e-6)
				fail_msg("batch normalisation, %s, %s, %d: relative error %g", job.name,
						 ae_activation_name[act], i, error);
		}
}

/*
 * As many units are dropped as were asked for, none of the code, others at another visit.  All units
 * are 1, so that the next layer sees what they are multiplied by.
 */
static void
dropout_drops_its_share(void **state)
{
	static const AeReal rows[20 * 3];
	AeNet net = {.n_layers = 4, .n_encoder = 2, .width = {3, 500, 7, 500, 3}};
	const AeTrainOptions options = {.dropout = 0.25};
	const AePartSetup setup = {.net = &net, .options = &options, .slice_rows = 20};
	AeEntering entering = {.cells = &(AeCells){rows, 20, false}, .visit = {1, 1}, .training = true};
	AeArena arena = {0};
	AePass pass;
	void *dropout = NULL;
	char *block = NULL;
	size_t n = 20 * 500, dropped = 0, same = 0;
	AeReal *before = malloc(n * sizeof(AeReal)), params[12000] = {0};

	(void) state;
	assert_true(ae_net_n_params(&net) <= 12000);
	for (uint32_t l = 0; l < 4; l++)
		for (uint32_t j = 0; j < net.width[l + 1]; j++)
			params[ae_net_bias_offset(&net, l) + j] = 1;
	for (int placing = 0; placing < 2; placing++)
	{
		block = placing ? malloc(arena.used + AE_ALIGN) : NULL;
		arena = (AeArena){.base = placing ? ae_arena_align(block) : NULL};
		unit_place(&pass, &arena, &net, 20, true);
		dropout = ae_dropout_part.place(&arena, &pass, &setup, NULL, 0);
	}
	assert_null(pass.seen[2]);
	ae_dropout_part.enter(dropout, &pass, &entering);
	unit_forward(&pass, params, rows, NULL, 20, true);
	memcpy(before, pass.seen[1], n * sizeof(AeReal));
	for (size_t i = 0; i < n; i++)
	{
		dropped += before[i] == 0;
		assert_true(before[i] == 0 || fabs(before[i] - 1 / 0.75) < 1e-6);
		same += before[i] == pass.seen[3][i];
	}
	assert_true(fabs((double) dropped / (double) n - 0.25) < 5 * sqrt(0.25 * 0.75 / (double) n));
	assert_true(fabs((double) same / (double) n - 0.625) < 0.03); /* 1/16 + 9/16: independent */
	ae_dropout_part.enter(dropout, &pass, &entering);
	unit_forward(&pass, params, rows, NULL, 20, true);
	assert_memory_equal(before, pass.seen[1], n * sizeof(AeReal));
	entering.visit.number = 2;
	ae_dropout_part.enter(dropout, &pass, &entering);
	unit_forward(&pass, params, rows, NULL, 20, true);
	assert_memory_not_equal(before, pass.seen[1], n * sizeof(AeReal));
	free(before);
	free(block);
}

/*
 * The trainer's own gradient, seen from outside: one step of plain sgd moves the weights by it, and
 * the loss of that step is what it is the gradient of.  Both have the noise of the first visit.
 */
static double
trainer_error(const AeNet *net, AeTrainOptions options, const AeRows *rows)
{
	AeReal params[MAX_PARAMS], grads[MAX_PARAMS];
	size_t n = ae_net_n_params(net), nonzero = 0;
	double worst = 0, largest = 0;
	AeTrainer *trainer;
	void *memory;

	assert_true(n <= MAX_PARAMS);
	options.optimizer = AE_OPTIMIZER_SGD;
	options.learning_rate = 1e-3;
	options.epsilon = 1e-8;
	options.updates = 1;
	options.batch_size = (uint32_t) rows->n_rows;
	ae_net_init(params, net, 42, NULL);
	for (size_t i = 0; i < n; i++)
		params[i] += 0.1 * sin(1 + (double) i);
	trainer = unit_train(&memory, net, &options, rows, params);
	for (size_t i = 0; i < n; i++)
	{
		grads[i] = (params[i] - ae_trainer_params(trainer)[i]) / options.learning_rate;
		largest = fmax(largest, fabs(grads[i]));
	}
	free(memory);
	for (size_t i = 0; i < n; i++)
	{
		const double h = 1e-5;
		double keep = params[i], numeric = 0;

		for (int side = 1; side >= -1; side -= 2)
		{
			params[i] = keep + side * h;
			trainer = unit_train(&memory, net, &options, rows, params);
			numeric += side * ae_trainer_progress(trainer)->train_loss / (2 * h);
			free(memory);
		}
		params[i] = keep;
		worst = fmax(worst, fabs(numeric - grads[i]) / largest);
		nonzero += fabs(numeric) > 1e-6 * largest;
	}
	assert_true(largest > 1e-4 && nonzero > n / 3);
	return worst;
}

/* Every way to corrupt rows, alone and together, and the emphasis on what was corrupted. */
/*
 * A linear path beside the layers of either half or both: numbers, indicators and levels go along
 * it; with a head on the code, penalties, dropout and normalisation.
 */
static void
paths_agree(void **state)
{
	static const int shape[] = {0, 6, 9, 10};

	(void) state;
	for (int i = 0; i < 3 * 4 * 4; i++)
	{
		AeLayout layout = layout_of(&shapes[shape[i / 3 % 4]]);
		static Job job;
		double error;

		job = (Job){.name = "path", .net = make_net(2 + i % 3 / 2, AE_TANH, &layout)};
		job.net.skip = 1;
		if (i % 3 == 1)
		{
			/* none in the encoder */
			job.net.n_layers = 3;
			job.net.n_encoder = 1;
			job.net.width[3] = job.net.width[4];
		}
		assert_int_equal(ae_net_check(&job.net, NULL), AE_OK);
		if (i / 12 == 1)
			draw_labels(&job, 3, false);
		draw_rows(&job, i / 12 == 2 ? ALL : PLAIN);
		job.decay = i / 12 == 3 ? 0.1 : 0;
		job.dropout = i / 12 == 3 ? 0.3 : 0;
		job.batch_norm = i / 12 == 2;
		if (i / 12 == 1)
			job.term = (AePenaltyTerm){AE_PENALTY_STUDENT_T, 0.3, 0};
		error = relative_error(&job, 0);
		if (error > 1e-6)
			fail_msg("path, case %d: relative error %g", i, error);
	}
}

/* Heads of numbers, booleans and categories; alone, and with all else that composes. */
static void
targets_agree(void **state)
{
	static const AeActivation acts[] = {AE_IDENTITY, AE_TANH, AE_GELU, AE_SIGMOID};
	static const uint32_t outputs[] = {1, 2, 5};

	(void) state;
	for (int i = 0; i < 4 * 3 * 2 * 3 * 3; i++)
	{
		AeLayout layout = layout_of(&shapes[i / 24 % 3 == 0 ? 0 : i / 24 % 3 == 1 ? 9 : 10]);
		bool all = i / 24 % 3 > 0;
		int depth = 1 + i / 72 % 3;
		static Job job;
		double error;

		job = (Job){.name = "target", .net = make_net(depth, acts[i % 4], &layout)};
		draw_labels(&job, outputs[i / 4 % 3], i / 12 % 2);
		draw_rows(&job, all ? ALL : PLAIN);
		if (all)
		{
			job.decay = 0.1;
			job.term = (AePenaltyTerm){AE_PENALTY_STUDENT_T, 0.3, 0};
			job.dropout = i / 24 % 3 == 2 ? 0.3 : 0;
			job.net.top_k = i / 24 % 3 == 2 ? 2 : 0;
		}
		error = relative_error(&job, all ? 0.2 : 0);
		if (error > 1e-6)
			fail_msg("target of %u outputs, %s, depth %d, %d: relative error %g", job.net.n_target,
					 ae_activation_name[acts[i % 4]], depth, i, error);
	}
}

/* A code that two things are read from: a tied decoder, and a head that is not tied. */
static void
tied_targets_agree(void **state)
{
	AeLayout layout = layout_of(&shapes[0]);

	(void) state;
	for (int i = 0; i < 3 * 3; i++)
	{
		static Job job;

		job = (Job){.name = "tied target",
					.net = make_net(1 + i % 3, AE_TANH, &layout),
					.decay = 0.2,
					.tied = true};
		draw_labels(&job, 1 + (uint32_t) i / 3, true);
		draw_rows(&job, PLAIN);
		assert_true(relative_error(&job, 0) < 1e-6);
	}
}

/* Two rows, two levels and a third row without a label, on paper. */
static void
targets_by_hand(void **state)
{
	const AeReal outputs[] = {0, log(3), 2, 2, 9, 9}, labels[] = {1, 0, (AeReal) NAN};
	const AeReal numbers[] = {1.5, -1, 3};
	AeReal d[6], scratch[8];
	double loss;

	(void) state;
	assert_true(ae_target_scratch(2) <= 8 && ae_target_scratch(1) <= 8);
	/* softmax(0, ln 3) = 1/4, 3/4; softmax(2, 2) = 1/2, 1/2 */
	loss =
		ae_target_loss(d, outputs, labels, 3, 2, &(AeTargetMeasure){2, ae_kernels_best(), scratch});
	assert_true(fabs(loss - (log(4.0 / 3) + log(2))) < 1e-12);
	assert_true(fabs(d[0] - 0.5) < 1e-12 && fabs(d[1] + 0.5) < 1e-12);
	assert_true(fabs(d[2] + 1) < 1e-12 && fabs(d[3] - 1) < 1e-12);
	assert_true(d[4] == 0 && d[5] == 0);
	/* (1.5 - 1)^2 + (-1 - 0)^2 */
	loss =
		ae_target_loss(d, numbers, labels, 3, 2, &(AeTargetMeasure){1, ae_kernels_best(), scratch});
	assert_true(fabs(loss - 1.25) < 1e-12);
	assert_true(fabs(d[0] - 2) < 1e-12 && fabs(d[1] + 4) < 1e-12 && d[2] == 0);
	assert_true(ae_target_factor(5000, 50) == 100 && ae_target_factor(7, 7) == 1);
	assert_true(ae_target_factor(10, 0) == 0 && ae_target_factor(1000000, 1) == 1000);
	assert_int_equal(ae_target_count(labels, 3), 2);
}

/* How good predictions are: counted by hand, in one go or row by row. */
static void
target_tallies_by_hand(void **state)
{
	const AeReal outputs[] = {0, 1, 5, 3, 1, 0, 7, 7}, labels[] = {1, 0, 1, (AeReal) NAN};
	const AeReal numbers[] = {1, 2, 5}, truths[] = {1, 3, 5};
	AeTargetTally tally = {0}, empty = {0};
	AeReal scratch[8];

	(void) state;
	ae_target_tally(&tally, outputs, labels, 4, &(AeTargetMeasure){2, ae_kernels_best(), scratch});
	assert_true(tally.n == 3 && fabs(ae_target_accuracy(&tally, 2) - 2.0 / 3) < 1e-12);
	assert_true(fabs(ae_target_mean_loss(&tally) -
					 (log(1 + exp(-1)) + log(1 + exp(-2)) + log(1 + exp(1))) / 3) < 1e-12);
	tally = empty;
	for (size_t i = 0; i < 3; i++)
		ae_target_tally(&tally, numbers + i, truths + i, 1,
						&(AeTargetMeasure){1, ae_kernels_best(), scratch});
	/* 1 - 1 / ((1 - 3)^2 + 0 + (5 - 3)^2) */
	assert_true(fabs(ae_target_accuracy(&tally, 1) - 0.875) < 1e-12);
	assert_true(isnan(ae_target_mean_loss(&empty)) && isnan(ae_target_accuracy(&empty, 2)));
	tally = empty;
	ae_target_tally(&tally, numbers, truths, 1, &(AeTargetMeasure){1, ae_kernels_best(), scratch});
	assert_true(isnan(ae_target_accuracy(&tally, 1)) && ae_target_mean_loss(&tally) == 0);
}

static void
corruption_agrees(void **state)
{
	static const int which[] = {0, 6, 8, 9, 10};
	const AeReal low[] = {-1, -1, -1, -1, -1, -1, -1, -1}, high[] = {2, 2, 2, 2, 2, 2, 2, 2};

	(void) state;
	for (size_t s = 0; s < sizeof which / sizeof which[0]; s++)
		for (int i = 0; i < 5 * 3 * 2; i++)
		{
			AeLayout layout = layout_of(&shapes[which[s]]);
			AeTrainOptions options = {.seed = 11, .emphasis = i / 5 % 3 * 0.5};
			static Job job;
			AeRows rows = {.n_rows = ROWS, .low = low, .high = high};
			double error;

			job = (Job){.net = make_net(1 + i % 2, AE_TANH, &layout)};
			draw_rows(&job, i / 15 ? NULLS : PLAIN);
			rows.width = ae_layout_cells(&layout);
			rows.nullable = job.nullable;
			rows.data = job.target;
			options.noise = i % 5 == 0 || i % 5 == 4 ? 0.3 : 0;
			options.masking = i % 5 == 1 || i % 5 == 4 ? 0.3 : 0;
			options.salt_pepper = i % 5 == 2 || i % 5 == 4 ? 0.4 : 0;
			options.swap = i % 5 == 3 || i % 5 == 4 ? 0.4 : 0;
			if (i % 5 == 0)
				options.emphasis = 0;
			error = trainer_error(&job.net, options, &rows);
			if (error > 1e-6)
				fail_msg("%s, corruption %d, emphasis %g: relative error %g", shapes[which[s]].name,
						 i % 5, options.emphasis, error);
		}
}

/* The contractive penalty, larger than the loss: one layer in closed form, several by probes. */
static void
contraction_agrees(void **state)
{
	(void) state;
	for (size_t s = 0; s < N_SHAPES; s += 9) /* numbers; all kinds of inputs */
		for (int act = 0; act < AE_ACTIVATION_COUNT; act++)
			for (int i = 0; i < 3 * 2; i++)
			{
				AeLayout layout = layout_of(&shapes[s]);
				static Job job;
				double error;

				if (ae_activation_info[act].kinked)
					continue;
				job = (Job){.name = "contraction",
							.net = make_net(1 + i / 2, (AeActivation) act, &layout),
							.contract = 2,
							.estimate = i % 2 == 1};
				draw_rows(&job, s == 0 ? PLAIN : ALL);
				error = relative_error(&job, s == 0 ? 0 : 0.3);
				if (error > 1e-6)
					fail_msg("contraction, %s, %s, depth %d%s: relative error %g", shapes[s].name,
							 ae_activation_name[act], 1 + i / 2, i % 2 ? ", estimate" : "", error);
			}
}

/*
 * With all that it may stand beside: noise, a penalty of every layer, weight decay, tied weights.
 */
static void
contraction_agrees_in_company(void **state)
{
	static const AeActivation acts[] = {AE_TANH, AE_GELU, AE_SIGMOID};
	AeLayout layout = layout_of(&shapes[0]);

	(void) state;
	for (int i = 0; i < 3 * 3 * 2; i++)
	{
		static Job job;
		double error;

		job = (Job){.name = "contraction in company",
					.net = make_net(1 + i / 3 % 3, acts[i % 3], &layout),
					.term = {AE_PENALTY_L1, 0.3, 0},
					.everywhere = true,
					.decay = 0.1,
					.prior = i % 2 ? AE_PRIOR_LAPLACE : AE_PRIOR_GAUSSIAN,
					.tied = true,
					.contract = 0.5,
					.estimate = i / 9 == 1};
		draw_rows(&job, NOISE);
		error = relative_error(&job, 0.3);
		if (error > 1e-6)
			fail_msg("%s, %s, depth %d%s: relative error %g", job.name,
					 ae_activation_name[acts[i % 3]], 1 + i / 3 % 3, i / 9 ? ", estimate" : "",
					 error);
	}
}

static void
check_decay(AeWeightPrior prior)
{
	AeLayout layout = layout_of(&shapes[0]);
	AeNet net = make_net(2, AE_TANH, &layout);
	size_t n, b0 = 6 * 5;
	AeReal *params, *grads, *scratch;
	const double h = 1e-5, lambda = 0.3;

	net.n_target = 3;
	n = ae_net_n_params(&net);
	params = malloc(n * sizeof(AeReal));
	grads = calloc(n, sizeof(AeReal));
	scratch = calloc(n, sizeof(AeReal));
	for (size_t i = 0; i < n; i++)
		params[i] = sin(1 + (double) i);
	ae_optim_decay(grads, params, &net, prior, lambda, false, ae_kernels_best());
	for (size_t i = 0; i < n; i++)
	{
		double keep = params[i], numeric;

		params[i] = keep + h;
		numeric = ae_optim_decay(scratch, params, &net, prior, lambda, false, ae_kernels_best());
		params[i] = keep - h;
		numeric -= ae_optim_decay(scratch, params, &net, prior, lambda, false, ae_kernels_best());
		params[i] = keep;
		assert_true(fabs(numeric / (2 * h) - grads[i]) < 1e-7);
	}
	assert_true(fabs(grads[0]) > 0.01);
	assert_true(grads[b0] == 0); /* biases do not decay */
	assert_true(fabs(grads[ae_net_head_offset(&net)]) > 0.01 && grads[n - 1] == 0);
	free(params);
	free(grads);
	free(scratch);
}

static void
weight_decay_agrees(void **state)
{
	(void) state;
	check_decay(AE_PRIOR_GAUSSIAN);
	check_decay(AE_PRIOR_LAPLACE);
}

/* Values by hand; the proximal step stops at 0, and there the gradient is 0. */
static void
priors_by_hand(void **state)
{
	const AeReal w[] = {0.5, -2, 0, 0.125};
	AeReal grads[] = {1, 1, 1, 1}, shrunk[4];

	(void) state;
	assert_true(fabs(ae_prior_value(w, 4, AE_PRIOR_GAUSSIAN, 0.2) - 0.1 * 4.265625) < 1e-15);
	assert_true(fabs(ae_prior_value(w, 4, AE_PRIOR_LAPLACE, 0.2) - 0.2 * 2.625) < 1e-15);
	assert_true(fabs(ae_prior_gradient(grads, w, 4, AE_PRIOR_LAPLACE, 0.25, ae_kernels_best()) -
					 0.25 * 2.625) < 1e-15);
	assert_true(grads[0] == 1.25 && grads[1] == 0.75 && grads[2] == 1 && grads[3] == 1.25);
	memcpy(shrunk, w, sizeof shrunk);
	ae_prior_shrink(shrunk, 4, 0.25);
	assert_true(shrunk[0] == 0.25 && shrunk[1] == -1.75 && shrunk[2] == 0 && shrunk[3] == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_loss_agrees),
		cmocka_unit_test(targets_of_their_own_agree),
		cmocka_unit_test(missing_cells_have_no_gradient),
		cmocka_unit_test(nullable_changes_nothing),
		cmocka_unit_test(slices_add_up),
		cmocka_unit_test(levels_are_one_hot_inputs),
		cmocka_unit_test(penalties_agree),
		cmocka_unit_test(penalties_by_hand),
		cmocka_unit_test(top_k_agrees),
		cmocka_unit_test(batch_top_k_agrees),
		cmocka_unit_test(jumprelu_agrees),
		cmocka_unit_test(thresholds_by_hand),
		cmocka_unit_test(auxiliary_loss_agrees),
		cmocka_unit_test(code_noise_agrees),
		cmocka_unit_test(likelihoods_agree),
		cmocka_unit_test(variational_codes_agree),
		cmocka_unit_test(predicted_codes_agree),
		cmocka_unit_test(weighed_draws_agree),
		cmocka_unit_test(tied_weights_agree),
		cmocka_unit_test(dropout_agrees),
		cmocka_unit_test(batch_norm_agrees),
		cmocka_unit_test(dropout_drops_its_share),
		cmocka_unit_test(paths_agree),
		cmocka_unit_test(contraction_agrees),
		cmocka_unit_test(contraction_agrees_in_company),
		cmocka_unit_test(corruption_agrees),
		cmocka_unit_test(targets_agree),
		cmocka_unit_test(tied_targets_agree),
		cmocka_unit_test(targets_by_hand),
		cmocka_unit_test(target_tallies_by_hand),
		cmocka_unit_test(weight_decay_agrees),
		cmocka_unit_test(priors_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
