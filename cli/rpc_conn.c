/* A client of the RPC server: its socket, what has come and what is to go, and how much of either is
 * taken. */
#include "cli/rpc_server.h"
#include "common/util/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX 65536 /* bytes at a time */
#define IN_MAX (RPC_LINE_MAX + READ_MAX)
#define IN_PAUSE 65536 /* bytes that wait behind a request under way */
#define CLOSE_MS 1000
#define OUT_MAX (64u << 20) /* bytes: a line more than any view takes */

static void socket_set(int fd)
{
	int on = 1, idle_s = 60, every_s = 10, n = 3;

	/* who is gone without a word is seen in two minutes; of a Unix socket these mean nothing */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &n, sizeof(n));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

struct rpc_conn *rpc_conn_new(struct rpc_server *s, int fd, bool trusted)
{
	struct rpc_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->server = s;
	c->fd = fd;
	c->trusted = trusted;
	c->read_only = s->o->read_only;
	c->place = CLIENT_NONE;
	c->came_ms = c->took_ms = c->credit_ms = mono_ms();
	c->credit = RPC_RATE;
	socket_set(fd);
	rpc_peer_text(fd, c->peer, sizeof(c->peer));
	snprintf(c->name, sizeof(c->name), "rpc@%.26s", c->peer);
	for (char *at = c->name; *at != '\0'; at++)
		*at = (char)(*at == ' ' ? '_' : *at);
	return c;
}

void rpc_conn_free(struct rpc_conn *c)
{
	client_detach(&c->place); /* what it holds is released */
	rpc_call_free(&c->call);
	rpc_subs_free(c);
	baseline_free(&c->base);
	rpc_buf_free(&c->in);
	rpc_buf_free(&c->out);
	free(c->link);
	close(c->fd);
	free(c);
}

bool rpc_conn_wants(const struct rpc_conn *c)
{
	bool busy = c->call.line != NULL || c->out.len > RPC_OUT_PAUSE;

	return !c->eof && (c->shut || (!c->closing && (!busy || c->in.len < IN_PAUSE)));
}

bool rpc_conn_mute(const struct rpc_conn *c)
{
	return c->eof && c->out.len == 0;
}

/* What it said last need not end in a newline. */
static void eof(struct rpc_conn *c)
{
	c->eof = true;
	if (c->in.len != 0 && c->in.p[c->in.len - 1] != '\n')
		c->dead |= !rpc_buf_add(&c->in, "\n", 1, IN_MAX + 1);
}

void rpc_conn_read(struct rpc_conn *c)
{
	static char bytes[READ_MAX];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0 && !c->closing && !rpc_buf_add(&c->in, bytes, (size_t)n, IN_MAX))
		c->dead = true;
	else if (n == 0)
		eof(c);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->dead = true;
}

void rpc_conn_write(struct rpc_conn *c)
{
	ssize_t n = c->out.len == 0
		? 0
		: send(c->fd, c->out.p, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0) {
		rpc_buf_take(&c->out, (size_t)n);
		c->took_ms = mono_ms();
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		c->dead = true;
	}
}

void rpc_conn_say(struct rpc_conn *c, char *text)
{
	if (c->out.len == 0)
		c->took_ms = mono_ms();
	if (text == NULL || !rpc_buf_add(&c->out, text, strlen(text), OUT_MAX)
		|| !rpc_buf_add(&c->out, "\n", 1, OUT_MAX))
		c->dead = true;
	free(text);
}

static void refuse(struct rpc_conn *c, const struct rpc_error *e)
{
	json_t *none = json_null();

	rpc_conn_say(c, rpc_answer_text(none, NULL, e));
}

/* True: there was a line. */
static bool line_take(struct rpc_conn *c)
{
	struct rpc_error e;
	bool hopeless;
	json_t *line;
	size_t len;

	if (!rpc_line(&c->in, &c->seen, &len)) {
		if (c->in.len <= RPC_LINE_MAX)
			return false;
		rpc_fail(&e, RPC_INVALID, "a line of more than %u bytes", RPC_LINE_MAX);
		refuse(c, &e);
		c->closing = true;
		return false;
	}
	line = rpc_parse(c->in.p, len, &e, &hopeless);
	rpc_buf_take(&c->in, len + 1);
	c->heard |= line != NULL;
	c->closing = hopeless;
	if (line == NULL)
		refuse(c, &e);
	else
		rpc_call_begin(c, line);
	return true;
}

static void credit_earn(struct rpc_conn *c, int64_t now_ms)
{
	uint64_t earned = (uint64_t)(now_ms - c->credit_ms) * RPC_RATE / 1000;

	if (earned == 0)
		return;
	c->credit = (uint32_t)MIN_OF(c->credit + earned, (uint64_t)RPC_RATE);
	c->credit_ms = now_ms;
}

static void look_again(int64_t *next_ms, int64_t at_ms)
{
	*next_ms = MIN_OF(*next_ms, at_ms);
}

/* Those that say nothing, or take nothing, have had their time. */
static void overdue(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	if (!c->heard || !c->trusted) {
		c->dead |= now_ms - c->came_ms > RPC_SILENT_MS;
		look_again(next_ms, c->came_ms + RPC_SILENT_MS + 1);
	}
	if (c->out.len != 0) {
		c->dead |= now_ms - c->took_ms > RPC_SLOW_MS;
		look_again(next_ms, c->took_ms + RPC_SLOW_MS + 1);
	}
}

/* All has been sent. Its end is waited for: who hangs up on bytes that it has not read takes the
 * answer away from the other. */
static void leave(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	if (!c->shut) {
		client_detach(&c->place);
		shutdown(c->fd, SHUT_WR);
		c->shut = true;
		c->closed_ms = now_ms + CLOSE_MS;
	}
	c->dead |= c->eof || now_ms >= c->closed_ms;
	look_again(next_ms, c->closed_ms);
}

bool rpc_conn_work(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	bool more = false, paused;

	credit_earn(c, now_ms);
	paused = c->out.len > RPC_OUT_PAUSE || c->credit == 0;
	if (c->credit == 0)
		look_again(next_ms, now_ms + 1);
	if (c->call.line != NULL && (c->call.step != STEP_IDLE || !paused))
		more = rpc_call_step(c, now_ms, next_ms);
	else if (c->call.line == NULL && !c->closing && !paused)
		more = line_take(c);
	if (!c->closing)
		rpc_subs_step(c, now_ms, next_ms);
	overdue(c, now_ms, next_ms);
	/* it has said all, and has its answers */
	c->closing |= c->eof && !more && !paused && c->call.line == NULL;
	rpc_conn_write(c);
	if (c->closing && c->call.line == NULL && c->out.len == 0)
		leave(c, now_ms, next_ms);
	return more;
}
