/*
 * ae_corrupt.c: masking, salt-and-pepper noise and swapped columns.
 */
#include "ae_corrupt.h"

#include <math.h>
#include <string.h>

#include "ae_rng.h"

/* What the helpers share. */
typedef struct Rows
{
	AeReal *entering;
	AeReal *chosen;
	const AeReal *cells;
	size_t n_rows;
	size_t width;
	const AeLayout *layout;
	AeVisit visit;
} Rows;

/* The two numbers of a draw: whether it happens, and what it does. */
typedef struct Draws
{
	AeStream stream;
	uint32_t below; /* probability times 2^32 */
	uint32_t words[4];
} Draws;

bool
ae_corrupt_any(const AeCorruption *c)
{
	return c->masking > 0 || c->masking_any || c->salt_pepper > 0 || c->swap > 0;
}

static uint32_t
threshold(double probability)
{
	return (uint32_t) (probability * 0x1p32);
}

/* The four words of a block of draws. */
static void
draw_block(uint32_t words[4], const Rows *rows, AeStream stream, size_t block)
{
	const uint32_t counter[4] = {(uint32_t) block, (uint32_t) rows->visit.number,
								 (uint32_t) (rows->visit.number >> 32), (uint32_t) stream};

	ae_philox(words, counter, rows->visit.seed);
}

/* Whether draw i happens; i must ascend from 0. *what: 32 bits for its own use. */
static bool
draw(uint32_t *what, Draws *draws, const Rows *rows, size_t i)
{
	if (i % 2 == 0)
		draw_block(draws->words, rows, draws->stream, i / 2);
	*what = draws->words[2 * (i % 2) + 1];
	return draws->words[2 * (i % 2)] < draws->below;
}

/* A row other than i; there must be one. */
static size_t
other_row(const Rows *rows, size_t i, uint32_t what)
{
	size_t other = (size_t) ((uint64_t) what * (rows->n_rows - 1) >> 32);

	return other + (other >= i);
}

/* Lets cell k of the rows enter as that value, unless it is missing. */
static void
replace(const Rows *rows, size_t k, AeReal value)
{
	if (rows->cells[k] != rows->cells[k])
		return;
	rows->entering[k] = value;
	if (rows->chosen)
		rows->chosen[k] = rows->cells[k];
}

static void
salt_and_pepper(const Rows *rows, const AeCorruption *c)
{
	Draws draws = {.stream = AE_STREAM_SALT_PEPPER, .below = threshold(c->salt_pepper)};
	size_t n_dense = rows->layout->n_dense, n_cells = ae_layout_cells(rows->layout), n = 0;
	uint32_t what;

	for (size_t i = 0; i < rows->n_rows; i++)
		for (size_t j = 0; j < n_cells; j++)
		{
			if (!draw(&what, &draws, rows, n++))
				continue;
			if (j < n_dense)
				replace(rows, i * rows->width + j, what >> 31 ? c->high[j] : c->low[j]);
			else if (rows->n_rows > 1)
				replace(rows, i * rows->width + j,
						rows->cells[other_row(rows, i, what) * rows->width + j]);
		}
}

/* Cells first .. first + count - 1 of every row are one source column. */
static void
swap_column(const Rows *rows, size_t i, size_t first, size_t count, uint32_t what)
{
	size_t other = other_row(rows, i, what);

	for (size_t j = first; j < first + count; j++)
		replace(rows, i * rows->width + j, rows->cells[other * rows->width + j]);
}

static void
swap_columns(const Rows *rows, const AeCorruption *c)
{
	Draws draws = {.stream = AE_STREAM_SWAP, .below = threshold(c->swap)};
	const AeLayout *layout = rows->layout;
	size_t n = 0;
	uint32_t what;

	for (size_t i = 0; i < rows->n_rows && rows->n_rows > 1; i++)
		for (uint32_t b = 0, cell = 0; b < layout->n_blocks; b++)
		{
			const AeBlock *block = &layout->blocks[b];
			uint32_t n_cells = ae_loss_is_category(block->loss) ? 1 : block->count;
			uint32_t one = block->grouped ? n_cells : 1; /* cells of a source column */

			for (uint32_t end = cell + n_cells; cell < end; cell += one)
				if (draw(&what, &draws, rows, n++))
					swap_column(rows, i, cell, one, what);
		}
}

/* Four draws a block; any: the threshold of each row is drawn too. */
static void
mask(const Rows *rows, double masking, bool any)
{
	uint32_t below = threshold(masking), words[4];
	size_t n_cells = ae_layout_cells(rows->layout);

	for (size_t i = 0, k = 0; i < rows->n_rows; i++)
	{
		if (any)
		{
			draw_block(words, rows, AE_STREAM_MASKING, i);
			below = words[0];
		}
		for (size_t j = 0; j < rows->width; j++, k++)
		{
			if (k % 4 == 0 || (any && j == 0))
				draw_block(words, rows, AE_STREAM_MASK, k / 4);
			if (words[k % 4] >= below || j >= n_cells)
				continue;
			rows->entering[k] = (AeReal) NAN;
			if (rows->chosen)
				rows->chosen[k] = rows->cells[k];
		}
	}
}

void
ae_corrupt_rows(AeReal *entering, AeReal *chosen, const AeReal *cells, size_t n_rows,
				const AeCorruption *corruption, AeVisit visit)
{
	size_t width = corruption->width;
	const Rows rows = {entering, chosen, cells, n_rows, width, corruption->layout, visit};

	memcpy(entering, cells, n_rows * width * sizeof(AeReal));
	for (size_t k = 0; chosen && k < n_rows * width; k++)
		chosen[k] = (AeReal) NAN;
	if (corruption->salt_pepper > 0)
		salt_and_pepper(&rows, corruption);
	if (corruption->swap > 0)
		swap_columns(&rows, corruption);
	if (corruption->masking > 0 || corruption->masking_any)
		mask(&rows, corruption->masking, corruption->masking_any);
}
