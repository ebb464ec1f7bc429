#include "common/util/version.h"

#ifndef WARP17_VERSION
#define WARP17_VERSION "dev"
#endif

const char *warp17_version(void)
{
	return WARP17_VERSION;
}
