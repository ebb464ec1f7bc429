/* The applications' switch, and the page that bodies are made of. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE_BYTES 65536u

/* Bodies by application: filled by the first app_tc_init(), before any worker runs a test case,
 * then read only. */
static uint8_t body_page[app_kind_COUNT][PAGE_BYTES] cache_aligned;

static void page_fill(void)
{
	/* a line of 64, so that the page and the pattern end together */
	static const char
		line[] = "WARP17 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQR\n";

	static_assert(PAGE_BYTES % (sizeof(line) - 1) == 0);
	memset(body_page[app_kind_RAW], RAW_BYTE, PAGE_BYTES);
	for (uint32_t i = 0; i < PAGE_BYTES; i++)
		body_page[app_kind_HTTP][i] = line[i % (sizeof(line) - 1)];
}

int app_tc_init(struct app_tc *at, const struct tc_config *cfg, char *err, size_t errlen)
{
	if (body_page[0][0] == 0)
		page_fill();
	memset(at, 0, sizeof(*at));
	at->app = cfg->app;
	at->is_client = cfg->kind == tc_kind_CLIENT;
	at->requests = cfg->requests;
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_tc_init(at, cfg, err, errlen);
#include "engine/l7_app/app.def"
	default:
		snprintf(err, errlen, "no application %u", at->app);
		return -EINVAL;
	}
}

enum app_act app_conn_up(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	(void)st;
	memset(c, 0, sizeof(*c));
	*kind = 0;
	switch (at->app) {
#define APP(name, NAME)       \
	case app_kind_##NAME: \
		return name##_conn_up(at, c, kind);
#include "engine/l7_app/app.def"
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
#include "engine/l7_app/app.def"
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
#include "engine/l7_app/app.def"
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
#include "engine/l7_app/app.def"
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
#include "engine/l7_app/app.def"
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
#include "engine/l7_app/app.def"
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
