/* Peers that are chattier than they must be: set tests tcp-options ack-on-data 0, fin-on-data 0. What
 * goes over the wire, segment by segment. */
#include "test/unit/tcp_peer.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <stdio.h>

/* What was seen on the wire: for each segment who sent it (c, s), its flags and D for data. */
static char seen[4096];
static uint32_t n_seen;
static const char *lose = ""; /* segments like this are lost, so many */
static uint32_t n_lose;

static bool see(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct ip4_hdr *ip = (const struct ip4_hdr *)(f + 14);
	const struct tcp_hdr *th = (const struct tcp_hdr *)(ip + 1);
	uint32_t len = rte_be_to_cpu_16(ip->total_len_be16) - sizeof(*ip) - (th->off >> 4) * 4u;
	char one[16];

	if (f[12] != 8 || f[13] != 0 || ip->proto != IPPROTO_TCP4)
		return false;
	snprintf(one, sizeof(one), "%c:%s%s%s%s%s", "cs"[port], th -> flags &TCP_SYN ? "S" : "",
		th->flags &TCP_ACK ? "A" : "", len != 0 ? "D" : "", th->flags & TCP_FIN ? "F" : "",
		th->flags & TCP_RST ? "R" : "");
	snprintf(
		seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s", n_seen++ ? " " : "", one);
	if (n_lose != 0 && strcmp(one, lose) == 0) {
		n_lose--;
		return true;
	}
	return false;
}

static void see_anew(void)
{
	stack.on_wire = see;
	seen[0] = '\0';
	n_seen = 0;
}

/* Options of an end. */
static struct tcp_options *ride(uint16_t port, bool ack, bool fin)
{
	struct tcp_options *o = &tc_cfgs[port][0].tcp;

	o->ack_on_data = ack;
	o->fin_on_data = fin;
	return o;
}

/* One session of a request and a response of so many bytes. */
static void session(uint32_t bytes, uint32_t requests_s)
{
	for (uint16_t port = 0; port < 2; port++) {
		struct tc_config *c = stack_tc(port, 0, l4proto_TCP, port == 0);

		c->app.raw.req_bytes = c->app.raw.resp_bytes = bytes;
		c->app.requests = port == 0 ? 1 : requests_s;
		c->tcp.twait_skip = 1;
	}
}

/* It is over, and what went over the wire in seen[]. */
static void run(void)
{
	see_anew();
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(2000);
	assert_int_equal(stack_stats(0, 0)->closed, 1);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	assert_int_equal(stack_stats(0, 0)->responses, 1);
}

/* The segments of a session of one byte each way. Both ends close after the response (requests 1), or the
 * client alone. With ACKs apart five more go: the client's of the SYN-ACK, the server's of the
 * request, the client's of the response, and one of each FIN, if it was on the other's FIN. */
static const struct {
	bool ack, fin;
	uint32_t requests_s, n;
	const char *segs;
} sessions[] = {
	{1, 1, 1, 6, "c:S s:SA c:AD s:ADF c:AF s:A"},
	/* the client knows of the server's FIN only when its own is out: both acknowledge one */
	{1, 0, 1, 8, "c:S s:SA c:AD s:AD s:AF c:AF c:A s:A"},
	/* FIN rides on the response: one ACK is of both */
	{0, 1, 1, 9, "c:S s:SA c:A c:AD s:A s:ADF c:A c:AF s:A"},
	{0, 0, 1, 11, "c:S s:SA c:A c:AD s:A s:AD s:AF c:A c:AF c:A s:A"},
	{1, 1, 0, 7, "c:S s:SA c:AD s:AD c:AF s:AF c:A"},
	{1, 0, 0, 7, "c:S s:SA c:AD s:AD c:AF s:AF c:A"},
	{0, 0, 0, 11, "c:S s:SA c:A c:AD s:A s:AD c:A c:AF s:A s:AF c:A"},
};

static void segments_of_a_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		stack_begin(64, 16, 2048);
		session(1, sessions[i].requests_s);
		ride(0, sessions[i].ack, sessions[i].fin);
		ride(1, sessions[i].ack, sessions[i].fin);
		run();
		assert_string_equal(seen, sessions[i].segs);
		assert_int_equal(n_seen, sessions[i].n);
		assert_int_equal(stack_port(0)->tcp.tx_ctrl_pkts + stack_port(0)->tcp.tx_data_pkts
				+ stack_port(1)->tcp.tx_ctrl_pkts + stack_port(1)->tcp.tx_data_pkts,
			n_seen);
		assert_int_equal(stack_port(0)->tcp.tx_fin + stack_port(1)->tcp.tx_fin, 2);
		stack_end();
	}
}

/* Only the end that has the option does it. */
static void one_end_alone_is_chatty(void **state)
{
	(void)state;
	stack_begin(64, 16, 2048);
	session(1, 0);
	ride(1, 0, 0);
	run();
	assert_string_equal(seen, "c:S s:SA c:AD s:A s:AD c:AF s:A s:AF c:A");
	stack_end();
	stack_begin(64, 16, 2048);
	session(1, 0);
	ride(0, 0, 0);
	run();
	assert_string_equal(seen, "c:S s:SA c:A c:AD s:AD c:A c:AF s:AF c:A");
	stack_end();
}

/* Of a message of several segments the first has the ACK before it; FIN comes after the last. Timestamps and
 * ECN change nothing of it. */
static void long_messages(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		stack_begin(64, 16, 2048);
		session(4000, 1);
		ride(0, 0, 0)->ts = i & 1;
		ride(1, 0, 0)->ts = i & 1;
		tc_cfgs[0][0].tcp.ecn = tc_cfgs[1][0].tcp.ecn = i >> 1;
		run();
		assert_string_equal(seen,
			"c:S s:SA c:A c:AD c:AD c:AD s:A s:A s:A s:AD s:AD s:AD s:AF "
			"c:A c:A c:A c:AF c:A s:A");
		stack_end();
	}
}

/* RFC 9293 §3.6: the peer closes first. CLOSE-WAIT acknowledges its FIN, then LAST-ACK has one of its own. */
static void fin_of_the_peer_is_acknowledged_before_ours(void **state)
{
	struct peer_seg s, got;

	(void)state;
	peer_server(10);
	ride(1, 0, 1);
	stack_start(1, 0);
	s = peer_estab(1460);
	peer_flush(1);
	s.flags = TCP_FIN | TCP_ACK;
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_ACK);
	assert_int_equal(got.seq, s.ack);
	assert_int_equal(got.ack, s.seq + 1);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_FIN | TCP_ACK);
	assert_int_equal(got.seq, s.ack);
	assert_int_equal(got.ack, s.seq + 1);
	assert_false(peer_take(1, &got));
	assert_int_equal(stack_port(1)->tsm.in_last_ack, 1);
	s.flags = TCP_ACK;
	s.seq++;
	s.ack++;
	peer_say(1, &s);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	stack_end();
}

/* Our FIN alone, behind the last data: FIN-WAIT-1 begins with it, not with the data. It may be acknowledged by
 * itself, and be sent again by itself. */
static void fin_apart_goes_through_its_states(void **state)
{
	struct peer_seg s, data, fin, got;

	(void)state;
	peer_server(10)->tcp.rto_ms = 50;
	ride(1, 1, 0)->twait_skip = 1;
	stack_start(1, 0);
	s = peer_estab(1460);
	peer_flush(1);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST_CLOSE);
	assert_true(peer_take(1, &data));
	assert_int_equal(data.flags, TCP_ACK | TCP_PSH);
	assert_int_equal(data.ack, s.seq); /* ACKs ride: that is the other option */
	assert_true(peer_take(1, &fin));
	assert_int_equal(fin.flags, TCP_FIN | TCP_ACK);
	assert_int_equal(fin.len, 0);
	assert_int_equal(fin.seq, data.seq + data.len);
	assert_int_equal(stack_port(1)->tsm.in_fin_wait_1, 1);
	s.flags = TCP_ACK;
	s.ack = fin.seq; /* the data alone */
	peer_say(1, &s);
	assert_int_equal(stack_port(1)->tsm.in_fin_wait_1, 1);
	stack_run_ms(60);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_FIN | TCP_ACK);
	assert_int_equal(got.seq, fin.seq);
	assert_int_equal(got.len, 0);
	s.ack = fin.seq + 1;
	peer_say(1, &s);
	assert_int_equal(stack_port(1)->tsm.in_fin_wait_2, 1);
	s.flags = TCP_FIN | TCP_ACK;
	peer_say(1, &s);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	stack_end();
}

/* What is lost is sent again as it was: data, then FIN. */
static void lost_segments_are_sent_again_apart(void **state)
{
	static const struct {
		const char *lose;
		uint32_t n;
		const char *segs;
	} losses[] = {
		{"s:AF", 1, "c:S s:SA c:A c:AD s:A s:AD s:AF c:A c:AF s:A s:AF c:A"},
		{"s:AD", 1, "c:S s:SA c:A c:AD s:A s:AD s:AF c:A s:AD s:AF c:A c:AF c:A s:A"},
		{"s:AD", 2,
			"c:S s:SA c:A c:AD s:A s:AD s:AF c:A s:AD s:AF c:A s:AD s:AF c:A c:AF c:A "
			"s:A"},
		{"c:AD", 1, "c:S s:SA c:A c:AD c:AD s:A s:AD s:AF c:A c:AF c:A s:A"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(losses); i++) {
		stack_begin(64, 16, 2048);
		session(1, 1);
		ride(0, 0, 0)->sack = i & 1;
		ride(1, 0, 0)->sack = i & 1;
		lose = losses[i / 2].lose;
		n_lose = losses[i / 2].n;
		tc_cfgs[0][0].tcp.twait_skip = tc_cfgs[1][0].tcp.twait_skip = 0;
		run();
		assert_string_equal(seen, losses[i / 2].segs);
		stack_end();
	}
}

/* RFC 8985's probe is what the last segment would be if FIN rode on it, in two. */
static void tail_probe_is_data_and_fin(void **state)
{
	(void)state;
	stack_begin(64, 16, 2048);
	session(4000, 1);
	ride(1, 1, 0);
	lose = "s:AD";
	n_lose = 3;
	tc_cfgs[0][0].tcp.twait_skip = tc_cfgs[1][0].tcp.twait_skip = 0;
	run();
	assert_string_equal(seen,
		"c:S s:SA c:AD c:AD c:AD s:A s:A s:AD s:AD s:AD s:AF c:A " /* of FIN, ahead */
		"s:AD s:AF c:A c:A "                                       /* the probe */
		"s:AD c:A s:AD s:AF c:AF c:A s:A");
	assert_int_equal(stack_port(1)->tsm.tail_probes, 1);
	stack_end();
}

/* A delayed ACK is delayed as ever, but it goes before the data that it would ride on. */
static void delayed_ack_goes_before_data(void **state)
{
	struct peer_seg s, got;
	uint32_t ms;

	(void)state;
	peer_server(10)->tcp.ack_delay = 1;
	ride(1, 0, 1);
	stack_start(1, 0);
	s = peer_estab(1460);
	peer_flush(1);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, "GET / HTTP/1.1\r\n");
	assert_false(peer_take(1, &got));
	for (ms = 0; !peer_take(1, &got); ms++) {
		assert_true(ms < 500);
		stack_run_ms(1);
	}
	assert_in_range(ms, 38, 42);
	assert_int_equal(got.ack, s.seq);
	peer_text(1, &s, "Host: a\r\n\r\n");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_ACK);
	assert_int_equal(got.len, 0);
	assert_int_equal(got.ack, s.seq);
	assert_true(peer_take(1, &got));
	assert_true(got.len != 0);
	assert_int_equal(got.ack, s.seq);
	stack_run_ms(30);
	assert_false(peer_take(1, &got)); /* and not once more */
	stack_end();
}

/* Without room for data its ACK does not wait for it, as one that may ride does. */
static void ack_apart_does_not_wait_for_room(void **state)
{
	(void)state;
	for (uint32_t rides = 0; rides < 2; rides++) {
		uint64_t data;

		stack_begin(2048, 16, 8192);
		for (uint16_t port = 0; port < 2; port++) {
			struct tc_config *c = stack_tc(port, 0, l4proto_TCP, port == 0 ? 500 : 0);

			c->app.raw.req_bytes = c->app.raw.resp_bytes = 1;
			ride(port, rides, 1);
		}
		stack.room = 64;
		stack_start(1, 0);
		stack_start(0, 0);
		stack_run_ms(100);
		assert_int_equal(stack_stats(0, 0)->estab_now, 500);
		assert_int_equal(stack_port(0)->port.tx_failures, 0);
		assert_int_equal(stack_port(0)->tsm.retrans_pkts, 0);
		data = stack_port(0)->tcp.tx_data_pkts;
		assert_true(data > 20000);
		if (rides) /* a SYN and an ACK of each, no more */
			assert_in_range(stack_port(0)->tcp.tx_ctrl_pkts, 500, 1000);
		else /* and one for each response but those under way */
			assert_in_range(stack_port(0)->tcp.tx_ctrl_pkts, data, data + 1000);
		stack.room = 0;
		stack_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_of_a_session),
		cmocka_unit_test(one_end_alone_is_chatty),
		cmocka_unit_test(long_messages),
		cmocka_unit_test(fin_of_the_peer_is_acknowledged_before_ours),
		cmocka_unit_test(fin_apart_goes_through_its_states),
		cmocka_unit_test(lost_segments_are_sent_again_apart),
		cmocka_unit_test(tail_probe_is_data_and_fin),
		cmocka_unit_test(delayed_ack_goes_before_data),
		cmocka_unit_test(ack_apart_does_not_wait_for_room),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
