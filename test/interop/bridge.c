/* A wire between two interfaces with the engine's own fault stage in it, so that kernels and engines
 * are compared over the very same link: each frame of one goes out of the other when the stage says.
 * It sleeps while there is nothing to do. Ends at the end of its input, and prints what the stage
 * counted, one line a direction. */
#include "common/util/clock.h"
#include "engine/l1_port/l1_port.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX \
	1600 /* a larger one has not been cut to the MTU: then the link would not be one */
#define SOCKET_BYTES (8 << 20)
#define BUFFERS 32768
#define HELD (BUFFERS / 2)
#define BURST 32

struct way {
	int from, to;
	struct faults faults;
	uint64_t count[FAULTS_COUNTS];
	uint64_t too_long, not_sent;
};

static const struct setting {
	const char *name;
	size_t at;
} settings[] = {
	{"seed", offsetof(struct faults_config, seed)},
	{"loss-ppm", offsetof(struct faults_config, loss_ppm)},
	{"burst", offsetof(struct faults_config, burst)},
	{"duplicate-ppm", offsetof(struct faults_config, duplicate_ppm)},
	{"reorder-ppm", offsetof(struct faults_config, reorder_ppm)},
	{"reorder-us", offsetof(struct faults_config, reorder_us)},
	{"corrupt-ppm", offsetof(struct faults_config, corrupt_ppm)},
	{"delay-us", offsetof(struct faults_config, delay_us)},
	{"jitter-us", offsetof(struct faults_config, jitter_us)},
	{"rate-kbps", offsetof(struct faults_config, rate_kbps)},
	{"queue-pkts", offsetof(struct faults_config, queue_pkts)},
};

static uint64_t now_us(void)
{
	return mono_ns() / 1000;
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int interface_open(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0003)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), bytes = SOCKET_BYTES, on = 1;

	at.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || at.sll_ifindex == 0)
		die(name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	/* else it would hear what it says */
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		die(name);
	return fd;
}

static bool setting_take(struct faults_config *c, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		*(uint32_t *)((char *)c + settings[i].at) = (uint32_t)strtoul(value, NULL, 10);
		return true;
	}
	return false;
}

/* False: the socket is empty. */
static bool frame_in(struct way *w, struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	ssize_t n;

	if (m == NULL)
		return false;
	n = recv(w->from, rte_pktmbuf_mtod(m, void *), FRAME_MAX, MSG_TRUNC);
	if (n <= 0 || n > FRAME_MAX) {
		w->too_long += n > FRAME_MAX;
		rte_pktmbuf_free(m);
		return n > 0;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = (uint32_t)n;
	faults_in(&w->faults, now_us(), m);
	return true;
}

static void frames_out(struct way *w)
{
	struct rte_mbuf *m[BURST];
	uint32_t n;

	do {
		n = faults_out(&w->faults, now_us(), m, BURST);
		for (uint32_t i = 0; i < n; i++) {
			if (send(w->to, rte_pktmbuf_mtod(m[i], void *), m[i]->pkt_len, 0) < 0)
				w->not_sent++;
			rte_pktmbuf_free(m[i]);
		}
	} while (n == BURST);
}

static void until_next(const struct way *way, struct pollfd *p, nfds_t n)
{
	uint64_t next = MIN_OF(faults_next_us(&way[0].faults), faults_next_us(&way[1].faults));
	uint64_t now = now_us(), us = next > now ? next - now : 0;
	struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

	ppoll(p, n, next == UINT64_MAX ? NULL : &t, NULL);
}

static void run(struct way *way, struct rte_mempool *pool)
{
	struct pollfd p[] = {{way[0].from, POLLIN, 0}, {way[1].from, POLLIN, 0}, {0, POLLIN, 0}};

	while (p[2].revents == 0) {
		for (int i = 0; i < 2; i++) {
			for (int n = 0; n < BURST && frame_in(&way[i], pool); n++)
				;
			frames_out(&way[i]);
		}
		until_next(way, p, 3);
	}
}

static void report(const struct way *w, const char *from, const char *to)
{
	static const char *const names[] = {
#define FAULT(NAME, name, ...) #name,
#include "common/stats/faults.def"
	};

	printf("{\"from\": \"%s\", \"to\": \"%s\", \"too_long\": %" PRIu64
	       ", \"not_sent\": %" PRIu64,
		from, to, w->too_long, w->not_sent);
	for (int i = 0; i < FAULTS_COUNTS; i++)
		printf(", \"%s\": %" PRIu64, names[i], w->count[i]);
	puts("}");
}

int main(int argc, char **argv)
{
	const char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-shconf", "-m", "256",
		"--no-telemetry", "--log-level=error", NULL};
	struct faults_config cfg = faults_config_none();
	static struct way way[2];
	struct faults_pool held;
	struct rte_mempool *pool;

	if (argc < 3 || argc % 2 == 0) {
		fprintf(stderr, "usage: bridge IF IF [SETTING VALUE]...; of both ways:");
		for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
			fprintf(stderr, " %s", settings[i].name);
		fputs("\n", stderr);
		return 2;
	}
	for (int i = 3; i < argc; i += 2) {
		if (!setting_take(&cfg, argv[i], argv[i + 1])) {
			fprintf(stderr, "bridge: unknown setting %s\n", argv[i]);
			return 2;
		}
	}
	if (rte_eal_init(ARRAY_SIZE(eal) - 1, (char **)eal) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create(
		"frames", BUFFERS, 0, 0, RTE_PKTMBUF_HEADROOM + FRAME_MAX, 0);
	if (pool == NULL) {
		fprintf(stderr, "bridge: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	faults_pool_init(&held, malloc(faults_pool_bytes(HELD)), HELD);
	way[0].from = way[1].to = interface_open(argv[1]);
	way[1].from = way[0].to = interface_open(argv[2]);
	for (uint32_t i = 0; i < 2; i++) {
		faults_init(&way[i].faults, &held, way[i].count, i);
		faults_set(&way[i].faults, &cfg, now_us());
	}
	puts("ready");
	fflush(stdout);
	run(way, pool);
	report(&way[0], argv[1], argv[2]);
	report(&way[1], argv[2], argv[1]);
	return 0;
}
