/* Clients of a dead engine with the same prefix: while one holds its memory no new engine can come
 * up. They leave by themselves at once; a stopped one has to be named. */
#include "common/abi/attach.h"
#include "engine/boot/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define WAIT_STEPS 60 /* of 50 ms */

static bool held(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool yes;

	if (fd < 0)
		return false;
	yes = flock(fd, LOCK_EX | LOCK_NB) != 0
		&& errno == EWOULDBLOCK; /* the EAL keeps it shared */
	close(fd);
	return yes;
}

static bool maps(const char *pid, const char *path)
{
	char name[64], line[512];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%.16s/maps", pid);
	f = fopen(name, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, path) != NULL;
	if (f)
		fclose(f);
	return found;
}

static void name_holders(const char *path)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while (proc && (d = readdir(proc)) != NULL) {
		if (d->d_name[0] >= '0' && d->d_name[0] <= '9' && maps(d->d_name, path))
			fprintf(stderr, " %s", d->d_name);
	}
	if (proc)
		closedir(proc);
}

int holders_wait(const char *prefix)
{
	const struct timespec nap = {0, 50 * 1000000};
	char dir[96], path[160];

	rundir_path(prefix, dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/fbarray_memzone", dir);
	for (int i = 0; held(path); i++) {
		if (i == WAIT_STEPS) {
			fprintf(stderr,
				"warp17: error: clients of a dead engine with prefix %s still hold "
				"its memory; end "
				"them: kill",
				prefix);
			name_holders(strncmp(path, "/var/run/", 9) == 0 ? path + 4 : path);
			fprintf(stderr, "\n");
			return -EBUSY;
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}
