/*
 * A scorer of one network, for tests: its weights and its scratch each in a block of just their size.
 */
#ifndef SAMPLE_SCORE_H
#define SAMPLE_SCORE_H

#include <stdio.h>
#include <stdlib.h>

#include "ae_score.h"

typedef struct SampleScorer
{
	AePacked packed;
	void *weights, *scratch;
} SampleScorer;

/* *scorer of so many rows; sample_scorer_free what comes out. */
static inline SampleScorer *
sample_scorer(AeScorer *scorer, const AeModel *model, size_t batch, const AeKernels *kernels)
{
	SampleScorer *s = malloc(sizeof *s);
	size_t size;

	if (!s || ae_packed_size(&size, model, NULL) != AE_OK || !(s->weights = malloc(size)))
		abort();
	ae_packed_init(&s->packed, s->weights, model, kernels, NULL);
	if (ae_scorer_size(&size, &s->packed, 1, batch, NULL) != AE_OK || !(s->scratch = malloc(size)))
		abort();
	ae_scorer_init(scorer, s->scratch, &s->packed, 1, batch);
	return s;
}

static inline void
sample_scorer_free(SampleScorer *s)
{
	free(s->weights);
	free(s->scratch);
	free(s);
}

/* What row r is ranked by, whose error that is. */
static inline double
sample_raw_score(AeScorer *scorer, size_t r, double error)
{
	AeTerms terms = ae_scorer_terms(scorer, r, error);

	return ae_raw_score(scorer->model, &terms);
}

#endif
