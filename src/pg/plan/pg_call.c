/*
 * pg_call.c: calls in the expressions of a plan: which can take rows along, and what replaces them
 * when they do.
 *
 * The call stays: f(m, x) becomes coalesce(p, f(m, x)), where p is a parameter that the node sets
 * for each row: to the result of an earlier call, or to NULL.
 */
#include "postgres.h"

#include <math.h>

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

#include "pg_plan.h"

/* System columns are not kept with rows, and subqueries may do anything. */
static bool
is_odd(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno < 0)
		return true;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, is_odd, context);
}

static bool
is_model(Node *model)
{
	if (IsA(model, Const))
		return !((Const *) model)->constisnull;
	if (IsA(model, Var))
		return ((Var *) model)->varattno > 0;
	return !contain_var_clause(model) && !contain_volatile_functions(model) && !is_odd(model, NULL);
}

/* ---- rows made of columns ---- */

static bool
is_number(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID || type == INT2OID || type == INT4OID ||
		   type == INT8OID;
}

/* The column of a field, or NULL; an element may be cast by the server's own cast to a float. */
static Var *
column_of(Node *field, Oid element)
{
	FuncExpr *cast = (FuncExpr *) field;

	if (OidIsValid(element) && IsA(field, FuncExpr) && cast->funcid < FirstNormalObjectId &&
		(cast->funcformat == COERCE_EXPLICIT_CAST || cast->funcformat == COERCE_IMPLICIT_CAST) &&
		(element == FLOAT4OID || element == FLOAT8OID) && list_length(cast->args) == 1)
		field = linitial(cast->args);
	if (!IsA(field, Var) || ((Var *) field)->varattno <= 0)
		return NULL;
	if (OidIsValid(element) && !is_number(((Var *) field)->vartype))
		return NULL;
	return (Var *) field;
}

bool
pgae_row_fields(PgaeFields *fields, Node *row)
{
	ArrayExpr *array = (ArrayExpr *) row;
	RowExpr *record = (RowExpr *) row;
	Oid element = InvalidOid;
	List *list = NIL;
	ListCell *cell;

	fields->n = 0;
	if (IsA(row, ArrayExpr) && !array->multidims && is_number(array->element_typeid))
	{
		fields->type = element = array->element_typeid;
		list = array->elements;
	}
	else if (IsA(row, RowExpr) && record->row_typeid == RECORDOID)
	{
		fields->type = RECORDOID;
		list = record->args;
	}
	fields->att = palloc(sizeof(AttrNumber) * Max(list_length(list), 1));
	fields->from = palloc(sizeof(Oid) * Max(list_length(list), 1));
	foreach (cell, list)
	{
		Var *column = column_of(lfirst(cell), element);

		if (column == NULL)
			return false;
		fields->att[fields->n] = column->varattno;
		fields->from[fields->n++] = column->vartype;
	}
	return fields->n > 0;
}

bool
pgae_element(double *value, Datum datum, Oid from, Oid to)
{
	double wide;

	switch (from)
	{
		case INT2OID:
			wide = DatumGetInt16(datum);
			break;
		case INT4OID:
			wide = DatumGetInt32(datum);
			break;
		case INT8OID:
			/* rounded once */
			*value = to == FLOAT4OID ? (double) (float4) DatumGetInt64(datum)
									 : (double) DatumGetInt64(datum);
			return true;
		case FLOAT4OID:
			wide = DatumGetFloat4(datum);
			break;
		default:
			wide = DatumGetFloat8(datum);
			break;
	}
	*value = to == FLOAT4OID ? (double) (float4) wide : wide;
	return (isinf(wide) || !isinf(*value)) && (wide == 0 || *value != 0);
}

/* ---- calls ---- */

/* What can be evaluated for rows that have not been asked for; reading a document may fail. */
static bool
is_row(Node *row)
{
	Node *inner = row;
	PgaeFields fields;

	if (pgae_row_fields(&fields, row))
		return true;
	while (IsA(inner, ConvertRowtypeExpr))
		inner = (Node *) ((ConvertRowtypeExpr *) inner)->arg;
	if (getBaseType(exprType(row)) == JSONBOID)
		return false;
	return contain_var_clause(row) && !is_odd(row, NULL) && !contain_volatile_functions(inner) &&
		   !pgae_may_raise(inner);
}

bool
pgae_call_parts(PgaeCallParts *parts, Node *node)
{
	FuncExpr *call = (FuncExpr *) node;

	memset(parts, 0, sizeof(*parts));
	if (node == NULL || !IsA(node, FuncExpr))
		return false;
	parts->use = pgae_use_of(call->funcid);
	if (parts->use == NULL)
		return false;
	parts->model = linitial(call->args);
	parts->row = lsecond(call->args);
	if (list_length(call->args) > 2)
	{
		Const *third = lthird(call->args);

		if (!IsA(third, Const) || third->constisnull || third->consttype != FLOAT8OID)
			return false;
		parts->contamination = DatumGetFloat8(third->constvalue);
		if (!(parts->contamination >= 0 && parts->contamination <= 1))
			return false;
	}
	/* forming a row may fail at a column's type */
	if (parts->use->forward == PGAE_OUTPUTS && !OidIsValid(get_element_type(exprType(parts->row))))
		return false;
	return is_model(parts->model) && is_row(parts->row);
}

/* ---- which calls are made ---- */

typedef struct Collect
{
	List *calls;
	bool aggregates; /* only in their arguments */
	bool inside;     /* of one */
} Collect;

static bool collect(Node *node, void *context);

static bool
collect_in_aggregate(Aggref *aggregate, Collect *context)
{
	context->inside = true;
	/* past a filter, not all rows are looked at */
	if (aggregate->aggfilter)
		collect((Node *) aggregate->aggfilter, context);
	else
		collect((Node *) aggregate->args, context);
	context->inside = false;
	return false;
}

static bool
collect(Node *node, void *context)
{
	Collect *collected = context;
	PgaeCallParts parts;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Aggref:
			return collect_in_aggregate((Aggref *) node, collected);
		case T_CaseExpr:
		case T_CoalesceExpr:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_RowCompareExpr:
			return false; /* nothing in there might be evaluated */
		case T_WindowFunc:
			if (((WindowFunc *) node)->aggfilter)
				return false;
			break;
		case T_SubscriptingRef:
			return collect((Node *) ((SubscriptingRef *) node)->refexpr, context);
		case T_BoolExpr:
			if (((BoolExpr *) node)->boolop != NOT_EXPR)
				return collect(linitial(((BoolExpr *) node)->args), context);
			break;
		default:
			break;
	}
	if ((collected->inside || !collected->aggregates) && pgae_call_parts(&parts, node))
	{
		collected->calls = list_append_unique(collected->calls, node);
		return false;
	}
	return expression_tree_walker(node, collect, context);
}

void
pgae_collect_calls(List **calls, Node *expression, bool in_aggregates)
{
	Collect context = {*calls, in_aggregates, false};

	collect(expression, &context);
	*calls = context.calls;
}

/* ---- what becomes of expressions ---- */

/* The place of an equal node in a list, or -1. */
static int
place_in(const List *list, const Node *node)
{
	int i = 0;
	ListCell *cell;

	foreach (cell, list)
	{
		if (equal(lfirst(cell), node))
			return i;
		i++;
	}
	return -1;
}

static Node *
coalesce_param(FuncExpr *call, int number)
{
	Param *param = makeNode(Param);
	CoalesceExpr *result = makeNode(CoalesceExpr);

	param->paramkind = PARAM_EXEC;
	param->paramid = number;
	param->paramtype = result->coalescetype = call->funcresulttype;
	param->paramtypmod = -1;
	param->paramcollid = result->coalescecollid = call->funccollid;
	param->location = result->location = -1;
	result->args = list_make2(param, call);
	return (Node *) result;
}

static Node *change_node(Node *node, void *context);

static Node *
change_call(FuncExpr *call, int k, PgaeChange *change)
{
	if (change->params == NIL)
		return (Node *) makeVar(OUTER_VAR, (AttrNumber) list_nth_int(change->vars, k),
								call->funcresulttype, -1, call->funccollid, 0);
	/* its arguments may be changed columns */
	if (change->varno != 0)
	{
		FuncExpr *copy = makeNode(FuncExpr);

		*copy = *call;
		copy->args = (List *) expression_tree_mutator((Node *) call->args, change_node, change);
		call = copy;
	}
	return coalesce_param(call, list_nth_int(change->params, k));
}

static Node *
change_node(Node *node, void *context)
{
	PgaeChange *change = context;
	int place;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && (place = place_in(change->calls, node)) >= 0)
		return change_call((FuncExpr *) node, place, change);
	if (IsA(node, Var) && change->varno != 0)
	{
		Var *var = copyObject((Var *) node);

		place = change->vars ? place_in(change->vars, node) : var->varattno - 1;
		if (place < 0)
			elog(ERROR, "column not found below a node that reads ahead");
		var->varno = change->varno;
		var->varattno = (AttrNumber) (place + 1);
		return (Node *) var;
	}
	return expression_tree_mutator(node, change_node, context);
}

Node *
pgae_change(Node *expression, PgaeChange *change)
{
	return change_node(expression, change);
}
