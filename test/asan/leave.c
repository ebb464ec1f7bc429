/* make asan: clients leave with _exit(), which no leak detector sees. Here it looks first, but not
 * where time is up: that is a signal's handler, which may have stopped malloc() in its middle. */
#include <sanitizer/lsan_interface.h>
#include <unistd.h>

#define TIME_IS_UP 5 /* both clients' exit code of it */

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:wcsdup\n"      /* libedit's own */
	       "leak:new_prescr\n"; /* ncurses', of a terminal it does not know */
}
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

_Noreturn void __wrap__exit(int code);
_Noreturn void __real__exit(int code);
void __wrap__exit(int code)
{
	if (code != TIME_IS_UP)
		__lsan_do_leak_check();
	__real__exit(code);
}
