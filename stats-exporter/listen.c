/* Where the exporter listens: TCP addresses and Unix sockets. */
#include "common/util/sock_at.h"
#include "stats-exporter/exporter.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFER_SECONDS 5
#define SEND_BYTES 65536
#define BACKLOG 4096   /* if the system allows that: a crowd waits there, and is seen to in turn */
#define UNIX_MODE 0660 /* unless another is given */

/* Of the Unix sockets that are open, to be removed at the end. */
static char paths[LISTEN_MAX][SOCK_AT_PATH_MAX + 1];
static int n_paths;

/* The permissions behind ",mode=": octal, of a file. */
static bool mode_parse(const char *s, mode_t *mode)
{
	char *end;
	unsigned long v;

	if (s[0] < '0' || s[0] > '7')
		return false;
	v = strtoul(s, &end, 8);
	*mode = (mode_t)v;
	return *end == '\0' && v <= 0777;
}

/* "/path" or "/path,mode=0660". */
static bool unix_parse(struct listen_at *at, const char *text)
{
	const char *comma = strstr(text, ",mode=");
	size_t len = comma ? (size_t)(comma - text) : strlen(text);

	at->mode = UNIX_MODE;
	return text[0] == '/' && len >= 2 && sock_at_local(&at->where, text, len)
		&& (comma == NULL || mode_parse(comma + strlen(",mode="), &at->mode));
}

int listen_parse(struct listen_at *at, const char *text, char *why)
{
	bool local = strncmp(text, SOCK_AT_UNIX, strlen(SOCK_AT_UNIX)) == 0;

	*at = (struct listen_at){0};
	if (local ? unix_parse(at, text + strlen(SOCK_AT_UNIX)) : sock_at_tcp(&at->where, text))
		return 0;
	snprintf(why, WHY_MAX,
		"--listen: expected ADDR:PORT or [ADDR6]:PORT, such as 127.0.0.1:9417 or "
		"[::1]:9417, or unix:/PATH or unix:/PATH,mode=0660, not '%.64s'",
		text);
	return -EINVAL;
}

int listen_parse_port(struct listen_at *at, const char *text, char *why)
{
	uint16_t port_be;

	*at = (struct listen_at){0};
	if (port_parse(text, &port_be) && sock_at_tcp(&at->where, "127.0.0.1:0")) {
		at->where.addr.v4.sin_port = port_be;
		return 0;
	}
	snprintf(why, WHY_MAX, "--port: expected a number, 0..65535, not '%.64s'", text);
	return -EINVAL;
}

bool listen_local(const struct listen_at *at)
{
	return !sock_at_remote(&at->where);
}

/* One that has said nothing yet waits in the socket, and so outlives this image. For one that reads
 * nothing the kernel would keep megabytes; connections have this from the listening socket. */
static void tcp_options(int fd)
{
	int defer = DEFER_SECONDS, bytes = SEND_BYTES;

	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* The socket, or -errno. */
static int socket_listening(const struct listen_at *at)
{
	int fd = sock_at_bind(&at->where, at->mode), rc;

	if (fd < 0)
		return fd;
	if (at->where.addr.any.sa_family != AF_UNIX)
		tcp_options(fd);
	if (listen(fd, BACKLOG) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int listen_open(const struct listen_at *at)
{
	int fd = socket_listening(at);
	char text[sizeof(paths[0]) + 16];
	struct sock_at got;

	if (fd < 0) {
		sock_at_text(&at->where, text, sizeof(text));
		fprintf(stderr, EXPORTER ": cannot listen on %s: %s%s\n", text, strerror(-fd),
			fd == -EADDRINUSE ? " (is another exporter running?)" : "");
		return -1;
	}
	if (sock_at_any_port(&at->where) && sock_at_of(fd, &got) == 0) {
		sock_at_text(&got, text, sizeof(text));
		fprintf(stderr, EXPORTER ": listening on %s\n", text);
	}
	listen_mine(fd);
	return fd;
}

void listen_mine(int fd)
{
	struct sock_at at;

	if (n_paths < LISTEN_MAX && sock_at_of(fd, &at) == 0 && at.addr.any.sa_family == AF_UNIX)
		memcpy(paths[n_paths++], at.addr.local.sun_path, sizeof(paths[0]));
}

int listen_paths(const char *to[LISTEN_MAX])
{
	for (int i = 0; i < n_paths; i++)
		to[i] = paths[i];
	return n_paths;
}

void listen_end(void)
{
	for (int i = 0; i < n_paths; i++)
		unlink(paths[i]);
	n_paths = 0;
}
