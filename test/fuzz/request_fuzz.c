/* What the engine takes from a client that writes into its slot what it likes: cells of any bytes,
 * indices of any value, requests as a parser makes them with bytes changed; through operators.c to the
 * handlers, and a worker that does what it is told. Only server.c is not there (no epoll), nor
 * what makes ports.
 *
 * Records: a byte that says what, and what it takes. */
#include "common/abi/attach.h"
#include "common/abi/ring.h"
#include "engine/mgmt/mgmt_priv.h"
#include "test/fuzz/fuzz_world.h"
#include "test/unit/cmd_bad.h"
#include "test/unit/stack.h"
#include "test/unit/world.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECORDS_MAX 48
#define SERVED_MAX 64 /* turns of management until nothing is waiting */

/* The engine's, of files that are not here. */
struct seg *segment;
struct slot *slots;
uint32_t n_workers = 1;
struct lcore *lcores[WORKERS_MAX];
static uint32_t watched;

void mgmt_watch(int fd, uint32_t what)
{
	(void)fd;
	watched = what;
}
int mgmt_wait_stopped(uint32_t port)
{
	(void)port;
	return -ETIMEDOUT;
}
void rundir_sweep(const char *prefix, uint32_t pid)
{
	(void)prefix;
	(void)pid;
}
bool port_lost(uint32_t port)
{
	(void)port;
	return false;
}

void ports_poll_link(struct seg *seg)
{
	(void)seg;
}
void ports_poll_device(struct seg *seg)
{
	(void)seg;
}
int port_set_mtu(uint16_t id, uint16_t mtu, char *err, size_t errlen)
{
	(void)err;
	(void)errlen;
	MUST(id < n_ports && mtu >= MTU_MIN && mtu <= MTU_MAX);
	return 0;
}

/* The client's side. */
static struct {
	int listen_fd, sock;
	uint32_t slot, generation, prod, rep_cons;
	uint32_t place; /* which of operators.c's events are ours */
} me = {.sock = -1};

static uint64_t now_ns;

static struct sockaddr_un address(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "w17-fuzz-%d", (int)getpid());
	return a;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un a = address();

	(void)argc;
	(void)argv;
	fuzz_world_begin();
	slots = aligned_alloc(4096, (sizeof(struct slot) * OPERATORS_MAX + 4095) & ~4095ul);
	me.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(slots != NULL && me.listen_fd >= 0);
	MUST(bind(me.listen_fd, (struct sockaddr *)&a, sizeof(a)) == 0
		&& listen(me.listen_fd, 4) == 0);
	operators_init();
	return 0;
}

static void attach(struct feed *f)
{
	uint8_t kind = feed_8(f), read_only = feed_8(f);
	struct hello h = {.magic = HELLO_MAGIC,
		.fingerprint = schema_fingerprint(),
		.kind = kind,
		.read_only = read_only == 255};
	struct sockaddr_un a = address();
	struct welcome w;
	const uint8_t *name;
	size_t n;

	name = feed_bytes(f, sizeof(h.name), &n);
	memcpy(h.name, name, n);
	me.sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(me.sock >= 0 && connect(me.sock, (struct sockaddr *)&a, sizeof(a)) == 0);
	operators_accept(me.listen_fd);
	me.place = watched;
	MUST(send(me.sock, &h, sizeof(h), 0) == sizeof(h));
	operator_event(me.place);
	MUST(recv(me.sock, &w, sizeof(w), 0) == sizeof(w) && w.code == 0 && w.slot < OPERATORS_MAX);
	me.slot = w.slot;
	me.generation = w.generation;
	me.prod = me.rep_cons = 0;
	MUST(send(me.sock, "", 1, 0) == 1);
	operator_event(me.place);
	MUST(segment->operators[me.slot].state == operator_state_ATTACHED);
}

static void leave(void)
{
	close(me.sock);
	me.sock = -1;
	operator_event(me.place);
	MUST(segment->operators[me.slot].state == operator_state_FREE);
}

/* Has the engine hung up? What it rang is taken. */
static bool dropped(void)
{
	char bell[8];
	ssize_t n;

	while ((n = recv(me.sock, bell, sizeof(bell), 0)) > 0)
		;
	return n == 0;
}

/* Until it wants nothing more; then what must hold. */
static void serve(void)
{
	const struct seg_operator *so = &segment->operators[me.slot];

	for (int i = 0; operators_serve(); i++)
		MUST(i < SERVED_MAX);
	MUST((so->seq.seq & 1) == 0
		&& memchr(so->last_command, 0, sizeof(so->last_command)) != NULL);
	MUST(memchr(so->name, 0, sizeof(so->name)) != NULL);
	if (!dropped())
		return;
	close(me.sock);
	me.sock = -1;
	MUST(so->state == operator_state_FREE);
}

static struct req_cell *cell(void)
{
	struct req_cell *c = &slots[me.slot].req[me.prod % RING_CELLS];

	memset(c, 0, sizeof(*c));
	c->magic = CELL_MAGIC;
	c->generation = me.generation;
	c->seq = me.prod;
	return c;
}

static void give(void)
{
	ring_give(&slots[me.slot].req_prod, &me.prod);
	serve();
}

/* Any bytes of the cell changed. */
static void change(struct feed *f, struct req_cell *c, int n)
{
	for (int i = 0; i < n; i++) {
		uint16_t at = feed_16(f) % sizeof(*c);

		((uint8_t *)c)[at] = feed_8(f);
	}
	give();
}

/* A line as the CLI has it. */
static void line(struct feed *f, int n_changes)
{
	struct req_cell *c = cell();
	const char *word[CMD_WORDS_MAX];
	char text[256] = "", err[200];
	union cmd_req req;
	enum cmd_id id;
	size_t len;
	const uint8_t *p = feed_bytes(f, feed_8(f), &len);
	int n;

	memcpy(text, p, len);
	n = cmd_split(text, word, CMD_WORDS_MAX, err, sizeof(err));
	if (n > 0 && cmd_parse(word, n, &id, &req, err, sizeof(err)) == 0) {
		c->cmd_id = id;
		c->req = req;
	}
	change(f, c, n_changes);
}

/* Any command, with all of its arguments. */
static void good(struct feed *f, int n_changes)
{
	struct req_cell *c = cell();

	c->cmd_id = feed_8(f) % CMD_COUNT;
	good_request((enum cmd_id)c->cmd_id, &c->req);
	change(f, c, n_changes);
}

static void time_passes(uint32_t ms)
{
	struct lcore *lc = stack.lc;

	for (uint32_t i = lc->mbox.cons; i != lc->mbox.prod; i++) /* our clock, not the CPU's */
		lc->mbox.msg[i % MAILBOX_LEN].start_tsc = stack.tsc;
	stack_run_ms(ms);
	now_ns += ms * UINT64_C(1000000);
	run_tick(now_ns);
	if (me.sock >= 0)
		operators_tick(now_ns);
}

static void record(struct feed *f)
{
	uint8_t what = feed_8(f);
	struct slot *s = &slots[me.slot];
	const uint8_t *p;
	size_t n, at;

	switch (what & 7) {
	case 0: /* a cell of any bytes */
		p = feed_bytes(f, feed_16(f) % (sizeof(struct req_cell) + 1), &n);
		memcpy(cell(), p, n);
		give();
		break;
	case 1: /* any bytes anywhere in the slot */
		at = feed_16(f) * 4u % sizeof(*s);
		p = feed_bytes(f, feed_16(f) % 512, &n);
		memcpy((uint8_t *)s + at, p, MIN_OF(n, sizeof(*s) - at));
		serve();
		break;
	case 2: /* indices */
		(what & 8 ? &s->rep_cons : &s->req_prod)->v += (uint32_t)(int16_t)feed_16(f);
		serve();
		break;
	case 3:
		time_passes(feed_8(f) % 32);
		if (me.sock >= 0)
			serve();
		break;
	case 4: /* takes its replies */
		s->rep_cons.v = s->rep_prod.v;
		break;
	case 5:
		leave();
		break;
	case 6:
		s->rep_cons.v = s->rep_prod.v;
		line(f, what >> 4);
		break;
	default:
		s->rep_cons.v = s->rep_prod.v;
		good(f, what >> 4);
	}
}

static void engine_begin(void)
{
	log_set_level(loglevel_EMERG);
	stack_begin(64, 64, 1024);
	segment = stack.seg;
	segment->hdr.state = engine_state_READY;
	lcores[0] = stack.lc;
	memset(tc_states, 0, sizeof(tc_states));
	memset(port_runs, 0, sizeof(port_runs));
	memset(port_holders, 0, sizeof(port_holders));
	memset(slots, 0, sizeof(struct slot) * OPERATORS_MAX);
	faults_begin();
	now_ns = mono_ns();
	for (uint32_t p = 0; p < n_ports; p++) {
		seg_port(segment, p)->link_up = 1;
		publish_port(p);
	}
}

static void engine_end(void)
{
	if (me.sock >= 0)
		leave();
	for (uint32_t p = 0; p < n_ports; p++) {
		if (port_runs[p] == PORT_RUNNING)
			run_stop(p);
	}
	for (int i = 0; i < 1000 && (port_runs[0] != PORT_IDLE || port_runs[1] != PORT_IDLE); i++)
		time_passes(20);
	MUST(port_runs[0] == PORT_IDLE && port_runs[1] == PORT_IDLE);
	stack_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = {data, data + size};

	engine_begin();
	for (int n = 0; n < RECORDS_MAX && f.p < f.end; n++) {
		if (me.sock < 0)
			attach(&f);
		record(&f);
	}
	engine_end();
	return 0;
}
