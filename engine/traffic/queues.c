/* Queues of endpoints share chunks: enough for all that wait at the same time in any test we know, not
 * for every endpoint in each kind of queue at once. An endpoint for which there is no chunk is marked
 * here, its flag says that it is queued, and it gets its place as soon as its queue has room: each
 * queue has some chunks of its own, so that one which does not move holds up no other. The order is
 * lost, and a look at all marks may take some thousand turns: slower, never wrong. */
#include "engine/traffic/traffic_priv.h"

#define WORDS 256 /* looked at in a turn */
#define LOOKS 128 /* endpoints */

static const uint16_t kinds[] = {CF_Q_OPEN, CF_Q_CLOSE, CF_Q_SEND, CF_BLOCKED};

static uint64_t mark_of(uint32_t place, uint16_t flag)
{
	uint32_t kind = 0;

	while (kinds[kind] != flag)
		kind++;
	return UINT64_C(1) << (place % MISSED_OF * ARRAY_SIZE(kinds) + kind);
}

void queue_miss(struct lcore *lc, uint32_t id, uint16_t flag)
{
	uint32_t place = id & CONN_UDP ? lc->tcbs.n + (id & ~CONN_UDP) : id;

	lc->missed[place / MISSED_OF] |= mark_of(place, flag);
	lc->n_missed++;
	lc->lst->lcore.queue_misses++;
}

void traffic_block(struct lcore *lc, struct lport *lp, struct conn *c, uint32_t id)
{
	conn_queue(lc, &lp->blocked, c, id, CF_BLOCKED);
}

static struct idq *queue_of(struct lcore *lc, const struct conn *c, uint16_t flag)
{
	struct lane *l = conn_lane(lcore_tc(lc, c->port, c->tcid), c);

	switch (flag) {
	case CF_Q_OPEN:
		return &l->q_open;
	case CF_Q_CLOSE:
		return &l->q_close;
	case CF_Q_SEND:
		return &l->q_send;
	default:
		return &lcore_lport(lc, c->port)->blocked;
	}
}

/* False: there is still no room. */
static bool refill_one(struct lcore *lc, uint32_t place, uint16_t flag)
{
	uint32_t id = place < lc->tcbs.n ? place : (place - lc->tcbs.n) | CONN_UDP;
	struct conn *c = conn_at(lc, id);

	if (c->state == CS_FREE)
		return !conn_unqueue(lc, c, id, flag);
	return idq_put(&lc->queues, queue_of(lc, c, flag), id);
}

uint32_t queues_refill(struct lcore *lc)
{
	uint32_t n_words = (lc->tcbs.n + lc->ucbs.n) / MISSED_OF + 1, looks = 0;

	for (uint32_t w = 0; w < WORDS && looks < LOOKS && lc->n_missed != 0; w++) {
		uint64_t *word = &lc->missed[lc->missed_at];

		for (uint64_t m = *word; m != 0; m &= m - 1, looks++) {
			uint32_t bit = (uint32_t)__builtin_ctzll(m);

			if (!refill_one(lc, lc->missed_at * MISSED_OF + bit / ARRAY_SIZE(kinds),
				    kinds[bit % ARRAY_SIZE(kinds)]))
				continue;
			*word &= ~(UINT64_C(1) << bit);
			lc->n_missed--;
		}
		if (++lc->missed_at == n_words)
			lc->missed_at = 0;
	}
	return looks;
}
