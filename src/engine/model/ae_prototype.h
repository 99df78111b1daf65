/*
 * ae_prototype.h: a second view of a row: its distance to at most 256 prototypes of the training
 * rows.
 *
 * D^2(x, p) = the mean over the observed source columns of x of the column's squared distance: of
 * numbers in scaled units, a mean over a column's cells where it has several; of a category 2 / (1
 * - sum of squared frequencies) if the levels differ, which is its weighted squared error between
 * one-hot forms; levels of a wide one always differ.  The term of the score is (the mean of D to
 * the AE_NEAREST nearest prototypes)^2, of the order of a squared error.
 *
 * Prototypes are centres of groups of training rows, not rows. Groups are small where rows are
 * dense, so that even a short distance from dense rows counts. The mean is over five, as a few odd
 * rows of training may form a group themselves.
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

/* Prototypes prepared for distances; read-only afterwards. */
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

/* The distances of one row to the prototypes, and scratch to compute them. */
typedef struct AeNearest
{
	AeReal *x;      /* dense cells: the weighted row */
	AeReal *y;      /* n */
	double *square; /* n: D^2 n_columns */
	uint32_t n;     /* fewer than AE_NEAREST if there are fewer; 0 if nothing is observed */
	uint32_t number[AE_NEAREST]; /* the nearest prototypes, in order */
} AeNearest;

/* Places the arrays; counts them with arena->base NULL. */
void ae_distance_place(AeDistance *distance, AeArena *arena, const AePrototypes *prototypes,
					   const AeLayout *layout);

/* Fills them in.  prototypes, layout and kernels must outlive it. */
void ae_distance_init(AeDistance *distance, const AePrototypes *prototypes, const AeLayout *layout,
					  const AeKernels *kernels);

/* Places room for distances to at most n prototypes. */
void ae_nearest_place(AeNearest *nearest, AeArena *arena, uint32_t n, const AeLayout *layout);

/* The term of a row: cells, n_cells. 0 without prototypes, or if nothing is observed. */
double ae_distance_term(AeNearest *nearest, const AeDistance *distance, const AeReal *cells);

/* The part of one block in D^2 n_columns of a row and prototype k; 0 if it is not observed. */
double ae_distance_block(const AeDistance *distance, const AeReal *cells, uint32_t k,
						 uint32_t block);

/* The same for one cell of a block that is not grouped. */
double ae_distance_cell(const AeDistance *distance, const AeReal *cells, uint32_t k, uint32_t cell);

/* Fewer rows than this do not make a prototype: it would be too similar to each of them. */
#define AE_MIN_GROUP 5

/*
 * Finds groups of rows near each other, and a prototype of each: all rows are halved at the median
 * of the cell that spreads most, and the halves likewise, as long as a half has AE_MIN_GROUP rows
 * and the number of groups allows it (Bentley, CACM 18, 1975). So groups are small where rows are
 * dense. A prototype has the mean of each dense cell and the most frequent level of each category;
 * 0 for a cell in which fewer than AE_MIN_GROUP rows have a value, or share a level.
 */
typedef struct AeGroups
{
	const AeLayout *layout;
	const AeReal *rows; /* n_rows x n_cells, the caller's */
	size_t least;       /* rows of a group */
	uint32_t most;      /* groups */
	uint32_t *order;    /* n_rows: numbers of rows, those of a group side by side */
	uint32_t *end;      /* of the groups not yet halved or turned into prototypes; the last one is
						 * next */
	uint32_t n_open;
	uint32_t begin;  /* of the next one */
	uint32_t *count; /* levels of a category */
	AePrototypes prototypes;
} AeGroups;

/* Bytes of the block for ae_groups_init: at most n groups. */
AeStatus ae_groups_size(size_t *bytes, uint32_t n, size_t n_rows, const AeLayout *layout,
						AeError *error);

/* rows: n_rows, at least AE_MIN_GROUP and fewer than 2^32, must outlive the groups. */
void ae_groups_init(AeGroups *groups, void *block, uint32_t n, const AeReal *rows, size_t n_rows,
					const AeLayout *layout);

/*
 * Halves a group, or makes its prototype. Returns false at the end, when groups->prototypes is
 * complete.
 */
bool ae_groups_step(AeGroups *groups);

#endif
