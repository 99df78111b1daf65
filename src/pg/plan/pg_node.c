/*
 * pg_node.c: the node that reads ahead.
 *
 * It keeps rows of the plan below it: one, one, then more and more, so that a query that wants only
 * a row or two (an EXISTS, a SELECT INTO) reads no more than without it. Then it returns them one
 * by one through its own conditions and expressions, which have the calls as coalesce(p, f(m, x)):
 * when f is called, it scores the rows that follow as well (pg_ahead.c), and the node sets p for
 * each of them.
 *
 * Rows of a table are not copied while they come from few pages: a slot holds on to theirs.  Others are,
 * value by value, as to form and to deform a tuple costs more than a small network; as long as work_mem
 * has room.
 *
 * Where it would be noticed that rows are read without being asked for, or too early, the node
 * reads ahead only if the executor is asked for all rows at once.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg_plan.h"

/* The most pages of a table that are held: others need buffers too. */
#define MAX_PAGES 4

typedef struct NodeState NodeState;

/* Calls of one model and one row. */
typedef struct Subject
{
	PgaeAhead ahead; /* first */
	NodeState *node;
	int *params;          /* of its calls */
	AttrNumber model_att; /* 0: the same model for all rows */
	int16 model_len;
	bool model_by_value;
	AttrNumber row_att; /* a column that is the row; 0: */
	Oid row_type;       /* rows of the table, or */
	PgaeFields fields;  /* made of columns (n > 0), or else */
	ExprState *row;     /* an expression */
	double *numbers;    /* of fields */
	Datum *values;
	bool *nulls;
} Subject;

struct NodeState
{
	CustomScanState css;   /* first */
	TupleTableSlot **rows; /* capacity, NULL until it is needed */
	const TupleTableSlotOps *ops;
	uint32 capacity;
	uint32 n, current;
	Buffer page;        /* of the last one, */
	int n_pages;        /* and how many are held */
	Size bytes;         /* of copies */
	bool whole_only;    /* it reads ahead only if all rows are asked for, */
	bool whole;         /* as they are */
	dlist_node running; /* if whole_only, */
	MemoryContextCallback callback;
	uint32 n_asked; /* batches read since the last rescan */
	bool done;      /* no more below */
	int n_needed;   /* columns that expressions look at */
	TupleTableSlot *peek;
	ExprContext *peek_context;
	Subject *subjects;
	int n_subjects;
	MemoryContext results;
	uint64 n_rows;  /* read, for EXPLAIN; */
	uint64 n_saved; /* calls that were not made */
};

/* ---- rows that follow ---- */

/* A row as what expressions look at. */
static void
show_row(TupleTableSlot *as, TupleTableSlot *row, int n_needed)
{
	slot_getsomeattrs(row, n_needed);
	ExecClearTuple(as);
	memcpy(as->tts_values, row->tts_values, sizeof(Datum) * n_needed);
	memcpy(as->tts_isnull, row->tts_isnull, sizeof(bool) * n_needed);
	as->tts_tid = row->tts_tid;
	as->tts_tableOid = row->tts_tableOid;
	ExecStoreVirtualTuple(as);
}

/* Whether the model in a row is, bit for bit, that of the current one. */
static bool
same_model(const Subject *subject, uint32 i)
{
	const NodeState *node = subject->node;
	bool null_here, null_there;
	Datum here = slot_getattr(node->rows[node->current], subject->model_att, &null_here);
	Datum there = slot_getattr(node->rows[i], subject->model_att, &null_there);

	return !null_here && !null_there &&
		   datumIsEqual(here, there, subject->model_by_value, subject->model_len);
}

/* The argument of the calls in row i, in the context of peeking. */
static Datum
peek_argument(Subject *subject, uint32 i, bool *isnull)
{
	NodeState *node = subject->node;

	if (subject->row_att != 0)
		return slot_getattr(node->rows[i], subject->row_att, isnull);
	show_row(node->peek, node->rows[i], node->n_needed);
	node->peek_context->ecxt_scantuple = node->peek;
	return ExecEvalExpr(subject->row, node->peek_context, isnull);
}

static Datum
argument_of(PgaeAhead *ahead, uint32 i)
{
	bool isnull;

	return peek_argument((Subject *) ahead, i, &isnull);
}

/* A row made of columns. */
static const PgaeRow *
peek_fields(Subject *subject, TupleTableSlot *slot, PgaeCodec *codec)
{
	const PgaeFields *fields = &subject->fields;

	for (int f = 0; f < fields->n; f++)
	{
		subject->values[f] = slot_getattr(slot, fields->att[f], &subject->nulls[f]);
		subject->numbers[f] = 0;
		if (fields->type != RECORDOID && !subject->nulls[f] &&
			!pgae_element(&subject->numbers[f], subject->values[f], fields->from[f], fields->type))
			return NULL;
	}
	if (fields->type == RECORDOID)
		return pgae_codec_peek_apart(codec, RECORDOID, fields->n, subject->values, subject->nulls);
	return pgae_codec_peek_numbers(codec, fields->type, fields->n, subject->numbers,
								   subject->nulls);
}

/* The row of a subject in row i, as the codec has it, or NULL. */
static const PgaeRow *
read_row(PgaeAhead *ahead, uint32 i, PgaeCodec *codec, bool *other)
{
	Subject *subject = (Subject *) ahead;
	NodeState *node = subject->node;
	TupleTableSlot *slot = node->rows[i];
	MemoryContext old;
	const PgaeRow *read = NULL;
	bool isnull;

	if (codec == NULL)
		return NULL;
	if (subject->model_att != 0 && !same_model(subject, i))
	{
		*other = true;
		return NULL;
	}
	ResetExprContext(node->peek_context);
	old = MemoryContextSwitchTo(node->peek_context->ecxt_per_tuple_memory);
	if (OidIsValid(subject->row_type))
	{
		slot_getallattrs(slot);
		read = pgae_codec_peek_apart(codec, subject->row_type, slot->tts_tupleDescriptor->natts,
									 slot->tts_values, slot->tts_isnull);
	}
	else if (subject->fields.n > 0)
		read = peek_fields(subject, slot, codec);
	else
	{
		Datum row = peek_argument(subject, i, &isnull);

		if (!isnull)
			read = pgae_codec_peek(codec, row);
	}
	MemoryContextSwitchTo(old);
	return read;
}

static void
forget_rows(NodeState *node)
{
	for (uint32 i = 0; i < node->n; i++)
		ExecClearTuple(node->rows[i]);
	node->n = node->current = 0;
	node->page = InvalidBuffer;
	node->n_pages = 0;
	node->bytes = 0;
	for (int s = 0; s < node->n_subjects; s++)
		node->subjects[s].ahead.n = 0;
	MemoryContextReset(node->results);
}

/* The slot of row i. */
static TupleTableSlot *
slot_of(NodeState *node, uint32 i)
{
	if (node->rows[i] == NULL)
	{
		EState *estate = node->css.ss.ps.state;
		MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

		node->rows[i] =
			ExecInitExtraTupleSlot(estate, ExecGetResultType(outerPlanState(node)), node->ops);
		MemoryContextSwitchTo(old);
	}
	return node->rows[i];
}

/* Keeps a row of a table in place while this holds few pages; otherwise a copy. */
static void
keep_in_table(NodeState *node, TupleTableSlot *kept)
{
	BufferHeapTupleTableSlot *slot = (BufferHeapTupleTableSlot *) kept;

	if (BufferIsValid(slot->buffer) && slot->buffer != node->page)
	{
		if (node->n_pages < MAX_PAGES)
		{
			node->page = slot->buffer;
			node->n_pages++;
		}
		else
			ExecMaterializeSlot(kept);
	}
	if (!BufferIsValid(slot->buffer))
		node->bytes += slot->base.tuple->t_len;
}

static void
keep_row(NodeState *node, TupleTableSlot *row)
{
	TupleTableSlot *kept = slot_of(node, node->n++);

	ExecCopySlot(kept, row);
	/* copies do not include the place of a row */
	kept->tts_tid = row->tts_tid;
	kept->tts_tableOid = row->tts_tableOid;
	if (node->ops == &TTSOpsBufferHeapTuple)
		keep_in_table(node, kept);
	else if (((VirtualTupleTableSlot *) kept)->data)
		node->bytes += GetMemoryChunkSpace(((VirtualTupleTableSlot *) kept)->data);
}

/* Whether another row may be kept. */
static bool
has_room(const NodeState *node, uint32 wanted)
{
	return node->n < wanted && (node->n == 0 || node->bytes < (Size) work_mem * 1024);
}

/* Reads the next rows. */
static void
read_rows(NodeState *node)
{
	PlanState *below = outerPlanState(node);
	uint32 wanted = node->n_asked < 2   ? 1
					: node->n_asked < 3 ? 4
					: node->n_asked < 4 ? 16
										: UINT32_MAX;

	forget_rows(node);
	wanted = Min(wanted, node->whole_only && !node->whole ? 1 : node->capacity);
	while (!node->done && has_room(node, wanted))
	{
		TupleTableSlot *row = ExecProcNode(below);

		if (TupIsNull(row))
			node->done = true;
		else
			keep_row(node, row);
	}
	node->n_asked++;
	node->n_rows += node->n;
	for (int s = 0; s < node->n_subjects; s++)
	{
		PgaeAhead *ahead = &node->subjects[s].ahead;

		ahead->n = node->n;
		for (int f = 0; f < PGAE_N_FORWARDS; f++)
			memset(ahead->tried[f], 0, node->n * sizeof(bool));
		for (int k = 0; k < ahead->n_calls; k++)
			memset(ahead->calls[k].ready, 0, node->n * sizeof(bool));
	}
}

/* Sets the parameters of the current row. */
static void
set_params(NodeState *node)
{
	ParamExecData *params = node->css.ss.ps.state->es_param_exec_vals;

	for (int s = 0; s < node->n_subjects; s++)
	{
		Subject *subject = &node->subjects[s];

		subject->ahead.current = node->current;
		for (int k = 0; k < subject->ahead.n_calls; k++)
		{
			const PgaeAheadCall *call = &subject->ahead.calls[k];
			ParamExecData *param = &params[subject->params[k]];

			param->isnull = !call->ready[node->current];
			node->n_saved += !param->isnull;
			param->value = param->isnull ? (Datum) 0 : call->values[node->current];
		}
	}
}

static TupleTableSlot *
exec_node(CustomScanState *css)
{
	NodeState *node = (NodeState *) css;
	ExprContext *context = css->ss.ps.ps_ExprContext;
	ProjectionInfo *projection = css->ss.ps.ps_ProjInfo;
	TupleTableSlot *slot = css->ss.ss_ScanTupleSlot;

	for (;;)
	{
		ResetExprContext(context);
		if (node->current + 1 < node->n)
			node->current++;
		else
		{
			read_rows(node);
			if (node->n == 0)
				return ExecClearTuple(projection ? projection->pi_state.resultslot : slot);
		}
		show_row(slot, node->rows[node->current], node->n_needed);
		set_params(node);
		context->ecxt_scantuple = slot;
		if (!ExecQual(css->ss.ps.qual, context))
		{
			InstrCountFiltered1(css, 1);
			continue;
		}
		return projection ? ExecProject(projection) : slot;
	}
}

/* ---- the beginning ---- */

/* A call among the node's expressions, wherever it stands. */
typedef struct Found
{
	int param;
	List *places;
} Found;

typedef struct Search
{
	Found *found;
	int n;
	int n_needed; /* the last column that is looked at */
	bool whole;   /* all of them */
} Search;

static bool
search(Node *node, void *context)
{
	Search *into = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		into->whole |= ((Var *) node)->varattno == 0;
		into->n_needed = Max(into->n_needed, ((Var *) node)->varattno);
	}
	if (IsA(node, CoalesceExpr))
	{
		List *args = ((CoalesceExpr *) node)->args;
		Param *param = linitial(args);

		for (int i = 0; IsA(param, Param) && param->paramkind == PARAM_EXEC && i < into->n; i++)
		{
			if (into->found[i].param == param->paramid)
				into->found[i].places = lappend(into->found[i].places, lsecond(args));
		}
	}
	return expression_tree_walker(node, search, context);
}

/* The subject of a call, perhaps shared with an earlier one. */
static Subject *
subject_of(NodeState *node, FuncExpr *call)
{
	for (int s = 0; s < node->n_subjects; s++)
	{
		FuncExpr *other = linitial(node->subjects[s].ahead.calls[0].places);

		if (equal(linitial(call->args), linitial(other->args)) &&
			equal(lsecond(call->args), lsecond(other->args)))
			return &node->subjects[s];
	}
	return &node->subjects[node->n_subjects++];
}

static void
begin_subject(NodeState *node, Subject *subject, const PgaeCallParts *parts, int n_calls)
{
	PgaeAhead *ahead = &subject->ahead;
	TupleDesc tupdesc = node->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	Var *row = (Var *) parts->row;

	subject->node = node;
	subject->params = palloc(sizeof(int) * n_calls);
	ahead->capacity = node->capacity;
	ahead->calls = palloc0(sizeof(PgaeAheadCall) * n_calls);
	ahead->results = node->results;
	ahead->read = read_row;
	ahead->argument = argument_of;
	for (int f = 0; f < PGAE_N_FORWARDS; f++)
		ahead->tried[f] = palloc0(sizeof(bool) * node->capacity);
	if (IsA(parts->model, Var))
	{
		Form_pg_attribute att;

		subject->model_att = ((Var *) parts->model)->varattno;
		att = TupleDescAttr(tupdesc, subject->model_att - 1);
		subject->model_len = att->attlen;
		subject->model_by_value = att->attbyval;
	}
	if (IsA(row, Var) && row->varattno > 0)
		subject->row_att = row->varattno;
	else if (IsA(row, Var) && row->vartype == tupdesc->tdtypeid)
		subject->row_type = row->vartype;
	else if (pgae_row_fields(&subject->fields, (Node *) row))
	{
		subject->numbers = palloc(sizeof(double) * subject->fields.n);
		subject->values = palloc(sizeof(Datum) * subject->fields.n);
		subject->nulls = palloc(sizeof(bool) * subject->fields.n);
	}
	else
		subject->fields.n = 0;
	subject->row = ExecInitExpr((Expr *) row, &node->css.ss.ps);
	pgae_ahead_publish(ahead, node->css.ss.ps.state->es_query_cxt);
}

static void
begin_calls(NodeState *node, const Search *found)
{
	node->subjects = palloc0(sizeof(Subject) * Max(found->n, 1));
	for (int i = 0; i < found->n; i++)
	{
		PgaeCallParts parts;
		PgaeAheadCall *call;
		Subject *subject;

		/* a call that is no longer recognised, as its schema was renamed, is made as usual */
		node->css.ss.ps.state->es_param_exec_vals[found->found[i].param].isnull = true;
		if (found->found[i].places == NIL ||
			!pgae_call_parts(&parts, linitial(found->found[i].places)))
			continue;
		subject = subject_of(node, linitial(found->found[i].places));
		if (subject->node == NULL)
			begin_subject(node, subject, &parts, found->n);
		subject->params[subject->ahead.n_calls] = found->found[i].param;
		call = &subject->ahead.calls[subject->ahead.n_calls++];
		call->places = found->found[i].places;
		call->use = parts.use;
		call->contamination = parts.contamination;
		call->values = palloc(sizeof(Datum) * node->capacity);
		call->ready = palloc0(sizeof(bool) * node->capacity);
	}
}

/* Room for rows: in slots of the kind that the plan below returns, if it does not own them. */
static void
begin_rows(NodeState *node, EState *estate)
{
	PlanState *below = outerPlanState(node);
	bool fixed;
	const TupleTableSlotOps *ops = ExecGetResultSlotOps(below, &fixed);

	node->ops = fixed && ops == &TTSOpsBufferHeapTuple ? ops : &TTSOpsVirtual;
	node->rows = palloc0(sizeof(TupleTableSlot *) * node->capacity);
	node->peek = ExecInitExtraTupleSlot(estate, node->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
										&TTSOpsVirtual);
	node->peek_context = CreateExprContext(estate);
	node->results =
		AllocSetContextCreate(estate->es_query_cxt, "ae rows read ahead", ALLOCSET_DEFAULT_SIZES);
}

/* ---- how much is asked for ---- */

static dlist_head running = DLIST_STATIC_INIT(running);

static void
forget_run(void *arg)
{
	dlist_delete(&((NodeState *) arg)->running);
}

/* From now until the execution ends, the node is told of its runs. */
static void
begin_run(NodeState *node, bool whole_only)
{
	node->whole_only = whole_only;
	if (!whole_only)
		return;
	dlist_push_head(&running, &node->running);
	node->callback.func = forget_run;
	node->callback.arg = node;
	MemoryContextRegisterResetCallback(node->css.ss.ps.state->es_query_cxt, &node->callback);
}

void
pgae_note_run(const EState *estate, uint64 count)
{
	dlist_iter iter;

	dlist_foreach(iter, &running)
	{
		NodeState *node = dlist_container(NodeState, running, iter.cur);

		if (node->css.ss.ps.state == estate)
			node->whole = count == 0;
	}
}

static void
begin_node(CustomScanState *css, EState *estate, int eflags)
{
	NodeState *node = (NodeState *) css;
	CustomScan *plan = (CustomScan *) css->ss.ps.plan;
	List *params = linitial(plan->custom_private);
	Search found = {NULL};
	ListCell *cell;

	outerPlanState(node) = ExecInitNode(outerPlan(plan), estate, eflags);
	node->capacity = (uint32) Max(pgae_batch_rows, 1);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	begin_rows(node, estate);
	begin_run(node, linitial_int(lsecond(plan->custom_private)));
	found.found = palloc0(sizeof(Found) * Max(list_length(params), 1));
	foreach (cell, params)
		found.found[found.n++].param = lfirst_int(cell);
	search((Node *) plan->scan.plan.targetlist, &found);
	search((Node *) plan->scan.plan.qual, &found);
	node->n_needed = found.n_needed;
	if (found.whole || css->ss.ps.ps_ProjInfo == NULL)
		node->n_needed = css->ss.ss_ScanTupleSlot->tts_tupleDescriptor->natts;
	begin_calls(node, &found);
}

/* ---- the rest ---- */

static void
end_node(CustomScanState *css)
{
	NodeState *node = (NodeState *) css;

	if (node->rows)
		forget_rows(node);
	ExecEndNode(outerPlanState(node));
}

static void
rescan_node(CustomScanState *css)
{
	NodeState *node = (NodeState *) css;

	forget_rows(node);
	node->done = false;
	node->n_asked = 0;
	if (outerPlanState(node)->chgParam == NULL)
		ExecReScan(outerPlanState(node));
}

static void
explain_node(CustomScanState *css, List *ancestors, ExplainState *es)
{
	NodeState *node = (NodeState *) css;

	ExplainPropertyInteger("Rows at a Time", NULL, node->capacity, es);
	if (es->analyze && es->verbose)
	{
		ExplainPropertyInteger("Rows Read", NULL, (int64) node->n_rows, es);
		ExplainPropertyInteger("Calls Saved", NULL, (int64) node->n_saved, es);
	}
}

static const CustomExecMethods exec_methods = {
	.CustomName = "AeBatch",
	.BeginCustomScan = begin_node,
	.ExecCustomScan = exec_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
	.ExplainCustomScan = explain_node,
};

static Node *
create_state(CustomScan *plan)
{
	NodeState *node = (NodeState *) newNode(sizeof(NodeState), T_CustomScanState);

	node->css.methods = &exec_methods;
	return (Node *) node;
}

static const CustomScanMethods scan_methods = {"AeBatch", create_state};

CustomScan *
pgae_make_node(Plan *child, Index relation, List *scan_tlist, List *params, bool whole)
{
	CustomScan *node = makeNode(CustomScan);
	Plan *plan = &node->scan.plan;

	plan->startup_cost = child->startup_cost;
	plan->total_cost = child->total_cost;
	plan->plan_rows = child->plan_rows;
	plan->plan_width = child->plan_width;
	plan->parallel_safe = child->parallel_safe;
	PGAE_COPY_DISABLED(plan, child);
	plan->extParam = bms_copy(child->extParam);
	plan->allParam = bms_copy(child->allParam);
	plan->lefttree = child;
	node->scan.scanrelid = relation;
	node->custom_scan_tlist = scan_tlist;
	node->custom_private = list_make2(params, list_make1_int(whole));
	node->methods = &scan_methods;
	return node;
}

void
pgae_register_node(void)
{
	RegisterCustomScanMethods(&scan_methods);
}
