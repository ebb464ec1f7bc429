/* Messages from management: a ring of copies, one producer, one consumer. */
#include "engine/l2_eth/l2_eth.h"
#include "engine/lcore/lcore_priv.h"
#include "engine/traffic/traffic.h"

#include <errno.h>

int mailbox_post(struct lcore *lc, const struct lmsg *m)
{
	struct mailbox *b = &lc->mbox;

	/* pairs with the release in mailbox_poll() */
	if (b->prod - __atomic_load_n(&b->cons, __ATOMIC_ACQUIRE) == MAILBOX_LEN)
		return -EAGAIN;
	b->msg[b->prod % MAILBOX_LEN] = *m;
	__atomic_store_n(&b->prod, b->prod + 1, __ATOMIC_RELEASE); /* pairs with mailbox_poll() */
	return 0;
}

bool mailbox_idle(const struct lcore *lc)
{
	return __atomic_load_n(&lc->mbox.cons, __ATOMIC_ACQUIRE) == lc->mbox.prod;
}

static void mailbox_handle(struct lcore *lc, const struct lmsg *m, bool *quit)
{
	struct lport *lp = m->id == LMSG_QUIT ? NULL : lcore_lport(lc, m->port);

	lc->lst->msg.rcvd++;
	switch ((enum lmsg_id)m->id) {
	case LMSG_PORT_START:
		lp->running = 1;
		arp_port_start(lc, lp);
		break;
	case LMSG_PORT_STOP:
		arp_port_stop(lc, lp);
		lp->running = 0;
		break;
	case LMSG_TC_START:
		tc_run_start(lc, m);
		break;
	case LMSG_TC_PAUSE:
		lcore_tc(lc, m->port, m->tcid)->paused = 1;
		break;
	case LMSG_TC_STOP:
		tc_run_stop(lc, lcore_tc(lc, m->port, m->tcid), m->grace_ms);
		break;
	case LMSG_QUIT:
		*quit = true;
		break;
	}
}

void mailbox_poll(struct lcore *lc, bool *quit)
{
	struct mailbox *b = &lc->mbox;
	uint32_t prod = __atomic_load_n(&b->prod, __ATOMIC_ACQUIRE); /* pairs with mailbox_post() */

	while (b->cons != prod) {
		struct lmsg m = b->msg[b->cons % MAILBOX_LEN];

		mailbox_handle(lc, &m, quit);
		__atomic_store_n(&b->cons, b->cons + 1, __ATOMIC_RELEASE);
	}
}
