/* Inside ports. */
#pragma once

#include "engine/l1_port/l1_port.h"

/* The next port, for an ethdev; NULL when there are PORTS_MAX. */
struct port *port_add(uint16_t dev_id, enum port_kind kind);
int ring_pair_create(const struct options *o, uint32_t pair);
int tap_create(const struct options *o);
/* The kernel's end into a network namespace. */
int tap_move(const struct port *p, const char *netns);
