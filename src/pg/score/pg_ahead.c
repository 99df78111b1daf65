/*
 * pg_ahead.c: scores together the rows that a plan node has read ahead of a call.
 *
 * A plan node (the room `plan`) keeps the rows that come next.  The call stays an ordinary call in
 * its place: when it is made, it reads its own row as always, with any error that this may raise,
 * and takes along the rows that follow. It leaves their results with the node, which uses them in
 * place of the calls for these rows.  A row that cannot be taken along, for whatever reason, is
 * left to its own call.  So nothing is computed before a result is asked for, and errors and NULLs
 * come when and where they always did.
 *
 * A call finds its node by the address of its expression, as both belong to the same plan tree, and
 * by the memory context, which belongs to one execution of the plan.
 */
#include "pg_score.h"

#include "miscadmin.h"
#include "utils/memutils.h"

static dlist_head nodes = DLIST_STATIC_INIT(nodes);

/* ---- batches ---- */

/* Bytes that rows take in a batch; SIZE_MAX: too many. */
static size_t
batch_bytes(const AeBundle *bundle, uint32 n_rows)
{
	size_t bytes;
	AeError error;

	if (ae_bundle_scorer_size(&bytes, bundle, n_rows, &error) != AE_OK)
		return SIZE_MAX;
	return bytes + (size_t) n_rows * bundle->networks[0].model->schema.n_columns *
					   (bundle->n_folds * sizeof(double) + sizeof(bool));
}

PgaeBatch *
pgae_batch_create(const AeBundle *bundle, uint32 wanted, MemoryContext context)
{
	size_t n_columns = bundle->networks[0].model->schema.n_columns;
	PgaeBatch *batch;
	size_t bytes;
	AeError error;

	while (wanted > 1 && batch_bytes(bundle, wanted) > (size_t) work_mem * 1024)
		wanted /= 2;
	batch = MemoryContextAllocZero(context, sizeof(PgaeBatch));
	batch->capacity = wanted;
	if (wanted <= 1)
		return batch;
	batch->rows = MemoryContextAlloc(context, wanted * sizeof(AeBundleRow));
	batch->place = MemoryContextAlloc(context, wanted * sizeof(uint32));
	batch->scores = MemoryContextAlloc(context, wanted * sizeof(AeScore));
	batch->sights = MemoryContextAlloc(context, wanted * sizeof(AeSight));
	batch->values =
		MemoryContextAllocHuge(context, wanted * n_columns * bundle->n_folds * sizeof(double));
	batch->missing = MemoryContextAllocHuge(context, wanted * n_columns * sizeof(bool));
	pgae_raise_unless_ok(ae_bundle_scorer_size(&bytes, bundle, wanted, &error), &error, NULL);
	ae_bundle_scorer_init(&batch->scorer, MemoryContextAllocHuge(context, bytes), bundle, wanted);
	return batch;
}

void
pgae_batch_add(PgaeBatch *batch, const AeBundleRow *row, uint32 place)
{
	const AeBundle *bundle = batch->scorer.bundle;
	size_t n_columns = bundle->networks[0].model->schema.n_columns;
	double *values = batch->values + batch->n * n_columns * bundle->n_folds, *others = NULL;
	bool *missing = batch->missing + batch->n * n_columns;

	memcpy(values, row->values, n_columns * sizeof(double));
	memcpy(missing, row->missing, n_columns * sizeof(bool));
	if (row->others)
		others = memcpy(values + n_columns, row->others, n_columns * sizeof(double));
	batch->rows[batch->n] = (AeBundleRow){values, missing, row->fold, others};
	batch->place[batch->n++] = place;
}

AeScorer *
pgae_batch_take(PgaeBatch *batch, uint32 fold, size_t *n)
{
	*n = ae_bundle_take_fold(batch->sights, &batch->scorer, fold, batch->rows, batch->n);
	return &batch->scorer.fold[fold];
}

/* ---- what nodes have read ---- */

static void
forget(void *arg)
{
	dlist_delete(&((PgaeAhead *) arg)->node);
}

void
pgae_ahead_publish(PgaeAhead *ahead, MemoryContext context)
{
	dlist_push_head(&nodes, &ahead->node);
	ahead->context = context;
	ahead->callback.func = forget;
	ahead->callback.arg = ahead;
	MemoryContextRegisterResetCallback(context, &ahead->callback);
}

PgaeAhead *
pgae_ahead_of(const FmgrInfo *call)
{
	dlist_iter iter;

	dlist_foreach(iter, &nodes)
	{
		PgaeAhead *ahead = dlist_container(PgaeAhead, node, iter.cur);

		/* a plan may be executed twice at the same time */
		for (int k = 0; ahead->context == call->fn_mcxt && k < ahead->n_calls; k++)
		{
			if (list_member_ptr(ahead->calls[k].places, call->fn_expr))
				return ahead;
		}
	}
	return NULL;
}

PgaeBatch *
pgae_look_ahead(PgaeCached *cached, const AeBundleRow *row, PgaeForward forward)
{
	PgaeAhead *ahead = cached->ahead;
	PgaeBatch *batch;

	if (ahead == NULL || ahead->current + 1 >= ahead->n || ahead->tried[forward][ahead->current])
		return NULL;
	if (cached->batch == NULL)
		cached->batch = pgae_batch_create(&cached->parsed.bundle, ahead->capacity, cached->context);
	batch = cached->batch;
	if (batch->capacity <= 1)
		return NULL;
	batch->n = 0;
	pgae_batch_add(batch, row, ahead->current);
	for (uint32 i = ahead->current + 1; i < ahead->n && batch->n < batch->capacity; i++)
	{
		bool other = false;
		const PgaeRow *read =
			ahead->tried[forward][i] ? NULL : ahead->read(ahead, i, cached->codec, &other);

		ahead->tried[forward][i] |= !other;
		if (read)
		{
			AeBundleRow next = pgae_bundle_row(cached, read);

			pgae_batch_add(batch, &next, i);
		}
	}
	return batch;
}

void
pgae_leave(const PgaeCached *cached, PgaeForward forward, uint32 place, Datum value)
{
	for (int k = 0; k < cached->ahead->n_calls; k++)
	{
		PgaeAheadCall *call = &cached->ahead->calls[k];

		if (call->use->forward != forward)
			continue;
		call->values[place] = value;
		call->ready[place] = true;
	}
}
