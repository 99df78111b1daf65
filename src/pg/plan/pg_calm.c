/*
 * pg_calm.c: what may be read before it is asked for.
 *
 * Reading ahead must not be noticeable. Nothing below a node that reads ahead may be volatile. If
 * something above may stop early, like a LIMIT, rows may be read that are never asked for: then
 * nothing may raise an error for them, which only leakproof functions promise.  And a volatile
 * function above may change the results of stable ones below for the next row, for instance a
 * setting: then everything must be immutable.
 *
 * The caller of the statement may also stop early, or change something before continuing: SELECT
 * INTO wants a row or two, a cursor or a portal some at a time.  Only the executor knows, see
 * pg_node.c.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

#include "pg_plan.h"

/*
 * An array of arrays, whose dimensions may differ; the server considers it leakproof, but it may
 * raise an error.
 */
static bool
has_matrix(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, ArrayExpr) && ((ArrayExpr *) node)->multidims)
		return true;
	return expression_tree_walker(node, has_matrix, context);
}

bool
pgae_may_raise(Node *expression)
{
	return has_matrix(expression, NULL) || contain_leaked_vars(expression);
}

static bool
expressions_are_calm(List *expressions, int hazards)
{
	Node *node = (Node *) expressions;

	if (contain_volatile_functions(node))
		return false;
	if ((hazards & PGAE_IN_VAIN) && pgae_may_raise(node))
		return false;
	return !(hazards & PGAE_CHANGING) ||
		   (!contain_mutable_functions(node) && !contain_subplans(node));
}

/* The expressions of a list of target entries. */
static List *
entries(List *targetlist)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, targetlist)
		result = lappend(result, lfirst_node(TargetEntry, cell)->expr);
	return result;
}

static bool plan_is_calm(Plan *plan, int hazards);

static bool
are_calm(List *plans, int hazards)
{
	ListCell *cell;

	foreach (cell, plans)
	{
		if (!plan_is_calm(lfirst(cell), hazards))
			return false;
	}
	return true;
}

int
pgae_child_hazards(Plan *plan, int hazards)
{
	int of_some = PGAE_IN_VAIN | PGAE_IN_PARTS;

	switch (nodeTag(plan))
	{
		case T_Limit:
			return hazards | PGAE_IN_VAIN;
		case T_Sort:
		case T_Hash:
			return hazards & ~of_some;
		case T_Agg:
			if (((Agg *) plan)->aggstrategy == AGG_PLAIN ||
				((Agg *) plan)->aggstrategy == AGG_HASHED)
				return hazards & ~of_some;
			return hazards;
		case T_WindowAgg:
			return PGAE_STOPS_EARLY((WindowAgg *) plan) ? hazards | PGAE_IN_VAIN : hazards;
		default:
			return hazards;
	}
}

/* Expressions of a join other than its filter. */
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

static bool
plan_is_calm(Plan *plan, int hazards)
{
	if (plan == NULL)
		return true;
	check_stack_depth();
	if (!expressions_are_calm(entries(plan->targetlist), hazards) ||
		!expressions_are_calm(plan->qual, hazards))
		return false;
	switch (nodeTag(plan))
	{
		case T_BitmapHeapScan:
			/* what it looks up is complete before its first row, but may have to be checked again */
			return expressions_are_calm(((BitmapHeapScan *) plan)->bitmapqualorig, hazards);
		case T_SeqScan:
		case T_Hash:
		case T_Sort:
		case T_Material:
			break;
		case T_IndexScan:
			if (!expressions_are_calm(((IndexScan *) plan)->indexqualorig, hazards))
				return false;
			if (((IndexScan *) plan)->indexorderby != NIL && (hazards & PGAE_IN_VAIN))
				return false;
			break;
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
			if (!expressions_are_calm(join_expressions(plan), hazards))
				return false;
			break;
		case T_Append:
			return are_calm(((Append *) plan)->appendplans, hazards);
		case T_SubqueryScan:
			return plan_is_calm(((SubqueryScan *) plan)->subplan, hazards);
		case T_Agg:
			/* comparing rows may raise an error */
			if (pgae_child_hazards(plan, PGAE_IN_VAIN) != 0 && (hazards & PGAE_IN_VAIN))
				return false;
			break;
		case T_Unique:
		case T_Group:
		case T_IncrementalSort:
			if (hazards & PGAE_IN_VAIN)
				return false;
			break;
		case T_MergeAppend:
			return !(hazards & PGAE_IN_VAIN) &&
				   are_calm(((MergeAppend *) plan)->mergeplans, hazards);
		default:
			/* less is known of others: a LIMIT, a worker, a foreign table, a function */
			if (hazards != 0)
				return false;
			break;
	}
	hazards = pgae_child_hazards(plan, hazards);
	return plan_is_calm(plan->lefttree, hazards) && plan_is_calm(plan->righttree, hazards);
}

bool
pgae_is_calm(Plan *plan, List *calls, int hazards)
{
	ListCell *cell;

	/* the arguments of a call are evaluated for rows other than its own */
	foreach (cell, calls)
	{
		List *args = lfirst_node(FuncExpr, cell)->args;

		if ((hazards & PGAE_CHANGING) && contain_mutable_functions((Node *) args))
			return false;
	}
	return plan_is_calm(plan, hazards);
}
