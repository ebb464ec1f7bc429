/* What comes over the wire: frames of any bytes, and TCP segments that are nearly right, so that
 * they get as far as the state machine. A client on port 0, a server on port 1, the peer of both is
 * the input. After it the sums must add up and all pools be full (stack_end()).
 *
 * The first byte chooses protocol and application, then records follow: a byte that says what, its
 * lowest bit to which port, and what it takes. */
#include "engine/l7_app/l7_app.h"
#include "test/fuzz/fuzz_world.h"
#include "test/unit/stack.h"
#include "test/unit/world.h"

#include <unistd.h>

#define RECORDS_MAX 64
#define FRAME_MAX 1514

static struct peer_seg last[2]; /* what each port sent last */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_world_begin();
	return 0;
}

static void turn_us(uint32_t us)
{
	stack_run_us(us);
	for (uint16_t p = 0; p < 2; p++) {
		while (peer_take(p, &last[p]))
			;
	}
}

/* To the port's MAC, from the other's: any type and payload, or any IPv4 protocol and payload. */
static void frame(struct feed *f, uint16_t port, uint8_t what)
{
	static const uint8_t eth[14] = {2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 8, 0};
	static const uint8_t ip[20] = {
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 0xfd, 10, 0, 0, 1};
	uint8_t bytes[FRAME_MAX] = {0};
	size_t at = 0, n;
	const uint8_t *p;

	if (what != 0) {
		memcpy(bytes, eth, sizeof(eth));
		bytes[5] = (uint8_t)port;
		bytes[11] = (uint8_t)(1 - port);
		at = what == 1 ? 12 : sizeof(eth);
	}
	if (what == 2) {
		memcpy(bytes + at, ip, sizeof(ip));
		bytes[at + 9] = feed_8(f);
		bytes[at + 15] = port == 0 ? 0xfd : 1;
		bytes[at + 19] = port == 0 ? 1 : 0xfd;
		at += sizeof(ip);
	}
	n = feed_16(f) % (FRAME_MAX + 1 - at);
	p = feed_bytes(f, n, &n);
	memcpy(bytes + at, p, n);
	at += n;
	if (what == 2) {
		bytes[16] = (uint8_t)((at - 14) >> 8);
		bytes[17] = (uint8_t)(at - 14);
	}
	if (at != 0)
		peer_frame(port, bytes, (uint16_t)at);
}

/* A segment of the conversation: its numbers are what the port expects, plus something. */
static void segment_send(struct feed *f, uint16_t port)
{
	const struct peer_seg *l = &last[port];
	uint8_t opts[40], data[512];
	uint8_t flags = feed_8(f), how = feed_8(f);
	struct peer_seg s = {.sport = l->sport != 0 ? l->dport : 5000 + (how >> 6),
		.dport = l->sport != 0 ? l->sport : 80,
		.flags = flags};
	const uint8_t *p;
	size_t n;

	s.seq = l->ack + (how & 1 ? (uint32_t)(int16_t)feed_16(f) : 0);
	s.ack = l->seq + l->len + ((l->flags & (TCP_SYN | TCP_FIN)) != 0)
		+ (how & 2 ? (uint32_t)(int16_t)feed_16(f) : 0);
	s.wnd = how & 4 ? feed_16(f) : 65535;
	if (how & 8) {
		p = feed_bytes(f, feed_8(f) % (sizeof(opts) + 1), &n);
		memcpy(opts, p, n);
		s.opts = opts;
		s.opts_len = (uint8_t)n;
	}
	if (how & 16) {
		p = feed_bytes(f, feed_16(f) % (sizeof(data) + 1), &n);
		memcpy(data, p, n);
		s.data = data;
		s.len = (uint32_t)n;
	}
	s.vlan = how & 32 ? 1 : 0;
	peer_send(port, &s);
}

static void datagram_send(struct feed *f, uint16_t port)
{
	uint16_t sport = feed_16(f), n = feed_16(f) % 1400;

	peer_datagram(port, sport, port == 0 ? (uint16_t)(1000 + sport % 4) : 80, n);
}

static void record(struct feed *f)
{
	uint8_t what = feed_8(f);
	uint16_t port = what & 1;

	switch (what >> 1 & 7) {
	case 0:
	case 1:
	case 2:
		frame(f, port, what >> 1 & 7);
		break;
	case 3:
		datagram_send(f, port);
		break;
	case 4:
		turn_us(1000u * (feed_8(f) % 64));
		break;
	case 5:
		memset(&last[port], 0, sizeof(last[port])); /* from now on another connection */
		break;
	default:
		segment_send(f, port);
	}
	if ((what & 128) == 0)
		turn_us(50);
}

static void test_cases(uint8_t how)
{
	enum l4proto proto = how & 1 ? l4proto_UDP : l4proto_TCP;
	enum app_kind app = how >> 1 & 3 ? app_kind_HTTP : app_kind_RAW;

	if (proto == l4proto_UDP)
		app = app_kind_RAW;
	for (uint16_t p = 0; p < 2; p++) {
		struct tc_config *c = stack_tc(p, 0, proto, 4);

		c->app.kind = app;
		if (app == app_kind_RAW) {
			c->app.raw.req_bytes = 100;
			c->app.raw.resp_bytes = 3000;
		}
		c->tcp.ts = how >> 3 & 1;
		c->tcp.ecn = how >> 4 & 1;
		c->vlan_id = how >> 5 & 1;
	}
	stack_start(1, 0);
	stack_start(0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = {data, data + size};

	memset(last, 0, sizeof(last));
	stack_begin(16, 16, 512);
	stack.wired = false;
	test_cases(feed_8(&f));
	turn_us(100);
	for (int n = 0; n < RECORDS_MAX && f.p < f.end; n++)
		record(&f);
	stack_end();
	return 0;
}
