/* Numbers with fractions and units: what is taken, and what it is worth. */
#include "common/cmd/cmd.h"
#include "test/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void fractions_and_their_units(void **state)
{
	static const struct {
		const char *text, *means; /* NULL: refused */
		uint32_t value;
	} of[] = {
		{"loss 1", "loss 1", 10000},
		{"loss 1%", "loss 1", 10000},
		{"loss 0.1", "loss 0.1", 1000},
		{"loss 0.0001%", "loss 0.0001", 1},
		{"loss 0.00010", "loss 0.0001", 1},
		{"loss 100", "loss 100", 1000000},
		{"loss 100.0001", NULL, 0},
		{"loss 0.00001", NULL, 0},
		{"loss 1ms", NULL, 0},
		{"loss .5", NULL, 0},
		{"loss 1.", NULL, 0},
		{"loss 1.%", NULL, 0},
		{"loss -1", NULL, 0},
		{"loss 1.5.5", NULL, 0},
		{"loss 99999999999999999999", NULL, 0},
		{"loss %", NULL, 0},
		{"delay 20", "delay 20", 20000},
		{"delay 0.5", "delay 0.5", 500},
		{"delay 1500us", "delay 1.5", 1500},
		{"delay 1.5us", NULL, 0},
		{"delay 1.0us", "delay 0.001", 1},
		{"delay 1.5s", "delay 1500", 1500000},
		{"delay 10.000001s", NULL, 0},
		{"rate 10", "rate 10", 10000},
		{"rate 10Gbit", "rate 10000", 10000000},
		{"rate 56kbit", "rate 0.056", 56},
		{"rate 10mbit", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		char line[100], err[400], back[200], want[200];
		const char *word[CMD_WORDS_MAX];
		const struct req_set_tests_faults *q;
		union cmd_req req;
		enum cmd_id id;
		int n;

		snprintf(line, sizeof(line), "set tests faults port 0 %s", of[i].text);
		n = cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err));
		if ((cmd_parse(word, n, &id, &req, err, sizeof(err)) == 0) != (of[i].means != NULL))
			fail_msg("%s: %s", of[i].text, of[i].means ? err : "was taken");
		if (of[i].means == NULL)
			continue;
		q = &req.set_tests_faults;
		assert_int_equal(of[i].text[0] == 'l'  ? q->loss
				: of[i].text[0] == 'd' ? q->delay
						       : q->rate,
			of[i].value);
		cmd_format(id, &req, back, sizeof(back));
		snprintf(want, sizeof(want), "set tests faults port 0 %s", of[i].means);
		assert_string_equal(back, want);
	}
}

static void lists_of_numbers(void **state)
{
	static const struct {
		const char *text, *means; /* NULL: refused */
		uint32_t value;
	} of[] = {
		{"0", "0", 1},
		{"31", "31", 1u << 31},
		{"1,3-5", "1,3-5", 0x3a},
		{"5,4,3,1,1", "1,3-5", 0x3a},
		{"0-31", "0-31", UINT32_MAX},
		{"7-7", "7", 0x80},
		{"32", NULL, 0},
		{"0-32", NULL, 0},
		{"5-3", NULL, 0},
		{"1,", NULL, 0},
		{",1", NULL, 0},
		{"1-", NULL, 0},
		{"-1", NULL, 0},
		{"1--2", NULL, 0},
		{"1 2", NULL, 0},
		{"+1", NULL, 0},
		{"99999999999999999999", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		char line[100], err[400], back[200], want[200];
		const char *word[CMD_WORDS_MAX];
		union cmd_req req;
		enum cmd_id id;
		int n;

		snprintf(line, sizeof(line), "add tests imix-id 3 app %s", of[i].text);
		n = cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err));
		if ((cmd_parse(word, n, &id, &req, err, sizeof(err)) == 0) != (of[i].means != NULL))
			fail_msg("%s: %s", of[i].text, of[i].means ? err : "was taken");
		if (of[i].means == NULL)
			continue;
		assert_int_equal(req.add_tests_imix.apps, of[i].value);
		cmd_format(id, &req, back, sizeof(back));
		snprintf(want, sizeof(want), "add tests imix-id 3 app %s", of[i].means);
		assert_string_equal(back, want);
		req.add_tests_imix.apps = 0; /* a list of nothing is none */
		assert_true(cmd_check(id, &req, err, sizeof(err)) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_numbers),
		cmocka_unit_test(fractions_and_their_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
