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

static uint8_t *be32_put(uint8_t *p, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Options that only a SYN may carry. */
static void syn_option(const uint8_t *o, struct seg_in *s)
{
	if (o[0] == OPT_MSS && o[1] == 4) {
		s->mss = MAX_OF((uint16_t)(o[2] << 8 | o[3]), TCP_MSS_MIN);
	} else if (o[0] == OPT_WSCALE && o[1] == 3) {
		s->wscale = MIN_OF(o[2], TCP_WSCALE_MAX); /* RFC 7323 §2.3 */
		s->opts |= TO_WSCALE;
	} else if (o[0] == OPT_SACK_PERMITTED && o[1] == 2) {
		s->opts |= TO_SACK;
	}
}

static void option(const uint8_t *o, struct seg_in *s)
{
	if (o[0] == OPT_TS && o[1] == 10) {
		s->has_ts = true;
		s->opts |= TO_TS;
		s->tsval = be32_at(o + 2);
		s->tsecr = be32_at(o + 6);
	} else if (o[0] == OPT_SACK && o[1] >= 10 && (o[1] - 2) % 8 == 0) {
		s->sack = o + 2;
		s->n_sack = (o[1] - 2) / 8;
	}
}

void tcp_parse_options(const struct tcp_hdr *th, struct seg_in *s)
{
	const uint8_t *o = (const uint8_t *)(th + 1),
		      *end = (const uint8_t *)th + (th->off >> 4) * 4;

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
		if (s->flags & TCP_SYN)
			syn_option(o, s);
		option(o, s);
		o += o[1];
	}
}

uint16_t tcp_write_syn_options(
	const struct lcore *lc, const struct tc_run *tc, const struct tcb *t, bool ack, uint8_t *at)
{
	uint8_t *p = at;

	memcpy(p, (uint8_t[]){OPT_MSS, 4, tc->mss_say >> 8, tc->mss_say & 255}, 4);
	p += 4;
	if (t->opts & (TO_SACK | TO_TS)) {
		bool sack = t->opts & TO_SACK, ts = t->opts & TO_TS;

		*p++ = sack ? OPT_SACK_PERMITTED : OPT_NOP;
		*p++ = sack ? 2 : OPT_NOP;
		*p++ = ts ? OPT_TS : OPT_NOP;
		*p++ = ts ? 10 : OPT_NOP;
		if (ts) {
			p = be32_put(p, tcp_ts_now(lc));
			p = be32_put(p, ack ? t->ts.recent : 0);
		}
	}
	if (t->opts & TO_WSCALE) {
		memcpy(p, (uint8_t[]){OPT_NOP, OPT_WSCALE, 3, t->rcv_wscale}, 4);
		p += 4;
	}
	return (uint16_t)(p - at);
}

uint16_t tcp_write_sack(const struct tcp_side *sd, uint8_t *at, uint16_t room)
{
	uint8_t *p = at + 4, n_max = room < 4 ? 0 : MIN_OF((room - 4) / 8, SACK_RECENT), n = 0;

	for (uint8_t i = 0; i < sd->n_recent && n < n_max; i++) {
		const struct tcp_run *r = sd->run;

		while (r < sd->run + sd->n_runs && seq_le(r->end, sd->recent[i]))
			r++;
		if (r == sd->run + sd->n_runs || seq_lt(sd->recent[i], r->start))
			continue;
		p = be32_put(p, r->start);
		p = be32_put(p, r->end);
		n++;
	}
	if (n == 0)
		return 0;
	memcpy(at, (uint8_t[]){OPT_NOP, OPT_NOP, OPT_SACK, 2 + 8 * n}, 4);
	return (uint16_t)(p - at);
}

uint8_t tcp_wscale_for(uint32_t win)
{
	uint8_t n = 0;

	while (n < TCP_WSCALE_MAX && win >> n > UINT16_MAX)
		n++;
	return n;
}
