/* Management's loop: the main lcore sleeps in epoll on the listening socket, the operators'
 * sockets, a timer and the signals that end the engine. */
#include "common/abi/attach.h"
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
#include <unistd.h>

#define TICK_MS 100
#define STOP_BOUND_NS (5 * SECOND_NS)
enum {
	EV_LISTEN = OPERATORS_MAX, /* below: operators' slots */
	EV_TICK,
	EV_SIGNAL
};

static int ep, listen_fd;

void mgmt_watch(int fd, uint32_t what)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
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
		log_line(loglevel_ERR, "error: %s: %s", a.sun_path, strerror(errno));
		return -errno;
	}
	mgmt_watch(listen_fd, EV_LISTEN);
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
	operators_tick(now);
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
			operators_accept(listen_fd);
		else if (e[k].data.u32 == EV_SIGNAL)
			quit = true;
		else if (e[k].data.u32 == EV_TICK && read(tfd, &count, sizeof(count)) > 0)
			tick();
		else if (e[k].data.u32 < OPERATORS_MAX)
			operator_event(e[k].data.u32);
	}
	return quit;
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
	mgmt_watch(sfd, EV_SIGNAL);
	mgmt_watch(*tfd, EV_TICK);
	return 0;
}

int mgmt_run(const struct options *o)
{
	int tfd, rc = sources(&tfd);

	operators_init();
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
		more = operators_serve();
	stop_all(tfd);
	return 0;
}
