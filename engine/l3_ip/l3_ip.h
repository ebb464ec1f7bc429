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

/* ip4_hdr.frag_be16 */
#define IP_DF 0x4000 /* set in all we send but echo replies that need fragments */
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff /* in 8 bytes */

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
#define IP_ECN_MASK 3

/* What a test case's packets have in their IPv4 headers (tc_run.ip_how): tos in the low byte, the
 * bytes of options in the high one. There is one option that is sent: */
#define IP_STAMP_LEN 12u
#define IP_STAMP (IP_STAMP_LEN << 8) /* the Internet Timestamp, RFC 791 §3.1, with our time */
static force_inline uint16_t ipv4_opts_len(uint16_t how)
{
	return how >> 8;
}
static force_inline uint16_t ipv4_hdr_len(uint16_t how)
{
	return sizeof(struct ip4_hdr) + ipv4_opts_len(how);
}

#define IP4_TTL 64 /* of what we send, RFC 1700 */

#define IPPROTO_ICMP4 1
#define IPPROTO_TCP4 6
#define IPPROTO_UDP4 17

static inline bool ipv4_is_multicast(uint32_t addr)
{
	return addr >> 28 == 14;
}

/* ICMP types and codes, RFC 792, 1122, 1812 */
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_QUENCH 4
#define ICMP_ECHO_REQUEST 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER 12
#define ICMP_PROTO_UNREACH 2
#define ICMP_PORT_UNREACH 3
#define ICMP_NEED_FRAG 4

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
	PKT_FRAG,     /* of a datagram: frag_in() */
	PKT_ICMP_ERR, /* icmp_in() says so: icmp_quote_read() */
	PKT_DONE      /* counted, to be freed */
};

/* pkt.plain: look_buffer() is true of its buffer; it is TCP's too, and our stamp stands just before l4. */
#define PKT_PLAIN 1
#define PKT_STAMPED 2

struct pkt {
	struct rte_mbuf *m;
	uint8_t *l4;
	/* as in struct conn: conn_has() compares all of it at once */
	_Alignas(16) uint32_t dst; /* ours, host order as all here */
	uint32_t src;              /* the peer's */
	uint16_t dport, sport;
	uint8_t port;  /* ours */
	uint8_t plain; /* PKT_PLAIN, PKT_STAMPED: the first look was enough; 0: it was not */
	uint8_t pad[2];
	uint16_t l4_len;
	uint8_t l2_len; /* 14 or 18 */
	/* where in the IP header the times of an option are, 0 none; for lport.n_ip_stamps */
	uint8_t stamp;
	/* tc_run.pkt_word has what they have to be */
	uint16_t vlan; /* id, 0 untagged */
	uint8_t group; /* the frame was for a group of stations, or all */
	uint8_t class;
	uint32_t hash;
	uint32_t id; /* candidate endpoint */
};

/* vlan, group (not for one) and class. */
static force_inline uint32_t pkt_word(uint16_t vlan, enum pkt_class class)
{
	static_assert(offsetof(struct pkt, group) == offsetof(struct pkt, vlan) + 2
			&& offsetof(struct pkt, class) == offsetof(struct pkt, vlan) + 3,
		"as they lie in memory");
	return vlan | (uint32_t) class << 24;
}

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

/* The same for a datagram that was put together: p->l4 and p->l4_len are set, nothing of it has been
 * looked at above IP. No device has checked its transport checksum. */
void ipv4_whole_in(struct lcore *lc, struct lport *lp, struct pkt *p, uint8_t proto);

/* Fragments (RFC 791 §3.2). A table for each port of the worker, after the ports are known to it:
 * 0 or -ENOMEM. frags_bytes(): what they take of hugepage memory for so many ports. */
int frags_create(struct lcore *lc);
void frags_destroy(struct lcore *lc);
size_t frags_bytes(uint32_t n_ports);
/* A datagram that another worker has joined: *p is that from here on, but for p->m, which is set. */
void frag_whole(struct lcore *lc, struct lport *lp, struct pkt *p);
/* Takes the buffer of a fragment. True: the datagram is whole and *p is that now, its class set;
 * p->m may be of several segments, p->l4 is contiguous until the next call. */
bool frag_in(struct lcore *lc, struct lport *lp, struct pkt *p);
/* Frees what was not whole in time; called each turn that something is held. */
void frags_poll(struct lcore *lc);
/* Frees all that a port holds. */
void frags_drain(struct lcore *lc, struct lport *lp);

/* steer.c: whose packets are, on a port whose workers share one queue; 0 is the one that has it. */
struct flow_tuple {
	uint32_t laddr, raddr; /* ours, the peer's; host order */
	uint16_t lport, rport, vlan;
};
/* Tests begin: clients' sessions are known, one call a test case. */
void steer_begin(struct handoff *h);
void steer_clients(struct handoff *h, const struct tc_config *cfg);
uint32_t steer_tuple(
	const struct handoff *h, uint8_t port, uint8_t proto, const struct flow_tuple *t);
uint32_t steer_frame(const struct lport *lp, const struct rte_mbuf *m);
/* Hands packets to those they belong to; how many are left, this worker's, at the front. */
uint32_t steer_burst(struct lcore *lc, struct lport *lp, struct rte_mbuf **m, uint32_t n);
/* Hands a joined datagram to its owner, or drops and counts it; false: it is this worker's. */
bool steer_whole(struct lcore *lc, struct lport *lp, struct rte_mbuf *m);

/* ICMP: echo requests for our addresses are answered, in place where that fits (then the buffer is
 * kept). Of an error the class becomes PKT_ICMP_ERR. */
bool icmp_in(struct lcore *lc, struct lport *lp, struct pkt *p);

/* What an ICMP error says of a packet that we sent: RFC 1122 §4.2.3.9, RFC 5461. */
enum icmp_effect {
	ICMP_SOFT, /* may pass: nothing but counting */
	ICMP_HARD, /* protocol or port unreachable, prohibited */
	ICMP_PMTU  /* it was larger than mtu */
};
struct icmp_quote {
	uint32_t laddr, raddr; /* the sender's, ours; host order, as all here */
	uint16_t lport, rport;
	uint32_t seq; /* TCP: of the segment */
	uint16_t vlan;
	uint16_t mtu;  /* ICMP_PMTU: of IP, plausible */
	uint8_t proto; /* IPPROTO_TCP4 or IPPROTO_UDP4 */
	uint8_t effect;
};
/* Reads the packet in an ICMP error. False: nothing that we can have sent, counted. */
bool icmp_quote_read(struct lport *lp, const struct pkt *p, struct icmp_quote *q);

/* Destination unreachable (code ICMP_*_UNREACH) to the sender of a packet for one of our addresses,
 * RFC 1122 §3.2.2: never to what came for a group, not more than so many a second. */
void icmp_unreachable(struct lcore *lc, struct lport *lp, const struct pkt *p, uint8_t code);

/* Is the address one of the port's: an interface, or in a running test case's source range? Slow.
 */
bool ipv4_is_mine(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t addr);

/* The interface on that VLAN (0 untagged) with addr in its subnet, or NULL. */
const struct l3_intf *route_connected(uint8_t port, uint16_t vlan, uint32_t addr);

/* The gateway on that VLAN, else the port's; 0 when there is none. *on: the VLAN where it is a
 * neighbour. */
uint32_t route_gateway(uint8_t port, uint16_t vlan, uint16_t *on);
/* Where the port's gateway is a neighbour: on that VLAN, else untagged, else on another. */
uint16_t route_gateway_vlan(uint8_t port, uint16_t vlan);

/* The next hop towards dst on that VLAN (0 untagged), and on which it is to be asked for: dst itself
 * when on-link, else the gateway; 0 when there is none. */
uint32_t route_next_hop(uint8_t port, uint16_t vlan, uint32_t dst, uint16_t *on);

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

/* Path MTU discovery (RFC 1191): what was learnt of the path to dst in the last ten minutes, 0
 * nothing. Kept with the next hop as long as that is, so it may be forgotten early. */
void ipv4_path_mtu_learn(
	struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst, uint16_t mtu);
uint16_t ipv4_path_mtu(struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst);

/* Packets are built in l3_ip_hot.h. */
