/*
 * pg_compat.h: one spelling for PostgreSQL 13 to 19, that of the newest.
 *
 * Every test of PG_VERSION_NUM stands here.  Include it after postgres.h; it knows
 * nothing of the extension.
 */
#ifndef PG_COMPAT_H
#define PG_COMPAT_H

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#if PG_VERSION_NUM < 130000
#error "ae needs PostgreSQL 13 or newer"
#endif

/* ---- 19 ---- */

/* The last arguments of the planner hook. */
#if PG_VERSION_NUM >= 190000
#define PGAE_PLANNER_PARAMETERS , struct ExplainState *explain
#define PGAE_PLANNER_ARGUMENTS , explain
#else
#define PGAE_PLANNER_PARAMETERS
#define PGAE_PLANNER_ARGUMENTS

/* A descriptor was ready once its columns were. */
#define TupleDescFinalize(tupdesc) ((void) (tupdesc))

#endif

/* ---- 18 ---- */
#if PG_VERSION_NUM < 180000

/* Goes before `extern`. */
#define pg_noreturn pg_attribute_noreturn()

#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC

/* All generated columns were stored. */
#define PGAE_IS_VIRTUAL(att) false

/* All check constraints were enforced. */
#define PGAE_CHECK_IS_ENFORCED(check) true

/* The executor was told whether a plan runs only once. */
#define PGAE_RUN_PARAMETERS , bool once
#define PGAE_RUN_ARGUMENTS , once

/* Disabled plan types were marked by their cost alone. */
#define PGAE_COPY_DISABLED(to, from) ((void) 0)

#else

#include "commands/explain_format.h"

#define PGAE_RUN_PARAMETERS
#define PGAE_RUN_ARGUMENTS

#define PGAE_CHECK_IS_ENFORCED(check) ((check)->ccenforced)
#define PGAE_IS_VIRTUAL(att) ((att)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#define PGAE_COPY_DISABLED(to, from) ((to)->disabled_nodes = (from)->disabled_nodes)

#endif

/* ---- 17 ---- */
#if PG_VERSION_NUM >= 170000
#define PGAE_INTERVAL_NOT_FINITE(interval) INTERVAL_NOT_FINITE(interval)
#define PGAE_LXID MyProc->vxid.lxid
#else
#define PGAE_INTERVAL_NOT_FINITE(interval) false
#define PGAE_LXID MyProc->lxid
#endif

/* ---- 16 ---- */
#if PG_VERSION_NUM >= 160000

#include "varatt.h"

/* Whether the user may call a function. */
#define PGAE_FUNCTION_ACL(function)                                                                \
	object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE)

#else

#define PGAE_FUNCTION_ACL(function) pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE)

/* fmgr.h declares it. */
extern PGDLLEXPORT void _PG_init(void);

/* Errors could not be saved: they were raised. */
#define ereturn(context, dummy_value, ...)                                                         \
	do                                                                                             \
	{                                                                                              \
		(void) (context);                                                                          \
		ereport(ERROR, __VA_ARGS__);                                                               \
		return dummy_value;                                                                        \
	} while (0)

/* The data to write was not const. */
#define FileWrite(file, buffer, amount, offset, event)                                             \
	FileWrite(file, unconstify(char *, buffer), amount, offset, event)

/* By-reference values were always copied. */
#define tuplesort_getdatum(state, forward, copy, val, isnull, abbrev)                              \
	((void) (copy), tuplesort_getdatum(state, forward, val, isnull, abbrev))

#endif

/* ---- 15 ---- */
#if PG_VERSION_NUM < 150000

#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)

/* The generated column, not its expression, depended on the columns it is generated from. */
#define PGAE_GENERATED_COLUMN_DEPENDS

/* Window functions had no run conditions. */
#define PGAE_STOPS_EARLY(window) false

#else

#define PGAE_STOPS_EARLY(window) ((window)->runCondition != NIL)

#endif

/* ---- 14 ---- */
#if PG_VERSION_NUM < 140000

/* Wait events moved. */
#include "pgstat.h"

/* Statements had no numbers in pg_stat_activity. */
#define pgstat_get_my_query_id() 0
#define pgstat_report_query_id(id, force) ((void) (id))

/* A ModifyTable had a plan for each table. */
#define PGAE_MODIFY_PLANS(plan) (((ModifyTable *) (plan))->plans)

/* Neither SQL-standard function bodies nor statistics on expressions existed. */
#define Anum_pg_proc_prosqlbody 0
#define Anum_pg_statistic_ext_stxexprs 0

/* A type's number had another name. */
#ifndef MONEYOID
#define MONEYOID CASHOID
#endif

/* SHA-256 had functions of its own. */
#include "common/sha2.h"
#define pg_cryptohash_ctx pg_sha256_ctx
#define pg_cryptohash_create(type) ((pg_sha256_ctx *) palloc(sizeof(pg_sha256_ctx)))
#define pg_cryptohash_init(hash) (pg_sha256_init(hash), 0)
#define pg_cryptohash_update(hash, data, n) (pg_sha256_update(hash, data, n), 0)
#define pg_cryptohash_final(hash, digest, n) (pg_sha256_final(hash, digest), 0)
#define pg_cryptohash_free(hash) pfree(hash)

/* An object that no longer exists was an error. */
#define PGAE_OBJECT_DESCRIPTION(object) getObjectDescription(object)

#else

#include "common/cryptohash.h"
#include "utils/wait_event.h"

#define PGAE_OBJECT_DESCRIPTION(object) getObjectDescription(object, true)
#define PGAE_MODIFY_PLANS(plan) NIL

#endif

#endif
