/*
 * ae_rows.c: reads the rows of a training, in canonical order or in that of an epoch.
 */
#include "ae_rows.h"

#define BLOCK_ROWS 256
#define WINDOW_REALS ((size_t) 1 << 22)
#define MIN_WINDOW_BLOCKS 8
#define MAX_WINDOW_BLOCKS 256

AeStatus
ae_reader_plan(AeReader *r, const AeRows *rows, size_t n_held_out, bool shuffled, AeError *error)
{
	size_t n = rows->n_rows - n_held_out, blocks = WINDOW_REALS / rows->width / BLOCK_ROWS;

	if (n / BLOCK_ROWS > UINT32_MAX)
		return ae_fail(error, AE_ERR_LIMIT, "number of rows", (double) n, 1,
					   (double) UINT32_MAX * BLOCK_ROWS);
	if (blocks < MIN_WINDOW_BLOCKS)
		blocks = MIN_WINDOW_BLOCKS;
	if (blocks > MAX_WINDOW_BLOCKS)
		blocks = MAX_WINDOW_BLOCKS;
	*r = (AeReader){.rows = *rows,
					.n_held_out = n_held_out,
					.n_train = n,
					.shuffled = shuffled,
					.n_blocks = n / BLOCK_ROWS,
					.window_rows = blocks * BLOCK_ROWS,
					.window = SIZE_MAX};
	return AE_OK;
}

void
ae_reader_place(AeReader *r, AeArena *arena, size_t slice)
{
	size_t stride = ae_rows_stride(&r->rows);
	bool in_memory = r->rows.data != NULL;

	r->labels = r->raw = r->window_data = r->single = NULL;
	r->cells = ae_arena_place_rows(arena, slice, r->rows.width, sizeof(AeReal));
	if (r->rows.has_target)
		r->labels = ae_arena_place(arena, slice, sizeof(AeReal));
	if (r->rows.has_target && !in_memory)
		r->raw = ae_arena_place_rows(arena, slice, stride, sizeof(AeReal));
	if (!r->shuffled)
		return;
	r->block_order = ae_arena_place(arena, r->n_blocks, sizeof(uint32_t));
	r->window_order = ae_arena_place(arena, r->window_rows, sizeof(uint32_t));
	if (!in_memory && (r->rows.computed || r->window_rows * stride <= WINDOW_REALS))
		r->window_data = ae_arena_place_rows(arena, r->window_rows, stride, sizeof(AeReal));
	else if (!in_memory)
		r->single = ae_arena_place(arena, stride, sizeof(AeReal));
}

static void
permute(uint32_t *order, size_t n, AeRng *rng)
{
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	for (size_t i = n; i > 1; i--)
	{
		uint32_t j = ae_rng_below(rng, (uint32_t) i);
		uint32_t swap = order[i - 1];

		order[i - 1] = order[j];
		order[j] = swap;
	}
}

/* The draws of windows before that one are done. */
void
ae_reader_begin_epoch(AeReader *r, uint64_t seed, uint64_t epoch, size_t position)
{
	size_t n_windows = position / r->window_rows;

	r->window = SIZE_MAX;
	if (!r->shuffled)
		return;
	ae_rng_init(&r->shuffle, seed, AE_STREAM_SHUFFLE, (uint32_t) epoch);
	permute(r->block_order, r->n_blocks, &r->shuffle);
	for (size_t window = 0; window < n_windows; window++)
		permute(r->window_order, r->window_rows, &r->shuffle);
}

/* The training row at a place of the block order, before rows are ordered within the window. */
static size_t
block_row(const AeReader *r, size_t place)
{
	size_t block = place / BLOCK_ROWS;

	if (block < r->n_blocks)
		block = r->block_order[block];
	return r->n_held_out + block * BLOCK_ROWS + place % BLOCK_ROWS;
}

/* Windows come in order, so that one sequence of draws serves an epoch. */
static void
load_window(AeReader *r, size_t window)
{
	size_t first = window * r->window_rows;
	size_t n = r->n_train - first;

	if (n > r->window_rows)
		n = r->window_rows;
	r->window = window;
	permute(r->window_order, n, &r->shuffle);
	if (!r->window_data)
		return;
	for (size_t i = 0; i < n; i += BLOCK_ROWS)
	{
		size_t count = n - i < BLOCK_ROWS ? n - i : BLOCK_ROWS;

		r->rows.read(r->rows.context, r->window_data + i * ae_rows_stride(&r->rows),
					 block_row(r, first + i), count);
	}
}

static void
copy_row(AeReal *restrict to, const AeReal *restrict from, size_t width)
{
	for (size_t j = 0; j < width; j++)
		to[j] = from[j];
}

/* Row number `at` with its label behind it, in place or in the buffer that gather copies from. */
static const AeReal *
row_of_block(AeReader *r, size_t at)
{
	if (r->rows.data)
		return r->rows.data + at * ae_rows_stride(&r->rows);
	r->rows.read(r->rows.context, r->single, at, 1);
	return r->single;
}

void
ae_reader_gather(AeReader *r, size_t position, size_t n)
{
	size_t width = r->rows.width, stride = ae_rows_stride(&r->rows);

	for (size_t i = 0; i < n; i++)
	{
		const AeReal *row;
		size_t window = (position + i) / r->window_rows;
		size_t first = window * r->window_rows;
		size_t place;

		if (window != r->window)
			load_window(r, window);
		place = r->window_order[position + i - first];
		row = r->window_data ? r->window_data + place * stride
							 : row_of_block(r, block_row(r, first + place));
		copy_row(r->cells + i * width, row, width);
		if (r->labels)
			r->labels[i] = row[width];
	}
}

/* Reads rows with labels, which are kept apart. */
static const AeReal *
split_rows(AeReader *r, size_t first, size_t n)
{
	size_t width = r->rows.width, stride = ae_rows_stride(&r->rows);
	const AeReal *rows = r->raw;

	if (r->rows.data)
		rows = r->rows.data + first * stride;
	else
		r->rows.read(r->rows.context, r->raw, first, n);
	for (size_t i = 0; i < n; i++)
	{
		copy_row(r->cells + i * width, rows + i * stride, width);
		r->labels[i] = rows[i * stride + width];
	}
	return r->cells;
}

const AeReal *
ae_reader_run(AeReader *r, size_t first, size_t n)
{
	if (r->labels)
		return split_rows(r, first, n);
	if (r->rows.data)
		return r->rows.data + first * r->rows.width;
	r->rows.read(r->rows.context, r->cells, first, n);
	return r->cells;
}
