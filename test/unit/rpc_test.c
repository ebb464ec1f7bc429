/* JSON-RPC without a socket: each command of the table as a line and as JSON makes the same request,
 * what is wrong is told with the parameter at fault, and bytes become messages whatever they are. */
#include "cli/rpc.h"
#include "test/unit/cmd_bad.h"
#include "test/unit/unit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMS 3

static struct rpc_error err;
static uint32_t n_compared;

/* ---- methods */

static const struct rpc_method *method_of(enum cmd_id id)
{
	size_t n;
	const struct rpc_method *m = rpc_methods(&n);

	for (size_t i = 0; i < n; i++) {
		if (m[i].own == RPC_COMMAND && m[i].id == id)
			return &m[i];
	}
	return NULL;
}

static void every_command_is_a_method_of_its_own_name(void **state)
{
	static const enum cmd_id none[] = {
		CMD_show_tests_ui, CMD_monitor, CMD_file_input, CMD_help, CMD_exit, CMD_quit};
	size_t n, left_out = 0;
	const struct rpc_method *m = rpc_methods(&n);

	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		bool out = false;

		for (size_t i = 0; i < ARRAY_SIZE(none); i++)
			out |= none[i] == id;
		assert_int_equal(method_of(id) == NULL, out);
		left_out += out;
	}
	assert_int_equal(n, CMD_COUNT - left_out + RPC_OWN_END - 1);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(rpc_method_find(m[i].name), &m[i]); /* no other has it */
		assert_int_equal(strspn(m[i].name, "abcdefghijklmnopqrstuvwxyz0123456789_."),
			strlen(m[i].name));
	}
}

static void names_are_the_words(void **state)
{
	static const struct {
		enum cmd_id id;
		const char *name;
	} want[] = {{CMD_add_tests_client, "add.tests.client"},
		{CMD_add_tests_l3_intf, "add.tests.l3_intf"},
		{CMD_add_tests_multicast_src, "add.tests.multicast_src"},
		{CMD_set_tests_no_async, "set.tests.no_async"},
		{CMD_add_tests_imix, "add.tests.imix_id"},
		{CMD_set_tests_client_http, "set.tests.client.http"},
		{CMD_set_tests_client_http_field, "set.tests.client.http.field"},
		{CMD_imix_client_raw, "set.tests.imix.client.raw"},
		{CMD_imix_server_http_field, "set.tests.imix.server.http.field"},
		{CMD_imix_weight, "set.tests.imix.weight"}, {CMD_set_tests_imix, "set.tests.imix"},
		{CMD_show_eth, "show.ethernet.statistics"}, {CMD_start_tests, "start.tests"},
		{CMD_acquire_port, "acquire.port"}, {CMD_show_link_rate, "show.link.rate"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(method_of(want[i].id)->name, want[i].name);
}

/* ---- a line and JSON make the same */

/* "A B" to "A-B". */
static json_t *joined(const char *text)
{
	char s[200];

	snprintf(s, sizeof(s), "%.199s", text);
	if (strchr(s, ' ') != NULL)
		*strchr(s, ' ') = '-';
	return json_string(s);
}

static json_t *ends(const struct arg_desc *a, const char *text)
{
	char first[100], last[100];

	assert_int_equal(sscanf(text, "%99s %99s", first, last), 2);
	if (a->tag == ARG_iprange)
		return json_pack("{ss ss}", "first", first, "last", last);
	return json_pack("{sI sI}", "first", (json_int_t)strtoul(first, NULL, 10), "last",
		(json_int_t)strtoul(last, NULL, 10));
}

static json_t *bits(uint32_t v)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < 32; i++) {
		if (v >> i & 1)
			json_array_append_new(list, json_integer(i));
	}
	return list;
}

/* A value in one of the forms that JSON may have it in; NULL: there is no such form. */
static json_t *value_json(const struct arg_desc *a, const void *value, int form)
{
	char text[600];
	uint32_t v = 0;

	memcpy(&v, value, MIN_OF(sizeof(v), a->size));
	arg_format(a, text, sizeof(text), value);
	if (a->tag == ARG_u32)
		return form == 0                                  ? json_integer(v)
			: form == 1 && a->min == 0 && a->max == 1 ? json_boolean(v)
								  : NULL;
	if (a->tag == ARG_inf32)
		return form != 0 ? NULL : v == RATE_INFINITE ? json_string(text) : json_integer(v);
	if (a->tag == ARG_pct || a->tag == ARG_ms || a->tag == ARG_mbps)
		return form == 0    ? json_real(strtod(text, NULL))
			: form == 1 ? json_string(text)
				    : NULL;
	if (a->tag == ARG_iprange || a->tag == ARG_l4range)
		return form == 0 ? joined(text) : form == 1 ? ends(a, text) : NULL;
	if (a->tag == ARG_list)
		return form == 0 ? json_string(text) : form == 1 ? bits(v) : NULL;
	if (a->tag == ARG_flag)
		return form == 0 ? json_true() : NULL;
	if (bad_is_text(a))
		return form == 0 ? json_string(value) : NULL;
	return form == 0 ? json_string(text) : NULL;
}

/* The form that is asked for, else the first. */
static json_t *params_of(const struct rpc_method *m, const union cmd_req *req, int form)
{
	json_t *o = json_object();

	for (size_t k = 0; k < m->n_args; k++) {
		const struct arg_desc *a = &m->args[k];
		char name[64];
		json_t *v;

		if (!(req->present >> k & 1) || rpc_param_implied(m, a))
			continue;
		v = value_json(a, req->raw + a->off, form);
		rpc_param_name(a, name, sizeof(name));
		assert_null(json_object_get(o, name)); /* no two have one name */
		json_object_set_new(o, name, v ? v : value_json(a, req->raw + a->off, 0));
	}
	return o;
}

static void text_parse(const char *line, enum cmd_id want, union cmd_req *req)
{
	char copy[CMD_LINE_MAX], why[400] = "";
	const char *word[CMD_WORDS_MAX];
	enum cmd_id id = CMD_COUNT;
	int n;

	snprintf(copy, sizeof(copy), "%s", line);
	n = cmd_split(copy, word, CMD_WORDS_MAX, why, sizeof(why));
	if (n < 0 || cmd_parse(word, n, &id, req, why, sizeof(why)) != 0 || id != want)
		fail_msg("'%s': %s", line, why);
}

static void compare(const struct rpc_method *m, const union cmd_req *req)
{
	union cmd_req by_text;
	char line[CMD_LINE_MAX];

	assert_true(cmd_format(m->id, req, line, sizeof(line)) > 0);
	text_parse(line, m->id, &by_text);
	for (int form = 0; form < FORMS; form++) {
		json_t *params = params_of(m, req, form);
		union rpc_req by_json;

		if (rpc_map(m, params, NULL, &by_json, &err) != 0)
			fail_msg("'%s' as JSON: %s", line, err.message);
		assert_memory_equal(&by_json.cmd, &by_text, sizeof(by_text));
		json_decref(params);
		n_compared++;
	}
}

/* Arguments at their bounds, and at each of their words. */
static void variants(const struct rpc_method *m, size_t k)
{
	const struct arg_desc *a = &m->args[k];
	union cmd_req req;
	uint32_t v[] = {
		(uint32_t)a->min, (uint32_t)a->min + 1, (uint32_t)arg_max(a), RATE_INFINITE};

	good_request(m->id, &req);
	for (uint32_t i = 0; bad_is_words(a) && i < bad_n_words(a); i++) {
		memcpy(req.raw + a->off, &i, sizeof(i));
		compare(m, &req);
	}
	if (bad_is_words(a) || !bad_is_number(a) || a->tag == ARG_l4range)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(v) - (a->tag != ARG_inf32); i++) {
		if (v[i] != RATE_INFINITE || a->tag == ARG_inf32)
			v[i] = MAX_OF(v[i], (uint32_t)a->min);
		if (v[i] > arg_max(a) && a->tag != ARG_inf32)
			continue;
		memcpy(req.raw + a->off, &v[i], sizeof(v[i]));
		compare(m, &req);
	}
}

/* Without one that may be left out. */
static void without(const struct rpc_method *m, size_t k)
{
	const struct arg_desc *a = &m->args[k];
	union cmd_req req;
	char why[200];

	good_request(m->id, &req);
	req.present &= ~(UINT64_C(1) << k);
	memset(req.raw + a->off, 0, a->size);
	if (a->need != ARG_REQ && cmd_some_given(cmd_desc(m->id), req.present, why, sizeof(why)))
		compare(m, &req);
}

static void a_line_and_json_make_the_same_request(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct rpc_method *m = method_of(id);
		union cmd_req req;

		if (m == NULL)
			continue;
		good_request(id, &req);
		compare(m, &req);
		for (size_t k = 0; k < m->n_args; k++) {
			variants(m, k);
			without(m, k);
		}
	}
	assert_true(n_compared > 1000);
}

static int map_text(const char *method, const char *params)
{
	json_t *o = params ? json_loads(params, 0, NULL) : NULL;
	union rpc_req req;
	int rc;

	assert_true(params == NULL || o != NULL);
	memset(&err, 0, sizeof(err));
	rc = rpc_map(rpc_method_find(method), o, NULL, &req, &err);
	json_decref(o);
	return rc;
}

static void other_forms_that_are_meant(void **state)
{
	static const char *const same[] = {"{\"port\":1,\"test_case_id\":2,\"proto\":\"tcp\","
					   "\"src\":\"10.0.0.1\",\"sport\":80}",
		"{\"port\":1,\"test_case_id\":2,\"proto\":\"tcp\",\"src\":\"10.0.0.1-10.0.0.1\","
		"\"sport\":\"80\"}",
		"{\"sport\":{\"first\":80,\"last\":80},\"port\":1,\"test_case_id\":2,\"proto\":"
		"\"tcp\","
		"\"src\":{\"first\":\"10.0.0.1\",\"last\":\"10.0.0.1\"}}"};
	const struct rpc_method *m = rpc_method_find("add.tests.server");
	union cmd_req want;

	(void)state;
	text_parse("add tests server tcp port 1 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 80 80",
		m->id, &want);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		json_t *o = json_loads(same[i], 0, NULL);
		union rpc_req req;

		assert_int_equal(rpc_map(m, o, NULL, &req, &err), 0);
		assert_memory_equal(&req.cmd, &want, sizeof(want));
		json_decref(o);
	}
	/* null is nothing, false is a flag left out */
	assert_int_equal(map_text("show.tcp.statistics", "{\"port\":null,\"details\":false}"), 0);
	assert_int_equal(map_text("show.tcp.statistics", NULL), 0);
	assert_int_equal(
		map_text("set.tests.faults", "{\"port\":0,\"delay\":\"500us\",\"rate\":2.5}"), 0);
}

/* ---- what is wrong */

struct wrong {
	const char *method, *params, *parameter, *message, *where;
};

static void what_is_wrong_is_told_with_its_parameter(void **state)
{
	static const struct wrong wrong[] = {
		{"start.tests", "{\"port\":64}", "port", "port: 64 is out of range, expected 0..63",
			"params.port"},
		{"start.tests", "{\"port\":\"0\"}", "port", "port: a text given, expected 0..63",
			"params.port"},
		{"start.tests", "{\"port\":1.5}", "port", "port: a fraction given, expected 0..63",
			"params.port"},
		{"start.tests", "{\"port\":-1}", "port",
			"port: '-1' is not a number, expected 0..63", "params.port"},
		{"start.tests", "{\"port\":true}", "port", "port: true given, expected 0..63",
			"params.port"},
		{"start.tests", "{}", "port", "missing parameter 'port' (Ethernet port)",
			"params.port"},
		{"start.tests", "{\"port\":null}", "port",
			"missing parameter 'port' (Ethernet port)", "params.port"},
		{"start.tests", "{\"port\":0,\"prot\":1}", "prot",
			"unknown parameter 'prot', expected port", "params"},
		{"show.version", "{\"port\":0}", "port", "unknown parameter 'port', expected none",
			"params"},
		{"set.tests.rate", "{\"port\":0,\"test_case_id\":0}", "",
			"expected at least one of open|close|send", "params"},
		{"set.tests.rate", "{\"port\":0,\"test_case_id\":0,\"open\":\"inf\"}", "open",
			"open: a text given, expected 0..4294967294 or infinite", "params.open"},
		{"set.tests.tcp_options", "{\"port\":0,\"test_case_id\":0,\"win_size\":0}",
			"win_size", "win_size: 0 is out of range, expected 1..1073725440",
			"params.win_size"},
		{"set.tests.criteria",
			"{\"port\":0,\"test_case_id\":0,\"criterion\":\"run\",\"count\":1}",
			"criterion",
			"criterion: 'run' is not one of "
			"run-time|servers-up|clients-up|clients-estab|data-MB",
			"params.criterion"},
		{"add.tests.l3_gw", "{\"port\":0,\"gw\":\"10.0.0\"}", "gw",
			"gw: '10.0.0' is not an IP address", "params.gw"},
		{"add.tests.server",
			"{\"proto\":\"tcp\",\"port\":0,\"test_case_id\":0,\"src\":{\"first\":1,"
			"\"last\":\"10.0.0.1\"},\"sport\":1}",
			"src",
			"src: an integer given, expected an address, \"FIRST-LAST\" or {\"first\": "
			"address, \"last\": address}",
			"params.src.first"},
		{"add.tests.server",
			"{\"proto\":\"tcp\",\"port\":0,\"test_case_id\":0,\"src\":{\"first\":"
			"\"10.0.0.1\",\"last\":\"x\"},\"sport\":1}",
			"src", "src: 'x' is not an IP address", "params.src.last"},
		{"add.tests.server",
			"{\"proto\":\"tcp\",\"port\":0,\"test_case_id\":0,\"src\":\"10.0.0.9-10.0."
			"0.1\","
			"\"sport\":1}",
			"src", "src: range reversed: 10.0.0.9 > 10.0.0.1", "params.src"},
		{"add.tests.imix_id", "{\"imix_id\":0,\"app\":[1,\"2\"]}", "app",
			"app: a text given, expected a list of numbers 0..31, or a text like 1,3-5",
			"params.app"},
		{"set.tests.faults", "{\"port\":0,\"loss\":101}", "loss",
			"loss: '101' is out of range, expected <percent>, 0..100", "params.loss"},
		{"acquire.port", "{\"port\":0,\"force\":1}", "force",
			"force: an integer given, expected true or false", "params.force"},
		{"set.tests.client.http.field",
			"{\"port\":0,\"test_case_id\":0,\"http_field\":\"\"}", "http_field",
			"http_field: no value, expected \"<text>\"", "params.http_field"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const struct wrong *w = &wrong[i];

		assert_int_equal(map_text(w->method, w->params), -1);
		assert_int_equal(err.code, RPC_PARAMS);
		assert_string_equal(err.message, w->message);
		assert_string_equal(err.parameter, w->parameter);
		assert_string_equal(err.where, w->where);
	}
	assert_int_equal(map_text("start.tests", "[0]"), -1);
	assert_non_null(strstr(err.message, "parameters go by their names"));
}

/* Of any kind, none is taken for another or ends the program. */
static void values_of_every_kind_are_judged(void **state)
{
	static const char *const kinds[] = {"null", "true", "false", "0", "-1", "1e300", "1.5",
		"9223372036854775807", "\"\"", "\"x\"", "\"10.0.0.1-\"", "\"-\"", "[]", "[[]]",
		"[1]", "{}", "{\"first\":1}", "{\"first\":1,\"last\":{}}", "{\"a\":1,\"b\":2}",
		"\"\\u00e4\\n\""};
	char long_text[900];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct rpc_method *m = method_of(id);

		for (size_t k = 0; m != NULL && k < m->n_args; k++) {
			for (size_t i = 0; i <= ARRAY_SIZE(kinds); i++) {
				json_t *params,
					*v = i == ARRAY_SIZE(kinds)
					? json_string(long_text)
					: json_loads(kinds[i], JSON_DECODE_ANY, NULL);
				union cmd_req good;
				union rpc_req req;
				char name[64], why[200];

				good_request(id, &good);
				params = params_of(m, &good, 0);
				rpc_param_name(&m->args[k], name, sizeof(name));
				json_object_set_new(params, name, v);
				memset(&err, 0, sizeof(err));
				if (rpc_map(m, params, NULL, &req, &err) == 0)
					assert_int_equal(
						cmd_check(id, &req.cmd, why, sizeof(why)), 0);
				else
					assert_true(
						err.code == RPC_PARAMS && err.message[0] != '\0');
				json_decref(params);
			}
		}
	}
}

/* ---- bytes and messages */

static void lines_come_in_pieces(void **state)
{
	static const char text[] = "\r\n {\"a\":1}\r\n\n[2]\n{";
	struct rpc_buf b = {0};
	size_t seen = 0, len, n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_true(rpc_buf_add(&b, text + i, 1, 100));
		while (rpc_line(&b, &seen, &len)) {
			assert_memory_equal(b.p, n == 0 ? "{\"a\":1}\r" : "[2]", len);
			rpc_buf_take(&b, len + 1);
			n++;
		}
	}
	assert_int_equal(n, 2);
	assert_int_equal(b.len, 1);
	assert_false(rpc_buf_add(&b, text, 100, 100));
	rpc_buf_free(&b);
}

static json_t *parse(const char *line)
{
	bool hopeless;
	json_t *o = rpc_parse(line, strlen(line), &err, &hopeless);

	assert_int_equal(hopeless, o == NULL && line[0] != '{' && line[0] != '[');
	return o;
}

static void what_is_no_json_is_told(void **state)
{
	char deep[RPC_DEPTH_MAX * 2 + 10] = "";
	json_t *o;

	(void)state;
	assert_null(parse("GET / HTTP/1.1\r"));
	assert_int_equal(err.code, RPC_PARSE);
	assert_null(parse("{\"a\":1,\"a\":2}"));
	assert_null(parse("{\"a\":"));
	assert_int_equal(err.code, RPC_PARSE);
	assert_string_equal(err.where, "byte 5");
	assert_null(parse("{\"a\":\"\xff\"}"));
	assert_null(parse("{\"a\":\"\\u0000\"}"));
	memset(deep, '[', RPC_DEPTH_MAX);
	memset(deep + RPC_DEPTH_MAX, ']', RPC_DEPTH_MAX);
	o = parse(deep);
	assert_non_null(o);
	json_decref(o);
	memset(deep, '[', RPC_DEPTH_MAX + 1);
	assert_null(parse(deep));
	assert_non_null(strstr(err.message, "more than 16 deep"));
	o = parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[\"}"); /* in a text they are none */
	assert_non_null(o);
	json_decref(o);
}

struct ask {
	const char *line, *id; /* id as JSON, NULL: a notification */
	int code;
};

static void requests_as_the_standard_has_them(void **state)
{
	static const struct ask asks[] = {
		{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"rpc.ping\"}", "7", 0},
		{"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"rpc.ping\",\"params\":{}}",
			"\"x\"", 0},
		{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"rpc.ping\",\"params\":[]}", "null",
			0},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"rpc.ping\"}", NULL, 0},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"nosuch\"}", NULL, RPC_NO_METHOD},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nosuch\"}", "1", RPC_NO_METHOD},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"show.tests.ui\"}", "1", RPC_NO_METHOD},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", "1", RPC_INVALID},
		{"{\"jsonrpc\":\"2.0\",\"method\":1}", "null", RPC_INVALID},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"rpc.ping\"}", "1", RPC_INVALID},
		{"{\"id\":1,\"method\":\"rpc.ping\"}", "1", RPC_INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"rpc.ping\"}", "null", RPC_INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.ping\",\"params\":[1]}", "1",
			RPC_PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.ping\",\"params\":1}", "1",
			RPC_PARAMS},
		{"[1]", "null", RPC_INVALID}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		json_t *o = json_loads(asks[i].line, 0, NULL);
		const json_t *what = json_is_array(o) ? json_array_get(o, 0) : o;
		struct rpc_request r;
		char *id;

		memset(&err, 0, sizeof(err));
		assert_int_equal(rpc_request_of(what, &r, &err) != 0, asks[i].code != 0);
		assert_int_equal(err.code, asks[i].code);
		assert_int_equal(r.id == NULL, asks[i].id == NULL);
		id = json_dumps(r.id, JSON_ENCODE_ANY);
		if (id != NULL)
			assert_string_equal(id, asks[i].id);
		free(id);
		json_decref(o);
	}
}

static void answers_are_lines(void **state)
{
	json_t *id = json_string("a\nb"), *o;
	char *text = rpc_answer_text(id, json_pack("{si}", "x", 1), NULL);

	(void)state;
	assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"id\":\"a\\nb\",\"result\":{\"x\":1}}");
	free(text);
	rpc_fail_sys(&err, -EBUSY, "port 0 is held by anna");
	text = rpc_answer_text(id, NULL, &err);
	assert_string_equal(text,
		"{\"jsonrpc\":\"2.0\",\"id\":\"a\\nb\",\"error\":{\"code\":4,\"message\":"
		"\"port 0 is held by anna\",\"data\":{\"exit_code\":4,\"errno\":-16}}}");
	free(text);
	assert_int_equal(map_text("start.tests", "{\"port\":99}"), -1);
	o = rpc_error_json(&err);
	text = json_dumps(o, JSON_COMPACT);
	assert_string_equal(text,
		"{\"code\":-32602,\"message\":\"port: 99 is out of range, expected 0..63\","
		"\"data\":{\"exit_code\":2,\"parameter\":\"port\",\"expected\":\"0..63\","
		"\"where\":\"params.port\"}}");
	free(text);
	json_decref(o);
	json_decref(id);
}

static void exit_codes_are_the_clis(void **state)
{
	static const int of[][2] = {{-EPIPE, CLI_NO_ENGINE}, {-ETIMEDOUT, CLI_TIMEOUT},
		{-EPERM, CLI_REFUSED}, {-EBUSY, CLI_REFUSED}, {-EINVAL, CLI_FAILED},
		{-ENOENT, CLI_FAILED}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		rpc_fail_sys(&err, of[i][0], "x");
		assert_int_equal(err.code, of[i][1]);
		assert_int_equal(err.sys, of[i][0]);
	}
}

/* ---- the description */

static void refs_lead_somewhere(const json_t *o, const json_t *all, uint32_t *n)
{
	const json_t *v;
	const char *key;
	size_t i;

	if (json_is_array(o)) {
		json_array_foreach(o, i, v) refs_lead_somewhere(v, all, n);
		return;
	}
	json_object_foreach((json_t *)o, key, v)
	{
		char kind[32], name[64];

		refs_lead_somewhere(v, all, n);
		if (strcmp(key, "$ref") != 0)
			continue;
		assert_int_equal(
			sscanf(json_string_value(v), "#/components/%31[a-z]/%63s", kind, name), 2);
		if (json_object_get(json_object_get(json_object_get(all, "components"), kind), name)
			== NULL)
			fail_msg("%s leads nowhere", json_string_value(v));
		++*n;
	}
}

static void every_method_is_described(void **state)
{
	json_t *o = rpc_openrpc();
	const json_t *m;
	uint32_t n = 0;
	size_t i, n_methods;

	(void)state;
	assert_non_null(o);
	rpc_methods(&n_methods);
	assert_int_equal(json_array_size(json_object_get(o, "methods")), n_methods);
	json_array_foreach(json_object_get(o, "methods"), i, m)
	{
		const json_t *schema = json_object_get(json_object_get(m, "result"), "schema");

		if (schema == NULL)
			fail_msg("%s: its result is not described",
				json_string_value(json_object_get(m, "name")));
	}
	refs_lead_somewhere(o, o, &n);
	assert_true(n > n_methods);
	json_decref(o);
}

/* ---- places and tokens */

static void places_to_listen(void **state)
{
	static const struct {
		const char *text;
		int rc;
		bool remote;
	} of[] = {{"127.0.0.1:42424", 0, false}, {"0.0.0.0:1", 0, true}, {"[::1]:42424", 0, false},
		{"[::]:1", 0, true}, {"unix:/run/x.sock", 0, false}, {"unix:", -EINVAL, false},
		{"127.0.0.1", -EINVAL, false}, {"", -EINVAL, false}}; /* more: sock_at_test.c */
	struct rpc_at at;
	char why[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		assert_int_equal(rpc_at_parse(&at, of[i].text, why, sizeof(why)), of[i].rc);
		assert_true(of[i].rc != 0 || at.remote == of[i].remote);
	}
}

static void token_write(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void tokens(void **state)
{
	char path[] = "/tmp/w17-token-XXXXXX", token[RPC_TOKEN_MAX], why[400];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	token_write(path, "0123456789abcdef\n", 0600);
	assert_int_equal(rpc_token_read(path, token, why, sizeof(why)), 0);
	assert_true(rpc_token_same(token, "0123456789abcdef"));
	assert_false(rpc_token_same(token, "0123456789abcdeg"));
	assert_false(rpc_token_same(token, "0123456789abcde"));
	assert_false(rpc_token_same(token, "0123456789abcdef0"));
	assert_false(rpc_token_same(token, ""));
	token_write(path, "0123456789abcdef\n", 0640);
	assert_int_equal(rpc_token_read(path, token, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "can be read by others"));
	assert_string_equal(token, "");
	token_write(path, "short\n", 0600);
	assert_int_equal(rpc_token_read(path, token, why, sizeof(why)), -EINVAL);
	token_write(path, "two words that are long enough\n", 0600);
	assert_int_equal(rpc_token_read(path, token, why, sizeof(why)), -EINVAL);
	unlink(path);
	assert_int_equal(rpc_token_read(path, token, why, sizeof(why)), -EINVAL);
	assert_int_equal(rpc_token_read("/tmp", token, why, sizeof(why)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_a_method_of_its_own_name),
		cmocka_unit_test(names_are_the_words),
		cmocka_unit_test(a_line_and_json_make_the_same_request),
		cmocka_unit_test(other_forms_that_are_meant),
		cmocka_unit_test(what_is_wrong_is_told_with_its_parameter),
		cmocka_unit_test(values_of_every_kind_are_judged),
		cmocka_unit_test(lines_come_in_pieces),
		cmocka_unit_test(what_is_no_json_is_told),
		cmocka_unit_test(requests_as_the_standard_has_them),
		cmocka_unit_test(answers_are_lines),
		cmocka_unit_test(exit_codes_are_the_clis),
		cmocka_unit_test(every_method_is_described),
		cmocka_unit_test(places_to_listen),
		cmocka_unit_test(tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
