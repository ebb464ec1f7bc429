/* Stamps in RAW messages: eight letters, then the time of sending in ns, its low half first, each half in
 * network order. */
#pragma once

#include "common/util/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define APP_STAMP_BYTES 16u
#define APP_STAMP_MAGIC "WLATENCY"

/* A time, as eight bytes of a stamp, and back. */
static force_inline uint64_t app_stamp_word(uint64_t ns)
{
	return __builtin_bswap64(ns << 32 | ns >> 32);
}
static force_inline uint64_t app_stamp_ns(uint64_t word)
{
	uint64_t ns = __builtin_bswap64(word);

	return ns << 32 | ns >> 32;
}

static force_inline void app_stamp_write(uint8_t *to, uint64_t ns)
{
	uint64_t word = app_stamp_word(ns);

	memcpy(to, APP_STAMP_MAGIC, sizeof(word));
	memcpy(to + sizeof(word), &word, sizeof(word));
}

/* False: there is none. */
static force_inline bool app_stamp_read(const uint8_t *from, uint64_t *word)
{
	*word = load_64(from + sizeof(*word));
	return load_64(from) == load_64(APP_STAMP_MAGIC);
}
