/* Where the exporter listens. */
#include "stats-exporter/exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFER_SECONDS 5
#define BACKLOG 256

static bool port_parse(const char *s, uint16_t *port)
{
	char *end;
	unsigned long v;

	if (s[0] < '0' || s[0] > '9')
		return false;
	v = strtoul(s, &end, 10);
	*port = htons((uint16_t)v);
	return *end == '\0' && v <= UINT16_MAX;
}

/* Fills in addr for the host's text; true when it is one address. */
static bool host_parse(struct listen_at *at, const char *host, bool v6, uint16_t port)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)&at->addr;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)&at->addr;

	memset(at, 0, sizeof(*at));
	if (v6) {
		at->len = sizeof(*a6);
		a6->sin6_family = AF_INET6;
		a6->sin6_port = port;
		return inet_pton(AF_INET6, host, &a6->sin6_addr) == 1;
	}
	at->len = sizeof(*a4);
	a4->sin_family = AF_INET;
	a4->sin_port = port;
	return inet_pton(AF_INET, host, &a4->sin_addr) == 1;
}

int listen_parse(struct listen_at *at, const char *text, char *why)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[' && colon != NULL && colon - text > 1 && colon[-1] == ']';
	char host[INET6_ADDRSTRLEN + 1];
	uint16_t port;
	int n = colon ? (int)(colon - text) - (v6 ? 2 : 0) : -1;

	if (n >= 0 && n < (int)sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", n, text + v6);
		if (port_parse(colon + 1, &port) && host_parse(at, host, v6, port))
			return 0;
	}
	snprintf(why, WHY_MAX,
		"--listen: expected ADDR:PORT or [ADDR6]:PORT, such as 127.0.0.1:9417 or "
		"[::1]:9417, not '%.64s'",
		text);
	return -EINVAL;
}

int listen_parse_port(struct listen_at *at, const char *text, char *why)
{
	uint16_t port;

	if (port_parse(text, &port) && host_parse(at, "127.0.0.1", false, port))
		return 0;
	snprintf(why, WHY_MAX, "--port: expected a number, 0..65535, not '%.64s'", text);
	return -EINVAL;
}

static void text_of(const struct sockaddr_storage *addr, char *buf, size_t len)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)addr;
	char host[INET6_ADDRSTRLEN] = "?";

	if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &a6->sin6_addr, host, sizeof(host));
		snprintf(buf, len, "[%s]:%u", host, ntohs(a6->sin6_port));
	} else {
		inet_ntop(AF_INET, &a4->sin_addr, host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, ntohs(a4->sin_port));
	}
}

static bool any_port(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)addr)->sin6_port == 0
					   : ((const struct sockaddr_in *)addr)->sin_port == 0;
}

/* The socket, or -1 with errno. */
static int socket_listening(const struct listen_at *at)
{
	int fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, defer = DEFER_SECONDS, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* one that has said nothing yet waits in the socket, and so outlives this image */
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer));
	if (bind(fd, (const struct sockaddr *)&at->addr, at->len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int listen_open(const struct listen_at *at)
{
	int fd = socket_listening(at);
	struct sockaddr_storage got = at->addr;
	socklen_t len = sizeof(got);
	char text[INET6_ADDRSTRLEN + 16];

	if (fd < 0) {
		int error = errno;

		text_of(&at->addr, text, sizeof(text));
		fprintf(stderr, EXPORTER ": cannot listen on %s: %s%s\n", text, strerror(error),
			error == EADDRINUSE ? " (is another exporter running?)" : "");
		return -1;
	}
	if (any_port(&at->addr) && getsockname(fd, (struct sockaddr *)&got, &len) == 0) {
		text_of(&got, text, sizeof(text));
		fprintf(stderr, EXPORTER ": listening on %s\n", text);
	}
	return fd;
}
