/* Operators: they come over a Unix socket, get a slot, command through its rings, and are gone the
 * moment their socket is. One byte over the socket wakes the other side, so that management sleeps
 * while nobody wants anything. */
#include "common/abi/attach.h"
#include "common/abi/ring.h"
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 100
#define TURN_CMDS 8 /* of one operator before the others are looked at */
#define STOP_BOUND_NS UINT64_C(5000000000)
enum {
	EV_LISTEN = OPERATORS_MAX,
	EV_TICK,
	EV_SIGNAL
};

/* What the engine knows of a slot; the shared words are for the client. */
struct operator
{
	int fd; /* -1: free */
	bool greeted;
	uint32_t req_cons, rep_prod;
	bool waiting; /* for a port to stop; wait_seq answers */
	uint32_t wait_port, wait_seq;
};
static struct operator ops[OPERATORS_MAX];
static int ep, listen_fd;

static void watch(int fd, uint32_t what)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void op_drop(uint32_t i)
{
	struct seg_slot *s = &segment->slots[i];

	close(ops[i].fd);
	ops[i] = (struct operator){.fd = -1};
	if (s->state == 0)
		return;
	log_line(7, "operator %s (pid %u) left", s->name, s->pid);
	s->state = 0;
	s->generation++; /* late cells are dropped */
}

static int answer(uint32_t i, uint32_t seq, int code, const char *text)
{
	struct seg_slot *s = &segment->slots[i];
	struct rep_cell *cell = &s->rep[ops[i].rep_prod % RING_CELLS];

	if (ring_room(ops[i].rep_prod, &s->rep_cons) != 0)
		return -EBADMSG; /* full or broken: only its own operator suffers */
	*cell = (struct rep_cell){
		.magic = CELL_MAGIC, .generation = s->generation, .seq = seq, .code = code};
	snprintf(cell->text, sizeof(cell->text), "%s", text);
	ring_give(&s->rep_prod, &ops[i].rep_prod);
	send(ops[i].fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return 0;
}

static int request(uint32_t i, const struct req_cell *c)
{
	struct seg_slot *s = &segment->slots[i];
	struct reply r = {0};
	int rc;

	if (c->magic != CELL_MAGIC || c->generation != s->generation)
		return -EBADMSG;
	s->n_commands++;
	rc = cmd_check(c->cmd_id, &c->req, r.text, sizeof(r.text));
	if (rc == 0) {
		snprintf(s->last_command, sizeof(s->last_command), "%s", cmd_desc(c->cmd_id)->path);
		if (s->read_only)
			rc = reply_fail(&r, -EPERM, "operator %s may only look", s->name);
		else
			rc = mgmt_dispatch(c->cmd_id, &c->req, &r);
		log_line(6, "%s (uid %u, pid %u): %s: %s", s->name, s->uid, s->pid,
			cmd_desc(c->cmd_id)->path, rc == 0 ? "ok" : r.text);
	}
	if (rc == 0 && r.deferred) {
		ops[i].waiting = true;
		ops[i].wait_port = r.wait_port;
		ops[i].wait_seq = c->seq;
		return 0;
	}
	return answer(i, c->seq, rc, r.text);
}

/* Bounded work; true when more may be waiting. */
static bool op_serve(uint32_t i)
{
	struct seg_slot *s = &segment->slots[i];

	for (int n = 0; n < TURN_CMDS && !ops[i].waiting; n++) {
		int rc = ring_ready(ops[i].req_cons, &s->req_prod);
		struct req_cell copy;

		if (rc == -EAGAIN)
			return false;
		if (rc == 0) {
			copy = s->req[ops[i].req_cons % RING_CELLS];
			ring_take(&s->req_cons, &ops[i].req_cons);
			rc = request(i, &copy);
		}
		if (rc != 0) {
			log_line(4, "operator %s (pid %u): broken ring, dropped", s->name, s->pid);
			op_drop(i);
			return false;
		}
	}
	return !ops[i].waiting;
}

static void name_take(struct seg_slot *s, const struct hello *h)
{
	for (int i = 0; i < NAME_MAX_LEN - 1 && h->name[i]; i++)
		s->name[i] = h->name[i] > ' ' && h->name[i] < 127 ? h->name[i] : '_';
}

static void op_greet(uint32_t i, const struct hello *h)
{
	struct welcome w = {
		.magic = HELLO_MAGIC, .slot = i, .fingerprint = segment->hdr.fingerprint};
	struct seg_slot *s = &segment->slots[i];
	uint32_t generation = s->generation;
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	struct timespec ts;

	getsockopt(ops[i].fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
	if (h->magic != HELLO_MAGIC || h->fingerprint != segment->hdr.fingerprint) {
		w.code = -EPROTO;
		snprintf(w.text, sizeof(w.text),
			"this program was built from other tables than the engine (%.32s): "
			"build both from one tree",
			segment->hdr.version);
		send(ops[i].fd, &w, sizeof(w), MSG_DONTWAIT | MSG_NOSIGNAL);
		op_drop(i);
		return;
	}
	memset(s, 0, sizeof(*s));
	s->generation = generation + 1;
	s->pid = who.pid;
	s->uid = who.uid;
	s->kind = h->kind < client_kind_COUNT ? h->kind : client_kind_SCRIPT;
	s->read_only = h->read_only != 0;
	clock_gettime(CLOCK_REALTIME, &ts);
	s->attach_realtime_ns = ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
	name_take(s, h);
	s->state = 1;
	ops[i].greeted = true;
	w.generation = s->generation;
	send(ops[i].fd, &w, sizeof(w), MSG_DONTWAIT | MSG_NOSIGNAL);
	log_line(7, "operator %s (uid %u, pid %u) came", s->name, s->uid, s->pid);
}

static void op_event(uint32_t i)
{
	struct hello h = {0};
	ssize_t n = recv(ops[i].fd, &h, sizeof(h), MSG_DONTWAIT);

	if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR))) {
		op_drop(i);
		return;
	}
	if (n < 0)
		return;
	if (ops[i].greeted)
		return; /* a doorbell: the ring is looked at with all others */
	if (n != sizeof(h))
		op_drop(i);
	else
		op_greet(i, &h);
}

static void op_accept(void)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct welcome w = {.magic = HELLO_MAGIC, .code = -EBUSY};

	if (fd < 0)
		return;
	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		if (ops[i].fd >= 0)
			continue;
		ops[i] = (struct operator){.fd = fd};
		watch(fd, i);
		return;
	}
	snprintf(w.text, sizeof(w.text), "all %u places for operators are taken (show operators)",
		OPERATORS_MAX);
	send(fd, &w, sizeof(w), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static int listen_at(const char *prefix)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char dir[96];

	rundir_path(prefix, dir, sizeof(dir));
	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, SEG_SOCKET)
		>= (int)sizeof(a.sun_path))
		return -ENAMETOOLONG;
	unlink(a.sun_path);
	listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&a, sizeof(a)) != 0
		|| chmod(a.sun_path, 0660) != 0 || listen(listen_fd, 64) != 0) {
		log_line(3, "error: %s: %s", a.sun_path, strerror(errno));
		return -errno;
	}
	watch(listen_fd, EV_LISTEN);
	return 0;
}

uint32_t mgmt_other_engine(const char *prefix)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	char dir[96];

	rundir_path(prefix, dir, sizeof(dir));
	snprintf(a.sun_path, sizeof(a.sun_path), "%.80s/%s", dir, SEG_SOCKET);
	if (fd < 0)
		return 0;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
	close(fd);
	return who.pid;
}

static void tick(void)
{
	uint64_t now = mono_ns();

	__atomic_store_n(&segment->hdr.heartbeat_ms, now / 1000000, __ATOMIC_RELAXED);
	run_tick(now);
	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		if (!ops[i].waiting || port_runs[ops[i].wait_port] != PORT_IDLE)
			continue;
		ops[i].waiting = false;
		if (answer(i, ops[i].wait_seq, 0, "") != 0)
			op_drop(i);
	}
}

/* True when it is time to go. */
static bool turn(int timeout, int tfd)
{
	struct epoll_event e[16];
	int n = epoll_wait(ep, e, 16, timeout);
	bool quit = false;
	uint64_t count;

	for (int k = 0; k < n; k++) {
		if (e[k].data.u32 == EV_LISTEN)
			op_accept();
		else if (e[k].data.u32 == EV_SIGNAL)
			quit = true;
		else if (e[k].data.u32 == EV_TICK && read(tfd, &count, sizeof(count)) > 0)
			tick();
		else if (e[k].data.u32 < OPERATORS_MAX && ops[e[k].data.u32].fd >= 0)
			op_event(e[k].data.u32);
	}
	return quit;
}

static bool serve_all(void)
{
	bool more = false;

	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		if (ops[i].fd >= 0 && ops[i].greeted)
			more |= op_serve(i);
	}
	return more;
}

static void stop_all(int tfd)
{
	uint64_t until = mono_ns() + STOP_BOUND_NS;
	bool running = true;

	segment->hdr.state = engine_state_STOPPING;
	for (uint32_t p = 0; p < n_ports; p++) {
		if (port_runs[p] == PORT_RUNNING)
			run_stop(p);
	}
	while (running && mono_ns() < until) {
		turn(TICK_MS, tfd);
		running = false;
		for (uint32_t p = 0; p < n_ports; p++)
			running |= port_runs[p] != PORT_IDLE;
	}
}

/* SIGTERM and SIGINT are read from a descriptor: no thread may be interrupted by them. */
static sigset_t signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

void mgmt_block_signals(void)
{
	sigset_t set = signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int sources(int *tfd)
{
	struct itimerspec every = {{0, TICK_MS * 1000000}, {0, TICK_MS * 1000000}};
	sigset_t set = signals();
	int sfd;

	ep = epoll_create1(EPOLL_CLOEXEC);
	sfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	*tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ep < 0 || sfd < 0 || *tfd < 0 || timerfd_settime(*tfd, 0, &every, NULL) != 0)
		return -errno;
	watch(sfd, EV_SIGNAL);
	watch(*tfd, EV_TICK);
	return 0;
}

int mgmt_run(const struct options *o)
{
	char path[160], dir[96];
	int tfd, rc = sources(&tfd);

	for (uint32_t i = 0; i < OPERATORS_MAX; i++)
		ops[i].fd = -1;
	if (rc == 0)
		rc = listen_at(o->prefix);
	if (rc != 0)
		return rc;
	for (uint32_t p = 0; p < n_ports; p++)
		publish_port(p);
	tick();
	segment->hdr.state = engine_state_READY;
	if (o->cmd_file[0] != '\0')
		mgmt_file(o->cmd_file);
	fprintf(stderr, "warp17: READY prefix=%s pid=%d ports=%u workers=%u\n", o->prefix,
		(int)getpid(), n_ports, n_workers);
	for (bool more = false; !turn(more ? 0 : -1, tfd);)
		more = serve_all();
	stop_all(tfd);
	rundir_path(o->prefix, dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, SEG_SOCKET);
	unlink(path);
	return 0;
}
