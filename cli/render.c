/* A view as text. Those of statistics and of tests have their own shape; of the others lists of
 * objects become tables, everything else "name value". */
#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Columns of a terminal, 0 when it is none. */
static int terminal_width(void)
{
	struct winsize w;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Any simple value; as many results may be held at a time as there are buffers. */
static const char *text_of(const json_t *v)
{
	static char buf[8][64];
	static uint32_t turn;
	char *s = buf[turn++ % ARRAY_SIZE(buf)];

	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		snprintf(s, sizeof(buf[0]), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(s, sizeof(buf[0]), "%.2f", json_real_value(v));
	else
		snprintf(s, sizeof(buf[0]), "%s",
			json_is_null(v)              ? "unknown"
				: json_is_boolean(v) ? json_is_true(v) ? "yes" : "no"
						     : "-");
	return s;
}

/* A null is a number that is not known, or an address that is not there. */
static bool is_address(const char *key)
{
	return strcmp(key, "gw") == 0 || strcmp(key, "ip") == 0 || strcmp(key, "mask") == 0;
}

static const char *value_of(const char *key, const json_t *v)
{
	return json_is_null(v) && is_address(key) ? "-" : text_of(v);
}

static const char *field(const json_t *o, const char *key)
{
	return value_of(key, json_object_get(o, key));
}

/* A column's heading: "vlan_id" is "VLAN id". */
static void heading(const char *key, char *buf, size_t len)
{
	static const char *const upper[] = {
		"ip", "mac", "mtu", "cpu", "pid", "uid", "gw", "vlan_id"};

	snprintf(buf, len, "%s", strcmp(key, "speed_mbps") == 0 ? "speed Mbit/s" : key);
	for (size_t i = 0; i < ARRAY_SIZE(upper); i++) {
		for (char *c = buf; strcmp(upper[i], key) == 0 && *c != '\0' && *c != '_'; c++)
			*c = (char)(*c - 'a' + 'A');
	}
	for (char *c = buf; *c != '\0'; c++)
		*c = (char)(*c == '_' ? ' ' : *c);
	if (*buf >= 'a' && *buf <= 'z')
		*buf = (char)(*buf - 'a' + 'A');
}

static void table(const json_t *rows, int indent)
{
	const json_t *row, *v;
	struct grid g = {0};
	const char *key;
	size_t i;

	json_object_foreach(json_array_get(rows, 0), key, v)
	{
		char head[64];

		heading(key, head, sizeof(head));
		grid_column(
			&g, json_is_number(v) || (json_is_null(v) && !is_address(key)), "%s", head);
	}
	json_array_foreach(rows, i, row)
	{
		json_object_foreach((json_t *)row, key, v) grid_cell(&g, "%s", value_of(key, v));
	}
	grid_print(&g, indent, terminal_width());
}

static void plain(const json_t *view)
{
	struct grid g = {0};
	const json_t *v;
	const char *key;

	grid_column(&g, false, "%s", "");
	grid_column(&g, false, "%s", "");
	json_object_foreach((json_t *)view, key, v)
	{
		if (json_array_size(v) != 0) {
			table(v, 0);
		} else if (json_is_array(v)) {
			printf("no %s\n", key);
		} else {
			grid_cell(&g, "%s", key);
			grid_cell(&g, "%s", text_of(v));
		}
	}
	grid_print(&g, 0, 0);
}

static void help(const json_t *view)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(view, "commands"), i, o)
		printf("%s\n    %s\n", field(o, "command"), field(o, "help"));
	printf("\nWords may be abbreviated; # begins a comment; \"...\" holds blanks together.\n"
	       "In the shell Tab completes, ? shows what may follow.\n");
}

/* Columns of show <group> statistics: whose counters each holds. */
struct counters {
	struct grid g;
	const json_t *of[(WORKERS_MAX + 1) * (PORTS_MAX + 1)];
	size_t n;
};

static void counters_column(struct counters *c, const json_t *of, const char *head)
{
	BUG_ON(c->n == ARRAY_SIZE(c->of));
	grid_column(&c->g, true, "%s", head);
	c->of[c->n++] = of;
}

/* Numbers of things need no unit, their label says what they are. */
static const char *unit_of(const struct stat_desc *s)
{
	switch (s->unit) {
	case UNIT_USEC:
		return " (us)";
	case UNIT_MSEC:
		return " (ms)";
	case UNIT_CYCLES:
		return " (TSC)";
	case UNIT_PKTS:
	case UNIT_BYTES:
	case UNIT_COUNT:
	case STAT_UNIT_COUNT:
		break;
	}
	return "";
}

static void counters_rows(struct counters *c, const struct stats_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		grid_cell(&c->g, "%s%s", group->stats[i].label, unit_of(&group->stats[i]));
		for (size_t k = 0; k < c->n; k++)
			grid_cell(&c->g, "%s", field(c->of[k], group->stats[i].name));
	}
}

/* "lcore_3" as a column is "lcore 3" */
static void lcore_columns(struct counters *c, const json_t *lcores, const char *port)
{
	const json_t *v;
	const char *key;
	char head[64];

	json_object_foreach((json_t *)lcores, key, v)
	{
		bool lcore = strncmp(key, "lcore_", 6) == 0;

		snprintf(head, sizeof(head), "%s%s%s%s", port ? port : "", port ? ": " : "",
			lcore ? "lcore " : "", lcore ? key + 6 : key);
		counters_column(c, v, head);
	}
}

static void statistics(const struct stats_group *group, const json_t *view)
{
	const json_t *ports = json_object_get(view, "ports"), *v;
	static struct counters c;
	const char *key;
	char head[64];

	c = (struct counters){0};
	printf("%s\n", group->help);
	grid_column(&c.g, false, "%s", "");
	json_object_foreach((json_t *)ports, key, v)
	{
		lcore_columns(&c, json_object_get(v, "lcores"), key);
		snprintf(head, sizeof(head), "Port %s", key);
		counters_column(&c, json_object_get(v, "stats"), head);
	}
	lcore_columns(&c, json_object_get(view, "lcores"), NULL);
	if (json_object_size(ports) != 1)
		counters_column(&c, json_object_get(view, "total"), "Total");
	counters_rows(&c, group);
	grid_print(&c.g, 0, terminal_width());
}

static void tests_stats(const json_t *view)
{
	static const char *const rates[][2] = {{"Estab/s", "established_per_second"},
		{"Closed/s", "closed_per_second"}, {"Data Send/s", "messages_per_second"},
		{"Requests/s", "requests_per_second"}};
	const struct stats_group *group = stats_group_find("tc");
	struct counters c = {.n = 0};

	printf("Port %s, test case %s: %s, %s, %s\n", field(view, "port"),
		field(view, "test_case_id"), field(view, "type"), field(view, "app"),
		field(view, "state"));
	grid_column(&c.g, false, "%s", "");
	grid_column(&c.g, true, "%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		grid_cell(&c.g, "%s", rates[i][0]);
		grid_cell(&c.g, "%s", field(json_object_get(view, "rates"), rates[i][1]));
	}
	c.of[c.n++] = json_object_get(view, "stats");
	counters_rows(&c, group);
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

	while (i < criterion_COUNT - 1 && strcmp(field(t, "criteria"), criterion_word(i)) != 0)
		i++;
	grid_cell(g, "%s %s", label[i], field(t, "achieved"));
}

static void tests_state(const json_t *view)
{
	static const char *const cols[] = {
		"TcId", "Type", "App", "State", "Criteria", "Quick stats", "Runtime", "Note"};
	const json_t *tests = json_object_get(view, "tests"), *t;
	struct grid g = {0};
	size_t i;

	printf("Port %s: %s\n", field(view, "port"),
		json_is_true(json_object_get(view, "running")) ? "running" : "not running");
	if (json_array_size(tests) == 0)
		printf("no test cases\n");
	for (i = 0; i < ARRAY_SIZE(cols); i++)
		grid_column(&g, i == 6, "%s", cols[i]);
	json_array_foreach(tests, i, t)
	{
		bool behind = json_is_true(json_object_get(t, "behind"));
		const char *reason = field(t, "reason");

		grid_cell(&g, "%s", field(t, "test_case_id"));
		grid_cell(&g, "%s", field(t, "type"));
		grid_cell(&g, "%s", field(t, "app"));
		grid_cell(&g, "%s", field(t, "state"));
		grid_cell(&g, "%s %s", field(t, "criteria"), field(t, "target"));
		quick_stats(&g, t);
		grid_cell(&g, "%s s", field(t, "runtime_s"));
		grid_cell(&g, "%s%s%s", behind ? "behind its rate" : "",
			behind && *reason ? "; " : "", reason);
	}
	if (json_array_size(tests) != 0)
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
		pair(g, name, "%s%s", json_is_string(v) ? "INFINITE" : text_of(v),
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
			http_fields(g, text_of(v));
		} else if (on) {
			snprintf(name, sizeof(name), "%s", key);
			for (char *c = name; *c != '\0'; c++)
				*c = (char)(*c == '_' ? '-' : *c);
			pair(g, strcmp(key, "app") == 0 ? "Application" : name, "%s", text_of(v));
		}
	}
}

static void test_config(const json_t *t)
{
	struct grid g = {0};

	printf("\nTest case %s: %s, %s\n", field(t, "test_case_id"), field(t, "type"),
		json_is_true(json_object_get(t, "async")) ? "Async" : "Sync");
	grid_column(&g, false, "%s", "");
	grid_column(&g, false, "%s", "");
	if (number(t, "vlan_id") != 0)
		pair(&g, "VLAN-ID/PRI", "%s/%s", field(t, "vlan_id"), field(t, "vlan_pri"));
	pair(&g, "Local IP:Port", "%s:%s", field(t, "src"), field(t, "sport"));
	if (json_object_get(t, "dest") != NULL)
		pair(&g, "Remote IP:Port", "%s:%s", field(t, "dest"), field(t, "dport"));
	pair_unit(&g, "Rate Open", t, "rate_open", " s/s");
	pair_unit(&g, "Rate Close", t, "rate_close", " s/s");
	pair_unit(&g, "Rate Send", t, "rate_send", " s/s");
	pair_unit(&g, "Delay Init", t, "init_s", " s");
	pair_unit(&g, "Delay Uptime", t, "uptime_s", " s");
	pair_unit(&g, "Delay Downtime", t, "downtime_s", " s");
	pair(&g, "Criteria", "%s %s", field(t, "criterion"), field(t, "criterion_count"));
	pair_unit(&g, "Within", t, "criterion_within_s", " s");
	app_pairs(&g, t);
	grid_print(&g, 2, 0);
}

static void tests_config(const json_t *view)
{
	const json_t *intfs = json_object_get(view, "l3_interfaces"),
		     *tests = json_object_get(view, "tests"), *t;
	const char *key;

	printf("Port %s\n  GW %s\n", field(view, "port"), field(view, "gw"));
	if (json_object_get(view, "tx_faults") != NULL)
		printf("  Faults in what it sends (show tests faults)\n");
	if (json_object_get(view, "rx_faults") != NULL)
		printf("  Faults in what it receives (show tests faults)\n");
	if (json_array_size(intfs) != 0)
		table(intfs, 2);
	else
		printf("  no L3 interfaces\n");
	json_object_foreach((json_t *)tests, key, t) test_config(t);
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
		return text_of(v);
	snprintf(s, sizeof(buf[0]), "%.10g", json_real_value(v));
	return s;
}

/* A row for each setting, then for each counter; a column for each direction. */
static void tests_faults(const json_t *view)
{
	const json_t *of[] = {json_object_get(view, "tx"), json_object_get(view, "rx")}, *v;
	const struct stats_group *group = stats_group_find("faults");
	struct grid g = {0};
	const char *key;

	grid_column(&g, false, "Port %s", field(view, "port"));
	grid_column(&g, true, "TX");
	grid_column(&g, true, "RX");
	json_object_foreach((json_t *)of[0], key, v)
	{
		char head[64];

		if (json_is_object(v))
			continue;
		heading(key, head, sizeof(head));
		grid_cell(&g, "%s", head);
		for (size_t d = 0; d < ARRAY_SIZE(of); d++)
			grid_cell(&g, "%s", exact(json_object_get(of[d], key)));
	}
	/* the first half of the group is tx's, of which each label begins with "TX " */
	for (size_t i = 0; i < group->n / 2; i++) {
		grid_cell(&g, "%s", group->stats[i].label + 3);
		for (size_t d = 0; d < ARRAY_SIZE(of); d++)
			grid_cell(&g, "%s",
				field(json_object_get(of[d], "stats"), group->stats[i].name + 3));
	}
	grid_print(&g, 0, 0);
}

void render_text(enum cmd_id id, const json_t *view)
{
	const struct stats_group *group = show_group_of(id);

	if (group != NULL)
		statistics(group, view);
	else if (id == CMD_show_tests_config)
		tests_config(view);
	else if (id == CMD_show_tests_faults)
		tests_faults(view);
	else if (id == CMD_show_tests_state)
		tests_state(view);
	else if (id == CMD_show_tests_stats)
		tests_stats(view);
	else if (id == CMD_help)
		help(view);
	else
		plain(view);
}
