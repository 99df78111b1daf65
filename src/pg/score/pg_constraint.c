/*
 * pg_constraint.c: whether a row may stand in the table that its type belongs to: NOT NULL, CHECK, and
 * domains.
 *
 * Expressions are those of the table and run as the caller, as for an INSERT.  What a column says
 * that has no value yet, because neither the row nor the model has one, is not asked.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "pg_score.h"

/* What a row of the table has to meet. */
typedef struct Condition
{
	ExprState *state;
	char *what; /* the end of a sentence */
} Condition;

/* A domain, and whose values are of it. */
typedef struct Domain
{
	DomainConstraintRef ref;
	int att;          /* attribute, or -1: the row itself */
	Oid element_type; /* it is of the elements of such an array; or InvalidOid */
	char *what;       /* the end of a sentence */
} Domain;

struct PgaeConstraints
{
	Oid type;          /* of rows, domains included */
	uint64 identifier; /* of the type as it was when this was made */
	TupleDesc tupdesc; /* NULL: rows are arrays */
	Oid relation;      /* the table, if it is one */
	EState *estate;
	TupleTableSlot *slot;
	Condition *conditions;
	int n_conditions;
	Domain *domains;
	int n_domains;
};

/* ---- what there is to meet ---- */

/* The number of a composite type as it is now; 0 of another one. */
static uint64
identifier_of(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(getBaseType(type), TYPECACHE_TUPDESC);

	return entry->tupDesc ? entry->tupDesc_identifier : 0;
}

/*
 * Replaces generated columns in an expression by the expressions that the table generates them
 * from.
 */
static Node *
replace_generated(Node *node, void *table)
{
	Var *var = (Var *) node;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && var->varattno > 0 &&
		TupleDescAttr(RelationGetDescr((Relation) table), var->varattno - 1)->attgenerated)
		return build_column_default(table, var->varattno);
	return expression_tree_mutator(node, replace_generated, table);
}

/* The first of the columns that an expression looks at and that has no value; NULL: none. */
static const char *
unknown_column(Node *expression, TupleDesc tupdesc, const bool *known)
{
	Bitmapset *columns = NULL;
	bool row;

	pull_varattnos(expression, 1, &columns);
	row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (!known[i] && !att->attisdropped &&
			(row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, columns)))
			return NameStr(att->attname);
	}
	return NULL;
}

static void
add_condition(PgaeConstraints *c, Node *expression, char *what)
{
	c->conditions[c->n_conditions].state = ExecPrepareExpr((Expr *) expression, c->estate);
	c->conditions[c->n_conditions++].what = what;
}

/* Checks, or says which of them rows are drawn without. */
static void
add_checks(PgaeConstraints *c, Relation table, const bool *known)
{
	const TupleConstr *constr = c->tupdesc->constr;

	for (int i = 0; i < constr->num_check; i++)
	{
		const ConstrCheck *check = &constr->check[i];
		Node *expression;
		const char *unknown;

		if (!PGAE_CHECK_IS_ENFORCED(check))
			continue;
		expression = replace_generated(stringToNode(check->ccbin), table);
		unknown = unknown_column(expression, c->tupdesc, known);
		if (unknown)
			ereport(NOTICE,
					(errmsg("check constraint \"%s\" is left out: the model has no column \"%s\"",
							check->ccname, unknown),
					 errhint("A row that has a value of it is checked: ae.generate(model, row, n, "
							 "seed).")));
		else
			add_condition(c, expression, psprintf("check constraint \"%s\"", check->ccname));
	}
}

/* NOT NULL: of a column without a value it is the user's. */
static void
add_not_null(PgaeConstraints *c, Relation table, const bool *known)
{
	for (int i = 0; i < c->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(c->tupdesc, i);
		NullTest *test;
		Node *expression;

		if (!att->attnotnull || att->attisdropped)
			continue;
		test = makeNode(NullTest);
		test->arg =
			(Expr *) makeVar(1, att->attnum, att->atttypid, att->atttypmod, att->attcollation, 0);
		test->nulltesttype = IS_NOT_NULL;
		test->location = -1;
		expression = replace_generated((Node *) test, table);
		if (unknown_column(expression, c->tupdesc, known) == NULL)
			add_condition(c, expression,
						  psprintf("NOT NULL of column \"%s\"", NameStr(att->attname)));
	}
}

/* The domains of a value of that type, itself and of its elements. */
static void
add_domains(PgaeConstraints *c, Oid type, int att)
{
	Oid element = get_element_type(getBaseType(type));
	Oid domains[] = {type, element};

	for (int i = 0; i < lengthof(domains); i++)
	{
		Domain *domain = &c->domains[c->n_domains];

		if (!OidIsValid(domains[i]) || getBaseType(domains[i]) == domains[i])
			continue;
		InitDomainConstraintRef(domains[i], &domain->ref, CurrentMemoryContext, true);
		domain->att = att;
		domain->element_type = i > 0 ? element : InvalidOid;
		domain->what = psprintf("domain %s", format_type_be(domains[i]));
		c->n_domains++;
	}
}

PgaeConstraints *
pgae_constraints_of(Oid row_type, const bool *known)
{
	PgaeConstraints *c = palloc0(sizeof(PgaeConstraints));
	Oid type = getBaseType(row_type);
	TupleConstr *constr;
	Relation table;
	int natts = 0;

	c->type = row_type;
	c->identifier = identifier_of(row_type);
	c->estate = CreateExecutorState();
	if (c->identifier)
	{
		c->tupdesc = lookup_rowtype_tupdesc_copy(type, -1);
		c->slot = MakeSingleTupleTableSlot(c->tupdesc, &TTSOpsHeapTuple);
		natts = c->tupdesc->natts;
	}
	c->domains = palloc0(2 * (natts + 1) * sizeof(Domain));
	add_domains(c, row_type, -1);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(c->tupdesc, i);

		if (known[i] && !att->attisdropped)
			add_domains(c, att->atttypid, i);
	}
	c->relation = c->tupdesc ? get_typ_typrelid(type) : InvalidOid;
	constr = c->tupdesc ? c->tupdesc->constr : NULL;
	if (constr == NULL || !OidIsValid(c->relation))
		return c;
	c->conditions = palloc0((natts + constr->num_check) * sizeof(Condition) + 1);
	table = relation_open(c->relation, AccessShareLock);
	add_not_null(c, table, known);
	add_checks(c, table, known);
	relation_close(table, NoLock);
	return c;
}

bool
pgae_constraints_fit(const PgaeConstraints *constraints)
{
	return constraints->identifier == identifier_of(constraints->type);
}

/* ---- whether a row meets it ---- */

/* Whether one value is of the domain. */
static bool
is_of(const Domain *domain, ExprContext *econtext, Datum value, bool isnull)
{
	ListCell *cell;

	foreach (cell, domain->ref.constraints)
	{
		const DomainConstraintState *constraint = lfirst(cell);

		if (constraint->constrainttype == DOM_CONSTRAINT_NOTNULL)
		{
			if (isnull)
				return false;
			continue;
		}
		econtext->domainValue_datum = value;
		econtext->domainValue_isNull = isnull;
		if (!ExecCheck(constraint->check_exprstate, econtext))
			return false;
	}
	return true;
}

/* Whether all elements of an array are. */
static bool
elements_are_of(const Domain *domain, ExprContext *econtext, Datum array)
{
	bool good = true, *nulls;
	Datum *elements;
	int n = pgae_elements(&elements, &nulls, DatumGetArrayTypeP(array));

	for (int i = 0; i < n && good; i++)
		good = is_of(domain, econtext, elements[i], nulls[i]);
	return good;
}

static bool
meets(Domain *domain, PgaeConstraints *c, ExprContext *econtext, Datum row)
{
	Datum value = row;
	bool isnull = false;

	UpdateDomainConstraintRef(&domain->ref);
	if (domain->att >= 0)
		value = slot_getattr(c->slot, domain->att + 1, &isnull);
	if (!OidIsValid(domain->element_type))
		return is_of(domain, econtext, value, isnull);
	return isnull || elements_are_of(domain, econtext, value);
}

/* Puts a composite row, as a tuple of the table, where expressions look for it. */
static void
show(PgaeConstraints *c, HeapTuple tuple, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);

	*tuple = (HeapTupleData){.t_len = HeapTupleHeaderGetDatumLength(header),
							 .t_tableOid = c->relation,
							 .t_data = header};
	ItemPointerSetInvalid(&tuple->t_self);
	ExecStoreHeapTuple(tuple, c->slot, false);
}

char *
pgae_violation(PgaeConstraints *c, Datum row)
{
	ExprContext *econtext = GetPerTupleExprContext(c->estate);
	HeapTupleData tuple;
	char *violation = NULL;
	MemoryContext old;

	ResetPerTupleExprContext(c->estate);
	old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	if (c->slot)
		show(c, &tuple, row);
	econtext->ecxt_scantuple = c->slot;
	for (int i = 0; violation == NULL && i < c->n_domains; i++)
	{
		if (!meets(&c->domains[i], c, econtext, row))
			violation = c->domains[i].what;
	}
	for (int i = 0; violation == NULL && i < c->n_conditions; i++)
	{
		if (!ExecCheck(c->conditions[i].state, econtext))
			violation = c->conditions[i].what;
	}
	MemoryContextSwitchTo(old);
	if (c->slot)
		ExecClearTuple(c->slot);
	return violation;
}
