/* See out.h. */
#include "stats-exporter/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void out_init(struct out *o, size_t size)
{
	*o = (struct out){.text = malloc(size + 1), .size = size + 1};
	if (o->text == NULL)
		*o = (struct out){.failed = true};
}

void out_free(struct out *o)
{
	free(o->text);
	*o = (struct out){.failed = true};
}

char *out_end(struct out *o, size_t *len)
{
	char *text = o->text;

	if (text != NULL) {
		text[o->len] = '\0'; /* out_room() leaves that byte */
		*len = o->len;
	}
	*o = (struct out){.failed = true};
	return text;
}

cold_path char *out_grow(struct out *o, size_t n)
{
	size_t size = o->size * 2 + n + 1;
	char *text = o->failed ? NULL : realloc(o->text, size);

	if (text == NULL) {
		out_free(o);
		return NULL;
	}
	o->text = text;
	o->size = size;
	return text + o->len;
}

void out_printf(struct out *o, const char *fmt, ...)
{
	va_list args, again;
	char *to;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	to = n < 0 ? NULL : out_room(o, (size_t)n);
	if (to != NULL) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		o->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

static const char pairs[] = "0001020304050607080910111213141516171819"
			    "2021222324252627282930313233343536373839"
			    "4041424344454647484950515253545556575859"
			    "6061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

/* The n last digits of v. */
static inline void digits(char *to, uint64_t v, uint32_t n)
{
	for (; n >= 2; n -= 2, v /= 100)
		memcpy(to + n - 2, pairs + v % 100 * 2, 2);
	if (n != 0)
		*to = (char)('0' + v % 10);
}

char *out_put_large(char *to, uint64_t v)
{
	static const uint64_t ten_to[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
		100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
		1000000000000000000, 10000000000000000000u};
	uint32_t bits = 64 - (uint32_t)__builtin_clzll(v | 1);
	uint32_t n = bits * 1233 >> 12; /* log10, or one more than it */

	n += v >= ten_to[n];
	digits(to, v, n);
	return to + n;
}

char *out_put_seconds(char *to, uint64_t s, uint32_t ns)
{
	to = out_put_u64(to, s);
	*to++ = '.';
	digits(to, ns, 9);
	return to + 9;
}
