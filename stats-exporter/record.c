/* Recording: a thread that takes a document each interval and gives it to a sink. An image of the
 * program lasts as long as its engine (watch.c): what the next one must know of the recording, its
 * clock among it, stands in the environment. */
#include "stats-exporter/record.h"

#include "common/util/clock.h"
#include "stats-exporter/json.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STATE_ENV "WARP17_EXPORTER_RECORD"
#define NAP_MS 20 /* how late it may see that it is to end, or that an engine came */

static char state_env[sizeof(STATE_ENV) + 160] = STATE_ENV "=";

static struct {
	struct exporter *x;
	struct record_opts o;
	struct sink sink;
	void (*done)(void);
	uint64_t next_ns; /* of the next record, CLOCK_MONOTONIC; 0: waits for the first engine */
	uint64_t seq, since;     /* records until now, lost ones too; the newest event in one */
	uint64_t lost, lost_now; /* in all, in a row until now */
	double lost_from;        /* when the first of those was due */
	int in_gap;              /* without an engine, which the file has been told */
	int torn;                /* standard output may have half a line */
	bool on;
} me;

/* Partners: the recorder sets busy and then looks at stop, who stops it sets stop and then looks at
 * busy, all in one order. */
static _Atomic int busy, stop, reopen;

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void carry(void)
{
	snprintf(state_env + sizeof(STATE_ENV), sizeof(state_env) - sizeof(STATE_ENV),
		"%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.6f %d %d", (int)getpid(),
		me.next_ns, me.seq, me.lost, me.lost_now, me.lost_from, me.in_gap, me.torn);
}

/* What the image before was at; as watch.c, exec keeps the pid. False: there was none. */
static bool inherit(void)
{
	const char *s = getenv(STATE_ENV);
	int pid = 0;

	if (s == NULL
		|| sscanf(s, "%d %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %lf %d %d", &pid,
			   &me.next_ns, &me.seq, &me.lost, &me.lost_now, &me.lost_from, &me.in_gap,
			   &me.torn)
			!= 8
		|| pid != getpid()) {
		me.next_ns = me.seq = me.lost = me.lost_now = 0;
		me.lost_from = me.in_gap = me.torn = 0;
		return false;
	}
	me.sink.headed = me.seq != 0;
	return true;
}

/* A document as it is written, to be freed; NULL: no memory. */
static char *text_of(const struct record_opts *o, const json_t *doc)
{
	char *json, *text;
	size_t n;

	if (o->format == RECORD_CSV)
		return csv_rows(o->doc, doc);
	json = json_dumps(doc, o->format == RECORD_JSON ? JSON_INDENT(1) : JSON_COMPACT);
	n = json != NULL ? strlen(json) : 0;
	text = json != NULL ? realloc(json, n + 2) : NULL;
	if (text == NULL) {
		free(json);
		return NULL;
	}
	memcpy(text + n, "\n", 2);
	return text;
}

/* Both or none; before may be NULL. */
static int put(const json_t *before, const json_t *doc)
{
	char *first = before != NULL ? text_of(&me.o, before) : strdup("");
	char *text = doc != NULL ? text_of(&me.o, doc) : NULL, *both = NULL;
	int rc = 0;

	if (first == NULL || text == NULL || asprintf(&both, "%s%s", first, text) < 0)
		rc = -ENOMEM;
	me.torn = me.sink.path == NULL;
	carry();
	if (rc == 0)
		rc = sink_put(&me.sink, both);
	me.torn = 0;
	free(first);
	free(text);
	free(both);
	return rc;
}

/* That there is nothing from then until now, and why. */
static json_t *gap(double from, uint64_t lost, const char *why)
{
	json_t *o = json_head(GAP_SCHEMA, NULL, me.seq);

	json_object_update_new(
		o, json_pack("{sf sI ss}", "from", from, "lost", (json_int_t)lost, "why", why));
	return o;
}

static bool put_gap(double from, const char *why)
{
	json_t *o = gap(from, 0, why);
	bool done = put(NULL, o) == 0;

	json_decref(o);
	return done;
}

static const char *where(void)
{
	return me.o.output != NULL ? me.o.output : "standard output";
}

static const char *what(int rc)
{
	return rc == -EEXIST ? "it holds something else than such a recording" : strerror(-rc);
}

/* A record that could not be written; each time that begins, it is said once. */
static void lose(int rc)
{
	if (me.lost_now++ == 0) {
		me.lost_from = now_s();
		fprintf(stderr,
			EXPORTER ": %s: cannot write: %s; records are lost until that ends\n",
			where(), what(rc));
	}
	me.lost++;
	if (rc == -EPIPE && me.done != NULL) /* nobody will read it again */
		me.done();
}

static void found(void)
{
	fprintf(stderr, EXPORTER ": %s: goes on, %" PRIu64 " records were lost\n", where(),
		me.lost_now);
	me.lost_now = 0;
}

static bool record(const json_t *doc)
{
	json_t *before = me.lost_now != 0
		? gap(me.lost_from, me.lost_now, "records could not be written")
		: NULL;
	/* a file with the newest alone has no room for what was */
	int rc = put(me.sink.replace ? NULL : before, doc);

	if (rc != 0)
		lose(rc);
	else if (me.lost_now != 0)
		found();
	json_decref(before);
	me.in_gap = 0;
	return rc == 0;
}

/* Opens the file; where that fails it is tried again with each record. */
static int opened(void)
{
	uint64_t cut;
	int rc = sink_open(&me.sink, &cut);

	if (rc != 0)
		fprintf(stderr, EXPORTER ": %s: cannot open: %s\n", where(), what(rc));
	else if (cut != 0)
		fprintf(stderr, EXPORTER ": %s: %" PRIu64 " bytes of half a line are cut off\n",
			where(), cut);
	return rc;
}

static void reopened(void)
{
	if (!reopen)
		return;
	reopen = 0;
	sink_close(&me.sink);
	opened();
}

static void due(void)
{
	uint64_t since = me.since;
	char why[WHY_MAX];
	json_t *doc;

	reopened();
	doc = document_take(me.x, me.o.doc, me.seq, &since, why);
	if (doc != NULL) {
		if (record(doc)) /* else the next has those events */
			me.since = since;
		me.seq++;
		json_decref(doc);
	} else if (!me.in_gap && me.seq != 0) {
		me.in_gap = put_gap(now_s(), why);
	}
	if (me.o.count != 0 && me.seq >= me.o.count) {
		me.next_ns = UINT64_MAX;
		me.done();
	}
}

/* The clock goes on with what is past: no record is made twice, or later than the next. */
static void next(uint64_t now)
{
	uint64_t step = (uint64_t)me.o.interval_ns;

	if (me.next_ns != UINT64_MAX)
		me.next_ns += ((now - me.next_ns) / step + 1) * step;
}

static void turn(void)
{
	uint64_t now = mono_ns();

	if (me.next_ns == 0 && atomic_load(&me.x->attached))
		me.next_ns = now;
	if (me.next_ns == 0 || now < me.next_ns)
		return;
	due();
	next(mono_ns());
	carry();
}

static void nap(void)
{
	uint64_t ns = NAP_MS * UINT64_C(1000000), now = mono_ns();
	struct timespec ts = {0, (long)ns};

	if (me.next_ns > now && me.next_ns - now < ns)
		ts.tv_nsec = (long)(me.next_ns - now);
	nanosleep(&ts, NULL);
}

static void *run(void *arg)
{
	(void)arg;
	for (;;) {
		busy = 1;
		if (stop)
			break;
		turn();
		busy = 0;
		nap();
	}
	busy = 0;
	return NULL;
}

static void sink_set(struct sink *s, const struct record_opts *o)
{
	*s = (struct sink){.path = o->output,
		.header = o->format == RECORD_CSV ? csv_header(o->doc) : NULL,
		.replace = o->format == RECORD_JSON,
		.rotate_bytes = o->rotate_bytes,
		.keep = o->keep,
		.fd = -1};
	s->begins = s->header != NULL ? s->header : "{\"schema\":\"warp17-";
}

int record_start(struct exporter *x, const struct record_opts *r, void (*done)(void))
{
	pthread_t thread;
	sigset_t all, was;
	bool again;
	int rc;

	me.x = x;
	me.o = *r;
	me.done = done;
	sink_set(&me.sink, r);
	again = inherit();
	putenv(state_env);
	rc = opened();
	if (rc != 0 && !again)
		return rc;
	if (me.torn && write(STDOUT_FILENO, "\n", 1) != 1)
		return -EIO;
	carry();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	rc = -pthread_create(&thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	me.on = rc == 0;
	if (rc != 0)
		fprintf(stderr, EXPORTER ": cannot record: %s\n", strerror(-rc));
	return rc;
}

void record_stop(int timeout_ms)
{
	const struct timespec ms = {0, 1000000};

	stop = 1;
	for (int i = 0; me.on && busy && i < timeout_ms; i++)
		nanosleep(&ms, NULL);
}

void record_reopen(void)
{
	reopen = 1;
}

int record_result(void)
{
	if (!me.on || me.lost == 0)
		return EXIT_OK;
	fprintf(stderr, EXPORTER ": %s: %" PRIu64 " of %" PRIu64 " records were lost\n", where(),
		me.lost, me.seq);
	return EXIT_FAILED;
}

int record_once(struct exporter *x, const struct record_opts *r)
{
	char why[WHY_MAX];
	uint64_t since = 0;
	json_t *doc = document_take(x, r->doc, 0, &since, why);
	int rc;

	if (doc == NULL) {
		fprintf(stderr, EXPORTER ": %s\n", why);
		return -ENODATA;
	}
	me.o = *r;
	sink_set(&me.sink, r);
	rc = opened();
	if (rc == 0 && (rc = put(NULL, doc)) != 0)
		fprintf(stderr, EXPORTER ": cannot write: %s\n", strerror(-rc));
	json_decref(doc);
	return rc == 0 ? 0 : -EIO;
}
