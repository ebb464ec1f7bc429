/* See attach.h. */
#include "common/abi/attach.h"

#include "common/abi/ring.h"
#include "common/util/clock.h"
#include "common/util/crash.h"
#include "common/util/image.h"

#include <rte_eal.h>
#include <rte_memory.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DIAL_NAP_MS 20

bool prefix_ok(const char *prefix)
{
	return *prefix != '\0' && strlen(prefix) < PREFIX_MAX && strchr(".-", *prefix) == NULL
		&& strpbrk(prefix, "/%") == NULL;
}

void rundir_path(const char *prefix, char buf[RUNDIR_MAX])
{
	const char *dir = getenv("RUNTIME_DIRECTORY");

	if (dir == NULL && getuid() == 0)
		dir = "/var/run";
	if (dir == NULL)
		dir = getenv("XDG_RUNTIME_DIR");
	snprintf(buf, RUNDIR_MAX, "%s/dpdk/%s", dir ? dir : "/tmp",
		prefix ? prefix : PREFIX_DEFAULT);
}

static const char *prefix_of(const struct attach_opts *o)
{
	return o->prefix ? o->prefix : PREFIX_DEFAULT;
}

/* The socket, or -errno. An engine that is stopped accepts nobody: once its queue is full, -EAGAIN
 * comes at once, and -ETIMEDOUT from here. */
static int dial(const char *prefix)
{
	const struct timespec nap = {0, DIAL_NAP_MS * 1000000};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;
	int64_t until = mono_ms() + HANDSHAKE_MS;
	char dir[RUNDIR_MAX];

	if (fd < 0)
		return -errno;
	rundir_path(prefix, dir);
	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, SEG_SOCKET)
		>= (int)sizeof(a.sun_path)) {
		close(fd);
		return -ENAMETOOLONG; /* an engine does not start there either */
	}
	while ((rc = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -errno) == -EAGAIN
		&& mono_ms() < until)
		nanosleep(&nap, NULL);
	if (rc < 0)
		close(fd);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

static void own_name(char *buf, size_t len)
{
	const char *user = getenv("USER"), *tty = ttyname(STDIN_FILENO);

	if (user == NULL)
		user = getuid() == 0 ? "root" : "user";
	if (tty && strncmp(tty, "/dev/", 5) == 0)
		tty += 5;
	snprintf(buf, len, "%s@%s", user, tty ? tty : "script");
}

/* Why there is nobody to talk to, and the next step. */
static int no_engine(int rc, const struct attach_opts *o, char *err, size_t errlen)
{
	const char *prefix = prefix_of(o);

	if (rc == -EACCES || rc == -EPERM)
		snprintf(err, errlen,
			"not allowed to talk to the engine (prefix %s): run as its user, or as "
			"root",
			prefix);
	else if (rc == -ETIMEDOUT)
		snprintf(err, errlen,
			"the engine (prefix %s) does not answer: it is stopped, hung, or not yet "
			"READY",
			prefix);
	else if (rc == -ECONNRESET)
		snprintf(err, errlen,
			"the engine (prefix %s) did not answer but hung up: is it stopping?",
			prefix);
	else if (rc == -EPIPE)
		snprintf(err, errlen, "the engine (prefix %s) went away", prefix);
	else if (rc == -EPROTO)
		snprintf(err, errlen,
			"the engine (prefix %s) is of another build: build both from one tree",
			prefix);
	else
		snprintf(err, errlen,
			"engine not running (prefix %s): start it with scripts/warp17 start "
			"--prefix %s, and its ports%s",
			prefix, prefix,
			getuid() == 0 ? "" : "; one that root runs needs sudo here too");
	return rc;
}

/* The engine's answer to the hello. One that has no room says so and hangs up without having read
 * the hello, which is first told as a reset; what it said comes after that. */
static int welcome_get(struct client *c, struct welcome *w)
{
	int64_t until = mono_ms() + HANDSHAKE_MS, left;
	struct pollfd p = {.fd = c->sock, .events = POLLIN};

	while ((left = until - mono_ms()) > 0) {
		ssize_t n;

		if (poll(&p, 1, (int)left) != 1)
			continue;
		n = recv(c->sock, w, sizeof(*w), MSG_DONTWAIT);
		if (n == 0)
			return -ECONNRESET;
		if (n > 0)
			return n == sizeof(*w) && w->magic == HELLO_MAGIC ? 0 : -EPROTO;
	}
	return -ETIMEDOUT;
}

static int handshake(struct client *c, const struct attach_opts *o, char *err, size_t errlen)
{
	struct hello h = {.magic = HELLO_MAGIC,
		.kind = o->kind,
		.fingerprint = schema_fingerprint(),
		.read_only = o->read_only};
	struct welcome w = {0};
	int rc;

	if (o->name)
		snprintf(h.name, sizeof(h.name), "%s", o->name);
	else
		own_name(h.name, sizeof(h.name));
	send(c->sock, &h, sizeof(h), MSG_NOSIGNAL); /* whether it went is seen by the answer */
	CRASH_POINT("hello_sent");
	rc = welcome_get(c, &w);
	CRASH_POINT("welcome_read");
	if (rc != 0)
		return no_engine(rc, o, err, errlen);
	if (w.code != 0) {
		w.text[sizeof(w.text) - 1] = '\0';
		snprintf(err, errlen, "%s", w.text);
		return w.code;
	}
	if (w.slot >= OPERATORS_MAX)
		return no_engine(-EPROTO, o, err, errlen);
	c->slot_no = w.slot;
	c->generation = w.generation;
	c->seg = (const struct seg *)(uintptr_t)w.seg;
	c->slot = (struct slot *)(uintptr_t)w.slots + w.slot;
	return 0;
}

static void (*stuck)(void);
static int real_stderr;
static sigset_t mask_was;

static void on_alarm(int sig)
{
	(void)sig;
	dup2(real_stderr, STDERR_FILENO);
	pthread_sigmask(SIG_SETMASK, &mask_was, NULL); /* an image executed from there has it */
	stuck();
}

/* In place of the EAL's own (ld --wrap): service cores, which no client has, would take 156 KB of
 * the engine's heap at each attach, and nobody would give them back. */
int __wrap_rte_eal_memzone_init(void);
int32_t __wrap_rte_service_init(void);
int32_t __wrap_rte_service_start_with_defaults(void);

/* And the table of memzones: it is mapped under a lock of the shared memory, for writers, and after a
 * client that is killed just there nobody would attach any more. None needs it: the engine says where
 * what it shares lies. */
int __wrap_rte_eal_memzone_init(void)
{
	return 0;
}

int32_t __wrap_rte_service_init(void)
{
	return 0;
}

int32_t __wrap_rte_service_start_with_defaults(void)
{
	return -ENOTSUP;
}

/* Under an alarm, and deaf to all other signals: who dies inside leaves a lock of the shared memory
 * taken, and nobody can attach to the engine any more. */
static int eal_init_bounded(int argc, char **argv)
{
	struct sigaction old, sa = {.sa_handler = on_alarm};
	unsigned int callers, took;
	sigset_t deaf;
	int rc;

	sigfillset(&deaf);
	sigdelset(&deaf, SIGALRM);
	pthread_sigmask(SIG_SETMASK, &deaf, &mask_was);
	sigaction(SIGALRM, &sa, &old);
	callers = alarm(ATTACH_EAL_S);
	rc = rte_eal_init(argc, argv);
	took = ATTACH_EAL_S - alarm(0);
	sigaction(SIGALRM, &old, NULL);
	if (callers != 0) /* one set before this program was executed */
		alarm(callers > took ? callers - took : 1);
	pthread_sigmask(SIG_SETMASK, &mask_was, NULL);
	return rc;
}

/* The EAL talks, pins the thread, and may wait for ever for a file lock that a stopped client
 * holds: none of it is wanted of a client. */
static int eal_init(int argc, char **argv)
{
	int null_fd, rc;
	cpu_set_t was;

	sched_getaffinity(0, sizeof(was), &was);
	fflush(NULL);
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (getenv("WARP17_DEBUG") == NULL)
		dup2(null_fd, STDERR_FILENO);
	rc = eal_init_bounded(argc, argv);
	fflush(NULL);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(null_fd);
	sched_setaffinity(0, sizeof(was), &was);
	return rc < 0 ? -EFAULT : 0;
}

static int eal_up(const struct attach_opts *o)
{
	char prefix[96], lcores[32],
		args[][32] = {"warp17-client", EAL_SAME_LAYOUT, "--proc-type=secondary", "--no-pci",
			"--no-telemetry", "--log-level=*:error", "--lcores"};
	char *argv[ARRAY_SIZE(args) + 3];
	int cpu = 0, n = 0;
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
		cpu++;
	snprintf(prefix, sizeof(prefix), "--file-prefix=%s", prefix_of(o));
	snprintf(lcores, sizeof(lcores), "%u@%d", RTE_MAX_LCORE - 1, cpu);
	for (; n < (int)ARRAY_SIZE(args); n++)
		argv[n] = args[n];
	argv[n++] = lcores;
	argv[n++] = prefix;
	argv[n] = NULL;
	stuck = o->stuck;
	return eal_init(n, argv);
}

/* The words this process was started with, NULL-terminated; they lie in *text. NULL: not to be had.
 * Both to be freed. */
static char **command_line(char **text)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t len = 0, room = 0, n = 0;
	char **argv = NULL;
	ssize_t got = 1;

	*text = NULL;
	while (fd >= 0 && got > 0) {
		char *more = len == room ? realloc(*text, room += 4096) : *text;

		if (more == NULL)
			break;
		*text = more;
		got = read(fd, *text + len, room - len);
		len += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	if (got == 0 && len > 0 && (*text)[len - 1] == '\0') /* whole */
		argv = calloc(len + 1, sizeof(*argv));
	for (size_t at = 0; argv != NULL && at < len; at += strlen(*text + at) + 1)
		argv[n++] = *text + at;
	return argv;
}

/* The address range was taken: once more with a fixed layout, as a new image of this process. */
static void again_without_aslr(const struct attach_opts *o)
{
	char *text, **argv;

	if (getenv("WARP17_NO_ASLR") != NULL)
		return;
	argv = command_line(&text);
	if (argv != NULL) {
		setenv("WARP17_NO_ASLR", "1", 1);
		personality(ADDR_NO_RANDOMIZE);
		if (o->leaving)
			o->leaving();
		image_again(argv);
	}
	free(argv);
	free(text);
}

static int eal_attach(struct client *c, const struct attach_opts *o, char *err, size_t errlen)
{
	int rc;

	c->started = true;
	CRASH_POINT("eal_before");
	rc = eal_up(o);
	CRASH_POINT("eal_after");
	if (rc == 0)
		return 0;
	if (!client_alive(c)) {
		snprintf(err, errlen, "the engine went away while it was being attached to");
		return -EPIPE;
	}
	again_without_aslr(o);
	snprintf(err, errlen, "the engine's memory could not be mapped (WARP17_DEBUG=1 shows why)");
	return -EFAULT;
}

/* Is that an address in the engine's memory? */
static bool shared(const void *addr)
{
	return rte_mem_virt2memseg(addr, NULL) != NULL;
}

/* seg and slot are where the engine said: now they should be there. */
static int map_segment(struct client *c, char *err, size_t errlen)
{
	if (shared(c->seg) && shared(c->slot)) {
		if (c->seg->hdr.magic == SEG_MAGIC
			&& c->seg->hdr.fingerprint == schema_fingerprint())
			return 0;
	}
	snprintf(err, errlen, "the engine's segment is not there or of another build");
	return -EPROTO;
}

int client_attach(struct client *c, const struct attach_opts *o, char *err, size_t errlen)
{
	int rc;

	memset(c, 0, sizeof(*c));
	c->cancel_fd = -1;
	rc = dial(o->prefix);
	c->sock = rc < 0 ? -1 : rc;
	if (rc < 0)
		return no_engine(rc, o, err, errlen);
	CRASH_POINT("connected");
	rc = handshake(c, o, err, errlen);
	if (rc == 0)
		rc = eal_attach(c, o, err, errlen);
	if (rc == 0)
		rc = map_segment(c, err, errlen);
	CRASH_POINT("mapped");
	if (rc == 0 && send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) /* attached */
		rc = no_engine(-EPIPE, o, err, errlen);
	CRASH_POINT("attached_sent");
	if (rc != 0)
		client_detach(c);
	return rc;
}

/* In two halves: what a client leaves that dies between them is a case of its own. */
static void cell_copy(void *to, const void *from, size_t size, const char *half)
{
	memcpy(to, from, size / 2);
	CRASH_POINT(half);
	memcpy((char *)to + size / 2, (const char *)from + size / 2, size - size / 2);
	(void)half;
}

static int reply_get(struct client *c, struct rep_cell *rep)
{
	int rc = ring_ready(c->rep_cons, &c->slot->rep_prod);

	if (rc != 0)
		return rc;
	CRASH_POINT("reply_seen");
	cell_copy(rep, &c->slot->rep[c->rep_cons % RING_CELLS], sizeof(*rep), "reply_half");
	ring_take(&c->slot->rep_cons, &c->rep_cons);
	CRASH_POINT("reply_taken");
	rep->text[sizeof(rep->text) - 1] = '\0';
	return rep->generation == c->generation && rep->seq == c->seq
		? 0
		: -EAGAIN; /* of a call given up */
}

/* Sleeps until the engine rings, for at most so long. 0, -EPIPE when it is gone, -EINTR when the
 * caller no longer wants to wait. */
static int bell_wait(struct client *c, int timeout_ms)
{
	struct pollfd p[2] = {
		{.fd = c->sock, .events = POLLIN}, {.fd = c->cancel_fd, .events = POLLIN}};
	char bell;

	if (poll(p, 2, timeout_ms) < 1)
		return 0;
	if (p[0].revents && recv(c->sock, &bell, 1, MSG_DONTWAIT) == 0)
		return -EPIPE;
	return p[1].revents ? -EINTR : 0;
}

/* Waits until there is room for a request, and in the ring of replies for that of each request
 * under way: those of calls given up are taken out, else the engine finds the ring full and hangs
 * up. */
static int room_wait(struct client *c, struct rep_cell *rep, int64_t until)
{
	for (;;) {
		int64_t left = until - mono_ms();
		int rc;

		while (ring_ready(c->rep_cons, &c->slot->rep_prod) == 0)
			reply_get(c, rep);
		if (c->req_prod - c->rep_cons < RING_CELLS
			&& ring_room(c->req_prod, &c->slot->req_cons) == 0)
			return 0;
		rc = left > 0 ? bell_wait(c, (int)left) : -ETIMEDOUT;
		if (rc != 0)
			return rc;
	}
}

int client_call(struct client *c, enum cmd_id id, const union cmd_req *req, struct rep_cell *rep,
	int timeout_ms)
{
	int64_t until = mono_ms() + timeout_ms, left;
	struct req_cell cell = {.magic = CELL_MAGIC, .generation = c->generation, .cmd_id = id};
	int rc = room_wait(c, rep, until);

	if (rc != 0)
		return rc;
	cell.seq = ++c->seq;
	cell.req = *req;
	CRASH_POINT("cell_before");
	cell_copy(&c->slot->req[c->req_prod % RING_CELLS], &cell, sizeof(cell), "cell_half");
	CRASH_POINT("cell_written");
	ring_give(&c->slot->req_prod, &c->req_prod);
	CRASH_POINT("given");
	/* when the bell does not go through, nobody is there (seen below) or it rings already */
	send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	CRASH_POINT("bell_rung");
	while (rc == 0 && (left = until - mono_ms()) > 0) {
		if (reply_get(c, rep) == 0)
			return 0;
		rc = bell_wait(c, (int)left);
	}
	if (reply_get(c, rep) == 0)
		return 0;
	return rc != 0 ? rc : -ETIMEDOUT;
}

static bool hung_up(int sock, int timeout_ms)
{
	/* not POLLIN: doorbells may lie there, unread */
	struct pollfd p = {.fd = sock, .events = POLLRDHUP};

	return poll(&p, 1, timeout_ms) == 1;
}

bool client_alive(const struct client *c)
{
	return c->sock >= 0 && !hung_up(c->sock, 0);
}

uint64_t client_beat_age_ms(const struct client *c)
{
	/* the engine's clock is ours */
	uint64_t beat = __atomic_load_n(&c->seg->hdr.heartbeat_ms, __ATOMIC_RELAXED);
	uint64_t now = (uint64_t)mono_ms();

	return now > beat ? now - beat : 0;
}

struct watch {
	int sock;
	void (*gone)(void *arg);
	void *arg;
};

static void *watch_main(void *arg)
{
	struct watch *w = arg;

	while (!hung_up(w->sock, -1))
		; /* a signal's handler ran */
	w->gone(w->arg);
	return NULL;
}

int client_watch(const struct client *c, void (*gone)(void *arg), void *arg)
{
	static struct watch w;
	sigset_t all, was;
	pthread_t t;
	int rc;

	w = (struct watch){.sock = c->sock, .gone = gone, .arg = arg};
	sigfillset(&all); /* signals are for the other threads */
	pthread_sigmask(SIG_SETMASK, &all, &was);
	rc = pthread_create(&t, NULL, watch_main, &w);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (rc == 0)
		pthread_detach(t);
	return -rc;
}

static int protect_one(
	const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len, void *arg)
{
	(void)msl;
	(void)arg;
	return mprotect(ms->addr, len, PROT_READ);
}

int client_protect(struct client *c, bool keep_slots)
{
	const struct rte_memseg *page = rte_mem_virt2memseg(c->slot, NULL);
	int rc = rte_memseg_contig_walk(protect_one, NULL);

	if (rc == 0 && keep_slots)
		rc = mprotect(page->addr, page->len, PROT_READ | PROT_WRITE);
	return rc;
}

void client_detach(struct client *c)
{
	if (c->sock >= 0)
		close(c->sock);
	c->sock = -1;
}
