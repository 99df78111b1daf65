/*
 * pg_level.c: the levels of a category: maps the bytes of a text to a small number.
 *
 * In training a level gets the next number when it is first seen. When all rows have been read,
 * pgae_levels_choose puts the levels into the model's order, which depends only on the set of rows,
 * and says which of them are too rare for an input of their own. In scoring the table is filled
 * with the model's levels.
 *
 * A level's identity is its bytes in the server's encoding; models keep UTF-8.  Collations
 * play no part.
 */
#include "pg_row.h"

#include "ae_hash.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

typedef struct LevelKey
{
	const char *text;
	uint32 len;
} LevelKey;

typedef struct LevelEntry
{
	LevelKey key;
	uint32 hash;
	int number;
	char status;
} LevelEntry;

#define SH_PREFIX leveltable
#define SH_ELEMENT_TYPE LevelEntry
#define SH_KEY_TYPE LevelKey
#define SH_KEY key
#define SH_HASH_KEY(table, k) hash_bytes((const unsigned char *) (k).text, (int) (k).len)
#define SH_EQUAL(table, a, b) ((a).len == (b).len && memcmp((a).text, (b).text, (a).len) == 0)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(table, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A text that was seen. */
typedef struct Seen
{
	LevelKey key;
	uint64 hash; /* pgae_level_hash */
} Seen;

struct PgaeLevels
{
	MemoryContext context;
	bool raw; /* of a model whose levels are bytes of an SQL_ASCII database */
	leveltable_hash *table;
	Seen *seen; /* by number */
	int n;
	int room;
	PgaeHolder holder;  /* in training: of all of it */
	const char *column; /* the same, for messages; and its attribute, from 0 */
	int att;
};

PgaeLevels *
pgae_levels_create(MemoryContext context, bool raw)
{
	PgaeLevels *levels = MemoryContextAllocZero(context, sizeof(PgaeLevels));

	levels->context = context;
	levels->raw = raw;
	levels->table = leveltable_create(context, 16, NULL);
	levels->room = 16;
	levels->seen = MemoryContextAlloc(context, levels->room * sizeof(Seen));
	return levels;
}

void
pgae_levels_start_learning(PgaeLevels *levels, PgaeShare *share, const char *column, int att)
{
	pgae_holder_init(&levels->holder, share, levels->context);
	levels->column = column;
	levels->att = att;
}

int
pgae_levels_find(const PgaeLevels *levels, const char *text, size_t len)
{
	LevelKey key = {text, (uint32) len};
	LevelEntry *entry = leveltable_lookup(levels->table, key);

	return entry ? entry->number : -1;
}

uint64
pgae_level_hash(const PgaeLevels *levels, const char *text, size_t len)
{
	char *utf8;
	uint64 hash;

	/* bytes in an unknown encoding are kept as they are */
	if (levels->raw || GetDatabaseEncoding() == PG_SQL_ASCII)
		return ae_hash_bytes(text, len);
	utf8 = pg_server_to_any(text, (int) len, PG_UTF8);
	hash = ae_hash_bytes(utf8, utf8 == text ? len : strlen(utf8));
	if (utf8 != text)
		pfree(utf8);
	return hash;
}

/* Assigns text the next number; lookups find it only if asked to. */
static void
enter(PgaeLevels *levels, const char *text, size_t len, bool findable)
{
	char *copy = MemoryContextAlloc(levels->context, Max(len, 1));
	LevelKey key = {copy, (uint32) len};
	bool found;

	memcpy(copy, text, len);
	if (levels->n == levels->room)
	{
		if (levels->room > PG_INT32_MAX / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("a column has more than %d different values", levels->room)));
		levels->room *= 2;
		levels->seen = repalloc_huge(levels->seen, levels->room * sizeof(Seen));
	}
	levels->seen[levels->n].key = key;
	levels->seen[levels->n].hash = pgae_level_hash(levels, text, len);
	if (findable)
		leveltable_insert(levels->table, key, &found)->number = levels->n;
	levels->n++;
}

/* The memory that the levels of a column take in all groups. */
typedef struct Sum
{
	const char *column;
	size_t n;
	size_t bytes;
	int n_groups;
} Sum;

/* Sums memory by attribute; returns the column that takes most. */
static const Sum *
sum_levels(PgaeShare *share)
{
	Sum *sums = palloc0(sizeof(Sum) * MaxTupleAttributeNumber);
	const Sum *largest = sums;
	dlist_iter iter;

	dlist_foreach(iter, &share->holders)
	{
		const PgaeLevels *levels = dlist_container(PgaeLevels, holder.node, iter.cur);
		Sum *sum = &sums[levels->att];

		sum->column = levels->column;
		sum->n += levels->n;
		sum->bytes += levels->holder.bytes;
		sum->n_groups++;
	}
	for (int i = 1; i < MaxTupleAttributeNumber; i++)
	{
		if (sums[i].bytes > largest->bytes)
			largest = &sums[i];
	}
	return largest;
}

static void
raise_too_many(PgaeShare *share)
{
	const Sum *most = sum_levels(share);

	ereport(
		ERROR,
		(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		 errmsg("column \"%s\" has too many distinct values: %zu take %zu kB", most->column,
				most->n, most->bytes / 1024),
		 errdetail("The distinct values of all columns and groups take more than half of "
				   "maintenance_work_mem; those of this column take most."),
		 most->n_groups > 1
			 ? errhint(
				   "Leave it out with the option \"exclude\", raise maintenance_work_mem, "
				   "or set enable_hashagg to off, so that groups are trained one after the other.")
			 : errhint("Leave it out with the option \"exclude\", or raise "
					   "maintenance_work_mem.")));
}

/* Makes room for one more level. */
static void
take_memory(PgaeLevels *levels, size_t len)
{
	PgaeHolder *holder = &levels->holder;
	/* at worst, both arrays are half empty */
	size_t bytes = pgae_chunk_bytes(len) + 2 * (sizeof(Seen) + sizeof(LevelEntry));

	if (pgae_holder_take(holder, bytes))
		return;
	if (bytes > holder->share->limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value of column \"%s\" is too long: %zu bytes are more than half of "
						"maintenance_work_mem",
						levels->column, len),
				 errhint("Leave it out with the option \"exclude\", compute a shorter text from "
						 "it in a subquery, or raise maintenance_work_mem.")));
	/* the one that does not fit counts */
	holder->bytes += bytes;
	levels->n++;
	raise_too_many(holder->share);
}

int
pgae_levels_enter(PgaeLevels *levels, const char *text, size_t len)
{
	int number = pgae_levels_find(levels, text, len);

	if (number >= 0)
		return number;
	take_memory(levels, len);
	enter(levels, text, len, true);
	return levels->n - 1;
}

int
pgae_levels_count(const PgaeLevels *levels)
{
	return levels->n;
}

const char *
pgae_levels_text(const PgaeLevels *levels, int number, size_t *len)
{
	*len = levels->seen[number].key.len;
	return levels->seen[number].key.text;
}

uint64
pgae_levels_hash(const PgaeLevels *levels, int number)
{
	return levels->seen[number].hash;
}

int32 *
pgae_levels_add_model(PgaeLevels *levels, const AeSchema *schema, const AeColumn *column)
{
	int32 *numbers = palloc(sizeof(int32) * Max(column->n_levels, 1));

	for (uint32 i = 0; i < column->n_levels; i++)
	{
		char *text = pgae_level_text(schema, &column->levels[i], true);

		numbers[i] = text ? pgae_levels_find(levels, text, strlen(text)) : -1;
		if (numbers[i] >= 0)
			continue;
		numbers[i] = levels->n;
		/* a level that the server's encoding cannot express keeps its number, but no row has it */
		enter(levels, text ? text : "", text ? strlen(text) : 0, text != NULL);
	}
	return numbers;
}

char *
pgae_level_text(const AeSchema *schema, const AeLevel *level, bool missing_ok)
{
	return pgae_model_text(schema, level->text, level->len, missing_ok);
}

/* ---- which levels a model keeps ---- */

typedef struct Ranked
{
	AeLevel level;
	int number;
} Ranked;

/* By descending count, then by bytes: the order of the model. */
static int
compare_ranked(const void *a, const void *b)
{
	const AeLevel *x = &((const Ranked *) a)->level;
	const AeLevel *y = &((const Ranked *) b)->level;
	int order;

	CHECK_FOR_INTERRUPTS();
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	order = memcmp(x->text, y->text, Min(x->len, y->len));
	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The text of a level as the model keeps it. */
static void
to_model(AeLevel *level, const Seen *seen, const AeSchema *schema)
{
	level->text = seen->key.text;
	level->len = seen->key.len;
	if (!schema->raw_names)
	{
		char *text = pg_server_to_any(seen->key.text, (int) seen->key.len, PG_UTF8);

		if (text != seen->key.text)
		{
			level->text = text;
			level->len = (uint32) strlen(text);
		}
	}
}

bool
pgae_levels_are_ascii(const PgaeLevels *levels)
{
	for (int i = 0; i < levels->n; i++)
	{
		for (uint32 j = 0; j < levels->seen[i].key.len; j++)
		{
			if (IS_HIGHBIT_SET(levels->seen[i].key.text[j]))
				return false;
		}
	}
	return true;
}

int32 *
pgae_levels_choose(AeColumn *column, const PgaeLevels *levels, const uint64 *counts,
				   const AeSchema *schema)
{
	Ranked *ranked =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(levels->n, 1) * sizeof(Ranked));
	int32 *map = MemoryContextAllocHuge(CurrentMemoryContext, Max(levels->n, 1) * sizeof(int32));
	size_t bytes = 0;
	int n = 0, n_frequent = 0;

	for (int i = 0; i < levels->n; i++)
	{
		to_model(&ranked[i].level, &levels->seen[i], schema);
		ranked[i].level.count = counts[i];
		ranked[i].number = i;
	}
	qsort(ranked, levels->n, sizeof(Ranked), compare_ranked);
	column->other = 0;
	for (int i = 0; i < levels->n; i++)
	{
		const AeLevel *level = &ranked[i].level;

		n_frequent += level->count >= schema->min_frequency;
		/* the levels that fit come first in this order: n counts them */
		if (n == i && n < (int) schema->max_levels && level->count >= schema->min_frequency &&
			bytes + level->len <= AE_MAX_NAME)
		{
			bytes += level->len;
			n++;
		}
		else
			column->other += level->count;
	}
	column->n_levels = (uint32) n;
	column->wide = n > 0 && (n_frequent > n || column->other > ranked[0].level.count);
	column->levels = palloc(Max(n, 1) * sizeof(AeLevel));
	for (int i = 0; i < levels->n; i++)
	{
		if (i < n)
			column->levels[i] = ranked[i].level;
		/* a level of no row here is unknown, unless rare ones share an input */
		map[ranked[i].number] = i < n ? i : column->other > 0 ? n : -1;
	}
	pfree(ranked);
	return map;
}
