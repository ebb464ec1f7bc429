/* warp17-stats-exporter: options; then a document once, or the watch. */
#include "common/util/version.h"
#include "stats-exporter/record.h"

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
		"/api/v1/... (JSON),\n"
		"/healthz, /readyz; or records them. Waits for the engine, and follows it over "
		"restarts.\n"
		"      --listen ADDR:PORT  where (default 127.0.0.1:9417); [ADDR6]:PORT too; port "
		"0: any, printed\n"
		"      --port PORT         the same on 127.0.0.1\n"
		"      --prefix NAME       the engine's file prefix (default " PREFIX_DEFAULT ")\n"
		"      --once              print a document, and leave; what of --interval's below "
		"fits goes with it\n"
		"      --interval SECONDS  record a document so often (0.01..86400), without HTTP "
		"unless it is\n"
		"                          asked for by --listen or --port\n"
		"      --document WORD     stats (default), ports, tests (default of csv), "
		"operators, events, schema\n"
		"      --format WORD       jsonl: one a line; csv: a row for each test case or "
		"port; "
		"json: indented\n"
		"      --output FILE       instead of standard output; json: the newest alone, "
		"else "
		"appended\n"
		"      --count N           leave after so many records\n"
		"      --rotate-size SIZE  FILE becomes FILE.1 before it is larger (bytes, K, M, "
		"G)\n"
		"      --rotate-keep N     so many of those stay (default 5)\n"
		"  -h, --help   -V, --version\n"
		"exit: 0 ok, 1 cannot listen or write (records were lost), 2 usage; --once: 3 no "
		"engine, 4 refused,\n"
		"5 time-out\n");
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
	bool listen; /* was asked for */
	struct record_opts record;
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
		{"prefix", 1, NULL, 'P'}, RECORD_LONGS, {"help", 0, NULL, 'h'},
		{"version", 0, NULL, 'V'}, {0}};
	char why[WHY_MAX];
	int c, rc = 0;

	listen_parse(&cmd->at, "127.0.0.1:9417", why);
	record_opts_init(&cmd->record);
	while (rc == 0 && (c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (c == 'l') {
			rc = listen_parse(&cmd->at, optarg, why);
			cmd->listen = true;
		} else if (c == 'p') {
			rc = listen_parse_port(&cmd->at, optarg, why);
			cmd->listen = true;
		} else if (c == 'P') {
			rc = prefix_parse(cmd, optarg, why);
		} else if ((rc = record_option(&cmd->record, c, optarg, why)) <= 0) {
			continue;
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
		rc = record_opts_check(&cmd->record, why);
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

static int once(struct exporter *x, struct attach_opts *o, const struct record_opts *r)
{
	char why[WHY_MAX] = "";
	sigset_t alarm_only;
	int rc = 0;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL); /* whoever started us */
	o->stuck = give_up;
	if (r->doc != DOC_SCHEMA) { /* which needs no engine */
		rc = watch_attach(x, o, why);
		x->attached = rc == 0;
	}
	if (rc != 0)
		fprintf(stderr, EXPORTER ": %s\n", why);
	else
		rc = record_once(x, r);
	switch (rc) {
	case 0:
		return EXIT_OK;
	case -EIO:
		return EXIT_FAILED;
	case -EBUSY:
		return EXIT_REFUSED;
	case -ETIMEDOUT:
		return EXIT_TIMEOUT;
	default:
		return EXIT_NO_ENGINE;
	}
}

/* Until it is ended: serves, unless recording is all that was asked for. */
static int service(struct exporter *x, struct attach_opts *o, struct command *cmd, char **argv)
{
	bool records = cmd->record.interval_ns != 0, serves = !records || cmd->listen;
	int fd = watch_inherit();

	x->record = records ? &cmd->record : NULL;
	if (serves && fd < 0)
		fd = listen_open(&cmd->at);
	return serves && fd < 0 ? EXIT_FAILED : watch_run(x, o, fd, argv);
}

int main(int argc, char **argv)
{
	static struct exporter x = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct command cmd = {0};
	struct attach_opts o = {
		.name = "stats-exporter", .kind = client_kind_EXPORTER, .read_only = true};
	int rc;

	standard_files();
	prctl(PR_SET_NAME, EXPORTER); /* executed again by way of /proc it would be "exe" */
	signal(SIGPIPE, SIG_IGN);
	rc = options(&cmd, argc, argv);
	if (rc >= 0)
		return rc;
	o.prefix = cmd.prefix;
	rc = cmd.record.once ? once(&x, &o, &cmd.record) : service(&x, &o, &cmd, argv);
	fflush(NULL);
	_exit(rc); /* never rte_eal_cleanup() */
}
