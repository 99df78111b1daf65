/*
 * pg_measure.c: measures the columns of a job's rows, fits the schema, and resolves the options
 * that follow from it.
 */
#include "pg_train.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"

/* The most rows for quantiles, and the most values of all columns together. */
#define SAMPLE_ROWS ((size_t) 65536)
#define SAMPLE_VALUES ((size_t) 4 * 1024 * 1024)

/* Levels of a category that have an input of their own. */
#define DEFAULT_MAX_LEVELS 100
#define DEFAULT_MIN_FREQUENCY 2

/* ---- measures ---- */

/* Measurements of the rows before they are scaled. */
typedef struct Measures
{
	AeStatistics *statistics; /* one per column */
	uint64 **counts;          /* of a category: rows by number of the level; else NULL */
	size_t sample_rows;       /* first rows whose values are kept where a scaling needs them */
	AeMoments target;         /* of its values; for a category only n, the rows with a label */
	uint64 *target_counts;    /* as counts */
} Measures;

static bool
needs_sample(const AeColumn *column)
{
	return column->scaling == AE_SCALING_BINS ||
		   (ae_kind_is_scaled(column->kind) &&
			(column->scaling == AE_SCALING_ROBUST || column->scaling == AE_SCALING_QUANTILE));
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
	if (row->roles[PGAE_ROLE_TARGET].missing)
		return;
	if (measures->target_counts)
		measures->target_counts[(int) row->roles[PGAE_ROLE_TARGET].value]++;
	ae_moments_add(&measures->target, row->roles[PGAE_ROLE_TARGET].value);
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

/* Statistics of every column, in canonical order: sums depend on it. */
static void
measure_columns(Measures *measures, PgaeJob *job)
{
	PgaeStore *store = job->store;
	AeSchema *schema = &job->model->schema;
	size_t n = 0;
	uint64 key = 0; /* of the row before */
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
		bool sampled = pgae_is_spread(n, measures->sample_rows, job->n_rows);

		if (n % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "measuring", n, job->n_rows);
		row = pgae_codec_unpack(job->codec, record);
		for (uint32_t c = 0; c < schema->n_columns; c++)
		{
			if (row->missing[c])
				schema->columns[c].n_missing++;
			else
				measure_value(measures, &schema->columns[c], c, row->values[c], sampled);
		}
		if (schema->has_target)
			measure_target(measures, row);
		job->n_different += n == 0 || key != pgae_store_key(record);
		key = pgae_store_key(record);
		n++;
	}
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeStatistics *s = &measures->statistics[c];

		if (s->sample)
			pgae_sort_numbers(s->sample, s->n_sample);
	}
}

/* ---- levels ---- */

/* Chooses the levels of categories and what the numbers in records become. */
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

			column->wide &= !schema->draws; /* pairs are for scores */
			pgae_codec_map_levels(codec, c, map, column->wide);
		}
		else if (column->scaling == AE_SCALING_BINS)
		{
			uint32 n = ae_schema_ranges(schema);

			column->bins.numbers = palloc(ae_bins_room(n) * sizeof(double));
			column->bins.count = palloc(ae_bins_count_room(n) * sizeof(uint64));
		}
		else if (needs_sample(column) && column->scaling == AE_SCALING_QUANTILE)
			column->knots = palloc(AE_KNOTS * sizeof(double));
		column->indicator &= column->n_missing > 0;
	}
}

/* ---- target ---- */

/* Chooses the levels of a target: a label seen once counts. */
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

/* Raises 22023: without two different labels there is nothing to predict. */
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
 * A target with two whole numbers is usually a label. The variance of values at min and max alone
 * is (mean - min)(max - mean); any others have less.
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

/* Fits the target as the model will know it. */
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

/*
 * Counts labels of these rows that are missing, or unknown to the model that training starts from.
 */
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
		AeReal label = ae_target_cell(target, row->roles[PGAE_ROLE_TARGET].value,
									  row->roles[PGAE_ROLE_TARGET].missing);

		if (n++ % PGAE_ROWS_PER_CHECK == 0)
			pgae_report_step(job->report, "counting labels", n, job->n_rows);
		target->n_missing += row->roles[PGAE_ROLE_TARGET].missing;
		target->other += !row->roles[PGAE_ROLE_TARGET].missing && ae_target_count(&label, 1) == 0;
	}
}

/* ---- all of it ---- */

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

bool
pgae_job_fit_columns(PgaeJob *job)
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
		pgae_raise_unless_ok(ae_scaler_fit(schema, measures.statistics, &error), &error, schema);
		if (schema->n_varying == 0)
			return false;
		if (schema->has_target)
			fit_target(job, &measures);
		end_measures(&measures, schema);
		pgae_notice_network(job);
		if (job->number == 0)
		{
			pgae_notice_texts(job);
			pgae_notice_keys(job);
		}
	}
	else
	{
		job->n_different = job->n_rows;
		/* the rows of this training decide what unseen values cost */
		schema->columns = palloc(schema->n_columns * sizeof(AeColumn));
		memcpy(schema->columns, job->init[0]->schema.columns, schema->n_columns * sizeof(AeColumn));
		for (uint32_t c = 0; c < schema->n_columns; c++)
			schema->columns[c].sketch = schema->columns[c].errors = NULL;
		if (schema->has_target)
			count_labels(job);
	}
	pgae_options_resolve(model, job->options, job->init[0], job->n_rows, pgae_job_other_rows(job),
						 job->n_different);
	if (job->number == 0 && pgae_voice_may(job->voice, PGAE_NOTICE_OPTIONS))
		pgae_options_notice(model, job->options, job->init[0]);
	check_loss_range(model);
	blocks = palloc(schema->n_blocks * sizeof(AeBlock));
	indicators = palloc(Max(schema->n_indicators, 1) * sizeof(uint32_t));
	ae_schema_blocks(&model->net.layout, blocks, indicators, schema, model->loss,
					 model->category_loss);
	return true;
}
