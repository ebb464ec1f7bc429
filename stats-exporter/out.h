/* Text that grows: what documents of millions of numbers are written into. A number takes some ns
 * where fprintf() takes a hundred. */
#pragma once

#include "common/util/compiler.h"

#include <stdbool.h>
#include <string.h>

struct out {
	char *text;
	size_t len, size;
	bool failed; /* no memory: what was written is forgotten */
};

/* Ready to be written to, with room for `size` bytes. */
void out_init(struct out *o, size_t size);
/* The text, which ends, and its length: the caller's, by free(). NULL: there was no memory. */
char *out_end(struct out *o, size_t *len);
void out_free(struct out *o);

/* See out_room(). */
char *out_grow(struct out *o, size_t n);
void out_printf(struct out *o, const char *fmt, ...) format_printf(2, 3);

/* Where the next n bytes go, of which the writer then says with out_to() how far it came. NULL:
 * there is no memory. */
static inline char *out_room(struct out *o, size_t n)
{
	return likely(o->size - o->len > n) ? o->text + o->len : out_grow(o, n);
}
static inline void out_to(struct out *o, const char *end)
{
	o->len = (size_t)(end - o->text);
}

static inline void out_bytes(struct out *o, const char *s, size_t n)
{
	char *to = out_room(o, n);

	if (to == NULL)
		return;
	memcpy(to, s, n);
	o->len += n;
}
static inline void out_text(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}
static inline void out_char(struct out *o, char c)
{
	out_bytes(o, &c, 1);
}

/* Digits of numbers, where there is room for them; the end. */
#define OUT_DIGITS 32 /* more than any of these takes */
char *out_put_large(char *to, uint64_t v);
/* s.nnnnnnnnn */
char *out_put_seconds(char *to, uint64_t s, uint32_t ns);
static inline char *out_put_u64(char *to, uint64_t v)
{
	if (v >= 10)
		return out_put_large(to, v);
	*to = (char)('0' + v);
	return to + 1;
}
static inline char *out_put_i64(char *to, int64_t v)
{
	if (v >= 0)
		return out_put_u64(to, (uint64_t)v);
	*to = '-';
	return out_put_u64(to + 1, -(uint64_t)v);
}

static inline void out_u64(struct out *o, uint64_t v)
{
	char *to = out_room(o, OUT_DIGITS);

	if (to != NULL)
		out_to(o, out_put_u64(to, v));
}
