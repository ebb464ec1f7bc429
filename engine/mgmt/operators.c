/* Operators: they come over a Unix socket, get a slot, command through its rings, and are gone the
 * moment their socket is. One byte over the socket wakes the other side, so that management sleeps
 * while nobody wants anything. What the engine trusts stands here; the slots are for the clients.
 */
#include "common/abi/attach.h"
#include "common/abi/ring.h"
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TURN_CMDS 8 /* of one operator before the others are looked at */
#define ATTACH_MAX_NS (ATTACH_MAX_S * SECOND_NS)
#define HELLO_MAX_NS (HANDSHAKE_MS * SECOND_NS / 1000)

struct op {
	int fd;         /* its socket, -1: free */
	int pidfd;      /* of its process, -1: none */
	uint32_t state; /* enum operator_state; FREE: has not said hello */
	uint32_t generation, pid;
	bool read_only;
	bool waiting; /* for a port to stop; wait_seq answers */
	uint32_t req_cons, rep_prod;
	uint32_t wait_port, wait_seq;
	uint64_t came_ns;
};
static struct op
	ops[OPERATORS_MAX + OPERATORS_SPARE]; /* the spare ones get no slot, but an answer */

/* Of those that did not come through their EAL, since the last that did. */
static struct {
	uint64_t last_ns; /* when the last left, 0: none */
	bool said;
} hung;

void operators_init(void)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = (struct op){.fd = -1, .pidfd = -1};
}

static const char *name_of(uint32_t i)
{
	return segment->operators[i].name;
}

static void state_set(uint32_t i, enum operator_state state)
{
	struct seg_operator *so = &segment->operators[i];

	ops[i].state = state;
	seg_write_begin(&so->seq);
	so->state = state;
	seg_write_end(&so->seq);
}

/* A process may have several places, as that of the RPC server has. */
static bool has_another(uint32_t i)
{
	for (uint32_t k = 0; k < OPERATORS_MAX; k++) {
		if (k != i && ops[k].state == operator_state_ATTACHED && ops[k].pid == ops[i].pid)
			return true;
	}
	return false;
}

/* One went that had all the time there is to attach, and did not. When it came after the last such
 * one had gone, and nobody has attached since, no client that is stopped was in its way. */
static void hung_note(uint32_t i)
{
	uint64_t now = mono_ns();

	if (ops[i].state != operator_state_ATTACHING
		|| now - ops[i].came_ns < ATTACH_EAL_S * SECOND_NS || has_another(i))
		return;
	if (hung.last_ns != 0 && ops[i].came_ns > hung.last_ns && !hung.said) {
		log_line(loglevel_ERR,
			"error: no client comes through its EAL: one that died inside may have "
			"left it locked; restart the engine");
		hung.said = true;
	}
	hung.last_ns = now;
}

void operator_asker(uint32_t i, struct asker *to)
{
	*to = (struct asker){.name = name_of(i),
		.slot = i,
		.generation = ops[i].generation,
		.pid = ops[i].pid,
		.uid = segment->operators[i].uid,
		.read_only = ops[i].read_only};
}

static void op_left(uint32_t i)
{
	struct asker by;

	operator_asker(i, &by);
	if (ops[i].state != operator_state_ATTACHED)
		return;
	holder_left(&by);
	event_by(&by, event_kind_OPERATOR_LEFT, loglevel_DEBUG, NOTE_NONE, NULL,
		"operator %s (pid %u) left", by.name, by.pid);
}

static void op_drop(uint32_t i)
{
	uint32_t generation = ops[i].generation + 1; /* late cells are dropped */

	hung_note(i);
	close(ops[i].fd);
	if (ops[i].pidfd >= 0)
		close(ops[i].pidfd);
	if (ops[i].state != operator_state_FREE) {
		op_left(i);
		if (!has_another(i)) /* first: who sees the place free finds the files gone */
			rundir_sweep(segment->hdr.prefix, ops[i].pid);
		state_set(i, operator_state_FREE);
	}
	ops[i] = (struct op){.fd = -1, .pidfd = -1, .generation = generation};
}

static int answer(uint32_t i, uint32_t seq, int code, const char *text)
{
	struct rep_cell *cell = &slots[i].rep[ops[i].rep_prod % RING_CELLS];

	if (ring_room(ops[i].rep_prod, &slots[i].rep_cons) != 0)
		return -EBADMSG; /* full or broken: only its own operator suffers */
	*cell = (struct rep_cell){
		.magic = CELL_MAGIC, .generation = ops[i].generation, .seq = seq, .code = code};
	snprintf(cell->text, sizeof(cell->text), "%s", text);
	ring_give(&slots[i].rep_prod, &ops[i].rep_prod);
	send(ops[i].fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return 0;
}

/* req NULL: one that makes no sense. */
static void command_count(struct seg_operator *so, uint32_t id, const union cmd_req *req)
{
	seg_write_begin(&so->seq);
	so->n_commands++;
	if (req != NULL)
		cmd_format(id, req, so->last_command, sizeof(so->last_command));
	seg_write_end(&so->seq);
}

/* A copy of a cell: checked, handled, answered. */
static int request(uint32_t i, const struct req_cell *c)
{
	struct seg_operator *so = &segment->operators[i];
	struct reply r = {0};
	struct asker by;
	int rc;

	if (c->magic != CELL_MAGIC || c->generation != ops[i].generation)
		return -EBADMSG;
	rc = cmd_check(c->cmd_id, &c->req, r.text, sizeof(r.text));
	command_count(so, c->cmd_id, rc == 0 ? &c->req : NULL);
	operator_asker(i, &by);
	if (rc == 0)
		rc = mgmt_ask(&by, c->cmd_id, &c->req, &r);
	else
		log_line(loglevel_WARNING, "%s (uid %u, pid %u): %s", by.name, by.uid, by.pid,
			r.text);
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
	for (int n = 0; n < TURN_CMDS && !ops[i].waiting; n++) {
		int rc = ring_ready(ops[i].req_cons, &slots[i].req_prod);
		struct req_cell copy;

		if (rc == -EAGAIN)
			return false;
		if (rc == 0) {
			copy = slots[i].req[ops[i].req_cons % RING_CELLS];
			ring_take(&slots[i].req_cons, &ops[i].req_cons);
			rc = request(i, &copy);
		}
		if (rc != 0) {
			log_line(loglevel_WARNING, "operator %s (pid %u): broken ring, dropped",
				name_of(i), ops[i].pid);
			op_drop(i);
			return false;
		}
	}
	return !ops[i].waiting;
}

bool operators_serve(void)
{
	bool more = false;

	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		if (ops[i].state == operator_state_ATTACHED)
			more |= op_serve(i);
	}
	return more;
}

static void name_take(struct seg_operator *so, const struct hello *h)
{
	memset(so->name, 0, sizeof(so->name));
	for (int i = 0; i < NAME_MAX_LEN - 1 && h->name[i]; i++)
		so->name[i] = (char)(h->name[i] > ' ' && h->name[i] < 127 ? h->name[i] : '_');
}

/* The slot becomes the client's: empty rings. */
static void op_enter(uint32_t i, const struct hello *h, const struct ucred *who)
{
	struct seg_operator *so = &segment->operators[i];
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	memset(&slots[i], 0, sizeof(slots[i]));
	ops[i].came_ns = mono_ns();
	ops[i].pid = who->pid;
	ops[i].pidfd = (int)syscall(SYS_pidfd_open, who->pid, 0);
	ops[i].read_only = h->read_only != 0;
	seg_write_begin(&so->seq);
	name_take(so, h);
	so->generation = ops[i].generation;
	so->pid = who->pid;
	so->uid = who->uid;
	so->kind = h->kind < client_kind_COUNT ? h->kind : client_kind_SCRIPT;
	so->read_only = ops[i].read_only;
	so->attach_realtime_ns = ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
	so->n_commands = 0;
	memset(so->last_command, 0, sizeof(so->last_command));
	seg_write_end(&so->seq);
	state_set(i, operator_state_ATTACHING);
}

static void op_greet(uint32_t i, const struct hello *h)
{
	struct welcome w = {.magic = HELLO_MAGIC,
		.slot = i,
		.fingerprint = segment->hdr.fingerprint,
		.seg = (uintptr_t)segment,
		.slots = (uintptr_t)slots};
	struct ucred who = {0};
	socklen_t len = sizeof(who);

	getsockopt(ops[i].fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
	if (h->magic != HELLO_MAGIC || h->fingerprint != w.fingerprint) {
		w.code = -EPROTO;
		snprintf(w.text, sizeof(w.text),
			"this program was built from other tables than the engine (%.32s): build "
			"both from one tree",
			segment->hdr.version);
	} else if (i >= OPERATORS_MAX) {
		w.code = -EBUSY;
		snprintf(w.text, sizeof(w.text),
			"all %u places for operators are taken (show operators)", OPERATORS_MAX);
	} else {
		op_enter(i, h, &who);
		w.generation = ops[i].generation;
	}
	send(ops[i].fd, &w, sizeof(w), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (w.code != 0)
		op_drop(i);
}

static void op_attached(uint32_t i)
{
	struct asker by;

	state_set(i, operator_state_ATTACHED);
	operator_asker(i, &by);
	event_by(&by, event_kind_OPERATOR_CAME, loglevel_DEBUG, NOTE_NONE, NULL,
		"operator %s (uid %u, pid %u) came", by.name, by.uid, by.pid);
	memset(&hung, 0, sizeof(hung));
}

void operator_event(uint32_t i)
{
	struct hello h = {0};
	ssize_t n;

	if (ops[i].fd < 0)
		return;
	n = recv(ops[i].fd, &h, sizeof(h), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (ops[i].state == operator_state_FREE && n != sizeof(h)))
		op_drop(i);
	else if (ops[i].state == operator_state_FREE)
		op_greet(i, &h);
	else if (ops[i].state == operator_state_ATTACHING)
		op_attached(i);
	/* else a doorbell: the ring is looked at with all others */
}

void operators_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (uint32_t i = 0; i < ARRAY_SIZE(ops) && fd >= 0; i++) {
		if (ops[i].fd >= 0)
			continue;
		ops[i].fd = fd;
		ops[i].came_ns = mono_ns();
		mgmt_watch(fd, i);
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* One that was stopped or hangs while it attaches may hold a file lock of the EAL's and so keep all
 * others out: it is ended. Not one that is past that, and wants a place more; nor one that does not
 * even say hello: these are dropped. */
static void op_overdue(uint32_t i)
{
	if (ops[i].state == operator_state_ATTACHING && ops[i].pidfd >= 0 && !has_another(i)) {
		log_line(loglevel_WARNING,
			"operator %s (pid %u) did not finish attaching in %u s: ended", name_of(i),
			ops[i].pid, (uint32_t)(ATTACH_MAX_NS / SECOND_NS));
		syscall(SYS_pidfd_send_signal, ops[i].pidfd, SIGKILL, NULL, 0);
	}
	op_drop(i);
}

static bool overdue(const struct op *op, uint64_t now_ns)
{
	if (op->fd < 0 || op->state == operator_state_ATTACHED)
		return false;
	return now_ns - op->came_ns
		> (op->state == operator_state_FREE ? HELLO_MAX_NS : ATTACH_MAX_NS);
}

void operators_tick(uint64_t now_ns)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (overdue(&ops[i], now_ns))
			op_overdue(i);
		if (!ops[i].waiting || port_runs[ops[i].wait_port] != PORT_IDLE)
			continue;
		ops[i].waiting = false;
		if (answer(i, ops[i].wait_seq, 0, "") != 0)
			op_drop(i);
	}
}
