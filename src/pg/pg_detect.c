/*
 * pg_detect.c: ae.detect, the way to a first answer: train on the rows of a query, score
 * them, give the most anomalous ones with reasons in words.
 *
 * It is the caller's query and one statement on its rows, run as the caller: what they do could
 * be typed by hand.  Everything of ours in the statement is written with its schema, whatever the
 * search_path under which the caller's query is read.
 *
 * The query runs by itself and gives columns, of which rows are made here.  A query around it that
 * asked for its rows as values would have them cross from other servers where it reads distributed
 * tables, and a record without a type cannot: it arrives without names or not at all.
 */
#include "pg_ae.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(pg_ae_detect);

#define N_COLUMNS 5

/* The reasons that a row is given: so many, but for the first none of a smaller share. */
#define N_REASONS "3"
#define LEAST_SHARE "0.05"

/* As in the declaration of ae.detect. */
#define DEFAULT_TOP 20

static const char statement[] =
	"WITH ae_model AS MATERIALIZED (SELECT ae.train(r, %s::pg_catalog.jsonb) AS m FROM ae_input), "
	"ae_scored AS MATERIALIZED (SELECT r, ae.raw_score((SELECT m FROM ae_model), r) AS s FROM "
	"ae_input), "
	"ae_top AS (SELECT r, s FROM ae_scored WHERE s IS NOT NULL ORDER BY s DESC LIMIT %d) "
	"SELECT (pg_catalog.row_number() OVER (ORDER BY s DESC))::pg_catalog.int4, "
	"ae.anomaly_score((SELECT m FROM ae_model), r), ae.p_value((SELECT m FROM ae_model), r), "
	"ARRAY(SELECT pg_catalog.format('%%s is %%s%%s, %%s (%%s %%%%)', e.feature, "
	"pg_catalog.left(e.value, 60), CASE WHEN e.probability IS NOT NULL THEN "
	"pg_catalog.format(' (p = %%s)', pg_catalog.round(e.probability::pg_catalog.numeric, 3)) END, "
	"COALESCE('expected ' OPERATOR(pg_catalog.||) pg_catalog.left(e.expected, 60), 'unusual with "
	"the other columns'), "
	"pg_catalog.round((e.share OPERATOR(pg_catalog.*) 100)::pg_catalog.numeric)) "
	"FROM ae.explain((SELECT m FROM ae_model), r) WITH ORDINALITY AS e(feature, value, expected, "
	"error, share, probability, n) WHERE e.n OPERATOR(pg_catalog.=) 1 OR e.share "
	"OPERATOR(pg_catalog.>=) " LEAST_SHARE " LIMIT " N_REASONS "), "
	"pg_catalog.to_jsonb(r) FROM ae_top ORDER BY s DESC";

/* Where spaces, comments and opening parentheses end. */
static const char *
skip_to_word(const char *text)
{
	for (;;)
	{
		const char *end = NULL;

		if (isspace((unsigned char) *text) || *text == '(')
			end = text;
		else if (strncmp(text, "--", 2) == 0)
			end = strchr(text, '\n');
		else if (strncmp(text, "/*", 2) == 0 && (end = strstr(text + 2, "*/")) != NULL)
			end++;
		if (end == NULL)
			return text;
		text = end + 1;
	}
}

/* Whether an unquoted name may go on with that. */
static bool
is_name_character(char c)
{
	return isalnum((unsigned char) c) || IS_HIGHBIT_SET(c) || c == '_' || c == '$' || c == '.';
}

/* Whether text begins with a word that only a query begins with. */
static bool
is_query(const char *text)
{
	static const char *const words[] = {"select", "with", "table", "values"};

	text = skip_to_word(text);
	for (int i = 0; i < (int) lengthof(words); i++)
	{
		size_t len = strlen(words[i]);

		if (pg_strncasecmp(text, words[i], len) == 0 && !is_name_character(text[len]))
			return true;
	}
	return false;
}

static List *
to_strings(List *names)
{
	ListCell *cell;

	foreach (cell, names)
		lfirst(cell) = makeString(lfirst(cell));
	return names;
}

char *
pgae_query_of(char *text, const char *function)
{
	size_t len = strlen(text);
	List *names;
	Oid relation;

	while (len > 0 && (isspace((unsigned char) text[len - 1]) || text[len - 1] == ';'))
		text[--len] = '\0';
	if (is_query(text))
		return text;
	if (!SplitIdentifierString(pstrdup(text), '.', &names) || names == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"query\" of %s is neither a query nor the name of "
							   "a table: \"%s\"",
							   function, text)));
	relation =
		RangeVarGetRelid(makeRangeVarFromNameList(to_strings(names)), AccessShareLock, false);
	return psprintf("SELECT * FROM %s",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
											   get_rel_name(relation)));
}

/* ---- the rows of a query ---- */

SPIPlanPtr
pgae_prepare_query(const char *query, const char *function)
{
	SPIPlanPtr plan = SPI_prepare(query, 0, NULL);
	CachedPlanSource *source;
	Query *parsed;

	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"query\" of %s is not one query", function)));
	source = linitial(SPI_plan_get_plan_sources(plan));
	parsed = linitial_node(Query, source->query_list);
	if (parsed->hasModifyingCTE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"query\" of %s changes data", function),
						errhint("Leave INSERT, UPDATE and DELETE out of its WITH clause.")));
	return plan;
}

/* Puts the rows that a query gives into a store, each as a record; returns their type's typmod. */
static int32
fill_store(Tuplestorestate *store, const char *query, const char *function)
{
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "ae row", ALLOCSET_DEFAULT_SIZES);
	SPIPlanPtr plan = pgae_prepare_query(query, function);
	Portal portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	TupleDesc column = CreateTemplateTupleDesc(1);
	int32 typmod;
	uint64 n;

	TupleDescInitEntry(column, 1, "r", RECORDOID, -1, 0);
	do
	{
		TupleDesc tupdesc;
		MemoryContext old;

		SPI_cursor_fetch(portal, true, PGAE_ROWS_PER_FETCH);
		n = SPI_processed;
		tupdesc = BlessTupleDesc(SPI_tuptable->tupdesc);
		typmod = tupdesc->tdtypmod;
		old = MemoryContextSwitchTo(row_context);
		for (uint64 i = 0; i < n; i++)
		{
			Datum row = heap_copy_tuple_as_datum(SPI_tuptable->vals[i], tupdesc);
			bool isnull = false;

			tuplestore_putvalues(store, column, &row, &isnull);
			MemoryContextReset(row_context);
		}
		MemoryContextSwitchTo(old);
		SPI_freetuptable(SPI_tuptable);
	} while (n > 0);
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	MemoryContextDelete(row_context);
	return typmod;
}

Tuplestorestate *
pgae_name_rows(const char *query, const char *function)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	EphemeralNamedRelation rows = palloc0(sizeof(EphemeralNamedRelationData));
	int32 typmod = fill_store(store, query, function);

	rows->md.name = pstrdup("ae_input");
	rows->md.enrtype = ENR_NAMED_TUPLESTORE;
	rows->md.tupdesc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(rows->md.tupdesc, 1, "r", RECORDOID, typmod, 0);
	rows->md.enrtuples = tuplestore_tuple_count(store);
	rows->reldata = store;
	if (SPI_register_relation(rows) != SPI_OK_REL_REGISTER)
		elog(ERROR, "rows of a query could not be given a name");
	return store;
}

/* Cuts the line out of a context that holds a statement, which may be of several lines itself. */
static void
cut_statement(char *context, const char *text)
{
	char *at = context ? strstr(context, text) : NULL;
	char *end;

	if (at == NULL)
		return;
	end = at + strcspn(at + strlen(text), "\n") + strlen(text);
	while (at > context && at[-1] != '\n')
		at--;
	if (*end == '\n')
		end++;
	else if (at > context)
		at--; /* the last line: the one before ends here */
	memmove(at, end, strlen(end) + 1);
}

void
pgae_run_quietly(const char *text, int n, Oid *types, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		SPIPlanPtr plan = SPI_prepare(text, n, types);

		if (plan == NULL || !SPI_is_cursor_plan(plan) ||
			SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not run a statement of the extension");
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		cut_statement(error->context, text);
		if (error->context && error->context[0] == '\0')
			error->context = NULL;
		ReThrowError(error);
	}
	PG_END_TRY();
}

/* ---- ae.detect ---- */

/* Runs the statement; rows go into result.  Returns how many. */
static uint64
run(ReturnSetInfo *result, const char *query, const char *options, int32 top)
{
	Tuplestorestate *rows;
	uint64 n;

	SPI_connect();
	rows = pgae_name_rows(query, "ae.detect");
	pgae_run_quietly(psprintf(statement, options, top), 0, NULL, NULL);
	n = SPI_processed;
	for (uint64 i = 0; i < n; i++)
	{
		Datum values[N_COLUMNS];
		bool nulls[N_COLUMNS];

		for (int c = 0; c < N_COLUMNS; c++)
			values[c] =
				SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, c + 1, &nulls[c]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	tuplestore_end(rows);
	SPI_finish();
	return n;
}

/* How to do the same and keep the model; options: a literal, or NULL. */
static void
notice_model(const char *query, const char *options)
{
	ereport(NOTICE, (errmsg("the model is gone with this statement"),
					 errhint("To keep it: CREATE TABLE models AS SELECT ae.train(t%s%s) AS model "
							 "FROM (%s%s) t;",
							 options ? ", " : "", options ? options : "", query,
							 strstr(query, "--") ? "\n" : "")));
}

/* detect(query, options, top): the most anomalous rows of a query or table, and why. */
Datum
pg_ae_detect(PG_FUNCTION_ARGS)
{
	char *query, *options = NULL;
	int32 top = PG_ARGISNULL(2) ? DEFAULT_TOP : PG_GETARG_INT32(2);

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"query\" of ae.detect must not be NULL")));
	query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(0)), "ae.detect");
	if (!PG_ARGISNULL(1))
	{
		Jsonb *jsonb = PG_GETARG_JSONB_P(1);

		options = quote_literal_cstr(JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)));
	}
	if (top < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"top\" of ae.detect is %d, must be at least 1", top)));
	if (run(pgae_begin_set(fcinfo), query, options ? options : "NULL", top) == 0)
		ereport(NOTICE, (errmsg("there is no row that has a score")));
	else
		notice_model(query, options);
	return (Datum) 0;
}
