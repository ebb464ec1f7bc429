/* Is a request one that a parser could have made? The engine asks this of its own copy of a cell
 * that any client may have written: nothing here trusts a length, an end of text or a value. */
#include "common/cmd/cmd.h"
#include "common/cmd/cmd_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

static const char *check_number(const struct arg_desc *a, uint64_t v)
{
	return v < a->min || (a->max != 0 && v > a->max) ? "out of range" : NULL;
}

static const char *check_ip(const struct ip_addr *ip)
{
	if (ip->family != 4 && ip->family != 6)
		return "no such address family";
	return ip->family == 4 && !all_zero(ip->b + 4, sizeof(ip->b) - 4)
		? "bytes after the address"
		: NULL;
}

static const char *check_iprange(const struct ip_range *r)
{
	const char *why = check_ip(&r->lo);

	if (why == NULL)
		why = check_ip(&r->hi);
	if (why == NULL && r->lo.family != r->hi.family)
		why = "two address families";
	if (why == NULL && memcmp(r->lo.b, r->hi.b, sizeof(r->lo.b)) > 0)
		why = "range reversed";
	return why;
}

static const char *check_l4range(const struct arg_desc *a, const struct u16_range *r)
{
	if (check_number(a, r->lo) || check_number(a, r->hi))
		return "out of range";
	return r->lo > r->hi ? "range reversed" : NULL;
}

static const char *check_text(const uint8_t *s, size_t size)
{
	const uint8_t *end = memchr(s, 0, size);

	if (end == NULL)
		return "text does not end";
	if (end == s)
		return "text is empty";
	for (const uint8_t *c = s; c < end; c++) {
		if (*c < ' ' || *c == 127)
			return "control characters are not allowed";
	}
	return all_zero(end, size - (end - s)) ? NULL : "bytes after the text";
}

static const char *check_value(const struct arg_desc *a, const uint8_t *at)
{
	union {
		uint32_t u32;
		uint8_t flag;
		struct ip_addr ip;
		struct ip_range iprange;
		struct u16_range l4range;
	} v = {0};

	/* fields of cells are aligned, but the request's bytes need not be */
	memcpy(&v, at, MIN_OF(sizeof(v), a->size));
	switch (a->tag) {
	case ARG_u32:
	case ARG_pct:
	case ARG_ms:
	case ARG_mbps:
		return check_number(a, v.u32);
	case ARG_list:
		return v.u32 == 0 || v.u32 >> a->min << a->min != v.u32
				|| (a->max < 31 && v.u32 >> (a->max + 1) != 0)
			? "out of range"
			: NULL;
	case ARG_inf32:
		return v.u32 == RATE_INFINITE ? NULL : check_number(a, v.u32);
	case ARG_ip:
		return check_ip(&v.ip);
	case ARG_iprange:
		return check_iprange(&v.iprange);
	case ARG_l4range:
		return check_l4range(a, &v.l4range);
	case ARG_name:
	case ARG_line:
	case ARG_path:
		return check_text(at, a->size);
	case ARG_flag:
		return v.flag == 1 ? NULL : "a flag that is given is 1";
#define ARG_WORDS(type)  \
	case ARG_##type: \
		return v.u32 < type##_COUNT ? NULL : "no such word";
#include "common/cmd/arg_types.def"
	case ARG_COUNT:
		break;
	}
	return "no such type";
}

int cmd_check(uint32_t id, const union cmd_req *req, char *err, size_t errlen)
{
	union cmd_req rest = *req; /* what is left when all that was given is taken out */
	const struct cmd_desc *c;
	char why_some[200];

	if (id >= CMD_COUNT) {
		snprintf(err, errlen, "malformed request: no command %" PRIu32, id);
		return -EINVAL;
	}
	c = cmd_desc(id);
	if (c->n_args < 64 && req->present >> c->n_args != 0) {
		snprintf(
			err, errlen, "malformed request: %s has %zu arguments", c->path, c->n_args);
		return -EINVAL;
	}
	rest.present = 0;
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];
		const char *why = NULL;

		if (req->present >> k & 1) {
			why = check_value(a, req->raw + a->off);
			memset(rest.raw + a->off, 0, a->size);
		} else if (a->need == ARG_REQ) {
			why = "missing";
		}
		if (why != NULL) {
			snprintf(err, errlen, "malformed request: %s: %s", a->name, why);
			return -EINVAL;
		}
	}
	if (!cmd_some_given(c, req->present, why_some, sizeof(why_some))) {
		snprintf(err, errlen, "malformed request: %s", why_some);
		return -EINVAL;
	}
	if (!all_zero(rest.raw, sizeof(rest.raw))) {
		snprintf(err, errlen, "malformed request: bytes that belong to no argument");
		return -EINVAL;
	}
	return 0;
}
