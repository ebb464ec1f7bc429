/* The HTTP side, on libmicrohttpd's own thread. Nothing here writes anything. A connection carries
 * one request: then no idle one is there to be cut when the program re-executes itself. */
#include "stats-exporter/exporter.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CONNECTIONS_MAX 256
#define SILENT_S 10 /* libmicrohttpd's limit; one that says a byte now and then is below it */
/* From a connection's first byte to its end. A scrape takes milliseconds; while there are many
 * connections, those that keep a scrape from coming in are let go before it has lost patience. */
#define LONGEST_MS 15000
#define MANY (CONNECTIONS_MAX * 3 / 4)
#define LONGEST_OF_MANY_MS 2000

/* The connections there are, for the main thread to cut. */
static struct {
	pthread_mutex_t lock;
	struct connection {
		bool open;
		int fd;
		int64_t since_ms; /* of the first look at it; 0: none yet */
	} at[CONNECTIONS_MAX];
	int n;
} conns = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Called before the descriptor is closed: under the lock it is the connection's. */
static void on_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct connection *unused = NULL, *mine = *context;

	(void)cls;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	pthread_mutex_lock(&conns.lock);
	for (int i = 0; what == MHD_CONNECTION_NOTIFY_STARTED && i < CONNECTIONS_MAX && !unused;
		i++)
		unused = conns.at[i].open ? NULL : &conns.at[i];
	if (unused != NULL && info != NULL) {
		*unused = (struct connection){.open = true, .fd = info->connect_fd};
		conns.n++;
		*context = unused;
	} else if (what == MHD_CONNECTION_NOTIFY_CLOSED && mine != NULL) {
		mine->open = false;
		conns.n--;
	}
	pthread_mutex_unlock(&conns.lock);
}

void http_cut(int64_t now_ms)
{
	int64_t longest;

	pthread_mutex_lock(&conns.lock);
	longest = conns.n >= MANY ? LONGEST_OF_MANY_MS : LONGEST_MS;
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &conns.at[i];

		if (c->open && c->since_ms == 0)
			c->since_ms = now_ms;
		else if (c->open && now_ms - c->since_ms >= longest)
			shutdown(c->fd, SHUT_RDWR); /* the rest is its thread's */
	}
	pthread_mutex_unlock(&conns.lock);
}

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
	MHD_add_response_header(r, "Connection", "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result no_memory(struct MHD_Connection *c)
{
	char *text = strdup("{\"error\":\"out of memory\"}");

	return text
		? give(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "application/json", text, strlen(text))
		: MHD_NO;
}

static enum MHD_Result give_json(struct MHD_Connection *c, unsigned int status, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text ? give(c, status, "application/json", text, strlen(text)) : no_memory(c);
}

static enum MHD_Result error(struct MHD_Connection *c, unsigned int status, const char *what)
{
	return give_json(c, status, json_pack("{ss}", "error", what));
}

static enum MHD_Result metrics(struct exporter *x, struct MHD_Connection *c)
{
	size_t len;
	char *text = prometheus_text(x, &len);

	return text ? give(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len)
		    : no_memory(c);
}

/* An argument that is a number from 0 to max; UINT32_MAX where it is not given. False: it is none. */
static bool number_of(struct MHD_Connection *c, const char *key, uint32_t max, uint32_t *v)
{
	const char *s = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, key);
	char *end;
	unsigned long n;

	*v = UINT32_MAX;
	if (s == NULL)
		return true;
	n = strtoul(s, &end, 10);
	*v = (uint32_t)n;
	return *s >= '0' && *s <= '9' && *end == '\0' && n <= max;
}

static enum MHD_Result some(struct exporter *x, struct MHD_Connection *c, bool tests)
{
	char why[WHY_MAX];
	struct sample *s;
	uint32_t port, tcid = UINT32_MAX;
	enum MHD_Result rc;

	if (!number_of(c, "port", PORTS_MAX - 1, &port))
		return error(c, MHD_HTTP_BAD_REQUEST, "port: expected a number, 0..63");
	if (tests && !number_of(c, "test_case_id", TCS_MAX - 1, &tcid))
		return error(c, MHD_HTTP_BAD_REQUEST, "test_case_id: expected a number, 0..15");
	s = sample_take(x, why);
	if (s == NULL)
		return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	if (port != UINT32_MAX && port >= s->n_ports)
		rc = error(c, MHD_HTTP_BAD_REQUEST, "port: the engine has no such port");
	else
		rc = give_json(c, MHD_HTTP_OK,
			tests ? json_tests_of(s, x->seq++, port, tcid)
			      : json_ports_of(s, x->seq++, port));
	sample_free(s);
	return rc;
}

static enum MHD_Result ports(struct exporter *x, struct MHD_Connection *c)
{
	return some(x, c, false);
}

static enum MHD_Result tests(struct exporter *x, struct MHD_Connection *c)
{
	return some(x, c, true);
}

static enum MHD_Result stats(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];
	struct sample *s = sample_take(x, why);
	enum MHD_Result rc;

	if (s == NULL)
		return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	rc = give_json(c, MHD_HTTP_OK, json_stats(s, x->seq++));
	sample_free(s);
	return rc;
}

/* ?since=N, 0 when it is not given. False: it is no number. */
static bool since_of(struct MHD_Connection *c, uint64_t *since)
{
	const char *s = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "since");
	char *end;

	*since = 0;
	if (s == NULL)
		return true;
	errno = 0;
	*since = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && *end == '\0' && errno == 0;
}

static enum MHD_Result events(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];
	uint64_t since;

	if (!since_of(c, &since))
		return error(c, MHD_HTTP_BAD_REQUEST, "since: expected the number of an event");
	if (!sample_ready(x, why))
		return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	return give_json(c, MHD_HTTP_OK, json_events(x->client.seg, since, x->seq++));
}

static enum MHD_Result operators(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];
	json_t *o;

	if (!sample_ready(x, why))
		return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	o = json_operators(x->client.seg, x->seq++);
	if (o == NULL)
		return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "the engine stopped inside a change");
	return give_json(c, MHD_HTTP_OK, o);
}

static enum MHD_Result schema(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];

	return give_json(
		c, MHD_HTTP_OK, json_schema(sample_ready(x, why) ? x->client.seg : NULL, x->seq++));
}

static enum MHD_Result healthz(struct exporter *x, struct MHD_Connection *c)
{
	(void)x;
	return give_json(c, MHD_HTTP_OK, json_pack("{ss}", "status", "ok"));
}

static enum MHD_Result readyz(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];

	if (!sample_lasts(x, why))
		return error(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	return give_json(c, MHD_HTTP_OK, json_pack("{ss}", "status", "ready"));
}

static const struct {
	const char *path;
	enum MHD_Result (*give)(struct exporter *x, struct MHD_Connection *c);
} pages[] = {{"/metrics", metrics}, {"/api/v1/stats", stats}, {"/api/v1/ports", ports},
	{"/api/v1/tests", tests}, {"/api/v1/schema", schema}, {"/api/v1/events", events},
	{"/api/v1/operators", operators}, {"/healthz", healthz}, {"/readyz", readyz}};

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *n_data, void **state)
{
	struct exporter *x = cls;

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
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (strcmp(url, pages[i].path) == 0)
			return pages[i].give(x, c);
	}
	return error(c, MHD_HTTP_NOT_FOUND,
		"paths: /metrics /api/v1/stats /api/v1/ports /api/v1/tests /api/v1/schema "
		"/api/v1/events /api/v1/operators /healthz /readyz");
}

struct MHD_Daemon *http_start(struct exporter *x, int listen_fd)
{
	struct MHD_Daemon *d;
	sigset_t all, was;

	/* its thread takes no signals: they are for the one that watches */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	/* without MHD_USE_ITC there is no quiescing */
	d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request,
		x, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)SILENT_S, MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
		MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return d;
}

void http_drain(struct MHD_Daemon *d, int timeout_ms)
{
	const struct timespec nap = {0, 10 * 1000000};
	const union MHD_DaemonInfo *n;
	int idle = 0;

	MHD_quiesce_daemon(d);
	/* idle for some looks: a connection just taken may not be counted yet */
	for (int ms = 0; ms < timeout_ms && idle < 3; ms += 10) {
		nanosleep(&nap, NULL);
		n = MHD_get_daemon_info(d, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
		idle = n != NULL && __atomic_load_n(&n->num_connections, __ATOMIC_RELAXED) == 0
			? idle + 1
			: 0;
	}
}
