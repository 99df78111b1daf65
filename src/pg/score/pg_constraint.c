/*
 * pg_constraint.c: whether a row may stand in the table that its type belongs to: NOT NULL and CHECK.
 *
 * Expressions are those of the table, and run as the caller, as they would for an INSERT.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "nodes/nodes.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg_score.h"

struct PgaeConstraints
{
	TupleDesc tupdesc;
	EState *estate;
	TupleTableSlot *slot;
	ExprState **checks; /* NULL: not enforced */
};

PgaeConstraints *
pgae_constraints_of(Oid row_type)
{
	Oid type = getBaseType(row_type);
	PgaeConstraints *constraints;
	TupleConstr *constr;
	TupleDesc tupdesc;

	if (!OidIsValid(get_typ_typrelid(type)))
		return NULL;
	tupdesc = lookup_rowtype_tupdesc_copy(type, -1);
	constr = tupdesc->constr;
	if (constr == NULL || (constr->num_check == 0 && !constr->has_not_null))
		return NULL;
	constraints = palloc0(sizeof(PgaeConstraints));
	constraints->tupdesc = tupdesc;
	constraints->slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsHeapTuple);
	constraints->estate = CreateExecutorState();
	constraints->checks = palloc0(Max(constr->num_check, 1) * sizeof(ExprState *));
	for (int i = 0; i < constr->num_check; i++)
	{
		if (PGAE_CHECK_IS_ENFORCED(&constr->check[i]))
			constraints->checks[i] =
				ExecPrepareExpr(stringToNode(constr->check[i].ccbin), constraints->estate);
	}
	return constraints;
}

/* A column without a value that must have one; NULL: none. */
static char *
missing_value(const PgaeConstraints *constraints, const bool *optional)
{
	TupleDesc tupdesc = constraints->tupdesc;

	for (int i = 0; tupdesc->constr->has_not_null && i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (att->attnotnull && !att->attisdropped && !optional[i] &&
			slot_attisnull(constraints->slot, i + 1))
			return psprintf("NOT NULL of column \"%s\"", NameStr(att->attname));
	}
	return NULL;
}

char *
pgae_violation(PgaeConstraints *constraints, Datum row, const bool *optional)
{
	TupleConstr *constr = constraints->tupdesc->constr;
	ExprContext *econtext = GetPerTupleExprContext(constraints->estate);
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(header), .t_tableOid = InvalidOid, .t_data = header};
	char *violation;

	ItemPointerSetInvalid(&tuple.t_self);
	ResetPerTupleExprContext(constraints->estate);
	ExecStoreHeapTuple(&tuple, constraints->slot, false);
	econtext->ecxt_scantuple = constraints->slot;
	violation = missing_value(constraints, optional);
	for (int i = 0; violation == NULL && i < constr->num_check; i++)
	{
		if (constraints->checks[i] && !ExecCheck(constraints->checks[i], econtext))
			violation = psprintf("check constraint \"%s\"", constr->check[i].ccname);
	}
	ExecClearTuple(constraints->slot);
	return violation;
}
