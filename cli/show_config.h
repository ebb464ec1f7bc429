/* The configuration as commands. */
#pragma once

#include "cli/cli.h"

/* Of one port or of all: {"lines": [...]}, comments among them. NULL with errno, as show.h says. */
json_t *show_config(const struct seg *s, bool one_port, uint32_t port);
/* The command's request with what a port or a client test case has when nothing was said; of no
 * meaning where a command says all of it or nothing. */
void show_config_defaults(enum cmd_id id, union cmd_req *req);
/* Is what this command sets among it? */
bool show_config_writes(enum cmd_id id);
