/* IPv4 and ICMP. struct pkt is what a received packet is known by above Ethernet. */
#pragma once

#include "engine/lcore/lcore.h"

/* Wire formats; unaligned by nature (14 bytes of Ethernet before them). */
struct ip4_hdr {
	uint8_t ver_ihl, tos;
	uint16_t total_len_be16, id_be16, frag_be16;
	uint8_t ttl, proto;
	uint16_t csum;
	uint32_t src_be32, dst_be32;
} packed2_struct;
static_assert(sizeof(struct ip4_hdr) == 20);

struct tcp_hdr {
	uint16_t sport_be16, dport_be16;
	uint32_t seq_be32, ack_be32;
	uint8_t off, flags;
	uint16_t wnd_be16, csum, urg_be16;
} packed2_struct;
static_assert(sizeof(struct tcp_hdr) == 20);

struct udp_hdr {
	uint16_t sport_be16, dport_be16, len_be16, csum;
} packed2_struct;
static_assert(sizeof(struct udp_hdr) == 8);

struct icmp_hdr {
	uint8_t type, code;
	uint16_t csum;
	uint32_t rest;
} packed2_struct;
static_assert(sizeof(struct icmp_hdr) == 8);

/* RFC 3168: the field of tos */
#define IP_ECN_ECT0 2
#define IP_ECN_CE 3

#define IPPROTO_ICMP4 1
#define IPPROTO_TCP4 6
#define IPPROTO_UDP4 17

static inline bool ipv4_is_multicast(uint32_t addr)
{
	return addr >> 28 == 14;
}

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_ECE 0x40
#define TCP_CWR 0x80

/* How far a received packet got, before its endpoint is looked at. */
enum pkt_class {
	PKT_OTHER, /* not for an endpoint: ARP, ICMP, or dropped already; see eth_in_slow() */
	PKT_TCP,
	PKT_UDP,
	PKT_DONE /* counted, to be freed */
};

struct pkt {
	struct rte_mbuf *m;
	uint8_t *l4;
	uint32_t src, dst; /* host order */
	uint16_t sport, dport;
	uint16_t l4_len;
	uint16_t vlan; /* id, 0 untagged */
	uint8_t class;
	uint8_t l2_len; /* 14 or 18 */
	uint8_t group;  /* the frame was for a group of stations, or all */
	uint32_t hash;
	uint32_t id; /* candidate endpoint */
};

/* Classifies an IPv4 packet whose header starts at l2_len: header checks, L4 length, tuple, hash.
 * Sets class. */
void ipv4_in(struct lcore *lc, struct lport *lp, struct pkt *p);

/* Control path state that workers read while a port runs and management changes only while it does
 * not. */
struct port_l3 {
	uint32_t n_intfs;
	struct l3_intf intf[L3_INTFS_MAX];
	uint32_t gw; /* host order, 0 none */
};
extern struct port_l3 port_l3[PORTS_MAX];

/* ICMP: echo requests for our addresses are answered in place (then the buffer is kept). */
bool icmp_in(struct lcore *lc, struct lport *lp, struct pkt *p);

/* Is the address one of the port's: an interface, or in a running test case's source range? Slow.
 */
bool ipv4_is_mine(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t addr);

/* The interface on that VLAN (0 untagged) with addr in its subnet, or NULL. */
const struct l3_intf *route_connected(uint8_t port, uint16_t vlan, uint32_t addr);

/* The gateway on that VLAN, else the port's; 0 when there is none. */
uint32_t route_gateway(uint8_t port, uint16_t vlan);

/* The next hop towards dst on that VLAN (0 untagged): dst itself when on-link, else the gateway; 0
 * when there is none. */
uint32_t route_next_hop(uint8_t port, uint16_t vlan, uint32_t dst);

/* Internet checksum, ones' complement sums; csum_fold() gives the field, not inverted. */
uint32_t csum_add(const void *data, size_t len, uint32_t sum);
static inline uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}
/* The checksum field of a TCP or UDP packet, pseudo-header included. hdr's own field must be 0. */
uint16_t csum_l4(
	uint32_t src_host, uint32_t dst_host, uint8_t proto, const void *hdr, uint16_t len);

/* The IPv4 header that all packets to dst have in common: 20 bytes at `at`. */
void ipv4_template(uint8_t *at, uint32_t dst);

/* Has the next hop towards dst answered? If not it is being asked for, and a packet is counted as
 * not built. */
bool ipv4_reachable(struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst);

/* A packet from src to dst with room for l4_len bytes of transport header and payload at *l4; its
 * lengths are set, checksums are not. 0; -EHOSTUNREACH: the next hop is being asked for; -ENOBUFS:
 * no buffer. Both are counted. */
int ipv4_out(struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t src, uint32_t dst,
	uint8_t proto, uint16_t l4_len, struct rte_mbuf **out, uint8_t **l4);
/* Fills in or asks the device for checksums, then hands the packet to the port. */
void ipv4_send(struct lcore *lc, struct lport *lp, struct rte_mbuf *m, uint8_t *l4);
