/* Random numbers: SplitMix64, for what is repeatable by a seed. */
#pragma once

#include <stdint.h>

static inline uint64_t rng_mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t rng_next(uint64_t *state)
{
	return rng_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* With a chance of n in a million. */
static inline int rng_ppm(uint64_t *state, uint64_t n)
{
	return n != 0 && (rng_next(state) >> 32) % 1000000 < n;
}
