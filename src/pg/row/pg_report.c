/*
 * pg_report.c: reports the progress of a statement that trains about once a second, by a NOTICE and
 * in pg_stat_activity.
 *
 * All trainings of an aggregate call share one PgaeReport, that of their budget.  Whatever takes
 * long calls pgae_report_step whenever it checks for interrupts; this only costs a look at the
 * clock.
 */
#include "pg_row.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* Seconds between two reports. */
#define INTERVAL 1

/*
 * Shows a text in pg_stat_activity and restores the query identifier, which a new text would clear.
 */
static void
show(const PgaeReport *report, const char *text)
{
	pgstat_report_activity(STATE_RUNNING, text);
	pgstat_report_query_id(report->query_id, true);
}

/* Shows again what pg_stat_activity showed before. */
static void
restore_activity(void *arg)
{
	pgae_report_end(arg);
}

void
pgae_report_begin(PgaeReport *report, MemoryContext context)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(*callback));

	/* a worker may run without a statement */
	const char *statement = debug_query_string ? debug_query_string : "";
	size_t size = Min(strlen(statement) + 1, (size_t) pgstat_track_activity_query_size);

	INSTR_TIME_SET_CURRENT(report->told);
	report->activity = MemoryContextAlloc(context, size);
	strlcpy(report->activity, statement, size);
	report->query_id = pgstat_get_my_query_id();
	/* after an error it is restored when the context is deleted */
	callback->func = restore_activity;
	callback->arg = report;
	MemoryContextRegisterResetCallback(context, callback);
}

void
pgae_report_end(PgaeReport *report)
{
	if (report->shown)
		show(report, report->activity);
	report->shown = false;
	report->which[0] = report->where[0] = '\0';
}

bool
pgae_report_is_due(const PgaeReport *report)
{
	instr_time since;

	INSTR_TIME_SET_CURRENT(since);
	INSTR_TIME_SUBTRACT(since, report->told);
	return INSTR_TIME_GET_DOUBLE(since) >= INTERVAL;
}

void
pgae_report_tell(PgaeReport *report, const char *text)
{
	char *activity = report->model ? psprintf("ae.train_model %s: %s", report->model, text)
								   : psprintf("ae.train: %s", text);

	show(report, activity);
	report->shown = true;
	INSTR_TIME_SET_CURRENT(report->told);
	if (pgae_progress)
		ereport(NOTICE, (errmsg("%s", text)));
	pfree(activity);
}

void
pgae_report_step(PgaeReport *report, const char *phase, uint64 done, uint64 planned)
{
	char *text;

	CHECK_FOR_INTERRUPTS();
	if (likely(!pgae_report_is_due(report)))
		return;
	text = planned > 0 ? psprintf("%s%s%s: " UINT64_FORMAT " of " UINT64_FORMAT " rows",
								  report->which, report->where, phase, done, planned)
					   : psprintf("%s%s%s: " UINT64_FORMAT " rows", report->which, report->where,
								  phase, done);
	pgae_report_tell(report, text);
	pfree(text);
}
