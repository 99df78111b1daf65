/*
 * pg_hook.c: what happens when the library is loaded, and the hook that sees every plan.
 *
 * The hook is there once the library is: with the first call of a function of ours in a session, or
 * from the start with session_preload_libraries or shared_preload_libraries.  A statement whose
 * planning loads the library is planned without it.
 *
 * The planner has decided about indexes, joins and their order by then; only how calls are made
 * changes.  So no costs need to be made up, and a plan without calls of ours stays as it is.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "pg_plan.h"

static planner_hook_type previous_planner = NULL;
static ExecutorRun_hook_type previous_run = NULL;

/* Whether a subquery locks rows. */
static bool
has_row_marks(Node *node, void *top)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		return (query != top && query->rowMarks != NIL) ||
			   query_tree_walker(query, has_row_marks, top, 0);
	}
	return expression_tree_walker(node, has_row_marks, top);
}

/*
 * Whether reading ahead could be noticed. Volatile functions are allowed in what the statement
 * returns or inserts, where the plan shows them (pgae_is_calm). Locks of a subquery would be taken
 * ahead of time, and a WITH that writes does so only as far as it is read.
 */
static bool
may_read_ahead(Query *query)
{
	Query shallow = *query;

	shallow.targetList = shallow.returningList = NIL;
	shallow.onConflict = NULL;
	return !query->hasModifyingCTE && !has_row_marks((Node *) query, query) &&
		   !contain_volatile_functions((Node *) &shallow);
}

/*
 * Whether a table that the statement writes has triggers that run in between, which may do whatever
 * volatile functions do; for a partitioned table, triggers of any partition count.
 */
static bool
has_noisy_target(PlannedStmt *statement)
{
	Plan *top = statement->planTree;
	ListCell *cell;

	if (!IsA(top, ModifyTable))
		return false; /* a WITH that writes was refused before */
	foreach (cell, ((ModifyTable *) top)->resultRelations)
	{
		Oid relid = rt_fetch((Index) lfirst_int(cell), statement->rtable)->relid;
		Relation relation = table_open(relid, NoLock);
		const TriggerDesc *triggers = relation->trigdesc;
		bool noisy = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;

		if (triggers)
			noisy |= triggers->trig_insert_before_row || triggers->trig_update_before_row ||
					 triggers->trig_delete_before_row || triggers->trig_insert_instead_row ||
					 triggers->trig_update_instead_row || triggers->trig_delete_instead_row;
		table_close(relation, NoLock);
		if (noisy)
			return true;
	}
	return false;
}

/* An EXPLAIN in other projects' tests, which print plans. */
static bool
is_explain(const char *text)
{
	while (text && (*text == ' ' || *text == '\n' || *text == '\t'))
		text++;
	return text == NULL || pg_strncasecmp(text, "explain", 7) == 0;
}

static PlannedStmt *
plan(Query *query, const char *text, int cursor_options,
	 ParamListInfo params PGAE_PLANNER_PARAMETERS)
{
	/* a cursor may be read backwards, or its row be the one to change */
	bool wanted =
		pgae_batch_rows > 1 && (cursor_options & (CURSOR_OPT_FAST_PLAN | CURSOR_OPT_SCROLL)) == 0;
	bool force = wanted && pgae_batch_always && !is_explain(text);
	bool changing = false;
	PlannedStmt *statement;

	wanted = wanted && (force || pgae_has_uses()) && may_read_ahead(query);
	if (wanted)
		changing = contain_volatile_functions((Node *) query);
	statement = (previous_planner ? previous_planner : standard_planner)(
		query, text, cursor_options, params PGAE_PLANNER_ARGUMENTS);
	if (wanted)
		pgae_wrap_statement(statement, force, changing || has_noisy_target(statement));
	return statement;
}

static void
run(QueryDesc *query, ScanDirection direction, uint64 count PGAE_RUN_PARAMETERS)
{
	pgae_note_run(query->estate, count);
	(previous_run ? previous_run : standard_ExecutorRun)(query, direction,
														 count PGAE_RUN_ARGUMENTS);
}

void
_PG_init(void)
{
	pgae_define_settings();
	pgae_register_node();
	pgae_watch_uses();
	previous_planner = planner_hook;
	planner_hook = plan;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = run;
}
