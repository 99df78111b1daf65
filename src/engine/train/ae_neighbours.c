/*
 * ae_neighbours.c: a code that keeps neighbours, as a term of the loss.
 *
 * For the n rows of a minibatch (or of a group of at most MAX_GROUP of them), with D_ij the squared
 * distance of two rows, d_ij that of their codes, and s_i half the distance from row i to its k-th
 * nearest,
 *
 *     p_ij = exp(-D_ij / s_i^2) / sum_{l != i} exp(-D_il / s_i^2)      q_ij likewise of d_ij
 *     loss_i = sum_{j != i} p_ij log(p_ij / q_ij)
 *
 * so that codes of near rows are near, at the same distance, and those of others are not, at
 * whatever distance. With G_ij = (p_ij - q_ij) / s_i^2, S = G + G^T and r its row sums, the
 * gradient with respect to the codes H is 2 (diag(r) - S) H.
 *
 * With w the weight of the term and R the loss of the reconstruction (and of the target), the
 * encoder minimises w loss + (1 - w) R and the decoder R, whatever w: with w = 1 it learns to read
 * a code that only keeps neighbours. They do not minimise the same function, so L-BFGS has nothing
 * to search along.
 *
 * Distances are in scaled inputs; every column counts once, as in the loss (ae_loss.h), and D_ij is
 * computed from the columns that both rows have, divided by their share. metric cosine scales rows
 * and codes to length 1.
 *
 * Sources: Hinton, Roweis, "Stochastic neighbor embedding", NIPS 2002, with one s for both sides;
 * van der Maaten, "Learning a parametric embedding by preserving local structure", AISTATS 2009.
 */
#include <math.h>
#include <string.h>

#include "ae_part.h"

/* The most rows among which neighbours are searched. */
#define MAX_GROUP 1024

/*
 * A scale is at least this share of its group's mean, so that near copies do not dominate the
 * gradient.
 */
#define LEAST_SCALE 0.01

/* Stands for a row's distance to itself. */
#define FAR (-1e9)

typedef struct Neighbours
{
	size_t n_inputs; /* dense cells, and levels */
	size_t n_group;  /* the most rows of a group */
	AeReal *root;    /* n_inputs: square root of the weight of a squared difference */
	AeReal *share;   /* n_inputs: its share of its column */
	AeReal *x;       /* n_group x n_inputs: rows times root, missing ones 0 */
	AeReal *known;   /* likewise: 1, or 0 where it is missing */
	AeReal *other;   /* likewise: x^2, known * share */
	AeReal *unit;    /* n_group x n_code: codes of length 1; only for cosine */
	AeReal *near;    /* n_group x n_group: D, then p */
	AeReal *code;    /* likewise: d, then q, then S */
	AeReal *both;    /* likewise: share of columns that two rows have */
	AeReal *square;  /* n_group */
	AeReal *length;  /* n_group: of codes; only for cosine */
	double *scale;   /* n_group: s^2; 0 if the row has no neighbour except equal rows */
	double *nearest; /* k */
	AeReal *d;       /* slice_rows x n_code: gradient with respect to the codes */
	AeReal rest;     /* weight of all other losses for the encoder */
} Neighbours;

static bool
used(const AeNet *net, const AeTrainOptions *options)
{
	(void) net;
	return options->neighbours_weight > 0;
}

/* Distances jump when a unit is dropped. */
static AeStatus
check(const AeNet *net, const AeTrainOptions *o, AeError *error)
{
	if (!used(net, o))
		return AE_OK;
	if (o->optimizer == AE_OPTIMIZER_LBFGS)
		return ae_fail(error, AE_ERR_ARGUMENT, "neighbours_weight under lbfgs",
					   o->neighbours_weight, 0, 0);
	if (o->neighbours_k == 0)
		return ae_fail(error, AE_ERR_ARGUMENT, "neighbours_k", 0, 1, 1023);
	if (net->top_k > 0 || net->gated)
		return ae_fail(error, AE_ERR_ARGUMENT, "neighbours_weight beside a gate",
					   o->neighbours_weight, 0, 0);
	return AE_OK;
}

static size_t
n_inputs_of(const AeLayout *layout)
{
	return layout->n_dense + layout->n_levels;
}

static double
macs(const AeNet *net, const AeTrainOptions *options)
{
	size_t n = options->batch_size < MAX_GROUP ? options->batch_size : MAX_GROUP;

	return (double) n * (double) (n_inputs_of(&net->layout) + 3 * net->width[net->n_encoder] + 16);
}

static void
set_weights(Neighbours *s, const AeLayout *layout)
{
	for (uint32_t b = 0; b < layout->n_blocks; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		bool category = ae_loss_is_category(block->loss);
		double part = ae_block_share(block);

		for (uint32_t j = block->first; j < block->first + block->count; j++)
		{
			s->root[j] = (AeReal) sqrt(category ? block->weight : part);
			s->share[j] = (AeReal) (part / layout->n_columns);
		}
	}
}

/* The code's gradient: its share of that from the decoder, plus that of the term. */
static void
add_gradient(void *state, AeDescent *at)
{
	const Neighbours *s = state;
	size_t n = at->pass->n_rows * at->pass->net->width[at->l + 1];

	if (at->l + 1 != at->pass->net->n_encoder)
		return;
	for (size_t i = 0; i < n; i++)
		at->d[i] = s->rest * at->d[i] + s->d[i];
}

static const AeHooks hooks = {.after_back = add_gradient};

static void *
place(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting, size_t own)
{
	const AeLayout *layout = &setup->net->layout;
	size_t n_code = setup->net->width[setup->net->n_encoder], n, m;
	Neighbours *home = ae_arena_place(arena, 1, sizeof(Neighbours)), s = {0};

	(void) lasting;
	(void) own;
	s.n_inputs = m = n_inputs_of(layout);
	s.n_group = n = setup->slice_rows < MAX_GROUP ? setup->slice_rows : MAX_GROUP;
	s.root = ae_arena_place(arena, m, sizeof(AeReal));
	s.share = ae_arena_place(arena, m, sizeof(AeReal));
	s.x = ae_arena_place_rows(arena, n, m, sizeof(AeReal));
	s.known = ae_arena_place_rows(arena, n, m, sizeof(AeReal));
	s.other = ae_arena_place_rows(arena, n, m, sizeof(AeReal));
	s.unit = ae_arena_place_rows(arena, n, n_code, sizeof(AeReal));
	s.near = ae_arena_place_rows(arena, n, n, sizeof(AeReal));
	s.code = ae_arena_place_rows(arena, n, n, sizeof(AeReal));
	s.both = ae_arena_place_rows(arena, n, n, sizeof(AeReal));
	s.square = ae_arena_place(arena, n, sizeof(AeReal));
	s.length = ae_arena_place(arena, n, sizeof(AeReal));
	s.scale = ae_arena_place(arena, n, sizeof(double));
	s.nearest = ae_arena_place(arena, setup->options->neighbours_k, sizeof(double));
	s.d = ae_arena_place_rows(arena, setup->slice_rows, n_code, sizeof(AeReal));
	s.rest = (AeReal) (1 - setup->options->neighbours_weight);
	if (home)
	{
		*home = s;
		set_weights(home, layout);
	}
	ae_net_hook(pass, &hooks, home);
	return home;
}

/* Sets x and known for n rows of cells; returns whether anything is missing. */
static bool
take_rows(Neighbours *s, const AeReal *cells, size_t n, const AeLayout *layout)
{
	size_t n_cells = ae_layout_cells(layout), m = s->n_inputs;
	bool missing = false;

	for (size_t i = 0; i < n; i++)
	{
		const AeReal *row = cells + i * n_cells;
		AeReal *x = s->x + i * m, *known = s->known + i * m;
		uint32_t cell = layout->n_dense;

		for (uint32_t j = 0; j < layout->n_dense; j++)
		{
			bool is_known = row[j] == row[j];

			known[j] = is_known;
			x[j] = is_known ? row[j] * s->root[j] : 0;
			missing |= !is_known;
		}
		for (uint32_t b = layout->n_blocks - layout->n_categories; b < layout->n_blocks; b++)
		{
			const AeBlock *block = &layout->blocks[b];
			AeReal level = row[cell++];

			for (uint32_t j = 0; j < block->count; j++)
			{
				known[block->first + j] = level == level;
				x[block->first + j] = level == (AeReal) j ? s->root[block->first + j] : 0;
			}
			missing |= level != level;
		}
	}
	return missing;
}

/*
 * Subtracts the mean of the known values of each input from x, as distances are differences of
 * larger numbers.
 */
static void
centre(Neighbours *s, size_t n)
{
	size_t m = s->n_inputs;

	for (size_t j = 0; j < m; j++)
	{
		double sum = 0, count = 0;
		AeReal mean;

		for (size_t i = 0; i < n; i++)
		{
			sum += (double) s->x[i * m + j];
			count += (double) s->known[i * m + j];
		}
		mean = (AeReal) (count > 0 ? sum / count : 0);
		for (size_t i = 0; i < n; i++)
			s->x[i * m + j] -= mean * s->known[i * m + j];
	}
}

/* out: n x n = squared distances of rows without missing cells. */
static void
distances(AeReal *out, AeReal *square, const AeReal *rows, size_t n, size_t width,
		  const AeCompute *compute)
{
	AeMatrix m = ae_matrix(rows, n, width);

	ae_multiply(out, n, -2, m, ae_transposed(m), 0, compute);
	for (size_t i = 0; i < n; i++)
		square[i] = (AeReal) compute->kernels->dot(rows + i * width, rows + i * width, width);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
		{
			AeReal d = out[i * n + j] + square[i] + square[j];

			out[i * n + j] = d > 0 && i != j ? d : 0;
		}
}

/*
 * The same for rows with missing cells: the sum of (x_i - x_j)^2 over the columns that both have,
 * divided by their share; rows without common columns are as far apart as any.
 */
static void
gap_distances(Neighbours *s, size_t n, const AeCompute *compute)
{
	size_t m = s->n_inputs;
	AeMatrix x = ae_matrix(s->x, n, m), known = ae_matrix(s->known, n, m);
	AeMatrix other = ae_matrix(s->other, n, m);
	AeReal farthest = 0;

	for (size_t i = 0; i < n * m; i++)
		s->other[i] = s->x[i] * s->x[i];
	ae_multiply(s->near, n, 1, other, ae_transposed(known), 0, compute);
	ae_multiply(s->near, n, 1, known, ae_transposed(other), 1, compute);
	ae_multiply(s->near, n, -2, x, ae_transposed(x), 1, compute);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			s->other[i * m + j] = s->known[i * m + j] * s->share[j];
	ae_multiply(s->both, n, 1, other, ae_transposed(known), 0, compute);
	for (size_t i = 0; i < n * n; i++)
	{
		AeReal d = s->both[i] > 0 ? s->near[i] / s->both[i] : 0;

		s->near[i] = d > 0 && i % (n + 1) != 0 ? d : 0;
		farthest = s->near[i] > farthest ? s->near[i] : farthest;
	}
	for (size_t i = 0; i < n * n; i++)
		if (!(s->both[i] > 0))
			s->near[i] = farthest;
}

/* s_i^2 = a quarter of the k-th smallest D_ij. */
static void
find_scales(Neighbours *s, size_t n, size_t k)
{
	double mean = 0;

	for (size_t i = 0; i < n; i++)
	{
		size_t found = 0;

		for (size_t j = 0; j < n; j++)
		{
			double d = (double) s->near[i * n + j];
			size_t at;

			if (i == j || (found == k && d >= s->nearest[k - 1]))
				continue;
			at = found < k ? found++ : k - 1;
			for (; at > 0 && s->nearest[at - 1] > d; at--)
				s->nearest[at] = s->nearest[at - 1];
			s->nearest[at] = d;
		}
		s->scale[i] = s->nearest[found - 1] / 4;
		mean += s->scale[i] / (double) n;
	}
	for (size_t i = 0; i < n; i++)
		if (s->scale[i] < LEAST_SCALE * LEAST_SCALE * mean)
			s->scale[i] = LEAST_SCALE * LEAST_SCALE * mean;
}

/* Sets near = p and code = q; returns the sum of the divergences of rows. */
static double
compare(Neighbours *s, size_t n, const AeKernels *kernels)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		AeReal *z = s->near + i * n, *y = s->code + i * n;
		double total, code_total, cross = 0;
		AeReal factor = (AeReal) (-1 / s->scale[i]);

		for (size_t j = 0; j < n; j++)
		{
			z[j] *= factor;
			y[j] *= factor;
		}
		z[i] = y[i] = (AeReal) FAR;
		/* sum p (z - y): p goes into scratch, as z is still needed */
		total = kernels->softmax(s->both, z, n);
		for (size_t j = 0; j < n; j++)
			cross += (double) s->both[j] * ((double) z[j] - (double) y[j]);
		memcpy(z, s->both, n * sizeof(AeReal));
		code_total = kernels->softmax(s->both, y, n);
		memcpy(y, s->both, n * sizeof(AeReal));
		sum += cross - total + code_total;
	}
	return sum;
}

/*
 * d = share times the gradient with respect to the codes h: n x n_code, from which p and q were
 * computed.
 */
static void
gradient(AeReal *d, Neighbours *s, const AeReal *h, size_t n, size_t n_code, double share,
		 const AeCompute *compute)
{
	for (size_t i = 0; i < n; i++)
	{
		AeReal factor = (AeReal) (2 * share / s->scale[i]);

		for (size_t j = 0; j < n; j++)
			s->near[i * n + j] = factor * (s->near[i * n + j] - s->code[i * n + j]);
	}
	for (size_t i = 0; i < n; i++)
	{
		double sum = 0;

		for (size_t j = 0; j < n; j++)
		{
			s->code[i * n + j] = -(s->near[i * n + j] + s->near[j * n + i]);
			sum -= (double) s->code[i * n + j];
		}
		s->code[i * n + i] += (AeReal) sum;
	}
	ae_multiply(d, n_code, 1, ae_matrix(s->code, n, n), ae_matrix(h, n, n_code), 0, compute);
}

/*
 * Turns the gradient with respect to codes of length 1 into that with respect to codes: removes the
 * component that changes their length.
 */
static void
turn_gradient(AeReal *d, const Neighbours *s, size_t n, size_t n_code, const AeKernels *kernels)
{
	for (size_t i = 0; i < n; i++)
	{
		AeReal *row = d + i * n_code;
		const AeReal *unit = s->unit + i * n_code;
		AeReal along = (AeReal) kernels->dot(row, unit, n_code);

		for (size_t j = 0; j < n_code; j++)
			row[j] = s->length[i] > 0 ? (row[j] - along * unit[j]) / s->length[i] : 0;
	}
}

/* The sum over n rows of a group; with d not NULL also share times its gradient. */
static double
group(AeReal *d, Neighbours *s, const AeReal *cells, const AeReal *h, size_t n,
	  const AeSlice *slice)
{
	const AeTrainOptions *o = slice->options;
	const AeCompute *compute = &slice->pass->compute;
	const AeNet *net = slice->pass->net;
	size_t n_code = net->width[net->n_encoder],
		   k = o->neighbours_k < n - 1 ? o->neighbours_k : n - 1;
	bool cosine = o->neighbours_metric == AE_METRIC_COSINE, gaps;
	double sum;

	if (d)
		memset(d, 0, n * n_code * sizeof(AeReal));
	if (n < 3)
		return 0;
	ae_check(compute->check);
	gaps = take_rows(s, cells, n, &net->layout);
	if (cosine)
		ae_normalise_rows(s->x, NULL, n, s->n_inputs, compute->kernels);
	centre(s, n);
	if (gaps)
		gap_distances(s, n, compute);
	else
		distances(s->near, s->square, s->x, n, s->n_inputs, compute);
	find_scales(s, n, k);
	if (!(s->scale[0] > 0))
		return 0; /* all rows are equal */
	if (cosine)
	{
		memcpy(s->unit, h, n * n_code * sizeof(AeReal));
		ae_normalise_rows(s->unit, s->length, n, n_code, compute->kernels);
		h = s->unit;
	}
	distances(s->code, s->square, h, n, n_code, compute);
	sum = compare(s, n, compute->kernels);
	if (!d)
		return sum;
	gradient(d, s, h, n, n_code, slice->share * o->neighbours_weight, compute);
	if (cosine)
		turn_gradient(d, s, n, n_code, compute->kernels);
	return sum;
}

/* The sizes of a slice's groups differ by at most one row. */
static double
groups(Neighbours *s, AeReal *d, const AeSlice *slice)
{
	const AeNet *net = slice->pass->net;
	const AeReal *codes = slice->pass->h[net->n_encoder];
	size_t n = slice->pass->n_rows, n_code = net->width[net->n_encoder];
	size_t n_cells = ae_layout_cells(&net->layout);
	size_t n_groups = (n + s->n_group - 1) / s->n_group;
	double sum = 0;

	for (size_t g = 0; g < n_groups; g++)
	{
		size_t first = g * n / n_groups, end = (g + 1) * n / n_groups;

		sum += group(d ? d + first * n_code : NULL, s, slice->cells->at + first * n_cells,
					 codes + first * n_code, end - first, slice);
	}
	return sum;
}

static double
loss(void *state, AeSlice *slice)
{
	Neighbours *s = state;

	return groups(s, s->d, slice);
}

static double
validate(void *state, const AeSlice *slice)
{
	return groups(state, NULL, slice);
}

static double
factor(const AeTrainOptions *options)
{
	return options->neighbours_weight;
}

const AePart ae_neighbours_part = {
	.name = "neighbours",
	.used = used,
	.check = check,
	.macs = macs,
	.place = place,
	.factor = factor,
	.loss = loss,
	.validate = validate,
};
