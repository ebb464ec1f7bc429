/* Rows of ports and test cases. A column is called by the way to its value in the JSON, with dots, so
 * that both are read alike; the columns are those of the tables, whatever the values are. A gap is a
 * row that has a time and says why. */
#include "stats-exporter/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const of_document[] = {"timestamp", "seq", "engine.start_time"};
static const char *const of_port[] = {
	"port", "name", "driver", "kind", "link_up", "running", "speed_mbps", "mtu"};
static const char *const of_test[] = {"port", "test_case_id", "type", "proto", "app", "state",
	"verdict", "reason", "criterion", "criterion_unit", "target", "within_s", "achieved",
	"fraction", "established_us", "runtime_s", "behind", "note", "rates.established_per_second",
	"rates.closed_per_second", "rates.messages_per_second", "rates.requests_per_second",
	"latency.min_ns", "latency.avg_ns", "latency.max_ns", "latency.jitter_ns",
	"response_times.from"};
static const char *const of_response[] = {"samples", "min_ns", "avg_ns", "max_ns"};

/* A cell: quoted where it must be. */
static void text_cell(FILE *f, const char *s)
{
	if (strpbrk(s, ",\"\r\n") == NULL) {
		fputs(s, f);
		return;
	}
	putc('"', f);
	for (; *s != '\0'; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s, f);
	}
	putc('"', f);
}

static void value_cell(FILE *f, const json_t *v)
{
	if (json_is_string(v))
		text_cell(f, json_string_value(v));
	else if (json_is_integer(v))
		fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		fprintf(f, "%.6f", json_real_value(v));
	else if (json_is_boolean(v))
		fputs(json_is_true(v) ? "true" : "false", f);
}

/* What is at the end of the way, NULL: nothing. */
static const json_t *at(const json_t *o, const char *way)
{
	const char *dot;

	for (; o != NULL && (dot = strchr(way, '.')) != NULL; way = dot + 1)
		o = json_object_getn(o, way, (size_t)(dot - way));
	return json_object_get(o, way);
}

/* A cell, or its column's name where there is no object. */
static void cell(FILE *f, const json_t *o, const char *way, bool names)
{
	putc(',', f);
	if (names)
		fputs(way, f);
	else
		value_cell(f, at(o, way));
}

static void counters(
	FILE *f, const struct stats_group *g, const char *in, const json_t *o, bool names)
{
	for (size_t i = 0; i < g->n; i++) {
		char way[128];

		snprintf(way, sizeof(way), "%s%s.%s", in, g->name, g->stats[i].name);
		cell(f, o, way, names);
	}
}

static void quantiles(FILE *f, const char *in, const json_t *o, bool names)
{
	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++) {
		char way[64];

		snprintf(way, sizeof(way), "%s.%s_ns", in, latency_quantile_name[i]);
		cell(f, o, way, names);
	}
}

static void response(FILE *f, const char *in, const json_t *o, bool names)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_response); i++) {
		char way[64];

		snprintf(way, sizeof(way), "%s.%s", in, of_response[i]);
		cell(f, o, way, names);
	}
	quantiles(f, in, o, names);
}

static void cells(FILE *f, enum document d, const json_t *o, bool names)
{
	bool ports = d == DOC_PORTS;

	for (size_t i = 0; ports && i < ARRAY_SIZE(of_port); i++)
		cell(f, o, of_port[i], names);
	for (size_t i = 0; !ports && i < ARRAY_SIZE(of_test); i++)
		cell(f, o, of_test[i], names);
	if (!ports) {
		quantiles(f, "latency", o, names);
		response(f, "response_times.first_byte", o, names);
		response(f, "response_times.last_byte", o, names);
	}
	if (ports)
		counters(f, &stats_device_group, "", o, names);
	for (size_t i = 0; i < stats_n_groups; i++) {
		if (stats_groups[i].scope == (ports ? STAT_SCOPE_PORT : STAT_SCOPE_TC))
			counters(f, &stats_groups[i], "stats.", o, names);
	}
}

/* ISO 8601, UTC. */
static void time_cell(FILE *f, double t)
{
	time_t s = (time_t)t;
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
	fprintf(f, "%s.%06uZ", text, (unsigned int)((t - (double)s) * 1e6) % 1000000);
}

static void row(FILE *f, enum document d, const json_t *doc, const json_t *o)
{
	time_cell(f, json_number_value(json_object_get(doc, "timestamp")));
	for (size_t i = 0; i < ARRAY_SIZE(of_document); i++)
		cell(f, doc, of_document[i], false);
	cells(f, d, o, false);
	cell(f, doc, "why", false);
	putc('\n', f);
}

/* The text, NULL when not all of it could be kept. */
static char *closed(FILE *f, char **text)
{
	bool ok = !ferror(f);

	if (fclose(f) == 0 && ok)
		return *text;
	free(*text);
	return NULL;
}

char *csv_header(enum document d)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	fputs("time", f);
	for (size_t i = 0; i < ARRAY_SIZE(of_document); i++)
		cell(f, NULL, of_document[i], true);
	cells(f, d, NULL, true);
	fputs(",gap\n", f);
	return closed(f, &text);
}

char *csv_rows(enum document d, const json_t *doc)
{
	const json_t *rows = json_object_get(doc, documents[d].word);
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	for (size_t i = 0; i < json_array_size(rows); i++)
		row(f, d, doc, json_array_get(rows, i));
	if (rows == NULL)
		row(f, d, doc, NULL);
	return closed(f, &text);
}
