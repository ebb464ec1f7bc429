/* Every command form of the specification and of the catalogue of the original (3.1, 3.2), its
 * placeholders filled in: each parses as it is written there, with other white space, with comments,
 * and with its arguments in another order. */
#include "common/cmd/cmd.h"
#include "test/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define TC "port 0 test-case-id 3 "
#define RANGES "src 10.0.0.1 10.0.0.9 sport 1000 2000 "
#define FLOWS RANGES "dest 10.0.1.1 10.0.1.9 dport 80 81"

static char err[600];

/* The specification, in its order. */
static const struct form {
	const char *line;
	enum cmd_id id;
} spec[] = {
	/* KNI */
	{"add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0", CMD_add_tests_l3_intf},
	{"add tests l3_gw port 0 gw 172.16.1.1", CMD_add_tests_l3_gw},
	{"add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
		CMD_add_tests_server},
	{"set tests server http port 0 test-case-id 0 200-OK resp-size 2000",
		CMD_set_tests_server_http},
	{"start tests port 0", CMD_start_tests},
	/* test configuration */
	{"set tests mtu port 0 1500", CMD_set_tests_mtu},
	{"add tests l3_intf port 0 ip 19.1.1.2 mask 255.255.255.0 vlan-id 100 gw 19.1.1.1",
		CMD_add_tests_l3_intf},
	{"add tests server tcp " TC RANGES, CMD_add_tests_server},
	{"add tests server udp " TC RANGES, CMD_add_tests_server},
	{"add tests client tcp " TC FLOWS, CMD_add_tests_client},
	{"add tests client udp " TC FLOWS, CMD_add_tests_client},
	{"add tests multicast-src udp " TC RANGES "dest 224.0.0.1 224.0.0.9 dport 80 81",
		CMD_add_tests_multicast_src},
	{"set tests timeouts " TC "init 10", CMD_set_tests_timeouts},
	{"set tests timeouts " TC "init infinite", CMD_set_tests_timeouts},
	{"set tests timeouts " TC "uptime 10", CMD_set_tests_timeouts},
	{"set tests timeouts " TC "uptime infinite", CMD_set_tests_timeouts},
	{"set tests timeouts " TC "downtime 10", CMD_set_tests_timeouts},
	{"set tests timeouts " TC "downtime infinite", CMD_set_tests_timeouts},
	{"set tests rate " TC "open 1000", CMD_set_tests_rate},
	{"set tests rate " TC "open infinite", CMD_set_tests_rate},
	{"set tests rate " TC "close 1000", CMD_set_tests_rate},
	{"set tests rate " TC "close infinite", CMD_set_tests_rate},
	{"set tests rate " TC "send 1000", CMD_set_tests_rate},
	{"set tests rate " TC "send infinite", CMD_set_tests_rate},
	{"set tests criteria " TC "run-time 60", CMD_set_tests_criteria},
	{"set tests criteria " TC "servers-up 60", CMD_set_tests_criteria},
	{"set tests criteria " TC "clients-up 60", CMD_set_tests_criteria},
	{"set tests criteria " TC "clients-estab 60", CMD_set_tests_criteria},
	{"set tests criteria " TC "data-MB 60", CMD_set_tests_criteria},
	{"set tests async " TC, CMD_set_tests_async},
	{"del tests " TC, CMD_del_tests},
	{"stop tests port 0", CMD_stop_tests},
	/* TCP */
	{"set tests tcp-options " TC "win-size 32000", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "syn-retry 24", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "syn-ack-retry 24", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "data-retry 128", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "retry 12", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "rto 50", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "fin-to 100", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "twait-to 500", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "orphan-to 100", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "twait-skip 1", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "twait-skip 0", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "ack-delay 1", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "ack-delay 0", CMD_set_tests_tcp_options},
	{"set tests tcp-options " TC "ack-on-data 0 fin-on-data 0", CMD_set_tests_tcp_options},
	/* VLANs, and its four examples */
	{"set tests vlan-options " TC "vlan-id 4094 vlan-pri 7", CMD_set_tests_vlan_options},
	{"show tests vlan-options " TC, CMD_show_tests_vlan_options},
	{"add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0 vlan-id 0 gw 12.1.1.1",
		CMD_add_tests_l3_intf},
	{"add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest "
	 "3.1.1.1 3.1.1.1 dport 1026 1026",
		CMD_add_tests_client},
	{"set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0",
		CMD_set_tests_client_raw},
	/* applications */
	{"set tests client http " TC "GET google.com /index.html req-size 0",
		CMD_set_tests_client_http},
	{"set tests client http " TC "HEAD google.com /index.html req-size 2000",
		CMD_set_tests_client_http},
	{"set tests client http " TC "http-field \"Content-Type: plain/text\"",
		CMD_set_tests_client_http_field},
	{"set tests server http " TC "404-NOT-FOUND resp-size 2000", CMD_set_tests_server_http},
	{"set tests server http " TC "http-field \"Content-Type: plain/text\"",
		CMD_set_tests_server_http_field},
	{"show http statistics", CMD_show_http},
	{"show http statistics details", CMD_show_http},
	{"set tests client raw " TC "data-req-plen 100 data-resp-plen 200",
		CMD_set_tests_client_raw},
	{"set tests server raw " TC "data-req-plen 100 data-resp-plen 200",
		CMD_set_tests_server_raw},
	/* what is shown */
	{"show tests config port 0", CMD_show_tests_config},
	{"show tests state port 0", CMD_show_tests_state},
	{"show tests stats " TC, CMD_show_tests_stats},
	{"show port info", CMD_show_port_info},
	{"show port map", CMD_show_port_map},
	{"show port link", CMD_show_port_link},
	{"show port statistics", CMD_show_port},
	{"show port statistics details", CMD_show_port},
	{"show ethernet statistics", CMD_show_eth},
	{"show ethernet statistics details", CMD_show_eth},
	{"show arp entries", CMD_show_arp_entries},
	{"show arp statistics", CMD_show_arp},
	{"show arp statistics details", CMD_show_arp},
	{"show route statistics", CMD_show_route},
	{"show route statistics details", CMD_show_route},
	{"show ipv4 statistics", CMD_show_ipv4},
	{"show ipv4 statistics details", CMD_show_ipv4},
	{"show tcp statistics", CMD_show_tcp},
	{"show tcp statistics details", CMD_show_tcp},
	{"show tsm statistics", CMD_show_tsm},
	{"show tsm statistics details", CMD_show_tsm},
	{"show udp statistics", CMD_show_udp},
	{"show udp statistics details", CMD_show_udp},
	{"show timer statistics", CMD_show_timer},
	{"show timer statistics details", CMD_show_timer},
	{"show msg statistics", CMD_show_msg},
	{"show msg statistics details", CMD_show_msg},
	{"show memory statistics", CMD_show_memory},
	{"show memory statistics details", CMD_show_memory},
	{"set syslog EMERG", CMD_set_syslog},
	{"set syslog ALERT", CMD_set_syslog},
	{"set syslog CRIT", CMD_set_syslog},
	{"set syslog ERR", CMD_set_syslog},
	{"set syslog WARNING", CMD_set_syslog},
	{"set syslog NOTICE", CMD_set_syslog},
	{"set syslog INFO", CMD_set_syslog},
	{"set syslog DEBUG", CMD_set_syslog},
};

/* What the catalogue has beyond it. */
static const struct form catalogue[] = {
	{"set tests noasync " TC, CMD_set_tests_noasync},
	{"set tests no-async " TC, CMD_set_tests_no_async},
	{"set tests vlan-options " TC "vlan-id 1 vlan-pri 0", CMD_set_tests_vlan_options},
	{"show tests tcp-options " TC, CMD_show_tests_tcp_options},
	{"file input test.cfg", CMD_file_input}, {"help", CMD_help}, {"exit", CMD_exit},
	{"show version", CMD_show_version}, {"show port statistics port 1", CMD_show_port},
	{"show port statistics details port 1", CMD_show_port},
	{"show ethernet statistics port 1", CMD_show_eth},
	{"show ethernet statistics details port 1", CMD_show_eth},
	{"show arp statistics port 1", CMD_show_arp},
	{"show arp statistics details port 1", CMD_show_arp},
	{"show route statistics port 1", CMD_show_route},
	{"show route statistics details port 1", CMD_show_route},
	{"show ipv4 statistics port 1", CMD_show_ipv4},
	{"show ipv4 statistics details port 1", CMD_show_ipv4},
	{"show tcp statistics port 1", CMD_show_tcp},
	{"show tcp statistics details port 1", CMD_show_tcp},
	{"show tsm statistics port 1", CMD_show_tsm},
	{"show tsm statistics details port 1", CMD_show_tsm},
	{"show udp statistics port 1", CMD_show_udp},
	{"show udp statistics details port 1", CMD_show_udp},
	{"show timer statistics port 1", CMD_show_timer},
	{"show timer statistics details port 1", CMD_show_timer},
	{"show http statistics port 1", CMD_show_http},
	{"show http statistics details port 1", CMD_show_http},
	/* latency */
	{"set tests ipv4-options " TC "tos 255", CMD_set_tests_ipv4_options},
	{"set tests ipv4-options " TC "dscp af11 ecn ECT0", CMD_set_tests_ipv4_options},
	{"set tests ipv4-options " TC "tx-timestamp 1", CMD_set_tests_ipv4_options},
	{"set tests ipv4-options " TC "rx-timestamp 0", CMD_set_tests_ipv4_options},
	{"show tests ipv4-options " TC, CMD_show_tests_ipv4_options},
	{"set tests latency " TC "max 300 max-avg 400 samples 10", CMD_set_tests_latency},
	{"set tests client raw " TC
	 "data-req-plen 100 data-resp-plen 200 rx-timestamp tx-timestamp",
		CMD_set_tests_client_raw},
	{"set tests client raw " TC "data-req-plen 100 data-resp-plen 200 tx-timestamp",
		CMD_set_tests_client_raw},
	{"set tests server raw " TC
	 "data-req-plen 100 data-resp-plen 200 rx-timestamp tx-timestamp",
		CMD_set_tests_server_raw},
	/* applications: imix */
	{"set tests imix app-index 0 client raw data-req-plen 100 data-resp-plen 200",
		CMD_imix_client_raw},
	{"set tests imix app-index 0 client http GET google.com /index.html req-size 0",
		CMD_imix_client_http},
	{"set tests imix app-index 0 client http http-field \"Content-Type: plain/text\"",
		CMD_imix_client_http_field},
	{"set tests imix app-index 31 server raw data-req-plen 100 data-resp-plen 200",
		CMD_imix_server_raw},
	{"set tests imix app-index 31 server http 200-OK resp-size 2000", CMD_imix_server_http},
	{"set tests imix app-index 0 weight 50", CMD_imix_weight},
	{"add tests imix-id 0 app 1,3-5", CMD_add_tests_imix},
	{"del tests imix-id 0", CMD_del_tests_imix},
	{"set tests imix " TC "imix-id 0", CMD_set_tests_imix},
	{"show tests imix", CMD_show_tests_imix}, {"show tests imix 0", CMD_show_tests_imix},
	/* ui */
	{"show tests ui", CMD_show_tests_ui}, {"show link rate", CMD_show_link_rate},
	/* clear */
	{"clear stats port 0", CMD_clear_stats},
	/* The original's "show tests debug info" and trace commands are of its debug builds. */
};

static int parse(const char *text, enum cmd_id *id, union cmd_req *req)
{
	const char *word[CMD_WORDS_MAX];
	char line[2000];
	int n;

	snprintf(line, sizeof(line), "%s", text);
	err[0] = '\0';
	n = cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err));
	return n < 0 ? -1 : cmd_parse(word, n, id, req, err, sizeof(err));
}

/* Parses as that command; with want, to the very request. */
static void same(const char *line, enum cmd_id id, const union cmd_req *want)
{
	union cmd_req req;
	enum cmd_id got;

	if (parse(line, &got, &req) != 0)
		fail_msg("'%s': %s", line, err);
	if (got != id || cmd_check(id, &req, err, sizeof(err)) != 0)
		fail_msg("'%s' was taken for %s", line, cmd_desc(got)->name);
	if (want != NULL && memcmp(&req, want, sizeof(req)) != 0)
		fail_msg("'%s' is another request", line);
}

static void each(const struct form *f, size_t n, void (*fn)(const struct form *))
{
	for (size_t i = 0; i < n; i++)
		fn(&f[i]);
}

static void as_written(const struct form *f)
{
	same(f->line, f->id, NULL);
}

static void with_blanks_and_comments(const struct form *f)
{
	static const char *const tails[] = {"\n", "\r\n", " \t ", " # so", "\t! so", " // so", " #",
		" ! a \"quote that stays open"};
	char line[2000];
	size_t n = 0;
	union cmd_req want;
	enum cmd_id id;
	bool quoted = false;

	assert_int_equal(parse(f->line, &id, &want), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		snprintf(line, sizeof(line), "%s%s", f->line, tails[i]);
		same(line, f->id, &want);
	}
	line[n++] = '\t';
	for (const char *c = f->line; *c != '\0'; c++) {
		quoted ^= *c == '"';
		n += (size_t)snprintf(
			line + n, sizeof(line) - n, "%s%c", *c == ' ' && !quoted ? " \t" : "", *c);
	}
	same(line, f->id, &want);
}

/* Those with keywords backwards, those without in their order behind them. */
static void in_another_order(const struct form *f)
{
	const struct cmd_desc *c = cmd_desc(f->id);
	union cmd_req want;
	enum cmd_id id;
	char line[2000], value[600];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s", c->path);

	assert_int_equal(parse(f->line, &id, &want), 0);
	for (size_t k = 0; k < 2 * c->n_args; k++) {
		bool second = k >= c->n_args;
		size_t i = second ? k - c->n_args : c->n_args - 1 - k;
		const struct arg_desc *a = &c->args[i];

		if (!(want.present >> i & 1) || second != (a->keyword == NULL))
			continue;
		arg_format(a, value, sizeof(value), want.raw + a->off);
		n += (size_t)snprintf(
			line + n, sizeof(line) - n, " %s %s", a->keyword ? a->keyword : "", value);
	}
	same(line, f->id, &want);
}

static void forms_of_the_specification_parse(void **state)
{
	(void)state;
	each(spec, ARRAY_SIZE(spec), as_written);
	each(catalogue, ARRAY_SIZE(catalogue), as_written);
}

static void other_white_space_and_comments_change_nothing(void **state)
{
	(void)state;
	each(spec, ARRAY_SIZE(spec), with_blanks_and_comments);
	each(catalogue, ARRAY_SIZE(catalogue), with_blanks_and_comments);
}

static void order_of_arguments_changes_nothing(void **state)
{
	(void)state;
	each(spec, ARRAY_SIZE(spec), in_another_order);
	each(catalogue, ARRAY_SIZE(catalogue), in_another_order);
}

static void lines_of_comment_alone_are_none(void **state)
{
	static const char *const lines[] = {"", " ", "\t\r\n", "#", "# start tests port 0",
		"! start tests port 0", "// start tests port 0", "  \t! \"", "#\"", "!#//"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *word[CMD_WORDS_MAX];
		char line[100];

		snprintf(line, sizeof(line), "%s", lines[i]);
		assert_int_equal(cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_the_specification_parse),
		cmocka_unit_test(other_white_space_and_comments_change_nothing),
		cmocka_unit_test(order_of_arguments_changes_nothing),
		cmocka_unit_test(lines_of_comment_alone_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
