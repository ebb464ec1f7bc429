/* The exporter: counters read in place, served to scrapers. A request takes a sample, a copy of all
 * there is (sample.h), and gives it a form (json.h, prometheus.h) on a thread that speaks HTTP
 * (http.c; routes.c says what is where). The main thread watches the engine (watch.c): EAL starts
 * once in a process, so when the engine goes the program re-executes itself and waits for the next
 * one without EAL; its listening sockets (listen.h) go with it. */
#pragma once

#include "common/abi/attach.h"
#include "stats-exporter/listen.h"

#include <pthread.h>
#include <stdatomic.h>

#define EXPORTER "warp17-stats-exporter"
#define WHY_MAX 256

enum {
	EXIT_OK,
	EXIT_FAILED,    /* to listen, or to write */
	EXIT_USAGE,     /* as the CLI's from here on */
	EXIT_NO_ENGINE, /* or one that will not have us */
	EXIT_REFUSED,   /* all places for operators are taken */
	EXIT_TIMEOUT    /* attaching does not end */
};

struct exporter {
	struct client client;
	_Atomic int attached; /* 1 while the engine's segment may be read; set by the main thread */
	_Atomic uint64_t seq; /* of JSON documents */
	pthread_mutex_t lock; /* of why */
	char why[WHY_MAX];    /* nothing is attached; a sentence */
	const struct record_opts *record; /* NULL: nothing is recorded */
};

/* Who may ask, and how it is read on the way; files by name, NULL: none. */
struct http_opts {
	const char *token_file;         /* what each request but /healthz must know */
	const char *tls_cert, *tls_key; /* TLS at TCP sockets; both or none */
};
/* Reads those files. 0, or -errno with what is wrong in why[WHY_MAX]; then what was read before still
 * holds. */
int http_files(const struct http_opts *o, char *why);
/* So much may answers take that have not been read yet, MB; more than that gets 503. To be called before http_start(). */
#define UNREAD_MB 256u
#define UNREAD_MB_MAX 65536u
void http_unread_max(uint32_t mb);
/* Serves on a listening socket, with TLS where it is TCP and there are certificates. 0, or -1 when it cannot. */
int http_start(struct exporter *x, int listen_fd);
/* Takes no more connections (they wait in the sockets), ends streams, and answers what is under way;
 * returns when that is done, or after some time. May be called in a signal's context. */
void http_drain(int timeout_ms);

/* The sockets of this program's image before: how many; -1: this is the first one. */
int watch_inherit(int fds[LISTEN_MAX]);
/* Attaches, and makes the engine's memory read only. 0, or -errno with why[WHY_MAX]. */
int watch_attach(struct exporter *x, const struct attach_opts *o, char *why);
/* Serves on n sockets (0: no HTTP), records, and watches for engines until SIGTERM or SIGINT, or until
 * no more is to be recorded. The exit code. */
int watch_run(struct exporter *x, struct attach_opts *o, const struct http_opts *h, const int *fds,
	int n, char **argv);
