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

#include "nodes/execnodes.h"
#include "nodes/extensible.h"
#include "nodes/plannodes.h"

#include "pg_score.h"

/* ---- pg_use.c ---- */

/* The use of a function of ours that takes rows along; NULL for any other function. */
extern const PgaeUse *pgae_use_of(Oid function);
/* Whether the database has any. */
extern bool pgae_has_uses(void);
/* Makes changes look them up again; called once, when the library is loaded. */
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
 * An element of an array from its column, after the cast; false if the cast would fail.
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

/* What could show that rows are read ahead, as bits. */
#define PGAE_IN_VAIN                                                                               \
	1 /* some are never asked for, as with a LIMIT above: nothing may raise an error for them */
#define PGAE_CHANGING 2 /* results of stable functions may change from one row to the next */
#define PGAE_IN_PARTS                                                                              \
	4 /* both, if the caller of the statement asks for some rows and then perhaps for more */

/* Whether evaluating an expression for a row may fail. */
extern bool pgae_may_raise(Node *expression);
/* Whether rows of a plan may be read ahead for these calls, with hazards other than PGAE_IN_PARTS. */
extern bool pgae_is_calm(Plan *plan, List *calls, int hazards);
/* The hazards of the plan below one. */
extern int pgae_child_hazards(Plan *plan, int hazards);

/* ---- pg_wrap.c ---- */

/*
 * Puts nodes into a plan; force: wherever one could be, for tests.  changing: the statement has functions
 * that are volatile.
 */
extern void pgae_wrap_statement(PlannedStmt *statement, bool force, bool changing);

/* ---- pg_node.c ---- */

/*
 * A node above child, whose output the node's expressions read: rows of the relation, or (0) what
 * scan_tlist describes. params: those in its expressions, which it sets. whole: it reads ahead only
 * if all rows of the statement are asked for.
 */
extern CustomScan *pgae_make_node(Plan *child, Index relation, List *scan_tlist, List *params,
								  bool whole);
extern void pgae_register_node(void);
/* Tells the nodes of a plan that is about to run how many rows are asked for; 0: all. */
extern void pgae_note_run(const EState *estate, uint64 count);

#endif
