/* Options of SYN segments: MSS (RFC 9293 §3.7.1) and window scale (RFC 7323). Others are skipped.
 */
#include "engine/l4_tcp/tcp_priv.h"

#define OPT_END 0
#define OPT_NOP 1
#define OPT_MSS 2
#define OPT_WSCALE 3
#define WSCALE_MAX 14

void tcp_parse_syn_options(const struct tcp_hdr *th, struct seg_in *s)
{
	const uint8_t *o = (const uint8_t *)(th + 1),
		      *end = (const uint8_t *)th + (th->off >> 4) * 4;

	s->mss = TCP_MSS_DEFAULT;
	s->wscale = 255;
	while (o < end && *o != OPT_END) {
		if (*o == OPT_NOP) {
			o++;
			continue;
		}
		if (end - o < 2 || o[1] < 2 || o[1] > end - o)
			return;
		if (o[0] == OPT_MSS && o[1] == 4)
			s->mss = MAX_OF((uint16_t)(o[2] << 8 | o[3]), 64);
		else if (o[0] == OPT_WSCALE && o[1] == 3)
			s->wscale = MIN_OF(o[2], WSCALE_MAX);
		o += o[1];
	}
}

uint16_t tcp_write_syn_options(uint8_t *at, uint16_t mss, uint8_t wscale)
{
	at[0] = OPT_MSS;
	at[1] = 4;
	at[2] = mss >> 8;
	at[3] = mss & 255;
	if (wscale == 255)
		return 4;
	at[4] = OPT_NOP;
	at[5] = OPT_WSCALE;
	at[6] = 3;
	at[7] = wscale;
	return 8;
}

uint8_t tcp_wscale_for(uint32_t win)
{
	uint8_t n = 0;

	while (n < WSCALE_MAX && win >> n > UINT16_MAX)
		n++;
	return n;
}
