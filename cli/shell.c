/* The interactive shell: libedit, with completion and help from the command table. */
#include "cli/cli.h"

#include <histedit.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX 64

static struct cli *the_cli; /* libedit's callbacks carry no pointer of ours everywhere */

static const char *prompt(EditLine *el)
{
	(void)el;
	return "warp17> ";
}

struct choice {
	char word[64][40];
	int n;
	bool print;
};

static void choice_add(const char *word, const char *help, bool hint, void *arg)
{
	struct choice *c = arg;

	(void)hint;
	if (c->print)
		printf("  %-24s %s\n", word, help);
	if (c->n < 64)
		snprintf(c->word[c->n++], sizeof(c->word[0]), "%s", word);
}

/* The words before the cursor, and the one it is in. */
static void complete_at(EditLine *el, struct choice *c, char *prefix, size_t len)
{
	const LineInfo *li = el_line(el);
	const char *word[WORDS_MAX];
	char line[1024], err[100];
	size_t at = MIN_OF((size_t)(li->cursor - li->buffer), sizeof(line) - 1), start = at;
	int n;

	memcpy(line, li->buffer, at);
	line[at] = '\0';
	while (start > 0 && line[start - 1] != ' ')
		start--;
	snprintf(prefix, len, "%.*s", (int)len - 1, line + start);
	line[start] = '\0';
	n = cmd_split(line, word, WORDS_MAX, err, sizeof(err));
	if (n >= 0)
		cmd_complete(word, n, prefix, choice_add, c);
}

static unsigned char on_tab(EditLine *el, int ch)
{
	struct choice c = {0};
	char prefix[128];
	size_t common;

	(void)ch;
	complete_at(el, &c, prefix, sizeof(prefix));
	if (c.n == 0 || c.word[0][0] == '<')
		return CC_REFRESH_BEEP;
	common = strlen(c.word[0]);
	for (int i = 1; i < c.n; i++) {
		size_t k = 0;

		while (k < common && c.word[i][k] == c.word[0][k])
			k++;
		common = k;
	}
	if (common > strlen(prefix)) {
		c.word[0][common] = '\0';
		el_insertstr(el, c.word[0] + strlen(prefix));
	}
	if (c.n == 1)
		el_insertstr(el, " ");
	else
		return CC_REFRESH_BEEP;
	return CC_REFRESH;
}

static unsigned char on_help(EditLine *el, int ch)
{
	struct choice c = {.print = true};
	char prefix[128];

	(void)ch;
	printf("?\n");
	complete_at(el, &c, prefix, sizeof(prefix));
	if (c.n == 0)
		printf("  <enter>\n");
	return CC_REDISPLAY;
}

/* Reads a character, or leaves when the engine has gone. */
static int get_char(EditLine *el, wchar_t *out)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = the_cli->client.sock, .events = POLLIN}};
	char ch;

	(void)el;
	while (poll(p, 2, -1) >= 0) {
		if ((p[1].revents & (POLLIN | POLLHUP)) && !client_alive(&the_cli->client)) {
			printf("\nthe engine is gone\n");
			the_cli->worst = CLI_NO_ENGINE;
			return 0;
		}
		if (p[1].revents & POLLIN)
			recv(the_cli->client.sock, &ch, 1, MSG_DONTWAIT);
		if (p[0].revents) {
			if (read(STDIN_FILENO, &ch, 1) != 1)
				return 0;
			*out = (unsigned char)ch;
			return 1;
		}
	}
	return 0;
}

int cli_shell(struct cli *cli)
{
	EditLine *el = el_init("warp17-cli", stdin, stdout, stderr);
	History *hist = history_init();
	char path[300] = "";
	const char *line;
	HistEvent ev;
	int n;

	the_cli = cli;
	if (getenv("HOME"))
		snprintf(path, sizeof(path), "%s/.warp17_history", getenv("HOME"));
	history(hist, &ev, H_SETSIZE, 1000);
	history(hist, &ev, H_LOAD, path);
	el_set(el, EL_PROMPT, prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_HIST, history, hist);
	el_set(el, EL_GETCFN, get_char);
	el_set(el, EL_ADDFN, "warp17-complete", "complete", on_tab);
	el_set(el, EL_ADDFN, "warp17-help", "what may follow", on_help);
	el_set(el, EL_BIND, "^I", "warp17-complete", NULL);
	el_set(el, EL_BIND, "?", "warp17-help", NULL);
	while ((line = el_gets(el, &n)) != NULL && n > 0) {
		if (strncmp(line, "exit", 4) == 0 || strncmp(line, "quit", 4) == 0)
			break;
		if (strspn(line, " \t\r\n") != strlen(line))
			history(hist, &ev, H_ENTER, line);
		if (cli_line(cli, line, "") == CLI_NO_ENGINE)
			break;
		if (cli->worst != CLI_NO_ENGINE)
			cli->worst = CLI_OK; /* a shell's errors were seen */
	}
	history(hist, &ev, H_SAVE, path);
	history_end(hist);
	el_end(el);
	return cli->worst;
}
