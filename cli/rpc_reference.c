/* The reference of the RPC server's methods, made from the tables. */
#include "cli/rpc.h"

#include <stdio.h>

static const char *type_of(const struct arg_desc *a)
{
	switch ((int)a->tag) {
	case ARG_u32:
		return "integer";
	case ARG_inf32:
		return "integer or `\"infinite\"`";
	case ARG_pct:
	case ARG_ms:
	case ARG_mbps:
		return "number, or string with a unit";
	case ARG_flag:
		return "boolean";
	case ARG_list:
		return "list of integers, or string";
	case ARG_iprange:
	case ARG_l4range:
		return "range";
	default:
		return "string";
	}
}

static void reference_param(const struct rpc_method *m, const struct arg_desc *a)
{
	char name[64];

	if (rpc_param_implied(m, a))
		return;
	rpc_param_name(a, name, sizeof(name));
	printf("| `%s` | %s | %s | ", name, type_of(a),
		a->need == ARG_REQ            ? "yes"
			: a->need == ARG_SOME ? "one of these"
					      : "no");
	for (const char *s = a->help; *s != '\0'; s++)
		printf(*s == '|' ? "\\|" : "%c", *s);
	puts(" |");
}

void rpc_reference(void)
{
	size_t n;
	const struct rpc_method *m = rpc_methods(&n);

	printf("# RPC methods\n\n<!-- Made from the tables by make docs. -->\n\n"
	       "What requests look like, and what goes wrong, says [rpc.md](rpc.md). Values and "
	       "bounds are the command's in [commands.md](commands.md);\n`rpc.discover` has them, "
	       "and the results, as JSON Schema. A command that changes something answers "
	       "`{\"message\": ...}`, a view what\n`warp17-cli -j` gives as its `result`.\n\n");
	for (size_t i = 0; i < n; i++, m++) {
		char usage[1000] = "";

		if (m->own == RPC_COMMAND)
			cmd_usage(m->id, usage, sizeof(usage));
		printf("### %s\n\n%s.\n\n", m->name, m->help);
		if (usage[0] != '\0')
			printf("    %s\n\n", usage);
		if (m->n_args == 0)
			continue;
		puts("| parameter | type | needed | |\n|---|---|---|---|");
		for (size_t k = 0; k < m->n_args; k++)
			reference_param(m, &m->args[k]);
		if (m->own == RPC_subscribe)
			puts("| `params` | object | no | Of a view: its parameters |");
		putchar('\n');
	}
}
