/* Inside management. */
#pragma once

#include "common/util/clock.h"
#include "common/util/log.h"
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "engine/lcore/lcore.h"
#include "engine/mgmt/mgmt.h"
#include "engine/traffic/traffic.h"

/* Who wants something: an operator, or the command file. */
struct asker {
	const char *name;
	uint32_t slot, generation; /* NOTE_NONE: not an operator */
	uint32_t pid, uid;
	bool read_only;
};

/* What a handler says: a code (0, -errno) is returned, the sentence goes here. */
struct reply {
	const struct asker *by; /* who asked */
	char text[REPLY_TEXT_MAX];
	bool deferred; /* answered later, when port wait_port has stopped */
	uint32_t wait_port;
};
int reply_fail(struct reply *r, int code, const char *fmt, ...) format_printf(3, 4);

/* One handler an ENGINE row of cmd.def: a missing one does not link. */
#define HANDLER_ENGINE(id) int cmd_##id(const struct req_##id *req, struct reply *r);
#define HANDLER_CLIENT(id)
#define CMD_BEGIN(id, path, kind, ...) HANDLER_##kind(id)
#include "common/cmd/cmd.def"

/* store.c: what commands about the configuration share. 0, or -errno and why in the reply. */
/* The port is there and does not run. */
int port_idle(uint32_t port, struct reply *r);
/* So it is, and has that test case; of that kind. */
int tc_idle(uint32_t port, uint32_t tcid, struct reply *r);
int of_kind(uint32_t port, uint32_t tcid, enum tc_kind kind, struct reply *r);
/* The test case is a client; what: "rates". */
int only_client(uint32_t port, uint32_t tcid, const char *what, struct reply *r);
int v4_only(const struct ip_addr *a, const char *what, struct reply *r);
/* IPv4 addresses that a host may have on a network (RFC 1122 §3.2.1.3). */
int host_only(const struct ip_addr *a, const char *what, struct reply *r);
int hosts_only(const struct ip_range *range, const char *what, struct reply *r);
/* Multicast groups. */
int groups_only(const struct ip_range *range, const char *what, struct reply *r);
/* tc_cfgs was changed: to be called after each change. */
void tc_changed(uint32_t port, uint32_t tcid);
/* Changes all of it. */
void tc_store(uint32_t port, uint32_t tcid, const struct tc_config *cfg);

/* app.c: where the settings of an application are, and the side they are for. */
struct app_at {
	enum tc_kind side;
	bool imix;           /* app-index, or else the test case */
	uint32_t port, tcid; /* 0 of IMIX */
	uint32_t index;
};
/* Of a request's arguments. */
#define AT_TC(q, SIDE) \
	((struct app_at){.side = tc_kind_##SIDE, .port = (q)->port, .tcid = (q)->tcid})
#define AT_IMIX(q, SIDE) \
	((struct app_at){.side = tc_kind_##SIDE, .imix = true, .index = (q)->index})
/* They may be changed: a copy of them. */
int app_begin(const struct app_at *at, struct app_config *cfg, struct reply *r);
/* Changes them, when all messages can be built. */
int app_end(const struct app_at *at, const struct app_config *cfg, struct reply *r);
/* Can they? */
int app_check(const struct app_config *cfg, enum tc_kind side, enum l4proto proto, struct reply *r);
/* So, and may the test case use them? */
int tc_app_check(const struct tc_config *c, const struct app_config *a, struct reply *r);

/* imix.c: the same of an application of IMIX groups. */
int imix_app_begin(const struct app_at *at, struct app_config *cfg, struct reply *r);
int imix_app_end(const struct app_at *at, const struct app_config *cfg, struct reply *r);
/* A test case that uses the group starts: builds messages and turns. As app_tc_init(). */
int imix_start(uint32_t id, enum l4proto proto, char *err, size_t errlen);
void imix_stats_clear(uint32_t id);
/* Do sessions of the test case end in order by themselves? */
bool tc_ends_sessions(const struct tc_config *c);

/* May it use its application, or all of its group? */
int tc_apps_check(const struct tc_config *c, struct reply *r);
/* Does it measure latencies: of packets, or of messages of an application? */
bool tc_has_latency(const struct tc_config *c);

/* Checked request to its handler, if the asker may; into the audit. */
int mgmt_ask(const struct asker *by, enum cmd_id id, const union cmd_req *req, struct reply *r);
/* Runs a command file; each error is logged with file and line. Returns how many there were. */
int mgmt_file(const char *path);

/* server.c: an event on fd becomes operator_event(what), or what it is the loop's own. */
void mgmt_watch(int fd, uint32_t what);
/* For a command file: time goes on, nobody is served. 0, or -ETIMEDOUT when the port has not
 * stopped in a minute or somebody wants the engine to end. */
int mgmt_wait_stopped(uint32_t port);

/* operators.c; events of their sockets are numbered from 0 */
#define OPERATORS_SPARE 8
void operators_init(void);
void operators_accept(int listen_fd);
/* Something came over the socket of slot i: hello, "attached", a doorbell, or its end. */
void operator_event(uint32_t i);
/* Handles requests, a bounded number of each operator; true when more are waiting. */
bool operators_serve(void);
/* Every 100 ms: answers those that waited for a port, ends those that do not finish attaching. */
void operators_tick(uint64_t now_ns);

/* The operator of a place, for as long as it is there. */
void operator_asker(uint32_t i, struct asker *to);

/* holders.c: what of each port's segment record. */
extern struct seg_holder port_holders[PORTS_MAX];
/* The port that the request is about; NOTE_NONE: none. */
uint32_t cmd_port(enum cmd_id id, const union cmd_req *req);
/* 0, or -EBUSY with who holds the port that the request is about. */
int holder_allows(
	const struct asker *by, enum cmd_id id, const union cmd_req *req, struct reply *r);
/* Its ports are everybody's again. */
void holder_left(const struct asker *by);

/* events.c: logs it, and tells all who are attached. port, tcid: NOTE_NONE where it is about none. to: whom it concerns
 * most, NULL nobody. */
void event_of(enum event_kind what, int level, uint32_t port, uint32_t tcid, const char *fmt, ...)
	format_printf(5, 6);
void event_by(const struct asker *by, enum event_kind what, int level, uint32_t port,
	const struct asker *to, const char *fmt, ...) format_printf(6, 7);
/* A change that was asked for: rc 0, or -errno and why not. */
void audit(
	const struct asker *by, enum cmd_id id, const union cmd_req *req, int rc, const char *why);

/* notice.c: once a second. */
void notice_tick(void);

#define SECOND_NS UINT64_C(1000000000)
/* load.c */
void load_tick(uint64_t now_ns);

/* run.c: the course of a port's test cases */
enum port_run {
	PORT_IDLE,
	PORT_RUNNING,
	PORT_STOPPING, /* test cases end */
	PORT_STOPPED   /* they have, workers are to put the port down */
};
#define RATES 4
struct rate_meter {
	uint64_t seen, seen_ns; /* the counter, and when it was seen to change */
	uint64_t from, from_ns; /* so at the last whole second */
	uint64_t per_second;
	bool quiet; /* nothing came in the second up to from_ns, or it is the start */
};
struct tc_course {
	uint32_t state; /* enum tc_state */
	uint64_t start_ns, end_ns, achieved, estab_us, estab_max;
	struct rate_meter rate[RATES]; /* estab, closed, messages sent, requests or responses */
	char reason[128], behind[128]; /* as in seg_tc */
	bool behind_said;
	bool posted;   /* workers were told to start it */
	bool begun;    /* and have */
	bool stop_due; /* they are still to be told to stop */
};
extern struct tc_course tc_states[PORTS_MAX][TCS_MAX];
extern enum port_run port_runs[PORTS_MAX];

int run_start(uint32_t port, struct reply *r);
int run_stop(uint32_t port);
/* Every 100 ms. */
void run_tick(uint64_t now_ns);

/* faults.c: what the links of a port are told to do, by fault_dir. faults_begin(): before the first
 * command, none of it. */
extern struct faults_config port_faults[PORTS_MAX][FAULTS_DIRS];
void faults_begin(void);

/* check.c: 0, or why the port's test cases cannot start. */
int start_check(uint32_t port, struct reply *r);

/* times.c: of a test case that is about to start, when its messages are built: response times are looked
 * for, if it measures them. 0, or why there is nothing to measure. */
int times_begin(uint32_t port, uint32_t tcid, struct reply *r);
/* What the port's test cases measure response times with, for as long as it runs. 0, or why there is
 * none; and after each port's end. */
int times_ready(uint32_t port, struct reply *r);
void times_over(void);

/* heartbeat.c: workers that do not turn are told of; so is systemd's watchdog, of the others. Every 100 ms. */
void heartbeat_begin(uint64_t now_ns);
void heartbeat_tick(uint64_t now_ns);

/* publish.c: into the segment. */
void publish_tc(uint32_t port, uint32_t tcid);
void publish_port(uint32_t port);

/* fanout.c: a message to all workers of a port. 0, or -EAGAIN when a mailbox is full: then nobody
 * got it. */
int fanout(uint32_t port, struct lmsg m);
/* LMSG_TC_START, each worker with its share of the sessions. */
int fanout_start(uint32_t port, uint32_t tcid);
/* Have all workers handled all that was posted? */
bool fanout_handled(uint32_t port);
/* Is the test case over on all of them? */
bool fanout_idle(uint32_t port, uint32_t tcid);
