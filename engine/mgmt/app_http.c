/* Commands about HTTP. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int set_client(struct app_at at, uint32_t method, const struct arg_text128 *host,
	const struct arg_text128 *object, uint32_t bytes, uint32_t requests, struct reply *r)
{
	struct app_config c;
	int rc = app_begin(&at, &c, r);

	if (rc != 0)
		return rc;
	if (strpbrk(host->s, " \t") || strpbrk(object->s, " \t"))
		return reply_fail(r, -EINVAL, "host and object must not contain blanks");
	if (object->s[0] != '/' && strstr(object->s, "://") == NULL)
		return reply_fail(r, -EINVAL, "object: '%s' given, expected one that begins with /",
			object->s);
	c.kind = app_kind_HTTP;
	c.http.method = method;
	c.http.body_bytes = bytes;
	memcpy(c.http.host, host->s, sizeof(c.http.host));
	memcpy(c.http.object, object->s, sizeof(c.http.object));
	c.requests = requests;
	return app_end(&at, &c, r);
}

static int set_server(
	struct app_at at, uint32_t status, uint32_t bytes, uint32_t requests, struct reply *r)
{
	struct app_config c;
	int rc = app_begin(&at, &c, r);

	if (rc != 0)
		return rc;
	c.kind = app_kind_HTTP;
	c.http.status = status;
	c.http.body_bytes = bytes;
	c.requests = requests;
	return app_end(&at, &c, r);
}

/* RFC 9110 §5.1: a name is a token, and the colon follows at once. */
static bool field_ok(const char *field)
{
	size_t n = strspn(field,
		"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n != 0 && field[n] == ':';
}

static bool field_is(const char *field, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(field, name, n) == 0 && field[n] == ':';
}

static int add_field(struct app_at at, const char *field, struct reply *r)
{
	struct app_config c;
	int rc = app_begin(&at, &c, r);
	size_t end;

	if (rc != 0)
		return rc;
	end = strlen(c.http.fields);
	if (c.kind != app_kind_HTTP)
		return reply_fail(r, -EINVAL, "%s %u is not HTTP: set tests %s%s http first",
			at.imix ? "app-index" : "test case", at.imix ? at.index : at.tcid,
			at.imix ? "imix ... " : "", tc_kind_word(at.side));
	if (!field_ok(field))
		return reply_fail(r, -EINVAL, "http-field: '%s': expected \"Name: value\"", field);
	if (field_is(field, "Content-Length") || field_is(field, "Transfer-Encoding"))
		return reply_fail(r, -EINVAL,
			"http-field: Content-Length follows from the size, bodies are not chunked");
	if (end + strlen(field) + 3 > sizeof(c.http.fields))
		return reply_fail(
			r, -ENOSPC, "http-field: fields take more than %u bytes", HTTP_FIELDS_MAX);
	snprintf(c.http.fields + end, sizeof(c.http.fields) - end, "%s\r\n", field);
	return app_end(&at, &c, r);
}

#define SET_CLIENT(q, at) \
	set_client(at, q->method, &q->host, &q->object, q->req_size, q->requests, r)
#define SET_SERVER(q, at) set_server(at, q->status, q->resp_size, q->requests, r)

int cmd_set_tests_client_http(const struct req_set_tests_client_http *q, struct reply *r)
{
	return SET_CLIENT(q, AT_TC(q, CLIENT));
}

int cmd_set_tests_server_http(const struct req_set_tests_server_http *q, struct reply *r)
{
	return SET_SERVER(q, AT_TC(q, SERVER));
}

int cmd_imix_client_http(const struct req_imix_client_http *q, struct reply *r)
{
	return SET_CLIENT(q, AT_IMIX(q, CLIENT));
}

int cmd_imix_server_http(const struct req_imix_server_http *q, struct reply *r)
{
	return SET_SERVER(q, AT_IMIX(q, SERVER));
}

int cmd_set_tests_client_http_field(
	const struct req_set_tests_client_http_field *q, struct reply *r)
{
	return add_field(AT_TC(q, CLIENT), q->field.s, r);
}

int cmd_set_tests_server_http_field(
	const struct req_set_tests_server_http_field *q, struct reply *r)
{
	return add_field(AT_TC(q, SERVER), q->field.s, r);
}

int cmd_imix_client_http_field(const struct req_imix_client_http_field *q, struct reply *r)
{
	return add_field(AT_IMIX(q, CLIENT), q->field.s, r);
}

int cmd_imix_server_http_field(const struct req_imix_server_http_field *q, struct reply *r)
{
	return add_field(AT_IMIX(q, SERVER), q->field.s, r);
}
