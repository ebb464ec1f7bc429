/* Counters as this CLI shows them: since the last clear statistics, if there was one. */
#pragma once

#include "common/abi/baseline.h"

/* From now on all of this is about another baseline: that of the RPC server's client. */
void since_use(struct baseline *b);
/* What clear statistics of a port, or of everything, does: 0 or -errno. */
int since_now(const struct seg *s, bool one_port, uint32_t port);
/* Were they cleared? Of a port (UINT32_MAX: of what belongs to none). */
bool since_cleared(uint32_t port);
void since_port(const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, uint32_t port,
	struct stats_port_block *out);
void since_device(const struct seg *s, uint32_t port, struct stats_device *out);
void since_lcore(
	const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, struct stats_lcore_block *out);
void since_tc(const struct seg *s, uint32_t port, uint32_t tcid, struct stats_tc_block *out);
void since_imix(const struct seg *s, uint32_t group, uint32_t slot, struct stats_tc_block *out);
/* st: of since_tc(). */
void since_latency(const struct seg *s, uint32_t port, uint32_t tcid, uint32_t samples,
	struct stats_latency *st, struct latency_total *out);
void since_times(const struct seg *s, uint32_t port, uint32_t tcid, struct times_total *out);
