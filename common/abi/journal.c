/* See journal.h. */
#include "common/abi/journal.h"

#include <string.h>
#include <time.h>

static struct note *place(const struct journal *j, uint64_t no)
{
	return (struct note *)&j->ring[no % JOURNAL_MAX];
}

void journal_add(struct journal *j, const struct note *n)
{
	uint64_t no = j->last + 1;
	struct note *to = place(j, no);
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	__atomic_store_n(&to->no, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with copy_whole() */
	memcpy((char *)to + sizeof(to->no), (const char *)n + sizeof(n->no),
		sizeof(*n) - sizeof(n->no));
	to->realtime_ns = (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
	__atomic_store_n(&to->no, no, __ATOMIC_RELEASE);  /* pairs with copy_whole() */
	__atomic_store_n(&j->last, no, __ATOMIC_RELEASE); /* pairs with journal_last() */
}

uint64_t journal_last(const struct journal *j)
{
	return __atomic_load_n(&j->last, __ATOMIC_ACQUIRE); /* pairs with journal_add() */
}

/* False: it has been written over. */
static bool copy_whole(const struct journal *j, uint64_t no, struct note *copy)
{
	const struct note *from = place(j, no);

	if (__atomic_load_n(&from->no, __ATOMIC_ACQUIRE) != no) /* pairs with journal_add() */
		return false;
	memcpy(copy, from, sizeof(*copy));
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with journal_add() */
	return __atomic_load_n(&from->no, __ATOMIC_RELAXED) == no;
}

bool journal_read(const struct journal *j, uint64_t *next, struct note *copy, uint64_t *lost)
{
	uint64_t last = journal_last(j), no = *next == 0 ? 1 : *next;

	*lost = 0;
	while (no <= last) {
		uint64_t oldest = last < JOURNAL_MAX ? 1 : last - JOURNAL_MAX + 1;

		if (no < oldest) {
			*lost += oldest - no;
			no = oldest;
		}
		if (copy_whole(j, no, copy)) {
			/* of another's memory: its texts need not end */
			copy->who[sizeof(copy->who) - 1] = '\0';
			copy->text[sizeof(copy->text) - 1] = '\0';
			copy->why[sizeof(copy->why) - 1] = '\0';
			*next = no + 1;
			return true;
		}
		no++;
		++*lost;
		last = journal_last(j);
	}
	*next = no;
	return false;
}
