/*
 * ae_pca.c: the covariance of rows in double, and its eigenvectors; see ae_pca.h.
 */
#include "ae_pca.h"

#include <math.h>
#include <string.h>

#include "ae_rng.h"

/* LAPACK's dsyevr wants (block size + 6) n numbers, 64 being the largest block size in use. */
#define WORK_PER_INPUT 70
#define INTEGERS_PER_INPUT 10

/* Dimensions of a subspace in addition to the components. */
#define MORE_DIMENSIONS 16

/* Multiply-adds of a block: about 50 ms. */
#define BLOCK_MACS 5e8
#define MAX_BLOCK 256
#define MIN_BLOCK 16

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
place(AePca *pca, AeArena *arena, const AeLayout *layout, size_t n_components)
{
	size_t n = ae_layout_inputs(layout), m, solved;
	double rows;

	memset(pca, 0, sizeof(*pca));
	pca->layout = layout;
	pca->n_inputs = n;
	pca->n_components = n_components;
	if (n > AE_PCA_WHOLE)
		pca->n_subspace = smaller(n_components + n_components / 2 + MORE_DIMENSIONS, AE_PCA_WHOLE);
	m = pca->n_subspace;
	solved = m ? m : n;
	rows = BLOCK_MACS / ((double) n * (double) (m ? 2 * m : n));
	pca->n_block = rows > MAX_BLOCK ? MAX_BLOCK : rows < MIN_BLOCK ? MIN_BLOCK : (size_t) rows;
	pca->cells = ae_arena_place_rows(arena, pca->n_block, ae_layout_cells(layout), sizeof(AeReal));
	ae_inputs_place(&pca->inputs, arena, layout, pca->n_block, false, true);
	pca->scale = ae_arena_place(arena, n, sizeof(double));
	pca->shift = ae_arena_place(arena, n, sizeof(double));
	pca->sum = ae_arena_place(arena, n, sizeof(double));
	pca->mean = ae_arena_place(arena, n, sizeof(double));
	pca->product = ae_arena_place_rows(arena, solved, n, sizeof(double));
	pca->centred = ae_arena_place_rows(arena, pca->n_block, n, sizeof(double));
	if (m)
	{
		pca->basis = ae_arena_place_rows(arena, m, n, sizeof(double));
		pca->small = ae_arena_place_rows(arena, m, m, sizeof(double));
		pca->rotation = ae_arena_place_rows(arena, m, m, sizeof(double));
		pca->projected = ae_arena_place_rows(arena, pca->n_block, m, sizeof(double));
	}
	pca->work = ae_arena_place_rows(arena, solved, WORK_PER_INPUT, sizeof(double));
	pca->iwork = ae_arena_place_rows(arena, solved, INTEGERS_PER_INPUT + 2, sizeof(int));
	pca->value = ae_arena_place(arena, n, sizeof(double));
	pca->vector = ae_arena_place_rows(arena, n_components, n, sizeof(double));
}

size_t
ae_pca_most(const AeLayout *layout)
{
	size_t n = ae_layout_inputs(layout);

	return n > AE_PCA_WHOLE ? AE_PCA_WHOLE - MORE_DIMENSIONS : n;
}

AeStatus
ae_pca_size(size_t *bytes, const AeLayout *layout, size_t n_components, AeError *error)
{
	size_t n = ae_layout_inputs(layout);
	AePca pca;
	AeArena arena = {.base = NULL, .used = AE_ALIGN, .overflow = false};

	if (n_components < 1 || n_components > ae_pca_most(layout))
		return ae_fail(error, AE_ERR_ARGUMENT, "number of components", (double) n_components, 1,
					   (double) ae_pca_most(layout));
	place(&pca, &arena, layout, n_components);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "number of inputs", (double) n, 1, AE_MAX_WIDTH);
	*bytes = arena.used;
	return AE_OK;
}

/* s, by input: 0 for indicators, which have no output of their own. */
static void
set_scale(double *scale, const AeLayout *layout)
{
	memset(scale, 0, ae_layout_inputs(layout) * sizeof(double));
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool category = ae_loss_is_category(block->loss);
		double weight = category ? block->weight : ae_block_share(block);
		double *at = scale + block->first + (category ? layout->n_indicators : 0);

		for (uint32_t j = 0; j < block->count; j++)
			at[j] = sqrt(weight);
	}
}

static void
begin_pass(AePca *pca)
{
	size_t n = pca->n_inputs;

	pca->n_rows = 0;
	pca->total = 0;
	memset(pca->sum, 0, n * sizeof(double));
	memset(pca->product, 0, (pca->n_subspace ? pca->n_subspace : n) * n * sizeof(double));
}

void
ae_pca_init(AePca *pca, void *block, const AeLayout *layout, size_t n_components)
{
	AeArena arena = {.base = ae_arena_align(block), .used = 0, .overflow = false};
	AeRng rng;

	place(pca, &arena, layout, n_components);
	set_scale(pca->scale, layout);
	memset(pca->shift, 0, pca->n_inputs * sizeof(double));
	begin_pass(pca);
	/* any directions will do, as long as they are always the same */
	ae_rng_init(&rng, 0, AE_STREAM_PCA, 0);
	for (size_t i = 0; i < pca->n_subspace * pca->n_inputs; i++)
		pca->basis[i] = 2 * ae_rng_uniform(&rng) - 1;
}

/* centred = s * (x - shift) */
static void
centre(AePca *pca)
{
	const AeInputs *rows = &pca->inputs;
	const AeLayout *layout = pca->layout;
	size_t n = pca->n_inputs, n_numbers = ae_layout_dense_inputs(layout);

	for (size_t i = 0; i < rows->n_rows; i++)
	{
		const AeReal *x = rows->x + i * n_numbers;
		const int32_t *levels = rows->levels + i * layout->n_categories;
		double *c = pca->centred + i * n;

		for (size_t j = 0; j < n_numbers; j++)
			c[j] = pca->scale[j] * ((double) x[j] - pca->shift[j]);
		for (size_t j = n_numbers; j < n; j++)
			c[j] = -pca->scale[j] * pca->shift[j];
		for (uint32_t k = 0; k < layout->n_categories; k++)
			if (levels[k] >= 0)
				c[levels[k]] += pca->scale[levels[k]];
	}
}

/* shift = mean of the rows. */
static void
set_shift(AePca *pca)
{
	const AeInputs *rows = &pca->inputs;
	const AeLayout *layout = pca->layout;
	size_t n_numbers = ae_layout_dense_inputs(layout);

	for (size_t i = 0; i < rows->n_rows; i++)
	{
		const int32_t *levels = rows->levels + i * layout->n_categories;

		for (size_t j = 0; j < n_numbers; j++)
			pca->shift[j] += (double) rows->x[i * n_numbers + j];
		for (uint32_t k = 0; k < layout->n_categories; k++)
			if (levels[k] >= 0)
				pca->shift[levels[k]] += 1;
	}
	for (size_t j = 0; j < pca->n_inputs; j++)
		pca->shift[j] /= (double) rows->n_rows;
}

static void
take_block(AePca *pca, size_t n_rows, const AeCompute *compute)
{
	AeCells cells = {.at = pca->cells, .n_rows = n_rows};

	cells.nullable = ae_loss_any_missing(cells.at, n_rows * ae_layout_cells(pca->layout));
	ae_loss_inputs(&pca->inputs, &cells, pca->layout, NULL, compute->kernels);
}

void
ae_pca_encode(AePca *pca, AeReal *codes, size_t n_rows, const AeCompute *compute)
{
	size_t n = pca->n_inputs;

	take_block(pca, n_rows, compute);
	memcpy(pca->shift, pca->mean, n * sizeof(double));
	centre(pca);
	for (size_t i = 0; i < n_rows; i++)
		for (size_t k = 0; k < pca->n_components; k++)
		{
			double code = 0;

			for (size_t j = 0; j < n; j++)
				code += pca->vector[k * n + j] * pca->centred[i * n + j];
			codes[i * pca->n_components + k] = (AeReal) code;
		}
}

void
ae_pca_add(AePca *pca, size_t n_rows, const AeCompute *compute)
{
	const AeBlas *blas = compute->blas;
	size_t n = pca->n_inputs;
	int count = (int) n_rows, width = (int) n, m = (int) pca->n_subspace;

	if (n_rows == 0)
		return;
	take_block(pca, n_rows, compute);
	if (pca->pass == 0 && pca->n_rows == 0)
		set_shift(pca);
	centre(pca);
	pca->n_rows += (double) n_rows;
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n; j++)
		{
			double c = pca->centred[i * n + j];

			pca->sum[j] += c;
			pca->total += c * c;
		}
	if (m == 0)
	{
		blas->dsyrk(CblasRowMajor, CblasUpper, CblasTrans, width, count, 1, pca->centred, width, 1,
					pca->product, width);
		return;
	}
	blas->dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, m, width, 1, pca->centred, width,
				pca->basis, width, 0, pca->projected, m);
	blas->dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, width, count, 1, pca->projected, m,
				pca->centred, width, 1, pca->product, width);
}

/* Turns sums into the mean and moments about it. */
static void
find_moments(AePca *pca)
{
	size_t n = pca->n_inputs;

	for (size_t j = 0; j < n; j++)
	{
		double mean = pca->sum[j] / pca->n_rows;

		pca->total -= mean * pca->sum[j];
		pca->mean[j] = pca->shift[j] + (pca->scale[j] > 0 ? mean / pca->scale[j] : 0);
	}
	pca->total = pca->total < 0 ? 0 : pca->total / pca->n_rows;
	if (pca->n_subspace == 0)
	{
		for (size_t j = 0; j < n; j++)
			for (size_t k = j; k < n; k++)
				pca->product[j * n + k] =
					(pca->product[j * n + k] - pca->sum[j] * pca->sum[k] / pca->n_rows) /
					pca->n_rows;
		return;
	}
	for (size_t i = 0; i < pca->n_subspace; i++)
	{
		double along = 0;

		for (size_t j = 0; j < n; j++)
			along += pca->basis[i * n + j] * pca->sum[j];
		for (size_t j = 0; j < n; j++)
			pca->product[i * n + j] =
				(pca->product[i * n + j] - along / pca->n_rows * pca->sum[j]) / pca->n_rows;
	}
}

/*
 * The k largest eigenvalues of a symmetric n x n matrix, whose upper triangle by rows is Fortran's
 * lower one by columns, into pca->value, descending; eigenvectors likewise into the rows of
 * vectors.  False where LAPACK fails.  Overwrites the matrix.
 */
static bool
solve(double *vectors, double *matrix, size_t n, size_t k, AePca *pca, const AeBlas *blas)
{
	int order = (int) n, first = (int) (n - k + 1), info = 0, found = 0;
	int n_work = (int) (n * WORK_PER_INPUT), n_integers = (int) (n * INTEGERS_PER_INPUT);
	double unused = 0;

	blas->dsyevr("V", "I", "L", &order, matrix, &order, &unused, &unused, &first, &order, &unused,
				 &found, pca->value, vectors, &order, pca->iwork + n_integers, pca->work, &n_work,
				 pca->iwork, &n_integers, &info, 1, 1, 1);
	if (info != 0 || (size_t) found != k)
		return false;
	/* LAPACK returns them in ascending order */
	for (size_t i = 0; i < k / 2; i++)
	{
		double swap = pca->value[i];

		pca->value[i] = pca->value[k - 1 - i];
		pca->value[k - 1 - i] = swap;
		for (size_t j = 0; j < n; j++)
		{
			swap = vectors[i * n + j];
			vectors[i * n + j] = vectors[(k - 1 - i) * n + j];
			vectors[(k - 1 - i) * n + j] = swap;
		}
	}
	return true;
}

/*
 * basis = an orthonormal basis of the rows Y of product: with U the eigenvectors of Y Y^T and L the
 * eigenvalues, the rows of L^(-1/2) U^T Y; done twice, as the first time loses precision with the
 * square of Y's condition. Rows beyond the rank become 0.
 */
static bool
orthonormalise(AePca *pca, const AeCompute *compute)
{
	int n = (int) pca->n_inputs, m = (int) pca->n_subspace;

	for (int time = 0; time < 2; time++)
	{
		ae_check(compute->check);
		compute->blas->dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, m, n, 1, pca->product, n,
							 pca->product, n, 0, pca->small, m);
		if (!solve(pca->rotation, pca->small, (size_t) m, (size_t) m, pca, compute->blas))
			return false;
		for (int i = 0; i < m; i++)
		{
			bool lost = !(pca->value[i] > AE_PCA_RANK * pca->value[0]);

			for (int j = 0; j < m; j++)
				pca->rotation[i * m + j] =
					lost ? 0 : pca->rotation[i * m + j] / sqrt(pca->value[i]);
		}
		ae_check(compute->check);
		compute->blas->dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, m, 1, pca->rotation,
							 m, pca->product, n, 0, pca->basis, n);
		memcpy(pca->product, pca->basis, (size_t) m * (size_t) n * sizeof(double));
	}
	return true;
}

/* The components within the subspace: eigenvectors of basis C basis^T, transformed back. */
static bool
solve_subspace(AePca *pca, const AeBlas *blas)
{
	int n = (int) pca->n_inputs, m = (int) pca->n_subspace, k = (int) pca->n_components;

	blas->dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, m, n, 1, pca->basis, n, pca->product, n,
				0, pca->small, m);
	if (!solve(pca->rotation, pca->small, (size_t) m, pca->n_components, pca, blas))
		return false;
	blas->dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, k, n, m, 1, pca->rotation, m, pca->basis,
				n, 0, pca->vector, n);
	return true;
}

/*
 * Chooses the sign of each eigenvector so that its largest entry is positive, the first one of
 * those equal up to rounding. Beyond the rank it is 0.
 */
static void
settle(AePca *pca)
{
	size_t n = pca->n_inputs;

	pca->rank = 0;
	for (size_t i = 0; i < pca->n_components; i++)
	{
		double *v = pca->vector + i * n, largest = 0, sign;
		size_t at = 0;

		if (!(pca->value[i] > AE_PCA_RANK * pca->value[0]))
		{
			pca->value[i] = 0;
			memset(v, 0, n * sizeof(double));
			continue;
		}
		pca->rank++;
		for (size_t j = 0; j < n; j++)
			largest = fmax(largest, fabs(v[j]));
		while (fabs(v[at]) < largest * (1 - 1e-6))
			at++;
		sign = v[at] < 0 ? -1 : 1;
		for (size_t j = 0; j < n; j++)
			v[j] *= sign;
	}
}

AeStatus
ae_pca_end_pass(bool *again, AePca *pca, const AeCompute *compute, AeError *error)
{
	bool solved;

	*again = false;
	if (pca->n_rows == 0)
		return ae_fail(error, AE_ERR_SHAPE, "number of rows", 0, 1, 1e15);
	find_moments(pca);
	pca->pass++;
	if (!isfinite(pca->total))
		return ae_fail(error, AE_ERR_DIVERGED, "principal components", 0, 0, 0);
	if (pca->n_subspace > 0 && pca->pass < AE_PCA_PASSES)
	{
		if (!orthonormalise(pca, compute))
			return ae_fail(error, AE_ERR_DIVERGED, "principal components", 0, 0, 0);
		begin_pass(pca);
		*again = true;
		return AE_OK;
	}
	ae_check(compute->check);
	solved = pca->n_subspace > 0 ? solve_subspace(pca, compute->blas)
								 : solve(pca->vector, pca->product, pca->n_inputs,
										 pca->n_components, pca, compute->blas);
	if (!solved)
		return ae_fail(error, AE_ERR_DIVERGED, "principal components", 0, 0, 0);
	settle(pca);
	return AE_OK;
}

bool
ae_pca_fits(const AeLayout *layout)
{
	for (uint32_t b = 0; b < layout->n_blocks; b++)
		if (layout->blocks[b].loss != AE_LOSS_MSE && layout->blocks[b].loss != AE_LOSS_ONEHOT)
			return false;
	return true;
}

double
ae_pca_loss(const AePca *pca)
{
	double left = pca->total;

	for (size_t i = 0; i < pca->n_components; i++)
		left -= pca->value[i];
	return fmax(left, 0) / pca->layout->n_columns;
}

/*
 * The linear part of layer l within its W: behind the weights of the layer below, which become 0;
 * or all of W, if l is the first layer of its half.
 */
static AeReal *
linear_part(AeReal *params, const AeNet *net, uint32_t l)
{
	AeReal *w = params + ae_net_offset(net, l);
	size_t own = (size_t) net->width[l] * net->width[l + 1];

	if (ae_net_beside(net, l) == 0)
		return w;
	memset(w, 0, own * sizeof(AeReal));
	return w + own;
}

/* W = diag(s) V, b = -(s m) V of the encoder. */
static void
install_encoder(AeReal *w, AeReal *bias, size_t n_code, const AePca *pca)
{
	size_t n = pca->n_inputs;

	memset(w, 0, n * n_code * sizeof(AeReal));
	memset(bias, 0, n_code * sizeof(AeReal));
	for (size_t i = 0; i < pca->n_components && i < n_code; i++)
	{
		const double *v = pca->vector + i * n;
		double at_mean = 0;

		for (size_t j = 0; j < n; j++)
		{
			w[j * n_code + i] = (AeReal) (pca->scale[j] * v[j]);
			at_mean += pca->scale[j] * v[j] * pca->mean[j];
		}
		bias[i] = (AeReal) -at_mean;
	}
}

/* W = V^T diag(1 / s), b = m of the outputs of a block. */
static void
install_block(AeReal *w, AeReal *bias, const AeBlock *block, size_t n_out, const AePca *pca)
{
	/* indicators are inputs without an output */
	size_t skipped = ae_loss_is_category(block->loss) ? pca->layout->n_indicators : 0;

	for (size_t o = block->first; o < block->first + block->count; o++)
	{
		size_t j = o + skipped;

		for (size_t i = 0; i < pca->n_components; i++)
			if (pca->scale[j] > 0)
				w[i * n_out + o] = (AeReal) (pca->vector[i * pca->n_inputs + j] / pca->scale[j]);
		bias[o] = (AeReal) pca->mean[j];
	}
}

void
ae_pca_install(AeReal *params, const AeNet *net, const AePca *pca)
{
	const AeLayout *layout = pca->layout;
	uint32_t code = net->n_encoder - 1, last = net->n_layers - 1;
	size_t n_code = net->width[net->n_encoder], n_out = net->width[net->n_layers];
	AeReal *bias = params + ae_net_bias_offset(net, last), *w;

	install_encoder(linear_part(params, net, code), params + ae_net_bias_offset(net, code), n_code,
					pca);
	w = linear_part(params, net, last);
	memset(w, 0, n_code * n_out * sizeof(AeReal));
	memset(bias, 0, n_out * sizeof(AeReal));
	for (uint32_t b = 0; b < layout->n_blocks; b++)
		if (ae_loss_is_distance(layout->blocks[b].loss) || layout->blocks[b].loss == AE_LOSS_ONEHOT)
			install_block(w, bias, &layout->blocks[b], n_out, pca);
}
