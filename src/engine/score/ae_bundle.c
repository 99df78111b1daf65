/*
 * ae_bundle.c: folds are chosen, members averaged.
 *
 * On the scoring path: sums in the order of members, no libm.
 */
#include "ae_bundle.h"

#include <math.h>
#include <string.h>

#include "ae_hash.h"

static const AePacked *
members_of(const AeBundle *bundle, uint32_t fold)
{
	return &bundle->networks[fold * bundle->n_members];
}

uint32_t
ae_bundle_fold(const AeBundle *bundle, uint64_t hash)
{
	uint32_t fold = ae_hash_fold(hash);
	const AeModel *other;

	if (bundle->n_folds == 1)
		return 0;
	other = members_of(bundle, 1 - fold)->model;
	if (ae_frequent_has(&other->frequent, ae_hash_key(hash, other->options.seed)))
		return 1 - fold;
	return fold;
}

AeStatus
ae_bundle_scorer_size(size_t *bytes, const AeBundle *bundle, size_t batch, AeError *error)
{
	AeArena arena = {NULL, 0, false};

	for (uint32_t f = 0; f < bundle->n_folds; f++)
	{
		AeStatus status =
			ae_scorer_size(bytes, members_of(bundle, f), bundle->n_members, batch, error);

		if (status != AE_OK)
			return status;
		ae_arena_place(&arena, *bytes, 1);
	}
	ae_arena_place(&arena, batch, sizeof(size_t));
	ae_arena_place(&arena, batch, sizeof(double));
	if (arena.overflow || !ae_size_add(bytes, arena.used, AE_ALIGN))
		return ae_fail(error, AE_ERR_LIMIT, "scorer rows", (double) batch, 1.0,
					   (double) SIZE_MAX / AE_MAX_WIDTH);
	return AE_OK;
}

void
ae_bundle_scorer_init(AeBundleScorer *scorer, void *block, const AeBundle *bundle, size_t batch)
{
	AeArena arena = {ae_arena_align(block), 0, false};

	scorer->bundle = bundle;
	for (uint32_t f = 0; f < bundle->n_folds; f++)
	{
		const AePacked *members = members_of(bundle, f);
		size_t bytes = 0;

		ae_scorer_size(&bytes, members, bundle->n_members, batch, NULL);
		ae_scorer_init(&scorer->fold[f], ae_arena_place(&arena, bytes, 1), members,
					   bundle->n_members, batch);
	}
	scorer->place = ae_arena_place(&arena, batch, sizeof(size_t));
	scorer->error = ae_arena_place(&arena, batch, sizeof(double));
}

/* ---- rows in ---- */

static bool
is_unobserved(const AeSchema *schema, const bool *missing)
{
	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (schema->columns[c].varies && !missing[c])
			return false;
	return true;
}

/* The row becomes row i of its fold's scorer. */
static AeSight
take(AeScorer *scorer, size_t i, const AeBundleRow *row)
{
	if (ae_scorer_take(scorer, i, row->values, row->missing) >= 0)
		return AE_SIGHT_INFINITE;
	/* an unseen value is something to see */
	if (!(scorer->unseen[i] > 0.0) && is_unobserved(&scorer->model->schema, row->missing))
		return AE_SIGHT_UNOBSERVED;
	return AE_SIGHT_SEEN;
}

AeScorer *
ae_bundle_take(AeSight *sight, AeBundleScorer *scorer, const AeBundleRow *row)
{
	AeScorer *fold = &scorer->fold[row->fold];

	ae_scorer_use(fold, 0);
	*sight = take(fold, 0, row);
	return fold;
}

/* The next rows of a fold, from *at on, into its scorer; how many.  Others have their score. */
static size_t
gather(AeScore *scores, AeBundleScorer *scorer, uint32_t fold, const AeBundleRow *rows, size_t n,
	   size_t *at)
{
	AeScorer *to = &scorer->fold[fold];
	size_t n_taken = 0;

	for (; *at < n && n_taken < to->batch; (*at)++)
	{
		AeScore *score = &scores[*at];

		if (rows[*at].fold != fold)
			continue;
		score->sight = take(to, n_taken, &rows[*at]);
		if (score->sight == AE_SIGHT_SEEN)
		{
			score->error = score->raw = 0.0;
			scorer->place[n_taken++] = *at;
		}
		else
			score->error = score->raw = score->sight == AE_SIGHT_INFINITE ? INFINITY : NAN;
	}
	return n_taken;
}

/* ---- scores ---- */

/* Adds to the scores of n rows in a fold's scorer what the member in use says. */
static void
add_scores(AeScore *scores, AeBundleScorer *scorer, AeScorer *fold, size_t n)
{
	double n_members = (double) fold->n_members;

	ae_scorer_errors(scorer->error, fold, ae_scorer_decode(fold, ae_scorer_encode(fold, n), n), n);
	for (size_t i = 0; i < n; i++)
	{
		AeScore *score = &scores[scorer->place[i]];
		AeTerms terms = ae_scorer_terms(fold, i, scorer->error[i]);

		score->error += terms.error / n_members;
		score->raw += ae_raw_score(fold->model, &terms) / n_members;
	}
}

double
ae_members_judge(const AeScorer *scorer, size_t row, bool calibrating)
{
	const AePacked *first = &scorer->members[0];
	const AeLayout *layout = &first->model->net.layout;

	return ae_verdicts_factor(&first->model->verdicts,
							  scorer->cells + row * ae_layout_cells(layout), layout, calibrating,
							  first->check);
}

void
ae_bundle_score(AeScore *scores, AeBundleScorer *scorer, const AeBundleRow *rows, size_t n)
{
	for (uint32_t f = 0; f < scorer->bundle->n_folds; f++)
	{
		AeScorer *fold = &scorer->fold[f];
		size_t at = 0;

		while (at < n)
		{
			size_t n_taken = gather(scores, scorer, f, rows, n, &at);

			for (uint32_t m = 0; n_taken > 0 && m < fold->n_members; m++)
			{
				ae_scorer_use(fold, m);
				add_scores(scores, scorer, fold, n_taken);
			}
			for (size_t i = 0; i < n_taken; i++)
				scores[scorer->place[i]].raw *= ae_members_judge(fold, i, false);
			ae_scorer_use(fold, 0);
		}
	}
}

/* ---- what else members say ---- */

void
ae_members_outputs(AeReal *mean, AeScorer *scorer, size_t n_rows)
{
	size_t n = n_rows * ae_layout_outputs(&scorer->model->net.layout);

	memset(mean, 0, n * sizeof(AeReal));
	for (uint32_t m = 0; m < scorer->n_members; m++)
	{
		AeReal *outputs;

		ae_scorer_use(scorer, m);
		outputs = ae_scorer_decode(scorer, ae_scorer_encode(scorer, n_rows), n_rows);
		ae_scorer_finish(scorer, outputs, n_rows);
		for (size_t i = 0; i < n; i++)
			mean[i] += outputs[i] / (AeReal) scorer->n_members;
	}
	ae_scorer_use(scorer, 0);
}

void
ae_members_predict(double *mean, AeScorer *scorer, size_t n_rows)
{
	const AeColumn *target = &scorer->model->schema.target;
	size_t n = n_rows * scorer->model->net.n_target;

	for (size_t i = 0; i < n; i++)
		mean[i] = 0.0;
	for (uint32_t m = 0; m < scorer->n_members; m++)
	{
		AeReal *outputs;

		ae_scorer_use(scorer, m);
		outputs = ae_scorer_head(scorer, ae_scorer_encode(scorer, n_rows), n_rows);
		ae_scorer_head_finish(scorer, outputs, n_rows);
		for (size_t i = 0; i < n; i++)
		{
			double one = (double) outputs[i];

			if (target->kind == AE_KIND_NUMBER)
				one = target->shift + target->scale * one;
			mean[i] += one / scorer->n_members;
		}
	}
	ae_scorer_use(scorer, 0);
}

void
ae_members_add_errors(double *sum, uint64_t *count, AeScorer *scorer, double *errors)
{
	for (uint32_t m = 0; m < scorer->n_members; m++)
	{
		ae_scorer_use(scorer, m);
		ae_scorer_column_errors(errors, scorer,
								ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1));
		for (uint32_t c = 0; c < scorer->model->schema.n_columns; c++)
		{
			if (isnan(errors[c]))
				continue;
			sum[c] += errors[c] / scorer->n_members;
			count[c] += m == 0;
		}
	}
	ae_scorer_use(scorer, 0);
}

/* ---- explanations ---- */

static bool
has_infinite_value(const AeSchema *schema, const AeBundleRow *row, uint32_t first)
{
	uint32_t end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);

	for (uint32_t c = first; c < end; c++)
		if (schema->columns[c].observed && !row->missing[c] && !isfinite(row->values[c]))
			return true;
	return false;
}

/* The observed columns of a row that varied in training or are not what they were; how many. */
static uint32_t
list_blames(AeBlame *blames, const AeSchema *schema, const double *errors)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < schema->n_columns; c++)
		if (!isnan(errors[c]) && (errors[c] > 0.0 || schema->columns[c].unseen == 0.0 ||
								  ae_schema_source_varies(schema, c)))
			blames[n++] = (AeBlame){.column = c};
	return n;
}

/* Adds what the member in use says of row 0. */
static void
add_blames(AeBlame *blames, uint32_t n, AeScorer *scorer, const AeBundleRow *row,
		   const double *errors)
{
	const AeModel *model = scorer->model;
	const AeSchema *schema = &model->schema;
	const double *distances = errors + schema->n_columns;
	const double *extremes = distances + schema->n_columns;
	double n_observed = ae_scorer_observed(scorer->cells, &model->net.layout);

	for (uint32_t i = 0; i < n; i++)
	{
		AeBlame *blame = &blames[i];
		uint32_t c = blame->column;
		bool infinite = schema->columns[c].element <= 1 && has_infinite_value(schema, row, c);
		double error = infinite ? INFINITY : errors[c];

		blame->error += error / scorer->n_members;
		blame->by_error += error / n_observed / model->error_norm;
		blame->by_distance += distances[c] / model->distance_norm + extremes[c];
	}
}

/* Shares of the raw score; infinite parts take all. */
static void
set_shares(AeBlame *blames, uint32_t n)
{
	double sum = 0.0, n_infinite = 0.0;

	for (uint32_t i = 0; i < n; i++)
	{
		blames[i].share = blames[i].by_error + blames[i].by_distance;
		n_infinite += isinf(blames[i].share) ? 1.0 : 0.0;
		sum += blames[i].share;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		if (n_infinite > 0.0)
			blames[i].share = isinf(blames[i].share) ? 1.0 / n_infinite : 0.0;
		else
			blames[i].share = sum > 0.0 ? blames[i].share / sum : 1.0 / n;
	}
}

uint32_t
ae_members_explain(AeBlame *blames, AeScorer *scorer, const AeBundleRow *row, double *scratch)
{
	uint32_t n_columns = scorer->model->schema.n_columns, n = 0;
	double factor = ae_members_judge(scorer, 0, false);

	for (uint32_t m = 0; m < scorer->n_members; m++)
	{
		ae_scorer_use(scorer, m);
		ae_scorer_column_errors(scratch, scorer,
								ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1));
		ae_scorer_column_distances(scratch + n_columns, scorer);
		ae_scorer_column_extremes(scratch + 2 * n_columns, scorer);
		if (m == 0)
			n = list_blames(blames, &scorer->model->schema, scratch);
		add_blames(blames, n, scorer, row, scratch);
	}
	for (uint32_t i = 0; i < n; i++)
	{
		blames[i].by_error *= factor;
		blames[i].by_distance *= factor;
	}
	set_shares(blames, n);
	ae_scorer_use(scorer, 0);
	return n;
}
