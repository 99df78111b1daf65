/*
 * pg_use.c: finds the functions of ours that take rows along in the database.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "pg_plan.h"

#define MAX_FUNCTIONS 64

/* The functions of ours that take rows along, as long as no function changes. */
typedef struct Known
{
	Oid function;
	const PgaeUse *use;
} Known;

static Known known[MAX_FUNCTIONS];
static int n_known = 0;
static bool knowing = false; /* until a function changes */

static void
forget_functions(Datum arg, int cache, uint32 hash)
{
	knowing = false;
}

/* A column of pg_proc that is text, or NULL; palloc'd. */
static char *
text_of(HeapTuple tuple, AttrNumber att)
{
	bool isnull;
	Datum datum = SysCacheGetAttr(PROCOID, tuple, att, &isnull);

	return isnull ? NULL : TextDatumGetCString(datum);
}

/*
 * Whether a function is ours according to the catalog. No library is loaded to find out: a missing
 * one would fail statements that have nothing to do with it.
 */
static bool
is_ours(HeapTuple tuple, const PgaeUse *use)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	const char *symbol, *library, *file;

	if (proc->prolang != ClanguageId || proc->pronargs < 2)
		return false;
	symbol = text_of(tuple, Anum_pg_proc_prosrc);
	library = text_of(tuple, Anum_pg_proc_probin);
	if (symbol == NULL || library == NULL)
		return false;
	file = last_dir_separator(library);
	file = file ? file + 1 : library;
	return strncmp(symbol, "pg_ae_", 6) == 0 && strcmp(symbol + 6, use->name) == 0 &&
		   (strcmp(file, "ae") == 0 || strcmp(file, "ae" DLSUFFIX) == 0);
}

/* Adds all functions of a name that are ours to the n that there are. */
static int
look_up(int n, const PgaeUse *use, Oid schema)
{
	CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(use->name));

	for (int i = 0; i < list->n_members && n < MAX_FUNCTIONS; i++)
	{
		HeapTuple tuple = &list->members[i]->tuple;
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

		if (proc->pronamespace == schema && is_ours(tuple, use))
			known[n++] = (Known){proc->oid, use};
	}
	ReleaseCatCacheList(list);
	return n;
}

static void
know_functions(void)
{
	Oid schema;
	int n = 0;

	knowing = true; /* unless a message comes in meanwhile */
	n_known = 0;
	schema = get_namespace_oid("ae", true);
	for (int i = 0; OidIsValid(schema) && i < pgae_n_score_uses; i++)
		n = look_up(n, &pgae_score_uses[i], schema);
	if (OidIsValid(schema))
		n = look_up(n, &pgae_predict_use, schema);
	n_known = n;
}

const PgaeUse *
pgae_use_of(Oid function)
{
	if (function < FirstNormalObjectId)
		return NULL;
	if (!knowing)
		know_functions();
	for (int i = 0; i < n_known; i++)
	{
		if (known[i].function == function)
			return known[i].use;
	}
	return NULL;
}

bool
pgae_has_uses(void)
{
	if (!knowing)
		know_functions();
	return n_known > 0;
}

void
pgae_watch_uses(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget_functions, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_functions, (Datum) 0);
}
