/* What happens to sessions: established, sending, closed, gone. Called by TCP and UDP as it
 * happens. */
#include "engine/l1_port/l1_port.h"
#include "engine/l4_conn/l4_conn.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/l4_udp/l4_udp.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic_priv.h"

/* The message becomes the one being sent. TCP counts on in sequence numbers, UDP from 0. */
static void begin_now(const struct tc_run *tc, struct conn *c, uint8_t kind)
{
	uint32_t len = conn_app(tc, c)->msg[kind].len;

	c->tx_kind = kind;
	c->flags = (c->flags & ~CF_WAIT_ACKED) | CF_SENDING;
	if (tc->is_udp) {
		c->tx_base = 0;
		c->tx_end = len;
	} else {
		c->tx_base = c->tx_end;
		c->tx_end += len;
	}
}

void traffic_payload(
	const struct app_tc *app, uint8_t kind, uint32_t off, uint8_t *to, uint32_t len)
{
	while (len != 0) {
		uint32_t n;
		const uint8_t *from = app_payload(app, kind, off, &n);

		n = MIN_OF(n, len);
		memcpy(to, from, n);
		to += n;
		len -= n;
		off += n;
		if (off == app->msg[kind].len)
			off = 0;
	}
}

/* Another kind than the last has to wait until that is acknowledged: retransmission rebuilds bytes
 * by their kind. */
static bool begin_message(const struct tc_run *tc, struct conn *c, uint8_t kind)
{
	if (unlikely(!tc->is_udp && kind != TXK_NOW(c->tx_kind)
		    && ((struct tcb *)c)->snd_una != c->tx_end)) {
		c->tx_kind = TXK_NOW(c->tx_kind) | (kind + 1) << 4;
		c->flags |= CF_WAIT_ACKED;
		return false;
	}
	begin_now(tc, c, kind);
	return true;
}

void conn_begin_waiting(struct tc_run *tc, struct conn *c)
{
	if (TXK_NEXT(c->tx_kind) != 0)
		begin_now(tc, c, TXK_NEXT(c->tx_kind) - 1);
}

static apart bool begin_timed(
	struct lcore *lc, const struct tc_run *tc, struct conn *c, uint32_t id, uint8_t kind)
{
	times_request(lc, tc, c, id);
	return begin_message(tc, c, kind);
}

static bool act_send(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id, uint8_t kind,
	bool streaming)
{
	if (unlikely(c->flags & (CF_CLOSE | CF_WANT_CLOSE)))
		return false;
	if (!tc->is_client || (!streaming && tc->send_plain))
		return begin_message(tc, c, kind);
	if (!streaming && !tc->send_limited)
		return begin_timed(lc, tc, c, id, kind);
	c->tx_kind = TXK_NOW(c->tx_kind) | (kind + 1) << 4;
	conn_queue(lc, &conn_lane(tc, c)->q_send, c, id, CF_Q_SEND);
	return false;
}

static apart void act_close(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	/* many may end their uptime at once: those whose FIN finds no room wait too */
	if (c->state == CS_ESTAB && tc->run == TCR_RUNNING
		&& (tc->close_limited || !tx_room_session(lc, lp))) {
		c->flags |= CF_WANT_CLOSE;
		conn_queue(lc, &conn_lane(tc, c)->q_close, c, id, CF_Q_CLOSE);
		return;
	}
	session_close(lc, tc, c, id);
}

/* Of a client's request that waits for room nothing is sent any more. */
static void withdraw(const struct tc_run *tc, struct tcb *t)
{
	if (!tc->is_client || !(t->c.flags & CF_SENDING) || t->snd_max != t->c.tx_base)
		return;
	t->c.tx_end = t->c.tx_base;
	t->c.flags &= ~CF_SENDING;
}

void session_close(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	if (tc->is_udp) {
		udp_end(lc, c, id, c->flags & CF_ESTABLISHED ? NULL : &tc->st->failed_stop);
		return;
	}
	withdraw(tc, (struct tcb *)c);
	c->flags |= CF_CLOSE;
}

static force_inline bool send_waiting(
	struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id, bool timed)
{
	uint8_t next = TXK_NEXT(c->tx_kind);

	if (next == 0 || (c->flags & (CF_CLOSE | CF_SENDING | CF_WAIT_ACKED))
		|| (c->state != CS_ESTAB && c->state != CS_CLOSE_WAIT))
		return false;
	c->tx_kind = TXK_NOW(c->tx_kind);
	if (timed ? begin_timed(lc, tc, c, id, next - 1) : begin_message(tc, c, next - 1))
		session_output(lc, lcore_lport(lc, c->port), tc, c, id);
	return true;
}

static apart bool send_timed(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	return send_waiting(lc, tc, c, id, true);
}

bool session_send(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	if (unlikely(tc->times_from != times_from_OFF))
		return send_timed(lc, tc, c, id);
	return send_waiting(lc, tc, c, id, false);
}

void session_output(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	if (tc->is_udp)
		udp_output(lc, lp, tc, c, id);
	else
		tcp_output(lc, lp, tc, (struct tcb *)c, id);
}

static cold_path void act_abort(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	if (tc->is_udp)
		udp_end(lc, c, id, &tc->st->failed_app);
	else
		tcp_abort(lc, (struct tcb *)c, id, &tc->st->failed_app);
}

bool traffic_act(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id,
	enum app_act act, uint8_t kind, bool streaming)
{
	switch (act) {
	case APP_NONE:
		return false;
	case APP_SEND:
		return act_send(lc, tc, c, id, kind, streaming);
	case APP_CLOSE:
		if (!traffic_close_plain(lp, tc, c, act))
			act_close(lc, lp, tc, c, id);
		return false;
	case APP_ABORT:
		act_abort(lc, tc, c, id);
		return false;
	}
	return false;
}

bool traffic_up(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	struct stats_tc *st = conn_st(tc, c);
	uint8_t kind = 0;
	enum app_act act;

	st->estab++;
	st->estab_now++;
	tc->st->last_estab_us = lc->now_us - tc->start_us;
	st->estab_once += !(c->flags & CF_WAS_UP);
	c->flags |= CF_ESTABLISHED | CF_WAS_UP;
	act = app_conn_up(conn_app(tc, c), &c->app, traffic_app_stats(lp, st), &kind);
	if (tc->is_client && tc->uptime_ms != TC_FOREVER) {
		if (tc->uptime_ms == 0) {
			act_close(lc, lp, tc, c, id);
			return false;
		}
		c->t_life = (lc->now_ms + tc->uptime_ms) | 1;
		wheel_arm(lc, c, id);
	}
	return traffic_act(lc, lp, tc, c, id, act, kind, false);
}

void traffic_begun(struct tc_run *tc, struct conn *c)
{
	struct stats_tc *st;

	c->app.slot = 0;
	if (unlikely(tc->mix != NULL))
		c->app.slot = imix_slot(tc->mix, c->laddr, c->raddr, c->lport, c->rport);
	st = conn_st(tc, c);
	c->flags |= CF_COUNTED;
	st->opened++;
	st->open_now++;
}

/* It is no longer open; false: that was counted before. */
static bool uncount(struct tc_run *tc, struct conn *c)
{
	struct stats_tc *st = conn_st(tc, c);

	if (!(c->flags & CF_COUNTED))
		return false;
	st->open_now--;
	if (c->flags & CF_ESTABLISHED)
		st->estab_now--;
	c->flags &= ~(CF_COUNTED | CF_ESTABLISHED);
	return true;
}

void traffic_closed(struct tc_run *tc, struct conn *c)
{
	if (uncount(tc, c))
		conn_st(tc, c)->closed++;
}

void traffic_failed(struct tc_run *tc, struct conn *c, uint64_t *failure)
{
	size_t off = (size_t)((char *)failure - (char *)tc->st);

	if (uncount(tc, c))
		(*(uint64_t *)((char *)conn_st(tc, c) + off))++;
}

/* Back to its pool, once no queue names it any more. */
static void conn_release(struct lcore *lc, struct lport *lp, struct conn *c, uint32_t id)
{
	if (id & CONN_UDP) {
		c->state = CS_FREE;
		lp->st->udp.ucb_free++;
	} else {
		if (c->state == CS_CLOSED)
			lp->st->tsm.in_closed--;
		c->state = CS_FREE;
		lp->st->tcp.tcb_free++;
	}
	c->t_life = c->t_rtx = c->t_ack = 0;
	c->flags &= CF_QUEUED;
	if (!(c->flags & CF_QUEUED))
		conn_pool_put(lc, id);
}

bool conn_unqueue(struct lcore *lc, struct conn *c, uint32_t id, uint16_t flag)
{
	c->flags &= ~flag;
	if (c->state != CS_FREE)
		return true;
	if (!(c->flags & CF_QUEUED))
		conn_pool_put(lc, id);
	return false;
}

void traffic_gone(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id)
{
	BUG_ON_HOT(c->flags & CF_COUNTED); /* neither closed nor failed? */
	if (!tc->is_client || tc->run != TCR_RUNNING || tc->downtime_ms == TC_FOREVER) {
		conn_release(lc, lp, c, id);
		return;
	}
	if (tc->downtime_ms == 0) {
		c->t_life = 0;
		session_requeue(lc, tc, c, id);
		return;
	}
	c->t_life = (lc->now_ms + tc->downtime_ms) | 1;
	wheel_arm(lc, c, id);
}

void session_requeue(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	conn_queue(lc, &conn_lane(tc, c)->q_open, c, id, CF_Q_OPEN);
}

void session_drop(struct lcore *lc, struct conn *c, uint32_t id)
{
	conn_release(lc, lcore_lport(lc, c->port), c, id);
}

/* The downtime is over. */
static void life_closed(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	c->t_life = 0;
	if (tc->run == TCR_RUNNING)
		session_requeue(lc, tc, c, id);
	else
		conn_release(lc, lcore_lport(lc, c->port), c, id);
}

/* The uptime is over. */
static void life_up(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	struct lport *lp = lcore_lport(lc, c->port);

	c->t_life = 0;
	act_close(lc, lp, tc, c, id);
	if (c->state > CS_CLOSED)
		session_output(lc, lp, tc, c, id);
}

void conn_timer(struct lcore *lc, struct conn *c, uint32_t id)
{
	struct tc_run *tc = lcore_tc(lc, c->port, c->tcid);

	if (deadline_due(c->t_life, lc->now_ms)) {
		if (c->state == CS_CLOSED)
			life_closed(lc, tc, c, id);
		else if (c->state == CS_ESTAB || c->state == CS_CLOSE_WAIT)
			life_up(lc, tc, c, id);
	}
	if (c->state <= CS_CLOSED)
		return;
	if (id & CONN_UDP)
		udp_timer(lc, tc, c, id);
	else
		tcp_timer(lc, (struct tcb *)c, id);
}
