/*
 * pg_score.h: a model and a row: what is kept parsed, and what a call makes of it.
 */
#ifndef PG_SCORE_H
#define PG_SCORE_H

#include "pg_model.h"

/* A model in a call, and what belongs to the call alone. */
typedef struct PgaeCached
{
	MemoryContext context; /* of all but a model that the session keeps */
	Size shared_bytes;     /* which takes so many */
	PgaeParsed parsed;
	AeBundleScorer scorer; /* one row of each fold */
	PgaeCodec *codec;      /* NULL until a row is seen */
} PgaeCached;

/* ---- pg_session.c: parsed models of names, for as long as the session ---- */

/*
 * The model that a reference means, which belongs to the session and stays until context goes;
 * returns how many bytes it takes there.  42704, 22P03.
 */
extern Size pgae_session_model(PgaeParsed *parsed, const PgaeReference *reference,
							   MemoryContext context);

/* ---- pg_cache.c: parsed models in fn_extra ---- */

/*
 * The model in argument argno of a call, parsed once.  It belongs to the cache and stays good until
 * the next call of this function by the same expression.  A function may have one model argument.
 * 22P03 for bytes that are no model.
 */
extern PgaeCached *pgae_cached_model(FunctionCallInfo fcinfo, int argno);

/* ---- pg_score.c: a model and a row ---- */

/*
 * Makes the result of a set-returning function a tuplestore with the columns that the call
 * expects.  InitMaterializedSRF asks the catalogue for them, and what that allocates stays until
 * the end of the statement, call for call.
 */
extern ReturnSetInfo *pgae_begin_set(FunctionCallInfo fcinfo);
/* The model of a fold, by its first member; all agree in columns, the first one has the calibration. */
static inline const AeModel *
pgae_cached_fold(const PgaeCached *cached, uint32 fold)
{
	const AeBundle *bundle = &cached->parsed.bundle;

	return bundle->networks[fold * bundle->n_members].model;
}

/* The model in argument argno, and the row in the argument after it, as its fold has it. */
extern PgaeCached *pgae_see_row(FunctionCallInfo fcinfo, int argno, AeBundleRow *row);

/*
 * The values that members expect of the row in their scorer, on the average, and the finished outputs
 * that they are from; palloc'd.
 */
extern double *pgae_expected(AeReal **outputs, AeScorer *scorer);

/* The share of rows that an argument allows to be flagged.  22023 unless it is within 0 .. 1. */
extern double pgae_contamination(double contamination);

#endif
