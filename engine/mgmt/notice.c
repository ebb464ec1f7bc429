/* What nobody commanded: links that come and go, pools that run out. Looked at once a second. */
#include "engine/mgmt/mgmt_priv.h"

#include <inttypes.h>
#include <stdio.h>

#define LOW_PERCENT 5
#define OK_PERCENT 10 /* again, so that one block more or less says nothing */

enum pool {
	POOL_TCB,
	POOL_UCB,
	POOL_SIDE,
	POOL_MBUF,
	POOLS
};

static const struct {
	const char *name, *hint;
} pools[POOLS] = {
	[POOL_TCB] = {"TCP control blocks", "--tcb-pool-sz gives more"},
	[POOL_UCB] = {"UDP control blocks", "--ucb-pool-sz gives more"},
	[POOL_SIDE] = {"side blocks (data out of order)", "senders retransmit more until then"},
	[POOL_MBUF] = {"packet buffers", "--mbuf-pool-sz gives more"},
};
static bool low[WORKERS_MAX][POOLS];

static void pool_look(uint32_t w, enum pool p, uint64_t left, uint64_t total)
{
	uint32_t lcore = seg_worker(segment, w)->lcore_id;

	if (total == 0)
		return;
	if (!low[w][p] && left * 100 < total * LOW_PERCENT) {
		low[w][p] = true;
		event_of(event_kind_POOL_LOW, loglevel_WARNING, NOTE_NONE, NOTE_NONE,
			"lcore %u: %" PRIu64 " of %" PRIu64 " %s are left: %s", lcore, left, total,
			pools[p].name, pools[p].hint);
	} else if (low[w][p] && left * 100 > total * OK_PERCENT) {
		low[w][p] = false;
		event_of(event_kind_POOL_OK, loglevel_INFO, NOTE_NONE, NOTE_NONE,
			"lcore %u: %" PRIu64 " of %" PRIu64 " %s are free again", lcore, left,
			total, pools[p].name);
	}
}

static void pools_look(void)
{
	for (uint32_t w = 0; w < n_workers; w++) {
		const struct stats_memory *m = &seg_stats_lcore(segment, w)->memory;

		pool_look(w, POOL_TCB, m->tcb_free, m->tcb_total);
		pool_look(w, POOL_UCB, m->ucb_free, m->ucb_total);
		pool_look(w, POOL_SIDE, m->side_free, m->side_total);
		pool_look(w, POOL_MBUF, m->mbuf_free, m->mbuf_total);
	}
}

static void link_tell(uint32_t port, bool up)
{
	char why[128] = "";

	if (!up && port_lost(port))
		snprintf(why, sizeof(why),
			": its interface warp%u is gone; if it was deleted the port carries "
			"nothing until the engine is started again",
			port);
	event_of(up ? event_kind_LINK_UP : event_kind_LINK_DOWN,
		up ? loglevel_NOTICE : loglevel_WARNING, port, NOTE_NONE, "port %u: link %s%s",
		port, up ? "up" : "down", why);
}

static void links_look(void)
{
	static bool was[PORTS_MAX], begun;

	for (uint32_t p = 0; p < n_ports; p++) {
		bool up = seg_port(segment, p)->link_up;

		if (begun && up != was[p])
			link_tell(p, up);
		was[p] = up;
	}
	begun = true;
}

void notice_tick(void)
{
	links_look();
	pools_look();
}
