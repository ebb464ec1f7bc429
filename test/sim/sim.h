/* The simulator's parts: run.c drives two stacks through a scenario, link.c carries their packets,
 * check.c sees what is sent and delivered, pcapng.c writes a trace. All is of one process and one
 * thread; a failure ends the process. */
#pragma once

#include "engine/l1_port/l1_port.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/traffic/traffic.h"
#include "test/sim/scenario.h"
#include "test/unit/world.h"

struct sim {
	struct scenario sc;
	uint64_t now;       /* ns since the run began */
	uint64_t origin[2]; /* TSC of each worker at that time */
	uint64_t n_pkts;    /* that the links were given */
	uint64_t n_turns;
	uint64_t n_conns, n_closed; /* TCP: established at an end at least; closed at both */
	uint64_t n_idle_pkts;       /* since something came of one */
	uint64_t digest;            /* of the last run, when wanted */
	bool done;                  /* all that was asked for, within the budget */
};
extern struct sim sim;

/* Made once a process, before the first run: the buffers of all. */
void sim_init(void);
/* Runs sim.sc, from the beginning to all pools full; does not return when something is wrong. */
void sim_run(void);
/* main.c: something is wrong. Says what, and how to see it again. */
_Noreturn format_printf(1, 2) void sim_fail(const char *fmt, ...);

/* link.c: the way out of port `from`. */
struct link_stats {
	uint64_t in, out; /* packets taken, arrived */
	uint64_t parted;  /* lost by partition */
	uint64_t no_buf;  /* no buffer, on the way or where it arrived */
	uint64_t fault[FAULTS_COUNTS];
};
/* Once a process; and before each run. */
void link_init(void);
void link_begin(void);
/* After it: NULL, or what was kept. */
const char *link_end(void);
void link_send(uint16_t from, struct rte_mbuf *m);
/* When the next packet arrives at a port, UINT64_MAX: none is under way to it. */
uint64_t link_next(uint16_t port);
/* The next that has arrived at the port, NULL: none. The caller's. */
struct rte_mbuf *link_take(uint16_t port);
const struct link_stats *link_stats(uint16_t from);
/* Is none under way? */
bool link_idle(void);

/* check.c */
void check_begin(void);
void check_sent(uint16_t port, const struct rte_mbuf *m); /* a packet that a port was given */
/* Looks at every endpoint of a worker that has nothing to do: has each that awaits something a
 * timer, was none missed? Returns the ns (of sim.now) of the next deadline, UINT64_MAX: none. */
uint64_t check_idle(uint32_t worker);
/* After the run: both sides' accounts of each connection, and all counters. */
void check_end(void);

/* digest.c: of a run, when it is wanted. */
extern bool digest_wanted;
void digest_begin(void);
void digest_packet(uint16_t port, const struct rte_mbuf *m);
/* The run is over, nothing is freed yet. */
uint64_t digest_end(void);

/* pcapng.c: a trace of both ends, when one is wanted. */
int trace_open(const char *path);
bool trace_wanted(void);
/* comment: of what becomes of the packet, or NULL. */
void trace_packet(uint16_t port, bool outbound, const struct rte_mbuf *m, const char *comment);
void trace_close(void);
