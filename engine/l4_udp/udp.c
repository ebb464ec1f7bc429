/* UDP in and out. */
#include "engine/l3_ip/l3_ip_hot.h"
#include "engine/l4_conn/l4_conn.h"
#include "engine/l4_udp/l4_udp.h"
#include "engine/traffic/traffic.h"

#include <rte_byteorder.h>

#include <errno.h>
#include <string.h>

#define UDP_ANSWER_MS 1000 /* after which an answer is taken for lost */
#define NEIGHBOUR_MS 200   /* between looks whether the next hop has answered */

static uint16_t header_bytes(const struct tc_run *tc)
{
	return ipv4_hdr_len(tc->ip_how) + sizeof(struct udp_hdr);
}

uint32_t ucb_alloc(struct lcore *lc, struct lport *lp, uint32_t hash)
{
	uint32_t id = pool_get(&lc->ucbs);

	if (unlikely(id != CONN_NONE && flow_insert(&lc->udp_flows, hash, id) != 0)) {
		pool_put(&lc->ucbs, id);
		id = CONN_NONE;
	}
	if (unlikely(id == CONN_NONE)) {
		lp->st->udp.ucb_alloc_err++;
		return CONN_NONE;
	}
	lp->st->udp.ucb_alloc++;
	return id | CONN_UDP;
}

void udp_icmp_error(struct lcore *lc, struct lport *lp, const struct icmp_quote *q)
{
	uint8_t port = lp->port->id;
	uint32_t hash = flow_hash(port, q->vlan, q->laddr, q->raddr, q->lport, q->rport),
		 id = flow_find(&lc->udp_flows, hash, port, q->laddr, q->raddr, q->lport, q->rport);
	struct conn *c = id == CONN_NONE ? NULL : pool_at(&lc->ucbs, id);
	struct tc_run *tc = c == NULL ? NULL : lcore_tc(lc, port, c->tcid);

	if (tc == NULL || tc->vlan != q->vlan) {
		lp->st->icmp.err_unmatched++;
		return;
	}
	lp->st->icmp.err_matched++;
	tc->st->icmp_errors++;
	if (q->effect != ICMP_PMTU || c->mss + header_bytes(tc) <= q->mtu)
		return;
	c->mss = q->mtu - header_bytes(tc);
	lp->st->icmp.pmtu_less++;
}

static void begin(struct tc_run *tc, struct conn *c)
{
	c->state = CS_ESTAB;
	c->mss = tc->mss - ipv4_opts_len(tc->ip_how);
	c->tx_kind = 0;
	c->tx_base = c->tx_end = 0;
	c->t_life = c->t_rtx = c->t_ack = 0;
	traffic_begun(tc, c);
}

/* A client's session is up when its first datagram can go out. */
static void try_up(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	if (unlikely(!ipv4_reachable(lc, lp, tc->vlan_tci, c->raddr))) {
		lp->st->udp.tx_failed++;
		c->t_rtx = deadline_in(lc, NEIGHBOUR_MS);
		wheel_arm(lc, c, id);
		return;
	}
	if (traffic_up(lc, lp, tc, c, id))
		udp_output(lc, lp, tc, c, id);
}

void udp_open(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	begin(tc, c);
	try_up(lc, lcore_lport(lc, c->port), tc, c, id);
}

void udp_end(struct lcore *lc, struct conn *c, uint32_t id, uint64_t *failure)
{
	struct lport *lp = lcore_lport(lc, c->port);
	struct tc_run *tc = lcore_tc(lc, c->port, c->tcid);

	flow_remove(&lc->udp_flows, conn_hash(c, tc->vlan), id & ~CONN_UDP);
	c->t_rtx = c->t_ack = c->t_life = 0;
	c->flags &= ~(CF_SENDING | CF_CLOSE | CF_WANT_CLOSE);
	c->tx_kind = 0;
	app_conn_down(conn_app(tc, c), &c->app, traffic_app_stats(lp, conn_st(tc, c)));
	if (failure != NULL)
		traffic_failed(tc, c, failure);
	else
		traffic_closed(tc, c);
	c->state = CS_CLOSED;
	traffic_gone(lc, lp, tc, c, id);
}

static void payload_copy(
	struct lcore *lc, const struct tc_run *tc, const struct conn *c, uint8_t *to, uint32_t len)
{
	const struct app_tc *app = conn_app(tc, c);
	uint32_t off = c->tx_base;

	if (unlikely(!app_short_copy(app, TXK_NOW(c->tx_kind), off, to, len)))
		traffic_payload(app, TXK_NOW(c->tx_kind), off, to, len);
	if (unlikely(app->tx_stamp))
		traffic_stamp(lc, app, off, to, len);
}

/* The next datagram of the message. As ipv4_out(). */
static int send_one(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c)
{
	uint32_t len = MIN_OF(c->tx_end - c->tx_base, (uint32_t)c->mss);
	struct udp_hdr *uh;
	struct rte_mbuf *m;
	uint8_t *l4;
	int rc;

	rc = ipv4_out(lc, lp, tc->vlan_tci, tc->ip_how, c->laddr, c->raddr, IPPROTO_UDP4,
		sizeof(*uh) + len, &m, &l4);
	if (unlikely(rc != 0)) {
		lp->st->udp.tx_failed++;
		return rc;
	}
	uh = (struct udp_hdr *)l4;
	uh->sport_be16 = be_16(c->lport);
	uh->dport_be16 = be_16(c->rport);
	uh->len_be16 = be_16(sizeof(*uh) + len);
	uh->csum = 0;
	payload_copy(lc, tc, c, l4 + sizeof(*uh), len);
	ipv4_send(lc, lp, m, l4, tc->ip_how);
	lp->st->udp.tx_pkts++;
	lp->st->udp.tx_bytes += len;
	conn_st(tc, c)->tx_bytes += len;
	c->tx_base += len;
	return 0;
}

/* All of the message is on its way. A client that awaits an answer does not do so for ever. */
static void message_sent(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	uint8_t kind = TXK_NOW(c->tx_kind);
	uint8_t slot = c->app.slot;
	struct stats_tc *st = tc->app_st[slot];
	enum app_act act;

	c->flags &= ~CF_SENDING;
	st->tx_msgs++;
	act = app_sent(tc->app[slot], &c->app, traffic_app_stats(lp, st), &kind);
	if (tc->is_client && act == APP_NONE) {
		c->t_ack = deadline_in(lc, UDP_ANSWER_MS);
		wheel_arm(lc, c, id);
	}
	traffic_act(lc, lp, tc, c, id, act, kind, true);
}

void udp_output(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	while (c->flags & CF_SENDING) {
		int rc = likely(tx_room(lc, lp)) ? send_one(lc, lp, tc, c) : -ENOBUFS;

		if (unlikely(rc == -EHOSTUNREACH)) {
			c->t_rtx = deadline_in(lc, NEIGHBOUR_MS);
			wheel_arm(lc, c, id);
			return;
		}
		if (unlikely(rc != 0)) {
			traffic_block(lc, lp, c, id);
			return;
		}
		if (c->tx_base == c->tx_end)
			message_sent(lc, lp, tc, c, id);
	}
}

void udp_timer(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	struct lport *lp = lcore_lport(lc, c->port);
	uint8_t kind;
	enum app_act act;

	if (deadline_due(c->t_ack, lc->now_ms)) {
		c->t_ack = 0;
		act = app_lost(
			conn_app(tc, c), &c->app, traffic_app_stats(lp, conn_st(tc, c)), &kind);
		traffic_act(lc, lp, tc, c, id, act, kind, false);
	}
	if (deadline_due(c->t_rtx, lc->now_ms)) /* the neighbour may have answered */
		c->t_rtx = 0;
	if (c->state != CS_ESTAB || c->t_rtx != 0)
		return;
	if (c->flags & CF_ESTABLISHED)
		udp_output(lc, lp, tc, c, id);
	else
		try_up(lc, lp, tc, c, id);
}

/* The first datagram of a peer to a listening test case. */
static apart uint32_t accept_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct tc_run *tc = traffic_listener(lc, lp, p);
	struct conn *c;
	uint32_t id;

	if (tc == NULL) {
		lp->st->udp.ucb_miss++;
		lp->st->drop.udp_no_socket++;
		icmp_unreachable(lc, lp, p, ICMP_PORT_UNREACH);
		return CONN_NONE;
	}
	id = ucb_alloc(lc, lp, p->hash);
	if (id == CONN_NONE) {
		tc->st->no_tcb++;
		lp->st->drop.udp_no_ucb++;
		return CONN_NONE;
	}
	c = pool_at(&lc->ucbs, id & ~CONN_UDP);
	c->laddr = p->dst;
	c->raddr = p->src;
	c->lport = p->dport;
	c->rport = p->sport;
	c->port = lp->port->id;
	c->tcid = tc->tcid;
	c->flags = 0;
	begin(tc, c);
	traffic_up(lc, lp, tc, c, id);
	return id;
}

/* The endpoint of a datagram: found, or a listener's new one; CONN_NONE: dropped and counted. */
static uint32_t endpoint(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	uint32_t id = p->id;

	if (unlikely(p->group)) { /* RFC 1122 §3.3.6: to all stations, but to one's address */
		lp->st->udp.ucb_miss++;
		lp->st->drop.udp_no_socket++;
		return CONN_NONE;
	}
	if (id == CONN_NONE
		|| unlikely(!conn_is(
			pool_at(&lc->ucbs, id), lp->port->id, p->dst, p->src, p->dport, p->sport)))
		id = flow_find(
			&lc->udp_flows, p->hash, lp->port->id, p->dst, p->src, p->dport, p->sport);
	/* the hash knows the VLAN, the block does not */
	if (id == CONN_NONE
		|| unlikely(
			lcore_tc(lc, lp->port->id, pool_at(&lc->ucbs, id)->tcid)->vlan != p->vlan))
		return accept_in(lc, lp, p);
	return id | CONN_UDP;
}

/* What it brings; timed, constant: the application has APP_WATCH_TIMES. */
static force_inline void deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct conn *c, uint32_t id, const uint8_t *data, uint32_t len, bool timed)
{
	const struct app_tc *app = conn_app(tc, c);
	struct stats_tc *st = conn_st(tc, c);
	uint64_t responses = timed ? times_in(lc, tc, c, id, len) : 0;
	uint8_t kind = 0;
	enum app_act act;

	st->rx_bytes += len;
	act = app_deliver(app, &c->app, traffic_app_stats(lp, st), data, len,
		!(c->flags & CF_SENDING), &kind);
	if (timed)
		times_out(lc, tc, c, id, responses);
	if (act != APP_NONE)
		c->t_ack = 0; /* what was awaited is there */
	if (unlikely(!tc->is_client && len != app->rx_bytes
		    && act == APP_NONE)) { /* for the rest, not for ever */
		c->t_ack = deadline_in(lc, UDP_ANSWER_MS);
		wheel_arm(lc, c, id);
	}
	traffic_act(lc, lp, tc, c, id, act, kind, false);
}

static hot_path void deliver_watched(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct conn *c, uint32_t id, const uint8_t *data, uint32_t len)
{
	uint8_t watch = conn_app(tc, c)->rx_watch;

	if (watch & APP_WATCH_STAMPS)
		latency_bytes(lc, tc, c, data, len);
	if (watch & APP_WATCH_TIMES)
		deliver(lc, lp, tc, c, id, data, len, true);
	else
		deliver(lc, lp, tc, c, id, data, len, false);
}

hot_path void udp_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	uint32_t id = endpoint(lc, lp, p), len = p->l4_len - sizeof(struct udp_hdr);
	const uint8_t *data = p->l4 + sizeof(struct udp_hdr);
	struct tc_run *tc;
	struct conn *c;

	lp->st->udp.rx_pkts++;
	lp->st->udp.rx_bytes += len;
	if (id == CONN_NONE)
		return;
	c = pool_at(&lc->ucbs, id & ~CONN_UDP);
	tc = lcore_tc(lc, c->port, c->tcid);
	if (likely(conn_app(tc, c)->rx_watch == 0))
		deliver(lc, lp, tc, c, id, data, len, false);
	else
		deliver_watched(lc, lp, tc, c, id, data, len);
	if (c->state == CS_ESTAB && (c->flags & CF_SENDING))
		udp_output(lc, lp, tc, c, id);
}
