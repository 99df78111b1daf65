/*
 * Proves: principal components are those of numpy and of hand-worked rows, by covariance and by
 * subspace; the network that they make is where the gradient of its loss vanishes, for columns of
 * every kind; what rows do not have is 0.
 */
#include "unit_data.h"

#include "ae_pca.h"

#include "../golden/pca.h"

#define EXACT (sizeof(AeReal) == 8)

/* ---- rows of make_pca.py ---- */

#define FACTORS 10

static double
uniform(uint32_t stream, uint32_t i, uint32_t j)
{
	uint32_t h = (i * 73856093u) ^ (j * 19349663u) ^ (stream * 83492791u);

	h = (h ^ (h >> 15)) * 0x7FEB352Du;
	h = (h ^ (h >> 15)) * 0x846CA68Bu;
	h ^= h >> 16;
	return h / 0x1p32 - 0.5;
}

static AeReal *
make_rows(size_t n, size_t d)
{
	AeReal *rows = malloc(n * d * sizeof(AeReal));

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < d; j++)
		{
			double x = 0.5 * uniform(3, i, j);

			for (uint32_t f = 0; f < FACTORS; f++)
				x += uniform(1, i, f) * (FACTORS + 2.0 - f) * uniform(2, j, f);
			rows[i * d + j] = (AeReal) (float) x;
		}
	return rows;
}

/* ---- helpers ---- */

static AeLayout
numbers(AeBlock *block, size_t d)
{
	*block = (AeBlock){.count = (uint32_t) d, .loss = AE_LOSS_MSE};
	return (AeLayout){
		.n_dense = (uint32_t) d, .n_columns = (uint32_t) d, .n_blocks = 1, .blocks = block};
}

/* The components of n rows of cells; *memory is the caller's to free. */
static AePca
components(void **memory, const AeReal *cells, size_t n, const AeLayout *layout, size_t k)
{
	size_t bytes, width = ae_layout_cells(layout);
	AePca pca;
	AeError error;
	bool again;

	assert_int_equal(ae_pca_size(&bytes, layout, k, &error), AE_OK);
	*memory = malloc(bytes);
	/* it need not be cleared */
	memset(*memory, 0xff, bytes);
	ae_pca_init(&pca, *memory, layout, k);
	do
	{
		for (size_t first = 0, count; first < n; first += count)
		{
			count = n - first < pca.n_block ? n - first : pca.n_block;
			memcpy(pca.cells, cells + first * width, count * width * sizeof(AeReal));
			ae_pca_add(&pca, count, unit_compute());
		}
		assert_int_equal(ae_pca_end_pass(&again, &pca, unit_compute(), &error), AE_OK);
	} while (again);
	return pca;
}

static double
inner(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t j = 0; j < n; j++)
		sum += a[j] * b[j];
	return sum;
}

/* |C v - l v| by plain loops over the rows. */
static double
residual(const double *v, double value, const AePca *pca, const AeReal *rows, size_t n)
{
	size_t d = pca->n_inputs;
	double *image = calloc(d, sizeof(double)), square = 0;

	for (size_t i = 0; i < n; i++)
	{
		double along = 0;

		for (size_t j = 0; j < d; j++)
			along += v[j] * ((double) rows[i * d + j] - pca->mean[j]);
		for (size_t j = 0; j < d; j++)
			image[j] += along * ((double) rows[i * d + j] - pca->mean[j]) / (double) n;
	}
	for (size_t j = 0; j < d; j++)
		square += (image[j] - value * v[j]) * (image[j] - value * v[j]);
	free(image);
	return sqrt(square);
}

/* ---- tests ---- */

/*
 * Four rows on a cross: variances 2 and 1/2 along the axes, mean (1, 3).  The code of (4, 3) is 3,
 * and what comes back of (4, 8) is (4, 3).
 */
static void
by_hand(void **state)
{
	const AeReal rows[] = {3, 3, -1, 3, 1, 4, 1, 2};
	AeBlock block;
	AeNet net = {.n_layers = 2, .n_encoder = 1, .width = {2, 1, 2}, .layout = numbers(&block, 2)};
	AeReal params[16] = {0};
	void *memory;
	AePca pca = components(&memory, rows, 4, &net.layout, 1);

	(void) state;
	assert_true(fabs(pca.value[0] - 2) < 1e-12);
	assert_true(fabs(pca.total - 2.5) < 1e-12);
	assert_true(fabs(ae_pca_loss(&pca) - 0.25) < 1e-12);
	assert_true(pca.mean[0] == 1 && pca.mean[1] == 3);
	assert_true(fabs(pca.vector[0] - 1) < 1e-12 && fabs(pca.vector[1]) < 1e-12);
	ae_pca_install(params, &net, &pca);
	assert_int_equal(ae_net_n_params(&net), 7);
	/* W, b of the encoder; W, b of the decoder */
	for (size_t i = 0; i < 7; i++)
		assert_true(fabs((double) params[i] - (const double[]){1, 0, -1, 1, 0, 1, 3}[i]) < 1e-6);
	free(memory);
}

/*
 * Eigenvalues against numpy.  A residual r of orthonormal vectors bounds the angle to the exact
 * subspace: sin <= |r| / gap (Davis, Kahan 1970), the gap being to the next eigenvalue of numpy.
 */
static void
golden(void **state)
{
	(void) state;
	for (size_t g = 0; g < sizeof(golden_pca) / sizeof(golden_pca[0]); g++)
	{
		const GoldenPca *gold = &golden_pca[g];
		size_t n = gold->n_rows, d = gold->n_inputs, k = gold->n_components;
		size_t wanted = k < FACTORS ? k - 1 : k < 32 ? FACTORS : 5;
		AeReal *rows = make_rows(n, d);
		AeBlock block;
		AeLayout layout = numbers(&block, d);
		void *memory;
		AePca pca = components(&memory, rows, n, &layout, k);
		double square = 0, sine, difference = fabs(pca.total / gold->total - 1);
		bool subspace = d > AE_PCA_WHOLE;

		assert_int_equal(pca.n_subspace > 0, subspace);
		assert_int_equal(pca.rank, k);
		for (size_t i = 0; i < k; i++)
			difference = fmax(difference, fabs(pca.value[i] - gold->value[i]) / gold->value[0]);
		for (size_t i = 0; i < wanted; i++)
		{
			const double *v = pca.vector + i * d;
			double largest = 0;

			for (size_t j = 0; j <= i; j++)
				assert_true(fabs(inner(v, pca.vector + j * d, d) - (i == j)) < 1e-10);
			square += pow(residual(v, pca.value[i], &pca, rows, n), 2);
			for (size_t j = 0; j < d; j++)
				largest = fabs(v[j]) > fabs(largest) ? v[j] : largest;
			assert_true(largest > 0);
		}
		sine = sqrt(square) / (gold->value[wanted - 1] - gold->value[wanted]);
		print_message("%zu inputs, %zu rows: eigenvalues within %.2g, angle of %zu components at "
					  "most %.2g rad\n",
					  d, n, difference, wanted, sine);
		assert_true(difference < (subspace ? 1e-9 : 1e-11));
		assert_true(sine < (subspace ? 1e-6 : 1e-10));
		free(memory);
		free(rows);
	}
}

/* Two numbers, one column of two parts, an indicator, and a category of three levels. */
static AeLayout
mixed_layout(AeBlock *blocks)
{
	static const uint32_t indicator = 1;

	blocks[0] = (AeBlock){.count = 2, .loss = AE_LOSS_MSE};
	blocks[1] = (AeBlock){.first = 2, .count = 2, .loss = AE_LOSS_MSE, .grouped = true};
	blocks[2] =
		(AeBlock){.first = 4, .count = 3, .loss = AE_LOSS_ONEHOT, .grouped = true, .weight = 1.7};
	return (AeLayout){.n_dense = 4,
					  .n_indicators = 1,
					  .n_categories = 1,
					  .n_levels = 3,
					  .n_columns = 4,
					  .n_blocks = 3,
					  .blocks = blocks,
					  .indicators = &indicator};
}

static void
mixed_rows(AeReal *cells, size_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		double a = uniform(4, i, 0), b = uniform(4, i, 1);

		cells[i * 5] = (AeReal) (3 * a + 0.2 * uniform(4, i, 2) + 1);
		cells[i * 5 + 1] = (AeReal) (b - a);
		cells[i * 5 + 2] = (AeReal) (2 * b + uniform(4, i, 3));
		cells[i * 5 + 3] = (AeReal) (uniform(4, i, 4) - 2);
		cells[i * 5 + 4] = (AeReal) (a > 0.1 ? 0 : b > 0 ? 1 : 2);
	}
}

/*
 * The solution costs what ae_pca_loss says, and nothing near it costs less: the gradient of the
 * loss of the network is 0 there.
 */
static void
solves_every_kind(void **state)
{
	enum
	{
		N = 400,
		CODE = 2
	};
	AeBlock blocks[3];
	AeNet net = {.n_layers = 2, .n_encoder = 1, .width = {8, CODE, 7}};
	AeReal *cells = malloc(N * 5 * sizeof(AeReal)), *params, *grads;
	char *room;
	AeArena arena = {.base = NULL, .used = 0, .overflow = false};
	AePass pass;
	AeMeasure measure;
	AeCells rows = {.at = cells, .n_rows = N};
	void *memory;
	AePca pca;
	double loss, square = 0, turned;
	size_t n;

	(void) state;
	net.layout = mixed_layout(blocks);
	mixed_rows(cells, N);
	pca = components(&memory, cells, N, &net.layout, CODE);
	n = ae_net_n_params(&net);
	params = calloc(n, sizeof(AeReal));
	grads = calloc(n, sizeof(AeReal));
	for (int counted = 0; counted < 2; counted++)
	{
		room = counted ? malloc(arena.used + AE_ALIGN) : NULL;
		arena = (AeArena){.base = counted ? ae_arena_align(room) : NULL};
		unit_place(&pass, &arena, &net, N, true);
		ae_inputs_place(&pass.inputs, &arena, &net.layout, N, false, true);
		measure = (AeMeasure){&net.layout, ae_kernels_best(), NULL};
		measure.scratch = ae_arena_place(&arena, ae_loss_scratch(&net.layout), sizeof(AeReal));
	}
	ae_pca_install(params, &net, &pca);
	ae_loss_inputs(&pass.inputs, &rows, &net.layout, NULL, ae_kernels_best());
	ae_net_forward(&pass, params, AE_PASS_TRAIN);
	loss = ae_loss_rows(pass.d[0], pass.h[2], &rows, 1.0 / N, &measure) / N;
	ae_net_backward(grads, &pass, params, false);
	for (size_t i = 0; i < n; i++)
		square += (double) grads[i] * (double) grads[i];
	print_message("loss %.12g, by eigenvalues %.12g, gradient %.2g\n", loss, ae_pca_loss(&pca),
				  sqrt(square));
	assert_true(fabs(loss - ae_pca_loss(&pca)) < (EXACT ? 1e-12 : 1e-6));
	assert_true(sqrt(square) < (EXACT ? 1e-12 : 1e-6));
	assert_true(loss > 0.01);
	/* the gradient is not always 0 */
	params[0] += (AeReal) 0.1;
	ae_net_forward(&pass, params, AE_PASS_TRAIN);
	turned = ae_loss_rows(pass.d[0], pass.h[2], &rows, 1.0 / N, &measure) / N;
	assert_true(turned > loss + 1e-4);
	free(room);
	free(memory);
	free(params);
	free(grads);
	free(cells);
}

/* Three different rows have two components, equal ones none; the others are 0. */
static void
rank(void **state)
{
	const AeReal rows[] = {1, 2, 3, 4, 2, 2, 1, 0, 1, 2, 3, 4, 5, 1, 0, 2};
	AeBlock block;
	AeNet net = {.n_layers = 2, .n_encoder = 1, .width = {4, 6, 4}, .layout = numbers(&block, 4)};
	AeReal params[64];
	void *memory;
	AePca pca = components(&memory, rows, 4, &net.layout, 4);

	(void) state;
	assert_int_equal(pca.rank, 2);
	assert_true(pca.value[1] > 0.1 && pca.value[2] == 0 && pca.value[3] == 0);
	for (size_t j = 0; j < 8; j++)
		assert_true(pca.vector[8 + j] == 0);
	assert_true(ae_pca_loss(&pca) < 1e-12);
	/* a code of six units: four of them are 0 */
	ae_pca_install(params, &net, &pca);
	for (size_t j = 0; j < 4; j++)
		for (size_t i = 0; i < 6; i++)
			assert_int_equal(params[j * 6 + i] != 0, i < 2);
	free(memory);
	pca = components(&memory, (const AeReal[]){7, 7, 7, 7, 7, 7, 7, 7}, 2, &net.layout, 2);
	assert_int_equal(pca.rank, 0);
	assert_true(pca.mean[3] == 7 && pca.value[0] == 0 && pca.vector[0] == 0);
	free(memory);
}

/*
 * A network with a linear path beside its layers begins as its components: codes, outputs and so
 * the loss are theirs, whatever the layers are.
 */
static void
paths_begin_as_components(void **state)
{
	enum
	{
		N = 60,
		CODE = 2
	};
	AeBlock blocks[3];
	AeNet flat = {.n_layers = 2, .n_encoder = 1, .width = {8, CODE, 7}}, net;
	AeReal cells[N * 5], params[512], flat_params[64];
	void *memory;
	AePca pca;

	(void) state;
	flat.layout = mixed_layout(blocks);
	mixed_rows(cells, N);
	pca = components(&memory, cells, N, &flat.layout, CODE);
	ae_pca_install(flat_params, &flat, &pca);
	for (int i = 0; i < 3; i++)
	{
		AePass pass[2];
		AeCells rows = {.at = cells, .n_rows = N};
		char *room = NULL;
		AeArena arena = {0};

		/* hidden layers in both halves, or in one of them */
		net = (AeNet){.n_layers = i == 0 ? 4 : 3,
					  .n_encoder = i == 2 ? 1 : 2,
					  .skip = 1,
					  .layout = flat.layout,
					  .activation = {AE_GELU, AE_IDENTITY, AE_GELU}};
		memcpy(net.width,
			   i == 0   ? (uint32_t[]){8, 6, CODE, 5, 7}
			   : i == 1 ? (uint32_t[]){8, 6, CODE, 7, 0}
						: (uint32_t[]){8, CODE, 6, 7, 0},
			   5 * sizeof(uint32_t));
		if (i > 0)
			net.activation[i == 2 ? 0 : 2] = AE_IDENTITY, net.activation[i == 2 ? 1 : 0] = AE_GELU;
		if (i == 2)
			net.activation[2] = AE_IDENTITY;
		assert_int_equal(ae_net_check(&net, NULL), AE_OK);
		assert_true(ae_net_n_params(&net) < 512);
		ae_net_init(params, &net, 3, NULL);
		ae_pca_install(params, &net, &pca);
		for (int counted = 0; counted < 2; counted++)
		{
			room = counted ? malloc(arena.used + AE_ALIGN) : NULL;
			arena = (AeArena){.base = counted ? ae_arena_align(room) : NULL};
			for (int which = 0; which < 2; which++)
			{
				unit_place(&pass[which], &arena, which ? &net : &flat, N, false);
				ae_inputs_place(&pass[which].inputs, &arena, &net.layout, N, false, true);
			}
		}
		for (int which = 0; which < 2; which++)
		{
			ae_loss_inputs(&pass[which].inputs, &rows, &net.layout, NULL, ae_kernels_best());
			ae_net_forward(&pass[which], which ? params : flat_params, AE_PASS_SCORE);
		}
		for (size_t j = 0; j < N * CODE; j++)
			assert_true(fabs((double) pass[0].h[1][j] - (double) pass[1].h[net.n_encoder][j]) <
						1e-5);
		for (size_t j = 0; j < N * 7; j++)
			assert_true(fabs((double) pass[0].h[2][j] - (double) pass[1].h[net.n_layers][j]) <
						1e-5);
		free(room);
	}
	flat.skip = 1;
	assert_int_equal(ae_net_check(&flat, NULL), AE_ERR_LIMIT);
	free(memory);
}

/* Missing cells enter as 0; what overflows is told. */
static void
odd_cells(void **state)
{
	const AeReal with[] = {1, NAN, -1, 2, NAN, 4}, without[] = {1, 0, -1, 2, 0, 4};
	AeBlock block;
	AeLayout layout = numbers(&block, 2);
	void *memory, *other;
	AePca a = components(&memory, with, 3, &layout, 2),
		  b = components(&other, without, 3, &layout, 2);
	AeError error;
	bool again;

	(void) state;
	assert_memory_equal(a.vector, b.vector, 4 * sizeof(double));
	assert_memory_equal(a.value, b.value, 2 * sizeof(double));
	ae_pca_init(&a, memory, &layout, 2);
	assert_int_equal(ae_pca_end_pass(&again, &a, unit_compute(), &error), AE_ERR_SHAPE);
	a.cells[0] = a.cells[1] = (AeReal) INFINITY;
	ae_pca_add(&a, 1, unit_compute());
	assert_int_equal(ae_pca_end_pass(&again, &a, unit_compute(), &error), AE_ERR_DIVERGED);
	assert_int_equal(ae_pca_size(&(size_t){0}, &layout, 0, &error), AE_ERR_ARGUMENT);
	assert_int_equal(ae_pca_size(&(size_t){0}, &layout, 3, &error), AE_ERR_ARGUMENT);
	free(memory);
	free(other);
}

/* OpenBLAS's own, which no header of BLAS declares: threads would only wait for each other. */
extern void openblas_set_num_threads(int n_threads);

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(golden),
		cmocka_unit_test(solves_every_kind),
		cmocka_unit_test(rank),
		cmocka_unit_test(paths_begin_as_components),
		cmocka_unit_test(odd_cells),
	};

	openblas_set_num_threads(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
