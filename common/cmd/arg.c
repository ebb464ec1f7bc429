/* Argument types: text to value and back, one pair of functions a row of arg_types.def. Words may
 * be abbreviated where it is clear what is meant. */
#include "common/cmd/cmd.h"
#include "common/cmd/cmd_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARSE(tag)                                                                    \
	static int parse_##tag(const struct arg_desc *a unused_arg,                   \
		const char *const *word unused_arg, int n unused_arg, arg_##tag *out, \
		char *err unused_arg, size_t errlen unused_arg)
#define FORMAT(tag) \
	static int format_##tag(char *buf, size_t len, const arg_##tag *value unused_arg)

#define INFINITE "infinite"

/* How messages name an argument: as the user does, where the user has a word for it. */
static const char *name_of(const struct arg_desc *a)
{
	return a->keyword ? a->keyword : a->name;
}

uint64_t arg_max(const struct arg_desc *a)
{
	if (a->max != 0)
		return a->max;
	return a->tag == ARG_l4range ? UINT16_MAX : UINT32_MAX - (a->tag == ARG_inf32);
}

/* Numbers with a fraction. A factor is what a value of 1 is in that unit, a power of ten; the first
 * unit is that of a number alone. */
struct unit {
	const char *word;
	uint32_t factor;
};

static const struct unit *units_of(enum arg_tag tag)
{
	static const struct unit pct[] = {{"%", 10000}, {NULL, 0}},
				 ms[] = {{"ms", 1000}, {"us", 1}, {"s", 1000000}, {NULL, 0}},
				 mbps[] = {
					 {"Mbit", 1000}, {"kbit", 1}, {"Gbit", 1000000}, {NULL, 0}};

	return tag == ARG_pct ? pct : tag == ARG_ms ? ms : tag == ARG_mbps ? mbps : NULL;
}

/* Without zeros at its end. */
static int fraction_str(char *buf, size_t len, uint32_t v, uint32_t factor)
{
	uint32_t millionths = v % factor * (1000000 / factor);
	char part[16] = "";

	snprintf(part, sizeof(part), ".%06" PRIu32, millionths);
	for (size_t i = 6; part[i] == '0'; i--)
		part[i] = '\0';
	return snprintf(buf, len, "%" PRIu32 "%s", v / factor, millionths ? part : "");
}

/* "1..65535", "0..10 or infinite", "<percent>, 0..100", "<ip>" */
void arg_expected(const struct arg_desc *a, char *buf, size_t len)
{
	if (a->tag == ARG_u32 || a->tag == ARG_inf32)
		snprintf(buf, len, "%" PRIu64 "..%" PRIu64 "%s", a->min, arg_max(a),
			a->tag == ARG_inf32 ? " or " INFINITE : "");
	else if (units_of(a->tag) != NULL) {
		char lo[32], hi[32];

		fraction_str(lo, sizeof(lo), a->min, units_of(a->tag)->factor);
		fraction_str(hi, sizeof(hi), arg_max(a), units_of(a->tag)->factor);
		snprintf(buf, len, "%s, %s..%s%s", arg_usage(a->tag), lo, hi,
			a->tag == ARG_ms             ? " (or in us or s: 500us)"
				: a->tag == ARG_mbps ? " (or in kbit or Gbit: 500kbit)"
						     : "");
	} else if (a->tag == ARG_l4range)
		snprintf(buf, len, "%s, %" PRIu64 "..%" PRIu64, arg_usage(a->tag), a->min,
			arg_max(a));
	else
		snprintf(buf, len, "%s", arg_usage(a->tag));
}

/* An unsigned number within the argument's bounds. */
static int number(const struct arg_desc *a, const char *s, uint64_t *v, char *err, size_t errlen)
{
	bool out_of_range;
	char want[100];
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 10);
	out_of_range = errno == ERANGE || *v > arg_max(a) || *v < a->min;
	arg_expected(a, want, sizeof(want));
	if (*s < '0' || *s > '9' || *end != '\0')
		snprintf(err, errlen, "%s: '%.80s' is not a number, expected %s", name_of(a), s,
			want);
	else if (out_of_range)
		snprintf(
			err, errlen, "%s: %.40s is out of range, expected %s", name_of(a), s, want);
	else
		return 0;
	return -1;
}

static int short_of(const struct arg_desc *a, char *err, size_t errlen)
{
	char want[200];

	arg_expected(a, want, sizeof(want));
	snprintf(err, errlen, "%s: no value, expected %s", name_of(a), want);
	return -1;
}

PARSE(u32)
{
	uint64_t v;

	if (n < 1)
		return short_of(a, err, errlen);
	if (number(a, word[0], &v, err, errlen))
		return -1;
	*out = v;
	return 1;
}

FORMAT(u32)
{
	return snprintf(buf, len, "%" PRIu32, *value);
}

/* The unit that the text is, NULL none. */
static const struct unit *unit_find(const struct unit *u, const char *s)
{
	if (*s == '\0')
		return u;
	while (u->word != NULL && strcmp(u->word, s) != 0)
		u++;
	return u->word != NULL ? u : NULL;
}

/* A number with a fraction and a unit, "0.5", "20ms", within the argument's bounds. */
static int fraction(const struct arg_desc *a, const char *const *word, int n, uint32_t *out,
	char *err, size_t errlen)
{
	const struct unit *u;
	size_t whole, part;
	uint64_t v, factor;
	const char *why = NULL, *s;
	char want[100];

	if (n < 1)
		return short_of(a, err, errlen);
	s = word[0];
	whole = strspn(s, "0123456789");
	part = s[whole] == '.' ? 1 + strspn(s + whole + 1, "0123456789") : 0;
	u = unit_find(units_of(a->tag), s + whole + part);
	if (whole == 0 || part == 1 || u == NULL)
		why = whole == 0 || u != NULL ? "is not a number" : "is in no unit that is known";
	factor = u ? u->factor : 0;
	/* no more digits than a number within any bounds has */
	v = whole > 10 ? UINT32_MAX * UINT64_C(1000000) : strtoull(s, NULL, 10) * factor;
	for (size_t i = 1; i < part && why == NULL; i++) {
		if (factor == 1 && s[whole + i] != '0')
			why = "is finer than can be told apart";
		factor = MAX_OF(factor / 10, 1u);
		v += (uint64_t)(s[whole + i] - '0') * factor;
	}
	if (why == NULL && (v < a->min || v > arg_max(a)))
		why = "is out of range";
	arg_expected(a, want, sizeof(want));
	if (why != NULL) {
		snprintf(err, errlen, "%s: '%.40s' %s, expected %s", name_of(a), s, why, want);
		return -1;
	}
	*out = (uint32_t)v;
	return 1;
}

#define FRACTION(tag)                                                               \
	PARSE(tag)                                                                  \
	{                                                                           \
		return fraction(a, word, n, out, err, errlen);                      \
	}                                                                           \
	FORMAT(tag)                                                                 \
	{                                                                           \
		return fraction_str(buf, len, *value, units_of(ARG_##tag)->factor); \
	}
FRACTION(pct)
FRACTION(ms)
FRACTION(mbps)

PARSE(ip)
{
	if (n < 1)
		return short_of(a, err, errlen);
	if (ip_parse(word[0], out))
		return 1;
	snprintf(err, errlen, "%s: '%.80s' is not an IP address", name_of(a), word[0]);
	return -1;
}

FORMAT(ip)
{
	char s[IP_STRLEN];

	return snprintf(buf, len, "%s", ip_str(value, s));
}

PARSE(iprange)
{
	if (n < 2)
		return short_of(a, err, errlen);
	if (parse_ip(a, word, 1, &out->lo, err, errlen) < 0
		|| parse_ip(a, word + 1, 1, &out->hi, err, errlen) < 0)
		return -1;
	if (out->lo.family != out->hi.family) {
		snprintf(err, errlen, "%s: %s and %s are of different families", name_of(a),
			word[0], word[1]);
		return -1;
	}
	if (memcmp(out->lo.b, out->hi.b, sizeof(out->lo.b)) > 0) {
		snprintf(err, errlen, "%s: range reversed: %s > %s", name_of(a), word[0], word[1]);
		return -1;
	}
	return 2;
}

FORMAT(iprange)
{
	char lo[IP_STRLEN], hi[IP_STRLEN];

	return snprintf(buf, len, "%s %s", ip_str(&value->lo, lo), ip_str(&value->hi, hi));
}

PARSE(l4range)
{
	uint64_t lo, hi;

	if (n < 2)
		return short_of(a, err, errlen);
	if (number(a, word[0], &lo, err, errlen) || number(a, word[1], &hi, err, errlen))
		return -1;
	if (lo > hi) {
		snprintf(err, errlen, "%s: range reversed: %s > %s", name_of(a), word[0], word[1]);
		return -1;
	}
	out->lo = lo;
	out->hi = hi;
	return 2;
}

FORMAT(l4range)
{
	return snprintf(buf, len, "%u %u", value->lo, value->hi);
}

PARSE(inf32)
{
	uint64_t v;

	if (n < 1)
		return short_of(a, err, errlen);
	if (word[0][0] != '\0' && strncmp(INFINITE, word[0], strlen(word[0])) == 0) {
		*out = RATE_INFINITE;
		return 1;
	}
	if (number(a, word[0], &v, err, errlen))
		return -1;
	*out = v;
	return 1;
}

FORMAT(inf32)
{
	if (*value == RATE_INFINITE)
		return snprintf(buf, len, INFINITE);
	return snprintf(buf, len, "%" PRIu32, *value);
}

static int text(const struct arg_desc *a, const char *const *word, int n, char *out, size_t size,
	char *err, size_t errlen)
{
	if (n < 1 || word[0][0] == '\0')
		return short_of(a, err, errlen);
	if (strlen(word[0]) >= size) {
		snprintf(err, errlen, "%s: longer than %zu characters", name_of(a), size - 1);
		return -1;
	}
	for (const char *c = word[0]; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127) {
			snprintf(err, errlen, "%s: control characters are not allowed", name_of(a));
			return -1;
		}
	}
	memset(out, 0, size);
	memcpy(out, word[0], strlen(word[0]));
	return 1;
}

/* Numbers and ranges of them, "1,3-5", within the argument's bounds. */
PARSE(list)
{
	const char *s = n < 1 ? "" : word[0];

	if (*s == '\0')
		return short_of(a, err, errlen);
	for (*out = 0;; s++) {
		char *end;
		uint64_t lo = strtoull(s, &end, 10), hi = lo;
		bool ok = *s >= '0' && *s <= '9';

		if (ok && *end == '-') {
			s = end + 1;
			hi = strtoull(s, &end, 10);
			ok = *s >= '0' && *s <= '9';
		}
		if (!ok || (*end != ',' && *end != '\0') || lo > hi || hi > a->max || lo < a->min) {
			snprintf(err, errlen,
				"%s: '%.80s' is no list of numbers %" PRIu64 "..%" PRIu64
				", expected one like 1,3-5",
				name_of(a), word[0], a->min, a->max);
			return -1;
		}
		*out |= (UINT32_MAX >> (31 - hi)) & (UINT32_MAX << lo);
		if (*end == '\0')
			return 1;
		s = end;
	}
}

FORMAT(list)
{
	size_t at = 0;

	buf[0] = '\0';
	for (uint32_t lo = 0, hi; lo < 32 && at < len; lo = hi + 1) {
		for (hi = lo; hi < 31 && (*value >> lo & 1) && (*value >> (hi + 1) & 1); hi++)
			;
		if (!(*value >> lo & 1))
			continue;
		at += (size_t)snprintf(buf + at, len - at, "%s%" PRIu32, at ? "," : "", lo);
		if (hi != lo && at < len)
			at += (size_t)snprintf(buf + at, len - at, "-%" PRIu32, hi);
	}
	return (int)at;
}

PARSE(name)
{
	return text(a, word, n, out->s, sizeof(out->s), err, errlen);
}

FORMAT(name)
{
	return cmd_quote(value->s, buf, len);
}

PARSE(line)
{
	return text(a, word, n, out->s, sizeof(out->s), err, errlen);
}

FORMAT(line)
{
	return cmd_quote(value->s, buf, len);
}

PARSE(path)
{
	return text(a, word, n, out->s, sizeof(out->s), err, errlen);
}

FORMAT(path)
{
	return cmd_quote(value->s, buf, len);
}

PARSE(flag)
{
	*out = 1;
	return 0;
}

FORMAT(flag)
{
	return snprintf(buf, len, "%s", "");
}

/* clang-format off */
#define ENUM_BEGIN(type) static const char *const words_##type[] = {
#define ENUM(type, value, word, ...) word,
#define ENUM_END(type) };
#include "common/cmd/enums.def"

#define ENUM_BEGIN(type) \
	const char *type##_word(uint32_t value) \
	{ \
		return value < type##_COUNT ? words_##type[value] : "?"; \
	} \
	const char *type##_help(uint32_t value) \
	{ \
		static const char *const help[] = {
#define ENUM(type, value, word, ...) "" __VA_ARGS__,
#define ENUM_END(type) \
		}; \
		return value < type##_COUNT ? help[value] : ""; \
	}
#include "common/cmd/enums.def"

#define ENUM_BEGIN(type) \
	const char *type##_words(void) \
	{ \
		return &(""
#define ENUM(type, value, word, ...) "|" word
#define ENUM_END(type) )[1]; \
	}
#include "common/cmd/enums.def"
/* clang-format on */

/* Which of the words; an exact one wins over those it abbreviates. */
static int word_index(const struct arg_desc *a, const char *const *words, int count,
	const char *const *word, int n, char *err, size_t errlen)
{
	int found = -1, n_found = 0;

	if (n < 1)
		return short_of(a, err, errlen);
	for (int i = 0; i < count && word[0][0] != '\0'; i++) {
		if (strncmp(word[0], words[i], strlen(word[0])) != 0)
			continue;
		found = i;
		if (words[i][strlen(word[0])] == '\0')
			return i;
		n_found++;
	}
	if (n_found == 1)
		return found;
	snprintf(err, errlen, "%s: '%.80s' is %s %s", name_of(a), word[0],
		n_found > 1 ? "ambiguous among" : "not one of", arg_usage(a->tag));
	return -1;
}

#define ARG_WORDS(type)                                                                  \
	PARSE(type)                                                                      \
	{                                                                                \
		int i = word_index(a, words_##type, type##_COUNT, word, n, err, errlen); \
                                                                                         \
		*out = i < 0 ? 0 : i;                                                    \
		return i < 0 ? -1 : 1;                                                   \
	}                                                                                \
	FORMAT(type)                                                                     \
	{                                                                                \
		return snprintf(buf, len, "%s", type##_word(*value));                    \
	}
#include "common/cmd/arg_types.def"

int arg_parse(const struct arg_desc *a, const char *const *word, int n, void *out, char *err,
	size_t errlen)
{
	switch (a->tag) {
#define ARG_TYPE(tag, ...) \
	case ARG_##tag:    \
		return parse_##tag(a, word, n, out, err, errlen);
#include "common/cmd/arg_types.def"
	case ARG_COUNT:
		break;
	}
	return -1;
}

int arg_format(const struct arg_desc *a, char *buf, size_t len, const void *value)
{
	switch (a->tag) {
#define ARG_TYPE(tag, ...) \
	case ARG_##tag:    \
		return format_##tag(buf, len, value);
#include "common/cmd/arg_types.def"
	case ARG_COUNT:
		break;
	}
	return -1;
}

const char *arg_usage(enum arg_tag tag)
{
	switch (tag) {
#define ARG_TYPE(tag, ctype, usage) \
	case ARG_##tag:             \
		return usage;
#define ARG_WORDS(type)  \
	case ARG_##type: \
		return type##_words();
#include "common/cmd/arg_types.def"
	case ARG_COUNT:
		break;
	}
	return "";
}

const char *arg_word_help(enum arg_tag tag, uint32_t i)
{
	switch (tag) {
#define ARG_WORDS(type)  \
	case ARG_##type: \
		return type##_help(i);
#include "common/cmd/arg_types.def"
	default:
		return "";
	}
}
