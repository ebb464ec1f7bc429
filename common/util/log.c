/* See log.h. */
#include "common/util/log.h"

#include "common/util/utf8.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static int threshold = 6; /* INFO */
static unsigned int lost;
static bool torn;    /* the last line lacks its end: the disk was full */
static bool journal; /* stderr is systemd's */
static struct {
	int fd; /* 0: none */
	struct sockaddr_un to;
} daemon_log;

void log_set_level(int level)
{
	threshold = level;
}

/* systemd says which device and inode its journal's stream is. */
static bool is_journal(int fd)
{
	const char *said = getenv("JOURNAL_STREAM");
	char is[64];
	struct stat st;

	if (said == NULL || fstat(fd, &st) != 0)
		return false;
	snprintf(is, sizeof(is), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	return strcmp(is, said) == 0;
}

void log_syslog(const char *path)
{
	struct sockaddr_un *to = &daemon_log.to;

	journal = is_journal(STDERR_FILENO);
	if (path == NULL || strcmp(path, "off") == 0 || journal)
		return;
	to->sun_family = AF_UNIX;
	if (snprintf(to->sun_path, sizeof(to->sun_path), "%s", path) >= (int)sizeof(to->sun_path))
		return;
	daemon_log.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* As syslog(3), which would wait. */
static void send_syslog(int level, const char *text, const struct tm *tm)
{
	char line[1100], when[32];
	int n;

	if (daemon_log.fd <= 0)
		return;
	strftime(when, sizeof(when), "%h %e %T", tm);
	n = snprintf(line, sizeof(line), "<%d>%s warp17[%d]: %s", LOG_DAEMON | level, when,
		(int)getpid(), text);
	/* a daemon that is away or full is no reason for anything */
	sendto(daemon_log.fd, line, (size_t)MIN_OF(n, (int)sizeof(line) - 1),
		MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&daemon_log.to,
		sizeof(daemon_log.to));
}

/* One line of readable text, whatever stands in it. */
static void clean(char *text)
{
	for (size_t n = strlen(text), at = 0, len; at < n; at += MAX_OF(len, 1u)) {
		len = utf8_len(text + at, n - at);
		if (len == 0 || (unsigned char)text[at] < ' ' || text[at] == 127)
			text[at] = '?';
	}
}

static void write_line(const char *line, size_t len)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n = 0;

	/* a pipe that says it is writable takes a line this short whole */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
		n = write(STDERR_FILENO, line, len);
	lost = n == (ssize_t)len ? 0 : lost + 1;
	if (n > 0)
		torn = lost != 0;
}

void log_line(int level, const char *fmt, ...)
{
	char line[1100], text[1024], when[40], lost_too[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;
	int n;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean(text);
	localtime_r(&now, &tm);
	send_syslog(level, text, &tm);
	strftime(when, sizeof(when), "%H:%M:%S ", &tm);
	if (journal) /* it has a clock */
		snprintf(when, sizeof(when), "<%d>", level);
	if (lost != 0)
		snprintf(lost_too, sizeof(lost_too), "(%u lines lost) ", lost);
	n = snprintf(
		line, sizeof(line), "%s%swarp17: %s%s\n", torn ? "\n" : "", when, lost_too, text);
	if (n > 0)
		write_line(line, (size_t)n);
}
