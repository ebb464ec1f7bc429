/* The screen without a terminal: where its areas are, what stands in them, how they scroll. */
#include "cli/ui.h"
#include "test/unit/unit.h"

#include <string.h>

static struct pane pane;

static int pane_down(void **state)
{
	(void)state;
	pane_clear(&pane);
	pane = (struct pane){0};
	return 0;
}

static void expect_number(uint64_t v, const char *want)
{
	char s[16];

	ui_number(v, s, sizeof(s));
	assert_string_equal(s, want);
	assert_true(strlen(s) <= 6);
}

static void numbers_are_six_characters_at_most(void **state)
{
	(void)state;
	expect_number(0, "0");
	expect_number(99999, "99999");
	expect_number(100000, "100.0k");
	expect_number(999949, "999.9k");
	expect_number(999950, "1.000M");
	expect_number(9999499, "9.999M");
	expect_number(9999500, "10.00M");
	expect_number(99995000, "100.0M");
	expect_number(UINT64_C(1000000000000), "1.000T");
	expect_number(UINT64_MAX, "18.45E");
}

static void inside(const struct ui_rect *r, int rows, int cols)
{
	assert_true(r->h > 0 && r->w > 0 && r->y >= 2 && r->x >= 0);
	assert_true(r->y + r->h <= rows - 1 && r->x + r->w <= cols);
}

static void areas_fill_the_screen_and_do_not_overlap(void **state)
{
	struct ui_layout l;

	(void)state;
	for (int rows = UI_ROWS_MIN; rows < 120; rows++) {
		for (int cols = UI_COLS_MIN; cols < 300; cols++) {
			assert_true(ui_layout(rows, cols, &l));
			inside(&l.tests, rows, cols);
			inside(&l.detail, rows, cols);
			inside(&l.ports, rows, cols);
			assert_int_equal(l.detail.y, l.tests.y + l.tests.h + 1);
			assert_int_equal(l.detail.y + l.detail.h, rows - 1);
			assert_int_equal(l.split, l.tests.w);
			assert_int_equal(l.ports.x, l.split + 1);
			assert_int_equal(l.ports.x + l.ports.w, cols);
		}
	}
	assert_false(ui_layout(UI_ROWS_MIN - 1, 300, &l));
	assert_false(ui_layout(300, UI_COLS_MIN - 1, &l));
	assert_false(ui_layout(0, 0, &l));
}

static void scrolling_ends_at_both_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		pane_add(&pane, UI_PLAIN, "line %d", i);
	pane.fixed = 2; /* 10 lines that scroll, 3 of them seen */
	assert_int_equal(ui_scroll(&pane, 5, -4), 0);
	assert_int_equal(ui_scroll(&pane, 5, 4), 4);
	assert_int_equal(ui_scroll(&pane, 5, 400), 7);
	assert_int_equal(ui_scroll(&pane, 50, 4), 0); /* all of it is seen */
	pane.top = 9;
	assert_int_equal(ui_scroll(&pane, 5, 0), 7); /* the window grew */
	pane.top = 0;
	assert_int_equal(ui_reveal(&pane, 5, 4), 0);
	assert_int_equal(ui_reveal(&pane, 5, 5), 1);
	assert_int_equal(ui_reveal(&pane, 5, 11), 7);
	pane.top = 5;
	assert_int_equal(ui_reveal(&pane, 5, 3), 1);
}

static void expect_line(uint32_t i, const char *want)
{
	assert_true(i < pane.n);
	assert_string_equal(pane.line[i].text, want);
}

static void long_lines_go_on_below(void **state)
{
	(void)state;
	pane_text(&pane, 20, "short\n\nwith some blanks in it, many\nnoblanksatall0123456789\n");
	expect_line(0, "short");
	expect_line(1, "");
	expect_line(2, "with some blanks in");
	expect_line(3, "    it, many");
	expect_line(4, "noblanksatall0123456");
	expect_line(5, "    789");
	assert_int_equal(pane.n, 6);
}

static void characters_are_not_cut(void **state)
{
	(void)state;
	pane_add_wrapped(&pane, 12,
		"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
		"\u00e9\u00e9");
	expect_line(0, "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9");
	expect_line(1, "    \u00e9");
}

static void latencies_are_shown_in_microseconds(void **state)
{
	json_t *stats = json_pack("{s{s{si si sn} s{si si}}}", "latency", "global", "samples", 12,
		"min_ns", 1234, "p99_ns", "recent", "samples", 5, "avg_ns", 4000);

	(void)state;
	pane_latency(&pane, 30, stats);
	expect_line(0, "All samples");
	expect_line(1, "Samples                     12");
	expect_line(2, "Min lat/us               1.234");
	expect_line(3, "99 % lat/us                  -");
	expect_line(4, "Recent samples");
	expect_line(5, "Samples                      5");
	expect_line(6, "Avg lat/us               4.000");
	assert_int_equal(pane.n, 7);
	json_decref(stats);
	pane_clear(&pane);
	stats = json_object();
	pane_latency(&pane, 60, stats);
	expect_line(0, "This test case measures no latency.");
	json_decref(stats);
}

/* A sample of two ports. */
static struct ui_sample sample(uint64_t ns, int rx)
{
	struct ui_sample s = {.ns = ns, .n_ports = 2};
	size_t port = (size_t)(stats_group_find("port") - stats_groups);

	s.group[port] = json_pack("{s{s{s{sisi}}s{s{sisi}}}}", "ports", "0", "stats", "rx_pkts", rx,
		"tx_pkts", 7, "1", "stats", "rx_pkts", 0, "tx_pkts", 0);
	s.links = json_pack("{s[{ss si}{ss sn}]}", "ports", "link", "UP", "speed_mbps", 10000,
		"link", "DOWN", "speed_mbps");
	return s;
}

static void sample_drop(struct ui_sample *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->group); i++)
		json_decref(s->group[i]);
	json_decref(s->links);
}

static void ports_have_totals_and_rates(void **state)
{
	struct ui_sample before = sample(1000000000, 1000), now = sample(3000000000, 5000);

	(void)state;
	assert_int_equal(pane_ports(&pane, 47, &now, NULL, 0, false), 2);
	expect_line(0, "                  Port 0 UP 10G     Port 1 DOWN");
	expect_line(6, "Received Packet    5000       -       0       -");
	pane_clear(&pane);
	assert_int_equal(pane_ports(&pane, 47, &now, &before, 0, false), 2);
	expect_line(6, "Received Packet    5000    2000       0       0");
	expect_line(7, "Sent Packets          7       0       0       0"); /* the others are 0 */
	assert_int_equal(pane.n, 9); /* and the heading of what there is nothing of */
	pane_clear(&pane);
	assert_int_equal(pane_ports(&pane, 32, &before, &now, 1, true), 1); /* went back */
	expect_line(6, "Received Packets       0       0");
	pane_clear(&pane);
	pane_ports(&pane, 32, &before, &now, 0, true);
	expect_line(6, "Received Packets    1000       -");
	sample_drop(&before);
	sample_drop(&now);
}

static json_t *loads(int n)
{
	json_t *a = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(a,
			json_pack("{si sf si si sf sn sf}", "lcore", i + 1, "load_percent",
				12.6 + i * 20, "rx_pkts_per_second", 1234567, "tx_pkts_per_second",
				7, "packets_per_turn", 3.25, "cycles_per_packet", "longest_turn_us",
				80123.46));
	return json_pack("{so}", "workers", a);
}

static void loads_stand_in_the_title_and_below_the_ports(void **state)
{
	struct ui_sample now = sample(1000000000, 1000);
	char s[60];

	(void)state;
	ui_load(NULL, s, sizeof(s));
	assert_string_equal(s, "");
	now.load = loads(1);
	ui_load(now.load, s, sizeof(s));
	assert_string_equal(s, "load 13 %");
	json_decref(now.load);
	now.load = loads(5);
	ui_load(now.load, s, sizeof(s));
	assert_string_equal(s, "load 13-93 %, 5 workers");
	json_decref(now.load);
	now.load = loads(3);
	ui_load(now.load, s, sizeof(s));
	assert_string_equal(s, "load 13 33 53 %");
	pane_ports(&pane, 47, &now, NULL, 0, false);
	expect_line(pane.n - 4, "LCORE load %   rx/s   tx/s /turn cycles us/turn");
	expect_line(pane.n - 1, "    3   52.6 1.235M      7   3.2      - 80123.5");
	json_decref(now.load);
	sample_drop(&now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_six_characters_at_most),
		cmocka_unit_test(areas_fill_the_screen_and_do_not_overlap),
		cmocka_unit_test_teardown(scrolling_ends_at_both_ends, pane_down),
		cmocka_unit_test_teardown(long_lines_go_on_below, pane_down),
		cmocka_unit_test_teardown(characters_are_not_cut, pane_down),
		cmocka_unit_test_teardown(latencies_are_shown_in_microseconds, pane_down),
		cmocka_unit_test_teardown(ports_have_totals_and_rates, pane_down),
		cmocka_unit_test_teardown(loads_stand_in_the_title_and_below_the_ports, pane_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
