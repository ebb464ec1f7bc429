/* The documents of /api/v1; what stands for one that is not to be had, over HTTP and in a recording. */
#pragma once

#include <jansson.h>

#include <stdint.h>

struct exporter;

enum document {
	DOC_STATS,
	DOC_PORTS,
	DOC_TESTS,
	DOC_OPERATORS,
	DOC_EVENTS,
	DOC_SCHEMA,
	DOC_COUNT
};
struct document_desc {
	const char *word, *path, *schema; /* schema: its name and version */
};
extern const struct document_desc documents[DOC_COUNT];
#define ERROR_SCHEMA "warp17-error/1.0"
#define LIVE_SCHEMA "warp17-live/1.1" /* of /events */
#define GAP_SCHEMA "warp17-gap/1.0"
/* DOC_COUNT: there is none of that word. */
enum document document_find(const char *word);
/* One of the engine, for the caller to own. events: those after *since, which becomes the last. NULL: none
 * to be had, why[WHY_MAX] says why. */
json_t *document_take(
	struct exporter *x, enum document d, uint64_t seq, uint64_t *since, char *why);
