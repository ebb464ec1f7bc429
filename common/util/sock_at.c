#include "common/util/sock_at.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port));

bool port_parse(const char *s, uint16_t *port_be)
{
	char *end;
	unsigned long v;

	if (s[0] < '0' || s[0] > '9')
		return false;
	v = strtoul(s, &end, 10);
	*port_be = htons((uint16_t)v);
	return *end == '\0' && v <= UINT16_MAX;
}

static bool host_parse(struct sock_at *at, const char *host, bool v6, uint16_t port_be)
{
	void *to = v6 ? (void *)&at->addr.v6.sin6_addr : &at->addr.v4.sin_addr;

	*at = (struct sock_at){.len = v6 ? sizeof(at->addr.v6) : sizeof(at->addr.v4)};
	at->addr.any.sa_family = v6 ? AF_INET6 : AF_INET;
	at->addr.v4.sin_port = port_be;
	return inet_pton(at->addr.any.sa_family, host, to) == 1;
}

bool sock_at_tcp(struct sock_at *at, const char *text)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[' && colon != NULL && colon - text > 1 && colon[-1] == ']';
	int n = colon ? (int)(colon - text) - (v6 ? 2 : 0) : -1;
	char host[INET6_ADDRSTRLEN];
	uint16_t port_be;

	if (n < 0 || n >= (int)sizeof(host) || !port_parse(colon + 1, &port_be))
		return false;
	snprintf(host, sizeof(host), "%.*s", n, text + v6);
	return host_parse(at, host, v6, port_be);
}

bool sock_at_local(struct sock_at *at, const char *path, size_t len)
{
	*at = (struct sock_at){.len = sizeof(at->addr.local)};
	at->addr.local.sun_family = AF_UNIX;
	if (len == 0 || len > SOCK_AT_PATH_MAX)
		return false;
	memcpy(at->addr.local.sun_path, path, len);
	return true;
}

bool sock_at_remote(const struct sock_at *at)
{
	if (at->addr.any.sa_family == AF_INET6)
		return !IN6_IS_ADDR_LOOPBACK(&at->addr.v6.sin6_addr);
	return at->addr.any.sa_family == AF_INET
		&& ntohl(at->addr.v4.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
}

bool sock_at_any_port(const struct sock_at *at)
{
	return at->addr.any.sa_family != AF_UNIX && at->addr.v4.sin_port == 0;
}

void sock_at_text(const struct sock_at *at, char *buf, size_t len)
{
	bool v6 = at->addr.any.sa_family == AF_INET6;
	const void *from = v6 ? (const void *)&at->addr.v6.sin6_addr : &at->addr.v4.sin_addr;
	char host[INET6_ADDRSTRLEN] = "?";

	if (at->addr.any.sa_family == AF_UNIX) {
		snprintf(buf, len, "%s", at->addr.local.sun_path);
		return;
	}
	inet_ntop(at->addr.any.sa_family, from, host, sizeof(host));
	snprintf(buf, len, v6 ? "[%s]:%u" : "%s:%u", host, ntohs(at->addr.v4.sin_port));
}

/* A socket's file that nobody listens at any more. What is alive, or is no socket, stays. */
static bool left_over(const struct sock_at *at)
{
	struct stat st;
	int fd, rc;

	if (lstat(at->addr.local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 || connect(fd, &at->addr.any, at->len) == 0 ? 0 : errno;
	if (fd >= 0)
		close(fd);
	return rc == ECONNREFUSED;
}

static int local_bind(int fd, const struct sock_at *at, mode_t mode)
{
	mode_t was = umask(0777 & ~mode);
	int rc = bind(fd, &at->addr.any, at->len) == 0 ? 0 : -errno;

	if (rc == -EADDRINUSE && left_over(at)) {
		unlink(at->addr.local.sun_path);
		rc = bind(fd, &at->addr.any, at->len) == 0 ? 0 : -errno;
	}
	umask(was);
	return rc;
}

static int tcp_bind(int fd, const struct sock_at *at)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, &at->addr.any, at->len) == 0 ? 0 : -errno;
}

int sock_at_bind(const struct sock_at *at, mode_t mode)
{
	int fd = socket(at->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

	if (fd < 0)
		return -errno;
	rc = at->addr.any.sa_family == AF_UNIX ? local_bind(fd, at, mode) : tcp_bind(fd, at);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int sock_at_of(int fd, struct sock_at *at)
{
	*at = (struct sock_at){.len = sizeof(at->addr)};
	return getsockname(fd, &at->addr.any, &at->len) == 0 ? 0 : -errno;
}
