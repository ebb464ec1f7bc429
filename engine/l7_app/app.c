/* The applications' switch, and the page that bodies are made of. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE_BYTES 65536u

/* Bodies by application: filled by the first app_tc_init(), before any worker runs a test case,
 * then read only. */
static uint8_t body_page[app_kind_COUNT][PAGE_BYTES] cache_aligned;

static void pages_fill(void)
{
#define APP(name, NAME) name##_page(body_page[app_kind_##NAME], PAGE_BYTES);
#include "common/cmd/app.def"
}

/* A body that has room in the head goes there. */
static void short_ones_whole(struct app_tc *at)
{
	for (uint32_t i = 0; i < APP_KINDS; i++) {
		struct app_msg *m = &at->msg[i];

		if (m->len > APP_HEAD_MAX)
			continue;
		memcpy(m->head + m->head_len, body_page[at->app], m->len - m->head_len);
		m->head_len = m->len;
	}
}

static int init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_tc_init(at, cfg, err, errlen);
#include "common/cmd/app.def"
	default:
		snprintf(err, errlen, "no application %u", at->app);
		return -EINVAL;
	}
}

int app_tc_init(struct app_tc *at, const struct app_config *cfg, enum tc_kind side,
	enum l4proto proto, char *err, size_t errlen)
{
	int rc;

	if (body_page[0][0] == 0)
		pages_fill();
	memset(at, 0, sizeof(*at));
	at->app = cfg->kind;
	at->is_client = side == tc_kind_CLIENT;
	at->is_udp = proto == l4proto_UDP;
	at->requests = cfg->requests;
	at->answered = at->is_client != 0;
	rc = init(at, cfg, err, errlen);
	if (rc == 0)
		short_ones_whole(at);
	return rc;
}

enum app_act app_conn_up(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	(void)st;
	memset(c, 0, offsetof(struct app_conn, slot));
	*kind = 0;
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_conn_up(at, c, kind);
#include "common/cmd/app.def"
	default:
		return APP_NONE;
	}
}

enum app_act app_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_deliver(at, c, st, data, len, idle, kind);
#include "common/cmd/app.def"
	default:
		return APP_NONE;
	}
}

enum app_act app_sent(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_sent(at, c, st, kind);
#include "common/cmd/app.def"
	default:
		return APP_NONE;
	}
}

enum app_act app_lost(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_lost(at, c, st, kind);
#include "common/cmd/app.def"
	default:
		return APP_NONE;
	}
}

enum app_act app_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_peer_closed(at, c, st);
#include "common/cmd/app.def"
	default:
		return APP_CLOSE;
	}
}

void app_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	switch (at->app) {
#define APP(name, NAME)                      \
	case app_kind_##NAME:                \
		name##_conn_down(at, c, st); \
		break;
#include "common/cmd/app.def"
	default:
		break;
	}
}

const uint8_t *app_payload(const struct app_tc *at, uint8_t kind, uint32_t off, uint32_t *len)
{
	const struct app_msg *m = &at->msg[kind];

	if (off < m->head_len) {
		*len = m->head_len - off;
		return m->head + off;
	}
	*len = MIN_OF(m->len - off, PAGE_BYTES - (off - m->head_len) % PAGE_BYTES);
	return body_page[at->app] + (off - m->head_len) % PAGE_BYTES;
}
