/* A test case as the user configured it: what commands fill, management keeps, workers read and
 * clients show. */
#pragma once

#include "common/cmd/cmd.h"

#define CRITERION_S 600       /* unless the user says otherwise */
#define TC_FOREVER UINT32_MAX /* of a timeout in seconds: infinite */

struct tcp_options {
	uint32_t win_size; /* bytes */
	uint32_t syn_retry, syn_ack_retry, data_retry, retry;
	uint32_t rto_ms, fin_to_ms, twait_to_ms, orphan_to_ms;
	uint32_t twait_skip, ack_delay;
	uint32_t ack_on_data, fin_on_data; /* 0: in a segment of its own */
	uint32_t congestion;               /* enum congestion */
	uint32_t mss;                      /* announced; 0: what the MTU leaves */
	uint32_t user_to_ms;       /* longest wait for an acknowledgment; 0: by the retries alone */
	uint32_t wscale, ts, sack; /* 0: not offered */
	uint32_t ecn;
};

struct ipv4_options {
	uint32_t tos;          /* of the IPv4 header, DSCP and ECN in it */
	uint32_t tx_ts, rx_ts; /* 1: the Internet Timestamp option is sent, looked at */
};

/* What latencies are held against. */
struct latency_config {
	uint32_t max_us, max_avg_us; /* 0: not at all */
	uint32_t samples;            /* of the recent ones, 0: not kept apart */
};

/* Response times, of clients. */
struct times_config {
	uint32_t from; /* enum times_from */
	uint32_t slot; /* 1 + which struct times_block it has, management's choice; 0: none */
};

struct raw_config {
	uint32_t req_bytes, resp_bytes;
	uint32_t tx_ts, rx_ts; /* 1: messages begin with a time stamp; the peer's are looked at */
};

struct http_config {
	uint32_t method;     /* enum http_method, clients */
	uint32_t status;     /* enum http_status, servers */
	uint32_t body_bytes; /* of the message this side sends */
	char host[HTTP_NAME_MAX], object[HTTP_NAME_MAX];
	char fields[HTTP_FIELDS_MAX]; /* user's header lines, each ending in CRLF */
};

struct echo_config {
	uint32_t bytes; /* of each message */
};

/* What is said over a session: of a test case, or of an application of IMIX groups. */
struct app_config {
	uint32_t kind;     /* enum app_kind */
	uint32_t requests; /* close after so many; 0: no limit */
	struct raw_config raw;
	struct http_config http;
	struct echo_config echo;
};

struct tc_config {
	uint32_t kind;            /* enum tc_kind; NONE: not configured */
	uint32_t proto;           /* enum l4proto */
	struct ip_range src, dst; /* servers listen on src:sport */
	struct u16_range sport, dport;
	uint32_t init_s, uptime_s, downtime_s;     /* TC_FOREVER: infinite */
	uint32_t rate_open, rate_close, rate_send; /* per second; RATE_INFINITE */
	uint32_t criterion, criterion_count;
	uint32_t criterion_s; /* FAILED when not reached by then; of no meaning for run-time */
	uint32_t async;
	uint32_t vlan_id, vlan_pri; /* 0: untagged */
	struct tcp_options tcp;
	struct ipv4_options ipv4;
	struct latency_config latency;
	struct times_config times;
	struct app_config app;
	uint32_t imix; /* 1 + imix-id of the group that is used instead of app; 0: none */
};

/* An application of IMIX groups, by app-index. */
struct imix_app {
	uint32_t side;   /* enum tc_kind; NONE: not configured */
	uint32_t weight; /* 0: not set yet */
	struct app_config cfg;
};

/* A group, by imix-id. */
struct imix_group {
	uint32_t n; /* 0: there is none */
	uint8_t app[IMIX_GROUP_APPS];
};

/* What a test case's sessions say: "raw", "http", ..., "imix". */
const char *tc_app_word(const struct tc_config *cfg);

/* What is said unless the user says otherwise: RAW, without a byte. */
void app_config_init(struct app_config *cfg);

/* A new test case's settings: the original's defaults but for what hurt (CATALOGUE §3.1). */
void tc_config_init(struct tc_config *cfg, enum tc_kind kind, enum l4proto proto);

/* A client whose destinations are groups: a source of multicast, which nobody answers. */
static inline bool tc_is_multicast(const struct tc_config *cfg)
{
	return cfg->kind == tc_kind_CLIENT && ip4_of(&cfg->dst.lo) >> 28 == 14;
}

/* "client", "server", "multicast-src". */
const char *tc_side_word(const struct tc_config *cfg);

/* Its criterion, when its ranges are known: what a server listens on, and what tc_config_init() says
 * of a client. */
void tc_config_criterion(struct tc_config *cfg);

/* Sessions a client test case has, or sockets a server test case listens on; UINT64_MAX: more than
 * can be counted. */
uint64_t tc_sessions(const struct tc_config *cfg);

/* The DSCP's six bits, and what is called by them: NULL for those without a name. */
uint32_t tc_dscp_bits(uint32_t dscp);
const char *tc_dscp_name(uint32_t bits);

struct l3_intf {
	struct ip_addr ip, mask, gw; /* gw.family 0: none */
	uint32_t vlan_id;            /* 0: untagged */
};
