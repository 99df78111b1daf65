/*
 * pg_train.c: the aggregate ae.train: rows in, model bytes out.
 *
 * The transition function collects: it turns a row into values, packs them and hands them to
 * the store of the row's fold.  The final function runs a job for each fold (pg_job.c) and
 * writes the bytes.  Everything lives in one memory context below the aggregate's.
 *
 * A crossed model has two folds, by a hash of the row: the networks that score fold 0 are
 * trained on fold 1 and the other way round, so that no row is scored by a network that
 * has learnt it.  Scaling, levels, prototypes and stopping come from the training fold alone.
 */
#include "pg_ae.h"

#include <math.h>

#include "ae_hash.h"
#include "mb/pg_wchar.h"
#include "nodes/execnodes.h"
#include "nodes/primnodes.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Fewer rows than this, in all or in a fold, are not crossed. */
#define MIN_CROSSED_ROWS 20
#define MIN_FOLD_ROWS 10

/* As in the declaration of ae.is_anomaly. */
#define DEFAULT_CONTAMINATION 0.01

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

/* Rows that belong together. */
typedef struct Fold
{
	PgaeStore *store; /* NULL before the first row */
	uint64 hash;      /* of the first row */
	bool varies;      /* another row had another hash */
} Fold;

/* The state of one aggregate (one group). */
typedef struct TrainState
{
	MemoryContext context; /* of everything but this struct; NULL once done */
	FixedArgument options_argument;
	FixedArgument init_argument;
	PgaeOptions *options;
	PgaeModels *init; /* the model to start from, or NULL */
	PgaeCodec *codec;
	PgaeBudget *budget;
	uint32 n_folds;
	Fold folds[AE_MAX_FOLDS];
	List *waiting;    /* copies of rows that came before the length of an array was known */
	PgaeHolder waits; /* their bytes */
	Size kept_bytes;  /* of the result, with budget; 0: not kept */
	uint64 kept_at;
} TrainState;

PG_FUNCTION_INFO_V1(pg_ae_train_transfn);
PG_FUNCTION_INFO_V1(pg_ae_train_finalfn);

/* ---- collecting rows ---- */

/* A datum in a form whose bytes say what it is: external pointers that are not on disk do not. */
static struct varlena *
plain_image(Datum datum)
{
	struct varlena *image = (struct varlena *) DatumGetPointer(datum);

	if (VARATT_IS_EXTERNAL(image) && !VARATT_IS_EXTERNAL_ONDISK(image))
		return pg_detoast_datum(image);
	return image;
}

/* Whether the call's direct argument of that number (1: the row) is a constant. */
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
	if (state->context == NULL)
		return;
	for (uint32 f = 0; f < AE_MAX_FOLDS; f++)
	{
		if (state->folds[f].store)
			pgae_store_end(state->folds[f].store);
		state->folds[f].store = NULL;
	}
}

/* The codec of a training that starts from a model, which settles columns and folds. */
static void
begin_from_model(TrainState *state, struct varlena *bytes, Oid row_type)
{
	PgaeModels *init = pgae_read_models(bytes, state->context);
	const AeSchema *schemas[AE_MAX_FOLDS];

	pgae_options_check_init(state->options, init);
	for (uint32 f = 0; f < init->n_folds; f++)
		schemas[f] = &init->models[f * init->n_members]->schema;
	state->init = init;
	state->n_folds = init->n_folds;
	state->codec = pgae_codec_create(schemas, (int) init->n_folds, row_type, state->context);
	pgae_codec_start_training(state->codec);
}

static TrainState *
begin(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	TrainState *state = MemoryContextAllocZero(aggcontext, sizeof(TrainState));
	Oid row_type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	MemoryContext old;

	/* small at first: there may be thousands of groups */
	state->context = AllocSetContextCreate(aggcontext, "ae.train", ALLOCSET_START_SMALL_SIZES);
	AggRegisterCallback(fcinfo, shut_down, PointerGetDatum(state));
	old = MemoryContextSwitchTo(state->context);
	state->budget = pgae_budget(fcinfo);
	pgae_holder_init(&state->waits, state->budget, PGAE_SHARE_WAITING, state->context);
	fix_argument(&state->options_argument, fcinfo, 2, "argument \"options\"");
	fix_argument(&state->init_argument, fcinfo, 3, "argument \"init\"");
	state->options = pgae_options_parse(
		state->options_argument.isnull ? NULL : DatumGetJsonbP(PG_GETARG_DATUM(2)));
	if (state->init_argument.isnull)
	{
		state->codec =
			pgae_codec_create_training(state->options, row_type, state->budget, state->context);
		state->n_folds = pgae_options_folds(state->options);
	}
	else
		begin_from_model(state, pgae_model_bytes(fcinfo, 3, true), row_type);
	MemoryContextSwitchTo(old);
	return state;
}

static const AeSchema *
schema_of(const TrainState *state)
{
	return state->init ? &state->init->models[0]->schema : pgae_codec_schema(state->codec);
}

static void
check_finite(const AeSchema *schema, const PgaeRow *row)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeError error;

		if (likely(isfinite(row->values[c])))
			continue;
		ae_fail(&error, AE_ERR_NONFINITE, "field", row->values[c], 0, 0);
		error.column = (int) c;
		pgae_raise(&error, schema);
	}
}

static bool
all_missing(const PgaeRow *row, uint32_t n)
{
	for (uint32_t c = 0; c < n && row->any_missing; c++)
	{
		if (!row->missing[c])
			return false;
	}
	return row->any_missing;
}

/* Takes one row, once the schema stands. */
static void
collect(TrainState *state, Datum datum)
{
	const PgaeRow *row = pgae_codec_read(state->codec, datum);
	const AeSchema *schema = schema_of(state);
	Fold *fold = &state->folds[state->n_folds > 1 ? ae_hash_fold(row->hash) : 0];

	check_finite(schema, row);
	if (all_missing(row, schema->n_columns))
		return;
	if (fold->store == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(state->context);

		fold->store = pgae_store_begin(state->budget, pgae_codec_record_size(state->codec),
									   state->options->train.seed);
		fold->hash = row->hash;
		MemoryContextSwitchTo(old);
	}
	fold->varies |= row->hash != fold->hash;
	pgae_codec_pack(state->codec, pgae_store_record(fold->store));
	pgae_store_add(fold->store, row->hash);
}

/* Keeps a row until another one tells how long its arrays are. */
static void
let_wait(TrainState *state, Datum datum)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	Size size = HeapTupleHeaderGetDatumLength(header);
	MemoryContext old = MemoryContextSwitchTo(state->context);
	char *copy;

	if (!pgae_holder_take(&state->waits, pgae_chunk_bytes(size) + sizeof(ListCell)))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("an array column is NULL in the first %d rows",
							   list_length(state->waiting) + 1),
						errdetail("Such rows of all groups take more than a quarter of "
								  "maintenance_work_mem."),
						errhint("Leave it out with the option \"exclude\", or rows without it with "
								"WHERE.")));
	copy = palloc(size);
	memcpy(copy, header, size);
	state->waiting = lappend(state->waiting, copy);
	MemoryContextSwitchTo(old);
}

/* Takes the rows that had to wait. */
static void
collect_waiting(TrainState *state)
{
	ListCell *cell;

	foreach (cell, state->waiting)
		collect(state, PointerGetDatum(lfirst(cell)));
	list_free_deep(state->waiting);
	state->waiting = NIL;
	pgae_holder_give_back(&state->waits);
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
	if (!state->init && !pgae_codec_prepare(state->codec, PG_GETARG_DATUM(1), false))
	{
		let_wait(state, PG_GETARG_DATUM(1));
		PG_RETURN_POINTER(state);
	}
	if (state->waiting != NIL)
		collect_waiting(state);
	collect(state, PG_GETARG_DATUM(1));
	PG_RETURN_POINTER(state);
}

/* ---- from rows to bytes ---- */

static size_t
count_rows(const Fold *fold)
{
	return fold->store ? pgae_store_count(fold->store) : 0;
}

/* Two folds of too few rows become one. */
static void
settle_folds(TrainState *state)
{
	Fold *a = &state->folds[0], *b = &state->folds[1];
	size_t n_a = count_rows(a), n_b = count_rows(b), n = n_a + n_b;

	if (state->n_folds == 1)
		return;
	if (state->init)
	{
		if (n_a == 0 || n_b == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("%zu rows are too few to go on training a crossed model", n)));
		return;
	}
	if (n >= MIN_CROSSED_ROWS && n_a >= MIN_FOLD_ROWS && n_b >= MIN_FOLD_ROWS && a->varies &&
		b->varies)
		return;
	state->n_folds = 1;
	if (a->store && b->store)
		pgae_store_merge(a->store, b->store);
	else if (b->store)
	{
		a->store = b->store;
		b->store = NULL;
	}
	if (n > 1 && pgae_budget_notice(state->budget, PGAE_NOTICE_ONE_NETWORK))
		ereport(NOTICE,
				(errmsg("one network is trained on all %zu rows: there are too few different ones "
						"to cross two",
						n)));
}

/* A job for the networks that score fold f. */
static PgaeJob *
make_job(TrainState *state, uint32 f, uint32 n_members, const instr_time *start)
{
	PgaeJob *job = palloc0(sizeof(PgaeJob));

	job->options = state->options;
	job->codec = state->codec;
	job->store = state->folds[state->n_folds > 1 ? 1 - f : 0].store;
	job->unseen = state->n_folds > 1 ? state->folds[f].store : NULL;
	job->start = start;
	job->n_members = n_members;
	job->number = f * n_members;
	job->n_networks = state->n_folds * n_members;
	for (uint32 m = 0; m < n_members && state->init; m++)
		job->init[m] = state->init->models[f * n_members + m];
	return job;
}

static void
warn_no_model(const TrainState *state, const PgaeJob *job)
{
	if (state->n_folds > 1)
		ereport(WARNING, (errcode(ERRCODE_WARNING),
						  errmsg("no model: every column has one value, or only rare ones, in all "
								 "%zu rows of a fold",
								 job->n_rows)));
	else
		ereport(WARNING, (errcode(ERRCODE_WARNING),
						  errmsg_plural("no model: there is only %zu row",
										"no model: every column has one value, or only rare ones, "
										"in all %zu rows",
										job->n_rows, job->n_rows)));
}

/* All networks, one after the other; false where there is nothing to learn. */
static bool
run_jobs(TrainState *state, PgaeJob **jobs, uint32 n_members)
{
	instr_time *start = palloc(sizeof(instr_time));

	INSTR_TIME_SET_CURRENT(*start);
	for (uint32 f = 0; f < state->n_folds; f++)
		pgae_store_sort(state->folds[f].store);
	for (uint32 f = 0; f < state->n_folds; f++)
	{
		jobs[f] = make_job(state, f, n_members, start);
		if (state->init)
			pgae_codec_set_fold(state->codec, f);
		if (pgae_job_run(jobs[f]))
			continue;
		warn_no_model(state, jobs[f]);
		return false;
	}
	return true;
}

/* The phases that use BLAS; other code in this backend gets its settings back. */
static bool
run_jobs_with_blas(TrainState *state, PgaeJob **jobs, uint32 n_members)
{
	const char *activity = debug_query_string;
	volatile bool done = false;

	pgae_blas_enter();
	PG_TRY();
	{
		done = run_jobs(state, jobs, n_members);
	}
	PG_FINALLY();
	{
		pgae_blas_leave();
		if (activity)
			pgstat_report_activity(STATE_RUNNING, activity);
	}
	PG_END_TRY();
	return done;
}

/* Where the contamination that ae.is_anomaly assumes is out of reach. */
static void
notice_smallest_p(const TrainState *state, PgaeJob *const *jobs, uint32 n_folds)
{
	uint64 n = jobs[0]->models[0].calibration.n;

	for (uint32 f = 1; f < n_folds; f++)
		n = Min(n, jobs[f]->models[0].calibration.n);
	if (pgae_progress && jobs[0]->models[0].purpose == AE_PURPOSE_DETECT && n > 0 &&
		1.0 / (n + 1) > DEFAULT_CONTAMINATION &&
		pgae_budget_notice(state->budget, PGAE_NOTICE_SMALLEST_P))
		ereport(NOTICE,
				(errmsg("with " UINT64_FORMAT " rows to compare with, no p-value is below %.2g", n,
						1.0 / (n + 1)),
				 errhint("ae.is_anomaly flags nothing at a contamination below that.")));
}

static void
raise_unless_ok(AeStatus status, const AeError *error, const AeSchema *schema)
{
	if (status != AE_OK)
		pgae_raise(error, schema);
}

static bytea *
alloc_bytes(size_t size, MemoryContext context)
{
	bytea *bytes = MemoryContextAlloc(context, VARHDRSZ + size);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return bytes;
}

static bytea *
write_model(const AeModel *model, MemoryContext context)
{
	bytea *bytes;
	size_t size;
	AeError error;

	raise_unless_ok(ae_model_written_size(&size, model, &error), &error, &model->schema);
	bytes = alloc_bytes(size, context);
	ae_model_write(VARDATA(bytes), size, model);
	return bytes;
}

/* One model, or a bundle of them. */
static bytea *
write_models(PgaeJob **jobs, uint32 n_folds, uint32 n_members, MemoryContext context)
{
	AeBundle bundle = {.n_folds = n_folds, .n_members = n_members};
	bytea *bytes;
	size_t size;
	AeError error;

	if (n_folds * n_members == 1)
		return write_model(&jobs[0]->models[0], context);
	for (uint32 i = 0; i < n_folds * n_members; i++)
	{
		bytes = write_model(&jobs[i / n_members]->models[i % n_members], CurrentMemoryContext);
		bundle.bytes[i] = VARDATA(bytes);
		bundle.length[i] = VARSIZE(bytes) - VARHDRSZ;
	}
	raise_unless_ok(ae_bundle_written_size(&size, &bundle, &error), &error, NULL);
	bytes = alloc_bytes(size, context);
	ae_bundle_write(VARDATA(bytes), size, &bundle);
	return bytes;
}

/*
 * A hash table of groups that is read again, as by a correlated subquery, calls the final
 * function again.  By then the rows are gone, and a thousand models are too much to remember.
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

/* From rows to bytes in result_context, or NULL where there is nothing to learn. */
static bytea *
train(TrainState *state, MemoryContext result_context)
{
	PgaeJob *jobs[AE_MAX_FOLDS];
	uint32 n_members = state->init ? state->init->n_members : pgae_options_members(state->options);

	settle_folds(state);
	if (!run_jobs_with_blas(state, jobs, n_members))
		return NULL;
	notice_smallest_p(state, jobs, state->n_folds);
	return write_models(jobs, state->n_folds, n_members, result_context);
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
	MemoryContext old;
	TrainState *state;
	bytea *bytes;

	check_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
	{
		ereport(NOTICE, (errmsg("no rows to train on")));
		PG_RETURN_NULL();
	}
	state = (TrainState *) PG_GETARG_POINTER(0);
	if (state->context == NULL)
		return finish(kept_result(state), fcinfo);
	if (state->waiting != NIL &&
		pgae_codec_prepare(state->codec, PointerGetDatum(llast(state->waiting)), true))
		collect_waiting(state);
	if (state->folds[0].store == NULL && state->folds[1].store == NULL)
	{
		ereport(NOTICE, (errmsg("no rows to train on: all of them are NULL")));
		PG_RETURN_NULL();
	}

	old = MemoryContextSwitchTo(state->context);
	bytes = train(state, old);
	MemoryContextSwitchTo(old);
	shut_down(PointerGetDatum(state));
	MemoryContextDelete(state->context);
	state->context = NULL;
	if (bytes)
		keep_result(state, fcinfo, bytes);
	return finish(bytes, fcinfo);
}
