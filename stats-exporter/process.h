/* What this process takes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct process {
	double cpu_s, start_s; /* since 1970; executing itself again, it stays the same process */
	uint64_t resident_bytes, virtual_bytes;
	uint64_t open_files, most_files;
};

/* False: /proc is not to be read. */
bool process_look(struct process *p);
