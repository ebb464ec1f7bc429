/* How much may be in flight: NewReno (RFC 5681, 6582), CUBIC (RFC 9438), or the peer's window alone. ssthresh and
 * CUBIC's W_max are counted in segments, so that all of it has room in the endpoint's two lines. */
#include "engine/l4_tcp/tcp_priv.h"

#include <math.h>

/* RFC 9438 §4.1, §4.6 */
#define CUBIC_C 0.4f
#define CUBIC_BETA 0.7f
#define CUBIC_ALPHA (3.0f * (1.0f - CUBIC_BETA) / (1.0f + CUBIC_BETA))
#define EPOCH_MS 16
#define EPOCH_MAX_MS \
	(50000u * EPOCH_MS) /* after so long it is begun anew: the clock of epochs wraps */

static uint16_t epoch_now(const struct lcore *lc)
{
	return (uint16_t)(lc->now_ms / EPOCH_MS);
}

static uint16_t segments(const struct tcb *t, uint32_t bytes)
{
	return (uint16_t)MIN_OF(bytes / t->c.mss, SSTHRESH_NONE - 1u);
}

void tcp_cwnd_init(const struct tc_run *tc, struct tcb *t, bool syn_lost)
{
	uint32_t mss = t->c.mss;

	t->cwnd = syn_lost ? mss : MIN_OF(10 * mss, MAX_OF(2 * mss, 14600u));
	if (tc->congestion == congestion_NONE)
		t->cwnd = CWND_MAX;
}

/* RFC 9438 §4.2: the window s seconds into the epoch, by its cubic curve, segments. */
static float w_cubic(const struct tcb *t, float s)
{
	float w_max = t->w_max, k = cbrtf(MAX_OF(w_max - t->ssthresh, 0.0f) / CUBIC_C);

	return CUBIC_C * (s - k) * (s - k) * (s - k) + w_max;
}

/* RFC 9438 §4.3: Reno's, from the same begin. It is reckoned from the time, not added up: so it
 * needs no place in the endpoint. */
static float w_est(const struct tcb *t, float rtts)
{
	float begin = t->ssthresh, to_max = MAX_OF(t->w_max - begin, 0.0f) / CUBIC_ALPHA;

	return rtts < to_max ? begin + CUBIC_ALPHA * rtts : (float)t->w_max + rtts - to_max;
}

/* When, in seconds of the epoch, its curves pass a window of so many segments. */
static float cubic_time(const struct tcb *t, float cwnd, float rtt)
{
	float begin = t->ssthresh, w_max = t->w_max;
	float k = cbrtf(MAX_OF(w_max - begin, 0.0f) / CUBIC_C);
	float by_cubic = k + cbrtf((cwnd - w_max) / CUBIC_C);
	float by_est = cwnd < w_max ? (cwnd - begin) / CUBIC_ALPHA
				    : MAX_OF(w_max - begin, 0.0f) / CUBIC_ALPHA + cwnd - w_max;

	return MAX_OF(MIN_OF(by_cubic, by_est * rtt), 0.0f);
}

/* The epoch begins anew where the window is: K is 0 (§4.8). */
static void cubic_begin(const struct lcore *lc, struct tcb *t)
{
	t->w_max = t->ssthresh = segments(t, t->cwnd);
	t->epoch = epoch_now(lc);
}

static void cubic_avoid(const struct lcore *lc, struct tcb *t, uint32_t acked)
{
	uint32_t ms = (uint16_t)(epoch_now(lc) - t->epoch) * EPOCH_MS;
	float cwnd = (float)t->cwnd / t->c.mss, rtt = (float)MAX_OF(t->srtt_us, 1000u) * 1e-6f;
	float target, est;

	if (t->w_max == 0 || ms > EPOCH_MAX_MS) {
		cubic_begin(lc, t);
		ms = 0;
	}
	target = w_cubic(t, (float)ms * 1e-3f + rtt);
	est = w_est(t, (float)ms * 1e-3f / rtt);
	if (MAX_OF(target, est) > 1.5f * cwnd + 2e-3f * EPOCH_MS / rtt) {
		/* the window has not followed, for want of data or of the peer's window: time in
		 * which it did not does not count (§5.8) */
		ms = (uint32_t)(cubic_time(t, cwnd, rtt) * 1e3f);
		t->epoch = (uint16_t)(epoch_now(lc) - ms / EPOCH_MS);
		target = w_cubic(t, (float)ms * 1e-3f + rtt);
		est = w_est(t, (float)ms * 1e-3f / rtt);
	}
	if (est > w_cubic(t, (float)ms * 1e-3f) && est > cwnd) {
		t->cwnd += MIN_OF((uint32_t)((est - cwnd) * t->c.mss), acked);
		return;
	}
	target = MIN_OF(target, 1.5f * cwnd);
	if (target > cwnd)
		t->cwnd += (uint32_t)((target - cwnd) / cwnd * acked);
}

/* RFC 5681 §3.1: a segment a round trip, by bytes of the whole segments there is room for. Rounded up:
 * a byte less than a segment more would be none for a round trip. */
static void reno_avoid(struct tcb *t, uint32_t acked)
{
	uint32_t n = MAX_OF(t->cwnd / t->c.mss, 1u);

	t->cwnd += (acked + n - 1) / n;
}

void tcp_cwnd_avoid(const struct lcore *lc, const struct tc_run *tc, struct tcb *t, uint32_t acked)
{
	if (tc->congestion == congestion_CUBIC)
		cubic_avoid(lc, t, acked);
	else
		reno_avoid(t, acked);
	t->cwnd = MIN_OF(t->cwnd, CWND_MAX);
}

void tcp_ssthresh_cut(const struct tc_run *tc, struct tcb *t, uint32_t acked)
{
	/* without what limited transmit added, RFC 5681 §3.2 */
	uint32_t flight = MIN_OF(t->snd_max - t->snd_una + acked, t->cwnd);
	uint16_t was = segments(t, t->cwnd);

	if (t->opts & TO_ECN) /* RFC 3168 §6.1.2: for whatever reason */
		t->opts |= TO_CWR;
	if (tc->congestion == congestion_CUBIC) {
		t->ssthresh = MAX_OF(segments(t, (uint32_t)((float)flight * CUBIC_BETA)), 2);
		/* §4.7: fast convergence */
		t->w_max = was < t->w_max ? (uint16_t)(was * (1.0f + CUBIC_BETA) / 2.0f) : was;
	} else if (tc->congestion == congestion_NEWRENO) {
		t->ssthresh = MAX_OF(segments(t, flight / 2), 2); /* RFC 5681 equation 4 */
	}
}

void tcp_cwnd_to_ssthresh(const struct lcore *lc, const struct tc_run *tc, struct tcb *t)
{
	if (tc->congestion == congestion_NONE)
		return;
	t->cwnd = (uint32_t)t->ssthresh * t->c.mss;
	t->epoch = epoch_now(lc);
}

void tcp_cwnd_collapse(const struct tc_run *tc, struct tcb *t, bool again)
{
	if (tc->congestion == congestion_NONE)
		return;
	if (!again) /* RFC 5681 §3.1: the same segment's next time-out leaves it */
		tcp_ssthresh_cut(tc, t, 0);
	t->w_max = 0;
	t->cwnd = t->c.mss;
}

void tcp_cwnd_undo(const struct tc_run *tc, struct tcb *t)
{
	float beta = tc->congestion == congestion_CUBIC ? CUBIC_BETA : 0.5f;
	uint32_t was;

	if (tc->congestion == congestion_NONE || t->ssthresh == SSTHRESH_NONE)
		return;
	was = (uint32_t)((float)t->ssthresh / beta); /* it was made of the flight */
	t->cwnd = MAX_OF(t->cwnd, was * t->c.mss);
	t->ssthresh = segments(t, t->cwnd);
}
