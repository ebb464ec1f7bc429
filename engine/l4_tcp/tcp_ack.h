/* What an ACK of new data says of the path: inlined into those who take it in. */
#pragma once

#include "engine/l4_tcp/tcp_priv.h"

#include <stdlib.h>

/* What was in flight before this ACK must have made use of the window, else it says nothing of it. */
static force_inline void tcp_cwnd_grow(const struct lcore *lc, const struct tc_run *tc,
	struct tcb *t, uint32_t acked, uint32_t flight)
{
	if (likely(flight + t->c.mss <= t->cwnd / 2) || t->cwnd >= CWND_MAX)
		return;
	if (tcp_slow_start(t))
		t->cwnd += MIN_OF(acked, t->c.mss); /* RFC 5681 equation 2 */
	else if (flight + t->c.mss >= t->cwnd)      /* RFC 9438 §4.6 */
		tcp_cwnd_avoid(lc, tc, t, acked);
}

/* n: of 2^n samples a round trip. */
static force_inline void tcp_rtt_sample(const struct tc_run *tc, struct tcb *t, uint32_t us, int n)
{
	int32_t err = (int32_t)(us - t->srtt_us);

	if (unlikely(t->srtt_us == 0)) {
		t->srtt_us = us;
		t->rttvar_us = us / 2;
	} else {
		t->rttvar_us += (uint32_t)((abs(err) - (int32_t)t->rttvar_us) >> (2 + n));
		t->srtt_us += (uint32_t)(err >> (3 + n));
	}
	t->srtt_us |= 1;
	t->rto_ms = tcp_rto(tc, t);
}
