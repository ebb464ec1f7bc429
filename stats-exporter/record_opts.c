/* What is to be recorded: the command line's part of it. */
#include "stats-exporter/record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_USUAL 5
#define KEEP_MAX 999
#define INTERVAL_LEAST_S 0.01
#define INTERVAL_MOST_S 86400.0

static const char *const format_word[] = {"json", "jsonl", "csv"};
static_assert(ARRAY_SIZE(format_word) == RECORD_FORMATS);

void record_opts_init(struct record_opts *o)
{
	*o = (struct record_opts){.doc = DOC_COUNT, .format = RECORD_FORMATS, .keep = UINT32_MAX};
}

static bool number(const char *text, uint64_t least, uint64_t most, const char **end, uint64_t *v)
{
	char *e;

	errno = 0;
	*v = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &e, 10) : 0;
	*end = text[0] >= '0' && text[0] <= '9' ? e : text;
	return *end != text && errno == 0 && *v >= least && *v <= most;
}

static int interval(struct record_opts *o, const char *text, char *why)
{
	char *end;
	double s = strtod(text, &end);

	if (text[0] != '\0' && strspn(text, "0123456789.") == strlen(text) && *end == '\0'
		&& s >= INTERVAL_LEAST_S && s <= INTERVAL_MOST_S) {
		o->interval_ns = llround(s * 1e9);
		return 0;
	}
	snprintf(why, WHY_MAX, "--interval: expected seconds, 0.01..86400, not '%.64s'", text);
	return -EINVAL;
}

static int document(struct record_opts *o, const char *text, char *why)
{
	o->doc = document_find(text);
	if (o->doc < DOC_COUNT)
		return 0;
	snprintf(why, WHY_MAX,
		"--document: expected stats, ports, tests, operators, events or schema, not "
		"'%.64s'",
		text);
	return -EINVAL;
}

static int format(struct record_opts *o, const char *text, char *why)
{
	for (o->format = 0; o->format < RECORD_FORMATS; o->format++) {
		if (strcmp(format_word[o->format], text) == 0)
			return 0;
	}
	snprintf(why, WHY_MAX, "--format: expected json, jsonl or csv, not '%.64s'", text);
	return -EINVAL;
}

static int count(struct record_opts *o, const char *text, char *why)
{
	const char *end;

	if (number(text, 1, UINT32_MAX, &end, &o->count) && *end == '\0')
		return 0;
	snprintf(why, WHY_MAX, "--count: expected a number, 1..4294967295, not '%.64s'", text);
	return -EINVAL;
}

/* Bytes, or with K, M, G those of 1024. */
static int rotate_size(struct record_opts *o, const char *text, char *why)
{
	static const char unit[] = "KMG";
	const char *end, *u;
	uint64_t v, most = UINT64_C(1) << 40;

	if (number(text, 1, most, &end, &v)) {
		u = *end != '\0' && end[1] == '\0' ? strchr(unit, *end) : NULL;
		v <<= u != NULL ? 10 * (u - unit + 1) : 0;
		o->rotate_bytes = v;
		if ((u != NULL || *end == '\0') && v <= most)
			return 0;
	}
	snprintf(why, WHY_MAX,
		"--rotate-size: expected bytes, 1..1024G, K, M or G behind them, not '%.64s'",
		text);
	return -EINVAL;
}

static int rotate_keep(struct record_opts *o, const char *text, char *why)
{
	const char *end;
	uint64_t v;

	if (number(text, 0, KEEP_MAX, &end, &v) && *end == '\0') {
		o->keep = (uint32_t)v;
		return 0;
	}
	snprintf(why, WHY_MAX, "--rotate-keep: expected a number, 0..%d, not '%.64s'", KEEP_MAX,
		text);
	return -EINVAL;
}

static int output(struct record_opts *o, const char *text, char *why)
{
	o->output = text;
	/* the longest path, with room for what is put behind it */
	if (text[0] != '\0' && strlen(text) < 4000)
		return 0;
	snprintf(why, WHY_MAX, "--output: expected a file");
	return -EINVAL;
}

int record_option(struct record_opts *o, int option, const char *text, char *why)
{
	switch (option) {
	case RECORD_ONCE:
		o->once = true;
		return 0;
	case RECORD_DOCUMENT:
		return document(o, text, why);
	case RECORD_INTERVAL:
		return interval(o, text, why);
	case RECORD_FORMAT:
		return format(o, text, why);
	case RECORD_OUTPUT:
		return output(o, text, why);
	case RECORD_COUNT:
		return count(o, text, why);
	case RECORD_ROTATE_SIZE:
		return rotate_size(o, text, why);
	case RECORD_ROTATE_KEEP:
		return rotate_keep(o, text, why);
	default:
		return 1;
	}
}

/* What does not go together; NULL: all does. */
static const char *contradiction(const struct record_opts *o)
{
	bool some = o->count != 0 || o->doc != DOC_COUNT || o->format != RECORD_FORMATS
		|| o->output != NULL || o->rotate_bytes != 0 || o->keep != UINT32_MAX;

	if (o->once && o->interval_ns != 0)
		return "--once and --interval exclude each other";
	if (!o->once && o->interval_ns == 0)
		return some ? "--document, --format, --output, --count and --rotate-* go with "
			      "--interval or --once"
			    : NULL;
	if (o->once && (o->count != 0 || o->rotate_bytes != 0))
		return "--count and --rotate-size go with --interval";
	if (o->rotate_bytes != 0 && o->output == NULL)
		return "--rotate-size goes with --output";
	if (o->rotate_bytes == 0 && o->keep != UINT32_MAX)
		return "--rotate-keep goes with --rotate-size";
	if (o->rotate_bytes != 0 && o->format == RECORD_JSON)
		return "--format json has the newest document in its file: there is nothing to "
		       "rotate";
	if (o->format == RECORD_CSV && o->doc != DOC_COUNT && o->doc != DOC_PORTS
		&& o->doc != DOC_TESTS)
		return "--format csv has --document tests, which it takes unless told, or ports";
	return NULL;
}

int record_opts_check(struct record_opts *o, char *why)
{
	const char *wrong = contradiction(o);

	if (wrong != NULL) {
		snprintf(why, WHY_MAX, "%s", wrong);
		return -EINVAL;
	}
	if (o->format == RECORD_FORMATS)
		o->format = o->once ? RECORD_JSON : RECORD_JSONL;
	if (o->doc == DOC_COUNT)
		o->doc = o->format == RECORD_CSV ? DOC_TESTS : DOC_STATS;
	if (o->keep == UINT32_MAX)
		o->keep = KEEP_USUAL;
	return 0;
}
