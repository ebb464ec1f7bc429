/* RAW: requests and responses of fixed sizes, counted in bytes, without framing. What TCP and
 * UDP count of every application (rx_bytes, tx_msgs, tx_bytes) is not counted here again. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* app_conn.flags of a server: the peer has closed, we do when the pending ones are sent */
#define RF_LAST 0x01u

void raw_page(uint8_t *page, uint32_t len)
{
	memset(page, RAW_BYTE, len);
}

static void stamp_room(char *err, size_t errlen, const char *what, bool request, uint32_t bytes)
{
	snprintf(err, errlen, "%s: needs %u bytes of data-%s-plen, which is %u", what,
		APP_STAMP_BYTES, request ? "req" : "resp", bytes);
}

int raw_tc_init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	uint32_t tx = at->is_client ? cfg->raw.req_bytes : cfg->raw.resp_bytes;

	if (tx > APP_SIZE_MAX) {
		snprintf(err, errlen, "message of %u bytes, at most %u are possible", tx,
			APP_SIZE_MAX);
		return -EINVAL;
	}
	at->rx_bytes = at->is_client ? cfg->raw.resp_bytes : cfg->raw.req_bytes;
	at->msg[0].len = tx;
	at->answered = at->is_client && tx != 0 && at->rx_bytes != 0;
	at->tx_stamp = cfg->raw.tx_ts != 0;
	at->rx_watch = cfg->raw.rx_ts != 0 ? APP_WATCH_STAMPS : 0;
	if (at->tx_stamp && tx < APP_STAMP_BYTES) {
		stamp_room(err, errlen, "tx-timestamp", at->is_client, tx);
		return -EINVAL;
	}
	if (at->rx_watch != 0 && at->rx_bytes < APP_STAMP_BYTES) {
		stamp_room(err, errlen, "rx-timestamp", !at->is_client, at->rx_bytes);
		return -EINVAL;
	}
	return 0;
}

enum app_act raw_conn_up(const struct app_tc *at, struct app_conn *c, uint8_t *kind)
{
	*kind = 0;
	c->rx_left = at->is_client ? 0 : at->rx_bytes;
	return at->is_client && at->msg[0].len != 0 ? APP_SEND : APP_NONE;
}

static int done(const struct app_tc *at, const struct app_conn *c)
{
	return at->requests != 0 && c->n_done >= at->requests;
}

static enum app_act client_next(const struct app_tc *at, struct app_conn *c)
{
	c->n_done++;
	return done(at, c) ? APP_CLOSE : APP_SEND;
}

static enum app_act client_sent(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	STAT_INC(st.tc->requests);
	if (at->rx_bytes == 0)
		return client_next(at, c);
	c->rx_left = at->rx_bytes;
	return APP_NONE;
}

static enum app_act server_sent(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	STAT_INC(st.tc->responses);
	if (c->pending != 0) {
		c->pending--;
		return APP_SEND;
	}
	return done(at, c) || (c->flags & RF_LAST) ? APP_CLOSE : APP_NONE;
}

enum app_act raw_sent(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	return at->is_client ? client_sent(at, c, st) : server_sent(at, c, st);
}

/* A response is awaited only once its request is out, so that a client is idle at its end. */
static enum app_act client_deliver(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint32_t len)
{
	if (c->rx_left == 0)
		return APP_NONE; /* more than was asked for is swallowed */
	if (len < c->rx_left) {
		c->rx_left -= len;
		return APP_NONE;
	}
	c->rx_left = 0;
	STAT_INC(st.tc->responses);
	return client_next(at, c);
}

static enum app_act server_deliver(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint32_t len, int idle)
{
	uint32_t n = 1;

	if (len < c->rx_left || at->rx_bytes == 0) {
		c->rx_left -= at->rx_bytes == 0 ? 0 : len;
		return APP_NONE;
	}
	len -= c->rx_left;
	if (unlikely(len >= at->rx_bytes)) {
		n += len / at->rx_bytes;
		len %= at->rx_bytes;
	}
	c->rx_left = at->rx_bytes - len;
	if (at->requests != 0)
		n = MIN_OF(n, at->requests - c->n_done);
	if (n == 0)
		return APP_NONE; /* the limit was reached before, its FIN is under way */
	STAT_ADD(st.tc->requests, n);
	c->n_done += n;
	if (at->msg[0].len == 0)
		return done(at, c) ? APP_CLOSE : APP_NONE;
	n -= idle != 0;
	if (unlikely(n > (uint32_t)UINT8_MAX - c->pending))
		return APP_ABORT; /* a peer that does not wait for its answers */
	c->pending += n;
	return idle ? APP_SEND : APP_NONE;
}

enum app_act raw_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	(void)data;
	*kind = 0;
	return at->is_client ? client_deliver(at, c, st, len)
			     : server_deliver(at, c, st, len, idle);
}

enum app_act raw_lost(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	if (!at->is_client) {
		c->rx_left = at->rx_bytes; /* the rest of a request in several datagrams */
		return APP_NONE;
	}
	if (c->rx_left == 0)
		return APP_NONE;
	c->rx_left = 0;
	STAT_INC(st.tc->resp_lost);
	return client_next(at, c);
}

enum app_act raw_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	(void)st;
	if (at->is_client || c->pending == 0)
		return APP_CLOSE;
	c->flags |= RF_LAST;
	return APP_NONE;
}

void raw_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	(void)at;
	(void)c;
	(void)st;
}

void app_stamps_write(const struct app_tc *at, uint32_t off, uint8_t *to, uint32_t len, uint64_t ns)
{
	uint32_t size = at->msg[0].len;
	uint64_t begin = off == 0 ? 0 : size - off; /* of the next message */

	for (; begin + APP_STAMP_BYTES <= len; begin += size)
		app_stamp_write(to + begin, ns);
}

/* Messages begin where the bytes that are left of the one before end. A client has one under way,
 * behind which bytes are nothing's. */
bool app_stamp_next(const struct app_tc *tc, const struct app_conn *c, const uint8_t *data,
	uint32_t len, uint32_t *at, uint64_t *word)
{
	uint64_t begin = c->rx_left == tc->rx_bytes ? 0 : c->rx_left;

	if (tc->is_client && (c->rx_left == 0 || begin != 0))
		return false;
	if (begin < *at)
		begin += (*at - begin + tc->rx_bytes - 1) / tc->rx_bytes * tc->rx_bytes;
	for (; begin + APP_STAMP_BYTES <= len; begin += tc->rx_bytes) {
		if (tc->is_client && begin != 0)
			return false;
		if (!app_stamp_read(data + begin, word))
			continue;
		*at = (uint32_t)begin + 1;
		return true;
	}
	return false;
}
