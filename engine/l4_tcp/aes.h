/* AES-128 (FIPS 197) of one block, by the processor's own instructions. */
#pragma once

#ifdef __AES__
#include "common/util/compiler.h"

#include <immintrin.h>

#define AES_KEYS 11 /* of ten rounds */

/* key: of the round before; the third argument of AES_NEXT() has to be a literal. */
static force_inline __m128i aes_next(__m128i key, __m128i assist)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}
#define AES_NEXT(k, i, rcon) k[i] = aes_next(k[(i)-1], _mm_aeskeygenassist_si128(k[(i)-1], rcon))

static inline void aes_expand(__m128i k[AES_KEYS], __m128i key)
{
	k[0] = key;
	AES_NEXT(k, 1, 0x01);
	AES_NEXT(k, 2, 0x02);
	AES_NEXT(k, 3, 0x04);
	AES_NEXT(k, 4, 0x08);
	AES_NEXT(k, 5, 0x10);
	AES_NEXT(k, 6, 0x20);
	AES_NEXT(k, 7, 0x40);
	AES_NEXT(k, 8, 0x80);
	AES_NEXT(k, 9, 0x1b);
	AES_NEXT(k, 10, 0x36);
}

static force_inline __m128i aes_block(const __m128i k[AES_KEYS], __m128i b)
{
	b = _mm_xor_si128(b, k[0]);
#pragma GCC unroll 16
	for (int i = 1; i < AES_KEYS - 1; i++)
		b = _mm_aesenc_si128(b, k[i]);
	return _mm_aesenclast_si128(b, k[AES_KEYS - 1]);
}
#endif
