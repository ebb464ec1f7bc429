/* Words in memory that is not aligned, and in network order. Builtins, not rte_byteorder.h's inline
 * assembly: the compiler joins them with loads and stores. */
#pragma once

#include "common/util/compiler.h"

#include <stdint.h>
#include <string.h>

static inline uint16_t load_16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint32_t load_32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint64_t load_64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Host order to network order, and back: this is for little-endian machines (x86). */
#define be_16(v) __builtin_bswap16(v)
#define be_32(v) __builtin_bswap32(v)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
