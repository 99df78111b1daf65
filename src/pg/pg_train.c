/*
 * pg_train.c: the aggregate ae.train: rows in, model bytes out.
 *
 * The transition function collects: it turns a row into fields, packs them and hands
 * them to the store.  The final function does the work, as a sequence of phases that
 * share one TrainJob: measure the columns, resolve the options, scale the rows, train,
 * calibrate, compare with principal components, write the bytes.  Every phase is a loop
 * of short steps with a look at interrupts between them, and everything lives in one
 * memory context below the aggregate's.
 *
 * The bytes depend on the set of rows, the options and the seed: no clock, no order of
 * rows, no size of memory may leave a trace in them (time_limit excepted).
 *
 * Knows rows, steps and models; knows no layer, no gradient and no kernel.
 */
#include "pg_ae.h"

#include <float.h>
#include <math.h>

#include "ae_pca.h"
#include "nodes/primnodes.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define ROWS_PER_CHECK 256

/* Calibration: rows of a batch, and multiply-adds that one may take (some 20 ms). */
#define SCORE_BATCH 64
#define SCORE_MACS 5e8

/* Without validation rows, so many training rows calibrate. */
#define MAX_SEEN_SCORES 10000

/* Rows that principal components are taken of, and of one step. */
#define PCA_ROWS 16384
#define PCA_STEP 64

/* A code unit whose values differ by less than this over all rows looked at is dead. */
#define DEAD_RANGE 1e-6f

/* Columns that a message names before it says how many more there are. */
#define NAMES_SHOWN 5

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
	MemoryContext context; /* of everything but this struct; NULL once done */
	FixedArgument options_argument;
	FixedArgument init_argument;
	PgaeOptions *options;
	AeModel *init; /* the model to start from, or NULL */
	PgaeCodec *codec;
	PgaeStore *store; /* NULL before the first row */
} TrainState;

/* What the phases of the final function share. */
typedef struct TrainJob
{
	TrainState *state;
	size_t n_rows;
	AeModel model;
	AeRows rows;
	AeTrainer *trainer;
	const AeProgress *progress;
	instr_time start;
	double last_report;  /* seconds since start */
	uint64_t last_epoch; /* at the last report */
	uint64_t last_update;
} TrainJob;

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

/* A sort and a file may be open when an aggregate ends without its final function. */
static void
shut_down(Datum datum)
{
	TrainState *state = (TrainState *) DatumGetPointer(datum);

	if (state->context == NULL)
		return;
	if (state->store)
		pgae_store_end(state->store);
	state->store = NULL;
}

static TrainState *
begin(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	TrainState *state = MemoryContextAllocZero(aggcontext, sizeof(TrainState));
	Oid row_type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	MemoryContext old;

	state->context = AllocSetContextCreate(aggcontext, "ae.train", ALLOCSET_DEFAULT_SIZES);
	AggRegisterCallback(fcinfo, shut_down, PointerGetDatum(state));
	old = MemoryContextSwitchTo(state->context);
	fix_argument(&state->options_argument, fcinfo, 2, "argument \"options\"");
	fix_argument(&state->init_argument, fcinfo, 3, "argument \"init\"");
	state->options = pgae_options_parse(
		state->options_argument.isnull ? NULL : DatumGetJsonbP(PG_GETARG_DATUM(2)));
	if (state->init_argument.isnull)
		state->codec = pgae_codec_create_training(state->options, row_type, state->context);
	else
	{
		state->init = pgae_read_model((struct varlena *) PG_GETARG_BYTEA_PP(3), state->context);
		pgae_options_check_init(state->options, state->init);
		state->codec = pgae_codec_create(&state->init->schema, row_type, state->context);
	}
	MemoryContextSwitchTo(old);
	return state;
}

static const AeSchema *
schema_of(const TrainState *state)
{
	return state->init ? &state->init->schema : pgae_codec_schema(state->codec);
}

static void
check_finite(const AeSchema *schema, const double *fields)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeError error;

		if (likely(isfinite(fields[c])))
			continue;
		ae_fail(&error, AE_ERR_NONFINITE, "field", fields[c], 0, 0);
		error.column = (int) c;
		pgae_raise(&error, schema);
	}
}

Datum
pg_ae_train_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext, old;
	TrainState *state;
	const double *fields;

	if (AggCheckCallContext(fcinfo, &aggcontext) != AGG_CONTEXT_AGGREGATE)
		elog(ERROR, "ae.train_transfn called outside an aggregate");
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
	fields = pgae_codec_fields(state->codec, PG_GETARG_DATUM(1));
	check_finite(schema_of(state), fields);
	if (state->store == NULL)
	{
		old = MemoryContextSwitchTo(state->context);
		state->store =
			pgae_store_begin(pgae_codec_record_size(state->codec), state->options->train.seed);
		MemoryContextSwitchTo(old);
	}
	pgae_codec_pack(state->codec, pgae_store_record(state->store), fields);
	pgae_store_add(state->store);
	PG_RETURN_POINTER(state);
}

/* ---- phases: columns, options, inputs ---- */

static void
raise_unless_ok(AeStatus status, const AeError *error, const AeSchema *schema)
{
	if (status != AE_OK)
		pgae_raise(error, schema);
}

/* Statistics of every column, in canonical order: sums depend on it. */
static AeMoments *
measure_columns(TrainJob *job)
{
	PgaeStore *store = job->state->store;
	uint32_t n_columns = job->model.schema.n_columns;
	AeMoments *moments = palloc(n_columns * sizeof(AeMoments));
	double *fields = palloc(n_columns * sizeof(double));
	size_t n = 0;
	const char *record;

	for (uint32_t c = 0; c < n_columns; c++)
		ae_moments_init(&moments[c]);
	while ((record = pgae_store_next(store)) != NULL)
	{
		if (n++ % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		pgae_codec_unpack(job->state->codec, fields, record);
		for (uint32_t c = 0; c < n_columns; c++)
			ae_moments_add(&moments[c], fields[c]);
	}
	pfree(fields);
	return moments;
}

static void
notice_constant_columns(const AeSchema *schema)
{
	uint32_t n = schema->n_columns - schema->n_inputs;
	uint32_t shown = 0;
	StringInfoData names;

	if (n == 0)
		return;
	initStringInfo(&names);
	for (uint32_t c = 0; c < schema->n_columns && shown < NAMES_SHOWN; c++)
	{
		if (schema->columns[c].input < 0)
			appendStringInfo(&names, "%s%s", shown++ ? ", " : "", pgae_column_name(schema, c));
	}
	if (n > shown)
		appendStringInfo(&names, " and %u more", n - shown);
	ereport(NOTICE, (errmsg_plural("%u column has one value in all rows and is left out: %s",
								   "%u columns have one value in all rows and are left out: %s", n,
								   n, names.data)));
	pfree(names.data);
}

/* Cross-entropy of numbers that are not scaled works on [0, 1] only. */
static void
check_loss_range(const AeModel *model)
{
	if (model->loss != AE_LOSS_BCE || model->schema.scaling != AE_SCALING_NONE)
		return;
	for (uint32_t c = 0; c < model->schema.n_columns; c++)
	{
		const AeColumn *column = &model->schema.columns[c];
		AeError error;

		if (column->input < 0 || (column->min >= 0 && column->max <= 1))
			continue;
		ae_fail(&error, AE_ERR_RANGE, "field", column->min < 0 ? column->min : column->max, 0, 1);
		error.column = (int) c;
		pgae_raise(&error, &model->schema);
	}
}

/* The columns as the model will know them; false if none of them varies. */
static bool
fit_columns(TrainJob *job)
{
	TrainState *state = job->state;
	AeModel *model = &job->model;
	AeMoments *moments = NULL;
	AeError error;

	model->schema = *schema_of(state);
	if (state->init == NULL)
	{
		/* which columns vary does not depend on the scaling, which is not known yet */
		model->schema.scaling = AE_SCALING_STANDARD;
		moments = measure_columns(job);
		raise_unless_ok(ae_scaler_fit(&model->schema, moments, &error), &error, &model->schema);
		if (model->schema.n_inputs == 0)
			return false;
		notice_constant_columns(&model->schema);
	}
	pgae_options_resolve(model, state->options, state->init, model->schema.n_inputs, job->n_rows);
	if (moments)
		raise_unless_ok(ae_scaler_fit(&model->schema, moments, &error), &error, &model->schema);
	check_loss_range(model);
	model->net.n_blocks = ae_scaler_blocks(model->blocks, &model->schema, model->loss);
	model->net.blocks = model->blocks;
	model->mean_loss = ae_scaler_mean_loss(&model->schema, model->loss);
	return true;
}

/* ---- phase: training ---- */

static double
seconds_since(const instr_time *start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *start);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* "1.2 M", "830", for rows per second. */
static char *
short_count(double count)
{
	if (count >= 1e6)
		return psprintf("%.1f M", count / 1e6);
	if (count >= 1e4)
		return psprintf("%.0f k", count / 1e3);
	return psprintf("%.0f", count);
}

/* Where training stands: "epoch 12 of 100: training loss 0.123, validation loss 0.130". */
static char *
describe_progress(const TrainJob *job)
{
	const AeProgress *p = job->progress;
	const AeTrainOptions *options = &job->model.options;
	StringInfoData text;

	initStringInfo(&text);
	if (options->epochs > 0)
		appendStringInfo(&text, "epoch " UINT64_FORMAT " of " UINT64_FORMAT, p->epoch,
						 options->epochs);
	else
		appendStringInfo(&text, "%s " UINT64_FORMAT " of " UINT64_FORMAT,
						 options->optimizer == AE_OPTIMIZER_LBFGS ? "iteration" : "update",
						 p->update, p->total_updates);
	if (!isnan(p->train_loss))
		appendStringInfo(&text, ": training loss %.4g", p->train_loss);
	if (!isnan(p->validation_loss))
		appendStringInfo(&text, ", validation loss %.4g", p->validation_loss);
	return text.data;
}

static void
report(TrainJob *job, double now)
{
	const AeProgress *p = job->progress;
	char *text = describe_progress(job);
	char *activity = psprintf("ae.train: %s", text);
	double updates = (double) (p->update - job->last_update);
	double batch = Min((double) job->model.options.batch_size, (double) p->n_train);

	pgstat_report_activity(STATE_RUNNING, activity);
	if (pgae_progress && job->model.options.optimizer == AE_OPTIMIZER_LBFGS)
		ereport(NOTICE, (errmsg("%s", text)));
	else if (pgae_progress)
		ereport(NOTICE, (errmsg("%s, %s rows/s", text,
								short_count(updates * batch / (now - job->last_report)))));
	job->last_report = now;
	job->last_epoch = p->epoch;
	job->last_update = p->update;
	pfree(activity);
	pfree(text);
}

/* The first epoch at once, then about once a second, within a long epoch every ten. */
static bool
report_is_due(const TrainJob *job, double now)
{
	const AeProgress *p = job->progress;
	double since = now - job->last_report;

	if (p->epoch > job->last_epoch)
		return job->last_epoch == 0 || since >= 1;
	return since >= 10 && p->update > job->last_update;
}

static void
report_end(const TrainJob *job)
{
	if (pgae_progress)
		ereport(NOTICE, (errmsg("training ended (%s) after %.1f s: %s",
								ae_train_state_name[job->progress->state],
								seconds_since(&job->start), describe_progress(job))));
}

static void
make_trainer(TrainJob *job)
{
	AeModel *model = &job->model;
	size_t bytes;
	void *block;
	AeError error;

	raise_unless_ok(ae_trainer_size(&bytes, &model->net, &model->options, &job->rows, &error),
					&error, &model->schema);
	if (bytes > MaxAllocHugeSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("training would take %zu bytes of memory", bytes)));
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	raise_unless_ok(ae_trainer_init(&job->trainer, block, bytes, &model->net, &model->options,
									&job->rows, job->state->init ? job->state->init->params : NULL,
									pgae_kernels(), pgae_blas(), &error),
					&error, &model->schema);
	job->progress = ae_trainer_progress(job->trainer);
}

/* A loss as the model keeps it: NaN stands for one that could not be had. */
static double
finite_or_nan(double loss)
{
	return isfinite(loss) ? loss : NAN;
}

/*
 * The epochs that have a loss, in model->history.  Of a training that diverged, the
 * last ones may not; and losses beyond what a float holds are cut down to that.
 */
static void
keep_history(AeModel *model, const AeProgress *p)
{
	model->history = palloc(Max(p->n_history, 1) * sizeof(AeEpoch));
	model->n_history = 0;
	for (uint32_t i = 0; i < p->n_history; i++)
	{
		AeEpoch epoch = p->history[i];

		if (isnan(epoch.train_loss))
			continue;
		epoch.train_loss = Min(epoch.train_loss, FLT_MAX);
		if (isinf(epoch.validation_loss))
			epoch.validation_loss = FLT_MAX;
		model->history[model->n_history++] = epoch;
	}
}

/* What came out of training, except for the weights. */
static void
keep_outcome(TrainJob *job)
{
	AeModel *model = &job->model;
	const AeProgress *p = job->progress;

	model->state = p->state;
	model->n_rows = job->n_rows;
	model->n_validation = p->n_validation;
	model->n_updates = p->update;
	model->n_epochs = p->epoch;
	model->best_epoch = p->restored ? p->best_epoch : 0;
	model->train_loss = finite_or_nan(p->train_loss);
	model->validation_loss = finite_or_nan(p->restored ? p->best_loss : p->validation_loss);
	keep_history(model, p);
}

/* The loop. */
static void
train(TrainJob *job)
{
	AeModel *model = &job->model;
	const AeProgress *p;

	make_trainer(job);
	p = job->progress;
	while (ae_trainer_step(job->trainer))
	{
		double now = seconds_since(&job->start);

		CHECK_FOR_INTERRUPTS();
		if (report_is_due(job, now))
			report(job, now);
		/* at least one update: a model needs a loss */
		if (model->options.time_limit > 0 && now >= model->options.time_limit && p->update > 0)
			ae_trainer_stop(job->trainer);
	}
	report_end(job);

	model->params = ae_trainer_params(job->trainer);
	if (p->state == AE_TRAIN_DIVERGED)
	{
		AeError error;

		ae_fail(&error, AE_ERR_DIVERGED, "training", (double) p->update, 0, 0);
		if (model->params == NULL)
			pgae_raise(&error, &model->schema);
		ereport(WARNING, (errcode(ERRCODE_WARNING),
						  errmsg("training diverged after " UINT64_FORMAT
								 " updates, the model has the last good weights",
								 p->update),
						  errhint("Lower the option \"learning_rate\", or set \"clip_norm\".")));
	}
	keep_outcome(job);
}

/* ---- phase: calibration ---- */

static int
descending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	CHECK_FOR_INTERRUPTS(); /* the array may be long; nothing is lost but its order */
	return x < y ? 1 : x > y ? -1 : 0;
}

/* The k-th of n rows picked evenly from the training rows. */
static size_t
spread_row(const TrainJob *job, size_t k, size_t n)
{
	size_t n_train = job->progress->n_train;

	return job->progress->n_validation + (size_t) ((double) k * (double) n_train / (double) n);
}

/* Rows first .. first + count - 1 of the sample: validation rows, or spread training rows. */
static void
read_sample(const TrainJob *job, AeReal *out, size_t first, size_t count, size_t n, bool unseen)
{
	if (unseen)
		pgae_store_read(&job->rows, out, first, count);
	else
	{
		for (size_t i = 0; i < count; i++)
			pgae_store_read(&job->rows, out + i * job->rows.width, spread_row(job, first + i, n),
							1);
	}
}

static AeScorer *
make_scorer(const AeModel *model)
{
	AeScorer *scorer = palloc(sizeof(AeScorer));
	double batch = SCORE_MACS / ae_net_macs(&model->net);
	size_t n = batch < 1 ? 1 : batch > SCORE_BATCH ? SCORE_BATCH : (size_t) batch;
	size_t bytes;
	AeError error;

	raise_unless_ok(ae_scorer_size(&bytes, model, n, &error), &error, &model->schema);
	ae_scorer_init(scorer, MemoryContextAllocHuge(CurrentMemoryContext, bytes), model, n,
				   pgae_kernels());
	return scorer;
}

/* Widens low / high, the range of every code unit, by the codes of some rows. */
static void
widen_ranges(AeReal *low, AeReal *high, const AeReal *codes, size_t n_rows, size_t n_code)
{
	for (size_t i = 0; i < n_rows; i++)
	{
		for (size_t j = 0; j < n_code; j++)
		{
			low[j] = Min(low[j], codes[i * n_code + j]);
			high[j] = Max(high[j], codes[i * n_code + j]);
		}
	}
}

/* Scores of the validation rows, or else of training rows; and how many code units are dead. */
static void
calibrate(TrainJob *job)
{
	AeModel *model = &job->model;
	AeCalibration *calibration = &model->calibration;
	bool unseen = job->progress->n_validation > 0;
	size_t n = unseen ? job->progress->n_validation : Min(job->progress->n_train, MAX_SEEN_SCORES);
	size_t n_code = model->net.width[model->net.n_encoder];
	AeReal *low = palloc(2 * n_code * sizeof(AeReal));
	AeReal *high = low + n_code;
	double *scores = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double));
	AeScorer *scorer = make_scorer(model);

	for (size_t j = 0; j < n_code; j++)
	{
		low[j] = INFINITY;
		high[j] = -INFINITY;
	}
	for (size_t first = 0; first < n; first += scorer->batch)
	{
		size_t count = Min(scorer->batch, n - first);
		const AeReal *codes;

		CHECK_FOR_INTERRUPTS();
		read_sample(job, scorer->inputs, first, count, n, unseen);
		codes = ae_scorer_encode(scorer, count);
		widen_ranges(low, high, codes, count, n_code);
		ae_scorer_errors(scores + first, scorer, ae_scorer_decode(scorer, codes, count), count);
	}
	for (size_t j = 0; j < n_code; j++)
		model->n_dead += high[j] - low[j] <= DEAD_RANGE;

	qsort(scores, n, sizeof(double), descending);
	calibration->score = palloc(AE_CALIBRATION_POINTS * sizeof(double));
	calibration->n_above = palloc(AE_CALIBRATION_POINTS * sizeof(uint64_t));
	calibration->unseen = unseen;
	ae_calibration_fit(calibration, scores, n);
	pfree(scores);
}

/* ---- phase: the loss of principal components with as many numbers as the code has ---- */

static void
compare_with_pca(TrainJob *job)
{
	AeModel *model = &job->model;
	size_t n_inputs = model->schema.n_inputs;
	size_t n_code = model->net.width[model->net.n_encoder];
	size_t n = Min(job->progress->n_train, PCA_ROWS);
	AePca pca;
	AeReal *block;
	size_t bytes;
	AeError error;

	model->pca_loss = NAN;
	if (n_inputs > AE_PCA_MAX_INPUTS || n_code >= n_inputs || model->net.n_blocks != 1 ||
		model->blocks[0].loss != AE_LOSS_MSE)
		return;
	raise_unless_ok(ae_pca_size(&bytes, n_inputs, &error), &error, &model->schema);
	ae_pca_init(&pca, palloc(bytes), n_inputs);
	block = palloc(PCA_STEP * n_inputs * sizeof(AeReal));
	for (size_t first = 0; first < n; first += PCA_STEP)
	{
		size_t count = Min(PCA_STEP, n - first);

		CHECK_FOR_INTERRUPTS();
		read_sample(job, block, first, count, n, false);
		ae_pca_add(&pca, block, count);
	}
	model->pca_loss = ae_pca_loss(&pca, n_code, pgae_blas());
}

/* ---- all of it ---- */

static bytea *
write_model(const AeModel *model, MemoryContext context)
{
	bytea *bytes;
	size_t size;
	AeError error;

	raise_unless_ok(ae_model_written_size(&size, model, &error), &error, &model->schema);
	bytes = MemoryContextAlloc(context, VARHDRSZ + size);
	SET_VARSIZE(bytes, VARHDRSZ + size);
	ae_model_write(VARDATA(bytes), size, model);
	return bytes;
}

/* The phases that use BLAS; other code in this backend gets its settings back. */
static void
train_and_judge(TrainJob *job)
{
	const char *activity = debug_query_string;

	pgae_blas_enter();
	PG_TRY();
	{
		train(job);
		calibrate(job);
		compare_with_pca(job);
	}
	PG_FINALLY();
	{
		pgae_blas_leave();
		if (activity)
			pgstat_report_activity(STATE_RUNNING, activity);
	}
	PG_END_TRY();
}

/* From sorted rows to a model in result_context, or NULL where there is nothing to learn. */
static bytea *
run_job(TrainState *state, MemoryContext result_context)
{
	TrainJob *job = palloc0(sizeof(TrainJob));

	job->state = state;
	job->n_rows = pgae_store_count(state->store);
	job->model.format = AE_MODEL_FORMAT;
	job->model.arithmetic = AE_MODEL_ARITHMETIC;
	job->model.server_version = PG_VERSION_NUM;
	INSTR_TIME_SET_CURRENT(job->start);
	pgae_store_sort(state->store);
	if (!fit_columns(job))
	{
		ereport(WARNING, (errcode(ERRCODE_WARNING),
						  errmsg_plural("no model: there is only %zu row",
										"no model: every column has one value in all %zu rows",
										job->n_rows, job->n_rows)));
		return NULL;
	}
	pgae_store_scale(&job->rows, state->store, state->codec, &job->model.schema);
	train_and_judge(job);
	return write_model(&job->model, result_context);
}

Datum
pg_ae_train_finalfn(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext, old;
	TrainState *state;
	bytea *bytes;

	if (AggCheckCallContext(fcinfo, &aggcontext) != AGG_CONTEXT_AGGREGATE)
		elog(ERROR, "ae.train_finalfn called outside an aggregate");
	if (PG_ARGISNULL(0))
	{
		ereport(NOTICE, (errmsg("no rows to train on")));
		PG_RETURN_NULL();
	}
	state = (TrainState *) PG_GETARG_POINTER(0);
	if (state->context == NULL)
		elog(ERROR, "ae.train_finalfn called twice");

	old = MemoryContextSwitchTo(state->context);
	bytes = run_job(state, old);
	MemoryContextSwitchTo(old);
	pgae_store_end(state->store);
	MemoryContextDelete(state->context);
	state->context = NULL;
	if (bytes == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(bytes);
}
