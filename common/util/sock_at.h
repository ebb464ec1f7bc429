/* Where a program listens: an address with its port, or a Unix socket's path. */
#pragma once

#include "common/util/compiler.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define SOCK_AT_UNIX "unix:" /* what a path has before it, where both may be meant */

struct sock_at {
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} addr;
	socklen_t len;
};

/* A decimal number, 0..65535, and nothing else; in network order. */
bool port_parse(const char *s, uint16_t *port_be);
/* "ADDR:PORT" or "[ADDR6]:PORT"; true when it is one, of numbers. */
bool sock_at_tcp(struct sock_at *at, const char *text);
/* The first len bytes of path, of which a socket's name takes SOCK_AT_PATH_MAX; true when it does. */
bool sock_at_local(struct sock_at *at, const char *path, size_t len);
#define SOCK_AT_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Others than this machine's processes may reach it. */
bool sock_at_remote(const struct sock_at *at);
/* Its port is any that is free. */
bool sock_at_any_port(const struct sock_at *at);
/* As sock_at_tcp() reads it, or the path alone. */
void sock_at_text(const struct sock_at *at, char *buf, size_t len);

/* A stream socket bound there, which does not listen yet, or -errno; the caller owns it. A Unix socket
 * has its mode from its first moment on, and replaces one that nobody listens at any more. */
int sock_at_bind(const struct sock_at *at, mode_t mode);
/* Where a socket is bound: 0 or -errno. */
int sock_at_of(int fd, struct sock_at *at);
