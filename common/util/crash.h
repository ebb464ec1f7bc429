/* Places where a client may be killed or stopped by a test (test/torture): compiled into the victims alone, nothing in
 * the programs. The environment says which: WARP17_FAULT="<point>:kill|stop[:n]", at the n-th time that it is passed. */
#pragma once

void crash_point(const char *point); /* in victims: test/torture/crash_point.c */

#ifdef WARP17_FAULTS
#define CRASH_POINT(point) crash_point(point)
#else
#define CRASH_POINT(point) ((void)0)
#endif
