/*
 * ae_options.h: the options of training, and the one table that describes them.
 *
 * An option of training is a field of AeTrainOptions and a line of ae_option_info.  Whatever deals
 * with options walks over that table: the check of ranges, the bytes of a model, and in the binding
 * parsing, defaults, refusals and ae.describe.  A new option needs no more than the field, a line
 * at the end of the table, and the code that uses it.
 *
 * Knows names, types, ranges and defaults; does not know what an option does.
 */
#ifndef AE_OPTIONS_H
#define AE_OPTIONS_H

#include "ae_likelihood.h"
#include "ae_penalty.h"
#include "ae_prior.h"
#include "ae_status.h"

/* How near rows and codes are: by their distance, or by the cosine of their angle. */
typedef enum AeMetric
{
	AE_METRIC_EUCLIDEAN = 0,
	AE_METRIC_COSINE = 1,
	AE_METRIC_COUNT
} AeMetric;

/* The numbers of these enums are part of the byte format. */
typedef enum AeOptimizer
{
	AE_OPTIMIZER_SGD = 0,
	AE_OPTIMIZER_ADAM = 1,
	AE_OPTIMIZER_ADAMW = 2,
	AE_OPTIMIZER_LBFGS = 3,
	AE_OPTIMIZER_PCA = 4, /* none: the parameters to start from are the solution (ae_pca.h) */
	AE_OPTIMIZER_COUNT
} AeOptimizer;

typedef enum AeSchedule
{
	AE_SCHEDULE_CONSTANT = 0,
	AE_SCHEDULE_COSINE = 1, /* Loshchilov, Hutter 2017, eq. 5, one period, down to final_rate */
	AE_SCHEDULE_STEP = 2, /* a tenth after 1/2, a hundredth after 3/4 (He et al. 2016, sec. 4.2) */
	AE_SCHEDULE_COUNT
} AeSchedule;

/* How layers are pretrained, one after the other (ae_pretrain.h). */
typedef enum AePretrain
{
	AE_PRETRAIN_NONE = 0,
	AE_PRETRAIN_PLAIN = 1,
	AE_PRETRAIN_DENOISING = 2,
	AE_PRETRAIN_COUNT
} AePretrain;

/* How weights learn what to change; likewise. */
typedef enum AeAlgorithm
{
	AE_ALGORITHM_BACKPROPAGATION = 0,
	AE_ALGORITHM_RECIRCULATION = 1,
	AE_ALGORITHM_COUNT
} AeAlgorithm;

extern const char *const ae_algorithm_name[AE_ALGORITHM_COUNT];
extern const char *const ae_metric_name[AE_METRIC_COUNT];
extern const char *const ae_pretrain_name[AE_PRETRAIN_COUNT];
extern const char *const ae_optimizer_name[AE_OPTIMIZER_COUNT];
extern const char *const ae_schedule_name[AE_SCHEDULE_COUNT];

#define AE_MAX_NOISE 1e6

/* The most draws for a row in training. */
#define AE_MAX_SAMPLES 64

/* How to train. Every field is resolved: the caller has filled in defaults. */
typedef struct AeTrainOptions
{
	AeOptimizer optimizer;
	AeAlgorithm algorithm; /* what gives it gradients */
	AeSchedule schedule;
	double learning_rate; /* > 0; unused by L-BFGS */
	double final_rate;    /* cosine: share of learning_rate at the end, [0, 1] */
	double warmup;        /* share of updates with a linear rise, [0, 1) */
	double momentum;      /* sgd, [0, 1) */
	double beta1;         /* adam, [0, 1) */
	double beta2;         /* adam, [0, 1) */
	double epsilon;       /* adam, > 0 */
	double weight_decay;  /* lambda of weight_prior, beside the loss; adamw: decoupled; >= 0 */
	double clip_norm;     /* largest global gradient norm; 0: no clipping */
	double noise;         /* sd of Gaussian noise on the inputs, scaled units; 0: none */
	double masking;       /* probability that a cell enters as if it were missing, [0, 1) */
	bool masking_any;     /* that probability is drawn anew for each row, from all of [0, 1] */
	AePenalty sparse;     /* penalty that makes outputs of layers sparse (ae_penalty.h) */
	bool sparse_hidden;   /* on every hidden layer, not only the code */
	double sparse_weight; /* >= 0 */
	double sparse_target; /* kl: rate of every unit, in (0, 1) */
	double dropout;       /* share of units dropped in hidden layers except the code, [0, 1) */
	bool tied;            /* the decoder's weights are the encoder's, transposed */
	bool batch_norm;      /* hidden layers except the code are normalised over minibatches */
	AeWeightPrior weight_prior; /* what weight_decay weighs: lambda/2 |W|^2, or lambda |W|_1 */
	double salt_pepper;         /* probability that a cell enters as its least or largest, [0, 1) */
	double swap;                /* probability that a column enters as another row's, [0, 1) */
	double emphasis;            /* share of the loss that counts only corrupted columns, [0, 1] */
	uint32_t walkback;          /* reconstructions of a row before it enters, at most; 0: none */
	double contract_weight;     /* of the squared norm of the encoder's Jacobian, >= 0 */
	bool contract_exact;        /* the norm itself, not an estimate of it */
	double code_noise;          /* sd of Gaussian noise on the code before its activation */
	uint32_t batch_top_k;       /* units kept for each row of a minibatch on average; 0: all */
	double aux_weight;          /* of the loss that trains dead units of the code, >= 0 */
	double target_weight;       /* of the supervised loss, >= 0 */
	double neighbours_weight; /* of the term that keeps neighbours; the loss has the rest, [0, 1] */
	uint32_t neighbours_k;    /* the neighbour whose distance is the scale of the others */
	AeMetric neighbours_metric; /* what is near */
	AeDistribution
		distribution;        /* of rows given their code, whose likelihood is maximised, or none */
	AeVariance variance;     /* of its normal cells */
	double variational_beta; /* weight of the divergence if the code is drawn; 0: it is not */
	double variational_warmup;    /* share of updates in which that rises, [0, 1] */
	uint32_t variational_samples; /* draws for a row, weighted by importance; 0 or 1: one */
	double variational_free_bits; /* nats of each unit that are free, >= 0 */
	double psd_weight;   /* of the difference between the encoder's code and the best one, >= 0 */
	AePretrain pretrain; /* layer by layer before the whole */
	uint64_t pretrain_updates; /* of each layer */
	uint64_t epochs;           /* passes over the training rows, or 0 */
	uint64_t updates;          /* updates of the weights (L-BFGS: iterations), or 0; one is set */
	uint32_t batch_size;       /* rows in a minibatch, >= 1; unused by L-BFGS */
	double validation;         /* share of rows held out, [0, 1) */
	uint32_t patience; /* epochs without a better validation loss before stopping; 0: never */
	double time_limit; /* seconds; 0: none; enforced by the caller (ae_trainer_stop) */
	uint64_t seed;
} AeTrainOptions;

typedef enum AeOptionType
{
	AE_OPTION_ENUM,    /* an enum, as wide as an int */
	AE_OPTION_FLAG,    /* bool */
	AE_OPTION_REAL,    /* double */
	AE_OPTION_COUNT32, /* uint32_t */
	AE_OPTION_COUNT64, /* uint64_t */
	AE_OPTION_TYPE_COUNT
} AeOptionType;

/* Bits of optimizers. */
#define AE_FOR_SGD (1u << AE_OPTIMIZER_SGD)
#define AE_FOR_ADAM ((1u << AE_OPTIMIZER_ADAM) | (1u << AE_OPTIMIZER_ADAMW))
#define AE_FOR_LBFGS (1u << AE_OPTIMIZER_LBFGS)
#define AE_FOR_RATES (AE_FOR_SGD | AE_FOR_ADAM)
#define AE_FOR_PCA (1u << AE_OPTIMIZER_PCA)
#define AE_FOR_STEPS (AE_FOR_RATES | AE_FOR_LBFGS)
#define AE_FOR_ALL (AE_FOR_STEPS | AE_FOR_PCA)

typedef struct AeOptionInfo
{
	const char *name; /* the name that users write; for an option that they cannot set, the field's
					   * */
	AeOptionType type;
	size_t offset;       /* in AeTrainOptions */
	double low, high;    /* what may be given */
	bool open;           /* high itself is not allowed */
	double otherwise;    /* if not given; may be outside the range, which means "none" */
	unsigned optimizers; /* AE_FOR_...: optimizers with which it has an effect; 0: users cannot give
						  * it */
	const char *const *names; /* of the values of an enum, or of a flag given by name; else NULL */
	const char *needs;        /* the option that it requires, or NULL */
} AeOptionInfo;

/* In the order of the bytes of a model: append, never reorder. */
extern const AeOptionInfo ae_option_info[];
extern const size_t ae_n_options;

/* The most options. */
#define AE_MAX_OPTIONS 96

/* The value of an option of any type; counts above 2^53 are rounded. */
double ae_option_value(const AeTrainOptions *options, const AeOptionInfo *info);

/* Sets it to a value that its type can hold. */
void ae_option_set(AeTrainOptions *options, const AeOptionInfo *info, double value);

/* Sets every option to its `otherwise`. */
void ae_train_options_init(AeTrainOptions *options);

/*
 * The number of rows among n that are held out for validation: the first ones in canonical order.
 */
size_t ae_options_held_out(const AeTrainOptions *options, size_t n_rows);

/* Checks every range.  AE_ERR_ARGUMENT with `what` the option's name. */
AeStatus ae_train_options_check(const AeTrainOptions *options, AeError *error);

#endif
