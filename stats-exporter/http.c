/* The HTTP side's daemon, on libmicrohttpd's own thread. Nothing here writes anything. */
#include "stats-exporter/http.h"

#include <string.h>
#include <time.h>

#define SILENT_S 10 /* libmicrohttpd's limit; one that says a byte now and then is below it */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *n_data, void **state)
{
	struct exporter *x = cls;
	const struct route *route;

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
		return answer_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
	route = route_find(url);
	return route ? route->give(x, c) : answer_error(c, MHD_HTTP_NOT_FOUND, route_paths);
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
		(unsigned int)SILENT_S, MHD_OPTION_NOTIFY_CONNECTION, limits_connection, NULL,
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
