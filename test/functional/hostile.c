/* A client that attaches as the CLI does and then misbehaves, mostly in its slot, the one place
 * where it may write. usage: hostile PREFIX WHAT SEED, where WHAT is
 *
 * garbage: random bytes over the whole slot, the bell rung, until the engine has had enough
 *
 * cells: 2000 well-formed cells of any command with any arguments; exit 0 when each was answered
 *
 * bounds: every kind of request that no parser makes, of every command; exit 0 when each was refused
 * as malformed
 *
 * ahead: indices farther apart than a ring is long
 *
 * late: gives up more calls than a ring is long while the engine is stopped; exit 0 when the next
 * is answered
 *
 * lock: dies with a lock of the EAL's that all share
 *
 * odd: leaves the record of the last operator as if it were being changed
 *
 * flood: requests without end whose replies are never taken; exit 0 when the engine has hung up
 *
 * rush: requests as fast as the engine answers them, and bells in between, for 3 s; exit 0 when all were answered
 *
 * scribble: random bytes over all that a client may write, the slots of all others too, for 2 s
 *
 * stray: maps the memory as the CLI does, and writes into the segment
 *
 * heap: none of that; prints how many bytes of the engine's heap are taken
 *
 * HOSTILE_NAME in the environment: its name, of any bytes */
#include "common/abi/attach.h"
#include "common/abi/ring.h"
#include "common/util/clock.h"
#include "test/unit/cmd_bad.h"

#include <rte_eal_memconfig.h>
#include <rte_malloc.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_stuck(void)
{
	_exit(5);
}

static void fill(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)(rand() >> 7);
}

/* Has the engine hung up? Waits a little for it. */
static bool dropped(struct client *c, int wait_ms)
{
	struct pollfd p = {.fd = c->sock, .events = POLLIN};
	char bell;

	while (poll(&p, 1, wait_ms) == 1) {
		if (recv(c->sock, &bell, 1, MSG_DONTWAIT) <= 0)
			return true;
	}
	return false;
}

static int garbage(struct client *c)
{
	for (int i = 0; i < 500; i++) {
		fill(c->slot, sizeof(*c->slot));
		send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (dropped(c, 10))
			return 0;
	}
	return 1;
}

static int ahead(struct client *c)
{
	c->slot->req_prod.v = RING_CELLS + 1 + (uint32_t)rand() % 1000;
	send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return dropped(c, 2000) ? 0 : 1;
}

/* A number that is often one a parser would take. */
static uint64_t number(const struct arg_desc *a)
{
	switch (rand() % 4) {
	case 0:
		return a->min;
	case 1:
		return a->min + (uint64_t)rand() % 4;
	case 2:
		return a->max;
	default:
		return (uint64_t)rand() << 33 ^ (uint64_t)rand() << 3;
	}
}

static void argument(const struct arg_desc *a, void *at)
{
	static const struct ip_range some = {
		{.family = 4, .b = {10, 0, 0, 1}}, {.family = 4, .b = {10, 0, 0, 9}}};
	uint64_t v = number(a);

	if (rand() % 8 == 0) {
		fill(at, a->size);
	} else if (a->size <= sizeof(v)) {
		memcpy(at, &v, a->size);
	} else if (a->size <= sizeof(some)) {
		memcpy(at, &some, a->size);
	} else {
		memset(at, 0, a->size);
		memset(at, 'x', (size_t)rand() % a->size + 1);
	}
}

static int cells(struct client *c)
{
	for (int i = 0; i < 2000; i++) {
		enum cmd_id id = (enum cmd_id)(rand() % (CMD_COUNT + 2));
		const struct cmd_desc *d = id < CMD_COUNT ? cmd_desc(id) : NULL;
		union cmd_req req = {.present = (uint64_t)rand()};
		struct rep_cell rep;

		if (d != NULL)
			req.present = rand() % 4 ? (UINT64_C(1) << d->n_args) - 1 : req.present;
		for (size_t k = 0; d != NULL && k < d->n_args; k++)
			argument(&d->args[k], req.raw + d->args[k].off);
		if (client_call(c, id, &req, &rep, 30000) != 0)
			return 1;
	}
	return 0;
}

struct bounds {
	struct client *client;
	int n_taken;
};

static void must_be_refused(uint32_t id, const union cmd_req *req, const char *what, void *arg)
{
	struct bounds *b = arg;
	struct rep_cell rep;
	int rc = client_call(b->client, id, req, &rep, 30000);

	if (rc == 0 && rep.code == -EINVAL && strncmp(rep.text, "malformed request: ", 19) == 0)
		return;
	fprintf(stderr, "%s: %s: %d, code %d, %.100s\n", id < CMD_COUNT ? cmd_desc(id)->name : "-",
		what, rc, rc == 0 ? rep.code : 0, rc == 0 ? rep.text : "");
	b->n_taken++;
}

static int bounds(struct client *c)
{
	struct bounds b = {.client = c};

	printf("%u requests\n", bad_requests(must_be_refused, &b));
	fflush(stdout);
	return b.n_taken == 0 ? 0 : 1;
}

static int late(struct client *c)
{
	union cmd_req req = {.set_syslog = {.present = 1}};
	pid_t engine = (pid_t)c->seg->hdr.engine_pid;
	struct rep_cell rep;
	int rc = 0;

	kill(engine, SIGSTOP);
	for (int i = 0; i < 2 * RING_CELLS && rc != 1; i++)
		rc = client_call(c, CMD_set_syslog, &req, &rep, 1) == -ETIMEDOUT ? 0 : 1;
	kill(engine, SIGCONT);
	for (int i = 0; i < 2 * RING_CELLS && rc == 0; i++)
		rc = client_call(c, CMD_set_syslog, &req, &rep, 5000) == 0 ? 0 : 2;
	return rc;
}

static int flood(struct client *c)
{
	struct req_cell cell = {
		.magic = CELL_MAGIC, .generation = c->generation, .cmd_id = CMD_release_port};
	uint32_t prod = 0;

	cell.req.release_port.present = 1;
	cell.req.release_port.port = PORTS_MAX - 1; /* there is none */
	for (int i = 0; i < 1000000; i++) {
		if (ring_room(prod, &c->slot->req_cons) == 0) {
			cell.seq++;
			c->slot->req[prod % RING_CELLS] = cell;
			ring_give(&c->slot->req_prod, &prod);
		}
		send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (dropped(c, 0))
			return 0;
	}
	return 1;
}

static int rush(struct client *c)
{
	union cmd_req req = {.release_port = {.present = 1, .port = PORTS_MAX - 1}};
	int64_t until = mono_ms() + 3000;
	struct rep_cell rep;
	int rc = 0;

	while (rc == 0 && mono_ms() < until) {
		for (int i = 0; i < 100; i++)
			send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		rc = client_call(c, CMD_release_port, &req, &rep, 10000);
	}
	return rc == 0 && rep.code == -ENODEV ? 0 : 1;
}

/* A client that has protected itself can write no other page. */
static int scribble(struct client *c)
{
	uint8_t *page = (uint8_t *)(c->slot - c->slot_no);
	int64_t until = mono_ms() + 2000;

	client_protect(c, true);
	while (mono_ms() < until) {
		fill(page, sizeof(struct slot) * OPERATORS_MAX);
		send(c->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	fill(page, SLOTS_ALIGN);
	return 0;
}

static int heap(void)
{
	struct rte_malloc_socket_stats st;
	uint64_t taken = 0;

	for (int i = 0; i < RTE_MAX_NUMA_NODES; i++)
		taken += rte_malloc_get_socket_stats(i, &st) == 0 ? st.heap_allocsz_bytes : 0;
	printf("%" PRIu64 "\n", taken);
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	struct attach_opts o = {.kind = client_kind_SCRIPT, .name = "hostile", .stuck = on_stuck};
	struct client c;
	char err[256];

	if (argc != 4)
		return 2;
	if (getenv("HOSTILE_NAME") != NULL)
		o.name = getenv("HOSTILE_NAME");
	o.prefix = argv[1];
	srand((unsigned)strtoul(argv[3], NULL, 10));
	if (client_attach(&c, &o, err, sizeof(err)) != 0) {
		fprintf(stderr, "hostile: %s\n", err);
		return 3;
	}
	if (strcmp(argv[2], "garbage") == 0)
		_exit(garbage(&c));
	if (strcmp(argv[2], "bounds") == 0)
		_exit(bounds(&c));
	if (strcmp(argv[2], "ahead") == 0)
		_exit(ahead(&c));
	if (strcmp(argv[2], "flood") == 0)
		_exit(flood(&c));
	if (strcmp(argv[2], "rush") == 0)
		_exit(rush(&c));
	if (strcmp(argv[2], "scribble") == 0)
		_exit(scribble(&c));
	if (strcmp(argv[2], "late") == 0)
		_exit(late(&c));
	if (strcmp(argv[2], "lock") == 0) {
		rte_mcfg_mem_write_lock();
		_exit(0);
	}
	if (strcmp(argv[2], "odd") == 0) {
		((struct seg *)(uintptr_t)c.seg)->operators[OPERATORS_MAX - 1].seq.seq |= 1;
		_exit(0);
	}
	if (strcmp(argv[2], "stray") == 0) {
		if (client_protect(&c, true) != 0)
			_exit(4);
		((struct seg *)(uintptr_t)c.seg)->hdr.state = 0;
		_exit(0);
	}
	if (strcmp(argv[2], "heap") == 0)
		_exit(heap());
	_exit(cells(&c));
}
