/* Initial sequence numbers: RFC 6528 with SipHash-1-3 as its F(): a keyed function made for short inputs, that costs a
 * connection 5 ns. */
#include "engine/l4_tcp/tcp_priv.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static force_inline uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static force_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 = rotl(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 = rotl(s->v2, 32);
}

static force_inline void sip_block(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	s->v0 ^= m;
}

uint32_t tcp_isn(const struct lcore *lc, const struct conn *c)
{
	uint64_t k0 = lc->isn_secret[0], k1 = lc->isn_secret[1];
	struct sip s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573};

	sip_block(&s, (uint64_t)c->raddr << 32 | c->laddr);
	/* the last block: five bytes more, and the number of all, 13 */
	sip_block(&s,
		(uint64_t)13 << 56 | (uint64_t)c->port << 32 | (uint32_t)c->rport << 16 | c->lport);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	/* RFC 9293 §3.4.1: a clock of 4 us */
	return (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3) + (uint32_t)(lc->now_us >> 2);
}
