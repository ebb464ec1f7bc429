/* Where the RPC server listens. */
#include "cli/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 64
#define LOCAL_MODE 0660

int rpc_at_parse(struct rpc_at *at, const char *text, char *why, size_t len)
{
	const size_t word = strlen(SOCK_AT_UNIX);
	bool local = strncmp(text, SOCK_AT_UNIX, word) == 0;

	*at = (struct rpc_at){.fd = -1};
	if (local ? sock_at_local(&at->where, text + word, strlen(text + word))
		  : sock_at_tcp(&at->where, text)) {
		at->remote = sock_at_remote(&at->where);
		snprintf(at->text, sizeof(at->text), "%s", text);
		return 0;
	}
	snprintf(why, len,
		"expected ADDR:PORT, [ADDR6]:PORT or unix:PATH (of at most %zu bytes), such as "
		"127.0.0.1:" TEXT_OF(RPC_PORT),
		SOCK_AT_PATH_MAX);
	return -EINVAL;
}

int rpc_at_open(struct rpc_at *at, char *why, size_t len)
{
	int rc = sock_at_bind(&at->where, LOCAL_MODE);
	struct sock_at got;

	at->fd = rc;
	if (rc >= 0)
		rc = listen(at->fd, BACKLOG) == 0 ? 0 : -errno;
	if (rc == 0) {
		if (sock_at_any_port(&at->where) && sock_at_of(at->fd, &got) == 0)
			sock_at_text(&got, at->text, sizeof(at->text));
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
	if (at->where.addr.any.sa_family == AF_UNIX)
		unlink(at->where.addr.local.sun_path);
	close(at->fd);
	at->fd = -1;
}

void rpc_peer_text(int fd, char *buf, size_t len)
{
	struct sock_at peer = {.len = sizeof(peer.addr)};
	socklen_t n = sizeof(struct ucred);
	struct ucred who = {0};

	if (getpeername(fd, &peer.addr.any, &peer.len) == 0 && peer.addr.any.sa_family != AF_UNIX) {
		sock_at_text(&peer, buf, len);
	} else {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
		snprintf(buf, len, "uid %u pid %d", who.uid, (int)who.pid);
	}
}
