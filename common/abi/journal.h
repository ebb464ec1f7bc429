/* What happened and who did it, as a ring of records in the segment: the newest JOURNAL_MAX. Management writes,
 * anybody reads in place, at its own pace: a reader that is too slow loses records and is told how many. Nobody waits
 * for anybody. */
#pragma once

#include "common/cmd/cmd.h"

#define NOTE_TEXT_MAX 320
#define NOTE_WHY_MAX 160
#define NOTE_NONE UINT32_MAX /* no port, test case, lcore, slot */

/* Events have what happened in text; of the audit that is the command, and code and why are its result. */
struct note {
	uint64_t no; /* from 1 on; 0: none, or it is being written */
	uint64_t realtime_ns;
	uint32_t event; /* enum event_kind */
	uint32_t level; /* enum loglevel */
	uint32_t port, tcid;
	uint32_t pid, uid;      /* of the operator who did it, if who is not empty */
	uint32_t slot, to_slot; /* its place; whom it concerns most: NOTE_NONE nobody */
	uint32_t to_generation; /* of that place */
	int32_t code;           /* 0 or -errno */
	char who[NAME_MAX_LEN];
	char text[NOTE_TEXT_MAX];
	char why[NOTE_WHY_MAX];
};

struct journal {
	uint64_t last; /* number of the newest, 0: none yet */
	struct note ring[JOURNAL_MAX];
} cache_aligned;

/* Management: fills in number and time. */
void journal_add(struct journal *j, const struct note *n);

/* The number of the newest. */
uint64_t journal_last(const struct journal *j);

/* A copy of record *next, or of the oldest that is still there; *next becomes what follows it, *lost how many were
 * passed over. False: there is none yet. */
bool journal_read(const struct journal *j, uint64_t *next, struct note *copy, uint64_t *lost);
