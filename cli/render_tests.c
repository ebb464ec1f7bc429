/* Views of test cases as text. */
#include "cli/grid.h"
#include "cli/render_priv.h"
#include "cli/show.h"

#include <stdarg.h>
#include <string.h>

/* A column for each application of a group, named as the commands name it. */
static void app_columns(struct counters *c, const json_t *apps)
{
	const json_t *app;
	size_t i;

	json_array_foreach(apps, i, app)
	{
		grid_column(&c->g, true, "%s %s (%s)", render_field(app, "app_index"),
			render_field(app, "app"), render_field(app, "weight"));
		c->of[c->n++] = json_object_get(app, "stats");
	}
}

void render_tests_stats(const json_t *view)
{
	static const char *const rates[][2] = {{"Estab/s", "established_per_second"},
		{"Closed/s", "closed_per_second"}, {"Data Send/s", "messages_per_second"},
		{"Requests/s", "requests_per_second"}};
	const struct stats_group *group = stats_group_find("tc");
	const json_t *apps = json_object_get(view, "apps");
	struct counters c = {.n = 0};

	printf("Port %s, test case %s: %s, %s, %s%s\n", render_field(view, "port"),
		render_field(view, "test_case_id"), render_field(view, "type"),
		render_field(view, "app"), render_field(view, "state"), render_since(view));
	grid_column(&c.g, false, "%s", "");
	grid_column(&c.g, true, "%s", json_array_size(apps) != 0 ? "All" : "");
	c.of[c.n++] = json_object_get(view, "stats");
	app_columns(&c, apps);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		grid_cell(&c.g, "%s", rates[i][0]);
		grid_cell(&c.g, "%s", render_field(json_object_get(view, "rates"), rates[i][1]));
		for (size_t k = 0; k < json_array_size(apps); k++)
			grid_cell(&c.g, "%s", "");
	}
	render_counters(&c, group);
	if (json_object_get(view, "latency") != NULL)
		render_latency(&c.g, json_object_get(view, "latency"));
	if (json_object_get(view, "response_times") != NULL)
		render_response_times(&c.g, json_object_get(view, "response_times"));
	grid_print(&c.g, 0, 0);
}

/* What the criterion counts, and how much of it is there: "Cl Estab 100". */
static void quick_stats(struct grid *g, const json_t *t)
{
	static const char *const label[] = {
		[criterion_RUN_TIME] = "Run Time (s)",
		[criterion_SERVERS_UP] = "Srv Up",
		[criterion_CLIENTS_UP] = "Cl Up",
		[criterion_CLIENTS_ESTAB] = "Cl Estab",
		[criterion_DATA_MB] = "Data MB Sent",
	};
	static_assert(ARRAY_SIZE(label) == criterion_COUNT);
	uint32_t i = 0;

	while (i < criterion_COUNT - 1
		&& strcmp(render_field(t, "criteria"), criterion_word(i)) != 0)
		i++;
	grid_cell(g, "%s %s", label[i], render_field(t, "achieved"));
}

void render_tests_state(const json_t *view)
{
	static const char *const cols[] = {
		"TcId", "Type", "App", "State", "Criteria", "Quick stats", "Runtime", "Note"};
	const json_t *tests = json_object_get(view, "tests"), *t;
	struct grid g = {0};
	size_t i;

	printf("Port %s: %s\n", render_field(view, "port"),
		json_is_true(json_object_get(view, "running")) ? "running" : "not running");
	if (json_array_size(tests) == 0) {
		printf("no test cases\n");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(cols); i++)
		grid_column(&g, i == 6, "%s", cols[i]);
	json_array_foreach(tests, i, t)
	{
		const char *note = json_string_value(json_object_get(t, "note"));
		const char *reason = json_string_value(json_object_get(t, "reason"));

		grid_cell(&g, "%s", render_field(t, "test_case_id"));
		grid_cell(&g, "%s", render_field(t, "type"));
		grid_cell(&g, "%s", render_field(t, "app"));
		grid_cell(&g, "%s", render_field(t, "state"));
		grid_cell(&g, "%s %s", render_field(t, "criteria"), render_field(t, "target"));
		quick_stats(&g, t);
		grid_cell(&g, "%s s", render_field(t, "runtime_s"));
		grid_cell(&g, "%s%s%s", note, *note && *reason ? "; " : "", reason);
	}
	grid_print(&g, 0, 0);
}

static void pair(struct grid *g, const char *name, const char *fmt, ...) format_printf(3, 4);
static void pair(struct grid *g, const char *name, const char *fmt, ...)
{
	char value[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	grid_cell(g, "%s", name);
	grid_cell(g, "%s", value);
}

/* A rate or a time: with its unit, or INFINITE. */
static void pair_unit(
	struct grid *g, const char *name, const json_t *o, const char *key, const char *unit)
{
	const json_t *v = json_object_get(o, key);

	if (v != NULL)
		pair(g, name, "%s%s", json_is_string(v) ? "INFINITE" : render_value(v),
			json_is_string(v) ? "" : unit);
}

/* Each header field that the user set. */
static void http_fields(struct grid *g, const char *fields)
{
	while (*fields != '\0') {
		size_t len = strcspn(fields, "\r\n");

		if (len != 0)
			pair(g, "http-field", "%.*s", (int)len, fields);
		fields += len + (fields[len] != '\0');
	}
}

/* The settings of the application are named as the commands name them. */
static void app_pairs(struct grid *g, const json_t *t)
{
	bool on = false;
	const json_t *v;
	const char *key;

	json_object_foreach((json_t *)t, key, v)
	{
		char name[32];

		on |= strcmp(key, "app") == 0;
		if (on && strcmp(key, "http_fields") == 0) {
			http_fields(g, render_value(v));
		} else if (on) {
			snprintf(name, sizeof(name), "%s", key);
			for (char *c = name; *c != '\0'; c++)
				*c = (char)(*c == '_' ? '-' : *c);
			pair(g, strcmp(key, "app") == 0 ? "Application" : name, "%s",
				render_value(v));
		}
	}
}

void render_test_config(const json_t *t)
{
	const json_t *ipv4 = json_object_get(t, "ipv4"), *latency = json_object_get(t, "latency");
	const char *times = json_string_value(json_object_get(t, "response_times"));
	struct grid g = {0};

	printf("\nTest case %s: %s, %s\n", render_field(t, "test_case_id"), render_field(t, "type"),
		json_is_true(json_object_get(t, "async")) ? "Async" : "Sync");
	grid_column(&g, false, "%s", "");
	grid_column(&g, false, "%s", "");
	if (render_number(t, "vlan_id") != 0)
		pair(&g, "VLAN-ID/PRI", "%s/%s", render_field(t, "vlan_id"),
			render_field(t, "vlan_pri"));
	pair(&g, "IPv4 TOS (DSCP, ECN)", "%s (%s, %s)", render_field(ipv4, "tos"),
		render_field(ipv4, "dscp"), render_field(ipv4, "ecn"));
	pair(&g, "IPv4 Tstamp RX/TX", "%s/%s", render_field(ipv4, "rx-timestamp"),
		render_field(ipv4, "tx-timestamp"));
	if (latency != NULL) {
		pair_unit(&g, "Max latency", latency, "max_us", " us");
		pair_unit(&g, "Max Avg latency", latency, "max_avg_us", " us");
		pair_unit(&g, "Max Samples", latency, "samples", "");
	}
	if (times != NULL && strcmp(times, times_from_word(times_from_OFF)) != 0)
		pair(&g, "Response times", "from %s", times);
	pair(&g, "Local IP:Port", "%s:%s", render_field(t, "src"), render_field(t, "sport"));
	if (json_object_get(t, "dest") != NULL)
		pair(&g, "Remote IP:Port", "%s:%s", render_field(t, "dest"),
			render_field(t, "dport"));
	pair_unit(&g, "Rate Open", t, "rate_open", " s/s");
	pair_unit(&g, "Rate Close", t, "rate_close", " s/s");
	pair_unit(&g, "Rate Send", t, "rate_send", " s/s");
	pair_unit(&g, "Delay Init", t, "init_s", " s");
	pair_unit(&g, "Delay Uptime", t, "uptime_s", " s");
	pair_unit(&g, "Delay Downtime", t, "downtime_s", " s");
	pair(&g, "Criteria", "%s %s", render_field(t, "criterion"),
		render_field(t, "criterion_count"));
	pair_unit(&g, "Within", t, "criterion_within_s", " s");
	app_pairs(&g, t);
	grid_print(&g, 2, 0);
}

void render_tests_config(const json_t *view)
{
	const json_t *intfs = json_object_get(view, "l3_interfaces"),
		     *tests = json_object_get(view, "tests"), *t;
	const char *key;

	printf("Port %s\n  MTU %s\n  GW %s\n", render_field(view, "port"),
		render_field(view, "mtu"), render_field(view, "gw"));
	if (json_object_get(view, "tx_faults") != NULL)
		printf("  Faults in what it sends (show tests faults)\n");
	if (json_object_get(view, "rx_faults") != NULL)
		printf("  Faults in what it receives (show tests faults)\n");
	if (json_array_size(intfs) != 0)
		render_table(intfs, 2);
	else
		printf("  no L3 interfaces\n");
	json_object_foreach((json_t *)tests, key, t) render_test_config(t);
	if (json_object_size(tests) == 0)
		printf("  no test cases\n");
}

/* Small shares as exact as they were given. */
static const char *exact(const json_t *v)
{
	static char buf[2][32];
	static uint32_t turn;
	char *s = buf[turn++ % ARRAY_SIZE(buf)];

	if (!json_is_real(v))
		return render_value(v);
	snprintf(s, sizeof(buf[0]), "%.10g", json_real_value(v));
	return s;
}

/* A row for each setting, then for each counter; a column for each direction. */
void render_tests_faults(const json_t *view)
{
	const json_t *of[] = {json_object_get(view, "tx"), json_object_get(view, "rx")}, *v;
	const struct stats_group *group = stats_group_find("faults");
	struct grid g = {0};
	const char *key;

	grid_column(&g, false, "Port %s", render_field(view, "port"));
	grid_column(&g, true, "TX");
	grid_column(&g, true, "RX");
	json_object_foreach((json_t *)of[0], key, v)
	{
		char head[64];

		if (json_is_object(v))
			continue;
		render_heading(key, head, sizeof(head));
		grid_cell(&g, "%s", head);
		for (size_t d = 0; d < ARRAY_SIZE(of); d++)
			grid_cell(&g, "%s", exact(json_object_get(of[d], key)));
	}
	/* the first half of the group is tx's, of which each label begins with "TX " */
	for (size_t i = 0; i < group->n / 2; i++) {
		grid_cell(&g, "%s", group->stats[i].label + 3);
		for (size_t d = 0; d < ARRAY_SIZE(of); d++)
			grid_cell(&g, "%s",
				render_field(
					json_object_get(of[d], "stats"), group->stats[i].name + 3));
	}
	grid_print(&g, 0, 0);
}

/* What each application is told. */
static void imix_apps(const json_t *apps)
{
	const json_t *app;
	size_t i;

	json_array_foreach(apps, i, app)
	{
		struct grid g = {0};

		printf("\nApplication %s: %s, weight %s\n", render_field(app, "app_index"),
			render_field(app, "side"), render_field(app, "weight"));
		grid_column(&g, false, "%s", "");
		grid_column(&g, false, "%s", "");
		app_pairs(&g, app);
		grid_print(&g, 2, 0);
	}
	if (json_array_size(apps) == 0)
		printf("no IMIX applications\n");
}

void render_tests_imix(const json_t *view)
{
	const json_t *groups = json_object_get(view, "groups"), *group;
	const struct stats_group *counters = stats_group_find("tc");
	size_t i;

	json_array_foreach(groups, i, group)
	{
		bool used = json_object_get(group, "port") != NULL;
		struct counters c = {.n = 0};

		printf("%sIMIX group %s", i != 0 ? "\n" : "", render_field(group, "imix_id"));
		if (used)
			printf(": port %s, test case %s%s", render_field(group, "port"),
				render_field(group, "test_case_id"), render_since(group));
		printf("\n");
		grid_column(&c.g, false, "%s", "app-index, app (weight)");
		app_columns(&c, json_object_get(group, "apps"));
		render_counters(&c, counters);
		grid_print(&c.g, 0, 0);
	}
	if (json_array_size(groups) == 0)
		printf("no IMIX groups\n");
	imix_apps(json_object_get(view, "apps"));
}
