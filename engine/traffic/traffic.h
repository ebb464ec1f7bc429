/* Test cases on a worker: sessions open, send and close here, paced; TCP and UDP report what became
 * of them. */
#pragma once

#include "common/util/bytes.h"
#include "engine/l3_ip/l3_ip.h"
#include "engine/lcore/lcore.h"

/* Configurations of all test cases, and what the applications made of them at start. Workers read
 * them while a port runs; management changes them only while it does not. */
extern struct tc_config tc_cfgs[PORTS_MAX][TCS_MAX];
extern struct app_tc *app_tcs; /* [n_ports][TCS_MAX], then of IMIX groups; hugepage memory */
extern struct app_mix app_mixes[IMIX_GROUPS_MAX];

static inline size_t app_tcs_count(uint32_t ports_n)
{
	return (size_t)ports_n * TCS_MAX + IMIX_GROUPS_MAX * IMIX_GROUP_APPS;
}
static inline struct app_tc *app_tc_of(uint32_t port, uint32_t tcid)
{
	return &app_tcs[port * TCS_MAX + tcid];
}
static inline struct app_tc *app_tc_imix(uint32_t ports_n, uint32_t group, uint32_t slot)
{
	return &app_tcs[ports_n * TCS_MAX + group * IMIX_GROUP_APPS + slot];
}

/* The application of a session, and its counters. */
static force_inline const struct app_tc *conn_app(const struct tc_run *tc, const struct conn *c)
{
	return tc->app[c->app.slot];
}
static force_inline struct stats_tc *conn_st(const struct tc_run *tc, const struct conn *c)
{
	return tc->app_st[c->app.slot];
}

/* From the mailbox. */
void tc_run_start(struct lcore *lc, const struct lmsg *m);
void tc_run_stop(struct lcore *lc, struct tc_run *tc, uint32_t grace_ms);

/* One turn of every running test case: opens, sends, closes what the rates allow. Returns how much
 * was done. */
uint32_t traffic_run(struct lcore *lc);

/* An endpoint's deadline has passed (from the wheel). May free it. */
void conn_timer(struct lcore *lc, struct conn *c, uint32_t id);

/* from TCP and UDP */

/* Carries out what the application asked for. Streaming (a client's next message without an answer)
 * goes through the queue, so that one endpoint cannot keep the worker. Returns true when the
 * endpoint has something new to send now. */
bool traffic_act(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id,
	enum app_act act, uint8_t kind, bool streaming);

/* What it does for APP_CLOSE when nothing is being sent, FINs are not paced and there is room for one:
 * true. */
static force_inline bool traffic_close_plain(
	const struct lport *lp, const struct tc_run *tc, struct conn *c, enum app_act act)
{
	if (act != APP_CLOSE || !tc->close_plain || (c->flags & CF_SENDING)
		|| unlikely(lp->txq.n >= TXQ_SESSION))
		return false;
	c->flags |= CF_CLOSE;
	return true;
}

/* The connection is established: counts, starts the uptime, asks the application. As traffic_act().
 */
bool traffic_up(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id);

/* A connection begins: counted as opened and open. */
void traffic_begun(struct tc_run *tc, struct conn *c);

/* It ended: as it should, or counted as that failure of its test case, a field of tc->st. Once for
 * each connection; its block may still be needed. */
void traffic_closed(struct tc_run *tc, struct conn *c);
void traffic_failed(struct tc_run *tc, struct conn *c, uint64_t *failure);

/* The block is no longer needed by its transport. A client session waits for its reopening, the
 * rest is freed. */
void traffic_gone(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id);

/* A message that waited until all before it was acknowledged begins. */
cold_path void conn_begin_waiting(struct tc_run *tc, struct conn *c);

/* Latencies, where a test case of the port measures them by the packets' stamps (p->stamp): a packet of a burst that was
 * taken at lc->rx_tsc and looked at, before anything is done about it; and after the last. *r begins as zeroes. */
apart void latency_packet(
	struct lcore *lc, struct lport *lp, const struct pkt *p, struct latency_run *r);
apart void latency_run_end(struct lcore *lc, struct latency_run *r);
/* The same of one whose stamp stands just before l4, and whose test case is known. */
static force_inline void latency_stamp(
	struct lcore *lc, struct latency_run *r, struct tc_run *tc, const uint8_t *l4)
{
	uint64_t stamp = load_64(l4 - sizeof(stamp));

	if (unlikely(stamp != r->stamp || tc != r->tc)) {
		latency_run_end(lc, r);
		r->tc = tc;
		r->stamp = stamp;
	}
	r->n++;
}
/* The same of messages: bytes that are in order, before an application with APP_WATCH_STAMPS is given them; and after
 * the last of a burst. */
apart void latency_messages(struct lcore *lc, struct tc_run *tc, const struct conn *c,
	const uint8_t *data, uint32_t len);
apart void latency_messages_end(struct lcore *lc);
static force_inline void latency_message(struct lcore *lc, struct tc_run *tc, uint64_t stamp)
{
	struct latency_run *r = &lc->messages;

	if (unlikely(stamp != r->stamp || tc != r->tc)) {
		latency_messages_end(lc);
		r->tc = tc;
		r->stamp = stamp;
	}
	r->n++;
}
static force_inline void latency_bytes(struct lcore *lc, struct tc_run *tc, const struct conn *c,
	const uint8_t *data, uint32_t len)
{
	uint64_t stamp;

	/* as nearly all come: one message, and whole */
	if (likely(len == conn_app(tc, c)->rx_bytes && len == c->app.rx_left
		    && app_stamp_read(data, &stamp)))
		latency_message(lc, tc, stamp);
	else
		latency_messages(lc, tc, c, data, len);
}
/* What a transport sends that app_short_copy() does not take: len bytes of messages of a kind, one behind the other, from
 * off on within the first. */
apart void traffic_payload(
	const struct app_tc *app, uint8_t kind, uint32_t off, uint8_t *to, uint32_t len);

/* Stamps of messages, over len bytes of them at `to`: app_stamps_write(). */
static force_inline void traffic_stamp(
	struct lcore *lc, const struct app_tc *app, uint32_t off, uint8_t *to, uint32_t len)
{
	uint64_t ns = lcore_ns_near(lc);

	if (likely(off == 0 && len == app->msg[0].len)) /* one, and whole */
		app_stamp_write(to, ns);
	else
		app_stamps_write(app, off, to, len, ns);
}

/* Around app_deliver() and app_peer_closed() of an application with APP_WATCH_TIMES: before it, with how many bytes it
 * is given, of which there may be none; then after it, with what the former returned. */
apart uint64_t times_in(
	struct lcore *lc, struct tc_run *tc, const struct conn *c, uint32_t id, uint32_t len);
apart void times_out(
	struct lcore *lc, struct tc_run *tc, const struct conn *c, uint32_t id, uint64_t responses);

/* The server test case that listens where a packet goes, or NULL. */
struct tc_run *traffic_listener(struct lcore *lc, struct lport *lp, const struct pkt *p);

static inline struct app_stats traffic_app_stats(struct lport *lp, struct stats_tc *st)
{
	return (struct app_stats){.tc = st, .http = &lp->st->http};
}

/* Puts an endpoint into a queue, unless it is there already; flag is that kind of queue's. */
cold_path void queue_miss(struct lcore *lc, uint32_t id, uint16_t flag);
static inline void conn_queue(
	struct lcore *lc, struct idq *q, struct conn *c, uint32_t id, uint16_t flag)
{
	if (c->flags & flag)
		return;
	c->flags |= flag;
	if (unlikely(!idq_put(&lc->queues, q, id)))
		queue_miss(lc, id, flag);
}

/* ... of those that wait for room in its port. */
apart void traffic_block(struct lcore *lc, struct lport *lp, struct conn *c, uint32_t id);
