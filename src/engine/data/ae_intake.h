/*
 * ae_intake.h: a schema prepared for taking in rows one after the other.
 *
 * It does what ae_scaler_apply and ae_scaler_unseen do, to the bit, without looking at every column
 * of the schema for every row: numbers that lie side by side are scaled in one loop, and only
 * columns whose unseen values have a cost are checked for them.
 */
#ifndef AE_INTAKE_H
#define AE_INTAKE_H

#include "ae_scaler.h"

/* Columns first .. end - 1. */
typedef struct AeRun
{
	uint32_t first;
	uint32_t end;
	int32_t cell; /* of the first one, if they are plain numbers with cells side by side; else -1 */
	double limit; /* the largest scaled number of such a run */
} AeRun;

typedef struct AeIntake
{
	const AeSchema *schema;
	uint32_t n_runs;
	AeRun *runs;
	double *shift; /* n_columns */
	double *scale; /* n_columns */
	uint32_t n_priced;
	uint32_t *priced; /* first columns of sources whose unseen values have a cost */
} AeIntake;

/* Places (or counts, with arena->base NULL) what an intake owns. */
void ae_intake_place(AeIntake *intake, AeArena *arena, const AeSchema *schema);
/* schema must outlive it, and not change. */
void ae_intake_init(AeIntake *intake, const AeSchema *schema);

/* Like ae_scaler_apply. */
int ae_intake_apply(AeReal *cells, const AeIntake *intake, const double *values,
					const bool *missing);
/* Like ae_scaler_unseen, except that parts of columns without such a cost are unchanged. */
double ae_intake_unseen(double *parts, const AeIntake *intake, const double *values,
						const bool *missing);

#endif
