/* clear statistics: this process's own baseline, or that of each of those it does this for. Nobody
 * else sees it. */
#include "cli/since.h"

static struct baseline own, *base = &own;

void since_use(struct baseline *b)
{
	base = b;
}

int since_now(const struct seg *s, bool one_port, uint32_t port)
{
	return baseline_take(
		base, s, one_port ? port : 0, one_port ? port + 1 : s->hdr.n_ports, !one_port);
}

bool since_cleared(uint32_t port)
{
	return port == UINT32_MAX ? base->lcores : base->ports[port];
}

void since_port(const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, uint32_t port,
	struct stats_port_block *out)
{
	baseline_sum_port(base, s, lc_lo, lc_hi, port, out);
}

void since_lcore(const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, struct stats_lcore_block *out)
{
	baseline_sum_lcore(base, s, lc_lo, lc_hi, out);
}

void since_tc(const struct seg *s, uint32_t port, uint32_t tcid, struct stats_tc_block *out)
{
	baseline_sum_tc(base, s, port, tcid, out);
}

void since_imix(const struct seg *s, uint32_t group, uint32_t slot, struct stats_tc_block *out)
{
	baseline_sum_imix(base, s, group, slot, out);
}

void since_latency(const struct seg *s, uint32_t port, uint32_t tcid, uint32_t samples,
	struct stats_latency *st, struct latency_total *out)
{
	baseline_sum_latency(base, s, port, tcid, samples, st, out);
}

void since_times(const struct seg *s, uint32_t port, uint32_t tcid, struct times_total *out)
{
	baseline_sum_times(base, s, port, tcid, out);
}

void since_device(const struct seg *s, uint32_t port, struct stats_device *out)
{
	baseline_device(base, s, port, out);
}
