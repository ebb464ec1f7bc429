/* show config of what is said over sessions: of test cases, and of IMIX groups, whose commands take the
 * same arguments behind other ones. */
#include "cli/show_config_priv.h"
#include "cli/show_priv.h"

#include <stdio.h>
#include <string.h>

/* Behind these the arguments of a test case's and of a group's application are alike. */
#define GIVE_IMIX_APP(id, of_side, name) \
	(GIVE(id, index, o->index), GIVE(id, of_side, 1), GIVE(id, name, 1))

/* One that says what a new test case has anyway is left out; of a group nothing is. */
static bool raw_to_say(const struct conf *o, enum tc_kind side, bool imix)
{
	const struct app_config *a = o->app;

	return o->side == side && a->kind == app_kind_RAW
		&& (imix || (a->raw.req_bytes | a->raw.resp_bytes | a->requests) != 0);
}

#define GIVE_RAW(id)                                                                   \
	(GIVE(id, req, o->app->raw.req_bytes), GIVE(id, resp, o->app->raw.resp_bytes), \
		GIVE_IF_NOT(id, requests, o->app->requests, 0),                        \
		GIVE_IF_NOT(id, rx_ts, o->app->raw.rx_ts != 0, 0),                     \
		GIVE_IF_NOT(id, tx_ts, o->app->raw.tx_ts != 0, 0))

#define RAW_WRITER(id, side, imix, whose)                 \
	static void id(struct conf *o)                    \
	{                                                 \
		union cmd_req r = {0};                    \
                                                          \
		if (!raw_to_say(o, tc_kind_##side, imix)) \
			return;                           \
		whose;                                    \
		GIVE_RAW(id);                             \
		show_config_emit(o, CMD_##id, &r);        \
	}
RAW_WRITER(set_tests_client_raw, CLIENT, false, GIVE_TC(set_tests_client_raw))
RAW_WRITER(set_tests_server_raw, SERVER, false, GIVE_TC(set_tests_server_raw))
RAW_WRITER(imix_client_raw, CLIENT, true, GIVE_IMIX_APP(imix_client_raw, client, raw))
RAW_WRITER(imix_server_raw, SERVER, true, GIVE_IMIX_APP(imix_server_raw, server, raw))

static bool is_http(const struct conf *o, enum tc_kind side)
{
	return o->side == side && o->app->kind == app_kind_HTTP;
}

#define GIVE_HTTP_CLIENT(id)                                                                \
	(memcpy(r.id.host.s, o->app->http.host, sizeof(o->app->http.host)),                 \
		memcpy(r.id.object.s, o->app->http.object, sizeof(o->app->http.object)),    \
		GIVE(id, method, o->app->http.method), GIVE(id, host, r.id.host),           \
		GIVE(id, object, r.id.object), GIVE(id, req_size, o->app->http.body_bytes), \
		GIVE_IF_NOT(id, requests, o->app->requests, 0))
#define GIVE_HTTP_SERVER(id)                                                                  \
	(GIVE(id, status, o->app->http.status), GIVE(id, resp_size, o->app->http.body_bytes), \
		GIVE_IF_NOT(id, requests, o->app->requests, 0))

#define HTTP_WRITER(id, side, give, whose)         \
	static void id(struct conf *o)             \
	{                                          \
		union cmd_req r = {0};             \
                                                   \
		if (!is_http(o, tc_kind_##side))   \
			return;                    \
		whose;                             \
		give(id);                          \
		show_config_emit(o, CMD_##id, &r); \
	}
HTTP_WRITER(set_tests_client_http, CLIENT, GIVE_HTTP_CLIENT, GIVE_TC(set_tests_client_http))
HTTP_WRITER(set_tests_server_http, SERVER, GIVE_HTTP_SERVER, GIVE_TC(set_tests_server_http))
HTTP_WRITER(
	imix_client_http, CLIENT, GIVE_HTTP_CLIENT, GIVE_IMIX_APP(imix_client_http, client, http))
HTTP_WRITER(
	imix_server_http, SERVER, GIVE_HTTP_SERVER, GIVE_IMIX_APP(imix_server_http, server, http))

/* The next of the header fields, each of which ends in CRLF; false when there is none. */
static bool field_next(const char **at, struct arg_text256 *field)
{
	size_t len = strcspn(*at, "\r\n");

	*field = (struct arg_text256){0};
	snprintf(field->s, sizeof(field->s), "%.*s", (int)len, *at);
	*at += len;
	*at += strspn(*at, "\r\n");
	return field->s[0] != '\0';
}

#define FIELD_WRITER(id, side, whose)                                          \
	static void id(struct conf *o)                                         \
	{                                                                      \
		const char *at = o->app->http.fields;                          \
		struct arg_text256 text;                                       \
                                                                               \
		while (is_http(o, tc_kind_##side) && field_next(&at, &text)) { \
			union cmd_req r = {0};                                 \
                                                                               \
			whose;                                                 \
			GIVE(id, field, text);                                 \
			show_config_emit(o, CMD_##id, &r);                     \
		}                                                              \
	}
FIELD_WRITER(set_tests_client_http_field, CLIENT, GIVE_TC(set_tests_client_http_field))
FIELD_WRITER(set_tests_server_http_field, SERVER, GIVE_TC(set_tests_server_http_field))
FIELD_WRITER(imix_client_http_field, CLIENT, GIVE_IMIX_APP(imix_client_http_field, client, http))
FIELD_WRITER(imix_server_http_field, SERVER, GIVE_IMIX_APP(imix_server_http_field, server, http))

#define ECHO_WRITER(id, side_, whose)                                            \
	static void id(struct conf *o)                                           \
	{                                                                        \
		union cmd_req r = {0};                                           \
                                                                                 \
		if (o->side != tc_kind_##side_ || o->app->kind != app_kind_ECHO) \
			return;                                                  \
		whose;                                                           \
		GIVE(id, size, o->app->echo.bytes);                              \
		GIVE_IF_NOT(id, requests, o->app->requests, 0);                  \
		show_config_emit(o, CMD_##id, &r);                               \
	}
ECHO_WRITER(set_tests_client_echo, CLIENT, GIVE_TC(set_tests_client_echo))
ECHO_WRITER(set_tests_server_echo, SERVER, GIVE_TC(set_tests_server_echo))
ECHO_WRITER(imix_client_echo, CLIENT, GIVE_IMIX_APP(imix_client_echo, client, echo))
ECHO_WRITER(imix_server_echo, SERVER, GIVE_IMIX_APP(imix_server_echo, server, echo))

static void set_tests_imix(struct conf *o)
{
	union cmd_req r = {0};

	if (o->c->imix == 0)
		return;
	GIVE_TC(set_tests_imix);
	GIVE(set_tests_imix, imix_id, o->c->imix - 1);
	show_config_emit(o, CMD_set_tests_imix, &r);
}

static void imix_weight(struct conf *o)
{
	union cmd_req r = {0};

	if (o->imix == NULL || o->imix->apps[o->index].weight == 0)
		return;
	GIVE(imix_weight, index, o->index);
	GIVE(imix_weight, weight, o->imix->apps[o->index].weight);
	show_config_emit(o, CMD_imix_weight, &r);
}

static uint32_t apps_of(const struct imix_group *g)
{
	uint32_t apps = 0;

	for (uint32_t i = 0; i < MIN_OF(g->n, IMIX_GROUP_APPS); i++)
		apps |= UINT32_C(1) << g->app[i] % IMIX_APPS_MAX;
	return apps;
}
static_assert(IMIX_APPS_MAX <= 32);

static void add_tests_imix(struct conf *o)
{
	const struct imix_group *g = o->imix == NULL ? NULL : &o->imix->groups[o->index];
	union cmd_req r = {0};

	if (g == NULL || g->n == 0)
		return;
	GIVE(add_tests_imix, imix_id, o->index);
	GIVE(add_tests_imix, apps, apps_of(g));
	show_config_emit(o, CMD_add_tests_imix, &r);
}

const struct writer show_config_app[] = {
	WRITES(set_tests_client_raw),
	WRITES(set_tests_server_raw),
	WRITES(set_tests_client_http),
	WRITES(set_tests_client_http_field),
	WRITES(set_tests_server_http),
	WRITES(set_tests_server_http_field),
	WRITES(set_tests_client_echo),
	WRITES(set_tests_server_echo),
	WRITES(set_tests_imix),
	WRITES_END,
};
const struct writer show_config_imix_app[] = {
	WRITES(imix_client_raw),
	WRITES(imix_server_raw),
	WRITES(imix_client_http),
	WRITES(imix_client_http_field),
	WRITES(imix_server_http),
	WRITES(imix_server_http_field),
	WRITES(imix_client_echo),
	WRITES(imix_server_echo),
	WRITES(imix_weight),
	WRITES_END,
};
const struct writer show_config_imix_group[] = {
	WRITES(add_tests_imix),
	WRITES_END,
};

/* Is a group written? */
static bool group_to_say(const struct seg *s, bool one_port, uint32_t port, uint32_t group)
{
	uint32_t user, tcid;

	return !one_port || (seg_imix_user(s, group, &user, &tcid) && user == port);
}

static void write_imix_app(struct conf *o, const struct imix_app *app)
{
	o->app = &app->cfg;
	o->side = app->side;
	if (o->side != tc_kind_NONE)
		show_config_write(o, show_config_imix_app);
}

int show_config_imix(struct conf *o, const struct seg *s, bool one_port, uint32_t port)
{
	static struct seg_imix m;
	int rc = seg_read(seg_imix(s), &m, sizeof(m));
	uint32_t apps = one_port ? 0 : UINT32_MAX;

	if (rc != 0)
		return rc;
	o->imix = &m;
	for (uint32_t i = 0; i < IMIX_GROUPS_MAX; i++)
		apps |= group_to_say(s, one_port, port, i) ? apps_of(&m.groups[i]) : 0;
	for (o->index = 0; o->index < IMIX_APPS_MAX; o->index++) {
		if ((apps >> o->index & 1) != 0)
			write_imix_app(o, &m.apps[o->index]);
	}
	for (o->index = 0; o->index < IMIX_GROUPS_MAX; o->index++) {
		if (group_to_say(s, one_port, port, o->index))
			show_config_write(o, show_config_imix_group);
	}
	return 0;
}
