/* A digest of a run: each packet with the time at which its port was given it, and all counters at the end. Two
 * programs that behave alike have the same for each seed (predict.sh). */
#include "test/sim/rng.h"
#include "test/sim/sim.h"

#include <string.h>

bool digest_wanted;
static uint64_t digest;

static void add(uint64_t word)
{
	digest = rng_mix(digest ^ word) + UINT64_C(0x9e3779b97f4a7c15);
}

static void add_bytes(const void *bytes, size_t n)
{
	uint64_t word;

	add(n);
	for (size_t i = 0; i < n; i += sizeof(word)) {
		word = 0;
		memcpy(&word, (const char *)bytes + i, MIN_OF(sizeof(word), n - i));
		add(word);
	}
}

void digest_begin(void)
{
	digest = 0;
}

void digest_packet(uint16_t port, const struct rte_mbuf *m)
{
	if (!digest_wanted)
		return;
	add(port);
	add(sim.now);
	add_bytes(rte_pktmbuf_mtod(m, const void *), m->data_len);
}

uint64_t digest_end(void)
{
	add(sim.n_turns);
	add(sim.now);
	for (uint16_t i = 0; i < 2; i++) {
		add_bytes(seg_stats_port(world.seg, i, i), sizeof(struct stats_port_block));
		add_bytes(seg_stats_lcore(world.seg, i), sizeof(struct stats_lcore_block));
		for (uint32_t k = 0; k < sim.sc.run.n_tcs; k++)
			add_bytes(seg_stats_tc(world.seg, i, i, k), sizeof(struct stats_tc_block));
	}
	return digest;
}
