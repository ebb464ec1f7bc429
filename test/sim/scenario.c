/* See scenario.h: the table's expansions, and the generator's draws. */
#include "test/sim/scenario.h"

#include "common/abi/testcase.h"
#include "test/sim/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum scope {
	SCOPE_RUN,
	SCOPE_SIDE,
	SCOPE_TC,
	SCOPE_END
};

/* One parameter, in whichever of its scope's structs. */
struct param {
	const char *name;
	const char *help;
	uint64_t normal;
	enum scope scope;
	size_t off;
};

struct gen {
	uint64_t rng;
	bool clean, bad, tight;
};

static const struct param params[] = {
#define sc_scope_RUN sc_run
#define sc_scope_SIDE sc_side
#define sc_scope_TC sc_tc
#define sc_scope_END sc_end
#define PARAM(sc, nm, dflt, gen, hlp) \
	{.name = #nm,                 \
		.help = hlp,          \
		.normal = dflt,       \
		.scope = SCOPE_##sc,  \
		.off = offsetof(struct sc_scope_##sc, nm)},
#include "test/sim/scenario.def"
};

static bool one_in(struct gen *g, uint64_t n)
{
	return (rng_next(&g->rng) >> 16) % n == 0;
}

static uint64_t range(struct gen *g, uint64_t lo, uint64_t hi)
{
	return lo + (rng_next(&g->rng) >> 16) % (hi - lo + 1);
}

/* lo..hi, each power of two as likely as the next. */
static uint64_t logu(struct gen *g, uint64_t lo, uint64_t hi)
{
	uint64_t lo_bits = 64 - __builtin_clzll(lo), hi_bits = 64 - __builtin_clzll(hi);
	uint64_t bits = range(g, lo_bits, hi_bits), at = UINT64_C(1) << (bits - 1);

	return range(g, MAX_OF(lo, at), MIN_OF(hi, 2 * at - 1));
}

static uint64_t draw(struct gen *g, size_t param)
{
	size_t i = 0;

#define PARAM(sc, nm, dflt, what, hlp) \
	if (i++ == param)              \
		return what;
#include "test/sim/scenario.def"
	return 0;
}

static uint32_t n_of(enum scope scope)
{
	static const uint32_t n[] = {
		[SCOPE_RUN] = 1, [SCOPE_SIDE] = 2, [SCOPE_TC] = SIM_TCS, [SCOPE_END] = 2 * SIM_TCS};

	return n[scope];
}

/* The i-th of its kind. */
static uint64_t *at(const struct scenario *sc, const struct param *p, uint32_t i)
{
	const void *base = NULL;

	switch (p->scope) {
	case SCOPE_RUN:
		base = &sc->run;
		break;
	case SCOPE_SIDE:
		base = &sc->side[i];
		break;
	case SCOPE_TC:
		base = &sc->tc[i];
		break;
	case SCOPE_END:
		base = &sc->end[i / 2][i % 2];
		break;
	}
	return (uint64_t *)(void *)((char *)(uintptr_t)base + p->off);
}

static void name_of(const struct param *p, uint32_t i, char *buf, size_t len)
{
	switch (p->scope) {
	case SCOPE_RUN:
		snprintf(buf, len, "%s", p->name);
		break;
	case SCOPE_SIDE:
		snprintf(buf, len, "%c.%s", "ab"[i], p -> name);
		break;
	case SCOPE_TC:
		snprintf(buf, len, "%u.%s", i, p->name);
		break;
	case SCOPE_END:
		snprintf(buf, len, "%u%c.%s", i / 2, "cs"[i % 2], p -> name);
		break;
	}
}

static void defaults(struct scenario *sc)
{
	memset(sc, 0, sizeof(*sc));
	for (size_t k = 0; k < ARRAY_SIZE(params); k++) {
		for (uint32_t i = 0; i < n_of(params[k].scope); i++)
			*at(sc, &params[k], i) = params[k].normal;
	}
}

/* What does not belong together. */
static void sensible(struct scenario *sc)
{
	uint64_t late_us = 0;

	for (uint32_t i = 0; i < 2; i++) {
		if (sc->side[i].reorder != 0)
			late_us = MAX_OF(late_us, sc->side[i].reorder_us);
	}
	for (uint32_t i = 0; i < SIM_TCS; i++) {
		struct sc_tc *tc = &sc->tc[i];

		if (tc->simopen) { /* what one asks is what the other gets for an answer */
			tc->udp = tc->http = 0;
			tc->resp = tc->req;
		}
		if (tc->udp)
			tc->http = 0;
		if (!tc->http && tc->req == 0)
			tc->req = tc->resp = 1; /* else a client has nothing to do, for ever */
		/* what TIME-WAIT is for, and not all connections come to it: a segment that was
		 * held back must not come up in the tuple's next connection */
		if (late_us != 0 && tc->downtime_s != TC_FOREVER)
			tc->downtime_s = MAX_OF(tc->downtime_s, 1 + late_us / 1000000);
	}
}

void scenario_of_seed(struct scenario *sc, uint64_t seed)
{
	uint64_t class = rng_mix(seed ^ UINT64_C(0x636c617373)) % 8;
	struct gen g = {.clean = class < 2, .bad = class >= 4, .tight = class >= 6};

	defaults(sc);
	sc->seed = seed;
	for (size_t k = 0; k < ARRAY_SIZE(params); k++) {
		for (uint32_t i = 0; i < n_of(params[k].scope); i++) {
			char name[32];

			if ((params[k].scope == SCOPE_TC && i >= sc->run.n_tcs)
				|| (params[k].scope == SCOPE_END && i / 2 >= sc->run.n_tcs))
				continue;
			name_of(&params[k], i, name, sizeof(name));
			g.rng = rng_mix(seed);
			for (const char *s = name; *s != '\0'; s++)
				g.rng = rng_mix(g.rng ^ (uint8_t)*s);
			*at(sc, &params[k], i) = draw(&g, k);
		}
	}
	sensible(sc);
}

static bool set(struct scenario *sc, const char *word, uint64_t value)
{
	if (strcmp(word, "seed") == 0) {
		sc->seed = value;
		return true;
	}
	for (size_t k = 0; k < ARRAY_SIZE(params); k++) {
		for (uint32_t i = 0; i < n_of(params[k].scope); i++) {
			char name[32];

			name_of(&params[k], i, name, sizeof(name));
			if (strcmp(name, word) == 0) {
				*at(sc, &params[k], i) = value;
				return true;
			}
		}
	}
	return false;
}

const char *scenario_parse(struct scenario *sc, const char *text)
{
	static char word[64];
	int used;

	defaults(sc);
	while (sscanf(text, " %63[^= \n]%n", word, &used) == 1) {
		char *end;
		uint64_t value;

		text += used;
		if (*text != '=')
			return word;
		value = strtoull(text + 1, &end, 10);
		if (end == text + 1 || (*end != ' ' && *end != '\n' && *end != '\0')
			|| !set(sc, word, value))
			return word;
		text = end;
	}
	if (sc->run.n_tcs == 0 || sc->run.n_tcs > SIM_TCS)
		return "n_tcs";
	sensible(sc);
	return NULL;
}

void scenario_print(const struct scenario *sc, char *buf, size_t len)
{
	int n = snprintf(buf, len, "seed=%" PRIu64, sc->seed);

	for (size_t k = 0; k < ARRAY_SIZE(params); k++) {
		for (uint32_t i = 0; i < n_of(params[k].scope) && (size_t)n < len; i++) {
			uint64_t v = *at(sc, &params[k], i);
			char name[32];

			name_of(&params[k], i, name, sizeof(name));
			if (v != params[k].normal)
				n += snprintf(buf + n, len - n, " %s=%" PRIu64, name, v);
		}
	}
}

void scenario_help(void)
{
	for (size_t k = 0; k < ARRAY_SIZE(params); k++) {
		char name[32];

		name_of(&params[k], 0, name, sizeof(name));
		printf("  %-18s %s (%" PRIu64 ")\n", name, params[k].help, params[k].normal);
	}
}

static bool link_is_clean(const struct sc_side *s)
{
	return s->jitter_us == 0 && s->rate_kbps == 0 && s->loss == 0 && s->dup == 0
		&& s->reorder == 0 && s->corrupt == 0 && s->part_ms == 0;
}

bool scenario_is_clean(const struct scenario *sc)
{
	uint64_t rtt_ms = (sc->side[0].delay_us + sc->side[1].delay_us) / 1000;

	for (uint32_t i = 0; i < 2; i++) {
		const struct sc_side *s = &sc->side[i];

		if (!link_is_clean(s) || s->stall_every_ms != 0 || s->tx_burst != 0
			|| s->sides < 1024 || s->tcbs < 512 || s->ucbs < 256 || s->mbufs < 3)
			return false;
		for (uint32_t k = 0; k < sc->run.n_tcs; k++) {
			if (sc->end[k][i].rto_ms < 4 * rtt_ms + 200)
				return false;
		}
	}
	return true;
}

bool scenario_is_finite(const struct scenario *sc)
{
	for (uint32_t i = 0; i < sc->run.n_tcs; i++) {
		const struct sc_tc *tc = &sc->tc[i];

		if ((tc->requests_c == 0 && tc->requests_s == 0) || tc->uptime_s != TC_FOREVER
			|| tc->downtime_s != TC_FOREVER || tc->simopen)
			return false;
		for (uint32_t e = 0; e < 2; e++) {
			if (sc->end[i][e].fin_to_ms != 0 || sc->end[i][e].orphan_to_ms != 0)
				return false;
		}
	}
	return true;
}
