/*
 * ae_train.h: training as a sequence of bounded steps.
 *
 * The caller owns the loop:
 *
 *     ae_trainer_size(...)            how large a block
 *     ae_trainer_init(...)            initial weights in the block
 *     while (ae_trainer_step(...))    at most one slice of a minibatch, of an L-BFGS
 *         look at trainer progress    evaluation or of validation; check for interrupts
 *     ae_trainer_params(...)          the weights: best, or last good
 *
 * Rows come through AeRows: in memory, or read from wherever the caller keeps
 * them, a contiguous run at a time.
 */
#ifndef AE_TRAIN_H
#define AE_TRAIN_H

#include "ae_matrix.h"
#include "ae_net.h"
#include "ae_prior.h"
#include "ae_status.h"

/* The numbers of these enums are part of the byte format. */
typedef enum AeOptimizer
{
	AE_OPTIMIZER_SGD = 0,
	AE_OPTIMIZER_ADAM = 1,
	AE_OPTIMIZER_ADAMW = 2,
	AE_OPTIMIZER_LBFGS = 3,
	AE_OPTIMIZER_COUNT
} AeOptimizer;

typedef enum AeSchedule
{
	AE_SCHEDULE_CONSTANT = 0,
	AE_SCHEDULE_COSINE = 1, /* Loshchilov, Hutter 2017, eq. 5, one period, down to final_rate */
	AE_SCHEDULE_STEP = 2, /* a tenth after 1/2, a hundredth after 3/4 (He et al. 2016, sec. 4.2) */
	AE_SCHEDULE_COUNT
} AeSchedule;

/* What layers are pretrained as, one after the other (ae_pretrain.h). */
typedef enum AePretrain
{
	AE_PRETRAIN_NONE = 0,
	AE_PRETRAIN_PLAIN = 1,
	AE_PRETRAIN_DENOISING = 2,
	AE_PRETRAIN_COUNT
} AePretrain;

extern const char *const ae_pretrain_name[AE_PRETRAIN_COUNT];
extern const char *const ae_optimizer_name[AE_OPTIMIZER_COUNT];
extern const char *const ae_schedule_name[AE_SCHEDULE_COUNT];

/* How to train.  Every field is resolved: the caller has put defaults in. */
typedef struct AeTrainOptions
{
	AeOptimizer optimizer;
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
	AePenalty sparse;     /* penalty that makes outputs of layers sparse (ae_penalty.h) */
	bool sparse_hidden;   /* on every hidden layer, not on the code alone */
	double sparse_weight; /* >= 0 */
	double sparse_target; /* kl: rate of every unit, in (0, 1) */
	double dropout;  /* share of units of hidden layers but the code that are dropped, [0, 1) */
	bool tied;       /* the decoder's weights are the encoder's, transposed */
	bool batch_norm; /* hidden layers but the code are normalised over minibatches */
	AeWeightPrior weight_prior; /* what weight_decay is of: lambda/2 |W|^2, or lambda |W|_1 */
	double salt_pepper;         /* probability that a cell enters as its least or largest, [0, 1) */
	double swap;                /* probability that a column enters as another row's, [0, 1) */
	double emphasis;        /* share of the loss that is taken of corrupted columns alone, [0, 1] */
	double contract_weight; /* of the squared norm of the encoder's Jacobian, >= 0 */
	bool contract_exact;    /* the norm itself, not an estimate of it */
	double code_noise;      /* sd of Gaussian noise on the code before its activation */
	uint32_t batch_top_k;   /* units kept for each row of a minibatch on the average; 0: all */
	double aux_weight;      /* of the loss that dead units of the code are trained by, >= 0 */
	double target_weight;   /* of the supervised loss, >= 0 */
	AePretrain pretrain;    /* layer by layer before the whole */
	uint64_t pretrain_updates; /* of each layer */
	uint64_t epochs;           /* passes over the training rows, or 0 */
	uint64_t updates;          /* updates of the weights (L-BFGS: iterations), or 0; one is set */
	uint32_t batch_size;       /* rows in a minibatch, >= 1; unused by L-BFGS */
	double validation;         /* share of rows held out, [0, 1) */
	uint32_t patience; /* epochs without a better validation loss before stopping; 0: never */
	double time_limit; /* seconds; 0: none; kept by the caller (ae_trainer_stop) */
	uint64_t seed;
} AeTrainOptions;

/* Checks every range above.  AE_ERR_ARGUMENT with `what` the option's name. */
AeStatus ae_train_options_check(const AeTrainOptions *options, AeError *error);

/*
 * What weight_decay costs the weights (not biases) that training ended with: Omega of ae_prior.h,
 * of tied weights once.  params: ae_net_n_params(net).
 */
double ae_train_weight_penalty(const AeReal *params, const AeNet *net,
							   const AeTrainOptions *options);

/*
 * The rows: n_rows x (width cells, and a label where has_target) (ae_loss.h) in canonical order.
 * Either `data` points at all of them, or `read` copies `count` rows from row `first` on. read and
 * check may leave by longjmp: the engine holds nothing.
 */
typedef struct AeRows
{
	size_t n_rows;
	size_t width;      /* cells of a row */
	bool has_target;   /* each row has one number more behind its cells: its label (ae_target.h) */
	size_t n_labelled; /* rows whose label is not NaN, of all */
	bool nullable;     /* cells may be missing; the label may always be */
	const AeReal *low; /* n_dense: least cells, and largest ones: for salt_pepper, else NULL */
	const AeReal *high;
	const AeReal *data;
	void (*read)(void *context, AeReal *out, size_t first, size_t count);
	void *context;
	void (*check)(void); /* called now and then within a step that may take long, or NULL */
} AeRows;

/* Numbers of a row as it lies in data, or comes from read. */
static inline size_t
ae_rows_stride(const AeRows *rows)
{
	return rows->width + rows->has_target;
}

/* What is trained, how, and on what. */
typedef struct AeTask
{
	const AeNet *net;
	const AeTrainOptions *options;
	const AeRows *rows;
} AeTask;

typedef struct AeEpoch
{
	uint32_t epoch;        /* 1-based; L-BFGS: iteration */
	float train_loss;      /* mean over the epoch's minibatches, noise included, no penalty */
	float validation_loss; /* NaN without validation rows */
} AeEpoch;

/* At most so many epochs are kept: when full, every other one goes and the stride doubles. */
#define AE_MAX_HISTORY 1024

typedef enum AeTrainState
{
	AE_TRAIN_RUNNING = 0,
	AE_TRAIN_FINISHED,  /* epochs or updates are done */
	AE_TRAIN_CONVERGED, /* L-BFGS: gradient or progress below rounding */
	AE_TRAIN_EARLY,     /* patience ran out */
	AE_TRAIN_STOPPED,   /* ae_trainer_stop, e.g. at the time limit */
	AE_TRAIN_DIVERGED,  /* loss or gradient not finite: parameters are the last good ones */
	AE_TRAIN_STATE_COUNT
} AeTrainState;

extern const char *const ae_train_state_name[AE_TRAIN_STATE_COUNT];

/* What may be looked at between steps. */
typedef struct AeProgress
{
	AeTrainState state;
	uint64_t epoch;         /* epochs finished */
	uint64_t update;        /* updates done */
	uint64_t total_updates; /* planned */
	double train_loss;      /* of the last finished epoch; NaN before */
	double validation_loss; /* likewise; NaN without validation rows */
	double best_loss;       /* validation loss of the best epoch so far, or NaN */
	uint64_t best_epoch;    /* its epoch; 0: none */
	bool restored;          /* the parameters are those of best_epoch */
	double jacobian; /* contraction: mean |J|^2 of the last epoch, over validation rows if any; NaN
					  * before, and without */
	double best_jacobian; /* of best_epoch, or NaN */
	size_t n_train;       /* training rows */
	size_t n_validation;  /* validation rows: the first ones in canonical order */
	uint32_t n_history;
	const AeEpoch *history;
} AeProgress;

typedef struct AeTrainer AeTrainer; /* lives in the caller's block */

/* Bytes of a trainer for this task; checks net and options. AE_ERR_ARGUMENT, _SHAPE, _LIMIT. */
AeStatus ae_trainer_size(size_t *bytes, const AeTask *task, AeError *error);

/*
 * Builds a trainer in block (bytes from ae_trainer_size).  init: parameters to start from, those
 * of a training or, where options.pretrain is set, of pretraining; or NULL to draw them.  The
 * task is copied; blocks and indicators of its net, what rows are read from, and the tables of
 * compute must outlive the trainer.
 */
AeStatus ae_trainer_init(AeTrainer **trainer, void *block, size_t bytes, const AeTask *task,
						 const AeReal *init, const AeCompute *compute, AeError *error);

/* One bounded step.  True while there is more to do. */
bool ae_trainer_step(AeTrainer *trainer);

/* Ends training after the current step: state AE_TRAIN_STOPPED. */
void ae_trainer_stop(AeTrainer *trainer);

const AeProgress *ae_trainer_progress(const AeTrainer *trainer);

/*
 * A training that goes on later, in another process: all that its next steps depend on but net,
 * options, rows and kernels.  It can be saved between two evaluations, ae_trainer_at_rest, and
 * when it has ended.  saved: ae_trainer_saved_size bytes in the order of this machine, of this
 * build.  ae_trainer_restore puts them into a trainer just made for the same net, options and
 * number of rows: AE_ERR_SHAPE where they belong to another one; they are trusted otherwise.
 */
bool ae_trainer_at_rest(const AeTrainer *trainer);
size_t ae_trainer_saved_size(const AeTrainer *trainer);
void ae_trainer_save(void *saved, const AeTrainer *trainer);
AeStatus ae_trainer_restore(AeTrainer *trainer, const void *saved, size_t bytes, AeError *error);

/*
 * The resulting parameters (ae_net_n_params), owned by the trainer.  After a
 * divergence the last good ones; NULL if there never were any.
 */
const AeReal *ae_trainer_params(const AeTrainer *trainer);

#endif
