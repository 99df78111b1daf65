/*
 * pg_reference.c: references to one version of a named model, as text and as datum.
 *
 * A value says name, version and the first bytes of the digest of the model's bytes, and nothing
 * else: fraud@3#1a2b3c4d.  Reading it back consults no table, so that a dump restores views and
 * checks before the models that they mention, and an index never changes its meaning: if another
 * server or a restore has other bytes under that name and version, using them is an error. What a
 * reference leaves open is looked up: fraud becomes the newest version at the time it is read,
 * which for a literal is when its statement is parsed, and fraud@3 gets its digest (pg_type.c). So
 * each version has exactly one value, by which expressions and indexes can be matched.
 *
 * A name is written like an SQL identifier: letters, digits, _ and $ in lower case as they are,
 * anything else in double quotes; but no word is reserved. It has at most 63 bytes.
 *
 * Knows names; knows no bytes of models.
 */
#include "pg_model.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* The most bytes of an unreadable text that an error repeats. */
#define TEXT_SHOWN 80

/* ---- text to reference ---- */

static bool
refuse(const char *text, const char *detail, Node *escontext)
{
	int shown = pg_mbcliplen(text, (int) strnlen(text, TEXT_SHOWN + 8), TEXT_SHOWN);

	ereturn(
		escontext, false,
		(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
		 errmsg("invalid reference to a model: \"%.*s%s\"", shown, text, text[shown] ? "..." : ""),
		 errdetail("%s", detail),
		 strncmp(text, "\\x", 2) == 0
			 ? errhint("Cast the bytes of a model with ::bytea.")
			 : errhint("Write fraud for the current version or fraud@3 for version 3; put a name "
					   "with characters other than letters, digits, _ and $ in double quotes.")));
}

/* Whether a name may contain this byte unquoted. */
static bool
is_plain(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || c == '_' || IS_HIGHBIT_SET(c))
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '$');
}

static bool
refuse_length(Node *escontext)
{
	ereturn(escontext, false,
			(errcode(ERRCODE_NAME_TOO_LONG),
			 errmsg("the name of a model is longer than %d bytes", NAMEDATALEN - 1),
			 GetDatabaseEncoding() == PG_UTF8
				 ? 0
				 : errdetail("Its length is measured in UTF-8, so that a dump can be restored in "
							 "any database.")));
}

/* Bytes of a name in UTF-8; bytes in an unknown encoding are counted as they are. */
static size_t
utf8_length(const char *name, int len)
{
	char *utf8 = pg_server_to_any(name, len, PG_UTF8);
	size_t n = utf8 == name ? len : strlen(utf8);

	if (utf8 != name)
		pfree(utf8);
	return n;
}

/*
 * Reads the name at *text and moves *text past it. Returns false if an error was saved in
 * escontext.
 */
static bool
parse_name(char *name, const char **text, Node *escontext)
{
	const char *p = *text;
	bool quoted = *p == '"';
	int n = 0;

	for (p += quoted;; p++)
	{
		char c = *p;

		if (quoted && c == '"' && *++p != '"')
			break;
		if (!quoted && c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (!quoted && !is_plain(c, n == 0))
			break;
		if (c == '\0')
			return refuse(*text, "A double quote is not closed.", escontext);
		if (n == NAMEDATALEN - 1)
			return refuse_length(escontext);
		name[n++] = c;
	}
	name[n] = '\0';
	if (n == 0)
		return refuse(*text, quoted ? "The name is empty." : "It does not begin with a name.",
					  escontext);
	if (utf8_length(name, n) >= NAMEDATALEN)
		return refuse_length(escontext);
	*text = p;
	return true;
}

/*
 * Reads the version after an @, 1 .. 2147483647 without leading zeros, or returns 0; moves *text
 * past it.
 */
static int32
parse_version(const char **text)
{
	int64 version = 0;

	if (**text == '0')
		return 0;
	for (; **text >= '0' && **text <= '9' && version <= PG_INT32_MAX; (*text)++)
		version = version * 10 + (**text - '0');
	return version <= PG_INT32_MAX ? (int32) version : 0;
}

/* The digest after a #: its digits and nothing else. */
static bool
parse_digest(uint8 *digest, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 2 * PGAE_DIGEST_BYTES; i++)
	{
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (digit == NULL)
			return false;
		digest[i / 2] = (uint8) (digest[i / 2] << 4 | (digit - digits));
	}
	return text[2 * PGAE_DIGEST_BYTES] == '\0';
}

bool
pgae_reference_parse(PgaeReference *reference, const char *text, Node *escontext)
{
	const char *p = text;

	memset(reference, 0, sizeof(*reference));
	if (!parse_name(reference->name, &p, escontext))
		return false;
	if (*p == '\0')
		return true;
	if (*p != '@')
		return refuse(text, "There is something else than @ and a version behind the name.",
					  escontext);
	p++;
	reference->version = parse_version(&p);
	if (reference->version == 0 || (*p != '\0' && *p != '#'))
		return refuse(text, "A version is a number from 1 to 2147483647.", escontext);
	reference->has_digest = *p == '#';
	if (reference->has_digest && !parse_digest(reference->digest, p + 1))
		return refuse(text, "Behind # there are eight digits from 0 to f.", escontext);
	return true;
}

void
pgae_reference_name(PgaeReference *reference, const text *argument)
{
	char *text = text_to_cstring(argument);

	pgae_reference_parse(reference, text, NULL);
	if (reference->version != 0)
		refuse(text, "A name is wanted here, without a version.", NULL);
}

/* ---- reference to text ---- */

char *
pgae_quote_name(const char *name)
{
	StringInfoData out;
	bool plain = true;

	for (int i = 0; name[i]; i++)
		plain = plain && is_plain(name[i], i == 0);
	if (plain)
		return pstrdup(name);
	initStringInfo(&out);
	appendStringInfoChar(&out, '"');
	for (; *name; name++)
	{
		if (*name == '"')
			appendStringInfoChar(&out, '"');
		appendStringInfoChar(&out, *name);
	}
	appendStringInfoChar(&out, '"');
	return out.data;
}

char *
pgae_version_text(const PgaeReference *reference)
{
	return psprintf("%s@%d", pgae_quote_name(reference->name), reference->version);
}

char *
pgae_reference_text(const PgaeReference *reference)
{
	const uint8 *digest = reference->digest;

	return psprintf("%s#%02x%02x%02x%02x", pgae_version_text(reference), digest[0], digest[1],
					digest[2], digest[3]);
}

/* ---- the datum: four bytes of version, as many of digest, then the name ---- */

#define DATUM_HEAD (sizeof(int32) + PGAE_DIGEST_BYTES)

Datum
pgae_reference_datum(const PgaeReference *reference)
{
	Size len = strlen(reference->name);
	struct varlena *datum = palloc(VARHDRSZ + DATUM_HEAD + len);

	SET_VARSIZE(datum, VARHDRSZ + DATUM_HEAD + len);
	memcpy(VARDATA(datum), &reference->version, sizeof(int32));
	memcpy(VARDATA(datum) + sizeof(int32), reference->digest, PGAE_DIGEST_BYTES);
	memcpy(VARDATA(datum) + DATUM_HEAD, reference->name, len);
	return PointerGetDatum(datum);
}

void
pgae_reference_read(PgaeReference *reference, Datum datum)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);
	Size size = VARSIZE_ANY_EXHDR(value);

	if (size <= DATUM_HEAD || size > DATUM_HEAD + NAMEDATALEN - 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("a value of type ae.model has %zu bytes", size)));
	memset(reference, 0, sizeof(*reference));
	memcpy(&reference->version, VARDATA_ANY(value), sizeof(int32));
	reference->has_digest = true;
	memcpy(reference->digest, VARDATA_ANY(value) + sizeof(int32), PGAE_DIGEST_BYTES);
	memcpy(reference->name, VARDATA_ANY(value) + DATUM_HEAD, size - DATUM_HEAD);
}
