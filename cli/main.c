/* warp17-cli: options, then a shell, a batch, or one command. */
#include "cli/cli.h"
#include "common/util/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void usage(FILE *to)
{
	fprintf(to,
		"usage: warp17-cli [options] [COMMAND...]\n"
		"Commands a running WARP17 engine. Without a command: a shell, or a batch from "
		"standard input.\n"
		"  -c, --command CMD     run CMD; may be given several times\n"
		"  -f, --file FILE       run the commands of FILE\n"
		"  -j, --json            one JSON object a command\n"
		"  -e, --stop-on-error   stop at the first error\n"
		"  -x, --echo            print each command before its answer\n"
		"      --prefix NAME     the engine's file prefix (default warp17)\n"
		"      --name NAME       what other operators see (default user@tty)\n"
		"      --read-only       look only: every change is refused\n"
		"      --timeout SEC     longest wait for an answer (default 60)\n"
		"  -h, --help   -V, --version\n"
		"exit: 0 ok, 1 command failed, 2 usage, 3 no engine, 4 refused, 5 time-out\n");
}

enum {
	O_PREFIX = 256,
	O_NAME,
	O_READ_ONLY,
	O_TIMEOUT
};

struct job {
	char kind; /* 'c' or 'f' */
	const char *arg;
};

/* In a signal's context. */
static void on_stuck(void)
{
	static const char text
		[] = "warp17-cli: attaching did not end in time: another client of the engine may "
		     "be stopped while it attaches\n";

	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? CLI_NO_ENGINE : CLI_TIMEOUT);
}

static int jobs_run(struct cli *cli, const struct job *job, int n)
{
	int rc = CLI_OK;

	for (int i = 0; i < n && (rc == CLI_OK || !cli->stop_at_error) && rc != CLI_NO_ENGINE; i++)
		rc = job[i].kind == 'c' ? cli_line(cli, job[i].arg, "") : cli_file(cli, job[i].arg);
	return cli->worst;
}

static int attach(struct cli *cli, const struct attach_opts *o)
{
	char err[256];
	int rc = client_attach(&cli->client, o, err, sizeof(err));

	if (rc == 0) {
		client_protect(&cli->client, true);
		return CLI_OK;
	}
	fprintf(stderr, "warp17-cli: %s\n", err);
	return rc == -EBUSY ? CLI_REFUSED : CLI_NO_ENGINE;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"command", 1, NULL, 'c'}, {"file", 1, NULL, 'f'},
		{"json", 0, NULL, 'j'}, {"stop-on-error", 0, NULL, 'e'}, {"echo", 0, NULL, 'x'},
		{"prefix", 1, NULL, O_PREFIX}, {"name", 1, NULL, O_NAME},
		{"read-only", 0, NULL, O_READ_ONLY}, {"timeout", 1, NULL, O_TIMEOUT},
		{"help", 0, NULL, 'h'}, {"version", 0, NULL, 'V'}, {0}};
	struct cli cli = {.prog = argv[0], .prefix = "warp17", .timeout_ms = 60000};
	struct attach_opts o = {.prog = argv[0], .kind = client_kind_CLI, .stuck = on_stuck};
	struct job job[256];
	char line[1024] = "";
	int n = 0, c, rc;

	while ((c = getopt_long(argc, argv, "+c:f:jexhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
		case 'f':
			if (n < 256)
				job[n++] = (struct job){c, optarg};
			break;
		case 'j':
			cli.json = true;
			break;
		case 'e':
			cli.stop_at_error = true;
			break;
		case 'x':
			cli.echo = true;
			break;
		case O_PREFIX:
			cli.prefix = optarg;
			break;
		case O_NAME:
			o.name = optarg;
			break;
		case O_READ_ONLY:
			o.read_only = true;
			break;
		case O_TIMEOUT:
			cli.timeout_ms = (int)strtol(optarg, NULL, 10) * 1000;
			break;
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
	for (int i = optind; i < argc; i++) {
		size_t at = strlen(line);

		snprintf(line + at, sizeof(line) - at, "%s%s", at ? " " : "", argv[i]);
	}
	if (line[0] != '\0' && n < 256)
		job[n++] = (struct job){'c', line};
	o.prefix = cli.prefix;
	rc = attach(&cli, &o);
	if (rc == CLI_OK) {
		if (n != 0)
			rc = jobs_run(&cli, job, n);
		else
			rc = isatty(STDIN_FILENO) ? cli_shell(&cli) : cli_file(&cli, "-");
		client_detach(&cli.client);
	}
	fflush(NULL);
	_exit(rc); /* never rte_eal_cleanup(): it would reset the primary's ports */
}
