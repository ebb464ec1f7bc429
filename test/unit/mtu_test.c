/* The MTU of a port: nothing larger is on the wire, whatever options a segment has and however bad the
 * wire is, and what is large enough is as large as may be. */
#include "engine/l4_tcp/tcp_priv.h"
#include "test/unit/stack.h"
#include "test/unit/world.h"

#include <rte_byteorder.h>

static uint32_t largest[2],
	n_largest[2]; /* bytes of IP by the sending port, and how many of them */

static bool look(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t l2 = f[12] == 0x81 ? 18 : 14;

	if (f[l2 - 2] != 8 || f[l2 - 1] != 0)
		return false;
	if (m->pkt_len - l2 > ports[port].mtu)
		fail_msg("port %u, MTU %u: a packet of %u", port, ports[port].mtu, m->pkt_len - l2);
	n_largest[port] = m->pkt_len - l2 > largest[port] ? 0 : n_largest[port];
	largest[port] = MAX_OF(largest[port], m->pkt_len - l2);
	n_largest[port] += m->pkt_len - l2 == largest[port];
	return false;
}

static void begin(uint16_t mtu0, uint16_t mtu1)
{
	world_mbuf_bytes = 9344;
	stack_begin(256, 256, 4096);
	world_mbuf_bytes = 2176;
	memset(largest, 0, sizeof(largest));
	memset(n_largest, 0, sizeof(n_largest));
	ports[0].mtu = mtu0;
	ports[1].mtu = mtu1;
	stack.on_wire = look;
}

static void both_send(enum l4proto proto, uint32_t bytes, uint32_t vlan)
{
	for (uint16_t p = 0; p < 2; p++) {
		struct tc_config *c = stack_tc(p, 0, proto, 4);

		c->app.raw = (struct raw_config){.req_bytes = bytes, .resp_bytes = bytes};
		c->app.requests = 3;
		c->vlan_id = vlan;
		c->tcp.ts = c->tcp.ecn = 1;
		c->tcp.rto_ms = 5;
	}
}

static void port_vlan(uint32_t vlan)
{
	for (uint16_t p = 0; p < 2 && vlan != 0; p++)
		port_l3[p].intf[0].vlan_id = vlan;
}

static const uint16_t mtus[][2] = {
	{68, 68}, {576, 576}, {1500, 1500}, {9000, 9000}, {9198, 9198}, {68, 9000}, {1500, 576}};

static void tcp_on_a_bad_wire(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mtus); i++) {
		uint16_t least = MIN_OF(mtus[i][0], mtus[i][1]);

		begin(mtus[i][0], mtus[i][1]);
		both_send(l4proto_TCP, 50000, 0);
		stack.lose = stack.late = stack.twice = 30;
		stack_start(1, 0);
		stack_start(0, 0);
		for (int ms = 0; ms < 60000 && stack_stats(0, 0)->closed != 4; ms++)
			stack_run_ms(1);
		assert_int_equal(stack_stats(0, 0)->closed, 4);
		assert_true(stack_port(0)->tcp.rx_ooo != 0); /* so there was SACK */
		for (uint16_t p = 0; p < 2; p++) {
			assert_int_equal(largest[p], least);
			assert_true(n_largest[p] >= 12 * (50000 / least) / 2);
		}
		stack.lose = stack.late = stack.twice = 0;
		stack_end();
	}
}

/* A datagram is as large as its sender's MTU; the last of a message has the rest. */
static void udp_in_as_few_datagrams_as_may_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mtus); i++) {
		begin(mtus[i][0], mtus[i][1]);
		both_send(l4proto_UDP, 50000, 0);
		stack_start(1, 0);
		stack_start(0, 0);
		stack_run_ms(500);
		assert_int_equal(stack_stats(0, 0)->closed, 4);
		for (uint16_t p = 0; p < 2; p++) {
			uint32_t most = ports[p].mtu - 28u;

			assert_int_equal(largest[p], ports[p].mtu);
			assert_int_equal(n_largest[p], 12 * (50000 / most));
			assert_int_equal(
				stack_port(p)->udp.tx_pkts, 12 * ((50000 + most - 1) / most));
		}
		stack_end();
	}
}

/* A tag is Ethernet's, not of the MTU. */
static void tag_takes_nothing_of_it(void **state)
{
	(void)state;
	begin(1500, 1500);
	port_vlan(7);
	both_send(l4proto_UDP, 50000, 7);
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(2000); /* ARP on that VLAN first */
	assert_int_equal(stack_stats(0, 0)->closed, 4);
	assert_int_equal(largest[0], 1500);
	assert_int_equal(largest[1], 1500);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_on_a_bad_wire),
		cmocka_unit_test(udp_in_as_few_datagrams_as_may_be),
		cmocka_unit_test(tag_takes_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
