/* What a client of the exporter sends: through libmicrohttpd to http.c, over TCP; and the text of
 * --listen. What is answered at once is read. */
#include "common/util/clock.h"
#include "stats-exporter/exporter.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/world.h"

#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20   /* libmicrohttpd waits for the rest of what is no whole request */
#define REQUEST_MAX 4096 /* what a socket takes at once */

static struct exporter x = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct listen_at at;
static uint16_t port_be;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char why[WHY_MAX];
	int fd, pair[2];

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	world_begin(1);
	world.seg->hdr.state = engine_state_READY;
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	x.client.sock = pair[0];
	x.client.seg = world.seg;
	x.attached = 1;
	MUST(listen_parse(&at, "127.0.0.1:0", why) == 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(fd >= 0 && bind(fd, &at.where.addr.any, at.where.len) == 0 && listen(fd, 64) == 0);
	MUST(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	port_be = a.sin_port;
	MUST(http_start(&x, fd) == 0);
	return 0;
}

/* One connection: all of it said, then the answer. */
static void ask(const uint8_t *data, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = port_be,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger now = {1, 0}; /* no TIME-WAIT: ports would run out */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[16384];
	ssize_t n = 1;

	MUST(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (size != 0)
		send(fd, data, size, MSG_NOSIGNAL);
	while (n > 0 && poll(&p, 1, PATIENCE_MS) == 1)
		n = recv(fd, buf, sizeof(buf), 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[WHY_MAX], text[256] = "";

	world.seg->hdr.heartbeat_ms = (uint64_t)mono_ms();
	memcpy(text, data, MIN_OF(size, sizeof(text) - 1));
	listen_parse(&at, text, why);
	listen_parse_port(&at, text, why);
	ask(data, MIN_OF(size, (size_t)REQUEST_MAX));
	return 0;
}
