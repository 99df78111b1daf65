/*
 * ae_loss.h: how the cells of a row correspond to the inputs and outputs of a network, and what a
 * reconstruction costs.
 *
 * A *cell* is one scaled number of a row.  Dense cells (numbers, times, booleans) come
 * first and are inputs and outputs of the same index.  After them every category has
 * one cell, which holds the index of its level; it stands for as many inputs (one-hot)
 * and as many outputs (one logit per level).  Last come the tags of wide categories, which tell
 * all their levels apart and which no network sees (ae_pairs.h).
 *
 *     cells    [ dense ............ ][ one per category ][ one per wide category ]
 *     inputs   [ dense ............ ][ indicators ][ one per level ]
 *     outputs  [ dense ............ ][ one per level ]
 *
 * A cell that is NaN is missing: it enters as 0, the mean, or as no level, and takes no
 * part in the loss.  A category cell of -1 is a level that training did not see: it
 * enters as no level, and is surprising.
 *
 * The loss of a category is weighted so that predicting its frequencies costs 1 on average, as
 * predicting the mean of a standardised number does: a rare level is then as surprising as a
 * number of the same rarity.
 *
 * The loss of a row is the mean over its observed source columns of the column's loss,
 * which is a mean over the column's observed outputs where it has several (the elements
 * of an array, the parts of a time).
 */
#ifndef AE_LOSS_H
#define AE_LOSS_H

#include "ae_kernel.h"
#include "ae_rng.h"
#include "ae_status.h"

/* The numbers are part of the byte format: append, never reorder. */
typedef enum AeLoss
{
	AE_LOSS_MSE = 0,     /* (r - x)^2 */
	AE_LOSS_BCE = 1,     /* softplus(z) - x z on logits z: the output is sigmoid(z) */
	AE_LOSS_SOFTMAX = 2, /* log sum exp(z) - z_t: cross-entropy of a category on its logits */
	AE_LOSS_ONEHOT = 3,  /* sum_j (z_j - [j = t])^2: squared error of a category */
	AE_LOSS_MAE = 4,     /* |r - x| */
	AE_LOSS_HUBER = 5,   /* (r - x)^2 / 2 up to a distance of 1, |r - x| - 1/2 beyond */
	AE_LOSS_COUNT
} AeLoss;

/* What a loss is computed from. */
typedef enum AeLossOf
{
	AE_LOSS_OF_DISTANCE, /* the difference between an output and its cell */
	AE_LOSS_OF_LOGIT,    /* a logit, its cell in [0, 1] */
	AE_LOSS_OF_CATEGORY  /* all outputs of a category */
} AeLossOf;

typedef struct AeLossInfo
{
	const char *name; /* names differ among losses of numbers, and among those of categories */
	AeLossOf of;
	double (*at)(double distance); /* for losses whose mean is not a moment of the cells */
} AeLossInfo;

extern const AeLossInfo ae_loss_info[AE_LOSS_COUNT];

/* Loss number n, from 0, among those of categories, or of numbers; AE_LOSS_COUNT past the last. */
AeLoss ae_loss_nth(bool category, int n);

/* A run of outputs that share a loss.  Dense blocks come first. */
typedef struct AeBlock
{
	uint32_t first; /* output; for a dense block also the cell */
	uint32_t count; /* outputs */
	AeLoss loss;
	bool grouped;  /* one source column; otherwise each output of a dense block is one */
	double weight; /* category: factor on its loss */
	double unseen; /* category: the least cost of an unknown level, before weight */
	uint32_t tag;  /* wide category: the cell of its tag; else 0 */
} AeBlock;

/* The weight of one output of a dense block: the outputs of a grouped column share one. */
static inline double
ae_block_share(const AeBlock *block)
{
	return block->grouped ? 1.0 / block->count : 1.0;
}

typedef struct AeLayout
{
	uint32_t n_dense;
	uint32_t n_indicators;
	uint32_t n_categories;
	uint32_t n_wide;    /* of them */
	uint32_t n_levels;  /* inputs, and outputs, of all categories */
	uint32_t n_columns; /* source columns with a loss */
	uint32_t n_blocks;
	const AeBlock *blocks;      /* cover the outputs in order; owned by the caller */
	const uint32_t *indicators; /* n_indicators dense cells; owned by the caller */
} AeLayout;

static inline uint32_t
ae_layout_cells(const AeLayout *layout)
{
	return layout->n_dense + layout->n_categories + layout->n_wide;
}

/* Inputs that are numbers: dense cells and indicators. */
static inline uint32_t
ae_layout_dense_inputs(const AeLayout *layout)
{
	return layout->n_dense + layout->n_indicators;
}

static inline uint32_t
ae_layout_inputs(const AeLayout *layout)
{
	return layout->n_dense + layout->n_indicators + layout->n_levels;
}

static inline uint32_t
ae_layout_outputs(const AeLayout *layout)
{
	return layout->n_dense + layout->n_levels;
}

static inline bool
ae_loss_is_category(AeLoss loss)
{
	return ae_loss_info[loss].of == AE_LOSS_OF_CATEGORY;
}

/* A loss of the difference between an output and its cell; the others take logits, or levels. */
static inline bool
ae_loss_is_distance(AeLoss loss)
{
	return ae_loss_info[loss].of == AE_LOSS_OF_DISTANCE;
}

/* Sum of the loss over n outputs of a dense block, none of them missing. */
double ae_loss_dense(AeLoss loss, const AeReal *outputs, const AeReal *cells, size_t n,
					 const AeKernels *kernels);

/* Refuses a layout that contradicts itself: AE_ERR_SHAPE. */
AeStatus ae_layout_check(const AeLayout *layout, AeError *error);

/*
 * The layout for scoring rows: the same, but wide categories have weight 0, as their loss comes
 * from pairs.  blocks: room for layout->n_blocks; *scored points at them.
 */
void ae_layout_scored(AeLayout *scored, AeBlock *blocks, const AeLayout *layout);

/* Rows of cells, n_rows x n_cells; whoever made them owns them. */
typedef struct AeCells
{
	const AeReal *at;
	size_t n_rows;
	bool nullable; /* cells may be missing */
} AeCells;

/* What a network sees of rows, and room to make it in. */
typedef struct AeInputs
{
	const AeReal *x; /* n_rows x (dense + indicators) numbers: in cells, dense or filled,
					  * whichever saves copying */
	int32_t *levels; /* n_rows x n_categories: the input that is 1 of each category (counted among
					  * all inputs), or -1 */
	AeReal *dense;   /* n_rows x n_dense, or NULL where cells are used in place */
	AeReal *filled;  /* n_rows x (dense + indicators), or NULL where nothing is missing */
	size_t n_rows;
} AeInputs;

/* Gaussian noise with standard deviation sigma. */
typedef struct AeNoise
{
	AeReal sigma; /* 0: none */
	AeVisit visit;
} AeNoise;

/* Room for n_rows; noisy: noise will be added; nullable: cells may be missing. */
void ae_inputs_place(AeInputs *inputs, AeArena *arena, const AeLayout *layout, size_t n_rows,
					 bool noisy, bool nullable);

/* Makes inputs from cells, with noise on the dense ones unless it is NULL. */
void ae_loss_inputs(AeInputs *inputs, const AeCells *cells, const AeLayout *layout,
					const AeNoise *noise, const AeKernels *kernels);

/* What a loss needs to be computed. */
typedef struct AeMeasure
{
	const AeLayout *layout;
	const AeKernels *kernels;
	AeReal *scratch; /* ae_loss_scratch */
} AeMeasure;

/* Number of elements of scratch. */
size_t ae_loss_scratch(const AeLayout *layout);

/* Whether any of n cells is missing. */
bool ae_loss_any_missing(const AeReal *cells, size_t n);

/* How many source columns of a row are observed. */
uint32_t ae_loss_observed(const AeReal *cells, const AeLayout *layout);

/*
 * Loss of one row: the mean over its observed columns; 0 if there are none.  Unless d is NULL,
 * also d = scale * its gradient with respect to the outputs (before output activations: BCE and
 * categories have logits).  Squared errors and sums in the order of the scoring kernels.
 * outputs, d: n_outputs; cells: n_cells.
 */
double ae_loss_row(AeReal *d, const AeReal *outputs, const AeReal *cells, double scale,
				   const AeMeasure *measure);

/*
 * The loss of one block of such a row, not divided by the number of columns; NaN if it is not
 * observed, +Infinity if the arithmetic overflowed.
 */
double ae_loss_block(const AeReal *outputs, const AeReal *cells, uint32_t block,
					 const AeMeasure *measure);

/*
 * The loss of one block of a row, not divided by the number of columns, 0 if it is not observed.
 * Unless d is NULL, also sets the part of d for that block to scale * its gradient.
 */
double ae_loss_block_gradient(AeReal *d, const AeReal *outputs, const AeReal *cells, uint32_t block,
							  double scale, const AeMeasure *measure);

/*
 * Sum of ae_loss_row over rows, in double; unless d is NULL, also their gradients. If nothing is
 * missing, dense blocks are computed for all rows at once.
 */
double ae_loss_rows(AeReal *d, const AeReal *outputs, const AeCells *cells, double scale,
					const AeMeasure *measure);

#endif
