/*
 * ae_score.h: a model prepared to score rows, and the scores.
 *
 * Same bits for a row alone, in any batch, on any instruction set: see ae_kernel.h.
 *
 * A missing cell has no loss, but the network reconstructs the others from it. If cells of a column
 * were hardly ever missing in training, the network has not learnt what that means, takes the mean
 * for a value, and a healthy row looks odd. So such cells are *completed* before the row enters: x
 * <- r(x) in them, repeatedly, and a category also by the levels that the first pass finds most
 * probable. Of all completions, and the row as it came, the one that reconstructs the observed
 * cells best enters: a row is as odd as with the most favourable values of its unknown cells.
 * Measured on ten tables: at 1 % of false alarms, 1 to 3 % of healthy rows with one value removed
 * are flagged, where up to 99 % were without completion.
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
	AeLikelihood likelihood; /* of rows given their code; its blocks are NULL without a distribution
							  * */
	AeDistance distance;     /* to the prototypes */
	AeIntake intake;         /* of rows */
} AePacked;

/* Bytes of the block for ae_packed_init. */
AeStatus ae_packed_size(size_t *bytes, const AeModel *model, AeError *error);

/*
 * Packs the weights into block. model and kernels must outlive it. check, unless NULL, is called
 * now and then here and during passes through large layers; it may leave by longjmp.
 */
void ae_packed_init(AePacked *packed, void *block, const AeModel *model, const AeKernels *kernels,
					AeCheck check);

/*
 * Rows on their way through networks: the members of a fold, which read the same cells
 * (ae_model_pairs), or a single one. Belongs to the caller.
 */
typedef struct AeScorer
{
	const AePacked *members; /* n_members */
	uint32_t n_members;
	const AePacked *network; /* the one that the functions below use, */
	const AeModel *model;    /* its model */
	const AeKernels *kernels;
	size_t batch;   /* the most rows */
	bool as_is;     /* do not complete missing cells; false at first */
	AeReal *cells;  /* batch x n_cells: the caller fills it, or ae_scorer_take */
	double *unseen; /* batch: cost of the row's unseen values, 0 if the caller filled the cells */
	double *parts;  /* n_columns: the same by source column, for row 0; NaN: not known */
	AeReal *completed; /* batch x n_cells: the same, completed */
	AeReal *attempt;   /* n_cells: of one row */
	AeReal *first;     /* n_outputs: those of that row as it came */
	AeInputs inputs;   /* what they enter as */
	AeNearest nearest;
	AeMeasure measure; /* of the loss */
	AeReal *h[2];      /* batch x widest layer, ping and pong */
	AeReal *beside;    /* batch x widest layer: products along the linear path; NULL without one */
	AeReal *head;      /* batch x n_target; NULL without a target */
	AeReal *spread;    /* batch x n_code: log variances of the codes last made; NULL without */
} AeScorer;

/* Bytes of the block for ae_scorer_init; batch rows at a time (1 for row-wise use). */
AeStatus ae_scorer_size(size_t *bytes, const AePacked *members, uint32_t n_members, size_t batch,
						AeError *error);

/*
 * Makes scratch in block for these networks, which must outlive the scorer; the first one is in
 * use.
 */
void ae_scorer_init(AeScorer *scorer, void *block, const AePacked *members, uint32_t n_members,
					size_t batch);

/* Switches to another member: rows stay, results are lost. */
void ae_scorer_use(AeScorer *scorer, uint32_t member);

/*
 * Makes the values of a row, values[n_columns] and missing[n_columns], row i of the scorer; returns
 * the result of ae_scaler_apply.
 */
int ae_scorer_take(AeScorer *scorer, size_t i, const double *values, const bool *missing);

/*
 * The code of scorer->cells, completed by the network in use: n_rows x n_code inside the scorer.
 * n_rows <= batch.
 */
const AeReal *ae_scorer_encode(AeScorer *scorer, size_t n_rows);

/*
 * Outputs from codes: n_rows x n_code (may be what ae_scorer_encode returned). Logits if the loss
 * takes them.
 */
AeReal *ae_scorer_decode(AeScorer *scorer, const AeReal *codes, size_t n_rows);

/*
 * Outputs of the target's head from codes, n_rows x n_target inside the scorer: logits of levels,
 * or a standardised number.  The model must have a target.
 */
AeReal *ae_scorer_head(AeScorer *scorer, const AeReal *codes, size_t n_rows);

/* Turns those logits into probabilities by the softmax, in place; a number is unchanged. */
void ae_scorer_head_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows);

/*
 * Turns logits into probabilities, in place, so that outputs are in scaled units (with squared
 * errors of one-hot categories they already are). n_rows x n_outputs.
 */
void ae_scorer_finish(const AeScorer *scorer, AeReal *outputs, size_t n_rows);

/*
 * Reconstruction error of each row: the sum of the training loss over observed columns that vary,
 * for wide categories the loss of their pairs, and of the cost of unseen values, divided by the
 * number of these columns; in double, +Infinity if the arithmetic overflowed, 0 if nothing is
 * observed. errors: n_rows; outputs: from ae_scorer_decode.
 */
void ae_scorer_errors(double *errors, const AeScorer *scorer, const AeReal *outputs, size_t n_rows);

/*
 * The divisor of the sum of a row's errors by column: the number of its observed columns that vary,
 * or 1.
 */
double ae_scorer_observed(const AeReal *cells, const AeLayout *layout);

/* Distances have a third of the weight of errors: measured, on clean and contaminated tables. */
#define AE_DISTANCE_SHARE 3.0

/* What an ordinary row comes to where both are normed. */
#define AE_USUAL_SCORE (1.0 + 1.0 / AE_DISTANCE_SHARE)

/*
 * Share of a row's score that its error and distance make: that of the columns that vary that it has, 1
 * without prototypes, whose models have no norms.
 */
double ae_scorer_known(const AeScorer *scorer, size_t row);

/* The terms of a row's raw score. */
typedef struct AeTerms
{
	double error;    /* ae_scorer_errors */
	double distance; /* ae_distance_term; 0 without prototypes */
	double extreme;  /* ae_extremes_term */
	double known;    /* ae_scorer_known */
} AeTerms;

/* The terms of row i, which has that error. */
AeTerms ae_scorer_terms(AeScorer *scorer, size_t row, double error);

/*
 * The raw score: error / error_norm, plus distance / distance_norm if the model has prototypes,
 * plus the term of extremes; +Infinity if the arithmetic overflowed. If a row has a share w < 1 of
 * its columns, the first two count w times, and (1 - w) AE_USUAL_SCORE is added: a mean over fewer
 * columns varies more and would flag more rows.
 */
double ae_raw_score(const AeModel *model, const AeTerms *terms);

/*
 * The parts of row 0's distance term by source column, wherever ae_scorer_column_errors has errors;
 * they sum to the term. 0 without prototypes.
 */
void ae_scorer_column_distances(double *parts, AeScorer *scorer);

/*
 * The same for the term of extremes, which comes from the column of the most extreme number alone.
 */
void ae_scorer_column_extremes(double *parts, const AeScorer *scorer);

/*
 * The error of every source column of row 0: errors[n_columns of the schema], at the first value of
 * the column, NaN elsewhere and where the column is not observed.  For a constant it is the cost of
 * an unseen value, or 0.
 */
void ae_scorer_column_errors(double *errors, const AeScorer *scorer, const AeReal *outputs);

/*
 * Writes finished outputs into the cells of row 0 that belong to columns with fill[column], a
 * category as its most probable level, a number within what training saw.
 */
void ae_scorer_fill(AeScorer *scorer, const bool *fill, const AeReal *outputs);

/*
 * The probability of the actual level of a category, or of a boolean, in row 0 of finished outputs.
 */
double ae_scorer_probability(const AeScorer *scorer, const AeReal *outputs, uint32_t column);

/* Continues a hash with n cells of a row, for random draws that depend on the row. */
static inline uint64_t
ae_hash_cells(uint64_t hash, const AeReal *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = ae_hash_word(hash, ae_hash_number((double) cells[i]));
	return ae_hash_mix(hash);
}

#endif
