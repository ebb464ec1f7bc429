/* The frequency of the TSC. */
#include "common/util/clock.h"
#include "engine/boot/boot.h"

#include <rte_cycles.h>

#define LOOKS 16
#define WINDOW_NS 20000000 /* what a look is off, some 50 ns, is 3 of a million then */

/* Both clocks at the same moment: of some looks the one that took least. */
struct moment {
	uint64_t tsc, ns;
};
static struct moment began;

static struct moment look(void)
{
	struct moment m = {0};
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < LOOKS; i++) {
		uint64_t from = rte_rdtsc(), ns = mono_ns(), took = rte_rdtsc() - from;

		if (took >= least)
			continue;
		least = took;
		m = (struct moment){from + took / 2, ns};
	}
	return m;
}

void tsc_begin(void)
{
	began = look();
}

uint64_t tsc_hz(void)
{
	static uint64_t hz;
	struct moment now;

	if (hz != 0)
		return hz;
	do
		now = look();
	while (now.ns - began.ns < WINDOW_NS);
	hz = (uint64_t)((double)(now.tsc - began.tsc) * 1e9 / (double)(now.ns - began.ns));
	return hz;
}
