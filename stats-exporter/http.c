/* The HTTP side's daemons: one of libmicrohttpd's for each socket, each on a thread of its own, so
 * that a crowd at one door keeps nobody out at another. What every request goes through stands here;
 * nothing in here or behind it writes anything. */
#include "stats-exporter/http.h"

#include "stats-exporter/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SILENT_S 10      /* libmicrohttpd's limit; one that says a byte now and then is below it */
#define POOL_BYTES 32768 /* of a connection: its head has to fit, and what is sent at once */
#define TARGET_MAX 2048  /* bytes of a path with its query */
#define HEAD_MAX 8192    /* of all header fields */
#define BODY_MAX 1048576 /* read and forgotten: who is not heard out may miss the answer */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static struct door {
	struct MHD_Daemon *daemon;
	struct limits *limits;
} doors[LISTEN_MAX];
static int n_doors;

/* What is known of a request before all of it is there. */
struct request {
	size_t target_bytes;
	uint64_t body_bytes;
	bool begun;
};

static void *on_target(void *cls, const char *target, struct MHD_Connection *c)
{
	struct request *r = calloc(1, sizeof(*r));

	(void)cls;
	(void)c;
	if (r != NULL)
		r->target_bytes = strlen(target);
	return r;
}

/* The first that a daemon's thread does, before it has read a byte of anybody. */
static void on_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	static _Thread_local bool fenced;

	if (!fenced)
		sandbox_thread();
	fenced = true;
	limits_connection(cls, c, context, what);
}

static void on_completed(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how)
{
	(void)cls;
	(void)c;
	(void)how;
	free(*state);
	*state = NULL;
}

static enum MHD_Result count(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	(void)value;
	*(int *)cls += strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0;
	return MHD_YES;
}

/* RFC 9112, 3.2: one Host of HTTP/1.1, and never two. */
static bool host_wrong(struct MHD_Connection *c, const char *version)
{
	int n = 0;

	MHD_get_connection_values(c, MHD_HEADER_KIND, count, &n);
	return n > 1 || (n == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0);
}

/* A status other than 0 is the answer, whatever else is asked. */
static unsigned int too_large(struct MHD_Connection *c, const struct request *r)
{
	const union MHD_ConnectionInfo *head = MHD_get_connection_info(
		c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length = request_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (r->target_bytes > TARGET_MAX)
		return MHD_HTTP_URI_TOO_LONG;
	if (head != NULL && head->header_size > HEAD_MAX + r->target_bytes)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (length != NULL && strtoull(length, NULL, 10) > BODY_MAX)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

/* A path also when it came with scheme and host, as proxies are asked. */
static const char *path_of(const char *url)
{
	const char *host = strncasecmp(url, "http://", 7) == 0 ? url + 7
		: strncasecmp(url, "https://", 8) == 0         ? url + 8
							       : NULL;

	return host == NULL ? url : strchr(host, '/') ? strchr(host, '/') : "/";
}

static enum MHD_Result answer(
	struct exporter *x, struct MHD_Connection *c, const char *path, const char *method)
{
	const struct route *route = route_find(path);

	if ((route == NULL || !route->open)
		&& !access_ok(request_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION)))
		return answer_error(c, MHD_HTTP_UNAUTHORIZED,
			"a token is needed: as bearer, or as the password of any user");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
	return route ? route->give(x, c) : answer_error(c, MHD_HTTP_NOT_FOUND, route_paths);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *n_data, void **state)
{
	struct request *r = *state;

	(void)data;
	if (r == NULL)
		return MHD_NO; /* no memory */
	if (!r->begun) {       /* first call: headers only */
		unsigned int status = too_large(c, r);

		r->begun = true;
		if (status == 0 && host_wrong(c, version))
			return answer_error(c, MHD_HTTP_BAD_REQUEST, "expected one Host");
		return status ? answer_error(c, status, "more than is read here") : MHD_YES;
	}
	if (*n_data != 0) { /* a body */
		r->body_bytes += *n_data;
		*n_data = 0;
		return r->body_bytes <= BODY_MAX ? MHD_YES : MHD_NO;
	}
	return answer(cls, c, path_of(url), method);
}

int http_files(const struct http_opts *o, char *why)
{
	int rc = access_load(o->token_file, why);

	if (rc == 0 && o->tls_cert != NULL
		&& MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
		snprintf(why, WHY_MAX,
			"--tls-cert: this machine's libmicrohttpd was built without TLS");
		rc = -ENOTSUP;
	}
	return rc == 0 ? tls_load(o->tls_cert, o->tls_key, why) : rc;
}

static bool is_tcp(int fd)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof(family);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 && family != AF_UNIX;
}

static struct MHD_Daemon *daemon_start(struct exporter *x, int fd, struct limits *l)
{
	/* without MHD_USE_ITC there is no quiescing */
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_certificate},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL}};
	bool with_tls = tls_loaded() && is_tcp(fd);

	if (with_tls)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, x, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)SILENT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
		on_target, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_ARRAY, tls,
		MHD_OPTION_END);
}

int http_start(struct exporter *x, int listen_fd)
{
	struct door *d = &doors[n_doors];
	sigset_t all, was;
	int rc;

	if (n_doors == LISTEN_MAX)
		return -1;
	d->limits = limits_new();
	if (d->limits == NULL)
		return -1;
	/* its threads take no signals: they are for the one that watches */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	rc = limits_start(d->limits);
	if (rc == 0 && n_doors == 0)
		rc = sse_start(x);
	d->daemon = rc == 0 ? daemon_start(x, listen_fd, d->limits) : NULL;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (d->daemon == NULL)
		return -1;
	n_doors++;
	return 0;
}

static bool idle(void)
{
	unsigned int n = 0;

	for (int i = 0; i < n_doors; i++) {
		const union MHD_DaemonInfo *d = MHD_get_daemon_info(
			doors[i].daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

		n += d ? __atomic_load_n(&d->num_connections, __ATOMIC_RELAXED) : 1;
	}
	return n == 0;
}

void http_drain(int timeout_ms)
{
	const struct timespec nap = {0, 10 * 1000000};
	int still = 0;

	sse_end();
	for (int i = 0; i < n_doors; i++)
		MHD_quiesce_daemon(doors[i].daemon);
	/* idle for some looks: a connection just taken may not be counted yet */
	for (int ms = 0; ms < timeout_ms && still < 3; ms += 10) {
		nanosleep(&nap, NULL);
		still = idle() ? still + 1 : 0;
	}
}
