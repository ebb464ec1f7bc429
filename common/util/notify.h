/* What systemd is told of a service of Type=notify (sd_notify(3)), without its library. Nothing is where nobody has set
 * NOTIFY_SOCKET. Never waits: what its socket does not take at once is lost. */
#pragma once

#include "common/util/compiler.h"

/* Assignments, a line each: "READY=1\nSTATUS=2 ports". */
void notify(const char *fmt, ...) format_printf(1, 2);
/* It wants to hear WATCHDOG=1 within so many ns, again and again; 0: it does not. */
uint64_t notify_watchdog_ns(void);
