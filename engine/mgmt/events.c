/* What happens, and who changed what: a line of the log each, and a record of the segment that all who are attached can
 * read (common/abi/journal.h). */
#include "engine/mgmt/mgmt_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct asker nobody = {.slot = NOTE_NONE};

static struct note note_of(enum event_kind what, int level, const struct asker *by)
{
	struct note n = {.event = what,
		.level = (uint32_t)level,
		.port = NOTE_NONE,
		.tcid = NOTE_NONE,
		.slot = by->slot,
		.to_slot = NOTE_NONE,
		.pid = by->pid,
		.uid = by->uid};

	if (by->name != NULL)
		snprintf(n.who, sizeof(n.who), "%s", by->name);
	return n;
}

void event_of(enum event_kind what, int level, uint32_t port, uint32_t tcid, const char *fmt, ...)
{
	struct note n = note_of(what, level, &nobody);
	va_list ap;

	n.port = port;
	n.tcid = tcid;
	va_start(ap, fmt);
	vsnprintf(n.text, sizeof(n.text), fmt, ap);
	va_end(ap);
	log_line(level, "%s", n.text);
	journal_add(&segment->events, &n);
}

void event_by(const struct asker *by, enum event_kind what, int level, uint32_t port,
	const struct asker *to, const char *fmt, ...)
{
	struct note n = note_of(what, level, by);
	va_list ap;

	n.port = port;
	if (to != NULL) {
		n.to_slot = to->slot;
		n.to_generation = to->generation;
	}
	va_start(ap, fmt);
	vsnprintf(n.text, sizeof(n.text), fmt, ap);
	va_end(ap);
	log_line(level, "%s", n.text);
	journal_add(&segment->events, &n);
}

void audit(
	const struct asker *by, enum cmd_id id, const union cmd_req *req, int rc, const char *why)
{
	struct note n = note_of(event_kind_COMMAND, loglevel_INFO, by);

	if (cmd_format(id, req, n.text, sizeof(n.text)) < 0)
		memcpy(n.text + sizeof(n.text) - sizeof("..."), "...", sizeof("...")); /* cut off */
	n.port = cmd_port(id, req);
	n.code = rc;
	snprintf(n.why, sizeof(n.why), "%s", rc == 0 ? "" : why);
	journal_add(&segment->audit, &n);
	log_line(loglevel_INFO, "%s (uid %u, pid %u): %s: %s", n.who, n.uid, n.pid, n.text,
		rc == 0 ? "ok" : why);
}
