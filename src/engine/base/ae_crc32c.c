/*
 * ae_crc32c.c: CRC-32C, eight bytes at a time ("slicing by eight").
 *
 * table[k][v] is the CRC register after byte v and k zero bytes.  The register is
 * linear over GF(2), so every entry is the exclusive or of those of its bits, and
 * the entries of single bits are successive states of the shift register:
 * table[k][1 << b] = s[7 - b + 8 k], with s[0] the polynomial.  So 64 constants
 * make the 2048 entries, at compile time.
 *
 * Source: Kounavis, Berry, "A systematic approach to building high performance
 * software-based CRC generators", ISCC 2005.
 */
#include "ae_crc32c.h"

/* The entry of byte v from those of its bits, the lowest first. */
#define BIT(v, b, entry) ((((v) >> (b)) & 1) ? (entry) : 0u)
#define ENTRY(v, e0, e1, e2, e3, e4, e5, e6, e7)                                                   \
	(BIT(v, 0, e0) ^ BIT(v, 1, e1) ^ BIT(v, 2, e2) ^ BIT(v, 3, e3) ^ BIT(v, 4, e4) ^               \
	 BIT(v, 5, e5) ^ BIT(v, 6, e6) ^ BIT(v, 7, e7))
#define ENTRIES_4(v, ...)                                                                          \
	ENTRY(v, __VA_ARGS__), ENTRY((v) + 1, __VA_ARGS__), ENTRY((v) + 2, __VA_ARGS__),               \
		ENTRY((v) + 3, __VA_ARGS__)
#define ENTRIES_16(v, ...)                                                                         \
	ENTRIES_4(v, __VA_ARGS__), ENTRIES_4((v) + 4, __VA_ARGS__), ENTRIES_4((v) + 8, __VA_ARGS__),   \
		ENTRIES_4((v) + 12, __VA_ARGS__)
#define ENTRIES_64(v, ...)                                                                         \
	ENTRIES_16(v, __VA_ARGS__), ENTRIES_16((v) + 16, __VA_ARGS__),                                 \
		ENTRIES_16((v) + 32, __VA_ARGS__), ENTRIES_16((v) + 48, __VA_ARGS__)
#define SLICE(...)                                                                                 \
	{                                                                                              \
		ENTRIES_64(0u, __VA_ARGS__), ENTRIES_64(64u, __VA_ARGS__), ENTRIES_64(128u, __VA_ARGS__),  \
			ENTRIES_64(192u, __VA_ARGS__)                                                          \
	}

static const uint32_t table[8][256] = {
	SLICE(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu,
		  0x82f63b78u),
	SLICE(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u,
		  0xfbc3faf9u),
	SLICE(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u,
		  0x8b277743u),
	SLICE(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u,
		  0x52a0c93fu),
	SLICE(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu,
		  0x6ea2d55cu),
	SLICE(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu,
		  0x1c08b7d6u),
	SLICE(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au,
		  0xf56e0ef4u),
	SLICE(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u,
		  0x34019664u),
};

/* Four bytes, the lowest first. */
static uint32_t
load_u32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

uint32_t
ae_crc32c(uint32_t crc, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	crc = ~crc;
	for (; length >= 8; length -= 8, p += 8)
	{
		uint32_t low = load_u32(p) ^ crc;
		uint32_t high = load_u32(p + 4);

		crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^
			  table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^
			  table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
	}
	for (; length > 0; length--, p++)
		crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
	return ~crc;
}
