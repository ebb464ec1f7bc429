/* RAW: requests and responses of fixed sizes, counted in bytes, without framing. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>

#define PENDING_MAX 250

int raw_tc_init(struct app_tc *at, const struct tc_config *cfg, char *err, size_t errlen)
{
	uint32_t tx = at->is_client ? cfg->raw.req_bytes : cfg->raw.resp_bytes;

	if (tx > APP_SIZE_MAX) {
		snprintf(err, errlen, "message of %u bytes, at most %u are possible", tx, APP_SIZE_MAX);
		return -EINVAL;
	}
	at->rx_bytes = at->is_client ? cfg->raw.resp_bytes : cfg->raw.req_bytes;
	at->msg[0].len = tx;
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

static enum app_act client_next(const struct app_tc *at, struct app_conn *c, int idle)
{
	c->n_done++;
	if (done(at, c))
		return APP_CLOSE;
	if (idle)
		return APP_SEND;
	c->pending = 1;
	return APP_NONE;
}

enum app_act raw_sent(const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	if (at->is_client) {
		st.tc->requests++;
		if (at->rx_bytes == 0)
			return client_next(at, c, 1);
		c->rx_left = at->rx_bytes;
		return APP_NONE;
	}
	st.tc->responses++;
	if (c->pending != 0) {
		c->pending--;
		return APP_SEND;
	}
	return done(at, c) ? APP_CLOSE : APP_NONE;
}

static enum app_act client_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	uint32_t len, int idle)
{
	if (c->rx_left == 0 || len < c->rx_left) {
		c->rx_left -= c->rx_left == 0 ? 0 : len; /* more than was asked for is swallowed */
		return APP_NONE;
	}
	c->rx_left = 0;
	st.tc->responses++;
	return client_next(at, c, idle);
}

static enum app_act server_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	uint32_t len, int idle)
{
	enum app_act act = APP_NONE;

	if (at->rx_bytes == 0)
		return APP_NONE;
	while (len >= c->rx_left) {
		len -= c->rx_left;
		c->rx_left = at->rx_bytes;
		if (done(at, c))
			return act; /* its FIN is under way */
		st.tc->requests++;
		c->n_done++;
		if (at->msg[0].len == 0) {
			if (done(at, c))
				return APP_CLOSE;
		} else if (idle && act == APP_NONE) {
			act = APP_SEND;
		} else if (c->pending++ == PENDING_MAX) {
			return APP_ABORT;
		}
	}
	c->rx_left -= len;
	return act;
}

enum app_act raw_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	(void)data;
	*kind = 0;
	if (at->is_client)
		return client_deliver(at, c, st, len, idle);
	return server_deliver(at, c, st, len, idle);
}

enum app_act raw_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	(void)at;
	(void)c;
	(void)st;
	return APP_CLOSE;
}

void raw_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	(void)at;
	(void)c;
	(void)st;
}
