/* Ports come up: devices the EAL found, ring pairs, TAPs, in this order. What a device cannot do is
 * negotiated down. */
#include "common/util/log.h"
#include "engine/l1_port/l1_port.h"
#include "engine/l1_port/port_priv.h"

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct port ports[PORTS_MAX];
uint16_t n_ports;

#define DESCS 1024
#define RX_CSUMS                                                      \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM \
		| RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_CSUMS                                                      \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM \
		| RTE_ETH_TX_OFFLOAD_TCP_CKSUM)

/* Offloads of these are computed by the driver in software, or not at all over veth. */
static bool software_device(const char *driver)
{
	return strcmp(driver, "net_tap") == 0 || strcmp(driver, "net_af_packet") == 0
		|| strcmp(driver, "net_af_xdp") == 0;
}

/* Queues of the device: one for each worker, where queues have sessions of their own; else one for
 * all. */
static uint16_t queues_of(const struct port *p)
{
	return p->kind == port_kind_RING ? p->n_queues : 1;
}

static int queues_setup(struct port *p)
{
	uint16_t rxd = DESCS, txd = DESCS, n = queues_of(p);

	rte_eth_dev_adjust_nb_rx_tx_desc(p->dev_id, &rxd, &txd);
	for (uint16_t q = 0; q < p->n_queues; q++)
		p->queue_worker[q] = (uint16_t)qmap_worker(p->id, q);
	for (uint16_t q = 0; q < n; q++) {
		int rc;

		rc = rte_eth_rx_queue_setup(
			p->dev_id, q, rxd, p->socket, NULL, worker_mbuf_pool(p->queue_worker[q]));
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(p->dev_id, q, txd, p->socket, NULL);
		if (rc != 0) {
			log_line(loglevel_ERR, "error: port %u: queue %u: %s", p->id, q,
				rte_strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* What the device can do and we use: checksums by it, by us, or by nobody. */
static void offloads_choose(
	struct port *p, const struct options *o, const struct rte_eth_dev_info *info)
{
	bool soft = software_device(info->driver_name);

	if (p->kind == port_kind_RING) {
		p->sw_csum = o->sw_checksum;
		return;
	}
	soft |= o->sw_checksum;
	p->tx_offload = !soft && (info->tx_offload_capa & TX_CSUMS) == TX_CSUMS;
	p->rx_offload = !soft && (info->rx_offload_capa & RX_CSUMS) == RX_CSUMS;
	p->sw_csum = !p->tx_offload || !p->rx_offload;
}

static void mac_choose(struct port *p)
{
	const uint8_t own[6] = {0x02, 0x57, 0x41, 0x52, 0x50, (uint8_t)p->id};
	struct rte_ether_addr mac;

	/* rings have none of their own: the driver gives all of them the same */
	if (p->kind != port_kind_RING && rte_eth_macaddr_get(p->dev_id, &mac) == 0)
		memcpy(p->mac, mac.addr_bytes, 6);
	else
		memcpy(p->mac, own, 6);
}

static int port_configure(struct port *p, const struct options *o)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->dev_id, &info), socket = rte_eth_dev_socket_id(p->dev_id);

	p->n_queues = (uint16_t)qmap_queues(p->id);
	if (rc == 0) {
		p->socket = socket < 0 ? 0 : (uint32_t)socket;
		offloads_choose(p, o, &info);
		if (p->tx_offload && !p->sw_csum)
			conf.txmode.offloads |= TX_CSUMS;
		if (p->rx_offload && !p->sw_csum)
			conf.rxmode.offloads |= RX_CSUMS;
		rc = rte_eth_dev_configure(p->dev_id, queues_of(p), queues_of(p), &conf);
	}
	if (rc != 0) {
		log_line(loglevel_ERR, "error: port %u: not configured: %s", p->id,
			rte_strerror(-rc));
		return rc;
	}
	p->mtu = p->mtu_usual = mtu_choose(p);
	mac_choose(p);
	return queues_setup(p);
}

struct port *port_add(uint16_t dev_id, enum port_kind kind)
{
	struct port *p = &ports[n_ports];

	if (n_ports == PORTS_MAX)
		return NULL;
	p->id = n_ports++;
	p->dev_id = dev_id;
	p->kind = kind;
	p->peer = UINT16_MAX;
	return p;
}

/* In the network namespace of TAPs for those, else where we are. */
static int in_its_namespace(
	struct port *p, const struct options *o, int (*fn)(struct port *p, const struct options *o))
{
	int home = p->kind == port_kind_TAP ? tap_enter(o) : -1, rc;

	if (home == -2)
		return -ENOENT;
	rc = fn(p, o);
	tap_leave(home);
	return rc;
}

/* The EAL goes on without a device that does not come up; then ports would have other numbers. */
static int vdevs_check(const struct eal_cmdline *eal)
{
	for (uint32_t i = 0; i < eal->n_vdevs; i++) {
		char name[RTE_ETH_NAME_MAX_LEN];
		uint16_t dev;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(eal->vdev[i], ","), eal->vdev[i]);
		if (rte_eth_dev_get_port_by_name(name, &dev) == 0)
			continue;
		log_line(loglevel_ERR,
			"error: --vdev %s: no port came of it; what DPDK said of it is above",
			eal->vdev[i]);
		return -ENODEV;
	}
	return 0;
}

int ports_create(const struct options *o, const struct eal_cmdline *eal, uint32_t n_planned)
{
	int rc = vdevs_check(eal);
	uint16_t dev;

	RTE_ETH_FOREACH_DEV(dev)
		port_add(dev, port_kind_DEVICE);
	if (rc == 0)
		rc = qmap_resolve(o, n_ports);
	for (uint32_t i = 0; i < o->ring_if_pairs && rc == 0; i++)
		rc = ring_pair_create(i);
	for (uint32_t i = 0; i < o->tap_ifs && rc == 0; i++)
		rc = tap_create(o);
	if (rc == 0 && n_ports > n_planned) {
		log_line(loglevel_ERR,
			"error: %u ports came up, memory was planned for %u: give an -a or --vdev "
			"for each",
			n_ports, n_planned);
		rc = -ENOSPC;
	}
	for (uint16_t i = 0; i < n_ports && rc == 0; i++)
		rc = in_its_namespace(&ports[i], o, port_configure);
	return rc;
}

static int port_start(struct port *p, const struct options *o)
{
	int rc = rte_eth_dev_start(p->dev_id);

	(void)o;
	if (rc != 0)
		log_line(loglevel_ERR, "error: port %u does not start: %s", p->id,
			rte_strerror(-rc));
	else if (p->kind == port_kind_DEVICE)
		rte_eth_allmulticast_enable(p->dev_id);
	return rc;
}

int ports_start(const struct options *o)
{
	int rc = 0;

	for (uint16_t i = 0; i < n_ports && rc == 0; i++)
		rc = in_its_namespace(&ports[i], o, port_start);
	return rc;
}

void ports_stop(void)
{
	for (uint16_t i = 0; i < n_ports; i++)
		rte_eth_dev_stop(ports[i].dev_id);
}

void ports_close(void)
{
	for (uint16_t i = 0; i < n_ports; i++)
		rte_eth_dev_close(ports[i].dev_id);
}

void ports_describe(struct seg *seg)
{
	for (uint32_t p = 0; p < n_ports; p++) {
		struct seg_port *sp = seg_port(seg, p);
		struct rte_eth_dev_info info = {0};

		sp->kind = ports[p].kind;
		sp->socket = ports[p].socket;
		sp->n_queues = ports[p].n_queues;
		sp->needs_csum = ports[p].sw_csum;
		sp->offload_rx_csum = ports[p].rx_offload;
		sp->offload_tx_csum = ports[p].tx_offload;
		sp->peer = ports[p].peer;
		memcpy(sp->mac, ports[p].mac, 6);
		for (uint32_t q = 0; q < sp->n_queues; q++)
			sp->queue_lcore[q] = ports[p].queue_worker[q];
		rte_eth_dev_get_name_by_port(ports[p].dev_id, sp->name);
		if (rte_eth_dev_info_get(ports[p].dev_id, &info) == 0)
			snprintf(sp->driver, sizeof(sp->driver), "%s", info.driver_name);
	}
}

void ports_poll_link(struct seg *seg)
{
	for (uint16_t i = 0; i < n_ports; i++) {
		struct seg_port *sp = seg_port(seg, i);
		struct rte_eth_link link = {0};

		if (rte_eth_link_get_nowait(ports[i].dev_id, &link) != 0)
			continue;
		if (sp->link_up == link.link_status && sp->speed_mbps == link.link_speed)
			continue;
		seg_write_begin(&sp->seq);
		sp->link_up = link.link_status;
		sp->speed_mbps = link.link_speed;
		sp->full_duplex = link.link_duplex;
		seg_write_end(&sp->seq);
	}
}

void ports_poll_device(struct seg *seg)
{
	for (uint16_t i = 0; i < n_ports; i++) {
		struct stats_device *d = &seg_port(seg, i)->device;
		struct rte_eth_stats st;

		if (rte_eth_stats_get(ports[i].dev_id, &st) != 0)
			continue;
#define DEVICE(field, counter, ...) \
	__atomic_store_n(&d->field, st.counter, __ATOMIC_RELAXED); /* nothing goes with it */
#include "common/stats/device.def"
	}
}
