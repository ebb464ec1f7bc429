/* Management's loop: the main lcore sleeps in epoll on the listening socket, the operators'
 * sockets, a timer and the signals that end the engine. */
#include "common/abi/attach.h"
#include "common/util/notify.h"
#include "engine/mgmt/mgmt_priv.h"

#include <rte_memory.h>

#include <errno.h>
#include <poll.h>
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
#define LINK_WAIT_MS 9000
#define STOP_BOUND_NS (5 * SECOND_NS)
#define FILE_STOP_NS (60 * SECOND_NS)
enum {
	EV_LISTEN = OPERATORS_MAX + OPERATORS_SPARE, /* below: operators */
	EV_TICK,
	EV_SIGNAL
};

static int ep, listen_fd, signal_fd, timer_fd;

void mgmt_watch(int fd, uint32_t what)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int listen_at(const char *prefix)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char dir[RUNDIR_MAX];

	rundir_path(prefix, dir);
	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, SEG_SOCKET)
		>= (int)sizeof(a.sun_path)) {
		log_line(loglevel_ERR, "error: %s/%s is too long for a socket's name", dir,
			SEG_SOCKET);
		return -ENAMETOOLONG;
	}
	unlink(a.sun_path);
	listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&a, sizeof(a)) != 0
		|| chmod(a.sun_path, 0660) != 0 || listen(listen_fd, 64) != 0) {
		log_line(loglevel_ERR, "error: %s: %s", a.sun_path, strerror(errno));
		return -errno;
	}
	mgmt_watch(listen_fd, EV_LISTEN);
	return 0;
}

static void tick(void)
{
	uint64_t now = mono_ns();

	__atomic_store_n(&segment->hdr.heartbeat_ms, now / 1000000, __ATOMIC_RELAXED);
	heartbeat_tick(now);
	run_tick(now);
	operators_tick(now);
	load_tick(now);
}

int mgmt_wait_stopped(uint32_t port)
{
	uint64_t until = mono_ns() + FILE_STOP_NS;
	struct pollfd end = {.fd = signal_fd, .events = POLLIN};

	while (port_runs[port] != PORT_IDLE) {
		if (poll(&end, 1, TICK_MS) != 0 || mono_ns() > until)
			return -ETIMEDOUT;
		tick();
	}
	return 0;
}

/* True when it is time to go. */
static bool turn(int timeout)
{
	struct signalfd_siginfo sig;
	struct epoll_event e[16];
	int n = epoll_wait(ep, e, 16, timeout);
	bool quit = false;
	uint64_t count;

	for (int k = 0; k < n; k++) {
		if (e[k].data.u32 == EV_LISTEN)
			operators_accept(listen_fd);
		else if (e[k].data.u32 == EV_SIGNAL)
			quit |= read(signal_fd, &sig, sizeof(sig)) > 0;
		else if (e[k].data.u32 == EV_TICK && read(timer_fd, &count, sizeof(count)) > 0)
			tick();
		else if (e[k].data.u32 < EV_LISTEN)
			operator_event(e[k].data.u32);
	}
	return quit;
}

static void stop_all(void)
{
	uint64_t until = mono_ns() + STOP_BOUND_NS;
	bool running = true;

	segment->hdr.state = engine_state_STOPPING;
	notify("STOPPING=1\nSTATUS=ends traffic");
	event_of(
		event_kind_ENGINE_STOPS, loglevel_NOTICE, NOTE_NONE, NOTE_NONE, "the engine stops");
	for (uint32_t p = 0; p < n_ports; p++) {
		if (port_runs[p] == PORT_RUNNING)
			run_stop(p);
	}
	while (running && mono_ns() < until) {
		turn(TICK_MS);
		running = false;
		for (uint32_t p = 0; p < n_ports; p++)
			running |= port_runs[p] != PORT_IDLE;
	}
}

/* All that ask for an end are read from a descriptor: no thread may be interrupted by them. */
static sigset_t signals(void)
{
	static const int unless_ignored[] = {SIGHUP, SIGQUIT}; /* nohup, shells for "&" */
	struct sigaction was;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* blocked they would be seen even then */
	for (size_t i = 0; i < ARRAY_SIZE(unless_ignored); i++) {
		if (sigaction(unless_ignored[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaddset(&set, unless_ignored[i]);
	}
	return set;
}

void mgmt_block_signals(void)
{
	sigset_t set = signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader of the log that leaves must not end us */
}

static int sources(void)
{
	struct itimerspec every = {{0, TICK_MS * 1000000}, {0, TICK_MS * 1000000}};
	sigset_t set = signals();

	ep = epoll_create1(EPOLL_CLOEXEC);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ep < 0 || signal_fd < 0 || timer_fd < 0
		|| timerfd_settime(timer_fd, 0, &every, NULL) != 0)
		return -errno;
	mgmt_watch(signal_fd, EV_SIGNAL);
	mgmt_watch(timer_fd, EV_TICK);
	return 0;
}

/* Rule: all memory is taken before READY. A client that dies while it holds the EAL's lock would
 * hang an engine that grows. */
static void on_growth(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	(void)arg;
	log_line(loglevel_CRIT, "error: memory %s while running: %zu bytes at %p",
		event == RTE_MEM_EVENT_ALLOC ? "grew" : "shrank", len, addr);
}

/* NICs take seconds to bring their link up; a command file that starts tests wants it. */
static void links_wait(void)
{
	const struct timespec nap = {0, TICK_MS * 1000000};

	for (int i = 0; i < LINK_WAIT_MS / TICK_MS; i++) {
		bool up = true;

		ports_poll_link(segment);
		for (uint32_t p = 0; p < n_ports; p++)
			up &= ports[p].kind != port_kind_DEVICE || seg_port(segment, p)->link_up;
		if (up)
			return;
		nanosleep(&nap, NULL);
	}
	log_line(loglevel_WARNING, "links are still down after %d s (show port link)",
		LINK_WAIT_MS / 1000);
}

static void ready(const struct options *o, const struct eal_cmdline *eal)
{
	for (uint32_t p = 0; p < n_ports; p++)
		publish_port(p);
	tick();
	rte_mem_event_callback_register("warp17", on_growth, NULL);
	segment->hdr.state = engine_state_READY;
	if (eal->one_cpu)
		log_line(loglevel_WARNING,
			"one CPU only: management and the worker share it, rates will be low");
	if (o->given.cmd_file) {
		links_wait();
		mgmt_file(o->cmd_file);
	}
	fprintf(stderr, "warp17: READY prefix=%s pid=%d ports=%u workers=%u tcbs=%u ucbs=%u\n",
		eal->prefix, (int)getpid(), n_ports, n_workers, lcores[0]->tcbs.n * n_workers,
		lcores[0]->ucbs.n * n_workers);
	notify("READY=1\nSTATUS=ready: prefix %s, %u ports, %u workers", eal->prefix, n_ports,
		n_workers);
}

int mgmt_run(const struct options *o, const struct eal_cmdline *eal)
{
	int rc = sources();

	log_syslog(o->given.syslog ? o->syslog : SYSLOG_SOCKET);
	operators_init();
	faults_begin();
	heartbeat_begin(mono_ns());
	if (rc == 0)
		rc = listen_at(eal->prefix);
	if (rc != 0)
		return rc;
	ready(o, eal);
	for (bool more = false; !turn(more ? 0 : -1);)
		more = operators_serve();
	stop_all();
	return 0;
}
