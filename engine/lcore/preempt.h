/* Has the kernel taken the CPU from this thread? Asked each turn, so without a system call: of a thread that is
 * preempted in user space the kernel clears the restartable sequence it is in (rseq(2), Linux 4.18; glibc 2.35
 * registers each thread). Ours is empty: nothing is ever restarted. Time that a hypervisor or an interrupt takes is
 * not seen. */
#pragma once

#include "common/util/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define PREEMPT_KNOWN 1
#endif

#ifdef PREEMPT_KNOWN
extern const struct rseq_cs preempt_watched;

/* True: since the last call, or the first has yet to come. Where it cannot be known, false. */
static force_inline bool preempted(void)
{
	struct rseq *r = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (likely(__atomic_load_n(&r->rseq_cs, __ATOMIC_RELAXED) != 0) || __rseq_size == 0)
		return false;
	__atomic_store_n(&r->rseq_cs, (uintptr_t)&preempt_watched, __ATOMIC_RELAXED);
	return true;
}
#else
static force_inline bool preempted(void)
{
	return false;
}
#endif
