/*
 * pg_error.c: turns a status of the engine into an SQLSTATE and a sentence, and the number of a
 * column into its name. No other file knows which status is which error.
 */
#include "postgres.h"

#include <float.h>

#include "utils/float.h"

#include "pg_base.h"

/* The shortest text of a number: 3, 0.001, Infinity. */
static char *
number_text(double value)
{
	return float8out_internal(value);
}

/* `column "x"`, `element [3]`, or plain "a column" where the name is not known. */
static char *
column_phrase(const AeError *error, const AeSchema *schema)
{
	char *name;

	if (error->column < 0)
		return pstrdup("a column");
	if (schema && error->column == PGAE_TARGET_COLUMN)
		return psprintf("column \"%s\"", pgae_target_name(schema));
	if (schema == NULL || (uint32) error->column >= schema->n_columns)
		return psprintf("column %d", error->column + 1);
	name = pgae_value_name(schema, (uint32) error->column);
	return schema->is_array ? psprintf("element %s", name) : psprintf("column \"%s\"", name);
}

/* `5`, `at least 2`, `at least 0 and below 1`, `between 0 and 1`. */
static char *
range_phrase(double low, double high)
{
	const double below_one = 1.0 - DBL_EPSILON / 2;

	if (low == high)
		return number_text(low);
	if (high >= 1e15 && low > -1e15)
		return psprintf("at least %s", number_text(low));
	if (high == below_one)
		return psprintf("at least %s and below 1", number_text(low));
	return psprintf("between %s and %s", number_text(low), number_text(high));
}

static void
raise_data(const AeError *error, const AeSchema *schema)
{
	if (error->status == AE_ERR_NONFINITE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s is %s, but training needs finite numbers",
							   column_phrase(error, schema), number_text(error->value)),
						errhint("Leave such rows out with WHERE, or replace the value.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is %s, must be %s", column_phrase(error, schema), number_text(error->value),
					range_phrase(error->low, error->high)),
			 error->high == 1.0 ? errhint("Cross-entropy needs values in this range: choose the "
										  "scaling \"minmax\", or another loss.")
								: 0));
}

static void
raise_bytes(const AeError *error)
{
	if (error->status == AE_ERR_VERSION)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("model has %s %s, but this build supports %s", error->what,
							   number_text(error->value), number_text(error->high)),
						errhint("Update the extension, or train the model again and rebuild the "
								"indexes that use it.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("model is corrupt at byte " UINT64_FORMAT ": %s", error->offset, error->what),
			 errhint("Pass the complete and unchanged bytea that ae.train returned.")));
}

/*
 * Raises error as an ERROR; does not return.  Column names come from schema, which
 * may be NULL.
 */
void
pgae_raise(const AeError *error, const AeSchema *schema)
{
	switch (error->status)
	{
		case AE_ERR_ARGUMENT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is %s, must be %s", error->what,
							number_text(error->value), range_phrase(error->low, error->high))));
			break;
		case AE_ERR_SHAPE:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("%s is %s, must be %s", error->what, number_text(error->value),
								   range_phrase(error->low, error->high))));
			break;
		case AE_ERR_NONFINITE:
		case AE_ERR_RANGE:
			raise_data(error, schema);
			break;
		case AE_ERR_LIMIT:
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("%s is %s, must be %s", error->what, number_text(error->value),
								   range_phrase(error->low, error->high))));
			break;
		case AE_ERR_CORRUPT:
		case AE_ERR_VERSION:
			raise_bytes(error);
			break;
		case AE_ERR_DIVERGED:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("training diverged after %s updates", number_text(error->value)),
							errhint("Lower the option \"learning_rate\", or set \"clip_norm\".")));
			break;
		case AE_OK:
		case AE_STATUS_COUNT:
			break;
	}
	elog(ERROR, "unexpected status %d of the engine", (int) error->status);
}

void
pgae_raise_unless_ok(AeStatus status, const AeError *error, const AeSchema *schema)
{
	if (status != AE_OK)
		pgae_raise(error, schema);
}
