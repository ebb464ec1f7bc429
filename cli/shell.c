/* The interactive shell: libedit, history, signals. What Tab and ? do is in keys.c. */
#include "cli/shell.h"

#include "cli/monitor.h"

#include <histedit.h>

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_MAX 1000
#define CTRL_C L'\003'

/* While a line is edited these are ours, else the terminal is as others left it and they do what
 * they always do. SIGINT is ours all the time: it ends the line or the wait for an answer. */
static const int edit_signals[] = {SIGTSTP, SIGCONT, SIGWINCH, SIGTERM, SIGHUP, SIGQUIT};

static const int fatal_signals[] = {SIGTERM, SIGHUP, SIGQUIT}; /* of those */

static struct {
	struct cli *cli; /* libedit's callbacks carry no pointer of ours everywhere */
	int wake;        /* eventfd: a signal came */
	uint64_t came;   /* bit n: signal n; atomic */
	int fatal;       /* the signal to end by */
	bool abandoned;  /* the line, by Ctrl-C */
	char prompt[PROMPT_MAX];
} sh;

static const char *prompt(EditLine *el)
{
	(void)el;
	return sh.prompt;
}

size_t shell_prompt_len(void)
{
	return strlen(sh.prompt);
}

static void on_signal(int sig)
{
	const uint64_t one = 1;
	int saved = errno;

	__atomic_or_fetch(&sh.came, UINT64_C(1) << sig, __ATOMIC_RELEASE); /* signals_take() */
	if (write(sh.wake, &one, sizeof(one)) < 0)
		errno = 0; /* full: it wakes anyway */
	errno = saved;
}

/* The signals since the last call. */
static uint64_t signals_take(void)
{
	uint64_t n;

	if (read(sh.wake, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return 0;
	return __atomic_exchange_n(&sh.came, 0, __ATOMIC_ACQUIRE); /* pairs with on_signal() */
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(sig, &sa, NULL);
}

static void handle_edit_signals(bool ours)
{
	for (size_t i = 0; i < ARRAY_SIZE(edit_signals); i++)
		handle(edit_signals[i], ours ? on_signal : SIG_DFL);
}

static bool has(uint64_t came, int sig)
{
	return came >> sig & 1;
}

/* Signals while a line is edited. What get_char() returns, -1 to go on waiting. */
static int edit_signal(EditLine *el, wchar_t *out)
{
	uint64_t came = signals_take();

	for (size_t i = 0; i < ARRAY_SIZE(fatal_signals); i++) {
		if (has(came, fatal_signals[i])) {
			sh.fatal = fatal_signals[i];
			return 0;
		}
	}
	if (has(came, SIGTSTP)) {
		el_set(el, EL_PREP_TERM, 0);
		handle(SIGTSTP, SIG_DFL);
		raise(SIGTSTP); /* stopped here */
		handle(SIGTSTP, on_signal);
		came |= UINT64_C(1) << SIGCONT;
	}
	if (has(came, SIGCONT))
		el_set(el, EL_PREP_TERM, 1);
	if (has(came, SIGWINCH))
		el_resize(el);
	if (has(came, SIGCONT) || has(came, SIGWINCH))
		el_set(el, EL_REFRESH);
	if (!has(came, SIGINT))
		return -1;
	*out = CTRL_C;
	return 1;
}

/* A character in the terminal's encoding. 1, 0 at the end, -1 when there is none yet. */
static int read_char(wchar_t *out)
{
	static mbstate_t state;
	char byte;
	ssize_t n = read(STDIN_FILENO, &byte, 1);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return -1;
	if (n != 1)
		return 0;
	switch (mbrtowc(out, &byte, 1, &state)) {
	case (size_t)-1: /* of no encoding: left out */
		memset(&state, 0, sizeof(state));
		return -1;
	case (size_t)-2:
		return -1;
	default:
		return 1;
	}
}

/* Prints events above the line that is being edited, which then stands below them. */
static void events_above(EditLine *el)
{
	struct note n;
	uint64_t lost;
	bool any = false;

	while (monitor_next(sh.cli, &n, &lost)) {
		if (!any)
			shell_clear(el);
		any = true;
		monitor_print(sh.cli, &n, lost, stdout);
	}
	if (any)
		el_set(el, EL_REFRESH);
}

/* Reads a character, or ends the line when the engine has gone. */
static int get_char(EditLine *el, wchar_t *out)
{
	struct pollfd p[3] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = sh.wake, .events = POLLIN},
		{.fd = sh.cli->client.sock, .events = POLLRDHUP}};

	for (;;) {
		int rc = poll(p, 3, MONITOR_MS);

		if (rc < 0 && errno != EINTR)
			return 0;
		if (rc < 0)
			continue;
		if (rc == 0)
			events_above(el);
		rc = -1;
		if (p[2].revents) {
			shell_below(el);
			fprintf(stderr, "warp17-cli: the engine is gone\n");
			sh.cli->worst = CLI_NO_ENGINE;
			return 0;
		}
		if (p[1].revents)
			rc = edit_signal(el, out);
		else if (p[0].revents)
			rc = read_char(out);
		if (rc >= 0)
			return rc;
	}
}

/* Ctrl-C leaves the line as it stands and begins another. */
static unsigned char on_abandon(EditLine *el, int ch)
{
	(void)ch;
	fputs("^C", stdout);
	shell_below(el);
	sh.abandoned = true;
	return CC_EOF;
}

static void bind_key(EditLine *el, const char *key, const char *name, const char *help,
	unsigned char (*fn)(EditLine *, int))
{
	el_set(el, EL_ADDFN, name, help, fn);
	el_set(el, EL_BIND, key, name, NULL);
}

static EditLine *edit_init(History *hist)
{
	EditLine *el = el_init("warp17-cli", stdin, stdout, stderr);

	if (el == NULL)
		return NULL;
	el_set(el, EL_PROMPT, prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_HIST, history, hist);
	el_set(el, EL_GETCFN, get_char);
	bind_key(el, "^I", "warp17-complete", "complete the word", keys_tab);
	bind_key(el, "?", "warp17-help", "what may follow", keys_help);
	bind_key(el, "^C", "warp17-abandon", "begin another line", on_abandon);
	return el;
}

static void history_path(char *buf, size_t len)
{
	const char *home = getenv("HOME");

	snprintf(buf, len, "%s%s", home ? home : "", home ? "/.warp17_history" : "");
}

static void history_save(History *hist)
{
	char path[4096];
	mode_t was = umask(077); /* commands may name hosts that are nobody's business */
	HistEvent ev;

	history_path(path, sizeof(path));
	if (path[0] != '\0')
		history(hist, &ev, H_SAVE, path);
	umask(was);
}

static History *history_load(void)
{
	History *hist = history_init();
	char path[4096];
	HistEvent ev;

	history(hist, &ev, H_SETSIZE, HISTORY_MAX);
	history(hist, &ev, H_SETUNIQUE, 1);
	history_path(path, sizeof(path));
	if (path[0] != '\0')
		history(hist, &ev, H_LOAD, path);
	return hist;
}

/* One line edited and run. False when it was the last. */
static bool turn(EditLine *el, History *hist)
{
	static const struct origin nowhere;
	struct cli *cli = sh.cli;
	const char *line;
	HistEvent ev;
	int n = 0;

	sh.abandoned = false;
	signals_take();
	handle_edit_signals(true);
	el_set(el, EL_PREP_TERM, 1); /* before the prompt invites to type */
	line = el_gets(el, &n);
	handle_edit_signals(false);
	if (line == NULL || n <= 0) {
		if (!sh.abandoned && cli->worst != CLI_NO_ENGINE)
			putchar('\n');
		return sh.abandoned;
	}
	if (strspn(line, " \t\r\n") != strlen(line))
		history(hist, &ev, H_ENTER, line);
	signals_take();
	if (cli_line(cli, line, &nowhere) == CLI_NO_ENGINE)
		return false;
	cli->worst = CLI_OK; /* a shell's errors were seen */
	return !cli->leave;
}

void cli_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
}

int cli_shell(struct cli *cli)
{
	History *hist = history_load();
	EditLine *el;

	cli_locale();
	sh.cli = cli;
	sh.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (strcmp(cli->prefix, PREFIX_DEFAULT) == 0)
		snprintf(sh.prompt, sizeof(sh.prompt), "warp17> ");
	else
		snprintf(sh.prompt, sizeof(sh.prompt), "warp17[%s]> ", cli->prefix);
	gone_keep_terminal();
	el = edit_init(hist);
	if (el == NULL)
		return CLI_FAILED;
	handle(SIGINT, on_signal);
	cli->client.cancel_fd = sh.wake;
	__atomic_store_n(
		&cli->busy, 1, __ATOMIC_RELEASE); /* get_char() looks; pairs with on_gone() */
	while (turn(el, hist))
		;
	history_save(hist);
	history_end(hist);
	el_end(el);
	if (sh.fatal != 0)
		raise(sh.fatal);
	return cli->worst;
}
