/* For targets that run the packet path: the unit tests' world, in this process alone. */
#pragma once

#include "test/fuzz/fuzz.h"
#include "test/unit/world.h"

#include <unistd.h>

static inline void fuzz_world_begin(void)
{
	char prefix[32];

	setenv("CMOCKA_TEST_ABORT", "1", 1);
	snprintf(prefix, sizeof(prefix), "w17-fuzz-%d", (int)getpid());
	MUST(world_eal(prefix) == 0);
}
