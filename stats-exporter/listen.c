/* Where the exporter listens: TCP addresses and Unix sockets. */
#include "common/util/port.h"
#include "stats-exporter/exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFER_SECONDS 5
#define SEND_BYTES 65536
#define BACKLOG 4096 /* if the system allows that: a crowd waits there, and is seen to in turn */
#define UNIX_PREFIX "unix:"
#define UNIX_MODE 0660 /* unless another is given */

/* Of the Unix sockets that are open, to be removed at the end. */
static char paths[LISTEN_MAX][sizeof(((struct sockaddr_un *)0)->sun_path)];
static int n_paths;

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
	struct sockaddr_un *a = (struct sockaddr_un *)&at->addr;
	const char *comma = strstr(text, ",mode=");
	size_t len = comma ? (size_t)(comma - text) : strlen(text);

	memset(at, 0, sizeof(*at));
	at->len = sizeof(*a);
	at->mode = UNIX_MODE;
	a->sun_family = AF_UNIX;
	if (text[0] != '/' || len < 2 || len >= sizeof(a->sun_path))
		return false;
	memcpy(a->sun_path, text, len);
	return comma == NULL || mode_parse(comma + strlen(",mode="), &at->mode);
}

static bool tcp_parse(struct listen_at *at, const char *text)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[' && colon != NULL && colon - text > 1 && colon[-1] == ']';
	char host[INET6_ADDRSTRLEN + 1];
	uint16_t port;
	int n = colon ? (int)(colon - text) - (v6 ? 2 : 0) : -1;

	if (n < 0 || n >= (int)sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", n, text + v6);
	return port_parse(colon + 1, &port) && host_parse(at, host, v6, port);
}

int listen_parse(struct listen_at *at, const char *text, char *why)
{
	bool local = strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;

	if (local ? unix_parse(at, text + strlen(UNIX_PREFIX)) : tcp_parse(at, text))
		return 0;
	snprintf(why, WHY_MAX,
		"--listen: expected ADDR:PORT or [ADDR6]:PORT, such as 127.0.0.1:9417 or "
		"[::1]:9417, or unix:/PATH or unix:/PATH,mode=0660, not '%.64s'",
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

bool listen_local(const struct listen_at *at)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&at->addr;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&at->addr;

	if (at->addr.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a6->sin6_addr);
	return at->addr.ss_family != AF_INET || ntohl(a4->sin_addr.s_addr) >> 24 == 127;
}

static void text_of(const struct sockaddr_storage *addr, char *buf, size_t len)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)addr;
	char host[INET6_ADDRSTRLEN] = "?";

	if (addr->ss_family == AF_UNIX) {
		snprintf(buf, len, "%s", ((const struct sockaddr_un *)addr)->sun_path);
	} else if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &a6->sin6_addr, host, sizeof(host));
		snprintf(buf, len, "[%s]:%u", host, ntohs(a6->sin6_port));
	} else {
		inet_ntop(AF_INET, &a4->sin_addr, host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, ntohs(a4->sin_port));
	}
}

static bool any_port(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)addr)->sin6_port == 0;
	return addr->ss_family == AF_INET && ((const struct sockaddr_in *)addr)->sin_port == 0;
}

/* A socket that nobody listens at any more is taken away. One that is alive, or is no socket, stays:
 * bind() says so then. */
static void stale_remove(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return;
	if (lstat(a->sun_path, &st) == 0 && S_ISSOCK(st.st_mode)
		&& connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0
		&& errno == ECONNREFUSED)
		unlink(a->sun_path);
	close(fd);
}

/* It has its mode from its first moment on. */
static int unix_bind(int fd, const struct listen_at *at)
{
	const struct sockaddr_un *a = (const struct sockaddr_un *)&at->addr;
	mode_t was;
	int rc;

	stale_remove(a);
	was = umask(0777 & ~at->mode);
	rc = bind(fd, (const struct sockaddr *)a, sizeof(*a));
	umask(was);
	return rc;
}

/* One that has said nothing yet waits in the socket, and so outlives this image. For one that reads
 * nothing the kernel would keep megabytes; connections have this from the listening socket. */
static int tcp_bind(int fd, const struct listen_at *at)
{
	int on = 1, defer = DEFER_SECONDS, bytes = SEND_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return bind(fd, (const struct sockaddr *)&at->addr, at->len);
}

/* The socket, or -1 with errno. */
static int socket_listening(const struct listen_at *at)
{
	int fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -1;
	if ((at->addr.ss_family == AF_UNIX ? unix_bind(fd, at) : tcp_bind(fd, at)) == 0
		&& listen(fd, BACKLOG) == 0)
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
	char text[sizeof(paths[0]) + 16];

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
	listen_mine(fd);
	return fd;
}

void listen_mine(int fd)
{
	struct sockaddr_un a = {0};
	socklen_t len = sizeof(a);

	if (n_paths < LISTEN_MAX && getsockname(fd, (struct sockaddr *)&a, &len) == 0
		&& a.sun_family == AF_UNIX)
		memcpy(paths[n_paths++], a.sun_path, sizeof(a.sun_path));
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
