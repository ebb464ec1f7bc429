/* Bytes to messages and back: lines, JSON, requests as JSON-RPC 2.0 has them, answers. Nothing here
 * knows a socket. */
#include "cli/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool rpc_buf_add(struct rpc_buf *b, const void *data, size_t len, size_t most)
{
	if (len > most || b->len > most - len)
		return false;
	if (b->len + len > b->room) {
		size_t room = MAX_OF(b->len + len, MIN_OF(2 * b->room + 4096, most));
		char *more = realloc(b->p, room);

		if (more == NULL)
			return false;
		b->p = more;
		b->room = room;
	}
	if (len != 0)
		memcpy(b->p + b->len, data, len);
	b->len += len;
	return true;
}

void rpc_buf_take(struct rpc_buf *b, size_t len)
{
	b->len -= len;
	if (b->len != 0)
		memmove(b->p, b->p + len, b->len);
	else if (b->room > 65536)
		rpc_buf_free(b); /* a large message is no habit */
}

void rpc_buf_free(struct rpc_buf *b)
{
	free(b->p);
	*b = (struct rpc_buf){0};
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool rpc_line(struct rpc_buf *b, size_t *seen, size_t *len)
{
	size_t skip = 0;
	const char *end;

	while (skip < b->len && blank(b->p[skip]))
		skip++;
	if (skip != 0) {
		rpc_buf_take(b, skip);
		*seen = 0;
	}
	end = b->len > *seen ? memchr(b->p + *seen, '\n', b->len - *seen) : NULL;
	*seen = end != NULL ? 0 : b->len;
	*len = end != NULL ? (size_t)(end - b->p) : 0;
	return end != NULL;
}

/* How deep brackets lie within brackets, outside of texts: the parser calls itself for each. */
static uint32_t depth(const char *s, size_t len)
{
	uint32_t now = 0, most = 0;
	bool text = false;

	for (size_t i = 0; i < len; i++) {
		if (text && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			text = !text;
		else if (!text && (s[i] == '{' || s[i] == '['))
			now++;
		else if (!text && (s[i] == '}' || s[i] == ']') && now > 0)
			now--;
		most = MAX_OF(most, now);
	}
	return most;
}

json_t *rpc_parse(const char *line, size_t len, struct rpc_error *e, bool *hopeless)
{
	json_error_t why;
	json_t *o;

	*hopeless = len == 0 || (line[0] != '{' && line[0] != '[');
	if (*hopeless) {
		rpc_fail(e, RPC_PARSE,
			"this is JSON-RPC 2.0, an object or a list on each line, and no other "
			"protocol");
		return NULL;
	}
	if (depth(line, len) > RPC_DEPTH_MAX) {
		rpc_fail(
			e, RPC_PARSE, "brackets within brackets, more than %d deep", RPC_DEPTH_MAX);
		return NULL;
	}
	o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	if (o == NULL) {
		rpc_fail(e, RPC_PARSE, "not JSON: %.150s", why.text);
		snprintf(e->where, sizeof(e->where), "byte %d", why.position);
	}
	return o;
}

static int version_of(const json_t *o, struct rpc_error *e)
{
	const json_t *v = json_object_get(o, "jsonrpc");

	if (json_is_string(v) && strcmp(json_string_value(v), "2.0") == 0)
		return 0;
	rpc_fail(e, RPC_INVALID, "no \"jsonrpc\": \"2.0\"");
	snprintf(e->where, sizeof(e->where), "jsonrpc");
	return -1;
}

static int method_of(const json_t *o, struct rpc_request *r, struct rpc_error *e)
{
	const json_t *v = json_object_get(o, "method");

	if (!json_is_string(v)) {
		rpc_fail(e, RPC_INVALID, "no \"method\", which is a text");
		snprintf(e->where, sizeof(e->where), "method");
		return -1;
	}
	r->method = rpc_method_find(json_string_value(v));
	if (r->method != NULL)
		return 0;
	rpc_fail(e, RPC_NO_METHOD, "there is no method '%.60s': rpc.discover has them all",
		json_string_value(v));
	snprintf(e->where, sizeof(e->where), "method");
	return -1;
}

int rpc_request_of(const json_t *o, struct rpc_request *r, struct rpc_error *e)
{
	json_t *id = json_object_get(o, "id");
	bool proper = id == NULL || json_is_string(id) || json_is_number(id) || json_is_null(id);

	*r = (struct rpc_request){.id = json_null()};
	if (!json_is_object(o) || !proper) {
		rpc_fail(e, RPC_INVALID,
			json_is_object(o) ? "\"id\" is a text, a number or null"
					  : "a request is an object");
		snprintf(e->where, sizeof(e->where), "%s", json_is_object(o) ? "id" : "");
		return -1;
	}
	if (id != NULL)
		r->id = id;
	if (version_of(o, e) != 0)
		return -1;
	if (method_of(o, r, e) != 0) {
		r->id = e->code == RPC_NO_METHOD ? id : r->id;
		return -1;
	}
	r->id = id;
	r->params = json_object_get(o, "params");
	if (r->params == NULL || json_is_object(r->params)
		|| (json_is_array(r->params) && json_array_size(r->params) == 0))
		return 0;
	rpc_fail(e, RPC_PARAMS, "\"params\" is an object: parameters go by their names");
	snprintf(e->where, sizeof(e->where), "params");
	return -1;
}

/* What there is to be said of it, for programs. */
static json_t *data_of(const struct rpc_error *e)
{
	json_t *o = json_object();

	json_object_set_new(o, "exit_code", json_integer(e->code > 0 ? e->code : CLI_USAGE));
	if (e->sys != 0)
		json_object_set_new(o, "errno", json_integer(e->sys));
	if (e->parameter[0] != '\0')
		json_object_set_new(o, "parameter", show_text(e->parameter, sizeof(e->parameter)));
	if (e->expected[0] != '\0')
		json_object_set_new(o, "expected", show_text(e->expected, sizeof(e->expected)));
	if (e->where[0] != '\0')
		json_object_set_new(o, "where", show_text(e->where, sizeof(e->where)));
	return o;
}

json_t *rpc_error_json(const struct rpc_error *e)
{
	return json_pack("{si so so}", "code", e->code, "message",
		show_text(e->message, sizeof(e->message)), "data", data_of(e));
}

int rpc_fail_sys(struct rpc_error *e, int sys, const char *message)
{
	rpc_fail(e, cli_exit_of(sys), "%s", message);
	e->sys = sys;
	return -1;
}

char *rpc_answer_text(const json_t *id, json_t *result, const struct rpc_error *e)
{
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "jsonrpc", json_string("2.0"));
	json_object_set(o, "id", (json_t *)id);
	if (result != NULL)
		json_object_set_new(o, "result", result);
	else
		json_object_set_new(o, "error", rpc_error_json(e));
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(o);
	return text;
}
