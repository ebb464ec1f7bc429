/* A test case's and an application's defaults. */
#include "common/abi/testcase.h"

#include <stdio.h>
#include <string.h>

#define RUN_TIME_DEFAULT_S (10u * 365 * 86400) /* until it is stopped */

void app_config_init(struct app_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->kind = app_kind_RAW;
	cfg->http.method = http_method_GET;
	cfg->http.status = http_status_NOT_FOUND_404;
	snprintf(cfg->http.host, sizeof(cfg->http.host), "www.foo42.net");
	snprintf(cfg->http.object, sizeof(cfg->http.object), "/index.html");
}

void tc_config_init(struct tc_config *cfg, enum tc_kind kind, enum l4proto proto)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->kind = kind;
	cfg->proto = proto;
	cfg->uptime_s = cfg->downtime_s = TC_FOREVER;
	cfg->rate_open = cfg->rate_close = cfg->rate_send = RATE_INFINITE;
	cfg->criterion = criterion_RUN_TIME;
	cfg->criterion_count = RUN_TIME_DEFAULT_S;
	cfg->criterion_s = CRITERION_S;
	/* The original's, but for a window of 1024 bytes, and FIN time-outs too short for a kernel
	 * under load. */
	cfg->tcp = (struct tcp_options){.win_size = 65535,
		.syn_retry = 24,
		.syn_ack_retry = 24,
		.data_retry = 128,
		.retry = 12,
		.rto_ms = 50,
		.fin_to_ms = 1000,
		.twait_to_ms = 500,
		.orphan_to_ms = 2000,
		.congestion = congestion_CUBIC,
		.ack_on_data = 1,
		.fin_on_data = 1,
		.wscale = 1,
		.sack = 1};
	app_config_init(&cfg->app);
}

const char *tc_app_word(const struct tc_config *cfg)
{
	return cfg->imix != 0 ? "imix" : app_kind_word(cfg->app.kind);
}

const char *tc_side_word(const struct tc_config *cfg)
{
	return tc_is_multicast(cfg) ? "multicast-src" : tc_kind_word(cfg->kind);
}

static uint64_t span_ip(const struct ip_range *r)
{
	return (uint64_t)ip4_of(&r->hi) - ip4_of(&r->lo) + 1;
}

static uint64_t span_port(const struct u16_range *r)
{
	return (uint64_t)r->hi - r->lo + 1;
}

/* The product, or UINT64_MAX when it is larger. */
static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t n;

	return __builtin_mul_overflow(a, b, &n) ? UINT64_MAX : n;
}

uint64_t tc_sessions(const struct tc_config *cfg)
{
	uint64_t n = times(span_ip(&cfg->src), span_port(&cfg->sport));

	if (cfg->kind == tc_kind_CLIENT)
		n = times(n, times(span_ip(&cfg->dst), span_port(&cfg->dport)));
	return n;
}

void tc_config_criterion(struct tc_config *cfg)
{
	if (cfg->kind != tc_kind_SERVER)
		return;
	cfg->criterion = criterion_SERVERS_UP;
	cfg->criterion_count = MIN_OF(tc_sessions(cfg), UINT32_MAX);
}

/* RFC 2474, 2597, 3246 */
static const uint8_t dscp_bits[] = {[dscp_BE] = 0,
	[dscp_CS1] = 8,
	[dscp_AF11] = 10,
	[dscp_AF12] = 12,
	[dscp_AF13] = 14,
	[dscp_CS2] = 16,
	[dscp_AF21] = 18,
	[dscp_AF22] = 20,
	[dscp_AF23] = 22,
	[dscp_CS3] = 24,
	[dscp_AF31] = 26,
	[dscp_AF32] = 28,
	[dscp_AF33] = 30,
	[dscp_CS4] = 32,
	[dscp_AF41] = 34,
	[dscp_AF42] = 36,
	[dscp_AF43] = 38,
	[dscp_CS5] = 40,
	[dscp_EF] = 46,
	[dscp_CS6] = 48,
	[dscp_CS7] = 56};
static_assert(ARRAY_SIZE(dscp_bits) == dscp_COUNT);

uint32_t tc_dscp_bits(uint32_t dscp)
{
	return dscp < dscp_COUNT ? dscp_bits[dscp] : 0;
}

const char *tc_dscp_name(uint32_t bits)
{
	for (uint32_t i = 0; i < dscp_COUNT; i++) {
		if (dscp_bits[i] == bits)
			return dscp_word(i);
	}
	return NULL;
}
