/* Parameters to a request, one by one: a JSON value becomes the words that a user would type for it,
 * and the argument's own parser judges those. So bounds, and what is said of them, are the CLI's. */
#include "cli/rpc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 300

int rpc_fail(struct rpc_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	memset(e, 0, sizeof(*e));
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	return -1;
}

/* What the parameter takes, as JSON has it. */
static void expected_of(const struct arg_desc *a, char *buf, size_t len)
{
	char bounds[128];

	arg_expected(a, bounds, sizeof(bounds));
	if (a->tag == ARG_iprange)
		snprintf(buf, len,
			"an address, \"FIRST-LAST\" or {\"first\": address, \"last\": address}");
	else if (a->tag == ARG_l4range)
		snprintf(buf, len,
			"%" PRIu64 "..%" PRIu64
			", \"FIRST-LAST\" or {\"first\": number, \"last\": number}",
			a->min, arg_max(a));
	else if (a->tag == ARG_list)
		snprintf(buf, len,
			"a list of numbers %" PRIu64 "..%" PRIu64 ", or a text like 1,3-5", a->min,
			arg_max(a));
	else if (a->tag == ARG_flag)
		snprintf(buf, len, "true or false");
	else if (a->tag == ARG_name || a->tag == ARG_line || a->tag == ARG_path)
		snprintf(buf, len, "a text of 1..%d bytes", a->size - 1);
	else
		snprintf(buf, len, "%s", bounds);
}

static int param_fail(const struct arg_desc *a, struct rpc_error *e, const char *sub,
	const char *fmt, ...) format_printf(4, 5);
/* sub: the part of the value that is wrong, "" all of it. */
static int param_fail(
	const struct arg_desc *a, struct rpc_error *e, const char *sub, const char *fmt, ...)
{
	char name[64], why[sizeof(e->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	rpc_param_name(a, name, sizeof(name));
	rpc_fail(e, RPC_PARAMS, "%s", why);
	snprintf(e->parameter, sizeof(e->parameter), "%s", name);
	expected_of(a, e->expected, sizeof(e->expected));
	snprintf(e->where, sizeof(e->where), "params.%s%s%s", name, *sub ? "." : "", sub);
	return -1;
}

static const char *kind_of(const json_t *v)
{
	static const char *const kind[] = {[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "a list",
		[JSON_STRING] = "a text",
		[JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a fraction",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null"};

	return kind[json_typeof(v)];
}

static int wrong_kind(
	const struct arg_desc *a, struct rpc_error *e, const char *sub, const json_t *v)
{
	char name[64], want[sizeof(e->expected)];

	rpc_param_name(a, name, sizeof(name));
	expected_of(a, want, sizeof(want));
	return param_fail(a, e, sub, "%s: %s given, expected %s", name, kind_of(v), want);
}

static const char *const range_ends[] = {"first", "last"};

/* What a user would type for one value. */
struct words {
	char text[2][WORD_MAX];
	const char *word[2];
	int n;
	bool each_its_own; /* the ends of a range stand each in a place of its own */
};

static bool integer_word(struct words *w, const json_t *v)
{
	if (json_is_integer(v))
		snprintf(w->text[w->n], WORD_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	w->n += json_is_integer(v);
	return json_is_integer(v);
}

/* A text whole, or not at all. */
static bool text_word(struct words *w, const json_t *v)
{
	if (!json_is_string(v) || json_string_length(v) >= WORD_MAX)
		return false;
	snprintf(w->text[w->n++], WORD_MAX, "%s", json_string_value(v));
	return true;
}

/* Either end of a range. */
static bool end_word(const struct arg_desc *a, struct words *w, const json_t *v)
{
	return a->tag == ARG_l4range ? integer_word(w, v) : text_word(w, v);
}

/* "10.0.0.1-10.0.0.9", "80-81", or one for both. */
static void range_text(struct words *w, const char *s)
{
	const char *dash = strchr(s, '-');

	snprintf(w->text[0], WORD_MAX, "%.*s", dash ? (int)(dash - s) : WORD_MAX - 1, s);
	snprintf(w->text[1], WORD_MAX, "%s", dash ? dash + 1 : s);
	w->n = 2;
}

static int range_words(
	const struct arg_desc *a, struct words *w, const json_t *v, struct rpc_error *e)
{
	if (json_is_string(v) && json_string_length(v) < WORD_MAX) {
		range_text(w, json_string_value(v));
		return 0;
	}
	if (a->tag == ARG_l4range && integer_word(w, v)) {
		memcpy(w->text[w->n++], w->text[0], WORD_MAX);
		return 0;
	}
	if (!json_is_object(v) || json_object_size(v) != ARRAY_SIZE(range_ends))
		return wrong_kind(a, e, "", v);
	w->each_its_own = true;
	for (size_t i = 0; i < ARRAY_SIZE(range_ends); i++) {
		const json_t *end = json_object_get(v, range_ends[i]);

		if (end == NULL)
			return wrong_kind(a, e, "", v);
		if (!end_word(a, w, end))
			return wrong_kind(a, e, range_ends[i], end);
	}
	return 0;
}

/* The part of the value that is no value by itself, "" all of it: a range whose ends are good each
 * can be wrong as a whole. */
static const char *part_wrong(const struct arg_desc *a, const struct words *w)
{
	union {
		struct ip_range ips;
		struct u16_range ports;
	} none;
	char why[REPLY_TEXT_MAX];

	for (size_t i = 0; w->each_its_own && i < ARRAY_SIZE(range_ends); i++) {
		const char *alone[] = {w->word[i], w->word[i]};

		if (arg_parse(a, alone, ARRAY_SIZE(alone), &none, why, sizeof(why)) < 0)
			return range_ends[i];
	}
	return "";
}

static int list_words(
	const struct arg_desc *a, struct words *w, const json_t *v, struct rpc_error *e)
{
	const json_t *item;
	size_t i, at = 0;

	if (text_word(w, v))
		return 0;
	if (!json_is_array(v) || json_array_size(v) == 0 || json_array_size(v) > 32)
		return wrong_kind(a, e, "", v);
	json_array_foreach(v, i, item)
	{
		if (!json_is_integer(item))
			return wrong_kind(a, e, "", item);
		at += (size_t)snprintf(w->text[0] + at, WORD_MAX - at, "%s%" JSON_INTEGER_FORMAT,
			i ? "," : "", json_integer_value(item));
		if (at >= WORD_MAX)
			return wrong_kind(a, e, "", item);
	}
	w->n = 1;
	return 0;
}

/* With as many digits behind the point as any unit knows. */
static bool fraction_word(struct words *w, const json_t *v)
{
	if (json_is_real(v))
		snprintf(w->text[w->n++], WORD_MAX, "%.6f", json_real_value(v));
	return json_is_real(v) || integer_word(w, v) || text_word(w, v);
}

/* Of 0 or 1, true and false are meant too. */
static bool number_word(const struct arg_desc *a, struct words *w, const json_t *v)
{
	if (json_is_boolean(v) && a->min == 0 && a->max == 1) {
		snprintf(w->text[w->n++], WORD_MAX, "%d", json_is_true(v));
		return true;
	}
	return integer_word(w, v)
		|| (a->tag == ARG_inf32 && json_is_string(v)
			&& strcmp(json_string_value(v), "infinite") == 0 && text_word(w, v));
}

static int words_of(const struct arg_desc *a, struct words *w, const json_t *v, struct rpc_error *e)
{
	switch ((int)a->tag) {
	case ARG_u32:
	case ARG_inf32:
		return number_word(a, w, v) ? 0 : wrong_kind(a, e, "", v);
	case ARG_pct:
	case ARG_ms:
	case ARG_mbps:
		return fraction_word(w, v) ? 0 : wrong_kind(a, e, "", v);
	case ARG_iprange:
	case ARG_l4range:
		return range_words(a, w, v, e);
	case ARG_list:
		return list_words(a, w, v, e);
	default:
		return text_word(w, v) ? 0 : wrong_kind(a, e, "", v);
	}
}

/* Of words that are values no short form is taken: what a program says stays clear when there are
 * more words. */
static bool whole_word(const struct arg_desc *a, const void *value, const char *word)
{
	const char *usage = arg_usage(a->tag);
	char text[64];

	if (*usage == '<' || *usage == '"' || *usage == '\0')
		return true;
	arg_format(a, text, sizeof(text), value);
	return strcmp(text, word) == 0;
}

static int param(struct arg_desc a, const json_t *v, void *out, struct rpc_error *e)
{
	struct words w = {.word = {w.text[0], w.text[1]}};
	char why[REPLY_TEXT_MAX], name[64];

	if (words_of(&a, &w, v, e) != 0)
		return -1;
	rpc_param_name(&a, name, sizeof(name));
	a.keyword = name; /* as the messages are to call it */
	if (arg_parse(&a, w.word, w.n, out, why, sizeof(why)) < 0)
		return param_fail(&a, e, part_wrong(&a, &w), "%s", why);
	if (!whole_word(&a, out, w.word[0]))
		return param_fail(&a, e, "", "%s: '%.80s' is not one of %s", name, w.word[0],
			arg_usage(a.tag));
	return 0;
}

/* The argument that a parameter is; NULL none. */
static const struct arg_desc *arg_named(const struct rpc_method *m, const char *key)
{
	for (size_t k = 0; k < m->n_args; k++) {
		char name[64];

		rpc_param_name(&m->args[k], name, sizeof(name));
		if (!rpc_param_implied(m, &m->args[k]) && strcmp(name, key) == 0)
			return &m->args[k];
	}
	return NULL;
}

static int unknown_fail(const struct rpc_method *m, const char *key, struct rpc_error *e)
{
	char names[sizeof(e->expected)] = "";
	size_t at = 0;

	for (size_t k = 0; k < m->n_args && at < sizeof(names); k++) {
		char name[64];

		rpc_param_name(&m->args[k], name, sizeof(name));
		if (!rpc_param_implied(m, &m->args[k]))
			at += (size_t)snprintf(
				names + at, sizeof(names) - at, "%s%s", at ? "|" : "", name);
	}
	rpc_fail(e, RPC_PARAMS, "unknown parameter '%.60s', expected %s", key,
		*names ? names : "none");
	snprintf(e->parameter, sizeof(e->parameter), "%.60s", key);
	snprintf(e->expected, sizeof(e->expected), "%s", *names ? names : "none");
	snprintf(e->where, sizeof(e->where), "params");
	return -1;
}

static int all_known(
	const struct rpc_method *m, const json_t *params, const char *extra, struct rpc_error *e)
{
	const json_t *v;
	const char *key;

	json_object_foreach((json_t *)params, key, v)
	{
		if (arg_named(m, key) == NULL && (extra == NULL || strcmp(key, extra) != 0))
			return unknown_fail(m, key, e);
	}
	return 0;
}

/* Is something given? Null is nothing; false is an optional flag left out. */
static bool is_given(const struct arg_desc *a, const json_t *v)
{
	return v != NULL && !json_is_null(v) && !(a->tag == ARG_flag && json_is_false(v));
}

static int arg_take(const struct rpc_method *m, size_t k, const json_t *params, union rpc_req *req,
	struct rpc_error *e)
{
	const struct arg_desc *a = &m->args[k];
	const json_t *v;
	char name[64];

	rpc_param_name(a, name, sizeof(name));
	v = json_object_get(params, name);
	if (rpc_param_implied(m, a))
		v = json_true();
	if (!is_given(a, v)) {
		if (a->need != ARG_REQ)
			return 0;
		return param_fail(a, e, "", "missing parameter '%s' (%s)", name, a->help);
	}
	if (a->tag == ARG_flag && !json_is_true(v))
		return wrong_kind(a, e, "", v);
	if (a->tag == ARG_flag)
		req->raw[a->off] = 1;
	else if (param(*a, v, req->raw + a->off, e) != 0)
		return -1;
	req->present |= UINT64_C(1) << k;
	return 0;
}

int rpc_map(const struct rpc_method *m, const json_t *params, const char *extra, union rpc_req *req,
	struct rpc_error *e)
{
	const struct cmd_desc some = {.args = m->args, .n_args = m->n_args};
	char why[REPLY_TEXT_MAX];

	memset(req, 0, sizeof(*req));
	if (params != NULL && !json_is_object(params))
		return rpc_fail(e, RPC_PARAMS,
			"params: %s given, expected an object: parameters go "
			"by their names",
			kind_of(params));
	if (params != NULL && all_known(m, params, extra, e) != 0)
		return -1;
	for (size_t k = 0; k < m->n_args; k++) {
		if (arg_take(m, k, params, req, e) != 0)
			return -1;
	}
	if (!cmd_some_given(&some, req->present, why, sizeof(why))) {
		for (char *c = why; *c != '\0'; c++)
			*c = (char)(*c == '-' ? '_' : *c);
		rpc_fail(e, RPC_PARAMS, "%s", why);
		snprintf(e->where, sizeof(e->where), "params");
		return -1;
	}
	if (m->own == RPC_COMMAND && cmd_check(m->id, &req->cmd, why, sizeof(why)) != 0)
		return rpc_fail(e, RPC_PARAMS, "%s", why); /* what no parser makes */
	return 0;
}
