/* A view as text. Lists of objects become tables, everything else "name: value", nested ones
 * indented. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLS_MAX 40

static void value_text(const json_t *v, char *buf, size_t len)
{
	if (json_is_string(v))
		snprintf(buf, len, "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(buf, len, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(buf, len, "%.2f", json_real_value(v));
	else
		snprintf(buf, len, "%s", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-");
}

static void render(const json_t *v, int indent);

static void table(const json_t *rows, int indent)
{
	const json_t *first = json_array_get(rows, 0), *row, *v;
	const char *name[COLS_MAX];
	size_t width[COLS_MAX] = {0}, n = 0, i;
	const char *key;
	char buf[256];

	json_object_foreach((json_t *)first, key, v)
	{
		if (n < COLS_MAX && !json_is_object(v) && !json_is_array(v)) {
			width[n] = strlen(key);
			name[n++] = key;
		}
	}
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < n; k++) {
			value_text(json_object_get(row, name[k]), buf, sizeof(buf));
			width[k] = MAX_OF(width[k], strlen(buf));
		}
	}
	printf("%*s", indent, "");
	for (size_t k = 0; k < n; k++)
		printf("%-*s%s", (int)width[k], name[k], k + 1 < n ? "  " : "\n");
	json_array_foreach(rows, i, row)
	{
		printf("%*s", indent, "");
		for (size_t k = 0; k < n; k++) {
			const json_t *cell = json_object_get(row, name[k]);

			value_text(cell, buf, sizeof(buf));
			printf(json_is_number(cell) ? "%*s%s" : "%-*s%s", (int)width[k], buf,
				k + 1 < n ? "  " : "\n");
		}
		json_object_foreach((json_t *)row, key, v)
		{
			if (json_is_object(v)) {
				printf("%*s%s:\n", indent + 2, "", key);
				render(v, indent + 4);
			}
		}
	}
}

static void render(const json_t *view, int indent)
{
	const json_t *v;
	const char *key;
	char buf[700];

	json_object_foreach((json_t *)view, key, v)
	{
		if (json_is_object(v)) {
			printf("%*s%s:\n", indent, "", key);
			render(v, indent + 2);
		} else if (json_is_array(v)) {
			printf("%*s%s:%s\n", indent, "", key, json_array_size(v) ? "" : " none");
			if (json_array_size(v) && json_is_object(json_array_get(v, 0)))
				table(v, indent + 2);
		} else {
			value_text(v, buf, sizeof(buf));
			printf("%*s%-20s %s\n", indent, "", key, buf);
		}
	}
}

void render_text(enum cmd_id id, const json_t *view)
{
	(void)id;
	render(view, 0);
}
