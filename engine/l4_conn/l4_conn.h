/* Endpoints' pools and the flow table: (port, addresses, ports) to endpoint id. One line a bucket,
 * SSE over the tags; split into a hash, a prefetch and a look-up, so that a burst overlaps its
 * misses. */
#pragma once

#include "engine/l4_conn/l4_conn_t.h"

#include <rte_prefetch.h>

#include <immintrin.h>
#include <string.h>

/* Bytes the arrays of a pool or table take, and how they are laid into memory given to them; a
 * table's is zeroed. */
size_t conn_pool_bytes(uint32_t n, uint32_t stride);
void conn_pool_init(struct conn_pool *p, void *mem, uint32_t n, uint32_t stride);
size_t flow_table_bytes(uint32_t n_conns);
void flow_table_init(
	struct flow_table *t, void *mem, uint32_t n_conns, const struct conn_pool *pool);

static force_inline struct conn *pool_at(const struct conn_pool *p, uint32_t index)
{
	return (struct conn *)(p->base + (size_t)index * p->stride);
}

static inline uint32_t pool_n_free(const struct conn_pool *p)
{
	return p->n - p->fresh + p->n_freed;
}

/* A free block's id, CONN_NONE when there is none. Those that are likely to be next are prefetched.
 */
static force_inline uint32_t pool_get(struct conn_pool *p)
{
	uint32_t id;

	if (likely(p->n_freed != 0)) {
		id = p->freed[--p->n_freed];
		if (p->n_freed >= 2)
			rte_prefetch0(pool_at(p, p->freed[p->n_freed - 2]));
		return id;
	}
	if (unlikely(p->fresh == p->n))
		return CONN_NONE;
	rte_prefetch0(pool_at(p, p->fresh + 2));
	return p->fresh++;
}

static force_inline void pool_put(struct conn_pool *p, uint32_t id)
{
	p->freed[p->n_freed++] = id;
}

/* Addresses and ports in host order, ours first. CRC32C: three cycles a step, and linear, which is
 * what sequential tuples want. */
static force_inline uint32_t flow_hash(
	uint8_t port, uint16_t vlan, uint32_t laddr, uint32_t raddr, uint16_t lport, uint16_t rport)
{
	/* as they lie in memory, so that one load takes two of them */
	uint64_t h = _mm_crc32_u64(port | (uint32_t)vlan << 8, (uint64_t)raddr << 32 | laddr);

	h = _mm_crc32_u64(h, (uint32_t)rport << 16 | lport);
	return (uint32_t)(h * 0x9e3779b1u);
}

static force_inline uint32_t flow_bucket_of(const struct flow_table *t, uint32_t hash)
{
	return (uint64_t)hash * t->n >> 32;
}

static force_inline uint16_t flow_tag(uint32_t hash)
{
	return (uint16_t)hash | 1;
}

static force_inline void flow_prefetch(const struct flow_table *t, uint32_t hash)
{
	rte_prefetch0(&t->bucket[flow_bucket_of(t, hash)]);
}

/* Bit 2 i: way i has the tag. */
#define FLOW_ALL ((1u << (2 * FLOW_WAYS)) / 3) /* every second bit */
static force_inline uint32_t flow_match(const struct flow_bucket *b, uint16_t tag)
{
#ifdef __AVX2__ /* tags, and some ids behind them */
	const __m256i want = _mm256_set1_epi16((short)tag);

	return (uint32_t)_mm256_movemask_epi8(
		       _mm256_cmpeq_epi16(_mm256_load_si256((const __m256i *)b), want))
		& FLOW_ALL;
#else
	const __m128i want = _mm_set1_epi16((short)tag);
	__m128i lo = _mm_load_si128((const __m128i *)b->tag);
	__m128i hi = _mm_loadu_si128((const __m128i *)(b->tag + FLOW_WAYS - 8));

	return ((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi16(lo, want))
		       | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi16(hi, want))
			       << 2 * (FLOW_WAYS - 8))
		& FLOW_ALL;
#endif
}
static force_inline uint32_t flow_way(uint32_t match)
{
	return (uint32_t)__builtin_ctz(match) / 2;
}

/* First id whose tag fits, without touching the endpoint: a candidate to prefetch. CONN_NONE:
 * surely absent unless it is in an overflow bucket (then looked for as well). bucket: that of the hash. */
static force_inline uint32_t flow_candidate(
	const struct flow_table *t, uint32_t hash, uint32_t bucket)
{
	const struct flow_bucket *b = &t->bucket[bucket];

	for (;;) {
		uint32_t m = flow_match(b, flow_tag(hash));

		if (likely(m != 0))
			return b->id[flow_way(m)];
		if (likely(b->next == 0))
			return CONN_NONE;
		b = &t->bucket[b->next];
	}
}

static force_inline bool conn_is(const struct conn *c, uint8_t port, uint32_t laddr, uint32_t raddr,
	uint16_t lport, uint16_t rport)
{
	uint64_t addrs, pair = 0;

	memcpy(&addrs, &c->laddr, sizeof(addrs));
	memcpy(&pair, &c->lport, 2 * sizeof(c->lport));
	addrs ^= (uint64_t)raddr << 32 | laddr;
	pair ^= (uint32_t)rport << 16 | lport;
	return (addrs | pair | (c->port ^ port)) == 0 && c->state > CS_CLOSED;
}

/* The same of what a packet has, in the order of the first 13 bytes of struct conn; who is 16 bytes long
 * and aligned. */
static force_inline bool conn_has(const struct conn *c, const void *who)
{
	const __m128i counts = _mm_setr_epi8(
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0);
	__m128i a = _mm_load_si128((const __m128i *)c), b = _mm_load_si128((const __m128i *)who);

	static_assert(offsetof(struct conn, laddr) == 0 && offsetof(struct conn, raddr) == 4
		&& offsetof(struct conn, lport) == 8 && offsetof(struct conn, rport) == 10
		&& offsetof(struct conn, port) == 12);
	return _mm_testz_si128(_mm_xor_si128(a, b), counts) && c->state > CS_CLOSED;
}

/* The endpoint of a tuple, or CONN_NONE. */
apart uint32_t flow_find(const struct flow_table *t, uint32_t hash, uint8_t port, uint32_t laddr,
	uint32_t raddr, uint16_t lport, uint16_t rport);
/* 0, or -ENOSPC when the bucket and the overflow buckets are full. */
int flow_insert(struct flow_table *t, uint32_t hash, uint32_t id);
void flow_remove(struct flow_table *t, uint32_t hash, uint32_t id);

/* vlan: of its test case. */
static force_inline uint32_t conn_hash(const struct conn *c, uint16_t vlan)
{
	return flow_hash(c->port, vlan, c->laddr, c->raddr, c->lport, c->rport);
}
