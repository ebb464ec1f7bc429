/* Commands about what is said over sessions. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int set_raw(uint32_t port, uint32_t tcid, enum tc_kind kind, const struct raw_config *raw,
	uint32_t requests, struct reply *r)
{
	int rc = of_kind(port, tcid, kind, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
	c = tc_cfgs[port][tcid];
	c.app = app_kind_RAW;
	c.raw = *raw;
	c.requests = requests;
	rc = stamps_check(&c, r);
	return rc != 0 ? rc : app_store(port, tcid, &c, r);
}

int cmd_set_tests_client_raw(const struct req_set_tests_client_raw *q, struct reply *r)
{
	struct raw_config raw = {q->req, q->resp, q->tx_ts, q->rx_ts};

	return set_raw(q->port, q->tcid, tc_kind_CLIENT, &raw, q->requests, r);
}

int cmd_set_tests_server_raw(const struct req_set_tests_server_raw *q, struct reply *r)
{
	struct raw_config raw = {q->req, q->resp, q->tx_ts, q->rx_ts};

	return set_raw(q->port, q->tcid, tc_kind_SERVER, &raw, q->requests, r);
}

int cmd_set_tests_client_http(const struct req_set_tests_client_http *q, struct reply *r)
{
	int rc = of_kind(q->port, q->tcid, tc_kind_CLIENT, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
	if (strpbrk(q->host.s, " \t") || strpbrk(q->object.s, " \t"))
		return reply_fail(r, -EINVAL, "host and object must not contain blanks");
	if (q->object.s[0] != '/' && strstr(q->object.s, "://") == NULL)
		return reply_fail(r, -EINVAL, "object: '%s' given, expected one that begins with /",
			q->object.s);
	c = tc_cfgs[q->port][q->tcid];
	c.app = app_kind_HTTP;
	c.http.method = q->method;
	c.http.body_bytes = q->req_size;
	memcpy(c.http.host, q->host.s, sizeof(c.http.host));
	memcpy(c.http.object, q->object.s, sizeof(c.http.object));
	c.requests = q->requests;
	return app_store(q->port, q->tcid, &c, r);
}

int cmd_set_tests_server_http(const struct req_set_tests_server_http *q, struct reply *r)
{
	int rc = of_kind(q->port, q->tcid, tc_kind_SERVER, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
	c = tc_cfgs[q->port][q->tcid];
	c.app = app_kind_HTTP;
	c.http.status = q->status;
	c.http.body_bytes = q->resp_size;
	c.requests = q->requests;
	return app_store(q->port, q->tcid, &c, r);
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

static int add_field(
	uint32_t port, uint32_t tcid, enum tc_kind kind, const char *field, struct reply *r)
{
	int rc = of_kind(port, tcid, kind, r);
	struct tc_config c;
	size_t at;

	if (rc != 0)
		return rc;
	c = tc_cfgs[port][tcid];
	at = strlen(c.http.fields);
	if (c.app != app_kind_HTTP)
		return reply_fail(r, -EINVAL, "test case %u is not HTTP: set tests %s http first",
			tcid, tc_kind_word(kind));
	if (!field_ok(field))
		return reply_fail(r, -EINVAL, "http-field: '%s': expected \"Name: value\"", field);
	if (field_is(field, "Content-Length") || field_is(field, "Transfer-Encoding"))
		return reply_fail(r, -EINVAL,
			"http-field: Content-Length follows from the size, bodies are not chunked");
	if (at + strlen(field) + 3 > sizeof(c.http.fields))
		return reply_fail(
			r, -ENOSPC, "http-field: fields take more than %u bytes", HTTP_FIELDS_MAX);
	snprintf(c.http.fields + at, sizeof(c.http.fields) - at, "%s\r\n", field);
	return app_store(port, tcid, &c, r);
}

int cmd_set_tests_client_http_field(
	const struct req_set_tests_client_http_field *q, struct reply *r)
{
	return add_field(q->port, q->tcid, tc_kind_CLIENT, q->field.s, r);
}

int cmd_set_tests_server_http_field(
	const struct req_set_tests_server_http_field *q, struct reply *r)
{
	return add_field(q->port, q->tcid, tc_kind_SERVER, q->field.s, r);
}
