/*
 * pg_calibrate.c: passes the rows that calibrate through the networks of a job; the engine
 * (ae_calibrate.h) computes what the model keeps of them.
 */
#include "pg_train.h"

#include <math.h>

#include "ae_bundle.h"
#include "ae_calibrate.h"
#include "ae_impute.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Calibration: the most multiply-adds of a batch (about 20 ms). */
#define SCORE_MACS 5e8

/* Rows in which hidden cells are filled, and the most multiply-adds for it (about 250 ms). */
#define MIN_TRIALS 16
#define MAX_TRIALS 256
#define TRIAL_MACS 5e9

PgaePanel *
pgae_panel_make(const AeModel *models, uint32 n_members, size_t batch)
{
	PgaePanel *panel = palloc0(sizeof(PgaePanel));
	size_t bytes;
	AeError error;

	for (uint32 m = 0; m < n_members; m++)
	{
		pgae_raise_unless_ok(ae_packed_size(&bytes, &models[m], &error), &error, NULL);
		panel->blocks[m] = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
		ae_packed_init(&panel->members[m], panel->blocks[m], &models[m], pgae_kernels(),
					   pgae_check_interrupts);
	}
	pgae_raise_unless_ok(ae_scorer_size(&bytes, panel->members, n_members, batch, &error), &error,
						 NULL);
	panel->blocks[n_members] = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	ae_scorer_init(&panel->scorer, panel->blocks[n_members], panel->members, n_members, batch);
	return panel;
}

void
pgae_panel_free(PgaePanel *panel)
{
	for (uint32 i = 0; i <= panel->scorer.n_members; i++)
		pfree(panel->blocks[i]);
	pfree(panel);
}

/* How many rows go through a network at a time. */
static size_t
batch_of(const AeNet *net)
{
	double batch = SCORE_MACS / ae_net_macs(net);

	return batch < 1 ? 1 : batch > PGAE_SCORE_BATCH ? PGAE_SCORE_BATCH : (size_t) batch;
}

/* ---- unseen values ---- */

/* Counts rows of the other fold with an unseen value in a source column, by its first value. */
static void
count_unseen(PgaeJob *job, uint64 *rows)
{
	const AeSchema *schema = &job->model->schema;
	double *parts = palloc(schema->n_columns * sizeof(double));
	size_t n = pgae_store_count(job->unseen);

	pgae_store_rewind(job->unseen);
	for (size_t i = 0; i < n; i++)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(job->unseen));

		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "calibrating", i, n);
		ae_unseen_count(rows, schema, row->values, row->missing, parts);
	}
	pfree(parts);
}

/* Sets the cost of unseen values. */
static void
price_unseen(PgaeJob *job)
{
	AeSchema *schema = &job->model->schema;
	uint64 *rows = palloc0(schema->n_columns * sizeof(uint64));

	ae_unseen_begin(schema);
	if (job->unseen)
		count_unseen(job, rows);
	ae_unseen_price(schema, job->n_rows, rows);
	pfree(rows);
}

/* ---- scores ---- */

/* Measures the head, from codes that the scorer has just returned. */
static void
tally_target(AeTargetTally *tally, AeScorer *scorer, const AeReal *codes, const AeReal *labels,
			 size_t n)
{
	uint32_t n_target = scorer->model->net.n_target;
	AeTargetMeasure measure = {n_target, pgae_kernels(),
							   palloc(Max(ae_target_scratch(n_target), 1) * sizeof(AeReal))};

	ae_target_tally(tally, ae_scorer_head(scorer, codes, n), labels, n, &measure);
	pfree(measure.scratch);
}

/* What is known of the rows that calibrate and, behind them, of frequent rows of training. */
typedef struct Scored
{
	AeTerms *terms;  /* under the member at hand; distances are 0 without prototypes */
	double *factors; /* what verdicts multiply raw scores by; NULL: there are no verdicts */
} Scored;

/* Fills in n rows of the scorer, whose codes it has just returned, from row `first` on. */
static void
fill_scored(Scored *scored, size_t first, AeScorer *scorer, const AeReal *codes, size_t n)
{
	AeTerms *terms = scored->terms + first;
	double errors[PGAE_SCORE_BATCH];

	ae_scorer_errors(errors, scorer, ae_scorer_decode(scorer, codes, n), n);
	for (size_t i = 0; i < n; i++)
	{
		terms[i] = ae_scorer_terms(scorer, i, errors[i]);
		if (scored->factors)
			scored->factors[first + i] = ae_members_judge(scorer, i, true);
	}
}

/* Passes the rows that calibrate through one member; also measures its codes and its target. */
static void
score_sample(PgaeJob *job, Scored *scored)
{
	AeModel *model = job->model;
	PgaeSample sample = pgae_sample_begin(job);
	size_t n_code = model->net.width[model->net.n_encoder];
	AeReal *ranges = palloc(2 * n_code * sizeof(AeReal));
	PgaePanel *panel = pgae_panel_make(model, 1, batch_of(&model->net));
	AeScorer *scorer = &panel->scorer;
	AeReal *labels = job->rows.has_target ? palloc(scorer->batch * sizeof(AeReal)) : NULL;
	AeTargetTally target = {0};
	AeCodeTally tally;

	ae_code_tally_init(&tally, n_code, ranges);
	if (model->net.spread)
		tally.divergence = palloc0(n_code * sizeof(double));
	for (size_t first = 0; first < sample.n; first += scorer->batch)
	{
		size_t count = Min(scorer->batch, sample.n - first);
		const AeReal *codes;

		pgae_report_step(job->report, "calibrating", first, sample.n);
		pgae_sample_next(job, &sample, scorer, labels, first, count);
		codes = ae_scorer_encode(scorer, count);
		ae_code_tally_add(&tally, codes, count);
		if (tally.divergence)
			ae_code_tally_spread(&tally, codes, scorer->spread, count);
		if (labels)
			tally_target(&target, scorer, codes, labels, count);
		fill_scored(scored, first, scorer, codes, count);
	}
	for (uint32 i = 0; i < job->frequent.n; i++)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, job->frequent.records[i]);

		ae_scorer_take(scorer, 0, row->values, row->missing);
		fill_scored(scored, sample.n + i, scorer, ae_scorer_encode(scorer, 1), 1);
	}
	ae_code_tally_keep(model, &tally);
	model->target_loss = pgae_finite_or_nan(ae_target_mean_loss(&target));
	model->target_accuracy = pgae_finite_or_nan(ae_target_accuracy(&target, model->net.n_target));
	pgae_panel_free(panel);
	pfree(ranges);
}

/* Room for n numbers or structs of that size. */
static void *
make_room(size_t n, size_t size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n, 1) * size,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
pgae_job_score_rows(PgaeJob *job)
{
	bool normed = job->unseen || job->n_members > 1 || job->models[0].prototypes.n > 0;
	PgaeSample sample = pgae_sample_begin(job);
	size_t n = sample.n + job->frequent.n;
	Scored scored = {.terms = make_room(n, sizeof(AeTerms))};
	double *factors = NULL;

	if (ae_verdicts_count(&job->models[0].verdicts) > 0)
		factors = make_room(n, sizeof(double));
	job->scores = make_room(n, sizeof(double));
	price_unseen(job);
	for (job->member = 0; job->member < job->n_members; job->member++)
	{
		job->model = &job->models[job->member];
		pgae_job_set_where(job);
		scored.factors = job->member == 0 ? factors : NULL; /* the first member has the verdicts */
		score_sample(job, &scored);
		ae_calibrate_norms(job->model, scored.terms, sample.n, normed);
		ae_calibrate_add(job->scores, job->model, scored.terms, n, job->n_members);
	}
	for (size_t i = 0; factors && i < n; i++)
		job->scores[i] *= factors[i];
	pfree(scored.terms);
	if (factors)
		pfree(factors);
	job->model = &job->models[0];
	job->n_scores = job->unseen ? pgae_job_weigh_frequent(job, sample.n) : sample.n;
	job->scores_unseen = sample.unseen;
}

/* ---- imputing ---- */

/*
 * Finds the way that fills hidden cells of the calibration rows best. Rows are picked by their
 * hash, and few rows are used several times, so that the result does not depend on the order of
 * reading.
 */
void
pgae_job_choose_filling(PgaeJob *job)
{
	AeModel *model = job->model = &job->models[0];
	PgaeSample sample = pgae_sample_begin(job);
	double macs = ae_net_macs(&model->net) * AE_IMPUTE_TRIAL_PASSES * job->n_members;
	double n_wanted = Max(MIN_TRIALS, Min(MAX_TRIALS, TRIAL_MACS / macs));
	size_t n_rounds = (size_t) ceil(n_wanted / (double) Max(sample.n, 1));
	double share = n_wanted / ((double) sample.n * (double) n_rounds);
	AeTrials trials = {0};
	PgaePanel *panel = pgae_panel_make(job->models, job->n_members, 1);
	AeScorer *scorer = &panel->scorer;
	AeReal label;
	bool *hidden = palloc(model->schema.n_columns * sizeof(bool));
	AeReal *scratch = palloc(ae_impute_scratch(model) * sizeof(AeReal));

	for (size_t round = 0; sample.n > 0 && round < n_rounds; round++)
	{
		sample = pgae_sample_begin(job);
		for (size_t i = 0; i < sample.n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			pgae_sample_next(job, &sample, scorer, job->rows.has_target ? &label : NULL, i, 1);
			if (share < 1 && ae_impute_draw(scorer) >= share)
				continue;
			ae_impute_trial(&trials, scorer, round, hidden, scratch);
		}
	}
	model->filling = ae_impute_best(&trials);
	for (uint32 m = 0; m < job->n_members; m++)
		job->models[m].filling = model->filling;
	pgae_panel_free(panel);
	pfree(hidden);
	pfree(scratch);
}

/* ---- the jobs of all folds together ---- */

static int
descending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	CHECK_FOR_INTERRUPTS(); /* the array may be long; a cancel loses nothing but its order */
	return x < y ? 1 : x > y ? -1 : 0;
}

/* Raw scores of all jobs, in descending order; palloc'd. Those of the jobs are freed. */
static double *
pool_scores(PgaeJob **jobs, uint32 n_jobs, size_t *n)
{
	size_t at = 0;
	double *scores;

	*n = 0;
	for (uint32 i = 0; i < n_jobs; i++)
		*n += jobs[i]->n_scores;
	scores = MemoryContextAllocHuge(CurrentMemoryContext, Max(*n, 1) * sizeof(double));
	for (uint32 i = 0; i < n_jobs; i++)
	{
		memcpy(scores + at, jobs[i]->scores, jobs[i]->n_scores * sizeof(double));
		at += jobs[i]->n_scores;
		pfree(jobs[i]->scores);
		jobs[i]->scores = NULL;
	}
	qsort(scores, *n, sizeof(double), descending);
	return scores;
}

/*
 * Raw scores of each fold are in units of its own unseen rows, and chance decides the fold of a
 * row. So one table of all of them says how rare a score is, and p-values, thresholds and flags
 * follow the order of raw scores, whatever the fold.
 */
void
pgae_jobs_calibrate(PgaeJob **jobs, uint32 n_jobs)
{
	AeCalibration *calibration = &jobs[0]->models[0].calibration;
	size_t n;
	double *scores = pool_scores(jobs, n_jobs, &n);
	double largest = ae_calibrate_largest(scores, n);

	for (uint32 i = 0; i < n_jobs; i++)
		ae_unseen_raise(jobs[i]->models, jobs[i]->n_members, largest);
	calibration->score = palloc(AE_CALIBRATION_POINTS * sizeof(double));
	calibration->n_above = palloc(AE_CALIBRATION_POINTS * sizeof(uint64_t));
	calibration->unseen = jobs[0]->scores_unseen;
	ae_calibration_fit(calibration, scores, n);
	pfree(scores);
}
