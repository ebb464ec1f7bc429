/* The engine comes up in this order and goes down in the other. */
#include "engine/boot/boot.h"
#include "engine/l1_port/l1_port.h"
#include "engine/mgmt/mgmt.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what)
{
	fprintf(stderr, "warp17: error: %s\n", what);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static struct cmdline cl;
	struct memory_plan plan;
	uint32_t other;
	int rc = options_parse(&cl, argc, argv);

	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : 2;
	if (memory_plan(&cl, &plan) != 0)
		return EXIT_FAILURE;
	if (cl.o.print_memory) {
		printf("%" PRIu64 "\n", plan.mb);
		return EXIT_SUCCESS;
	}
	other = mgmt_other_engine(cl.o.prefix);
	if (other != 0) {
		fprintf(stderr,
			"warp17: error: an engine with prefix %s runs already (pid %u): stop it, "
			"or give "
			"another --file-prefix\n",
			cl.o.prefix, other);
		return EXIT_FAILURE;
	}
	if (holders_wait(cl.o.prefix) != 0)
		return EXIT_FAILURE;
	mgmt_block_signals();
	eal_args_complete(&cl, &plan);
	if (rte_eal_init(cl.eal_argc, cl.eal_argv) < 0)
		return fail("the EAL did not start; what it said is above");
	rc = workers_create(&cl.o, &plan);
	if (rc == 0)
		rc = ports_create(&cl.o);
	if (rc == 0)
		rc = lcores_map(&cl.o);
	if (rc == 0)
		rc = segment_create(&cl.o);
	if (rc == 0)
		rc = ports_start(&cl.o);
	if (rc == 0) {
		workers_launch();
		rc = mgmt_run(&cl.o);
		workers_quit();
	}
	ports_fini();
	rte_eal_cleanup();
	return rc == 0 ? EXIT_SUCCESS : fail("not started; the reason is above");
}
