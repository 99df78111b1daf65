/*
 * pg_job.c: from sorted rows to trained networks: one fold of an ae.train, or all of it.
 *
 * A sequence of phases that share one PgaeJob: measure the columns, resolve the options,
 * scale the rows, train, find prototypes, calibrate, compare with principal components.  Every
 * phase is a loop of short steps with a look at interrupts between them.  The networks of a
 * job, its members, share everything but their weights.
 *
 * What comes out depends on the set of rows, the options and the seed: no clock, no order of
 * rows, no size of memory may leave a trace in it (time_limit excepted).
 *
 * Knows rows, steps and models; knows no layer, no gradient and no kernel.
 */
#include "pg_train.h"

#include <float.h>
#include <math.h>

#include "ae_impute.h"
#include "ae_pca.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define ROWS_PER_CHECK 256

/* Rows that quantiles are taken of, and values of all columns together. */
#define SAMPLE_ROWS ((size_t) 65536)
#define SAMPLE_VALUES ((size_t) 4 * 1024 * 1024)

/* Levels of a category that have an input of their own. */
#define DEFAULT_MAX_LEVELS 100
#define DEFAULT_MIN_FREQUENCY 2

/* Calibration: rows of a batch, and multiply-adds that one may take (some 20 ms). */
#define SCORE_BATCH 64
#define SCORE_MACS 5e8

/* Rows that hidden cells are filled in, and multiply-adds of that (some 250 ms). */
#define MIN_TRIALS 16
#define MAX_TRIALS 256
#define TRIAL_MACS 5e9

/* Without validation rows, so many training rows calibrate. */
#define MAX_SEEN_SCORES 10000

/* Rows that principal components are taken of, and of one step. */
#define PCA_ROWS 16384
#define PCA_STEP 64

/* A code unit whose values differ by less than this over all rows looked at is dead. */
#define DEAD_RANGE 1e-6f

/* Rows that calibrate a crossed network at most. */
#define MAX_UNSEEN_SCORES ((size_t) 262144)

/* Clusters: rows they are made of, passes over them, rows for each at least on the average. */
#define CLUSTER_ROWS ((size_t) 16384)
#define CLUSTER_PASSES 3
#define CLUSTER_SHARE 5
/* Cells of all prototypes together. */
#define PROTOTYPE_CELLS (1024 * 1024)

/* Epochs of the history that a model of few rows keeps. */
#define MIN_HISTORY 32

/*
 * Memory that a training may take: so many times maintenance_work_mem, and whatever that is, what
 * a network of a few hundred columns is trained in.
 */
#define NETWORK_FACTOR 4
#define LEAST_MEMORY ((size_t) 32 * 1024 * 1024)

/* Rows held out for validation that calibrate at most. */
#define MAX_HELD_OUT_SCORES ((size_t) 1024 * 1024)

/* Errors and distances of less than this count as this much in the mean of their logarithms. */
#define LEAST_TERM 1e-12

/* What the noise of each of several members is multiplied by: views of their own (measured). */
static const double member_noise[AE_MAX_MEMBERS] = {0.5, 2, 1, 1};

/* Which of several networks the next reports are of. */
static void
set_where(PgaeJob *job)
{
	PgaeReport *report = job->report;

	strlcpy(report->which, pgae_voice_prefix(job->voice), sizeof(report->which));
	report->where[0] = '\0';
	if (job->n_networks > 1)
		snprintf(report->where, sizeof(report->where), "network %u of %u, ",
				 job->number + job->member + 1, job->n_networks);
}

/* ---- phases: columns, options, inputs ---- */

static void
raise_unless_ok(AeStatus status, const AeError *error, const AeSchema *schema)
{
	if (status != AE_OK)
		pgae_raise(error, schema);
}

/* What is measured of the rows before they are scaled. */
typedef struct Measures
{
	AeStatistics *statistics; /* one per column */
	uint64 **counts;          /* of a category: rows by number of the level; else NULL */
	size_t sample_rows;       /* first rows whose values are kept where a scaling needs them */
	AeMoments target;         /* of its values; of a category n alone: rows with a label */
	uint64 *target_counts;    /* as counts */
} Measures;

static bool
needs_sample(const AeColumn *column)
{
	return (column->kind == AE_KIND_NUMBER || column->kind == AE_KIND_TIME) &&
		   (column->scaling == AE_SCALING_ROBUST || column->scaling == AE_SCALING_QUANTILE);
}

/* Rows of each level by number, all 0. */
static uint64 *
begin_counts(const PgaeLevels *levels)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  Max(pgae_levels_count(levels), 1) * sizeof(uint64),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
begin_measures(Measures *measures, const PgaeJob *job)
{
	const AeSchema *schema = &job->model->schema;
	uint32_t n_sampled = 0;

	measures->statistics = palloc0(schema->n_columns * sizeof(AeStatistics));
	measures->counts = palloc0(schema->n_columns * sizeof(uint64 *));
	for (uint32_t c = 0; c < schema->n_columns; c++)
		n_sampled += needs_sample(&schema->columns[c]);
	measures->sample_rows = Min(job->n_rows, Min(SAMPLE_ROWS, SAMPLE_VALUES / Max(n_sampled, 1)));
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeStatistics *s = &measures->statistics[c];

		ae_moments_init(&s->value);
		ae_moments_init(&s->log);
		if (schema->columns[c].kind == AE_KIND_CATEGORY)
			measures->counts[c] = begin_counts(pgae_codec_levels(job->codec, c));
		if (needs_sample(&schema->columns[c]))
			s->sample = MemoryContextAllocHuge(CurrentMemoryContext,
											   measures->sample_rows * sizeof(double));
	}
	ae_moments_init(&measures->target);
	measures->target_counts = NULL;
	if (schema->has_target && schema->target.kind == AE_KIND_CATEGORY)
		measures->target_counts = begin_counts(pgae_codec_target_levels(job->codec));
}

static void
end_measures(Measures *measures, const AeSchema *schema)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		if (measures->statistics[c].sample)
			pfree(measures->statistics[c].sample);
		if (measures->counts[c])
			pfree(measures->counts[c]);
	}
	if (measures->target_counts)
		pfree(measures->target_counts);
	pfree(measures->statistics);
	pfree(measures->counts);
}

static void
measure_target(Measures *measures, const PgaeRow *row)
{
	if (row->target_missing)
		return;
	if (measures->target_counts)
		measures->target_counts[(int) row->target]++;
	ae_moments_add(&measures->target, row->target);
}

static void
measure_value(Measures *measures, AeColumn *column, uint32_t c, double value, bool sampled)
{
	AeStatistics *s = &measures->statistics[c];

	if (measures->counts[c])
	{
		measures->counts[c][(int) value]++;
		return;
	}
	ae_moments_add(&s->value, value);
	if (column->scaling == AE_SCALING_LOG)
		ae_moments_add(&s->log, ae_scaler_log(value));
	if (s->sample && sampled)
		s->sample[s->n_sample++] = value;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y ? 1 : 0;
}

/* Statistics of every column, in canonical order: sums depend on it. */
static void
measure_columns(Measures *measures, PgaeJob *job)
{
	PgaeStore *store = job->store;
	AeSchema *schema = &job->model->schema;
	size_t n = 0;
	const char *record;

	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		if (measures->counts[c])
			pgae_codec_map_levels(job->codec, c, NULL, false);
	}
	if (measures->target_counts)
		pgae_codec_map_target(job->codec, NULL);
	pgae_store_rewind(store);
	while ((record = pgae_store_next(store)) != NULL)
	{
		const PgaeRow *row;

		if (n % ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "measuring", n, job->n_rows);
		row = pgae_codec_unpack(job->codec, record);
		for (uint32_t c = 0; c < schema->n_columns; c++)
		{
			if (row->missing[c])
				schema->columns[c].n_missing++;
			else
				measure_value(measures, &schema->columns[c], c, row->values[c],
							  n < measures->sample_rows);
		}
		if (schema->has_target)
			measure_target(measures, row);
		n++;
	}
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeStatistics *s = &measures->statistics[c];

		if (s->sample)
			qsort(s->sample, s->n_sample, sizeof(double), ascending);
	}
}

/* A category whose levels do not all have inputs; n: rows where it is not NULL. */
static void
notice_wide(const AeSchema *schema, uint32_t c, uint64 n)
{
	const AeColumn *column = &schema->columns[c];

	ereport(
		NOTICE,
		(errmsg("column \"%s\": %.0f %% of the rows have levels beyond the %u most frequent ones",
				pgae_column_name(schema, c), 100.0 * column->other / n, column->n_levels),
		 errdetail("Such a column is judged by how often its values occur together with those "
				   "of the other columns."),
		 column->n_levels == schema->max_levels
			 ? errhint("Raise \"max_levels\" to give more of them an input of their own.")
			 : 0));
}

/* The levels of categories, and what the numbers in records become. */
static void
choose_levels(PgaeJob *job, const Measures *measures)
{
	AeSchema *schema = &job->model->schema;
	const PgaeOptions *options = job->options;
	PgaeCodec *codec = job->codec;

	schema->max_levels = PGAE_GIVEN(options, max_levels) ? options->max_levels : DEFAULT_MAX_LEVELS;
	schema->min_frequency =
		PGAE_GIVEN(options, min_frequency) ? options->min_frequency : DEFAULT_MIN_FREQUENCY;
	for (uint32_t c = 0; c < schema->n_columns && GetDatabaseEncoding() == PG_SQL_ASCII; c++)
	{
		if (measures->counts[c])
			schema->raw_names |= !pgae_levels_are_ascii(pgae_codec_levels(codec, c));
	}
	if (measures->target_counts && GetDatabaseEncoding() == PG_SQL_ASCII)
		schema->raw_names |= !pgae_levels_are_ascii(pgae_codec_target_levels(codec));
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeColumn *column = &schema->columns[c];

		if (measures->counts[c])
		{
			const int32 *map = pgae_levels_choose(column, pgae_codec_levels(codec, c),
												  measures->counts[c], schema);

			pgae_codec_map_levels(codec, c, map, column->wide);
			if (column->wide && job->number == 0)
				notice_wide(schema, c, job->n_rows - column->n_missing);
		}
		else if (needs_sample(column) && column->scaling == AE_SCALING_QUANTILE)
			column->knots = palloc(AE_KNOTS * sizeof(double));
		column->indicator &= column->n_missing > 0;
	}
}

/* The levels of a target: a label seen once is a label. */
static void
choose_target_levels(PgaeJob *job, const Measures *measures)
{
	AeSchema rule = job->model->schema;
	AeColumn *target = &job->model->schema.target;

	rule.min_frequency = 1;
	pgae_codec_map_target(job->codec,
						  pgae_levels_choose(target, pgae_codec_target_levels(job->codec),
											 measures->target_counts, &rule));
	target->wide = false; /* it is predicted, and nothing else */
	if (target->other > 0 && job->number == 0 && pgae_voice_may(job->voice, PGAE_NOTICE_LABELS))
		ereport(NOTICE, (errmsg("%starget \"%s\" has more than %u levels: " UINT64_FORMAT
								" rows with other levels count as unlabelled",
								pgae_voice_prefix(job->voice), pgae_target_name(&rule),
								target->n_levels, target->other),
						 target->n_levels < rule.max_levels
							 ? errhint("The texts of all levels together take at most %d bytes.",
									   AE_MAX_NAME)
							 : errhint("Raise \"max_levels\" to predict them too.")));
}

/* Without two different labels there is nothing to predict: 22023. */
static void
check_labels(const PgaeJob *job, bool one_value)
{
	const char *rows = job->unseen ? "a fold" : "the training data";
	const char *name = pgae_target_name(&job->model->schema);

	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 one_value ? errmsg("target \"%s\" has one value in all labelled rows of %s", name, rows)
				   : errmsg("target \"%s\" is NULL in all rows of %s", name, rows),
		 job->unseen
			 ? errhint("Two networks are crossed, each trained on half of the rows: set "
					   "\"folds\" to 1, or label more rows.")
			 : errhint(
				   "Unlabelled rows may be NULL, but at least two different labels are needed.")));
}

/*
 * A target of two whole numbers is most often a label.  The variance of values at min and max
 * alone is (mean - min)(max - mean), that of all others is less.
 */
static void
notice_two_values(const PgaeJob *job, const AeMoments *m)
{
	char *name = pgae_target_name(&job->model->schema);
	double most = (m->mean - m->min) * (m->max - m->mean);

	if (job->model->schema.target.kind != AE_KIND_NUMBER || m->min != floor(m->min) ||
		m->max != floor(m->max) || m->m2 / m->n < most * (1 - 1e-9) ||
		pgae_options_choice(job->options->kinds, name) >= 0 ||
		!pgae_voice_may(job->voice, PGAE_NOTICE_COLUMNS))
		return;
	ereport(NOTICE,
			(errmsg("%starget \"%s\" has two values, %.15g and %.15g, and is predicted as a "
					"number between them",
					pgae_voice_prefix(job->voice), name, m->min, m->max),
			 errhint("To predict one of the two: ae.options(kinds => '{\"%s\": "
					 "\"category\"}').",
					 name)));
}

/* The target as the model will know it. */
static void
fit_target(PgaeJob *job, const Measures *measures)
{
	AeColumn *target = &job->model->schema.target;
	const AeMoments *m = &measures->target;
	double sd = m->n > 0 ? sqrt(m->m2 / m->n) : 0;

	if (m->n == 0)
		check_labels(job, false);
	target->n_missing = job->n_rows - (uint64) m->n;
	target->observed = target->varies = true;
	if (target->kind == AE_KIND_CATEGORY)
	{
		choose_target_levels(job, measures);
		if (target->n_levels < 2)
			check_labels(job, true);
		return;
	}
	if (!isfinite(sd))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("target \"%s\" has values too far apart to be standardised",
							   pgae_target_name(&job->model->schema)),
						errhint("Take its logarithm in a subquery.")));
	if (m->min == m->max || !(sd > 0))
		check_labels(job, true);
	if (job->number == 0)
		notice_two_values(job, m);
	target->mean = m->mean;
	target->sd = sd;
	target->min = m->min;
	target->max = m->max;
	if (target->kind == AE_KIND_NUMBER)
	{
		target->shift = m->mean;
		target->scale = sd;
	}
}

/* Labels of these rows that are not there, or not known to the model that training starts from. */
static void
count_labels(PgaeJob *job)
{
	AeColumn *target = &job->model->schema.target;
	size_t n = 0;
	const char *record;

	target->n_missing = target->other = 0;
	pgae_store_rewind(job->store);
	while ((record = pgae_store_next(job->store)) != NULL)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, record);
		AeReal label = ae_target_cell(target, row->target, row->target_missing);

		if (n++ % ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "counting labels", n, job->n_rows);
		target->n_missing += row->target_missing;
		target->other += !row->target_missing && ae_target_count(&label, 1) == 0;
	}
}

/* Cross-entropy of numbers that are not scaled works on [0, 1] only. */
static void
check_loss_range(const AeModel *model)
{
	if (model->loss != AE_LOSS_BCE)
		return;
	for (uint32_t c = 0; c < model->schema.n_columns; c++)
	{
		const AeColumn *column = &model->schema.columns[c];
		AeError error;

		if (column->cell < 0 || column->scaling != AE_SCALING_NONE ||
			(column->min >= 0 && column->max <= 1))
			continue;
		ae_fail(&error, AE_ERR_RANGE, "field", column->min < 0 ? column->min : column->max, 0, 1);
		error.column = (int) c;
		pgae_raise(&error, &model->schema);
	}
}

/* Rows of the other fold; 0: there is none. */
static size_t
other_rows(const PgaeJob *job)
{
	return job->unseen ? pgae_store_count(job->unseen) : 0;
}

/* The columns as the models will know them; false if none of them varies. */
static bool
fit_columns(PgaeJob *job)
{
	AeModel *model = job->model;
	AeSchema *schema = &model->schema;
	AeBlock *blocks;
	uint32_t *indicators;
	AeError error;

	*schema = job->init[0] ? job->init[0]->schema : *pgae_codec_schema(job->codec);
	if (job->init[0] == NULL)
	{
		Measures measures;

		/* every fold has statistics and levels of its own */
		schema->columns = palloc(schema->n_columns * sizeof(AeColumn));
		memcpy(schema->columns, pgae_codec_schema(job->codec)->columns,
			   schema->n_columns * sizeof(AeColumn));
		begin_measures(&measures, job);
		measure_columns(&measures, job);
		choose_levels(job, &measures);
		raise_unless_ok(ae_scaler_fit(schema, measures.statistics, &error), &error, schema);
		if (schema->n_varying == 0)
			return false;
		if (schema->has_target)
			fit_target(job, &measures);
		end_measures(&measures, schema);
		pgae_notice_network(job);
		if (job->number == 0)
			pgae_notice_texts(job);
	}
	else
	{
		/* the rows of this training decide what unseen values cost */
		schema->columns = palloc(schema->n_columns * sizeof(AeColumn));
		memcpy(schema->columns, job->init[0]->schema.columns, schema->n_columns * sizeof(AeColumn));
		if (schema->has_target)
			count_labels(job);
	}
	pgae_options_resolve(model, job->options, job->init[0], job->n_rows, other_rows(job));
	if (job->number == 0 && pgae_voice_may(job->voice, PGAE_NOTICE_OPTIONS))
		pgae_options_notice(model, job->options, job->init[0]);
	check_loss_range(model);
	blocks = palloc(schema->n_blocks * sizeof(AeBlock));
	indicators = palloc(Max(schema->n_indicators, 1) * sizeof(uint32_t));
	ae_schema_blocks(&model->net.layout, blocks, indicators, schema, model->loss,
					 model->category_loss);
	return true;
}

/* The second look at cells that losses of the plain distance to the mean need. */
static void
add_distances(PgaeJob *job, AeMoments *cells)
{
	AeModel *model = job->model;
	AeReal *block = palloc(PCA_STEP * job->rows.width * sizeof(AeReal));

	for (size_t first = 0; first < job->rows.n_rows; first += PCA_STEP)
	{
		size_t count = Min(PCA_STEP, job->rows.n_rows - first);

		pgae_report_step(job->report, "measuring", first, job->rows.n_rows);
		pgae_store_read(&job->rows, block, first, count);
		for (size_t i = 0; i < count; i++)
			for (uint32_t j = 0; j < model->schema.n_dense; j++)
			{
				double cell = (double) block[i * job->rows.width + j];

				if (!isnan(cell))
					ae_moments_add_distance(&cells[j], cell, model->loss);
			}
	}
	pfree(block);
}

/* What salt-and-pepper noise makes of every cell. */
static void
keep_bounds(PgaeJob *job, const AeMoments *cells)
{
	uint32_t n = job->model->schema.n_dense;
	AeReal *low = palloc(Max(n, 1) * 2 * sizeof(AeReal));
	AeReal *high = low + n;

	for (uint32_t j = 0; j < n; j++)
	{
		low[j] = (AeReal) cells[j].min;
		high[j] = (AeReal) cells[j].max;
	}
	job->rows.low = low;
	job->rows.high = high;
}

/* How the cells look without their farthest value, where the rows are few. */
static void
fit_extremes(PgaeJob *job, const AeMoments *cells)
{
	const AeSchema *schema = &job->model->schema;
	AeExtremes *extremes = &job->model->extremes;
	size_t n = Max(schema->n_dense, 1);

	extremes->weight = 0;
	if (job->model->purpose == AE_PURPOSE_DETECT)
		extremes->weight = ae_extremes_weight(job->n_rows + other_rows(job));
	if (extremes->weight == 0)
		return;
	extremes->centre = palloc(n * sizeof(AeReal));
	extremes->spread = palloc(n * sizeof(AeReal));
	ae_extremes_fit(extremes, schema, cells);
}

/* ---- memory, before it is taken ---- */

/* Bytes that this training holds by now, and records of other groups. */
static size_t
held_memory(const PgaeJob *job)
{
	return MemoryContextMemAllocated(CurrentMemoryContext, true) + pgae_store_others(job->store);
}

static size_t
work_memory(void)
{
	return (size_t) maintenance_work_mem * 1024;
}

/*
 * maintenance_work_mem is a budget for what can be elsewhere, the rows; weights cannot.  A network
 * may go beyond it, by a factor that lets ordinary ones be trained at the default.
 */
static size_t
memory_limit(void)
{
	return Max(work_memory() * NETWORK_FACTOR, LEAST_MEMORY);
}

/* 53200 where so many bytes more are over the limit. */
static void
check_memory(const PgaeJob *job, size_t bytes)
{
	const size_t mb = 1024 * 1024;
	size_t held = held_memory(job), needed;

	if (!ae_size_add(&needed, held, bytes))
		needed = SIZE_MAX - mb;
	if (needed <= memory_limit())
		return;
	/* a larger setting also holds more rows, as much as it says: hence one less */
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("training takes %zu MB of memory, maintenance_work_mem allows %zu MB",
					(needed + mb - 1) / mb, memory_limit() / mb),
			 errdetail("Rows and columns take %zu MB, a network of %u inputs and %zu weights %zu "
					   "MB.  A training may take %d times maintenance_work_mem.",
					   (held + mb - 1) / mb, job->model->net.width[0],
					   ae_net_n_params(&job->model->net), (bytes + mb - 1) / mb, NETWORK_FACTOR),
			 errhint("SET maintenance_work_mem = '%zuMB', or make the network narrower with the "
					 "options \"code\" and \"hidden\".",
					 needed / mb / (NETWORK_FACTOR - 1) + 1)));
}

/*
 * Bytes that training all networks from this one on will take beside what is held: the trainer
 * of the last one and all weights, which are copied out of it; or, at the end, all weights twice.
 */
static size_t
planned_memory(const PgaeJob *job)
{
	const AeModel *model = job->model;
	static const AeReal bound = 0;
	AeRows rows = {.n_rows = job->n_rows, .nullable = true, .low = &bound, .high = &bound};
	size_t to_come = job->n_networks - job->number;
	size_t other_folds = to_come / job->n_members - 1;
	size_t weights = ae_net_n_params(&model->net) * sizeof(AeReal);
	size_t trainer, of_fold;
	AeError error;

	rows.width = ae_layout_cells(&model->net.layout);
	rows.has_target = model->schema.has_target;
	raise_unless_ok(
		ae_trainer_size(&trainer, &(AeTask){&model->net, &model->options, &rows}, &error), &error,
		&model->schema);
	/* a checkpoint copies its state, which is less than all of it */
	if (job->track)
		trainer *= 2;
	/* what stays of each fold: its columns, and prototypes and what finds them */
	of_fold = model->schema.n_columns * sizeof(AeColumn) +
			  3 * Min((size_t) PROTOTYPE_CELLS, AE_MAX_PROTOTYPES * rows.width) * sizeof(AeReal);
	/* at most 8 networks of 512 MB: no sum overflows */
	return other_folds * of_fold +
		   Max(to_come * weights + trainer, (job->n_networks + to_come) * weights);
}

/*
 * What scaled rows may take in memory: what the rest leaves of maintenance_work_mem, but a quarter
 * of it at least, and half at most; 53200 where there is too little for the rest.
 */
static size_t
room_for_rows(const PgaeJob *job)
{
	size_t planned = planned_memory(job), work = work_memory(), used, left;

	check_memory(job, planned);
	used = held_memory(job) + planned;
	left = used < work ? work - used : 0;
	left = Min(Max(left, work / 4), work / 2);
	return Min(left, memory_limit() - used);
}

/* Rows of cells, and what predicting their mean would cost. */
static void
scale_rows(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t in_memory = room_for_rows(job);
	AeMoments *cells = palloc(Max(model->schema.n_dense, 1) * sizeof(AeMoments));

	pgae_store_scale(&job->rows, cells, job->store, job->codec, &model->schema, in_memory);
	if (ae_loss_info[model->loss].at)
		add_distances(job, cells);
	model->mean_loss = ae_scaler_mean_loss(&model->schema, &model->net.layout, cells);
	keep_bounds(job, cells);
	fit_extremes(job, cells);
	pfree(cells);
}

/* ---- phase: training ---- */

/* Where the job stands. */
static PgaePosition
position_of(const PgaeJob *job)
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

static double
seconds_of(const PgaeJob *job)
{
	PgaePosition at = position_of(job);

	return pgae_position_seconds(&at);
}

static void
tell_phase(const PgaeJob *job, const char *phase)
{
	PgaePosition at = position_of(job);

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

/* "epoch 2 of 3, update 120 of 300", where the number of epochs was given. */
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

/* Where training stands: "update 120 of 300: training loss 0.123, validation loss 0.130". */
static char *
describe_progress(const PgaeJob *job)
{
	const AeProgress *p = job->progress;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, job->report->where);
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

/* Says where training stands and how fast it went since that was said last. */
static void
report(PgaeJob *job, double now)
{
	const AeProgress *p = job->progress;
	char *text = psprintf("%s%s", pgae_voice_prefix(job->voice), describe_progress(job));
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

static void
report_end(const PgaeJob *job)
{
	if (pgae_voice_of_many(job->voice) && !pgae_report_is_due(job->report))
		return;
	pgae_report_tell(job->report, psprintf("%straining ended (%s) after %.1f s: %s",
										   pgae_voice_prefix(job->voice),
										   ae_train_state_name[job->progress->state],
										   seconds_of(job), describe_progress(job)));
}

/* 22023 where training would see no label. */
static void
check_label_split(const PgaeJob *job)
{
	size_t n = job->progress->n_validation, held_out = 0;
	AeReal *cells, label;

	if (job->rows.n_labelled == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no row has a label of target \"%s\" that the model to start from knows",
					pgae_target_name(&job->model->schema)),
			 errhint("Labels of other levels count as NULL; train a new model to learn them.")));
	if (job->rows.n_labelled > n)
		return;
	cells = palloc(job->rows.width * sizeof(AeReal));
	for (size_t i = 0; i < n; i++)
	{
		if (i % ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "counting labels", i, n);
		pgae_store_read_labelled(&job->rows, cells, &label, i, 1);
		held_out += ae_target_count(&label, 1);
	}
	pfree(cells);
	if (held_out == job->rows.n_labelled)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("all labelled rows (%zu) are held out for validation", held_out),
						errhint("Label more rows, or set \"validation\" to 0.")));
}

/* init: parameters to start from, or NULL. */
static void
make_trainer(PgaeJob *job, const AeTask *task, const AeReal *init)
{
	AeCompute compute = pgae_compute();
	AeModel *model = job->model;
	size_t bytes;
	void *block;
	AeError error;

	raise_unless_ok(ae_trainer_size(&bytes, task, &error), &error, &model->schema);
	check_memory(job, bytes);
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	raise_unless_ok(ae_trainer_init(&job->trainer, block, bytes, task, init, &compute, &error),
					&error, &model->schema);
	job->trainer_block = block;
	job->progress = ae_trainer_progress(job->trainer);
	job->last_report = seconds_of(job);
	job->last_update = 0;
	if (job->rows.has_target)
		check_label_split(job);
}

/* A loss as the model keeps it: NaN stands for one that could not be had. */
static double
finite_or_nan(double loss)
{
	return isfinite(loss) ? loss : NAN;
}

/*
 * The epochs that have a loss, in model->history; of few rows, whose epochs are many and short,
 * every so many of them and the last one.  Of a training that diverged, the last ones may have
 * none; and losses beyond what a float holds are cut down to that.
 */
static void
keep_history(AeModel *model, const AeProgress *p)
{
	uint32_t most = (uint32_t) Min(Max(p->n_train, MIN_HISTORY), AE_MAX_HISTORY);
	uint32_t stride = (p->n_history + most - 1) / most;

	model->history = palloc(Max(p->n_history, 1) * sizeof(AeEpoch));
	model->n_history = 0;
	for (uint32_t i = 0; i < p->n_history; i++)
	{
		AeEpoch epoch = p->history[i];

		if (isnan(epoch.train_loss) || ((i + 1) % stride != 0 && i + 1 < p->n_history))
			continue;
		epoch.train_loss = Min(epoch.train_loss, FLT_MAX);
		if (isinf(epoch.validation_loss))
			epoch.validation_loss = FLT_MAX;
		model->history[model->n_history++] = epoch;
	}
}

/* What came out of training, except for the weights. */
static void
keep_outcome(PgaeJob *job)
{
	AeModel *model = job->model;
	const AeProgress *p = job->progress;

	model->state = p->state;
	model->n_rows = job->n_rows;
	model->n_validation = p->n_validation;
	model->n_updates = p->update;
	model->n_epochs = p->epoch;
	model->best_epoch = p->restored ? p->best_epoch : 0;
	model->train_loss = finite_or_nan(p->train_loss);
	model->validation_loss = finite_or_nan(p->restored ? p->best_loss : p->validation_loss);
	model->jacobian = finite_or_nan(ae_trainer_mean(job->trainer, "contraction"));
	keep_history(model, p);
}

/* The weights alone stay: what the optimiser had is let go. */
static void
keep_params(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t n = ae_net_n_params(&model->net);
	AeReal *params = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(AeReal));

	ae_copy(params, model->params, n * sizeof(AeReal), pgae_compute().check);
	model->params = params;
	job->outcome = *job->progress;
	job->progress = &job->outcome;
	pfree(job->trainer_block);
	job->trainer = NULL;
}

/* Every network has its share of the time limit; half of it may go into pretraining. */
static bool
time_is_up(const PgaeJob *job, double now)
{
	double limit = job->model->options.time_limit;
	double share = job->pretraining > 0 ? 0.5 : 1;

	return limit > 0 && now >= limit * (job->number + job->member + share) / job->n_networks;
}

/* The loop. */
static void
run_trainer(PgaeJob *job)
{
	while (ae_trainer_step(job->trainer))
	{
		double now = seconds_of(job);

		CHECK_FOR_INTERRUPTS();
		if (pgae_report_is_due(job->report))
			report(job, now);
		if (job->track)
		{
			PgaePosition at = position_of(job);

			pgae_track_step(job->track, &at);
		}
		/* at least one update: a model needs a loss */
		if (time_is_up(job, now) && job->progress->update > 0)
			ae_trainer_stop(job->trainer);
	}
}

/* What came out of the trainer; a warning where that diverged, an error where nothing did. */
static const AeReal *
take_params(PgaeJob *job)
{
	const AeReal *params = ae_trainer_params(job->trainer);
	uint64 update = job->progress->update;
	AeError error;

	if (job->progress->state != AE_TRAIN_DIVERGED)
		return params;
	ae_fail(&error, AE_ERR_DIVERGED, "training", (double) update, 0, 0);
	if (params == NULL)
		pgae_raise(&error, &job->model->schema);
	if (pgae_voice_may(job->voice, PGAE_NOTICE_DIVERGED))
		ereport(WARNING, (errcode(ERRCODE_WARNING),
						  errmsg("%straining diverged after " UINT64_FORMAT
								 " updates; the model keeps the last good weights",
								 pgae_voice_prefix(job->voice), update),
						  errhint("Lower the option \"learning_rate\", or set \"clip_norm\".")));
	return params;
}

/* Trains one layer of the encoder and its mirror, and puts them into params. */
static void
pretrain_layer(PgaeJob *job, AeReal *params, uint32 layer)
{
	AeModel *model = job->model;
	AePretrainer *pretrainer;
	AeCompute compute = pgae_compute();
	size_t bytes;
	void *block;
	AeError error;

	raise_unless_ok(ae_pretrainer_size(&bytes, &model->net, &job->rows, layer, &error), &error,
					&model->schema);
	check_memory(job, bytes);
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	pretrainer = ae_pretrainer_init(block, &(AeTask){&model->net, &model->options, &job->rows},
									params, layer, &compute);
	make_trainer(job, &(AeTask){&pretrainer->net, &pretrainer->options, &pretrainer->rows}, NULL);
	tell_phase(job, "pretraining");
	run_trainer(job);
	report_end(job);
	ae_pretrainer_install(params, pretrainer, take_params(job));
	pfree(job->trainer_block);
	pfree(block);
	job->trainer = NULL;
}

/* Weights to start from, as far as the time limit lets them be pretrained; palloc'd. */
static AeReal *
pretrain(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t n = ae_net_n_params(&model->net);
	AeReal *params = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(AeReal));

	ae_net_init(params, &model->net, model->options.seed, pgae_compute().check);
	for (uint32 layer = 0; layer < model->net.n_encoder; layer++)
	{
		job->pretraining = layer + 1;
		if (!time_is_up(job, seconds_of(job)))
			pretrain_layer(job, params, layer);
	}
	job->pretraining = 0;
	return params;
}

/* Where the training was interrupted. */
static void
restore(PgaeJob *job)
{
	PgaePosition at = position_of(job);

	pgae_track_restore(job->track, &at);
	job->last_update = job->progress->update;
}

static void
train(PgaeJob *job)
{
	AeModel *model = job->model;
	const AeReal *init = job->init[job->member] ? job->init[job->member]->params : NULL;
	AeReal *pretrained = NULL;
	PgaePosition at = position_of(job);
	bool has_state = job->track && pgae_track_has_state(job->track, &at);

	if (model->options.pretrain != AE_PRETRAIN_NONE && !has_state)
		init = pretrained = pretrain(job);
	make_trainer(job, &(AeTask){&model->net, &model->options, &job->rows}, init);
	if (pretrained)
		pfree(pretrained);
	if (has_state)
		restore(job);
	tell_phase(job, "training");
	run_trainer(job);
	at = position_of(job);
	if (job->track)
		pgae_track_ended(job->track, &at);
	report_end(job);
	model->params = take_params(job);
	keep_outcome(job);
	keep_params(job);
}

/* ---- phase: calibration ---- */

static int
descending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	CHECK_FOR_INTERRUPTS(); /* the array may be long; nothing is lost but its order */
	return x < y ? 1 : x > y ? -1 : 0;
}

/* The k-th of n rows picked evenly from the training rows. */
static size_t
spread_row(const PgaeJob *job, size_t k, size_t n)
{
	size_t n_train = job->progress->n_train;

	return job->progress->n_validation + (size_t) ((double) k * (double) n_train / (double) n);
}

/* Rows first .. first + count - 1 of the sample: validation rows, or spread training rows. */
static void
read_sample(const PgaeJob *job, AeReal *out, size_t first, size_t count, size_t n, bool unseen)
{
	if (unseen)
		pgae_store_read(&job->rows, out, first, count);
	else
	{
		for (size_t i = 0; i < count; i++)
			pgae_store_read(&job->rows, out + i * job->rows.width, spread_row(job, first + i, n),
							1);
	}
}

/* In *block, to be freed with it. */
static AeScorer *
make_scorer(const AeModel *model, void **block)
{
	AeScorer *scorer = palloc(sizeof(AeScorer));
	double batch = SCORE_MACS / ae_net_macs(&model->net);
	size_t n = batch < 1 ? 1 : batch > SCORE_BATCH ? SCORE_BATCH : (size_t) batch;
	size_t bytes;
	AeError error;

	raise_unless_ok(ae_scorer_size(&bytes, model, n, &error), &error, &model->schema);
	*block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	ae_scorer_init(scorer, *block, model, n, pgae_kernels());
	return scorer;
}

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

/* The rows that calibrate: of the other fold, or held out for validation, or seen in training. */
typedef struct Sample
{
	size_t n;
	bool unseen;
	PgaeStore *store; /* of the other fold, or NULL */
} Sample;

static Sample
begin_sample(const PgaeJob *job)
{
	Sample sample = {0};

	sample.store = job->unseen;
	sample.unseen = job->unseen != NULL || job->progress->n_validation > 0;
	if (job->unseen)
	{
		sample.n = Min(pgae_store_count(job->unseen), MAX_UNSEEN_SCORES);
		pgae_store_rewind(job->unseen);
	}
	else if (sample.unseen)
		sample.n = Min(job->progress->n_validation, MAX_HELD_OUT_SCORES);
	else
		sample.n = Min(job->progress->n_train, MAX_SEEN_SCORES);
	return sample;
}

/* The same where rows have a target, whose labels go into labels. */
static void
next_labelled(const PgaeJob *job, const Sample *sample, AeScorer *scorer, AeReal *labels,
			  size_t first, size_t count)
{
	const AeSchema *schema = &job->model->schema;

	if (!sample->store && sample->unseen)
	{
		pgae_store_read_labelled(&job->rows, scorer->cells, labels, first, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
	{
		if (sample->store)
		{
			const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(sample->store));

			ae_scorer_take(scorer, i, row->values, row->missing);
			labels[i] = ae_target_cell(&schema->target, row->target, row->target_missing);
		}
		else
			pgae_store_read_labelled(&job->rows, scorer->cells + i * job->rows.width, labels + i,
									 spread_row(job, first + i, sample->n), 1);
	}
}

/*
 * The next count rows of the sample, the first of them number first, into the scorer; with labels
 * not NULL theirs too.
 */
static void
next_sample(const PgaeJob *job, const Sample *sample, AeScorer *scorer, AeReal *labels,
			size_t first, size_t count)
{
	if (labels)
	{
		next_labelled(job, sample, scorer, labels, first, count);
		return;
	}
	if (!sample->store)
	{
		read_sample(job, scorer->cells, first, count, sample->n, sample->unseen);
		return;
	}
	for (size_t i = 0; i < count; i++)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(sample->store));

		ae_scorer_take(scorer, i, row->values, row->missing);
	}
}

/* Rows of the other fold that have an unseen value in a source column, by its first value. */
static void
count_unseen(PgaeJob *job, uint64 *rows)
{
	const AeSchema *schema = &job->model->schema;
	double *parts = palloc(schema->n_columns * sizeof(double));
	Sample sample = begin_sample(job);

	for (size_t i = 0; i < sample.n; i++)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, pgae_store_next(sample.store));

		if (i % ROWS_PER_CHECK == 0)
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
static Sample
score_sample(PgaeJob *job, Terms *terms)
{
	AeModel *model = job->model;
	Sample sample = begin_sample(job);
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
		next_sample(job, &sample, scorer, labels, first, count);
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
	model->target_loss = finite_or_nan(ae_target_mean_loss(&target));
	model->target_accuracy = finite_or_nan(ae_target_accuracy(&target, model->net.n_target));
	model->code_mean = sample.n > 0 && isfinite(sum) ? sum / ((double) sample.n * n_code) : 0;
	pfree(scorer);
	pfree(block);
	pfree(low);
	return sample;
}

/*
 * Which way fills hidden cells of the rows that calibrate best.  Rows are picked by their hash, and
 * few ones come several times, so that it does not depend on the order in which they are read.
 */
static void
choose_filling(PgaeJob *job)
{
	AeModel *model = job->model = &job->models[0];
	Sample sample = begin_sample(job);
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
		sample = begin_sample(job);
		for (size_t i = 0; i < sample.n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			next_sample(job, &sample, scorers[0], job->rows.has_target ? &label : NULL, i, 1);
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

/*
 * Norms of each member, and the mean of their raw scores of the rows that calibrate.  One network
 * without prototypes is ranked by its error as it is.
 */
static void
score_rows(PgaeJob *job)
{
	bool normed = job->unseen || job->n_members > 1 || job->models[0].prototypes.n > 0;
	double *raw = NULL;
	Sample sample = {0};

	price_unseen(job);
	for (job->member = 0; job->member < job->n_members; job->member++)
	{
		AeModel *model = job->model = &job->models[job->member];
		Terms terms;

		set_where(job);
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

/* ---- phase: pairs ---- */

/* Counts the pairs of all rows, those of the other fold too. */
static void
count_pairs(AePairCounts *counts, PgaeJob *job)
{
	AeReal *cells = palloc(job->rows.width * sizeof(AeReal));
	const char *record;
	size_t n = 0;

	for (; n < job->rows.n_rows; n++)
	{
		if (n % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		pgae_store_read(&job->rows, cells, n, 1);
		ae_pair_counts_add(counts, cells);
	}
	if (job->unseen)
		pgae_store_rewind(job->unseen);
	while (job->unseen && (record = pgae_store_next(job->unseen)) != NULL)
	{
		const PgaeRow *row = pgae_codec_unpack(job->codec, record);

		if (n++ % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		ae_scaler_apply(cells, &job->model->schema, row->values, row->missing);
		ae_pair_counts_add(counts, cells);
	}
	pfree(cells);
}

/* How often values occur together, if there are wide categories: see ae_pairs.h. */
static void
make_pairs(PgaeJob *job)
{
	const AeLayout *layout = &job->models[0].net.layout;
	size_t n = job->n_rows + (job->unseen ? pgae_store_count(job->unseen) : 0), bytes;
	AePairCounts counts;
	AePairs pairs;
	void *block;
	AeError error;

	if (layout->n_wide == 0)
		return;
	raise_unless_ok(ae_pair_counts_size(&bytes, layout, n, &error), &error, NULL);
	block = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	ae_pair_counts_init(&counts, block, layout, n);
	count_pairs(&counts, job);
	ae_pairs_pack(&pairs, palloc(ae_pair_counts_slots(&counts) * sizeof(uint32_t)), &counts);
	for (uint32 m = 0; m < job->n_members; m++)
		job->models[m].pairs = pairs;
	pfree(block);
}

/* ---- phase: prototypes ---- */

static void
make_prototypes(PgaeJob *job)
{
	AeModel *model = &job->models[0];
	size_t width = job->rows.width, n_train = job->progress->n_train;
	size_t n_rows = Min(n_train, CLUSTER_ROWS);
	uint32 n = pgae_options_prototypes(job->options, job->unseen ? 2 : 1);
	AeClusters clusters;
	AeReal *cells;
	size_t bytes;
	AeError error;

	n = (uint32) Min(n, Min(n_train / CLUSTER_SHARE, PROTOTYPE_CELLS / width));
	if (n == 0)
		return;
	cells = palloc(Max(n, 1) * width * sizeof(AeReal));
	read_sample(job, cells, 0, n, n, false);
	raise_unless_ok(ae_clusters_size(&bytes, n, &model->net.layout, &error), &error, NULL);
	ae_clusters_init(&clusters, MemoryContextAllocHuge(CurrentMemoryContext, bytes), n, cells,
					 &model->net.layout);
	for (int pass = 0; pass < CLUSTER_PASSES; pass++)
	{
		ae_clusters_begin(&clusters, pgae_kernels());
		for (size_t i = 0; i < n_rows; i++)
		{
			if (i % ROWS_PER_CHECK == 0)
				pgae_report_step(job->report, "making prototypes", i, n_rows);
			read_sample(job, cells, i, 1, n_rows, false);
			ae_clusters_add(&clusters, cells);
		}
		ae_clusters_end(&clusters);
	}
	for (uint32 m = 0; m < job->n_members; m++)
	{
		job->models[m].prototypes.n =
			m == 0 ? ae_clusters_settle(&clusters) : job->models[0].prototypes.n;
		job->models[m].prototypes.cells = clusters.cells;
	}
}

/* ---- phase: the loss of principal components with as many numbers as the code has ---- */

static void
compare_with_pca(PgaeJob *job)
{
	AeModel *model = job->model;
	size_t n_inputs = job->rows.width;
	size_t n_code = model->net.width[model->net.n_encoder];
	size_t n = Min(job->progress->n_train, PCA_ROWS);
	AePca pca;
	AeReal *block;
	size_t bytes;
	AeError error;

	model->pca_loss = NAN;
	if (n_inputs > AE_PCA_MAX_INPUTS || n_code >= n_inputs || job->rows.nullable ||
		model->schema.n_scalars != n_inputs || model->loss != AE_LOSS_MSE)
		return;
	raise_unless_ok(ae_pca_size(&bytes, n_inputs, &error), &error, &model->schema);
	ae_pca_init(&pca, palloc(bytes), n_inputs);
	block = palloc(PCA_STEP * n_inputs * sizeof(AeReal));
	for (size_t first = 0; first < n; first += PCA_STEP)
	{
		size_t count = Min(PCA_STEP, n - first);

		pgae_report_step(job->report, "comparing with principal components", first, n);
		read_sample(job, block, first, count, n, false);
		ae_pca_add(&pca, block, count);
	}
	model->pca_loss = ae_pca_loss(&pca, n_code, pgae_blas());
}

/* ---- all of it ---- */

/* The models of all members, as far as they are known before training. */
static void
begin_members(PgaeJob *job)
{
	AeModel first = job->models[0];

	for (uint32 m = 0; m < job->n_members && job->n_members > 1; m++)
	{
		AeModel *model = &job->models[m];

		*model = first;
		model->options.seed = first.options.seed + m;
		model->options.noise = first.options.noise * member_noise[m];
	}
}

/* 54000 before any row is trained on, where the weights alone are more than a model may have. */
static void
check_size(const PgaeJob *job)
{
	double bytes = (double) ae_net_n_params(&job->model->net) * sizeof(float) * job->n_networks;

	if (bytes > (double) AE_MAX_MODEL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the model would have %.0f bytes of weights, more than %zu", bytes,
							   AE_MAX_MODEL),
						errhint("Make \"hidden\" narrower, or set \"folds\" to 1.")));
}

bool
pgae_job_run(PgaeJob *job)
{
	job->models = palloc0(job->n_members * sizeof(AeModel));
	job->model = &job->models[0];
	set_where(job);
	job->n_rows = pgae_store_count(job->store);
	job->model->format = AE_MODEL_FORMAT;
	job->model->arithmetic = AE_MODEL_ARITHMETIC;
	job->model->server_version = PG_VERSION_NUM;
	tell_phase(job, "scaling");
	if (!fit_columns(job))
		return false;
	check_size(job);
	scale_rows(job);
	begin_members(job);
	for (job->member = 0; job->member < job->n_members; job->member++)
	{
		job->model = &job->models[job->member];
		set_where(job);
		train(job);
	}
	job->member = 0;
	job->model = &job->models[0];
	tell_phase(job, "calibrating");
	make_pairs(job);
	make_prototypes(job);
	score_rows(job);
	choose_filling(job);
	for (uint32 m = 0; m < job->n_members; m++)
	{
		job->model = &job->models[m];
		compare_with_pca(job);
	}
	pgae_store_drop_rows(job->store);
	return true;
}
