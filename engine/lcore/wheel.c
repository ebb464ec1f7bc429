/* The timer wheel: see lcore.h. */
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"

#include <rte_prefetch.h>

#include <string.h>

/* Chunks for a near and every second one's far entry, and one more for each slot that can be begun.
 * Holes may use up more: then the wheel starves and blocks are scanned. */
static uint32_t wheel_n_chunks(uint32_t n_conns)
{
	return (uint32_t)((uint64_t)n_conns * 3 / 2 / CHUNK_IDS) + 2 * WHEEL_SLOTS + 1;
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

/* Puts an id into a slot: its position, 0 when there is no chunk. */
static uint32_t wheel_put(struct lcore *lc, uint32_t level, uint32_t slot, uint32_t id)
{
	struct wheel *w = &lc->wheel;
	uint32_t *head = &w->head[level][slot];
	uint8_t *fill = &w->fill[level][slot];

	if (*head == 0 || *fill == CHUNK_IDS) {
		uint32_t fresh = chunk_get(&w->pool);

		if (unlikely(fresh == 0)) {
			w->starved = WHEEL_STARVED;
			lc->lst->timer.starved++;
			return 0;
		}
		w->pool.chunk[fresh].next = *head;
		*head = fresh;
		*fill = 0;
	}
	w->pool.chunk[*head].id[*fill] = id;
	lc->lst->timer.set++;
	return pos_of(*head, (*fill)++);
}

/* The deadline lies beyond level 0. */
static void wheel_arm_far(struct lcore *lc, struct conn *c, uint32_t id, uint32_t ahead)
{
	struct wheel *w = &lc->wheel;
	uint32_t max = (WHEEL_SLOTS - 2) * WHEEL_SLOTS;
	/* from now on, for w->now + ahead may wrap */
	uint32_t now = w->now / WHEEL_SLOTS,
		 turn = now + (w->now % WHEEL_SLOTS + MIN_OF(ahead, max)) / WHEEL_SLOTS;

	/* a far entry that is due before, or then, does as well */
	if (c->wheel_far != 0
		&& ((c->wheel_far - 1u - now - 1) & (WHEEL_SLOTS - 1)) + 1 <= turn - now)
		return;
	if (wheel_put(lc, 1, turn % WHEEL_SLOTS, id) != 0)
		c->wheel_far = (uint16_t)(turn % WHEEL_SLOTS + 1);
}

void wheel_arm_slow(struct lcore *lc, struct conn *c, uint32_t id, uint32_t deadline)
{
	struct wheel *w = &lc->wheel;
	uint32_t ahead = (int32_t)(deadline - w->now) > 0 ? deadline - w->now : 1, pos;

	if (ahead > WHEEL_SLOTS) {
		wheel_arm_far(lc, c, id, ahead);
		return;
	}
	if (c->wheel_near != 0) {
		w->pool.chunk[c->wheel_pos >> 4].id[c->wheel_pos & 15] = CONN_NONE;
		c->wheel_near = 0;
		lc->lst->timer.moved++;
	}
	/* one full turn ahead is this tick's slot, which was taken up already */
	pos = wheel_put(lc, 0, (w->now + ahead) % WHEEL_SLOTS, id);
	if (pos != 0) {
		c->wheel_near = (uint16_t)((w->now + ahead) % WHEEL_SLOTS + 1);
		c->wheel_pos = pos;
	}
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
			if (w->firing_level == 0)
				conn_at(lc, id)->wheel_near = 0;
			else if (conn_at(lc, id)->wheel_far == w->firing_slot + 1)
				conn_at(lc, id)->wheel_far = 0; /* else one that was left behind */
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
	w->firing_level = (uint8_t)level;
	w->firing_slot = (uint16_t)slot;
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
		if (c->state != CS_FREE && conn_deadline(c) != 0)
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
			wheel_take_up(w, 1, (w->now + 1) / WHEEL_SLOTS % WHEEL_SLOTS);
			continue;
		}
		w->now++;
		wheel_take_up(w, 0, w->now % WHEEL_SLOTS);
	}
}
