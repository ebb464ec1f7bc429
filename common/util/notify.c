/* See notify.h. */
#include "common/util/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void send_to(const char *where, const char *text, size_t len)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(where));
	int fd;

	if ((where[0] != '/' && where[0] != '@') || size > sizeof(a))
		return;
	memcpy(a.sun_path, where, strlen(where));
	if (where[0] == '@')
		a.sun_path[0] = '\0'; /* an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a, size);
	close(fd);
}

void notify(const char *fmt, ...)
{
	const char *where = getenv("NOTIFY_SOCKET");
	char text[256];
	va_list ap;
	int n;

	if (where == NULL)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		send_to(where, text, MIN_OF((size_t)n, sizeof(text) - 1));
}

static uint64_t number(const char *name)
{
	const char *s = getenv(name);
	uint64_t v;
	char *end;

	if (s == NULL || *s < '0' || *s > '9')
		return 0;
	errno = 0;
	v = strtoull(s, &end, 10);
	return *end == '\0' && errno == 0 ? v : 0;
}

uint64_t notify_watchdog_ns(void)
{
	uint64_t us = number("WATCHDOG_USEC");

	/* of another process, which has started us */
	if (getenv("WATCHDOG_PID") != NULL && number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	return us <= UINT64_MAX / 1000 ? us * 1000 : 0;
}
