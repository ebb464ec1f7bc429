/* The fault stage: what a link does to packets on their way. A packet is lost or not, doubled or
 * not; each of what is left is corrupted or not, waits for its turn at the rate, then for its delay.
 * All that waits is in one heap, by the time its wait ends. */
#include "engine/l1_port/l1_port.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include <string.h>

#define ALWAYS (UINT64_C(1) << 32)

size_t faults_pool_bytes(uint32_t n_held)
{
	uint32_t n = n_held / FAULTS_CHUNK;

	return n * (sizeof(struct faults_held[FAULTS_CHUNK]) + sizeof(uint16_t));
}

void faults_pool_init(struct faults_pool *p, void *mem, uint32_t n_held)
{
	p->n = MIN_OF(n_held / FAULTS_CHUNK, (uint32_t)UINT16_MAX);
	p->chunk = mem;
	p->freed = (uint16_t *)(p->chunk + p->n);
	faults_pool_bound(p, n_held);
}

void faults_pool_bound(struct faults_pool *p, uint32_t n_held)
{
	p->n = p->n_free = MIN_OF(n_held / FAULTS_CHUNK, p->n);
	/* the lowest first: what was never used stays out of the cache */
	for (uint32_t i = 0; i < p->n; i++)
		p->freed[i] = (uint16_t)(p->n - 1 - i);
}

/* splitmix64: a counter, well mixed. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t draw(struct faults *f, enum faults_chance c)
{
	f->rng[c] += UINT64_C(0x9e3779b97f4a7c15);
	return mix(f->rng[c]) >> 32;
}

/* Of 0..n-1. */
static uint32_t draw_below(struct faults *f, enum faults_chance c, uint32_t n)
{
	return (uint32_t)(draw(f, c) * n >> 32);
}

static bool chance(struct faults *f, enum faults_chance c, uint64_t of_2_32)
{
	return of_2_32 != 0 && draw(f, c) < of_2_32;
}

static void reseed(struct faults *f)
{
	for (uint32_t c = 0; c < CHANCES; c++)
		f->rng[c] = mix(mix(mix(f->cfg.seed) + f->stream) + c);
	f->in_burst = 0;
}

/* The heap. */
static struct faults_held *held_at(const struct faults *f, uint32_t i)
{
	return &f->pool->chunk[f->chunk[i / FAULTS_CHUNK]][i % FAULTS_CHUNK];
}

static bool before(const struct faults_held *a, const struct faults_held *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : (int32_t)(a->seq - b->seq) < 0;
}

/* Puts h where i is, or below it. */
static void sift_down(struct faults *f, uint32_t i, struct faults_held h)
{
	for (uint32_t child = 2 * i + 1; child < f->n; child = 2 * i + 1) {
		if (child + 1 < f->n && before(held_at(f, child + 1), held_at(f, child)))
			child++;
		if (!before(held_at(f, child), &h))
			break;
		*held_at(f, i) = *held_at(f, child);
		i = child;
	}
	*held_at(f, i) = h;
}

static bool room(const struct faults *f)
{
	return f->n % FAULTS_CHUNK != 0 || (f->pool->n_free != 0 && f->n < FAULTS_HELD_MAX);
}

/* There must be room(). */
static void heap_put(struct faults *f, struct faults_held h)
{
	uint32_t i = f->n;

	if (i % FAULTS_CHUNK == 0)
		f->chunk[i / FAULTS_CHUNK] = f->pool->freed[--f->pool->n_free];
	f->n++;
	h.seq = f->next_seq++;
	while (i != 0 && before(&h, held_at(f, (i - 1) / 2))) {
		*held_at(f, i) = *held_at(f, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	*held_at(f, i) = h;
}

static struct faults_held heap_get(struct faults *f)
{
	struct faults_held top = *held_at(f, 0), last = *held_at(f, --f->n);

	if (f->n % FAULTS_CHUNK == 0)
		f->pool->freed[f->pool->n_free++] = f->chunk[f->n / FAULTS_CHUNK];
	if (f->n != 0)
		sift_down(f, 0, last);
	return top;
}

static void dropped(struct faults *f, enum faults_count why, struct rte_mbuf *m)
{
	f->count[why]++;
	rte_pktmbuf_free(m);
}

void faults_init(struct faults *f, struct faults_pool *p, uint64_t *count, uint64_t stream)
{
	memset(f, 0, sizeof(*f));
	f->pool = p;
	f->count = count;
	f->stream = stream;
	f->cfg = faults_config_none();
}

static uint64_t of_2_32(uint32_t ppm)
{
	return MIN_OF(((uint64_t)ppm << 32) / FAULTS_PPM, ALWAYS);
}

/* What was sent since then at the rate is no longer to be sent. */
static void backlog_settle(struct faults *f, uint64_t now_us)
{
	uint64_t us = now_us - f->backlog_us, rate = f->cfg.rate_kbps;

	f->backlog_us = now_us;
	if (rate == 0 || us > f->backlog / rate)
		f->backlog = 0;
	else
		f->backlog -= us * rate;
}

static uint64_t ahead(uint64_t due_us, uint64_t now_us)
{
	return due_us > now_us ? due_us - now_us : 0;
}

/* What is held, by the new rate and delays. Neither changes the order. */
static void held_retime(struct faults *f, const struct faults_config *cfg, uint64_t now_us)
{
	uint64_t latest = now_us + cfg->delay_us + cfg->jitter_us;
	uint64_t old = f->cfg.rate_kbps, rate = cfg->rate_kbps;

	f->last_due_us = MIN_OF(f->last_due_us, latest);
	f->last_sent_us = 0;
	if (cfg->reorder_ppm != 0)
		latest += cfg->reorder_us;
	for (uint32_t i = 0; i < f->n; i++) {
		struct faults_held *h = held_at(f, i);

		if (!h->queued) {
			h->due_us = MIN_OF(h->due_us, latest);
			continue;
		}
		h->due_us = rate == 0 ? now_us
				      : now_us + (ahead(h->due_us, now_us) * old + rate - 1) / rate;
		f->last_sent_us = MAX_OF(f->last_sent_us, h->due_us);
	}
	for (uint32_t i = f->n / 2; i-- != 0;)
		sift_down(f, i, *held_at(f, i));
}

void faults_set(struct faults *f, const struct faults_config *cfg, uint64_t now_us)
{
	bool anew = cfg->seed != f->cfg.seed || !faults_config_on(&f->cfg);

	backlog_settle(f, now_us);
	held_retime(f, cfg, now_us);
	f->cfg = *cfg;
	if (cfg->rate_kbps == 0)
		f->backlog = 0;
	f->loss = of_2_32(cfg->loss_ppm);
	f->duplicate = of_2_32(cfg->duplicate_ppm);
	f->reorder = of_2_32(cfg->reorder_ppm);
	f->corrupt = of_2_32(cfg->corrupt_ppm);
	/* Gilbert's link: lost is what comes during a burst. Bursts last for 1 / burst_leave packets,
	 * and burst_enter / (burst_enter + burst_leave) of all packets fall into one. */
	f->burst_leave = cfg->burst == 0 ? ALWAYS : ALWAYS / cfg->burst;
	f->burst_enter = f->loss >= ALWAYS
		? ALWAYS
		: MIN_OF((uint64_t)((double)f->burst_leave * (double)f->loss
				 / (double)(ALWAYS - f->loss)),
			ALWAYS);
	if (anew)
		reseed(f);
}

static bool loses(struct faults *f)
{
	if (f->cfg.burst <= 1 || f->loss >= ALWAYS)
		return chance(f, CHANCE_LOSS, f->loss);
	if (f->in_burst)
		f->in_burst = !chance(f, CHANCE_LOSS, f->burst_leave);
	else
		f->in_burst = chance(f, CHANCE_LOSS, f->burst_enter);
	return f->in_burst;
}

/* Where the IPv4 packet begins and how long it is; 0: it is none. */
static uint32_t ipv4_find(struct rte_mbuf *m, uint32_t *len)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t at = RTE_ETHER_HDR_LEN, total;

	if (m->data_len > at && frame[at - 2] == 0x81 && frame[at - 1] == 0)
		at += RTE_VLAN_HLEN;
	if (m->data_len < at + sizeof(struct rte_ipv4_hdr) || frame[at - 2] != 8
		|| frame[at - 1] != 0)
		return 0;
	total = (uint32_t)frame[at + 2] << 8 | frame[at + 3];
	*len = m->data_len - at;
	if (total >= sizeof(struct rte_ipv4_hdr))
		*len = MIN_OF(*len, total);
	return at;
}

static struct rte_mbuf *copy(struct faults *f, struct rte_mbuf *m)
{
	struct rte_mbuf *c = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

	if (c == NULL)
		f->count[FAULTS_NO_BUFFER]++;
	return c;
}

/* Flips a bit where the receiver's checksums look: ARP has none, nor has padding, and a link's own
 * would have stopped it there. */
static struct rte_mbuf *corrupted(struct faults *f, struct rte_mbuf *m)
{
	uint32_t len, at = ipv4_find(m, &len), bit;

	if (at == 0)
		return m;
	if (rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m)) {
		struct rte_mbuf *own = copy(f, m);

		if (own == NULL)
			return m;
		rte_pktmbuf_free(m);
		m = own;
	}
	bit = draw_below(f, CHANCE_BIT, len * 8);
	rte_pktmbuf_mtod(m, uint8_t *)[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
	f->count[FAULTS_CORRUPTED]++;
	return m;
}

/* Onto the wire at that time, where it is delayed. */
static void wire_in(struct faults *f, uint64_t at_us, struct rte_mbuf *m)
{
	const struct faults_config *c = &f->cfg;
	uint64_t due = at_us + c->delay_us;

	if (c->jitter_us != 0) {
		uint32_t least = c->delay_us - MIN_OF(c->delay_us, c->jitter_us);

		due = at_us + least
			+ draw_below(f, CHANCE_JITTER, c->delay_us + c->jitter_us - least + 1);
	}
	due = MAX_OF(due, f->last_due_us);
	f->last_due_us = due;
	if (chance(f, CHANCE_REORDER, f->reorder)) {
		f->count[FAULTS_REORDERED]++;
		due += c->reorder_us;
	}
	heap_put(f, (struct faults_held){.due_us = due, .m = m});
}

/* Waits for its turn at the rate, behind those that wait already. */
static void queue_in(struct faults *f, uint64_t now_us, struct rte_mbuf *m)
{
	uint64_t rate = f->cfg.rate_kbps, due = now_us;

	if (rate != 0) {
		backlog_settle(f, now_us);
		f->backlog += m->pkt_len * UINT64_C(8000);
		due += (f->backlog + rate - 1) / rate;
	}
	f->last_sent_us = MAX_OF(due, f->last_sent_us);
	f->n_queued++;
	heap_put(f, (struct faults_held){.due_us = f->last_sent_us, .m = m, .queued = 1});
}

static void link_in(struct faults *f, uint64_t now_us, struct rte_mbuf *m)
{
	const struct faults_config *c = &f->cfg;

	if (chance(f, CHANCE_CORRUPT, f->corrupt))
		m = corrupted(f, m);
	if (!room(f))
		dropped(f, FAULTS_OVERFLOW, m);
	else if (c->rate_kbps == 0 && f->n_queued == 0)
		wire_in(f, now_us, m);
	else if (c->rate_kbps != 0 && c->queue_pkts != 0 && f->n_queued >= c->queue_pkts)
		dropped(f, FAULTS_QUEUE_FULL, m);
	else
		queue_in(f, now_us, m);
}

void faults_in(struct faults *f, uint64_t now_us, struct rte_mbuf *m)
{
	struct rte_mbuf *twin = NULL;

	f->count[FAULTS_OFFERED]++;
	if (loses(f)) {
		dropped(f, FAULTS_LOST, m);
		return;
	}
	if (chance(f, CHANCE_DUPLICATE, f->duplicate))
		twin = copy(f, m);
	link_in(f, now_us, m);
	if (twin != NULL) {
		f->count[FAULTS_DUPLICATED]++;
		link_in(f, now_us, twin);
	}
	f->count[FAULTS_HELD] = f->n;
}

uint32_t faults_out(struct faults *f, uint64_t now_us, struct rte_mbuf **m, uint32_t n)
{
	uint32_t got = 0;

	while (got < n && f->n != 0 && held_at(f, 0)->due_us <= now_us) {
		struct faults_held h = heap_get(f);

		if (h.queued) {
			f->n_queued--;
			wire_in(f, h.due_us, h.m);
		} else {
			m[got++] = h.m;
		}
	}
	f->count[FAULTS_PASSED] += got;
	f->count[FAULTS_HELD] = f->n;
	return got;
}

uint64_t faults_next_us(const struct faults *f)
{
	return f->n == 0 ? UINT64_MAX : held_at(f, 0)->due_us;
}

void faults_drain(struct faults *f)
{
	while (f->n != 0)
		dropped(f, FAULTS_LOST, heap_get(f).m);
	f->n_queued = 0;
	f->backlog = 0;
	f->count[FAULTS_HELD] = 0;
}
