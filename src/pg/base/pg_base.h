/*
 * pg_base.h: settings, libraries, errors and files: what everything else stands on.
 */
#ifndef PG_BASE_H
#define PG_BASE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
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

/* ---- pg_module.c: settings, and the libraries behind the engine ---- */
extern bool pgae_progress;              /* ae.progress: NOTICE per epoch at a readable pace */
extern bool pgae_nameless_rows;         /* ae.nameless_rows: match ROW(...) by position */
extern double pgae_checkpoint_interval; /* ae.checkpoint_interval: seconds; 0: none */
extern int pgae_cache_size; /* ae.cache_size: kB of parsed models that a session or a call keeps */
extern int pgae_batch_rows; /* ae.batch_rows: rows that a plan reads ahead; 0 or 1: none */
extern bool pgae_batch_always; /* ae.batch_always, for tests */
extern void pgae_define_settings(void);
extern const AeKernels *pgae_kernels(void);
extern const AeBlas *pgae_blas(void); /* loads OpenBLAS at first use, without threads */
extern void pgae_check_interrupts(void);
extern AeCompute pgae_compute(void); /* all three */
extern void pgae_blas_enter(void);   /* one BLAS thread from here ... */
extern void pgae_blas_leave(void);   /* ... to here, whatever else in the backend set */
extern const char *pgae_blas_corename(void);

/* ---- pg_digest.c ---- */
#define PGAE_SHA256_BYTES 32
/* SHA-256; checks for interrupts. */
extern void pgae_digest(uint8 digest[PGAE_SHA256_BYTES], const void *bytes, size_t length);

/* ---- pg_error.c: the only place that turns a status into SQLSTATE and sentence ---- */
/* The value of error->column that stands for the target. */
#define PGAE_TARGET_COLUMN INT_MAX
/* Raises ERROR; column names are taken from schema where error->column >= 0 (may be NULL). */
pg_noreturn extern void pgae_raise(const AeError *error, const AeSchema *schema);
/* The same, where there is one. */
extern void pgae_raise_unless_ok(AeStatus status, const AeError *error, const AeSchema *schema);

/* Model bytes, read into a context, without scorers. */
typedef struct PgaeModels
{
	uint32 n_folds;
	uint32 n_members;
	AeModel *models[AE_MAX_MODELS]; /* fold * n_members + member */
} PgaeModels;

/* ---- pg_text.c: names and levels of a model as text of the server ---- */

/*
 * A text of a model in the server's encoding, palloc'd. If that encoding lacks a character, or raw
 * bytes are not valid in it, returns NULL with missing_ok and raises 22P05 or 22021 otherwise. All
 * texts of a model are read through this function.
 */
extern char *pgae_model_text(const AeSchema *schema, const char *bytes, size_t len,
							 bool missing_ok);

/* The name of the target's column as the server's text, palloc'd. */
extern char *pgae_target_name(const AeSchema *schema);
/* The name of a source column as the server's text; '[i]' in a model of arrays. palloc'd. */
extern char *pgae_column_name(const AeSchema *schema, uint32 column);
/* The same of one value: 'name[i]' of an element of an array column. */
extern char *pgae_value_name(const AeSchema *schema, uint32 column);

/* ---- pg_json.c: JSON, written and named ---- */

/*
 * The key of the value that is appended next, after a comma if one is due; NULL for an element of
 * an array.
 */
extern void pgae_json_key(StringInfo out, const char *key);
extern void pgae_json_open(StringInfo out, const char *key, char bracket);
/* text: NULL for null. */
extern void pgae_json_text(StringInfo out, const char *key, const char *text);
extern void pgae_json_count(StringInfo out, const char *key, uint64 count);
extern void pgae_json_flag(StringInfo out, const char *key, bool flag);
/* All significant digits; null for numbers that JSON cannot express. */
extern void pgae_json_number(StringInfo out, const char *key, double number);
/* What messages call a JSON value. */
extern const char *pgae_json_phrase(const JsonbValue *value);

/* ---- pg_file.c: temporary files ---- */
typedef struct PgaeFile PgaeFile;

/*
 * Lives below context. With across_commits it outlives transactions and is closed by
 * pgae_file_close or when context is deleted. Otherwise the current resource owner closes it after
 * an error, and the caller must call pgae_file_close if there is none.
 */
extern PgaeFile *pgae_file_create(MemoryContext context, bool across_commits);
extern void pgae_file_close(PgaeFile *file);
extern uint64 pgae_file_size(const PgaeFile *file);
extern void pgae_file_append(PgaeFile *file, const void *bytes, size_t n);
/* Reads only what has been appended. */
extern void pgae_file_read(PgaeFile *file, void *bytes, size_t n, uint64 position);

/* ---- pg_query.c: queries that users give as text ---- */

/*
 * The query that an argument of that function means: its text without trailing semicolons, or all
 * of the table that it names, whose OID is stored in *named (may be NULL; InvalidOid for a query).
 * Raises 22023 if it is neither.
 */
extern char *pgae_query_of(char *text, const char *function, Oid *named);
/*
 * Runs a statement of ours around a checked query, with n parameters; the rows are left in
 * SPI_tuptable. The context of errors inside does not mention the statement.
 */
extern void pgae_run_quietly(const char *text, int n, Oid *types, Datum *values);

#define PGAE_ROWS_PER_FETCH 1000

/* A plan for a query that reads; 22023 for anything else.  Needs SPI to be connected. */
extern struct _SPI_plan *pgae_prepare_query(const char *query, const char *function);
/*
 * Runs a query; later statements of this SPI connection may read its rows as the column r of
 * ae_input. Call tuplestore_end on the store before SPI_finish.
 */
extern struct Tuplestorestate *pgae_name_rows(const char *query, const char *function);
/*
 * Does all of that for a set-returning function: returns the rows of a statement of ours, with n
 * parameters, that reads the rows of the query. The result is their number.
 */
extern uint64 pgae_set_of_query(ReturnSetInfo *result, const char *query, const char *function,
								const char *text, int n, Oid *types, Datum *values);

#endif
