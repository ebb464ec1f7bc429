/* The exporter: counters read in place, served to scrapers. EAL starts once in a process, so when
 * the engine goes the program re-executes itself and waits for the next one without EAL; its
 * listening socket goes with it. */
#pragma once

#include "common/abi/attach.h"

#include <jansson.h>

#include <stdatomic.h>

struct exporter {
	struct client client;
	_Atomic int attached; /* 1 while the engine's segment may be read; set by the main thread */
	const char *prefix;
	uint64_t seq;
};

/* The engine is attached, alive, and its heartbeat is fresh. */
bool sample_ready(const struct exporter *x);

/* All there is, as a tree that the caller owns. The engine must be attached. */
json_t *json_stats(struct exporter *x);
/* Every counter: name, unit, kind, help. */
json_t *json_schema(void);

/* Prometheus text 0.0.4, to be freed; works without an engine too. */
char *prometheus_text(struct exporter *x, size_t *len);
/* The same for a segment, for tests: NULL is none. */
char *prometheus_of(const struct seg *s, size_t *len);

/* Serves on a listening socket until http_stop(). NULL when it cannot. */
struct MHD_Daemon;
struct MHD_Daemon *http_start(struct exporter *x, int listen_fd);
