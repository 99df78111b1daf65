/*
 * pg_score.h: a model and a row: what is kept parsed, and what a call makes of it.
 */
#ifndef PG_SCORE_H
#define PG_SCORE_H

#include "pg_model.h"

/* ---- pg_cache.c: parsed models in fn_extra ---- */

/* The model in argument argno of a call, parsed once; raises 22P03 for bad bytes. */
extern PgaeCached *pgae_cached_model(FunctionCallInfo fcinfo, int argno);

/* ---- pg_session.c: parsed models of names, for as long as the session ---- */

/*
 * Fills cached, whose context is set, with the model that a reference means; its networks belong
 * to the session and stay until that context goes.  42704, 22P03.
 */
extern void pgae_session_model(PgaeCached *cached, const PgaeReference *reference);

/* ---- pg_score.c: a model and a row ---- */

/* Why a row has no error of its own. */
typedef enum PgaeSight
{
	PGAE_SEEN,      /* it has: scorer.cells hold the row */
	PGAE_INFINITE,  /* a value is NaN or infinite: its error is Infinity */
	PGAE_UNOBSERVED /* every column of the model that varies is NULL: NULL */
} PgaeSight;

/*
 * Makes the result of a set-returning function a tuplestore with the columns that the call
 * expects.  InitMaterializedSRF asks the catalogue for them, and what that allocates stays until
 * the end of the statement, call for call.
 */
extern ReturnSetInfo *pgae_begin_set(FunctionCallInfo fcinfo);
/* The model in argument argno, its networks' cells filled from the row in the argument after it. */
extern PgaeCached *pgae_see_row(FunctionCallInfo fcinfo, int argno, const PgaeRow **row,
								PgaeSight *sight);

/* The mean error and raw score, over the networks of its fold, of a row just seen. */
extern void pgae_score_seen(double *error, double *raw, PgaeCached *cached, PgaeSight sight);

#endif
