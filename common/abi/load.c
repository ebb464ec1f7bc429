/* See load.h. */
#include "common/abi/load.h"

struct load load_of(const struct seg_load *l, uint64_t tsc_hz)
{
	double seconds = (double)l->cycles / (double)MAX_OF(tsc_hz, UINT64_C(1));
	uint64_t polls = MIN_OF(l->busy_turns * l->poll_cycles, l->busy_cycles);
	uint64_t pkts = MAX_OF(l->rx_pkts, l->tx_pkts);

	if (l->cycles == 0)
		return (struct load){.known = false};
	return (struct load){.known = true,
		/* these were not read at the same moment */
		.percent = MIN_OF(
			100 * (double)(l->busy_cycles - polls) / (double)l->cycles, 100.0),
		.rx_per_s = (double)l->rx_pkts / seconds,
		.tx_per_s = (double)l->tx_pkts / seconds,
		.pkts_per_turn = l->busy_turns ? (double)pkts / (double)l->busy_turns : 0,
		.cycles_per_pkt = pkts ? (double)l->busy_cycles / (double)pkts : 0};
}
