/* cmd.def as a table, and what identifies a build's tables. */
#include "common/abi/segment.h"
#include "common/cmd/cmd.h"
#include "common/stats/stats.h"

#include <string.h>

/* An array of descriptors a command. The offsets need the struct's name, which a typedef inside
 * carries to ARG. */
/* clang-format off */
#define CMD_BEGIN(id, ...) \
	static struct cmd_desc desc_##id(void) \
	{ \
		typedef struct req_##id self; \
		static const struct arg_desc args[] = { \
			{NULL, NULL, NULL, 0, 0, ARG_COUNT, ARG_OPT, 0, sizeof(self)},
#define ARG(field, type, keyword, need, min, max, help) \
			{keyword, #field, help, min, max, ARG_##type, ARG_##need, \
				offsetof(self, field), FIELD_SIZE(self, field)},
#define CMD_END(id) \
		}; \
		return (struct cmd_desc){.args = args + 1, .n_args = ARRAY_SIZE(args) - 1}; \
	}
#include "common/cmd/cmd.def"
/* clang-format on */

static struct cmd_desc desc_of(enum cmd_id id)
{
	switch (id) {
#define CMD_BEGIN(id, ...) \
	case CMD_##id:     \
		return desc_##id();
#include "common/cmd/cmd.def"
	case CMD_COUNT:
		break;
	}
	return (struct cmd_desc){0};
}

const struct cmd_desc *cmd_desc(enum cmd_id id)
{
	static struct cmd_desc table[CMD_COUNT] = {
#define CMD_BEGIN(id, path, kind, help) \
	[CMD_##id] = {path, #id, help, CMD_KIND_##kind, NULL, 0, sizeof(struct req_##id)},
#include "common/cmd/cmd.def"
	};

	if ((uint32_t)id >= CMD_COUNT)
		return NULL;
	if (table[id].args == NULL) {
		struct cmd_desc d = desc_of(id);

		table[id].n_args = d.n_args;
		table[id].args = d.args;
	}
	return &table[id];
}

#ifndef WARP17_ABI_SUM /* lint: runs nothing */
#define WARP17_ABI_SUM 0
#endif

static uint64_t fnv(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t fnv_row(uint64_t h, const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t n[] = {a, b, c};

	return fnv(fnv(h, name, strlen(name) + 1), n, sizeof(n));
}

static uint64_t fnv_arg(uint64_t h, const struct arg_desc *a)
{
	h = fnv_row(h, a->name, a->tag, a->off, a->size);
	return fnv_row(h, a->keyword ? a->keyword : "", a->min, a->max, a->need);
}

/* A word's value is its place. */
static uint64_t fnv_words(uint64_t h)
{
#define ENUM(type, value, word, ...) h = fnv_row(h, #type " " word, type##_##value, 0, 0);
#include "common/cmd/enums.def"
	return h;
}

static uint64_t fnv_cmds(uint64_t h)
{
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);

		h = fnv_row(h, c->name, c->req_size, c->n_args, c->kind);
		for (size_t k = 0; k < c->n_args; k++)
			h = fnv_arg(h, &c->args[k]);
	}
	return h;
}

static uint64_t fnv_stats(uint64_t h)
{
	for (size_t g = 0; g < stats_n_groups; g++) {
		h = fnv_row(h, stats_groups[g].name, stats_groups[g].size, stats_groups[g].n,
			stats_groups[g].off);
		for (size_t i = 0; i < stats_groups[g].n; i++) {
			const struct stat_desc *s = &stats_groups[g].stats[i];

			h = fnv_row(h, s->name, s->kind, s->unit, s->off);
		}
	}
	return h;
}

uint64_t schema_fingerprint(void)
{
	uint64_t h = fnv_stats(fnv_words(fnv_cmds(UINT64_C(0xcbf29ce484222325))));

	/* what no table says of the shared structs: their sizes, and a sum of the sources they
	 * stand in */
	h = fnv_row(h, "sources", WARP17_ABI_SUM, sizeof(struct seg), sizeof(struct slot));
	h = fnv_row(h, "records", sizeof(struct seg_port), sizeof(struct seg_tc),
		sizeof(struct stats_port_block));
	return h;
}
