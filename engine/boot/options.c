/* The command line: EAL arguments, "--", our own (options.def). */
#include "common/util/compiler.h"
#include "common/util/version.h"
#include "engine/boot/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int takes;
	const char *value, *help;
} table[] = {
#define OPTION(name, takes, value, help) {#name, takes, value, help},
#include "engine/boot/options.def"
};

static int usage_error(const char *opt, const char *given, const char *expected)
{
	fprintf(stderr, "warp17: error: --%s: '%s' given, expected %s (see --help)\n", opt, given,
		expected);
	return -EINVAL;
}

static void help(void)
{
	printf("usage: warp17 [EAL arguments] -- [options]\n"
	       "The engine of WARP17, a stateful traffic generator. Options:\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s %s", table[i].name, table[i].value);
		printf("  %-30s %s\n", left, table[i].help);
	}
	printf("EAL arguments that matter here: -l LCORES (the first manages, the others are "
	       "workers), -a PCI,\n"
	       "--vdev DEV, --file-prefix NAME; -w is taken for -a.\n");
}

static int number(const char *opt, const char *s, uint64_t lo, uint64_t hi, uint64_t *v)
{
	char expected[64], *end;

	*v = strtoull(s, &end, 10);
	if (*s >= '0' && *s <= '9' && *end == '\0' && *v >= lo && *v <= hi)
		return 0;
	snprintf(expected, sizeof(expected), "%" PRIu64 "..%" PRIu64, lo, hi);
	return usage_error(opt, s, expected);
}

static int qmap(struct options *o, const char *s)
{
	char *end;
	unsigned long port = strtoul(s, &end, 10);
	uint64_t mask;

	if (*s < '0' || *s > '9' || *end != '.' || port >= PORTS_MAX)
		return usage_error("qmap", s, "PORT.HEXMASK");
	mask = strtoull(end + 1, &end, 16);
	if (*end != '\0' || mask == 0)
		return usage_error("qmap", s, "PORT.HEXMASK with at least one bit");
	o->qmap[port] = mask;
	o->qmap_given = true;
	return 0;
}

static int text(const char *opt, const char *s, char *to, size_t size)
{
	if (*s == '\0' || strlen(s) >= size)
		return usage_error(opt, s, "a name that is not empty nor too long");
	snprintf(to, size, "%s", s);
	return 0;
}

/* Returns 1 for --help and --version. */
static int take(struct options *o, const char *name, const char *v)
{
	uint64_t n = 0;
	int rc = 0;

#define IS(s) (strcmp(name, s) == 0)
	if (IS("help")) {
		help();
		return 1;
	}
	if (IS("version")) {
		printf("warp17 %s\n", warp17_version());
		return 1;
	}
	if (IS("qmap"))
		return qmap(o, v);
	if (IS("qmap-default")) {
		if (strcmp(v, "max-c") != 0 && strcmp(v, "max-q") != 0)
			return usage_error(name, v, "max-c or max-q");
		o->qmap_default = v[4] == 'c' ? 'c' : 'q';
	} else if (IS("tcb-pool-sz")) {
		rc = number(name, v, 0, 4194303, &n);
		o->n_tcbs = n * 1024 + (n == 0);
	} else if (IS("ucb-pool-sz")) {
		rc = number(name, v, 0, 4194303, &n);
		o->n_ucbs = n * 1024 + (n == 0);
	} else if (IS("mbuf-pool-sz")) {
		rc = number(name, v, 1, 65536, &n);
		o->n_mbufs = n * 1024;
	} else if (IS("mbuf-sz")) {
		rc = number(name, v, 2176, 9198, &n);
		o->mbuf_bytes = n - 128;
	} else if (IS("mbuf-hdr-pool-sz")) {
		rc = number(name, v, 1, 65536, &o->n_mbuf_hdrs);
	} else if (IS("ring-if-pairs")) {
		rc = number(name, v, 0, PORTS_MAX / 2, &n);
		o->ring_pairs = n;
	} else if (IS("tap-ifs") || IS("kni-ifs")) {
		rc = number(name, v, 0, PORTS_MAX, &n);
		o->taps = n;
	} else if (IS("tap-netns")) {
		rc = text(name, v, o->tap_netns, sizeof(o->tap_netns));
	} else if (IS("cmd-file")) {
		rc = text(name, v, o->cmd_file, sizeof(o->cmd_file));
	}
	o->mpool_any_sock |= IS("mpool-any-sock");
	o->sw_csum |= IS("sw-checksum");
	o->print_memory |= IS("print-memory");
#undef IS
	return rc;
}

static int own_options(struct options *o, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *name = argv[i], *eq = strchr(argv[i], '='), *v = "";
		size_t k, len = eq ? (size_t)(eq - name) : strlen(name);
		int rc;

		for (k = 0; k < ARRAY_SIZE(table); k++) {
			if (strncmp(name, "--", 2) == 0 && len == strlen(table[k].name) + 2
				&& strncmp(name + 2, table[k].name, len - 2) == 0)
				break;
		}
		if (k == ARRAY_SIZE(table)) {
			fprintf(stderr, "warp17: error: unknown option '%s' (see --help)\n", name);
			return -EINVAL;
		}
		if (table[k].takes && eq) {
			v = eq + 1;
		} else if (table[k].takes) {
			if (++i == argc)
				return usage_error(table[k].name, "nothing", table[k].value);
			v = argv[i];
		} else if (eq) {
			return usage_error(table[k].name, eq + 1, "no value");
		}
		rc = take(o, table[k].name, v);
		if (rc != 0)
			return rc;
	}
	if (o->qmap_given && o->qmap_default != 0) {
		fprintf(stderr, "warp17: error: --qmap and --qmap-default cannot be combined\n");
		return -EINVAL;
	}
	return 0;
}

/* How many lcores a list such as 0,2-4 names. */
static uint32_t count_list(const char *s)
{
	uint32_t n = 0;

	while (*s >= '0' && *s <= '9') {
		char *end;
		unsigned long lo = strtoul(s, &end, 10), hi = lo;

		if (*end == '-')
			hi = strtoul(end + 1, &end, 10);
		n += hi >= lo ? hi - lo + 1 : 0;
		s = *end == ',' ? end + 1 : end;
	}
	return n;
}

static void eal_option(struct cmdline *cl, char **argv, int argc, int i)
{
	const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";

	if (strcmp(a, "-l") == 0 || strcmp(a, "-c") == 0 || strncmp(a, "--lcores", 8) == 0) {
		const char *eq = strchr(a, '=');

		cl->eal_has_lcores = true;
		if (a[1] == 'c')
			cl->n_lcores_wanted = __builtin_popcountll(strtoull(v, NULL, 16));
		else if (a[1] == 'l')
			cl->n_lcores_wanted = count_list(v);
		else
			cl->n_lcores_wanted = count_list(eq ? eq + 1 : v);
	} else if (strcmp(a, "-m") == 0 || strncmp(a, "--socket-mem", 12) == 0) {
		cl->eal_has_mem = true;
	} else if (strcmp(a, "--file-prefix") == 0) {
		cl->eal_has_prefix = true;
		snprintf(cl->o.prefix, sizeof(cl->o.prefix), "%s", v);
	} else if (strncmp(a, "--file-prefix=", 14) == 0) {
		cl->eal_has_prefix = true;
		snprintf(cl->o.prefix, sizeof(cl->o.prefix), "%s", a + 14);
	} else if (strcmp(a, "-a") == 0 || strcmp(a, "--allow") == 0) {
		cl->eal_has_dev = true;
		cl->n_devs++;
	} else if (strncmp(a, "--vdev", 6) == 0) {
		cl->n_devs++;
	}
}

int options_parse(struct cmdline *cl, int argc, char **argv)
{
	static char allow[] = "-a";
	int split = argc, rc;

	memset(cl, 0, sizeof(*cl));
	snprintf(cl->o.prefix, sizeof(cl->o.prefix), "warp17");
	cl->o.mbuf_bytes = 2048;
	for (int i = 1; i < argc && split == argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			split = i;
	}
	if (split == argc) { /* no EAL part: --help and --version are ours */
		for (int i = 1; i < argc; i++) {
			if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0)
				return take(&cl->o, argv[i] + 2, "");
		}
	}
	for (int i = 0; i < split; i++) {
		if (cl->eal_argc == (int)ARRAY_SIZE(cl->eal_argv) - 16) {
			fprintf(stderr, "warp17: error: more than %d EAL arguments\n",
				cl->eal_argc);
			return -EINVAL;
		}
		if (i != 0 && strcmp(argv[i], "-w") == 0)
			argv[i] = allow;
		eal_option(cl, argv, split, i);
		cl->eal_argv[cl->eal_argc++] = argv[i];
	}
	rc = own_options(&cl->o, split < argc ? argc - split - 1 : 0, argv + split + 1);
	if (rc == 0 && cl->n_devs + 2 * cl->o.ring_pairs + cl->o.taps == 0 && !cl->o.print_memory) {
		fprintf(stderr,
			"warp17: error: no port: give --ring-if-pairs N, --tap-ifs N, or -a/--vdev "
			"before --\n");
		return -EINVAL;
	}
	return rc;
}
