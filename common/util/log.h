/* Log lines of the engine, to stderr and to syslog. Writing never waits: lines that a stopped terminal, a full
 * pipe or a full disk does not take are dropped, and counted in the next that goes through; syslog loses them in silence. */
#pragma once

#include "common/util/compiler.h"

#define SYSLOG_SOCKET "/dev/log"

/* Levels are enum loglevel's (syslog's numbers). */
void log_set_level(int level);
/* From now on to syslog's socket as well, NULL or "off" to none. Not where stderr is systemd's journal, which then learns
 * the levels instead. */
void log_syslog(const char *path);
void log_line(int level, const char *fmt, ...) format_printf(2, 3);
