/* show lcore load. */
#include "cli/show.h"
#include "cli/show_priv.h"
#include "common/abi/load.h"

#include <math.h>

static json_t *rounded(bool known, double v)
{
	return known ? json_integer(llround(v)) : json_null();
}

/* To a hundredth: what is meant is seen, and the text of a double is short. */
static json_t *hundredths(bool known, double v)
{
	return known ? json_real(round(v * 100) / 100) : json_null();
}

static json_t *worker(const struct seg *s, uint32_t i, const struct seg_worker *w)
{
	uint64_t longest = __atomic_load_n(
		&seg_stats_lcore(s, i)->lcore.longest_now, __ATOMIC_RELAXED);
	struct load l = load_of(&w->load, s->hdr.tsc_hz);

	return json_pack("{sI sI so so so so so so}", "lcore", INT(w->lcore_id), "cpu", INT(w->cpu),
		"load_percent", hundredths(l.known, l.percent), "rx_pkts_per_second",
		rounded(l.known, l.rx_per_s), "tx_pkts_per_second", rounded(l.known, l.tx_per_s),
		"packets_per_turn", hundredths(l.pkts_per_turn != 0, l.pkts_per_turn),
		"cycles_per_packet", hundredths(l.cycles_per_pkt != 0, l.cycles_per_pkt),
		"longest_turn_us",
		hundredths(l.known, (double)longest * 1e6 / (double)s->hdr.tsc_hz));
}

json_t *show_lcore_load(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_workers; i++) {
		struct seg_worker w;
		int rc = seg_read(seg_worker(s, i), &w, sizeof(w));

		if (rc != 0)
			return show_nothing(rc, a);
		json_array_append_new(a, worker(s, i, &w));
	}
	return json_pack("{so}", "workers", a);
}
