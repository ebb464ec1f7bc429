/* How long a connection may last, and how many there may be. */
#include "common/util/clock.h"
#include "stats-exporter/http.h"
#include "stats-exporter/sandbox.h"

#include <stdlib.h>
#include <sys/socket.h>

/* From a connection's first byte to its end. A scrape takes milliseconds; the more connections there
 * are, the sooner those are let go that keep it from coming in. When all places are taken others
 * wait in the socket, and time is what it takes to say something. */
#define MANY (CONNECTIONS_MAX / 2)
#define LONGEST_MS 15000
#define LONGEST_OF_MANY_MS 2000
#define LONGEST_OF_ALL_MS 100
#define LOOK_MS 200 /* from one look at them to the next; then the same of many */
#define LOOK_OF_MANY_MS 25

struct limits {
	pthread_mutex_t lock;
	struct connection {
		struct limits *of;
		bool open, stream, ended;
		int fd;
		int64_t since_ms;
	} at[CONNECTIONS_MAX];
	int n;
};

struct limits *limits_new(void)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l != NULL)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

static void end(struct connection *c)
{
	if (c->ended)
		return;
	c->ended = true;
	shutdown(c->fd, SHUT_RDWR);
}

static struct connection *opened(struct limits *l, int fd)
{
	int64_t now = mono_ms();

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		if (l->at[i].open)
			continue;
		l->at[i] = (struct connection){.of = l, .open = true, .fd = fd, .since_ms = now};
		l->n++;
		return &l->at[i];
	}
	return NULL;
}

/* Called before the descriptor is closed: under the lock it is the connection's. */
void limits_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct connection *mine = *context;
	struct limits *l = cls;

	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	pthread_mutex_lock(&l->lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED && info != NULL) {
		*context = opened(l, info->connect_fd);
	} else if (what == MHD_CONNECTION_NOTIFY_CLOSED && mine != NULL) {
		mine->open = false;
		l->n--;
	}
	pthread_mutex_unlock(&l->lock);
}

static struct connection *connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void limits_stream(struct MHD_Connection *c)
{
	struct connection *mine = connection_of(c);

	if (mine == NULL)
		return;
	pthread_mutex_lock(&mine->of->lock);
	mine->stream = true;
	pthread_mutex_unlock(&mine->of->lock);
}

void limits_end(struct MHD_Connection *c)
{
	struct connection *mine = connection_of(c);

	if (mine == NULL)
		return;
	pthread_mutex_lock(&mine->of->lock);
	if (mine->open)
		end(mine);
	pthread_mutex_unlock(&mine->of->lock);
}

/* Those that have lasted too long. How many there are. */
static int cut(struct limits *l)
{
	int64_t now = mono_ms(), longest;
	int n;

	pthread_mutex_lock(&l->lock);
	n = l->n;
	longest = n == CONNECTIONS_MAX ? LONGEST_OF_ALL_MS
		: n >= MANY            ? LONGEST_OF_MANY_MS
				       : LONGEST_MS;
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &l->at[i];

		if (c->open && !c->stream && now - c->since_ms >= longest)
			end(c);
	}
	pthread_mutex_unlock(&l->lock);
	return n;
}

static void *cutter(void *arg)
{
	sandbox_thread();
	for (;;) {
		int ms = cut(arg) >= MANY ? LOOK_OF_MANY_MS : LOOK_MS;

		nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
	}
	return NULL;
}

int limits_start(struct limits *l)
{
	pthread_t thread;

	return -pthread_create(&thread, NULL, cutter, l);
}
