/* ICMP errors about segments of ours: RFC 1122 §4.2.3.9 as RFC 5461 and RFC 5927 read it, and path
 * MTU discovery (RFC 1191). */
#include "engine/l4_tcp/tcp_priv.h"

/* What an MTU holds beside a segment's payload: IPv4, TCP, and the options of every segment. */
static uint16_t header_bytes(const struct tc_run *tc, const struct tcb *t)
{
	return ipv4_hdr_len(tc->ip_how) + sizeof(struct tcp_hdr)
		+ (t->opts & TO_TS ? TCP_OPT_TS_LEN : 0);
}

/* False: its segments were as small already. */
static bool mss_lower(struct lport *lp, const struct tc_run *tc, struct tcb *t, uint16_t mtu)
{
	if (t->c.mss + header_bytes(tc, t) <= mtu)
		return false;
	t->c.mss = mtu - header_bytes(tc, t);
	lp->st->icmp.pmtu_less++;
	return true;
}

void tcp_path_mtu(struct lcore *lc, struct lport *lp, const struct tc_run *tc, struct tcb *t)
{
	uint16_t mtu = ipv4_path_mtu(lc, lp, tc->vlan_tci, t->c.raddr);

	if (mtu != 0)
		mss_lower(lp, tc, t, mtu);
}

/* A segment was too large for the path. Errors about others of the same window find the MSS
 * lowered, so all is sent again once. That is no sign of congestion: cwnd, ssthresh and RTO stay
 * (RFC 1191 §6.4), but what a recovery that ends here had added to cwnd goes. */
static void segment_too_large(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, uint16_t mtu)
{
	if (t->c.state < CS_ESTAB || t->c.state == CS_TIME_WAIT || !mss_lower(lp, tc, t, mtu))
		return;
	ipv4_path_mtu_learn(lc, lp, tc->vlan_tci, t->c.raddr, mtu);
	if (t->c.flags & CF_RECOVERY)
		tcp_cwnd_to_ssthresh(lc, tc, t);
	t->c.flags &= ~(CF_RECOVERY | CF_RTT_TIMING);
	t->c.flags |= CF_RETRANS; /* the duplicates on their way are no loss; Karn */
	t->recover = t->snd_max;
	t->dupacks = 0;
	t->snd_nxt = t->snd_una;
	t->c.t_rtx = deadline_in(lc, t->rto_ms);
	tcp_output(lc, lp, tc, t, id);
}

void tcp_icmp_error(struct lcore *lc, struct lport *lp, const struct icmp_quote *q)
{
	uint8_t port = lp->port->id;
	uint32_t hash = flow_hash(port, q->vlan, q->laddr, q->raddr, q->lport, q->rport),
		 id = flow_find(&lc->tcp_flows, hash, port, q->laddr, q->raddr, q->lport, q->rport);
	struct tc_run *tc;
	struct tcb *t;

	if (id == CONN_NONE) {
		lp->st->icmp.err_unmatched++;
		return;
	}
	t = (struct tcb *)pool_at(&lc->tcbs, id);
	tc = lcore_tc(lc, port, t->c.tcid);
	if (tc->vlan != q->vlan) { /* the hash knows the VLAN, the block does not */
		lp->st->icmp.err_unmatched++;
		return;
	}
	if (seq_lt(q->seq, t->snd_una) || !seq_lt(q->seq, t->snd_max)) { /* RFC 5927 §4.1 */
		lp->st->icmp.err_seq++;
		return;
	}
	lp->st->icmp.err_matched++;
	tc->st->icmp_errors++;
	switch ((enum icmp_effect)q->effect) {
	case ICMP_HARD: /* of a connection that stands they are soft too, RFC 5461 §4.1 */
		if (t->c.state != CS_SYN_SENT && t->c.state != CS_SYN_RCVD)
			break;
		traffic_failed(tc, &t->c, &tc->st->failed_icmp);
		tcp_end(lc, lp, tc, t, id);
		break;
	case ICMP_PMTU:
		segment_too_large(lc, lp, tc, t, id, q->mtu);
		break;
	case ICMP_SOFT:
		break;
	}
}
