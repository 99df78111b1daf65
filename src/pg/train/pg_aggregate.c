/*
 * pg_aggregate.c: the aggregate ae.train around a training (pg_train.c): arguments that must not
 * change from row to row, and results that may be asked for again.
 */
#include "pg_train.h"

#include "nodes/execnodes.h"
#include "nodes/primnodes.h"

/* An argument that must be the same in every row. */
typedef struct FixedArgument
{
	const char *name; /* for the message */
	int number;       /* of the transition function */
	bool constant;    /* written as a constant: cannot change */
	bool isnull;
	Size size;
	struct varlena *image; /* the datum as it came, toasted or not */
} FixedArgument;

/* The state of one aggregate (one group). */
typedef struct TrainState
{
	PgaeTraining *training;
	PgaeBudget *budget;
	FixedArgument options_argument;
	FixedArgument init_argument;
	Size kept_bytes; /* of the result, with the budget; 0: not kept */
	uint64 kept_at;
} TrainState;

PG_FUNCTION_INFO_V1(pg_ae_train_transfn);
PG_FUNCTION_INFO_V1(pg_ae_train_finalfn);

/* A datum in a form whose bytes say what it is: external pointers that are not on disk do not. */
static struct varlena *
plain_image(Datum datum)
{
	struct varlena *image = (struct varlena *) DatumGetPointer(datum);

	if (VARATT_IS_EXTERNAL(image) && !VARATT_IS_EXTERNAL_ONDISK(image))
		return pg_detoast_datum(image);
	return image;
}

/* Whether the call's argument of that number (1: the row) is a constant. */
static bool
is_constant(FunctionCallInfo fcinfo, int number)
{
	Aggref *aggref = AggGetAggref(fcinfo);

	if (aggref == NULL || list_length(aggref->args) < number)
		return false;
	return IsA(((TargetEntry *) list_nth(aggref->args, number - 1))->expr, Const);
}

static void
fix_argument(FixedArgument *argument, FunctionCallInfo fcinfo, int number, const char *name)
{
	argument->name = name;
	argument->number = number;
	argument->isnull = PG_NARGS() <= number || PG_ARGISNULL(number);
	argument->constant = PG_NARGS() <= number || is_constant(fcinfo, number);
	if (!argument->isnull)
	{
		struct varlena *image = plain_image(PG_GETARG_DATUM(number));

		argument->size = VARSIZE_ANY(image);
		argument->image = palloc(argument->size);
		memcpy(argument->image, image, argument->size);
	}
}

/* Whether two images hold the same value; they may be toasted differently. */
static bool
same_value(struct varlena *a, struct varlena *b)
{
	struct varlena *x = PG_DETOAST_DATUM_PACKED(PointerGetDatum(a));
	struct varlena *y = PG_DETOAST_DATUM_PACKED(PointerGetDatum(b));

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		   memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

static void
check_fixed(const FixedArgument *argument, FunctionCallInfo fcinfo)
{
	bool isnull, same;

	if (argument->constant)
		return;
	isnull = PG_ARGISNULL(argument->number);
	same = isnull == argument->isnull;
	if (same && !isnull)
	{
		struct varlena *image = plain_image(PG_GETARG_DATUM(argument->number));

		same = VARSIZE_ANY(image) == argument->size &&
			   memcmp(image, argument->image, argument->size) == 0;
		same = same || same_value(image, argument->image);
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of ae.train differs between rows", argument->name),
				 errhint("One call trains one model: use GROUP BY to train one for each value.")));
}

/* The context of the aggregate's states; refuses calls from anything else. */
static MemoryContext
check_aggregate(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	/* FINALFUNC_MODIFY keeps ae.train itself out of windows */
	if (AggCheckCallContext(fcinfo, &context) != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("functions of the aggregate ae.train cannot be called directly")));
	return context;
}

/* Closes files; an aggregate may end without its final function. */
static void
shut_down(Datum datum)
{
	TrainState *state = (TrainState *) DatumGetPointer(datum);

	if (state->kept_bytes > 0)
		pgae_budget_forget(state->budget);
	state->kept_bytes = 0;
	pgae_training_close(state->training);
}

static TrainState *
begin(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	TrainState *state = MemoryContextAllocZero(aggcontext, sizeof(TrainState));
	MemoryContext old;

	state->budget = pgae_budget(fcinfo);
	state->training = pgae_training_open(state->budget, aggcontext);
	AggRegisterCallback(fcinfo, shut_down, PointerGetDatum(state));
	old = MemoryContextSwitchTo(pgae_training_context(state->training));
	fix_argument(&state->options_argument, fcinfo, 2, "argument \"options\"");
	fix_argument(&state->init_argument, fcinfo, 3, "argument \"init\"");
	pgae_training_start(state->training,
						state->options_argument.isnull ? NULL : DatumGetJsonbP(PG_GETARG_DATUM(2)),
						state->init_argument.isnull ? NULL : pgae_model_bytes(fcinfo, 3, true),
						get_fn_expr_argtype(fcinfo->flinfo, 1));
	MemoryContextSwitchTo(old);
	return state;
}

Datum
pg_ae_train_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	TrainState *state;

	aggcontext = check_aggregate(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (TrainState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}

	if (state == NULL)
		state = begin(fcinfo, aggcontext);
	else
	{
		check_fixed(&state->options_argument, fcinfo);
		check_fixed(&state->init_argument, fcinfo);
	}
	pgae_training_add(state->training, PG_GETARG_DATUM(1));
	PG_RETURN_POINTER(state);
}

/*
 * A hash table of groups that is scanned again, for instance in a correlated subquery, calls the
 * final function again. By then the rows are gone, and a thousand models would take too much
 * memory, so results are kept on disk.
 */
static void
keep_result(TrainState *state, FunctionCallInfo fcinfo, const bytea *bytes)
{
	if (((AggState *) fcinfo->context)->aggstrategy != AGG_HASHED)
		return;
	state->kept_at = pgae_budget_keep(state->budget, bytes, VARSIZE(bytes));
	state->kept_bytes = VARSIZE(bytes);
}

static bytea *
kept_result(const TrainState *state)
{
	bytea *bytes;

	if (state->kept_bytes == 0)
		return NULL;
	bytes = palloc(state->kept_bytes);
	pgae_budget_kept(bytes, state->kept_bytes, state->budget, state->kept_at);
	return bytes;
}

static Datum
finish(bytea *bytes, FunctionCallInfo fcinfo)
{
	if (bytes == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(bytes);
}

Datum
pg_ae_train_finalfn(PG_FUNCTION_ARGS)
{
	TrainState *state;
	bytea *bytes;

	check_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
	{
		ereport(NOTICE, (errmsg("no rows to train on")));
		PG_RETURN_NULL();
	}
	state = (TrainState *) PG_GETARG_POINTER(0);
	if (pgae_training_context(state->training) == NULL)
		return finish(kept_result(state), fcinfo);
	pgae_training_close_rows(state->training);
	bytes = pgae_training_end(state->training);
	if (bytes)
		keep_result(state, fcinfo, bytes);
	return finish(bytes, fcinfo);
}
