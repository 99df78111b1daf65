/*
 * ae_recall.h: how many of a row's nearest neighbours are its nearest ones by codes too.
 *
 * Of a sample of n rows, the first n_queries ask.  With N(i) the k rows nearest to row i among the
 * n - 1 others, by their cells, and M(i) likewise by their codes,
 *
 *     recall@k = mean over queries of |M(i) and N(i)| / k
 *
 * A row of M(i) that is as near as the farthest of N(i) counts, so that ties cost nothing.
 * Distances of rows are those of ae_neighbours.c: every column counts once, and what one of two
 * rows misses is left out, in proportion; cosine takes rows and codes at length 1.
 *
 * Knows cells and codes; knows no network.
 */
#ifndef AE_RECALL_H
#define AE_RECALL_H

#include "ae_net.h"

#define AE_RECALL_K 10
/* Sets of codes that are compared: of the model, and of principal components. */
#define AE_RECALL_CODES 2

typedef struct AeRecall
{
	const AeLayout *layout;
	const AeKernels *kernels;
	size_t n;
	bool cosine;
	/* n rows of each, the caller's, who fills them in before ae_recall_begin */
	AeReal *cells;                  /* n_cells each; scaled in place */
	AeReal *codes[AE_RECALL_CODES]; /* n_code each, or NULL */
	size_t n_code[AE_RECALL_CODES];
	double *near;   /* n: of the query, by cells */
	double *length; /* n: of rows; cosine alone */
	AeReal *root;   /* n_dense: square root of what a squared difference counts */
	double *share;  /* n_dense: what it is of its column */
	bool nullable;  /* something is missing */
	double hits[AE_RECALL_CODES];
	size_t n_asked;
} AeRecall;

/* Places arrays for n rows, all of them; counts them with arena->base NULL. */
void ae_recall_place(AeRecall *recall, AeArena *arena, const AeLayout *layout, size_t n,
					 const size_t n_code[AE_RECALL_CODES]);

/* The rows are there: layout and kernels must outlive it. */
void ae_recall_begin(AeRecall *recall, const AeLayout *layout, const AeKernels *kernels,
					 bool cosine);

/* Row i < n asks: n distances by cells, and n by each set of codes. */
void ae_recall_ask(AeRecall *recall, size_t i);

/* The recall so far by a set of codes; NaN where there is none, or nobody asked. */
double ae_recall_of(const AeRecall *recall, size_t set);

#endif
