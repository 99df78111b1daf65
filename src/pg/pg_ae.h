/*
 * pg_ae.h: what the files of the binding share, grouped by the file that
 * defines it.  The binding knows tables, not gradients: of the engine it includes
 * status, net, train, model, scaler and score headers only.
 */
#ifndef PG_AE_H
#define PG_AE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "ae_model.h"
#include "ae_pretrain.h"
#include "ae_score.h"
#include "ae_target.h"
#include "ae_train.h"
#include "pg_compat.h"
#include "pg_options.h"

/* ---- pg_module.c: settings, and the libraries behind the engine ---- */
extern char *pgae_kernels_setting;      /* ae.kernels: auto, generic, avx2, avx512 */
extern bool pgae_progress;              /* ae.progress: NOTICE per epoch at a readable pace */
extern bool pgae_nameless_rows;         /* ae.nameless_rows: match ROW(...) by position */
extern double pgae_checkpoint_interval; /* ae.checkpoint_interval: seconds; 0: none */
extern int pgae_cache_size; /* ae.cache_size: kB of parsed models that a session or a call keeps */
extern const AeKernels *pgae_kernels(void);
extern const AeBlas *pgae_blas(void); /* loads OpenBLAS at first use, without threads */
extern AeCompute pgae_compute(void);  /* both, and CHECK_FOR_INTERRUPTS */
extern void pgae_blas_enter(void);    /* one BLAS thread from here ... */
extern void pgae_blas_leave(void);    /* ... to here, whatever else in the backend set */
extern const char *pgae_blas_corename(void);

/* ---- pg_error.c: the only place that turns a status into SQLSTATE and sentence ---- */
/* What error->column is of the target. */
#define PGAE_TARGET_COLUMN INT_MAX
/* Raises ERROR; column names are taken from schema where error->column >= 0 (may be NULL). */
pg_noreturn extern void pgae_raise(const AeError *error, const AeSchema *schema);

/* Model bytes, read into a context, without scorers. */
struct PgaeModels
{
	uint32 n_folds;
	uint32 n_members;
	AeModel *models[AE_MAX_MODELS]; /* fold * n_members + member */
};

/* ---- pg_text.c: names and levels of a model as text of the server ---- */

/*
 * A text of a model in the server's encoding, palloc'd.  Where that lacks a character, or raw bytes
 * are not valid in it: NULL if missing_ok, else 22P05 or 22021.  No other way leads out of a model.
 */
extern char *pgae_model_text(const AeSchema *schema, const char *bytes, size_t len,
							 bool missing_ok);

/* The name of the target's column as the server's text, palloc'd. */
extern char *pgae_target_name(const AeSchema *schema);
/* The name of a source column as the server's text; '[i]' in a model of arrays. palloc'd. */
extern char *pgae_column_name(const AeSchema *schema, uint32 column);
/* The same of one value: 'name[i]' of an element of an array column. */
extern char *pgae_value_name(const AeSchema *schema, uint32 column);

/* ---- pg_value.c: one datum to a value or the text of a level, and back ---- */
typedef enum PgaeConv
{
	PGAE_CONV_INT2,
	PGAE_CONV_INT4,
	PGAE_CONV_INT8,
	PGAE_CONV_FLOAT4,
	PGAE_CONV_FLOAT8,
	PGAE_CONV_NUMERIC,
	PGAE_CONV_MONEY,
	PGAE_CONV_INTERVAL,
	PGAE_CONV_BOOL,
	PGAE_CONV_DATE,
	PGAE_CONV_TIME,
	PGAE_CONV_TIMESTAMP,
	PGAE_CONV_TIMESTAMPTZ,
	PGAE_CONV_TEXT,
	PGAE_CONV_VARCHAR,
	PGAE_CONV_BPCHAR,
	PGAE_CONV_NAME,
	PGAE_CONV_CHAR,
	PGAE_CONV_ENUM,
	PGAE_CONV_UUID,
	PGAE_CONV_PRINTED, /* a type whose output function is immutable */
	PGAE_CONV_ARRAY,   /* of numbers, or what an immutable cast makes real[] of */
	PGAE_CONV_COUNT,
	PGAE_CONV_NONE = -1
} PgaeConv;

/* One source column, as found in rows of some type. */
typedef struct PgaePart
{
	int att; /* 0-based in the row's descriptor; unused for arrays */
	PgaeConv conv;
	Oid type;         /* as declared */
	Oid base;         /* below domains */
	int32 typmod;     /* of the base type */
	PgaeConv element; /* of an array */
	Oid element_type;
	Oid cast;     /* function to real[], or InvalidOid */
	Oid output;   /* of PGAE_CONV_PRINTED */
	void *domain; /* domain_check's own */
} PgaePart;

/* A text that lies in a datum, or in buffer. */
typedef struct PgaeText
{
	const char *data;
	size_t len;
	void *detoasted; /* to be freed, or NULL */
	char buffer[NAMEDATALEN];
} PgaeText;

/*
 * Counts changes of casts and functions, from the first pgae_watch_casts on: a part that was made before the
 * last one must be made again.
 */
extern uint64 pgae_cast_changes;
extern void pgae_watch_casts(void);
/* Resolves domains; a type that no conversion exists for gives PGAE_CONV_NONE. */
extern void pgae_part_init(PgaePart *part, int att, Oid type, int32 typmod);
/* The kind that a column of this type has unless told otherwise, or -1. */
extern int pgae_part_kind(const PgaePart *part);
extern bool pgae_part_can_be(const PgaePart *part, AeKind kind);
/* A type that is such a kind, or such an array, to be written into a cast. */
extern const char *pgae_usual_type(AeKind kind, bool is_array);
/* Bytes of one value in a training record: 8 double, 4 float or number of a level, 1 boolean. */
extern size_t pgae_part_stored(const PgaePart *part, AeKind kind);
/* Of whatever is not text, enum, uuid or array; NaN and infinities come through. */
extern double pgae_value_of(PgaeConv conv, Datum datum);
extern int64 pgae_integer_of(PgaeConv conv, Datum datum);
/* The text that is a category's level, in the server's encoding. */
extern void pgae_category_text(PgaeText *text, const PgaePart *part, Datum datum);
/* An array of part->element, detoasted; NULL where the cast to it gives NULL. */
extern ArrayType *pgae_part_array(const PgaePart *part, Datum datum);
/* The way back: integers half to even and saturated, typmods and domains enforced. */
extern Datum pgae_value_datum(PgaePart *part, double value, MemoryContext context);
/* Whether an enum has that label still; true for any other type. */
extern bool pgae_text_fits(const PgaePart *part, const char *text);
extern Datum pgae_text_datum(PgaePart *part, char *text, MemoryContext context);
/*
 * An array of n values; where kept[i], of the element of own, its array of n elements, as it
 * stands there: own NULL: NULL.
 */
extern Datum pgae_array_datum(PgaePart *part, ArrayType *own, const double *values,
							  const bool *kept, int n, MemoryContext context);
/*
 * To print values that no row may have: the part without its domains, without the precision of
 * a numeric, and with real[] for what is cast to it.
 */
extern void pgae_part_plain(PgaePart *plain, const PgaePart *part);
/* As its type prints it. */
extern char *pgae_datum_text(const PgaePart *part, Datum datum);

/* ---- pg_voice.c: what a statement that trains many models says ---- */
typedef struct PgaeVoice PgaeVoice;

typedef enum PgaeNotice
{
	PGAE_NOTICE_ONE_NETWORK,
	PGAE_NOTICE_SMALLEST_P,
	PGAE_NOTICE_ONE_VALUE,
	PGAE_NOTICE_ALL_NULL,
	PGAE_NOTICE_COLUMNS, /* what else there is to say of columns, and of the target */
	PGAE_NOTICE_LABELS,
	PGAE_NOTICE_OPTIONS,
	PGAE_NOTICE_DIVERGED,
	PGAE_NOTICE_NO_MODEL,
	PGAE_N_NOTICES
} PgaeNotice;

/* One for all models of a statement; when context goes, it sums up what it did not say. */
extern PgaeVoice *pgae_voice_create(MemoryContext context);
extern bool pgae_voice_begin(PgaeVoice *voice); /* another training; true: it is the first */
extern void pgae_voice_end(PgaeVoice *voice);   /* all its rows are there: it gets its number */
/* Whether that is said of the model at hand: of the first one that it is about. */
extern bool pgae_voice_may(PgaeVoice *voice, PgaeNotice notice);
extern bool pgae_voice_of_many(const PgaeVoice *voice);
/* "model 12: ", or nothing where it is the only one. */
extern const char *pgae_voice_prefix(const PgaeVoice *voice);

/* ---- pg_share.c: memory that many share, for what cannot go to disk ---- */

typedef struct PgaeShare
{
	size_t limit;
	size_t used;
	dlist_head holders; /* PgaeHolder.node */
} PgaeShare;

/* Who holds some of a share, until its memory context goes; embedded in what it is. */
typedef struct PgaeHolder
{
	PgaeShare *share;
	size_t bytes; /* the first few kB of each holder are not counted in share->used */
	dlist_node node;
	MemoryContextCallback callback;
} PgaeHolder;

extern void pgae_holder_init(PgaeHolder *holder, PgaeShare *share, MemoryContext context);
/* False, and nothing taken, where the share would be exceeded. */
extern bool pgae_holder_take(PgaeHolder *holder, size_t bytes);
extern void pgae_holder_give_back(PgaeHolder *holder);
/* What palloc takes for so many bytes. */
extern size_t pgae_chunk_bytes(size_t size);

/* ---- pg_level.c: levels of a category, from text to number ---- */
typedef struct PgaeLevels PgaeLevels;

extern PgaeLevels *pgae_levels_create(MemoryContext context, bool raw);
/* Lets texts of that attribute (from 0) be entered, out of that share; column must live as long. */
extern void pgae_levels_start_learning(PgaeLevels *levels, PgaeShare *share, const char *column,
									   int att);
/* The number of a level, or -1. */
extern int pgae_levels_find(const PgaeLevels *levels, const char *text, size_t len);
/*
 * The same; a new level gets the next number.  54000 when the levels of all columns and groups
 * of the call take too much memory.
 */
extern int pgae_levels_enter(PgaeLevels *levels, const char *text, size_t len);
extern int pgae_levels_count(const PgaeLevels *levels);
/* The text of a level by its number, not terminated. */
extern const char *pgae_levels_text(const PgaeLevels *levels, int number, size_t *len);
/* Of a level's bytes in UTF-8, whatever the server's encoding; of raw levels as they are. */
extern uint64 pgae_level_hash(const PgaeLevels *levels, const char *text, size_t len);
/* The same of a level that has a number. */
extern uint64 pgae_levels_hash(const PgaeLevels *levels, int number);
extern bool pgae_levels_are_ascii(const PgaeLevels *levels);
/* Enters a model's levels that are not there; returns the number of each, palloc'd. */
extern int32 *pgae_levels_add_model(PgaeLevels *levels, const AeSchema *schema,
									const AeColumn *column);
extern char *pgae_level_text(const AeSchema *schema, const AeLevel *level, bool missing_ok);
/*
 * Sets column->levels, ->other and ->wide from counts[number]: of the levels seen
 * schema->min_frequency times or more the schema->max_levels most frequent.  Returns the index of
 * each number in the model, `other` being n_levels; both palloc'd.
 */
extern int32 *pgae_levels_choose(AeColumn *column, const PgaeLevels *levels, const uint64 *counts,
								 const AeSchema *schema);

/* ---- pg_row.c: the row codec: a composite or array datum to values and back ---- */
typedef struct PgaeCodec PgaeCodec;

/* The values of one row, one for each AeColumn: see ae_scaler.h. */
typedef struct PgaeRow
{
	double *values;
	bool *missing;
	bool any_missing;
	uint64 hash; /* of the row as it is given (ae_hash.h); in training, or of a crossed model */
	/* in training: the value of the target, and a hash of it too, which tells records apart */
	double target;
	bool target_missing;
	uint64 order;
} PgaeRow;

/* What a training has seen of a column, over all its rows. */
typedef struct PgaeSeen
{
	uint64 n; /* rows where it is not NULL */
	double first;
	bool differs;        /* another value than the first one was there */
	bool differs_beyond; /* if not: another one that is the same in double precision */
	Datum exact;         /* the first value, where that can be; else 0 */
} PgaeSeen;

/* The folds of a crossed model. */
#define PGAE_FOLDS 2

/*
 * A codec that finds the model's columns in rows of this type: composites by
 * name (RECORD with f1..fn by position), arrays by length.  Cached by the caller;
 * it recompiles itself when a record's (typeid, typmod) changes.  A crossed model has a
 * schema for each fold, which agree in all but statistics and levels.
 */
extern PgaeCodec *pgae_codec_create(const AeSchema *const *schemas, int n_schemas, Oid argtype,
									MemoryContext context);

/*
 * A codec for training: takes every usable column of the type, or columns / exclude; builds
 * the schema (names, kinds, scalings) in context.
 */
extern PgaeCodec *pgae_codec_create_training(const PgaeOptions *options, Oid argtype,
											 PgaeShare *share, PgaeVoice *voice,
											 MemoryContext context);

/*
 * To go on training a model: rows get a hash, and records the numbers of levels, of which
 * pgae_codec_unpack makes levels of the schema of a fold.
 */
/* Rows must have the column of the model's target too. */
extern void pgae_codec_start_training(PgaeCodec *codec);
extern void pgae_codec_set_fold(PgaeCodec *codec, unsigned fold);

/*
 * In training: true once the schema stands.  An array column whose length no row has told yet
 * makes it wait; force: such columns are left out.
 */
extern bool pgae_codec_prepare(PgaeCodec *codec, Datum row, bool force);
/* What the type of a composite row is now: another number once it has been altered. */
extern uint64 pgae_row_identifier(Datum row);
extern AeSchema *pgae_codec_schema(PgaeCodec *codec); /* NULL before it stands */

extern const PgaeSeen *pgae_codec_seen(const PgaeCodec *codec, uint32 column);
/*
 * In training: whether an infinite value in a row just read is a number beyond double precision.
 * column: PGAE_TARGET_COLUMN for the target.
 */
extern bool pgae_codec_overflows(PgaeCodec *codec, Datum row, uint32 column);

/*
 * The values of one row, good until the next call.  Raises for wrong lengths, missing columns,
 * wrong types.  In training, and of a crossed model, categories are numbers of levels; of a
 * crossed model pgae_codec_choose then makes levels of the schema of a fold of them.
 */
extern const PgaeRow *pgae_codec_read(PgaeCodec *codec, Datum row);
extern void pgae_codec_choose(PgaeCodec *codec, unsigned fold);

/*
 * The row, of its own type, with the model's columns replaced by values, those of
 * replace[n_columns] alone or all; other columns pass through.  A column of no value at all,
 * and a level without a name, stay as they are.
 */
extern Datum pgae_codec_form(PgaeCodec *codec, Datum row, const double *values,
							 const bool *replace);

/*
 * The source column that starts at values[column] as text: as it stands in the row, and as
 * values have it.  NULL for what is NULL.  pgae_codec_open reads the row that all calls are
 * about, until another one is read.
 */
extern void pgae_codec_open(PgaeCodec *codec, Datum row);
extern void pgae_codec_texts(PgaeCodec *codec, const double *values, uint32 column, char **actual,
							 char **expected);

/* Compact record of the row last read, for training. */
extern size_t pgae_codec_record_size(const PgaeCodec *codec);
extern void pgae_codec_pack(const PgaeCodec *codec, char *record);
extern const PgaeRow *pgae_codec_unpack(PgaeCodec *codec, const char *record);

/* In training: the levels of a category; what their numbers become, and if they have tags. */
extern PgaeLevels *pgae_codec_levels(const PgaeCodec *codec, uint32 column);
extern void pgae_codec_map_levels(PgaeCodec *codec, uint32 column, const int32 *map, /* or NULL */
								  bool wide);

/* The same of the target, where it is a category; a map to -1: no label. */
extern PgaeLevels *pgae_codec_target_levels(const PgaeCodec *codec);
extern void pgae_codec_map_target(PgaeCodec *codec, const int32 *map);

/* ---- pg_file.c: temporary files ---- */
typedef struct PgaeFile PgaeFile;

/*
 * Lives below context.  across_commits: it outlives transactions, and is closed by pgae_file_close
 * or when context goes; else the current resource owner closes it after an error, and
 * pgae_file_close must be called without one.
 */
extern PgaeFile *pgae_file_create(MemoryContext context, bool across_commits);
extern void pgae_file_close(PgaeFile *file);
extern uint64 pgae_file_size(const PgaeFile *file);
extern void pgae_file_append(PgaeFile *file, const void *bytes, size_t n);
/* What is read must have been appended. */
extern void pgae_file_read(PgaeFile *file, void *bytes, size_t n, uint64 position);

/* ---- pg_report.c: how far a statement that trains is ---- */

/* What all trainings of an aggregate call have in common. */
typedef struct PgaeReport
{
	char *model; /* name of what is trained, or NULL */
	/* said before each phase, or nothing: "model 12: " of many, "network 1 of 2, " */
	char which[32];
	char where[64];
	uint64 n_read;   /* rows */
	instr_time told; /* when something was said, or when it began */
	char *activity;  /* the statement, as pg_stat_activity has it */
	bool shown;      /* something else stands there */
} PgaeReport;

/* report is in context, and all 0. */
extern void pgae_report_begin(PgaeReport *report, MemoryContext context);
/* Nothing more for now: pg_stat_activity shows the statement again. */
extern void pgae_report_end(PgaeReport *report);
/* Whether nothing was said for a second. */
extern bool pgae_report_is_due(const PgaeReport *report);
/* Says text now, in pg_stat_activity and, with ae.progress, as a NOTICE. */
extern void pgae_report_tell(PgaeReport *report, const char *text);
/* A look at interrupts; says, if that is due, how many rows of a phase are done; planned may be 0.
 */
extern void pgae_report_step(PgaeReport *report, const char *phase, uint64 done, uint64 planned);

/* ---- pg_store.c: the rows of one training, in an order that is theirs alone ---- */
typedef struct PgaeStore PgaeStore;
typedef struct PgaeBudget PgaeBudget;

/*
 * The memory that all groups of an aggregate call share for their records: half of
 * maintenance_work_mem.  fcinfo: a call of the transition function, whose fn_extra
 * keeps the budget until the end of the query.
 */
extern PgaeBudget *pgae_budget(FunctionCallInfo fcinfo);
/*
 * One for a training outside of an aggregate, in context.  across_commits: its temporary files
 * outlive transactions, but not context.
 */
extern PgaeBudget *pgae_budget_create(MemoryContext context, bool across_commits);
extern PgaeReport *pgae_budget_report(PgaeBudget *budget);

/* Memory that they share beside it, for what cannot go to disk. */
typedef enum PgaeShareKind
{
	PGAE_SHARE_LEVELS,  /* of categories: the other half of maintenance_work_mem */
	PGAE_SHARE_WAITING, /* rows that wait for the schema, of which no records are: a quarter */
	PGAE_N_SHARES
} PgaeShareKind;

extern PgaeShare *pgae_budget_share(PgaeBudget *budget, PgaeShareKind kind);

/* What the trainings of that call say. */
extern PgaeVoice *pgae_budget_voice(const PgaeBudget *budget);

/* Keeps bytes on disk until pgae_budget_forget is called as often; returns where. */
extern uint64 pgae_budget_keep(PgaeBudget *budget, const void *bytes, size_t size);
extern void pgae_budget_kept(void *bytes, size_t size, PgaeBudget *budget, uint64 position);
extern void pgae_budget_forget(PgaeBudget *budget);

/*
 * An empty store for records of this size; lives in the current context, and must be
 * given to pgae_store_end before that is deleted, but for an error.
 */
extern PgaeStore *pgae_store_begin(PgaeBudget *budget, size_t record_size, uint64 seed);
/* Where the caller writes the next record (not aligned); pgae_store_add then takes it. */
extern char *pgae_store_record(PgaeStore *store);
/* hash: of the record's content, without seed; decides the order, before the bytes. */
extern void pgae_store_add(PgaeStore *store, uint64 hash);
extern size_t pgae_store_count(const PgaeStore *store);
/* Bytes of records that other stores with the same budget have in memory. */
extern size_t pgae_store_others(const PgaeStore *store);
/* Takes all records of another store of the same aggregate call, which ends empty. */
extern void pgae_store_merge(PgaeStore *into, PgaeStore *from);
/* No more rows: puts them into canonical order. */
extern void pgae_store_sort(PgaeStore *store);
extern void pgae_store_rewind(PgaeStore *store);
/* The next record in canonical order, valid until the next call; NULL at the end. */
extern const char *pgae_store_next(PgaeStore *store);
/* What a record that pgae_store_next gave is sorted by: a hash of its content and the seed. */
extern uint64 pgae_store_key(const char *record);
/*
 * Scales every record into rows of cells, in memory where they take so many bytes at most, or in a
 * temporary file; cells: moments of every dense cell.  rows stays valid until pgae_store_drop_rows.
 */
extern void pgae_store_scale(AeRows *rows, AeMoments *cells, PgaeStore *store, PgaeCodec *codec,
							 const AeSchema *schema, size_t in_memory);
/* Copies the cells of rows first .. first + count - 1, wherever they are. */
extern void pgae_store_read(const AeRows *rows, AeReal *out, size_t first, size_t count);
/* The same, and their labels; rows have a target. */
extern void pgae_store_read_labelled(const AeRows *rows, AeReal *out, AeReal *labels, size_t first,
									 size_t count);
/* Lets go of the scaled rows, or of the records. */
extern void pgae_store_drop_rows(PgaeStore *store);
extern void pgae_store_end(PgaeStore *store);

/* ---- pg_position.c: where a training stands ---- */

typedef struct PgaePosition
{
	const instr_time *start; /* of this session's part */
	double seconds_before;   /* until it was interrupted */
	uint32 network;          /* being trained, from 1 on */
	uint32 n_networks;
	bool pretraining;
	const AeModel *model;       /* being trained; its options are resolved */
	AeTrainer *trainer;         /* NULL between two networks */
	const AeProgress *progress; /* of the trainer */
} PgaePosition;

/* Seconds since the training began, those before it was interrupted included. */
extern double pgae_position_seconds(const PgaePosition *at);
/* What a training counts: "epoch", "update", "iteration"; how many are done, and planned. */
extern const char *pgae_position_step(const PgaePosition *at, uint64 *done, uint64 *planned);

/* ---- pg_job.c: from sorted rows to trained networks ---- */
typedef struct PgaeTrack PgaeTrack; /* pg_track.c */

typedef struct PgaeJob
{
	/* set by the caller */
	const PgaeOptions *options;
	PgaeCodec *codec;
	PgaeStore *store;                    /* rows to train on */
	PgaeStore *unseen;                   /* rows of the other fold, or NULL */
	const AeModel *init[AE_MAX_MEMBERS]; /* models to start from, or NULL */
	const instr_time *start;
	PgaeVoice *voice;
	PgaeTrack *track; /* who is told how far it is, or NULL */
	PgaeReport *report;
	uint32 n_members;
	uint32 number; /* of the first member among all networks */
	uint32 n_networks;
	/* what comes out */
	size_t n_rows;
	AeModel *models; /* n_members */
	double *scores;  /* raw scores of the rows that calibrate, the mean of the members' */
	size_t n_scores;
	bool scores_unseen; /* of rows that training did not see */
	/* where the job stands */
	uint32 member;
	uint32 pretraining; /* layer of the encoder that is pretrained, from 1 on; 0: none */
	AeModel *model;     /* of that member */
	AeRows rows;
	AeTrainer *trainer;
	void *trainer_block;
	const AeProgress *progress;
	AeProgress outcome;   /* progress when the trainer is gone; without its history */
	double last_report;   /* of this network: seconds since start, ... */
	uint64_t last_update; /* ... and updates by then */
} PgaeJob;

/* Trains all members.  False where no column varies.  Everything is in the current context. */
extern bool pgae_job_run(PgaeJob *job);
/* The calibration of the jobs of all folds together, which the first model of the first has. */
extern void pgae_jobs_calibrate(PgaeJob **jobs, uint32 n_jobs);

/* ---- pg_look.c: what is said of columns ---- */

/* NOTICEs of columns that no network can use, and why; of a training from scratch. */
extern void pgae_notice_columns(const PgaeCodec *codec, const AeSchema *schema,
								const PgaeOptions *options, size_t n_rows, PgaeVoice *voice);
/* Of others that these networks cannot use; once their columns are measured. */
extern void pgae_notice_network(const PgaeJob *job);
/* Of categories whose texts look like something else; likewise. */
extern void pgae_notice_texts(const PgaeJob *job);

/* ---- pg_train.c: one training ---- */
typedef struct PgaeTraining PgaeTraining;

/*
 * Options may be NULL; init: bytes of a model to start from, or NULL.  Everything is in a context
 * below parent, and files are open until the end or pgae_training_shut_down.
 */
extern PgaeTraining *pgae_training_begin(Jsonb *options, struct varlena *init, Oid row_type,
										 PgaeBudget *budget, MemoryContext parent);
/* Its progress goes there from then on. */
extern void pgae_training_follow(PgaeTraining *training, PgaeTrack *track);
/* Takes a row of that type, which must not be NULL. */
extern void pgae_training_add(PgaeTraining *training, Datum row);
/*
 * No more rows.  The last step that runs code of users or reads what may be toasted, so the last
 * that needs a snapshot.
 */
extern void pgae_training_close_rows(PgaeTraining *training);
/* Model bytes in the current context; NULL, with a message, where there is nothing to learn. */
extern bytea *pgae_training_end(PgaeTraining *training);
/* Closes files; may be called at any time, and twice. */
extern void pgae_training_shut_down(PgaeTraining *training);

/* ---- pg_reference.c: the type ae.model ---- */

/* Bytes of a model's SHA-256 that a reference repeats. */
#define PGAE_DIGEST_BYTES 4

/* One version of a named model, or, with version 0, the newest. */
typedef struct PgaeReference
{
	char name[NAMEDATALEN]; /* zeros behind it */
	int32 version;
	bool has_digest;
	uint8 digest[PGAE_DIGEST_BYTES]; /* the first bytes of that of the model; zeros if not known */
} PgaeReference;

/*
 * fraud, fraud@3 or fraud@3#1a2b3c4d, names as identifiers.  22P02 for what is none, 42622 for a
 * name over 63 bytes; false where such an error was saved in escontext (NULL: raised).
 */
extern bool pgae_reference_parse(PgaeReference *reference, const char *text, Node *escontext);
/* The same of an argument that is a name without a version. */
extern void pgae_reference_name(PgaeReference *reference, const text *argument);
/* As it is stored and printed, "a.b"@3#1a2b3c4d, and as a message names it, "a.b"@3; palloc'd. */
extern char *pgae_reference_text(const PgaeReference *reference);
extern char *pgae_version_text(const PgaeReference *reference);
extern char *pgae_quote_name(const char *name);
/* The datum of type ae.model, of a version whose digest is known, and back. */
extern Datum pgae_reference_datum(const PgaeReference *reference);
extern void pgae_reference_read(PgaeReference *reference, Datum datum);

/* ---- pg_models.c: the tables of named models, as they are read ---- */

/* A row of ae.models, until it is closed. */
typedef struct PgaeStored
{
	Relation relation;
	SysScanDesc scan;
	struct varlena *model;  /* as it is stored, toasted or not */
	struct varlena *digest; /* SHA-256 of the bytes, as stored */
} PgaeStored;

/*
 * 42704 with the nearest name, or the versions there are; 55000 for a version of another digest, or
 * for a table that was altered.
 */
extern void pgae_stored_open(PgaeStored *stored, const PgaeReference *reference);
extern void pgae_stored_close(PgaeStored *stored);
/* The version that a row of ae.models is. */
extern void pgae_reference_of_row(PgaeReference *reference, HeapTuple tuple);
/* Whether there is one of that digest. */
extern bool pgae_version_exists(const PgaeReference *reference);
/*
 * Fills in what a reference leaves open, the version (the newest) or its digest, from what snapshot
 * sees (NULL: the latest commits); else as next.
 */
extern bool pgae_resolve(PgaeReference *reference, Snapshot snapshot, Node *escontext);
/* Sets the digest to that of these bytes. */
extern void pgae_reference_set_digest(PgaeReference *reference, const struct varlena *model);
/* Raises that there is no such model, or saves that in escontext and returns false. */
extern bool pgae_refuse_unknown(const PgaeReference *reference, Node *escontext);
extern bool pgae_name_exists(const char *name);
/* A table of the extension, or an index of one. */
extern Oid pgae_table(const char *name);
/*
 * The owner of ae.models, and of names whose owner is no more; 55000 if it is not the extension's.
 */
extern Oid pgae_tables_owner(void);
/* 42501 unless the current user has the rights of the owner of a name; ... */
extern void pgae_check_owner(const char *name);
/* ... unless it has these, or SELECT on ae.models. */
extern void pgae_check_readable(const char *name);
/*
 * Whether the current user has the rights of a role; of one that is no more, the owner of
 * ae.models.
 */
extern bool pgae_has_rights_of(const char *role);
/* Whether a model argument is declared as ae.model rather than bytea. */
extern bool pgae_argument_is_reference(FunctionCallInfo fcinfo, int argno);
/*
 * The bytes of a model argument of either type, detoasted.  to_be_seen: the caller learns what
 * is in the model, and must be allowed to.
 */
extern struct varlena *pgae_model_bytes(FunctionCallInfo fcinfo, int argno, bool to_be_seen);
extern struct varlena *pgae_version_bytes(const PgaeReference *reference, bool to_be_seen);

/* ---- pg_uses.c: stored expressions that mention a version ---- */

/* 2BP01, naming the objects, if there are any that mention that version (0: any of them). */
extern void pgae_refuse_if_used(const PgaeReference *reference);

/* ---- pg_named.c: what is written to the tables ---- */

#define PGAE_MAX_PARAMETERS 20

/* A statement and its parameters. */
typedef struct PgaeStatement
{
	const char *text;
	int n;
	Oid types[PGAE_MAX_PARAMETERS];
	Datum values[PGAE_MAX_PARAMETERS];
	char nulls[PGAE_MAX_PARAMETERS + 1];
	struct _SPI_plan *plan; /* NULL until pgae_statement_prepare */
} PgaeStatement;

/* A statement about a name, its first parameter. */
extern PgaeStatement pgae_statement_about(const char *text, const PgaeReference *reference);
extern void pgae_statement_add(PgaeStatement *statement, Oid type, Datum value, bool isnull);
/*
 * Runs it as the owner of the tables; returns how many rows it gave or changed.  Needs SPI to be
 * connected.
 */
extern uint64 pgae_statement_run(const PgaeStatement *statement);
/* For one that runs many times, with other values; its plan is to be given to SPI_freeplan. */
extern void pgae_statement_prepare(PgaeStatement *statement);

/* 42501 unless the current user may save versions of a name. */
extern void pgae_check_may_save(const PgaeReference *reference);
/*
 * Saves bytes as the next version of a name, which *reference then means; query: that they were
 * trained on, or NULL.  Needs SPI to be connected.  22004 for no bytes, 22P03, 42501.
 */
extern void pgae_save_version(PgaeReference *reference, struct varlena *bytes, const char *query);

/* ---- pg_track.c: a training under a name: what others see of it, and its checkpoints ---- */

/* A training to be followed; everything in it outlives transactions. */
struct PgaeTrack
{
	MemoryContext context; /* of what lasts */
	MemoryContext scratch; /* of one statement */
	PgaeReference reference;
	bool may_commit; /* else nothing is written before the end */
	bool locked;     /* no other session trains that name */
	uint32 lock;
	/* what a checkpoint says of the training */
	char *query;
	Jsonb *options; /* or NULL */
	char *init;     /* reference, or NULL */
	char *build;
	uint64 n_rows;
	uint8 digest[16]; /* of the rows and their columns */
	TimestampTz started;
	double seconds_before; /* until it was interrupted */
	/* one that goes on: which networks the checkpoint has */
	bool resumed;
	bool has_state[AE_MAX_MODELS];
	/* when what was last written, and how long a checkpoint took: seconds of the training */
	double progress_at;
	double checkpoint_at;
	double checkpoint_cost;
	bool owns_checkpoint; /* the row in ae.checkpoints is of this training */
	List *ended;          /* states of networks that ended after the last checkpoint */
	/* where the network being trained began, for its rate */
	double network_seconds;
	uint64 network_update;
};

/*
 * Begins to follow a training of a name that the caller may save.  query, options, init: as given,
 * to be found again by pgae_track_resume.  Needs SPI to be connected.  In the current context.
 */
extern PgaeTrack *pgae_track_begin(const PgaeReference *reference, char *query, Jsonb *options,
								   char *init, bool may_commit);
/*
 * The same from the checkpoint of a name.  42704 where there is none, 42501 for whoever did not
 * begin it, 55006 while another session trains it, 55000 for one of another build.
 */
extern PgaeTrack *pgae_track_resume(const PgaeReference *reference, bool may_commit);
/* The rows are known; 55000 where a checkpoint is of others. */
extern void pgae_track_rows(PgaeTrack *track, uint64 n, const uint64 digest[2]);
/* Written at once, for others to see; at: NULL before there is a network. */
extern void pgae_track_phase(PgaeTrack *track, const char *phase, const PgaePosition *at);
/* Whether the checkpoint has a state of the network, and puts it into its trainer. */
extern bool pgae_track_has_state(const PgaeTrack *track, const PgaePosition *at);
extern void pgae_track_restore(PgaeTrack *track, const PgaePosition *at);
/* After each step of a trainer: writes what is due. */
extern void pgae_track_step(PgaeTrack *track, const PgaePosition *at);
/* The trainer has ended and will be gone. */
extern void pgae_track_ended(PgaeTrack *track, const PgaePosition *at);
/* Forgets it in this transaction, which saves the model. */
extern void pgae_track_finish(PgaeTrack *track);

/* ---- pg_parse.c: from the bytes of a model to what can be asked and scored ---- */

/* One network, ready to score a row. */
typedef struct PgaeUnit
{
	AeModel model;
	AeScorer scorer; /* batch 1 */
} PgaeUnit;

typedef struct PgaeCached
{
	uint32 n_folds;
	uint32 n_members;
	PgaeUnit *units;  /* fold * n_members + member */
	PgaeUnit *unit;   /* the first one of the fold of the row last seen */
	PgaeCodec *codec; /* NULL until a row is seen */
	uint32 checksum;  /* of the bytes: tells models apart */
	MemoryContext context;
	Size shared_bytes; /* of networks that lie elsewhere */
} PgaeCached;

/* Fills cached, whose context is set, from bytes, which may be toasted.  22P03. */
extern void pgae_parse_model(PgaeCached *cached, struct varlena *bytes);

/*
 * The models in bytes, which may be packed, compressed or toasted, for whoever does not score.
 * Everything is in context.  22P03 for bytes that are no model.
 */
extern PgaeModels *pgae_read_models(struct varlena *bytes, MemoryContext context);

/* ---- pg_cache.c: parsed models in fn_extra ---- */

/* The model in argument argno of a call, parsed once; raises 22P03 for bad bytes. */
extern PgaeCached *pgae_cached_model(FunctionCallInfo fcinfo, int argno);

/* ---- pg_session.c: parsed models of names, for as long as the session ---- */

/*
 * Fills cached, whose context is set, with the model that a reference means; its networks belong
 * to the session and stay until that context goes.  42704, 22P03.
 */
extern void pgae_session_model(PgaeCached *cached, const PgaeReference *reference);

/* ---- pg_score.c: a model and a row ---- */

/* Why a row has no error of its own. */
typedef enum PgaeSight
{
	PGAE_SEEN,      /* it has: scorer.cells hold the row */
	PGAE_INFINITE,  /* a value is NaN or infinite: its error is Infinity */
	PGAE_UNOBSERVED /* every column of the model that varies is NULL: NULL */
} PgaeSight;

/*
 * Makes the result of a set-returning function a tuplestore with the columns that the call
 * expects.  InitMaterializedSRF asks the catalogue for them, and what that allocates stays until
 * the end of the statement, call for call.
 */
extern ReturnSetInfo *pgae_begin_set(FunctionCallInfo fcinfo);
/*
 * The model in argument argno, the cells of its unit filled from the row in the argument after it.
 */
extern PgaeCached *pgae_see_row(FunctionCallInfo fcinfo, int argno, const PgaeRow **row,
								PgaeSight *sight);

/* The mean error and raw score, over the networks of its fold, of a row just seen. */
extern void pgae_score_seen(double *error, double *raw, PgaeCached *cached, PgaeSight sight);

/* ---- pg_query.c: queries that users give as text ---- */

/*
 * The query that an argument of that function means: its text without semicolons at the end, or
 * all of the table that it names.  22023 for what is neither.
 */
extern char *pgae_query_of(char *text, const char *function);
/*
 * Runs a statement of ours around a query that was checked, with n parameters; its rows are in
 * SPI_tuptable.  Errors inside have no mention of the statement in their context.
 */
extern void pgae_run_quietly(const char *text, int n, Oid *types, Datum *values);

#define PGAE_ROWS_PER_FETCH 1000

/* A plan for a query that reads; 22023 for anything else.  Needs SPI to be connected. */
extern struct _SPI_plan *pgae_prepare_query(const char *query, const char *function);
/*
 * Runs a query; statements of this connection of SPI may then read its rows, the column r of
 * ae_input.  The store is to be given to tuplestore_end before SPI_finish.
 */
extern struct Tuplestorestate *pgae_name_rows(const char *query, const char *function);

#endif
