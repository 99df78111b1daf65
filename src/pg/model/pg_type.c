/*
 * pg_type.c: the SQL type ae.model: input and output, order and hash.
 *
 * What a text leaves open, the newest version or the digest, is looked up here (pg_named_read.c);
 * pg_reference.c says what a reference is.
 */
#include "pg_model.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pg_ae_model_in);
PG_FUNCTION_INFO_V1(pg_ae_model_out);
PG_FUNCTION_INFO_V1(pg_ae_model_recv);
PG_FUNCTION_INFO_V1(pg_ae_model_send);
PG_FUNCTION_INFO_V1(pg_ae_model_eq);
PG_FUNCTION_INFO_V1(pg_ae_model_ne);
PG_FUNCTION_INFO_V1(pg_ae_model_lt);
PG_FUNCTION_INFO_V1(pg_ae_model_le);
PG_FUNCTION_INFO_V1(pg_ae_model_gt);
PG_FUNCTION_INFO_V1(pg_ae_model_ge);
PG_FUNCTION_INFO_V1(pg_ae_model_cmp);
PG_FUNCTION_INFO_V1(pg_ae_model_hash);
PG_FUNCTION_INFO_V1(pg_ae_model_hash_extended);

/* Looks up what the text leaves open. */
static Datum
datum_of_text(const char *text, Node *escontext, bool *valid)
{
	PgaeReference reference;

	*valid = pgae_reference_parse(&reference, text, escontext) &&
			 (reference.has_digest || pgae_resolve(&reference, NULL, escontext));
	return *valid ? pgae_reference_datum(&reference) : (Datum) 0;
}

Datum
pg_ae_model_in(PG_FUNCTION_ARGS)
{
	bool valid;
	Datum datum = datum_of_text(PG_GETARG_CSTRING(0), fcinfo->context, &valid);

	if (!valid)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(datum);
}

Datum
pg_ae_model_out(PG_FUNCTION_ARGS)
{
	PgaeReference reference;

	pgae_reference_read(&reference, PG_GETARG_DATUM(0));
	PG_RETURN_CSTRING(pgae_reference_text(&reference));
}

Datum
pg_ae_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int n;
	char *text = pq_getmsgtext(message, message->len - message->cursor, &n);
	bool valid;

	PG_RETURN_DATUM(datum_of_text(text, NULL, &valid));
}

Datum
pg_ae_model_send(PG_FUNCTION_ARGS)
{
	PgaeReference reference;
	StringInfoData out;
	char *text;

	pgae_reference_read(&reference, PG_GETARG_DATUM(0));
	text = pgae_reference_text(&reference);
	pq_begintypsend(&out);
	pq_sendtext(&out, text, (int) strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* ---- order: by the bytes of names, then by version, then by digest ---- */

static int
compare(FunctionCallInfo fcinfo)
{
	PgaeReference a, b;
	int order;

	pgae_reference_read(&a, PG_GETARG_DATUM(0));
	pgae_reference_read(&b, PG_GETARG_DATUM(1));
	order = strcmp(a.name, b.name);
	if (order != 0)
		return order < 0 ? -1 : 1;
	if (a.version != b.version)
		return a.version < b.version ? -1 : 1;
	order = memcmp(a.digest, b.digest, PGAE_DIGEST_BYTES);
	return order < 0 ? -1 : order > 0;
}

Datum
pg_ae_model_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
pg_ae_model_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
pg_ae_model_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
pg_ae_model_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
pg_ae_model_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
pg_ae_model_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
pg_ae_model_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

/* The bytes behind the name and between the fields must be zero. */
Datum
pg_ae_model_hash(PG_FUNCTION_ARGS)
{
	PgaeReference reference;

	pgae_reference_read(&reference, PG_GETARG_DATUM(0));
	return hash_any((unsigned char *) &reference, sizeof(reference));
}

Datum
pg_ae_model_hash_extended(PG_FUNCTION_ARGS)
{
	PgaeReference reference;

	pgae_reference_read(&reference, PG_GETARG_DATUM(0));
	return hash_any_extended((unsigned char *) &reference, sizeof(reference),
							 (uint64) PG_GETARG_INT64(1));
}
