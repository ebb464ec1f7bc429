/* Every argument of every command at its bounds, from the table: as text, as a user types it, and as a
 * request, as a hostile client would send it. New rows of cmd.def are covered without a change. */
#include "test/unit/cmd_bad.h"
#include "test/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE 6000

static char err[600];
static uint32_t n_refused, n_taken;

/* Of a command, what is typed: argument k last, with these words for a value; without: not at all;
 * value NULL: as it should be. */
static void line_of(enum cmd_id id, size_t k, bool without, const char *value, char *to)
{
	const struct cmd_desc *c = cmd_desc(id);
	union cmd_req req;
	size_t n = (size_t)snprintf(to, LINE, "%s", c->path);

	good_request(id, &req);
	for (size_t i = 0; i <= c->n_args; i++) {
		size_t at = i == c->n_args ? k : i;
		const struct arg_desc *a = &c->args[at];
		char good[600];

		/* bare ones keep their order, so those stay where they are */
		bool moved = a->keyword != NULL;

		if (at >= c->n_args || (at == k && (without || (i == c->n_args) != moved)))
			continue;
		arg_format(a, good, sizeof(good), req.raw + a->off);
		n += (size_t)snprintf(to + n, LINE - n, " %s %s", a->keyword ? a->keyword : "",
			at == k && value ? value : good);
	}
}

static int parse(const char *line, enum cmd_id *id, union cmd_req *req)
{
	static char copy[2 * LINE];
	const char *word[CMD_WORDS_MAX];
	int n;

	snprintf(copy, sizeof(copy), "%s", line);
	err[0] = '\0';
	n = cmd_split(copy, word, CMD_WORDS_MAX, err, sizeof(err));
	return n < 0 ? -1 : cmd_parse(word, n, id, req, err, sizeof(err));
}

static void taken(const char *line, enum cmd_id want)
{
	char again[LINE];
	union cmd_req req, back;
	enum cmd_id id, back_id;

	n_taken++;
	if (parse(line, &id, &req) != 0)
		fail_msg("'%s': %s", line, err);
	if (id != want)
		fail_msg("'%s' was taken for %s", line, cmd_desc(id)->name);
	if (cmd_check(id, &req, err, sizeof(err)) != 0)
		fail_msg("'%s': %s", line, err);
	assert_true(cmd_format(id, &req, again, sizeof(again)) > 0);
	assert_int_equal(parse(again, &back_id, &back), 0);
	assert_int_equal(back_id, id);
	assert_memory_equal(&req, &back, sizeof(req));
}

/* Another row of the same words may take it. */
static void refused(const char *line, enum cmd_id of)
{
	union cmd_req req;
	enum cmd_id id;

	n_refused++;
	if (parse(line, &id, &req) == 0) {
		if (id == of)
			fail_msg("'%s' was taken", line);
	} else if (err[0] == '\0') {
		fail_msg("'%s' was refused without a word", line);
	}
}

static void value_taken(enum cmd_id id, size_t k, const char *value)
{
	char line[LINE];

	line_of(id, k, false, value, line);
	taken(line, id);
}

static void value_refused(enum cmd_id id, size_t k, const char *value)
{
	char line[LINE];

	line_of(id, k, false, value, line);
	refused(line, id);
}

/* As the type writes it: "4294.967295" of ms. */
static const char *number(const struct arg_desc *a, uint64_t v)
{
	static char buf[64];
	uint32_t n = (uint32_t)v;

	if (v > UINT32_MAX)
		snprintf(buf, sizeof(buf), "%" PRIu64, v);
	else if (a->tag == ARG_inf32 && v == UINT32_MAX)
		snprintf(buf, sizeof(buf), "%" PRIu32, n);
	else
		arg_format(a, buf, sizeof(buf), &n);
	return buf;
}

static void numbers(enum cmd_id id, size_t k)
{
	const struct arg_desc *a = &cmd_desc(id)->args[k];
	static const char *const bad[] = {"-1", "+1", "0x1", "1x", "x", "1 2", "\"\"", "1,5",
		"18446744073709551616", "99999999999999999999999"};
	uint64_t max = a->max ? a->max : UINT32_MAX - (a->tag == ARG_inf32);

	value_taken(id, k, number(a, a->min));
	value_taken(id, k, number(a, max));
	value_refused(id, k, number(a, max + 1));
	if (a->min > 0)
		value_refused(id, k, number(a, a->min - 1));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		value_refused(id, k, bad[i]);
	if (a->tag == ARG_inf32)
		value_taken(id, k, "infinite");
	else
		value_refused(id, k, "infinite");
	if (a->tag == ARG_u32 || a->tag == ARG_inf32)
		value_refused(id, k, "1.5");
}

static void words(enum cmd_id id, size_t k)
{
	const char *u = arg_usage(cmd_desc(id)->args[k].tag);
	char word[64];

	for (; *u != '\0'; u += *u == '|') {
		size_t n = strcspn(u, "|");

		snprintf(word, sizeof(word), "%.*s", (int)n, u);
		value_taken(id, k, word);
		snprintf(word, sizeof(word), "%.*sx", (int)n, u);
		value_refused(id, k, word);
		u += n;
	}
	value_refused(id, k, "nosuchword");
	value_refused(id, k, "\"\"");
	value_refused(id, k, "0");
}

static void addresses(enum cmd_id id, size_t k, bool range)
{
	static const char *const bad[] = {"10.0.0", "10.0.0.256", "10.0.0.1.1", "10.0.0.1/24", "x",
		"1", "\"\"", "-1", "::x", "10.0.0.1-10.0.0.9"};
	char two[100];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		value_refused(id, k, bad[i]);
		if (!range)
			continue;
		snprintf(two, sizeof(two), "10.0.0.1 %s", bad[i]);
		value_refused(id, k, two);
		snprintf(two, sizeof(two), "%s 10.0.0.1", bad[i]);
		value_refused(id, k, two);
	}
	value_taken(id, k, range ? "0.0.0.0 255.255.255.255" : "0.0.0.0");
	value_taken(id, k, range ? "10.0.0.1 10.0.0.1" : "255.255.255.255");
	value_taken(id, k, range ? "::1 ::2" : "::1"); /* the engine says what it thinks of it */
	if (!range)
		return;
	value_refused(id, k, "10.0.0.2 10.0.0.1");
	value_refused(id, k, "::2 ::1");
	value_refused(id, k, "10.0.0.1 ::1");
	value_refused(id, k, "10.0.0.1");
}

static void ports(enum cmd_id id, size_t k)
{
	const struct arg_desc *a = &cmd_desc(id)->args[k];
	uint64_t min = a->min, max = a->max ? a->max : UINT16_MAX;
	const struct {
		uint64_t lo, hi;
		bool ok;
	} of[] = {{min, min, true}, {min, max, true}, {max, max, true}, {max, min, false},
		{min, max + 1, false}, {max + 1, max + 1, false}, {min, UINT64_MAX, false},
		{min - 1, max, false}};
	char two[100];

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		snprintf(two, sizeof(two), "%" PRIu64 " %" PRIu64, of[i].lo, of[i].hi);
		if (of[i].ok)
			value_taken(id, k, two);
		else
			value_refused(id, k, two);
	}
	value_refused(id, k, "5");
	value_refused(id, k, "x 5");
	value_refused(id, k, "5 x");
	value_refused(id, k, "5-6");
}

static void texts(enum cmd_id id, size_t k)
{
	const struct arg_desc *a = &cmd_desc(id)->args[k];
	char text[600];

	for (uint32_t n = a->size - 2u; n <= a->size; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		if (n < a->size)
			value_taken(id, k, text);
		else
			value_refused(id, k, text);
	}
	value_refused(id, k, "\"\"");
	value_refused(id, k, "\"a\nb\"");
	value_refused(id, k, "\"a\x1b[2J\"");
	value_refused(id, k, "\"a\x7f\"");
	value_refused(id, k, "\"a"); /* the quote stays open */
	value_taken(id, k, "\"a b \\\" # c\"");
}

static void one_argument(enum cmd_id id, size_t k)
{
	const struct arg_desc *a = &cmd_desc(id)->args[k];

	if (bad_is_words(a))
		words(id, k);
	else if (bad_is_text(a))
		texts(id, k);
	else if (a->tag == ARG_ip || a->tag == ARG_iprange)
		addresses(id, k, a->tag == ARG_iprange);
	else if (a->tag == ARG_l4range)
		ports(id, k);
	else if (a->tag != ARG_flag && bad_is_number(a))
		numbers(id, k);
	else if (a->tag != ARG_flag)
		fail_msg("%s: a type of which this test knows no bounds", arg_usage(a->tag));
}

static void every_argument_has_its_bounds(void **state)
{
	(void)state;
	n_taken = n_refused = 0;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		for (size_t k = 0; k < cmd_desc(id)->n_args; k++)
			one_argument(id, k);
	}
	assert_true(n_taken > 300 && n_refused > 1000); /* there was something to try */
}

static void missing_and_repeated(enum cmd_id id, size_t k)
{
	const struct arg_desc *a = &cmd_desc(id)->args[k];
	char line[LINE], twice[2 * LINE], value[600];
	union cmd_req req;

	line_of(id, k, true, NULL, line);
	if (a->need == ARG_REQ)
		refused(line, id);
	line_of(id, k, false, NULL, line);
	taken(line, id);
	good_request(id, &req);
	arg_format(a, value, sizeof(value), req.raw + a->off);
	snprintf(twice, sizeof(twice), "%s %s %s", line, a->keyword ? a->keyword : "", value);
	refused(twice, id);
	snprintf(twice, sizeof(twice), "%s nosuchkeyword", line);
	refused(twice, id);
	if (a->keyword == NULL || *arg_usage(a->tag) == '\0')
		return;
	value_refused(id, k, ""); /* the keyword alone */
	line_of(id, k, true, NULL, line);
	snprintf(twice, sizeof(twice), "%s x%s %s", line, a->keyword, value);
	refused(twice, id);
}

static void every_argument_is_there_once(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		char line[LINE];

		for (size_t k = 0; k < cmd_desc(id)->n_args; k++)
			missing_and_repeated(id, k);
		if (cmd_desc(id)->n_args != 0)
			continue;
		snprintf(line, sizeof(line), "%s nosuchword", cmd_desc(id)->path);
		refused(line, id);
	}
}

/* Of the arguments of which one is needed each alone is enough, none is not. */
static void some_of_the_arguments(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);

		for (size_t k = 0; k <= c->n_args; k++) {
			bool last = k == c->n_args, some = false;
			union cmd_req req;
			char line[LINE];

			if (!last && c->args[k].need != ARG_SOME)
				continue;
			good_request(id, &req);
			for (size_t i = 0; i < c->n_args; i++) {
				some |= c->args[i].need == ARG_SOME;
				if (c->args[i].need != ARG_REQ && i != k)
					req.present &= ~(UINT64_C(1) << i);
			}
			cmd_format(id, &req, line, sizeof(line));
			if (last && some)
				refused(line, id);
			else
				taken(line, id);
		}
	}
}

static void no_parser(uint32_t id, const union cmd_req *req, const char *what, void *arg)
{
	(void)arg;
	if (cmd_check(id, req, err, sizeof(err)) == 0)
		fail_msg("%s: %s: was taken", id < CMD_COUNT ? cmd_desc(id)->name : "-", what);
	if (strncmp(err, "malformed request: ", 19) != 0)
		fail_msg("%s: %s: said %s", id < CMD_COUNT ? cmd_desc(id)->name : "-", what, err);
}

static void requests_that_no_parser_makes_are_refused(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		union cmd_req req;

		good_request(id, &req);
		if (cmd_check(id, &req, err, sizeof(err)) != 0)
			fail_msg("%s: %s", cmd_desc(id)->name, err);
	}
	assert_true(bad_requests(no_parser, NULL) > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_argument_has_its_bounds),
		cmocka_unit_test(every_argument_is_there_once),
		cmocka_unit_test(some_of_the_arguments),
		cmocka_unit_test(requests_that_no_parser_makes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
