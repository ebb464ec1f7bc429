/* Inside the worker's directory. */
#pragma once

#include "engine/lcore/lcore.h"

/* Handles what management posted. */
void mailbox_poll(struct lcore *lc);
