/*
 * pg_look.c: notices about columns that do not take part in a model as their owner may expect:
 * columns that are left out, with the reason, and texts that are numbers or dates in disguise.
 *
 * Each is raised once per statement; if it concerns one network of several, it names that one.
 * Counts are over all rows of a training (PgaeSeen) unless a network is named.
 */
#include "pg_train.h"

#include <ctype.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"

/* The most columns that a message names before it counts the rest. */
#define NAMES_SHOWN 5

/* Texts that are inspected, and how many of a hundred must look the same. */
#define LOOKED_AT 500
#define ALIKE 90

/*
 * The fewest rows in which whole numbers can look like keys, and rows that are compared to find
 * equal numbers.
 */
#define KEYS_ROWS 100
#define KEYS_LOOKED_AT ((size_t) 65536)

/* Worth a message: so many of a hundred rows have a level without an input; ... */
#define RARE_ROWS 5
/* ... or texts look like percentages, dates or times and have this many levels. */
#define MANY_LEVELS 20

/* Names in a message. */
typedef struct Names
{
	uint32 n;
	StringInfoData text;
} Names;

static void
add_name(Names *names, const char *name)
{
	if (names->n == 0)
		initStringInfo(&names->text);
	if (names->n++ < NAMES_SHOWN)
		appendStringInfo(&names->text, "%s%s", names->n > 1 ? ", " : "", name);
}

static const char *
end_names(Names *names)
{
	if (names->n > NAMES_SHOWN)
		appendStringInfo(&names->text, " and %u more", names->n - NAMES_SHOWN);
	return names->text.data;
}

/* ---- columns that are left out ---- */

/* Why a column is left out of all networks; the last one means that it is not. */
typedef enum Reason
{
	ONE_VALUE,
	ALL_NULL,
	ONE_VALUE_OR_NULL,
	SAME_AS_DOUBLE,
	ALL_DIFFERENT,
	N_REASONS
} Reason;

#define KNOWN "Any other value in such a column is an anomaly; nothing else is learned from it."

static const struct
{
	const char *one, *several; /* of the number of columns and their names */
	const char *detail, *hint;
	PgaeNotice notice;
} reasons[N_REASONS] = {
	[ONE_VALUE] = {"%u column has one value in all rows: %s",
				   "%u columns have one value in all rows: %s", KNOWN, NULL, PGAE_NOTICE_ONE_VALUE},
	[ALL_NULL] = {"%u column is NULL in all rows and is left out: %s",
				  "%u columns are NULL in all rows and are left out: %s", NULL, NULL,
				  PGAE_NOTICE_ALL_NULL},
	[ONE_VALUE_OR_NULL] = {"%u column has one value wherever it is not NULL: %s",
						   "%u columns have one value wherever they are not NULL: %s", KNOWN,
						   "Whether it is NULL may tell something: compute that as a boolean in a "
						   "subquery.",
						   PGAE_NOTICE_COLUMNS},
	[SAME_AS_DOUBLE] = {"%u column has values that are all the same in double precision: %s",
						"%u columns have values that are all the same in double precision: %s",
						"Nothing is learned from them.",
						"Subtract a constant near the values in a subquery.", PGAE_NOTICE_COLUMNS},
	[ALL_DIFFERENT] = {"%u column has another value in every row and is left out: %s",
					   "%u columns have another value in every row and are left out: %s", NULL,
					   "Exclude what only identifies a row; of other texts compute something that "
					   "rows have in common in a subquery.",
					   PGAE_NOTICE_COLUMNS},
};

static Reason
reason_of(const PgaeCodec *codec, const AeColumn *column, uint32 c, size_t n_rows, bool repeat)
{
	const PgaeSeen *seen = pgae_codec_seen(codec, c);

	if (seen->n == 0)
		return ALL_NULL;
	if (!seen->differs)
		return seen->differs_beyond ? SAME_AS_DOUBLE
			   : seen->n < n_rows   ? ONE_VALUE_OR_NULL
									: ONE_VALUE;
	if (column->kind == AE_KIND_CATEGORY && repeat &&
		(uint64) pgae_levels_count(pgae_codec_levels(codec, c)) == seen->n)
		return ALL_DIFFERENT;
	return N_REASONS;
}

void
pgae_notice_columns(const PgaeCodec *codec, const AeSchema *schema, const PgaeOptions *options,
					size_t n_rows, PgaeVoice *voice)
{
	Names names[N_REASONS] = {0};

	/* a single row makes no model, which another message says */
	if (n_rows < 2)
		return;
	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		Reason reason =
			reason_of(codec, &schema->columns[c], c, n_rows, options->min_frequency != 1);
		char *name;

		if (reason == N_REASONS)
			continue;
		name = pgae_value_name(schema, c);
		if (reason == ONE_VALUE_OR_NULL)
			name = psprintf("%s (in " UINT64_FORMAT " of %zu rows)", name,
							pgae_codec_seen(codec, c)->n, n_rows);
		add_name(&names[reason], name);
	}
	for (int r = 0; r < N_REASONS; r++)
	{
		uint32 n = names[r].n;

		if (n > 0 && pgae_voice_may(voice, reasons[r].notice))
			ereport(NOTICE, (errmsg("%s%s", pgae_voice_prefix(voice),
									psprintf(n == 1 ? reasons[r].one : reasons[r].several, n,
											 end_names(&names[r]))),
							 reasons[r].detail ? errdetail("%s", reasons[r].detail) : 0,
							 reasons[r].hint ? errhint("%s", reasons[r].hint) : 0));
	}
}

/* Rows of a network in which a column is not NULL. */
static uint64
rows_with_value(const PgaeJob *job, const AeColumn *column)
{
	return job->n_rows - Min(column->n_missing, job->n_rows);
}

void
pgae_notice_network(const PgaeJob *job)
{
	const AeSchema *schema = &job->model->schema;
	bool repeat = schema->min_frequency > 1;
	Names missing = {0}, same = {0}, rare = {0};
	const char *whose = "", *prefix = pgae_voice_prefix(job->voice);

	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const AeColumn *column = &schema->columns[c];
		uint64 n = rows_with_value(job, column);
		char *name;

		if (column->varies || reason_of(job->codec, column, c, 0, repeat) != N_REASONS)
			continue;
		name = pgae_value_name(schema, c);
		if (column->kind == AE_KIND_CATEGORY && n > 0 && column->n_levels == 0)
		{
			add_name(&rare, name);
			continue;
		}
		name = psprintf("%s (a value in " UINT64_FORMAT " of " UINT64_FORMAT " rows)", name,
						pgae_codec_seen(job->codec, c)->n, pgae_job_all_rows(job));
		add_name(n == 0 ? &missing : &same, name);
	}
	if (missing.n + same.n + rare.n == 0 || !pgae_voice_may(job->voice, PGAE_NOTICE_COLUMNS))
		return;
	if (job->n_networks > 1)
		whose = psprintf(" that network %u of %u is trained on", job->number + 1, job->n_networks);
	if (missing.n > 0)
		ereport(NOTICE, (errmsg("%sNULL in all %zu rows%s, and left out there: %s", prefix,
								job->n_rows, whose, end_names(&missing))));
	if (same.n > 0)
		ereport(NOTICE, (errmsg("%sone value in all %zu rows%s: %s", prefix, job->n_rows, whose,
								end_names(&same))));
	if (rare.n > 0)
		ereport(NOTICE,
				(errmsg("%sno value in %u or more of the %zu rows%s, and left out there: %s",
						prefix, schema->min_frequency, job->n_rows, whose, end_names(&rare))));
}

/* ---- keys ---- */

/* Whether the column has integers that number the rows with few gaps. */
static bool
could_be_key(const PgaeJob *job, uint32 c)
{
	const AeColumn *column = &job->model->schema.columns[c];
	const PgaeSeen *seen = pgae_codec_seen(job->codec, c);
	uint64 n = pgae_job_all_rows(job);

	return column->kind == AE_KIND_NUMBER && column->element == 0 && seen->integer &&
		   n >= KEYS_ROWS && seen->n == n && seen->max - seen->min < 1.25 * (double) n;
}

/* Whether all inspected rows have different values. */
static bool
has_equal_values(const PgaeJob *job, uint32 c)
{
	size_t of = pgae_store_count(job->store), n = Min(of, KEYS_LOOKED_AT);
	double *values = palloc(Max(n, 1) * sizeof(double));
	bool equal = false;

	pgae_store_rewind(job->store);
	for (size_t i = 0; i < n; i++)
	{
		const char *record = pgae_spread_record(job->store, i, n, of);

		values[i] = pgae_codec_unpack(job->codec, record)->values[c];
	}
	pgae_sort_numbers(values, n);
	for (size_t i = 1; i < n && !equal; i++)
		equal = values[i] == values[i - 1];
	pfree(values);
	return equal;
}

void
pgae_notice_keys(const PgaeJob *job)
{
	const AeSchema *schema = &job->model->schema;

	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		const PgaeSeen *seen = pgae_codec_seen(job->codec, c);
		const char *name;

		if (!could_be_key(job, c) || has_equal_values(job, c) ||
			!pgae_voice_may(job->voice, PGAE_NOTICE_COLUMNS))
			continue;
		name = pgae_value_name(schema, c);
		ereport(
			NOTICE,
			(errmsg("%scolumn \"%s\" has a different whole number in every row, from %.0f to %.0f: "
					"it looks like an identifier",
					pgae_voice_prefix(job->voice), name, seen->min, seen->max),
			 errhint("Add \"%s\" to \"exclude\" if it only tells rows apart.", name)));
	}
}

/* ---- texts that look like something else ---- */

typedef enum Look
{
	LOOK_NUMBER,
	LOOK_PERCENTAGE,
	LOOK_DATE,
	LOOK_TIME,
	N_LOOKS /* like a text */
} Look;

static const char *const look_name[N_LOOKS] = {
	[LOOK_NUMBER] = "numbers",
	[LOOK_PERCENTAGE] = "percentages",
	[LOOK_DATE] = "dates",
	[LOOK_TIME] = "times",
};

/* What the inspected texts of a column look like. */
typedef struct Looks
{
	int n;
	int of[N_LOOKS];
	bool decorated;  /* numbers: a currency, or separators of thousands */
	bool comma;      /* numbers: it separates decimals */
	char separator;  /* dates: the last one's */
	bool year_first; /* the same */
	bool with_time;  /* some */
	int largest[2];  /* first and second part */
} Looks;

static const char *
skip_digits(const char *at, const char *end)
{
	while (at < end && isdigit((unsigned char) *at))
		at++;
	return at;
}

static const char *
skip_spaces(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	return at;
}

/* 12, -1,234.50, $12, (3), 1e5, 3 %: decorated or not. */
static Look
look_at_number(Looks *looks, const char *at, const char *end)
{
	const char *begin = at, *first, *comma = NULL;
	bool decorated = false;

	while (at < end && !isdigit((unsigned char) *at) && *at != '.' && at - begin < 6)
	{
		decorated |= *at != '-' && *at != '+';
		if (isalpha((unsigned char) *at) && !IS_HIGHBIT_SET(*at))
			return N_LOOKS;
		at++;
	}
	first = at;
	while ((at = skip_digits(at, end)) < end && *at == ',' && at > first)
		comma = at++;
	/* thousands are groups of three digits */
	decorated |= comma && at - comma == 4;
	looks->comma |= comma && at - comma != 4;
	if (at < end && *at == '.')
		at = skip_digits(at + 1, end);
	if (at == first || (at == first + 1 && *first == '.'))
		return N_LOOKS;
	if (end - at > 1 && (*at == 'e' || *at == 'E'))
		at = skip_digits(at + 1 + (at[1] == '-' || at[1] == '+'), end);
	at = skip_spaces(at, end);
	if (end - at == 1 && *at == '%')
		return LOOK_PERCENTAGE;
	if (end - at == 1 && *at == ')')
		at++;
	looks->decorated |= decorated;
	return at == end ? LOOK_NUMBER : N_LOOKS;
}

/* 2024-01-31, 1/31/2024 12:30, 31.1.24, 12:30:00 */
static Look
look_at_time(Looks *looks, const char *at, const char *end)
{
	int part[3], n = 0;
	char separator = '\0';
	bool year_first = false;

	for (; n < 3; n++)
	{
		const char *next = skip_digits(at, end);

		if (next == at || next - at > 4)
			return N_LOOKS;
		part[n] = 0;
		for (const char *digit = at; digit < next; digit++)
			part[n] = 10 * part[n] + (*digit - '0');
		year_first |= n == 0 && next - at == 4;
		at = next;
		if (n == 2 || at == end || strchr("-/.:", *at) == NULL || (separator && *at != separator))
			break;
		separator = *at++;
	}
	if (separator == ':')
		return skip_digits(at + (at < end && *at == '.'), end) == end ? LOOK_TIME : N_LOOKS;
	if (n < 2 || (at < end && *at != ' ' && *at != 'T'))
		return N_LOOKS;
	looks->separator = separator;
	looks->year_first = year_first;
	looks->with_time |= at < end;
	looks->largest[0] = Max(looks->largest[0], part[0]);
	looks->largest[1] = Max(looks->largest[1], part[1]);
	return LOOK_DATE;
}

/* What 90 % of the texts look like; N_LOOKS if they look like ordinary texts. */
static Look
look_at(Looks *looks, const PgaeLevels *levels)
{
	int n = pgae_levels_count(levels);

	looks->n = Min(n, LOOKED_AT);
	for (int i = 0; i < looks->n; i++)
	{
		size_t len;
		const char *at = pgae_levels_text(levels, (int) ((int64) i * n / looks->n), &len);
		const char *end = at + len;
		Look look;

		at = skip_spaces(at, end);
		while (end > at && end[-1] == ' ')
			end--;
		look = look_at_number(looks, at, end);
		if (look == N_LOOKS)
			look = look_at_time(looks, at, end);
		if (look < N_LOOKS)
			looks->of[look]++;
	}
	for (int look = 0; look < N_LOOKS; look++)
	{
		if (looks->of[look] * 100 >= looks->n * ALIKE)
			return (Look) look;
	}
	return N_LOOKS;
}

/* An expression that casts the column to what it looks like; palloc'd. */
static char *
cast_of(const Looks *looks, Look look, const char *column)
{
	const char *name = quote_identifier(column);
	const char *time = looks->with_time ? " HH24:MI:SS" : "";
	const char *number = looks->comma ? psprintf("replace(%s, ',', '.')", name) : name;
	char s = looks->separator;
	/* day, month and year are separated by dots */
	bool day_first = looks->largest[0] > 12 || (s == '.' && looks->largest[1] <= 12);

	switch (look)
	{
		case LOOK_NUMBER:
			return looks->decorated
					   ? psprintf("regexp_replace(%s, '[^0-9.-]', '', 'g')::numeric", number)
					   : psprintf("%s::numeric", number);
		case LOOK_PERCENTAGE:
			return psprintf("rtrim(%s, ' %%')::numeric", number);
		case LOOK_TIME:
			return psprintf("%s::time", name);
		default:
			break;
	}
	if (looks->year_first)
		return psprintf("%s::%s", name, looks->with_time ? "timestamp" : "date");
	return psprintf("%s(%s, '%s%c%s%cYYYY%s')", looks->with_time ? "to_timestamp" : "to_date", name,
					day_first ? "DD" : "MM", s, day_first ? "MM" : "DD", s, time);
}

/* "36 % of the rows"; below one percent, "3 of 1000 rows". */
static char *
rows_text(uint64 n, uint64 of)
{
	if (n * 100 < of)
		return psprintf(UINT64_FORMAT " of " UINT64_FORMAT " rows", n, of);
	return psprintf("%.0f %% of the rows", 100.0 * (double) n / (double) of);
}

/* A category whose texts look like something else. */
static void
notice_look(const char *prefix, const char *name, const Looks *looks, Look look, const char *rare,
			bool left_out)
{
	ereport(NOTICE,
			(errmsg(left_out ? "%sthe texts of column \"%s\" look like %s"
							 : "%scolumn \"%s\" is a category, but its texts look like %s",
					prefix, name, look_name[look]),
			 rare && !left_out ? errdetail("%s have one of the rarer texts.", rare) : 0,
			 errhint("Convert it in a subquery: %s AS %s.%s", cast_of(looks, look, name),
					 quote_identifier(name),
					 look == LOOK_DATE && !looks->year_first &&
							 Max(looks->largest[0], looks->largest[1]) <= 12
						 ? "  Check which comes first, day or month: the texts do not show it."
						 : "")));
}

/* A category whose levels do not all have inputs. */
static void
notice_wide(const char *prefix, const char *name, const char *rare, const AeColumn *column,
			uint32 max_levels)
{
	ereport(NOTICE,
			(errmsg("%scolumn \"%s\" has levels beyond the %u most frequent ones in %s", prefix,
					name, column->n_levels, rare),
			 errdetail("Such a column is judged by how often its values occur together with those "
					   "of the other columns."),
			 column->n_levels == max_levels
				 ? errhint("Raise \"max_levels\" to give more of them an input of their own.")
				 : 0));
}

/* Whether a category of n levels is almost useless, as hardly any two rows share a level. */
static bool
is_like_identifier(const PgaeJob *job, const AeColumn *column, uint32 c, int n)
{
	return (double) n > 0.5 * (double) pgae_codec_seen(job->codec, c)->n &&
		   reason_of(job->codec, column, c, 0, job->model->schema.min_frequency > 1) == N_REASONS;
}

/* Raises the most important notice about a category. */
static void
notice_category(const PgaeJob *job, uint32 c, const PgaeLevels *levels, uint64 n)
{
	const AeSchema *schema = &job->model->schema;
	const AeColumn *column = &schema->columns[c];
	bool rare = column->other * 100 >= n * RARE_ROWS;
	const char *prefix = pgae_voice_prefix(job->voice), *name = pgae_column_name(schema, c);
	Looks looks = {0};
	Look look;

	if (!column->wide && !rare && pgae_levels_count(levels) < MANY_LEVELS)
		return;
	look = look_at(&looks, levels);
	/* a code of digits may well be a category */
	if (look == LOOK_NUMBER && !rare)
		look = N_LOOKS;
	if (look == N_LOOKS && !column->wide &&
		!is_like_identifier(job, column, c, pgae_levels_count(levels)))
		return;
	if (!pgae_voice_may(job->voice, PGAE_NOTICE_COLUMNS))
		return;
	if (look < N_LOOKS)
		notice_look(prefix, name, &looks, look, rare ? rows_text(column->other, n) : NULL,
					!column->varies);
	else if (!column->varies)
		return; /* another notice says that already */
	else if (is_like_identifier(job, column, c, pgae_levels_count(levels)))
		ereport(NOTICE,
				(errmsg("%scolumn \"%s\" is a category of %d texts in " UINT64_FORMAT
						" rows: it looks like an identifier",
						prefix, name, pgae_levels_count(levels), pgae_codec_seen(job->codec, c)->n),
				 errhint("Exclude it, or compute something that rows have in common "
						 "in a subquery.")));
	else
		notice_wide(prefix, name, rows_text(column->other, n), column, schema->max_levels);
}

void
pgae_notice_texts(const PgaeJob *job)
{
	const AeSchema *schema = &job->model->schema;

	for (uint32 c = 0; c < schema->n_columns; c++)
	{
		uint64 n = rows_with_value(job, &schema->columns[c]);

		if (schema->columns[c].kind == AE_KIND_CATEGORY && n > 0)
			notice_category(job, c, pgae_codec_levels(job->codec, c), n);
	}
}
