/* See log.h. */
#include "common/util/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int threshold = 6; /* INFO */
static unsigned int lost;

void log_set_level(int level)
{
	threshold = level;
}

static void write_line(const char *line, size_t len)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	/* a pipe that says it is writable takes a line this short whole */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) && write(STDERR_FILENO, line, len) > 0)
		lost = 0;
	else
		lost++;
}

void log_line(int level, const char *fmt, ...)
{
	char line[1100], text[1024], when[32];
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;
	int n;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	if (lost != 0)
		n = snprintf(
			line, sizeof(line), "%s warp17: (%u lines lost) %s\n", when, lost, text);
	else
		n = snprintf(line, sizeof(line), "%s warp17: %s\n", when, text);
	if (n > 0)
		write_line(line, (size_t)n);
}
