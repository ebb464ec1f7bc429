/* What happened, and who changed what: views of the segment's journals. */
#include "cli/monitor.h"
#include "cli/show.h"
#include "cli/show_priv.h"

#include <time.h>

static json_t *number(uint32_t v)
{
	return v == NOTE_NONE ? json_null() : json_integer(v);
}

static json_t *when(uint64_t realtime_ns)
{
	time_t t = (time_t)(realtime_ns / 1000000000);
	char s[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(s, sizeof(s), "%F %T", &tm);
	return json_string(s);
}

/* A note's operator, null when nobody did it. */
static json_t *who(const struct note *n)
{
	if (n->who[0] == '\0')
		return json_null();
	return json_pack(
		"{so sI sI}", "name", TEXT(n->who), "uid", INT(n->uid), "pid", INT(n->pid));
}

json_t *show_event(const struct note *n)
{
	return json_pack("{sI so sI ss ss so so so so}", "no", INT(n->no), "time",
		when(n->realtime_ns), "realtime_ns", INT(n->realtime_ns), "event",
		event_kind_word(n->event), "level", loglevel_word(n->level), "port",
		number(n->port), "test_case_id", number(n->tcid), "operator", who(n), "text",
		TEXT(n->text));
}

static json_t *show_change(const struct note *n)
{
	return json_pack("{sI so sI so so so sI so}", "no", INT(n->no), "time",
		when(n->realtime_ns), "realtime_ns", INT(n->realtime_ns), "operator", who(n),
		"port", number(n->port), "command", TEXT(n->text), "code", INT(n->code), "error",
		n->code == 0 ? json_null() : TEXT(n->why));
}

json_t *show_journal(const struct journal *j, bool changes, uint32_t last)
{
	uint64_t newest = journal_last(j), next = newest > last ? newest - last + 1 : 1, lost;
	json_t *a = json_array();
	struct note n;

	/* those that come meanwhile are for the next look */
	while (next <= newest && journal_read(j, &next, &n, &lost))
		json_array_append_new(a, changes ? show_change(&n) : show_event(&n));
	return json_pack("{sI so}", "last", INT(newest), changes ? "changes" : "events", a);
}
