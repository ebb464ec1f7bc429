/* How much of each worker was used: once a second the difference of its counters, for all who look. A
 * worker that hangs in one turn counts nothing, and is not known. */
#include "engine/mgmt/mgmt_priv.h"

#define POLLS_LEAST 1000000 /* turns in vain that tell what one costs */

static struct counts {
	struct stats_lcore lcore;
	uint64_t rx_pkts, tx_pkts;
} then[WORKERS_MAX];
static uint64_t poll_cycles[WORKERS_MAX];
static uint64_t next_ns;

static struct counts counted(uint32_t worker)
{
	struct counts c = {0};

	stats_merge(stats_group_find("lcore"), &c.lcore, &lcores[worker]->lst->lcore);
	for (uint32_t p = 0; p < n_ports; p++) {
		const struct stats_port *port = &seg_stats_port(segment, worker, p)->port;

		c.rx_pkts += __atomic_load_n(&port->rx_pkts, __ATOMIC_RELAXED);
		c.tx_pkts += __atomic_load_n(&port->tx_pkts, __ATOMIC_RELAXED);
	}
	return c;
}

/* The least that they cost on average in any second: waits for the CPU are in others. */
static void polls_learn(
	uint32_t worker, const struct stats_lcore *now, const struct stats_lcore *was)
{
	uint64_t turns = (now->loops - was->loops) - (now->busy_loops - was->busy_loops);
	uint64_t cycles = (now->all_cycles - was->all_cycles)
		- (now->busy_cycles - was->busy_cycles);

	if (turns >= POLLS_LEAST && turns <= now->loops - was->loops
		&& (poll_cycles[worker] == 0 || cycles / turns < poll_cycles[worker]))
		poll_cycles[worker] = cycles / turns;
}

static void publish(uint32_t worker)
{
	struct seg_worker *w = seg_worker(segment, worker);
	struct counts now = counted(worker), *was = &then[worker];

	polls_learn(worker, &now.lcore, &was->lcore);
	seg_write_begin(&w->seq);
	w->load = (struct seg_load){.cycles = now.lcore.all_cycles - was->lcore.all_cycles,
		.busy_cycles = now.lcore.busy_cycles - was->lcore.busy_cycles,
		.busy_turns = now.lcore.busy_loops - was->lcore.busy_loops,
		.poll_cycles = poll_cycles[worker],
		.rx_pkts = now.rx_pkts - was->rx_pkts,
		.tx_pkts = now.tx_pkts - was->tx_pkts};
	seg_write_end(&w->seq);
	*was = now;
}

void load_tick(uint64_t now_ns)
{
	if (now_ns < next_ns)
		return;
	next_ns = now_ns + SECOND_NS;
	for (uint32_t i = 0; i < n_workers; i++)
		publish(i);
}
