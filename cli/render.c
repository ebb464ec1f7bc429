/* A view as text. Those of statistics and of tests have their own shape; of the others lists of
 * objects become tables, everything else "name value". */
#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/render_priv.h"
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

json_int_t render_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Numbers, "0,2"; "-" when there are none. */
static void list(const json_t *numbers, char *buf, size_t len)
{
	size_t i, at = 0;
	json_t *v;

	snprintf(buf, len, "-");
	json_array_foreach(numbers, i, v)
	{
		if (at < len)
			at += (size_t)snprintf(buf + at, len - at, "%s%" JSON_INTEGER_FORMAT,
				i ? "," : "", json_integer_value(v));
	}
}

const char *render_value(const json_t *v)
{
	static char buf[8][64];
	static uint32_t turn;
	char *s = buf[turn++ % ARRAY_SIZE(buf)];

	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_array(v))
		list(v, s, sizeof(buf[0]));
	else if (json_is_integer(v))
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

/* A null is a number that is not known, or something that is not there. */
static bool may_lack(const char *key)
{
	static const char *const keys[] = {"gw", "ip", "mask", "held_by"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

static const char *value_of(const char *key, const json_t *v)
{
	return json_is_null(v) && may_lack(key) ? "-" : render_value(v);
}

const char *render_field(const json_t *o, const char *key)
{
	return value_of(key, json_object_get(o, key));
}

void render_heading(const char *key, char *buf, size_t len)
{
	static const char *const upper[] = {
		"ip", "mac", "mtu", "cpu", "pid", "uid", "gw", "vlan_id"};
	static const char *const other[][2] = {{"speed_mbps", "Speed Mbit/s"},
		{"tx_mbps", "TX Mbit/s"}, {"rx_mbps", "RX Mbit/s"}, {"tx_percent", "TX %"},
		{"rx_percent", "RX %"}, {"tx_pkts_per_second", "TX packets/s"},
		{"rx_pkts_per_second", "RX packets/s"}, {"load_percent", "Load %"},
		{"packets_per_turn", "Packets/turn"}, {"cycles_per_packet", "Cycles/packet"},
		{"longest_turn_us", "Longest turn us"}};

	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		if (strcmp(other[i][0], key) == 0)
			key = other[i][1];
	}
	snprintf(buf, len, "%s", key);
	for (size_t i = 0; i < ARRAY_SIZE(upper); i++) {
		for (char *c = buf; strcmp(upper[i], key) == 0 && *c != '\0' && *c != '_'; c++)
			*c = (char)(*c - 'a' + 'A');
	}
	for (char *c = buf; *c != '\0'; c++)
		*c = (char)(*c == '_' ? ' ' : *c);
	if (*buf >= 'a' && *buf <= 'z')
		*buf = (char)(*buf - 'a' + 'A');
}

void render_table(const json_t *rows, int indent)
{
	const json_t *row, *v;
	struct grid g = {0};
	const char *key;
	size_t i;

	json_object_foreach(json_array_get(rows, 0), key, v)
	{
		char head[64];

		render_heading(key, head, sizeof(head));
		grid_column(
			&g, json_is_number(v) || (json_is_null(v) && !may_lack(key)), "%s", head);
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
			render_table(v, 0);
		} else if (json_is_array(v)) {
			printf("no %s\n", key);
		} else {
			grid_cell(&g, "%s", key);
			grid_cell(&g, "%s", render_value(v));
		}
	}
	grid_print(&g, 0, 0);
}

static void help(const json_t *view)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(view, "commands"), i, o)
		printf("%s\n    %s\n", render_field(o, "command"), render_field(o, "help"));
	printf("\nWords may be abbreviated; # begins a comment; \"...\" holds blanks together.\n"
	       "In the shell Tab completes, ? shows what may follow.\n");
}

/* As it is: the output is a command file. */
static void lines(const json_t *view)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(view, "lines"), i, line) puts(json_string_value(line));
}

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
	case UNIT_NSEC:
		return " (ns)";
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

void render_counters(struct counters *c, const struct stats_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		grid_cell(&c->g, "%s%s", group->stats[i].label, unit_of(&group->stats[i]));
		for (size_t k = 0; k < c->n; k++)
			grid_cell(&c->g, "%s", render_field(c->of[k], group->stats[i].name));
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

/* With details, what the devices count: a column for each. */
static void devices(const json_t *ports)
{
	static struct counters c;
	const json_t *v;
	const char *key;

	c = (struct counters){0};
	grid_column(&c.g, false, "%s", stats_device_group.help);
	json_object_foreach((json_t *)ports, key, v)
	{
		char head[64];

		if (json_object_get(v, "lcores") == NULL || json_object_get(v, "device") == NULL)
			return;
		snprintf(head, sizeof(head), "Port %s", key);
		counters_column(&c, json_object_get(v, "device"), head);
	}
	render_counters(&c, &stats_device_group);
	putchar('\n');
	grid_print(&c.g, 0, terminal_width());
}

const char *render_since(const json_t *view)
{
	return json_is_true(json_object_get(view, "since_clear")) ? ", since clear statistics" : "";
}

static void statistics(const struct stats_group *group, const json_t *view)
{
	const json_t *ports = json_object_get(view, "ports"), *v;
	static struct counters c;
	const char *key;
	char head[64];

	c = (struct counters){0};
	printf("%s%s\n", group->help, render_since(view));
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
	render_counters(&c, group);
	grid_print(&c.g, 0, terminal_width());
	if (json_object_size(ports) != 0)
		devices(ports);
}

void render_text(enum cmd_id id, const json_t *view)
{
	const struct stats_group *group = show_group_of(id);

	if (group != NULL)
		statistics(group, view);
	else if (id == CMD_show_tests_config)
		render_tests_config(view);
	else if (id == CMD_show_tests_faults)
		render_tests_faults(view);
	else if (id == CMD_show_tests_imix)
		render_tests_imix(view);
	else if (id == CMD_show_tests_state)
		render_tests_state(view);
	else if (id == CMD_show_tests_stats)
		render_tests_stats(view);
	else if (id == CMD_show_config)
		lines(view);
	else if (id == CMD_show_tests_latency)
		render_tests_latency(view);
	else if (id == CMD_show_tests_response_times)
		render_tests_response_times(view);
	else if (id == CMD_show_events)
		render_events(view);
	else if (id == CMD_show_audit)
		render_changes(view);
	else if (id == CMD_help)
		help(view);
	else
		plain(view);
}
