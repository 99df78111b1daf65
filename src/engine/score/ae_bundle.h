/*
 * ae_bundle.h: what a model says of rows, by all its networks: the one definition of a score.
 *
 * A model has the networks of one fold or two, each of one member or several.  A row belongs to the
 * fold that its hash says (ae_hash.h), and the members of that fold, which did not see it in
 * training, judge it.  Their errors, raw scores, outputs and predictions are averaged; then verdicts
 * on rows like it raise or lower the raw score (ae_verdict.h).  The other fold's members judge the
 * errors and raw scores of a new row too, which none of them saw, and the mean of both folds counts.
 * What a single network says is in ae_score.h.
 *
 * The networks are read-only and may be shared; what they are worked with belongs to the caller.
 * Same bits for a row alone or among any others.
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
 * The fold whose networks score a row: its own by its hash, or the other one, whose networks have
 * learnt it, of a very frequent row (ae_frequent.h).
 */
uint32_t ae_bundle_fold(const AeBundle *bundle, uint64_t hash);

/* Whether there are two folds, and the networks of neither saw the row (ae_filter.h). */
bool ae_bundle_is_new(const AeBundle *bundle, uint64_t hash);

/* A row: its values as the schema of its fold has them. */
typedef struct AeBundleRow
{
	const double *values; /* n_columns */
	const bool *missing;  /* n_columns */
	uint32_t fold;        /* < n_folds */
	const double *others; /* as the schema of the other fold has them, which judges too; or NULL */
} AeBundleRow;

/* Why a row has no score of its own. */
typedef enum AeSight
{
	AE_SIGHT_SEEN = 0,  /* it has */
	AE_SIGHT_INFINITE,  /* a value is NaN or infinite: error and raw score are +Infinity */
	AE_SIGHT_UNOBSERVED /* every column that varies is missing: they are NaN */
} AeSight;

typedef struct AeScore
{
	AeSight sight;
	uint32_t n_folds; /* whose members judged */
	double error;     /* reconstruction error, the mean of the members' and folds' that judge */
	double raw;       /* what rows are ranked by, the same mean of raw scores, judged */
} AeScore;

/* Means of a fold's members. */
typedef struct AeTally
{
	double error;
	double raw;
} AeTally;

/* Room for rows of all folds.  Belongs to whoever calls. */
typedef struct AeBundleScorer
{
	const AeBundle *bundle;
	AeScorer fold[AE_MAX_FOLDS];
	size_t *place; /* batch: which of the rows given those of a fold are */
	double *error; /* batch: of a member */
	AeTally *sum;  /* batch: of the members of a fold */
} AeBundleScorer;

/* Bytes of the block for ae_bundle_scorer_init; batch rows of a fold at a time. */
AeStatus ae_bundle_scorer_size(size_t *bytes, const AeBundle *bundle, size_t batch, AeError *error);

/* bundle must outlive the scorer. */
void ae_bundle_scorer_init(AeBundleScorer *scorer, void *block, const AeBundle *bundle,
						   size_t batch);

/*
 * scores[n] of rows[n], of any folds and any number: they are sorted by fold inside, and go through
 * the networks as many at a time as there is room for.  A single row that is seen stays row 0 of its
 * fold's scorer.  Where the row's fold has no score of it there is none, whatever the other one says;
 * where the other one has none, it has no say.
 */
void ae_bundle_score(AeScore *scores, AeBundleScorer *scorer, const AeBundleRow *rows, size_t n);

/*
 * The scorer of a row's fold, with the row in it as row 0 and the first member in use: for whatever
 * else is asked of the row.
 */
AeScorer *ae_bundle_take(AeSight *sight, AeBundleScorer *scorer, const AeBundleRow *row);

/*
 * The same of those of n rows that are of that fold, as rows 0, 1, ...; returns how many, and
 * scorer->place says which.  n <= batch; sights: n, of which those of the fold are set.
 */
size_t ae_bundle_take_fold(AeSight *sights, AeBundleScorer *scorer, uint32_t fold,
						   const AeBundleRow *rows, size_t n);

/* ---- what the members of a fold say of the rows in their scorer ---- */

/*
 * What verdicts multiply the mean raw score of a row in the scorer by: ae_verdicts_factor, by those
 * of the first member.
 */
double ae_members_judge(const AeScorer *scorer, size_t row, bool calibrating);

/* mean[n_rows x n_outputs]: their finished outputs, on the average. */
void ae_members_outputs(AeReal *mean, AeScorer *scorer, size_t n_rows);

/* mean[n_rows x n_target]: probabilities of levels, or a number in the user's units, likewise. */
void ae_members_predict(double *mean, AeScorer *scorer, size_t n_rows);

/*
 * Adds the errors of the source columns of row 0 to sum[n_columns], and to count 1 where the first
 * member has one; errors: n_columns, for its use.
 */
void ae_members_add_errors(double *sum, uint64_t *count, AeScorer *scorer, double *errors);

/* ---- what all that judge a row say of its columns ---- */

/*
 * Adds the errors of the source columns of a row, the mean of those folds that have one, to
 * sum[n_columns], and to count 1 where there is one; scratch: 3 n_columns.
 */
void ae_bundle_add_errors(double *sum, uint64_t *count, AeBundleScorer *scorer,
						  const AeBundleRow *row, double *scratch);

/* A source column of a row, and its part in the raw score. */
typedef struct AeBlame
{
	uint32_t column;    /* the first value */
	uint32_t n_folds;   /* that have an error of it */
	bool odd;           /* it varied in the training of one, or is not what it was */
	double error;       /* their mean; +Infinity where a value is not finite */
	double by_error;    /* parts of the raw score: of the error; */
	double by_distance; /* of the distance to prototypes, and of extremes */
	double share;       /* of the raw score, all together 1 */
} AeBlame;

/*
 * The columns that explain a row: those observed that varied in training or are not what they were;
 * returns how many.  blames: n_columns; scratch: 3 n_columns.  The row stays row 0 of its fold's
 * scorer, which is returned, with the first member in use.
 */
AeScorer *ae_bundle_explain(AeBlame *blames, uint32_t *n, AeSight *sight, AeBundleScorer *scorer,
							const AeBundleRow *row, double *scratch);

#endif
