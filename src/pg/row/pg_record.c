/*
 * pg_record.c: the records of a training: packs the values of a row into as few bytes as their
 * types need, and unpacks them.  A record has a bit for each missing value, then the values, the
 * target last.
 */
#include "postgres.h"

#include "pg_codec.h"

/* Bytes of one packed row; 0 before the schema stands. */
size_t
pgae_codec_record_size(const PgaeCodec *codec)
{
	return codec->record_size;
}

/* Writes value i of a record, and its bit. */
static void
pack_value(const PgaeCodec *codec, char *record, uint32 i, AeKind kind, double value, bool missing)
{
	char *at = record + codec->offset[i];
	float real;
	int32 number;

	value += 0.0; /* -0 + 0 = +0 */
	real = (float) value;
	number = (int32) value;
	if (missing)
		record[i / 8] |= (char) (1 << (i % 8));
	if (kind == AE_KIND_CATEGORY)
		memcpy(at, &number, sizeof(number));
	else if (codec->stored[i] == sizeof(double))
		memcpy(at, &value, sizeof(value));
	else if (codec->stored[i] == sizeof(float))
		memcpy(at, &real, sizeof(real));
	else
		*at = (char) (value != 0);
}

/* Reads it back. */
static double
unpack_value(const PgaeCodec *codec, const char *record, uint32 i, AeKind kind, bool *missing)
{
	const char *at = record + codec->offset[i];
	double value;
	float real;
	int32 number;

	*missing = (record[i / 8] >> (i % 8)) & 1;
	if (kind == AE_KIND_CATEGORY)
	{
		memcpy(&number, at, sizeof(number));
		return number;
	}
	if (codec->stored[i] == sizeof(double))
	{
		memcpy(&value, at, sizeof(value));
		return value;
	}
	if (codec->stored[i] == sizeof(float))
	{
		memcpy(&real, at, sizeof(real));
		return real;
	}
	return *at;
}

/*
 * record (record_size bytes, any alignment) = the row last read.  Rows with equal values have equal
 * bytes: -0 becomes 0. Nothing that the column's type can hold is lost.
 */
void
pgae_codec_pack(const PgaeCodec *codec, char *record)
{
	const AeSchema *schema = codec->schema;
	uint32 n = schema->n_columns;

	memset(record, 0, (n + pgae_has_role(codec, PGAE_ROLE_TARGET) + 7) / 8);
	for (uint32 i = 0; i < n; i++)
		pack_value(codec, record, i, schema->columns[i].kind, codec->row.values[i],
				   codec->row.missing[i]);
	if (pgae_has_role(codec, PGAE_ROLE_TARGET))
		pack_value(codec, record, n, codec->roles[PGAE_ROLE_TARGET].kind,
				   codec->row.roles[PGAE_ROLE_TARGET].value,
				   codec->row.roles[PGAE_ROLE_TARGET].missing);
	if (pgae_has_role(codec, PGAE_ROLE_WEIGHT))
		memcpy(record + codec->record_size - sizeof(double),
			   &codec->row.roles[PGAE_ROLE_WEIGHT].value, sizeof(double));
}

double
pgae_codec_weight(const PgaeCodec *codec, const char *record)
{
	double weight;

	memcpy(&weight, record + codec->record_size - sizeof(double), sizeof(double));
	return weight;
}

/* The values of a record, valid until the next call; levels as the map translates them. */
const PgaeRow *
pgae_codec_unpack(PgaeCodec *codec, const char *record)
{
	const AeSchema *schema = codec->schema;
	PgaeRow *row = &codec->row;

	row->any_missing = false;
	for (uint32 i = 0; i < schema->n_columns; i++)
	{
		row->values[i] = unpack_value(codec, record, i, schema->columns[i].kind, &row->missing[i]);
		row->any_missing |= row->missing[i];
	}
	for (uint32 s = 0; s < codec->n_sources; s++)
	{
		const PgaeSource *source = &codec->sources[s];
		double *value = &row->values[source->first];

		if (source->map[codec->fold] && !row->missing[source->first])
			*value = pgae_fold_level(source, codec->fold, *value);
	}
	if (!pgae_has_role(codec, PGAE_ROLE_TARGET))
		return row;
	row->roles[PGAE_ROLE_TARGET].value =
		unpack_value(codec, record, schema->n_columns, codec->roles[PGAE_ROLE_TARGET].kind,
					 &row->roles[PGAE_ROLE_TARGET].missing);
	if (codec->roles[PGAE_ROLE_TARGET].map[codec->fold] && !row->roles[PGAE_ROLE_TARGET].missing)
		row->roles[PGAE_ROLE_TARGET].value = pgae_fold_level(
			&codec->roles[PGAE_ROLE_TARGET], codec->fold, row->roles[PGAE_ROLE_TARGET].value);
	return row;
}
