/* Messages to the workers of a port: to all of them or to none, so that a mailbox that is full for
 * a moment loses nothing. */
#include "engine/mgmt/mgmt_priv.h"

#include <rte_cycles.h>

#include <errno.h>

static struct lcore *worker(uint32_t port, uint32_t q)
{
	return lcores[ports[port].queue_worker[q]];
}

/* Management is the only one who posts: room that is there stays. */
static int room(uint32_t port)
{
	struct stats_msg *st = &seg_stats_lcore(segment, n_workers)->msg;

	for (uint32_t q = 0; q < ports[port].n_queues; q++) {
		if (mailbox_full(worker(port, q))) {
			st->errors++;
			return -EAGAIN;
		}
	}
	st->sent += ports[port].n_queues;
	return 0;
}

int fanout(uint32_t port, struct lmsg m)
{
	int rc = room(port);

	m.port = (uint8_t)port;
	for (uint32_t q = 0; q < ports[port].n_queues && rc == 0; q++)
		mailbox_post(worker(port, q), &m);
	return rc;
}

int fanout_start(uint32_t port, uint32_t tcid)
{
	uint64_t total = tc_sessions(&tc_cfgs[port][tcid]);
	uint64_t now = rte_rdtsc();
	uint32_t n = ports[port].n_queues;
	int rc = room(port);

	for (uint32_t q = 0; q < n && rc == 0; q++) {
		struct lmsg m = {.id = LMSG_TC_START,
			.port = (uint8_t)port,
			.tcid = (uint8_t)tcid,
			.start_tsc = now,
			.share_k = q,
			.share_of = n};

		share_of(total, q, n, &m.share_first, &m.share_n);
		mailbox_post(worker(port, q), &m);
	}
	return rc;
}

bool fanout_handled(uint32_t port)
{
	for (uint32_t q = 0; q < ports[port].n_queues; q++) {
		if (!mailbox_idle(worker(port, q)))
			return false;
	}
	return true;
}

bool fanout_idle(uint32_t port, uint32_t tcid)
{
	for (uint32_t q = 0; q < ports[port].n_queues; q++) {
		if (__atomic_load_n(&worker(port, q)->tcs[port][tcid].run, __ATOMIC_ACQUIRE)
			!= TCR_IDLE) /* stop_run() */
			return false;
	}
	return true;
}
