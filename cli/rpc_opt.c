/* What the command line says of --rpc. */
#include "cli/rpc.h"

#include <getopt.h>
#include <stdio.h>

static int at_add(struct rpc_opts *o, const char *text)
{
	char why[200] = "that is one place too many";

	if (o->n_at < RPC_LISTEN_MAX
		&& rpc_at_parse(&o->at[o->n_at], text, why, sizeof(why)) == 0) {
		o->n_at++;
		return 0;
	}
	fprintf(stderr, "warp17-cli: --rpc: '%.100s' given, %s\n", text, why);
	return CLI_USAGE;
}

int rpc_opt_where(struct rpc_opts *o, int argc, char **argv)
{
	int rc = optarg != NULL ? at_add(o, optarg) : 0;

	o->on = true;
	while (rc == 0 && optarg == NULL && optind < argc && argv[optind][0] != '-')
		rc = at_add(o, argv[optind++]);
	return rc;
}

int rpc_opt_token(struct rpc_opts *o, const char *path)
{
	char why[400];

	if (rpc_token_read(path, o->token, why, sizeof(why)) == 0)
		return 0;
	fprintf(stderr, "warp17-cli: --token-file: %s\n", why);
	return CLI_USAGE;
}

int rpc_opt_check(const struct rpc_opts *o, bool commands)
{
	const char *why = NULL;

	if (!o->on && o->token[0] != '\0')
		why = "--token-file is for --rpc";
	else if (o->on && commands)
		why = "--rpc takes no commands";
	for (uint32_t i = 0; i < o->n_at && o->token[0] == '\0'; i++) {
		if (o->at[i].remote)
			why = "--rpc: others than this machine could command the engine there: "
			      "--token-file is needed";
	}
	if (why != NULL)
		fprintf(stderr, "warp17-cli: %s\n", why);
	return why != NULL ? CLI_USAGE : 0;
}
