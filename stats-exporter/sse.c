/* GET /events: Server-Sent Events. A ticker makes what is new once, for all streams together; a
 * stream holds what is on its way and at most one state and one list of operators behind it, and
 * reads events in place. So who reads slowly misses states, costs little, and slows nobody.
 * A stream that has nothing to say is suspended; the ticker resumes it. */
#include "common/util/clock.h"
#include "stats-exporter/document.h"
#include "stats-exporter/http.h"
#include "stats-exporter/json.h"
#include "stats-exporter/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define STREAMS_MAX 32
#define TICK_MS 50
#define OPERATORS_MS 200 /* from one look at them to the next */
#define INTERVAL_MS 1000 /* unless another is asked for */
#define INTERVAL_MIN_MS 200
#define INTERVAL_MAX_MS 60000
#define SILENCE_MS 15000  /* then a comment goes out, which keeps what is between us awake */
#define STUCK_MS 30000    /* who has taken nothing for so long is cut */
#define NEWEST 50         /* events, for who does not say where to begin */
#define SEND_BYTES 131072 /* the kernel holds for a stream */
#define BLOCK_BYTES 16384

/* A message as it is sent, shared by all whom it is for. */
struct text {
	_Atomic uint32_t holders;
	size_t len;
	char data[];
};

enum since {
	SINCE_NONE,
	SINCE_QUERY,
	SINCE_HEADER
};

struct stream {
	struct MHD_Connection *c; /* NULL: this place is free */
	bool waits;               /* suspended */
	bool greeted, silent;     /* silent: a comment is due */
	uint32_t interval_ms;
	int64_t due_ms;  /* when its next state is */
	int64_t took_ms; /* when it last took something */
	struct text *now, *state, *operators;
	size_t at; /* of now, how much has gone */
	enum since how;
	uint64_t since, next; /* event that it had last; that it gets next, 0: not known yet */
	bool new_here;        /* it has had no operators yet */
};

static struct {
	pthread_mutex_t lock; /* of all of it */
	pthread_cond_t first; /* a stream has come */
	struct exporter *x;
	struct stream at[STREAMS_MAX];
	int n;
	struct text *operators; /* as they were last */
	uint64_t seq;
} sse = {.lock = PTHREAD_MUTEX_INITIALIZER, .first = PTHREAD_COND_INITIALIZER};

static _Atomic bool ended;

static struct text *hold(struct text *t)
{
	if (t != NULL)
		atomic_fetch_add(&t->holders, 1);
	return t;
}

static void put(struct text *t)
{
	if (t != NULL && atomic_fetch_sub(&t->holders, 1) == 1)
		free(t);
}

static void replace(struct text **at, struct text *with)
{
	put(*at);
	*at = hold(with);
}

/* What asprintf() makes, as a text; NULL: no memory. */
format_printf(1, 2) static struct text *text_of(const char *format, ...)
{
	struct text *t = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n >= 0)
		t = malloc(sizeof(*t) + (size_t)n + 1);
	if (t == NULL)
		return NULL;
	t->holders = 1;
	t->len = (size_t)n;
	va_start(ap, format);
	vsnprintf(t->data, (size_t)n + 1, format, ap);
	va_end(ap);
	return t;
}

/* A message of a document that is given away. head: lines before the data. */
static struct text *message(const char *head, json_t *doc)
{
	char *json = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	struct text *t = json ? text_of("%sdata: %s\n\n", head, json) : NULL;

	json_decref(doc);
	free(json);
	return t;
}

/* ---- what is said */

static struct text *state_make(struct exporter *x)
{
	char why[WHY_MAX];
	struct sample *s = sample_take(x, why);
	size_t len;
	char *json = json_live_text(s, sse.seq++, why, &len);
	struct text *t = json ? text_of("event: state\ndata: %s\n\n", json) : NULL;

	free(json);
	sample_free(s);
	return t;
}

/* NULL: not to be had now. */
static json_t *operators_doc(struct exporter *x)
{
	return atomic_load(&x->attached) ? json_operators(x->client.seg, x->seq) : NULL;
}

/* A new text when there are other operators than before, or they do something else. */
static struct text *operators_make(struct exporter *x)
{
	static char *before;
	json_t *doc = operators_doc(x);
	char *list = doc ? json_dumps(json_object_get(doc, "operators"), JSON_COMPACT) : NULL;

	if (list == NULL || (before != NULL && strcmp(list, before) == 0)) {
		json_decref(doc);
		free(list);
		return NULL;
	}
	free(before);
	before = list;
	x->seq++;
	return message("event: operators\n", doc);
}

/* Where a stream begins in the journal: behind the event that it had last, if the engine has come
 * that far; one that is remembered from another engine says nothing. */
static uint64_t first_event(const struct stream *s, uint64_t last)
{
	if (s->how == SINCE_QUERY || (s->how == SINCE_HEADER && s->since <= last))
		return MIN_OF(s->since, last) + 1;
	return last > NEWEST ? last - NEWEST + 1 : 1;
}

/* NULL: there is none yet. */
static struct text *event_next(struct stream *s)
{
	const struct journal *j;
	char head[96] = "";
	struct note n;
	uint64_t lost;

	if (!atomic_load(&sse.x->attached))
		return NULL;
	j = &sse.x->client.seg->events;
	if (s->next == 0)
		s->next = first_event(s, journal_last(j));
	if (!journal_read(j, &s->next, &n, &lost))
		return NULL;
	if (lost != 0)
		snprintf(head, sizeof(head), "event: lost\ndata: {\"lost\":%" PRIu64 "}\n\n", lost);
	snprintf(head + strlen(head), sizeof(head) - strlen(head),
		"event: event\nid: %" PRIu64 "\n", n.no);
	return message(head, json_event(&n));
}

static bool event_waits(const struct stream *s)
{
	const struct exporter *x = sse.x;

	return atomic_load(&x->attached)
		&& (s->next == 0 || journal_last(&x->client.seg->events) >= s->next);
}

/* ---- a stream, on libmicrohttpd's thread */

static struct text *take(struct text **at)
{
	struct text *t = *at;

	*at = NULL;
	return t;
}

/* What goes next; NULL: nothing now. */
static struct text *next_text(struct stream *s)
{
	if (!s->greeted) {
		s->greeted = true;
		return text_of("retry: %d\n\n", 1000);
	}
	if (atomic_load(&ended) || s->due_ms == 0) /* a state is the first that it gets */
		return NULL;
	if (s->state != NULL)
		return take(&s->state);
	if (s->operators != NULL)
		return take(&s->operators);
	if (s->silent) {
		s->silent = false;
		return text_of(":\n\n");
	}
	return event_next(s);
}

/* Into a buffer that has room; how much. */
static size_t fill(struct stream *s, char *buf, size_t max)
{
	size_t done = 0;

	while (done < max) {
		size_t n;

		if (s->now == NULL) {
			s->now = next_text(s);
			s->at = 0;
		}
		if (s->now == NULL)
			break;
		n = MIN_OF(max - done, s->now->len - s->at);
		memcpy(buf + done, s->now->data + s->at, n);
		s->at += n;
		done += n;
		if (s->at == s->now->len)
			put(take(&s->now));
	}
	return done;
}

static ssize_t on_room(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = cls;
	ssize_t n;

	(void)pos;
	pthread_mutex_lock(&sse.lock);
	n = (ssize_t)fill(s, buf, max);
	if (n != 0) {
		s->took_ms = mono_ms();
	} else if (atomic_load(&ended)) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		s->waits = true;
		MHD_suspend_connection(s->c);
	}
	pthread_mutex_unlock(&sse.lock);
	return n;
}

static void on_closed(void *cls)
{
	struct stream *s = cls;

	pthread_mutex_lock(&sse.lock);
	put(s->now);
	put(s->state);
	put(s->operators);
	*s = (struct stream){0};
	sse.n--;
	pthread_mutex_unlock(&sse.lock);
}

/* ---- the ticker */

/* For all streams that want one; what they have not begun to send of before is passed over. */
static void hand_out(struct text *state, struct text *operators, int64_t now)
{
	if (operators != NULL)
		replace(&sse.operators, operators);
	for (int i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &sse.at[i];

		if (s->c == NULL)
			continue;
		if (state != NULL && s->due_ms <= now) {
			replace(&s->state, state);
			/* all of an interval at once: then one state is enough for them */
			s->due_ms = (now / s->interval_ms + 1) * s->interval_ms;
		}
		if (operators != NULL || s->new_here)
			replace(&s->operators, sse.operators);
		s->new_here = s->new_here && sse.operators == NULL;
	}
}

static void wake(int64_t now)
{
	for (int i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &sse.at[i];

		if (s->c == NULL)
			continue;
		if (!s->waits) {
			if (now - s->took_ms >= STUCK_MS)
				limits_end(s->c);
			continue;
		}
		s->silent = now - s->took_ms >= SILENCE_MS;
		if (s->state == NULL && s->operators == NULL && !s->silent && !event_waits(s)
			&& !atomic_load(&ended))
			continue;
		s->waits = false;
		s->took_ms = now;
		MHD_resume_connection(s->c);
	}
}

static bool state_due(int64_t now)
{
	bool due = false;

	for (int i = 0; i < STREAMS_MAX; i++)
		due |= sse.at[i].c != NULL && sse.at[i].due_ms <= now;
	return due;
}

static void *ticker(void *arg)
{
	const struct timespec nap = {0, TICK_MS * 1000000};
	struct exporter *x = arg;
	int64_t looked_ms = 0;

	sandbox_thread();

	for (;;) {
		struct text *state = NULL, *operators = NULL;
		int64_t now;
		bool due;

		pthread_mutex_lock(&sse.lock);
		while (sse.n == 0)
			pthread_cond_wait(&sse.first, &sse.lock);
		now = mono_ms();
		due = state_due(now);
		pthread_mutex_unlock(&sse.lock);
		if (due && !atomic_load(&ended))
			state = state_make(x);
		if (now - looked_ms >= OPERATORS_MS) {
			operators = operators_make(x);
			looked_ms = now;
		}
		pthread_mutex_lock(&sse.lock);
		hand_out(state, operators, now);
		wake(now);
		pthread_mutex_unlock(&sse.lock);
		put(state);
		put(operators);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int sse_start(struct exporter *x)
{
	pthread_t thread;

	sse.x = x;
	return -pthread_create(&thread, NULL, ticker, x);
}

void sse_end(void)
{
	atomic_store(&ended, true);
}

/* ---- a request */

/* A place for a stream; NULL: there is none. */
static struct stream *place(struct MHD_Connection *c, const struct stream *as)
{
	struct stream *s = NULL;

	pthread_mutex_lock(&sse.lock);
	for (int i = 0; i < STREAMS_MAX && s == NULL && !atomic_load(&ended); i++)
		s = sse.at[i].c == NULL ? &sse.at[i] : NULL;
	if (s != NULL) {
		*s = *as;
		s->c = c;
		s->took_ms = mono_ms();
		s->new_here = true;
		sse.n++;
		pthread_cond_signal(&sse.first);
	}
	pthread_mutex_unlock(&sse.lock);
	return s;
}

/* What the kernel holds for who reads slowly is bounded too. */
static void send_bound(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		c, MHD_CONNECTION_INFO_CONNECTION_FD);
	int bytes = SEND_BYTES;

	if (info != NULL)
		setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

enum MHD_Result sse_give(struct exporter *x, struct MHD_Connection *c)
{
	uint64_t interval = INTERVAL_MS;
	struct stream as = {0}, *s;

	(void)x;
	if (!query_number(c, "interval", INTERVAL_MIN_MS, INTERVAL_MAX_MS, &interval))
		return answer_error(
			c, MHD_HTTP_BAD_REQUEST, "interval: expected milliseconds, 200..60000");
	as.interval_ms = (uint32_t)interval;
	as.since = UINT64_MAX;
	if (!query_number(c, "since", 0, UINT64_MAX, &as.since))
		return answer_error(
			c, MHD_HTTP_BAD_REQUEST, "since: expected the number of an event");
	if (request_value(c, MHD_GET_ARGUMENT_KIND, "since") != NULL)
		as.how = SINCE_QUERY;
	/* of an EventSource that comes again, whatever it was told first */
	if (number_of(request_value(c, MHD_HEADER_KIND, "Last-Event-ID"), 0, UINT64_MAX, &as.since))
		as.how = SINCE_HEADER;
	s = place(c, &as);
	if (s == NULL)
		return answer_error(c, MHD_HTTP_SERVICE_UNAVAILABLE,
			"there are as many streams as there may be");
	limits_stream(c);
	send_bound(c);
	MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	return answer_stream(c, BLOCK_BYTES, on_room, on_closed, s);
}
