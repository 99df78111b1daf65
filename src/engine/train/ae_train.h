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
 * AeRows provides the rows: in memory, or read from wherever the caller keeps them, a contiguous
 * run at a time.
 */
#ifndef AE_TRAIN_H
#define AE_TRAIN_H

#include "ae_matrix.h"
#include "ae_net.h"
#include "ae_options.h"
#include "ae_rows.h"
#include "ae_status.h"

/*
 * The penalty of weight_decay on the final weights (not biases): Omega of ae_prior.h; tied weights
 * count once.  params: ae_net_n_params(net).
 */
double ae_train_weight_penalty(const AeReal *params, const AeNet *net,
							   const AeTrainOptions *options);

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

/*
 * The most epochs of history: when it is full, every other one is dropped and the stride doubles.
 */
#define AE_MAX_HISTORY 1024

typedef enum AeTrainState
{
	AE_TRAIN_RUNNING = 0,
	AE_TRAIN_FINISHED,  /* epochs or updates are done */
	AE_TRAIN_CONVERGED, /* L-BFGS: gradient or progress below rounding */
	AE_TRAIN_EARLY,     /* patience ran out */
	AE_TRAIN_STOPPED,   /* ae_trainer_stop, e.g. at the time limit */
	AE_TRAIN_DIVERGED,  /* loss or gradient was not finite: parameters are the last good ones */
	AE_TRAIN_STATE_COUNT
} AeTrainState;

extern const char *const ae_train_state_name[AE_TRAIN_STATE_COUNT];

/* What the caller may read between steps. */
typedef struct AeProgress
{
	AeTrainState state;
	uint64_t epoch;         /* epochs finished */
	uint64_t update;        /* updates done */
	uint64_t total_updates; /* planned */
	double train_loss;      /* of the last finished epoch, or the unfinished first one; NaN before
							 * */
	double validation_loss; /* likewise; NaN without validation rows */
	double best_loss;       /* validation loss of the best epoch so far, or NaN */
	uint64_t best_epoch;    /* its epoch; 0: none */
	bool restored;          /* the parameters are those of best_epoch */
	size_t n_train;         /* training rows */
	size_t n_validation;    /* validation rows: the first ones in canonical order */
	uint32_t n_history;
	const AeEpoch *history;
} AeProgress;

typedef struct AeTrainer AeTrainer; /* lives in the caller's block */

/* Bytes of a trainer for this task; checks net and options. AE_ERR_ARGUMENT, _SHAPE, _LIMIT. */
AeStatus ae_trainer_size(size_t *bytes, const AeTask *task, AeError *error);
/* Likewise an upper bound of what ae_trainer_save will keep of it. */
AeStatus ae_trainer_state_size(size_t *bytes, const AeTask *task, AeError *error);

/*
 * Builds a trainer in block (bytes from ae_trainer_size).  init: parameters to start from, those of
 * another training or, if options.pretrain is set, of pretraining; or NULL to draw them.  The task
 * is copied; blocks and indicators of its net, the source of its rows, and the tables of compute
 * must outlive the trainer.
 */
AeStatus ae_trainer_init(AeTrainer **trainer, void *block, size_t bytes, const AeTask *task,
						 const AeReal *init, const AeCompute *compute, AeError *error);

/* One bounded step.  True while there is more to do. */
bool ae_trainer_step(AeTrainer *trainer);

/* Ends training after the current step: state AE_TRAIN_STOPPED. */
void ae_trainer_stop(AeTrainer *trainer);

const AeProgress *ae_trainer_progress(const AeTrainer *trainer);

/*
 * The mean over rows of a term of the loss (ae_part.h), without its factor, in the epoch that the
 * parameters come from: over validation rows if there are any.  NaN before the first epoch, and for
 * unused terms.
 */
double ae_trainer_mean(const AeTrainer *trainer, const char *term);

/*
 * Saves a training to be resumed in another process: everything that its next steps depend on,
 * except net, options, rows and kernels. It can be saved between two evaluations
 * (ae_trainer_at_rest), and when it has ended.  saved: ae_trainer_saved_size bytes, which only this
 * build on such a machine can read.  ae_trainer_restore puts them into a trainer just made for the
 * same net, options and number of rows: AE_ERR_SHAPE if they belong to another one; otherwise they
 * are trusted.
 */
bool ae_trainer_at_rest(const AeTrainer *trainer);
size_t ae_trainer_saved_size(const AeTrainer *trainer);
void ae_trainer_save(void *saved, const AeTrainer *trainer);
AeStatus ae_trainer_restore(AeTrainer *trainer, const void *saved, size_t bytes, AeError *error);

/*
 * The resulting parameters (ae_net_n_params), owned by the trainer.  After a
 * divergence the last good ones, or NULL if there were none.
 */
const AeReal *ae_trainer_params(const AeTrainer *trainer);

#endif
