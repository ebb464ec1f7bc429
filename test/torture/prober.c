/* Another operator, who holds a port and looks and commands all the time: what clients that are killed beside it cost
 * it, and what they cost the traffic. usage: prober PREFIX PORT
 *
 * It looks (show) with the CLI's own code each PAUSE_MS, and commands each tenth time. A line from standard input is
 * answered with a line of JSON: the times of both since the last one, the counters of the traffic, the workers' CPU time
 * and all CPUs', read at one moment. Times are told as they were, and without what this thread waited for a CPU. It ends with its
 * input; the exit code is 6 when it was not served. */
#include "cli/cli.h"
#include "common/util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 5
#define COMMAND_EACH 10 /* looks */
#define KEPT_MAX 200000
#define NOT_SERVED 6
#define READ_APART_NS \
	1000000 /* the traffic's counter is between two looks at the clocks so near each other */

/* In us: as it was; without waits for a CPU. */
struct times {
	uint32_t n;
	uint32_t wall[KEPT_MAX], own[KEPT_MAX];
};
static struct times shows, commands;
static FILE *answers;

static void on_stuck(void)
{
	_exit(CLI_TIMEOUT);
}

/* Nanoseconds that a thread ran, and that it waited for a CPU. */
static bool thread_clock(const char *path, uint64_t *run, uint64_t *wait)
{
	FILE *f = fopen(path, "re");
	int n = f == NULL ? 0 : fscanf(f, "%" SCNu64 " %" SCNu64, run, wait);

	if (f != NULL)
		fclose(f);
	return n == 2;
}

static uint64_t own_wait(void)
{
	uint64_t run, wait = 0;

	thread_clock("/proc/thread-self/schedstat", &run, &wait);
	return wait;
}

static void timed(struct cli *cli, const char *line, struct times *to)
{
	static const struct origin nowhere;
	uint64_t waited = own_wait(), t = mono_ns(), own;

	if (cli_line(cli, line, &nowhere) != CLI_OK) {
		fprintf(stderr, "prober: %s: not served\n", line);
		_exit(NOT_SERVED);
	}
	t = mono_ns() - t;
	waited = own_wait() - waited;
	own = t > waited ? t - waited : 0;
	if (to->n == KEPT_MAX)
		return;
	to->wall[to->n] = (uint32_t)(t / 1000);
	to->own[to->n++] = (uint32_t)(own / 1000);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void times_tell(const char *name, struct times *t)
{
	uint32_t *of[] = {t->wall, t->own};
	static const char *const what[] = {"", "_own"};

	fprintf(answers, "\"%s\": %u", name, t->n);
	for (int i = 0; i < 2 && t->n != 0; i++) {
		qsort(of[i], t->n, sizeof(*of[i]), by_size);
		fprintf(answers, ", \"%s%s_p99_us\": %u, \"%s%s_max_us\": %u", name, what[i],
			of[i][(t->n - 1) * 99 / 100], name, what[i], of[i][t->n - 1]);
	}
	t->n = 0;
}

/* Of all the engine's workers. */
static void workers_clock(uint32_t pid, uint64_t *run, uint64_t *wait)
{
	char dir[64], path[400], comm[32] = "";
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%u/task", pid);
	d = opendir(dir);
	*run = *wait = 0;
	while (d != NULL && (e = readdir(d)) != NULL) {
		uint64_t r, w;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s/comm", dir, e->d_name);
		f = fopen(path, "re");
		if (f == NULL || fgets(comm, sizeof(comm), f) == NULL)
			*comm = '\0';
		if (f != NULL)
			fclose(f);
		snprintf(path, sizeof(path), "%s/%s/schedstat", dir, e->d_name);
		if (strncmp(comm, "rte-worker", 10) != 0 || !thread_clock(path, &r, &w))
			continue;
		*run += r;
		*wait += w;
	}
	if (d != NULL)
		closedir(d);
}

/* Sessions that ended in order, at a moment of known clocks: once more when this was kept from its CPU meanwhile. */
static void traffic_tell(const struct seg *seg)
{
	static struct stats_tc_block tc;
	uint64_t run, wait, from, now;
	int tries = 0;

	do {
		from = mono_ns();
		workers_clock(seg->hdr.engine_pid, &run, &wait);
		seg_sum_tc(seg, 0, 0, &tc);
		now = mono_ns();
	} while (now - from > READ_APART_NS && ++tries < 100);
	fprintf(answers, "\"closed\": %" PRIu64 ", \"run_ns\": %" PRIu64 ", \"wait_ns\": %" PRIu64,
		tc.tc.closed, run, wait);
	fprintf(answers, ", \"now_ns\": %" PRIu64 ", \"tries\": %d", now, tries);
}

/* A line was asked for; false: the input has ended. */
static bool tell(const struct cli *cli)
{
	char line[64];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	fputc('{', answers);
	traffic_tell(cli->client.seg);
	fputs(", ", answers);
	times_tell("show", &shows);
	fputs(", ", answers);
	times_tell("command", &commands);
	fputs("}\n", answers);
	fflush(answers);
	return true;
}

int main(int argc, char **argv)
{
	struct attach_opts o = {.kind = client_kind_SCRIPT, .name = "prober", .stuck = on_stuck};
	struct cli cli = {.json = true, .timeout_ms = 10000};
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	static struct times dropped;
	char err[256], line[64];

	if (argc != 3)
		return CLI_USAGE;
	o.prefix = cli.prefix = argv[1];
	answers = fdopen(dup(STDOUT_FILENO), "w");
	if (answers == NULL || freopen("/dev/null", "w", stdout) == NULL)
		return CLI_FAILED;
	if (client_attach(&cli.client, &o, err, sizeof(err)) != 0) {
		fprintf(stderr, "prober: %s\n", err);
		_exit(CLI_NO_ENGINE);
	}
	client_protect(&cli.client, true);
	snprintf(line, sizeof(line), "acquire port %.10s", argv[2]);
	timed(&cli, line, &dropped);
	fputs("{}\n", answers); /* it is up */
	fflush(answers);
	for (uint64_t n = 0;; n++) {
		if (poll(&in, 1, PAUSE_MS) == 1 && !tell(&cli))
			_exit(CLI_OK);
		timed(&cli, "show tests stats port 0 test-case-id 0", &shows);
		if (n % COMMAND_EACH == 0)
			timed(&cli, line, &commands); /* it has it: nothing changes */
	}
}
