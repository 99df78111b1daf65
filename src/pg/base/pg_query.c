/*
 * pg_query.c: checks and runs queries that users pass as text.
 *
 * The query runs on its own and returns columns, from which rows are formed here. If an outer query
 * asked for its rows as values, they would have to come from other servers when the query reads
 * distributed tables, and a record without a type arrives there without names or not at all.
 */
#include "pg_base.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

/* The end of a comment, which may contain others; NULL if it is not closed. */
static const char *
skip_comment(const char *text)
{
	int depth = 0;

	for (; *text; text++)
	{
		if (strncmp(text, "/*", 2) == 0)
		{
			depth++;
			text++;
		}
		else if (strncmp(text, "*/", 2) == 0)
		{
			text++;
			if (--depth == 0)
				return text + 1;
		}
	}
	return NULL;
}

/* Skips spaces, comments and opening parentheses. */
static const char *
skip_to_word(const char *text)
{
	for (;;)
	{
		const char *end = NULL;

		if (isspace((unsigned char) *text) || *text == '(')
			end = text + 1;
		else if (strncmp(text, "--", 2) == 0)
			end = strpbrk(text, "\n\r");
		else if (strncmp(text, "/*", 2) == 0)
			end = skip_comment(text);
		if (end == NULL)
			return text;
		text = end;
	}
}

/* Whether an unquoted name may contain this byte after its first. */
static bool
is_name_character(char c)
{
	return isalnum((unsigned char) c) || IS_HIGHBIT_SET(c) || c == '_' || c == '$' || c == '.';
}

/* Whether text begins with a word that only queries begin with. */
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
pgae_query_of(char *text, const char *function, Oid *named)
{
	size_t len = strlen(text);
	List *names;
	Oid relation;

	if (named)
		*named = InvalidOid;
	while (len > 0 && (isspace((unsigned char) text[len - 1]) || text[len - 1] == ';'))
		text[--len] = '\0';
	if (is_query(text))
		return text;
	if (!SplitIdentifierString(pstrdup(text), '.', &names) || names == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"query\" of %s is neither a query nor the name of "
							   "a table: \"%s\"",
							   function, text),
						OidIsValid(RelnameGetRelid(text))
							? errhint("Write the name in quotes, %s.", quote_identifier(text))
							: 0));
	relation =
		RangeVarGetRelid(makeRangeVarFromNameList(to_strings(names)), AccessShareLock, false);
	if (named)
		*named = relation;
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
						errmsg("argument \"query\" of %s must be a single query", function)));
	source = linitial(SPI_plan_get_plan_sources(plan));
	parsed = linitial_node(Query, source->query_list);
	if (parsed->commandType != CMD_SELECT || parsed->hasModifyingCTE)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"query\" of %s changes data", function),
			 errhint("It must be a SELECT, without INSERT, UPDATE or DELETE in its WITH clause.")));
	return plan;
}

/*
 * Puts the rows that a query returns into a store, each as a record; returns their type's typmod.
 */
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
	TupleDescFinalize(column);
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
	TupleDescFinalize(rows->md.tupdesc);
	rows->md.enrtuples = tuplestore_tuple_count(store);
	rows->reldata = store;
	if (SPI_register_relation(rows) != SPI_OK_REL_REGISTER)
		elog(ERROR, "rows of a query could not be given a name");
	return store;
}

/* Cuts the line with a statement, which may itself have several lines, out of an error context. */
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

uint64
pgae_set_of_query(ReturnSetInfo *result, const char *query, const char *function, const char *text,
				  int n, Oid *types, Datum *values)
{
	Tuplestorestate *rows;
	int n_columns = result->setDesc->natts;
	Datum *columns = palloc(n_columns * sizeof(Datum));
	bool *nulls = palloc(n_columns * sizeof(bool));
	uint64 n_rows;

	SPI_connect();
	rows = pgae_name_rows(query, function);
	pgae_run_quietly(text, n, types, values);
	n_rows = SPI_processed;
	for (uint64 i = 0; i < n_rows; i++)
	{
		for (int c = 0; c < n_columns; c++)
			columns[c] =
				SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, c + 1, &nulls[c]);
		tuplestore_putvalues(result->setResult, result->setDesc, columns, nulls);
	}
	tuplestore_end(rows);
	SPI_finish();
	return n_rows;
}
