/* Both ends of a slot's rings. Each end trusts its own index alone; the other's word only says how
 * far it says it is. More than RING_CELLS apart means that the other end is broken: -EBADMSG. */
#pragma once

#include "common/abi/segment.h"

#include <errno.h>

static inline int ring_room(uint32_t prod, const struct ring_idx *cons)
{
	/* pairs with the release of the consumer in ring_take() */
	uint32_t n = prod - __atomic_load_n(&cons->v, __ATOMIC_ACQUIRE);

	return n > RING_CELLS ? -EBADMSG : n == RING_CELLS ? -EAGAIN : 0;
}

static inline int ring_ready(uint32_t cons, const struct ring_idx *prod)
{
	/* pairs with the release of the producer in ring_give() */
	uint32_t n = __atomic_load_n(&prod->v, __ATOMIC_ACQUIRE) - cons;

	return n > RING_CELLS ? -EBADMSG : n == 0 ? -EAGAIN : 0;
}

/* The cell behind index *own has been written: hand it over. */
static inline void ring_give(struct ring_idx *prod, uint32_t *own)
{
	__atomic_store_n(&prod->v, ++*own, __ATOMIC_RELEASE); /* pairs with ring_ready() */
}

/* The cell behind index *own has been copied: give it back. */
static inline void ring_take(struct ring_idx *cons, uint32_t *own)
{
	__atomic_store_n(&cons->v, ++*own, __ATOMIC_RELEASE); /* pairs with ring_room() */
}
