/* Initial sequence numbers: RFC 6528. Its F() is a keyed function: AES, of which one block holds all that
 * names a connection, where the processor has instructions for it, else SipHash-1-3, made for short inputs. */
#include "engine/l4_tcp/aes.h"
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

uint32_t tcp_isn_sip(const struct lcore *lc, const struct conn *c)
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
	return (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

#ifdef __AES__
static_assert(sizeof(((struct lcore *)NULL)->isn_keys) == AES_KEYS * sizeof(__m128i));
static_assert(offsetof(struct conn, laddr) == 0 && offsetof(struct conn, port) == 12,
	"addresses and ports are the first 13 bytes");

/* Addresses and ports are the first bytes of the block, and what is behind them is shifted out. */
static force_inline uint32_t isn_aes(const struct lcore *lc, const struct conn *c)
{
	__m128i b = _mm_slli_si128(_mm_load_si128((const __m128i *)c), 3);

	return (uint32_t)_mm_cvtsi128_si32(aes_block((const __m128i *)lc->isn_keys, b));
}
#endif

void tcp_isn_begin(struct lcore *lc)
{
#ifdef __AES__
	aes_expand((__m128i *)lc->isn_keys, _mm_loadu_si128((const __m128i *)lc->isn_secret));
#else
	(void)lc;
#endif
}

uint32_t tcp_isn(const struct lcore *lc, const struct conn *c)
{
#ifdef __AES__
	uint32_t f = isn_aes(lc, c);
#else
	uint32_t f = tcp_isn_sip(lc, c);
#endif

	return f + (uint32_t)(lc->now_us >> 2); /* RFC 9293 §3.4.1: a clock of 4 us */
}
