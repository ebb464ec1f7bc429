/* Where to listen: a TCP address, or a Unix socket and its permissions. Both parsers: 0, or -EINVAL
 * with what is expected in why[WHY_MAX]. */
#pragma once

#include "common/util/sock_at.h"

#define LISTEN_MAX 8
struct listen_at {
	struct sock_at where;
	mode_t mode; /* of a Unix socket */
};
int listen_parse(struct listen_at *at, const char *text, char *why);
int listen_parse_port(struct listen_at *at, const char *text, char *why);
/* Can only this machine's processes reach it? */
bool listen_local(const struct listen_at *at);
/* A listening socket, or -1 after a sentence on stderr. Port 0: the one it got is printed. A Unix
 * socket that is there is replaced when nobody listens at it. */
int listen_open(const struct listen_at *at);
/* One that the image before had opened: listen_end() is for it too. */
void listen_mine(int fd);
/* The paths of Unix sockets that are open: how many, and *to where they are. */
int listen_paths(const char *to[LISTEN_MAX]);
/* Removes the Unix sockets; the last that a process does which does not execute itself again. May be
 * called in a signal's context. */
void listen_end(void);
