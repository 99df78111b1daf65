/*
 * pg_compare.c: ae.compare_models compares two models on the same rows, to decide whether the newer
 * one should replace the other.
 *
 * It is one statement on the rows of the caller's query, run as the caller: what it does could be
 * typed by hand. All names of ours in it are qualified with their schema, because the caller's
 * query sets the search_path; so it uses nothing that implies an operator without naming it, as
 * NULLIF does.
 */
#include "pg_tool.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(pg_ae_compare_models);

#define N_COLUMNS 10

/*
 * $1 and $2: the models. Rows without a score from one of them are left out. The top of a ranking
 * is 1 % of the rows, at least 10.
 */
static const char statement[] =
	"WITH ae_scored AS MATERIALIZED (SELECT ae.reconstruction_error($1, r) AS ea, "
	"ae.reconstruction_error($2, r) AS eb, ae.raw_score($1, r) AS sa, ae.raw_score($2, r) AS sb, "
	"ae.is_anomaly($1, r) AS fa, ae.is_anomaly($2, r) AS fb FROM ae_input), "
	"ae_ranked AS (SELECT ea, eb, fa, fb, pg_catalog.rank() OVER (ORDER BY sa DESC) AS ra, "
	"pg_catalog.rank() OVER (ORDER BY sb DESC) AS rb, CASE WHEN pg_catalog.count(*) OVER () "
	"OPERATOR(pg_catalog.>) 1000 THEN pg_catalog.count(*) OVER () OPERATOR(pg_catalog./) 100 "
	"ELSE 10 END AS top FROM ae_scored WHERE sa IS NOT NULL AND sb IS NOT NULL) "
	"SELECT pg_catalog.count(*), "
	"pg_catalog.avg(ea) FILTER (WHERE ea OPERATOR(pg_catalog.<) 'Infinity'::pg_catalog.float8), "
	"pg_catalog.avg(eb) FILTER (WHERE eb OPERATOR(pg_catalog.<) 'Infinity'::pg_catalog.float8), "
	"pg_catalog.percentile_disc(0.5) WITHIN GROUP (ORDER BY ea), "
	"pg_catalog.percentile_disc(0.5) WITHIN GROUP (ORDER BY eb), "
	"pg_catalog.avg(fa::pg_catalog.int4)::pg_catalog.float8, "
	"pg_catalog.avg(fb::pg_catalog.int4)::pg_catalog.float8, "
	"pg_catalog.avg((fa OPERATOR(pg_catalog.=) fb)::pg_catalog.int4)::pg_catalog.float8, "
	"pg_catalog.corr(ra, rb), "
	"CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 THEN "
	"pg_catalog.count(*) FILTER (WHERE ra OPERATOR(pg_catalog.<=) top AND rb "
	"OPERATOR(pg_catalog.<=) top)::pg_catalog.float8 OPERATOR(pg_catalog./) "
	"GREATEST(pg_catalog.count(*) FILTER (WHERE ra OPERATOR(pg_catalog.<=) top), "
	"pg_catalog.count(*) FILTER (WHERE rb OPERATOR(pg_catalog.<=) top))::pg_catalog.float8 END "
	"FROM ae_ranked";

/* compare_models(a, b, query): one row of figures; a and b of type ae.model, or bytea. */
Datum
pg_ae_compare_models(PG_FUNCTION_ARGS)
{
	char *query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(2)), "ae.compare_models", NULL);
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid types[2] = {type, type};
	Datum models[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	Datum values[N_COLUMNS];
	bool nulls[N_COLUMNS];
	TupleDesc tupdesc;
	Tuplestorestate *rows;
	HeapTuple result;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tupdesc = BlessTupleDesc(tupdesc);
	SPI_connect();
	rows = pgae_name_rows(query, "ae.compare_models");
	pgae_run_quietly(statement, 2, types, models);
	if (SPI_processed != 1)
		elog(ERROR, "ae.compare_models got " UINT64_FORMAT " rows of figures", SPI_processed);
	for (int c = 0; c < N_COLUMNS; c++)
		values[c] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, c + 1, &nulls[c]);
	result = SPI_copytuple(heap_form_tuple(tupdesc, values, nulls));
	tuplestore_end(rows);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(result));
}
