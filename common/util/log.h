/* Log lines of the engine: to stderr, with the syslog level in front when it is not a terminal's.
 */
#pragma once

#include "common/util/compiler.h"

/* Levels are enum loglevel's (syslog's numbers). */
void log_set_level(int level);
void log_line(int level, const char *fmt, ...) format_printf(2, 3);
