/* What the RPC server can do, as an OpenRPC document: made from the tables, so that it is never
 * behind them. */
#include "cli/rpc.h"
#include "common/util/version.h"

#include <stdlib.h>
#include <string.h>

#define OPENRPC_VERSION "1.2.6"

static json_t *integer(uint64_t min, uint64_t max)
{
	return json_pack("{ss sI sI}", "type", "integer", "minimum", (json_int_t)min, "maximum",
		(json_int_t)max);
}

static json_t *text(int max)
{
	return json_pack("{ss si si}", "type", "string", "minLength", 1, "maxLength", max);
}

/* One of the words of the type. */
static json_t *words(const struct arg_desc *a)
{
	json_t *of = json_array();

	for (const char *u = arg_usage(a->tag); *u != '\0'; u += *u == '|') {
		size_t len = strcspn(u, "|");

		json_array_append_new(of, json_stringn(u, len));
		u += len;
	}
	return json_pack("{ss so}", "type", "string", "enum", of);
}

/* A number in the unit of the type, or a text with another. */
static json_t *fraction(const struct arg_desc *a)
{
	uint32_t min = (uint32_t)a->min, max = (uint32_t)arg_max(a);
	char lo[32], hi[32];

	arg_format(a, lo, sizeof(lo), &min);
	arg_format(a, hi, sizeof(hi), &max);
	return json_pack("{s[{ss sf sf}{ss ss}]}", "anyOf", "type", "number", "minimum",
		strtod(lo, NULL), "maximum", strtod(hi, NULL), "type", "string", "pattern",
		"^[0-9]+(\\.[0-9]+)?[A-Za-z%]*$");
}

static json_t *ref(const char *name)
{
	return json_pack("{so}", "$ref", json_sprintf("#/components/schemas/%s", name));
}

static json_t *ports(const struct arg_desc *a)
{
	json_t *one = integer(a->min, arg_max(a)), *o;

	o = json_pack("{s[O{ss ss}{ss s{sO sO} s[ss] sb}]}", "anyOf", one, "type", "string",
		"pattern", "^[0-9]+(-[0-9]+)?$", "type", "object", "properties", "first", one,
		"last", one, "required", "first", "last", "additionalProperties", 0);
	json_decref(one);
	return o;
}

json_t *rpc_param_schema(const struct arg_desc *a)
{
	switch ((int)a->tag) {
	case ARG_u32:
		if (a->min == 0 && a->max == 1)
			return json_pack("{s[o{ss}]}", "anyOf", integer(0, 1), "type", "boolean");
		return integer(a->min, arg_max(a));
	case ARG_inf32:
		return json_pack(
			"{s[o{s[s]}]}", "anyOf", integer(a->min, arg_max(a)), "enum", "infinite");
	case ARG_pct:
	case ARG_ms:
	case ARG_mbps:
		return fraction(a);
	case ARG_ip:
		return ref("address");
	case ARG_iprange:
		return ref("addresses");
	case ARG_l4range:
		return ports(a);
	case ARG_list:
		return json_pack("{s[{ss so si si}{ss ss}]}", "anyOf", "type", "array", "items",
			integer(a->min, arg_max(a)), "minItems", 1, "maxItems", 32, "type",
			"string", "pattern", "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$");
	case ARG_name:
	case ARG_line:
	case ARG_path:
		return text(a->size - 1);
	case ARG_flag:
		return json_pack("{ss}", "type", "boolean");
	default:
		return words(a);
	}
}

/* What parameters refer to by name. */
static void add_addresses(json_t *parts)
{
	json_object_set_new(parts, "address",
		json_pack("{ss ss s[{ss}{ss}]}", "type", "string", "description",
			"An IPv4 or IPv6 address", "anyOf", "format", "ipv4", "format", "ipv6"));
	json_object_set_new(parts, "addresses",
		json_pack("{ss s[{ss ss}{ss s{so so} s[ss] sb}]}", "description",
			"Addresses, the first and the last of them", "anyOf", "type", "string",
			"pattern", "^[0-9A-Fa-f.:]+(-[0-9A-Fa-f.:]+)?$", "type", "object",
			"properties", "first", ref("address"), "last", ref("address"), "required",
			"first", "last", "additionalProperties", 0));
}

static json_t *param(const struct arg_desc *a)
{
	char name[64];

	rpc_param_name(a, name, sizeof(name));
	return json_pack("{ss ss sb so}", "name", name, "summary", a->help, "required",
		a->need == ARG_REQ, "schema", rpc_param_schema(a));
}

static json_t *params(const struct rpc_method *m)
{
	json_t *list = json_array();

	/* those that are needed come first: OpenRPC has it so */
	for (int needed = 1; needed >= 0; needed--) {
		for (size_t k = 0; k < m->n_args; k++) {
			if (!rpc_param_implied(m, &m->args[k])
				&& (m->args[k].need == ARG_REQ) == needed)
				json_array_append_new(list, param(&m->args[k]));
		}
	}
	if (m->own == RPC_subscribe)
		json_array_append_new(list,
			json_pack("{ss ss sb s{ss}}", "name", "params", "summary",
				"Of a view: its parameters", "required", 0, "schema", "type",
				"object"));
	return list;
}

static json_t *method(const struct rpc_method *m)
{
	json_t *errors = json_array(),
	       *o = json_pack("{ss ss ss so s{ss so}}", "name", m->name, "summary", m->help,
		       "paramStructure", "by-name", "params", params(m), "result", "name", "result",
		       "schema", rpc_result_schema(m));
	static const char *const names[] = {"Failed", "NoEngine", "Refused", "TimedOut"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		json_array_append_new(errors,
			json_pack(
				"{so}", "$ref", json_sprintf("#/components/errors/%s", names[i])));
	json_object_set_new(o, "errors", errors);
	return o;
}

static json_t *errors(void)
{
	return json_pack("{s{si ss} s{si ss} s{si ss} s{si ss}}", "Failed", "code", CLI_FAILED,
		"message", "The engine, or the view, said no", "NoEngine", "code", CLI_NO_ENGINE,
		"message", "The engine is gone", "Refused", "code", CLI_REFUSED, "message",
		"Not allowed: held by another, read-only, no token, no place", "TimedOut", "code",
		CLI_TIMEOUT, "message", "No answer in time; it may still be done");
}

json_t *rpc_openrpc(void)
{
	json_t *list = json_array(), *parts = rpc_result_parts();
	size_t n;
	const struct rpc_method *m = rpc_methods(&n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, method(&m[i]));
	add_addresses(parts);
	return json_pack("{ss s{ss ss ss} so s{so so}}", "openrpc", OPENRPC_VERSION, "info",
		"title", "WARP17", "version", warp17_version(), "description",
		"The commands of a WARP17 engine over JSON-RPC 2.0, a message a line", "methods",
		list, "components", "schemas", parts, "errors", errors());
}
