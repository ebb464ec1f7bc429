/* warp17-stats-exporter: options, the listening socket, and the watch over the engine. */
#include "common/util/version.h"
#include "stats-exporter/exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FD_ENV "WARP17_EXPORTER_FD" /* the listening socket, handed on over a re-execution */
#define STALE_MS 1000
#define LOOK_MS 200

static _Atomic int leave;

static void on_signal(int sig)
{
	(void)sig;
	leave = 1;
}

bool sample_ready(const struct exporter *x)
{
	struct timespec ts;
	uint64_t beat;

	if (!atomic_load(&x->attached) || !client_alive(&x->client))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	beat = __atomic_load_n(&x->client.seg->hdr.heartbeat_ms, __ATOMIC_RELAXED);
	return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000 < beat + STALE_MS;
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: warp17-stats-exporter [options]\n"
		"Serves the statistics of a WARP17 engine: /metrics (Prometheus), /api/v1/stats "
		"(JSON),\n"
		"/api/v1/schema, /healthz, /readyz.\n"
		"      --listen ADDR:PORT  where (default 127.0.0.1:9417)\n"
		"      --port PORT         the same on 127.0.0.1\n"
		"      --prefix NAME       the engine's file prefix (default warp17)\n"
		"      --once              print the JSON once, and leave (exit 3 without an "
		"engine)\n"
		"  -h, --help   -V, --version\n");
}

static int listen_on(const char *where)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	const char *inherited = getenv(FD_ENV), *colon = strrchr(where, ':');
	int fd, on = 1;
	char host[64];

	if (inherited != NULL)
		return (int)strtol(inherited, NULL, 10);
	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - where) : 0, where);
	a.sin_port = htons(colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0);
	if (colon == NULL || inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "warp17-stats-exporter: --listen: '%s' is not ADDR:PORT\n", where);
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 256) != 0) {
		fprintf(stderr, "warp17-stats-exporter: %s: %s\n", where, strerror(errno));
		return -1;
	}
	return fd;
}

/* How: SIG_BLOCK around the re-execution, so that a signal then is seen by the next image;
 * SIG_UNBLOCK once it has handlers. */
static void signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGALRM); /* of an image that was stuck */
	sigprocmask(how, &set, NULL);
}

static void give_up(void)
{
	static const char text[] = "warp17-stats-exporter: attaching did not end in time\n";

	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? 3 : 5);
}

static int once(struct exporter *x, const struct attach_opts *o)
{
	char err[256];

	if (client_attach(&x->client, o, err, sizeof(err)) != 0) {
		fprintf(stderr, "warp17-stats-exporter: %s\n", err);
		return 3;
	}
	json_dumpf(json_stats(x), stdout, JSON_INDENT(1));
	putchar('\n');
	fflush(NULL);
	return 0;
}

static char **image_argv;
static int image_fd;

/* The next image of this program begins without EAL, on the same socket. May be called from a
 * signal's handler. */
static void again(void)
{
	fcntl(image_fd, F_SETFD, 0);
	/* the EAL's files are not closed by exec, and their locks would keep the next engine from
	 * starting */
	close_range(3, (unsigned int)image_fd - 1, 0);
	close_range((unsigned int)image_fd + 1, ~0U, 0);
	execv("/proc/self/exe", image_argv);
	_exit(1);
}

static void image_keep(int fd, char **argv)
{
	char n[16];

	snprintf(n, sizeof(n), "%d", fd);
	setenv(FD_ENV, n, 1);
	image_fd = fd;
	image_argv = argv;
}

static int serve(struct exporter *x, const struct attach_opts *o, int fd)
{
	struct MHD_Daemon *d = http_start(x, fd);
	const struct timespec nap = {0, 20 * 1000000};
	char err[256];

	if (d == NULL) {
		fprintf(stderr, "warp17-stats-exporter: the HTTP server does not start\n");
		return 1;
	}
	while (!leave) {
		if (!atomic_load(&x->attached)) {
			if (client_attach(&x->client, o, err, sizeof(err)) == 0) {
				client_protect(&x->client, false);
				atomic_store(&x->attached, 1);
			}
		} else if (!client_alive(&x->client)) {
			atomic_store(&x->attached, 0);
			MHD_quiesce_daemon(d);
			nanosleep(&nap, NULL); /* what is under way is answered */
			signals(SIG_BLOCK);
			if (!leave)
				again();
		}
		/* woken at once when the engine goes: a new one waits for us to let go of the old
		 * one's memory */
		poll(&(struct pollfd){.fd = atomic_load(&x->attached) ? x->client.sock : -1,
			     .events = POLLIN},
			1, LOOK_MS);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"listen", 1, NULL, 'l'}, {"port", 1, NULL, 'p'},
		{"prefix", 1, NULL, 'P'}, {"once", 0, NULL, 'o'}, {"help", 0, NULL, 'h'},
		{"version", 0, NULL, 'V'}, {0}};
	static struct exporter x;
	struct attach_opts o = {.prog = argv[0],
		.name = "stats-exporter",
		.kind = client_kind_EXPORTER,
		.read_only = true};
	char where[64] = "127.0.0.1:9417";
	bool just_once = false;
	int c, fd, rc;

	while ((c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (c == 'l') {
			snprintf(where, sizeof(where), "%s", optarg);
		} else if (c == 'p') {
			snprintf(where, sizeof(where), "127.0.0.1:%s", optarg);
		} else if (c == 'P') {
			o.prefix = x.prefix = optarg;
		} else if (c == 'o') {
			just_once = true;
		} else if (c == 'V') {
			printf("warp17-stats-exporter %s\n", warp17_version());
			return 0;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "warp17-stats-exporter: unexpected '%s'\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	o.stuck = just_once ? give_up : again;
	if (just_once)
		_exit(once(&x, &o));
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signals(SIG_UNBLOCK);
	fd = listen_on(where);
	if (fd < 0)
		return 1;
	image_keep(fd, argv);
	rc = serve(&x, &o, fd);
	fflush(NULL);
	_exit(rc); /* never rte_eal_cleanup() */
}
