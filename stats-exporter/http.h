/* The HTTP side's own: what a route is, how it answers, and the limits of connections. Routes run
 * on libmicrohttpd's threads, one at a time on each. */
#pragma once

#include "stats-exporter/exporter.h"

#include <microhttpd.h>

/* Answers a GET or HEAD of its path. MHD_NO cuts the connection. */
struct route {
	const char *path;
	enum MHD_Result (*give)(struct exporter *x, struct MHD_Connection *c);
};

/* The route of a path, NULL: none. */
const struct route *route_find(const char *path);
/* Of all routes, in one line: for who has asked for another. */
extern const char route_paths[];

/* Answers. All of them have the headers that keep browsers from taking it for something else. */

/* A text that is given away and freed by free(). */
enum MHD_Result answer_text(
	struct MHD_Connection *c, unsigned int status, const char *type, char *text, size_t len);
/* 200 with what is there for ever, such as a page built into the program. csp: what the page may
 * load (Content-Security-Policy); NULL: nothing. */
enum MHD_Result answer_static(
	struct MHD_Connection *c, const char *type, const char *csp, const void *data, size_t len);
/* A document that is given away; NULL: out of memory. */
enum MHD_Result answer_json(struct MHD_Connection *c, unsigned int status, json_t *doc);
/* {"error": what}. A 405 tells what is allowed. */
enum MHD_Result answer_error(struct MHD_Connection *c, unsigned int status, const char *what);

/* ?key=N, without it as it was. False: it is no number from min to max. */
bool query_number(
	struct MHD_Connection *c, const char *key, uint64_t min, uint64_t max, uint64_t *value);

/* Connections that there may be at once, and the callback that counts them. */
#define CONNECTIONS_MAX 256
void limits_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode what);
