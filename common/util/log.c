/* See log.h. */
#include "common/util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static int threshold = 6; /* INFO */

void log_set_level(int level)
{
	threshold = level;
}

void log_line(int level, const char *fmt, ...)
{
	char line[512], when[32];
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(stderr, "%s warp17: %s\n", when, line);
}
