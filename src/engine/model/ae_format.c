/*
 * ae_format.c: model bytes, written and read.
 *
 * The format is described once, by the io_* functions: each visits its fields in order and moves
 * them out of the model or into it. So reader and writer cannot disagree, and both make every check
 * at the same offset.  The table at the top of ae_format.h is the specification.
 *
 * The reader trusts nothing: a size is compared with its cap before it enters a
 * product, and with the bytes that are left before anything is placed.  It runs twice:
 * with an arena that counts (ae_model_check), then with one that places.
 *
 * Knows no file and no database.
 */
#include "ae_format.h"

#include <string.h>

#include "ae_crc32c.h"
#include "ae_io_model.h"

/* Like PNG's signature: a high bit, both line ends and ^Z reveal a careless transport. */
static const uint8_t magic[8] = {0x89, 'A', 'E', 'M', 0x0d, 0x0a, 0x1a, 0x0a};

#define HEADER_BYTES 32
#define CHECKSUM_AT 24
#define CHECKED_AGAIN_AT 28

#define FLAG_ARRAY 1u
#define FLAG_RAW_NAMES 2u
#define FLAG_BUNDLE 4u
#define FLAG_VERDICTS 8u

/* ---- header ---- */

/* CRC-32C of everything except the field that holds it. */
static uint32_t
checksum(const uint8_t *bytes, size_t length, AeCheck check)
{
	uint32_t crc = ae_crc32c(0, bytes, CHECKSUM_AT);

	for (size_t at = CHECKED_AGAIN_AT, n; at < length; at += n)
	{
		n = length - at < AE_CHECK_BYTES ? length - at : AE_CHECK_BYTES;
		ae_check(check);
		crc = ae_crc32c(crc, bytes + at, n);
	}
	return crc;
}

/* A version from 1 to the newest that this build knows; a newer one is not corruption. */
static uint16_t
io_version(AeIo *io, uint16_t value, uint16_t newest, const char *what)
{
	size_t start = io->at;

	value = (uint16_t) ae_io_uint(io, value, 2);
	if (io->status == AE_OK && value > newest)
		io->status = ae_fail(io->error, AE_ERR_VERSION, what, value, 1.0, newest);
	else if (value < 1)
		ae_io_fault(io, start, what);
	return value;
}

/*
 * length: of everything, as the writer knows it. *parts: when writing, FLAG_BUNDLE for a bundle and
 * FLAG_VERDICTS for a model with verdicts; when reading, receives those that are set.
 */
static void
io_header(AeIo *io, AeModel *model, size_t length, uint32_t *parts)
{
	AeSchema *schema = &model->schema;
	uint32_t flags =
		(schema->is_array ? FLAG_ARRAY : 0) | (schema->raw_names ? FLAG_RAW_NAMES : 0) | *parts;
	uint32_t crc = 0; /* the writer fills it in at the end */
	uint64_t total = length;

	for (unsigned i = 0; i < sizeof magic; i++)
		if (ae_io_uint(io, magic[i], 1) != magic[i])
			ae_io_fault(io, i, "not a model");
	model->format = io_version(io, AE_MODEL_FORMAT, AE_MODEL_FORMAT, "format version");
	model->arithmetic = (uint16_t) ae_io_uint(io, model->arithmetic, 2);
	ae_io_u32(io, &flags);
	ae_io_u64(io, &total);
	ae_io_u32(io, &crc);
	ae_io_reserved(io, 4);
	if (total != length)
		ae_io_fault(io, 16, total > length ? "ends early" : "bytes after the end");
	if (io->in && !io->verified && io->status == AE_OK &&
		crc != checksum(io->in, length, io->check))
		ae_io_fault(io, CHECKSUM_AT, "checksum does not match");
	if (flags & ~(FLAG_ARRAY | FLAG_RAW_NAMES | FLAG_BUNDLE | FLAG_VERDICTS))
		ae_io_fault(io, 12, "flags");
	*parts = flags & (FLAG_BUNDLE | FLAG_VERDICTS);
	/* judged last: only intact bytes can be said to have a newer version */
	if (io->status == AE_OK && model->arithmetic > AE_MODEL_ARITHMETIC)
		io->status = ae_fail(io->error, AE_ERR_VERSION, "arithmetic version", model->arithmetic,
							 1.0, AE_MODEL_ARITHMETIC);
	if (model->arithmetic < 1)
		ae_io_fault(io, 10, "arithmetic version");
	schema->is_array = flags & FLAG_ARRAY;
	schema->raw_names = (flags & FLAG_RAW_NAMES) != 0;
}

/* ---- the whole ---- */

static AeStatus
io_model(AeIo *io, AeModel *model, AeArena *arena, size_t length)
{
	AeIoColumns columns;
	uint32_t parts = ae_verdicts_count(&model->verdicts) > 0 ? FLAG_VERDICTS : 0;

	io_header(io, model, length, &parts);
	if (parts & FLAG_BUNDLE)
		ae_io_fault(io, 12, "a bundle where a single model should be");
	if (io->status != AE_OK)
		return io->status;
	ae_io_schema(io, &columns, model, arena);
	if (io->status != AE_OK)
		return io->status;
	ae_io_net(io, model, arena);
	if (io->status != AE_OK)
		return io->status; /* what follows counts by the widths of the network */
	ae_io_options(io, &model->options);
	ae_io_outcome(io, model);
	ae_io_weights(io, model, arena);
	ae_io_calibration(io, &model->calibration, arena);
	ae_io_detector(io, &columns, model, arena);
	ae_io_extremes(io, model, arena);
	ae_io_frequent(io, model, arena);
	ae_io_filter(io, model, arena);
	ae_io_pairs(io, model, arena);
	if (parts & FLAG_VERDICTS)
		ae_io_verdicts(io, &columns, model, arena);
	ae_io_history(io, model, arena);
	if (io->in && io->at != io->limit)
		ae_io_fault(io, io->at, "bytes after the end");
	return io->status;
}

AeStatus
ae_model_written_size(size_t *bytes, const AeModel *model, AeError *error, AeCheck check)
{
	AeIo io = {.limit = AE_MAX_MODEL, .error = error, .check = check};
	AeModel copy = *model; /* io_* take what they may fill; here they only read */

	if (io_model(&io, &copy, NULL, 0) == AE_OK)
		*bytes = io.at;
	return io.status;
}

void
ae_model_write(void *out, size_t bytes, const AeModel *model, AeCheck check)
{
	AeIo io = {.out = out, .limit = bytes, .check = check};
	AeModel copy = *model;

	if (io_model(&io, &copy, NULL, bytes) == AE_OK && io.at == bytes)
		ae_io_store_u32((uint8_t *) out + CHECKSUM_AT, checksum(out, bytes, check));
	else
		memset(out, 0, bytes);
}

/* One pass of the reader: counts if arena->base is NULL, else places what was counted. */
static AeStatus
read_model(AeModel *model, AeArena *arena, const void *bytes, size_t length, AeError *error,
		   AeCheck check)
{
	AeIo io = {.in = bytes,
			   .limit = length,
			   .verified = arena->base != NULL,
			   .error = error,
			   .check = check};

	memset(model, 0, sizeof *model);
	if (length < HEADER_BYTES)
		ae_io_fault(&io, length, "ends early");
	else if (length > AE_MAX_MODEL)
		ae_io_fault(&io, 16, "length");
	else
		io_model(&io, model, arena, length);
	if (arena->overflow)
		ae_io_fault(&io, 0, "sizes");
	return io.status;
}

AeStatus
ae_model_check(size_t *block_bytes, const void *bytes, size_t length, AeError *error, AeCheck check)
{
	AeArena arena = {NULL, 0, false};
	AeModel model;
	AeStatus status = read_model(&model, &arena, bytes, length, error, check);

	if (status == AE_OK)
		*block_bytes = arena.used + AE_ALIGN;
	return status;
}

AeStatus
ae_model_read(AeModel *model, void *block, size_t block_bytes, const void *bytes, size_t length,
			  AeError *error, AeCheck check)
{
	AeArena arena = {ae_arena_align(block), 0, false};
	size_t needed;
	AeStatus status = ae_model_check(&needed, bytes, length, error, check);

	if (status != AE_OK)
		return status;
	if (block_bytes < needed)
		return ae_fail(error, AE_ERR_SHAPE, "block", (double) block_bytes, (double) needed,
					   (double) needed);
	return read_model(model, &arena, bytes, length, error, check);
}

/* ---- bundles ---- */

/* Fields of a bundle behind its header. */
static void
io_bundle(AeIo *io, AeBundleBytes *bundle)
{
	size_t start = io->at, at;

	ae_io_u32(io, &bundle->n_folds);
	ae_io_u32(io, &bundle->n_members);
	if (!ae_io_within(io, start, "number of folds", bundle->n_folds, 1, AE_MAX_FOLDS) ||
		!ae_io_within(io, start + 4, "number of members", bundle->n_members, 1, AE_MAX_MEMBERS))
		return;
	for (uint32_t i = 0; i < bundle->n_folds * bundle->n_members; i++)
	{
		uint64_t length = bundle->length[i];

		at = io->at;
		ae_io_u64(io, &length);
		if (!ae_io_within(io, at, "length of a model", length, 0, AE_MAX_MODEL) ||
			!ae_io_advance(io, &start, (size_t) length))
			return;
		if (io->in)
		{
			bundle->bytes[i] = io->in + start;
			bundle->length[i] = (size_t) length;
		}
		else if (io->out)
			ae_copy(io->out + start, bundle->bytes[i], (size_t) length, io->check);
	}
	if (io->in && io->at != io->limit)
		ae_io_fault(io, io->at, "bytes after the end");
}

AeStatus
ae_bundle_open(AeBundleBytes *bundle, const void *bytes, size_t length, AeError *error,
			   AeCheck check)
{
	AeIo io = {.in = bytes, .limit = length, .error = error, .check = check};
	AeModel header;
	uint32_t parts = 0;

	memset(bundle, 0, sizeof *bundle);
	memset(&header, 0, sizeof header);
	bundle->n_folds = bundle->n_members = 1;
	bundle->bytes[0] = bytes;
	bundle->length[0] = length;
	/* the reader of a single model reports what is wrong with it */
	if (length < HEADER_BYTES || length > AE_MAX_MODEL ||
		!(ae_io_load_u32((const uint8_t *) bytes + 12) & FLAG_BUNDLE))
		return AE_OK;
	io_header(&io, &header, length, &parts);
	if (header.schema.is_array || header.schema.raw_names || parts != FLAG_BUNDLE)
		ae_io_fault(&io, 12, "flags"); /* they belong to the models */
	io_bundle(&io, bundle);
	return io.status;
}

AeStatus
ae_bundle_written_size(size_t *bytes, const AeBundleBytes *bundle, AeError *error)
{
	AeIo io = {.limit = AE_MAX_MODEL, .at = HEADER_BYTES, .error = error};
	AeBundleBytes copy = *bundle;

	io_bundle(&io, &copy);
	*bytes = io.at;
	return io.status;
}

void
ae_bundle_write(void *out, size_t bytes, const AeBundleBytes *bundle, AeCheck check)
{
	AeIo io = {.out = out, .limit = bytes, .check = check};
	AeModel header = {.arithmetic = AE_MODEL_ARITHMETIC};
	AeBundleBytes copy = *bundle;
	uint32_t parts = FLAG_BUNDLE;

	io_header(&io, &header, bytes, &parts);
	io_bundle(&io, &copy);
	if (io.status == AE_OK && io.at == bytes)
		ae_io_store_u32((uint8_t *) out + CHECKSUM_AT, checksum(out, bytes, check));
	else
		memset(out, 0, bytes);
}
