/*
 * pg_plan.h: plans whose calls take rows along: what is in them, and the node that reads ahead.
 *
 *   pg_hook.c   loads the library; sees every plan
 *   pg_use.c    the functions
 *   pg_call.c   calls in expressions: which can take rows along, and what stands in their place
 *   pg_calm.c   what may be read before it is asked for
 *   pg_wrap.c   puts nodes into a plan
 *   pg_node.c   the node
 */
#ifndef PG_PLAN_H
#define PG_PLAN_H

#include "nodes/extensible.h"
#include "nodes/plannodes.h"

#include "pg_score.h"

/* ---- pg_use.c ---- */

/* What a function of ours makes of rows; NULL for any other function. */
extern const PgaeUse *pgae_use_of(Oid function);
/* Whether the database has any. */
extern bool pgae_has_uses(void);
/* Looks them up again after a change; once, when the library is loaded. */
extern void pgae_watch_uses(void);

/* ---- pg_call.c ---- */

/* The parts of a call.  A row that is read ahead is read by evaluating `row`. */
typedef struct PgaeCallParts
{
	const PgaeUse *use;
	Node *model;
	Node *row;
	double contamination;
} PgaeCallParts;

/*
 * Whether it is a call of ours that can take rows along: its model the same for all rows or a column,
 * its row such that evaluating it cannot fail.
 */
extern bool pgae_call_parts(PgaeCallParts *parts, Node *node);
/* A row made of columns, which need not be formed to be read. */
typedef struct PgaeFields
{
	Oid type; /* of ARRAY[...]: of its elements; of ROW(...): RECORD */
	int n;
	AttrNumber *att; /* the columns, */
	Oid *from;       /* and their types: of an array's elements, before they are cast */
} PgaeFields;

/* The fields of an array of numbers, or of a nameless row, if it is made of columns alone. */
extern bool pgae_row_fields(PgaeFields *fields, Node *row);
/*
 * An element of an array from its column, as the cast makes it; false if the cast would fail.
 */
extern bool pgae_element(double *value, Datum datum, Oid from, Oid to);

/*
 * Adds to *calls those that are sure to be made when expression is evaluated, each once.
 * in_aggregates: only those in arguments of aggregates, for each of their rows.
 */
extern void pgae_collect_calls(List **calls, Node *expression, bool in_aggregates);

/* How expressions are changed. */
typedef struct PgaeChange
{
	List *calls;  /* each of these becomes ... */
	List *params; /* ... coalesce(this parameter, the call), or, if NIL, ... */
	List *vars;   /* ... this output of the plan below (int) */
	int varno; /* else vars are columns, which become (varno, place in vars); NIL: (varno, same) */
} PgaeChange;

extern Node *pgae_change(Node *expression, PgaeChange *change);

/* ---- pg_calm.c ---- */

/*
 * Whether rows of a plan may be read before anybody asks for them.  early: perhaps nobody ever
 * does, so that nothing in it may raise.
 */
extern bool pgae_is_calm(Plan *plan, bool early);
/* The same of the plan below one. */
extern bool pgae_child_is_early(Plan *plan, bool early);

/* ---- pg_wrap.c ---- */

/* Puts nodes into a plan; force: wherever one could be, for tests. */
extern void pgae_wrap_statement(PlannedStmt *statement, bool force);

/* ---- pg_node.c ---- */

/*
 * A node above child, whose output is what the node's expressions are about: rows of the relation, or
 * (0) what scan_tlist describes.  params: those in its expressions, which it sets.
 */
extern CustomScan *pgae_make_node(Plan *child, Index relation, List *scan_tlist, List *params);
extern void pgae_register_node(void);

#endif
