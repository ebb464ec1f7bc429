/* The HTTP side, on libmicrohttpd's own thread. Nothing here writes anything. */
#include "stats-exporter/exporter.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static enum MHD_Result give(
	struct MHD_Connection *c, unsigned int status, const char *type, char *text, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result rc;

	if (r == NULL) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result give_json(struct MHD_Connection *c, unsigned int status, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text ? give(c, status, "application/json", text, strlen(text)) : MHD_NO;
}

static enum MHD_Result error(struct MHD_Connection *c, unsigned int status, const char *what)
{
	return give_json(c, status, json_pack("{ss}", "error", what));
}

static enum MHD_Result no_engine(struct MHD_Connection *c)
{
	return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the engine is not running");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *n_data, void **state)
{
	struct exporter *x = cls;
	size_t len;
	char *text;

	(void)version;
	(void)data;
	if (*n_data != 0) { /* a body: read and forgotten */
		*n_data = 0;
		return MHD_YES;
	}
	if (*state == NULL) { /* first call: headers only */
		*state = x;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
	if (strcmp(url, "/metrics") == 0) {
		text = prometheus_text(x, &len);
		return text ? give(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text,
			       len)
			    : MHD_NO;
	}
	if (strcmp(url, "/healthz") == 0)
		return give_json(c, MHD_HTTP_OK, json_pack("{ss}", "status", "ok"));
	if (strcmp(url, "/readyz") == 0)
		return sample_ready(x)
			? give_json(c, MHD_HTTP_OK, json_pack("{ss}", "status", "ready"))
			: no_engine(c);
	if (strcmp(url, "/api/v1/stats") == 0)
		return sample_ready(x) ? give_json(c, MHD_HTTP_OK, json_stats(x)) : no_engine(c);
	if (strcmp(url, "/api/v1/schema") == 0)
		return give_json(c, MHD_HTTP_OK, json_schema());
	return error(c, MHD_HTTP_NOT_FOUND,
		"paths: /metrics /api/v1/stats /api/v1/schema /healthz /readyz");
}

struct MHD_Daemon *http_start(struct exporter *x, int listen_fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, x,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, 256u,
		MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
}
