/* See wheel.h. */
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"

#include <rte_prefetch.h>

#include <string.h>

/* A chunk for every 15 entries, and one more for each slot that can be begun. Chunks with holes may
 * use up more: then the wheel starves and blocks are scanned. */
static uint32_t wheel_n_chunks(uint32_t n_conns)
{
	return n_conns / CHUNK_IDS + n_conns / 60 + 2 * WHEEL_SLOTS + 1;
}

size_t wheel_bytes(uint32_t n_conns)
{
	return chunk_pool_bytes(wheel_n_chunks(n_conns));
}

void wheel_init(struct wheel *w, void *mem, uint32_t n_conns)
{
	memset(w, 0, sizeof(*w));
	chunk_pool_init(&w->pool, mem, wheel_n_chunks(n_conns));
}

/* Position of an entry: chunk and place in it. */
static uint32_t pos_of(uint32_t chunk, uint32_t place)
{
	return chunk << 4 | place;
}

static void wheel_take_out(struct lcore *lc, struct conn *c)
{
	lc->wheel.pool.chunk[c->wheel_pos >> 4].id[c->wheel_pos & 15] = CONN_NONE;
	c->flags &= ~CF_IN_WHEEL;
}

void wheel_arm_slow(struct lcore *lc, struct conn *c, uint32_t id, uint32_t deadline)
{
	struct wheel *w = &lc->wheel;
	uint32_t tick = (int32_t)(deadline - w->now) > 0 ? deadline : w->now + 1;
	uint32_t ahead = tick - w->now, level = 0, slot, *head;

	if (c->flags & CF_IN_WHEEL) {
		wheel_take_out(lc, c);
		lc->lst->timer.moved++;
	}
	if (ahead >= WHEEL_SLOTS) {
		level = 1;
		if (ahead >= (WHEEL_SLOTS - 1) * WHEEL_SLOTS)
			tick = w->now + (WHEEL_SLOTS - 2) * WHEEL_SLOTS;
		tick &= ~(WHEEL_SLOTS - 1u); /* never later than asked for */
		slot = tick / WHEEL_SLOTS % WHEEL_SLOTS;
	} else {
		slot = tick % WHEEL_SLOTS;
	}
	head = &w->head[level][slot];
	if (*head == 0 || w->fill[level][slot] == CHUNK_IDS) {
		uint32_t fresh = chunk_get(&w->pool);

		if (unlikely(fresh == 0)) {
			w->starved = WHEEL_STARVED;
			lc->lst->timer.starved++;
			return;
		}
		w->pool.chunk[fresh].next = *head;
		*head = fresh;
		w->fill[level][slot] = 0;
	}
	c->wheel_pos = pos_of(*head, w->fill[level][slot]);
	c->wheel_tick = tick;
	c->flags |= CF_IN_WHEEL;
	w->pool.chunk[*head].id[w->fill[level][slot]++] = id;
	lc->lst->timer.set++;
}

/* One endpoint whose entry is due, or which the scan came upon. */
static void wheel_look(struct lcore *lc, uint32_t id)
{
	struct conn *c = conn_at(lc, id);
	uint32_t d = conn_deadline(c);

	if (c->state == CS_FREE || d == 0)
		return;
	if ((int32_t)(d - lc->now_ms) <= 0) {
		uint32_t late = lc->now_ms - d;

		lc->lst->timer.fired++;
		if (late > lc->lst->timer.late_max_ms)
			lc->lst->timer.late_max_ms = late;
		conn_timer(lc, c, id);
		if (c->state == CS_FREE)
			return;
	} else {
		lc->lst->timer.rearmed++;
	}
	wheel_arm(lc, c, id);
}

/* Works off chunks of the slot that was taken up, newest first. */
static uint32_t wheel_fire(struct lcore *lc, uint32_t budget)
{
	struct wheel *w = &lc->wheel;
	uint32_t done = 0;

	while (w->firing != 0 && done < budget) {
		struct chunk *ch = &w->pool.chunk[w->firing];
		uint32_t next = ch->next, n = w->firing_fill;

		for (uint32_t i = 0; i < n; i++) {
			if (ch->id[i] != CONN_NONE)
				rte_prefetch0(conn_at(lc, ch->id[i]));
		}
		if (next != 0)
			rte_prefetch0(&w->pool.chunk[next]);
		/* what fires may take out later entries of this very chunk: read each when its turn
		 * comes */
		for (uint32_t i = 0; i < n; i++) {
			uint32_t id = ch->id[i];

			if (id == CONN_NONE)
				continue;
			conn_at(lc, id)->flags &= ~CF_IN_WHEEL;
			wheel_look(lc, id);
		}
		done += n;
		chunk_put(&w->pool, w->firing);
		w->firing = next;
		w->firing_fill = CHUNK_IDS;
	}
	return done;
}

static void wheel_take_up(struct wheel *w, uint32_t level, uint32_t slot)
{
	w->firing = w->head[level][slot];
	w->firing_fill = w->fill[level][slot];
	w->head[level][slot] = 0;
	w->fill[level][slot] = 0;
}

/* No chunk was free at some time: every block may have a deadline that no entry knows. Looks at
 * some each turn; ends with a pass during which there was always a chunk. */
static cold_path uint32_t wheel_scan(struct lcore *lc, uint32_t budget)
{
	struct wheel *w = &lc->wheel;

	if (w->scan == 0)
		w->starved = WHEEL_SCANNING;
	for (uint32_t i = 0; i < budget; i++) {
		uint32_t at = w->scan, id = at < lc->tcbs.n ? at : (at - lc->tcbs.n) | CONN_UDP;
		struct conn *c;

		if (at >= lc->tcbs.fresh && at < lc->tcbs.n) {
			w->scan = lc->tcbs.n;
			continue;
		}
		if (at >= lc->tcbs.n + lc->ucbs.fresh) {
			w->scan = 0;
			w->starved = w->starved == WHEEL_STARVED ? WHEEL_STARVED : WHEEL_FED;
			return i + 1;
		}
		w->scan++;
		c = conn_at(lc, id);
		if (c->state != CS_FREE && !(c->flags & CF_IN_WHEEL) && conn_deadline(c) != 0)
			wheel_look(lc, id);
	}
	return budget;
}

uint32_t wheel_run(struct lcore *lc, uint32_t budget)
{
	struct wheel *w = &lc->wheel;
	uint32_t done = 0;

	if (unlikely(w->starved))
		done += wheel_scan(lc, budget);
	for (;;) {
		done += wheel_fire(lc, budget - MIN_OF(done, budget));
		if (w->firing != 0 || (int32_t)(lc->now_ms - w->now) <= 0)
			return done;
		/* level 1 first: what it hands down may belong to this very tick */
		if (w->firing_level == 0 && (w->now + 1) % WHEEL_SLOTS == 0) {
			w->firing_level = 1;
			wheel_take_up(w, 1, (w->now + 1) / WHEEL_SLOTS % WHEEL_SLOTS);
			continue;
		}
		w->firing_level = 0;
		w->now++;
		wheel_take_up(w, 0, w->now % WHEEL_SLOTS);
	}
}
