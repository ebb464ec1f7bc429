/* One line: parsed, sent or shown, answered. */
#include "cli/cli.h"
#include "cli/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8        /* files that run files */
#define SHOWN_WHEN_LONG 60 /* bytes of a line that is too long */

/* A command under way. */
struct command {
	struct cli *cli;
	const struct origin *from;
	const char *line;
	enum cmd_id id;
};

static void busy_add(struct cli *cli, int n)
{
	__atomic_add_fetch(&cli->busy, n, __ATOMIC_RELEASE); /* pairs with on_gone() */
}

static void print_json(const struct command *c, int code, const char *error, json_t *result)
{
	json_t *o = json_object();
	char *s;

	json_object_set_new(o, "command", show_text(c->line, CMD_LINE_MAX));
	if (c->from->file) {
		json_object_set_new(o, "file", show_text(c->from->file, CMD_LINE_MAX));
		json_object_set_new(o, "line", json_integer(c->from->line));
	}
	json_object_set_new(o, "ok", json_boolean(code == 0));
	if (code != 0) {
		json_object_set_new(o, "code", json_integer(code));
		json_object_set_new(o, "error", show_text(error, CMD_LINE_MAX));
	} else {
		json_object_set_new(o, "result", result ? json_incref(result) : json_object());
	}
	s = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
	puts(s ? s : "{}");
	free(s);
	json_decref(o);
}

static void complain(const struct command *c, const char *kind, const char *what)
{
	if (c->from->file)
		fprintf(stderr, "%s:%d: %s: %s\n", c->from->file, c->from->line, kind, what);
	else
		fprintf(stderr, "%s: %s\n", kind, what);
}

/* The one answer of a command; takes over result. code is 0 or -errno. */
static int answer(const struct command *c, int rc, int code, const char *error, json_t *result)
{
	struct cli *cli = c->cli;

	if (cli->json)
		print_json(c, code, error, result);
	else if (code != 0)
		complain(c, "error", error);
	else if (result)
		render_text(c->id, result);
	fflush(stdout);
	json_decref(result);
	if (cli->worst == CLI_OK || rc == CLI_NO_ENGINE)
		cli->worst = rc;
	return rc;
}

static int usage_error(const struct command *c, const char *error)
{
	return answer(c, CLI_USAGE, -EINVAL, error, NULL);
}

static int engine_command(const struct command *c, const union cmd_req *req)
{
	struct rep_cell rep;
	int rc = client_call(&c->cli->client, c->id, req, &rep, c->cli->timeout_ms);
	char late[200];

	if (rc == 0)
		return answer(c, cli_exit_of(rep.code), rep.code, rep.text, NULL);
	snprintf(late, sizeof(late),
		"no answer in %d s: the engine is busy, stopped or hung, and may still do it",
		c->cli->timeout_ms / 1000);
	return answer(c, cli_exit_of(rc), rc,
		rc == -EPIPE               ? "the engine is gone"
			: rc == -ETIMEDOUT ? late
					   : "no longer waited for: the engine may still do it",
		NULL);
}

static int show_command(const struct command *c, const union cmd_req *req)
{
	uint64_t age = client_beat_age_ms(&c->cli->client);
	char err[REPLY_TEXT_MAX] = "";
	json_t *view;

	if (!client_alive(&c->cli->client))
		return answer(c, CLI_NO_ENGINE, -EPIPE, "the engine is gone", NULL);
	if (age > STALE_MS) {
		snprintf(err, sizeof(err),
			"the engine has shown no sign of life for %u s (stopped or hung?): what "
			"is shown is from then",
			(uint32_t)(age / 1000));
		complain(c, "warning", err);
	}
	view = show(c->cli, c->id, req, err, sizeof(err));
	if (view == NULL && !client_alive(&c->cli->client))
		return answer(c, CLI_NO_ENGINE, -EPIPE, "the engine is gone", NULL);
	if (view == NULL)
		return answer(c, CLI_FAILED, -errno, err, NULL);
	return answer(c, CLI_OK, 0, "", view);
}

static int file_input(const struct command *c, const char *path)
{
	char err[CMD_LINE_MAX];
	int n, failed, rc;
	FILE *f;

	if (c->cli->depth == DEPTH_MAX) {
		snprintf(err, sizeof(err), "file input: files that run files, more than %d deep",
			DEPTH_MAX);
		return usage_error(c, err);
	}
	f = batch_open(path);
	if (f == NULL) {
		rc = -errno;
		snprintf(err, sizeof(err), "file input: %s: %s", path, strerror(-rc));
		return answer(c, CLI_USAGE, rc, err, NULL);
	}
	c->cli->depth++;
	rc = batch_run(c->cli, f, path, &n, &failed);
	c->cli->depth--;
	/* its commands have answered; this is the answer to who runs it */
	if (c->cli->json)
		answer(c, CLI_OK, 0, "", json_pack("{si si}", "lines", n, "failed", failed));
	return rc;
}

static int screen(const struct command *c)
{
	char err[REPLY_TEXT_MAX] = "";
	int rc = ui_run(c->cli, err, sizeof(err));

	return answer(c, cli_exit_of(rc), rc, *err || rc == 0 ? err : strerror(-rc), NULL);
}

static int command(struct command *c, const union cmd_req *req)
{
	if (cmd_desc(c->id)->kind == CMD_KIND_ENGINE)
		return engine_command(c, req);
	switch ((int)c->id) {
	case CMD_exit:
	case CMD_quit:
		c->cli->leave = true;
		return answer(c, CLI_OK, 0, "", NULL);
	case CMD_show_tests_ui:
		return screen(c);
	case CMD_monitor:
		c->cli->monitor = req->monitor.on == on_off_ON;
		return answer(c, CLI_OK, 0, "", NULL);
	case CMD_file_input:
		return file_input(c, req->file_input.path.s);
	default:
		return show_command(c, req);
	}
}

static int line_run(struct cli *cli, const char *text, const struct origin *from)
{
	struct command c = {.cli = cli, .from = from};
	char words[CMD_LINE_MAX + 1], shown[CMD_LINE_MAX + 1], err[REPLY_TEXT_MAX];
	bool too_long = strlen(text) > CMD_LINE_MAX;
	const char *word[CMD_WORDS_MAX];
	union cmd_req req;
	int n;

	snprintf(shown, sizeof(shown), "%.*s", too_long ? SHOWN_WHEN_LONG : CMD_LINE_MAX, text);
	for (size_t end = strlen(shown); end > 0 && strchr("\r\n", shown[end - 1]); end--)
		shown[end - 1] = '\0';
	c.line = shown;
	if (too_long) {
		snprintf(err, sizeof(err), "longer than %d characters", CMD_LINE_MAX);
		return usage_error(&c, err);
	}
	snprintf(words, sizeof(words), "%s", text);
	n = cmd_split(words, word, CMD_WORDS_MAX, err, sizeof(err));
	if (n == 0)
		return CLI_OK;
	if (cli->echo) {
		fprintf(cli->json ? stderr : stdout, "> %s\n", shown);
		fflush(stdout);
	}
	if (n < 0 || cmd_parse(word, n, &c.id, &req, err, sizeof(err)) != 0)
		return usage_error(&c, err);
	return command(&c, &req);
}

int cli_line(struct cli *cli, const char *text, const struct origin *from)
{
	int rc;

	busy_add(cli, 1);
	monitor_news(cli, stderr);
	rc = line_run(cli, text, from);
	busy_add(cli, -1);
	return rc;
}
