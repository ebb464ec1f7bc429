/* The reference of commands and counters, made from their tables. Needs no engine. */
#include "cli/cli.h"
#include "cli/rpc.h"
#include "cli/show_config.h"

#include <inttypes.h>
#include <string.h>

#define NOTICE "<!-- Made from the tables by make docs. -->\n\n"

/* In a cell a bar would end it, and < would begin a tag. */
static void cell(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '|')
			fputs("\\|", stdout);
		else if (*s == '<')
			fputs("&lt;", stdout);
		else
			putchar(*s);
	}
}

static void code_cell(const char *s)
{
	putchar('`');
	for (; *s != '\0'; s++)
		printf(*s == '|' ? "\\|" : "%c", *s);
	putchar('`');
}

static const char *need(const struct arg_desc *a)
{
	return a->need == ARG_REQ ? "yes" : a->need == ARG_SOME ? "one of these" : "no";
}

static void argument(const struct cmd_desc *c, size_t k, const union cmd_req *usual)
{
	const struct arg_desc *a = &c->args[k];
	char text[400], value[600];

	snprintf(text, sizeof(text), "%s%s%s", a->keyword ? a->keyword : "",
		a->keyword && *arg_usage(a->tag) ? " " : "", arg_usage(a->tag));
	fputs("| ", stdout);
	code_cell(text);
	printf(" | %s | ", need(a));
	arg_expected(a, value, sizeof(value));
	if (strcmp(value, arg_usage(a->tag)) != 0)
		cell(value);
	fputs(" | ", stdout);
	if (a->need != ARG_REQ && (usual->present >> k & 1)) {
		arg_format(a, value, sizeof(value), usual->raw + a->off);
		cell(value);
	}
	fputs(" | ", stdout);
	cell(a->help);
	fputs(" |\n", stdout);
}

/* What the words mean, where their rows say so. */
static void words(const struct arg_desc *a)
{
	const char *u = arg_usage(a->tag);
	bool any = false;

	for (uint32_t i = 0; *u != '\0'; i++) {
		size_t len = strcspn(u, "|");
		const char *meaning = *u != '<' && *u != '"' ? arg_word_help(a->tag, i) : "";

		if (*meaning != '\0')
			printf("%s* `%.*s`: %s\n", any ? "" : "\n", (int)len, u, meaning);
		any |= *meaning != '\0';
		u += len + (u[len] == '|');
	}
}

static void command(enum cmd_id id)
{
	const struct cmd_desc *c = cmd_desc(id);
	union cmd_req usual;
	char usage[1000];

	cmd_usage(id, usage, sizeof(usage));
	printf("### %s\n\n%s.\n\n    %s\n\n", c->path, c->help, usage);
	if (c->n_args == 0)
		return;
	show_config_defaults(id, &usual);
	puts("| argument | needed | values | default | |\n|---|---|---|---|---|");
	for (size_t k = 0; k < c->n_args; k++)
		argument(c, k, &usual);
	for (size_t k = 0; k < c->n_args; k++)
		words(&c->args[k]);
	putchar('\n');
}

static bool begins(enum cmd_id id, const char *word)
{
	return strncmp(cmd_desc(id)->path, word, strlen(word)) == 0;
}

static void commands(void)
{
	printf("# Commands\n\n" NOTICE "Words may be abbreviated where it is clear what is meant. "
	       "`#`, `!` and `//` begin a "
	       "comment, `\"...\"` holds blanks\ntogether. Arguments with a keyword may stand in "
	       "any "
	       "order. `[...]` may be left out; where a command has only such\narguments after the "
	       "first, at least one of those marked so is needed. The engine refuses changes to a "
	       "port that runs,\nbut for faults.\n\n## Changes\n\nThe engine does these.\n\n");
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		if (cmd_desc(id)->kind == CMD_KIND_ENGINE)
			command(id);
	}
	puts("## Views\n\nThe CLI shows these itself; an engine's command file leaves them out. "
	     "`doc/counters.md` has the counters.\n");
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		if (begins(id, "show "))
			command(id);
	}
	puts("## Of the CLI\n");
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		if (cmd_desc(id)->kind == CMD_KIND_CLIENT && !begins(id, "show "))
			command(id);
	}
}

static const char *kind_word(enum stat_kind kind)
{
	static const char *const word[] = {"counter", "now", "largest"};
	static_assert(ARRAY_SIZE(word) == STAT_KIND_COUNT);

	return word[kind];
}

static const char *unit_word(enum stat_unit unit)
{
	static const char *const word[] = {"packets", "bytes", "", "us", "ms", "TSC cycles", "ns"};
	static_assert(ARRAY_SIZE(word) == STAT_UNIT_COUNT);

	return word[unit];
}

static void group_print(const struct stats_group *g)
{
	static const char *const of[] = {"each port and lcore", "each lcore", "each test case"};
	static_assert(ARRAY_SIZE(of) == STAT_SCOPE_COUNT);
	char name[64];

	printf("## %s\n\n%s; of %s", g->name, g->help, of[g->scope]);
	snprintf(name, sizeof(name), "show_%s", g->name);
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		if (strcmp(cmd_desc(id)->name, name) == 0)
			printf(": `%s`", cmd_desc(id)->path);
	}
	puts(".\n\n| shown as | name | kind | unit | |\n|---|---|---|---|---|");
	for (size_t i = 0; i < g->n; i++) {
		const struct stat_desc *s = &g->stats[i];

		printf("| %s | `%s` | %s | %s | ", s->label, s->name, kind_word(s->kind),
			unit_word(s->unit));
		cell(s->help);
		puts(" |");
	}
	putchar('\n');
}

static void counters(void)
{
	printf("# Counters\n\n" NOTICE "Tables have the label, JSON and the exporter the name "
	       "(Prometheus: `warp17_<group>_<name>` with its unit; drops are one, by reason). A "
	       "*counter* only grows; *now* goes\nup and down; of "
	       "*largest* a total is the largest, not the sum. `clear statistics` is about "
	       "counters and latencies.\n\n");
	for (size_t i = 0; i < stats_n_groups; i++)
		group_print(&stats_groups[i]);
	group_print(&stats_device_group);
}

static void openrpc(void)
{
	json_t *o = rpc_openrpc();

	json_dumpf(o, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(o);
}

int reference_print(const char *part)
{
	if (strcmp(part, "commands") == 0)
		commands();
	else if (strcmp(part, "counters") == 0)
		counters();
	else if (strcmp(part, "rpc-methods") == 0)
		rpc_reference();
	else if (strcmp(part, "openrpc") == 0)
		openrpc();
	else
		return -1;
	return 0;
}
