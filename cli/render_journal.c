/* Events and changes as text, a line each. */
#include "cli/cli.h"
#include "cli/render_priv.h"

void render_events(const json_t *view)
{
	const json_t *n;
	size_t i;

	json_array_foreach(json_object_get(view, "events"), i, n) printf("%s %-14s %s\n",
		render_field(n, "time"), render_field(n, "event"), render_field(n, "text"));
	if (i == 0)
		puts("no events yet");
}

void render_changes(const json_t *view)
{
	const json_t *n, *who;
	size_t i;

	json_array_foreach(json_object_get(view, "changes"), i, n)
	{
		who = json_object_get(n, "operator");
		printf("%s %s (uid %s, pid %s): %s: %s\n", render_field(n, "time"),
			render_field(who, "name"), render_field(who, "uid"),
			render_field(who, "pid"), render_field(n, "command"),
			json_is_null(json_object_get(n, "error")) ? "ok"
								  : render_field(n, "error"));
	}
	if (i == 0)
		puts("no changes yet");
}
