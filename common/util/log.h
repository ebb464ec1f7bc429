/* Log lines of the engine, to stderr. Writing never waits: lines that a stopped terminal or a full
 * pipe does not take are dropped, and counted in the next that goes through. */
#pragma once

#include "common/util/compiler.h"

/* Levels are enum loglevel's (syslog's numbers). */
void log_set_level(int level);
void log_line(int level, const char *fmt, ...) format_printf(2, 3);
