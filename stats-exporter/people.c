/* Who is attached and what happened, as JSON: the segment's operators and its journal of events, read in place. */
#include "stats-exporter/document.h"
#include "stats-exporter/json.h"

#include <errno.h>

static json_t *number(uint32_t v)
{
	return v == NOTE_NONE ? json_null() : json_integer(v);
}

static double seconds(uint64_t realtime_ns)
{
	return (double)realtime_ns / 1e9;
}

json_t *json_event(struct note *n)
{
	json_t *who = json_null();

	sample_text(n->who, n->who, sizeof(n->who));
	sample_text(n->text, n->text, sizeof(n->text));
	if (n->who[0] != '\0')
		who = json_pack("{ss sI sI}", "name", n->who, "uid", (json_int_t)n->uid, "pid",
			(json_int_t)n->pid);
	return json_pack("{sI sf ss ss so so so ss}", "no", (json_int_t)n->no, "time",
		seconds(n->realtime_ns), "event", event_kind_word(n->event), "level",
		loglevel_word(n->level), "port", number(n->port), "test_case_id", number(n->tcid),
		"operator", who, "text", n->text);
}

/* What a document begins with, and what is told of the engine then. */
static json_t *document(const char *schema, const struct seg *s, uint64_t seq)
{
	struct sample *head = sample_head(s);
	json_t *o = json_head(schema, head, seq);

	sample_free(head);
	return o;
}

json_t *json_events(const struct seg *s, uint64_t since, uint64_t seq)
{
	uint64_t next = since + 1, last = journal_last(&s->events), lost = 0, passed;
	json_t *a = json_array(), *o = document(documents[DOC_EVENTS].schema, s, seq);
	struct note n;

	/* those that come meanwhile are for the next one who asks */
	while (since < last && next <= last && journal_read(&s->events, &next, &n, &passed)) {
		lost += passed;
		json_array_append_new(a, json_event(&n));
	}
	json_object_update_new(o,
		json_pack("{sI sI so}", "last", (json_int_t)last, "lost", (json_int_t)lost,
			"events", a));
	return o;
}

static json_t *operator_json(uint32_t slot, struct seg_operator *o)
{
	sample_text(o->name, o->name, sizeof(o->name));
	sample_text(o->last_command, o->last_command, sizeof(o->last_command));
	return json_pack("{sI ss ss ss sI sI sf sb sI ss}", "slot", (json_int_t)slot, "name",
		o->name, "kind", client_kind_word(o->kind), "state", operator_state_word(o->state),
		"pid", (json_int_t)o->pid, "uid", (json_int_t)o->uid, "since",
		seconds(o->attach_realtime_ns), "read_only", o->read_only != 0, "commands",
		(json_int_t)o->n_commands, "last_command", o->last_command);
}

json_t *json_operators(const struct seg *s, uint64_t seq)
{
	json_t *a = json_array(), *doc = document(documents[DOC_OPERATORS].schema, s, seq);

	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		struct seg_operator o;

		if (seg_read(&s->operators[i], &o, sizeof(o)) != 0) {
			json_decref(a);
			json_decref(doc);
			return NULL;
		}
		if (o.state != operator_state_FREE)
			json_array_append_new(a, operator_json(i, &o));
	}
	json_object_set_new(doc, "operators", a);
	return doc;
}
