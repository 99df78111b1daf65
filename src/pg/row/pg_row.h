/*
 * pg_row.h: converts rows to values and back: single values, levels of categories, the row codec,
 * and the rows of a training.
 */
#ifndef PG_ROW_H
#define PG_ROW_H

#include "pg_options.h"

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
	PGAE_CONV_ARRAY,   /* of numbers, or a type with an immutable cast to real[] */
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
	Oid cast;        /* function to real[], or InvalidOid */
	Oid output;      /* of PGAE_CONV_PRINTED */
	void *domain;    /* domain_check's own */
	bool undomained; /* values are made without asking domains */
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
 * Counts changes of casts and functions since the first pgae_watch_casts: a part made before the
 * last change must be made again.
 */
extern uint64 pgae_cast_changes;
extern void pgae_watch_casts(void);
/* Resolves domains; the conversion is PGAE_CONV_NONE for a type that has none. */
extern void pgae_part_init(PgaePart *part, int att, Oid type, int32 typmod);
/* The kind that a column of this type has unless told otherwise, or -1. */
extern int pgae_part_kind(const PgaePart *part);
extern bool pgae_part_can_be(const PgaePart *part, AeKind kind);
/* Whether its values are of type real. */
extern bool pgae_part_is_single(const PgaePart *part);
/* The type to cast to for a column of this kind, or an array of it. */
extern const char *pgae_usual_type(AeKind kind, bool is_array);
/* Bytes of one value in a training record: 8 double, 4 float or number of a level, 1 boolean. */
extern size_t pgae_part_stored(const PgaePart *part, AeKind kind);
/* The value of any datum except a text, enum, uuid or array; NaN and infinities are kept. */
extern double pgae_value_of(PgaeConv conv, Datum datum);
/* The text that is a category's level, in the server's encoding. */
extern void pgae_category_text(PgaeText *text, const PgaePart *part, Datum datum);
/* An array of part->element, detoasted; NULL if the cast to it returns NULL. */
extern ArrayType *pgae_part_array(const PgaePart *part, Datum datum);
/* The elements of an array, and which are NULL, both palloc'd; returns their number. */
extern int pgae_elements(Datum **elements, bool **nulls, ArrayType *array);
/*
 * A value as a datum: integers are rounded half to even and saturated, typmods and domains
 * enforced.
 */
extern Datum pgae_value_datum(PgaePart *part, double value, MemoryContext context);
/* Whether an enum still has that label; true for any other type. */
extern bool pgae_text_fits(const PgaePart *part, const char *text);
extern Datum pgae_text_datum(PgaePart *part, char *text, MemoryContext context);
/*
 * An array of n values; element i is that of own (an array of n elements) if kept[i], or NULL if
 * own is NULL.
 */
extern Datum pgae_array_datum(PgaePart *part, ArrayType *own, const double *values,
							  const bool *kept, int n, MemoryContext context);
/*
 * The part without its domains and the precision of a numeric, and with real[] in place of types
 * that are cast to it: for printing values that a row might not be allowed to hold.
 */
extern void pgae_part_plain(PgaePart *plain, const PgaePart *part);
/* The text of a value, as its type prints it. */
extern char *pgae_datum_text(const PgaePart *part, Datum datum);

/* ---- pg_voice.c: what a statement that trains many models says ---- */
typedef struct PgaeVoice PgaeVoice;

typedef enum PgaeNotice
{
	PGAE_NOTICE_ONE_NETWORK,
	PGAE_NOTICE_SMALLEST_P,
	PGAE_NOTICE_ONE_VALUE,
	PGAE_NOTICE_ALL_NULL,
	PGAE_NOTICE_COLUMNS, /* anything else about columns or the target */
	PGAE_NOTICE_LABELS,
	PGAE_NOTICE_VERDICTS,
	PGAE_NOTICE_OPTIONS,
	PGAE_NOTICE_DIVERGED,
	PGAE_NOTICE_NO_MODEL,
	PGAE_N_NOTICES
} PgaeNotice;

/*
 * One voice for all models of a statement; when context is deleted, it sums up the notices left
 * out.
 */
extern PgaeVoice *pgae_voice_create(MemoryContext context);
extern bool pgae_voice_begin(PgaeVoice *voice); /* begins another training; true for the first one
												 * */
extern void pgae_voice_end(PgaeVoice *voice);   /* all its rows have been read: it gets its number
												 * */
/*
 * Whether to raise the notice for the current model: true only for the first one that it applies
 * to.
 */
extern bool pgae_voice_may(PgaeVoice *voice, PgaeNotice notice);
extern bool pgae_voice_of_many(const PgaeVoice *voice);
/* "model 12: ", or an empty string if there is only one. */
extern const char *pgae_voice_prefix(const PgaeVoice *voice);

/* ---- pg_share.c: memory that many share, for what cannot go to disk ---- */

typedef struct PgaeShare
{
	size_t limit;
	size_t used;
	dlist_head holders; /* PgaeHolder.node */
} PgaeShare;

/*
 * A holder of part of a share, until its memory context is deleted; embedded in the holder's
 * struct.
 */
typedef struct PgaeHolder
{
	PgaeShare *share;
	size_t bytes; /* the first few kB of each holder are not counted in share->used */
	dlist_node node;
	MemoryContextCallback callback;
} PgaeHolder;

extern void pgae_holder_init(PgaeHolder *holder, PgaeShare *share, MemoryContext context);
/* Takes bytes of the share; returns false and takes nothing if that would exceed it. */
extern bool pgae_holder_take(PgaeHolder *holder, size_t bytes);
extern void pgae_holder_give_back(PgaeHolder *holder);
/* The memory that palloc uses for so many bytes. */
extern size_t pgae_chunk_bytes(size_t size);

/* ---- pg_level.c: levels of a category, from text to number ---- */
typedef struct PgaeLevels PgaeLevels;

extern PgaeLevels *pgae_levels_create(MemoryContext context, bool raw);
/*
 * Allows texts of that attribute (from 0) to be entered, with memory of that share; column must
 * live as long.
 */
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
/*
 * The hash of a level's bytes in UTF-8, whatever the server's encoding; of raw levels, as they are.
 */
extern uint64 pgae_level_hash(const PgaeLevels *levels, const char *text, size_t len);
/* The same for a level that has a number. */
extern uint64 pgae_levels_hash(const PgaeLevels *levels, int number);
extern bool pgae_levels_are_ascii(const PgaeLevels *levels);
/* Enters a model's levels that are missing; returns the number of each, palloc'd. */
extern int32 *pgae_levels_add_model(PgaeLevels *levels, const AeSchema *schema,
									const AeColumn *column);
extern char *pgae_level_text(const AeSchema *schema, const AeLevel *level, bool missing_ok);
/*
 * Sets column->levels, ->other and ->wide from counts[number]: the schema->max_levels most frequent
 * ones of the levels seen schema->min_frequency times or more.  Returns the index of each number in
 * the model, `other` being n_levels; both palloc'd.
 */
extern int32 *pgae_levels_choose(AeColumn *column, const PgaeLevels *levels, const uint64 *counts,
								 const AeSchema *schema);

/* ---- the row codec: a composite, array or jsonb datum to values and back (pg_codec.h) ---- */
typedef struct PgaeCodec PgaeCodec;

/* Roles of columns that are not inputs. */
typedef enum PgaeRole
{
	PGAE_ROLE_TARGET,
	PGAE_ROLE_FEEDBACK, /* true: a confirmed anomaly, false: a dismissed one */
	PGAE_ROLE_WEIGHT,   /* how many rows it counts as */
	PGAE_N_ROLES
} PgaeRole;

typedef struct PgaeRoleValue
{
	double value; /* as that of an AeColumn */
	bool missing;
} PgaeRoleValue;

/* The values of one row, one for each AeColumn: see ae_scaler.h. */
typedef struct PgaeRow
{
	double *values;
	bool *missing;
	bool any_missing;
	uint64 hash; /* of the row as it was given (ae_hash.h); in training, or for a crossed model */
	/*
	 * in training: the values with a role, and a hash that includes the target, which identifies
	 * records
	 */
	PgaeRoleValue roles[PGAE_N_ROLES];
	uint64 order;
} PgaeRow;

/* What a training has seen in a column, over all its rows. */
typedef struct PgaeSeen
{
	uint64 n; /* rows where it is not NULL */
	double first;
	double min, max;
	bool integer;        /* the column is of a type of integers */
	bool differs;        /* a value other than the first one was seen */
	bool differs_beyond; /* if not: a different one that is the same in double precision */
	Datum exact;         /* the first value, where that can be; else 0 */
} PgaeSeen;

/* The folds of a crossed model. */
#define PGAE_FOLDS 2

/*
 * A codec that finds the model's columns in rows of this type: in composites and jsonb objects by
 * name (in a RECORD with f1..fn by position), in arrays by length. The caller caches it; it
 * recompiles itself when a record's (typeid, typmod) changes. A crossed model has a schema for each
 * fold; they differ only in statistics and levels.
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
 * Prepares the codec to continue training a model: rows get a hash, and records get numbers of
 * levels, which pgae_codec_unpack turns into levels of a fold's schema.
 */
/*
 * Rows must have the column of the model's target too, and those of feedback and weights, if not
 * NULL.
 */
extern void pgae_codec_start_training(PgaeCodec *codec, char *feedback, char *weight);
extern void pgae_codec_set_fold(PgaeCodec *codec, unsigned fold);

/*
 * In training: returns true once the schema is complete. It must wait while no row has shown the
 * length of an array column; with force, such columns are left out.
 */
extern bool pgae_codec_prepare(PgaeCodec *codec, Datum row, bool force);
/*
 * Identifies the current definition of a composite row's type: the number changes when it is
 * altered.
 */
extern uint64 pgae_row_identifier(Datum row);
extern AeSchema *pgae_codec_schema(PgaeCodec *codec); /* NULL before it stands */

extern const PgaeSeen *pgae_codec_seen(const PgaeCodec *codec, uint32 column);
/*
 * In training: whether an infinite value of the row just read is a number beyond the range of
 * double precision. column: PGAE_TARGET_COLUMN for the target.
 */
extern bool pgae_codec_overflows(PgaeCodec *codec, Datum row, uint32 column);

/*
 * The values of one row, valid until the next call. Raises an error for wrong lengths, missing
 * columns and wrong types. In training, and with a crossed model, values of categories are the
 * codec's numbers of levels. With a crossed model, pgae_codec_choose then replaces them by levels
 * of a fold's schema; pgae_codec_others, called before it, returns the values with the levels of
 * another fold, valid as long.
 */
extern const PgaeRow *pgae_codec_read(PgaeCodec *codec, Datum row);
extern const double *pgae_codec_others(PgaeCodec *codec, unsigned fold);
extern void pgae_codec_choose(PgaeCodec *codec, unsigned fold);

/*
 * In scoring: the same for a row that may never be asked for. They raise no error, run no user's
 * code and compile nothing; they return NULL where pgae_codec_read would do so. The other forms
 * take a row of that type taken apart into n attributes, and the n elements of an array of that
 * element type (0 for NULL); the call's own row must have been read before.
 */
extern const PgaeRow *pgae_codec_peek(PgaeCodec *codec, Datum row);
extern const PgaeRow *pgae_codec_peek_apart(PgaeCodec *codec, Oid type, int n, const Datum *values,
											const bool *nulls);
extern const PgaeRow *pgae_codec_peek_numbers(PgaeCodec *codec, Oid type, int n,
											  const double *values, const bool *nulls);

/*
 * The row, in its own type, with the model's columns replaced by values: only those with
 * replace[n_columns], or all if it is NULL; other columns pass through. A column that was always
 * NULL in training and a level without a name stay as they are.
 */
/* Raises 0A000 for rows of jsonb, which cannot be formed. */
extern void pgae_codec_check_form(const PgaeCodec *codec);
extern Datum pgae_codec_form(PgaeCodec *codec, Datum row, const double *values,
							 const bool *replace);

/* From now on rows are formed without asking domains. */
extern void pgae_codec_leave_domains(PgaeCodec *codec);

/*
 * Which attributes have a value in the row, or a column of the model; palloc'd; NULL of rows that are
 * arrays.
 */
extern bool *pgae_codec_known(PgaeCodec *codec, Datum row);

/*
 * A row of NULLs of the codec's type, from which pgae_codec_form forms others; palloc'd. Raises
 * 42P18 for the type record, which has no columns of its own.
 */
extern Datum pgae_codec_empty_row(const PgaeCodec *codec);

/* Whether pgae_codec_form cannot fail: rows are arrays of numbers without domains. */
extern bool pgae_codec_forms_quietly(const PgaeCodec *codec);

/*
 * The source column that starts at values[column] as text: its value in the row, and that in
 * values; NULL stays NULL. pgae_codec_open reads the row that these calls refer to until another
 * one is read.
 */
extern void pgae_codec_open(PgaeCodec *codec, Datum row);
extern void pgae_codec_texts(PgaeCodec *codec, const double *values, uint32 column, char **actual,
							 char **expected);

/* The compact record of the row last read, for training. */
extern size_t pgae_codec_record_size(const PgaeCodec *codec);
extern void pgae_codec_pack(const PgaeCodec *codec, char *record);
/* The weight of a record; rows have weights. */
extern double pgae_codec_weight(const PgaeCodec *codec, const char *record);
extern const PgaeRow *pgae_codec_unpack(PgaeCodec *codec, const char *record);

/* In training: the levels of a category; what their numbers become, and whether they have tags. */
extern PgaeLevels *pgae_codec_levels(const PgaeCodec *codec, uint32 column);
extern void pgae_codec_map_levels(PgaeCodec *codec, uint32 column, const int32 *map, /* or NULL */
								  bool wide);

/* The same for the target, if it is a category; -1 in the map means no label. */
extern PgaeLevels *pgae_codec_target_levels(const PgaeCodec *codec);
extern void pgae_codec_map_target(PgaeCodec *codec, const int32 *map);

/* ---- pg_report.c: the progress of a statement that trains ---- */

/* Rows between two checks for interrupts: a few ms for the widest ones. */
#define PGAE_ROWS_PER_CHECK 16

/* What all trainings of an aggregate call have in common. */
typedef struct PgaeReport
{
	char *model; /* name of what is trained, or NULL */
	/* put before each phase, or empty: "model 12: " of many, "network 1 of 2, " */
	char which[32];
	char where[64];
	uint64 n_read;   /* rows */
	instr_time told; /* when it last reported, or began */
	char *activity;  /* the statement, as pg_stat_activity has it, ... */
	uint64 query_id; /* ... and its number */
	bool shown;      /* something else stands there */
} PgaeReport;

/* report is in context, and all 0. */
extern void pgae_report_begin(PgaeReport *report, MemoryContext context);
/* Ends the reports for now: pg_stat_activity shows the statement again. */
extern void pgae_report_end(PgaeReport *report);
/* Whether nothing has been reported for a second. */
extern bool pgae_report_is_due(const PgaeReport *report);
/* Reports text now, in pg_stat_activity and, with ae.progress, as a NOTICE. */
extern void pgae_report_tell(PgaeReport *report, const char *text);
/*
 * Checks for interrupts and reports, if that is due, how many rows of a phase are done; planned may
 * be 0.
 */
extern void pgae_report_step(PgaeReport *report, const char *phase, uint64 done, uint64 planned);

/* ---- pg_store.c: the rows of one training, in an order that depends on nothing else ---- */
typedef struct PgaeStore PgaeStore;
typedef struct PgaeBudget PgaeBudget;

/*
 * The memory that all groups of an aggregate call share for their records: half of
 * maintenance_work_mem.  fcinfo: a call of the transition function, whose fn_extra
 * keeps the budget until the end of the query.
 */
extern PgaeBudget *pgae_budget(FunctionCallInfo fcinfo);
/*
 * A budget for a training outside of an aggregate, in context. across_commits: its temporary files
 * outlive transactions, but not context.
 */
extern PgaeBudget *pgae_budget_create(MemoryContext context, bool across_commits);
extern PgaeReport *pgae_budget_report(PgaeBudget *budget);

/* Memory beside the budget that they share, for what cannot be moved to disk. */
typedef enum PgaeShareKind
{
	PGAE_SHARE_LEVELS,  /* of categories: the other half of maintenance_work_mem */
	PGAE_SHARE_WAITING, /* rows that wait for the schema and have no records yet: a quarter */
	PGAE_N_SHARES
} PgaeShareKind;

extern PgaeShare *pgae_budget_share(PgaeBudget *budget, PgaeShareKind kind);

/* The voice of the trainings of that call. */
extern PgaeVoice *pgae_budget_voice(const PgaeBudget *budget);

/* Keeps bytes on disk until pgae_budget_forget has been called as often; returns their position. */
extern uint64 pgae_budget_keep(PgaeBudget *budget, const void *bytes, size_t size);
extern void pgae_budget_kept(void *bytes, size_t size, PgaeBudget *budget, uint64 position);
extern void pgae_budget_forget(PgaeBudget *budget);

/*
 * An empty store for records of this size, in the current context.  Except after an error,
 * pgae_store_end must be called before the context is deleted.
 */
extern PgaeStore *pgae_store_begin(PgaeBudget *budget, size_t record_size, uint64 seed);
/* Where the caller writes the next record (not aligned); pgae_store_add then takes it. */
extern char *pgae_store_record(PgaeStore *store);
/* hash: of the record's content, without seed; decides the order, before the bytes. */
extern void pgae_store_add(PgaeStore *store, uint64 hash);
extern size_t pgae_store_count(const PgaeStore *store);
/* Bytes of records that other stores with the same budget have in memory. */
extern size_t pgae_store_others(const PgaeStore *store);
/* Adds a record of another store of the same aggregate call n times. */
extern void pgae_store_repeat(PgaeStore *into, const char *record, uint64 n);
/* Adds all records of another store of the same aggregate call, which is empty afterwards. */
extern void pgae_store_merge(PgaeStore *into, PgaeStore *from);
/* Ends the collection of rows and puts them into canonical order. */
extern void pgae_store_sort(PgaeStore *store);
extern void pgae_store_rewind(PgaeStore *store);
/* The next record in canonical order, valid until the next call; NULL at the end. */
extern const char *pgae_store_next(PgaeStore *store);
/*
 * The position of the k-th of n items picked evenly from `of`: equal rows are neighbours in a
 * store.
 */
extern size_t pgae_spread(size_t k, size_t n, size_t of);
/* Whether `at` is one of these positions. */
extern bool pgae_is_spread(size_t at, size_t n, size_t of);
/* The record at that position in a store of `of` rows; the last one read must be that of k - 1. */
extern const char *pgae_spread_record(PgaeStore *store, size_t k, size_t n, size_t of);
/* The sort key of a record from pgae_store_next: a hash of its content and the seed. */
extern uint64 pgae_store_key(const char *record);
/*
 * Scales every record into rows of cells: in memory if they fit into so many bytes, else in a
 * temporary file; cells: moments of every dense cell. n_held_out rows, picked evenly, come first.
 * rows stays valid until pgae_store_drop_rows.
 */
extern void pgae_store_scale(AeRows *rows, AeMoments *cells, PgaeStore *store, PgaeCodec *codec,
							 const AeSchema *schema, size_t n_held_out, size_t in_memory);
/* Copies the cells of rows first .. first + count - 1, from memory or the file. */
extern void pgae_store_read(const AeRows *rows, AeReal *out, size_t first, size_t count);
/* The same, and their labels; rows have a target. */
extern void pgae_store_read_labelled(const AeRows *rows, AeReal *out, AeReal *labels, size_t first,
									 size_t count);
/* Frees the scaled rows, or the records. */
extern void pgae_store_drop_rows(PgaeStore *store);
extern void pgae_store_end(PgaeStore *store);

#endif
