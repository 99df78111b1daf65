/*
 * ae_status.h: how the engine reports errors, and how it plans memory.
 *
 * The engine allocates nothing, raises nothing and keeps no globals.  A caller
 * asks for a size, passes one block, and receives an AeStatus; numbers that a
 * message may quote travel in an AeError.  Knows nothing of PostgreSQL.
 */
#ifndef AE_STATUS_H
#define AE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The engine's scalar: float in the product, double in a second build of the unit tests. */
#ifdef AE_DOUBLE
typedef double AeReal;
#else
typedef float AeReal;
#endif

/*
 * Limits, checked before sizes are multiplied, and by both the reader and the writer of model
 * bytes.
 */
#define AE_MAX_COLUMNS 1664 /* with a name */
#define AE_MAX_VALUES 65536 /* of a row: columns, and the elements of array columns */
#define AE_MAX_INPUTS 65536
#define AE_MAX_LAYERS 64
#define AE_MAX_WIDTH 65536
#define AE_MAX_NAME (1024 * 1024)
#define AE_MAX_MODEL ((size_t) 512 * 1024 * 1024)

typedef enum AeStatus
{
	AE_OK = 0,
	AE_ERR_ARGUMENT,  /* a setting outside its range: what, value, low, high */
	AE_ERR_SHAPE,     /* sizes that do not fit each other: what, value (got), low (wanted) */
	AE_ERR_NONFINITE, /* NaN or infinity in the data: column, value */
	AE_ERR_RANGE,     /* data outside what a loss allows: column, value, low, high */
	AE_ERR_LIMIT,     /* over a cap: what, value, high */
	AE_ERR_CORRUPT,   /* model bytes that cannot be read: what, offset */
	AE_ERR_VERSION,   /* model bytes of a version unknown to this build: what, value, high */
	AE_ERR_DIVERGED,  /* training lost finite numbers: value = updates done */
	AE_STATUS_COUNT
} AeStatus;

/* What an error message needs; `what` points at static text. */
typedef struct AeError
{
	AeStatus status;
	const char *what;
	double value;
	double low;
	double high;
	uint64_t offset; /* in corrupt model bytes */
	int column;      /* 0-based source column, or -1 */
} AeError;

/* Fills *error (which may be NULL) and returns status: `return ae_fail(...)`. */
static inline AeStatus
ae_fail(AeError *error, AeStatus status, const char *what, double value, double low, double high)
{
	if (error)
	{
		error->status = status;
		error->what = what;
		error->value = value;
		error->low = low;
		error->high = high;
		error->offset = 0;
		error->column = -1;
	}
	return status;
}

/*
 * Called now and then during long computations; may be NULL. It may leave by longjmp: the engine
 * holds nothing that would need to be released.
 */
typedef void (*AeCheck)(void);

/*
 * Numbers processed, bytes moved, and multiply-adds between two calls: a few ms, even with slow
 * memory.
 */
#define AE_CHECK_NUMBERS ((size_t) 1 << 18)
#define AE_CHECK_BYTES (8 * AE_CHECK_NUMBERS)
#define AE_CHECK_MACS ((size_t) 1 << 28)

static inline void
ae_check(AeCheck check)
{
	if (check)
		check();
}

/* *out = a * b, or false on overflow. */
static inline bool
ae_size_mul(size_t *out, size_t a, size_t b)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* *out = a + b, or false on overflow. */
static inline bool
ae_size_add(size_t *out, size_t a, size_t b)
{
	return !__builtin_add_overflow(a, b, out);
}

/* memcpy, and memset to 0, of any length. */
static inline void
ae_copy(void *to, const void *from, size_t bytes, AeCheck check)
{
	for (size_t at = 0, n; at < bytes; at += n)
	{
		n = bytes - at < AE_CHECK_BYTES ? bytes - at : AE_CHECK_BYTES;
		ae_check(check);
		memcpy((char *) to + at, (const char *) from + at, n);
	}
}

static inline void
ae_clear(void *to, size_t bytes, AeCheck check)
{
	for (size_t at = 0, n; at < bytes; at += n)
	{
		n = bytes - at < AE_CHECK_BYTES ? bytes - at : AE_CHECK_BYTES;
		ae_check(check);
		memset((char *) to + at, 0, n);
	}
}

/*
 * A plan of one block: the same function that places the parts also counts
 * them, in a first pass with base NULL.  Parts are aligned to 64 bytes; the
 * caller's block must be too (ae_arena_align).  Once `overflow` is set every
 * further part is NULL and `used` has no meaning.
 */
#define AE_ALIGN 64

typedef struct AeArena
{
	char *base;
	size_t used;
	bool overflow;
} AeArena;

/* count elements of size bytes, not zeroed; NULL while counting. */
static inline void *
ae_arena_place(AeArena *arena, size_t count, size_t size)
{
	size_t bytes, end;
	void *part;

	if (arena->overflow || !ae_size_mul(&bytes, count, size) ||
		!ae_size_add(&bytes, bytes, AE_ALIGN - 1) ||
		!ae_size_add(&end, arena->used, bytes & ~(size_t) (AE_ALIGN - 1)))
	{
		arena->overflow = true;
		return NULL;
	}
	part = arena->base ? arena->base + arena->used : NULL;
	arena->used = end;
	return part;
}

/* n_rows x width elements of size bytes. */
static inline void *
ae_arena_place_rows(AeArena *arena, size_t n_rows, size_t width, size_t size)
{
	size_t count;

	if (!ae_size_mul(&count, n_rows, width))
		arena->overflow = true;
	return ae_arena_place(arena, count, size);
}

/* The first aligned address in a block; the block must have AE_ALIGN bytes to spare. */
static inline char *
ae_arena_align(void *block)
{
	return (char *) (((uintptr_t) block + AE_ALIGN - 1) & ~(uintptr_t) (AE_ALIGN - 1));
}

#endif
