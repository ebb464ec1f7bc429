/* The RPC server's loop: listens, and lets each client have a step in turn. */
#include "cli/rpc_server.h"

#include "common/util/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SLEEP_MAX_MS 60000
#define DEAF_MS 200

enum {
	POLL_ENGINE,
	POLL_SIGNAL,
	POLL_LISTEN,
	POLL_CLIENTS = POLL_LISTEN + RPC_LISTEN_MAX,
	POLL_MAX = POLL_CLIENTS + 2 * RPC_CLIENTS_MAX /* each with its place at the engine */
};

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Where it listens when nobody says. */
static int defaults(struct rpc_opts *o, const char *prefix, char *why, size_t len)
{
	char dir[RUNDIR_MAX], text[RUNDIR_MAX + 32];
	int rc;

	if (o->n_at != 0)
		return 0;
	rundir_path(prefix, dir);
	snprintf(text, sizeof(text), "unix:%s/" RPC_SOCKET, dir);
	rc = rpc_at_parse(&o->at[o->n_at++], "127.0.0.1:" TEXT_OF(RPC_PORT), why, len);
	return rc == 0 ? rpc_at_parse(&o->at[o->n_at++], text, why, len) : rc;
}

static int listen_all(struct rpc_opts *o, const struct cli *cli)
{
	char why[RUNDIR_MAX + 200] = "";
	int rc = defaults(o, cli->prefix, why, sizeof(why));

	for (uint32_t i = 0; i < o->n_at && rc == 0; i++)
		rc = rpc_at_open(&o->at[i], why, sizeof(why));
	if (rc != 0) {
		fprintf(stderr, "warp17-cli: --rpc: %s\n", why);
		return CLI_FAILED;
	}
	fprintf(stderr, "warp17-cli: RPC READY prefix=%s pid=%d", cli->prefix, (int)getpid());
	for (uint32_t i = 0; i < o->n_at; i++)
		fprintf(stderr, " %s", o->at[i].text);
	fprintf(stderr, "\n");
	return CLI_OK;
}

/* One too many is told so, if it takes that at once. */
static void turn_away(int fd)
{
	struct rpc_error e;
	char *text;

	rpc_fail_sys(
		&e, -EBUSY, "there is no room for more than " TEXT_OF(RPC_CLIENTS_MAX) " clients");
	text = rpc_answer_text(json_null(), NULL, &e);
	if (text != NULL && send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		send(fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	free(text);
	close(fd);
}

static void accept_one(struct rpc_server *s, const struct rpc_at *at)
{
	int fd = accept4(at->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	bool trusted = s->o->token[0] == '\0' || at->where.addr.any.sa_family == AF_UNIX;
	struct rpc_conn *c;

	if (fd < 0) {
		/* without descriptors: those who leave give theirs back */
		s->deaf_until_ms = errno == EAGAIN ? 0 : mono_ms() + DEAF_MS;
		return;
	}
	if (s->n_conns == RPC_CLIENTS_MAX) {
		turn_away(fd);
		return;
	}
	c = rpc_conn_new(s, fd, trusted);
	if (c != NULL)
		s->conns[s->n_conns++] = c;
	else
		close(fd);
}

static short events_of(const struct rpc_conn *c)
{
	return (short)((rpc_conn_wants(c) ? POLLIN : 0) | (c->out.len != 0 ? POLLOUT : 0));
}

/* Of its place at the engine: its end, or what is waited for. */
static struct pollfd place_of(const struct rpc_conn *c)
{
	bool waits = c->call.step == STEP_PLACE || c->call.step == STEP_REPLY;

	return (struct pollfd){
		.fd = c->place.sock, .events = (short)(waits ? POLLIN | POLLRDHUP : POLLRDHUP)};
}

static nfds_t poll_set(const struct rpc_server *s, int signal_fd, struct pollfd *p)
{
	bool deaf = mono_ms() < s->deaf_until_ms;

	p[POLL_ENGINE] = (struct pollfd){.fd = s->cli->client.sock, .events = POLLRDHUP};
	p[POLL_SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
	for (uint32_t i = 0; i < RPC_LISTEN_MAX; i++)
		p[POLL_LISTEN + i] = (struct pollfd){
			.fd = i < s->o->n_at && !deaf ? s->o->at[i].fd : -1, .events = POLLIN};
	for (uint32_t i = 0; i < s->n_conns; i++) {
		p[POLL_CLIENTS + 2 * i] = (struct pollfd){
			.fd = rpc_conn_mute(s->conns[i]) ? -1 : s->conns[i]->fd,
			.events = events_of(s->conns[i])};
		p[POLL_CLIENTS + 2 * i + 1] = place_of(s->conns[i]);
	}
	return POLL_CLIENTS + 2 * s->n_conns;
}

static void client_event(struct rpc_conn *c, const struct pollfd *own, const struct pollfd *place)
{
	if (own->revents & (POLLIN | POLLHUP))
		rpc_conn_read(c);
	if (own->revents & POLLERR)
		c->dead = true;
	if (own->revents & POLLOUT)
		rpc_conn_write(c);
	/* the engine hung up on this one alone; what is under way sees it by itself */
	if ((place->revents & (POLLRDHUP | POLLHUP | POLLERR)) && c->call.step != STEP_PLACE
		&& c->call.step != STEP_REPLY)
		c->closing = true;
}

static void reap(struct rpc_server *s)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < s->n_conns; i++) {
		if (s->conns[i]->dead)
			rpc_conn_free(s->conns[i]);
		else
			s->conns[left++] = s->conns[i];
	}
	s->n_conns = left;
}

/* A step of each client; when to go on, ms. */
static int work(struct rpc_server *s)
{
	int64_t now = mono_ms(), next = now + (s->deaf_until_ms != 0 ? DEAF_MS : SLEEP_MAX_MS);
	bool more = false;

	for (uint32_t i = 0; i < s->n_conns; i++)
		more |= rpc_conn_work(s->conns[i], now, &next);
	reap(s);
	return more ? 0 : (int)MAX_OF(next - mono_ms(), INT64_C(0));
}

/* Everybody is told, as far as they take it at once. */
static int engine_gone(struct rpc_server *s)
{
	for (uint32_t i = 0; i < s->n_conns; i++) {
		rpc_call_gone(s->conns[i]);
		rpc_conn_write(s->conns[i]);
	}
	fprintf(stderr, "warp17-cli: the engine is gone\n");
	return CLI_NO_ENGINE;
}

static int serve(struct rpc_server *s, int signal_fd)
{
	static struct pollfd p[POLL_MAX];

	for (int sleep_ms = 0;;) {
		uint32_t had = s->n_conns;
		nfds_t n = poll_set(s, signal_fd, p);

		if (poll(p, n, sleep_ms) < 0 && errno != EINTR)
			return CLI_FAILED;
		if (p[POLL_ENGINE].revents != 0)
			return engine_gone(s);
		if (p[POLL_SIGNAL].revents != 0)
			return CLI_OK;
		for (uint32_t i = 0; i < had; i++)
			client_event(s->conns[i], &p[POLL_CLIENTS + 2 * i],
				&p[POLL_CLIENTS + 2 * i + 1]);
		for (uint32_t i = 0; i < s->o->n_at; i++) {
			if (p[POLL_LISTEN + i].revents & POLLIN)
				accept_one(s, &s->o->at[i]);
		}
		sleep_ms = work(s);
	}
}

int rpc_run(struct cli *cli, struct rpc_opts *o)
{
	static struct rpc_server s;
	int signal_fd = signals(), rc;

	s = (struct rpc_server){.cli = cli, .o = o};
	__atomic_store_n(&cli->busy, 1, __ATOMIC_RELEASE); /* we look; pairs with on_gone() */
	rc = listen_all(o, cli);
	if (rc == CLI_OK)
		rc = serve(&s, signal_fd);
	for (uint32_t i = 0; i < s.n_conns; i++)
		rpc_conn_free(s.conns[i]);
	for (uint32_t i = 0; i < o->n_at; i++)
		rpc_at_close(&o->at[i]);
	return rc;
}
