/*
 * pg_wrap.c: puts nodes that read ahead into a plan.
 *
 * There are three shapes.  Above a scan of a table, the node has the scan's output expressions and
 * those of its conditions that make calls, and the scan below it returns whole rows, which are not
 * copied. Above a join or a subquery it is the same, but the node names the columns that it needs
 * itself. Below an aggregate and the like, calls move into a node that makes them for every row:
 * the one above the scan or join if there is one, else one in between.
 *
 * Conditions keep their order: those before the first with a call stay where they are.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "pg_plan.h"

/* Fewer rows are not worth a node. */
#define FEWEST_ROWS 12

/* Plan node numbers that the planner does not reach. */
#define FIRST_NODE_ID 1000000

typedef struct Wrap
{
	PlannedStmt *statement;
	bool force;
	int n_nodes;
} Wrap;

static Plan *walk(Wrap *wrap, Plan *plan, int hazards, bool marked);

/* ---- what is common to all shapes ---- */

static bool
is_join(const Plan *plan)
{
	return IsA(plan, NestLoop) || IsA(plan, HashJoin) || IsA(plan, MergeJoin);
}

static bool
is_table_scan(const Plan *plan)
{
	return IsA(plan, SeqScan) || IsA(plan, IndexScan) || IsA(plan, BitmapHeapScan);
}

/* Whether a plan's expressions can move into a node above it. */
static bool
can_hand_over(const Plan *plan, int hazards)
{
	/* a LIMIT tells a sort below a subquery how much is wanted; a node between would hide it */
	return is_table_scan(plan) || is_join(plan) ||
		   (IsA(plan, SubqueryScan) && (!(hazards & PGAE_IN_VAIN) || plan->qual != NIL));
}

static bool
is_worth_it(const Wrap *wrap, const Plan *plan)
{
	return wrap->force || plan->plan_rows >= FEWEST_ROWS;
}

/*
 * Whether rows of a plan may be read ahead for these calls; *whole: only if all rows of the statement
 * are asked for.
 */
static bool
may_read_ahead(bool *whole, Plan *plan, List *calls, int hazards)
{
	int others = hazards & ~PGAE_IN_PARTS;

	*whole = others != hazards && !pgae_is_calm(plan, calls, PGAE_IN_VAIN | PGAE_CHANGING);
	return pgae_is_calm(plan, calls, others);
}

/* The numbers of a parameter for each call, if a node is added. */
static List *
next_params(const Wrap *wrap, List *calls)
{
	int n = list_length(wrap->statement->paramExecTypes);
	List *params = NIL;

	for (int i = 0; i < list_length(calls); i++)
		params = lappend_int(params, n + i);
	return params;
}

/* Adds a node that makes these calls. */
static void
add(Wrap *wrap, CustomScan *node, List *calls)
{
	PlannedStmt *statement = wrap->statement;
	ListCell *cell;

	foreach (cell, calls)
		statement->paramExecTypes = lappend_oid(statement->paramExecTypes, exprType(lfirst(cell)));
	node->scan.plan.plan_node_id = FIRST_NODE_ID + wrap->n_nodes++;
}

/* Entries of a target list that name the columns of what an OUTER_VAR list describes. */
static List *
names_of(List *targetlist, int varno)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node *expr = (Node *) entry->expr;
		Var *var =
			makeVar(varno, entry->resno, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);

		result =
			lappend(result, makeTargetEntry((Expr *) var, entry->resno, entry->resname, false));
	}
	return result;
}

/* ---- conditions ---- */

/* The conditions that a node takes over, and those that stay. */
typedef struct Split
{
	List *joinqual; /* for a join, what stays */
	List *qual;     /* what stays */
	List *taken;
	List *calls; /* those that are sure to be made, first of the conditions taken */
} Split;

/* Splits off the conditions from the first one with a call on; those taken before come first. */
static List *
split_list(Split *split, List *quals, bool force)
{
	List *stay = NIL;
	ListCell *cell;

	foreach (cell, quals)
	{
		if (split->taken == NIL)
			pgae_collect_calls(&split->calls, lfirst(cell), false);
		if (split->taken != NIL || split->calls != NIL ||
			(force && stay != NIL && lnext(quals, cell) == NULL))
			split->taken = lappend(split->taken, lfirst(cell));
		else
			stay = lappend(stay, lfirst(cell));
	}
	return stay;
}

/* Whether a call is of the same model and row as one of a list. */
static bool
is_relative(FuncExpr *call, List *calls)
{
	ListCell *cell;

	foreach (cell, calls)
	{
		List *args = lfirst_node(FuncExpr, cell)->args;

		if (equal(linitial(call->args), linitial(args)) &&
			equal(lsecond(call->args), lsecond(args)))
			return true;
	}
	return false;
}

/*
 * Adds the calls of a target list: all of them, or if calls choose the rows, only those that come
 * with these at no cost. Others may be made for few rows, and alone.
 */
static void
add_outputs(Split *split, List *targetlist)
{
	List *calls = NIL, *chosen_by = split->calls;
	ListCell *cell;

	pgae_collect_calls(&calls, (Node *) targetlist, false);
	foreach (cell, calls)
	{
		if (chosen_by == NIL || is_relative(lfirst(cell), chosen_by))
			split->calls = list_append_unique(split->calls, lfirst(cell));
	}
}

static void
split_conditions(Split *split, Plan *plan, bool force)
{
	memset(split, 0, sizeof(*split));
	if (is_join(plan))
	{
		Join *join = (Join *) plan;

		/* a join with a unique inner side stops after the first match */
		if (join->jointype == JOIN_INNER && !join->inner_unique)
			split->joinqual = split_list(split, join->joinqual, force);
		else
			split->joinqual = join->joinqual;
	}
	split->qual = split_list(split, plan->qual, force);
	add_outputs(split, plan->targetlist);
}

/* ---- above a scan of a table ---- */

/* The columns of a table as a scan returns them with hardly any projection; NIL if impossible. */
static List *
whole_rows(Wrap *wrap, Scan *scan, List *expressions)
{
	RangeTblEntry *entry = rt_fetch(scan->scanrelid, wrap->statement->rtable);
	Relation relation = table_open(entry->relid, NoLock);
	TupleDesc tupdesc = RelationGetDescr(relation);
	bool gaps = false, possible = true;
	List *result = NIL;
	ListCell *cell;

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);
		Expr *expr;

		if (att->attisdropped || PGAE_IS_VIRTUAL(att))
		{
			gaps = true;
			expr = (Expr *) makeNullConst(INT4OID, -1, InvalidOid);
		}
		else
			expr = (Expr *) makeVar((int) scan->scanrelid, (AttrNumber) (i + 1), att->atttypid,
									att->atttypmod, att->attcollation, 0);
		gaps |= att->atthasmissing; /* a scan fills it in */
		result = lappend(result,
						 makeTargetEntry(expr, (AttrNumber) (i + 1),
										 att->attisdropped ? NULL : pstrdup(NameStr(att->attname)),
										 false));
	}
	table_close(relation, NoLock);
	foreach (cell, pull_var_clause((Node *) expressions, PVC_RECURSE_AGGREGATES |
															 PVC_RECURSE_WINDOWFUNCS |
															 PVC_RECURSE_PLACEHOLDERS))
	{
		AttrNumber att = lfirst_node(Var, cell)->varattno;

		/* with dropped columns, rows are formed again and lose their place */
		possible &=
			att >= 0 ||
			(!gaps && (att == SelfItemPointerAttributeNumber || att == TableOidAttributeNumber));
	}
	return possible ? result : NIL;
}

/* ---- above scans, joins and subqueries ---- */

static List *
columns_of(List *targetlist, List *taken)
{
	int flags = PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS | PVC_RECURSE_PLACEHOLDERS;
	List *all = list_concat(pull_var_clause((Node *) targetlist, flags),
							pull_var_clause((Node *) taken, flags));
	List *result = NIL;
	ListCell *cell;

	foreach (cell, all)
		result = list_append_unique(result, lfirst(cell));
	return result;
}

/* Entries of a target list that are these expressions. */
static List *
entries_of(List *expressions)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, expressions)
		result =
			lappend(result, makeTargetEntry(copyObject(lfirst(cell)),
											(AttrNumber) (list_length(result) + 1), NULL, false));
	return result;
}

/* The node above a plan whose expressions it takes over; NULL if it would be noticed. */
static CustomScan *
take_over(Plan *plan, List *rows, Split *split, PgaeChange *change, int hazards)
{
	Plan before = *plan;
	List *joinqual = is_join(plan) ? ((Join *) plan)->joinqual : NIL;
	Index relation = change->varno == 0 ? ((Scan *) plan)->scanrelid : 0;
	CustomScan *node;
	bool whole;

	plan->targetlist = rows;
	plan->qual = split->qual;
	if (is_join(plan))
		((Join *) plan)->joinqual = split->joinqual;
	if (!may_read_ahead(&whole, plan, split->calls, hazards))
	{
		*plan = before;
		if (is_join(plan))
			((Join *) plan)->joinqual = joinqual;
		return NULL;
	}
	node = pgae_make_node(plan, relation, relation ? NIL : names_of(rows, OUTER_VAR),
						  change->params, whole);
	node->scan.plan.targetlist = (List *) pgae_change((Node *) before.targetlist, change);
	node->scan.plan.qual = (List *) pgae_change((Node *) split->taken, change);
	node->scan.plan.initPlan = before.initPlan;
	plan->initPlan = NIL;
	return node;
}

/* A plan whose expressions move into a node above it, if there is something to gain. */
static Plan *
hand_over(Wrap *wrap, Plan *plan, int hazards)
{
	PgaeChange change = {NIL};
	List *rows = NIL;
	CustomScan *node;
	Split split;

	split_conditions(&split, plan, wrap->force);
	if ((split.calls == NIL && !wrap->force) || !is_worth_it(wrap, plan))
		return plan;
	change.calls = split.calls;
	change.params = next_params(wrap, split.calls);
	if (is_table_scan(plan))
		rows = whole_rows(wrap, (Scan *) plan, list_make2(plan->targetlist, split.taken));
	if (rows == NIL)
	{
		change.vars = columns_of(plan->targetlist, split.taken);
		change.varno = INDEX_VAR;
		rows = entries_of(change.vars);
	}
	node = take_over(plan, rows, &split, &change, hazards);
	if (node == NULL)
		return plan;
	add(wrap, node, split.calls);
	return (Plan *) node;
}

/* ---- below an aggregate and its like ---- */

/* An expression on a plan's output as one on its input. */
static Node *
look_through(Node *node, void *targetlist)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == OUTER_VAR)
		return (Node *) copyObject(
			list_nth_node(TargetEntry, (List *) targetlist, ((Var *) node)->varattno - 1)->expr);
	return expression_tree_mutator(node, look_through, targetlist);
}

/* Appends calls to a target list; returns where each stands. */
static List *
append_outputs(List **targetlist, List *calls)
{
	List *places = NIL;
	ListCell *cell;

	foreach (cell, calls)
	{
		AttrNumber place = (AttrNumber) (list_length(*targetlist) + 1);

		*targetlist = lappend(*targetlist, makeTargetEntry(lfirst(cell), place, NULL, false));
		places = lappend_int(places, place);
	}
	return places;
}

static bool
mark_used(Node *node, void *used)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varno == OUTER_VAR)
		*(Bitmapset **) used = bms_add_member(*(Bitmapset **) used, ((Var *) node)->varattno);
	return expression_tree_walker(node, mark_used, used);
}

/* Replaces outputs of the plan below that an aggregate no longer needs by NULL. */
static void
drop_unused(Agg *agg, Plan *below)
{
	Bitmapset *used = NULL;
	ListCell *cell;

	if (agg->chain != NIL)
		return;
	mark_used((Node *) agg->plan.targetlist, &used);
	mark_used((Node *) agg->plan.qual, &used);
	for (int i = 0; i < agg->numCols; i++)
		used = bms_add_member(used, agg->grpColIdx[i]);
	foreach (cell, below->targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node *expr = (Node *) entry->expr;

		if (!bms_is_member(entry->resno, used))
			entry->expr =
				(Expr *) makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr));
	}
}

/* The same calls on the plan below; NIL if they could not take rows along there. */
static List *
calls_below(List *calls, Plan *below)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, calls)
	{
		Node *call = look_through(lfirst(cell), below->targetlist);
		PgaeCallParts parts;

		if (!pgae_call_parts(&parts, call))
			return NIL;
		result = lappend(result, call);
	}
	return result;
}

/* A node of its own between a plan and the one below, which makes the calls; returns where they stand. */
static List *
put_between(Wrap *wrap, Plan *plan, List *calls, bool whole)
{
	Plan *below = plan->lefttree;
	PgaeChange change = {calls, next_params(wrap, calls), NIL, INDEX_VAR};
	List *changed = NIL;
	List *places;
	CustomScan *node;
	ListCell *cell;

	node = pgae_make_node(below, 0, names_of(below->targetlist, OUTER_VAR), change.params, whole);
	node->scan.plan.targetlist = names_of(below->targetlist, INDEX_VAR);
	foreach (cell, calls)
		changed = lappend(changed, pgae_change(lfirst(cell), &change));
	places = append_outputs(&node->scan.plan.targetlist, changed);
	add(wrap, node, calls);
	plan->lefttree = (Plan *) node;
	return places;
}

/* Moves the calls of a plan below it; returns the new place of the plan that was below. */
static Plan **
feed(Wrap *wrap, Plan *plan, int hazards)
{
	Plan *below = plan->lefttree;
	List *calls = NIL, *lower = NIL;
	PgaeChange change = {NIL};
	bool whole;

	/* a column that is not grouped by is NULL: such a call differs from one in an aggregate */
	if (IsA(plan, Agg) && ((Agg *) plan)->groupingSets != NIL)
		return &plan->lefttree;
	pgae_collect_calls(&calls, (Node *) plan->targetlist, IsA(plan, Agg));
	pgae_collect_calls(&calls, (Node *) plan->qual, IsA(plan, Agg));
	if ((calls == NIL && !wrap->force) || !is_worth_it(wrap, below) ||
		!may_read_ahead(&whole, below, calls, hazards))
		return &plan->lefttree;
	if (can_hand_over(below, hazards))
		lower = calls_below(calls, below);
	change.calls = calls;
	if (lower != NIL)
		change.vars = append_outputs(&below->targetlist, lower);
	else if (!IsA(plan, Result) ||
			 !(hazards & PGAE_IN_VAIN)) /* it tells a sort how much is wanted */
		change.vars = put_between(wrap, plan, calls, whole);
	else
		return &plan->lefttree;
	plan->targetlist = (List *) pgae_change((Node *) plan->targetlist, &change);
	plan->qual = (List *) pgae_change((Node *) plan->qual, &change);
	if (lower != NIL && IsA(plan, Agg))
		drop_unused((Agg *) plan, below);
	return lower != NIL ? &plan->lefttree : &plan->lefttree->lefttree;
}

/* ---- the whole plan ---- */

static void
walk_list(Wrap *wrap, List *plans, int hazards)
{
	ListCell *cell;

	foreach (cell, plans)
		lfirst(cell) = walk(wrap, lfirst(cell), hazards, false);
}

static void
walk_join(Wrap *wrap, Plan *plan, int hazards)
{
	Join *join = (Join *) plan;
	bool merge = IsA(plan, MergeJoin);
	int outer = merge ? hazards | PGAE_IN_VAIN : hazards, inner = outer;

	if (join->inner_unique || join->jointype == JOIN_SEMI || join->jointype == JOIN_ANTI)
		inner |= PGAE_IN_VAIN;
	plan->lefttree = walk(wrap, plan->lefttree, outer, false);
	plan->righttree =
		walk(wrap, plan->righttree, inner, merge && !((MergeJoin *) plan)->skip_mark_restore);
}

/* marked: the plan above returns to a row that it marks. */
static Plan *
walk(Wrap *wrap, Plan *plan, int hazards, bool marked)
{
	Plan **child;
	int below;

	/* those of other extensions are left alone */
	if (plan == NULL || IsA(plan, CustomScan) || IsA(plan, ForeignScan))
		return plan;
	check_stack_depth();
	child = &plan->lefttree;
	below = pgae_child_hazards(plan, hazards);
	switch (nodeTag(plan))
	{
		case T_Agg:
		case T_Result:
		case T_ProjectSet:
			/* but no WindowAgg, which only looks at the rows that it needs */
			if (plan->lefttree && !marked)
				child = feed(wrap, plan, below);
			break;
		case T_Append:
			walk_list(wrap, ((Append *) plan)->appendplans, hazards);
			break;
		case T_MergeAppend:
			walk_list(wrap, ((MergeAppend *) plan)->mergeplans, hazards);
			break;
		case T_ModifyTable:
			walk_list(wrap, PGAE_MODIFY_PLANS(plan), hazards);
			break;
		case T_SubqueryScan:
			((SubqueryScan *) plan)->subplan =
				walk(wrap, ((SubqueryScan *) plan)->subplan, hazards, false);
			break;
		default:
			break;
	}
	if (is_join(plan))
		walk_join(wrap, plan, hazards);
	else
	{
		*child = walk(wrap, *child, below, marked && IsA(plan, Result));
		plan->righttree = walk(wrap, plan->righttree, below, false);
	}
	return can_hand_over(plan, hazards) && !marked ? hand_over(wrap, plan, hazards) : plan;
}

void
pgae_wrap_statement(PlannedStmt *statement, bool force, bool changing)
{
	Wrap wrap = {statement, force, 0};
	int hazards = PGAE_IN_PARTS | (changing ? PGAE_CHANGING : 0);
	ListCell *cell;

	statement->planTree = walk(&wrap, statement->planTree, hazards, false);
	/* an EXISTS stops at the first row, and it is unknown how much of a WITH is read */
	foreach (cell, statement->subplans)
		lfirst(cell) = walk(&wrap, lfirst(cell), hazards | PGAE_IN_VAIN, false);
}
