/* How long a connection may last, and how many there may be. */
#include "stats-exporter/http.h"

#include <sys/socket.h>

/* From a connection's first byte to its end. A scrape takes milliseconds; while there are many
 * connections, those that keep a scrape from coming in are let go before it has lost patience. */
#define LONGEST_MS 15000
#define MANY (CONNECTIONS_MAX * 3 / 4)
#define LONGEST_OF_MANY_MS 2000

/* The connections there are, for the main thread to cut. */
static struct {
	pthread_mutex_t lock;
	struct connection {
		bool open;
		int fd;
		int64_t since_ms; /* of the first look at it; 0: none yet */
	} at[CONNECTIONS_MAX];
	int n;
} conns = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Called before the descriptor is closed: under the lock it is the connection's. */
void limits_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct connection *unused = NULL, *mine = *context;

	(void)cls;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	pthread_mutex_lock(&conns.lock);
	for (int i = 0; what == MHD_CONNECTION_NOTIFY_STARTED && i < CONNECTIONS_MAX && !unused;
		i++)
		unused = conns.at[i].open ? NULL : &conns.at[i];
	if (unused != NULL && info != NULL) {
		*unused = (struct connection){.open = true, .fd = info->connect_fd};
		conns.n++;
		*context = unused;
	} else if (what == MHD_CONNECTION_NOTIFY_CLOSED && mine != NULL) {
		mine->open = false;
		conns.n--;
	}
	pthread_mutex_unlock(&conns.lock);
}

void http_cut(int64_t now_ms)
{
	int64_t longest;

	pthread_mutex_lock(&conns.lock);
	longest = conns.n >= MANY ? LONGEST_OF_MANY_MS : LONGEST_MS;
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &conns.at[i];

		if (c->open && c->since_ms == 0)
			c->since_ms = now_ms;
		else if (c->open && now_ms - c->since_ms >= longest)
			shutdown(c->fd, SHUT_RDWR); /* the rest is its thread's */
	}
	pthread_mutex_unlock(&conns.lock);
}
