/* How large a port's packets may be. */
#include "engine/l1_port/l1_port.h"
#include "engine/l1_port/port_priv.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdio.h>

#define ETH_VLAN_BYTES 18 /* before the IP header, tagged */

/* What of a buffer is left for IP: a frame is never cut. All workers' buffers are of one size. */
static uint32_t room(const struct port *p)
{
	const struct rte_mempool *pool = worker_mbuf_pool(qmap_worker(p->id, 0));

	return rte_pktmbuf_data_room_size((struct rte_mempool *)pool) - RTE_PKTMBUF_HEADROOM
		- ETH_VLAN_BYTES;
}

uint16_t mtu_choose(const struct port *p)
{
	uint16_t mtu = 1500;

	if (p->kind != port_kind_RING
		&& (rte_eth_dev_get_mtu(p->dev_id, &mtu) != 0 || mtu < MTU_MIN))
		mtu = 1500;
	return (uint16_t)MIN_OF((uint32_t)mtu, MIN_OF(room(p), (uint32_t)MTU_MAX));
}

/* What a device says it takes: some bound the packet, some the frame. */
static uint32_t most_of(const struct rte_eth_dev_info *info)
{
	uint32_t frame = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != UINT16_MAX || info->max_rx_pktlen <= frame)
		return info->max_mtu;
	return MIN_OF(info->max_rx_pktlen - frame, (uint32_t)info->max_mtu);
}

/* The device is told too: it may drop what is larger than it knows of. One that cannot be told keeps
 * what it has, and we send no more than that. */
static int device_set(const struct port *p, uint16_t mtu, char *err, size_t errlen)
{
	struct rte_eth_dev_info info = {.max_mtu = MTU_MAX};
	uint16_t has = 0;
	int rc = rte_eth_dev_info_get(p->dev_id, &info);

	if (rte_eth_dev_get_mtu(p->dev_id, &has) == 0 && has == mtu)
		return 0;
	if (rc == 0)
		rc = rte_eth_dev_set_mtu(p->dev_id, mtu);
	if (rc == -ENOTSUP && mtu <= has)
		return 0;
	if (rc == -EBUSY)
		snprintf(err, errlen,
			"mtu: the driver of port %u changes it of a stopped device only", p->id);
	else if (rc != 0)
		snprintf(err, errlen,
			"mtu: %u given, the device of port %u does not take it: %s, it says %u..%u",
			mtu, p->id, rte_strerror(-rc), MAX_OF(info.min_mtu, (uint16_t)MTU_MIN),
			MIN_OF(most_of(&info), (uint32_t)MTU_MAX));
	return rc;
}

int port_set_mtu(uint16_t id, uint16_t mtu, char *err, size_t errlen)
{
	struct port *p = &ports[id];
	int rc = 0;

	if (mtu > room(p)) {
		snprintf(err, errlen,
			"mtu: %u given, packet buffers hold %u: start the engine with --mbuf-sz %u",
			mtu, room(p), mtu + RTE_PKTMBUF_HEADROOM + ETH_VLAN_BYTES);
		return -ERANGE;
	}
	if (p->kind != port_kind_RING)
		rc = device_set(p, mtu, err, errlen);
	if (rc == 0)
		p->mtu = mtu;
	return rc;
}
