/* Round-trip time and retransmission time-out: RFC 6298 §2, RFC 7323 §4.2. The test case's rto is the first value and
 * the least. */
#include "engine/l4_tcp/tcp_priv.h"

#define GRANULARITY_US 1000u /* of the wheel, and of timestamps */

uint16_t tcp_rto(const struct tc_run *tc, const struct tcb *t)
{
	uint32_t ms = (t->srtt_us + MAX_OF(4 * t->rttvar_us, GRANULARITY_US)) / 1000;

	if (t->srtt_us == 0)
		return (uint16_t)tc->rto_ms;
	return (uint16_t)MIN_OF(MAX_OF(ms, tc->rto_ms), TCP_RTO_MAX_MS);
}

void tcp_rtt_sample(const struct tc_run *tc, struct tcb *t, uint32_t us, uint32_t flight)
{
	if (t->srtt_us == 0) {
		t->srtt_us = us | 1;
		t->rttvar_us = us / 2;
	} else {
		int32_t err = (int32_t)(us - t->srtt_us), beta = 4, alpha = 8;

		/* a sample for each ACK weighs less than one a round trip (RFC 7323 appendix G) */
		if ((t->opts & TO_TS) && unlikely(flight > 2u * t->c.mss)) {
			int32_t expected = (int32_t)((flight - 1) / (2u * t->c.mss) + 1);

			alpha *= expected;
			beta *= expected;
		}
		t->rttvar_us += ((err < 0 ? -err : err) - (int32_t)t->rttvar_us) / beta;
		t->srtt_us = (uint32_t)((int32_t)t->srtt_us + err / alpha) | 1;
	}
	t->rto_ms = tcp_rto(tc, t);
}
