/* See common/util/crash.h. A victim says where it is before it goes, for the log. */
#include "common/util/crash.h"

#include <rte_fbarray.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void crash_point(const char *point)
{
	const char *fault = getenv("WARP17_FAULT");
	static unsigned long passed;
	size_t len = strlen(point);
	bool kills;
	char *nth;

	if (fault == NULL || strncmp(fault, point, len) != 0 || fault[len] != ':')
		return;
	kills = strncmp(fault + len, ":kill", 5) == 0;
	nth = strchr(fault + len + 1, ':');
	if (++passed != (nth == NULL ? 1 : strtoul(nth + 1, NULL, 10)))
		return;
	fprintf(stderr, "victim: at %s\n", point);
	raise(kills ? SIGKILL : SIGSTOP);
}

/* Inside rte_eal_init() (ld --wrap): each time that a table of the engine's memory is mapped. */
int __real_rte_fbarray_attach(struct rte_fbarray *arr);
int __wrap_rte_fbarray_attach(struct rte_fbarray *arr);

int __wrap_rte_fbarray_attach(struct rte_fbarray *arr)
{
	crash_point("eal_inside");
	return __real_rte_fbarray_attach(arr);
}
