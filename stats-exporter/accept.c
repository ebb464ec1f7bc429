/* Which of the two formats of /metrics a scraper wants: its Accept header, RFC 9110 §12.5.1. */
#include "stats-exporter/prometheus.h"

#include <string.h>
#include <strings.h>

struct part {
	const char *s;
	size_t n;
};

static const struct offer {
	const char *type, *version;
} offers[] = {[PROM_TEXT] = {"text/plain", "0.0.4"},
	[PROM_OPENMETRICS] = {"application/openmetrics-text", "1.0.0"}};

static bool is(struct part p, const char *word)
{
	return p.n == strlen(word) && strncasecmp(p.s, word, p.n) == 0;
}

static struct part trimmed(struct part p)
{
	while (p.n != 0 && (*p.s == ' ' || *p.s == '\t'))
		p = (struct part){p.s + 1, p.n - 1};
	while (p.n != 0 && (p.s[p.n - 1] == ' ' || p.s[p.n - 1] == '\t'))
		p.n--;
	return p;
}

/* What *rest begins with, up to the separator or its end; which it then begins behind. Between
 * quotes nothing separates. */
static struct part next(struct part *rest, char separator)
{
	struct part p = {rest->s, 0};
	bool quoted = false;

	for (; p.n < rest->n && (quoted || p.s[p.n] != separator); p.n++)
		quoted ^= p.s[p.n] == '"';
	rest->n -= MIN_OF(p.n + 1, rest->n);
	rest->s += p.n + (rest->n != 0);
	return trimmed(p);
}

/* In thousandths; -1: it is none. */
static int quality(struct part p)
{
	int q = 0;

	if (p.n == 0 || p.n > 5 || (*p.s != '0' && *p.s != '1') || (p.n > 1 && p.s[1] != '.'))
		return -1;
	q = (*p.s - '0') * 1000;
	for (size_t i = 2, worth = 100; i < p.n; i++, worth /= 10) {
		if (p.s[i] < '0' || p.s[i] > '9')
			return -1;
		q += (p.s[i] - '0') * (int)worth;
	}
	return q <= 1000 ? q : -1;
}

/* A range of the header: what it asks for. */
struct range {
	struct part type, version; /* version.n 0: any */
	int q;
};

static struct range range_of(struct part text)
{
	struct range r = {.type = next(&text, ';'), .q = 1000};

	while (text.n != 0) {
		struct part value = next(&text, ';'), name = next(&value, '=');

		value = trimmed(value);
		if (value.n >= 2 && *value.s == '"' && value.s[value.n - 1] == '"')
			value = (struct part){value.s + 1, value.n - 2};
		if (is(name, "q"))
			r.q = quality(value);
		else if (is(name, "version"))
			r.version = value;
	}
	return r;
}

/* How closely a range names an offer; 0: not at all. */
static int closeness(const struct range *r, const struct offer *o)
{
	size_t slash = (size_t)(strchr(o->type, '/') - o->type) + 1;

	if (is(r->type, o->type))
		return r->version.n == 0 ? 3 : is(r->version, o->version) ? 4 : 0;
	if (r->type.n == slash + 1 && strncasecmp(r->type.s, o->type, slash) == 0
		&& r->type.s[slash] == '*')
		return 2;
	return is(r->type, "*/*");
}

/* What the header says of an offer: the closest range decides. */
struct wish {
	int close, q;
};

static struct wish wish_of(const char *accept, const struct offer *o)
{
	struct part rest = {accept, strlen(accept)};
	struct wish w = {0, 0};

	while (rest.n != 0) {
		struct range r = range_of(next(&rest, ','));
		int close = closeness(&r, o);

		if (r.q >= 0 && (close > w.close || (close != 0 && close == w.close && r.q > w.q)))
			w = (struct wish){close, r.q};
	}
	return w;
}

enum prom_format prometheus_accept(const char *accept)
{
	struct wish text, open;

	if (accept == NULL)
		return PROM_TEXT;
	text = wish_of(accept, &offers[PROM_TEXT]);
	open = wish_of(accept, &offers[PROM_OPENMETRICS]);
	if (open.q != text.q)
		return open.q > text.q ? PROM_OPENMETRICS : PROM_TEXT;
	/* of two that are as welcome, the one that was named */
	return open.q != 0 && open.close >= 3 && text.close < 3 ? PROM_OPENMETRICS : PROM_TEXT;
}

const char *prometheus_type(enum prom_format format)
{
	return format == PROM_OPENMETRICS
		? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		: "text/plain; version=0.0.4; charset=utf-8";
}
