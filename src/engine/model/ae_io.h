/*
 * ae_io.h: functions that both write and read bytes, field by field.
 *
 * The function of a field moves it out of memory or into it, and checks it either way.
 * Little-endian, without padding.  A NaN has the bits 7fc00000 or 7ff8000000000000.
 */
#ifndef AE_IO_H
#define AE_IO_H

#include "ae_status.h"

/* Counts become double in messages and p-values. */
#define AE_IO_MAX_COUNT ((uint64_t) 1 << 53)

typedef enum AeIoRule
{
	AE_IO_FINITE,
	AE_IO_FINITE_OR_NAN,
	AE_IO_NOT_NEGATIVE, /* and finite */
	AE_IO_SCORE         /* not negative; +Infinity allowed */
} AeIoRule;

/* One pass over the format: reading (in), writing (out), or counting (neither). */
typedef struct AeIo
{
	const uint8_t *in;
	uint8_t *out;
	size_t at;
	size_t limit;  /* bytes of in or out; the cap while counting */
	bool verified; /* an earlier pass verified the checksum */
	AeStatus status;
	AeError *error;
	AeCheck check; /* called now and then */
} AeIo;

/* ---- faults ---- */

/* Records the first fault: what is wrong at offset. */
void ae_io_fault(AeIo *io, size_t offset, const char *what);

/* Reports a number outside its range: corrupt bytes to the reader, a limit to the writer. */
bool ae_io_within(AeIo *io, size_t offset, const char *what, uint64_t value, uint64_t low,
				  uint64_t high);

/* Takes over the result of another module's check. */
void ae_io_judged(AeIo *io, size_t offset, AeStatus status, const AeError *error);

/* Advances by n bytes and returns where they start, if there is room for them. */
bool ae_io_advance(AeIo *io, size_t *start, size_t n);

/* Whether the input still holds n elements of so many bytes; always true for the writer. */
bool ae_io_holds(AeIo *io, uint32_t n, size_t size);

/* ---- fields ---- */

/* Spelled out so that compilers turn it into one load or store. */
static inline uint32_t
ae_io_load_u32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static inline void
ae_io_store_u32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t) value;
	p[1] = (uint8_t) (value >> 8);
	p[2] = (uint8_t) (value >> 16);
	p[3] = (uint8_t) (value >> 24);
}

/* An unsigned field of `size` bytes: the value read, or value, written; 0 after a fault. */
uint64_t ae_io_uint(AeIo *io, uint64_t value, unsigned size);
void ae_io_u32(AeIo *io, uint32_t *field);
void ae_io_u64(AeIo *io, uint64_t *field);

/* A u64 that counts something. */
void ae_io_count(AeIo *io, uint64_t *field, const char *what);

/* One byte below `count`: an enum, or a boolean with count 2. */
int ae_io_enum(AeIo *io, int value, int count, const char *what);

/* Bytes that are zero. */
void ae_io_reserved(AeIo *io, unsigned size);

void ae_io_f64(AeIo *io, double *field, AeIoRule rule, const char *what);
void ae_io_f32(AeIo *io, float *field, AeIoRule rule, const char *what);

/* ---- runs of n finite f32, whose bytes ae_io_advance has found at start ---- */

/* Faults at the first number at p that is infinite or NaN. */
void ae_io_check_weights(AeIo *io, const uint8_t *p, size_t n, size_t start);
void ae_io_read_weights(const AeIo *io, AeReal *to, const uint8_t *p, size_t n);
void ae_io_write_weights(AeIo *io, const AeReal *from, size_t n, size_t start);

#endif
