/* The EAL's run-time directory of the engine's prefix, and its files in hugetlbfs. The EAL of 22.11
 * leaves both behind; the engine must not call rte_eal_cleanup() to have less of it, see main.c. */
#include "common/abi/attach.h"
#include "engine/boot/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLAIM_STEPS 60 /* naps */
#define LOCK_STEPS 120 /* naps, more than an engine takes to end */

static const struct timespec nap = {0, 50 * 1000000};

typedef bool match_fn(const char *name, const void *arg);

/* own: only a directory that is ours, and by no link. Whatever the prefix is, nobody else's files
 * go. */
static DIR *dir_open(const char *path, bool own)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (own ? O_NOFOLLOW : 0));
	struct stat st;
	DIR *d = NULL;

	if (fd >= 0 && (!own || (fstat(fd, &st) == 0 && st.st_uid == geteuid())))
		d = fdopendir(fd);
	if (fd >= 0 && d == NULL)
		close(fd);
	return d;
}

/* Closes d. */
static void unlink_where(DIR *d, match_fn *match, const void *arg)
{
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
	char dir[RUNDIR_MAX], text[16];

	rundir_path(prefix, dir);
	snprintf(text, sizeof(text), "%u", pid);
	unlink_where(dir_open(dir, true), of_client, text);
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

	/* digits to the end: "xmap_y" is a prefix too */
	return strncmp(name, prefix, len) == 0 && strncmp(name + len, "map_", 4) == 0
		&& name[len + 4 + strspn(name + len + 4, "0123456789")] == '\0';
}

void rundir_remove(const char *prefix)
{
	char dir[RUNDIR_MAX], line[1024];
	FILE *f = fopen("/proc/mounts", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char mnt[256], type[32];

		if (sscanf(line, "%*s %255s %31s", mnt, type) == 2
			&& strcmp(type, "hugetlbfs") == 0)
			unlink_where(dir_open(mnt, false), hugepage_of, prefix);
	}
	if (f != NULL)
		fclose(f);
	rundir_path(prefix, dir);
	unlink_where(dir_open(dir, true), any, NULL);
	rmdir(dir);
}

/* <rundirs>/.<prefix>.lock, which is no prefix's directory. Who has it locked may make and remove
 * the prefix's files; it goes with the last of them, so each looks whether it is there still. The
 * launcher does the same. */
static char lock_name[RUNDIR_MAX + 16];
static int lock_fd = -1;

/* 0, -EWOULDBLOCK when another has it, or another -errno. */
static int lock_take(void)
{
	struct stat held, there;
	int rc;

	for (;;) {
		lock_fd = open(lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (lock_fd < 0)
			return -errno;
		rc = flock(lock_fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
		if (rc == 0 && fstat(lock_fd, &held) == 0 && stat(lock_name, &there) == 0
			&& held.st_ino == there.st_ino)
			return 0;
		close(lock_fd);
		lock_fd = -1;
		if (rc != 0)
			return rc;
	}
}

const char *rundir_lock(void)
{
	return lock_name;
}

static void unlock(void)
{
	if (lock_fd < 0)
		return;
	unlink(lock_name);
	close(lock_fd);
	lock_fd = -1;
}

/* Does a process map the EAL's files of this prefix? */
static bool flocked(const char *path)
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

/* The primary process that holds the prefix, 0 none: it locks its configuration for writing. */
static pid_t primary_of(const char *dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[RUNDIR_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/config", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		lock.l_pid = 0;
	close(fd);
	return lock.l_pid;
}

static bool maps(const char *pid, const char *path)
{
	char name[64], line[512];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%.16s/maps", pid);
	f = fopen(name, "r");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, path) != NULL;
	if (f != NULL)
		fclose(f);
	return found;
}

static void name_holders(const char *path)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while (proc != NULL && (d = readdir(proc)) != NULL) {
		if (d->d_name[0] >= '0' && d->d_name[0] <= '9' && maps(d->d_name, path))
			fprintf(stderr, " %s", d->d_name);
	}
	if (proc != NULL)
		closedir(proc);
}

void rundir_give_up(const char *prefix)
{
	char dir[RUNDIR_MAX];

	rundir_path(prefix, dir);
	if (primary_of(dir) == 0)
		rundir_remove(prefix);
	unlock();
}

static int runs_already(const char *prefix, pid_t pid)
{
	fprintf(stderr,
		"warp17: error: an engine with prefix %s runs already (pid %d): stop it, or give "
		"another --file-prefix\n",
		prefix, (int)pid);
	return -EBUSY;
}

/* Waits for an engine that starts or ends to have done so. */
static int lock_wait(const char *prefix, const char *dir)
{
	int len = (int)(strlen(dir) - strlen(prefix)), rc, i;

	snprintf(lock_name, sizeof(lock_name), "%.*s", len - 1, dir);
	mkdir(lock_name, 0700); /* as the EAL does */
	snprintf(lock_name, sizeof(lock_name), "%.*s.%s.lock", len, dir, prefix);
	for (i = 0; (rc = lock_take()) == -EWOULDBLOCK; i++) {
		pid_t other = primary_of(dir);

		if (other != 0)
			return runs_already(prefix, other);
		if (i == LOCK_STEPS) {
			fprintf(stderr,
				"warp17: error: an engine with prefix %s starts or ends just now "
				"(%s is locked)\n",
				prefix, lock_name);
			return -EBUSY;
		}
		nanosleep(&nap, NULL);
	}
	if (rc != 0)
		fprintf(stderr, "warp17: error: %s: %s\n", lock_name, strerror(-rc));
	else if (i != 0)
		nanosleep(&nap, NULL); /* it lets go of the lock some ms before its hugepages */
	return rc;
}

/* Of the EAL's tables, which each of its processes maps, one that a process has; false: none. */
static bool table_in_use(const char *dir, char *path, size_t size)
{
	DIR *d = dir_open(dir, true);
	bool found = false;
	struct dirent *e;

	while (!found && d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, size, "%s/%s", dir, e->d_name);
		found = strncmp(e->d_name, "fbarray_", 8) == 0 && flocked(path);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

/* Waits until the clients of a dead engine have left its memory. */
static int clients_wait(const char *prefix, const char *dir)
{
	char path[RUNDIR_MAX + NAME_MAX + 2];

	for (int i = 0; table_in_use(dir, path, sizeof(path)); i++) {
		if (i == CLAIM_STEPS) {
			fprintf(stderr,
				"warp17: error: clients of a dead engine with prefix %s still hold "
				"its memory; end "
				"them: kill",
				prefix);
			/* /var/run is /run, and so the kernel names it */
			name_holders(strncmp(path, "/var/run/", 9) == 0 ? path + 4 : path);
			fprintf(stderr, "\n");
			return -EBUSY;
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}

int rundir_claim(const char *prefix)
{
	char dir[RUNDIR_MAX];
	pid_t other;
	int rc;

	rundir_path(prefix, dir);
	rc = lock_wait(prefix, dir);
	if (rc != 0)
		return rc;
	other = primary_of(dir); /* of other software, then */
	rc = other != 0 ? runs_already(prefix, other) : clients_wait(prefix, dir);
	if (rc == 0)
		rundir_remove(prefix);
	else
		unlock();
	return rc;
}
