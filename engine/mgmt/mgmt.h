/* Management: the main lcore. Sleeps in epoll; operators, commands, test cases' course, criteria,
 * segment. */
#pragma once

#include "common/abi/segment.h"
#include "engine/boot/boot.h"

/* Before any thread is made. */
void mgmt_block_signals(void);
/* Serves until SIGTERM, SIGINT, SIGHUP or SIGQUIT, then stops all traffic within a bounded time. 0
 * or -errno. */
int mgmt_run(const struct options *o, const struct eal_cmdline *eal);
