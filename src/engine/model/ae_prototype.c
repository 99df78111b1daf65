/*
 * ae_prototype.c: distances of a row to prototypes.
 *
 * Of a row that misses nothing all distances are one matrix product: with cells weighted by
 * the square roots of their weights, D^2 n_columns = |x|^2 - 2 (x p - |p|^2 / 2) + the
 * categories, whose 2 w [levels differ] is 2 w - 2 w [levels agree].  A row that misses cells
 * goes the slow way, cell by cell.  Knows no BLAS and no libm but sqrt.
 */
#include "ae_prototype.h"

#include <math.h>
#include <string.h>

void
ae_distance_place(AeDistance *distance, AeArena *arena, const AePrototypes *prototypes,
				  const AeLayout *layout)
{
	size_t n = prototypes->n, n_dense = n > 0 ? layout->n_dense : 0;
	size_t n_levels = n > 0 ? layout->n_levels : 0;

	distance->root = ae_arena_place(arena, n_dense, sizeof(AeReal));
	distance->weighted = ae_arena_place(arena, n_dense * n, sizeof(AeReal));
	distance->panels =
		ae_arena_place(arena, n > 0 ? ae_kernel_packed_count(n_dense, n) : 0, sizeof(AeReal));
	distance->bias = ae_arena_place(arena, n, sizeof(AeReal));
	distance->match = ae_arena_place(arena, n_levels * n, sizeof(AeReal));
	distance->zero = ae_arena_place(arena, n_dense, sizeof(AeReal));
}

void
ae_nearest_place(AeNearest *nearest, AeArena *arena, uint32_t n, const AeLayout *layout)
{
	nearest->x = ae_arena_place(arena, n > 0 ? layout->n_dense : 0, sizeof(AeReal));
	nearest->y = ae_arena_place(arena, n, sizeof(AeReal));
	nearest->square = ae_arena_place(arena, n, sizeof(double));
}

/* The number of a category's block among categories. */
static uint32_t
first_category(const AeLayout *layout)
{
	return layout->n_blocks - layout->n_categories;
}

/* match[level] of every category: its weight for the prototypes of that level. */
static void
fill_match(AeDistance *distance)
{
	const AeLayout *layout = distance->layout;
	size_t n = distance->prototypes->n, n_cells = ae_layout_cells(layout);

	memset(distance->match, 0, layout->n_levels * n * sizeof(AeReal));
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + c];

		/* no prototype has the level of a wide one: `other` is many levels */
		for (size_t k = 0; k < n && block->tag == 0; k++)
		{
			uint32_t level =
				(uint32_t) distance->prototypes->cells[k * n_cells + layout->n_dense + c];

			distance->match[(block->first - layout->n_dense + level) * n + k] =
				(AeReal) block->weight;
		}
	}
}

void
ae_distance_init(AeDistance *distance, const AePrototypes *prototypes, const AeLayout *layout,
				 const AeKernels *kernels)
{
	size_t n = prototypes->n, n_dense = layout->n_dense, n_cells = ae_layout_cells(layout);
	AeReal *weighted = distance->weighted;

	distance->prototypes = prototypes;
	distance->layout = layout;
	distance->kernels = kernels;
	if (n == 0)
		return;
	for (uint32_t b = 0; b < first_category(layout); b++)
	{
		const AeBlock *block = &layout->blocks[b];

		for (uint32_t j = block->first; j < block->first + block->count; j++)
			distance->root[j] = (AeReal) (block->grouped ? sqrt(1.0 / block->count) : 1.0);
	}
	memset(distance->zero, 0, n_dense * sizeof(AeReal));
	for (size_t k = 0; k < n; k++)
	{
		double square = 0.0;

		for (size_t j = 0; j < n_dense; j++)
		{
			AeReal cell = distance->root[j] * prototypes->cells[k * n_cells + j];

			weighted[j * n + k] = cell;
			square += (double) cell * (double) cell;
		}
		distance->bias[k] = (AeReal) (-0.5 * square);
	}
	ae_kernel_pack(distance->panels, weighted, n_dense, n, NULL);
	fill_match(distance);
}

double
ae_distance_cell(const AeDistance *distance, const AeReal *cells, uint32_t k, uint32_t cell)
{
	const AeReal *p = distance->prototypes->cells + k * ae_layout_cells(distance->layout);
	double difference = (double) cells[cell] - (double) p[cell];

	return cells[cell] != cells[cell] ? 0.0 : difference * difference;
}

double
ae_distance_block(const AeDistance *distance, const AeReal *cells, uint32_t k, uint32_t b)
{
	const AeLayout *layout = distance->layout;
	const AeBlock *block = &layout->blocks[b];
	const AeReal *p = distance->prototypes->cells + k * ae_layout_cells(layout);
	double sum = 0.0;
	uint32_t observed = 0;

	if (ae_loss_is_category(block->loss))
	{
		uint32_t cell = layout->n_dense + (b - first_category(layout));

		if (cells[cell] != cells[cell] || (cells[cell] == p[cell] && block->tag == 0))
			return 0.0;
		return 2.0 * block->weight;
	}
	for (uint32_t j = block->first; j < block->first + block->count; j++)
	{
		sum += ae_distance_cell(distance, cells, k, j);
		observed += cells[j] == cells[j];
	}
	return block->grouped && observed > 0 ? sum / observed : sum;
}

/* square[k] = D^2 n_columns of a row that misses nothing. */
static void
all_squares(AeNearest *nearest, const AeDistance *distance, const AeReal *cells)
{
	const AeLayout *layout = distance->layout;
	const AeKernels *kernels = distance->kernels;
	size_t n = distance->prototypes->n, n_dense = layout->n_dense;
	double length;

	for (size_t j = 0; j < n_dense; j++)
		nearest->x[j] = distance->root[j] * cells[j];
	length = kernels->square_error(nearest->x, distance->zero, n_dense);
	kernels->dense(nearest->y, n, nearest->x, n_dense, distance->panels, distance->bias, 1, n_dense,
				   n);
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + c];
		AeReal level = cells[n_dense + c];

		length += 2.0 * block->weight;
		if (level >= 0)
			kernels->axpy(nearest->y, 1,
						  distance->match + (block->first - n_dense + (size_t) level) * n, n);
	}
	for (size_t k = 0; k < n; k++)
		nearest->square[k] = length - 2.0 * (double) nearest->y[k];
}

static void
squares_one_by_one(AeNearest *nearest, const AeDistance *distance, const AeReal *cells)
{
	for (uint32_t k = 0; k < distance->prototypes->n; k++)
	{
		double sum = 0.0;

		for (uint32_t b = 0; b < distance->layout->n_blocks; b++)
			sum += ae_distance_block(distance, cells, k, b);
		nearest->square[k] = sum;
	}
}

/* The nearest of n, by square and then number, in order. */
static void
find_nearest(AeNearest *nearest, uint32_t n)
{
	const double *square = nearest->square;
	uint32_t *number = nearest->number;

	for (uint32_t k = 0; k < n; k++)
	{
		uint32_t at = nearest->n;

		if (at == AE_NEAREST && !(square[k] < square[number[AE_NEAREST - 1]]))
			continue;
		if (at < AE_NEAREST)
			nearest->n++;
		else
			at = AE_NEAREST - 1;
		for (; at > 0 && square[k] < square[number[at - 1]]; at--)
			number[at] = number[at - 1];
		number[at] = k;
	}
}

double
ae_distance_term(AeNearest *nearest, const AeDistance *distance, const AeReal *cells)
{
	const AeLayout *layout = distance->layout;
	uint32_t n_columns;
	double sum = 0.0;

	nearest->n = 0;
	if (distance->prototypes->n == 0)
		return 0.0;
	n_columns = ae_loss_observed(cells, layout);
	if (n_columns == 0)
		return 0.0;
	if (n_columns == layout->n_columns && !ae_loss_any_missing(cells, ae_layout_cells(layout)))
		all_squares(nearest, distance, cells);
	else
		squares_one_by_one(nearest, distance, cells);
	find_nearest(nearest, distance->prototypes->n);
	for (uint32_t i = 0; i < nearest->n; i++)
	{
		double square = nearest->square[nearest->number[i]] / n_columns;

		sum += square > 0.0 ? sqrt(square) : 0.0;
	}
	sum /= nearest->n;
	return sum * sum;
}

/* ---- clusters ---- */

static void
place_clusters(AeClusters *clusters, AeArena *arena)
{
	const AeLayout *layout = clusters->layout;
	size_t n = clusters->n, n_dense = layout->n_dense, n_levels = layout->n_levels;

	clusters->cells = ae_arena_place(arena, n * ae_layout_cells(layout), sizeof(AeReal));
	clusters->sum = ae_arena_place(arena, n * n_dense, sizeof(double));
	clusters->count = ae_arena_place(arena, n * n_dense, sizeof(uint32_t));
	clusters->level = ae_arena_place(arena, n * n_levels, sizeof(uint32_t));
	clusters->n_rows = ae_arena_place(arena, n, sizeof(uint32_t));
	clusters->centres.n = clusters->n;
	clusters->centres.cells = clusters->cells;
	ae_distance_place(&clusters->distance, arena, &clusters->centres, layout);
	ae_nearest_place(&clusters->nearest, arena, clusters->n, layout);
}

AeStatus
ae_clusters_size(size_t *bytes, uint32_t n, const AeLayout *layout, AeError *error)
{
	AeClusters clusters = {.layout = layout, .n = n};
	AeArena arena = {NULL, AE_ALIGN, false};

	place_clusters(&clusters, &arena);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "number of prototypes", n, 0, AE_MAX_PROTOTYPES);
	*bytes = arena.used;
	return AE_OK;
}

void
ae_clusters_init(AeClusters *clusters, void *block, uint32_t n, const AeReal *seeds,
				 const AeLayout *layout)
{
	AeArena arena = {ae_arena_align(block), 0, false};
	size_t n_cells = ae_layout_cells(layout);

	clusters->layout = layout;
	clusters->n = n;
	place_clusters(clusters, &arena);
	for (size_t i = 0; i < n * n_cells; i++)
	{
		size_t c = i % n_cells;
		bool tag = c >= layout->n_dense + layout->n_categories;
		bool unknown = c >= layout->n_dense && seeds[i] < 0;

		clusters->cells[i] = seeds[i] != seeds[i] || unknown || tag ? 0 : seeds[i];
	}
}

void
ae_clusters_begin(AeClusters *clusters, const AeKernels *kernels)
{
	size_t n = clusters->n, n_dense = clusters->layout->n_dense;

	memset(clusters->sum, 0, n * n_dense * sizeof(double));
	memset(clusters->count, 0, n * n_dense * sizeof(uint32_t));
	memset(clusters->level, 0, n * clusters->layout->n_levels * sizeof(uint32_t));
	memset(clusters->n_rows, 0, n * sizeof(uint32_t));
	ae_distance_init(&clusters->distance, &clusters->centres, clusters->layout, kernels);
}

/* How often each level of a category occurs in cluster k. */
static uint32_t *
level_counts(const AeClusters *clusters, size_t k, const AeBlock *category)
{
	const AeLayout *layout = clusters->layout;

	return clusters->level + k * layout->n_levels + category->first - layout->n_dense;
}

void
ae_clusters_add(AeClusters *clusters, const AeReal *cells)
{
	const AeLayout *layout = clusters->layout;
	size_t n_dense = layout->n_dense;
	uint32_t k;

	ae_distance_term(&clusters->nearest, &clusters->distance, cells);
	if (clusters->nearest.n == 0)
		return;
	k = clusters->nearest.number[0];
	clusters->n_rows[k]++;
	for (size_t j = 0; j < n_dense; j++)
	{
		if (cells[j] != cells[j])
			continue;
		clusters->sum[k * n_dense + j] += (double) cells[j];
		clusters->count[k * n_dense + j]++;
	}
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + c];
		AeReal level = cells[n_dense + c];

		if (level >= 0)
			level_counts(clusters, k, block)[(size_t) level]++;
	}
}

static uint32_t
most_frequent(const uint32_t *count, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (count[i] > count[best])
			best = i;
	return best;
}

void
ae_clusters_end(AeClusters *clusters)
{
	const AeLayout *layout = clusters->layout;
	size_t n_dense = layout->n_dense, n_cells = ae_layout_cells(layout);

	for (size_t k = 0; k < clusters->n; k++)
	{
		AeReal *centre = clusters->cells + k * n_cells;

		if (clusters->n_rows[k] == 0)
			continue; /* stays where it is, and will be dropped */
		for (size_t j = 0; j < n_dense; j++)
		{
			uint32_t count = clusters->count[k * n_dense + j];

			centre[j] = count > 0 ? (AeReal) (clusters->sum[k * n_dense + j] / count) : 0;
		}
		for (uint32_t c = 0; c < layout->n_categories; c++)
		{
			const AeBlock *block = &layout->blocks[first_category(layout) + c];

			centre[n_dense + c] =
				(AeReal) most_frequent(level_counts(clusters, k, block), block->count);
		}
	}
}

/* What fewer rows than AE_MIN_CLUSTER say of a centre is forgotten: the mean, or level 0. */
static void
forget_rare(AeClusters *clusters, size_t k)
{
	const AeLayout *layout = clusters->layout;
	size_t n_dense = layout->n_dense;
	AeReal *centre = clusters->cells + k * ae_layout_cells(layout);

	for (size_t j = 0; j < n_dense; j++)
		if (clusters->count[k * n_dense + j] < AE_MIN_CLUSTER)
			centre[j] = 0;
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + c];

		if (level_counts(clusters, k, block)[(size_t) centre[n_dense + c]] < AE_MIN_CLUSTER)
			centre[n_dense + c] = 0;
	}
}

uint32_t
ae_clusters_settle(AeClusters *clusters)
{
	size_t n_cells = ae_layout_cells(clusters->layout);
	uint32_t kept = 0;

	for (uint32_t k = 0; k < clusters->n; k++)
	{
		if (clusters->n_rows[k] < AE_MIN_CLUSTER)
			continue;
		forget_rare(clusters, k);
		memmove(clusters->cells + kept * n_cells, clusters->cells + k * n_cells,
				n_cells * sizeof(AeReal));
		kept++;
	}
	return kept;
}
