/*
 * pg_digest.c: the digest that identifies the bytes of a model.
 *
 * The server's own sha256() does not check for interrupts, which takes seconds for a large model.
 */
#include "pg_base.h"

#include "miscadmin.h"

/* Bytes between two checks for interrupts. */
#define STEP ((size_t) 1 << 20)

void
pgae_digest(uint8 digest[PGAE_SHA256_BYTES], const void *bytes, size_t length)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	bool good = hash != NULL && pg_cryptohash_init(hash) >= 0;

	for (size_t at = 0, n; good && at < length; at += n)
	{
		n = Min(STEP, length - at);
		CHECK_FOR_INTERRUPTS();
		good = pg_cryptohash_update(hash, (const uint8 *) bytes + at, n) >= 0;
	}
	if (!good || pg_cryptohash_final(hash, digest, PGAE_SHA256_BYTES) < 0)
		elog(ERROR, "could not compute a SHA-256 digest");
	pg_cryptohash_free(hash);
}
