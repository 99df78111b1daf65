/*
 * pg_train.c: a training: rows in, model bytes out.
 *
 * Each row is turned into values, packed and put into the store of its fold. At the end a job runs
 * for each fold (pg_job.c), and the bytes are written.  Everything lives in one memory context.
 *
 * A crossed model has two folds, chosen by a hash of the row: the networks that score fold 0 are
 * trained on fold 1 and vice versa, so that no row is scored by a network that has learnt it.
 * Scaling, levels, prototypes and stopping come from the training fold alone.
 */
#include "pg_train.h"

#include <math.h>

#include "ae_hash.h"
#include "mb/pg_wchar.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

/* Fewer rows than this, in all or in a fold, are not crossed. */
#define MIN_CROSSED_ROWS 20
#define MIN_FOLD_ROWS 10

/* The default of ae.is_anomaly. */
#define DEFAULT_CONTAMINATION 0.01

/* The most rows that one row may count as. */
#define MAX_WEIGHT 1000000

/* A row that arrived before the length of an array was known. */
typedef struct Waiting
{
	uint64 identifier;               /* of the type with which it must be read */
	char row[FLEXIBLE_ARRAY_MEMBER]; /* MAXALIGNed */
} Waiting;

/* Rows that belong together. */
typedef struct Fold
{
	PgaeStore *store; /* NULL before the first row */
	uint64 hash;      /* of the first row */
	bool varies;      /* another row had another hash */
} Fold;

/* One training. */
struct PgaeTraining
{
	MemoryContext context; /* of everything but this struct; NULL once done */
	PgaeOptions *options;
	PgaeModels *init; /* the model to start from, or NULL */
	PgaeCodec *codec;
	PgaeBudget *budget;
	PgaeTrack *track; /* or NULL */
	uint32 n_folds;
	Fold folds[AE_MAX_FOLDS];
	PgaeStore *judged[2]; /* dismissed, which are in the folds as well, and confirmed; NULL if there
						   * are none */
	List *waiting;        /* of Waiting */
	PgaeHolder waits;     /* their bytes */
};

/* ---- collecting rows ---- */

void
pgae_training_close(PgaeTraining *training)
{
	if (training->context == NULL)
		return;
	for (uint32 f = 0; f < AE_MAX_FOLDS; f++)
	{
		if (training->folds[f].store)
			pgae_store_end(training->folds[f].store);
		training->folds[f].store = NULL;
	}
	for (int verdict = 0; verdict < 2; verdict++)
	{
		if (training->judged[verdict])
			pgae_store_end(training->judged[verdict]);
		training->judged[verdict] = NULL;
	}
}

/* Begins a training that starts from a model, which determines columns and folds. */
static void
begin_from_model(PgaeTraining *training, struct varlena *bytes, Oid row_type)
{
	PgaeModels *init = pgae_read_models(bytes, training->context);
	const AeSchema *schemas[AE_MAX_FOLDS];

	pgae_options_check_init(training->options, init);
	for (uint32 f = 0; f < init->n_folds; f++)
		schemas[f] = &init->models[f * init->n_members]->schema;
	training->init = init;
	training->n_folds = init->n_folds;
	training->codec = pgae_codec_create(schemas, (int) init->n_folds, row_type, training->context);
	pgae_codec_start_training(training->codec, training->options->feedback,
							  training->options->weight);
}

PgaeTraining *
pgae_training_open(PgaeBudget *budget, MemoryContext parent)
{
	PgaeTraining *training = MemoryContextAllocZero(parent, sizeof(PgaeTraining));

	/* small at first, as there may be thousands of groups */
	training->context = AllocSetContextCreate(parent, "ae.train", ALLOCSET_START_SMALL_SIZES);
	training->budget = budget;
	pgae_holder_init(&training->waits, pgae_budget_share(budget, PGAE_SHARE_WAITING),
					 training->context);
	return training;
}

void
pgae_training_start(PgaeTraining *training, Jsonb *options, struct varlena *init, Oid row_type)
{
	MemoryContext old = MemoryContextSwitchTo(training->context);

	training->options = pgae_options_parse(options);
	pgae_options_check(training->options, pgae_voice_begin(pgae_budget_voice(training->budget)));
	if (init)
		begin_from_model(training, init, row_type);
	else
	{
		training->codec = pgae_codec_create_training(
			training->options, row_type, pgae_budget_share(training->budget, PGAE_SHARE_LEVELS),
			pgae_budget_voice(training->budget), training->context);
		training->n_folds = pgae_options_folds(training->options);
	}
	MemoryContextSwitchTo(old);
}

MemoryContext
pgae_training_context(const PgaeTraining *training)
{
	return training->context;
}

void
pgae_training_follow(PgaeTraining *training, PgaeTrack *track)
{
	training->track = track;
}

static const AeSchema *
schema_of(const PgaeTraining *training)
{
	return training->init ? &training->init->models[0]->schema : pgae_codec_schema(training->codec);
}

/* Raises 22023 for a value that is not finite; column: PGAE_TARGET_COLUMN for the target. */
static void
raise_not_finite(PgaeTraining *training, Datum datum, uint32 column, double value)
{
	const AeSchema *schema = schema_of(training);
	bool target = column == PGAE_TARGET_COLUMN;
	AeError error;

	if (pgae_codec_overflows(training->codec, datum, column))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("column \"%s\" has a value beyond the range of double precision",
							   target ? pgae_target_name(schema) : pgae_value_name(schema, column)),
						errhint("Leave such rows out with WHERE, or take the logarithm of the "
								"column in a subquery.")));
	ae_fail(&error, AE_ERR_NONFINITE, "field", value, 0, 0);
	error.column = (int) column;
	pgae_raise(&error, schema);
}

static void
check_finite(PgaeTraining *training, Datum datum, const PgaeRow *row)
{
	const AeSchema *schema = schema_of(training);

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		if (unlikely(!isfinite(row->values[c])))
			raise_not_finite(training, datum, c, row->values[c]);
	}
	if (schema->has_target && !isfinite(row->roles[PGAE_ROLE_TARGET].value))
		raise_not_finite(training, datum, PGAE_TARGET_COLUMN, row->roles[PGAE_ROLE_TARGET].value);
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

/* A store of the training's own. */
static PgaeStore *
begin_store(PgaeTraining *training)
{
	MemoryContext old = MemoryContextSwitchTo(training->context);
	PgaeStore *store = pgae_store_begin(training->budget, pgae_codec_record_size(training->codec),
										training->options->train.seed);

	MemoryContextSwitchTo(old);
	return store;
}

/* Puts the row just read into a store. */
static void
store_row(PgaeTraining *training, PgaeStore *store, const PgaeRow *row)
{
	pgae_codec_pack(training->codec, pgae_store_record(store));
	pgae_store_add(store, row->order);
}

static size_t
count_judged(const PgaeTraining *training, bool verdict)
{
	return training->judged[verdict] ? pgae_store_count(training->judged[verdict]) : 0;
}

/* Collects the verdict on the row just read; returns whether it is a confirmed anomaly. */
static bool
collect_verdict(PgaeTraining *training, const PgaeRow *row)
{
	const PgaeRoleValue *verdict = &row->roles[PGAE_ROLE_FEEDBACK];
	bool confirmed = verdict->value != 0;

	if (training->options->feedback == NULL || verdict->missing)
		return false;
	if (count_judged(training, false) + count_judged(training, true) == AE_MAX_VERDICTS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column \"%s\" has more than %d verdicts",
							   training->options->feedback, AE_MAX_VERDICTS),
						errdetail("A model keeps each of them and compares every row with it."),
						errhint("Keep the latest ones, and use NULL for the others.")));
	if (training->judged[confirmed] == NULL)
		training->judged[confirmed] = begin_store(training);
	store_row(training, training->judged[confirmed], row);
	return confirmed;
}

/* Raises 22004 or 22023 if the weight of the row just read is invalid. */
static void
check_weight(const PgaeTraining *training, const PgaeRow *row)
{
	const PgaeRoleValue *weight = &row->roles[PGAE_ROLE_WEIGHT];
	const char *column = training->options->weight;

	if (column == NULL)
		return;
	if (weight->missing)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("weight \"%s\" of a row is NULL", column),
						errhint("Use coalesce, or leave such rows out with WHERE.")));
	if (!(weight->value >= 0 && weight->value <= MAX_WEIGHT))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("weight \"%s\" of a row is %s, must be between 0 and %d", column,
							   float8out_internal(weight->value), MAX_WEIGHT),
						errhint("It says how many rows this one counts as.")));
}

/* Collects one row, once the schema is complete. */
static void
collect(PgaeTraining *training, Datum datum)
{
	const PgaeRow *row = pgae_codec_read(training->codec, datum);
	const AeSchema *schema = schema_of(training);
	Fold *fold = &training->folds[training->n_folds > 1 ? ae_hash_fold(row->hash) : 0];

	check_finite(training, datum, row);
	check_weight(training, row);
	if (all_missing(row, schema->n_columns) || collect_verdict(training, row))
		return;
	if (fold->store == NULL)
	{
		fold->store = begin_store(training);
		fold->hash = row->hash;
	}
	fold->varies |= row->hash != fold->hash;
	store_row(training, fold->store, row);
}

/* Keeps a row until another one shows how long its arrays are. */
static void
let_wait(PgaeTraining *training, Datum datum)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	Size size = HeapTupleHeaderGetDatumLength(header);
	MemoryContext old = MemoryContextSwitchTo(training->context);
	Size total = offsetof(Waiting, row) + size;
	Waiting *waiting;

	if (!pgae_holder_take(&training->waits, pgae_chunk_bytes(total) + sizeof(ListCell)))
		ereport(
			ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("an array column is NULL in the first %d rows",
					list_length(training->waiting) + 1),
			 errdetail("Such rows of all groups take more than a quarter of "
					   "maintenance_work_mem."),
			 errhint(
				 "Leave it out with the option \"exclude\", or skip rows without it with WHERE.")));
	waiting = palloc(total);
	waiting->identifier = pgae_row_identifier(datum);
	memcpy(waiting->row, header, size);
	training->waiting = lappend(training->waiting, waiting);
	MemoryContextSwitchTo(old);
}

/* A row that had to wait; raises 55000 if its type has been altered since. */
static Datum
waiting_row(const Waiting *waiting)
{
	Datum row = PointerGetDatum(waiting->row);

	if (pgae_row_identifier(row) != waiting->identifier)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("type %s was altered while rows of it were read",
					format_type_be(HeapTupleHeaderGetTypeId((HeapTupleHeader) waiting->row))),
			 errdetail("Rows whose arrays are NULL wait for a row that shows how long they are.")));
	return row;
}

/* Collects the rows that had to wait. */
static void
collect_waiting(PgaeTraining *training)
{
	ListCell *cell;

	foreach (cell, training->waiting)
		collect(training, waiting_row(lfirst(cell)));
	list_free_deep(training->waiting);
	training->waiting = NIL;
	pgae_holder_give_back(&training->waits);
}

void
pgae_training_add(PgaeTraining *training, Datum row)
{
	PgaeReport *report = pgae_budget_report(training->budget);

	if (report->n_read++ % PGAE_ROWS_PER_CHECK == 0)
		pgae_report_step(report, "reading", report->n_read, 0);
	if (!training->init && !pgae_codec_prepare(training->codec, row, false))
	{
		let_wait(training, row);
		return;
	}
	if (training->waiting != NIL)
		collect_waiting(training);
	collect(training, row);
}

/* ---- weights ---- */

/*
 * How many rows equal rows count as whose weights sum to weight: that number rounded down, or up by
 * chance, so that the average is right.
 */
static uint64
copies_of(uint64 key, double weight)
{
	double chance = (double) (ae_hash_mix(~key) >> 40) * 0x1p-24; /* whole weights stay whole */

	return (uint64) floor(weight + chance);
}

/* Puts the rows of a fold into a new store as often as they count, equal ones together. */
static void
weigh_fold(PgaeTraining *training, Fold *fold)
{
	PgaeStore *store = fold->store;
	PgaeStore *weighed = begin_store(training);
	char *first = palloc(sizeof(uint64) + pgae_codec_record_size(training->codec));
	double weight = 0;
	uint64 key = 0, n_different = 0;
	const char *record;
	size_t n = 0;

	pgae_store_sort(store);
	while ((record = pgae_store_next(store)) != NULL)
	{
		if (n > 0 && pgae_store_key(record) != key)
		{
			pgae_store_repeat(weighed, first + sizeof(uint64), copies_of(key, weight));
			n_different += copies_of(key, weight) > 0;
			weight = 0;
			n = 0;
		}
		if (n++ == 0)
			memcpy(first, record - sizeof(uint64),
				   sizeof(uint64) + pgae_codec_record_size(training->codec));
		key = pgae_store_key(record);
		weight += pgae_codec_weight(training->codec, record);
		CHECK_FOR_INTERRUPTS();
	}
	pgae_store_repeat(weighed, first + sizeof(uint64), copies_of(key, weight));
	n_different += copies_of(key, weight) > 0;
	pfree(first);
	pgae_store_end(store);
	fold->store = weighed;
	fold->varies = n_different > 1;
	if (n_different > 0)
		return;
	pgae_store_end(weighed);
	fold->store = NULL;
}

/*
 * Repeats rows as often as their weights say, so that everything that looks at rows heeds weights:
 * scaling, levels, the loss, prototypes, calibration, and the sketches for drift. Raises 22023 if
 * none is left.
 */
static void
weigh_rows(PgaeTraining *training)
{
	if (training->options->weight == NULL)
		return;
	for (int f = 0; f < AE_MAX_FOLDS; f++)
	{
		if (training->folds[f].store)
			weigh_fold(training, &training->folds[f]);
	}
	if (training->folds[0].store == NULL && training->folds[1].store == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("weight \"%s\" is 0, or almost 0, in all rows",
							   training->options->weight)));
}

/* ---- from rows to bytes ---- */

static size_t
count_rows(const Fold *fold)
{
	return fold->store ? pgae_store_count(fold->store) : 0;
}

/* Merges two folds of too few rows. */
static void
settle_folds(PgaeTraining *training)
{
	Fold *a = &training->folds[0], *b = &training->folds[1];
	size_t n_a = count_rows(a), n_b = count_rows(b), n = n_a + n_b;
	PgaeVoice *voice = pgae_budget_voice(training->budget);

	if (training->n_folds == 1)
		return;
	if (training->init)
	{
		if (n_a == 0 || n_b == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%zu rows are too few to continue training a crossed model", n)));
		return;
	}
	if (n >= MIN_CROSSED_ROWS && n_a >= MIN_FOLD_ROWS && n_b >= MIN_FOLD_ROWS && a->varies &&
		b->varies)
		return;
	training->n_folds = 1;
	if (a->store && b->store)
		pgae_store_merge(a->store, b->store);
	else if (b->store)
	{
		a->store = b->store;
		b->store = NULL;
	}
	if (n > 1 && pgae_voice_may(voice, PGAE_NOTICE_ONE_NETWORK))
		ereport(
			NOTICE,
			(errmsg("%sone network is trained on all %zu rows: there are too few different rows "
					"for two crossed networks",
					pgae_voice_prefix(voice), n),
			 errdetail("Its p-values come from rows that it has seen: they rank these rows, but "
					   "promise no rate of false alarms on others.")));
}

/* A job for the networks that score fold f. */
static PgaeJob *
make_job(PgaeTraining *training, uint32 f, uint32 n_members, const instr_time *start)
{
	PgaeJob *job = palloc0(sizeof(PgaeJob));

	job->options = training->options;
	job->codec = training->codec;
	job->store = training->folds[training->n_folds > 1 ? 1 - f : 0].store;
	job->unseen = training->n_folds > 1 ? training->folds[f].store : NULL;
	job->dismissed = training->judged[false];
	job->confirmed = training->judged[true];
	job->start = start;
	job->track = training->track;
	job->voice = pgae_budget_voice(training->budget);
	job->report = pgae_budget_report(training->budget);
	job->n_members = n_members;
	job->number = f * n_members;
	job->n_networks = training->n_folds * n_members;
	for (uint32 m = 0; m < n_members && training->init; m++)
		job->init[m] = training->init->models[f * n_members + m];
	return job;
}

static void
warn_no_model(const PgaeTraining *training, const PgaeJob *job)
{
	const char *prefix = pgae_voice_prefix(job->voice);

	if (!pgae_voice_may(job->voice, PGAE_NOTICE_NO_MODEL))
		return;
	if (training->n_folds > 1)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("%sno model: every column has one value, or only rare ones, in all "
						"%zu rows of a fold",
						prefix, job->n_rows)));
	else
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg_plural("%sno model: there is only %zu row",
							   "%sno model: every column has one value, or only rare ones, "
							   "in all %zu rows",
							   job->n_rows, prefix, job->n_rows)));
}

/* Adds the sorted rows of a store to a digest. */
static void
digest_rows(uint64 digest[2], PgaeStore *store, PgaeReport *report)
{
	const char *record;
	size_t n = 0;

	pgae_store_rewind(store);
	while ((record = pgae_store_next(store)) != NULL)
	{
		uint64 key = pgae_store_key(record);

		if (n++ % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(report, "identifying", n, pgae_store_count(store));
		digest[0] = ae_hash_word(digest[0], key);
		digest[1] = ae_hash_mix(digest[1] + key);
	}
}

/*
 * Tells the track what identifies these rows: their number, and a digest of the keys that order
 * them, which are 64 bits of each row's content, and of names and kinds of columns.
 */
static void
tell_rows(PgaeTraining *training)
{
	const AeSchema *schema = schema_of(training);
	uint64 digest[2] = {schema->n_columns, 0};
	uint64 n_rows = 0;

	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];

		if (column->name)
			digest[0] = ae_hash_word(digest[0], ae_hash_bytes(column->name, column->name_len));
		digest[1] = ae_hash_mix(digest[1] + column->kind);
	}
	for (uint32 f = 0; f < training->n_folds; f++)
	{
		digest_rows(digest, training->folds[f].store, pgae_budget_report(training->budget));
		n_rows += pgae_store_count(training->folds[f].store);
	}
	for (int verdict = 0; verdict < 2; verdict++)
	{
		digest[0] = ae_hash_word(digest[0], count_judged(training, verdict));
		if (training->judged[verdict])
			digest_rows(digest, training->judged[verdict], pgae_budget_report(training->budget));
	}
	pgae_track_rows(training->track, n_rows, digest);
}

/* Trains all networks one after the other; false if there is nothing to learn. */
static bool
run_jobs(PgaeTraining *training, PgaeJob **jobs, uint32 n_members)
{
	instr_time *start = palloc(sizeof(instr_time));

	INSTR_TIME_SET_CURRENT(*start);
	for (uint32 f = 0; f < training->n_folds; f++)
		pgae_store_sort(training->folds[f].store);
	for (int verdict = 0; verdict < 2; verdict++)
	{
		if (training->judged[verdict])
			pgae_store_sort(training->judged[verdict]);
	}
	if (training->track)
		tell_rows(training);
	for (uint32 f = 0; f < training->n_folds; f++)
	{
		jobs[f] = make_job(training, f, n_members, start);
		if (training->init)
			pgae_codec_set_fold(training->codec, f);
		if (pgae_job_run(jobs[f]))
			continue;
		warn_no_model(training, jobs[f]);
		return false;
	}
	pgae_jobs_calibrate(jobs, training->n_folds);
	pgae_jobs_sketch(jobs, training->n_folds);
	return true;
}

/* Runs the phases that use BLAS; other code in this backend gets its BLAS settings back. */
static bool
run_jobs_with_blas(PgaeTraining *training, PgaeJob **jobs, uint32 n_members)
{
	volatile bool done = false;

	pgae_blas_enter();
	PG_TRY();
	{
		done = run_jobs(training, jobs, n_members);
	}
	PG_FINALLY();
	{
		pgae_blas_leave();
		pgae_report_end(pgae_budget_report(training->budget));
	}
	PG_END_TRY();
	return done;
}

/* Raises a NOTICE if no p-value can reach the default contamination of ae.is_anomaly. */
static void
notice_smallest_p(const PgaeTraining *training, const AeModel *first)
{
	uint64 n = first->calibration.n;
	PgaeVoice *voice = pgae_budget_voice(training->budget);

	if (pgae_progress && first->purpose == AE_PURPOSE_DETECT && n > 0 &&
		1.0 / (n + 1) > DEFAULT_CONTAMINATION && pgae_voice_may(voice, PGAE_NOTICE_SMALLEST_P))
		ereport(NOTICE,
				(errmsg("%swith " UINT64_FORMAT " calibration rows, no p-value is below %.2g",
						pgae_voice_prefix(voice), n, 1.0 / (n + 1)),
				 errhint("ae.is_anomaly flags nothing at a contamination below that.")));
}

static bytea *
alloc_bytes(size_t size, MemoryContext context)
{
	bytea *bytes = MemoryContextAlloc(context, VARHDRSZ + size);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return bytes;
}

/* The model's bytes; frees its weights. */
static bytea *
write_model(const AeModel *model, MemoryContext context)
{
	bytea *bytes;
	size_t size;
	AeError error;

	pgae_raise_unless_ok(ae_model_written_size(&size, model, &error, pgae_check_interrupts), &error,
						 &model->schema);
	bytes = alloc_bytes(size, context);
	CHECK_FOR_INTERRUPTS();
	ae_model_write(VARDATA(bytes), size, model, pgae_check_interrupts);
	CHECK_FOR_INTERRUPTS();
	pfree(unconstify(AeReal *, model->params));
	return bytes;
}

/* One model, or a bundle of them. */
static bytea *
write_models(PgaeJob **jobs, uint32 n_folds, uint32 n_members, MemoryContext context)
{
	AeBundleBytes bundle = {.n_folds = n_folds, .n_members = n_members};
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
	pgae_raise_unless_ok(ae_bundle_written_size(&size, &bundle, &error), &error, NULL);
	bytes = alloc_bytes(size, context);
	ae_bundle_write(VARDATA(bytes), size, &bundle, pgae_check_interrupts);
	return bytes;
}

/* Raises a NOTICE if feedback was asked for and there is none. */
static void
notice_no_verdicts(const PgaeTraining *training)
{
	PgaeVoice *voice = pgae_budget_voice(training->budget);

	if (training->options->feedback && !training->judged[false] && !training->judged[true] &&
		pgae_voice_may(voice, PGAE_NOTICE_VERDICTS))
		ereport(NOTICE, (errmsg("%scolumn \"%s\" has no verdicts: it is NULL in all rows",
								pgae_voice_prefix(voice), training->options->feedback),
						 errdetail("The model is the same as without feedback.")));
}

/* Trains and returns the bytes in result_context, or NULL if there is nothing to learn. */
static bytea *
train(PgaeTraining *training, MemoryContext result_context)
{
	PgaeJob *jobs[AE_MAX_FOLDS];
	uint32 n_members =
		training->init ? training->init->n_members : pgae_options_members(training->options);

	notice_no_verdicts(training);
	weigh_rows(training);
	settle_folds(training);
	if (training->init == NULL)
		pgae_notice_columns(training->codec, schema_of(training), training->options,
							count_rows(&training->folds[0]) +
								(training->n_folds > 1 ? count_rows(&training->folds[1]) : 0),
							pgae_budget_voice(training->budget));
	if (!run_jobs_with_blas(training, jobs, n_members))
		return NULL;
	notice_smallest_p(training, &jobs[0]->models[0]);
	return write_models(jobs, training->n_folds, n_members, result_context);
}

void
pgae_training_close_rows(PgaeTraining *training)
{
	pgae_voice_end(pgae_budget_voice(training->budget));
	if (training->waiting != NIL &&
		pgae_codec_prepare(training->codec, waiting_row(llast(training->waiting)), true))
		collect_waiting(training);
}

bytea *
pgae_training_end(PgaeTraining *training)
{
	MemoryContext old;
	bytea *bytes;

	if (training->folds[0].store == NULL && training->folds[1].store == NULL)
	{
		if (training->judged[true])
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" is true in all rows", training->options->feedback),
				 errdetail("Confirmed anomalies are not trained on, and there are no other rows."),
				 errhint("true is a confirmed anomaly, false a dismissed one, NULL a row that "
						 "nobody has judged.")));
		ereport(NOTICE, (errmsg("no rows to train on: all of them are NULL")));
		return NULL;
	}
	old = MemoryContextSwitchTo(training->context);
	bytes = train(training, old);
	MemoryContextSwitchTo(old);
	pgae_training_close(training);
	MemoryContextDelete(training->context);
	training->context = NULL;
	return bytes;
}
