/*
 * pg_calm.c: what may be read before it is asked for.
 *
 * Reading ahead must not show.  Below a node that reads ahead nothing may be volatile.  And where
 * what stands above may stop early, as a LIMIT does, a row may be read that nobody ever asks for:
 * then nothing may raise for it, which only leakproof functions promise.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

#include "pg_plan.h"

static bool
expressions_are_calm(List *expressions, bool early)
{
	return !contain_volatile_functions((Node *) expressions) &&
		   !(early && contain_leaked_vars((Node *) expressions));
}

/* A list of entries as a list of their expressions. */
static List *
entries(List *targetlist)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, targetlist)
		result = lappend(result, lfirst_node(TargetEntry, cell)->expr);
	return result;
}

static bool
are_calm(List *plans, bool early)
{
	ListCell *cell;

	foreach (cell, plans)
	{
		if (!pgae_is_calm(lfirst(cell), early))
			return false;
	}
	return true;
}

bool
pgae_child_is_early(Plan *plan, bool early)
{
	switch (nodeTag(plan))
	{
		case T_Limit:
			return true;
		case T_Sort:
		case T_Hash:
			return false;
		case T_Agg:
			return early && ((Agg *) plan)->aggstrategy != AGG_PLAIN &&
				   ((Agg *) plan)->aggstrategy != AGG_HASHED;
		case T_WindowAgg:
			return early || PGAE_STOPS_EARLY((WindowAgg *) plan);
		default:
			return early;
	}
}

/* Expressions of a join beside its filter. */
static List *
join_expressions(Plan *plan)
{
	List *result = list_copy(((Join *) plan)->joinqual);

	if (IsA(plan, HashJoin))
		return list_concat(result, ((HashJoin *) plan)->hashclauses);
	if (IsA(plan, MergeJoin))
		return list_concat(result, ((MergeJoin *) plan)->mergeclauses);
	return result;
}

bool
pgae_is_calm(Plan *plan, bool early)
{
	if (plan == NULL)
		return true;
	check_stack_depth();
	if (!expressions_are_calm(entries(plan->targetlist), early) ||
		!expressions_are_calm(plan->qual, early))
		return false;
	switch (nodeTag(plan))
	{
		case T_BitmapHeapScan:
			return true; /* what it looks up is complete before its first row */
		case T_SeqScan:
		case T_Hash:
		case T_Sort:
		case T_IncrementalSort:
		case T_Material:
		case T_Unique:
		case T_Group:
		case T_Agg:
			break;
		case T_IndexScan:
			if (!expressions_are_calm(((IndexScan *) plan)->indexqualorig, early) ||
				((IndexScan *) plan)->indexorderby != NIL)
				return !early;
			break;
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
			if (!expressions_are_calm(join_expressions(plan), early))
				return false;
			break;
		case T_Append:
			return are_calm(((Append *) plan)->appendplans, early);
		case T_MergeAppend:
			return are_calm(((MergeAppend *) plan)->mergeplans, early);
		case T_SubqueryScan:
			return pgae_is_calm(((SubqueryScan *) plan)->subplan, early);
		default:
			/* of others less is known: a LIMIT, a worker, a foreign table, a function */
			if (early)
				return false;
			break;
	}
	early = pgae_child_is_early(plan, early);
	return pgae_is_calm(plan->lefttree, early) && pgae_is_calm(plan->righttree, early);
}
