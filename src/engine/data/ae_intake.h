/*
 * ae_intake.h: a schema laid out for taking rows in, one after the other.
 *
 * What ae_scaler_apply and ae_scaler_unseen do, to the bit, without looking at every column of the
 * schema for every row: numbers that lie side by side are scaled in one loop, and only columns
 * that have a price for unseen values are asked for it.
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
	double limit; /* of them: the largest scaled number */
} AeRun;

typedef struct AeIntake
{
	const AeSchema *schema;
	uint32_t n_runs;
	AeRun *runs;
	double *shift; /* n_columns */
	double *scale; /* n_columns */
	uint32_t n_priced;
	uint32_t *priced; /* first columns of sources that have a price */
} AeIntake;

/* Places (or counts, with arena->base NULL) what an intake owns. */
void ae_intake_place(AeIntake *intake, AeArena *arena, const AeSchema *schema);
/* schema must outlive it, and not change. */
void ae_intake_init(AeIntake *intake, const AeSchema *schema);

/* As ae_scaler_apply. */
int ae_intake_apply(AeReal *cells, const AeIntake *intake, const double *values,
					const bool *missing);
/* As ae_scaler_unseen, but for parts of columns without a price, which stay as they are. */
double ae_intake_unseen(double *parts, const AeIntake *intake, const double *values,
						const bool *missing);

#endif
