/*
 * ae_prototype.c: distances of a row to prototypes.
 *
 * For a row without missing cells, all distances are one matrix product: with cells multiplied by
 * the square roots of their weights, D^2 n_columns = |x|^2 - 2 (x p - |p|^2 / 2) + the categories,
 * whose 2 w [levels differ] is 2 w - 2 w [levels agree].  A row with missing cells is compared cell
 * by cell.  Knows no BLAS and no libm but sqrt.
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

/* Fills match[level] of every category: its weight for the prototypes with that level. */
static void
fill_match(AeDistance *distance)
{
	const AeLayout *layout = distance->layout;
	size_t n = distance->prototypes->n, n_cells = ae_layout_cells(layout);

	memset(distance->match, 0, layout->n_levels * n * sizeof(AeReal));
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + c];

		/* no prototype matches a level of a wide one: `other` is many levels */
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
			distance->root[j] = (AeReal) sqrt(ae_block_share(block));
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

/* square[k] = D^2 n_columns for a row without missing cells. */
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

/* The same cell by cell. */
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

/* The nearest of n prototypes in order, by square and then by number. */
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

/* ---- groups ---- */

static void
place_groups(AeGroups *groups, AeArena *arena, uint32_t n, size_t n_rows)
{
	const AeLayout *layout = groups->layout;

	groups->prototypes.cells =
		ae_arena_place(arena, n * (size_t) ae_layout_cells(layout), sizeof(AeReal));
	groups->order = ae_arena_place(arena, n_rows, sizeof(uint32_t));
	groups->end = ae_arena_place(arena, n, sizeof(uint32_t));
	groups->count = ae_arena_place(arena, layout->n_levels, sizeof(uint32_t));
}

AeStatus
ae_groups_size(size_t *bytes, uint32_t n, size_t n_rows, const AeLayout *layout, AeError *error)
{
	AeGroups groups = {.layout = layout};
	AeArena arena = {NULL, AE_ALIGN, false};

	place_groups(&groups, &arena, n, n_rows);
	if (arena.overflow)
		return ae_fail(error, AE_ERR_LIMIT, "number of prototypes", n, 0, AE_MAX_PROTOTYPES);
	*bytes = arena.used;
	return AE_OK;
}

void
ae_groups_init(AeGroups *groups, void *block, uint32_t n, const AeReal *rows, size_t n_rows,
			   const AeLayout *layout)
{
	AeArena arena = {ae_arena_align(block), 0, false};
	size_t least = n_rows / n;

	groups->layout = layout;
	groups->rows = rows;
	groups->least = least < AE_MIN_GROUP ? AE_MIN_GROUP : least;
	groups->most = n;
	place_groups(groups, &arena, n, n_rows);
	for (size_t i = 0; i < n_rows; i++)
		groups->order[i] = (uint32_t) i;
	groups->begin = 0;
	groups->end[0] = (uint32_t) n_rows;
	groups->n_open = 1;
	groups->prototypes.n = 0;
}

/* The value of a row in a cell; a missing one is 0, the mean. */
static AeReal
cell_of(const AeGroups *groups, uint32_t row, uint32_t cell)
{
	AeReal x = groups->rows[row * (size_t) ae_layout_cells(groups->layout) + cell];

	return x == x ? x : 0;
}

/* Sums of one cell over the rows of a group in which it is observed. */
typedef struct Spread
{
	uint32_t observed;
	double mean;
	double square; /* sum of squares around the mean */
} Spread;

static Spread
dense_spread(const AeGroups *groups, const uint32_t *order, uint32_t n, uint32_t cell)
{
	size_t n_cells = ae_layout_cells(groups->layout);
	Spread s = {0};

	for (uint32_t i = 0; i < n; i++)
	{
		AeReal x = groups->rows[order[i] * n_cells + cell];
		double from_mean = (double) x - s.mean;

		if (x != x)
			continue;
		s.mean += from_mean / ++s.observed;
		s.square += from_mean * ((double) x - s.mean);
	}
	return s;
}

/* Fills groups->count for a category; returns how many rows have a known level. */
static uint32_t
count_levels(AeGroups *groups, const uint32_t *order, uint32_t n, uint32_t c)
{
	const AeLayout *layout = groups->layout;
	size_t n_cells = ae_layout_cells(layout);
	uint32_t counted = 0;

	memset(groups->count, 0, layout->blocks[first_category(layout) + c].count * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		AeReal level = groups->rows[order[i] * n_cells + layout->n_dense + c];

		if (!(level >= 0))
			continue;
		groups->count[(size_t) level]++;
		counted++;
	}
	return counted;
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

/* Half of the mean D^2 n_columns of two rows of a group, by one category. */
static double
category_spread(AeGroups *groups, const uint32_t *order, uint32_t n, uint32_t c)
{
	const AeBlock *block = &groups->layout->blocks[first_category(groups->layout) + c];
	uint32_t counted = count_levels(groups, order, n, c);
	double equal = 0.0;

	for (uint32_t l = 0; counted > 0 && l < block->count; l++)
		equal += ((double) groups->count[l] / counted) * ((double) groups->count[l] / counted);
	return counted > 0 ? block->weight * (1.0 - equal) : 0.0;
}

/* The cell in which a group spreads most; false if all its rows are the same. */
static bool
widest_cell(uint32_t *cell, AeGroups *groups, const uint32_t *order, uint32_t n)
{
	const AeLayout *layout = groups->layout;
	double widest = 0.0;

	for (uint32_t b = 0; b < first_category(layout); b++)
	{
		const AeBlock *block = &layout->blocks[b];

		for (uint32_t j = block->first; j < block->first + block->count; j++)
		{
			double spread = dense_spread(groups, order, n, j).square / n;

			spread /= block->grouped ? block->count : 1;
			if (!(spread > widest))
				continue;
			widest = spread;
			*cell = j;
		}
	}
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		double spread = category_spread(groups, order, n, c);

		if (!(spread > widest))
			continue;
		widest = spread;
		*cell = layout->n_dense + c;
	}
	return widest > 0.0;
}

/* Whether row a comes before row b, by a cell and then by number. */
static bool
comes_before(const AeGroups *groups, uint32_t a, uint32_t b, uint32_t cell)
{
	AeReal x = cell_of(groups, a, cell), y = cell_of(groups, b, cell);

	return x < y || (x == y && a < b);
}

/* order[root] sinks to its place in a heap of n whose largest is on top. */
static void
sink(const AeGroups *groups, uint32_t *order, uint32_t n, uint32_t root, uint32_t cell)
{
	uint32_t row = order[root];

	for (uint32_t child = 2 * root + 1; child < n; child = 2 * root + 1)
	{
		if (child + 1 < n && comes_before(groups, order[child], order[child + 1], cell))
			child++;
		if (!comes_before(groups, row, order[child], cell))
			break;
		order[root] = order[child];
		root = child;
	}
	order[root] = row;
}

/* Heapsort: its time is bounded for any rows. */
static void
sort_rows(const AeGroups *groups, uint32_t *order, uint32_t n, uint32_t cell)
{
	for (uint32_t root = n / 2; root-- > 0;)
		sink(groups, order, n, root, cell);
	for (uint32_t last = n - 1; last > 0; last--)
	{
		uint32_t row = order[last];

		order[last] = order[0];
		order[0] = row;
		sink(groups, order, last, 0, cell);
	}
}

static void
make_prototype(AeGroups *groups, const uint32_t *order, uint32_t n)
{
	const AeLayout *layout = groups->layout;
	uint32_t k = groups->prototypes.n++;
	AeReal *centre = groups->prototypes.cells + k * (size_t) ae_layout_cells(layout);

	for (uint32_t b = 0; b < first_category(layout); b++)
	{
		const AeBlock *block = &layout->blocks[b];

		for (uint32_t j = block->first; j < block->first + block->count; j++)
		{
			Spread s = dense_spread(groups, order, n, j);

			centre[j] = s.observed < AE_MIN_GROUP ? 0 : (AeReal) (float) s.mean;
		}
	}
	for (uint32_t c = 0; c < layout->n_categories; c++)
	{
		const AeBlock *block = &layout->blocks[first_category(layout) + c];
		uint32_t level;

		count_levels(groups, order, n, c);
		level = most_frequent(groups->count, block->count);
		centre[layout->n_dense + c] = groups->count[level] < AE_MIN_GROUP ? 0 : (AeReal) level;
	}
	for (uint32_t c = layout->n_dense + layout->n_categories; c < ae_layout_cells(layout); c++)
		centre[c] = 0;
}

bool
ae_groups_step(AeGroups *groups)
{
	uint32_t *end = &groups->end[groups->n_open - 1], n = *end - groups->begin, cell = 0;
	uint32_t *order = groups->order + groups->begin;

	if (n >= 2 * groups->least && groups->n_open + groups->prototypes.n < groups->most &&
		widest_cell(&cell, groups, order, n))
	{
		sort_rows(groups, order, n, cell);
		end[1] = groups->begin + n / 2;
		groups->n_open++;
		return true;
	}
	make_prototype(groups, order, n);
	groups->begin = *end;
	return --groups->n_open > 0;
}
