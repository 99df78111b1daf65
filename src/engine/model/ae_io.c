/*
 * ae_io.c: writes and reads bytes: faults, fields, runs of weights.
 *
 * The first fault sticks; from then on fields read as zero and loops end.
 */
#include "ae_io.h"

#include <math.h>
#include <string.h>

#define NAN_64 0x7ff8000000000000u
#define NAN_32 0x7fc00000u
#define INFINITE_32 0x7f800000u /* exponent of infinities and NaNs */

/* ---- faults ---- */

void
ae_io_fault(AeIo *io, size_t offset, const char *what)
{
	if (io->status != AE_OK)
		return;
	io->status = ae_fail(io->error, AE_ERR_CORRUPT, what, 0.0, 0.0, 0.0);
	if (io->error)
		io->error->offset = offset;
}

bool
ae_io_within(AeIo *io, size_t offset, const char *what, uint64_t value, uint64_t low, uint64_t high)
{
	if (io->status != AE_OK)
		return false;
	if (value >= low && value <= high)
		return true;
	if (io->in)
		ae_io_fault(io, offset, what);
	else
		io->status =
			ae_fail(io->error, AE_ERR_LIMIT, what, (double) value, (double) low, (double) high);
	return false;
}

void
ae_io_judged(AeIo *io, size_t offset, AeStatus status, const AeError *error)
{
	if (status == AE_OK || io->status != AE_OK)
		return;
	if (io->in)
		ae_io_fault(io, offset, error->what);
	else
	{
		io->status = status;
		if (io->error)
			*io->error = *error;
	}
}

bool
ae_io_advance(AeIo *io, size_t *start, size_t n)
{
	*start = io->at;
	if (io->status != AE_OK)
		return false;
	if (n > io->limit - io->at)
	{
		if (io->in)
			ae_io_fault(io, io->limit, "ends early");
		else
			io->status = ae_fail(io->error, AE_ERR_LIMIT, "model bytes",
								 (double) io->at + (double) n, 0.0, (double) io->limit);
		return false;
	}
	io->at += n;
	return true;
}

/* ---- fields ---- */

static void
store(uint8_t *p, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
load(const uint8_t *p, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t) p[i] << (8 * i);
	return value;
}

uint64_t
ae_io_uint(AeIo *io, uint64_t value, unsigned size)
{
	size_t start;

	if (!ae_io_advance(io, &start, size))
		return 0;
	if (io->in)
		return load(io->in + start, size);
	if (io->out)
		store(io->out + start, value, size);
	return value;
}

void
ae_io_u32(AeIo *io, uint32_t *field)
{
	*field = (uint32_t) ae_io_uint(io, *field, 4);
}

void
ae_io_u64(AeIo *io, uint64_t *field)
{
	*field = ae_io_uint(io, *field, 8);
}

void
ae_io_count(AeIo *io, uint64_t *field, const char *what)
{
	size_t start = io->at;

	ae_io_u64(io, field);
	ae_io_within(io, start, what, *field, 0, AE_IO_MAX_COUNT);
}

int
ae_io_enum(AeIo *io, int value, int count, const char *what)
{
	size_t start = io->at;
	int got = value >= 0 && value < count ? value : 0xff;

	got = (int) ae_io_uint(io, (uint64_t) got, 1);
	if (got >= count)
	{
		ae_io_fault(io, start, what);
		return 0;
	}
	return got;
}

void
ae_io_reserved(AeIo *io, unsigned size)
{
	size_t start = io->at;

	if (ae_io_uint(io, 0, size) != 0)
		ae_io_fault(io, start, "reserved bytes are not zero");
}

static bool
obeys(double value, AeIoRule rule)
{
	switch (rule)
	{
		case AE_IO_FINITE:
			return isfinite(value);
		case AE_IO_FINITE_OR_NAN:
			return isfinite(value) || isnan(value);
		case AE_IO_NOT_NEGATIVE:
			return isfinite(value) && value >= 0.0;
		case AE_IO_SCORE:
			return value >= 0.0;
	}
	return false;
}

void
ae_io_f64(AeIo *io, double *field, AeIoRule rule, const char *what)
{
	size_t start = io->at;
	uint64_t bits = NAN_64;
	double value;

	if (!isnan(*field))
		memcpy(&bits, field, sizeof bits);
	bits = ae_io_uint(io, bits, 8);
	memcpy(&value, &bits, sizeof value);
	if (!obeys(value, rule) || (isnan(value) && bits != NAN_64))
		ae_io_fault(io, start, what);
	else
		*field = value;
}

void
ae_io_f32(AeIo *io, float *field, AeIoRule rule, const char *what)
{
	size_t start = io->at;
	uint32_t bits = NAN_32;
	float value;

	if (!isnan(*field))
		memcpy(&bits, field, sizeof bits);
	bits = (uint32_t) ae_io_uint(io, bits, 4);
	memcpy(&value, &bits, sizeof value);
	if (!obeys((double) value, rule) || (isnan(value) && bits != NAN_32))
		ae_io_fault(io, start, what);
	else
		*field = value;
}

bool
ae_io_holds(AeIo *io, uint32_t n, size_t size)
{
	if (io->status == AE_OK && io->in && n > (io->limit - io->at) / size)
		ae_io_fault(io, io->limit, "ends early");
	return io->status == AE_OK;
}

/* ---- runs of weights ---- */

/* Calls check; returns where to call it next, among n numbers. */
static size_t
next_check(AeCheck check, size_t first, size_t n)
{
	ae_check(check);
	return n - first > AE_CHECK_NUMBERS ? first + AE_CHECK_NUMBERS : n;
}

void
ae_io_check_weights(AeIo *io, const uint8_t *p, size_t n, size_t start)
{
	uint32_t bad = 0;
	size_t i;

	for (size_t first = 0, end; first < n; first = end)
	{
		end = next_check(io->check, first, n);
		for (i = first; i < end; i++)
			bad |= (ae_io_load_u32(p + 4 * i) & INFINITE_32) == INFINITE_32;
	}
	if (!bad)
		return;
	for (i = 0; (ae_io_load_u32(p + 4 * i) & INFINITE_32) != INFINITE_32; i++)
		;
	ae_io_fault(io, start + 4 * i, "weight is not finite");
}

void
ae_io_read_weights(const AeIo *io, AeReal *to, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t bits = ae_io_load_u32(p + 4 * i);
		float weight;

		if (i % AE_CHECK_NUMBERS == 0)
			ae_check(io->check);
		memcpy(&weight, &bits, sizeof weight);
		to[i] = (AeReal) weight;
	}
}

void
ae_io_write_weights(AeIo *io, const AeReal *from, size_t n, size_t start)
{
	for (size_t i = 0; i < n; i++)
	{
		float weight = (float) from[i];
		uint32_t bits;

		if (i % AE_CHECK_NUMBERS == 0)
			ae_check(io->check);
		memcpy(&bits, &weight, sizeof bits);
		if ((bits & INFINITE_32) == INFINITE_32)
		{
			ae_io_fault(io, start + 4 * i, "weight is not finite");
			return;
		}
		if (io->out)
			ae_io_store_u32(io->out + start + 4 * i, bits);
	}
}
