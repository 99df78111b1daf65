/*
 * ae_recall.c: finds neighbours by cells and by codes.
 */
#include "ae_recall.h"

#include <math.h>
#include <string.h>

void
ae_recall_place(AeRecall *recall, AeArena *arena, const AeLayout *layout, size_t n,
				const size_t n_code[AE_RECALL_CODES])
{
	memset(recall, 0, sizeof *recall);
	recall->n = n;
	recall->cells = ae_arena_place_rows(arena, n, ae_layout_cells(layout), sizeof(AeReal));
	for (size_t s = 0; s < AE_RECALL_CODES; s++)
	{
		recall->n_code[s] = n_code[s];
		if (n_code[s] > 0)
			recall->codes[s] = ae_arena_place_rows(arena, n, n_code[s], sizeof(AeReal));
	}
	recall->near = ae_arena_place(arena, n, sizeof(double));
	recall->length = ae_arena_place(arena, n, sizeof(double));
	recall->root = ae_arena_place(arena, layout->n_dense, sizeof(AeReal));
	recall->share = ae_arena_place(arena, layout->n_dense, sizeof(double));
}

/* The length of a row, without missing cells. */
static double
row_length(const AeLayout *layout, const AeReal *row)
{
	const AeBlock *block = layout->blocks + layout->n_blocks - layout->n_categories;
	double sum = 0;

	for (uint32_t j = 0; j < layout->n_dense; j++)
		sum += row[j] == row[j] ? (double) row[j] * (double) row[j] : 0;
	for (uint32_t c = 0; c < layout->n_categories; c++)
		sum += row[layout->n_dense + c] >= 0 ? block[c].weight : 0;
	return sqrt(sum);
}

void
ae_recall_begin(AeRecall *recall, const AeLayout *layout, const AeKernels *kernels, bool cosine)
{
	size_t n_cells = ae_layout_cells(layout);

	recall->layout = layout;
	recall->kernels = kernels;
	recall->cosine = cosine;
	for (uint32_t b = 0; b < layout->n_blocks - layout->n_categories; b++)
	{
		const AeBlock *block = &layout->blocks[b];
		double part = ae_block_share(block);

		for (uint32_t j = block->first; j < block->first + block->count; j++)
		{
			recall->root[j] = (AeReal) sqrt(part);
			recall->share[j] = part;
		}
	}
	recall->nullable = ae_loss_any_missing(recall->cells, recall->n * n_cells);
	for (size_t i = 0; i < recall->n; i++)
	{
		AeReal *row = recall->cells + i * n_cells;

		for (uint32_t j = 0; j < layout->n_dense; j++)
			row[j] *= recall->root[j];
		recall->length[i] = cosine ? row_length(layout, row) : 1;
	}
	for (size_t s = 0; s < AE_RECALL_CODES; s++)
		if (cosine && recall->codes[s])
			ae_normalise_rows(recall->codes[s], NULL, recall->n, recall->n_code[s], kernels);
}

/* The squared distance of two rows in their numbers; sums the columns that both have. */
static double
dense_distance(double *known, const AeRecall *recall, const AeReal *a, const AeReal *b)
{
	double sum = 0;

	for (uint32_t j = 0; j < recall->layout->n_dense; j++)
	{
		double d = (double) a[j] - (double) b[j];

		if (d != d)
			continue;
		sum += d * d;
		*known += recall->share[j];
	}
	return sum;
}

/* The squared distance of two rows. */
static double
distance(const AeRecall *recall, const AeReal *a, const AeReal *b)
{
	const AeLayout *layout = recall->layout;
	const AeBlock *block = layout->blocks + layout->n_blocks - layout->n_categories;
	uint32_t n_columns = 0;
	double known = 0, sum;

	if (!recall->nullable)
		sum = recall->kernels->square_error(a, b, layout->n_dense);
	else
		sum = dense_distance(&known, recall, a, b);
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		AeReal x = a[layout->n_dense + c], y = b[layout->n_dense + c];

		if (x != x || y != y)
			continue;
		n_columns++;
		sum += x != y ? 2 * block[c].weight : 0;
	}
	if (!recall->nullable)
		return sum;
	known += n_columns;
	return known > 0 ? sum * layout->n_columns / known : INFINITY;
}

/* The squared distance of rows of those lengths after scaling them to length 1. */
static double
cosine_distance(double square, double a, double b)
{
	return a > 0 && b > 0 ? 2 - (a * a + b * b - square) / (a * b) : square;
}

/* Inserts (distance, row) into the n <= k nearest so far; returns how many there are now. */
static size_t
keep(double *nearest, size_t *rows, size_t n, double distance, size_t row)
{
	size_t at = n < AE_RECALL_K ? n : AE_RECALL_K - 1;

	if (n == AE_RECALL_K && !(distance < nearest[at]))
		return n;
	for (; at > 0 && distance < nearest[at - 1]; at--)
	{
		nearest[at] = nearest[at - 1];
		rows[at] = rows[at - 1];
	}
	nearest[at] = distance;
	rows[at] = row;
	return n < AE_RECALL_K ? n + 1 : n;
}

void
ae_recall_ask(AeRecall *recall, size_t i)
{
	size_t n_cells = ae_layout_cells(recall->layout), n = 0, rows[AE_RECALL_K];
	const AeReal *query = recall->cells + i * n_cells;
	double nearest[AE_RECALL_K], farthest;

	for (size_t j = 0; j < recall->n; j++)
	{
		recall->near[j] = distance(recall, query, recall->cells + j * n_cells);
		if (recall->cosine)
			recall->near[j] =
				cosine_distance(recall->near[j], recall->length[i], recall->length[j]);
		if (j != i)
			n = keep(nearest, rows, n, recall->near[j], j);
	}
	if (n == 0)
		return;
	farthest = nearest[n - 1];
	recall->n_asked++;
	for (size_t s = 0; s < AE_RECALL_CODES; s++)
	{
		const AeReal *codes = recall->codes[s];
		size_t width = recall->n_code[s], found = 0, hits = 0;

		for (size_t j = 0; codes && j < recall->n; j++)
			if (j != i)
				found = keep(
					nearest, rows, found,
					recall->kernels->square_error(codes + i * width, codes + j * width, width), j);
		for (size_t k = 0; k < found; k++)
			hits += recall->near[rows[k]] <= farthest;
		recall->hits[s] += found > 0 ? (double) hits / (double) found : 0;
	}
}

double
ae_recall_of(const AeRecall *recall, size_t set)
{
	if (recall->n_asked == 0 || !recall->codes[set])
		return NAN;
	return recall->hits[set] / (double) recall->n_asked;
}
