/* The configuration as commands. */
#pragma once

#include "cli/cli.h"

/* Of one port or of all: {"lines": [...]}, comments among them. NULL with errno, as show.h says. */
json_t *show_config(const struct seg *s, bool one_port, uint32_t port);
/* Is what this command sets among it? */
bool show_config_writes(enum cmd_id id);
