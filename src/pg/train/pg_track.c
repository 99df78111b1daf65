/*
 * pg_track.c: shows a named training to other sessions, and writes its checkpoints.
 *
 * Outside of a transaction block, a training has no open transaction while it computes, so it can
 * write and commit what others should see: its position, about once a second, into one narrow row
 * of ae.trainings; and every ae.checkpoint_interval the states of its trainers into
 * ae.checkpoint_states, together with what it needs to start again in ae.checkpoints.  Rows,
 * scaling and levels are not in a checkpoint: the query is run again and must return the same rows.
 *
 * If two sessions train the same name, the first holds a lock, and the other is not followed. The
 * lock is like that of a relation: the session holds it across commits, and it is released by the
 * first error or the end of the backend. ae.training_progress trusts a row of ae.trainings only
 * while that lock is held, so nothing needs cleaning up after an error or a crash.
 *
 * Statements are fixed and run as the owner of the tables (pg_named_write.c).
 *
 * Knows trainers as bytes; knows nothing of rows.
 */
#include "pg_train.h"

#include <math.h>

#include "ae_hash.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(pg_ae_drop_training);

/* Seconds between two writes of progress. */
#define PROGRESS_INTERVAL 1

/* The largest state that is held until the next checkpoint: there may be seven of them. */
#define MAX_ENDED ((size_t) 1024 * 1024)

/* Checkpoints take at most a tenth of the time. */
#define COST_FACTOR 9

/* Bytes of a part of a state: two of them, with their other columns, fit on a page. */
#define PART_BYTES (BLCKSZ / 2 - 256)

#define ABOUT_NAME " WHERE name OPERATOR(pg_catalog.=) $1"

/* A saved state; the trainer's bytes follow. */
typedef struct State
{
	uint32 crc; /* CRC-32C of all that follows */
	uint32 network;
	uint64 size; /* of the trainer's bytes */
	char bytes[FLEXIBLE_ARRAY_MEMBER];
} State;

/* ---- the lock of a name ---- */

static void
make_tag(LOCKTAG *tag, const PgaeReference *reference)
{
	uint64 hash = ae_hash_bytes(reference->name, strlen(reference->name));

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, pgae_table("trainings"), (Oid) hash, 0);
}

/* Held by the session, or by the transaction; false if another session has it. */
static bool
take_lock(const PgaeReference *reference, bool session)
{
	LOCKTAG tag;

	make_tag(&tag, reference);
	return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Passes the lock from the session to its transaction, which has not committed yet. */
static void
pass_lock(const PgaeReference *reference)
{
	LOCKTAG tag;

	take_lock(reference, false);
	make_tag(&tag, reference);
	LockRelease(&tag, ExclusiveLock, true);
}

static void
refuse_running(const PgaeReference *reference)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("another session is training model %s", pgae_quote_name(reference->name)),
			 errhint("See ae.training_progress for its progress.")));
}

/* ---- short transactions ---- */

static MemoryContext
begin_work(PgaeTrack *track)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	return MemoryContextSwitchTo(track->scratch);
}

static void
end_work(PgaeTrack *track, MemoryContext old)
{
	PopActiveSnapshot();
	if (track->may_commit)
	{
		SPI_commit();
		/* a catalog lookup would leave a snapshot */
		InvalidateCatalogSnapshotConditionally();
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(track->scratch);
}

static bool
is_followed(const PgaeTrack *track)
{
	return track->locked && track->may_commit;
}

bool
pgae_track_keeps(const PgaeTrack *track)
{
	return is_followed(track) && pgae_checkpoint_interval > 0;
}

/* ---- parameters ---- */

static void
add_text(PgaeStatement *statement, const char *text)
{
	pgae_statement_add(statement, TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0,
					   text == NULL);
}

static void
add_int8(PgaeStatement *statement, uint64 value, bool isnull)
{
	pgae_statement_add(statement, INT8OID, Int64GetDatum((int64) value), isnull);
}

static void
add_float8(PgaeStatement *statement, double value)
{
	pgae_statement_add(statement, FLOAT8OID, Float8GetDatum(value), isnan(value));
}

/* Adds five parameters: the counts of a training and its losses. */
static void
add_standing(PgaeStatement *statement, const PgaePosition *at)
{
	const AeProgress *p = at && at->trainer ? at->progress : NULL;
	uint64 done = 0, planned = 0;

	add_text(statement, p ? pgae_position_step(at, &done, &planned) : NULL);
	add_int8(statement, done, p == NULL);
	add_int8(statement, planned, p == NULL);
	add_float8(statement, p ? p->train_loss : NAN);
	add_float8(statement, p ? p->validation_loss : NAN);
}

/* ---- progress ---- */

/* Updates a second of the network being trained; NaN before there is any. */
static double
update_rate(const PgaeTrack *track, const PgaePosition *at)
{
	double seconds = pgae_position_seconds(at) - track->network_seconds;
	uint64 n = at->progress->update - track->network_update;

	return n > 0 && seconds > 0 ? (double) n / seconds : NAN;
}

/*
 * Seconds until all networks are done, if each takes what is planned for this one; NaN if unknown.
 */
static double
seconds_left(const PgaePosition *at, double rate)
{
	const AeProgress *p = at->progress;
	double limit = at->model->options.time_limit;
	double others = (double) (at->n_networks - at->network);
	double left;

	if (at->pretraining || isnan(rate))
		return NAN;
	left = ((double) (p->total_updates - p->update) + others * (double) p->total_updates) / rate;
	return limit > 0 ? Min(left, Max(limit - pgae_position_seconds(at), 0)) : left;
}

static void
write_progress(PgaeTrack *track, const char *phase, const PgaePosition *at)
{
	double rate = NAN, left = NAN, rows = NAN;
	PgaeStatement write = pgae_statement_about(
		"INSERT INTO ae.trainings AS t (name, trainer, pid, lock, started, phase, n_rows, network, "
		"n_networks, step, done, planned, train_loss, validation_loss, rows_per_second, "
		"estimated_end, updated) VALUES ($1, $2, pg_catalog.pg_backend_pid(), $3, $4, $5, $6, $7, "
		"$8, $9, $10, $11, $12, $13, $14, pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) "
		"pg_catalog.make_interval(secs => $15), pg_catalog.clock_timestamp()) "
		"ON CONFLICT (name) DO UPDATE SET trainer = excluded.trainer, pid = excluded.pid, "
		"lock = excluded.lock, started = excluded.started, phase = excluded.phase, "
		"n_rows = excluded.n_rows, network = excluded.network, n_networks = excluded.n_networks, "
		"step = excluded.step, done = excluded.done, planned = excluded.planned, "
		"train_loss = excluded.train_loss, validation_loss = excluded.validation_loss, "
		"rows_per_second = excluded.rows_per_second, estimated_end = excluded.estimated_end, "
		"updated = excluded.updated",
		&track->reference);

	if (at && at->trainer)
	{
		const AeTrainOptions *options = &at->model->options;

		rate = update_rate(track, at);
		left = seconds_left(at, rate);
		if (options->optimizer != AE_OPTIMIZER_LBFGS)
			rows = rate * Min((double) options->batch_size, (double) at->progress->n_train);
	}
	add_text(&write, GetUserNameFromId(GetUserId(), false));
	pgae_statement_add(&write, OIDOID, ObjectIdGetDatum(track->lock), false);
	pgae_statement_add(&write, TIMESTAMPTZOID, TimestampTzGetDatum(track->started), false);
	add_text(&write, phase);
	add_int8(&write, track->n_rows, track->n_rows == 0);
	add_int8(&write, at ? at->network : 0, at == NULL);
	add_int8(&write, at ? at->n_networks : 0, at == NULL);
	add_standing(&write, at);
	add_float8(&write, rows);
	/* intervals are limited, and nobody waits for a thousand years */
	add_float8(&write, left < 3e10 ? left : NAN);
	pgae_statement_run(&write);
}

void
pgae_track_phase(PgaeTrack *track, const char *phase, const PgaePosition *at)
{
	MemoryContext old;

	if (at && at->trainer)
	{
		track->network_seconds = pgae_position_seconds(at);
		track->network_update = at->progress->update;
	}
	if (!is_followed(track))
		return;
	old = begin_work(track);
	write_progress(track, phase, at);
	end_work(track, old);
	if (at)
		track->progress_at = pgae_position_seconds(at);
}

/* ---- checkpoints: writing ---- */

static uint32
state_crc(const State *state)
{
	size_t total = offsetof(State, bytes) + state->size;
	pg_crc32c crc;

	INIT_CRC32C(crc);
	for (size_t at = sizeof(uint32), n; at < total; at += n)
	{
		n = Min(AE_CHECK_BYTES, total - at);
		CHECK_FOR_INTERRUPTS();
		COMP_CRC32C(crc, (const char *) state + at, n);
	}
	FIN_CRC32C(crc);
	return crc;
}

/* Room for the state of the network's trainer, in the current context, or NULL. */
static State *
alloc_state(const PgaePosition *at, int flags)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  offsetof(State, bytes) + ae_trainer_saved_size(at->trainer),
									  MCXT_ALLOC_HUGE | flags);
}

/*
 * The state of the network's trainer, in the current context; NULL, with a warning, if there is no
 * memory for it.
 */
static State *
make_state(const PgaePosition *at)
{
	State *state = alloc_state(at, MCXT_ALLOC_NO_OOM);

	if (state == NULL)
	{
		ereport(WARNING, (errcode(ERRCODE_OUT_OF_MEMORY),
						  errmsg("could not write a checkpoint: no memory for %zu bytes",
								 ae_trainer_saved_size(at->trainer))));
		return NULL;
	}
	state->network = at->network;
	state->size = ae_trainer_saved_size(at->trainer);
	ae_trainer_save(state->bytes, at->trainer);
	state->crc = state_crc(state);
	return state;
}

/* A statement about a part of a state, which the caller sets as its third parameter. */
static PgaeStatement
about_part(const char *text, const PgaeTrack *track, uint32 network)
{
	PgaeStatement statement = pgae_statement_about(text, &track->reference);

	pgae_statement_add(&statement, INT4OID, Int32GetDatum((int32) network), false);
	pgae_statement_add(&statement, INT4OID, Int32GetDatum(0), false);
	return statement;
}

static void
write_state(const PgaeTrack *track, const State *state)
{
	PgaeStatement write =
		about_part("INSERT INTO ae.checkpoint_states (name, network, part, bytes) "
				   "VALUES ($1, $2, $3, $4) ON CONFLICT (name, network, part) "
				   "DO UPDATE SET bytes = excluded.bytes",
				   track, state->network);
	size_t total = offsetof(State, bytes) + state->size;
	bytea *part = palloc(VARHDRSZ + PART_BYTES);

	pgae_statement_add(&write, BYTEAOID, PointerGetDatum(part), false);
	pgae_statement_prepare(&write);
	for (size_t at = 0; at < total; at += PART_BYTES)
	{
		size_t n = Min(PART_BYTES, total - at);

		SET_VARSIZE(part, VARHDRSZ + n);
		memcpy(VARDATA(part), (const char *) state + at, n);
		write.values[2] = Int32GetDatum((int32) (at / PART_BYTES));
		pgae_statement_run(&write);
	}
	SPI_freeplan(write.plan);
}

static void
write_head(const PgaeTrack *track, const PgaePosition *at)
{
	PgaeStatement write = pgae_statement_about(
		"INSERT INTO ae.checkpoints (name, trainer, query, options, init, build, n_rows, digest, "
		"started, seconds, network, n_networks, step, done, planned, train_loss, validation_loss, "
		"saved) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
		"$17, pg_catalog.clock_timestamp()) ON CONFLICT (name) DO UPDATE SET "
		"trainer = excluded.trainer, query = excluded.query, options = excluded.options, "
		"init = excluded.init, build = excluded.build, n_rows = excluded.n_rows, "
		"digest = excluded.digest, started = excluded.started, seconds = excluded.seconds, "
		"network = excluded.network, n_networks = excluded.n_networks, step = excluded.step, "
		"done = excluded.done, planned = excluded.planned, train_loss = excluded.train_loss, "
		"validation_loss = excluded.validation_loss, saved = excluded.saved",
		&track->reference);
	bytea *digest = palloc(VARHDRSZ + sizeof track->digest);

	SET_VARSIZE(digest, VARHDRSZ + sizeof track->digest);
	memcpy(VARDATA(digest), track->digest, sizeof track->digest);
	add_text(&write, GetUserNameFromId(GetUserId(), false));
	add_text(&write, track->query);
	pgae_statement_add(&write, JSONBOID, PointerGetDatum(track->options), track->options == NULL);
	add_text(&write, track->init);
	add_text(&write, track->build);
	add_int8(&write, track->n_rows, false);
	pgae_statement_add(&write, BYTEAOID, PointerGetDatum(digest), false);
	pgae_statement_add(&write, TIMESTAMPTZOID, TimestampTzGetDatum(track->started), false);
	add_float8(&write, pgae_position_seconds(at));
	add_int8(&write, at->network, false);
	add_int8(&write, at->n_networks, false);
	add_standing(&write, at);
	pgae_statement_run(&write);
}

static void
delete_checkpoint(const PgaeReference *reference)
{
	PgaeStatement head = pgae_statement_about("DELETE FROM ae.checkpoints" ABOUT_NAME, reference);
	PgaeStatement states =
		pgae_statement_about("DELETE FROM ae.checkpoint_states" ABOUT_NAME, reference);

	pgae_statement_run(&head);
	pgae_statement_run(&states);
}

/* Writes a whole checkpoint within a transaction; false if there is no state. */
static bool
write_all(PgaeTrack *track, const PgaePosition *at)
{
	State *state = make_state(at);
	ListCell *cell;

	if (state == NULL)
		return false;
	/* what an earlier training left behind */
	if (!track->owns_checkpoint)
		delete_checkpoint(&track->reference);
	write_head(track, at);
	foreach (cell, track->ended)
		write_state(track, lfirst(cell));
	write_state(track, state);
	return true;
}

/* Whether an error means that a resource is exhausted, such as a full disk. */
static bool
is_shortage(int sqlstate)
{
	return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES ||
		   ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_SYSTEM_ERROR;
}

/* The same, but a shortage raises a warning, leaves the last checkpoint, and returns false. */
static bool
try_write(PgaeTrack *track, const PgaePosition *at)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(track->scratch);
	PG_TRY();
	{
		done = write_all(track, at);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(track->scratch);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (!is_shortage(error->sqlerrcode))
			ReThrowError(error);
		done = false;
		ereport(WARNING, (errcode(error->sqlerrcode),
						  errmsg("could not write a checkpoint: %s", error->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(track->scratch);
	CurrentResourceOwner = owner;
	return done;
}

static void
write_checkpoint(PgaeTrack *track, const PgaePosition *at)
{
	MemoryContext old = begin_work(track);
	double begin = pgae_position_seconds(at);
	bool done = try_write(track, at);

	write_progress(track, "training", at);
	end_work(track, old);
	if (done)
	{
		list_free_deep(track->ended);
		track->ended = NIL;
		track->owns_checkpoint = true;
	}
	track->progress_at = track->checkpoint_at = pgae_position_seconds(at);
	track->checkpoint_cost = track->checkpoint_at - begin;
}

static bool
checkpoint_is_due(const PgaeTrack *track, const PgaePosition *at, double now)
{
	return pgae_checkpoint_interval > 0 && !at->pretraining &&
		   now - track->checkpoint_at >=
			   Max(pgae_checkpoint_interval, COST_FACTOR * track->checkpoint_cost) &&
		   ae_trainer_at_rest(at->trainer);
}

void
pgae_track_step(PgaeTrack *track, const PgaePosition *at)
{
	double now = pgae_position_seconds(at);
	MemoryContext old;

	if (!is_followed(track))
		return;
	if (checkpoint_is_due(track, at, now))
		write_checkpoint(track, at);
	else if (now - track->progress_at >= PROGRESS_INTERVAL)
	{
		old = begin_work(track);
		write_progress(track, at->pretraining ? "pretraining" : "training", at);
		end_work(track, old);
		track->progress_at = now;
	}
}

void
pgae_track_ended(PgaeTrack *track, const PgaePosition *at)
{
	MemoryContext old;
	State *state;

	if (!pgae_track_keeps(track) || pgae_track_has_state(track, at))
		return;
	if (checkpoint_is_due(track, at, pgae_position_seconds(at)))
	{
		write_checkpoint(track, at);
		return;
	}
	/* for a large state, the last checkpoint is good enough: less than its interval is lost */
	if (ae_trainer_saved_size(at->trainer) > MAX_ENDED)
		return;
	old = MemoryContextSwitchTo(track->context);
	state = make_state(at);
	if (state)
		track->ended = lappend(track->ended, state);
	MemoryContextSwitchTo(old);
}

/* ---- checkpoints: reading ---- */

static void
refuse_corrupt(const PgaeReference *reference)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("the checkpoint of model %s is corrupt", pgae_quote_name(reference->name)),
			 errhint("Train it again with ae.train_model.")));
}

/* One column of the first row that a statement returned. */
static Datum
result(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/* The same as text, palloc'd; NULL for NULL. */
static char *
result_text(int column)
{
	bool isnull;
	Datum datum = result(column, &isnull);

	return isnull ? NULL : TextDatumGetCString(datum);
}

/* Finds the row of ae.checkpoints; false if there is none. */
static bool
find_checkpoint(const PgaeReference *reference)
{
	PgaeStatement find = pgae_statement_about(
		"SELECT trainer, query, options, init, build, n_rows, digest, started, "
		"seconds, saved::pg_catalog.text FROM ae.checkpoints" ABOUT_NAME,
		reference);

	return pgae_statement_run(&find) > 0;
}

/* Copies what find_checkpoint has found into a track and its context. */
static void
take_head(PgaeTrack *track)
{
	bool isnull;
	Datum options = result(3, &isnull), digest;
	size_t size;

	track->query = result_text(2);
	track->options = isnull ? NULL : DatumGetJsonbPCopy(options);
	track->init = result_text(4);
	track->n_rows = (uint64) DatumGetInt64(result(6, &isnull));
	digest = PointerGetDatum(PG_DETOAST_DATUM_PACKED(result(7, &isnull)));
	size = VARSIZE_ANY_EXHDR(DatumGetPointer(digest));
	if (size != sizeof track->digest)
		refuse_corrupt(&track->reference);
	memcpy(track->digest, VARDATA_ANY(DatumGetPointer(digest)), size);
	track->started = DatumGetTimestampTz(result(8, &isnull));
	track->seconds_before = DatumGetFloat8(result(9, &isnull));
}

/* Finds out which networks have a state. */
static void
find_states(PgaeTrack *track)
{
	PgaeStatement find = pgae_statement_about("SELECT network FROM ae.checkpoint_states" ABOUT_NAME,
											  &track->reference);
	uint64 n = pgae_statement_run(&find);

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		int32 network =
			DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		if (network >= 1 && network <= AE_MAX_MODELS)
			track->has_state[network - 1] = true;
	}
	SPI_freetuptable(SPI_tuptable);
}

bool
pgae_track_has_state(const PgaeTrack *track, const PgaePosition *at)
{
	return track->has_state[at->network - 1];
}

/* Assembles the parts of a state; raises 22P03 if they are too few bytes. */
static void
read_state(State *state, size_t total, const PgaeTrack *track, uint32 network)
{
	PgaeStatement read =
		about_part("SELECT bytes FROM ae.checkpoint_states" ABOUT_NAME
				   " AND network OPERATOR(pg_catalog.=) $2 AND part OPERATOR(pg_catalog.=) $3",
				   track, network);

	pgae_statement_prepare(&read);
	for (size_t at = 0; at < total; at += PART_BYTES)
	{
		size_t n = Min(PART_BYTES, total - at);
		bytea *part;
		bool isnull;

		read.values[2] = Int32GetDatum((int32) (at / PART_BYTES));
		if (pgae_statement_run(&read) != 1)
			refuse_corrupt(&track->reference);
		part = DatumGetByteaPP(result(1, &isnull));
		if (VARSIZE_ANY_EXHDR(part) != n)
			refuse_corrupt(&track->reference);
		memcpy((char *) state + at, VARDATA_ANY(part), n);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freeplan(read.plan);
}

void
pgae_track_restore(PgaeTrack *track, const PgaePosition *at)
{
	MemoryContext old = begin_work(track);
	uint32 network = at->network;
	size_t size = ae_trainer_saved_size(at->trainer);
	State *state = alloc_state(at, 0);
	AeError error;

	read_state(state, offsetof(State, bytes) + size, track, network);
	if (state->size != size || state->network != network || state->crc != state_crc(state))
		refuse_corrupt(&track->reference);
	if (ae_trainer_restore(at->trainer, state->bytes, size, &error) != AE_OK)
		refuse_corrupt(&track->reference);
	end_work(track, old);
	/* a network that is continued will end again, in another state */
	if (at->progress->state == AE_TRAIN_RUNNING)
		track->has_state[network - 1] = false;
}

/* ---- beginning ---- */

/* Identifies the build, in which alone a state can be restored. */
static char *
describe_build(void)
{
	return psprintf("ae %s, PostgreSQL %d, kernels %s, OpenBLAS %s", AE_VERSION, PG_VERSION_NUM,
					pgae_kernels()->name, pgae_blas_corename());
}

static PgaeTrack *
make_track(const PgaeReference *reference, bool may_commit)
{
	PgaeTrack *track = palloc0(sizeof(PgaeTrack));
	LOCKTAG tag;

	track->context = CurrentMemoryContext;
	track->scratch =
		AllocSetContextCreate(CurrentMemoryContext, "ae.train_model track", ALLOCSET_DEFAULT_SIZES);
	track->reference = *reference;
	track->may_commit = may_commit;
	make_tag(&tag, reference);
	track->lock = tag.locktag_field3;
	track->started = GetCurrentTimestamp();
	return track;
}

/* Says what happens to an interrupted training when another one begins. */
static void
meet_checkpoint(const PgaeReference *reference)
{
	const char *name = pgae_quote_name(reference->name);

	ereport(NOTICE, (errmsg("the interrupted training of model %s, saved at %s, will be replaced "
							"by the first checkpoint of this one",
							name, result_text(10)),
					 errhint("To continue that training instead, CALL ae.resume_training(%s).",
							 quote_literal_cstr(name))));
}

/*
 * Checks rights to a name before its lock is taken, so that a role without rights cannot keep
 * others waiting; checked again under the lock, when nothing can change. False if there is no
 * checkpoint.
 */
static bool
may_begin(const PgaeReference *reference)
{
	bool found = find_checkpoint(reference);

	if (found && !pgae_name_exists(reference->name) && !pgae_has_rights_of(result_text(1)))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("an interrupted training of model %s belongs to %s",
							   pgae_quote_name(reference->name), result_text(1))));
	return found;
}

static bool
may_drop(const PgaeReference *reference)
{
	bool found = find_checkpoint(reference);

	if (found && pgae_has_rights_of(result_text(1)))
		return true;
	if (found)
		pgae_check_owner(reference->name);
	else
		pgae_check_may_save(reference);
	return found;
}

static bool
may_resume(const PgaeReference *reference)
{
	char *trainer;

	if (!find_checkpoint(reference))
		return false;
	trainer = result_text(1);
	/* its query would run as the user who resumes it */
	if (strcmp(trainer, GetUserNameFromId(GetUserId(), false)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("the training of model %s was started by %s",
							   pgae_quote_name(reference->name), trainer),
						errhint("Resuming runs the query of that role: SET ROLE %s.",
								quote_identifier(trainer))));
	return true;
}

PgaeTrack *
pgae_track_begin(const PgaeReference *reference, char *query, Jsonb *options, char *init,
				 bool may_commit)
{
	PgaeTrack *track = make_track(reference, may_commit);

	track->query = query;
	track->options = options;
	track->init = init;
	track->build = describe_build();
	may_begin(reference);
	track->locked = take_lock(reference, may_commit);
	if (!track->locked && may_commit)
		ereport(NOTICE, (errmsg("another session is training model %s: this training has no "
								"checkpoints and is not shown in ae.training_progress",
								pgae_quote_name(reference->name))));
	if (track->locked && may_begin(reference))
		meet_checkpoint(reference);
	return track;
}

PgaeTrack *
pgae_track_resume(const PgaeReference *reference, bool may_commit)
{
	PgaeTrack *track = make_track(reference, may_commit);
	const char *name = pgae_quote_name(reference->name);
	char *build;

	may_resume(reference);
	track->locked = take_lock(reference, may_commit);
	if (!track->locked)
		refuse_running(reference);
	if (!may_resume(reference))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("there is no interrupted training of model %s", name),
						errhint("See ae.training_progress for interrupted trainings.")));
	build = result_text(5);
	track->build = describe_build();
	if (strcmp(build, track->build) != 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the checkpoint of model %s was written by another build", name),
						errdetail("It was written by %s, this is %s.", build, track->build),
						errhint("Train it again with ae.train_model.")));
	take_head(track);
	find_states(track);
	track->checkpoint_at = track->seconds_before;
	track->resumed = track->owns_checkpoint = true;
	return track;
}

void
pgae_track_rows(PgaeTrack *track, uint64 n, const uint64 digest[2])
{
	bool same = n == track->n_rows && memcmp(track->digest, digest, sizeof track->digest) == 0;

	if (track->resumed && !same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the training rows of model %s have changed since its checkpoint",
						pgae_quote_name(track->reference.name)),
				 n == track->n_rows
					 ? errdetail("There are " UINT64_FORMAT ", but not the same ones.", n)
					 : errdetail("There were " UINT64_FORMAT ", now there are " UINT64_FORMAT ".",
								 track->n_rows, n),
				 errhint("Train it again with ae.train_model.")));
	track->n_rows = n;
	memcpy(track->digest, digest, sizeof track->digest);
}

/* ---- end ---- */

void
pgae_track_finish(PgaeTrack *track)
{
	PgaeStatement forget =
		pgae_statement_about("DELETE FROM ae.trainings" ABOUT_NAME, &track->reference);

	if (!track->locked)
		return;
	delete_checkpoint(&track->reference);
	if (!track->may_commit)
		return;
	pgae_statement_run(&forget);
	pass_lock(&track->reference);
}

/* drop_training(name): deletes a checkpoint; false if there is none. */
Datum
pg_ae_drop_training(PG_FUNCTION_ARGS)
{
	PgaeReference reference;
	bool found;

	PreventCommandIfReadOnly("ae.drop_training");
	pgae_reference_name(&reference, PG_GETARG_TEXT_PP(0));
	SPI_connect();
	may_drop(&reference);
	if (!take_lock(&reference, false))
		refuse_running(&reference);
	found = may_drop(&reference);
	if (found)
		delete_checkpoint(&reference);
	SPI_finish();
	PG_RETURN_BOOL(found);
}
