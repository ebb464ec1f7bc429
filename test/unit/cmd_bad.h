/* Out of cmd.def alone: of each command a request as a parser makes it, and every kind of request that
 * none makes. */
#pragma once

#include "common/cmd/cmd.h"

#include <string.h>

/* Words a user types stand in the usage as they are: "tcp|udp". */
static inline bool bad_is_words(const struct arg_desc *a)
{
	const char *u = arg_usage(a->tag);

	return *u != '<' && *u != '"' && *u != '\0';
}

static inline uint32_t bad_n_words(const struct arg_desc *a)
{
	uint32_t n = 1;

	for (const char *u = arg_usage(a->tag); *u != '\0'; u++)
		n += *u == '|';
	return n;
}

static inline bool bad_is_text(const struct arg_desc *a)
{
	return a->tag == ARG_name || a->tag == ARG_line || a->tag == ARG_path;
}

/* A number, or a word's place. */
static inline bool bad_is_number(const struct arg_desc *a)
{
	return a->size == sizeof(uint32_t) && a->tag != ARG_list;
}

/* A value that the argument takes. */
static inline void good_value(const struct arg_desc *a, uint8_t *at)
{
	const struct ip_range ips = {ip4_addr(0x0a000001), ip4_addr(0x0a000009)};
	struct u16_range range = {(uint16_t)a->min, (uint16_t)a->max};
	uint32_t v = (uint32_t)a->min;

	if (a->tag == ARG_l4range)
		memcpy(at, &range, sizeof(range));
	else if (a->tag == ARG_ip || a->tag == ARG_iprange)
		memcpy(at, &ips, a->size);
	else if (bad_is_text(a))
		memcpy(at, "A:b", 3);
	else if (a->tag == ARG_flag || a->tag == ARG_list)
		*at = 1;
	else
		memcpy(at, &v, sizeof(v));
}

/* Every argument is there. */
static inline void good_request(enum cmd_id id, union cmd_req *req)
{
	const struct cmd_desc *c = cmd_desc(id);

	memset(req, 0, sizeof(*req));
	for (size_t k = 0; k < c->n_args; k++) {
		good_value(&c->args[k], req->raw + c->args[k].off);
		req->present |= UINT64_C(1) << k;
	}
}

typedef void bad_fn(uint32_t id, const union cmd_req *req, const char *what, void *arg);

/* Where bad requests go, and the one that they are made of. */
struct bad {
	bad_fn *use;
	void *arg;
	enum cmd_id id;
	union cmd_req good;
	uint32_t n;
};

static inline void bad_say(struct bad *b, const union cmd_req *req, const char *what)
{
	b->n++;
	b->use(b->id, req, what, b->arg);
}

/* The good one, but for n bytes at an argument's place. */
static inline void bad_bytes(struct bad *b, const struct arg_desc *a, size_t off, const void *v,
	size_t n, const char *what)
{
	union cmd_req req = b->good;

	memcpy(req.raw + a->off + off, v, n);
	bad_say(b, &req, what);
}

static inline void bad_number(struct bad *b, const struct arg_desc *a, uint64_t v, const char *what)
{
	uint32_t n = (uint32_t)v;

	if (v <= UINT32_MAX)
		bad_bytes(b, a, 0, &n, sizeof(n), what);
}

static inline void bad_numbers(struct bad *b, const struct arg_desc *a)
{
	uint64_t max = bad_is_words(a) ? bad_n_words(a) - 1 : a->max ? a->max : UINT32_MAX;

	if (a->min > 0)
		bad_number(b, a, a->min - 1, "below its least");
	if (a->tag == ARG_inf32 && max >= UINT32_MAX - 1)
		return; /* what is above means infinite */
	bad_number(b, a, max + 1, "above its most");
	if (a->tag != ARG_inf32 && max < UINT32_MAX)
		bad_number(b, a, UINT32_MAX, "all ones");
}

static inline void bad_ip(struct bad *b, const struct arg_desc *a, size_t off)
{
	static const uint32_t families[] = {0, 5, 46, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		bad_bytes(b, a, off, &families[i], sizeof(families[i]), "no such family");
	bad_bytes(b, a, off + offsetof(struct ip_addr, b) + 15, "x", 1, "bytes after the address");
}

static inline void bad_ranges(struct bad *b, const struct arg_desc *a)
{
	const struct ip_range turned = {ip4_addr(0x0a000009), ip4_addr(0x0a000001)},
			      mixed = {ip4_addr(0x0a000001), {.family = 6}};
	const struct u16_range range = {(uint16_t)a->max, (uint16_t)a->min},
			       below = {(uint16_t)(a->min - 1), (uint16_t)a->max};

	if (a->tag == ARG_iprange) {
		bad_bytes(b, a, 0, &turned, sizeof(turned), "range reversed");
		bad_bytes(b, a, 0, &mixed, sizeof(mixed), "two families");
		bad_ip(b, a, offsetof(struct ip_range, hi));
	} else {
		bad_bytes(b, a, 0, &range, sizeof(range), "range reversed");
		if (a->min > 0)
			bad_bytes(b, a, 0, &below, sizeof(below), "below its least");
	}
}

static inline void bad_texts(struct bad *b, const struct arg_desc *a)
{
	uint8_t endless[512];

	memset(endless, 'x', sizeof(endless));
	bad_bytes(b, a, 0, endless, a->size, "text does not end");
	bad_bytes(b, a, 0, "\0\0\0\0", 4, "text is empty");
	bad_bytes(b, a, 1, "\n", 1, "control character");
	bad_bytes(b, a, 1, "\x7f", 1, "control character");
	bad_bytes(b, a, a->size - 1u, "x", 1, "bytes after the text");
}

static inline void bad_argument(struct bad *b, const struct cmd_desc *c, size_t k)
{
	const struct arg_desc *a = &c->args[k];
	union cmd_req req = b->good;

	if (a->tag == ARG_ip || a->tag == ARG_iprange)
		bad_ip(b, a, 0);
	if (a->tag == ARG_iprange || a->tag == ARG_l4range)
		bad_ranges(b, a);
	else if (bad_is_text(a))
		bad_texts(b, a);
	else if (a->tag == ARG_flag) {
		bad_bytes(b, a, 0, "\0", 1, "a flag of 0");
		bad_bytes(b, a, 0, "\2", 1, "a flag of 2");
	} else if (a->tag == ARG_list)
		bad_bytes(b, a, 0, "\0\0\0\0", 4, "an empty list");
	else if (a->tag != ARG_ip && bad_is_number(a))
		bad_numbers(b, a);
	req.present &= ~(UINT64_C(1) << k);
	memset(req.raw + a->off, 0, a->size);
	if (a->need == ARG_REQ)
		bad_say(b, &req, "left out");
	req.raw[a->off] = 1;
	bad_say(b, &req, "not given, but there");
}

/* None of those of which one is needed, more arguments than there are, bytes of no argument. */
static inline void bad_whole(struct bad *b, const struct cmd_desc *c)
{
	union cmd_req req = b->good;
	bool some = false;

	for (size_t k = 0; k < c->n_args; k++) {
		if (c->args[k].need != ARG_SOME)
			continue;
		some = true;
		req.present &= ~(UINT64_C(1) << k);
		memset(req.raw + c->args[k].off, 0, c->args[k].size);
	}
	if (some)
		bad_say(b, &req, "none of those of which one is needed");
	req = b->good;
	req.present |= UINT64_C(1) << c->n_args;
	bad_say(b, &req, "an argument too many");
	req = b->good;
	req.raw[sizeof(req) - 1] ^= 1;
	bad_say(b, &req, "bytes of no argument");
}

/* Calls use() with each; how many there were. */
static inline uint32_t bad_requests(bad_fn *use, void *arg)
{
	static struct bad b;

	b = (struct bad){.use = use, .arg = arg};
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);

		b.id = id;
		good_request(id, &b.good);
		for (size_t k = 0; k < c->n_args; k++)
			bad_argument(&b, c, k);
		bad_whole(&b, c);
	}
	use(CMD_COUNT, &b.good, "no such command", arg);
	use(UINT32_MAX, &b.good, "no such command", arg);
	return b.n + 2;
}
