/* The sender's scoreboard (RFC 2018 §5, 6675): which bytes the peer has beyond the first hole, and
 * how far each hole was sent again. Only what ACKs told is kept, no record of segments, as there is
 * no send buffer. A block that has no room for one more range forgets it: those bytes may be sent
 * twice. */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_byteorder.h>

#include <string.h>

static void sacked_insert(struct tcp_side *sd, uint8_t at)
{
	memmove(&sd->sacked[at + 1], &sd->sacked[at], (sd->n_sacked - at) * sizeof(sd->sacked[0]));
	sd->n_sacked++;
}

static void sacked_remove(struct tcp_side *sd, uint8_t at)
{
	sd->n_sacked--;
	memmove(&sd->sacked[at], &sd->sacked[at + 1], (sd->n_sacked - at) * sizeof(sd->sacked[0]));
}

/* Where the hole before range i begins. */
static uint32_t hole_start(const struct tcp_side *sd, const struct tcb *t, uint8_t i)
{
	return i == 0 ? t->snd_una : sd->sacked[i - 1].end;
}

/* Ranges from at on that [.., end) of range at has reached are joined with it. */
static void sacked_join(struct tcp_side *sd, uint8_t at)
{
	struct tcp_sacked *r = &sd->sacked[at];

	while (at + 1 < sd->n_sacked && seq_le(r[1].start, r->end)) {
		if (seq_lt(r->end, r[1].end))
			r->end = r[1].end;
		sacked_remove(sd, at + 1);
	}
}

/* True when [start, end) has bytes that were not known; as a whole when there is no room for it. */
static bool sacked_add(struct tcp_side *sd, uint32_t una, uint32_t start, uint32_t end)
{
	struct tcp_sacked *r;
	uint8_t i = 0;

	while (i < sd->n_sacked && seq_lt(sd->sacked[i].end, start))
		i++;
	r = &sd->sacked[i];
	if (i < sd->n_sacked && seq_le(r->start, end)) { /* touches */
		if (seq_le(r->start, start) && seq_le(end, r->end))
			return false;
		if (seq_lt(start, r->start))
			r->start = start;
		if (seq_lt(r->end, end))
			r->end = end;
		sacked_join(sd, i);
		return true;
	}
	if (sd->n_sacked == SIDE_SACKED)
		return true;
	sacked_insert(sd, i);
	/* it splits the hole that was before range i + 1: both know how far that was sent again */
	*r = (struct tcp_sacked){start, end, start, 0};
	if (i + 1 < sd->n_sacked) {
		r->rtx_to = r[1].rtx_to;
		r->mark = r[1].mark;
	} else {
		r->rtx_to = i == 0 ? una : r[-1].end;
	}
	return true;
}

bool tcp_sack_take(struct lcore *lc, struct tcb *t, const struct seg_in *s)
{
	struct tcp_side *sd = NULL;
	bool news = false;

	for (uint8_t i = 0; i < s->n_sack; i++) {
		uint32_t b[2], start, end;

		memcpy(b, s->sack + 8 * i, sizeof(b));
		start = rte_be_to_cpu_32(b[0]);
		end = rte_be_to_cpu_32(b[1]);
		/* of what is acknowledged already (RFC 2883), or was never sent */
		if (!seq_lt(start, end) || seq_le(start, s->ack) || seq_le(end, t->snd_una)
			|| seq_lt(t->snd_max, end))
			continue;
		if (seq_lt(start, t->snd_una))
			start = t->snd_una;
		if (sd == NULL)
			sd = tcp_side_get(lc, t);
		if (sd == NULL)
			return true;
		news |= sacked_add(sd, t->snd_una, start, end);
	}
	return news;
}

void tcp_sack_advance(struct lcore *lc, struct tcb *t)
{
	struct tcp_side *sd = tcp_side(lc, t);

	while (sd->n_sacked != 0 && seq_le(sd->sacked[0].end, t->snd_una))
		sacked_remove(sd, 0);
	if (sd->n_sacked != 0 && seq_lt(sd->sacked[0].start, t->snd_una))
		sd->sacked[0].start = t->snd_una;
	tcp_side_drop(lc, t);
}

void tcp_sack_clear(struct lcore *lc, struct tcb *t)
{
	if (t->side == CONN_NONE)
		return;
	tcp_side(lc, t)->n_sacked = 0;
	tcp_side_drop(lc, t);
}

/* Bytes known to have arrived at or above seq. */
static uint32_t sacked_above(const struct tcp_side *sd, uint32_t seq)
{
	uint32_t n = 0;

	for (uint8_t i = sd->n_sacked; i-- > 0 && seq_lt(seq, sd->sacked[i].end);)
		n += sd->sacked[i].end
			- (seq_lt(sd->sacked[i].start, seq) ? seq : sd->sacked[i].start);
	return n;
}

/* RFC 6675 IsLost() of the hole before range i, of which above bytes have arrived behind it. */
static bool hole_lost(const struct tcp_side *sd, const struct tcb *t, uint8_t i, uint32_t above)
{
	return sd->n_sacked - i >= TCP_DUPACKS || above > (TCP_DUPACKS - 1) * (uint32_t)t->c.mss;
}

bool tcp_sack_first_lost(const struct lcore *lc, const struct tcb *t)
{
	const struct tcp_side *sd = tcp_side(lc, t);

	return hole_lost(sd, t, 0, sacked_above(sd, t->snd_una));
}

bool tcp_sack_first_resent(const struct lcore *lc, const struct tcb *t)
{
	return seq_lt(t->snd_una, tcp_side(lc, t)->sacked[0].rtx_to);
}

/* Was what was sent again of the hole before range i lost once more? Then data sent after it has
 * arrived: what RFC 8985 tells by time, by order. */
static bool rtx_lost(const struct tcp_side *sd, const struct tcb *t, uint8_t i)
{
	return sacked_above(sd, sd->sacked[i].mark) > (TCP_DUPACKS - 1) * (uint32_t)t->c.mss;
}

uint32_t tcp_pipe(const struct lcore *lc, const struct tcb *t)
{
	const struct tcp_side *sd;
	uint32_t pipe, above = 0;

	if (!tcp_has_sacked(lc, t))
		return t->snd_nxt - t->snd_una;
	sd = tcp_side(lc, t);
	if (seq_lt(t->snd_nxt, t->snd_max)) /* from snd_una on again: what is beyond does not count
	                                     */
		return t->snd_nxt - t->snd_una
			- (sacked_above(sd, t->snd_una) - sacked_above(sd, t->snd_nxt));
	pipe = t->snd_max - t->snd_una;
	for (uint8_t i = sd->n_sacked; i-- > 0;) {
		const struct tcp_sacked *r = &sd->sacked[i];
		uint32_t lo = hole_start(sd, t, i);

		above += r->end - r->start;
		pipe -= r->end - r->start;
		if (hole_lost(sd, t, i, above)) {
			uint32_t from = seq_lt(lo, r->rtx_to) && !rtx_lost(sd, t, i) ? r->rtx_to
										     : lo;

			pipe -= seq_lt(from, r->start) ? r->start - from : 0;
		}
	}
	return pipe;
}

uint32_t tcp_sack_next(const struct lcore *lc, struct tcb *t, bool rescue, uint32_t *seq)
{
	struct tcp_side *sd = tcp_side(lc, t);
	uint32_t above = sacked_above(sd, t->snd_una);

	for (uint8_t i = 0; i < sd->n_sacked; i++) {
		struct tcp_sacked *r = &sd->sacked[i];
		uint32_t lo = hole_start(sd, t, i), from = lo;

		if (!rescue && !hole_lost(sd, t, i, above))
			return 0;
		if (seq_lt(lo, r->rtx_to)) {
			if (rtx_lost(sd, t, i))
				r->rtx_to = lo;
			else
				from = r->rtx_to;
		}
		if (seq_lt(from, r->start)) {
			*seq = from;
			return MIN_OF(r->start - from, (uint32_t)t->c.mss);
		}
		above -= r->end - r->start;
	}
	return 0;
}

void tcp_sack_resent(const struct lcore *lc, struct tcb *t, uint32_t seq, uint32_t len)
{
	struct tcp_side *sd = tcp_side(lc, t);

	for (uint8_t i = 0; i < sd->n_sacked; i++) {
		struct tcp_sacked *r = &sd->sacked[i];

		if (seq_le(r->start, seq))
			continue;
		r->rtx_to = seq_lt(r->start, seq + len) ? r->start : seq + len;
		r->mark = t->snd_max;
		return;
	}
}

uint32_t tcp_sack_skip(const struct lcore *lc, const struct tcb *t, uint32_t seq)
{
	const struct tcp_side *sd = tcp_side(lc, t);

	for (uint8_t i = 0; i < sd->n_sacked && seq_le(sd->sacked[i].start, seq); i++) {
		if (seq_lt(seq, sd->sacked[i].end))
			return sd->sacked[i].end;
	}
	return seq;
}
