/* Messages from management: a ring of copies, one producer, one consumer. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "engine/lcore/lcore_priv.h"
#include "engine/traffic/traffic.h"

#include <errno.h>

bool mailbox_full(const struct lcore *lc)
{
	/* pairs with the release in mailbox_poll() */
	return lc->mbox.prod - __atomic_load_n(&lc->mbox.cons, __ATOMIC_ACQUIRE) == MAILBOX_LEN;
}

int mailbox_post(struct lcore *lc, const struct lmsg *m)
{
	struct mailbox *b = &lc->mbox;

	if (mailbox_full(lc))
		return -EAGAIN;
	b->msg[b->prod % MAILBOX_LEN] = *m;
	__atomic_store_n(&b->prod, b->prod + 1, __ATOMIC_RELEASE); /* pairs with mailbox_poll() */
	return 0;
}

bool mailbox_idle(const struct lcore *lc)
{
	return __atomic_load_n(&lc->mbox.cons, __ATOMIC_ACQUIRE) == lc->mbox.prod;
}

static void on_port_start(struct lcore *lc, const struct lmsg *m)
{
	struct lport *lp = lcore_lport(lc, m->port);

	lp->running = 1;
	if (lp->handoff != NULL)
		steer_begin(lp->handoff);
	for (uint32_t i = 0; i < TCS_MAX && lp->handoff != NULL; i++) {
		if (tc_cfgs[m->port][i].kind == tc_kind_CLIENT)
			steer_clients(lp->handoff, &tc_cfgs[m->port][i]);
	}
	arp_port_start(lc, lp);
}

static void on_port_stop(struct lcore *lc, const struct lmsg *m)
{
	struct lport *lp = lcore_lport(lc, m->port);

	arp_port_stop(lc, lp);
	frags_drain(lc, lp);
	lp->pmtu_learnt = 0;
	lp->running = 0;
}

static void on_tc_start(struct lcore *lc, const struct lmsg *m)
{
	tc_run_start(lc, m);
}

static void on_tc_stop(struct lcore *lc, const struct lmsg *m)
{
	tc_run_stop(lc, lcore_tc(lc, m->port, m->tcid), m->grace_ms);
}

static void on_faults(struct lcore *lc, const struct lmsg *m)
{
	port_faults_set(lc, lcore_lport(lc, m->port), m->faults);
}

static void on_quit(struct lcore *lc, const struct lmsg *m)
{
	(void)m;
	lc->quit = 1;
}

static void mailbox_handle(struct lcore *lc, const struct lmsg *m)
{
	lc->lst->msg.rcvd++;
	switch ((enum lmsg_id)m->id) {
#define LMSG(NAME, handler, help) \
	case LMSG_##NAME:         \
		handler(lc, m);   \
		break;
#include "engine/lcore/lmsg.def"
	case LMSG_COUNT:
		break;
	}
}

void mailbox_poll(struct lcore *lc)
{
	struct mailbox *b = &lc->mbox;
	uint32_t prod = __atomic_load_n(&b->prod, __ATOMIC_ACQUIRE); /* pairs with mailbox_post() */

	while (b->cons != prod) {
		struct lmsg m = b->msg[b->cons % MAILBOX_LEN];

		mailbox_handle(lc, &m);
		__atomic_store_n(&b->cons, b->cons + 1, __ATOMIC_RELEASE);
	}
}
