/*
 * ae_bundle.h: how all networks of a model score rows: the only definition of a score.
 *
 * A model has the networks of one fold or two, each of one member or several.  The hash of a row
 * decides its fold (ae_hash.h), and the members of that fold, which did not see it in training,
 * judge it.  Their errors, raw scores, outputs and predictions are averaged; then verdicts on rows
 * like it raise or lower the raw score (ae_verdict.h).  A new row, which no network has seen, is
 * judged by the members of both folds, and its error and raw score are the means of both.
 * ae_score.h is about a single network.
 *
 * The networks are read-only and may be shared; scratch belongs to the caller. A row has the same
 * bits alone or among any others.
 */
#ifndef AE_BUNDLE_H
#define AE_BUNDLE_H

#include "ae_score.h"

typedef struct AeBundle
{
	uint32_t n_folds;
	uint32_t n_members;
	const AePacked *networks; /* fold * n_members + member; those of a fold fit (ae_model_pairs) */
} AeBundle;

/*
 * The fold whose networks score a row: its own by its hash; for a very frequent row (ae_frequent.h)
 * the other one, whose networks have learnt it.
 */
uint32_t ae_bundle_fold(const AeBundle *bundle, uint64_t hash);

/* Whether there are two folds and the networks of neither saw the row (ae_filter.h). */
bool ae_bundle_is_new(const AeBundle *bundle, uint64_t hash);

/* A row: its values in the schema of its fold. */
typedef struct AeBundleRow
{
	const double *values; /* n_columns */
	const bool *missing;  /* n_columns */
	uint32_t fold;        /* < n_folds */
	const double *others; /* in the schema of the other fold, if that judges too; or NULL */
} AeBundleRow;

/* Why a row has no score of its own. */
typedef enum AeSight
{
	AE_SIGHT_SEEN = 0,  /* it has */
	AE_SIGHT_INFINITE,  /* a value is NaN or infinite: error and raw score are +Infinity */
	AE_SIGHT_UNOBSERVED /* every column that varies is missing: both are NaN */
} AeSight;

typedef struct AeScore
{
	AeSight sight;
	uint32_t n_folds; /* whose members judged */
	double error;     /* reconstruction error, the mean over members and folds that judge */
	double raw;       /* what rows are ranked by: the same mean of raw scores, with verdicts */
} AeScore;

/* Means of a fold's members. */
typedef struct AeTally
{
	double error;
	double raw;
} AeTally;

/* Room for rows of all folds. Belongs to the caller. */
typedef struct AeBundleScorer
{
	const AeBundle *bundle;
	AeScorer fold[AE_MAX_FOLDS];
	size_t *place; /* batch: the positions of a fold's rows among the rows passed */
	double *error; /* batch: of a member */
	AeTally *sum;  /* batch: of the members of a fold */
} AeBundleScorer;

/* Bytes of the block for ae_bundle_scorer_init; batch rows of a fold at a time. */
AeStatus ae_bundle_scorer_size(size_t *bytes, const AeBundle *bundle, size_t batch, AeError *error);

/* bundle must outlive the scorer. */
void ae_bundle_scorer_init(AeBundleScorer *scorer, void *block, const AeBundle *bundle,
						   size_t batch);

/*
 * scores[n] of rows[n], of any folds and any number: they are sorted by fold inside and pass
 * through the networks in batches. A single row with a score stays row 0 of its fold's scorer. If
 * the row's own fold has no score for it, there is none, whatever the other one says; if only the
 * other fold has none, it does not count.
 */
void ae_bundle_score(AeScore *scores, AeBundleScorer *scorer, const AeBundleRow *rows, size_t n);

/*
 * The scorer of a row's fold, with the row as row 0 and the first member in use, for anything else
 * that is asked of the row.
 */
AeScorer *ae_bundle_take(AeSight *sight, AeBundleScorer *scorer, const AeBundleRow *row);

/*
 * The same for those of n rows that belong to that fold, as rows 0, 1, ...; returns how many, and
 * scorer->place says which. n <= batch; sights: n, of which those of the fold are set.
 */
size_t ae_bundle_take_fold(AeSight *sights, AeBundleScorer *scorer, uint32_t fold,
						   const AeBundleRow *rows, size_t n);

/* ---- what the members of a fold say of the rows in their scorer ---- */

/*
 * The factor of verdicts on the mean raw score of a row in the scorer: ae_verdicts_factor of the
 * first member.
 */
double ae_members_judge(const AeScorer *scorer, size_t row, bool calibrating);

/* mean[n_rows x n_outputs]: the mean of their finished outputs. */
void ae_members_outputs(AeReal *mean, AeScorer *scorer, size_t n_rows);

/* mean[n_rows x n_target]: probabilities of levels, or a number in the user's units, likewise. */
void ae_members_predict(double *mean, AeScorer *scorer, size_t n_rows);

/*
 * Adds the errors of the source columns of row 0 to sum[n_columns], and 1 to count where the first
 * member has one; errors: n_columns, scratch.
 */
void ae_members_add_errors(double *sum, uint64_t *count, AeScorer *scorer, double *errors);

/* ---- what all that judge a row say of its columns ---- */

/*
 * Adds the errors of the source columns of a row, means over the folds that have one, to
 * sum[n_columns], and 1 to count where there is one; scratch: 3 n_columns.
 */
void ae_bundle_add_errors(double *sum, uint64_t *count, AeBundleScorer *scorer,
						  const AeBundleRow *row, double *scratch);

/* A source column of a row and its part of the raw score. */
typedef struct AeBlame
{
	uint32_t column;    /* the first value */
	uint32_t n_folds;   /* folds with an error for it */
	bool odd;           /* it varied in the training of a fold, or has an unseen value */
	double error;       /* their mean; +Infinity if a value is not finite */
	double by_error;    /* parts of the raw score, without what stands in for missing
						 * columns: of the error; */
	double by_distance; /* of the distance to prototypes, and of extremes */
	double share;       /* share of the raw score; all sum to 1 */
} AeBlame;

/*
 * The columns that explain a row: observed ones that varied in training or have an unseen value;
 * returns how many.  blames: n_columns; scratch: 3 n_columns.  The row stays row 0 of its fold's
 * scorer, which is returned, with the first member in use.
 */
AeScorer *ae_bundle_explain(AeBlame *blames, uint32_t *n, AeSight *sight, AeBundleScorer *scorer,
							const AeBundleRow *row, double *scratch);

#endif
