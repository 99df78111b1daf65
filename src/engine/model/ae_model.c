/*
 * ae_model.c: names of a model's enums, and which models fit together.
 */
#include "ae_model.h"

#include <string.h>

const char *const ae_purpose_name[AE_PURPOSE_COUNT] = {
	[AE_PURPOSE_DETECT] = "detect",
	[AE_PURPOSE_COMPRESS] = "compress",
	[AE_PURPOSE_SEARCH] = "search",
	[AE_PURPOSE_GENERATE] = "generate",
};

const char *const ae_filling_name[AE_FILLING_COUNT] = {
	[AE_FILLING_ONCE] = "once",
	[AE_FILLING_PASSES] = "passes",
	[AE_FILLING_STARTS] = "starts",
};

static bool
same_column(const AeColumn *a, const AeColumn *b)
{
	return a->kind == b->kind && a->element == b->element && a->name_len == b->name_len &&
		   (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
}

bool
ae_schema_agrees(const AeSchema *a, const AeSchema *b)
{
	if (a->n_columns != b->n_columns || a->is_array != b->is_array ||
		a->has_target != b->has_target || (a->has_target && !same_column(&a->target, &b->target)))
		return false;
	for (uint32_t c = 0; c < a->n_columns; c++)
		if (!same_column(&a->columns[c], &b->columns[c]))
			return false;
	return true;
}

static bool
same_levels(const AeColumn *a, const AeColumn *b)
{
	if (a->n_levels != b->n_levels || (a->other > 0) != (b->other > 0))
		return false;
	for (uint32_t i = 0; i < a->n_levels; i++)
	{
		const AeLevel *x = &a->levels[i], *y = &b->levels[i];

		if (x->len != y->len || (x->len > 0 && memcmp(x->text, y->text, x->len) != 0))
			return false;
	}
	return true;
}

/*
 * Whether a value of one becomes the same cells as that of the other, and costs the same if unseen.
 */
static bool
same_scaling(const AeColumn *a, const AeColumn *b)
{
	if (a->scaling != b->scaling || a->varies != b->varies || a->shift != b->shift ||
		a->scale != b->scale || a->mean != b->mean || a->min != b->min || a->max != b->max ||
		a->unseen != b->unseen)
		return false;
	return a->scaling != AE_SCALING_QUANTILE || !a->varies ||
		   memcmp(a->knots, b->knots, AE_KNOTS * sizeof(double)) == 0;
}

/* Whether the parameters of both correspond one to one and mean the same. */
static bool
same_shape(const AeNet *a, const AeNet *b)
{
	if (a->n_layers != b->n_layers || a->n_encoder != b->n_encoder || a->top_k != b->top_k ||
		a->gated != b->gated || a->skip != b->skip || a->n_target != b->n_target ||
		a->spread != b->spread || a->variance != b->variance)
		return false;
	for (uint32_t l = 0; l <= a->n_layers; l++)
		if (a->width[l] != b->width[l])
			return false;
	for (uint32_t l = 0; l < a->n_layers; l++)
		if (a->activation[l] != b->activation[l])
			return false;
	return true;
}

bool
ae_model_pairs(const AeModel *a, const AeModel *b)
{
	if (!ae_schema_agrees(&a->schema, &b->schema) || a->schema.clip != b->schema.clip ||
		a->loss != b->loss || a->category_loss != b->category_loss || !same_shape(&a->net, &b->net))
		return false;
	if (a->schema.has_target && (!same_scaling(&a->schema.target, &b->schema.target) ||
								 (a->schema.target.kind == AE_KIND_CATEGORY &&
								  !same_levels(&a->schema.target, &b->schema.target))))
		return false;
	for (uint32_t c = 0; c < a->schema.n_columns; c++)
	{
		const AeColumn *p = &a->schema.columns[c], *q = &b->schema.columns[c];

		if (p->cell != q->cell || p->wide != q->wide || p->parts != q->parts ||
			p->observed != q->observed || p->indicator != q->indicator || !same_scaling(p, q) ||
			(p->kind == AE_KIND_CATEGORY && !same_levels(p, q)))
			return false;
	}
	return true;
}

const char *
ae_bundle_misfit(const AeModel *const *models, uint32_t n_folds, uint32_t n_members)
{
	for (uint32_t i = 1; i < n_folds * n_members; i++)
	{
		if (models[0]->schema.draws || models[i]->schema.draws)
			return "a network that draws rows is alone";
		if (!ae_schema_agrees(&models[0]->schema, &models[i]->schema))
			return "its networks have different columns";
		if (!ae_model_pairs(models[i - i % n_members], models[i]))
			return "the networks of a fold do not fit together";
	}
	return NULL;
}
