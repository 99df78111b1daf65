/*
 * pg_calibrate.c: the scores of rows that calibrate, and what a model keeps of them.
 */
#include "pg_train.h"

#include <math.h>

#include "ae_impute.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Calibration: rows of a batch, and multiply-adds that one may take (some 20 ms). */
#define SCORE_BATCH 64
#define SCORE_MACS 5e8

/* Rows that hidden cells are filled in, and multiply-adds of that (some 250 ms). */
#define MIN_TRIALS 16
#define MAX_TRIALS 256
#define TRIAL_MACS 5e9

/* A code unit whose values differ by less than this over all rows looked at is dead. */
#define DEAD_RANGE 1e-6f

/* Errors and distances of less than this count as this much in the mean of their logarithms. */
#define LEAST_TERM 1e-12

/* In *block, to be freed with it. */
static AeScorer *
make_scorer(const AeModel *model, void **block)
{
	AeScorer *scorer = palloc(sizeof(AeScorer));
	double batch = SCORE_MACS / ae_net_macs(&model->net);
	size_t n = batch < 1 ? 1 : batch > SCORE_BATCH ? SCORE_BATCH : (size_t) batch;
	size_t bytes;
	AeError error;

	pgae_raise_unless_ok(ae_scorer_size(&bytes, model, n, &error), &error, &model->schema);
	*block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	ae_scorer_init(scorer, *block, model, n, pgae_kernels());
	return scorer;
}

/* ---- unseen values ---- */

/* Rows of the other fold that have an unseen value in a source column, by its first value. */
static void
count_unseen(PgaeJob *job, uint64 *rows)
{
	const AeSchema *schema = &job->model->schema;
	double *parts = palloc(schema->n_columns * sizeof(double));
	PgaeSample sample = pgae_sample_begin(job);

	for (size_t i = 0; i < sample.n; i++)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(sample.store));

		if (i % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "calibrating", i, sample.n);
		if (!(ae_scaler_unseen(parts, schema, row->values, row->missing) > 0))
			continue;
		/* the elements of an array are many values of one column */
		for (uint32_t c = 0; c < schema->n_columns; c++)
			rows[c] += schema->is_array || parts[c] > 0;
	}
	pfree(parts);
}

/*
 * What unseen values cost, by source column: the square of a standardised event that has happened
 * k times in so many rows.  Of n rows of training it did not happen in one; where there are rows
 * that training did not see k is counted in them.
 */
static void
price_unseen(PgaeJob *job)
{
	AeSchema *schema = &job->model->schema;
	uint64 *rows = palloc0(schema->n_columns * sizeof(uint64));

	for (uint32_t c = 0, end; c < schema->n_columns; c = end)
	{
		bool known = false;

		end = ae_schema_source_end(schema, c);
		for (uint32_t e = c; e < end; e++)
		{
			schema->columns[e].unseen = 0;
			known |= ae_column_is_known(&schema->columns[e]);
		}
		schema->columns[c].unseen = known;
	}
	if (job->unseen)
		count_unseen(job, rows);
	for (uint32_t c = 0; c < schema->n_columns; c++)
		schema->columns[c].unseen *= (double) job->n_rows / (double) (rows[c] + 1);
	pfree(rows);
}

/*
 * An unseen value that no row had at all costs enough to put its row above all those that
 * calibrate, the largest of whose scores is given.
 */
static void
raise_unseen(PgaeJob *job, double largest)
{
	AeSchema *schema = &job->models[0].schema;
	double norm = 0, least;

	for (uint32 m = 0; m < job->n_members; m++)
		norm = Max(norm, job->models[m].error_norm);
	/* the error is divided by the number of columns, and by the norm */
	least = largest * (1 + 1e-6) * norm * schema->n_sources;
	for (uint32_t c = 0; c < schema->n_columns && isfinite(least); c++)
	{
		if (schema->columns[c].unseen == (double) job->n_rows)
			schema->columns[c].unseen = Max(schema->columns[c].unseen, least);
	}
}

/* ---- scores ---- */

/* Widens low / high, the range of every code unit, by the codes of some rows. */
static void
widen_ranges(AeReal *low, AeReal *high, const AeReal *codes, size_t n_rows, size_t n_code)
{
	for (size_t i = 0; i < n_rows; i++)
	{
		for (size_t j = 0; j < n_code; j++)
		{
			low[j] = Min(low[j], codes[i * n_code + j]);
			high[j] = Max(high[j], codes[i * n_code + j]);
		}
	}
}

/* Adds codes to the sum of their numbers and to the count of zeros. */
static void
tally_codes(double *sum, double *n_zero, const AeReal *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		*sum += (double) codes[i];
		*n_zero += codes[i] == 0;
	}
}

/* How good the head is, from codes that the scorer has just given. */
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

/* The terms of raw scores, one of each for every row that calibrates. */
typedef struct Terms
{
	double *error;
	double *distance;
	double *extreme;
} Terms;

static void
alloc_terms(Terms *terms, size_t n)
{
	double **const arrays[] = {&terms->error, &terms->distance, &terms->extreme};

	for (int i = 0; i < (int) lengthof(arrays); i++)
		*arrays[i] = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double));
}

/* Terms of the rows that calibrate, distances 0 without prototypes; dead code units. */
static PgaeSample
score_sample(PgaeJob *job, Terms *terms)
{
	AeModel *model = job->model;
	PgaeSample sample = pgae_sample_begin(job);
	size_t n_code = model->net.width[model->net.n_encoder];
	AeReal *low = palloc(2 * n_code * sizeof(AeReal));
	AeReal *high = low + n_code;
	void *block;
	AeScorer *scorer = make_scorer(model, &block);
	double sum = 0, n_zero = 0;
	AeReal *labels = job->rows.has_target ? palloc(scorer->batch * sizeof(AeReal)) : NULL;
	AeTargetTally target = {0};

	alloc_terms(terms, sample.n);
	for (size_t j = 0; j < n_code; j++)
	{
		low[j] = INFINITY;
		high[j] = -INFINITY;
	}
	for (size_t first = 0; first < sample.n; first += scorer->batch)
	{
		size_t count = Min(scorer->batch, sample.n - first);
		const AeReal *codes;

		pgae_report_step(job->report, "calibrating", first, sample.n);
		pgae_sample_next(job, &sample, scorer, labels, first, count);
		codes = ae_scorer_encode(scorer, count);
		widen_ranges(low, high, codes, count, n_code);
		tally_codes(&sum, &n_zero, codes, count * n_code);
		if (labels)
			tally_target(&target, scorer, codes, labels, count);
		ae_scorer_errors(terms->error + first, scorer, ae_scorer_decode(scorer, codes, count),
						 count);
		for (size_t i = 0; i < count; i++)
		{
			const AeReal *cells = scorer->cells + i * job->rows.width;

			terms->distance[first + i] = ae_distance_term(&scorer->distance, cells, NULL, NULL);
			terms->extreme[first + i] =
				ae_extremes_term(NULL, &model->extremes, &model->schema, cells);
		}
	}
	for (size_t j = 0; j < n_code; j++)
		model->n_dead += high[j] - low[j] <= DEAD_RANGE;
	model->code_zeros = sample.n > 0 ? n_zero / ((double) sample.n * n_code) : 0;
	model->target_loss = pgae_finite_or_nan(ae_target_mean_loss(&target));
	model->target_accuracy = pgae_finite_or_nan(ae_target_accuracy(&target, model->net.n_target));
	model->code_mean = sample.n > 0 && isfinite(sum) ? sum / ((double) sample.n * n_code) : 0;
	pfree(scorer);
	pfree(block);
	pfree(low);
	return sample;
}

/* exp of the mean logarithm */
static double
geometric_mean(const double *terms, size_t n)
{
	double sum = 0;
	size_t n_finite = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (!isfinite(terms[i]))
			continue;
		sum += log(Max(terms[i], LEAST_TERM));
		n_finite++;
	}
	return n_finite > 0 ? exp(sum / n_finite) : 1;
}

void
pgae_job_score_rows(PgaeJob *job)
{
	bool normed = job->unseen || job->n_members > 1 || job->models[0].prototypes.n > 0;
	double *raw = NULL;
	PgaeSample sample = {0};

	price_unseen(job);
	for (job->member = 0; job->member < job->n_members; job->member++)
	{
		AeModel *model = job->model = &job->models[job->member];
		Terms terms;

		pgae_job_set_where(job);
		sample = score_sample(job, &terms);
		model->error_norm = normed ? geometric_mean(terms.error, sample.n) : 1;
		/* a third of the weight of the error: measured, on clean and on contaminated tables */
		model->distance_norm =
			model->prototypes.n > 0 ? 3 * geometric_mean(terms.distance, sample.n) : 1;
		for (size_t i = 0; i < sample.n; i++)
		{
			double one = terms.error[i] / model->error_norm;

			if (model->prototypes.n > 0)
				one += terms.distance[i] / model->distance_norm;
			one += terms.extreme[i];
			terms.error[i] = (isfinite(one) ? one : INFINITY) / job->n_members;
			if (raw)
				raw[i] += terms.error[i];
		}
		if (raw)
			pfree(terms.error);
		else
			raw = terms.error;
		pfree(terms.distance);
		pfree(terms.extreme);
	}
	job->scores = raw;
	job->n_scores = sample.n;
	job->scores_unseen = sample.unseen;
	job->model = &job->models[0];
}

/* ---- imputing ---- */

/*
 * Which way fills hidden cells of the rows that calibrate best.  Rows are picked by their hash, and
 * few ones come several times, so that it does not depend on the order in which they are read.
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
	AeScorer *scorers[AE_MAX_MEMBERS];
	void *blocks[AE_MAX_MEMBERS];
	AeReal label;
	bool *hidden = palloc(model->schema.n_columns * sizeof(bool));
	AeReal *scratch = palloc(ae_impute_scratch(model) * sizeof(AeReal));

	for (uint32 m = 0; m < job->n_members; m++)
		scorers[m] = make_scorer(&job->models[m], &blocks[m]);
	for (size_t round = 0; sample.n > 0 && round < n_rounds; round++)
	{
		sample = pgae_sample_begin(job);
		for (size_t i = 0; i < sample.n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			pgae_sample_next(job, &sample, scorers[0], job->rows.has_target ? &label : NULL, i, 1);
			if (share < 1 && ae_impute_draw(scorers[0]) >= share)
				continue;
			ae_impute_trial(&trials, scorers, job->n_members, round, hidden, scratch);
		}
	}
	model->filling = ae_impute_best(&trials);
	for (uint32 m = 0; m < job->n_members; m++)
	{
		job->models[m].filling = model->filling;
		pfree(scorers[m]);
		pfree(blocks[m]);
	}
	pfree(hidden);
	pfree(scratch);
}

/* ---- the jobs of all folds together ---- */

static int
descending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	CHECK_FOR_INTERRUPTS(); /* the array may be long; nothing is lost but its order */
	return x < y ? 1 : x > y ? -1 : 0;
}

/*
 * Raw scores of both folds are in units of their own unseen rows, and a row is in either fold by
 * chance: so one table of all of them says how rare a score is, and p-values, thresholds and
 * flags are in the order of raw scores, whatever the fold.
 */
void
pgae_jobs_calibrate(PgaeJob **jobs, uint32 n_jobs)
{
	AeCalibration *calibration = &jobs[0]->models[0].calibration;
	size_t n = 0, at = 0;
	double *scores, largest = 0;

	for (uint32 i = 0; i < n_jobs; i++)
		n += jobs[i]->n_scores;
	scores = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(double));
	for (uint32 i = 0; i < n_jobs; i++)
	{
		memcpy(scores + at, jobs[i]->scores, jobs[i]->n_scores * sizeof(double));
		at += jobs[i]->n_scores;
		pfree(jobs[i]->scores);
		jobs[i]->scores = NULL;
	}
	qsort(scores, n, sizeof(double), descending);
	for (size_t i = 0; i < n && largest == 0; i++)
		largest = isfinite(scores[i]) ? scores[i] : 0;
	for (uint32 i = 0; i < n_jobs; i++)
		raise_unseen(jobs[i], largest);
	calibration->score = palloc(AE_CALIBRATION_POINTS * sizeof(double));
	calibration->n_above = palloc(AE_CALIBRATION_POINTS * sizeof(uint64_t));
	calibration->unseen = jobs[0]->scores_unseen;
	ae_calibration_fit(calibration, scores, n);
	pfree(scores);
}
