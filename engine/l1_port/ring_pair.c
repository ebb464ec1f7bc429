/* Two ports back to back in memory: what one sends the other receives, queue by queue, the very
 * buffers. */
#include "common/util/log.h"
#include "engine/l1_port/port_priv.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include <errno.h>
#include <stdio.h>

#define RING_LEN 1024 /* small, so that what is in flight stays in the cache; then senders wait */

static int rings_make(struct rte_ring **r, uint32_t pair, char way, uint32_t n)
{
	for (uint32_t q = 0; q < n; q++) {
		char name[32];

		snprintf(name, sizeof(name), "pair%u_%c_q%u", pair, way, q);
		r[q] = rte_ring_create(
			name, RING_LEN, rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (r[q] == NULL) {
			log_line(loglevel_ERR, "error: ring %s: %s", name, rte_strerror(rte_errno));
			return -rte_errno;
		}
	}
	return 0;
}

int ring_pair_create(uint32_t pair)
{
	struct rte_ring *ab[WORKERS_MAX], *ba[WORKERS_MAX];
	uint32_t n = qmap_queues(n_ports);
	char name[2][32];
	int dev[2], rc;

	rc = rings_make(ab, pair, 'a', n);
	if (rc == 0)
		rc = rings_make(ba, pair, 'b', n);
	if (rc != 0)
		return rc;
	snprintf(name[0], sizeof(name[0]), "pair%u_a", pair);
	snprintf(name[1], sizeof(name[1]), "pair%u_b", pair);
	dev[0] = rte_eth_from_rings(name[0], ba, n, ab, n, rte_socket_id());
	dev[1] = rte_eth_from_rings(name[1], ab, n, ba, n, rte_socket_id());
	for (int i = 0; i < 2; i++) {
		struct port *p = dev[i] < 0 ? NULL : port_add(dev[i], port_kind_RING);

		if (p == NULL) {
			log_line(loglevel_ERR, "error: ring pair %u: port not created", pair);
			return -ENODEV;
		}
		p->peer = i == 0 ? p->id + 1 : p->id - 1;
	}
	return 0;
}
