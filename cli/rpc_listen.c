/* Where the RPC server listens. */
#include "cli/rpc.h"
#include "common/util/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 64

static bool v4_parse(struct rpc_at *at, const char *host, uint16_t port_be)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = port_be};
	bool ok = inet_pton(AF_INET, host, &a.sin_addr) == 1;

	memcpy(&at->addr, &a, sizeof(a));
	at->len = sizeof(a);
	at->remote = ntohl(a.sin_addr.s_addr) >> 24 != 127;
	return ok;
}

static bool v6_parse(struct rpc_at *at, const char *host, uint16_t port_be)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = port_be};
	bool ok = inet_pton(AF_INET6, host, &a.sin6_addr) == 1;

	memcpy(&at->addr, &a, sizeof(a));
	at->len = sizeof(a);
	at->remote = !IN6_IS_ADDR_LOOPBACK(&a.sin6_addr);
	return ok;
}

static bool ip_at_parse(struct rpc_at *at, const char *text)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[' && colon != NULL && colon - text > 1 && colon[-1] == ']';
	int n = colon ? (int)(colon - text) - (v6 ? 2 : 0) : -1;
	char host[INET6_ADDRSTRLEN];
	uint16_t port_be;

	if (n < 0 || n >= (int)sizeof(host) || !port_parse(colon + 1, &port_be))
		return false;
	snprintf(host, sizeof(host), "%.*s", n, text + v6);
	return v6 ? v6_parse(at, host, port_be) : v4_parse(at, host, port_be);
}

static bool local_parse(struct rpc_at *at, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (*path == '\0' || strlen(path) >= sizeof(a.sun_path))
		return false;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	memcpy(&at->addr, &a, sizeof(a));
	at->len = sizeof(a);
	return true;
}

int rpc_at_parse(struct rpc_at *at, const char *text, char *why, size_t len)
{
	bool local = strncmp(text, "unix:", 5) == 0;

	*at = (struct rpc_at){.fd = -1};
	if (local ? local_parse(at, text + 5) : ip_at_parse(at, text)) {
		snprintf(at->text, sizeof(at->text), "%s", text);
		return 0;
	}
	snprintf(why, len,
		"expected ADDR:PORT, [ADDR6]:PORT or unix:PATH (of at most %zu bytes), such as "
		"127.0.0.1:" TEXT_OF(RPC_PORT),
		sizeof(at->addr.local.sun_path) - 1);
	return -EINVAL;
}

/* Nobody listens there any more. */
static bool left_over(const struct rpc_at *at)
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

/* A socket's file has its mode from the first moment on. */
static int bind_local(struct rpc_at *at)
{
	mode_t was = umask(0117);
	int rc = bind(at->fd, &at->addr.any, at->len) == 0 ? 0 : -errno;

	if (rc == -EADDRINUSE && left_over(at)) {
		unlink(at->addr.local.sun_path);
		rc = bind(at->fd, &at->addr.any, at->len) == 0 ? 0 : -errno;
	}
	umask(was);
	return rc;
}

/* With the port that it got. */
static void text_of(struct rpc_at *at)
{
	struct sockaddr_in6 a = {0};
	socklen_t len = sizeof(a);
	char *colon = strrchr(at->text, ':');

	if (at->addr.any.sa_family == AF_UNIX || colon == NULL
		|| getsockname(at->fd, (struct sockaddr *)&a, &len) != 0)
		return;
	/* the port stands at the same place in both families */
	snprintf(colon + 1, sizeof(at->text) - (size_t)(colon + 1 - at->text), "%u",
		ntohs(a.sin6_port));
}

int rpc_at_open(struct rpc_at *at, char *why, size_t len)
{
	int on = 1, rc;

	at->fd = socket(at->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (at->fd < 0) {
		rc = -errno;
	} else if (at->addr.any.sa_family == AF_UNIX) {
		rc = bind_local(at);
	} else {
		setsockopt(at->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		rc = bind(at->fd, &at->addr.any, at->len) == 0 ? 0 : -errno;
	}
	if (rc == 0 && listen(at->fd, BACKLOG) != 0)
		rc = -errno;
	if (rc == 0) {
		text_of(at);
		return 0;
	}
	snprintf(why, len, "cannot listen on %s: %s%s", at->text, strerror(-rc),
		rc == -EADDRINUSE ? " (is another RPC server running?)" : "");
	if (at->fd >= 0)
		close(at->fd);
	at->fd = -1;
	return rc;
}

void rpc_at_close(struct rpc_at *at)
{
	if (at->fd < 0)
		return;
	if (at->addr.any.sa_family == AF_UNIX)
		unlink(at->addr.local.sun_path);
	close(at->fd);
	at->fd = -1;
}

void rpc_peer_text(int fd, char *buf, size_t len)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {0};
	char host[INET6_ADDRSTRLEN] = "?";
	socklen_t room = sizeof(a), n = sizeof(struct ucred);
	struct ucred who = {0};

	if (getpeername(fd, &a.any, &room) == 0 && a.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, ntohs(a.v4.sin_port));
	} else if (a.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
		snprintf(buf, len, "[%s]:%u", host, ntohs(a.v6.sin6_port));
	} else {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
		snprintf(buf, len, "uid %u pid %d", who.uid, (int)who.pid);
	}
}
