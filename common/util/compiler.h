/* Compiler attributes under short names; the only file that spells __attribute__. */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64
#define cache_aligned __attribute__((aligned(CACHE_LINE)))
#define format_printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define force_inline inline __attribute__((always_inline))
#define cold_path __attribute__((cold, noinline))
#define apart __attribute__((noinline)) /* hot at times, but not with its caller */
/* All that it calls is inlined, but for what is apart or cold. */
#define hot_path __attribute__((flatten, noinline))
#define packed_struct __attribute__((packed))
#define packed2_struct __attribute__((packed, aligned(2)))
#define unused_arg __attribute__((unused))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* The text of a number that a macro stands for. */
#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define FIELD_SIZE(type, field) sizeof(((type *)0)->field)
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* n bytes, rounded up to whole cache lines. */
static inline size_t whole_lines(size_t n)
{
	return (n + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

/* What cannot be, on the packet path: checked in builds for tests, type-checked in all. */
#ifdef NDEBUG
#define BUG_ON_HOT(cond) ((void)sizeof(cond))
#else
#define BUG_ON_HOT(cond) BUG_ON(cond)
#endif

/* What cannot be. Always on; ends the process with a trap, so that a core shows where. */
#define BUG_ON(cond)                      \
	do {                              \
		if (unlikely(cond))       \
			__builtin_trap(); \
	} while (0)
