/* HTTP: the messages that are built, and the settings that are refused. */
#include "test/unit/app_http.h"
#include "test/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void assert_message(const struct app_tc *tc, uint8_t kind, const char *head, uint32_t body)
{
	uint32_t len;

	assert_int_equal(tc->msg[kind].len, strlen(head) + body);
	assert_memory_equal(app_payload(tc, kind, 0, &len), head, strlen(head));
	/* what is short lies in a row */
	assert_int_equal(len, strlen(head) + (strlen(head) + body <= APP_HEAD_MAX ? body : 0));
}

static void messages_are_as_specified(void **state)
{
	struct tc_config cfg = http_config(tc_kind_CLIENT);
	struct app_tc tc;
	char err[100];

	(void)state;
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	assert_message(&tc, 0,
		"GET /index.html HTTP/1.1\r\nHost: www.foo42.net\r\nUser-Agent: WARP17 HTTP "
		"CL\r\n\r\n",
		0);
	cfg.app.http.method = http_method_HEAD;
	cfg.app.http.body_bytes = 100000;
	TEXT(cfg.app.http.fields, "X-A: 1\r\nX-B: 2\r\n");
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	assert_int_equal(tc.is_head, 1);
	assert_message(&tc, 0,
		"HEAD /index.html HTTP/1.1\r\nHost: www.foo42.net\r\nUser-Agent: WARP17 HTTP "
		"CL\r\nX-A: 1\r\n"
		"X-B: 2\r\nContent-Length: 100000\r\n\r\n",
		100000);
	cfg.kind = tc_kind_SERVER;
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
#define HEAD "HTTP/1.1 200 OK\r\nServer: WARP17\r\nX-A: 1\r\nX-B: 2\r\n"
	assert_message(&tc, 0, HEAD "Content-Length: 100000\r\n\r\n", 100000);
	assert_message(&tc, 1, HEAD "Content-Length: 100000\r\n\r\n", 0);
	assert_message(&tc, 2, HEAD "Connection: close\r\nContent-Length: 100000\r\n\r\n", 100000);
	assert_message(&tc, 3, HEAD "Connection: close\r\nContent-Length: 100000\r\n\r\n", 0);
}

static void post_says_its_length(void **state)
{
	struct tc_config cfg = http_config(tc_kind_CLIENT);
	struct app_tc tc;
	char err[100];

	(void)state;
	cfg.app.http.method = http_method_POST;
	for (uint32_t body = 0; body <= 70000; body += 70000) {
		char head[200];

		cfg.app.http.body_bytes = body;
		assert_int_equal(
			app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
		snprintf(head, sizeof(head),
			"POST /index.html HTTP/1.1\r\nHost: www.foo42.net\r\nUser-Agent: WARP17 "
			"HTTP CL\r\nContent-Length: %u\r\n\r\n",
			body);
		assert_message(&tc, 0, head, body);
	}
}

/* What the user says replaces what we would say; nothing follows "Connection: close". */
static void no_field_comes_twice(void **state)
{
	struct tc_config cfg = http_config(tc_kind_CLIENT);
	struct app_tc tc;
	char err[100];

	(void)state;
	TEXT(cfg.app.http.fields, "host: b\r\nX-Host: c\r\nuser-agent: me\r\n");
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	assert_message(&tc, 0,
		"GET /index.html HTTP/1.1\r\nhost: b\r\nX-Host: c\r\nuser-agent: me\r\n\r\n", 0);
	assert_int_equal(tc.requests, 0);
	TEXT(cfg.app.http.fields, "X: close\r\nConnection: TE, Close\r\n");
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	assert_int_equal(tc.requests, 1);
	cfg = http_config(tc_kind_SERVER);
	TEXT(cfg.app.http.fields, "Connection: close\r\nSERVER: x\r\n");
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	assert_int_equal(tc.requests, 1);
	for (uint8_t kind = 0; kind < 4; kind++)
		assert_message(&tc, kind,
			"HTTP/1.1 200 OK\r\nConnection: close\r\nSERVER: x\r\nContent-Length: "
			"0\r\n\r\n",
			0);
}

static void bad_settings_are_refused(void **state)
{
	struct tc_config cfg;
	struct app_tc tc;
	char err[100];

	(void)state;
#define REFUSED(side, change)                                                                   \
	do {                                                                                    \
		cfg = http_config(side);                                                        \
		change;                                                                         \
		err[0] = '\0';                                                                  \
		assert_true(                                                                    \
			app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)) < 0); \
		assert_true(err[0] != '\0');                                                    \
	} while (0)
	REFUSED(tc_kind_CLIENT, cfg.proto = l4proto_UDP);
	REFUSED(tc_kind_CLIENT, cfg.app.http.body_bytes = APP_SIZE_MAX + 1);
	REFUSED(tc_kind_CLIENT, TEXT(cfg.app.http.object, "/a b"));
	REFUSED(tc_kind_CLIENT, TEXT(cfg.app.http.object, ""));
	REFUSED(tc_kind_CLIENT, TEXT(cfg.app.http.host, "a\r\nb"));
	REFUSED(tc_kind_CLIENT, memset(cfg.app.http.host, 'a', sizeof(cfg.app.http.host)));
	REFUSED(tc_kind_SERVER, memset(cfg.app.http.fields, 'a', sizeof(cfg.app.http.fields)));
	REFUSED(tc_kind_SERVER, TEXT(cfg.app.http.fields, "X: y"));
	REFUSED(tc_kind_SERVER, TEXT(cfg.app.http.fields, "\r\n"));
	REFUSED(tc_kind_SERVER, TEXT(cfg.app.http.fields, "X: y\r\n\r\nZ: z\r\n"));
	REFUSED(tc_kind_CLIENT, TEXT(cfg.app.http.fields, "Host: a\r\nX: y\r\nhost: b\r\n"));
	REFUSED(tc_kind_SERVER, cfg.app.http.status = http_status_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_as_specified),
		cmocka_unit_test(post_says_its_length),
		cmocka_unit_test(no_field_comes_twice),
		cmocka_unit_test(bad_settings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
