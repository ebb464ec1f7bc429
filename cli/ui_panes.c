/* What the areas of the screen say, line by line. */
#include "cli/render_priv.h"
#include "cli/ui.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MIN 15
#define LABEL_MAX 24
#define LOADS_FEW 4 /* workers whose loads stand in the title one by one */
#define PAIR 16     /* columns: total and rate, each with a blank before it */

void pane_clear(struct pane *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		free(p->line[i].text);
	free(p->line);
	p->line = NULL;
	p->n = p->fixed = 0;
}

void pane_add(struct pane *p, enum ui_look look, const char *fmt, ...)
{
	struct pane_line *more = realloc(p->line, (p->n + 1) * sizeof(*more));
	va_list ap;

	BUG_ON(more == NULL);
	p->line = more;
	p->line[p->n].look = look;
	va_start(ap, fmt);
	BUG_ON(vasprintf(&p->line[p->n].text, fmt, ap) < 0);
	va_end(ap);
	p->n++;
}

/* Bytes of text that take at most so many columns, whole characters. */
static size_t bytes_of(const char *s, uint32_t columns)
{
	size_t n = 0;

	for (uint32_t c = 0; s[n] != '\0' && c < columns; c++) {
		n++;
		while (((uint8_t)s[n] & 0xc0) == 0x80)
			n++;
	}
	return n;
}

void pane_add_wrapped(struct pane *p, uint32_t width, const char *text)
{
	static const char goes_on[] = "    ";
	uint32_t indent = 0;

	do {
		size_t n = bytes_of(text, MAX_OF(width, 12u) - indent), blank = n;

		while (text[n] != '\0' && blank > n / 2 && text[blank] != ' ')
			blank--;
		if (text[n] != '\0' && blank > n / 2)
			n = blank;
		pane_add(p, UI_PLAIN, "%s%.*s", indent ? goes_on : "", (int)n, text);
		text += n + (text[n] == ' ');
		indent = sizeof(goes_on) - 1;
	} while (*text != '\0');
}

void pane_text(struct pane *p, uint32_t width, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char line[1024];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		pane_add_wrapped(p, width, line);
		text += len + (text[len] != '\0');
	}
}

void ui_number(uint64_t v, char *buf, size_t len)
{
	static const char unit[] = "kMGTPE";
	double scaled = (double)v / 1000;
	size_t i = 0;

	if (v < 100000) {
		snprintf(buf, len, "%" PRIu64, v);
		return;
	}
	for (; scaled >= 999.95; i++)
		scaled /= 1000;
	snprintf(buf, len, "%.*f%c",
		scaled >= 99.995           ? 1
			: scaled >= 9.9995 ? 2
					   : 3,
		scaled, unit[i]);
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint64_t num(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

void pane_tests(struct pane *p, const struct ui_test *tests, uint32_t n, uint32_t chosen)
{
	pane_add(p, UI_PLAIN, "  P TC Type    State   Done/Of");
	p->fixed = 1;
	for (uint32_t i = 0; i < n; i++) {
		const json_t *t = tests[i].state;
		char done[16], wanted[16];
		bool bad = strcmp(str(t, "state"), "FAILED") == 0
			|| json_is_true(json_object_get(t, "behind"));

		ui_number(num(t, "achieved"), done, sizeof(done));
		ui_number(num(t, "target"), wanted, sizeof(wanted));
		pane_add(p,
			i == chosen   ? UI_CHOSEN
				: bad ? UI_BAD
				      : UI_PLAIN,
			"%c%2" PRIu32 " %2" PRIu32 " %-7.7s %-7.7s %s/%s %s %.0f s",
			i == chosen ? '>' : ' ', tests[i].port, tests[i].tcid, str(t, "type"),
			str(t, "state"), done, wanted, str(t, "criteria"),
			json_real_value(json_object_get(t, "runtime_s")));
	}
	if (n == 0)
		pane_add(p, UI_PLAIN, "  no test cases");
}

/* "-" when it is not known, or went back. */
static void rate(const struct stat_desc *d, const json_t *now, const json_t *before, double seconds,
	char *buf, size_t len)
{
	uint64_t a = num(now, d->name), b = num(before, d->name);

	if (d->kind != STAT_COUNTER)
		snprintf(buf, len, "%s", "");
	else if (before == NULL || seconds <= 0 || a < b)
		snprintf(buf, len, "-");
	else
		ui_number((uint64_t)((double)(a - b) / seconds + 0.5), buf, len);
}

static double seconds_between(const struct ui_sample *now, const struct ui_sample *before)
{
	return before ? (double)(now->ns - before->ns) / 1e9 : 0;
}

void pane_stats(struct pane *p, uint32_t width, const struct ui_test *t,
	const struct ui_sample *now, const struct ui_sample *before)
{
	static const char *const rates[][2] = {{"Estab", "established_per_second"},
		{"Closed", "closed_per_second"}, {"Data Send", "messages_per_second"},
		{"Requests", "requests_per_second"}};
	const struct stats_group *g = stats_group_find("tc");
	const json_t *view = now->stats[t->port][t->tcid],
		     *old = before ? before->stats[t->port][t->tcid] : NULL;
	uint32_t label = width > PAIR + LABEL_MIN ? MIN_OF(width - PAIR, LABEL_MAX) : LABEL_MIN;
	char total[16], per_s[16];

	pane_add(
		p, UI_PLAIN, "%s, %s, %s", str(view, "type"), str(view, "app"), str(view, "state"));
	if (json_is_true(json_object_get(t->state, "behind")))
		pane_add(p, UI_BAD, "behind its rate");
	if (*str(t->state, "reason") != '\0')
		pane_add_wrapped(p, width, str(t->state, "reason"));
	pane_add(p, UI_HEAD, "%-*s %7s %7s", (int)label, "", "total", "/s");
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		ui_number(num(json_object_get(view, "rates"), rates[i][1]), per_s, sizeof(per_s));
		pane_add(p, UI_PLAIN, "%-*s %7s %7s", (int)label, rates[i][0], "", per_s);
	}
	for (size_t i = 0; i < g->n; i++) {
		ui_number(num(json_object_get(view, "stats"), g->stats[i].name), total,
			sizeof(total));
		rate(&g->stats[i], json_object_get(view, "stats"), json_object_get(old, "stats"),
			seconds_between(now, before), per_s, sizeof(per_s));
		pane_add(p, UI_PLAIN, "%-*.*s %7s %7s", (int)label, (int)label, g->stats[i].label,
			total, per_s);
	}
}

struct latency_rows {
	struct pane *p;
	uint32_t value; /* columns */
};

static void latency_row(void *ctx, const char *label, const char *value)
{
	const struct latency_rows *r = ctx;

	pane_add(r->p, UI_PLAIN, "%-*s %*s", LABEL_MIN, label, (int)MIN_OF(r->value, 20u), value);
}

void pane_latency(struct pane *p, uint32_t width, const json_t *stats)
{
	const json_t *latency = json_object_get(stats, "latency"),
		     *times = json_object_get(stats, "response_times");
	struct latency_rows rows = {p, MAX_OF(width, LABEL_MIN + 1u) - LABEL_MIN - 1};

	if (times != NULL) {
		pane_add(p, UI_HEAD, "First byte, from %s", render_field(times, "from"));
		render_times_part(json_object_get(times, "first_byte"), latency_row, &rows);
		pane_add(p, UI_HEAD, "Last byte");
		render_times_part(json_object_get(times, "last_byte"), latency_row, &rows);
	}
	if (!json_is_object(latency)) {
		if (times == NULL)
			pane_add_wrapped(p, width, "This test case measures no latency.");
		return;
	}
	pane_add(p, UI_HEAD, "All samples");
	render_latency_part(json_object_get(latency, "global"), latency_row, &rows);
	if (json_object_get(latency, "recent") == NULL)
		return;
	pane_add(p, UI_HEAD, "Recent samples");
	render_latency_part(json_object_get(latency, "recent"), latency_row, &rows);
}

static const json_t *of_port(const json_t *view, uint32_t port, const char *of)
{
	char key[16];

	snprintf(key, sizeof(key), "%" PRIu32, port);
	return json_object_get(json_object_get(json_object_get(view, "ports"), key), of);
}

/* The ports that are shown. */
struct columns {
	const struct ui_sample *now, *before;
	uint32_t first, end;
	int label;
};

static void ports_rates(struct pane *p, const struct columns *c)
{
	static const char *const rates[][2] = {{"Client Estab", "established_per_second"},
		{"Client Closed", "closed_per_second"}, {"Client Data", "messages_per_second"}};

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		char line[1100];
		int at = snprintf(line, sizeof(line), "%-*.*s", c->label, c->label, rates[i][0]);

		for (uint32_t port = c->first; port < c->end; port++) {
			uint64_t sum = 0;
			char s[16];

			for (uint32_t t = 0; t < TCS_MAX; t++) {
				const json_t *v = c->now->stats[port][t];

				if (strstr(str(v, "type"), "server") == NULL)
					sum += num(json_object_get(v, "rates"), rates[i][1]);
			}
			ui_number(sum, s, sizeof(s));
			at += snprintf(line + at, sizeof(line) - at, " %7s %7s", "", s);
		}
		pane_add(p, UI_PLAIN, "%s", line);
	}
}

static bool zero_everywhere(const json_t *view, const char *of, const char *name)
{
	const json_t *v;
	const char *key;

	json_object_foreach(json_object_get(view, "ports"), key, v)
	{
		if (num(json_object_get(v, of), name) != 0)
			return false;
	}
	return true;
}

/* of: "stats" or "device" of each port. */
static void ports_counter(struct pane *p, const struct columns *c, size_t group, const char *of,
	const struct stat_desc *d)
{
	char line[1100];
	int at = snprintf(line, sizeof(line), "%-*.*s", c->label, c->label, d->label);

	for (uint32_t port = c->first; port < c->end; port++) {
		const json_t *now = of_port(c->now->group[group], port, of),
			     *old = c->before ? of_port(c->before->group[group], port, of) : NULL;
		char total[16], per_s[16];

		ui_number(num(now, d->name), total, sizeof(total));
		rate(d, now, old, seconds_between(c->now, c->before), per_s, sizeof(per_s));
		at += snprintf(line + at, sizeof(line) - at, " %7s %7s", total, per_s);
	}
	pane_add(p, UI_PLAIN, "%s", line);
}

static void ports_group(struct pane *p, const struct columns *c, size_t group,
	const struct stats_group *g, const char *of, bool zeros)
{
	char name[32];
	size_t n = 0;

	for (; g->name[n] != '\0' && n < sizeof(name) - 1; n++)
		name[n] = (char)toupper((unsigned char)g->name[n]);
	pane_add(p, UI_HEAD, "%.*s", (int)n, name);
	for (size_t i = 0; i < g->n; i++) {
		if (zeros || !zero_everywhere(c->now->group[group], of, g->stats[i].name))
			ports_counter(p, c, group, of, &g->stats[i]);
	}
}

static void ports_head(struct pane *p, const struct columns *c)
{
	char line[1100], under[1100];
	int at = snprintf(line, sizeof(line), "%-*s", c->label, ""),
	    at2 = snprintf(under, sizeof(under), "%-*s", c->label, "");

	for (uint32_t port = c->first; port < c->end; port++) {
		const json_t *l = json_array_get(json_object_get(c->now->links, "ports"), port);
		uint64_t mbps = num(l, "speed_mbps");
		char name[40];

		snprintf(name, sizeof(name), "Port %" PRIu32 " %s", port, str(l, "link"));
		if (mbps != 0 && strlen(name) < PAIR - 6)
			snprintf(name + strlen(name), sizeof(name) - strlen(name), " %gG",
				(double)mbps / 1000);
		at += snprintf(line + at, sizeof(line) - at, " %15.15s", name);
		at2 += snprintf(under + at2, sizeof(under) - at2, " %7s %7s", "total", "/s");
	}
	pane_add(p, UI_HEAD, "%s", line);
	pane_add(p, UI_PLAIN, "%s", under);
	p->fixed = 2;
}

void ui_load(const json_t *load, char *buf, size_t len)
{
	const json_t *workers = json_object_get(load, "workers"), *w;
	size_t i, n = json_array_size(workers), at = 0;
	double least = 100, most = 0;

	buf[0] = '\0';
	json_array_foreach(workers, i, w)
	{
		double v = json_number_value(json_object_get(w, "load_percent"));

		least = MIN_OF(least, v);
		most = MAX_OF(most, v);
		if (n <= LOADS_FEW && at < len)
			at += (size_t)snprintf(
				buf + at, len - at, "%s %.0f", i == 0 ? "load" : "", v);
	}
	if (n != 0 && n <= LOADS_FEW && at < len)
		snprintf(buf + at, len - at, " %%");
	else if (n > LOADS_FEW)
		snprintf(buf, len, "load %.0f-%.0f %%, %zu workers", least, most, n);
}

/* "-" when it is not known. */
static void value_or_dash(const json_t *v, char *buf, size_t len)
{
	if (json_is_real(v))
		snprintf(buf, len, "%.1f", json_real_value(v));
	else if (json_is_integer(v))
		ui_number((uint64_t)json_integer_value(v), buf, len);
	else
		snprintf(buf, len, "-");
}

static void pane_workers(struct pane *p, const json_t *load)
{
	static const char *const keys[] = {"load_percent", "rx_pkts_per_second",
		"tx_pkts_per_second", "packets_per_turn", "cycles_per_packet", "longest_turn_us"};
	const json_t *w;
	size_t i;

	if (load == NULL)
		return;
	pane_add(p, UI_HEAD, "%5s %6s %6s %6s %5s %6s %7s", "LCORE", "load %", "rx/s", "tx/s",
		"/turn", "cycles", "us/turn");
	json_array_foreach(json_object_get(load, "workers"), i, w)
	{
		char s[ARRAY_SIZE(keys)][32];

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			value_or_dash(json_object_get(w, keys[k]), s[k], sizeof(s[k]));
		pane_add(p, UI_PLAIN, "%5" PRIu64 " %6s %6s %6s %5s %6s %7s", num(w, "lcore"), s[0],
			s[1], s[2], s[3], s[4], s[5]);
	}
}

uint32_t pane_ports(struct pane *p, uint32_t width, const struct ui_sample *now,
	const struct ui_sample *before, uint32_t first, bool zeros)
{
	/* the hot layers first */
	static const char *const order[] = {"port", "tsm", "tcp", "udp", "http", "ipv4", "icmp",
		"route", "arp", "eth", "drop", "faults"};
	uint32_t room = MIN_OF(MAX_OF((width - LABEL_MIN) / PAIR, 1u), PORTS_MAX),
		 shown = MIN_OF(room, now->n_ports - first);
	struct columns c = {now, before, first, first + shown,
		(int)MIN_OF(MAX_OF(width - shown * PAIR, LABEL_MIN), LABEL_MAX)};
	bool done[ARRAY_SIZE(now->group)] = {0};

	ports_head(p, &c);
	ports_rates(p, &c);
	for (size_t k = 0; k < ARRAY_SIZE(order) + stats_n_groups; k++) {
		const struct stats_group *g = k < ARRAY_SIZE(order)
			? stats_group_find(order[k])
			: &stats_groups[k - ARRAY_SIZE(order)];
		size_t i = g ? (size_t)(g - stats_groups) : 0;

		if (g == NULL || done[i] || now->group[i] == NULL)
			continue;
		done[i] = true;
		ports_group(p, &c, i, g, "stats", zeros);
		if (strcmp(g->name, "port") == 0)
			ports_group(p, &c, i, &stats_device_group, "device", zeros);
	}
	pane_workers(p, now->load);
	return shown;
}
