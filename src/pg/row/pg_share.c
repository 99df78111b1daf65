/*
 * pg_share.c: shared limits on memory that cannot be moved to disk.
 *
 * Levels of categories, and rows that wait for the schema, are counted over all columns and groups
 * of a call, and exceeding their share is an error. The first few kB of each holder are free, as
 * they are no more than the rest of a group's state.
 */
#include "pg_row.h"

#include "port/pg_bitutils.h"

/* Bytes of a holder that do not count: part of a group's state, even with a thousand groups. */
#define FREE_BYTES 4096

/* Chunks up to this are rounded up to a power of two; a header comes on top. */
#define ROUNDED_CHUNK 8192
#define CHUNK_HEADER 16

/* The number of a holder's bytes that count. */
static size_t
counted(size_t bytes)
{
	return bytes > FREE_BYTES ? bytes - FREE_BYTES : 0;
}

/* The context of a holder is deleted; that of the budget, which is above it, still exists. */
static void
leave_share(void *arg)
{
	PgaeHolder *holder = arg;

	pgae_holder_give_back(holder);
	dlist_delete(&holder->node);
}

void
pgae_holder_init(PgaeHolder *holder, PgaeShare *share, MemoryContext context)
{
	holder->share = share;
	holder->bytes = 0;
	dlist_push_tail(&holder->share->holders, &holder->node);
	holder->callback.func = leave_share;
	holder->callback.arg = holder;
	MemoryContextRegisterResetCallback(context, &holder->callback);
}

bool
pgae_holder_take(PgaeHolder *holder, size_t bytes)
{
	PgaeShare *share = holder->share;
	size_t more = counted(holder->bytes + bytes) - counted(holder->bytes);

	if (share->used + more > share->limit)
		return false;
	share->used += more;
	holder->bytes += bytes;
	return true;
}

void
pgae_holder_give_back(PgaeHolder *holder)
{
	holder->share->used -= counted(holder->bytes);
	holder->bytes = 0;
}

size_t
pgae_chunk_bytes(size_t size)
{
	return CHUNK_HEADER +
		   (size <= ROUNDED_CHUNK ? pg_nextpower2_32((uint32) Max(size, 8)) : MAXALIGN(size));
}
