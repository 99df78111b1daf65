/*
 * Proves: layers are pretrained as shallow autoencoders of what the layers below make of rows,
 * wherever the rows are, and land where they belong in the whole.
 */
#include "unit_data.h"

#include "ae_pretrain.h"

enum
{
	N = 700,
	N_CELLS = 6,
	WIDTH = 7 /* the last cell of a row is none of the layout's */
};

/* Three numbers, an array of two, a category of four levels. */
static const AeBlock blocks[] = {
	{.count = 3, .loss = AE_LOSS_MSE},
	{.first = 3, .count = 2, .loss = AE_LOSS_MSE, .grouped = true},
	{.first = 5, .count = 4, .loss = AE_LOSS_SOFTMAX, .grouped = true, .weight = 1, .unseen = 1}};
static const uint32_t indicators[] = {1};

static AeNet
make_net(void)
{
	AeNet net = {.n_layers = 6, .n_encoder = 3, .width = {10, 8, 6, 3, 6, 8, 9}};

	for (uint32_t l = 0; l < 5; l++)
		net.activation[l] = l == 2 ? AE_IDENTITY : AE_TANH;
	net.layout = (AeLayout){.n_dense = 5,
							.n_indicators = 1,
							.n_categories = 1,
							.n_levels = 4,
							.n_columns = 5,
							.n_blocks = 3,
							.blocks = blocks,
							.indicators = indicators};
	assert_int_equal(ae_net_check(&net, NULL), AE_OK);
	return net;
}

static AeTrainOptions
make_options(AePretrain pretrain)
{
	return (AeTrainOptions){.optimizer = AE_OPTIMIZER_ADAM,
							.learning_rate = 0.01,
							.beta1 = 0.9,
							.beta2 = 0.99,
							.epsilon = 1e-8,
							.epochs = 3,
							.batch_size = 100,
							.validation = 0.1,
							.patience = 5,
							.dropout = 0.2,
							.seed = 3,
							.pretrain = pretrain,
							.pretrain_updates = 150};
}

static AeReal *
make_rows(size_t width, bool nulls)
{
	AeReal *x = malloc(N * width * sizeof(AeReal));

	for (size_t i = 0; i < N; i++)
	{
		double a = sin(0.7 * (double) i), b = cos(1.3 * (double) i);
		double cells[WIDTH] = {a, b, a * b, a - b, a + b, (double) (i % 4), 1e9};

		for (size_t j = 0; j < width; j++)
			x[i * width + j] =
				(AeReal) (nulls && j < N_CELLS && (i + 3 * j) % 11 == 0 ? NAN : cells[j]);
	}
	return x;
}

static void
read_rows(void *context, AeReal *out, size_t first, size_t count)
{
	const AeRows *memory = context;

	memcpy(out, memory->data + first * memory->width, count * memory->width * sizeof(AeReal));
}

/* Pretrains layers [0, n); losses[n], of validation rows. */
static void
pretrain(AeReal *params, double *losses, const AeNet *net, const AeTrainOptions *options,
		 const AeRows *rows, uint32_t n)
{
	ae_net_init(params, net, options->seed, NULL);
	for (uint32_t l = 0; l < n; l++)
	{
		AePretrainer *p;
		AeTrainer *trainer;
		void *block, *memory;
		size_t bytes;

		assert_int_equal(ae_pretrainer_size(&bytes, net, rows, l, NULL), AE_OK);
		block = malloc(bytes);
		p = ae_pretrainer_init(block, &(AeTask){net, options, rows}, params, l, unit_compute());
		trainer = unit_train(&memory, &p->net, &p->options, &p->rows, NULL);
		assert_int_equal(ae_trainer_progress(trainer)->state, AE_TRAIN_FINISHED);
		assert_int_equal(ae_trainer_progress(trainer)->update, options->pretrain_updates);
		losses[l] = ae_trainer_progress(trainer)->validation_loss;
		ae_pretrainer_install(params, p, ae_trainer_params(trainer));
		free(memory);
		free(block);
	}
}

/* h[l] of all rows, by passing them through the whole net at once. */
static AeReal *
representation(const AeNet *net, const AeReal *params, const AeReal *cells, uint32_t l)
{
	AeReal *dense = malloc(N * 5 * sizeof(AeReal)), *filled = malloc(N * 6 * sizeof(AeReal));
	AeReal *h = malloc(N * (size_t) net->width[l] * sizeof(AeReal));
	int32_t *levels = malloc(N * sizeof(int32_t));
	AeArena arena = {0};
	const AeReal *x;
	AePass pass;
	char *block;

	unit_place(&pass, &arena, net, N, false);
	block = malloc(arena.used + AE_ALIGN);
	arena = (AeArena){.base = ae_arena_align(block)};
	unit_place(&pass, &arena, net, N, false);
	unit_inputs(&x, &(AeInputs){.levels = levels, .dense = dense, .filled = filled},
				&(AeCells){cells, N, true}, &net->layout, &(AeNoise){0, {0, 0}});
	unit_forward(&pass, params, x, levels, N, false);
	memcpy(h, pass.h[l], N * (size_t) net->width[l] * sizeof(AeReal));
	free(block);
	free(levels);
	free(filled);
	free(dense);
	return h;
}

/* A shallow net made by hand, trained on what the whole makes of the rows, is the layer. */
static void
layers_are_shallow_autoencoders(void **state)
{
	AeNet net = make_net();

	(void) state;
	for (int kind = AE_PRETRAIN_PLAIN; kind <= AE_PRETRAIN_DENOISING; kind++)
	{
		AeTrainOptions options = make_options((AePretrain) kind), by_hand = options;
		AeReal *cells = make_rows(N_CELLS, true), *h;
		AeRows rows = {.n_rows = N, .width = N_CELLS, .nullable = true, .data = cells};
		AeReal params[1000], unpretrained[1000], before[1000];
		size_t n = ae_net_n_params(&net);

		assert_true(n <= 1000);
		ae_net_init(unpretrained, &net, options.seed, NULL);
		for (uint32_t l = 0; l < 3; l++)
		{
			double losses[3];
			AeBlock block = {.count = net.width[l], .loss = AE_LOSS_MSE};
			AeNet shallow = {.n_layers = 2,
							 .n_encoder = 1,
							 .width = {net.width[l], net.width[l + 1], net.width[6 - l]},
							 .activation = {net.activation[l], net.activation[5 - l]},
							 .layout = {.n_dense = net.width[l],
										.n_columns = net.width[l],
										.n_blocks = 1,
										.blocks = &block}};
			AeRows below = rows;
			size_t encoder = ae_net_offset(&net, l), decoder = ae_net_offset(&net, 5 - l);
			AeTrainer *trainer;
			void *memory;

			pretrain(before, losses, &net, &options, &rows, l);
			pretrain(params, losses, &net, &options, &rows, l + 1);
			h = representation(&net, before, cells, l == 0 ? 1 : l);
			if (l == 0)
				shallow.layout = net.layout;
			else
				below = (AeRows){.n_rows = N, .width = net.width[l], .data = h};
			by_hand.pretrain = AE_PRETRAIN_NONE;
			by_hand.dropout = 0;
			by_hand.patience = 0;
			by_hand.noise = kind == AE_PRETRAIN_DENOISING ? 0.2 : 0;
			by_hand.epochs = 0;
			by_hand.updates = 150;
			by_hand.seed = 3 + (l + 1) * 0x9E3779B97F4A7C15u;
			trainer = unit_train(&memory, &shallow, &by_hand, &below, NULL);
			assert_true(fabs(ae_trainer_progress(trainer)->validation_loss - losses[l]) <
						1e-4 * losses[l]);
			for (size_t i = 0; i < n;
				 i++) /* its two layers where they belong, all else as it was */
			{
				size_t own = ae_net_offset(&shallow, 1), both = ae_net_n_params(&shallow);
				double wanted = (double) before[i];

				if (i >= encoder && i < encoder + own)
					wanted = (double) ae_trainer_params(trainer)[i - encoder];
				else if (i >= decoder && i < decoder + both - own)
					wanted = (double) ae_trainer_params(trainer)[i - decoder + own];
				assert_true(fabs((double) params[i] - wanted) < 1e-3);
			}
			assert_memory_not_equal(params + encoder, unpretrained + encoder, sizeof(AeReal));
			free(memory);
			free(h);
		}
		free(cells);
	}
}

/* The same bytes again, from memory and read, and of rows with a cell more; not of another seed. */
static void
rows_from_a_file_pretrain_the_same(void **state)
{
	AeNet net = make_net();
	size_t n = ae_net_n_params(&net);

	(void) state;
	for (int i = 0; i < 8; i++)
	{
		AeTrainOptions options =
			make_options(i / 2 % 2 ? AE_PRETRAIN_DENOISING : AE_PRETRAIN_PLAIN);
		AeReal *cells = make_rows(N_CELLS, i % 2), *more = make_rows(WIDTH, i % 2);
		AeRows memory = {.n_rows = N, .width = N_CELLS, .nullable = i % 2, .data = cells};
		AeRows wide = {.n_rows = N, .width = N_CELLS, .nullable = i % 2, .data = more};
		AeRows file = {.n_rows = N, .width = N_CELLS, .nullable = i % 2, .read = read_rows};
		AeReal a[1000], b[1000];
		double losses[3], again[3];

		file.context = &memory;
		wide.has_target = true;
		if (i / 4)
		{
			options.masking = 0.2;
			options.swap = 0.1;
			options.emphasis = 0.5;
		}
		pretrain(a, losses, &net, &options, &memory, 3);
		pretrain(b, again, &net, &options, &memory, 3);
		assert_memory_equal(a, b, n * sizeof(AeReal));
		assert_memory_equal(losses, again, sizeof losses);
		pretrain(b, again, &net, &options, &file, 3);
		assert_memory_equal(a, b, n * sizeof(AeReal));
		pretrain(b, again, &net, &options, &wide, 3);
		assert_memory_equal(a, b, n * sizeof(AeReal));
		options.seed++;
		pretrain(b, again, &net, &options, &memory, 3);
		assert_memory_not_equal(a, b, n * sizeof(AeReal));
		free(cells);
		free(more);
	}
}

/* What is corrupted, and what else of the options a layer sees. */
static void
options_by_hand(void **state)
{
	AeNet net = make_net();
	AeReal *cells = make_rows(N_CELLS, false), params[1000];
	const AeReal low[5] = {0}, high[5] = {0};
	AeRows rows = {.n_rows = N, .width = N_CELLS, .data = cells, .low = low, .high = high};
	AePretrainer *p;
	size_t bytes;
	void *block;

	(void) state;
	ae_net_init(params, &net, 1, NULL);
	for (uint32_t l = 0; l < 3; l++)
		for (int given = 0; given < 5; given++)
			for (int kind = AE_PRETRAIN_PLAIN; kind <= AE_PRETRAIN_DENOISING; kind++)
			{
				AeTrainOptions options = make_options((AePretrain) kind);
				bool denoising = kind == AE_PRETRAIN_DENOISING, own;

				options.noise = given == 1 ? 0.4 : 0;
				options.masking = given == 2 ? 0.3 : 0;
				options.salt_pepper = given == 3 ? 0.3 : 0;
				options.swap = given == 4 ? 0.3 : 0;
				options.emphasis = given > 1 ? 0.5 : 0;
				options.sparse = AE_PENALTY_L1;
				options.sparse_weight = 0.1;
				options.sparse_hidden = given == 1;
				options.contract_weight = 1;
				options.weight_decay = 0.1;
				own = denoising && given > 1 && (given != 3 || l == 0);
				assert_int_equal(ae_pretrainer_size(&bytes, &net, &rows, l, NULL), AE_OK);
				block = malloc(bytes);
				p = ae_pretrainer_init(block, &(AeTask){&net, &options, &rows}, params, l,
									   unit_compute());
				assert_true(p->options.noise == (!denoising || own ? 0 : given == 1 ? 0.4 : 0.2));
				assert_true(p->options.masking == (own && given == 2 ? 0.3 : 0));
				assert_true(p->options.salt_pepper == (own && given == 3 ? 0.3 : 0));
				assert_true(p->options.swap == (own && given == 4 ? 0.3 : 0));
				assert_true(p->options.emphasis == (own ? 0.5 : 0));
				assert_true((p->options.sparse_weight > 0) == (given == 1 || l == 2));
				assert_true(p->options.dropout == 0 && p->options.contract_weight == 0 &&
							p->options.epochs == 0 && p->options.patience == 0);
				assert_true(p->options.weight_decay == 0.1 && p->options.updates == 150);
				assert_true(p->rows.nullable == false && (p->rows.low != NULL) == (l == 0));
				assert_int_equal(ae_net_check(&p->net, NULL), AE_OK);
				free(block);
			}
	free(cells);
}

static void
nets_must_fit(void **state)
{
	AeNet net = make_net();
	AeRows rows = {.n_rows = N, .width = N_CELLS};
	size_t bytes;

	(void) state;
	assert_true(ae_net_is_mirrored(&net));
	assert_int_equal(ae_pretrainer_size(&bytes, &net, &rows, 3, NULL), AE_ERR_SHAPE);
	rows.width = N_CELLS - 1;
	assert_int_equal(ae_pretrainer_size(&bytes, &net, &rows, 0, NULL), AE_ERR_SHAPE);
	rows.width = N_CELLS;
	net.width[4] = 5;
	assert_false(ae_net_is_mirrored(&net));
	assert_int_equal(ae_pretrainer_size(&bytes, &net, &rows, 0, NULL), AE_ERR_SHAPE);
	net.n_encoder = 2;
	assert_false(ae_net_is_mirrored(&net));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_are_shallow_autoencoders),
		cmocka_unit_test(rows_from_a_file_pretrain_the_same),
		cmocka_unit_test(options_by_hand),
		cmocka_unit_test(nets_must_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
