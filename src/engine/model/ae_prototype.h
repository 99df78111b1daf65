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
 * Prototypes are centres of groups of training rows, not rows; small ones where rows are dense, so that
 * a short way from dense rows counts.  Five, as a few odd rows of training may be a group themselves.
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
#define AE_MIN_GROUP 5

/*
 * Groups of rows that are near to each other, and a prototype of each: all rows are halved at the
 * median of the cell that spreads most, and so are the halves, as long as a half has AE_MIN_GROUP
 * rows and the number of groups allows (Bentley, CACM 18, 1975).  So they are small where rows are
 * dense.  The prototype has the mean of each dense cell and the most frequent level of each
 * category; of a cell that fewer rows than AE_MIN_GROUP have a value for, or share a level in, 0.
 */
typedef struct AeGroups
{
	const AeLayout *layout;
	const AeReal *rows; /* n_rows x n_cells, the caller's */
	size_t least;       /* rows of a group */
	uint32_t most;      /* groups */
	uint32_t *order;    /* n_rows: numbers of rows, those of a group side by side */
	uint32_t *end;      /* of the groups that are not yet halved or made; the last one is next */
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

/* Halves a group, or makes its prototype.  At the end, false, groups->prototypes is there. */
bool ae_groups_step(AeGroups *groups);

#endif
