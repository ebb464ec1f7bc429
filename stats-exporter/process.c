/* What the exporter itself takes, as /proc has it: under the names that every exporter has. */
#include "stats-exporter/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Field n of /proc/self/stat, which are counted from 1, by their places behind the name. */
#define STAT_STARTTIME 22
#define STAT_VSIZE 23
#define STAT_RSS 24

static bool stat_read(uint64_t *field, size_t n)
{
	char text[1024], *at;
	FILE *f = fopen("/proc/self/stat", "re");
	size_t len = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[len] = '\0';
	at = strrchr(text, ')'); /* the name may have anything in it */
	if (at == NULL || at[1] == '\0')
		return false;
	at += 2;
	memset(field, 0, n * sizeof(*field));
	for (size_t i = 3; i < n && at != NULL; i++) {
		sscanf(at, "%" SCNu64, &field[i]);
		at = strchr(at, ' ');
		at = at != NULL ? at + 1 : NULL;
	}
	return at != NULL;
}

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Found once: reckoned from two clocks it would differ by a hair each time. */
static double start;
static void start_find(void)
{
	uint64_t field[STAT_STARTTIME + 1];

	if (stat_read(field, STAT_STARTTIME + 1))
		start = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME)
			+ (double)field[STAT_STARTTIME] / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and its own */
}

bool process_look(struct process *p)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t field[STAT_RSS + 1];
	struct rlimit files;

	pthread_once(&once, start_find);
	if (!stat_read(field, STAT_RSS + 1) || getrlimit(RLIMIT_NOFILE, &files) != 0)
		return false;
	*p = (struct process){.cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID),
		.start_s = start,
		.virtual_bytes = field[STAT_VSIZE],
		.resident_bytes = field[STAT_RSS] * (uint64_t)sysconf(_SC_PAGESIZE),
		.open_files = open_files(),
		.most_files = files.rlim_cur};
	return true;
}
