/*
 * ae_prototype.h: the second view of a row: how far it lies from at most 256 prototypes of
 * the training rows.
 *
 * D^2(x, p) = the mean over the observed source columns of x of the column's squared
 * distance: of numbers in scaled units, a mean over a column's cells where it has several;
 * of a category 2 / (1 - sum of squared frequencies) if the levels differ, which is its
 * weighted squared error between one-hot forms; those of a wide one always do.  The term of the score is
 * (the mean of D to the AE_NEAREST nearest prototypes)^2, of the order of a squared error.
 *
 * Prototypes are centres of clusters of training rows, not rows.
 *
 * On the scoring path: the same bits everywhere, see ae_kernel.h.
 */
#ifndef AE_PROTOTYPE_H
#define AE_PROTOTYPE_H

#include "ae_kernel.h"
#include "ae_loss.h"
#include "ae_status.h"

#define AE_MAX_PROTOTYPES 256
#define AE_NEAREST 5

typedef struct AePrototypes
{
	uint32_t n;
	AeReal *cells; /* n x n_cells, none missing */
} AePrototypes;

/* Prototypes made ready for distances; read-only once they are. */
typedef struct AeDistance
{
	const AePrototypes *prototypes;
	const AeLayout *layout;
	const AeKernels *kernels;
	AeReal *root;     /* dense cells: square root of the weight of each in D^2 n_columns */
	AeReal *weighted; /* dense cells x n: prototypes times these roots, */
	AeReal *panels;   /* packed */
	AeReal *bias;     /* n: minus half of their squared lengths */
	AeReal *match;    /* levels x n: weight of a category where the prototype has the level */
	AeReal *zero;     /* dense cells */
} AeDistance;

/* How far a row lies from the prototypes, and room to find that out; one row at a time. */
typedef struct AeNearest
{
	AeReal *x;      /* dense cells: the weighted row */
	AeReal *y;      /* n */
	double *square; /* n: D^2 n_columns */
	uint32_t n;     /* fewer than AE_NEAREST where there are fewer; 0: nothing is observed */
	uint32_t number[AE_NEAREST]; /* the nearest prototypes, in order */
} AeNearest;

/* Places the arrays; counts them with arena->base NULL. */
void ae_distance_place(AeDistance *distance, AeArena *arena, const AePrototypes *prototypes,
					   const AeLayout *layout);

/* Fills them in.  prototypes, layout and kernels must outlive it. */
void ae_distance_init(AeDistance *distance, const AePrototypes *prototypes, const AeLayout *layout,
					  const AeKernels *kernels);

/* Places room for distances to as many prototypes as n, or fewer. */
void ae_nearest_place(AeNearest *nearest, AeArena *arena, uint32_t n, const AeLayout *layout);

/* The term of a row: cells, n_cells.  0 without prototypes or where nothing is observed. */
double ae_distance_term(AeNearest *nearest, const AeDistance *distance, const AeReal *cells);

/* D^2 n_columns of a row and prototype k in one block; 0 where it is not observed. */
double ae_distance_block(const AeDistance *distance, const AeReal *cells, uint32_t k,
						 uint32_t block);

/* The same of one cell of a block that is not grouped. */
double ae_distance_cell(const AeDistance *distance, const AeReal *cells, uint32_t k, uint32_t cell);

/* Fewer rows than this make no prototype: it would be too like each of them. */
#define AE_MIN_CLUSTER 5

/*
 * Clusters of rows by k-means (Lloyd 1982): seeds, then passes over the rows.  The centre of a
 * cluster has the mean of each dense cell and the most frequent level of each category.
 */
typedef struct AeClusters
{
	const AeLayout *layout;
	uint32_t n;
	AeReal *cells;    /* n x n_cells: centres */
	double *sum;      /* n x dense cells */
	uint32_t *count;  /* n x dense cells: observed */
	uint32_t *level;  /* n x levels: rows of each */
	uint32_t *n_rows; /* n */
	AeDistance distance;
	AeNearest nearest;
	AePrototypes centres;
} AeClusters;

/* Bytes of the block for ae_clusters_init. */
AeStatus ae_clusters_size(size_t *bytes, uint32_t n, const AeLayout *layout, AeError *error);

/* n clusters whose centres are the rows of seeds: n x n_cells, missing cells as 0 or level 0. */
void ae_clusters_init(AeClusters *clusters, void *block, uint32_t n, const AeReal *seeds,
					  const AeLayout *layout);

/* A pass: begin, add every row (cells: n_cells), end, which moves the centres. */
void ae_clusters_begin(AeClusters *clusters, const AeKernels *kernels);
void ae_clusters_add(AeClusters *clusters, const AeReal *cells);
void ae_clusters_end(AeClusters *clusters);

/*
 * The centres of clusters of AE_MIN_CLUSTER rows or more, moved to the front; how many.  A cell
 * that fewer rows have a value for, or share a level in, becomes 0.  Ends the clusters.
 */
uint32_t ae_clusters_settle(AeClusters *clusters);

#endif
