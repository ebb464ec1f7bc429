/* IMIX: applications with weights, groups of them, and the test cases that use a group. The
 * segment's record is where they stand; management alone writes it. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <string.h>

static struct imix_app *app_of(uint32_t index)
{
	return &seg_imix(segment)->apps[index];
}

static const struct imix_group *group_of(uint32_t id)
{
	return &seg_imix(segment)->groups[id];
}

static bool has(const struct imix_group *g, uint32_t index)
{
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->app[i] == index)
			return true;
	}
	return false;
}

static uint32_t weight_of(const struct imix_group *g)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < g->n; i++)
		sum += app_of(g->app[i])->weight;
	return sum;
}

/* The test case that uses a group. */
static bool user_of(uint32_t id, uint32_t *port, uint32_t *tcid)
{
	for (uint32_t p = 0; p < n_ports; p++) {
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			if (tc_cfgs[p][i].kind == tc_kind_NONE || tc_cfgs[p][i].imix != id + 1)
				continue;
			*port = p;
			*tcid = i;
			return true;
		}
	}
	return false;
}

/* Calls fn() for each test case that uses an application, until one answers otherwise than 0. */
typedef int user_fn(uint32_t port, uint32_t tcid, uint32_t index, void *arg);
static int users_of_app(uint32_t index, user_fn *fn, void *arg)
{
	for (uint32_t id = 0; id < IMIX_GROUPS_MAX; id++) {
		uint32_t port, tcid;
		int rc;

		if (!has(group_of(id), index) || !user_of(id, &port, &tcid))
			continue;
		rc = fn(port, tcid, index, arg);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int user_idle(uint32_t port, uint32_t tcid, uint32_t index, void *arg)
{
	if (port_runs[port] == PORT_IDLE)
		return 0;
	return reply_fail(arg, -EALREADY,
		"app-index %u is used by test case %u of port %u, which is running: stop tests "
		"port %u first",
		index, tcid, port, port);
}

static int user_changed(uint32_t port, uint32_t tcid, uint32_t index, void *arg)
{
	(void)index;
	(void)arg;
	tc_changed(port, tcid);
	return 0;
}

struct change {
	const struct app_config *cfg;
	enum tc_kind side;
	struct reply *r;
};

/* Would the test case take the application as it is to be? */
static int user_takes(uint32_t port, uint32_t tcid, uint32_t index, void *arg)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	const struct change *to = arg;

	if (c->kind != to->side)
		return reply_fail(to->r, -EINVAL,
			"app-index %u is used by test case %u of port %u, which is a %s", index,
			tcid, port, tc_kind_word(c->kind));
	return tc_app_check(c, to->cfg, to->r);
}

int imix_app_begin(const struct app_at *at, struct app_config *cfg, struct reply *r)
{
	const struct imix_app *a = app_of(at->index);

	app_config_init(cfg);
	if (a->side == at->side) /* of the other side nothing is of use */
		*cfg = a->cfg;
	return users_of_app(at->index, user_idle, r);
}

int imix_app_end(const struct app_at *at, const struct app_config *cfg, struct reply *r)
{
	struct change to = {.cfg = cfg, .side = at->side, .r = r};
	struct imix_app *a = app_of(at->index);
	/* TCP takes every application, UDP not; which it will be is known when a test case uses it */
	int rc = app_check(cfg, at->side, l4proto_TCP, r);

	if (rc == 0)
		rc = users_of_app(at->index, user_takes, &to);
	if (rc != 0)
		return rc;
	seg_write_begin(&seg_imix(segment)->seq);
	a->side = at->side;
	a->cfg = *cfg;
	seg_write_end(&seg_imix(segment)->seq);
	return users_of_app(at->index, user_changed, NULL);
}

int cmd_imix_weight(const struct req_imix_weight *q, struct reply *r)
{
	struct imix_app *a = app_of(q->index);
	int rc = users_of_app(q->index, user_idle, r);

	if (rc != 0)
		return rc;
	if (a->side == tc_kind_NONE)
		return reply_fail(r, -ENOENT,
			"app-index %u is no application yet: set tests imix app-index %u "
			"client|server ... first",
			q->index, q->index);
	for (uint32_t id = 0; id < IMIX_GROUPS_MAX; id++) {
		const struct imix_group *g = group_of(id);

		if (has(g, q->index) && weight_of(g) - a->weight + q->weight > IMIX_WEIGHT_MAX)
			return reply_fail(r, -EINVAL,
				"weight %u: the weights of imix-id %u would make %u, at most %u "
				"are possible",
				q->weight, id, weight_of(g) - a->weight + q->weight,
				IMIX_WEIGHT_MAX);
	}
	seg_write_begin(&seg_imix(segment)->seq);
	a->weight = q->weight;
	seg_write_end(&seg_imix(segment)->seq);
	return users_of_app(q->index, user_changed, NULL);
}

/* A group of these applications, or why there can be none. */
static int group_make(uint32_t apps, struct imix_group *g, struct reply *r)
{
	*g = (struct imix_group){0};
	if (__builtin_popcount(apps) > IMIX_GROUP_APPS)
		return reply_fail(r, -E2BIG, "app: %d applications, at most %u make a group",
			__builtin_popcount(apps), IMIX_GROUP_APPS);
	for (uint32_t i = 0; i < IMIX_APPS_MAX; i++) {
		const struct imix_app *a = app_of(i);

		if (!(apps >> i & 1))
			continue;
		if (a->side == tc_kind_NONE)
			return reply_fail(r, -ENOENT, "app-index %u is no application yet", i);
		if (a->weight == 0)
			return reply_fail(r, -EINVAL,
				"app-index %u has no weight: set tests imix app-index %u weight "
				"first",
				i, i);
		g->app[g->n++] = (uint8_t)i;
		if (a->side != app_of(g->app[0])->side)
			return reply_fail(r, -EINVAL,
				"app-index %u is a %s, app-index %u a %s: a group has one or the "
				"other",
				g->app[0], tc_kind_word(app_of(g->app[0])->side), i,
				tc_kind_word(a->side));
	}
	if (weight_of(g) > IMIX_WEIGHT_MAX)
		return reply_fail(r, -EINVAL, "the weights make %u, at most %u are possible",
			weight_of(g), IMIX_WEIGHT_MAX);
	return 0;
}

static void group_store(uint32_t id, const struct imix_group *g)
{
	seg_write_begin(&seg_imix(segment)->seq);
	seg_imix(segment)->groups[id] = *g;
	seg_write_end(&seg_imix(segment)->seq);
}

int cmd_add_tests_imix(const struct req_add_tests_imix *q, struct reply *r)
{
	struct imix_group g;
	int rc;

	if (group_of(q->imix_id)->n != 0)
		return reply_fail(r, -EEXIST,
			"there is an imix-id %u already: del tests imix-id %u first", q->imix_id,
			q->imix_id);
	rc = group_make(q->apps, &g, r);
	if (rc == 0)
		group_store(q->imix_id, &g);
	return rc;
}

int cmd_del_tests_imix(const struct req_del_tests_imix *q, struct reply *r)
{
	struct imix_group none = {0};
	uint32_t port, tcid;

	if (group_of(q->imix_id)->n == 0)
		return reply_fail(r, -ENOENT, "there is no imix-id %u", q->imix_id);
	if (user_of(q->imix_id, &port, &tcid))
		return reply_fail(r, -EBUSY, "imix-id %u is used by test case %u of port %u",
			q->imix_id, tcid, port);
	group_store(q->imix_id, &none);
	return 0;
}

int cmd_set_tests_imix(const struct req_set_tests_imix *q, struct reply *r)
{
	const struct imix_group *g = group_of(q->imix_id);
	struct tc_config *c = &tc_cfgs[q->port][q->tcid];
	int rc = tc_idle(q->port, q->tcid, r);
	uint32_t port, tcid;

	if (rc != 0)
		return rc;
	if (g->n == 0)
		return reply_fail(r, -ENOENT, "there is no imix-id %u", q->imix_id);
	if (user_of(q->imix_id, &port, &tcid) && (port != q->port || tcid != q->tcid))
		return reply_fail(r, -EBUSY,
			"imix-id %u is used by test case %u of port %u: a group serves one test "
			"case",
			q->imix_id, tcid, port);
	for (uint32_t i = 0; i < g->n && rc == 0; i++) {
		struct change to = {
			.cfg = &app_of(g->app[i])->cfg, .side = app_of(g->app[i])->side, .r = r};

		rc = to.side == c->kind
			? tc_app_check(c, to.cfg, r)
			: reply_fail(r, -EINVAL,
				"test case %u is a %s, app-index %u of the group a "
				"%s",
				q->tcid, tc_kind_word(c->kind), g->app[i], tc_kind_word(to.side));
	}
	if (rc != 0)
		return rc;
	app_config_init(&c->app); /* the group takes its place */
	c->imix = q->imix_id + 1;
	tc_changed(q->port, q->tcid);
	return 0;
}

int tc_apps_check(const struct tc_config *c, struct reply *r)
{
	const struct imix_group *g = c->imix != 0 ? group_of(c->imix - 1) : NULL;
	int rc = g == NULL ? tc_app_check(c, &c->app, r) : 0;

	for (uint32_t i = 0; g != NULL && i < g->n && rc == 0; i++)
		rc = tc_app_check(c, &app_of(g->app[i])->cfg, r);
	return rc;
}

static bool measures(const struct app_config *a)
{
	return a->kind == app_kind_RAW && a->raw.rx_ts != 0;
}

bool tc_has_latency(const struct tc_config *c)
{
	const struct imix_group *g = c->imix != 0 ? group_of(c->imix - 1) : NULL;
	bool yes = c->ipv4.rx_ts != 0 || (g == NULL && measures(&c->app));

	for (uint32_t i = 0; g != NULL && i < g->n; i++)
		yes |= measures(&app_of(g->app[i])->cfg);
	return yes;
}

int imix_start(uint32_t id, enum l4proto proto, char *err, size_t errlen)
{
	const struct imix_group *g = group_of(id);
	uint8_t weight[IMIX_GROUP_APPS];
	int rc = 0;

	for (uint32_t i = 0; i < g->n && rc == 0; i++) {
		const struct imix_app *a = app_of(g->app[i]);

		weight[i] = (uint8_t)a->weight;
		rc = app_tc_init(app_tc_imix(n_ports, id, i), &a->cfg, a->side, proto, err, errlen);
	}
	if (rc == 0)
		imix_build(&app_mixes[id], weight, g->n);
	return rc;
}

void imix_stats_clear(uint32_t id)
{
	for (uint32_t lc = 0; lc < segment->hdr.n_lcores; lc++)
		memset(seg_stats_imix(segment, lc, id, 0), 0,
			sizeof(struct stats_imix_block[IMIX_GROUP_APPS]));
}

/* With a limit of requests sessions end by themselves. */
bool tc_ends_sessions(const struct tc_config *c)
{
	bool ends = c->imix == 0 && c->app.requests != 0;

	for (uint32_t i = 0; c->imix != 0 && i < group_of(c->imix - 1)->n; i++)
		ends |= app_of(group_of(c->imix - 1)->app[i])->cfg.requests != 0;
	return ends || c->uptime_s != TC_FOREVER;
}
