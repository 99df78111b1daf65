/*
 * ae_score.h: a model made ready to score rows, and the scores.
 *
 * Same bits for a row alone, in any batch, on any instruction set: see ae_kernel.h.
 *
 * A missing cell has no loss, but the network reconstructs the others from it.  If training had
 * hardly any gaps there, it has not learnt what a gap is, takes the mean for a value, and a healthy
 * row looks like none.  So such cells are *completed* before the row enters: x <- r(x) in them, again
 * and again, and a category also by the levels that the first pass finds most probable.  Of all
 * completions, and the row as it came, that one enters with which the observed cells are
 * reconstructed best: a row is as odd as it is at the most favourable value of what nobody knows.
 * Measured on ten tables: at 1 % of false alarms 1 to 3 % of healthy rows with one value removed are
 * flagged, where up to 99 % were.
 */
#ifndef AE_SCORE_H
#define AE_SCORE_H

#include "ae_hash.h"
#include "ae_intake.h"
#include "ae_kernel.h"
#include "ae_model.h"
#include "ae_prototype.h"
#include "ae_status.h"

/* A network whose weights are packed; read-only once it is, so any number of scorers may share it. */
typedef struct AePacked
{
	const AeModel *model;
	const AeKernels *kernels;
	AeCheck check;
	AeLayout *layout; /* the model's, as ae_layout_scored makes it, and its blocks */
	AeBlock *blocks;
	const AeReal *panels[AE_MAX_LAYERS]; /* packed weights */
	const AeReal *bias[AE_MAX_LAYERS];
	/* of the linear paths of encoder and decoder: packed, as they are, and a bias of 0; or NULL */
	const AeReal *skip_panels[2];
	const AeReal *skip[2];
	AeReal *no_bias[2];
	const AeReal *head_panels;   /* of the target's head; NULL without a target */
	const AeReal *spread_panels; /* of the head that gives log variances of the code, or NULL */
	AeLikelihood likelihood; /* of rows given their code; its blocks NULL without distribution */
	AeDistance distance;     /* to the prototypes */
	AeIntake intake;         /* of rows */
} AePacked;

/* Bytes of the block for ae_packed_init. */
AeStatus ae_packed_size(size_t *bytes, const AeModel *model, AeError *error);

/*
 * Packs the weights into block.  model and kernels must outlive it.  check, or NULL, is called in
 * between here and where a large layer is passed: it may leave by longjmp.
 */
void ae_packed_init(AePacked *packed, void *block, const AeModel *model, const AeKernels *kernels,
					AeCheck check);

/*
 * Rows on their way through networks: the members of a fold, which read the same cells
 * (ae_model_pairs), or a single one.  Belongs to whoever calls.
 */
typedef struct AeScorer
{
	const AePacked *members; /* n_members */
	uint32_t n_members;
	const AePacked *network; /* the one of them that the functions below are of, */
	const AeModel *model;    /* its model */
	const AeKernels *kernels;
	size_t batch;   /* rows that there is room for */
	bool as_is;     /* missing cells are not completed; false to begin with */
	AeReal *cells;  /* batch x n_cells: the caller fills it, or ae_scorer_take */
	double *unseen; /* batch: what unseen values of the row cost, 0 where the caller filled cells */
	double *parts;  /* n_columns: the same by source column, of row 0; NaN: not known */
	AeReal *completed; /* batch x n_cells: the same, completed */
	AeReal *attempt;   /* n_cells: of one row */
	AeReal *first;     /* n_outputs: of that row as it came */
	AeInputs inputs;   /* what they enter as */
	AeNearest nearest;
	AeMeasure measure; /* of the loss */
	AeReal *h[2];      /* batch x widest layer, ping and pong */
	AeReal *beside;    /* batch x widest layer: what came along the linear path; NULL without */
	AeReal *head;      /* batch x n_target; NULL without a target */
	AeReal *spread;    /* batch x n_code: log variances of the codes last made; NULL without */
} AeScorer;

/* Bytes of the block for ae_scorer_init; batch rows at a time (1 for row-wise use). */
AeStatus ae_scorer_size(size_t *bytes, const AePacked *members, uint32_t n_members, size_t batch,
						AeError *error);

/* Scratch in block for these networks, which must outlive the scorer; the first one is in use. */
void ae_scorer_init(AeScorer *scorer, void *block, const AePacked *members, uint32_t n_members,
					size_t batch);

/* Turns to another member: the rows stay, what was computed of them goes. */
void ae_scorer_use(AeScorer *scorer, uint32_t member);

/*
 * The values of a row, values[n_columns] and missing[n_columns], become row i of the scorer; gives
 * what ae_scaler_apply does.
 */
int ae_scorer_take(AeScorer *scorer, size_t i, const double *values, const bool *missing);

/*
 * Code of scorer->cells, completed by the network in use: returns n_rows x n_code inside the scorer.
 * n_rows <= batch.
 */
const AeReal *ae_scorer_encode(AeScorer *scorer, size_t n_rows);

/*
 * Outputs from codes: n_rows x n_code (may be what ae_scorer_encode gave). Logits where the loss
 * is taken on them.
 */
AeReal *ae_scorer_decode(AeScorer *scorer, const AeReal *codes, size_t n_rows);

/*
 * Outputs of the target's head from codes, n_rows x n_target inside the scorer: logits of
 * levels, or a standardised number.  The model has a target.
 */
AeReal *ae_scorer_head(AeScorer *scorer, const AeReal *codes, size_t n_rows);

/* In place: those logits to probabilities, the softmax; a number stays as it is. */
void ae_scorer_head_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows);

/*
 * In place: logits to probabilities (squared errors of one-hot categories give them as they
 * are), so that outputs are in scaled units.  n_rows x n_outputs.
 */
void ae_scorer_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows);

/*
 * Reconstruction error per row: mean over observed columns that vary of the training loss, of wide
 * categories of the loss of their pairs, and what unseen values cost, divided by as many columns;
 * in double, +Infinity where the arithmetic overflowed, 0 where nothing is observed.
 * errors: n_rows; outputs: from ae_scorer_decode.
 */
void ae_scorer_errors(double *errors, const AeScorer *scorer, const AeReal *outputs, size_t n_rows);

/* What the sum of a row's errors by column is divided by: its observed columns that vary, or 1. */
double ae_scorer_observed(const AeReal *cells, const AeLayout *layout);

/* What a row is ranked by is made of these. */
typedef struct AeTerms
{
	double error;    /* ae_scorer_errors */
	double distance; /* ae_distance_term; 0 without prototypes */
	double extreme;  /* ae_extremes_term */
} AeTerms;

/* The terms of row i, whose error that is. */
AeTerms ae_scorer_terms(AeScorer *scorer, size_t row, double error);

/*
 * The raw score: error / error_norm, plus the distance / distance_norm where the model has
 * prototypes, plus the term of extremes; +Infinity where the arithmetic overflowed.
 */
double ae_raw_score(const AeModel *model, const AeTerms *terms);

/*
 * Parts of the distance term of row 0 by source column, where ae_scorer_column_errors has
 * errors; they sum to the term.  0 without prototypes.
 */
void ae_scorer_column_distances(double *parts, AeScorer *scorer);

/* The same of the term of extremes, which the column of the wildest number makes alone. */
void ae_scorer_column_extremes(double *parts, const AeScorer *scorer);

/*
 * The error of every source column of row 0: errors[n_columns of the schema], at the first
 * value of the column, NaN elsewhere and where the column is not observed.  Of a constant it is
 * what an unseen value costs, or 0.
 */
void ae_scorer_column_errors(double *errors, const AeScorer *scorer, const AeReal *outputs);

/*
 * Writes finished outputs into the cells of row 0 that belong to columns with fill[column], a
 * category as its most probable level, a number within what training saw.
 */
void ae_scorer_fill(AeScorer *scorer, const bool *fill, const AeReal *outputs);

/* Probability of the actual level of a category, or boolean, in row 0 of finished outputs. */
double ae_scorer_probability(const AeScorer *scorer, const AeReal *outputs, uint32_t column);

/* What n cells of a row are hashed to, from a hash so far: for what is drawn by chance of it. */
static inline uint64_t
ae_hash_cells(uint64_t hash, const AeReal *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = ae_hash_word(hash, ae_hash_number((double) cells[i]));
	return ae_hash_mix(hash);
}

#endif
