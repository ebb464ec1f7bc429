/* Response times: which test cases measure them, and where. The blocks of the segment are few, so a test
 * case that is told to measure gets one; the words of connections are memory only while a port runs
 * that wants them. */
#include "engine/boot/boot.h"
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <string.h>

/* A block that no test case has, as times_config.slot; 0: all are taken. */
static uint32_t slot_free(void)
{
	uint32_t n = seg_times_slots(n_ports);
	bool taken[TIMES_MAX + 1] = {false};

	for (uint32_t i = 0; i < n_ports * TCS_MAX; i++)
		taken[tc_cfgs[i / TCS_MAX][i % TCS_MAX].times.slot] = true;
	for (uint32_t slot = 1; slot <= n; slot++) {
		if (!taken[slot])
			return slot;
	}
	return 0;
}

static int may_measure(uint32_t port, uint32_t tcid, uint32_t from, struct reply *r)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];

	if (tc_is_multicast(c))
		return reply_fail(
			r, -EINVAL, "test case %u is a multicast source: nobody answers it", tcid);
	if (from == times_from_SYN && c->proto == l4proto_UDP)
		return reply_fail(r, -EINVAL,
			"from syn: test case %u is UDP, which has none: measure from request",
			tcid);
	return 0;
}

int cmd_set_tests_response_times(const struct req_set_tests_response_times *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct times_config *t;

	if (rc == 0)
		rc = only_client(q->port, q->tcid, "response times", r);
	if (rc == 0 && q->from != times_from_OFF)
		rc = may_measure(q->port, q->tcid, q->from, r);
	if (rc != 0)
		return rc;
	t = &tc_cfgs[q->port][q->tcid].times;
	if (q->from != times_from_OFF && t->slot == 0 && slot_free() == 0)
		return reply_fail(r, -ENOSPC,
			"%u test cases measure response times already, which is the most: set "
			"one of them off",
			seg_times_slots(n_ports));
	if (q->from == times_from_OFF)
		t->slot = 0;
	else if (t->slot == 0)
		t->slot = slot_free();
	t->from = q->from;
	tc_changed(q->port, q->tcid);
	return 0;
}

/* Is anything that an application of the test case says answered? Then bytes are looked at. */
static bool watch(struct app_tc *at)
{
	if (at->answered)
		at->rx_watch |= APP_WATCH_TIMES;
	return at->answered;
}

int times_begin(uint32_t port, uint32_t tcid, struct reply *r)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	bool answered = false;

	if (c->times.from == times_from_OFF)
		return 0;
	if (c->imix == 0)
		answered = watch(app_tc_of(port, tcid));
	for (uint32_t i = 0; c->imix != 0 && i < app_mixes[c->imix - 1].n; i++)
		answered |= watch(app_tc_imix(n_ports, c->imix - 1, i));
	if (answered)
		return 0;
	return reply_fail(r, -EINVAL,
		"test case %u measures response times, but nothing that it says is answered "
		"(data-req-plen or data-resp-plen 0)",
		tcid);
}

static size_t words_len(const struct conn_pool *p)
{
	return (size_t)p->n * sizeof(uint64_t);
}

/* A worker's, for n connections of ours more; on a ring pair their other ends, which lie among them,
 * are its too. */
static int words_ready(struct lcore *lc, bool udp, uint64_t n)
{
	const struct conn_pool *p = udp ? &lc->ucbs : &lc->tcbs;
	uint64_t ids = __atomic_load_n(&p->fresh, __ATOMIC_RELAXED) + 2 * n;

	if (lc->times[udp] == NULL) /* the worker looks at it when LMSG_TC_START has come */
		lc->times[udp] = lazy_reserve(words_len(p), lc->socket);
	if (lc->times[udp] == NULL)
		return -errno;
	return lazy_ready(lc->times[udp], MIN_OF(ids, p->n) * sizeof(uint64_t));
}

int times_ready(uint32_t port, struct reply *r)
{
	uint32_t n = ports[port].n_queues;

	for (uint32_t k = 0; k < TCS_MAX * n; k++) {
		const struct tc_config *c = &tc_cfgs[port][k / n];
		struct lcore *lc = lcores[ports[port].queue_worker[k % n]];
		bool udp = c->proto == l4proto_UDP;
		uint64_t first, share;
		int rc;

		if (c->times.from == times_from_OFF)
			continue;
		share_of(tc_sessions(c), k % n, n, &first, &share);
		rc = words_ready(lc, udp, share);
		if (rc != 0)
			return reply_fail(r, rc,
				"test case %u: no memory for the response times of lcore %u, %zu "
				"bytes at most (%s)",
				k / n, lc->lcore_id, words_len(udp ? &lc->ucbs : &lc->tcbs),
				strerror(-rc));
	}
	return 0;
}

static bool wanted(void)
{
	for (uint32_t i = 0; i < n_ports * TCS_MAX; i++) {
		if (port_runs[i / TCS_MAX] != PORT_IDLE
			&& tc_cfgs[i / TCS_MAX][i % TCS_MAX].times.from != times_from_OFF)
			return true;
	}
	return false;
}

void times_over(void)
{
	if (wanted())
		return;
	for (uint32_t w = 0; w < n_workers; w++) {
		struct lcore *lc = lcores[w];

		if (lc->times[0] != NULL)
			lazy_drop(lc->times[0], words_len(&lc->tcbs));
		if (lc->times[1] != NULL)
			lazy_drop(lc->times[1], words_len(&lc->ucbs));
	}
}
