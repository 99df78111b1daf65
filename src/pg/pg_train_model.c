/*
 * pg_train_model.c: the procedure ae.train_model: trains on the rows of a query and saves the
 * model.
 *
 * A statement holds its snapshot until it ends, and a long training would keep VACUUM from
 * removing what died since.  So the procedure reads the rows, commits, trains without any
 * snapshot, and saves.  What it holds meanwhile, memory and temporary files, outlives
 * transactions: memory below that of the portal, files that are closed here when there is
 * an error.  Where it must not commit, in a transaction block or called by a function, it does the
 * same in one transaction.
 *
 * The query runs as the caller.
 */
#include "pg_ae.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(pg_ae_train_model);

#define ROWS_PER_FETCH 1000

/* A call; everything in it outlives transactions. */
typedef struct Call
{
	MemoryContext context;
	PgaeReference reference;
	char *query;
	Jsonb *options;       /* or NULL */
	struct varlena *init; /* or NULL */
	bool may_commit;
	PgaeTraining *training; /* NULL before the first row */
} Call;

static void
check_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" of ae.train_model must not be NULL", name)));
}

/* The arguments, copied. */
static Call *
make_call(FunctionCallInfo fcinfo)
{
	MemoryContext context =
		AllocSetContextCreate(PortalContext, "ae.train_model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Call *call = palloc0(sizeof(Call));

	call->context = context;
	check_argument(fcinfo, 0, "name");
	check_argument(fcinfo, 1, "query");
	pgae_reference_name(&call->reference, PG_GETARG_TEXT_PP(0));
	pgae_check_may_save(&call->reference);
	call->query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(1)), "ae.train_model");
	if (!PG_ARGISNULL(2))
		call->options = PG_GETARG_JSONB_P_COPY(2);
	if (!PG_ARGISNULL(3))
		call->init = pgae_model_bytes(fcinfo, 3, true);
	call->may_commit = fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
					   !((CallContext *) fcinfo->context)->atomic;
	MemoryContextSwitchTo(old);
	return call;
}

/* Takes the rows that were fetched, each a record. */
static void
add_rows(Call *call, MemoryContext row_context)
{
	MemoryContext old = MemoryContextSwitchTo(row_context);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		if (call->training == NULL)
			call->training = pgae_training_begin(
				call->options, call->init, SPI_gettypeid(SPI_tuptable->tupdesc, 1),
				pgae_budget_create(call->context, call->may_commit), call->context);
		pgae_training_add(call->training, row);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
}

static void
read_rows(Call *call)
{
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "ae.train_model row", ALLOCSET_DEFAULT_SIZES);
	SPIPlanPtr plan = SPI_prepare(
		psprintf("SELECT \"ae.train_model\" FROM (%s\n) AS \"ae.train_model\"", call->query), 0,
		NULL);
	Portal portal;

	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"query\" of ae.train_model is not one query")));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	do
	{
		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		add_rows(call, row_context);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	MemoryContextDelete(row_context);
}

/* From rows to bytes, without a snapshot if that may be; NULL where there is nothing to learn. */
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
		ereport(NOTICE, (errmsg("trained within a transaction: until its end VACUUM can remove "
								"nothing that died since it began"),
						 errhint("Call ae.train_model outside of a transaction block.")));
	old = MemoryContextSwitchTo(call->context);
	bytes = pgae_training_end(call->training);
	MemoryContextSwitchTo(old);
	return bytes;
}

/* train_model(name, query, options, init): the next version of a name, of the rows of a query. */
Datum
pg_ae_train_model(PG_FUNCTION_ARGS)
{
	Call *call = make_call(fcinfo);
	bytea *bytes = NULL;

	SPI_connect_ext(call->may_commit ? SPI_OPT_NONATOMIC : 0);
	PG_TRY();
	{
		read_rows(call);
		bytes = train(call);
	}
	PG_CATCH();
	{
		if (call->training)
			pgae_training_shut_down(call->training);
		PG_RE_THROW();
	}
	PG_END_TRY();

	PushActiveSnapshot(GetTransactionSnapshot());
	pgae_save_version(&call->reference, (struct varlena *) bytes, call->query);
	PopActiveSnapshot();
	SPI_finish();
	ereport(NOTICE, (errmsg("saved model %s", pgae_reference_text(&call->reference))));
	MemoryContextDelete(call->context);
	PG_RETURN_VOID();
}
