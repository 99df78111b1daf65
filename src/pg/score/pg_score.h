/*
 * pg_score.h: scoring rows: parsed models that are kept, and what calls compute with them.
 */
#ifndef PG_SCORE_H
#define PG_SCORE_H

#include "pg_model.h"

/* Rows to be scored together. */
typedef struct PgaeBatch
{
	uint32 capacity; /* 1 if there is no memory for more; nothing else is set then */
	uint32 n;
	AeBundleRow *rows; /* capacity, and the same of the following */
	uint32 *place;     /* what the caller knows a row by */
	AeScore *scores;
	AeSight *sights;
	AeBundleScorer scorer;
	double *values; /* what rows point to */
	bool *missing;
} PgaeBatch;

/* A model in a call, and what belongs to the call alone. */
typedef struct PgaeCached
{
	MemoryContext context; /* of everything except a model that the session keeps */
	Size shared_bytes;     /* which takes so many */
	PgaeParsed parsed;
	AeBundleScorer scorer;   /* one row of each fold */
	PgaeCodec *codec;        /* NULL until a row is seen */
	struct PgaeAhead *ahead; /* rows read ahead of the call, or NULL */
	PgaeBatch *batch;        /* room for them, once there are some */
} PgaeCached;

/* ---- pg_session.c: parsed models of names, for as long as the session ---- */

/*
 * The model that a reference means, which belongs to the session and stays until context is
 * deleted; returns how many bytes it takes there. Raises 42704, 22P03.
 */
extern Size pgae_session_model(PgaeParsed *parsed, const PgaeReference *reference,
							   MemoryContext context);

/* ---- pg_cache.c: parsed models in fn_extra ---- */

/*
 * The model in argument argno of a call, parsed once. It belongs to the cache and stays valid until
 * the next call of this function by the same expression. A function may have one model argument.
 * Raises 22P03 for bytes that are not a model.
 */
extern PgaeCached *pgae_cached_model(FunctionCallInfo fcinfo, int argno);
/* The same for a call of a set-returning function, which keeps it in context; without a scorer. */
extern PgaeCached *pgae_model_alone(FunctionCallInfo fcinfo, int argno, MemoryContext context);
/* The SHA-256 of the bytes of that argument, which tells models apart; computed once for each model of a call. */
extern const uint8 *pgae_cached_digest(PgaeCached *cached, FunctionCallInfo fcinfo, int argno);

/* ---- pg_ahead.c: rows that a plan node has read ahead of a call ---- */

/* What the networks are asked for; functions that ask for the same share it. */
typedef enum PgaeForward
{
	PGAE_SCORES,
	PGAE_CODES,
	PGAE_PREDICTIONS,
	PGAE_OUTPUTS,
	PGAE_N_FORWARDS
} PgaeForward;

/* A function that takes rows along. */
typedef struct PgaeUse
{
	const char *name; /* in the schema ae; of its C function with pg_ae_ before it */
	PgaeForward forward;
	/* its result from a score or a code, where several functions ask for the same */
	Datum (*of_score)(const AeCalibration *calibration, double contamination, const AeScore *score);
	Datum (*of_code)(const AeModel *model, const AeReal *code);
} PgaeUse;

extern const PgaeUse pgae_score_uses[]; /* pg_score.c */
extern const int pgae_n_score_uses;
extern const PgaeUse pgae_predict_use; /* pg_predict.c */

/* A call in the expressions of a node. */
typedef struct PgaeAheadCall
{
	List *places; /* the FuncExpr *, wherever it stands */
	const PgaeUse *use;
	double contamination; /* its third argument, if the function has one */
	Datum *values;        /* by row; */
	bool *ready;          /* whether there is one */
} PgaeAheadCall;

/* Rows that a node has read, for calls of one model and one row. */
typedef struct PgaeAhead
{
	uint32 capacity;
	uint32 n;                     /* number of rows */
	uint32 current;               /* the one at hand */
	bool *tried[PGAE_N_FORWARDS]; /* capacity: rows that were taken along, or cannot be */
	int n_calls;
	PgaeAheadCall *calls;
	MemoryContext results; /* of values by reference; as long as the rows */
	/*
	 * reads row i without raising; NULL if it cannot be taken along, or (*other) belongs to another
	 * model
	 */
	const PgaeRow *(*read)(struct PgaeAhead *ahead, uint32 i, PgaeCodec *codec, bool *other);
	/* the same row as the call would get it; only if it could be read */
	Datum (*argument)(struct PgaeAhead *ahead, uint32 i);
	dlist_node node;
	MemoryContext context;
	MemoryContextCallback callback;
} PgaeAhead;

/* Makes it known to calls whose expressions are in the same context, until that is reset. */
extern void pgae_ahead_publish(PgaeAhead *ahead, MemoryContext context);
/* What was read ahead of a call, or NULL. */
extern PgaeAhead *pgae_ahead_of(const FmgrInfo *call);

/* An empty batch of so many rows, or as many as fit into work_mem. */
extern PgaeBatch *pgae_batch_create(const AeBundle *bundle, uint32 wanted, MemoryContext context);
/* Copies a row. */
extern void pgae_batch_add(PgaeBatch *batch, const AeBundleRow *row, uint32 place);
/*
 * The scorer of a fold with the batch's rows of that fold; *n is their number, scorer.place says
 * which.
 */
extern AeScorer *pgae_batch_take(PgaeBatch *batch, uint32 fold, size_t *n);
/* Leaves the result for a row of the batch with the node, for calls that ask for it. */
extern void pgae_leave(const PgaeCached *cached, PgaeForward forward, uint32 place, Datum value);

/*
 * The row of the call, as row 0, and rows that follow it; NULL if it is alone. The codec no longer
 * holds the call's row afterwards.
 */
extern PgaeBatch *pgae_look_ahead(PgaeCached *cached, const AeBundleRow *row, PgaeForward forward);

/* ---- pg_constraint.c: whether a row may stand in the table of its type ---- */
typedef struct PgaeConstraints PgaeConstraints;

/*
 * Of rows of that type, composite or an array, in the current context.  known[natts]: attributes that
 * have a value, or are NULL for good; what the others have to meet is left out, and of checks a NOTICE
 * says so.
 */
extern PgaeConstraints *pgae_constraints_of(Oid row_type, const bool *known);
/* Whether the type is still as it was then. */
extern bool pgae_constraints_fit(const PgaeConstraints *constraints);
/* What a row violates, as the end of a sentence; NULL: nothing. */
extern char *pgae_violation(PgaeConstraints *constraints, Datum row);

/* ---- pg_score.c: a model and a row ---- */

/*
 * Makes the result of a set-returning function a tuplestore with the columns that the call expects.
 * InitMaterializedSRF looks them up in the catalog, and what that allocates for each call stays
 * until the end of the statement.
 */
extern ReturnSetInfo *pgae_begin_set(FunctionCallInfo fcinfo);
/*
 * The model of a fold: its first member. All folds have the same columns; the first one has the
 * calibration.
 */
static inline const AeModel *
pgae_cached_fold(const PgaeCached *cached, uint32 fold)
{
	const AeBundle *bundle = &cached->parsed.bundle;

	return bundle->networks[fold * bundle->n_members].model;
}

/* A row just read, with the levels of its fold. */
static inline AeBundleRow
pgae_bundle_row(const PgaeCached *cached, const PgaeRow *read)
{
	const AeBundle *bundle = &cached->parsed.bundle;
	AeBundleRow row = {read->values, read->missing, ae_bundle_fold(bundle, read->hash), NULL};

	if (ae_bundle_is_new(bundle, read->hash))
		row.others = pgae_codec_others(cached->codec, 1 - row.fold);
	if (bundle->n_folds > 1)
		pgae_codec_choose(cached->codec, row.fold);
	return row;
}

/* A codec for rows of that type and the model. */
extern PgaeCodec *pgae_make_codec(const PgaeCached *cached, Oid row_type);
/*
 * The model in argument argno, and the row in the next argument with the levels of its fold. Raises
 * 55000 for a model that generates rows, which has no scores.
 */
extern PgaeCached *pgae_see_row(FunctionCallInfo fcinfo, int argno, AeBundleRow *row);
/* The same for any model. */
extern PgaeCached *pgae_see_any_row(FunctionCallInfo fcinfo, int argno, AeBundleRow *row);

/*
 * The mean of the values that members expect for the row in their scorer, and the finished outputs
 * they come from; palloc'd.
 */
extern double *pgae_expected(AeReal **outputs, AeScorer *scorer);

/* Raises 55000 if the model has several networks, whose codes differ. */
extern void pgae_refuse_code(const PgaeCached *cached);

/* A code as real[]. */
extern Datum pgae_code_array(const AeModel *model, const AeReal *code);

/*
 * Checks an argument that is the share of rows to be flagged: raises 22023 unless it is within 0 ..
 * 1.
 */
extern double pgae_contamination(double contamination);

#endif
