/*
 * ae_crc32c.h: the checksum of model bytes: CRC-32C (Castagnoli, reflected polynomial 82f63b78), as
 * used by iSCSI (RFC 3720, B.4). The checksum of "123456789" is e3069283.  Knows nothing of models.
 */
#ifndef AE_CRC32C_H
#define AE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * Continues `crc`, the CRC of what came before, with length bytes; start with 0. crc32c(ab) =
 * ae_crc32c(ae_crc32c(0, a, n_a), b, n_b).
 */
uint32_t ae_crc32c(uint32_t crc, const void *bytes, size_t length);

#endif
