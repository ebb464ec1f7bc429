/* Commands of a file or of standard input, one a line. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *batch_open(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct stat st;

	if (f != NULL && fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		if (f != stdin)
			fclose(f);
		errno = EISDIR;
		return NULL;
	}
	return f;
}

bool cli_cancelled(const struct cli *cli)
{
	struct pollfd p = {.fd = cli->client.cancel_fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* One line without its end, false at the end of the file. One that is too long is cut behind the
 * byte that makes it so: whoever takes it sees that. */
static bool line_read(FILE *f, char *line)
{
	int n = 0, c;

	while ((c = getc(f)) != EOF && c != '\n') {
		if (n <= CMD_LINE_MAX)
			line[n++] = (char)(c == '\0' ? '\1' : c); /* no command ends there */
	}
	line[n] = '\0';
	return c != EOF || n != 0;
}

int batch_run(struct cli *cli, FILE *f, const char *name, int *n, int *failed)
{
	struct origin at = {.file = f == stdin ? "stdin" : name};
	char line[CMD_LINE_MAX + 2];
	int rc = CLI_OK, worst = CLI_OK, bad = 0;

	while (!cli->leave && !cli_cancelled(cli) && line_read(f, line)) {
		at.line++;
		rc = cli_line(cli, line, &at);
		bad += rc != CLI_OK;
		worst = worst == CLI_OK || rc == CLI_NO_ENGINE ? rc : worst;
		if (rc == CLI_NO_ENGINE || (rc != CLI_OK && cli->stop_at_error))
			break;
	}
	if (ferror(f)) {
		fprintf(stderr, "warp17-cli: %s: %s\n", at.file, strerror(errno));
		worst = worst == CLI_OK ? CLI_USAGE : worst;
		/* no command answered for it */
		cli->worst = cli->worst == CLI_OK ? worst : cli->worst;
	}
	if (bad != 0 && !cli->json)
		fprintf(stderr, "%s: %d of %d lines failed\n", at.file, bad, at.line);
	if (f != stdin)
		fclose(f);
	if (n != NULL)
		*n = at.line;
	if (failed != NULL)
		*failed = bad;
	return worst;
}
