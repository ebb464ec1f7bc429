/* What can be shown of applications: a function a row of app.def; and of IMIX groups. */
#include "cli/show.h"
#include "cli/show_priv.h"
#include "cli/since.h"

#include <errno.h>

static void raw_view(json_t *o, const struct app_config *c, bool client)
{
	(void)client;
	json_object_set_new(o, "data_req_plen", json_integer(c->raw.req_bytes));
	json_object_set_new(o, "data_resp_plen", json_integer(c->raw.resp_bytes));
	json_object_set_new(o, "rx_timestamp", json_integer(c->raw.rx_ts));
	json_object_set_new(o, "tx_timestamp", json_integer(c->raw.tx_ts));
}

static void http_view(json_t *o, const struct app_config *c, bool client)
{
	if (client) {
		json_object_set_new(o, "method", json_string(http_method_word(c->http.method)));
		json_object_set_new(o, "host", TEXT(c->http.host));
		json_object_set_new(o, "object", TEXT(c->http.object));
		json_object_set_new(o, "req_size", json_integer(c->http.body_bytes));
	} else {
		json_object_set_new(o, "status", json_string(http_status_word(c->http.status)));
		json_object_set_new(o, "resp_size", json_integer(c->http.body_bytes));
	}
	json_object_set_new(o, "http_fields", TEXT(c->http.fields));
}

static void echo_view(json_t *o, const struct app_config *c, bool client)
{
	(void)client;
	json_object_set_new(o, "size", json_integer(c->echo.bytes));
}

void show_app(json_t *o, const struct app_config *c, uint32_t side)
{
	static void (*const view[])(json_t *, const struct app_config *, bool) = {
#define APP(name, NAME) [app_kind_##NAME] = name##_view,
#include "common/cmd/app.def"
	};

	json_object_set_new(o, "app", json_string(app_kind_word(c->kind)));
	json_object_set_new(
		o, "requests", c->requests ? json_integer(c->requests) : json_string("unlimited"));
	if (c->kind < ARRAY_SIZE(view))
		view[c->kind](o, c, side == tc_kind_CLIENT);
}

json_t *show_imix_stats(const struct seg *s, const struct seg_imix *m, uint32_t id)
{
	const struct imix_group *g = &m->groups[id % IMIX_GROUPS_MAX];
	json_t *a = json_array();

	for (uint32_t i = 0; i < MIN_OF(g->n, IMIX_GROUP_APPS); i++) {
		const struct imix_app *app = &m->apps[g->app[i] % IMIX_APPS_MAX];
		struct stats_tc_block b;

		since_imix(s, id % IMIX_GROUPS_MAX, i, &b);
		json_array_append_new(a,
			json_pack("{sI ss sI so}", "app_index", INT(g->app[i]), "app",
				app_kind_word(app->cfg.kind), "weight", INT(app->weight), "stats",
				show_group(stats_group_find("tc"), &b)));
	}
	return a;
}

static json_t *apps(const struct seg_imix *m)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < IMIX_APPS_MAX; i++) {
		const struct imix_app *app = &m->apps[i];
		json_t *o;

		if (app->side == tc_kind_NONE)
			continue;
		o = json_pack("{sI ss sI}", "app_index", INT(i), "side", tc_kind_word(app->side),
			"weight", INT(app->weight));
		show_app(o, &app->cfg, app->side);
		json_array_append_new(a, o);
	}
	return a;
}

static void used_by(json_t *o, const struct seg *s, uint32_t id)
{
	uint32_t port, tcid;

	if (!seg_imix_user(s, id, &port, &tcid))
		return;
	json_object_set_new(o, "port", json_integer(port));
	json_object_set_new(o, "test_case_id", json_integer(tcid));
	show_since(o, port);
}

json_t *show_tests_imix(const struct seg *s, bool one, uint32_t id)
{
	static struct seg_imix m;
	json_t *groups = json_array();
	int rc = seg_read(seg_imix(s), &m, sizeof(m));

	if (rc != 0)
		return show_nothing(rc, groups);
	if (one && m.groups[id].n == 0)
		return show_nothing(-ENOENT, groups);
	for (uint32_t i = one ? id : 0; i < (one ? id + 1 : IMIX_GROUPS_MAX); i++) {
		json_t *o;

		if (m.groups[i].n == 0)
			continue;
		o = json_pack("{sI so}", "imix_id", INT(i), "apps", show_imix_stats(s, &m, i));
		used_by(o, s, i);
		json_array_append_new(groups, o);
	}
	return json_pack("{so so}", "groups", groups, "apps", apps(&m));
}
