/* The first look at a frame and the layers' looks agree, in what they find and in what they count:
 * over whole frames of TCP and UDP, with a stamp and without, cut, with bytes changed, with checksums
 * of software or without. */
#include "engine/l1_port/l1_port.h"
#include "engine/lcore/first_look.h"
#include "test/unit/stack.h"

#include <stdlib.h>
#include <string.h>

#define FRAME 60
#define STAMPED (FRAME + IP_STAMP_LEN)
#define CHANGES 400000

static uint16_t checksum(const uint8_t *p, uint32_t n, uint32_t sum)
{
	return (uint16_t)~csum_fold(csum_add(p, n, sum));
}

/* Of the peer, to port 1, FRAME bytes; the last two are padding that is not IP's. */
static void frame(uint8_t *f, uint8_t proto)
{
	static const uint8_t ip[] = {
		0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 253};
	uint16_t sum;

	memset(f, 0x55, FRAME);
	memcpy(f, ports[1].mac, 6);
	memcpy(f + 6, ports[0].mac, 6);
	memcpy(f + 12, (uint8_t[]){8, 0}, 2);
	memcpy(f + 14, ip, sizeof(ip));
	f[23] = proto;
	sum = checksum(f + 14, 20, 0);
	memcpy(f + 24, &sum, 2);
	memcpy(f + 34, (uint8_t[]){3, 0xe8, 0, 80}, 4);
	if (proto == IPPROTO_TCP4) {
		f[46] = 0x50;
		f[47] = TCP_ACK;
		memset(f + 50, 0, 2);
		sum = csum_l4(CLIENT_IP, SERVER_IP, proto, f + 34, 24);
		memcpy(f + 50, &sum, 2);
	} else {
		memcpy(f + 38, (uint8_t[]){0, 24, 0, 0}, 4);
		sum = csum_l4(CLIENT_IP, SERVER_IP, proto, f + 34, 24);
		memcpy(f + 40, &sum, 2);
	}
}

static struct rte_mbuf *buffer(const uint8_t *f, uint16_t len, uint64_t ol_flags)
{
	struct rte_mbuf *m = pkt_alloc(stack.lc, len);

	assert_non_null(m);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), f, len);
	m->ol_flags = ol_flags;
	return m;
}

/* The same with our stamp in its IPv4 header, STAMPED bytes. */
static void stamp(uint8_t *f)
{
	const uint32_t head = IP_STAMP_HEAD;
	uint64_t now = stamp_of(4711);
	uint16_t sum;

	memmove(f + 34 + IP_STAMP_LEN, f + 34, FRAME - 34);
	memcpy(f + 34, &head, 4);
	memcpy(f + 38, &now, 8);
	f[14] = 0x48;
	f[17] += IP_STAMP_LEN;
	memset(f + 24, 0, 2);
	sum = checksum(f + 14, 32, 0);
	memcpy(f + 24, &sum, 2);
}

/* Both looks at the same frame; how many of them the first was enough for. */
static int agree(const uint8_t *f, uint16_t len, uint64_t ol_flags, bool stamped)
{
	static struct stats_port_block before, slow, fast;
	struct lport *lp = &stack.lc->lports[1];
	struct rte_mbuf *m = buffer(f, len, ol_flags);
	struct pkt a = {.m = m}, b = {.m = m};
	struct looked looked = {0};
	bool enough;

	before = *lp->st;
	eth_in(stack.lc, lp, &a);
	slow = *lp->st;
	*lp->st = before;
	enough = first_look(stack.lc, lp, &b, &looked, stamped ? LOOK_STAMPED : LOOK_IP);
	looked.n = enough;
	looked.n_opts = enough && stamped;
	looked_count(lp, &looked);
	if (!enough) {
		assert_memory_equal(lp->st, &before, sizeof(before));
		pkt_free(stack.lc, m);
		*lp->st = before;
		return 0;
	}
	fast = *lp->st;
	*lp->st = before;
	assert_memory_equal(&fast, &slow, sizeof(slow));
	assert_int_equal(a.class, b.class);
	assert_ptr_equal(a.l4, b.l4);
	assert_int_equal(a.l4_len, b.l4_len);
	assert_true(a.dst == b.dst && a.src == b.src && a.dport == b.dport && a.sport == b.sport);
	assert_int_equal(a.hash, b.hash);
	assert_int_equal(b.plain, stamped && b.class == PKT_TCP ? PKT_STAMPED : PKT_PLAIN);
	assert_int_equal(b.stamp, stamped ? 24 : 0);
	assert_int_equal(a.stamp, b.stamp);
	assert_true(
		b.vlan == 0 && b.group == 0 && b.l2_len == a.l2_len && a.vlan == 0 && a.group == 0);
	pkt_free(stack.lc, m);
	return 1;
}

static void over_changes(uint8_t proto, bool soft, bool stamped)
{
	const uint16_t size = stamped ? STAMPED : FRAME;
	uint8_t good[STAMPED], f[STAMPED];
	int enough = 0;

	stack_begin(64, 64, 4096);
	stack.wired = false;
	ports[1].sw_csum = soft;
	stack.lc->lports[1].n_ip_stamps = 1;
	frame(good, proto);
	if (stamped)
		stamp(good);
	assert_int_equal(agree(good, size, 0, !stamped), 0); /* the other look */
	assert_int_equal(agree(good, size, 0, stamped), 1);
	for (uint16_t len = 1; len < size; len++)
		agree(good, len, 0, stamped);
	srand(7);
	for (int i = 0; i < CHANGES; i++) {
		memcpy(f, good, size);
		for (int k = rand() % 3; k >= 0; k--)
			f[rand() % size] = (uint8_t)(rand() % 4 ? rand() : good[rand() % size]);
		enough += agree(f, size,
			rand() % 8 ? 0
				   : (uint64_t)(rand() % 4) * RTE_MBUF_F_RX_IP_CKSUM_BAD
					| (uint64_t)(rand() % 2) * RTE_MBUF_F_RX_L4_CKSUM_BAD,
			stamped);
	}
	assert_true(enough > CHANGES / (soft ? 50 : 8)); /* else nothing is proved */
	ports[1].sw_csum = 0;
	stack.lc->lports[1].n_ip_stamps = 0;
	stack_run_ms(1); /* what ICMP has answered */
	peer_flush(1);
	stack_end();
}

static void of_tcp(void **state)
{
	over_changes(IPPROTO_TCP4, false, *state != NULL);
	over_changes(IPPROTO_TCP4, true, *state != NULL);
}

static void of_udp(void **state)
{
	over_changes(IPPROTO_UDP4, false, *state != NULL);
	over_changes(IPPROTO_UDP4, true, *state != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(of_tcp, NULL),
		cmocka_unit_test_prestate(of_udp, NULL),
		cmocka_unit_test_prestate(of_tcp, &stack),
		cmocka_unit_test_prestate(of_udp, &stack),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
