/*
 * ae_recall.h: how many of a row's nearest neighbours are also nearest by codes.
 *
 * The first n_queries of a sample of n rows are queries. With N(i) the k rows nearest to row i
 * among the n - 1 others, by their cells, and M(i) likewise by their codes,
 *
 *     recall@k = mean over queries of |M(i) and N(i)| / k
 *
 * A row of M(i) that is as near as the farthest of N(i) counts, so that ties cost nothing.
 * Distances of rows are those of ae_neighbours.c: every column counts once, and columns missing in
 * one of two rows are left out, in proportion; cosine scales rows and codes to length 1.
 *
 * Knows cells and codes; knows no network.
 */
#ifndef AE_RECALL_H
#define AE_RECALL_H

#include "ae_net.h"

#define AE_RECALL_K 10
/* Sets of codes that are compared: the model's, and principal components. */
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
	double *length; /* n: of rows; only for cosine */
	AeReal *root;   /* n_dense: square root of the weight of a squared difference */
	double *share;  /* n_dense: its share of its column */
	bool nullable;  /* something is missing */
	double hits[AE_RECALL_CODES];
	size_t n_asked;
} AeRecall;

/* Places arrays for n rows, all of them; counts them with arena->base NULL. */
void ae_recall_place(AeRecall *recall, AeArena *arena, const AeLayout *layout, size_t n,
					 const size_t n_code[AE_RECALL_CODES]);

/* Call it once the rows are filled in; layout and kernels must outlive it. */
void ae_recall_begin(AeRecall *recall, const AeLayout *layout, const AeKernels *kernels,
					 bool cosine);

/* Processes query i < n: n distances by cells, and n by each set of codes. */
void ae_recall_ask(AeRecall *recall, size_t i);

/* The recall of a set of codes so far; NaN without codes or queries. */
double ae_recall_of(const AeRecall *recall, size_t set);

#endif
