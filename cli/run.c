/* One line: parsed, sent or shown, answered. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

static int exit_of(int code)
{
	if (code == 0)
		return CLI_OK;
	return code == -EPERM || code == -EACCES || code == -EBUSY ? CLI_REFUSED : CLI_FAILED;
}

static void print_json(const char *line, int code, const char *error, json_t *result)
{
	json_t *o = json_object();
	char *s;

	json_object_set_new(o, "command", json_string(line));
	json_object_set_new(o, "ok", json_boolean(code == 0));
	if (code != 0) {
		json_object_set_new(o, "code", json_integer(code));
		json_object_set_new(o, "error", json_string(error));
	} else {
		json_object_set_new(o, "result", result ? json_incref(result) : json_object());
	}
	s = json_dumps(o, JSON_COMPACT);
	puts(s);
	fflush(stdout);
	free(s);
	json_decref(o);
}

static int answer(struct cli *cli, const char *line, const char *where, int rc, int code,
	const char *error, json_t *result)
{
	if (cli->json)
		print_json(line, code, error, result);
	else if (code != 0)
		fprintf(stderr, "%serror: %s\n", where, error);
	else if (result)
		render_text(result);
	fflush(stdout);
	if (result)
		json_decref(result);
	if (cli->worst == CLI_OK)
		cli->worst = rc;
	return rc;
}

static int send_request(struct cli *cli, const char *line, const char *where, enum cmd_id id,
	const union cmd_req *req)
{
	struct rep_cell rep;
	int rc = client_call(&cli->client, id, req, &rep, cli->timeout_ms);

	if (rc == -EPIPE)
		return answer(cli, line, where, CLI_NO_ENGINE, rc, "the engine is gone", NULL);
	if (rc != 0)
		return answer(cli, line, where, CLI_TIMEOUT, rc, "no answer in time", NULL);
	return answer(cli, line, where, exit_of(rep.code), rep.code, rep.text, NULL);
}

int cli_line(struct cli *cli, const char *text, const char *where)
{
	char line[1024], shown[1024], err[300];
	const char *word[WORDS_MAX];
	union cmd_req req;
	enum cmd_id id;
	json_t *view;
	int n;

	snprintf(line, sizeof(line), "%s", text);
	snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(text, "\r\n"), text);
	n = cmd_split(line, word, WORDS_MAX, err, sizeof(err));
	if (n == 0)
		return CLI_OK;
	if (cli->echo)
		printf("> %s\n", shown);
	if (n < 0 || cmd_parse(word, n, &id, &req, err, sizeof(err)) != 0)
		return answer(cli, shown, where, CLI_USAGE, -EINVAL, err, NULL);
	if (id == CMD_file_input)
		return cli_file(cli, req.file_input.path.s);
	if (id == CMD_exit || id == CMD_quit || id == CMD_help)
		return CLI_OK;
	if (cmd_desc(id)->kind == CMD_KIND_ENGINE)
		return send_request(cli, shown, where, id, &req);
	if (!client_alive(&cli->client))
		return answer(cli, shown, where, CLI_NO_ENGINE, -EPIPE, "the engine is gone", NULL);
	view = show(cli, id, &req, err, sizeof(err));
	if (view == NULL)
		return answer(cli, shown, where, CLI_FAILED, -ENOENT, err, NULL);
	return answer(cli, shown, where, CLI_OK, 0, "", view);
}

int cli_file(struct cli *cli, const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char line[1024], where[300];
	int rc = CLI_OK;

	if (f == NULL) {
		fprintf(stderr, "warp17-cli: %s: %s\n", path, strerror(errno));
		cli->worst = cli->worst ? cli->worst : CLI_USAGE;
		return CLI_USAGE;
	}
	for (int no = 1; fgets(line, sizeof(line), f) != NULL; no++) {
		snprintf(where, sizeof(where), "%s:%d: ", f == stdin ? "stdin" : path, no);
		rc = cli_line(cli, line, where);
		if (rc == CLI_NO_ENGINE || (rc != CLI_OK && cli->stop_at_error))
			break;
	}
	if (f != stdin)
		fclose(f);
	return cli->worst;
}
