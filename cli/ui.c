/* show tests ui: what the keys do, when the screen is drawn again, and how it ends. */
#include "cli/ui.h"

#include "cli/render_priv.h"
#include "cli/show.h"
#include "common/util/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVERY_MS 1000
#define TESTS_MAX (PORTS_MAX * TCS_MAX)

/* While the screen is ours these come by a descriptor: none may end us inside curses. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

static struct {
	struct cli *cli;
	struct ui_sample now, before;
	bool have_before, unread; /* unread: not all of the last sample could be read */
	struct ui_test test[TESTS_MAX];
	uint32_t n_tests, chosen;
	uint32_t port, tcid; /* of the chosen one, whatever becomes of the others */
	enum ui_view view;
	struct pane tests, detail, ports;
	uint32_t first_port, shown_ports;
	bool on_ports, help, zeros;
	int signal; /* that ends it; 0 none */
	bool quit;
} ui;

/* The chosen test case is found again, or the one that has its place. */
static void tests_find(void)
{
	uint32_t was = ui.chosen;

	ui.n_tests = ui_tests(&ui.now, ui.test, TESTS_MAX);
	ui.chosen = MIN_OF(was, ui.n_tests ? ui.n_tests - 1 : 0);
	for (uint32_t i = 0; i < ui.n_tests; i++) {
		if (ui.test[i].port == ui.port && ui.test[i].tcid == ui.tcid)
			ui.chosen = i;
	}
	if (ui.n_tests != 0) {
		ui.port = ui.test[ui.chosen].port;
		ui.tcid = ui.test[ui.chosen].tcid;
	}
}

static void sample(void)
{
	struct ui_sample old = ui.before;

	ui.before = ui.now;
	ui.have_before = ui.now.ns != 0;
	ui.now = old; /* its memory is given back */
	ui.unread = !ui_sample_take(&ui.now, ui.cli);
	tests_find();
}

/* What the commands print of it. */
static void config_pane(const struct ui_test *t, uint32_t width)
{
	const struct seg *seg = ui.cli->client.seg;
	json_t *all = show_tests_config(seg, t->port), *tcp = show_tests_tcp(seg, t->port, t->tcid);
	char key[32], *text = NULL;
	FILE *terminal = stdout;
	size_t len;

	snprintf(key, sizeof(key), "test_case_%u", t->tcid);
	stdout = open_memstream(&text, &len); /* rendering prints */
	BUG_ON(stdout == NULL);
	render_test_config(json_object_get(json_object_get(all, "tests"), key));
	if (tcp != NULL && strstr(json_string_value(json_object_get(t->state, "type")), "TCP")) {
		printf("\nTCP options\n");
		json_object_del(tcp, "port"); /* the title says whose */
		json_object_del(tcp, "test_case_id");
		render_text(CMD_show_tests_tcp_options, tcp);
	}
	fclose(stdout);
	stdout = terminal;
	pane_text(&ui.detail, width, text + strspn(text, "\n"));
	free(text);
	json_decref(all);
	json_decref(tcp);
}

static void detail_pane(const struct ui_sample *before, uint32_t width)
{
	const struct ui_test *t = &ui.test[ui.chosen];

	pane_clear(&ui.detail);
	if (ui.n_tests == 0 || ui.now.stats[t->port][t->tcid] == NULL) {
		pane_add_wrapped(&ui.detail, width, "No test case is chosen.");
		return;
	}
	switch (ui.view) {
	case UI_STATS:
		pane_stats(&ui.detail, width, t, &ui.now, before);
		break;
	case UI_CONFIG:
		config_pane(t, width);
		break;
	case UI_LATENCY:
		pane_latency(&ui.detail, width, ui.now.stats[t->port][t->tcid]);
		break;
	case UI_VIEW_COUNT:
		break;
	}
}

static void panes_fill(const struct ui_layout *l)
{
	const struct ui_sample *before = ui.have_before ? &ui.before : NULL;

	pane_clear(&ui.tests);
	pane_tests(&ui.tests, ui.test, ui.n_tests, ui.chosen);
	ui.tests.top = ui_reveal(&ui.tests, l->tests.h, ui.chosen + ui.tests.fixed);
	detail_pane(before, (uint32_t)l->detail.w);
	ui.detail.top = ui_scroll(&ui.detail, l->detail.h, 0);
	pane_clear(&ui.ports);
	ui.shown_ports = pane_ports(
		&ui.ports, (uint32_t)l->ports.w, &ui.now, before, ui.first_port, ui.zeros);
	ui.ports.top = ui_scroll(&ui.ports, l->ports.h, 0);
}

static void note(char *buf, size_t len)
{
	uint64_t age = client_beat_age_ms(&ui.cli->client);

	buf[0] = '\0';
	if (age > STALE_MS)
		snprintf(buf, len, "NO SIGN OF LIFE for %u s: what is shown is from then",
			(uint32_t)(age / 1000));
	else if (ui.unread)
		snprintf(buf, len, "some of it could not be read");
}

static void draw(void)
{
	static const char *const view[] = {"statistics", "configuration", "latency"};
	static_assert(ARRAY_SIZE(view) == UI_VIEW_COUNT);
	char title[160], load[60], detail[80] = "Test case", warning[100];
	struct ui_layout l;

	if (ui_draw_layout(&l))
		panes_fill(&l);
	ui_load(ui.now.load, load, sizeof(load));
	snprintf(title, sizeof(title), "WARP17 %.63s%s%s", ui.cli->client.seg->hdr.prefix,
		*load ? "  " : "", load);
	if (ui.n_tests != 0)
		snprintf(detail, sizeof(detail), "P%u TC%u %s", ui.port, ui.tcid, view[ui.view]);
	note(warning, sizeof(warning));
	ui_draw(&(struct ui_screen){.title = title,
		.note = warning,
		.detail_title = detail,
		.tests = &ui.tests,
		.detail = &ui.detail,
		.ports = &ui.ports,
		.first_port = ui.first_port,
		.shown_ports = ui.shown_ports,
		.n_ports = ui.now.n_ports,
		.on_ports = ui.on_ports,
		.help = ui.help});
}

static void choose(int step)
{
	if (ui.n_tests == 0)
		return;
	ui.chosen = (ui.chosen + ui.n_tests + (uint32_t)step) % ui.n_tests;
	ui.port = ui.test[ui.chosen].port;
	ui.tcid = ui.test[ui.chosen].tcid;
	ui.detail.top = 0;
}

static void look(enum ui_view view)
{
	ui.view = view;
	ui.detail.top = 0;
}

/* Lines up or down in the area that the arrows are for. */
static void scroll_by(int lines, int pages)
{
	struct pane *p = ui.on_ports ? &ui.ports : &ui.detail;
	struct ui_layout l;

	if (ui_draw_layout(&l)) {
		int h = ui.on_ports ? l.ports.h : l.detail.h;

		p->top = ui_scroll(p, h, lines + pages * (h - (int)p->fixed));
	}
}

static void ports_by(int step)
{
	if (step > 0 && ui.first_port + ui.shown_ports < ui.now.n_ports)
		ui.first_port++;
	if (step < 0 && ui.first_port > 0)
		ui.first_port--;
}

static void key_scroll(int key)
{
	switch (key) {
	case UI_KEY_UP:
		return scroll_by(-1, 0);
	case UI_KEY_DOWN:
		return scroll_by(1, 0);
	case UI_KEY_PAGE_UP:
		return scroll_by(0, -1);
	case UI_KEY_PAGE_DOWN:
		return scroll_by(0, 1);
	case UI_KEY_HOME:
		return scroll_by(-(1 << 20), 0);
	case UI_KEY_END:
		return scroll_by(1 << 20, 0);
	case UI_KEY_LEFT:
		return ports_by(-1);
	case UI_KEY_RIGHT:
		return ports_by(1);
	}
}

static void key_press(int key)
{
	if (ui.help && key != 'q') {
		ui.help = false;
		return;
	}
	switch (key) {
	case 'q':
		ui.quit = true;
		break;
	case 'n':
		choose(1);
		break;
	case 'b':
	case 'p': /* the original's screen said so */
		choose(-1);
		break;
	case 's':
		look(UI_STATS);
		break;
	case 'c':
		look(UI_CONFIG);
		break;
	case 'l':
		look(UI_LATENCY);
		break;
	case 'z':
		ui.zeros = !ui.zeros;
		break;
	case '?':
		ui.help = true;
		break;
	case UI_KEY_TAB:
		ui.on_ports = !ui.on_ports;
		break;
	default:
		key_scroll(key);
	}
}

static sigset_t signal_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	return set;
}

/* Stopped by Ctrl-Z, with the terminal as it was; 0 when the screen is ours again. */
static int stop(char *err, size_t errlen)
{
	const sigset_t set = signal_set();

	ui_draw_end();
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGTSTP); /* stopped here */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return ui_draw_begin(err, errlen);
}

static int take_signals(int fd, char *err, size_t errlen)
{
	struct signalfd_siginfo s;

	while (ui.signal == 0 && read(fd, &s, sizeof(s)) == sizeof(s)) {
		int rc = 0;

		if (s.ssi_signo == SIGWINCH)
			ui_draw_resize();
		else if (s.ssi_signo == SIGTSTP)
			rc = stop(err, errlen);
		else
			ui.signal = (int)s.ssi_signo;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Until it is to end; 0, or -errno with why. */
static int turns(int signal_fd, char *err, size_t errlen)
{
	struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = signal_fd, .events = POLLIN},
		{.fd = ui.cli->client.sock, .events = POLLRDHUP}};
	int64_t next = 0, now;
	int rc = 0, key;

	while (rc == 0 && !ui.quit && ui.signal == 0) {
		now = mono_ms();
		if (now >= next) {
			sample();
			next = now + EVERY_MS;
		}
		draw();
		if (poll(p, ARRAY_SIZE(p), (int)(next - now)) < 0 && errno != EINTR)
			return -errno;
		if (p[2].revents != 0) {
			snprintf(err, errlen, "the engine is gone");
			return -EPIPE;
		}
		if (p[0].revents & (POLLHUP | POLLERR)) /* the terminal went */
			return 0;
		if (p[1].revents != 0)
			rc = take_signals(signal_fd, err, errlen);
		while (rc == 0 && !ui.quit && (key = ui_draw_key()) >= 0)
			key_press(key);
	}
	return rc;
}

static int refuse(const struct cli *cli, char *err, size_t errlen)
{
	if (cli->json)
		snprintf(err, errlen,
			"a screen has no JSON: show tests state, stats and config have");
	else if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		snprintf(err, errlen, "needs a terminal: standard %s is none",
			isatty(STDOUT_FILENO) ? "input" : "output");
	else
		return 0;
	return -ENOTTY;
}

int ui_run(struct cli *cli, char *err, size_t errlen)
{
	const sigset_t set = signal_set();
	sigset_t was;
	int rc = refuse(cli, err, errlen), fd;

	if (rc != 0)
		return rc;
	memset(&ui, 0, sizeof(ui));
	ui.cli = cli;
	sigprocmask(SIG_BLOCK, &set, &was);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = fd < 0 ? -errno : ui_draw_begin(err, errlen);
	if (rc == 0) {
		rc = turns(fd, err, errlen);
		ui_draw_end();
	}
	close(fd);
	pane_clear(&ui.tests);
	pane_clear(&ui.detail);
	pane_clear(&ui.ports);
	ui_sample_free(&ui.now);
	ui_sample_free(&ui.before);
	sigprocmask(SIG_SETMASK, &was, NULL);
	if (ui.signal != 0)
		raise(ui.signal); /* as it would have ended another command */
	return rc;
}
