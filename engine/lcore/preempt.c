#include "engine/lcore/preempt.h"

#ifdef PREEMPT_KNOWN
/* The kernel wants to see this word before the place it would go on at. */
static const uint32_t signature[] = {RSEQ_SIG, 0};

/* No instruction is inside. */
const struct rseq_cs preempt_watched = {.abort_ip = (uintptr_t)&signature[1]};
#endif
