/* The EAL's run-time directory of the engine's prefix, and its files in hugetlbfs. The EAL of 22.11
 * leaves both behind; the engine must not call rte_eal_cleanup() to have less of it, see main.c. */
#include "common/abi/attach.h"
#include "engine/boot/boot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef bool match_fn(const char *name, const void *arg);

static void unlink_where(const char *dir, match_fn *match, const void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' && match(e->d_name, arg))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
}

/* mp_socket_<pid>_<cycles>, fbarray_<name>_<pid> */
static bool of_client(const char *name, const void *pid)
{
	const char *tail = strrchr(name, '_');
	char socket[32];

	snprintf(socket, sizeof(socket), "mp_socket_%s_", (const char *)pid);
	if (strncmp(name, socket, strlen(socket)) == 0)
		return true;
	return strncmp(name, "fbarray_", 8) == 0 && tail != NULL && strcmp(tail + 1, pid) == 0;
}

void rundir_sweep(const char *prefix, uint32_t pid)
{
	char dir[96], text[16];

	rundir_path(prefix, dir, sizeof(dir));
	snprintf(text, sizeof(text), "%u", pid);
	unlink_where(dir, of_client, text);
}

static bool any(const char *name, const void *arg)
{
	(void)name;
	(void)arg;
	return true;
}

static bool hugepage_of(const char *name, const void *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && strncmp(name + len, "map_", 4) == 0;
}

void rundir_remove(const char *prefix)
{
	char dir[256], line[1024];
	FILE *f = fopen("/proc/mounts", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char mnt[256], type[32];

		if (sscanf(line, "%*s %255s %31s", mnt, type) == 2
			&& strcmp(type, "hugetlbfs") == 0)
			unlink_where(mnt, hugepage_of, prefix);
	}
	if (f != NULL)
		fclose(f);
	rundir_path(prefix, dir, sizeof(dir));
	unlink_where(dir, any, NULL);
	rmdir(dir);
}
