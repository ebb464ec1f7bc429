/* The operators' door: lines become requests or views of the segment, answers are printed as text
 * or JSON. */
#pragma once

#include "common/abi/attach.h"

#include <jansson.h>

/* Exit codes of the program, and what running a command answers. */
enum cli_exit {
	CLI_OK,
	CLI_FAILED,
	CLI_USAGE,
	CLI_NO_ENGINE,
	CLI_REFUSED,
	CLI_TIMEOUT
};

struct cli {
	struct client client;
	const char *prog, *prefix;
	bool json, echo, stop_at_error;
	int timeout_ms;
	int worst; /* first exit code that was not CLI_OK */
};

/* Runs one line. where: "file:line: " for errors, or "". */
int cli_line(struct cli *cli, const char *line, const char *where);
/* Runs a file's or stream's lines. */
int cli_file(struct cli *cli, const char *path);
/* The interactive shell. */
int cli_shell(struct cli *cli);

/* A CLIENT command's view of the segment, or NULL with why in err. The caller owns it. */
json_t *show(struct cli *cli, enum cmd_id id, const union cmd_req *req, char *err, size_t errlen);
/* Any view as text: objects as "name: value", arrays of objects as tables. */
void render_text(const json_t *view);
