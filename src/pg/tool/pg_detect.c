/*
 * pg_detect.c: ae.detect, the quickest way to an answer: it trains on the rows of a query, scores
 * them, and returns the most anomalous ones with reasons in words.
 *
 * It is the caller's query and one statement on its rows, run as the caller: what they do could be
 * typed by hand.  All names of ours in the statement are qualified with their schema, whatever the
 * search_path.
 */
#include "pg_tool.h"

#include <ctype.h>

#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(pg_ae_detect);

/* The most reasons for a row; except for the first, none with a smaller share. */
#define N_REASONS "3"
#define LEAST_SHARE "0.05"

/* From this p-value on, a row without a reason is called usual. */
#define USUAL "0.2"

/* As in the declaration of ae.detect. */
#define DEFAULT_TOP 20

/* Rows in which groups are looked for: those flagged at this contamination, at most so many. */
#define GROUPED_CONTAMINATION "0.01"
#define GROUPED_ROWS 1000

/*
 * A group has the rows whose first reason names the same column with the same level or side; its
 * highest row is shown. Without groups every row is a group.
 */
static const char statement[] =
	"WITH ae_model AS MATERIALIZED (SELECT ae.train(r, %1$s::pg_catalog.jsonb) AS m FROM "
	"ae_input), "
	"ae_scored AS MATERIALIZED (SELECT r, ae.raw_score((SELECT m FROM ae_model), r) AS s FROM "
	"ae_input), "
	"ae_ranked AS (SELECT r, s, pg_catalog.row_number() OVER (ORDER BY s DESC) AS k FROM "
	"ae_scored WHERE s IS NOT NULL ORDER BY s DESC LIMIT %2$d), "
	"ae_top AS MATERIALIZED (SELECT r, s, k FROM ae_ranked WHERE k OPERATOR(pg_catalog.<=) %3$d OR "
	"ae.p_value((SELECT m FROM ae_model), r) OPERATOR(pg_catalog.<=) " GROUPED_CONTAMINATION "), "
	"ae_why AS MATERIALIZED (SELECT t.r, t.s, t.k, e.reasons, e.kind FROM ae_top t, LATERAL "
	"(SELECT "
	"pg_catalog.array_agg(pg_catalog.format('%%s (%%s %%%%)', f.reason, pg_catalog.round((f.share "
	"OPERATOR(pg_catalog.*) 100)::pg_catalog.numeric)) ORDER BY f.o) AS reasons, "
	"(pg_catalog.array_agg(pg_catalog.concat(f.feature, CASE WHEN f.probability IS NOT NULL THEN "
	"pg_catalog.concat(' is ', f.value) END, pg_catalog.sign(pg_catalog.strpos(f.reason, ', above "
	"')), pg_catalog.sign(pg_catalog.strpos(f.reason, ', below ')), "
	"pg_catalog.sign(pg_catalog.strpos(f.reason, ' expected'))) ORDER BY f.o))[1] AS kind "
	"FROM (SELECT x.*, pg_catalog.row_number() OVER (ORDER BY x.share "
	"OPERATOR(pg_catalog.<) " LEAST_SHARE
	", x.n) AS o FROM ae.explain((SELECT m FROM ae_model), t.r) WITH ORDINALITY AS "
	"x(feature, value, expected, error, share, probability, reason, n) WHERE x.reason IS NOT NULL) "
	"f "
	"WHERE f.o OPERATOR(pg_catalog.=) 1 OR (f.share OPERATOR(pg_catalog.>=) " LEAST_SHARE
	" AND f.o OPERATOR(pg_catalog.<=) " N_REASONS ")) e), "
	"ae_grouped AS (SELECT w.*, pg_catalog.row_number() OVER g AS place, pg_catalog.count(*) OVER "
	"(PARTITION BY CASE WHEN %4$s THEN w.kind ELSE w.k::pg_catalog.text END) AS n FROM ae_why w "
	"WINDOW g AS (PARTITION BY CASE WHEN %4$s THEN w.kind ELSE w.k::pg_catalog.text END ORDER BY "
	"w.k)) "
	"SELECT (pg_catalog.row_number() OVER (ORDER BY k))::pg_catalog.int4, "
	"(SELECT pg_catalog.jsonb_object_agg(c, pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->) c) FROM "
	"pg_catalog.jsonb_array_elements_text(%5$s::pg_catalog.jsonb) c), "
	"pg_catalog.round(ae.anomaly_score((SELECT m FROM ae_model), r)::pg_catalog.numeric, "
	"6)::pg_catalog.float8, "
	"pg_catalog.to_char(ae.p_value((SELECT m FROM ae_model), r), '9.999EEEE')::pg_catalog.float8, "
	"coalesce(reasons, ARRAY[CASE WHEN ae.p_value((SELECT m FROM ae_model), r) "
	"OPERATOR(pg_catalog.<=) " USUAL "::pg_catalog.float8 THEN 'unusual as a whole' ELSE "
	"pg_catalog.format('as usual: %%s %%%% of the rows score as high', pg_catalog.round((100 "
	"OPERATOR(pg_catalog.*) ae.p_value((SELECT m FROM ae_model), r))::pg_catalog.numeric)) END]), "
	"pg_catalog.row_to_json(r), n "
	"FROM ae_grouped WHERE place OPERATOR(pg_catalog.=) 1 ORDER BY k LIMIT %3$d";

/* ---- the key ---- */

/*
 * The column that tells a table's rows apart, a List of its name: the primary key, where that is one
 * column and no date or time, which may say something about the row.  Else NIL.
 */
static List *
primary_key(Oid relation)
{
	Oid constraint;
	Bitmapset *columns = get_primary_key_attnos(relation, false, &constraint);
	AttrNumber column;
	char category;
	bool preferred;

	if (bms_membership(columns) != BMS_SINGLETON)
		return NIL;
	column = (AttrNumber) (bms_singleton_member(columns) + FirstLowInvalidHeapAttributeNumber);
	get_type_category_preferred(get_atttype(relation, column), &category, &preferred);
	return category == TYPCATEGORY_DATETIME ? NIL
											: list_make1(get_attname(relation, column, false));
}

/* The names in an argument of type text[]. */
static List *
named_key(ArrayType *array)
{
	List *key = NIL;
	Datum *names;
	bool *nulls;
	int n = pgae_elements(&names, &nulls, array);

	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"key\" of ae.detect contains NULL")));
		key = lappend(key, TextDatumGetCString(names[i]));
	}
	return key;
}

/* A JSON array of names, without those in a JSON array of others, which may be NULL. */
static char *
names_json(const List *names, JsonbValue *others)
{
	StringInfoData json;
	ListCell *cell;

	initStringInfo(&json);
	pgae_json_open(&json, NULL, '[');
	foreach (cell, names)
	{
		JsonbValue name = {.type = jbvString};

		name.val.string.val = lfirst(cell);
		name.val.string.len = (int) strlen(lfirst(cell));
		if (!others || !findJsonbValueFromContainer(others->val.binary.data, JB_FARRAY, &name))
			pgae_json_text(&json, NULL, lfirst(cell));
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

static Datum
parse_jsonb(char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

static char *
jsonb_text(Jsonb *jsonb)
{
	return JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
}

/*
 * Options that exclude the key as well; given: the user named it, or else it yields to columns that
 * the user listed.  Options that are no object, or exclude no list, are left for training to refuse.
 */
static Jsonb *
exclude_key(Jsonb *options, const List *key, bool given)
{
	JsonbValue *exclude;
	char *list;
	Datum names;

	if (key == NIL)
		return options;
	if (!options)
		options = DatumGetJsonbP(parse_jsonb("{}"));
	if (!JB_ROOT_IS_OBJECT(options) ||
		(!given && getKeyJsonValueFromContainer(&options->root, "columns", 7, NULL)))
		return options;
	exclude = getKeyJsonValueFromContainer(&options->root, "exclude", 7, NULL);
	if (exclude && (exclude->type != jbvBinary || !JsonContainerIsArray(exclude->val.binary.data)))
		return options;
	list = names_json(key, exclude);
	if (strcmp(list, "[]") == 0)
		return options;
	if (!given)
		ereport(NOTICE, (errmsg("column \"%s\" is the primary key: it is not trained on",
								(char *) linitial(key)),
						 errhint("To train on it all the same, pass key => '{}'.")));
	names = parse_jsonb(list);
	if (exclude)
		names =
			DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(JsonbValueToJsonb(exclude)), names);
	names = parse_jsonb(psprintf("{\"exclude\": %s}", jsonb_text(DatumGetJsonbP(names))));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(options), names));
}

/* ---- the function ---- */

/* How to do the same and keep the model; options: a literal, or NULL. */
static void
notice_model(const char *query, const char *options)
{
	ereport(NOTICE, (errmsg("the model is not kept"),
					 errhint("To keep it: CREATE TABLE models AS SELECT ae.train(t%s%s) AS model "
							 "FROM (%s%s) t;",
							 options ? ", " : "", options ? options : "", query,
							 strstr(query, "--") ? "\n" : "")));
}

/*
 * detect(query, options, top, groups, key): the most anomalous rows of a query or table, or groups
 * of them, with reasons.
 */
Datum
pg_ae_detect(PG_FUNCTION_ARGS)
{
	char *query, *sql, *literal = NULL;
	Jsonb *options = NULL;
	int32 top = PG_ARGISNULL(2) ? DEFAULT_TOP : PG_GETARG_INT32(2);
	bool groups = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	Oid relation;
	List *key = NIL;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"query\" of ae.detect must not be NULL")));
	query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(0)), "ae.detect", &relation);
	if (top < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"top\" of ae.detect is %d, must be at least 1", top)));
	if (!PG_ARGISNULL(1))
		options = PG_GETARG_JSONB_P(1);
	if (!PG_ARGISNULL(4))
		key = named_key(PG_GETARG_ARRAYTYPE_P(4));
	else if (OidIsValid(relation))
		key = primary_key(relation);
	options = exclude_key(options, key, !PG_ARGISNULL(4));
	if (options)
		literal = quote_literal_cstr(jsonb_text(options));
	sql = psprintf(statement, literal ? literal : "NULL", groups ? Max(top, GROUPED_ROWS) : top,
				   top, groups ? "true" : "false", quote_literal_cstr(names_json(key, NULL)));
	if (pgae_set_of_query(pgae_begin_set(fcinfo), query, "ae.detect", sql, 0, NULL, NULL) == 0)
		ereport(NOTICE, (errmsg("no row has a score")));
	else
		notice_model(query, literal);
	return (Datum) 0;
}
