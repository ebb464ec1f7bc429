/* The end of the engine, seen from a thread of its own: its memory must be let go at once, or the
 * next engine could not start. */
#include "cli/cli.h"

#include <poll.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 300 /* for the main thread to answer the command that is under way */

static struct termios terminal;
static bool terminal_kept;
static const char *screen_leave; /* atomic */

void gone_keep_terminal(void)
{
	terminal_kept = tcgetattr(STDIN_FILENO, &terminal) == 0;
}

void gone_keep_screen(const char *leave)
{
	__atomic_store_n(&screen_leave, leave, __ATOMIC_RELEASE); /* pairs with on_gone() */
}

/* As much as the terminal takes at once. */
static void say(int fd, const char *text, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) && write(fd, text, len) < 0)
		_exit(CLI_NO_ENGINE); /* nobody to tell */
}

/* Nothing here may wait: a terminal or pipe may be stopped. */
static void on_gone(void *arg)
{
	static const char text[] = "\nwarp17-cli: the engine is gone\n";
	const struct timespec grace = {0, GRACE_MS * 1000000};
	const struct cli *cli = arg;
	const char *leave;
	bool foreground = terminal_kept && tcgetpgrp(STDIN_FILENO) == getpgrp();

	if (__atomic_load_n(&cli->busy, __ATOMIC_ACQUIRE) > 0) /* busy_add() */
		nanosleep(&grace, NULL);
	leave = __atomic_load_n(&screen_leave, __ATOMIC_ACQUIRE); /* gone_keep_screen() */
	if (foreground)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	if (foreground && leave != NULL)
		say(STDOUT_FILENO, leave, strlen(leave));
	say(STDERR_FILENO, text + !foreground, sizeof(text) - 1 - !foreground);
	_exit(CLI_NO_ENGINE);
}

int gone_watch(struct cli *cli)
{
	return client_watch(&cli->client, on_gone, cli);
}
