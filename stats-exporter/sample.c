/* The step from shared memory to a copy of our own. What comes of the segment is checked here:
 * counts, texts, and records that are being changed. */
#include "stats-exporter/sample.h"

#include "common/util/clock.h"
#include "common/util/crash.h"
#include "common/util/utf8.h"
#include "stats-exporter/exporter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool sample_ready(struct exporter *x, char *why)
{
	uint64_t age;

	if (!atomic_load(&x->attached)) {
		pthread_mutex_lock(&x->lock);
		snprintf(why, WHY_MAX, "%s", x->why);
		pthread_mutex_unlock(&x->lock);
		return false;
	}
	if (!client_alive(&x->client)) {
		snprintf(why, WHY_MAX, "the engine has gone");
		return false;
	}
	age = client_beat_age_ms(&x->client);
	if (age < STALE_MS)
		return true;
	snprintf(why, WHY_MAX, "the engine has not moved for %" PRIu64 " ms: is it stopped?", age);
	return false;
}

bool sample_lasts(struct exporter *x, char *why)
{
	if (!sample_ready(x, why))
		return false;
	/* pairs with nothing: a word of its own */
	if (__atomic_load_n(&x->client.seg->hdr.state, __ATOMIC_RELAXED) != engine_state_STOPPING)
		return true;
	snprintf(why, WHY_MAX, "the engine is stopping");
	return false;
}

void sample_text(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size - 1), at = 0;

	memmove(dst, src, n);
	dst[n] = '\0';
	while (at < n) {
		size_t len = utf8_len(dst + at, n - at);

		if (len == 0 || (unsigned char)dst[at] < ' ' || dst[at] == 0x7f) {
			dst[at] = '?';
			len = 1;
		}
		at += len;
	}
}

/* Blocks of counters: each of them whole. */
static void words_take(void *dst, const void *src, size_t size)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((uint64_t *)dst)[i] = __atomic_load_n((const uint64_t *)src + i, __ATOMIC_RELAXED);
}

static int port_take(struct sample *to, const struct seg *s, uint32_t port)
{
	static _Thread_local struct seg_port p;
	struct sample_port *sp = &to->port[port];

	if (seg_read(seg_port(s, port), &p, sizeof(p)) != 0)
		return -EAGAIN;
	*sp = (struct sample_port){.kind = p.kind,
		.link_up = p.link_up != 0,
		.running = p.running != 0,
		.mtu = p.mtu,
		.speed_mbps = p.speed_mbps == UINT32_MAX ? 0 : p.speed_mbps,
		.holder = p.holder,
		.gw = p.gw,
		.n_intfs = MIN_OF(p.n_intfs, L3_INTFS_MAX)};
	memcpy(sp->faults, p.faults, sizeof(sp->faults));
	memcpy(sp->intfs, p.intfs, sp->n_intfs * sizeof(p.intfs[0]));
	words_take(&sp->device, &seg_port(s, port)->device, sizeof(sp->device));
	sample_text(sp->name, p.name, sizeof(sp->name));
	sample_text(sp->driver, p.driver, sizeof(sp->driver));
	sample_text(sp->holder.name, sp->holder.name, sizeof(sp->holder.name));
	return 0;
}
static_assert(FIELD_SIZE(struct sample_port, name) == FIELD_SIZE(struct seg_port, name));
static_assert(FIELD_SIZE(struct sample_port, driver) == FIELD_SIZE(struct seg_port, driver));

static void app_texts(struct app_config *c)
{
	sample_text(c->http.host, c->http.host, sizeof(c->http.host));
	sample_text(c->http.object, c->http.object, sizeof(c->http.object));
}

/* The applications of its IMIX group. */
static int apps_take(struct sample_tc *t, const struct seg *s)
{
	static _Thread_local struct seg_imix m;
	const struct imix_group *g = &m.groups[(t->tc.cfg.imix - 1) % IMIX_GROUPS_MAX];

	t->n_apps = 0;
	if (t->tc.cfg.imix == 0)
		return 0;
	if (seg_read(seg_imix(s), &m, sizeof(m)) != 0)
		return -EAGAIN;
	for (; t->n_apps < MIN_OF(g->n, IMIX_GROUP_APPS); t->n_apps++) {
		const struct imix_app *app = &m.apps[g->app[t->n_apps] % IMIX_APPS_MAX];
		struct sample_app *to = &t->apps[t->n_apps];

		to->index = g->app[t->n_apps];
		to->weight = app->weight;
		to->kind = app->cfg.kind;
		to->cfg = app->cfg;
		app_texts(&to->cfg);
		seg_sum_imix(s, (t->tc.cfg.imix - 1) % IMIX_GROUPS_MAX, t->n_apps, &to->stats);
	}
	return 0;
}

static void latency_take(struct sample_tc *t, const struct seg *s)
{
	static _Thread_local struct latency_total total;
	const struct stats_latency *st = &t->stats.latency;
	uint32_t samples = MIN_OF(t->tc.cfg.latency.samples, LATENCY_RECENT_MAX);

	t->has_latency = t->tc.has_latency;
	if (!t->has_latency)
		return;
	seg_sum_latency(s, t->port, t->tcid, samples, &total);
	t->latency.samples = st->samples;
	t->latency.sum_ns = st->sum_ns;
	t->latency.min_ns = total.min_ns == UINT64_MAX ? 0 : total.min_ns;
	t->latency.max_ns = st->max_ns;
	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++)
		t->latency.quantile_ns[i] = latency_quantile(&total, st, i);
	coarse_of(&t->latency.coarse, &total.hist);
	t->recent = total.recent;
}

static void responses_take(struct sample_tc *t, const struct seg *s)
{
	static _Thread_local struct times_total total;

	if (!sample_has_responses(t))
		return;
	seg_sum_times(s, t->port, t->tcid, &total);
	for (uint32_t k = 0; k < TIMES_BYTES; k++) {
		const struct times_part *p = &total.of[k];
		struct sample_times *to = &t->response[k];

		to->samples = p->samples;
		to->sum_ns = p->sum_ns;
		to->min_ns = p->min_ns == UINT64_MAX ? 0 : p->min_ns;
		to->max_ns = p->max_ns;
		for (uint32_t i = 0; i < LATENCY_QUANTILES; i++)
			to->quantile_ns[i] = times_quantile(p, i);
		coarse_of(&to->coarse, &p->hist);
	}
}

static int tc_take(struct sample *to, const struct seg *s, uint32_t port, uint32_t tcid)
{
	struct sample_tc *t = &to->tcs[to->n_tcs];

	if (seg_read(seg_tc(s, port, tcid), &t->tc, sizeof(t->tc)) != 0)
		return -EAGAIN;
	if (t->tc.cfg.kind == tc_kind_NONE)
		return 0;
	sample_text(t->tc.reason, t->tc.reason, sizeof(t->tc.reason));
	sample_text(t->tc.behind, t->tc.behind, sizeof(t->tc.behind));
	app_texts(&t->tc.cfg.app);
	t->port = port;
	t->tcid = tcid;
	seg_sum_tc(s, port, tcid, &t->stats);
	if (apps_take(t, s) != 0)
		return -EAGAIN;
	latency_take(t, s);
	responses_take(t, s);
	to->n_tcs++;
	return 0;
}

static void header_take(struct sample *to, const struct seg_header *h)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	to->holders = 1;
	to->time_s = ts.tv_sec + ts.tv_nsec / 1e9;
	to->mono_ns = mono_ns();
	to->start_s = h->start_realtime_ns / 1e9;
	to->fingerprint = h->fingerprint;
	to->tsc_hz = h->tsc_hz;
	to->pid = h->engine_pid;
	to->state = __atomic_load_n(&h->state, __ATOMIC_RELAXED);
	to->n_ports = h->n_ports;
	to->n_workers = h->n_workers;
	to->n_lcores = h->n_lcores;
	sample_text(to->version, h->version, sizeof(to->version));
	sample_text(to->prefix, h->prefix, sizeof(to->prefix));
}
static_assert(FIELD_SIZE(struct sample, version) == FIELD_SIZE(struct seg_header, version));
static_assert(FIELD_SIZE(struct sample, prefix) == FIELD_SIZE(struct seg_header, prefix));

static void *lines_alloc(size_t n, size_t size)
{
	return aligned_alloc(CACHE_LINE, MAX_OF(n, (size_t)1) * size);
}
static_assert(sizeof(struct sample_tc) % CACHE_LINE == 0);

static bool room(struct sample *to)
{
	size_t blocks = (size_t)to->n_lcores * to->n_ports;

	to->tcs = lines_alloc((size_t)to->n_ports * TCS_MAX, sizeof(*to->tcs));
	to->port_stats = lines_alloc(blocks, sizeof(*to->port_stats));
	to->lcore_stats = lines_alloc(to->n_lcores, sizeof(*to->lcore_stats));
	return to->tcs != NULL && to->port_stats != NULL && to->lcore_stats != NULL;
}

static int records_take(struct sample *to, const struct seg *s, char *why)
{
	for (uint32_t p = 0; p < to->n_ports; p++) {
		int rc = port_take(to, s, p);

		for (uint32_t i = 0; rc == 0 && i < TCS_MAX; i++)
			rc = tc_take(to, s, p, i);
		if (rc != 0) {
			snprintf(why, WHY_MAX,
				"port %u or a test case of it is being changed and that does not "
				"end: is the engine stopped?",
				p);
			return rc;
		}
	}
	return 0;
}

static int workers_take(struct sample *to, const struct seg *s, char *why)
{
	for (uint32_t i = 0; i < to->n_workers; i++) {
		struct seg_worker w;

		if (seg_read(seg_worker(s, i), &w, sizeof(w)) != 0) {
			snprintf(why, WHY_MAX,
				"a worker's load is being changed and that does not end: is the "
				"engine stopped?");
			return -EAGAIN;
		}
		to->lcore_id[i] = w.lcore_id;
		to->load[i] = w.load;
	}
	return 0;
}

struct sample *sample_head(const struct seg *s)
{
	struct sample *to = calloc(1, sizeof(*to));

	if (to == NULL)
		return NULL;
	header_take(to, &s->hdr);
	to->n_ports = to->n_workers = to->n_lcores = 0;
	return to;
}

struct sample *sample_of(const struct seg *s, char *why)
{
	struct sample *to = calloc(1, sizeof(*to));

	if (to != NULL)
		header_take(to, &s->hdr);
	if (to != NULL
		&& (to->n_ports > PORTS_MAX || to->n_workers > WORKERS_MAX
			|| to->n_lcores != to->n_workers + 1)) {
		snprintf(why, WHY_MAX, "the engine's segment makes no sense");
		goto fail;
	}
	if (to == NULL || !room(to)) {
		snprintf(why, WHY_MAX, "out of memory");
		goto fail;
	}
	if (records_take(to, s, why) != 0 || workers_take(to, s, why) != 0)
		goto fail;
	CRASH_POINT("scrape");
	words_take(to->port_stats, seg_stats_port(s, 0, 0),
		sizeof(*to->port_stats) * to->n_lcores * to->n_ports);
	words_take(to->lcore_stats, seg_stats_lcore(s, 0), sizeof(*to->lcore_stats) * to->n_lcores);
	return to;
fail:
	sample_free(to);
	return NULL;
}

struct sample *sample_take(struct exporter *x, char *why)
{
	/* who waits for it gets what comes */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct sample *last;
	static int64_t last_ms;
	struct sample *s;

	if (!sample_ready(x, why))
		return NULL;
	pthread_mutex_lock(&lock);
	if (last == NULL || mono_ms() - last_ms >= SHARE_MS) {
		sample_free(last);
		last_ms = mono_ms();
		last = sample_of(x->client.seg, why);
	}
	s = last;
	if (s != NULL)
		atomic_fetch_add(&s->holders, 1);
	pthread_mutex_unlock(&lock);
	return s;
}

void sample_free(struct sample *s)
{
	if (s == NULL || atomic_fetch_sub(&s->holders, 1) != 1)
		return;
	free(s->tcs);
	free(s->port_stats);
	free(s->lcore_stats);
	free(s);
}

const struct stats_port_block *sample_port_stats(const struct sample *s, uint32_t lc, uint32_t p)
{
	return &s->port_stats[lc * s->n_ports + p];
}

void sample_port_sum(const struct sample *s, uint32_t port, struct stats_port_block *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		for (uint32_t lc = 0; g->scope == STAT_SCOPE_PORT && lc < s->n_lcores; lc++)
			stats_merge(g, (char *)out + g->off,
				(const char *)sample_port_stats(s, lc, port) + g->off);
	}
}
