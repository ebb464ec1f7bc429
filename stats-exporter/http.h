/* The HTTP side's own: what a route is, how it answers, and the limits of connections. Routes run
 * on libmicrohttpd's threads, one at a time on each. */
#pragma once

#include "stats-exporter/exporter.h"

#include <jansson.h>

#include <gnutls/abstract.h>
#include <microhttpd.h>

/* Answers a GET or HEAD of its path. MHD_NO cuts the connection. */
struct route {
	const char *path;
	enum MHD_Result (*give)(struct exporter *x, struct MHD_Connection *c);
	bool open; /* to who has no token, too */
};

/* The route of a path, NULL: none. */
const struct route *route_find(const char *path);
/* Of all routes, in one line: for who has asked for another. */
extern const char route_paths[];

/* Answers. All of them have the headers that keep browsers from taking it for something else. */

/* The head of an answer. csp: what a page may load (Content-Security-Policy); NULL: nothing. cache:
 * Cache-Control. */
void answer_head(struct MHD_Response *r, const char *type, const char *csp, const char *cache);
/* A text that is given away and freed by free(). */
enum MHD_Result answer_text(
	struct MHD_Connection *c, unsigned int status, const char *type, char *text, size_t len);
/* A document that is given away; NULL: out of memory. */
enum MHD_Result answer_json(struct MHD_Connection *c, unsigned int status, json_t *doc);
/* {"error": what}. A 405 tells what is allowed. */
enum MHD_Result answer_error(struct MHD_Connection *c, unsigned int status, const char *what);

/* A stream of what read() says, until it says MHD_CONTENT_READER_END_OF_STREAM; closed() is called
 * with cls in any case, at the end. */
enum MHD_Result answer_stream(struct MHD_Connection *c, size_t block,
	MHD_ContentReaderCallback read, MHD_ContentReaderFreeCallback closed, void *cls);

/* What a request says of a name, NULL: nothing, or something with a zero in it. */
const char *request_value(struct MHD_Connection *c, enum MHD_ValueKind kind, const char *name);
/* A decimal number from min to max. False: it is none, or NULL. */
bool number_of(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* ?key=N; nothing happens without it. False: it is no number from min to max. */
bool query_number(
	struct MHD_Connection *c, const char *key, uint64_t min, uint64_t max, uint64_t *value);

/* Limits of the connections of one listening socket. */
#define CONNECTIONS_MAX 512
struct limits;
/* NULL: no memory. Lasts as long as the program. */
struct limits *limits_new(void);
/* libmicrohttpd's, which counts them; cls is the limits. */
void limits_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode what);
/* This one may last: a stream. Its end is its sender's business. */
void limits_stream(struct MHD_Connection *c);
/* Ends a connection from any thread; its own does the rest. It must be open. */
void limits_end(struct MHD_Connection *c);
/* Begins to cut those that last too long. 0 or -errno. */
int limits_start(struct limits *l);

/* access.c: the token, read from a file. 0, or -errno with why[WHY_MAX]. NULL: none is needed. */
int access_load(const char *file, char *why);
/* Is that value of an Authorization header (NULL: none) good? The token as bearer, or as the password
 * of anybody in Basic, which browsers can ask for. */
bool access_ok(const char *authorization);
#define ACCESS_CHALLENGES                                                              \
	{                                                                              \
		"Bearer realm=\"warp17\"", "Basic realm=\"warp17\", charset=\"UTF-8\"" \
	}
/* A whole file that at most max bytes has, to be freed, with a zero behind. secret: others must not
 * be able to read it. NULL: why[WHY_MAX], which begins with name, says what is wrong. */
char *access_file(
	const char *name, const char *path, bool secret, size_t max, size_t *len, char *why);

/* tls.c: certificate and key. 0, or -errno with why[WHY_MAX]. */
int tls_load(const char *cert, const char *key, char *why);
bool tls_loaded(void);
/* GnuTLS's, by which libmicrohttpd gets what was loaded last. */
int tls_certificate(gnutls_session_t session, const gnutls_datum_t *req_ca_rdn, int nreqs,
	const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length, gnutls_pcert_st **pcert,
	unsigned int *pcert_length, gnutls_privkey_t *pkey);

/* sse.c: GET /events. */
enum MHD_Result sse_give(struct exporter *x, struct MHD_Connection *c);
/* Starts its ticker. 0 or -errno. */
int sse_start(struct exporter *x);
/* All streams end, and none begins any more. May be called in a signal's context. */
void sse_end(void);

/* page.c: the live page's files, each of which answers GET. */
#define ASSET(id, path, file, type) \
	enum MHD_Result page_##id(struct exporter *x, struct MHD_Connection *c);
#include "stats-exporter/page/assets.def"
