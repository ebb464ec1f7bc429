/* A fuzz target: one input, of any bytes. libFuzzer calls it with what it makes up (make fuzz),
 * replay.c with the files of test/fuzz/corpus (make replay). What must not be ends the process. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* An input, read from its front; behind its end there are zeros. */
struct feed {
	const uint8_t *p, *end;
};
static inline uint8_t feed_8(struct feed *f)
{
	return f->p < f->end ? *f->p++ : 0;
}
static inline uint16_t feed_16(struct feed *f)
{
	uint8_t lo = feed_8(f);

	return (uint16_t)(feed_8(f) << 8 | lo);
}
/* As many of n bytes as are left: where they are, how many. */
static inline const uint8_t *feed_bytes(struct feed *f, size_t n, size_t *got)
{
	const uint8_t *at = f->p;

	*got = n < (size_t)(f->end - f->p) ? n : (size_t)(f->end - f->p);
	f->p += *got;
	return at;
}
