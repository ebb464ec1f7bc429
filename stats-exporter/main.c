/* warp17-stats-exporter: options; then the JSON once, or the watch. */
#include "common/util/version.h"
#include "stats-exporter/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void usage(FILE *to)
{
	fprintf(to,
		"usage: " EXPORTER " [options]\n"
		"Serves the statistics of a WARP17 engine over HTTP: /metrics (Prometheus), "
		"/api/v1/stats (JSON),\n"
		"/api/v1/schema, /healthz, /readyz. Waits for the engine, and follows it over "
		"restarts.\n"
		"      --listen ADDR:PORT  where (default 127.0.0.1:9417); [ADDR6]:PORT too; port "
		"0: any, printed\n"
		"      --port PORT         the same on 127.0.0.1\n"
		"      --prefix NAME       the engine's file prefix (default " PREFIX_DEFAULT ")\n"
		"      --once              print the JSON once, and leave\n"
		"  -h, --help   -V, --version\n"
		"exit: 0 ok, 1 cannot listen or write, 2 usage; --once: 3 no engine, 4 refused, 5 "
		"time-out\n");
}

/* A descriptor of ours must not come to be taken for standard output. */
static void standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_FAILED);
	}
}

struct command {
	struct listen_at at;
	const char *prefix;
	bool once;
};

static int prefix_parse(struct command *cmd, const char *text, char *why)
{
	cmd->prefix = text;
	if (prefix_ok(text))
		return 0;
	snprintf(why, WHY_MAX, "--prefix: expected %s, not '%.64s'", PREFIX_RULE, text);
	return -EINVAL;
}

/* An exit code, or -1 to go on. */
static int options(struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {{"listen", 1, NULL, 'l'}, {"port", 1, NULL, 'p'},
		{"prefix", 1, NULL, 'P'}, {"once", 0, NULL, 'o'}, {"help", 0, NULL, 'h'},
		{"version", 0, NULL, 'V'}, {0}};
	char why[WHY_MAX];
	int c, rc = 0;

	listen_parse(&cmd->at, "127.0.0.1:9417", why);
	while (rc == 0 && (c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (c == 'l') {
			rc = listen_parse(&cmd->at, optarg, why);
		} else if (c == 'p') {
			rc = listen_parse_port(&cmd->at, optarg, why);
		} else if (c == 'P') {
			rc = prefix_parse(cmd, optarg, why);
		} else if (c == 'o') {
			cmd->once = true;
		} else if (c == 'V') {
			printf(EXPORTER " %s\n", warp17_version());
			return EXIT_OK;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_OK : EXIT_USAGE;
		}
	}
	if (rc == 0 && optind < argc) {
		snprintf(why, sizeof(why), "unexpected '%.64s'", argv[optind]);
		rc = -EINVAL;
	}
	if (rc == 0)
		return -1;
	fprintf(stderr, EXPORTER ": %s\n", why);
	return EXIT_USAGE;
}

/* In a signal's context. */
static void give_up(void)
{
	static const char text[] = EXPORTER ": attaching did not end in time: is another client of "
					    "the engine stopped?\n";

	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? EXIT_FAILED : EXIT_TIMEOUT);
}

static int once(struct exporter *x, struct attach_opts *o)
{
	char why[WHY_MAX];
	struct sample *s;
	sigset_t alarm_only;
	json_t *doc;
	int rc;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL); /* whoever started us */
	o->stuck = give_up;
	rc = watch_attach(x, o, why);
	x->attached = rc == 0;
	s = rc == 0 ? sample_take(x, why) : NULL;
	if (s == NULL) {
		fprintf(stderr, EXPORTER ": %s\n", why);
		return rc == -EBUSY        ? EXIT_REFUSED
			: rc == -ETIMEDOUT ? EXIT_TIMEOUT
					   : EXIT_NO_ENGINE;
	}
	doc = json_stats(s, 0);
	sample_free(s);
	rc = json_dumpf(doc, stdout, JSON_INDENT(1)) == 0 && putchar('\n') != EOF
			&& fflush(stdout) == 0
		? EXIT_OK
		: EXIT_FAILED;
	if (rc != EXIT_OK)
		fprintf(stderr, EXPORTER ": cannot write: %s\n", strerror(errno));
	json_decref(doc);
	return rc;
}

int main(int argc, char **argv)
{
	static struct exporter x = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct command cmd = {0};
	struct attach_opts o = {
		.name = "stats-exporter", .kind = client_kind_EXPORTER, .read_only = true};
	int fd, rc;

	standard_files();
	prctl(PR_SET_NAME, EXPORTER); /* executed again by way of /proc it would be "exe" */
	signal(SIGPIPE, SIG_IGN);
	rc = options(&cmd, argc, argv);
	if (rc >= 0)
		return rc;
	o.prefix = cmd.prefix;
	if (cmd.once) {
		rc = once(&x, &o);
	} else {
		fd = watch_inherit();
		if (fd < 0)
			fd = listen_open(&cmd.at);
		rc = fd < 0 ? EXIT_FAILED : watch_run(&x, &o, fd, argv);
	}
	fflush(NULL);
	_exit(rc); /* never rte_eal_cleanup() */
}
