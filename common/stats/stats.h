/* Counters as data: blocks in shared memory, each written by one lcore alone, read by anyone. */
#pragma once

#include "common/util/compiler.h"

enum stat_scope {
	STAT_SCOPE_PORT,
	STAT_SCOPE_LCORE,
	STAT_SCOPE_TC,
	STAT_SCOPE_COUNT
};
enum stat_kind {
	STAT_COUNTER,
	STAT_GAUGE,
	STAT_MAX,
	STAT_KIND_COUNT
};
enum stat_unit {
	UNIT_PKTS,
	UNIT_BYTES,
	UNIT_COUNT,
	UNIT_USEC,
	UNIT_MSEC,
	UNIT_CYCLES,
	UNIT_NSEC,
	STAT_UNIT_COUNT
};

/* clang-format off */
#define STAT_BEGIN(group, ...) struct stats_##group {
#define STAT(group, field, ...) uint64_t field;
#define STAT_END(group) };
#include "common/stats/stats.def"

/* One block a scope: the groups of that scope one after the other. */
#define STAT_IN_PORT_PORT(group) struct stats_##group group;
#define STAT_IN_PORT_LCORE(group)
#define STAT_IN_PORT_TC(group)
#define STAT_IN_LCORE_PORT(group)
#define STAT_IN_LCORE_LCORE(group) struct stats_##group group;
#define STAT_IN_LCORE_TC(group)
#define STAT_IN_TC_PORT(group)
#define STAT_IN_TC_LCORE(group)
#define STAT_IN_TC_TC(group) struct stats_##group group;

struct stats_port_block {
#define STAT_BEGIN(group, scope, ...) STAT_IN_PORT_##scope(group)
#include "common/stats/stats.def"
} cache_aligned;

struct stats_lcore_block {
#define STAT_BEGIN(group, scope, ...) STAT_IN_LCORE_##scope(group)
#include "common/stats/stats.def"
} cache_aligned;

struct stats_tc_block {
#define STAT_BEGIN(group, scope, ...) STAT_IN_TC_##scope(group)
#include "common/stats/stats.def"
} cache_aligned;
/* clang-format on */
static_assert(sizeof(struct stats_port_block) % CACHE_LINE == 0, "two lcores would share a line");
static_assert(sizeof(struct stats_lcore_block) % CACHE_LINE == 0, "two lcores would share a line");
static_assert(sizeof(struct stats_tc_block) % CACHE_LINE == 0, "two lcores would share a line");
static_assert(__atomic_always_lock_free(sizeof(uint64_t), 0), "a reader could see half a counter");

/* Of a port's device: not a worker's count, so in no block. */
struct stats_device {
#define DEVICE(field, ...) uint64_t field;
#include "common/stats/device.def"
};

struct stat_desc {
	const char *name, *label, *help;
	enum stat_kind kind;
	enum stat_unit unit;
	uint16_t off; /* in its group */
};

struct stats_group {
	const char *name, *help;
	const struct stat_desc *stats;
	enum stat_scope scope;
	size_t n, size, off; /* off: of the group in its scope's block */
};

extern const struct stats_group stats_groups[];
extern const size_t stats_n_groups;
extern const struct stats_group stats_device_group; /* beside those: of struct stats_device */

/* The group of that name, or NULL. */
const struct stats_group *stats_group_find(const char *name);

/* Adds one lcore's block of a group to a total (both start at the group), each field by its kind.
 */
void stats_merge(const struct stats_group *g, void *total, const void *lcore);

/* What a group's counters have counted since they were `then`; gauges and maxima stay. One that is
 * smaller than it was began anew, and counts from there. */
void stats_since(const struct stats_group *g, void *now, const void *then);

/* Writers: one lcore a block. A plain add to memory; gcc keeps an aligned 64-bit store whole,
 * readers load relaxed. */
#define STAT_ADD(field, n) ((field) += (n))
#define STAT_INC(field) ((field)++)
#define STAT_DEC(field) ((field)--)
