/* How much of a worker is used: what readers make of what management wrote. */
#pragma once

#include "common/abi/segment.h"

/* Packets are those sent or those received, whichever are more. */
struct load {
	bool known; /* else the worker has not turned since: the rest is 0 */
	/* Of its time, that of turns that found work, but for what each would have cost had it
	 * found nothing. Turns with few packets cost more a packet than full ones: there is more
	 * room than 100 % less this. */
	double percent;
	double rx_per_s, tx_per_s; /* packets */
	double pkts_per_turn;      /* that found work; 0: no packets */
	double cycles_per_pkt;     /* of those turns whole; 0: no packets */
};

struct load load_of(const struct seg_load *l, uint64_t tsc_hz);
