/* Commands: what every row of cmd.def must do, and a few by hand. */
#include "common/cmd/cmd.h"
#include "test/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 1500

static char err[400];

static int parse(const char *text, enum cmd_id *id, union cmd_req *req)
{
	char line[2 * LINE_MAX_LEN];
	const char *word[64];
	int n;

	snprintf(line, sizeof(line), "%s", text);
	err[0] = '\0';
	n = cmd_split(line, word, 64, err, sizeof(err));
	return n < 0 ? -1 : cmd_parse(word, n, id, req, err, sizeof(err));
}

static void expect_ok(const char *text, enum cmd_id want)
{
	union cmd_req req;
	enum cmd_id id;

	if (parse(text, &id, &req) != 0)
		fail_msg("'%s': %s", text, err);
	assert_int_equal(id, want);
	assert_int_equal(cmd_check(id, &req, err, sizeof(err)), 0);
}

static void expect_err(const char *text, const char *want)
{
	union cmd_req req;
	enum cmd_id id;

	if (parse(text, &id, &req) == 0)
		fail_msg("'%s' was taken", text);
	if (strcmp(err, want) != 0)
		fail_msg("'%s': said \"%s\", not \"%s\"", text, err, want);
}

static uint32_t random_within(const struct arg_desc *a, uint64_t type_max)
{
	uint64_t max = a->max ? a->max : type_max, r = (uint64_t)random() << 31 ^ random();

	return a->min + r % (max - a->min + 1);
}

static struct ip_addr random_ip(uint32_t family)
{
	struct ip_addr a = {.family = family};

	for (int i = 0; i < (family == 4 ? 4 : 16); i++)
		a.b[i] = random();
	return a;
}

static void random_text(char *s, size_t size)
{
	static const char some[] = "abcXYZ019 \"\\/#!:-._\xc3\xa9";
	size_t n = 1 + random() % (size - 1);

	for (size_t i = 0; i < n; i++)
		s[i] = some[random() % (sizeof(some) - 1)];
}

#define SWAP(a, b)                   \
	do {                         \
		typeof(a) swap_ = a; \
		a = b;               \
		b = swap_;           \
	} while (0)

static void random_range(const struct arg_desc *a, void *out)
{
	if (a->tag == ARG_iprange) {
		uint32_t family = random() & 1 ? 4 : 6;
		struct ip_range r = {random_ip(family), random_ip(family)};

		if (memcmp(r.lo.b, r.hi.b, sizeof(r.lo.b)) > 0)
			SWAP(r.lo, r.hi);
		memcpy(out, &r, sizeof(r));
	} else {
		struct u16_range r = {random_within(a, UINT16_MAX), random_within(a, UINT16_MAX)};

		if (r.lo > r.hi)
			SWAP(r.lo, r.hi);
		memcpy(out, &r, sizeof(r));
	}
}

static void random_value(const struct arg_desc *a, void *out)
{
	uint32_t v = 0;
	struct ip_addr ip;

	switch (a->tag) {
	case ARG_u32:
	case ARG_pct:
	case ARG_ms:
	case ARG_mbps:
		v = random_within(a, UINT32_MAX);
		break;
	case ARG_inf32:
		v = random() % 4 ? random_within(a, UINT32_MAX - 1) : RATE_INFINITE;
		break;
	case ARG_list:
		v = (uint32_t)random() | 1u << random() % 32;
		break;
	case ARG_ip:
		ip = random_ip(random() & 1 ? 4 : 6);
		memcpy(out, &ip, sizeof(ip));
		return;
	case ARG_iprange:
	case ARG_l4range:
		random_range(a, out);
		return;
	case ARG_name:
	case ARG_line:
	case ARG_path:
		random_text(out, a->size);
		return;
	case ARG_flag:
		*(uint8_t *)out = 1;
		return;
#define WORD(type)                           \
	case ARG_##type:                     \
		v = random() % type##_COUNT; \
		break;
		WORD(l4proto)
		WORD(criterion)
		WORD(http_method)
		WORD(http_status)
		WORD(loglevel)
		WORD(congestion)
		WORD(times_from)
		WORD(fault_dir)
		WORD(dscp)
		WORD(ecn)
		WORD(on_off)
	case ARG_COUNT:
		break;
	}
	memcpy(out, &v, sizeof(v));
}

/* Of those of which one is needed, is one there? */
static bool some_given(const struct cmd_desc *c, uint64_t present)
{
	bool wanted = false;

	for (size_t k = 0; k < c->n_args; k++) {
		wanted |= c->args[k].need == ARG_SOME;
		if (c->args[k].need == ARG_SOME && present >> k & 1)
			return true;
	}
	return !wanted;
}

/* A request that may be; the optional arguments as it falls. */
static void random_request(enum cmd_id id, union cmd_req *req)
{
	const struct cmd_desc *c = cmd_desc(id);

	memset(req, 0, sizeof(*req));
	do {
		for (size_t k = 0; k < c->n_args; k++) {
			if ((req->present >> k & 1) || (c->args[k].need != ARG_REQ && random() & 1))
				continue;
			random_value(&c->args[k], req->raw + c->args[k].off);
			req->present |= UINT64_C(1) << k;
		}
	} while (!some_given(c, req->present));
}

static void every_row_comes_back(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		for (int i = 0; i < 500; i++) {
			char text[LINE_MAX_LEN];
			union cmd_req req, back;
			enum cmd_id back_id;

			random_request(id, &req);
			if (cmd_check(id, &req, err, sizeof(err)) != 0)
				fail_msg("%s: %s", cmd_desc(id)->name, err);
			assert_true(cmd_format(id, &req, text, sizeof(text)) > 0);
			if (parse(text, &back_id, &back) != 0)
				fail_msg("'%s': %s", text, err);
			assert_int_equal(back_id, id);
			assert_memory_equal(&req, &back, sizeof(req));
		}
	}
}

static void checked_requests_alone_come_back(void **state)
{
	int refused = 0, taken = 0;

	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		for (int i = 0; i < 2000; i++) {
			union cmd_req req, back;
			char text[LINE_MAX_LEN];
			enum cmd_id back_id;

			random_request(id, &req);
			req.raw[random() % sizeof(req)] ^= 1u << random() % 8;
			if (cmd_check(id, &req, err, sizeof(err)) != 0) {
				refused++;
				continue;
			}
			taken++;
			assert_true(cmd_format(id, &req, text, sizeof(text)) > 0);
			if (parse(text, &back_id, &back) != 0)
				fail_msg("'%s': %s", text, err);
			assert_int_equal(back_id, id);
			assert_memory_equal(&req, &back, sizeof(req));
		}
	}
	assert_true(refused > 1000 && taken > 100);
}

static void number_text(const struct arg_desc *a, uint64_t v, bool in)
{
	uint8_t out[64] = {0};
	const char *word[2];
	char s[32];
	int want = a->tag == ARG_l4range ? 2 : 1;

	snprintf(s, sizeof(s), "%" PRIu64, v);
	word[0] = word[1] = s;
	if (arg_parse(a, word, 2, out, err, sizeof(err)) != (in ? want : -1))
		fail_msg("%s %s: %s", a->name, s, in ? err : "was taken");
}

static void bounds_of_every_number(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		for (size_t k = 0; k < cmd_desc(id)->n_args; k++) {
			const struct arg_desc *a = &cmd_desc(id)->args[k];
			uint64_t max = a->max       ? a->max
				: a->tag == ARG_u32 ? UINT32_MAX
						    : UINT32_MAX - 1;

			if (a->tag != ARG_u32 && a->tag != ARG_inf32 && a->tag != ARG_l4range)
				continue;
			number_text(a, a->min, true);
			number_text(a, max, true);
			number_text(a, max + 1, false);
			number_text(a, UINT64_MAX, false);
			if (a->min > 0)
				number_text(a, a->min - 1, false);
		}
	}
}

static void required_and_repeated(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);

		for (size_t k = 0; k < c->n_args; k++) {
			char text[LINE_MAX_LEN], one[600], more[2 * LINE_MAX_LEN];
			union cmd_req req, back;
			enum cmd_id back_id;

			random_request(id, &req);
			if (!c->args[k].keyword)
				continue;
			cmd_format(id, &req, text, sizeof(text));
			random_value(
				&c->args[k], memset(back.raw + c->args[k].off, 0, c->args[k].size));
			arg_format(&c->args[k], one, sizeof(one), back.raw + c->args[k].off);
			if (req.present >> k & 1) {
				snprintf(more, sizeof(more), "%s %s %s", text, c->args[k].keyword,
					one);
				assert_int_not_equal(parse(more, &back_id, &back), 0);
			}
			if (c->args[k].need != ARG_REQ)
				continue;
			req.present &= ~(UINT64_C(1) << k);
			memset(req.raw + c->args[k].off, 0, c->args[k].size);
			cmd_format(id, &req, text, sizeof(text));
			assert_int_not_equal(parse(text, &back_id, &back), 0);
			assert_int_not_equal(cmd_check(id, &req, err, sizeof(err)), 0);
		}
	}
}

static void sentences(void **state)
{
	(void)state;
	expect_err("start tests port 99", "port: 99 is out of range, expected 0..63");
	expect_err("start tests port -1", "port: '-1' is not a number, expected 0..63");
	expect_err("start tests port 1x", "port: '1x' is not a number, expected 0..63");
	expect_err("start tests port", "port: no value, expected 0..63");
	expect_err("start tests", "missing 'port <n>' (Ethernet port)");
	expect_err("start tests port 0 port 0", "'port' is given twice");
	expect_err(
		"start tests port 0 now", "unexpected word 'now' after '0', expected nothing more");
	expect_err("show tests foo",
		"unknown word 'foo' after 'show tests', expected "
		"config|state|stats|ui|tcp-options|vlan-options|ipv4-options|latency|"
		"response-times|faults|imix");
	expect_err("show tests",
		"'show tests' is not complete, expected "
		"config|state|stats|ui|tcp-options|vlan-options|ipv4-options|latency|"
		"response-times|faults|imix");
	expect_err("nope",
		"unknown word 'nope', expected "
		"add|del|set|start|stop|acquire|release|show|clear|monitor|file|help|exit|quit");
	expect_err("exitfoo",
		"unknown word 'exitfoo', expected "
		"add|del|set|start|stop|acquire|release|show|clear|monitor|file|help|exit|quit");
	expect_err("exit now", "unexpected word 'now' after 'exit', expected nothing more");
	expect_err("file", "'file' is not complete, expected input");
	expect_err("file input", "missing path '<file>' (File of commands, one a line)");
	expect_err("sh te st", "ambiguous word 'st' after 'sh te', expected state|stats");
	expect_err("add tests server tcp port 0 test-case-id 0 src 1.1.1.1 1.1.1.2 sport 20 10",
		"sport: range reversed: 20 > 10");
	expect_err("add tests server tcp port 0 test-case-id 0 src 1.1.1.2 1.1.1.1 sport 1 2",
		"src: range reversed: 1.1.1.2 > 1.1.1.1");
	expect_err("add tests server tcp port 0 test-case-id 0 src 1.1.1.2 ::1 sport 1 2",
		"src: 1.1.1.2 and ::1 are of different families");
	expect_err("add tests server tcp port 0 test-case-id 0 src 1.1.1 1.1.1.1 sport 1 2",
		"src: '1.1.1' is not an IP address");
	expect_err("add tests server sctp port 0", "proto: 'sctp' is not one of tcp|udp");
	expect_err("del tests port 0", "missing 'test-case-id <n>' (Test case)");
	expect_err("set tests client http port 0 test-case-id 0 http-field",
		"http-field: no value, expected \"<text>\"");
	expect_err("set tests client http port 0 test-case-id 0 GET h req-size 1",
		"missing object '<name>' (Request target)");
	expect_err("set tests criteria port 0 test-case-id 0 5",
		"criterion: '5' is not one of "
		"run-time|servers-up|clients-up|clients-estab|data-MB");
	expect_err("set tests criteria port 0 test-case-id 0 cl 5",
		"criterion: 'cl' is ambiguous among "
		"run-time|servers-up|clients-up|clients-estab|data-MB");
	expect_err(
		"set tests rate port 0 test-case-id 0", "expected at least one of open|close|send");
	expect_err("set tests timeouts port 0 test-case-id 0",
		"expected at least one of init|uptime|downtime");
	expect_err("set tests rate port 0 test-case-id 0 open 5x",
		"open: '5x' is not a number, expected 0..4294967294 or infinite");
	expect_err("set tests timeouts port 0 test-case-id 0 uptime 2000001",
		"uptime: 2000001 is out of range, expected 0..2000000 or infinite");
	expect_err("add tests server tcp port 0 test-case-id 0 src 1.1.1.1 1.1.1.2 sport 20",
		"sport: no value, expected <port> <port>, 1..65535");
	expect_err("add tests server tcp po 0 t 0 s 1.1.1.1 1.1.1.2 sport 20 30",
		"ambiguous word 's' after '0', expected src|sport");
	expect_err("add tests server t port 0",
		"ambiguous word 't' after 'add tests server', "
		"expected tcp|udp|port|test-case-id|src|sport");
	expect_err("start tests po 0 port 0", "'port' is given twice");
	expect_err("start tests \"\" 0", "unexpected word '' after 'start tests', expected port");
	expect_err("set tests client http port 0 test-case-id 0 PUT a b req-size 1",
		"method: 'PUT' is not one of GET|HEAD|POST");
	expect_err("set tests client http port 0 test-case-id 0 GET h / req-size 2000000001",
		"req-size: 2000000001 is out of range, expected 0..2000000000");
	expect_err("set tests client http port 0 test-case-id 0 http-field \"a",
		"word 10: a quote is not closed");
	expect_err("set tests criteria port 0 test-case-id 0 run-time 0",
		"count: 0 is out of range, expected 1..4294967295");
}

static void forms(void **state)
{
	union cmd_req req;
	enum cmd_id id;

	(void)state;
	expect_ok("set tests rate test-case-id 1 open infinite port 0 send 7", CMD_set_tests_rate);
	expect_ok("set tests client http port 0 test-case-id 1 GET h / req-size 0",
		CMD_set_tests_client_http);
	expect_ok("set tests client http port 0 test-case-id 1 http-field \"X-A: b\"",
		CMD_set_tests_client_http_field);
	expect_ok("set tests server http port 0 test-case-id 1 404-NOT-FOUND resp-size 0",
		CMD_set_tests_server_http);
	expect_ok("show tcp statistics details port 1", CMD_show_tcp);
	expect_ok("show port map // who serves what", CMD_show_port_map);
	expect_ok("show port map # or so", CMD_show_port_map);
	expect_ok("  show\tport   link \r\n", CMD_show_port_link);
	expect_ok("sh po l", CMD_show_port_link);
	expect_ok("show port i", CMD_show_port_info);
	expect_ok("sta te port 0", CMD_start_tests);
	expect_ok("set te noa port 0 test-case-id 0", CMD_set_tests_noasync);
	expect_ok("add te se tc p 0 t 0 sr 1.1.1.1 1.1.1.1 sp 1 2", CMD_add_tests_server);
	expect_ok("set tests criteria p 0 t 0 clients-e 5", CMD_set_tests_criteria);
	expect_ok("set syslog D", CMD_set_syslog);
	expect_ok("show tcp st d", CMD_show_tcp);
	expect_ok("file input \"a b\"", CMD_file_input);
	expect_ok("exit", CMD_exit);
	expect_ok("q # at last", CMD_quit);
	/* a host called like the beginning of a keyword is a host */
	assert_int_equal(
		parse("set tests client http port 0 test-case-id 0 G r t req-s 1", &id, &req), 0);
	assert_string_equal(req.set_tests_client_http.host.s, "r");
	assert_string_equal(req.set_tests_client_http.object.s, "t");
	assert_int_equal(parse("set tests rate p 0 t 0 o inf c 3", &id, &req), 0);
	assert_int_equal(req.set_tests_rate.open, RATE_INFINITE);
	assert_int_equal(req.set_tests_rate.close, 3);
	assert_int_equal(parse("set tests rate port 2 test-case-id 3 open infinite", &id, &req), 0);
	assert_int_equal(req.set_tests_rate.open, RATE_INFINITE);
	assert_true(REQ_HAS(&req.set_tests_rate, set_tests_rate, open));
	assert_false(REQ_HAS(&req.set_tests_rate, set_tests_rate, send));
	assert_int_equal(
		parse("set tests client http port 0 test-case-id 0 http-field \"A: \\\"b\\\\\"",
			&id, &req),
		0);
	assert_string_equal(req.set_tests_client_http_field.field.s, "A: \"b\\");
	assert_int_equal(parse("set tests client http port 0 test-case-id 0 http-field \"a\x01\"",
				 &id, &req),
		-22);
	assert_string_equal(err, "http-field: control characters are not allowed");
}

static void words(void **state)
{
	char blank[] = "  ", comment[] = "# x", bang[] = " !x", slashes[] = "//x y",
	     url[] = "a http://x", empty[] = "a \"\" b", many[] = "a b c d";
	const char *word[4];

	(void)state;
	assert_int_equal(cmd_split(blank, word, 4, err, sizeof(err)), 0);
	assert_int_equal(cmd_split(comment, word, 4, err, sizeof(err)), 0);
	assert_int_equal(cmd_split(bang, word, 4, err, sizeof(err)), 0);
	assert_int_equal(cmd_split(slashes, word, 4, err, sizeof(err)), 0);
	assert_int_equal(cmd_split(url, word, 4, err, sizeof(err)), 2);
	assert_string_equal(word[1], "http://x");
	assert_int_equal(cmd_split(empty, word, 4, err, sizeof(err)), 3);
	assert_string_equal(word[1], "");
	assert_int_equal(cmd_split(many, word, 3, err, sizeof(err)), -1);
	assert_string_equal(err, "more than 3 words");
}

static void quoted_words_come_back(void **state)
{
	static const char *const hard[] = {"", " ", "a b", "#", "!x", "//", "http://x", "\"", "\\",
		"\\\"", "a\\", "a b\\", "\t", "A: \"b\\\"", "x#y", "\xff", "?", "caf\xc3\xa9"};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[300] = "", in[2][80] = {{0}, {0}};
		const char *word[4];
		size_t at = 0;

		for (int k = 0; k < 2; k++) {
			if (i < (int)ARRAY_SIZE(hard))
				snprintf(in[k], sizeof(in[k]), "%s", hard[i]);
			else
				random_text(in[k], 20);
			at += cmd_quote(in[k], text + at, sizeof(text) - at);
			text[at++] = ' ';
		}
		if (cmd_split(text, word, 4, err, sizeof(err)) != 2)
			fail_msg("'%s' '%s': %s", in[0], in[1], err);
		assert_string_equal(word[0], in[0]);
		assert_string_equal(word[1], in[1]);
	}
	/* like snprintf: the length it takes, cut where there is no room */
	char few[4];

	assert_int_equal(cmd_quote("a b", few, sizeof(few)), 5);
	assert_string_equal(few, "\"a ");
}

static void begun(const char *text, enum cmd_place place, int n, const char *last)
{
	const char *word[4], *got;
	char line[100];
	int got_n;

	snprintf(line, sizeof(line), "%s", text);
	assert_int_equal(cmd_split_begun(line, word, 4, &got_n, &got), place);
	if (place != CMD_IN_WORD)
		return;
	assert_int_equal(got_n, n);
	assert_string_equal(got, last);
}

static void where_a_cursor_stands(void **state)
{
	(void)state;
	begun("", CMD_IN_WORD, 0, "");
	begun("  ", CMD_IN_WORD, 0, "");
	begun("sho", CMD_IN_WORD, 0, "sho");
	begun("show ", CMD_IN_WORD, 1, "");
	begun("show te", CMD_IN_WORD, 1, "te");
	begun("a \"b c\" d", CMD_IN_WORD, 2, "d");
	begun("a \"b c\"d", CMD_IN_WORD, 1, "b cd");
	begun("a \"b c", CMD_IN_TEXT, 0, "");
	begun("a \"b \\\"", CMD_IN_TEXT, 0, "");
	begun("a # b", CMD_IN_TEXT, 0, "");
	begun("// b", CMD_IN_TEXT, 0, "");
	begun("a b c d", CMD_IN_WORD, 3, "d");
	begun("a b c d ", CMD_IN_TEXT, 0, "");
}

static void usage_of_commands(void **state)
{
	char buf[500];

	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++)
		assert_in_range(cmd_usage(id, buf, sizeof(buf)), 4, sizeof(buf) - 1);
	cmd_usage(CMD_set_tests_rate, buf, sizeof(buf));
	assert_string_equal(buf,
		"set tests rate port <n> test-case-id <n> [open <n>|infinite] "
		"[close <n>|infinite] [send <n>|infinite]");
	cmd_usage(CMD_show_tcp, buf, sizeof(buf));
	assert_string_equal(buf, "show tcp statistics [details] [port <n>]");
	cmd_usage(CMD_file_input, buf, sizeof(buf));
	assert_string_equal(buf, "file input <file>");
}

/* One planted corruption each; the request without it is taken. */
static void refused(enum cmd_id id, const union cmd_req *good, size_t off, uint8_t value)
{
	union cmd_req bad = *good;

	assert_int_equal(cmd_check(id, good, err, sizeof(err)), 0);
	bad.raw[off] = value;
	if (cmd_check(id, &bad, err, sizeof(err)) == 0)
		fail_msg("%s: byte %zu = %u was taken", cmd_desc(id)->name, off, value);
}

static void corruptions(void **state)
{
	union cmd_req r;
	enum cmd_id id;

	(void)state;
	parse("add tests client tcp port 0 test-case-id 0 src 1.1.1.1 1.1.1.9 sport 5 6 dest "
	      "2.1.1.1 2.1.1.1 "
	      "dport 80 80",
		&id, &r);
	refused(id, &r, 7, 1);                                            /* present */
	refused(id, &r, 0, 0x7e);                                         /* a required one gone */
	refused(id, &r, offsetof(struct req_add_tests_client, proto), 2); /* word */
	refused(id, &r, offsetof(struct req_add_tests_client, port), 64); /* bound */
	refused(id, &r, offsetof(struct req_add_tests_client, src.lo.family), 5); /* family */
	refused(id, &r, offsetof(struct req_add_tests_client, src.lo.family), 6); /* two families */
	refused(id, &r, offsetof(struct req_add_tests_client, src.lo.b) + 4, 1);  /* behind IPv4 */
	refused(id, &r, offsetof(struct req_add_tests_client, src.lo.b) + 3, 10); /* reversed */
	refused(id, &r, offsetof(struct req_add_tests_client, sport.lo), 7);      /* reversed */
	refused(id, &r, offsetof(struct req_add_tests_client, sport.lo), 0);      /* below 1 */
	refused(id, &r, sizeof(struct req_add_tests_client), 1); /* behind the request */
	parse("set tests client http port 0 test-case-id 0 http-field \"A: b\"", &id, &r);
	refused(id, &r, offsetof(struct req_set_tests_client_http_field, field.s) + 1, '\n');
	refused(id, &r, offsetof(struct req_set_tests_client_http_field, field.s) + 1, '\r');
	refused(id, &r, offsetof(struct req_set_tests_client_http_field, field.s) + 1, 0);
	refused(id, &r, offsetof(struct req_set_tests_client_http_field, field.s) + 255, 'x');
	refused(id, &r, offsetof(struct req_set_tests_client_http_field, field.s), 0);
	memset(r.set_tests_client_http_field.field.s, 'a',
		sizeof(r.set_tests_client_http_field.field.s));
	assert_int_not_equal(cmd_check(id, &r, err, sizeof(err)), 0); /* text without an end */
	parse("show tcp statistics", &id, &r);
	refused(id, &r, offsetof(struct req_show_tcp, details), 1); /* not given, not 0 */
	refused(id, &r, offsetof(struct req_show_tcp, port), 1);
	parse("show tcp statistics details", &id, &r);
	refused(id, &r, offsetof(struct req_show_tcp, details), 2);
	refused(id, &r, offsetof(struct req_show_tcp, details) + 1, 1); /* padding */
	parse("set tests rate port 0 test-case-id 0 open 0", &id, &r);
	refused(id, &r, 0, 3); /* nothing to set */
	assert_string_equal(err, "malformed request: expected at least one of open|close|send");
	assert_int_not_equal(cmd_check(CMD_COUNT, &r, err, sizeof(err)), 0);
	assert_int_not_equal(cmd_check(UINT32_MAX, &r, err, sizeof(err)), 0);
}

static void collect(const char *word, const char *help, bool hint, void *arg)
{
	size_t n = strlen(arg);

	assert_non_null(help);
	assert_int_equal(hint, *word == '<' || *word == '"');
	snprintf((char *)arg + n, 500 - n, "%s%s", n ? " " : "", word);
}

/* What the words mean that are looked for. */
static void collect_help(const char *word, const char *help, bool hint, void *arg)
{
	size_t n = strlen(arg);

	(void)hint;
	if (strcmp(word, "set") == 0 || strcmp(word, "run-time") == 0 || strcmp(word, "udp") == 0)
		snprintf((char *)arg + n, 200 - n, "%s ", help);
}

static void expect_help(const char *text, const char *want)
{
	char line[200], got[200] = "";
	const char *word[32];

	snprintf(line, sizeof(line), "%s", text);
	cmd_complete(word, cmd_split(line, word, 32, err, sizeof(err)), "", collect_help, got);
	assert_string_equal(got, want);
}

static void expect_next(const char *text, const char *prefix, const char *want)
{
	char line[200], got[500] = "";
	const char *word[32];
	int n;

	snprintf(line, sizeof(line), "%s", text);
	n = cmd_split(line, word, 32, err, sizeof(err));
	cmd_complete(word, n, prefix, collect, got);
	if (strcmp(got, want) != 0)
		fail_msg("after '%s' + '%s': \"%s\", not \"%s\"", text, prefix, got, want);
}

static void completion(void **state)
{
	(void)state;
	expect_next("", "s", "set start stop show");
	expect_next("show tests", "st", "state stats");
	expect_next("sh te", "c", "config");
	expect_next("start tests", "", "port");
	expect_next("start tests port", "", "<0..63>");
	expect_next("start tests port", "1", "");
	expect_next("start tests port 0", "", "");
	expect_next("start tests port 99", "", "");
	expect_next("set tests rate port 0 test-case-id 0 open", "i", "infinite");
	expect_next("set tests rate port 0 test-case-id 0 open", "", "<0..4294967294> infinite");
	expect_next("set tests rate p 0 t 0 o 5", "", "close send");
	expect_next("set tests client http p 0 t 0 http-f", "", "\"<text>\"");
	expect_next("file input", "", "<file>");
	expect_next("", "e", "exit");
	expect_next("set tests client http port 0 test-case-id 0", "",
		"GET HEAD POST req-size requests http-field");
	expect_next("set tests client http port 0", "t", "test-case-id");
	expect_next("add tests client", "", "tcp udp port test-case-id src sport dest dport");
	expect_next("add tests client tcp port 0 src 1.1.1.1", "", "<ip> <ip>");
	expect_next("nonsense", "", "");
	expect_help("", "tests|syslog "); /* what the word leads to */
	expect_help("set tests criteria port 0 test-case-id 0",
		"Seconds since the test case began "); /* the word's own */
	expect_help("add tests client", "Transport ");
}

static void fingerprint_is_stable(void **state)
{
	(void)state;
	assert_true(schema_fingerprint() == schema_fingerprint() && schema_fingerprint() != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_comes_back),
		cmocka_unit_test(checked_requests_alone_come_back),
		cmocka_unit_test(bounds_of_every_number),
		cmocka_unit_test(required_and_repeated),
		cmocka_unit_test(sentences),
		cmocka_unit_test(forms),
		cmocka_unit_test(words),
		cmocka_unit_test(quoted_words_come_back),
		cmocka_unit_test(where_a_cursor_stands),
		cmocka_unit_test(usage_of_commands),
		cmocka_unit_test(corruptions),
		cmocka_unit_test(completion),
		cmocka_unit_test(fingerprint_is_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
