/* What the machine takes from a loop that has a CPU: a loop that does nothing, and one that touches memory all over, as an
 * engine with tens of millions of sessions does, and nothing else. Times in which the kernel did not take the CPU
 * (engine/lcore/preempt.h): what is in them is the hypervisor's, or an interrupt's.
 * usage: gaps_bench MB SECONDS; MB of free hugepages, SECONDS for each loop. One JSON object on standard output. */
#include "engine/lcore/preempt.h"

#include <rte_cycles.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096u
#define LINES 64 /* touched in a turn: a burst's */

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* There is no EAL here that would know. */
static uint64_t tsc_hz(void)
{
	const struct timespec nap = {0, 100000000};
	uint64_t ns = clock_ns(), tsc = rte_rdtsc();

	nanosleep(&nap, NULL);
	tsc = rte_rdtsc() - tsc;
	return tsc * 1000000000 / (clock_ns() - ns);
}

struct gaps {
	uint64_t longest, longest_interrupted, turns, over_ms;
};

static void gap_count(struct gaps *g, uint64_t cycles, uint64_t hz, bool interrupted)
{
	g->turns++;
	if (interrupted) {
		g->longest_interrupted = MAX_OF(g->longest_interrupted, cycles);
		return;
	}
	g->longest = MAX_OF(g->longest, cycles);
	g->over_ms += cycles > hz / 1000;
}

static uint64_t touch(uint8_t *memory, size_t size, uint64_t x)
{
	for (int i = 0; i < LINES; i++) {
		x ^= x << 13; /* Marsaglia's xorshift */
		x ^= x >> 7;
		x ^= x << 17;
		__atomic_store_n(&memory[x % size], (uint8_t)i, __ATOMIC_RELAXED);
	}
	return x;
}

/* memory: NULL, nothing is touched. */
static struct gaps gaps_of(uint8_t *memory, size_t size, uint64_t hz, double seconds)
{
	uint64_t last = rte_rdtsc(), end = last + (uint64_t)(seconds * (double)hz), x = 1;
	struct gaps g = {0};
	bool was = true; /* the first of preempted() */

	while (last < end) {
		uint64_t now;
		bool is;

		if (memory != NULL)
			x = touch(memory, size, x);
		now = rte_rdtsc();
		is = preempted();
		gap_count(&g, now - last, hz, is || was);
		was = is; /* it may have been behind the clock */
		last = now;
	}
	return g;
}

static void gaps_print(const char *name, const struct gaps *g, uint64_t hz, const char *end)
{
	double us = 1e6 / (double)hz;

	printf(" \"%s\": {\"longest_us\": %.0f, \"over_1ms\": %" PRIu64
	       ", \"longest_interrupted_us\": %.0f, \"turns\": %" PRIu64 "}%s\n",
		name, (double)g->longest * us, g->over_ms, (double)g->longest_interrupted * us,
		g->turns, end);
}

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
	uint64_t hz = tsc_hz();
	struct gaps idle, touching;
	uint8_t *memory;

	if (size == 0 || seconds <= 0) {
		fprintf(stderr, "usage: gaps_bench MB SECONDS\n");
		return 2;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		-1, 0);
	if (memory == MAP_FAILED) {
		perror("gaps_bench: hugepages");
		return 1;
	}
	for (size_t at = 0; at < size; at += PAGE)
		memory[at] = 1; /* pages of the hypervisor's may be smaller than ours */
	idle = gaps_of(NULL, 0, hz, seconds);
	touching = gaps_of(memory, size, hz, seconds);
	puts("{");
	gaps_print("idle", &idle, hz, ",");
	gaps_print("touching", &touching, hz, "");
	puts("}");
	return 0;
}
