/* The flow table's slow half, and how pool and table are laid out. */
#include "engine/l4_conn/l4_conn.h"

#include <errno.h>

/* Endpoints a bucket on average. Random tuples then let 10 % of the buckets overflow, which hold 3 % of
 * the endpoints; there is an overflow bucket for 12.5 %. */
#define FLOW_LOAD 7

size_t conn_pool_bytes(uint32_t n, uint32_t stride)
{
	return whole_lines((size_t)n * stride) + whole_lines((size_t)n * sizeof(uint32_t));
}

void conn_pool_init(struct conn_pool *p, void *mem, uint32_t n, uint32_t stride)
{
	p->base = mem;
	p->freed = (uint32_t *)((char *)mem + whole_lines((size_t)n * stride));
	p->n_freed = p->fresh = 0;
	p->n = n;
	p->stride = stride;
}

static uint32_t flow_n_main(uint32_t n_conns)
{
	return n_conns / FLOW_LOAD + 1;
}

static uint32_t flow_n_spare(uint32_t n_conns)
{
	return n_conns / FLOW_LOAD / 8 + 16;
}

size_t flow_table_bytes(uint32_t n_conns)
{
	return ((size_t)flow_n_main(n_conns) + flow_n_spare(n_conns)) * sizeof(struct flow_bucket);
}

void flow_table_init(
	struct flow_table *t, void *mem, uint32_t n_conns, const struct conn_pool *pool)
{
	uint32_t n_spare = flow_n_spare(n_conns);

	t->bucket = mem;
	t->n = flow_n_main(n_conns);
	t->pool = pool;
	t->n_spare = n_spare;
	t->spare = t->n;
	for (uint32_t i = 0; i + 1 < n_spare; i++)
		t->bucket[t->n + i].next = t->n + i + 1;
}

uint32_t flow_find(const struct flow_table *t, uint32_t hash, uint8_t port, uint32_t laddr,
	uint32_t raddr, uint16_t lport, uint16_t rport)
{
	const struct flow_bucket *b = &t->bucket[flow_bucket_of(t, hash)];

	for (;;) {
		for (uint32_t m = flow_match(b, flow_tag(hash)); m != 0; m &= m - 1) {
			uint32_t id = b->id[flow_way(m)];

			if (conn_is(pool_at(t->pool, id), port, laddr, raddr, lport, rport))
				return id;
		}
		if (b->next == 0)
			return CONN_NONE;
		b = &t->bucket[b->next];
	}
}

int flow_insert(struct flow_table *t, uint32_t hash, uint32_t id)
{
	struct flow_bucket *b = &t->bucket[flow_bucket_of(t, hash)];

	for (;;) {
		uint32_t m = flow_match(b, 0), way;

		if (likely(m != 0)) {
			way = flow_way(m);
			b->tag[way] = flow_tag(hash);
			b->id[way] = id;
			return 0;
		}
		if (b->next == 0) {
			if (t->n_spare == 0)
				return -ENOSPC;
			b->next = t->spare;
			t->spare = t->bucket[b->next].next;
			t->bucket[b->next].next = 0;
			t->n_spare--;
		}
		b = &t->bucket[b->next];
	}
}

/* The way of a bucket goes, and one of its overflow buckets takes the place: so that there are never
 * more of these than full buckets need, however endpoints come and go, and what is full has no
 * holes. */
static void way_close(
	struct flow_table *t, struct flow_bucket *b, struct flow_bucket *prev, uint32_t way)
{
	while (b->next != 0) {
		struct flow_bucket *o = &t->bucket[b->next];
		uint32_t from = flow_way(FLOW_ALL & ~flow_match(o, 0)); /* none of them is empty */

		b->tag[way] = o->tag[from];
		b->id[way] = o->id[from];
		prev = b;
		b = o;
		way = from;
	}
	b->tag[way] = 0;
	if (prev != NULL && flow_match(b, 0) == FLOW_ALL) {
		b->next = t->spare;
		t->spare = prev->next;
		prev->next = 0;
		t->n_spare++;
	}
}

void flow_remove(struct flow_table *t, uint32_t hash, uint32_t id)
{
	struct flow_bucket *b = &t->bucket[flow_bucket_of(t, hash)], *prev = NULL;

	for (;;) {
		for (uint32_t m = flow_match(b, flow_tag(hash)); m != 0; m &= m - 1) {
			uint32_t way = flow_way(m);

			if (b->id[way] != id)
				continue;
			way_close(t, b, prev, way);
			return;
		}
		BUG_ON(b->next == 0);
		prev = b;
		b = &t->bucket[b->next];
	}
}
