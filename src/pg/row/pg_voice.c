/*
 * pg_voice.c: the notices of a statement that trains many models.
 *
 * GROUP BY may train thousands of models.  For a single one, every notice is worth its line. For
 * many, progress is reported once a second with the number of the model; any other notice is raised
 * for the first model that it applies to, and the end of the statement says how many more it
 * applied to.
 *
 * Models are numbered as their trainings end. A sorted plan ends one before it begins the next, so
 * the first one cannot know that more will follow.
 *
 * Knows when to speak; knows nothing of what is said.
 */
#include "pg_row.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Bytes of the line at the end. */
#define LINE 512

struct PgaeVoice
{
	uint64 n_begun;
	uint64 current; /* the model whose training ends, from 1; 0: none yet */
	struct
	{
		uint64 n_models;
		uint64 first;
		uint64 last;
	} about[PGAE_N_NOTICES];
	MemoryContextCallback callback;
};

/* The name of a notice in the line at the end; NULL if that does not mention it. */
static const char *const names[PGAE_N_NOTICES] = {
	[PGAE_NOTICE_ONE_NETWORK] = "one network for all rows",
	[PGAE_NOTICE_SMALLEST_P] = "few rows to compare with",
	[PGAE_NOTICE_ONE_VALUE] = "columns of one value",
	[PGAE_NOTICE_ALL_NULL] = "columns of NULL left out",
	[PGAE_NOTICE_COLUMNS] = "columns to look at",
	[PGAE_NOTICE_LABELS] = "rare labels not learnt",
	[PGAE_NOTICE_VERDICTS] = "no verdicts",
	[PGAE_NOTICE_DIVERGED] = "training diverged",
	[PGAE_NOTICE_NO_MODEL] = "no model",
};

/*
 * The statement's memory is being freed: says how many more models its notices applied to. A
 * statement that failed says nothing. Nothing may be raised from here, not even a cancel.
 */
static void
sum_up(void *arg)
{
	const PgaeVoice *voice = arg;
	char line[LINE] = "";
	int used = 0;

	for (int i = 0; i < PGAE_N_NOTICES; i++)
	{
		if (names[i] == NULL || voice->about[i].n_models < 2 || used >= LINE)
			continue;
		used += snprintf(line + used, LINE - used, "%s%s (" UINT64_FORMAT ")", used ? ", " : "",
						 names[i], voice->about[i].n_models);
	}
	if (used == 0 || !IsTransactionState())
		return;
	HOLD_INTERRUPTS();
	ereport(NOTICE, (errmsg("notices that were raised once apply to more of the " UINT64_FORMAT
							" models: %s",
							voice->current, line)));
	RESUME_INTERRUPTS();
}

PgaeVoice *
pgae_voice_create(MemoryContext context)
{
	PgaeVoice *voice = MemoryContextAllocZero(context, sizeof(PgaeVoice));

	voice->callback.func = sum_up;
	voice->callback.arg = voice;
	MemoryContextRegisterResetCallback(context, &voice->callback);
	return voice;
}

bool
pgae_voice_begin(PgaeVoice *voice)
{
	return voice->n_begun++ == 0;
}

void
pgae_voice_end(PgaeVoice *voice)
{
	voice->current++;
}

bool
pgae_voice_may(PgaeVoice *voice, PgaeNotice notice)
{
	if (voice->about[notice].last != voice->current)
	{
		voice->about[notice].last = voice->current;
		if (voice->about[notice].n_models++ == 0)
			voice->about[notice].first = voice->current;
	}
	return voice->about[notice].first == voice->current;
}

bool
pgae_voice_of_many(const PgaeVoice *voice)
{
	return voice->n_begun > 1;
}

const char *
pgae_voice_prefix(const PgaeVoice *voice)
{
	return pgae_voice_of_many(voice) ? psprintf("model " UINT64_FORMAT ": ", voice->current) : "";
}
