/* The engine comes up in this order and goes down in the other. */
#include "engine/boot/boot.h"
#include "engine/l1_port/l1_port.h"
#include "engine/mgmt/mgmt.h"

#include <rte_eal.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define END_SECONDS 5 /* the launcher kills after 15, 5 of which stopping may take */

static int fail(const char *what)
{
	fprintf(stderr, "warp17: error: %s\n", what);
	return EXIT_FAILURE;
}

static int status;
static bool launched; /* workers were */

static int up_and_run(
	const struct options *o, const struct eal_cmdline *eal, const struct memory_plan *plan)
{
	int rc = workers_create(o, plan);

	if (rc == 0)
		rc = ports_create(o, eal, plan->n_ports);
	if (rc == 0)
		rc = workers_map_ports();
	if (rc == 0)
		rc = segment_create(eal->prefix);
	if (rc == 0)
		rc = ports_start(o);
	if (rc == 0) {
		workers_launch();
		launched = true;
		rc = mgmt_run(o, eal);
	}
	return rc == 0 ? EXIT_SUCCESS : fail("not started; the reason is above");
}

static const char *lock;

/* The prefix is the next engine's. By itself, or as the handler of the alarm. */
static void end(int sig)
{
	(void)sig;
	unlink(lock);
	_exit(status);
}

/* Not through rte_eal_cleanup(), and what waits for others (workers, devices) for a bounded time
 * only: a client that was killed while it held a lock it shares with our EAL would keep us here for
 * ever. */
static void leave(const char *prefix)
{
	sigset_t alarm_only;

	lock = rundir_lock();
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	pthread_sigmask(
		SIG_UNBLOCK, &alarm_only, NULL); /* whoever started us may have blocked it */
	rundir_remove(prefix);
	fflush(NULL);
	signal(SIGALRM, end);
	alarm(END_SECONDS);
	if (launched)
		workers_quit();
	ports_stop();
	ports_close();
	end(0);
}

/* Without the page of usage that it prints when it does not know an argument: what is wrong goes to
 * stderr. */
static int eal_start(struct eal_cmdline *eal)
{
	int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC), rc;

	if (out >= 0 && null >= 0)
		dup2(null, STDOUT_FILENO);
	rc = rte_eal_init(eal->argc, eal->argv);
	fflush(stdout);
	if (out >= 0 && null >= 0)
		dup2(out, STDOUT_FILENO);
	close(null);
	close(out);
	return rc;
}

int main(int argc, char **argv)
{
	static struct options o;
	static struct eal_cmdline eal;
	struct memory_plan plan;
	int rc;

	tsc_begin();
	close_range(3, ~0U, 0); /* the caller's: locks, pipes that somebody reads to their end */
	rc = options_parse(&o, &eal, argc, argv);
	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : 2;
	if (o.print_memory) {
		memory_plan(&plan, &o, &eal, true);
		printf("%" PRIu64 "\n", MAX_OF(plan.total_mb, eal.mem_mb));
		return EXIT_SUCCESS;
	}
	if (rundir_claim(eal.prefix) != 0)
		return EXIT_FAILURE;
	if (memory_plan(&plan, &o, &eal, false) != 0) {
		rundir_give_up(eal.prefix);
		return EXIT_FAILURE;
	}
	mgmt_block_signals();
	/* -m: the user wants all of it to be the EAL's */
	eal_args_complete(
		&eal, &plan, eal.mem_mb == 0 && pages_reserve(&plan, &eal, o.mpool_any_sock));
	if (eal_start(&eal) < 0) {
		rundir_give_up(eal.prefix);
		return fail("the EAL did not start; what it said is above");
	}
	status = up_and_run(&o, &eal, &plan);
	leave(eal.prefix);
}
