/*
 * ae_part.h: the interface of a part of a training: a stage that rows pass through, a term of the
 * loss, or both.
 *
 * A part is a table of functions over a state of its own, which it places in the trainer's block.
 * AE_PARTS below lists all of them.  Parts that the options do not ask for cost nothing.
 *
 * Stages change what flows: how cells enter (`enter`), or what is between the layers (`hooks`, see
 * ae_net.h), in training alone.  `fold` takes what must remain of such a change into the weights
 * that rows are scored with.
 *
 * Terms are what training minimises the sum of.  For each slice of rows the trainer calls, in the
 * order of the list,
 *
 *     loss   after the forward pass: the sum over rows; leaves its gradient, times share, where
 *            the backward pass finds it: with respect to the outputs in pass->d[0], to those of
 *            the head in pass->d_target, or wherever its hooks add it; or adds it to grads
 *     after  after the backward pass: adds what else there is to grads
 *
 * and adds up what loss returned: over a minibatch, an epoch, and the validation rows.
 *
 * A function that a part does not need is NULL.
 */
#ifndef AE_PART_H
#define AE_PART_H

#include "ae_net.h"
#include "ae_options.h"

/* The training that a part belongs to. */
typedef struct AePartSetup
{
	const AeNet *net; /* only valid during the call, unlike pass->net */
	const AeTrainOptions *options;
	size_t n_rows;      /* of all slices together */
	size_t n_labelled;  /* rows whose label is known, of these */
	size_t slice_rows;  /* the most rows of a slice */
	uint64_t n_updates; /* planned */
	size_t width;       /* cells of a row */
	bool nullable;      /* cells may be missing */
	const AeReal *low;  /* n_dense: least cells of the training rows, and largest ones; or NULL */
	const AeReal *high;
	const AeKernels *kernels;
} AePartSetup;

/* Where the initial parameters come from. */
typedef enum AeStart
{
	AE_START_DRAWN,
	AE_START_PRETRAINED, /* layer by layer */
	AE_START_TRAINED     /* from a training that this one continues */
} AeStart;

/* Rows that enter the network. */
typedef struct AeEntering
{
	const AeCells *cells; /* as they are */
	const AeReal *params; /* of the net */
	AeVisit visit;        /* where random numbers come from */
	bool training;
	const AeReal
		*chosen; /* result: n_rows x width, the clean cells of what was corrupted, NaN elsewhere; or
				  * NULL if corrupted cells are not told apart */
} AeEntering;

/* Rows that have just been passed forward. */
typedef struct AeSlice
{
	AePass *pass;
	const AeReal *params;
	const AeTrainOptions *options;
	const AeCells *cells;  /* the desired outputs */
	const AeCells *chosen; /* the corrupted ones of these, or NULL if they are not told apart */
	const AeReal *labels;  /* n_rows, or NULL without a target */
	const AeMeasure *measure;
	AeVisit visit;
	bool accumulate; /* earlier slices were of the same minibatch, or of the validation rows */
	/* only in training: */
	AeReal *grads; /* ae_net_n_params; a part that adds to it in `loss` first clears it unless
					* accumulate is set, and sets accumulate */
	double share;  /* factor on gradients */
	bool valued;   /* the value is used; otherwise a term for which it is extra work may return 0 */
} AeSlice;

typedef struct AePart
{
	const char *name;

	/* Whether the training uses the part; NULL: always. */
	bool (*used)(const AeNet *net, const AeTrainOptions *options);

	/* Refuses what cannot be trained, whether the part is used or not. */
	AeStatus (*check)(const AeNet *net, const AeTrainOptions *options, AeError *error);

	/* Multiply-adds of one row in addition to those of a forward pass. */
	double (*macs)(const AeNet *net, const AeTrainOptions *options);

	/* Parameters of its own, behind those of the net and of the parts before it. */
	size_t (*n_params)(const AeNet *net);

	/* Bytes of numbers that last from one minibatch to the next and are saved; 0 at first. */
	size_t (*lasting)(const AeNet *net);

	/*
	 * Makes its state in the arena; pass is already placed and may be hooked into; lasting: that
	 * many bytes, or NULL; own: the first of its parameters.
	 */
	void *(*place)(AeArena *arena, AePass *pass, const AePartSetup *setup, void *lasting,
				   size_t own);

	/* Sets up params and lasting bytes for the first minibatch. */
	void (*begin)(void *state, AeReal *params, const AeNet *net, const AeTrainOptions *options,
				  AeStart start);

	/*
	 * Called when rows are about to enter: makes pass->inputs from them, or draws random numbers.
	 */
	void (*enter)(void *state, AePass *pass, AeEntering *entering);

	/* After a forward pass in training. */
	void (*passed)(void *state, const AePass *pass);

	/* After each update by a first-order optimizer. */
	void (*updated)(void *state, AeReal *params, const AeNet *net);

	/* Folds what the part does to rows in training into the net's parameters. */
	void (*fold)(const void *state, AeReal *folded, const AeReal *params, const AeNet *net);

	/* The factor of the sums of `loss` and `validate` in the objective; NULL: 1. */
	double (*factor)(const AeTrainOptions *options);

	double (*loss)(void *state, AeSlice *slice);
	void (*after)(void *state, const AeSlice *slice);

	/* The same sum of validation rows, without gradients. */
	double (*validate)(void *state, const AeSlice *slice);
	bool slopes; /* for which it needs slopes of activations */

	/* What early stopping heeds; NULL: factor times the mean of `validate`. */
	double (*judge)(const void *state, const AeTrainOptions *options);
} AePart;

/*
 * All parts; each is a constant ae_NAME_part. This is the order in which rows pass through them,
 * and in which terms are computed and added.
 */
#define AE_PARTS(PART)                                                                             \
	PART(entering)                                                                                 \
	PART(code_noise)                                                                               \
	PART(variational)                                                                              \
	PART(psd)                                                                                      \
	PART(normal)                                                                                   \
	PART(reconstruction)                                                                           \
	PART(decoder)                                                                                  \
	PART(sparse)                                                                                   \
	PART(target)                                                                                   \
	PART(auxiliary)                                                                                \
	PART(contract)                                                                                 \
	PART(dropout)                                                                                  \
	PART(gating)                                                                                   \
	PART(neighbours)                                                                               \
	PART(recirculation)

#define AE_DECLARE_PART(name) extern const AePart ae_##name##_part;
#define AE_NUMBER_PART(name) AE_PART_##name,

AE_PARTS(AE_DECLARE_PART)

enum
{
	AE_PARTS(AE_NUMBER_PART) AE_N_PARTS
};

extern const AePart *const ae_parts[AE_N_PARTS];

/* A part as a training uses it. */
typedef struct AePartUse
{
	bool used;
	void *lasting;
	void *state;
} AePartUse;

/* The parts that a training uses. */
void ae_parts_choose(AePartUse *use, const AeNet *net, const AeTrainOptions *options);

/* Calls the checks of all parts. */
AeStatus ae_parts_check(const AeNet *net, const AeTrainOptions *options, AeError *error);

/* The number of parameters behind those of the net. */
size_t ae_parts_n_params(const AePartUse *use, const AeNet *net);

void ae_parts_place_lasting(AePartUse *use, AeArena *arena, const AeNet *net);
void ae_parts_place(AePartUse *use, AeArena *arena, AePass *pass, const AePartSetup *setup);
void ae_parts_begin(AePartUse *use, AeReal *params, const AeNet *net, const AeTrainOptions *options,
					AeStart start);
void ae_parts_enter(AePartUse *use, AePass *pass, AeEntering *entering);
void ae_parts_passed(AePartUse *use, const AePass *pass);
void ae_parts_updated(AePartUse *use, AeReal *params, const AeNet *net);

/*
 * Whether rows are scored with numbers other than params; if so, folded (ae_net_n_params) receives
 * them.
 */
bool ae_parts_folds(const AePartUse *use);
void ae_parts_fold(const AePartUse *use, AeReal *folded, const AeReal *params, const AeNet *net);

#endif
