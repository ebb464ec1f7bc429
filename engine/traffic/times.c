/* Response times of clients: from a connection's SYN or from a request until the first byte of the
 * response comes, and until the last. What is remembered of a connection is one word in an array
 * beside its block, which exists only where somebody measures: an endpoint has no room for it.
 *
 * A time begins by the clock, just before the packet is built, and ends when the burst was taken that
 * brought the byte (lc->rx_tsc), as latencies do. */
#include "engine/l4_conn/l4_conn.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic_priv.h"

#include <string.h>

/* The word: ns of the begin, and in the low bits which byte is awaited. */
#define AWAITS_NONE 0u
#define AWAITS_FIRST 1u
#define AWAITS_LAST 2u
#define AWAITS_BITS 2
#define AWAITS(word) ((word) & ((1u << AWAITS_BITS) - 1))

void times_start(struct lcore *lc, struct tc_run *tc, struct stats_times *st)
{
	const struct times_config *cfg = &tc->cfg->times;

	if (cfg->from == times_from_OFF)
		return;
	tc->times_from = cfg->from;
	tc->times_st = st;
	tc->times = seg_times(lc->seg, lc->index, cfg->slot - 1);
	memset(tc->times, 0, sizeof(*tc->times)); /* this worker alone writes it */
	tc->times_begun = lc->times[tc->is_udp];
	BUG_ON(tc->times_begun == NULL);
}

static uint64_t *word_of(const struct tc_run *tc, uint32_t id)
{
	return &tc->times_begun[id & ~CONN_UDP];
}

static void begins(struct lcore *lc, const struct tc_run *tc, uint32_t id)
{
	*word_of(tc, id) = lcore_ns_near(lc) << AWAITS_BITS | AWAITS_FIRST;
}

/* The word may be that of another session. */
void times_opens(struct lcore *lc, const struct tc_run *tc, uint32_t id)
{
	if (tc->times_from == times_from_SYN)
		begins(lc, tc, id);
	else
		*word_of(tc, id) = AWAITS_NONE;
}

void times_request(struct lcore *lc, const struct tc_run *tc, const struct conn *c, uint32_t id)
{
	if (tc->times_from == times_from_REQUEST && conn_app(tc, c)->answered)
		begins(lc, tc, id);
}

static void take(
	struct times_block *b, enum times_byte which, uint64_t ns, uint64_t *n, uint64_t *sum)
{
	b->min_ns[which] = *n == 0 ? ns : MIN_OF(b->min_ns[which], ns);
	hist_record(&b->hist[which], ns);
	*sum += ns;
	++*n;
}

/* Joined fragments come without a burst of their own: the last one's time may be before the begin. */
static uint64_t since(const struct lcore *lc, uint64_t word)
{
	uint64_t begin = word >> AWAITS_BITS, now = lcore_ns(lc, lc->rx_tsc);

	BUG_ON_HOT(now < begin);
	return now - begin;
}

uint64_t times_in(
	struct lcore *lc, struct tc_run *tc, const struct conn *c, uint32_t id, uint32_t len)
{
	struct stats_times *st = tc->times_st;
	uint64_t *word = word_of(tc, id), ns;

	if (AWAITS(*word) == AWAITS_FIRST && len != 0) {
		ns = since(lc, *word);
		*word ^= AWAITS_FIRST ^ AWAITS_LAST;
		st->first_max_ns = MAX_OF(st->first_max_ns, ns);
		take(tc->times, TIMES_FIRST, ns, &st->first_samples, &st->first_sum_ns);
	}
	return conn_st(tc, c)->responses;
}

void times_out(
	struct lcore *lc, struct tc_run *tc, const struct conn *c, uint32_t id, uint64_t responses)
{
	struct stats_times *st = tc->times_st;
	uint64_t *word, ns;

	if (conn_st(tc, c)->responses == responses)
		return;
	word = word_of(tc, id);
	if (AWAITS(*word) != AWAITS_LAST)
		return;
	ns = since(lc, *word);
	*word = AWAITS_NONE;
	st->last_max_ns = MAX_OF(st->last_max_ns, ns);
	take(tc->times, TIMES_LAST, ns, &st->last_samples, &st->last_sum_ns);
}
