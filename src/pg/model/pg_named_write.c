/*
 * pg_named_write.c: ae.save_model, ae.drop_model and ae.comment_on_model, which write the tables of
 * named models.
 *
 * Callers need no privilege on the tables: their rights are checked here against the owner of the
 * name, and then a few fixed statements run as the owner of the tables. No code of the caller runs
 * in between.  Each function first locks the row of the name, so that the second of two sessions
 * that save waits and gets the next version.
 */
#include "pg_model.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"

PG_FUNCTION_INFO_V1(pg_ae_save_model);
PG_FUNCTION_INFO_V1(pg_ae_drop_model);
PG_FUNCTION_INFO_V1(pg_ae_comment_on_model);

void
pgae_statement_add(PgaeStatement *statement, Oid type, Datum value, bool isnull)
{
	if (statement->n == PGAE_MAX_PARAMETERS)
		elog(ERROR, "too many parameters");
	statement->types[statement->n] = type;
	statement->values[statement->n] = value;
	statement->nulls[statement->n++] = isnull ? 'n' : ' ';
}

PgaeStatement
pgae_statement_about(const char *text, const PgaeReference *reference)
{
	PgaeStatement statement = {.text = text};

	pgae_statement_add(&statement, TEXTOID, CStringGetTextDatum(reference->name), false);
	return statement;
}

void
pgae_statement_prepare(PgaeStatement *statement)
{
	statement->plan = SPI_prepare(statement->text, statement->n, statement->types);
	if (statement->plan == NULL)
		elog(ERROR, "statement on the tables of models failed: %s",
			 SPI_result_code_string(SPI_result));
}

/*
 * Runs it as the owner of the tables; returns how many rows it returned or changed. A trigger that
 * a superuser has put on the tables runs as the owner too, and therefore not under the caller's
 * search_path.
 */
uint64
pgae_statement_run(const PgaeStatement *statement)
{
	int level = NewGUCNestLevel();
	Oid user;
	int context, result;

	set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
					  GUC_ACTION_SAVE, true, 0, false);

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(pgae_tables_owner(),
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	if (statement->plan)
		result = SPI_execute_plan(statement->plan, (Datum *) statement->values, statement->nulls,
								  false, 0);
	else
		result = SPI_execute_with_args(statement->text, statement->n, (Oid *) statement->types,
									   (Datum *) statement->values, statement->nulls, false, 0);
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(false, level);
	if (result < 0)
		elog(ERROR, "statement on the tables of models failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* Locks the row of a name until the end of the transaction; false if there is none. */
static bool
lock_name(const PgaeReference *reference)
{
	PgaeStatement lock = pgae_statement_about("SELECT 1 FROM ae.model_names WHERE name "
											  "OPERATOR(pg_catalog.=) $1 FOR UPDATE",
											  reference);

	return pgae_statement_run(&lock) > 0;
}

/* ---- versions that are rolled back ---- */

/*
 * Scores are immutable, so whatever stores an expression may also store what the planner has
 * computed with a version, and a version number that was rolled back may be assigned again to
 * another model. Plans do this, and so do expressions of indexes, partitions and domains; all their
 * caches listen to the catalogs. Nobody else has seen the version, so it is enough that this
 * session forgets what it has cached.
 */
static bool saved = false; /* by this transaction, or one of its subtransactions */

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (saved && (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE))
		InvalidateSystemCaches();
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_COMMIT)
		saved = false;
}

static void
at_end_of_subtransaction(SubXactEvent event, SubTransactionId subtransaction,
						 SubTransactionId parent, void *arg)
{
	if (saved && event == SUBXACT_EVENT_ABORT_SUB)
		InvalidateSystemCaches();
}

static void
watch_for_rollback(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(at_end_of_transaction, NULL);
		RegisterSubXactCallback(at_end_of_subtransaction, NULL);
		registered = true;
	}
	saved = true;
}

/* ---- ae.save_model ---- */

/* Assigns the version its number; creates the name if necessary. */
static void
take_version(PgaeReference *reference)
{
	PgaeStatement create =
		pgae_statement_about("INSERT INTO ae.model_names (name, owner, last_version) "
							 "VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING",
							 reference);
	PgaeStatement next = pgae_statement_about(
		"UPDATE ae.model_names SET last_version = last_version OPERATOR(pg_catalog.+) 1 "
		"WHERE name OPERATOR(pg_catalog.=) $1 RETURNING last_version",
		reference);
	bool isnull;

	watch_for_rollback();
	pgae_statement_add(&create, TEXTOID, CStringGetTextDatum(GetUserNameFromId(GetUserId(), false)),
					   false);
	pgae_statement_run(&create);
	lock_name(reference);
	pgae_check_owner(reference->name);
	if (pgae_statement_run(&next) != 1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("model %s was dropped while it was being saved",
							   pgae_quote_name(reference->name))));
	reference->version =
		DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
insert_version(const PgaeReference *reference, Datum model, const char *query)
{
	PgaeStatement insert = pgae_statement_about(
		"INSERT INTO ae.models (name, version, created, options, n_rows, train_loss, "
		"validation_loss, model, query) VALUES ($1, $2, pg_catalog.clock_timestamp(), "
		"$3 OPERATOR(pg_catalog.->) 'options', "
		"($3 OPERATOR(pg_catalog.#>>) '{training,rows}')::pg_catalog.int8, "
		"($3 OPERATOR(pg_catalog.#>>) '{training,train_loss}')::pg_catalog.float8, "
		"($3 OPERATOR(pg_catalog.#>>) '{training,validation_loss}')::pg_catalog.float8, $4, $5)",
		reference);

	pgae_statement_add(&insert, INT4OID, Int32GetDatum(reference->version), false);
	pgae_statement_add(&insert, JSONBOID, pgae_describe(DatumGetByteaPP(model)), false);
	pgae_statement_add(&insert, BYTEAOID, model, false);
	pgae_statement_add(&insert, TEXTOID, query ? CStringGetTextDatum(query) : (Datum) 0,
					   query == NULL);
	pgae_statement_run(&insert);
}

void
pgae_check_may_save(const PgaeReference *reference)
{
	if (pgae_name_exists(reference->name))
		pgae_check_owner(reference->name);
}

void
pgae_save_version(PgaeReference *reference, struct varlena *bytes, const char *query)
{
	if (bytes == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("there is no model to save as %s", pgae_quote_name(reference->name)),
			 errdetail("Training returns NULL if there are no rows, or if all rows are equal.")));
	/* 22P03 unless it is a model */
	pgae_read_models(bytes, CurrentMemoryContext);
	take_version(reference);
	pgae_reference_set_digest(reference, bytes);
	insert_version(reference, PointerGetDatum(bytes), query);
}

/* save_model(name, model): the next version of a name. */
Datum
pg_ae_save_model(PG_FUNCTION_ARGS)
{
	PgaeReference reference;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the name of a model must not be NULL")));
	pgae_reference_name(&reference, PG_GETARG_TEXT_PP(0));
	SPI_connect();
	pgae_save_version(&reference, PG_ARGISNULL(1) ? NULL : (struct varlena *) PG_GETARG_BYTEA_PP(1),
					  NULL);
	SPI_finish();
	PG_RETURN_DATUM(pgae_reference_datum(&reference));
}

/* ---- ae.drop_model ---- */

/* drop_model(model): drops a version, or a name with all its versions; returns how many. */
Datum
pg_ae_drop_model(PG_FUNCTION_ARGS)
{
	PgaeReference reference;
	PgaeStatement drop;
	uint64 n;

	pgae_reference_parse(&reference, text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL);
	drop =
		pgae_statement_about("DELETE FROM ae.models WHERE name OPERATOR(pg_catalog.=) $1 AND "
							 "($2 OPERATOR(pg_catalog.=) 0 OR version OPERATOR(pg_catalog.=) $2)",
							 &reference);
	pgae_statement_add(&drop, INT4OID, Int32GetDatum(reference.version), false);
	SPI_connect();
	if (!lock_name(&reference))
		pgae_refuse_unknown(&reference, NULL);
	pgae_check_owner(reference.name);
	if (reference.version != 0)
		pgae_resolve(&reference, NULL, NULL);
	pgae_refuse_if_used(&reference);
	n = pgae_statement_run(&drop);
	if (n == 0)
		pgae_refuse_unknown(&reference, NULL);
	SPI_finish();
	PG_RETURN_INT32((int32) n);
}

/* ---- ae.comment_on_model ---- */

/* comment_on_model(name, comment) */
Datum
pg_ae_comment_on_model(PG_FUNCTION_ARGS)
{
	PgaeReference reference;
	PgaeStatement set;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the name of a model must not be NULL")));
	pgae_reference_name(&reference, PG_GETARG_TEXT_PP(0));
	set = pgae_statement_about("UPDATE ae.model_names SET comment = $2 WHERE name "
							   "OPERATOR(pg_catalog.=) $1",
							   &reference);
	pgae_statement_add(&set, TEXTOID, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
					   PG_ARGISNULL(1));
	SPI_connect();
	if (!lock_name(&reference))
		pgae_refuse_unknown(&reference, NULL);
	pgae_check_owner(reference.name);
	pgae_statement_run(&set);
	SPI_finish();
	PG_RETURN_VOID();
}
