/* A scenario: all that a run of the simulator depends on, by a seed or as text. */
#pragma once

#include "common/util/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_TCS 3 /* test cases at most */

/* clang-format off */
#define PARAM_IN_RUN_RUN(name) uint64_t name;
#define PARAM_IN_RUN_SIDE(name)
#define PARAM_IN_RUN_TC(name)
#define PARAM_IN_RUN_END(name)
#define PARAM_IN_SIDE_RUN(name)
#define PARAM_IN_SIDE_SIDE(name) uint64_t name;
#define PARAM_IN_SIDE_TC(name)
#define PARAM_IN_SIDE_END(name)
#define PARAM_IN_TC_RUN(name)
#define PARAM_IN_TC_SIDE(name)
#define PARAM_IN_TC_TC(name) uint64_t name;
#define PARAM_IN_TC_END(name)
#define PARAM_IN_END_RUN(name)
#define PARAM_IN_END_SIDE(name)
#define PARAM_IN_END_TC(name)
#define PARAM_IN_END_END(name) uint64_t name;

struct sc_run {
#define PARAM(scope, name, ...) PARAM_IN_RUN_##scope(name)
#include "test/sim/scenario.def"
};
struct sc_side {
#define PARAM(scope, name, ...) PARAM_IN_SIDE_##scope(name)
#include "test/sim/scenario.def"
};
struct sc_tc {
#define PARAM(scope, name, ...) PARAM_IN_TC_##scope(name)
#include "test/sim/scenario.def"
};
struct sc_end {
#define PARAM(scope, name, ...) PARAM_IN_END_##scope(name)
#include "test/sim/scenario.def"
};
/* clang-format on */

struct scenario {
	uint64_t seed; /* also of what links do */
	struct sc_run run;
	struct sc_side side[2]; /* a, b: ports 0 and 1 */
	struct sc_tc tc[SIM_TCS];
	struct sc_end end[SIM_TCS][2]; /* c, s */
};

/* The port a test case's clients (end 0) or servers (end 1) are on. */
static inline uint16_t scenario_port(const struct scenario *sc, uint32_t tc, uint32_t end)
{
	return (uint16_t)(sc->tc[tc].flip ? 1 - end : end);
}

void scenario_of_seed(struct scenario *sc, uint64_t seed);
/* From "name=value ...": seed=, run parameters by their name, others as a.mtu=, 0.req=, 0c.win=;
 * what is not named has its default. NULL, or the word that makes no sense. */
const char *scenario_parse(struct scenario *sc, const char *text);
/* That text: only what is not the default. */
void scenario_print(const struct scenario *sc, char *buf, size_t len);
/* The table, for --help. */
void scenario_help(void);

/* Is there nothing that loses, delays unevenly, or runs dry? Then nothing may be sent again, reset
 * or fail. */
bool scenario_is_clean(const struct scenario *sc);
/* Do all connections come to their end by themselves? */
bool scenario_is_finite(const struct scenario *sc);
