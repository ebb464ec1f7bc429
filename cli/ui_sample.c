/* What the screen shows, as it was at one moment. */
#include "cli/show.h"
#include "cli/ui.h"
#include "common/util/clock.h"

#include <errno.h>
#include <string.h>

static_assert(ARRAY_SIZE(((struct ui_sample *)0)->group) >= 16);

void ui_sample_free(struct ui_sample *s)
{
	for (uint32_t p = 0; p < s->n_ports; p++) {
		json_decref(s->state[p]);
		for (uint32_t t = 0; t < TCS_MAX; t++)
			json_decref(s->stats[p][t]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(s->group); i++)
		json_decref(s->group[i]);
	json_decref(s->links);
	json_decref(s->load);
	*s = (struct ui_sample){0};
}

static uint32_t tcid_of(const json_t *state)
{
	return (uint32_t)json_integer_value(json_object_get(state, "test_case_id"));
}

static bool take_tests(struct ui_sample *s, const struct seg *seg, uint32_t port)
{
	const json_t *t;
	bool all = true;
	size_t i;

	s->state[port] = show_tests_state(seg, port);
	json_array_foreach(json_object_get(s->state[port], "tests"), i, t)
	{
		uint32_t tcid = tcid_of(t);

		errno = 0;
		s->stats[port][tcid] = show_tests_stats(seg, port, tcid);
		all &= s->stats[port][tcid] != NULL || errno != EAGAIN;
	}
	return all && s->state[port] != NULL;
}

bool ui_sample_take(struct ui_sample *s, struct cli *cli)
{
	const struct seg *seg = cli->client.seg;
	bool all = true;

	ui_sample_free(s);
	s->ns = mono_ns();
	s->n_ports = seg->hdr.n_ports;
	s->links = show_port_link(seg);
	s->load = show_lcore_load(seg);
	for (size_t i = 0; i < stats_n_groups; i++) {
		if (stats_groups[i].scope == STAT_SCOPE_PORT)
			s->group[i] = show_statistics(seg, &stats_groups[i], false, false, 0);
	}
	for (uint32_t p = 0; p < s->n_ports; p++)
		all &= take_tests(s, seg, p);
	return all && s->load != NULL;
}

uint32_t ui_tests(const struct ui_sample *s, struct ui_test *tests, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t p = 0; p < s->n_ports; p++) {
		const json_t *t;
		size_t i;

		json_array_foreach(json_object_get(s->state[p], "tests"), i, t)
		{
			if (n < max)
				tests[n++] = (struct ui_test){p, tcid_of(t), t};
		}
	}
	return n;
}
