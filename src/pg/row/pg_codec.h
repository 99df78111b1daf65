/*
 * pg_codec.h: the internals of a row codec, for the files of this room that implement it:
 *
 *   pg_columns.c   finds columns in a row type by their names
 *   pg_codec.c     creates a codec, for a model or for a training
 *   pg_schema.c    builds the schema of a training from its first rows
 *   pg_compile.c   compiles the codec for a row type
 *   pg_json_row.c  takes rows of jsonb apart
 *   pg_read.c      rows to values
 *   pg_form.c      values to rows, and to texts
 *   pg_record.c    values to the records of a training, and back
 *
 * Other rooms know a codec by pg_row.h alone.
 *
 * A row is a composite value, an array of numbers, or jsonb; the engine wants one value per
 * AeColumn of the model, and returns such values.  The codec knows tuples and columns; only
 * pg_value.c knows what is in a datum.
 *
 * Whatever can be found out in advance is found out once: a codec is compiled for a row type into
 * one part per source column of the model (where it is, how it converts). It is compiled again when
 * rows of another type arrive.  A type is identified by (type, typmod) of the tuple and, for a
 * named type, by the identifier that the type cache assigns to each version of it: a type may be
 * altered while a query reads its rows, or while a PL/pgSQL expression keeps the codec.  The parts
 * know the casts of their types, so a changed cast or function also causes a new compilation.
 *
 * Composite rows are matched by column name; columns that the model does not know are ignored.
 * ROW(a, b, c) has no names to match: PostgreSQL calls its fields f1, f2, f3.  A RECORD with
 * exactly these names and as many fields as the model has columns is matched by position.  (A
 * subquery that names its columns f1 ... fn looks the same; in the model's own order both rules
 * agree.)  Arrays are matched by position and by length, also by a model whose columns have names,
 * if all of them are numbers.  JSON objects are matched by key: a missing key is NULL, as JSON
 * often leaves out what is missing. They are only for scoring.
 */
#ifndef PG_CODEC_H
#define PG_CODEC_H

#include "utils/typcache.h"

#include "pg_row.h"

/* A source column of the model. */
typedef struct PgaeSource
{
	uint32 first; /* AeColumn */
	uint32 n;     /* AeColumns: more than one for an array column */
	bool is_array;
	bool is_target; /* of the model: it has an AeColumn */
	AeKind kind;
	bool ignored;       /* when scoring: always NULL in training, so that its values do not matter
						 * */
	char *name;         /* in the server's encoding; NULL where the row is an array */
	PgaeLevels *levels; /* of a category */
	uint64 hash;        /* of the level last read */
	/* in scoring, for each fold: from the number of a level to the model's; in training [0] */
	const int32 *map[PGAE_FOLDS];
	int unknown[PGAE_FOLDS]; /* the value of a level that is not found */
	bool wide[PGAE_FOLDS];   /* values get the tag of their level */
} PgaeSource;

/*
 * The part in the hash of rows of a value that was always the same in training, or always NULL: the
 * same as then, whatever it is now, so that it does not choose another network.
 */
typedef struct PgaeFixed
{
	bool always;   /* else by its current value */
	bool null;     /* NULL in all rows */
	bool nullable; /* NULL in some */
	uint64 hash;   /* of the value: one word, or two for a category */
} PgaeFixed;

/* What was compiled for one row type. */
typedef struct PgaeRowPlan
{
	Oid type; /* InvalidOid if nothing is compiled */
	int32 typmod;
	const TypeCacheEntry *entry; /* NULL for RECORD: its typmods never change meaning */
	uint64 identifier;
	uint64 cast_changes;
	MemoryContext context;
	TupleDesc tupdesc;
	Datum *values;
	bool *nulls;
	PgaePart *parts;              /* one per source column */
	PgaePart roles[PGAE_N_ROLES]; /* where the codec has them */
} PgaeRowPlan;

struct PgaeCodec
{
	MemoryContext context;
	const PgaeOptions *options;          /* of a training, else NULL */
	PgaeShare *share;                    /* the same: of levels */
	PgaeVoice *voice;                    /* the same: what may be said */
	const AeSchema *schema;              /* NULL in training until it is complete */
	const AeSchema *schemas[PGAE_FOLDS]; /* of a crossed model */
	bool crossed;
	unsigned fold;    /* whose levels unpack returns */
	bool hashing;     /* rows need their hash */
	uint32 *words;    /* from which it is computed */
	double *others;   /* what pgae_codec_others returns; of a crossed model */
	PgaeSeen *seen;   /* by column; in a training from scratch, else NULL */
	PgaeFixed *fixed; /* by AeColumn; NULL in a training that does not start from a model */
	Oid argtype;      /* as the call declares it, domains included */
	bool is_array;    /* its rows are arrays: one source has all columns */
	bool is_json;
	bool learning;   /* new levels get numbers */
	bool undomained; /* rows are formed without asking domains: whoever asked for them does */
	void *argdomain; /* domain_check's own */
	PgaeSource *sources;
	uint32 n_sources;
	/* in training: the columns with a role that rows have; scoring needs none */
	PgaeSource roles[PGAE_N_ROLES];
	PgaeRow row;
	PgaeRowPlan plan;
	PgaePart array; /* of a model of arrays: the type of its rows */
	uint64 array_cast_changes;

	/* the record of a row: a bit for each missing value, then the values, and its weight */
	size_t *stored; /* bytes of each value */
	size_t *offset;
	size_t record_size;

	/*
	 * before the schema is complete: the chosen attributes, and by attribute the length of an
	 * array, 0 if it is not an array, -1 if not known
	 */
	uint64 chosen_of; /* the row type that they belong to (pgae_row_identifier) */
	int *chosen;
	int n_chosen;
	int *lengths;
};

/* Whether rows have a column of that role. */
static inline bool
pgae_has_role(const PgaeCodec *codec, PgaeRole role)
{
	return codec->roles[role].name != NULL;
}

/* ---- pg_columns.c ---- */

/* What messages call a column of each kind. */
extern const char *const pgae_kind_phrase[AE_KIND_COUNT];

extern int pgae_find_attribute(TupleDesc tupdesc, const char *name, bool unique);
extern const char *pgae_nearest_attribute(TupleDesc tupdesc, const char *name,
										  const PgaeCodec *codec);
extern bool pgae_is_anonymous(TupleDesc tupdesc);
extern void pgae_refuse_nameless(TupleDesc tupdesc);
extern void pgae_refuse_array(const ArrayType *array, uint32 n, const char *name, bool training);

/* ---- pg_codec.c ---- */
extern void pgae_codec_check_argument(PgaeCodec *codec);
extern void pgae_codec_alloc_row(PgaeCodec *codec, uint32 n_values, uint32 n_sources);
extern void pgae_codec_lay_out_record(PgaeCodec *codec, const size_t *stored);
extern void pgae_codec_take_feedback(PgaeCodec *codec, char *name);
extern void pgae_codec_take_weight(PgaeCodec *codec, char *name);
extern uint32 pgae_source_at(const PgaeCodec *codec, uint32 column);
extern double pgae_fold_level(const PgaeSource *source, unsigned fold, double number);

/* ---- pg_json_row.c ---- */

/*
 * Takes a row of jsonb apart into the plan's values and nulls, one per source, and gives its parts
 * the types of these values. Returns the row, detoasted.
 */
extern struct varlena *pgae_codec_open_json(PgaeCodec *codec, Datum row);

/* ---- pg_schema.c ---- */
extern void pgae_codec_learn_array(PgaeCodec *codec, int n);

/* ---- pg_compile.c ---- */
extern bool pgae_codec_plan_fits(const PgaeCodec *codec, Oid type, int32 typmod);
extern void *pgae_codec_open_row(PgaeCodec *codec, Datum row);

#endif
