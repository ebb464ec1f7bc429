/* The workers' memory: hugepages of the engine's own beside the EAL's. Clients never look at it, so it
 * is no part of what they map when they attach, and its pages are faulted in by all CPUs at once (the
 * EAL does that page by page, 2 s for each GB of a virtual machine's that its host has yet to find). */
#include "common/util/notify.h"
#include "engine/boot/boot.h"
#include "engine/lcore/lcore.h"

#include <rte_lcore.h>

#include <numa.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE ((size_t)2 << 20)
#define STEP (16 * PAGE)
#define THREADS_MAX 32
#define TELL_S 2 /* between lines of progress */
#define EXTEND_S 30

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

static struct {
	char *at[WORKERS_MAX]; /* NULL: the EAL gives it */
	uint32_t n;
	size_t len;     /* of each */
	cpu_set_t cpus; /* that this process may use: the EAL pins it */
	uint64_t taken; /* steps, by the threads that fault */
	uint64_t done;
	int error;
} own;

static uint64_t steps_each(void)
{
	return (own.len + STEP - 1) / STEP;
}

static void own_free(void)
{
	for (uint32_t i = 0; i < own.n; i++)
		munmap(own.at[i], own.len);
	memset(own.at, 0, sizeof(own.at));
	own.n = 0;
}

bool pages_reserve(const struct memory_plan *p, const struct eal_cmdline *eal, bool any)
{
	own.len = (p->worker_bytes + PAGE - 1) & ~(PAGE - 1);
	sched_getaffinity(0, sizeof(own.cpus), &own.cpus);
	for (; own.n < p->n_workers; own.n++) {
		char *at = mmap(NULL, own.len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);

		if (at == MAP_FAILED) {
			own_free();
			return false;
		}
		madvise(at, own.len, MADV_DONTDUMP);
		madvise(at, own.len, MADV_DONTFORK);
		if (p->n_nodes > 1) {
			numa_set_bind_policy(!any);
			numa_tonode_memory(at, own.len, eal->lcore[own.n + 1].node);
		}
		own.at[own.n] = at;
	}
	return true;
}

/* Linux before 5.14: a write to each page. */
static void touch(char *at, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		__atomic_store_n(at + i, 0, __ATOMIC_RELAXED);
}

static void *fault(void *arg)
{
	uint64_t each = steps_each(), k;

	while ((k = __atomic_fetch_add(&own.taken, 1, __ATOMIC_RELAXED)) < each * own.n) {
		size_t off = k % each * STEP, len = MIN_OF(STEP, own.len - off);

		if (madvise(own.at[k / each] + off, len, MADV_POPULATE_WRITE) == 0)
			;
		else if (errno == EINVAL)
			touch(own.at[k / each] + off, len);
		else
			__atomic_store_n(&own.error, errno, __ATOMIC_RELAXED);
		__atomic_fetch_add(&own.done, 1, __ATOMIC_RELAXED); /* read by pages_fault() */
	}
	return arg;
}

/* systemd gives us time as long as it hears of some. */
static void progress(unsigned percent, size_t mb)
{
	fprintf(stderr, "warp17: memory %u %% of %zu MB\n", percent, mb);
	notify("EXTEND_TIMEOUT_USEC=%d\nSTATUS=takes memory: %u %% of %zu MB", EXTEND_S * 1000000,
		percent, mb);
}

/* Until the thread has ended; says how far all are meanwhile. */
static void await(pthread_t thread, struct timespec *next)
{
	while (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, next) == ETIMEDOUT) {
		uint64_t all = steps_each() * own.n,
			 done = __atomic_load_n(&own.done, __ATOMIC_RELAXED);

		progress((unsigned)(done * 100 / all), own.n * (own.len >> 20));
		next->tv_sec += TELL_S;
	}
}

int pages_fault(void)
{
	uint32_t want = MIN_OF((uint32_t)CPU_COUNT(&own.cpus), (uint32_t)THREADS_MAX), n = 0;
	pthread_t thread[THREADS_MAX];
	struct timespec next;
	pthread_attr_t attr;

	if (own.n == 0)
		return 0;
	notify("STATUS=takes memory: %zu MB", own.n * (own.len >> 20));
	clock_gettime(CLOCK_MONOTONIC, &next);
	next.tv_sec += TELL_S;
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(own.cpus), &own.cpus);
	while (n < want && pthread_create(&thread[n], &attr, fault, NULL) == 0)
		n++;
	pthread_attr_destroy(&attr);
	if (n == 0)
		fault(NULL);
	while (n > 0)
		await(thread[--n], &next);
	return -own.error;
}

void *pages_of(uint32_t worker)
{
	return own.at[worker];
}
