/* Inside the worker's directory. */
#pragma once

#include "engine/lcore/lcore.h"

/* Handles what management posted; *quit is set when the loop is to end. */
void mailbox_poll(struct lcore *lc, bool *quit);
