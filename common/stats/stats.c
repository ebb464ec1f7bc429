/* stats.def as tables, and how lcores add up. */
#include "common/stats/stats.h"

#include <string.h>

/* clang-format off */
#define STAT_BEGIN(group, ...) static const struct stat_desc desc_##group[] = {
#define STAT(group, field, kind, unit, label, help) \
	{#field, label, help, STAT_##kind, UNIT_##unit, offsetof(struct stats_##group, field)},
#define STAT_END(group) };
#include "common/stats/stats.def"
/* clang-format on */

#define BLOCK_PORT struct stats_port_block
#define BLOCK_LCORE struct stats_lcore_block
#define BLOCK_TC struct stats_tc_block

const struct stats_group stats_groups[] = {
#define STAT_BEGIN(group, scope, help)                                             \
	{#group, help, desc_##group, STAT_SCOPE_##scope, ARRAY_SIZE(desc_##group), \
		sizeof(struct stats_##group), offsetof(BLOCK_##scope, group)},
#include "common/stats/stats.def"
};
const size_t stats_n_groups = ARRAY_SIZE(stats_groups);

static const struct stat_desc desc_device[] = {
#define DEVICE(field, counter, unit, label, help) \
	{#field, label, help, STAT_COUNTER, UNIT_##unit, offsetof(struct stats_device, field)},
#include "common/stats/device.def"
};
const struct stats_group stats_device_group = {"device", "The ports' devices", desc_device,
	STAT_SCOPE_PORT, ARRAY_SIZE(desc_device), sizeof(struct stats_device), 0};

const struct stats_group *stats_group_find(const char *name)
{
	for (size_t i = 0; i < stats_n_groups; i++) {
		if (strcmp(stats_groups[i].name, name) == 0)
			return &stats_groups[i];
	}
	return NULL;
}

void stats_merge(const struct stats_group *g, void *total, const void *lcore)
{
	for (size_t i = 0; i < g->n; i++) {
		uint64_t *t = (uint64_t *)((char *)total + g->stats[i].off);
		uint64_t v = __atomic_load_n(
			(const uint64_t *)((const char *)lcore + g->stats[i].off),
			__ATOMIC_RELAXED);

		switch (g->stats[i].kind) {
		case STAT_COUNTER:
		case STAT_GAUGE:
			*t += v;
			break;
		case STAT_MAX:
			*t = MAX_OF(*t, v);
			break;
		case STAT_KIND_COUNT:
			break;
		}
	}
}

void stats_since(const struct stats_group *g, void *now, const void *then)
{
	for (size_t i = 0; i < g->n; i++) {
		uint64_t *v = (uint64_t *)((char *)now + g->stats[i].off);
		uint64_t was = *(const uint64_t *)((const char *)then + g->stats[i].off);

		if (g->stats[i].kind == STAT_COUNTER && *v >= was)
			*v -= was;
	}
}
