/* Views of the segment; each is a new tree that the caller owns, or NULL with errno: ENOENT there
 * is nothing to see, EAGAIN its engine stopped inside a change. */
#pragma once

#include "cli/cli.h"

json_t *show_tests_config(const struct seg *s, uint32_t port);
json_t *show_tests_state(const struct seg *s, uint32_t port);
json_t *show_tests_stats(const struct seg *s, uint32_t port, uint32_t tcid);
/* All groups, or one: its applications, their counters; and all applications. */
json_t *show_tests_imix(const struct seg *s, bool one, uint32_t id);
json_t *show_tests_tcp(const struct seg *s, uint32_t port, uint32_t tcid);
json_t *show_tests_vlan(const struct seg *s, uint32_t port, uint32_t tcid);
json_t *show_tests_ipv4(const struct seg *s, uint32_t port, uint32_t tcid);
json_t *show_tests_latency(const struct seg *s, uint32_t port, uint32_t tcid);
json_t *show_tests_response_times(const struct seg *s, uint32_t port, uint32_t tcid);
/* Settings of each direction, its counters in "stats". */
json_t *show_tests_faults(const struct seg *s, uint32_t port);
json_t *show_port_info(const struct seg *s);
json_t *show_port_map(const struct seg *s);
json_t *show_port_link(const struct seg *s);
/* Of each worker, over the last second. */
json_t *show_lcore_load(const struct seg *s);
json_t *show_arp(const struct seg *s);
json_t *show_operators(const struct seg *s);
/* The newest so many of them: events, or changes. */
json_t *show_journal(const struct journal *j, bool changes, uint32_t last);
json_t *show_version(const struct seg *s);
/* What each port sends and receives: over the time between two looks. */
struct link_sample {
	uint64_t ns; /* CLOCK_MONOTONIC */
	struct stats_port port[PORTS_MAX];
};
void show_link_sample(const struct seg *s, struct link_sample *to);
json_t *show_link_rate(
	const struct seg *s, const struct link_sample *before, const struct link_sample *now);
/* Every command, what it looks like and what it does. */
json_t *show_help(void);
/* The group that a command shows, NULL when it shows something else. */
const struct stats_group *show_group_of(enum cmd_id id);
/* A group's counters; block is that of its scope. */
json_t *show_group(const struct stats_group *g, const void *block);
/* show <group> statistics */
json_t *show_statistics(const struct seg *s, const struct stats_group *g, bool details,
	bool one_port, uint32_t port);
