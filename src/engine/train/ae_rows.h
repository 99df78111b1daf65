/*
 * ae_rows.h: the rows of a training, and the order in which an epoch reads them.
 *
 * The caller's order is canonical: random, but determined by the set of rows. The first rows are
 * held out.  The others are cut into blocks; each epoch permutes the blocks, and then the rows
 * within windows of consecutive permuted blocks.  With at most one window of rows, that is a full
 * shuffle; with more, rows on disk are still read in runs. Rows so wide that a window would be
 * large are read one by one instead.  The result is the same wherever the rows are kept.
 *
 * Knows rows; knows no network.
 */
#ifndef AE_ROWS_H
#define AE_ROWS_H

#include "ae_rng.h"
#include "ae_status.h"

/*
 * The rows: n_rows x (width cells, and a label where has_target) (ae_loss.h) in canonical order.
 * Either `data` points at all of them, or `read` copies `count` rows from row `first` on. It may
 * leave by longjmp: the engine holds no resources.
 */
typedef struct AeRows
{
	size_t n_rows;
	size_t width;      /* cells of a row */
	bool has_target;   /* each row has one more number behind its cells: its label (ae_target.h) */
	size_t n_labelled; /* rows whose label is not NaN, of all */
	bool nullable;     /* cells may be missing; the label may always be */
	const AeReal *low; /* n_dense: least cells, and largest ones: for salt_pepper, else NULL */
	const AeReal *high;
	const AeReal *data;
	void (*read)(void *context, AeReal *out, size_t first, size_t count);
	bool computed; /* read computes rows, and is cheaper for many at a time */
	void *context;
} AeRows;

/* Numbers of a row in data, or as read returns it. */
static inline size_t
ae_rows_stride(const AeRows *rows)
{
	return rows->width + rows->has_target;
}

/* Reads rows for a training; embedded in it. */
typedef struct AeReader
{
	AeRows rows;
	size_t n_held_out;
	size_t n_train;
	bool shuffled;   /* whether rows are ever read in the order of an epoch */
	size_t n_blocks; /* full blocks; a shorter last one keeps its place */
	size_t window_rows;
	size_t window;          /* loaded or permuted window, or SIZE_MAX */
	uint32_t *block_order;  /* n_blocks */
	uint32_t *window_order; /* window_rows */
	AeReal *window_data;    /* window_rows x stride where rows must be read in runs, else NULL */
	AeReal *single;         /* stride where they are read one by one, else NULL */
	AeRng shuffle;
	AeReal *cells;  /* slice x width: what was read */
	AeReal *labels; /* slice, or NULL without a target */
	AeReal *raw;    /* slice x stride: rows with labels as they are read, or NULL */
} AeReader;

/* Sets the sizes. AE_ERR_LIMIT if there are more rows than can be ordered. */
AeStatus ae_reader_plan(AeReader *reader, const AeRows *rows, size_t n_held_out, bool shuffled,
						AeError *error);

/* Places the buffers for slices of so many rows. */
void ae_reader_place(AeReader *reader, AeArena *arena, size_t slice);

/* Draws the order of an epoch; position > 0: it is resumed there in another process. */
void ae_reader_begin_epoch(AeReader *reader, uint64_t seed, uint64_t epoch, size_t position);

/* reader->cells, and ->labels = n training rows of the epoch from `position` on. */
void ae_reader_gather(AeReader *reader, size_t position, size_t n);

/*
 * n rows from `first` on in canonical order: in place, or read into reader->cells; their labels are
 * in reader->labels.
 */
const AeReal *ae_reader_run(AeReader *reader, size_t first, size_t n);

#endif
