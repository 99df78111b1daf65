/*
 * pg_text.c: names and levels of a model as text in the server's encoding.
 *
 * A model keeps UTF-8, or the bytes that a database with SQL_ASCII had; text leaves it only through
 * pgae_model_text, which converts or verifies it.
 */
#include "pg_base.h"

#include "mb/pg_wchar.h"

/* From UTF-8 to the server's encoding; NULL where that lacks a character. */
static char *
convert_or_null(char *text)
{
	char *volatile converted = NULL;
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		converted = pg_any_to_server(text, (int) strlen(text), PG_UTF8);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNTRANSLATABLE_CHARACTER)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return converted;
}

/* Bytes in an unknown encoding may not be valid text here: they must not get into this database. */
static char *
check_raw(char *text, bool missing_ok)
{
	int encoding = GetDatabaseEncoding();

	if (pg_verify_mbstr(encoding, text, (int) strlen(text), true))
		return text;
	if (!missing_ok)
		ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						errmsg("a text in the model is not valid in encoding \"%s\"",
							   pg_encoding_to_char(encoding)),
						errdetail("The model was trained in a database with encoding SQL_ASCII, "
								  "which accepts any bytes."),
						errhint("Train it on rows of a database with encoding %s.",
								pg_encoding_to_char(encoding))));
	return NULL;
}

char *
pgae_model_text(const AeSchema *schema, const char *bytes, size_t len, bool missing_ok)
{
	char *text = pnstrdup(bytes, len);

	if (schema->raw_names)
		return check_raw(text, missing_ok);
	return missing_ok ? convert_or_null(text) : pg_any_to_server(text, (int) len, PG_UTF8);
}

/*
 * The name of a source column as text of the server's encoding; "[i]", counted from 1, in a
 * model of arrays.  22P05 or 22021 where it cannot be.
 */
char *
pgae_column_name(const AeSchema *schema, uint32 column)
{
	const AeColumn *col = &schema->columns[column];

	if (schema->is_array)
		return psprintf("[%u]", column + 1);
	if (col->element > 1)
		col -= col->element - 1;
	return pgae_model_text(schema, col->name, col->name_len, false);
}

char *
pgae_target_name(const AeSchema *schema)
{
	AeSchema alone = *schema;

	alone.columns = &alone.target;
	return pgae_column_name(&alone, 0);
}

char *
pgae_value_name(const AeSchema *schema, uint32 column)
{
	char *name = pgae_column_name(schema, column);

	if (schema->columns[column].element == 0)
		return name;
	return psprintf("%s[%u]", name, schema->columns[column].element);
}
