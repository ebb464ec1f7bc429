/* What the program takes from itself before it serves; see sandbox.c. */
#pragma once

#include "stats-exporter/listen.h"

struct sandbox_paths {
	const char *prefix; /* the engine's; NULL: the default */
	const char *sockets[LISTEN_MAX];
	int n_sockets;      /* which listen_end() will remove */
	const char *output; /* a file that is written, rotated, and replaced; NULL: none */
};
/* To be called before there are other threads, once in a process whatever it executes. 0, or -errno
 * with what is missing in why[WHY_MAX]: the rest holds. */
int sandbox_enter(const struct sandbox_paths *p, char *why);

/* Of the threads that speak to others: each calls sandbox_thread() before it does, and can then do
 * nothing to files and read none but those of /proc, once sandbox_threads() has said so. */
void sandbox_threads(void);
void sandbox_thread(void);

/* syscalls.c: of that, the filter of system calls. 0 or -errno. */
int sandbox_syscalls(void);

/* The sanitizers' own processes and reports are not to be taken for an attack. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX 0
#endif
#endif
#ifndef SANDBOX
#define SANDBOX 1
#endif
