/*
 * pg_ae.h: what the files of the binding share, grouped by the file that
 * defines it.  The binding knows tables, not gradients: of the engine it includes
 * status, net, train, model, scaler and score headers only.
 */
#ifndef PG_AE_H
#define PG_AE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/jsonb.h"

#include "ae_model.h"
#include "ae_score.h"
#include "ae_train.h"
#include "pg_compat.h"

#define AE_VERSION "0.1.0"

/* ---- pg_module.c: settings, and the libraries behind the engine ---- */
extern char *pgae_kernels_setting; /* ae.kernels: auto, generic, avx2, avx512 */
extern bool pgae_progress;         /* ae.progress: NOTICE per epoch at a readable pace */
extern const AeKernels *pgae_kernels(void);
extern const AeBlas *pgae_blas(void); /* loads OpenBLAS at first use, without threads */
extern void pgae_blas_enter(void);    /* one BLAS thread from here ... */
extern void pgae_blas_leave(void);    /* ... to here, whatever else in the backend set */
extern const char *pgae_blas_corename(void);

/* ---- pg_error.c: the only place that turns a status into SQLSTATE and sentence ---- */
/* Raises ERROR; column names are taken from schema where error->column >= 0 (may be NULL). */
pg_noreturn extern void pgae_raise(const AeError *error, const AeSchema *schema);

/* ---- pg_options.c: jsonb to a job ---- */
typedef struct PgaeOptions
{
	List *columns; /* of char *, or NIL: all */
	List *exclude; /* of char * */
	bool purpose_set;
	AePurpose purpose;
	int code;     /* 0: not given */
	int n_hidden; /* -1: not given */
	int hidden[AE_MAX_LAYERS];
	int n_decoder; /* -1: mirror */
	int decoder[AE_MAX_LAYERS];
	int activation; /* AeActivation, or -1: by purpose */
	int code_activation;
	int output_activation;
	int loss;            /* AeLoss, or -1 */
	int scaling;         /* AeScaling, or -1 */
	bool validation_set; /* train.validation was given */
	bool patience_set;
	bool length_set; /* train.epochs or train.updates was given */
	/* fields not given hold a negative number (or UINT64_MAX / UINT32_MAX) until resolved */
	AeTrainOptions train;
} PgaeOptions;

/* Parses and checks everything that can be checked without rows. options may be NULL: {}. */
extern PgaeOptions *pgae_options_parse(Jsonb *options);

/*
 * Fills in defaults once the columns and rows are known: purpose, widths,
 * activations, loss, scaling, lengths; writes model->purpose, loss, net
 * (without blocks), schema.scaling and options.  n_inputs = inputs that vary.
 * init: the model that training starts from, or NULL.
 */
extern void pgae_options_resolve(AeModel *model, const PgaeOptions *options, const AeModel *init,
								 size_t n_inputs, size_t n_rows);

/* Refuses options that contradict the model that training starts from. */
extern void pgae_options_check_init(const PgaeOptions *options, const AeModel *init);

/* ---- pg_row.c: the row codec: a composite or array datum to fields and back ---- */
typedef struct PgaeCodec PgaeCodec;

/*
 * A codec that finds the model's columns in rows of this type: composites by
 * name (RECORD with f1..fn by position), arrays by length.  Cached by the caller;
 * it recompiles itself when a record's (typeid, typmod) changes.
 */
extern PgaeCodec *pgae_codec_create(const AeSchema *schema, Oid argtype, MemoryContext context);

/*
 * A codec for training: takes every usable column of the type, or columns /
 * exclude; builds the schema (names, kinds) of it in context at the first row.
 */
extern PgaeCodec *pgae_codec_create_training(const PgaeOptions *options, Oid argtype,
											 MemoryContext context);
extern AeSchema *pgae_codec_schema(PgaeCodec *codec); /* NULL before the first row */

/* fields[n_columns] of one row.  Raises for NULLs, wrong lengths, missing columns. */
extern const double *pgae_codec_fields(PgaeCodec *codec, Datum row);

/* The row with the model's columns replaced by fields; other columns pass through. */
extern Datum pgae_codec_form(PgaeCodec *codec, Datum row, const double *fields);

/* Compact record of a row for training: 4 bytes for smallint and real, 1 for boolean, else 8. */
extern size_t pgae_codec_record_size(const PgaeCodec *codec);
extern void pgae_codec_pack(const PgaeCodec *codec, char *record, const double *fields);
extern void pgae_codec_unpack(const PgaeCodec *codec, double *fields, const char *record);

/* A column's name as the server's text; '[i]' in a model of arrays. palloc'd. */
extern char *pgae_column_name(const AeSchema *schema, uint32 column);

/* ---- pg_store.c: the rows of one training, in an order that is theirs alone ---- */
typedef struct PgaeStore PgaeStore;

/* An empty store for records of this size; lives in the current context. */
extern PgaeStore *pgae_store_begin(size_t record_size, uint64 seed);
/* Where the caller writes the next record; pgae_store_add then takes it. */
extern char *pgae_store_record(PgaeStore *store);
extern void pgae_store_add(PgaeStore *store);
extern size_t pgae_store_count(const PgaeStore *store);
/* No more rows: puts them into canonical order. */
extern void pgae_store_sort(PgaeStore *store);
extern void pgae_store_rewind(PgaeStore *store);
/* The next record in canonical order, valid until the next call; NULL at the end. */
extern const char *pgae_store_next(PgaeStore *store);
/*
 * Scales every record into rows of inputs, in memory or in a temporary file,
 * and lets the records go.  rows stays valid until pgae_store_end.
 */
extern void pgae_store_scale(AeRows *rows, PgaeStore *store, const PgaeCodec *codec,
							 const AeSchema *schema);
/* Copies rows first .. first + count - 1, wherever they are. */
extern void pgae_store_read(const AeRows *rows, AeReal *out, size_t first, size_t count);
extern void pgae_store_end(PgaeStore *store);

/* ---- pg_cache.c: parsed models in fn_extra ---- */
typedef struct PgaeCached
{
	AeModel model;
	AeScorer scorer;  /* batch 1 */
	PgaeCodec *codec; /* NULL until a row is seen */
	Oid codec_type;
	MemoryContext context;
} PgaeCached;

/* The model in argument argno of a call, parsed once; raises 22P03 for bad bytes. */
extern PgaeCached *pgae_cached_model(FunctionCallInfo fcinfo, int argno);

/* Reads model bytes into context (no scorer, no codec). */
extern AeModel *pgae_read_model(struct varlena *bytes, MemoryContext context);

#endif
