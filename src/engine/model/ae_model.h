/*
 * ae_model.h: a trained model in memory, one for each network. ae_format.h describes its bytes.
 */
#ifndef AE_MODEL_H
#define AE_MODEL_H

#include "ae_calibration.h"
#include "ae_extreme.h"
#include "ae_filter.h"
#include "ae_frequent.h"
#include "ae_net.h"
#include "ae_pairs.h"
#include "ae_prototype.h"
#include "ae_scaler.h"
#include "ae_status.h"
#include "ae_train.h"
#include "ae_verdict.h"

#define AE_MODEL_FORMAT 1
#define AE_MODEL_ARITHMETIC 1

/*
 * A unit of a variational code is collapsed if it says less than so many nats about a row on
 * average.
 */
#define AE_COLLAPSED 0.01

/* A model of several networks: two folds of rows, each scored by members that did not see it. */
#define AE_MAX_FOLDS 2
#define AE_MAX_MEMBERS 4
#define AE_MAX_MODELS (AE_MAX_FOLDS * AE_MAX_MEMBERS)

/* The numbers are part of the byte format. */
typedef enum AePurpose
{
	AE_PURPOSE_DETECT = 0,
	AE_PURPOSE_COMPRESS = 1,
	AE_PURPOSE_SEARCH = 2,
	AE_PURPOSE_GENERATE = 3,
	AE_PURPOSE_COUNT
} AePurpose;

extern const char *const ae_purpose_name[AE_PURPOSE_COUNT];

/* How missing cells are filled (ae_impute.h); likewise. */
typedef enum AeFilling
{
	AE_FILLING_ONCE = 0, /* one pass */
	AE_FILLING_PASSES,   /* outputs are fed back */
	AE_FILLING_STARTS,   /* the same from several starts */
	AE_FILLING_COUNT
} AeFilling;

extern const char *const ae_filling_name[AE_FILLING_COUNT];

/* A model in memory: to be written, or just read. */
typedef struct AeModel
{
	uint16_t format;     /* that was read; AE_MODEL_FORMAT is written */
	uint16_t arithmetic; /* AE_MODEL_ARITHMETIC in a new model */
	AePurpose purpose;
	AeLoss loss; /* of numbers and times */
	AeLoss category_loss;
	AeSchema schema;
	AeNet net;              /* its layout follows from the schema */
	const AeReal *params;   /* ae_net_n_params(&net) */
	AeTrainOptions options; /* as resolved */

	/* what came out */
	AeTrainState state;
	AeFilling filling; /* what filled hidden cells best; all members of a fold use that of the first
						* */
	uint64_t n_rows;   /* rows seen, validation included */
	uint64_t n_validation;
	uint64_t n_updates;
	uint64_t n_epochs;
	uint64_t best_epoch;     /* epoch of the weights, if they were restored; else 0 */
	double train_loss;       /* of the last epoch; NaN if none was finished */
	double validation_loss;  /* of the weights kept; NaN without validation rows */
	double mean_loss;        /* of predicting the mean */
	double pca_loss;         /* of PCA with the same code size; NaN if not computed */
	double seconds;          /* training time */
	double code_zeros;       /* share of the codes' numbers, over those rows, that are 0 */
	double code_mean;        /* their mean */
	double target_loss;      /* mean over the labelled calibration rows; NaN if there are none */
	double target_accuracy;  /* share of correct labels, or R^2 of a number; NaN likewise */
	uint32_t n_dead;         /* code units that never moved over the calibration rows */
	uint32_t server_version; /* PG_VERSION_NUM of the writer, for information */
	double jacobian;         /* contraction: mean |dh/dx|^2 (ae_contract.h); NaN: not computed */
	double recall;           /* of neighbours by codes (ae_recall.h); NaN: not computed */
	double pca_recall;       /* of PCA with the same code size; NaN likewise */
	double divergence;       /* variational: mean KL of a row's code from the prior */
	uint32_t n_collapsed;    /* variational: units whose share of that is below AE_COLLAPSED */
	double log_likelihood; /* with a distribution: mean log p(x | h) over the rows of the loss; NaN:
							* not known */

	AeCalibration calibration; /* of raw scores; all models of a bundle use that of the first */
	AePrototypes prototypes;
	AePairs pairs;
	AeExtremes extremes;
	AeFrequent frequent;  /* rows that it was trained on; all members of a fold use that of the
						   * first */
	AeFilter filter;      /* likewise, of all rows */
	AeVerdicts verdicts;  /* all members of a fold use those of the first */
	double error_norm;    /* raw score = error / error_norm + distance / distance_norm + extreme, */
	double distance_norm; /* times the factor of verdicts */
	uint32_t n_history;
	AeEpoch *history;
} AeModel;

/* Whether two schemas have the same columns: names, kinds, elements. */
bool ae_schema_agrees(const AeSchema *a, const AeSchema *b);

/*
 * Whether two models may be members of one fold: values made for one, including levels, become the
 * same cells of the other, and the networks differ only in their weights.
 */
bool ae_model_pairs(const AeModel *a, const AeModel *b);

/*
 * Why models (fold * n_members + member) cannot form a bundle, as the end of a sentence, or NULL if
 * they can. Callers check it whenever they read a bundle, to score with it or to continue training.
 */
const char *ae_bundle_misfit(const AeModel *const *models, uint32_t n_folds, uint32_t n_members);

#endif
