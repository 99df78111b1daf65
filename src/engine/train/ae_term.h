/*
 * ae_term.h: what a term of the loss is to the trainer.
 *
 * Training minimises the sum of its terms, AE_TERMS below.  A term is a table of
 * functions over a state of its own, which it places in the trainer's block.  For each slice of
 * rows the trainer calls, in the order of the list,
 *
 *     loss   after the forward pass: the sum over rows; leaves the gradient, times share, where
 *            the backward pass finds it: by the outputs in pass->d[0], by those of the head in
 *            pass->d_target, by the code before its gate in pass->gate.d_before, by
 *            pre-activations in pass->d_z; or adds it to grads
 *     after  after the backward pass: adds what else there is to grads
 *
 * and adds up what loss returned: over a minibatch, an epoch, and the validation rows.
 *
 * A function that a term does not need is NULL.
 */
#ifndef AE_TERM_H
#define AE_TERM_H

#include "ae_net.h"
#include "ae_options.h"

/* What a term is made for. */
typedef struct AeTermSetup
{
	const AeNet *net;
	const AeTrainOptions *options;
	size_t n_rows;     /* of all slices together */
	size_t n_labelled; /* rows whose label is known, of these */
	size_t slice_rows; /* rows of a slice, at most */
	const AeKernels *kernels;
} AeTermSetup;

/* Rows that have just been passed forward. */
typedef struct AeTermSlice
{
	AePass *pass;
	const AeReal *params;
	const AeTrainOptions *options;
	const AeCells *cells;  /* what should come out */
	const AeCells *chosen; /* of these what was corrupted, or NULL where nothing is told apart */
	const AeReal *labels;  /* n_rows, or NULL without a target */
	const AeMeasure *measure;
	AeVisit visit;   /* where random numbers come from */
	bool accumulate; /* earlier slices were of the same minibatch, or of the validation rows */
	/* in training alone: */
	AeReal *grads; /* ae_net_n_params; who adds to it in `loss` clears it first unless accumulate,
					* and sets accumulate */
	double share;  /* factor on gradients */
	bool valued;   /* the value is used; a term that would take it apart may return 0 otherwise */
} AeTermSlice;

typedef struct AeTerm
{
	const char *name;
	bool slopes; /* validation rows are passed forward as in training */

	/* Whether the loss has the term; NULL: always. */
	bool (*used)(const AeNet *net, const AeTrainOptions *options);

	/* Refuses what cannot be trained, whether the term is used or not. */
	AeStatus (*check)(const AeNet *net, const AeTrainOptions *options, AeError *error);

	/* Multiply-adds of one row beside those of a forward pass. */
	double (*macs)(const AeNet *net, const AeTrainOptions *options);

	/* Bytes of numbers that go on from one minibatch to the next, and are saved; 0 at first. */
	size_t (*lasting)(const AeNet *net);

	/* Its state, placed in the arena; pass is placed already; lasting: as many bytes, or NULL. */
	void *(*place)(AeArena *arena, AePass *pass, const AeTermSetup *setup, void *lasting);

	/* Changes the parameters that training begins with, where they were drawn. */
	void (*begin)(AeReal *params, const AeNet *net, const AeTrainOptions *options);

	/* What the sums of `loss` and `validate` are multiplied by in the objective; NULL: 1. */
	double (*factor)(const AeTrainOptions *options);

	double (*loss)(void *state, AeTermSlice *slice);
	void (*after)(void *state, const AeTermSlice *slice);

	/* The same sum of validation rows, without gradients. */
	double (*validate)(void *state, const AeTermSlice *slice);

	/* What early stopping heeds; NULL: factor times the mean of `validate`. */
	double (*judge)(const void *state, const AeTrainOptions *options);
} AeTerm;

/*
 * The terms of the loss, in the order in which they are taken and added: each is a constant
 * ae_NAME_term.  Reconstruction is the first: its sums are the loss that is reported.
 */
#define AE_TERMS(TERM) TERM(reconstruction) TERM(sparse) TERM(target) TERM(auxiliary) TERM(contract)

#define AE_DECLARE_TERM(name) extern const AeTerm ae_##name##_term;

AE_TERMS(AE_DECLARE_TERM)

#endif
