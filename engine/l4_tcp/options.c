/* Options: MSS (RFC 9293 §3.7.1), window scale and timestamps (RFC 7323), SACK (RFC 2018). Others
 * are skipped, and what is malformed ends the list (RFC 9293 MUST-7). */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_byteorder.h>

#include <string.h>

#define OPT_END 0
#define OPT_NOP 1
#define OPT_MSS 2
#define OPT_WSCALE 3
#define OPT_SACK_PERMITTED 4
#define OPT_SACK 5
#define OPT_TS 8

static uint32_t be32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_32(v);
}

static void word_put(uint8_t **p, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(*p, &v, sizeof(v));
	*p += sizeof(v);
}

/* Four bytes, as they follow each other. */
#define WORD(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

static force_inline void option(const uint8_t *o, struct seg_in *s)
{
	bool syn = s->flags & TCP_SYN; /* the only one that may carry most of them */

	switch (o[0]) {
	case OPT_MSS:
		if (syn && o[1] == 4)
			s->mss = MAX_OF((uint16_t)(o[2] << 8 | o[3]), TCP_MSS_MIN);
		break;
	case OPT_WSCALE:
		if (syn && o[1] == 3) {
			s->wscale = MIN_OF(o[2], TCP_WSCALE_MAX); /* RFC 7323 §2.3 */
			s->opts |= TO_WSCALE;
		}
		break;
	case OPT_SACK_PERMITTED:
		if (syn && o[1] == 2)
			s->opts |= TO_SACK;
		break;
	case OPT_SACK:
		if (o[1] >= 10 && (o[1] - 2) % 8 == 0) {
			s->sack = o + 2;
			s->n_sack = (o[1] - 2) / 8;
		}
		break;
	case OPT_TS:
		if (o[1] == 10) {
			s->has_ts = true;
			s->opts |= TO_TS;
			s->tsval = be32_at(o + 2);
			s->tsecr = be32_at(o + 6);
		}
		break;
	default:
		break;
	}
}

/* The SYN of most stacks with timestamps, Linux's among them: MSS, SACK permitted, timestamps, NOP, window
 * scale. False: it is another. */
static bool usual_syn(const struct tcp_hdr *th, struct seg_in *s)
{
	const uint8_t *o = (const uint8_t *)(th + 1);
	uint32_t scale;

	if (!(s->flags & TCP_SYN) || th->off != 0xa0 || be32_at(o) >> 16 != WORD(0, 0, OPT_MSS, 4)
		|| be32_at(o + 4) != WORD(OPT_SACK_PERMITTED, 2, OPT_TS, 10))
		return false;
	scale = be32_at(o + 16);
	if (scale >> 8 != WORD(0, OPT_NOP, OPT_WSCALE, 3))
		return false;
	s->mss = MAX_OF((uint16_t)be32_at(o), TCP_MSS_MIN);
	s->wscale = MIN_OF(scale & 255, TCP_WSCALE_MAX);
	s->opts = TO_WSCALE | TO_SACK | TO_TS;
	s->has_ts = true;
	s->n_sack = 0;
	s->tsval = be32_at(o + 8);
	s->tsecr = be32_at(o + 12);
	return true;
}

void tcp_parse_options(const struct tcp_hdr *th, struct seg_in *s)
{
	const uint8_t *o = (const uint8_t *)(th + 1),
		      *end = (const uint8_t *)th + (th->off >> 4) * 4;

	if (usual_syn(th, s))
		return;
	s->mss = TCP_MSS_DEFAULT;
	s->opts = 0;
	s->wscale = 0;
	s->has_ts = false;
	s->n_sack = 0;
	while (o < end && *o != OPT_END) {
		if (*o == OPT_NOP) {
			o++;
			continue;
		}
		if (end - o < 2 || o[1] < 2 || o[1] > end - o)
			return;
		option(o, s);
		o += o[1];
	}
}

void tcp_write_syn_options(
	const struct lcore *lc, const struct tc_run *tc, const struct tcb *t, bool ack, uint8_t *at)
{
	word_put(&at, WORD(OPT_MSS, 4, 0, 0) | tc->mss_say);
	if (t->opts & TO_TS) {
		word_put(&at,
			t->opts & TO_SACK ? WORD(OPT_SACK_PERMITTED, 2, OPT_TS, 10)
					  : WORD(OPT_NOP, OPT_NOP, OPT_TS, 10));
		word_put(&at, tcp_ts_now(lc));
		word_put(&at, ack ? t->ts.recent : 0);
	} else if (t->opts & TO_SACK) {
		word_put(&at, WORD(OPT_NOP, OPT_NOP, OPT_SACK_PERMITTED, 2));
	}
	if (t->opts & TO_WSCALE)
		word_put(&at, WORD(OPT_NOP, OPT_WSCALE, 3, t->rcv_wscale));
}

/* Run r at *p, unless it is among the n blocks before. */
static bool block_put(uint8_t **p, uint8_t n, const struct tcp_run *r)
{
	const uint8_t *b = *p - 8 * n;

	for (uint8_t i = 0; i < n; i++, b += 8) {
		if (be32_at(b) == r->start)
			return false;
	}
	word_put(p, r->start);
	word_put(p, r->end);
	return true;
}

uint16_t tcp_write_sack(const struct tcp_side *sd, uint8_t *at, uint16_t room)
{
	uint8_t *p = at + 4, n_max = room < 4 ? 0 : MIN_OF((room - 4) / 8, SACK_RECENT), n = 0;

	/* those that grew last, then, when some of them are delivered, any */
	for (uint8_t i = 0; i < sd->n_recent && n < n_max; i++) {
		const struct tcp_run *r = sd->run;

		while (r < sd->run + sd->n_runs && seq_le(r->end, sd->recent[i]))
			r++;
		if (r < sd->run + sd->n_runs && seq_le(r->start, sd->recent[i]))
			n += block_put(&p, n, r);
	}
	for (uint8_t i = 0; i < sd->n_runs && n < n_max; i++)
		n += block_put(&p, n, &sd->run[i]);
	if (n == 0)
		return 0;
	word_put(&at, WORD(OPT_NOP, OPT_NOP, OPT_SACK, 2 + 8 * n));
	return 4 + 8 * n;
}

uint8_t tcp_wscale_for(uint32_t win)
{
	uint8_t n = 0;

	while (n < TCP_WSCALE_MAX && win >> n > UINT16_MAX)
		n++;
	return n;
}
