/*
 * pg_train_model.c: the procedures ae.train_model, which trains on the rows of a query and saves
 * the model, and ae.resume_training, which goes on with one that was interrupted.
 *
 * A statement holds its snapshot until it ends, so a long training would keep VACUUM from removing
 * dead rows. So the procedure reads the rows, commits, trains without a snapshot, and saves.  Its
 * memory and temporary files outlive transactions, so they belong to a memory context below the
 * portal's, which is deleted at once after an error; otherwise a caller that catches the error, or
 * leaves a failed transaction open, would hold them for long.  If it must not commit, in a
 * transaction block or when called by a function, it does the same in one transaction.
 *
 * The query runs as the caller.
 */
#include "pg_train.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(pg_ae_train_model);
PG_FUNCTION_INFO_V1(pg_ae_resume_training);

/* A call; everything in it outlives transactions. */
typedef struct Call
{
	MemoryContext context;
	PgaeReference reference;
	char *query;
	Jsonb *options;       /* or NULL */
	struct varlena *init; /* or NULL */
	bool may_commit;
	PgaeTrack *track;
	PgaeTraining *training; /* NULL before the first row */
} Call;

static void
check_argument(FunctionCallInfo fcinfo, int number, const char *name, const char *procedure)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" of %s must not be NULL", name, procedure)));
}

/* Begins a call; the name is the first argument. */
static void
begin(Call *call, FunctionCallInfo fcinfo, const char *procedure)
{
	call->may_commit = fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
					   !((CallContext *) fcinfo->context)->atomic;
	/* arguments may be toasted, and a procedure that has committed has no snapshot; until run() */
	PushActiveSnapshot(GetTransactionSnapshot());
	/* fails on a standby, for instance, and not only after hours of training */
	PreventCommandIfReadOnly(procedure);
	check_argument(fcinfo, 0, "name", procedure);
	pgae_reference_name(&call->reference, PG_GETARG_TEXT_PP(0));
	pgae_check_may_save(&call->reference);
	SPI_connect_ext(call->may_commit ? SPI_OPT_NONATOMIC : 0);
	MemoryContextSwitchTo(call->context);
}

/* Adds the rows that were fetched, as records with the names of the query's columns. */
static void
add_rows(Call *call, MemoryContext row_context)
{
	TupleDesc tupdesc = BlessTupleDesc(SPI_tuptable->tupdesc);
	MemoryContext old = MemoryContextSwitchTo(row_context);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (call->training == NULL)
		{
			PgaeBudget *budget = pgae_budget_create(call->context, call->may_commit);

			pgae_budget_report(budget)->model =
				MemoryContextStrdup(call->context, pgae_quote_name(call->reference.name));
			call->training = pgae_training_open(budget, call->context);
			pgae_training_start(call->training, call->options, call->init, RECORDOID);
			pgae_training_follow(call->training, call->track);
		}
		pgae_training_add(call->training, heap_copy_tuple_as_datum(SPI_tuptable->vals[i], tupdesc));
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
}

static void
read_rows(Call *call)
{
	MemoryContext row_context =
		AllocSetContextCreate(call->context, "ae.train_model row", ALLOCSET_DEFAULT_SIZES);
	SPIPlanPtr plan;
	Portal portal;
	uint64 n;

	/* functions that the query calls may need a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	plan = pgae_prepare_query(call->query, "ae.train_model");
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	do
	{
		SPI_cursor_fetch(portal, true, PGAE_ROWS_PER_FETCH);
		n = SPI_processed;
		add_rows(call, row_context);
		SPI_freetuptable(SPI_tuptable);
	} while (n > 0);
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	if (call->training)
		pgae_training_close_rows(call->training);
	PopActiveSnapshot();
	MemoryContextDelete(row_context);
}

/* Trains, without a snapshot if possible; NULL if there is nothing to learn. */
static bytea *
train(Call *call)
{
	MemoryContext old;
	bytea *bytes;

	if (call->training == NULL)
	{
		ereport(NOTICE, (errmsg("no rows to train on")));
		return NULL;
	}
	if (call->may_commit)
	{
		SPI_commit();
		/* a look at the catalogue would leave one */
		InvalidateCatalogSnapshotConditionally();
	}
	else
		ereport(NOTICE,
				(errmsg("training inside a transaction block holds back VACUUM until the "
						"transaction ends"),
				 errdetail("It has no checkpoints and is not shown in ae.training_progress."),
				 errhint("Call it outside a transaction block.")));
	old = MemoryContextSwitchTo(call->context);
	bytes = pgae_training_end(call->training);
	MemoryContextSwitchTo(old);
	return bytes;
}

/* Once query, options and track are there. */
static void
run(Call *call)
{
	bytea *bytes;

	PopActiveSnapshot();
	pgae_track_phase(call->track, "reading", NULL);
	read_rows(call);
	bytes = train(call);
	PushActiveSnapshot(GetTransactionSnapshot());
	pgae_save_version(&call->reference, (struct varlena *) bytes, call->query);
	pgae_track_finish(call->track);
	PopActiveSnapshot();
	SPI_finish();
	ereport(NOTICE, (errmsg("saved model %s", pgae_version_text(&call->reference))));
}

/* Sets query, options and track of a call; the current context is the call's. */
typedef void (*Prepare)(Call *call, FunctionCallInfo fcinfo, const char *procedure);

/* Runs a call from its arguments to the saved model. An error leaves nothing of it behind. */
static Datum
do_call(FunctionCallInfo fcinfo, const char *procedure, Prepare prepare)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context =
		AllocSetContextCreate(PortalContext, "ae.train_model", ALLOCSET_DEFAULT_SIZES);
	Call *call = MemoryContextAllocZero(context, sizeof(Call));

	call->context = context;
	PG_TRY();
	{
		begin(call, fcinfo, procedure);
		prepare(call, fcinfo, procedure);
		MemoryContextSwitchTo(old);
		run(call);
	}
	PG_FINALLY();
	{
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

static void
prepare_new(Call *call, FunctionCallInfo fcinfo, const char *procedure)
{
	char *init = NULL;

	check_argument(fcinfo, 1, "query", procedure);
	call->query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(1)), procedure, NULL);
	if (!PG_ARGISNULL(2))
		call->options = PG_GETARG_JSONB_P_COPY(2);
	if (!PG_ARGISNULL(3))
	{
		PgaeReference from;

		pgae_reference_read(&from, PG_GETARG_DATUM(3));
		call->init = pgae_version_bytes(&from, true);
		init = pgae_reference_text(&from);
	}
	call->track =
		pgae_track_begin(&call->reference, call->query, call->options, init, call->may_commit);
}

static void
prepare_resumed(Call *call, FunctionCallInfo fcinfo, const char *procedure)
{
	PgaeTrack *track = pgae_track_resume(&call->reference, call->may_commit);

	call->track = track;
	call->query = track->query;
	call->options = track->options;
	if (track->init)
	{
		PgaeReference from;

		pgae_reference_parse(&from, track->init, NULL);
		call->init = pgae_version_bytes(&from, true);
	}
}

/*
 * train_model(name, query, options, init): trains the next version of a name on the rows of a
 * query.
 */
Datum
pg_ae_train_model(PG_FUNCTION_ARGS)
{
	return do_call(fcinfo, "ae.train_model", prepare_new);
}

/* resume_training(name): continues an interrupted ae.train_model. */
Datum
pg_ae_resume_training(PG_FUNCTION_ARGS)
{
	return do_call(fcinfo, "ae.resume_training", prepare_resumed);
}
