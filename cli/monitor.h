/* Events as they happen. */
#pragma once

#include "cli/cli.h"

#define MONITOR_MS 200 /* from one look to the next */

/* What has happened until now is no news. */
void monitor_begin(struct cli *cli);
/* The next event that is to be printed; lost: so many before it were passed over. False: none. */
bool monitor_next(struct cli *cli, struct note *n, uint64_t *lost);
void monitor_print(const struct cli *cli, const struct note *n, uint64_t lost, FILE *to);
/* Prints all that are there. */
void monitor_news(struct cli *cli, FILE *to);
/* Prints them until the user or the engine ends it; the exit code. */
int monitor_run(struct cli *cli);

/* show_journal.c */
json_t *show_event(const struct note *n);
