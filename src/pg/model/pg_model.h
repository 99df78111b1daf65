/*
 * pg_model.h: models from bytes, by reference, and from the tables of named models.
 */
#ifndef PG_MODEL_H
#define PG_MODEL_H

#include "ae_bundle.h"
#include "ae_format.h"
#include "pg_row.h"

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
 * fraud, fraud@3 or fraud@3#1a2b3c4d, with names written like identifiers. Raises 22P02 for
 * anything else and 42622 for a name over 63 bytes; with an escontext, saves the error there and
 * returns false.
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

/* ---- pg_named_read.c: the tables of named models, as they are read ---- */

/* A row of ae.models, until it is closed. */
typedef struct PgaeStored
{
	Relation relation;
	SysScanDesc scan;
	struct varlena *model;  /* as it is stored, toasted or not */
	struct varlena *digest; /* SHA-256 of the bytes, as stored */
} PgaeStored;

/*
 * Raises 42704 with the nearest name or the existing versions, and 55000 if the version has another
 * digest or the table was altered.
 */
extern void pgae_stored_open(PgaeStored *stored, const PgaeReference *reference);
extern void pgae_stored_close(PgaeStored *stored);
/* The version that a row of ae.models is. */
extern void pgae_reference_of_row(PgaeReference *reference, HeapTuple tuple);
/* Whether there is a version with that digest. */
extern bool pgae_version_exists(const PgaeReference *reference);
/*
 * Fills in what a reference leaves open, the version (the newest) or its digest, as snapshot sees
 * it (NULL: the latest commits); errors as below.
 */
extern bool pgae_resolve(PgaeReference *reference, Snapshot snapshot, Node *escontext);
/* Sets the digest to that of these bytes. */
extern void pgae_reference_set_digest(PgaeReference *reference, const struct varlena *model);
/* Raises the error that the model does not exist, or saves it in escontext and returns false. */
extern bool pgae_refuse_unknown(const PgaeReference *reference, Node *escontext);
extern bool pgae_name_exists(const char *name);
/* A table of the extension, or an index of one. */
extern Oid pgae_table(const char *name);
/*
 * The owner of ae.models, and of names whose owner no longer exists; 55000 if the table is not the
 * extension's.
 */
extern Oid pgae_tables_owner(void);
/* 42501 unless the current user has the rights of the owner of a name. */
extern void pgae_check_owner(const char *name);
/*
 * Whether the current user has the rights of a role; the owner of ae.models replaces a role that no
 * longer exists.
 */
extern bool pgae_has_rights_of(const char *role);
/* Whether a model argument is declared as ae.model rather than bytea. */
extern bool pgae_argument_is_reference(FunctionCallInfo fcinfo, int argno);
/*
 * The bytes of a model argument of either type, detoasted. to_be_seen: the caller learns what is in
 * the model and must be allowed to.
 */
extern struct varlena *pgae_model_bytes(FunctionCallInfo fcinfo, int argno, bool to_be_seen);
extern struct varlena *pgae_version_bytes(const PgaeReference *reference, bool to_be_seen);

/* ---- pg_uses.c: stored expressions that mention a version ---- */

/* Raises 2BP01, naming the objects, if any mention that version (0: any version). */
extern void pgae_refuse_if_used(const PgaeReference *reference);

/* ---- pg_named_write.c: what is written to the tables ---- */

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
 * Runs it as the owner of the tables; returns the number of rows it returned or changed.  Needs SPI
 * to be connected.
 */
extern uint64 pgae_statement_run(const PgaeStatement *statement);
/* For a statement that runs many times, with other values; free its plan with SPI_freeplan. */
extern void pgae_statement_prepare(PgaeStatement *statement);

/* 42501 unless the current user may save versions of a name. */
extern void pgae_check_may_save(const PgaeReference *reference);
/*
 * Saves bytes as the next version of a name, which *reference means afterwards; query: the one that
 * they were trained on, or NULL. Needs SPI to be connected. Raises 22004 if bytes is NULL, 22P03,
 * 42501.
 */
extern void pgae_save_version(PgaeReference *reference, struct varlena *bytes, const char *query);

/* ---- pg_parse.c: from the bytes of a model to what can be asked and scored ---- */

/* A model whose weights are packed: read-only, so that any number of calls may share it. */
typedef struct PgaeParsed
{
	AeBundle bundle;
	bool has_digest; /* it is known: whoever looks at the bytes for it fills it in */
	uint8 digest[PGAE_SHA256_BYTES];
} PgaeParsed;

/* The model in bytes, which may be toasted; everything in context.  22P03. */
extern void pgae_parse_model(PgaeParsed *parsed, struct varlena *bytes, MemoryContext context);

/*
 * The models in bytes, which may be packed, compressed or toasted, for callers that do not score.
 * Everything is in context. Raises 22P03 for bytes that are not a model.
 */
extern PgaeModels *pgae_read_models(struct varlena *bytes, MemoryContext context);

/* ---- pg_figures.c: figures of a model that several reports show ---- */

/* The models of argument 0 of a call that shows their contents, read into the current context. */
extern PgaeModels *pgae_models_argument(FunctionCallInfo fcinfo);
extern uint32 pgae_n_networks(const PgaeModels *models);
/* The first network of a fold. */
extern const AeModel *pgae_fold_model(const PgaeModels *models, uint32 f);
/* Rows that were trained on or held out, of all folds. */
extern uint64 pgae_n_rows(const PgaeModels *models);
/* Rows with a label, among those that the model's columns were measured on. */
extern uint64 pgae_n_labelled_rows(const PgaeModels *models);
/* The mean over all networks of a double, at that offset in AeModel. */
extern double pgae_mean_of(const PgaeModels *models, size_t offset);
extern double pgae_weight_penalty(const PgaeModels *models); /* the same for the penalty of the
															  * weights */
/*
 * Log posterior of the weights given the training rows, over all networks, up to a constant: rows
 * times the mean loss stands for -log p(rows | weights), rows times the penalty for -log p(weights)
 * (ae_prior.h).
 */
extern double pgae_log_posterior(const PgaeModels *models);
/*
 * A calibration score that about that share of the scores reaches or exceeds; NaN if there are
 * none. Thinned tables return the next larger score that they kept.
 */
extern double pgae_upper_quantile(const PgaeModels *models, double share);
extern uint32_t pgae_code_width(const AeModel *model);
extern uint32_t pgae_n_sources(const AeSchema *schema);
/* The scaling that all numbers and times share, or NULL if they differ. */
extern const char *pgae_common_scaling(const AeSchema *schema);

/* ---- pg_describe.c: ae.describe ---- */
extern Datum pgae_describe(struct varlena *bytes); /* jsonb */

#endif
