/* Loss that ACKs tell of. With a scoreboard RFC 6675: what is known to be lost is sent again, as much as the window
 * has room for beside what is still under way. Without one, as the peer does not speak SACK or side blocks have run
 * out, NewReno (RFC 6582). RACK (RFC 8985) needs the time of each segment, that is a record of each; what it finds
 * beside, a retransmission that is lost again, is found by order here. Its tail loss probe is not sent sooner than
 * the rto that a test case chooses: it takes the place of the first time-out, whose price it saves. */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_byteorder.h>

#include <string.h>

/* Is it worth to notice a loss now? RFC 6582 §3.2: once a window. */
static bool loss_is_new(const struct tcb *t)
{
	uint32_t una = t->snd_una;

	/* behind recover without SACK duplicates may answer what was sent again in vain */
	return !(t->c.flags & CF_RETRANS) && seq_lt(t->recover, t->opts & TO_SACK ? una + 1 : una);
}

/* It is among what ECE has cut the window for: recover lies ahead, but nothing is being sent again. The
 * loss is to be repaired, the window stays (RFC 3168 §6.1.2). */
static bool ece_has_cut(const struct tcb *t)
{
	return (t->opts & TO_ECN) && !(t->c.flags & CF_RETRANS) && t->snd_nxt == t->snd_max
		&& !tcp_slow_start(t);
}

/* The lost segment at snd_una, no further than to what has arrived behind it. */
static void resend_first(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	uint32_t len = t->c.mss;

	if (tcp_has_sacked(lc, t) && tcp_side(lc, t)->sacked[0].start != t->snd_una)
		len = MIN_OF(len, tcp_side(lc, t)->sacked[0].start - t->snd_una);
	tcp_resend(lc, lp, tc, t, t->snd_una, len);
}

void tcp_dup_ack(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked)
{
	bool sacks = tcp_has_sacked(lc, t), is_new = loss_is_new(t);

	if (t->c.flags & CF_RECOVERY) {
		if (!sacks && tc->congestion != congestion_NONE)
			t->cwnd += t->c.mss; /* a segment has left the network, RFC 5681 §3.2 */
		return;
	}
	if (t->snd_max == t->snd_una || (!is_new && !ece_has_cut(t)))
		return;
	if (t->dupacks < TCP_DUPACKS)
		t->dupacks++;
	if (t->dupacks < TCP_DUPACKS && !(sacks && tcp_sack_first_lost(lc, t)))
		return;
	lp->st->tsm.fast_rtx++;
	if (is_new)
		tcp_ssthresh_cut(tc, t, acked);
	tcp_cwnd_to_ssthresh(lc, tc, t);
	if (!sacks && tc->congestion != congestion_NONE)
		t->cwnd += TCP_DUPACKS * t->c.mss;
	t->recover = t->snd_max;
	t->c.flags |= CF_RECOVERY;
	resend_first(lc, lp, tc, t);
}

void tcp_recovery_ack(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked)
{
	bool sacks = tcp_has_sacked(lc, t);
	uint32_t inflated = t->cwnd;

	if (!seq_lt(t->snd_una, t->recover)) {
		t->c.flags &= ~CF_RECOVERY;
		tcp_cwnd_to_ssthresh(lc, tc, t);
		if (tc->congestion == congestion_NEWRENO) /* it counts for congestion avoidance */
			tcp_cwnd_avoid(lc, tc, t, MIN_OF(acked, t->cwnd));
		if (!(t->opts & TO_SACK)) /* RFC 6582 §3.2 step 3: no burst */
			t->cwnd = MIN_OF(t->cwnd,
				MAX_OF(t->snd_max - t->snd_una, (uint32_t)t->c.mss) + t->c.mss);
		return;
	}
	if (sacks) {
		if (!tcp_sack_first_resent(lc, t)) /* the peer waits for it, RFC 6582 */
			resend_first(lc, lp, tc, t);
		return; /* tcp_recovery_output() knows the holes */
	}
	if (tc->congestion != congestion_NONE) {
		inflated -= MIN_OF(acked, inflated - t->c.mss);
		t->cwnd = inflated + (acked >= t->c.mss ? t->c.mss : 0);
	}
	resend_first(lc, lp, tc, t);
}

/* RFC 6675 §5 step C. */
void tcp_recovery_output(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	bool rescue = false;

	while (!rescue && tcp_pipe(lc, t) + t->c.mss <= t->cwnd) {
		uint32_t seq, len = tcp_sack_next(lc, t, false, &seq);

		if (len == 0) { /* what may yet arrive goes behind new data */
			rescue = !seq_lt(t->snd_nxt, t->c.tx_end);
			if (!rescue)
				return;
			len = tcp_sack_next(lc, t, true, &seq);
		}
		if (len == 0 || !tx_room(lc, lp) || !tcp_resend(lc, lp, tc, t, seq, len))
			return;
		lp->st->tsm.sack_rtx++;
	}
}

void tcp_ece(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked)
{
	lp->st->tcp.rx_ece++;
	if ((t->c.flags & (CF_RECOVERY | CF_RETRANS)) || seq_le(t->snd_una, t->recover)
		|| t->snd_max == t->snd_una)
		return;
	tcp_ssthresh_cut(tc, t, acked);
	tcp_cwnd_to_ssthresh(lc, tc, t);
	t->recover = t->snd_max;
}

/* RFC 8985 §7.2, and more than a segment in flight: of one alone the time-out costs nothing. */
static bool tail_probe_due(const struct lcore *lc, const struct tc_run *tc, const struct tcb *t)
{
	return (t->opts & TO_SACK) && t->retries == 0 && tc->data_retry > 1
		&& !(t->c.flags & (CF_RETRANS | CF_RECOVERY)) && t->snd_nxt == t->snd_max
		&& t->snd_max - t->snd_una > t->c.mss && !tcp_has_sacked(lc, t);
}

bool tcp_tail_probe(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint32_t max = t->snd_max, fin = !!(t->c.flags & CF_FIN_SENT), len = t->c.mss + fin;

	if (!tail_probe_due(lc, tc, t))
		return false;
	/* §7.3: new data, whatever cwnd says, else the last segment once more */
	t->cwnd += t->c.mss;
	tcp_output(lc, lp, tc, t, id);
	t->cwnd -= t->c.mss;
	if (t->snd_max == max) {
		tcp_resend(lc, lp, tc, t, max - MIN_OF(len, max - t->snd_una), t->c.mss);
		if (fin && (t->opts & TO_FIN_APART)) /* alone it would not tell of holes */
			tcp_resend(lc, lp, tc, t, max - 1, 0);
	}
	lp->st->tsm.tail_probes++;
	return true;
}

enum tcp_retried tcp_retried(const struct lcore *lc, const struct tcb *t, const struct seg_in *s)
{
	uint32_t first_ms = t->c.t_rtx - t->rto_ms - 1; /* when it was sent again, not later */

	if (t->c.state < CS_ESTAB || t->probes != 0)
		return RETRIED_LOST; /* a SYN, or a window that was shut */
	if (!(t->c.flags & CF_RETRANS))
		return RETRIED_PROBE;
	if (t->retries > 2 || t->c.t_rtx == 0 || !(t->opts & TO_TS) || !s->has_ts)
		return RETRIED_LOST;
	if (t->retries == 2) /* the try before counts, a probe or not */
		first_ms -= t->rto_ms / 2;
	return seq_lt(s->tsecr, first_ms + tcp_ts_now(lc) - lc->now_ms) ? RETRIED_SPURIOUS
									: RETRIED_LOST;
}

/* Has the last segment, which was sent again, come for the first time? */
static bool tail_was_lost(const struct tcb *t, const struct seg_in *s)
{
	uint32_t first_end;

	if (s->ack != t->snd_max || seq_lt(t->snd_max, t->c.tx_end))
		return false; /* it was new data, or SACK tells what is missing */
	if (s->n_sack == 0)
		return true;
	memcpy(&first_end, s->sack + sizeof(first_end), sizeof(first_end));
	return !seq_le(rte_be_to_cpu_32(first_end), s->ack); /* RFC 2883: twice, none was lost */
}

void tcp_retried_acked(struct lcore *lc, struct lport *lp, const struct tc_run *tc, struct tcb *t,
	const struct seg_in *s, uint32_t acked, enum tcp_retried retried)
{
	if (retried == RETRIED_SPURIOUS) {
		lp->st->tsm.rto_undone++;
		tcp_cwnd_undo(tc, t);
		t->snd_nxt = t->snd_max;
		t->recover = t->snd_una - 1;
	} else if (tail_was_lost(t, s)) {
		tcp_ssthresh_cut(tc, t, acked);
		tcp_cwnd_to_ssthresh(lc, tc, t);
	}
}
