/* Commands: a few by hand, every row there and back, bounds of every number. */
#include "common/cmd/cmd.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char err[300];

static int parse(const char *text, enum cmd_id *id, union cmd_req *req)
{
	char line[1024];
	const char *word[64];
	int n;

	snprintf(line, sizeof(line), "%s", text);
	n = cmd_split(line, word, 64, err, sizeof(err));
	return n < 0 ? -1 : cmd_parse(word, n, id, req, err, sizeof(err));
}

static void refused(const char *text, const char *why)
{
	union cmd_req req;
	enum cmd_id id;

	assert_int_not_equal(parse(text, &id, &req), 0);
	if (strstr(err, why) == NULL)
		fail_msg("'%s' gave '%s', expected '%s' in it", text, err, why);
}

static void by_hand(void **state)
{
	union cmd_req req;
	enum cmd_id id;

	(void)state;
	assert_int_equal(parse("set tests rate port 1 test-case-id 2 open infinite", &id, &req), 0);
	assert_int_equal(id, CMD_set_tests_rate);
	assert_int_equal(req.set_tests_rate.open, RATE_INFINITE);
	assert_true(REQ_HAS(&req.set_tests_rate, set_tests_rate, open));
	assert_false(REQ_HAS(&req.set_tests_rate, set_tests_rate, close));
	assert_int_equal(parse("set tests client http port 0 test-case-id 0 http-field \"A: b c\"", &id, &req), 0);
	assert_int_equal(id, CMD_set_tests_client_http_field);
	assert_string_equal(req.set_tests_client_http_field.field.s, "A: b c");
	assert_int_equal(parse("set tests client http port 0 test-case-id 0 GET h /o req-size 7", &id, &req), 0);
	assert_int_equal(id, CMD_set_tests_client_http);
}

static void errors_say_where(void **state)
{
	(void)state;
	refused("start tests port 64", "64 is out of range, expected 0..63");
	refused("start tests port x", "'x' is not a number");
	refused("start tests", "missing 'port <n>'");
	refused("start tests port 1 port 1", "given twice");
	refused("start tests port 1 now", "unexpected 'now'");
	refused("show tests foo", "unknown word 'foo' after 'show tests', expected config");
	refused("add tests server tcp port 0 test-case-id 0 src 1.1.1.2 1.1.1.1 sport 1 1", "reversed");
	refused("add tests server tcp port 0 test-case-id 0 src 1.1.1.1 1.1.1.1 sport 2 1", "reversed");
	refused("add tests server tcp port 0 test-case-id 0 src 1.1.1.1 1.1.1 sport 1 1", "not an IP address");
	refused("add tests server sctp port 0", "not one of tcp|udp");
	refused("set syslog \"INFO", "quote is not closed");
}

static void comments_are_nothing(void **state)
{
	char line[] = "  # a comment", line2[] = "show version // really", line3[] = "! also";
	const char *word[8];

	(void)state;
	assert_int_equal(cmd_split(line, word, 8, err, sizeof(err)), 0);
	assert_int_equal(cmd_split(line2, word, 8, err, sizeof(err)), 2);
	assert_int_equal(cmd_split(line3, word, 8, err, sizeof(err)), 0);
}

/* A random value of an argument, found by parsing candidate words until some are taken. */
static void random_value(const struct arg_desc *a, void *out)
{
	static const char *const seeds[] = {"tcp", "udp", "infinite", "10.0.0.1", "255.255.255.0", "GET", "HEAD", "200-OK",
		"404-NOT-FOUND", "run-time", "data-MB", "DEBUG", "2001:db8::1", "a \"b\" \\c", "/index.html"};
	char text[32];
	const char *word[2] = {text, text};

	do {
		if (random() & 1)
			snprintf(text, sizeof(text), "%s", seeds[random() % 15]);
		else
			snprintf(text, sizeof(text), "%" PRIu64, a->min + (uint64_t)random() % (a->max ? a->max - a->min + 1 : 90));
	} while (arg_parse(a, word, 2, out, err, sizeof(err)) < 0);
}

static void every_row_there_and_back(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);

		for (int i = 0; i < 300; i++) {
			union cmd_req req = {0}, back;
			enum cmd_id back_id;
			char text[1024];

			for (size_t k = 0; k < c->n_args; k++) {
				if (!c->args[k].required && random() & 1)
					continue;
				random_value(&c->args[k], req.raw + c->args[k].off);
				req.present |= UINT64_C(1) << k;
			}
			assert_true(cmd_format(id, &req, text, sizeof(text)) > 0);
			assert_int_equal(parse(text, &back_id, &back), 0);
			assert_int_equal(back_id, id);
			assert_memory_equal(&req, &back, sizeof(req));
			assert_int_equal(cmd_check(id, &req, err, sizeof(err)), 0);
		}
	}
}

static void bounds_of_every_number(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);

		for (size_t k = 0; k < c->n_args; k++) {
			const struct arg_desc *a = &c->args[k];
			char text[32];
			const char *word[1] = {text};
			uint32_t v;

			if (a->tag != ARG_u32 || a->max == 0)
				continue;
			snprintf(text, sizeof(text), "%" PRIu64, a->max);
			assert_int_equal(arg_parse(a, word, 1, &v, err, sizeof(err)), 1);
			snprintf(text, sizeof(text), "%" PRIu64, a->max + 1);
			assert_int_equal(arg_parse(a, word, 1, &v, err, sizeof(err)), -1);
			snprintf(text, sizeof(text), "%" PRIu64, a->min);
			assert_int_equal(arg_parse(a, word, 1, &v, err, sizeof(err)), 1);
			if (a->min != 0) {
				snprintf(text, sizeof(text), "%" PRIu64, a->min - 1);
				assert_int_equal(arg_parse(a, word, 1, &v, err, sizeof(err)), -1);
			}
			snprintf(text, sizeof(text), "-1");
			assert_int_equal(arg_parse(a, word, 1, &v, err, sizeof(err)), -1);
		}
	}
}

static void corrupt_cells_are_refused(void **state)
{
	union cmd_req req, bad;
	enum cmd_id id;

	(void)state;
	assert_int_equal(parse("set tests client http port 0 test-case-id 0 GET h /o req-size 7", &id, &req), 0);
	assert_int_equal(cmd_check(id, &req, err, sizeof(err)), 0);
	assert_int_not_equal(cmd_check(CMD_COUNT, &req, err, sizeof(err)), 0);
	bad = req;
	bad.present |= UINT64_C(1) << 60;
	assert_int_not_equal(cmd_check(id, &bad, err, sizeof(err)), 0);
	bad = req;
	bad.set_tests_client_http.method = http_method_COUNT;
	assert_int_not_equal(cmd_check(id, &bad, err, sizeof(err)), 0);
	bad = req;
	bad.set_tests_client_http.port = 99;
	assert_int_not_equal(cmd_check(id, &bad, err, sizeof(err)), 0);
	bad = req;
	memset(bad.set_tests_client_http.host.s, 'x', sizeof(bad.set_tests_client_http.host.s));
	assert_int_not_equal(cmd_check(id, &bad, err, sizeof(err)), 0);
	bad = req;
	bad.set_tests_client_http.host.s[0] = '\n';
	assert_int_not_equal(cmd_check(id, &bad, err, sizeof(err)), 0);
	for (int i = 0; i < 20000; i++) { /* anything may be in a cell: judged without a crash */
		for (size_t k = 0; k < sizeof(bad.raw); k++)
			bad.raw[k] = random() % 7 ? 0 : random();
		cmd_check(random() % (CMD_COUNT + 1), &bad, err, sizeof(err));
	}
}

static void collect(const char *word, const char *help, void *arg)
{
	size_t n = strlen(arg);

	(void)help;
	snprintf((char *)arg + n, 256 - n, "%s ", word);
}

static void completion(void **state)
{
	const char *at[] = {"set", "tests", "criteria", "port", "0", "test-case-id", "1"};
	char words[256] = "";

	(void)state;
	cmd_complete(at, 2, "r", collect, words);
	assert_string_equal(words, "rate ");
	words[0] = '\0';
	cmd_complete(at, 3, "", collect, words);
	assert_string_equal(words, "port test-case-id run-time|servers-up|clients-up|clients-estab|data-MB ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(errors_say_where),
		cmocka_unit_test(comments_are_nothing), cmocka_unit_test(every_row_there_and_back),
		cmocka_unit_test(bounds_of_every_number), cmocka_unit_test(corrupt_cells_are_refused),
		cmocka_unit_test(completion)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
