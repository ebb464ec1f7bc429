/* Do the workers turn? One that does not, as it hangs or another has its CPU, is told of; and systemd's watchdog hears of
 * us only while they all do. */
#include "common/util/notify.h"
#include "engine/mgmt/mgmt_priv.h"

#include <string.h>

#define STALL_NS SECOND_NS
#define TELL_NS (10 * SECOND_NS)    /* of a worker at most so often: many may share a CPU */
#define LOOK_NS_MAX (SECOND_NS / 5) /* of a look that came late: then nobody had a CPU, perhaps */

static struct {
	struct beat {
		uint64_t loops; /* as last seen */
		uint64_t at_ns; /* when that was new */
		uint64_t quiet_ns;
		uint64_t told_ns; /* that it had stalled */
		bool stalled, told;
		bool turned; /* since the watchdog was told */
	} of[WORKERS_MAX];
	uint64_t looked_ns;
	uint64_t told_ns, tell_ns; /* the watchdog was; is to be so often, 0: never */
} beats;

void heartbeat_begin(uint64_t now_ns)
{
	memset(&beats, 0, sizeof(beats));
	beats.looked_ns = now_ns;
	beats.told_ns = now_ns;
	beats.tell_ns = notify_watchdog_ns() / 2;
	for (uint32_t i = 0; i < n_workers; i++)
		beats.of[i].at_ns = now_ns;
}

/* The worker has not turned for so long; with went_on it does again. */
static void stall_tell(uint32_t worker, uint64_t ns, bool went_on)
{
	double s = (double)ns / SECOND_NS;
	uint32_t id = lcores[worker]->lcore_id;

	if (went_on)
		event_of(event_kind_WORKER_TURNS, loglevel_NOTICE, NOTE_NONE, NOTE_NONE,
			"worker on lcore %u turns again, after %.1f s", id, s);
	else
		event_of(event_kind_WORKER_STALLED, loglevel_WARNING, NOTE_NONE, NOTE_NONE,
			"worker on lcore %u has not turned for %.1f s: it hangs, or has no CPU", id,
			s);
}

static void look(uint32_t worker, uint64_t now_ns)
{
	struct stats_lcore *st = &lcores[worker]->lst->lcore;
	struct beat *b = &beats.of[worker];
	uint64_t loops = __atomic_load_n(&st->loops, __ATOMIC_RELAXED); /* lcore_loop() counts */

	if (loops == b->loops) {
		b->quiet_ns += MIN_OF(now_ns - beats.looked_ns, LOOK_NS_MAX);
		if (b->quiet_ns < STALL_NS)
			return;
		if (!b->stalled) {
			b->stalled = true;
			st->stalls++; /* these two words of its block are ours */
			st->stalled_now = 1;
		}
		if (!b->told && (b->told_ns == 0 || now_ns - b->told_ns >= TELL_NS)) {
			b->told = true;
			b->told_ns = now_ns;
			stall_tell(worker, now_ns - b->at_ns, false);
		}
		return;
	}
	if (b->stalled) {
		st->stalled_now = 0;
		if (b->told)
			stall_tell(worker, now_ns - b->at_ns, true);
	}
	*b = (struct beat){.loops = loops, .at_ns = now_ns, .turned = true, .told_ns = b->told_ns};
}

static void watchdog_tell(uint64_t now_ns)
{
	if (beats.tell_ns == 0 || now_ns - beats.told_ns < beats.tell_ns)
		return;
	for (uint32_t i = 0; i < n_workers; i++) {
		if (!beats.of[i].turned)
			return; /* it is told as soon as this one has, if that is in time */
	}
	for (uint32_t i = 0; i < n_workers; i++)
		beats.of[i].turned = false;
	beats.told_ns = now_ns;
	notify("WATCHDOG=1");
}

void heartbeat_tick(uint64_t now_ns)
{
	for (uint32_t i = 0; i < n_workers; i++)
		look(i, now_ns);
	beats.looked_ns = now_ns;
	watchdog_tell(now_ns);
}
