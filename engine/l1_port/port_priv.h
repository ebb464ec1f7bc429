/* Inside ports. */
#pragma once

#include "engine/l1_port/l1_port.h"

/* The next port, for an ethdev; NULL when there are PORTS_MAX. */
struct port *port_add(uint16_t dev_id, enum port_kind kind);
/* What a port's MTU is unless somebody says otherwise: the link's, as far as a frame fits one buffer. */
uint16_t mtu_choose(const struct port *p);
int ring_pair_create(uint32_t pair);
int tap_create(const struct options *o);
/* The thread enters the TAPs' network namespace: what tap_leave() wants to bring it back; -1 there
 * is none, -2 an error that was logged. */
int tap_enter(const struct options *o);
void tap_leave(int home);
