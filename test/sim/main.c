/* The simulator's program: seeds by the thousand in child processes, so that a trap or a loop
 * without end costs its seed and no more; or one, here, with a trace. */
#include "common/util/clock.h"
#include "test/sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURES_MAX 20
#define JOBS_MAX 64
#define HUNG_MS 120000 /* for one run, of the time on the wall */
#define SAY_MS 5000

struct sim_options {
	uint64_t from, seeds, seed;
	const char *pcapng, *scenario, *file;
	uint32_t jobs;
	bool one, verbose;
};
static struct sim_options opts = {.seeds = 2000};
static const char *program;

/* A child's news: written by it, read by its parent when it has ended. */
struct child {
	int pid;
	uint64_t next; /* the run it does, or begins with */
	uint64_t begun_ms;
	uint64_t n_done, n_cut, n_strict, n_pkts, n_conns, n_closed;
	bool finished;
	char why[400];
};
static struct child *children, *me;

/* Runs by number: seeds, or the lines of a file. */
struct line {
	char *name, *text;
};
static struct line *lines;
static uint64_t n_lines;

static void line_read(char *text)
{
	char *sep = strstr(text, ": ");

	text[strcspn(text, "\n")] = '\0';
	if (text[0] == '#' || text[0] == '\0')
		return;
	if (sep == NULL) {
		fprintf(stderr, "sim: %s: no \"name: \" before %s\n", opts.file, text);
		exit(2);
	}
	*sep = '\0';
	lines = realloc(lines, (n_lines + 1) * sizeof(*lines));
	lines[n_lines++] = (struct line){.name = strdup(text), .text = strdup(sep + 2)};
}

static void file_read(void)
{
	FILE *f = fopen(opts.file, "r");
	char *text = NULL;
	size_t room = 0;

	if (f == NULL) {
		fprintf(stderr, "sim: %s: %s\n", opts.file, strerror(errno));
		exit(2);
	}
	while (getline(&text, &room, f) >= 0)
		line_read(text);
	free(text);
	fclose(f);
}

static void scenario_take(const char *text)
{
	const char *bad = scenario_parse(&sim.sc, text);

	if (bad != NULL) {
		fprintf(stderr, "sim: '%s' is no scenario's (see --help)\n", bad);
		exit(2);
	}
}

/* The scenario of run i. */
static void scenario_set(uint64_t i)
{
	if (opts.file != NULL)
		scenario_take(lines[i].text);
	else
		scenario_of_seed(&sim.sc, i);
}

/* One line: what failed, and what shows it again. */
static void failure_say(uint64_t i, const char *why)
{
	char text[4096], name[64];

	if (opts.file != NULL)
		snprintf(name, sizeof(name), "%s", lines[i].name);
	else
		snprintf(name, sizeof(name), "seed %" PRIu64, i);
	scenario_set(i);
	scenario_print(&sim.sc, text, sizeof(text));
	printf("[  FAILED  ] %s: %s; see it: %s --pcapng sim.pcapng --scenario \"%s\"\n", name, why,
		program, text);
	fflush(stdout);
}

static void count_say(const char *what, uint64_t n)
{
	if (n != 0)
		printf(", %s %" PRIu64, what, n);
}

static void run_say(void)
{
	printf("%" PRIu64 " packets, %" PRIu64 " turns, %" PRIu64 " ms%s\n", sim.n_pkts,
		sim.n_turns, sim.now / 1000000, sim.done ? "" : ", cut short");
	for (uint16_t port = 0; port < 2; port++) {
		const struct link_stats *l = link_stats(port);

		printf("way out of %c: taken %" PRIu64 ", arrived %" PRIu64, "ab"[port], l -> in,
			l -> out);
		count_say("lost", l->fault[FAULTS_LOST]);
		count_say("queue full", l->fault[FAULTS_QUEUE_FULL]);
		count_say("partition", l->parted);
		count_say("too many", l->fault[FAULTS_OVERFLOW]);
		count_say("no buffer", l->no_buf);
		count_say("doubled", l->fault[FAULTS_DUPLICATED]);
		count_say("held back", l->fault[FAULTS_REORDERED]);
		count_say("corrupted", l->fault[FAULTS_CORRUPTED]);
		printf("\n");
	}
}

_Noreturn void sim_fail(const char *fmt, ...)
{
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (me != NULL) {
		snprintf(me->why, sizeof(me->why), "%s", why);
		_exit(1);
	}
	printf("FAIL: sim: at %" PRIu64 ".%06" PRIu64 " ms: %s\n", sim.now / 1000000,
		sim.now % 1000000, why);
	if (opts.verbose)
		run_say();
	fflush(stdout);
	trace_close();
	_exit(1);
}

static void eal_begin(uint32_t i)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "w17-sim%d-%u", (int)getpid(), i);
	if (world_eal(prefix) != 0) {
		fprintf(stderr, "sim: the EAL does not start\n");
		_exit(2);
	}
	sim_init();
}

/* What is said of a run that passed: a line at once. */
static void run_said(uint64_t i)
{
	if (digest_wanted)
		printf("digest %" PRIu64 " %016" PRIx64 "\n", i, sim.digest);
	else if (opts.file != NULL)
		printf("[       OK ] %s\n", lines[i].name);
	else
		return;
	fflush(stdout);
}

/* A child: every jobs-th run from its own on. */
static _Noreturn void child_main(uint64_t end)
{
	eal_begin((uint32_t)(me - children));
	for (; me->next < end; me->next += opts.jobs) {
		__atomic_store_n(&me->begun_ms, (uint64_t)mono_ms(), __ATOMIC_RELAXED);
		scenario_set(me->next);
		sim_run();
		me->n_done++;
		me->n_cut += !sim.done;
		me->n_strict += scenario_is_clean(&sim.sc);
		me->n_pkts += sim.n_pkts;
		me->n_conns += sim.n_conns;
		me->n_closed += sim.n_closed;
		run_said(me->next);
	}
	me->finished = true;
	exit(0);
}

static void child_start(uint32_t i, uint64_t end)
{
	struct child *c = &children[i];
	int pid;

	c->begun_ms = (uint64_t)mono_ms();
	c->why[0] = '\0';
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("sim: fork");
		exit(2);
	}
	if (pid == 0) {
		me = c;
		child_main(end);
	}
	c->pid = pid;
}

/* A child has ended: with all its runs done, or in one of them, which has failed then. */
static bool child_ended(struct child *c, int status)
{
	char why[64];

	c->pid = 0;
	if (c->finished && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (c->finished)
		snprintf(why, sizeof(why), "its process has failed at its end (memory leaks?)");
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "%s", strsignal(WTERMSIG(status)));
	else
		snprintf(why, sizeof(why), "its process has ended with %d", WEXITSTATUS(status));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(why, sizeof(why), "no end after %u s", HUNG_MS / 1000);
	failure_say(c->finished ? c->next - opts.jobs : c->next, c->why[0] != '\0' ? c->why : why);
	c->next += opts.jobs;
	return false;
}

static uint64_t n_done(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < opts.jobs; i++)
		n += children[i].n_done;
	return n;
}

static void hung_kill(void)
{
	for (uint32_t i = 0; i < opts.jobs; i++) {
		uint64_t begun = __atomic_load_n(&children[i].begun_ms, __ATOMIC_RELAXED);

		if (children[i].pid != 0 && (uint64_t)mono_ms() - begun > HUNG_MS)
			kill(children[i].pid, SIGKILL);
	}
}

static void reap(int pid, int status, uint64_t end, uint32_t *failed, uint32_t *running)
{
	for (uint32_t i = 0; i < opts.jobs; i++) {
		struct child *c = &children[i];

		if (c->pid != pid)
			continue;
		(*running)--;
		if (child_ended(c, status))
			return;
		(*failed)++;
		if (!c->finished && c->next < end && *failed < FAILURES_MAX) {
			child_start(i, end);
			(*running)++;
		}
	}
}

static void summary_say(uint64_t n, uint32_t failed, uint64_t ms)
{
	struct child sum = {0};

	for (uint32_t i = 0; i < opts.jobs; i++) {
		sum.n_cut += children[i].n_cut;
		sum.n_strict += children[i].n_strict;
		sum.n_pkts += children[i].n_pkts;
		sum.n_conns += children[i].n_conns;
		sum.n_closed += children[i].n_closed;
	}
	printf("sim: %" PRIu64 " runs with a clean link, %" PRIu64
	       " stopped for their packets; %" PRIu64 " packets, %" PRIu64 " connections, %" PRIu64
	       " of them closed by both ends\n",
		sum.n_strict, sum.n_cut, sum.n_pkts, sum.n_conns, sum.n_closed);
	if (failed == 0 && opts.file == NULL)
		printf("[       OK ] %" PRIu64 " seeds from %" PRIu64 "\n", n, opts.from);
	printf("%s: sim: %" PRIu64 " of %" PRIu64 " runs done, %u failed, %" PRIu64 ".%" PRIu64
	       " s\n",
		failed != 0 ? "FAIL" : "PASS", n_done(), n, failed, ms / 1000, ms % 1000 / 100);
}

static int many(uint64_t from, uint64_t end)
{
	uint64_t began = (uint64_t)mono_ms(), said = began;
	uint32_t failed = 0, running = 0;

	children = mmap(NULL, JOBS_MAX * sizeof(*children), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (uint32_t i = 0; i < opts.jobs; i++) {
		children[i].next = from + i;
		if (from + i < end) {
			child_start(i, end);
			running++;
		}
	}
	while (running != 0) {
		int status, pid = waitpid(-1, &status, WNOHANG);
		uint64_t now = (uint64_t)mono_ms();

		if (pid > 0) {
			reap(pid, status, end, &failed, &running);
			continue;
		}
		usleep(20000);
		hung_kill();
		if (now - said > SAY_MS) {
			said = now;
			printf("sim: %" PRIu64 " of %" PRIu64 " done, %u failed, %" PRIu64
			       " a second\n",
				n_done(), end - from, failed, n_done() * 1000 / (now - began));
			fflush(stdout);
		}
	}
	summary_say(end - from, failed, (uint64_t)mono_ms() - began);
	return failed != 0;
}

static int one(void)
{
	char text[4096];

	if (opts.scenario != NULL)
		scenario_take(opts.scenario);
	else
		scenario_of_seed(&sim.sc, opts.seed);
	scenario_print(&sim.sc, text, sizeof(text));
	printf("%s\n", text);
	fflush(stdout);
	if (opts.pcapng != NULL && trace_open(opts.pcapng) != 0) {
		fprintf(stderr, "sim: %s: %s\n", opts.pcapng, strerror(errno));
		return 2;
	}
	eal_begin(0);
	sim_run();
	trace_close();
	if (opts.verbose)
		run_say();
	printf("PASS: sim\n");
	return 0;
}

static void usage(void)
{
	printf("usage: sim [--seeds N] [--from S] [-j JOBS]   N seeds from S on (2000 from 0)\n"
	       "       sim --seed S | --scenario \"NAME=VALUE ...\" [--pcapng FILE] [-v]   one\n"
	       "       sim --file FILE [-j JOBS]   its lines, each \"name: scenario\"\n"
	       "--digests: a line \"digest RUN HEX\" for each, of its packets and counters\n"
	       "exit: 0 all passed, 1 not, 2 usage\n\nA scenario's parameters, and what they are "
	       "when not told:\n");
	scenario_help();
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0') {
		fprintf(stderr, "sim: '%s' is no number\n", text);
		exit(2);
	}
	return n;
}

static void options_read(int argc, char **argv)
{
	static const struct option known[] = {{"seeds", 1, NULL, 'n'}, {"from", 1, NULL, 'f'},
		{"seed", 1, NULL, 's'}, {"scenario", 1, NULL, 'c'}, {"pcapng", 1, NULL, 'p'},
		{"file", 1, NULL, 'r'}, {"digests", 0, NULL, 'd'}, {"help", 0, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int o;

	while ((o = getopt_long(argc, argv, "j:vh", known, NULL)) != -1) {
		switch (o) {
		case 'n':
			opts.seeds = number(optarg);
			break;
		case 'f':
			opts.from = number(optarg);
			break;
		case 's':
			opts.seed = number(optarg);
			opts.one = true;
			break;
		case 'c':
			opts.scenario = optarg;
			opts.one = true;
			break;
		case 'p':
			opts.pcapng = optarg;
			break;
		case 'r':
			opts.file = optarg;
			break;
		case 'd':
			digest_wanted = true;
			break;
		case 'j':
			opts.jobs = (uint32_t)MIN_OF(number(optarg), (uint64_t)JOBS_MAX);
			break;
		case 'v':
			opts.verbose = true;
			break;
		case 'h':
			usage();
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind != argc || (opts.one && opts.file != NULL)) {
		fprintf(stderr, "sim: what is meant? (see --help)\n");
		exit(2);
	}
	if (opts.jobs == 0)
		opts.jobs = (uint32_t)MIN_OF(sysconf(_SC_NPROCESSORS_ONLN), JOBS_MAX);
}

int main(int argc, char **argv)
{
	program = argv[0];
	options_read(argc, argv);
	if (opts.one)
		return one();
	if (opts.file == NULL)
		return many(opts.from, opts.from + opts.seeds);
	file_read();
	return many(0, n_lines);
}
