/* warp17-cli: options, then a shell, a batch, or one command. */
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/monitor.h"
#include "cli/rpc.h"
#include "common/util/clock.h"
#include "common/util/crash.h"
#include "common/util/version.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MAX_S 86400

static void usage(FILE *to)
{
	fprintf(to,
		"usage: warp17-cli [options] [COMMAND...]\n"
		"Commands a running WARP17 engine. Without a command: a shell, or a batch from "
		"standard input.\n"
		"  -c, --command CMD     run CMD; may be given several times\n"
		"  -f, --file FILE       run the commands of FILE, - is standard input\n"
		"  -j, --json            one JSON object a command\n"
		"  -e, --stop-on-error   stop at the first error\n"
		"  -x, --echo            print each command before its answer\n"
		"      --prefix NAME     the engine's file prefix (default " PREFIX_DEFAULT ")\n"
		"      --name NAME       what other operators see (default user@tty)\n"
		"      --read-only       look only: every change is refused\n"
		"      --monitor         print events as they happen, until Ctrl-C\n"
		"      --rpc [WHERE...]  serve JSON-RPC 2.0 at ADDR:PORT, [ADDR6]:PORT or "
		"unix:PATH\n"
		"                        (default 127.0.0.1:42424 and rpc.sock beside the "
		"engine's)\n"
		"      --token-file FILE what TCP clients of --rpc have to say first\n"
		"      --timeout SEC     longest wait for an answer (default 60)\n"
		"      --wait SEC        wait so long for an engine to come up (default 0)\n"
		"      --reference WHAT  print " REFERENCES "\n"
		"      --complete LINE   print what may stand at the end of LINE\n"
		"  -h, --help   -V, --version\n"
		"exit: 0 ok, 1 command failed, 2 usage, 3 no engine, 4 refused, 5 time-out\n");
}

enum {
	O_PREFIX = 256,
	O_NAME,
	O_READ_ONLY,
	O_MONITOR,
	O_RPC,
	O_TOKEN_FILE,
	O_TIMEOUT,
	O_WAIT,
	O_REFERENCE,
	O_COMPLETE
};

static const struct option longs[] = {{"command", 1, NULL, 'c'}, {"file", 1, NULL, 'f'},
	{"json", 0, NULL, 'j'}, {"stop-on-error", 0, NULL, 'e'}, {"echo", 0, NULL, 'x'},
	{"prefix", 1, NULL, O_PREFIX}, {"name", 1, NULL, O_NAME},
	{"read-only", 0, NULL, O_READ_ONLY}, {"monitor", 0, NULL, O_MONITOR},
	{"rpc", 2, NULL, O_RPC}, {"token-file", 1, NULL, O_TOKEN_FILE},
	{"timeout", 1, NULL, O_TIMEOUT}, {"wait", 1, NULL, O_WAIT},
	{"reference", 1, NULL, O_REFERENCE}, {"complete", 1, NULL, O_COMPLETE},
	{"help", 0, NULL, 'h'}, {"version", 0, NULL, 'V'}, {0}};

/* A -c or -f. */
struct job {
	const char *arg;
	FILE *file; /* NULL: arg is a command */
};

struct job_list {
	struct job *job;
	int n;
};

static void complain(const char *what, const char *value, const char *why)
{
	fprintf(stderr, "warp17-cli: %s: '%.100s' %s\n", what, value, why);
}

/* 0, or CLI_USAGE with a word on stderr. */
static int job_add(struct job_list *l, const char *arg, bool file)
{
	struct job job = {.arg = arg, .file = file ? batch_open(arg) : NULL}, *more;

	if (file && job.file == NULL) {
		fprintf(stderr, "warp17-cli: %s: %s\n", arg, strerror(errno));
		return CLI_USAGE;
	}
	more = realloc(l->job, (l->n + 1) * sizeof(*more));
	BUG_ON(more == NULL);
	l->job = more;
	l->job[l->n++] = job;
	return 0;
}

static int seconds(const char *option, const char *s, int min, int *out)
{
	char *end, why[80];
	long v;

	errno = 0;
	v = strtol(s, &end, 10);
	if (*s >= '0' && *s <= '9' && *end == '\0' && errno == 0 && v >= min
		&& v <= TIMEOUT_MAX_S) {
		*out = (int)v;
		return 0;
	}
	snprintf(why, sizeof(why), "is not a number of seconds, expected %d..%d", min,
		TIMEOUT_MAX_S);
	complain(option, s, why);
	return CLI_USAGE;
}

static int prefix(const char *s, const char **out)
{
	*out = s;
	if (prefix_ok(s))
		return 0;
	complain("--prefix", s, "given, expected " PREFIX_RULE);
	return CLI_USAGE;
}

static int name(const char *s, const char **out)
{
	char why[80];

	*out = s;
	if (*s != '\0' && strlen(s) < NAME_MAX_LEN && strchr(s, '/') == NULL)
		return 0;
	snprintf(why, sizeof(why), "is not a name of 1..%d characters without '/'",
		NAME_MAX_LEN - 1);
	complain("--name", s, why);
	return CLI_USAGE;
}

static struct rpc_opts rpc;

/* Words of the command line as one line that splits into the same words. A single one is a line as
 * it is: "show version". */
static char *bare_line(int argc, char **argv)
{
	size_t room = 1, at = 0;
	char *line;

	for (int i = 0; i < argc; i++)
		room += 2 * strlen(argv[i]) + 3;
	line = calloc(1, room);
	BUG_ON(line == NULL);
	if (argc == 1)
		snprintf(line, room, "%s", argv[0]);
	for (int i = 0; argc > 1 && i < argc; i++) {
		if (i > 0)
			line[at++] = ' ';
		at += (size_t)cmd_quote(argv[i], line + at, room - at);
	}
	return line;
}

/* -1: carry on; else the exit code. */
static int options(int argc, char **argv, struct cli *cli, struct attach_opts *o,
	struct job_list *jobs, int *wait_s)
{
	int c, rc = 0, timeout_s = cli->timeout_ms / 1000;

	while (rc == 0 && (c = getopt_long(argc, argv, "+c:f:jexhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
		case 'f':
			rc = job_add(jobs, optarg, c == 'f');
			break;
		case 'j':
			cli->json = true;
			break;
		case 'e':
			cli->stop_at_error = true;
			break;
		case 'x':
			cli->echo = true;
			break;
		case O_PREFIX:
			rc = prefix(optarg, &cli->prefix);
			break;
		case O_NAME:
			rc = name(optarg, &o->name);
			break;
		case O_READ_ONLY:
			o->read_only = true;
			break;
		case O_MONITOR:
			cli->monitor = true;
			break;
		case O_RPC:
			rc = rpc_opt_where(&rpc, argc, argv);
			break;
		case O_TOKEN_FILE:
			rc = rpc_opt_token(&rpc, optarg);
			break;
		case O_TIMEOUT:
			rc = seconds("--timeout", optarg, 1, &timeout_s);
			break;
		case O_WAIT:
			rc = seconds("--wait", optarg, 0, wait_s);
			break;
		case O_REFERENCE:
			if (reference_print(optarg) == 0)
				return CLI_OK;
			complain("--reference", optarg, "given, expected " REFERENCES);
			return CLI_USAGE;
		case O_COMPLETE:
			complete_print(optarg);
			return CLI_OK;
		case 'h':
			usage(stdout);
			return CLI_OK;
		case 'V':
			printf("warp17-cli %s\n", warp17_version());
			return CLI_OK;
		default:
			usage(stderr);
			return CLI_USAGE;
		}
	}
	cli->timeout_ms = timeout_s * 1000;
	if (rc == 0 && optind < argc)
		rc = job_add(jobs, bare_line(argc - optind, argv + optind), false);
	if (rc == 0)
		rc = rpc_opt_check(&rpc, jobs->n != 0);
	return rc == 0 ? -1 : rc;
}

/* In a signal's context. */
static void on_stuck(void)
{
	static const char text
		[] = "warp17-cli: attaching did not end in time: another client of the engine may "
		     "be stopped while it attaches\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(CLI_TIMEOUT); /* nobody to tell */
	_exit(CLI_TIMEOUT);
}

/* May an engine that is not there yet explain it? */
static bool may_come(int rc)
{
	return rc == -ENOENT || rc == -ECONNREFUSED || rc == -ECONNRESET || rc == -ETIMEDOUT;
}

static void print_no_engine(int code, const char *why)
{
	json_t *o = json_pack(
		"{sb si so}", "ok", 0, "code", code, "error", show_text(why, strlen(why)));

	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static int attach(struct cli *cli, const struct attach_opts *o, int wait_s)
{
	const struct timespec nap = {0, 100 * 1000000};
	int64_t until = mono_ms() + wait_s * INT64_C(1000);
	char err[256];
	int rc;

	while ((rc = client_attach(&cli->client, o, err, sizeof(err))) != 0 && may_come(rc)
		&& mono_ms() < until)
		nanosleep(&nap, NULL);
	if (rc == 0 && client_protect(&cli->client, true) != 0) {
		rc = -errno;
		snprintf(err, sizeof(err), "its memory cannot be made read only: %s",
			strerror(errno));
	}
	if (rc == 0) {
		CRASH_POINT("protected");
		monitor_begin(cli);
		rc = gone_watch(cli);
		snprintf(err, sizeof(err), "no thread: %s", strerror(-rc));
	}
	if (rc == 0)
		return CLI_OK;
	if (cli->json)
		print_no_engine(rc, err);
	fprintf(stderr, "warp17-cli: %s\n", err);
	if (rc == -ETIMEDOUT)
		return CLI_TIMEOUT;
	return rc == -EBUSY || rc == -EACCES || rc == -EPERM ? CLI_REFUSED : CLI_NO_ENGINE;
}

static int jobs_run(struct cli *cli, const struct job_list *l)
{
	static const struct origin nowhere;
	int rc = CLI_OK;

	for (int i = 0; i < l->n && !cli->leave && rc != CLI_NO_ENGINE
		&& (rc == CLI_OK || !cli->stop_at_error);
		i++) {
		const struct job *j = &l->job[i];

		rc = j->file ? batch_run(cli, j->file, j->arg, NULL, NULL)
			     : cli_line(cli, j->arg, &nowhere);
	}
	return cli->worst;
}

static int run(struct cli *cli, const struct job_list *jobs)
{
	if (rpc.on)
		return rpc_run(cli, &rpc);
	if (jobs->n != 0)
		jobs_run(cli, jobs);
	if (cli->monitor && !cli->leave && cli->worst == CLI_OK)
		return monitor_run(cli);
	if (jobs->n != 0)
		return cli->worst;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return cli_shell(cli);
	batch_run(cli, stdin, "stdin", NULL, NULL);
	return cli->worst;
}

int main(int argc, char **argv)
{
	struct cli cli = {.prefix = PREFIX_DEFAULT, .timeout_ms = 60000};
	struct attach_opts o = {.kind = client_kind_CLI, .stuck = on_stuck};
	struct job_list jobs = {0};
	int rc, wait_s = 0, fd;

	/* descriptors that the caller closed must not become something else's */
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
	rc = options(argc, argv, &cli, &o, &jobs, &wait_s);
	o.prefix = cli.prefix;
	if (rpc.on) {
		rpc.read_only = o.read_only; /* its clients are; itself changes nothing */
		o.read_only = true;
		o.kind = client_kind_SCRIPT;
		o.name = o.name ? o.name : "rpc-server";
	}
	if (rc < 0) {
		rc = attach(&cli, &o, wait_s);
		if (rc == CLI_OK)
			rc = run(&cli, &jobs);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "warp17-cli: standard output: write error\n");
		rc = rc == CLI_OK ? CLI_FAILED : rc;
	}
	/* never rte_eal_cleanup(): it would reset the primary's ports. Nor client_detach(): the
	 * watch would take it for the engine's end; the slot is given back by leaving. */
	CRASH_POINT("leaving");
	_exit(rc);
}
