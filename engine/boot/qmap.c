/* Which workers serve which queues of which ports: --qmap, or a default. Known before ports are
 * made, so that each queue gets the buffers of its worker. */
#include "common/util/log.h"
#include "engine/boot/boot.h"
#include "engine/lcore/lcore.h"

#include <rte_config.h>

#include <errno.h>
#include <string.h>

#define RING_QUEUES RTE_PMD_RING_MAX_RX_RINGS /* of a ring port: DPDK's driver has no more */
static_assert(LCORE_IDS_MAX <= RTE_MAX_LCORE);

static struct {
	uint32_t n;
	uint16_t worker[WORKERS_MAX];
} map[PORTS_MAX];

uint32_t qmap_queues(uint32_t port)
{
	return map[port].n;
}

uint32_t qmap_worker(uint32_t port, uint32_t queue)
{
	return map[port].worker[queue];
}

static void add(uint32_t port, uint32_t worker)
{
	map[port].worker[map[port].n++] = (uint16_t)worker;
}

static int given(uint32_t port, const struct lcore_mask *mask)
{
	for (uint32_t id = 0; id < LCORE_IDS_MAX; id++) {
		int w;

		if (!(mask->bits[id / 64] >> id % 64 & 1))
			continue;
		w = worker_of_lcore(id);
		if (w < 0) {
			log_line(loglevel_ERR,
				"error: --qmap of port %u: lcore %u is no worker (the first lcore "
				"manages; workers are the others of -l or -c)",
				port, id);
			return -EINVAL;
		}
		add(port, (uint32_t)w);
	}
	if (map[port].n == 0) {
		log_line(loglevel_ERR,
			"error: --qmap: port %u is left out, every port needs its lcores", port);
		return -EINVAL;
	}
	return 0;
}

/* Each worker serves one port, as many as there are; or ports share workers when those are fewer.
 */
static void max_c(uint32_t port, uint32_t n_total)
{
	for (uint32_t w = port % n_workers; w < n_workers; w += n_total)
		add(port, w);
}

static void max_q(uint32_t port)
{
	(void)port;
	for (uint32_t w = 0; w < n_workers; w++)
		add(port, w);
}

/* Of more workers than the driver has queues each pair takes others, as far as there are. */
static void pair_narrow(uint32_t port, uint32_t pair)
{
	uint32_t n = map[port].n;
	uint16_t all[WORKERS_MAX];

	if (n <= RING_QUEUES)
		return;
	memcpy(all, map[port].worker, sizeof(all));
	for (uint32_t q = 0; q < RING_QUEUES; q++)
		map[port].worker[q] = all[(pair * RING_QUEUES + q) % n];
	map[port].n = RING_QUEUES;
}

/* Both ports of a ring pair need the same number of queues. */
static int pair_check(uint32_t port, uint32_t pair, bool exact)
{
	uint32_t a = map[port].n, b = map[port + 1].n;

	if (exact && MAX_OF(a, b) > RING_QUEUES) {
		log_line(loglevel_ERR,
			"error: --qmap: ring ports %u and %u may have at most %d lcores, they have "
			"%u and %u",
			port, port + 1, RING_QUEUES, a, b);
		return -EINVAL;
	}
	pair_narrow(port, pair);
	pair_narrow(port + 1, pair);
	a = map[port].n;
	b = map[port + 1].n;

	if (a != b && exact) {
		log_line(loglevel_ERR,
			"error: --qmap: ring ports %u and %u need the same number of lcores, they "
			"have %u "
			"and %u",
			port, port + 1, a, b);
		return -EINVAL;
	}
	map[port].n = map[port + 1].n = MIN_OF(a, b);
	return 0;
}

static int one_port(const struct options *o, uint32_t port, uint32_t n_total)
{
	memset(&map[port], 0, sizeof(map[port]));
	if (o->given.qmap)
		return given(port, &o->qmap[port]);
	if (strcmp(o->qmap_default, "max-c") == 0)
		max_c(port, n_total);
	else
		max_q(port);
	return 0;
}

int qmap_resolve(const struct options *o, uint32_t n_devs)
{
	static const struct lcore_mask none;
	uint32_t rings = n_devs + (uint32_t)o->ring_if_pairs * 2,
		 total = rings + (uint32_t)o->tap_ifs;
	int rc = 0;

	if (total == 0 || total > PORTS_MAX) {
		log_line(loglevel_ERR, "error: %u ports came up, 1..%u are possible%s", total,
			PORTS_MAX,
			total == 0 ? ": is the NIC bound to a DPDK driver (dpdk-devbind.py -s)?"
				   : "");
		return -EINVAL;
	}
	for (uint32_t p = total; p < PORTS_MAX; p++) {
		if (memcmp(&o->qmap[p], &none, sizeof(none)) != 0) {
			log_line(loglevel_ERR,
				"error: --qmap: port %u does not exist, there are %u", p, total);
			return -EINVAL;
		}
	}
	for (uint32_t p = 0; p < total && rc == 0; p++)
		rc = one_port(o, p, total);
	for (uint32_t p = n_devs; p < rings && rc == 0; p += 2)
		rc = pair_check(p, (p - n_devs) / 2, o->given.qmap);
	return rc;
}
