/*
 * pg_parse.c: parses the bytes of a model into what can be described and scored.
 *
 * Knows where memory comes from and which error a corrupt model raises; the reader itself is the
 * engine's (ae_format.h).
 */
#include "pg_model.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* A block of bytes aligned to AE_ALIGN, which may exceed 1 GB. */
static void *
alloc_aligned(MemoryContext context, size_t bytes)
{
	return ae_arena_align(MemoryContextAllocHuge(context, bytes + AE_ALIGN));
}

/* Opens what may be a bundle; an error's offset counts from its beginning. */
static void
open_bundle(AeBundleBytes *bundle, struct varlena *flat)
{
	AeError error;

	if (ae_bundle_open(bundle, VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat), &error,
					   pgae_check_interrupts) != AE_OK)
		pgae_raise(&error, NULL);
}

/* Reads number i of a bundle in flat into *model, everything it points at in context. */
static void
read_model(AeModel *model, const AeBundleBytes *bundle, uint32 i, struct varlena *flat,
		   MemoryContext context)
{
	const void *data = bundle->bytes[i];
	size_t length = bundle->length[i];
	size_t block_bytes;
	AeError error;
	AeStatus status = ae_model_check(&block_bytes, data, length, &error, pgae_check_interrupts);

	CHECK_FOR_INTERRUPTS();
	if (status == AE_OK)
		status = ae_model_read(model, alloc_aligned(context, block_bytes), block_bytes, data,
							   length, &error, pgae_check_interrupts);
	if (status == AE_OK)
		return;
	if (status == AE_ERR_CORRUPT)
		error.offset += (uint64) ((const char *) data - VARDATA_ANY(flat));
	pgae_raise(&error, NULL);
}

/* Raises 22P03 unless the models belong to one bundle. */
static void
check_bundle(const AeModel *const *models, const AeBundleBytes *bundle)
{
	const char *misfit = ae_bundle_misfit(models, bundle->n_folds, bundle->n_members);

	if (misfit)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("model is corrupt: %s", misfit)));
}

PgaeModels *
pgae_read_models(struct varlena *bytes, MemoryContext context)
{
	struct varlena *flat = pg_detoast_datum_packed(bytes);
	PgaeModels *models = MemoryContextAllocZero(context, sizeof(PgaeModels));
	AeBundleBytes bundle;

	open_bundle(&bundle, flat);
	models->n_folds = bundle.n_folds;
	models->n_members = bundle.n_members;
	for (uint32 i = 0; i < bundle.n_folds * bundle.n_members; i++)
	{
		models->models[i] = MemoryContextAllocZero(context, sizeof(AeModel));
		read_model(models->models[i], &bundle, i, flat, context);
	}
	check_bundle((const AeModel *const *) models->models, &bundle);
	if (flat != bytes)
		pfree(flat);
	return models;
}

void
pgae_parse_model(PgaeParsed *parsed, struct varlena *bytes, MemoryContext context)
{
	struct varlena *flat = pg_detoast_datum_packed(bytes);
	const AeModel *models[AE_MAX_MODELS];
	AePacked *networks;
	AeBundleBytes bundle;
	uint32 n;

	open_bundle(&bundle, flat);
	n = bundle.n_folds * bundle.n_members;
	networks = MemoryContextAllocZero(context, n * sizeof(AePacked));
	for (uint32 i = 0; i < n; i++)
	{
		AeModel *model = MemoryContextAllocZero(context, sizeof(AeModel));
		size_t packed_bytes;
		AeError error;

		read_model(model, &bundle, i, flat, context);
		models[i] = model;
		pgae_raise_unless_ok(ae_packed_size(&packed_bytes, model, &error), &error, NULL);
		ae_packed_init(&networks[i], MemoryContextAllocHuge(context, packed_bytes), model,
					   pgae_kernels(), pgae_check_interrupts);
	}
	check_bundle(models, &bundle);
	parsed->bundle = (AeBundle){bundle.n_folds, bundle.n_members, networks};
	parsed->has_digest = false;
	if (flat != bytes)
		pfree(flat);
}
