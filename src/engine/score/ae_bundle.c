/*
 * ae_bundle.c: chooses folds and averages members.
 *
 * On the scoring path: sums in the order of folds and members, no libm.
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

bool
ae_bundle_is_new(const AeBundle *bundle, uint64_t hash)
{
	const AeModel *other;

	if (bundle->n_folds == 1)
		return false;
	other = members_of(bundle, 1 - ae_hash_fold(hash))->model;
	return !ae_filter_has(&other->filter, ae_hash_key(hash, other->options.seed));
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
	ae_arena_place(&arena, batch, sizeof(AeTally));
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
	scorer->sum = ae_arena_place(&arena, batch, sizeof(AeTally));
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

/* Whether a fold's networks judge a row. */
static bool
judges(uint32_t fold, const AeBundleRow *row)
{
	return row->fold == fold || row->others != NULL;
}

/* A row with its values in the schema of a fold that judges it. */
static AeBundleRow
seen_by(uint32_t fold, const AeBundleRow *row)
{
	return (AeBundleRow){row->fold == fold ? row->values : row->others, row->missing, fold, NULL};
}

/* Makes the row row i of its fold's scorer. */
static AeSight
take(AeScorer *scorer, size_t i, const AeBundleRow *row)
{
	if (ae_scorer_take(scorer, i, row->values, row->missing) >= 0)
		return AE_SIGHT_INFINITE;
	/* an unseen value counts as an observation */
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

size_t
ae_bundle_take_fold(AeSight *sights, AeBundleScorer *scorer, uint32_t fold, const AeBundleRow *rows,
					size_t n)
{
	AeScorer *to = &scorer->fold[fold];
	size_t n_taken = 0;

	ae_scorer_use(to, 0);
	for (size_t i = 0; i < n; i++)
	{
		if (rows[i].fold != fold)
			continue;
		sights[i] = take(to, n_taken, &rows[i]);
		scorer->place[n_taken++] = i;
	}
	return n_taken;
}

/*
 * Puts the next rows that a fold judges, from *at on, into its scorer; returns how many have a
 * score.
 */
static size_t
gather(AeScore *scores, AeBundleScorer *scorer, uint32_t fold, const AeBundleRow *rows, size_t n,
	   size_t *at)
{
	AeScorer *to = &scorer->fold[fold];
	size_t n_taken = 0;

	for (; *at < n && n_taken < to->batch; (*at)++)
	{
		AeBundleRow row;
		AeSight sight;

		if (!judges(fold, &rows[*at]))
			continue;
		row = seen_by(fold, &rows[*at]);
		sight = take(to, n_taken, &row);
		if (rows[*at].fold == fold)
			scores[*at].sight = sight;
		if (sight == AE_SIGHT_SEEN)
			scorer->place[n_taken++] = *at;
	}
	return n_taken;
}

/* ---- scores ---- */

/* Adds the terms of the member in use to the sums of n rows in a fold's scorer. */
static void
add_member(AeBundleScorer *scorer, AeScorer *fold, size_t n)
{
	double n_members = (double) fold->n_members;

	ae_scorer_errors(scorer->error, fold, ae_scorer_decode(fold, ae_scorer_encode(fold, n), n), n);
	for (size_t i = 0; i < n; i++)
	{
		AeTerms terms = ae_scorer_terms(fold, i, scorer->error[i]);

		scorer->sum[i].error += terms.error / n_members;
		scorer->sum[i].raw += ae_raw_score(fold->model, &terms) / n_members;
	}
}

/* Sums the terms of n rows in a fold's scorer over its members. */
static void
add_members(AeBundleScorer *scorer, AeScorer *fold, size_t n)
{
	for (size_t i = 0; i < n; i++)
		scorer->sum[i] = (AeTally){0.0, 0.0};
	for (uint32_t m = 0; m < fold->n_members; m++)
	{
		ae_scorer_use(fold, m);
		add_member(scorer, fold, n);
	}
	ae_scorer_use(fold, 0);
}

/* Turns the sums of all folds that judged a row into its score. */
static void
settle(AeScore *score)
{
	if (score->sight != AE_SIGHT_SEEN)
		score->error = score->raw = score->sight == AE_SIGHT_INFINITE ? INFINITY : NAN;
	else if (score->n_folds > 1)
	{
		score->error /= score->n_folds;
		score->raw /= score->n_folds;
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
	for (size_t i = 0; i < n; i++)
		scores[i] = (AeScore){.sight = AE_SIGHT_SEEN};
	for (uint32_t f = 0; f < scorer->bundle->n_folds; f++)
	{
		AeScorer *fold = &scorer->fold[f];
		size_t at = 0;

		while (at < n)
		{
			size_t n_taken = gather(scores, scorer, f, rows, n, &at);

			if (n_taken > 0)
				add_members(scorer, fold, n_taken);
			for (size_t i = 0; i < n_taken; i++)
			{
				AeScore *score = &scores[scorer->place[i]];

				score->error += scorer->sum[i].error;
				score->raw += scorer->sum[i].raw * ae_members_judge(fold, i, false);
				score->n_folds++;
			}
		}
	}
	for (size_t i = 0; i < n; i++)
		settle(&scores[i]);
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

/* ---- what all that judge a row say of its columns ---- */

/*
 * The scorer of a fold with the row as row 0, or NULL if it does not judge the row. *sight: that of
 * the row's own fold.
 */
static AeScorer *
take_judge(AeSight *sight, AeBundleScorer *scorer, const AeBundleRow *row, uint32_t fold)
{
	AeBundleRow seen;
	AeSight here;
	AeScorer *judge;

	if (!judges(fold, row))
		return NULL;
	seen = seen_by(fold, row);
	judge = ae_bundle_take(&here, scorer, &seen);
	if (fold == row->fold)
		*sight = here;
	return fold == row->fold || here == AE_SIGHT_SEEN ? judge : NULL;
}

void
ae_bundle_add_errors(double *sum, uint64_t *count, AeBundleScorer *scorer, const AeBundleRow *row,
					 double *scratch)
{
	uint32_t n_columns = members_of(scorer->bundle, 0)->model->schema.n_columns;
	double *of_row = scratch + n_columns, *n_folds = of_row + n_columns;
	AeSight sight;

	for (uint32_t c = 0; c < 2 * n_columns; c++)
		of_row[c] = 0.0;
	for (uint32_t f = 0; f < scorer->bundle->n_folds; f++)
	{
		AeScorer *judge = take_judge(&sight, scorer, row, f);

		for (uint32_t m = 0; judge && m < judge->n_members; m++)
		{
			ae_scorer_use(judge, m);
			ae_scorer_column_errors(scratch, judge,
									ae_scorer_decode(judge, ae_scorer_encode(judge, 1), 1));
			for (uint32_t c = 0; c < n_columns; c++)
			{
				if (isnan(scratch[c]))
					continue;
				of_row[c] += scratch[c] / judge->n_members;
				n_folds[c] += m == 0;
			}
		}
		if (judge)
			ae_scorer_use(judge, 0);
	}
	for (uint32_t c = 0; c < n_columns; c++)
	{
		if (!(n_folds[c] > 0.0))
			continue;
		sum[c] += of_row[c] / n_folds[c];
		count[c]++;
	}
}

static bool
has_infinite_value(const AeSchema *schema, const AeBundleRow *row, uint32_t first)
{
	uint32_t end = schema->is_array ? first + 1 : ae_schema_source_end(schema, first);

	for (uint32_t c = first; c < end; c++)
		if (schema->columns[c].observed && !row->missing[c] && !isfinite(row->values[c]))
			return true;
	return false;
}

/* Whether a column varied in training, or has an unseen value. */
static bool
is_to_blame(const AeSchema *schema, uint32_t c, double error)
{
	return error > 0.0 || schema->columns[c].unseen == 0.0 || ae_schema_source_varies(schema, c);
}

/*
 * Adds the blames of the member in use for row 0, times the factor of verdicts; first: whether it
 * is its fold's first member.
 */
static void
add_blames(AeBlame *blames, AeScorer *scorer, const AeBundleRow *row, double *errors, double factor,
		   bool first)
{
	const AeModel *model = scorer->model;
	const AeSchema *schema = &model->schema;
	double *distances = errors + schema->n_columns;
	double *extremes = distances + schema->n_columns;
	double n_observed = ae_scorer_observed(scorer->cells, &model->net.layout);
	double weight = factor / scorer->n_members, known = ae_scorer_known(scorer, 0);

	ae_scorer_column_errors(errors, scorer,
							ae_scorer_decode(scorer, ae_scorer_encode(scorer, 1), 1));
	ae_scorer_column_distances(distances, scorer);
	ae_scorer_column_extremes(extremes, scorer);
	for (uint32_t c = 0; c < schema->n_columns; c++)
	{
		AeBlame *blame = &blames[c];
		bool infinite;

		if (isnan(errors[c]))
			continue;
		infinite = schema->columns[c].element <= 1 && has_infinite_value(schema, row, c);
		blame->odd |= is_to_blame(schema, c, errors[c]);
		blame->n_folds += first;
		blame->error += (infinite ? INFINITY : errors[c]) / scorer->n_members;
		blame->by_error +=
			(infinite ? INFINITY : errors[c]) / n_observed / model->error_norm * known * weight;
		blame->by_distance += (distances[c] / model->distance_norm * known + extremes[c]) * weight;
	}
}

/* Sets shares of the raw score; infinite parts take all of it. */
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

/*
 * Turns sums over folds into means and removes columns that none blames; returns how many are left.
 */
static uint32_t
settle_blames(AeBlame *blames, uint32_t n_columns, uint32_t n_judges)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < n_columns; c++)
	{
		AeBlame blame = blames[c];

		if (!blame.odd)
			continue;
		blame.error /= blame.n_folds;
		blame.by_error /= n_judges;
		blame.by_distance /= n_judges;
		blames[n++] = blame;
	}
	return n;
}

AeScorer *
ae_bundle_explain(AeBlame *blames, uint32_t *n, AeSight *sight, AeBundleScorer *scorer,
				  const AeBundleRow *row, double *scratch)
{
	uint32_t n_columns = members_of(scorer->bundle, 0)->model->schema.n_columns, n_judges = 0;

	for (uint32_t c = 0; c < n_columns; c++)
		blames[c] = (AeBlame){.column = c};
	for (uint32_t f = 0; f < scorer->bundle->n_folds; f++)
	{
		AeScorer *judge = take_judge(sight, scorer, row, f);
		AeBundleRow seen = seen_by(f, row);
		double factor = judge ? ae_members_judge(judge, 0, false) : 1.0;

		for (uint32_t m = 0; judge && m < judge->n_members; m++)
		{
			ae_scorer_use(judge, m);
			add_blames(blames, judge, &seen, scratch, factor, m == 0);
		}
		if (judge)
			ae_scorer_use(judge, 0);
		n_judges += judge != NULL;
	}
	*n = settle_blames(blames, n_columns, n_judges);
	set_shares(blames, *n);
	return &scorer->fold[row->fold];
}
