/* What the program takes from itself before it serves, for good: all of it goes on over execution,
 * so the images that follow have it too, and need no more to attach to the next engine.
 *  - Privileges: none is ever gained; of root's only the one to open another user's engine's files.
 *  - Landlock: files change only where the EAL of a client works; only programs that lie beside this
 *    one are executed; no TCP socket but those that are there; no signals to others.
 *  - seccomp: no new process, no network socket, no other's memory, no mode, owner or mount changed.
 * The threads that speak to others have no files at all: attaching and execution are the main one's.
 * A kernel that has not one of them is no reason not to serve. */
#include "stats-exporter/sandbox.h"

#include "common/abi/attach.h"
#include "stats-exporter/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What older headers do not know. */
#define FS_REFER (1ULL << 13)     /* Landlock's second version */
#define FS_TRUNCATE (1ULL << 14)  /* third */
#define FS_IOCTL_DEV (1ULL << 15) /* fifth */
#define NET_TCP 3ULL              /* bind and connect; fourth */
#define SCOPED 3ULL               /* abstract sockets and signals; sixth */
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_FIRST ((1ULL << 13) - 1)
#define FS_CHANGE (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

struct ruleset {
	uint64_t fs, net, scoped;
};

static bool threads_too; /* sandbox_threads() was called */

static const char *const lacking[] = {"privileges", "Landlock", "seccomp"};

/* Other capabilities are given back. */
static int privileges(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];
	uint32_t keep = 1u << CAP_DAC_OVERRIDE;

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (cap != CAP_DAC_OVERRIDE)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
	if (syscall(SYS_capget, &h, d) != 0)
		return -errno;
	if (((d[0].permitted & ~keep) | d[0].inheritable | d[1].permitted | d[1].inheritable) == 0)
		return 0; /* and none needs to be asked */
	d[0].permitted &= keep;
	d[0].effective &= keep;
	d[0].inheritable = d[1].permitted = d[1].effective = d[1].inheritable = 0;
	return syscall(SYS_capset, &h, d) == 0 ? 0 : -errno;
}

/* What this kernel can be told of; fs is 0 when there is no Landlock. */
static struct ruleset known(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset r = {.fs = abi > 0 ? FS_FIRST : 0};

	r.fs |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0)
		| (abi >= 5 ? FS_IOCTL_DEV : 0);
	r.net = abi >= 4 ? NET_TCP : 0;
	r.scoped = abi >= 6 ? SCOPED : 0;
	return r;
}

/* A path that is not there is none that may be changed. */
static void allow(int rules, uint64_t rights, const char *path)
{
	struct landlock_path_beneath_attr a = {
		.allowed_access = rights, .parent_fd = open(path, O_PATH | O_CLOEXEC)};

	if (a.parent_fd < 0)
		return;
	syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	close(a.parent_fd);
}

/* The directory that has this one, or the one above that, in what path really is. Where it is not
 * there yet the nearest that is. */
static void allow_above(int rules, uint64_t rights, const char *path, int levels)
{
	char there[PATH_MAX], real[PATH_MAX], *end;

	snprintf(there, sizeof(there), "%s", path);
	for (; realpath(there, real) == NULL; levels--) {
		end = strrchr(there, '/');
		if (end == NULL || end == there)
			return;
		*end = '\0';
	}
	while (levels-- > 0 && (end = strrchr(real, '/')) != NULL)
		end[end == real] = '\0';
	allow(rules, rights, real);
}

/* The directory of a file that need not be there. */
static void allow_dir_of(int rules, uint64_t rights, const char *path)
{
	char dir[PATH_MAX];
	const char *end = strrchr(path, '/');

	snprintf(dir, sizeof(dir), "%.*s", end ? (int)(end - path) + 1 : 1, end ? path : ".");
	allow(rules, rights, dir);
}

/* The EAL of a client opens the engine's files for writing, and makes some of its own beside them.
 * Directories and mounts come and go with engines: what has them is what can be named. A user's
 * run-time directory itself goes with his last session. */
static void allow_eal(int rules, uint64_t all, const char *prefix)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char rundir[RUNDIR_MAX], *end;
	struct mntent *m;

	rundir_path(prefix, rundir);
	end = strrchr(rundir, '/');
	if (end != NULL)
		*end = '\0';
	mkdir(rundir, 0700); /* an engine does it if it comes first */
	allow_above(rules, all, rundir, getuid() == 0 ? 1 : 2);
	allow(rules, all & FS_CHANGE, "/dev");
	while (mounts != NULL && (m = getmntent(mounts)) != NULL) {
		if (strcmp(m->mnt_type, "hugetlbfs") == 0)
			allow_above(rules, all & FS_CHANGE, m->mnt_dir, 1);
	}
	if (mounts != NULL)
		endmntent(mounts);
}

/* The program that starts programs, as this one's first header says. */
static int interpreter(struct dl_phdr_info *o, size_t size, void *to)
{
	(void)size;
	for (int i = 0; i < o->dlpi_phnum; i++) {
		if (o->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)to = (const char *)(o->dlpi_addr + o->dlpi_phdr[i].p_vaddr);
	}
	return 1;
}

static void allow_image(int rules)
{
	const char *loader = NULL;

	/* the directory: a new build takes the old one's place */
	allow_above(rules, LANDLOCK_ACCESS_FS_EXECUTE, "/proc/self/exe", 1);
	dl_iterate_phdr(interpreter, &loader);
	if (loader != NULL)
		allow(rules, LANDLOCK_ACCESS_FS_EXECUTE, loader);
}

/* A new set of rules, or -errno. */
static int rules_new(const struct ruleset *r)
{
	size_t size = r->scoped ? sizeof(*r) : r->net ? 2 * sizeof(r->fs) : sizeof(r->fs);
	int rules = r->fs ? (int)syscall(SYS_landlock_create_ruleset, r, size, 0) : -1;

	return rules >= 0 ? rules : r->fs ? -errno : -ENOTSUP;
}

/* For this thread and those that it will start, for good. */
static int rules_hold(int rules)
{
	int rc = syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? 0 : -errno;

	close(rules);
	return rc;
}

static int landlock(const struct sandbox_paths *p)
{
	struct ruleset r = known();
	int rules;

	r.fs &= ~FS_READ;
	rules = rules_new(&r);
	if (rules < 0)
		return rules;
	allow_eal(rules, r.fs & ~LANDLOCK_ACCESS_FS_EXECUTE, p->prefix);
	allow_image(rules);
	for (int i = 0; i < p->n_sockets; i++)
		allow_dir_of(rules, LANDLOCK_ACCESS_FS_REMOVE_FILE, p->sockets[i]);
	if (p->output != NULL) {
		allow_dir_of(rules, r.fs & ~LANDLOCK_ACCESS_FS_EXECUTE, p->output);
		allow_above(
			rules, r.fs & ~LANDLOCK_ACCESS_FS_EXECUTE, p->output, 1); /* of a link */
	}
	return rules_hold(rules);
}

void sandbox_threads(void)
{
	threads_too = true;
}

void sandbox_thread(void)
{
	struct ruleset r = known();
	int rules = threads_too ? rules_new(&r) : -1;

	if (rules < 0)
		return;
	allow(rules, FS_READ, "/proc");
	rules_hold(rules);
}

int sandbox_enter(const struct sandbox_paths *p, char *why)
{
	int rc[3];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		snprintf(why, WHY_MAX, "no_new_privs: %s", strerror(errno));
		return -errno;
	}
	rc[0] = privileges();
	rc[1] = landlock(p);
	rc[2] = sandbox_syscalls();
	for (int i = 0; i < 3; i++) {
		if (rc[i] != 0) {
			snprintf(why, WHY_MAX, "%s: %s", lacking[i], strerror(-rc[i]));
			return rc[i];
		}
	}
	return 0;
}
