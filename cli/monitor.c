/* Events as they happen: all of them for who asked, and for everybody those that concern the operator most, such as a
 * port that was taken away. */
#include "cli/monitor.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

void monitor_begin(struct cli *cli)
{
	cli->next_event = journal_last(&cli->client.seg->events) + 1;
}

static bool is_ours(const struct cli *cli, const struct note *n)
{
	return n->to_slot == cli->client.slot_no && n->to_generation == cli->client.generation;
}

bool monitor_next(struct cli *cli, struct note *n, uint64_t *lost)
{
	uint64_t passed;

	*lost = 0;
	while (journal_read(&cli->client.seg->events, &cli->next_event, n, &passed)) {
		*lost += passed;
		if (cli->monitor || is_ours(cli, n))
			return true;
	}
	return false;
}

static void print_json(const struct note *n, FILE *to)
{
	json_t *o = show_event(n);

	json_dumpf(o, to, JSON_COMPACT);
	putc('\n', to);
	json_decref(o);
}

void monitor_print(const struct cli *cli, const struct note *n, uint64_t lost, FILE *to)
{
	time_t t = (time_t)(n->realtime_ns / 1000000000);
	char when[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(when, sizeof(when), "%T", &tm);
	if (lost != 0 && cli->json)
		fprintf(to, "{\"lost\":%" PRIu64 "}\n", lost);
	else if (lost != 0)
		fprintf(to, "-- %" PRIu64 " events lost: more than are kept came at once\n", lost);
	if (cli->json)
		print_json(n, to);
	else
		fprintf(to, "-- %s %s\n", when, n->text);
}

void monitor_news(struct cli *cli, FILE *to)
{
	struct note n;
	uint64_t lost;

	while (monitor_next(cli, &n, &lost))
		monitor_print(cli, &n, lost, to);
	fflush(to);
}

static int enough; /* atomic */

static void on_enough(int sig)
{
	__atomic_store_n(&enough, sig, __ATOMIC_RELAXED);
}

int monitor_run(struct cli *cli)
{
	struct sigaction sa = {.sa_handler = on_enough};
	struct pollfd gone = {.fd = cli->client.sock, .events = POLLRDHUP};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	cli->monitor = true;
	__atomic_store_n(&cli->busy, 1, __ATOMIC_RELEASE); /* we look; pairs with on_gone() */
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED) && !ferror(stdout)) {
		monitor_news(cli, stdout);
		if (poll(&gone, 1, MONITOR_MS) > 0 && gone.revents != 0) {
			fprintf(stderr, "warp17-cli: the engine is gone\n");
			return CLI_NO_ENGINE;
		}
	}
	return CLI_OK;
}
