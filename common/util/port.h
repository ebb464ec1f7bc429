/* Port numbers in options. */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* A decimal number, 0..65535, and nothing else; in network order. */
static inline bool port_parse(const char *s, uint16_t *port_be)
{
	char *end;
	unsigned long v;

	if (s[0] < '0' || s[0] > '9')
		return false;
	v = strtoul(s, &end, 10);
	*port_be = htons((uint16_t)v);
	return *end == '\0' && v <= UINT16_MAX;
}
