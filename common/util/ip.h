/* Addresses as commands, replies and the segment carry them: both families in one shape. */
#pragma once

#include "common/util/compiler.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#define IP_STRLEN 46

struct ip_addr {
	uint32_t family; /* 0 none, 4 or 6 */
	uint8_t b[16];   /* network order; IPv4 in the first four */
};
static_assert(sizeof(struct ip_addr) == 20);

struct ip_range {
	struct ip_addr lo, hi; /* inclusive */
};

struct u16_range {
	uint16_t lo, hi; /* inclusive */
};

/* The IPv4 address in host order. */
static inline uint32_t ip4_of(const struct ip_addr *a)
{
	return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

static inline struct ip_addr ip4_addr(uint32_t host_order)
{
	return (struct ip_addr){.family = 4,
		.b = {host_order >> 24, host_order >> 16 & 255, host_order >> 8 & 255,
			host_order & 255}};
}

/* Text of an address into buf[IP_STRLEN]; "-" where there is none. */
static inline const char *ip_str(const struct ip_addr *a, char *buf)
{
	if (a->family == 0)
		return "-";
	return inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->b, buf, IP_STRLEN);
}

static inline bool ip_parse(const char *s, struct ip_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, s, a->b) == 1)
		a->family = 4;
	else if (inet_pton(AF_INET6, s, a->b) == 1)
		a->family = 6;
	return a->family != 0;
}
