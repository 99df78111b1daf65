/*
 * pg_install.c: what CREATE EXTENSION checks before it creates anything.
 *
 * The schema ae may already exist. Anybody who owns it, or may create objects in it, could put
 * functions of their own beside those of the extension, which callers would take for the
 * extension's and run with their own rights; and the script itself, which a superuser runs, might
 * call what is already there. So the schema must be empty and belong to superusers alone.
 *
 * This is in C because a script cannot raise an error without a procedural language.
 */
#include "pg_tool.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(pg_ae_check_schema);

/* Objects that an error names. */
#define OBJECTS_SHOWN 5

/* A superuser, or the role that creates the extension, could do as much anyway. */
static bool
is_trusted(Oid role)
{
	return OidIsValid(role) && (role == GetUserId() || superuser_arg(role));
}

static void
check_owner(Form_pg_namespace schema)
{
	if (!is_trusted(schema->nspowner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("schema \"%s\" belongs to the role \"%s\"", NameStr(schema->nspname),
							   GetUserNameFromId(schema->nspowner, true)),
						errhint("Drop or rename the schema: its owner could replace the objects of "
								"the extension.")));
}

static void
check_grants(Form_pg_namespace schema, HeapTuple tuple)
{
	bool isnull;
	Datum datum = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &isnull);
	Acl *acl;

	if (isnull)
		return;
	acl = DatumGetAclP(datum);
	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		const AclItem *item = &ACL_DAT(acl)[i];
		const char *role = item->ai_grantee == ACL_ID_PUBLIC
							   ? "PUBLIC"
							   : GetUserNameFromId(item->ai_grantee, true);

		if ((ACLITEM_GET_PRIVS(*item) & ACL_CREATE) != 0 && !is_trusted(item->ai_grantee))
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
							errmsg("role %s may create objects in schema \"%s\"", role ? role : "?",
								   NameStr(schema->nspname)),
							errhint("REVOKE CREATE ON SCHEMA %s FROM %s: objects created there "
									"could be mistaken for those of the extension.",
									NameStr(schema->nspname), role ? role : "?")));
	}
}

/* Everything in a schema depends on it; self: this function, which is already there. */
static void
check_empty(Form_pg_namespace schema, Oid self)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	StringInfoData names;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	int n = 0;

	initStringInfo(&names);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema->oid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend entry = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress object = {entry->classid, entry->objid, entry->objsubid};
		char *name;

		if ((object.classId == ProcedureRelationId && object.objectId == self) ||
			(object.classId == ExtensionRelationId && object.objectId == CurrentExtensionObject))
			continue;
		name = PGAE_OBJECT_DESCRIPTION(&object);
		if (name != NULL && n++ < OBJECTS_SHOWN)
			appendStringInfo(&names, "%s%s", n > 1 ? ", " : "", name);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	if (n > 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("schema \"%s\" is not empty", NameStr(schema->nspname)),
						errdetail("It holds %s%s.", names.data, n > OBJECTS_SHOWN ? ", ..." : ""),
						errhint("Drop or rename the schema: its objects could be mistaken for "
								"those of the extension.")));
}

/* check_schema(): raises an error unless the function's own schema is fit for the extension. */
Datum
pg_ae_check_schema(PG_FUNCTION_ARGS)
{
	Oid self = fcinfo->flinfo->fn_oid;
	HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(get_func_namespace(self)));
	Form_pg_namespace schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "function %u has no schema", self);
	schema = (Form_pg_namespace) GETSTRUCT(tuple);
	check_owner(schema);
	check_grants(schema, tuple);
	check_empty(schema, self);
	ReleaseSysCache(tuple);
	PG_RETURN_VOID();
}
