/* The watch over the engine. An image of the program attaches once: when that fails after the EAL
 * was started, when it hangs, or when the engine goes, the program executes itself again and begins
 * without EAL. What the next image must know stands in two variables of the environment, which are
 * written in place: a signal's handler may be what ends an image. */
#include "common/util/clock.h"
#include "common/util/image.h"
#include "stats-exporter/record.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* pid, listening sockets, failures in a row, what was said; and why the last attempt failed */
#define STATE_ENV "WARP17_EXPORTER_STATE"
#define WHY_ENV "WARP17_EXPORTER_WHY"
#define NO_SOCKETS " -"    /* in place of them, where nothing is served */
#define LOOK_MS 200        /* from one look for an engine to the next */
#define REFUSED_MS 1000    /* by an engine that is there */
#define FAILED_MS_MAX 2000 /* doubles from LOOK_MS with each image that failed */
#define DRAIN_MS 500
#define LAST_MS 2000 /* for the last record */
#define SAID_MAX 8

static char state_env[sizeof(STATE_ENV) + 240] = STATE_ENV "=";
static char why_env[sizeof(WHY_ENV) + WHY_MAX] = WHY_ENV "=";

static struct {
	struct exporter *x;
	const struct http_opts *http;
	char **argv;
	int fds[LISTEN_MAX], n_fds;
	uint32_t failures;       /* images in a row that started the EAL for nothing */
	uint32_t said[SAID_MAX]; /* hashes of the reasons that stderr has seen, 0: free */
} me;

/* leave: it is time to; reload: its files are to be read again; attaching: inside client_attach(),
 * where nobody looks at leave */
static _Atomic int leave, reload, attaching;

static void end(int code)
{
	listen_end(); /* NOLINT(bugprone-signal-handler): no more than unlink() */
	_exit(code);
}

/* There is no more to record. */
static void on_recorded(void)
{
	leave = 1;
}

static void on_signal(int sig)
{
	if (sig == SIGHUP)
		reload = 1;
	else if (attaching)
		end(EXIT_OK);
	else
		leave = 1;
}

/* How: SIG_BLOCK around the re-execution, so that a signal then is seen by the next image;
 * SIG_UNBLOCK once it has handlers. */
static void signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGALRM); /* of an image that was stuck */
	sigprocmask(how, &set, NULL);
}

/* For the next image, should this one end before the next call. */
static void carry(uint32_t failures, const char *why)
{
	char *at = state_env + sizeof(STATE_ENV), *end_of = state_env + sizeof(state_env);

	at += snprintf(at, (size_t)(end_of - at), "%d", (int)getpid());
	if (me.n_fds == 0)
		at += snprintf(at, (size_t)(end_of - at), NO_SOCKETS);
	for (int i = 0; i < me.n_fds; i++)
		at += snprintf(at, (size_t)(end_of - at), "%c%d", i == 0 ? ' ' : ',', me.fds[i]);
	at += snprintf(at, (size_t)(end_of - at), " %" PRIu32, failures);
	for (int i = 0; i < SAID_MAX; i++)
		at += snprintf(at, (size_t)(end_of - at), " %" PRIx32, me.said[i]);
	snprintf(why_env + sizeof(WHY_ENV), WHY_MAX, "%s", why);
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

/* What carry() wrote; how many sockets. 0: it makes no sense. */
static int state_parse(const char *s, int fds[LISTEN_MAX])
{
	int pid, at, n = 0, len;

	/* exec keeps the pid: another's is of a parent that was an exporter too */
	if (s == NULL || sscanf(s, "%d%n", &pid, &at) != 1 || pid != getpid())
		return -1;
	while (n < LISTEN_MAX && s[at] == (n == 0 ? ' ' : ',')
		&& sscanf(s + at + 1, "%d%n", &fds[n], &len) == 1 && is_listening(fds[n])) {
		at += 1 + len;
		n++;
	}
	if (n == 0 && strncmp(s + at, NO_SOCKETS, strlen(NO_SOCKETS)) == 0)
		at += (int)strlen(NO_SOCKETS);
	else if (n == 0)
		return -1;
	if (sscanf(s + at, " %" SCNu32 "%n", &me.failures, &len) != 1)
		return -1;
	at += len;
	for (int i = 0; i < SAID_MAX && sscanf(s + at, " %" SCNx32 "%n", &me.said[i], &len) == 1;
		i++)
		at += len;
	return n;
}

int watch_inherit(int fds[LISTEN_MAX])
{
	int n = state_parse(getenv(STATE_ENV), fds);

	signals(SIG_BLOCK); /* until there is somebody to see to them: Unix sockets are to be removed */
	if (n < 0) {
		unsetenv(WHY_ENV);
		me.failures = 0;
	}
	for (int i = 0; i < n; i++)
		listen_mine(fds[i]);
	return n;
}

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s)
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h | 1;
}

/* Each reason once, until an engine was attached. */
static void say(const char *why)
{
	uint32_t h = hash(why);
	int i = 0;

	while (i < SAID_MAX && me.said[i] != 0 && me.said[i] != h)
		i++;
	if (i < SAID_MAX && me.said[i] == h)
		return;
	me.said[i % SAID_MAX] = h;
	fprintf(stderr, EXPORTER ": %s\n", why);
}

static void served_say(const struct seg *s)
{
	fprintf(stderr, EXPORTER ": serves the engine (prefix %.*s, pid %u)\n",
		(int)sizeof(s->hdr.prefix), s->hdr.prefix, s->hdr.engine_pid);
}

static void why_set(const char *why)
{
	pthread_mutex_lock(&me.x->lock);
	snprintf(me.x->why, sizeof(me.x->why), "%s", why);
	pthread_mutex_unlock(&me.x->lock);
}

/* The last that an image does before it is executed again. May be called by a signal's handler:
 * then the main thread is inside the EAL, and so not inside anything that is called here. */
static void depart(void)
{
	atomic_store(&me.x->attached, 0);
	record_stop(DRAIN_MS);
	http_drain(DRAIN_MS);
	signals(SIG_BLOCK);
	if (leave)
		end(EXIT_OK);
}

static void again(void)
{
	depart();
	image_again(me.argv);
	end(EXIT_FAILED);
}

/* The same for a fixed layout: nothing has failed for good yet. */
static void depart_for_layout(void)
{
	carry(me.failures + 1, "");
	depart();
}

/* How long the next image shall wait before it tries. */
static int failed_ms(void)
{
	uint32_t shift = MIN_OF(me.failures, 5u);

	return me.failures ? MIN_OF(LOOK_MS / 2 << shift, FAILED_MS_MAX) : 0;
}

int watch_attach(struct exporter *x, const struct attach_opts *o, char *why)
{
	int rc = client_attach(&x->client, o, why, WHY_MAX);

	if (rc == 0 && client_protect(&x->client, false) != 0) {
		rc = -errno;
		snprintf(why, WHY_MAX, "the engine's memory cannot be made read only: %s",
			strerror(-rc));
	}
	return rc;
}

static int attach(const struct attach_opts *o, char *why)
{
	int rc = -EINTR;

	snprintf(why, WHY_MAX,
		"attaching to the engine did not end in time: is another of its clients stopped?");
	carry(me.failures + 1, why); /* for stuck() */
	attaching = 1;
	if (!leave)
		rc = watch_attach(me.x, o, why);
	attaching = 0;
	return rc;
}

/* Milliseconds until the next try; 0: attached. */
static int try(const struct attach_opts *o)
{
	char why[WHY_MAX];
	int rc = attach(o, why);

	if (leave)
		return LOOK_MS;
	if (rc == 0) {
		me.failures = 0;
		memset(me.said, 0, sizeof(me.said));
		carry(0, "the engine has gone");
		served_say(me.x->client.seg);
		atomic_store(&me.x->attached, 1);
		return 0;
	}
	why_set(why);
	say(why);
	if (me.x->client.started) {
		carry(me.failures + 1, why);
		again();
	}
	if (rc != -ENOENT && rc != -ECONNREFUSED)
		return REFUSED_MS;
	me.failures = 0;
	return LOOK_MS;
}

/* Woken at once when the engine goes: a new one waits for us to let go of the old one's memory. */
static void wait_ms(int64_t ms)
{
	bool attached = atomic_load(&me.x->attached);
	struct pollfd p = {.fd = attached ? me.x->client.sock : -1, .events = POLLIN};
	char bells[64];

	ms = attached || ms > LOOK_MS ? LOOK_MS : MAX_OF(ms, INT64_C(0));
	if (poll(&p, 1, (int)ms) == 1) {
		while (recv(p.fd, bells, sizeof(bells), MSG_DONTWAIT) > 0)
			;
	}
}

/* What is wrong with new files is told, and the old ones go on. */
static void files_again(void)
{
	char why[WHY_MAX];

	reload = 0;
	record_reopen();
	if (me.http->token_file == NULL && me.http->tls_cert == NULL)
		return;
	if (http_files(me.http, why) == 0)
		fprintf(stderr, EXPORTER ": has read its files again\n");
	else
		fprintf(stderr, EXPORTER ": %s; what it had before still holds\n", why);
}

static void watch(const struct attach_opts *o)
{
	int64_t next = mono_ms() + failed_ms();

	while (!leave) {
		if (reload)
			files_again();
		if (atomic_load(&me.x->attached)) {
			if (!client_alive(&me.x->client))
				again();
		} else if (mono_ms() >= next) {
			next = mono_ms() + try(o);
			continue;
		}
		wait_ms(next - mono_ms());
	}
}

/* What the image before said of itself, if there was one. */
static void inherit_why(const char *prefix)
{
	const char *was = getenv(WHY_ENV);

	if (was != NULL && was[0] != '\0') {
		why_set(was);
		if (me.failures)
			say(was);
	} else {
		snprintf(me.x->why, sizeof(me.x->why), "looking for the engine (prefix %s)",
			prefix ? prefix : PREFIX_DEFAULT);
	}
}

/* 0, or -1 after a sentence. */
static int serve(const int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		me.fds[me.n_fds++] = fds[i];
		image_keep(fds[i]);
		if (http_start(me.x, fds[i]) != 0) {
			fprintf(stderr, EXPORTER ": the HTTP server does not start\n");
			return -1;
		}
	}
	return 0;
}

int watch_run(struct exporter *x, struct attach_opts *o, const struct http_opts *h, const int *fds,
	int n, char **argv)
{
	me.x = x;
	me.http = h;
	me.argv = argv;
	inherit_why(o->prefix);
	putenv(state_env);
	putenv(why_env);
	o->stuck = again;
	o->leaving = depart_for_layout;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (h->token_file != NULL || h->tls_cert != NULL || x->record != NULL)
		signal(SIGHUP, on_signal);
	if (serve(fds, n) != 0)
		return EXIT_FAILED;
	if (x->record != NULL && record_start(x, x->record, on_recorded) != 0)
		return EXIT_FAILED;
	signals(SIG_UNBLOCK);
	watch(o);
	record_stop(LAST_MS);
	http_drain(DRAIN_MS);
	return record_result();
}
