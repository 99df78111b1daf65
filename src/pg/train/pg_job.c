/*
 * pg_job.c: turns sorted rows into trained networks, for one fold of an ae.train or all of it.
 *
 * A sequence of phases that share one PgaeJob: measure the columns and resolve the options
 * (pg_measure.c), scale the rows (pg_scale.c), train (pg_run.c), find pairs and prototypes
 * (pg_extras.c), weigh verdicts (pg_verdict.c), calibrate (pg_calibrate.c), compare with principal
 * components.  Every phase is a loop of short steps with a check for interrupts between them.  The
 * networks of a job, its members, share everything but their weights.
 *
 * The result depends on the set of rows, the options and the seed: no clock, order of rows or size
 * of memory may influence it (except with time_limit).
 *
 * Knows rows, steps and models; knows no layer, no gradient and no kernel.
 */
#include "pg_train.h"

/*
 * What the noise of each of several members is multiplied by, so that each has a view of its own
 * (measured).
 */
static const double member_noise[AE_MAX_MEMBERS] = {0.5, 2, 1, 1};

/* Fills in the models of all members as far as they are known before training. */
static void
begin_members(PgaeJob *job)
{
	AeModel first = job->models[0];

	for (uint32 m = 0; m < job->n_members && job->n_members > 1; m++)
	{
		AeModel *model = &job->models[m];

		*model = first;
		model->options.seed = first.options.seed + m;
		model->options.noise = Min(first.options.noise * member_noise[m], AE_MAX_NOISE);
	}
}

/* 54000 before any row is trained on, where weights and verdicts alone are more than a model may have. */
static void
check_size(const PgaeJob *job)
{
	const AeNet *net = &job->model->net;
	double weights = (double) ae_net_n_params(net) * sizeof(float) * job->n_networks;
	double judged = (double) pgae_job_n_verdicts(job) * sizeof(float);
	double verdicts = judged * ae_layout_cells(&net->layout) * job->n_networks / job->n_members;

	if (weights > (double) AE_MAX_MODEL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the model would have %.0f bytes of weights, more than %zu", weights,
							   AE_MAX_MODEL),
						errhint("Make \"hidden\" narrower, or set \"folds\" to 1.")));
	if (weights + verdicts > (double) AE_MAX_MODEL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model would have %.0f bytes of weights and verdicts, more than %zu",
						weights + verdicts, AE_MAX_MODEL),
				 errdetail("%zu verdicts take %.0f bytes.", pgae_job_n_verdicts(job), verdicts),
				 errhint("Keep the latest ones, and use NULL for the others.")));
}

bool
pgae_job_run(PgaeJob *job)
{
	job->models = palloc0(job->n_members * sizeof(AeModel));
	job->model = &job->models[0];
	pgae_job_set_where(job);
	job->n_rows = pgae_store_count(job->store);
	job->model->format = AE_MODEL_FORMAT;
	job->model->arithmetic = AE_MODEL_ARITHMETIC;
	job->model->server_version = PG_VERSION_NUM;
	pgae_job_tell_phase(job, "scaling");
	if (!pgae_job_fit_columns(job))
		return false;
	check_size(job);
	pgae_job_scale(job);
	begin_members(job);
	for (job->member = 0; job->member < job->n_members; job->member++)
	{
		job->model = &job->models[job->member];
		pgae_job_set_where(job);
		pgae_job_train(job);
	}
	job->member = 0;
	job->model = &job->models[0];
	pgae_job_tell_phase(job, "calibrating");
	pgae_job_know_rows(job);
	pgae_job_make_pairs(job);
	pgae_job_make_prototypes(job);
	pgae_job_weigh_verdicts(job);
	pgae_job_score_rows(job);
	pgae_job_choose_filling(job);
	pgae_job_sketch(job);
	for (uint32 m = 0; m < job->n_members; m++)
	{
		job->model = &job->models[m];
		pgae_job_compare(job);
	}
	pgae_store_drop_rows(job->store);
	return true;
}
