/* One counter of the test case 0 of port 0, and when it was so: windows may be short, and who asks costs the engine a cache
 * line. usage: meter PREFIX COUNTER, a name of the group tc. Each line from standard input is answered by "NS COUNT", the
 * nanoseconds of CLOCK_MONOTONIC. It ends with its input; exit: 2 usage, 3 no engine, or it has gone. */
#include "common/abi/attach.h"
#include "common/util/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USAGE 2
#define NO_ENGINE 3
#define APART_NS 5000 /* time and counter are so near each other, unless TRIES were not */
#define TRIES 100

static void on_stuck(void)
{
	_exit(NO_ENGINE);
}

/* Where it is in a block of a test case; false: there is none of that name. */
static bool counter_find(const char *name, size_t *off)
{
	const struct stats_group *g = stats_group_find("tc");

	for (size_t i = 0; i < g->n; i++) {
		*off = g->off + g->stats[i].off;
		if (strcmp(g->stats[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Of all lcores. */
static uint64_t counter_sum(const struct seg *seg, size_t off)
{
	uint64_t sum = 0;

	for (uint32_t lc = 0; lc < seg->hdr.n_lcores; lc++) {
		const char *block = (const char *)seg_stats_tc(seg, lc, 0, 0);

		/* pairs with nothing: a word of its own */
		sum += __atomic_load_n((const uint64_t *)(block + off), __ATOMIC_RELAXED);
	}
	return sum;
}

/* Once more when this was kept from its CPU meanwhile. */
static void tell(const struct seg *seg, size_t off)
{
	uint64_t from, sum, now;
	int tries = 0;

	do {
		from = mono_ns();
		sum = counter_sum(seg, off);
		now = mono_ns();
	} while (now - from > APART_NS && ++tries < TRIES);
	printf("%" PRIu64 " %" PRIu64 "\n", now, sum);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct attach_opts o = {
		.kind = client_kind_SCRIPT, .name = "meter", .read_only = true, .stuck = on_stuck};
	char err[256], line[64];
	struct client c;
	size_t off;

	if (argc != 3 || !counter_find(argv[2], &off)) {
		fprintf(stderr, "usage: meter PREFIX COUNTER, one of the group tc\n");
		return USAGE;
	}
	o.prefix = argv[1];
	if (client_attach(&c, &o, err, sizeof(err)) != 0) {
		fprintf(stderr, "meter: %s\n", err);
		_exit(NO_ENGINE);
	}
	client_protect(&c, false);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (!client_alive(&c)) {
			fprintf(stderr, "meter: the engine has gone\n");
			_exit(NO_ENGINE);
		}
		tell(c.seg, off);
	}
	_exit(0);
}
