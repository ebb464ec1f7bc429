/* What a client of the RPC server sends, up to the request that would go into its slot: bytes in
 * pieces, lines, JSON, batches, parameters; and the texts of the command line. What is taken must be
 * what the engine takes, and a line of the CLI must make the same of it.
 *
 * The first byte says into how many pieces the rest is cut. */
#include "cli/rpc.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void answer(const json_t *id, json_t *result, const struct rpc_error *e)
{
	char *text = rpc_answer_text(id, result, e);
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;

	MUST(o != NULL && strchr(text, '\n') == NULL);
	MUST(json_is_object(json_object_get(o, "error")) == (result == NULL));
	json_decref(o);
	free(text);
}

/* A line of the CLI's that says the same. */
static void same_as_text(const struct rpc_method *m, const union cmd_req *req)
{
	char line[CMD_LINE_MAX], why[400];
	const char *word[CMD_WORDS_MAX];
	union cmd_req again;
	enum cmd_id id;
	int n;

	MUST(cmd_check(m->id, req, why, sizeof(why)) == 0);
	MUST(cmd_format(m->id, req, line, sizeof(line)) > 0);
	n = cmd_split(line, word, CMD_WORDS_MAX, why, sizeof(why));
	MUST(n > 0 && cmd_parse(word, n, &id, &again, why, sizeof(why)) == 0);
	MUST(id == m->id && memcmp(req, &again, sizeof(again)) == 0);
}

static void request(const json_t *o)
{
	struct rpc_request r;
	struct rpc_error e;
	union rpc_req req;

	if (rpc_request_of(o, &r, &e) != 0) {
		MUST(e.code != 0 && e.message[0] != '\0');
		answer(r.id ? r.id : json_null(), NULL, &e);
		return;
	}
	if (rpc_map(r.method, r.params, r.method->own == RPC_subscribe ? "params" : NULL, &req, &e)
		!= 0)
		answer(r.id ? r.id : json_null(), NULL, &e);
	else if (r.method->own == RPC_COMMAND)
		same_as_text(r.method, &req.cmd);
}

static void line_taken(const char *line, size_t len)
{
	const json_t *one;
	struct rpc_error e;
	bool hopeless;
	json_t *o = rpc_parse(line, len, &e, &hopeless);
	size_t i;

	if (o == NULL)
		answer(json_null(), NULL, &e);
	else if (json_is_array(o))
		json_array_foreach(o, i, one) request(one);
	else
		request(o);
	json_decref(o);
}

static void bytes(struct rpc_buf *b, size_t *seen, const uint8_t *data, size_t size)
{
	size_t len;

	if (!rpc_buf_add(b, data, size, RPC_LINE_MAX))
		return;
	while (rpc_line(b, seen, &len)) {
		char *copy = malloc(len + 1); /* its size: asan sees what is beyond */

		MUST(copy != NULL && len < b->len && b->p[len] == '\n');
		memcpy(copy, b->p, len);
		line_taken(copy, len);
		free(copy);
		rpc_buf_take(b, len + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t pieces = size ? 1u + data[0] % 8 : 1, seen = 0;
	char text[200] = "", why[200], token[RPC_TOKEN_MAX] = "0123456789abcdef";
	struct rpc_buf b = {0};
	struct rpc_at at;

	memcpy(text, data, MIN_OF(size, sizeof(text) - 1));
	rpc_at_parse(&at, text, why, sizeof(why));
	rpc_token_same(token, text);
	for (size_t i = 0; i < pieces && size > 1; i++) {
		size_t from = 1 + (size - 1) * i / pieces, to = 1 + (size - 1) * (i + 1) / pieces;

		bytes(&b, &seen, data + from, to - from);
	}
	rpc_buf_free(&b);
	return 0;
}
