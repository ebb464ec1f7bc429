/* The methods of the RPC server: its own, and every command of cmd.def but those that make sense on
 * a terminal alone. */
#include "cli/rpc.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define RPC_BEGIN(id, ...) \
	static const struct arg_desc *args_##id(size_t *n) \
	{ \
		typedef struct rpc_##id self; \
		static const struct arg_desc args[] = { \
			{NULL, NULL, NULL, 0, 0, ARG_COUNT, ARG_OPT, 0, sizeof(self)},
#define ARG(field, type, keyword, need, min, max, help) \
			{keyword, #field, help, min, max, ARG_##type, ARG_##need, \
				offsetof(self, field), FIELD_SIZE(self, field)},
#define RPC_END(id) \
		}; \
		*n = ARRAY_SIZE(args) - 1; \
		return args + 1; \
	}
#include "cli/rpc.def"
/* clang-format on */

static struct rpc_method methods[RPC_OWN_END - 1 + CMD_COUNT];
static size_t n_methods;

/* The others are subscribe, rpc.discover and session.close; a screen, and files of the server's
 * machine, are for nobody far away. */
static bool offered(enum cmd_id id)
{
	switch ((int)id) {
	case CMD_show_tests_ui:
	case CMD_monitor:
	case CMD_file_input:
	case CMD_help:
	case CMD_exit:
	case CMD_quit:
		return false;
	default:
		return true;
	}
}

static void copy_word(char *to, size_t len, const char *from, size_t n)
{
	size_t at = strlen(to);

	for (size_t i = 0; i < n && at + 1 < len; i++, at++)
		to[at] = (char)(from[i] == '-' ? '_' : from[i] == ' ' ? '.' : from[i]);
	to[at] = '\0';
}

static bool shares_words(enum cmd_id id)
{
	for (enum cmd_id i = 0; i < CMD_COUNT; i++) {
		if (i != id && strcmp(cmd_desc(i)->path, cmd_desc(id)->path) == 0)
			return true;
	}
	return false;
}

/* Does the id begin with these words of the path? How long that is, or 0. */
static size_t id_begins(const char *id, const char *path)
{
	size_t i = 0;

	for (; path[i] != '\0'; i++) {
		char c = path[i];

		if (id[i] != (c == ' ' || c == '-' ? '_' : c))
			return 0;
	}
	return id[i] == '_' || id[i] == '\0' ? i : 0;
}

/* "set.tests.rate". Where several commands have the same words, what follows these (or the last of
 * them) in the id tells them apart: imix_client_raw is "set.tests.imix.client.raw". */
static void name_of(enum cmd_id id, char *buf, size_t len)
{
	const struct cmd_desc *c = cmd_desc(id);

	buf[0] = '\0';
	copy_word(buf, len, c->path, strlen(c->path));
	for (const char *p = c->path; p != NULL && shares_words(id); p = strchr(p, ' ')) {
		size_t same = id_begins(c->name, p += *p == ' ');

		if (same == 0)
			continue;
		for (const char *rest = c->name + same; *rest != '\0'; rest++)
			copy_word(buf, len, *rest == '_' ? "." : rest, 1);
		return;
	}
}

static void own_add(enum rpc_own own, const char *name, const char *help, const char *result,
	const struct arg_desc *args, size_t n_args)
{
	struct rpc_method *m = &methods[n_methods++];

	snprintf(m->name, sizeof(m->name), "%s", name);
	m->help = help;
	m->args = args;
	m->n_args = n_args;
	m->own = own;
	m->id = CMD_COUNT;
	m->result = result;
}

static void command_add(enum cmd_id id)
{
	const struct cmd_desc *c = cmd_desc(id);
	struct rpc_method *m = &methods[n_methods++];

	name_of(id, m->name, sizeof(m->name));
	m->help = c->help;
	m->args = c->args;
	m->n_args = c->n_args;
	m->own = RPC_COMMAND;
	m->id = id;
}

const struct rpc_method *rpc_methods(size_t *n)
{
	if (n_methods == 0) {
		const struct arg_desc *args;
		size_t n_args;

#define RPC_BEGIN(id, name, help, result) \
	args = args_##id(&n_args);        \
	own_add(RPC_##id, name, help, result, args, n_args);
#include "cli/rpc.def"
		for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
			if (offered(id))
				command_add(id);
		}
	}
	*n = n_methods;
	return methods;
}

const struct rpc_method *rpc_method_find(const char *name)
{
	size_t n;
	const struct rpc_method *m = rpc_methods(&n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(m[i].name, name) == 0)
			return &m[i];
	}
	return NULL;
}

void rpc_param_name(const struct arg_desc *a, char *buf, size_t len)
{
	const char *name = a->keyword ? a->keyword : a->name;

	buf[0] = '\0';
	copy_word(buf, len, name, strlen(name));
}

bool rpc_param_implied(const struct rpc_method *m, const struct arg_desc *a)
{
	return m->own == RPC_COMMAND && a->tag == ARG_flag && a->need == ARG_REQ;
}
