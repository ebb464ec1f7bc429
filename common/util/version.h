/* What this build calls itself. */
#pragma once

const char *warp17_version(void);
