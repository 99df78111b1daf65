/*
 * pg_json.c: writes JSON key by key, and names JSON values in messages.
 *
 * It sets the commas: whatever follows an opening bracket comes first and needs none.
 */
#include "pg_base.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "utils/json.h"

void
pgae_json_key(StringInfo out, const char *key)
{
	char last = out->len > 0 ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoChar(out, ',');
	if (key == NULL)
		return;
	escape_json(out, key);
	appendStringInfoChar(out, ':');
}

void
pgae_json_open(StringInfo out, const char *key, char bracket)
{
	pgae_json_key(out, key);
	appendStringInfoChar(out, bracket);
}

void
pgae_json_text(StringInfo out, const char *key, const char *text)
{
	pgae_json_key(out, key);
	if (text)
		escape_json(out, text);
	else
		appendStringInfoString(out, "null");
}

void
pgae_json_count(StringInfo out, const char *key, uint64 count)
{
	pgae_json_key(out, key);
	appendStringInfo(out, UINT64_FORMAT, count);
}

void
pgae_json_flag(StringInfo out, const char *key, bool flag)
{
	pgae_json_key(out, key);
	appendStringInfoString(out, flag ? "true" : "false");
}

void
pgae_json_number(StringInfo out, const char *key, double number)
{
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	pgae_json_key(out, key);
	if (isfinite(number))
		double_to_shortest_decimal_buf(number, digits);
	appendStringInfoString(out, isfinite(number) ? digits : "null");
}

const char *
pgae_json_phrase(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		default:
			return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data)
					   ? "an array"
					   : "an object";
	}
}
