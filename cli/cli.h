/* The operators' door: lines become requests or views of the segment, answers are printed as text
 * or JSON. */
#pragma once

#include "common/abi/attach.h"

#include <jansson.h>

#include <errno.h>
#include <stdio.h>

/* Exit codes of the program, and what running a command answers. */
enum cli_exit {
	CLI_OK,
	CLI_FAILED,
	CLI_USAGE,
	CLI_NO_ENGINE,
	CLI_REFUSED,
	CLI_TIMEOUT
};

/* Of what the engine, or a view, answered: 0 or -errno. */
static inline enum cli_exit cli_exit_of(int code)
{
	if (code == 0)
		return CLI_OK;
	if (code == -EPIPE)
		return CLI_NO_ENGINE;
	if (code == -ETIMEDOUT)
		return CLI_TIMEOUT;
	return code == -EPERM || code == -EACCES || code == -EBUSY ? CLI_REFUSED : CLI_FAILED;
}

struct cli {
	struct client client;
	const char *prefix;
	bool json, echo, stop_at_error;
	int timeout_ms;
	bool leave;   /* exit or quit was said */
	int depth;    /* of file input */
	int worst;    /* first exit code that was not CLI_OK; CLI_NO_ENGINE when the engine went */
	bool monitor; /* print events as they come */
	uint64_t next_event; /* that was not looked at */
	int busy;            /* > 0: the main thread sees by itself that the engine went; atomic */
};

/* Where a command came from. */
struct origin {
	const char *file; /* NULL: not from a file */
	int line;
};

/* run.c: runs one line; its exit code. Every command but an empty one is answered once. */
int cli_line(struct cli *cli, const char *line, const struct origin *from);

/* batch.c */
/* A file to read commands from, "-" is standard input. NULL with errno. */
FILE *batch_open(const char *path);
/* Runs the lines of an open file, closes it; the exit code. failed counts those that did; may be
 * NULL. */
int batch_run(struct cli *cli, FILE *f, const char *name, int *n, int *failed);
/* Does the user no longer want what is under way? */
bool cli_cancelled(const struct cli *cli);

/* shell.c: the interactive shell. */
int cli_shell(struct cli *cli);
/* Characters are what the terminal takes them for; without a locale UTF-8. */
void cli_locale(void);

/* ui.c: show tests ui. 0 when the user left, else -errno with why in err: -EPIPE the engine went. */
int ui_run(struct cli *cli, char *err, size_t errlen);

/* gone.c */
/* From now on the program ends with a word on stderr when the engine does, whatever it waits for.
 * 0 or -errno. */
int gone_watch(struct cli *cli);
/* The terminal as it is now is how it will be left, then too. */
void gone_keep_terminal(void);
/* What else a terminal must be told to be as it was; NULL nothing more. */
void gone_keep_screen(const char *leave);

/* show_stats.c: a CLIENT command's view of the segment, which the caller owns; or NULL with why in
 * err, and errno: ENOENT there is no such thing, EAGAIN it cannot be read now. */
json_t *show(struct cli *cli, enum cmd_id id, const union cmd_req *req, char *err, size_t errlen);
/* A string of at most max bytes from anywhere: what is not UTF-8 becomes U+FFFD. */
json_t *show_text(const char *s, size_t max);

/* reference.c: prints the reference of all commands, counters or RPC methods, in Markdown, or the
 * latter's description as OpenRPC. 0 or -1: there is no such part. */
#define REFERENCES "commands, counters, rpc-methods or openrpc"
int reference_print(const char *part);

/* render.c: a view as text. */
void render_text(enum cmd_id id, const json_t *view);
