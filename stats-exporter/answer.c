/* Answers of the HTTP side, and what all of them have in their head. */
#include "stats-exporter/document.h"
#include "stats-exporter/http.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 16384u /* an answer that nobody counts: as many as there are connections */

/* Nothing of ours is a page that others may show, load from, or learn where a reader came from. */
#define NOTHING "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

void answer_head(struct MHD_Response *r, const char *type, const char *csp, const char *cache)
{
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", cache);
	MHD_add_response_header(r, "Content-Security-Policy", csp ? csp : NOTHING);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "X-Frame-Options", "DENY");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	/* one request a connection: then no idle one is there to be cut at a re-execution */
	MHD_add_response_header(r, "Connection", "close");
}

static enum MHD_Result give(struct MHD_Connection *c, unsigned int status, struct MHD_Response *r)
{
	static const char *const challenges[] = ACCESS_CHALLENGES;
	enum MHD_Result rc;

	for (size_t i = 0; status == MHD_HTTP_UNAUTHORIZED && i < ARRAY_SIZE(challenges); i++)
		MHD_add_response_header(r, "WWW-Authenticate", challenges[i]);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(r, "Retry-After", "1");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

/* Bytes of answers that have not been read yet. */
static _Atomic size_t unread;
static size_t unread_max = UNREAD_MB << 20;

void http_unread_max(uint32_t mb)
{
	unread_max = (size_t)mb << 20;
}

static size_t counted(char *text)
{
	size_t size = malloc_usable_size(text);

	return size > SMALL ? size : 0;
}

static void text_read(void *text)
{
	atomic_fetch_sub(&unread, counted(text));
	free(text);
}

enum MHD_Result answer_text(
	struct MHD_Connection *c, unsigned int status, const char *type, char *text, size_t len)
{
	size_t size = counted(text);
	struct MHD_Response *r;

	if (atomic_fetch_add(&unread, size) + size > unread_max && size != 0) {
		text_read(text);
		return answer_error(c, MHD_HTTP_SERVICE_UNAVAILABLE,
			"others have not read their answers, which take all the memory there may "
			"be");
	}
	r = MHD_create_response_from_buffer_with_free_callback(len, text, text_read);
	if (r == NULL) {
		text_read(text);
		return MHD_NO;
	}
	answer_head(r, type, NULL, "no-store");
	return give(c, status, r);
}

enum MHD_Result answer_stream(struct MHD_Connection *c, size_t block,
	MHD_ContentReaderCallback read, MHD_ContentReaderFreeCallback closed, void *cls)
{
	struct MHD_Response *r = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, block, read, cls, closed);

	if (r == NULL) {
		closed(cls);
		return MHD_NO;
	}
	answer_head(r, "text/event-stream", NULL, "no-store");
	return give(c, MHD_HTTP_OK, r);
}

static enum MHD_Result no_memory(struct MHD_Connection *c)
{
	char *text = strdup("{\"schema\":\"" ERROR_SCHEMA "\",\"error\":\"out of memory\"}");

	return text ? answer_text(
		       c, MHD_HTTP_INTERNAL_SERVER_ERROR, "application/json", text, strlen(text))
		    : MHD_NO;
}

enum MHD_Result answer_json(struct MHD_Connection *c, unsigned int status, json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	return text ? answer_text(c, status, "application/json", text, strlen(text)) : no_memory(c);
}

enum MHD_Result answer_error(struct MHD_Connection *c, unsigned int status, const char *what)
{
	return answer_json(c, status, json_pack("{ss ss}", "schema", ERROR_SCHEMA, "error", what));
}
