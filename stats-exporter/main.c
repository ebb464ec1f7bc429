/* warp17-stats-exporter: options; then a document once, or the watch. */
#include "common/util/version.h"
#include "stats-exporter/record.h"
#include "stats-exporter/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FILES_TRIES 25
#define DESCRIPTORS 8192

static void usage(FILE *to)
{
	fprintf(to,
		"usage: " EXPORTER " [options]\n"
		"Serves the statistics of a WARP17 engine over HTTP: /metrics (Prometheus), "
		"/api/v1/... (JSON),\n"
		"/events (live), /healthz, /readyz; or records them. Waits for the engine, and "
		"follows it over "
		"restarts.\n"
		"      --listen WHERE      ADDR:PORT, [ADDR6]:PORT (port 0: any, printed) or "
		"unix:/PATH[,mode=0660];\n"
		"                          may be given again (default 127.0.0.1:9417)\n"
		"      --port PORT         the same on 127.0.0.1\n"
		"      --token-file FILE   who asks must know the token in it (all but /healthz)\n"
		"      --tls-cert FILE --tls-key FILE   PEM; TLS at TCP sockets\n"
		"      --unread MB         what answers may take that are not read yet (default "
		"256; more "
		"get 503)\n"
		"      --prefix NAME       the engine's file prefix (default " PREFIX_DEFAULT ")\n"
		"      --no-sandbox        keep rights that are not needed\n"
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
	struct listen_at at[LISTEN_MAX];
	int n_at;
	struct http_opts http;
	const char *prefix;
	bool listen;  /* was asked for */
	bool sandbox; /* is not forbidden */
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

/* --listen, or with port --port. */
static int listen_add(struct command *cmd, const char *text, bool port, char *why)
{
	struct listen_at *at = &cmd->at[cmd->n_at];

	if (cmd->n_at == LISTEN_MAX) {
		snprintf(why, WHY_MAX, "--listen: at most %d times", LISTEN_MAX);
		return -EINVAL;
	}
	cmd->n_at++;
	return port ? listen_parse_port(at, text, why) : listen_parse(at, text, why);
}

static int unread_parse(const char *text, char *why)
{
	char *end;
	unsigned long mb = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || mb == 0 || mb > UNREAD_MB_MAX) {
		snprintf(why, WHY_MAX, "--unread: expected MB, 1..%u, not '%.64s'", UNREAD_MB_MAX,
			text);
		return -EINVAL;
	}
	http_unread_max((uint32_t)mb);
	return 0;
}

/* What options say together. */
static int complete(struct command *cmd, char *why)
{
	int rc = record_opts_check(&cmd->record, why);

	if (rc != 0)
		return rc;
	if ((cmd->http.tls_cert == NULL) != (cmd->http.tls_key == NULL)) {
		snprintf(why, WHY_MAX, "--tls-cert and --tls-key: both or none");
		return -EINVAL;
	}
	cmd->listen = cmd->n_at != 0;
	return cmd->listen ? 0 : listen_add(cmd, "127.0.0.1:9417", false, why);
}

/* An exit code, or -1 to go on. */
static int options(struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {{"listen", 1, NULL, 'l'}, {"port", 1, NULL, 'p'},
		{"prefix", 1, NULL, 'P'}, {"token-file", 1, NULL, 't'}, {"tls-cert", 1, NULL, 'c'},
		{"tls-key", 1, NULL, 'k'}, {"no-sandbox", 0, NULL, 'n'}, {"unread", 1, NULL, 'u'},
		RECORD_LONGS, {"help", 0, NULL, 'h'}, {"version", 0, NULL, 'V'}, {0}};
	char why[WHY_MAX];
	int c, rc = 0;

	record_opts_init(&cmd->record);
	while (rc == 0 && (c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (c == 'l' || c == 'p') {
			rc = listen_add(cmd, optarg, c == 'p', why);
		} else if (c == 't') {
			cmd->http.token_file = optarg;
		} else if (c == 'c') {
			cmd->http.tls_cert = optarg;
		} else if (c == 'k') {
			cmd->http.tls_key = optarg;
		} else if (c == 'P') {
			rc = prefix_parse(cmd, optarg, why);
		} else if (c == 'u') {
			rc = unread_parse(optarg, why);
		} else if (c == 'n') {
			cmd->sandbox = false;
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
		rc = complete(cmd, why);
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

/* Who listens for others than this machine's should know what goes over the wire. */
static void warn(const struct command *cmd)
{
	bool far = false;

	for (int i = 0; i < cmd->n_at; i++)
		far |= !listen_local(&cmd->at[i]);
	if (far && cmd->http.token_file == NULL)
		fprintf(stderr,
			EXPORTER ": whoever reaches it can read everything: --token-file asks for "
				 "a token\n");
	else if (far && cmd->http.tls_cert == NULL)
		fprintf(stderr,
			EXPORTER ": the token goes over the network in clear: --tls-cert and "
				 "--tls-key encrypt\n");
}

/* How many sockets it listens at. -1: it cannot. */
static int listen_all(const struct command *cmd, int fds[LISTEN_MAX])
{
	int n = 0;

	warn(cmd);
	while (n < cmd->n_at && (fds[n] = listen_open(&cmd->at[n])) >= 0)
		n++;
	return n == cmd->n_at ? n : -1;
}

/* So many that each door has all its places. */
static void descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = MAX_OF(r.rlim_cur, MIN_OF((rlim_t)DESCRIPTORS, r.rlim_max));
	setrlimit(RLIMIT_NOFILE, &r);
}

static void sandbox(const struct command *cmd)
{
	struct sandbox_paths p = {.prefix = cmd->prefix, .output = cmd->record.output};
	char why[WHY_MAX];

	p.n_sockets = listen_paths(p.sockets);
	if (sandbox_enter(&p, why) != 0)
		fprintf(stderr, EXPORTER ": not all of its sandbox is to be had: %s\n", why);
}

/* Token and certificates. To the next image they may be just being renewed. False: after a sentence. */
static bool files(const struct command *cmd, bool first)
{
	const struct timespec nap = {0, 200 * 1000000};
	char why[WHY_MAX];

	for (int left = first ? 1 : FILES_TRIES; http_files(&cmd->http, why) != 0;) {
		if (--left == 0) {
			fprintf(stderr, EXPORTER ": %s\n", why);
			return false;
		}
		nanosleep(&nap, NULL);
	}
	return true;
}

/* Until it is ended: serves, unless recording is all that was asked for. */
static int serve(struct exporter *x, struct attach_opts *o, const struct command *cmd, char **argv)
{
	bool records = cmd->record.interval_ns != 0, serves = !records || cmd->listen;
	int fds[LISTEN_MAX], n = watch_inherit(fds), rc = EXIT_FAILED;
	bool first = n < 0;

	x->record = records ? &cmd->record : NULL;
	if (serves && !files(cmd, first)) {
		listen_end();
		return EXIT_USAGE;
	}
	if (first)
		n = serves ? listen_all(cmd, fds) : 0;
	descriptors();
	if (first && n >= 0 && cmd->sandbox)
		sandbox(cmd);
	if (cmd->sandbox)
		sandbox_threads();
	if (n >= 0)
		rc = watch_run(x, o, &cmd->http, fds, n, argv);
	listen_end();
	return rc;
}

int main(int argc, char **argv)
{
	static struct exporter x = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct command cmd = {.sandbox = SANDBOX};
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
	rc = cmd.record.once ? once(&x, &o, &cmd.record) : serve(&x, &o, &cmd, argv);
	fflush(NULL);
	_exit(rc); /* never rte_eal_cleanup() */
}
