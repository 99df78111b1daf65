/*
 * pg_standing.c: keeps the position of a job, and reports it.
 */
#include "pg_train.h"

#include <math.h>

void
pgae_job_set_where(PgaeJob *job)
{
	PgaeReport *report = job->report;

	strlcpy(report->which, pgae_voice_prefix(job->voice), sizeof(report->which));
	report->where[0] = '\0';
	if (job->n_networks > 1)
		snprintf(report->where, sizeof(report->where), "network %u of %u, ",
				 job->number + job->member + 1, job->n_networks);
}

PgaePosition
pgae_job_position(const PgaeJob *job)
{
	return (PgaePosition){.start = job->start,
						  .seconds_before = job->track ? job->track->seconds_before : 0,
						  .network = job->number + job->member + 1,
						  .n_networks = job->n_networks,
						  .pretraining = job->pretraining > 0,
						  .model = job->model,
						  .trainer = job->trainer,
						  .progress = job->progress};
}

double
pgae_job_seconds(const PgaeJob *job)
{
	PgaePosition at = pgae_job_position(job);

	return pgae_position_seconds(&at);
}

void
pgae_job_tell_phase(const PgaeJob *job, const char *phase)
{
	PgaePosition at = pgae_job_position(job);

	if (job->track)
		pgae_track_phase(job->track, phase, &at);
}

/* "1.2 M", "830", for rows per second. */
static char *
short_count(double count)
{
	if (count >= 1e6)
		return psprintf("%.1f M", count / 1e6);
	if (count >= 1e4)
		return psprintf("%.0f k", count / 1e3);
	return psprintf("%.0f", count);
}

/* "epoch 2 of 3, update 120 of 300"; with epochs only if their number was given. */
static void
append_standing(StringInfo text, const PgaeJob *job)
{
	const AeProgress *p = job->progress;
	uint32 epochs = job->model->options.epochs;
	bool lbfgs = job->model->options.optimizer == AE_OPTIMIZER_LBFGS;

	if (epochs > 0 && job->pretraining == 0 && !lbfgs)
		appendStringInfo(text, "epoch " UINT64_FORMAT " of %u, ",
						 p->state == AE_TRAIN_RUNNING ? Min(p->epoch + 1, epochs) : p->epoch,
						 epochs);
	appendStringInfo(text, "%s " UINT64_FORMAT " of " UINT64_FORMAT, lbfgs ? "iteration" : "update",
					 p->update, p->total_updates);
}

/*
 * The position of training: "update 120 of 300: training loss 0.123, validation loss 0.130"; whose:
 * put before it.
 */
static char *
describe_progress(const PgaeJob *job, const char *whose)
{
	const AeProgress *p = job->progress;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, whose);
	if (job->pretraining > 0)
		appendStringInfo(&text, "pretraining layer %u of %u, ", job->pretraining,
						 job->model->net.n_encoder);
	append_standing(&text, job);
	if (!isnan(p->train_loss))
		appendStringInfo(&text, ": training loss %.4g", p->train_loss);
	if (!isnan(p->validation_loss))
		appendStringInfo(&text, ", validation loss %.4g", p->validation_loss);
	return text.data;
}

void
pgae_job_report(PgaeJob *job, double now)
{
	const AeProgress *p = job->progress;
	char *text =
		psprintf("%s%s", pgae_voice_prefix(job->voice), describe_progress(job, job->report->where));
	double updates = (double) (p->update - job->last_update);
	double batch = Min((double) job->model->options.batch_size, (double) p->n_train);

	if (job->model->options.optimizer != AE_OPTIMIZER_LBFGS)
		text = psprintf("%s, %s rows/s", text,
						short_count(updates * batch / (now - job->last_report)));
	pgae_report_tell(job->report, text);
	job->last_report = now;
	job->last_update = p->update;
	pfree(text);
}

void
pgae_job_report_end(const PgaeJob *job)
{
	const char *where = job->report->where; /* "network 1 of 2, " or an empty string */
	size_t len = strlen(where);
	char *of = len > 2 ? psprintf(" of %.*s", (int) len - 2, where) : "";

	if (pgae_voice_of_many(job->voice) && !pgae_report_is_due(job->report))
		return;
	pgae_report_tell(job->report, psprintf("%straining%s ended (%s) after %.1f s: %s",
										   pgae_voice_prefix(job->voice), of,
										   ae_train_state_name[job->progress->state],
										   pgae_job_seconds(job), describe_progress(job, "")));
}
